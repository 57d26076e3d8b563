"""Norwegian organisation numbers: nine ASCII digits, the last a modulus-11 check digit, and their ISO 6523 form."""

from __future__ import annotations

import re

AUTHORITY = "iso6523-actorid-upis"
_ICD = "0192"
_NINE_DIGITS = re.compile(r"[0-9]{9}")
_WEIGHTS = (3, 2, 7, 6, 5, 4, 3, 2)


def parse(text: str) -> str:
    """Return the organisation number itself, having checked form and check digit. Raises ValueError."""
    if not is_nine_digits(text):
        raise ValueError("an organisation number is nine digits")
    if text[0] == "0":
        raise ValueError("an organisation number does not start with zero")
    if _check_digit(text) != int(text[8]):
        raise ValueError("the check digit of the organisation number is wrong")
    return text


def is_nine_digits(text: str) -> bool:
    """Tell whether the text has the form of an organisation number: nine ASCII digits and nothing else."""
    return _NINE_DIGITS.fullmatch(text) is not None


def iso6523(orgno: str) -> dict[str, str]:
    """Name an organisation as tokens do: its scheme and `0192:` with the number (ISO/IEC 6523)."""
    return {"authority": AUTHORITY, "ID": f"{_ICD}:{orgno}"}


def _check_digit(text: str) -> int:
    """Return the modulus-11 check digit over the first eight digits; 10 means that no valid number has them."""
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, text, strict=False))
    return (11 - total % 11) % 11
