/** gatehouse.v1.AgentService: what agents and proxies need all the time. Only services of the cluster may call. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { utf8 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { AgentService, AuthorityUpdateSchema } from "#gen/gatehouse/v1/agent_pb.ts";
import type { SystemIdentity } from "#identity/identity.ts";
import { acceptAgentEvents } from "../audit/agent-events.ts";
import type { AuthContext } from "../context.ts";
import { issueDatabaseClientCertificate } from "../databases/client-certificates.ts";
import { type FeedUpdate, type Subscription, watchAuthority } from "../hosts/feed.ts";
import { heartbeatRoles, takeHeartbeat } from "../hosts/presence.ts";
import { checkPeer, requireSystem } from "./guard.ts";

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
  attestation_policy: ["Node", "Proxy", "Db", "Kube", "App"],
  node: ["Proxy"],
  db_server: ["Proxy"],
  db: ["Db"],
  kube_server: ["Proxy"],
  kube_cluster: ["Kube"],
};

/** Services on which sessions run: they hear of the devices that people come with. */
const sessionServices = ["Node", "Db", "Kube", "App"] as const;

/** They report what happens in sessions; and proxies, whom they refuse. */
const reporters = [...sessionServices, "Proxy"] as const;

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
      const follows = systemRoles.some((role) => sessionServices.some((each) => each === role));
      const wishes = { ...{ kinds, devices: followDevices }, requests: stream };
      const subscription = follows ? wishes : withoutDevices(wishes);
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

    async issueDatabaseCertificate(request, call) {
      const agent = requireSystem(call, "Db");
      return { certificate: await issueDatabaseClientCertificate(context, agent, request) };
    },

    async heartbeat({ document, gone }, call) {
      await takeHeartbeat(context, requireSystem(call, ...heartbeatRoles), document, gone);
      return {};
    },
  };
}

/** What a service may wish on which no sessions run: throws when it asks for devices. */
function withoutDevices({ kinds, devices, requests }: Subscription): Subscription {
  const refuse = () => {
    throw new Fault("access-denied", "this service may not follow devices");
  };
  if (devices.length > 0) refuse();
  return {
    kinds,
    devices,
    // biome-ignore lint/correctness/useYield: nothing that it may ask for comes this way.
    requests: (async function* () {
      for await (const { followDevices } of requests) if (followDevices.length > 0) refuse();
    })(),
  };
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
