"""Names of registry records: what a snapshot holds, and what the change log says has changed."""

from __future__ import annotations

from typing import Literal, NamedTuple

RefKind = Literal[
    "organisation",
    "prefix",
    "scope",
    "access",
    "client",
    "delegations",
    "access_request",
    "prefix_request",
    "webhook",
    "package",
    "delegation_source",
]


class Ref(NamedTuple):
    """The name of one registry record.

    `organisation(orgno)`, `prefix(prefix)`, `scope(name)`, `access(scope, consumer orgno)`, `client(client_id)`,
    `access_request(id)`, `prefix_request(id)`, `webhook(id)`, `package(name)`, `delegation_source(issuer)`
    and `delegations(consumer orgno, supplier orgno)`, the last naming every delegation between the two.
    """

    kind: RefKind
    id: str
    other: str = ""
