"""The C compiler's door: what it says on failure is passed on."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from edgekit.errors import ExitCode
from edgekit.target import load_target
from edgekit.toolchain import CompilerFailedError, zig_bare, zig_cc

if TYPE_CHECKING:
    from pathlib import Path


def test_what_the_compiler_says_is_in_the_message(tmp_path: Path) -> None:
    (tmp_path / "broken.c").write_text("int main(void) { return nowhere; }\n")
    with pytest.raises(
        CompilerFailedError, match=r"(?s)failed with exit code 1.*broken\.c.*nowhere"
    ) as failed:
        zig_cc(["broken.c", "-o", "broken"], triple="x86_64-linux-gnu", glibc="2.17", directory=tmp_path)
    assert failed.value.exit_code is ExitCode.BUG
    assert "it is a bug in EdgeKit" in failed.value.fix


def has_vectors(command: list[str], folder: Path) -> bool:
    (folder / "asks.c").write_text("#ifndef __ARM_FEATURE_MVE\n#error none\n#endif\n")
    return (
        subprocess.run([*command, "-E", "asks.c"], cwd=folder, capture_output=True, check=False).returncode
        == 0
    )


@pytest.mark.parametrize(
    ("core", "vectors"), [("cortex-m33", False), ("cortex-m55", True), ("cortex-m85", True)]
)
def test_zig_has_the_vectors_of_a_core(core: str, vectors: bool, tmp_path: Path) -> None:
    target = load_target(core)
    assert has_vectors(zig_bare(target.triple, target.cpu, target.features), tmp_path) == vectors
    assert not has_vectors(zig_bare(target.triple, target.cpu, ("-mve", "-mve.fp")), tmp_path)
