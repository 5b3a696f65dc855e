/** OpenSSH's own programs through `tsh config` and `tsh proxy ssh`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expectRan, type Stage, type Step } from "../step.ts";

/** Writes what `tsh config` prints; gives the options with which OpenSSH reads it. */
async function sshOptions({ desk, cluster, sides }: Stage): Promise<string[]> {
  const port = cluster.sshPort === undefined ? [] : [`--port=${cluster.sshPort}`];
  const printed = await desk.tsh("config", ...port);
  expectRan(printed, { shows: ["ProxyCommand"] });
  const file = join(desk.home, "ssh_config");
  // The lines of the official program are for a person whose proxy certificate is trusted.
  const text = printed.stdout.replace(/" proxy ssh/g, '" --insecure proxy ssh');
  writeFileSync(file, sides.client === "official" ? text : printed.stdout);
  return ["-F", file, "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"];
}

async function hostOf({ cluster, desk }: Stage): Promise<string> {
  const { stdout } = await desk.tsh("status", "--format=json");
  const { active } = JSON.parse(stdout) as { active: { cluster: string } };
  return `root@${cluster.nodename}.${active.cluster}`;
}

/** The steps. */
export const opensshSteps: readonly Step[] = [
  {
    name: "ssh through tsh config and tsh proxy ssh",
    async run(stage) {
      const options = await sshOptions(stage);
      const host = await hostOf(stage);
      expectRan(await stage.desk.run(["ssh", ...options, host, "id -un; exit 5"]), {
        code: 5,
        shows: ["root"],
      });
    },
  },
  {
    name: "scp and sftp through tsh config",
    async run(stage) {
      const options = await sshOptions(stage);
      const host = await hostOf(stage);
      const { desk } = stage;
      const copy = join(desk.home, "scp-copy");
      expectRan(await desk.run(["scp", "-q", ...options, "/bin/ls", `${host}:${copy}`]));
      expectRan(await desk.run(["cmp", "/bin/ls", copy]));
      const batch = join(desk.home, "batch");
      writeFileSync(batch, `get ${copy} ${copy}2\n`);
      expectRan(await desk.run(["sftp", "-q", ...options, "-b", batch, host]));
      expectRan(await desk.run(["cmp", copy, `${copy}2`]));
    },
  },
  {
    name: "rsync through tsh config",
    async run(stage) {
      const options = await sshOptions(stage);
      const host = await hostOf(stage);
      const { desk } = stage;
      const target = join(desk.home, "rsync-copy");
      const shell = ["ssh", ...options].join(" ");
      expectRan(await desk.run(["rsync", "-e", shell, "/bin/ls", `${host}:${target}`]));
      expectRan(await desk.run(["cmp", "/bin/ls", target]));
    },
  },
];
