"""The Helm chart as text, and as Helm renders it where Helm is installed. Knows nothing of pytest."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy/helm/authserver"
KUBERNETES = "1.31.0"
TEMPLATES = {
    path.name: path.read_text(encoding="utf-8") for path in sorted((CHART / "templates").iterdir()) if path.is_file()
}
HELM = shutil.which("helm")

GIVEN: dict[str, Any] = {
    "image": {"repository": "images.example/tillit-authserver", "tag": "0.1.0"},
    "issuer": "https://auth.example/",
    "database": {"existingSecret": "tillit-database"},
    "keys": {"existingSecret": "tillit-keys"},
}
"""The least that a deployment says."""


def merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return two sets of values as Helm merges them: objects member by member, everything else replaced."""
    result = dict(under)
    for key, value in over.items():
        known = result.get(key)
        result[key] = merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return result


def defaults() -> dict[str, Any]:
    """Return values.yaml."""
    loaded = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    if not isinstance(loaded, dict):
        raise TypeError("not values")
    return loaded


def schema() -> dict[str, Any]:
    """Return values.schema.json."""
    loaded = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    if not isinstance(loaded, dict):
        raise TypeError("not a schema")
    return loaded


def code() -> str:
    """Return all that stands between braces in the templates, comments aside."""
    actions = re.findall(r"\{\{-?\s*(.*?)\s*-?\}\}", "\n".join(TEMPLATES.values()), re.DOTALL)
    return "\n".join(action for action in actions if not action.startswith("/*"))


def render(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the documents that Helm makes of the chart. Raises CalledProcessError with its words in `stderr`."""
    command = [str(HELM), "template", "tillit", str(CHART), "--kube-version", KUBERNETES, "--values", "-"]
    done = subprocess.run(command, input=json.dumps(values), capture_output=True, text=True, check=True)
    return [document for document in yaml.safe_load_all(done.stdout) if document]
