/** Bug class 54 (GHSA-r7rf-j762-2xxv): an agent that gets no TLS from a database server says nothing in the open. */
import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { secureSession } from "#database/postgres/server-session.ts";
import { encodeSslRequest } from "#dbwire/postgres/startup.ts";
import { parseResourceOf } from "#resource/parse.ts";

/** A server that answers everything with these bytes; gives what it was told. */
async function askServer(answer: string) {
  const told: Buffer[] = [];
  const server = createServer((socket: Socket) => {
    socket.on("data", (chunk: Buffer) => {
      told.push(chunk);
      socket.write(answer, "latin1");
    });
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const spec = { protocol: "postgres", uri: `127.0.0.1:${port}` };
  const database = parseResourceOf("db", { kind: "db", metadata: { name: "orders" }, spec });
  const error = await secureSession({ database, authorities: [], credential: undefined }).then(
    () => assert.fail("that is no server to speak to"),
    (reason: unknown) => reason,
  );
  server.close();
  return { error, told: Buffer.concat(told) };
}

test("a PostgreSQL server without TLS is told nothing but the wish for it", async () => {
  const { error, told } = await askServer("N");
  assert.ok(isFault(error, "unproven") && error.hint !== undefined);
  assert.deepEqual(told, encodeSslRequest());
});

test("what a server says before TLS does not count as said inside it", async () => {
  const { error, told } = await askServer("SR\0\0\0\x08\0\0\0\0");
  assert.ok(isFault(error, "unproven"));
  assert.deepEqual(told, encodeSslRequest());
});

test("a server that answers with an error in the open is not believed", async () => {
  const { error } = await askServer("E");
  assert.ok(isFault(error, "unproven"));
});
