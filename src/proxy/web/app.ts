/**
 * The web side of the port: ping and find, the login endpoints of the public API, sessions of browsers, and a few pages.
 * It holds no authority: every answer comes from the auth service.
 *
 * All paths are served with and without the prefix `/v1`, as clients of different ages call them.
 */
import { Hono } from "hono";
import { faultInfo, isFault } from "#base/fault.ts";
import { uuid } from "#base/random.ts";
import type { FinishLoginResponse } from "#gen/gatehouse/v1/login_pb.ts";
import {
  clientOf,
  errorAnswer,
  type WebBindings,
  type WebContext,
  type WebOptions,
} from "./context.ts";
import { registerDeviceConfirmation } from "./device-confirmation.ts";
import { invitationPages } from "./invitation.ts";
import { homePage, pageHeaders } from "./pages.ts";
import { pingBody } from "./ping.ts";
import {
  type LoginBody,
  loginBeginBody,
  loginFinishBody,
  readBody,
  requestedKeys,
  sshCertsBody,
} from "./requests.ts";
import { registerSessions, showSession } from "./sessions.ts";

/** Builds the application. */
export function createWebApp(options: WebOptions): Hono<{ Bindings: WebBindings }> {
  const app = new Hono<{ Bindings: WebBindings }>();
  const api = new Hono<{ Bindings: WebBindings }>();
  registerPing(api, options);
  registerLogin(api, options);
  registerSessions(api, options);
  registerDeviceConfirmation(api, options);
  registerUpgrade(api);
  app.route("/webapi", api);
  app.route("/v1/webapi", api);
  app.route("/web", invitationPages(options));
  app.get("/web", (context) => showSession(context, options));
  app.get("/", async (context) => {
    const info = await options.login.getPingInfo({});
    return context.body(homePage(info.clusterName, options.publicAddress()).text, 200, pageHeaders);
  });
  app.notFound((context) => context.text("404 page not found\n", 404));
  app.onError((error, context) => {
    if (isFault(error)) return errorAnswer(context, error.message, faultInfo(error.code).http);
    const reference = uuid();
    options.logger.error("web request failed", { error, reference, path: context.req.path });
    return errorAnswer(context, `internal error, reference ${reference}`, 500);
  });
  return app;
}

function registerPing(api: Hono<{ Bindings: WebBindings }>, options: WebOptions): void {
  const answer = async (connector: string, withAuth: boolean) => {
    const info = await options.login.getPingInfo({});
    return pingBody(info, options.publicAddress(), connector, withAuth);
  };
  api.get("/find", async (context) => context.json(await answer("", false)));
  api.get("/ping", async (context) => context.json(await answer("", true)));
  api.get("/ping/:connector", async (context) => {
    const connector = context.req.param("connector");
    if (!["local", "passwordless", "headless"].includes(connector)) {
      return errorAnswer(context, `unknown connector "${connector.slice(0, 64)}"`, 400);
    }
    return context.json(await answer(connector, true));
  });
  api.get("/motd", async (context) => {
    const info = await options.login.getPingInfo({});
    return context.json({ Text: info.motd });
  });
}

/** Requests that become streams never come here: see `upgrade/connection-upgrade.ts`. */
function registerUpgrade(api: Hono<{ Bindings: WebBindings }>): void {
  api.get("/connectionupgrade", (context) =>
    errorAnswer(
      context,
      "the request carries no Upgrade header that is served here: a balancer in between may have taken it out",
      400,
    ),
  );
}

function registerLogin(api: Hono<{ Bindings: WebBindings }>, options: WebOptions): void {
  api.post("/mfa/login/begin", async (context) => {
    const body = await readBody(context, loginBeginBody);
    const begun = await options.login.beginLogin({
      user: body.user,
      password: body.pass,
      passwordless: body.passwordless,
      ...clientOf(context),
    });
    return context.json({
      totp_challenge: begun.totpChallenge,
      ...(begun.webauthnChallengeJson
        ? { webauthn_challenge: JSON.parse(begun.webauthnChallengeJson) as unknown }
        : {}),
    });
  });
  const finish = async (
    context: WebContext,
    body: LoginBody,
    factor: { readonly totpCode: string; readonly webauthnResponseJson?: string },
  ) => {
    const finished = await options.login.finishLogin({
      user: body.user,
      password: body.password,
      ...factor,
      ttlNs: BigInt(body.ttl),
      routeToCluster: body.RouteToCluster,
      kubernetesCluster: body.KubernetesCluster,
      ...requestedKeys(body),
      ...clientOf(context),
    });
    return context.json(loginAnswer(finished));
  };
  api.post("/mfa/login/finish", async (context) => {
    const body = await readBody(context, loginFinishBody);
    const { totp_code: totpCode, webauthn_challenge_response: webauthn } = body;
    const webauthnResponseJson = webauthn ? JSON.stringify(webauthn) : "";
    return finish(context, body, { totpCode, webauthnResponseJson });
  });
  api.post("/ssh/certs", async (context) => {
    const body = await readBody(context, sshCertsBody);
    return finish(context, body, { totpCode: body.otp_token });
  });
}

/** Go's JSON for bytes is standard base64. */
function encode(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}

function loginAnswer(finished: FinishLoginResponse): object {
  return {
    username: finished.username,
    cert: encode(finished.sshCertificate),
    tls_cert: encode(finished.tlsCertificate),
    host_signers: finished.hostSigners.map((signer) => ({
      domain_name: signer.domainName,
      checking_keys: signer.checkingKeys.map(encode),
      tls_certs: signer.tlsCertificates.map(encode),
    })),
  };
}
