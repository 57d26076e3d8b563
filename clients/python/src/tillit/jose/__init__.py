"""JOSE, read strictly before PyJWT makes or checks a signature: pure, without I/O, clock or randomness."""
