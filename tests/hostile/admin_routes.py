"""How each operation of the admin API names records: the table behind the sweeps, beside the OpenAPI document.

An operation without an entry fails the sweeps, so whoever adds one says here which of its parameters name a record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from secrets import token_hex
from types import MappingProxyType
from typing import Any, Final

from authserver.web.admin.api import admin_api, description
from tests.support.keys import make_key

DOCUMENT: Final = description(admin_api(None, ""))
# A number with the right check digit that no test registers.
NO_ORGANISATION: Final = "987654325"
OPERATORS_ONLY: Final = (
    "/api/v1/delegation-sources",
    "/api/v1/organisations",
    "/api/v1/prefixes",
    "/api/v1/prefix-requests/{prefix_request_id}/approve",
    "/api/v1/prefix-requests/{prefix_request_id}/deny",
)

Ids = Mapping[str, str]


@dataclass(frozen=True)
class Call:
    """One operation of the document."""

    method: str
    path: str

    @property
    def operation(self) -> dict[str, Any]:
        """What the document says of it."""
        return dict(DOCUMENT["paths"][self.path][self.method.lower()])

    @property
    def public(self) -> bool:
        """Whether it takes no token."""
        return "security" not in self.operation

    @property
    def operators(self) -> bool:
        """Whether it is the operator's alone."""
        return self.path.startswith(OPERATORS_ONLY)

    def names(self, where: str) -> list[str]:
        """Its parameters in the path, the query or the headers."""
        return [one["name"] for one in self.operation.get("parameters", ()) if one["in"] == where]

    def __str__(self) -> str:
        """As a table of tests shows it."""
        return f"{self.method} {self.path}"


CALLS: Final = [Call(method.upper(), path) for path, operations in DOCUMENT["paths"].items() for method in operations]


@dataclass(frozen=True)
class Attack:
    """One way to name another's record: in these parameters stands another's id, in all others the caller's own.

    `body` are members of the body that hold ids. `found` is what an unknown id gets, unless it is 404: 403 where only
    the operator may ask, 200 with an empty list where the parameter narrows a list of the caller's own, 400 for what
    is wrong whoever it belongs to.
    """

    ids: tuple[str, ...] = ()
    body: tuple[str, ...] = ()
    found: int = 404


_CLIENT: Final = (Attack(("client_id",)),)
_KEY: Final = (Attack(("client_id", "kid")), Attack(("client_id",)))
_ENTRY: Final = (Attack(("client_id", "onbehalfof_id")), Attack(("client_id",)), Attack(("onbehalfof_id",)))
_SCOPE: Final = (Attack(("scope",)),)
_DELEGATION: Final = (Attack(("delegation_id",)),)
_PROPOSAL: Final = (Attack(("proposal_id",)),)
_PACKAGE: Final = (Attack(("package",)),)
_WEBHOOK: Final = (Attack(("webhook_id",)),)
_ACCESS_REQUEST: Final = (Attack(("access_request_id",)),)
_PREFIX_REQUEST: Final = (Attack(("prefix_request_id",)),)
_PREFIX_DECISION: Final = (Attack(("prefix_request_id",), found=403),)
_ORGANISATION: Final = (Attack(("orgno",), found=403),)
_PREFIX: Final = (Attack(("prefix",), found=403),)

# Each operation of the document, with every way in which it takes ids of records that may be another's.
ATTACKS: Final[Mapping[str, tuple[Attack, ...]]] = MappingProxyType(
    {
        "GET /api/v1/access-requests": (
            Attack(("orgno",)),
            Attack(("scope",), found=200),
            Attack(("cursor",), found=400),
        ),
        "POST /api/v1/access-requests": (Attack(body=("consumer_orgno",)), Attack(body=("wanted",))),
        "GET /api/v1/access-requests/{access_request_id}": _ACCESS_REQUEST,
        "POST /api/v1/access-requests/{access_request_id}/approve": _ACCESS_REQUEST,
        "POST /api/v1/access-requests/{access_request_id}/deny": _ACCESS_REQUEST,
        "POST /api/v1/access-requests/{access_request_id}/withdraw": _ACCESS_REQUEST,
        "GET /api/v1/changes": (Attack(("orgno",)), Attack(("cursor",), found=400)),
        "GET /api/v1/clients": (),
        "POST /api/v1/clients": (Attack(body=("client_orgno",)), Attack(body=("scopes",))),
        "GET /api/v1/clients/{client_id}": _CLIENT,
        "PUT /api/v1/clients/{client_id}": (
            *_CLIENT,
            Attack(body=("scopes",)),
            Attack(body=("client_orgno",), found=400),
        ),
        "DELETE /api/v1/clients/{client_id}": _CLIENT,
        "GET /api/v1/clients/{client_id}/jwks": _CLIENT,
        "POST /api/v1/clients/{client_id}/jwks": _CLIENT,
        "DELETE /api/v1/clients/{client_id}/jwks": _CLIENT,
        "GET /api/v1/clients/{client_id}/jwks/{kid}": (*_KEY, Attack(("kid",))),
        "PUT /api/v1/clients/{client_id}/jwks/{kid}": _KEY,
        "DELETE /api/v1/clients/{client_id}/jwks/{kid}": (*_KEY, Attack(("kid",))),
        "POST /api/v2/clients/{client_id}/key": _CLIENT,
        "GET /api/v1/clients/{client_id}/onbehalfof": _CLIENT,
        "POST /api/v1/clients/{client_id}/onbehalfof": _CLIENT,
        "GET /api/v1/clients/{client_id}/onbehalfof/{onbehalfof_id}": _ENTRY,
        "PUT /api/v1/clients/{client_id}/onbehalfof/{onbehalfof_id}": _ENTRY,
        "DELETE /api/v1/clients/{client_id}/onbehalfof/{onbehalfof_id}": _ENTRY,
        "GET /api/v1/delegations": (
            Attack(("consumer_orgno", "supplier_orgno"), found=200),
            Attack(("consumer_orgno",), found=200),
            Attack(("supplier_orgno",), found=200),
            Attack(("owner_orgno",), found=200),
            Attack(("cursor",), found=400),
        ),
        "POST /api/v1/delegations": (Attack(body=("consumer_orgno",)), Attack(body=("scopes",))),
        "POST /api/v1/delegations/proposals": (Attack(body=("consumer_orgno",)), Attack(body=("scopes",))),
        "POST /api/v1/delegations/{held_id}/redelegate": (Attack(("held_id",)),),
        "POST /api/v1/delegations/{proposal_id}/accept": _PROPOSAL,
        "POST /api/v1/delegations/{proposal_id}/decline": _PROPOSAL,
        "POST /api/v1/delegations/{delegation_id}/consent": _DELEGATION,
        "POST /api/v1/delegations/{delegation_id}/suspend": _DELEGATION,
        "POST /api/v1/delegations/{delegation_id}/resume": _DELEGATION,
        "GET /api/v1/delegation-sources": (Attack(("cursor",), found=403),),
        "POST /api/v1/delegation-sources": (Attack(body=("issuer",), found=403),),
        "PATCH /api/v1/delegation-sources": (Attack(("issuer",), found=403),),
        "GET /api/v1/delegation-terms": (Attack(("prefix",), found=200), Attack(("cursor",), found=400)),
        "GET /api/v1/delegation-terms/{scope}": _SCOPE,
        "PATCH /api/v1/delegation-terms/{scope}": _SCOPE,
        "GET /api/v1/packages": (Attack(("cursor",), found=400),),
        "POST /api/v1/packages": (Attack(body=("open_prefix",)), Attack(body=("scopes",))),
        "GET /api/v1/packages/{package}": _PACKAGE,
        "PATCH /api/v1/packages/{package}": _PACKAGE,
        "GET /api/v1/delegations/{delegation_id}": _DELEGATION,
        "DELETE /api/v1/delegations/{delegation_id}": _DELEGATION,
        "GET /api/v1/delegations/{delegation_id}/use": _DELEGATION,
        "GET /api/v1/delegations/{delegation_id}/statement": _DELEGATION,
        "PUT /api/v1/delegations/{delegation_id}/signature": _DELEGATION,
        "GET /api/v1/delegation-use": (Attack(("orgno",)), Attack(("cursor",), found=400)),
        "GET /api/v1/expiring-keys": (Attack(("orgno",)), Attack(("cursor",), found=400)),
        "GET /api/v1/organisations": (Attack(("cursor",), found=403),),
        "POST /api/v1/organisations": (Attack(body=("orgno",), found=403),),
        "GET /api/v1/organisations/{orgno}": _ORGANISATION,
        "PATCH /api/v1/organisations/{orgno}": _ORGANISATION,
        "GET /api/v1/prefix": (),
        "GET /api/v1/prefix-requests": (Attack(("orgno",)), Attack(("cursor",), found=400)),
        "POST /api/v1/prefix-requests": (Attack(body=("orgno",)),),
        "GET /api/v1/prefix-requests/{prefix_request_id}": _PREFIX_REQUEST,
        "POST /api/v1/prefix-requests/{prefix_request_id}/approve": _PREFIX_DECISION,
        "POST /api/v1/prefix-requests/{prefix_request_id}/deny": _PREFIX_DECISION,
        "POST /api/v1/prefix-requests/{prefix_request_id}/withdraw": _PREFIX_REQUEST,
        "GET /api/v1/prefixes": (Attack(("cursor",), found=403),),
        "POST /api/v1/prefixes": (Attack(body=("prefix",), found=403),),
        "GET /api/v1/prefixes/{prefix}": _PREFIX,
        "PATCH /api/v1/prefixes/{prefix}": _PREFIX,
        "GET /api/v1/quotas": (Attack(("orgno",)),),
        "GET /api/v1/scope-terms": (Attack(("prefix",), found=200), Attack(("cursor",), found=400)),
        "GET /api/v1/scope-terms/{scope}": _SCOPE,
        "PATCH /api/v1/scope-terms/{scope}": _SCOPE,
        "GET /api/v1/scopes": _SCOPE,
        "POST /api/v1/scopes": (Attack(body=("prefix",)),),
        "PUT /api/v1/scopes": _SCOPE,
        "DELETE /api/v1/scopes": _SCOPE,
        "GET /api/v1/scopes/scope": _SCOPE,
        "GET /api/v1/scopes/access": (Attack(("scope",), found=200), Attack(("consumer_orgno",), found=200)),
        "GET /api/v1/scopes/access/all": (),
        "GET /api/v1/webhooks": (Attack(("orgno",)), Attack(("cursor",), found=400)),
        "POST /api/v1/webhooks": (Attack(body=("orgno",)),),
        "GET /api/v1/webhooks/{webhook_id}": _WEBHOOK,
        "PATCH /api/v1/webhooks/{webhook_id}": _WEBHOOK,
        "GET /api/v1/webhooks/{webhook_id}/dead-letters": (*_WEBHOOK, Attack(("cursor",), found=400)),
        "POST /api/v1/webhooks/{webhook_id}/dead-letters/resend": _WEBHOOK,
        "PUT /api/v1/scopes/access/{consumer_orgno}": (*_SCOPE, Attack(("scope", "consumer_orgno"))),
        "DELETE /api/v1/scopes/access/{consumer_orgno}": (*_SCOPE, Attack(("scope", "consumer_orgno"))),
    }
)


def unknown_ids() -> Ids:
    """Ids of nothing, each in the form that its parameter has."""
    return {
        "client_id": "client-nobody",
        "kid": "nothing",
        "scope": "nobody:nothing",
        "scopes": "nobody:nothing",
        "prefix": "nobody",
        "delegation_id": "nobody",
        "proposal_id": "nobody",
        "consent": "e30.e30.e30",
        "held_id": "nobody",
        "package": "nobody:nothing",
        "open_prefix": "nobody",
        "open_scope": "nobody:nothing",
        "issuer": "https://nobody.example/",
        "owner_orgno": NO_ORGANISATION,
        "webhook_id": "nobody",
        "wanted": "nobody:nothing",
        "access_request_id": "nobody",
        "prefix_request_id": "nobody",
        "onbehalfof_id": "nobody",
        "orgno": NO_ORGANISATION,
        "client_orgno": NO_ORGANISATION,
        "consumer_orgno": NO_ORGANISATION,
        "supplier_orgno": NO_ORGANISATION,
        "cursor": "AAAA",
    }


def body_of(call: Call, ids: Ids) -> Any:
    """A body that the caller with these ids may send, or None for an operation without. Raises LookupError."""
    if "requestBody" not in call.operation:
        return None
    key = {**make_key("ES256").jwk, "kid": ids["kid"]}
    bodies: dict[str, Any] = {
        "/api/v1/clients": {"client_name": "a name", "scopes": [ids["scopes"]], "client_orgno": ids["client_orgno"]},
        "/api/v1/clients/{client_id}/jwks": {"keys": [key]},
        "/api/v1/clients/{client_id}/jwks/{kid}": key,
        "/api/v2/clients/{client_id}/key": json.dumps(key),
        "/api/v1/delegations": {
            "supplier_orgno": ids["supplier_orgno"],
            "consumer_orgno": ids["consumer_orgno"],
            "scopes": [ids["scopes"]],
        },
        "/api/v1/delegations/proposals": {
            "supplier_orgno": ids["supplier_orgno"],
            "consumer_orgno": ids["consumer_orgno"],
            "scopes": [ids["scopes"]],
        },
        "/api/v1/delegations/{held_id}/redelegate": {"supplier_orgno": ids["supplier_orgno"]},
        "/api/v1/delegations/{delegation_id}/signature": {"consent": ids["consent"]},
        "/api/v1/delegation-sources": {"active": False},
        "/api/v1/delegation-terms/{scope}": {"delegation_consent": True},
        "/api/v1/packages/{package}": {"title": "a title"},
        "/api/v1/organisations": {"orgno": ids["orgno"], "name": "a name"},
        "/api/v1/organisations/{orgno}": {"name": "a name"},
        "/api/v1/prefixes": {"prefix": ids["prefix"], "owner_orgno": ids["client_orgno"]},
        "/api/v1/prefixes/{prefix}": {"active": False},
    }
    bodies |= {
        "/api/v1/clients/{client_id}/onbehalfof": {"onbehalfof": f"o{token_hex(4)}", "name": "a name"},
        "/api/v1/clients/{client_id}/onbehalfof/{onbehalfof_id}": {"name": "another name"},
        "/api/v1/webhooks": {"url": "https://hooks.example.org/", "kinds": ["client"], "orgno": ids["orgno"]},
        "/api/v1/webhooks/{webhook_id}": {"active": False},
        "/api/v1/webhooks/{webhook_id}/dead-letters/resend": {"seqs": [1]},
    }
    bodies |= {
        "/api/v1/access-requests": {
            "scope": ids["wanted"],
            "consumer_orgno": ids["consumer_orgno"],
            "purpose": "a purpose",
            "legal_basis": "a law",
        },
        "/api/v1/access-requests/{access_request_id}/approve": {"answer": "Welcome"},
        "/api/v1/access-requests/{access_request_id}/deny": {"answer": "No basis"},
        "/api/v1/prefix-requests": {"prefix": f"{ids['prefix']}a", "orgno": ids["orgno"], "purpose": "a purpose"},
        "/api/v1/prefix-requests/{prefix_request_id}/approve": {"answer": "Welcome"},
        "/api/v1/prefix-requests/{prefix_request_id}/deny": {"answer": "Not yours"},
        "/api/v1/scope-terms/{scope}": {"contact": "api@example.org", "approval": "any"},
    }
    bodies["/api/v1/clients/{client_id}"] = bodies["/api/v1/clients"]
    if call.path == "/api/v1/packages":
        # Packages are of public scopes; another's private one is no more there than one that does not exist.
        named = ids["open_scope"] if ids["scopes"].startswith(ids["prefix"]) else ids["scopes"]
        return {"name": f"{ids['open_prefix']}:n{token_hex(4)}", "title": "a title", "scopes": [named]}
    if call.path == "/api/v1/delegation-sources" and call.method == "POST":
        elsewhere = {"lookup_url": "https://register.example/", "token_scope": "altinn:delegations"}
        return {"issuer": ids["issuer"], "name": "a name", **elsewhere}
    if call.path == "/api/v1/scopes":
        subscope = ids["scope"].partition(":")[2] if call.method == "PUT" else f"s{token_hex(4)}"
        prefix = ids["scope"].partition(":")[0] if call.method == "PUT" else ids["prefix"]
        return {"prefix": prefix, "subscope": subscope, "description": "a description"}
    return bodies[call.path]
