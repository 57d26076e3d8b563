"""A light authority in process: real keys, real signatures, the rules and refusals of a real one, and no network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from tillit.clock import Clock, SystemClock
from tillit.core.authority import Authority as Endpoints
from tillit.core.authority import check_url
from tillit.errors import ConfigError
from tillit.statements import StatementVerifier
from tillit.testing import endpoints, statements
from tillit.testing.forms import Request
from tillit.testing.interface import Audience, RegisteredClient, make_statement_verifier, make_validator, seconds_ahead
from tillit.testing.keys import KeyPair, SigningKeys, make_key
from tillit.testing.reachable import Reachable
from tillit.testing.refusals import Refused, json_answer, reason_of
from tillit.testing.registry import KEY_LIFE, Client, ClientKey, Profile, Registry, Scope
from tillit.testing.scenarios import Outcome, Scenarios
from tillit.testing.tokens import AUDIENCE, TokenFactory
from tillit.validator import TokenValidator

ISSUER: Final = "https://authority.test/"


class Authority(Scenarios, Reachable):
    """An authority for tests, with its registry, its clock and its troubles. Safe to use from several threads.

    `profile` sets the rules for assertions, the shape of tokens and the words of refusals, as a real authority's
    setting does; under `maskinporten` the words are Maskinporten's own. With a `ManualClock` nothing waits.
    Raises ConfigError for an issuer that is not an address without a path.
    """

    real: Final = False

    def __init__(
        self,
        issuer: str = ISSUER,
        *,
        profile: Profile = "standard",
        clock: Clock | None = None,
        keys: SigningKeys | None = None,
    ) -> None:
        super().__init__()
        if check_url(issuer, "issuer").path not in ("", "/"):
            raise ConfigError("the issuer of a light authority has no path")
        self.issuer = issuer
        self.profile: Profile = profile
        self.clock: Clock = clock or SystemClock()
        self.registry = Registry()
        self.keys = keys or SigningKeys(endpoints.published_algorithms(profile))
        self.requests: list[Request] = []
        self._skew = 0.0
        self._endpoints = endpoints.Endpoints(self.registry, self.keys, profile)

    def add_organisation(self, number: str | None = None, name: str = "An organisation") -> str:
        """Register an organisation, under a new number if none is given; return the number."""
        del name  # a light authority shows it to nobody
        wanted = number or self.registry.new_number()
        self.registry.organisations.setdefault(wanted, True)
        return wanted

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
        if not all(name.partition(":")):
            raise ConfigError("a scope is named prefix:subscope")
        holder = self.add_organisation(owner or self._owner(name))
        self.registry.scopes[name] = Scope(name, holder, audience, delegable, for_all, max_age, token_profile)
        return name

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
        pair = key or make_key(alg or ("RS256" if (profile or self.profile) == "maskinporten" else "ES256"))
        number = self.add_organisation(org)
        for scope in scopes:
            if scope not in self.registry.scopes:
                self.add_scope(scope)
            if granted:
                self.grant(scope, number)
        made = Client(client_id or f"client-{len(self.registry.clients) + 1}", number, scopes, {}, profile)
        self.registry.clients[made.id] = made
        self.add_key(made.id, pair)
        return RegisteredClient(made.id, number, scopes, pair, self)

    def grant(self, scope: str, org: str) -> None:
        """Give an organisation access to a scope."""
        self.registry.access.add((self.registry.scope(scope).name, self.add_organisation(org)))

    def revoke(self, scope: str, org: str) -> None:
        """Take that access back."""
        self.registry.access.discard((scope, org))

    def delegate(self, consumer: str, supplier: str, *scopes: str, valid_to: int | None = None) -> str:
        """Let `supplier` use `scopes` for `consumer`, in a year's time or until `valid_to` (seconds); return its id."""
        now = int(self.time())
        for scope in scopes:
            if not self.registry.scope(scope).delegable:
                raise ConfigError(f"the scope {scope} is not delegable")
        parties = self.add_organisation(consumer), self.add_organisation(supplier)
        return self.registry.delegate(*parties, scopes, now, seconds_ahead(valid_to, now))

    def revoke_delegation(self, delegation_id: str) -> None:
        """End a delegation."""
        self.registry.delegations[delegation_id].status = "revoked"

    def suspend_delegation(self, delegation_id: str, *, resume: bool = False) -> None:
        """Let a delegation rest, or count again."""
        self.registry.delegations[delegation_id].status = "active" if resume else "suspended"

    def statement(self, delegation_id: str) -> str:
        """Its word on a delegation that is in force, signed, for `statement_verifier()`. Raises ConfigError."""
        return statements.sign(self.registry, self.keys, delegation_id, self.issuer, int(self.time()))

    def disable_client(self, client_id: str) -> None:
        """Deactivate a client."""
        self.registry.client(client_id).active = False

    def add_key(self, client_id: str, key: KeyPair, *, expires_at: int | None = None) -> None:
        """Register one more key on a client, for a year or until `expires_at` (seconds)."""
        end = int(self.time()) + KEY_LIFE if expires_at is None else expires_at
        self.registry.client(client_id).keys[key.kid] = ClientKey(key, end)

    def remove_key(self, client_id: str, kid: str) -> None:
        """Deactivate a key of a client."""
        self.registry.client(client_id).keys[kid].active = False

    def _owner(self, scope: str) -> str | None:
        prefix = scope.partition(":")[0]
        return next((known.owner for known in self.registry.scopes.values() if known.prefix == prefix), None)

    def endpoints(self) -> Endpoints:
        """Its addresses, so that nobody needs to look them up."""
        base = self.issuer.rstrip("/")
        return Endpoints(self.issuer, f"{base}/token", f"{base}/jwk")

    def validator(self, audience: Audience, **policy: Any) -> TokenValidator:
        """A validator of its tokens on its clock, for an `audience`; `policy` is that of `Policy` or `check_status`."""
        return make_validator(self, audience, **policy)

    def statement_verifier(self) -> StatementVerifier:
        """A verifier of its statements of delegations, on its clock."""
        return make_statement_verifier(self)

    def token_factory(self, audience: str | None = AUDIENCE) -> TokenFactory:
        """Makes tokens that this authority might have issued, without anybody asking for them."""
        return TokenFactory(self.issuer, audience=audience, keys=self.keys, clock=self.clock, profile=self.profile)

    def time(self) -> float:
        """The time as it has it, in seconds since the Unix epoch."""
        return self.clock.time() + self._skew

    def outcome(self, request: Request) -> Outcome:
        """What comes of a request, with the troubles that are on."""
        self.requests.append(request)
        endpoint = endpoints.endpoint_of(request.path)
        return self.apply(endpoint, lambda: Outcome(self._endpoints.answer(request, self.issuer, int(self.time()))))

    def count(self, endpoint: str = "token") -> int:
        """How many requests came to `endpoint`: `token`, `jwks`, `metadata` or `status`."""
        return sum(endpoints.endpoint_of(request.path) == endpoint for request in self.requests)

    @contextmanager
    def skewed(self, seconds: float) -> Iterator[None]:
        """Let its clock be ahead of everybody else's by `seconds`, or behind."""
        before = self._skew
        self._skew = seconds
        try:
            yield
        finally:
            self._skew = before

    @contextmanager
    def refusing(self, code: str, value: str = "", *, times: int | None = None) -> Iterator[None]:
        """Refuse token requests with a code such as MP-012 (replay) or MP-200 (wrong scope), or by the reason's name.

        `value` is what the sentence names, such as a scope. Raises ValueError for a code no refusal has.
        """
        status, members = Refused(reason_of(code), value).body("0" * 32, profile=self.profile, authenticates=False)
        with self._answering(json_answer(status, members), "token", times):
            yield

    def rotate_key(self) -> None:
        """Sign with a new key from here on; the one before stays published."""
        self.keys.rotate()

    def withdraw_key(self) -> None:
        """Sign with a new key, and publish none of those before: tokens they signed are worth nothing."""
        self.keys.withdraw()
