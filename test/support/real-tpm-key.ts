/**
 * Attestation keys in a real TPM of any shape, made with the product's own commands: what our client never makes, but the
 * server meets (RSA keys of the official client) or must refuse (unrestricted keys).
 */
import { setTimeout as wait } from "node:timers/promises";
import { withStorageRoot } from "#client/device/tpm-keys.ts";
import { openTpmTransport } from "#client/device/tpm-transport.ts";
import type { AttestationParameters } from "#tpm/attestation-key.ts";
import { TpmClient } from "#tpm/client.ts";
import { certifyCreation, quotePcrs } from "#tpm/commands/attestation.ts";
import { createKey, loadKey } from "#tpm/commands/keys.ts";
import { algorithm } from "#tpm/constants.ts";
import type { PublicBytes } from "#tpm/forms.ts";
import { allPcrs } from "#tpm/pcr-selection.ts";
import { decodePublic, encodePublic } from "#tpm/public-area.ts";
import type { QuoteEvidence } from "#tpm/quote.ts";
import { attestationKeyTemplate } from "#tpm/templates.ts";
import type { RunningTpm } from "./swtpm.ts";

/** The attestation key of the official client: RSA-2048, RSASSA, SHA-256. */
export const rsaAttestationTemplate: PublicBytes = encodePublic({
  kind: "rsa",
  nameAlg: algorithm.sha256,
  attributes: 0x00050472,
  authPolicy: new Uint8Array(0),
  symmetric: { kind: "none" },
  scheme: { kind: "rsassa", hash: algorithm.sha256 },
  keyBits: 2048,
  exponent: 0,
  modulus: new Uint8Array(0),
});

/** A P-256 signing key that signs anything: worthless as an attestation key. */
export const unrestrictedTemplate: PublicBytes = encodePublic({
  ...decodePublic(attestationKeyTemplate),
  attributes: 0x00040472,
});

/** Opens a client on a running TPM, and closes it after `use`. */
export async function withTpm<T>(
  tpm: Pick<RunningTpm, "socket">,
  use: (client: TpmClient) => Promise<T>,
): Promise<T> {
  const transport = await openTpmTransport({ kind: "unix", path: tpm.socket });
  const client = new TpmClient(transport, (ms) => wait(ms));
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/** A loaded key, its creation evidence, and quotes by it. */
export interface RealKey {
  readonly handle: number;
  readonly parameters: AttestationParameters;
  readonly private: Uint8Array;
  quote(nonce: Uint8Array, banks?: readonly number[]): Promise<QuoteEvidence>;
}

/** Makes a key from a template and keeps it loaded while `use` runs. */
export async function withRealKey<T>(
  client: TpmClient,
  template: PublicBytes,
  use: (key: RealKey) => Promise<T>,
): Promise<T> {
  return withStorageRoot(client, async (parent) => {
    const made = await client.run(createKey(parent, template));
    return client.withHandle(loadKey(parent, made), async (handle) => {
      const { attest, signature } = await client.run(certifyCreation(handle, made));
      const { public: area, createData, private: secret } = made;
      return use({
        handle,
        private: secret,
        parameters: {
          public: area,
          createData,
          createAttestation: attest,
          createSignature: signature,
        },
        quote: (nonce, banks = [algorithm.sha256]) => quoteBanks(client, handle, nonce, banks),
      });
    });
  });
}

async function quoteBanks(
  client: TpmClient,
  handle: number,
  nonce: Uint8Array,
  banks: readonly number[],
): Promise<QuoteEvidence> {
  const quotes = [];
  const pcrs = [];
  for (const bank of banks) {
    pcrs.push(...(await client.readBank(bank)));
    quotes.push(await client.run(quotePcrs(handle, nonce, allPcrs(bank))));
  }
  return { nonce, quotes, pcrs };
}
