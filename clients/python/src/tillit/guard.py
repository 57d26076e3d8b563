"""What all adapters for web frameworks do, as plain functions of plain data."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from tillit.access import ConsumerPredicate
from tillit.access_errors import AccessError, MissingToken
from tillit.core.access_token import AccessToken
from tillit.core.presented import Presented
from tillit.core.requirements import AllOf, Requirement
from tillit.core.rules import Access
from tillit.errors import ConfigError
from tillit.validator import TokenValidator

_LOG: Final = logging.getLogger("tillit.access")


@dataclass(frozen=True, slots=True)
class Asked:
    """Of a request, what its token is judged by: the lines of two headers, and what proofs of possession speak of."""

    authorization: tuple[str, ...] = field(repr=False)
    method: str = ""
    url: str = ""
    dpop: tuple[str, ...] = field(default=(), repr=False)
    client_certificate: bytes | None = field(default=None, repr=False)

    @staticmethod
    def of(
        headers: Iterable[tuple[bytes, bytes]], method: str, url: str, client_certificate: bytes | None = None
    ) -> Asked:
        """From header lines as HTTP sends them."""
        lines = [(name.lower(), value.decode("latin-1")) for name, value in headers]
        authorization = tuple(value for name, value in lines if name == b"authorization")
        dpop = tuple(value for name, value in lines if name == b"dpop")
        return Asked(authorization, method, url, dpop, client_certificate)

    def presented(self) -> Presented:
        """What the headers present. Raises MissingToken and InvalidRequest."""
        return Presented.read(
            self.authorization,
            method=self.method,
            url=self.url,
            dpop=self.dpop,
            client_certificate=self.client_certificate,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """The HTTP answer to a request that is not served."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def body_for(self, method: str) -> bytes:
        """The body, which an answer to HEAD has not."""
        return b"" if method.upper() == "HEAD" else self.body


class Guard:
    """Judges requests with one validator, and words the answers to those that are not served."""

    def __init__(self, validator: TokenValidator, realm: str | None = None) -> None:
        self.validator = validator
        self.realm = realm

    def admit(self, asked: Asked, access: Access) -> AccessToken | None:
        """The token of a request that is to be served; None only where access is optional. Raises AccessError."""
        try:
            token = self.validator.validate_request(asked.presented(), access.scopes)
        except MissingToken:
            if access.optional:
                return None
            raise
        access.check(token)
        return token

    async def aadmit(self, asked: Asked, access: Access) -> AccessToken | None:
        """The same, awaited."""
        try:
            token = await self.validator.avalidate_request(asked.presented(), access.scopes)
        except MissingToken:
            if access.optional:
                return None
            raise
        access.check(token)
        return token

    def answer(self, error: AccessError) -> Answer:
        """What the sender is told. What it is not told goes to the log `tillit.access`, without the token."""
        _LOG.info("refused with %d: %s", error.status, error)
        challenge = self.validator.challenge(error, self.realm)
        body = challenge.json()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Cache-Control": "no-store"}
        return Answer(challenge.status, tuple((headers | dict(challenge.headers)).items()), body)


def access_for(scopes: tuple[str | Requirement | Access, ...], consumer: ConsumerPredicate | None = None) -> Access:
    """What a decorator's arguments demand: names of scopes (all of them), or one AllOf, AnyOf or Access.

    Raises ConfigError.
    """
    if len(scopes) == 1 and not isinstance(scopes[0], str):
        only = scopes[0]
        if isinstance(only, Access) and consumer is not None:
            raise ConfigError("say the consumer in the Access")
        return only if isinstance(only, Access) else Access(only, consumer)
    names = [scope for scope in scopes if isinstance(scope, str)]
    if len(names) != len(scopes):
        raise ConfigError("name scopes, or give one AllOf, AnyOf or Access")
    return Access(AllOf(*names) if names else None, consumer)
