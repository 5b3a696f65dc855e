/**
 * A cluster in memory for the tests of tctl: it keeps documents with revisions and refuses what the auth service refuses.
 * Nothing of it proves anything about the auth service.
 */
import { Fault } from "#base/fault.ts";
import type { Device } from "#resource/device.ts";
import { type Kind, kindInfo, type Resource, type ResourceOf } from "#resource/kinds.ts";
import { parseResource } from "#resource/parse.ts";
import {
  defaultAuthPreference,
  defaultNetworkingConfig,
  defaultSessionRecordingConfig,
} from "#resource/singletons.ts";
import type { AuditEvent, AuthClient } from "#tctl/auth-client.ts";

/** What the fake starts with, and what it was asked to do. */
export interface FakeAuth extends AuthClient {
  /** Documents by "kind/name". */
  readonly stored: Map<string, Resource>;
  readonly events: AuditEvent[];
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

  function get<K extends Kind>(kind: K, name: string, subKind?: string): ResourceOf[K] {
    const found = stored.get(keyOf(kind, name, subKind));
    if (found === undefined) throw new Fault("not-found", `${kind} ${name} is not found`);
    return found as ResourceOf[K];
  }

  const fake: FakeAuth = {
    stored,
    events,
    passwords,
    closed: 0,
    async close() {
      fake.closed++;
    },
    ping: async () => ({
      name: "teleport.example.com",
      serverVersion: "18.0.0",
      proxyAddress: "localhost:3080",
    }),
    caPins: async () => [`sha256:${"6f".repeat(32)}`],
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
    createEnrollToken: async (deviceId, expires) => {
      get("device", deviceId);
      return { token: `token-of-${deviceId}`, expires: expires ?? later(3_599_000) };
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
