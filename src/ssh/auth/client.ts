/** User authentication on the client (RFC 4252): one key or certificate, signed at once without a query. */
import { Fault } from "#base/fault.ts";
import { type Algorithm, algorithmsOf } from "../algorithms.ts";
import { authBanner, authFailure, authSuccess, keyAcceptable, keyProof } from "../messages/auth.ts";
import { serviceAccept, serviceRequest } from "../messages/transport.ts";
import { blobTypeOf } from "../public-key.ts";
import type { Signer } from "../signer.ts";
import type { Transport } from "../transport/transport.ts";
import { authService, bytesToSign, encodeRequest } from "./request.ts";

/** What a client authenticates with. */
export interface ClientIdentity {
  readonly signer: Signer;
  /** A user certificate for the signer's key. Without one the plain key is offered. */
  readonly certificate?: Uint8Array;
}

/** The state of one connection until the server accepts. */
export class ClientAuthentication {
  readonly #transport: Transport;
  readonly #login: string;
  readonly #identity: ClientIdentity;
  readonly #onBanner: (text: string) => void;
  readonly #done: () => void;
  #untried: readonly Algorithm[];
  #waiting: "service" | "answer" = "service";

  constructor(
    transport: Transport,
    login: string,
    identity: ClientIdentity,
    onBanner: (text: string) => void,
    done: () => void,
  ) {
    this.#transport = transport;
    this.#login = login;
    this.#identity = identity;
    this.#onBanner = onBanner;
    this.#done = done;
    this.#untried = algorithmsOf(blobTypeOf(identity.certificate ?? identity.signer.publicKey));
  }

  /** Asks for the service. Call once the transport is ready. */
  begin(): void {
    this.#transport.send(serviceRequest.encode({ service: authService }));
  }

  /** Takes a message below 80. Throws `malformed` for one that does not belong here. */
  receive(number: number, payload: Uint8Array): void {
    if (number === authBanner.number) {
      this.#onBanner(authBanner.decode(payload).text);
    } else if (number === serviceAccept.number && this.#waiting === "service") {
      serviceAccept.decode(payload);
      this.#waiting = "answer";
      this.#keepSupported();
      this.#attempt();
    } else if (number === authFailure.number && this.#waiting === "answer") {
      authFailure.decode(payload);
      this.#attempt();
    } else if (number === authSuccess.number && this.#waiting === "answer") {
      authSuccess.decode(payload);
      this.#done();
    } else if (number !== keyAcceptable.number) {
      throw new Fault("malformed", `message ${number} is not expected during authentication`);
    }
  }

  /** Drops what the server says it cannot verify (RFC 8308 section 3.1), unless that leaves nothing. */
  #keepSupported(): void {
    const names = this.#transport.peerSignatureAlgorithms;
    if (names === undefined) return;
    const supported = this.#untried.filter(
      ({ name, signature }) => names.includes(signature) || names.includes(name),
    );
    if (supported.length > 0) this.#untried = supported;
  }

  /** Signs with the next algorithm. Messages wait until the signature is there. */
  #attempt(): void {
    const [algorithm, ...untried] = this.#untried;
    this.#untried = untried;
    if (algorithm === undefined) {
      this.#transport.fail(
        new Fault("access-denied", `the SSH server does not let ${this.#login} in with this key`),
      );
      return;
    }
    this.#transport.hold();
    this.#prove(algorithm)
      .then(() => this.#transport.release())
      .catch((error: unknown) => this.#transport.fail(error));
  }

  async #prove({ name: algorithm, signature: signatureName }: Algorithm): Promise<void> {
    const { signer, certificate } = this.#identity;
    const query = { signed: true, algorithm, blob: certificate ?? signer.publicKey };
    const bytes = bytesToSign(this.#transport.sessionId, this.#login, query);
    const signature = await signer.sign(bytes, signatureName);
    this.#transport.send(encodeRequest(this.#login, keyProof.encode({ ...query, signature })));
  }
}
