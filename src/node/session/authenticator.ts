/**
 * Authentication of one connection. Every refusal of a certificate is written to the audit log before the client is
 * answered; the client itself learns only that it failed, except our own one, which proved to hold the key and is told
 * how to help itself.
 */
import { refusalFault } from "#access/decision.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { AuthenticationAttempt } from "#ssh/auth/server.ts";
import type { NodeContext } from "../context.ts";
import { type ClientAddress, formatClientAddress } from "./client-address.ts";
import { clip, loginFields } from "./event-fields.ts";
import { begunLogin, decideLogin, isSignedByUs, type Login, readLogin } from "./login.ts";

/** Clients whose version line begins so show `hint:` lines well. */
const ownClients = "SSH-2.0-Gatehouse";

/** Decides who gets in, and remembers only what it has written down already. */
export class Authenticator {
  readonly #context: NodeContext;
  readonly #remote: ClientAddress;
  readonly #clientVersion: () => string | undefined;
  readonly #recorded = new Set<string>();

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
      await this.#record({ user, login: account }, error);
      if (user !== "" && proven)
        this.#hint(tell, hintForCertificate(error, certificate.principals));
      throw error;
    }
    const decision = decideLogin(login, context);
    if (decision.allowed) return begunLogin(login);
    const { reason } = decision;
    if (proven) this.#hint(tell, reason.hint);
    // Refused on the first channel, where the client shows the sentence.
    if (reason.stage === "session") return begunLogin(login);
    const fault = refusalFault(reason);
    await this.#record(loginFields(login, formatClientAddress(this.#remote)), fault);
    throw fault;
  }

  #hint(tell: (text: string) => void, hint: string | undefined): void {
    if (hint === undefined || !(this.#clientVersion()?.startsWith(ownClients) ?? false)) return;
    tell(`hint: ${hint}\r\n`);
  }

  /** A query and its proof are refused for the same reason: that is one refusal. */
  async #record(fields: { user: string; login: string }, error: unknown): Promise<void> {
    if (!isFault(error)) return;
    const key = `${fields.user} ${fields.login} ${error.message}`;
    if (this.#recorded.has(key)) return;
    this.#recorded.add(key);
    const { id, hostname } = this.#context.server();
    try {
      await this.#context.events.record("auth", {
        "addr.remote": formatClientAddress(this.#remote),
        ...fields,
        server_id: id,
        server_hostname: hostname,
        success: false,
        error: clip(error.message),
      });
    } catch (failure) {
      this.#context.logger.error("a refusal could not be written to the audit log", {
        error: failure,
        refusal: error.message,
      });
    }
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
