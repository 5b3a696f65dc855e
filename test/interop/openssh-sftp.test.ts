/** Our SFTP client against OpenSSH's `sftp-server`, over its standard input and output. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { Duplex, type Readable, type Writable } from "node:stream";
import { after, before, test } from "node:test";
import { sameBytes } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { isDirectory, isRegularFile } from "#ssh/sftp/attributes.ts";
import { openFlag, SftpClient } from "#ssh/sftp/client.ts";
import { KeyFolder } from "../support/ssh-keys.ts";

const folder = new KeyFolder();
const create = openFlag.write | openFlag.create | openFlag.truncate;
let server: ChildProcess;
let client: SftpClient;

before(() => {
  const child = spawn("/usr/lib/openssh/sftp-server", { stdio: ["pipe", "pipe", "inherit"] });
  server = child;
  // The types of Node leave out this documented form.
  const duplexFrom = Duplex.from as unknown as (pair: {
    readable: Readable;
    writable: Writable;
  }) => Duplex;
  client = new SftpClient(duplexFrom({ readable: child.stdout, writable: child.stdin }));
});

after(async () => {
  client.close();
  await new Promise((resolve) => server.once("exit", resolve));
  folder.remove();
});

const path = (name: string): string => join(folder.path, name);

async function* chunksOf(data: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}

for (const size of [0, 1, 32_256, 32_257, 261_119, 261_120, 261_121, 20_000_003]) {
  test(`stores and fetches ${size} bytes without a change`, async () => {
    const data = randomBytes(size);
    const file = await client.open(path("stored"), create, { mode: 0o640 });
    assert.equal(await file.writeAll(chunksOf(data, 100_000)), BigInt(size));
    await file.close();
    assert.ok(sameBytes(readFileSync(path("stored")), data));
    const back = await client.open(path("stored"), openFlag.read);
    const parts: Uint8Array[] = [];
    for await (const part of back.content()) parts.push(part);
    await back.close();
    assert.ok(sameBytes(Buffer.concat(parts), data));
  });
}

test("reads and sets attributes", async () => {
  folder.write("file", "12345");
  const times = { accessed: 1_000_000_000, modified: 1_100_000_000 };
  await client.setstat(path("file"), { mode: 0o600, times });
  const found = await client.stat(path("file"));
  assert.equal(found.size, 5n);
  assert.deepEqual(found.times, times);
  assert.ok(isRegularFile(found));
  assert.equal(statSync(path("file")).mode & 0o777, 0o600);
});

test("makes, lists and removes directories", async () => {
  await client.mkdir(path("dir"), { mode: 0o755 });
  assert.ok(isDirectory(await client.stat(path("dir"))));
  const file = await client.open(path("dir/one"), create);
  await file.close();
  await client.rename(path("dir/one"), path("dir/two"));
  assert.deepEqual(
    (await client.readdir(path("dir"))).map(({ name }) => name),
    ["two"],
  );
  await client.remove(path("dir/two"));
  await client.rmdir(path("dir"));
  await assert.rejects(client.stat(path("dir")), (error) => isFault(error, "not-found"));
});

test("resolves paths and links", async () => {
  symlinkSync("target", path("link"));
  assert.equal(await client.readlink(path("link")), "target");
  assert.equal(await client.realpath(join(folder.path, "x", "..")), folder.path);
});

test("names the path and the reason of a failure", async () => {
  await assert.rejects(client.open(path("missing"), openFlag.read), {
    message: `cannot open ${path("missing")}: no such file`,
  });
});
