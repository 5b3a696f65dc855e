/**
 * Sessions of browsers: log in, look, log out. Auth holds the session; the browser holds a cookie, and gets with it the
 * token for its device, once (public API: `/webapi/sessions/web`, `/webapi/user/status`).
 */
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Hono } from "hono";
import { Fault, isFault } from "#base/fault.ts";
import type { WebSession } from "#gen/gatehouse/v1/web_pb.ts";
import { TrustedDeviceRequirement } from "#gen/types/web_session_pb.ts";
import { clientOf, type WebBindings, type WebContext, type WebOptions } from "./context.ts";
import { homePage, pageHeaders, sessionPage } from "./pages.ts";
import { readBody, webSessionBody } from "./requests.ts";
import { clearSessionCookie, readSessionCookie, writeSessionCookie } from "./session-cookie.ts";

/** `POST` and `DELETE /sessions/web`, `GET /user/status`. */
export function registerSessions(
  api: Hono<{ Bindings: WebBindings }>,
  { sessions }: WebOptions,
): void {
  api.post("/sessions/web", async (context) => {
    assertOwnPage(context);
    const body = await readBody(context, webSessionBody);
    const { webauthnAssertionResponse: webauthn } = body;
    const opened = await sessions.createWebSession({
      user: body.user,
      password: body.pass,
      totpCode: body.second_factor_token,
      webauthnResponseJson: webauthn ? JSON.stringify(webauthn) : "",
      maxTouchPoints: body.maxTouchPoints,
      ...clientOf(context),
    });
    const { session, deviceWebToken } = opened;
    if (!session) throw new Fault("internal", "the session is missing");
    writeSessionCookie(context, opened.cookie, expiryOf(session));
    context.header("cache-control", "no-store");
    return context.json({
      ...describe(session),
      ...(deviceWebToken
        ? { deviceWebToken: { id: deviceWebToken.id, token: deviceWebToken.token } }
        : {}),
    });
  });
  api.delete("/sessions/web", async (context) => {
    assertOwnPage(context);
    await sessions.deleteWebSession({ cookie: readSessionCookie(context) });
    clearSessionCookie(context);
    return context.json({ message: "ok" });
  });
  api.get("/user/status", async (context) => {
    context.header("cache-control", "no-store");
    return context.json(describe(await getSession(context, sessions)));
  });
}

/** The session of the browser, or undefined when it has none that is good now. */
export async function findSession(
  context: WebContext,
  { sessions }: Pick<WebOptions, "sessions">,
): Promise<WebSession | undefined> {
  try {
    return await getSession(context, sessions);
  } catch (error) {
    if (isFault(error, "unproven", "access-denied", "locked")) return undefined;
    throw error;
  }
}

/** The page at `/web`: whose session this is, and whether a device has vouched for it. */
export async function showSession(context: WebContext, options: WebOptions): Promise<Response> {
  const [session, { clusterName }] = await Promise.all([
    findSession(context, options),
    options.login.getPingInfo({}),
  ]);
  const page = session
    ? sessionPage({ cluster: clusterName, ...session, required: isRequired(session) })
    : homePage(clusterName, options.publicAddress());
  return context.body(page.text, 200, pageHeaders);
}

function getSession(context: WebContext, sessions: WebOptions["sessions"]): Promise<WebSession> {
  const { clientIp } = clientOf(context);
  return sessions.getWebSession({ cookie: readSessionCookie(context), clientIp });
}

function describe(session: WebSession): object {
  return {
    user: session.user,
    sessionExpires: expiryOf(session).toISOString(),
    hasDeviceExtensions: session.assetTag !== "",
    trustedDeviceRequirement: session.trustedDeviceRequirement,
  };
}

function isRequired({ trustedDeviceRequirement }: WebSession): boolean {
  return trustedDeviceRequirement === TrustedDeviceRequirement.REQUIRED;
}

function expiryOf({ expires }: WebSession): Date {
  return expires ? timestampDate(expires) : new Date(0);
}

/** Refuses what a page of another site made the browser send: it would log a person in as somebody else, or out. */
function assertOwnPage(context: WebContext): void {
  const origin = context.req.header("origin");
  if (origin === undefined) return;
  if (URL.canParse(origin) && new URL(origin).host === context.req.header("host")) return;
  throw new Fault("access-denied", "this request comes from a page of another site");
}
