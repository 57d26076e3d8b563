"""JOSE, strictly: encodings, keys and signatures. Pure: no I/O, no clock, no randomness.

PyJWT's algorithm objects make and check the signatures; nothing reaches them before the strict reader has passed it.
"""
