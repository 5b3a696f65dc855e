/** An auth service in memory and a simulated MDM, with inventory services between them in virtual time. */
import { type LogFields, type Logger, silentLogger } from "#base/log.ts";
import { systemRandom } from "#base/random.ts";
import { Secret } from "#base/secret.ts";
import { MdmService } from "#mdm/service.ts";
import type { IntuneSettings, InventoryEntry, JamfSettings, MdmSettings } from "#mdm/settings.ts";
import type { Device } from "#resource/device.ts";
import { startTestAuth, type TestAuth } from "../auth-service.ts";
import { intuneClient } from "./intune.ts";
import { jamfClient } from "./jamf.ts";
import { FakeMdm, type FakeProduct } from "./server.ts";

/** The entry that a configuration without any means; small pages, and no time that passes by itself. */
export const usualEntry: InventoryEntry = {
  filter: "general.remoteManagement.managed==true",
  partialMs: 0,
  fullMs: 24 * 3_600_000,
  onMissing: "DELETE",
  pageSize: 10,
};

/** A line of the log. */
export interface LogLine {
  readonly message: string;
  readonly fields: LogFields;
}

/** Both ends. */
export class Tenant {
  readonly auth: TestAuth;
  readonly mdm: FakeMdm;
  readonly lines: LogLine[] = [];
  /** Milliseconds that services asked to wait, in their order; each moves the clock. */
  readonly waits: number[] = [];

  private constructor(auth: TestAuth, mdm: FakeMdm) {
    this.auth = auth;
    this.mdm = mdm;
  }

  static async open(product: FakeProduct): Promise<Tenant> {
    const auth = await startTestAuth();
    return new Tenant(auth, await FakeMdm.start(product, auth.clock));
  }

  /** Runs a Jamf service through one run of each entry. Throws what the run throws. */
  syncJamf(changes: Partial<JamfSettings> = {}): Promise<void> {
    return this.sync({
      kind: "jamf",
      name: "jamf",
      apiEndpoint: `${this.mdm.origin}/api`,
      credentials: { clientId: jamfClient.id, clientSecret: new Secret(jamfClient.secret) },
      syncDelayMs: 0,
      exitOnSync: true,
      unenrollOnOwnerChange: false,
      inventory: [usualEntry],
      ...changes,
    });
  }

  /** The same for Intune. */
  syncIntune(changes: Partial<IntuneSettings> = {}): Promise<void> {
    return this.sync({
      kind: "intune",
      name: "intune",
      apiEndpoint: `${this.mdm.origin}/v1.0`,
      loginEndpoint: this.mdm.origin,
      tenant: intuneClient.tenant,
      clientId: intuneClient.id,
      clientSecret: new Secret(intuneClient.secret),
      syncDelayMs: 0,
      exitOnSync: true,
      unenrollOnOwnerChange: false,
      inventory: [{ ...usualEntry, filter: "" }],
      ...changes,
    });
  }

  async sync(settings: MdmSettings): Promise<void> {
    const service = this.start(settings);
    try {
      await service.done;
    } finally {
      await service.close();
    }
  }

  /** Starts a service; `until` may stop time by rejecting. */
  start(settings: MdmSettings, until: (ms: number) => void = () => {}): MdmService {
    return new MdmService(settings, {
      auth: this.auth.as("MDM"),
      clock: this.auth.clock,
      random: systemRandom,
      logger: this.#logger(),
      authorities: [this.mdm.authority],
      sleep: async (ms, signal) => {
        signal.throwIfAborted();
        this.waits.push(ms);
        until(ms);
        this.auth.clock.advance(ms);
        await new Promise((resolve) => setImmediate(resolve));
      },
    });
  }

  /** The inventory, by asset tag. */
  async devices(): Promise<Map<string, Device["spec"]>> {
    const found = new Map<string, Device["spec"]>();
    for await (const { spec } of this.auth.auth.context.stores.devices.each()) {
      found.set(spec.asset_tag, spec);
    }
    return found;
  }

  /** The asset tags of the inventory, in order. */
  async tags(): Promise<string[]> {
    return [...(await this.devices()).keys()].sort();
  }

  /** The fields of the last line with this message. */
  lastLine(message: string): LogFields | undefined {
    return this.lines.findLast((line) => line.message === message)?.fields;
  }

  async close(): Promise<void> {
    await this.mdm.close();
    await this.auth.close();
  }

  #logger(): Logger {
    const write = (message: string, fields: LogFields = {}) => {
      this.lines.push({ message, fields });
    };
    const logger: Logger = {
      ...silentLogger,
      info: write,
      warn: write,
      error: write,
      child: () => logger,
    };
    return logger;
  }
}
