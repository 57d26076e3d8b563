"""Lists of our own resources, page by page, and records with their entity tags."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from authserver.oauth.models import Record
from authserver.registry.members import fingerprint
from authserver.registry.paging import Page as Found
from authserver.registry.paging import Window
from authserver.web.admin.calling import Reading, Writing
from authserver.web.admin.documents import document

Document = TypeVar("Document", bound=BaseModel)
Item = TypeVar("Item")


class Paging:
    """Which part of a list is asked for."""

    def __init__(
        self,
        request: Request,
        cursor: Annotated[
            str | None, Query(description="The member `next` of the page before.", max_length=1024)
        ] = None,
        limit: Annotated[int, Query(ge=1, le=200, description="How many items at most.")] = 50,
    ) -> None:
        self._path = request.scope["path"]
        self._cursor = cursor
        self._limit = limit

    def window(self, call: Reading) -> Window:
        """Return what of the list is asked for. Raises Refusal INVALID for a cursor of another list or caller."""
        return call.parts.cursors.window(self._listing(call), self._cursor, self._limit)

    def answer(self, call: Reading, found: Found[Item], shown: Callable[[Item], BaseModel]) -> Response:
        """Answer a page, with the cursor of the next."""
        after = call.parts.cursors.after(self._listing(call), found.next)
        items = [shown(item).model_dump(mode="json") for item in found.items]
        return JSONResponse({"items": items, "next": after}, headers={"cache-control": "no-store"})

    def _listing(self, call: Reading) -> str:
        return f"{self._path}\n{call.actor.kind}\n{call.actor.orgno}"


Paged = Annotated[Paging, Depends()]


class Page(BaseModel, Generic[Document]):
    """A part of a list in its order; `next` is the cursor of the page after it, null on the last."""

    items: list[Document]
    next: str | None


def tag(record: Record) -> dict[str, str]:
    """Return the header that names this state of a record (RFC 9110 §8.8.3)."""
    return {"etag": f'"{fingerprint(record)}"'}


def tagged(request: Request, record: Record, shown: BaseModel) -> Response:
    """Answer a record with its entity tag; 304 if the caller has seen this state of it (RFC 9110 §13.1.2)."""
    headers = tag(record)
    if headers["etag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return document(shown, headers)


async def created(call: Writing, record: Record, shown: BaseModel, location: str) -> Response:
    """Answer a record that was made, and where under `/api/v1/` it is from now on."""
    return await call.answer(shown, 201, {**tag(record), "location": f"/api/v1/{location}"})


async def changed(call: Writing, record: Record, shown: BaseModel) -> Response:
    """Answer a record that was changed, with the entity tag it has now."""
    return await call.answer(shown, headers=tag(record))
