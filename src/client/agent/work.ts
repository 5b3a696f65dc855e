/**
 * The agent's real work: one direct access per login, made when first asked for, dropped when the login on disk has
 * changed or ended. Tells the profile which device it authenticated; the keys stay here.
 */

import { sameBytes } from "#base/bytes.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { ClusterAccess } from "../access.ts";
import type { DeviceAuthenticator } from "../cluster/device-session.ts";
import type { ClientIdentity } from "../cluster/identity.ts";
import type { OnTpmBusy } from "../device/tpm-busy.ts";
import { markDevice } from "../device-mark.ts";
import { DirectAccess } from "../direct-access.ts";
import { removePath } from "../profile/files.ts";
import { getLogin, listHosts, type StoredLogin } from "../profile/logins.ts";
import { loginPaths } from "../profile/paths.ts";
import { certificateStamp } from "../profile/summary.ts";
import { BusyNotices } from "./busy-notices.ts";
import type { AgentWork } from "./server.ts";
import type { AgentIdentity } from "./ssh-agent.ts";

/** What the work is done with. */
export interface WorkOptions {
  readonly folder: string;
  /** Id of the agent's place, written into device marks. */
  readonly agent: string;
  /** This machine's device, as one login uses it. */
  readonly openDevice: (onBusy: OnTpmBusy) => DeviceAuthenticator;
}

function describe({ ssh }: ClientIdentity, comment: string): AgentIdentity {
  return { certificate: ssh.certificate, publicKey: ssh.signer.publicKey, comment };
}

interface Held {
  readonly login: StoredLogin;
  readonly stamp: string;
  readonly access: DirectAccess;
}

/** Work for all logins of one profile folder. */
export class ProfileWork implements AgentWork {
  readonly #options: WorkOptions;
  readonly #held = new Map<string, Held>();
  /** One per login, whatever becomes of what is held for it. */
  readonly #notices = new Map<string, BusyNotices>();

  constructor(options: WorkOptions) {
    this.#options = options;
  }

  async access(host: string): Promise<ClusterAccess> {
    return this.#direct(host);
  }

  listenBusy(host: string, listener: OnTpmBusy): () => void {
    return this.#noticesOf(host).listen(listener);
  }

  async forget(host: string): Promise<boolean> {
    this.#held.get(host)?.access.close();
    this.#held.delete(host);
    this.#notices.delete(host);
    return listHosts(this.#options.folder).length === 0;
  }

  async identities(): Promise<readonly AgentIdentity[]> {
    const all = await Promise.all(
      listHosts(this.#options.folder).map(async (host) => {
        const identity = await this.#identity(host);
        return identity === undefined ? [] : [describe(identity, host)];
      }),
    );
    return all.flat();
  }

  async sign(blob: Uint8Array, data: Uint8Array, algorithm: string): Promise<Uint8Array> {
    for (const host of listHosts(this.#options.folder)) {
      const identity = await this.#identity(host);
      if (identity !== undefined && sameBytes(identity.ssh.certificate, blob)) {
        return identity.ssh.signer.sign(data, algorithm);
      }
    }
    throw new Fault("not-found", "the agent does not hold this key any more", {
      hint: "repeat the command",
    });
  }

  close(): void {
    for (const { login, access } of this.#held.values()) {
      access.close();
      // Its key ends with this process: OpenSSH must not go on offering it.
      removePath(loginPaths(login.folder, login.key).deviceCertificate);
    }
    this.#held.clear();
  }

  async #identity(host: string): Promise<ClientIdentity | undefined> {
    try {
      return await (await this.#direct(host)).identity();
    } catch (error) {
      // A login that has expired or is damaged offers nothing; the others still do.
      if (isFault(error)) return undefined;
      throw error;
    }
  }

  async #direct(host: string): Promise<DirectAccess> {
    const login = await getLogin(this.#options.folder, host);
    const stamp = certificateStamp(login) ?? "";
    const held = this.#held.get(host);
    if (held?.stamp === stamp) return held.access;
    held?.access.close();
    const access = new DirectAccess({
      login,
      device: this.#options.openDevice(this.#noticesOf(host).tell),
      onDevice: (identity) => markDevice(login, stamp, this.#options.agent, identity),
    });
    this.#held.set(host, { login, stamp, access });
    return access;
  }

  #noticesOf(host: string): BusyNotices {
    const known = this.#notices.get(host);
    if (known !== undefined) return known;
    const made = new BusyNotices();
    this.#notices.set(host, made);
    return made;
  }
}
