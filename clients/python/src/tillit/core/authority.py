"""Where an authority's endpoints are, and how that is learnt (RFC 8414)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

from tillit.core.loopback import is_loopback
from tillit.errors import ConfigError, MalformedResponse
from tillit.jose.encoding import MalformedJose, read_json_object

WELL_KNOWN: Final = "/.well-known/oauth-authorization-server"
_OTHER_WELL_KNOWN: Final = "/.well-known/openid-configuration"
MAX_METADATA: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority whose endpoints are known.

    `issuer` is its identifier, to the letter: the audience of assertions and the `iss` of tokens. Addresses must be
    https, or http on a loopback address, or `allow_http` must be set. Raises ConfigError otherwise.
    """

    issuer: str
    token_endpoint: str | None = None
    jwks_uri: str | None = None
    allow_http: bool = False

    def __post_init__(self) -> None:
        check_url(self.issuer, "issuer", allow_http=self.allow_http)
        if self.token_endpoint is not None:
            check_url(self.token_endpoint, "token_endpoint", allow_http=self.allow_http)
        if self.jwks_uri is not None:
            check_url(self.jwks_uri, "jwks_uri", allow_http=self.allow_http)

    @staticmethod
    def discover(issuer: str, *, allow_http: bool = False, http: Any = None, within: float = 5.0) -> Authority:
        """Fetch and check the metadata of `issuer` now. `http` is an httpx2 client to use, `within` is in seconds.

        Clients and validators do this by themselves, at first use, when they are given an issuer only.
        Raises ConfigError, Unavailable, or MalformedResponse when the metadata is of another issuer.
        """
        from tillit.transport import fetch_metadata  # noqa: PLC0415 - the core itself does no I/O

        return fetch_metadata(Discovery.of(issuer, allow_http=allow_http), http=http, within=within)


@dataclass(frozen=True, slots=True)
class Discovery:
    """An authority that is still to be looked up. Fields given here win over what the metadata says.

    `issuers` are the spellings of the issuer that the metadata may bear: one, unless only the address is known.
    """

    metadata_url: str
    issuers: tuple[str, ...]
    token_endpoint: str | None = None
    jwks_uri: str | None = None
    allow_http: bool = False

    @staticmethod
    def of(issuer: str, *, allow_http: bool = False) -> Discovery:
        """The metadata address of `issuer`: the well-known part goes between host and path (RFC 8414 section 3)."""
        url = check_url(issuer, "issuer", allow_http=allow_http)
        if url.query:
            raise ConfigError("the issuer must not have a query (RFC 8414 section 2)")
        address = urlunsplit((url.scheme, url.netloc, WELL_KNOWN + url.path.rstrip("/"), "", ""))
        return Discovery(address, (issuer,), allow_http=allow_http)

    @staticmethod
    def at(metadata_url: str, *, allow_http: bool = False) -> Discovery:
        """The authority whose metadata is at `metadata_url`; its issuer must be the address the URL is made from."""
        url = check_url(metadata_url, "metadata_url", allow_http=allow_http)
        for marker in (WELL_KNOWN, _OTHER_WELL_KNOWN):
            before, found, after = url.path.partition(marker)
            if found:
                base = urlunsplit((url.scheme, url.netloc, (before + after).rstrip("/"), "", ""))
                return Discovery(metadata_url, (base, base + "/"), allow_http=allow_http)
        raise ConfigError(f"the metadata address must contain {WELL_KNOWN} or {_OTHER_WELL_KNOWN}")

    def with_endpoints(self, token_endpoint: str | None, jwks_uri: str | None) -> Discovery:
        """The same, with endpoints that win over those in the metadata."""
        return replace(self, token_endpoint=token_endpoint, jwks_uri=jwks_uri)

    def resolve(self, document: bytes) -> Authority:
        """The authority that the metadata `document` describes.

        Raises MalformedResponse if it is not metadata of this issuer (RFC 8414 section 3.3), or has a bad address.
        """
        try:
            metadata = read_json_object(document)
        except MalformedJose as error:
            raise MalformedResponse(f"the metadata is not usable: {error}") from None
        issuer = metadata.get("issuer")
        if issuer not in self.issuers:
            raise MalformedResponse("the metadata names another issuer than the one configured")
        try:
            return Authority(
                issuer=issuer,
                token_endpoint=self.token_endpoint or _text(metadata, "token_endpoint"),
                jwks_uri=self.jwks_uri or _text(metadata, "jwks_uri"),
                allow_http=self.allow_http,
            )
        except ConfigError as error:
            raise MalformedResponse(f"the metadata is not usable: {error}") from None


def _text(metadata: dict[str, Any], name: str) -> str | None:
    value = metadata.get(name)
    if value is None or isinstance(value, str):
        return value
    raise MalformedResponse(f"the metadata is not usable: {name} is not a string")


def check_url(url: str, name: str, *, allow_http: bool = False) -> SplitResult:
    """`url` taken apart. Raises ConfigError unless it is https (or http on loopback) without user and fragment."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except (ValueError, AttributeError, TypeError):
        raise ConfigError(f"{name} is not a URL") from None
    if not host or parts.username is not None or parts.fragment:
        raise ConfigError(f"{name} must be an absolute URL without user name and fragment")
    secure = parts.scheme == "https" or (parts.scheme == "http" and (allow_http or is_loopback(host)))
    if not secure:
        raise ConfigError(f"{name} must be https (http is for loopback addresses, or where allow_http is set)")
    return parts
