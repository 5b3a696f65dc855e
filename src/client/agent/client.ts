/**
 * The caller's side of the agent: `ClusterAccess` whose every call crosses a Unix socket. Loads neither TLS nor HTTP/2 nor
 * ciphers, which is what makes a warm command fast.
 */
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { encodeFrame, readFrame } from "#api/tunnel/frame.ts";
import { Fault, isFault } from "#base/fault.ts";
import type {
  ClusterAccess,
  DeviceState,
  DialTarget,
  NodeDocument,
  NodeLogin,
  NodeQuery,
} from "../access.ts";
import { readText } from "../profile/files.ts";
import { type AgentPlace, isPrivateFolder } from "./place.ts";
import { type AgentRequest, answerLimit, parseAnswer, parseLogin } from "./protocol.ts";

/** The agent hangs up on callers that say nothing; a connection is used well before that. */
const freshSeconds = 1;

/** One connection carries one request, which names the token. */
interface AgentConnection {
  readonly socket: Socket;
  readonly token: string;
}

interface Answered {
  readonly socket: Socket;
  readonly result: unknown;
}

type Body = AgentRequest extends infer Request
  ? Request extends AgentRequest
    ? Omit<Request, "token">
    : never
  : never;

/** Access to the cluster of one login through a running agent. */
export class AgentAccess implements ClusterAccess {
  readonly #place: AgentPlace;
  readonly #host: string;
  /** The connection that showed that the agent runs, for a first request that comes at once. */
  #first: AgentConnection | undefined;
  readonly #opened = process.uptime();

  /** For the login at proxy `host`. */
  constructor(place: AgentPlace, host: string, first?: AgentConnection) {
    this.#place = place;
    this.#host = host;
    this.#first = first;
  }

  /** Access through the agent at this place for the login at proxy `host`; undefined when no agent runs. */
  static async open(place: AgentPlace, host: string): Promise<AgentAccess | undefined> {
    const connection = await findAgent(place);
    return connection && new AgentAccess(place, host, connection);
  }

  async listNodes(query: NodeQuery): Promise<NodeDocument[]> {
    return (await this.#ask({ op: "nodes", host: this.#host, query })) as NodeDocument[];
  }

  async device(): Promise<DeviceState> {
    return deviceState(await this.#ask({ op: "device", host: this.#host }));
  }

  async refreshDevice(): Promise<DeviceState> {
    return deviceState(await this.#ask({ op: "refresh", host: this.#host }));
  }

  async dialNode(target: DialTarget): Promise<Duplex> {
    return (await this.#exchange({ op: "dial", host: this.#host, target })).socket;
  }

  async logInToNode(target: DialTarget): Promise<NodeLogin> {
    const asked = this.#exchange({ op: "login", host: this.#host, target });
    asked.catch(() => {});
    // Loaded while the agent logs in.
    const { RelayedTransport } = await import("#ssh/relay/relayed-transport.ts");
    const { socket, result } = await asked;
    const { banner, fault } = parseLogin(result);
    if (fault === undefined) return { banner, transport: new RelayedTransport(socket) };
    socket.destroy();
    return { banner, fault };
  }

  close(): void {
    this.#first?.socket.destroy();
    this.#first = undefined;
  }

  async #ask(body: Body): Promise<unknown> {
    const { socket, result } = await this.#exchange(body);
    socket.destroy();
    return result;
  }

  async #exchange(body: Body): Promise<Answered> {
    const first = this.#first;
    this.#first = undefined;
    if (first !== undefined && process.uptime() - this.#opened < freshSeconds) {
      return exchange(first, body);
    }
    first?.socket.destroy();
    return exchange(await connectAgent(this.#place), body);
  }
}

/** Tells the agent that a login ended; it is fine when no agent runs. */
export async function forgetLogin(place: AgentPlace, host: string): Promise<void> {
  await tell(place, { op: "forget", host });
}

/** Ends the agent; it is fine when none runs. */
export async function stopAgent(place: AgentPlace): Promise<void> {
  await tell(place, { op: "stop" });
}

/** True when an agent answers at this place. */
export async function isAgentRunning(place: AgentPlace): Promise<boolean> {
  const connection = await findAgent(place);
  connection?.socket.destroy();
  return connection !== undefined;
}

async function tell(place: AgentPlace, body: Body): Promise<void> {
  try {
    const { socket } = await exchange(await connectAgent(place), body);
    socket.destroy();
  } catch (error) {
    if (!isFault(error, "unavailable")) throw error;
  }
}

async function findAgent(place: AgentPlace): Promise<AgentConnection | undefined> {
  try {
    return await connectAgent(place);
  } catch (error) {
    if (isFault(error, "unavailable")) return undefined;
    throw error;
  }
}

async function exchange({ socket, token }: AgentConnection, body: Body): Promise<Answered> {
  try {
    socket.write(encodeFrame({ ...body, token }, 4));
    return { socket, result: parseAnswer(await readFrame(socket, 4, answerLimit)) };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/**
 * Connects. Throws `unavailable` when no agent listens there or the place is not private: a socket that somebody else
 * could have made is never spoken to.
 */
async function connectAgent(place: AgentPlace): Promise<AgentConnection> {
  const absent = (cause?: unknown) => new Fault("unavailable", "no agent is running", { cause });
  if (!isPrivateFolder(place)) throw absent();
  const socket = connect({ path: place.socket, allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", (error) => reject(absent(error)));
  });
  // Later errors end the read or the stream that is under way.
  socket.on("error", () => socket.destroy());
  const token = readText(place.token);
  if (token === undefined) {
    socket.destroy();
    throw absent();
  }
  return { socket, token };
}

/** JSON drops what is undefined. */
function deviceState(value: unknown): DeviceState {
  const { assetTag, problem } = value as Partial<DeviceState>;
  return { assetTag, problem };
}
