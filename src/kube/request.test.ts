import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { readRequest } from "./request.ts";

/** verb group/version resource namespace/name subresource, or the segments of another path. */
function told(method: string, target: string): string {
  const read = readRequest(method, target);
  if (read.kind === "path") return `${read.verb} /${read.segments.join("/")}`;
  const { verb, group, version, resource, namespace, name, subresource } = read;
  return `${verb} ${group}/${version} ${resource} ${namespace}/${name} ${subresource}`.trim();
}

for (const [method, target, expected] of [
  ["GET", "/api/v1/namespaces/web/pods", "list /v1 pods web/"],
  ["GET", "/api/v1/pods", "list /v1 pods /"],
  ["GET", "/api/v1/pods?watch=true", "watch /v1 pods /"],
  ["GET", "/api/v1/pods?watch=", "watch /v1 pods /"],
  ["GET", "/api/v1/pods?watch=yes", "watch /v1 pods /"],
  ["GET", "/api/v1/pods?watch=False", "list /v1 pods /"],
  ["GET", "/api/v1/pods?watch=0&watch=1", "list /v1 pods /"],
  ["GET", "/api/v1/watch/namespaces/web/pods", "watch /v1 pods web/"],
  ["GET", "/api/v1/namespaces/web/pods/a?watch=true", "get /v1 pods web/a"],
  ["HEAD", "/api/v1/namespaces/web/pods/a", "get /v1 pods web/a"],
  ["GET", "/api/v1/namespaces/web/pods/a/log?follow=true", "get /v1 pods web/a log"],
  ["POST", "/api/v1/namespaces/web/pods", "create /v1 pods web/"],
  ["POST", "/api/v1/namespaces/web/pods/a/exec?command=sh", "exec /v1 pods web/a exec"],
  ["GET", "/api/v1/namespaces/web/pods/a/exec", "exec /v1 pods web/a exec"],
  ["GET", "/api/v1/namespaces/web/pods/a/attach", "exec /v1 pods web/a attach"],
  ["POST", "/api/v1/namespaces/web/pods/a/portforward", "portforward /v1 pods web/a portforward"],
  ["POST", "/api/v1/namespaces/web/pods/a/eviction", "delete /v1 pods web/a eviction"],
  ["GET", "/api/v1/nodes/n1/proxy/run/x", "* /v1 nodes /n1 proxy/run/x"],
  ["DELETE", "/apis/apps/v1/namespaces/web/deployments/d", "delete apps/v1 deployments web/d"],
  [
    "DELETE",
    "/apis/apps/v1/namespaces/web/deployments",
    "deletecollection apps/v1 deployments web/",
  ],
  [
    "PATCH",
    "/apis/apps/v1/namespaces/web/deployments/d/scale",
    "patch apps/v1 deployments web/d scale",
  ],
  ["GET", "/api/v1/namespaces", "list /v1 namespaces /"],
  ["GET", "/api/v1/namespaces/web", "get /v1 namespaces /web"],
  ["PUT", "/api/v1/namespaces/web/finalize", "update /v1 namespaces /web finalize"],
  [
    "GET",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node",
    "get rbac.authorization.k8s.io/v1 clusterroles /system:node",
  ],
  [
    "GET",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode",
    "get rbac.authorization.k8s.io/v1 clusterroles /system:node",
  ],
  ["GET", "/api", "get /api"],
  ["GET", "/api/", "get /api"],
  ["GET", "/apis/apps/v1", "get /apis/apps/v1"],
  ["GET", "/version?timeout=32s", "get /version"],
  ["GET", "/", "get /"],
] as const) {
  test(`${method} ${target} is read as ${expected}`, () => {
    assert.equal(told(method, target), expected);
  });
}

for (const [why, target] of [
  ["an empty segment", "/api/v1//pods"],
  ["two slashes at the begin", "//api/v1/pods"],
  ["a slash behind an object", "/api/v1/namespaces/web/pods/a/"],
  ["a step up", "/api/v1/namespaces/web/../kube-system/secrets"],
  ["an encoded step up", "/api/v1/namespaces/%2e%2e/secrets"],
  ["an encoded slash", "/api/v1/namespaces/web%2Fpods"],
  ["a percent sign that is encoded twice", "/api/v1/namespaces/web%252Fpods"],
  ["a broken encoding", "/api/v1/namespaces/%zz"],
  ["a backslash", "/api/v1\\pods"],
  ["a fragment", "/api/v1/pods#x"],
  ["a parameter of a segment", "/api/v1/pods;x"],
  ["an encoded zero byte", "/api/v1/pods%00"],
  ["a letter outside of ASCII", "/api/v1/p%C3%B6ds"],
  ["no slash at the begin", "api/v1/pods"],
  ["a whole URL", "http://elsewhere/api/v1/pods"],
] as const) {
  test(`${why} is refused`, () => {
    assert.throws(
      () => readRequest("GET", target),
      (error) => isFault(error, "malformed"),
    );
  });
}

test("what is not served is said to be so", () => {
  for (const [method, target] of [
    ["CONNECT", "/api"],
    ["TRACE", "/api"],
    ["get", "/api"],
    ["GET", "/api/v1/proxy/nodes/n1"],
  ] as const) {
    assert.throws(
      () => readRequest(method, target),
      (error) => isFault(error, "unimplemented"),
    );
  }
  assert.throws(
    () => readRequest("GET", `/${"x".repeat(20_000)}`),
    (error) => isFault(error, "too-large"),
  );
});

test("the path that goes on is read in the same way again", () => {
  const segment = fc.stringMatching(/^[a-z0-9:.@~!$&'()*+,=_-]{1,12}$/);
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 9 }), fc.boolean(), (segments, core) => {
      const target = `/${[core ? "api" : "apis", ...segments].join("/")}`;
      let read: ReturnType<typeof readRequest>;
      try {
        read = readRequest("GET", target);
      } catch (error) {
        assert.ok(isFault(error));
        return;
      }
      assert.deepEqual(readRequest("GET", read.path), read);
    }),
  );
});
