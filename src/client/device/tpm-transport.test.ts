import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Fault, isFault } from "#base/fault.ts";
import { defaultTpm, parseTpmSelection } from "./tpm-selection.ts";
import {
  type CharacterDevice,
  CharacterDeviceTransport,
  openTpmTransport,
} from "./tpm-transport.ts";

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "gatehouse-transport-"));
});
after(() => rm(dir, { recursive: true, force: true }));

const command = Uint8Array.of(0x80, 1, 0, 0, 0, 10, 0, 0, 1, 0x7b);
const answer = Uint8Array.of(0x80, 1, 0, 0, 0, 12, 0, 0, 0, 0, 0xaa, 0xbb);

test("selects the TPM that the variable names", () => {
  assert.deepEqual(parseTpmSelection(undefined), defaultTpm);
  assert.deepEqual(parseTpmSelection(""), defaultTpm);
  assert.deepEqual(parseTpmSelection("device:/dev/tpmrm1"), {
    kind: "device",
    path: "/dev/tpmrm1",
  });
  assert.deepEqual(parseTpmSelection("swtpm:unix:/run/a:b"), { kind: "unix", path: "/run/a:b" });
  const local = { kind: "tcp", host: "localhost", port: 2321 };
  assert.deepEqual(parseTpmSelection("swtpm:tcp:localhost:2321"), local);
  assert.deepEqual(parseTpmSelection("swtpm:tcp:[::1]:2321"), { ...local, host: "::1" });
});

test("refuses a variable that names no TPM, and says what may stand there", () => {
  for (const text of [
    "tpm",
    "device:",
    "swtpm:unix:",
    "swtpm:tcp:localhost",
    "swtpm:tcp:localhost:0",
    "swtpm:tcp:localhost:65536",
    "swtpm:tcp::2321",
    "swtpm:tcp:::1:2321",
  ]) {
    assert.throws(
      () => parseTpmSelection(text),
      (error) => isFault(error, "usage") && /swtpm:unix:PATH/.test(error.hint ?? ""),
      text,
    );
  }
});

/** Serves one connection at a time and closes with the test. */
async function withServer<T>(
  serve: (socket: Socket) => void,
  use: (path: string, server: Server) => Promise<T>,
): Promise<T> {
  const path = join(dir, `s${Math.random()}`);
  const server = createServer(serve);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    return await use(path, server);
  } finally {
    server.close();
  }
}

test("puts an answer together that arrives byte by byte", async () => {
  const serve = (socket: Socket) =>
    socket.on("data", () => {
      for (const byte of answer) socket.write(Uint8Array.of(byte));
    });
  await withServer(serve, async (path) => {
    const transport = await openTpmTransport({ kind: "unix", path });
    assert.deepEqual(await transport.transmit(command), answer);
    assert.deepEqual(await transport.transmit(command), answer);
    await transport.close();
    await assert.rejects(transport.transmit(command), (error) => isFault(error, "environment"));
  });
});

test("speaks TCP as well", async () => {
  const server = createServer((socket) => socket.on("data", () => socket.write(answer)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const transport = await openTpmTransport({ kind: "tcp", host: "127.0.0.1", port });
  assert.deepEqual(await transport.transmit(command), answer);
  await transport.close();
  server.close();
});

test("fails the command when the TPM hangs up or claims an impossible size", async () => {
  for (const bytes of [undefined, Uint8Array.of(0x80, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0)]) {
    const serve = (socket: Socket) =>
      socket.on("data", () => (bytes === undefined ? socket.destroy() : socket.write(bytes)));
    await withServer(serve, async (path) => {
      const transport = await openTpmTransport({ kind: "unix", path });
      await assert.rejects(transport.transmit(command), (error) => isFault(error, "environment"));
      await transport.close();
    });
  }
});

test("says that no virtual TPM answers", async () => {
  for (const selection of [
    { kind: "unix", path: join(dir, "none") },
    { kind: "tcp", host: "127.0.0.1", port: 1 },
  ] as const) {
    await assert.rejects(
      openTpmTransport(selection),
      (error) => isFault(error, "environment") && /start swtpm/.test(error.hint ?? ""),
    );
  }
});

test("says that the machine has no TPM", async () => {
  await assert.rejects(
    openTpmTransport({ kind: "device", path: join(dir, "tpmrm0") }),
    (error) => isFault(error, "environment") && /no TPM 2.0/.test(error.message),
  );
});

test("says that the TPM is an old one where Linux made only the old interface", async () => {
  await writeFile(join(dir, "tpm7"), "");
  await assert.rejects(
    openTpmTransport({ kind: "device", path: join(dir, "tpmrm7") }),
    (error) => isFault(error, "environment") && /is no TPM 2\.0/.test(error.message),
  );
  const { message } = await openTpmTransport({ kind: "device", path: join(dir, "tpmrm8") }).then(
    () => assert.fail(),
    (error: Fault) => error,
  );
  assert.match(message, /this machine has no TPM 2\.0/);
});

/** The failures that a test machine cannot produce on demand, by their system error. */
async function openFailing(code: string): Promise<Fault> {
  const open = () => Promise.reject(Object.assign(new Error(code), { code }));
  try {
    await openTpmTransport(defaultTpm, open);
  } catch (error) {
    if (error instanceof Fault) return error;
  }
  return assert.fail();
}

test("says how to get permission on the TPM", async () => {
  const fault = await openFailing("EACCES");
  assert.match(fault.message, /may not use the TPM/);
  assert.match(fault.hint ?? "", /usermod -aG tss/);
  assert.match(fault.hint ?? "", /udev rule/);
});

test("says that another program holds the TPM", async () => {
  assert.match((await openFailing("EBUSY")).message, /another program holds the TPM/);
});

test("says what to look at for any other failure", async () => {
  assert.match((await openFailing("EIO")).hint ?? "", /driver/);
});

/** A character device: one write is one command, one read one answer. */
function fakeDevice(change: Partial<CharacterDevice> = {}): CharacterDevice & { writes: number } {
  const device = {
    writes: 0,
    async write(bytes: Uint8Array) {
      device.writes += 1;
      return { bytesWritten: bytes.length, buffer: bytes };
    },
    async read(into: Uint8Array) {
      into.set(answer);
      return { bytesRead: answer.length, buffer: into };
    },
    async close() {},
    ...change,
  };
  return device as unknown as CharacterDevice & { writes: number };
}

test("writes a command to a character device at once and reads the answer at once", async () => {
  const device = fakeDevice();
  const transport = new CharacterDeviceTransport(device);
  assert.deepEqual(await transport.transmit(command), answer);
  assert.equal(device.writes, 1);
  await transport.close();
});

test("fails when a character device takes half a command or breaks", async () => {
  const short = async () => ({ bytesWritten: 3, buffer: command });
  const broken = () => Promise.reject(Object.assign(new Error("EIO"), { code: "EIO" }));
  for (const change of [{ write: short }, { write: broken }, { read: broken }]) {
    const transport = new CharacterDeviceTransport(fakeDevice(change as never));
    await assert.rejects(transport.transmit(command), (error) => isFault(error, "environment"));
  }
});

test("gives up on a TPM that does not answer for a minute, and waits for one that is only slow", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { promise, resolve } = Promise.withResolvers<never>();
  const slow = new CharacterDeviceTransport(
    fakeDevice({ read: () => promise.then(() => ({ bytesRead: 0 })) } as never),
  );
  const answered = slow.transmit(command);
  t.mock.timers.tick(59_999);
  resolve(undefined as never);
  assert.equal((await answered).length, 0);
  const silent = new CharacterDeviceTransport(
    fakeDevice({ read: () => new Promise(() => {}) } as never),
  );
  const refused = assert.rejects(silent.transmit(command), (error) => isFault(error, "timeout"));
  t.mock.timers.tick(60_000);
  await refused;
});
