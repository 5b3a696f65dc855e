import assert from "node:assert/strict";
import { test } from "node:test";
import {
  buildEnvironment,
  ClientEnvironment,
  parseSystemEnvironment,
  type SessionFacts,
} from "#node/session/environment.ts";

const account = { name: "ubuntu", uid: 1000, gid: 1000, home: "/home/ubuntu", shell: "/bin/bash" };
const facts: SessionFacts = {
  sessionId: "s",
  username: "alice",
  clusterName: "example.com",
  hostId: "h",
  client: { address: "192.0.2.1", port: 50_022 },
  term: undefined,
  agentSocket: undefined,
};

test("takes language and colours from a client and nothing that a loader, shell or interpreter acts on", () => {
  const client = new ClientEnvironment();
  const refused =
    "LD_PRELOAD LD_LIBRARY_PATH PATH HOME BASH_ENV ENV IFS PYTHONPATH NODE_OPTIONS LC_ lang LC_a";
  for (const name of refused.split(" ")) client.add(name, "x");
  client.add("LANG", "de_DE.UTF-8");
  client.add("LC_TIME", "C");
  client.add("GIT_PROTOCOL", "version=2");
  client.add("LC_ALL", "a\0b");
  client.add("LC_CTYPE", "x".repeat(5000));
  assert.deepEqual(client.values, { LANG: "de_DE.UTF-8", LC_TIME: "C", GIT_PROTOCOL: "version=2" });
});

test("keeps a bounded number of variables", () => {
  const client = new ClientEnvironment();
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (const a of letters) for (const b of letters) client.add(`LC_${a}${b}`, "x");
  assert.equal(Object.keys(client.values).length, 64);
});

test("the session's own variables win over those of the system and of the client", () => {
  const system = { HOME: "/evil", LANG: "C", PATH: "/opt/bin" };
  const env = buildEnvironment(account, facts, system, { LANG: "de_DE.UTF-8" });
  assert.equal(env["HOME"], "/home/ubuntu");
  assert.equal(env["LANG"], "de_DE.UTF-8");
  assert.equal(env["PATH"], "/opt/bin");
  assert.equal(env["SSH_CLIENT"], "192.0.2.1 50022 0");
  assert.equal(env["TERM"], undefined);
});

test("root finds the programs of the administrator, others do not", () => {
  const root = buildEnvironment({ ...account, uid: 0 }, facts, {}, {});
  assert.match(root["PATH"] ?? "", /\/usr\/sbin/);
  assert.doesNotMatch(buildEnvironment(account, facts, {}, {})["PATH"] ?? "", /sbin/);
});

test("a terminal name that is a path becomes dumb", () => {
  for (const term of ["../../tmp/x", "", "-x", "a b", "x".repeat(65)]) {
    assert.equal(buildEnvironment(account, { ...facts, term }, {}, {})["TERM"], "dumb", term);
  }
  const env = buildEnvironment(account, { ...facts, term: "xterm-256color" }, {}, {});
  assert.equal(env["TERM"], "xterm-256color");
});

test("a client whose address is not known leaves no trace of one", () => {
  const unknown = { ...facts, client: { address: "", port: 0 } };
  assert.equal(buildEnvironment(account, unknown, {}, {})["SSH_CONNECTION"], undefined);
});

test("reads /etc/environment without expanding, and without what a loader acts on", () => {
  const text = `# comment\nPATH="/a:/b"\nexport LANG='C'\nX=$HOME\nLD_PRELOAD=/x\nbroken\n`;
  assert.deepEqual(parseSystemEnvironment(text), { PATH: "/a:/b", LANG: "C", X: "$HOME" });
});
