"""Norwegian organisation numbers and their ISO 6523 form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.oauth import orgno

VALID = (
    *("991825827", "889640782", "958935420", "920204368", "971040238", "974761076", "910753614", "810418672"),
    *("810418192", "313876144", "310149942", "311718371", "314330897", "987464291", "986186999", "916833520"),
    *("938708606", "958995369", "982583462", "982759412", "888888888", "999999999"),
)


@pytest.mark.parametrize("number", VALID)
def test_known_numbers_are_valid(number: str) -> None:
    """Numbers of real and synthetic organisations have the right check digit."""
    assert orgno.parse(number) == number


@pytest.mark.parametrize("number", VALID)
def test_any_other_last_digit_is_wrong(number: str) -> None:
    """The check digit finds every single wrong digit at the end."""
    for digit in set("0123456789") - {number[8]}:
        with pytest.raises(ValueError, match="check digit"):
            orgno.parse(number[:8] + digit)


@given(st.sampled_from(VALID), st.integers(1, 7), st.sampled_from("0123456789"))
def test_any_single_wrong_digit_is_found(number: str, place: int, digit: str) -> None:
    """Modulus 11 finds every single wrong digit."""
    changed = number[:place] + digit + number[place + 1 :]
    if changed != number:
        with pytest.raises(ValueError, match="check digit"):
            orgno.parse(changed)


@pytest.mark.parametrize("number", ["999888777", "123456789", "991825828"])
def test_numbers_of_doc_examples_are_not_valid(number: str) -> None:
    """Invented numbers that stand in public examples have a wrong check digit."""
    with pytest.raises(ValueError, match="check digit"):
        orgno.parse(number)


def test_no_digit_completes_a_number_whose_check_would_be_ten() -> None:
    """Eight digits whose check digit is ten belong to no number."""
    stem = next(f"{n}" for n in range(10_000_000, 10_000_100) if orgno._check_digit(f"{n}") == 10)
    for digit in "0123456789":
        with pytest.raises(ValueError, match="check digit"):
            orgno.parse(stem + digit)


@pytest.mark.parametrize("number", ["000000000", "012345674"])
def test_no_number_starts_with_zero(number: str) -> None:
    """The number of nobody, and its like, are refused though their check digit is right."""
    with pytest.raises(ValueError, match="zero"):
        orgno.parse(number)


@pytest.mark.parametrize(
    "text",
    [
        *("", "99182582", "9918258270", "991 825 827", " 991825827", "991825827\n", "NO991825827", "0192:991825827"),
        *(
            "\uff19\uff19\uff11\uff18\uff12\uff15\uff18\uff12\uff17",
            "\u0669" * 9,
            "99182582a",
            "+91825827",
            "9918258.7",
        ),
    ],
)
def test_anything_but_nine_ascii_digits_is_refused(text: str) -> None:
    """Spaces, full-width digits and decorations are not tidied up but refused."""
    assert not orgno.is_nine_digits(text)
    with pytest.raises(ValueError, match="nine digits"):
        orgno.parse(text)


def test_tokens_name_an_organisation_by_its_iso_6523_form() -> None:
    """The scheme is named, and the number stands behind the identifier 0192."""
    assert orgno.iso6523("991825827") == {"authority": "iso6523-actorid-upis", "ID": "0192:991825827"}
