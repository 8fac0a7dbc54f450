/** What went wrong, in words, and what to do about it. */

import { keepKey } from "./api.js";
import { button, copyButton, el } from "./dom.js";

/** The card of a trouble; `again()` asks once more. */
export function troubleCard(trouble, task, again) {
  const words = trouble.command ? trouble.detail.replace(/[;,]?\s*run: .*$/s, "") : trouble.detail;
  const quiet = trouble.command ? " missing" : "";
  return el("article", { class: `card trouble${quiet}`, "data-task": task, "aria-label": `${task || "The page"}: ${trouble.title}` },
    el("header", {}, task ? el("h3", {}, task) : null, el("p", { class: "count" }, trouble.title)),
    el("p", {}, capital(words.trim()).replace(/([^.!?…])$/, "$1.")),
    trouble.command ? commandOf(trouble.command) : null,
    trouble.status === 401 ? keyForm(again) : again ? el("footer", {}, againButton(trouble, again)) : null);
}

const capital = (words) => (words ? words[0].toUpperCase() + words.slice(1) : "");

function commandOf(command) {
  const said = el("p", {}, "On the machine of the service, this fetches it:");
  return el("div", { class: "command" }, said, el("code", { tabindex: 0 }, command), copyButton("Copy command", () => command));
}

/** Where the service said when to come back, the button waits as long. */
function againButton(trouble, again) {
  const made = button("Try again", again, { drawing: "again" });
  if (trouble.wait) {
    made.disabled = true;
    setTimeout(() => (made.disabled = false), 1000 * Math.min(trouble.wait, 60));
    made.querySelector("span").textContent = `Try again, from ${Math.min(trouble.wait, 60)} s on`;
  }
  return made;
}

function keyForm(again) {
  const input = el("input", { id: "key", type: "password", autocomplete: "off", required: true });
  const note = el("p", { class: "help" }, "It is kept for this tab alone, until the tab is closed.");
  const form = el("form", { class: "key" }, el("label", { for: "key", class: "title" }, "API key"), input, note,
    el("button", { type: "submit", class: "main" }, "Use this key"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    keepKey(input.value.trim());
    again();
  });
  return form;
}
