/** What the SSH tests of this folder share: a real node in a real cluster, and certificates that lie. */
import { concat } from "#base/bytes.ts";
import { parseCertificate } from "#ssh/certificate.ts";
import { Writer } from "#ssh/wire.ts";
import { HostileSsh } from "../support/hostile-ssh.ts";
import { NodeCluster } from "../support/node-cluster.ts";
import type { TestKey } from "../support/ssh-keys.ts";

/** Starts a node whose role `access` lets its holders log in. */
export async function startOpenNode(): Promise<NodeCluster> {
  const cluster = await NodeCluster.start();
  await cluster.setRole("access", {
    allow: { logins: ["{{internal.logins}}", "root"], node_labels: { "*": "*" } },
  });
  return cluster;
}

/** Runs one attempt on a connection of its own. */
export async function attempt<T>(
  cluster: NodeCluster,
  act: (client: HostileSsh) => Promise<T>,
): Promise<T> {
  const client = await HostileSsh.open(cluster.port);
  try {
    return await act(client);
  } finally {
    client.close();
  }
}

/** The certificate with another authority field, signed by `forger`. */
export function withAuthority(
  certificate: Uint8Array,
  authority: Uint8Array,
  forger: TestKey,
): Uint8Array {
  const { signed, authority: own } = parseCertificate(certificate);
  const body = signed.subarray(0, signed.length - 4 - own.length);
  const covered = concat(body, new Writer().string(authority).done());
  const signature = forger.signer.sign(covered, "ssh-ed25519");
  return concat(covered, new Writer().string(signature).done());
}
