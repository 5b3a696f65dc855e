/** The invitation page in a real browser (Debian's Chromium): what a person sees, and what a mistake costs them. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Browser, chromium, type Page } from "playwright-core";
import { OneTimeCodes } from "../support/cluster/one-time-codes.ts";
import { Cluster } from "../support/cluster.ts";

let cluster: Cluster;
let browser: Browser;

before(async () => {
  cluster = await Cluster.start();
  browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
});

after(async () => {
  await browser?.close();
  await cluster?.close();
});

/** Opens an address in a fresh browser that accepts the self-signed certificate, as a person would after the warning. */
async function open(url: string): Promise<Page> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

/** The address of the first invitation, as the server printed it. */
function invitationUrl(): string {
  const [url] = /https:\S+\/web\/invite\/\S+/.exec(cluster.welcome) ?? [];
  assert.ok(url);
  return url;
}

test("a person completes the invitation, and after it the link is gone", async () => {
  const page = await open(invitationUrl());
  assert.equal(await page.textContent("h1"), "Welcome, myuser");
  const secret = await page.textContent("code");
  assert.ok(secret);
  const app = new OneTimeCodes(secret);

  await page.fill("#password", "a long enough password");
  await page.fill("#again", "another long password");
  await page.fill("#code", "000000");
  await page.click("button");
  assert.equal(await page.textContent("[role=alert]"), "The two passwords are not the same.");
  assert.equal(await page.textContent("code"), secret, "the app need not be set up again");

  await page.fill("#password", "a long enough password");
  await page.fill("#again", "a long enough password");
  await page.fill("#code", await app.next());
  await page.click("button");
  assert.equal(await page.textContent("h1"), "Ready, myuser");
  assert.match(
    (await page.textContent("pre")) ?? "",
    /tsh login --proxy=localhost:\d+ --user=myuser/,
  );

  const again = await open(invitationUrl());
  assert.equal(await again.textContent("h1"), "This link does not work");
  const shots = process.env["GATEHOUSE_SCREENSHOTS"];
  if (shots) await again.screenshot({ path: `${shots}/gone.png` });
});

test("no script runs and nothing is loaded from elsewhere", async () => {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  const answer = await page.goto(`https://${cluster.proxy}/`);
  assert.match(answer?.headers()["content-security-policy"] ?? "", /default-src 'none'/);
  assert.deepEqual(
    asked.filter((path) => path !== "/favicon.ico"),
    ["/"],
  );
});

test("a person registers a security key instead of an app, with the browser's virtual authenticator", async () => {
  await cluster.store(`kind: cluster_auth_preference
version: v2
metadata:
  name: cluster-auth-preference
spec:
  second_factor: webauthn
  webauthn:
    rp_id: localhost
`);
  const invited = await cluster.admin("users", "add", "keyholder", "--roles=access");
  const [url] = /https:\S+\/web\/invite\/\S+/.exec(invited) ?? [];
  assert.ok(url, invited);
  const page = await open(url);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: { protocol: "ctap2", transport: "usb", automaticPresenceSimulation: true },
  });
  assert.equal(await page.locator("#code").count(), 0, "this cluster takes no codes");
  await page.fill("#password", "a long enough password");
  await page.fill("#again", "a long enough password");
  await page.click("#key");
  await page.waitForURL(() => true);
  await page.waitForFunction(
    'document.querySelector("h1").textContent.startsWith("Ready") || document.querySelector("#key-note").textContent.startsWith("The security key was not")',
  );
  assert.equal(
    await page.textContent("h1"),
    "Ready, keyholder",
    (await page.locator("#key-note").allTextContents()).join(),
  );
});
