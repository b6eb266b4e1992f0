"""Shipped counts are those of today's kernels: who makes a template faster or slower must raise its version.

Versions are raised by hand, and records of an older kernel would go on deciding if somebody forgot. Counted
instructions repeat exactly, so that a few of the shipped records, counted again, tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgekit.devices.choice import DeviceChoice
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.paths import data_directory
from edgekit.schedule.tasks import tasks
from edgekit.schedule.template import Choice, Parameters
from edgekit.search.build import Request, build_batch
from edgekit.store import Source, read_text
from edgekit.store.shipped import SHIPPED_NAME
from edgekit.verbs.tune import batch_runner
from store_filling.models import layers_model
from store_filling.shapes import layers
from store_filling.targets import TARGETS

if TYPE_CHECKING:
    from edgekit.schedule.tasks import Task
    from edgekit.store import Record

pytestmark = pytest.mark.emulator

NETWORK = "mlperf-tiny-vww"
# What the runner itself executes, and what other weights of the same distribution change, is far less.
TOLERANCE = 0.02

COUNTED = [
    record
    for record in read_text(data_directory("tuning") / SHIPPED_NAME)
    if record.source is Source.EMULATOR
]


def silent(_text: str, _share: float | None) -> None:
    """Progress that nobody watches."""


def largest_of_each_template(name: str, work: dict[tuple[str, str], Task]) -> dict[str, Record]:
    """For each template, the record with the highest score among the shapes of a network."""
    here = [r for r in COUNTED if r.cpu_class == name and (r.kind, r.workload) in work]
    return {record.template: record for record in sorted(here, key=lambda record: record.score)}


@pytest.mark.parametrize("name", sorted({record.cpu_class for record in COUNTED}))
def test_a_record_of_each_template_counts_the_same_today(name: str) -> None:
    target = TARGETS[name]()
    lowered = lower(read_tflite(layers_model(layers([NETWORK])), name="shapes"))
    work = {(task.kind, task.workload): task for task in tasks(lowered, target)}
    chosen = largest_of_each_template(name, work)
    assert chosen
    with batch_runner(target, DeviceChoice(emulated=True), silent) as runner:
        for template, record in chosen.items():
            task = work[record.kind, record.workload]
            choice = Choice(template, Parameters.parse(record.parameters))
            ((count,),) = runner.measure(build_batch(Request(items=((task, choice),), target=target)), 1)
            assert count == pytest.approx(record.score, rel=TOLERANCE), f"raise the version of {template}"
