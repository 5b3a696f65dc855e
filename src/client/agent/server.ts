/**
 * The agent's two sockets: callers of our own protocol, and OpenSSH. Knows nothing of clusters: the work is an
 * argument. Ends itself when nobody asked for anything for a while and no stream is open.
 */
import { randomBytes } from "node:crypto";
import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { encodeFrame, readFrame } from "#api/tunnel/frame.ts";
import { splice } from "#api/tunnel/stream.ts";
import { sameBytes, utf8 } from "#base/bytes.ts";
import { Fault, isFault } from "#base/fault.ts";
import { relayMessages } from "#ssh/relay/relay.ts";
import type { ClusterAccess } from "../access.ts";
import type { OnTpmBusy } from "../device/tpm-busy.ts";
import { writePrivate } from "../profile/files.ts";
import { withProfileLock } from "../profile/lock.ts";
import { isAgentRunning } from "./client.ts";
import { type AgentPlace, openAgentFolder } from "./place.ts";
import {
  type AgentAnswer,
  type AgentNotice,
  type AgentRequest,
  type ClusterRequest,
  parseRequest,
  requestLimit,
} from "./protocol.ts";
import { type SshAgentKeys, serveSshAgent } from "./ssh-agent.ts";

/** What the agent does for its callers. */
export interface AgentWork extends SshAgentKeys {
  /** The cluster behind the login at this proxy; throws `not-found` when there is none. */
  access(host: string): Promise<ClusterAccess>;
  /** Tells when that cluster waits for this machine's TPM, until the returned function is called. */
  listenBusy(host: string, listener: OnTpmBusy): () => void;
  /** Drops what is held for a login that ended. True when no login is left. */
  forget(host: string): Promise<boolean>;
  close(): void;
}

/** How the agent runs. */
export interface AgentOptions {
  readonly place: AgentPlace;
  readonly work: AgentWork;
  /** Ends after this many ms without a request; zero never. */
  readonly idleMs: number;
}

type NodeRequest = Extract<ClusterRequest, { op: "dial" | "login" }>;

/** A caller must say what it wants within this time. */
const requestTimeoutMs = 5_000;
/** Nobody has more commands running at once; beyond it something is wrong. */
const maxConnections = 512;

/** A listening agent. */
export class AgentServer {
  readonly #options: AgentOptions;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #token = randomBytes(32).toString("hex");
  readonly #ended: PromiseWithResolvers<void> = Promise.withResolvers();
  #idle: NodeJS.Timeout | undefined;
  #closing = false;

  private constructor(options: AgentOptions) {
    this.#options = options;
  }

  /** Listens. Throws `already-exists` when another agent serves the same place. */
  static async start(options: AgentOptions): Promise<AgentServer> {
    const agent = new AgentServer(options);
    const { place, work } = options;
    openAgentFolder(place);
    // Under the lock, because the socket of a killed agent is removed here: never that of a living one.
    await withProfileLock(place.folder, async () => {
      if (await isAgentRunning(place)) {
        throw new Fault("already-exists", "an agent is already running");
      }
      for (const path of [place.socket, place.sshSocket]) rmSync(path, { force: true });
      await agent.#listen(place.sshSocket, (socket) => serveSshAgent(socket, work));
      await agent.#listen(place.socket, (socket) => agent.#serve(socket));
      writePrivate(place.token, agent.#token);
    });
    agent.#rest();
    return agent;
  }

  /** Resolves when the agent has ended, for whatever reason. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Ends every connection, removes the sockets and the token, and drops all keys. */
  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    clearTimeout(this.#idle);
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
    const { place, work } = this.#options;
    for (const path of [place.token, place.sshSocket]) rmSync(path, { force: true });
    work.close();
    this.#ended.resolve();
  }

  #listen(path: string, serve: (socket: Socket) => void): Promise<void> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: false }, (socket) => {
      this.#sockets.add(socket);
      this.#rest();
      socket.on("error", () => socket.destroy());
      socket.once("close", () => {
        this.#sockets.delete(socket);
        this.#rest();
      });
      serve(socket);
    });
    server.maxConnections = maxConnections;
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once("error", (cause) => {
        reject(new Fault("already-exists", `cannot listen on ${path}`, { cause }));
      });
      server.listen(path, () => {
        chmodSync(path, 0o600);
        resolve();
      });
    });
  }

  /** Starts the idle clock when nothing is open. */
  #rest(): void {
    clearTimeout(this.#idle);
    const { idleMs } = this.#options;
    if (idleMs === 0 || this.#sockets.size > 0 || this.#closing) return;
    this.#idle = setTimeout(() => this.close(), idleMs);
  }

  #serve(socket: Socket): void {
    socket.setTimeout(requestTimeoutMs, () => socket.destroy());
    void readFrame(socket, 4, requestLimit)
      .then(async (frame) => {
        socket.setTimeout(0);
        const request = parseRequest(frame);
        if (!sameBytes(utf8(request.token), utf8(this.#token))) {
          throw new Fault("unproven", "the caller does not know the agent's token");
        }
        await this.#answer(socket, request);
      })
      .catch((error: unknown) => this.#fail(socket, error));
  }

  async #answer(socket: Socket, request: AgentRequest): Promise<void> {
    const { work } = this.#options;
    switch (request.op) {
      case "stop":
        send(socket, null);
        this.close();
        return;
      case "forget": {
        const last = await work.forget(request.host);
        send(socket, null);
        if (last) this.close();
        return;
      }
      default: {
        const end = request.notices ? work.listenBusy(request.host, busyTeller(socket)) : undefined;
        // Nothing passes between the answer and the end: a stream follows an answer.
        return this.#answerCluster(socket, request).finally(end);
      }
    }
  }

  async #answerCluster(socket: Socket, request: ClusterRequest): Promise<void> {
    const { work } = this.#options;
    switch (request.op) {
      case "device":
        return send(socket, await (await work.access(request.host)).device());
      case "refresh":
        return send(socket, await (await work.access(request.host)).refreshDevice());
      case "nodes":
        return send(socket, await (await work.access(request.host)).listNodes(request.query));
      case "databases":
        return send(socket, await (await work.access(request.host)).listDatabases(request.query));
      case "database":
        return this.#join(
          socket,
          await (await work.access(request.host)).dialDatabase(request.route),
        );
      case "kube-clusters":
        return send(
          socket,
          await (await work.access(request.host)).listKubeClusters(request.query),
        );
      case "kube-credential":
        return send(
          socket,
          await (await work.access(request.host)).certifyForKube(request.kubeCluster),
        );
      case "kube":
        return this.#join(
          socket,
          await (await work.access(request.host)).dialKube(request.kubeCluster),
        );
      case "dial":
        return this.#dial(socket, request);
      case "login":
        return this.#logIn(socket, request);
    }
  }

  async #dial(socket: Socket, { host, target }: NodeRequest): Promise<void> {
    this.#join(socket, await (await this.#options.work.access(host)).dialNode(target));
  }

  #join(socket: Socket, stream: Duplex): void {
    if (socket.destroyed) {
      stream.destroy();
      return;
    }
    socket.write(encodeFrame({ ok: true, result: null } satisfies AgentAnswer, 4));
    void splice(socket, stream);
  }

  async #logIn(socket: Socket, { host, target }: NodeRequest): Promise<void> {
    const login = await (await this.#options.work.access(host)).logInToNode(target);
    const { banner } = login;
    if ("fault" in login) {
      const { code, message } = login.fault;
      return send(socket, { banner, fault: { code, message } });
    }
    if (socket.destroyed) {
      login.transport.close();
      return;
    }
    socket.write(encodeFrame({ ok: true, result: { banner } } satisfies AgentAnswer, 4));
    relayMessages(login.transport, socket);
  }

  #fail(socket: Socket, error: unknown): void {
    if (socket.destroyed) return;
    const fault = isFault(error)
      ? error
      : new Fault("internal", "the agent failed", { cause: error });
    const answer: AgentAnswer = {
      ok: false,
      code: fault.code,
      message: fault.message,
      hint: fault.hint,
    };
    socket.end(encodeFrame(answer, 4));
  }
}

function busyTeller(socket: Socket): OnTpmBusy {
  return (busy) => {
    const notice: AgentNotice = { tpm_busy: busy };
    if (!socket.destroyed) socket.write(encodeFrame(notice, 4));
  };
}

function send(socket: Socket, result: unknown): void {
  socket.end(encodeFrame({ ok: true, result } satisfies AgentAnswer, 4));
}
