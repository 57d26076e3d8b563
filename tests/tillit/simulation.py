"""Two hours of a client, an API and an authority on clocks that disagree, in weather that a seed decides.

Time stands still while anything is sent: what is simulated is when things happen, not how long they take.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2

from tests.tillit.by_hand import unb64
from tests.tillit.stores import DictStore
from tillit import (
    AccessError,
    AllOf,
    BearerAuth,
    JwksSource,
    Policy,
    RefreshPolicy,
    RetryPolicy,
    TokenClient,
    TokenError,
    TokenValidator,
    bearer_token,
)
from tillit.testing import Authority, KeyPair, ManualClock, RegisteredClient, SigningKeys, make_key

LENGTH = 2 * 3600.0
SCOPE = "x:read"
AUDIENCE = "https://api.example.no/"
API = "https://api.example.no/things"
# What clocks may be apart, and a second because claims are whole seconds.
LEEWAY = 31
CLIENT_SKEW = (-30.0, 30.0)
API_SKEW = (-30.0, 30.0)
LONGEST_SILENCE = 20.0
# For how long a client takes an answer that is none of a token endpoint for the state of things.
REMEMBERED = 5.0
# Renewals begin 5 s apart, so that in so many seconds of calls one begins.
REACH = LONGEST_SILENCE + 5.0


class SkewedClock:
    """Somebody's clock: the true one and some seconds."""

    def __init__(self, true: ManualClock, skew: float) -> None:
        self._true, self._skew = true, skew

    def monotonic(self) -> float:
        return self._true.monotonic()

    def time(self) -> float:
        return self._true.time() + self._skew


class AnnouncedKeys(SigningKeys):
    """Signing keys as an authority rotates them: the next one is published before it signs."""

    def __init__(self) -> None:
        super().__init__(("ES256",))
        self._next: KeyPair | None = None

    def announce(self) -> None:
        """Publish the next key."""
        self._next = make_key("ES256")

    def rotate(self) -> None:
        """Sign with it."""
        super().rotate()
        if self._next is not None:
            self._current["ES256"], self._next = self._next, None

    def jwks(self) -> dict[str, object]:
        published = super().jwks()
        return {"keys": [*published["keys"], *([self._next.jwk] if self._next else [])]}


@dataclass(frozen=True)
class Spell:
    """Bad weather from `start` until `end`, in seconds of the simulation."""

    start: float
    end: float
    kind: str

    @property
    def felt_until(self) -> float:
        """When the last client asks again that met it."""
        return self.end + (REMEMBERED if self.kind == "front" else 0.0)


@dataclass
class Weather:
    """What becomes of one party's requests to the authority at any time."""

    spells: list[Spell]

    @classmethod
    def drawn(cls, dice: random.Random, kinds: list[str], longest: float, quiet: float) -> Weather:
        """Spells of at most `longest` seconds with at least `quiet` seconds between them, for all the time there is."""
        spells, now = [], dice.uniform(quiet, 4 * quiet)
        while now < LENGTH:
            end = now + dice.uniform(0.05, 1.0) * longest
            spells.append(Spell(now, end, dice.choice(kinds)))
            now = end + quiet + dice.expovariate(1 / longest)
        return cls(spells)

    def at(self, now: float) -> Spell | None:
        """The spell that is on, if any."""
        return next((spell for spell in self.spells if spell.start <= now < spell.end), None)

    def clear(self, now: float, since: float = 0.0) -> bool:
        """Whether three attempts would have reached the authority at any moment of the last `since` seconds."""
        return not any(
            spell.kind != "flaky" and spell.start <= now and now - since < spell.felt_until for spell in self.spells
        )


@dataclass
class Line(httpx2.BaseTransport):
    """One party's way to the authority, in its weather."""

    true: ManualClock
    start: float
    authority: Authority
    weather: Weather
    dice: random.Random
    answered: list[httpx2.Response] = field(default_factory=list)
    attempts: int = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        spell = self.weather.at(self.true.time() - self.start)
        kind = "" if spell is None else spell.kind
        inner = self.authority.transport()
        self.attempts += 1
        if kind == "flaky":
            # Two of three attempts fail, and what was sent has been seen by the authority or has not.
            if self.attempts % 3:
                return self._failed(request, served=self.attempts % 3 == 1)
        elif kind == "5xx":
            return httpx2.Response(self.dice.choice([500, 502, 503]), text="out of order", request=request)
        elif kind == "front":
            # Something before the authority answers, as maintenance pages, filters and wrong routes do.
            status = self.dice.choice([200, 302, 403, 404])
            return httpx2.Response(status, html="<html>back soon</html>", request=request)
        elif kind == "hung up":
            raise httpx2.RemoteProtocolError("hung up", request=request)
        elif kind:
            raise httpx2.ConnectTimeout("no route", request=request)
        response: httpx2.Response = inner.handle_request(request)
        self.answered.append(response)
        return response

    def _failed(self, request: httpx2.Request, *, served: bool) -> httpx2.Response:
        if served:
            self.authority.transport().handle_request(request)
            raise httpx2.ReadTimeout("the answer was lost", request=request)
        return httpx2.Response(503, text="busy", request=request)


@dataclass
class Oracle:
    """When a valid token could have been had, and the API could have known its key: what a call may rely on.

    A token could have been had at a call if
      1. the authority can be reached then, or
      2. the last one it issued has not lived out its life, or
      3. since that one was due for renewal, at 82.5 % of its life at the latest (75 % and a tenth of that), there was
         a call with the authority within reach for the 25 s before: calls come at least every 20 s and renewals
         begin 5 s apart, so that one of them must have met it.
    The API could have known the key if it was in the last set it got, or if the set could be fetched for the 31 s
    before, which is the ration for fetches and one second.
    """

    client: Line
    api: Line
    lifetime: float
    issued_at: float = float("-inf")
    missed: bool = False
    _seen: int = 0

    def could_have_token(self, now: float) -> bool:
        """Whether the call that begins at `now` may rely on a token; to be asked before each."""
        self._note_issued(now)
        age = now - self.issued_at
        if age >= 0.825 * self.lifetime and self.client.weather.clear(now, REACH):
            self.missed = True
        return self.missed or self.client.weather.clear(now) or age < self.lifetime

    def after(self, now: float) -> None:
        """Note what the call at `now` brought."""
        self._note_issued(now)

    def could_know_key(self, kid: str, now: float) -> bool:
        """Whether the API may be relied on to know the key `kid` at `now`."""
        sets = [answer.json() for answer in self.api.answered if answer.status_code == 200 and "jwk" in str(answer.url)]
        known = {key["kid"] for key in sets[-1]["keys"]} if sets else set()
        return kid in known or self.api.weather.clear(now, 31.0)

    def _note_issued(self, now: float) -> None:
        fresh, self._seen = self.client.answered[self._seen :], len(self.client.answered)
        if any(answer.url.path == "/token" and answer.status_code == 200 for answer in fresh):
            self.issued_at, self.missed = now, False


@dataclass(frozen=True)
class Call:
    """One call of the API: when it was made, what it may rely on, and what came of it ("" for a good answer)."""

    at: float
    token_due: bool
    key_due: bool
    fault: str

    @property
    def wrongly_failed(self) -> bool:
        """Whether it failed though all that it needs could have been had."""
        return bool(self.fault) and self.token_due and self.key_due


class World:
    """An API, an authority, and a client, or several that share a store; weather may last `longest` seconds."""

    def __init__(
        self, seed: int, *, lifetime: int, longest: float, refresh: RefreshPolicy | None = None, clients: int = 1
    ) -> None:
        self.dice = random.Random(seed)
        self.true = ManualClock()
        self.start = self.true.time()
        self.lifetime = lifetime
        self.keys = AnnouncedKeys()
        self.authority = Authority(clock=self.true, keys=self.keys)
        self.authority.add_scope(SCOPE, audience=AUDIENCE, max_age=lifetime)
        quiet = 2 * REACH
        self.line = self._line(Weather.drawn(self.dice, ["lost", "hung up", "5xx", "front", "flaky"], longest, quiet))
        self.api_line = self._line(Weather.drawn(self.dice, ["lost", "5xx", "front"], 1200.0, 120.0))
        self.clients = self._make_clients(clients, self.authority.add_client(SCOPE), refresh)
        self.source = JwksSource(
            self.authority.endpoints(), http=httpx2.Client(transport=self.api_line), clock=self.true
        )
        clock = SkewedClock(self.true, self.dice.uniform(*API_SKEW))
        self.validator = TokenValidator(
            Policy(self.authority.issuer, AUDIENCE, leeway=LEEWAY), self.source, clock=clock
        )
        api = httpx2.MockTransport(self._api)
        self.https = [httpx2.Client(auth=BearerAuth(client, SCOPE), transport=api) for client in self.clients]
        self.oracle = Oracle(self.line, self.api_line, lifetime)
        self.kid = ""

    def calls(self) -> Iterator[Call]:
        """The calls of two hours, while the authority rotates its keys."""
        self.source.warm()
        changes = self._changes()
        change = next(changes)
        while (now := self.now()) < LENGTH:
            if now >= change[0]:
                change[1]()
                change = next(changes)
            yield self._call(now)
            self.true.advance(self.dice.uniform(0.5, LONGEST_SILENCE))

    def now(self) -> float:
        """Seconds since the beginning, by the true clock."""
        return self.true.time() - self.start

    def _call(self, now: float) -> Call:
        token_due = self.oracle.could_have_token(now)
        try:
            response = self.dice.choice(self.https).get(API)
            fault = "" if response.status_code == 200 else f"HTTP {response.status_code}: {response.text}"
        except TokenError as error:
            fault = f"{type(error).__name__}: {error}"
        self._settle()
        self.oracle.after(now)
        return Call(now, token_due, self.oracle.could_know_key(self.kid, now), fault)

    def _changes(self) -> Iterator[tuple[float, Callable[[], None]]]:
        now = 0.0
        while True:
            now += self.dice.uniform(300, 1500)
            yield now, self.keys.announce
            now += 600
            yield now, self.keys.rotate

    def _api(self, request: httpx2.Request) -> httpx2.Response:
        try:
            text = bearer_token(request.headers.get_list("Authorization"))
            self.kid = json.loads(unb64(text.split(".")[0]))["kid"]
            self.validator.validate(text, AllOf(SCOPE))
        except AccessError as error:
            return httpx2.Response(error.challenge().status, text=str(error))
        return httpx2.Response(200)

    def _settle(self) -> None:
        for renewal in [flight for client in self.clients for flight in client._flights._flights.values()]:
            renewal.future.result(10)
        for fetch in tuple(self.source._flights._flights.values()):
            fetch.future.result(10)

    def _line(self, weather: Weather) -> Line:
        return Line(self.true, self.start, self.authority, weather, self.dice)

    def _make_clients(
        self, count: int, registered: RegisteredClient, refresh: RefreshPolicy | None
    ) -> list[TokenClient]:
        config = replace(registered.config, authority=self.authority.issuer)
        store = DictStore() if count > 1 else None
        clock = SkewedClock(self.true, self.dice.uniform(*CLIENT_SKEW))
        http, retry = httpx2.Client(transport=self.line), RetryPolicy(base=0.0, cap=0.0)
        clients = []
        for _ in range(count):
            client = TokenClient(config, http=http, store=store, refresh=refresh, retry=retry, clock=clock)
            # So that a seed says everything.
            drawn: Any = random.Random(self.dice.random())
            client._random = drawn
            if client._sharing is not None:
                client._sharing._random = drawn
            clients.append(client)
        return clients
