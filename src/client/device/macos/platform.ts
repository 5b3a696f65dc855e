/**
 * macOS: the key in the Secure Enclave, behind a helper program; the facts from the programs of the system. EXPERIMENTAL:
 * not testable where this project is made, and not yet run on a Mac (docs/platforms.md).
 */
import { userInfo } from "node:os";
import { systemRandom } from "#base/random.ts";
import { deviceKeyFile } from "../../device-state.ts";
import type { DevicePlatform } from "../platform.ts";
import { noSerialNumber } from "../serial-number.ts";
import { collectMac } from "./collect.ts";
import { EnclaveAuthenticator } from "./enclave-authenticator.ts";
import { enclaveHelper } from "./enclave-helper.ts";
import { readEnclaveKey } from "./enclave-key-file.ts";

/** See {@link DevicePlatform}. */
export const macos: DevicePlatform = {
  osType: "macos",
  openAuthenticator: (env) =>
    new EnclaveAuthenticator({
      helper: enclaveHelper(env),
      keyFile: deviceKeyFile(env, "darwin"),
      random: systemRandom,
    }),
  async findCredential(env) {
    const key = readEnclaveKey(deviceKeyFile(env, "darwin"));
    if (key === undefined) return undefined;
    const { credentialId: id, publicKeyDer } = key;
    return { id, publicKeyDer, tpmAkPublic: new Uint8Array(0) };
  },
  collect: ({ now }) => collectMac({ now, username: userInfo().username }),
  explainNoSerialNumber: async () => noSerialNumber(),
};
