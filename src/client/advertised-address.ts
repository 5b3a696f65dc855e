/**
 * A proxy says under which address it wants to be known, and the profile is filed under that. The address may be that of
 * somebody else: what is filed there already must not be replaced, and no certificate is trusted under a name that was
 * not seen to show it.
 */
import { Fault, isFault } from "#base/fault.ts";
import { findLogin } from "./profile/logins.ts";
import { hostOf, splitAddress } from "./profile/names.ts";
import { type HostAuthority, readTlsAuthorities } from "./profile/trust.ts";
import { WebClient } from "./web/client.ts";
import type { Ping } from "./web/ping.ts";

/** What a proxy said, and where it was found. */
export interface Advertised {
  /** `host:port` that was dialled. */
  readonly dialled: string;
  readonly answer: Pick<Ping, "publicAddr" | "cluster">;
}

/**
 * Throws `unproven` when the proxy names the host of another cluster, at which this person is logged in. A cluster is the
 * same when it shares a host authority; under the address that was typed, anything may be.
 */
export async function assertNotAnothers(
  folder: string,
  { dialled, answer }: Advertised,
  authorities: readonly HostAuthority[],
): Promise<void> {
  const host = hostOf(answer.publicAddr);
  if (host === hostOf(dialled)) return;
  const known = await findLogin(folder, host);
  if (known === undefined) return;
  const trusted = readTlsAuthorities(folder, known.key).map((pem) => pem.trim());
  const shown = authorities.flatMap(({ tlsCertificates }) => tlsCertificates);
  const same = shown.some((pem) => trusted.includes(pem.trim()));
  if (same && known.key.cluster === answer.cluster) return;
  throw new Fault(
    "unproven",
    `the proxy at ${dialled} calls itself ${host}, where you are logged in to another cluster`,
    { hint: `if that one is gone, first: tsh logout --proxy=${host}` },
  );
}

/** True when the proxy shows the certificate (PEM) under the address that it advertises, too. */
export async function showsCertificate(
  { answer }: Advertised,
  pem: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { host, port = 443 } = splitAddress(answer.publicAddr);
  const trust = { pinned: pem, insecure: false };
  const web = new WebClient({ host, port, trust, signal });
  try {
    await web.get("/webapi/ping");
    return web.certificate?.verdict === "pinned";
  } catch (error) {
    if (isFault(error)) return false;
    throw error;
  } finally {
    web.close();
  }
}
