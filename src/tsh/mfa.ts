/** What the commands of `tsh mfa` share: the auth service of the login. */
import type { Client } from "#api/grpc/client.ts";
import { createClient } from "#api/grpc/client.ts";
import { openAuth } from "#client/open-auth.ts";
import type { StoredLogin } from "#client/profile/logins.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import { selectLogin, type TshServices } from "./context.ts";

/** Runs with the auth service of the selected login. */
export async function withAuth<T>(
  services: TshServices,
  flags: { readonly proxy?: string | undefined; readonly user?: string | undefined },
  signal: AbortSignal,
  run: (auth: Client<typeof AuthService>, login: StoredLogin) => Promise<T>,
): Promise<T> {
  const login = await selectLogin(services, flags);
  const client = await openAuth(login, signal);
  try {
    return await run(createClient(AuthService, client), login);
  } finally {
    await client.close();
  }
}
