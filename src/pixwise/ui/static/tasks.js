/** The list of tasks, one of which is chosen; the address keeps it (`/ui/#ocr`), so that it can be kept and sent. */

import { byId, el } from "./dom.js";

export const ALL = "analyze";

/** Show the tasks, the one of them all first; `onTask(task)` hears which is chosen. */
export function makeTasks(tasks, onTask) {
  const all = { name: ALL, help: "Ask several questions at once.", options: [], pointed: null, everything: true };
  const known = new Map([all, ...tasks].map((task) => [task.name, task]));
  const inputs = new Map([...known.values()].map((task) => [task.name, inputOf(task, () => choose(task))]));
  byId("task-list").replaceChildren(...[...inputs.values()].map(({ label }) => label));

  function choose(task) {
    inputs.get(task.name).input.checked = true;
    history.replaceState(null, "", `#${task.name}`);
    revealed(inputs.get(task.name).label);
    onTask(task);
  }

  const named = () => known.get(decodeURIComponent(location.hash.slice(1)));
  addEventListener("hashchange", () => named() && choose(named()));
  choose(named() ?? all);
}

/** Scroll the list, down on a desk and sideways on a phone, but never the page. */
function revealed(label) {
  const list = label.parentElement;
  const room = label.closest("form");
  if (list.scrollWidth > list.clientWidth) list.scrollLeft = label.offsetLeft - list.offsetLeft - 40;
  const [top, bottom] = [label.getBoundingClientRect().top, label.getBoundingClientRect().bottom];
  const seen = room.getBoundingClientRect();
  if (top < seen.top || bottom > seen.bottom) room.scrollTop += top - seen.top - seen.height / 2;
}

function inputOf(task, onchange) {
  const input = el("input", { type: "radio", name: "task", value: task.name, onchange });
  const label = el("label", { class: "task" }, input, el("span", { class: "name" }, task.name), el("span", { class: "about" }, task.help));
  return { input, label };
}

/** Check boxes for the questions that are asked together. */
export function makeSeveral(tasks, onChange) {
  const askable = tasks.filter((task) => !task.pointed?.points && !task.options.some((option) => option.required));
  const boxes = askable.map((task) => {
    const input = el("input", { type: "checkbox", checked: task.analysed, onchange: onChange, value: task.name });
    return { task, input, element: el("label", { class: "pill" }, input, el("span", {}, task.name)) };
  });
  const element = el("fieldset", { class: "several" }, el("legend", {}, "Questions"), boxes.map((box) => box.element));
  return { element, chosen: () => boxes.filter(({ input }) => input.checked).map(({ task }) => task) };
}
