/** Keypoints as limbs and joints: which of them are joined, as the answer tells, and whose left it is. Pure. */

const SIDES = [["left", /^(left|l)[\W_]/i], ["right", /^(right|r)[\W_]/i]];

/** The skeleton among the values of an answer: names of keypoints, and pairs that are joined. */
export function skeletonIn(values) {
  return Object.values(values).find((value) => Array.isArray(value?.names) && Array.isArray(value?.edges)) ?? null;
}

/** Limbs and joints of a row that were seen: `{ limbs: [{ ends, side }], joints: [{ at, side }] }`; null without keypoints. */
export function jointsOf(cells, skeleton) {
  if (!skeleton || !Array.isArray(cells.keypoints)) return null;
  const seen = (index) => cells.keypoints[index]?.every(Number.isFinite);
  const sides = skeleton.names.map(sideOf);
  const limbs = skeleton.edges.filter((edge) => edge.every(seen));
  return {
    limbs: limbs.map((edge) => ({ ends: edge.map((end) => cells.keypoints[end]), side: common(edge.map((end) => sides[end])) })),
    joints: cells.keypoints.flatMap((at, index) => (seen(index) ? [{ at, side: sides[index] }] : [])),
  };
}

const sideOf = (name) => SIDES.find(([, begins]) => begins.test(name))?.[0] ?? "";

/** The side of a line: its ends', where they do not differ; one from the middle is its other end's. */
function common(sides) {
  const told = new Set(sides.filter(Boolean));
  return told.size === 1 ? [...told][0] : "";
}
