"""Registry records as plain members: what a rehearsal shows, and what an entity tag is made of."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from hashlib import sha256
from typing import Any

from authserver.oauth.models import Client, ClientKey, Delegation, Package, Record


def members(record: Record | ClientKey) -> dict[str, Any]:
    """Return every member of a record, each of a type that JSON has; sets are sorted."""
    plain = {field.name: getattr(record, field.name) for field in fields(record) if field.name != "verifier"}
    if isinstance(record, Client):
        plain["keys"] = [members(key) for _, key in sorted(record.keys.items())]
    if isinstance(record, Client | Delegation | Package):
        plain["scopes"] = sorted(record.scopes)
    if isinstance(record, Delegation):
        # Who took a step for an organisation is for the change log alone.
        steps = [asdict(step) for step in record.steps]
        plain["steps"] = [{k: v for k, v in step.items() if k not in {"client_id", "person"}} for step in steps]
    return plain


def fingerprint(record: Record) -> str:
    """Return what differs whenever any member does: 128 bits of SHA-256 over the canonical members, as hex digits."""
    canonical = json.dumps(members(record), default=_plain, separators=(",", ":"), sort_keys=True)
    return sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else dict(value)
