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
  const pointed = { points: isList(properties.points), box: isList(properties.box) };
  const taken = pointed.points || pointed.box ? POINTING : [];
  const options = Object.entries(properties)
    .filter(([name]) => !taken.includes(name))
    .flatMap(([name, property]) => optionOf(name, property, required.includes(name)));
  return { options, pointed: pointed.points || pointed.box ? pointed : null };
}

function isList(property) {
  return Boolean(property) && plain(property).kind.type !== "string" && "default" in property;
}

function plain(property) {
  const kinds = property.anyOf ?? [property];
  const kind = kinds.find((each) => each.type !== "null") ?? {};
  return { kind: { ...property, ...kind }, nullable: kinds.length > 1 };
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

/** From where to where a slider goes; a number beyond it may still be typed where the schema allows it. */
function rangeOf(kind, fallback, help) {
  const least = kind.minimum ?? kind.exclusiveMinimum ?? 0;
  const most = kind.maximum ?? kind.exclusiveMaximum;
  if (kind.type === "integer") return { least, most: most ?? wholeEnd(fallback, help), step: /pixels/.test(help) ? 16 : 1 };
  const end = most ?? (fallback === null || Math.abs(fallback) <= 1 ? 1 : 4 * fallback);
  return { least, most: end, step: (end - least) / 100 };
}

function wholeEnd(fallback, help) {
  if (/pixels/.test(help)) return 2048;
  return Math.max(20, 4 * (fallback ?? 0));
}

const spaced = (name) => {
  const words = name.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
};

const sentence = (text = "") => (text ? text[0].toUpperCase() + text.slice(1) : "");
