/** Bytes per second through the proxy to a node and back, against OpenSSH through a jump host with the same cipher. */
import { spawnSync } from "node:child_process";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Bench, nodename } from "../context.ts";
import { type Command, compareCommands } from "../measure.ts";
import type { Row } from "../row.ts";

const streamBytes = 400 * 1024 * 1024;
const fileBytes = 300 * 1024 * 1024;
const rounds = 3;
const source = `head -c ${streamBytes} /dev/zero`;
const sink = "cat > /dev/null";

interface Times {
  ours: number;
  peer: number;
  official?: number;
}

function row(what: string, bytes: number, times: Times, recorded: string): Row {
  const rate = (ms: number) => bytes / 1000 / ms;
  return {
    what,
    unit: "MB/s",
    ours: rate(times.ours),
    peer: { what: "ssh -J", value: rate(times.peer) },
    goal: { at: "least", limit: 1 },
    recorded,
    official: times.official === undefined ? undefined : rate(times.official),
  };
}

/** Ours, the peer's, and the reference's, whose line is for its own node. */
async function compare(bench: Bench, ours: (host: string) => string, peer: string): Promise<Times> {
  const reference = await bench.reference();
  return compareCommands(
    {
      ours: await bench.shell(ours(`root@${nodename}`)),
      peer: await bench.shell(peer),
      official: reference?.shell(ours(reference.host)),
    },
    rounds,
  );
}

/** Out of a node and into it. */
export async function measureStreams(bench: Bench): Promise<Row[]> {
  const { config } = await bench.openssh();
  const ssh = `ssh -F ${config} jumped`;
  const down = await compare(bench, (host) => `tsh ssh ${host} '${source}'`, `${ssh} '${source}'`);
  const up = await compare(
    bench,
    (host) => `${source} | tsh ssh ${host} '${sink}'`,
    `${source} | ${ssh} '${sink}'`,
  );
  return [
    row("SSH, 400 MiB down", streamBytes, down, "195–230 MB/s"),
    row("SSH, 400 MiB up", streamBytes, up, "256 MB/s"),
  ];
}

/** OpenSSH's client on both sides; ours dials the node. */
export async function measureOpenSshClient(bench: Bench): Promise<Row[]> {
  const { config } = await bench.openssh();
  const { machine } = await bench.workplace();
  const file = join(machine.home, "ssh_config");
  const made = await machine.tsh("config");
  if (made.code !== 0) throw new Error(`tsh config ended with ${made.code}:\n${made.stderr}`);
  writeFileSync(file, made.stdout);
  const cluster = JSON.parse((await machine.tsh("clusters", "--format=json")).stdout)[0];
  const name = `${nodename}.${cluster.cluster_name ?? nodename}`;
  const options = "-o BatchMode=yes -c aes128-gcm@openssh.com";
  const times = await compareCommands(
    {
      ours: await bench.shell(`ssh -F ${file} ${options} root@${name} '${source}'`),
      peer: await bench.shell(`ssh -F ${config} jumped '${source}'`),
      official: await officialOpenSsh(bench, options),
    },
    rounds,
  );
  return [row("OpenSSH through tsh proxy ssh, 400 MiB down", streamBytes, times, "160 MB/s")];
}

/** OpenSSH's client through the official `tsh proxy ssh`. */
async function officialOpenSsh(bench: Bench, options: string): Promise<Command | undefined> {
  const reference = await bench.reference();
  if (reference === undefined) return undefined;
  const { server } = reference;
  const printed = spawnSync("sh", reference.shell(`tsh config --port=${server.sshPort}`).args, {
    env: reference.env,
    encoding: "utf8",
  });
  const file = join(server.folder, "ssh_config");
  // The printed lines are for people whose proxy has a certificate that is trusted.
  writeFileSync(file, printed.stdout.replaceAll('" proxy ssh', '" --insecure proxy ssh'));
  const host = `root@${server.nodename}.${server.nodename}`;
  return {
    program: "sh",
    args: ["-c", `ssh -F ${file} ${options} ${host} '${source}'`],
    env: reference.env,
  };
}

/** A file to a node and back. */
export async function measureCopies(bench: Bench): Promise<Row[]> {
  const { config } = await bench.openssh();
  const { machine } = await bench.workplace();
  const file = join(machine.folder, "file");
  writeFileSync(file, Buffer.alloc(fileBytes, "gatehouse "));
  const [there, back] = [join(machine.folder, "there"), join(machine.folder, "back")];
  const up = await compare(
    bench,
    (host) => `tsh scp -q ${file} ${host}:${there}`,
    `scp -q -F ${config} ${file} jumped:${there}`,
  );
  const down = await compare(
    bench,
    (host) => `tsh scp -q ${host}:${there} ${back}`,
    `scp -q -F ${config} jumped:${there} ${back}`,
  );
  if (statSync(back).size !== fileBytes) throw new Error("the copy is not complete");
  return [
    row("scp, 300 MiB up", fileBytes, up, "194 MB/s"),
    row("scp, 300 MiB down", fileBytes, down, "173 MB/s"),
  ];
}
