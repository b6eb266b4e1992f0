from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from edgekit.errors import (
    ExitCode,
    MissingKeyError,
    UnknownKeyError,
    UnknownTargetError,
    WrongTypeError,
    WrongValueError,
)
from edgekit.target import TargetKind, list_targets, load_target, target_from_fields, target_names

SHIPPED = {
    "rpi3",
    "rpi4",
    "rpi5",
    "rpi-zero-2w",
    "rock5b",
    "odroid-n2",
    "jetson-nano",
    "beaglebone-black",
    "generic-aarch64",
    "generic-armv7",
    "host",
}
CORES = {
    "cortex-m0plus",
    "cortex-m3",
    "cortex-m4",
    "cortex-m7",
    "cortex-m33",
    "cortex-m55",
    "cortex-m85",
    "riscv32imc",
}
MICROCONTROLLERS = {
    "nucleo-l4r5zi",
    "nucleo-h743zi2",
    "nucleo-f446re",
    "nucleo-u575zi",
    "rp2040",
    "rp2350",
    "nrf52840dk",
    "arduino-nano-33-ble",
    "mps2-an386",
    "mps3-an547",
}
# `qemu-aarch64 -cpu help` and `qemu-arm -cpu help` of QEMU 7.2, the oldest release that is supported.
QEMU_CPUS = {
    "aarch64": {
        "a64fx",
        "cortex-a35",
        "cortex-a53",
        "cortex-a57",
        "cortex-a72",
        "cortex-a76",
        "neoverse-n1",
        "max",
    },
    "armv7": {"cortex-a7", "cortex-a8", "cortex-a9", "cortex-a15", "max"},
    "x86_64": {"max"},
}
VALID = """
kind = "linux-cpu"
description = "A board of mine"
triple = "aarch64-linux-gnu"
cpu = "cortex-a53"
features = ["+neon"]
glibc = "2.31"
cores = 2
emulated_cpu = "cortex-a53"
source = "its label"
"""
_SOURCES = ("vendor specification: https://", "ARMv", "RISC-V", "asked of the machine")
VALID_MICROCONTROLLER = """
kind = "microcontroller"
description = "A board of mine"
triple = "thumbv7em-none-eabihf"
cpu = "cortex-m4"
clock_mhz = 64
flash_kib = 1024
ram_kib = 256
compiler_flags = ["-mcpu=cortex-m4", "-mthumb"]
emulated_machine = "mps2-an386"
source = "its label"
"""


def write(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_every_promised_target_is_shipped() -> None:
    assert set(target_names()) == SHIPPED | CORES | MICROCONTROLLERS


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_a_shipped_target_loads_and_says_where_its_figures_come_from(name: str) -> None:
    target = load_target(name)
    assert target.name == name
    assert target.source
    assert target.kind is TargetKind.LINUX_CPU
    assert target.emulated_cpu in QEMU_CPUS[target.architecture]


@pytest.mark.parametrize("name", sorted(CORES | MICROCONTROLLERS))
def test_a_shipped_microcontroller_says_what_a_build_needs(name: str) -> None:
    target = load_target(name)
    assert target.kind is TargetKind.MICROCONTROLLER
    assert target.microcontroller is not None
    assert target.microcontroller.compiler_flags
    figures = (target.clock_mhz, target.microcontroller.flash_kib, target.microcontroller.ram_kib)
    origins = (target.microcontroller.flash_origin, target.microcontroller.ram_origin)
    assert (origins == (None, None)) == (name not in MICROCONTROLLERS)
    assert all(figures) if name in MICROCONTROLLERS else figures == (None, None, None)
    # QEMU 7.2 has no Cortex-M85; what it has, it has a machine for.
    assert (target.microcontroller.emulated_machine is None) == (target.cpu == "cortex-m85")


def test_no_shipped_target_claims_a_measurement() -> None:
    for target in list_targets():
        assert target.source.startswith(_SOURCES)


def test_a_board_has_a_clock_and_memory_and_a_generic_target_has_neither() -> None:
    for target in map(load_target, SHIPPED):
        is_board = target.name != "host" and not target.name.startswith("generic")
        assert (target.clock_mhz is not None) == is_board
        assert (target.ram_mib is not None) == is_board


def test_the_raspberry_pi_4_is_what_its_maker_says() -> None:
    rpi4 = load_target("rpi4")
    assert (rpi4.triple, rpi4.cpu, rpi4.cores) == ("aarch64-linux-gnu", "cortex-a72", 4)
    assert rpi4.architecture == "aarch64"


def test_a_32_bit_target_is_armv7() -> None:
    assert load_target("beaglebone-black").architecture == "armv7"


def test_the_host_target_is_this_machine() -> None:
    host = load_target("host")
    assert host.architecture in {"x86_64", "aarch64", "armv7"}
    assert host.cores >= 1
    assert host.cpu == "native"


def test_a_misspelt_target_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownTargetError, match="There is no target named 'rpi44'") as caught:
        load_target("rpi44")
    assert caught.value.fix == "Did you mean 'rpi4'?"
    assert "rpi5" in caught.value.why
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_target_file_of_the_users_own_is_named_after_its_file(tmp_path: Path) -> None:
    target = load_target(write(tmp_path, VALID))
    assert (target.name, target.cores, target.clock_mhz, target.features) == ("mine", 2, None, ("+neon",))


def test_a_misspelt_key_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(UnknownKeyError) as caught:
        load_target(write(tmp_path, VALID.replace("features", "featurs")))
    assert caught.value.fix == "Did you mean 'features'?"


@pytest.mark.parametrize(
    "key", ["kind", "description", "triple", "cpu", "glibc", "cores", "emulated_cpu", "source"]
)
def test_a_key_without_a_default_must_be_there(tmp_path: Path, key: str) -> None:
    without = re.sub(rf"^{key} = .*\n", "", VALID, flags=re.MULTILINE)
    with pytest.raises(MissingKeyError, match=f"does not set '{key}'"):
        load_target(write(tmp_path, without))


def test_a_core_count_in_quotes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongTypeError, match="'cores' has the wrong type"):
        load_target(write(tmp_path, VALID.replace("cores = 2", 'cores = "2"')))


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("cores = 2", "cores = 0", "'cores' is 0"),
        ('glibc = "2.31"', 'glibc = "musl"', "'glibc' is 'musl'"),
        ('"+neon"', '"neon"', "'features' has 'neon'"),
        ('"linux-cpu"', '"linux-gpu"', "'kind' is 'linux-gpu'"),
        ('"aarch64-linux-gnu"', '"aarch64-linux-musl"', "'triple' is 'aarch64-linux-musl'"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(tmp_path: Path, right: str, wrong: str, message: str) -> None:
    assert right in VALID
    with pytest.raises(WrongValueError, match=message):
        load_target(write(tmp_path, VALID.replace(right, wrong)))


def test_a_misspelt_platform_names_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(WrongValueError) as caught:
        load_target(write(tmp_path, VALID.replace("aarch64-linux-gnu", "aarch46-linux-gnu")))
    assert caught.value.fix == "Did you mean 'aarch64-linux-gnu'?"


def test_a_machine_that_is_no_linux_cannot_be_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    with pytest.raises(UnknownTargetError, match="cannot be a target") as caught:
        load_target("host")
    assert "--target rpi4" in caught.value.fix


def test_a_microcontroller_needs_nothing_of_linux(tmp_path: Path) -> None:
    target = load_target(write(tmp_path, VALID_MICROCONTROLLER))
    assert target.kind is TargetKind.MICROCONTROLLER
    assert (target.architecture, target.glibc, target.cores, target.ram_mib) == ("thumbv7em", "", 1, None)
    assert target.microcontroller is not None
    assert (target.microcontroller.flash_kib, target.microcontroller.ram_kib) == (1024, 256)
    assert target.microcontroller.compiler_flags == ("-mcpu=cortex-m4", "-mthumb")


def test_a_core_without_a_board_has_neither_flash_nor_ram(tmp_path: Path) -> None:
    text = re.sub(
        r"^(clock_mhz|flash_kib|ram_kib|emulated_machine) = .*\n",
        "",
        VALID_MICROCONTROLLER,
        flags=re.MULTILINE,
    )
    target = load_target(write(tmp_path, text))
    assert target.clock_mhz is None
    assert target.microcontroller is not None
    assert target.microcontroller.flash_kib is target.microcontroller.ram_kib is None
    assert target.microcontroller.emulated_machine is None


def test_keys_of_linux_boards_are_unknown_on_a_microcontroller(tmp_path: Path) -> None:
    with pytest.raises(UnknownKeyError, match="unknown key 'ram_mib'") as caught:
        load_target(write(tmp_path, VALID_MICROCONTROLLER.replace("ram_kib = 256", "ram_mib = 1")))
    assert caught.value.fix == "Did you mean 'ram_kib'?"


def test_a_linux_platform_is_no_microcontrollers(tmp_path: Path) -> None:
    text = VALID_MICROCONTROLLER.replace("thumbv7em-none-eabihf", "thumbv7em-none-eabhf")
    with pytest.raises(WrongValueError) as caught:
        load_target(write(tmp_path, text))
    assert caught.value.fix == "Did you mean 'thumbv7em-none-eabihf'?"
    text = VALID_MICROCONTROLLER.replace("thumbv7em-none-eabihf", "aarch64-linux-gnu")
    with pytest.raises(WrongValueError, match="'triple' is 'aarch64-linux-gnu'"):
        load_target(write(tmp_path, text))


def test_a_microcontroller_has_more_than_no_flash(tmp_path: Path) -> None:
    with pytest.raises(WrongValueError, match="'flash_kib' is 0"):
        load_target(write(tmp_path, VALID_MICROCONTROLLER.replace("flash_kib = 1024", "flash_kib = 0")))


def test_a_board_with_a_probe_says_where_its_memory_is(tmp_path: Path) -> None:
    scripts = 'openocd = ["interface/cmsis-dap.cfg", "target/nrf52.cfg"]\n'
    with pytest.raises(MissingKeyError, match="'openocd' without 'flash_origin', 'ram_origin'"):
        load_target(write(tmp_path, VALID_MICROCONTROLLER + scripts))
    text = VALID_MICROCONTROLLER + scripts + "flash_origin = 0x1000\nram_origin = 0x2000_0000\n"
    board = load_target(write(tmp_path, text)).microcontroller
    assert board is not None
    assert (board.flash_origin, board.ram_origin) == (0x1000, 0x2000_0000)
    assert board.openocd == ("interface/cmsis-dap.cfg", "target/nrf52.cfg")


@pytest.mark.parametrize("name", ["rpi4", "cortex-m4"])
def test_a_target_comes_back_from_its_fields(name: str) -> None:
    target = load_target(name)
    fields = json.loads(json.dumps(dataclasses.asdict(target))) | {"architecture": target.architecture}
    assert target_from_fields(fields) == target
