/**
 * Every type of event, as data. Constructors, checks, listings and the reference document read this
 * table.
 */
import { actorFields, commonFields, type EventDefinition } from "./definition.ts";
import { databaseEvents } from "./events/database.ts";
import { deviceEvents } from "./events/device.ts";
import { kubernetesEvents } from "./events/kubernetes.ts";
import { loginEvents } from "./events/login.ts";
import { resourceEvents } from "./events/resource.ts";
import { sessionEvents } from "./events/session.ts";
import type { FieldName, fields, ValueOf } from "./fields.ts";

const catalogue = {
  ...loginEvents,
  ...resourceEvents,
  ...sessionEvents,
  ...deviceEvents,
  ...databaseEvents,
  ...kubernetesEvents,
} as const;

type Catalogue = typeof catalogue;

/** Types of events. */
export type EventType = keyof Catalogue;

type Values<N extends FieldName> = { readonly [K in N]: ValueOf<(typeof fields)[K]["shape"]> };
type OptionalValues<N extends FieldName> = {
  readonly [K in N]?: ValueOf<(typeof fields)[K]["shape"]> | null | undefined;
};
type CommonName = (typeof actorFields)[number] | (typeof commonFields)[number];

/**
 * The fields that a constructor of this type takes: those that it must have, and those that it may
 * have.
 */
export type EventFields<T extends EventType> = Values<Catalogue[T]["requires"][number]> &
  OptionalValues<
    Exclude<Catalogue[T]["allows"][number] | CommonName, Catalogue[T]["requires"][number]>
  >;

const definitions: ReadonlyMap<string, EventDefinition> = new Map(Object.entries(catalogue));

/** All types of events, sorted. */
export const eventTypes: readonly string[] = [...definitions.keys()].sort();

/** The row of a type; undefined for a text that is no type of event. */
export function findDefinition(type: string): EventDefinition | undefined {
  return definitions.get(type);
}

/** The fields that events of a type may have, the common ones included. */
export function allowedFields(type: string, definition: EventDefinition): ReadonlySet<string> {
  const allowed = new Set<string>([
    ...actorFields,
    ...commonFields,
    ...definition.requires,
    ...definition.allows,
  ]);
  if (type.startsWith("device.")) allowed.delete("trusted_device");
  return allowed;
}

/** The code that a type has with these fields: that of a failure when `success` is false. */
export function codeOf(
  definition: EventDefinition,
  fields: Readonly<Record<string, unknown>>,
): string {
  const { code } = definition;
  if (typeof code === "string") return code;
  if (typeof code === "function") return code(fields);
  return fields["success"] === false ? code.failure : code.success;
}

/** How grave an event is: the last letter of its code. */
export function severityOf(code: string): "info" | "warning" | "error" {
  if (code.endsWith("E")) return "error";
  return code.endsWith("W") ? "warning" : "info";
}
