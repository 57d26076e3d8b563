"""What one request works with: its caller, the time, and a registry that may be a rehearsal, guarded, or both."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Final, cast

from fastapi import Header, Query, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from authserver.oauth.errors import Refusal
from authserver.registry.administration import Caller
from authserver.registry.guarded import ChangedMeanwhileError, Seen, guarded
from authserver.registry.ports import Actor, RegistryStore
from authserver.registry.rehearsal import Rehearsal
from authserver.registry.text import invalid
from authserver.web.admin.bearer import InvalidTokenError
from authserver.web.admin.faults import KeyMisusedError, PreconditionNeededError, ScopeNeededError
from authserver.web.admin.ports import Parts
from authserver.web.admin.rehearsed import rehearsed

_KEY: Final = re.compile(r"[!-~]{1,128}")
_TAGS: Final = re.compile(r'\s*"([0-9a-f]{1,64})"\s*(?:,\s*"([0-9a-f]{1,64})"\s*){0,9}')

Authorization = Annotated[str, Header(include_in_schema=False)]
DryRun = Annotated[bool, Query(description="Answer what would change and who would be affected; change nothing.")]
Why = Annotated[str, Query(max_length=255, description="Why, for the change log.")]
IfMatch = Annotated[str | None, Header(description="The entity tag of the record as it was seen (RFC 9110 §13.1.1).")]
IdempotencyKey = Annotated[
    str | None, Header(description="Sent again with the same request within a day, it gets the same answer.")
]


class ReplayedAnswer(Exception):
    """A create was asked for again; `response` is what it was answered with."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


@dataclass(slots=True)
class Reading:
    """A request that reads."""

    parts: Parts
    caller: Caller
    now: int
    store: RegistryStore

    @property
    def actor(self) -> Actor:
        """Who asks."""
        return self.caller.actor


@dataclass(slots=True)
class Writing(Reading):
    """A request that writes, or rehearses it. `reason` is for the change log."""

    reason: str = ""
    if_match: str | None = None
    idempotency_key: str | None = None
    rehearsal: Rehearsal | None = None

    def new_id(self) -> str:
        """Return a new id; a create tried again after its node died gets the same one, and so makes no second."""
        if self.idempotency_key is None:
            return self.parts.new_id()
        return self.parts.cursors.derived_id(self.actor.client_id, self.idempotency_key)

    def guard(self, seen: Seen, *, required: bool = True) -> RegistryStore:
        """Return the registry to change, provided that the record is still what If-Match says.

        Raises PreconditionNeededError if it must say so and does not, Refusal INVALID if it says nothing readable.
        """
        if self.if_match is None:
            if required:
                raise PreconditionNeededError
            return self.store
        if self.if_match.strip() == "*":
            return self.store
        if not _TAGS.fullmatch(self.if_match):
            raise invalid("If-Match is not a list of strong entity tags")
        return guarded(self.store, seen, frozenset(re.findall(r'"([0-9a-f]+)"', self.if_match)))

    async def answer(
        self,
        made: BaseModel | Callable[[], Awaitable[BaseModel | None]],
        status: int = 200,
        headers: dict[str, str] | None = None,
        *,
        kept: BaseModel | None = None,
    ) -> Response:
        """Answer what was done, or, of a rehearsal, what would have been.

        `made` is a document, or what makes it, for one that is read from what was really changed. `kept` is what the
        same request gets later under its Idempotency-Key, when that is not what it gets now.
        """
        shown = {"cache-control": "no-store", **(headers or {})}
        if self.rehearsal is not None:
            return JSONResponse(jsonable_encoder(await rehearsed(self.parts, self.rehearsal, self.now)), 200, shown)
        document = made if isinstance(made, BaseModel) else await made()
        body = "" if document is None else document.model_dump_json(by_alias=True)
        if self.idempotency_key is not None:
            later = body if kept is None else kept.model_dump_json(by_alias=True)
            answer = (status, json.dumps(shown), later)
            await self.parts.idempotency.keep(self.actor.client_id, self.idempotency_key, self.now, answer)
        return _response(status, shown, body)


def parts_of(request: Request) -> Parts:
    """Return what the application was handed."""
    return cast("Parts", request.app.state.parts)


async def admit(request: Request, authorization: str, *subscopes: str) -> Reading:
    """Verify the token, and let in whom the registry lets, as it is now, with one of these scopes.

    Raises InvalidTokenError or ScopeNeededError.
    """
    parts = parts_of(request)
    now = parts.clock()
    presented = parts.tokens.verify(authorization, now)
    # What was revoked before this request came must count, so the snapshot goes to the newest epoch first.
    await parts.registry.follow(await parts.registry.latest())
    facts = await parts.registry.facts(parts.administration.facts_about(presented))
    caller = parts.administration.admit(presented, facts)
    if caller is None:
        raise InvalidTokenError("The client or its organisation is deactivated")
    if caller.subscopes.isdisjoint(subscopes):
        raise ScopeNeededError(*(f"{parts.administration.prefix}:{subscope}" for subscope in subscopes))
    return Reading(parts, caller, now, parts.open_store())


def reads(*subscopes: str) -> Callable[..., Awaitable[Reading]]:
    """Make the dependency of a route that reads with one of these scopes."""

    async def reading(request: Request, authorization: Authorization = "") -> Reading:
        return await admit(request, authorization, *subscopes)

    return reading


def writes(*subscopes: str) -> Callable[..., Awaitable[Writing]]:
    """Make the dependency of a route that changes what is there, with one of these scopes."""

    async def writing(
        request: Request,
        authorization: Authorization = "",
        if_match: IfMatch = None,
        dry_run: DryRun = False,  # noqa: FBT002 - a query parameter
        reason: Why = "",
    ) -> Writing:
        return _writing(await admit(request, authorization, *subscopes), reason, if_match, dry_run=dry_run)

    return writing


def creates(*subscopes: str) -> Callable[..., AsyncIterator[Writing]]:
    """Make the dependency of a route that makes something new, with one of these scopes."""

    async def creating(
        request: Request,
        authorization: Authorization = "",
        idempotency_key: IdempotencyKey = None,
        dry_run: DryRun = False,  # noqa: FBT002 - a query parameter
        reason: Why = "",
    ) -> AsyncIterator[Writing]:
        writing = _writing(await admit(request, authorization, *subscopes), reason, None, dry_run=dry_run)
        if idempotency_key is None or dry_run:
            yield writing
            return
        await _claim(request, writing, idempotency_key)
        try:
            yield writing
        except (Refusal, ChangedMeanwhileError):
            await writing.parts.idempotency.forget(writing.actor.client_id, idempotency_key)
            raise

    return creating


def _writing(reading: Reading, reason: str, if_match: str | None, *, dry_run: bool) -> Writing:
    rehearsal = Rehearsal(reading.store) if dry_run else None
    store = reading.store if rehearsal is None else rehearsal.store
    return Writing(reading.parts, reading.caller, reading.now, store, reason, if_match, rehearsal=rehearsal)


async def _claim(request: Request, writing: Writing, key: str) -> None:
    """Raises ReplayedAnswer or KeyMisusedError if the key is taken, Refusal INVALID if it is none."""
    if not _KEY.fullmatch(key):
        raise invalid("The Idempotency-Key is not 1 to 128 printable characters")
    digest = sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    digest.update(await request.body())
    known = await writing.parts.idempotency.begin(writing.actor.client_id, key, digest.hexdigest(), writing.now)
    writing.idempotency_key = key
    if known is None:
        return
    asked, status, headers, body = known
    if asked != digest.hexdigest():
        raise KeyMisusedError(busy=False)
    if status == 0:
        raise KeyMisusedError(busy=True)
    raise ReplayedAnswer(_response(status, {**json.loads(headers), "idempotent-replayed": "true"}, body))


def _response(status: int, headers: dict[str, str], body: str) -> Response:
    # An empty body has a type too, so that the description can tell it from a rehearsal's answer.
    return Response(body, status, headers, media_type="application/json" if body else "text/plain")
