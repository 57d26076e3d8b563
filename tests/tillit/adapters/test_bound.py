"""Tokens that are bound to a client certificate, through the adapters."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.tillit.adapters import django_api, matrix
from tests.tillit.adapters.calls import asgi_caller, wsgi_caller
from tests.tillit.adapters.matrix import NEEDED, Case
from tests.tillit.by_hand import b64, compact, unb64
from tests.tillit.vector_keys import vector_keys
from tillit import Rule, wsgi
from tillit.asgi import TokenMiddleware


def certificate() -> bytes:
    """A certificate that signs itself, as DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + dt.timedelta(days=9))
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.fixture(scope="module")
def der() -> bytes:
    return certificate()


@pytest.fixture(scope="module")
def bound(der: bytes) -> Case:
    thumbprint = b64(hashlib.sha256(der).digest())
    head, claims, _ = matrix.token().split(".")
    bound = json.loads(unb64(claims)) | {"cnf": {"x5t#S256": thumbprint}}
    token = compact(vector_keys("authority")["ES256"], "ES256", json.loads(unb64(head)), bound)
    return Case("bound", "ok", matrix.sent(f"Bearer {token}"))


@pytest.mark.parametrize("adapter", ["asgi", "wsgi", "django"])
def test_a_bound_token_needs_its_certificate(adapter: str, der: bytes, bound: Case) -> None:
    """With the certificate that the connection proved it is good; with none, or another, it is not."""
    for shown, status in ((der, 200), (None, 401), (certificate(), 401)):
        assert answered(adapter, shown, bound) == status


def answered(adapter: str, shown: bytes | None, case: Case) -> int:
    """The status of a request over a connection with a certificate."""
    validator, rules = matrix.validator(), [Rule("/", NEEDED)]
    if adapter == "django":
        settings = {"VALIDATOR": validator, "RULES": rules, "CERTIFICATE": lambda request: request.META["certificate"]}
        with django_api.application(settings) as app:
            return wsgi_caller(app, b"/x", certificate=shown)(case).status
    if adapter == "wsgi":
        guarded = wsgi.TokenMiddleware(
            _wsgi_app, validator, rules=rules, certificate=lambda environ: environ["certificate"]
        )
        return wsgi_caller(guarded, certificate=shown)(case).status
    middleware = TokenMiddleware(_asgi_app, validator, rules=rules, certificate=lambda scope: scope["certificate"])
    with asyncio.Runner() as runner:
        return asgi_caller(middleware, runner, certificate=shown)(case).status


async def _asgi_app(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body"})


def _wsgi_app(_environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return []
