/**
 * Connections of the agent to one API server: TLS with the agent's own credential, kept for the next request. Only this
 * server is ever dialled: what it answers, redirects included, goes back to the person as it is.
 */
import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import type { Duplex } from "node:stream";
import { Fault } from "#base/fault.ts";
import type { Closable } from "#base/lifecycle.ts";
import type { HeaderList } from "./headers.ts";
import type { ApiCredential } from "./kubeconfig.ts";

/** How long connecting may take; an answer may take as long as it likes. */
const connectMs = 10_000;

/** What is asked. */
export interface ApiCall {
  readonly method: string;
  readonly path: string;
  /** Who is asking stands in them: see `headers.ts`. */
  readonly headers: HeaderList;
}

/** An answer: with a body to read, or a connection that now speaks another protocol. */
export type ApiAnswer =
  | { readonly type: "body"; readonly response: IncomingMessage }
  | {
      readonly type: "upgrade";
      readonly response: IncomingMessage;
      readonly stream: Duplex;
      /** What already came on it. */
      readonly head: Buffer;
    };

/** One API server. */
export class ApiServer implements Closable {
  readonly #credential: ApiCredential;
  readonly #agent: HttpsAgent;

  constructor(credential: ApiCredential) {
    const { authorities, certificate, key, insecure, serverName } = credential;
    this.#credential = credential;
    this.#agent = new HttpsAgent({
      keepAlive: true,
      maxFreeSockets: 64,
      minVersion: "TLSv1.2",
      rejectUnauthorized: !insecure,
      ...(authorities === undefined ? {} : { ca: authorities }),
      ...(certificate === undefined ? {} : { cert: certificate }),
      ...(key === undefined ? {} : { key: key.reveal() }),
      ...(serverName === undefined ? {} : { servername: serverName }),
    });
  }

  /**
   * Begins a call. Give the body to `call`; the answer comes with `answer`, which rejects with `unavailable` when there is
   * none. Destroying `call` ends everything.
   */
  begin({ method, path, headers }: ApiCall): {
    readonly call: ClientRequest;
    readonly answer: Promise<ApiAnswer>;
  } {
    const { server, token } = this.#credential;
    const base = server.pathname.replace(/\/$/, "");
    const call = requestHttps({
      host: server.hostname.replace(/^\[|\]$/g, ""),
      port: server.port === "" ? 443 : Number(server.port),
      agent: this.#agent,
      method,
      path: `${base}${path}`,
      headers: {
        host: server.host,
        ...groupByName(headers),
        ...(token === undefined ? {} : { authorization: `Bearer ${token().reveal()}` }),
      },
    });
    return { call, answer: answerOf(call) };
  }

  async close(): Promise<void> {
    this.#agent.destroy();
  }
}

function answerOf(call: ClientRequest): Promise<ApiAnswer> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) =>
      reject(
        new Fault("unavailable", "the Kubernetes API server does not answer", {
          hint: "look at the agent's log, and whether the API server runs",
          cause,
        }),
      );
    const timer = setTimeout(() => call.destroy(new Error("connecting took too long")), connectMs);
    call.once("socket", (socket) => {
      if (!socket.connecting) clearTimeout(timer);
      else socket.once("secureConnect", () => clearTimeout(timer));
    });
    call.on("error", fail);
    call.once("close", () => {
      clearTimeout(timer);
      fail(undefined);
    });
    call.once("response", (response) => resolve({ type: "body", response }));
    call.once("upgrade", (response, stream, head) => {
      resolve({ type: "upgrade", response, stream, head });
    });
  });
}

/** Node sends a list as one line each. */
function groupByName(headers: HeaderList): Record<string, string | string[]> {
  const grouped = new Map<string, string[]>();
  for (const [name, value] of headers) grouped.set(name, [...(grouped.get(name) ?? []), value]);
  return Object.fromEntries(
    [...grouped].map(([name, values]) => [name, values.length === 1 ? (values[0] ?? "") : values]),
  );
}
