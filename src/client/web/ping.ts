/**
 * `GET /webapi/ping`: what a proxy says about itself before anybody logs in. Read tolerantly, because newer proxies
 * say more; what we act on is checked.
 */
import { Fault } from "#base/fault.ts";
import { assertName, hostOf, joinAddress, splitAddress } from "../profile/names.ts";
import type { WebClient } from "./client.ts";

/** What we use of the answer. */
export interface Ping {
  readonly cluster: string;
  /** `host:port` under which the cluster wants to be known; profile files are named after it. */
  readonly publicAddr: string;
  readonly secondFactor: string;
  readonly kubernetes: boolean;
  readonly deviceTrustDisabled: boolean;
  readonly autoEnroll: boolean;
  /** `balanced-v1`, `legacy`, …; decides the kinds of keys that a login makes. Empty: the cluster knows no suites. */
  readonly signatureSuite: string;
  readonly serverVersion: string;
  /** How far this machine's clock is ahead of the proxy's, in ms; undefined when it did not say. */
  readonly clockAheadMs: number | undefined;
}

/** A certificate is good for a minute before its issue; a clock further back rejects every fresh one. */
const tolerableSkewMs = 55_000;

/** Asks the proxy. `now` is this machine's time. */
export async function ping(web: WebClient, now: () => Date): Promise<Ping> {
  const { body, date } = await web.get("/webapi/ping");
  const after = now();
  const root = record(body);
  const auth = record(root["auth"]);
  const proxy = record(root["proxy"]);
  const device = record(auth["device_trust"]);
  const cluster = text(root["cluster_name"]);
  if (cluster === "") {
    throw new Fault("malformed", `${web.address} does not answer as a proxy does`, {
      hint: "check the address and port of --proxy",
    });
  }
  const advertised = text(record(proxy["ssh"])["public_addr"]);
  return {
    cluster: assertName("cluster", cluster),
    publicAddr: publicAddress(advertised, web.address),
    secondFactor: text(auth["second_factor"]) || "on",
    kubernetes: record(proxy["kube"])["enabled"] === true,
    deviceTrustDisabled: device["disabled"] === true,
    autoEnroll: device["auto_enroll"] === true,
    signatureSuite: text(auth["signature_algorithm_suite"]),
    serverVersion: text(root["server_version"]),
    // The header has whole seconds: half a second is the best guess of the rest.
    clockAheadMs: date === undefined ? undefined : after.getTime() - (date.getTime() + 500),
  };
}

/** A sentence about a clock that is too far off for certificates to work, or undefined. */
export function describeClockSkew(clockAheadMs: number | undefined): string | undefined {
  if (clockAheadMs === undefined || Math.abs(clockAheadMs) < tolerableSkewMs) return undefined;
  const seconds = Math.round(Math.abs(clockAheadMs) / 1000);
  const amount = seconds < 120 ? `${seconds} seconds` : `${Math.round(seconds / 60)} minutes`;
  return `the clock of this machine is ${amount} ${clockAheadMs > 0 ? "ahead of" : "behind"} the proxy's`;
}

/** The advertised address decides, as the official client has it; one that is no address is ignored. */
function publicAddress(advertised: string, dialled: string): string {
  if (advertised === "") return dialled;
  try {
    const { host, port } = splitAddress(advertised);
    assertName("proxy host", hostOf(advertised));
    return joinAddress(host, port ?? splitAddress(dialled).port ?? 443);
  } catch {
    return dialled;
  }
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
