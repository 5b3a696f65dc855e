/**
 * The administrator's identity for `tctl` on the auth host: a certificate of the host authority with the role Admin, in
 * a folder that only the owner of the data can read. Made anew at each start, which ends those of earlier starts, and
 * every day; whoever can read it owns the cluster.
 */
import { join } from "node:path";
import type { AuthContext } from "#auth/context.ts";
import { issueServiceCertificate, serviceIdentity } from "#auth/hosts/service-certificates.ts";
import { messageOf } from "#base/fault.ts";
import type { Logger } from "#base/log.ts";
import { writePrivateFile } from "./files.ts";

/** Long enough to sleep through one renewal, short enough that a copy is soon worth nothing. */
const lifeMs = 2 * 24 * 3_600_000;
const renewMs = 24 * 3_600_000;

/** Writes certificate, key, authority and address (`host:port` of auth) into `<dataDir>/admin`. */
export function writeAdministrator(context: AuthContext, dataDir: string, address: string): void {
  const identity = {
    ...serviceIdentity(context, context.administratorId, "Admin"),
    expires: new Date(context.clock.now().getTime() + lifeMs),
  };
  const { certificate, privateKey } = issueServiceCertificate(context, identity, []);
  const folder = join(dataDir, "admin");
  writePrivateFile(join(folder, "admin.key"), privateKey);
  writePrivateFile(join(folder, "admin.crt"), certificate);
  writePrivateFile(join(folder, "ca.pem"), context.authorities.certificatePem("host"));
  writePrivateFile(join(folder, "address"), `${address}\n`);
}

/** Writes the identity now, and anew every day. The function that it gives back stops that. */
export function keepAdministrator(
  context: AuthContext,
  dataDir: string,
  address: string,
  logger: Logger,
): () => void {
  writeAdministrator(context, dataDir, address);
  const timer = setInterval(() => {
    try {
      writeAdministrator(context, dataDir, address);
    } catch (error) {
      logger.error("the administrator's identity was not renewed", { error: messageOf(error) });
    }
  }, renewMs);
  return () => clearInterval(timer);
}
