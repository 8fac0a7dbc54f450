"""The health check that needs no curl."""

import socket

import pytest
from running_service import served

from pixwise.errors import SetupError
from pixwise.serve.probe import probe
from pixwise.serve.service import Service
from pixwise.serve.settings import load_settings


def settings(port, host="127.0.0.1"):
    return load_settings(host=host, port=port, open=True)


def test_who_is_ready_is_well():
    with served(built_in=True) as place:
        port = int(place.url.rpartition(":")[2])
        place.service.start()
        assert probe(settings(port)) is None
        assert probe(settings(port, "0.0.0.0")) is None  # asked where it can be reached


def test_who_is_not_ready_says_why():
    broken = Service(load_settings(log="none", built_in=True), others=lambda: "a worker is dead")
    with served(broken) as place:
        broken.start()
        with pytest.raises(SetupError, match="service must be ready, got one that is not: a worker is dead"):
            probe(settings(int(place.url.rpartition(":")[2])))


def test_who_does_not_answer_is_told():
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
        with pytest.raises(SetupError, match=rf"service must answer at 127.0.0.1 port {port}, got timed out"):
            probe(settings(port), timeout_s=0.2)


def test_an_answer_that_is_no_service_is_told():
    import threading

    with socket.create_server(("127.0.0.1", 0)) as other:
        threading.Thread(target=lambda: other.accept()[0].close()).start()
        with pytest.raises(SetupError, match=r"got status 0|got \[Errno"):
            probe(settings(other.getsockname()[1]))
