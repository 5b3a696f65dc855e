import assert from "node:assert/strict";
import { test } from "node:test";
import { certificateFor, routeOf } from "#proxy/routes.ts";

const hex = "6578616d706c65.teleport.cluster.local";

const table: readonly [string, readonly string[], string | undefined, string | undefined][] = [
  ["proxy.example.com", [], "web", "http/1.1"],
  ["proxy.example.com", ["h2", "http/1.1"], "web", "http/1.1"],
  ["proxy.example.com", ["h2"], "web", "h2"],
  ["proxy.example.com", ["teleport-reversetunnel"], "probe", "teleport-reversetunnel"],
  ["proxy.example.com", ["gatehouse-agent"], "agent", "gatehouse-agent"],
  [hex, ["teleport-proxy-ssh-grpc", "h2"], "transport", "teleport-proxy-ssh-grpc"],
  [hex, ["gatehouse-tunnel"], "tunnel", "gatehouse-tunnel"],
  [hex, [`teleport-auth@${hex}`, "h2"], "auth", "h2"],
  [hex, [`teleport-auth@${hex}`, "http/1.1"], "auth", "http/1.1"],
  ["teleport.cluster.local", ["h2"], "auth", "h2"],
  [hex, ["http/1.1"], "auth", "http/1.1"],
  ["kube-teleport-proxy-alpn.proxy.example.com", ["h2", "http/1.1"], "kube", "h2"],
  ["proxy.example.com", ["ftp"], undefined, undefined],
  [hex, [`teleport-auth@${hex}`], undefined, undefined],
];

for (const [serverName, offered, door, protocol] of table) {
  test(`${serverName} offering [${offered}] goes to ${door ?? "nobody"}`, () => {
    const route = routeOf(serverName, offered);
    assert.equal(route?.door, door);
    assert.equal(route?.protocol, protocol);
  });
}

test("only the names of the auth service and of kube get the certificate of the host authority", () => {
  assert.equal(certificateFor(hex), "host");
  assert.equal(certificateFor("kube-teleport-proxy-alpn.x"), "host");
  assert.equal(certificateFor("teleport.cluster.local.evil.example"), "web");
  assert.equal(certificateFor(""), "web");
});
