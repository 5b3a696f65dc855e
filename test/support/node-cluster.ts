/** A real auth service in memory, a real node on it, and a port that stands for the proxy: it hands streams to the node. */
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HostCredentials } from "#agent/credentials.ts";
import type { AuthorityView } from "#api/authority-documents.ts";
import type { GrpcClient } from "#api/grpc/client.ts";
import type { AuditEvent } from "#audit/event.ts";
import { StoreSink } from "#auth/audit/store-sink.ts";
import { issueUserCertificates } from "#auth/authority/issue.ts";
import { issueHostCertificates } from "#auth/hosts/host-certificates.ts";
import { AuthService } from "#auth/start.ts";
import { openMemoryBackend } from "#backend/memory.ts";
import { systemClock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import { Closer } from "#base/lifecycle.ts";
import { silentLogger } from "#base/log.ts";
import { systemRandom } from "#base/random.ts";
import type { SystemIdentity, UserIdentity } from "#identity/identity.ts";
import { type NodeOptions, type NodeService, startNode } from "#node/start.ts";
import { makeUser } from "./identity.ts";
import { createKey, type KeyKind, type TestKey } from "./ssh-keys.ts";

export const clusterName = "example.com";
export const hostId = "3a3ea7b5-0a3b-4f2d-8f8e-5d6a2f0a9c01";
export const nodename = "ip-172-31-35-170";

/** The cluster. Events that became durable are in `events`, in order. */
export class NodeCluster {
  readonly auth: AuthService;
  readonly node: NodeService;
  readonly credentials: HostCredentials;
  readonly events: AuditEvent[];
  readonly #closer: Closer;
  readonly #server: Server;
  #markers = 0;

  private constructor(parts: {
    auth: AuthService;
    node: NodeService;
    credentials: HostCredentials;
    events: AuditEvent[];
    closer: Closer;
    server: Server;
  }) {
    this.auth = parts.auth;
    this.node = parts.node;
    this.credentials = parts.credentials;
    this.events = parts.events;
    this.#closer = parts.closer;
    this.#server = parts.server;
  }

  static async start(
    changes: Partial<NodeOptions> = {},
    wrap: (client: GrpcClient) => GrpcClient = (client) => client,
  ): Promise<NodeCluster> {
    const closer = new Closer();
    const dataDir = mkdtempSync(join(tmpdir(), "gatehouse-node-"));
    closer.defer(() => rmSync(dataDir, { recursive: true, force: true }));
    const backend = openMemoryBackend(systemClock);
    closer.add(backend);
    const events: AuditEvent[] = [];
    const auth = closer.add(
      await AuthService.start({
        backend,
        auditSink: { emit: async (event) => void events.push(event) },
        events: new StoreSink(backend, systemClock),
        clusterName,
        defaultClusterName: clusterName,
        settings: {},
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger,
        proxyAddress: () => "localhost:3080",
      }),
    );
    const credentials = closer.add(
      await HostCredentials.open({
        folder: join(dataDir, "node"),
        hostId,
        nodeName: nodename,
        additionalPrincipals: [],
        obtain: async (request) =>
          issueHostCertificates(auth.context, { ...request, roles: ["Node"] }, request),
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger,
      }),
    );
    const identity: SystemIdentity = {
      kind: "system",
      hostId,
      cluster: clusterName,
      systemRoles: ["Node"],
      expires: new Date(Date.now() + 3_600_000),
    };
    const client = wrap(auth.connect(identity));
    closer.add(client);
    const node = closer.add(
      await startNode({
        hostId,
        nodename,
        labels: { env: "dev" },
        commands: [],
        client,
        credentials,
        features: { fileCopy: true, portForwarding: true },
        version: "0.0.0",
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger,
        ...changes,
      }),
    );
    await node.ready;
    const server = await listen(node, closer);
    return new NodeCluster({ auth, node, credentials, events, closer, server });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The first durable event that fits, once there is one; the test's own time limit ends the wait. */
  async event(fits: (event: AuditEvent) => boolean): Promise<AuditEvent> {
    for (;;) {
      const found = this.events.find(fits);
      if (found !== undefined) return found;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Waits until the node knows everything that was written so far. */
  async settled(): Promise<void> {
    const marker = `settled-${++this.#markers}`;
    await this.setRole(marker, {});
    await this.knows((view) => view.policy.roles.has(marker));
  }

  /** Waits until what the node knows fits. */
  async knows(fits: (view: AuthorityView) => boolean): Promise<void> {
    const { authority } = this.node;
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (!fits(authority.view)) return;
        stop();
        resolve();
      };
      const stop = authority.onChange(look);
      look();
    });
  }

  /** Writes a role. */
  async setRole(name: string, spec: object): Promise<void> {
    const { roleSchema } = await import("#resource/role.ts");
    const role = roleSchema.parse({ kind: "role", version: "v7", metadata: { name }, spec });
    await this.auth.context.stores.roles.upsert(role);
  }

  /** The SSH certificate of a user for a key; a new key unless one is given. */
  certify(changes: Partial<UserIdentity> = {}, kind: KeyKind = "ed25519") {
    const key: TestKey = createKey(kind);
    const identity = makeUser({
      cluster: clusterName,
      expires: new Date(Date.now() + 3_600_000),
      traits: { logins: ["root"] },
      logins: ["root"],
      ...changes,
    });
    const { ssh } = issueUserCertificates(this.auth.context, identity, {
      ssh: key.signer.publicKey,
    });
    if (ssh === undefined) throw new Fault("internal", "no certificate was issued");
    return { key, certificate: ssh, identity };
  }

  close(): Promise<void> {
    return this.#closer.close();
  }
}

async function listen(node: NodeService, closer: Closer): Promise<Server> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    node.accept(socket, { clientAddress: `${socket.remoteAddress}:${socket.remotePort}` });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closer.defer(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  return server;
}
