/** Attestation commands (TPM 2.0 Library Part 3 section 18). The scheme is always the one fixed in the key. */
import { algorithm } from "../constants.ts";
import { type AttestBytes, claimForm, type SignatureBytes } from "../forms.ts";
import { encodeWhole } from "../layout.ts";
import { type PcrSelection, pcrSelections } from "../pcr-selection.ts";
import type { Quote } from "../quote.ts";
import { type TpmReader, TpmWriter } from "../wire.ts";
import { type Command, command, emptyPassword } from "./command.ts";
import type { CreatedKey } from "./keys.ts";

const maxAttest = 512;

/** An attestation and its signature. */
export interface Attestation {
  readonly attest: AttestBytes;
  readonly signature: SignatureBytes;
}

/** TPM2_CertifyCreation by the key itself: that the loaded key was made by this TPM with this creation data. */
export function certifyCreation(
  handle: number,
  created: Pick<CreatedKey, "creationHash" | "creationTicket">,
): Command<Attestation> {
  return command({
    name: "TPM2_CertifyCreation",
    code: 0x14a,
    handles: [handle, handle],
    authorizations: [emptyPassword],
    parameters: new TpmWriter()
      .uint16(0)
      .sized(created.creationHash)
      .uint16(algorithm.none)
      .raw(created.creationTicket)
      .done(),
    read: readAttestation,
  });
}

/** TPM2_Quote over the selected PCRs; `nonce` becomes the quote's extraData. */
export function quotePcrs(
  handle: number,
  nonce: Uint8Array,
  selection: PcrSelection,
): Command<Quote> {
  return command({
    name: "TPM2_Quote",
    code: 0x158,
    handles: [handle],
    authorizations: [emptyPassword],
    parameters: new TpmWriter()
      .sized(nonce)
      .uint16(algorithm.none)
      .raw(encodeWhole(pcrSelections, [selection]))
      .done(),
    read(from) {
      const { attest, signature } = readAttestation(from);
      return { quote: attest, signature };
    },
  });
}

function readAttestation(from: TpmReader): Attestation {
  return { attest: claimForm(from.sized(maxAttest)), signature: claimForm(from.rest()) };
}
