"""Other client libraries with a token in their cache, each asked the way its users ask before a request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from authlib.integrations.requests_client import OAuth2Session
from google.oauth2 import service_account

from tests.bench.assertions import Key
from tests.bench.clients_ours import ACCESS_TOKEN, ISSUER, LIFETIME, SCOPE

# Returns the token at hand, or what it puts on a request.
Present: TypeAlias = Callable[[], object]


def authlib() -> Present:
    """Authlib's session: is the token active, and what is it."""
    token = {"access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": LIFETIME}
    session = OAuth2Session("client-1", token=token, token_endpoint=f"{ISSUER}token")

    def present() -> object:
        return session.ensure_active_token() and session.token["access_token"]

    return present


def google_auth(key: Key) -> Present:
    """google-auth's service account: `before_request` looks at the expiry and fills in the headers."""
    account = {"client_email": "client-1", "token_uri": f"{ISSUER}token", "private_key": key.pem.decode()}
    credentials = service_account.Credentials.from_service_account_info(account, scopes=[SCOPE])  # type: ignore[no-untyped-call]
    credentials.token = ACCESS_TOKEN
    credentials.expiry = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=LIFETIME)

    def present() -> object:
        headers: dict[str, str] = {}
        credentials.before_request(None, "GET", "https://api.example.no/", headers)
        return headers["authorization"]

    return present
