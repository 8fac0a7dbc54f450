"""Which model answers, and how it is loaded, kept and dropped, on a running service."""

import asyncio
import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from hub_server import Fault
from lanes_of_threads import until
from PIL import Image
from running_service import served
from tiny_encoder import write_encoder

from pixwise.errors import FetchError, ModelFileError, ModelMissingError, UnknownModelError
from pixwise.pool import Pool
from pixwise.serve.asking import Ask
from pixwise.serve.settings import load_settings
from pixwise.serve.stock import Stock


@pytest.fixture
def folders(tmp_path):
    for seed, name in enumerate(("one", "two")):
        write_encoder(tmp_path / name, seed)
    return {name: str(tmp_path / name) for name in ("one", "two")}


def stock_of(**settings):
    given = load_settings(log="none", **settings)
    return Stock(given, Pool(given.pool_bytes))


def use(stock, task, model=""):
    chosen = stock.choose(task, model)
    asyncio.run(stock.ready(chosen, Ask()))
    with stock.using(chosen, {}) as loaded:
        return loaded


def loaded(stock):
    return {kept.card.id for kept in stock.pool.loaded()}


def test_names_are_those_of_the_registry_and_the_settings_and_no_paths(folders):
    stock = stock_of(own_models=folders)
    assert {"one", "two", "look"} <= set(stock.names("embed"))
    with pytest.raises(UnknownModelError, match="must be one that is served"):
        stock.choose("embed", folders["one"])


def test_an_own_model_is_read_again_when_its_folder_changes(folders, tmp_path):
    stock = stock_of(own_models=folders)
    first = stock.choose("embed", "one").card
    assert stock.choose("embed", "one").card is first
    card = tmp_path / "one" / "card.toml"
    card.write_text(card.read_text() + 'title = "Other"\n')
    assert stock.choose("embed", "one").card.title == "Other"


def test_a_model_that_is_used_by_many_at_once_is_loaded_once(folders):
    with served(own_models=folders) as place:
        opened = []
        wrap = place.service.pool.wrap
        place.service.pool.wrap = lambda session, card: opened.append(card.id) or wrap(session, card)
        answers = ask_many(place, "embed?model=one", 16)
    assert ({answer.status_code for answer in answers}, len(opened)) == ({200}, 1)


def ask_many(place, path, count):
    """Answers to the same small picture, asked for at once."""
    kept = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(kept, "PNG")
    with ThreadPoolExecutor(16) as threads, httpx.Client(timeout=30) as client:

        def ask(number):
            return client.post(f"{place.url}/v1/{path}", content=kept.getvalue(), headers={"Content-Type": "image/png"})

        return list(threads.map(ask, range(count)))


def test_models_whose_hub_hangs_hold_up_no_other(hub, monkeypatch):
    monkeypatch.setenv("PIXWISE_FETCH_TIMEOUT", "20")
    hub.faults.append(Fault("", times=-1, stall=20.0))
    paths = ("embed?model=dinov2-base", "embed?model=clip-b32", "embed?model=clip-l14")
    with served(fetch=True, deadline_s=5.0, concurrency=2) as place, ThreadPoolExecutor(3) as threads:
        hanging = [threads.submit(ask_many, place, path, 12) for path in paths]
        until(lambda: len(hub.log) >= 3)
        assert {answer.status_code for answer in ask_many(place, "quality", 8)} == {200}
        assert not any(each.done() for each in hanging), "answered before any of those that hang is over"
        assert {answer.status_code for each in hanging for answer in each.result()} == {504}


def test_above_the_budget_the_least_recently_used_model_goes(folders):
    stock = stock_of(own_models=folders, pool_bytes=1000)
    use(stock, "embed", "one")
    use(stock, "embed", "two")
    assert loaded(stock) == {"two"}
    assert use(stock, "embed", "one").card.id == "one"


def test_what_is_in_use_is_not_dropped(folders):
    stock = stock_of(own_models=folders, pool_bytes=1000)
    chosen = stock.choose("embed", "one")
    with stock.using(chosen, {}):
        use(stock, "embed", "two")
        assert loaded(stock) == {"one", "two"}


def test_what_nobody_used_for_a_while_is_dropped_and_what_was_preloaded_stays(folders):
    with served(own_models=folders, model_ttl_s=0.2, preload=["embed:two"]) as place:
        until(lambda: not place.service.unready())
        ask_many(place, "embed?model=one", 1)
        assert loaded(place.service.stock) == {"one", "two"}
        until(lambda: loaded(place.service.stock) == {"two"})
        assert ask_many(place, "embed?model=one", 1)[0].status_code == 200


def test_a_model_that_cannot_be_preloaded_is_named_and_the_others_are_there(folders, tmp_path):
    (tmp_path / "one" / "model.onnx").write_bytes(b"broken")
    with served(own_models=folders, model_ttl_s=9, preload=["embed:one", "embed:two"]) as place:
        until(lambda: not place.service.starting)
        assert "preload of embed:one failed: " in place.service.unready()
        assert loaded(place.service.stock) == {"two"}
        assert ask_many(place, "embed?model=two", 1)[0].status_code == 200
        write_encoder(tmp_path / "one")
        until(lambda: not place.service.unready())
    assert place.service.unready()


def test_a_model_that_failed_may_be_asked_for_again_when_it_is_mended(folders, tmp_path):
    stock = stock_of(own_models=folders)
    (tmp_path / "one" / "model.onnx").write_bytes(b"broken")
    for _ in range(2):
        with pytest.raises(ModelFileError):
            use(stock, "embed", "one")
    assert use(stock, "embed", "two").card.id == "two"
    write_encoder(tmp_path / "one")
    time.sleep(2.1)
    assert use(stock, "embed", "one").card.id == "one"


def test_a_hub_that_is_away_is_told_and_asked_again_later(hub):
    stock = stock_of(fetch=True)
    hub.faults.append(Fault("", times=-1, status=404))
    with pytest.raises((FetchError, ModelMissingError)):
        use(stock, "classify")
    asked = len(hub.log)
    with pytest.raises((FetchError, ModelMissingError)):
        use(stock, "classify")
    assert len(hub.log) == asked


def test_a_model_under_the_same_id_on_another_machine_is_not_loaded(folders):
    stock = stock_of(own_models=folders, threads=1)
    chosen = stock.choose("embed", "one")
    stock.pool.task("embed", chosen.card, device="cpu", threads=2)
    assert not stock.pool.holds("embed", chosen.card, device="cpu", threads=stock.settings.threads + 2)
    use(stock, "embed", "one")
    assert len(stock.pool) == 2


def test_a_task_that_needs_another_is_loaded_with_it():
    stock = stock_of(built_in=True)
    chosen = stock.choose("background")
    assert not stock.pool.holds(chosen.task, chosen.card, **stock._machine(chosen))
    use(stock, "background")
    assert stock.pool.holds(chosen.task, chosen.card, **stock._machine(chosen))


def test_a_load_that_hangs_does_not_hold_up_the_end(folders):
    gate = threading.Event()
    with served(own_models=folders, deadline_s=0.3) as place:
        place.service.pool.wrap = lambda session, card: gate.wait(20) and session
        assert ask_many(place, "embed?model=one", 1)[0].status_code == 504
        started = time.monotonic()
    assert time.monotonic() - started < 5
    gate.set()
