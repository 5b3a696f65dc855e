/**
 * The composition root: a configuration becomes running services in one process. Services reach auth through its API
 * all the same, over a connection in memory.
 */

import { connect } from "node:net";
import { join } from "node:path";
import { joinSinks } from "#audit/sink.ts";
import { FileSink } from "#auth/audit/file-sink.ts";
import { StoreSink } from "#auth/audit/store-sink.ts";
import { issueServiceCertificate, serviceIdentity } from "#auth/hosts/service-certificates.ts";
import { AuthService } from "#auth/start.ts";
import { openSqliteBackend } from "#backend/sqlite.ts";
import { type Address, formatAddress } from "#base/address.ts";
import { systemClock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import { type Closable, Closer } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import { systemRandom } from "#base/random.ts";
import { FrontDoor } from "#proxy/front-door.ts";
import { ProxyService } from "#proxy/start.ts";
import { keepAdministrator } from "./administrator.ts";
import type { GatehouseConfig } from "./config/config.ts";
import { openDatabases } from "./databases.ts";
import { makePrivateFolder } from "./files.ts";
import { settleHostId } from "./host-id.ts";
import { openKubernetes } from "./kubernetes.ts";
import { openNode, sshPrincipals } from "./node.ts";
import { joinCluster, joinOwnCluster, type Uplink } from "./uplink.ts";
import { readKeyPair, settleSelfSigned } from "./web-certificate.ts";

/** Certificates of the doors are made anew so often; they live a week. */
const renewMs = 24 * 3_600_000;

/** What runs. */
export interface RunningProcess extends Closable {
  readonly clusterName: string;
  /** `host:port` of the proxy, as people type it. */
  readonly publicAddress: string;
  /** Absent in a process of agents only. */
  readonly auth?: AuthService;
  /** When the process has nothing more to do, as after the only run of an inventory service; rejects when that failed. */
  readonly ended?: Promise<unknown>;
}

/** Starts every service that the configuration enables; when one fails, those before it are stopped again. */
export async function startProcess(
  config: GatehouseConfig,
  logger: Logger,
): Promise<RunningProcess> {
  const closer = new Closer();
  try {
    makePrivateFolder(config.dataDir);
    const hostId = settleHostId(config.dataDir, systemRandom);
    const running = config.auth
      ? await startCluster(config, logger, closer, hostId)
      : await startAgents(config, logger, closer);
    return { ...running, close: () => closer.close() };
  } catch (error) {
    await closer.close();
    throw error;
  }
}

type Running = Omit<RunningProcess, "close">;

async function startAgents(
  config: GatehouseConfig,
  logger: Logger,
  closer: Closer,
): Promise<Running> {
  if (config.proxy) {
    throw new Fault(
      "unimplemented",
      "a proxy without an auth service beside it is not available yet",
      {
        hint: "enable auth_service on the machine of the proxy, or disable proxy_service on this one",
      },
    );
  }
  const parts = { config, logger, closer };
  const members: Uplink[] = [];
  if (config.ssh) {
    const uplink = await joinCluster(parts, "Node", sshPrincipals(config.ssh));
    members.push(uplink);
    await (await openNode(parts, config.ssh, uplink)).ready;
  }
  if (config.databases) {
    const uplink = await joinCluster(parts, "Db");
    members.push(uplink);
    await openDatabases(parts, config.databases, uplink);
  }
  if (config.kubernetes) {
    const uplink = await joinCluster(parts, "Kube");
    members.push(uplink);
    await openKubernetes(parts, config.kubernetes, uplink);
  }
  const served = members.length > 0;
  let ended: Promise<unknown> | undefined;
  if (config.mdm.length > 0) {
    const uplink = await joinCluster(parts, "MDM");
    members.push(uplink);
    const { startInventory } = await import("./inventory.ts");
    ({ ended } = startInventory(config.mdm, uplink.client, logger, closer));
  }
  const [member] = members;
  if (!member) throw new Fault("usage", "the configuration enables no service");
  const { credentials, proxyAddress } = member;
  const running = { clusterName: credentials.clusterName, publicAddress: proxyAddress };
  return served || ended === undefined ? running : { ...running, ended };
}

async function startCluster(
  config: GatehouseConfig,
  logger: Logger,
  closer: Closer,
  hostId: string,
): Promise<Running> {
  if (!config.proxy) {
    throw new Fault(
      "unimplemented",
      "an auth service without a proxy beside it is not available yet",
      {
        hint: "enable proxy_service on the machine of the auth service",
      },
    );
  }
  let publicAddress = "";
  const auth = await startAuth(config, logger, closer, () => publicAddress);
  const proxy = await startProxy(config, logger, closer, auth, hostId);
  publicAddress = proxy.publicAddress;
  if (config.auth?.listen) await openAuthDoor(config.auth.listen, logger, closer, auth, hostId);
  const parts = { config, logger, closer };
  if (config.ssh) {
    const principals = sshPrincipals(config.ssh);
    const uplink = await joinOwnCluster(parts, "Node", { auth, proxy }, principals);
    await (await openNode(parts, config.ssh, uplink)).ready;
  }
  if (config.databases) {
    const uplink = await joinOwnCluster(parts, "Db", { auth, proxy });
    await openDatabases(parts, config.databases, uplink);
  }
  if (config.kubernetes) {
    const uplink = await joinOwnCluster(parts, "Kube", { auth, proxy });
    await openKubernetes(parts, config.kubernetes, uplink);
  }
  if (config.mdm.length > 0) {
    const client = closer.add(auth.connect(serviceIdentity(auth.context, hostId, "MDM")));
    const { startInventory } = await import("./inventory.ts");
    startInventory(config.mdm, client, logger, closer);
  }
  const address = formatAddress(ownAddress(config, proxy.port));
  closer.defer(keepAdministrator(auth.context, config.dataDir, address, logger));
  return { clusterName: auth.context.clusterName, publicAddress, auth };
}

async function startAuth(
  config: GatehouseConfig,
  logger: Logger,
  closer: Closer,
  proxyAddress: () => string,
): Promise<AuthService> {
  const { auth, storage, dataDir } = config;
  const backend = closer.add(
    openSqliteBackend({ folder: storage.path, clock: systemClock, logger }),
  );
  const files = closer.add(new FileSink(join(dataDir, "audit"), systemClock));
  const events = new StoreSink(backend, systemClock);
  return closer.add(
    await AuthService.start({
      backend,
      auditSink: joinSinks([events, files]),
      events,
      clusterName: auth?.clusterName,
      defaultClusterName: config.nodename,
      settings: {
        authPreference: auth?.authPreference,
        networkingConfig: auth?.networkingConfig,
        sessionRecordingConfig: auth?.sessionRecordingConfig,
        tokens: (auth?.tokens ?? []).map(({ roles, secret }) => ({
          roles: [...roles],
          secret: secret.reveal(),
        })),
      },
      clock: systemClock,
      random: systemRandom,
      logger,
      proxyAddress,
    }),
  );
}

async function startProxy(
  config: GatehouseConfig,
  logger: Logger,
  closer: Closer,
  auth: AuthService,
  hostId: string,
): Promise<ProxyService> {
  const { context } = auth;
  const [announced] = config.proxy?.publicAddrs ?? [];
  const hosts = [...new Set([announced?.host ?? "localhost", config.nodename, "localhost"])];
  const certificates = () => ({
    hostCertificate: issueServiceCertificate(
      context,
      serviceIdentity(context, hostId, "Proxy"),
      hosts,
    ),
    webCertificate: webCertificate(config, hosts),
  });
  const { host, port } = config.proxy?.webListen ?? { host: "0.0.0.0", port: 3080 };
  const client = auth.connect(serviceIdentity(context, hostId, "Proxy"));
  closer.add(client);
  const proxy: ProxyService = closer.add(
    await ProxyService.start({
      clusterName: context.clusterName,
      listenAddress: { host, port },
      publicAddress: announced && `${announced.host}:${announced.port}`,
      ...certificates(),
      clientAuthorities: [
        context.authorities.certificatePem("user"),
        context.authorities.certificatePem("host"),
      ],
      client,
      acceptAuth: (socket) => auth.accept(socket),
      dialAuth: async () => connect({ ...ownAddress(config, proxy.port), noDelay: true }),
      clock: systemClock,
      logger,
    }),
  );
  const renewal = setInterval(() => proxy.renew(certificates()), renewMs);
  closer.defer(() => clearInterval(renewal));
  return proxy;
}

/** Where this process reaches its own port: a wildcard stands for the loopback. */
function ownAddress(config: GatehouseConfig, port: number): Address {
  const host = config.proxy?.webListen.host ?? "0.0.0.0";
  if (host === "0.0.0.0") return { host: "127.0.0.1", port };
  return { host: host === "::" ? "::1" : host, port };
}

/** A port of auth's own, for clients that come straight to it. */
async function openAuthDoor(
  listenAddress: Address,
  logger: Logger,
  closer: Closer,
  auth: AuthService,
  hostId: string,
): Promise<void> {
  const { context } = auth;
  const identity = serviceIdentity(context, hostId, "Auth");
  const both = () => {
    const pair = issueServiceCertificate(context, identity, []);
    return { hostCertificate: pair, webCertificate: pair };
  };
  const door = closer.add(
    await FrontDoor.open({
      listenAddress,
      ...both(),
      clientAuthorities: [
        context.authorities.certificatePem("user"),
        context.authorities.certificatePem("host"),
      ],
      doors: { auth: ({ socket }) => auth.accept(socket) },
      logger,
    }),
  );
  const renewal = setInterval(() => door.renew(both()), renewMs);
  closer.defer(() => clearInterval(renewal));
}

function webCertificate(config: GatehouseConfig, hosts: readonly string[]) {
  const [files] = config.proxy?.keyPairs ?? [];
  if (files) return readKeyPair(files);
  const names = [...hosts, "127.0.0.1", "::1"];
  return settleSelfSigned(join(config.dataDir, "proxy"), names, {
    clock: systemClock,
    random: systemRandom,
  });
}
