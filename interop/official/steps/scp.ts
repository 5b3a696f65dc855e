/** Copying files with `tsh scp`, which speaks SFTP. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sameBytes } from "#base/bytes.ts";
import { expectRan, expectThat, type Step } from "../step.ts";

/** The steps. */
export const scpSteps: readonly Step[] = [
  {
    name: "tsh scp up and down",
    async run({ desk, cluster }) {
      const bytes = Buffer.alloc(3_000_000, "gatehouse\n");
      const [up, there, down] = ["up", "there", "down"].map((name) => join(desk.home, name));
      if (up === undefined || there === undefined || down === undefined) return;
      writeFileSync(up, bytes);
      expectRan(await desk.tsh("scp", "-q", up, `root@${cluster.nodename}:${there}`));
      expectRan(await desk.tsh("scp", "-q", `root@${cluster.nodename}:${there}`, down));
      expectThat(sameBytes(readFileSync(down), bytes), "the copy of the copy is not the file");
    },
  },
  {
    name: "tsh scp -r copies a folder and keeps its modes",
    async run({ desk, cluster }) {
      const source = join(desk.home, "tree");
      mkdirSync(join(source, "inner"), { recursive: true });
      writeFileSync(join(source, "inner", "script"), "#!/bin/sh\n", { mode: 0o750 });
      const target = join(desk.home, "copied");
      expectRan(
        await desk.tsh("scp", "-q", "-r", "-p", source, `root@${cluster.nodename}:${target}`),
      );
      const listing = await desk.run(["find", target, "-name", "script", "-perm", "750"]);
      expectRan(listing, { shows: ["inner/script"] });
    },
  },
  {
    name: "tsh scp of files that are missing",
    async run({ desk, cluster }) {
      const remote = `root@${cluster.nodename}`;
      expectRan(await desk.tsh("scp", "/nonexist", `${remote}:/tmp`), {
        code: 1,
        shows: ['could not access local path "/nonexist"'],
      });
      expectRan(await desk.tsh("scp", `${remote}:/nonexist`, desk.home), {
        code: 1,
        shows: ["/nonexist"],
      });
    },
  },
  {
    name: "tsh scp to the remote home",
    async run({ desk, cluster }) {
      const file = join(desk.home, "to-home");
      writeFileSync(file, "x\n");
      const name = ".gatehouse-interop-scp";
      const remote = `root@${cluster.nodename}`;
      expectRan(await desk.tsh("scp", "-q", file, `${remote}:~/${name}`));
      expectRan(await desk.tsh("ssh", remote, `cat ~/${name}; rm ~/${name}`), { shows: ["x"] });
    },
  },
];
