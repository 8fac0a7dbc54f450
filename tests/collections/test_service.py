"""The JSON service, by real HTTP on loopback: as it should be, and as it should not."""

import time

import numpy as np
import pytest
from learning import CollectionServer, Reply, cloud

from pixwise.collections import Focus, Service
from pixwise.collections.service import Entry, json_within
from pixwise.errors import DataError, LimitError, OptionError, SourceError

FOCUS = {"derivative_type_name": "whole_image", "embedding_type_name": "embed_clip_vit_b_32"}
LISTED = [{"id": 7, "name": "Dogs", "collection_focus": FOCUS}]
ENTRY = Entry("7", "Dogs", Focus.of("embed_clip_vit_b_32"))
BOTH = Entry("7", "Dogs", Focus.of("embed_clip_vit_b_32+embed_dino_v2"))
DATA = "collections/7/training_data.json"


@pytest.fixture
def server():
    made = CollectionServer()
    yield made
    made.close()


def told(vectors, labels, ids):
    return [
        {"embedding": vector.tolist(), "label": int(label), "photo_id": photo_id}
        for vector, label, photo_id in zip(vectors, labels, ids, strict=True)
    ]


def service(server, **options):
    return Service(server.url, **{"pause_s": 0.0, "timeout_s": 10.0, **options})


def test_collections_are_listed_with_what_they_look_at(server):
    server.say("collections.json", LISTED)
    assert service(server).collections() == [ENTRY]


def test_a_slash_at_the_end_of_the_address_does_not_matter(server):
    server.say("collections.json", [])
    assert Service(server.url + "/").collections() == []
    assert server.log == ["/api/collections.json"]


def test_training_data_of_one_embedding(server):
    vectors, labels = cloud(12)
    server.say(DATA, told(vectors, labels, range(12)))
    sample = service(server).sample(ENTRY)
    assert sample.rows.labels.tolist() == labels.tolist()
    assert sample.rows.photo_ids[:2] == ("0", "1")
    assert (sample.spaces[0].model, sample.spaces[0].dimension, sample.models) == ("clip-b32", 12, ("clip-b32",))
    assert server.log == ["/api/" + DATA]


def test_several_embeddings_are_joined_on_the_photo(server):
    vectors, labels = cloud(12)
    turned = list(range(11, -1, -1))
    server.say(DATA + "?embedding_type=embed_clip_vit_b_32", told(vectors, labels, range(12)))
    server.say(DATA + "?embedding_type=embed_dino_v2", told(vectors[turned][2:, :5], labels[turned][2:], turned[2:]))
    rows = service(server).sample(BOTH).rows
    assert (len(rows), rows.dimensions) == (10, (12, 5))
    unit = vectors[3, :5] / np.linalg.norm(vectors[3, :5])
    np.testing.assert_allclose(rows.vectors[rows.photo_ids.index("3"), 12:], unit, atol=1e-6)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (
            [(1, 0)],
            [(2, 0)],
            r"must have all embeddings, got none that has \(1 of embed_clip_vit_b_32, 1 of embed_dino",
        ),
        ([(1, 0)], [(1, 1)], "photo '1' must have one label, got 0 and 1"),
        ([(1, 0), (1, 1)], [(1, 1)], "photo 1 must have one label, got both 0 and 1"),
        ([(None, 0)], [(1, 0)], "rows of embed_clip_vit_b_32 must have photo_id to be joined on"),
    ],
)
def test_what_cannot_be_joined_says_why(server, first, second, words):
    for name, rows in (("embed_clip_vit_b_32", first), ("embed_dino_v2", second)):
        body = [{"embedding": [1, 2], "label": label, "photo_id": photo_id} for photo_id, label in rows]
        server.say(f"{DATA}?embedding_type={name}", body)
    with pytest.raises(DataError, match=words):
        service(server).sample(BOTH)


def test_one_bad_entry_of_the_list_carries_its_reason_and_the_others_stand(server):
    odd = [3, {"name": "x"}, {"id": True}, {"id": 8, "collection_focus": {}}, *LISTED]
    server.say("collections.json", odd)
    found = service(server).collections()
    assert [isinstance(entry.focus, DataError) for entry in found] == [True] * 4 + [False]
    assert "must be an object with an id, got 3" in str(found[0].focus)
    with pytest.raises(DataError, match="must have derivative_type_name"):
        service(server).sample(found[3])


def test_half_a_letter_in_an_id_or_a_name_does_not_end_the_run(server):
    server.say("collections.json", [{**LISTED[0], "id": "a\ud800"}, {**LISTED[0], "name": "b\ud800"}])
    odd, good = service(server).collections()
    assert (good.id, good.name) == ("7", "b?")
    with pytest.raises(DataError, match="id of a collection must be Unicode, got"):
        service(server).sample(odd)


def test_ids_are_quoted_in_addresses(server):
    server.say("collections/a%2F..%3Fb/training_data.json", told(*cloud(3), range(3)))
    assert len(service(server).sample(Entry("a/..?b", "", Focus.of("clip"))).rows) == 3


WRAPPED = {
    "pre": b"<html><head><style>{}</style></head><body><pre>%s</pre></body></html>",
    "pre with attributes": b'<html><body><pre style="word-wrap: break-word">%s</pre></body></html>',
    "body": b"<!doctype html><html><body>\n%s\n</body></html>",
    "a page around it": b'<html><script>var a = {"id": 1}; b = [];</script><h1>Data [of today]</h1><p>%s</p></html>',
    "byte order mark": b"\xef\xbb\xbf%s",
    "words before": b"Here you are: %s -- bye",
}


@pytest.mark.parametrize("page", WRAPPED.values(), ids=WRAPPED)
@pytest.mark.parametrize("escaped", [False, True])
def test_json_is_found_inside_a_page(page, escaped):
    body = b'[{"id": 7, "name": "cats & \\u00e4 > dogs", "more": [[], {"a": [1.5, -2e-3]}]}]'
    if escaped and b"<" in page:
        body = body.replace(b"&", b"&amp;").replace(b'"', b"&quot;").replace(b">", b"&gt;")
    found = json_within(page % body, "here")
    assert found == [{"id": 7, "name": "cats & ä > dogs", "more": [[], {"a": [1.5, -0.002]}]}]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "here: expected JSON, got nothing; check the address"),
        (b"<html>It works!</html>", "expected JSON, got <html>It works!</html>"),
        (b"\xff\xfe\x00nonsense" * 50, "expected JSON, got .*…; check"),
        (b'[{"id": 7, "na', "expected JSON, got"),
        (b"[" * 100_000, "expected JSON, got"),
    ],
)
def test_nonsense_is_told(body, words):
    started = time.monotonic()
    with pytest.raises(DataError, match=words):
        json_within(body, "here")
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("body", [{"id": 1}, 3, "text", None])
def test_json_that_is_no_list_is_told(server, body):
    server.say("collections.json", body)
    server.say(DATA, body)
    with pytest.raises(DataError, match="expected a list of collections, got"):
        service(server).collections()
    with pytest.raises(DataError, match="expected a list of rows, got"):
        service(server).sample(ENTRY)


@pytest.mark.parametrize("row", [3, {}, {"embedding": [1]}])
def test_rows_without_what_they_need_are_told(server, row):
    server.say(DATA, [row])
    with pytest.raises(DataError, match="row must have embedding and label, got"):
        service(server).sample(ENTRY)


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_failure_that_may_pass_is_tried_again(server, status):
    server.replies["/api/collections.json"] = [Reply(b"oh", status), Reply(b"oh", status), Reply(LISTED)]
    assert service(server).collections() == [ENTRY]
    assert len(server.log) == 3


def test_tries_come_to_an_end(server):
    server.say("collections.json", b"oh", status=500)
    with pytest.raises(
        SourceError, match=r"expected 200 OK, got 500 Internal Server Error, 3 times; look at the service"
    ):
        service(server).collections()
    assert len(server.log) == 3


@pytest.mark.parametrize(("status", "words"), [(404, "got 404 Not Found; check"), (403, "got 403 Forbidden; check")])
def test_a_failure_that_will_not_pass_is_not_tried_again(server, status, words):
    server.say("collections.json", b"no", status=status)
    with pytest.raises(SourceError, match=words):
        service(server).collections()
    assert len(server.log) == 1


@pytest.mark.parametrize("how", [{"stall": 20}, {"trickle": 0.05}])
def test_a_slow_service_is_left_in_time(server, how):
    server.say("collections.json", b" " * 300, **how)
    started = time.monotonic()
    with pytest.raises(SourceError, match=r"answer must come within 0\.4 s, got none or half of it; try later"):
        service(server, timeout_s=0.4).collections()
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("announce", [-1, 1 << 40])
def test_too_many_bytes_are_refused(server, announce):
    server.say("collections.json", b"[" + b" " * 100_000 + b"]", announce=announce)
    with pytest.raises(LimitError, match=r"bytes must be at most 50,000, got .* or more; raise max_bytes if you trust"):
        service(server, max_bytes=50_000).collections()


def test_half_an_answer_is_tried_again_and_told(server):
    server.say("collections.json", b"[]", announce=500, headers={"Connection": "close"})
    with pytest.raises(SourceError, match=r"collections.json: .*, 2 times; look at the service, or try later"):
        service(server, tries=2, timeout_s=2).collections()


def test_redirects_are_followed_but_not_for_ever(server):
    server.say("collections.json", status=302, headers={"Location": "other.json"})
    server.say("other.json", LISTED)
    assert service(server).collections() == [ENTRY]
    server.say("other.json", status=302, headers={"Location": "other.json"})
    with pytest.raises(SourceError, match="redirects must be at most 3, got more"):
        service(server).collections()


def test_a_redirect_to_a_file_is_refused(server):
    server.say("collections.json", status=302, headers={"Location": "file:///etc/passwd"})
    with pytest.raises(
        OptionError, match=r"must be http\(s\)://host/path without a password, got 'file:///etc/passwd'"
    ):
        service(server).collections()


def test_nobody_there_is_told():
    with pytest.raises(SourceError, match=r"expected an answer, got .*refused, 2 times"):
        Service("http://127.0.0.1:9", tries=2, pause_s=0.0).collections()


@pytest.mark.parametrize("base", ["", "example.org", "ftp://example.org", "http://", "http://a:b@c", "http://a:99999"])
def test_an_address_that_is_none_is_refused_at_once(base):
    with pytest.raises(OptionError, match=r"address of a service must be http\(s\)://host/path"):
        Service(base)


@pytest.mark.parametrize("options", [{"timeout_s": 0}, {"tries": 0}, {"max_bytes": 0}])
def test_limits_must_be_above_zero(options):
    with pytest.raises(OptionError, match="must be above 0"):
        Service("http://example.org", **options)
