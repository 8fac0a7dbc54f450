/** The options of a task, read off its JSON schema: which control each needs, and what it may be. Pure. */

const POINTING = ["points", "labels", "box"];

/**
 * Options of a schema.
 *
 * A task that takes `points` or a `box` is asked by pointing at the picture: those are no controls of the form.
 */
export function optionsOf(schema) {
  const properties = schema.properties ?? {};
  const required = schema.required ?? [];
  const pointed = { points: isPlace(properties.points), box: isPlace(properties.box) };
  if (pointed.box && properties.mask) pointed.needed = true; // what takes a mask must be told a place
  const taken = pointed.points || pointed.box ? POINTING : [];
  const options = Object.entries(properties)
    .filter(([name]) => !taken.includes(name))
    .flatMap(([name, property]) => optionOf(name, property, required.includes(name)));
  return { options, pointed: pointed.points || pointed.box ? pointed : null };
}

/** Lists of numbers, which the description leaves without a type. */
function isPlace(property) {
  return Boolean(property) && [undefined, "array"].includes(plain(property).kind.type);
}

function plain(property) {
  const kinds = property.anyOf ?? [property];
  const kind = kinds.find((each) => each.type !== "null") ?? {};
  return { kind: { ...property, ...kind }, nullable: kinds.some((each) => each.type === "null") };
}

function optionOf(name, property, required) {
  const { kind, nullable } = plain(property);
  const control = controlOf(kind);
  if (!control) return []; // arrays of arrays, files: nothing that a person types
  const told = { name, control, required, nullable, title: spaced(name), help: sentence(property.description) };
  const fallback = property.default ?? null;
  if (control !== "number") return [{ ...told, default: fallback, choices: kind.enum ?? [] }];
  return [{ ...told, default: fallback, whole: kind.type === "integer", ...rangeOf(kind, fallback, told.help) }];
}

function controlOf(kind) {
  if (kind.enum) return "choice";
  if (kind.type === "array") return kind.items?.type === "string" ? "words" : "";
  return { boolean: "switch", number: "number", integer: "number", string: "text" }[kind.type] ?? "";
}

/** What a number may be, and where its slider goes: not to a million, which one can still type. */
function rangeOf(kind, fallback, help) {
  const least = kind.minimum ?? kind.exclusiveMinimum;
  const most = kind.maximum ?? kind.exclusiveMaximum;
  const whole = kind.type === "integer";
  const from = Math.abs(least ?? 0) <= 100 ? (least ?? 0) : 0;
  const to = Math.abs(most ?? Infinity) <= 100 ? most : likelyEnd(whole, fallback ?? 0, /pixels/.test(help));
  return { least, most, from, to, step: whole ? Math.ceil((to - from) / 128) : (to - from) / 100 };
}

function likelyEnd(whole, fallback, pixels) {
  if (pixels) return whole ? 2048 : 50;
  return whole ? Math.max(20, 4 * fallback) : Math.max(1, 2 * fallback);
}

const spaced = (name) => {
  const words = name.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
};

const sentence = (text = "") => (text ? text[0].toUpperCase() + text.slice(1) : "");
