"""Authlib's authorization server in Flask with its jwt-bearer grant, served by waitress with four threads.

What Authlib leaves to its user is the least that works: one client in memory, and a set for spent assertions.
"""

from __future__ import annotations

import json
import os
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, InvalidGrantError
from authlib.oauth2.rfc7523 import JWTBearerGrant
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import Flask, Response
from joserfc.jwk import Key, KeySet, import_key
from waitress import serve  # type: ignore[import-untyped]

THREADS = 4
SETTINGS: dict[str, Any] = json.loads(os.environ["BENCH_SETTINGS"])


class Client(ClientMixin):  # type: ignore[misc]
    """The one client."""

    key = import_key(SETTINGS["client_jwk"])

    def get_client_id(self) -> str:
        return str(SETTINGS["client_id"])

    def get_allowed_scope(self, scope: str) -> str:
        return scope if scope == "bench:read" else ""

    def check_grant_type(self, grant_type: str) -> bool:
        return bool(grant_type == JWTBearerGrant.GRANT_TYPE)


class Grant(JWTBearerGrant):  # type: ignore[misc]
    """The grant, with the replay check that Authlib leaves to its user."""

    client = Client()
    spent: set[str] = set()  # noqa: RUF012 - Authlib makes a grant for each request; what it remembers is the class's

    def resolve_issuer_client(self, issuer: str) -> Client | None:
        return self.client if issuer == self.client.get_client_id() else None

    def resolve_client_public_key(self, client: Client) -> Key:
        return client.key

    def get_audiences(self) -> list[str]:
        return [SETTINGS["issuer"]]

    def process_assertion_claims(self, assertion: str) -> Any:
        claims = super().process_assertion_claims(assertion)
        if claims["jti"] in self.spent:
            raise InvalidGrantError("This assertion was used before.")
        self.spent.add(claims["jti"])
        return claims

    def authenticate_user(self, subject: str) -> None:
        """There is no user: the client acts for itself."""

    def has_granted_permission(self, client: Client, user: object) -> bool:
        return True


class Tokens(JWTBearerTokenGenerator):  # type: ignore[misc]
    """RFC 9068 tokens, signed with one key."""

    keys = KeySet([import_key(SETTINGS["token_jwk"])])

    def get_jwks(self) -> KeySet:
        return self.keys


def application() -> Flask:
    """Build the Flask application with its one route."""
    app = Flask(__name__)
    server = AuthorizationServer(app, query_client=lambda _: Grant.client, save_token=lambda *_: None)
    server.register_grant(Grant)
    server.register_token_generator("default", Tokens(SETTINGS["issuer"], alg=SETTINGS["token_alg"]))

    @app.post("/token")
    def token() -> Response:
        answer: Response = server.create_token_response()
        return answer

    return app


if __name__ == "__main__":
    # One process on one core, as every server here; Authlib and Flask are synchronous, so connections share threads.
    serve(application(), host="127.0.0.1", port=SETTINGS["port"], threads=THREADS, channel_timeout=75, ident=None)
