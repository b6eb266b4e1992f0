"""README.md of a firmware package: how to take it in, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def readme(manifest: Mapping[str, Any]) -> str:
    """The package's README, by its manifest."""
    prefix, memory = manifest["firmware"]["prefix"], manifest["memory"]
    macro = prefix.upper()
    state = f"{prefix}_memory" if memory["state_bytes"] else "NULL"
    several_in, several_out = (len(manifest["tensors"][kind]) > 1 for kind in ("inputs", "outputs"))
    first_in, first_out = ("_0" if several_in else ""), ("_0" if several_out else "")
    reset = f"{prefix}_reset({prefix}_memory);  // once, before the first invocation\n" * bool(
        memory["state_bytes"]
    )
    own = f"static uint8_t {prefix}_memory[{macro}_STATE_BYTES] {macro}_ALIGNED;\n" * bool(
        memory["state_bytes"]
    )
    compiler = f"{manifest['firmware']['compiler']}, {' '.join(manifest['firmware']['flags'])}"
    return f"""\
# {prefix} for {manifest["target"]["name"]}

C sources of a neural network, made by EdgeKit: no interpreter, no dynamic memory, and of a C
library no more than memcpy, memmove and memset.

| | bytes |
|---|---|
| flash: code, with what it calls | {memory["code_bytes"]:,} ({compiler}) |
| flash: weights | {memory["weight_bytes"]:,} |
| RAM: arena, with inputs and outputs | {memory["arena_bytes"]:,} |
| RAM: state | {memory["state_bytes"]:,} |

{manifest["macs"]:,} multiply-accumulates an invocation.

## Use

With CMake, in a firmware project:

```cmake
add_subdirectory(path/to/this/folder {prefix})
target_link_libraries(firmware PRIVATE edgekit::{prefix})
```

```c
#include "{prefix}.h"

static uint8_t arena[{macro}_ARENA_BYTES] {macro}_ALIGNED;
{own}
{reset}memcpy({prefix}_input{first_in}(arena), samples, {macro}_INPUT{first_in.upper()}_BYTES);
{prefix}_invoke(arena, {state});
use({prefix}_output{first_out}(arena));
```

`{prefix}_self_test(arena, {state})` returns 0 if the model answers golden vectors as it must; only a
firmware that calls it holds them. `include/{prefix}.h` describes inputs and outputs.

- **Zephyr**: add this folder to `ZEPHYR_EXTRA_MODULES`; `CONFIG_EDGEKIT_{macro}` is on by default.
- **Arduino**: put this folder into the sketchbook's `libraries`, and include `{prefix}.h`.
- **PlatformIO**: name this folder in `lib_deps`, or put it into `lib`.
- **Anything else**: compile `src/*.c` and `src/kernels/*.c`, with `include` on the include path.
  Optimize (-O1 or more): at -O0 the assembly of some kernels finds too few registers.

Weights lie in flash. `-D{macro}_WEIGHTS='__attribute__((section(".name")))'` places them in a section.
Models that do not run at the same time may share one arena, as large as the largest needs.
"""
