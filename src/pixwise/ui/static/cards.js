/** Answers in words: a card for each, its rows in a table that follows the stage, its values, and what can be kept. */

import { counted, kept, said } from "./answers.js";
import { copyButton, el, button, renamed, save } from "./dom.js";

const BARS = new Set(["score", "share", "probability"]);
const STEPS = { ArrowDown: 1, ArrowUp: -1 };

/** The card of an answer; `heard` is told `onChoose(row)` and `onPoint(row)`. */
export function makeCard(answer, colour, fileName, heard) {
  const rows = new Map(answer.rows.map((row) => [row, rowOf(answer, row, colour, heard)]));
  const count = el("p", { class: "count" });
  const empty = el("p", { class: "nothing" }, "Nothing found.");
  const table = answer.rows.length ? tableOf(answer, rows, heard) : null;
  const element = el("article", { class: "card answer", "data-task": answer.task, "aria-label": `Answer of ${answer.task}` },
    el("header", {}, el("h3", {}, answer.task), count, byLine(answer)),
    answer.headline ? el("p", { class: "headline" }, answer.headline) : null,
    table, answer.rowsKey ? empty : null, valuesOf(answer), actionsOf(answer, fileName));

  function filter(least) {
    const shown = new Set(kept(answer, least));
    for (const [row, line] of rows) line.hidden = !shown.has(row);
    const hidden = rows.size - shown.size;
    count.textContent = answer.rowsKey ? counted(shown.size, answer.rowsKey) + (hidden ? `, ${hidden} hidden` : "") : "";
    empty.hidden = shown.size > 0;
    rove([...rows.values()].filter((line) => !line.hidden));
    return [...shown];
  }

  filter(0);
  return { element, answer, filter, mark: (kind, row) => mark(rows, kind, row) };
}

/** One row of a table is in the order of Tab; arrows lead to the others. */
function rove(lines) {
  const current = lines.find((line) => line.tabIndex === 0) ?? lines[0];
  for (const line of lines) line.tabIndex = line === current ? 0 : -1;
}

function mark(rows, kind, row) {
  for (const [each, line] of rows) {
    const is = each === row;
    if (kind === "chosen") line.setAttribute("aria-selected", String(is));
    else line.classList.toggle("pointed", is);
    if (is && kind === "chosen") revealed(line);
  }
}

/** Scroll the table, not the page: the picture must stay where it is. */
function revealed(line) {
  const box = line.closest(".rows");
  const [top, bottom] = [line.offsetTop - line.parentElement.previousSibling.offsetHeight, line.offsetTop + line.offsetHeight];
  if (top < box.scrollTop) box.scrollTop = top;
  else if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight;
}

function byLine({ model, ms }) {
  const time = ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
  const words = [model.id, model.licence, time].filter(Boolean).join(" · ");
  return el("p", { class: "by", title: model.revision ? `revision ${model.revision}, ${model.precision}` : null }, words);
}

function tableOf(answer, rows, heard) {
  const heads = answer.columns.map(({ name, help }) => el("th", { scope: "col", title: help || null, class: sideOf(name) }, spaced(name)));
  const body = el("tbody", { onkeydown: (event) => walk(event, rows, heard) }, [...rows.values()]);
  const head = el("thead", {}, el("tr", {}, el("th", { scope: "col", class: "swatch" }, el("span", { class: "unseen" }, "colour")), heads));
  return el("div", { class: "rows" }, el("table", { role: "grid", "aria-label": `${answer.rowsKey} of ${answer.task}` }, head, body));
}

const spaced = (name) => name.replaceAll("_", " ");
const sideOf = (name) => (name === "box" ? "number box" : BARS.has(name) ? "number" : null);

function rowOf(answer, row, colour, heard) {
  const swatch = el("span", { class: row.place || row.colour ? "dot" : "" });
  if (row.place || row.colour) swatch.style.background = row.colour || colour(row).line;
  const line = el("tr", {
    tabindex: -1, "aria-selected": "false",
    onclick: () => heard.onChoose(line.getAttribute("aria-selected") === "true" ? null : row),
    onpointerenter: () => heard.onPoint(row), onpointerleave: () => heard.onPoint(null),
    onfocus: () => heard.onPoint(row), onblur: () => heard.onPoint(null),
  }, el("td", { class: "swatch" }, swatch), answer.columns.map(({ name }) => cellOf(name, row.cells[name])));
  return line;
}

function cellOf(name, value) {
  if (BARS.has(name) && typeof value === "number") return el("td", { class: "number" }, barOf(value));
  if (name === "box") return el("td", { class: "number box" }, value.map((edge) => Math.round(edge)).join(" "));
  const numeric = typeof value === "number";
  return el("td", { class: numeric ? "number" : "words" }, said(value));
}

function barOf(value) {
  const bar = el("span", { class: "meter" });
  bar.style.setProperty("--share", String(Math.min(1, Math.max(0, value))));
  return el("span", {}, bar, value.toFixed(2));
}

function walk(event, rows, heard) {
  const lines = [...rows].filter(([, line]) => !line.hidden);
  const at = lines.findIndex(([, line]) => line === event.target.closest("tr"));
  const to = { Home: 0, End: lines.length - 1 }[event.key] ?? (STEPS[event.key] ? at + STEPS[event.key] : null);
  if (to !== null && lines[to]) {
    for (const [, line] of lines) line.tabIndex = -1;
    lines[to][1].tabIndex = 0;
    lines[to][1].focus();
  } else if (event.key === "Enter" || event.key === " ") lines[at]?.[1].click();
  else if (event.key === "Escape") heard.onChoose(null);
  else return;
  event.preventDefault();
}

function valuesOf(answer) {
  const shown = Object.entries(answer.values).filter(([name, value]) => !isTable(value) && ![answer.matte, answer.map, answer.headline].includes(value) && name !== "box" && value !== "");
  if (!shown.length) return null;
  return el("dl", { class: "values" }, shown.map(([name, value]) =>
    el("div", {}, el("dt", { title: answer.told[name] ?? null }, spaced(name)), el("dd", {}, said(value)))));
}

const isTable = (value) => value !== null && typeof value === "object" && !Array.isArray(value); // a skeleton is drawn

function actionsOf(answer, fileName) {
  const json = () => JSON.stringify(answer.document, null, 2);
  const words = answer.text || answer.headline;
  return el("footer", {},
    words ? copyButton("Copy text", () => words) : null,
    answer.labels.length ? copyButton("Copy labels", () => answer.labels.join("\n")) : null,
    copyButton("Copy JSON", json),
    button("Save JSON", () => save(new Blob([json()], { type: "application/json" }), renamed(fileName, `.${answer.task}.json`)),
      { drawing: "save", class: "quiet" }));
}
