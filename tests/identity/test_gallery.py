"""Galleries: adding, naming, finding, and what is refused."""

import threading

import numpy as np
import pytest

from pixwise.errors import OptionError, ShapeError
from pixwise.identity.gallery import Gallery
from pixwise.results import Identities, ImageInfo, ModelInfo
from pixwise.vectors import unit

MODEL = ModelInfo("sface", "3d" * 20, "fp32", "Apache-2.0")


def answer(*vectors, model=MODEL, source="a.jpg"):
    count = len(vectors)
    return Identities(
        scores=np.ones(count), boxes=np.zeros((count, 4)), landmarks=np.zeros((count, 5, 2)), names=[""] * count,
        similarities=np.zeros(count), thresholds=np.zeros(count), vectors=unit(vectors) if count else (), model=model,
        image=ImageInfo(source),
    )  # fmt: skip


def turned(degrees):
    """A vector of three numbers, in the plane of the first two."""
    return [np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), 0]


def gallery(**people):
    made = Gallery()
    for name, angles in people.items():
        made.add(name, [answer(turned(angle)) for angle in angles])
    return made


def found(known, *angles, threshold=0.9):
    return known.identify(unit([turned(angle) for angle in angles]), threshold)


def test_the_nearest_person_above_the_threshold_is_named_others_are_unknown():
    names, cosines = found(gallery(Ada=[0], Bo=[90]), 5, 80, 45)
    assert names == ["Ada", "Bo", "unknown"]
    assert cosines == pytest.approx(np.cos(np.radians([5, 10, 45])), abs=1e-6)


def test_at_the_threshold_is_enough():
    known = gallery(Ada=[0])
    limit = float(found(known, 30)[1][0])
    assert found(known, 30, threshold=limit)[0] == ["Ada"]
    assert found(known, 30, threshold=limit + 1e-6)[0] == ["unknown"]


def test_the_nearest_picture_of_a_person_decides_not_their_mean():
    known = gallery(Ada=[-60, 60], Bo=[40])  # the mean of Ada is at 0
    assert found(known, 60, 0, threshold=0.7)[0] == ["Ada", "Bo"]


def test_of_equal_people_the_first_is_named():
    assert found(gallery(Ada=[10], Bo=[10]), 10)[0] == ["Ada"]


def test_several_pictures_are_kept_each():
    known = gallery(Ada=[0, 10, 20])
    known.add("Ada", answer(turned(30)))
    assert (known.people, len(known), known.vectors_of("Ada").shape) == ({"Ada": 4}, 1, (4, 3))


def test_no_faces_are_no_names():
    names, cosines = gallery(Ada=[0]).identify(np.zeros((0, 0)), 0.5)
    assert (names, cosines.shape) == ([], (0,))


@pytest.mark.parametrize("name", ["Ада Лавлейс", "エイダ", "עדה", "علی‌رضا", "👩‍🚀", "O'Neil-Smith, Jr.", "a" * 200])
def test_names_in_any_script_are_kept(name):
    known = gallery(**{name: [0]})
    assert (list(known), name in known, found(known, 0)[0]) == ([name], True, [name])


def test_a_letter_written_in_two_ways_is_one_name():
    known = gallery(**{"Andre\u0301": [0]})
    known.add(" Andr\u00e9 ", answer(turned(5)))
    assert known.people == {"Andr\u00e9": 2}


@pytest.mark.parametrize("name", ["", "  ", "unknown", "a\nb", "a\x00b", "a\u2028b", "x" * 201, None, 7])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(OptionError, match="name must"):
        Gallery().add(name, answer(turned(0)))


@pytest.mark.parametrize(("count", "said"), [(0, "got none; choose another picture"), (2, "got 2; choose one: ")])
def test_a_picture_must_show_one_face_and_else_nothing_is_added(count, said):
    known = Gallery()
    with pytest.raises(OptionError, match=f"b.jpg must show one face, {said}"):
        known.add("Ada", [answer(turned(0)), answer(*[turned(0)] * count, source="b.jpg")])
    assert (len(known), known.model.id) == (0, "")


def test_nothing_to_add_is_refused():
    with pytest.raises(OptionError, match="'Ada' must have a picture with a face, got none"):
        Gallery().add("Ada", [])
    with pytest.raises(OptionError, match="faces must be answers of identify, got str"):
        Gallery().add("Ada", "ada.jpg")
    with pytest.raises(OptionError, match=r"got IdentitiesRow; .* for one face of several answer.select\(\[0\]\)"):
        Gallery().add("Ada", answer(turned(0))[0])


def test_vectors_of_another_model_or_revision_are_refused_with_words():
    known = gallery(Ada=[0])
    with pytest.raises(OptionError, match="one model, got 'sface' and 'auraface'; use the gallery's model"):
        known.add("Bo", answer(turned(0), model=ModelInfo("auraface")))
    with pytest.raises(OptionError, match=r"one revision, got '3d3d.*' and 'none'"):
        known.add("Bo", answer(turned(0), model=ModelInfo("sface")))
    assert known.people == {"Ada": 1}


def test_two_models_in_one_call_are_refused():
    with pytest.raises(OptionError, match="one model"):
        Gallery().add("Ada", [answer(turned(0)), answer(turned(0), model=ModelInfo("auraface"))])


def test_vectors_of_another_dimension_are_refused():
    known = gallery(Ada=[0])
    with pytest.raises(
        ShapeError, match=r"vectors must have 3 numbers each like those of the gallery, got shape \(1, 4\)"
    ):
        known.add("Bo", np.ones(4))
    with pytest.raises(ShapeError, match="vectors must have 3 numbers"):
        known.identify(np.ones((2, 5)), 0.5)


def test_ones_own_vectors_are_taken_and_scaled_to_length_one():
    known = Gallery(MODEL)
    known.add("Ada", np.array([[3.0, 0, 0], [0, 0, 2]]))
    assert (known.people, known.vectors_of("Ada").tolist()) == ({"Ada": 2}, [[1, 0, 0], [0, 0, 1]])
    with pytest.raises(ShapeError, match="finite and not 0"):
        known.add("Ada", np.array([np.nan, 0, 0]))


def test_people_are_removed_with_all_their_pictures():
    known = gallery(Ada=[0, 5], Bo=[90])
    known.remove("Ada")
    assert (known.people, found(known, 0)[0]) == ({"Bo": 1}, ["unknown"])
    with pytest.raises(OptionError, match="name must be one of the gallery's, got 'Boo'; did you mean 'Bo'"):
        known.remove("Boo")
    with pytest.raises(OptionError, match="the gallery is empty"):
        Gallery().remove("Ada")


def test_people_are_renamed_and_joined_only_when_told():
    known = gallery(Ada=[0], Bo=[90])
    known.rename("Bo", "Bob")
    with pytest.raises(OptionError, match="new name must be free, got 'Ada', who is there"):
        known.rename("Bob", "Ada")
    known.rename("Bob", "Ada", join=True)
    assert known.people == {"Ada": 2}


def test_galleries_are_merged_and_the_other_stays_as_it_is():
    ours, theirs = gallery(Ada=[0], Bo=[90]), gallery(Bo=[95], Cy=[180])
    ours.merge(theirs)
    assert ours.people == {"Ada": 1, "Bo": 2, "Cy": 1}
    assert theirs.people == {"Bo": 1, "Cy": 1}


def test_galleries_of_two_models_are_not_merged():
    other = Gallery(ModelInfo("auraface"))
    other.add("Cy", np.ones(3))
    with pytest.raises(OptionError, match="one model, got 'sface' and 'auraface'"):
        gallery(Ada=[0]).merge(other)


def test_vectors_that_were_handed_out_cannot_change_the_gallery():
    with pytest.raises(ValueError, match="read-only"):
        gallery(Ada=[0])._held.vectors[:] = 0


def test_a_gallery_tells_what_it_is():
    assert repr(gallery(Ada=[0, 1], Bo=[2])) == "<Gallery of 2 people, 3 pictures, by sface>"
    assert bool(Gallery())


def test_readers_meet_whole_states_while_people_come_and_go():
    known, wrong = gallery(Ada=[0]), []

    def read():
        for _ in range(300):
            names, _ = found(known, 0, 90)
            wrong.extend([names] if names not in (["Ada", "Bo"], ["Ada", "unknown"]) else [])

    threads = [threading.Thread(target=read) for _ in range(4)]
    [thread.start() for thread in threads]
    for _ in range(100):
        known.add("Bo", answer(turned(90)))
        known.remove("Bo")
    [thread.join() for thread in threads]
    assert wrong == []
