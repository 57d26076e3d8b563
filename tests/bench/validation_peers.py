"""Other libraries, each told to see to the same things: key, algorithm, type, issuer, audience, expiry, scope.

What a library can check by itself it is left to check; the rest is done here the way its documentation shows.
"""

from __future__ import annotations

import shutil
import subprocess
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Any

import jwt
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from joserfc import jwk as jose_jwk
from joserfc import jwt as jose_jwt

from tests.bench.peer_servers import HERE
from tests.bench.validation_task import API, ISSUER, SCOPE, Task, Validate

_REQUIRED = ("iss", "aud", "exp", "iat", "sub", "client_id", "jti")


def pyjwt(task: Task) -> Validate:
    """PyJWT: the key by its id, then one decode."""
    keys = jwt.PyJWKSet.from_dict({"keys": [task.jwk]})
    algorithms = [task.alg]
    options: Any = {"require": list(_REQUIRED)}

    def validate(token: str) -> object:
        key = keys[jwt.get_unverified_header(token)["kid"]]
        read = jwt.decode_complete(token, key, algorithms, options=options, audience=API, issuer=ISSUER)
        _see_type(read["header"])
        _see_scope(read["payload"])
        return read["payload"]

    return validate


def joserfc(task: Task) -> Validate:
    """joserfc: decode with a key set, then its claims registry."""
    keys = _key_set(task)
    required: Any = {name: {"essential": True} for name in _REQUIRED}
    registry = jose_jwt.JWTClaimsRegistry(
        **required | {"iss": {"essential": True, "value": ISSUER}, "aud": {"essential": True, "value": API}}
    )
    algorithms = [task.alg]

    def validate(token: str) -> object:
        read = jose_jwt.decode(token, keys, algorithms)
        _see_type(read.header)
        registry.validate(read.claims)
        _see_scope(read.claims)
        return read.claims

    return validate


def authlib(task: Task) -> Validate:
    """Authlib: its validator of RFC 9068 tokens, whose keys are prepared."""
    keys = _key_set(task)

    class Validator(JWTBearerTokenValidator):  # type: ignore[misc]  # Authlib has no types
        def get_jwks(self) -> jose_jwk.KeySet:
            return keys

    validator = Validator(ISSUER, API)

    def validate(token: str) -> object:
        read = validator.authenticate_token(token)
        _see_type(read.header)
        if read.header["alg"] != task.alg:
            raise ValueError("another algorithm")
        validator.validate_token(read, [SCOPE], None)
        return read

    return validate


def _key_set(task: Task) -> jose_jwk.KeySet:
    document: Any = {"keys": [task.jwk]}
    return jose_jwk.KeySet.import_key_set(document)


def _see_type(header: Mapping[str, Any]) -> None:
    if header.get("typ") != "at+jwt":
        raise ValueError("another type")


def _see_scope(claims: Mapping[str, Any]) -> None:
    if SCOPE not in claims["scope"].split():
        raise ValueError("the scope is missing")


def signature_alone(task: Task) -> Callable[[], object]:
    """What no validator of unseen tokens can be cheaper than: the signature of one token, and nothing else."""
    signing_input, _, signature = task.good[0].rpartition(".")
    data, proof = signing_input.encode(), _bytes(signature)
    key, sha256 = jwt.PyJWK(task.jwk).key, hashes.SHA256()
    if isinstance(key, rsa.RSAPublicKey):
        pkcs1 = padding.PKCS1v15()
        return lambda: key.verify(proof, data, pkcs1, sha256)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError(f"tokens of the bench are signed with RSA and P-256 keys, not {type(key).__name__}")
    ecdsa, half = ec.ECDSA(sha256), len(proof) // 2
    der = utils.encode_dss_signature(int.from_bytes(proof[:half]), int.from_bytes(proof[half:]))
    return lambda: key.verify(der, data, ecdsa)


def node_script() -> str:
    """The script that measures npm `jose`, with its packages in place. Raises FileNotFoundError when they cannot be."""
    if not (HERE / "node_modules" / "jose").exists():
        npm = shutil.which("npm")
        if npm is None:
            raise FileNotFoundError("npm is absent")
        command = [npm, "ci", "--silent", "--no-audit", "--no-fund"]
        if subprocess.run(command, cwd=HERE, capture_output=True, check=False).returncode:
            raise FileNotFoundError("npm ci could not install jose")
    return str(HERE / "validate.mjs")


def segment(text: str) -> bytes:
    """A part of a compact JWS."""
    return base64url(text.encode())


def base64url(data: bytes) -> bytes:
    """base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=")


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
