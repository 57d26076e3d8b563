"""The keys of an authority, fetched and kept (RFC 7517)."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import httpx2

from tillit.clock import Clock, SystemClock
from tillit.core.authority import Authority, Discovery, check_url
from tillit.core.jwks_cache import JwksCache, JwksLimits, Plan
from tillit.core.response import Reply
from tillit.errors import ConfigError, TillitError, Unavailable
from tillit.flights import Flights
from tillit.forksafe import ForkSafeLock
from tillit.jose.algorithms import PublicKey
from tillit.jose.encoding import MalformedJose
from tillit.jose.public_keys import KeySet, read_jwks
from tillit.route import Route
from tillit.transport import AsyncTransport, Transport, Unreachable, afetch_metadata, fetch_metadata

_FLIGHT: Final = "jwks"
_ETAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,256}"\Z')
_MAX_AGE: Final = re.compile(r"(?:^|[\s,])max-age=([0-9]{1,8})(?:[\s,]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class JwksStatus:
    """For readiness probes: how many keys are known, their age in seconds, and what went wrong last, if anything."""

    keys: int
    age: float | None
    last_error: str | None
    skipped: tuple[str, ...]


class JwksSource:
    """The keys of one authority. Safe to share between threads, tasks and event loops.

    Give the address of the keys, or an authority, or its issuer's Discovery. See JwksLimits for its times.
    `route` holds where no HTTP client is given.
    """

    def __init__(
        self,
        source: str | Authority | Discovery,
        *,
        limits: JwksLimits | None = None,
        http: httpx2.Client | None = None,
        async_http: httpx2.AsyncClient | None = None,
        clock: Clock | None = None,
        route: Route | None = None,
    ) -> None:
        self._uri = _uri_of(source)
        self._discovery = source if isinstance(source, Discovery) else None
        self._cache = JwksCache(limits or JwksLimits())
        self._lock = ForkSafeLock()
        self._flights: Flights[None] = Flights(3 * self._cache.limits.timeout)
        self._clock: Clock = clock or SystemClock()
        self._random = random.SystemRandom()
        self._transport = Transport(http, route or Route())
        self._async_transport = AsyncTransport(async_http, route or Route())

    @staticmethod
    def for_issuer(
        issuer: str, *, limits: JwksLimits | None = None, allow_http: bool = False, clock: Clock | None = None
    ) -> JwksSource:
        """The keys of `issuer`, whose metadata is looked up at first use. Raises ConfigError."""
        return JwksSource(Discovery.of(issuer, allow_http=allow_http), limits=limits, clock=clock)

    def key(self, kid: str, alg: str) -> PublicKey:
        """The key `kid` bound to `alg`; may wait for a fetch. Raises InvalidToken or KeysUnavailable."""
        ready = self._ready(kid, alg)
        if ready is not None:
            return ready
        plan = self._plan(kid)
        if plan is Plan.RENEW:
            self._flights.launch(_FLIGHT, self._fetch)
        elif plan is Plan.FETCH:
            self._wait_for_fetch()
        return self._answer(kid, alg, plan)

    async def akey(self, kid: str, alg: str) -> PublicKey:
        """The same, awaited."""
        ready = self._ready(kid, alg)
        if ready is not None:
            return ready
        plan = self._plan(kid)
        if plan is Plan.RENEW:
            self._flights.alaunch(_FLIGHT, self._afetch)
        elif plan is Plan.FETCH:
            await self._await_fetch()
        return self._answer(kid, alg, plan)

    def warm(self) -> JwksStatus:
        """Fetch the keys now, unless that was done a moment ago. Never raises for an authority that is away."""
        self._wait_for_fetch()
        return self.status()

    async def awarm(self) -> JwksStatus:
        """The same, awaited."""
        await self._await_fetch()
        return self.status()

    def refresh(self) -> JwksStatus:
        """Fetch the keys now, whatever was done a moment ago: for whoever knows they changed. Never raises."""
        self._ask_again()
        return self.warm()

    async def arefresh(self) -> JwksStatus:
        """The same, awaited."""
        self._ask_again()
        return await self.awarm()

    def _ask_again(self) -> None:
        with self._lock:
            self._cache.ask_again()

    def status(self) -> JwksStatus:
        """What is known, without asking anybody."""
        with self._lock:
            cache = self._cache
            if cache.keys is None:
                return JwksStatus(0, None, cache.last_error, ())
            age = self._clock.monotonic() - cache.fetched_at
            return JwksStatus(len(cache.keys.keys), age, cache.last_error, cache.keys.skipped)

    def _ready(self, kid: str, alg: str) -> PublicKey | None:
        # Without the lock, for every request comes by here: what is read is one value that is replaced whole.
        return self._cache.ready(kid, alg, self._clock.monotonic())

    def _plan(self, kid: str) -> Plan:
        with self._lock:
            return self._cache.plan(kid, self._clock.monotonic())

    def _answer(self, kid: str, alg: str, plan: Plan) -> PublicKey:
        with self._lock:
            now = self._clock.monotonic()
            if plan is Plan.FETCH:
                self._cache.note_absent(kid, now)
            return self._cache.answer(kid, alg, now)

    def _wait_for_fetch(self) -> None:
        # Whatever comes of it, the answer is given from what is known; the cache knows why that is not more.
        with suppress(Unavailable):
            self._flights.run(_FLIGHT, self._fetch, 3 * self._cache.limits.timeout)

    async def _await_fetch(self) -> None:
        with suppress(Unavailable):
            await self._flights.arun(_FLIGHT, self._afetch, 3 * self._cache.limits.timeout)

    def _fetch(self) -> None:
        # Whoever arrives just after a flight has landed begins another; the ration ends that one here.
        if not self._may_fetch():
            return
        limits = self._cache.limits
        try:
            if self._uri is None and self._discovery is not None:
                authority = fetch_metadata(self._discovery, transport=self._transport, within=limits.timeout)
                self._uri = _uri_of(authority)
            reply = self._transport.send(
                "GET", str(self._uri), within=limits.timeout, max_bytes=limits.max_bytes, headers=self._validators()
            )
            self._file(reply)
        except Exception as error:  # noqa: BLE001 - whatever it is, asking again and again does not mend it
            self._note_failure(error)

    async def _afetch(self) -> None:
        if not self._may_fetch():
            return
        limits = self._cache.limits
        try:
            if self._uri is None and self._discovery is not None:
                authority = await afetch_metadata(
                    self._discovery, transport=self._async_transport, within=limits.timeout
                )
                self._uri = _uri_of(authority)
            reply = await self._async_transport.send(
                "GET", str(self._uri), within=limits.timeout, max_bytes=limits.max_bytes, headers=self._validators()
            )
            self._file(reply)
        except Exception as error:  # noqa: BLE001 - whatever it is, asking again and again does not mend it
            self._note_failure(error)

    def _may_fetch(self) -> bool:
        with self._lock:
            return self._cache.may_fetch(self._clock.monotonic())

    def _validators(self) -> dict[str, str]:
        with self._lock:
            return {"If-None-Match": self._cache.etag} if self._cache.etag and self._cache.keys else {}

    def _file(self, reply: Reply) -> None:
        keys: KeySet | None = None
        if reply.status == 200:
            keys = read_jwks(reply.body)
        elif reply.status != 304 or self._cache.keys is None:
            raise Unreachable(f"keys: HTTP {reply.status}")
        with self._lock:
            now, chance = self._clock.monotonic(), self._random.random()
            self._cache.succeeded(keys, _etag(reply.headers), _max_age(reply.headers), now, chance)

    def _note_failure(self, error: Exception) -> None:
        if self._discovery is not None:
            self._uri = self._discovery.jwks_uri  # the authority may have moved its keys; look again next time
        # What was not foreseen might tell anything.
        told = str(error) if isinstance(error, TillitError | MalformedJose) else type(error).__name__
        with self._lock:
            self._cache.failed(told, self._clock.monotonic())


def _uri_of(source: str | Authority | Discovery) -> str | None:
    if isinstance(source, str):
        check_url(source, "jwks_uri")
        return source
    if isinstance(source, Authority) and source.jwks_uri is None:
        raise ConfigError("the authority has no jwks_uri")
    return source.jwks_uri


def _etag(headers: Mapping[str, str]) -> str | None:
    """The entity tag, if it can be sent back as it came (RFC 9110 section 8.8.3)."""
    found = headers.get("etag", "")
    return found if _ETAG.match(found) else None


def _max_age(headers: Mapping[str, str]) -> float | None:
    found = _MAX_AGE.search(headers.get("cache-control", ""))
    return float(found.group(1)) if found else None
