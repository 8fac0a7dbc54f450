"""The listening socket: bound before anything is loaded, shared by all workers, closed without cutting anybody off.

Closing a listener makes the system reset every connection that it has set up and nobody has accepted yet: requests
would be lost of which we never heard. So it is first told to set up no further ones, and closed when all are taken.
"""

from __future__ import annotations

import ctypes
import errno
import select
import socket
import struct
import sys

from pixwise.errors import SetupError

__all__ = ["is_readable", "listen", "queued", "turn_away", "url_of"]

_BACKLOG = 2048
_SO_ATTACH_FILTER = 26
_QUEUE_AT = 24  # in `struct tcp_info` of Linux: `tcpi_unacked`, which for a listener counts those to be accepted
_NO_SYN = (  # classic BPF on the TCP header: a first packet (SYN) is dropped, everything else goes on
    (0x30, 0, 0, 13),  # load the byte of the flags
    (0x45, 0, 1, 0x02),  # SYN set? else skip one
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFF),  # take
)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Args:
        host: name or address; `::` takes IPv4, too.
        port: 0 for a free one.

    Raises:
        SetupError: the address cannot be had.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise SetupError(f"host must be an address of this machine, got {host!r}: {error}; try 127.0.0.1") from error
    listener = socket.socket(family, kind)
    try:
        _bind(listener, host, address)
    except OSError as error:
        listener.close()
        raise SetupError(_told(error, host, port)) from error
    return listener


def _bind(listener: socket.socket, host: str, address: tuple) -> None:
    if sys.platform != "win32":  # there it would let two programs listen
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if host == "::":
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.bind(address)
    listener.listen(_BACKLOG)
    listener.setblocking(False)


def _told(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port must be free, got {port}, where another program listens; end it, or choose another --port"
    if error.errno == errno.EACCES:
        return f"port must be one that this user may take, got {port}; choose one from 1024 up"
    return f"host must be an address of this machine, got {host!r}: {error.strerror}; try 127.0.0.1"


def url_of(listener: socket.socket) -> str:
    """Where it listens, for whoever wants to ask."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def turn_away(listener: socket.socket) -> bool:
    """Have the system set up no further connections, in whichever process; those that are set up can still be taken.

    Returns:
        Whether the system does that; only Linux can, and not in every sandbox.
    """
    if not sys.platform.startswith("linux"):
        return False
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in _NO_SYN))
    program = struct.pack("HP", len(_NO_SYN), ctypes.addressof(code))
    try:
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    except OSError:
        return False
    return True


def queued(listener: socket.socket) -> int:
    """Connections that are set up and not accepted yet; 0 where the system does not tell."""
    if not sys.platform.startswith("linux"):
        return 0
    told = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _QUEUE_AT + 4)
    return struct.unpack_from("I", told, _QUEUE_AT)[0] if len(told) >= _QUEUE_AT + 4 else 0


def is_readable(number: int) -> bool:
    """Whether the file or socket of that number has something to read, or is at its end."""
    poll = select.poll()
    poll.register(number, select.POLLIN | select.POLLHUP)
    return bool(poll.poll(0))
