/**
 * What official clients once said to our server, said again: every answer must be what it was then, field by field. Needs
 * no official program; `npm run interop -- --record` made the recordings, and UPDATE=1 writes the answers of now into
 * them where a change is meant.
 */
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { fromBinary } from "@bufbuild/protobuf";
import { Cluster } from "../support/cluster.ts";
import { differences } from "../support/recordings/differences.ts";
import {
  type Exchange,
  type Json,
  type JsonObject,
  type Recording,
  readRecordings,
  recordingsFolder,
} from "../support/recordings/format.ts";
import { findMethod } from "../support/recordings/methods.ts";
import { Replay } from "../support/recordings/replay.ts";
import { substitute } from "../support/recordings/substitute.ts";

const recordings = readRecordings();
const files = readdirSync(recordingsFolder)
  .filter((name) => name.endsWith(".json"))
  .sort();

let cluster: Cluster;
let replay: Replay;

before(async () => {
  cluster = await Cluster.start({ user: "alice", logins: ["root"] });
  const person = await cluster.acceptInvitation();
  replay = new Replay({ port: cluster.port, cluster: cluster.nodename, person });
  // The server's own SSH node joins while the server is already open for people.
  while (!(await cluster.admin("nodes", "ls")).includes(cluster.nodename)) await wait(50);
});

after(async () => {
  await replay.close();
  await cluster.close();
});

test("the recordings are there", () => {
  assert.ok(recordings.length >= 40, `only ${recordings.length} recordings`);
  const exchanges = recordings.flatMap((recording) => recording.exchanges);
  for (const kind of ["http", "grpc", "ssh"]) {
    assert.ok(
      exchanges.some((exchange) => exchange.kind === kind),
      `none is ${kind}`,
    );
  }
});

for (const [index, recording] of recordings.entries()) {
  test(`${files[index]}: ${recording.command}`, async () => {
    const now = await replay.play(recording);
    if (process.env["UPDATE"] === "1") {
      const file = join(recordingsFolder, files[index] ?? "");
      writeFileSync(file, `${JSON.stringify(now, null, 1)}\n`);
      return;
    }
    assert.deepEqual(differences(recording, now), []);
  });
}

/** The recording of a command that can be played again and again. */
function readOnly(): Recording {
  const found = recordings.find(({ command }) => command === "tctl get role/access");
  assert.ok(found, "the recording is missing");
  return found;
}

/** Every field of a shape, by its path. */
function fieldsOf(shape: Json, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof shape !== "object" || shape === null) return [path];
  return Object.entries(shape as JsonObject).flatMap(([name, value]) =>
    fieldsOf(value, [...path, name]),
  );
}

test("one changed field of one recorded answer is noticed, whichever it is", async () => {
  const now = await replay.play(readOnly());
  const exchanges = JSON.parse(JSON.stringify(now.exchanges)) as Json;
  const paths = fieldsOf(exchanges).filter((path) => path.includes("shape"));
  assert.ok(paths.length > 30, `only ${paths.length} fields`);
  for (const path of paths) {
    const changed = structuredClone(exchanges) as unknown as Record<string, unknown>;
    let place = changed;
    for (const name of path.slice(0, -1)) place = place[name] as Record<string, unknown>;
    place[path.at(-1) ?? ""] = "something else";
    const found = differences({ ...readOnly(), exchanges: changed }, now);
    assert.equal(found.length, 1, `${path.join(".")}: ${found.join("\n")}`);
    assert.ok(found[0]?.startsWith(`exchanges.${path.join(".")}: recorded "something else"`));
  }
});

test("another request gets another answer, and that is noticed", async () => {
  const role = Buffer.from("access");
  const exchanges = readOnly().exchanges.map((exchange): Exchange => {
    if (exchange.kind !== "grpc" || !exchange.method.endsWith("/GetRole")) return exchange;
    const messages = exchange.messages.map((message) => {
      if (message.from === "server") return message;
      const bytes = Buffer.from(message.bytes, "base64");
      bytes.write("editor", bytes.indexOf(role));
      return { ...message, bytes: bytes.toString("base64") };
    });
    return { ...exchange, messages };
  });
  const asked = { ...readOnly(), exchanges };
  const found = differences(asked, await replay.play(asked));
  assert.ok(
    found.some((line) => /Metadata\.Name: recorded "access", now "editor"/.test(line)),
    found.join("\n"),
  );
});

test("a message with neither times nor names of the server is sent byte for byte, others move with the clock", () => {
  const nothing = { texts: new Map<string, string>(), revisions: new Map<string, string>() };
  const year = 365n * 24n * 3600n;
  let [same, moved] = [0, 0];
  for (const exchange of recordings.flatMap((recording) => recording.exchanges)) {
    if (exchange.kind !== "grpc") continue;
    const input = findMethod(exchange.method)?.input;
    for (const message of exchange.messages) {
      if (message.from === "server" || input === undefined) continue;
      const bytes = new Uint8Array(Buffer.from(message.bytes, "base64"));
      const sent = substitute(input, bytes, { ...nothing, laterSeconds: year });
      if (sent === bytes) {
        same++;
        continue;
      }
      moved++;
      const back = substitute(input, sent, { ...nothing, laterSeconds: -year });
      assert.deepEqual(fromBinary(input, back), fromBinary(input, bytes));
      assert.notDeepEqual(fromBinary(input, sent), fromBinary(input, bytes));
    }
  }
  assert.ok(same > 100 && moved >= 2, `${same} as they were, ${moved} moved`);
});
