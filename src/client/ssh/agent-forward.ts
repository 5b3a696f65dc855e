/** Agent forwarding (`-A`): what the node asks goes to the person's own SSH agent, never to ours. */
import { once } from "node:events";
import { connect } from "node:net";
import { splice } from "#api/tunnel/stream.ts";
import { Fault } from "#base/fault.ts";
import type { Channel } from "#ssh/connection/channel.ts";

/** Answers agent channels with the agent at `socketPath` (`SSH_AUTH_SOCK`). Throws `environment` without one. */
export function forwardAgentTo(
  socketPath: string | undefined,
): (accept: () => Channel) => Promise<void> {
  if (!socketPath) {
    throw new Fault("environment", "no SSH agent is running here, so none can be forwarded", {
      hint: "start one with: eval $(ssh-agent) && ssh-add",
    });
  }
  return async (accept) => {
    const socket = connect({ path: socketPath, allowHalfOpen: true });
    try {
      await once(socket, "connect");
    } catch (cause) {
      throw new Fault("unavailable", "the SSH agent does not answer", { cause });
    }
    socket.on("error", () => {});
    void splice(socket, accept());
  };
}
