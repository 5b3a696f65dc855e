/**
 * Fields of ours in messages of the public API. Official programs do not know them: they read a role, let somebody edit it,
 * and write it back without them. A rule must not vanish that way, so what a writer does not mention stays as it is stored.
 * Our own programs mention every such field, also to say that it is empty.
 */
import {
  create,
  type DescField,
  type DescMessage,
  type Message,
  type MessageShape,
} from "@bufbuild/protobuf";
import { keyOf } from "./field-table.ts";

/** The first number of our own fields; the public API has none as high. Each of them is a message: absent or not. */
export const firstOwnNumber = 20_001;

type Fields = Record<string, unknown>;
type Document = { readonly [key: string]: unknown };
type MessageField = DescField & { readonly fieldKind: "message" };

/** Mentions every field of ours that the message leaves out. */
export function mentionOwnFields<M extends DescMessage>(schema: M, message: MessageShape<M>): void {
  const fields = message as unknown as Fields;
  for (const field of fieldsWithOwn(schema)) {
    fields[field.localName] ??= create(field.message);
    if (!isOwn(field)) mentionOwnFields(field.message, fields[field.localName] as Message);
  }
}

/** The document that came with the message, with our fields that the message does not mention as they are stored. */
export function keepOwnFields<M extends DescMessage>(
  schema: M,
  message: MessageShape<M> | undefined,
  document: object,
  stored: object | undefined,
): Document {
  const given = documentIn(document);
  const kept: Record<string, unknown> = { ...given };
  const fields = message as unknown as Fields | undefined;
  for (const field of fieldsWithOwn(schema)) {
    const key = keyOf(field);
    const before = documentIn(stored)[key];
    if (before === undefined) continue;
    const sent = fields?.[field.localName] as Message | undefined;
    if (isOwn(field)) {
      if (sent === undefined) kept[key] = before;
      continue;
    }
    const inside = keepOwnFields(field.message, sent, documentIn(given[key]), documentIn(before));
    if (Object.keys(inside).length > 0) kept[key] = inside;
  }
  return kept;
}

function documentIn(value: unknown): Document {
  return typeof value === "object" && value !== null ? (value as Document) : {};
}

function isOwn(field: DescField): boolean {
  return field.number >= firstOwnNumber;
}

const known = new WeakMap<DescMessage, readonly MessageField[]>();

/** The single message fields of a message that are ours or hold some that are. */
function fieldsWithOwn(schema: DescMessage): readonly MessageField[] {
  const found = known.get(schema);
  if (found !== undefined) return found;
  // While it is being looked at, a message inside itself has none.
  known.set(schema, []);
  const fields = schema.fields.filter(
    (field): field is MessageField =>
      field.fieldKind === "message" && (isOwn(field) || fieldsWithOwn(field.message).length > 0),
  );
  known.set(schema, fields);
  return fields;
}
