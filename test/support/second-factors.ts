/** People with second factors in tests, at the auth API: what their clients do, call by call. */
import type { AuthClient } from "#api/client.ts";
import { DeviceType } from "#gen/proto/mfa_pb.ts";
import { ChallengeScope } from "#gen/teleport/mfa/v1/mfa_pb.ts";
import { codeOf, type TestAuth } from "./auth-service.ts";
import type { Cheat, SoftwareAuthenticator } from "./software-authenticator.ts";

const manage = { scope: ChallengeScope.MANAGE_DEVICES };
const session = { scope: ChallengeScope.USER_SESSION };

/** What a client shows: a code, or the answer of a security key. */
type Shown = Awaited<ReturnType<FactorClient["codeFor"] | FactorClient["touch"]>>;

/** The calls of the public API about second factors, by one person. */
export class FactorClient {
  readonly #cluster: TestAuth;
  readonly #client: AuthClient;

  constructor(cluster: TestAuth, client: AuthClient) {
    this.#cluster = cluster;
    this.#client = client;
  }

  auth() {
    return this.#client.service("auth");
  }

  /** The names that a listing shows, in its order. */
  async names(): Promise<string[]> {
    const { Devices } = await (await this.auth()).getMFADevices({});
    return Devices.map(({ metadata }) => metadata?.Name ?? "");
  }

  async challenge(scope: "manage" | "session" = "manage") {
    const ChallengeExtensions = scope === "manage" ? manage : session;
    return (await this.auth()).createAuthenticateChallenge({ ChallengeExtensions });
  }

  /** The answer of an authenticator app to a challenge that was opened. */
  code(secret: string) {
    const Code = codeOf(secret, this.#cluster.clock.now());
    return { Response: { case: "TOTP" as const, value: { Code } } };
  }

  /** Opens a challenge and answers it with an app. */
  async codeFor(secret: string, scope: "manage" | "session" = "manage") {
    await this.challenge(scope);
    return this.code(secret);
  }

  /** Opens a challenge and answers it with a security key. */
  async touch(
    key: SoftwareAuthenticator,
    scope: "manage" | "session" = "manage",
    cheat: Cheat = {},
  ) {
    const { WebauthnChallenge } = await this.challenge(scope);
    const { challenge = new Uint8Array(), rpId = "" } = WebauthnChallenge?.publicKey ?? {};
    return { Response: { case: "Webauthn" as const, value: key.assert(challenge, rpId, cheat) } };
  }

  /** Registers an app; gives its secret. The clock moves on, so that its next code is another. */
  async addApp(name: string, shown?: Shown) {
    const auth = await this.auth();
    const { Request } = await auth.createRegisterChallenge({
      DeviceType: DeviceType.TOTP,
      ...(shown ? { ExistingMFAResponse: shown } : {}),
    });
    if (Request.case !== "TOTP") throw new TypeError("no TOTP challenge");
    const { Secret, ID } = Request.value;
    const Code = codeOf(Secret, this.#cluster.clock.now());
    await auth.addMFADeviceSync({
      NewDeviceName: name,
      NewMFAResponse: { Response: { case: "TOTP", value: { Code, ID } } },
    });
    this.#cluster.clock.advance(30_000);
    return Secret;
  }

  /** Registers a security key. */
  async addKey(
    name: string,
    key: SoftwareAuthenticator,
    shown?: Shown,
    cheat: Cheat = {},
  ): Promise<void> {
    const auth = await this.auth();
    const { Request } = await auth.createRegisterChallenge({
      DeviceType: DeviceType.WEBAUTHN,
      ...(shown ? { ExistingMFAResponse: shown } : {}),
    });
    if (Request.case !== "Webauthn") throw new TypeError("no WebAuthn challenge");
    const { challenge = new Uint8Array(), rp } = Request.value.publicKey ?? {};
    const value = key.register(challenge, rp?.id ?? "", cheat);
    await auth.addMFADeviceSync({
      NewDeviceName: name,
      NewMFAResponse: { Response: { case: "Webauthn", value } },
    });
  }

  async remove(name: string, shown: Shown): Promise<void> {
    await (await this.auth()).deleteMFADeviceSync({ DeviceName: name, ExistingMFAResponse: shown });
  }
}
