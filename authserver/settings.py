"""Settings: the environment, read once into a frozen value, every fault reported at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, cast
from urllib.parse import urlsplit

from authserver.oauth.orgno import parse as parse_orgno
from authserver.oauth.profiles import REQUEST_PROFILES
from authserver.oauth.scope import parse_prefix

PREFIX = "AUTHSERVER_"
Environment = Literal["dev", "test", "prod"]
_ENVIRONMENTS = ("dev", "test", "prod")
_PORTS = range(65536)
_MOST_WORKERS = 64
_MOST_REQUESTS = 10_000
_CONNECTIONS = range(1, 100_001)
_RECORDS = range(1_000, 10_000_001)
_SOURCE_SECONDS = range(1, 11)
_SOURCE_CACHE_SECONDS = range(11)
FROM_FILES = ("database_url", "redis_url")
"""The settings that may hold a password; each may come from a file, which the variable that ends in `_FILE` names."""


class SettingsError(Exception):
    """The environment is wrong; `faults` holds one sentence for each setting at fault."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Settings:
    """What an authority is told by its environment, each field by the variable `AUTHSERVER_` and its name.

    `host` and `port` are the public listener; `management_port` serves health and metrics on the loopback address
    unless `management_host` says otherwise. `workers` is the number of processes; in each, `max_concurrent` token
    requests are worked on at a time and `max_waiting` wait for their turn, `max_connections` are served, and at most
    `snapshot_records` records of the registry are held in memory. The names that begin with `source_` say as which
    client, and how, other authorities' registers of delegations are asked.
    """

    issuer: str = "http://localhost:8080/"
    database_url: str = field(default="sqlite+aiosqlite:///var/authserver.db", repr=False)
    redis_url: str | None = field(default=None, repr=False)
    profile: str = "standard"
    environment: Environment = "dev"
    keys_dir: Path = Path("var/keys")
    host: str = "127.0.0.1"
    port: int = 8080
    management_host: str = "127.0.0.1"
    management_port: int = 8081
    workers: int = 1
    admin_prefix: str = "idporten"
    operator: str = "200000005"
    lookup_prefix: str = "idporten"
    source_client_id: str | None = None
    source_key: Path | None = None
    source_kid: str | None = None
    source_token_issuer: str | None = None
    source_seconds: int = 3
    source_cache_seconds: int = 0
    max_concurrent: int = 32
    max_waiting: int = 512
    max_connections: int = 2048
    snapshot_records: int = 100_000


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Read the settings. Raises SettingsError, which names every fault and never shows a value that may be secret."""
    given = {name[len(PREFIX) :].lower(): value for name, value in environ.items() if name.startswith(PREFIX) and value}
    faults: list[str] = []
    for name in FROM_FILES:
        _read_file(given, name, faults)
    faults.extend(f"{PREFIX}{name.upper()} is not a setting" for name in sorted(given.keys() - Settings.__slots__))
    defaults = Settings()
    settings = Settings(
        issuer=given.get("issuer", defaults.issuer),
        database_url=given.get("database_url", defaults.database_url),
        redis_url=given.get("redis_url"),
        profile=_choice(given, "profile", defaults.profile, tuple(REQUEST_PROFILES), faults),
        environment=cast("Environment", _choice(given, "environment", "dev", _ENVIRONMENTS, faults)),
        keys_dir=Path(given.get("keys_dir", defaults.keys_dir)),
        host=given.get("host", defaults.host),
        port=_number(given, "port", defaults.port, _PORTS, faults),
        management_host=given.get("management_host", defaults.management_host),
        management_port=_number(given, "management_port", defaults.management_port, _PORTS, faults),
        workers=_number(given, "workers", defaults.workers, range(1, _MOST_WORKERS + 1), faults),
        max_concurrent=_number(given, "max_concurrent", defaults.max_concurrent, range(1, _MOST_REQUESTS + 1), faults),
        max_connections=_number(given, "max_connections", defaults.max_connections, _CONNECTIONS, faults),
        max_waiting=_number(given, "max_waiting", defaults.max_waiting, range(_MOST_REQUESTS + 1), faults),
        snapshot_records=_number(given, "snapshot_records", defaults.snapshot_records, _RECORDS, faults),
        admin_prefix=given.get("admin_prefix", defaults.admin_prefix),
        operator=given.get("operator", defaults.operator),
        lookup_prefix=given.get("lookup_prefix", given.get("admin_prefix", defaults.lookup_prefix)),
    )
    settings = _with_sources(settings, given, faults)
    faults.extend(_issuer_faults(settings))
    faults.extend(_source_faults(settings))
    faults.extend(_administration_faults(settings))
    if faults:
        raise SettingsError(faults)
    return settings


def _with_sources(settings: Settings, given: Mapping[str, str], faults: list[str]) -> Settings:
    """Add how other authorities' registers are asked."""
    return replace(
        settings,
        source_client_id=given.get("source_client_id"),
        source_key=Path(given["source_key"]) if "source_key" in given else None,
        source_kid=given.get("source_kid"),
        source_token_issuer=given.get("source_token_issuer"),
        source_seconds=_number(given, "source_seconds", settings.source_seconds, _SOURCE_SECONDS, faults),
        source_cache_seconds=_number(given, "source_cache_seconds", 0, _SOURCE_CACHE_SECONDS, faults),
    )


def _read_file(given: dict[str, str], name: str, faults: list[str]) -> None:
    """Let the content of the file that `name`_FILE names stand for the setting; the line's end is no part of it."""
    path = given.pop(f"{name}_file", None)
    if path is None:
        return
    variable = f"{PREFIX}{name.upper()}"
    if name in given:
        faults.append(f"{variable} and {variable}_FILE are both set; one of them is enough")
        return
    try:
        given[name] = Path(path).read_text(encoding="utf-8").strip()
    except OSError as fault:
        faults.append(f"{variable}_FILE names a file that cannot be read: {fault.strerror}")
    except UnicodeDecodeError:
        faults.append(f"{variable}_FILE names a file that is not text")
    else:
        if not given[name]:
            faults.append(f"{variable}_FILE names a file with nothing in it")


def _choice(given: Mapping[str, str], name: str, default: str, choices: tuple[str, ...], faults: list[str]) -> str:
    value = given.get(name, default)
    if value not in choices:
        faults.append(f"{PREFIX}{name.upper()} must be one of {', '.join(choices)}")
        return default
    return value


def _number(given: Mapping[str, str], name: str, default: int, allowed: range, faults: list[str]) -> int:
    text = given.get(name, str(default))
    if not (text.isascii() and text.isdigit() and int(text[:9]) in allowed):
        faults.append(f"{PREFIX}{name.upper()} must be a whole number from {allowed.start} to {allowed.stop - 1}")
        return default
    return int(text)


def _issuer_faults(settings: Settings) -> list[str]:
    """RFC 8414 §2: an issuer is an https URL without query or fragment; plain http is for development."""
    if not _is_issuer(settings.issuer):
        return [f"{PREFIX}ISSUER must be an http(s) URL without user, query and fragment"]
    if settings.environment == "prod" and not settings.issuer.startswith("https:"):
        return [f"{PREFIX}ISSUER must be https when {PREFIX}ENVIRONMENT is prod"]
    return []


def _administration_faults(settings: Settings) -> list[str]:
    faults = []
    for name, value, parse in (
        ("ADMIN_PREFIX", settings.admin_prefix, parse_prefix),
        ("LOOKUP_PREFIX", settings.lookup_prefix, parse_prefix),
        ("OPERATOR", settings.operator, parse_orgno),
    ):
        try:
            parse(value)
        except ValueError as fault:
            faults.append(f"{PREFIX}{name} is malformed: {fault}")
    return faults


def _source_faults(settings: Settings) -> list[str]:
    """Asking other registers takes a client and its key together."""
    faults = []
    key, issuer = settings.source_key, settings.source_token_issuer
    if (settings.source_client_id is None) != (key is None):
        faults.append(f"{PREFIX}SOURCE_CLIENT_ID and {PREFIX}SOURCE_KEY go together; one of them is missing")
    if settings.source_client_id is None and (settings.source_kid or issuer):
        faults.append(f"{PREFIX}SOURCE_KID and {PREFIX}SOURCE_TOKEN_ISSUER need {PREFIX}SOURCE_CLIENT_ID")
    if key is not None and not key.is_file():
        faults.append(f"{PREFIX}SOURCE_KEY names no file")
    if issuer is not None and not _is_issuer(issuer):
        faults.append(f"{PREFIX}SOURCE_TOKEN_ISSUER must be an http(s) URL without user, query and fragment")
    elif issuer is not None and settings.environment != "dev" and not issuer.startswith("https:"):
        faults.append(f"{PREFIX}SOURCE_TOKEN_ISSUER must be https when {PREFIX}ENVIRONMENT is not dev")
    return faults


def _is_issuer(text: str) -> bool:
    try:
        parts = urlsplit(text)
        # Reading the port judges it.
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    plain = text.isascii() and text.isprintable() and not set(text) & set(' ?#@\\"<>')
    return named and plain and text.startswith(("http://", "https://"))
