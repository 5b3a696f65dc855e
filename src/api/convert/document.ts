/**
 * Messages of the public API to plain documents (the YAML shape) and back, by reflection over the descriptors: a
 * field that the .proto files gain needs no code here, only a line in `field-table.ts` when its spelling is special.
 *
 * What is at its default is left out of a document, as are the zero time and maps without keys: in the public API
 * they mean "not set". Unknown fields of a message are not carried into a document. What a document must look like
 * is decided by the schemas of `resource`, not here.
 */
import {
  create,
  type DescEnum,
  type DescField,
  type DescMessage,
  type Message,
  type MessageShape,
  ScalarType,
} from "@bufbuild/protobuf";
import {
  type Duration,
  DurationSchema,
  type Timestamp,
  TimestampSchema,
} from "@bufbuild/protobuf/wkt";
import { Fault } from "#base/fault.ts";
import { type DevicePosture, DevicePostureSchema } from "#gen/gatehouse/v1/posture_pb.ts";
import { type TunnelStrategyV1, TunnelStrategyV1Schema } from "#gen/types/cluster_config_pb.ts";
import { type BoolValue, BoolValueSchema } from "#gen/types/metadata_pb.ts";
import { type LabelValues, LabelValuesSchema } from "#gen/wrappers/wrappers_pb.ts";
import { numberOfWord, wordOfNumber } from "./enum-words.ts";
import { keyOf, ruleOf } from "./field-table.ts";
import * as values from "./values.ts";

/** A plain value: what JSON can hold. */
export type Plain = string | number | boolean | null | Plain[] | { [key: string]: Plain };
type PlainMap = { [key: string]: Plain };
type Fields = Record<string, unknown>;

/** A message that documents write as something else than a map of its fields. */
interface SpecialForm<M> {
  format(message: M): Plain | undefined;
  parse(value: unknown): M;
}

function special<M>(form: SpecialForm<M>): SpecialForm<Message> {
  return form as unknown as SpecialForm<Message>;
}

const specialForms: ReadonlyMap<string, SpecialForm<Message>> = new Map([
  [
    BoolValueSchema.typeName,
    special<BoolValue>({
      format: (message) => message.Value,
      parse: (value) => create(BoolValueSchema, { Value: value === true }),
    }),
  ],
  [
    TimestampSchema.typeName,
    special<Timestamp>({ format: values.formatTimestamp, parse: values.parseTimestamp }),
  ],
  [
    DurationSchema.typeName,
    special<Duration>({ format: values.formatWireDuration, parse: values.parseWireDuration }),
  ],
  [
    DevicePostureSchema.typeName,
    special<DevicePosture>({ format: formatPosture, parse: parsePosture }),
  ],
  [
    LabelValuesSchema.typeName,
    special<LabelValues>({ format: formatLabelValues, parse: parseLabelValues }),
  ],
  [
    TunnelStrategyV1Schema.typeName,
    special<TunnelStrategyV1>({ format: formatTunnelStrategy, parse: parseTunnelStrategy }),
  ],
]);

/** The plain document of a message. Throws `malformed` for values that a document cannot hold. */
export function decodeDocument<M extends DescMessage>(
  schema: M,
  message: MessageShape<M>,
): PlainMap {
  return formatMessage(schema, message as unknown as Fields);
}

/**
 * The message of a plain document. Throws `invalid` for a key that the message does not have, so that nothing is
 * lost silently, and for values of the wrong form.
 */
export function encodeDocument<M extends DescMessage>(
  schema: M,
  document: object,
): MessageShape<M> {
  return parseMessage(schema, document, "") as MessageShape<M>;
}

function formatMessage(schema: DescMessage, message: Fields): PlainMap {
  const document: PlainMap = {};
  for (const field of schema.fields) {
    const rule = ruleOf(field);
    if (rule?.hidden) continue;
    const value = formatField(field, message[field.localName]);
    if (value !== undefined && (rule?.always || !isDefault(field, value))) {
      document[keyOf(field)] = value;
    }
  }
  return document;
}

/** True when leaving the value out says the same. A flag of three states is never at its default. */
function isDefault(field: DescField, value: Plain): boolean {
  if (field.fieldKind === "message") return isEmptyMap(value);
  if (field.fieldKind === "enum") return false;
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return value === "" || value === 0 || value === false;
}

function isEmptyMap(value: Plain): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function formatField(field: DescField, value: unknown): Plain | undefined {
  switch (field.fieldKind) {
    case "list":
      return (value as unknown[]).map((item) => formatItem(field, item) ?? {});
    case "map": {
      const entries = Object.entries(value as Fields).map(([key, item]): [string, Plain] => [
        key,
        formatItem(field, item) ?? {},
      ]);
      return Object.fromEntries(entries);
    }
    case "enum":
      if (value === 0 && !ruleOf(field)?.always) return undefined;
      return formatItem(field, value);
    case "scalar":
      if (ruleOf(field)?.duration) return value === 0n ? undefined : formatItem(field, value);
      return formatItem(field, value);
    case "message":
      return value === undefined ? missing(field) : formatItem(field, value);
  }
}

/** A message that must be shown, but was not sent. */
function missing(field: DescField): Plain | undefined {
  if (!ruleOf(field)?.always || !field.message) return undefined;
  return formatMessage(field.message, create(field.message) as unknown as Fields);
}

/** One value: of a single field, of a list, of a map. */
function formatItem(field: DescField, value: unknown): Plain | undefined {
  if (field.message) {
    const form = specialForms.get(field.message.typeName);
    if (form) return form.format(value as Message);
    return formatMessage(field.message, value as Fields);
  }
  if (field.enum) return formatEnum(field, field.enum, value as number);
  if (value instanceof Uint8Array) return values.formatBytes(value);
  if (typeof value !== "bigint") return value as Plain;
  return ruleOf(field)?.duration ? values.formatNanoseconds(value) : values.numberOf(value);
}

function formatEnum(field: DescField, desc: DescEnum, value: number): Plain {
  return ruleOf(field)?.numeric ? value : wordOfNumber(desc, value);
}

function parseMessage(schema: DescMessage, document: unknown, place: string): Message {
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    throw new Fault("invalid", `${place || "the document"} must be a map`);
  }
  const byKey = fieldsByKey(schema);
  const message = create(schema) as unknown as Fields;
  for (const [key, value] of Object.entries(document)) {
    if (value === undefined || value === null) continue;
    const field = byKey.get(key);
    if (!field)
      throw new Fault("invalid", `${place}${key} cannot be sent: the API has no such field`);
    message[field.localName] = parseField(field, value, `${place}${key}.`);
  }
  return message as unknown as Message;
}

const keyTables = new WeakMap<DescMessage, ReadonlyMap<string, DescField>>();

function fieldsByKey(schema: DescMessage): ReadonlyMap<string, DescField> {
  const known = keyTables.get(schema);
  if (known) return known;
  const visible = schema.fields.filter((field) => !ruleOf(field)?.hidden);
  const table = new Map(visible.map((field) => [keyOf(field), field]));
  keyTables.set(schema, table);
  return table;
}

function parseField(field: DescField, value: unknown, place: string): unknown {
  if (field.fieldKind === "list") {
    if (!Array.isArray(value)) throw new Fault("invalid", `${place} must be a list`);
    return value.map((item) => parseItem(field, item, place));
  }
  if (field.fieldKind === "map") {
    const entries = Object.entries(value as object);
    return Object.fromEntries(entries.map(([key, item]) => [key, parseItem(field, item, place)]));
  }
  return parseItem(field, value, place);
}

function parseItem(field: DescField, value: unknown, place: string): unknown {
  if (field.message) {
    const form = specialForms.get(field.message.typeName);
    return form ? form.parse(value) : parseMessage(field.message, value, place);
  }
  if (field.enum) return numberOfWord(field.enum, value);
  return parseScalar(field, field.scalar, value, place);
}

function parseScalar(
  field: DescField,
  scalar: ScalarType | undefined,
  value: unknown,
  place: string,
): unknown {
  if (ruleOf(field)?.duration) return values.parseNanoseconds(value);
  if (scalar === ScalarType.BYTES) return values.parseBytes(value);
  if (scalar === ScalarType.STRING && typeof value === "string") return value;
  if (scalar === ScalarType.BOOL && typeof value === "boolean") return value;
  if (Number.isSafeInteger(value)) {
    if (scalar === ScalarType.INT64 || scalar === ScalarType.UINT64) return BigInt(value as number);
    if (scalar !== ScalarType.STRING && scalar !== ScalarType.BOOL) return value;
  }
  throw new Fault("invalid", `${place.replace(/\.$/, "")} has a value of the wrong type`);
}

function formatLabelValues(message: LabelValues): PlainMap {
  const entries = Object.entries(message.Values);
  return Object.fromEntries(entries.map(([key, list]) => [key, [...list.Values]]));
}

/** Labels as a map of lists; a single value counts as a list of one, null as none. */
function parseLabelValues(value: unknown): LabelValues {
  const entries = Object.entries(value as object).map(([key, list]) => {
    const items: unknown[] = Array.isArray(list) ? list : list === null ? [] : [list];
    return [key, { Values: items.map(String) }];
  });
  return create(LabelValuesSchema, { Values: Object.fromEntries(entries) });
}

/** The rules as a list, each with what it says only. */
function formatPosture({ rules }: DevicePosture): Plain {
  return rules.map(({ rule, message }) => (message === "" ? { rule } : { rule, message }));
}

function parsePosture(value: unknown): DevicePosture {
  if (!Array.isArray(value)) throw new Fault("invalid", "posture rules must be a list");
  return create(DevicePostureSchema, { rules: value as DevicePosture["rules"] });
}

function formatTunnelStrategy({ Strategy }: TunnelStrategyV1): PlainMap | undefined {
  if (Strategy.case === undefined) return undefined;
  if (Strategy.case === "AgentMesh") return { type: "agent_mesh" };
  const count = values.numberOf(Strategy.value.AgentConnectionCount);
  return { type: "proxy_peering", ...(count === 0 ? {} : { agent_connection_count: count }) };
}

function parseTunnelStrategy(value: unknown): TunnelStrategyV1 {
  const given = value as { type?: string; agent_connection_count?: number };
  if (given.type === "proxy_peering") {
    const AgentConnectionCount = BigInt(given.agent_connection_count ?? 0);
    return create(TunnelStrategyV1Schema, {
      Strategy: { case: "ProxyPeering", value: { AgentConnectionCount } },
    });
  }
  return create(TunnelStrategyV1Schema, { Strategy: { case: "AgentMesh", value: {} } });
}
