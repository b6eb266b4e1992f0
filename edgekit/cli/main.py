"""The `edgekit` command: finds the verb, and turns every failure into words and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

import click

import edgekit
from edgekit.errors import EdgeKitError, ExitCode, nearest
from edgekit.runtime import runtime_file

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130  # what a shell reports for Ctrl-C: 128 + SIGINT
PIPE_CLOSED = 141  # what a shell reports for a reader that left: 128 + SIGPIPE

# Each verb is `command` in edgekit/cli/<verb>_command.py. The summaries are here, not there, so
# that --help imports none of them.
COMMANDS = {
    "init": "Write an edgekit.toml for a model.",
    "targets": "List the boards to build for, or describe one.",
    "doctor": "Check every tool, and say how to install what is missing.",
    "inspect": "Show a model's operators, shapes, cost and what is unsupported.",
    "quantize": "Make an int8 model of a trained float model and samples.",
    "build": "Build a model for a target.",
    "tune": "Measure what a model's kernels could be, and keep the best.",
    "run": "Run a built model on inputs of yours.",
    "verify": "Prove a built model bit-exact on a device.",
    "deploy": "Push a build to a device and switch to it.",
    "rollback": "Go back to the previous release on a device.",
    "status": "Show what is deployed on a device.",
    "profile": "Show where the time goes on a device.",
    "evaluate": "Score models and builds on data, and compare them.",
    "explain": "Say why a build is not faster on a device.",
    "bench": "Race EdgeKit against LiteRT on a device.",
    "device": "Start, stop and enter the emulated board.",
}

EXAMPLES = """\b
Examples:
  edgekit init model.tflite --target rpi4
  edgekit build
  edgekit deploy --host pi.local
  edgekit verify --emulated
  edgekit profile --host pi.local --json
"""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used, and named when they are misspelt."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The verbs, in the order one meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one verb's module."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"edgekit.cli.{cmd_name}_command").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a hint for a misspelt verb."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            hint = nearest(args[0], COMMANDS, "'edgekit --help' lists them.")
            raise click.UsageError(f"There is no verb {args[0]!r}. {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of verbs, without importing one."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; a reader that closed our pipe (`edgekit targets | head -1`) is no failure of ours."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            # So that the flush at exit goes nowhere instead of failing once more.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(PIPE_CLOSED)
        return result


def _show_cmake_folder(context: click.Context, _option: click.Parameter, given: bool) -> None:
    if given and not context.resilient_parsing:
        click.echo(runtime_file("cmake"))
        context.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXAMPLES)
@click.version_option(edgekit.__version__, prog_name="edgekit")
@click.option(
    "--cmake-dir",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_cmake_folder,
    help="Print what EdgeKit_DIR must be for find_package(EdgeKit) in CMake, and exit.",
)
def cli() -> None:
    """Build an int8 TFLite model for an ARM Linux board, deploy it over SSH, prove it bit-exact and see
    where its time goes. Every verb explains itself: edgekit VERB --help.
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and leave with its exit code (DESIGN: 0 done, 1 our bug, 2 to 8 the user's)."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(_exit_code(argv))


def _exit_code(argv: list[str]) -> int:
    try:
        # Not click's standalone mode: it would choose the exit codes. A verb leaves with ctx.exit(code).
        code = cli.main(argv, prog_name="edgekit", standalone_mode=False)
    except EdgeKitError as error:
        click.echo(f"error: {error}", err=True)
        return _fail(argv, type(error).__name__, error.what, error.why, error.fix, error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return ExitCode.USAGE
    except click.ClickException as error:
        return _wrong_usage(argv, error)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)  # on a line of its own: click has ended that of the ^C
        return INTERRUPTED
    except Exception as error:  # the last door: whatever comes here is a bug of ours
        traceback.print_exc()
        fix = "Please report it with the lines above and the output of 'edgekit doctor --json'."
        click.echo(f"error: This is a bug in EdgeKit, not in what you did.\n  fix: {fix}", err=True)
        return _fail(argv, type(error).__name__, str(error), "A bug in EdgeKit.", fix, ExitCode.BUG)
    return code if isinstance(code, int) else ExitCode.DONE


def _wrong_usage(argv: list[str], error: click.ClickException) -> int:
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is not None:
        click.echo(context.get_usage(), err=True)
    fix = f"'{context.command_path if context is not None else 'edgekit'} --help' shows what it takes."
    click.echo(f"error: {error.format_message()}\n  fix: {fix}", err=True)
    return _fail(argv, type(error).__name__, error.format_message(), "Wrong usage.", fix, ExitCode.USAGE)


def _fail(argv: list[str], name: str, what: str, why: str, fix: str, code: ExitCode) -> int:
    """The exit code; with --json also the failure as the one document on stdout."""
    if "--json" in argv:
        from edgekit.cli.output import emit_json

        emit_json({"error": {"class": name, "what": what, "why": why, "fix": fix, "exit_code": int(code)}})
    return code
