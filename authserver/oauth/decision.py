"""The record of one decision: what was asked, under which policy epoch, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from authserver.oauth.single_use import Spending


@dataclass(frozen=True, slots=True)
class Decision:
    """One decided token request. Holds fingerprints and ids, never an assertion, a token or a key.

    `trace_id` (32 hex digits) identifies it; `at` is in seconds; `epoch` is the policy epoch it was decided under.
    `code` and `reason` say why a request was refused and are empty when a token was issued. `assertion_id` is the
    replay key of the assertion, to be remembered until `remember_until`, which is not kept; `token_jti`,
    `token_sha256` (hex) and `token_expires_at` identify the token.
    """

    trace_id: str
    at: int
    epoch: int
    node: str
    outcome: Literal["issued", "refused"]
    client_id: str
    client_orgno: str
    consumer_orgno: str = ""
    supplier_orgno: str = ""
    scopes: tuple[str, ...] = ()
    audience: tuple[str, ...] = ()
    delegation_id: str = ""
    profile: str = ""
    kid: str = ""
    assertion_id: str = ""
    code: str = ""
    reason: str = ""
    detail: str = ""
    token_jti: str = ""
    token_sha256: str = ""
    token_expires_at: int = 0
    signing_kid: str = ""
    remember_until: int = 0

    @property
    def spends(self) -> Spending | None:
        """What an issued token has used up; None for a refusal, which uses up nothing that anyone relies on."""
        if self.outcome == "refused":
            return None
        return Spending(self.client_id, self.assertion_id, self.remember_until)
