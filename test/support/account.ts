/** An ordinary account of this machine with a second group, for tests that run as root. Removed with all its files. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";

/** Who an SSH client logs in as. */
export interface SshActor {
  readonly account: string;
}

export class TestAccount {
  readonly name: string;
  readonly group: string;
  readonly home: string;

  private constructor(name: string) {
    this.name = name;
    this.group = `${name}g`;
    this.home = `/home/${name}`;
  }

  static create(): TestAccount {
    const account = new TestAccount(`ghtest${randomBytes(3).toString("hex")}`);
    execFileSync("groupadd", [account.group]);
    execFileSync("useradd", ["-m", "-s", "/bin/bash", "-G", account.group, account.name]);
    return account;
  }

  remove(): void {
    execFileSync("userdel", ["-r", "-f", this.name], { stdio: "ignore" });
    execFileSync("groupdel", [this.group]);
  }
}
