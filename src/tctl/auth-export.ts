/**
 * `tctl auth export`: public halves of the cluster's authorities, in the forms that OpenSSH (sshd(8), AUTHORIZED_KEYS and
 * SSH_KNOWN_HOSTS formats) and TLS servers read. Private keys never leave auth.
 */
import { Fault } from "#base/fault.ts";
import type { CertAuthority } from "#resource/cert-authority.ts";
import type { authExport, Invocation } from "./commands.ts";
import { withAuth } from "./services.ts";

/** Prints every active and additional key of the authority asked for. */
export async function run(invocation: Invocation<typeof authExport>): Promise<void> {
  const { flags, console } = invocation;
  const { authority: type, form } = forms[flags.type];
  const authorities = await withAuth(invocation, (auth) => auth.list("cert_authority"));
  const texts = authorities
    .filter((authority) => authority.spec.type === type)
    .flatMap((authority) => form(authority));
  if (texts.length === 0) {
    throw new Fault("not-found", `the cluster has no ${type} authority with keys of this form`);
  }
  for (const text of new Set(texts)) console.print(text);
}

type Form = (authority: CertAuthority) => readonly string[];

/** A line for the file that sshd's TrustedUserCAKeys names. */
const plainLine: Form = (authority) => sshLines(authority);

/** A line of an authorized_keys file. */
const userLine: Form = (authority) =>
  sshLines(authority).map((line) => `cert-authority ${line} ${comment(authority)}`);

/** A line of a known_hosts file. */
const hostLine: Form = (authority) =>
  sshLines(authority).map(
    (line) =>
      `@cert-authority ${authority.spec.cluster_name},*.${authority.spec.cluster_name} ` +
      `${line} ${comment(authority)}`,
  );

/** Certificates in PEM. */
const pem: Form = (authority) =>
  keySets(authority)
    .flatMap((keys) => keys.tls ?? [])
    .map(({ cert }) => decode(cert).trimEnd());

const forms = {
  user: { authority: "user", form: userLine },
  host: { authority: "host", form: hostLine },
  openssh: { authority: "openssh", form: plainLine },
  "trusted-user-ca": { authority: "user", form: plainLine },
  "tls-user": { authority: "user", form: pem },
  "tls-host": { authority: "host", form: pem },
  db: { authority: "db", form: pem },
  "db-client": { authority: "db_client", form: pem },
} as const satisfies Record<string, { authority: CertAuthority["spec"]["type"]; form: Form }>;

function keySets({ spec }: CertAuthority): readonly CertAuthority["spec"]["active_keys"][] {
  return [
    spec.active_keys,
    ...(spec.additional_trusted_keys ? [spec.additional_trusted_keys] : []),
  ];
}

/** Algorithm and key, without a comment of their own. */
function sshLines(authority: CertAuthority): readonly string[] {
  return keySets(authority)
    .flatMap((keys) => keys.ssh ?? [])
    .map((key) => decode(key.public_key).trim().split(" ").slice(0, 2).join(" "));
}

function comment({ spec }: CertAuthority): string {
  return `clustername=${spec.cluster_name}&type=${spec.type}`;
}

function decode(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}
