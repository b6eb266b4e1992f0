"""Bundles on disk: complete or absent, the same bytes every time, refused with the reason."""

from __future__ import annotations

import io
import json
import os
import threading
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edgekit.devices.frames import load_golden
from edgekit.devices.workspace import library_name
from edgekit.errors import (
    BundleAlteredError,
    BundleUnreadableError,
    BundleUnwritableError,
    BundleVersionError,
    EdgeKitError,
    ExitCode,
)
from edgekit.package import bundle as bundle_module
from edgekit.package import golden as golden_module
from edgekit.package.bundle import read_bundle, write_bundle
from edgekit.package.manifest import ABI_VERSION, SCHEMA_VERSION
from edgekit.testing.tiny_model import tiny_bundle

if TYPE_CHECKING:
    from edgekit.artifacts import Bundle

FILES = {"libm.so": b"code", "edgekit-runner": b"runner", "golden.npz": b"vectors"}


@pytest.fixture
def built(tmp_path: Path) -> Bundle:
    return tiny_bundle(tmp_path / "tiny" / "host")


def change(built: Bundle, **changes: Any) -> None:
    path = built.path / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_bundle_that_was_written_is_read_as_it_was(built: Bundle) -> None:
    assert read_bundle(built.path) == built


def test_a_bundle_holds_what_the_device_needs(built: Bundle) -> None:
    names = {path.name for path in built.path.iterdir()}
    assert names == {
        "manifest.json",
        "model.tflite",
        "golden.npz",
        "libtiny.so",
        "edgekit.h",
        "edgekit-runner",
        "edgekit_model.py",
        "report.json",
    }
    assert set(built.manifest["files"]) == names - {"manifest.json"}
    assert os.access(built.path / "edgekit-runner", os.X_OK)
    assert library_name(built) == "libtiny.so"


def test_two_builds_give_the_same_bytes(tmp_path: Path) -> None:
    one, other = (tiny_bundle(tmp_path / name / "host") for name in ("one", "other"))
    for path in one.path.iterdir():
        assert path.read_bytes() == (other.path / path.name).read_bytes(), path.name


def test_golden_vectors_are_the_oracles_and_are_told_so(built: Bundle) -> None:
    golden = load_golden(built.path, built.manifest)
    assert golden.outputs is not None
    previous = np.concatenate([np.full((1, 2, 4), -1, np.int8), golden.inputs[0][:-1]])
    expected = np.maximum(np.maximum(golden.inputs[0], previous), np.int8(-1))
    np.testing.assert_array_equal(golden.outputs[0], expected)
    described = built.manifest["golden"]
    assert (described["vectors"], described["streaming"], described["checked"]) == (100, True, True)
    assert described["oracle"].startswith("tflite-micro ")


def test_without_the_oracle_the_bundle_says_that_its_vectors_are_unchecked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(golden_module, "oracle_available", lambda: False)
    built = tiny_bundle(tmp_path / "host")
    assert built.manifest["golden"] == {
        "vectors": 100,
        "streaming": True,
        "oracle": None,
        "checked": False,
        "unchecked": "The oracle is not installed here.",
    }
    assert load_golden(built.path, built.manifest).outputs is None
    with zipfile.ZipFile(built.path / "golden.npz") as archive:
        assert archive.namelist() == ["input/0.npy"]


def test_numpy_reads_the_golden_vectors(built: Bundle) -> None:
    with np.load(built.path / "golden.npz") as stored:
        assert {name: stored[name].shape for name in stored.files} == {
            "input/0": (100, 2, 4),
            "output/0": (100, 2, 4),
        }


def test_golden_vectors_that_are_not_as_described_are_refused(built: Bundle) -> None:
    packed = io.BytesIO()
    np.savez(packed, other=np.zeros(3))
    (built.path / "golden.npz").write_bytes(packed.getvalue())
    with pytest.raises(BundleUnreadableError, match=r"golden vectors of .* cannot be read"):
        load_golden(built.path, built.manifest)
    (built.path / "golden.npz").write_bytes(b"no zip file")
    with pytest.raises(BundleUnreadableError):
        load_golden(built.path, built.manifest)


def test_the_report_adds_up(built: Bundle) -> None:
    report = json.loads((built.path / "report.json").read_text())
    assert [row["kind"] for row in report["operators"]] == ["MAXIMUM", "RELU", "ASSIGN_VARIABLE"]
    assert report["by_kind"]["RELU"] == {"macs": 0, "steps": 1}
    assert report["memory"] == built.manifest["memory"]


@pytest.mark.parametrize("name", ["libtiny.so", "golden.npz", "model.tflite", "edgekit-runner"])
def test_an_altered_file_is_refused_by_its_name(built: Bundle, name: str) -> None:
    content = bytearray((built.path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (built.path / name).write_bytes(bytes(content))
    with pytest.raises(BundleAlteredError, match=f"{name} .*digest") as refused:
        read_bundle(built.path)
    assert refused.value.exit_code == ExitCode.USAGE


def test_a_missing_file_is_refused_by_its_name(built: Bundle) -> None:
    (built.path / "edgekit-runner").unlink()
    with pytest.raises(BundleAlteredError, match="edgekit-runner cannot be read: No such file"):
        read_bundle(built.path)


@pytest.mark.parametrize("name", ["../tiny.txt", "/etc/passwd", "..", "", "a\0b"])
def test_a_manifest_that_names_files_elsewhere_is_refused(built: Bundle, name: str) -> None:
    change(built, files={name: {"sha256": "0" * 64, "bytes": 1}})
    with pytest.raises(BundleAlteredError, match="names a file outside"):
        read_bundle(built.path)


@pytest.mark.parametrize(("key", "ours"), [("schema_version", SCHEMA_VERSION), ("abi_version", ABI_VERSION)])
def test_a_version_that_we_do_not_read_is_refused_with_both_numbers(
    built: Bundle, key: str, ours: int
) -> None:
    change(built, **{key: 99})
    with pytest.raises(BundleVersionError, match=f"Its {key} is 99; this EdgeKit reads {ours}") as newer:
        read_bundle(built.path)
    assert "Upgrade EdgeKit" in newer.value.fix
    change(built, **{key: 0})
    with pytest.raises(BundleVersionError) as older:
        read_bundle(built.path)
    assert "Build it again" in older.value.fix


def test_a_folder_without_a_manifest_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(
        BundleUnreadableError, match=r"(?s)no bundle at .*manifest\.json cannot be read: No such"
    ):
        read_bundle(tmp_path)


def test_library_name_of_a_bundle_without_one_is_an_error(built: Bundle) -> None:
    del built.manifest["files"]["libtiny.so"]
    with pytest.raises(BundleUnreadableError, match="no model library"):
        library_name(built)


# ------------------------------------------------------------------------------ complete or absent


def test_an_old_bundle_is_replaced_as_a_whole(tmp_path: Path) -> None:
    directory = tmp_path / "host"
    write_bundle(directory, {**FILES, "old.so": b"old"}, {"version": 1})
    write_bundle(directory, FILES, {"version": 2})
    assert {path.name for path in directory.iterdir()} == {*FILES, "manifest.json"}
    assert json.loads((directory / "manifest.json").read_text()) == {"version": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["host"]


def test_an_interrupted_write_leaves_the_old_bundle_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "host"
    write_bundle(directory, FILES, {"version": 1})

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bundle_module, "_replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_bundle(directory, FILES, {"version": 2})
    assert json.loads((directory / "manifest.json").read_text()) == {"version": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["host"]


def test_an_interrupt_between_the_two_renames_brings_the_old_bundle_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "host"
    write_bundle(directory, FILES, {"version": 1})
    rename = Path.rename

    def interrupted(self: Path, target: Path) -> Path:
        if ".part-" in self.name:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_bundle(directory, FILES, {"version": 2})
    assert json.loads((directory / "manifest.json").read_text()) == {"version": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["host"]


def test_litter_of_a_killed_build_is_swept_away_once_it_is_old(tmp_path: Path) -> None:
    old, fresh = tmp_path / ".host.part-00000000", tmp_path / ".host.part-11111111"
    for path in (old, fresh):
        path.mkdir()
    day_ago = time.time() - 86400
    os.utime(old, (day_ago, day_ago))
    write_bundle(tmp_path / "host", FILES, {})
    assert (old.exists(), fresh.exists()) == (False, True)


def test_builds_at_the_same_time_leave_one_whole_bundle(tmp_path: Path) -> None:
    directory = tmp_path / "host"
    failures: list[Exception] = []

    def build(version: int) -> None:
        try:
            for _ in range(10):
                write_bundle(directory, {"libm.so": bytes([version]) * 1000}, {"version": version})
        except EdgeKitError as error:
            failures.append(error)

    threads = [threading.Thread(target=build, args=(version,)) for version in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    version = json.loads((directory / "manifest.json").read_text())["version"]
    assert (directory / "libm.so").read_bytes() == bytes([version]) * 1000
    assert [path.name for path in tmp_path.iterdir()] == ["host"]


def test_a_folder_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BundleUnwritableError, match="cannot be written") as refused:
        write_bundle(tmp_path / "file" / "host", FILES, {})
    assert refused.value.exit_code == ExitCode.USAGE
