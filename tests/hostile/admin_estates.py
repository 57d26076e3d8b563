"""What organisations have in the registry of a running authority, each with words that occur nowhere else."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any, Final
from urllib.parse import quote, urlencode

from authserver.registry.administration import Administration, establish
from authserver.registry.ports import Actor
from authserver.services import open_store
from tests.hostile.admin_routes import Call, Ids
from tests.support.authority import Authority, running
from tests.support.http import Answer, request
from tests.support.registrar import RegisteredClient

ADMINISTRATOR: Final = ("dcr.write", "scopes.write", "delegations.write", "dcr.read", "scopes.read")


@dataclass(frozen=True)
class Estate:
    """What one organisation has. `ids` are by the names of parameters and members; `secrets` nobody else may see."""

    client: RegisteredClient
    ids: Ids
    secrets: tuple[str, ...] = ()


@dataclass
class Land:
    """A running authority of the admin API, and estates in it."""

    authority: Authority
    tokens: dict[str, str] = field(default_factory=dict)

    def call(
        self,
        caller: Estate,
        call: Call,
        ids: Ids,
        body: Any = None,
        headers: Ids | None = None,
        query: Ids | None = None,
    ) -> Answer:
        """Send a request; only parameters that the operation needs or that are in `query` are sent."""
        made = self.request(caller, call, ids, body, headers, query)
        return request(self.authority.port, made["method"], made["url"], made["content"], made["headers"])

    def request(
        self, caller: Estate, call: Call, ids: Ids, body: Any, headers: Ids | None, query: Ids | None
    ) -> dict[str, Any]:
        """Make that request, as HTTP clients take it."""
        needed = {one["name"] for one in call.operation.get("parameters", ()) if one.get("required")}
        path = call.path
        for name in call.names("path"):
            path = path.replace(f"{{{name}}}", quote(ids[name], safe=""))
        sent = {name: ids[name] for name in call.names("query") if name in needed} | dict(query or {})
        path += f"?{urlencode(sent)}" if sent else ""
        kind = "text/plain" if isinstance(body, str) else "application/json"
        data = None if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
        told = {"authorization": f"Bearer {self.token(caller)}", **({} if data is None else {"content-type": kind})}
        return {"method": call.method, "url": path, "content": data, "headers": {**told, **(headers or {})}}

    def token(self, caller: Estate) -> str:
        """A token of this caller, taken once: taking one is on the record, and the sweeps look for changes."""
        if caller.client.id not in self.tokens:
            self.tokens[caller.client.id] = self.authority.token(caller.client).token
        return self.tokens[caller.client.id]

    def estate(self, *scopes: str, org: str | None = None, deactivated: bool = False) -> Estate:
        """Give an organisation one of everything, with words that occur nowhere else."""
        registry = self.authority.registry
        administrator = registry.granted_client(*(f"idporten:{name}" for name in scopes or ADMINISTRATOR), org=org)
        owner, mark = administrator.orgno, token_hex(6)
        prefix = registry.prefix(f"p{mark}", owner)
        scope = registry.scope(f"{prefix}:s{mark}", delegable=True, visibility="PRIVATE", description=f"about {mark}")
        registry.grant(scope, owner)
        wanted, asked = (registry.scope(f"{prefix}:{one}{mark}", visibility="PRIVATE") for one in ("w", "a"))
        requests = (registry.ask(asked, owner), registry.ask_prefix(f"q{mark}", owner))
        client = registry.client(scope, org=owner, client_id=f"id-{mark}")
        registry.on_behalf_of(client, f"obo-{mark}")
        supplier = registry.organisation()
        registry.grant(scope, supplier)
        delegation = registry.delegate(owner, supplier, scope)
        consent = registry.consent(client, delegation)
        proposed = registry.scope(f"{prefix}:p{mark}", delegable=True, visibility="PRIVATE")
        proposal = registry.propose(owner, supplier, proposed)
        handed = registry.scope(f"{prefix}:h{mark}", delegable=True, visibility="PRIVATE", redelegation_depth=1)
        held = registry.delegate(registry.organisation(), owner, handed)
        # What is public has words of its own.
        open_prefix = registry.prefix(f"o{token_hex(6)}", owner)
        open_scope = registry.scope(f"{open_prefix}:open", delegable=True)
        package = registry.package(f"{open_prefix}:all", open_scope)
        webhook = registry.webhook(owner, f"http://127.0.0.1:9/{mark}")
        registry.dead_letter(webhook, 1, f"fault {mark}")
        if deactivated:
            registry.set_client(client, active=False)
            registry.set_scope(scope, active=False)
            registry.revoke_delegation(delegation)
        ids = {
            "client_id": client.id,
            "kid": client.key.kid,
            "scope": scope,
            "scopes": scope,
            "prefix": prefix,
            "delegation_id": delegation,
            "proposal_id": proposal,
            "consent": consent,
            "held_id": held,
            "package": package,
            "open_prefix": open_prefix,
            "open_scope": open_scope,
            "issuer": "https://register.example/",
            "owner_orgno": owner,
            "webhook_id": webhook,
            "wanted": wanted,
            "access_request_id": requests[0],
            "prefix_request_id": requests[1],
            "onbehalfof_id": f"obo-{mark}",
            "orgno": owner,
            "client_orgno": owner,
            "consumer_orgno": owner,
            "supplier_orgno": supplier,
            "cursor": "AAAA",
        }
        return Estate(
            administrator,
            ids,
            (
                mark,
                client.key.kid,
                str(client.key.jwk.get("x")),
                delegation,
                proposal,
                held,
                supplier,
                webhook,
                *requests,
            ),
        )


@contextmanager
def land(directory: Path, **settings: Any) -> Iterator[Land]:
    """An authority with the admin API's scopes."""
    with running(directory, **settings) as authority:
        asyncio.run(_establish(authority))
        yield Land(authority)


async def _establish(authority: Authority) -> None:
    administration = Administration(authority.settings.admin_prefix, authority.settings.operator)
    async with open_store(authority.settings) as store:
        now = int(time.time())
        await establish(store, Actor("operator"), now, administration=administration, name="The operator")
