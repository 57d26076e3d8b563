"""Status lists of an authority, fetched when they are needed and kept as long as they say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import httpx2

from tillit.access_errors import InvalidToken
from tillit.clock import Clock, SystemClock
from tillit.core.authority import check_url
from tillit.core.response import Reply
from tillit.core.status_list import MAX_STATUS_TOKEN, STATUS_LIST_TYPE, Status, StatusList, StatusReference
from tillit.errors import ConfigError, TillitError
from tillit.flights import Flights
from tillit.forksafe import ForkSafeLock
from tillit.jose import algorithms
from tillit.jose.algorithms import PublicKey
from tillit.jose.compact import UnverifiedJwt, read_compact
from tillit.jose.encoding import MalformedJose
from tillit.jwks import JwksSource
from tillit.route import Route
from tillit.transport import AsyncTransport, Transport, Unreachable

OUTAGE: Final = 300.0
"""For how many seconds an authority may be away before nobody believes what it listed, where no more is said."""
_ACCEPT: Final = {"Accept": f"application/{STATUS_LIST_TYPE}"}


class StatusUnavailable(TillitError):
    """The status cannot be had, so that nothing is known to be good. Trying again later may work."""


@dataclass(frozen=True, slots=True)
class _Kept:
    listed: StatusList
    fresh_until: float
    rests_until: float = float("-inf")


class StatusLists:
    """The status lists that an authority signs with the keys of `jwks`. Safe to share between threads and tasks.

    A list is fetched once by however many ask, and asked for again when its `ttl` is over; it is never believed beyond
    its own end. Up to `capacity` lists are kept. `within` bounds a fetch, in seconds. While a list cannot be fetched
    anew, the one there is stands in for up to `max_stale` seconds more. Either way another fetch waits for `cooldown`
    seconds, so that an authority that does not answer holds up one request, and not all. `route` holds where no HTTP
    client is given.
    """

    def __init__(  # noqa: PLR0913 - one argument a setting
        self,
        issuer: str,
        jwks: JwksSource,
        *,
        http: httpx2.Client | None = None,
        async_http: httpx2.AsyncClient | None = None,
        clock: Clock | None = None,
        capacity: int = 16,
        within: float = 5.0,
        max_stale: float = 0.0,
        cooldown: float = 5.0,
        route: Route | None = None,
    ) -> None:
        if capacity < 1 or within <= 0 or max_stale < 0 or cooldown < 0:
            raise ConfigError("capacity must be at least 1, within positive, max_stale and cooldown not negative")
        self._issuer = issuer
        self._jwks = jwks
        route = route or Route()
        self._transport, self._async_transport = Transport(http, route), AsyncTransport(async_http, route)
        self._clock: Clock = clock or SystemClock()
        self._capacity = capacity
        self._within = within
        self._max_stale, self._cooldown = max_stale, cooldown
        self._lock = ForkSafeLock()
        self._kept: dict[str, _Kept] = {}
        self._failed: dict[str, float] = {}
        self._flights: Flights[StatusList] = Flights(3 * within)

    def status(self, reference: StatusReference) -> Status:
        """The status now; may wait for a fetch. Raises StatusUnavailable."""
        found = self._fresh(reference.uri)
        if found is None:
            uri = reference.uri
            try:
                found = self._flights.run(uri, lambda: self._fetch(uri), 3 * self._within)
            except TillitError as error:
                found = self._stand_in(uri, error)
        return _at(found, reference.index)

    async def astatus(self, reference: StatusReference) -> Status:
        """The same, awaited."""
        found = self._fresh(reference.uri)
        if found is None:
            uri = reference.uri
            try:
                found = await self._flights.arun(uri, lambda: self._afetch(uri), 3 * self._within)
            except TillitError as error:
                found = self._stand_in(uri, error)
        return _at(found, reference.index)

    def _fresh(self, uri: str) -> StatusList | None:
        """The list, or None if it is to be asked for. Raises StatusUnavailable if it is too soon for that."""
        now = self._clock.monotonic()
        with self._lock:
            kept, asked_again_from = self._kept.get(uri), self._failed.get(uri, now)
        # That a list was issued is not looked at again: by a clock that is behind, none ever would be for long.
        ended = kept is None or kept.listed.has_ended(int(self._clock.time()))
        if kept is not None and not ended and now < max(kept.fresh_until, kept.rests_until):
            return kept.listed
        if now < asked_again_from:
            raise StatusUnavailable("the status list could not be had a moment ago")
        return None

    def _stand_in(self, uri: str, error: TillitError) -> StatusList:
        """The old list, after a fetch failed; nobody asks again for a while. Raises StatusUnavailable."""
        now = self._clock.monotonic()
        with self._lock:
            kept = self._kept.get(uri)
            if kept is not None:
                end = kept.fresh_until + self._max_stale
                if now < end and not kept.listed.has_ended(int(self._clock.time())):
                    self._kept[uri] = replace(kept, rests_until=min(now + self._cooldown, end))
                    return kept.listed
            _make_room(self._failed, uri, self._capacity)
            self._failed[uri] = now + self._cooldown
        raise _unavailable(error) from None

    def _fetch(self, uri: str) -> StatusList:
        self._check_address(uri)
        reply = self._transport.send("GET", uri, within=self._within, max_bytes=MAX_STATUS_TOKEN, headers=_ACCEPT)
        found = _read(reply)
        return self._keep(uri, found, self._jwks.key(found.kid, found.alg))

    async def _afetch(self, uri: str) -> StatusList:
        self._check_address(uri)
        send = self._async_transport.send
        reply = await send("GET", uri, within=self._within, max_bytes=MAX_STATUS_TOKEN, headers=_ACCEPT)
        found = _read(reply)
        return self._keep(uri, found, await self._jwks.akey(found.kid, found.alg))

    def _check_address(self, uri: str) -> None:
        """A statement is signed, yet it sends nobody to another host than its issuer's."""
        issuer = check_url(self._issuer, "issuer", allow_http=True)
        found = check_url(uri, "status list", allow_http=issuer.scheme == "http")
        if (found.scheme, found.netloc) != (issuer.scheme, issuer.netloc):
            raise ConfigError("the status list is not at the issuer's address")

    def _keep(self, uri: str, found: UnverifiedJwt, key: PublicKey) -> StatusList:
        listed = verify_status_list(found, key, uri, int(self._clock.time()), issuer=self._issuer)
        with self._lock:
            self._failed.pop(uri, None)
            _make_room(self._kept, uri, self._capacity)
            self._kept[uri] = _Kept(listed, self._clock.monotonic() + listed.fresh_for())
        return listed


def _make_room(entries: dict[str, Any], uri: str, capacity: int) -> None:
    entries.pop(uri, None)
    while len(entries) >= capacity:
        del entries[next(iter(entries))]


def read_status_token(text: str) -> UnverifiedJwt:
    """Take a status list token apart, of which nothing is proven yet. Raises StatusUnavailable."""
    try:
        found = read_compact(text, MAX_STATUS_TOKEN)
    except MalformedJose as error:
        raise StatusUnavailable(f"the status list: {error}") from None
    if found.typ != STATUS_LIST_TYPE:
        raise StatusUnavailable("the status list is not of the type that it should be")
    return found


def verify_status_list(found: UnverifiedJwt, key: PublicKey, uri: str, now: int, *, issuer: str) -> StatusList:
    """The list in a token that `issuer` signed with `key`, good at `now`. Raises StatusUnavailable."""
    if not algorithms.verify(found.alg, key, found.signing_input, found.signature):
        raise StatusUnavailable("the signature of the status list is not valid")
    if found.claims.get("iss", issuer) != issuer:
        raise StatusUnavailable("the status list is another authority's")
    try:
        listed = StatusList.parse(found.claims, uri)
    except MalformedJose as error:
        raise StatusUnavailable(str(error)) from None
    if not listed.is_current(now, leeway=10):
        raise StatusUnavailable("the status list has expired, or is from the future")
    return listed


def _read(reply: Reply) -> UnverifiedJwt:
    if reply.status != 200:
        raise Unreachable(f"the status list: HTTP {reply.status}")
    return read_status_token(reply.body.decode("ascii", "replace"))


def _at(listed: StatusList, index: int) -> Status:
    try:
        return listed.status(index)
    except MalformedJose as error:
        raise StatusUnavailable(str(error)) from None


def _unavailable(error: TillitError) -> StatusUnavailable:
    # An unknown key id is no fault of a caller's token here.
    reason = "its key is not known" if isinstance(error, InvalidToken) else str(error)
    return error if isinstance(error, StatusUnavailable) else StatusUnavailable(f"the status list: {reason}")
