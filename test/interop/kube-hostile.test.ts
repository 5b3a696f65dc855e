/**
 * What people could try at a Kubernetes agent, with requests that no client of good will sends. Each test looks at what the
 * double of the API server saw (bug classes 53 to 56, and those of headers and paths).
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { type RequestOptions, request } from "node:https";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, beforeEach, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { type KubeCredential, KubeTestCluster } from "../support/kube-cluster.ts";

let cluster: KubeTestCluster;
let admin: KubeCredential;
let narrow: KubeCredential;

before(async () => {
  cluster = await KubeTestCluster.start();
  cluster.double.addPod("web", "front");
  cluster.double.addPod("web", "back");
  admin = cluster.credentialFor(["kube-admin"]);
  await cluster.setRole("narrow", {
    allow: {
      kubernetes_labels: { "*": "*" },
      kubernetes_groups: ["system:masters"],
      kubernetes_resources: [{ kind: "pod", namespace: "web", name: "front", verbs: ["*"] }],
    },
  });
  narrow = cluster.credentialFor(["narrow"]);
});

after(() => cluster?.close());

beforeEach(() => {
  cluster.double.seen.length = 0;
  cluster.events.length = 0;
});

interface Answer {
  readonly code: number | undefined;
  readonly message: string;
  readonly body: string;
}

/** One request of HTTP/1.1 and its answer. */
function ask(
  who: KubeCredential,
  path: string,
  options: RequestOptions = {},
  body = "",
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ ...cluster.tlsOf(who), path, agent: false, ...options });
    call.once("error", reject);
    call.once("response", async (response) => {
      const read = await text(response);
      const { message = "" } = read.startsWith("{") ? JSON.parse(read) : {};
      resolve({ code: response.statusCode, message, body: read });
    });
    call.end(body);
  });
}

for (const [what, headers] of [
  ["other names of a person", { "Impersonate-Extra-Scopes": "all" }],
  ["an id", { "Impersonate-Uid": "0" }],
  ["an empty user", { "Impersonate-User": "" }],
  ["a user that no role lists", { "impersonate-USER": "system:admin" }],
  ["a group that no role lists", { "Impersonate-Group": "system:nodes" }],
  ["two users", { "Impersonate-User": ["alice", "alice"] }],
] as const) {
  test(`refuses ${what} in impersonation headers`, async () => {
    const { code } = await ask(admin, "/api/v1/pods", { headers: { ...headers } as never });
    assert.ok(code === 403 || code === 400);
    assert.equal(cluster.double.seen.length, 0);
    const event = await cluster.event(({ event }) => event === "kube.request");
    assert.equal(event["success"], false);
  });
}

test("headers that name headers to drop take nothing away from who somebody is", async () => {
  const headers = {
    Connection: "Impersonate-User, Impersonate-Group, close",
    Authorization: "Bearer agent-token",
    "X-Remote-User": "system:admin",
    "X-Forwarded-For": "10.0.0.1",
    Cookie: "a=b",
  };
  assert.equal((await ask(admin, "/api/v1/pods", { headers })).code, 200);
  const [seen] = cluster.double.seen;
  assert.deepEqual(seen?.as, { user: "alice", groups: ["system:masters"] });
  for (const name of ["x-remote-user", "x-forwarded-for", "cookie"]) {
    assert.equal(seen?.headers[name], undefined);
  }
});

for (const path of [
  "/api/v1/namespaces/web/pods/front/..%2fback",
  "/api/v1/namespaces/web/pods/../secrets",
  "/api/v1/namespaces/web//pods/back",
  "/api/v1/namespaces/web/pods/%2e%2e/back",
  "/api/v1/namespaces/web/pods/front%00",
  "/api/v1/namespaces/web/pods/%66ront%2f%2e%2e%2fback",
  "/api/v1/proxy/namespaces/web/pods/front",
]) {
  test(`refuses a path that can be read in two ways: ${path}`, async () => {
    const { code } = await ask(narrow, path);
    assert.ok(code !== undefined && code >= 400 && code < 500);
    assert.equal(cluster.double.seen.length, 0);
  });
}

test("a name that is encoded decides as the name that it is", async () => {
  assert.equal((await ask(narrow, "/api/v1/namespaces/web/pods/%66ront")).code, 200);
  assert.equal((await ask(narrow, "/api/v1/namespaces/web/pods/b%61ck")).code, 403);
});

test("an object is created under the name that its body says, or not at all", async () => {
  const create = (body: string) =>
    ask(narrow, "/api/v1/namespaces/web/pods", { method: "POST" }, body);
  const other = await create('{"kind":"Pod","metadata":{"name":"other"}}');
  assert.match(other.message, /no role allows create on pods "other"/);
  const unnamed = await create('{"kind":"Pod","metadata":{"generateName":"front"}}');
  assert.match(unnamed.message, /the object has no name/);
  const unreadable = await create("kind: Pod");
  assert.equal(unreadable.code, 400);
  assert.equal(cluster.double.seen.length, 0);
  const refused = cluster.events.filter(({ event }) => event === "kube.request");
  assert.equal(refused.length, 3);
});

test("a compressed body is not passed on unread", async () => {
  const headers = { "content-encoding": "gzip", "content-type": "application/json" };
  const options = { method: "POST", headers };
  const { code } = await ask(narrow, "/api/v1/namespaces/web/pods", options, "\x1f\x8b\x08garbage");
  assert.equal(code, 400);
  assert.equal(cluster.double.seen.length, 0);
});

test("many objects at once need a role for all of them", async () => {
  const { message } = await ask(narrow, "/api/v1/namespaces/web/pods", { method: "DELETE" });
  assert.match(message, /no role allows deletecollection on pods/);
  assert.equal(cluster.double.seen.length, 0);
});

for (const protocol of ["h2c", "HTTP/2.0", "websocket, h2c", "SPDY/3"]) {
  test(`no connection becomes "${protocol}"`, async () => {
    const headers = { Connection: "Upgrade", Upgrade: protocol };
    const path = "/api/v1/namespaces/web/pods/front/exec?command=sh";
    const { code } = await ask(admin, path, { headers });
    assert.equal(code, 400);
    assert.equal(cluster.double.seen.length, 0);
  });
}

test("a watch does not change its protocol, where no filter would see it", async () => {
  const headers = { Connection: "Upgrade", Upgrade: "websocket" };
  const { message } = await ask(narrow, "/api/v1/namespaces/web/pods?watch=1", { headers });
  assert.match(message, /cannot change the protocol/);
  assert.equal(cluster.double.seen.length, 0);
});

test("nothing is forwarded or run before it is allowed and written down (bug class 56)", async () => {
  await cluster.setRole("reader", {
    allow: {
      kubernetes_labels: { "*": "*" },
      kubernetes_groups: ["system:masters"],
      kubernetes_resources: [{ kind: "pod", namespace: "*", name: "*", verbs: ["get", "list"] }],
    },
  });
  const reader = cluster.credentialFor(["reader"]);
  const headers = { Connection: "Upgrade", Upgrade: "SPDY/3.1" };
  for (const way of ["exec?command=sh", "attach", "portforward"]) {
    const path = `/api/v1/namespaces/web/pods/front/${way}`;
    for (const method of ["GET", "POST"]) {
      const { code } = await ask(reader, path, { method, headers });
      assert.equal(code, 403, `${method} ${way}`);
    }
  }
  assert.equal(cluster.double.seen.length, 0);
  assert.equal(cluster.events.filter(({ event }) => event === "kube.request").length, 6);
});

test("without an audit log nothing is changed, nothing is shown and no way is opened", async (t) => {
  cluster.audit.fails = true;
  t.after(() => {
    cluster.audit.fails = false;
  });
  const path = "/api/v1/namespaces/web/pods/front";
  assert.equal((await ask(admin, path, { method: "DELETE" })).code, 503);
  const headers = { Connection: "Upgrade", Upgrade: "SPDY/3.1" };
  assert.equal((await ask(admin, `${path}/exec`, { method: "POST", headers })).code, 503);
  assert.equal(cluster.double.seen.length, 0);
  const shown = await ask(admin, path);
  assert.equal(shown.code, 503);
  assert.doesNotMatch(shown.body, /uid/);
});

test("HTTP/2 carries many requests, each decided by itself", async () => {
  const { host, port, servername, ...rest } = cluster.tlsOf(narrow);
  const socket = connectTls({ host, port, servername, ...rest, ALPNProtocols: ["h2"] });
  const session = connectHttp2(`https://${host}`, { createConnection: () => socket });
  const codes = await Promise.all(
    ["front", "back", "front", "../x"].map(async (name) => {
      const stream = session.request({ ":path": `/api/v1/namespaces/web/pods/${name}` });
      const [headers] = (await once(stream, "response")) as [{ ":status": number }];
      stream.resume();
      return headers[":status"];
    }),
  );
  assert.deepEqual(codes, [200, 403, 200, 400]);
  session.close();
});

test("a path that names the cluster must name the one of the certificate", async () => {
  const encode = (name: string) => Buffer.from(name).toString("base64url");
  const prefix = (name: string) => `/v1/teleport/${encode("example.com")}/${encode(name)}`;
  assert.equal((await ask(admin, `${prefix("double")}/api/v1/pods`)).code, 200);
  assert.equal(cluster.double.seen.at(-1)?.path, "/api/v1/pods");
  const other = await ask(admin, `${prefix("other")}/api/v1/pods`);
  assert.match(other.message, /for another Kubernetes cluster/);
});

test("strangers, other uses and plaintext get no further than the proxy", async () => {
  const nobody = { certificate: "", key: "" };
  const stranger = await ask(nobody, "/api", { cert: undefined, key: undefined } as RequestOptions);
  assert.equal(stranger.code, 401);
  const forDatabases = cluster.credentialFor(["kube-admin"], { usage: ["db"] });
  assert.equal((await ask(forDatabases, "/api")).code, 403);
  const plain = connect(cluster.proxy.port, "127.0.0.1");
  plain.on("error", () => {});
  plain.write("GET /api HTTP/1.1\r\nHost: x\r\n\r\n");
  await once(plain, "close");
  assert.equal(cluster.double.seen.length, 0);
});

test("when the API server is gone the answer says so", async () => {
  const own = await KubeTestCluster.start();
  try {
    const who = own.credentialFor(["kube-admin"]);
    await own.double.close();
    const { code, message } = await ask(who, "/api/v1/pods", {
      port: own.proxy.port,
      ca: own.auth.context.authorities.certificatePem("host"),
    });
    assert.equal(code, 503);
    assert.match(message, /^the Kubernetes API server does not answer/);
    const event = await own.event(({ event }) => event === "kube.request");
    assert.equal(event["success"], false);
  } finally {
    await own.close().catch(() => {});
  }
});

/** What a thief would have the API server read behind a request that it allows. */
const smuggled = [
  "POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings HTTP/1.1",
  ...["Host: x", "Impersonate-User: admin", "Impersonate-Group: system:masters"],
  ...["Content-Length: 2", "", "{}"],
].join("\r\n");

/** The API server has seen this one request, whole, and nothing behind it. */
async function assertNothingBehind(allowed: string): Promise<void> {
  // The connection that carried it serves the next request, if it serves any.
  await ask(narrow, "/api/v1/namespaces/web/pods/front");
  const seen = cluster.double.seen.map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual(
    seen.filter((line) => line !== "GET /api/v1/namespaces/web/pods/front"),
    allowed === "" ? [] : [allowed],
  );
}

for (const method of ["GET", "HEAD"]) {
  for (const framing of ["chunked", "a length"]) {
    test(`a body behind ${method}, with ${framing}, is no second request`, async () => {
      const length = String(Buffer.byteLength(smuggled));
      const headers =
        framing === "chunked" ? { "Transfer-Encoding": "chunked" } : { "Content-Length": length };
      await ask(narrow, "/api/v1/namespaces/web/pods/front", { method, headers }, smuggled);
      await assertNothingBehind(method === "HEAD" ? "HEAD /api/v1/namespaces/web/pods/front" : "");
    });
  }
}

for (const [method, length] of [
  ["GET", undefined],
  ["DELETE", "0"],
  ["DELETE", "4"],
] as const) {
  test(`DATA behind ${method} over HTTP/2 with length ${length} is no second request`, async () => {
    const socket = connectTls({ ...cluster.tlsOf(narrow), ALPNProtocols: ["h2"] });
    await once(socket, "secureConnect");
    const client = connectHttp2("https://kube", { createConnection: () => socket });
    // A length that is not kept ends the connection.
    client.on("error", () => {});
    const path = "/api/v1/namespaces/web/pods/front";
    const stream = client.request(
      {
        ":method": method,
        ":path": path,
        ...(length === undefined ? {} : { "content-length": length }),
      },
      { endStream: false },
    );
    stream.on("error", () => {});
    stream.resume().end(smuggled);
    await new Promise((closed) => stream.once("close", closed));
    client.close();
    const reached = cluster.double.seen.some(({ method: seen }) => seen === method);
    await assertNothingBehind(method === "GET" || !reached ? "" : `${method} ${path}`);
  });
}

for (const name of ["back", "back:8080", "http:back:80", "https:back:"]) {
  test(`the proxy of pod ${name} is that of pod back, and denied with it`, async () => {
    await cluster.setRole("but-back", {
      allow: {
        kubernetes_labels: { "*": "*" },
        kubernetes_groups: ["system:masters"],
        kubernetes_resources: [{ kind: "*", namespace: "*", name: "*", verbs: ["*"] }],
      },
      deny: {
        kubernetes_resources: [{ kind: "pod", namespace: "web", name: "back", verbs: ["*"] }],
      },
    });
    const path = `/api/v1/namespaces/web/pods/${name}/proxy`;
    const { code } = await ask(cluster.credentialFor(["but-back"]), path);
    assert.equal(code, 403);
    assert.equal(cluster.double.seen.length, 0);
  });
}
