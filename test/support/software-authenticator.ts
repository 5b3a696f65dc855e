/**
 * A WebAuthn authenticator in software, with the browser around it: SIMULATED. It keeps its key in memory, touches
 * nothing, and can be told to cheat (W3C WebAuthn Level 2, sections 6.1 and 6.5; CTAP2 canonical CBOR).
 */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

/** What the browser or the authenticator does otherwise than it should. */
export interface Cheat {
  readonly origin?: string;
  /** The relying party that the authenticator signs for. */
  readonly rpId?: string;
  readonly challenge?: string;
  readonly type?: string;
  readonly counter?: number;
  /** Nobody touched it. */
  readonly absent?: boolean;
  /** Another key signs. */
  readonly key?: KeyObject;
  readonly userHandle?: Uint8Array;
}

const flags = { present: 0x01, attested: 0x40 };

/** One credential of one authenticator. */
export class SoftwareAuthenticator {
  readonly credentialId: Uint8Array;
  readonly #origin: string;
  readonly #key: KeyObject;
  #counter = 0;

  constructor(origin: string, credentialId: Uint8Array = randomBytes(32)) {
    this.#origin = origin;
    this.credentialId = credentialId;
    this.#key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  }

  /** The answer to a registration. */
  register(challenge: Uint8Array, rpId: string, cheat: Cheat = {}) {
    const length = Buffer.from([this.credentialId.length >> 8, this.credentialId.length & 0xff]);
    const authData = Buffer.concat([
      this.#header(rpId, flags.attested, cheat),
      Buffer.alloc(16),
      length,
      this.credentialId,
      this.#coseKey(),
    ]);
    const attestationObject = Buffer.concat([
      Buffer.from([0xa3]),
      text("fmt"),
      text("none"),
      text("attStmt"),
      Buffer.from([0xa0]),
      text("authData"),
      bytes(authData),
    ]);
    return {
      type: "public-key",
      rawId: plain(this.credentialId),
      response: {
        clientDataJson: this.#clientData("webauthn.create", challenge, cheat),
        attestationObject: plain(attestationObject),
      },
    };
  }

  /** The answer to a login. */
  assert(challenge: Uint8Array, rpId: string, cheat: Cheat = {}) {
    const authenticatorData = this.#header(rpId, 0, cheat);
    const clientDataJson = this.#clientData("webauthn.get", challenge, cheat);
    const hash = createHash("sha256").update(clientDataJson).digest();
    const signature = sign(
      "sha256",
      Buffer.concat([authenticatorData, hash]),
      cheat.key ?? this.#key,
    );
    return {
      type: "public-key",
      rawId: plain(this.credentialId),
      response: {
        clientDataJson,
        authenticatorData: plain(authenticatorData),
        signature: plain(signature),
        userHandle: plain(cheat.userHandle ?? new Uint8Array()),
      },
    };
  }

  #header(rpId: string, more: number, cheat: Cheat): Buffer {
    this.#counter = cheat.counter ?? this.#counter + 1;
    const header = Buffer.alloc(37);
    createHash("sha256")
      .update(cheat.rpId ?? rpId)
      .digest()
      .copy(header);
    header[32] = (cheat.absent ? 0 : flags.present) | more;
    header.writeUInt32BE(this.#counter, 33);
    return header;
  }

  #clientData(type: string, challenge: Uint8Array, cheat: Cheat): Uint8Array<ArrayBuffer> {
    const data = {
      type: cheat.type ?? type,
      challenge: cheat.challenge ?? Buffer.from(challenge).toString("base64url"),
      origin: cheat.origin ?? this.#origin,
      crossOrigin: false,
    };
    return plain(Buffer.from(JSON.stringify(data)));
  }

  /** ES256 (RFC 9053 section 7.1.1): kty 2, alg -7, crv 1, x, y. */
  #coseKey(): Buffer {
    const { x = "", y = "" } = this.#key.export({ format: "jwk" });
    return Buffer.concat([
      Buffer.from([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21]),
      bytes(Buffer.from(x, "base64url")),
      Buffer.from([0x22]),
      bytes(Buffer.from(y, "base64url")),
    ]);
  }
}

function plain(data: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(data);
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([0x60 | value.length]), Buffer.from(value)]);
}

function bytes(value: Uint8Array): Buffer {
  const head =
    value.length < 24
      ? [0x40 | value.length]
      : value.length < 256
        ? [0x58, value.length]
        : [0x59, value.length >> 8, value.length & 0xff];
  return Buffer.concat([Buffer.from(head), value]);
}
