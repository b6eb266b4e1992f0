from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.errors import (
    MissingKeyError,
    ProjectExistsError,
    UnknownKeyError,
    UnknownRecipeError,
    UnknownTargetError,
    UnreadableSettingsError,
    WrongTypeError,
    WrongValueError,
)
from edgekit.project import Budgets, DeployDefaults, find_project, load_project, render_project
from edgekit.samples import Preprocessing
from edgekit.schema import read_toml
from edgekit.verbs.init import init

FULL = """
model = "models/a.tflite"
name = "a-net"
target = "rpi4"
output = "out"

[deploy]
host = "pi.local"
user = "pi"
port = 2222
jump = "gateway"

[budgets]
max_ram_bytes = 65536
"""


def write(folder: Path, text: str) -> Path:
    (folder / "edgekit.toml").write_text(text, encoding="utf-8")
    return folder


def test_every_key_is_read_and_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    project = load_project(write(tmp_path, FULL))
    assert project.model == tmp_path / "models" / "a.tflite"
    assert (project.name, project.target, project.output) == ("a-net", "rpi4", tmp_path / "out")
    assert project.deploy == DeployDefaults(host="pi.local", user="pi", port=2222, jump="gateway")
    assert project.budgets == Budgets(max_ram_bytes=65536)


def test_a_model_is_enough(tmp_path: Path) -> None:
    project = load_project(write(tmp_path, 'model = "a.tflite"'))
    assert (project.target, project.deploy, project.output) == (None, None, tmp_path / "build")
    assert project.budgets == Budgets()


def test_a_target_file_is_relative_to_the_project(tmp_path: Path) -> None:
    project = load_project(write(tmp_path, 'model = "a.tflite"\ntarget = "boards/mine.toml"'))
    assert project.target == str(tmp_path / "boards" / "mine.toml")


def test_an_identity_may_be_in_the_home_folder(tmp_path: Path) -> None:
    text = 'model = "a.tflite"\n[deploy]\nhost = "pi"\nidentity = "~/.ssh/key"'
    deploy = load_project(write(tmp_path, text)).deploy
    assert deploy is not None
    assert deploy.identity == Path.home() / ".ssh" / "key"


def test_a_folder_without_a_project_file_has_none(tmp_path: Path) -> None:
    assert find_project(tmp_path) is None
    with pytest.raises(UnreadableSettingsError):
        load_project(tmp_path)


def test_a_misspelt_key_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(UnknownKeyError, match=r"table \[deploy\]") as caught:
        load_project(write(tmp_path, FULL.replace("host =", "hots =")))
    assert caught.value.fix == "Did you mean 'host'?"


def test_a_project_must_name_a_model_or_a_recipe(tmp_path: Path) -> None:
    with pytest.raises(MissingKeyError, match="neither 'model' nor 'recipe'"):
        load_project(write(tmp_path, 'target = "rpi4"'))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('model = "a"\nrecipe = "b"', "both 'model' and 'recipe'"),
        (FULL.replace("2222", "70000"), "'port' is 70000"),
        (FULL.replace("65536", "0"), "'max_ram_bytes' is 0"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(WrongValueError, match=message):
        load_project(write(tmp_path, text))


def test_a_budget_in_words_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongTypeError, match="max_ram_bytes"):
        load_project(write(tmp_path, FULL.replace("65536", '"64 KiB"')))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_any_model_path_survives_being_written(tmp_path_factory: pytest.TempPathFactory, model: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(render_project(model=model, recipe=None, target="rpi4"), encoding="utf-8")
    assert read_toml(path) == {"model": model, "target": "rpi4"}


def test_every_key_that_the_new_file_shows_as_a_comment_is_a_real_one(tmp_path: Path) -> None:
    lines = render_project(model="a.tflite", recipe=None, target="rpi4").splitlines()[1:]
    write(tmp_path, "\n".join(line.removeprefix("# ") for line in lines))
    assert load_project(tmp_path).deploy is not None


def test_init_takes_the_only_model_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").touch()
    project = init(tmp_path)
    assert (project.model, project.target) == (tmp_path / "net.tflite", "rpi4")


def test_init_with_two_models_asks_which(tmp_path: Path) -> None:
    (tmp_path / "a.tflite").touch()
    (tmp_path / "b.tflite").touch()
    with pytest.raises(MissingKeyError, match="No model is named") as caught:
        init(tmp_path)
    assert "2 .tflite files" in caught.value.why


def test_init_with_a_recipe_takes_its_target(tmp_path: Path) -> None:
    project = init(tmp_path, recipe="wake-word-streaming")
    assert (project.recipe, project.target, project.model) == ("wake-word-streaming", "rpi-zero-2w", None)


def test_init_keeps_a_project_file_that_is_there(tmp_path: Path) -> None:
    write(tmp_path, FULL)
    with pytest.raises(ProjectExistsError, match="exists") as caught:
        init(tmp_path, recipe="keyword-spotting")
    assert "--force" in caught.value.fix
    assert (tmp_path / "edgekit.toml").read_text(encoding="utf-8") == FULL


def test_init_replaces_it_when_told_to(tmp_path: Path) -> None:
    write(tmp_path, FULL)
    assert init(tmp_path, recipe="keyword-spotting", overwrite=True).recipe == "keyword-spotting"


def test_init_writes_nothing_for_a_target_or_recipe_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UnknownTargetError):
        init(tmp_path, model=Path("a.tflite"), target="rpi44")
    with pytest.raises(UnknownRecipeError):
        init(tmp_path, recipe="keyword")
    assert not list(tmp_path.iterdir())


def test_a_model_outside_the_folder_is_written_with_its_whole_path(tmp_path: Path) -> None:
    model = tmp_path / "elsewhere" / "a.tflite"
    folder = tmp_path / "project"
    folder.mkdir()
    assert init(folder, model=model).model == model


def test_samples_are_relative_to_the_file_unless_a_function_gives_them(tmp_path: Path) -> None:
    project = load_project(
        write(tmp_path, 'model = "net.keras"\ncalibration = "samples"\nsignature = "serve"')
    )
    assert (project.calibration, project.signature) == (str(tmp_path / "samples"), "serve")
    assert project.preprocessing == Preprocessing()
    text = 'model = "net.keras"\ncalibration = "mine:samples"\n[preprocess]\nscale = "1/255"\nmean = [0.5, 1]'
    project = load_project(write(tmp_path, text))
    assert project.calibration == "mine:samples"
    assert project.preprocessing == Preprocessing(scale=1 / 255, mean=(0.5, 1.0))


def test_a_misspelt_key_of_the_preprocessing_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(UnknownKeyError, match=r"edgekit\.toml, table \[preprocess\]") as caught:
        load_project(write(tmp_path, 'model = "net.keras"\n[preprocess]\nscal = 2'))
    assert caught.value.fix == "Did you mean 'scale'?"
    with pytest.raises(WrongTypeError, match="'preprocess'"):
        load_project(write(tmp_path, 'model = "net.keras"\npreprocess = "scale"'))


def test_a_recipe_is_not_calibrated(tmp_path: Path) -> None:
    with pytest.raises(WrongValueError, match="sets both 'recipe' and 'calibration'"):
        load_project(write(tmp_path, 'recipe = "keyword-spotting"\ncalibration = "samples"'))
