"""docker-compose.yml and the Dockerfile beside it, judged as text: no engine is needed to see these promises kept."""

import json
import re
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from authserver.settings import FROM_FILES, Settings
from tests.house.test_locks import locked, version
from tests.journeys.composition import FILE, MAKE_SECRETS, ROOT, read, start_order

SCHEMA = json.loads((Path(__file__).parent / "compose-schema.json").read_text(encoding="utf-8"))
COMPOSITION = read()
SERVICES: dict[str, dict[str, Any]] = COMPOSITION["services"]
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
SETTINGS = {field.name for field in fields(Settings)} | {f"{name}_file" for name in FROM_FILES}

each_service = pytest.mark.parametrize("name", SERVICES)


def instructions(word: str) -> list[str]:
    """Return the arguments of every such instruction of the Dockerfile."""
    joined = DOCKERFILE.replace("\\\n", " ")
    return re.findall(rf"^{word} +(.+)$", joined, re.MULTILINE)


def words(value: Any) -> Iterator[str]:
    """Yield every text below a value."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from words(item)
    elif isinstance(value, list):
        for item in value:
            yield from words(item)
    else:
        yield str(value)


def test_the_file_fits_the_schema() -> None:
    """The file, merged and filled in, has only members that the project's subset of the format knows."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(COMPOSITION, SCHEMA)


@pytest.mark.parametrize(
    "broken",
    [
        {"healtcheck": {"disable": True}},
        {"image": "authserver"},
        {"depends_on": {"x": {"condition": "service_ready"}}},
        {"environment": {"AUTHSERVER_PORT": 8080}},
        {"network_mode": "service:balancer", "networks": ["front"]},
        {"healthcheck": {"test": ["python"]}},
    ],
)
def test_the_schema_refuses_what_an_engine_would_refuse_or_misread(broken: dict[str, Any]) -> None:
    """A misspelt member, an image without tag, an unknown condition and the like do not pass."""
    service = {"image": "a:1", **broken}
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid({"name": "t", "services": {"s": service}})


@each_service
def test_a_service_is_confined(name: str) -> None:
    """Each runs without capabilities or a way to gain any, as a numbered user, on a read-only root, within limits."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    user, _, group = service["user"].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}


@each_service
def test_a_service_that_stays_up_has_a_health_check_without_a_shell(name: str) -> None:
    """Each health check is an exec form; only the one service that ends has none."""
    service = SERVICES[name]
    if service["restart"] == "no":
        assert service["healthcheck"] == {"disable": True}
    else:
        assert service["healthcheck"]["test"][0] == "CMD"


@each_service
def test_an_image_is_pinned_by_a_tag_that_names_a_version(name: str) -> None:
    """An image is built here, or its tag has a major and a minor version."""
    image = SERVICES[name]["image"]
    if "build" in SERVICES[name]:
        assert image.endswith(":local")
        assert SERVICES[name]["build"]["target"] in re.findall(r" AS ([a-z-]+)$", DOCKERFILE, re.MULTILINE)
    else:
        assert re.fullmatch(r"[a-z/]+:\d+\.\d+", image)


@each_service
def test_every_variable_of_the_authority_is_a_setting(name: str) -> None:
    """An AUTHSERVER_ variable is one that the settings read; what may hold a password comes from a file."""
    told = {key[11:].lower() for key in SERVICES[name].get("environment", {}) if key.startswith("AUTHSERVER_")}
    assert told <= SETTINGS
    assert not told & set(FROM_FILES)


@each_service
def test_no_environment_holds_a_secret(name: str) -> None:
    """A variable that speaks of a password or key names a file, and no value is a URL with a user in it."""
    environment: dict[str, str] = SERVICES[name].get("environment", {})
    speaking = {key: value for key, value in environment.items() if re.search("PASSWORD|SECRET|TOKEN|_URL", key)}
    assert {key for key in speaking if not key.endswith("_FILE")} == set()
    assert {value for value in speaking.values() if not value.startswith("/run/secrets/")} == set()
    assert [value for value in environment.values() if re.search(r"://[^/]*@", value)] == []


@each_service
def test_a_secret_that_a_service_reads_is_handed_to_it_and_no_other(name: str) -> None:
    """The secret files that a service's command and environment name are exactly those it is given."""
    used = re.findall(r"/run/secrets/([a-z-]+)", " ".join(words(SERVICES[name])))
    assert set(used) == set(SERVICES[name].get("secrets", ()))


def test_every_reference_leads_somewhere_and_everything_defined_is_used() -> None:
    """Networks, volumes, configs and secrets that services name are defined, and those defined are named."""
    named: dict[str, set[str]] = {"networks": set(), "volumes": set(), "configs": set(), "secrets": set()}
    for service in SERVICES.values():
        named["networks"].update(service.get("networks", ()))
        named["volumes"].update(volume.partition(":")[0] for volume in service.get("volumes", ()))
        named["configs"].update(config["source"] for config in service.get("configs", ()))
        named["secrets"].update(service.get("secrets", ()))
    assert named == {kind: set(COMPOSITION[kind]) for kind in named}


def test_services_start_after_those_they_need() -> None:
    """Every dependency exists, waits for health or completion, and there is no circle."""
    order = start_order(SERVICES)
    assert set(order) == set(SERVICES)
    waits = [terms["condition"] for service in SERVICES.values() for terms in service.get("depends_on", {}).values()]
    assert set(waits) == {"service_healthy", "service_completed_successfully"}
    for name, service in SERVICES.items():
        shared = service.get("network_mode", "").removeprefix("service:")
        assert not shared or shared in service["depends_on"]
        for other, terms in service.get("depends_on", {}).items():
            ends = SERVICES[other]["restart"] == "no"
            assert (terms["condition"] == "service_completed_successfully") == ends, f"{name} waits for {other}"


def test_the_two_nodes_are_identical() -> None:
    """Whichever node answers, it is the same program with the same settings."""
    assert SERVICES["authority-1"] == SERVICES["authority-2"]


def test_only_the_balancer_is_published_and_only_on_loopback() -> None:
    """Nothing but the balancer has a port on the host, and unless told otherwise only the host itself reaches it."""
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"balancer"}
    assert [port for port in published["balancer"] if not port.startswith("127.0.0.1:")] == []


def test_the_databases_cannot_be_reached_from_where_the_balancer_is() -> None:
    """PostgreSQL and Valkey stand on the internal network alone, the balancer never on it."""
    assert COMPOSITION["networks"]["back"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == SERVICES["valkey"]["networks"] == ["back"]
    assert SERVICES["balancer"]["networks"] == ["front"]


def test_only_init_may_write_the_signing_keys() -> None:
    """The nodes read the volume of keys; the service that makes them ends."""
    mounts = {name: v for name, service in SERVICES.items() for v in service.get("volumes", ()) if v.startswith("keys")}
    writers = {name for name, volume in mounts.items() if not volume.endswith(":ro")}
    assert (set(mounts), writers) == ({"init", "authority-1", "authority-2"}, {"init"})


def test_valkey_forgets_nothing_to_make_room() -> None:
    """The memory that holds used assertions is bounded and refuses when full, and is written behind."""
    command = SERVICES["valkey"]["command"]
    told = dict(zip(command[1::2], command[2::2], strict=True))
    expected = {"--maxmemory-policy": "noeviction", "--appendonly": "yes", "--appendfsync": "everysec"}
    assert expected.items() <= told.items()
    assert "--maxmemory" in told


def test_the_images_run_as_a_number_and_start_what_the_file_starts() -> None:
    """The Dockerfile's user is the file's, and its commands are those of the nodes and the demonstration API."""
    assert set(instructions("USER")) == {SERVICES[name]["user"] for name in ("init", "authority-1", "demo-api")}
    commands = [json.loads(command) for command in instructions("CMD")]
    assert commands == [SERVICES["demo-api"]["command"], SERVICES["authority-1"]["command"]]


def test_the_images_stand_on_one_pinned_base() -> None:
    """Every stage stands on another stage or on one slim base whose tag is a Python that the project supports."""
    (base,) = [argument.partition("=")[2] for argument in instructions("ARG")]
    found = re.fullmatch(r"3\.(\d+)-slim-[a-z]+", base)
    assert found
    assert int(found[1]) >= 11
    stages = {stage.partition(" AS ")[0] for stage in instructions("FROM")}
    assert stages == {"python:${PYTHON}", "base"}


def test_the_images_install_only_by_hash() -> None:
    """Every installation demands hashes, takes wheels alone and resolves nothing."""
    installs = [command for command in instructions("RUN") if "pip install" in command]
    assert len(installs) == 2
    for command in installs:
        assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(command.split())


def test_the_images_are_made_of_files_that_exist_and_reach_the_builder() -> None:
    """What the Dockerfile copies exists, and the ignore file lets exactly that through."""
    copied = {
        source
        for arguments in instructions("COPY")
        if not arguments.startswith("--from=")
        for source in arguments.split()[:-1]
    }
    assert [source for source in copied if not (ROOT / source).exists()] == []
    ignore = (ROOT / "deploy/Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line[1:] for line in ignore if line.startswith("!")} == copied


def test_the_demonstration_api_runs_on_versions_of_the_projects_own_lock() -> None:
    """Its lock is pinned and hashed, and no version in it differs from the one that the tests run on."""
    own, tested = locked("deploy/compose/demo-api.txt"), locked("requirements/dev.txt")
    assert {"fastapi", "uvicorn", "pyjwt", "httpx2", "stamina", "cryptography"} <= set(own)
    assert [package for package, entry in own.items() if "--hash=sha256:" not in entry] == []
    assert {name: version(own[name]) for name in own} == {name: version(tested[name]) for name in own}


def test_the_secrets_are_new_each_time_and_kept_from_other_users(tmp_path: Path) -> None:
    """The script makes every secret of the file, in a folder that only its owner may enter, each time anew."""
    for folder in ("first", "second"):
        subprocess.run([MAKE_SECRETS, tmp_path / folder], check=True, capture_output=True)
    made = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "first").iterdir()}
    assert set(made) == set(COMPOSITION["secrets"])
    assert [name for name in made if (tmp_path / "second" / name).read_text(encoding="utf-8") == made[name]] == []
    assert stat.S_IMODE((tmp_path / "first").stat().st_mode) == 0o700
    assert {Path(secret["file"]).parent for secret in COMPOSITION["secrets"].values()} == {
        Path("deploy/compose/secrets")
    }


def test_the_script_never_replaces_secrets(tmp_path: Path) -> None:
    """Run again, the script ends with an error and leaves the secrets as they are."""
    subprocess.run([MAKE_SECRETS, tmp_path / "secrets"], check=True, capture_output=True)
    before = (tmp_path / "secrets/database-url").read_text(encoding="utf-8")
    assert subprocess.run([MAKE_SECRETS, tmp_path / "secrets"], check=False, capture_output=True).returncode == 1
    assert (tmp_path / "secrets/database-url").read_text(encoding="utf-8") == before


def test_the_secrets_never_enter_the_repository() -> None:
    """The folder that the script fills is ignored by git."""
    assert "/secrets/" in (ROOT / "deploy/compose/.gitignore").read_text(encoding="utf-8").splitlines()


def test_the_file_has_no_member_twice() -> None:
    """A member that is written twice would silently lose its first value."""

    class Strict(yaml.SafeLoader):
        pass

    def mapping(loader: Strict, node: yaml.MappingNode) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"line {node.start_mark.line + 1}: {keys}"
        loader.flatten_mapping(node)
        return {loader.construct_object(key): loader.construct_object(value) for key, value in node.value}

    Strict.add_constructor("tag:yaml.org,2002:map", mapping)
    yaml.load(FILE.read_text(encoding="utf-8"), Strict)  # noqa: S506 - a SafeLoader that is stricter still
