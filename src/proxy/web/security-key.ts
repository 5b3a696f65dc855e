/**
 * The one script of our pages: it asks the browser to make a credential on a security key (W3C WebAuthn Level 2, section
 * 5.1.3) and puts the answer into the form. Content policy lets this text run and no other.
 */
import { createHash } from "node:crypto";
import { html, Markup } from "./html.ts";

const script = `
const form = document.forms[0], button = document.getElementById("key"), note = document.getElementById("key-note");
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
button.addEventListener("click", async () => {
  if (!form.password.reportValidity() || !form.again.reportValidity()) return;
  const wanted = JSON.parse(button.dataset.creation);
  wanted.challenge = bytes(wanted.challenge);
  wanted.user.id = bytes(wanted.user.id);
  try {
    note.textContent = "Touch your security key.";
    const made = await navigator.credentials.create({ publicKey: wanted });
    form.credential.value = JSON.stringify({
      rawId: text(made.rawId),
      response: {
        clientDataJSON: text(made.response.clientDataJSON),
        attestationObject: text(made.response.attestationObject),
      },
    });
    if (form.code) form.code.required = false;
    form.requestSubmit();
  } catch (error) {
    note.textContent = "The security key was not registered: " + error.message;
  }
});
`;

/** The source of the script for a Content-Security-Policy (CSP Level 3, section 2.3.1). */
export const scriptSource = `'sha256-${createHash("sha256").update(script).digest("base64")}'`;

/** The button, for a form with password fields; `creation` is what the browser is asked, as JSON. */
export function securityKeyField(creation: string): Markup {
  return html`<input type="hidden" name="credential">
<button type="button" id="key" data-creation="${creation}">Use a security key</button>
<small id="key-note" role="status"></small>
${new Markup(`<script>${script}</script>`)}`;
}
