from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click
import pytest

import edgekit
from edgekit.cli import main as cli
from edgekit.cli.options import device_options
from edgekit.devices.choice import DeviceChoice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEAVY = {"tensorflow", "tvm", "paramiko", "numpy", "rich"}


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command as a user starts it."""
    checkout = str(Path(edgekit.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": checkout}
    argv = [sys.executable, "-m", "edgekit", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd=cwd, env=environment)


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Makes a function the verb `targets`, to see what main does with what it does."""

    def install(callback: Callable[[], object]) -> None:
        module = ModuleType("edgekit.cli.targets_command")
        option = click.option("--json", "as_json", is_flag=True, expose_value=False)
        vars(module)["command"] = option(click.command("targets")(callback))
        monkeypatch.setitem(sys.modules, module.__name__, module)

    return install


def leave(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(list(arguments))
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_help_imports_none_of_the_heavy_packages() -> None:
    code = (
        "import sys\n"
        "from edgekit.cli.main import cli\n"
        "cli(['--help'], standalone_mode=False)\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n"), done.stdout


def test_help_lists_every_verb_and_shows_examples() -> None:
    done = run("--help")
    assert done.returncode == 0
    for name, summary in cli.COMMANDS.items():
        assert f"  {name} " in done.stdout
        assert summary in done.stdout
    assert "edgekit init model.tflite --target rpi4" in done.stdout


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_a_verb_explains_itself_without_importing_what_it_needs(name: str) -> None:
    code = (
        "import sys\n"
        "from edgekit.cli.main import cli\n"
        f"cli([{name!r}, '--help'], prog_name='edgekit', standalone_mode=False)\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Usage: edgekit {name}")
    assert "Examples:" in done.stdout
    assert done.stdout.endswith("[]\n"), done.stdout


def test_the_version_is_that_of_the_package() -> None:
    assert run("--version").stdout == f"edgekit, version {edgekit.__version__}\n"


def test_a_misspelt_verb_is_wrong_usage_with_the_nearest_one() -> None:
    done = run("depoy")
    assert done.returncode == 2
    assert "There is no verb 'depoy'. Did you mean 'deploy'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_verb_at_all_shows_the_help_and_is_wrong_usage() -> None:
    done = run()
    assert done.returncode == 2
    assert "Verbs:" in done.stderr


def test_a_users_error_has_its_words_its_code_and_no_traceback() -> None:
    done = run("targets", "rpi44")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: There is no target named 'rpi44'.\n  why: ")
    assert "  fix: Did you mean 'rpi4'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_with_json_a_users_error_is_the_one_document_on_stdout() -> None:
    done = run("targets", "rpi44", "--json")
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert error["class"] == "UnknownTargetError"
    assert error["what"] == "There is no target named 'rpi44'."
    assert error["fix"] == "Did you mean 'rpi4'?"
    assert error["exit_code"] == 2
    assert error["why"]


def test_with_json_wrong_usage_is_a_document_too() -> None:
    done = run("targets", "--colour", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["exit_code"] == 2
    assert "No such option" in done.stderr


def test_targets_as_json_is_one_document() -> None:
    document = json.loads(run("targets", "--json").stdout)
    assert {target["name"] for target in document["targets"]} >= {"rpi4", "host"}


def test_targets_as_a_table_names_every_target() -> None:
    done = run("targets")
    assert done.returncode == 0
    assert "rpi-zero-2w" in done.stdout
    assert done.stderr == ""


def test_a_reader_that_leaves_is_no_failure() -> None:
    script = f"{sys.executable} -m edgekit targets --json | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.returncode in {0, cli.PIPE_CLOSED}  # it may have written all before head left


def test_a_closed_pipe_is_quiet_and_has_the_shells_code(tmp_path: Path) -> None:
    code = "import sys\nfrom edgekit.cli.main import main\nsys.stdin.read()\nmain(['targets', '--json'])"
    argv = [sys.executable, "-c", code]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(argv, text=True, **pipes) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        process.stdin.close()  # only now does it write
        assert process.stderr.read() == ""
        assert process.wait() == cli.PIPE_CLOSED


def test_a_bug_of_ours_keeps_its_traceback_and_asks_for_a_report(
    verb: Callable[[Callable[[], object]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("by nought")

    verb(broken)
    assert leave("targets", "--json") == 1
    captured = capsys.readouterr()
    assert "Traceback" in captured.err
    assert "This is a bug in EdgeKit" in captured.err
    assert "edgekit doctor --json" in captured.err
    assert json.loads(captured.out)["error"] == {
        "class": "ZeroDivisionError",
        "what": "by nought",
        "why": "A bug in EdgeKit.",
        "fix": "Please report it with the lines above and the output of 'edgekit doctor --json'.",
        "exit_code": 1,
    }


@pytest.fixture
def ctrl_c_is_heard() -> Iterator[None]:
    """As in a shell's foreground: a job in the background is started with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_is_heard")
def test_ctrl_c_has_the_shells_code_and_no_traceback(
    verb: Callable[[Callable[[], object]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    verb(lambda: signal.raise_signal(signal.SIGINT))
    assert leave("targets") == cli.INTERRUPTED
    assert "Traceback" not in capsys.readouterr().err


def test_a_verb_leaves_with_the_code_it_chooses(verb: Callable[[Callable[[], object]], None]) -> None:
    verb(lambda: click.get_current_context().exit(3))
    assert leave("targets") == 3


def test_a_verb_that_returns_is_done(verb: Callable[[Callable[[], object]], None]) -> None:
    verb(lambda: None)
    assert leave("targets") == 0


def choose(folder: Path, *arguments: str) -> DeviceChoice:
    """What a verb with device options is given in a folder."""
    given: list[DeviceChoice] = []

    @click.command()
    @device_options
    def command(device: DeviceChoice) -> None:
        given.append(device)

    previous = Path.cwd()
    os.chdir(folder)
    try:
        command.main(list(arguments), standalone_mode=False)
    finally:
        os.chdir(previous)
    return given[0]


def test_without_options_and_project_the_device_is_this_machine(tmp_path: Path) -> None:
    assert choose(tmp_path) == DeviceChoice()


def test_a_host_and_its_companions_are_one_choice(tmp_path: Path) -> None:
    choice = choose(tmp_path, "--host", "pi", "--port", "2222", "--jump", "gw", "--accept-new-host-key")
    assert choice == DeviceChoice(host="pi", port=2222, jump="gw", accept_new_host_key=True)


def test_the_project_file_names_the_device_and_options_win(tmp_path: Path) -> None:
    text = 'model = "a.tflite"\n[deploy]\nhost = "pi.local"\nuser = "pi"\nport = 22\n'
    (tmp_path / "edgekit.toml").write_text(text, encoding="utf-8")
    assert choose(tmp_path, "--port", "2222") == DeviceChoice(host="pi.local", user="pi", port=2222)
    assert choose(tmp_path, "--host", "other") == DeviceChoice(host="other")
    assert choose(tmp_path, "--emulated") == DeviceChoice(emulated=True)


def test_a_host_and_the_emulated_board_are_two_devices(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="name two devices"):
        choose(tmp_path, "--host", "pi", "--emulated")


def test_init_writes_a_project_that_the_other_verbs_read(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").touch()
    done = run("init", "net.tflite", "--target", "rpi5", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Next: edgekit build" in done.stderr
    assert 'target = "rpi5"' in (tmp_path / "edgekit.toml").read_text(encoding="utf-8")


def test_init_refuses_a_model_and_a_recipe(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").touch()
    done = run("init", "net.tflite", "--recipe", "keyword-spotting", cwd=tmp_path)
    assert done.returncode == 2
    assert "name two models" in done.stderr
