/** `tctl lock`, and the making of locks for `tctl devices lock`. */
import { Fault, isFault } from "#base/fault.ts";
import { uuid } from "#base/random.ts";
import type { LockTarget } from "#resource/lock.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { timeOf } from "#resource/time.ts";
import type { AuthClient } from "./auth-client.ts";
import type { Invocation, lock } from "./commands.ts";
import { findDevice } from "./find-device.ts";
import { readTimeFlag } from "./format.ts";
import { type Services, withAuth } from "./services.ts";

/** Locks out whatever the flags name, all of them together. */
export async function run(invocation: Invocation<typeof lock>): Promise<void> {
  const { flags, services, console } = invocation;
  if (flags.node !== undefined && flags.serverId !== undefined) {
    throw new Fault("usage", "use only one of --node and --server-id");
  }
  const named = {
    user: flags.user,
    role: flags.role,
    login: flags.login,
    server_id: flags.node ?? flags.serverId,
    device: flags.device,
    mfa_device: flags.mfaDevice,
    access_request: flags.accessRequest,
    windows_desktop: flags.windowsDesktop,
  };
  const target: LockTarget = Object.fromEntries(
    Object.entries(named).filter(([, value]) => value !== undefined && value !== ""),
  );
  if (Object.keys(target).length === 0) {
    throw new Fault("usage", "at least one target field must be set", {
      hint: "for example: tctl lock --user=bob --ttl=12h",
    });
  }
  readEnd(flags, services);
  await withAuth(invocation, async (auth) => {
    if (flags.node) target.server_id = await findServer(auth, flags.node);
    const device = await look(target.device, (text) => findDevice(auth, text));
    if (device.found) target.device = device.found.metadata.name;
    const name = await createLock(auth, target, flags, services);
    console.print(`Created a lock with name "${name}".`);
    const { user, role } = target;
    const missing = [
      ["device", target.device, device],
      ["user", user, await look(user, (text) => auth.get("user", text))],
      ["role", role, await look(role, (text) => auth.get("role", text))],
    ] as const;
    for (const [kind, text, { missing: isMissing }] of missing) {
      if (isMissing) console.note(`WARNING: there is no ${kind} "${text}" yet; is the name right?`);
    }
  });
}

/**
 * Looks for what is to be locked. A lock may come before what it locks, so nothing that is missing is an error; nor is it
 * one when the caller may not look.
 */
async function look<T>(
  text: string | undefined,
  find: (text: string) => Promise<T>,
): Promise<{ readonly found?: T; readonly missing: boolean }> {
  if (text === undefined) return { missing: false };
  try {
    return { found: await find(text), missing: false };
  } catch (error) {
    if (!isFault(error, "not-found", "access-denied", "unimplemented")) throw error;
    return { missing: isFault(error, "not-found") };
  }
}

/** The host id of the one registered server with this host name or host id. Throws `not-found`. */
async function findServer(auth: AuthClient, name: string): Promise<string> {
  const nodes = await auth.list("node");
  const found = nodes.filter(
    ({ metadata, spec }) => metadata.name === name || spec.hostname === name,
  );
  const [node, other] = found;
  if (node === undefined) {
    throw new Fault("not-found", `there is no node "${name}"`, {
      hint: "see the nodes: tctl nodes ls; one that is not registered is locked by its host id: --server-id=ID",
    });
  }
  if (other !== undefined) {
    throw new Fault("invalid", `several nodes are called "${name}"`, {
      hint: `lock one of them: --server-id=${found.map(({ metadata }) => metadata.name).join(" or --server-id=")}`,
    });
  }
  return node.metadata.name;
}

/** What a lock says besides its target. */
export interface LockFlags {
  readonly message: string | undefined;
  readonly expires: string | undefined;
  readonly ttl: number | undefined;
}

/** Creates the lock and returns its name. */
export async function createLock(
  auth: AuthClient,
  target: LockTarget,
  flags: LockFlags,
  services: Services,
): Promise<string> {
  const end = readEnd(flags, services);
  const document = parseResourceOf("lock", {
    kind: "lock",
    metadata: { name: uuid(services.random) },
    spec: { target, message: flags.message, expires: end === undefined ? undefined : timeOf(end) },
  });
  const created = await auth.upsert(document);
  return created.metadata.name;
}

function readEnd(flags: LockFlags, services: Services): Date | undefined {
  if (flags.expires !== undefined && flags.ttl !== undefined) {
    throw new Fault("usage", "use only one of --expires and --ttl");
  }
  const now = services.clock.now();
  if (flags.ttl !== undefined) return new Date(now.getTime() + flags.ttl);
  if (flags.expires === undefined) return undefined;
  const end = readTimeFlag("--expires", flags.expires);
  if (end > now) return end;
  throw new Fault("usage", `--expires=${flags.expires} is in the past`);
}
