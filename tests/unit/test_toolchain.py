"""The C compiler's door: what it says on failure is passed on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgekit.errors import ExitCode
from edgekit.toolchain import CompilerFailedError, zig_cc

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
