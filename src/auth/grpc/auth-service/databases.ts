/** proto.AuthService, databases that administrators write, and certificates for database servers. */
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { utf8 } from "#base/bytes.ts";
import type { AuthService } from "#gen/proto/authservice_pb.ts";
import type { AuthContext } from "../../context.ts";
import { issueDatabaseServerCertificate } from "../../databases/server-certificates.ts";
import { authorize } from "../guard.ts";
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

    async generateDatabaseCert({ CSR, ServerName, ServerNames, TTL }, call) {
      const caller = await authorize(context, call, "database_certificate", "create");
      const issued = await issueDatabaseServerCertificate(context, caller, {
        csr: CSR,
        names: [...ServerNames, ServerName].filter((name) => name !== ""),
        ttlMs: Number(TTL / 1_000_000n),
      });
      return { Cert: utf8(issued.certificate), CACerts: issued.authorities.map(utf8) };
    },

    deleteDatabase: ({ Name }, call) => databases.remove(Name, call),
  };
}
