/** Commands, shells, forwarding and refusals of `tsh ssh`. */
import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createConnection } from "node:net";
import { join } from "node:path";
import { freePort } from "../../../test/support/free-port.ts";
import {
  type Expectation,
  eventually,
  expectRan,
  expectThat,
  type Stage,
  type Step,
} from "../step.ts";

async function ssh(stage: Stage, words: readonly string[], expected: Expectation): Promise<void> {
  const { desk, cluster } = stage;
  expectRan(await desk.tsh("ssh", `root@${cluster.nodename}`, ...words), expected);
}

/** A web server of this machine that says one word. */
async function withWebServer(run: (port: number) => Promise<void>): Promise<void> {
  const server: Server = createServer((_request, response) => response.end("gatehouse-forwarded"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await run(portOf(server));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

function portOf(server: { address(): unknown }): number {
  return (server.address() as { port: number }).port;
}

/** `-L` and `-R`: a port here leads to the web server, through the node or from it. */
function forwardsPort({ desk, cluster }: Stage, flag: "-L" | "-R"): Promise<void> {
  return withWebServer(async (target) => {
    const port = await freePort();
    const forward = `${port}:127.0.0.1:${target}`;
    const terminal = desk.open("ssh", "-N", flag, forward, `root@${cluster.nodename}`);
    try {
      await untilOpen(port);
      const text = await (await fetch(`http://127.0.0.1:${port}/`)).text();
      expectThat(text === "gatehouse-forwarded", text + terminal.screen);
    } finally {
      await terminal.kill();
    }
  });
}

/** Resolves when something listens on the port; the caller's terminal says why it never does. */
async function untilOpen(port: number, patienceMs = 10_000): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = createConnection({ host: "127.0.0.1", port });
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (open) return;
    expectThat(Date.now() < deadline, `nothing listens on port ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The steps. */
export const sshSteps: readonly Step[] = [
  {
    name: "tsh ssh runs a command",
    run: (stage) =>
      ssh(stage, ["echo out; echo err >&2; id -un"], { shows: ["out", "err", "root"] }),
  },
  {
    name: "tsh ssh passes the exit code on",
    run: (stage) => ssh(stage, ["exit 7"], { code: 7, shows: ["Process exited with status 7"] }),
  },
  {
    name: "tsh ssh names the signal that ended a command",
    run: (stage) => ssh(stage, ["kill -9 $$"], { code: 137, shows: ["signal KILL"] }),
  },
  {
    name: "tsh ssh passes standard input and binary output",
    async run({ desk, cluster }) {
      const command = `${desk.tshLine} ssh root@${cluster.nodename} cat < /bin/ls | cmp - /bin/ls`;
      expectRan(await desk.run(["sh", "-c", command]));
    },
  },
  {
    name: "tsh ssh opens a shell in a terminal, which follows the window",
    async run({ desk, cluster }) {
      const terminal = desk.open("ssh", `root@${cluster.nodename}`);
      await terminal.until(/[#$] /);
      terminal.type("echo size $(stty size) $TERM\r");
      await terminal.until(/size 40 120 xterm/);
      terminal.resize(100, 30);
      terminal.type("sleep 0.3; echo size $(stty size)\r");
      await terminal.until(/size 30 100/);
      terminal.type("exit 3\r");
      const code = await terminal.end();
      expectThat(code === 3, `exit code ${code}, not 3:\n${terminal.screen}`);
    },
  },
  {
    name: "tsh ssh -t runs a command in a terminal",
    async run({ desk, cluster }) {
      const terminal = desk.open("ssh", "-t", `root@${cluster.nodename}`, "tty && exit 4");
      await terminal.until(/\/dev\/pts\/\d+/);
      const code = await terminal.end();
      expectThat(code === 4, `exit code ${code}, not 4:\n${terminal.screen}`);
    },
  },
  {
    name: "tsh ssh finds the server by its labels",
    async run({ desk, cluster }) {
      // The server's next word about itself takes the label away again.
      const { stdout } = await desk.tctl("get", "nodes", "--format=json");
      const nodes = JSON.parse(stdout) as { metadata: { labels?: object } }[];
      for (const node of nodes) node.metadata.labels = { interop: "yes" };
      const file = join(desk.home, "node.yaml");
      writeFileSync(file, JSON.stringify(nodes[0]));
      expectRan(await desk.tctl("create", "-f", file));
      await eventually(async () => {
        expectRan(await desk.tsh("ssh", "root@interop=yes", "hostname"), {
          shows: [cluster.nodename],
        });
      });
      expectRan(await desk.tsh("ssh", "root@interop=no", "true"), { code: 1 });
    },
  },
  {
    name: "tsh ssh -J through the proxy",
    async run({ desk, cluster }) {
      const remote = `root@${cluster.nodename}`;
      expectRan(await desk.tsh("ssh", "-J", cluster.proxy, remote, "echo jumped"), {
        shows: ["jumped"],
      });
    },
  },
  {
    name: "tsh ssh -L forwards a local port",
    run: (stage) => forwardsPort(stage, "-L"),
  },
  {
    name: "tsh ssh -D serves a SOCKS proxy",
    run: ({ desk, cluster }) =>
      withWebServer(async (target) => {
        const port = await freePort();
        const terminal = desk.open("ssh", "-N", "-D", `${port}`, `root@${cluster.nodename}`);
        try {
          await untilOpen(port);
          const url = `http://127.0.0.1:${target}/`;
          const curl = ["curl", "-s", "--socks5", `127.0.0.1:${port}`, url];
          expectRan(await desk.run(curl), { shows: ["gatehouse-forwarded"] });
        } finally {
          await terminal.kill();
        }
      }),
  },
  {
    name: "tsh ssh -R forwards a port of the server",
    run: (stage) => forwardsPort(stage, "-R"),
  },
  {
    name: "tsh ssh -A forwards the agent",
    async run({ desk, cluster }) {
      const remote = `root@${cluster.nodename}`;
      const inner = `ssh-keygen -q -t ed25519 -N '' -C forwarded -f "$HOME/agent-key" && ssh-add -q "$HOME/agent-key" && ${desk.tshLine} ssh -A ${remote} ssh-add -l`;
      expectRan(await desk.run(["ssh-agent", "sh", "-c", inner]), { shows: ["forwarded"] });
    },
  },
  {
    name: "tsh ssh with --cluster and an explicit login flag",
    async run({ desk, cluster }) {
      expectRan(await desk.tsh("ssh", "--login=root", cluster.nodename, "id", "-un"), {
        shows: ["root"],
      });
    },
  },
  {
    name: "tsh ssh refuses a login that is not granted",
    async run({ desk, cluster }) {
      const { nodename } = cluster;
      expectRan(await desk.tsh("ssh", `nobodyhere@${nodename}`, "id"), {
        code: 1,
        shows: [`ERROR: access denied to nobodyhere connecting to ${nodename}:0`],
      });
    },
  },
  {
    name: "tsh ssh to an unknown server",
    async run({ desk }) {
      expectRan(await desk.tsh("ssh", "root@nonode", "id"), {
        code: 1,
        shows: ["ERROR: failed connecting to host nonode:0"],
      });
    },
  },
];
