/** Questions for a second factor. Loads nothing of what answers them: most connections are never asked. */
import type { Console } from "#cli/console.ts";
import type { DialTarget, SshCredential } from "#client/access.ts";
import type { StoredLogin } from "#client/profile/logins.ts";
import type { TshServices } from "./context.ts";

/** Asks for a code of an app that the cluster knows; `which` names it where there is another one. */
export function askCode(console: Console, which = "a device"): () => Promise<string> {
  return () => console.prompt.secret(`Enter an OTP code from ${which}:`);
}

/** What connections ask when a node refuses: a second factor for this one session. */
export function sessionProver(
  login: StoredLogin,
  services: TshServices,
  console: Console,
): (target: DialTarget) => Promise<SshCredential | undefined> {
  return async (target) => {
    const { proveSession } = await import("#client/second-factor.ts");
    return proveSession(login, services.env, target, askCode(console));
  };
}
