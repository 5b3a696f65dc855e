/**
 * The administrator's identity for `tctl` on the auth host: a certificate of the host authority with the role Admin, in
 * a folder that only the owner of the data can read. Made anew at each start; whoever can read it owns the cluster.
 */
import { join } from "node:path";
import type { AuthContext } from "#auth/context.ts";
import { issueServiceCertificate, serviceIdentity } from "#auth/hosts/service-certificates.ts";
import { uuid } from "#base/random.ts";
import { writePrivateFile } from "./files.ts";

/** Writes certificate, key, authority and address (`host:port` of auth) into `<dataDir>/admin`. */
export function writeAdministrator(context: AuthContext, dataDir: string, address: string): void {
  const identity = serviceIdentity(context, uuid(context.random), "Admin");
  const { certificate, privateKey } = issueServiceCertificate(context, identity, []);
  const folder = join(dataDir, "admin");
  writePrivateFile(join(folder, "admin.key"), privateKey);
  writePrivateFile(join(folder, "admin.crt"), certificate);
  writePrivateFile(join(folder, "ca.pem"), context.authorities.certificatePem("host"));
  writePrivateFile(join(folder, "address"), `${address}\n`);
}
