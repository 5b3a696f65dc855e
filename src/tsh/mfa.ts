/** What the commands of `tsh mfa` and of sessions share: the auth service of the login, and the questions. */
import type { Client } from "#api/grpc/client.ts";
import { createClient } from "#api/grpc/client.ts";
import type { Console } from "#cli/console.ts";
import type { DialTarget, SshCredential } from "#client/access.ts";
import { openAuth } from "#client/open-auth.ts";
import type { StoredLogin } from "#client/profile/logins.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import { selectLogin, type TshServices } from "./context.ts";

/** Asks for a code of an app that the cluster knows. */
export function askCode(console: Console): () => Promise<string> {
  return () => console.prompt.secret("Enter an OTP code from a device:");
}

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

/** What connections ask when a node refuses: a second factor for this one session. */
export function sessionProver(
  login: StoredLogin,
  services: TshServices,
  console: Console,
): (target: DialTarget) => Promise<SshCredential | undefined> {
  return async (target) => {
    // Loaded late: most connections are not refused.
    const { proveSession } = await import("#client/second-factor.ts");
    return proveSession(login, services.env, target, askCode(console));
  };
}
