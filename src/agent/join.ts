/**
 * How a server on another machine becomes a member of the cluster and reaches its auth service: through the door of the
 * proxy, the first time with a join token, from then on with its own certificate.
 */
import { createClient, GrpcClient } from "#api/grpc/client.ts";
import { Fault } from "#base/fault.ts";
import type { Closable } from "#base/lifecycle.ts";
import type { Secret } from "#base/secret.ts";
import { JoinService } from "#gen/gatehouse/v1/join_pb.ts";
import type { HostCredentials, ObtainCertificates } from "./credentials.ts";
import { type Bootstrap, dialAsHost, dialAsStranger, type ProxyAddress } from "./dial.ts";

/** The auth service behind the proxy speaks gRPC. */
const authProtocol = "h2";

/** What joining needs. */
export interface JoinOptions extends Bootstrap {
  readonly proxy: ProxyAddress;
  /** What the host joins as. */
  readonly role: "Node" | "Db" | "Kube" | "MDM";
  /** Undefined when the configuration names none: good as long as the host has joined already. */
  readonly token: Secret | undefined;
}

/** Obtains certificates through the proxy: joins when there are none, else renews. */
export function obtainThroughProxy(options: JoinOptions): ObtainCertificates {
  return async (request, current) => {
    const keys = {
      sshPublicKeys: [...request.sshPublicKeys],
      tlsPublicKey: request.tlsPublicKey,
      additionalPrincipals: [...request.additionalPrincipals],
    };
    if (current !== undefined) {
      const dial = () => dialAsHost(options.proxy, authProtocol, current.tls);
      return withClient(dial, (join) => join.renewHostCertificates(keys));
    }
    const { role, token } = options;
    if (token === undefined) {
      throw new Fault("environment", "this host has not joined the cluster and has no join token", {
        hint: `make one on the auth host: tctl tokens add --type=${role.toLowerCase()}; then set auth_token`,
      });
    }
    const { hostId, nodeName } = request;
    return withClient(
      () => dialAsStranger(options.proxy, authProtocol, options),
      (join) => join.join({ ...keys, hostId, nodeName, role, token: token.reveal() }),
    );
  };
}

type JoinClient = ReturnType<typeof createClient<typeof JoinService>>;

async function withClient<T>(
  dial: ConstructorParameters<typeof GrpcClient>[0],
  use: (join: JoinClient) => Promise<T>,
): Promise<T> {
  const client = new GrpcClient(dial, { timeoutMs: 30_000 });
  try {
    return await use(createClient(JoinService, client));
  } finally {
    await client.close();
  }
}

/** A client of the auth service that speaks as this host. */
export interface HostClient extends Closable {
  readonly client: GrpcClient;
}

/**
 * Opens a client through the proxy. After a renewal it connects anew, because a connection is worth only as much as the
 * certificate that it was opened with.
 */
export function openHostClient(credentials: HostCredentials, proxy: ProxyAddress): HostClient {
  let current: { destroy(): unknown } | undefined;
  const client = new GrpcClient(async () => {
    const socket = await dialAsHost(proxy, authProtocol, credentials.tls);
    current = socket;
    return socket;
  });
  const stop = credentials.onRenew(() => current?.destroy());
  return {
    client,
    async close() {
      stop();
      await client.close();
    },
  };
}
