/** proto.AuthService, databases that administrators write. */
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import type { AuthService } from "#gen/proto/authservice_pb.ts";
import type { AuthContext } from "../../context.ts";
import { RegisteredResources } from "./registered.ts";

/** Handlers of the calls about databases. */
export function databaseHandlers(context: AuthContext): ServiceHandlers<typeof AuthService, Peer> {
  const store = context.stores.databases;
  const databases = new RegisteredResources(context, { kind: "db", protocol: "db", store });
  return {
    async getDatabases(_, call) {
      const found = await databases.list(call);
      return { Databases: found.map((database) => databases.encode(database)) };
    },
    async getDatabase({ Name }, call) {
      return databases.encode(await databases.get(Name, call));
    },
    createDatabase: (message, call) => databases.create(message, call),
    updateDatabase: (message, call) => databases.update(message, call),
    deleteDatabase: ({ Name }, call) => databases.remove(Name, call),
  };
}
