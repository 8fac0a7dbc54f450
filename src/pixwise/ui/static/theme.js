/* Light, dark, or as the system has it. A plain script in the head: the page must not flash in the other colours first. */

(() => {
  const KEPT = "pixwise-theme";
  const NEXT = { system: "dark", dark: "light", light: "system" };
  const WORDS = { system: "as the system has it", dark: "dark", light: "light" };
  const root = document.documentElement;

  function put(theme) {
    root.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) button.setAttribute("aria-label", `Colours: ${WORDS[theme]}; change them`);
    if (button) button.title = `Colours: ${WORDS[theme]}`;
  }

  const kept = localStorage.getItem(KEPT);
  put(kept in NEXT ? kept : "system");
  document.addEventListener("DOMContentLoaded", () => {
    put(root.dataset.theme);
    document.getElementById("theme").addEventListener("click", () => {
      put(NEXT[root.dataset.theme]);
      localStorage.setItem(KEPT, root.dataset.theme);
    });
  });
})();
