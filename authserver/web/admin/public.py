"""What the compatible API tells: to anyone public scopes, prefixes and organisations; to the caller its prefixes."""

from __future__ import annotations

from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from authserver.registry import delegation_sources as sources
from authserver.registry import prefixes, published
from authserver.web.admin.calling import parts_of
from authserver.web.admin.client_models import IntegrationType
from authserver.web.admin.documents import document, listing, names_of
from authserver.web.admin.public_lists import Listed, PublicLists
from authserver.web.admin.scope_models import PrefixResponse, ScopeResponse
from authserver.web.admin.scope_models import prefix as shown_prefix
from authserver.web.admin.scopes import ScopeReads

anyone = APIRouter(tags=["public"])
router = APIRouter(tags=["prefixes"])
Inactive = Annotated[bool, Query(description="Also deactivated ones.")]
IfNoneMatch = Annotated[str, Header(description="The entity tag of the list that the caller has (RFC 9110 §13.1.2).")]
UNCHANGED: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "The list is the one that the caller has"}}


class DelegationSource(BaseModel):
    """A register whose delegations this authority relies on."""

    name: str
    issuer: str


class OrganisationName(BaseModel):
    """An organisation by number."""

    orgnr: str
    name: str


@anyone.get("/scopes/all", response_model=list[ScopeResponse], responses=UNCHANGED)
async def every_scope(
    request: Request,
    *,
    prefix: Annotated[str | None, Query()] = None,
    inactive: Inactive = False,
    delegated_sources: Annotated[str | None, Query()] = None,
    accessible_for_all: Annotated[bool | None, Query()] = None,
    integration_type: Annotated[IntegrationType | None, Query()] = None,
    if_none_match: IfNoneMatch = "",
) -> Response:
    """Every scope that its owner made public."""
    wanted = published.Wanted(prefix, inactive, delegated_sources, accessible_for_all, integration_type)
    return _answer(await _lists(request).scopes(wanted), if_none_match)


@anyone.get("/prefix/all", response_model=list[PrefixResponse], responses=UNCHANGED)
async def every_prefix(
    request: Request,
    *,
    inactive: Inactive = False,
    if_none_match: IfNoneMatch = "",
) -> Response:
    """Every prefix and whose it is."""
    return _answer(await _lists(request).prefixes(inactive=inactive), if_none_match)


@anyone.get("/organizations/{orgnr}", response_model=OrganisationName)
async def organisation(orgnr: str, request: Request) -> Response:
    """The name of a registered organisation."""
    found = await published.organisation(parts_of(request).registry.facts, orgno=orgnr)
    return document(OrganisationName(orgnr=found.orgno, name=found.name))


@anyone.get("/delegationsources", response_model=list[DelegationSource])
async def delegation_sources(request: Request) -> Response:
    """The registers whose delegations count: this authority's own, and those of others that it relies on."""
    parts = parts_of(request)
    others = [
        DelegationSource(name=found.name, issuer=found.issuer) for found in await sources.relied_on(parts.open_store())
    ]
    return listing([DelegationSource(name="Tillit", issuer=parts.issuer), *others])


@router.get("/prefix", response_model=list[PrefixResponse])
async def own_prefixes(call: ScopeReads) -> Response:
    """The prefixes of the caller's organisation."""
    found = await prefixes.listed(call.store, call.actor)
    names = await names_of(call.parts, (prefix.owner_orgno for prefix in found))
    times = await call.parts.times.of([prefix.ref for prefix in found])
    return listing(shown_prefix(prefix, names, times) for prefix in found)


def _lists(request: Request) -> PublicLists:
    return cast("PublicLists", request.app.state.public_lists)


def _answer(listed: Listed, seen: str) -> Response:
    """Answer a list that anybody may keep but must ask about again; 304 if the caller has it (RFC 9110 §13.1.2)."""
    headers = {"etag": listed.etag, "cache-control": "public, no-cache"}
    if listed.etag in seen or seen.strip() == "*":
        return Response(status_code=304, headers=headers)
    return Response(listed.body, headers=headers, media_type="application/json")
