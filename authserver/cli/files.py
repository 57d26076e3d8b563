"""Files that a verb is given: read whole, never larger than they can sensibly be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from authserver.cli.faults import UnreadableFileError
from authserver.oauth.strict_json import parse_object

KEY_BYTES = 64 * 1024
RECORDS_BYTES = 256 * 1024 * 1024


def read(path: Path, limit: int) -> bytes:
    """Return what is in the file. Raises UnreadableFileError if it cannot be read or holds more than `limit` bytes."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as fault:
        raise UnreadableFileError(f"The file {path} cannot be read: {fault.strerror or fault}.") from None
    if len(data) > limit:
        raise UnreadableFileError(f"The file {path} is larger than {limit} bytes.")
    return data


def read_text(path: Path, limit: int) -> str:
    """Return the file's text. Raises UnreadableFileError."""
    try:
        return read(path, limit).decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableFileError(f"The file {path} is not text in UTF-8.") from None


def read_jwk(path: Path) -> Mapping[str, Any]:
    """Return the JWK in the file, or the one key of a JWK Set (RFC 7517 §5). Raises UnreadableFileError."""
    try:
        found = parse_object(read(path, KEY_BYTES))
    except ValueError:
        raise UnreadableFileError(f"The file {path} is not a JWK: not one object of strict JSON.") from None
    if "keys" not in found:
        return found
    match found["keys"]:
        case [dict() as only]:
            return only
        case _:
            raise UnreadableFileError(f"The file {path} is a JWK Set that does not hold exactly one key.")
