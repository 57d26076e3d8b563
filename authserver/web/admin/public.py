"""What the compatible API tells: to anyone public scopes, prefixes and organisations; to the caller its prefixes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from authserver.oauth.models import Prefix
from authserver.registry import prefixes, published
from authserver.web.admin.calling import parts_of
from authserver.web.admin.client_models import IntegrationType
from authserver.web.admin.documents import document, listing, names_of
from authserver.web.admin.ports import Parts
from authserver.web.admin.scope_models import PrefixResponse, ScopeResponse
from authserver.web.admin.scope_models import prefix as shown_prefix
from authserver.web.admin.scope_models import scope as shown_scope
from authserver.web.admin.scopes import ScopeReads

anyone = APIRouter(tags=["public"])
router = APIRouter(tags=["prefixes"])
Inactive = Annotated[bool, Query(description="Also deactivated ones.")]


class DelegationSource(BaseModel):
    """A register whose delegations this authority relies on."""

    name: str
    issuer: str


class OrganisationName(BaseModel):
    """An organisation by number."""

    orgnr: str
    name: str


@anyone.get("/scopes/all", response_model=list[ScopeResponse])
async def every_scope(
    request: Request,
    prefix: Annotated[str | None, Query()] = None,
    inactive: Inactive = False,  # noqa: FBT002
    delegated_sources: Annotated[str | None, Query()] = None,
    accessible_for_all: Annotated[bool | None, Query()] = None,
    integration_type: Annotated[IntegrationType | None, Query()] = None,
) -> Response:
    """Every scope that its owner made public."""
    parts = parts_of(request)
    wanted = published.Wanted(prefix, inactive, delegated_sources, accessible_for_all, integration_type)
    found = await published.scopes(parts.open_store(), wanted)
    times = await parts.times.of([scope.ref for scope in found])
    return listing(shown_scope(scope, times) for scope in found)


@anyone.get("/prefix/all", response_model=list[PrefixResponse])
async def every_prefix(request: Request, inactive: Inactive = False) -> Response:  # noqa: FBT002
    """Every prefix and whose it is."""
    parts = parts_of(request)
    return await _prefixes(parts, await published.prefixes(parts.open_store(), inactive=inactive))


@anyone.get("/organizations/{orgnr}", response_model=OrganisationName)
async def organisation(orgnr: str, request: Request) -> Response:
    """The name of a registered organisation."""
    found = await published.organisation(parts_of(request).registry.facts, orgno=orgnr)
    return document(OrganisationName(orgnr=found.orgno, name=found.name))


@anyone.get("/delegationsources", response_model=list[DelegationSource])
async def delegation_sources(request: Request) -> Response:
    """The registers whose delegations count: this authority's own."""
    return listing([DelegationSource(name="Tillit", issuer=parts_of(request).issuer)])


@router.get("/prefix", response_model=list[PrefixResponse])
async def own_prefixes(call: ScopeReads) -> Response:
    """The prefixes of the caller's organisation."""
    return await _prefixes(call.parts, await prefixes.listed(call.store, call.actor))


async def _prefixes(parts: Parts, found: Sequence[Prefix]) -> Response:
    names = await names_of(parts, (prefix.owner_orgno for prefix in found))
    times = await parts.times.of([prefix.ref for prefix in found])
    return listing(shown_prefix(prefix, names, times) for prefix in found)
