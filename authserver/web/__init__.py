"""HTTP: bytes to requests, answers to bytes, and the one place that renders a refusal."""
