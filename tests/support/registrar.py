"""Registration in one line each: the registry's own use-cases, in process, on a connection of their own.

To the authority under test it is another process on the same registry, as the operator's command line is.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from itertools import count
from secrets import token_hex
from typing import Any, TypeVar

from sqlalchemy import text

from authserver.oauth import orgno as numbers
from authserver.oauth import statement
from authserver.oauth.delegation import Delegation
from authserver.oauth.models import Ref, Scope
from authserver.registry import (
    access,
    access_requests,
    clients,
    delegations,
    evidence,
    keys,
    onbehalfof,
    organisations,
    packages,
    prefix_requests,
    prefixes,
    redelegation,
    scopes,
    webhooks,
)
from authserver.registry.ports import Actor
from authserver.services import open_evidence, open_store
from authserver.settings import Settings
from authserver.storage.database import open_database
from authserver.storage.registry_store import SqlRegistryStore
from authserver.storage.webhook_progress import SqlWebhookProgress
from tests.support.keys import KeyPair, make_key

T = TypeVar("T")

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CLIENT_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
OPERATOR = Actor("operator", person="test")


@dataclass(frozen=True)
class RegisteredClient:
    """A client in the registry, and the key that signs for it."""

    id: str
    orgno: str
    scopes: tuple[str, ...]
    issuer: str
    key: KeyPair = field(repr=False)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a good grant for all its scopes, made now; a claim given as None is left out."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.id,
            "aud": self.issuer,
            "scope": " ".join(self.scopes),
            "iat": now,
            "exp": now + 100,
            "jti": token_hex(16),
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def assertion(self, *, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """Sign those claims with the client's key; `header` adds or, with None, removes header members."""
        return self.key.jwt(self.claims(**changes), **(header or {}))

    def form(self, **changes: Any) -> dict[str, str]:
        """The form of a token request with such a grant."""
        return {"grant_type": JWT_BEARER, "assertion": self.assertion(**changes)}

    def credentials_form(self, **changes: Any) -> dict[str, str]:
        """The form of a token request that authenticates by private_key_jwt; `changes` are the assertion's."""
        own = self.claims(**{"scope": None, "sub": self.id, **changes})
        return {
            "grant_type": "client_credentials",
            "client_assertion_type": CLIENT_ASSERTION,
            "client_assertion": self.key.jwt(own, typ="client-authentication+jwt"),
            "scope": " ".join(self.scopes),
        }


class Registrar:
    """Every change returns when it is committed. Methods are blocking; they work beside a running event loop too."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._orgnos = _orgnos()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="registrar", daemon=True)
        self._thread.start()
        self._open = AsyncExitStack()
        self._database = open_database(settings.database_url)
        self._open.push_async_callback(self._database.close)
        self._store: SqlRegistryStore = self._run(self._open.enter_async_context(open_store(settings)))

    def close(self) -> None:
        """Let go of the registry."""
        self._run(self._open.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def organisation(self, orgno: str | None = None, name: str = "An organisation") -> str:
        """Register an organisation, under a new number if none is given; return the number."""
        return self._do(organisations.add, orgno=orgno or next(self._orgnos), name=name).orgno

    def prefix(self, prefix: str | None = None, owner: str | None = None) -> str:
        """Give an organisation, a new one if none is named, a prefix; return the prefix."""
        wanted = prefix or f"p{token_hex(4)}"
        return self._do(prefixes.add, prefix=wanted, owner_orgno=owner or self.organisation()).prefix

    def scope(self, name: str | None = None, *, delegable: bool = False, **terms: Any) -> str:
        """Define a scope and return its name; without a name, under a prefix and an owner of its own.

        The prefix of a given name is made if it does not exist. `terms` are fields of `Scope`, such as `audience`,
        `accessible_for_all`, `max_age`, `token_profile`, `allowed_integration_types`.
        """
        wanted = name or f"{self.prefix()}:read"
        prefix = wanted.partition(":")[0]
        if prefix not in {known.prefix for known in self._run(self._store.prefixes())}:
            self.prefix(prefix)
        if delegable:
            terms["delegation_source"] = self._settings.issuer
        return self._do(scopes.add, scope=Scope(wanted, prefix="", owner_orgno="", **terms)).name

    def client(
        self,
        *names: str,
        org: str | None = None,
        alg: str = "ES256",
        key: KeyPair | None = None,
        client_id: str | None = None,
        profile: str | None = None,
    ) -> RegisteredClient:
        """Register a client with these scopes and one key, for a new organisation if none is named. No access yet."""
        pair = key or make_key(alg)
        new = clients.NewClient(
            org or self.organisation(), names, client_id, profile=profile, key=keys.KeyOffer(pair.jwk, alg=pair.alg)
        )
        made = self._do(clients.add, new=new, new_id=lambda: f"client-{token_hex(8)}")
        return RegisteredClient(made.client_id, made.orgno, names, self._settings.issuer, pair)

    def granted_client(self, *names: str, **terms: Any) -> RegisteredClient:
        """Register a client as `client` does, and give its organisation access; without scopes, to a new one."""
        wanted = names or (self.scope(),)
        made = self.client(*wanted, **terms)
        for name in wanted:
            self.grant(name, made.orgno)
        return made

    def on_behalf_of(self, client: RegisteredClient, entry_id: str) -> None:
        """Say for whom else a client works."""
        self._do(onbehalfof.add, client_id=client.id, said={"onbehalfof": entry_id, "name": f"name of {entry_id}"})

    def add_key(self, client: RegisteredClient, key: KeyPair, expires_at: int | None = None) -> None:
        """Register one more key."""
        offer = keys.KeyOffer(key.jwk, alg=key.alg, expires_at=expires_at)
        self._do(keys.add, client_id=client.id, offer=offer)

    def remove_key(self, client: RegisteredClient, kid: str | None = None) -> None:
        """Remove a key, the client's first if none is named."""
        self._do(keys.remove, client_id=client.id, kid=kid or client.key.kid)

    def grant(self, scope: str, consumer: str) -> None:
        """Give an organisation access to a scope."""
        self._do(access.grant, scope=scope, consumer_orgno=consumer)

    def revoke(self, scope: str, consumer: str) -> None:
        """Take it away."""
        self._do(access.revoke, scope=scope, consumer_orgno=consumer)

    def ask(self, scope: str, consumer: str) -> str:
        """Ask for a scope on behalf of an organisation; return the request's id."""
        new = access_requests.NewAccessRequest(scope, consumer, f"purpose of {scope}", f"basis of {scope}")
        return self._do(access_requests.ask, new=new, new_id=lambda: token_hex(8)).id

    def ask_prefix(self, prefix: str, orgno: str) -> str:
        """Ask for a prefix on behalf of an organisation; return the request's id."""
        new = prefix_requests.NewPrefixRequest(prefix, orgno, f"purpose of {prefix}")
        return self._do(prefix_requests.ask, new=new, new_id=lambda: token_hex(8)).id

    def delegate(self, consumer: str, supplier: str, *names: str, valid_to: int | None = None) -> str:
        """Delegate delegable scopes; return the delegation's id."""
        new = delegations.NewDelegation(consumer, supplier, names, valid_to)
        issuer = self._settings.issuer
        return self._do(delegations.add, new=new, issuer=issuer, new_id=lambda: token_hex(8)).id

    def hand_on(self, delegation_id: str, supplier: str) -> str:
        """Hand all of a delegation on to a further supplier; return the id of what that one holds."""
        new = redelegation.NewHop(delegation_id, supplier)
        issuer = self._settings.issuer
        return self._do(redelegation.redelegate, new=new, issuer=issuer, new_id=lambda: token_hex(8)).id

    def propose(self, consumer: str, supplier: str, *names: str) -> str:
        """Let a supplier propose to act for a consumer; return the delegation's id."""
        new = delegations.NewDelegation(consumer, supplier, names)
        issuer = self._settings.issuer
        return self._do(delegations.propose, new=new, issuer=issuer, new_id=lambda: token_hex(8)).id

    def package(self, name: str, *names: str) -> str:
        """Publish a package of public scopes; return its name."""
        return self._do(packages.add, name=name, title="A package", scopes=names).name

    def consent(self, client: RegisteredClient, delegation_id: str) -> str:
        """Sign the terms of a delegation with the client's key."""

        async def read() -> Delegation | None:
            async with self._store.reading() as reader:
                return await reader.delegation(delegation_id)

        found = self._run(read())
        assert found is not None
        issuer = self._settings.issuer
        terms = statement.digest(statement.terms(found, issuer))
        claims = {"iss": client.id, "sub": delegation_id, "aud": issuer, "iat": int(time.time()), "terms": terms}
        return client.key.jwt(claims, typ="delegation-consent+jwt")

    def statement(self, delegation_id: str) -> str:
        """State a delegation, signed with the keys of the authority."""

        async def state() -> str:
            async with open_evidence(self._settings) as (store, authority):
                now = int(time.time())
                found = await evidence.state(store, OPERATOR, now, delegation_id=delegation_id, authority=authority)
                return found.statement

        return self._run(state())

    def revoke_delegation(self, delegation_id: str) -> None:
        """End a delegation."""
        self._do(delegations.revoke, delegation_id=delegation_id)

    def webhook(self, orgno: str, url: str) -> str:
        """Register a webhook of an organisation; return its id."""
        new = webhooks.NewWebhook(orgno, url)
        secret = lambda: "whsec_" + "a" * 43 + "="  # noqa: E731 - a secret that no test looks at
        return self._do(webhooks.add, new=new, new_id=lambda: token_hex(8), new_secret=secret, anywhere=True).webhook.id

    def dead_letter(self, webhook_id: str, seq: int, fault: str = "status 410") -> None:
        """Give up telling a webhook of a change."""
        self._run(SqlWebhookProgress(self._database).give_up(webhook_id, seq, int(time.time()), fault))

    def set_client(self, client: RegisteredClient, *, active: bool) -> None:
        """Deactivate or reactivate a client."""
        self._do(clients.set_active, client_id=client.id, active=active)

    def set_organisation(self, orgno: str, *, active: bool) -> None:
        """Deactivate or reactivate an organisation."""
        self._do(organisations.set_active, orgno=orgno, active=active)

    def set_prefix(self, prefix: str, *, active: bool) -> None:
        """Deactivate or reactivate a prefix."""
        self._do(prefixes.set_active, prefix=prefix, active=active)

    def set_scope(self, name: str, *, active: bool) -> None:
        """Deactivate or reactivate a scope."""
        self._do(scopes.set_active, name=name, active=active)

    def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """Read the database as it stands, past every adapter of the authority."""
        return self._run(self._rows(query, values))

    def decision(self, **columns: str) -> dict[str, Any] | None:
        """The recorded decision with these values, such as `trace_id` or `token_sha256`; None if there is none."""
        where = " AND ".join(f"{name} = :{name}" for name in columns)
        found = self.rows(f"SELECT * FROM decisions WHERE {where}", **columns)  # noqa: S608 - names of our own
        if len(found) > 1:
            raise LookupError(f"{len(found)} decisions")
        return found[0] if found else None

    def narrow(self, name: str, *integration_types: str) -> None:
        """Let a scope admit only these kinds of clients from now on, as a change of the scope does."""
        self._run(self._change_scope(name, allowed_integration_types=integration_types))

    def stop_delegation(self, name: str) -> None:
        """Let a scope be delegated no more, as a change of the scope does."""
        self._run(self._change_scope(name, delegation_source=None))

    def owner(self, scope: str) -> str:
        """The organisation that owns a scope."""
        return self._run(scopes.read(self._store, OPERATOR, name=scope)).owner_orgno

    async def _rows(self, query: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        async with self._database.read() as connection:
            return [dict(row) for row in (await connection.execute(text(query), values)).mappings()]

    async def _change_scope(self, name: str, **terms: Any) -> None:
        async with self._store.change(OPERATOR, int(time.time())) as change:
            scope = await change.get(Ref("scope", name))
            if isinstance(scope, Scope):
                await change.put(replace(scope, **terms))

    def _do(self, use_case: Callable[..., Coroutine[Any, Any, T]], **terms: Any) -> T:
        """Apply a use-case as the operator, now."""
        return self._run(use_case(self._store, OPERATOR, int(time.time()), **terms))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _orgnos() -> Iterator[str]:
    """Organisation numbers with the right check digit, in order."""
    for number in count(31_000_000):
        for digit in range(10):
            try:
                yield numbers.parse(f"{number}{digit}")
            except ValueError:
                continue
