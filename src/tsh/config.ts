/**
 * `tsh config`: a configuration with which OpenSSH reaches the cluster's nodes. The agent's key, which an authenticated
 * device holds, is offered first; the keys of the profile serve where no device is required.
 */

import { folderPaths, loginPaths } from "#client/profile/paths.ts";
import { parsePort } from "#client/ssh/target.ts";
import { selectLogin, type TshInvocation } from "./context.ts";
import type { config } from "./program.ts";

/** Prints the configuration. Needs no network. */
export async function run({
  flags,
  shared,
  console,
  services,
}: TshInvocation<typeof config>): Promise<void> {
  const login = await selectLogin(services, shared);
  const { folder, key, document } = login;
  const port = parsePort(flags.port);
  const paths = loginPaths(folder, key);
  const { cluster, host } = key;
  const { command, place } = services.agent;
  const agent =
    command === undefined
      ? []
      : [
          `    IdentityAgent "${place.sshSocket}"`,
          `    CertificateFile "${paths.deviceCertificate}"`,
        ];
  const program = services.program.map((word) => `"${word}"`).join(" ");
  const lines = [
    `# Begin generated Gatehouse configuration for ${host} by tsh`,
    "",
    `# Common flags for all ${cluster} hosts`,
    `Host *.${cluster} ${host}`,
    `    UserKnownHostsFile "${folderPaths(folder).knownHosts}"`,
    ...agent,
    `    IdentityFile "${paths.sshKey}"`,
    `    CertificateFile "${paths.sshCertificate}"`,
    `    HostKeyAlgorithms ${hostKeyAlgorithms}`,
    "",
    `# Flags for all ${cluster} hosts except the proxy`,
    `Host *.${cluster} !${host}`,
    `    Port ${port}`,
    `    ProxyCommand ${program} proxy ssh --cluster=${cluster} --proxy=${document.webProxyAddr} %r@%h:%p`,
    "",
    "# End generated Gatehouse configuration",
  ];
  for (const line of lines) console.print(line);
}

/** Certificates only, so that OpenSSH asks nobody about an unknown host; Ed25519 first, RSA for older nodes. */
const hostKeyAlgorithms = [
  "ssh-ed25519-cert-v01@openssh.com",
  "ecdsa-sha2-nistp256-cert-v01@openssh.com",
  "rsa-sha2-512-cert-v01@openssh.com",
  "rsa-sha2-256-cert-v01@openssh.com",
].join(",");
