/** `ssh-keygen` as the judge of our keys and certificates, and the other way round. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { parseCertificate } from "#ssh/certificate.ts";
import { checkCertificate } from "#ssh/certificate-check.ts";
import { parsePrivateKey } from "#ssh/private-key.ts";
import { fingerprint, parseAuthorizedKey } from "#ssh/public-key.ts";
import { keySigner } from "#ssh/signer.ts";
import { certify, createKey, KeyFolder } from "../support/ssh-keys.ts";

const folder = new KeyFolder();
after(() => folder.remove());

const keygen = (...args: string[]): string =>
  execFileSync("ssh-keygen", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

const kinds = {
  ed25519: ["ed25519"],
  ecdsa256: ["ecdsa", "-b", "256"],
  ecdsa384: ["ecdsa", "-b", "384"],
  ecdsa521: ["ecdsa", "-b", "521"],
  rsa: ["rsa", "-b", "3072"],
} as const;

for (const [kind, args] of Object.entries(kinds)) {
  const name = kind as keyof typeof kinds;

  test(`ssh-keygen reads our private key of kind ${kind} and gives our fingerprint`, () => {
    const key = createKey(name);
    const file = folder.writeKey(`ours_${kind}`, key);
    const publicLine = keygen("-y", "-P", "", "-f", file);
    assert.deepEqual(parseAuthorizedKey(publicLine).blob, key.signer.publicKey);
    assert.equal(keygen("-lf", `${file}.pub`).split(" ")[1], fingerprint(key.signer.publicKey));
  });

  test(`we read a private key and a certificate of kind ${kind} that ssh-keygen made`, () => {
    const file = join(folder.path, `theirs_${kind}`);
    const ca = join(folder.path, `ca_${kind}`);
    for (const path of [file, ca]) keygen("-q", "-t", ...args, "-N", "", "-C", "alice", "-f", path);
    const line = parseAuthorizedKey(readFileSync(`${file}.pub`, "utf8"));
    assert.deepEqual(keySigner(parsePrivateKey(readFileSync(file, "utf8"))).publicKey, line.blob);
    const options = ["-O", "clear", "-O", "permit-pty", "-O", "extension:x@y=z"];
    const limits = ["-O", "source-address=127.0.0.1/32", "-V", "-5m:+1h", "-z", "42"];
    keygen("-q", "-s", ca, "-I", "alice", "-n", "root,admin", ...options, ...limits, `${file}.pub`);
    const { blob } = parseAuthorizedKey(readFileSync(`${file}-cert.pub`, "utf8"));
    const certificate = parseCertificate(blob);
    assert.deepEqual([certificate.serial, certificate.keyId], [42n, "alice"]);
    assert.deepEqual(certificate.principals, ["root", "admin"]);
    assert.deepEqual(
      [...certificate.extensions],
      [
        ["permit-pty", ""],
        ["x@y", "z"],
      ],
    );
    checkCertificate(certificate, {
      type: "user",
      authorities: [parseAuthorizedKey(readFileSync(`${ca}.pub`, "utf8")).blob],
      now: new Date(),
      principal: "admin",
      sourceAddress: "127.0.0.1",
    });
  });
}

test("ssh-keygen shows our certificate with everything in it", () => {
  const key = createKey();
  const authority = createKey("ecdsa256");
  const certificate = certify(key, authority, {
    serial: 2n ** 64n - 1n,
    keyId: "alice@example.com",
    principals: ["root", "alice"],
    validAfter: new Date("2026-01-01T00:00:00Z"),
    validBefore: new Date("2026-01-01T12:00:00Z"),
    criticalOptions: { "source-address": "10.0.0.1/32" },
    extensions: { "teleport-device-id": "dev-123", "permit-pty": "" },
  });
  const file = folder.writeKey("shown", key, certificate);
  const shown = execFileSync("ssh-keygen", ["-Lf", `${file}-cert.pub`], {
    ...{ encoding: "utf8", env: { ...process.env, TZ: "UTC" } },
  });
  const lines = shown.split("\n").map((line) => line.trim());
  for (const line of [
    "Type: ssh-ed25519-cert-v01@openssh.com user certificate",
    `Public key: ED25519-CERT ${fingerprint(key.signer.publicKey)}`,
    `Signing CA: ECDSA ${fingerprint(authority.signer.publicKey)} (using ecdsa-sha2-nistp256)`,
    'Key ID: "alice@example.com"',
    "Serial: 18446744073709551615",
    "Valid: from 2026-01-01T00:00:00 to 2026-01-01T12:00:00",
    "root",
    "alice",
    "source-address 10.0.0.1/32",
    "permit-pty",
  ]) {
    assert.ok(lines.includes(line), `${line}\nin\n${shown}`);
  }
  assert.match(shown, /teleport-device-id UNKNOWN OPTION: 000000076465762d313233/);
});
