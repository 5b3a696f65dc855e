/**
 * Reads the shape of a zod schema: which keys are valid at a place, and where else in the document
 * a key is valid. Diagnostics use it to name the nearest valid word; nothing is parsed here.
 */
import type * as z from "zod";

/** Place of a value inside a document: map keys and list indices from the root. */
export type Path = readonly (string | number)[];

type Schema = z.core.$ZodType;

/**
 * The schema itself, without the wrappers that make it optional, give defaults, convert or check.
 */
function bare(schema: Schema): Schema {
  let current = schema;
  for (;;) {
    const def = (current as z.core.$ZodTypes)._zod.def;
    if ("innerType" in def) current = def.innerType as Schema;
    else if (def.type === "pipe") {
      const input = def.in as z.core.$ZodTypes;
      current = input._zod.def.type === "transform" ? def.out : def.in;
    } else return current;
  }
}

function shapeOf(schema: Schema): Readonly<Record<string, Schema>> | undefined {
  const def = (bare(schema) as z.core.$ZodTypes)._zod.def;
  return def.type === "object" ? def.shape : undefined;
}

function step(schema: Schema, key: string | number): Schema | undefined {
  const def = (bare(schema) as z.core.$ZodTypes)._zod.def;
  if (def.type === "object") return Object.hasOwn(def.shape, key) ? def.shape[key] : undefined;
  if (def.type === "array") return def.element;
  return def.type === "record" ? def.valueType : undefined;
}

/** The keys that a map at `path` may have; undefined where the schema names none. */
export function keysAt(schema: Schema, path: Path): readonly string[] | undefined {
  let current: Schema | undefined = schema;
  for (const key of path) {
    if (current === undefined) return undefined;
    current = step(current, key);
  }
  const shape = current === undefined ? undefined : shapeOf(current);
  return shape === undefined ? undefined : Object.keys(shape);
}

const maxDepth = 8;

/**
 * Dotted places of the maps in which `key` is valid, outermost first; the root is the empty text.
 */
export function placesOf(schema: Schema, key: string): string[] {
  const places: { place: string; depth: number }[] = [];
  walk(schema, "", 0, (place, depth, keys) => {
    if (keys.includes(key)) places.push({ place, depth });
  });
  return places.sort((a, b) => a.depth - b.depth).map(({ place }) => place);
}

/** Every key that is valid anywhere in the document. */
export function allKeys(schema: Schema): Set<string> {
  const found = new Set<string>();
  walk(schema, "", 0, (_place, _depth, keys) => {
    for (const key of keys) found.add(key);
  });
  return found;
}

function walk(
  schema: Schema,
  place: string,
  depth: number,
  visit: (place: string, depth: number, keys: readonly string[]) => void,
): void {
  if (depth > maxDepth) return;
  const def = (bare(schema) as z.core.$ZodTypes)._zod.def;
  if (def.type === "array") walk(def.element, `${place}[]`, depth, visit);
  if (def.type === "record") walk(def.valueType, `${place}.*`, depth + 1, visit);
  if (def.type !== "object") return;
  visit(place, depth, Object.keys(def.shape));
  for (const [key, child] of Object.entries(def.shape)) {
    walk(child, place === "" ? key : `${place}.${key}`, depth + 1, visit);
  }
}
