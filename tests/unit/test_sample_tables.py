"""Tables and functions that hold samples; and what is wrong with some."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edgekit.samples import Preprocessing, loaded, read_samples
from edgekit.samples.errors import (
    SamplesDoNotFitError,
    SamplesError,
    SamplesFunctionError,
    SamplesNotFoundError,
    SamplesTooLargeError,
    SamplesUnreadableError,
)


@dataclasses.dataclass(frozen=True)
class Tensor:
    name: str
    shape: tuple[int, ...]


PLAIN = Preprocessing()
FLOWER = (Tensor("flower", (1, 4)),)


# -------------------------------------------------------------------------------------- tables


def table(path: Path, text: str, encoding: str = "utf-8") -> Path:
    (path / "t.csv").write_text(text, encoding=encoding)
    return path / "t.csv"


@pytest.mark.parametrize(("divider", "encoding"), [(",", "utf-8"), (";", "utf-8-sig"), ("\t", "utf-8")])
def test_rows_are_samples_and_one_column_the_label(tmp_path: Path, divider: str, encoding: str) -> None:
    text = "a,b,species,c,d\n1,2,rose,3,4\n\n5,6,iris,7,8e-1\n".replace(",", divider)
    samples = read_samples(
        table(tmp_path, text, encoding), FLOWER, Preprocessing(label_column="species", scale=2.0)
    )
    assert samples.inputs[0].tolist() == [[2, 4, 6, 8], [10, 12, 14, np.float32(1.6)]]
    assert samples.labels is not None
    assert samples.labels.tolist() == [1, 0]
    assert samples.classes == ("iris", "rose")
    assert samples.names == ("line 2", "line 4")


def test_labels_of_whole_numbers_are_kept_and_others_estimated(tmp_path: Path) -> None:
    samples = read_samples(table(tmp_path, "a,b,c,d,label\n1,2,3,4,7\n1,2,3,5,2\n"), FLOWER, PLAIN)
    assert samples.labels is not None
    assert samples.labels.tolist() == [7, 2]
    samples = read_samples(table(tmp_path, "a,b,c,d,label\n1,2,3,4,7\n1,2,3,5,-2.5\n"), FLOWER, PLAIN)
    assert samples.labels is not None
    assert samples.labels.tolist() == [7.0, -2.5]


def test_a_table_without_labels_has_none(tmp_path: Path) -> None:
    assert read_samples(table(tmp_path, "a,b,c,d\n1,2,3,4\n"), FLOWER, PLAIN).labels is None


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", SamplesNotFoundError, "no row"),
        ("a,b,c,d\n", SamplesNotFoundError, "no row"),
        ("a,b,c,d\n1,2,3\n", SamplesUnreadableError, "Line 2 has 3 cells"),
        ("a,b,c,d\n1,2,3,4\n1,2,x,4\n", SamplesUnreadableError, "Line 3, column 'c': 'x'"),
        ("a,b,c,d\n1,2,,4\n", SamplesUnreadableError, "column 'c': ''"),
        ('a,b,c,d\n1,2,"3,4\n', SamplesUnreadableError, "cannot be read"),
        ("a,b,c,d\n1,2,3," + "4" * 200_000, SamplesUnreadableError, "field"),
        ("1,2,3,4\n5,6,7,8\n", SamplesDoNotFitError, "numbers in its first row"),
        ("a,b,c\n1,2,3\n", SamplesDoNotFitError, "3 columns"),
        ("a,b,c,d,kind\n1,2,3,4,x\n", SamplesDoNotFitError, "label_column"),
    ],
)
def test_a_broken_table_is_refused_with_the_line(
    tmp_path: Path, text: str, error: type[SamplesError], message: str
) -> None:
    with pytest.raises(error, match=message):
        read_samples(table(tmp_path, text), FLOWER, PLAIN)


def test_a_table_of_too_many_rows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded, "LARGEST_BYTES", 100)
    with pytest.raises(SamplesTooLargeError, match="6 or fewer"):
        read_samples(table(tmp_path, "a,b,c,d\n" + "1,2,3,4\n" * 7), FLOWER, PLAIN)


def test_a_table_that_is_no_text_or_for_two_inputs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"a,b\n\xff\xfe,1\n")
    with pytest.raises(SamplesUnreadableError, match="UTF-8"):
        read_samples(tmp_path / "t.csv", FLOWER, PLAIN)
    with pytest.raises(SamplesDoNotFitError, match="2 inputs"):
        read_samples(table(tmp_path, "a,b\n1,2\n"), FLOWER * 2, PLAIN)


@given(hnp.arrays(np.float64, (3, 4), elements=st.floats(-1e30, 1e30)))
def test_a_table_gives_the_numbers_that_were_written(
    tmp_path_factory: pytest.TempPathFactory, values: NDArray[np.float64]
) -> None:
    text = "a,b,c,d\n" + "".join(",".join(map(repr, row)) + "\n" for row in values.tolist())
    samples = read_samples(table(tmp_path_factory.mktemp("t"), text), FLOWER, PLAIN)
    assert np.array_equal(samples.inputs[0], values.astype(np.float32))


# ----------------------------------------------------------------------------------- functions


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"calibration_{abs(hash(request.node.nodeid))}"
    (tmp_path / f"{name}.py").write_text(
        """
import numpy as np
def array(): return np.ones((5, 4))
def raw(): return np.ones((5, 4), np.uint8)
def mapping(): return {"flower": np.ones((5, 4)), "labels": [0, 1, 2, 0, 1]}
def batches():
    for number in range(3): yield [np.full((1, 4), number, np.float32)]
def pairs():
    for number in range(3): yield {"right": np.full(3, number), "left": np.zeros(2)}
def endless():
    while True: yield np.zeros(4)
def nothing(): return iter(())
def number(): return 7
def wrong(): yield {"other": np.zeros(4)}
def texts(): yield ["a"]
def talks():
    print("loading")
    return np.ones((5, 4))
def leaves(): raise SystemExit(0)
def fails():
    yield np.zeros(4)
    raise KeyError("temperature")
constant = 3
"""
    )
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    yield name
    sys.path[:] = path
    sys.modules.pop(name, None)


@pytest.mark.parametrize("function", ["array", "mapping", "batches"])
def test_a_function_gives_samples_in_several_ways(module: str, function: str) -> None:
    samples = read_samples(f"{module}:{function}", FLOWER, PLAIN)
    assert samples.inputs[0].shape == (3 if function == "batches" else 5, 4)
    assert samples.source == f"{module}:{function}"
    assert (samples.labels is not None) == (function == "mapping")


def test_a_function_may_yield_samples_of_several_inputs(module: str) -> None:
    tensors = (Tensor("left", (1, 2)), Tensor("right", (1, 3)))
    samples = read_samples(f"{module}:pairs", tensors, PLAIN)
    assert samples.inputs[1].tolist() == [[0, 0, 0], [1, 1, 1], [2, 2, 2]]


def test_what_is_not_float_from_a_function_is_raw(module: str) -> None:
    how = Preprocessing(scale=3.0)
    assert read_samples(f"{module}:raw", FLOWER, how).inputs[0].max() == 3
    assert read_samples(f"{module}:array", FLOWER, how).inputs[0].max() == 1


@pytest.mark.parametrize(
    ("where", "error", "message"),
    [
        ("{}:fails", SamplesFunctionError, r"KeyError: 'temperature' in .*\.py, line 22"),
        ("{}:leaves", SamplesFunctionError, "SystemExit"),
        ("{}:nothing", SamplesNotFoundError, "gave no sample"),
        ("{}:number", SamplesDoNotFitError, "gave int"),
        ("{}:wrong", SamplesDoNotFitError, "inputs are: flower"),
        ("{}:texts", SamplesDoNotFitError, "values of type"),
        ("{}:constant", SamplesNotFoundError, "no function 'constant'"),
        ("{}:absent", SamplesNotFoundError, "no function 'absent'"),
        ("{}_absent:f", SamplesNotFoundError, "no module"),
    ],
)
def test_a_function_that_gives_no_samples_is_refused(
    module: str, where: str, error: type[SamplesError], message: str
) -> None:
    with pytest.raises(error, match=message):
        read_samples(where.format(module), FLOWER, PLAIN)


def test_what_a_function_prints_is_kept_from_stdout(module: str, capsys: pytest.CaptureFixture[str]) -> None:
    read_samples(f"{module}:talks", FLOWER, PLAIN)
    assert capsys.readouterr() == ("", "loading\n")


def test_a_function_without_end_is_stopped(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded, "LARGEST_BYTES", 1000)
    with pytest.raises(SamplesTooLargeError):
        read_samples(f"{module}:endless", FLOWER, PLAIN)


def test_a_module_that_cannot_be_imported_says_where(module: str) -> None:
    Path(f"{module}.py").write_text("import numpy\nimport nonexistent_package\n")
    with pytest.raises(SamplesFunctionError, match=r"nonexistent_package.*line 2"):
        read_samples(f"{module}:f", FLOWER, PLAIN)


def test_no_heavy_package_is_imported() -> None:
    code = (
        "import edgekit.samples, sys\n"
        "print({'tensorflow', 'tvm', 'click', 'PIL'} & {name.split('.')[0] for name in sys.modules})"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "set()\n"
