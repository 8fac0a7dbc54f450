"""COCO's panoptic files: read as COCO's own, written and read back, nothing half-written, and what is refused."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from pixwise.errors import DataError, OutputError, ShapeError, SourceError
from pixwise.evaluate.coco_panoptic import ids_from_rgb, paired, read_panoptic, rgb_from_ids, write_panoptic
from pixwise.evaluate.panoptic import Category, PanopticMap, Segment, panoptic_quality

KINDS = (Category(1, "person", True), Category(119, "flower", False))


def map_of(seed=0, hw=(7, 9)):
    ids = np.random.default_rng(seed).choice([0, 7, 300, 70_000, 2**24 - 1], hw)
    return PanopticMap(ids, (Segment(7, 1), Segment(300, 1, True), Segment(70_000, 119), Segment(2**24 - 1, 119)))


def written(folder, **options):
    maps = [(4, "a.jpg", map_of(0)), (9, "sub/b.jpg", map_of(1, (5, 6)))]
    write_panoptic(folder / "found.json", maps, KINDS, **options)
    return folder / "found.json"


def test_an_id_is_red_and_green_and_blue():
    ids = np.array([[1, 256, 65_536, 1 + 2 * 256 + 3 * 65_536]])
    assert rgb_from_ids(ids).tolist() == [[[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 2, 3]]]
    assert np.array_equal(ids_from_rgb(rgb_from_ids(ids)), ids)


def test_what_is_written_is_read_back(tmp_path):
    path = written(tmp_path)
    read = read_panoptic(path)
    assert (read.categories, [entry.image_id for entry in read.entries]) == (KINDS, [4, 9])
    for entry, map in zip(read.entries, (map_of(0), map_of(1, (5, 6))), strict=True):
        assert np.array_equal(entry.open().ids, map.ids)
        assert entry.segments == map.segments
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["a.png", "b.png", "found", "found.json"]


def test_what_is_told_is_what_is_in_the_map(tmp_path):
    document = json.loads(written(tmp_path).read_text())
    assert document["images"][1] == {"id": 9, "file_name": "sub/b.jpg", "width": 6, "height": 5}
    for segment in document["annotations"][0]["segments_info"]:
        mask = map_of(0).ids == segment["id"]
        left, top, width, height = segment["bbox"]
        assert segment["area"] == mask.sum() == mask[top : top + height, left : left + width].sum()
        assert mask[top].any()
        assert mask[:, left + width - 1].any()


def test_pictures_of_one_name_are_two(tmp_path):
    write_panoptic(tmp_path / "p.json", [(1, "a/x.jpg", map_of(0)), (2, "b/x.jpg", map_of(1))], KINDS)
    assert [entry.path.name for entry in read_panoptic(tmp_path / "p.json").entries] == ["x.png", "x-2.png"]


@pytest.mark.assets
def test_cocos_own_files_are_read(assets):
    file = read_panoptic(assets / "data/coco/panoptic.json")
    told = json.loads((assets / "data/coco/panoptic.json").read_text())
    assert (len(file.entries), sum(kind.thing for kind in file.categories), len(file.categories)) == (24, 80, 133)
    for entry, theirs in zip(file.entries, told["annotations"], strict=True):
        map = entry.open()
        assert {s["id"]: s["area"] for s in theirs["segments_info"]} == {s.id: map.areas[s.id] for s in map.segments}


@pytest.mark.assets
def test_cocos_truth_written_again_is_the_same_and_perfect(assets, tmp_path):
    truth = read_panoptic(assets / "data/coco/panoptic.json")
    maps = ((entry.image_id, entry.path.name, entry.open()) for entry in truth.entries[:6])
    write_panoptic(tmp_path / "again.json", maps, truth.categories)
    again = read_panoptic(tmp_path / "again.json")
    told = json.loads((assets / "data/coco/panoptic.json").read_text())["annotations"]
    ours = json.loads((tmp_path / "again.json").read_text())["annotations"]
    assert [each["segments_info"] for each in ours] == [each["segments_info"] for each in told[:6]]
    some = type(truth)(truth.categories, truth.entries[:6])
    assert panoptic_quality(paired(some, again), truth.categories).all[:3] == (1, 1, 1)


@pytest.mark.assets
def test_cocos_truth_with_a_segment_renamed_by_hand(assets):
    file = read_panoptic(assets / "data/coco/panoptic.json")
    truth = file.entries[
        0
    ].open()  # the picture of bowls and oranges: three bowls, four oranges, broccoli, two of stuff
    wrong = PanopticMap(truth.ids, (truth.segments[0]._replace(category_id=1), *truth.segments[1:]))
    found = panoptic_quality([(truth, wrong)], file.categories)
    pq = dict(zip((kind.id for kind in file.categories), found.pq.tolist(), strict=True))
    assert (pq[51], pq[1], pq[55]) == (pytest.approx(2 / 2.5), 0, 1)
    assert found.all.pq == pytest.approx((0.8 + 0 + 1 + 1 + 1 + 1) / 6)


def test_nothing_is_half_written(tmp_path):
    def maps():
        yield 4, "a.jpg", map_of(0)
        raise ShapeError("the second picture cannot be answered")

    with pytest.raises(ShapeError, match="second picture"):
        write_panoptic(tmp_path / "p.json", maps(), KINDS)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path):
    def maps():
        yield 4, "a.jpg", map_of(0)
        raise OSError(28, os.strerror(28))

    with pytest.raises(OutputError, match=r"p\.json: expected to be written, got No space left.*; free some room"):
        write_panoptic(tmp_path / "p.json", maps(), KINDS)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_replaced_only_when_told(tmp_path):
    path = written(tmp_path)
    with pytest.raises(OutputError, match=r"found\.json: expected to be written anew, got one that is there"):
        written(tmp_path)
    (tmp_path / "found" / "mine.txt").write_text("gone with it")
    assert len(read_panoptic(written(tmp_path, overwrite=True)).entries) == 2
    assert sorted(each.name for each in (tmp_path / "found").iterdir()) == ["a.png", "b.png"]
    with pytest.raises(ShapeError):  # what was there stays
        write_panoptic(
            path, [(1, "a", PanopticMap(np.full((2, 2), 2**24), (Segment(2**24, 1),)))], KINDS, overwrite=True
        )
    assert len(read_panoptic(path).entries) == 2
    with pytest.raises(OutputError, match=r"expected a name that ends in \.json, got '\.png'"):
        write_panoptic(tmp_path / "x.png", [], KINDS)


def test_what_was_there_comes_back_where_its_place_cannot_be_taken(tmp_path):
    path = written(tmp_path)
    path.unlink()
    path.mkdir()  # a file cannot take the place of a folder
    (tmp_path / "found/mine.txt").write_text("kept")
    with pytest.raises(OutputError, match=r"found\.json: expected to be written, got Is a directory"):
        written(tmp_path, overwrite=True)
    assert (tmp_path / "found/mine.txt").read_text() == "kept"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["found", "found.json"]


def test_a_folder_elsewhere_can_be_named(tmp_path):
    path = written(tmp_path)
    (tmp_path / "found").rename(tmp_path / "pngs")
    assert read_panoptic(path, tmp_path / "pngs").entries[0].open().ids.shape == (7, 9)
    with pytest.raises(SourceError, match=r"a\.png: expected a PNG, got No such file.*; check"):
        read_panoptic(path).entries[0].open()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda told: told.pop("annotations"), 'got no list "annotations"'),
        (lambda told: told["annotations"][0].pop("file_name"), "got an entry without 'file_name'; add it"),
        (lambda told: told["annotations"][0].update(image_id="x"), "invalid literal for int"),
        (lambda told: told["annotations"][0].update(image_id=9), "got an image_id twice"),
        (lambda told: told["annotations"][0].update(file_name="../x.png"), "leads out of the folder"),
        (lambda told: told["categories"][0].pop("isthing"), "got an entry without 'isthing'"),
    ],
)
def test_files_in_another_form_are_told(tmp_path, change, said):
    path = written(tmp_path)
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))
    with pytest.raises(DataError, match=f"found.json: must .*{said}"):
        read_panoptic(path)


def test_pngs_that_are_no_maps_are_told(tmp_path):
    entry = read_panoptic(written(tmp_path)).entries[0]
    Image.new("L", (9, 7)).save(entry.path)
    with pytest.raises(DataError, match=r"a\.png: must be a PNG in colours, .* got one of mode L"):
        entry.open()
    Image.new("RGB", (9, 7), (1, 1, 1)).save(entry.path)
    with pytest.raises(DataError, match=r"a\.png: every id of the map must have a segment, got 65793 without"):
        entry.open()
    entry.path.write_bytes(entry.path.read_bytes()[:40])
    with pytest.raises(SourceError, match=r"a\.png: expected a PNG, got"):
        entry.open()


def test_pictures_must_be_the_same(tmp_path):
    truth = read_panoptic(written(tmp_path))
    fewer = type(truth)(truth.categories, truth.entries[:1])
    with pytest.raises(DataError, match="found: must have each picture of the truth, got none with image_id 9"):
        paired(truth, fewer)
    with pytest.raises(DataError, match="truth: must have each picture that was answered, got none with image_id 9"):
        paired(fewer, truth)
