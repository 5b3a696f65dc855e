/** Commands of Redis that no session of ours may carry. */
import { Fault } from "#base/fault.ts";
import type { RedisCommand } from "#dbwire/redis/commands.ts";

/** Throws `access-denied` for commands that would make the session somebody else's (redis.io: AUTH, HELLO, RESET). */
export function assertSameUser({ words, cut }: RedisCommand): void {
  const [name = "", ...rest] = words.map((word) => word.toUpperCase());
  const changes =
    name === "AUTH" || name === "RESET" || (name === "HELLO" && (cut || rest.includes("AUTH")));
  if (!changes) return;
  throw new Fault("access-denied", `${name} would change the user of this session`, {
    hint: "leave user and password out of the client; choose the user with: tsh db login --db-user=NAME",
  });
}
