/** The question: a control for each option of a task, as the description of the service has them. */

import { makeChips } from "./chips.js";
import { button, el } from "./dom.js";

/** Controls for the options of a task; `onChange` hears of every change that asks another question. */
export function makeForm(task, onChange) {
  const controls = task.options.filter((option) => option.name !== "min_score").map((option) => controlOf(option, onChange));
  return {
    needed: controls.filter(({ option }) => option.required).map(({ element }) => element),
    others: controls.filter(({ option }) => !option.required).map(({ element }) => element),
    /** Only what somebody changed: what is left out is as usual for the model. */
    values: () => Object.fromEntries(controls.filter(isChanged).map(({ option, value }) => [option.name, value()])),
    missing: () => controls.find(({ option, value }) => option.required && isNothing(value())) ?? null,
  };
}

const isNothing = (value) => value === null || value === "" || (Array.isArray(value) && !value.length);

function isChanged({ option, value }) {
  if (isNothing(value())) return !isNothing(option.default) && option.control !== "number" && !option.nullable;
  return option.required || JSON.stringify(value()) !== JSON.stringify(option.default);
}

const MAKERS = { number: numberOf, switch: switchOf, choice: choiceOf, text: textOf, words: wordsOf };

function controlOf(option, onChange) {
  const id = `option-${option.name}`;
  const made = MAKERS[option.control](option, id, onChange);
  const help = option.help ? el("p", { class: "help", id: `${id}-help` }, option.help) : null;
  const title = el("label", { for: id, class: "title" }, option.title, option.required ? el("em", {}, "needed") : null);
  const head = made.beside ? el("div", { class: "head" }, title, made.beside) : title;
  return { option, value: made.value, input: made.input, element: el("div", { class: "field" }, head, made.element, help) };
}

/** A slider and a number that follow one another, and the way back to what is usual. */
export function numberOf(option, id, onChange) {
  const bounds = { min: option.from, max: option.to, step: option.step };
  const slider = el("input", { type: "range", ...bounds, "aria-label": `${option.title}, slider` });
  const number = el("input", {
    id, type: "number", step: option.whole ? 1 : "any", min: option.least, max: option.most, placeholder: "usual",
    "aria-describedby": option.help ? `${id}-help` : null,
  });
  const back = button("usual", () => put(option.default, true), { class: "quiet small", "aria-label": `${option.title}: back to usual` });

  function put(value, tell) {
    number.value = value ?? "";
    slider.value = value ?? option.from;
    slider.setAttribute("aria-valuetext", value === null ? "as usual" : String(value));
    slider.classList.toggle("usual", value === null);
    back.hidden = value === option.default;
    if (tell) onChange();
  }

  slider.addEventListener("input", () => put(Number(slider.value), false));
  slider.addEventListener("change", () => onChange());
  number.addEventListener("change", () => put(number.value === "" ? option.default : Number(number.value), true));
  put(option.default, false);
  const value = () => (number.value === "" ? null : Number(number.value));
  return { element: slider, beside: el("span", { class: "beside" }, back, number), input: number, value };
}

function switchOf(option, id, onChange) {
  const input = el("input", { id, type: "checkbox", class: "switch", checked: option.default === true, onchange: onChange });
  return { element: null, beside: input, input, value: () => input.checked };
}

function choiceOf(option, id, onChange) {
  const input = el("select", { id, onchange: onChange }, option.choices.map((word) => el("option", { value: word }, String(word))));
  if (option.default !== null) input.value = option.default;
  return { element: input, input, value: () => input.value };
}

function textOf(option, id, onChange) {
  const input = el("input", {
    id, type: "text", value: option.default ?? "", autocomplete: "off", onchange: onChange,
    "aria-describedby": option.help ? `${id}-help` : null,
  });
  return { element: input, input, value: () => input.value };
}

function wordsOf(option, id, onChange) {
  const placeholder = option.required ? "a red car, a dog …" : "";
  const words = Array.isArray(option.default) ? option.default : [];
  const describedby = option.help ? `${id}-help` : null;
  const chips = makeChips({ id, words, placeholder, describedby, onChange });
  return { element: chips.element, input: chips.input, value: chips.value };
}
