/**
 * What has to change in a recorded request before it can be sent again: times move to now, and names that the server
 * chose then are replaced by those that it chose now. A request with neither is sent byte for byte.
 */
import { type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import {
  isReflectList,
  isReflectMap,
  isReflectMessage,
  type ReflectMessage,
  reflect,
} from "@bufbuild/protobuf/reflect";

/** What a replay knows. */
export interface Substitutions {
  /** Recorded names to the names of now, wherever they stand. */
  readonly texts: ReadonlyMap<string, string>;
  /** Recorded revisions to the revisions of now; short, so that only fields of that name are meant. */
  readonly revisions: ReadonlyMap<string, string>;
  /** Seconds since the recording. */
  readonly laterSeconds: bigint;
}

/** The bytes to send for a recorded message. */
export function substitute(
  desc: DescMessage,
  bytes: Uint8Array,
  substitutions: Substitutions,
): Uint8Array {
  const message = fromBinary(desc, bytes);
  return changeMessage(reflect(desc, message), substitutions) ? toBinary(desc, message) : bytes;
}

/** Every text in a message with its path; bytes that are text count as well. */
export function textsOf(desc: DescMessage, message: Message): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  collect(reflect(desc, message), "", found);
  return found;
}

/** True for the field, or the path of a field, that holds a revision. */
export function isRevision(path: string): boolean {
  return path.split(".").at(-1) === "Revision";
}

/** A text with every recorded name in it replaced. */
function substituteText(text: string, { texts }: Substitutions): string {
  let changed = text;
  for (const [then, now] of texts) changed = changed.replaceAll(then, now);
  return changed;
}

function changeMessage(message: ReflectMessage, substitutions: Substitutions): boolean {
  if (message.desc.typeName === "google.protobuf.Timestamp")
    return moveTime(message, substitutions);
  let changed = false;
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    const value: unknown = message.get(field);
    if (typeof value === "string") {
      const text = isRevision(field.name)
        ? (substitutions.revisions.get(value) ?? value)
        : substituteText(value, substitutions);
      if (text === value) continue;
      message.set(field, text);
      changed = true;
    } else if (isReflectList(value)) {
      for (const [index, item] of [...value].entries()) {
        if (isReflectMessage(item)) changed = changeMessage(item, substitutions) || changed;
        if (typeof item !== "string") continue;
        const text = substituteText(item, substitutions);
        if (text === item) continue;
        value.set(index, text);
        changed = true;
      }
    } else if (isReflectMap(value)) {
      for (const item of value.values()) {
        if (isReflectMessage(item)) changed = changeMessage(item, substitutions) || changed;
      }
    } else if (isReflectMessage(value)) {
      changed = changeMessage(value, substitutions) || changed;
    }
  }
  return changed;
}

/** Times of before 2001 are no times but Go's and Unix' zero. */
const firstTime = 1_000_000_000n;

function moveTime(message: ReflectMessage, { laterSeconds }: Substitutions): boolean {
  const seconds = message.desc.fields.find(({ name }) => name === "seconds");
  if (seconds === undefined) return false;
  const value = BigInt(String(message.get(seconds)));
  if (value < firstTime) return false;
  message.set(seconds, value + laterSeconds);
  return true;
}

function collect(value: unknown, path: string, found: Map<string, string>): void {
  if (typeof value === "string" && value !== "") found.set(path, value);
  if (isReflectList(value)) {
    for (const [index, item] of [...value].entries()) collect(item, `${path}[${index}]`, found);
  }
  if (isReflectMap(value)) {
    for (const [key, item] of value) collect(item, `${path}.${String(key)}`, found);
  }
  if (!isReflectMessage(value)) return;
  for (const field of value.fields) {
    if (value.isSet(field)) {
      collect(value.get(field), path === "" ? field.name : `${path}.${field.name}`, found);
    }
  }
}
