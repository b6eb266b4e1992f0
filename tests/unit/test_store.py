"""The tuning store: nothing is lost, two processes at once, and which record decides."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.errors import (
    RecordsUnreadableError,
    StoreUnreadableError,
    StoreUnwritableError,
    StoreVersionError,
)
from edgekit.store import (
    Record,
    RecordSet,
    Source,
    Store,
    Unit,
    Wanted,
    best_record,
    nearest_record,
    read_text,
    shipped_records,
    store_path,
    write_text,
)
from edgekit.store.ranking import distance
from edgekit.store.record import KEY_FIELDS, make_record, record_line


def workload(height: int = 8, channels: int = 16, kernel: int = 1) -> str:
    return json.dumps({"extents": {"height": height, "channels": channels}, "fixed": {"kernel": kernel}})


GOOD = Record(
    kind="convolution",
    workload=workload(),
    template="rows",
    version=2,
    parameters='{"pixels":4}',
    cpu_class="aarch64-neon",
    cpu="cortex-a72",
    features="neon",
    source=Source.BOARD,
    machine="Raspberry Pi 4",
    unit=Unit.NANOSECONDS,
    score=100.0,
    spread=0.01,
    clock_mhz=1500.0,
    date="2026-11-22",
    edgekit="0.1",
)
WANTED = Wanted(
    kind="convolution",
    preferred="rows",
    untuned=GOOD.parameters,
    workload=GOOD.workload,
    cpu_class="aarch64-neon",
    cpu="cortex-a72",
    features="neon",
    versions={"rows": 2, "tiles": 1},
)


def but(**changes: Any) -> Record:
    return dataclasses.replace(GOOD, **changes)


def decides(*records: Record) -> Record | None:
    found = best_record(WANTED, [RecordSet(records)], lambda _record: True)
    return None if found is None else found.record


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)
records = st.builds(
    Record,
    **dict.fromkeys(("kind", "template", "cpu_class", "cpu", "features"), texts),
    workload=texts.filter(lambda text: not text.startswith("{"))
    | st.builds(workload, *[st.integers(1, 1000)] * 3),
    parameters=st.dictionaries(texts, st.integers() | texts, max_size=2).map(json.dumps),
    version=st.integers(0, 99),
    source=st.sampled_from(Source),
    machine=texts,
    unit=st.sampled_from(Unit),
    score=st.floats(0, 1e12),
    spread=st.floats(0, 10),
    clock_mhz=st.none() | st.floats(1, 1e4),
    date=texts,
    edgekit=texts,
)


# ------------------------------------------------------------------------------------- keeping


@settings(max_examples=20)
@given(st.lists(records, max_size=8))
def test_what_is_kept_comes_back(tmp_path_factory: pytest.TempPathFactory, kept: list[Record]) -> None:
    newest = {tuple(getattr(r, name) for name in KEY_FIELDS): r for r in kept}
    path = tmp_path_factory.mktemp("store") / "tuning.sqlite"
    with Store(path) as store:
        store.add(kept)
    with Store(path) as store:
        assert set(store.all_records()) == set(newest.values())
        for record in newest.values():
            assert record in store.records(record.kind, record.workload, record.cpu_class)
            assert record.workload in store.workloads(record.kind, record.cpu_class)


@settings(max_examples=20)
@given(st.lists(records, max_size=8))
def test_text_comes_back_and_is_sorted(tmp_path_factory: pytest.TempPathFactory, kept: list[Record]) -> None:
    path = tmp_path_factory.mktemp("text") / "records.jsonl"
    assert write_text([*kept, *kept], path) == len(set(kept))
    assert set(read_text(path)) == set(kept)
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    assert lines == sorted(lines)


def test_a_newer_measurement_of_the_same_candidate_replaces_the_old_one(tmp_path: Path) -> None:
    with Store(tmp_path / "s") as store:
        store.add([GOOD])
        store.add([but(score=90.0, date="2026-11-23"), but(parameters='{"pixels":2}')])
        assert {record.score for record in store.all_records()} == {90.0, 100.0}


_WRITER = """
import dataclasses, sys
from pathlib import Path
from edgekit.store import Store
from edgekit.store.record import make_record
import json
record = make_record(json.loads(sys.argv[3]))
for number in range(25):
    with Store(Path(sys.argv[1])) as store:
        store.add([dataclasses.replace(record, machine=f"{sys.argv[2]} {number}")])
"""


def test_two_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "new" / "tuning.sqlite"  # neither exists: they race for making it, too
    line = record_line(GOOD)
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(path), name, line], stderr=subprocess.PIPE)
        for name in ("one", "other")
    ]
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors.decode()
    with Store(path) as store:
        assert len(store.all_records()) == 50


def test_a_batch_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    with Store(tmp_path / "s") as store:
        with pytest.raises(StoreUnreadableError):
            store.add([GOOD, but(template=None)])
        assert store.all_records() == ()


# ------------------------------------------------------------------------------------- damage


def test_a_damaged_store_is_reported_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "tuning.sqlite"
    path.write_bytes(b"no database at all, but somebody's file")
    before = path.read_bytes()
    with pytest.raises(StoreUnreadableError, match=r"left as it is(?s:.*)mv .*tuning\.sqlite"):
        Store(path)
    assert path.read_bytes() == before


def test_a_store_with_a_torn_page_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "tuning.sqlite"
    with Store(path) as store:
        store.add(but(parameters=str(n)) for n in range(200))
    content = bytearray(path.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    path.write_bytes(content)
    with pytest.raises(StoreUnreadableError):
        Store(path)
    assert path.read_bytes() == bytes(content)


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.commit()
    connection.close()
    with pytest.raises(StoreUnreadableError, match="another program"):
        Store(path)


@pytest.mark.parametrize("version", [0, 2])
def test_a_store_of_another_schema_is_refused_with_the_way_out(tmp_path: Path, version: int) -> None:
    path = tmp_path / "tuning.sqlite"
    Store(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    with pytest.raises(StoreVersionError, match=rf"schema is {version}(?s:.*)--export"):
        Store(path)


def test_a_store_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnwritableError, match="EDGEKIT_TUNING_STORE"):
        Store(tmp_path / "file" / "tuning.sqlite")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreUnwritableError):
        Store(tmp_path / "folder")


def test_a_record_that_makes_no_sense_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "tuning.sqlite"
    with Store(path) as store:
        store.add([GOOD])
    connection = sqlite3.connect(path)
    connection.execute("UPDATE records SET source = 'moon'")
    connection.commit()
    connection.close()
    with Store(path) as store, pytest.raises(StoreUnreadableError, match="moon"):
        store.all_records()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "Line 2"),
        ("[]", "lacks"),
        (json.dumps({**json.loads(record_line(GOOD)), "score": "fast"}), "'score' is 'fast'"),
        (json.dumps({**json.loads(record_line(GOOD)), "score": -1.0}), "-1.0"),
        *(
            (json.dumps({**json.loads(record_line(GOOD)), "parameters": text}), "parameters are")
            for text in ("", "4", '["pixels"]', '{"pixels":[4]}', '{"pixels":null}')
        ),
        *(
            (json.dumps({**json.loads(record_line(GOOD)), "workload": text}), "workload is")
            for text in ("{", "{}", '{"extents":{},"fixed":1}x', '{"extents":{"height":0},"fixed":{}}')
        ),
        (json.dumps({**json.loads(record_line(GOOD)), "unit": "hours"}), "hours"),
        (json.dumps({**json.loads(record_line(GOOD)), "colour": "red"}), "colour"),
    ],
)
def test_a_text_with_a_line_that_is_no_record_names_it(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text(f"{record_line(GOOD)}\n{line}\n")
    with pytest.raises(RecordsUnreadableError, match=words):
        read_text(path)


def test_a_text_that_is_not_there_or_cannot_be_written_is_reported(tmp_path: Path) -> None:
    with pytest.raises(RecordsUnreadableError):
        read_text(tmp_path / "none.jsonl")
    with pytest.raises(RecordsUnreadableError, match="cannot be written"):
        write_text([GOOD], tmp_path / "none" / "records.jsonl")


# ------------------------------------------------------------------------------------- ranking


def test_the_best_score_of_a_machine_decides() -> None:
    assert decides(GOOD, but(parameters="2", score=90.0), but(parameters="3", score=95.0)) == but(
        parameters="2", score=90.0
    )


def test_a_winner_within_the_noise_is_left_for_the_untuned_choice() -> None:
    """GOOD is the untuned choice: 100, give or take 1 %."""
    within = but(parameters="2", score=97.5, spread=0.02)  # to 99.45, and 99 is GOOD's lower end
    beyond = but(parameters="3", score=98.5, spread=0.0)
    assert decides(GOOD, within) == GOOD
    assert decides(GOOD, within, beyond) == beyond
    assert decides(within) == within  # nothing is known of the untuned choice
    assert decides(but(score=100.0, spread=1.5), beyond) == but(score=100.0, spread=1.5)


def test_any_gain_counts_where_scores_are_exact() -> None:
    untuned = but(source=Source.EMULATOR, unit=Unit.INSTRUCTIONS, spread=0.0)
    fewer = dataclasses.replace(untuned, parameters="2", score=99.0)
    assert decides(untuned, fewer) == fewer
    assert decides(untuned, dataclasses.replace(fewer, parameters="0", score=100.0)) == untuned


def test_noise_is_told_from_a_gain_at_the_nearest_shape_too() -> None:
    near = but(workload=workload(height=9))
    lucky = dataclasses.replace(near, parameters="2", score=99.5)
    found = nearest_record(WANTED, [RecordSet([near, lucky])], lambda _record: True)
    assert found is not None
    assert found.record == near


@given(score=st.floats(0, 1e9), machine=texts)
def test_an_emulators_record_never_outranks_a_boards(score: float, machine: str) -> None:
    counted = but(
        source=Source.EMULATOR, unit=Unit.INSTRUCTIONS, machine=machine, score=score, parameters="2"
    )
    other_board = but(features="fp16,neon", cpu="cortex-a53", score=1e12)
    assert decides(counted, other_board) == other_board
    assert decides(counted) == counted


def test_the_same_features_come_before_the_same_class_and_the_same_cpu_first() -> None:
    same_class = but(features="fp16,neon", score=1.0, parameters="1")
    same_features = but(cpu="cortex-a53", score=2.0, parameters="2", machine="other")
    assert decides(same_class, same_features) == same_features
    assert decides(same_class, same_features, GOOD) == GOOD
    assert decides(same_class) == same_class


def test_only_the_newest_version_of_a_template_counts() -> None:
    assert decides(but(version=1, score=1.0)) is None
    assert decides(but(version=1, score=1.0), GOOD) == GOOD
    assert decides(but(template="gone", score=1.0), GOOD) == GOOD


def test_records_of_other_templates_decide_nothing_without_one_of_the_preferred() -> None:
    """They may be ten times slower than what a build would choose without any record."""
    other = but(template="tiles", version=1, score=1.0)
    assert decides(other) is None
    assert decides(other, but(version=1)) is None
    assert decides(other, but(machine="elsewhere")) == but(machine="elsewhere")
    assert decides(other, GOOD) == other


def test_scores_of_two_machines_are_not_compared() -> None:
    """The machine that was used last decides, though the other one's numbers are lower."""
    other = but(machine="Raspberry Pi 4, overclocked", score=1.0, date="2020-01-01", parameters="2")
    assert decides(other, GOOD, but(parameters="3", score=120.0)) == GOOD


def test_the_users_records_come_before_shipped_ones() -> None:
    shipped = but(score=1.0, machine="ours", date="2030-01-01")
    found = best_record(WANTED, [RecordSet([GOOD]), RecordSet([shipped])], lambda _record: True)
    assert found is not None
    assert found.record == GOOD


def test_a_record_that_is_not_valid_for_the_job_does_not_decide() -> None:
    better = but(parameters="gone", score=1.0)
    found = best_record(WANTED, [RecordSet([better, GOOD])], lambda record: record.parameters != "gone")
    assert found is not None
    assert found.record == GOOD


def test_an_untuned_workload_takes_the_record_of_the_nearest_one() -> None:
    near = but(workload=workload(height=9), parameters="near")
    far = but(workload=workload(height=12), parameters="far")
    other_filter = but(workload=workload(kernel=3), parameters="3x3")
    known = [RecordSet([far, other_filter, near])]
    assert best_record(WANTED, known, lambda _record: True) is None
    found = nearest_record(WANTED, known, lambda _record: True)
    assert found is not None
    assert (found.record, found.is_exact) == (near, False)
    second = nearest_record(WANTED, known, lambda record: record.parameters != "near")
    assert second is not None
    assert second.record == far


def test_a_workload_that_is_too_far_or_differs_in_more_than_extents_is_no_neighbour() -> None:
    known = [RecordSet([but(workload=workload(height=800)), but(workload=workload(kernel=3))])]
    assert nearest_record(WANTED, known, lambda _record: True) is None


extents = st.integers(1, 1000)


@given(extents, extents, extents, extents)
def test_distance_is_symmetric_and_zero_for_the_same_shape(a: int, b: int, c: int, d: int) -> None:
    one, other = workload(a, b), workload(c, d)
    assert distance(one, other) == pytest.approx(distance(other, one))
    assert (distance(one, other) == 0) == ((a, b) == (c, d))
    assert distance(one, "function 123") == float("inf")


# ------------------------------------------------------------------------------------ places


def test_the_store_lies_with_the_users_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("EDGEKIT_TUNING_STORE", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert store_path() == tmp_path / "edgekit" / "tuning.sqlite"
    monkeypatch.delenv("XDG_DATA_HOME")
    assert store_path() == Path.home() / ".local" / "share" / "edgekit" / "tuning.sqlite"
    monkeypatch.setenv("EDGEKIT_TUNING_STORE", str(tmp_path / "mine"))
    assert store_path() == tmp_path / "mine"


def test_the_shipped_records_can_be_read() -> None:
    assert isinstance(shipped_records(), RecordSet)


@given(records)
def test_a_line_is_the_record(record: Record) -> None:
    assert make_record(json.loads(record_line(record))) == record
