/** Endorsement certificates and keys of TPMs, which come from outside and are read leniently. */
import { concat, utf8 } from "#base/bytes.ts";
import { judgeEndorsement } from "#tpm/endorsement.ts";
import { parseEndorsementAuthorities } from "#tpm/endorsement-chain.ts";
import { loadTpmVector } from "../../test/support/tpm-vectors.ts";
import { x509Certificate } from "../fixtures.ts";
import { type Target, textOf } from "../target.ts";

/** The first byte chooses: certificate, key, or the authorities that an administrator writes. */
export const endorsement: Target = {
  name: "endorsement",
  maxLength: 20_000,
  dictionary: [Uint8Array.of(0x06, 0x05, 0x67, 0x81, 0x05, 0x02, 0x01), Uint8Array.of(0x31, 0x00)],
  open() {
    const vector = loadTpmVector("rsa-two-banks");
    const policy = { authorities: [], at: vector.at };
    return {
      seeds: [
        concat(Uint8Array.of(0), vector.endorsementCertificate ?? x509Certificate()),
        concat(Uint8Array.of(1), vector.endorsementKey),
        concat(Uint8Array.of(2), utf8(vector.issuerPem ?? "")),
      ],
      run(input) {
        const body = input.subarray(1);
        const kind = (input[0] ?? 0) % 3;
        if (kind === 0) return judgeEndorsement({ certificate: body }, policy).attestationType;
        if (kind === 1) return judgeEndorsement({ key: body }, policy).attestationType;
        return `${parseEndorsementAuthorities([textOf(body)]).length}`;
      },
    };
  },
};
