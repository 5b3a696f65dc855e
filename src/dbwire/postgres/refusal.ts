/** A failure in PostgreSQL's own words: a FATAL error with an SQLSTATE (manual, appendix A) and a hint. */
import type { Fault, FaultCode } from "#base/fault.ts";
import { encodeFatal } from "./messages.ts";

/** Codes of errors that clients know; everything else is a failure of ours. */
const states: Readonly<Partial<Record<FaultCode, string>>> = {
  "access-denied": "28000",
  "device-required": "28000",
  locked: "28000",
  unproven: "28000",
  malformed: "08P01",
  "not-found": "3D000",
  unimplemented: "0A000",
  unavailable: "08006",
  timeout: "08006",
  canceled: "57P05",
  limit: "53300",
  "too-large": "54000",
};

const internalError = "XX000";

/** The error that tells a client of this fault. The connection ends after it. */
export function encodeFatalOf({ code, message, hint }: Fault): Buffer {
  return encodeFatal({ code: states[code] ?? internalError, message, hint });
}
