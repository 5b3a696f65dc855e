/**
 * proto.AuthService, databases that administrators write; agents whose configuration takes them serve them at once. As
 * with servers, everybody may read: what they see is a matter of the labels, not of a rule on the kind.
 */
import { applyRoles } from "#access/role-set.ts";
import { isVisible } from "#access/visibility.ts";
import { decodeResource, encodeResource, type MessageOf } from "#api/convert/resource.ts";
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { actorOf } from "#audit/actor.ts";
import { utf8 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { AuthService } from "#gen/proto/authservice_pb.ts";
import type { Identity } from "#identity/identity.ts";
import type { Database } from "#resource/database.ts";
import { mergeLabels } from "#resource/dynamic-labels.ts";
import type { AuthContext } from "../../context.ts";
import { issueDatabaseServerCertificate } from "../../databases/server-certificates.ts";
import { loadPolicy } from "../../policy.ts";
import { type AuthCall, authorize, requireIdentity, requireSystem } from "../guard.ts";

/** Handlers of the calls about databases. */
export function databaseHandlers(context: AuthContext): ServiceHandlers<typeof AuthService, Peer> {
  const { databases } = context.stores;

  /** The document of a message that is to be written; its event is durable before this returns. */
  async function recordWrite(caller: Identity, message: MessageOf<"db">) {
    const database = decodeResource("db", message);
    const { name } = database.metadata;
    await context.audit.record("resource.write", { ...actorOf(caller), kind: "db", name });
    return database;
  }

  /** What the caller sees of them; agents learn of databases from their feed. */
  async function shownTo(call: AuthCall): Promise<(database: Database) => boolean> {
    const identity = requireIdentity(call);
    if (identity.kind === "system") {
      requireSystem(call, "Admin");
      return () => true;
    }
    const set = applyRoles(identity, (await loadPolicy(context)).roles);
    return ({ metadata, spec }) => {
      const labels = mergeLabels(metadata.labels, spec.dynamic_labels);
      return isVisible(set, { protocol: "db", name: metadata.name, labels });
    };
  }

  return {
    async getDatabases(_, call) {
      const isShown = await shownTo(call);
      const found = (await databases.all()).filter(isShown);
      return { Databases: found.map((database) => encodeResource("db", database)) };
    },

    /** What the caller may not see does not exist for them. */
    async getDatabase({ Name }, call) {
      const isShown = await shownTo(call);
      const database = await databases.find(Name);
      if (database === undefined || !isShown(database)) {
        throw new Fault("not-found", `db ${Name.slice(0, 100)} is not found`);
      }
      return encodeResource("db", database);
    },

    async createDatabase(message, call) {
      const caller = await authorize(context, call, "db", "create");
      await databases.create(await recordWrite(caller, message));
      return {};
    },

    /** Replaces the database, whatever its revision: that is what the public API promises. Throws `not-found`. */
    async updateDatabase(message, call) {
      const caller = await authorize(context, call, "db", "update");
      await databases.get(message.Metadata?.Name ?? "");
      await databases.upsert(await recordWrite(caller, message));
      return {};
    },

    async generateDatabaseCert({ CSR, ServerName, ServerNames, TTL }, call) {
      const caller = await authorize(context, call, "database_certificate", "create");
      const issued = await issueDatabaseServerCertificate(context, caller, {
        csr: CSR,
        names: [...ServerNames, ServerName].filter((name) => name !== ""),
        ttlMs: Number(TTL / 1_000_000n),
      });
      return { Cert: utf8(issued.certificate), CACerts: issued.authorities.map(utf8) };
    },

    async deleteDatabase({ Name }, call) {
      const caller = await authorize(context, call, "db", "delete");
      await databases.get(Name);
      await context.audit.record("resource.delete", {
        ...actorOf(caller),
        kind: "db",
        name: Name,
      });
      await databases.delete(Name);
      return {};
    },
  };
}
