"""What stands behind every door: batched answers are the library's, and nobody harms another; over real sockets."""

import io
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest
from lanes_of_threads import until
from oracle import captioners, florences, texts
from PIL import Image
from running_service import served
from tiny_encoder import write_encoder

import pixwise as px
from pixwise.collections import Focus, Looker
from pixwise.collections.learn_head import learn_head
from pixwise.cores import available_threads
from pixwise.registry import card as card_named
from pixwise.samples import photo_like
from pixwise.serve.asking import Ask
from pixwise.serve.service import Service
from pixwise.serve.settings import load_settings
from pixwise.session import FakeSession

JPEG = {"Content-Type": "image/jpeg"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    from learning import draw_folder

    place = tmp_path_factory.mktemp("models")
    card = write_encoder(place / "encoder") / "card.toml"
    card.write_text("batch = 8\n" + card.read_text())
    texts.save(texts.make("clip"), place / "clip")
    captioners.save_merged("blip", captioners.make("blip"), place / "blip")
    florences.save(florences.make(), place / "florence")
    tints = {"red": (90, -40, -40), "blue": (-40, -40, 90)}
    learn_head(draw_folder(place / "pictures", 8, tints), place / "head", Looker.load(Focus.of("look"), threads=1))
    return {name: str(place / name) for name in ("encoder", "clip", "blip", "florence", "head")}


@pytest.fixture(scope="module")
def place(folders):
    with served(own_models=folders, concurrency=16) as place:
        yield place


@pytest.fixture(scope="module")
def pictures():
    return [_jpeg(60 + 10 * (i % 3), 80 + 20 * (i % 2), i) for i in range(12)]


def _jpeg(height, width, seed=0):
    kept = io.BytesIO()
    Image.fromarray(photo_like(height, width, seed)).save(kept, "JPEG")
    return kept.getvalue()


def post_all(url, bodies, threads=16, **more):
    with ThreadPoolExecutor(threads) as pool, httpx.Client(timeout=60) as client:
        return list(pool.map(lambda body: client.post(url, content=body, headers={**JPEG, **more}), bodies))


def told(answer):
    """An answer without what is another each time."""
    assert answer.status_code == 200, answer.text
    return {key: value for key, value in answer.json().items() if key not in ("timings_ms", "image")}


def near(mine, theirs):
    """Equal, numbers within the tolerance of floats."""
    if isinstance(mine, dict):
        assert set(mine) == set(theirs)
        return all(near(mine[key], theirs[key]) for key in mine)
    if isinstance(mine, list):
        return len(mine) == len(theirs) and all(map(near, mine, theirs))
    return abs(mine - theirs) < 2e-4 if isinstance(mine, float) else mine == theirs


@pytest.mark.parametrize(
    ("path", "task", "options"),
    [
        ("embed?model=encoder", "embed", {}),
        ("embed?model=clip", "embed", {}),
        ("zeroshot?model=clip&labels=warm&labels=cold", "zeroshot", {"labels": ("warm", "cold")}),
        ("caption?model=blip&max_tokens=6", "caption", {"max_tokens": 6}),
        ("caption?model=florence&max_tokens=6", "caption", {"max_tokens": 6}),
        ("classify?model=head", "classify", {}),
    ],
)
def test_what_is_answered_together_is_what_the_library_answers_alone(place, folders, pictures, path, task, options):
    model = path.split("model=")[1].partition("&")[0]
    answers = post_all(f"{place.url}/v1/{path}", pictures * 2)
    for data, answer in zip(pictures, answers, strict=False):
        alone = getattr(px, task)(data, model=folders[model], **options).to_dict()
        mine = told(answer)
        assert near(mine, {key: alone[key] for key in mine})


def test_runs_are_joined_when_requests_come_together(folders, pictures):
    with served(own_models=folders, concurrency=16, max_wait_ms=1000) as place:
        post_all(f"{place.url}/v1/embed?model=encoder", pictures)
        taken = place.service.pixels.take(place.service.pixels.pixels, Ask())
        with ThreadPoolExecutor(1) as pool:
            answers = pool.submit(post_all, f"{place.url}/v1/embed?model=encoder", pictures)
            until(lambda: place.service.crew.working == len(pictures))
            place.service.pixels.give_back(taken, Ask())
            assert {answer.status_code for answer in answers.result()} == {200}
        text = place.service.meters.text().decode()
    count, rows = (float(text.split(f'pixwise_batch_rows_{what}{{model="encoder"}} ')[1].split()[0])
                   for what in ("count", "sum"))  # fmt: skip
    assert (rows, count < rows) == (24, True)


def test_a_bad_picture_fails_alone(place, pictures):
    bad = [pictures[0][:300], b"nonsense", _jpeg(50, 60)[:-200]]
    bodies = [*pictures, *bad, *pictures]
    statuses = [answer.status_code for answer in post_all(f"{place.url}/v1/embed?model=encoder", bodies)]
    assert statuses[12:15] == [415] * 3
    assert set(statuses[:12] + statuses[15:]) == {200}


def test_8_bit_models_and_engines_are_not_joined(place):
    batch_of = lambda card: place.service._batching(FakeSession({}), card).limits.rows  # noqa: E731
    card = place.service.stock.choose("embed", "encoder").card
    assert batch_of(replace(card, batch=2)) == 2
    assert batch_of(replace(card, batch=8, precision="int8")) == 1
    assert batch_of(replace(card_named("haar-frontal"), batch=8)) == 1


def test_a_batch_is_smaller_on_the_cpu_than_on_a_gpu_unless_told(folders):
    def rows(device, **settings):
        session = FakeSession({})
        session.device = device
        service = Service(load_settings(own_models=folders, log="none", concurrency=1, **settings))
        card = replace(service.stock.choose("embed", "encoder").card, batch=16)
        return service._batching(session, card).limits.rows

    assert [rows("cpu"), rows("cuda"), rows("cpu", max_batch=12)] == [4, 16, 12]


@pytest.mark.parametrize(("threads", "runs"), [(0, 1), (1, available_threads(0))])
def test_with_fewer_threads_more_runs_go_on_at_once(folders, threads, runs):
    service = Service(load_settings(own_models=folders, log="none", concurrency=1, threads=threads))
    card = service.stock.choose("embed", "encoder").card
    assert service._batching(FakeSession({}), card).limits.runs == runs


def full(place):
    """No picture can be opened until what is returned is called."""
    taken = place.service.pixels.take(place.service.pixels.pixels, Ask())
    return lambda: place.service.pixels.give_back(taken, Ask())


@pytest.mark.parametrize(
    ("limits", "status", "said"),
    [
        ({"queue": 4, "queue_per_caller": 2}, 429, "of one caller"),
        ({"queue": 2, "queue_per_caller": 9}, 503, "that wait"),
    ],
)
def test_beyond_the_queue_the_answer_is_to_come_again(limits, status, said, pictures):
    with served(built_in=True, concurrency=1, preload=["quality"], **limits) as place, ThreadPoolExecutor(1) as pool:
        until(lambda: not place.service.unready())
        go_on = full(place)
        answers = pool.submit(post_all, f"{place.url}/v1/quality", pictures[:6])
        until(lambda: place.service.crew.waiting == 2)
        time.sleep(0.2)
        go_on()
        found = answers.result()
    refused = [answer for answer in found if answer.status_code == status]
    assert len(refused) in (3, 4)  # the fourth where all came before the thread had taken the first
    assert {answer.status_code for answer in found} == {200, status}
    assert int(refused[0].headers["retry-after"]) >= 1
    assert said in refused[0].json()["detail"]


def test_who_hangs_up_is_not_worked_for(folders, pictures):
    with served(own_models=folders, concurrency=1) as place:
        go_on = full(place)
        host, port = place.url.removeprefix("http://").split(":")
        line = socket.create_connection((host, int(port)))
        head = (
            "POST /v1/embed?model=encoder HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/jpeg\r\nContent-Length: "
        )
        line.sendall(head.encode() + str(len(pictures[0])).encode() + b"\r\n\r\n" + pictures[0])
        until(lambda: place.service.crew.working == 1)
        line.close()
        until(lambda: place.service.crew.working == 0)
        go_on()
        assert "pixwise_batch_rows_count" not in place.service.meters.text().decode()


def test_whose_time_is_over_hears_of_it(pictures):
    with served(built_in=True, deadline_s=0.3) as place:
        go_on = full(place)
        answers = post_all(f"{place.url}/v1/quality", pictures[:3])
        go_on()
        assert {answer.status_code for answer in answers} == {504}
        assert post_all(f"{place.url}/v1/quality", pictures[:1])[0].status_code == 200


def test_a_flood_hardly_touches_another_caller(folders, pictures):
    """Measured: 40 requests of one address wait when one of another address comes; it is among the first answered."""
    with served(own_models=folders, concurrency=2, preload=["embed:encoder"]) as place:
        until(lambda: not place.service.unready())
        go_on, url, ends = full(place), f"{place.url}/v1/embed?model=encoder", []

        def post(address):
            with httpx.Client(transport=httpx.HTTPTransport(local_address=address), timeout=30) as client:
                assert client.post(url, content=pictures[0], headers=JPEG).status_code == 200
                ends.append(address)

        with ThreadPoolExecutor(41) as pool:
            flood = [pool.submit(post, "127.0.0.1") for _ in range(40)]
            until(lambda: place.service.crew.waiting == 38)
            polite = pool.submit(post, "127.0.0.2")
            until(lambda: place.service.crew.waiting == 39)
            go_on()
            [each.result() for each in (*flood, polite)]
    assert ends.index("127.0.0.2") < 12


def test_nothing_is_left_over_when_all_is_answered(place, pictures):
    post_all(f"{place.url}/v1/embed?model=encoder", pictures * 3)
    until(lambda: place.service.crew.working == 0)
    service = place.service
    assert (service.pixels._held.total(), service.traffic.coming, service.crew.waiting) == (0, 0, 0)
    assert all(kept.users == 0 for kept in service.pool.loaded())


def test_the_steps_of_a_request_add_up_to_its_time(place, pictures):
    answer = post_all(f"{place.url}/v1/embed?model=encoder", pictures[:1])[0]
    steps = dict(step.split(";dur=") for step in answer.headers["server-timing"].split(", "))
    assert {"queue", "decode", "embed", "encode"} <= set(steps)
    assert all(float(ms) >= -0.1 for ms in steps.values())
