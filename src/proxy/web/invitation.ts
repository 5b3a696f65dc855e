/**
 * Invitation and reset links: `GET` shows the form, `POST` sets password and second factor. The secret in the path is
 * the permission; the auth service decides whether it is still good and spends it.
 */
import { Hono } from "hono";
import { isFault } from "#base/fault.ts";
import { clientOf, type WebBindings, type WebContext, type WebOptions } from "./context.ts";
import { credentialDonePage, credentialPage, linkGonePage, pageHeaders } from "./pages.ts";
import { readText } from "./requests.ts";

/** The pages below `/web`: `/web/invite/TOKEN` and `/web/reset/TOKEN`. */
export function invitationPages(options: WebOptions): Hono<{ Bindings: WebBindings }> {
  const pages = new Hono<{ Bindings: WebBindings }>();
  for (const kind of ["invite", "reset"] as const) {
    pages.get(`/${kind}/:token`, (context) => showForm(context, kind, options));
    pages.post(`/${kind}/:token`, (context) => accept(context, kind, options));
  }
  return pages;
}

type Kind = "invite" | "reset";

async function showForm(context: WebContext, kind: Kind, options: WebOptions, error?: string) {
  const token = context.req.param("token") ?? "";
  const clientIp = context.env.remoteAddress;
  try {
    const [invitation, info] = await Promise.all([
      options.login.getInvitation({ token, clientIp }),
      options.login.getPingInfo({}),
    ]);
    const page = credentialPage({
      cluster: info.clusterName,
      user: invitation.user,
      kind,
      otpauthUrl: invitation.otpauthUrl,
      webauthnCreation: invitation.webauthnCreationJson,
      required: invitation.secondFactorRequired,
      ...(error === undefined ? {} : { error }),
    });
    return context.body(page.text, error === undefined ? 200 : 400, pageHeaders);
  } catch (fault) {
    if (!isFault(fault, "not-found")) throw fault;
    return context.body(linkGonePage().text, 404, pageHeaders);
  }
}

async function accept(context: WebContext, kind: Kind, options: WebOptions) {
  const form = new URLSearchParams(await readText(context));
  const password = form.get("password") ?? "";
  if (password !== form.get("again")) {
    return showForm(context, kind, options, "The two passwords are not the same.");
  }
  try {
    const { user } = await options.login.acceptInvitation({
      token: context.req.param("token") ?? "",
      password,
      totpCode: (form.get("code") ?? "").replaceAll(" ", ""),
      webauthnResponseJson: form.get("credential") ?? "",
      ...clientOf(context),
    });
    const page = credentialDonePage(user, options.publicAddress());
    return context.body(page.text, 200, pageHeaders);
  } catch (fault) {
    if (isFault(fault, "not-found")) return context.body(linkGonePage().text, 404, pageHeaders);
    if (
      !isFault(
        fault,
        "invalid",
        "malformed",
        "unproven",
        "limit",
        "access-denied",
        "already-exists",
      )
    )
      throw fault;
    return showForm(context, kind, options, sentence(fault.message));
  }
}

/** Faults are written without capital and full stop; a page shows sentences. */
function sentence(message: string): string {
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}.`;
}
