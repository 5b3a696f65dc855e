/**
 * The certificate with which the agent logs in to a server for one person: for one connection, with a key that is made for
 * it and never written. Auth decides once more before it signs.
 */
import { generateKeyPair } from "node:crypto";
import { promisify } from "node:util";
import { createClient, type GrpcClient } from "#api/grpc/client.ts";
import { AgentService } from "#gen/gatehouse/v1/agent_pb.ts";

const generate = promisify(generateKeyPair);

/** Who asks for a certificate, and for what. */
export interface CredentialRequest {
  /** Name of the database resource. */
  readonly service: string;
  readonly user: string;
  readonly database: string;
  /** The person's certificate in DER. */
  readonly certificate: Uint8Array;
  readonly clientAddress: string;
}

/** A certificate and its key, both PEM. */
export interface DatabaseCredential {
  readonly certificate: string;
  readonly privateKey: string;
}

/** Obtains a certificate. Throws the refusal of auth. */
export type CredentialIssuer = (request: CredentialRequest) => Promise<DatabaseCredential>;

/** How long a person waits for it. */
const timeoutMs = 10_000;

/** Obtains certificates from auth. */
export function credentialsFrom(client: GrpcClient): CredentialIssuer {
  const auth = createClient(AgentService, client);
  return async ({ service, user, database, certificate, clientAddress }) => {
    const pair = await generate("ec", { namedCurve: "P-256" });
    const request = {
      ...{ service, clientAddress },
      databaseUser: user,
      databaseName: database,
      userCertificate: certificate,
      publicKey: new Uint8Array(pair.publicKey.export({ type: "spki", format: "der" })),
    };
    const issued = await auth.issueDatabaseCertificate(request, { timeoutMs });
    return {
      certificate: issued.certificate,
      privateKey: pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    };
  };
}
