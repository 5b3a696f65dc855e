/**
 * `tsh login` from address to stored profile: find the proxy, ask what it wants, log in with fresh keys, check what
 * came back, store it, and authenticate the device. The caller prints.
 */
import { createPublicKey, X509Certificate } from "node:crypto";
import { sameBytes } from "#base/bytes.ts";
import { Fault, isFault } from "#base/fault.ts";
import { parseCertificate } from "#ssh/certificate.ts";
import { encodePublicKey, parseAuthorizedKey } from "#ssh/public-key.ts";
import { type Advertised, assertNotAnothers, showsCertificate } from "./advertised-address.ts";
import { generateLoginKeys, type LoginKeys, privateHalves, publicHalves } from "./cluster/keys.ts";
import type { StoredLogin } from "./profile/logins.ts";
import { hostOf, joinAddress, splitAddress } from "./profile/names.ts";
import { saveLogin } from "./profile/store.ts";
import { isBalanced } from "./web/balancer.ts";
import { WebClient } from "./web/client.ts";
import type { WebOptions } from "./web/dial.ts";
import { type LoginAnswer, type LoginPrompts, logInWithPassword } from "./web/login.ts";
import { type Ping, ping } from "./web/ping.ts";
import { extraRoots, readWebPin, writeWebPin } from "./web/trust.ts";

/** What a login needs. */
export interface LoginOptions {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  /** `host` or `host:port`. Without a port 443 is tried, then 3080. */
  readonly proxy: string;
  readonly user: string;
  /** Wished lifetime in ms; zero leaves it to the cluster. */
  readonly ttlMs: number;
  /** Accept an untrusted web certificate this once, and remember it. */
  readonly insecure: boolean;
  readonly prompts: LoginPrompts;
  readonly now: () => Date;
  readonly signal?: AbortSignal;
  /** Told as soon as the proxy has answered, before anything is asked. */
  readonly onPing?: (ping: Ping) => void;
}

/** A finished login. */
export interface FinishedLogin {
  readonly login: StoredLogin;
  readonly ping: Ping;
  /** SHA-256 fingerprint of the web certificate when it was accepted without proof. */
  readonly pinned: string | undefined;
}

const defaultPorts = [443, 3080];

/** Logs in and stores the profile. Nothing is stored unless everything fits together. */
export async function logIn(options: LoginOptions): Promise<FinishedLogin> {
  const { web, answer } = await findProxy(options);
  try {
    options.onPing?.(answer);
    const balanced = isBalanced(webOptions(options, web.address), options.env);
    const keys = generateLoginKeys(answer.signatureSuite);
    const halves = publicHalves(await keys);
    const issued = await logInWithPassword(
      web,
      answer,
      {
        user: options.user,
        sshPublicKey: halves.ssh,
        tlsPublicKey: halves.tls,
        ttlMs: options.ttlMs,
      },
      options.prompts,
    );
    assertIssuedFor(issued, await keys);
    const advertised = { dialled: web.address, answer };
    await assertNotAnothers(options.folder, advertised, issued.authorities);
    const login = await store(options, {
      answer,
      issued,
      keys: await keys,
      balanced: await balanced,
    });
    return { login, ping: answer, pinned: await pinCertificate(options, web, advertised) };
  } finally {
    web.close();
  }
}

/** Connects to the proxy and pings it, on the given port or on the usual ones. */
export async function findProxy(
  options: Pick<LoginOptions, "folder" | "env" | "proxy" | "insecure" | "signal" | "now">,
): Promise<{ web: WebClient; answer: Ping }> {
  const { host, port } = splitAddress(options.proxy);
  const ports = port === undefined ? defaultPorts : [port];
  let failure: unknown;
  for (const candidate of ports) {
    const web = new WebClient(webOptions(options, joinAddress(host, candidate)));
    try {
      return { web, answer: await ping(web, options.now) };
    } catch (error) {
      web.close();
      // Something that answers, but not as a proxy, may be another service on the usual port.
      if (!isFault(error, "unavailable", "timeout", "malformed")) throw error;
      failure = error;
    }
  }
  if (ports.length > 1 && isFault(failure)) {
    throw new Fault("unavailable", `no proxy answers at ${host} on port 443 or 3080`, {
      hint: "give the port with the address, as in --proxy=host:8443",
      cause: failure,
    });
  }
  throw failure;
}

/** How the web address is dialled, and what vouches for it. */
function webOptions(
  { folder, env, insecure, signal }: Pick<LoginOptions, "folder" | "env" | "insecure" | "signal">,
  address: string,
): WebOptions {
  const { host, port = 443 } = splitAddress(address);
  const trust = { pinned: readWebPin(folder, host), insecure };
  return { host, port, trust, roots: extraRoots(env), signal };
}

/** What the cluster issued must be for our keys and for the person who asked; anything else is not stored. */
function assertIssuedFor(issued: LoginAnswer, keys: LoginKeys): void {
  try {
    const ssh = parseCertificate(parseAuthorizedKey(issued.sshCertificate).blob);
    const tls = new X509Certificate(issued.tlsCertificate);
    const spki = { type: "spki", format: "der" } as const;
    const ours =
      ssh.type === "user" &&
      sameBytes(ssh.key.blob, encodePublicKey(keys.ssh)) &&
      sameBytes(tls.publicKey.export(spki), createPublicKey(keys.tls).export(spki));
    if (ours) return;
  } catch (cause) {
    throw new Fault("malformed", "the certificates that the proxy sent cannot be read", { cause });
  }
  throw new Fault("malformed", "the certificates that the proxy sent are not for our keys");
}

/** What is stored of a login. */
interface Obtained {
  readonly answer: Ping;
  readonly issued: LoginAnswer;
  readonly keys: LoginKeys;
  readonly balanced: boolean;
}

async function store(
  { folder }: LoginOptions,
  { answer, issued, keys, balanced }: Obtained,
): Promise<StoredLogin> {
  const halves = privateHalves(keys, issued.user);
  return saveLogin(
    folder,
    {
      webProxyAddr: answer.publicAddr,
      kubeProxyAddr: answer.kubernetes ? answer.publicAddr : "",
      user: issued.user,
      cluster: answer.cluster,
      tlsRouting: true,
      connectionUpgrade: balanced,
    },
    {
      sshKey: halves.ssh,
      sshPublicKey: `${publicHalves(keys).ssh} ${issued.user}\n`,
      sshCertificate: `${issued.sshCertificate.trim()}\n`,
      tlsKey: halves.tls,
      tlsCertificate: `${issued.tlsCertificate.trim()}\n`,
    },
    issued.authorities,
  );
}

/** Remembers a certificate that `--insecure` let through, under each name of the proxy that was seen to show it. */
async function pinCertificate(
  { folder, signal }: LoginOptions,
  web: WebClient,
  advertised: Advertised,
): Promise<string | undefined> {
  if (web.certificate?.verdict !== "insecure") return undefined;
  const { pem } = web.certificate;
  const [dialled, named] = [hostOf(web.address), hostOf(advertised.answer.publicAddr)];
  writeWebPin(folder, dialled, pem);
  if (named !== dialled && (await showsCertificate(advertised, pem, signal))) {
    writeWebPin(folder, named, pem);
  }
  return new X509Certificate(pem).fingerprint256;
}
