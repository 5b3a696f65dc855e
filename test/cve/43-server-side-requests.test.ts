/**
 * GHSA-hw4x-mcx5-9q36 and its kin: a registered server that makes the proxy dial wherever it likes. Class 43 of
 * docs/bug-classes.md, as far as servers go: only administrators say that a server is dialed, and where.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { serviceIdentity } from "#auth/hosts/service-certificates.ts";
import { utf8 } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { findTarget, parseTarget } from "#proxy/targets.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { connectPeer } from "../support/auth-person.ts";
import { startTestAuth } from "../support/auth-service.ts";

const hostId = "11111111-0a3b-4f2d-8f8e-5d6a2f0a9c01";

test("an agent cannot announce an address, so the proxy never dials for it", async () => {
  const cluster = await startTestAuth();
  const identity = serviceIdentity(cluster.auth.context, hostId, "Node");
  const client = connectPeer(cluster, { identity, address: "192.0.2.7" });
  const agent = await client.service("agent");
  const announce = (spec: object, more: object = {}, name = hostId) => {
    const node = { kind: "node", version: "v2", metadata: { name }, spec, ...more };
    return agent.heartbeat({ document: utf8(JSON.stringify(node)) });
  };
  const metadata = "169.254.169.254:80";
  await announce({ hostname: "web-1", use_tunnel: true });
  for (const attack of [
    () => announce({ hostname: "web-1", addr: metadata }, { sub_kind: "openssh" }),
    () => announce({ hostname: "web-1", addr: metadata }, { sub_kind: "openssh-ec2-ice" }),
    () => announce({ hostname: "web-1", addr: metadata }),
    () => announce({ hostname: "web-1", public_addrs: [metadata] }),
    () => announce({ hostname: "web-1" }, {}, "22222222-0a3b-4f2d-8f8e-5d6a2f0a9c02"),
  ]) {
    await assert.rejects(attack, (error) => isFault(error, "access-denied"));
  }
  const [node] = await cluster.auth.context.stores.nodes.all();
  assert.deepEqual([node?.sub_kind ?? "", node?.spec.addr ?? ""], ["", ""]);
  await client.close();
  await cluster.close();
});

test("what is not registered is never a target, whatever it looks like", () => {
  const node = parseResourceOf("node", {
    ...{ kind: "node", version: "v2", metadata: { name: hostId } },
    spec: { hostname: "web-1", use_tunnel: true },
  });
  assert.equal(findTarget([node], parseTarget("web-1:0")), node);
  for (const target of [
    "169.254.169.254:80",
    "localhost:22",
    "web-1.evil.example:22",
    "[::1]:22",
  ]) {
    assert.throws(
      () => findTarget([node], parseTarget(target)),
      (error) => isFault(error, "not-found"),
      target,
    );
  }
});

test("a server with an address that cannot be read does not hide the others", () => {
  const of = (hostname: string, name: string, addr: string) =>
    parseResourceOf("node", {
      ...{ kind: "node", version: "v2", metadata: { name }, spec: { hostname, addr } },
    });
  const poison = of("bad", "22222222-0a3b-4f2d-8f8e-5d6a2f0a9c02", "a:b:[c:99999999");
  const good = of("web-1", hostId, "10.0.0.1:22");
  assert.equal(findTarget([poison, good], parseTarget("web-1:22")), good);
});
