"""identify, verify and gallery on real faces, with a tiny recogniser: what is printed, kept and refused."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
import pytest
from oracle import recogniser
from oracle.yunet import own_model
from PIL import Image

from pixwise.identity.gallery import Gallery


@pytest.fixture(scope="module")
def models(assets, tmp_path_factory):
    """The options that name a recogniser and a face detector."""
    folder = tmp_path_factory.mktemp("models")
    faces = own_model(folder / "yunet", assets / "models" / "yunet_n_dynamic.onnx")
    return ("--model", recogniser.save(folder / "tiny-face"), "--faces-model", faces)


@pytest.fixture
def photos(assets, tmp_path):
    """`david.jpg` and `dark.jpg` of one person, `two.jpg` of two, `wall.jpg` of nobody."""
    data = assets / "data"
    shutil.copy(data / "photos/david1.jpg", tmp_path / "david.jpg")
    shutil.copy(data / "coco/images/000000000113.jpg", tmp_path / "two.jpg")
    Image.fromarray((np.array(Image.open("david.jpg")) * 0.9).astype(np.uint8)).save("dark.jpg", quality=95)
    Image.new("RGB", (200, 200), "grey").save("wall.jpg")
    return tmp_path


@pytest.mark.assets
def test_people_are_added_and_named(cli, photos, models):
    assert cli("gallery", "add", "Дэвид", "david.jpg", *models) == (0, "Дэвид: 1 added, 1 in people.npz\n", "")
    code, out, err = cli("identify", "dark.jpg", "-g", "people.npz", *models)
    assert (code, err, "1 identity" in out, "Дэвид" in out) == (0, "", True, True)
    told = json.loads(cli("identify", "two.jpg", "-g", "people.npz", "--threshold", 0.9, "--json", *models).out)
    assert [(row["name"], row["threshold"]) for row in told["identities"]] == [("unknown", 0.9)] * 2


@pytest.mark.assets
def test_without_a_gallery_there_are_vectors(cli, photos, models):
    told = json.loads(cli("identify", "two.jpg", "--json", *models).out)
    assert [len(row["vector"]) for row in told["identities"]] == [128, 128]
    lines = cli("identify", "two.jpg", "--csv", *models).out.splitlines()
    assert lines[0].endswith("landmarks_x5,landmarks_y5,name,similarity,threshold,vector")
    assert len(lines[1].split(",")[-1].split()) == 128


@pytest.mark.assets
def test_pictures_with_no_face_or_several_are_told_and_the_others_added(cli, photos, models):
    code, out, err = cli("gallery", "add", "Ada", "wall.jpg", "david.jpg", "two.jpg", "none.jpg", *models)
    assert (code, out) == (1, "Ada: 1 added, 1 in people.npz\n")
    starts = [
        "none.jpg: expected a picture",
        "wall.jpg must show one face, got none",
        "two.jpg must show one face, got 2",
    ]
    assert [line.startswith(f"pixwise: {start}") for line, start in zip(err.splitlines(), starts, strict=True)] == [
        True
    ] * 3
    assert cli("gallery", "add", "Ada", "two.jpg", "--largest", *models).out == "Ada: 1 added, 2 in people.npz\n"


@pytest.mark.assets
def test_a_picture_that_a_person_has_already_is_left_out_with_words(cli, photos, models):
    shutil.copy("david.jpg", "copy.jpg")
    code, out, err = cli("gallery", "add", "Ada", "david.jpg", "copy.jpg", *models)
    assert (code, out) == (0, "Ada: 1 added, 1 in people.npz\n")
    assert err == "pixwise: copy.jpg: left out, Ada has this picture already\n"
    code, out, err = cli("gallery", "add", "Ada", "copy.jpg", *models)
    assert (out, "copy.jpg: left out" in err) == ("Ada: 0 added, 1 in people.npz\n", True)


@pytest.mark.assets
def test_where_nothing_could_be_added_no_gallery_is_written(cli, photos, models):
    assert cli("gallery", "add", "Ada", "wall.jpg", *models).code == 1
    assert not (photos / "people.npz").exists()


@pytest.fixture
def people():
    """A gallery of two people, in JSON."""
    gallery = Gallery()
    gallery.add("Ada", np.eye(128)[:2])
    gallery.add("Bo", np.eye(128)[2])
    gallery.save("people.json")
    return "people.json"


def listed(cli, path):
    return {
        row["name"]: row["pictures"] for row in json.loads(cli("gallery", "list", "-g", path, "--json").out)["people"]
    }


def test_people_are_listed_renamed_joined_and_removed(cli, people):
    assert cli("gallery", "list", "-g", people).out.split() == ["name", "pictures", "Ada", "2", "Bo", "1"]
    renamed = "pixwise: Bo is Bob now in people.json, with 1 picture\n"
    assert cli("gallery", "rename", "Bo", "Bob", "-g", people) == (0, "", renamed)
    assert listed(cli, people) == {"Ada": 2, "Bob": 1}
    assert cli("gallery", "rename", "Bob", "Ada", "-g", people).code == 2
    assert cli("gallery", "rename", "Bob", "Ada", "--join", "-g", people).code == 0
    assert cli("gallery", "rm", "Ada", "-g", people) == (0, "", "pixwise: Ada deleted from people.json\n")
    assert listed(cli, people) == {}


def test_galleries_are_merged(cli, people):
    other = Gallery.load(people)  # what is in both does not count twice
    other.add("Bo", np.eye(128)[3])
    other.save("other.npz")
    told = "pixwise: 1 picture added to people.json, which has 2 people now\n"
    assert cli("gallery", "merge", "other.npz", "-g", people) == (0, "", told)
    assert listed(cli, people) == {"Ada": 2, "Bo": 2}


def test_one_wrong_name_of_several_changes_nothing(cli, people):
    code, _, err = cli("gallery", "rm", "Ada", "Boo", "-g", people)
    assert (code, "did you mean 'Bo'" in err) == (2, True)
    assert listed(cli, people) == {"Ada": 2, "Bo": 1}


def test_a_missing_gallery_is_told_with_the_command_that_makes_one(cli):
    code, _, err = cli("gallery", "list")
    assert (code, "make one: pixwise gallery add NAME PICTURE -g people.npz" in err) == (2, True)


@pytest.mark.assets
def test_where_an_argument_cannot_be_read_nothing_is_done_and_the_code_is_2(cli, photos):
    asked = [
        ("verify", "david.jpg", "none.jpg"),
        ("learn-head", "nodir", "--model", "look"),
        ("identify", "david.jpg", "-g", "none.npz"),
        ("moderate", "david.jpg", "--policy", "none.json"),
        ("eval", "verification", "none.csv"),
    ]
    assert [cli(*words).code for words in asked] == [2] * 5


@pytest.mark.assets
def test_a_gallery_of_another_model_is_refused(cli, photos, models, people):
    code, _, err = cli("identify", "david.jpg", "-g", people, *models)
    assert (code, err) == (
        2,
        "pixwise: vectors must be of one model, got 'none' and 'tiny-face'; "
        "use the gallery's model, or make the gallery anew\n",
    )


@pytest.mark.assets
def test_who_was_added_while_pictures_were_looked_at_stays(cli, photos, models):
    assert cli("gallery", "add", "Ada", "david.jpg", *models).code == 0
    with ThreadPoolExecutor(1) as pool, Gallery.changing("people.npz") as people:
        added = pool.submit(cli, "gallery", "add", "Cy", "dark.jpg", *models)
        wait([added], timeout=1)
        people.add("Bo", people.vectors_of("Ada"))
    assert (added.result().code, listed(cli, "people.npz")) == (0, {"Ada": 1, "Bo": 1, "Cy": 1})


@pytest.mark.assets
def test_a_gallery_of_a_folder_whose_model_was_replaced_is_refused(cli, photos, models, tmp_path):
    folder = recogniser.save(tmp_path / "mine", seed=0)
    words = ("--model", folder, *models[2:])
    assert cli("gallery", "add", "Ada", "david.jpg", *words).code == 0
    shutil.copy(recogniser.save(tmp_path / "other", seed=1) / "tiny.onnx", folder)
    assert "vectors must be of one revision, got" in cli("identify", "david.jpg", "-g", "people.npz", *words).err
    assert "vectors must be of one revision, got" in cli("gallery", "add", "Ada", "david.jpg", *words).err


@pytest.mark.assets
def test_verify_says_yes_or_no_and_whose_threshold(cli, photos, models):
    code, out, err = cli("verify", "david.jpg", "dark.jpg", *models)
    assert (code, err) == (0, "")
    assert out.startswith("the same person: similarity 0.9")
    assert out.endswith(">= 0.5 (made up)\n")
    assert cli("verify", "david.jpg", "two.jpg", "--threshold", 0.99, *models).out.startswith("two people: similarity ")


@pytest.mark.assets
def test_verify_as_json_has_both_faces(cli, photos, models):
    text = cli("verify", "david.jpg", "two.jpg", "--json", *models).out
    told = json.loads(text)
    assert sum('"box": ' in line and line.rstrip(",").endswith("]") for line in text.splitlines()) == 2
    assert [(face["picture"], face["source"]) for face in told["faces"]] == [(1, "david.jpg"), (2, "two.jpg")]
    assert set(told["verification"]) == {"same", "similarity", "threshold", "threshold_source"}


@pytest.mark.assets
def test_verify_names_the_picture_without_a_face_or_that_is_not_there(cli, photos, models):
    told = cli("verify", "david.jpg", "wall.jpg", *models)
    assert (told.code, "second picture (wall.jpg) must show a face, got none" in told.err) == (2, True)
    assert "none.jpg: expected a picture, got no such file" in cli("verify", "david.jpg", "none.jpg").err
    assert "threshold must be a cosine" in cli("verify", "david.jpg", "dark.jpg", "--threshold", 3).err


@pytest.mark.assets
def test_verify_takes_two_pictures_and_no_more(cli, photos):
    told = cli("verify", "d*.jpg", "two.jpg")
    assert (told.code, "pictures must be two, A and B, got 3; name two files" in told.err) == (2, True)


@pytest.mark.assets
def test_unknown_faces_are_grouped(cli, photos, models):
    told = json.loads(cli("gallery", "group", ".", "--threshold", 0.9, "--json", *models).out)
    where = {}
    for face in told["faces"]:
        where.setdefault(face["group"], []).append(face["source"].removeprefix("./"))
    assert sorted(map(sorted, where.values())) == [["dark.jpg", "david.jpg"], ["two.jpg"], ["two.jpg"]]
    table = cli("gallery", "group", "david.jpg", "dark.jpg", *models).out
    assert [line.split()[:2] for line in table.splitlines()[1:]] == [["0", "david.jpg"], ["0", "dark.jpg"]]


@pytest.mark.assets
def test_a_picture_that_cannot_be_read_does_not_end_the_grouping(cli, photos, models):
    (photos / "bad.jpg").write_text("no picture")
    code, out, err = cli("gallery", "group", "david.jpg", "bad.jpg", *models)
    assert (code, len(out.splitlines()), err.count("\n")) == (1, 2, 1)


@pytest.mark.assets
def test_a_csv_of_pairs_is_measured(cli, photos, models):
    rows = ["david.jpg,dark.jpg,1", "david.jpg,two.jpg,0", "dark.jpg,two.jpg,0", "david.jpg,wall.jpg,0"]
    (photos / "pairs.csv").write_text("\n".join(["a,b,same", *rows]))
    code, out, err = cli("eval", "verification", "pairs.csv", "--json", *models)
    told = json.loads(out)
    assert (code, err) == (1, "pixwise: wall.jpg: must show a face, got none\n")
    assert (told["pairs_same"], told["pairs_different"], told["pairs_left_out"], told["eer"]) == (1, 2, 1, 0)
    assert 0.5 < told["best_threshold"]["accuracy"] < 1
    table = [" ".join(line.split()) for line in cli("eval", "verification", "pairs.csv", *models).out.splitlines()]
    assert table[0] == "pairs 1 of one person, 2 of two, 1 left out"
    assert table[-1].startswith("at FAR 0.1 100.0% recognised, threshold 0.")


@pytest.mark.assets
def test_pairs_of_one_kind_are_refused(cli, photos, models):
    (photos / "pairs.csv").write_text("a,b,same\ndavid.jpg,dark.jpg,1\n")
    code, _, err = cli("eval", "verification", "pairs.csv", *models)
    assert (code, "pairs must be of one person and of two people, got 1 and 0" in err) == (2, True)


def test_the_model_that_finds_faces_stands_beside_the_other_in_the_help(cli):
    told = " ".join(cli("identify", "--help").out.split())
    assert "Model that finds the faces for it. --device" in told
    assert "Gallery`" not in told


def test_offline_all_models_that_are_missing_are_named_at_once(cli, pictures, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("PIXWISE_HOME", str(tmp_path / "home"))
    code, out, err = cli("identify", pictures / "a.png", "--offline")
    assert (code, out, err.count("\n"), "pixwise models pull sface yunet" in err) == (3, "", 1, True)
