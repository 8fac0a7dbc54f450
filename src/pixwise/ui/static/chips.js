/** Words of one's own, each in a chip: Enter or a comma adds one, Backspace takes the last one back. */

import { el, icon, say } from "./dom.js";

/** A field for several words; `onChange` hears of every change. */
export function makeChips({ id, words = [], placeholder = "", describedby, onChange }) {
  let kept = [...words];
  const list = el("ul", { class: "chips" });
  const input = el("input", {
    id, type: "text", placeholder, autocomplete: "off", enterkeyhint: "done", "aria-describedby": describedby,
    onkeydown: onKey, onpaste: onPaste, onchange: () => add(input.value),
  });
  const element = el("div", { class: "chip-field", onclick: (event) => event.target === element && input.focus() }, list, input);

  function add(text) {
    const fresh = [...new Set(split(text))].filter((word) => !kept.includes(word));
    input.value = "";
    if (!fresh.length) return;
    kept = [...kept, ...fresh];
    say(`Added ${fresh.join(", ")}`);
    changed();
  }

  function drop(word) {
    kept = kept.filter((each) => each !== word);
    say(`Removed ${word}`);
    changed();
    input.focus();
  }

  function onKey(event) {
    const ends = event.key === "Enter" || event.key === ",";
    if (ends && input.value.trim()) {
      event.preventDefault();
      event.stopPropagation(); // one Enter, one meaning: it adds, and does not ask yet
      add(input.value);
    } else if (event.key === "Backspace" && !input.value && kept.length) drop(kept.at(-1));
  }

  function onPaste(event) {
    const text = event.clipboardData.getData("text");
    if (split(text).length < 2) return;
    event.preventDefault();
    add(text);
  }

  function changed() {
    show();
    onChange();
  }

  function show() {
    input.placeholder = kept.length ? "" : placeholder;
    list.replaceChildren(...kept.map((word) => el("li", { class: "chip" }, el("span", {}, word),
      el("button", { type: "button", "aria-label": `Remove ${word}`, onclick: () => drop(word) }, icon("close")))));
  }

  show();
  return { element, input, value: () => [...kept] };
}

const split = (text) => text.split(/[,;\n]/).map((word) => word.trim()).filter(Boolean);
