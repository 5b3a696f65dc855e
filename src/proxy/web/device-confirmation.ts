/**
 * `GET /webapi/devices/webconfirm`: the browser brings the confirmation token that its device got. The browser goes on to
 * a page of ours whatever comes of it; what went wrong is in the audit log, and a line of it here.
 */
import type { Hono } from "hono";
import { isFault, messageOf } from "#base/fault.ts";
import { errorAnswer, type WebBindings, type WebOptions } from "./context.ts";
import { safeRedirect } from "./redirect.ts";
import { findSession } from "./sessions.ts";

/** Longer texts are nobody's token, and no address of ours. */
const maxText = 2048;

/** Registers the endpoint. */
export function registerDeviceConfirmation(
  api: Hono<{ Bindings: WebBindings }>,
  options: WebOptions,
): void {
  api.get("/devices/webconfirm", async (context) => {
    const { id = "", token = "", redirect_uri: wanted = "" } = context.req.query();
    for (const [name, value] of Object.entries({ id, token })) {
      if (value === "") return errorAnswer(context, `parameter ${name} required`, 400);
    }
    if ([id, token, wanted].some((text) => text.length > maxText)) {
      return errorAnswer(context, "a parameter is too long", 400);
    }
    try {
      const session = await findSession(context, options);
      await options.devices.confirmDeviceWebAuthentication({
        confirmationToken: { id, token },
        currentWebSessionId: session?.id ?? "",
      });
    } catch (error) {
      const fields = isFault(error) ? { message: messageOf(error), hint: error.hint } : { error };
      options.logger.warn("a device was not confirmed for a web session", fields);
    }
    context.header("cache-control", "no-store");
    context.header("referrer-policy", "no-referrer");
    return context.redirect(safeRedirect(wanted, options.publicAddress()), 303);
  });
}
