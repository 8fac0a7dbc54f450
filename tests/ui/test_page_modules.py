"""The parts of the page that compute: masks, options, answers, against Python, in the browser itself."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from pixwise.masks import Mask

MASKS = [
    np.zeros((4, 5), bool),
    np.ones((7, 3), bool),
    np.eye(9, dtype=bool),
    np.random.default_rng(1).random((40, 63)) > 0.5,
    np.pad(np.ones((300, 2), bool), ((2000, 1), (3, 900))),
]


@pytest.fixture(scope="module")
def run(browser, place):
    """Run an expression with the exports of a module and a value: `run("runs.js", "m.openMask(v)", rle)`."""
    code = "([file, code, v]) => import(file).then((m) => Function('m', 'v', 'return ' + code)(m, v))"
    context = browser.new_context(bypass_csp=True)  # the page itself may not make functions of text
    page = context.new_page()
    page.goto(f"{place.url}/ui/")
    yield lambda file, expression, value: page.evaluate(code, [f"./{file}", expression, value])
    context.close()


@pytest.mark.parametrize("mask", MASKS, ids=["nothing", "all", "diagonal", "noise", "tall"])
def test_masks_open_as_in_python(run, mask):
    rle = Mask.from_array(mask).to_rle()
    opened = run("runs.js", "(({box, width, pixels}) => ({box, width, pixels: [...pixels]}))(m.openMask(v))", rle)
    x1, y1, x2, y2 = opened["box"]
    again = np.zeros(mask.shape, bool)
    again[y1:y2, x1:x2] = np.array(opened["pixels"], bool).reshape(y2 - y1, x2 - x1)
    np.testing.assert_array_equal(again, mask)


def test_runs_that_are_a_plain_list_are_read_too(run):
    assert run("runs.js", "m.openMask(v).box", {"size": [4, 3], "counts": [5, 2, 5]}) == [1, 1, 2, 3]


SCHEMA = {
    "properties": {
        "min_score": {
            "anyOf": [{"type": "number"}, {"type": "null"}],
            "default": None,
            "description": "lower ones go.",
        },
        "labels": {"type": "array", "items": {"type": "string"}},
        "top": {"type": "integer", "default": 0, "minimum": 0, "maximum": 40},
        "tiles": {"type": "integer", "default": 0, "minimum": 0, "maximum": 10**6, "description": "side in pixels."},
        "template": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}], "default": "a"},
        "kind": {"enum": ["a", "b"], "default": "b"},
        "exact": {"type": "boolean", "default": False},
        "gallery": {"type": "string", "default": ""},
        "mask": {"default": []},
    },
    "required": ["labels"],
}


def test_each_option_gets_the_control_that_its_type_needs(run):
    options = run("options.js", "m.optionsOf(v).options", SCHEMA)
    controls = {option["name"]: option["control"] for option in options}
    assert controls == {
        **{"min_score": "number", "labels": "words", "top": "number", "kind": "choice"},
        **{"exact": "switch", "gallery": "text", "tiles": "number", "template": "text"},
    }
    assert [option["name"] for option in options if option["required"]] == ["labels"]


def test_a_slider_goes_as_far_as_the_schema_says(run):
    options = {option["name"]: option for option in run("options.js", "m.optionsOf(v).options", SCHEMA)}
    assert [options["top"][key] for key in ("from", "to", "step")] == [0, 40, 1]
    assert [options["min_score"][key] for key in ("from", "to", "nullable")] == [0, 1, True]


def test_a_slider_does_not_go_to_a_million_which_can_be_typed(run):
    options = {option["name"]: option for option in run("options.js", "m.optionsOf(v).options", SCHEMA)}
    assert [options["tiles"][key] for key in ("from", "to", "step", "most")] == [0, 2048, 16, 10**6]


@pytest.mark.parametrize("kind", [{}, {"type": "array"}, {"anyOf": [{"type": "array"}, {"type": "array"}]}])
def test_points_and_boxes_are_pointed_at_and_not_typed(run, kind):
    lists = {name: kind for name in ("points", "labels", "box")}
    told = run("options.js", "m.optionsOf(v)", {"properties": {**lists, "grid": {"type": "integer", "default": 0}}})
    assert told["pointed"] == {"points": True, "box": True}
    assert [option["name"] for option in told["options"]] == ["grid"]


POSE = {"names": ["nose", "left_eye", "R_Ear", "lever"], "edges": [[0, 1], [1, 2], [0, 2], [0, 3]]}


def test_limbs_have_the_side_of_their_ends_and_hidden_points_none(run):
    row = {"box": [0, 0, 9, 9], "score": 0.9, "keypoints": [[1, 1], [2, 2], [3, 3], [None, None]]}
    document = {"pose": {"skeleton": POSE}, "poses": [row], "image": {}, "model": {}}
    place = run("answers.js", "m.answerOf({name: 'pose'}, {document: v, ms: 1}).rows[0].place.skeleton", document)
    assert [limb["side"] for limb in place["limbs"]] == ["left", "", "right"]
    assert [joint["side"] for joint in place["joints"]] == ["", "left", "right"]


def test_rows_without_keypoints_have_no_skeleton(run):
    document = {"faces": [{"box": [0, 0, 9, 9], "score": 0.9}], "image": {}, "model": {}}
    assert run("answers.js", "m.answerOf({name: 'f'}, {document: v, ms: 1}).rows[0].place.skeleton", document) is None


QUAD = {"text": "x", "score": 0.9, "quad": [[10, 0], [20, 10], [10, 20], [0, 10]], "box": [0, 0, 20, 20]}


@pytest.mark.parametrize(("point", "inside"), [([10, 10], True), ([1, 1], False), ([19, 19], False)])
def test_a_turned_quad_is_hit_inside_only(run, point, inside):
    document = {"lines": [QUAD], "image": {}, "model": {}}
    code = "m.rowAt(m.answerOf({name: 'ocr'}, {document: v[0], ms: 1}).rows, v[1]) !== null"
    assert run("answers.js", code, [document, point]) is inside


def test_of_two_boxes_that_hold_a_point_the_smaller_is_meant(run):
    rows = [{"label": "room", "box": [0, 0, 99, 99]}, {"label": "cup", "box": [40, 40, 60, 60]}]
    code = "m.rowAt(m.answerOf({name: 't'}, {document: {things: v}, ms: 1}).rows, [50, 50]).name"
    assert run("answers.js", code, rows) == "cup"


def test_a_mask_is_hit_where_it_is_and_not_in_its_box(run):
    row = {"score": 1, "mask": Mask.from_array(np.eye(9, dtype=bool)).to_rle()}
    code = "v.points.map((p) => m.rowAt(m.answerOf({name: 's'}, {document: {masks: [v.row]}, ms: 1}).rows, p) !== null)"
    assert run("answers.js", code, {"row": row, "points": [[4.5, 4.5], [4, 5]]}) == [True, False]


@pytest.mark.parametrize(
    ("number", "key", "words"),
    [(0, "faces", "no faces"), (1, "classes", "1 class"), (1, "identities", "1 identity"), (3, "codes", "3 codes")],
)
def test_things_are_counted_in_words(run, number, key, words):
    assert run("answers.js", "m.counted(...v)", [number, key]) == words


def test_one_name_has_one_colour_and_two_names_have_two(run):
    code = "(() => { const c = m.palette(); return v.map((name) => c(name).line) })()"
    colours = run("palette.js", code, ["cat", "dog", "cat", "cup", "car", "bird"])
    assert colours[0] == colours[2]
    assert len(set(colours)) == 5


def address_of(ids):
    """A grey PNG as a data address, as a map of classes is told."""
    kept = io.BytesIO()
    Image.fromarray(ids).save(kept, "PNG")
    return f"data:image/png;base64,{base64.b64encode(kept.getvalue()).decode()}"


def class_map(ids):
    rows = [{"label": str(value), "id": int(value), "share": 0.1} for value in np.unique(ids)]
    return {"class_map": {"map": address_of(ids)}, "classes": rows, "image": {}, "model": {}}


MAPPED = """import('./answers.js').then(async (a) => {
  const answer = await m.withPlaces(a.answerOf({name: 's'}, {document: v[0], ms: 1}));
  return [answer.matte !== '', v[1].map((point) => a.rowAt(answer.rows, point)?.name ?? '')] })"""


@pytest.mark.parametrize("scale", [1, 60])
def test_each_class_of_a_map_is_hit_where_it_is(run, scale):
    ids = np.zeros((40, 50), np.uint8)
    ids[10:30, 7:25], ids[15:20, 30:50] = 7, 255
    points = [[scale * (x + 0.5), scale * (y + 0.5)] for x, y in ((0, 0), (7, 10), (24, 29), (40, 17))]
    edge = [[scale * 7 + step, scale * 15] for step in range(-4, 5)]
    large = class_map(np.kron(ids, np.ones((scale, scale), np.uint8)))
    matte, names = run("maps.js", MAPPED, [large, [*points, *edge]])
    assert (matte, names[:4]) == (False, ["0", "7", "7", "255"])
    assert set(names[4:]) == {"0", "7"}  # between two ids there is no third


def test_a_map_of_sixteen_bits_is_told_from_a_matte(run):
    addresses = [address_of(np.full((4, 4), 9, kind)) for kind in (np.uint16, np.uint8)]
    assert run("maps.js", "v.map(m.isDeep)", [*addresses, ""]) == [True, False, False]


def test_a_map_of_sixteen_bits_is_left_to_the_drawing_of_the_service(run):
    assert run("maps.js", MAPPED, [class_map(np.full((4, 4), 300, np.uint16)), []])[0] is True
