/**
 * Who lives, and what they serve: the documents that agents send as their heartbeats. A row per kind says which service
 * may send it and what it may claim; a document that is not repeated is forgotten.
 */
import { Fault } from "#base/fault.ts";
import type { SystemIdentity, SystemRole } from "#identity/identity.ts";
import type { Resource, ResourceOf } from "#resource/kinds.ts";
import { parseResource } from "#resource/parse.ts";
import type { AuthContext } from "../context.ts";
import type { DocumentStore } from "../store/documents.ts";
import type { Stores } from "../store/stores.ts";
import { assertOwnName } from "./names.ts";

/** How long an agent stays listed after its last heartbeat. */
const presenceMs = 10 * 60_000;
/** Resources that one agent may serve. */
const mostPerAgent = 2000;

/** What an agent may say about itself. */
interface Advertisement<K extends keyof ResourceOf> {
  readonly role: SystemRole;
  readonly store: (stores: Stores) => DocumentStore<ResourceOf[K]>;
  /** Id and name of the machine, as the document claims them. */
  readonly agent: (document: ResourceOf[K]) => { readonly id: string; readonly name: string };
  /** Throws for what an agent of this kind may not claim. */
  readonly check?: (document: ResourceOf[K]) => void;
}

const node: Advertisement<"node"> = {
  role: "Node",
  store: (stores) => stores.nodes,
  agent: ({ metadata, spec }) => ({ id: metadata.name, name: spec.hostname }),
  /**
   * An agent is reached through its own tunnel. One that named an address would choose what the proxy dials, anywhere in
   * the proxy's network.
   */
  check({ sub_kind: subKind, spec }) {
    const agentless = subKind !== undefined && subKind !== "" && subKind !== "teleport";
    if (agentless || spec.addr || (spec.public_addrs?.length ?? 0) > 0) {
      throw new Fault(
        "access-denied",
        "an agent is reached through its tunnel and names no address",
      );
    }
  },
};

const databaseServer: Advertisement<"db_server"> = {
  role: "Db",
  store: (stores) => stores.databaseServers,
  agent: ({ spec }) => ({ id: spec.host_id, name: spec.hostname }),
};

const kubeServer: Advertisement<"kube_server"> = {
  role: "Kube",
  store: (stores) => stores.kubeServers,
  agent: ({ spec }) => ({ id: spec.host_id, name: spec.hostname }),
};

const rows = { node, db_server: databaseServer, kube_server: kubeServer } as const;

type AdvertisedKind = keyof typeof rows;

/** Services that send heartbeats. */
export const heartbeatRoles: readonly SystemRole[] = Object.values(rows).map(({ role }) => role);

/**
 * Takes one heartbeat (JSON, in the shape of `tctl get`), or forgets the document when the agent serves it no longer.
 * Throws `malformed`, or `access-denied` for what this agent may not say.
 */
export async function takeHeartbeat(
  context: AuthContext,
  caller: SystemIdentity,
  bytes: Uint8Array,
  gone: boolean,
): Promise<void> {
  const document = parseDocument(bytes);
  if (!isAdvertised(document)) {
    throw new Fault("access-denied", `no agent speaks for a ${document.kind}`);
  }
  const row = rows[document.kind] as Advertisement<AdvertisedKind>;
  const agent = row.agent(document);
  if (!caller.systemRoles.includes(row.role) || agent.id !== caller.hostId) {
    throw new Fault("access-denied", "an agent may only speak for itself");
  }
  row.check?.(document);
  await assertOwnName(context, caller.hostId, agent.name);
  const store = row.store(context.stores);
  const name = store.nameOf(document);
  const known = await store.find(name);
  if (gone) {
    if (known !== undefined) await store.delete(name);
    return;
  }
  if (known === undefined) await assertFew(store, row, caller.hostId);
  const expires = new Date(context.clock.now().getTime() + presenceMs).toISOString();
  const { revision: _, ...metadata } = document.metadata;
  await store.upsert({ ...document, metadata: { ...metadata, expires } });
}

async function assertFew(
  store: DocumentStore<ResourceOf[AdvertisedKind]>,
  row: Advertisement<AdvertisedKind>,
  hostId: string,
): Promise<void> {
  const own = (await store.all()).filter((document) => row.agent(document).id === hostId);
  if (own.length >= mostPerAgent) {
    throw new Fault("limit", `one agent serves at most ${mostPerAgent} resources`);
  }
}

function isAdvertised(document: Resource): document is ResourceOf[AdvertisedKind] {
  return Object.hasOwn(rows, document.kind);
}

function parseDocument(bytes: Uint8Array): Resource {
  try {
    return parseResource(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
  } catch (cause) {
    throw new Fault("malformed", "the heartbeat carries no valid document", { cause });
  }
}
