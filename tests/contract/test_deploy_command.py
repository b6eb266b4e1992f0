"""The commands deploy, rollback and status as a user meets them: words, JSON and exit codes."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edgekit.cli.main import main
from edgekit.package import golden
from edgekit.package.manifest import describe_target
from edgekit.target import load_target
from edgekit.testing.tiny_model import tiny_bundle
from tests.contract.releases import FOLDER, serving, with_runner

if TYPE_CHECKING:
    from edgekit.artifacts import Bundle
    from tests.contract.board_server import BoardServer


class Shell:
    """Runs `edgekit` in a folder with builds, and keeps what it printed."""

    def __init__(
        self, folder: Path, board: BoardServer, identity: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.folder, self._capsys = folder, capsys
        self.host = [
            *("--host", "127.0.0.1", "--user", "pi", "--port", str(board.port)),
            *("--identity", str(identity), "--accept-new-host-key"),
        ]
        self.out = self.err = ""

    def edgekit(self, *words: str) -> int:
        with pytest.raises(SystemExit) as left:
            main(list(words))
        self.out, self.err = self._capsys.readouterr()
        code = left.value.code
        assert isinstance(code, int)
        return code

    def build(self, bundle: Bundle, name: str = "host", *, age: int = 0) -> Path:
        """Lay a bundle into the build folder as `edgekit build` would, `age` seconds ago."""
        path = self.folder / "build" / "tiny" / name
        shutil.copytree(bundle.path, path)
        moment = 1_700_000_000 - age
        os.utime(path / "manifest.json", (moment, moment))
        return path


@pytest.fixture
def shell(
    tmp_path: Path,
    board: BoardServer,
    identity: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Shell:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Shell(folder, board, identity, capsys)


@pytest.fixture(scope="module")
def unchecked(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle as a build machine without an oracle makes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(golden, "oracle_available", lambda: False)
        return tiny_bundle(tmp_path_factory.mktemp("unchecked") / "bundle")


def test_deploy_status_and_rollback_over_ssh(shell: Shell, board: BoardServer, good: Bundle) -> None:
    shell.build(good)
    assert shell.edgekit("deploy", *shell.host) == 0
    first = serving(board.home)
    assert first is not None
    assert first in shell.out
    assert "100 frames equal" in shell.out
    assert shell.edgekit("deploy", *shell.host, "--keep", "2") == 0
    second = serving(board.home)
    assert second not in (None, first)
    assert shell.edgekit("status", *shell.host) == 0
    assert [line.split()[:2] for line in shell.out.splitlines() if line.startswith("20")] == [
        [second, "serves"],
        [first, "previous"],
    ]
    assert shell.edgekit("rollback", *shell.host) == 0
    assert serving(board.home) == first
    assert "left" in shell.out


def test_with_json_each_command_prints_one_document(shell: Shell, board: BoardServer, good: Bundle) -> None:
    shell.build(good)
    assert shell.edgekit("deploy", *shell.host, "--json") == 0
    deployed: dict[str, Any] = json.loads(shell.out)
    assert deployed["deployment"]["release"]["id"] == serving(board.home)
    assert deployed["current"] == f"{FOLDER}/current"
    assert shell.edgekit("status", *shell.host, "--json") == 0
    (model,) = json.loads(shell.out)["models"]
    assert model["current"] == deployed["deployment"]["release"]["id"]
    assert model["releases"][0]["altered"] == []
    assert shell.edgekit("rollback", *shell.host, "--json") == 5
    assert json.loads(shell.out)["error"]["class"] == "NoReleaseError"


def test_deploy_takes_the_newest_build_that_fits_the_device(
    shell: Shell, board: BoardServer, good: Bundle
) -> None:
    shell.build(good, "host", age=100)
    newer_but_foreign = shell.build(good, "rpi4", age=50)
    manifest = json.loads((newer_but_foreign / "manifest.json").read_text())
    manifest["target"] |= {"name": "rpi4", "architecture": "riscv64"}
    (newer_but_foreign / "manifest.json").write_text(json.dumps(manifest))
    assert shell.edgekit("deploy", *shell.host, "--json") == 0
    assert json.loads(shell.out)["deployment"]["release"]["target"] == "host"
    assert shell.edgekit("deploy", "build/tiny/rpi4", *shell.host) == 5
    assert "does not fit" in shell.err


def test_a_build_for_a_microcontroller_is_refused_before_any_connection(
    shell: Shell, board: BoardServer, good: Bundle
) -> None:
    path = shell.build(good, "cortex-m4", age=50)
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["target"] = describe_target(load_target("cortex-m4"))
    (path / "manifest.json").write_text(json.dumps(manifest))
    board.close()  # so that a connection would end with exit code 5
    for words in ((), ("build/tiny/cortex-m4",)):
        assert shell.edgekit("deploy", *words, *shell.host) == 2
        assert "A build for cortex-m4 is not deployed" in shell.err
        assert "tiny/cortex-m4/README.md says how" in shell.err
        assert "edgekit verify --target cortex-m4" in shell.err
        assert "connecting" not in shell.err
    assert shell.edgekit("status", "--json") == 0  # of this machine, and no board that it would emulate
    assert json.loads(shell.out)["models"] == []
    shell.build(good, "host", age=100)
    assert shell.edgekit("deploy", "--json") == 0
    assert json.loads(shell.out)["deployment"]["release"]["target"] == "host"


def test_deploy_lists_the_builds_when_it_is_not_clear_which_is_meant(shell: Shell, good: Bundle) -> None:
    shell.build(good, "one")
    shell.build(good, "two")
    assert shell.edgekit("deploy", *shell.host) == 2
    assert "tiny/one" in shell.err
    assert "tiny/two" in shell.err
    assert shell.edgekit("deploy", "build/tiny/two", *shell.host) == 0


def test_a_bundle_of_an_unknown_version_or_altered_is_refused_with_the_reason(
    shell: Shell, good: Bundle
) -> None:
    path = shell.build(good)
    original = (path / "manifest.json").read_text()
    (path / "manifest.json").write_text(original.replace('"schema_version": 1', '"schema_version": 99'))
    assert shell.edgekit("deploy", *shell.host) == 2
    assert "Its schema_version is 99" in shell.err
    (path / "manifest.json").write_text(original)
    (path / "edgekit.h").write_text("altered")
    assert shell.edgekit("deploy", *shell.host) == 2
    assert "edgekit.h" in shell.err


def test_without_a_build_the_message_says_how_to_make_one(shell: Shell) -> None:
    assert shell.edgekit("deploy", *shell.host) == 2
    assert "edgekit build" in shell.err


def test_wrong_outputs_on_the_device_are_exit_code_3(shell: Shell, board: BoardServer, wrong: Bundle) -> None:
    shell.build(wrong)
    assert shell.edgekit("deploy", *shell.host) == 3
    assert "not those of the oracle" in shell.err
    assert serving(board.home) is None


def test_a_release_that_is_taken_back_is_exit_code_6(
    shell: Shell, board: BoardServer, good: Bundle, tmp_path: Path
) -> None:
    shell.build(good, "good")
    assert shell.edgekit("deploy", *shell.host) == 0
    old = serving(board.home)
    dying = with_runner(good, tmp_path, 'case $0 in */current/*) exit 1 ;; esac\nreal "$@"')
    assert shell.edgekit("deploy", str(dying.path), *shell.host) == 6
    assert "was taken back" in shell.err
    assert serving(board.home) == old
    assert shell.edgekit("status", *shell.host) == 0
    assert "failed" in shell.out


def test_a_device_that_is_off_is_exit_code_5(shell: Shell, board: BoardServer, good: Bundle) -> None:
    shell.build(good)
    board.close()
    assert shell.edgekit("deploy", *shell.host) == 5
    assert "cannot be reached" in shell.err
    assert "Traceback" not in shell.err


def test_without_a_host_a_build_for_this_machine_goes_to_this_machine(shell: Shell, good: Bundle) -> None:
    shell.build(good)
    assert shell.edgekit("deploy") == 0
    assert "this machine" in shell.out
    assert serving(Path.home()) is not None
    assert shell.edgekit("status", "--json") == 0
    assert json.loads(shell.out)["models"][0]["device"] == "this machine"


def test_the_project_file_says_the_host(
    shell: Shell, board: BoardServer, good: Bundle, identity: Path
) -> None:
    shell.build(good)
    (shell.folder / "edgekit.toml").write_text(
        'model = "tiny.tflite"\n[deploy]\nhost = "127.0.0.1"\nuser = "pi"\n'
        f'port = {board.port}\nidentity = "{identity}"\n'
    )
    assert shell.edgekit("deploy", "--accept-new-host-key") == 0
    assert serving(board.home) is not None


def test_where_several_models_are_deployed_rollback_wants_a_name(
    shell: Shell, board: BoardServer, good: Bundle
) -> None:
    shell.build(good)
    for _ in range(2):
        assert shell.edgekit("deploy", *shell.host) == 0
    shutil.copytree(board.home / FOLDER, board.home / FOLDER.replace("tiny", "other"), symlinks=True)
    assert shell.edgekit("rollback", *shell.host) == 2
    assert "They are other, tiny." in shell.err
    assert shell.edgekit("rollback", "tiny", *shell.host) == 0
    assert shell.edgekit("status", *shell.host) == 0
    assert shell.out.count("serves") == 2


def test_a_bundle_without_checked_golden_vectors_is_deployed_and_the_table_says_so(
    shell: Shell, unchecked: Bundle
) -> None:
    assert unchecked.manifest["golden"]["checked"] is False
    assert shell.edgekit("deploy", str(unchecked.path), *shell.host) == 0
    assert "not checked: no oracle" in shell.out
    assert shell.edgekit("status", *shell.host, "--json") == 0
    assert json.loads(shell.out)["models"][0]["releases"][0]["golden_frames"] is None
