/** Puts the auth service together and serves it: on connections that a door hands over, and inside the process. */
import type { TLSSocket } from "node:tls";
import { GrpcClient } from "#api/grpc/client.ts";
import { openPair } from "#api/grpc/memory-pair.ts";
import type { GrpcServer } from "#api/grpc/server.ts";
import { type Peer, peerOf } from "#api/peer.ts";
import type { AuditSink } from "#audit/sink.ts";
import type { Backend } from "#backend/port.ts";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Closable } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import { type Random, uuid } from "#base/random.ts";
import { productVersion } from "#base/version.ts";
import type { SystemIdentity } from "#identity/identity.ts";
import { AuditRecorder } from "./audit/recorder.ts";
import type { StoreSink } from "./audit/store-sink.ts";
import { Authorities } from "./authority/authorities.ts";
import { loadAuthorities } from "./authority/keys.ts";
import type { AuthContext } from "./context.ts";
import { settleRows } from "./devices/rows.ts";
import { FailureBudget } from "./failure-budget.ts";
import { createAuthServer, registerServices } from "./grpc/register.ts";
import { hostCertificateMs } from "./hosts/host-certificates.ts";
import { LegacyApi } from "./http/legacy-api.ts";
import { type AuthSettings, initializeCluster, settleClusterName } from "./initialize.ts";
import { OneTimeRecords } from "./mfa/one-time-records.ts";
import { openStores } from "./store/stores.ts";
import { CredentialStore } from "./users/credentials.ts";
import { Invitations } from "./users/invitation.ts";
import { type PasswordCost, PasswordHasher } from "./users/password.ts";

/** How long a connection without a certificate may last: enough to join, not enough to be kept. */
export const strangerMs = 60_000;

/** What the auth service is made of. */
export interface AuthOptions {
  readonly backend: Backend;
  /** Where events go before anything is granted. */
  readonly auditSink: AuditSink;
  /** Finds the events again; one of the sinks behind `auditSink`. */
  readonly events: StoreSink;
  /** The name to start a new cluster with; an old one keeps its own. */
  readonly clusterName?: string | undefined;
  readonly defaultClusterName: string;
  readonly settings: AuthSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly proxyAddress: () => string;
  /** See {@link PasswordHasher}. */
  readonly passwordCost?: PasswordCost;
}

/** A running auth service. */
export class AuthService implements Closable {
  /** Its parts, for the services that live in the same process's composition root: never for the network. */
  readonly context: AuthContext;
  readonly #server: GrpcServer<Peer>;
  readonly #legacy: LegacyApi;

  private constructor(context: AuthContext, server: GrpcServer<Peer>) {
    this.context = context;
    this.#server = server;
    this.#legacy = new LegacyApi(context);
  }

  /** Reads or makes keys, settles the store and registers every service. */
  static async start(options: AuthOptions): Promise<AuthService> {
    const { backend, clock, random, logger } = options;
    const clusterName = await settleClusterName(
      backend,
      options.clusterName,
      options.defaultClusterName,
    );
    const suite = options.settings.authPreference?.spec.signature_algorithm_suite;
    const keys = await loadAuthorities(backend, {
      clusterName,
      suite: suite === "legacy" ? "legacy" : "balanced-v1",
      clock,
      random,
    });
    const stores = openStores(backend, clock);
    const credentials = new CredentialStore(backend, stores.users);
    const passwords = new PasswordHasher(random, options.passwordCost);
    const context: AuthContext = {
      clusterName,
      clock,
      random,
      logger,
      backend,
      stores,
      authorities: new Authorities(clusterName, keys),
      audit: new AuditRecorder({ sink: options.auditSink, clusterName, clock, random }),
      events: options.events,
      credentials,
      passwords,
      failures: new FailureBudget(clock),
      invitations: new Invitations({
        ...{ backend, users: stores.users, credentials, passwords, clock, random },
      }),
      challenges: new OneTimeRecords(backend, clock, "mfa-challenges"),
      registrations: new OneTimeRecords(backend, clock, "mfa-registrations"),
      proxyAddress: options.proxyAddress,
      administratorId: uuid(random),
    };
    await initializeCluster(context, options.settings);
    await settleRows(context);
    await context.audit.record("auth.start", { server_version: productVersion });
    const server = createAuthServer(context);
    registerServices(server, context);
    return new AuthService(context, server);
  }

  /** Serves a TLS connection after its handshake; nothing may have been read from it. */
  accept(socket: TLSSocket): void {
    const { authorities, clock } = this.context;
    const trusted = {
      user: [authorities.tls("user").certificate],
      host: [authorities.tls("host").certificate],
    };
    const known = peerOf(socket, trusted, clock.now());
    const peer = this.#isFormerAdministrator(known) ? { address: known.address } : known;
    if (socket.alpnProtocol !== "h2") {
      this.#legacy.accept(socket, peer);
      return;
    }
    const connection = this.#server.accept(socket, peer);
    if (peer.identity) return;
    const end = () => connection.close(new Fault("timeout", "this connection has lasted too long"));
    const timer = setTimeout(end, strangerMs).unref();
    socket.once("close", () => clearTimeout(timer));
  }

  /**
   * A client for a service of the same process: the same API and the same checks, without a port. It shows no
   * certificate, so nothing of it expires for as long as the process lives.
   */
  connect(identity: SystemIdentity): GrpcClient {
    const { clock } = this.context;
    const peer: Peer = {
      get identity() {
        return { ...identity, expires: new Date(clock.now().getTime() + hostCertificateMs) };
      },
      address: "127.0.0.1",
    };
    return new GrpcClient(async () => {
      const [ours, theirs] = openPair();
      this.#server.accept(theirs, peer);
      return ours;
    });
  }

  /** The administrator's certificate lies in a file: one from a backup, or from before a restart, opens nothing. */
  #isFormerAdministrator({ identity }: Peer): boolean {
    return (
      identity?.kind === "system" &&
      identity.systemRoles.includes("Admin") &&
      identity.hostId !== this.context.administratorId
    );
  }

  /** Ends all calls and connections. The backend belongs to whoever opened it. */
  async close(): Promise<void> {
    this.#legacy.close();
    await this.#server.close();
  }
}
