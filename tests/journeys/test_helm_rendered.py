"""The Helm chart as Helm renders it. Collected only where Helm is installed."""

import subprocess
from typing import Any

import pytest

from tests.journeys.chart import CHART, GIVEN, HELM, merged, render

EVERYTHING = merged(
    GIVEN,
    {
        "redis": {"existingSecret": "tillit-redis"},
        "imagePullSecrets": [{"name": "pull"}],
        "autoscaling": {"enabled": False},
        "replicas": 3,
        "serviceMonitor": {"enabled": True},
        "networkPolicy": {
            "publicFrom": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}],
            "managementFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
            "databaseTo": [{"ipBlock": {"cidr": "10.0.0.0/24"}}],
            "redisTo": [{"ipBlock": {"cidr": "10.0.1.0/24"}}],
        },
        "podAnnotations": {"example.org/note": "yes"},
        "nodeSelector": {"zone": "a"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    },
)

both = pytest.mark.parametrize("values", [GIVEN, EVERYTHING], ids=["least", "everything"])


def one(values: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the only document of a kind."""
    (found,) = [document for document in render(values) if document["kind"] == kind]
    return found


def pods(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the pods of the nodes and of the migration."""
    return [one(values, kind)["spec"]["template"]["spec"] for kind in ("Deployment", "Job")]


def rule(document: dict[str, Any], direction: str, port: str | int) -> dict[str, Any] | None:
    """Return the network policy's rule for a port."""
    found = [item for item in document["spec"][direction] if {"port": port, "protocol": "TCP"} in item["ports"]]
    return found[0] if found else None


def test_helm_finds_nothing_to_warn_of() -> None:
    """A strict lint passes, with the least that a deployment says."""
    arguments = [f"--set={name}" for name in ("image.repository=a,image.tag=v1", "issuer=https://a.example/")]
    secrets = "--set=database.existingSecret=d,keys.existingSecret=k"
    command = [str(HELM), "lint", "--strict", "--kube-version", "1.31.0", str(CHART), *arguments, secrets]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "name", ["issuer", "image.repository", "image.tag", "database.existingSecret", "keys.existingSecret"]
)
def test_what_has_no_default_is_asked_for_by_name(name: str) -> None:
    """Without one of the values that a deployment must say, nothing is rendered and the value is named."""
    missing: Any = ""
    for part in reversed(name.split(".")):
        missing = {part: missing}
    with pytest.raises(subprocess.CalledProcessError) as raised:
        render(merged(GIVEN, missing))
    assert f"{name} is required" in raised.value.stderr


@both
def test_every_container_is_confined(values: dict[str, Any]) -> None:
    """No container may write its root, gain a privilege, keep a capability, be root or reach the cluster's API."""
    for pod in pods(values):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in [*pod["initContainers"], *pod["containers"]]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert {"cpu", "memory"} <= set(container["resources"]["requests"])
            assert "memory" in container["resources"]["limits"]


@both
def test_secrets_reach_a_pod_as_files_only(values: dict[str, Any]) -> None:
    """No variable takes its value from a Secret, and each secret file that a variable names is mounted."""
    for pod in pods(values):
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        (container,) = pod["containers"]
        mounted = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
        files = [item["value"] for item in container["env"] if item["name"].endswith("_FILE")]
        assert [item["name"] for item in container["env"] if "valueFrom" in item] == []
        assert {file.rpartition("/")[0] for file in files} == {path for path in mounted if "secret" in mounted[path]}
        for file in files:
            folder, _, name = file.rpartition("/")
            assert [item["path"] for item in mounted[folder]["secret"]["items"]] == [name]


@both
def test_signing_keys_are_the_users_alone_before_a_node_starts(values: dict[str, Any]) -> None:
    """Only the first container sees the Secret of keys; the others read its copies, in memory."""
    for pod in pods(values):
        (copying,), (container,) = pod["initContainers"], pod["containers"]
        assert "keys-secret" in {mount["name"] for mount in copying["volumeMounts"]}
        assert "keys-secret" not in {mount["name"] for mount in container["volumeMounts"]}
        (memory,) = [volume for volume in pod["volumes"] if volume["name"] == "keys"]
        assert memory["emptyDir"]["medium"] == "Memory"
        assert "install -m 0600" in copying["command"][-1]


@both
def test_selectors_select_the_nodes_and_never_the_migration(values: dict[str, Any]) -> None:
    """Deployment, services and budget select the nodes' labels, which the migration's pod lacks."""
    documents = render(values)
    node = one(values, "Deployment")["spec"]["template"]["metadata"]["labels"]
    migration = one(values, "Job")["spec"]["template"]["metadata"]["labels"]
    selectors = [one(values, kind)["spec"]["selector"]["matchLabels"] for kind in ("Deployment", "PodDisruptionBudget")]
    selectors += [document["spec"]["selector"] for document in documents if document["kind"] == "Service"]
    assert len(selectors) == 4
    for selector in selectors:
        assert selector.items() <= node.items()
        assert not selector.items() <= migration.items()


def test_the_migration_runs_before_the_nodes_of_a_release() -> None:
    """The Job is a hook before installation and upgrade, and runs the verb that migrates."""
    job = one(GIVEN, "Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert job["spec"]["template"]["spec"]["containers"][0]["command"] == ["python", "-m", "authserver", "init"]


def test_without_redis_nothing_speaks_of_it() -> None:
    """No Redis Secret means no variable, no volume and no way out to it."""
    assert "redis" not in str(pods(GIVEN)).lower()
    assert rule(one(GIVEN, "NetworkPolicy"), "egress", 6379) is None


def test_the_number_of_nodes_is_said_by_one_alone() -> None:
    """With autoscaling the Deployment says no number; without it, there is no autoscaler."""
    assert "replicas" not in one(GIVEN, "Deployment")["spec"]
    assert one(GIVEN, "HorizontalPodAutoscaler")["spec"]["minReplicas"] == 2
    assert one(EVERYTHING, "Deployment")["spec"]["replicas"] == 3
    assert [document for document in render(EVERYTHING) if document["kind"] == "HorizontalPodAutoscaler"] == []


def test_the_network_is_open_only_as_far_as_the_values_say() -> None:
    """Management is closed unless peers are named, and named databases are the only way out to their ports."""
    least, told = one(GIVEN, "NetworkPolicy"), one(EVERYTHING, "NetworkPolicy")
    assert rule(least, "ingress", "management") is None
    given = EVERYTHING["networkPolicy"]
    for direction, port, peers, member in (
        ("ingress", "http", "publicFrom", "from"),
        ("ingress", "management", "managementFrom", "from"),
        ("egress", 5432, "databaseTo", "to"),
        ("egress", 6379, "redisTo", "to"),
    ):
        found = rule(told, direction, port)
        assert found is not None
        assert found[member] == given[peers]


def test_an_image_may_be_named_by_digest() -> None:
    """A tag that is a digest is joined as one."""
    digest = f"sha256:{'0' * 64}"
    (container,) = pods(merged(GIVEN, {"image": {"tag": digest}}))[0]["containers"]
    assert container["image"] == f"{GIVEN['image']['repository']}@{digest}"
