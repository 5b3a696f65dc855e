/** What decisions are made on, read from the store at the moment of the call: auth is never behind itself. */
import type { PolicyView } from "#access/access-checks.ts";
import type { Role } from "#resource/role.ts";
import type { AuthContext } from "./context.ts";
import { singletons } from "./store/stores.ts";

/** Roles, locks and cluster preference as they are now. */
export async function loadPolicy(
  context: Pick<AuthContext, "stores">,
): Promise<PolicyView & { readonly roles: ReadonlyMap<string, Role> }> {
  const { stores } = context;
  const [roles, locks, authPreference] = await Promise.all([
    stores.roles.all(),
    stores.locks.all(),
    stores.authPreference.get(singletons.authPreference),
  ]);
  const byName = new Map(roles.map((role) => [role.metadata.name, role]));
  return { roles: byName, locks, authPreference, devices: new Map(), current: true };
}
