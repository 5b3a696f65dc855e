/**
 * Identities in the extensions of an SSH certificate (spec: public API, certificate format; OpenSSH
 * PROTOCOL.certkeys). Usage restrictions, databases and Kubernetes have no place there. Reading assumes that the
 * signature, the authority and the type of the certificate have been verified.
 */
import { Fault } from "#base/fault.ts";
import { type Random, uuid } from "#base/random.ts";
import type { Certificate } from "#ssh/certificate.ts";
import { assertDevice, readDevice } from "./device-extensions.ts";
import type { SystemIdentity, UserIdentity } from "./identity.ts";
import { present } from "./present.ts";
import { assertLogins, joinPrincipal, loginsOfPrincipals, noLoginPrefix } from "./principal.ts";
import { parseTime } from "./time.ts";
import { formatTraits, isTextList, parseJson, parseTraits } from "./traits.ts";

const names = {
  pty: "permit-pty",
  portForwarding: "permit-port-forwarding",
  agentForwarding: "permit-agent-forwarding",
  x11Forwarding: "permit-X11-forwarding",
  loginIp: "login-ip",
  privateKeyPolicy: "private-key-policy",
  roles: "teleport-roles",
  traits: "teleport-traits",
  routeToCluster: "teleport-route-to-cluster",
  activeRequests: "teleport-active-requests",
  mfaVerified: "mfa-verified",
  previousIdentityExpires: "prev-identity-expires",
  impersonator: "impersonator",
  disallowReissue: "disallow-reissue",
  botName: "bot-name@goteleport.com",
  allowedResources: "teleport-allowed-resources",
  deviceId: "teleport-device-id",
  deviceAssetTag: "teleport-device-asset-tag",
  deviceCredentialId: "teleport-device-credential-id",
} as const;

const sourceAddress = "source-address";
/** Longest value of one extension. */
const maxValue = 32_768;

/** What a certificate request takes from an identity. An empty extension value is a flag. */
export interface EncodedExtensions {
  readonly keyId: string;
  readonly principals: readonly string[];
  readonly criticalOptions: Readonly<Record<string, string>>;
  readonly extensions: Readonly<Record<string, string>>;
}

/** The parts of an SSH certificate that carry the identity. Throws `invalid` for what no certificate may carry. */
export function encodeExtensions(identity: UserIdentity, random: Random): EncodedExtensions {
  if (identity.username === "" || identity.roles.length === 0) {
    throw new Fault("invalid", "a user certificate needs a name and at least one role");
  }
  if (identity.usage.length > 0) {
    throw new Fault("invalid", "a certificate for one use only has no SSH half");
  }
  assertLogins(identity.logins);
  if (identity.device !== undefined) assertDevice(identity.device);
  const { permit, device } = identity;
  const flag = (on: boolean): string | undefined => (on ? "" : undefined);
  const values: Readonly<Record<keyof typeof names, string | undefined>> = {
    pty: flag(permit.pty),
    portForwarding: flag(permit.portForwarding),
    agentForwarding: flag(permit.agentForwarding),
    x11Forwarding: flag(permit.x11Forwarding),
    loginIp: identity.loginIp,
    privateKeyPolicy: identity.privateKeyPolicy,
    roles: JSON.stringify({ version: "v1", roles: identity.roles }),
    traits: formatTraits(identity.traits),
    routeToCluster: identity.routeToCluster,
    activeRequests:
      identity.activeRequests.length === 0
        ? undefined
        : JSON.stringify({ access_requests: identity.activeRequests }),
    mfaVerified: identity.mfaVerified,
    previousIdentityExpires: identity.previousIdentityExpires?.toISOString(),
    impersonator: identity.impersonator,
    disallowReissue: flag(identity.disallowReissue),
    botName: identity.botName,
    allowedResources: undefined,
    deviceId: device?.deviceId,
    deviceAssetTag: device?.assetTag,
    deviceCredentialId: device?.credentialId,
  };
  const extensions: Record<string, string> = {};
  for (const [field, name] of Object.entries(names)) {
    const value = values[field as keyof typeof names];
    if (value === undefined || (value === "" && !flags.has(name))) continue;
    if (value.length > maxValue) {
      throw new Fault("invalid", `the certificate extension "${name}" is too long`, {
        hint: "give the user fewer roles or traits",
      });
    }
    extensions[name] = value;
  }
  return {
    keyId: identity.username,
    principals: [
      ...(identity.logins.length === 0 ? [noLoginPrefix + uuid(random)] : identity.logins),
      joinPrincipal,
    ],
    criticalOptions:
      identity.pinnedIp === undefined ? {} : { [sourceAddress]: formatPinnedIp(identity.pinnedIp) },
    extensions,
  };
}

const flags: ReadonlySet<string> = new Set([
  names.pty,
  names.portForwarding,
  names.agentForwarding,
  names.x11Forwarding,
  names.disallowReissue,
]);

/**
 * The identity of a verified user certificate; `cluster` is the one whose user authority signed it. Throws
 * `malformed` for extensions that this authority would not have signed, and for unknown critical options.
 */
export function decodeExtensions(
  certificate: Pick<
    Certificate,
    "keyId" | "principals" | "validBefore" | "criticalOptions" | "extensions"
  >,
  cluster: string,
): UserIdentity {
  if (certificate.keyId === "") throw new Fault("malformed", "the certificate names no user");
  const has = (name: keyof typeof names): boolean => certificate.extensions.has(names[name]);
  const text = (name: keyof typeof names): string | undefined => {
    const value = certificate.extensions.get(names[name]);
    if (value !== undefined && value.length > maxValue) {
      throw new Fault("malformed", `the certificate extension "${names[name]}" is too long`);
    }
    return value;
  };
  if (has("allowedResources")) {
    throw new Fault("malformed", "the certificate is limited to resources, which is not supported");
  }
  const traits = text("traits");
  return {
    kind: "user",
    username: certificate.keyId,
    cluster,
    roles: readRoles(text("roles")),
    traits: traits === undefined ? {} : parseTraits(traits),
    logins: loginsOfPrincipals(certificate.principals),
    expires: readExpiry(certificate.validBefore),
    usage: [],
    routeToCluster: text("routeToCluster") ?? "",
    privateKeyPolicy: text("privateKeyPolicy") ?? "",
    ...present("loginIp", text("loginIp")),
    ...present("pinnedIp", readPinnedIp(certificate.criticalOptions)),
    ...present("mfaVerified", text("mfaVerified")),
    ...present("previousIdentityExpires", readTime(text("previousIdentityExpires"))),
    activeRequests: readActiveRequests(text("activeRequests")),
    ...present("impersonator", text("impersonator")),
    disallowReissue: has("disallowReissue"),
    ...present("botName", text("botName")),
    kubernetesUsers: [],
    kubernetesGroups: [],
    databaseNames: [],
    databaseUsers: [],
    ...present(
      "device",
      readDevice(text("deviceId"), text("deviceAssetTag"), text("deviceCredentialId")),
    ),
    permit: {
      pty: has("pty"),
      portForwarding: has("portForwarding"),
      agentForwarding: has("agentForwarding"),
      x11Forwarding: has("x11Forwarding"),
    },
  };
}

/** Key id and extensions of a host certificate; its principals are the names of the host. */
export function encodeHostExtensions(
  identity: SystemIdentity,
): Pick<EncodedExtensions, "keyId" | "extensions"> {
  return {
    keyId: `${identity.hostId}.${identity.cluster}`,
    extensions: {
      "x-teleport-authority": identity.cluster,
      "x-teleport-role": identity.systemRoles[0] ?? "Node",
    },
  };
}

function readRoles(json: string | undefined): string[] {
  const parsed = json === undefined ? undefined : parseJson(json, "roles");
  const roles = (parsed as { roles?: unknown } | null | undefined)?.roles;
  if (!isTextList(roles)) throw new Fault("malformed", "the certificate does not list its roles");
  return roles;
}

function readActiveRequests(json: string | undefined): string[] {
  if (json === undefined) return [];
  const parsed = parseJson(json, "access requests") as { access_requests?: unknown } | null;
  const requests = parsed?.access_requests ?? [];
  if (!isTextList(requests)) {
    throw new Fault("malformed", "the access requests of the certificate are not a list");
  }
  return requests;
}

/** Latest time that a `Date` can hold (ECMA-262 section 21.4.1.1), in seconds. */
const lastSecond = 8_640_000_000_000n;

function readExpiry(validBefore: bigint): Date {
  if (validBefore > lastSecond) {
    throw new Fault("malformed", "a user certificate without an end is not accepted");
  }
  return new Date(Number(validBefore) * 1000);
}

function readTime(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : parseTime(text);
}

function formatPinnedIp(ip: string): string {
  return `${ip}/${ip.includes(":") ? 128 : 32}`;
}

/** The one address of `source-address`. Every other critical option, and every wider range, is refused. */
function readPinnedIp(options: ReadonlyMap<string, string>): string | undefined {
  for (const name of options.keys()) {
    if (name !== sourceAddress) {
      throw new Fault("malformed", "the certificate has a critical option that is not known here");
    }
  }
  const value = options.get(sourceAddress);
  if (value === undefined) return undefined;
  const ip = /^([0-9a-fA-F:.]{2,45})\/(?:32|128)$/.exec(value)?.[1];
  if (ip === undefined || formatPinnedIp(ip) !== value) {
    throw new Fault("malformed", "the source address of the certificate is not one address");
  }
  return ip;
}
