/** The least score: filters what was answered while it moves, and asks again where the service has not told that much. */

import { byId } from "./dom.js";

/**
 * The slider.
 *
 * @param {object} heard `onFilter()` while it moves; `onAsk()` when lower scores are wanted than were asked for
 */
export function makeLeast({ onFilter, onAsk }) {
  const [part, slider, number, back] = ["least", "least-slider", "least-number", "least-usual"].map(byId);
  const state = { value: null, told: 0, asks: false };

  function put(value) {
    state.value = value;
    slider.value = value ?? state.told;
    number.value = value === null ? "" : value.toFixed(2);
    slider.setAttribute("aria-valuetext", value === null ? "as usual for the model" : value.toFixed(2));
    slider.classList.toggle("usual", value === null);
    back.hidden = value === null;
    onFilter();
  }

  function settle() {
    if (state.asks && (state.value ?? -1) < state.told) onAsk();
  }

  slider.addEventListener("input", () => put(Number(slider.value)));
  slider.addEventListener("change", settle);
  number.addEventListener("change", () => {
    put(number.value === "" ? null : Math.min(1, Math.max(0, Number(number.value))));
    settle();
  });
  back.addEventListener("click", () => {
    put(null);
    slider.focus();
    settle();
  });

  return {
    /** For another task; `asks` when the task takes the option `min_score`. */
    reset(asks) {
      Object.assign(state, { value: null, told: 0, asks });
      part.hidden = true;
      put(null);
    },
    /** An answer came: how low its scores may go, as asked for, or as they are. */
    told(answers, asked) {
      const scores = answers.flatMap((answer) => answer.rows.map((row) => row.score)).filter((score) => score !== null);
      state.told = asked ?? (state.asks ? Math.min(1, ...scores) : 0);
      part.hidden = !(state.asks || scores.length > 1);
      if (state.value === null) slider.value = state.told;
    },
    /** What rows must have to be shown, and what to ask for: null as usual. */
    value: () => state.value,
  };
}
