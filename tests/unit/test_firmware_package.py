"""The package of a microcontroller's model: what build systems read, its manifest, the same bytes again."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgekit.artifacts import Golden
from edgekit.devices.frames import frames_of, load_golden
from edgekit.package import read_bundle
from edgekit.package.firmware.self_test import self_test_source
from edgekit.target import load_target, target_from_fields
from edgekit.testing.firmware import run_sources
from edgekit.testing.tiny_model import tiny_flatbuffer
from edgekit.verbs.build import build

if TYPE_CHECKING:
    from pathlib import Path

    from edgekit.artifacts import Bundle

TARGET = "cortex-m4"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "My Model.tflite"
    path.write_bytes(tiny_flatbuffer())
    return path


@pytest.fixture(scope="module")
def package(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return build(model, target=TARGET, output=tmp_path_factory.mktemp("build"))


def test_the_package_is_read_back_and_every_file_checked(package: Bundle) -> None:
    manifest = read_bundle(package.path).manifest
    assert manifest["firmware"]["prefix"] == "my_model"
    assert "-O2" in manifest["firmware"]["flags"]
    assert target_from_fields(manifest["target"]) == load_target(TARGET)
    memory = manifest["memory"]
    assert memory["library_bytes"] == memory["code_bytes"] + memory["weight_bytes"]
    header = (package.path / "include" / "my_model.h").read_text()
    assert f"#define MY_MODEL_ARENA_BYTES {memory['arena_bytes']}\n" in header
    assert f"#define MY_MODEL_STATE_BYTES {memory['state_bytes']}\n" in header


def test_the_same_model_gives_the_same_bytes(package: Bundle, model: Path, tmp_path: Path) -> None:
    again = build(model, target=TARGET, output=tmp_path)
    assert again.manifest == package.manifest
    assert (again.path / "manifest.json").read_bytes() == (package.path / "manifest.json").read_bytes()


def compiled(package: Bundle) -> set[str]:
    return {name for name in package.manifest["files"] if name.endswith(".c")}


def test_cmake_and_zephyr_compile_every_source(package: Bundle) -> None:
    for path, prefix in (("CMakeLists.txt", ""), ("zephyr/CMakeLists.txt", "../")):
        listed = re.findall(r"^\s+(\S+\.c)$", (package.path / path).read_text(), re.MULTILINE)
        assert {name.removeprefix(prefix) for name in listed} == compiled(package)
        assert all(name.startswith(prefix) for name in listed)


def test_the_zephyr_module_names_its_files(package: Bundle) -> None:
    module = (package.path / "zephyr" / "module.yml").read_text()
    assert module == "name: edgekit_my_model\nbuild:\n  cmake: zephyr\n  kconfig: zephyr/Kconfig\n"
    lines = (package.path / "zephyr" / "Kconfig").read_text().splitlines()
    assert lines[0] == "config EDGEKIT_MY_MODEL"
    assert all(line.startswith("\t") for line in lines[1:])


def test_the_arduino_library_has_the_properties_that_its_format_asks_for(package: Bundle) -> None:
    lines = (package.path / "library.properties").read_text().splitlines()
    properties = dict(line.split("=", 1) for line in lines)
    wanted = {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url"}
    assert wanted <= set(properties)
    assert all(properties.values())
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_. -]{0,62}", properties["name"])
    assert properties["category"] == "Data Processing"
    # Its sources, and the header that sketches include, are those below src.
    assert (package.path / "src" / properties["includes"]).is_file()
    assert all(name.startswith("src/") for name in compiled(package))


def test_the_platformio_manifest_names_folders_that_are_there(package: Bundle) -> None:
    manifest = json.loads((package.path / "library.json").read_text())
    assert {"name", "version"} <= set(manifest)
    for folder in (manifest["build"]["srcDir"], manifest["build"]["includeDir"]):
        assert (package.path / folder).is_dir()
    assert (package.path / manifest["build"]["includeDir"] / manifest["headers"]).is_file()


def test_the_readme_states_the_figures_of_the_manifest(package: Bundle) -> None:
    readme = (package.path / "README.md").read_text()
    assert (
        f"| RAM: arena, with inputs and outputs | {package.manifest['memory']['arena_bytes']:,} |" in readme
    )
    assert "target_link_libraries(firmware PRIVATE edgekit::my_model)" in readme


def test_a_self_test_holds_few_frames_of_large_tensors_and_several_of_small_ones() -> None:
    def source(elements: int) -> str:
        frames = np.zeros((20, elements), np.int8)
        return self_test_source("m", Golden(inputs=(frames,), outputs=(frames,), oracle="o"), 1)

    assert "frame < 10;" in source(10)
    assert "frame < 2;" in source(4096)
    assert "frame < 1;" in source(100_000)


def test_without_an_oracle_the_self_test_fails() -> None:
    golden = Golden(inputs=(np.zeros((1, 4), np.int8),), outputs=None, oracle=None, unchecked="none")
    assert "return -1;" in self_test_source("m", golden, 1)


def test_a_package_for_a_board_of_ones_own_is_named_after_its_file(model: Path, tmp_path: Path) -> None:
    core = load_target(TARGET)
    assert core.microcontroller is not None
    flags = ", ".join(f'"{flag}"' for flag in core.microcontroller.compiler_flags)
    board = tmp_path / "mine.toml"
    board.write_text(
        f'kind = "microcontroller"\ndescription = "*/ mine"\ntriple = "{core.triple}"\ncpu = "{core.cpu}"\n'
        f'compiler_flags = [{flags}]\nsource = "its label"\n'
    )
    package = build(model, target=str(board), output=tmp_path / "build")
    assert package.path.name == "mine"
    golden = load_golden(package.path, package.manifest)
    files = {name: (package.path / name).read_bytes() for name in package.manifest["files"]}
    assert golden.outputs is not None
    answers = run_sources(files, list(frames_of(golden.inputs)), name="My Model")
    np.testing.assert_array_equal(np.stack([answer[0] for answer in answers]), golden.outputs[0])
