/** The picture with its answer drawn over it: pointer and arrow keys lead through what was found. */

import { rowAt, said } from "./answers.js";
import { byId, say } from "./dom.js";
import { nameOf, paint, paintPrompts } from "./paint.js";

const STEPS = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };

/**
 * The stage.
 *
 * @param {object} heard `onChoose(row)`, `onPoint(row)`: what the table follows
 */
export function makeStage(heard) {
  const view = byId("view");
  const ground = byId("ground");
  const canvas = byId("ink");
  const state = { rows: [], chosen: null, pointed: null, colour: () => ({}), prompts: null, size: [0, 0] };

  function unit() {
    return state.size[0] / Math.max(1, ground.clientWidth);
  }

  function draw() {
    const sharp = globalThis.devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(ground.clientWidth * sharp));
    canvas.height = Math.max(1, Math.round(ground.clientHeight * sharp));
    if (!state.size[0]) return;
    const pen = canvas.getContext("2d");
    pen.setTransform(canvas.width / state.size[0], 0, 0, canvas.height / state.size[1], 0, 0);
    paint(pen, state.rows, look(unit()));
    if (state.prompts) paintPrompts(pen, state.prompts, unit());
  }

  function look(scale) {
    const { size, chosen, pointed, colour } = state;
    const named = (row) => Boolean(row.name || !row.text); // the words of a line are in the picture already
    return { unit: scale, size, chosen, pointed, colour, named };
  }

  /** A point of the screen in pixels of the picture. */
  function pictureAt(event) {
    const place = ground.getBoundingClientRect();
    const share = [(event.clientX - place.left) / place.width, (event.clientY - place.top) / place.height];
    return share.map((part, axis) => Math.min(Math.max(part, 0), 0.99999) * state.size[axis]);
  }

  function choose(row, { tell = true } = {}) {
    state.chosen = row;
    draw();
    if (tell) heard.onChoose(row);
  }

  function point(row, { tell = true } = {}) {
    if (row === state.pointed) return;
    state.pointed = row;
    canvas.classList.toggle("hit", Boolean(row) && !state.prompts);
    draw();
    if (tell) heard.onPoint(row);
  }

  function walk(event) {
    const placed = state.rows.filter((row) => row.place);
    if (!placed.length || state.prompts) return;
    const at = placed.indexOf(state.chosen);
    const step = STEPS[event.key];
    const ends = { Home: 0, End: placed.length - 1 };
    if (event.key === "Escape" && state.chosen) choose(null);
    else if (step) choose(placed[(Math.max(at, step < 0 ? 0 : -1) + step + placed.length) % placed.length]);
    else if (event.key in ends) choose(placed[ends[event.key]]);
    else return;
    event.preventDefault();
    if (state.chosen) say(`${placed.indexOf(state.chosen) + 1} of ${placed.length}: ${toldOf(state.chosen)}`);
  }

  canvas.addEventListener("pointermove", (event) => event.pointerType !== "touch" && point(rowAt(state.rows, pictureAt(event))));
  canvas.addEventListener("pointerleave", () => point(null));
  canvas.addEventListener("click", (event) => {
    if (state.prompts) return; // pointing.js listens
    const row = rowAt(state.rows, pictureAt(event));
    choose(row === state.chosen ? null : row);
  });
  view.addEventListener("keydown", walk);
  ground.addEventListener("load", () => {
    const sides = [ground.naturalWidth, ground.naturalHeight];
    if (!state.size[0]) state.size = sides;
    byId("stage").style.setProperty("--ratio", String(sides[0] / sides[1]));
    byId("stage").style.setProperty("--wide", String(sides[0]));
    draw();
  });
  new ResizeObserver(draw).observe(ground);

  return {
    canvas,
    view,
    pictureAt,
    unit,
    choose,
    point,
    get size() {
      return state.size;
    },
    /** Show another picture, of which nothing is known yet. */
    show(address, name) {
      Object.assign(state, { rows: [], chosen: null, pointed: null, size: [0, 0] });
      ground.alt = name;
      ground.src = address;
      draw();
    },
    /** Draw other rows; the colours are those of the table. */
    rows(rows, colour, size) {
      const chosen = rows.includes(state.chosen) ? state.chosen : null;
      Object.assign(state, { rows, colour, chosen, pointed: null, size: size?.[0] ? size : state.size });
      draw();
    },
    /** Where somebody pointed, or null where pointing means nothing. */
    prompts(prompts) {
      state.prompts = prompts;
      canvas.classList.toggle("aim", Boolean(prompts));
      draw();
    },
    /** The picture at its own size with everything drawn in, as a blob. */
    drawn() {
      const kept = document.createElement("canvas");
      [kept.width, kept.height] = state.size;
      const pen = kept.getContext("2d");
      pen.drawImage(ground, 0, 0, ...state.size);
      paint(pen, state.rows, { ...look(Math.max(1, Math.max(...state.size) / 1000)), chosen: null, pointed: null });
      return new Promise((resolve) => kept.toBlob(resolve, "image/png"));
    },
  };
}

function toldOf(row) {
  return row.text && !row.name ? `${row.text}${row.score === null ? "" : `, ${said(row.score)}`}` : nameOf(row);
}
