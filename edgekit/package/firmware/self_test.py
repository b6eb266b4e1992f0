"""src/<model>_self_test.c: a few golden vectors, and a function that holds the model against them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.devices.frames import pack_frames

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from edgekit.artifacts import Golden

_MOST_FRAMES = 10
_MOST_BYTES = 16 << 10  # of vectors; a single frame may have more
_PER_LINE = 20


def self_test_source(prefix: str, golden: Golden, outputs: int) -> str:
    """The self-test of a model with so many outputs."""
    inputs = len(golden.inputs)
    head = (
        f"/* Golden vectors of {prefix}, and a test by them: only a firmware that calls it holds them. */\n"
        f'#include "{prefix}.h"\n'
    )
    if golden.outputs is None:
        return f"""\
{head}
/* The oracle gave no answers when the model was built, so there are no vectors. */
int {prefix}_self_test(void *arena, void *state) {{
  (void)arena;
  (void)state;
  return -1;
}}
"""
    frames = _frames(golden)
    arrays = [
        _array(f"{kind}_{i}", frames, array)
        for kind, tensors in (("input", golden.inputs), ("output", golden.outputs))
        for i, array in enumerate(tensors)
    ]
    copies = [
        f"    __builtin_memcpy({prefix}_{_called('input', i, inputs)}(arena), input_{i}[frame], "
        f"sizeof input_{i}[frame]);"
        for i in range(inputs)
    ]
    checks = [
        f"    if (differs({prefix}_{_called('output', i, outputs)}(arena), output_{i}[frame], "
        f"sizeof output_{i}[frame]))\n      return frame + 1;"
        for i in range(outputs)
    ]
    return "\n".join([head, *arrays, _DIFFERS, _TEST.format(prefix=prefix, frames=frames), *copies,
                      f"    if ({prefix}_invoke(arena, state) != 0)\n      return -1;", *checks, "  }",
                      "  return 0;", "}", ""])  # fmt: skip


_DIFFERS = """\
static bool differs(const void *actual, const uint8_t *expected, uint32_t bytes) {
  for (uint32_t i = 0; i < bytes; ++i)
    if (((const uint8_t *)actual)[i] != expected[i])
      return true;
  return false;
}
"""
_TEST = """\
/* 0 if every answer is right; else 1 + the frame whose answer is not. */
int {prefix}_self_test(void *arena, void *state) {{
  {prefix}_reset(state);
  for (int frame = 0; frame < {frames}; ++frame) {{"""


def _frames(golden: Golden) -> int:
    assert golden.outputs is not None
    one: int = sum(array[0].nbytes for array in (*golden.inputs, *golden.outputs))
    return max(1, min(_MOST_FRAMES, golden.frames, _MOST_BYTES // max(one, 1)))


def _called(kind: str, position: int, count: int) -> str:
    return f"{kind}_{position}" if count > 1 else kind


def _array(name: str, frames: int, array: NDArray[Any]) -> str:
    """Raw bytes, little-endian, so that they are exact whatever their type."""
    rows = [_bytes(pack_frames([array[frame : frame + 1]])) for frame in range(frames)]
    size = array[0].nbytes
    return "\n".join([f"static const uint8_t {name}[{frames}][{size}] = {{", *rows, "};", ""])


def _bytes(content: bytes) -> str:
    lines: Sequence[str] = [
        ", ".join(map(str, content[start : start + _PER_LINE])) for start in range(0, len(content), _PER_LINE)
    ]
    return "    {" + ",\n     ".join(lines) + "},"
