"""A job is its key's own."""

import httpx
import pytest
from running_service import served
from test_v1_jobs import uri

from pixwise.serve.keys import new_key


@pytest.fixture(scope="module")
def callers():
    (mine, told), (other, told_other) = new_key("ada"), new_key("ben")
    with (
        served(built_in=True, keys=[told, told_other]) as place,
        httpx.Client(base_url=place.url, headers={"X-API-Key": mine}) as ada,
        httpx.Client(base_url=place.url, headers={"X-API-Key": other}) as ben,
    ):
        yield ada, ben


def test_another_key_neither_sees_nor_ends_it(callers, picture_bytes):
    ada, ben = callers
    job = ada.post("/v1/jobs", json={"images": [uri(picture_bytes)], "tasks": ["quality"]}).json()["id"]
    path = f"/v1/jobs/{job}"
    assert [ben.get(path).status_code, ben.delete(path).status_code, ben.post(f"{path}/cancel").status_code] == [
        404
    ] * 3
    assert (ben.get("/v1/jobs").json()["data"], len(ada.get("/v1/jobs").json()["data"])) == ([], 1)
    assert ada.get(path).status_code == 200
