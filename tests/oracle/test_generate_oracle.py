"""Whole pipelines of diffusers and ours with the same weights and noise: pictures within one of 255.

The UNet goes through ONNX on our side, so its outputs differ by rounding; both round to 8 bits at the end, where what
lies on an edge may fall to either side.
"""

import dataclasses

import diffusers
import generators
import numpy as np
import pytest
import torch

from pixwise.export import export
from pixwise.generation.generator import Generator

pytestmark = pytest.mark.oracle
COUNT = 3
KINDS = {"colour": {}, "grey": {"channels": 1, "size": (16, 8)}}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A UNet and the folder that was exported from it."""
    torch.set_num_threads(1)

    def one(name):
        folder, model = tmp_path_factory.mktemp(name), generators.unet(**KINDS[name])
        return model, export(generators.save_pipeline(folder / "checkpoint", model), folder / name).folder

    cases = {name: one(name) for name in KINDS}
    return cases.__getitem__


def noise_of(shape, count, seed=5):
    """(1 + D, N, C, H, W) as diffusers' pipelines draw them from a generator with this seed."""
    generator = torch.Generator().manual_seed(seed)
    return np.stack([torch.randn((COUNT, *shape), generator=generator).numpy() for _ in range(1 + count)])


def theirs(pipeline, steps, seed=5, **options):
    """(N, H, W, C) uint8."""
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(seed)
    made = pipeline(COUNT, generator, num_inference_steps=steps, output_type="np", **options).images
    return np.rint(made * 255).astype(np.uint8)


def ours(generator, draws, **options):
    noise = noise_of(generator.shape, draws)
    found = generator.from_noise(noise[0], noise[1:] if draws else None, **options)
    return np.stack([picture.open() for picture in found.pictures])


def far(a, b):
    return np.abs(a.astype(int) - np.broadcast_to(b, a.shape)).max()


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("batch", [0, 2])
def test_ddpm_makes_the_pictures_of_diffusers_pipeline(made, name, batch):
    model, folder = made(name)
    pipeline = diffusers.DDPMPipeline(model, diffusers.DDPMScheduler(**generators.CIFAR))
    found = ours(Generator.load(folder), 24, steps=25, scheduler="ddpm", batch=batch)
    assert far(found, theirs(pipeline, 25)) <= 1


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("eta", [0.0, 0.7])
def test_ddim_makes_the_pictures_of_diffusers_pipeline(made, name, eta):
    model, folder = made(name)
    pipeline = diffusers.DDIMPipeline(model, diffusers.DDPMScheduler(**generators.CIFAR))
    found = ours(Generator.load(folder), 20 if eta else 0, steps=20, eta=eta)
    assert far(found, theirs(pipeline, 20, eta=eta)) <= 1
    assert found.std() > 40  # pictures, not a plain ground


def test_pictures_are_those_of_the_folder_that_diffusers_wrote_itself(made, tmp_path):
    """Its layout, with our ONNX file in it and a scheduler of another kind."""
    model, folder = made("colour")
    scheduler = diffusers.DDIMScheduler(beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction")
    generators.save_pipeline(tmp_path / "theirs", model, scheduler)
    (tmp_path / "theirs" / "unet" / "model.onnx").write_bytes((folder / "unet" / "model.onnx").read_bytes())
    found = ours(Generator.load(tmp_path / "theirs"), 0, steps=12)
    assert far(found, theirs(diffusers.DDIMPipeline(model, scheduler), 12)) <= 1


def shifted(generator):
    """Asks the model for the next step's noise."""
    ask = generator._ask
    object.__setattr__(generator, "_ask", lambda sample, timestep, place: ask(sample, max(timestep - 40, 0), place))
    return generator


def clipped_less(generator):
    generator.__dict__["settings"] = dataclasses.replace(generator.settings, clip_sample=False)
    return generator


@pytest.mark.parametrize("fault", [shifted, clipped_less])
def test_a_planted_fault_is_seen(made, fault):
    model, folder = made("colour")
    pipeline = diffusers.DDIMPipeline(model, diffusers.DDPMScheduler(**generators.CIFAR))
    found = ours(fault(Generator.load(folder)), 0, steps=20)
    assert far(found, theirs(pipeline, 20)) > 1
