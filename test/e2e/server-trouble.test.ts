/** What happens to a server and its people when the machine fails them: permissions, a full disk, a wrong clock. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { assertRefused } from "../support/cluster/refused.ts";
import { Cluster } from "../support/cluster.ts";

const clusters: Cluster[] = [];

after(async () => {
  for (const cluster of clusters) await cluster.close();
});

async function startCluster(options: Parameters<typeof Cluster.start>[0] = {}): Promise<Cluster> {
  const cluster = await Cluster.start(options);
  clusters.push(cluster);
  return cluster;
}

test("a data folder that this user may not use is named, and stays as it is", async () => {
  const { host } = await startCluster();
  const data = join(host.home, "forbidden");
  mkdirSync(data);
  writeFileSync(join(data, "kept"), "");
  chmodSync(data, 0);
  // Root without capabilities is an ordinary user to the folder's mode.
  const drop =
    process.getuid?.() === 0 ? ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] : [];
  const start = ["gatehouse", "quickstart", `--data-dir=${data}`, "--listen=127.0.0.1:0"];
  const [program = "", ...args] = [...drop, ...start];
  const ran = await host.run(program, args);
  assertRefused(
    ran,
    1,
    new RegExp(`no permission.*${data}|${data}.*permission`),
    /--data-dir|owns/,
  );
  chmodSync(data, 0o700);
  assert.deepEqual(readdirSync(data), ["kept"]);
});

test("a second server on the same data is refused, and the first goes on", async () => {
  const cluster = clusters[0] ?? assert.fail("no cluster");
  const ran = await cluster.host.run("gatehouse", [
    "quickstart",
    `--data-dir=${cluster.dataDir}`,
    "--listen=127.0.0.1:0",
  ]);
  assertRefused(ran, 1, /in use|another/, /./);
  await cluster.admin("status");
});

test("a full disk refuses what is new in a plain sentence, and nothing that was stored is lost", async () => {
  const cluster = await startCluster({ diskMib: 24 });
  const machine = await cluster.machine("LAPTOP001", { tpm: false });
  const person = await cluster.acceptInvitation();
  assert.equal((await cluster.login(machine, person)).code, 0);
  const role = (name: string) => `kind: role\nversion: v7\nmetadata:\n  name: ${name}\n`;
  const create = (name: string) => machine.run("tctl", ["create"], { stdin: role(name) });
  assert.equal((await create("before")).code, 0);

  const filler = join(cluster.serverDataDir, "filler");
  assert.throws(() => writeFileSync(filler, Buffer.alloc(25 << 20)), /ENOSPC/);
  let refused = await create("during-0");
  // What the store has reserved is used up first.
  for (let i = 1; i < 50 && refused.code === 0; i++) refused = await create(`during-${i}`);
  assertRefused(refused, 1, /no space|disk/, /space|room/);

  rmSync(filler);
  const later = await create("after");
  assert.equal(later.code, 0, later.stderr);
  const kept = await machine.tctl("get", "roles");
  assert.match(kept.stdout, /name: before$/m);
  assert.match(kept.stdout, /name: after$/m);
});

test("a clock that is far off is named at login, before certificates fail without a word", async () => {
  const cluster = clusters[0] ?? assert.fail("no cluster");
  const machine = await cluster.machine("LAPTOP002", { tpm: false });
  const person = await cluster.addUser("carol", ["access"]);
  const behind = { NODE_OPTIONS: `--import=${machine.script("behind.mjs", shiftedClock(-2))}` };
  const stdin = `a long enough password\n${await person.codes.next()}\n`;
  const args = ["login", `--proxy=${cluster.proxy}`, "--user=carol", "--insecure"];
  const login = await machine.run("tsh", args, { stdin, env: behind });
  assert.match(
    login.stderr,
    /WARNING: the clock of this machine is 120 minutes behind the proxy's: set the clock/,
  );
  const ssh = await machine.run("tsh", ["ssh", cluster.target, "true"], { env: behind });
  assertRefused(ssh, 1, /./, /clock/);
});

/** A simulated wrong clock: JavaScript's Date is off by so many hours. */
function shiftedClock(hours: number): string {
  return [
    `const shift = ${hours} * 3_600_000;`,
    "const real = Date;",
    "globalThis.Date = class extends real {",
    "  constructor(...parts) {",
    "    if (parts.length > 0) super(...parts);",
    "    else super(real.now() + shift);",
    "  }",
    "  static now() { return real.now() + shift; }",
    "};",
    "",
  ].join("\n");
}
