"""How the authority is reached where the caller brings no HTTP client: by whose certificates, and by which proxy."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx2

from tillit.core.loopback import is_loopback
from tillit.errors import ConfigError

_SCHEMES = ("http", "https")


@dataclass(frozen=True, slots=True)
class Route:
    """`ca_bundle` is a file of PEM certificates that are trusted in place of the machine's.

    `proxy` is the address of an HTTP proxy for all requests; it may hold a password and is hidden in `repr`. Without
    one, the environment's `HTTPS_PROXY` and the like hold, but for loopback addresses: a proxy elsewhere could not find
    what is meant, and would be handed what was to stay on this machine. Raises ConfigError if a file or an address is
    not one.
    """

    ca_bundle: str | None = None
    proxy: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._proxy(self.context())

    @property
    def needs_tls(self) -> bool:
        """Whether even http may need certificates, because a proxy is spoken to by TLS."""
        return self.proxy is not None and self.proxy.lower().startswith("https:")

    def context(self) -> ssl.SSLContext | None:
        """What verifies servers, None for what the machine has."""
        if self.ca_bundle is None:
            return None
        try:
            return ssl.create_default_context(cafile=self.ca_bundle)
        except OSError as error:
            raise ConfigError(f"the CA bundle cannot be read: {type(error).__name__}") from None

    def client(self, url: str, tls: ssl.SSLContext | None) -> httpx2.Client:
        """An HTTP client that goes this way to `url`; `tls` verifies servers, and None will do for http."""
        return httpx2.Client(verify=tls or False, proxy=self._proxy(tls), trust_env=not _is_here(url))

    def async_client(self, url: str, tls: ssl.SSLContext | None) -> httpx2.AsyncClient:
        """The same for asyncio."""
        return httpx2.AsyncClient(verify=tls or False, proxy=self._proxy(tls), trust_env=not _is_here(url))

    def _proxy(self, tls: ssl.SSLContext | None) -> httpx2.Proxy | None:
        if self.proxy is None:
            return None
        try:
            proxy = httpx2.Proxy(self.proxy)
        except (httpx2.InvalidURL, ValueError):
            raise ConfigError("the proxy must be http://host:port or https://host:port") from None
        if proxy.url.scheme not in _SCHEMES or not proxy.url.host:
            raise ConfigError("the proxy must be http://host:port or https://host:port")
        if proxy.url.scheme == "https":
            proxy.ssl_context = tls
        return proxy


def _is_here(url: str) -> bool:
    return is_loopback(urlsplit(url).hostname or "")
