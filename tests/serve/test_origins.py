"""What browsers are sent to do: foreign names, forms of other sites, preflights."""

import httpx
import pytest
from raw_sockets import said, small_png, status_of
from running_service import served

from pixwise.errors import OptionError
from pixwise.serve.origins import Origins
from pixwise.serve.problems import Problem
from pixwise.serve.settings import load_settings

SITE = "https://shop.example.com"


@pytest.fixture(scope="module")
def place():
    with served(built_in=True, cors_origins=[SITE], allowed_hosts=["vision.local", "*.inside.example"]) as place:
        yield place


def get(place, host):
    return said(place.url, f"GET /livez HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "LOCALHOST.", "127.0.0.1:1", "127.0.0.2", "[::1]:8000",
                                  "vision.local", "a.b.inside.example"])  # fmt: skip
def test_our_own_names_are_answered(place, host):
    assert status_of(get(place, host)) == 200


FOREIGN = ("evil.example", "localhost.evil.example", "127.0.0.1.nip.example", "10.0.0.1", "", "localhost@evil.example",
           "inside.example", "2130706433", "[::ffff:10.0.0.1]")  # fmt: skip


@pytest.mark.parametrize("host", FOREIGN)
def test_a_name_that_leads_here_but_is_not_ours_is_421(place, host):
    answer = get(place, host)
    assert status_of(answer) == 421
    assert b"ask at localhost" in answer


def test_no_host_at_all_is_400(place):
    assert status_of(said(place.url, b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n")) == 400
    assert status_of(said(place.url, b"GET /livez HTTP/1.0\r\n\r\n")) == 200


def test_two_hosts_are_400(place):
    head = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    assert status_of(said(place.url, head)) == 400


def post(place, **headers):
    told = {"Content-Type": "image/png", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return httpx.post(f"{place.url}/v1/quality", content=small_png(), headers=told)


@pytest.mark.parametrize("headers", [
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site", "Origin": "http://localhost:3000"}, {"Origin": "http://127.0.0.1:1"},
    {"Sec_Fetch_Site": "cross-site", "Origin": "https://shop.example.com.evil.example"},
])  # fmt: skip
def test_a_post_of_another_site_is_403(place, headers):
    answer = post(place, **headers)
    assert answer.status_code == 403
    assert "page must be of this service or of a listed site" in answer.json()["detail"]


@pytest.mark.parametrize("headers", [{}, {"Sec_Fetch_Site": "none"}, {"Sec_Fetch_Site": "same-origin"},
                                     {"Origin": SITE, "Sec_Fetch_Site": "cross-site"}])  # fmt: skip
def test_programs_our_own_page_and_listed_sites_are_answered(place, headers):
    assert post(place, **headers).status_code == 200
    assert post(place, Origin=place.url).status_code == 200


def test_a_preflight_of_a_listed_site_says_what_it_may_send(place):
    asked = {"Origin": SITE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
    answer = httpx.options(f"{place.url}/v1/quality", headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == SITE
    assert "X-API-Key" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in answer.headers


def test_a_preflight_of_another_site_is_refused(place):
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = httpx.options(f"{place.url}/v1/quality", headers=asked)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_a_listed_site_may_read_answers_and_refusals(place):
    for answer in (post(place, Origin=SITE), httpx.get(f"{place.url}/nothing", headers={"Origin": SITE})):
        assert answer.headers["access-control-allow-origin"] == SITE
        assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in post(place).headers


def test_without_a_list_no_site_may_read_anything():
    with served(built_in=True) as place:
        answer = httpx.get(f"{place.url}/livez", headers={"Origin": SITE})
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_on_a_public_address_names_are_the_operators_choice():
    Origins(load_settings(host="0.0.0.0", open=True)).check("GET", "1.1", {"host": "any.example"})
    listed = Origins(load_settings(host="0.0.0.0", open=True, allowed_hosts=["my.example"]))
    listed.check("GET", "1.1", {"host": "my.example:443"})
    listed.check("GET", "1.1", {"host": "127.0.0.1"})  # of the health check inside a container
    with pytest.raises(Problem, match=r"got 'any\.example'"):
        listed.check("GET", "1.1", {"host": "any.example"})
    Origins(load_settings(allowed_hosts=["*"])).check("GET", "1.1", {"host": "any.example"})


@pytest.mark.parametrize("site", ["shop.example.com", "https://shop.example.com/", "https://a b", "https://"])
def test_a_listed_site_is_written_as_browsers_tell_it(site):
    with pytest.raises(OptionError, match="site must be scheme://host"):
        load_settings(cors_origins=[site])
