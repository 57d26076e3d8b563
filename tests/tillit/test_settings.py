"""Keys in every form, and settings from the environment."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests.tillit.by_hand import public_jwk
from tests.tillit.conftest import Keys
from tests.tillit.stub import Answer, StubAuthority
from tillit import (
    Authority,
    ClientConfig,
    ConfigError,
    Discovery,
    RetryPolicy,
    TokenClient,
    TokenError,
    TokenRequest,
    signers,
)


def private_jwk(keys: Keys, **members: Any) -> dict[str, Any]:
    """The Ed25519 key as a private JWK."""
    return {**json.loads(OKPAlgorithm.to_jwk(keys.ed25519)), **members}


def forms(keys: Keys, folder: Path) -> dict[str, str]:
    """One key in every form that people keep keys in."""
    pem, jwk = keys.pem(keys.ed25519), json.dumps(private_jwk(keys))
    (folder / "key.pem").write_text(pem)
    (folder / "key.jwk").write_text(jwk)
    return {
        "jwk": jwk,
        "jwk with white space": f"\n {jwk} \n",
        "base64 jwk": base64.b64encode(jwk.encode()).decode(),
        "base64url jwk": base64.urlsafe_b64encode(jwk.encode()).decode().rstrip("="),
        "pem": pem,
        "pem on one line": pem.replace("\n", "\\n"),
        "pem on one line, quoted": '"' + pem.replace("\n", "\\n") + '"',
        "pem with CR LF": pem.replace("\n", "\r\n"),
        "base64 pem": base64.b64encode(pem.encode()).decode(),
        "path of pem": str(folder / "key.pem"),
        "path of jwk": str(folder / "key.jwk"),
    }


def test_every_form_gives_the_same_key(keys: Keys, tmp_path: Path) -> None:
    """A key is the same key in whichever form it is given; its id defaults to its thumbprint."""
    expected = signers.from_pem(keys.pem(keys.ed25519))
    for name, text in forms(keys, tmp_path).items():
        signer = signers.from_text(text)
        assert signer.thumbprint == expected.thumbprint, name
        assert signer.header() == {"kid": expected.thumbprint}, name
        keys.ed25519.public_key().verify(bytes(signer.sign(b"x")), b"x")


@pytest.mark.parametrize(("attribute", "alg"), [("rsa2048", "RS256"), ("p256", "ES256"), ("p384", "ES384")])
def test_algorithm_follows_the_key(keys: Keys, attribute: str, alg: str) -> None:
    """Without an alg, a key has the one its type suggests."""
    assert signers.from_pem(keys.pem(getattr(keys, attribute))).alg == alg


def test_jwk_members_are_honoured(keys: Keys) -> None:
    """Kid and alg of the JWK hold, explicit ones win, EdDSA means Ed25519."""
    assert signers.from_jwk(private_jwk(keys, kid="k", alg="EdDSA")).header() == {"kid": "k"}
    assert signers.from_jwk(private_jwk(keys, kid="k", alg="EdDSA")).alg == "Ed25519"
    assert signers.from_jwk(private_jwk(keys, kid="k"), kid="other").header() == {"kid": "other"}
    assert signers.from_pem(keys.pem(keys.rsa2048), alg="PS256").alg == "PS256"


def bad_keys(keys: Keys) -> dict[str, Callable[[], object]]:
    """Ways to give a key that cannot work."""
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - to be refused
    odd = rsa.generate_private_key(3, 2048)
    p521 = ec.generate_private_key(ec.SECP521R1())
    pem = keys.pem(keys.p256)
    rsa_jwk = json.loads(RSAAlgorithm.to_jwk(keys.rsa2048))
    ec_jwk = json.loads(ECAlgorithm.to_jwk(keys.p256))
    return {
        "weak": lambda: signers.from_pem(keys.pem(weak)),
        "exponent 3": lambda: signers.from_pem(keys.pem(odd)),
        "P-521": lambda: signers.from_pem(keys.pem(p521)),
        "public jwk": lambda: signers.from_jwk(public_jwk(keys.p256, "k", "ES256")),
        "symmetric": lambda: signers.from_jwk({"kty": "oct", "k": "AAAA", "d": "x"}),
        "wrong alg": lambda: signers.from_pem(pem, alg="RS256"),
        "HS256": lambda: signers.from_pem(pem, alg="HS256"),
        "alg a number": lambda: signers.from_jwk({**ec_jwk, "alg": 1}),
        "broken jwk": lambda: signers.from_jwk({**rsa_jwk, "n": rsa_jwk["n"][:50]}),
        "mixed jwk": lambda: signers.from_jwk({**ec_jwk, "x": ec_jwk["y"]}),
        "broken pem": lambda: signers.from_pem(pem[: len(pem) // 2]),
        "truncated jwk": lambda: signers.from_text(json.dumps(rsa_jwk)[:-20]),
        "key body without its frame": lambda: signers.from_text("".join(pem.splitlines()[1:-1])),
        "long body without its frame": lambda: signers.from_text(
            "".join(keys.pem(keys.rsa2048).splitlines()[1:-1])[:900]
        ),
        "empty": lambda: signers.from_text(""),
        "unknown algorithm": lambda: signers.from_callable("HS256", "k", bytes),
        "callable without kid": lambda: signers.from_callable("ES256", "", bytes),
    }


def test_keys_that_cannot_work_fail_without_being_shown(keys: Keys) -> None:
    """Each fails when it is loaded, with a ConfigError that holds no part of it, nor does its chain of causes."""
    secrets = [line for key in (keys.p256, keys.rsa2048) for line in keys.pem(key).splitlines()[1:-1]]
    for name, make in bad_keys(keys).items():
        with pytest.raises(ConfigError) as caught:
            make()
        error: BaseException | None = caught.value
        while error is not None:
            shown = "" if error.__suppress_context__ and error is not caught.value else str(error)
            assert not any(line[:16] in shown for line in secrets), name
            error = error.__cause__


def test_signers_do_not_show_or_pickle_their_key(keys: Keys) -> None:
    """Repr has algorithm and thumbprint only."""
    signer = signers.from_jwk(private_jwk(keys, kid="k"))
    assert repr(signer) == f"LocalSigner(alg='Ed25519', thumbprint='{signer.thumbprint}')"
    with pytest.raises(TypeError):
        signer.__reduce__()


def test_nais_names_are_enough(authority: StubAuthority, keys: Keys) -> None:
    """The environment of a nais application works as it is."""
    environ = {
        "MASKINPORTEN_CLIENT_ID": "client-1",
        "MASKINPORTEN_CLIENT_JWK": json.dumps(private_jwk(keys, kid="k1", alg="EdDSA")),
        "MASKINPORTEN_SCOPES": "a:b c:d",
        "MASKINPORTEN_WELL_KNOWN_URL": authority.url + "/.well-known/oauth-authorization-server",
    }
    TokenClient.from_env(environ=environ).get()
    assert authority.assertions[0]["scope"] == "a:b c:d"
    assert authority.assertions[0]["aud"] == authority.issuer


def test_own_names_win_and_families_are_not_mixed(keys: Keys) -> None:
    """With one TILLIT_ variable set, MASKINPORTEN_ ones do not fill the gaps; an explicit prefix has no fallback."""
    pem = keys.pem(keys.ed25519)
    other = {"MASKINPORTEN_CLIENT_ID": "m", "MASKINPORTEN_PRIVATE_KEY": pem, "MASKINPORTEN_ISSUER": "https://m.no/"}
    own = {"TILLIT_CLIENT_ID": "t", "TILLIT_PRIVATE_KEY": pem, "TILLIT_ISSUER": "https://t.no/", "TILLIT_KID": "k"}

    assert ClientConfig.from_env(environ=other).client_id == "m"
    both = ClientConfig.from_env(environ=own | other)
    assert (both.client_id, dict(both.signer.header())) == ("t", {"kid": "k"})
    with pytest.raises(ConfigError, match="TILLIT_CLIENT_ID"):
        ClientConfig.from_env(environ=other | {"TILLIT_ISSUER": "https://t.no/"})
    with pytest.raises(ConfigError, match="X_CLIENT_ID"):
        ClientConfig.from_env("X_", other)


def test_all_faults_are_reported_at_once(keys: Keys) -> None:
    """One message names every variable that is missing or wrong, and no value."""
    with pytest.raises(ConfigError) as nothing:
        ClientConfig.from_env(environ={})
    with pytest.raises(ConfigError) as wrong:
        ClientConfig.from_env(
            environ={"TILLIT_PRIVATE_KEY": "s3cret-text", "TILLIT_TOKEN_ENDPOINT": "https://t.no/token"}
        )

    for name in ("TILLIT_CLIENT_ID", "TILLIT_CLIENT_JWK", "TILLIT_ISSUER"):
        assert name in str(nothing.value)
    for name in ("TILLIT_CLIENT_ID", "TILLIT_PRIVATE_KEY", "TILLIT_ISSUER"):
        assert name in str(wrong.value)
    assert "s3cret" not in str(wrong.value)


def test_explicit_endpoints_need_no_metadata(keys: Keys) -> None:
    """ISSUER with TOKEN_ENDPOINT is a complete authority; other combinations are looked up, fields given winning."""
    base = {"TILLIT_CLIENT_ID": "t", "TILLIT_PRIVATE_KEY": keys.pem(keys.p256), "TILLIT_ISSUER": "https://t.no/"}
    known = ClientConfig.from_env(environ=base | {"TILLIT_TOKEN_ENDPOINT": "https://t.no/token"}).where
    looked_up = ClientConfig.from_env(environ=base | {"TILLIT_JWKS_URI": "https://keys.t.no/jwk"}).where
    assert known == Authority("https://t.no/", "https://t.no/token")
    assert isinstance(looked_up, Discovery)
    document = b'{"issuer":"https://t.no/","token_endpoint":"https://t.no/t","jwks_uri":"https://t.no/j"}'
    assert looked_up.resolve(document) == Authority("https://t.no/", "https://t.no/t", "https://keys.t.no/jwk")


@pytest.mark.parametrize(
    ("issuer", "address"),
    [
        ("https://a.no/", "https://a.no/.well-known/oauth-authorization-server"),
        ("https://a.no", "https://a.no/.well-known/oauth-authorization-server"),
        ("https://a.no/t/1/", "https://a.no/.well-known/oauth-authorization-server/t/1"),
        ("http://localhost:8080/", "http://localhost:8080/.well-known/oauth-authorization-server"),
        ("http://[::1]:8080/", "http://[::1]:8080/.well-known/oauth-authorization-server"),
    ],
)
def test_metadata_address(issuer: str, address: str) -> None:
    """The well-known part goes between host and path (RFC 8414 section 3), and finds the issuer again."""
    assert Discovery.of(issuer).metadata_url == address
    assert issuer in Discovery.at(address).issuers or issuer.rstrip("/") in Discovery.at(address).issuers


@pytest.mark.parametrize(
    "issuer",
    [
        "http://a.no/",
        "ftp://a.no/",
        "a.no",
        "",
        "https://u:p@a.no/",
        "https://a.no/#f",
        "https://a.no/?q",
        "http://[",
        "http://127.0.0.1.a.no/",
    ],
)
def test_issuers_that_are_refused(issuer: str) -> None:
    """Plain http beyond loopback, user names, fragments and non-URLs are errors at once."""
    with pytest.raises(ConfigError):
        Discovery.of(issuer)
    assert Discovery.of("http://authserver:8080/", allow_http=True).metadata_url


def test_nothing_secret_is_shown(
    authority: StubAuthority, config: ClientConfig, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither repr nor log nor error of anything on the way holds a token, an assertion or a person's number."""
    caplog.set_level(logging.DEBUG)
    client = TokenClient(config, retry=RetryPolicy(attempts=1))
    token = client.get(TokenRequest("a:b", pid="12345678901"))
    authority.scripts["/token"].append(Answer.error(400, "invalid_grant", f"bad assertion {token.value}"))
    with pytest.raises(TokenError) as caught:
        client.get("c:d")

    shown = [repr(thing) for thing in (token, config, client, client._store, config.signer, caught.value)]
    shown += [str(token), str(caught.value), caplog.text]
    for text in shown:
        assert token.value[:24] not in text
        assert token.value[-24:] not in text
        assert "12345678901" not in text
