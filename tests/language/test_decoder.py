"""A decoder's inputs by name, and what it remembers."""

import numpy as np
import pytest

from pixwise.errors import CardError, ShapeError
from pixwise.language.decoder import Decoder
from pixwise.session import Tensor

STATES = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)  # (B, tokens of the picture, size)
GIVEN = {"last_hidden_state": STATES}
IDS = Tensor("input_ids", (-1, -1), "int64")
SEEN = Tensor("encoder_hidden_states", (-1, -1, 4), "float")
PAST = Tensor("past_key_values.0.key", (-1, 2, -1, 3), "float")
CROSS = Tensor("past_key_values.0.encoder.key", (-1, 2, -1, 3), "float")
BRANCH = Tensor("use_cache_branch", (1,), "bool")


class Parts:
    """A session that remembers what it was fed; its cache holds the tokens that it saw."""

    def __init__(self, *inputs, gives=(), merged=False):
        self.wanted, self.gives, self.merged, self.fed = inputs, gives, merged, []

    def inputs(self, part):
        return self.wanted

    def run(self, feeds, part):
        if part == "embed_tokens":
            return {"inputs_embeds": feeds["input_ids"][..., None].astype(np.float32)}
        self.fed.append(feeds)
        fresh = feeds["input_ids"] if "input_ids" in feeds else feeds["inputs_embeds"][..., 0].astype(np.int64)
        out = {"logits": np.zeros((*fresh.shape, 5), np.float32)}
        if PAST in self.wanted:
            seen = np.tile(fresh[:, None, :, None].astype(np.float32), (1, 2, 1, 3))
            out["present.0.key"] = np.concatenate([feeds[PAST.name], seen], axis=2)
        if "cross" in self.gives:
            first = not feeds["use_cache_branch"][0]
            state = feeds["encoder_hidden_states"][:, None, :, :3].repeat(2, axis=1)
            out["present.0.encoder.key"] = state if first else state[:, :, :0]
        return out


def steps(session, given=GIVEN, moves=(([[1, 2], [1, 2]], [0, 1]), ([[3], [4]], [0, 1]), ([[5], [6]], [0, 1]))):
    decoder = Decoder(session, given)
    return [decoder.logits(np.array(tokens), np.array(rows)) for tokens, rows in moves]


def test_after_the_first_step_one_token_is_fed():
    session = Parts(IDS, SEEN, PAST)
    steps(session)
    assert [feeds["input_ids"].shape for feeds in session.fed] == [(2, 2), (2, 1), (2, 1)]
    assert [feeds[PAST.name].shape for feeds in session.fed] == [(2, 2, 0, 3), (2, 2, 2, 3), (2, 2, 3, 3)]


def test_without_a_cache_all_tokens_are_fed_each_time():
    session = Parts(IDS, SEEN)
    steps(session)
    assert session.fed[-1]["input_ids"].tolist() == [[1, 2, 3, 5], [1, 2, 4, 6]]


def test_the_encoders_state_goes_by_its_other_name():
    session = Parts(IDS, SEEN, Tensor("encoder_attention_mask", (-1, -1), "int64"))
    steps(session)
    np.testing.assert_array_equal(session.fed[0]["encoder_hidden_states"], STATES)
    assert session.fed[0]["encoder_attention_mask"].tolist() == [[1, 1, 1], [1, 1, 1]]


def test_everything_so_far_is_seen_and_positions_go_on_counting():
    session = Parts(IDS, PAST, Tensor("attention_mask", (-1, -1), "int64"), Tensor("position_ids", (-1, -1), "int64"))
    steps(session, {})
    assert [feeds["attention_mask"].shape for feeds in session.fed] == [(2, 2), (2, 3), (2, 4)]
    assert [feeds["position_ids"][0].tolist() for feeds in session.fed] == [[0, 1], [2], [3]]


def test_the_cache_branch_is_taken_from_the_second_step_on():
    session = Parts(IDS, SEEN, PAST, BRANCH)
    steps(session)
    assert [feeds["use_cache_branch"].tolist() for feeds in session.fed] == [[False], [True], [True]]


def test_rows_take_their_cache_with_them():
    session = Parts(IDS, SEEN, PAST)
    steps(session, moves=(([[1], [2]], [0, 1]), ([[3], [4], [5]], [1, 1, 0]), ([[6]], [2])))
    assert session.fed[1][PAST.name][:, 0, :, 0].tolist() == [[2], [2], [1]]
    assert session.fed[2][PAST.name][:, 0, :, 0].tolist() == [[1, 5]]
    np.testing.assert_array_equal(session.fed[1]["encoder_hidden_states"], STATES[[1, 1, 0]])
    np.testing.assert_array_equal(session.fed[2]["encoder_hidden_states"], STATES[[0]])


def test_beams_that_change_places_within_a_picture_copy_no_picture():
    session = Parts(IDS, SEEN, PAST)
    steps(session, moves=(([[1], [2]], [0, 1]), ([[3], [4], [5], [6]], [0, 0, 1, 1]), ([[3]] * 4, [1, 0, 3, 3])))
    assert session.fed[2]["encoder_hidden_states"] is session.fed[1]["encoder_hidden_states"]


def test_cross_attention_of_the_first_step_is_kept():
    session = Parts(IDS, SEEN, PAST, CROSS, BRANCH, gives=("cross",))
    steps(session, moves=(([[1], [2]], [0, 1]), ([[3], [4]], [0, 1]), ([[3], [4]], [1, 1])))
    kept = STATES[:, None, :, :3].repeat(2, axis=1)
    assert session.fed[0][CROSS.name].shape == (2, 2, 0, 3)
    np.testing.assert_array_equal(session.fed[1][CROSS.name], kept)
    np.testing.assert_array_equal(session.fed[2][CROSS.name], kept[[1, 1]])


def test_cross_attention_that_the_encoder_gives_needs_no_states():
    session, given = Parts(IDS, PAST, CROSS), {CROSS.name: np.ones((2, 2, 7, 3), np.float32)}
    steps(session, GIVEN | given)
    assert {feeds[CROSS.name].shape for feeds in session.fed} == {(2, 2, 7, 3)}
    assert "encoder_hidden_states" not in session.fed[0]


def test_vectors_of_tokens_come_from_their_own_part():
    session = Parts(Tensor("inputs_embeds", (-1, -1, 1), "float"), SEEN, PAST)
    steps(session)
    assert [feeds["inputs_embeds"].shape for feeds in session.fed] == [(2, 2, 1), (2, 1, 1), (2, 1, 1)]


def test_arrays_come_in_the_type_that_the_input_wants():
    half = Tensor("encoder_hidden_states", (-1, -1, 4), "float16")
    session = Parts(Tensor("input_ids", (-1, -1), "int32"), half)
    steps(session)
    assert (session.fed[0]["input_ids"].dtype, session.fed[0][half.name].dtype) == (np.int32, np.float16)


def test_an_input_that_comes_from_nowhere_is_named():
    with pytest.raises(CardError, match=r"input 'image_bias' of the decoder must come from the encoder .* got encoder"):
        Decoder(Parts(IDS, SEEN, Tensor("image_bias", (-1, 4), "float")), GIVEN)


def test_states_that_no_encoder_gives_are_named():
    with pytest.raises(CardError, match=r"input 'encoder_hidden_states' of the decoder must come .* outputs pooled;"):
        Decoder(Parts(IDS, SEEN), {"pooled": STATES})


def test_a_cache_of_unknown_heads_is_refused():
    with pytest.raises(CardError, match=r"'past_key_values.0.key' .* must have shape .* got \[-1, -1, -1, 3\]"):
        Decoder(Parts(IDS, Tensor(PAST.name, (-1, -1, -1, 3), "float")), {})


def test_a_cache_that_is_not_given_back_is_named():
    session = Parts(IDS, Tensor("past_key_values.1.value", (-1, 2, -1, 3), "float"))
    with pytest.raises(CardError, match=r"must contain 'present.1.value' for its input 'past_key_values.1.value', got"):
        steps(session, {})


def test_logits_that_are_no_numbers_are_refused():
    session = Parts(IDS)
    session.run = lambda feeds, part: {"logits": np.full((2, 1, 5), np.nan, np.float32)}
    with pytest.raises(ShapeError, match="logits of the decoder must be numbers, got NaN"):
        steps(session, {})


def test_a_decoder_without_logits_is_refused():
    session = Parts(IDS)
    session.run = lambda feeds, part: {"states": np.zeros((2, 1, 5), np.float32)}
    with pytest.raises(ShapeError, match=r"must contain 'logits' \(n, tokens, words\), got states \(2, 1, 5\)"):
        steps(session, {})
