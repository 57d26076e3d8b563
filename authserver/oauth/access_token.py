"""The claims of an access token and the body that carries it (RFC 9068 §2.2, RFC 6749 §5.1)."""

from __future__ import annotations

from typing import Any

from authserver.oauth import status_list
from authserver.oauth.authorization import Authorization
from authserver.oauth.orgno import iso6523


def claims(authorization: Authorization, issuer: str, now: int, jti: str) -> dict[str, Any]:
    """Say what was authorized, and nothing else, in the shape of the token profile.

    `standard` is RFC 9068 with the parties added, and where the status of their delegation is read
    (draft-ietf-oauth-status-list-17 §6.1); `maskinporten` has no `sub`, and `aud` only when asked for.
    """
    token: dict[str, Any] = {
        "iss": issuer,
        "client_id": authorization.client_id,
        "client_amr": "private_key_jwt",
        "consumer": iso6523(authorization.consumer_orgno),
        "scope": " ".join(authorization.scopes),
        "iat": now,
        "exp": authorization.expires_at,
        "jti": jti,
    }
    if authorization.profile.rfc9068:
        token["sub"] = authorization.client_id
        if authorization.status_index is not None:
            token["status"] = status_list.reference(issuer, authorization.status_index)
    else:
        token["token_type"] = "Bearer"
    if authorization.audience:
        token["aud"] = authorization.audience[0] if len(authorization.audience) == 1 else list(authorization.audience)
    if authorization.supplier_orgno is not None:
        token["supplier"] = iso6523(authorization.supplier_orgno)
        token["delegation_source"] = authorization.delegation_source
    if len(authorization.suppliers) > 1:
        token["delegation_chain"] = [iso6523(orgno) for orgno in authorization.suppliers]
    if authorization.pid is not None:
        token["pid"] = authorization.pid
    return token


def response(compact: str, authorization: Authorization, now: int) -> dict[str, Any]:
    """Return the success body: exactly four members, since real clients refuse a fifth."""
    return {
        "access_token": compact,
        "token_type": "Bearer",
        "expires_in": authorization.expires_at - now,
        "scope": " ".join(authorization.scopes),
    }
