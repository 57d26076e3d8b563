"""What two states of the registry allow: which doors one opens that the other keeps shut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from authserver.oauth.models import (
    AccessRequest,
    Client,
    Delegation,
    DelegationSource,
    Organisation,
    Package,
    Prefix,
    PrefixRequest,
    Record,
    Scope,
    ScopeAccess,
    Webhook,
)


class Door(NamedTuple):
    """One thing that the registry lets pass: `what` is its kind, `id` names the record, `part` a part of that."""

    what: str
    id: str
    part: str = ""


@dataclass(frozen=True, slots=True)
class Differences:
    """What differs between the registry before and after a restore.

    `open_again` was shut before and is open now: what was revoked, disabled or removed after the backup. `shut_again`
    was open before and is not now: what was granted after it. `changed` names records that differ in anything else.
    """

    open_again: tuple[Door, ...]
    shut_again: tuple[Door, ...]
    changed: tuple[Door, ...]


def differences(before: Iterable[Record], after: Iterable[Record]) -> Differences:
    """Compare two states of the registry."""
    old, new = ({_named(record): record for record in records} for records in (before, after))
    was_open, is_open = ({door for record in records.values() for door in _doors(record)} for records in (old, new))
    moved = {(door.what.partition(" ")[0], door.id) for door in was_open ^ is_open}
    changed = {name for name in old.keys() & new.keys() if old[name] != new[name]}
    return Differences(
        open_again=tuple(sorted(is_open - was_open)),
        shut_again=tuple(sorted(was_open - is_open)),
        changed=tuple(sorted(name for name in changed if (name.what, name.id) not in moved)),
    )


def _named(record: Record) -> Door:
    return Door(*_name(record))


def _name(record: Record) -> tuple[str, str]:
    match record:
        case Organisation():
            return "organisation", record.orgno
        case Prefix():
            return "prefix", record.prefix
        case Scope():
            return "scope", record.name
        case ScopeAccess():
            return "access", f"{record.scope} {record.consumer_orgno}"
        case Client():
            return "client", record.client_id
        case Delegation():
            return "delegation", record.id
        case Package():
            return "package", record.name
        case DelegationSource():
            return "delegation source", record.issuer
        case AccessRequest() | PrefixRequest() | Webhook():
            return record.ref.kind.replace("_", " "), record.id


def _doors(record: Record) -> Iterator[Door]:
    """What the record lets pass by itself, whatever else may stand in the way."""
    what, name = _name(record)
    if _is_open(record):
        yield Door(what, name)
    match record:
        case Scope():
            if record.accessible_for_all:
                yield Door("scope for all", name)
            if record.delegation_source is not None:
                yield Door("scope delegable", name, record.delegation_source)
        case Client():
            yield from (Door("client scope", name, scope) for scope in record.scopes)
            active = (key for key in record.keys.values() if key.active)
            yield from (Door("client key", name, f"{key.kid} {key.thumbprint}") for key in active)
        case Delegation() if _is_open(record):
            yield from (Door("delegation scope", name, scope) for scope in record.scopes)
        case _:
            return


def _is_open(record: Record) -> bool:
    match record:
        case ScopeAccess():
            return record.state == "APPROVED"
        case AccessRequest() | PrefixRequest():
            return False
        case Delegation():
            return record.status == "active"
        case _:
            return record.active
