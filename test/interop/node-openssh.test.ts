/** The real `ssh` and its relatives against a whole node: sessions, terminals, accounts, files. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { NodeCluster } from "../support/node-cluster.ts";
import { OpenSsh } from "../support/openssh-programs.ts";

let cluster: NodeCluster;
let openssh: OpenSsh;

before(async () => {
  cluster = await NodeCluster.start();
  await cluster.setRole("access", {
    allow: { logins: ["root", "nobodyhere"], node_labels: { "*": "*" } },
    options: { forward_agent: true, permit_x11_forwarding: false },
  });
  openssh = new OpenSsh(cluster.port, cluster.auth.context.authorities.ssh("host").publicKey);
  openssh.addKey("id", cluster.certify());
});

after(async () => {
  openssh.remove();
  await cluster.close();
});

test("a command runs as the account, and its exit status comes back", async () => {
  const { code, stdout, stderr } = await openssh.ssh(['echo "$USER $HOME"; echo no >&2; exit 7']);
  assert.deepEqual([code, stdout.toString(), stderr], [7, "root /root\n", "no\n"]);
});
