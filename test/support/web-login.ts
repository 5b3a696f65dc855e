/** Browsers in tests: a login at auth as the proxy makes it, and a device that vouches for the session. */
import { runWebAuthentication } from "#client/ceremony/authenticate.ts";
import type { DeviceAuthenticator } from "#client/device/authenticator.ts";
import type { CreateWebSessionResponse } from "#gen/gatehouse/v1/web_pb.ts";
import { deviceDataOf, enrollAs, logIn, type Person } from "./auth-person.ts";
import { addTestUser, codeOf, type TestAuth, testPassword } from "./auth-service.ts";

const chrome = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36";

/** What browsers call themselves. */
export const userAgents = {
  linux: `Mozilla/5.0 (X11; Linux x86_64) ${chrome}`,
  macos: `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${chrome}`,
  windows: `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${chrome}`,
} as const;

/** Somebody with a password, a second factor, a login at the command line and an enrolled simulated device. */
export interface WebPerson {
  readonly name: string;
  readonly secret: string;
  readonly person: Person;
  readonly device: DeviceAuthenticator;
}

/** Makes one. */
export async function addWebPerson(
  cluster: TestAuth,
  name: string,
  device: DeviceAuthenticator,
  roles: readonly string[] = ["access", "device-admin"],
): Promise<WebPerson> {
  const secret = await addTestUser(cluster, name, roles);
  const person = await logIn(cluster, name);
  await enrollAs(cluster, person, device);
  cluster.clock.advance(30_000);
  return { name, secret, person, device };
}

/** What a browser is otherwise than usual. */
export interface BrowserOptions {
  readonly userAgent?: string;
  readonly clientIp?: string;
  readonly maxTouchPoints?: number;
}

/** Logs in with password and code, half a minute after the last time: a code is good once. */
export async function webLogin(
  cluster: TestAuth,
  { name, secret }: Pick<WebPerson, "name" | "secret">,
  options: BrowserOptions = {},
): Promise<CreateWebSessionResponse> {
  cluster.clock.advance(30_000);
  const sessions = await cluster.as("Proxy").service("web");
  return sessions.createWebSession({
    user: name,
    password: testPassword,
    totpCode: codeOf(secret, cluster.clock.now()),
    clientIp: "127.0.0.1",
    userAgent: userAgents.macos,
    ...options,
  });
}

/** Has the device vouch for the session of a token, as the person. Gives the confirmation token. */
export function vouch(
  cluster: TestAuth,
  { person, device }: Pick<WebPerson, "person" | "device">,
  token: { readonly id: string; readonly token: string } | undefined,
) {
  const { id = "", token: words = "" } = token ?? {};
  const data = deviceDataOf(cluster, device);
  return runWebAuthentication(person.client.grpc, device, data, { id, token: words });
}
