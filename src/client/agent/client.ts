/**
 * The caller's side of the agent: `ClusterAccess` whose every call crosses a Unix socket. Loads neither TLS nor HTTP/2 nor
 * ciphers, which is what makes a warm command fast.
 */
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { encodeFrame, readFrame } from "#api/tunnel/frame.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { DatabaseRoute } from "#identity/identity.ts";
import type { Database } from "#resource/database.ts";
import type { KubeCluster } from "#resource/kube-cluster.ts";
import type {
  ClusterAccess,
  DeviceState,
  DialTarget,
  KubeCredential,
  NodeDocument,
  NodeLogin,
  ResourceQuery,
} from "../access.ts";
import type { OnTpmBusy } from "../device/tpm-busy.ts";
import { readText } from "../profile/files.ts";
import { type AgentPlace, isPrivateFolder } from "./place.ts";
import {
  type AgentRequest,
  answerLimit,
  type ClusterRequest,
  type ControlRequest,
  findNotice,
  parseAnswer,
  parseLogin,
} from "./protocol.ts";

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

/** A request about one login, of which the access knows the rest. */
type Question = ClusterRequest extends infer Request
  ? Request extends ClusterRequest
    ? Omit<Request, "host" | "notices">
    : never
  : never;

type Body = AgentRequest extends infer Request
  ? Request extends AgentRequest
    ? Omit<Request, "token">
    : never
  : never;

/** Access to the cluster of one login through a running agent. */
export class AgentAccess implements ClusterAccess {
  readonly #place: AgentPlace;
  readonly #host: string;
  readonly #onTpmBusy: OnTpmBusy | undefined;
  /** The connection that showed that the agent runs, for a first request that comes at once. */
  #first: AgentConnection | undefined;
  readonly #opened = process.uptime();

  /** For the login at proxy `host`. `onTpmBusy` hears when the agent waits for the TPM. */
  constructor(
    place: AgentPlace,
    host: string,
    {
      onTpmBusy,
      first,
    }: { readonly onTpmBusy?: OnTpmBusy | undefined; readonly first?: AgentConnection } = {},
  ) {
    this.#place = place;
    this.#host = host;
    this.#onTpmBusy = onTpmBusy;
    this.#first = first;
  }

  /** Access through the agent at this place for the login at proxy `host`; undefined when no agent runs. */
  static async open(
    place: AgentPlace,
    host: string,
    onTpmBusy?: OnTpmBusy,
  ): Promise<AgentAccess | undefined> {
    const first = await findAgent(place);
    return first && new AgentAccess(place, host, { onTpmBusy, first });
  }

  async listNodes(query: ResourceQuery): Promise<NodeDocument[]> {
    return (await this.#ask({ op: "nodes", query })) as NodeDocument[];
  }

  async listDatabases(query: ResourceQuery): Promise<Database[]> {
    return (await this.#ask({ op: "databases", query })) as Database[];
  }

  async dialDatabase(route: DatabaseRoute): Promise<Duplex> {
    return (await this.#exchange({ op: "database", route })).socket;
  }

  async listKubeClusters(query: ResourceQuery): Promise<KubeCluster[]> {
    return (await this.#ask({ op: "kube-clusters", query })) as KubeCluster[];
  }

  async certifyForKube(kubeCluster: string): Promise<KubeCredential> {
    return (await this.#ask({ op: "kube-credential", kubeCluster })) as KubeCredential;
  }

  async dialKube(kubeCluster: string): Promise<Duplex> {
    return (await this.#exchange({ op: "kube", kubeCluster })).socket;
  }

  async device(): Promise<DeviceState> {
    return deviceState(await this.#ask({ op: "device" }));
  }

  async refreshDevice(): Promise<DeviceState> {
    return deviceState(await this.#ask({ op: "refresh" }));
  }

  async dialNode(target: DialTarget): Promise<Duplex> {
    return (await this.#exchange({ op: "dial", target })).socket;
  }

  async logInToNode(target: DialTarget): Promise<NodeLogin> {
    const asked = this.#exchange({ op: "login", target });
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

  async #ask(question: Question): Promise<unknown> {
    const { socket, result } = await this.#exchange(question);
    socket.destroy();
    return result;
  }

  async #exchange(question: Question): Promise<Answered> {
    const onTpmBusy = this.#onTpmBusy;
    const body = { ...question, host: this.#host, notices: onTpmBusy !== undefined };
    const first = this.#first;
    this.#first = undefined;
    if (first !== undefined && process.uptime() - this.#opened < freshSeconds) {
      return exchange(first, body, onTpmBusy);
    }
    first?.socket.destroy();
    return exchange(await connectAgent(this.#place), body, onTpmBusy);
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

async function tell(place: AgentPlace, body: ControlRequest): Promise<void> {
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

async function exchange(
  { socket, token }: AgentConnection,
  body: Body,
  onTpmBusy?: OnTpmBusy,
): Promise<Answered> {
  try {
    socket.write(encodeFrame({ ...body, token }, 4));
    for (;;) {
      const frame = await readFrame(socket, 4, answerLimit);
      const notice = findNotice(frame);
      if (notice === undefined) return { socket, result: parseAnswer(frame) };
      onTpmBusy?.(notice.tpm_busy);
    }
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
  const { assetTag, problem, hint } = value as Partial<DeviceState>;
  return { assetTag, problem, ...(hint === undefined ? {} : { hint }) };
}
