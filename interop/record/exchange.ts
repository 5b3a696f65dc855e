/** Turns what the relay noted into exchanges of a recording: secrets go, answers become shapes. */
import { fromBinary } from "@bufbuild/protobuf";
import {
  ProxySSHRequestSchema,
  ProxySSHResponseSchema,
} from "#gen/teleport/transport/v1/service_pb.ts";
import type {
  CallExchange,
  CallMessage,
  Exchange,
  HttpExchange,
  Json,
  JsonObject,
  Learned,
  Recording,
  SshExchange,
} from "../../test/support/recordings/format.ts";
import { findMethod, proxySshPath } from "../../test/support/recordings/methods.ts";
import {
  bannerShape,
  jsonShape,
  maskText,
  messageShape,
} from "../../test/support/recordings/shape.ts";
import { isRevision, textsOf } from "../../test/support/recordings/substitute.ts";
import type { Captured, CapturedCall, CapturedHttp } from "./relay.ts";

/** Ceremonies of a TPM: what follows their first answer is made with a key that nobody else has. */
const ceremonies = [
  "/teleport.devicetrust.v1.DeviceTrustService/EnrollDevice",
  "/teleport.devicetrust.v1.DeviceTrustService/AuthenticateDevice",
];

/** Fields of requests over HTTP that a replay makes anew. */
const secrets: Readonly<Record<string, string>> = {
  pass: "«password»",
  password: "«password»",
  totp_code: "«code»",
  otp_token: "«code»",
  pub_key: "«public key»",
};

/** The exchange of what was noted, with texts of its answers for {@link learnNames}. */
export function writeExchange(captured: Captured): readonly Exchange[] {
  if (captured.kind === "http") return [writeHttp(captured)];
  if (captured.method === proxySshPath) return writeSsh(captured);
  return [writeCall(captured)];
}

function writeHttp(captured: CapturedHttp): HttpExchange {
  const { door, method, path, request, status, answer } = captured;
  const body = parseBody(request);
  return {
    ...{ kind: "http", door, method, path },
    ...(body === undefined ? {} : { request: withoutSecrets(body) }),
    status,
    answer: jsonShape(parseBody(answer) ?? null),
  };
}

function parseBody(bytes: Buffer): Json | undefined {
  return bytes.length === 0 ? undefined : (JSON.parse(bytes.toString("utf8")) as Json);
}

function withoutSecrets(body: Json): Json {
  return Object.fromEntries(
    Object.entries(body as JsonObject).map(([name, value]) => [
      name,
      Object.hasOwn(secrets, name) && value !== "" ? (secrets[name] ?? null) : value,
    ]),
  );
}

function writeCall(call: CapturedCall): CallExchange {
  const method = findMethod(call.method);
  const begun = ceremonies.includes(call.method);
  const messages = begun ? call.messages.slice(0, 2) : call.messages;
  return {
    ...{ kind: "grpc", door: call.door, method: call.method, metadata: call.metadata },
    messages: messages.map(({ from, bytes }): CallMessage => {
      if (from === "client") return { from, bytes: Buffer.from(bytes).toString("base64") };
      if (method === undefined) throw new Error(`${call.method} is answered, but not described`);
      const message = fromBinary(method.output, bytes);
      const learned = Object.fromEntries(textsOf(method.output, message));
      return { from, shape: messageShape(method.output, message), learned };
    }),
    ...(begun ? {} : { status: call.status ?? -1, text: maskText(call.text) }),
  };
}

function writeSsh(call: CapturedCall): readonly Exchange[] {
  const answers = call.messages.filter(({ from }) => from === "server");
  const first = answers[0];
  // A dial that was refused is a call like any other.
  if (first === undefined) return [writeCall(call)];
  const client: string[] = [];
  let said = "";
  for (const { from, bytes } of call.messages) {
    if (from !== "client" || said.includes("\n")) continue;
    client.push(Buffer.from(bytes).toString("base64"));
    const { frame } = fromBinary(ProxySSHRequestSchema, bytes);
    if (frame.case === "ssh") said += Buffer.from(frame.value.payload).toString("latin1");
  }
  let heard = "";
  for (const { bytes } of answers) {
    const { frame } = fromBinary(ProxySSHResponseSchema, bytes);
    if (frame.case === "ssh") heard += Buffer.from(frame.value.payload).toString("latin1");
  }
  const exchange: SshExchange = {
    kind: "ssh",
    metadata: call.metadata,
    client,
    details: Buffer.from(first.bytes).toString("base64"),
    banner: bannerShape(heard),
  };
  return [exchange];
}

/** What a request says: its bytes as text, and the revisions in it. */
interface Asked {
  readonly text: string;
  readonly revisions: readonly string[];
}

/**
 * Keeps of the texts of answers those that later requests repeat and that no earlier request had: the server chose them,
 * and a replay must use its own.
 */
export function learnNames(recordings: readonly Recording[]): readonly Recording[] {
  const asked = recordings.flatMap(({ exchanges }) => exchanges.map(readAsked));
  let at = 0;
  return recordings.map((recording) => ({
    ...recording,
    exchanges: recording.exchanges.map((exchange) => {
      at++;
      if (exchange.kind !== "grpc") return exchange;
      const [before, after] = [asked.slice(0, at), asked.slice(at)];
      return {
        ...exchange,
        messages: exchange.messages.map((message) =>
          message.from === "client" ? message : keepLearned(message, before, after),
        ),
      };
    }),
  }));
}

/** Shorter texts are words, not names. */
const shortestName = 16;

function keepLearned(
  { learned = {}, ...message }: Extract<CallMessage, { from: "server" }>,
  before: readonly Asked[],
  after: readonly Asked[],
): CallMessage {
  const isName = (text: string) =>
    text.length >= shortestName &&
    maskText(text) !== text &&
    after.some((request) => request.text.includes(text)) &&
    !before.some((request) => request.text.includes(text));
  const kept: Learned = Object.fromEntries(
    Object.entries(learned).filter(([path, text]) =>
      isRevision(path) ? after.some(({ revisions }) => revisions.includes(text)) : isName(text),
    ),
  );
  return { ...message, ...(Object.keys(kept).length === 0 ? {} : { learned: kept }) };
}

function readAsked(exchange: Exchange): Asked {
  if (exchange.kind === "http")
    return { text: JSON.stringify(exchange.request ?? ""), revisions: [] };
  if (exchange.kind === "ssh") return { text: "", revisions: [] };
  const input = findMethod(exchange.method)?.input;
  const messages = exchange.messages.flatMap((message) =>
    message.from === "client" ? [Buffer.from(message.bytes, "base64")] : [],
  );
  const revisions = messages.flatMap((bytes) =>
    input === undefined
      ? []
      : [...textsOf(input, fromBinary(input, bytes))].flatMap(([path, text]) =>
          isRevision(path) ? [text] : [],
        ),
  );
  return { text: messages.map((bytes) => bytes.toString("latin1")).join("\n"), revisions };
}
