"""A UNet of diffusers as a folder: what is in it, smaller weights, what is refused."""

import json
import subprocess
import sys
import tomllib

import generators
import numpy as np
import pytest
import torch
from oracle import tiny

from pixwise.errors import CardError, ModelFileError, OptionError
from pixwise.export import export
from pixwise.generation.generator import Generator


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    torch.set_num_threads(1)
    return generators.save_pipeline(tmp_path_factory.mktemp("unet") / "checkpoint", generators.unet())


@pytest.fixture(scope="module")
def done(source):
    return export(source, source.parent / "out")


@pytest.fixture
def spoiled(source, tmp_path):
    """A copy, with a config changed: `spoiled("unet/config.json", sample_size=None)`."""

    def made(name, **changed):
        for path in source.rglob("*.*"):
            target = tmp_path / "checkpoint" / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
        config = tmp_path / "checkpoint" / name
        config.write_text(json.dumps({**json.loads(config.read_text()), **changed}))
        return tmp_path / "checkpoint"

    return made


def test_the_card_tells_parts_size_and_every_file(done):
    card = tomllib.loads((done.folder / "card.toml").read_text())
    assert (card["task"], card["head"], card["input"]["size_hw"]) == ("generate", "ddpm", [16, 24])
    assert {file["path"]: file.get("part", "") for file in card["files"]} == {
        "unet/model.onnx": "model",
        "scheduler/scheduler_config.json": "scheduler",
        "model_index.json": "",
        "unet/config.json": "",
    }
    assert all(len(file["sha256"]) == 64 for file in card["files"])


def test_every_run_is_the_unets_own(done):
    assert [(row.output, row.shapes) for row in done.differences] == [("output", "2x3x16x24, 3x3x16x24, 1x3x16x24")]
    assert done.differences[0].share < 1e-5


def test_the_step_is_a_whole_number_for_each_picture(done):
    told = {each.name: (each.shape, each.dtype) for each in Generator.load(done.folder).session.inputs()}
    assert told == {"sample": ((-1, 3, 16, 24), "float"), "timestep": ((-1,), "int64")}


def test_a_picture_at_one_step_does_not_look_at_its_neighbours(done):
    """Pictures at several steps may run together, as the service's batcher does."""
    session = Generator.load(done.folder).session
    sample = np.random.default_rng(0).normal(size=(3, 3, 16, 24)).astype(np.float32)
    times = np.array([999, 20, 400])
    together = session.run({"sample": sample, "timestep": times})["output"]
    alone = session.run({"sample": sample[1:2], "timestep": times[1:2]})["output"]
    np.testing.assert_allclose(together[1:2], alone, atol=1e-5)


def test_16_bits_make_nearly_the_same_pictures(source, done, tmp_path):
    small = export(source, tmp_path / "small", precision="fp16").folder
    a, b = (Generator.load(folder)(2, steps=10) for folder in (done.folder, small))
    assert np.abs(np.asarray(a.grid(), int) - np.asarray(b.grid(), int)).mean() < 1
    assert (small / "unet" / "model.onnx").stat().st_size < 0.9 * (done.folder / "unet" / "model.onnx").stat().st_size


def test_an_export_that_answers_otherwise_is_not_written(source, tmp_path):
    with pytest.raises(ModelFileError, match=r"must answer as the checkpoint within 0, got .* nothing was written"):
        export(source, tmp_path / "out", tolerance=0.0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "changed", "words"),
    [
        ("scheduler/scheduler_config.json", {"_class_name": "PNDMScheduler"}, "_class_name must be one of DDPM"),
        ("scheduler/scheduler_config.json", {"variance_type": "learned"}, "variance_type must be one of fixed_small"),
        ("unet/config.json", {"num_class_embeds": 3}, "UNet must need nothing but noise, got one that is told a class"),
        ("unet/config.json", {"sample_size": None}, "sample_size must be a side"),
        ("unet/config.json", {"_class_name": "UNet1DModel"}, "must be one of .*UNet2DModel, got 'UNet1DModel'"),
    ],
)
def test_a_checkpoint_that_makes_no_pictures_from_nothing_is_refused(spoiled, tmp_path, name, changed, words):
    with pytest.raises(CardError, match=words):
        export(spoiled(name, **changed), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_weights_that_are_cut_off_are_told(spoiled, tmp_path):
    folder = spoiled("model_index.json")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(
        ModelFileError, match="expected a UNet with weights in safetensors that diffusers can load, got"
    ):
        export(folder, tmp_path / "out")


def test_no_scheduler_is_told(spoiled, tmp_path):
    folder = spoiled("model_index.json")
    (folder / "scheduler" / "scheduler_config.json").unlink()
    with pytest.raises(CardError, match=r"expected scheduler/scheduler_config\.json, got none; copy it"):
        export(folder, tmp_path / "out")


def test_another_task_than_its_own_is_refused(source, tmp_path):
    with pytest.raises(OptionError, match="must be generate, got 'detect'; leave --task out"):
        export(source, tmp_path / "out", task="detect")
    assert export(source, tmp_path / "out", task="generate").task == "generate"


def test_without_diffusers_the_command_that_helps_is_told(source, tmp_path):
    code = (
        "import sys\n"
        "class Blocker:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'diffusers': raise ImportError(f'{name} is not installed')\n"
        "sys.meta_path.insert(0, Blocker())\n"
        "from pixwise.export import export\n"
        "export(*sys.argv[1:])\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(source), str(tmp_path / "out")], capture_output=True, text=True, check=False
    ).stderr
    assert "SetupError: export of this checkpoint needs the package diffusers, got diffusers is not installed" in told
    assert "run: pip install 'diffusers>=0.40'" in told


def test_a_checkpoint_of_transformers_needs_no_diffusers():
    assert tiny  # its modules are imported by now, and diffusers only by `generators`
    code = "import sys, pixwise.export.families; print('diffusers' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == "False\n"
