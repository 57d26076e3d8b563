"""What two states of the registry allow: every door that a restore opens again is named."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from authserver.oauth.models import (
    Client,
    ClientKey,
    Delegation,
    Organisation,
    Prefix,
    Record,
    Scope,
    ScopeAccess,
)
from authserver.registry.differences import Differences, Door, differences

KEY = ClientKey("k", "ES256", "{}", "t", 9)
CLIENT = Client("c", "1", scopes=frozenset({"p:a", "p:b"}), keys={"k": KEY})
SCOPE = Scope("p:a", "p", "1", accessible_for_all=True, delegation_source="https://a/")
DELEGATION = Delegation("d", "1", "2", frozenset({"p:a", "p:b"}), 1, 9)
SCOPE_DOORS = [Door("scope", "p:a"), Door("scope delegable", "p:a", "https://a/"), Door("scope for all", "p:a")]

CASES: list[tuple[Record, Record, list[Door]]] = [
    (Organisation("1", "x", active=False), Organisation("1", "x"), [Door("organisation", "1")]),
    (Prefix("p", "1", active=False), Prefix("p", "1"), [Door("prefix", "p")]),
    (replace(SCOPE, active=False), SCOPE, [SCOPE_DOORS[0]]),
    (replace(SCOPE, accessible_for_all=False), SCOPE, [SCOPE_DOORS[2]]),
    (replace(SCOPE, delegation_source=None), SCOPE, [SCOPE_DOORS[1]]),
    (ScopeAccess("p:a", "1", "DENIED"), ScopeAccess("p:a", "1", "APPROVED"), [Door("access", "p:a 1")]),
    (ScopeAccess("p:a", "1", "REQUESTED"), ScopeAccess("p:a", "1", "APPROVED"), [Door("access", "p:a 1")]),
    (replace(CLIENT, active=False), CLIENT, [Door("client", "c")]),
    (replace(CLIENT, scopes=frozenset({"p:a"})), CLIENT, [Door("client scope", "c", "p:b")]),
    (replace(CLIENT, keys={"k": replace(KEY, active=False)}), CLIENT, [Door("client key", "c", "k t")]),
    (replace(CLIENT, keys={"k": replace(KEY, thumbprint="u")}), CLIENT, [Door("client key", "c", "k t")]),
    (
        replace(DELEGATION, status="revoked"),
        DELEGATION,
        [Door("delegation", "d"), Door("delegation scope", "d", "p:a"), Door("delegation scope", "d", "p:b")],
    ),
]


@pytest.mark.parametrize(("shut", "opened", "doors"), CASES)
def test_what_was_shut_and_is_open_is_named(shut: Record, opened: Record, doors: Sequence[Door]) -> None:
    """Whatever was revoked after the backup is open again, and what was granted after it is shut."""
    assert differences([shut], [opened]).open_again == tuple(doors)
    assert set(doors) <= set(differences([opened], [shut]).shut_again)


def test_alike_registries_do_not_differ() -> None:
    """Two registries of the same records, in any order, differ in nothing."""
    records: list[Record] = [CLIENT, SCOPE, DELEGATION]
    assert differences(records, records[::-1]) == Differences((), (), ())


def test_a_record_made_after_the_backup_is_shut() -> None:
    """What the restored registry does not know is named by all that it let pass."""
    assert differences([SCOPE], []) == Differences((), tuple(SCOPE_DOORS), ())


def test_what_opens_and_shuts_nothing_is_changed() -> None:
    """A new name or a longer life is told once, as a change; a record told of above is not told of twice."""
    renamed = Organisation("1", "y")
    assert differences([Organisation("1", "x")], [renamed]).changed == (Door("organisation", "1"),)
    longer = replace(CLIENT, keys={"k": replace(KEY, expires_at=10)})
    assert differences([CLIENT], [longer]) == Differences((), (), (Door("client", "c"),))
    narrower = replace(CLIENT, name="n", scopes=frozenset({"p:a"}))
    assert differences([CLIENT], [narrower]) == Differences((), (Door("client scope", "c", "p:b"),), ())
