"""Records of the public scope list, read strictly: what each says of its scope, and nothing it does not say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from authserver.oauth import scope as grammar
from authserver.oauth.limits import TOKEN_LIFE_CEILING
from authserver.oauth.models import Scope
from authserver.registry import scopes
from authserver.registry.organisations import number
from authserver.registry.text import invalid

# Member of a record → field of Scope, its JSON type, and what null says.
_TERMS: Final[Mapping[str, tuple[str, type, Any]]] = MappingProxyType(
    {
        "description": ("description", str, ""),
        "active": ("active", bool, True),
        "accessible_for_all": ("accessible_for_all", bool, False),
        "visibility": ("visibility", str, "PUBLIC"),
        "allowed_integration_types": ("allowed_integration_types", list, ()),
        "delegation_source": ("delegation_source", str, None),
        "at_max_age": ("max_age", int, 0),
        # Ours, beyond the public list, so that one authority's list is another's import.
        "audience": ("audience", str, None),
        "token_profile": ("token_profile", str, None),
        "approval": ("approval", str, "owner"),
        "approved_consumers": ("approved_consumers", list, ()),
        "review_at": ("review_at", int, None),
        "contact": ("contact", str, None),
        "delegation_max_life": ("delegation_max_life", int, 0),
        "delegation_consent": ("delegation_consent", bool, False),
        "delegation_suppliers": ("delegation_suppliers", list, ()),
        "redelegation_depth": ("redelegation_depth", int, 0),
    }
)
_NAMES: Final = frozenset({"name", "prefix", "subscope", "owner_orgno"})


@dataclass(frozen=True, slots=True)
class ScopeRecord:
    """One record: the scope's name and owner, the terms it states as fields of Scope, and its further members."""

    name: str
    prefix: str
    owner_orgno: str
    terms: Mapping[str, Any]
    attributes: Mapping[str, Any]

    def applied_to(self, present: Scope | None) -> Scope:
        """Return the scope as the record wants it: what it does not state stays, or is the default if new.

        A deactivated scope stays deactivated. Raises Refusal INVALID.
        """
        base = Scope(self.name, self.prefix, self.owner_orgno) if present is None else present
        wanted = replace(base, **self.terms, attributes={**base.attributes, **self.attributes})
        if present is not None and not present.active:
            wanted = replace(wanted, active=False)
        return scopes.checked(wanted)


def parse_document(data: bytes) -> list[Any]:
    """Return the records of a JSON document. Raises Refusal INVALID if it is not one array of strict JSON."""
    try:
        document = json.loads(data, object_pairs_hook=_members, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise invalid("The file is not a JSON document in UTF-8") from None
    if not isinstance(document, list):
        raise invalid("The file is not a JSON array of scope records")
    return document


def parse(record: object) -> ScopeRecord:
    """Read one record. Raises Refusal INVALID, naming the member at fault and never its value."""
    if not isinstance(record, Mapping):
        raise invalid("The record is not a JSON object")
    name = _text(record, "name")
    prefix, subscope = scopes.split(name)
    if record.get("prefix") not in (None, prefix) or record.get("subscope") not in (None, subscope):
        raise invalid("The members prefix and subscope disagree with name")
    owner = number(_text(record, "owner_orgno"))
    stated = {member: _term(member, record[member]) for member in _TERMS if member in record}
    terms = {_TERMS[member][0]: value for member, value in stated.items()}
    attributes = {member: value for member, value in record.items() if member not in _TERMS and member not in _NAMES}
    if terms.get("max_age", 0) > TOKEN_LIFE_CEILING:
        # Kept as it was said for round trips; a token of ours never lives longer anyway.
        attributes["at_max_age"] = terms["max_age"]
        terms["max_age"] = TOKEN_LIFE_CEILING
    return ScopeRecord(name, prefix, owner, MappingProxyType(terms), MappingProxyType(attributes))


def shown_name(record: object) -> str:
    """Return the record's scope name if it is well formed, else nothing: what to show beside a fault."""
    name = record.get("name") if isinstance(record, Mapping) else None
    try:
        return ":".join(grammar.parse_name(name)) if isinstance(name, str) else ""
    except ValueError:
        return ""


def _text(record: Mapping[str, Any], member: str) -> str:
    value = record.get(member)
    if not isinstance(value, str):
        raise invalid(f"The member {member} is missing or not a string")
    return value


def _term(member: str, value: Any) -> Any:
    _, kind, default = _TERMS[member]
    if value is None:
        return default
    fit = type(value) is kind
    if fit and isinstance(value, list):
        fit = all(isinstance(item, str) for item in value)
        value = tuple(value)
    if not fit:
        raise invalid(f"The member {member} is of the wrong type")
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member name is repeated")
    return members


def _no_constant(_: str) -> Any:
    raise ValueError("NaN and Infinity are not JSON")
