/**
 * How fast user certificates are issued, as a share of raw signing with the same key in the same
 * run. The rounds alternate, so that a busy machine slows both sides. The goal is a share of at
 * least 0.40.
 */
import { sign } from "node:crypto";
import { issueCertificate } from "#x509/issue.ts";
import { signerOf } from "#x509/signer.ts";
import {
  type KeyKind,
  leafContents,
  makeAuthority,
  makeKey,
} from "../test/support/certificates.ts";

function perSecond(count: number, work: () => void): number {
  const start = process.hrtime.bigint();
  for (let i = 0; i < count; i++) work();
  return (count * 1e9) / Number(process.hrtime.bigint() - start);
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function measure(kind: KeyKind, count: number): void {
  const authority = makeAuthority(kind);
  const contents = leafContents(authority, signerOf(makeKey("p256")).publicKey);
  const tbs = new Uint8Array(600);
  const hash = kind === "ed25519" ? null : "sha256";
  const raw: number[] = [];
  const issued: number[] = [];
  for (let round = 0; round < 7; round++) {
    raw.push(perSecond(count, () => sign(hash, tbs, authority.key)));
    issued.push(perSecond(count, () => issueCertificate(contents, authority.signer)));
  }
  const [a, b] = [median(raw), median(issued)];
  console.log(
    `${kind.padEnd(9)} raw ${a.toFixed(0)}/s  issued ${b.toFixed(0)}/s  share ${(b / a).toFixed(2)}`,
  );
}

measure("p256", 4000);
measure("ed25519", 4000);
measure("rsa-2048", 300);
