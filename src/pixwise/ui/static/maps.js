/** Maps of classes: a grey picture whose values are ids. Each row gets the pixels of its id, as if they were its mask. */

const MOST = 1_500_000; // pixels that are looked at; a larger map is looked at in steps

/** The answer with places for its rows; one whose ids need 16 bits is shown as the service draws it. */
export async function withPlaces(answer) {
  if (!answer.map) return answer;
  if (isDeep(answer.map)) return { ...answer, matte: answer.map };
  const map = await opened(answer.map);
  const boxes = boxesOf(map);
  return { ...answer, rows: answer.rows.map((row) => ({ ...row, place: placeOf(map, row.cells.id, boxes) })) };
}

/** Whether a PNG has 16 bits: its head says so, which a canvas would forget. Numbers are no matte: what is drawn is opaque. */
export function isDeep(address) {
  return atob(address.slice(address.indexOf(",") + 1).slice(0, 40)).charCodeAt(24) === 16;
}

async function opened(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  const scale = Math.max(1, Math.sqrt((image.naturalWidth * image.naturalHeight) / MOST));
  const [width, height] = [image.naturalWidth, image.naturalHeight].map((side) => Math.max(1, Math.round(side / scale)));
  const pen = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingEnabled = false; // between two ids there is no third
  pen.drawImage(image, 0, 0, width, height);
  const pixels = pen.getImageData(0, 0, width, height).data.filter((_, place) => place % 4 === 0);
  return { pixels, width, scale: image.naturalWidth / width };
}

/** Around each id: [x1, y1, x2, y2], pixels of the map. */
function boxesOf({ pixels, width }) {
  const boxes = new Map();
  pixels.forEach((id, place) => {
    const [x, y] = [place % width, Math.floor(place / width)];
    const box = boxes.get(id);
    if (!box) return boxes.set(id, [x, y, x + 1, y + 1]);
    if (x < box[0]) box[0] = x;
    if (x >= box[2]) box[2] = x + 1;
    if (y >= box[3]) box[3] = y + 1;
  });
  return boxes;
}

function placeOf({ pixels, width, scale }, id, boxes) {
  const small = boxes.get(id);
  if (!small) return null;
  const [x1, y1, x2, y2] = small;
  const inside = new Uint8Array((x2 - x1) * (y2 - y1));
  for (let y = y1; y < y2; y += 1) {
    for (let x = x1; x < x2; x += 1) inside[(y - y1) * (x2 - x1) + x - x1] = pixels[y * width + x] === id ? 1 : 0;
  }
  const box = small.map((edge) => edge * scale);
  return { box, quad: null, points: [], mask: { box, width: x2 - x1, pixels: inside, scale } };
}
