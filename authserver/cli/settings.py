"""`authserver settings`: what the authority understood of its environment."""

from __future__ import annotations

import dataclasses
import re
from typing import Any, Final

from authserver.cli.answer import answering
from authserver.cli.desk import settings
from authserver.cli.options import Json

# Whatever stands between the scheme and the last @ of the authority: user, colon, password (RFC 3986 §3.2.1).
_PASSWORD: Final = re.compile(r"(?<=://)([^/?#:]*):([^/?#]*)(?=@)")
_SECRET_PARAMETER: Final = re.compile(r"(?i)((?:password|passwd|secret|token|sslpassword)=)[^&]*")


def show(as_json: Json = False) -> None:
    """Show the settings as understood, secrets masked."""
    with answering(as_json=as_json) as answer:
        document: dict[str, Any] = {}
        for name, value in dataclasses.asdict(settings()).items():
            document[name] = value if value is None or isinstance(value, int) else masked(str(value))
        answer.record("The authority runs with these settings.", document)


def masked(value: str) -> str:
    """Return the text with every password of a URL hidden."""
    return _SECRET_PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1:***", value))
