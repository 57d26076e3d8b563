"""The decisions, without the doing: requests, assertions, answers, renewal, retries, claims.

Nothing here sends, sleeps, locks or reads a clock; time is an argument in seconds. The sync and the async client both
stand on it, which is why they cannot drift apart.
"""
