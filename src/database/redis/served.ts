/** Commands of Redis that no session of ours may carry. */
import { Fault } from "#base/fault.ts";
import type { RedisCommand } from "#dbwire/redis/commands.ts";

/** With these a client becomes a replica: it would read all keys at once, past the commands that are reported. */
const replication: ReadonlySet<string> = new Set(["SYNC", "PSYNC", "REPLCONF"]);

/**
 * Throws `access-denied` for commands that would make the session somebody else's (redis.io: AUTH, HELLO, RESET), or
 * another thing than a session.
 */
export function assertServed({ words, cut }: RedisCommand): void {
  const [name = "", ...rest] = words.map((word) => word.toUpperCase());
  if (replication.has(name)) {
    throw new Fault("access-denied", `${name} is of replication, which is not served`, {
      hint: "connect to the server itself for replication",
    });
  }
  const changes =
    name === "AUTH" || name === "RESET" || (name === "HELLO" && (cut || rest.includes("AUTH")));
  if (!changes) return;
  throw new Fault("access-denied", `${name} would change the user of this session`, {
    hint: "leave user and password out of the client; choose the user with: tsh db login --db-user=NAME",
  });
}
