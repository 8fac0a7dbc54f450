/** Answers, read by their nature: rows with places in the picture, values, words, scores. No task is known by name. Pure. */

import { openMask } from "./runs.js";
import { jointsOf, skeletonIn } from "./skeletons.js";

const NAMES = ["label", "name", "rule", "kind"]; // what a row is called, the first that it has
const SCORES = ["score", "similarity", "probability"];
const UNSEEN = new Set(["label_id", "quad", "landmarks", "mask", "polygons", "rgb", "object", "picture", "keypoints", "keypoint_scores"]);
const HEADLINES = ["text", "decided", "action"]; // the value that is the answer in a word or a line

/** An answer as the page shows it. */
export function answerOf(task, { document, ms }) {
  const valuesKey = Object.keys(document).find((key) => isTable(document[key]) && !META.has(key));
  const rowsKey = Object.keys(document).find((key) => Array.isArray(document[key])) ?? "";
  const values = valuesKey ? document[valuesKey] : {};
  const skeleton = skeletonIn(values);
  const rows = (rowsKey ? document[rowsKey] : []).map((row, index) => rowOf(row, index, rowsKey, skeleton));
  return {
    task: task.name,
    document,
    ms,
    rowsKey,
    rows,
    columns: columnsOf(task, rowsKey, document),
    values,
    told: docsOf(task.answer?.properties?.[valuesKey]),
    matte: rows.some((row) => Number.isInteger(row.cells.id)) ? "" : pictureIn(values),
    made: values.alpha ? "" : (values.raster ?? ""), // a picture that was made, whole as it is
    map: rows.some((row) => Number.isInteger(row.cells.id)) ? pictureIn(values) : "",
    headline: HEADLINES.map((key) => values[key]).find((value) => typeof value === "string") ?? "",
    scored: rows.some((row) => row.score !== null),
    text: rows.filter((row) => row.text).map((row) => row.text).join("\n"),
    labels: [...new Set(rows.map((row) => row.name).filter(Boolean))],
    model: document.model ?? {},
    size: [document.image?.width ?? 0, document.image?.height ?? 0],
  };
}

/** A picture among the values: a matte, or with rows that have ids a map of these. */
function pictureIn(values) {
  return Object.values(values).find((value) => typeof value === "string" && value.startsWith("data:image/")) ?? "";
}

const META = new Set(["image", "model", "timings_ms"]);
const isTable = (thing) => thing !== null && typeof thing === "object" && !Array.isArray(thing);
const isNumbers = (thing, length) => Array.isArray(thing) && thing.length === length && thing.every(Number.isFinite);

function rowOf(cells, index, rowsKey, skeleton) {
  const name = NAMES.map((key) => cells[key]).find((value) => typeof value === "string" && value) ?? "";
  const score = SCORES.map((key) => cells[key]).find((value) => typeof value === "number") ?? null;
  const text = typeof cells.text === "string" ? cells.text : "";
  return { index, cells, name, score, text, kind: singular(rowsKey), colour: cells.hex ?? "", place: placeOf(cells, skeleton) };
}

/** Where a row is in the picture: null, or its box with outline, points, mask and joints where it has them. */
function placeOf(cells, skeleton) {
  const mask = isTable(cells.mask) && cells.mask.counts !== undefined ? openMask(cells.mask) : null;
  const quad = Array.isArray(cells.quad) && cells.quad.every((corner) => isNumbers(corner, 2)) ? cells.quad : null;
  const points = Array.isArray(cells.landmarks) ? cells.landmarks.filter((point) => isNumbers(point, 2)) : [];
  const box = isNumbers(cells.box, 4) ? cells.box : (mask?.box ?? (quad && around(quad)));
  return box ? { box, quad, points, mask, skeleton: jointsOf(cells, skeleton) } : null;
}

function around(points) {
  const [xs, ys] = [points.map((point) => point[0]), points.map((point) => point[1])];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** What the description says of each value. */
function docsOf(schema) {
  return Object.fromEntries(Object.entries(schema?.properties ?? {}).map(([name, { description }]) => [name, description]));
}

/** Columns that say something to a person, as the description names them, also where there is no row. */
function columnsOf(task, rowsKey, document) {
  const told = task.answer?.properties?.[rowsKey]?.items?.properties ?? {};
  const names = Object.keys(told).length ? Object.keys(told) : Object.keys(document[rowsKey]?.[0] ?? {});
  return names.filter((name) => !UNSEEN.has(name)).map((name) => ({ name, help: told[name]?.description ?? "" }));
}

/** What a cell or a value says. */
export function said(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : brief(value);
  if (Array.isArray(value) && value.length > 8 && value.length <= 32 && value.every(Number.isInteger)) return value.join(" ");
  if (Array.isArray(value)) return value.length > 8 ? `${value.length} numbers` : value.map(said).join(", ");
  return String(value);
}

const brief = (number) => {
  const size = Math.abs(number);
  if (size >= 100) return number.toFixed(0);
  return size >= 10 ? number.toFixed(1) : number.toFixed(size < 0.01 && size > 0 ? 4 : 2);
};

/** One of what the rows are called: `face`, `class`, `identity`. */
export function singular(rowsKey) {
  return rowsKey.replace(/ies$/, "ys").replace(/((?<=ss)es|(?<=x)es|s)$/, "");
}

/** `3 faces`, `1 line`, `no codes`. */
export function counted(number, rowsKey) {
  return `${number || "no"} ${number === 1 ? singular(rowsKey) : rowsKey}`;
}

/** Rows whose score reaches the least that is asked for; rows without one stay. */
export function kept(answer, least) {
  return answer.rows.filter((row) => row.score === null || row.score >= least);
}

/** Whether a point of the picture lies in a place. */
export function holds({ box, quad, mask }, [x, y]) {
  if (x < box[0] || y < box[1] || x >= box[2] || y >= box[3]) return false;
  if (mask) {
    const [column, row] = [x - mask.box[0], y - mask.box[1]].map((part) => Math.floor(part / mask.scale));
    return mask.pixels[row * mask.width + column] === 1;
  }
  return quad ? inRing(quad, [x, y]) : true;
}

/** Crossings of a ray to the right, odd inside. */
function inRing(ring, [x, y]) {
  let inside = false;
  ring.forEach(([x1, y1], place) => {
    const [x2, y2] = ring[(place + 1) % ring.length];
    if (y1 > y !== y2 > y && x < x1 + ((y - y1) / (y2 - y1)) * (x2 - x1)) inside = !inside;
  });
  return inside;
}

/** The row that is meant by a point: of those that hold it the smallest. */
export function rowAt(rows, point) {
  const area = ({ place: { box } }) => (box[2] - box[0]) * (box[3] - box[1]);
  const hit = rows.filter((row) => row.place && holds(row.place, point));
  return hit.sort((a, b) => area(a) - area(b))[0] ?? null;
}
