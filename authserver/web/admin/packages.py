"""`/api/v1/packages`: scopes that their owner publishes under one name, to be delegated together."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from authserver.oauth.models import Package
from authserver.registry import packages, rights
from authserver.web.admin.body import StrictRoute
from authserver.web.admin.calling import Reading, Writing, creates, reads
from authserver.web.admin.documents import Closed
from authserver.web.admin.pages import Page, Paged, changed, created, tagged
from authserver.web.admin.rehearsed import Rehearsed
from authserver.web.admin.scopes import ScopeReads, ScopeWrites

PackageReads = Annotated[
    Reading, Depends(reads("scopes.read", "scopes.write", "delegations.read", "delegations.write"))
]
PackageCreates = Annotated[Writing, Depends(creates("scopes.write"))]
router = APIRouter(tags=["packages"], route_class=StrictRoute)


class NewPackage(Closed):
    """A package to be published; its scopes are public ones of the same owner."""

    name: str = Field(description="Under a prefix of the owner's, as a scope's name is.")
    title: str
    scopes: list[str] = Field(min_length=1, max_length=packages.MOST_SCOPES)


class PackageChange(Closed):
    """What is to be different, for delegations to come; what is left out or null stays."""

    title: str | None = None
    scopes: list[str] | None = Field(default=None, max_length=packages.MOST_SCOPES)
    active: bool | None = None


class PackageDocument(BaseModel):
    """A package and whose it is."""

    name: str
    owner_orgno: str
    title: str
    scopes: list[str]
    active: bool


def _document(found: Package) -> PackageDocument:
    return PackageDocument(
        name=found.name,
        owner_orgno=found.owner_orgno,
        title=found.title,
        scopes=sorted(found.scopes),
        active=found.active,
    )


@router.get("/packages", response_model=Page[PackageDocument])
async def list_packages(
    call: PackageReads,
    paging: Paged,
    published_by: Annotated[str | None, Query(description="Only those of this organisation.")] = None,
) -> Response:
    """Every package by name; they are public."""
    found = await packages.page(call.store, window=paging.window(call), owner_orgno=published_by)
    return paging.answer(call, found, _document)


@router.post("/packages", status_code=201, response_model=PackageDocument | Rehearsed)
async def add_package(body: NewPackage, call: PackageCreates) -> Response:
    """Publish a package."""
    made = await packages.add(
        call.store,
        call.actor,
        call.now,
        name=body.name,
        title=body.title,
        scopes=body.scopes,
        reason=call.reason,
    )
    return await created(call, made, _document(made), f"packages/{made.name}")


# A package's name may hold slashes, as a scope's.
@router.get("/packages/{package:path}", response_model=PackageDocument)
async def read_package(package: str, request: Request, call: ScopeReads) -> Response:
    """One package of the caller's, as it is to be seen before it is changed."""
    found = await packages.read(call.store, call.actor, name=package)
    return tagged(request, found, _document(found))


@router.patch("/packages/{package:path}", response_model=PackageDocument | Rehearsed)
async def change_package(package: str, body: PackageChange, call: ScopeWrites) -> Response:
    """Change a package, for delegations to come. Needs If-Match."""
    amended = await packages.amend(
        call.guard(lambda change: rights.package(change, call.actor, package)),
        call.actor,
        call.now,
        name=package,
        title=body.title,
        scopes=body.scopes,
        active=body.active,
        reason=call.reason,
    )
    return await changed(call, amended, _document(amended))
