/** What all ways to a TPM share: how large an answer may be, how long it may take, and how a broken one is told. */
import { Fault } from "#base/fault.ts";

/** Key generation in hardware takes tens of seconds. */
const answerTimeoutMs = 60_000;
/** No TPM answers more to what we ask. */
export const maxAnswer = 4096;

/** The answer, or `timeout` after a minute. */
export function withTimeout<T>(answer: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(
      new Fault("timeout", "the TPM does not answer: it is busy, or held by another program", {
        hint: "close other programs that use the TPM and try again; if it stays, restart the machine",
      }),
    );
  }, answerTimeoutMs);
  return Promise.race([answer, promise]).finally(() => clearTimeout(timer));
}

/** The TPM was there, and is not any more. */
export function exchangeFault(cause?: unknown): Fault {
  return new Fault("environment", "the connection to the TPM broke", {
    hint: "try again; if it stays, restart the machine or the virtual TPM",
    cause,
  });
}
