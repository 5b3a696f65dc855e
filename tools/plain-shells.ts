import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** What bash and sh read from the home when they start. */
const startUpFiles = [".bash_profile", ".bash_login", ".profile", ".bashrc"];

const hideThem = `for file; do
  [ "$file" = -- ] && break
  mount --bind /dev/null "$file" || exit 1
  shift
done
shift
exec "$@"`;

/**
 * The command that runs `command` where the shells of this account start plain. Tests open hundreds of sessions as
 * the account that runs them, and end some at once; a start-up file that takes a lock then leaves it, and every later
 * shell waits for it. Root can hide the files in a mount namespace of its own; for anyone else, and where namespaces are
 * not allowed, the command stays as it is.
 */
export function withPlainShells(command: readonly string[]): readonly string[] {
  const files = startUpFiles
    .map((name) => join(homedir(), name))
    .filter((file) => existsSync(file));
  if (process.getuid?.() !== 0 || files.length === 0) return command;
  const hidden = ["unshare", "--mount", "sh", "-c", hideThem, "sh", ...files, "--"];
  const tried = spawnSync("unshare", [...hidden.slice(1), "true"], { stdio: "ignore" });
  return tried.status === 0 ? [...hidden, ...command] : command;
}
