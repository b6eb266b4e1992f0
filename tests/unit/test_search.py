"""The search: what is proposed, what is kept, what a build makes of it, and candidates that are wrong."""

from __future__ import annotations

import contextlib
import dataclasses
import pickle
import random
import sys
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from multiprocessing import active_children
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit import schedule as stage
from edgekit.artifacts import LoweredModule
from edgekit.cli.main import main
from edgekit.codegen import resolve_host_cpu
from edgekit.devices.choice import DeviceChoice
from edgekit.devices.local import LocalDevice
from edgekit.errors import ExecutorUnusableError, NothingToTuneError, WrongValueError
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.package.runner_binary import build_runner
from edgekit.schedule import candidates, schedule
from edgekit.schedule.cpu import cpu_class
from edgekit.schedule.tasks import Task, tasks
from edgekit.schedule.template import Choice, Job, Parameters, Template, one_point
from edgekit.schedule.templates.convolution import CONVOLUTION
from edgekit.search.build import Batch, Request, build_batch, executor
from edgekit.search.lookup import VERSIONS, StoreLookup
from edgekit.search.machine import Machine, feature_text
from edgekit.search.measure import CandidateDiffersError, DeviceRunner
from edgekit.search.strategy import finalists, proposals
from edgekit.search.tuning import Budget, Tuner, score_of, spread_of
from edgekit.store import Record, RecordSet, Source, Store, Unit
from edgekit.target import load_target
from edgekit.testing.convolution_cases import ConvolutionCase, Numbers, convolutions_model
from edgekit.testing.records import measured
from edgekit.testing.tflite_builder import ModelBuilder, spec
from edgekit.testing.tunable import tunable_model
from edgekit.verbs.tune import tune

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = resolve_host_cpu(load_target("host"))
ARM = load_target("rpi4")
HERE = Machine(source=Source.MACHINE, name="here", features="", unit=Unit.NANOSECONDS)


def records_for(task: Task, choice: Choice, **changes: Any) -> list[Record]:
    """A board's records by which a choice is better than the untuned one."""
    untuned = candidates(task.job, cpu_class(ARM))[0]
    return [record(task, untuned, score=2.0), record(task, choice, **changes)]


def lowered(content: bytes) -> LoweredModule:
    return lower(read_tflite(content, name="model"))


@contextlib.contextmanager
def local_runner() -> Iterator[DeviceRunner]:
    with DeviceRunner(
        lambda: contextlib.nullcontext(LocalDevice()),
        build_runner(HOST),
        lambda _device: HERE,
        wants_quiet=False,
        progress=lambda _text, _share: None,
    ) as runner:
        yield runner


def record(task: Task, choice: Choice, **changes: Any) -> Record:
    return dataclasses.replace(measured(task, ARM, choice, score=1.0), **changes)


# ------------------------------------------------------------------------------------- parameters

values = st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.integers() | st.text(max_size=5))


@given(values)
def test_parameters_are_their_text(given_values: dict[str, Any]) -> None:
    parameters = Parameters(**given_values)
    assert Parameters.parse(parameters.text) == parameters
    assert dict(parameters) == given_values
    assert len({parameters, Parameters(**dict(reversed(given_values.items())))}) == 1


def test_every_template_has_a_name_of_its_own() -> None:
    assert len(VERSIONS) == len(stage.TEMPLATES) + len(stage.MCU_TEMPLATES)


# ----------------------------------------------------------------------------------- strategy


def choices(*names: str) -> list[Choice]:
    return [Choice(name, Parameters(pixels=i)) for i, name in enumerate(names)]


def proposed_until_enough(everything: list[Choice], scores: dict[Choice, float]) -> list[Choice]:
    """What is measured in all, in order."""
    known: dict[Choice, float] = {}
    while more := proposals(everything, known):
        known |= {choice: scores[choice] for choice in more}
    return list(known)


def test_the_preferred_template_is_enumerated_until_points_in_a_row_are_no_better() -> None:
    points = choices(*["best"] * 20)
    rising = {choice: 1.0 + i for i, choice in enumerate(points)}
    assert proposed_until_enough(points, rising) == points[:5]
    better_third = rising | {points[2]: 0.5}
    assert proposed_until_enough(points, better_third) == points[:7]
    falling = {choice: 100.0 - i for i, choice in enumerate(points)}
    assert proposed_until_enough(points, falling) == points


def test_of_the_other_templates_one_point_is_tried_and_more_where_it_comes_close() -> None:
    preferred, others = choices(*["best"] * 20), choices(*["other"] * 20)
    everything = [*preferred, *others]
    assert proposals(everything, {}) == (*preferred[:5], others[0])
    assert proposals(everything, {preferred[0]: 1.0}) == (*preferred[1:5], others[0])
    slow = dict.fromkeys(everything, 10.0) | {others[0]: 16.0}
    assert proposed_until_enough(everything, slow) == [*preferred[:5], others[0]]
    close = dict.fromkeys(everything, 10.0) | dict.fromkeys(others, 14.0)
    assert proposed_until_enough(everything, close) == [*preferred[:5], *others[:5]]


def test_the_close_ones_are_measured_again_and_a_clear_winner_is_not() -> None:
    one, two, three = choices("a", "b", "c")
    assert finalists({one: 105.0, two: 100.0, three: 150.0}) == (two, one)
    assert finalists({one: 150.0, two: 100.0, three: 150.0}) == ()
    many = choices(*"abcdefgh")
    assert len(finalists(dict.fromkeys(many, 1.0))) == 4


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=50))
def test_a_score_is_among_the_samples_and_disturbances_do_not_move_it(runs: list[int]) -> None:
    assert min(runs) <= score_of(runs) <= max(runs)
    assert spread_of(runs) >= 0
    if len(runs) > 8:
        disturbed = [*sorted(runs)[:-2], 10**12, 10**12]
        assert score_of(disturbed) == score_of(runs)


# -------------------------------------------------------------------------------------- tasks


def test_tasks_travel_to_other_processes() -> None:
    for task in tasks(lowered(tunable_model()), HOST):
        there = pickle.loads(pickle.dumps(task))
        assert (there.kind, there.workload, there.macs) == (task.kind, task.workload, task.macs)
        assert candidates(there.job, cpu_class(HOST)) == candidates(task.job, cpu_class(HOST))


def test_calls_of_one_shape_are_one_task_with_the_work_of_all() -> None:
    case = ConvolutionCase(4, 4, 16, 16)
    (one,) = tasks(lowered(convolutions_model([case], Numbers())), HOST)
    (two,) = tasks(lowered(convolutions_model([case, case], Numbers())), HOST)
    assert (two.workload, two.macs) == (one.workload, 2 * one.macs)


def test_a_plane_and_a_row_of_as_many_pixels_are_one_1x1_workload() -> None:
    row, plane = ConvolutionCase(1, 16, 16, 16), ConvolutionCase(4, 4, 16, 16)
    assert len(tasks(lowered(convolutions_model([row, plane], Numbers())), HOST)) == 1


# ------------------------------------------------------------------- all candidates, same bytes

CASES = [
    ConvolutionCase(5, 7, 16, 24),
    ConvolutionCase(5, 7, 20, 9, (3, 3)),
    ConvolutionCase(9, 9, 3, 8, (3, 3), 2),
    ConvolutionCase(1, 1, 100, 10),
]
NUMBERS = {
    "right shifts": Numbers(),
    "ReLU": Numbers(output_zero_point=-128, activation="RELU"),
    "left shifts": Numbers(output_scale=0.0002, weight_scale=0.05),
}


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param(numbers, id=name, marks=() if name == "right shifts" else pytest.mark.full)
        for name, numbers in NUMBERS.items()
    ],
)
def test_every_candidate_gives_the_canonical_kernels_bytes(numbers: Numbers) -> None:
    cpu = cpu_class(HOST)
    with local_runner() as runner:
        for task in tasks(lowered(convolutions_model(CASES, numbers)), HOST):
            items = tuple((task, choice) for choice in candidates(task.job, cpu))
            samples = runner.measure(build_batch(Request(items=items, target=HOST)), 1)
            assert len(samples) == len(items)


def test_scores_are_those_of_their_candidates_in_whatever_order_these_run() -> None:
    """The planner of memory may run steps in another order than that of the candidates."""
    batch = Batch(program=b"", inputs=b"", expected=b"", order=(2, 0, 1))
    assert batch.by_candidate(["third", "first", "second"]) == ("first", "second", "third")


def test_a_batch_knows_which_candidate_each_step_is() -> None:
    for task in tasks(lowered(convolutions_model(CASES, Numbers())), HOST):
        items = tuple((task, choice) for choice in candidates(task.job, cpu_class(HOST))[:4])
        built = build_batch(Request(items=items, target=HOST))
        assert sorted(built.order) == list(range(len(items)))


class BuildsNothing(Executor):
    """Batches at once, of nothing."""

    def submit(self, _function: Any, request: Request) -> Future[Batch]:  # type: ignore[override]  # of one
        future: Future[Batch] = Future()
        order = tuple(range(len(request.items)))
        future.set_result(Batch(program=b"", inputs=b"", expected=b"", order=order))
        return future


class Noisy:
    """A machine on which chance says which candidate is the best, anew in each round."""

    machine, wants_quiet = HERE, False

    def __init__(self, seed: int, least_ns: int) -> None:
        self._dice, self._least_ns = random.Random(seed), least_ns

    def measure(self, batch: Batch, runs: int) -> tuple[tuple[int, ...], ...]:
        once = (int(self._least_ns * self._dice.uniform(1, 1.3)) for _ in batch.order)
        return tuple((score,) * runs for score in once)


@pytest.mark.parametrize("least_ns", [1_000, 1_000_000_000])  # a last round at once, and one of its own
def test_a_last_round_that_finds_another_best_is_not_the_end(least_ns: int, tmp_path: Path) -> None:
    work = tasks(lowered(tunable_model()), HOST)
    for seed in range(30):
        with Store(tmp_path / f"{least_ns}-{seed}") as store:
            runner: Any = Noisy(seed, least_ns)
            tuner = Tuner(HOST, runner, store, BuildsNothing(), workers=1, progress=lambda _t, _s: None)
            assert tuner.run(work, Budget()).is_complete


def _shifted(job: Job, cpu: Any, parameters: Parameters) -> Any:
    """A kernel that is off by one wherever the output is not clamped."""
    how = job.workload.requantization
    wrong = dataclasses.replace(how, zero_point=how.zero_point + 1)
    load = dataclasses.replace(job.workload, requantization=wrong)
    point = CONVOLUTION.space(job, cpu)[0]
    return CONVOLUTION.apply(dataclasses.replace(job, workload=load), cpu, point)


WRONG = Template(
    name="wrong",
    kind="convolution",
    version=1,
    fits=lambda _job, _cpu: True,
    space=one_point,
    apply=_shifted,
)


@pytest.fixture
def _with_a_wrong_template(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "TEMPLATES", (*stage.TEMPLATES, WRONG))
    monkeypatch.setitem(VERSIONS, WRONG.name, WRONG.version)


@pytest.mark.usefixtures("_with_a_wrong_template")
def test_a_candidate_that_computes_something_else_is_named(tmp_path: Path) -> None:
    work = tasks(lowered(tunable_model()), HOST)
    with (
        Store(tmp_path / "s") as store,
        local_runner() as runner,
        ThreadPoolExecutor(1) as pool,
        pytest.raises(CandidateDiffersError) as caught,
    ):
        Tuner(HOST, runner, store, pool, workers=1, progress=lambda _text, _share: None).run(work, Budget())
    assert "template wrong" in " ".join(caught.value.__notes__)
    with Store(tmp_path / "s") as store:
        assert not [kept for kept in store.all_records() if kept.template == "wrong"]


@pytest.mark.usefixtures("_with_a_wrong_template")
def test_a_wrong_candidate_is_our_bug_to_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model.tflite"
    model.write_bytes(tunable_model())
    words = ["--target", "host", "--store", str(tmp_path / "s"), "--executor", f"{__name__}:InThisProcess"]
    with pytest.raises(SystemExit) as left:
        main(["tune", str(model), *words])
    assert left.value.code == 1
    assert "bug in EdgeKit" in capsys.readouterr().err


# -------------------------------------------------------------------------------------- lookup


def test_a_build_takes_what_a_record_chose() -> None:
    module = lowered(tunable_model())
    work = tasks(module, ARM)
    chosen = {task.workload: candidates(task.job, cpu_class(ARM))[-1] for task in work}
    known = RecordSet(r for task in work for r in records_for(task, chosen[task.workload]))
    tuned = schedule(module, ARM, StoreLookup([known], ARM))
    assert tuned.tuning.exact == {"board": pytest.approx(1.0)}
    assert tuned.module.script() != schedule(module, ARM).module.script()


def test_a_build_without_records_is_the_untuned_one() -> None:
    module = lowered(tunable_model())
    tuned = schedule(module, ARM, StoreLookup([RecordSet([])], ARM))
    assert tuned.tuning.tuned_share == 0.0
    assert tuned.module.script() == schedule(module, ARM).module.script()


def test_a_shape_without_records_takes_those_of_the_nearest() -> None:
    near = tasks(lowered(tunable_model(filters=16)), ARM)
    last = {task.kind: candidates(task.job, cpu_class(ARM))[-1] for task in near}
    known = RecordSet(r for task in near for r in records_for(task, last[task.kind]))
    tuned = schedule(lowered(tunable_model(filters=14)), ARM, StoreLookup([known], ARM))
    assert tuned.tuning.exact == {}
    assert sum(tuned.tuning.nearest.values()) > 0


@pytest.mark.parametrize(
    "changes", [{"version": 999}, {"parameters": '{"pixels":999}'}, {"template": "gone", "version": 1}]
)
def test_a_record_that_no_longer_fits_is_ignored(changes: dict[str, Any]) -> None:
    module = lowered(tunable_model())
    known = RecordSet(
        r
        for task in tasks(module, ARM)
        for r in records_for(task, candidates(task.job, cpu_class(ARM))[-1], **changes)
    )
    tuned = schedule(module, ARM, StoreLookup([known], ARM))
    assert tuned.module.script() == schedule(module, ARM).module.script()


def test_features_have_one_name_wherever_they_are_read() -> None:
    assert feature_text(["asimd", "asimddp", "fp"]) == feature_text(["neon", "dotprod", "v8.2a"])
    assert feature_text(["avx512_vnni"]) == feature_text(["avx512vnni"]) == "avx512vnni"


# ------------------------------------------------------------------------------------- executors


class InThisProcess(Executor):
    """Builds at once, here."""

    def submit(self, work: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(work(*args, **kwargs))
        return done


def test_an_executor_of_ones_own_is_taken() -> None:
    with executor(f"{__name__}:InThisProcess") as pool:
        assert pool.submit(abs, -1).result() == 1


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("no_such_module:factory", "no_such_module"),
        ("concurrent.futures:no_such_factory", "no_such_factory"),
        ("builtins:dict", "no `submit`"),
        ("plain", "MODULE:FUNCTION"),
    ],
)
def test_an_executor_that_cannot_be_had_is_refused(where: str, words: str) -> None:
    with pytest.raises(ExecutorUnusableError, match=words), executor(where):
        pass


def test_processes_of_our_own_leave_what_they_are_at_when_the_work_is_broken_off() -> None:
    def break_off() -> None:
        with executor(None) as pool:
            assert pool.submit(abs, -1).result() == 1
            pool.submit(time.sleep, 24 * 3600)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert not [child for child in active_children() if child.name.startswith("SpawnProcess")]


def test_dask_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ExecutorUnusableError, match="pip install"), executor("tcp://localhost:1"):
        pass


# ---------------------------------------------------------------------------------------- the verb


@pytest.mark.parametrize("budget", [{"trials": 0}, {"minutes": 0}, {"minutes": -1}])
def test_a_budget_of_nothing_is_refused(budget: dict[str, Any]) -> None:
    with pytest.raises(WrongValueError, match="more than 0"):
        tune("none.tflite", target="host", **budget)


def test_a_model_without_choices_has_nothing_to_tune(tmp_path: Path) -> None:
    model = ModelBuilder()
    x = model.input((1, 1), scale=0.5)
    model.op("RESHAPE", [x], [spec((1, 1, 1), scale=0.5)], new_shape=[1, 1, 1])
    path = tmp_path / "model.tflite"
    path.write_bytes(model.build())
    with pytest.raises(NothingToTuneError, match="nothing to tune"):
        tune(path, target="host", device=DeviceChoice(), store=tmp_path / "s")
