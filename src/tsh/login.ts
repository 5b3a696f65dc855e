/** `tsh login`: asks for what the cluster wants, stores the login, authenticates the device, shows the status. */
import { userInfo } from "node:os";
import { Fault, isFault } from "#base/fault.ts";
import { ensureAgent } from "#client/agent/start.ts";
import { authenticateAfterLogin } from "#client/device-login.ts";
import { findProxy, logIn } from "#client/login.ts";
import { openAuth } from "#client/open-auth.ts";
import {
  findCurrentHost,
  findLastProxy,
  findLogin,
  type StoredLogin,
} from "#client/profile/logins.ts";
import { assertName, hostOf } from "#client/profile/names.ts";
import { summarizeLogin } from "#client/profile/summary.ts";
import { describeClockSkew, type Ping } from "#client/web/ping.ts";
import type { TshInvocation } from "./context.ts";
import { showDeviceProgress } from "./device-progress.ts";
import type { login } from "./program.ts";
import { printStatus } from "./status-block.ts";

type LoginInvocation = TshInvocation<typeof login>;

/** Logs in, unless the same person is logged in there already. */
export async function run(invocation: LoginInvocation): Promise<void> {
  const { shared, console, services, args, flags, signal } = invocation;
  const previous = await findPrevious(invocation);
  const proxy = shared.proxy ?? previous?.document.webProxyAddr ?? findLastProxy(services.folder);
  if (proxy === undefined) {
    throw new Fault("usage", "proxy address is not specified", {
      hint: "give it with: tsh login --proxy=HOST --user=NAME",
    });
  }
  const person = shared.user ?? previous?.key.user ?? services.env["USER"] ?? userInfo().username;
  const user = assertName("user", person);
  if (
    previous !== undefined &&
    previous.key.user === user &&
    (await isLive(invocation, previous))
  ) {
    const { web, answer } = await findProxy({ ...base(invocation), proxy });
    web.close();
    assertCluster(args.cluster ?? shared.cluster, answer);
    await finish(invocation, previous, answer);
    return;
  }
  const {
    login: stored,
    ping,
    pinned,
  } = await logIn({
    ...base(invocation),
    proxy,
    user,
    ttlMs: flags.ttl ?? 0,
    signal,
    prompts: {
      password: () => console.prompt.secret(`Enter password for Gatehouse user ${user}:`),
      code: () => console.prompt.secret("Enter an OTP code from a device:"),
    },
    onPing: (answer) => {
      assertCluster(args.cluster ?? shared.cluster, answer);
      const skew = describeClockSkew(answer.clockAheadMs);
      if (skew !== undefined) {
        console.note(`WARNING: ${skew}: set the clock, or certificates will be refused`);
      }
      warmUpAgent(invocation);
    },
  });
  if (pinned !== undefined) {
    console.note(
      `WARNING: the web certificate of ${stored.document.webProxyAddr} was not verified.`,
    );
    console.note(`It is remembered; its SHA-256 fingerprint is ${pinned}`);
  }
  await finish(invocation, stored, ping);
}

/** Device authentication, then the status of the login. */
async function finish(
  { console, services }: LoginInvocation,
  stored: StoredLogin,
  ping: Ping,
): Promise<void> {
  const alerts = readAlerts(stored);
  const progress = showDeviceProgress(console, "Authenticating this device");
  const device = await authenticateAfterLogin(
    stored,
    services.agent,
    ping,
    progress.onTpmBusy,
  ).finally(() => progress.stop());
  const now = services.now();
  const summary = await summarizeLogin(stored, services.agent.place.id, now);
  if (summary !== undefined) printStatus(console, summary, now, true);
  for (const alert of await alerts) console.note(alert);
  if (device.problem !== undefined) {
    console.note(`WARNING: this device was not authenticated: ${device.problem}`);
    const hint =
      device.hint ??
      "what requires a trusted device stays closed; see what is missing with: tsh device status";
    for (const line of hint.split("\n")) console.note(`hint: ${line}`);
  }
}

/** What the cluster wants people to read now. A login without it is still a login. */
async function readAlerts(stored: StoredLogin): Promise<readonly string[]> {
  try {
    const { loginAlerts } = await import("#client/cluster/alerts.ts");
    const auth = await openAuth(stored);
    return await loginAlerts(auth).finally(() => auth.close());
  } catch (error) {
    if (isFault(error)) return [];
    throw error;
  }
}

function base({ shared, services }: LoginInvocation) {
  const { folder, env, now } = services;
  return { folder, env, now, insecure: shared.insecure };
}

async function findPrevious({
  shared,
  services,
}: LoginInvocation): Promise<StoredLogin | undefined> {
  const host = shared.proxy === undefined ? findCurrentHost(services.folder) : hostOf(shared.proxy);
  return host === undefined ? undefined : findLogin(services.folder, host);
}

async function isLive({ services }: LoginInvocation, previous: StoredLogin): Promise<boolean> {
  const now = services.now();
  const summary = await summarizeLogin(previous, services.agent.place.id, now);
  return summary !== undefined && Date.parse(summary.validUntil) > now.getTime();
}

/** A name that the person gave must be the cluster's own: there is one cluster behind a proxy. */
function assertCluster(wanted: string | undefined, { cluster }: Ping): void {
  if (wanted !== undefined && wanted !== cluster) {
    throw new Fault("not-found", `the proxy serves the cluster ${cluster}, not ${wanted}`, {
      hint: "leave the name of the cluster out",
    });
  }
}

/** Starts the agent while the person types the password. */
function warmUpAgent({ services }: LoginInvocation): void {
  const { command, place, env } = services.agent;
  // Whether it runs is asked again when it is needed.
  if (command !== undefined) void ensureAgent(place, command, env).catch(() => false);
}
