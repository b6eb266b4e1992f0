from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgekit.errors import MissingKeyError, UnknownKeyError, UnknownRecipeError, WrongValueError
from edgekit.recipe import load_recipe, recipe_names
from edgekit.target import load_target

SHIPPED = {
    "keyword-spotting",
    "visual-wake-words",
    "image-classification",
    "anomaly-detection",
    "wake-word-streaming",
}
VALID = Path(__file__).parents[2].joinpath("recipes", "keyword-spotting.toml").read_text(encoding="utf-8")


def write(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_every_promised_recipe_is_shipped() -> None:
    assert set(recipe_names()) == SHIPPED


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_a_shipped_recipe_pins_its_model_and_names_a_real_target(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert load_target(recipe.target)
    assert re.fullmatch(r"\d+\.\d+\.\d+", recipe.model.version)
    assert recipe.model.name.endswith(".tflite")
    assert recipe.expect.macs > 0


def test_the_labels_are_as_many_as_the_classes() -> None:
    for recipe in map(load_recipe, sorted(SHIPPED)):
        if recipe.labels:
            assert recipe.expect.outputs[0].endswith(f",{len(recipe.labels)}]")


def test_only_the_wake_word_keeps_state() -> None:
    assert [name for name in sorted(SHIPPED) if load_recipe(name).expect.streaming] == ["wake-word-streaming"]


def test_a_misspelt_recipe_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownRecipeError, match="There is no recipe named 'keyword-spoting'") as caught:
        load_recipe("keyword-spoting")
    assert caught.value.fix == "Did you mean 'keyword-spotting'?"


def test_a_recipe_file_of_the_users_own_is_named_after_its_file(tmp_path: Path) -> None:
    assert load_recipe(write(tmp_path, VALID)).name == "mine"


def test_a_misspelt_key_in_a_table_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(UnknownKeyError, match=r"table \[expect\]") as caught:
        load_recipe(write(tmp_path, VALID.replace("macs =", "mac =")))
    assert caught.value.fix == "Did you mean 'macs'?"


def test_a_recipe_without_a_model_is_refused(tmp_path: Path) -> None:
    head, _, tail = VALID.partition("[model]")
    with pytest.raises(MissingKeyError, match="does not set 'model'"):
        load_recipe(write(tmp_path, head + "[expect]" + tail.partition("[expect]")[2]))


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ('digest = "c37e', 'digest = "C37E', "'digest' is"),
        ("float32[1,12]", "float32(1,12)", "does not describe a tensor"),
        ("accuracy = 0.938\n", "", "one of 'accuracy' and 'accuracy_source'"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(tmp_path: Path, right: str, wrong: str, message: str) -> None:
    assert right in VALID
    with pytest.raises(WrongValueError, match=message):
        load_recipe(write(tmp_path, VALID.replace(right, wrong)))
