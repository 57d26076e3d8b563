"""Keys of clients: which are taken in, for how long, and where a key may not be twice."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.limits import KEY_LIFE
from authserver.registry import clients, keys
from authserver.registry.example_keys import THUMBPRINTS
from authserver.registry.keys import KeyOffer
from authserver.registry.ports import RegistryStore
from tests.registry.conftest import CONSUMER, NOW, OPERATOR, SUPPLIER, public_jwk

EXAMPLES = Path(__file__).parents[2] / "keys-example"


@pytest.fixture
async def clients_of_two(store: RegistryStore, new_id: Callable[[], str]) -> RegistryStore:
    """A registry with clients `c1` and `c2` of the consumer and `s1` of the supplier, without keys."""
    for client_id, orgno in (("c1", CONSUMER), ("c2", CONSUMER), ("s1", SUPPLIER)):
        new = clients.NewClient(orgno, ["nav:read"], client_id)
        await clients.add(store, OPERATOR, NOW, new=new, new_id=new_id)
    return store


async def refusal(store: RegistryStore, offer: KeyOffer, *, client_id: str = "c1", now: int = NOW) -> Refusal:
    """Offer a key that must be refused, and return the refusal."""
    before = await store.clients()
    with pytest.raises(Refusal) as refused:
        await keys.add(store, OPERATOR, now, client_id=client_id, offer=offer)
    assert await store.clients() == before
    return refused.value


async def test_a_key_lives_for_a_year(clients_of_two: RegistryStore) -> None:
    """Without an earlier end a key stops a year after it was posted."""
    key = await keys.add(clients_of_two, OPERATOR, NOW, client_id="c1", offer=KeyOffer(public_jwk(kid="k")))
    assert (key.expires_at, key.alg, key.active) == (NOW + KEY_LIFE, "ES256", True)


@pytest.mark.parametrize(
    ("member", "argument", "end"),
    [(NOW + 60, None, NOW + 60), (None, NOW + 60, NOW + 60), (NOW + 60, NOW + 90, NOW + 90)],
)
async def test_an_earlier_end_is_accepted(
    clients_of_two: RegistryStore, member: int | None, argument: int | None, end: int
) -> None:
    """The JWK's exp or the caller ends a key earlier, and the caller's word wins."""
    jwk = public_jwk() if member is None else public_jwk(exp=member)
    offer = KeyOffer(jwk, expires_at=argument)
    assert (await keys.add(clients_of_two, OPERATOR, NOW, client_id="c1", offer=offer)).expires_at == end


@pytest.mark.parametrize("end", [NOW, NOW - 1, NOW + KEY_LIFE + 1, NOW + 60.5, True, "2030"])
async def test_an_end_in_the_past_or_too_far_ahead_is_refused(clients_of_two: RegistryStore, end: Any) -> None:
    """A key ends within the coming year, at a whole second."""
    assert (await refusal(clients_of_two, KeyOffer(public_jwk(exp=end)))).reason is Reason.KEY_REFUSED


async def test_posting_a_key_again_renews_it(clients_of_two: RegistryStore) -> None:
    """The same key under the same kid gets another year, also when it has expired."""
    jwk = public_jwk(kid="k")
    await keys.add(clients_of_two, OPERATOR, NOW, client_id="c1", offer=KeyOffer(jwk))
    later = NOW + KEY_LIFE + 5
    renewed = await keys.add(clients_of_two, OPERATOR, later, client_id="c1", offer=KeyOffer(jwk))
    assert renewed.expires_at == later + KEY_LIFE
    client = await clients.read(clients_of_two, OPERATOR, client_id="c1")
    assert [key.expires_at for key in client.keys.values()] == [later + KEY_LIFE]


async def test_a_kid_names_one_key_for_ever(clients_of_two: RegistryStore) -> None:
    """Another key under a used kid, and a used key under another kid, are refused, also when the first is removed."""
    jwk = public_jwk(kid="k")
    await keys.add(clients_of_two, OPERATOR, NOW, client_id="c1", offer=KeyOffer(jwk))
    for _ in range(2):
        assert (await refusal(clients_of_two, KeyOffer(public_jwk(kid="k")))).reason is Reason.CONFLICT
        assert (await refusal(clients_of_two, KeyOffer(jwk, kid="other"))).reason is Reason.CONFLICT
        await keys.remove(clients_of_two, OPERATOR, NOW, client_id="c1", kid="k")


async def test_a_public_key_belongs_to_one_organisation(clients_of_two: RegistryStore) -> None:
    """Two clients of one organisation may share a key; another organisation may not, even after its removal."""
    jwk = public_jwk()
    for client_id in ("c1", "c2"):
        await keys.add(clients_of_two, OPERATOR, NOW, client_id=client_id, offer=KeyOffer(jwk))
    key = await keys.remove(clients_of_two, OPERATOR, NOW, client_id="c1", kid=keys.judge(KeyOffer(jwk), NOW).kid)
    await keys.remove(clients_of_two, OPERATOR, NOW, client_id="c2", kid=key.kid)
    assert (await refusal(clients_of_two, KeyOffer(jwk), client_id="s1")).reason is Reason.KEY_REFUSED


async def test_a_client_has_at_most_five_keys_in_use(clients_of_two: RegistryStore) -> None:
    """A sixth key is refused; a removed or expired one makes room, a renewal needs none."""
    first = public_jwk(kid="k0")
    offers = [KeyOffer(first), *(KeyOffer(public_jwk(kid=f"k{number}")) for number in range(1, 5))]
    for offer in offers:
        await keys.add(clients_of_two, OPERATOR, NOW, client_id="c1", offer=offer)
    sixth = KeyOffer(public_jwk(kid="k5"))
    assert (await refusal(clients_of_two, sixth)).reason is Reason.KEY_REFUSED
    await keys.add(clients_of_two, OPERATOR, NOW + 1, client_id="c1", offer=KeyOffer(first))
    await keys.remove(clients_of_two, OPERATOR, NOW, client_id="c1", kid="k1")
    await keys.add(clients_of_two, OPERATOR, NOW, client_id="c1", offer=sixth)
    after = NOW + KEY_LIFE
    await keys.add(clients_of_two, OPERATOR, after, client_id="c1", offer=KeyOffer(public_jwk(kid="k6")))


async def test_a_removed_key_comes_back_only_explicitly(clients_of_two: RegistryStore) -> None:
    """Removing twice is as once; posting the key again is refused unless it is said to be reactivated."""
    jwk = public_jwk(kid="k")
    await keys.add(clients_of_two, OPERATOR, NOW, client_id="c1", offer=KeyOffer(jwk))
    for _ in range(2):
        assert not (await keys.remove(clients_of_two, OPERATOR, NOW, client_id="c1", kid="k")).active
    assert (await refusal(clients_of_two, KeyOffer(jwk))).reason is Reason.CONFLICT
    back = await keys.add(clients_of_two, OPERATOR, NOW, client_id="c1", offer=KeyOffer(jwk, reactivate=True))
    assert back.active
    with pytest.raises(Refusal) as unknown:
        await keys.remove(clients_of_two, OPERATOR, NOW, client_id="c1", kid="no")
    assert unknown.value.reason is Reason.NOT_FOUND


async def test_a_deactivated_client_gets_no_key_but_loses_one(clients_of_two: RegistryStore) -> None:
    """A key is added to active clients alone and removed from any."""
    await keys.add(clients_of_two, OPERATOR, NOW, client_id="c1", offer=KeyOffer(public_jwk(kid="k")))
    await clients.set_active(clients_of_two, OPERATOR, NOW, client_id="c1", active=False)
    assert (await refusal(clients_of_two, KeyOffer(public_jwk()))).reason is Reason.CONFLICT
    assert not (await keys.remove(clients_of_two, OPERATOR, NOW, client_id="c1", kid="k")).active


async def test_pem_is_taken_as_a_jwk_is(clients_of_two: RegistryStore) -> None:
    """A PEM public key gets the thumbprint as kid, or the kid that was asked for."""
    pem = ec.generate_private_key(ec.SECP384R1()).public_key()
    text = pem.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    key = await keys.add(clients_of_two, OPERATOR, NOW, client_id="c1", offer=KeyOffer(text))
    assert (key.alg, key.kid) == ("ES384", key.thumbprint)
    named = await keys.add(clients_of_two, OPERATOR, NOW, client_id="c2", offer=KeyOffer(text, kid="mine"))
    assert named.kid == "mine"


def example_keys() -> dict[str, dict[str, Any]]:
    """Return the public half of each example key by its file."""
    public = {"kty", "kid", "use", "alg", "crv", "x", "y", "n", "e"}
    found = {}
    for file in sorted(EXAMPLES.glob("*.jwks.json")):
        (jwk,) = json.loads(file.read_text(encoding="utf-8"))["keys"]
        found[file.name] = {member: value for member, value in jwk.items() if member in public}
    return found


@pytest.mark.parametrize("file", example_keys())
async def test_an_example_key_is_refused_unless_allowed(clients_of_two: RegistryStore, file: str) -> None:
    """Each published key is taken only where examples are allowed, under whatever kid it is offered."""
    jwk = example_keys()[file]
    assert (await refusal(clients_of_two, KeyOffer(jwk, kid="mine"))).reason is Reason.KEY_REFUSED
    allowed = KeyOffer(jwk, example_allowed=True)
    assert (await keys.add(clients_of_two, OPERATOR, NOW, client_id="c1", offer=allowed)).kid == jwk["kid"]


def test_the_folder_and_the_package_list_the_same_example_keys() -> None:
    """The published files, their list and the set that the registry refuses agree."""
    listed = json.loads((EXAMPLES / "thumbprints.json").read_text(encoding="utf-8"))["thumbprints"]
    computed = {
        file: keys.judge(KeyOffer(jwk, example_allowed=True), NOW).thumbprint for file, jwk in example_keys().items()
    }
    assert {row["file"]: row["thumbprint"] for row in listed} == computed
    assert frozenset(computed.values()) == THUMBPRINTS
