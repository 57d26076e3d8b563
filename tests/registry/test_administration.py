"""The admin API's scopes: registered once for the operator, and never under a prefix that is somebody else's."""

import pytest

from authserver.oauth.errors import Reason, Refusal
from authserver.registry import organisations
from authserver.registry.administration import SUBSCOPES, Administration, establish, untouched
from authserver.registry.ports import RegistryStore
from tests.registry.conftest import NOW, OPERATOR, OWNER, acting, snapshot

OURS = Administration("idporten", "200000005")


async def test_the_scopes_are_made_once(bare: RegistryStore) -> None:
    """The first call makes the operator's organisation, prefix and scopes, the second nothing."""
    made = await establish(bare, OPERATOR, NOW, administration=OURS, name="Op")
    assert set(made) == {f"idporten:{subscope}" for subscope in SUBSCOPES}
    before = await snapshot(bare)
    assert await establish(bare, OPERATOR, NOW, administration=OURS, name="Op") == []
    assert await snapshot(bare) == before
    assert await untouched(bare, OURS)
    await organisations.add(bare, OPERATOR, NOW, orgno=OWNER, name="Owner")
    assert not await untouched(bare, OURS)


async def test_a_prefix_of_somebody_else_makes_nobody_the_operator(store: RegistryStore) -> None:
    """Where the admin prefix has another owner nothing is registered, and no organisation may register it at all."""
    before = await snapshot(store)
    theirs = Administration("nav", "200000005")
    with pytest.raises(Refusal) as refused:
        await establish(store, OPERATOR, NOW, administration=theirs, name="Op")
    assert refused.value.reason is Reason.CONFLICT
    with pytest.raises(Refusal) as forbidden:
        await establish(store, acting(OWNER), NOW, administration=OURS, name="Op")
    assert forbidden.value.reason is Reason.NOT_ALLOWED
    assert await snapshot(store) == before
