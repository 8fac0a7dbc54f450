"""The guarded fetcher, against real servers on the loopback address."""

import http.server
import ipaddress
import shutil
import ssl
import subprocess
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixwise.errors import LimitError, SourceError
from pixwise.picture import Picture
from pixwise.reading.urls import fetch, is_public, resolve_name

NOT_PUBLIC = """
    0.0.0.0 0.1.2.3 10.1.2.3 100.64.0.1 100.127.255.255 127.0.0.1 127.255.0.1 169.254.169.254 172.16.0.1 172.31.255.255
    192.0.0.1 192.0.0.9 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1
    239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::ffff:8.8.8.8 ::ffff:127.0.0.1 ::8.8.8.8 64:ff9b::8.8.8.8 64:ff9b::7f00:1 64:ff9b:1::1 100::1 2001::1
    2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:808:808:: 3fff::1 5f00::1
    fc00::1 fd12:3456::1 fe80::1 fe80::1%eth0 2606:4700::1%eth0 fec0::1 ff02::1
    localhost 127.1 0x7f000001 2130706433 017700000001
"""
PUBLIC = "1.1.1.1 8.8.8.8 93.184.216.34 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1 2606:4700::1 2a00:1450::1"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by path; what it was asked is kept in `server.asked`."""

    def do_GET(self):
        self.server.asked.append((self.path, dict(self.headers)))
        answer = self.server.routes.get(self.path.partition("?")[0], b"")
        if callable(answer):
            answer(self)
        else:
            self.reply(200, answer)

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in ({"Content_Length": len(body)} | headers).items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # clients that hang up are what is tested


@pytest.fixture
def server():
    with Server(("127.0.0.1", 0), Handler) as made:
        made.asked, made.routes = [], {"/a": b"body"}
        made.url = f"http://pictures.example:{made.server_port}"
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        made.shutdown()


def get(url, *, resolve=lambda host, port: ["127.0.0.1"], allow=lambda address: address == "127.0.0.1", **more):
    return fetch(url, **({"max_bytes": 1000, "timeout_s": 5, "resolve": resolve, "allow": allow} | more))


def redirect(to):
    return lambda handler: handler.reply(302, Location=to)


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_addresses_that_are_not_globally_routable_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC.split())
def test_ordinary_addresses_are_public(address):
    assert is_public(address)


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_no_address_is_public_that_the_standard_library_calls_special(ip):
    special = ip.is_private or ip.is_multicast or ip.is_reserved or ip.is_loopback or ip.is_link_local
    assert not (is_public(str(ip)) and (special or not ip.is_global))


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_is_public_inside_an_ipv6_one(ip):
    for prefix in ("::ffff:", "::", "64:ff9b::"):
        assert not is_public(prefix + str(ip))
    assert not is_public(str(ipaddress.IPv6Address((0x2002 << 112) | (int(ip) << 80))))


def test_a_body_comes_back_whole(server):
    assert get(server.url + "/a") == b"body"


def test_the_request_names_the_host_and_asks_for_no_compression(server):
    get(server.url + "/a?x=1&y=ä")
    path, headers = server.asked[0]
    assert path == "/a?x=1&y=%C3%A4"
    assert headers["Host"] == server.url.removeprefix("http://")
    assert headers["Accept-Encoding"] == "identity"


def test_a_proxy_of_the_environment_is_not_used(server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert get(server.url + "/a") == b"body"


NOT_PLAIN = """
    file:///etc/passwd ftp://a.example/ gopher://a.example/ javascript:alert(1) //a.example/ a.example http:/// http://:80/
    http://a.example:0/ http://a.example:99999/ http://a.example:x/ http://[::1 http://[fe80::1%25eth0]/
    http://a.example\\@b.example/
"""


@pytest.mark.parametrize("url", [*NOT_PLAIN.split(), "http://a.b/a b", "http://a.b/\r\nHost: b", "http://ä" + "a" * 70])
def test_urls_that_are_no_plain_http_address_are_refused(url):
    with pytest.raises(SourceError, match=r"URL must|scheme must|host must"):
        get(url)


@pytest.mark.parametrize("user", ["user@", "user:word@", "@", "a.example%40@"])
def test_user_and_password_are_refused_and_not_repeated(server, user):
    with pytest.raises(SourceError, match="no user or password") as caught:
        get(f"http://{user}127.0.0.1/")
    assert "word" not in str(caught.value).replace("password", "")


THIS_MACHINE = """
    localhost localhost. 127.0.0.1 127.0.0.1. 127.1 2130706433 0x7f000001 0x7f.1 017700000001 0 0.0.0.0 [::1] [::]
    [::ffff:127.0.0.1] [::ffff:7f00:1] 127。0。0。1 １２７.0.0.1
"""


@pytest.mark.parametrize("host", THIS_MACHINE.split())
def test_every_way_to_write_the_own_machine_is_refused(host, server):
    with pytest.raises(SourceError, match=r"public addresses only|host must have an address"):
        fetch(f"http://{host}:{server.server_port}/a", max_bytes=1000)
    assert not server.asked


def test_one_private_address_among_public_ones_refuses_the_host(server):
    with pytest.raises(SourceError, match=r"got 10\.0\.0\.1 for 'a\.example'"):
        get("http://a.example/", resolve=lambda host, port: ["127.0.0.1", "10.0.0.1"])


def test_a_name_server_that_changes_its_answer_gains_nothing(server):
    answers = [["127.0.0.1"], ["127.0.0.2"], ["127.0.0.2"]]
    assert get(server.url + "/a", resolve=lambda host, port: answers.pop(0)) == b"body"
    assert len(answers) == 2  # asked once; the connection went to the address that was checked


def test_a_redirect_is_followed_and_resolved_again(server):
    server.routes |= {"/r": redirect("/s"), "/s": redirect(server.url + "/a")}
    asked = []
    assert get(server.url + "/r", resolve=lambda host, port: asked.append(host) or ["127.0.0.1"]) == b"body"
    assert asked == ["pictures.example"] * 3


@pytest.mark.parametrize(
    "to",
    ["http://inside.example/a", "//inside.example/a", "file:///etc/passwd", "http://u:p@pictures.example/", "ftp://x/"],
)
def test_a_redirect_to_where_one_may_not_go_is_refused(server, to):
    server.routes |= {"/r": redirect("/s"), "/s": redirect(to)}
    names = {"pictures.example": ["127.0.0.1"], "inside.example": ["192.168.0.1"]}
    with pytest.raises(SourceError, match=r"public addresses only|scheme must|no user"):
        get(server.url + "/r", resolve=lambda host, port: names[host])


def test_a_name_that_turns_private_between_two_hops_is_refused(server):
    server.routes["/r"] = redirect("/a")
    answers = [["127.0.0.1"], ["127.0.0.2"]]
    with pytest.raises(SourceError, match=r"got 127\.0\.0\.2"):
        get(server.url + "/r", resolve=lambda host, port: answers.pop(0))


def test_a_redirect_in_circles_ends(server):
    server.routes["/r"] = redirect("/r")
    with pytest.raises(SourceError, match="redirects must be at most 3, got more"):
        get(server.url + "/r", max_hops=3)
    assert len(server.asked) == 4


def test_a_redirect_without_an_address_is_an_error(server):
    server.routes["/r"] = lambda handler: handler.reply(301)
    with pytest.raises(SourceError, match="redirect must say where to"):
        get(server.url + "/r")


def test_an_announced_length_above_the_limit_is_refused_before_the_body(server):
    server.routes["/a"] = lambda handler: handler.reply(200, b"", Content_Length=10**9)
    with pytest.raises(LimitError, match=r"at most 1,000, got 1,000,000,000.*--max-bytes"):
        get(server.url + "/a")


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_without_length_is_cut_at_the_limit(server, chunked):
    def endless(handler):
        handler.send_response(200)
        handler.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("X", "y")))
        handler.end_headers()
        for _ in range(100_000):
            handler.wfile.write(b"3e8\r\n" + b"x" * 1000 + b"\r\n")

    server.routes["/a"] = endless
    with pytest.raises(LimitError, match="bytes must be at most"):
        get(server.url + "/a", max_bytes=200_000)


def test_a_length_below_the_truth_gives_no_more_than_was_told(server):
    server.routes["/a"] = lambda handler: handler.reply(200, b"12345678", Content_Length=4)
    assert get(server.url + "/a") == b"1234"


def test_a_body_that_ends_early_is_an_error(server):
    server.routes["/a"] = lambda handler: handler.reply(200, b"1234", Content_Length=10)
    with pytest.raises(SourceError, match="6 bytes too few"):
        get(server.url + "/a")


def test_a_compressed_body_is_refused(server):
    server.routes["/a"] = lambda handler: handler.reply(200, b"1234", Content_Encoding="gzip")
    with pytest.raises(SourceError, match="got gzip that was not asked for"):
        get(server.url + "/a")


@pytest.mark.parametrize(("status", "words"), [(404, "404 Not Found"), (206, "206 Partial"), (799, "unknown status")])
def test_any_other_status_is_an_error_that_names_it(server, status, words):
    server.routes["/a"] = lambda handler: handler.reply(status, b"x")
    with pytest.raises(SourceError, match=words):
        get(server.url + "/a")


@pytest.mark.parametrize("part", ["status", "header", "body"])
def test_a_server_that_drips_is_left_when_the_time_is_over(server, part):
    def drip(handler):
        if part != "status":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"\r\n" if part == "body" else b""))
        while True:
            handler.wfile.write(b"H")
            time.sleep(0.05)

    server.routes["/a"] = drip
    started = time.monotonic()
    with pytest.raises(SourceError, match=r"within 0\.5 s"):
        get(server.url + "/a", timeout_s=0.5)
    assert time.monotonic() - started < 2


def test_the_time_counts_over_all_hops(server):
    server.routes["/r"] = lambda handler: time.sleep(0.3) or handler.reply(302, Location="/r")
    with pytest.raises(SourceError, match=r"within 0\.7 s"):
        get(server.url + "/r", timeout_s=0.7)


def test_a_name_server_that_does_not_answer_is_left_when_the_time_is_over():
    started = time.monotonic()
    with pytest.raises(SourceError, match="name must resolve in time"):
        get("http://slow.example/", timeout_s=0.2, resolve=lambda host, port: time.sleep(1) or [])
    assert time.monotonic() - started < 1


def test_a_name_that_does_not_exist_is_an_error():
    def unknown(host, port):
        raise OSError("Name or service not known")

    with pytest.raises(SourceError, match="Name or service not known"):
        get("http://nowhere.example/", resolve=unknown)


def test_a_resolver_with_a_mistake_of_its_own_is_not_blamed_on_the_address():
    with pytest.raises(ZeroDivisionError):
        get("http://a.example/", resolve=lambda host, port: 1 / 0)


def test_a_closed_port_is_an_error():
    with pytest.raises(SourceError, match="expected a web server that answers"):
        get("http://pictures.example:1/")


def test_bytes_that_are_no_http_are_an_error_without_control_characters(server):
    server.routes["/a"] = lambda handler: handler.wfile.write(b"\x1b[31mSSH-2.0\r\n\r\n")
    with pytest.raises(SourceError, match="expected a web server") as caught:
        get(server.url + "/a")
    assert str(caught.value).isprintable()


def test_the_second_address_is_tried_when_the_first_is_closed(server):
    allowed = {"127.0.0.1", "127.0.0.9"}
    body = get(server.url + "/a", resolve=lambda host, port: ["127.0.0.9", "127.0.0.1"], allow=allowed.__contains__)
    assert body == b"body"


def test_the_system_resolver_gives_addresses():
    assert "127.0.0.1" in resolve_name("127.0.0.1", 80)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if not shutil.which("openssl"):
        pytest.skip("needs the openssl command to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout key -out cert"
    subject = ["-subj", "/CN=pictures.example", "-addext", "subjectAltName=DNS:pictures.example"]
    subprocess.run(command.split() + subject, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def trusted(server, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert", certificate / "key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return ssl.create_default_context(cafile=str(certificate / "cert"))


def test_https_checks_the_certificate_of_the_name_not_of_the_address(server, trusted):
    assert get(f"https://pictures.example:{server.server_port}/a", tls=trusted) == b"body"
    assert server.asked[0][1]["Host"] == f"pictures.example:{server.server_port}"


def test_https_refuses_the_certificate_of_another_name(server, trusted):
    with pytest.raises(SourceError, match="certificate"):
        get(f"https://other.example:{server.server_port}/a", tls=trusted)


def test_https_refuses_a_certificate_that_nobody_vouches_for(server, trusted):
    with pytest.raises(SourceError, match="certificate"):
        get(f"https://pictures.example:{server.server_port}/a")


def test_a_picture_from_a_url_is_refused_unless_allowed():
    with pytest.raises(SourceError, match=r"URLs are off; pass allow_urls=True"):
        Picture.open("http://127.0.0.1/a.png")


def test_a_picture_from_a_url_of_the_own_machine_is_refused_even_when_allowed(server):
    with pytest.raises(SourceError, match="public addresses only"):
        Picture.open(f"http://127.0.0.1:{server.server_port}/a", allow_urls=True)
    assert not server.asked
