"""The wheel as a user gets it: built from the checkout, installed elsewhere, run away from the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from edgekit.recipe import recipe_names
from edgekit.target import target_names

CHECKOUT = Path(__file__).parents[2]


def call(*argv: str | Path, cwd: Path) -> str:
    # Without PYTHONPATH, which would let the checkout in.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in argv], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    call(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, CHECKOUT, cwd=folder)
    return next(folder.glob("edgekit_sdk-*.whl"))


def test_the_wheel_carries_targets_recipes_and_the_code_for_devices(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {f"edgekit/_data/targets/{name}.toml" for name in target_names()} <= names
    assert {f"edgekit/_data/recipes/{name}.toml" for name in recipe_names()} <= names
    assert "edgekit/_data/tuning/shipped.jsonl" in names
    runtime = {path.name for path in (CHECKOUT / "edgekit" / "runtime").glob("*.[ch]")}
    assert "edgekit.h" in runtime
    assert {f"edgekit/runtime/{name}" for name in runtime} <= names
    assert not [name for name in names if name.startswith(("tests/", "build/")) or name.endswith(".pyc")]


def test_an_installed_wheel_lists_its_targets_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    call(sys.executable, "-m", "venv", environment, cwd=tmp_path)
    pip = (environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    # All that `targets` needs of the dependencies; TVM alone is hundreds of megabytes.
    call(*pip, "--no-deps", wheel, cwd=tmp_path)
    call(*pip, "click", "rich", cwd=tmp_path)
    shown = call(environment / "bin" / "edgekit", "targets", "--json", cwd=tmp_path)
    assert {target["name"] for target in json.loads(shown)["targets"]} == set(target_names())
    where = "import edgekit, edgekit.recipe as r; print(edgekit.__file__); print(*r.recipe_names())"
    origin, recipes = call(environment / "bin" / "python", "-c", where, cwd=tmp_path).splitlines()
    assert origin.startswith(str(environment))
    assert recipes.split() == list(recipe_names())
