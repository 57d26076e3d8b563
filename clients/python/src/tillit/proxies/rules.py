"""What a proxy is to ask of a token, in values that mean nothing in any configuration language."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from tillit.errors import ConfigError

# No quotes, blanks, backslashes, braces or dollars: what passes here needs no escaping in any of the files.
_ADDRESS: Final = re.compile(r"https?://[A-Za-z0-9.\-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/\-]*)?\Z")
_AUDIENCE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[A-Za-z0-9._~/:\-]+\Z")
_SCOPE: Final = re.compile(r"[A-Za-z0-9._:/\-]+\Z")
_HOST_AND_PORT: Final = re.compile(r"[A-Za-z0-9.\-]+:[0-9]{1,5}\Z")


@dataclass(frozen=True, slots=True)
class Rules:
    """Tokens of `issuer`, addressed to `audience`, with every one of `scopes`, signed by a key at `jwks_uri`.

    `upstream` is the API as `host:port`, `listen` where the proxy itself listens, `sidecar` where `tillit sidecar` is
    asked by proxies that cannot validate. Raises ConfigError for a value that is none, or that a configuration file
    could read as something else.
    """

    issuer: str
    jwks_uri: str
    audience: str
    scopes: tuple[str, ...]
    upstream: str = "127.0.0.1:8000"
    listen: str = "127.0.0.1:8443"
    sidecar: str = "127.0.0.1:7164"

    def __post_init__(self) -> None:
        for name in ("issuer", "jwks_uri"):
            if not _ADDRESS.match(getattr(self, name)):
                raise ConfigError(f"{name} must be a plain http or https address")
        if not _AUDIENCE.match(self.audience):
            raise ConfigError("audience must be a plain URI")
        if not self.scopes or not all(_SCOPE.match(scope) for scope in self.scopes):
            raise ConfigError("scopes must be one or more plain scope names")
        for name in ("upstream", "listen", "sidecar"):
            if not _HOST_AND_PORT.match(getattr(self, name)):
                raise ConfigError(f"{name} must be host:port")

    @property
    def scope_patterns(self) -> tuple[str, ...]:
        """A regular expression for each scope that finds it whole in the claim `scope` (RFC 9068 section 2.2.3)."""
        return tuple(f"(^| ){scope.replace('.', '[.]')}( |$)" for scope in self.scopes)

    @property
    def key_set_server(self) -> tuple[str, int, bool]:
        """Host and port that serve the key set, and whether by TLS."""
        parts = urlsplit(self.jwks_uri)
        secure = parts.scheme == "https"
        return parts.hostname or "", parts.port or (443 if secure else 80), secure
