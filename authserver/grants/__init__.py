"""The order of steps: a token request as one readable page, and the ports it needs."""
