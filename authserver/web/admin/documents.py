"""What every document of the compatible API has in common: times with an offset, null for what is not known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from authserver.oauth.models import Organisation, Ref
from authserver.web.admin.ports import Parts

Changed = tuple[int, int]
"""First and last change of a record, in seconds."""


class Lenient(BaseModel):
    """A request body of the compatible API: members that it does not know are ignored, null means the default."""

    model_config = ConfigDict(extra="ignore")


class Closed(BaseModel):
    """A request body of our own API: a member that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


def moment(seconds: int | None) -> str | None:
    """Write a time as the compatible API does: ISO 8601 with milliseconds and offset."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def stamps(times: Mapping[Ref, Changed], ref: Ref) -> dict[str, str | None]:
    """Return the members `created` and `last_updated`."""
    first, last = times.get(ref, (None, None))
    return {"created": moment(first), "last_updated": moment(last)}


def listing(documents: Iterable[BaseModel]) -> JSONResponse:
    """Answer a list; the models are validated already."""
    content: list[Any] = [document.model_dump(by_alias=True, mode="json") for document in documents]
    return JSONResponse(content, headers={"cache-control": "no-store"})


def document(model: BaseModel, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Answer one document."""
    shown = {"cache-control": "no-store", **(headers or {})}
    return JSONResponse(model.model_dump(by_alias=True, mode="json"), headers=shown)


async def names_of(parts: Parts, orgnos: Iterable[str]) -> dict[str, str]:
    """Return the names of organisations by number."""
    facts = await parts.registry.facts([Ref("organisation", orgno) for orgno in set(orgnos)])
    return {fact.orgno: fact.name for fact in facts.values() if isinstance(fact, Organisation)}
