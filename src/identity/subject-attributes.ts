/**
 * The attributes of a certificate subject that carry an identity: each declared once, read and written from here.
 * Values are plain strings; their meaning is in `subject.ts`. Arc 1.3.9999 is the one that the public API uses;
 * attributes that are not in the tables are ignored, as newer versions add some.
 */
import { Fault } from "#base/fault.ts";
import { attributes, type Rdn } from "#x509/name.ts";

/** Attributes that stand at most once. */
const single = {
  commonName: attributes.commonName,
  routeToCluster: attributes.street,
  traits: attributes.postalCode,
  kubernetesCluster: "1.3.9999.1.3",
  cluster: "1.3.9999.1.7",
  mfaVerified: "1.3.9999.1.8",
  loginIp: "1.3.9999.1.9",
  privateKeyPolicy: "1.3.9999.1.15",
  databaseService: "1.3.9999.2.1",
  databaseProtocol: "1.3.9999.2.2",
  databaseUser: "1.3.9999.2.3",
  databaseName: "1.3.9999.2.4",
  impersonator: "1.3.9999.2.7",
  disallowReissue: "1.3.9999.2.9",
  allowedResources: "1.3.9999.2.10",
  previousIdentityExpires: "1.3.9999.2.12",
  pinnedIp: "1.3.9999.2.15",
  botName: "1.3.9999.2.18",
  deviceId: "1.3.9999.3.1",
  deviceAssetTag: "1.3.9999.3.2",
  deviceCredentialId: "1.3.9999.3.3",
} as const;

/** Attributes that stand once for each value, in order. */
const repeated = {
  roles: attributes.organization,
  usage: attributes.organizationalUnit,
  logins: attributes.locality,
  kubernetesUsers: "1.3.9999.1.1",
  kubernetesGroups: "1.3.9999.1.2",
  databaseNames: "1.3.9999.2.5",
  databaseUsers: "1.3.9999.2.6",
  activeRequests: "1.3.9999.2.8",
  systemRoles: "1.3.9999.2.11",
  databaseRoles: "1.3.9999.2.19",
} as const;

type Single = keyof typeof single;
type Repeated = keyof typeof repeated;

/** The values of a subject by name: one text or none for single attributes, a list for repeated ones. */
export type SubjectFields = { readonly [K in Single]?: string | undefined } & {
  readonly [K in Repeated]?: readonly string[];
};

/** Values read from a subject; repeated attributes that are absent are empty lists. */
export type ReadSubject = { readonly [K in Single]?: string } & {
  readonly [K in Repeated]: readonly string[];
};

/** Most attributes in a subject, longest value, longest traits, and all values together, in UTF-16 units. */
const limits = { attributes: 2048, value: 1024, traits: 32_768, total: 60_000 };

/** Attributes for the values, in the order of the tables. Empty values are left out. Throws `invalid`. */
export function writeSubject(fields: SubjectFields): Rdn[] {
  const subject: Rdn[] = [];
  for (const [name, type] of Object.entries(single)) {
    const value = fields[name as Single];
    if (value !== undefined && value !== "") subject.push({ type, value });
  }
  for (const [name, type] of Object.entries(repeated)) {
    for (const value of fields[name as Repeated] ?? []) subject.push({ type, value });
  }
  assertBounds(subject, "invalid");
  return subject;
}

/** Values of a subject. Throws `malformed` for a repeated single attribute and for what exceeds the bounds. */
export function readSubject(subject: readonly Rdn[]): ReadSubject {
  assertBounds(subject, "malformed");
  const read: Record<string, string | string[]> = {};
  for (const [name, type] of Object.entries(single)) {
    const values = subject.filter((rdn) => rdn.type === type);
    if (values.length > 1) {
      throw new Fault("malformed", `the certificate subject has ${type} more than once`);
    }
    if (values[0] !== undefined) read[name] = values[0].value;
  }
  for (const [name, type] of Object.entries(repeated)) {
    read[name] = subject.filter((rdn) => rdn.type === type).map((rdn) => rdn.value);
  }
  return read as unknown as ReadSubject;
}

function assertBounds(subject: readonly Rdn[], code: "invalid" | "malformed"): void {
  let total = 0;
  for (const { type, value } of subject) {
    total += value.length;
    const isJson = type === single.traits;
    const longest = isJson ? limits.traits : limits.value;
    if (value.length > longest) {
      throw new Fault(code, `the certificate subject has a value of ${value.length} characters`);
    }
    const controls = isJson ? /[\0-\x1f]/ : /[\0-\x1f\x7f-\x9f]/;
    if (controls.test(value) || !value.isWellFormed()) {
      throw new Fault(code, `the certificate subject has a control character in ${type}`);
    }
  }
  if (subject.length > limits.attributes || total > limits.total) {
    throw new Fault(code, "the certificate subject is too large", {
      ...(code === "invalid" ? { hint: "give the user fewer roles or traits" } : {}),
    });
  }
}
