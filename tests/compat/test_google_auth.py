"""google-auth as a client: service-account credentials, which never send a `jti`."""

from __future__ import annotations

import time
from typing import Any

import pytest
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request
from google.oauth2.service_account import Credentials

from tests.support.authority import Authority
from tests.support.registrar import RegisteredClient


def credentials(authority: Authority, client: RegisteredClient) -> Any:
    """Return service-account credentials as they are read from a key file, with the audience and life we ask for."""
    info = {
        "client_email": client.id,
        "private_key": client.key.pem,
        "private_key_id": client.key.kid,
        "token_uri": f"{authority.issuer}token",
    }
    made = Credentials.from_service_account_info(info, scopes=client.scopes)  # type: ignore[no-untyped-call]
    return made.with_claims({"aud": authority.issuer, "exp": int(time.time()) + 120})


def test_google_auth_gets_a_token_under_the_maskinporten_profile(
    maskinporten: Authority, classic: RegisteredClient
) -> None:
    """google-auth gets a token without ever sending a jti, and knows when it expires."""
    made = credentials(maskinporten, classic)
    made.refresh(Request())
    assert made.token.count(".") == 2
    assert made.expiry is not None


def test_google_auth_is_told_what_its_assertion_lacks_under_the_standard_profile(standard: Authority) -> None:
    """Under the standard profile google-auth is refused, with a sentence that names the missing jti."""
    client = standard.registry.granted_client(alg="RS256")
    with pytest.raises(RefreshError, match="The required claim jti is missing"):
        credentials(standard, client).refresh(Request())
