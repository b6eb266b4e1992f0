from __future__ import annotations

import dataclasses

import pytest

from edgekit.codegen import cpus
from edgekit.errors import UnknownCpuError, UnknownFeatureError
from edgekit.target import list_targets, load_target


def test_llvm_knows_the_cpu_and_the_features_of_every_shipped_target() -> None:
    for target in list_targets():
        cpus.check_cpu(target)


def test_a_misspelt_cpu_is_refused_with_the_nearest_one() -> None:
    target = dataclasses.replace(load_target("rpi4"), cpu="cortex-a7222")
    with pytest.raises(UnknownCpuError, match="unknown CPU 'cortex-a7222'") as caught:
        cpus.check_cpu(target)
    assert caught.value.fix == "Did you mean 'cortex-a72'?"


def test_a_cpu_of_another_architecture_is_refused() -> None:
    target = dataclasses.replace(load_target("rpi4"), cpu="skylake-avx512")
    with pytest.raises(UnknownCpuError, match="aarch64-linux-gnu"):
        cpus.check_cpu(target)


def test_a_misspelt_feature_is_refused_with_the_nearest_one() -> None:
    target = dataclasses.replace(load_target("rpi5"), features=("+neno",))
    with pytest.raises(UnknownFeatureError, match=r"unknown feature '\+neno'") as caught:
        cpus.check_cpu(target)
    assert caught.value.fix == "Did you mean 'neon'?"


def test_the_host_cpu_has_a_name_that_llvm_knows() -> None:
    host = cpus.resolve_host_cpu(load_target("host"))
    assert host.cpu != "native"
    cpus.check_cpu(host)


def test_a_board_is_left_as_it_is() -> None:
    rpi4 = load_target("rpi4")
    assert cpus.resolve_host_cpu(rpi4) is rpi4


def test_vector_instructions_that_the_kernel_does_not_report_are_turned_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cpus, "_cpuinfo_flags", lambda: ["sse4_1", "sse4_2", "avx", "avx2", "fma", "f16c"])
    monkeypatch.setattr("tvm.target.codegen.llvm_get_system_cpu", lambda: "icelake-server")
    host = dataclasses.replace(load_target("host"), triple="x86_64-linux-gnu")
    resolved = cpus.resolve_host_cpu(host)
    assert "-avx512f" in resolved.features
    assert "-avx2" not in resolved.features
    assert "-sse4.1" not in resolved.features
    cpus.check_cpu(resolved)
