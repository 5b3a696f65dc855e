/** `tctl lock`, and the making of locks for `tctl devices lock`. */
import { Fault, isFault } from "#base/fault.ts";
import { uuid } from "#base/random.ts";
import type { LockTarget } from "#resource/lock.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { timeOf } from "#resource/time.ts";
import type { AuthClient } from "./auth-client.ts";
import type { Invocation, lock } from "./commands.ts";
import { readTimeFlag } from "./format.ts";
import { type Services, withAuth } from "./services.ts";

/** Locks out whatever the flags name, all of them together. */
export async function run(invocation: Invocation<typeof lock>): Promise<void> {
  const { flags, services, console } = invocation;
  const named = {
    user: flags.user,
    role: flags.role,
    login: flags.login,
    server_id: flags.serverId,
    device: flags.device,
    mfa_device: flags.mfaDevice,
    access_request: flags.accessRequest,
    windows_desktop: flags.windowsDesktop,
  };
  const target = Object.fromEntries(
    Object.entries(named).filter(([, value]) => value !== undefined && value !== ""),
  );
  if (Object.keys(target).length === 0) {
    throw new Fault("usage", "at least one target field must be set", {
      hint: "for example: tctl lock --user=bob --ttl=12h",
    });
  }
  readEnd(flags, services);
  await withAuth(invocation, async (auth) => {
    const name = await createLock(auth, target, flags, services);
    console.print(`Created a lock with name "${name}".`);
    for (const kind of ["user", "role"] as const) {
      if (target[kind] && (await isMissing(auth, kind, target[kind]))) {
        console.note(`WARNING: there is no ${kind} "${target[kind]}" yet; is the name right?`);
      }
    }
  });
}

/** A lock may come before what it locks, so this is no error; nor is it one when the caller may not look. */
async function isMissing(auth: AuthClient, kind: "user" | "role", name: string): Promise<boolean> {
  try {
    await auth.get(kind, name);
    return false;
  } catch (error) {
    return isFault(error, "not-found");
  }
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
