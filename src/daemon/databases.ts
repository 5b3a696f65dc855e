/** The database agent of a machine, from its configuration. */
import { systemClock } from "#base/clock.ts";
import { systemRandom } from "#base/random.ts";
import type { DatabaseServiceConfig } from "./config/config.ts";
import type { ProcessParts, Uplink } from "./uplink.ts";

/** Starts the agent and lets the proxy bring people to it; resolves when they can be served. */
export async function openDatabases(
  { config, logger, closer }: ProcessParts,
  { databases, selectors }: DatabaseServiceConfig,
  uplink: Uplink,
): Promise<void> {
  // Most processes have no databases: they do without the protocols.
  const { startDatabaseAgent } = await import("#database/start.ts");
  const { hostId, client } = uplink;
  const agent = closer.add(
    await startDatabaseAgent({
      ...{ hostId, client, databases, selectors, logger },
      nodename: config.nodename,
      clock: systemClock,
      random: systemRandom,
    }),
  );
  uplink.offer("db", agent.accept);
  await agent.ready;
}
