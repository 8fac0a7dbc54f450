/** The service, as this page speaks to it: what may be asked, and asking. No other host is ever asked. */

import { optionsOf } from "./options.js";

const ROOT = new URL("../", document.baseURI); // the page lies at …/ui/
const KEPT = "pixwise-key";

/** A refusal or a failure, in the service's own words. */
export class Trouble extends Error {
  constructor({ title, detail, status = 0, wait = 0 }) {
    super(detail);
    Object.assign(this, { title, detail, status, wait });
  }

  /** The command that mends it, where the words name one. */
  get command() {
    return /run: (pixwise [^;,\n]+?)(?=[;,\n]|$)/.exec(this.detail)?.[1] ?? "";
  }
}

/** Keep a key for as long as the tab is open; none forgets it. */
export function keepKey(key) {
  if (key) sessionStorage.setItem(KEPT, key);
  else sessionStorage.removeItem(KEPT);
}

async function fetched(path, { headers = {}, ...request } = {}) {
  const key = sessionStorage.getItem(KEPT);
  const all = key ? { ...headers, Authorization: `Bearer ${key}` } : headers;
  let response;
  try {
    response = await fetch(new URL(path, ROOT), { ...request, headers: all });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble({ title: "The service does not answer", detail: "See whether it still runs, then try again." });
  }
  if (!response.ok) throw await troubleOf(response);
  return response;
}

async function troubleOf(response) {
  const told = await response.json().catch(() => ({}));
  return new Trouble({
    title: told.title ?? `The service answered ${response.status}`,
    detail: typeof told.detail === "string" ? told.detail : "It gave no reason.",
    status: response.status,
    wait: Number(response.headers.get("retry-after")) || 0,
  });
}

/** What the service can be asked: `{ version, tasks }`, each task with its options as the description has them. */
export async function describe() {
  const told = await (await fetched("ui/description.json")).json();
  const tasks = Object.entries(told.paths).flatMap(([path, methods]) => taskOf(path, methods.post, told.analysed));
  return { version: told.version, tasks, tellsModels: "/v1/models" in told.paths };
}

/** A route is a task when its body takes one picture and options. */
function taskOf(path, route, analysed) {
  const name = /^\/v1\/([\w-]+)$/.exec(path)?.[1];
  const asked = route?.requestBody?.content?.["application/json"]?.schema?.properties;
  if (!name || !asked?.image || !asked?.options?.properties) return [];
  const answer = route.responses?.[200]?.content?.["application/json"]?.schema ?? {};
  const help = route.summary ?? "";
  return [{ name, help, ...optionsOf(asked.options), analysed: analysed.includes(name), answer }];
}

/** The models that a task may be answered by. */
export async function modelsOf(task) {
  return (await (await fetched(`v1/models?task=${encodeURIComponent(task)}`)).json()).data ?? [];
}

/** Ask one task about a picture; gives the answer's document and how long it took. */
export async function ask(task, file, options, { model = "", signal } = {}) {
  const started = performance.now();
  const response = await posted(task, file, options, { model, signal, accept: "application/json" });
  const document = await response.json();
  return { document, ms: performance.now() - started };
}

/** Ask for the picture that an answer is, or is drawn into; gives a blob. */
export async function askPicture(task, file, options, { model = "", signal, accept = "image/png" } = {}) {
  return (await posted(task, file, options, { model, signal, accept })).blob();
}

/** The picture of a data address. */
export function blobOf(address) {
  const [head, text] = address.split(",", 2);
  return new Blob([Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0))], { type: head.slice(5).split(";")[0] });
}

function posted(task, file, options, { model, signal, accept }) {
  const form = new FormData();
  form.append("file", file, file.name || "picture");
  form.append("options", JSON.stringify(options));
  if (model) form.append("model", model);
  return fetched(`v1/${task}`, { method: "POST", body: form, headers: { Accept: accept }, signal });
}
