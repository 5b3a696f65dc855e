/**
 * What the commands need from the cluster: resources as canonical documents and a few acts. `api-client.ts` does it over
 * the public API; tests use a fake. Every method throws a `Fault`.
 */
import type { Closable } from "#base/lifecycle.ts";
import type { Secret } from "#base/secret.ts";
import type { Device, OsType } from "#resource/device.ts";
import type { Kind, Resource, ResourceOf } from "#resource/kinds.ts";
import type { AttestationCalls } from "./attestation-calls.ts";

/** Who answers. */
export interface ClusterInfo {
  readonly name: string;
  /** As `splitServerVersion` reads it. */
  readonly serverVersion: string;
  /** `host:port` that people and agents reach; undefined when there is no proxy. */
  readonly proxyAddress: string | undefined;
}

/** A link that lets a person set their credentials. */
export interface UserLink {
  readonly url: string;
  readonly expires: Date;
}

/** A secret that lets one device enrol once. */
export interface EnrollToken {
  readonly token: string;
  readonly expires: Date | undefined;
}

/** Which audit events to find. */
export interface EventQuery {
  /** Event types such as "user.login"; none means all. */
  readonly kinds: readonly string[];
  readonly user: string | undefined;
  /** Asset tag or id. */
  readonly device: string | undefined;
  readonly from: Date | undefined;
  readonly to: Date | undefined;
  readonly limit: number;
}

/** An audit event as the log holds it. */
export type AuditEvent = Readonly<Record<string, unknown>>;

/** What is known about a refusal. */
export interface Refused {
  readonly event: AuditEvent;
  /** Devices that belong to the person who was refused. */
  readonly devices: readonly PersonalDevice[];
}

/** A device as far as its owner may know it. */
export interface PersonalDevice {
  readonly assetTag: string;
  readonly osType: string;
  readonly enrolled: boolean;
  readonly lastAuthenticated: Date | undefined;
}

/** An alert of the cluster. */
export interface Alert {
  readonly id: string;
  readonly severity: "low" | "medium" | "high";
  readonly message: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly expires: Date | undefined;
}

/** The certificate of a database server. */
export interface DatabaseServerCertificate {
  /** PEM. */
  readonly certificate: string;
  /** PEM: whose clients the server is to take. */
  readonly authorities: readonly string[];
}

/** That somebody knows of an alert: it is not shown until this ends. */
export interface AlertAck {
  readonly id: string;
  readonly reason: string;
  readonly expires: Date | undefined;
}

/** What can be done about alerts. */
export interface AlertCalls {
  /** Those that matter most first; with `acknowledged` also those that somebody quieted. */
  listAlerts(acknowledged: boolean): Promise<readonly Alert[]>;
  createAlert(alert: Alert): Promise<void>;
  /** Quiets an alert for everybody. Throws `not-found`. */
  ackAlert(id: string, reason: string, expires: Date): Promise<void>;
  /** Which alerts are quiet, and why. */
  listAlertAcks(): Promise<readonly AlertAck[]>;
  /** Lets it be seen again. Throws `not-found`. */
  clearAlertAck(id: string): Promise<void>;
}

/** An enrollment token that is still good, without its secret. */
export interface IssuedToken {
  readonly id: string;
  readonly deviceId: string;
  readonly assetTag: string;
  readonly osType: OsType | undefined;
  readonly createdBy: string;
  readonly created: Date | undefined;
  readonly expires: Date | undefined;
  /** The person whose login asked for it, by auto-enrollment; nobody else can spend it. */
  readonly onlyFor: string | undefined;
}

/** What can be done about enrollment tokens that are out. */
export interface EnrollTokenCalls {
  /** Those of a device, by id or asset tag, or all. Throws `not-found` for a device that is not there. */
  listEnrollTokens(device?: string): Promise<readonly IssuedToken[]>;
  /** Throws `not-found`, also for one that was spent or has expired. */
  getEnrollToken(id: string): Promise<IssuedToken>;
  /** Makes it useless. Throws as {@link getEnrollToken} does. */
  revokeEnrollToken(id: string): Promise<void>;
}

/** What is tried at one role, or at the cluster. */
export interface TriedTrust {
  /** Undefined: as it is. */
  readonly mode: string | undefined;
  /** Posture rules besides those that are set. */
  readonly posture: readonly string[];
  readonly role: string | undefined;
}

/** A login to which something happens, on all servers of a group. */
export interface ChangedLogin {
  readonly user: string;
  readonly login: string;
  /** Index in {@link Simulation.groups}. */
  readonly group: number;
  /** Asset tag of the device that keeps the access; undefined when it is lost. */
  readonly device: string | undefined;
  /** Asset tags of the devices that reach it now and would not then. */
  readonly lostDevices: readonly string[];
  /** The check that refuses, the role whose rule it is (undefined: the cluster's), and its sentence. */
  readonly check: string;
  readonly role: string | undefined;
  readonly reason: string;
}

/** What a device mode or posture rules would change. Logins are counted by user, account and server. */
export interface Simulation {
  /** Undefined when none is set. */
  readonly modeBefore: string | undefined;
  readonly totals: Readonly<Record<"users" | "servers" | "lost" | "kept" | "unchanged", number>>;
  readonly groups: readonly (readonly { readonly id: string; readonly hostname: string }[])[];
  readonly logins: readonly ChangedLogin[];
}

/** An inventory that is to be taken over. */
export interface InventoryPlan {
  /** Name of the source that the devices belong to from now on. */
  readonly source: string;
  readonly devices: readonly Pick<Device["spec"], "os_type" | "asset_tag" | "profile">[];
  /** Devices of the source that are not among these are removed. */
  readonly removeMissing: boolean;
  /** Is told how many devices have been sent. */
  readonly onProgress: (sent: number) => void;
}

/** What became of it. */
export interface InventoryOutcome {
  /** Asset tags that the auth service refused, with its reasons. */
  readonly refused: readonly { readonly assetTag: string; readonly reason: string }[];
  /** Asset tags of the devices that were removed. */
  readonly removed: readonly string[];
}

/** The auth service as an administrator sees it. */
export interface AuthClient extends AlertCalls, AttestationCalls, EnrollTokenCalls, Closable {
  /** The user whose login this is; undefined for the administrator of the auth host. */
  readonly caller: string | undefined;
  ping(): Promise<ClusterInfo>;
  /** `sha256:<hex>` of the public key of each host authority. */
  caPins(): Promise<readonly string[]>;
  /** Has a certificate signed for a database server. `request` is PKCS #10 in PEM. */
  signDatabaseServer(
    request: string,
    names: readonly string[],
    ttlMs: number,
  ): Promise<DatabaseServerCertificate>;

  list<K extends Kind>(kind: K): Promise<readonly ResourceOf[K][]>;
  /** Throws `not-found`. `subKind` is for kinds that have one, such as cert_authority. */
  get<K extends Kind>(kind: K, name: string, subKind?: string): Promise<ResourceOf[K]>;
  /** Throws `already-exists`. The answer carries the name if the server chose it. */
  create(resource: Resource): Promise<Resource>;
  upsert(resource: Resource): Promise<Resource>;
  /** Throws `conflict` when the stored revision is not the one in the document. */
  update(resource: Resource): Promise<Resource>;
  /** Removes, or resets to defaults what exists once. Throws `not-found`. */
  remove(kind: Kind, name: string): Promise<void>;

  /** Every device as a listing shows it: without keys, profile and collected data. */
  listDevices(): Promise<readonly Device[]>;
  /** Devices whose id or asset tag is the given text. */
  findDevices(idOrTag: string): Promise<readonly Device[]>;
  /** Adds devices and updates those that are known; gives those that were refused. Enrollments stay. */
  syncDevices(plan: InventoryPlan): Promise<InventoryOutcome>;
  createEnrollToken(deviceId: string, expires: Date | undefined): Promise<EnrollToken>;
  createUserLink(user: string, purpose: "invite" | "password", ttlMs: number): Promise<UserLink>;
  /** Sets the password at once. With `totp` a new TOTP secret is made and its otpauth:// URL answered. */
  setPassword(user: string, password: Secret, totp: boolean): Promise<string | undefined>;
  /** Throws `not-found`, also for those who may not know. */
  explain(id: string): Promise<Refused>;
  /** Changes nothing. Throws `not-found` for a role that is not there. */
  simulateDeviceTrust(tried: TriedTrust): Promise<Simulation>;
  /** Newest first. */
  searchEvents(query: EventQuery): Promise<readonly AuditEvent[]>;
}
