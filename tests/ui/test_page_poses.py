"""Skeletons on the page: limbs where they are, in two colours, and a table that does not list 17 pairs of numbers."""

import json

from PIL import Image
from ui.test_page import ink

from pixwise import registry
from pixwise.answers.skeleton import Skeleton, edges_of
from pixwise.results import ImageInfo, Poses

NAMES = registry.names("coco_keypoints")
BODY = {"nose": (300, 60), "left_hip": (340, 220), "left_knee": (350, 300), "left_ankle": (350, 380),
        "right_hip": (260, 220), "right_knee": (250, 300), "right_ankle": (250, 380), "left_shoulder": (350, 110),
        "right_shoulder": (250, 110), "left_elbow": (400, 150), "left_wrist": (440, 110)}  # fmt: skip


def answer(width, height):
    keypoints = [BODY.get(name, (float("nan"),) * 2) for name in NAMES]
    return Poses(
        image=ImageInfo("scene.png", width, height), skeleton=Skeleton(NAMES, edges_of(NAMES)), scores=[0.9],
        boxes=[[230, 40, 460, 400]], keypoints=[keypoints], keypoint_scores=[[0.9] * 17],
    )  # fmt: skip


def show(tab):
    with Image.open("examples/scene.png") as picture:
        document = answer(*picture.size).to_dict()
    tab.page.route("**/v1/pose*", lambda route: route.fulfill(json=json.loads(json.dumps(document))))
    return tab.ask("pose", "scene.png")


def test_limbs_are_drawn_in_the_colours_of_their_sides(tab):
    page = show(tab)
    left, right = ink(page, 350, 340), ink(page, 250, 340)
    assert left[3] > 200 < right[3]
    assert left[0] > left[2] + 50  # orange
    assert right[2] > right[0] + 50  # blue
    assert ink(page, 300, 340)[3] == 0
    assert ink(page, 410, 330)[3] == 0


def test_the_table_tells_box_and_score_alone(tab):
    page = show(tab)
    assert page.locator(".count").inner_text() == "1 pose"
    assert page.locator("thead th").all_inner_texts()[1:] == ["score", "box"]
    assert "object" not in page.locator(".card.answer").inner_text()


def test_it_is_asked_at_once_and_a_box_may_be_dragged(tab):
    page = show(tab)
    assert page.locator("#box-help").is_visible()
    assert not page.locator("#point-help").is_visible()
    assert not page.locator("#point-sign").is_visible()
    tab.open("segment")
    assert page.locator("#point-help").is_visible()
