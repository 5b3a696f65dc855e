/**
 * What a browser says about the machine that it runs on. Self-reported, like everything that a browser sends: it chooses
 * which devices are worth asking, and proves nothing.
 */
import type { OsType } from "./messages.ts";

/** A browser as the proxy saw it at the login. */
export interface Browser {
  /** The header `User-Agent`. */
  readonly userAgent: string;
  /** Without a port. */
  readonly address: string;
  /** Points of its screen that can be touched at once; 0 when it said nothing. */
  readonly maxTouchPoints: number;
}

/**
 * Words of the header, in the order in which they decide: an iPhone says "like Mac OS X" too, and Android says "Linux".
 * Undefined stands for systems that cannot be enrolled.
 */
const systems: readonly (readonly [word: RegExp, system: OsType | undefined])[] = [
  [/\b(Android|CrOS)\b/, undefined],
  [/\biPad\b/, "ipados"],
  [/\b(iPhone|iPod)\b/, "ios"],
  [/\bWindows NT\b/, "windows"],
  [/\bMacintosh\b/, "macos"],
  [/\b(Linux|X11)\b/, "linux"],
];

/** The system that the browser runs on, or undefined when it is none that a device can have. */
export function systemOfBrowser({
  userAgent,
  maxTouchPoints,
}: Pick<Browser, "userAgent" | "maxTouchPoints">): OsType | undefined {
  const system = systems.find(([word]) => word.test(userAgent))?.[1];
  // An iPad pretends to be a Mac; no Mac has a screen to touch.
  return system === "macos" && maxTouchPoints > 1 ? "ipados" : system;
}

/** True when both names stand for one address. A machine reaches itself under several: all of them count as one. */
export function sameAddress(a: string, b: string): boolean {
  return plainAddress(a) === plainAddress(b);
}

function plainAddress(address: string): string {
  const plain = address.toLowerCase().replace(/^::ffff:(?=\d)/, "");
  return plain === "::1" || /^127(\.\d{1,3}){3}$/.test(plain) ? "loopback" : plain;
}
