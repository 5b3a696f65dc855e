/** The token that a web login gives to the browser, where the person has a device that can vouch for it. */
import { effectiveClusterMode } from "#access/device-mode.ts";
import type { Secret } from "#base/secret.ts";
import { type Browser, systemOfBrowser } from "#devicetrust/browser.ts";
import { createWebTokenId, webTokenTtlMs } from "#devicetrust/web-token.ts";
import type { Device, OsType } from "#resource/device.ts";
import type { AuthContext } from "../context.ts";
import { singletons } from "../store/stores.ts";
import type { WebSession } from "../web/sessions.ts";
import { deviceFields, webFields } from "./events.ts";
import type { DeviceInventory } from "./inventory.ts";
import type { WebTokens } from "./web-tokens.ts";

/** What an offer works with. */
export interface WebOfferContext {
  readonly context: AuthContext;
  readonly inventory: DeviceInventory;
  readonly webTokens: WebTokens;
}

/** Somebody with more devices of one system than this can vouch with the first ones. */
const maxExpected = 64;
const devicesPerPage = 100;

/**
 * Makes a token for the browser of a session; undefined where device trust is off, or none of the person's enrolled
 * devices can be where the browser is. Its event is durable before it leaves.
 */
export async function offerWebToken(
  { context, inventory, webTokens }: WebOfferContext,
  session: WebSession,
  browser: Browser,
): Promise<{ readonly id: string; readonly token: Secret } | undefined> {
  const system = systemOfBrowser(browser);
  if (system === undefined || (await isOff(context))) return undefined;
  const user = session.identity.username;
  const devices = await expectedDevices(inventory, user, system);
  const [first, ...others] = devices;
  if (first === undefined) return undefined;
  const id = createWebTokenId(context.random);
  await context.audit.record("device.webtoken.create", {
    user,
    success: true,
    device: { ...(others.length === 0 ? deviceFields(first) : {}), ...webFields(id) },
    message: `for ${devices.map(({ spec }) => spec.asset_tag).join(", ")}`,
    user_agent: browser.userAgent,
    "addr.remote": browser.address,
  });
  const token = await webTokens.add({
    id,
    user,
    sessionId: session.id,
    browser,
    expectedDevices: devices.map(({ metadata }) => metadata.name),
    expires: new Date(context.clock.now().getTime() + webTokenTtlMs),
  });
  return { id, token };
}

async function isOff({ stores }: Pick<AuthContext, "stores">): Promise<boolean> {
  const { spec } = await stores.authPreference.get(singletons.authPreference);
  return effectiveClusterMode(spec.device_trust?.mode) === "off";
}

async function expectedDevices(
  inventory: DeviceInventory,
  user: string,
  system: OsType,
): Promise<readonly Device[]> {
  const found: Device[] = [];
  let after: { readonly after?: string } | undefined = {};
  while (after !== undefined && found.length < maxExpected) {
    const page = await inventory.listOwned(user, { limit: devicesPerPage, ...after });
    const devices = page.states.map(({ device }) => device);
    const fit = devices.filter(
      ({ spec }) => spec.enroll_status === "enrolled" && spec.os_type === system,
    );
    found.push(...fit.slice(0, maxExpected - found.length));
    after = page.next === undefined ? undefined : { after: page.next };
  }
  return found;
}
