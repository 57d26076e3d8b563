"""The public endpoints of a light authority: token, keys and metadata, as plain functions over requests."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from email.utils import formatdate
from typing import Any, Final

from tillit.core.authority import WELL_KNOWN
from tillit.testing import assertions, status_lists
from tillit.testing.assertions import RULES
from tillit.testing.claims import Asked, Claims
from tillit.testing.forms import CLIENT_CREDENTIALS, Request, TokenForm, judge_head, read_form
from tillit.testing.granting import Grant, authorize
from tillit.testing.keys import SigningKeys
from tillit.testing.refusals import Answer, Refused, json_answer
from tillit.testing.registry import Client, Profile, Registry

_PATHS: Final = {
    "/token": "token",
    "/jwk": "jwks",
    "/jwks": "jwks",
    "/.well-known/jwks.json": "jwks",
    status_lists.PATH: "status",
    WELL_KNOWN: "metadata",
    "/.well-known/openid-configuration": "metadata",
}


def endpoint_of(path: str) -> str:
    """Which endpoint a path leads to; empty for none."""
    return _PATHS.get(path.partition("?")[0], "")


class Endpoints:
    """What answers requests, once it is known when: each method takes `now` in whole seconds."""

    def __init__(self, registry: Registry, keys: SigningKeys, profile: Profile) -> None:
        self.registry = registry
        self.keys = keys
        self.profile = profile
        self._spent: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def answer(self, request: Request, issuer: str, now: int) -> Answer:
        """The answer to one request, with the `Date` that clients measure their clock by."""
        endpoint = endpoint_of(request.path)
        if endpoint == "token":
            answer = self._token(request, issuer, now)
        elif not endpoint:
            answer = Answer(404, {}, b"")
        elif request.method not in ("GET", "HEAD"):
            answer = Answer(405, {"allow": "GET, HEAD"}, b"")
        elif endpoint == "status":
            answer = status_lists.signed(self.registry, self.keys, issuer, now)
        else:
            document = self.keys.jwks() if endpoint == "jwks" else self._metadata(issuer)
            answer = _document(request, document)
        return Answer(answer.status, {"date": formatdate(now, usegmt=True), **answer.headers}, answer.body)

    def _metadata(self, issuer: str) -> dict[str, Any]:
        rules, base = RULES[self.profile], issuer.rstrip("/")
        return {
            "issuer": issuer,
            "token_endpoint": f"{base}/token",
            "jwks_uri": f"{base}/jwk",
            "grant_types_supported": sorted(rules.grants, key=lambda grant: grant == CLIENT_CREDENTIALS),
            "response_types_supported": [],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": sorted(rules.algorithms),
            "profile": self.profile,
        }

    def _token(self, request: Request, issuer: str, now: int) -> Answer:
        form: TokenForm | None = None
        try:
            judge_head(request)
            form = read_form(request.body)
            return json_answer(200, self._issue(self._decide(form, issuer, now), now))
        except Refused as refused:
            authenticates = form is not None and form.authenticates
            status, members = refused.body(uuid.uuid4().hex, profile=self.profile, authenticates=authenticates)
            return json_answer(status, members, {"allow": "POST"} if refused.reason == "method" else None)

    def _decide(self, form: TokenForm, issuer: str, now: int) -> Grant:
        assertion = assertions.read(form)
        sender = assertion.claims.get("iss")
        client = self.registry.clients.get(sender) if isinstance(sender, str) else None
        if client is None:
            raise Refused("client.unknown")
        profile = client.profile or self.profile
        rules = RULES[profile]
        assertions.prove(assertion, client, rules, now)
        asked = Claims(assertion, form, rules).judge(client.id, issuer, now)
        granted = authorize(self.registry, client, asked, profile, issuer, now)
        # Only what would be granted is spent, as at a real authority: a refusal can be mended and sent again.
        self._spend(client, asked, now)
        return granted

    def _spend(self, client: Client, asked: Asked, now: int) -> None:
        with self._lock:
            for name in [name for name, until in self._spent.items() if until <= now]:
                del self._spent[name]
            if (client.id, asked.once) in self._spent:
                raise Refused("replayed")
            self._spent[client.id, asked.once] = asked.remember_until

    def _issue(self, granted: Grant, now: int) -> dict[str, Any]:
        shape = granted.shape
        token = self.keys.current(shape.alg).jwt({**granted.claims, "jti": str(uuid.uuid4())}, {"typ": shape.typ})
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": granted.expires_at - now,
            "scope": " ".join(granted.scopes),
        }


def published_algorithms(profile: Profile) -> tuple[str, ...]:
    """Of which algorithms an authority of this profile shows keys from the start: strict readers take RSA alone."""
    return ("RS256",) if profile == "maskinporten" else ("ES256", "RS256")


def _document(request: Request, document: dict[str, Any]) -> Answer:
    body = json.dumps(document, separators=(",", ":")).encode("ascii")
    tag = f'"{hashlib.sha256(body).hexdigest()}"'
    headers = {"content-type": "application/json", "etag": tag, "cache-control": "public, max-age=3600"}
    if request.headers.get("if-none-match") == tag:
        return Answer(304, headers, b"")
    return Answer(200, headers, body)
