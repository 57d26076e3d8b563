"""A delegation that another authority's register proves: when it is asked, what counts, and what is on record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.evidence import DelegationSource, Evidence
from authserver.oauth.limits import TOKEN_LIFE_STANDARD
from authserver.oauth.models import Record, Ref, ScopeAccess
from authserver.oauth.request import TokenRequest
from tests.support.build import (
    CONSUMER,
    NOW,
    OTHER_SCOPE,
    OWNER,
    SCOPE,
    SUPPLIER,
    make_assertion,
    make_client,
    make_delegation,
    make_request,
    make_scope,
    refuses,
)
from tests.support.fakes import Authority, make_authority

pytestmark = pytest.mark.anyio

SOURCE = DelegationSource("https://b.example/", "B", "https://b.example/delegations", "altinn:maskinporten/delegations")
THEIRS = make_scope(delegation_source=SOURCE.issuer)
ALSO_THEIRS = make_scope(OTHER_SCOPE, delegation_source=SOURCE.issuer)
MAY_HAVE_BOTH = make_client(orgno=SUPPLIER, scopes=frozenset({SCOPE, OTHER_SCOPE}))
OTHER_ACCESS = ScopeAccess(OTHER_SCOPE, CONSUMER, "APPROVED")


@dataclass
class Register:
    """A register that says what it is told to, and keeps what it was asked."""

    delegated: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {SCOPE: ("their-1",)})
    changes: Mapping[str, Any] = field(default_factory=dict)
    silent: bool = False
    asked: list[tuple[str, str, str, tuple[str, ...]]] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    async def look_up(
        self, source: DelegationSource, *, consumer_orgno: str, supplier_orgno: str, scopes: Sequence[str]
    ) -> Evidence:
        self.asked.append((source.issuer, consumer_orgno, supplier_orgno, tuple(scopes)))
        self.before()
        if self.silent:
            raise Refusal(Reason.REGISTER_SILENT, value=source.issuer, detail="no answer in time", retry_after=3)
        return replace(
            Evidence(source.issuer, consumer_orgno, supplier_orgno, self.delegated, "ab" * 32), **self.changes
        )


def asking(register: Register | None, *records: Record, source: DelegationSource | None = SOURCE) -> Authority:
    """An authority whose supplier's client has a scope of that register; no delegation of its own is enough."""
    records = records or (make_client(orgno=SUPPLIER), THEIRS)
    facts = [] if source is None else [(Ref("delegation_source", source.issuer), source)]
    made = make_authority(*records, facts=facts)
    judge = replace(made.exchange.judge, outside=register)
    made.exchange = replace(made.exchange, judge=judge)
    return made


def request(**claims: Any) -> TokenRequest:
    """A request on the consumer's behalf."""
    return make_request(make_assertion(in_claims={"consumer_org": CONSUMER, **claims}))


async def test_a_token_names_the_register_and_the_record_keeps_its_answer() -> None:
    """What the register proves is issued, for the usual life, with its issuer as the source of the delegation."""
    register = Register()
    authority = asking(register)
    await authority.token(request())
    ((claims, _, _),) = authority.pen.signed
    (decision,) = authority.record.committed
    assert claims["delegation_source"] == SOURCE.issuer
    assert claims["supplier"]["ID"] == f"0192:{SUPPLIER}"
    assert claims["exp"] == NOW + TOKEN_LIFE_STANDARD
    assert register.asked == [(SOURCE.issuer, CONSUMER, SUPPLIER, (SCOPE,))]
    assert (decision.outcome, decision.delegation_id) == ("issued", "their-1")
    assert decision.detail == f"{SOURCE.issuer} answered sha256:{'ab' * 32}"


async def test_our_own_delegation_proves_nothing_for_a_scope_of_another_register() -> None:
    """The register that the scope names has the only word, also where our registry holds a delegation."""
    authority = asking(Register({}))
    with refuses(Reason.DELEGATION) as refused:
        await authority.token(request())
    (decision,) = authority.record.committed
    assert refused.value.code == "MP-251"
    assert (decision.outcome, decision.reason) == ("refused", "delegation")
    assert decision.detail.endswith(f"to supplier {SUPPLIER}; {SOURCE.issuer} answered sha256:{'ab' * 32}")
    assert authority.pen.signed == []


@pytest.mark.parametrize(
    "changes", [{"consumer_orgno": SUPPLIER}, {"supplier_orgno": CONSUMER}, {"source": "https://c.example/"}]
)
async def test_evidence_about_others_proves_nothing(changes: Mapping[str, str]) -> None:
    """An answer about another consumer, another supplier or from another register is no evidence."""
    authority = asking(Register(changes=changes))
    with pytest.raises(Refusal) as refused:
        await authority.token(request())
    assert refused.value.reason in {Reason.DELEGATION, Reason.NOT_DELEGABLE}
    assert authority.pen.signed == []


async def test_the_owners_list_of_suppliers_holds_for_every_register() -> None:
    """A supplier that the scope's owner does not list gets nothing and makes us ask nobody; one that it lists does."""
    listing = (replace(THEIRS, delegation_suppliers=(each,)) for each in (OWNER, SUPPLIER))
    register = Register()
    with refuses(Reason.DELEGATION):
        await asking(register, make_client(orgno=SUPPLIER), next(listing)).token(request())
    assert register.asked == []
    assert "access_token" in await asking(register, make_client(orgno=SUPPLIER), next(listing)).token(request())


async def test_every_scope_must_be_delegated() -> None:
    """All or nothing: two scopes of the register need two proofs."""
    records = (MAY_HAVE_BOTH, THEIRS, ALSO_THEIRS, OTHER_ACCESS)
    both = f"{SCOPE} {OTHER_SCOPE}"
    with refuses(Reason.DELEGATION):
        await asking(Register(), *records).token(request(scope=both))
    authority = asking(Register({SCOPE: ("x", "y"), OTHER_SCOPE: ("y", "z")}), *records)
    await authority.token(request(scope=both))
    assert authority.record.committed[0].delegation_id == "x y z"


async def test_a_silent_register_is_a_503_on_record_and_the_assertion_is_not_used_up() -> None:
    """No answer, no token; the client is told when to try again, and the same assertion gets a token then."""
    register = Register(silent=True)
    authority = asking(register)
    with refuses(Reason.REGISTER_SILENT) as refused:
        await authority.token(request())
    assert (refused.value.status, refused.value.retry_after) == (503, 3)
    assert [decision.reason for decision in authority.record.committed] == ["register.silent"]
    register.silent = False
    assert "access_token" in await authority.token(request())


async def test_an_authority_that_is_client_of_no_register_refuses_with_503() -> None:
    """Without a client of ours nobody can be asked, and nothing is issued."""
    with refuses(Reason.REGISTER_SILENT):
        await asking(None).token(request())


@pytest.mark.parametrize("source", [None, replace(SOURCE, active=False)])
async def test_only_an_active_register_that_we_know_is_asked(source: DelegationSource | None) -> None:
    """A scope that names an unknown or deactivated register cannot be delegated."""
    register = Register()
    with refuses(Reason.NOT_DELEGABLE):
        await asking(register, source=source).token(request())
    assert register.asked == []


async def test_requests_that_need_no_other_register_ask_none() -> None:
    """Neither a client's own request, nor one for a scope that this authority's register proves, asks anybody."""
    register = Register()
    await asking(register, make_client(), THEIRS).token(make_request(make_assertion()))
    await asking(register, make_client(orgno=SUPPLIER)).token(request())
    with refuses(Reason.NOT_DELEGABLE):
        forbidden = make_scope(delegation_source=None)
        await asking(register, make_client(orgno=SUPPLIER), forbidden).token(request())
    assert register.asked == []


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ((make_client(orgno=SUPPLIER), THEIRS, ScopeAccess(SCOPE, CONSUMER, "DENIED")), Reason.ACCESS),
        ((make_client(orgno=SUPPLIER), replace(THEIRS, active=False)), Reason.SCOPE_DISABLED),
        ((make_client(orgno=SUPPLIER, scopes=frozenset()), THEIRS), Reason.SCOPE_NOT_ON_CLIENT),
        ((make_client(orgno=CONSUMER), THEIRS), Reason.CONSUMER_IS_SELF),
    ],
)
async def test_every_other_rule_comes_before_the_question(records: tuple[Record, ...], reason: Reason) -> None:
    """A request that another rule refuses makes us ask nobody."""
    register = Register()
    with refuses(reason):
        await asking(register, *records).token(request())
    assert register.asked == []


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (make_scope(OTHER_SCOPE), Reason.SOURCES_MIXED),
        (make_scope(OTHER_SCOPE, delegation_source="https://c.example/"), Reason.SOURCES_MIXED),
        (make_scope(OTHER_SCOPE, delegation_source=None), Reason.NOT_DELEGABLE),
    ],
)
async def test_a_token_has_one_source_of_its_delegation(other: Record, reason: Reason) -> None:
    """Scopes of two registers share no token, whoever has delegated what."""
    register = Register({SCOPE: ("a",), OTHER_SCOPE: ("b",)})
    own = make_delegation(scopes=frozenset({SCOPE, OTHER_SCOPE}))
    authority = asking(register, MAY_HAVE_BOTH, THEIRS, other, OTHER_ACCESS, own)
    with refuses(reason):
        await authority.token(request(scope=f"{SCOPE} {OTHER_SCOPE}"))
    assert register.asked == []


async def test_a_change_of_policy_while_the_register_answers_counts() -> None:
    """P3: what is taken here while we wait for the register refuses, and the register is not what decides."""
    register = Register()
    authority = asking(register)
    register.before = lambda: authority.truth.put(ScopeAccess(SCOPE, CONSUMER, "DENIED"))
    with refuses(Reason.ACCESS):
        await authority.token(request())
    assert authority.pen.signed == []


async def test_a_register_that_was_deactivated_meanwhile_proves_nothing() -> None:
    """P3 holds for the register itself: deactivated before the assertion is spent, it counts no more."""
    authority = asking(Register())
    gone = replace(SOURCE, active=False)
    authority.at("single_use.spend", lambda: authority.truth.set(gone.ref, gone))
    with refuses(Reason.NOT_DELEGABLE):
        await authority.token(request())
    assert authority.pen.signed == []


def test_what_was_kept_says_so_on_record() -> None:
    """An answer that was used a while after it came tells its age."""
    evidence = Evidence(SOURCE.issuer, CONSUMER, SUPPLIER, {}, "00", age=4)
    assert evidence.line == f"{SOURCE.issuer} answered sha256:00, 4 s before"
