"""The address in a DPoP proof (RFC 9449 section 4.3, check 9), in the one spelling that two equal ones share."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

MAX_HTU: Final = 2048
_PORTS: Final = {"https": 443, "http": 80}
_ESCAPE: Final = re.compile("%(..)?")
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~-]\Z")
_PATH: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/%-]*\Z")
_HOST: Final = re.compile(r"[a-z0-9._-]+\Z")


class NotAnAddress(ValueError):
    """Not an absolute http or https URI; the message names the rule and never quotes the URI."""


def normal_htu(uri: str) -> str:
    """`uri` without query and fragment, normalised as RFC 3986 sections 6.2.2 and 6.2.3 say. Raises NotAnAddress.

    Scheme and host are in lower case, a default port is left out, escapes are in upper case and only where they must
    be, dot segments are gone, and an empty path is `/`.
    """
    parts = _parts(uri)
    port = _port(parts)
    host = _host(parts)
    shown = "" if port in (None, _PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{shown}{normal_path(parts.path)}"


def normal_path(path: str) -> str:
    """`path` as `normal_htu` spells it. Raises NotAnAddress."""
    if not _PATH.match(path):
        raise NotAnAddress("the path holds a character that must be escaped")
    # Behind an origin anything else would lengthen the host, or give it a port.
    if path and not path.startswith("/"):
        raise NotAnAddress("the path does not begin with a slash")
    spelt = _ESCAPE.sub(_escape, path) if "%" in path else path
    return _without_dots(spelt) if "/." in spelt else spelt or "/"


def escaped_path(path: str | bytes) -> str:
    """A decoded path as it stands in a URI: what need not be escaped there (RFC 3986 section 3.3) is not."""
    return quote(path, safe="/:@!$&'()*+,;=")


def _parts(uri: str) -> SplitResult:
    # urlsplit drops control characters and strips spaces; whoever else reads the URI may not.
    if not uri or len(uri) > MAX_HTU or not uri.isascii() or not uri.isprintable() or " " in uri or "\\" in uri:
        raise NotAnAddress("not a URI")
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise NotAnAddress("not a URI") from None
    if parts.scheme not in _PORTS or "@" in parts.netloc:
        raise NotAnAddress("not an http or https URI without user name")
    return parts


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        raise NotAnAddress("the port is not one") from None


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if "[" in parts.netloc:
        try:
            return f"[{ipaddress.IPv6Address(host).compressed}]"
        except ValueError:
            raise NotAnAddress("the host is not an address") from None
    if not _HOST.match(host):
        raise NotAnAddress("the host is not a name")
    return host


def _escape(found: re.Match[str]) -> str:
    digits = found.group(1) or ""
    try:
        octet = bytes.fromhex(digits)
    except ValueError:
        octet = b""
    if len(octet) != 1 or digits.strip() != digits:
        raise NotAnAddress("an escape is not two hexadecimal digits")
    character = octet.decode("latin-1")
    return character if _UNRESERVED.match(character) else f"%{digits.upper()}"


def _without_dots(path: str) -> str:
    kept: list[str] = []
    segments = path.split("/")[1:]
    for number, segment in enumerate(segments):
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
        if segment in {".", ".."} and number == len(segments) - 1:
            kept.append("")
    return "/" + "/".join(kept)
