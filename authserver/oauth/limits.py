"""Every numeric limit, in one table. Sizes are bytes, times are seconds, unless the name says otherwise."""

from __future__ import annotations

from typing import Final

# One request to the token endpoint, refused before anything is parsed.
BODY_BYTES: Final = 64 * 1024
HEADER_BLOCK_BYTES: Final = 16 * 1024
FORM_PARAMETERS: Final = 32
REQUEST_SECONDS: Final = 20

# An assertion, refused before its signature is looked at.
ASSERTION_BYTES: Final = 8 * 1024
ASSERTION_WITH_X5C_BYTES: Final = 24 * 1024
JOSE_HEADER_BYTES: Final = 4 * 1024
JOSE_HEADER_WITH_X5C_BYTES: Final = 20 * 1024
CLAIMS_BYTES: Final = 8 * 1024
JSON_DEPTH: Final = 8
JSON_MEMBERS: Final = 64
JSON_INTEGER: Final = 2**53 - 1

# Identifiers, in characters.
CLIENT_ID_CHARS: Final = 128
KID_CHARS: Final = 128
JTI_CHARS: Final = 256
CLAIM_NAME_CHARS: Final = 64
URI_CHARS: Final = 512
SCOPE_CHARS: Final = 255
SCOPES_PER_REQUEST: Final = 32
RESOURCES_PER_REQUEST: Final = 4

# Time.
ASSERTION_LIFE: Final = 120
ASSERTION_LIFE_MASKINPORTEN: Final = 180
CLOCK_SKEW: Final = 10
ASSERTION_AGE: Final = ASSERTION_LIFE + CLOCK_SKEW
REPLAY_MARGIN: Final = 30
# Skew counts twice: an assertion may come before its iat, and after its exp.
LONGEST_ASSERTION_MEMORY: Final = ASSERTION_LIFE_MASKINPORTEN + 2 * CLOCK_SKEW + REPLAY_MARGIN

# Tokens.
TOKEN_LIFE_STANDARD: Final = 600
TOKEN_LIFE_MASKINPORTEN: Final = 120
TOKEN_LIFE_CEILING: Final = 3600

# Keys that clients register.
MAX_KEYS_PER_CLIENT: Final = 5
KEY_LIFE: Final = 365 * 24 * 3600
JWK_BYTES: Final = 16 * 1024
RSA_BITS_LEAST: Final = 2048
RSA_BITS_MOST: Final = 4096
RSA_EXPONENT: Final = 65537

# Delegations.
DELEGATION_LIFE: Final = 365 * 24 * 3600
DELEGATION_LIFE_CEILING: Final = 10 * 365 * 24 * 3600

# What clients and validators may cache.
JWKS_MAX_AGE: Final = 3600
METADATA_MAX_AGE: Final = 3600
