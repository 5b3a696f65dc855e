/** The inventory services of a process, over a connection to auth that somebody else opened. */
import { AuthClient } from "#api/client.ts";
import type { GrpcClient } from "#api/grpc/client.ts";
import { systemClock } from "#base/clock.ts";
import type { Closer } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import { systemRandom } from "#base/random.ts";
import { MdmService } from "#mdm/service.ts";
import type { MdmSettings } from "#mdm/settings.ts";

/** Inventory services that run. */
export interface RunningInventory {
  /** Resolves when all of them have ended by themselves; rejects when the only run of one failed. */
  readonly ended: Promise<unknown>;
}

/** Starts them. */
export function startInventory(
  settings: readonly MdmSettings[],
  client: GrpcClient,
  logger: Logger,
  closer: Closer,
): RunningInventory {
  const auth = new AuthClient(client);
  const parts = { auth, clock: systemClock, random: systemRandom, logger };
  const services = settings.map((each) => closer.add(new MdmService(each, parts)));
  const ended = Promise.all(services.map(({ done }) => done));
  // Whoever runs services that never end by themselves does not look.
  ended.catch(() => {});
  return { ended };
}
