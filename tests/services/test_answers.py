"""What a register answered is read strictly: rubbish is never taken for an answer, nor for a delegation."""

import json
from typing import Any

import pytest

from authserver.services.outside.answers import delegations

CONSUMER, SUPPLIER, SCOPE = "310000009", "310000017", "p:read"


def row(**changes: Any) -> dict[str, Any]:
    """A row that delegates the scope; a member given as None is left out."""
    members = {
        "consumer_org": CONSUMER,
        "supplier_org": SUPPLIER,
        "delegation_scheme_Id": "0d6d8fae-9f3b-4f2f-8e6b-0f2f3c0d9d11",
        "scopes": [SCOPE],
        "created": "2026-01-01T00:00:00Z",
        "resourceid": "resource-1",
        **changes,
    }
    return {name: value for name, value in members.items() if value is not None}


def read(rows: Any) -> tuple[str, ...] | None:
    """Read an answer of these rows."""
    body = rows if isinstance(rows, bytes) else json.dumps(rows).encode()
    return delegations(body, consumer_orgno=CONSUMER, supplier_orgno=SUPPLIER, scope=SCOPE)


def test_a_row_of_both_parties_and_the_scope_delegates() -> None:
    """The answer is the register's own id of the delegation, whichever way its member is written."""
    assert read([row()]) == ("0d6d8fae-9f3b-4f2f-8e6b-0f2f3c0d9d11",)
    assert read([row(delegation_scheme_Id=None, delegation_scheme_id="a")]) == ("a",)
    assert read([row(delegation_scheme_Id=None)]) == ("resource-1",)


def test_each_id_comes_once_and_only_plain_ones_come() -> None:
    """Ids go into our record: repeated ones once, and those with strange characters not at all."""
    assert read([row(), row(), row(delegation_scheme_Id="b")]) == ("0d6d8fae-9f3b-4f2f-8e6b-0f2f3c0d9d11", "b")
    for strange in ("a b", "a\nb", "x" * 65, "æ", 5, ["a"]):
        assert read([row(delegation_scheme_Id=strange)]) == ()


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [row(consumer_org="310000025")],
        [row(supplier_org="310000025")],
        [row(consumer_org=SUPPLIER, supplier_org=CONSUMER)],
        [row(scopes=[])],
        [row(scopes=["p:read2", "p"])],
        [row(scopes=["P:READ"])],
    ],
)
def test_rows_about_others_or_other_scopes_delegate_nothing(rows: list[dict[str, Any]]) -> None:
    """Only a row that names exactly these two, in these parts, and exactly this scope is a delegation."""
    assert read(rows) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no JSON",
        b"{}",
        b"null",
        b'"310000009"',
        b"[null]",
        b"[[]]",
        b'[{"consumer_org": "310000009"}]',
        b"[NaN]",
        b"\xff\xfe[\x00]\x00",
        b"\xef\xbb\xbf[]",
        b"[" * 60_000,
        b"[1]" + b" " * 100 + b"x",
    ],
)
def test_whatever_is_no_array_of_such_rows_is_no_answer(body: bytes) -> None:
    """Other JSON, other encodings and other bytes are refused as unreadable, however deep they are nested."""
    with pytest.raises(ValueError):  # noqa: PT011 - the reasons are the library's too
        read(body)


@pytest.mark.parametrize(
    "changes",
    [
        {"consumer_org": None},
        {"supplier_org": None},
        {"consumer_org": 310000009},
        {"supplier_org": "0192:310000017"},
        {"scopes": None},
        {"scopes": SCOPE},
        {"scopes": [SCOPE, 1]},
    ],
)
def test_one_malformed_row_spoils_the_answer(changes: dict[str, Any]) -> None:
    """A row that is not as agreed makes the whole answer unreadable, beside good rows as well."""
    broken = {**row(), **changes}
    with pytest.raises(ValueError, match="a row names"):
        read([row(), {name: value for name, value in broken.items() if value is not None}])


def test_a_member_that_is_repeated_makes_no_answer() -> None:
    """Two values of one member could be read as two things, so they are read as nothing."""
    twice = json.dumps([row()]).replace('"consumer_org"', '"supplier_org": "310000017", "consumer_org"', 1)
    with pytest.raises(ValueError, match="repeated"):
        read(twice.encode())
