"""Reading what a register of delegations answered; whatever is not exactly an answer is none."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

_ORGNO: Final = re.compile(r"[0-9]{9}")
_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
# Servers of this API differ in the capital.
_IDS: Final = ("delegation_scheme_Id", "delegation_scheme_id", "resourceid")


def delegations(body: bytes, *, consumer_orgno: str, supplier_orgno: str, scope: str) -> tuple[str, ...] | None:
    """Return the register's ids of the delegations of this scope between the two; None if there is no delegation.

    Rows about other parties or other scopes say nothing. Raises ValueError if the body is not such an answer.
    """
    try:
        rows = json.loads(body.decode("utf-8"), object_pairs_hook=_members, parse_constant=_constant)
    except RecursionError:
        raise ValueError("the answer is nested too deep") from None
    if not isinstance(rows, list):
        raise ValueError("the answer is no array")  # noqa: TRY004 - a fault of what came
    ours = (consumer_orgno, supplier_orgno)
    found = [row for row in map(_row, rows) if (row["consumer_org"], row["supplier_org"]) == ours]
    covering = [row for row in found if scope in row["scopes"]]
    return _ids(covering) if covering else None


def _row(row: Any) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise ValueError("a row is no object")  # noqa: TRY004 - the same
    for party in (row.get("consumer_org"), row.get("supplier_org")):
        if not (isinstance(party, str) and _ORGNO.fullmatch(party)):
            raise ValueError("a row names no two organisations")
    scopes = row.get("scopes")
    if not (isinstance(scopes, list) and all(isinstance(name, str) for name in scopes)):
        raise ValueError("a row names no scopes")
    return row


def _ids(rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """The ids go into our record, so only plain ones do."""
    first = (next((row[name] for name in _IDS if row.get(name)), None) for row in rows)
    return tuple(dict.fromkeys(one for one in first if isinstance(one, str) and _ID.fullmatch(one)))


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member name is repeated")
    return members


def _constant(_: str) -> Any:
    raise ValueError("NaN and Infinity are not JSON")
