"""DPoP by itself: what a client makes, keeps and refuses."""

from __future__ import annotations

import asyncio
import json
import pickle
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.tillit.by_hand import unb64
from tests.tillit.conftest import Keys
from tests.tillit.stub import Answer, ManualClock, StubAuthority
from tillit import (
    AsyncTokenClient,
    BearerAuth,
    ClientConfig,
    ConfigError,
    DpopAuth,
    DpopKey,
    MalformedResponse,
    Rejected,
    TokenClient,
    signers,
)

NOW = 1_800_000_000
URL = "https://api.example.no/people"


def part(proof: str, index: int) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(unb64(proof.split(".")[index]))
    return members


def bound_config(authority: StubAuthority, keys: Keys, **changes: Any) -> ClientConfig:
    signer = signers.from_pem(keys.pem(keys.ed25519), kid="k1")
    return ClientConfig(authority.issuer, "client-1", signer, **{"dpop": True, **changes})


def granted(kind: str = "DPoP", **headers: str) -> Answer:
    body = {"access_token": "a.b.c", "token_type": kind, "expires_in": 600, "scope": "a:b"}
    return Answer(200, json.dumps(body).encode(), headers)


@pytest.mark.parametrize("alg", ["ES256", "ES384", "Ed25519"])
def test_proof_says_what_it_is_for(alg: str) -> None:
    """A proof names method, address without query, time and token, has its own jti, and holds no private member."""
    key = DpopKey.generate(alg)
    proofs = [key.proof("GET", f"{URL}?pid=1#x", now=NOW, nonce="n", token="t") for _ in range(2)]
    header, claims = part(proofs[0], 0), part(proofs[0], 1)
    assert header["typ"] == "dpop+jwt"
    assert header["alg"] == alg
    assert "d" not in header["jwk"]
    assert claims["jti"] != part(proofs[1], 1)["jti"]
    assert {name: claims[name] for name in ("htm", "htu", "iat", "nonce")} == {
        "htm": "GET",
        "htu": URL,
        "iat": NOW,
        "nonce": "n",
    }


def test_key_does_not_leave_the_process() -> None:
    """A key shows its thumbprint only, and is not pickled."""
    key = DpopKey.generate()
    assert key.thumbprint in repr(key)
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(ConfigError):
        DpopKey.generate("RS256")


def test_bearer_token_in_answer_to_a_proof_is_refused(authority: StubAuthority, keys: Keys, clock: ManualClock) -> None:
    """A token that is bound to nothing is taken only where that was said."""
    with TokenClient(bound_config(authority, keys), clock=clock) as client, pytest.raises(MalformedResponse):
        client.get("a:b")
    with TokenClient(bound_config(authority, keys, dpop_optional=True), clock=clock) as client:
        assert client.get("a:b").authorization.startswith("Bearer ")


def test_dpop_token_is_refused_by_a_client_without_key(
    authority: StubAuthority, config: ClientConfig, clock: ManualClock
) -> None:
    """Nor is a DPoP token of use to whoever has no key."""
    authority.scripts["/token"].append(granted())
    with TokenClient(config, clock=clock) as client, pytest.raises(MalformedResponse):
        client.get("a:b")


def test_nonce_is_given_once_and_kept(authority: StubAuthority, keys: Keys, clock: ManualClock) -> None:
    """One repetition with the nonce, signed anew, also from a loop; an authority that asks for ever is refused."""
    wanted = Answer.error(400, "use_dpop_nonce", DPoP_Nonce="n-1")
    authority.scripts["/token"].extend([wanted, granted(), granted()])
    with TokenClient(bound_config(authority, keys), clock=clock) as client:
        assert client.get("a:b").authorization == "DPoP a.b.c"
        client.get("c:d")
    assert authority.hits["/token"] == 3
    assert len(authority.jtis) == 3

    async def ask() -> None:
        async with AsyncTokenClient(bound_config(authority, keys), clock=clock) as client:
            authority.scripts["/token"].extend([wanted, granted()])
            assert (await client.get("a:b")).token_type == "DPoP"
            authority.scripts["/token"].extend([wanted, wanted])
            with pytest.raises(Rejected, match="use_dpop_nonce"):
                await client.get("c:d")

    asyncio.run(ask())
    assert authority.hits["/token"] == 7


def test_tokens_of_two_keys_are_kept_apart(
    authority: StubAuthority, keys: Keys, clock: ManualClock, tmp_path: Path
) -> None:
    """A shared store never hands a token to a process with another key; one with the same key gets it as it is."""
    key = DpopKey.generate()
    store = {"token_cache": f"file:{tmp_path}"}
    for dpop, hits in ((key, 1), (key, 1), (DpopKey.generate(), 2)):
        authority.scripts["/token"].clear()
        authority.scripts["/token"].append(granted())
        with TokenClient(bound_config(authority, keys, dpop=dpop, **store), clock=clock) as client:
            assert client.get("a:b").token_type == "DPoP"
        assert authority.hits["/token"] == hits


def test_auth_objects_go_with_their_clients(authority: StubAuthority, keys: Keys, config: ClientConfig) -> None:
    """BearerAuth would send a bound token without proof, and DpopAuth has nothing to prove without a key."""
    with pytest.raises(ConfigError, match="DpopAuth"):
        BearerAuth(TokenClient(bound_config(authority, keys)))
    with pytest.raises(ConfigError, match="dpop"):
        DpopAuth(TokenClient(config))


def test_refused_token_is_replaced_once(authority: StubAuthority, keys: Keys, clock: ManualClock) -> None:
    """A 401 that names the token leads to a new token; one that does not is the caller's."""
    answers = ['DPoP error="invalid_token"', None, 'DPoP error="invalid_dpop_proof"']
    seen: list[str] = []

    def api(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["DPoP"])
        challenge = answers.pop(0)
        return (
            httpx2.Response(200) if challenge is None else httpx2.Response(401, headers={"WWW-Authenticate": challenge})
        )

    authority.scripts["/token"].extend([granted(), granted()])
    with TokenClient(bound_config(authority, keys), clock=clock) as client:
        client.get("a:b")
        clock.advance(60)
        with httpx2.Client(auth=DpopAuth(client, "a:b"), transport=httpx2.MockTransport(api)) as http:
            assert http.post(URL).status_code == 200
            assert http.post(URL).status_code == 401
    assert authority.hits["/token"] == 2
    assert len({part(proof, 1)["jti"] for proof in seen}) == 3


def test_whom_a_redirect_leads_to_has_no_say(authority: StubAuthority, keys: Keys, clock: ManualClock) -> None:
    """Another host gets no token, gives no nonce for the one that was asked, and does not cost the token its place."""
    seen: list[httpx2.Request] = []

    def anybody(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        if request.url.host == "api.example.no":
            return httpx2.Response(307, headers={"Location": "https://elsewhere.example.no/"})
        wanted = {
            "WWW-Authenticate": 'DPoP error="use_dpop_nonce", Bearer error="invalid_token"',
            "DPoP-Nonce": "theirs",
        }
        return httpx2.Response(401, headers=wanted)

    async def awaited(client: AsyncTokenClient) -> None:
        transport = httpx2.MockTransport(anybody)
        async with httpx2.AsyncClient(auth=DpopAuth(client, "a:b"), transport=transport, follow_redirects=True) as http:
            await client.get("a:b")
            clock.advance(60)
            assert [(await http.get(URL)).status_code for _ in range(2)] == [401, 401]

    authority.scripts["/token"].extend([granted(), granted()])
    with TokenClient(bound_config(authority, keys), clock=clock) as client:
        client.get("a:b")
        clock.advance(60)
        transport = httpx2.MockTransport(anybody)
        with httpx2.Client(auth=DpopAuth(client, "a:b"), transport=transport, follow_redirects=True) as http:
            assert [http.get(URL).status_code for _ in range(2)] == [401, 401]
    asyncio.run(awaited(AsyncTokenClient(bound_config(authority, keys), clock=clock)))
    assert authority.hits["/token"] == 2
    assert [request.url.host for request in seen] == ["api.example.no", "elsewhere.example.no"] * 4
    assert not any("Authorization" in request.headers for request in seen[1::2])
    assert not any("nonce" in part(request.headers["DPoP"], 1) for request in seen[::2])
