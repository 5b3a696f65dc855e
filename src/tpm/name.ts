/** The name of an object (TPM 2.0 Library Part 1 section 16): its name algorithm, then the digest of its public area. */
import { createHash } from "node:crypto";
import { findHash } from "./constants.ts";
import { claimForm, type ObjectName, type PublicBytes } from "./forms.ts";
import { decodePublic } from "./public-area.ts";
import { refuse } from "./refusal.ts";
import { TpmWriter } from "./wire.ts";

/** Computes the name; refuses an area whose name algorithm is unknown. */
export function nameOf(area: PublicBytes): ObjectName {
  const { nameAlg } = decodePublic(area);
  const hash = findHash(nameAlg);
  if (hash === undefined) throw refuse("ak_name_algorithm");
  const digest = createHash(hash.name).update(area).digest();
  return claimForm(new TpmWriter().uint16(nameAlg).raw(digest).done());
}
