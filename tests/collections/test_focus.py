"""What a collection looks at, and which vectors compare."""

from dataclasses import replace

import pytest

from pixwise.collections import Focus, Space
from pixwise.collections.focus import declared_spaces
from pixwise.errors import CardError, DataError, OptionError, UnknownModelError

SPACE = Space("clip-b32", "a" * 40, "fp32", 512)


@pytest.mark.parametrize("text", ["clip+dinov2", "clip, dinov2", "clip dinov2"])
def test_embeddings_are_joined_by_name(text):
    assert Focus.of(text).models() == ("clip-b32", "dinov2-base")


def test_the_names_of_the_service_stand_for_models():
    told = {"derivative_type_name": "prominent_face", "embedding_type_name": "embed_clip_vit_b_32+embed_dino_v2"}
    focus = Focus.of_service(told)
    assert (focus.target, focus.models()) == ("prominent_face", ("clip-b32", "dinov2-base"))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (None, "collection_focus must be an object, got None"),
        ({}, "must have derivative_type_name as a string, got None; mend the service"),
        ({"derivative_type_name": "whole_image", "embedding_type_name": 3}, "embedding_type_name as a string, got 3"),
        ({"derivative_type_name": "hole_image", "embedding_type_name": "clip"}, "did you mean 'whole_image'"),
        (
            {"derivative_type_name": "whole_image", "embedding_type_name": "embed_dino_v3"},
            "embedding_type_name must be known, got 'embed_dino_v3'; did you mean 'embed_dino_v2'",
        ),
    ],
)
def test_a_focus_that_cannot_be_used_says_why(told, words):
    with pytest.raises(DataError, match=words):
        Focus.of_service(told)


@pytest.mark.parametrize("text", ["", "clip+clip"])
def test_no_embedding_or_one_twice_is_refused(text):
    with pytest.raises(OptionError, match=r"embeddings must be different ones, got .*; write them as clip\+dinov2"):
        Focus.of(text)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "clip-l14"}, "collection 'dogs' was trained on vectors of model 'clip-b32', got 'clip-l14'; embed"),
        ({"revision": "b" * 40}, "of revision 'aaaa.*', got 'bbbb.*'; embed with 'clip-b32' as it was then, or train"),
        ({"revision": ""}, "of revision 'aaaa.*', got 'none'"),
        ({"precision": "int8"}, "of precision 'fp32', got 'int8'"),
        ({"dimension": 768}, "of dimension 512, got 768"),
    ],
)
def test_vectors_of_another_space_are_refused(change, words):
    with pytest.raises(CardError, match=words):
        SPACE.check_same(replace(SPACE, **change), "collection 'dogs'")


def test_a_revision_that_nobody_told_is_no_reason_to_refuse():
    replace(SPACE, revision="").check_same(SPACE, "it")


def test_spaces_of_vectors_from_elsewhere_are_those_of_the_cards():
    (space,) = declared_spaces(["clip-b32"], [512])
    assert (space.model, len(space.revision), space.precision) == ("clip-b32", 40, "fp32")


def test_models_must_be_embedders_and_as_many_as_parts():
    with pytest.raises(UnknownModelError, match="got 'clipp'; did you mean"):
        declared_spaces(["clipp"], [512])
    with pytest.raises(DataError, match="must have a part per embedding, got 1 for clip-b32, dinov2-base"):
        declared_spaces(["clip-b32", "dinov2-base"], [512])
