/** The feed of the cluster's rules as a service of the cluster asks for it, message by message. */
import type { Client } from "#api/grpc/client.ts";
import type { AgentService, AuthorityUpdate } from "#gen/gatehouse/v1/agent_pb.ts";

/** The updates of these kinds and devices, until the caller stops reading or the call ends. */
export async function* followAuthority(
  agent: Pick<Client<typeof AgentService>, "watchAuthority">,
  kinds: readonly string[],
  devices: readonly string[] = [],
): AsyncGenerator<AuthorityUpdate> {
  const call = await agent.watchAuthority();
  await call.send({ kinds: [...kinds], followDevices: [...devices] });
  yield* call;
}
