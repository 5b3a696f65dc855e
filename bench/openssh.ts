/**
 * The peer of the SSH rows: OpenSSH's server on this machine, trusting a certificate authority, and a configuration of
 * its client with two names for it: `direct`, and `jumped` through itself as `ssh -J` does.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import type { ClientTransportOptions } from "#ssh/client-transport.ts";
import { formatAuthorizedKey } from "#ssh/public-key.ts";
import { freePort } from "../test/support/free-port.ts";
import { certify, createKey, KeyFolder } from "../test/support/ssh-keys.ts";
import { stopChild } from "./measure.ts";

/** The cipher of every bulk row, on both sides. */
const cipher = "aes128-gcm@openssh.com";

/** A running sshd. */
export class OpenSshPeer {
  readonly port: number;
  /** A client configuration for `ssh -F`. */
  readonly config: string;
  /** Who our own client logs in as. */
  readonly identity: ClientTransportOptions["identity"];
  readonly #folder: KeyFolder;
  readonly #daemon: ChildProcess;

  private constructor(port: number, authority = createKey(), folder = new KeyFolder()) {
    this.port = port;
    this.#folder = folder;
    const host = createKey();
    const user = createKey();
    const certificate = certify(user, authority);
    this.identity = { signer: user.signer, certificate };
    const file = folder.writeKey("id", user, certificate);
    const trusted = `${formatAuthorizedKey(authority.signer.publicKey)}\n`;
    const server = [
      ...[`Port ${port}`, "ListenAddress 127.0.0.1", "PidFile none", "LogLevel ERROR"],
      `HostKey ${folder.writeKey("host", host)}`,
      `TrustedUserCAKeys ${folder.write("authority", trusted)}`,
      ...["AuthorizedKeysFile none", "PasswordAuthentication no", "UsePAM no", "StrictModes no"],
      ...["PermitRootLogin yes", "MaxStartups 200", "MaxSessions 200", `Ciphers ${cipher}`],
      "Subsystem sftp /usr/lib/openssh/sftp-server",
    ];
    this.config = folder.write(
      "config",
      [
        ...["Host direct jumped", "  HostName 127.0.0.1", `  Port ${port}`, "  User root"],
        ...[`  IdentityFile ${file}`, "  IdentitiesOnly yes", "  StrictHostKeyChecking no"],
        ...[`  UserKnownHostsFile ${folder.path}/known`, "  GlobalKnownHostsFile none"],
        ...["  LogLevel ERROR", "  BatchMode yes", `  Ciphers ${cipher}`],
        ...["Host jumped", "  ProxyJump direct", ""],
      ].join("\n"),
    );
    mkdirSync("/run/sshd", { recursive: true });
    const settings = folder.write("sshd_config", `${server.join("\n")}\n`);
    this.#daemon = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", settings], { stdio: "ignore" });
    process.once("exit", () => this.#daemon.kill());
  }

  static async start(): Promise<OpenSshPeer> {
    const peer = new OpenSshPeer(await freePort());
    while (!(await answers(peer.port))) {
      if (peer.#daemon.exitCode !== null) throw new Error("sshd did not start; it needs root");
      await wait(20);
    }
    return peer;
  }

  async close(): Promise<void> {
    await stopChild(this.#daemon);
    this.#folder.remove();
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.on("error", () => resolve(false));
    socket.on("data", () => {
      resolve(true);
      socket.destroy();
    });
  });
}
