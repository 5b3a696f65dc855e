/** `tsh login` and what follows it, against a fake cluster with a web certificate that no authority vouches for. */
import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { sameBytes } from "#base/bytes.ts";
import { encodePublicKey, parseAuthorizedKey } from "#ssh/public-key.ts";
import { startTestHome } from "../../test/support/client/tsh.ts";

const answers = { stdin: "hunter2\n123456\n" };

async function start(context: TestContext, options: Parameters<typeof startTestHome>[0] = {}) {
  const home = await startTestHome(options);
  context.after(() => home.close());
  await home.run(["logout"]);
  home.cluster.calls.length = 0;
  const proxy = `--proxy=localhost:${home.cluster.port}`;
  return { ...home, proxy };
}

test("the guide's login: password and code from stdin, the status block, then everything works", async (context) => {
  const { run, proxy, cluster } = await start(context);
  const login = await run(["login", proxy, "--user=myuser", "--insecure"], answers);
  assert.equal(login.code, 0, login.stderr);
  assert.match(login.stdout, /^> Profile URL: {8}localhost:\d+\n {2}Logged in as: {7}myuser\n/);
  assert.match(login.stdout, /^ {2}Kubernetes: {9}enabled$/m);
  assert.match(login.stderr, /web certificate of localhost:\d+ was not verified/);
  assert.deepEqual(cluster.calls, [
    "/webapi/ping",
    "/v1/webapi/mfa/login/begin",
    "/v1/webapi/mfa/login/finish",
  ]);
  assert.equal((await run(["ls", "--format=names"])).code, 0);
});

test("--insecure is needed once: the certificate is remembered, also over a logout", async (context) => {
  const { run, proxy } = await start(context);
  const untrusted = await run(["login", proxy, "--user=myuser"], answers);
  assert.equal(untrusted.code, 1);
  assert.match(untrusted.stderr, /is not trusted.*\n\nhint: .*--insecure/);
  await run(["login", proxy, "--user=myuser", "--insecure"], answers);
  await run(["logout"]);
  const again = await run(["login", proxy, "--user=myuser"], answers);
  assert.equal(again.code, 0, again.stderr);
  assert.doesNotMatch(again.stderr, /WARNING/);
  assert.match((await run(["clusters"])).stdout, /^example\.com +online +root +\* +$/m);
});

test("a remembered certificate that changed is refused before a password is asked for", async (context) => {
  const { run, proxy } = await start(context);
  await run(["login", proxy, "--user=myuser", "--insecure"], answers);
  await run(["logout"]);
  const other = await startTestHome();
  context.after(() => other.close());
  const swapped = `--proxy=localhost:${other.cluster.port}`;
  const refused = await run(["login", swapped, "--user=myuser"], answers);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /is not the one seen at login/);
  assert.doesNotMatch(refused.stderr, /password/);
});

test("a wrong password is told in the proxy's words, and leaves nothing behind", async (context) => {
  const { run, proxy, folder } = await start(context);
  const wrong = await run(["login", proxy, "--user=myuser", "--insecure"], {
    stdin: "x\n123456\n",
  });
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /^ERROR: invalid username, password or second factor$/m);
  assert.equal(existsSync(join(folder, "current-profile")), false);
  const code = await run(["login", proxy, "--user=myuser", "--insecure"], {
    stdin: "hunter2\n000000\n",
  });
  assert.match(code.stderr, /^ERROR: invalid username/m);
});

test("a login that is still good is not repeated", async (context) => {
  const { run, proxy, cluster } = await start(context);
  await run(["login", proxy, "--user=myuser", "--insecure"], answers);
  cluster.calls.length = 0;
  const again = await run(["login"]);
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stdout, /^> Profile URL:/);
  assert.deepEqual(cluster.calls, ["/webapi/ping"]);
});

test("TELEPORT_PROXY and TELEPORT_USER stand in for the flags", async (context) => {
  const home = await start(context);
  const env = home.services.env;
  env["TELEPORT_PROXY"] = `localhost:${home.cluster.port}`;
  env["TELEPORT_USER"] = "fromenv";
  const login = await home.run(["login", "--insecure"], answers);
  assert.match(login.stdout, /Logged in as: {7}fromenv/);
});

test("logout; login without an address goes back to the same proxy", async (context) => {
  const { run, proxy } = await start(context);
  await run(["login", proxy, "--user=myuser", "--insecure"], answers);
  await run(["logout"]);
  const again = await run(["login", "--user=myuser"], answers);
  assert.equal(again.code, 0, again.stderr);
});

test("without an address, on a machine that never logged in, there is one sentence with the whole command", async (context) => {
  const { run, folder } = await start(context);
  rmSync(folder, { recursive: true });
  const { code, stderr } = await run(["login"]);
  assert.equal(code, 2);
  assert.equal(
    stderr,
    "ERROR: proxy address is not specified\n\nhint: give it with: tsh login --proxy=HOST --user=NAME\n",
  );
});

test("a cluster that calls itself a path is refused before a password is asked for", async (context) => {
  const { run, proxy } = await start(context, { pingName: "../../etc" });
  const { code, stderr } = await run(["login", proxy, "--user=myuser", "--insecure"], answers);
  assert.equal(code, 1);
  assert.match(stderr, /cannot be a cluster name/);
  assert.doesNotMatch(stderr, /password/);
});

test("the keys of a login are of the kinds that the suite asks for, in OpenSSH's and PKCS#8 form", async (context) => {
  const { run, proxy, folder } = await start(context);
  await run(["login", proxy, "--user=myuser", "--insecure"], answers);
  const keys = join(folder, "keys", "localhost");
  assert.match(readFileSync(join(keys, "myuser"), "utf8"), /^-----BEGIN OPENSSH PRIVATE KEY/);
  assert.match(readFileSync(join(keys, "myuser.pub"), "utf8"), /^ssh-ed25519 \S+ myuser\n$/);
  assert.match(readFileSync(join(keys, "myuser.key"), "utf8"), /^-----BEGIN PRIVATE KEY/);
  assert.match(
    readFileSync(join(keys, "myuser-ssh", "example.com-cert.pub"), "utf8"),
    /^ssh-ed25519-cert-v01@openssh\.com /,
  );
});

test("a cluster that knows no suite: one RSA key stands for both, and everything works", async (context) => {
  const { run, proxy, folder } = await start(context, { suite: "", tunnel: false });
  const login = await run(["login", proxy, "--user=myuser", "--insecure"], answers);
  assert.equal(login.code, 0, login.stderr);
  const keys = join(folder, "keys", "localhost");
  assert.match(readFileSync(join(keys, "myuser.pub"), "utf8"), /^ssh-rsa \S+ myuser\n$/);
  const tls = createPublicKey(createPrivateKey(readFileSync(join(keys, "myuser.key"))));
  const ssh = parseAuthorizedKey(readFileSync(join(keys, "myuser.pub"), "utf8")).blob;
  assert.ok(sameBytes(encodePublicKey(tls), ssh));
  assert.equal((await run(["ls", "--format=names"])).code, 0);
});

test("a proxy that calls itself by the name of another one replaces nothing that is filed there", async (context) => {
  const { run, proxy, folder } = await start(context);
  await run(["login", proxy, "--user=myuser", "--insecure"], answers);
  const filed = () =>
    ["localhost.yaml", "known_hosts", "keys/localhost/myuser.key", "keys/localhost/certs.pem"].map(
      (name) => readFileSync(join(folder, name), "utf8"),
    );
  const before = filed();
  // The other one is reached as 127.0.0.1, and says that it is localhost.
  const other = await startTestHome();
  context.after(() => other.close());
  const hostile = `--proxy=127.0.0.1:${other.cluster.port}`;
  const refused = await run(["login", hostile, "--user=myuser", "--insecure"], answers);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /calls itself localhost.*another cluster\n\nhint: .*tsh logout/);
  assert.deepEqual(filed(), before);
  assert.equal((await run(["logout"])).code, 0);
  assert.equal((await run(["login", proxy, "--user=myuser"], answers)).code, 0);
});
