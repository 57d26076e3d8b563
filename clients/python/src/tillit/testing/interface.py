"""What a test does with an authority, whether it is a light one or a real process."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

import httpx2

from tillit.aio import AsyncTokenClient
from tillit.client import TokenClient
from tillit.clock import Clock
from tillit.config import ClientConfig
from tillit.core.assertion import GRANT_TYPE
from tillit.core.authority import Authority as Endpoints
from tillit.core.policy import Policy, _NoAudience
from tillit.core.retry import RetryPolicy
from tillit.errors import ConfigError
from tillit.jwks import JwksSource
from tillit.statements import StatementVerifier
from tillit.status_check import StatusCheck
from tillit.status_lists import StatusLists
from tillit.testing.clock import ManualClock, by_hand
from tillit.testing.keys import KeyPair
from tillit.testing.registry import Profile
from tillit.validator import TokenValidator

Audience: TypeAlias = str | Iterable[str] | Literal[_NoAudience.NO_AUDIENCE]


class AnyAuthority(Protocol):
    """An authority that a test registers parties at. The light and the real one have this interface in common.

    Whatever is named and not registered yet is registered by the way: an organisation, or the owner of a scope.
    Every method raises ConfigError for what the authority does not take.
    """

    @property
    def real(self) -> bool:
        """Whether it is a process, which any HTTP client reaches, and which has no troubles to order."""
        ...

    @property
    def issuer(self) -> str:
        """The issuer, with its slash at the end."""
        ...

    @property
    def clock(self) -> Clock:
        """The clock that clients and validators made here read."""
        ...

    def add_organisation(self, number: str | None = None, name: str = "An organisation") -> str:
        """Register an organisation, under a new number if none is given; return the number."""
        ...

    def add_scope(
        self,
        name: str,
        *,
        owner: str | None = None,
        audience: str | None = None,
        delegable: bool = False,
        for_all: bool = False,
        max_age: int = 0,
        token_profile: Profile | None = None,
    ) -> str:
        """Define a scope `prefix:subscope` and return its name. `max_age` is in seconds, 0 the profile's life."""
        ...

    def add_client(
        self,
        *scopes: str,
        org: str | None = None,
        client_id: str | None = None,
        key: KeyPair | None = None,
        alg: str | None = None,
        profile: Profile | None = None,
        granted: bool = True,
    ) -> RegisteredClient:
        """Register a client with `scopes` and one key; `granted` gives its organisation access to them too."""
        ...

    def grant(self, scope: str, org: str) -> None:
        """Give an organisation access to a scope."""
        ...

    def revoke(self, scope: str, org: str) -> None:
        """Take that access back."""
        ...

    def delegate(self, consumer: str, supplier: str, *scopes: str, valid_to: int | None = None) -> str:
        """Let `supplier` use `scopes` for `consumer`, in a year's time or until `valid_to` (seconds); return its id."""
        ...

    def revoke_delegation(self, delegation_id: str) -> None:
        """End a delegation."""
        ...

    def disable_client(self, client_id: str) -> None:
        """Deactivate a client."""
        ...

    def add_key(self, client_id: str, key: KeyPair) -> None:
        """Register one more key on a client."""
        ...

    def remove_key(self, client_id: str, kid: str) -> None:
        """Deactivate a key of a client."""
        ...

    def http(self) -> httpx2.Client:
        """An HTTP client that reaches this authority, and for a light one nothing else."""
        ...

    def async_http(self) -> httpx2.AsyncClient:
        """The same for asyncio."""
        ...

    def endpoints(self) -> Endpoints:
        """Its addresses, so that nobody needs to look them up."""
        ...

    def validator(self, audience: Audience, **policy: Any) -> TokenValidator:
        """A validator of its tokens on its clock, for an `audience`; `policy` is that of `Policy` or `check_status`."""
        ...


@dataclass(frozen=True)
class RegisteredClient:
    """A client at a test's authority, and the key that signs for it."""

    id: str
    org: str
    scopes: tuple[str, ...]
    key: KeyPair = field(repr=False)
    authority: AnyAuthority = field(repr=False)

    @property
    def config(self) -> ClientConfig:
        """The settings of this client, for a token client of your own making."""
        return ClientConfig(self.authority.endpoints(), self.id, self.key.signer, default_scopes=self.scopes)

    def environ(self, prefix: str = "TILLIT_") -> dict[str, str]:
        """The same as environment variables, for a program that reads them (RSA and EC keys as PEM)."""
        values = {
            "CLIENT_ID": self.id,
            "PRIVATE_KEY": self.key.pem,
            "KID": self.key.kid,
            "ISSUER": self.authority.issuer,
            "SCOPES": " ".join(self.scopes),
        }
        return {prefix + name: value for name, value in values.items()}

    def token_client(self, **settings: Any) -> TokenClient:
        """A `TokenClient` that reaches the authority and reads its clock. `settings` are arguments of TokenClient."""
        http = None if self.authority.real else self.authority.http()
        return TokenClient(self.config, **{"http": http, **self._on_its_clock(settings)})

    def async_token_client(self, **settings: Any) -> AsyncTokenClient:
        """The same for asyncio."""
        http = None if self.authority.real else self.authority.async_http()
        return AsyncTokenClient(self.config, **{"http": http, **self._on_its_clock(settings)})

    def _on_its_clock(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        clock = settings.get("clock") or self.authority.clock
        retry = settings.get("retry") or RetryPolicy()
        return {**settings, "clock": clock, "retry": by_hand(retry, clock) if isinstance(clock, ManualClock) else retry}

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a good assertion for all its scopes, made now; one that is given as None is left out."""
        now = int(self.authority.clock.time())
        claims: dict[str, Any] = {
            "iss": self.id,
            "aud": self.authority.issuer,
            "scope": " ".join(self.scopes),
            "iat": now,
            "exp": now + 100,
            "jti": str(uuid.uuid4()),
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def assertion(self, *, header: Mapping[str, Any] | None = None, **changes: Any) -> str:
        """Those claims, signed with the client's key."""
        return self.key.jwt(self.claims(**changes), header)

    def form(self, *, header: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, str]:
        """The form of a token request with such an assertion, for any HTTP client there is."""
        return {"grant_type": GRANT_TYPE, "assertion": self.assertion(header=header, **changes)}


def make_validator(
    authority: AnyAuthority, audience: Audience, *, check_status: bool = False, **policy: Any
) -> TokenValidator:
    """A validator of the authority's tokens, on its clock. `policy` are further arguments of `Policy`.

    With `check_status` it looks at the authority's status list.
    """
    reaching = _reaching(authority)
    source = JwksSource(authority.endpoints(), **reaching)
    status = StatusCheck(StatusLists(authority.issuer, source, **reaching)) if check_status else None
    return TokenValidator(Policy(authority.issuer, audience, **policy), source, clock=authority.clock, status=status)


def make_statement_verifier(authority: AnyAuthority) -> StatementVerifier:
    """A verifier of the authority's statements of delegations, on its clock, that looks at its status list."""
    reaching = _reaching(authority)
    source = JwksSource(authority.endpoints(), **reaching)
    return StatementVerifier(
        authority.issuer, source, StatusLists(authority.issuer, source, **reaching), clock=authority.clock
    )


def _reaching(authority: AnyAuthority) -> dict[str, Any]:
    """Without clients of ours, connections are closed when they have what they came for; a pool would be left open."""
    clients = {} if authority.real else {"http": authority.http(), "async_http": authority.async_http()}
    return {**clients, "clock": authority.clock}


def seconds_ahead(valid_to: int | None, now: float) -> int | None:
    """`valid_to`, if it lies ahead of `now`. Raises ConfigError."""
    if valid_to is not None and valid_to <= now:
        raise ConfigError("a delegation ends in the future")
    return valid_to


def iso8601(seconds: int) -> str:
    """A time in seconds as people write it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
