"""What EdgeKit ships of tuning: records that decide something today, and the networks they are enough for."""

from __future__ import annotations

import functools
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.paths import data_directory
from edgekit.schedule import candidates, jobs
from edgekit.schedule.cpu import cpu_class
from edgekit.schedule.tasks import workload_text
from edgekit.schedule.template import Choice, Parameters
from edgekit.search.lookup import VERSIONS
from edgekit.store import Source, Unit, read_text
from edgekit.store.shipped import SHIPPED_NAME
from store_filling.models import layers_model
from store_filling.shapes import NETWORKS, layers
from store_filling.targets import TARGETS

if TYPE_CHECKING:
    from edgekit.schedule.template import Job
    from edgekit.store import Record

FILE = data_directory("tuning") / SHIPPED_NAME
MOST_BYTES = 3 << 20
ALL = set(NETWORKS)
# The networks of which every convolution has a record that decides, by class of CPUs.
COMPLETE: dict[str, set[str]] = {
    "aarch64-neon": ALL,
    "aarch64-neon-dotprod": ALL,
    "aarch64-neon-i8mm": ALL,
    "armv7-neon": ALL,
    "x86-64-amx": ALL,
    "x86-64-avx2": ALL,
    "x86-64-avx512vnni": ALL,
}


@functools.cache
def shipped() -> dict[str, tuple[Record, ...]]:
    """The records by class of CPUs."""
    found: dict[str, list[Record]] = defaultdict(list)
    for record in read_text(FILE):
        found[record.cpu_class].append(record)
    return {name: tuple(records) for name, records in found.items()}


@functools.cache
def shapes(network: str) -> dict[tuple[str, str], Job]:
    """The kernels of a network, by kind and shape."""
    found = jobs(lower(read_tflite(layers_model(layers([network])), name="shapes"))).values()
    return {(job.kind, workload_text(job)): job for job in found}


@functools.cache
def all_shapes() -> dict[tuple[str, str], Job]:
    """Those of all networks."""
    return {shape: job for network in NETWORKS for shape, job in shapes(network).items()}


def test_every_record_is_of_a_template_as_it_is_now() -> None:
    old = [
        (record.cpu_class, record.template, record.version)
        for records in shipped().values()
        for record in records
        if record.version != VERSIONS.get(record.template)
    ]
    assert not old, "measure them anew: scripts/fill-store"


def test_every_record_says_what_was_measured_and_how() -> None:
    for record in (record for records in shipped().values() for record in records):
        is_emulated = record.source is Source.EMULATOR
        assert is_emulated == record.machine.startswith("qemu-")
        assert is_emulated == (record.unit is Unit.INSTRUCTIONS)
        assert record.source is not Source.BOARD
        assert record.score > 0


def test_the_file_is_sorted_and_of_a_bearable_size() -> None:
    lines = FILE.read_text(encoding="utf-8").splitlines()
    assert lines == sorted(set(lines))
    assert FILE.stat().st_size < MOST_BYTES


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_record_is_of_a_candidate_and_every_shape_has_the_preferred_one(name: str) -> None:
    """Without a record of the template that a build would choose by itself, the others decide nothing."""
    cpu = cpu_class(TARGETS[name]())
    assert cpu.name == name
    by_shape: dict[tuple[str, str], list[Choice]] = defaultdict(list)
    for record in shipped()[name]:
        choice = Choice(record.template, Parameters.parse(record.parameters))
        by_shape[record.kind, record.workload].append(choice)
    for shape, measured in by_shape.items():
        if shape in all_shapes():
            known = candidates(all_shapes()[shape], cpu)
            assert set(measured) <= set(known), shape
            assert known[0].template in {choice.template for choice in measured}, shape


def test_the_networks_that_the_records_are_enough_for_are_these() -> None:
    of = {name: {(r.kind, r.workload) for r in records} for name, records in shipped().items()}
    complete = {
        name: {network for network in NETWORKS if shapes(network).keys() <= tuned}
        for name, tuned in of.items()
    }
    assert {name: found for name, found in complete.items() if found} == COMPLETE
