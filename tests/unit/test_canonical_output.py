"""What candidates are compared with: the kernel as it is written, run in the process that builds."""

from __future__ import annotations

import numpy as np

from edgekit.codegen import resolve_host_cpu
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.schedule.tasks import canonical_output, tasks
from edgekit.target import load_target
from edgekit.testing.tflite_builder import ModelBuilder, spec


def test_a_dense_layer_has_fewer_axes_in_the_model_than_in_its_kernel() -> None:
    model = ModelBuilder()
    x = model.input((1, 20), scale=0.02, zero_point=3)
    weights = model.constant(np.full((10, 20), 5, np.int8), scale=0.01)
    bias = model.constant(np.zeros(10, np.int32), scale=0.0002)
    model.op("FULLY_CONNECTED", [x, weights, bias], [spec((1, 10), scale=0.3)])
    lowered = lower(read_tflite(model.build(), name="model"))
    (task,) = tasks(lowered, resolve_host_cpu(load_target("host")))
    assert len(canonical_output(task)) == 10
