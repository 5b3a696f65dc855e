/** How often the cluster wants devices to prove themselves anew while sessions of theirs go on. */
import { createClient, type GrpcClient } from "#api/grpc/client.ts";
import { isFault } from "#base/fault.ts";
import { AttestationService } from "#gen/gatehouse/v1/attestation_pb.ts";

/** Milliseconds; zero when the cluster does not, also because its server knows no such call. */
export async function askReattestation(auth: GrpcClient): Promise<number> {
  try {
    const { everyMs } = await createClient(AttestationService, auth).getReattestation({});
    return Number(everyMs);
  } catch (error) {
    if (isFault(error, "unimplemented")) return 0;
    throw error;
  }
}
