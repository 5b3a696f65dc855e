/** Puts the proxy together: one port, its doors, and the copy of the cluster's rules that they are held to. */
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { AuthorityFeed } from "#api/authority-feed.ts";
import { createClient, type GrpcClient } from "#api/grpc/client.ts";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import { type Closable, Closer } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import { systemRandom } from "#base/random.ts";
import { LoginService } from "#gen/gatehouse/v1/login_pb.ts";
import { WebSessionService } from "#gen/gatehouse/v1/web_pb.ts";
import { DeviceTrustService } from "#gen/teleport/devicetrust/v1/service_pb.ts";
import { systemTimer } from "#ssh/timer.ts";
import { type AgentDialer, AgentRegistry } from "./agents/registry.ts";
import { DenialLog } from "./denials.ts";
import { Dialer } from "./dialer.ts";
import { openAgentDoor } from "./doors/agents.ts";
import { openDatabaseDoor } from "./doors/databases.ts";
import { KubeDoor } from "./doors/kube.ts";
import { PeerCheck } from "./doors/peers.ts";
import { openTransportDoor } from "./doors/transport.ts";
import { openTunnelDoor } from "./doors/tunnel.ts";
import { openWebDoor } from "./doors/web.ts";
import { FrontDoor, type KeyPair } from "./front-door.ts";

/** What the proxy is made of. */
export interface ProxyOptions {
  readonly clusterName: string;
  readonly listenAddress: { readonly host: string; readonly port: number };
  /** `host:port` that people type; by default the host `localhost` and the open port. */
  readonly publicAddress?: string | undefined;
  readonly hostCertificate: KeyPair;
  readonly webCertificate: KeyPair;
  /** PEM certificates of the user and host authority. */
  readonly clientAuthorities: readonly string[];
  /** Reaches auth as a proxy. */
  readonly client: GrpcClient;
  /** Hands a connection for the auth service over. */
  readonly acceptAuth: (socket: TLSSocket) => void;
  /** A raw connection to the auth service, for clients that tunnel to it. */
  readonly dialAuth: () => Promise<Duplex>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A running proxy. */
export class ProxyService implements Closable {
  readonly #closer = new Closer();
  readonly #agents = new AgentRegistry();
  readonly #publicAddress: string | undefined;
  #door: FrontDoor | undefined;

  private constructor(publicAddress: string | undefined) {
    this.#publicAddress = publicAddress;
  }

  /** Opens the port when the rules of the cluster are known. */
  static async start(options: ProxyOptions): Promise<ProxyService> {
    const proxy = new ProxyService(options.publicAddress);
    try {
      await proxy.#open(options);
      return proxy;
    } catch (error) {
      await proxy.close();
      throw error;
    }
  }

  /** The port that is open. */
  get port(): number {
    return this.#door?.port ?? 0;
  }

  /** `host:port` that people type. */
  get publicAddress(): string {
    return this.#publicAddress ?? `localhost:${this.port}`;
  }

  /** Takes an agent of this process; the function that it gives back takes it out again. */
  addAgent(hostId: string, agent: AgentDialer): () => void {
    return this.#agents.add(hostId, agent);
  }

  /** Presents other certificates to whoever connects from now on. */
  renew(certificates: { hostCertificate: KeyPair; webCertificate: KeyPair }): void {
    this.#door?.renew(certificates);
  }

  close(): Promise<void> {
    return this.#closer.close();
  }

  /** Connections come when the door is open. */
  #secure(stream: Duplex, remoteAddress: string): Promise<TLSSocket> {
    if (this.#door) return this.#door.secure(stream, remoteAddress);
    throw new Fault("unavailable", "the proxy is starting");
  }

  async #open(options: ProxyOptions): Promise<void> {
    const { client, clock, logger, clusterName } = options;
    const feed = this.#closer.add(
      new AuthorityFeed({
        client,
        clock,
        logger,
        random: systemRandom,
        startTimer: systemTimer,
        alsoFollow: ["node", "db_server", "kube_server"],
      }),
    );
    await feed.ready;
    const peers = this.#closer.add(new PeerCheck(feed, clock));
    const denials = new DenialLog({ client, clusterName, clock, random: systemRandom, logger });
    const dialer = new Dialer(feed, this.#agents);
    const { dialAuth } = options;
    const transport = openTransportDoor({ peers, denials, dialer, clusterName, dialAuth, logger });
    this.#closer.add(transport.server);
    const kube = this.#closer.add(new KubeDoor({ peers, dialer, logger }));
    const web = openWebDoor({
      login: createClient(LoginService, client),
      sessions: createClient(WebSessionService, client),
      devices: createClient(DeviceTrustService, client),
      publicAddress: () => this.publicAddress,
      logger,
      acceptUpgraded: (stream, from) => this.#door?.acceptUpgraded(stream, from),
    });
    this.#closer.defer(() => web.server.closeAllConnections());
    this.#door = this.#closer.add(
      await FrontDoor.open({
        ...options,
        doors: {
          auth: ({ socket }) => options.acceptAuth(socket),
          transport: transport.accept,
          tunnel: openTunnelDoor({ peers, denials, dialer, clusterName, logger }),
          database: openDatabaseDoor({
            ...{ peers, denials, dialer, logger },
            secure: (stream, from) => this.#secure(stream, from),
          }),
          agent: openAgentDoor({ peers, agents: this.#agents, logger }),
          // A client that probes for a layer 7 balancer in between wants to see the handshake succeed, and no more.
          probe: ({ socket }) => void socket.end(),
          kube: (connection) => kube.accept(connection),
          web: web.accept,
        },
      }),
    );
  }
}
