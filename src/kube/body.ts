/**
 * What the agent has to know of a request's body: the name of an object that is created, and what a
 * SelfSubjectAccessReview asks. Bodies are JSON, or the protobuf envelope of Kubernetes (`k8s\0` and runtime.Unknown), in
 * which typed clients write. Bounded; what cannot be read is refused, never passed on unread.
 */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { Fault } from "#base/fault.ts";
import { parseJson } from "./json-values.ts";

/** Largest body that is read; the API server takes no larger ones either. */
export const largestBody = 3 << 20;

/** What the answer to `kubectl auth can-i` is about. Empty texts ask for all. */
export interface ReviewedAttributes {
  readonly namespace: string;
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
}

const attributeNumbers = {
  namespace: 1,
  verb: 2,
  group: 3,
  resource: 5,
  subresource: 6,
  name: 7,
} as const;

/** `metadata.name` of an object; empty when the cluster shall make one up. Throws `malformed`. */
export function readObjectName(body: Uint8Array): string {
  const raw = rawOfEnvelope(body);
  if (raw === undefined) {
    const { name = "" } = record(record(parseJson(body))["metadata"]);
    if (typeof name !== "string") throw unreadable();
    return name;
  }
  return text(message(message(raw, 1), 1));
}

/** What a SelfSubjectAccessReview asks; undefined when it asks about a path. Throws `malformed`. */
export function readReview(body: Uint8Array): ReviewedAttributes | undefined {
  const raw = rawOfEnvelope(body);
  if (raw === undefined) {
    const attributes = record(record(parseJson(body))["spec"])["resourceAttributes"];
    if (attributes === undefined || attributes === null) return undefined;
    const fields = record(attributes);
    return readAttributes((name) => {
      const { [name]: value = "" } = fields;
      if (typeof value !== "string") throw unreadable();
      return value;
    });
  }
  const attributes = message(message(raw, 2), 1);
  if (attributes.length === 0) return undefined;
  return readAttributes((name) => text(message(attributes, attributeNumbers[name])));
}

function readAttributes(read: (name: keyof typeof attributeNumbers) => string): ReviewedAttributes {
  return {
    namespace: read("namespace"),
    verb: read("verb"),
    group: read("group"),
    resource: read("resource"),
    subresource: read("subresource"),
    name: read("name"),
  };
}

/** The object inside of the envelope; undefined when the body is not one. */
function rawOfEnvelope(body: Uint8Array): Uint8Array | undefined {
  const isEnvelope = Buffer.from(body.subarray(0, 4)).toString("latin1") === "k8s\0";
  return isEnvelope ? message(body.subarray(4), 2) : undefined;
}

/** The one field of this number, empty when there is none. Twice is refused: readers differ in which one counts. */
function message(bytes: Uint8Array, wanted: number): Uint8Array {
  let found: Uint8Array | undefined;
  try {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [number, type] = reader.tag();
      if (number !== wanted) reader.skip(type, number);
      else if (type !== WireType.LengthDelimited || found !== undefined) throw unreadable();
      else found = reader.bytes();
    }
  } catch (cause) {
    throw unreadable(cause);
  }
  return found ?? new Uint8Array();
}

function text(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw unreadable(cause);
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw unreadable();
  return value as Record<string, unknown>;
}

function unreadable(cause?: unknown): Fault {
  return new Fault("malformed", "the body of the request cannot be read", {
    hint: "send one object as JSON",
    cause,
  });
}
