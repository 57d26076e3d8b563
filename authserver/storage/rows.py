"""Records to rows and back, and records to the JSON that the change log keeps."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Row, RowMapping

from authserver.oauth.consent import Consent
from authserver.oauth.models import (
    AccessRequest,
    Client,
    ClientKey,
    Delegation,
    DelegationSource,
    Organisation,
    Package,
    Prefix,
    PrefixRequest,
    Record,
    Scope,
    ScopeAccess,
    Step,
    Webhook,
)
from authserver.oauth.statement import ConsentKey

Values = dict[str, Any]


def canonical_json(value: Any) -> str:
    """JSON with one form for one value: members sorted, no white space, Unicode as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def row_of(record: Record) -> Values:
    """The row of the record's own table; scopes and keys of a client or delegation have rows of their own."""
    row = {field.name: getattr(record, field.name) for field in fields(record)}
    if isinstance(record, Scope):
        row["allowed_integration_types"] = canonical_json(list(record.allowed_integration_types))
        row["attributes"] = canonical_json(dict(record.attributes))
        row["approved_consumers"] = canonical_json(list(record.approved_consumers))
        row["delegation_suppliers"] = canonical_json(list(record.delegation_suppliers))
    if isinstance(record, Client):
        row["extras"] = canonical_json(dict(record.extras))
        del row["scopes"], row["keys"]
    if isinstance(record, Webhook):
        row["kinds"] = canonical_json(list(record.kinds))
    if isinstance(record, Delegation):
        del row["scopes"]
        row |= _stage(record)
        row["awaits"] = canonical_json(list(record.awaits))
        row["steps"] = canonical_json([asdict(step) for step in record.steps])
    if isinstance(record, Package):
        row["scopes"] = canonical_json(sorted(record.scopes))
    return row


def key_row(client_id: str, key: ClientKey) -> Values:
    """The row of one key of a client."""
    row = {field.name: getattr(key, field.name) for field in fields(key) if field.name != "verifier"}
    return {"client_id": client_id, **row}


def logged(record: Record | None) -> str | None:
    """The record as the change log keeps it: canonical JSON of all its members, None for no record."""
    if record is None:
        return None
    members: Values = {field.name: getattr(record, field.name) for field in fields(record)}
    if isinstance(record, Client | Delegation | Package):
        members["scopes"] = sorted(record.scopes)
    if isinstance(record, Delegation):
        members["steps"] = [asdict(step) for step in record.steps]
    if isinstance(record, Client):
        members["extras"] = dict(record.extras)
        members["keys"] = [key_row(record.client_id, key) for _, key in sorted(record.keys.items())]
        for key in members["keys"]:
            del key["client_id"]
    if isinstance(record, Scope):
        members["attributes"] = dict(record.attributes)
    return canonical_json(members)


def organisation(row: RowMapping) -> Organisation:
    """Read one row of `organisations`."""
    return Organisation(**row)


def prefix(row: RowMapping) -> Prefix:
    """Read one row of `prefixes`."""
    return Prefix(**row)


def scope(row: RowMapping) -> Scope:
    """Read one row of `scopes`."""
    values: Values = {**row}
    values["allowed_integration_types"] = tuple(json.loads(values["allowed_integration_types"]))
    values["attributes"] = json.loads(values["attributes"])
    for name in ("approved_consumers", "delegation_suppliers"):
        values[name] = tuple(json.loads(values[name]))
    return Scope(**values)


def access(row: RowMapping) -> ScopeAccess:
    """Read one row of `scope_access`."""
    return ScopeAccess(**row)


def client(row: RowMapping, scopes: Iterable[str], keys: Mapping[str, ClientKey]) -> Client:
    """Put a client together from its row, its scopes and its keys."""
    values: Values = {**row}
    values["extras"] = json.loads(values["extras"])
    return Client(**values, scopes=frozenset(scopes), keys=keys)


def client_key(row: RowMapping) -> ClientKey:
    """Read one row of `client_keys`; the key is not parsed."""
    values: Values = {**row}
    del values["client_id"]
    return ClientKey(**values)


def delegation(row: RowMapping, scopes: Iterable[str]) -> Delegation:
    """Put a delegation together from its row and its scopes."""
    values: Values = {**row}
    values["status"] = values.pop("stage") or values["status"]
    values["awaits"] = tuple(json.loads(values["awaits"]))
    values["steps"] = tuple(Step(**step) for step in json.loads(values["steps"]))
    return Delegation(**values, scopes=frozenset(scopes))


def package(row: RowMapping) -> Package:
    """Read one row of `packages`."""
    return Package(**{**row, "scopes": frozenset(json.loads(row["scopes"]))})


def delegation_source(row: RowMapping) -> DelegationSource:
    """Read one row of `delegation_sources`."""
    return DelegationSource(**row)


def access_request(row: RowMapping) -> AccessRequest:
    """Read one row of `access_requests`."""
    return AccessRequest(**row)


def prefix_request(row: RowMapping) -> PrefixRequest:
    """Read one row of `prefix_requests`."""
    return PrefixRequest(**row)


def webhook(row: RowMapping) -> Webhook:
    """Read one row of `webhooks`."""
    return Webhook(**{**row, "kinds": tuple(json.loads(row["kinds"]))})


def consent_row(consent: Consent) -> Values:
    """The row of a consent."""
    key = consent.key
    return {
        "delegation_id": consent.delegation_id,
        "client_id": key.client_id,
        "kid": key.kid,
        "thumbprint": key.thumbprint,
        "at": key.at,
        "alg": consent.alg,
        "jwk": consent.jwk,
        "signature": consent.signature,
    }


def consent(row: Row[Any]) -> Consent:
    """A consent from its row."""
    key = ConsentKey(row.client_id, row.kid, row.thumbprint, row.at)
    return Consent(row.delegation_id, key, row.alg, row.jwk, row.signature)


def _stage(record: Delegation) -> Values:
    """The columns that tell a delegation's status.

    A program of an earlier revision knows neither what is handed on nor what is declined: to it they are out of force.
    """
    if record.parent_id is None and record.status != "declined":
        return {"status": record.status, "stage": None}
    ended = record.status in ("declined", "revoked")
    return {"status": "revoked" if ended else "suspended", "stage": record.status}
