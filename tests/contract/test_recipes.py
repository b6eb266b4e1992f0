"""The trained models that recipes name, downloaded from the package index: are they what the recipes say?"""

from __future__ import annotations

import pytest

from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.recipe import fetch_model, load_recipe, recipe_names
from edgekit.testing.models import ALL, QUICK


@pytest.mark.parametrize("name", recipe_names())
def test_the_model_is_what_its_recipe_expects(name: str) -> None:
    recipe = load_recipe(name)
    model = read_tflite(fetch_model(recipe))
    graph = model.graph
    shown = [
        tuple(f"{graph.tensors[i].dtype}[{','.join(map(str, graph.tensors[i].shape))}]" for i in edges)
        for edges in (graph.inputs, graph.outputs)
    ]
    assert shown == [recipe.expect.inputs, recipe.expect.outputs]
    assert bool(graph.variables) == recipe.expect.streaming
    assert sum(call.macs for call in lower(model).calls) == recipe.expect.macs
    assert model.digest == recipe.model.digest


def test_there_are_sixteen_models_and_four_streaming_ones_to_test_with() -> None:
    assert len(set(ALL)) == 20
    assert set(QUICK) < set(ALL)
