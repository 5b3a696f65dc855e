/**
 * The composition root: a configuration becomes running services in one process. Services reach auth through its API
 * all the same, over a connection in memory.
 */
import { join } from "node:path";
import { connect } from "node:net";
import { AuthService } from "#auth/start.ts";
import { FileSink } from "#auth/audit/file-sink.ts";
import { StoreSink } from "#auth/audit/store-sink.ts";
import { issueServiceCertificate, serviceIdentity } from "#auth/hosts/service-certificates.ts";
import { joinSinks } from "#audit/sink.ts";
import { openSqliteBackend } from "#backend/sqlite.ts";
import { systemClock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import { type Closable, Closer } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import { systemRandom } from "#base/random.ts";
import { ProxyService } from "#proxy/start.ts";
import { writeAdministrator } from "./administrator.ts";
import type { GatehouseConfig } from "./config/config.ts";
import { makePrivateFolder } from "./files.ts";
import { settleHostId } from "./host-id.ts";
import { readKeyPair, settleSelfSigned } from "./web-certificate.ts";

/** Certificates of the doors are made anew so often; they live a week. */
const renewMs = 24 * 3_600_000;

/** What runs. */
export interface RunningProcess extends Closable {
  readonly clusterName: string;
  /** `host:port` that people type. */
  readonly publicAddress: string;
  readonly auth: AuthService;
}

/** Starts every service that the configuration enables; when one fails, those before it are stopped again. */
export async function startProcess(config: GatehouseConfig, logger: Logger): Promise<RunningProcess> {
  const closer = new Closer();
  try {
    return await start(config, logger, closer);
  } catch (error) {
    await closer.close();
    throw error;
  }
}

async function start(
  config: GatehouseConfig,
  logger: Logger,
  closer: Closer,
): Promise<RunningProcess> {
  if (!config.auth || !config.proxy) {
    throw new Fault("unimplemented", "auth and proxy run in one process in this version", {
      hint: "enable auth_service and proxy_service on the same machine",
    });
  }
  makePrivateFolder(config.dataDir);
  const hostId = settleHostId(config.dataDir, systemRandom);
  let publicAddress = "";
  const auth = await startAuth(config, logger, closer, () => publicAddress);
  const proxy = await startProxy(config, logger, closer, auth, hostId);
  publicAddress = proxy.publicAddress;
  writeAdministrator(auth.context, config.dataDir, `127.0.0.1:${proxy.port}`);
  return {
    clusterName: auth.context.clusterName,
    publicAddress,
    auth,
    close: () => closer.close(),
  };
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
        tokens: (auth?.tokens ?? []).map(({ roles, secret }) => ({ roles: [...roles], secret: secret.reveal() })),
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
    hostCertificate: issueServiceCertificate(context, serviceIdentity(context, hostId, "Proxy"), hosts),
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
      dialAuth: async () => connect({ host: "127.0.0.1", port: proxy.port, noDelay: true }),
      clock: systemClock,
      logger,
    }),
  );
  const renewal = setInterval(() => proxy.renew(certificates()), renewMs);
  closer.defer(() => clearInterval(renewal));
  return proxy;
}

function webCertificate(config: GatehouseConfig, hosts: readonly string[]) {
  const [files] = config.proxy?.keyPairs ?? [];
  if (files) return readKeyPair(files);
  const names = [...hosts, "127.0.0.1", "::1"];
  return settleSelfSigned(join(config.dataDir, "proxy"), names, { clock: systemClock, random: systemRandom });
}
