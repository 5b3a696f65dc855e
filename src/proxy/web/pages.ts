/**
 * The few pages that a person needs before the command line takes over: completing an invitation or a reset link.
 * No outside resource, and no script but the one for security keys; a strict content policy goes with every page.
 */
import { renderSVG } from "uqr";
import { html, Markup } from "./html.ts";
import { scriptSource, securityKeyField } from "./security-key.ts";

/** Headers of every page: nothing may load, frame, cache or learn the address of it. */
export const pageHeaders: Readonly<Record<string, string>> = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": `default-src 'none'; style-src 'unsafe-inline'; script-src ${scriptSource}; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

const style = new Markup(`<style>
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 22%, transparent); --accent: #2563a8; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; display: grid; place-items: center; min-height: 100vh; padding: 1rem; }
main { width: min(30rem, 100%); border: 1px solid var(--line); border-radius: .75rem; padding: 1.75rem 2rem; }
h1 { font-size: 1.35rem; margin: 0 0 .25rem; }
p { margin: .5rem 0 1rem; }
label { display: block; font-weight: 600; margin: .9rem 0 .25rem; }
input { width: 100%; font: inherit; padding: .5rem .65rem; border: 1px solid var(--line); border-radius: .4rem; background: transparent; color: inherit; }
button { width: 100%; margin-top: 1.4rem; font: inherit; font-weight: 600; padding: .6rem; border: 0; border-radius: .4rem; background: var(--accent); color: #fff; cursor: pointer; }
code, pre { font: .9rem/1.45 ui-monospace, monospace; }
pre { overflow-x: auto; border: 1px solid var(--line); border-radius: .4rem; padding: .6rem .75rem; }
.qr { display: flex; gap: 1rem; align-items: center; margin-bottom: .6rem; }
.qr svg { width: 9rem; height: 9rem; flex: none; background: #fff; border-radius: .4rem; }
.qr code { overflow-wrap: anywhere; }
.error { border-left: .3rem solid #b3261e; padding: .35rem .75rem; margin: 1rem 0; }
small { opacity: .75; }
</style>`);

/** What the page that sets password and second factor shows. */
export interface CredentialPage {
  readonly cluster: string;
  readonly user: string;
  readonly kind: "invite" | "reset";
  /** Address for the authenticator app; empty when the cluster takes no codes. */
  readonly otpauthUrl: string;
  /** What a browser needs to register a security key, as JSON; empty when the cluster takes none. */
  readonly webauthnCreation: string;
  /** False where people may go without a second factor. */
  readonly required: boolean;
  /** What was wrong with the last try. */
  readonly error?: string;
}

/** The page on which a person chooses a password and registers an authenticator app. */
export function credentialPage(page: CredentialPage): Markup {
  const heading =
    page.kind === "invite" ? `Welcome, ${page.user}` : `New password for ${page.user}`;
  return document(
    heading,
    html`<h1>${heading}</h1>
<p>Choose how you will log in to <strong>${page.cluster}</strong>.</p>
${page.error ? html`<p class="error" role="alert">${page.error}</p>` : ""}
<form method="post">
<input type="text" name="username" value="${page.user}" autocomplete="username" hidden readonly>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="new-password" minlength="12" maxlength="1024" required autofocus>
<small>At least 12 characters.</small>
<label for="again">The same password again</label>
<input id="again" name="again" type="password" autocomplete="new-password" minlength="12" maxlength="1024" required>
${page.otpauthUrl ? appField(page) : ""}
${page.webauthnCreation && !page.otpauthUrl && page.required ? "" : html`<button>${page.kind === "invite" ? "Create my login" : "Save"}</button>`}
${page.webauthnCreation ? securityKeyField(page.webauthnCreation) : ""}
</form>`,
  );
}

function appField({ otpauthUrl, required }: CredentialPage): Markup {
  const secret = new URL(otpauthUrl).searchParams.get("secret") ?? "";
  const demanded = new Markup(required ? "required" : "");
  return html`<label for="code">Authenticator app</label>
<div class="qr">${new Markup(renderSVG(otpauthUrl))}<div>Scan this with an authenticator app, or type<br><code>${secret}</code></div></div>
<input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" pattern="[0-9]{6}" maxlength="6" placeholder="six digits that the app shows" ${demanded}>`;
}

/** The page after success, with the command to type next. */
export function credentialDonePage(user: string, proxyAddress: string): Markup {
  return document(
    "Ready",
    html`<h1>Ready, ${user}</h1>
<p>Close this page and log in from your terminal:</p>
<pre>tsh login --proxy=${proxyAddress} --user=${user}</pre>
<small>Did your browser warn about the certificate of this page? Then add --insecure the first time.</small>`,
  );
}

/** The page for a link that does not work any more, or never did. */
export function linkGonePage(): Markup {
  return document(
    "This link does not work",
    html`<h1>This link does not work</h1>
<p>It has expired, was used already, or a newer one has taken its place. Ask your administrator for a new one:</p>
<pre>tctl users reset NAME</pre>`,
  );
}

/** The page at the root of the port. */
export function homePage(cluster: string, proxyAddress: string): Markup {
  return document(
    cluster,
    html`<h1>${cluster}</h1>
<p>This is a Gatehouse proxy. Log in from your terminal:</p>
<pre>tsh login --proxy=${proxyAddress} --user=NAME</pre>`,
  );
}

/** The page of a browser that is logged in. `assetTag` is empty as long as no device has vouched for the session. */
export function sessionPage(session: {
  readonly cluster: string;
  readonly user: string;
  readonly assetTag: string;
  /** Whether cluster or roles demand a device somewhere. */
  readonly required: boolean;
}): Markup {
  const { cluster, user, assetTag, required } = session;
  const without = required
    ? html`<p class="error" role="alert">This session has no trusted device. What demands one stays closed to it.</p>`
    : html`<p>This session has no trusted device.</p>`;
  return document(
    cluster,
    html`<h1>${cluster}</h1>
<p>You are logged in as <strong>${user}</strong>.</p>
${assetTag === "" ? without : html`<p>Your device <strong>${assetTag}</strong> has vouched for this session.</p>`}
<small>You may close this page.</small>`,
  );
}

function document(title: string, body: Markup): Markup {
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${title} · Gatehouse</title>${style}</head><body><main>${body}</main></body></html>`;
}
