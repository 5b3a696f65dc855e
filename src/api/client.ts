/**
 * Every service that the auth service offers, as typed clients over one connection: what tctl, tsh, the proxy and
 * the agents hold. A service's descriptors are loaded when it is first asked for, because a command that calls one
 * method should not pay for all of them at start.
 */

import type { DescService } from "@bufbuild/protobuf";
import type { Closable } from "#base/lifecycle.ts";
import { type Client, createClient, type GrpcClient } from "./grpc/client.ts";

/** Loaders of the service descriptors, by the name under which callers ask for them. */
const loaders = {
  /** The legacy service with most of the public API. */
  auth: async () => (await import("#gen/proto/authservice_pb.ts")).AuthService,
  users: async () => (await import("#gen/teleport/users/v1/service_pb.ts")).UsersService,
  trust: async () => (await import("#gen/teleport/trust/v1/service_pb.ts")).TrustService,
  presence: async () => (await import("#gen/teleport/presence/v1/service_pb.ts")).PresenceService,
  devices: async () =>
    (await import("#gen/teleport/devicetrust/v1/service_pb.ts")).DeviceTrustService,
  clusterConfig: async () =>
    (await import("#gen/teleport/clusterconfig/v1/service_pb.ts")).ClusterConfigService,
  /** For the proxy: ping, login, invitations. */
  login: async () => (await import("#gen/gatehouse/v1/login_pb.ts")).LoginService,
  /** For the proxy: sessions of browsers. */
  web: async () => (await import("#gen/gatehouse/v1/web_pb.ts")).WebSessionService,
  /** For machines that join, and hosts that renew. */
  join: async () => (await import("#gen/gatehouse/v1/join_pb.ts")).JoinService,
  /** For hosts: the feed of rules, audit events, heartbeats. */
  agent: async () => (await import("#gen/gatehouse/v1/agent_pb.ts")).AgentService,
  audit: async () => (await import("#gen/gatehouse/v1/admin_pb.ts")).AuditService,
  deviceAdmin: async () => (await import("#gen/gatehouse/v1/admin_pb.ts")).DeviceAdminService,
  attestation: async () => (await import("#gen/gatehouse/v1/attestation_pb.ts")).AttestationService,
  explain: async () => (await import("#gen/gatehouse/v1/admin_pb.ts")).ExplainService,
  userAdmin: async () => (await import("#gen/gatehouse/v1/admin_pb.ts")).UserService,
} as const satisfies Record<string, () => Promise<DescService>>;

/** The name of a service in {@link AuthClient.service}. */
export type ServiceName = keyof typeof loaders;

/** The descriptor type behind a name. */
type ServiceOf<N extends ServiceName> = Awaited<ReturnType<(typeof loaders)[N]>>;

/** Typed access to the auth service over one connection, which it owns. */
export class AuthClient implements Closable {
  readonly grpc: GrpcClient;
  readonly #clients = new Map<ServiceName, Promise<unknown>>();

  constructor(grpc: GrpcClient) {
    this.grpc = grpc;
  }

  /** The methods of a service. Loading happens once and makes no call. */
  service<N extends ServiceName>(name: N): Promise<Client<ServiceOf<N>>> {
    let client = this.#clients.get(name);
    if (!client) {
      client = loaders[name]().then((service) => createClient(service, this.grpc));
      this.#clients.set(name, client);
    }
    return client as Promise<Client<ServiceOf<N>>>;
  }

  close(): Promise<void> {
    return this.grpc.close();
  }
}

/** Rows asked for at once: a page of them stays far below the size limit of a message. */
const pageSize = 500;

/**
 * All rows of a paged listing. `load` gets the page size and the key to go on from (empty at first) and answers the
 * rows and the next key, empty at the end.
 */
export async function* listPages<Row>(
  load: (limit: number, startKey: string) => Promise<{ rows: readonly Row[]; nextKey: string }>,
): AsyncGenerator<Row> {
  let startKey = "";
  do {
    const { rows, nextKey } = await load(pageSize, startKey);
    yield* rows;
    // A server that answers the key that it was given would never end.
    if (nextKey === startKey) return;
    startKey = nextKey;
  } while (startKey !== "");
}
