"""What Maskinporten's clients send, byte for byte, and what each of them needs back.

They live in registries that a test cannot reach, so their requests are written out here: the header lines of the HTTP
stack they use in the order it writes them, the form as they encode it, and the JSON members in their order. Each
reader judges an answer by the rules of that client's own parser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.compat import readers
from tests.support.http import Answer
from tests.support.keys import as_json
from tests.support.registrar import RegisteredClient

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ESCAPED = GRANT.replace(":", "%3A")

# The lines of an HTTP request as each stack writes them, without the request line and the host.
APACHE = (
    "Charset: UTF-8",
    "Content-Type: application/x-www-form-urlencoded",
    "Accept-Encoding: gzip, x-gzip, deflate",
    "Content-Length: {length}",
    "Connection: keep-alive",
    "User-Agent: Apache-HttpClient/5.3.1 (Java/17.0.10)",
)
DOTNET = ("Content-Type: application/x-www-form-urlencoded", "Content-Length: {length}")
# Over plain HTTP, Java's own client asks with each request whether we would like to speak HTTP/2.
JDK = (
    "Connection: Upgrade, HTTP2-Settings",
    "Content-Length: {length}",
    "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
    "Upgrade: h2c",
    "User-Agent: Java-http-client/17.0.10",
    "Content-Type: application/x-www-form-urlencoded",
)
KTOR = (
    "Accept: application/json",
    "Accept-Charset: UTF-8",
    "User-Agent: ktor-client",
    "Content-Type: application/x-www-form-urlencoded",
    "Content-Length: {length}",
)
OKHTTP = (
    "Accept: */*",
    "Content-Type: application/x-www-form-urlencoded",
    "Content-Length: {length}",
    "Connection: Keep-Alive",
    "Accept-Encoding: gzip",
    "User-Agent: okhttp/4.12.0",
)
REQWEST = (
    "content-type: application/x-www-form-urlencoded",
    "accept: application/json",
    "content-length: {length}",
)
GO = (
    "User-Agent: Go-http-client/1.1",
    "Content-Length: {length}",
    "Content-Type: application/x-www-form-urlencoded",
    "Accept-Encoding: gzip",
)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What the user of a client library wants; `now` is in seconds, `jti` is for clients that send one."""

    client: RegisteredClient
    port: int
    now: int
    jti: str
    scope: str
    resource: str | None = None
    consumer_org: str | None = None


@dataclass(frozen=True)
class Imitation:
    """One client: what it sends for a wish, and how it reads the answer."""

    send: Callable[[Ask], bytes]
    read: Callable[[Ask, Answer], None]


def request(ask: Ask, body: str, *lines: str) -> bytes:
    """Write an HTTP request whose header lines are these."""
    head = "\r\n".join(("POST /token HTTP/1.1", f"Host: 127.0.0.1:{ask.port}", *lines))
    return f"{head}\r\n\r\n{body}".replace("{length}", str(len(body))).encode("ascii")


def sign(ask: Ask, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """Sign a header and claims with their members in this order, leaving out what is None."""
    return ask.client.key.jws(as_json(dict(header)), as_json({k: v for k, v in claims.items() if v is not None}))


def ks_java(ask: Ask) -> bytes:
    """ks-no/fiks-maskinporten: no `typ`, nothing escaped, a header line `Charset`."""
    claims = {
        "aud": ask.client.issuer,
        "iss": ask.client.id,
        "scope": ask.scope,
        "jti": ask.jti,
        "iat": ask.now,
        "exp": ask.now + 120,
        "consumer_org": ask.consumer_org,
        "resource": ask.resource,
    }
    assertion = sign(ask, {"kid": ask.client.key.kid, "alg": "RS256"}, claims)
    return request(ask, f"grant_type={GRANT}&assertion={assertion}", *APACHE)


def ks_dotnet(ask: Ask) -> bytes:
    """ks-no/fiks-maskinporten-client-dotnet: times as floats, the consumer in a header line too."""
    claims = {
        "iss": ask.client.id,
        "aud": ask.client.issuer,
        "iat": float(ask.now),
        "exp": float(ask.now + 120),
        "scope": ask.scope,
        "jti": ask.jti,
        "resource": ask.resource,
        "consumer_org": ask.consumer_org,
    }
    assertion = sign(ask, {"typ": "JWT", "alg": "RS256", "kid": ask.client.key.kid}, claims)
    consumer = () if ask.consumer_org is None else (f"consumer_org: {ask.consumer_org}",)
    body = f"grant_type={ESCAPED}&assertion={assertion}"
    return request(ask, body, "Cache-Control: no-cache", *consumer, "Charset: utf-8", *DOTNET)


def altinn_dotnet(ask: Ask) -> bytes:
    """Altinn/altinn-apiclient-maskinporten: an assertion lives ten seconds."""
    claims = {
        "aud": ask.client.issuer,
        "scope": ask.scope,
        "iss": ask.client.id,
        "exp": ask.now + 10,
        "iat": ask.now,
        "jti": ask.jti,
        "resource": ask.resource,
        "consumer_org": ask.consumer_org,
    }
    assertion = sign(ask, {"alg": "RS256", "kid": ask.client.key.kid, "typ": "JWT"}, claims)
    return request(ask, f"grant_type={ESCAPED}&assertion={assertion}", "Accept: application/json", *DOTNET)


def navikt(ask: Ask) -> bytes:
    """navikt/maskinporten-client, and pensjon-opptjening likewise: no `typ`, no `jti`, nothing escaped."""
    claims = {
        "aud": ask.client.issuer,
        "iss": ask.client.id,
        "scope": ask.scope,
        "resource": ask.resource,
        "iat": ask.now,
        "exp": ask.now + 120,
    }
    assertion = sign(ask, {"kid": ask.client.key.kid, "alg": "RS256"}, claims)
    return request(ask, f"grant_type={GRANT}&assertion={assertion}", *JDK)


def hag(ask: Ask) -> bytes:
    """navikt/hag-maskinporten-client: an assertion lives a minute."""
    claims = {
        "iss": ask.client.id,
        "aud": ask.client.issuer,
        "iat": ask.now,
        "exp": ask.now + 60,
        "scope": ask.scope,
        "consumer_org": ask.consumer_org,
        "jti": ask.jti,
    }
    assertion = sign(ask, {"kid": ask.client.key.kid, "typ": "JWT", "alg": "RS256"}, claims)
    return request(ask, f"grant_type={ESCAPED}&assertion={assertion}", *KTOR)


def oslokommune(ask: Ask) -> bytes:
    """oslokommune/maskinporten-klient: always acts for a consumer."""
    claims = {
        "aud": ask.client.issuer,
        "iss": ask.client.id,
        "scope": ask.scope,
        "consumer_org": ask.consumer_org,
        "jti": ask.jti,
        "iat": ask.now,
        "exp": ask.now + 120,
    }
    assertion = sign(ask, {"kid": ask.client.key.kid, "alg": "RS256"}, claims)
    return request(ask, f"grant_type={ESCAPED}&assertion={assertion}", *OKHTTP)


def texas(ask: Ask) -> bytes:
    """nais/texas: `nbf`, thirty seconds, header lines in lower case."""
    claims = {
        "exp": ask.now + 30,
        "iat": ask.now,
        "nbf": ask.now,
        "jti": ask.jti,
        "scope": ask.scope,
        "iss": ask.client.id,
        "aud": ask.client.issuer,
        "resource": ask.resource,
    }
    assertion = sign(ask, {"typ": "JWT", "alg": "RS256", "kid": ask.client.key.kid}, claims)
    return request(ask, f"grant_type={ESCAPED}&assertion={assertion}", *REQWEST)


def torleifg(ask: Ask) -> bytes:
    """torleifg/maskinporten-client: the form in any order, slashes in JSON escaped as older Nimbus versions do."""
    claims = {
        "aud": ask.client.issuer,
        "iss": ask.client.id,
        "scope": ask.scope,
        "jti": ask.jti,
        "iat": ask.now,
        "exp": ask.now + 120,
    }
    header = as_json({"kid": ask.client.key.kid, "alg": "RS256"})
    assertion = ask.client.key.jws(header, as_json(claims).replace(b"/", rb"\/"))
    return request(ask, f"assertion={assertion}&grant_type={ESCAPED}", *JDK)


def digdirator(ask: Ask) -> bytes:
    """nais/digdirator: `aud` as an array of one and `nbf`, as go-jose writes them; everything sorted."""
    claims = {
        "aud": [ask.client.issuer],
        "exp": ask.now + 120,
        "iat": ask.now,
        "iss": ask.client.id,
        "jti": ask.jti,
        "nbf": ask.now,
        "scope": ask.scope,
    }
    assertion = sign(ask, {"alg": "RS256", "kid": ask.client.key.kid, "typ": "JWT"}, claims)
    return request(ask, f"assertion={assertion}&grant_type={ESCAPED}", *GO)


IMITATIONS: Mapping[str, Imitation] = {
    "ks-no Java": Imitation(ks_java, readers.ks_java),
    "ks-no .NET": Imitation(ks_dotnet, readers.ks_dotnet),
    "Altinn .NET": Imitation(altinn_dotnet, readers.altinn_dotnet),
    "navikt": Imitation(navikt, readers.navikt),
    "pensjon-opptjening": Imitation(navikt, readers.pensjon_opptjening),
    "hag": Imitation(hag, readers.hag),
    "oslokommune": Imitation(oslokommune, readers.oslokommune),
    "Texas": Imitation(texas, readers.texas),
    "torleifg": Imitation(torleifg, readers.torleifg),
    "digdirator": Imitation(digdirator, readers.digdirator),
}
