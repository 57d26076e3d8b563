"""The application: endpoints put on their paths. Decides nothing."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import FastAPI

from authserver import __version__
from authserver.oauth.metadata import metadata
from authserver.services import Services
from authserver.web.asgi import App
from authserver.web.discovery import jwks_endpoint, metadata_endpoint
from authserver.web.front import Front
from authserver.web.management import management_app
from authserver.web.observation import Observation
from authserver.web.pages import pages_app
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
    }
    return Front(lean, pages_app(settings.issuer, __version__), {b"/token": token})


def create_management_app(services: Services) -> FastAPI:
    """Build the management application over the same services."""

    async def nodes() -> list[dict[str, object]]:
        return [asdict(node) for node in await services.nodes.listed()]

    return management_app(services.checks, nodes, services.metrics)
