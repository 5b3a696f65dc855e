/** Names of signals (RFC 4254 section 6.10) and the numbers that the terminal library reports. */
import { constants } from "node:os";

/** Signals that a client may send: those of the RFC, and those that users of terminals expect. */
const sendable: ReadonlySet<string> = new Set(
  "ABRT ALRM FPE HUP ILL INT KILL PIPE QUIT SEGV TERM USR1 USR2 CONT STOP TSTP WINCH".split(" "),
);

/** The signal with this name (without "SIG"), if clients may send it. */
export function findSignal(name: string): NodeJS.Signals | undefined {
  return sendable.has(name) ? (`SIG${name}` as NodeJS.Signals) : undefined;
}

/** The name of a signal by number, without "SIG"; "KILL" for one that the machine does not name. */
export function signalName(number: number): string {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return found === undefined ? "KILL" : found[0].slice(3);
}
