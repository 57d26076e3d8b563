"""The application: endpoints put on their paths. Decides nothing."""

from __future__ import annotations

from dataclasses import asdict
from uuid import uuid4

from fastapi import FastAPI

from authserver import __version__
from authserver.oauth.metadata import metadata
from authserver.registry.administration import Administration
from authserver.registry.lookup import SUBSCOPES
from authserver.services import Services, clock
from authserver.web.admin.api import mounted
from authserver.web.admin.bearer import Tokens
from authserver.web.admin.cursor import Cursors
from authserver.web.admin.ports import Parts
from authserver.web.asgi import App
from authserver.web.discovery import jwks_endpoint, metadata_endpoint
from authserver.web.front import Front
from authserver.web.lookup import PATHS, LookupEndpoint
from authserver.web.management import management_app
from authserver.web.observation import Observation
from authserver.web.pages import pages_app
from authserver.web.status_lists import listing
from authserver.web.token import TokenEndpoint
from authserver.web.trace import TraceIds


def create_app(services: Services) -> Front:
    """Build the public application over opened services."""
    settings = services.settings
    described = metadata_endpoint(metadata(settings.issuer, settings.profile))
    keys = jwks_endpoint(services.jwks)
    token = TokenEndpoint(services.exchange.token, TraceIds(), Observation(services.metrics))
    lean: dict[str, App] = {
        "/token": token,
        "/.well-known/oauth-authorization-server": described,
        "/.well-known/openid-configuration": described,
        "/jwk": keys,
        "/jwks": keys,
        "/.well-known/jwks.json": keys,
        **dict.fromkeys(PATHS, lookup_endpoint(services)),
    }
    rest = mounted(admin_parts(services), __version__, pages_app(settings.issuer, __version__))
    return Front(lean, listing(services.status_lists, rest), {b"/token": token})


def lookup_endpoint(services: Services) -> LookupEndpoint:
    """Hand the look-up of delegations what it works with. Its tokens are those for the prefix of its scopes."""
    settings = services.settings
    audience = f"{settings.issuer.rstrip('/')}/api/{settings.lookup_prefix}"
    return LookupEndpoint(
        issuer=settings.issuer,
        administration=Administration(settings.lookup_prefix, settings.operator, SUBSCOPES),
        tokens=Tokens(settings.issuer, audience, services.jwks),
        registry=services.admin.registry,
        held=services.admin.held,
        clock=clock,
        trace_ids=TraceIds(),
    )


def admin_parts(services: Services) -> Parts:
    """Hand the admin API what it works with. Its tokens are those for its prefix (RFC 9068 §4)."""
    settings, admin = services.settings, services.admin
    audience = f"{settings.issuer.rstrip('/')}/api/{settings.admin_prefix}"
    return Parts(
        issuer=settings.issuer,
        administration=Administration(settings.admin_prefix, settings.operator),
        open_store=admin.open_store,
        registry=admin.registry,
        tokens=Tokens(settings.issuer, audience, services.jwks),
        idempotency=admin.idempotency,
        times=admin.times,
        affected=admin.affected,
        delegation_records=admin.delegation_records,
        evidence=services.evidence,
        cursors=Cursors(admin.cursor_secret),
        clock=clock,
        new_id=lambda: str(uuid4()),
        examples_allowed=settings.environment == "dev",
    )


def create_management_app(services: Services) -> FastAPI:
    """Build the management application over the same services."""

    async def nodes() -> list[dict[str, object]]:
        return [asdict(node) for node in await services.nodes.listed()]

    return management_app(services.checks, nodes, services.metrics)
