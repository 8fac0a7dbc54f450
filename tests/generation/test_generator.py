import json

import numpy as np
import pytest
from generation.fakes_of_noise import SIZE_HW, denoiser, fake

import pixwise
from pixwise.errors import CardError, OptionError, ShapeError
from pixwise.generation.generator import Generator, generate
from pixwise.results import result_from_dict
from pixwise.session import FakeSession, Tensor


@pytest.fixture
def toy(tmp_path):
    return fake(tmp_path)


def pixels(made):
    return np.stack([picture.open() for picture in made.pictures])


def test_each_picture_has_its_seed_and_the_answer_tells_how_it_was_made(toy):
    made = toy(3, seed=7, steps=4, eta=0.5)
    assert (len(made), made.seeds.tolist(), made.model.id) == (3, [7, 8, 9], "toy")
    assert (made.scheduler, made.steps, made.done, made.eta) == ("ddim", 4, 4, 0.5)
    assert (made.image.source, made.image.height, made.image.width) == ("<noise>", *SIZE_HW)
    assert set(made.timings_ms) == {"model", "scheduler"}


@pytest.mark.parametrize("options", [{}, {"eta": 1.0}, {"scheduler": "ddpm"}])
def test_a_picture_depends_on_its_seed_alone(toy, options):
    """Neither on how many are made with it, nor on the batch."""
    many = pixels(toy(5, seed=3, steps=6, batch=2, **options))
    alone = pixels(toy(1, seed=6, steps=6, **options))
    np.testing.assert_array_equal(many[3], alone[0])
    assert (many[3] != many[4]).any()


def test_the_noise_of_a_seed_is_numpys(toy):
    """As the docs say, so that anybody can draw it."""
    noise = np.stack([np.random.RandomState(seed).standard_normal((3, *SIZE_HW)) for seed in (2, 3)])
    given = toy.from_noise(noise, steps=5)
    np.testing.assert_array_equal(pixels(given), pixels(toy(2, seed=2, steps=5)))
    assert given.seeds.tolist() == [-1, -1]


def test_ddpm_draws_for_each_step_but_the_last(toy):
    sources = [np.random.RandomState(seed) for seed in (2, 3)]
    noise = np.stack([[source.standard_normal((3, *SIZE_HW)) for source in sources] for _ in range(5)])
    given = toy.from_noise(noise[0], noise[1:], steps=5, scheduler="ddpm", batch=1)
    np.testing.assert_array_equal(pixels(given), pixels(toy(2, seed=2, steps=5, scheduler="ddpm")))


def test_progress_tells_steps_of_all_batches_and_what_is_foreseen(toy):
    told = []
    made = toy(3, seed=1, steps=4, batch=2, progress=lambda *each: told.append(each))
    assert [(step, total) for step, total, _ in told] == [(n, 8) for n in range(1, 9)]
    assert [(seen.done, seen.seeds.tolist()) for _, _, seen in told[3:5]] == [(4, [1, 2]), (1, [3])]
    np.testing.assert_array_equal(pixels(told[3][2]), pixels(made)[:2])
    assert (pixels(told[0][2]) != pixels(made)[:2]).any()


def test_what_progress_raises_stops_the_work(toy):
    def stop(step, total, seen):
        raise TimeoutError

    with pytest.raises(TimeoutError):
        toy(4, steps=9, progress=stop)
    assert len(toy.session.fed) == 1


def test_a_stream_gives_each_batch_when_it_is_finished(toy):
    stream = toy.stream(5, steps=2, batch=2)
    assert next(stream).seeds.tolist() == [0, 1]
    assert len(toy.session.fed) == 2
    assert [len(made) for made in stream] == [2, 1]


def test_a_stream_refuses_options_before_it_is_read(toy):
    with pytest.raises(OptionError, match="steps must be"):
        toy.stream(2, steps=0)


def test_the_batch_is_the_cards_or_the_users(tmp_path):
    toy = fake(tmp_path, card={"batch": 3})
    toy(4, steps=1)
    toy(4, steps=1, batch=2)
    assert [len(fed["sample"]) for fed in toy.session.fed] == [3, 1, 2, 2]


def test_grey_pictures_are_told_in_three_channels(tmp_path):
    made = pixels(fake(tmp_path, channels=1)(2, steps=3))
    assert made.shape == (2, *SIZE_HW, 3)
    assert (made[..., :1] == made).all()


@pytest.mark.parametrize("shape", [(), (1,), (-1,)], ids=str)
@pytest.mark.parametrize("dtype", ["int64", "float"])
def test_timesteps_are_given_as_the_model_takes_them(tmp_path, shape, dtype):
    inputs = (Tensor("timestep", shape, dtype), Tensor("sample", (-1, 3, *SIZE_HW), "float"))
    toy = fake(tmp_path, inputs=inputs)
    toy(2, steps=2)
    times = toy.session.fed[0]["timestep"]
    assert (times.shape, str(times.dtype)) == (
        {(): (), (1,): (1,), (-1,): (2,)}[shape],
        {"int64": "int64", "float": "float32"}[dtype],
    )
    assert (times == 500).all()


def test_a_model_for_one_picture_is_asked_for_one(tmp_path):
    inputs = (Tensor("sample", (1, 3, *SIZE_HW), "float"), Tensor("timestep", (1,), "int64"))
    toy = fake(tmp_path, inputs=inputs)
    assert len(toy(3, steps=1, batch=8)) == 3
    assert {len(fed["sample"]) for fed in toy.session.fed} == {1}


def test_a_model_of_any_size_makes_that_of_its_card(tmp_path):
    inputs = (Tensor("sample", (-1, 3, -1, -1), "float"), Tensor("timestep", (-1,), "int64"))
    assert fake(tmp_path, inputs=inputs).shape == (3, *SIZE_HW)


def test_json_holds_the_pictures(toy):
    made = toy(2, steps=2)
    document = json.loads(json.dumps(made.to_dict()))
    assert document["schema"] == "pixwise/generated/1"
    assert result_from_dict(document) == made


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"count": 0}, "count must be a whole number from 1 up, got 0"),
        ({"count": 2.5}, "count must be a whole number from 1 up, got 2.5"),
        ({"seed": -1}, "seed must be a whole number from 0 up, got -1"),
        ({"seed": 2**32 - 2}, "seed must be below 4,294,967,293 for 4 pictures, got 4,294,967,294"),
        ({"steps": 0}, "steps must be a whole number from 1 to 1000, those of the training, got 0"),
        ({"steps": 1001}, "steps must be a whole number from 1 to 1000, those of the training, got 1001"),
        ({"steps": True}, "steps must be a whole number from 1 to 1000, those of the training, got True"),
        ({"scheduler": "dpm"}, "scheduler must be known, got 'dpm'; did you mean 'ddpm'"),
        ({"eta": 2}, "eta must be a number from 0 to 1, got 2"),
        ({"eta": 0.5, "scheduler": "ddpm"}, "eta must be 0 with ddpm, got 0.5"),
        ({"batch": -1}, "batch must be a number from 0 to 4096"),
    ],
)
def test_options_that_make_no_picture_are_refused(toy, options, words):
    with pytest.raises(OptionError, match=words):
        toy(**options)
    assert toy.session.fed == []


def ruined(at, value):
    """A model whose answer holds one such number from a timestep down."""

    def answer(feeds):
        output = denoiser(feeds)["output"]
        if feeds["timestep"][0] <= at:
            output[-1, 0, 1, 2] = value
        return {"output": output}

    return answer


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_of_the_model_is_told_with_its_step(tmp_path, value):
    toy = fake(tmp_path, ruined(300, value))
    words = r"model 'toy' must give finite numbers, got NaN or infinity at step 7 of 10 \(timestep 300\)"
    with pytest.raises(ShapeError, match=words):
        toy(2, steps=10)


def test_numbers_that_grow_beyond_32_bits_are_told(tmp_path):
    toy = fake(tmp_path, ruined(999, 3e38), clip_sample=False)
    with pytest.raises(ShapeError, match="pictures must stay finite, got numbers beyond 32 bits at step"):
        toy(2, steps=10)


def test_a_model_that_foresees_variances_is_refused(tmp_path):
    toy = fake(tmp_path, lambda feeds: {"output": np.concatenate([feeds["sample"]] * 2, axis=1)})
    with pytest.raises(
        ShapeError, match=r"shape \(4, 3, 4, 6\), as it is shown, got \(4, 6, 4, 6\); one that foresees"
    ):
        toy()


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ((("sample", (-1, 3, 4, 6), "float"),), r"must take pictures \(B, C, H, W\) and their timesteps"),
        (
            (("sample", (-1, 3, 4, 6), "float"), ("t", (-1,), "int64"), ("class", (-1,), "int64")),
            r"got sample float\[-1, 3, 4, 6\], t int64\[-1\], class int64\[-1\]; choose a model that makes",
        ),
        ((("sample", (-1, 4, 4, 6), "float"), ("t", (-1,), "int64")), r"1 or 3 channels and 4 x 6 px"),
        ((("sample", (-1, 3, 8, 8), "float"), ("t", (-1,), "int64")), r"4 x 6 px, as its card says, got \[3, 8, 8\]"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_when_it_is_loaded(tmp_path, inputs, words):
    with pytest.raises(CardError, match=words):
        fake(tmp_path, inputs=tuple(Tensor(*each) for each in inputs))


def test_a_model_without_its_schedulers_settings_is_refused(toy):
    with pytest.raises(CardError, match=r"must have scheduler/scheduler_config.json as its part 'scheduler', got none"):
        Generator(toy.card, FakeSession(denoiser))


def test_a_card_of_another_task_is_refused(tmp_path):
    with pytest.raises(CardError, match="must be for 'generate' with head 'ddpm', got 'detect' with head 'ddpm'"):
        fake(tmp_path, card={"task": "detect"})


@pytest.mark.parametrize(
    ("noise", "steps", "options", "words"),
    [
        (np.zeros((2, 3, 4, 5)), None, {}, r"noise must have shape \(N, 3, 4, 6\), got \(2, 3, 4, 5\)"),
        (np.zeros((0, 3, 4, 6)), None, {}, "noise must be of one picture or more, got none"),
        (np.full((1, 3, 4, 6), np.nan), None, {}, "noise must be finite"),
        (np.zeros((1, 3, 4, 6)), None, {"scheduler": "ddpm"}, "step_noise must be given just where .*, got none"),
        (np.zeros((1, 3, 4, 6)), np.zeros((2, 1, 3, 4, 6)), {}, "step_noise must be given just .* 0 of this run do"),
        (
            np.zeros((1, 3, 4, 6)),
            np.zeros((2, 1, 3, 4, 6)),
            {"eta": 1},
            r"step_noise must have shape \(3, 1, 3, 4, 6\)",
        ),
    ],
)
def test_noise_that_does_not_fit_is_refused(toy, noise, steps, options, words):
    with pytest.raises((ShapeError, OptionError), match=words):
        toy.from_noise(noise, steps, steps=3, **options)


def test_the_one_line_function_wants_a_model_and_names_the_way_to_one():
    with pytest.raises(CardError, match=r"model of generate must be named, got none; .* pixwise export"):
        generate("")


def test_a_misspelt_option_is_told_the_right_one():
    with pytest.raises(OptionError, match="option of generate must be known, got 'sed'; did you mean 'seed'"):
        pixwise.generate("models/none", sed=3)
