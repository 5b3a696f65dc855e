/**
 * `npm run interop -- --record --tsh PATH --tctl PATH`: runs official clients against a fresh cluster of ours through the
 * relay and writes what they said, and the shape of what they were answered, into `test/vectors/recordings`.
 */
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { sameBytes } from "#base/bytes.ts";
import { systemClock } from "#base/clock.ts";
import { systemRandom } from "#base/random.ts";
import type { Ran } from "../../test/support/cluster/machine.ts";
import { Cluster, type Person } from "../../test/support/cluster.ts";
import { type Recording, recordingsFolder } from "../../test/support/recordings/format.ts";
import { makeSelfSigned } from "../../test/support/self-signed.ts";
import { Computer } from "../official/computer.ts";
import type { Clients } from "../official/programs.ts";
import type { JudgedCluster } from "../official/step.ts";
import { learnNames, writeExchange } from "./exchange.ts";
import { Relay } from "./relay.ts";

/** One command of the session. */
interface Act {
  readonly command: string;
  run(): Promise<Pick<Ran, "code"> & { readonly shown?: string; readonly screen?: string }>;
  /** The exit code; zero unless named. */
  readonly code?: number;
}

/** Records the whole session anew. */
export async function record(clients: Clients): Promise<number> {
  const cluster = await Cluster.start({ user: "alice", logins: ["root"] });
  const computers: Computer[] = [];
  let relay: Relay | undefined;
  try {
    const person = await cluster.acceptInvitation();
    const { certificate, privateKey } = makeSelfSigned("localhost", systemClock, systemRandom);
    relay = await Relay.start({
      upstream: cluster.port,
      own: { certificate, key: privateKey },
      keyOf: (certificate) => findKey(computers, certificate),
    });
    const behind = relayed(cluster, relay.port);
    const desk = await Computer.start(behind, clients, "DESK0001", { tpm: false });
    const laptop = await Computer.start(behind, clients, "LAPTOP01", { tpm: true });
    computers.push(desk, laptop);
    const recordings: Recording[] = [];
    for (const act of acts(cluster, person, desk, laptop)) {
      recordings.push(await play(act, relay));
    }
    write(learnNames(recordings));
    return recordings.length;
  } finally {
    for (const computer of computers) computer.close();
    relay?.close();
    await cluster.close();
  }
}

/** The cluster as seen through the relay. */
function relayed(cluster: Cluster, port: number): JudgedCluster {
  return {
    nodename: cluster.nodename,
    proxy: `localhost:${port}`,
    port,
    machine: (serial, options) => cluster.machine(serial, options),
    acceptInvitation: () => cluster.acceptInvitation(),
    addUser: (name, roles) => cluster.addUser(name, roles),
    admin: (...args) => cluster.admin(...args),
    store: (yaml) => cluster.store(yaml),
    close: () => cluster.close(),
  };
}

/** The private key of a client's certificate, in the profile of the computer that it belongs to. */
function findKey(computers: readonly Computer[], certificate: string): string {
  const wanted = new X509Certificate(certificate).publicKey.export({ type: "spki", format: "der" });
  for (const { machine } of computers) {
    for (const file of globSync(join(machine.profile, "keys", "*", "*"))) {
      const text = readIfKey(file);
      if (text === undefined) continue;
      const key = createPublicKey(createPrivateKey(text));
      if (sameBytes(wanted, key.export({ type: "spki", format: "der" }))) return text;
    }
  }
  throw new Error("no profile has the key of a client certificate");
}

function readIfKey(file: string): string | undefined {
  try {
    const text = readFileSync(file, "utf8");
    return /-----BEGIN (?:RSA |EC )?PRIVATE KEY-----/.test(text) ? text : undefined;
  } catch {
    // A folder.
    return undefined;
  }
}

function acts(cluster: Cluster, person: Person, desk: Computer, laptop: Computer): readonly Act[] {
  const host = `root@${cluster.nodename}`;
  const file = (name: string, yaml: string) => {
    const path = join(desk.home, name);
    writeFileSync(path, yaml);
    return path;
  };
  const tsh = (words: string[], code = 0): Act => ({
    command: `tsh ${words.join(" ")}`,
    run: () => desk.tsh(...words),
    code,
  });
  const tctl = (words: string, code = 0): Act => ({
    command: `tctl ${words}`,
    run: () => desk.tctl(...words.split(" ")),
    code,
  });
  const create = (kind: string, yaml: string): Act => ({
    command: `tctl create -f ${kind}.yaml`,
    run: () => desk.tctl("create", "-f", file(`${kind}.yaml`, yaml)),
  });
  const edit = (reference: string, from: string, to: string): Act => ({
    command: `tctl edit ${reference}`,
    run() {
      const script = `#!/bin/sh\nexec sed -i "s/${from}/${to}/" "$1"\n`;
      const editor = desk.machine.script("replace", script);
      return desk.tctlWith({ EDITOR: editor }, "edit", reference);
    },
  });
  let token = "";
  return [
    { command: "tsh login", run: () => desk.login(person) },
    tsh(["status"]),
    tsh(["ls"]),
    tsh(["ls", "--search=ip-172", `--query=name == "${cluster.nodename}"`]),
    tsh(["ls", "--query=foo("], 1),
    tsh(["clusters"]),
    tsh(["ssh", host, "true"]),
    tsh(["ssh", `nobodyhere@${cluster.nodename}`, "true"], 1),
    tsh(["ssh", "root@nonode", "true"], 1),
    tsh(["ssh", "root@env=none", "true"], 1),
    ...["mfa", "db", "kube", "apps"].map((kind) => tsh([kind, "ls"])),
    tctl("status"),
    tctl("get role/access"),
    tctl("get role/nope", 1),
    tctl("get users"),
    tctl("get nodes"),
    tctl("get cap"),
    tctl("get cluster_networking_config"),
    tctl("get session_recording_config"),
    tctl("get cert_authority"),
    tctl("nodes ls"),
    create("role", roleYaml),
    edit("role/sample", "description: before", "description: after"),
    tctl("rm role/sample"),
    create("lock", lockYaml),
    tctl("get locks"),
    tctl("rm lock/sample"),
    edit("cap", "default_session_ttl: 12h0m0s", "default_session_ttl: 8h0m0s"),
    tctl("rm cap"),
    tctl("auth sign --user=alice --out=identity --ttl=1h"),
    tctl("users add bob --roles=access --logins=root"),
    tctl("users add bob --roles=access", 1),
    tctl("users update bob --set-roles=access,auditor"),
    tctl("users ls"),
    tctl("users reset bob"),
    tctl("users rm bob"),
    tctl("tokens add --type=node"),
    tctl("tokens ls"),
    tctl("devices add --os=linux --asset-tag=XX1"),
    tctl("devices ls"),
    tctl("devices enroll --asset-tag=XX1"),
    tctl("devices lock --asset-tag=XX1 --message=lost"),
    tctl("devices rm --asset-tag=XX1"),
    tctl("devices rm --asset-tag=NOPE", 1),
    {
      command: "tctl devices add --os=linux --asset-tag=LAPTOP01 --enroll",
      async run() {
        const added = await desk.tctl(
          ...["devices", "add", "--os=linux", "--asset-tag=LAPTOP01", "--enroll"],
        );
        token = /--token=(\S+)/.exec(added.shown)?.[1] ?? "";
        return added;
      },
    },
    { command: "tsh login (laptop)", run: () => laptop.login(person) },
    {
      command: "tsh device enroll --token",
      run: () => laptop.tsh("device", "enroll", `--token=${token}`),
    },
    tsh(["logout"]),
  ];
}

/** The relay hears of the end of a call a little later than the client. */
const settleMs = 150;

async function play({ command, run, code = 0 }: Act, relay: Relay): Promise<Recording> {
  const first = relay.captured.length;
  const at = new Date().toISOString();
  const ran = await run();
  if (ran.code !== code) {
    throw new Error(`${command} ended with ${ran.code}:\n${ran.shown ?? ran.screen ?? ""}`);
  }
  do await wait(settleMs);
  while (relay.busy);
  const exchanges = relay.captured.slice(first).flatMap(writeExchange);
  return { command, at, exchanges };
}

function write(recordings: readonly Recording[]): void {
  mkdirSync(recordingsFolder, { recursive: true });
  for (const old of globSync(join(recordingsFolder, "*.json"))) rmSync(old);
  for (const [index, recording] of recordings.entries()) {
    if (recording.exchanges.length === 0) continue;
    const words = recording.command.toLowerCase().match(/[a-z0-9]+/g) ?? [];
    const name = `${String(index + 1).padStart(2, "0")}-${words.slice(0, 6).join("-")}.json`;
    writeFileSync(join(recordingsFolder, name), `${JSON.stringify(recording, null, 1)}\n`);
  }
}

const roleYaml = `kind: role
version: v7
metadata:
  name: sample
  description: before
spec:
  options:
    device_trust_mode: required
    max_session_ttl: 8h0m0s
  allow:
    logins: ['{{internal.logins}}', root]
    node_labels: {'env': ['dev', 'prod']}
    rules:
    - resources: [device]
      verbs: [list, read, create_enroll_token, enroll]
  deny:
    logins: [guest]
`;

const lockYaml = `kind: lock
version: v2
metadata:
  name: sample
spec:
  target:
    user: nobody
  message: before
`;
