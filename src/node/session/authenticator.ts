/**
 * Authentication of one connection. Every refusal of a certificate is written to the audit log before the client is
 * answered; the client itself learns only that it failed, except our own one, which proved to hold the key and is told
 * how to help itself.
 */
import { refusalFault } from "#access/decision.ts";
import type { DeviceHold } from "#api/followed-devices.ts";
import { explainHint, refusalFields } from "#audit/refusal.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { AuthenticationAttempt } from "#ssh/auth/server.ts";
import type { NodeContext } from "../context.ts";
import { type ClientAddress, formatClientAddress } from "./client-address.ts";
import { clip, loginFields } from "./event-fields.ts";
import { begunLogin, decideLogin, isSignedByUs, type Login, readLogin } from "./login.ts";
import { recordRefusal } from "./refusal-event.ts";

/** True for a version line of our own client, which shows hints as such. */
export function showsHints(version: string | undefined): boolean {
  return version?.startsWith("SSH-2.0-Gatehouse") ?? false;
}

/** Decides who gets in, and remembers only what it has written down already. */
export class Authenticator {
  readonly #context: NodeContext;
  readonly #remote: ClientAddress;
  readonly #clientVersion: () => string | undefined;
  readonly #holds: DeviceHold[] = [];
  #closed = false;
  readonly #recorded = new Map<string, Promise<string | undefined>>();

  constructor(
    context: NodeContext,
    remote: ClientAddress,
    clientVersion: () => string | undefined,
  ) {
    this.#context = context;
    this.#remote = remote;
    this.#clientVersion = clientVersion;
  }

  /** The login, or undefined for a plain key. Throws what is refused. `tell` shows a line to the client. */
  async decide(
    attempt: AuthenticationAttempt,
    tell: (text: string) => void,
  ): Promise<Login | undefined> {
    const { certificate, login: account, proven } = attempt;
    // Stock clients offer the plain key before the certificate.
    if (certificate === undefined) return undefined;
    const { feed, server, clock } = this.#context;
    const context = { view: feed.view, server: server(), now: clock.now() };
    let login: Login;
    try {
      login = readLogin(certificate, account, this.#remote.address, context);
    } catch (error) {
      const user = isSignedByUs(error) ? certificate.keyId : "";
      const id = await this.#record({ user, login: account }, error);
      if (user !== "" && proven)
        this.#hint(tell, hintForCertificate(error, certificate.principals), id);
      throw error;
    }
    await this.#knowDevice(login);
    const decision = decideLogin(login, { ...context, view: feed.view, now: clock.now() });
    // Some refusals come with the first channel, where the client shows the sentence.
    if (decision.allowed || decision.reason.stage === "session") return begunLogin(login);
    const fault = refusalFault(decision.reason);
    const id = await this.#record(loginFields(login, formatClientAddress(this.#remote)), fault);
    if (proven) this.#hint(tell, fault.hint, id);
    throw fault;
  }

  /** The connection is gone: the devices that it showed are followed for it no longer. */
  close(): void {
    this.#closed = true;
    for (const hold of this.#holds.splice(0)) hold.release();
  }

  async #knowDevice({ identity }: Login): Promise<void> {
    const hold = this.#context.feed.holdDevice(identity);
    if (this.#closed) hold.release();
    else this.#holds.push(hold);
    await hold.known();
  }

  #hint(tell: (text: string) => void, hint: string | undefined, id: string | undefined): void {
    if (!showsHints(this.#clientVersion())) return;
    const lines = [hint, id && explainHint(id)].filter((line) => line !== undefined);
    if (lines.length > 0) tell(lines.map((line) => `hint: ${line}\r\n`).join(""));
  }

  /** Gives the id of the event. A query and its proof are refused for the same reason: that is one refusal. */
  async #record(
    fields: { user: string; login: string },
    error: unknown,
  ): Promise<string | undefined> {
    if (!isFault(error)) return undefined;
    const key = `${fields.user} ${fields.login} ${error.message}`;
    const known = this.#recorded.get(key);
    if (known !== undefined) return known;
    const recorded = recordRefusal(this.#context, "auth", {
      "addr.remote": formatClientAddress(this.#remote),
      ...fields,
      ...refusalFields(error),
      success: false,
      error: clip(error.message),
    });
    this.#recorded.set(key, recorded);
    return recorded;
  }
}

/** What a person can do about a certificate that is theirs but not good here. */
function hintForCertificate(error: unknown, principals: readonly string[]): string | undefined {
  const check = error instanceof Fault ? error.audit["check"] : undefined;
  if (check === "validity") return "log in again: tsh login";
  if (check !== "principal") return undefined;
  const logins = principals.filter((name) => !name.startsWith("-teleport-"));
  return `allowed logins: ${logins.join(", ") || "none"}`;
}
