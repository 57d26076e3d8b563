"""MSAL with a token in its cache. Beside the other peers because it is installed for the bench alone."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import msal

from tests.bench.clients_ours import ACCESS_TOKEN, ISSUER, LIFETIME, SCOPE
from tests.bench.clients_peers import Present


@dataclass
class _Answer:
    text: str
    status_code: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def raise_for_status(self) -> None:
        pass


class _OneToken:
    """MSAL's HTTP client, for one discovery and one token."""

    def __init__(self) -> None:
        self._asked = False

    def get(self, _url: str, **_: Any) -> _Answer:
        members = {"authorization_endpoint": f"{ISSUER}authorize", "token_endpoint": f"{ISSUER}token"}
        return _Answer(json.dumps(members | {"issuer": ISSUER}))

    def post(self, _url: str, **_: Any) -> _Answer:
        if self._asked:
            raise RuntimeError("MSAL does not keep its token")
        self._asked = True
        return _Answer(json.dumps({"access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": LIFETIME}))

    def close(self) -> None:
        pass


def present() -> Present:
    """A confidential client: `acquire_token_for_client` looks in its cache first."""
    application = msal.ConfidentialClientApplication(
        "client-1",
        client_credential="not used for a token at hand",
        authority="https://login.microsoftonline.com/example",
        instance_discovery=False,
        validate_authority=False,
        http_client=_OneToken(),
    )
    return lambda: application.acquire_token_for_client([f"{SCOPE}/.default"])["access_token"]
