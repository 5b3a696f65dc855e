/**
 * Plays recordings against a cluster: sends what the official client sent and gives what came back, as a recording of the
 * same form. Sends bytes as they were recorded; what cannot be sent twice (passwords, codes, keys, times, names that the
 * server chose) is made anew.
 */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { request } from "node:https";
import { connect, type TLSSocket } from "node:tls";
import { type DescMethod, fromBinary } from "@bufbuild/protobuf";
import { GrpcClient } from "#api/grpc/client.ts";
import type { ClientCall } from "#api/grpc/client-call.ts";
import {
  authProtocols,
  type ClusterAddress,
  dialCluster,
  transportProtocol,
} from "#client/cluster/dial.ts";
import { ProxySSHResponseSchema } from "#gen/teleport/transport/v1/service_pb.ts";
import { encodePublicKey, formatAuthorizedKey } from "#ssh/public-key.ts";
import { type Person, password } from "../cluster.ts";
import type {
  CallExchange,
  CallMessage,
  Exchange,
  HttpExchange,
  Json,
  JsonObject,
  Recording,
  SshExchange,
} from "./format.ts";
import { findMethod, proxySshPath } from "./methods.ts";
import { bannerShape, jsonShape, maskText, messageShape } from "./shape.ts";
import { isRevision, type Substitutions, substitute, textsOf } from "./substitute.ts";

/** Where to play, and as whom. */
export interface ReplayOptions {
  readonly port: number;
  readonly cluster: string;
  /** The person under whose name the official client logged in. */
  readonly person: Person;
}

/** What a login gave. PEM. */
interface Identity {
  readonly certificate: string;
  readonly key: string;
  readonly roots: readonly string[];
}

/** Plays recordings in order: a login is good for what follows it. Close it when done. */
export class Replay {
  readonly #options: ReplayOptions;
  readonly #texts = new Map<string, string>();
  readonly #revisions = new Map<string, string>();
  readonly #clients = new Map<string, GrpcClient>();
  #identity: Identity | undefined;

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  /** Plays one recording; gives what happened this time. Fails when an exchange cannot be played to its end. */
  async play(recording: Recording): Promise<Recording> {
    const later = Math.round((Date.now() - Date.parse(recording.at)) / 1000);
    const substitutions: Substitutions = {
      texts: this.#texts,
      revisions: this.#revisions,
      laterSeconds: BigInt(later),
    };
    const exchanges: Exchange[] = [];
    for (const exchange of recording.exchanges) {
      exchanges.push(await this.#playExchange(exchange, substitutions));
    }
    return { ...recording, exchanges };
  }

  async close(): Promise<void> {
    for (const client of this.#clients.values()) await client.close();
    this.#clients.clear();
  }

  #playExchange(exchange: Exchange, substitutions: Substitutions): Promise<Exchange> {
    switch (exchange.kind) {
      case "http":
        return this.#playHttp(exchange);
      case "grpc":
        return this.#playCall(exchange, substitutions);
      case "ssh":
        return this.#playSsh(exchange);
    }
  }

  async #playHttp(exchange: HttpExchange): Promise<HttpExchange> {
    const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const body = exchange.request && (await this.#fill(exchange.request, keys.privateKey));
    const { status, text } = await this.#ask(exchange, body);
    const answer = JSON.parse(text) as Json;
    if (isLogin(answer)) await this.#become(answer, keys.privateKey);
    return { ...exchange, status, answer: jsonShape(answer) };
  }

  /** The body of a request with password, code and key of this time. */
  async #fill(body: Json, key: KeyObject): Promise<Json> {
    const filled: Record<string, Json> = { ...(body as JsonObject) };
    for (const [name, value] of Object.entries(filled)) {
      if (value === "«password»") filled[name] = password;
      if (value === "«code»") filled[name] = await this.#options.person.codes.next();
      if (value === "«public key»") {
        const line = `${formatAuthorizedKey(encodePublicKey(key))}\n`;
        filled[name] = Buffer.from(line).toString("base64");
      }
    }
    return filled;
  }

  async #ask(
    { door, method, path }: HttpExchange,
    body: Json | undefined,
  ): Promise<{ status: number; text: string }> {
    const socket =
      door === "auth"
        ? await dialCluster(this.#address(), ["http/1.1"], this.#known())
        : connect({ host: "127.0.0.1", port: this.#options.port, rejectUnauthorized: false });
    return new Promise((resolve, reject) => {
      const asked = request(
        {
          ...{ method, path, host: "127.0.0.1", createConnection: () => socket },
          headers: body === undefined ? {} : { "content-type": "application/json" },
        },
        (answer) => {
          let text = "";
          answer.setEncoding("utf8").on("data", (part: string) => {
            text += part;
          });
          answer.once("end", () => {
            socket.destroy();
            resolve({ status: answer.statusCode ?? 0, text });
          });
        },
      );
      asked.once("error", reject);
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  async #become(answer: LoginAnswer, key: KeyObject): Promise<void> {
    await this.close();
    const decode = (text: string) => Buffer.from(text, "base64").toString("utf8");
    this.#identity = {
      certificate: decode(answer.tls_cert),
      key: key.export({ type: "pkcs8", format: "pem" }).toString(),
      roots: answer.host_signers.flatMap(({ tls_certs }) => tls_certs.map(decode)),
    };
  }

  #known(): Identity {
    if (this.#identity === undefined) throw new Error("the recordings do not begin with a login");
    return this.#identity;
  }

  #address(): ClusterAddress {
    const { port, cluster } = this.#options;
    return { host: "localhost", port, cluster, roots: this.#known().roots };
  }

  #client(door: "auth" | "transport"): GrpcClient {
    const found = this.#clients.get(door);
    if (found) return found;
    const protocols =
      door === "auth" ? authProtocols(this.#options.cluster) : [transportProtocol, "h2"];
    const dial = (): Promise<TLSSocket> => dialCluster(this.#address(), protocols, this.#known());
    const client = new GrpcClient(dial);
    this.#clients.set(door, client);
    return client;
  }

  async #playCall(exchange: CallExchange, substitutions: Substitutions): Promise<CallExchange> {
    const method = findMethod(exchange.method);
    const call = await this.#open(exchange.door, exchange.method, exchange.metadata);
    const messages: CallMessage[] = [];
    for (const [index, message] of exchange.messages.entries()) {
      if (message.from === "client") {
        const bytes = Buffer.from(message.bytes, "base64");
        await call.send(method ? substitute(method.input, bytes, substitutions) : bytes);
        // A client that has said everything ends its side; one in a ceremony does not.
        if (exchange.status !== undefined && isLastOfClient(exchange, index)) call.finishSending();
        messages.push(message);
      } else {
        const answer = await nextAnswer(call);
        if (answer === undefined || method === undefined) break;
        messages.push(this.#read(method, answer, message));
      }
    }
    if (exchange.status === undefined) {
      call.cancel();
      return { ...exchange, messages };
    }
    for (;;) {
      const more = await nextAnswer(call);
      if (more === undefined || method === undefined) break;
      messages.push(this.#read(method, more, { from: "server", shape: null }));
    }
    const status = await call.status;
    return { ...exchange, messages, status: status.code, text: maskText(status.message) };
  }

  #open(
    door: "auth" | "transport",
    path: string,
    metadata: Readonly<Record<string, string>>,
  ): Promise<ClientCall> {
    return this.#client(door).open(path, { metadata, timeoutMs: 30_000 });
  }

  /** The shape of an answer; learns the names in it that later requests repeat. */
  #read(
    { output }: DescMethod,
    bytes: Uint8Array,
    recorded: Extract<CallMessage, { from: "server" }>,
  ): CallMessage {
    const message = fromBinary(output, bytes);
    const texts = textsOf(output, message);
    for (const [path, then] of Object.entries(recorded.learned ?? {})) {
      const now = texts.get(path);
      if (now === undefined) continue;
      (isRevision(path) ? this.#revisions : this.#texts).set(then, now);
    }
    return { ...recorded, shape: messageShape(output, message) };
  }

  async #playSsh(exchange: SshExchange): Promise<SshExchange> {
    const call = await this.#open("transport", proxySshPath, exchange.metadata);
    for (const bytes of exchange.client) await call.send(Buffer.from(bytes, "base64"));
    const first = await nextAnswer(call);
    let heard = "";
    while (!heard.includes("\r\n")) {
      const answer = await nextAnswer(call);
      if (answer === undefined) break;
      const { frame } = fromBinary(ProxySSHResponseSchema, answer);
      if (frame.case === "ssh") heard += Buffer.from(frame.value.payload).toString("latin1");
    }
    call.cancel();
    const details = Buffer.from(first ?? []).toString("base64");
    return { ...exchange, details, banner: bannerShape(heard) };
  }
}

/** The next message of the server; undefined when it has ended, also with a refusal, which the status tells. */
async function nextAnswer(call: ClientCall): Promise<Uint8Array | undefined> {
  try {
    return await call.receive();
  } catch {
    return undefined;
  }
}

function isLastOfClient({ messages }: CallExchange, index: number): boolean {
  return messages.slice(index + 1).every(({ from }) => from === "server");
}

interface LoginAnswer {
  readonly tls_cert: string;
  readonly host_signers: readonly { readonly tls_certs: readonly string[] }[];
}

function isLogin(answer: unknown): answer is LoginAnswer {
  return typeof answer === "object" && answer !== null && "tls_cert" in answer;
}
