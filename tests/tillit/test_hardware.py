"""Keys in a security module, by PKCS#11, with SoftHSM as the module."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tillit.signers import from_pkcs11

PIN, TOKEN = "1234", "tillit"
MODULES = ("/usr/lib/softhsm/libsofthsm2.so", os.environ.get("SOFTHSM2_MODULE", ""))


@pytest.fixture(scope="module")
def keys() -> dict[str, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey]:
    """What is put into the module."""
    return {"rsa": rsa.generate_private_key(65537, 2048), "ec": ec.generate_private_key(ec.SECP256R1())}


@pytest.fixture(scope="module")
def module(
    tmp_path_factory: pytest.TempPathFactory, keys: dict[str, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey]
) -> Iterator[str]:
    """The path of SoftHSM, with a token that holds the keys."""
    found, tool = next((path for path in MODULES if path and Path(path).exists()), None), shutil.which("softhsm2-util")
    if found is None or tool is None:
        pytest.skip("SoftHSM is not installed")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "conf").write_text(f"directories.tokendir = {folder}/tokens\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "conf"))
        common = [tool, "--module", found, "--pin", PIN]
        subprocess.run(
            [*common, "--init-token", "--free", "--label", TOKEN, "--so-pin", PIN], check=True, capture_output=True
        )
        for number, (label, key) in enumerate(keys.items()):
            file = folder / f"{label}.pem"
            file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            named = ["--token", TOKEN, "--label", label, "--id", f"{number:02x}"]
            subprocess.run([*common, "--import", str(file), *named], check=True, capture_output=True)
        yield found


@pytest.mark.parametrize(("alg", "label"), [("RS256", "rsa"), ("PS256", "rsa"), ("ES256", "ec")])
def test_a_key_in_a_module_signs(
    module: str, keys: dict[str, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey], alg: str, label: str
) -> None:
    """Its public half verifies the signature, also after the session was ended, and no other text."""
    signer = from_pkcs11(module, token_label=TOKEN, pin=PIN, alg=alg, kid="k1", key_label=label)
    verify(keys[label], alg, signer.sign(b"first"), b"first")
    signer.close()
    verify(keys[label], alg, signer.sign(b"second"), b"second")
    with pytest.raises(InvalidSignature):
        verify(keys[label], alg, signer.sign(b"second"), b"third")
    signer.close()
    assert PIN not in repr(signer)


def verify(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, alg: str, signature: bytes, data: bytes) -> None:
    """Raise InvalidSignature unless the signature is one of JWS over the data."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:]))
        key.public_key().verify(encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA256()))
    elif alg == "PS256":
        key.public_key().verify(signature, data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    else:
        key.public_key().verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
