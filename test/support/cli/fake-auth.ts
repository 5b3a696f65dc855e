/**
 * A cluster in memory for the tests of tctl: it keeps documents with revisions and refuses what the auth service refuses.
 * Nothing of it proves anything about the auth service.
 */
import { Fault } from "#base/fault.ts";
import type { Device } from "#resource/device.ts";
import { type Kind, kindInfo, type Resource, type ResourceOf } from "#resource/kinds.ts";
import { parseResource } from "#resource/parse.ts";
import {
  defaultAttestationPolicy,
  defaultAuthPreference,
  defaultNetworkingConfig,
  defaultSessionRecordingConfig,
} from "#resource/singletons.ts";
import type { BootSimulation, DeviceAttestation } from "#tctl/attestation-calls.ts";
import type {
  Alert,
  AlertAck,
  AuditEvent,
  AuthClient,
  IssuedToken,
  Simulation,
} from "#tctl/auth-client.ts";

/** What the fake starts with, and what it was asked to do. */
export interface FakeAuth extends AuthClient {
  /** Documents by "kind/name". */
  readonly stored: Map<string, Resource>;
  readonly events: AuditEvent[];
  /** What a device mode changes, by the role and the mode with a colon between; nothing for all others. */
  readonly simulations: Map<string, Simulation>;
  /** Enrollment tokens that are out, by id. */
  readonly issued: Map<string, IssuedToken>;
  /** What is known of the TPMs of devices, by device id. */
  readonly attestations: Map<string, DeviceAttestation>;
  /** What every policy about boots would do. */
  bootSimulation: BootSimulation;
  /** Passwords that were set, in order. */
  readonly passwords: string[];
  /** Connections that were closed. */
  closed: number;
}

/** A cluster with the given documents. `now` is when links and tokens are made. */
export function createFakeAuth(documents: readonly unknown[], now: Date): FakeAuth {
  const stored = new Map<string, Resource>();
  const events: AuditEvent[] = [];
  const passwords: string[] = [];
  const alerts = new Map<string, Alert>();
  const quiet = new Map<string, AlertAck>();
  const issued = new Map<string, IssuedToken>();
  let revisions = 0;
  let ids = 0;
  const later = (ms: number) => new Date(now.getTime() + ms);
  const keyOf = (kind: Kind, name: string, subKind = "") => [kind, subKind, name].join("/");
  const subKindOf = (each: Resource) => (each.kind === "cert_authority" ? each.spec.type : "");

  function store<R extends Resource>(resource: R): R {
    const named = resource.metadata.name === "" ? `id-${++ids}` : resource.metadata.name;
    const revision = `revision-${++revisions}`;
    const kept = { ...resource, metadata: { ...resource.metadata, name: named, revision } };
    stored.set(keyOf(kept.kind, named, subKindOf(kept)), kept);
    return kept;
  }

  for (const document of [
    defaultAuthPreference(),
    defaultNetworkingConfig(),
    defaultSessionRecordingConfig(),
    ...documents,
  ]) {
    store(parseResource(document));
  }

  function issuedToken(id: string): IssuedToken {
    const found = issued.get(id);
    if (found === undefined) {
      throw new Fault("not-found", "there is no such enrollment token", {
        hint: "it may be spent or have expired; those that are out: tctl devices tokens ls",
      });
    }
    return found;
  }
  const policy = defaultAttestationPolicy();
  stored.set(keyOf(policy.kind, policy.metadata.name), {
    ...policy,
    metadata: { ...policy.metadata, revision: "revision-0" },
  });

  function get<K extends Kind>(kind: K, name: string, subKind?: string): ResourceOf[K] {
    const found = stored.get(keyOf(kind, name, subKind));
    if (found === undefined) throw new Fault("not-found", `${kind} ${name} is not found`);
    return found as ResourceOf[K];
  }

  function attestationOf(id: string): DeviceAttestation {
    const { asset_tag: assetTag, os_type: osType } = get("device", id).spec;
    const none = {
      ...{ assetTag, osType, attestationType: "", signingHash: "", baseline: {} },
      ...{ endorsement: undefined, lastBoot: undefined, refusedBoot: undefined },
      bound: { keyHash: "", certificateSerial: "" },
    };
    return fake.attestations.get(id) ?? none;
  }

  const fake: FakeAuth = {
    stored,
    events,
    simulations: new Map(),
    issued,
    attestations: new Map(),
    bootSimulation: {
      devices: [],
      totals: { enrolled: 0, refused: 0, reported: 0, satisfied: 0, unconcerned: 0 },
    },
    passwords,
    closed: 0,
    async close() {
      fake.closed++;
    },
    caller: "alice",
    ping: async () => ({
      name: "teleport.example.com",
      serverVersion: "18.0.0+gatehouse.1.2.3",
      proxyAddress: "localhost:3080",
    }),
    caPins: async () => [`sha256:${"6f".repeat(32)}`],
    signDatabaseServer: async (_request, names) => ({
      certificate: `certificate of ${names.join(", ")}\n`,
      authorities: ["authority of agents\n"],
    }),
    list: async <K extends Kind>(kind: K) =>
      [...stored.values()].filter((each) => each.kind === kind) as ResourceOf[K][],
    get: async (kind, name, subKind) => get(kind, name, subKind),
    async create(resource) {
      const { kind, metadata } = resource;
      const taken =
        kind === "device"
          ? [...stored.values()].some(
              (each) => each.kind === "device" && each.spec.asset_tag === resource.spec.asset_tag,
            )
          : stored.has(keyOf(kind, metadata.name));
      if (taken) throw new Fault("already-exists", `${kind} ${metadata.name} already exists`);
      return store(resource);
    },
    upsert: async (resource) => store(resource),
    async update(resource) {
      const found = get(resource.kind, resource.metadata.name);
      if (found.metadata.revision !== resource.metadata.revision) {
        throw new Fault("conflict", "revision does not match");
      }
      return store(resource);
    },
    async remove(kind, name) {
      get(kind, name);
      if (kindInfo(kind).singleton === undefined) stored.delete(keyOf(kind, name));
    },
    listDevices: async () =>
      [...stored.values()].filter((each): each is Device => each.kind === "device"),
    findDevices: async (idOrTag) =>
      [...stored.values()].filter(
        (each): each is Device =>
          each.kind === "device" &&
          (each.metadata.name === idOrTag || each.spec.asset_tag === idOrTag),
      ),
    async syncDevices({ source: name, devices: named, removeMissing }) {
      const all = [...stored.values()].filter((each): each is Device => each.kind === "device");
      const source = { name, origin: "api" as const };
      const kept = named.map((spec) => {
        const known = all.find(
          (each) => each.spec.asset_tag === spec.asset_tag && each.spec.os_type === spec.os_type,
        );
        const base = known ?? { kind: "device", metadata: { name: "" } };
        return store(parseResource({ ...base, spec: { ...known?.spec, ...spec, source } }));
      });
      const ids = new Set(kept.map(({ metadata }) => metadata.name));
      const missing = all.filter(
        ({ metadata, spec }) => spec.source?.name === name && !ids.has(metadata.name),
      );
      const removed = removeMissing ? missing : [];
      for (const { metadata } of removed) stored.delete(keyOf("device", metadata.name));
      return { refused: [], removed: removed.map(({ spec }) => spec.asset_tag) };
    },
    async createEnrollToken(deviceId, wanted) {
      const { spec } = get("device", deviceId);
      const expires = wanted ?? later(3_599_000);
      const id = `1f0ed1e2a3b4c5d${issued.size}`;
      const { os_type: osType, asset_tag: assetTag } = spec;
      const made = { createdBy: "admin", created: now, onlyFor: undefined };
      issued.set(id, { id, deviceId, assetTag, osType, ...made, expires });
      return { token: `token-of-${deviceId}`, expires };
    },
    async listEnrollTokens(device) {
      const all = [...issued.values()];
      if (device === undefined) return all;
      if ((await fake.findDevices(device)).length === 0) {
        throw new Fault("not-found", `device "${device}" not found`);
      }
      return all.filter(({ deviceId, assetTag }) => [deviceId, assetTag].includes(device));
    },
    getEnrollToken: async (id) => issuedToken(id),
    async revokeEnrollToken(id) {
      issued.delete(issuedToken(id).id);
    },
    async createUserLink(user, purpose, ttlMs) {
      get("user", user);
      return { url: `https://localhost:3080/web/${purpose}/0123abcd`, expires: later(ttlMs) };
    },
    async setPassword(user, password, totp) {
      get("user", user);
      passwords.push(password.reveal());
      return totp ? `otpauth://totp/localhost:${user}?secret=JBSWY3DPEHPK3PXP` : undefined;
    },
    async explain(id) {
      const event = events.find(({ uid }) => uid === id);
      if (event === undefined)
        throw new Fault("not-found", `there is no refusal with the id ${id}`);
      const owned = [...stored.values()].filter((each) => each.kind === "device");
      const devices = owned
        .filter(({ spec }) => spec.owner === event["user"])
        .map(({ spec }) => ({
          ...{ assetTag: spec.asset_tag, osType: spec.os_type },
          enrolled: spec.enroll_status === "enrolled",
          lastAuthenticated: undefined,
        }));
      return { event, devices };
    },
    async listAlerts(acknowledged) {
      return [...alerts.values()].filter(({ id }) => acknowledged || !quiet.has(id));
    },
    async createAlert(alert) {
      alerts.set(alert.id, alert);
    },
    async ackAlert(id, reason, expires) {
      if (!alerts.has(id)) throw new Fault("not-found", `cluster_alert ${id} is not found`);
      quiet.set(id, { id, reason, expires });
    },
    async listAlertAcks() {
      return [...quiet.values()];
    },
    async clearAlertAck(id) {
      if (!quiet.delete(id)) {
        throw new Fault("not-found", `no acknowledgement of alert "${id}"`);
      }
    },
    async simulateDeviceTrust({ mode = "", posture, role = "" }) {
      if (role !== "") get("role", role);
      const totals = { users: 2, servers: 4, lost: 0, kept: 0, unchanged: 8 };
      const nothing = { modeBefore: undefined, totals, groups: [], logins: [] };
      return fake.simulations.get([role, mode, ...posture].join(":")) ?? nothing;
    },
    simulateMeasuredBoot: async () => fake.bootSimulation,
    deviceAttestation: async (id) => attestationOf(id),
    async approveBoot(id) {
      const { refusedBoot, ...known } = attestationOf(id);
      const lastBoot = refusedBoot ?? known.lastBoot;
      const baseline = lastBoot?.pcrs ?? {};
      const approved = { ...known, lastBoot, baseline, refusedBoot: undefined };
      fake.attestations.set(id, approved);
      return approved;
    },
    async bindEndorsementKey(id, bound) {
      const changed = { ...attestationOf(id), bound };
      fake.attestations.set(id, changed);
      return changed;
    },
    async searchEvents(query) {
      return events
        .filter(
          (event) =>
            (query.kinds.length === 0 || query.kinds.includes(String(event["event"]))) &&
            (query.user === undefined || event["user"] === query.user) &&
            (query.device === undefined ||
              JSON.stringify(event["device"] ?? {}).includes(query.device)) &&
            (query.from === undefined || new Date(String(event["time"])) >= query.from) &&
            (query.to === undefined || new Date(String(event["time"])) <= query.to),
        )
        .slice(0, query.limit);
    },
  };
  return fake;
}
