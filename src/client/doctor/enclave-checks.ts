/** The checks of a Mac's Secure Enclave: each does what an enrollment or a login does with it, and changes nothing. */
import type { Random } from "#base/random.ts";
import { EnclaveAuthenticator } from "../device/macos/enclave-authenticator.ts";
import { askEnclave, noEnclave } from "../device/macos/enclave-helper.ts";
import { type CheckResult, check } from "./check.ts";

/** Which helper program, and the file of the key. */
export interface EnclaveChecksOptions {
  readonly helper: string;
  readonly keyFile: string;
  readonly random: Random;
}

/** Checks in the order in which a login needs them. */
export async function* checkEnclave(options: EnclaveChecksOptions): AsyncGenerator<CheckResult> {
  const enclave = await check("Secure Enclave", async () => {
    const { available } = await askEnclave(options.helper, { op: "probe" });
    if (available) return { ok: "this Mac has one, and the helper reaches it" };
    throw noEnclave();
  });
  yield enclave;
  yield await check("device key", async () => {
    const device = new EnclaveAuthenticator(options);
    const id = await device.findCredentialId();
    if (id === undefined) {
      return { skipped: "this machine holds no key: it was not enrolled from this account" };
    }
    if (enclave.outcome !== "ok") return { skipped: "the Secure Enclave cannot be used" };
    await device.authenticate({ kind: "key", challenge: options.random(32) });
    return { ok: `the Secure Enclave signs with credential ${id}` };
  });
}
