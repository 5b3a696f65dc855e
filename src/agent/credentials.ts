/**
 * The certificates of this machine: taken from disk while they are good, otherwise obtained, and renewed at half of their
 * life. Whoever uses them asks anew each time, so a renewal needs no restart and ends no session.
 */
import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import * as z from "zod";
import { BackOff } from "#api/back-off.ts";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Closable } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import { parseCertificate } from "#ssh/certificate.ts";
import { parseAuthorizedKey } from "#ssh/public-key.ts";
import type { HostKey } from "#ssh/transport/host-key.ts";
import {
  type HostKeys,
  publicHalves,
  readHostKeys,
  readIfThere,
  writeSecret,
} from "./host-keys.ts";

/** What certificates are asked for. */
export interface HostCertificateRequest {
  readonly hostId: string;
  readonly nodeName: string;
  /** authorized_keys lines. */
  readonly sshPublicKeys: readonly string[];
  /** PEM. */
  readonly tlsPublicKey: string;
  readonly additionalPrincipals: readonly string[];
}

const certificatesSchema = z.object({
  /** authorized_keys lines, in the order of the keys. */
  sshCertificates: z.array(z.string()),
  /** PEM. */
  tlsCertificate: z.string(),
  /** PEM certificates of the host authority. */
  tlsCaCertificates: z.array(z.string()),
  sshCaKeys: z.array(z.string()),
  clusterName: z.string(),
  hostId: z.string(),
});

/** The certificates of a host, as the auth service answers. */
export type HostCertificates = Readonly<z.output<typeof certificatesSchema>>;

/** Asks the auth service. `current` is what the host has, undefined at the first time. */
export type ObtainCertificates = (
  request: HostCertificateRequest,
  current: HostCredentials | undefined,
) => Promise<Omit<HostCertificates, "$typeName">>;

/** What credentials are made of. */
export interface CredentialOptions {
  /** Folder of the keys and certificates; made if it is not there. */
  readonly folder: string;
  readonly hostId: string;
  readonly nodeName: string;
  readonly additionalPrincipals: readonly string[];
  readonly obtain: ObtainCertificates;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const longestTimerMs = 0x7fff_ffff;

/** Keys and certificates of this machine. */
export class HostCredentials implements Closable {
  readonly #options: CredentialOptions;
  readonly #keys: HostKeys;
  readonly #stop = new AbortController();
  readonly #request: HostCertificateRequest;
  readonly #listeners = new Set<() => void>();
  #certificates: HostCertificates;
  #timer: NodeJS.Timeout | undefined;
  #renewing: Promise<void> | undefined;

  private constructor(
    options: CredentialOptions,
    keys: HostKeys,
    request: HostCertificateRequest,
    certificates: HostCertificates,
  ) {
    this.#options = options;
    this.#keys = keys;
    this.#request = request;
    this.#certificates = certificates;
  }

  /** Reads what is on disk and obtains what is missing. Throws what obtaining throws. */
  static async open(options: CredentialOptions): Promise<HostCredentials> {
    const { folder, hostId, nodeName, additionalPrincipals, clock } = options;
    const keys = await readHostKeys(folder);
    const request = { hostId, nodeName, additionalPrincipals, ...publicHalves(keys) };
    const stored = parseStored(await readIfThere(fileIn(folder)), request);
    const usable = stored !== undefined && lifeOf(stored).end > clock.now().getTime();
    const certificates = usable
      ? stored
      : certificatesSchema.parse(await options.obtain(request, undefined));
    const credentials = new HostCredentials(options, keys, request, certificates);
    if (!usable) await credentials.#store();
    credentials.#plan();
    return credentials;
  }

  get clusterName(): string {
    return this.#certificates.clusterName;
  }

  /** For SSH servers: every key with its certificate. */
  get hostKeys(): readonly HostKey[] {
    return this.#keys.ssh.map((signer, index) => {
      const line = this.#certificates.sshCertificates[index];
      if (line === undefined) return { signer };
      return { signer, certificate: parseAuthorizedKey(line).blob };
    });
  }

  /** For TLS connections as this host: PEM texts. `authorities` are those of the cluster. */
  get tls(): { key: string; certificate: string; authorities: readonly string[] } {
    return {
      key: this.#keys.tls.export({ type: "pkcs8", format: "pem" }).toString(),
      certificate: this.#certificates.tlsCertificate,
      authorities: this.#certificates.tlsCaCertificates,
    };
  }

  /** Renews now. Throws what obtaining throws, and keeps what it has. */
  async renew(): Promise<void> {
    const answer = await this.#options.obtain(this.#request, this);
    const renewed = certificatesSchema.parse(answer);
    if (renewed.clusterName !== this.clusterName || renewed.hostId !== this.#request.hostId) {
      throw new Fault("invalid", "the certificates are for another host or cluster");
    }
    this.#certificates = renewed;
    await this.#store();
    for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` after every renewal. Returns a function that stops it. */
  onRenew(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    await this.#renewing;
  }

  #store(): Promise<void> {
    const { folder, nodeName, additionalPrincipals } = this.#options;
    const text = JSON.stringify({ ...this.#certificates, nodeName, additionalPrincipals });
    return writeSecret(folder, fileIn(folder), `${text}\n`);
  }

  /** At half of the life; a host that slept past that renews at once. */
  #plan(): void {
    const { begin, end } = lifeOf(this.#certificates);
    const wait = (begin + end) / 2 - this.#options.clock.now().getTime();
    this.#timer = setTimeout(
      () => {
        if (wait > longestTimerMs) this.#plan();
        else this.#renewing = this.#renewUntilDone();
      },
      Math.min(Math.max(wait, 0), longestTimerMs),
    );
    this.#timer.unref();
  }

  async #renewUntilDone(): Promise<void> {
    const { random, logger } = this.#options;
    const { signal } = this.#stop;
    const backOff = new BackOff(random);
    while (!signal.aborted) {
      try {
        await this.renew();
        logger.info("the certificates of this host were renewed");
        this.#plan();
        return;
      } catch (error) {
        logger.warn("the certificates of this host could not be renewed", { error });
      }
      await backOff.wait(signal);
    }
  }
}

function fileIn(folder: string): string {
  return join(folder, "certificates.json");
}

/** Stored certificates, if they are for this very request. Anything else is obtained anew. */
function parseStored(
  text: string | undefined,
  { hostId, nodeName, additionalPrincipals, sshPublicKeys }: HostCertificateRequest,
): HostCertificates | undefined {
  if (text === undefined) return undefined;
  try {
    const json: unknown = JSON.parse(text);
    const certificates = certificatesSchema.parse(json);
    const asked = z
      .object({ nodeName: z.string(), additionalPrincipals: z.array(z.string()) })
      .parse(json);
    const fits =
      certificates.hostId === hostId &&
      asked.nodeName === nodeName &&
      asked.additionalPrincipals.join() === additionalPrincipals.join() &&
      certificates.sshCertificates.length === sshPublicKeys.length;
    return fits ? certificates : undefined;
  } catch {
    return undefined;
  }
}

/** The time in which every certificate of the set is good, in milliseconds. */
function lifeOf({ sshCertificates, tlsCertificate }: HostCertificates): {
  begin: number;
  end: number;
} {
  const tls = new X509Certificate(tlsCertificate);
  const ssh = sshCertificates.map((line) => parseCertificate(parseAuthorizedKey(line).blob));
  return {
    begin: Math.max(
      Date.parse(tls.validFrom),
      ...ssh.map(({ validAfter }) => Number(validAfter) * 1000),
    ),
    end: Math.min(
      Date.parse(tls.validTo),
      ...ssh.map(({ validBefore }) => Number(validBefore) * 1000),
    ),
  };
}
