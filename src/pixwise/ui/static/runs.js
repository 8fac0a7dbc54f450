/** Masks as run lengths in COCO's compressed form: numbers of five bits per letter, runs down the columns. Pure. */

/** The run lengths that a text holds, first of zeros; from the fourth on they are differences to the one two before. */
export function countsOf(text) {
  const counts = [];
  let value = 0;
  let shift = 0;
  for (const letter of text) {
    const bits = letter.codePointAt(0) - 48;
    value |= (bits & 31) << shift;
    shift += 5;
    if (bits & 32) continue; // more of this number follows
    if (bits & 16 && shift < 32) value |= -1 << shift;
    if (counts.length > 2) value += counts[counts.length - 2];
    counts.push(value);
    value = shift = 0;
  }
  return counts;
}

/** A mask, opened: `{ box: [x1, y1, x2, y2], width, pixels, scale }`; pixels are 0 or 1, row by row of the box. */
export function openMask({ size: [height, width], counts }) {
  const runs = onesOf(typeof counts === "string" ? countsOf(counts) : counts, height);
  if (!runs.length) return { box: [0, 0, 0, 0], width: 0, pixels: new Uint8Array(0), scale: 1 };
  const box = [runs[0].x, height, runs.at(-1).x + 1, 0];
  for (const run of runs) {
    box[1] = Math.min(box[1], run.y);
    box[3] = Math.max(box[3], run.y + run.length);
  }
  return filled(runs, box.map((edge, place) => Math.min(edge, place % 2 ? height : width)));
}

/** Runs of ones, cut where a column ends. */
function onesOf(counts, height) {
  const runs = [];
  let at = 0;
  counts.forEach((length, place) => {
    let start = at;
    at += length;
    while (place % 2 && start < at) {
      const end = Math.min(at, (Math.floor(start / height) + 1) * height);
      runs.push({ x: Math.floor(start / height), y: start % height, length: end - start });
      start = end;
    }
  });
  return runs;
}

function filled(runs, box) {
  const width = box[2] - box[0];
  const pixels = new Uint8Array(width * (box[3] - box[1]));
  for (const { x, y, length } of runs) {
    for (let row = y; row < y + length; row += 1) pixels[(row - box[1]) * width + x - box[0]] = 1;
  }
  return { box, width, pixels, scale: 1 };
}
