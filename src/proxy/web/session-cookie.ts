/**
 * The cookie of a browser's session: only this host may set it, only over TLS, and no script reads it (RFC 6265bis,
 * prefix `__Host-`). Lax, so that it comes along when the device's answer opens a page of ours.
 */
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import type { WebContext } from "./context.ts";

const name = "session";
const attributes = {
  prefix: "host",
  path: "/",
  secure: true,
  httpOnly: true,
  sameSite: "Lax",
} as const;
/** Ours has 80 characters. */
const longest = 256;

/** The value of the cookie; empty when the browser sent none that could be ours. */
export function readSessionCookie(context: WebContext): string {
  const value = getCookie(context, name, attributes.prefix) ?? "";
  return value.length > longest ? "" : value;
}

/** Sets the cookie until the session ends. */
export function writeSessionCookie(context: WebContext, value: string, expires: Date): void {
  setCookie(context, name, value, { ...attributes, expires });
}

/** Takes the cookie back. */
export function clearSessionCookie(context: WebContext): void {
  deleteCookie(context, name, attributes);
}
