"""The Helm chart, judged as text: true on every machine, Helm or not."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import authserver
from authserver.keys.faults import BrokenKeyError
from authserver.keys.ring import KeyRing
from authserver.settings import FROM_FILES, Settings
from tests.journeys.chart import CHART, GIVEN, TEMPLATES, code, defaults, merged, schema
from tests.journeys.composition import read

SETTINGS = {field.name for field in fields(Settings)} | {f"{name}_file" for name in FROM_FILES}
# Objects that go to Kubernetes as they are; what they hold is not ours to name.
HANDED_ON = {"resources", "podAnnotations", "nodeSelector"}


def leaves(values: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield the dotted path of every value that templates read by name."""
    for key, value in values.items():
        here = f"{path}.{key}" if path else key
        if isinstance(value, dict) and here not in HANDED_ON:
            yield from leaves(value, here)
        else:
            yield here


def test_the_chart_is_of_this_version_of_the_program() -> None:
    """The chart is one that Helm 3 reads, and its appVersion is the program's version."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert (chart["apiVersion"], chart["name"], chart["type"]) == ("v2", "authserver", "application")
    assert re.fullmatch(r"\d+\.\d+\.\d+", chart["version"])
    assert chart["appVersion"] == authserver.__version__


def test_the_default_values_fit_the_schema() -> None:
    """The schema is itself valid, and accepts the defaults alone and with the least that a deployment says."""
    jsonschema.Draft7Validator.check_schema(schema())
    jsonschema.validate(defaults(), schema(), cls=jsonschema.Draft7Validator)
    jsonschema.validate(merged(defaults(), GIVEN), schema(), cls=jsonschema.Draft7Validator)


@pytest.mark.parametrize(
    "wrong",
    [
        {"enviroment": "prod"},
        {"environment": "production"},
        {"issuer": "https://auth.example"},
        {"image": {"tag": "latest"}},
        {"database": {"url": "postgresql://authserver:hemmelig@db/authserver"}},
        {"replicas": 0},
        {"workers": 65},
        {"podDisruptionBudget": {"minAvailable": "half"}},
        {"networkPolicy": {"publicFrom": [{}]}},
        {"networkPolicy": {"databasePort": "5432"}},
        {"service": {"port": 0}},
        {"autoscaling": {"minReplicas": 0}},
    ],
)
def test_the_schema_refuses_values_that_would_not_work_or_not_be_safe(wrong: dict[str, Any]) -> None:
    """A misspelt name, a moving tag, a secret among the values, a number out of range: refused before anything runs."""
    values = merged(merged(defaults(), GIVEN), wrong)
    assert not jsonschema.Draft7Validator(schema()).is_valid(values)


def test_every_value_that_a_template_reads_has_a_default_and_every_default_is_read() -> None:
    """Templates and values.yaml name the same values."""
    read_by_templates = set(re.findall(r"\.Values\.([A-Za-z.]+)", code()))
    known = set(leaves(defaults()))
    parents = {path.rpartition(".")[0] for path in known}
    assert read_by_templates - known - parents == set()
    assert known - read_by_templates == set()


def test_every_named_template_is_defined_and_used() -> None:
    """An include names a template that exists, and none exists for nothing."""
    defined = re.findall(r'define "([a-z.-]+)"', code())
    assert len(defined) == len(set(defined))
    assert set(re.findall(r'include "([a-z.-]+)"', code())) == set(defined)


def test_every_block_of_a_template_is_closed() -> None:
    """Each file opens and ends the same number of blocks."""
    for name, text in TEMPLATES.items():
        opened = re.findall(r"\{\{-?\s*(?:if|with|range|define)\b", text)
        assert len(opened) == len(re.findall(r"\{\{-?\s*end\b", text)), name


def test_every_variable_of_the_authority_is_a_setting() -> None:
    """An AUTHSERVER_ variable in a template is one that the settings read; what may hold a password is a file."""
    named = {name.lower() for name in re.findall(r"AUTHSERVER_([A-Z_]+)", "\n".join(TEMPLATES.values()))}
    assert named
    assert named <= SETTINGS
    assert not named & set(FROM_FILES)


def test_the_chart_makes_no_secret() -> None:
    """No template is of kind Secret: the chart refers to what exists."""
    kinds = re.findall(r"^kind: (\w+)", "\n".join(TEMPLATES.values()), re.MULTILINE)
    assert "Deployment" in kinds
    assert "Secret" not in kinds


def test_pods_run_as_the_user_and_by_the_commands_of_the_compose_file() -> None:
    """Both ways to deploy start one image alike."""
    services = read()["services"]
    helpers, user = TEMPLATES["_helpers.tpl"], services["init"]["user"].partition(":")[0]
    assert set(re.findall(r"(?:runAsUser|runAsGroup|fsGroup): (\d+)", helpers)) == {user}
    for template, service in (("deployment.yaml", "authority-1"), ("migration.yaml", "init")):
        assert f"command: [{', '.join(services[service]['command'])}]" in TEMPLATES[template]


def test_keys_of_a_secret_volume_become_keys_that_a_node_accepts(tmp_path: Path) -> None:
    """The first container's command turns group-readable links, as a Secret is mounted, into the user's own files."""
    made = KeyRing.open(tmp_path / "made", lambda: 1_800_000_000).init()
    secret, data = tmp_path / "secret", tmp_path / "secret/..data"
    data.mkdir(parents=True)
    for file in (tmp_path / "made").glob("*.json"):
        (data / file.name).write_bytes(file.read_bytes())
        (data / file.name).chmod(0o440)
        (secret / file.name).symlink_to(f"..data/{file.name}")
    with pytest.raises(BrokenKeyError):
        KeyRing.open(secret, lambda: 1_800_000_000)

    (line,) = re.findall(r"^ +- (install -d .+)$", TEMPLATES["_helpers.tpl"], re.MULTILINE)
    command = line.replace("/run/secrets/keys", str(secret)).replace("/run/authserver", str(tmp_path))
    subprocess.run(["sh", "-euc", command], check=True)
    assert set(KeyRing.open(tmp_path / "keys", lambda: 1_800_000_000).list()) == set(made)
