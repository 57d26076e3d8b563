"""Settings that hold a password may come from a file, as container engines hand out secrets."""

from pathlib import Path

import pytest

from authserver.settings import SettingsError, from_environment

URLS = {
    "AUTHSERVER_DATABASE_URL": "postgresql://authserver:hemmelig@db.example/authserver",
    "AUTHSERVER_REDIS_URL": "redis://authserver:hemmelig@redis.example:6379/0",
}


def faults(environ: dict[str, str]) -> list[str]:
    """Return what is wrong with an environment."""
    with pytest.raises(SettingsError) as raised:
        from_environment(environ)
    return raised.value.faults


@pytest.mark.parametrize("variable", URLS)
def test_a_setting_is_the_content_of_its_file_without_the_line_end(variable: str, tmp_path: Path) -> None:
    """The content of the named file, without the white space around it, is the setting."""
    file = tmp_path / "secret"
    file.write_text(f"{URLS[variable]}\n", encoding="utf-8")
    assert from_environment({f"{variable}_FILE": str(file)}) == from_environment({variable: URLS[variable]})


@pytest.mark.parametrize("variable", URLS)
def test_a_setting_and_its_file_together_are_a_fault(variable: str, tmp_path: Path) -> None:
    """Two sources for one setting are refused, even if they agree."""
    file = tmp_path / "secret"
    file.write_text(URLS[variable], encoding="utf-8")
    environ = {variable: URLS[variable], f"{variable}_FILE": str(file)}
    assert faults(environ) == [f"{variable} and {variable}_FILE are both set; one of them is enough"]


def test_every_file_that_cannot_be_used_is_reported_at_once(tmp_path: Path) -> None:
    """A missing file and an empty one are told together, each by its variable."""
    empty = tmp_path / "empty"
    empty.write_text("\n", encoding="utf-8")
    environ = {
        "AUTHSERVER_DATABASE_URL_FILE": str(tmp_path / "missing"),
        "AUTHSERVER_REDIS_URL_FILE": str(empty),
        "AUTHSERVER_WORKERS": "0",
    }
    assert faults(environ) == [
        "AUTHSERVER_DATABASE_URL_FILE names a file that cannot be read: No such file or directory",
        "AUTHSERVER_REDIS_URL_FILE names a file with nothing in it",
        "AUTHSERVER_WORKERS must be a whole number from 1 to 64",
    ]


def test_a_file_that_is_not_text_is_a_fault_that_does_not_show_it(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are refused without a word of their content."""
    file = tmp_path / "secret"
    file.write_bytes(b"hemmelig\xff")
    assert faults({"AUTHSERVER_REDIS_URL_FILE": str(file)}) == [
        "AUTHSERVER_REDIS_URL_FILE names a file that is not text"
    ]


def test_only_what_may_hold_a_password_comes_from_a_file(tmp_path: Path) -> None:
    """A `_FILE` variable of another setting is as unknown as a misspelt one."""
    assert faults({"AUTHSERVER_ISSUER_FILE": str(tmp_path)}) == ["AUTHSERVER_ISSUER_FILE is not a setting"]
