/**
 * The JSON API of auth over HTTP/1.1 (public API, `/v2/…`): the few reads that administrators' clients of the
 * generation before still make. Everything else there was for proxies and browsers, and answers 404.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { TLSSocket } from "node:tls";
import { decideIdentity } from "#access/decide-access.ts";
import { assertAllowed } from "#access/decision.ts";
import type { Peer } from "#api/peer.ts";
import { apiVersion } from "#api/version.ts";
import { Fault, faultInfo, isFault } from "#base/fault.ts";
import type { AuthContext } from "../context.ts";
import { loadPolicy } from "../policy.ts";

type Answer = (context: AuthContext) => unknown;

/** Resources of the services of this process: they have no inventory of their own. */
const serviceResource = (kind: string) => (context: AuthContext) => [
  {
    kind,
    version: "v2",
    metadata: { name: `${kind.replace("_server", "")}.${context.clusterName}` },
    spec: { addr: context.proxyAddress(), hostname: context.clusterName, version: apiVersion },
  },
];

const routes: ReadonlyMap<string, Answer> = new Map<string, Answer>([
  [
    "/v2/configuration/name",
    ({ clusterName }) => ({
      kind: "cluster_name",
      version: "v2",
      metadata: { name: "cluster-name" },
      spec: { cluster_name: clusterName, cluster_id: clusterName },
    }),
  ],
  ["/v2/authservers", serviceResource("auth_server")],
  ["/v2/proxies", serviceResource("proxy")],
  ["/v2/reversetunnels", () => []],
  ["/v2/tunnelconnections", () => []],
]);

/** Serves connections of peers that are known already. */
export class LegacyApi {
  readonly #context: AuthContext;
  readonly #peers = new WeakMap<object, Peer>();
  readonly #server: Server;

  constructor(context: AuthContext) {
    this.#context = context;
    this.#server = createServer(
      { headersTimeout: 10_000, requestTimeout: 30_000, maxHeaderSize: 16 * 1024 },
      (request, response) => void this.#serve(request, response),
    );
    // A server that never listens does not enforce its time-outs unless it believes that it does.
    this.#server.emit("listening");
  }

  /** Takes over a socket from which nothing has been read. */
  accept(socket: TLSSocket, peer: Peer): void {
    this.#peers.set(socket, peer);
    this.#server.emit("connection", socket);
  }

  /** Ends all connections. */
  close(): void {
    this.#server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#authorize(request);
      const [path = "/"] = (request.url ?? "/").split("?");
      const answer = routes.get(path);
      if (request.method !== "GET" || !answer)
        throw new Fault("not-found", "there is no such page");
      send(response, 200, answer(this.#context));
    } catch (error) {
      if (!isFault(error))
        this.#context.logger.error("a request of the JSON API failed", { error });
      const fault = isFault(error) ? error : new Fault("internal", "internal error");
      send(response, faultInfo(fault.code).http, { error: { message: fault.message } });
    }
  }

  async #authorize(request: IncomingMessage): Promise<void> {
    const peer = this.#peers.get(request.socket);
    if (!peer?.identity) throw new Fault("access-denied", "access denied");
    const policy = await loadPolicy(this.#context);
    const { identity, address } = peer;
    const now = this.#context.clock.now();
    assertAllowed(decideIdentity({ identity, policy, now, clientIp: address }));
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
