"""Who gets a token on behalf of another, as a whole truth table: every combination of what must hold, by profile.

The table is written down anew here, from the outcomes that are published (design §3; AS-207, MP-200, AS-251, MP-250,
MP-251), in the order in which a caller is told what is wrong.
"""

from dataclasses import dataclass, fields
from itertools import product

import pytest

from authserver.oauth.assertion import SignedAssertion
from authserver.oauth.authorization import Authorization, authorize
from authserver.oauth.errors import Refusal
from authserver.oauth.models import Fact, Organisation, Ref, ScopeAccess
from authserver.oauth.profiles import REQUEST_PROFILES
from tests.support.build import (
    CLIENT_ID,
    CONSUMER,
    ISSUER,
    NOW,
    OTHER_SCOPE,
    SCOPE,
    SUPPLIER,
    make_client,
    make_delegation,
    make_scope,
    policy,
)

ELSEWHERE = "https://register.example/"
DELEGATED_UNTIL = NOW + 90


@dataclass(frozen=True)
class Conditions:
    """What must hold; each can fail by itself."""

    supplier_active: bool
    on_client: bool
    delegable: bool
    source_allowed: bool
    access: bool
    delegated: bool
    delegation_active: bool
    within_dates: bool
    consumer_active: bool

    def expected(self) -> str | None:
        """The code of the refusal, None for a token."""
        told = (
            (self.supplier_active, "AS-207"),
            (self.on_client, "MP-200"),
            (self.delegable and self.source_allowed, "AS-251"),
            (self.access, "MP-250"),
            (self.delegated and self.delegation_active and self.within_dates, "MP-251"),
            (self.consumer_active, "AS-207"),
        )
        return next((code for holds, code in told if not holds), None)

    def facts(self) -> dict[Ref, Fact]:
        """The registry in which exactly these hold."""
        source = ISSUER if self.source_allowed else ELSEWHERE
        return policy(
            Organisation(SUPPLIER, "The supplier", active=self.supplier_active),
            Organisation(CONSUMER, "The consumer", active=self.consumer_active),
            make_scope(delegation_source=source if self.delegable else None),
            ScopeAccess(SCOPE, CONSUMER, "APPROVED" if self.access else "DENIED"),
            make_delegation(
                scopes=frozenset({SCOPE if self.delegated else OTHER_SCOPE}),
                status="active" if self.delegation_active else "suspended",
                valid_from=NOW - 60,
                valid_to=DELEGATED_UNTIL if self.within_dates else NOW,
            ),
        )


TABLE = [Conditions(*row) for row in product((True, False), repeat=len(fields(Conditions)))]


def decide(conditions: Conditions, profile: str) -> Authorization:
    client = make_client(orgno=SUPPLIER, scopes=frozenset({SCOPE} if conditions.on_client else ()))
    signed = SignedAssertion(
        CLIENT_ID, "kid", REQUEST_PROFILES[profile], "jti", NOW + 100, (SCOPE,), (), CONSUMER, None
    )
    return authorize(client, signed, conditions.facts(), ISSUER, NOW)


@pytest.mark.parametrize("profile", sorted(REQUEST_PROFILES))
@pytest.mark.parametrize("code", ["AS-207", "MP-200", "AS-251", "MP-250", "MP-251"])
def test_whatever_does_not_hold_is_refused_by_its_code(profile: str, code: str) -> None:
    """Every row of the table with a failure gets the outcome that is published for the first one in order."""
    rows = [row for row in TABLE if row.expected() == code]
    assert rows
    for row in rows:
        with pytest.raises(Refusal) as caught:
            decide(row, profile)
        assert caught.value.reason.value.code == code, row


@pytest.mark.parametrize("profile", sorted(REQUEST_PROFILES))
def test_of_all_rows_one_gives_a_token(profile: str) -> None:
    """Where everything holds there is a token: for these parties and this scope, and not beyond the delegation."""
    (row,) = (row for row in TABLE if row.expected() is None)
    granted = decide(row, profile)
    assert (granted.consumer_orgno, granted.supplier_orgno) == (CONSUMER, SUPPLIER)
    assert (granted.scopes, granted.delegation_source) == ((SCOPE,), ISSUER)
    assert granted.expires_at <= DELEGATED_UNTIL
