/** A small SSH server over our own connection class: runs real programs, for tests against real clients. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream";
import { Fault } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";
import type { AuthenticationAttempt } from "#ssh/auth/server.ts";
import type { Certificate } from "#ssh/certificate.ts";
import { checkCertificate } from "#ssh/certificate-check.ts";
import type { ServerSession, SessionHandler } from "#ssh/connection/server-session.ts";
import { ServerConnection } from "#ssh/server.ts";
import { systemTimer } from "#ssh/timer.ts";
import type { HostKey } from "#ssh/transport/host-key.ts";

export interface TestServerOptions {
  readonly hostKeys: readonly HostKey[];
  readonly userAuthorities: readonly Uint8Array[];
  readonly rekeyBytes?: number;
}

/** A listening server. Remembers what its clients did. */
export class TestSshServer {
  readonly connections: ServerConnection<Certificate>[] = [];
  readonly refusals: string[] = [];
  readonly requests: string[] = [];
  readonly closings: string[] = [];
  readonly #options: TestServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(options: TestServerOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true }, (socket) => this.#serve(socket));
  }

  static async start(options: TestServerOptions): Promise<TestSshServer> {
    const server = new TestSshServer(options);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    const { hostKeys, rekeyBytes } = this.#options;
    const connection = new ServerConnection<Certificate>(socket, {
      hostKeys,
      ...(rekeyBytes === undefined ? {} : { rekeyBytes }),
      version: "SSH-2.0-Gatehouse_test",
      random: systemRandom,
      startTimer: systemTimer,
      authentication: {
        decide: (attempt) => this.#decide(attempt, socket),
        onFailure: (login, reason) => this.refusals.push(`${login}: ${String(reason)}`),
      },
      onSession: (session, owner) => this.#session(session, owner),
      onDirectTcpip: async (_connection, { address, port }, accept) => {
        const target = connect({ host: address, port });
        await new Promise<void>((resolve, reject) => {
          target.once("connect", resolve);
          target.once("error", (cause) =>
            reject(new Fault("unavailable", "connection refused", { cause })),
          );
        });
        const channel = accept();
        pipeline(target, channel, () => {});
        pipeline(channel, target, () => channel.close());
      },
      forward: (owner) => this.#forward(owner),
    });
    this.connections.push(connection);
    void connection.closed.then((fault) => this.closings.push(fault.message));
  }

  #decide(attempt: AuthenticationAttempt, socket: Socket): Certificate | undefined {
    const { certificate, login } = attempt;
    if (certificate === undefined) return undefined;
    checkCertificate(certificate, {
      type: "user",
      authorities: this.#options.userAuthorities,
      now: new Date(),
      principal: login,
      sourceAddress: socket.remoteAddress ?? "",
    });
    return certificate;
  }

  #session(session: ServerSession, owner: ServerConnection<Certificate>): SessionHandler {
    if (owner.login !== "root") throw new Fault("access-denied", "only root may open a session");
    const env: Record<string, string> = { ...process.env, LANG: "C" };
    let child: ChildProcess | undefined;
    const run = (command: string): boolean => {
      child = spawn("/bin/sh", ["-c", command], { env, stdio: "pipe" });
      const { stdin, stdout, stderr } = child;
      if (stdin === null || stdout === null || stderr === null) return false;
      const { channel } = session;
      channel.pipe(stdin);
      stdin.on("error", () => channel.resume());
      stdout.pipe(channel, { end: false });
      stderr.pipe(channel.stderr, { end: false });
      child.on("close", (code, signal) => {
        if (signal === null) session.exit(code ?? 255);
        else session.exitSignal(signal.slice(3));
      });
      void channel.whenClosed.then(() => child?.kill());
      return true;
    };
    return {
      env: (name, value) => {
        this.requests.push(`env ${name}`);
        env[name] = value;
        return true;
      },
      exec: (command) => run(command),
      shell: () => run("exec sh"),
      subsystem: (name) => name === "sftp" && run("exec /usr/lib/openssh/sftp-server"),
      signal: (name) => child?.kill(`SIG${name}` as NodeJS.Signals) ?? false,
      pty: ({ term, columns, rows }) => {
        this.requests.push(`pty ${term} ${columns}x${rows}`);
        return true;
      },
      windowChange: ({ columns, rows }) => this.requests.push(`resize ${columns}x${rows}`),
      agentForwarding: async () => {
        env["SSH_AUTH_SOCK"] = await this.#agentSocket(owner);
        return true;
      },
    };
  }

  /** A socket behind which the client's agent answers. Returns its path. */
  async #agentSocket(owner: ServerConnection<Certificate>): Promise<string> {
    const folder = mkdtempSync(join(tmpdir(), "gatehouse-agent-"));
    const path = join(folder, "agent");
    const listener = createServer((socket) => {
      owner
        .openAgent()
        .then((channel) => {
          pipeline(socket, channel, () => {});
          pipeline(channel, socket, () => channel.close());
        })
        .catch(() => socket.destroy());
    });
    await new Promise<void>((resolve) => listener.listen(path, resolve));
    void owner.closed.then(() => {
      listener.close();
      rmSync(folder, { recursive: true, force: true });
    });
    return path;
  }

  #forward(owner: ServerConnection<Certificate>) {
    const listeners = new Map<number, Server>();
    void owner.closed.then(() => {
      for (const listener of listeners.values()) listener.close();
    });
    return {
      listen: async ({ address, port }: { address: string; port: number }): Promise<number> => {
        const listener = createServer((socket) => {
          const { remoteAddress = "", remotePort = 0 } = socket;
          owner
            .openForwardedTcpip({
              ...{ address, port: bound },
              ...{ originAddress: remoteAddress, originPort: remotePort },
            })
            .then((channel) => {
              pipeline(socket, channel, () => {});
              pipeline(channel, socket, () => channel.close());
            })
            .catch(() => socket.destroy());
        });
        await new Promise<void>((resolve) => listener.listen(port, "127.0.0.1", resolve));
        const bound = (listener.address() as AddressInfo).port;
        listeners.set(bound, listener);
        return bound;
      },
      cancel: ({ port }: { port: number }): boolean => {
        listeners.get(port)?.close();
        return listeners.delete(port);
      },
    };
  }
}
