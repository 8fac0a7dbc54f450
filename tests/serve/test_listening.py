"""The listening socket, and what the system does with connections that nobody has accepted."""

import socket
import sys

import pytest

from pixwise.errors import SetupError
from pixwise.serve import listening

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can turn connections away")


@pytest.fixture
def listener():
    with listening.listen("127.0.0.1", 0) as listener:
        yield listener


def connected(listener):
    return socket.create_connection(listener.getsockname(), timeout=5)


def test_a_free_port_is_told(listener):
    assert listening.url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize(("host", "shown"), [("::1", "http://[::1]:"), ("localhost", "http://")])
def test_names_and_ipv6_are_addresses_too(host, shown):
    with listening.listen(host, 0) as listener:
        assert listening.url_of(listener).startswith(shown)


@linux
def test_who_is_connected_is_counted_and_taken_and_nobody_else_comes_in(listener):
    with connected(listener), connected(listener):
        assert listening.queued(listener) == 2
        assert listening.turn_away(listener)
        with socket.socket() as late:
            late.settimeout(0.3)
            with pytest.raises(TimeoutError):
                late.connect(listener.getsockname())
        for left in (1, 0):
            listener.accept()[0].close()
            assert listening.queued(listener) == left


@pytest.mark.parametrize(
    ("host", "port", "said"),
    [
        ("nowhere.invalid", 0, "host must be an address of this machine, got 'nowhere.invalid'"),
        ("203.0.113.1", 0, "host must be an address of this machine, got '203.0.113.1'"),
        ("a" * 70, 0, "host must be an address"),
    ],
)
def test_an_address_that_cannot_be_had_is_told(host, port, said):
    with pytest.raises(SetupError) as told:
        listening.listen(host, port)
    assert said in str(told.value)


def test_a_port_that_is_taken_is_told(listener):
    port = listener.getsockname()[1]
    with pytest.raises(SetupError, match=rf"port must be free, got {port}, where another program listens"):
        listening.listen("127.0.0.1", port)


def test_something_to_read_and_the_end_are_both_readable():
    here, there = socket.socketpair()
    with here:
        assert not listening.is_readable(here.fileno())
        there.sendall(b"x")
        assert listening.is_readable(here.fileno())
        here.recv(1)
        there.close()
        assert listening.is_readable(here.fileno())
