/** An auth service in memory for tests: real code over a store in memory, with a clock that tests move. */

import { TOTP } from "otpauth";
import { AuthClient } from "#api/client.ts";
import type { GrpcClient } from "#api/grpc/client.ts";
import type { AuditEvent } from "#audit/event.ts";
import { StoreSink } from "#auth/audit/store-sink.ts";
import { serviceIdentity } from "#auth/hosts/service-certificates.ts";
import type { AuthSettings } from "#auth/initialize.ts";
import { firstDevice } from "#auth/mfa/first-device.ts";
import { AuthService } from "#auth/start.ts";
import type { Invitation } from "#auth/users/invitation.ts";
import { openMemoryBackend } from "#backend/memory.ts";
import type { Backend } from "#backend/port.ts";
import { ManualClock } from "#base/clock.ts";
import { silentLogger } from "#base/log.ts";
import { systemRandom, uuid } from "#base/random.ts";
import type { SystemRole } from "#identity/identity.ts";
import { parseResourceOf } from "#resource/parse.ts";

/** The cluster of these tests. */
export const testCluster = "teleport.example.com";

/** A running auth service and what tests need around it. */
export interface TestAuth {
  readonly auth: AuthService;
  readonly clock: ManualClock;
  readonly events: StoreSink;
  /** Clients of the API as a service of the cluster. */
  as(role: SystemRole): AuthClient;
  /** The newest event of a type. */
  lastEvent(type: string): Promise<AuditEvent | undefined>;
  close(): Promise<void>;
}

/** What a test may set otherwise. */
export interface TestAuthOptions {
  readonly clock?: ManualClock;
  /** A store that several auth services share; whoever opened it closes it. */
  readonly backend?: Backend;
}

/** Starts one. */
export async function startTestAuth(
  settings: AuthSettings = {},
  options: TestAuthOptions = {},
): Promise<TestAuth> {
  const clock = options.clock ?? new ManualClock(new Date("2026-11-21T10:00:00Z"));
  const backend = options.backend ?? openMemoryBackend(clock);
  const events = new StoreSink(backend, clock);
  const auth = await AuthService.start({
    backend,
    auditSink: events,
    events,
    defaultClusterName: testCluster,
    settings,
    clock,
    random: systemRandom,
    logger: silentLogger,
    proxyAddress: () => "localhost:3080",
    passwordCost: { memory: 64, passes: 1 },
  });
  const clients: GrpcClient[] = [];
  return {
    auth,
    clock,
    events,
    as(role) {
      const client = auth.connect(serviceIdentity(auth.context, uuid(systemRandom), role));
      clients.push(client);
      return new AuthClient(client);
    },
    async lastEvent(type) {
      const page = await events.search({ types: [type], order: "descending", limit: 1 });
      return page.events[0];
    },
    async close() {
      await Promise.all(clients.map((client) => client.close()));
      await auth.close();
      if (options.backend === undefined) await backend.close();
    },
  };
}

/** The password of every user of these tests. */
export const testPassword = "correct horse battery";

/** Creates a user who can log in; gives the secret of the authenticator app. */
export async function addTestUser(
  { auth }: TestAuth,
  name: string,
  roles: readonly string[] = ["access"],
  logins: readonly string[] = ["root"],
): Promise<string> {
  const { context } = auth;
  await context.stores.users.create(
    parseResourceOf("user", {
      kind: "user",
      version: "v2",
      metadata: { name },
      spec: { roles: [...roles], traits: { logins: [...logins] } },
    }),
  );
  const { token, invitation } = await context.invitations.create(name, "invite", 0);
  const { secret } = invitation.totp;
  const code = codeOf(secret, context.clock.now());
  const setUp = (open: Invitation) => firstDevice(context, open, { code });
  await context.invitations.accept(token, testPassword, setUp, () => Promise.resolve());
  return secret;
}

/** The code that the app shows at a moment. */
export function codeOf(secret: string, now: Date): string {
  return new TOTP({ secret }).generate({ timestamp: now.getTime() });
}
