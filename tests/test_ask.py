"""The one-line functions."""

import inspect

import pytest
from PIL import Image

import pixwise as px
from pixwise.errors import OptionError, SourceError
from pixwise.samples import photo_like
from pixwise.task_table import TASKS, task_class


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_a_one_liner_with_the_options_of_its_class(name):
    told = inspect.signature(getattr(px, name))
    assert set(task_class(name).option_names()) < set(told.parameters)
    assert told.return_annotation is task_class(name).result_type


@pytest.mark.parametrize("name", TASKS)
def test_the_documentation_is_that_of_the_class(name):
    assert inspect.getdoc(task_class(name)) in inspect.getdoc(getattr(px, name)).replace("\n    ", "\n    ")


def test_a_picture_is_answered_in_one_line(photo):
    assert px.quality(photo).model.id == "measures"


def test_a_list_is_answered_in_one_line(photo):
    assert [answer.image.width for answer in px.quality([photo, photo[:, :100]])] == [640, 100]


def test_a_misspelt_option_is_refused(photo):
    with pytest.raises(OptionError, match="option of quality must be known, got 'collours'"):
        px.quality(photo, collours=3)


@pytest.fixture
def no_models(tmp_path, monkeypatch):
    """Nothing on disk, and no network."""
    for name in ("HF_HOME", "HF_HUB_CACHE", "PIXWISE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_a_wrong_source_is_told_before_a_model_is_looked_for(no_models):
    with pytest.raises(SourceError, match=r"nosuch\.jpg: expected a picture, got no such file"):
        px.classify("nosuch.jpg")
    with pytest.raises(OptionError, match=r"picture must be a path, .* got NoneType"):
        px.classify(None)
    with pytest.raises(OptionError, match="on_error must be 'raise' or 'return', got 'ignore'"):
        px.classify("nosuch.jpg", on_error="ignore")


@pytest.mark.parametrize("source", [(name for name in "ab"), {"a.png", "b.png"}, map(str, [1])])
def test_what_holds_many_pictures_but_is_no_list_says_how_to_make_it_one(no_models, source):
    with pytest.raises(OptionError, match=r"for many pictures wrap it in list\(\)"):
        px.classify(source)


def test_opening_is_counted_though_it_comes_before_the_model(tmp_path, photo):
    Image.fromarray(photo).save(tmp_path / "a.png")
    answer = px.quality(tmp_path / "a.png")
    assert set(answer.timings_ms) == {"open", "preprocess", "model", "postprocess"}
    assert answer.timings_ms["open"] > 0.02  # a picture that is open already takes a thousandth of this


def test_an_error_may_be_returned_for_one_picture_too():
    assert isinstance(px.quality("nosuch.jpg", on_error="return"), SourceError)


def test_more_values_than_places_are_told(photo):
    with pytest.raises(OptionError, match="quality takes the picture, then model, got 3 values; name options"):
        px.quality(photo, "measures", 3)


def test_a_value_given_twice_is_told(photo):
    with pytest.raises(OptionError, match="model of quality must be given once, got it twice"):
        px.quality(photo, "measures", model="measures")


def test_alternative_text_is_that_of_the_caption(tmp_path):
    from oracle import captioners

    folder = str(captioners.save_merged("blip", captioners.make("blip"), tmp_path))
    pictures = [photo_like(60, 80, seed) for seed in (0, 1)]
    told = [answer.alt_text for answer in px.caption(pictures, folder, min_tokens=5)]
    assert px.alt_text(pictures, folder, min_tokens=5) == told
    assert px.alt_text(pictures[0], folder, min_tokens=5) == told[0]


def test_a_misspelt_option_of_alternative_text_is_refused():
    with pytest.raises(OptionError, match="option of caption must be known, got 'beam'"):
        px.alt_text(photo_like(60, 80), beam=4)
