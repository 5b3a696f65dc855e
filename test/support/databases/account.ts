/** Database servers refuse to run as root: tests that do run them as the account of their package. */
import { spawnSync } from "node:child_process";

/** Words to put before a command so that it runs as this account; none when this process is nobody special. */
export function accountFor(name: string): readonly string[] {
  return process.getuid?.() === 0
    ? ["setpriv", `--reuid=${name}`, `--regid=${name}`, "--clear-groups"]
    : [];
}

/** Gives a folder with everything in it to the account of {@link accountFor}. */
export function ownedBy(account: readonly string[], folder: string): void {
  const [, user] = account;
  if (user === undefined) return;
  const name = user.slice("--reuid=".length);
  spawnSync("chown", ["-R", `${name}:`, folder]);
}
