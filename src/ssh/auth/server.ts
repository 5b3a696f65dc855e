/**
 * User authentication on the server (RFC 4252): public keys and certificates only.
 *
 * Nothing is kept from one attempt to the next, so the identity is always that of the key that signed this
 * request (CVE-2024-45337). Attempts are handled one at a time; a peer learns only yes or no.
 */
import { Fault, isFault } from "#base/fault.ts";
import { findAlgorithm } from "../algorithms.ts";
import type { Value } from "../layout.ts";
import {
  authBanner,
  authFailure,
  authRequest,
  authSuccess,
  keyAcceptable,
} from "../messages/auth.ts";
import { serviceAccept, serviceRequest } from "../messages/transport.ts";
import { verifySignature } from "../signature.ts";
import type { StartTimer } from "../timer.ts";
import type { Transport } from "../transport/transport.ts";
import {
  authService,
  bytesToSign,
  connectionService,
  decodeMethod,
  decodeOffer,
  type OfferedKey,
  publicKeyMethod,
} from "./request.ts";

/** One attempt to authenticate. */
export interface AuthenticationAttempt extends OfferedKey {
  /** The name of the account that the client asks for. */
  readonly login: string;
  /** False while the client only asks whether the key would do; true once it has proved to hold the key. */
  readonly proven: boolean;
}

/** The rules of a server. */
export interface AuthenticationRules<Identity> {
  /**
   * Decides about an attempt: an identity lets the client in, undefined or a throw refuses. Called for a
   * query and again for the proof; only the identity given for a proven attempt counts. The certificate has
   * not been checked: call checkCertificate. `tell` shows a text to the client ahead of the answer (RFC 4252
   * section 5.4).
   */
  decide(
    attempt: AuthenticationAttempt,
    tell: (text: string) => void,
  ): Identity | undefined | Promise<Identity | undefined>;
  /** Told of every refusal, for the audit log. `attempt` is missing if its key could not be read. */
  onFailure?(login: string, reason: unknown, attempt: AuthenticationAttempt | undefined): void;
  /** Shown to the client before it authenticates. */
  readonly banner?: string;
  /** Refused attempts before the server hangs up. Default 10: clients try plain keys before certificates. */
  readonly maxAttempts?: number;
  /** Time for the whole of authentication, key exchange included. Default two minutes. */
  readonly graceMs?: number;
}

const defaults = { maxAttempts: 10, graceMs: 120_000 };
/** Requests of any kind: bounds the queries too, which are not refused. */
const requestLimit = 64;

/** The state of one connection until its user is known. */
export class ServerAuthentication<Identity> {
  readonly #transport: Transport;
  readonly #rules: AuthenticationRules<Identity>;
  readonly #done: (identity: Identity, login: string) => void;
  readonly #cancelGrace: () => void;
  #serviceStarted = false;
  #requests = 0;
  #refused = 0;
  #finished = false;

  constructor(
    transport: Transport,
    rules: AuthenticationRules<Identity>,
    startTimer: StartTimer,
    done: (identity: Identity, login: string) => void,
  ) {
    this.#transport = transport;
    this.#rules = rules;
    this.#done = done;
    this.#cancelGrace = startTimer(rules.graceMs ?? defaults.graceMs, () =>
      transport.fail(new Fault("timeout", "authentication took too long")),
    );
  }

  /** Stops the grace timer. */
  close(): void {
    this.#cancelGrace();
  }

  /** Takes a message below 80. Throws `malformed` for one that does not belong here. */
  receive(number: number, payload: Uint8Array): void {
    if (number === serviceRequest.number && !this.#serviceStarted) {
      this.#startService(serviceRequest.decode(payload).service);
    } else if (number === authRequest.number && this.#serviceStarted) {
      // Requests after success are to be ignored (RFC 4252 section 5.1).
      if (!this.#finished) this.#begin(authRequest.decode(payload));
    } else {
      throw new Fault("malformed", `message ${number} is not expected during authentication`);
    }
  }

  #startService(service: string): void {
    if (service !== authService) throw new Fault("malformed", "the SSH service is not known");
    this.#serviceStarted = true;
    this.#transport.send(serviceAccept.encode({ service }));
    if (this.#rules.banner !== undefined) this.#tell(this.#rules.banner);
  }

  #tell(text: string): void {
    this.#transport.send(authBanner.encode({ text, language: "" }));
  }

  #begin(request: Value<typeof authRequest>): void {
    if (++this.#requests > requestLimit) throw tooMany();
    this.#transport.hold();
    this.#handle(request)
      .then(() => this.#transport.release())
      .catch((error: unknown) => this.#transport.fail(error));
  }

  async #handle({ user: login, service, method, rest }: Value<typeof authRequest>): Promise<void> {
    if (service !== connectionService || method !== publicKeyMethod) {
      // "none" is how a client asks for the list of methods.
      this.#sendFailure();
      return;
    }
    let attempt: AuthenticationAttempt | undefined;
    try {
      const proof = decodeMethod(rest);
      const { algorithm, blob, signature } = proof;
      attempt = { login, proven: signature !== undefined, ...decodeOffer(algorithm, blob) };
      if (signature !== undefined) this.#assertSigned(attempt.key, login, proof, signature);
      const identity = await this.#rules.decide(attempt, (text) => this.#tell(text));
      if (identity === undefined) throw new Fault("access-denied", "the key is not accepted");
      if (signature === undefined) this.#transport.send(keyAcceptable.encode({ algorithm, blob }));
      else this.#succeed(identity, login);
    } catch (error) {
      this.#refuse(login, error, attempt);
    }
  }

  #assertSigned(
    key: OfferedKey["key"],
    login: string,
    { algorithm, blob }: { algorithm: string; blob: Uint8Array },
    signature: Uint8Array,
  ): void {
    const signed = bytesToSign(this.#transport.sessionId, login, { signed: true, algorithm, blob });
    const name = findAlgorithm(algorithm)?.signature ?? "";
    if (!verifySignature(key, name, signed, signature)) {
      throw new Fault("unproven", "the signature is not by the key that was offered");
    }
  }

  #succeed(identity: Identity, login: string): void {
    this.#finished = true;
    this.#cancelGrace();
    this.#transport.send(authSuccess.encode({}));
    this.#done(identity, login);
  }

  #refuse(login: string, error: unknown, attempt: AuthenticationAttempt | undefined): void {
    this.#rules.onFailure?.(login, error, attempt);
    // A bug of ours must not look like a wrong key for ever: it ends the connection, refused all the same.
    if (!isFault(error)) throw error;
    this.#refused++;
    if (this.#refused >= (this.#rules.maxAttempts ?? defaults.maxAttempts)) throw tooMany();
    this.#sendFailure();
  }

  #sendFailure(): void {
    this.#transport.send(authFailure.encode({ methods: [publicKeyMethod], partialSuccess: false }));
  }
}

function tooMany(): Fault {
  return new Fault("limit", "too many authentication attempts");
}
