import assert from "node:assert/strict";
import { test } from "node:test";
import { html } from "#proxy/web/html.ts";
import { credentialDonePage, credentialPage } from "#proxy/web/pages.ts";

test("a user name cannot become markup", () => {
  const name = `<img src=x onerror="alert('1')">`;
  const page = credentialPage({
    cluster: "c",
    user: name,
    kind: "invite",
    otpauthUrl: "otpauth://totp/x?secret=A",
    otpSecret: "A",
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
    otpSecret: "ABCDEF",
  }).text;
  assert.match(page, /<svg /);
  assert.match(page, /<code>ABCDEF<\/code>/);
});
