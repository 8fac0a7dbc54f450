"""Token numbers of texts, cut and filled up, and texts of token numbers."""

import os

import pytest
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

from pixwise.errors import ModelFileError, OptionError
from pixwise.language.tokens import load_tokenizer


@pytest.fixture
def path(tmp_path):
    words = {"<s>": 0, "</s>": 1, "?": 2, "a": 3, "dog": 4, "cat": 5}
    made = tokenizers.Tokenizer(models.WordLevel(words, unk_token="?"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.add_special_tokens(["<s>", "</s>"])
    made.post_processor = processors.TemplateProcessing("<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])
    made.enable_padding()  # what a file says of itself does not count: the model's card does
    made.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


def test_shorter_texts_are_filled_up_to_the_longest(path):
    ids, mask = load_tokenizer(path).encode(["a dog", "cat"], pad_id=9)
    assert ids.tolist() == [[0, 3, 4, 1], [0, 5, 1, 9]]
    assert mask.tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]


def test_texts_are_filled_up_to_the_length_where_the_model_wants_it(path):
    assert load_tokenizer(path, 6).encode(["cat"], fill=True)[0].shape == (1, 6)


def test_what_is_too_long_is_cut_and_keeps_its_end(path):
    assert load_tokenizer(path, 4).encode(["a dog a cat"])[0].tolist() == [[0, 3, 4, 1]]


def test_tokens_become_text_again(path):
    tokenizer = load_tokenizer(path)
    assert tokenizer.decode([0, 3, 4, 1]) == "a dog"
    assert tokenizer.decode([0, 3, 1], special=True) == "<s> a </s>"
    assert (tokenizer.id_of("dog"), tokenizer.token_of(4), tokenizer.token_of(99), tokenizer.size) == (4, "dog", "", 6)


def test_a_token_that_is_not_there_is_told(path):
    with pytest.raises(ModelFileError, match="tokenizer must know '<pad>', got no such token"):
        load_tokenizer(path).id_of("<pad>")


@pytest.mark.parametrize(("text", "words"), [(3, "text must be a string, got int 3"), ("\ud800", "whole characters")])
def test_what_is_no_text_is_refused(path, text, words):
    with pytest.raises(OptionError, match=words):
        load_tokenizer(path).encode([text])


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\x00", b'{"model": 3}'])
def test_a_broken_file_is_told(path, content):
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"expected a tokenizer.json, got .*fetch it again"):
        load_tokenizer(path)


def test_it_is_read_once_and_again_when_it_was_replaced(path):
    first = load_tokenizer(path)
    assert load_tokenizer(path) is first
    os.utime(path, ns=(1, 1))
    assert load_tokenizer(path) is not first


def test_pieces_are_whole_words_and_together_the_text(path):
    tokenizer = load_tokenizer(path)
    assert list(tokenizer.pieces([0, 3, 4, 3, 5, 1])) == ["a", " dog", " a", " cat"]


def test_pieces_wait_for_tokens_that_change_a_word(tmp_path):
    words = {"?": 0, "don": 1, "'": 2, "t": 3, "walk": 4, "##s": 5, ".": 6}
    made = tokenizers.Tokenizer(models.WordPiece(words, unk_token="?"))
    made.decoder = tokenizers.decoders.WordPiece()
    made.save(str(tmp_path / "tokenizer.json"))
    pieces = list(load_tokenizer(tmp_path / "tokenizer.json").pieces([1, 2, 3, 4, 5, 6]))
    assert pieces[-1] == " walks."
    assert "".join(pieces) == load_tokenizer(tmp_path / "tokenizer.json").decode([1, 2, 3, 4, 5, 6])


def test_bytes_that_are_no_character_yet_are_waited_for(tmp_path):
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = tokenizers.Tokenizer(models.BPE({letter: n for n, letter in enumerate(letters)}, []))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), tokenizers.decoders.ByteLevel()
    made.save(str(tmp_path / "tokenizer.json"))
    tokenizer = load_tokenizer(tmp_path / "tokenizer.json")
    pieces = list(tokenizer.pieces(tokenizer.encode(["ä 🐕 b"])[0][0]))
    assert pieces == ["ä", " 🐕", " b"]


def test_no_tokens_are_no_pieces(path):
    assert list(load_tokenizer(path).pieces([])) == []


def test_words_that_do_not_come_back_are_lost_but_not_capitals_or_accents(tmp_path):
    words = {"[UNK]": 0, "a": 1, "ca": 2, "##fe": 3, "don": 4, "'": 5, "t": 6}
    made = tokenizers.Tokenizer(models.WordPiece(words, unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.add_special_tokens(["[UNK]"])
    made.save(str(tmp_path / "bert.json"))
    assert load_tokenizer(tmp_path / "bert.json").lost("A Café  don't 猫 [UNK] 猫") == ["猫", "[UNK]"]
