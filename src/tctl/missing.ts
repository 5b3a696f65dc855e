/** What is said of a name that nothing has: the command that shows what there is. */
import { Fault, isFault } from "#base/fault.ts";
import type { Kind } from "#resource/kinds.ts";
import type { AuthClient } from "./auth-client.ts";

/** Kinds with a listing of their own. */
const listings: Readonly<Partial<Record<Kind, string>>> = {
  user: "tctl users ls",
  token: "tctl tokens ls",
  device: "tctl devices ls",
  node: "tctl nodes ls",
};

/** Throws `error`, with the command that shows what there is when it says that something is missing. */
export function explainMissing(kind: Kind, error: unknown): never {
  if (!isFault(error, "not-found")) throw error;
  throw new Fault("not-found", error.message, {
    hint: `see what there is: ${listings[kind] ?? `tctl get ${kind} --format=text`}`,
    cause: error,
  });
}

/** Throws `not-found` for the first of the roles that does not exist. */
export async function requireRoles(auth: AuthClient, roles: readonly string[]): Promise<void> {
  for (const role of roles) {
    await auth.get("role", role).catch((error: unknown) => explainMissing("role", error));
  }
}
