/** User certificates per second, as a share of raw signing with the same key. The rounds alternate. */
import { sign } from "node:crypto";
import { systemRandom } from "#base/random.ts";
import { issueCertificate as issueSshCertificate } from "#ssh/certificate.ts";
import { issueCertificate } from "#x509/issue.ts";
import { signerOf } from "#x509/signer.ts";
import { leafContents, makeAuthority, makeKey } from "../../test/support/certificates.ts";
import { createKey } from "../../test/support/ssh-keys.ts";
import { median, ratePerSecond } from "../measure.ts";
import type { Row } from "../row.ts";

const signed = new Uint8Array(600);

/** X.509 under P-256, SSH under Ed25519: the default suite. */
export async function measureCertificates(): Promise<Row[]> {
  const authority = makeAuthority("p256");
  const contents = leafContents(authority, signerOf(makeKey("p256")).publicKey);
  const x509 = compare(
    () => sign("sha256", signed, authority.key),
    () => issueCertificate(contents, authority.signer),
  );
  const userCa = createKey();
  const request = {
    type: "user",
    publicKey: createKey().signer.publicKey,
    serial: 1n,
    keyId: "alice",
    principals: ["root", "ubuntu", "-teleport-internal-join"],
    validAfter: new Date(),
    validBefore: new Date(Date.now() + 3_600_000),
    extensions: {
      "permit-agent-forwarding": "",
      "permit-port-forwarding": "",
      "permit-pty": "",
      "teleport-roles": '{"roles":["access","editor"]}',
      "teleport-traits": '{"logins":["root","ubuntu"]}',
      "login-ip": "127.0.0.1",
    },
  } as const;
  const ssh = compare(
    () => sign(null, signed, userCa.privateKey),
    () => issueSshCertificate(request, userCa.signer, systemRandom),
  );
  return [
    row("X.509 user certificates, P-256", x509, 0.4),
    row("SSH user certificates, Ed25519", ssh, 0.7),
  ];
}

function compare(raw: () => unknown, issue: () => unknown): { peer: number; ours: number } {
  const rates = { peer: [] as number[], ours: [] as number[] };
  for (let round = -1; round < 7; round++) {
    const [peer, ours] = [ratePerSecond(3000, raw), ratePerSecond(3000, issue)];
    if (round < 0) continue;
    rates.peer.push(peer);
    rates.ours.push(ours);
  }
  return { peer: median(rates.peer), ours: median(rates.ours) };
}

function row(what: string, { peer, ours }: { peer: number; ours: number }, limit: number): Row {
  return {
    what,
    unit: "/s",
    ours,
    peer: { what: "raw signatures", value: peer },
    goal: { at: "least", limit },
  };
}
