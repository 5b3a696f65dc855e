/**
 * `ClusterAccess` in this process: own connections, own keys. Used by the agent for its callers, and by a command when
 * no agent can run. The device is authenticated once, before the first use of the identity, and again before the
 * device-bearing certificate runs out.
 */
import type { Duplex } from "node:stream";
import type { GrpcClient } from "#api/grpc/client.ts";
import { type Clock, systemClock } from "#base/clock.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { DatabaseRoute } from "#identity/identity.ts";
import type { Database } from "#resource/database.ts";
import type { KubeCluster } from "#resource/kube-cluster.ts";
import { type StartTimer, systemTimer } from "#ssh/timer.ts";
import {
  type ClusterAccess,
  type DeviceState,
  type DialTarget,
  deviceless,
  type KubeCredential,
  type NodeDocument,
  type NodeLogin,
  type ResourceQuery,
} from "./access.ts";
import type { DatabaseIdentity } from "./cluster/databases.ts";
import type { DeviceAuthenticator } from "./cluster/device-session.ts";
import { addressOf, type ClusterAddress } from "./cluster/dial.ts";
import { type ClientIdentity, storedIdentity } from "./cluster/identity.ts";
import { dialNode } from "./cluster/tunnel.ts";
import type { StoredLogin } from "./profile/logins.ts";
import { readCredentials } from "./profile/store.ts";
import { Reattestation } from "./reattestation.ts";

/** What a direct access works with. */
export interface DirectOptions {
  readonly login: StoredLogin;
  /** The machine's device key; undefined uses the stored identity only. */
  readonly device: DeviceAuthenticator | undefined;
  readonly clock?: Clock;
  readonly startTimer?: StartTimer;
  /** Told of every device-bearing identity, so that its public part can be shown. */
  readonly onDevice?: (identity: ClientIdentity) => void | Promise<void>;
}

/** A device-bearing certificate is renewed when this little of it is left. */
const renewBeforeMs = 5 * 60_000;
/** A failed device authentication is not repeated before this time, unless asked for. */
const retryAfterMs = 60_000;

/** One login's own connections. Close it when done. */
export class DirectAccess implements ClusterAccess {
  readonly #options: DirectOptions;
  readonly #clock: Clock;
  readonly #address: ClusterAddress;
  readonly #reattestation: Reattestation;
  #identity: Promise<ClientIdentity> | undefined;
  #auth: { client: GrpcClient; of: ClientIdentity } | undefined;
  readonly #databases = new Map<
    string,
    { issued: Promise<DatabaseIdentity>; of: ClientIdentity }
  >();
  readonly #kube = new Map<string, { issued: Promise<KubeCredential>; of: ClientIdentity }>();
  #loginExpires = new Date(0);
  #problem: { fault: Fault; at: number } | undefined;

  /** Throws `not-found` when the profile lacks the cluster's authorities. */
  constructor(options: DirectOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#address = addressOf(options.login);
    this.#reattestation = new Reattestation({
      interval: () => this.#askInterval(),
      prove: () => this.#proveAgain(),
      clock: this.#clock,
      startTimer: options.startTimer ?? systemTimer,
    });
  }

  get address(): ClusterAddress {
    return this.#address;
  }

  /** The best identity there is: device-bearing when this machine's device is accepted, else the stored one. */
  async identity(): Promise<ClientIdentity> {
    const pending = this.#identity;
    if (pending !== undefined) {
      const current = await pending.catch(() => undefined);
      if (current !== undefined && this.#isFresh(current)) return current;
    }
    // Whoever comes first obtains a new one; the others wait for the same.
    if (this.#identity === pending || this.#identity === undefined) {
      this.#identity = this.#obtain();
    }
    return this.#identity;
  }

  /** A connection to auth with {@link identity}; kept for later calls. */
  async auth(): Promise<GrpcClient> {
    // Loaded late: a connection to a node needs neither HTTP/2 nor messages.
    const { connectAuth } = await import("./cluster/auth.ts");
    const identity = await this.identity();
    if (this.#auth?.of !== identity) {
      void this.#auth?.client.close();
      this.#auth = { client: connectAuth(this.#address, identity.tls), of: identity };
    }
    return this.#auth.client;
  }

  async listNodes(query: ResourceQuery): Promise<NodeDocument[]> {
    const { listNodes } = await import("./cluster/nodes.ts");
    return listNodes(await this.auth(), query);
  }

  async dialNode(target: DialTarget): Promise<Duplex> {
    return this.#dial(await this.identity(), target);
  }

  async logInToNode(target: DialTarget): Promise<NodeLogin> {
    const identity = await this.identity();
    const dialled = this.#dial(identity, target);
    dialled.catch(() => {});
    // Loaded while the node is being dialled.
    const { logIn } = await import("./ssh/log-in.ts");
    const { login } = this.#options;
    return logIn(await dialled, { login, target, credential: identity.ssh });
  }

  async listDatabases(query: ResourceQuery): Promise<Database[]> {
    const { listDatabases } = await import("./cluster/databases.ts");
    return listDatabases(await this.auth(), query);
  }

  async dialDatabase(route: DatabaseRoute): Promise<Duplex> {
    const { dialDatabase } = await import("./cluster/databases.ts");
    const identity = await this.#databaseIdentity(route);
    const { folder } = this.#options.login;
    const stream = await dialDatabase(this.#address, folder, identity, route);
    return this.#watch(stream, await this.identity());
  }

  async listKubeClusters(query: ResourceQuery): Promise<KubeCluster[]> {
    const { listKubeClusters } = await import("./cluster/kube.ts");
    return listKubeClusters(await this.auth(), query);
  }

  /** One certificate serves a Kubernetes cluster until the identity that it was issued to is renewed. */
  async certifyForKube(kubeCluster: string): Promise<KubeCredential> {
    const identity = await this.identity();
    const held = this.#kube.get(kubeCluster);
    if (held?.of === identity) return held.issued;
    const { certifyForKube } = await import("./cluster/kube.ts");
    const { user, cluster } = this.#options.login.key;
    const login = { user, cluster, expires: identity.expires };
    const issued = this.auth().then((auth) => certifyForKube(auth, login, kubeCluster));
    this.#kube.set(kubeCluster, { issued, of: identity });
    issued.catch(() => this.#kube.delete(kubeCluster));
    return issued;
  }

  async dialKube(kubeCluster: string): Promise<Duplex> {
    const { dialKube } = await import("./cluster/kube.ts");
    const credential = await this.certifyForKube(kubeCluster);
    return this.#watch(await dialKube(this.#address, credential), await this.identity());
  }

  async device(): Promise<DeviceState> {
    const { assetTag } = await this.identity();
    const fault = assetTag === undefined ? this.#problem?.fault : undefined;
    return fault === undefined ? { assetTag, problem: undefined } : deviceless(fault);
  }

  async refreshDevice(): Promise<DeviceState> {
    this.#problem = undefined;
    this.#identity = undefined;
    return this.device();
  }

  close(): void {
    this.#reattestation.close();
    void this.#auth?.client.close();
    this.#auth = undefined;
  }

  async #dial(identity: ClientIdentity, target: DialTarget): Promise<Duplex> {
    return this.#watch(await dialNode(this.#address, identity.tls, target), identity);
  }

  /** While a connection of a device is open, the cluster may want to hear of the device again. */
  #watch(stream: Duplex, { assetTag }: ClientIdentity): Duplex {
    if (assetTag !== undefined) stream.once("close", this.#reattestation.hold());
    return stream;
  }

  async #askInterval(): Promise<number> {
    const { askReattestation } = await import("./cluster/reattestation.ts");
    return askReattestation(await this.auth());
  }

  /** The identity of before stays when this fails: it is good until it ends. */
  async #proveAgain(): Promise<void> {
    const { login } = this.#options;
    const stored = storedIdentity(login, await readCredentials(login), this.#clock.now());
    this.#identity = Promise.resolve(await this.#authenticate(stored));
  }

  /** One certificate serves all connections to a database until the identity that it was issued to is renewed. */
  async #databaseIdentity(route: DatabaseRoute): Promise<DatabaseIdentity> {
    const identity = await this.identity();
    const name = JSON.stringify(route);
    const held = this.#databases.get(name);
    if (held?.of === identity) return held.issued;
    const { certifyForDatabase } = await import("./cluster/databases.ts");
    const { user, cluster } = this.#options.login.key;
    const login = { user, cluster, expires: identity.expires };
    const issued = this.auth().then((auth) => certifyForDatabase(auth, login, route));
    this.#databases.set(name, { issued, of: identity });
    issued.catch(() => this.#databases.delete(name));
    return issued;
  }

  #isFresh(identity: ClientIdentity): boolean {
    const now = this.#clock.now().getTime();
    if (identity.expires.getTime() <= now) return false;
    if (identity.assetTag !== undefined) {
      // A certificate that lasts as long as the login cannot be made to last longer.
      const left = identity.expires.getTime() - now;
      return left > renewBeforeMs || identity.expires >= this.#loginExpires;
    }
    return this.#problem === undefined || now - this.#problem.at < retryAfterMs;
  }

  async #obtain(): Promise<ClientIdentity> {
    const { login, device } = this.#options;
    const stored = storedIdentity(login, await readCredentials(login), this.#clock.now());
    this.#loginExpires = stored.expires;
    if (device === undefined || !(await device.hasCredential())) return stored;
    try {
      return await this.#authenticate(stored);
    } catch (error) {
      // A login without a device is still a login; whoever needs the device is told why there is none.
      if (!isFault(error)) throw error;
      this.#problem = { fault: error, at: this.#clock.now().getTime() };
      return stored;
    }
  }

  /** Throws `not-found` where this machine has no device. */
  async #authenticate(stored: ClientIdentity): Promise<ClientIdentity> {
    const { login, device, onDevice } = this.#options;
    if (device === undefined) throw new Fault("not-found", "this machine is no device");
    const { authenticateDevice } = await import("./cluster/device-session.ts");
    const person = { identity: stored, user: login.key.user };
    const identity = await authenticateDevice(this.#address, person, device);
    this.#problem = undefined;
    await onDevice?.(identity);
    return identity;
  }
}
