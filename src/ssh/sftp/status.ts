/** Status codes of SFTP version 3 (draft-ietf-secsh-filexfer-02 section 7) as failures of ours. */
import { Fault, type FaultCode } from "#base/fault.ts";
import { showText } from "../transport/disconnect.ts";

export const statusOk = 0;
export const statusEof = 1;

const codes: ReadonlyMap<number, readonly [code: FaultCode, text: string]> = new Map([
  [2, ["not-found", "no such file"]],
  [3, ["access-denied", "permission denied"]],
  [4, ["environment", "the operation failed"]],
  [5, ["malformed", "the server could not read the request"]],
  [6, ["unavailable", "no connection"]],
  [7, ["unavailable", "the connection was lost"]],
  [8, ["unimplemented", "the server cannot do this"]],
]);

/** The failure for a status. `what` says what was tried and on which path. */
export function statusFault(what: string, code: number, message: string): Fault {
  const [faultCode, text] = codes.get(code) ?? ["environment", "the operation failed"];
  // OpenSSH's messages only repeat the code; others say more.
  const said = showText(message, 300);
  return new Fault(faultCode, `${what}: ${said === "" ? text : said.toLowerCase()}`, {
    audit: { status: code },
  });
}
