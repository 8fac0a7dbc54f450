"""The compatible API over real sockets, with tiny models whose runs are counted."""

import base64
import concurrent.futures
import http.server
import io
import json
import threading

import numpy as np
import pytest
from compatible_place import PERSON, SIZE_WH, kitchen, picture
from PIL import Image
from running_service import served

import pixwise as px

PHOTO = picture()
PERSONS, FACES, WHOLE = ("target", "prominent_person"), ("target", "prominent_face"), ("target", "whole_image")
KEYS = ["status", "data", "cropped_image_bbox", "cropped_image_base64", "error_message"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with kitchen(tmp_path_factory.mktemp("compatible"), compatible_urls=True) as made:
        yield made


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A fresh machine without network: nothing but what is built in."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HF_HOME", "HF_HUB_CACHE", "PIXWISE_HOME"):
            patch.setenv(name, str(tmp_path_factory.mktemp("bare") / name))
        with kitchen(tmp_path_factory.mktemp("unused"), built_in=True, models={}, own_models={}) as made:
            yield made


def cut(result):
    return np.array(Image.open(io.BytesIO(base64.b64decode(result["cropped_image_base64"]))))


def pixels():
    return np.array(Image.open(io.BytesIO(PHOTO)))


def model(place, name):
    return place.service.settings.own_models[name]


def test_the_operations_are_told_with_their_targets_and_defaults(place):
    told = place.client.get("/available_operations/").json()["operations"]
    embedding = (["whole_image", "prominent_person", "prominent_face"], "whole_image")
    law = {
        "detect_bounding_box": (["prominent_person", "prominent_face"], "prominent_person"),
        **dict.fromkeys(["embed_clip_vit_b_32", "embed_dino_v2", "classify", "describe_image"], embedding),
        "embed_auraface": (["prominent_face"], "prominent_face"),
    }
    assert {name: (told[name]["allowed_targets"], told[name]["default_target"]) for name in law} == law
    assert all(each["description"] and set(each) == {"description", *list(each)[1:]} for each in told.values())


def test_ours_are_told_too(place):
    told = set(place.client.get("/available_operations").json()["operations"])
    ours = {"embed_clip", "detect_objects", "detect_faces", "identify_faces", "read_text", "read_codes"}
    assert ours | {"classify_labels", "zero_shot", "moderate", "remove_background", "find_objects"} <= told


def test_each_detection_crop_and_vector_is_made_once_however_many_tasks_ask(place):
    tasks = [("detect_bounding_box", PERSONS), ("detect_bounding_box", FACES), ("detect_bounding_box",)]
    tasks += [(kind, target) for kind in ("embed_clip_vit_b_32", "embed_dino_v2") for target in (PERSONS, FACES, WHOLE)]
    tasks += [("classify", PERSONS, ("collection_id", 7)), ("embed_auraface",), ("describe_image", PERSONS)]
    tasks += [("embed_clip", PERSONS, ("model", "clip")), ("embed_dino_v2", PERSONS), ("describe_image", PERSONS)]
    place.rows.clear()
    assert {each["status"] for each in place.results(PHOTO, *tasks)} == {"success"}
    assert place.rows == {"people": 1, "face-finder": 1, "clip": 3, "dino": 3, "face-vectors": 1, "words": 1}


def test_what_the_detector_was_asked_before_is_not_asked_again(place):
    place.rows.clear()
    place.results(PHOTO, ("detect_objects",), ("detect_bounding_box",), ("detect_faces", PERSONS), ("embed_auraface",))
    assert place.rows == {"people": 1, "face-finder": 1, "face-vectors": 1}


def test_only_what_a_request_needs_is_run(place):
    place.rows.clear()
    place.results(PHOTO, ("embed_clip_vit_b_32",))
    place.results(PHOTO, ("detect_bounding_box", FACES, ("face_context", "whole_image")))
    assert place.rows == {"clip": 1, "face-finder": 1}


def test_the_box_is_that_of_the_most_certain_person(place):
    [result] = place.results(PHOTO, ("detect_bounding_box",))
    assert list(result) == KEYS
    assert result == {**dict.fromkeys(KEYS), "status": "success", "data": list(PERSON)}


def test_a_face_in_the_persons_crop_is_told_in_the_pixels_of_the_picture(place):
    inside, whole = place.results(
        PHOTO, ("detect_bounding_box", FACES), ("detect_bounding_box", FACES, ("face_context", "whole_image"))
    )
    crop = np.ascontiguousarray(pixels()[PERSON[1] : PERSON[3], PERSON[0] : PERSON[2]])
    left, top, right, bottom = px.faces(crop, model=model(place, "face-finder")).boxes[0]
    mine = [np.floor(left) + 80, np.floor(top) + 30, min(240, np.ceil(right) + 80), min(210, np.ceil(bottom) + 30)]
    assert inside["data"] == mine
    assert whole["data"] != mine
    assert all(isinstance(edge, int) for edge in inside["data"])


def test_a_vector_of_a_crop_is_that_of_the_library(place):
    [result] = place.results(PHOTO, ("embed_dino_v2", PERSONS))
    crop = np.ascontiguousarray(pixels()[PERSON[1] : PERSON[3], PERSON[0] : PERSON[2]])
    assert (result["cropped_image_bbox"], np.array_equal(cut(result), crop)) == (list(PERSON), True)
    assert result["data"] == px.embed(crop, model=model(place, "dino")).vector.tolist()


def test_the_whole_picture_has_no_crop_fields(place):
    for result in place.results(PHOTO, ("embed_clip_vit_b_32",), ("classify", ("collection_id", 7))):
        assert (result["status"], result["cropped_image_bbox"], result["cropped_image_base64"]) == (
            "success",
            None,
            None,
        )


def test_a_face_vector_is_laid_on_landmarks_of_the_whole_picture(place):
    [result] = place.results(PHOTO, ("embed_auraface", ("face_context", "whole_image")))
    faces = px.faces(PHOTO, model=model(place, "face-finder"))
    told = px.Identifier.load(model(place, "face-vectors"), helpers={"faces": lambda picture: faces})(PHOTO)
    assert np.allclose(result["data"], told.vectors[0], atol=1e-6)
    assert cut(result).shape[:2] == (result["cropped_image_bbox"][3] - result["cropped_image_bbox"][1],
                                     result["cropped_image_bbox"][2] - result["cropped_image_bbox"][0])  # fmt: skip


def test_classify_says_in_or_out_with_a_probability(place):
    embedded, *verdicts = place.results(
        PHOTO, ("embed_clip_vit_b_32",), *(("classify", ("collection_id", id)) for id in (7, 70))
    )
    for verdict, sign in zip(verdicts, (1, -1), strict=True):
        share = 1 / (1 + np.exp(-sign * np.dot(embedded["data"], np.linspace(-3, 3, 24))))
        assert verdict["data"] == {
            "is_in_collection": bool(share >= 0.5),
            "probability": pytest.approx(share, rel=1e-5),
        }
    assert verdicts[0]["data"]["is_in_collection"] is not verdicts[1]["data"]["is_in_collection"]


def test_a_description_is_a_string_of_at_most_so_many_tokens(place):
    default, short, too_long = place.results(
        PHOTO, ("describe_image",), ("describe_image", ("max_length", 2)), ("describe_image", ("max_length", 5000))
    )
    load = model(place, "words")
    assert default["data"] == too_long["data"] == px.caption(PHOTO, model=load, max_tokens=47).text  # its room
    assert short["data"] == px.caption(PHOTO, model=load, max_tokens=2).text


@pytest.mark.parametrize(
    ("task", "status", "said"),
    [
        (("no_such",), "skipped", "Unsupported operation type 'no_such'; allowed are detect_bounding_box, embed_clip"),
        (
            ("embed_auraface", WHOLE),
            "skipped",
            "Unsupported target 'whole_image' for 'embed_auraface'; allowed are pro",
        ),
        (("detect_bounding_box", ("target", 3)), "skipped", "allowed are prominent_person, prominent_face"),
        (("embed_auraface", ("face_context", "x")), "skipped", "allowed are prominent_person, whole_image"),
        (("classify", ("collection_id", 8)), "skipped", "No classifier found for collection_id 8; known are 7"),
        (("classify", ("collection_id", 71)), "error", "was trained on vectors of precision 'int4'"),
        (("classify",), "error", "collection_id must be given"),
        (("classify", ("collection_id", [7])), "error", "collection_id must be a whole number"),
        (("describe_image", ("max_length", 0)), "error", "max_length must be a whole number"),
        (("detect_objects", ("min_skore", 1)), "error", "did you mean 'min_score'?"),
        (("embed_clip", ("model", "../../etc/passwd")), "error", "must be one that is served"),
        (("embed_clip", ("model", 5)), "error", "model must be a string"),
    ],
)
def test_what_one_task_lacks_is_told_in_its_result_and_the_others_answer(place, task, status, said):
    result, other = place.results(PHOTO, task, ("detect_bounding_box",))
    assert (result["status"], result["data"], said in result["error_message"]) == (status, None, True), result
    assert (list(result), other["data"]) == (KEYS, list(PERSON))


def test_null_in_the_place_of_a_parameter_is_its_default(place):
    nulls = [("target", None), ("face_context", None), ("max_length", None)]
    given, bare, none = place.results(
        PHOTO, ("describe_image", *nulls), ("describe_image",), {"operation_id": "x", "type": "describe_image"}
    )
    assert given == bare == none


def test_nobody_in_the_picture(bare):
    plain = io.BytesIO()
    Image.new("RGB", SIZE_WH, "white").save(plain, "PNG")
    person, face, vector, quality = bare.results(
        plain.getvalue(), ("detect_bounding_box",), ("detect_bounding_box", FACES), ("measure_quality", FACES),
        ("measure_quality", PERSONS),
    )  # fmt: skip
    assert person == face == {**dict.fromkeys(KEYS), "status": "success"}
    assert vector["status"] == "skipped"
    assert vector["error_message"].startswith("No prominent face found in the most certain person for operation '2'")
    assert (quality["status"], quality["cropped_image_bbox"]) == ("success", None)


def test_a_fresh_machine_tells_for_each_model_how_to_fetch_it(bare):
    kinds = ["embed_clip_vit_b_32", "embed_dino_v2", "embed_auraface", "describe_image", "classify_labels"]
    *missing, person, face = bare.results(PHOTO, *((kind,) for kind in kinds), ("detect_bounding_box",),
                                          ("detect_bounding_box", FACES))  # fmt: skip
    said = [(each["status"], each["error_message"].partition("run: ")[2].partition(",")[0]) for each in missing]
    ids = ["clip-b32", "dinov2-base", "auraface", "vit-gpt2", px.registry.default_card("classify", "onnx").id]
    assert said == [("error", f"pixwise models pull {id}") for id in ids]
    assert (person["status"], face["status"]) == ("success", "success")


@pytest.mark.assets
def test_a_fresh_machine_finds_a_real_person_and_a_real_face(bare, assets):
    street = (assets / "data/coco/images/000000000034.jpg").read_bytes()
    portrait = (assets / "data/photos/david1.jpg").read_bytes()
    [person], [face] = (
        bare.results(street, ("detect_bounding_box",)),
        bare.results(portrait, ("detect_bounding_box", FACES)),
    )
    assert (len(person["data"]), face["data"]) == (4, [120, 54, 189, 123])


def test_a_model_that_cannot_be_opened_fails_only_what_needs_it(tmp_path):
    (tmp_path / "broken").mkdir()
    with kitchen(tmp_path) as place:
        (tmp_path / "models" / "dino" / "model.onnx").write_bytes(b"damaged")
        broken, whole = place.results(PHOTO, ("embed_dino_v2",), ("embed_clip_vit_b_32",))
    assert (broken["status"], "model.onnx" in broken["error_message"], whole["status"]) == ("error", True, "success")


def test_ours_are_in_the_pixels_of_the_picture(place):
    [result] = place.results(PHOTO, ("detect_faces", PERSONS))
    [face], [box] = result["data"]["faces"], place.results(PHOTO, ("detect_bounding_box", FACES))
    assert np.floor(face["box"][:2]).tolist() == box["data"][:2]
    assert face["landmarks"][0][0] > PERSON[0]
    assert "image" not in result["data"]


def test_a_cut_out_is_a_png_with_transparency(place):
    [result] = place.results(PHOTO, ("remove_background", PERSONS))
    image = Image.open(io.BytesIO(base64.b64decode(result["data"])))
    assert (image.mode, image.size) == ("RGBA", (PERSON[2] - PERSON[0], PERSON[3] - PERSON[1]))


def test_an_upload_is_named_and_its_name_is_no_path(place):
    files = {"image_file": ("../../etc/passwd.png", PHOTO)}
    answer = place.client.post("/analyze_image_upload/", files=files, data={"tasks_json": "[]"})
    assert answer.json() == {"image_url": "uploaded:passwd.png", "results": {}}


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        (None, "tasks_json must be a list of tasks as JSON, got none"),
        ("[", "tasks_json must be JSON"),
        ('[{"operation_id": "\\ud800", "type": "b"}]', "tasks_json must "),
        ("{}", "tasks_json must be a list of tasks, got an object"),
        ("[3]", "tasks_json[0] must be an object"),
        ('[{"type": "classify"}]', "tasks_json[0].operation_id must be a string"),
        ('[{"operation_id": "a"}]', "tasks_json[0].type must be a string"),
        ('[{"operation_id": "a", "type": "b", "params": []}]', "tasks_json[0].params must be an object, got a list"),
        (
            json.dumps([{"operation_id": "a", "type": "b"}] * 2),
            "operation_id must be another for each task, got 'a' tw",
        ),
        (json.dumps([{"operation_id": f"{n}", "type": "b"} for n in range(101)]), "must be at most 100 tasks, got 101"),
    ],
)
def test_tasks_that_cannot_be_read_are_a_400(place, tasks, said):
    form = {} if tasks is None else {"tasks_json": tasks}
    answer = place.client.post("/analyze_image_upload/", files={"image_file": ("x.png", PHOTO)}, data=form)
    assert (answer.status_code, list(answer.json())) == (400, ["detail"])
    assert said in answer.json()["detail"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "body must be JSON"),
        (b"[]", "body must be an object with image_url and tasks, got a list"),
        (b'{"tasks": []}', "image_url must be a string, got none"),
        (b'{"image_url": "http://x"}', "tasks must be a list of tasks, got none"),
        (b'{"image_url": "file:///etc/passwd", "tasks": []}', "Could not download image from URL: 'file:///etc"),
        (
            b'{"image_url": "http://127.0.0.1:1/x", "tasks": []}',
            "Could not download image from URL: http://127.0.0.1:1",
        ),
    ],
)
def test_a_body_or_an_address_that_is_not_right_is_a_400(place, content, said):
    answer = place.client.post("/analyze_image/", content=content)
    assert (answer.status_code, list(answer.json()), said in answer.json()["detail"]) == (400, ["detail"], True)


@pytest.mark.parametrize("file", [b"", b"no picture", PHOTO[: len(PHOTO) // 2]], ids=["empty", "text", "half"])
def test_an_upload_that_is_no_picture_is_a_400(place, file):
    answer = place.upload(file, ("embed_clip_vit_b_32",), ("embed_clip_vit_b_32", PERSONS))
    assert (answer.status_code, list(answer.json())) == (400, ["detail"])
    assert answer.json()["detail"].startswith("Could not process image: ")
    assert place.upload(file, ("no_such",)).status_code == 400  # also where nothing else would look at it


def test_a_missing_file_is_a_400(place):
    answer = place.client.post("/analyze_image_upload/", data={"tasks_json": "[]"})
    assert answer.status_code == 400
    told = place.client.post("/analyze_image_upload/", files={"other": ("x", PHOTO)}, data={"tasks_json": "[]"})
    assert (told.status_code, told.json()) == (400, {"detail": "image_file must be a file, got none"})


def test_limits_keep_their_status_in_the_form_of_this_api(tmp_path):
    with served(max_pixels=100, max_body_bytes=50_000) as place, _client(place) as client:
        files = {"image_file": ("x.png", _white())}
        large = client.post("/analyze_image_upload/", files=files, data={"tasks_json": "[]"})
        huge = client.post("/analyze_image_upload/", content=b"x" * 60_000)
        method, slash = client.get("/analyze_image/"), client.post("/available_operations")
    assert [each.status_code for each in (large, huge, method, slash)] == [413, 413, 405, 405]
    assert all(list(each.json()) == ["detail"] for each in (large, huge, method, slash))
    assert large.json()["detail"].startswith("Could not process image: ")


def test_addresses_are_refused_unless_the_operator_allows_them(bare):
    answer = bare.client.post("/analyze_image/", json={"image_url": "http://93.184.216.34/x.png", "tasks": []})
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("Could not download image from URL: addresses must be allowed")


def test_a_picture_at_an_address_is_answered_under_its_address(place):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(PHOTO)

        log_message = lambda *_: None  # noqa: E731

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/photo.png?a=1"
        body = {"image_url": url, "tasks": [{"operation_id": "p", "type": "detect_bounding_box", "params": {}}]}
        answer = place.client.post("/analyze_image/", json=body).json()
        server.shutdown()
    assert (answer["image_url"], answer["results"]["p"]["data"]) == (url, list(PERSON))


def test_it_is_gone_where_the_operator_does_not_want_it():
    with served(compatible=False) as place, _client(place) as client:
        assert client.get("/available_operations/").status_code == 404


def test_many_at_the_same_time_get_their_own_answers(place):
    tasks = [
        ("detect_bounding_box", FACES),
        ("embed_clip_vit_b_32", PERSONS),
        ("embed_dino_v2", FACES),
        ("embed_auraface",),
    ]
    photos = [picture(seed) for seed in range(4)]
    alone = [place.results(photo, *tasks) for photo in photos]
    with concurrent.futures.ThreadPoolExecutor(16) as crowd:
        told = list(crowd.map(lambda n: place.results(photos[n % 4], *tasks), range(48)))
    for number, results in enumerate(told):
        for mine, other in zip(results, alone[number % 4], strict=True):
            assert mine["cropped_image_base64"] == other["cropped_image_base64"]
            assert np.allclose(mine["data"], other["data"], atol=1e-5)


def _client(place):
    import httpx

    return httpx.Client(base_url=place.url, timeout=30)


def _white():
    kept = io.BytesIO()
    Image.new("RGB", SIZE_WH, "white").save(kept, "PNG")
    return kept.getvalue()
