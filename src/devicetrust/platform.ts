/**
 * The TPM's evidence about its platform, from message to report. Quotes must verify; the event log is reported on.
 */
import { isFault } from "#base/fault.ts";
import type { AttestedClock } from "#tpm/attest.ts";
import type { AttestationKey } from "#tpm/attestation-key.ts";
import { findHashOfApi } from "#tpm/constants.ts";
import { maxLogBytes, parseEventLog } from "#tpm/event-log.ts";
import { findUnexplainedPcrs, isUnmeasured } from "#tpm/event-log-replay.ts";
import { readFirmwareVersion } from "#tpm/firmware-version.ts";
import { type AttestBytes, claimForm, type SignatureBytes } from "#tpm/forms.ts";
import { type PcrValue, verifyQuotes } from "#tpm/quote.ts";
import { refuse } from "#tpm/refusal.ts";
import { readSecureBoot, type SecureBootState } from "#tpm/secure-boot.ts";
import type { PlatformParameters } from "./messages.ts";

/**
 * `absent`: not sent. `unreadable`: does not parse. `unexplained`: does not lead to the quoted values.
 * `explained`: it leads to the quoted values of all of PCR 0 to 7.
 */
export type EventLogVerdict = "absent" | "unreadable" | "unexplained" | "explained";

/** What the event log shows. Reported in audit events; decides nothing by itself. */
export interface EventLogReport {
  readonly verdict: EventLogVerdict;
  readonly unexplainedPcrs: readonly number[];
  readonly secureBoot: SecureBootState;
  /** What the firmware calls its version; undefined where the log does not prove that it was measured. */
  readonly firmware: string | undefined;
  /** PCRs 0 to 7 are all zero although a log was sent. */
  readonly unmeasured: boolean;
}

/** Verified evidence. */
export interface PlatformReport {
  readonly pcrs: readonly PcrValue[];
  readonly clock: AttestedClock;
  readonly eventLog: EventLogReport;
}

/** Verifies the quotes against key and nonce; throws `unproven` or `malformed` with the reason. */
export function verifyPlatform(
  key: AttestationKey,
  sent: PlatformParameters | undefined,
  nonce: Uint8Array,
): PlatformReport {
  if (sent === undefined) throw refuse("quote_count");
  if (sent.eventLog.length > maxLogBytes) throw refuse("event_log_limit");
  const quotes = sent.quotes.map(({ quote, signature }) => ({
    quote: claimForm<AttestBytes>(quote),
    signature: claimForm<SignatureBytes>(signature),
  }));
  const verified = verifyQuotes(key, { quotes, pcrs: sent.pcrs.map(pcrValueOf), nonce });
  return { ...verified, eventLog: reportEventLog(sent.eventLog, verified.pcrs) };
}

function pcrValueOf(pcr: PlatformParameters["pcrs"][number]): PcrValue {
  return { index: pcr.index, hash: findHashOfApi(pcr.digestAlg)?.id ?? 0, digest: pcr.digest };
}

function reportEventLog(log: Uint8Array, pcrs: readonly PcrValue[]): EventLogReport {
  const unknown = {
    unexplainedPcrs: [],
    secureBoot: "unclear",
    firmware: undefined,
    unmeasured: false,
  } as const;
  if (log.length === 0) return { verdict: "absent", ...unknown };
  try {
    const events = parseEventLog(log);
    const unexplainedPcrs = findUnexplainedPcrs(events, pcrs);
    const verdict = unexplainedPcrs.length === 0 ? "explained" : "unexplained";
    const secureBoot = unexplainedPcrs.includes(7) ? "unclear" : readSecureBoot(events);
    const firmware = unexplainedPcrs.includes(0) ? undefined : readFirmwareVersion(events);
    const unmeasured = isUnmeasured(pcrs);
    return { verdict, unexplainedPcrs, secureBoot, firmware, unmeasured };
  } catch (error) {
    if (isFault(error)) return { verdict: "unreadable", ...unknown };
    throw error;
  }
}
