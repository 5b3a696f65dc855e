/** Logging in with password and one-time code, and the commands that only read. */
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { expectRan, expectThat, type Stage, type Step } from "../step.ts";

/** Writes the certificate that the proxy shows to browsers into a file, as somebody who trusts it would. */
async function webCertificate({ desk, cluster }: Stage): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port: cluster.port, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { raw } = socket.getPeerCertificate();
  socket.destroy();
  const file = join(desk.home, "web.pem");
  writeFileSync(file, new X509Certificate(raw).toString());
  return file;
}

/** The steps. The last one leaves the person logged in at the desk. */
export const loginSteps: readonly Step[] = [
  {
    name: "tsh login refuses a wrong password",
    async run({ desk, person }) {
      const tried = await desk.login(person, { secret: "not the password" });
      expectRan(tried, { code: 1, shows: ["invalid username, password or second factor"] });
    },
  },
  {
    name: "tsh login with password and one-time code",
    async run({ desk, person, cluster }) {
      const done = await desk.login(person);
      expectRan(done, {
        shows: [
          new RegExp(`Profile URL: {8}(https://)?localhost:${cluster.port}`),
          "Logged in as:       alice",
          "Roles:              access, auditor, editor",
          /Valid until: .* UTC \[valid for 12h0m0s\]/,
        ],
      });
    },
  },
  {
    name: "tsh status",
    async run({ desk }) {
      expectRan(await desk.tsh("status"), {
        shows: [
          "Logins:             root",
          /Extensions: +login-ip, permit-agent-forwarding, permit-port-forwarding, permit-pty, private-key-policy/,
        ],
        hides: ["teleport-device"],
      });
    },
  },
  {
    name: "tsh status --format=json",
    async run({ desk }) {
      const { code, stdout } = await desk.tsh("status", "--format=json");
      const { active } = JSON.parse(stdout) as { active: { username: string; roles: string[] } };
      expectThat(code === 0 && active.username === "alice", stdout);
    },
  },
  {
    name: "tsh ls",
    async run({ desk, cluster, sides }) {
      const address = sides.server === "official" ? "127\\.0\\.0\\.1:\\d+" : "⟵ Tunnel";
      expectRan(await desk.tsh("ls"), {
        shows: [
          /^Node Name +Address +Labels/m,
          new RegExp(`^${cluster.nodename} +${address}`, "m"),
        ],
      });
    },
  },
  {
    name: "tsh ls with labels, search and a predicate",
    async run({ desk, cluster }) {
      const found = { shows: [cluster.nodename] };
      const nothing = { hides: [cluster.nodename] };
      expectRan(await desk.tsh("ls", "--search=ip-172"), found);
      expectRan(await desk.tsh("ls", "--search=nothing"), nothing);
      expectRan(await desk.tsh("ls", "env=none"), nothing);
      expectRan(await desk.tsh("ls", `--query=name == "${cluster.nodename}"`), found);
      expectRan(await desk.tsh("ls", '--query=labels["env"] == "none"'), nothing);
    },
  },
  {
    name: "tsh ls --format=json",
    async run({ desk, cluster }) {
      const { stdout } = await desk.tsh("ls", "--format=json");
      const [node] = JSON.parse(stdout) as { kind: string; spec: { hostname: string } }[];
      expectThat(node?.kind === "node" && node.spec.hostname === cluster.nodename, stdout);
    },
  },
  {
    name: "tsh ls says where a predicate is wrong",
    async run({ desk }) {
      expectRan(await desk.tsh("ls", "--query=foo("), { code: 1, shows: ["ERROR"] });
    },
  },
  {
    name: "tsh clusters",
    async run({ desk }) {
      expectRan(await desk.tsh("clusters"), { shows: [/online root/] });
    },
  },
  {
    name: "tsh login to a cluster that does not exist",
    async run({ desk, cluster }) {
      expectRan(await desk.tsh("login", "nosuchcluster"), { code: 1, shows: ["nosuchcluster"] });
      expectRan(await desk.tsh("login", cluster.nodename), { shows: ["Logged in as:"] });
    },
  },
  {
    name: "tsh env",
    async run({ desk, cluster }) {
      expectRan(await desk.tsh("env"), { shows: [`export TELEPORT_PROXY=${cluster.proxy}`] });
    },
  },
  {
    name: "tsh logout, then login again as somebody else",
    async run({ desk, cluster }) {
      expectRan(await desk.logout(), { shows: [/logged out/i] });
      expectRan(await desk.tsh("ls"), { code: 1 });
      expectRan(await desk.login(await cluster.addUser("second", ["access", "editor", "auditor"])));
      expectRan(await desk.tsh("ls"));
    },
  },
  {
    name: "every certificate is verified when --insecure is left out",
    async run(stage) {
      const { desk, cluster } = stage;
      const authorities = await webCertificate(stage);
      const strict = (program: "tsh" | "tctl", ...args: string[]) =>
        desk.strict(program, authorities, ...args);
      expectRan(await strict("tsh", "ls"), { shows: [cluster.nodename] });
      expectRan(await strict("tsh", "ssh", `root@${cluster.nodename}`, "id -un"), {
        shows: ["root"],
      });
      expectRan(await strict("tctl", "users", "ls"), { shows: ["alice"] });
      await desk.logout();
      const person = await cluster.addUser("third", ["access", "editor", "auditor"]);
      expectRan(await desk.login(person, { env: { SSL_CERT_FILE: authorities } }));
      expectRan(await strict("tsh", "status"), { shows: ["third"] });
    },
  },
  ...["db", "kube", "apps", "request", "sessions"].map(
    (kind): Step => ({
      name: `tsh ${kind} ls`,
      async run({ desk }) {
        expectRan(await desk.tsh(kind, "ls"));
      },
    }),
  ),
  {
    name: "tsh mfa ls",
    async run({ desk }) {
      expectRan(await desk.tsh("mfa", "ls"), { shows: ["TOTP"] });
    },
  },
];
