"""DPoP at an API: nonces, addresses, the memory of proofs, and the headers that bring them and certificates."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tillit import vectors
from tillit import (
    CertificateHeader,
    DpopKey,
    DpopNonces,
    DpopVerifier,
    InvalidProof,
    InvalidRequest,
    MissingToken,
    NonceWanted,
    Presented,
    RecentProofs,
)
from tillit.core.challenges import errors_in
from tillit.core.htu import NotAnAddress, normal_htu

NOW = 1_800_000_000
URL = "https://api.example.no/people"
HOSTS = st.from_regex(r"[a-z0-9]{1,8}(\.[a-z]{2,4})?", fullmatch=True)
PATHS = st.lists(st.text(max_size=6), max_size=4).map(lambda names: "/" + "/".join(quote(n, safe="") for n in names))


def test_nonces_end_and_are_not_forged() -> None:
    """A nonce is good for its lifetime, with the secret that made it, and with every bit of it."""
    nonces = DpopNonces(b"s" * 32, lifetime=300)
    nonce = nonces.make(NOW)
    assert nonces.holds(nonce, NOW + 300)
    assert not nonces.holds(nonce, NOW + 301)
    assert not nonces.holds(nonce, NOW - 61)
    assert not DpopNonces(b"t" * 32).holds(nonce, NOW)
    assert not any(nonces.holds(wrong, NOW) for wrong in ("", "x", nonce[:-2], nonce + "AA", "B" + nonce[1:]))


def test_api_gives_its_nonce_with_the_refusal() -> None:
    """A proof without the nonce is answered with one, which is then taken."""
    key, verifier = DpopKey.generate(), DpopVerifier("https://api.example.no", nonces=DpopNonces(b"s" * 32))

    def shown(nonce: str | None) -> Presented:
        return Presented("DPoP", "t", "GET", "/people", (key.proof("GET", URL, now=NOW, nonce=nonce, token="t"),))

    with pytest.raises(NonceWanted) as caught:
        verifier.verify(shown(None), key.thumbprint, NOW)
    headers = caught.value.challenge(dpop_algorithms=verifier.algorithms).headers
    assert 'DPoP error="use_dpop_nonce"' in headers["WWW-Authenticate"]
    verifier.verify(shown(headers["DPoP-Nonce"]), key.thumbprint, NOW)


def test_host_of_the_request_is_not_believed() -> None:
    """A proof made for another host is refused, though the request says that it was sent there."""
    key, verifier = DpopKey.generate(), DpopVerifier("https://api.example.no/base")
    evil = "https://evil.example.no/base/people"
    proof = key.proof("GET", evil, now=NOW, token="t")
    with pytest.raises(InvalidProof, match="another address"):
        verifier.verify(Presented("DPoP", "t", "GET", evil, (proof,)), key.thumbprint, NOW)
    good = key.proof("GET", "https://api.example.no/base/people", now=NOW, token="t")
    verifier.verify(Presented("DPoP", "t", "GET", "http://inside/people?a=b", (good,)), key.thumbprint, NOW)


@pytest.mark.parametrize("target", [".evil.example/people", ":8443/people", "people", "*"])
def test_a_target_that_is_no_path_does_not_lengthen_the_host(target: str) -> None:
    """A server may hand on whatever stood in the request line; with it no proof for another host becomes one for us."""
    key, verifier = DpopKey.generate(), DpopVerifier("https://api.example.no")
    address = f"https://api.example.no{target}"
    proof = key.proof("GET", address if target != "*" else URL, now=NOW, token="t")
    with pytest.raises(InvalidProof, match="cannot be told"):
        verifier.verify(Presented("DPoP", "t", "GET", target, (proof,)), key.thumbprint, NOW)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 20)), max_size=60), st.integers(1, 8))
def test_memory_never_takes_a_proof_twice(uses: list[tuple[int, int]], capacity: int) -> None:
    """However full it is and whatever comes in which order, nothing is new twice, and no more is kept than it may."""
    memory, taken = RecentProofs(capacity), set()
    for number, second in uses:
        if memory.first_use(bytes([number]), second + number, 20, 0):
            assert (number, second) not in taken
            taken.add((number, second))
        assert len(memory) <= capacity


def test_memory_lets_go_of_what_is_too_old() -> None:
    """What lies behind the horizon takes no room."""
    memory = RecentProofs(10)
    for second in range(100):
        assert memory.first_use(second.to_bytes(2), second, second, second - 5)
    assert len(memory) == 6


@given(HOSTS, PATHS)
def test_normal_address_is_its_own(host: str, path: str) -> None:
    """Normalising twice is normalising once, and capitals, the default port, query and fragment make no difference."""
    once = normal_htu(f"https://{host}{path}")
    assert normal_htu(once) == once
    assert normal_htu(f"HTTPS://{host.upper()}:443{path}?q=1#f") == once


@pytest.mark.parametrize(
    "uri",
    ["", "/a", "ftp://a/", "https://", "https://a\\b/", "https://a:x/", "https://u@a/", "https://a/%2", "https://æ/"],
)
def test_what_is_not_an_address(uri: str) -> None:
    """Anything but an absolute http or https URI in ASCII is refused."""
    with pytest.raises(NotAnAddress):
        normal_htu(uri)


def test_certificate_headers_are_read_strictly() -> None:
    """Three spellings of one certificate give it; two lines, other text or a cut one are refused; none is none."""
    cases = json.loads(vectors.FILE.with_name("certificate-binding.json").read_text(encoding="utf-8"))["cases"]
    pem: str = cases[0]["certificate"]
    body = "".join(pem.splitlines()[1:-1])
    nginx, envoy = CertificateHeader("X-Cert", "nginx"), CertificateHeader("X-Cert", "envoy")
    plain = CertificateHeader("Client-Cert", "rfc9440")
    found = {
        nginx.read([quote(pem)]),
        envoy.read([f'Hash=ab;Cert="{quote(pem)}";Subject="CN=a,O=b"']),
        plain.read([f":{body}:"]),
    }
    assert len(found) == 1
    assert None not in found
    assert nginx.read([""]) is None
    assert envoy.read(["Hash=ab"]) is None
    for header, lines in (
        (nginx, [quote(pem), quote(pem)]),
        (nginx, ["x"]),
        (nginx, [quote(pem.replace("MII", "MIJ", 1))]),
        (nginx, [f"{quote(pem)},{quote(pem)}"]),
        (nginx, [f"x,{quote(pem)}"]),
        (nginx, [f"{quote(pem)},x"]),
        (envoy, [f'Cert="{quote(pem)}",Cert="{quote(pem)}"']),
        (plain, [body]),
        (plain, [f":{body[:-8]}:"]),
    ):
        with pytest.raises(InvalidRequest):
            header.read(lines)


def test_credentials_are_read_strictly() -> None:
    """Both schemes in any capitals; other schemes are no token, and two lines or odd characters are malformed."""
    assert Presented.read(["dpop a.b.c"], dpop=["p"]).scheme == "DPoP"
    assert Presented.read(["BEARER  a.b.c "]).token == "a.b.c"
    for lines in ([], ["Basic x"], ["DPoPx a"]):
        with pytest.raises(MissingToken):
            Presented.read(lines)
    for lines in (["DPoP"], ["Bearer a b"], ["Bearer a", "DPoP b"], ["DPoP æ"]):
        with pytest.raises(InvalidRequest):
            Presented.read(lines)


def test_error_is_not_read_in_a_description() -> None:
    """Only the parameter counts, not what a text between quotes says."""
    lines = ['Bearer error_description="error=use_dpop_nonce", DPoP error="invalid_token", algs="ES256"']
    assert errors_in(lines) == {"invalid_token"}
