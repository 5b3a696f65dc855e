/** Writes test/vectors/tpm/*.json from freshly manufactured swtpm TPMs. Run by hand; the output is checked in. */
import { createPublicKey } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { base64 } from "#base/bytes.ts";
import { systemRandom } from "#base/random.ts";
import { withEndorsementKey } from "#client/device/tpm-keys.ts";
import { parseAttestationKey } from "#tpm/attestation-key.ts";
import type { TpmClient } from "#tpm/client.ts";
import { createPrimary } from "#tpm/commands/keys.ts";
import {
  activateCredential,
  assertEndorsementPolicy,
  startPolicySession,
} from "#tpm/commands/sessions.ts";
import { algorithm, permanentHandle } from "#tpm/constants.ts";
import { credentialIdOf } from "#tpm/credential-id.ts";
import type { PublicBytes } from "#tpm/forms.ts";
import { makeCredential } from "#tpm/make-credential.ts";
import { decodePublic, publicKeyOf } from "#tpm/public-area.ts";
import { attestationKeyTemplate, p256EndorsementTemplate } from "#tpm/templates.ts";
import { type RealKey, rsaAttestationTemplate, withRealKey, withTpm } from "./real-tpm-key.ts";
import { createVendor, manufactureTpm, removeTpms, startTpm } from "./swtpm.ts";
import type { TpmVectorFile } from "./tpm-vectors.ts";

interface Endorsement {
  readonly handle: number;
  readonly spki: Uint8Array;
  readonly certificate?: Uint8Array | undefined;
}

async function capture(
  client: TpmClient,
  template: PublicBytes,
  banks: readonly number[],
  issuerPem: string | undefined,
  withEndorsement: <T>(use: (key: Endorsement) => Promise<T>) => Promise<T>,
): Promise<TpmVectorFile> {
  return withRealKey(client, template, async (key) => {
    const { parameters } = key;
    const attestationKey = parseAttestationKey(parameters.public, { allowSha1: false });
    const evidence = await key.quote(systemRandom(32), banks);
    return withEndorsement(async (endorsement) => ({
      source: "swtpm (libtpms), captured by test/support/capture-tpm-vectors.ts",
      capturedAt: new Date(Date.now() + 3_600_000).toISOString(),
      attestationKey: {
        public: base64(parameters.public),
        createData: base64(parameters.createData),
        createAttestation: base64(parameters.createAttestation),
        createSignature: base64(parameters.createSignature),
      },
      credentialId: credentialIdOf(attestationKey),
      endorsementKey: base64(endorsement.spki),
      ...(endorsement.certificate && { endorsementCertificate: base64(endorsement.certificate) }),
      ...(issuerPem === undefined ? {} : { issuerPem }),
      activation: await activate(client, key, attestationKey.name, endorsement),
      nonce: base64(evidence.nonce),
      quotes: evidence.quotes.map(({ quote, signature }) => ({
        quote: base64(quote),
        signature: base64(signature),
      })),
      pcrs: banks.map((hash) => ({
        hash,
        digests: evidence.pcrs.filter((pcr) => pcr.hash === hash).map((pcr) => base64(pcr.digest)),
      })),
    }));
  });
}

async function activate(
  client: TpmClient,
  key: RealKey,
  name: Parameters<typeof makeCredential>[1],
  endorsement: Endorsement,
): Promise<TpmVectorFile["activation"]> {
  const random: string[] = [];
  const recorded = (length: number) => {
    const bytes = systemRandom(length);
    random.push(base64(bytes));
    return bytes;
  };
  const secret = systemRandom(32);
  const spki = { key: Buffer.from(endorsement.spki), format: "der", type: "spki" } as const;
  const credential = makeCredential(createPublicKey(spki), name, secret, recorded);
  const solution = await client.withHandle(
    startPolicySession(systemRandom(32)),
    async (session) => {
      await client.run(assertEndorsementPolicy(session));
      return client.run(activateCredential(key.handle, endorsement.handle, session, credential));
    },
  );
  return {
    random,
    secret: base64(secret),
    credentialBlob: base64(credential.credentialBlob),
    encryptedSecret: base64(credential.secret),
    solution: base64(solution),
  };
}

async function write(name: string, vector: TpmVectorFile): Promise<void> {
  const path = new URL(`../vectors/tpm/${name}.json`, import.meta.url);
  await writeFile(path, `${JSON.stringify(vector, null, 2)}\n`);
}

const vendor = await createVendor("vectors");
const tpm = await startTpm((await manufactureTpm(vendor)).stateDir);
await withTpm(tpm, async (client) => {
  const banks = [algorithm.sha1, algorithm.sha256];
  await write(
    "rsa-two-banks",
    await capture(client, rsaAttestationTemplate, banks, vendor.issuerPem, (use) =>
      withEndorsementKey(client, use),
    ),
  );
  await write(
    "p256-sha256",
    await capture(client, attestationKeyTemplate, [algorithm.sha256], undefined, async (use) => {
      const template = p256EndorsementTemplate();
      const made = await client.run(createPrimary(permanentHandle.endorsement, template));
      const key = publicKeyOf(decodePublic(made.public));
      const spki = new Uint8Array(key.export({ format: "der", type: "spki" }));
      return client.holding(made.handle, () => use({ handle: made.handle, spki }));
    }),
  );
});
await tpm.stop();
await removeTpms();
