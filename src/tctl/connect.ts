/**
 * Connects to auth: on the auth host with the administrator's identity of the data folder, elsewhere with the current
 * tsh login.
 */
import { GrpcClient } from "#api/grpc/client.ts";
import { apiVersion } from "#api/version.ts";
import { Fault, isFault } from "#base/fault.ts";
import { productVersion } from "#base/version.ts";
import { dialCluster } from "#client/cluster/dial.ts";
import { openAuth } from "#client/open-auth.ts";
import { findLogin } from "#client/profile/logins.ts";
import { splitAddress } from "#client/profile/names.ts";
import { profileFolder } from "#client/profile/paths.ts";
import { createApiClient } from "./api-client.ts";
import type { AuthClient } from "./auth-client.ts";
import { findDataDir, hasLocalAdmin, readLocalAdmin } from "./local-admin.ts";
import type { SharedFlags } from "./services.ts";

/** The client, connected at its first call. The caller closes it. */
export async function connectAuth(
  shared: SharedFlags,
  env: Readonly<Record<string, string | undefined>>,
): Promise<AuthClient> {
  if (shared.authServer !== undefined) return connectLogin(env, shared.authServer);
  const dataDir = await findDataDir(shared.dataDir, shared.config);
  const asked = shared.dataDir !== undefined || shared.config !== undefined;
  if (asked || (await hasLocalAdmin(dataDir))) return connectLocally(dataDir);
  return connectLogin(env, undefined);
}

async function connectLocally(dataDir: string): Promise<AuthClient> {
  const { address, identity } = await readLocalAdmin(dataDir);
  const dial = async () => {
    try {
      return await dialCluster(address, ["h2"], identity);
    } catch (error) {
      throw explainLocal(error, `${address.host}:${address.port}`, dataDir);
    }
  };
  const metadata = { version: apiVersion, "user-agent": `gatehouse/${productVersion}` };
  return createApiClient(new GrpcClient(dial, { metadata }));
}

/** The dialer speaks of proxies and logins; on the auth host neither is there. */
function explainLocal(error: unknown, where: string, dataDir: string): unknown {
  if (isFault(error, "unavailable", "timeout")) {
    return new Fault(error.code, `cannot reach the auth service at ${where}`, {
      hint: `start it: gatehouse start --data-dir=${dataDir}`,
      cause: error,
    });
  }
  if (isFault(error, "unproven")) {
    return new Fault(error.code, `the auth service at ${where} does not belong to ${dataDir}`, {
      hint: "name the data folder of the running service: --data-dir=DIR",
      cause: error,
    });
  }
  return error;
}

async function connectLogin(
  env: Readonly<Record<string, string | undefined>>,
  server: string | undefined,
): Promise<AuthClient> {
  const host = server === undefined ? undefined : splitAddress(server).host;
  const login = await findLogin(profileFolder(env as NodeJS.ProcessEnv), host);
  if (login === undefined) throw notLoggedIn(host);
  return createApiClient(await openAuth(login), login.key.user);
}

function notLoggedIn(host: string | undefined): Fault {
  const proxy = host ?? "HOST";
  return new Fault("not-found", host === undefined ? "not logged in" : `not logged in at ${host}`, {
    hint:
      "on the auth host name its data folder: tctl --data-dir=DIR …\n" +
      `elsewhere log in: tsh login --proxy=${proxy} --user=NAME`,
  });
}
