/** Our SSH server and client joined in memory, for tests without sockets. */
import { type Duplex, duplexPair } from "node:stream";
import { systemRandom } from "#base/random.ts";
import type { AuthenticationAttempt } from "#ssh/auth/server.ts";
import { ClientConnection, type ClientOptions } from "#ssh/client.ts";
import { ClientTransport, type ClientTransportOptions } from "#ssh/client-transport.ts";
import { ServerConnection, type ServerOptions } from "#ssh/server.ts";
import type { StartTimer } from "#ssh/timer.ts";
import type { TransportSettings } from "#ssh/transport/transport.ts";
import { createKey, type TestKey } from "./ssh-keys.ts";

/** Timers that run only when a test says so. */
export class ManualTimers {
  readonly #pending = new Set<{ ms: number; run: () => void }>();

  readonly start: StartTimer = (ms, run) => {
    const timer = { ms, run };
    this.#pending.add(timer);
    return () => this.#pending.delete(timer);
  };

  /** Runs the timers that were started for exactly this time. Returns how many there were. */
  run(ms: number): number {
    const due = [...this.#pending].filter((timer) => timer.ms === ms);
    for (const timer of due) {
      this.#pending.delete(timer);
      timer.run();
    }
    return due.length;
  }
}

export const timers = new ManualTimers();

/** Settings of a transport for tests. */
export const settings: TransportSettings = {
  version: "SSH-2.0-Gatehouse_test",
  random: systemRandom,
  startTimer: timers.start,
};

export const hostKey: TestKey = createKey();
export const userKey: TestKey = createKey();

/** A server that lets everyone in as who they say, and the client of it. */
export interface Pair {
  readonly server: ServerConnection<AuthenticationAttempt>;
  readonly client: ClientConnection;
  readonly transport: ClientTransport;
}

type Server = ServerOptions<AuthenticationAttempt>;
type Client = ClientTransportOptions & ClientOptions;

export function serverOptions(changes: Partial<Server> = {}): Server {
  return {
    ...settings,
    hostKeys: [{ signer: hostKey.signer }],
    authentication: { decide: (attempt) => attempt },
    onSession: () => ({}),
    ...changes,
  };
}

export function clientOptions(changes: Partial<Client> = {}): Client {
  return {
    ...settings,
    user: "root",
    identity: { signer: userKey.signer },
    verifyHost: () => {},
    ...changes,
  };
}

/** Joins a server and a client. Wait for `client.ready`. */
export function join(server: Partial<Server> = {}, client: Partial<Client> = {}): Pair {
  const [serverEnd, clientEnd] = duplexPair({ highWaterMark: 262_144 });
  return {
    server: new ServerConnection(serverEnd, serverOptions(server)),
    ...connectClient(clientEnd, client),
  };
}

/** The client of a server at the other end of `socket`. */
export function connectClient(socket: Duplex, changes: Partial<Client> = {}) {
  const options = clientOptions(changes);
  const transport = new ClientTransport(socket, options);
  return { transport, client: new ClientConnection(transport, options) };
}

/** A pair of ends between which `change` sees, and may replace, what the client sends. */
export function tamper(change: (chunk: Uint8Array, index: number) => readonly Uint8Array[]) {
  const [serverEnd, serverWire] = duplexPair();
  const [clientEnd, clientWire] = duplexPair();
  let index = 0;
  clientWire.on("data", (chunk: Uint8Array) => {
    for (const part of change(chunk, index++)) serverWire.write(part);
  });
  serverWire.on("data", (chunk: Uint8Array) => void clientWire.write(chunk));
  for (const [from, to] of [
    [clientWire, serverWire],
    [serverWire, clientWire],
  ] as [Duplex, Duplex][]) {
    from.on("end", () => to.end());
    from.on("close", () => to.destroy());
  }
  return { serverEnd, clientEnd };
}
