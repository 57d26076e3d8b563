"""Templates of configuration files, with `@name@` where a value goes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import resources
from typing import Final

_PLACE: Final = re.compile(r"@([a-z_]+)@")


def filled(template: str, **values: str | int) -> str:
    """The text of a template with every place filled. Raises KeyError for a place without a value."""
    text = resources.files("tillit.proxies").joinpath("templates", template).read_text(encoding="utf-8")
    return _PLACE.sub(lambda place: str(values[place[1]]), text)


def lines(each: Iterable[str], indent: int) -> str:
    """Lines to fill one place with, each indented by so many spaces."""
    return "\n".join(" " * indent + line for line in each)
