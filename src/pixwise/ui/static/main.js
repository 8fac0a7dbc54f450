/** The page: a picture, a question, its answers. This file ties the others together and keeps what is asked. */

import { answerOf, counted } from "./answers.js";
import { ask, askPicture, blobOf, describe, modelsOf, Trouble } from "./api.js";
import { makeCard } from "./cards.js";
import { makeCompare } from "./compare.js";
import { byId, calmly, el, renamed, save, say } from "./dom.js";
import { makeForm } from "./form.js";
import { makeIntake } from "./intake.js";
import { makeLeast } from "./least.js";
import { isDeep, withPlaces } from "./maps.js";
import { palette } from "./palette.js";
import { makePointing } from "./pointing.js";
import { makeStage } from "./stage.js";
import { makeSeveral, makeTasks } from "./tasks.js";
import { troubleCard } from "./troubles.js";

const page = { tasks: [], tellsModels: false, task: null, form: null, several: null, file: null, cards: [], asking: null, cut: null };
const follow = {
  onChoose(row) {
    stage.choose(row, { tell: false });
    page.cards.forEach((card) => card.mark("chosen", row));
  },
  onPoint(row) {
    stage.point(row, { tell: false });
    page.cards.forEach((card) => card.mark("pointed", row));
  },
};
const askSoon = calmly(() => askNow(), 250);
const stage = makeStage(follow);
const compare = makeCompare();
const pointing = makePointing(stage, askSoon);
const least = makeLeast({ onFilter: filtered, onAsk: askSoon });

// -- the question ---------------------------------------------------------------------------------------------------

function chooseTask(task) {
  Object.assign(page, { task, form: makeForm(task, askSoon) });
  page.several = task.everything ? makeSeveral(page.tasks, askSoon) : null;
  byId("question-title").textContent = task.name;
  byId("question-help").textContent = task.help;
  byId("needed").replaceChildren(...(page.several ? [page.several.element] : []), ...page.form.needed);
  byId("others").replaceChildren(...page.form.others);
  byId("options").hidden = !page.form.others.length;
  pointing.takes(task.pointed);
  least.reset(task.options.some((option) => option.name === "min_score"));
  showModels(task);
  cleared();
  askNow();
}

async function showModels(task) {
  const select = byId("model");
  select.replaceChildren(el("option", { value: "" }, "as the service has it"));
  const models = task.everything || !page.tellsModels ? [] : await modelsOf(task.name).catch(() => []);
  if (page.task !== task) return;
  select.append(...models.map((model) => el("option", { value: model.id }, modelWords(model))));
  byId("model-part").hidden = models.length < 2;
}

const modelWords = ({ id, usable }) => (usable === false ? `${id} (not on the machine yet)` : id);

/** Options of one task as they stand in the form. */
function optionsFor(task) {
  if (page.task.everything) return {};
  const told = { ...page.form.values(), ...pointing.options() };
  return least.value() === null || !hasLeast(task) ? told : { ...told, min_score: least.value() };
}

const hasLeast = (task) => task.options.some((option) => option.name === "min_score");

// -- asking ---------------------------------------------------------------------------------------------------------

/** Ask; `pressed` by the button, which also asks what nobody has pointed at. */
async function askNow({ pressed = false } = {}) {
  page.asking?.abort();
  const lacks = lacking(pressed);
  if (!page.file || lacks) return hint(lacks);
  const asking = new AbortController();
  page.asking = asking;
  busy(true);
  const tasks = page.several ? page.several.chosen() : [page.task];
  const colour = palette();
  cleared();
  say(`Asking ${tasks.map((task) => task.name).join(", ")}`);
  const told = await Promise.all(tasks.map((task) => askOne(task, asking.signal, colour)));
  if (page.asking !== asking) return;
  busy(false);
  say(told.join(". "));
}

/** Ask one task, show what comes; gives what is said of it. */
async function askOne(task, signal, colour) {
  const options = optionsFor(task);
  const model = byId("model").value;
  try {
    const answer = await withPlaces(answerOf(task, await ask(task.name, page.file, options, { model, signal })));
    const cut = !answer.matte || page.several ? null
      : answer.made ? blobOf(answer.made) : await askPicture(task.name, page.file, options, { model, signal });
    if (signal.aborted) return "";
    showAnswer(answer, colour, options, cut);
    return `${task.name}: ${answer.headline || (answer.rowsKey ? counted(answer.rows.length, answer.rowsKey) : "answered")}`;
  } catch (error) {
    if (signal.aborted) return "";
    const trouble = error instanceof Trouble ? error : new Trouble({ title: "The page has a fault", detail: String(error) });
    placed(troubleCard(trouble, task.name, () => askNow({ pressed: true })));
    return `${task.name}: ${trouble.title}`;
  }
}

/** What must be said before asking makes sense; empty where it does. */
function lacking(pressed) {
  const missing = page.form.missing();
  if (missing) return `Say what to look for: ${missing.option.title.toLowerCase()}.`;
  const plain = !Object.keys(optionsFor(page.task)).length;
  if (page.task.pointed?.needed && plain && !pressed) return "Drag a box over what you mean, in the picture.";
  return page.task.pointed?.points && plain && !pressed ? "Click what you mean, in the picture. Ask takes what is in its middle." : "";
}

function hint(words) {
  busy(false);
  cleared();
  byId("hint").textContent = words;
  byId("hint").hidden = !words || !page.file;
  if (words && page.file) say(words);
}

function busy(is) {
  byId("answers").setAttribute("aria-busy", String(is));
  document.documentElement.classList.toggle("asking", is);
}

// -- the answers ----------------------------------------------------------------------------------------------------

function cleared() {
  page.cards = [];
  page.cut = null;
  byId("answers").replaceChildren();
  byId("hint").hidden = true;
  compare.hide();
  byId("view").hidden = false;
  stage.rows([], () => ({}), null);
  byId("save-picture").hidden = true;
}

function showAnswer(answer, names, options, cut) {
  const colour = (row) => names(row.name || (row.place?.mask ? `${answer.task} ${row.index}` : `${answer.task} ${row.kind}`));
  const card = Object.assign(makeCard(answer, colour, page.file.name, follow), { colour });
  page.cards.push(card);
  placed(card.element);
  least.told(page.cards.map((each) => each.answer), options.min_score);
  filtered();
  byId("save-picture").hidden = !cut && !page.cards.some((each) => each.answer.rows.some((row) => row.place));
  if (cut) showCut(cut, Boolean(answer.made) || isDeep(answer.matte));
}

/** Put a card where its task stands in the list, whichever answer came first; what could not be answered comes last. */
function placed(card) {
  const names = page.tasks.map((task) => task.name);
  const rank = (each) => names.indexOf(each.dataset.task) + (each.matches(".trouble") ? names.length : 0);
  const after = [...byId("answers").children].find((each) => rank(each) > rank(card));
  byId("answers").insertBefore(card, after ?? null);
}

function showCut(cut, solid) {
  page.cut = cut;
  compare.show(byId("ground").src, URL.createObjectURL(cut), page.file.name, solid);
  byId("view").hidden = true;
}

/** Show the rows that are good enough, in the table and in the picture. */
function filtered() {
  const colours = new Map();
  const shown = page.cards.flatMap((card) => {
    const rows = card.filter(least?.value() ?? 0);
    rows.forEach((row) => colours.set(row, card.colour));
    return rows;
  });
  if (page.cards.length) stage.rows(shown, (row) => colours.get(row)(row), page.cards[0].answer.size);
}

// -- the picture ----------------------------------------------------------------------------------------------------

function takePicture(file) {
  if (page.address) URL.revokeObjectURL(page.address);
  Object.assign(page, { file, address: URL.createObjectURL(file) });
  cleared();
  stage.show(page.address, file.name);
  pointing.takes(page.task.pointed);
  byId("picture-name").textContent = file.name;
  document.documentElement.classList.add("has-picture");
  askNow();
}

/** What the browser cannot show (HEIC, TIFF), the service can: its own drawing takes the picture's place. */
async function showByService() {
  if (!page.file || byId("ground").src !== page.address) return;
  const task = page.several ? page.several.chosen()[0] : page.task;
  const drawn = await askPicture(task.name, page.file, optionsFor(task), { accept: "image/jpeg" }).catch(() => null);
  if (drawn) byId("ground").src = URL.createObjectURL(drawn);
}

async function savePicture() {
  if (page.cut) return save(page.cut, renamed(page.file.name, ".cut.png"));
  save(await stage.drawn(), renamed(page.file.name, ".answer.png"));
}

function refused(title, detail) {
  byId("answers").replaceChildren(troubleCard(new Trouble({ title, detail }), "", null));
  say(`${title}. ${detail}`);
}

// -- start ----------------------------------------------------------------------------------------------------------

async function start() {
  try {
    const { version, tasks, tellsModels } = await describe();
    Object.assign(page, { tasks, tellsModels });
    byId("version").textContent = version;
    makeTasks(tasks, chooseTask);
    document.documentElement.classList.add("ready");
  } catch (error) {
    const told = error instanceof Trouble ? error : new Trouble({ title: "The page has a fault", detail: String(error) });
    byId("answers").replaceChildren(troubleCard(told, "", start));
  }
}

makeIntake(takePicture, refused);
byId("ground").addEventListener("error", showByService);
byId("save-picture").addEventListener("click", savePicture);
byId("model").addEventListener("change", askSoon);
byId("question").addEventListener("submit", (event) => {
  event.preventDefault();
  askNow({ pressed: true });
});
start();
