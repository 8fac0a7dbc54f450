/** Where pictures come from: chosen, dropped, pasted, an example, or the camera. */

import { openCamera } from "./camera.js";
import { byId, el, say } from "./dom.js";

const EXAMPLES = {
  "scene.png": "A room with a portrait",
  "receipt.png": "A receipt with codes",
  "page.png": "A page in two columns",
  "pear.jpg": "A pear on a plain ground",
};

/** Listen to every way in; `onFile(file)` gets the picture, `onRefused(title, detail)` what was none. */
export function makeIntake(onFile, onRefused) {
  const [chooser, phone] = [byId("file"), byId("phone")];
  for (const input of [chooser, phone]) {
    input.addEventListener("change", () => {
      take(input.files);
      input.value = ""; // so that the same file can be chosen again
    });
  }
  for (const opener of document.querySelectorAll("[data-opens=file]")) opener.addEventListener("click", () => chooser.click());
  for (const opener of document.querySelectorAll("[data-opens=camera]")) opener.addEventListener("click", camera);
  document.addEventListener("paste", (event) => event.clipboardData?.files.length && take(event.clipboardData.files));
  listenToDrops();
  byId("examples").replaceChildren(...Object.entries(EXAMPLES).map(exampleOf));

  function take(files) {
    const all = [...files];
    if (all.length > 1) say(`The first of ${all.length} files is taken`);
    if (all.length) onFile(all[0]);
  }

  async function camera() {
    if (!navigator.mediaDevices?.getUserMedia) return phone.click();
    try {
      const file = await openCamera();
      if (file) onFile(file);
    } catch (error) {
      onRefused("The camera cannot be used", `${error.message}. Allow it in the browser's bar, or choose a picture.`);
    }
  }

  function listenToDrops() {
    const root = document.documentElement;
    let depth = 0; // enter and leave come for every element below the pointer
    const over = (change) => {
      depth = Math.max(0, depth + change);
      root.classList.toggle("dropping", depth > 0);
    };
    document.addEventListener("dragenter", (event) => hasFiles(event) && over(1));
    document.addEventListener("dragleave", (event) => hasFiles(event) && over(-1));
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      over(-depth);
      if (event.dataTransfer.files.length) take(event.dataTransfer.files);
      else onRefused("That was no file", "Save the picture first, then drop its file here; this page fetches no addresses.");
    });
  }

  function exampleOf([name, words]) {
    const address = `examples/${name}`;
    const open = async () => onFile(new File([await (await fetch(address)).blob()], name, { type: `image/${name.slice(-3).replace("jpg", "jpeg")}` }));
    return el("li", {}, el("button", { type: "button", onclick: open }, el("img", { src: address, alt: "", loading: "lazy" }), el("span", {}, words)));
  }
}

const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
