/**
 * A real auth service in memory, the real proxy on a port, and a real Kubernetes agent in front of a double of the API
 * server. People come with certificates that are issued here, as the programs that they are meant for use them.
 */

import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openPair } from "#api/grpc/memory-pair.ts";
import type { AuditEvent } from "#audit/event.ts";
import { StoreSink } from "#auth/audit/store-sink.ts";
import { formatTlsCertificate, issueUserCertificates } from "#auth/authority/issue.ts";
import { issueServiceCertificate, serviceIdentity } from "#auth/hosts/service-certificates.ts";
import { AuthService } from "#auth/start.ts";
import { openMemoryBackend } from "#backend/memory.ts";
import { systemClock } from "#base/clock.ts";
import { Closer } from "#base/lifecycle.ts";
import { silentLogger } from "#base/log.ts";
import { systemRandom, uuid } from "#base/random.ts";
import type { UserIdentity } from "#identity/identity.ts";
import { readKubeconfig } from "#kube/kubeconfig.ts";
import { type KubeAgent, startKubeAgent } from "#kube/start.ts";
import { ProxyService } from "#proxy/start.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { makeUser } from "./identity.ts";
import { agentGrant, KubeDouble } from "./kube-double/server.ts";

const clusterName = "example.com";
const proxyId = "0c6b4c3e-55a2-4b0e-9d2a-6a1e1f8a2b01";
const agentId = "5d1f6d58-0f1c-4a55-8c6e-1d3c4a6f7b02";

/** The name of the Kubernetes cluster. */
export const kubeName = "double";

/** With it one may go straight to the double, past the agent. */
export const directToken = "direct-token";

/** A certificate and its key, both PEM. */
export interface KubeCredential {
  readonly certificate: string;
  readonly key: string;
}

/** The cluster. Events that became durable are in `events`, in order. */
export class KubeTestCluster {
  readonly auth: AuthService;
  readonly proxy: ProxyService;
  readonly agent: KubeAgent;
  readonly double: KubeDouble;
  readonly folder: string;
  readonly events: AuditEvent[];
  /** A test may take the disk of the audit log away. */
  readonly audit: { fails: boolean };
  readonly #closer: Closer;
  readonly #waiting: (() => void)[];
  #files = 0;

  private constructor(parts: {
    auth: AuthService;
    proxy: ProxyService;
    agent: KubeAgent;
    double: KubeDouble;
    folder: string;
    events: AuditEvent[];
    closer: Closer;
    audit: { fails: boolean };
    waiting: (() => void)[];
  }) {
    this.auth = parts.auth;
    this.proxy = parts.proxy;
    this.agent = parts.agent;
    this.double = parts.double;
    this.folder = parts.folder;
    this.events = parts.events;
    this.audit = parts.audit;
    this.#closer = parts.closer;
    this.#waiting = parts.waiting;
  }

  static async start(): Promise<KubeTestCluster> {
    const closer = new Closer();
    const folder = mkdtempSync(join(tmpdir(), "gatehouse-kube-"));
    closer.defer(() => rmSync(folder, { recursive: true, force: true }));
    const double = closer.add(
      await KubeDouble.start({
        tokens: {
          "agent-token": { user: "system:serviceaccount:gatehouse:agent", groups: [] },
          [directToken]: { user: "alice", groups: ["system:masters"] },
        },
        grants: [
          agentGrant,
          { groups: ["system:masters"], verbs: ["*"], resources: ["*"] },
          { groups: ["viewers"], verbs: ["get", "list", "watch"], resources: ["*"] },
        ],
      }),
    );
    const backend = closer.add(openMemoryBackend(systemClock));
    const events: AuditEvent[] = [];
    const waiting: (() => void)[] = [];
    const audit = { fails: false };
    const emit = async (event: AuditEvent) => {
      if (audit.fails) throw new Error("the disk is full");
      events.push(event);
      for (const wake of waiting.splice(0)) wake();
    };
    const auth = closer.add(
      await AuthService.start({
        backend,
        auditSink: { emit },
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
    const { context } = auth;
    const proxyIdentity = serviceIdentity(context, proxyId, "Proxy");
    const pair = issueServiceCertificate(context, proxyIdentity, ["localhost"]);
    const proxy = closer.add(
      await ProxyService.start({
        clusterName,
        listenAddress: { host: "127.0.0.1", port: 0 },
        hostCertificate: pair,
        webCertificate: pair,
        clientAuthorities: [
          context.authorities.certificatePem("user"),
          context.authorities.certificatePem("host"),
        ],
        client: closer.add(auth.connect(proxyIdentity)),
        acceptAuth: (socket) => auth.accept(socket),
        dialAuth: () => Promise.reject(new Error("nobody tunnels to auth here")),
        clock: systemClock,
        logger: silentLogger,
      }),
    );
    const kubeconfig = join(folder, "agent.yaml");
    writeFileSync(kubeconfig, double.kubeconfig("agent-token", kubeName));
    const credential = readKubeconfig(kubeconfig, () => double.kubeconfig("agent-token", kubeName));
    const agent = closer.add(
      await startKubeAgent({
        hostId: agentId,
        nodename: "kube-agent",
        version: "0.0.0",
        clusters: [...credential].map(([name, found]) => ({
          document: {
            kind: "kube_cluster",
            version: "v3",
            metadata: { name, labels: { env: "dev" } },
            spec: {},
          },
          commands: [],
          credential: found,
        })),
        selectors: [],
        client: closer.add(auth.connect(serviceIdentity(context, agentId, "Kube"))),
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger,
      }),
    );
    const remove = proxy.addAgent(agentId, {
      serve: agent.accept,
      open(request) {
        const [ours, theirs] = openPair();
        agent.accept(theirs, request);
        return Promise.resolve(ours);
      },
    });
    closer.defer(remove);
    await agent.ready;
    const cluster = new KubeTestCluster({
      auth,
      proxy,
      agent,
      double,
      folder,
      events,
      closer,
      audit,
      waiting,
    });
    await cluster.setRole("kube-admin", {
      allow: {
        kubernetes_labels: { "*": "*" },
        kubernetes_groups: ["system:masters"],
        kubernetes_resources: [{ kind: "*", namespace: "*", name: "*", verbs: ["*"] }],
      },
    });
    return cluster;
  }

  /** Writes a role, and waits until the agent knows it. */
  async setRole(name: string, spec: object): Promise<void> {
    const role = parseResourceOf("role", { kind: "role", version: "v7", metadata: { name }, spec });
    const stored = await this.auth.context.stores.roles.upsert(role);
    await this.#knows(
      () =>
        this.agent.authority.view.policy.roles.get(name)?.metadata.revision ===
        stored.metadata.revision,
    );
  }

  /** How the proxy is reached with a certificate. */
  tlsOf({ certificate, key }: KubeCredential) {
    return {
      host: "127.0.0.1",
      port: this.proxy.port,
      servername: "kube-teleport-proxy-alpn.teleport.cluster.local",
      ca: this.auth.context.authorities.certificatePem("host"),
      cert: certificate,
      key,
    };
  }

  /** Locks somebody out. */
  async lock(target: object, message: string): Promise<void> {
    const name = uuid(systemRandom);
    const lock = { kind: "lock", metadata: { name }, spec: { target, message } };
    await this.auth.context.stores.locks.create(parseResourceOf("lock", lock));
  }

  /** A kubeconfig file for somebody with these roles, and what is different about their certificate. */
  kubeconfigFor(roles: readonly string[], changes: Partial<UserIdentity> = {}): string {
    return this.writeKubeconfig(this.credentialFor(roles, changes));
  }

  /** A certificate and its key for somebody with these roles. */
  credentialFor(roles: readonly string[], changes: Partial<UserIdentity> = {}): KubeCredential {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const identity = makeUser({
      username: "alice",
      cluster: clusterName,
      roles,
      expires: new Date(Date.now() + 3_600_000),
      usage: ["kube"],
      kubernetesCluster: kubeName,
      ...changes,
    });
    const tls = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
    const issued = issueUserCertificates(this.auth.context, identity, { tls });
    const certificate = formatTlsCertificate(issued.tls ?? new Uint8Array());
    const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    return { certificate, key };
  }

  /** Writes a kubeconfig that shows a certificate. */
  writeKubeconfig({ certificate, key }: KubeCredential): string {
    const encode = (text: string) => Buffer.from(text).toString("base64");
    const file = join(this.folder, `kubeconfig-${++this.#files}`);
    const cluster = {
      server: `https://127.0.0.1:${this.proxy.port}`,
      "tls-server-name": "kube-teleport-proxy-alpn.teleport.cluster.local",
      "certificate-authority-data": encode(this.auth.context.authorities.certificatePem("host")),
    };
    const user = {
      "client-certificate-data": encode(certificate),
      "client-key-data": encode(key),
    };
    writeFileSync(
      file,
      JSON.stringify({
        apiVersion: "v1",
        kind: "Config",
        "current-context": "gatehouse",
        clusters: [{ name: "gatehouse", cluster }],
        users: [{ name: "gatehouse", user }],
        contexts: [{ name: "gatehouse", context: { cluster: "gatehouse", user: "gatehouse" } }],
      }),
      { mode: 0o600 },
    );
    return file;
  }

  /** The first durable event that fits, once there is one; the test's own time limit ends the wait. */
  async event(fits: (event: AuditEvent) => boolean): Promise<AuditEvent> {
    for (;;) {
      const found = this.events.find(fits);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  close(): Promise<void> {
    return this.#closer.close();
  }

  async #knows(fits: () => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (!fits()) return;
        stop();
        resolve();
      };
      const stop = this.agent.authority.onChange(look);
      look();
    });
  }
}
