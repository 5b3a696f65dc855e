/**
 * OS accounts that people log in to, from the account database of the machine: the password file, then whatever else
 * the machine is set up to ask (`getent`). Nothing here changes an account.
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";

/** An account, as passwd(5) describes it. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

/** Finds accounts by name. */
export interface AccountDirectory {
  /** Undefined for a name that the machine does not know. */
  find(name: string): Promise<Account | undefined>;
}

const lookupTimeoutMs = 5000;

/** The accounts of this machine. */
export const machineAccounts: AccountDirectory = {
  async find(name) {
    if (!isAccountName(name)) return undefined;
    const local = findAccount(await readFile("/etc/passwd", "utf8").catch(() => ""), name);
    return local ?? findAccount(await askNameService(name), name);
  },
};

/** The line of `name` in the text of a password file. A line that is not complete is no account. */
export function findAccount(passwd: string, name: string): Account | undefined {
  for (const line of passwd.split("\n")) {
    const [found, , uid = "", gid = "", , home = "", shell = ""] = line.split(":");
    if (found !== name) continue;
    if (!/^\d{1,10}$/.test(uid) || !/^\d{1,10}$/.test(gid)) continue;
    return {
      name,
      uid: Number(uid),
      gid: Number(gid),
      home: home.startsWith("/") ? home : "/",
      shell: shell.startsWith("/") ? shell : "/bin/sh",
    };
  }
  return undefined;
}

/** Nothing that a lookup could read as an option, a number or another database. */
function isAccountName(name: string): boolean {
  return name.length <= 255 && /^[^\s:,/\0-\x1f\x7f-][^\s:,/\0-\x1f\x7f]*$/.test(name);
}

/** `getent passwd` also finds numbers; only a line with the very name counts. */
function askNameService(name: string): Promise<string> {
  return new Promise((resolve) => {
    execFile("getent", ["passwd", name], { timeout: lookupTimeoutMs }, (error, stdout) =>
      resolve(error ? "" : stdout),
    );
  });
}
