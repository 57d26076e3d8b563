"""A consumer asks for a scope; the owner or its rule answers; only the access it led to admits."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import AccessRequest
from authserver.registry import access, access_requests, changes, organisations, scopes
from authserver.registry.access_requests import NewAccessRequest
from authserver.registry.paging import Window
from authserver.registry.ports import ALL_RIGHTS, Actor, RegistryStore
from authserver.registry.quotas import DEFAULTS
from tests.registry.conftest import CONSUMER, NOW, OPERATOR, OWNER, SUPPLIER, acting, scope

ASKED = NewAccessRequest("nav:read", CONSUMER, "Pay out benefits", "Folketrygdloven § 21-4")
LATER = NOW + 60
Step = Callable[[RegistryStore, str], Awaitable[object]]


async def ask(store: RegistryStore, actor: Actor | None = None, request_id: str = "r1", **said: Any) -> AccessRequest:
    """Ask as the consumer, unless told otherwise."""
    new = replace(ASKED, **said)
    return await access_requests.ask(store, actor or acting(CONSUMER), NOW, new=new, new_id=lambda: request_id)


async def state_of(store: RegistryStore, consumer: str = CONSUMER) -> str | None:
    """What the compatible endpoints show."""
    found = await store.accesses("nav:read", consumer)
    return found[0].state if found else None


async def refused(work: Awaitable[object]) -> Reason:
    """Why it was refused."""
    with pytest.raises(Refusal) as caught:
        await work
    return caught.value.reason


async def test_asked_and_approved(store: RegistryStore) -> None:
    """The access waits as REQUESTED until the owner approves, and the request tells when and what was said."""
    asked = await ask(store)
    assert (asked.state, await state_of(store)) == ("REQUESTED", "REQUESTED")
    approved = await access_requests.approve(store, acting(OWNER), LATER, request_id="r1", answer="Welcome")
    assert approved == replace(asked, state="APPROVED", decided_at=LATER, answer="Welcome")
    assert await state_of(store) == "APPROVED"
    assert await access_requests.read(store, acting(CONSUMER), request_id="r1") == approved


async def test_denied_with_a_reason(store: RegistryStore) -> None:
    """A denial needs a reason, which the consumer reads; it may ask again, and the owner may change its mind."""
    await ask(store)
    deny = access_requests.deny
    assert await refused(deny(store, acting(OWNER), LATER, request_id="r1", answer=" ")) is Reason.INVALID
    denied = await deny(store, acting(OWNER), LATER, request_id="r1", answer="No legal basis")
    assert (denied.state, denied.answer, await state_of(store)) == ("DENIED", "No legal basis", "DENIED")
    await ask(store, request_id="r2")
    assert await state_of(store) == "REQUESTED"
    await access_requests.approve(store, acting(OWNER), LATER, request_id="r2")
    assert await state_of(store) == "APPROVED"


async def test_withdrawn(store: RegistryStore) -> None:
    """What the consumer takes back admits nobody, and nobody can approve it any more."""
    await ask(store)
    await access_requests.withdraw(store, acting(CONSUMER), LATER, request_id="r1")
    assert await state_of(store) == "DENIED"
    late = access_requests.approve(store, acting(OWNER), LATER, request_id="r1")
    assert await refused(late) is Reason.CONFLICT
    assert await state_of(store) == "DENIED"


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"approval": "any"}, "APPROVED"),
        ({"approval": "listed", "approved_consumers": [SUPPLIER, CONSUMER]}, "APPROVED"),
        ({"approval": "listed", "approved_consumers": [SUPPLIER]}, "REQUESTED"),
        ({"approval": "owner", "approved_consumers": [CONSUMER]}, "REQUESTED"),
    ],
)
async def test_the_owners_rule(store: RegistryStore, terms: dict[str, Any], expected: str) -> None:
    """A rule approves at once whom it names, by rule, and leaves everyone else to the owner."""
    await scopes.amend(store, acting(OWNER), NOW, name="nav:read", terms=terms)
    assert await state_of(store) is None, "the rule itself admits nobody"
    asked = await ask(store)
    assert (asked.state, asked.by_rule) == (expected, expected == "APPROVED")
    assert await state_of(store) == expected


async def test_a_rule_never_overrules_the_owner(store: RegistryStore) -> None:
    """Who was revoked or denied waits for an answer, whatever the rule says."""
    await scopes.amend(store, acting(OWNER), NOW, name="nav:read", terms={"approval": "any"})
    await ask(store)
    await access.revoke(store, acting(OWNER), NOW, scope="nav:read", consumer_orgno=CONSUMER)
    again = await ask(store, request_id="r2")
    assert (again.state, await state_of(store)) == ("REQUESTED", "REQUESTED")


@pytest.mark.parametrize("granted", [True, False])
async def test_what_the_owner_does_to_the_access_settles_the_request(store: RegistryStore, granted: bool) -> None:
    """An owner that works with access alone, as existing tools do, answers the open request by it."""
    await ask(store)
    if granted:
        await access.grant(store, acting(OWNER), LATER, scope="nav:read", consumer_orgno=CONSUMER, reason="ok")
    else:
        await access.deny(store, acting(OWNER), LATER, scope="nav:read", consumer_orgno=CONSUMER, reason="no")
    request = await access_requests.read(store, acting(CONSUMER), request_id="r1")
    assert (request.state, request.answer) == (("APPROVED", "ok") if granted else ("DENIED", "no"))


DECISIONS: dict[str, Step] = {
    "approve": lambda s, id_: access_requests.approve(s, acting(OWNER), LATER, request_id=id_),
    "deny": lambda s, id_: access_requests.deny(s, acting(OWNER), LATER, request_id=id_, answer="no"),
    "withdraw": lambda s, id_: access_requests.withdraw(s, acting(CONSUMER), LATER, request_id=id_),
}


@pytest.mark.parametrize("first", DECISIONS)
@pytest.mark.parametrize("second", DECISIONS)
async def test_a_request_is_decided_once(store: RegistryStore, first: str, second: str) -> None:
    """The same decision again changes nothing, and another is a conflict that leaves the first."""
    await ask(store)
    await DECISIONS[first](store, "r1")
    settled = await access_requests.read(store, OPERATOR, request_id="r1")
    if first == second:
        await DECISIONS[second](store, "r1")
    else:
        assert await refused(DECISIONS[second](store, "r1")) is Reason.CONFLICT
    assert await access_requests.read(store, OPERATOR, request_id="r1") == settled


async def test_who_may_do_what(store: RegistryStore) -> None:
    """Each side does its own part, sees the other's, and a stranger sees as much as of a request that is not."""
    await ask(store)
    for work, expected in (
        (access_requests.approve(store, acting(CONSUMER), NOW, request_id="r1"), Reason.NOT_ALLOWED),
        (access_requests.deny(store, acting(CONSUMER), NOW, request_id="r1", answer="x"), Reason.NOT_ALLOWED),
        (access_requests.withdraw(store, acting(OWNER), NOW, request_id="r1"), Reason.NOT_ALLOWED),
        (access_requests.approve(store, acting(SUPPLIER), NOW, request_id="r1"), Reason.NOT_FOUND),
        (access_requests.withdraw(store, acting(SUPPLIER), NOW, request_id="r1"), Reason.NOT_FOUND),
        (access_requests.read(store, acting(SUPPLIER), request_id="r1"), Reason.NOT_FOUND),
        (access_requests.read(store, acting(SUPPLIER), request_id="r9"), Reason.NOT_FOUND),
        (ask(store, acting(SUPPLIER), "r2"), Reason.NOT_FOUND),
    ):
        assert await refused(work) is expected
    assert await state_of(store) == "REQUESTED"


async def test_asking_needs_the_right_to_integrations_and_answering_that_to_apis(store: RegistryStore) -> None:
    """The separable rights are asked for on both sides, and neither is enough for the other."""
    without = replace(acting(CONSUMER), rights=ALL_RIGHTS - {"integrations"})
    assert await refused(ask(store, without)) is Reason.NOT_ALLOWED
    await ask(store, replace(acting(CONSUMER), rights=frozenset({"integrations"})))
    owner = replace(acting(OWNER), rights=ALL_RIGHTS - {"apis"})
    assert await refused(access_requests.approve(store, owner, NOW, request_id="r1")) is Reason.NOT_ALLOWED
    # An owner's rule is no way around the owner's own rights.
    own = replace(acting(OWNER), rights=frozenset({"integrations"}))
    assert (await ask(store, own, "r2", consumer_orgno=OWNER)).state == "REQUESTED"


@pytest.mark.parametrize("said", [{"purpose": " "}, {"legal_basis": ""}, {"purpose": "x" * 4001}, {"purpose": "\x00"}])
async def test_purpose_and_legal_basis_are_needed(store: RegistryStore, said: dict[str, Any]) -> None:
    """A request without what the owner must judge by is refused."""
    assert await refused(ask(store, **said)) is Reason.INVALID
    assert await state_of(store) is None


async def test_there_must_be_something_to_ask_for(store: RegistryStore) -> None:
    """Nobody asks twice, or for what is open, deactivated, had already, or hidden from who asks."""
    await ask(store)
    assert await refused(ask(store, request_id="r2")) is Reason.CONFLICT
    await access_requests.approve(store, acting(OWNER), NOW, request_id="r1")
    assert await refused(ask(store, request_id="r2")) is Reason.CONFLICT
    for name, terms in (
        ("nav:open", {"accessible_for_all": True}),
        ("nav:private", {"visibility": "PRIVATE"}),
        ("nav:internal", {"visibility": "INTERNAL"}),
        ("nav:stopped", {}),
    ):
        await scopes.add(store, OPERATOR, NOW, scope=scope(name, **terms))
    await scopes.set_active(store, OPERATOR, NOW, name="nav:stopped", active=False)
    for name, expected in (
        ("nav:open", Reason.CONFLICT),
        ("nav:stopped", Reason.CONFLICT),
        ("nav:private", Reason.NOT_FOUND),
        ("nav:internal", Reason.NOT_FOUND),
        ("nav:unknown", Reason.NOT_FOUND),
    ):
        assert await refused(ask(store, request_id="r3", scope=name)) is expected, name


async def test_a_deactivated_consumer_neither_asks_nor_is_approved(store: RegistryStore) -> None:
    """Deactivation stops a request at either end."""
    await ask(store)
    await organisations.set_active(store, OPERATOR, NOW, orgno=CONSUMER, active=False)
    assert await refused(ask(store, OPERATOR, "r2", scope="nav:read")) is Reason.CONFLICT
    approval = access_requests.approve(store, acting(OWNER), NOW, request_id="r1")
    assert await refused(approval) is Reason.CONFLICT
    assert await state_of(store) == "REQUESTED"


async def test_waiting_requests_are_bounded(store: RegistryStore) -> None:
    """So many may wait, and the next is refused until one is withdrawn."""
    most = DEFAULTS["waiting"]
    for number in range(most + 1):
        await scopes.add(store, OPERATOR, NOW, scope=scope(f"nav:s{number}"))
    for number in range(most):
        await ask(store, request_id=f"r{number}", scope=f"nav:s{number}")
    assert await refused(ask(store, request_id="more", scope=f"nav:s{most}")) is Reason.CONFLICT
    await access_requests.withdraw(store, acting(CONSUMER), NOW, request_id="r0")
    await ask(store, request_id="more", scope=f"nav:s{most}")


async def test_both_sides_find_their_requests(store: RegistryStore) -> None:
    """The asker finds what it asked for, the owner what it is to answer, and neither anybody else's."""
    await ask(store)
    await ask(store, acting(SUPPLIER), "r2", consumer_orgno=SUPPLIER)
    made, received, window = access_requests.made, access_requests.received, Window()
    assert [found.id for found in (await made(store, acting(CONSUMER), window=window)).items] == ["r1"]
    assert [found.id for found in (await received(store, acting(OWNER), window=window)).items] == ["r1", "r2"]
    assert not (await received(store, acting(CONSUMER), window=window)).items
    assert [found.id for found in (await made(store, OPERATOR, window=window, state="REQUESTED")).items] == ["r1", "r2"]
    assert await refused(made(store, acting(CONSUMER), window=window, orgno=SUPPLIER)) is Reason.NOT_FOUND


async def test_every_step_is_in_the_feed_of_both_sides(store: RegistryStore) -> None:
    """Both are told of the request and of the access, in order and with the answer; a stranger is told nothing."""
    before = (await changes.page(store, OPERATOR, window=Window())).items[-1].seq
    await ask(store)
    await access_requests.deny(store, replace(acting(OWNER), person="Kari"), LATER, request_id="r1", answer="No basis")
    window = Window((str(before),))
    steps = [("access_request", "created"), ("access", "created"), ("access_request", "changed"), ("access", "changed")]
    for orgno, persons in ((CONSUMER, {""}), (OWNER, {"", "Kari"})):
        told = (await changes.page(store, acting(orgno), window=window)).items
        assert [(change.kind, change.action) for change in told] == steps
        assert [change.reason for change in told] == ["", "", "No basis", "No basis"]
        assert {change.actor_person for change in told} == persons
    assert not (await changes.page(store, acting(SUPPLIER), window=window)).items
