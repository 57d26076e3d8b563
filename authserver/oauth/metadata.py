"""The authority's self-description (RFC 8414 §2). It advertises only what is enforced."""

from __future__ import annotations

from typing import Any

from authserver.oauth.profiles import CLIENT_CREDENTIALS, REQUEST_PROFILES


def metadata(issuer: str, profile: str) -> dict[str, Any]:
    """Describe an authority whose default request profile is `profile`.

    The issuer is given exactly as tokens and assertions name it, with its trailing slash where it has one.
    """
    base = issuer.rstrip("/")
    rules = REQUEST_PROFILES[profile]
    algorithms = sorted(rules.algorithms)
    return {
        "issuer": issuer,
        "token_endpoint": f"{base}/token",
        "jwks_uri": f"{base}/jwk",
        "grant_types_supported": sorted(rules.grants, key=lambda grant: grant == CLIENT_CREDENTIALS),
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "profile": profile,
    }
