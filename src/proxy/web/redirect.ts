/**
 * Where a browser goes after the confirmation of its device: a page of ours, whatever the address says that somebody put
 * into the link. Only the path counts, and it stays below `/web`.
 */

const home = "/web";

/** Pages outside of `/web` that continue a login at another service, and need their query for it. */
const continued = /^\/enterprise\/saml-idp\/(sso|login\/[^/]+)$/;

/** The path to send the browser to. `host` is that of this proxy, with its port unless that is 443. */
export function safeRedirect(wanted: string, host: string): string {
  const base = `https://${host}`;
  if (wanted === "" || !URL.canParse(wanted, base)) return home;
  const url = new URL(wanted, base);
  if (url.protocol !== "https:" && url.protocol !== "http:") return home;
  // Dot segments are gone: the parser resolves them, also those in percent notation.
  const path = url.pathname.replace(/\/{2,}/g, "/");
  if (continued.test(path)) {
    return url.host === new URL(base).host ? path + url.search : home;
  }
  return path === home || path.startsWith(`${home}/`) ? path : (home + path).replace(/\/$/, "");
}
