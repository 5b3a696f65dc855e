import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { html } from "#proxy/web/html.ts";
import { credentialDonePage, credentialPage, pageHeaders } from "#proxy/web/pages.ts";
import { securityKeyField } from "#proxy/web/security-key.ts";

test("a user name cannot become markup", () => {
  const name = `<img src=x onerror="alert('1')">`;
  const page = credentialPage({
    cluster: "c",
    user: name,
    kind: "invite",
    otpauthUrl: "otpauth://totp/x?secret=A",
    webauthnCreation: name,
    required: true,
    error: name,
  }).text;
  assert.ok(!page.includes("<img"));
  assert.ok(page.includes("&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;"));
  assert.ok(!credentialDonePage(name, name).text.includes("<img"));
});

test("html keeps markup, joins lists and escapes the rest", () => {
  const items = ["a", "<b>"].map((item) => html`<li>${item}</li>`);
  assert.equal(html`<ul>${items}</ul>${1}`.text, "<ul><li>a</li><li>&lt;b&gt;</li></ul>1");
});

test("the page carries the secret both as a picture and as text", () => {
  const page = credentialPage({
    cluster: "c",
    user: "u",
    kind: "reset",
    otpauthUrl: "otpauth://totp/c:u?secret=ABCDEF",
    webauthnCreation: "",
    required: true,
  }).text;
  assert.match(page, /<svg /);
  assert.match(page, /<code>ABCDEF<\/code>/);
});

test("the page asks for what the cluster takes, and demands what it demands", () => {
  const page = { cluster: "c", user: "u", kind: "invite" } as const;
  const otpauthUrl = "otpauth://totp/c:u?secret=ABCDEF";
  const shown = (otp: string, webauthnCreation: string, required: boolean) =>
    credentialPage({ ...page, otpauthUrl: otp, webauthnCreation, required }).text;
  assert.doesNotMatch(shown("", "", false), /name="code"|id="key"/);
  assert.match(shown(otpauthUrl, "", true), /name="code"[^>]* required>/);
  assert.doesNotMatch(shown(otpauthUrl, "", false), /name="code"[^>]* required>/);
  assert.match(shown(otpauthUrl, "{}", true), /name="code"[\s\S]*id="key"/);
  // With keys alone, the form cannot be sent without one.
  assert.doesNotMatch(shown("", "{}", true), /<button>/);
});

test("the content policy lets the script for security keys run, and no other", () => {
  const policy = pageHeaders["content-security-policy"] ?? "";
  const script = /<script>([\s\S]*)<\/script>/.exec(securityKeyField("{}").text)?.[1] ?? "";
  const hash = createHash("sha256").update(script).digest("base64");
  assert.ok(policy.includes(`script-src 'sha256-${hash}';`));
  assert.ok(policy.startsWith("default-src 'none'"));
});
