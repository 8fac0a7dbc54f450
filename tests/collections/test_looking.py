"""What of a picture is looked at: all of it, the prominent person, the prominent face."""

import numpy as np
import pytest
from learning import draw_folder, hand_made
from tiny_encoder import write_encoder

import pixwise as px
from pixwise.collections import Focus, Looker, MembershipClassifier, Shelf, Space, classify, sample_of_folder, train
from pixwise.collections.learn_head import learn_head
from pixwise.errors import CardError, DataError
from pixwise.picture import Picture
from pixwise.pixels import Recipe
from pixwise.registry import Card
from pixwise.results import Detections, Faces
from pixwise.samples import photo_like
from pixwise.session import FakeSession, Tensor
from pixwise.task_table import task_class

PICTURE = photo_like(60, 80)


@pytest.fixture(scope="module")
def look():
    return Looker.load(Focus.of("look"), threads=1).embedders


def people(*boxes):
    """A finder of boxes with rising scores."""
    count = len(boxes)
    scores = np.linspace(0.4, 0.9, count)
    return lambda picture: Detections(labels=["person"] * count, label_ids=[0] * count, scores=scores, boxes=boxes)


def faces(*boxes):
    return lambda picture: Faces(
        scores=[0.9] * len(boxes), boxes=boxes, landmarks=np.full((len(boxes), 5, 2), np.nan, np.float32)
    )


def test_the_person_of_the_highest_score_is_looked_at(look):
    looker = Looker(look, Focus.of("look", "prominent_person"), people([0, 0, 80, 60], [10.4, 5.2, 29.5, 44.1]))
    seen = looker(PICTURE)
    assert seen.box.tolist() == [10, 5, 30, 45]
    np.testing.assert_array_equal(seen.vector, look[0](np.ascontiguousarray(PICTURE[5:45, 10:30])).vector)
    assert (seen.image.width, seen.image.height) == (80, 60)


@pytest.mark.parametrize("boxes", [(), ([-9, -9, 0, 0],)])
def test_without_a_person_the_whole_picture_is_looked_at(look, boxes):
    seen = Looker(look, Focus.of("look", "prominent_person"), people(*boxes))(PICTURE)
    assert seen.box.tolist() == [0, 0, 80, 60]
    np.testing.assert_array_equal(seen.vector, look[0](PICTURE).vector)


def test_boxes_stay_inside_the_picture(look):
    seen = Looker(look, Focus.of("look", "prominent_face"), faces([-5.5, 50, 200, 99]))(PICTURE)
    assert seen.box.tolist() == [0, 50, 80, 60]


def test_without_a_face_a_picture_is_skipped_with_words(look):
    looker = Looker(look, Focus.of("look", "prominent_face"), faces())
    with pytest.raises(DataError, match=r"<array>: expected a prominent face, got none found; it is skipped"):
        looker(PICTURE)


def test_errors_stand_in_the_place_of_their_pictures(look):
    looker = Looker(look, Focus.of("look"))
    given = [PICTURE, b"nonsense", *[photo_like(30, 40, seed) for seed in range(9)], "missing.png", PICTURE]
    seen = list(looker.stream(given))
    assert [type(each).__name__ for each in seen] == ["Seen", "PictureError", *["Seen"] * 9, "SourceError", "Seen"]
    np.testing.assert_array_equal(seen[-1].vector, seen[0].vector)


def test_several_embeddings_stand_side_by_side(look):
    seen = Looker((look[0], look[0]), Focus.of("look+again"))(Picture.open(PICTURE))
    assert (seen.vector.shape, len(seen.spaces)) == ((712,), 2)
    assert (seen.model.id, seen.model.revision) == ("look+look", "")


def fake(name, dimension, revision):
    """An embedder whose vector is the mean colour, in as many numbers as told."""
    card = Card(id=name, task="embed", head="image_embeds", revision=revision, recipe=Recipe(size_hw=(8, 8)))

    def answer(feeds):
        means = feeds["pixel_values"].mean(axis=(2, 3))  # (B, 3)
        return {"image_embeds": np.tile(means, (1, dimension // 3))}

    return task_class("embed")(
        card=card, session=FakeSession(answer, (Tensor("pixel_values", (-1, 3, 8, 8), "float"),))
    )


def test_clip_and_dinov2_are_one_vector_of_two_spaces():
    embedders = (fake("clip-b32", 6, "a" * 40), fake("dinov2-base", 9, "b" * 40))
    seen = Looker(embedders, Focus.of("clip+dinov2"))(PICTURE)
    assert [(space.model, space.revision[0], space.dimension) for space in seen.spaces] == [
        ("clip-b32", "a", 6), ("dinov2-base", "b", 9),
    ]  # fmt: skip
    np.testing.assert_allclose([np.linalg.norm(seen.vector[:6]), np.linalg.norm(seen.vector[6:])], 1, rtol=1e-6)
    assert seen.model.id == "clip-b32+dinov2-base"
    kept = hand_made(weights=np.zeros(15), spaces=seen.spaces)
    assert MembershipClassifier(kept, Looker(embedders))(PICTURE).probability == 0.5
    newer = (embedders[0], fake("dinov2-base", 9, "c" * 40))
    with pytest.raises(CardError, match=r"was trained on vectors of revision 'b+', got 'c+'; embed with 'dinov2-base'"):
        MembershipClassifier(kept, Looker(newer))(PICTURE)


def test_real_finders_are_loaded_by_the_target():
    looker = Looker.load(Focus.of("look", "prominent_person"), finder="hog-people", threads=1)
    assert looker.find.labels == ("person",)
    looker = Looker.load(Focus.of("look", "prominent_face"), finder="haar-frontal", threads=1)
    assert isinstance(looker.find(Picture.open(PICTURE)), Faces)


# A collection asked about pictures


def test_a_membership_says_all_that_it_must(look):
    weights = np.zeros(356)
    space = Looker(look)(PICTURE).spaces[0]
    asked = MembershipClassifier(hand_made(weights=weights, spaces=(space,), bias=1.0), Looker(look))
    found = asked(PICTURE)
    told = found.to_dict()["membership"]
    assert (told["is_in_collection"], told["probability"]) == (True, 0.7311)
    assert (found.collection, found.version, found.model.id) == ("dogs", "1", "look")
    assert found.box.tolist() == [0, 0, 80, 60]


def test_lists_and_errors_are_as_of_every_task(look):
    space = Looker(look)(PICTURE).spaces[0]
    asked = MembershipClassifier(hand_made(weights=np.zeros(356), spaces=(space,)), Looker(look))
    answers = asked([PICTURE, b"nonsense"], on_error="return")
    assert (answers[0].probability, type(answers[1]).__name__) == (0.5, "PictureError")
    with pytest.raises(type(answers[1])):
        asked([PICTURE, b"nonsense"])


def test_a_classifier_of_another_embedding_is_refused_before_anything_is_asked():
    other = hand_made(weights=np.zeros(12))
    changed = other.spaces[0].__class__("look", "c" * 40, "fp32", 12)
    with pytest.raises(
        CardError, match=r"collection 'dogs' was trained on vectors of revision 'ccc.*', got 'none'; embed"
    ):
        MembershipClassifier.load(hand_made(weights=np.zeros(12), spaces=(changed,)))


def test_a_classifier_of_another_dimension_is_refused():
    with pytest.raises(CardError, match="collection 'dogs' was trained on vectors of dimension 12, got 356"):
        MembershipClassifier.load(hand_made())(PICTURE)


def test_a_model_of_a_folder_that_was_replaced_is_refused(tmp_path):
    folder = write_encoder(tmp_path / "enc", seed=0)
    sample = sample_of_folder(draw_folder(tmp_path / "reds", count=5), Looker.load(Focus.of(str(folder))))
    train(sample, id="reds", shelf=Shelf(tmp_path / "kept"))
    learn_head(tmp_path / "reds", tmp_path / "head", Looker.load(Focus.of(str(folder))))
    assert classify(tmp_path / "reds/yes/1.png", "reds", folder=tmp_path / "kept").probability > 0
    write_encoder(folder, seed=1)
    with pytest.raises(CardError, match=r"collection 'reds' was trained on vectors of revision '[0-9a-f]{40}', got '"):
        classify(tmp_path / "reds/yes/1.png", "reds", folder=tmp_path / "kept")
    with pytest.raises(CardError, match=r"was learnt on .* of revision '[0-9a-f]{40}', got '[0-9a-f]{40}'; learn it"):
        px.classify(tmp_path / "reds/yes/1.png", model=str(tmp_path / "head"))


def test_half_is_in_the_collection(look):
    even = hand_made(weights=np.zeros(356), spaces=(Space("look", "", "fp32", 356),))
    found = MembershipClassifier(even, Looker(look))(PICTURE)
    assert (found.probability, found.is_in_collection) == (0.5, True)
