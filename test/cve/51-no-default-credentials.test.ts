/** CVE-2025-10678: credentials that every installation shares. Class 51 of docs/bug-classes.md: a new cluster has none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { startTestAuth } from "../support/auth-service.ts";

test("a new cluster has no user, no token, no device, and its keys are its own", async () => {
  const [one, two] = await Promise.all([startTestAuth(), startTestAuth()]);
  for (const { auth } of [one, two]) {
    const { users, tokens, devices, nodes } = auth.context.stores;
    for (const store of [users, tokens, devices, nodes]) {
      assert.deepEqual(await store.all(), [], store.kind);
    }
  }
  for (const type of ["user", "host"] as const) {
    const line = ({ auth }: typeof one) => auth.context.authorities.sshLine(type);
    assert.notEqual(line(one), line(two), type);
  }
  await one.close();
  await two.close();
});

test("nobody logs in to a new cluster, neither by the usual names nor with empty passwords", async () => {
  const cluster = await startTestAuth();
  const login = await cluster.as("Proxy").service("login");
  for (const user of ["admin", "root", "teleport", "gatehouse", "administrator", ""]) {
    for (const password of ["", "admin", "password", "changeme"]) {
      await assert.rejects(
        login.finishLogin({ user, password, totpCode: "000000" }),
        (error) => isFault(error, "unproven"),
        `${user}/${password}`,
      );
    }
  }
  await cluster.close();
});

test("a user who was created and not yet invited cannot log in with an empty password", async () => {
  const cluster = await startTestAuth();
  await cluster.auth.context.stores.users.create({
    ...{ kind: "user", version: "v2", metadata: { name: "fresh" } },
    spec: { roles: ["access"], traits: {} },
  } as never);
  const login = await cluster.as("Proxy").service("login");
  for (const password of ["", "-", "\0"]) {
    await assert.rejects(login.beginLogin({ user: "fresh", password }), (error) =>
      isFault(error, "unproven"),
    );
    await assert.rejects(login.finishLogin({ user: "fresh", password }), (error) =>
      isFault(error, "unproven"),
    );
  }
  await cluster.close();
});
