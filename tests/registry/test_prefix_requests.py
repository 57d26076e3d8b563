"""An organisation asks for a prefix; the operator answers; none is recycled, and none looks like another's."""

from collections.abc import Awaitable
from dataclasses import replace

import pytest

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Prefix, PrefixRequest
from authserver.registry import organisations, prefix_requests, prefixes
from authserver.registry.paging import Window
from authserver.registry.ports import ALL_RIGHTS, Actor, RegistryStore
from authserver.registry.prefix_requests import NewPrefixRequest
from tests.registry.conftest import CONSUMER, NOW, OPERATOR, OWNER, SUPPLIER, acting

LATER = NOW + 60


async def ask(
    store: RegistryStore, prefix: str = "skatt", orgno: str = CONSUMER, actor: Actor | None = None, id_: str = "p1"
) -> PrefixRequest:
    """Ask as the organisation that wants the prefix, unless told otherwise."""
    new = NewPrefixRequest(prefix, orgno, "Our APIs")
    return await prefix_requests.ask(store, actor or acting(orgno), NOW, new=new, new_id=lambda: id_)


async def refused(work: Awaitable[object]) -> Reason:
    """Why it was refused."""
    with pytest.raises(Refusal) as caught:
        await work
    return caught.value.reason


async def owner_of(store: RegistryStore, prefix: str) -> str | None:
    """Whose a prefix is."""
    return next((found.owner_orgno for found in await store.prefixes() if found.prefix == prefix), None)


async def test_asked_and_approved(store: RegistryStore) -> None:
    """The prefix is the asker's from the approval on, and not before."""
    asked = await ask(store)
    assert await owner_of(store, "skatt") is None
    approved = await prefix_requests.approve(store, OPERATOR, LATER, request_id="p1", answer="Fine")
    assert approved == replace(asked, state="APPROVED", decided_at=LATER, answer="Fine")
    assert await owner_of(store, "skatt") == CONSUMER
    assert await prefix_requests.approve(store, OPERATOR, LATER + 1, request_id="p1") == approved


async def test_only_the_operator_answers(store: RegistryStore) -> None:
    """Neither who asked nor a stranger answers, and a stranger learns not even that there is a request."""
    await ask(store)
    for actor in (acting(CONSUMER), acting(OWNER)):
        assert await refused(prefix_requests.approve(store, actor, NOW, request_id="p1")) is Reason.NOT_ALLOWED
        assert await refused(prefix_requests.deny(store, actor, NOW, request_id="p1", answer="x")) is Reason.NOT_ALLOWED
    assert await refused(prefix_requests.read(store, acting(OWNER), request_id="p1")) is Reason.NOT_FOUND
    assert await refused(prefix_requests.withdraw(store, acting(OWNER), NOW, request_id="p1")) is Reason.NOT_FOUND
    assert await refused(ask(store, actor=acting(OWNER), id_="p2")) is Reason.NOT_FOUND
    assert await owner_of(store, "skatt") is None


async def test_denied_or_withdrawn_it_may_be_asked_for_again(store: RegistryStore) -> None:
    """A denial needs a reason; neither it nor a withdrawal keeps the name from anyone, for it was nobody's."""
    await ask(store)
    assert await refused(prefix_requests.deny(store, OPERATOR, NOW, request_id="p1", answer="")) is Reason.INVALID
    denied = await prefix_requests.deny(store, OPERATOR, LATER, request_id="p1", answer="Too short")
    assert (denied.state, denied.answer) == ("DENIED", "Too short")
    assert await refused(prefix_requests.approve(store, OPERATOR, NOW, request_id="p1")) is Reason.CONFLICT
    await ask(store, id_="p2")
    await prefix_requests.withdraw(store, acting(CONSUMER), LATER, request_id="p2")
    await ask(store, orgno=SUPPLIER, id_="p3")


async def test_no_prefix_is_recycled(store: RegistryStore) -> None:
    """A deactivated prefix stays its owner's, and nobody can ask for it, its owner included."""
    await prefixes.set_active(store, OPERATOR, NOW, prefix="nav", active=False)
    assert await refused(ask(store, "nav")) is Reason.CONFLICT
    assert await refused(ask(store, "nav", OWNER)) is Reason.CONFLICT
    assert await owner_of(store, "nav") == OWNER


@pytest.mark.parametrize("taken", ["registered", "asked for"])
@pytest.mark.parametrize("name", ["kartverket", "kartverkat", "kart-verket", "kartvverket"])
async def test_look_alikes_are_refused(store: RegistryStore, taken: str, name: str) -> None:
    """What looks like another's prefix, or like one another asked for, is refused; like one's own, it is not."""
    await ask(store, "kartverket", OWNER)
    if taken == "registered":
        await prefix_requests.approve(store, OPERATOR, NOW, request_id="p1")
    assert await refused(ask(store, name, id_="p2")) is Reason.CONFLICT
    if name != "kartverket":
        assert (await ask(store, name, OWNER, id_="p3")).state == "REQUESTED"


async def test_a_prefix_taken_meanwhile_is_not_approved(store: RegistryStore) -> None:
    """What the operator gave to somebody in between stays there."""
    await ask(store)
    await prefixes.add(store, OPERATOR, NOW, prefix="skatt", owner_orgno=OWNER)
    assert await refused(prefix_requests.approve(store, OPERATOR, NOW, request_id="p1")) is Reason.CONFLICT
    assert await owner_of(store, "skatt") == OWNER


async def test_nine_digits_are_ones_own_number(store: RegistryStore) -> None:
    """Nobody asks for a prefix that is another's organisation number."""
    assert await refused(ask(store, SUPPLIER)) is Reason.INVALID
    assert (await ask(store, CONSUMER)).prefix == CONSUMER


async def test_asking_needs_the_right_to_apis_and_an_active_organisation(store: RegistryStore) -> None:
    """Without the right nothing is asked for, and a deactivated organisation gets no prefix."""
    without = replace(acting(CONSUMER), rights=ALL_RIGHTS - {"apis"})
    assert await refused(ask(store, actor=without)) is Reason.NOT_ALLOWED
    await ask(store)
    await organisations.set_active(store, OPERATOR, NOW, orgno=CONSUMER, active=False)
    assert await refused(prefix_requests.approve(store, OPERATOR, NOW, request_id="p1")) is Reason.CONFLICT
    assert Prefix("skatt", CONSUMER) not in await store.prefixes()


async def test_lists(store: RegistryStore) -> None:
    """The operator sees every request, an organisation its own."""
    await ask(store)
    await ask(store, "udir", SUPPLIER, id_="p2")
    window = Window()
    assert [found.id for found in (await prefix_requests.page(store, OPERATOR, window=window)).items] == ["p1", "p2"]
    own = await prefix_requests.page(store, acting(SUPPLIER), window=window, state="REQUESTED")
    assert [found.id for found in own.items] == ["p2"]
