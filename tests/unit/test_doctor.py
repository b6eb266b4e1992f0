from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from edgekit.verbs import doctor as doctor_module
from edgekit.verbs.doctor import LITERT, ORACLE, PINS, Check, Purpose, doctor

CHECKOUT = Path(__file__).parents[2]


def by_name(checks: tuple[Check, ...]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def requirements() -> dict[str, str | None]:
    """pyproject.toml's dependencies: name -> the exact release, if it asks for one."""
    table = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    exact = {}
    for line in table["project"]["dependencies"]:
        name, _, release = line.partition(";")[0].strip().partition("==")
        exact[name.partition(">=")[0]] = release or None
    return exact


def test_the_doctor_asks_for_what_the_package_depends_on() -> None:
    assert requirements() == PINS | dict([ORACLE])


def test_the_doctor_asks_for_the_litert_of_the_extra() -> None:
    table = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    assert table["project"]["optional-dependencies"]["litert"] == ["==".join(LITERT)]


def test_in_the_environment_of_the_tests_nothing_required_is_missing() -> None:
    missing = [check for check in doctor() if check.required and not check.ok]
    assert missing == []


def test_what_is_missing_names_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr("edgekit.devices.emulated.tools._ADMINISTRATION", "/nonexistent")
    checks = by_name(doctor())
    missing = next(check for name, check in checks.items() if name.startswith("qemu-aarch64-static"))
    assert not missing.ok
    assert not missing.required
    assert missing.fix is not None
    assert "apt-get install qemu-user-static" in missing.fix


def test_the_emulated_board_is_required_only_when_asked_for() -> None:
    def required(emulated: bool) -> bool:
        checks = doctor(emulated=emulated)
        return any(check.required for check in checks if check.purpose is Purpose.EMULATED_BOARD)

    assert not required(emulated=False)
    assert required(emulated=True)


def test_no_emulation_needs_what_drives_a_debug_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr("edgekit.devices.emulated.tools._ADMINISTRATION", "/nonexistent")
    (check,) = (check for check in doctor(emulated=True) if check.purpose is Purpose.DEBUG_PROBE)
    assert (check.ok, check.required) == (False, False)
    assert check.fix == "As root: apt-get install openocd"


def test_another_release_than_the_pinned_one_is_not_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PINS, "apache-tvm-ffi", "0.0.1")
    check = by_name(doctor())["apache-tvm-ffi"]
    assert not check.ok
    assert check.found.endswith("but 0.0.1 is needed")
    assert check.fix == f"{sys.executable} -m pip install apache-tvm-ffi==0.0.1"


def test_a_package_that_is_not_installed_is_not_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PINS, "no-such-package", None)
    check = by_name(doctor())["no-such-package"]
    assert (check.ok, check.required, check.found) == (False, True, "not installed")


def test_on_a_machine_without_an_oracle_it_is_absent_but_not_required(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    check = by_name(doctor())[ORACLE[0]]
    assert not check.ok
    assert not check.required
    assert "golden vectors stay unchecked" in check.found


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_module, "_CACHE_NEEDS_MIB", 2**40)
    check = by_name(doctor())["cache"]
    assert not check.ok
    assert check.fix is not None
    assert "EDGEKIT_CACHE" in check.fix


def test_the_exit_code_is_8_when_something_required_is_missing(tmp_path: Path) -> None:
    # A PATH with nothing on it: the emulated board's programs are not found.
    environment = os.environ | {"PATH": str(tmp_path), "PYTHONPATH": str(CHECKOUT)}
    code = (
        "import edgekit.devices.emulated.tools as tools\n"
        "tools._ADMINISTRATION = ''\n"
        "from edgekit.cli.main import main\n"
        "main(['doctor', '--emulated', '--json'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 8, done.stderr
    document = json.loads(done.stdout)
    assert document["ok"] is False
    assert any(not check["ok"] and "apt-get install" in check["fix"] for check in document["checks"])


def test_as_a_table_it_names_every_tool() -> None:
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    argv = [sys.executable, "-m", "edgekit", "doctor"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    for name in ("apache-tvm-ffi", "zig (C compiler)", "qemu-arm", "sshd", "kernel"):
        assert name in done.stdout
