/** Elements, words for those who listen, and files for those who keep. */

/**
 * An element: `el("p", { class: "note", onclick }, "words", other)`.
 * Properties that are functions listen; false, null and undefined are left out.
 */
export function el(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === "function") made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** A drawing of `icons.svg`; the words stand beside it, so nobody has to hear of it. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  const used = document.createElementNS(space, "use");
  used.setAttribute("href", `icons.svg#${name}`);
  drawing.append(used);
  return drawing;
}

/** A button with an icon and words. */
export function button(words, onclick, { drawing = "", ...properties } = {}) {
  return el("button", { type: "button", onclick, ...properties }, drawing ? icon(drawing) : null, el("span", {}, words));
}

export const byId = (id) => document.getElementById(id);

/** Say something to those who listen to the page. */
export function say(words) {
  const place = byId("live");
  place.textContent = place.textContent === words ? `${words}\u00a0` : words; // the same words again are said again
}

/** Hand a file to the browser's downloads. */
export function save(blob, name) {
  const address = URL.createObjectURL(blob);
  el("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** A button that copies what `text()` gives, and says so for a moment. */
export function copyButton(words, text, properties = {}) {
  const made = button(words, copy, { drawing: "copy", class: "quiet", ...properties });
  const label = made.querySelector("span");
  async function copy() {
    const done = await copied(text());
    label.textContent = done ? "Copied" : "Could not copy";
    say(label.textContent);
    setTimeout(() => (label.textContent = words), 1600);
  }
  return made;
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedBySelection(text); // no clipboard on plain http from another machine
  }
}

function copiedBySelection(text) {
  const held = el("textarea", { class: "unseen", "aria-hidden": "true" });
  held.value = text;
  document.body.append(held);
  held.select();
  const done = document.execCommand("copy");
  held.remove();
  return done;
}

/** `name.ending` of a picture with another ending. */
export function renamed(name, ending) {
  return `${name.replace(/\.[^.]*$/, "") || "picture"}${ending}`;
}

/** Call `act` when nothing has called for it for a while. */
export function calmly(act, wait) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), wait);
  };
}
