/**
 * `tsh kube credentials`: what kubectl asks for a key and a certificate (client.authentication.k8s.io). Both go through a
 * pipe into kubectl's memory and are written nowhere; where this machine has a device key, the certificate names the device.
 */
import { Fault } from "#base/fault.ts";
import { decodeSubject } from "#identity/subject.ts";
import { parseCertificate } from "#x509/certificate.ts";
import { parseSinglePem } from "#x509/pem.ts";
import { selectLogin, type TshInvocation } from "./context.ts";
import { openAccessShown } from "./device-progress.ts";
import type { kubeCredentials } from "./program.ts";

const versions: readonly string[] = ["v1", "v1beta1"];

/** Prints the credential. Throws `access-denied` for somebody whose roles make nobody of them in Kubernetes. */
export async function run(invocation: TshInvocation<typeof kubeCredentials>): Promise<void> {
  const { flags, shared, console, services } = invocation;
  const { kubeCluster } = flags;
  if (kubeCluster === undefined) {
    throw new Fault("usage", "which Kubernetes cluster?", {
      hint: "tsh kube credentials --kube-cluster=NAME",
    });
  }
  const login = await selectLogin(services, shared);
  const { access, progress } = await openAccessShown(invocation, login, "Asking the cluster");
  try {
    const { certificate, key } = await access.certifyForKube(kubeCluster);
    progress.stop();
    const { subject, notAfter } = parseCertificate(parseSinglePem("CERTIFICATE", certificate));
    const { kubernetesUsers, kubernetesGroups } = decodeSubject(subject, notAfter, "user");
    if (kubernetesUsers.length === 0 && kubernetesGroups.length === 0) {
      throw new Fault("access-denied", "your roles list no Kubernetes users or groups", {
        hint: "ask an administrator for a role with kubernetes_groups or kubernetes_users",
      });
    }
    console.print(
      JSON.stringify({
        apiVersion: `client.authentication.k8s.io/${askedVersion(services.env)}`,
        kind: "ExecCredential",
        status: {
          expirationTimestamp: notAfter.toISOString(),
          clientCertificateData: certificate,
          clientKeyData: key,
        },
      }),
    );
  } finally {
    progress.stop();
    access.close();
  }
}

/** The version of the answer that kubectl wants. */
function askedVersion(env: NodeJS.ProcessEnv): string {
  const asked = /client\.authentication\.k8s\.io\/(v1[a-z0-9]*)/.exec(
    env["KUBERNETES_EXEC_INFO"] ?? "",
  )?.[1];
  return versions.find((version) => version === asked) ?? "v1";
}
