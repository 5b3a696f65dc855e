/** Where browsers are sent: one row per way to name another place. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { safeRedirect } from "#proxy/web/redirect.ts";

const host = "proxy.example.com";

const rows: readonly [name: string, wanted: string, goes: string][] = [
  ["nothing", "", "/web"],
  ["the home page", "/web", "/web"],
  ["a page below it", "/web/cluster/c/nodes", "/web/cluster/c/nodes"],
  ["a page with a query and a fragment", "/web/apps?x=1#y", "/web/apps"],
  ["the root", "/", "/web"],
  ["a path elsewhere", "/apps/grafana", "/web/apps/grafana"],
  ["a path that only begins alike", "/website", "/web/website"],
  ["a path without a slash", "apps", "/web/apps"],
  ["a whole address of ours", `https://${host}/web/apps`, "/web/apps"],
  ["a whole address of another host", "https://evil.example/web/apps", "/web/apps"],
  ["another host without a scheme", "//evil.example/x", "/web/x"],
  ["another host behind backslashes", "\\\\evil.example\\x", "/web/x"],
  ["another host behind a slash and a backslash", "/\\evil.example/x", "/web/x"],
  ["another host behind a tab", "/\t/evil.example/x", "/web/x"],
  ["a path of two slashes", "https://evil.example//evil.example/", "/web/evil.example"],
  ["user and password", "https://proxy.example.com@evil.example/x", "/web/x"],
  ["dot segments", "/web/../../webapi/x", "/web/webapi/x"],
  ["dot segments in percent notation", "/web/%2e%2e/%2E%2e/x", "/web/x"],
  ["a script", "javascript:alert(1)", "/web"],
  ["data", "data:text/html,x", "/web"],
  ["no address at all", "https://[", "/web"],
  [
    "a line break",
    "/web/x\r\nlocation: https://evil.example",
    "/web/xlocation:%20https:/evil.example",
  ],
  [
    "SAML, which keeps its query",
    "/enterprise/saml-idp/sso?SAMLRequest=a",
    "/enterprise/saml-idp/sso?SAMLRequest=a",
  ],
  [
    "SAML of one service",
    "/enterprise/saml-idp/login/app?x=1",
    "/enterprise/saml-idp/login/app?x=1",
  ],
  [
    "SAML at our own address",
    `https://${host}/enterprise/saml-idp/sso?x=1`,
    "/enterprise/saml-idp/sso?x=1",
  ],
  ["SAML at another host", "https://evil.example/enterprise/saml-idp/sso?x=1", "/web"],
  [
    "SAML with more path",
    "/enterprise/saml-idp/login/a/b?x=1",
    "/web/enterprise/saml-idp/login/a/b",
  ],
];

for (const [name, wanted, goes] of rows) {
  test(`${name} goes to ${goes}`, () => {
    assert.equal(safeRedirect(wanted, host), goes);
  });
}

test("the port belongs to the host", () => {
  const sso = "/enterprise/saml-idp/sso?x=1";
  assert.equal(safeRedirect(`https://${host}:3080${sso}`, `${host}:3080`), sso);
  assert.equal(safeRedirect(`https://${host}:3081${sso}`, `${host}:3080`), "/web");
});
