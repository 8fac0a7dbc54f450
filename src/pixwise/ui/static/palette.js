/** Colours of things: one name has one colour, and two names of one picture never share theirs while there are free ones. Pure. */

const HUES = [250, 35, 145, 325, 85, 195, 285, 10, 115, 220, 55, 170]; // degrees; neighbours in the list look far apart

/** A function that gives each name its colour: `{ line, fill, ink }` as CSS has them. */
export function palette() {
  const taken = new Map();
  return (name) => {
    if (!taken.has(name)) taken.set(name, freeHue(name, new Set(taken.values())));
    return coloursOf(taken.get(name));
  };
}

function freeHue(name, used) {
  const start = hash(name) % HUES.length;
  const order = HUES.map((_, step) => HUES[(start + step) % HUES.length]);
  return order.find((hue) => !used.has(hue)) ?? order[0];
}

function coloursOf(hue) {
  return {
    line: `oklch(0.78 0.17 ${hue})`, // light enough for dark words on it, and for dark pictures
    fill: `oklch(0.78 0.17 ${hue} / 0.22)`,
    ink: "#10131a",
  };
}

/** FNV-1a, 32 bits. */
function hash(text) {
  let value = 0x811c9dc5;
  for (const letter of text) value = Math.imul(value ^ letter.codePointAt(0), 0x01000193) >>> 0;
  return value;
}
