"""The settings of a token client, in code or from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tillit import signers
from tillit.core.assertion import MAX_LIFETIME
from tillit.core.authority import Authority, Discovery
from tillit.core.request import TokenRequest
from tillit.dpop import DpopKey
from tillit.errors import ConfigError
from tillit.route import Route
from tillit.signers import Signer
from tillit.stores.address import check_address

PREFIX: Final = "TILLIT_"
FALLBACK_PREFIX: Final = "MASKINPORTEN_"
ENVIRONMENTS: Final = {"prod": "https://maskinporten.no/", "test": "https://test.maskinporten.no/"}
_TRUE: Final = ("1", "true", "yes")
_FALSE: Final = ("0", "false", "no")
VARIABLES: Final = (
    "CLIENT_ID",
    "CLIENT_JWK",
    "PRIVATE_KEY",
    "PRIVATE_KEY_PATH",
    "P12_PATH",
    "P12_PASSWORD",
    "KID",
    "SCOPES",
    "SCOPE",
    "CONSUMER_ORG",
    "RESOURCE",
    "WELL_KNOWN_URL",
    "ISSUER",
    "ENVIRONMENT",
    "TOKEN_ENDPOINT",
    "JWKS_URI",
    "ALLOW_HTTP",
    "TOKEN_CACHE",
    "TOKEN_CACHE_KEY",
    "CA_BUNDLE",
    "PROXY",
    "DPOP",
    "ENABLED",
)


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """Who asks, whom, and with which key.

    `authority` is an Authority, a Discovery, or the issuer as text, which is then looked up at first use.
    `default` is asked for when a call names no scopes; its `consumer_org` and `resource` also hold for calls that
    name scopes only. `assertion_lifetime` is in seconds, 10 to 120. `token_cache` is where processes share tokens and
    `token_cache_key` what they are encrypted with there, both as `stores.open_store` reads them. `dpop` is the key that
    tokens are bound to (RFC 9449), True for a new one of ES256; with `dpop_optional` an authority may answer with a
    token that is not bound. `ca_bundle` and `proxy` are those of `Route`, and hold where the client is given no HTTP
    client. Raises ConfigError.
    """

    authority: Authority | Discovery | str
    client_id: str
    signer: Signer
    default_scopes: tuple[str, ...] = ()
    consumer_org: str | None = None
    resource: str | None = None
    assertion_lifetime: int = MAX_LIFETIME
    token_cache: str | None = field(default=None, repr=False)
    token_cache_key: str | None = field(default=None, repr=False)
    dpop: DpopKey | bool | None = None
    dpop_optional: bool = False
    ca_bundle: str | None = None
    proxy: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.client_id:
            raise ConfigError("client_id must not be empty")
        if not 10 <= self.assertion_lifetime <= MAX_LIFETIME:
            raise ConfigError(f"assertion_lifetime must be 10 to {MAX_LIFETIME} seconds")
        if isinstance(self.where, Authority) and self.where.token_endpoint is None:
            raise ConfigError("the authority has no token_endpoint")
        if self.dpop is True:
            object.__setattr__(self, "dpop", DpopKey.generate())
        check_address(self.token_cache, self.token_cache_key)
        Route(self.ca_bundle, self.proxy)
        # A bad default is a fault of the configuration: say so now, not at the first call.
        TokenRequest(self.default_scopes or ("x",), self.resource, self.consumer_org)

    @property
    def dpop_key(self) -> DpopKey | None:
        """The key that tokens are bound to, if any."""
        return self.dpop if isinstance(self.dpop, DpopKey) else None

    @property
    def route(self) -> Route:
        """How the authority is reached."""
        return Route(self.ca_bundle, self.proxy)

    @property
    def where(self) -> Authority | Discovery:
        """The authority, known or still to be looked up."""
        return Discovery.of(self.authority) if isinstance(self.authority, str) else self.authority

    @staticmethod
    def from_env(prefix: str | None = None, environ: Mapping[str, str] | None = None) -> ClientConfig:
        """The settings in the environment, under `prefix`; without one, `TILLIT_`, else `MASKINPORTEN_`.

        `CLIENT_ID`; one of `CLIENT_JWK`, `PRIVATE_KEY` and `PRIVATE_KEY_PATH`, each in any form `signers.from_text`
        reads, with `KID` where the key does not bear it, or `P12_PATH` with `P12_PASSWORD`; one of `WELL_KNOWN_URL`,
        `ISSUER`, `ISSUER` with `TOKEN_ENDPOINT`, and `ENVIRONMENT` (`prod` or `test` of Maskinporten);
        optionally `SCOPES`, `CONSUMER_ORG`, `RESOURCE`, `JWKS_URI`, `ALLOW_HTTP`, and
        `TOKEN_CACHE` (`memory`, `file:/a/directory` or `redis://…`) with `TOKEN_CACHE_KEY`; `CA_BUNDLE` and `PROXY`;
        `DPOP` at `true` for a key to bind tokens to, which this process makes for itself.
        With `ENABLED` at `false` nothing else is read, and ConfigError says that it is off.
        Raises ConfigError with all faults at once, naming variables and never values.
        """
        source = os.environ if environ is None else environ
        return _Reader(source, _prefix(source, prefix)).config()


def _prefix(environ: Mapping[str, str], prefix: str | None) -> str:
    if prefix is not None:
        return prefix
    # One family or the other: an id from the first with a key from the second would be a client nobody registered.
    own = any(environ.get(PREFIX + name) for name in VARIABLES)
    return PREFIX if own or not any(environ.get(FALLBACK_PREFIX + name) for name in VARIABLES) else FALLBACK_PREFIX


class _Reader:
    """Reads one family of variables and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str], prefix: str) -> None:
        self._environ = environ
        self._prefix = prefix
        self._faults: list[str] = []

    def config(self) -> ClientConfig:
        if not self._flag("ENABLED", default=True):
            raise ConfigError(f"{self._prefix}ENABLED is false: no client is to be made from these settings")
        client_id, dpop = self._get("CLIENT_ID"), self._flag("DPOP")
        if client_id is None:
            self._faults.append(f"{self._prefix}CLIENT_ID is not set")
        signer = self._signer()
        authority = self._authority()
        if self._faults or client_id is None or signer is None or authority is None:
            raise ConfigError("; ".join(self._faults))
        try:
            return ClientConfig(
                authority,
                client_id,
                signer,
                default_scopes=tuple((self._get("SCOPES") or self._get("SCOPE") or "").split()),
                consumer_org=self._get("CONSUMER_ORG"),
                resource=self._get("RESOURCE"),
                token_cache=self._get("TOKEN_CACHE"),
                token_cache_key=self._get("TOKEN_CACHE_KEY"),
                ca_bundle=self._get("CA_BUNDLE"),
                proxy=self._get("PROXY"),
                dpop=dpop or None,
            )
        except ConfigError as error:
            raise ConfigError(f"{self._prefix}*: {error}") from None

    def _flag(self, name: str, *, default: bool = False) -> bool:
        value = (self._get(name) or "").lower()
        if value and value not in _TRUE + _FALSE:
            self._faults.append(f"{self._prefix}{name} must be true or false")
        return value in _TRUE or (default and value not in _FALSE)

    def _get(self, name: str) -> str | None:
        return self._environ.get(self._prefix + name, "").strip() or None

    def _signer(self) -> Signer | None:
        for name in ("CLIENT_JWK", "PRIVATE_KEY", "PRIVATE_KEY_PATH"):
            text = self._get(name)
            if text is None:
                continue
            try:
                return signers.from_text(text, kid=self._get("KID"))
            except ConfigError as error:
                self._faults.append(f"{self._prefix}{name}: {error}")
                return None
        path = self._get("P12_PATH")
        if path is not None:
            try:
                return signers.from_pkcs12(path, self._get("P12_PASSWORD"), kid=self._get("KID"))
            except ConfigError as error:
                self._faults.append(f"{self._prefix}P12_PATH: {error}")
                return None
        self._faults.append(f"{self._prefix}CLIENT_JWK (or PRIVATE_KEY, PRIVATE_KEY_PATH, P12_PATH) is not set")
        return None

    def _authority(self) -> Authority | Discovery | None:
        issuer, address = self._get("ISSUER"), self._get("WELL_KNOWN_URL")
        environment = self._get("ENVIRONMENT")
        if environment is not None and not issuer and not address:
            issuer = ENVIRONMENTS.get(environment.lower())
            if issuer is None:
                self._faults.append(f"{self._prefix}ENVIRONMENT must be one of " + ", ".join(ENVIRONMENTS))
                return None
        token_endpoint, jwks_uri = self._get("TOKEN_ENDPOINT"), self._get("JWKS_URI")
        allow_http = self._flag("ALLOW_HTTP")
        try:
            if issuer and token_endpoint:
                return Authority(issuer, token_endpoint, jwks_uri, allow_http)
            if issuer and address:
                return Discovery(address, (issuer,), token_endpoint, jwks_uri, allow_http)
            if issuer:
                return Discovery.of(issuer, allow_http=allow_http).with_endpoints(token_endpoint, jwks_uri)
            if address:
                return Discovery.at(address, allow_http=allow_http).with_endpoints(token_endpoint, jwks_uri)
        except ConfigError as error:
            self._faults.append(f"{self._prefix}*: {error}")
            return None
        # A token endpoint alone says where to send, not to whom: whoever runs it could forward the assertion.
        self._faults.append(f"{self._prefix}WELL_KNOWN_URL, {self._prefix}ISSUER or ENVIRONMENT is not set")
        return None
