"""Options that several verbs share. A verb takes `--host` and its companions as one `DeviceChoice`."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgekit.devices.choice import DeviceChoice
from edgekit.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Callable

Callback = TypeVar("Callback", bound="Callable[..., Any]")


class NamedChoice(click.Choice[str]):
    """One of a few words; a misspelt one is told the nearest."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The word, as click does it."""
        if value not in self.choices:
            known = ", ".join(self.choices)
            self.fail(
                f"{value!r} is none of {known}. {nearest(str(value), self.choices, '')}".rstrip(), param, ctx
            )
        return super().convert(value, param, ctx)


PATH = click.Path(path_type=Path)
EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on stdout and nothing else there."
)

target_option = click.option("--target", metavar="NAME", help="Only a build for this target.")

threads_option = click.option(
    "--threads",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Threads that share the work of each run.",
)

_DEVICE_OPTIONS = (
    click.option("--host", metavar="HOST", help="The device's name, address or SSH alias."),
    click.option("--user", metavar="USER", help="User to log in as."),
    click.option("--port", type=click.IntRange(1, 65535), help="SSH port."),
    click.option("--identity", type=PATH, metavar="FILE", help="Private key to log in with."),
    click.option("--jump", metavar="[USER@]HOST[:PORT]", help="Go through this host; several with commas."),
    click.option("--accept-new-host-key", is_flag=True, help="Trust and remember an unknown host."),
    click.option("--emulated", is_flag=True, help="Use the emulated board ('edgekit device up')."),
)

_PROBE_OPTIONS = (
    click.option("--probe", is_flag=True, help="Use the microcontroller's board itself, by its debug probe."),
    click.option(
        "--probe-serial", metavar="SERIAL", help="Serial number of the probe, where there are several."
    ),
)


def probe_options(callback: Callback) -> Callback:
    """Add --probe and --probe-serial to a verb with `device_options`, which must stand above this."""
    wrapped: Any = callback
    for option in reversed(_PROBE_OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]  # as below


def device_options(callback: Callback) -> Callback:
    """Add --host, --user, --port, --identity, --jump, --accept-new-host-key and --emulated to a verb.

    The verb takes them as one keyword, `device: DeviceChoice`. With neither --host nor --emulated,
    the project file's [deploy] table says which host, if there is one.
    """

    @functools.wraps(callback)
    def with_choice(*args: Any, **kwargs: Any) -> Any:
        given = {name: kwargs.pop(name) for name in DeviceChoice.__dataclass_fields__ if name in kwargs}
        return callback(*args, device=_choose(DeviceChoice(**given)), **kwargs)

    wrapped: Any = with_choice
    for option in reversed(_DEVICE_OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]  # click's decorators have no type that keeps ours


def shared_devices_options(callback: Callback) -> Callback:
    """Add the options of `device_options` to a verb whose work several hosts may share: --host repeats.

    The verb takes them as `devices: tuple[DeviceChoice, ...]`, one for each --host, one for --emulated, or
    none; and as `configured: Callable[[], DeviceChoice | None]`, which gives the host of the project file's
    [deploy] table, if there is one.
    """

    @functools.wraps(callback)
    def with_choices(*args: Any, **kwargs: Any) -> Any:
        given = {name: kwargs.pop(name) for name in DeviceChoice.__dataclass_fields__ if name in kwargs}
        hosts = given.pop("host")
        if hosts and given["emulated"]:
            raise click.UsageError("--host and --emulated name two devices; give one of them.")
        devices = tuple(DeviceChoice(host=host, **given) for host in hosts)
        if given["emulated"]:
            devices = (DeviceChoice(**given),)
        configured = functools.partial(_configured, DeviceChoice(**given))
        return callback(*args, devices=devices, configured=configured, **kwargs)

    wrapped: Any = with_choices
    host = click.option(
        "--host", multiple=True, metavar="HOST", help="A device's name, address or SSH alias; repeatable."
    )
    for option in reversed((host, *_DEVICE_OPTIONS[1:])):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]  # as above


def _configured(given: DeviceChoice) -> DeviceChoice | None:
    from edgekit.project import find_project

    project = find_project(Path.cwd())
    if project is None or project.deploy is None:
        return None
    configured = project.deploy
    return DeviceChoice(
        host=configured.host,
        user=given.user or configured.user,
        port=given.port or configured.port,
        identity=given.identity or configured.identity,
        jump=given.jump or configured.jump,
        accept_new_host_key=given.accept_new_host_key,
    )


def _choose(given: DeviceChoice) -> DeviceChoice:
    if given.host is not None and given.emulated:
        raise click.UsageError("--host and --emulated name two devices; give one of them.")
    if given.probe and (given.host is not None or given.emulated):
        raise click.UsageError("--probe names another device than --host or --emulated; give one of them.")
    if given.probe_serial is not None and not given.probe:
        raise click.UsageError("--probe-serial does nothing without --probe.")
    if given.host is not None or given.emulated or given.probe:
        return given
    return _configured(given) or given
