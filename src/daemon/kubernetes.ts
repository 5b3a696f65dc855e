/** The Kubernetes agent of a machine, from its configuration. */
import { systemClock } from "#base/clock.ts";
import { systemRandom } from "#base/random.ts";
import { productVersion } from "#base/version.ts";
import type { KubernetesServiceConfig } from "./config/config.ts";
import type { ProcessParts, Uplink } from "./uplink.ts";

/** Starts the agent and lets the proxy bring people to it; resolves when they can be served. */
export async function openKubernetes(
  { config, logger, closer }: ProcessParts,
  { clusters, selectors }: KubernetesServiceConfig,
  uplink: Uplink,
): Promise<void> {
  // Most processes have no Kubernetes clusters: they do without the protocol.
  const { startKubeAgent } = await import("#kube/start.ts");
  const { hostId, client } = uplink;
  const agent = closer.add(
    await startKubeAgent({
      ...{ hostId, client, clusters, selectors, logger },
      nodename: config.nodename,
      version: productVersion,
      clock: systemClock,
      random: systemRandom,
    }),
  );
  uplink.offer("kube", agent.accept);
  await agent.ready;
}
