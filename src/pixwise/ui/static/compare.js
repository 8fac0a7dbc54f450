/** Before and after: the cut-out over its picture, behind an edge that is moved by pointer or keys. */

import { byId, el } from "./dom.js";

const GROUNDS = { "as nothing": "", white: "#ffffff", black: "#000000" };

/** The part of the stage that compares; `show` gives it two pictures. */
export function makeCompare() {
  const part = byId("compare");
  const [before, after, edge] = ["before", "after", "edge"].map(byId);
  const behind = byId("behind");

  function move() {
    part.style.setProperty("--at", `${edge.value}%`);
    edge.setAttribute("aria-valuetext", `${edge.value} % before, ${100 - edge.value} % after`);
  }

  function lay(colour) {
    part.style.setProperty("--behind", colour || "transparent");
    part.classList.toggle("checked", !colour);
  }

  edge.addEventListener("input", move);
  const choices = Object.entries(GROUNDS).map(([name, colour], place) =>
    el("label", { class: "pill" },
      el("input", { type: "radio", name: "ground", checked: !place, onchange: () => lay(colour) }), el("span", {}, name)),
  );
  const own = el("input", { type: "color", value: "#3fa7d6", "aria-label": "Another colour behind it" });
  own.addEventListener("input", () => lay(own.value));
  behind.append(...choices, own);

  return {
    show(picture, cut, name, solid) {
      before.src = picture;
      after.src = cut;
      before.alt = `${name}, before`;
      after.alt = `${name}, after`;
      edge.value = 50;
      part.hidden = false;
      behind.hidden = solid; // nothing shows behind a picture that is opaque
      move();
    },
    hide() {
      part.hidden = behind.hidden = true;
    },
  };
}
