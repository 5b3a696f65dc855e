/** The document of this server (public API, kind node), as its heartbeats carry it. */
import type { LiveLabels } from "#agent/labels.ts";
import { formatDuration } from "#base/duration.ts";
import type { Node } from "#resource/node.ts";

/** What the document says. */
export interface NodeDescription {
  readonly hostId: string;
  readonly hostname: string;
  readonly labels: Pick<LiveLabels, "fixed" | "dynamic">;
  /** Version of the public API. */
  readonly version: string;
}

/** The document. The server is reached through a tunnel and has no address. */
export function describeNode({ hostId, hostname, labels, version }: NodeDescription): Node {
  const dynamic = labels.dynamic.map(({ name, command, periodMs: period, result }) => [
    name,
    { command: [...command], period: formatDuration(period), result },
  ]);
  return {
    kind: "node",
    version: "v2",
    metadata: { name: hostId, labels: { ...labels.fixed } },
    spec: {
      hostname,
      use_tunnel: true,
      version,
      ...(dynamic.length === 0 ? {} : { cmd_labels: Object.fromEntries(dynamic) }),
    },
  };
}
