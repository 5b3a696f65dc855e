/**
 * `gatehouse quickstart`: a whole cluster in one process, ready to follow the guide. The first run creates an
 * administrator and prints the link with which a person completes the account, and the commands to type next.
 */
import { hostname, userInfo } from "node:os";
import { resolve } from "node:path";
import { AuthClient } from "#api/client.ts";
import { encodeResource } from "#api/convert/resource.ts";
import { serviceIdentity } from "#auth/hosts/service-certificates.ts";
import type { AuthService } from "#auth/start.ts";
import { type Address, parseAddress } from "#base/address.ts";
import { Fault, isFault } from "#base/fault.ts";
import { uuid } from "#base/random.ts";
import type { Invocation } from "#cli/command.ts";
import { parseResourceOf } from "#resource/parse.ts";
import type { GatehouseConfig } from "./config/config.ts";
import { openLogger } from "./logger.ts";
import { startProcess } from "./process.ts";
import type { quickstart } from "./program.ts";
import { stopRequested } from "./signals.ts";
import { formatWelcome } from "./welcome.ts";

/** What the guide's administrator may log in as, besides the account that runs the cluster. */
const guideLogins = ["root", "ubuntu", "ec2-user"];
const guideRoles = ["access", "auditor", "editor"];

/** Runs the command. */
export async function run({
  flags,
  console,
  signal,
}: Invocation<typeof quickstart>): Promise<void> {
  const config = quickstartConfig(flags);
  const logger = openLogger(config.log);
  const running = await startProcess(config, logger);
  const logins =
    flags.logins.length > 0 ? flags.logins : [...new Set([userInfo().username, ...guideLogins])];
  const first = running.auth && (await findOrInvite(running.auth, flags.user, logins));
  console.print(
    formatWelcome({
      clusterName: running.clusterName,
      proxy: running.publicAddress,
      dataDir: config.dataDir,
      nodename: config.nodename,
      user: flags.user,
      isGone: first?.exists === false,
      login: logins[0] ?? "root",
      invitation: first?.invitation,
    }),
  );
  await stopRequested(signal);
  console.print("Stopping.");
  await running.close();
}

function quickstartConfig(flags: Invocation<typeof quickstart>["flags"]): GatehouseConfig {
  const dataDir = resolve(flags.dataDir);
  const nodename = flags.nodename ?? hostname();
  const webListen = readAddress("--listen", flags.listen, 3080);
  const publicAddrs =
    flags.publicAddr === undefined ? [] : [readAddress("--public-addr", flags.publicAddr, 443)];
  return {
    nodename,
    dataDir,
    log: { output: "stderr", severity: "warn", format: "text" },
    storage: { type: "sqlite", path: dataDir },
    join: { caPins: [] },
    mdm: [],
    auth: {
      listen: undefined,
      publicAddrs: [],
      clusterName: flags.cluster,
      tokens: [],
      authPreference: undefined,
      networkingConfig: undefined,
      sessionRecordingConfig: undefined,
    },
    proxy: { webListen, publicAddrs, keyPairs: [] },
    ssh: {
      listen: { host: "127.0.0.1", port: 0 },
      publicAddrs: [],
      labels: {},
      commands: [],
      permitUserEnvironment: false,
      portForwarding: true,
      fileCopy: true,
    },
  };
}

function readAddress(flag: string, text: string, defaultPort: number): Address {
  const address = parseAddress(text, defaultPort);
  if (address) return address;
  throw new Fault("usage", `${flag}: "${text}" is not an address`, {
    hint: "write host:port, as in 127.0.0.1:3080",
  });
}

interface FirstUser {
  readonly exists: boolean;
  /** The link to complete the account, when it was made now. */
  readonly invitation?: string | undefined;
}

/** Looks for the first user, who is created when there is nobody yet. One who was deleted stays so. */
async function findOrInvite(
  auth: AuthService,
  name: string,
  logins: readonly string[],
): Promise<FirstUser> {
  const { context } = auth;
  const grpc = auth.connect(serviceIdentity(context, uuid(context.random), "Admin"));
  try {
    const client = new AuthClient(grpc);
    const users = await client.service("users");
    const { users: known } = await users.listUsers({ pageSize: 1 });
    if (known.length > 0) {
      const found = await users.getUser({ name }).catch((error: unknown) => {
        if (!isFault(error, "not-found")) throw error;
        return undefined;
      });
      return { exists: found !== undefined };
    }
    const user = parseResourceOf("user", {
      kind: "user",
      version: "v2",
      metadata: { name },
      spec: { roles: guideRoles, traits: { logins: [...logins] } },
    });
    await users.createUser({ user: encodeResource("user", user) });
    const service = await client.service("auth");
    const token = await service.createResetPasswordToken({ Name: name, Type: "invite" });
    return { exists: true, invitation: token.Spec?.URL };
  } finally {
    await grpc.close();
  }
}
