"""The C functions that run a network: the calls of its kernels in order, and where threads wait.

All threads of a team walk through the same calls. A kernel that they share is called by all of them, each
with its share; any other by the first alone. Between two calls all threads wait for each other, unless the
first thread runs both alone. While the network is observed they also wait for the first thread to look at
what a step wrote.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_THREADS = 64  # that a share is counted for; MOST_THREADS of runtime/edgekit_pool.c


@dataclasses.dataclass(frozen=True)
class KernelLine:
    """One call of a kernel: C expressions for its pointers. A shared one takes the thread's share as well."""

    function: str
    arguments: Sequence[str]
    is_shared: bool

    @property
    def source(self) -> str:
        """The statement in C."""
        arguments = [*self.arguments, "&part"] if self.is_shared else self.arguments
        return f"{self.function}({', '.join(arguments)});"


@dataclasses.dataclass(frozen=True)
class StepLines:
    """The calls of one operator, and a comment that says which."""

    comment: str
    calls: Sequence[KernelLine]


def invocation_source(steps: Sequence[StepLines]) -> str:
    """`invoke`, `invoke_part` and `invoke_with`, as runtime/edgekit.h describes them."""
    is_shared = any(call.is_shared for step in steps for call in step.calls)
    return "\n".join(
        [_SHARE, _team_source(steps), _TOGETHER] if is_shared else [_alone_source(steps), _ALONE]
    )


_SHARE = """\
/* A thread's part: the bounds of its share, in 1/65536 of a loop, which kernels read; and the team. */
typedef struct share {
  int32_t begin;
  int32_t end;
  const edgekit_team *team;
} share;

static int32_t share_bound(uint32_t thread, uint32_t threads) {
  return (int32_t)((65536u * thread + threads - 1u) / threads);
}

static void meet(const edgekit_team *team) { team->barrier(team->context); }

/* Kernels call it between their stages, and name their scratch memory: other threads write it meanwhile. */
void edgekit_wait(const void *part, void *scratch0, void *scratch1, void *scratch2);
void edgekit_wait(const void *part, void *scratch0, void *scratch1, void *scratch2) {
  (void)scratch0;
  (void)scratch1;
  (void)scratch2;
  meet(((const share *)part)->team);
}
"""

_MEMORY = """\
  uint8_t *const a = (uint8_t *)arena;
  uint8_t *const s = (uint8_t *)state;
  const uint8_t *const c = edgekit_constants;
  (void)a;
  (void)s;
  (void)c;
"""

_TOGETHER = """\
static int invoke(void *arena, void *state, edgekit_observer observer, void *context) {
  static const edgekit_team alone = {0, 1, NULL, NULL};
  return invoke_part(arena, state, &alone, observer, context);
}

typedef struct invocation {
  void *arena;
  void *state;
  edgekit_observer observer;
  void *context;
} invocation;

static void run_part(void *context, const edgekit_team *team) {
  const invocation *const given = (const invocation *)context;
  invoke_part(given->arena, given->state, team, given->observer, given->context);
}

static int invoke_with(edgekit_pool *pool, void *arena, void *state, edgekit_observer observer,
                       void *context) {
  invocation given = {arena, state, observer, context};
  edgekit_pool_run(pool, run_part, &given);
  return 0;
}
"""

_ALONE = """\
static int invoke_part(void *arena, void *state, const edgekit_team *team, edgekit_observer observer,
                       void *context) {
  return team->thread == 0 ? invoke(arena, state, observer, context) : 0;
}

static int invoke_with(edgekit_pool *pool, void *arena, void *state, edgekit_observer observer,
                       void *context) {
  (void)pool;
  return invoke(arena, state, observer, context);
}
"""


def _alone_source(steps: Sequence[StepLines]) -> str:
    """A network without a step that is worth sharing."""
    lines = ["static int invoke(void *arena, void *state, edgekit_observer observer, void *context) {"]
    for index, step in enumerate(steps):
        lines += [f"  /* {step.comment} */", f"  if (observer != NULL) observer(context, {index});"]
        lines += [f"  {call.source}" for call in step.calls]
    lines += [f"  if (observer != NULL) observer(context, {len(steps)});", "  return 0;", "}", ""]
    return "\n".join([lines[0], _MEMORY.rstrip("\n"), *lines[1:]])


def _team_source(steps: Sequence[StepLines]) -> str:
    calls = _Calls()
    for index, step in enumerate(steps):
        calls.begin_step(index, step)
        for call in step.calls:
            calls.call(call)
    calls.end(len(steps))
    head = """\
static int invoke_part(void *arena, void *state, const edgekit_team *team, edgekit_observer observer,
                       void *context) {
"""
    part = """\
  const uint32_t thread = team->thread, threads = team->threads;
  const share part = {share_bound(thread, threads), share_bound(thread + 1, threads), team};
  const int first = thread == 0, together = threads > 1;
"""
    return "\n".join([head + _MEMORY + part.rstrip("\n"), *calls.lines, "  return 0;", "}", ""])


class _Calls:
    """Lines of C, and what threads may be doing where they end."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._others_work = False  # since all threads met last
        self._first_works = False

    def begin_step(self, index: int, step: StepLines) -> None:
        self.lines.append(f"  /* {step.comment} */")
        if self._others_work:
            self._meet()
        self._observe(index)
        if step.calls[0].is_shared and not self._first_works:
            self.lines.append("  if (observer != NULL && together) meet(team);")

    def call(self, call: KernelLine) -> None:
        if self._others_work or (call.is_shared and self._first_works):
            self._meet()
        self.lines.append(f"  {call.source}" if call.is_shared else f"  if (first) {call.source}")
        self._others_work = call.is_shared
        self._first_works = True

    def end(self, steps: int) -> None:
        if self._others_work:
            self._meet()
        self._observe(steps)

    def _meet(self) -> None:
        self.lines.append("  if (together) meet(team);")
        self._others_work = self._first_works = False

    def _observe(self, step: int) -> None:
        self.lines.append(f"  if (observer != NULL && first) observer(context, {step});")
