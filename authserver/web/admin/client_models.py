"""Clients as the compatible API writes them (names, enums and defaults are Digdir's)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from authserver.oauth.models import Client, Ref
from authserver.oauth.profiles import JWT_BEARER, TOKEN_PROFILES
from authserver.registry import onbehalfof
from authserver.registry.clients import ClientAmendment
from authserver.registry.onbehalfof import Entry
from authserver.registry.text import invalid
from authserver.web.admin.documents import Changed, Lenient, moment, stamps

IntegrationType = Literal[
    "ansattporten", "api_klient", "eformidling", "idporten", "idporten_saml2", "krr", "maskinporten"
]
_DEFAULT_LIFE: Final = TOKEN_PROFILES["maskinporten"].life


_KEPT: Final = frozenset(
    {
        "description",
        "application_type",
        "grant_types",
        "token_endpoint_auth_method",
        "authorization_lifetime",
        "refresh_token_lifetime",
        "refresh_token_usage",
        "redirect_uris",
        "post_logout_redirect_uris",
        "frontchannel_logout_uri",
        "frontchannel_logout_session_required",
        "sso_disabled",
        "code_challenge_method",
        "logo_uri",
        "client_uri",
    }
)


class ClientBody(Lenient):
    """What may be said of a client. Login-related members are accepted and grant nothing."""

    client_id: str | None = None
    client_name: str | None = None
    client_orgno: str | None = None
    supplier_orgno: str | None = None
    description: str | None = None
    active: bool | None = None
    application_type: Literal["web", "browser", "native"] | None = None
    integration_type: IntegrationType | None = None
    scopes: list[str] | None = Field(default=None, max_length=500)
    grant_types: list[str] | None = None
    token_endpoint_auth_method: (
        Literal["client_secret_post", "client_secret_basic", "private_key_jwt", "none"] | None
    ) = None
    access_token_lifetime: int | None = None
    authorization_lifetime: int | None = None
    refresh_token_lifetime: int | None = None
    refresh_token_usage: Literal["REUSE", "ONETIME"] | None = None
    redirect_uris: list[str] | None = None
    post_logout_redirect_uris: list[str] | None = None
    frontchannel_logout_uri: str | None = None
    frontchannel_logout_session_required: bool | None = None
    sso_disabled: bool | None = None
    code_challenge_method: Literal["none", "S256"] | None = None
    logo_uri: str | None = None
    client_uri: str | None = None

    @property
    def name(self) -> str:
        """The client's name; tools that give only a description mean that."""
        return self.client_name or (self.description or "")[:255]


class OnBehalfOf(BaseModel):
    """Somebody for whom a client works, by an id of the client's own choice."""

    onbehalfof: str
    name: str | None = None
    display_name: str | None = None
    orgno: str | None = None
    organization_name: str | None = None
    description: str | None = None
    uri: str | None = None
    url: str | None = None
    logo_uri: str | None = None
    created: str | None
    last_updated: str | None


class ClientResponse(BaseModel):
    """One client."""

    client_id: str
    client_name: str
    client_orgno: str
    supplier_orgno: str | None
    description: str
    active: bool
    application_type: str
    integration_type: str
    scopes: list[str]
    grant_types: list[str]
    token_endpoint_auth_method: str
    access_token_lifetime: int
    authorization_lifetime: int
    refresh_token_lifetime: int
    refresh_token_usage: str
    redirect_uris: list[str]
    post_logout_redirect_uris: list[str]
    frontchannel_logout_uri: str | None
    frontchannel_logout_session_required: bool
    sso_disabled: bool
    code_challenge_method: str | None
    logo_uri: str | None
    client_uri: str | None
    onbehalfof: list[OnBehalfOf]
    created: str | None
    last_updated: str | None


def shown(client: Client, times: Mapping[Ref, Changed]) -> ClientResponse:
    """Write a client."""
    defaults: dict[str, Any] = {
        "supplier_orgno": None,
        "description": client.name,
        "application_type": "web",
        "grant_types": [JWT_BEARER],
        "token_endpoint_auth_method": "private_key_jwt",
        "authorization_lifetime": 7200,
        "refresh_token_lifetime": 600,
        "refresh_token_usage": "ONETIME",
        "redirect_uris": [],
        "post_logout_redirect_uris": [],
        "frontchannel_logout_uri": None,
        "frontchannel_logout_session_required": False,
        "sso_disabled": False,
        "code_challenge_method": None,
        "logo_uri": None,
        "client_uri": None,
    }
    said = {name: value for name, value in client.extras.items() if name in defaults and value is not None}
    return ClientResponse(
        client_id=client.client_id,
        client_name=client.name,
        client_orgno=client.orgno,
        active=client.active,
        integration_type=client.integration_type,
        scopes=sorted(client.scopes),
        access_token_lifetime=client.token_lifetime or _DEFAULT_LIFE,
        onbehalfof=[on_behalf_of(entry) for entry in onbehalfof.entries(client)],
        **{**defaults, **said, **stamps(times, client.ref)},
    )


def kept(body: ClientBody) -> dict[str, Any]:
    """Return what is kept as it was said, for round trips."""
    said = body.model_dump(exclude_none=True)
    return {name: value for name, value in said.items() if name in _KEPT}


def amendment(body: ClientBody, path_id: str, owner: str) -> ClientAmendment:
    """Read what a client is to be. Raises Refusal INVALID for another kind, id or organisation than it has."""
    judge_kind(body)
    if body.client_id not in (None, "", path_id):
        raise invalid("The client_id in the body is not the one in the path")
    if body.client_orgno not in (None, "", owner):
        raise invalid("A client never changes its organisation")
    return ClientAmendment(
        name=body.name,
        scopes=body.scopes or [],
        active=body.active is not False,
        token_lifetime=body.access_token_lifetime or 0,
        extras=kept(body),
    )


def judge_kind(body: ClientBody) -> None:
    """Admit clients of machines only. Raises Refusal INVALID."""
    if body.integration_type not in (None, "maskinporten"):
        raise invalid("This authority has clients of integration_type maskinporten only, and the type never changes")


def on_behalf_of(entry: Entry) -> OnBehalfOf:
    """Write for whom else a client works."""
    times = {name: moment(entry[name]) for name in ("created", "last_updated")}
    return OnBehalfOf(**{**entry, **times})
