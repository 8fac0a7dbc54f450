/** Draws answers into a canvas: the same strokes on the screen and in the picture that is kept. */

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

/**
 * Draw rows with their places.
 *
 * @param {CanvasRenderingContext2D} pen in pixels of the picture
 * @param {object[]} rows
 * @param {object} look `unit`, pixels of the picture per point of the screen; `size` of the picture; `chosen` and
 *   `pointed` rows; `colour(row)`; `named(row)`, whether its name stands beside it
 */
export function paint(pen, rows, look) {
  const placed = rows.filter((row) => row.place);
  const [front, back] = [placed.filter((row) => isFront(row, look)), placed.filter((row) => !isFront(row, look))];
  for (const row of [...back, ...front]) paintPlace(pen, row, look);
  const taken = [];
  for (const row of [...front, ...back].filter(look.named)) paintName(pen, row, look, taken);
}

const isFront = (row, look) => row === look.chosen || row === look.pointed;

function paintPlace(pen, row, look) {
  const colours = look.colour(row);
  const front = isFront(row, look);
  const { box, quad, points, mask, skeleton } = row.place;
  pen.save();
  pen.globalAlpha = look.chosen && !front ? 0.45 : 1;
  if (mask) paintMask(pen, mask, colours.line, front, look);
  else if (skeleton && !front) paintSkeleton(pen, skeleton, box, look.unit);
  else paintOutline(pen, ring(quad ?? corners(box)), colours, front, look.unit);
  if (skeleton && front) paintSkeleton(pen, skeleton, box, look.unit);
  for (const point of points) dot(pen, point, 3 * look.unit, colours.line, look.unit);
  pen.restore();
}

function paintOutline(pen, outline, colours, front, unit) {
  if (front) stroke(pen, outline, { fill: colours.fill });
  stroke(pen, outline, { line: "rgb(0 0 0 / 0.55)", width: (front ? 5.5 : 4) * unit }); // holds on any ground
  stroke(pen, outline, { line: colours.line, width: (front ? 3.5 : 2) * unit });
}

const LIMBS = { left: "#f08a1d", right: "#3fb2f0", "": "#fff" }; // the subject's own left and right

/** Limbs and joints, thinner where the person is small. */
function paintSkeleton(pen, { limbs, joints }, [x1, y1, x2, y2], unit) {
  const wide = Math.max(unit, Math.min(3 * unit, Math.max(x2 - x1, y2 - y1) / 60));
  for (const [shade, width] of [["rgb(0 0 0 / 0.6)", wide + 2 * unit], [null, wide]])
    for (const { ends, side } of limbs) stroke(pen, ring(ends), { line: shade ?? LIMBS[side], width });
  for (const { at, side } of joints) dot(pen, at, joints.length > 40 ? 0.7 * wide : 1.3 * wide, LIMBS[side], Math.min(unit, wide / 2));
}

const corners = ([x1, y1, x2, y2]) => [[x1, y1], [x2, y1], [x2, y2], [x1, y2]];

function ring(points) {
  const path = new Path2D();
  points.forEach(([x, y], place) => (place ? path.lineTo(x, y) : path.moveTo(x, y)));
  path.closePath();
  return path;
}

function stroke(pen, path, { line = "", fill = "", width = 1, dash = 0 }) {
  pen.lineJoin = "round";
  pen.setLineDash(dash ? [dash, dash] : []);
  if (fill) Object.assign(pen, { fillStyle: fill }).fill(path);
  if (line) Object.assign(pen, { strokeStyle: line, lineWidth: width }).stroke(path);
}

function dot(pen, [x, y], radius, colour, unit) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  Object.assign(pen, { fillStyle: colour }).fill();
  pen.setLineDash([]);
  Object.assign(pen, { strokeStyle: "#10131a", lineWidth: unit }).stroke();
}

const TINTED = new WeakMap();

/** Its edge and its inside, kept as canvases of one colour: a mask is drawn at every move of the pointer. */
function paintMask(pen, mask, colour, front, { size }) {
  if (!TINTED.has(mask)) TINTED.set(mask, {});
  const made = TINTED.get(mask);
  made[colour] ??= tinted(mask, Math.max(1, Math.round(Math.max(...size) / 600 / mask.scale)), colour);
  const { inside, edge } = made[colour];
  const place = [mask.box[0], mask.box[1], inside.width * mask.scale, inside.height * mask.scale];
  const whole = pen.globalAlpha;
  pen.globalAlpha = whole * (front ? 0.6 : 0.38);
  pen.drawImage(inside, ...place);
  pen.globalAlpha = whole;
  pen.drawImage(edge, ...place);
}

function tinted({ width, pixels }, thick, colour) {
  const height = pixels.length / Math.max(1, width);
  const at = (x, y) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : pixels[y * width + x]);
  const isEdge = (x, y) => !(at(x - thick, y) && at(x + thick, y) && at(x, y - thick) && at(x, y + thick));
  const edge = pixels.map((inside, place) => (inside && isEdge(place % width, Math.floor(place / width)) ? 1 : 0));
  return { inside: filledCanvas(width, height, pixels, colour), edge: filledCanvas(width, height, edge, colour) };
}

function filledCanvas(width, height, pixels, colour) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.max(1, width), Math.max(1, height)];
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(canvas.width, canvas.height);
  pixels.forEach((inside, place) => (image.data[4 * place + 3] = 255 * inside));
  pen.putImageData(image, 0, 0);
  Object.assign(pen, { globalCompositeOperation: "source-in", fillStyle: colour }).fillRect(0, 0, canvas.width, canvas.height);
  return canvas;
}

/** What a row is called in the picture: its name, or what kind of thing it is, and its score. */
export function nameOf(row) {
  const words = row.name || (row.text ? short(row.text) : row.kind);
  return row.score === null ? words : `${words} ${row.score.toFixed(2)}`;
}

const short = (text) => (text.length > 40 ? `${text.slice(0, 39)}…` : text);

/** Names stand above their places; where one stands already, inside or below; else they are left out. */
function paintName(pen, row, look, taken) {
  const { unit, size } = look;
  pen.save();
  pen.font = `600 ${12.5 * unit}px ${FONT}`;
  const words = nameOf(row);
  const [width, height] = [pen.measureText(words).width + 10 * unit, 19 * unit];
  const [x1, y1, , y2] = row.place.box;
  const x = Math.max(0, Math.min(x1 - unit, size[0] - width));
  const free = [y1 - height, y1 + unit, y2].find((y) => isFree([x, y, x + width, y + height], size, taken));
  const y = free ?? (isFront(row, look) ? Math.max(0, y1 - height) : null);
  if (y !== null) {
    taken.push([x, y, x + width, y + height]);
    paintTag(pen, [x, y, width, height], words, look.colour(row), unit);
  }
  pen.restore();
}

function isFree([x1, y1, x2, y2], size, taken) {
  const apart = ([a1, b1, a2, b2]) => x2 <= a1 || a2 <= x1 || y2 <= b1 || b2 <= y1;
  return y1 >= 0 && y2 <= size[1] && taken.every(apart);
}

function paintTag(pen, [x, y, width, height], words, colours, unit) {
  pen.beginPath();
  pen.roundRect(x, y, width, height, 4 * unit);
  Object.assign(pen, { fillStyle: colours.line }).fill();
  Object.assign(pen, { fillStyle: colours.ink, textBaseline: "middle" }).fillText(words, x + 5 * unit, y + height / 2 + unit / 2);
}

/** Where somebody pointed: a plus, a minus, a box. */
export function paintPrompts(pen, { points, box, cursor }, unit) {
  if (box) {
    stroke(pen, ring(corners(box)), { line: "#10131a", width: 4 * unit });
    stroke(pen, ring(corners(box)), { line: "#fff", width: 2 * unit, dash: 6 * unit });
  }
  for (const { at, inside } of points) {
    dot(pen, at, 8 * unit, inside ? "#7ff0a8" : "#ff9a9a", 1.5 * unit);
    sign(pen, at, inside, unit);
  }
  if (cursor) cross(pen, cursor, unit);
}

function sign(pen, [x, y], plus, unit) {
  const arm = 4 * unit;
  pen.beginPath();
  pen.moveTo(x - arm, y);
  pen.lineTo(x + arm, y);
  if (plus) {
    pen.moveTo(x, y - arm);
    pen.lineTo(x, y + arm);
  }
  Object.assign(pen, { strokeStyle: "#10131a", lineWidth: 2 * unit }).stroke();
}

function cross(pen, [x, y], unit) {
  for (const [colour, width] of [["#10131a", 4], ["#fff", 2]]) {
    pen.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      pen.moveTo(x + 4 * dx * unit, y + 4 * dy * unit);
      pen.lineTo(x + 14 * dx * unit, y + 14 * dy * unit);
    }
    Object.assign(pen, { strokeStyle: colour, lineWidth: width * unit }).stroke();
  }
}
