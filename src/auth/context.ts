/** What every part of auth works with. Made once, in `start.ts`; time and randomness come from here and nowhere else. */

import type { Backend } from "#backend/port.ts";
import type { Clock } from "#base/clock.ts";
import type { Logger } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import type { AuditRecorder } from "./audit/recorder.ts";
import type { StoreSink } from "./audit/store-sink.ts";
import type { Authorities } from "./authority/authorities.ts";
import type { FailureBudget } from "./failure-budget.ts";
import type { Registration } from "./mfa/manage.ts";
import type { OneTimeRecords } from "./mfa/one-time-records.ts";
import type { Stores } from "./store/stores.ts";
import type { CredentialStore } from "./users/credentials.ts";
import type { Invitations } from "./users/invitation.ts";
import type { PasswordHasher } from "./users/password.ts";

/** The parts of the auth service. */
export interface AuthContext {
  readonly clusterName: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly backend: Backend;
  readonly stores: Stores;
  readonly authorities: Authorities;
  readonly audit: AuditRecorder;
  /** The audit log as it can be searched. */
  readonly events: StoreSink;
  readonly credentials: CredentialStore;
  readonly passwords: PasswordHasher;
  readonly invitations: Invitations;
  /** Open challenges to second factors, by user and scope. */
  readonly challenges: OneTimeRecords<object>;
  /** Second factors that are being registered. */
  readonly registrations: OneTimeRecords<Registration>;
  /** What strangers may get wrong, by address. */
  readonly failures: FailureBudget;
  /** `host:port` under which people reach the proxy; for links and commands that are shown. */
  readonly proxyAddress: () => string;
  /** The host id of the local administrator of this run; certificates of earlier ones are worth nothing. */
  readonly administratorId: string;
}
