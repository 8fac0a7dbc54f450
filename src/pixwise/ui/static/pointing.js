/** Pointing at things: a click is on it, a click with Shift is not on it, a drag is a box around it; and all by keys. */

import { byId, say } from "./dom.js";

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const DRAG = 6; // points of the screen; less is a hand that shook

/** Let somebody point at the stage; `onChange()` is called when the question has become another one. */
export function makePointing(stage, onChange) {
  const state = { takes: null, points: [], box: null, cursor: null, corner: null, press: null };
  const { canvas, view } = stage;

  function shown() {
    stage.prompts(state.takes && { points: state.points, box: state.box, cursor: state.cursor });
    byId("point-undo").disabled = byId("point-clear").disabled = !state.points.length && !state.box;
  }

  function changed(words) {
    shown();
    say(words);
    onChange();
  }

  const isOutside = (event) => event.shiftKey || byId("point-not").checked;

  function addPoint(at, outside) {
    if (!state.takes.points) return;
    state.points = [...state.points, { at, inside: !outside }];
    changed(outside ? "Marked as not part of it" : "Marked as part of it");
  }

  function setBox(from, to) {
    const ordered = [0, 1].map((axis) => [from[axis], to[axis]].sort((a, b) => a - b));
    state.box = [ordered[0][0], ordered[1][0], ordered[0][1], ordered[1][1]];
  }

  function undo() {
    if (state.points.length) state.points = state.points.slice(0, -1);
    else state.box = null;
    changed("Taken back");
  }

  function clear() {
    Object.assign(state, { points: [], box: null, corner: null });
    changed("All marks are gone");
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (!state.takes || event.button) return;
    canvas.setPointerCapture(event.pointerId);
    state.press = { at: stage.pictureAt(event), screen: [event.clientX, event.clientY], before: state.box, drag: false };
    state.cursor = null;
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!state.press || !state.takes?.box) return;
    const far = Math.hypot(event.clientX - state.press.screen[0], event.clientY - state.press.screen[1]) > DRAG;
    state.press.drag ||= far;
    if (!state.press.drag) return;
    setBox(state.press.at, stage.pictureAt(event));
    shown();
  });
  canvas.addEventListener("pointerup", (event) => {
    const press = state.press;
    state.press = null;
    if (!press) return;
    if (press.drag) changed("Box set");
    else addPoint(press.at, isOutside(event));
  });
  canvas.addEventListener("pointercancel", () => {
    if (state.press) state.box = state.press.before;
    state.press = null;
    shown();
  });

  function onKey(event) {
    if (!state.takes || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in MOVES) moveCursor(MOVES[event.key], event.shiftKey ? 1 : 20);
    else if (event.key === "Enter" && state.cursor) addPoint(state.cursor, isOutside(event));
    else if (event.key.toLowerCase() === "b" && state.takes.box) markCorner();
    else if (event.key === "Backspace" && (state.points.length || state.box)) undo();
    else if (event.key === "Escape" && (state.points.length || state.box)) clear();
    else return;
    event.preventDefault();
  }

  function moveCursor([dx, dy], step) {
    const [x, y] = state.cursor ?? stage.size.map((side) => side / 2);
    const moved = [x + dx * step * stage.unit(), y + dy * step * stage.unit()];
    state.cursor = moved.map((part, axis) => Math.min(Math.max(part, 0), stage.size[axis] - 1));
    if (state.corner) setBox(state.corner, state.cursor);
    shown();
    say(`At ${state.cursor.map(Math.round).join(", ")}`);
  }

  function markCorner() {
    const at = state.cursor ?? stage.size.map((side) => side / 2);
    if (!state.corner) {
      Object.assign(state, { corner: at, cursor: at });
      say("First corner set; move with the arrows, B again for the second");
      return;
    }
    const [x1, y1, x2, y2] = state.box ?? [0, 0, 0, 0];
    state.corner = null;
    if (x2 > x1 && y2 > y1) changed("Box set");
  }

  view.addEventListener("keydown", onKey);
  byId("point-undo").addEventListener("click", undo);
  byId("point-clear").addEventListener("click", clear);

  return {
    /** Take points, a box or both (`{ points, box }`), or neither: null. */
    takes(pointed) {
      Object.assign(state, { takes: pointed, points: [], box: null, cursor: null, corner: null, press: null });
      byId("pointing").hidden = !pointed;
      for (const name of ["point-help", "point-sign"]) byId(name).hidden = !pointed?.points;
      byId("box-help").hidden = !pointed || pointed.points;
      byId("point-not").checked = false;
      shown();
    },
    /** The options that say where somebody pointed. */
    options() {
      const round = (part) => Math.round(10 * part) / 10;
      const told = {};
      if (state.points.length) told.points = state.points.map(({ at }) => at.map(round));
      if (state.points.length) told.labels = state.points.map(({ inside }) => Number(inside));
      if (state.box) told.box = [state.box.map(round)];
      return state.takes ? told : {};
    },
  };
}
