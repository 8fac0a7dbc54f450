"""Names of keypoints, the lines between them, and whose left it is."""

import pytest

from pixwise import registry
from pixwise.answers.skeleton import Skeleton, edges_of
from pixwise.errors import ShapeError

COCO = registry.names("coco_keypoints")


@pytest.mark.parametrize(
    ("vocabulary", "count", "edges"), [("coco_keypoints", 17, 19), ("coco_wholebody", 133, 67), ("ap10k", 17, 17)]
)
def test_skeletons_ship_with_us(vocabulary, count, edges):
    names = registry.names(vocabulary)
    found = edges_of(names)
    assert (len(names), len(set(names)), len(found), len({frozenset(edge) for edge in found})) == (
        count, count, edges, edges,
    )  # fmt: skip


def test_cocos_lines_are_those_of_its_annotations():
    """The `skeleton` of the category person in COCO's person_keypoints files, which counts from 1."""
    told = "16,14 14,12 17,15 15,13 12,13 6,12 7,13 6,7 6,8 7,9 8,10 9,11 2,3 1,2 1,3 2,4 3,5 4,6 5,7"
    wanted = {frozenset(int(end) - 1 for end in pair.split(",")) for pair in told.split()}
    assert {frozenset(edge) for edge in edges_of(COCO)} == wanted


def test_other_spellings_are_the_same_keypoints():
    hub = tuple(name.replace("left_", "L_").replace("right_", "R_").title() for name in COCO)
    assert hub[1] == "L_Eye"
    assert edges_of(hub) == edges_of(COCO) == edges_of([name.replace("_", " ") for name in COCO])
    animal = registry.names("ap10k")
    assert edges_of(tuple(name.replace("left_front", "L_F").replace("_of_", " of ") for name in animal)) != ()


def test_other_keypoints_have_no_lines():
    assert edges_of(COCO[:-1]) == edges_of([]) == ()


def test_left_and_right_are_mirrored_in_the_names():
    """Whoever mirrors a picture swaps these: each left keypoint has a right one, and so has each line."""
    for vocabulary in ("coco_keypoints", "ap10k"):
        names = registry.names(vocabulary)
        skeleton = Skeleton(names, edges_of(names))
        other = {name: name.replace("left", "R").replace("right", "left").replace("R", "right") for name in names}
        assert set(other.values()) == set(names)
        lines = {frozenset((names[a], names[b])) for a, b in skeleton.edges}
        assert {frozenset(other[end] for end in line) for line in lines} == lines


def test_a_line_is_on_the_side_of_its_ends():
    skeleton = Skeleton(("nose", "l_eye", "Right Eye", "lever"), ((0, 1), (1, 2), (0, 2), (0, 3)))
    assert [skeleton.side(index) for index in range(4)] == ["", "left", "right", ""]
    assert [skeleton.side_of_edge(edge) for edge in skeleton.edges] == ["left", "", "right", ""]


def test_it_reads_what_it_tells():
    skeleton = Skeleton(COCO, edges_of(COCO))
    assert Skeleton.read(skeleton.told()) == Skeleton.read(skeleton) == skeleton
    assert str(skeleton) == "17 keypoints"


@pytest.mark.parametrize("given", [None, {"names": ["a"]}, {"names": ["a"], "edges": [[0, 1]]}, 3])
def test_what_is_no_skeleton_is_refused(given):
    with pytest.raises(ShapeError, match=r"skeleton must have names and edges|edges must be pairs"):
        Skeleton.read(given)
