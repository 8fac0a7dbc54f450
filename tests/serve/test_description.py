"""What /openapi.json says: valid, complete, and its examples are true."""

import json

import jsonschema
import pytest
import schemathesis
from jsonschema import Draft202012Validator

from pixwise.serve.app import create_app
from pixwise.serve.settings import Key, Settings
from pixwise.task_table import TASKS

KEY = Key(name="ada", sha256="0" * 64)
METHODS = ("get", "post", "delete")


@pytest.fixture(scope="module")
def told():
    return json.loads(json.dumps(create_app(Settings(built_in=True)).openapi()))


def routes(told):
    return [(path, method, route) for path, methods in told["paths"].items() for method, route in methods.items()]


def mine(told):
    return [each for each in routes(told) if each[0].startswith("/v1/")]


def check(told, schema, example):
    Draft202012Validator({**schema, "components": told["components"]}).validate(example)


def test_it_is_valid_openapi(told):
    schemathesis.openapi.from_dict(told).validate()
    with pytest.raises(Exception, match=r"is not valid|required|property"):
        schemathesis.openapi.from_dict({**told, "info": {}}).validate()


def test_it_is_of_version_3_1_and_names_every_task(told):
    assert told["openapi"].startswith("3.1")
    assert {f"/v1/{task}" for task in TASKS} <= set(told["paths"])


def test_every_example_of_a_body_and_of_an_answer_fits_its_schema(told):
    checked = 0
    for _, _, route in mine(told):
        bodies = [route.get("requestBody", {}), *(route["responses"][status] for status in route["responses"])]
        for content in (part for body in bodies for part in body.get("content", {}).values()):
            if "example" in content:
                check(told, content["schema"], content["example"])
                checked += 1
    assert checked >= 2 * len(TASKS)


def test_an_example_that_does_not_fit_would_be_found(told):
    with pytest.raises(jsonschema.ValidationError):
        check(told, {"$ref": "#/components/schemas/Problem"}, {"status": 4})


@pytest.mark.parametrize("status", [401, 403, 406, 422, 429])
def test_every_route_of_v1_names_its_problems(told, status):
    for path, method, route in mine(told):
        assert route["responses"][str(status)]["$ref"] == f"#/components/responses/Problem{status}", (path, method)


def test_busy_answers_say_when_to_ask_again(told):
    for status in (429, 503):
        assert "Retry-After" in told["components"]["responses"][f"Problem{status}"]["headers"]


def test_tasks_take_three_forms_of_body_and_give_json_or_pictures(told):
    for task in TASKS:
        route = told["paths"][f"/v1/{task}"]["post"]
        forms, answers = route["requestBody"]["content"], route["responses"]["200"]["content"]
        assert {"application/json", "multipart/form-data", "image/png"} <= set(forms)
        assert {"application/json", "image/png", "image/jpeg", "image/webp"} == set(answers)


def test_keys_are_asked_for_where_there_are_keys(told):
    keyed = create_app(Settings(built_in=True, keys=(KEY,))).openapi()
    assert "security" not in told
    assert keyed["security"] == [{"bearer": []}, {"key": []}]
    assert keyed["paths"]["/livez"]["get"]["security"] == []


def test_ids_of_routes_are_their_own(told):
    ids = [route["operationId"] for _, _, route in routes(told)]
    assert len(ids) == len(set(ids))
