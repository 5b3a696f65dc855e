/**
 * The shape of an answer: everything that must be the same at every run, as JSON. Times, ids, ports and keys are replaced
 * by what kind of thing they are; certificates by what they say.
 */
import { X509Certificate } from "node:crypto";
import type { DescMessage, Message } from "@bufbuild/protobuf";
import {
  isReflectList,
  isReflectMap,
  isReflectMessage,
  type ReflectMessage,
  reflect,
} from "@bufbuild/protobuf/reflect";
import { parseCertificate } from "#ssh/certificate.ts";
import { parseAuthorizedKey } from "#ssh/public-key.ts";
import type { Json, JsonObject } from "./format.ts";

const certificatePem = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
const keyLine = /^(?:ssh-|ecdsa-|rsa-)\S+ [A-Za-z0-9+/=]+/;
const base64 = /^[A-Za-z0-9+/]{40,}={0,2}$/;

/** What is different at every run, in the order in which it is looked for. */
const masks: readonly (readonly [RegExp, string])[] = [
  [/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "«uuid»"],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g, "«time»"],
  [/\b[0-9a-f]{32,}\b/g, "«hex»"],
  [/\b\d{20,}\b/g, "«number»"],
  // 24 random bytes in base64url; without capitals or small letters it would be a word.
  [/(?<![\w-])(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[\w-]{32}(?![\w-])/g, "«token»"],
  [/\+gatehouse\.\d+\.\d+\.\d+(?:-[\w.]+)?/g, "+gatehouse.«version»"],
  [/\b(localhost|127\.0\.0\.1|\[::1\]):\d{4,5}\b/g, "$1:«port»"],
];

/** The shape of a text. */
export function textShape(text: string): Json {
  const certificates = text.match(certificatePem);
  if (certificates) return certificates.map(x509Shape);
  if (keyLine.test(text)) return text.trim().split("\n").map(sshShape);
  if (text.includes("-----BEGIN")) return "«PEM»";
  return maskText(text);
}

/** A text with what is different at every run masked. */
export function maskText(text: string): string {
  return masks.reduce((masked, [pattern, word]) => masked.replace(pattern, word), text);
}

/** The shape of JSON as HTTP answers carry it: bytes are base64 texts there. */
export function jsonShape(value: Json): Json {
  if (typeof value === "string") {
    if (!base64.test(value)) return textShape(value);
    const text = Buffer.from(value, "base64").toString("utf8");
    return isReadable(text) ? textShape(text) : "«bytes»";
  }
  if (Array.isArray(value)) return value.map((item: Json) => jsonShape(item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value as JsonObject).map(([name, item]) => [name, jsonShape(item)]),
  );
}

/** The shape of a message. */
export function messageShape(desc: DescMessage, message: Message): Json {
  return reflectedShape(reflect(desc, message));
}

function reflectedShape(message: ReflectMessage): Json {
  if (message.desc.typeName === "google.protobuf.Timestamp") return timeShape(message);
  const fields: Record<string, Json> = {};
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    // A count of all writes of the store, those of the clock included.
    fields[field.name] = field.name === "Revision" ? "«revision»" : valueShape(message.get(field));
  }
  return fields;
}

/** A time that was set, or Go's and Unix' way of saying that none was. */
function timeShape(message: ReflectMessage): Json {
  const seconds = message.desc.fields.find(({ name }) => name === "seconds");
  const value = seconds === undefined ? 0n : BigInt(String(message.get(seconds)));
  return value > 0n ? "«time»" : `no time (${value})`;
}

function valueShape(value: unknown): Json {
  if (isReflectMessage(value)) return reflectedShape(value);
  if (isReflectList(value)) return [...value].map(valueShape);
  if (isReflectMap(value)) {
    const entries = [...value].map(([key, item]) => [maskText(String(key)), valueShape(item)]);
    return Object.fromEntries(entries.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)));
  }
  if (value instanceof Uint8Array) return bytesShape(value);
  if (typeof value === "bigint") return String(value);
  if (typeof value === "string") return textShape(value);
  return value as Json;
}

function bytesShape(bytes: Uint8Array): Json {
  const text = Buffer.from(bytes).toString("utf8");
  return isReadable(text) ? textShape(text) : `«${bytes.length} bytes»`;
}

function isReadable(text: string): boolean {
  return /^[\t\n\r\u0020-\u007e]*$/.test(text);
}

/** The first line that an SSH server says (RFC 4253 section 4.2), without its version. */
export function bannerShape(heard: string): string {
  return (heard.split("\r\n", 1)[0] ?? "").replace(/_\S+$/, "_«version»");
}

/** What a certificate says, without whose key it is and when. */
function x509Shape(pem: string): Json {
  const certificate = new X509Certificate(pem);
  const names = (text: string | undefined) => maskText(text ?? "").split(/\n|, /);
  return {
    certificate: "X.509",
    subject: names(certificate.subject),
    issuer: names(certificate.issuer),
    alternativeNames: names(certificate.subjectAltName),
    key: certificate.publicKey.asymmetricKeyType ?? "",
    authority: certificate.ca,
    purposes: certificate.keyUsage ?? [],
    hours: hours((certificate.validToDate.getTime() - certificate.validFromDate.getTime()) / 1000),
  };
}

function sshShape(line: string): Json {
  const type = line.split(" ", 1)[0] ?? "";
  if (!type.includes("-cert-v01@")) return `«${type} key»`;
  const certificate = parseCertificate(parseAuthorizedKey(line).blob);
  const texts = (map: ReadonlyMap<string, string>) =>
    Object.fromEntries([...map].map(([name, text]) => [name, maskText(text)]));
  return {
    certificate: `SSH ${certificate.type}`,
    key: type,
    keyId: maskText(certificate.keyId),
    principals: certificate.principals.map(maskText),
    criticalOptions: texts(certificate.criticalOptions),
    extensions: texts(certificate.extensions),
    hours: hours(certificate.validBefore - certificate.validAfter),
  };
}

/** Seconds as hours, to a tenth: a certificate begins a minute before its issue. */
function hours(seconds: bigint | number): number {
  return Math.round(Number(seconds) / 360) / 10;
}
