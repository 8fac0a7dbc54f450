"""The compatible API when it is busy, late, left alone, or lied to."""

import concurrent.futures
import hashlib
import io
import json
import socket
import threading
import time

import httpx
import pytest
from compatible_place import PERSON, kitchen, picture
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from running_service import served

from pixwise.serve.compatible_operations import OPERATIONS
from pixwise.serve.prominence import TARGETS

PHOTO = picture()
TASKS = json.dumps([{"operation_id": "p", "type": "detect_bounding_box"}])


def upload(place, **more):
    form = {"files": {"image_file": ("x.png", PHOTO)}, "data": {"tasks_json": TASKS}}
    return httpx.post(f"{place.url}/analyze_image_upload/", timeout=30, **form, **more)


def test_a_busy_service_says_when_to_ask_again():
    with served(built_in=True, concurrency=1, queue=1, queue_per_caller=1) as place:
        upload(place)
        with concurrent.futures.ThreadPoolExecutor(12) as crowd:
            told = list(crowd.map(lambda _: upload(place), range(24)))
    refused = [each for each in told if each.status_code != 200]
    assert {each.status_code for each in refused} <= {429, 503}
    assert refused
    assert all(list(each.json()) == ["detail"] and int(each.headers["Retry-After"]) >= 1 for each in refused)


def test_keys_and_rates_are_told_in_the_form_of_this_api():
    key = {"name": "anna", "sha256": hashlib.sha256(b"secret").hexdigest(), "scopes": ["ask"], "rate": 1}
    meter = {"name": "meter", "sha256": hashlib.sha256(b"other").hexdigest(), "scopes": ["metrics"]}
    with served(built_in=True, keys=[key, meter]) as place:
        told = [upload(place, headers=headers) for headers in (
            {}, {"Authorization": "Bearer other"}, *[{"Authorization": "Bearer secret"}] * 2
        )]  # fmt: skip
    assert [each.status_code for each in told] == [401, 403, 200, 429]
    assert all(list(each.json()) == ["detail"] for each in told if each.status_code != 200)
    assert "Retry-After" in told[3].headers


def test_an_answer_that_does_not_come_in_time_is_a_504():
    with served(built_in=True, deadline_s=0.001) as place:
        answer = upload(place)
    # 408 where the time was over before the body had come
    assert (answer.status_code in (408, 504), list(answer.json())) == (True, ["detail"])


@pytest.mark.parametrize("url", ["http://127.0.0.1:80/x", "http://localhost/x", "http://[::1]/x", "http://10.0.0.1/x"])
def test_addresses_of_the_machines_own_network_are_refused(url):
    with served(built_in=True, compatible_urls=True) as place:
        answer = httpx.post(f"{place.url}/analyze_image/", json={"image_url": url, "tasks": []})
    assert (answer.status_code, "host must have public addresses only" in answer.json()["detail"]) == (400, True)
    assert answer.json()["detail"].startswith("Could not download image from URL: ")


def test_a_turned_picture_is_answered_upright(tmp_path):
    kept = io.BytesIO()
    upright = Image.open(io.BytesIO(PHOTO))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter to the right to see it upright
    upright.rotate(90, expand=True).save(kept, "PNG", exif=exif)
    with kitchen(tmp_path) as place:
        result, plain = (place.results(data, ("embed_clip_vit_b_32", ("target", "prominent_person")))[0]
                         for data in (kept.getvalue(), PHOTO))  # fmt: skip
    assert result["cropped_image_bbox"] == list(PERSON)
    assert result == plain


def test_who_hangs_up_is_not_worked_for(tmp_path):
    with kitchen(tmp_path, concurrency=1) as place:
        place.results(PHOTO, ("describe_image",))
        hold, begun, ask = threading.Event(), threading.Event(), place.service.ask

        def slow(*args):
            begun.set()
            hold.wait(10)
            return ask(*args)

        place.service.ask = slow
        place.rows.clear()
        _hang_up(place, ("describe_image", "embed_dino_v2"), begun)
        hold.set()
        place.service.ask = ask
        place.results(PHOTO, ("detect_bounding_box",))
    assert place.rows == {"people": 1}


def _hang_up(place, kinds, begun):
    """Send a request, and close the connection when it is worked on."""
    tasks = [{"operation_id": kind, "type": kind} for kind in kinds]
    form = {"files": {"image_file": ("x.png", PHOTO)}, "data": {"tasks_json": json.dumps(tasks)}}
    request = place.client.build_request("POST", "/analyze_image_upload/", **form)
    head = f"POST {request.url.path} HTTP/1.1\r\n" + "".join(
        f"{key}: {value}\r\n" for key, value in request.headers.items()
    )
    with socket.create_connection((request.url.host, request.url.port)) as line:
        line.sendall(head.encode() + b"\r\n" + request.read())
        assert begun.wait(10)
    time.sleep(0.2)


def test_models_that_are_not_loaded_are_loaded_once_for_all_who_come(tmp_path):
    with kitchen(tmp_path) as place:
        loaded, wrap = [], place.service.pool.wrap
        place.service.pool.wrap = lambda session, card: loaded.append(card.id) or wrap(session, card)
        tasks = [(kind, ("target", "prominent_face")) for kind in ("embed_clip_vit_b_32", "embed_auraface")]
        with concurrent.futures.ThreadPoolExecutor(8) as crowd:
            told = list(crowd.map(lambda _: place.results(PHOTO, *tasks), range(8)))
    assert {result["status"] for results in told for result in results} == {"success"}
    assert (len(loaded), len(set(loaded))) == (4, 4)


def test_a_picture_of_one_pixel_is_answered(tmp_path):
    kept = io.BytesIO()
    Image.new("RGB", (1, 1), "red").save(kept, "PNG")
    with kitchen(tmp_path) as place:
        kinds = ("embed_clip_vit_b_32", "measure_quality", "read_codes")
        results = place.results(kept.getvalue(), *((kind, ("target", "prominent_person")) for kind in kinds))
    assert [(each["status"], each["cropped_image_bbox"]) for each in results] == [("success", [0, 0, 1, 1])] * 3


odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=9),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.none()),
)
params = st.fixed_dictionaries({}, optional={
    "target": st.one_of(st.sampled_from(TARGETS), odd), "face_context": st.one_of(st.sampled_from(TARGETS), odd),
    "collection_id": st.one_of(st.just(7), odd), "max_length": st.one_of(st.integers(1, 4), odd),
    "model": st.one_of(st.just("clip"), odd), "labels": odd, "min_score": odd, "gallery": odd, "policy": odd,
    "helpers": odd, "card": odd, "limits": odd, "offline": odd,
})  # fmt: skip
asked = st.lists(st.tuples(st.one_of(st.sampled_from(sorted(OPERATIONS)), st.text(min_size=1, max_size=9)), params),
                 max_size=5)  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with kitchen(tmp_path_factory.mktemp("odd")) as made:
        yield made


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(asked)
def test_whatever_tasks_say_each_has_a_result_and_none_is_a_fault_of_ours(place, tasks):
    told = [{"operation_id": f"{n}", "type": type, "params": given} for n, (type, given) in enumerate(tasks)]
    answer = place.upload(PHOTO, *told)
    if answer.status_code == 400:  # half of a letter
        assert "tasks_json" in answer.json()["detail"]
        return
    results = answer.json()["results"]
    assert list(results) == [each["operation_id"] for each in told]
    for result in results.values():
        assert (result["status"] == "success") is (result["error_message"] is None)
        assert "a fault of ours" not in (result["error_message"] or "")


def test_the_time_of_each_step_is_told(tmp_path):
    with kitchen(tmp_path) as place:
        answer = place.upload(PHOTO, ("embed_clip_vit_b_32", ("target", "prominent_person")), ("describe_image",))
    steps = [each.partition(";")[0].strip() for each in answer.headers["server-timing"].split(",")]
    assert {"decode", "detect", "crop", "embed", "caption", "encode"} <= set(steps)


def test_the_description_of_the_service_tells_the_routes_and_their_errors(tmp_path):
    with served(built_in=True) as place:
        told = httpx.get(f"{place.url}/openapi.json").json()["paths"]
    body = told["/analyze_image/"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["required"] == ["image_url", "tasks"]
    assert {"200", "400", "413", "503", "504"} <= set(told["/analyze_image_upload/"]["post"]["responses"])
    assert "get" in told["/available_operations/"]
    assert "/analyze_image" not in told


def test_the_answer_is_what_the_description_says(tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    from pixwise.serve.compatible_schemas import ANALYZE_RESPONSES

    schema = ANALYZE_RESPONSES[200]["content"]["application/json"]["schema"]
    with kitchen(tmp_path) as place:
        answer = place.upload(PHOTO, ("embed_dino_v2", ("target", "prominent_face")), ("x",), ("detect_faces",)).json()
    jsonschema.validate(answer, schema)
