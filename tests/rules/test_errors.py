"""The table of refusals, and the page that tells it (R-020; RFC 6749 §5.2, App. A.8)."""

import re
from pathlib import Path

import pytest

from authserver.oauth.errors import Reason, Refusal

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"
REASONS = pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)

# RFC 6749 App. A.7 and A.8 allow the same characters in error and error_description.
NQSCHAR = re.compile(r"[\x20\x21\x23-\x5B\x5D-\x7E]+")

# What each error of the map of the standards may be answered with.
STATUSES = {
    "invalid_request": {400, 405, 408, 413, 415, 431},
    "invalid_grant": {400},
    "invalid_scope": {400},
    "invalid_target": {400},
    "invalid_authorization_details": {400},
    "unauthorized_client": {400},
    "unsupported_grant_type": {400},
    "forbidden": {403},
    "not_found": {404},
    "conflict": {409},
    "temporarily_unavailable": {429, 503},
    "server_error": {500},
}

# Codes that Maskinporten publishes, with the error and the words that clients match on.
PUBLISHED = {
    "MP-011": ("invalid_request", "Invalid assertion. Invalid parameter value"),
    "MP-012": ("invalid_grant", "Grant is used before"),
    "MP-100": ("invalid_grant", "Invalid assertion. Client authentication failed. Client not found"),
    "MP-110": ("invalid_grant", "Invalid assertion. Client authentication failed. Invalid JWT claim aud"),
    "MP-121": ("invalid_grant", "Invalid assertion. Client authentication failed. Expired key"),
    "MP-123": ("invalid_grant", "Invalid JWT header x5c"),
    "MP-124": ("invalid_grant", "Invalid JWT signature"),
    "MP-130": ("invalid_grant", "JWT is expired"),
    "MP-200": ("invalid_scope", "Token request contains invalid scopes for client"),
    "MP-201": ("invalid_scope", "Token request contains scopes not allowed for maskinporten"),
    "MP-250": ("forbidden", "Consumer has not been granted access to the scope {value}."),
    "MP-251": ("forbidden", "{value}."),
    "MP-301": ("invalid_authorization_details", "Unknown authorization details type"),
}


def test_no_two_reasons_are_one() -> None:
    """Each reason has its own row: two equal rows would silently be one reason under two names."""
    assert len(list(Reason)) == len(Reason.__members__)
    assert len({reason.dotted for reason in Reason}) == len(Reason)


def test_code_and_sentence_together_name_a_reason() -> None:
    """A caller who quotes code and sentence has named one row of the table."""
    pairs = [(reason.row.code, reason.row.sentence) for reason in Reason]
    assert len(set(pairs)) == len(pairs)


def test_codes_are_shared_only_as_the_field_shares_them() -> None:
    """MP-011 stands for every invalid parameter value; every other code has one row."""
    codes = [reason.row.code for reason in Reason if reason.row.code != "MP-011"]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize(("code", "published"), PUBLISHED.items(), ids=PUBLISHED)
def test_published_codes_keep_their_error_and_their_words(code: str, published: tuple[str, str]) -> None:
    """Existing clients match on the code, the error and the words of Maskinporten."""
    rows = [reason.row for reason in Reason if reason.row.code == code]
    assert rows
    for row in rows:
        assert row.error == published[0]
        assert published[1] in row.sentence


def test_every_published_looking_code_is_published() -> None:
    """We mint codes of our own as AS-nnn, never in the name of Maskinporten."""
    assert {reason.row.code for reason in Reason if reason.row.code.startswith("MP-")} == set(PUBLISHED)


@REASONS
def test_a_row_may_stand_in_an_answer(reason: Reason) -> None:
    """R-020: known error, fitting status, stable code, and only characters that an error_description may hold."""
    row = reason.row
    assert row.status in STATUSES[row.error]
    assert re.fullmatch(r"(MP|AS)-\d{3}", row.code)
    assert NQSCHAR.fullmatch(row.sentence)
    assert row.sentence.endswith(".")
    assert row.sentence.count("{") == row.sentence.count("{value}") <= 1
    assert re.fullmatch(r"[a-z0-9.]+", reason.dotted)


@REASONS
def test_a_refusal_speaks_as_its_row_says(reason: Reason) -> None:
    """A refusal carries error, status and code of its row, and fills the sentence with its value alone."""
    refusal = Refusal(reason, value="tax:read", detail="for the record", retry_after=2)
    row = reason.row
    assert (refusal.error, refusal.status, refusal.code) == (row.error, row.status, row.code)
    assert refusal.sentence == row.sentence.replace("{value}", "tax:read")
    assert "for the record" not in refusal.sentence
    assert str(refusal) == reason.dotted


ASSERTION_FAULTS = {
    *(reason for reason in Reason if reason.row.error == "invalid_grant"),
    *(Reason.ASSERTION_MALFORMED, Reason.ASSERTION_SIZE, Reason.CLAIM_VALUE, Reason.CLAIM_UNKNOWN),
}


@REASONS
def test_a_bad_client_assertion_is_invalid_client(reason: Reason) -> None:
    """RFC 7521 §4.2.1: every fault of an assertion that authenticates is invalid_client, 401; others stay."""
    refusal = Refusal(reason, value="v", detail="d", retry_after=3).for_client_authentication()
    if reason in ASSERTION_FAULTS:
        assert (refusal.error, refusal.status) == ("invalid_client", 401)
    else:
        assert (refusal.error, refusal.status) == (reason.row.error, reason.row.status)
    assert (refusal.code, refusal.value, refusal.detail, refusal.retry_after) == (reason.row.code, "v", "d", 3)


def rows_of_the_page() -> list[str]:
    return [line for line in PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| `?(MP|AS)-", line)]


def row(reason: Reason) -> str:
    sentence = reason.row.sentence.replace("{value}", "…")
    return f"| {reason.row.code} | `{reason.row.error}` | {reason.row.status} | {sentence} | `{reason.dotted}` |"


def test_the_page_of_errors_is_the_table() -> None:
    """The reference page lists every reason with code, error, status, sentence and reason, in order of codes."""
    assert rows_of_the_page() == [row(reason) for reason in sorted(Reason, key=by_code)]


def by_code(reason: Reason) -> tuple[bool, str, str]:
    return not reason.row.code.startswith("MP-"), reason.row.code, reason.name
