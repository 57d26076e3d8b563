"""The documentation tells what the code does, and its links lead somewhere."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from tests.house.project import ROOT, name, under

LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def read(page: str) -> str:
    """Return the text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def sections(page: str) -> dict[str, str]:
    """Return what stands under each heading of a page."""
    parts = HEADING.split(read(page))
    return dict(zip((title.replace("`", "").strip() for title in parts[1::2]), parts[2::2], strict=True))


def anchors(page: Path) -> set[str]:
    """Return the anchors that the headings of a page make."""
    titles = HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def verbs(group: TyperGroup, path: str) -> Iterator[tuple[str, TyperCommand]]:
    """Yield every verb of a command line with the words that call it."""
    for word, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from verbs(command, f"{path} {word}")
        elif isinstance(command, TyperCommand):
            yield f"{path} {word}", command


def command_line() -> dict[str, TyperCommand]:
    """Return the verbs of `authserver`."""
    from authserver.cli import app

    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return dict(verbs(group, "authserver"))


def test_every_environment_variable_is_documented() -> None:
    """The settings page names exactly the variables that the settings read."""
    from authserver.settings import FROM_FILES, Settings

    fields = [field.name for field in dataclasses.fields(Settings)]
    read_by_code = {f"AUTHSERVER_{name.upper()}" for name in (*fields, *(f"{name}_file" for name in FROM_FILES))}
    assert set(re.findall(r"`(AUTHSERVER_[A-Z_]+)`", read("docs/reference/settings.md"))) == read_by_code


def test_every_verb_of_the_command_line_is_documented() -> None:
    """The command-line page has one section for each verb, and none for a verb that does not exist."""
    documented = {title for title in sections("docs/reference/cli.md") if title.startswith("authserver ")}
    assert documented == set(command_line())


def test_every_option_of_a_verb_is_documented() -> None:
    """Each option of a verb is told in the verb's section, or once for all verbs at the top of the page."""
    written = sections("docs/reference/cli.md")
    missing = [
        f"{verb} {option.opts[0]}"
        for verb, command in command_line().items()
        for option in command.params
        if isinstance(option, TyperOption)
        if not any(f"`{option.opts[0]}`" in written.get(section, "") for section in (verb, "Command line"))
    ]
    assert missing == []


def test_every_option_of_the_command_tillit_is_documented() -> None:
    """Its page has one section for each command, with each option that the command takes, and no other section."""
    from tillit.cli import app

    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    commands, written = dict(verbs(group, "tillit")), sections("docs/reference/tillit-cli.md")
    assert {title for title in written if title.startswith("tillit ")} == set(commands)
    assert [
        f"{name} {option.opts[0]}"
        for name, command in commands.items()
        for option in command.params
        if isinstance(option, TyperOption) and f"`{option.opts[0]}`" not in written[name]
    ] == []


def test_relative_links_lead_to_a_file_and_a_heading() -> None:
    """Each link inside the documentation points to a file that exists and, if it says so, to a heading in it."""
    dead = [
        f"{name(page)}: {link}"
        for page in under(".", suffixes=(".md",))
        for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
        if "://" not in link and not link.startswith("mailto:") and not leads(page, link)
    ]
    assert dead == []


def leads(page: Path, link: str) -> bool:
    """Tell whether a relative link on a page has a target."""
    file, _, anchor = link.partition("#")
    target = (page.parent / file).resolve() if file else page
    return target.exists() and (not anchor or target.suffix != ".md" or anchor in anchors(target))


def test_every_page_can_be_reached_from_the_map() -> None:
    """The map of the documentation links to each of its pages."""
    linked = {(ROOT / "docs" / link.partition("#")[0]).resolve() for link in LINK.findall(read("docs/README.md"))}
    assert [
        name(page) for page in under("docs", suffixes=(".md",)) if page not in linked and page.name != "README.md"
    ] == []


def test_every_make_target_that_a_page_names_exists() -> None:
    """A page tells the reader to run only what the Makefile has."""
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    named = {
        (name(page), target)
        for page in under(".", suffixes=(".md",))
        for target in re.findall(r"(?:`|^)make ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert [f"{page}: make {target}" for page, target in sorted(named) if target not in targets] == []


def test_the_changelog_has_a_place_for_the_next_change() -> None:
    """The changelog opens with a section for what is not yet released."""
    titles = [title for title in sections("CHANGELOG.md") if title != "Changelog"]
    assert titles[:1] == ["[Unreleased]"]
