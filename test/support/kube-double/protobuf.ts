/**
 * Bodies that typed clients send in Kubernetes' protobuf envelope (`k8s\0`, then runtime.Unknown), for the kinds that tests
 * create. Field numbers are those of the public `generated.proto` files.
 */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

type Message = ReadonlyMap<number, readonly Uint8Array[]>;

/** The body as JSON text: as it is, or translated. Undefined for a kind that the double cannot translate. */
export function bodyAsJson(body: Buffer): string | undefined {
  if (body.subarray(0, 4).toString("latin1") !== "k8s\0") return body.toString();
  const envelope = fieldsOf(body.subarray(4));
  const type = fieldsOf(first(envelope, 1));
  const kind = text(type, 2);
  const raw = fieldsOf(first(envelope, 2));
  const meta = fieldsOf(first(raw, 1));
  const metadata = {
    name: text(meta, 1),
    ...(meta.has(3) ? { namespace: text(meta, 3) } : {}),
  };
  const object = { apiVersion: text(type, 1), kind, metadata };
  if (kind === "DeleteOptions") return JSON.stringify({ kind });
  if (kind === "ConfigMap") return JSON.stringify({ ...object, data: mapOf(raw, 2) });
  if (kind === "SelfSubjectAccessReview") {
    const asked = fieldsOf(first(fieldsOf(first(raw, 2)), 1));
    const names = ["namespace", "verb", "group", "version", "resource", "subresource", "name"];
    const resourceAttributes = Object.fromEntries(
      names.map((name, index) => [name, text(asked, index + 1)]),
    );
    return JSON.stringify({ ...object, spec: { resourceAttributes } });
  }
  return undefined;
}

function fieldsOf(bytes: Uint8Array): Message {
  const fields = new Map<number, Uint8Array[]>();
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (type === WireType.LengthDelimited) {
      fields.set(number, [...(fields.get(number) ?? []), reader.bytes()]);
    } else reader.skip(type);
  }
  return fields;
}

function first(message: Message, number: number): Uint8Array {
  return message.get(number)?.[0] ?? new Uint8Array();
}

function text(message: Message, number: number): string {
  return Buffer.from(first(message, number)).toString();
}

function mapOf(message: Message, number: number): Record<string, string> {
  const entries = (message.get(number) ?? []).map(fieldsOf);
  return Object.fromEntries(entries.map((entry) => [text(entry, 1), text(entry, 2)]));
}
