/** gatehouse.v1.AgentService: what agents and proxies need all the time. Only services of the cluster may call. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { utf8 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { AgentService, AuthorityUpdateSchema } from "#gen/gatehouse/v1/agent_pb.ts";
import type { SystemIdentity } from "#identity/identity.ts";
import { type Node, nodeSchema } from "#resource/node.ts";
import { acceptAgentEvents } from "../audit/agent-events.ts";
import type { AuthContext } from "../context.ts";
import { type FeedUpdate, watchAuthority } from "../hosts/feed.ts";
import { assertOwnName } from "../hosts/names.ts";
import { checkPeer, requireSystem } from "./guard.ts";

/** How long a server stays listed after its last heartbeat. */
const presenceMs = 10 * 60_000;

/** Heartbeats of a feed between two looks at its receiver's certificate. */
const beatsPerCheck = 15;

/** The kinds that each service may follow. */
const followable: Readonly<Record<string, readonly SystemIdentity["systemRoles"][number][]>> = {
  role: ["Node", "Proxy", "Db", "Kube", "App"],
  lock: ["Node", "Proxy", "Db", "Kube", "App"],
  cert_authority: ["Node", "Proxy", "Db", "Kube", "App"],
  cluster_auth_preference: ["Node", "Proxy", "Db", "Kube", "App"],
  cluster_networking_config: ["Node", "Proxy", "Db", "Kube", "App"],
  session_recording_config: ["Node", "Proxy", "Db", "Kube", "App"],
  node: ["Proxy"],
};

/** Services on which sessions run, and that report what happens in them. */
const reporters = ["Node", "Db", "Kube", "App"] as const;

/** The handlers of AgentService. */
export function agentService(context: AuthContext): ServiceHandlers<typeof AgentService, Peer> {
  return {
    async watchAuthority(stream, call) {
      const { systemRoles } = requireSystem(call);
      const { kinds = [], followDevices = [] } = (await stream.receive()) ?? {};
      const refused = kinds.find((kind) => {
        const allowed = Object.hasOwn(followable, kind) ? (followable[kind] ?? []) : [];
        return !systemRoles.some((role) => allowed.includes(role));
      });
      if (kinds.length === 0 || refused !== undefined) {
        throw new Fault("access-denied", `this service may not follow "${refused ?? ""}"`);
      }
      const subscription = { kinds, devices: followDevices, requests: stream };
      let complete = false;
      let beats = 0;
      for await (const update of watchAuthority(context, subscription, call.signal)) {
        if (update.type === "complete") complete = true;
        const locked = complete && update.type === "change" && update.kind === "lock";
        const due = update.type === "heartbeat" && ++beats % beatsPerCheck === 0;
        await stream.send(encode(update));
        // The call may last for weeks: a lock ends it at once, the end of the certificate soon. A server that is locked
        // still hears of its lock, because that is what ends the sessions on it.
        if (locked || due) await checkPeer(context, call);
      }
    },

    async emitEvents({ events }, call) {
      await acceptAgentEvents(context, requireSystem(call, ...reporters), events);
      return {};
    },

    async heartbeat({ document }, call) {
      const caller = requireSystem(call, "Node");
      const node = parseNode(document);
      if (node.metadata.name !== caller.hostId) {
        throw new Fault("access-denied", "a server may only speak for itself");
      }
      assertReachedByTunnel(node);
      await assertOwnName(context, caller.hostId, node.spec.hostname);
      const expires = new Date(context.clock.now().getTime() + presenceMs).toISOString();
      const { revision: _, ...metadata } = node.metadata;
      await context.stores.nodes.upsert({ ...node, metadata: { ...metadata, expires } });
      return {};
    },
  };
}

/**
 * An agent is reached through its own tunnel. One that named an address would choose what the proxy dials, anywhere in
 * the proxy's network.
 */
function assertReachedByTunnel({ sub_kind: subKind, spec }: Node): void {
  const agentless = subKind !== undefined && subKind !== "" && subKind !== "teleport";
  if (agentless || spec.addr || (spec.public_addrs?.length ?? 0) > 0) {
    throw new Fault("access-denied", "an agent is reached through its tunnel and names no address");
  }
}

function parseNode(document: Uint8Array): Node {
  try {
    return nodeSchema.parse(JSON.parse(new TextDecoder().decode(document)));
  } catch (cause) {
    throw new Fault("malformed", "the heartbeat carries no valid node", { cause });
  }
}

function encode(update: FeedUpdate): MessageInitShape<typeof AuthorityUpdateSchema> {
  switch (update.type) {
    case "change": {
      const { kind, name, document } = update;
      const bytes = document ? utf8(JSON.stringify(document)) : new Uint8Array();
      return { update: { case: "change", value: { kind, name, document: bytes } } };
    }
    case "complete":
      return { update: { case: "snapshotComplete", value: {} } };
    case "heartbeat": {
      const value = { time: timestampFromDate(update.time) };
      return { update: { case: "heartbeat", value } };
    }
  }
}
