/** The reference page of audit events, made from the catalogue. */
import {
  allowedFields,
  codeOf,
  type EventType,
  eventTypes,
  findDefinition,
  severityOf,
} from "#audit/catalogue.ts";
import { actorFields, commonFields, type EventDefinition } from "#audit/definition.ts";
import { type FieldShape, type FieldTable, fields } from "#audit/fields.ts";
import { evidenceReasons } from "#tpm/refusal.ts";
import { code, generatedMark, plain, table } from "./markdown.ts";

const everywhere: readonly string[] = [...actorFields, ...commonFields];

/** The page. */
export function formatEventsPage(): string {
  const parts = [
    generatedMark,
    "# Audit events",
    `${eventTypes.length} types of events. Names, codes and fields are those of the public API where it has them; codes ` +
      "that begin with `GH` are our own. The last letter of a code is its severity: I information, W warning, E error. " +
      "Every event has `ei`, `event`, `code`, `uid`, `time` and `cluster_name`. A row that is in this table is not yet " +
      "a promise that a service writes the event: [README.md](../README.md) says what works.",
    "## Types",
    table(
      ["type", "title", "code", "must have", "may have"],
      eventTypes.map((type) => rowOf(type as EventType, definitionOf(type))),
    ),
    "## Fields that every event may have",
    `${everywhere.map(code).join(", ")}. Events about devices have \`device\` instead of \`trusted_device\`.`,
    "## Fields",
    "A field that is not listed here, at any depth, is a secret and is written as `[redacted]`.",
    table(["field", "class", "holds"], fieldRows(fields, "")),
    "## Reasons for refusing the evidence of a TPM",
    "`reason` of `device.enroll` and `device.authenticate`, for those who may read events; the peer reads the same words for " +
      "all of them. Reasons of measured-boot rules: [attestation policy](attestation-policy.md).",
    table(
      ["reason", "meaning"],
      Object.entries(evidenceReasons).map(([reason, meaning]) => [code(reason), plain(meaning)]),
    ),
  ];
  return `${parts.join("\n\n")}\n`;
}

function definitionOf(type: string): EventDefinition {
  const definition = findDefinition(type);
  if (definition === undefined) throw new TypeError(`no definition of ${type}`);
  return definition;
}

function rowOf(type: EventType, definition: EventDefinition): string[] {
  const may = [...allowedFields(type, definition)].filter(
    (name) => !everywhere.includes(name) && !definition.requires.some((field) => field === name),
  );
  const list = (names: readonly string[]) => names.map(code).join(", ");
  return [
    code(type),
    plain(definition.title),
    codesOf(definition),
    list(definition.requires),
    list(may),
  ];
}

/** A function gives one code per kind of file operation; its form is what a reader needs. */
function codesOf(definition: EventDefinition): string {
  const good = codeOf(definition, { success: true });
  const bad = codeOf(definition, { success: false, error: "x", exitCode: "1" });
  if (good.startsWith("TS000")) return "`TSnnnI`, `TSnnnE` (nnn is `action`)";
  return good === bad
    ? `${code(good)} ${severityOf(good)}`
    : `${code(good)}, ${code(bad)} on failure`;
}

function fieldRows(table: FieldTable, prefix: string): string[][] {
  return Object.entries(table).flatMap(([name, { class: fieldClass, shape }]) => {
    const row = [code(prefix + name), fieldClass, typeof shape === "string" ? shape : "object"];
    return [row, ...(isTable(shape) ? fieldRows(shape, `${prefix}${name}.`) : [])];
  });
}

function isTable(shape: FieldShape): shape is FieldTable {
  return typeof shape === "object";
}
