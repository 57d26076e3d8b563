"""Settings by the names that others use, and certificates from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

from tests.tillit.conftest import Keys
from tests.tillit.test_signers import certificate, p12
from tillit import ClientConfig, ConfigError, Discovery


def test_certificate_and_environment_by_name(keys: Keys, tmp_path: Path) -> None:
    """P12_PATH with P12_PASSWORD is the key, ENVIRONMENT the authority, SCOPE another spelling of SCOPES."""
    leaf: list[x509.Certificate] = [
        certificate(keys.rsa2048, keys.p256, "leaf", "between"),
        certificate(keys.p256, keys.p384, "between", "root"),
        certificate(keys.p384, keys.p384, "root", "root"),
    ]
    environ = {
        "MASKINPORTEN_CLIENT_ID": "c",
        "MASKINPORTEN_P12_PATH": str(p12(tmp_path / "k.p12", keys, leaf)),
        "MASKINPORTEN_P12_PASSWORD": "pw",
        "MASKINPORTEN_ENVIRONMENT": "test",
        "MASKINPORTEN_SCOPE": "a:b",
    }
    config = ClientConfig.from_env(environ=environ)
    assert list(config.signer.header()) == ["x5c"]
    assert config.default_scopes == ("a:b",)
    assert config.where == Discovery.of("https://test.maskinporten.no/")
    named = ClientConfig.from_env(environ=environ | {"MASKINPORTEN_KID": "k"})
    assert named.signer.header() == {"kid": "k"}
    own = ClientConfig.from_env(environ=environ | {"MASKINPORTEN_ISSUER": "https://own.no/"})
    assert own.where == Discovery.of("https://own.no/")


def test_names_that_lead_nowhere(keys: Keys) -> None:
    """An unknown environment and an unreadable certificate file are named together, and no password is shown."""
    environ = {
        "TILLIT_CLIENT_ID": "c",
        "TILLIT_P12_PATH": "/nowhere/k.p12",
        "TILLIT_P12_PASSWORD": "s3cret",
        "TILLIT_ENVIRONMENT": "staging",
    }
    with pytest.raises(ConfigError) as caught:
        ClientConfig.from_env(environ=environ)
    assert "TILLIT_P12_PATH" in str(caught.value)
    assert "TILLIT_ENVIRONMENT" in str(caught.value)
    assert "s3cret" not in str(caught.value)
