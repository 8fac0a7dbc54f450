"""Which models may be asked for, and what is told of them."""

import json

import httpx
import pytest
from oracle import towers
from running_service import served

from pixwise.registry import cards


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return towers.save("dinov2", towers.make("dinov2"), tmp_path_factory.mktemp("dino"))


@pytest.fixture(scope="module")
def client(folder, tmp_path_factory):
    models = {"embed": "mine"}
    with (
        pytest.MonkeyPatch.context() as patch,
        served(own_models={"mine": str(folder)}, models=models, preload=("embed",)) as place,
        httpx.Client(base_url=place.url, timeout=60) as client,
    ):
        patch.setenv("HF_HUB_CACHE", str(tmp_path_factory.mktemp("hub")))
        yield client


def test_the_list_has_openais_form(client):
    told = client.get("/v1/models").json()
    assert told["object"] == "list"
    assert all({"id", "object", "created", "owned_by"} <= set(model) for model in told["data"])


def test_every_model_that_may_be_asked_for_is_told_with_its_tasks_and_licence(client):
    told = {model["id"]: model for model in client.get("/v1/models").json()["data"]}
    free = {card.id for card in cards() if card.commercial}
    assert set(told) == free | {"mine"}
    assert told["clip-b32"]["tasks"] == ["zeroshot", "moderate", "embed"]
    assert (told["clip-b32"]["licence"], told["clip-b32"]["state"], told["clip-b32"]["usable"]) == (
        "MIT", "available", False)  # fmt: skip


def test_it_says_which_is_loaded_and_which_answers_by_default(client):
    while httpx.get(client.base_url.join("/readyz")).status_code != 200:
        pass
    mine, look = client.get("/v1/models/mine").json(), client.get("/v1/models/look").json()
    assert (mine["state"], mine["default_for"], mine["tasks"]) == ("loaded", ["embed"], ["embed"])
    assert (look["state"], look["default_for"], look["usable"]) == ("on-disk", [], True)


def test_no_path_of_the_machine_is_told(client, folder):
    assert str(folder.parent.parent) not in json.dumps(client.get("/v1/models").json())


def test_one_task_can_be_asked_for(client):
    told = client.get("/v1/models", params={"task": "ocr"}).json()["data"]
    assert {task for model in told for task in model["tasks"]} == {"ocr"}


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/v1/models/clip-b3", 404, "did you mean 'clip-b32'"),
        ("/v1/models?task=oc", 422, "did you mean 'ocr'?"),
        ("/v1/models/%00", 404, "must be one that is served"),
    ],
)
def test_what_is_not_there_is_a_problem(client, path, status, said):
    answer = client.get(path)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text


def test_only_the_models_of_the_allow_list_are_offered():
    with served(allowed_models=("look", "clip-b32")) as place:
        told = httpx.get(f"{place.url}/v1/models").json()["data"]
        assert httpx.get(f"{place.url}/v1/models/hog-people").status_code == 404
    assert {model["id"] for model in told} == {"look", "clip-b32"}


def test_only_built_in_models_are_offered_where_only_they_are_taken():
    with served(built_in=True) as place:
        told = httpx.get(f"{place.url}/v1/models").json()["data"]
    assert {model["runtime"] for model in told} == {"builtin"}
