/** The auth service of a login, with the identity stored in the profile: for commands that need its calls. */
import type { GrpcClient } from "#api/grpc/client.ts";
import { connectAuth } from "./cluster/auth.ts";
import { addressOf } from "./cluster/dial.ts";
import { storedIdentity } from "./cluster/identity.ts";
import type { StoredLogin } from "./profile/logins.ts";
import { readCredentials } from "./profile/store.ts";

/** A client for auth; give it to `createClient`. Close it when done. Throws `unproven` when the login has expired. */
export async function openAuth(login: StoredLogin, signal?: AbortSignal): Promise<GrpcClient> {
  const identity = storedIdentity(login, await readCredentials(login), new Date());
  return connectAuth(addressOf(login), identity.tls, signal);
}
