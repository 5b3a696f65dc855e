/** The administrator's client over the public API and our own additions to it. One connection. */
import { createHash, X509Certificate } from "node:crypto";
import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  decodePlain,
  decodeResource,
  encodeForWriting,
  type MessageOf,
} from "#api/convert/resource.ts";
import { createClient, type GrpcClient } from "#api/grpc/client.ts";
import { utf8 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { Secret } from "#base/secret.ts";
import {
  AuditService,
  DeviceAdminService,
  ExplainService,
  UserService,
} from "#gen/gatehouse/v1/admin_pb.ts";
import { AttestationService } from "#gen/gatehouse/v1/attestation_pb.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import { DeviceTrustService, DeviceView } from "#gen/teleport/devicetrust/v1/service_pb.ts";
import type { Device } from "#resource/device.ts";
import type { Kind, Resource, ResourceOf } from "#resource/kinds.ts";
import { alertCallsOver } from "./api-alerts.ts";
import { attestationCallsOver } from "./api-attestation.ts";
import { enrollTokenCallsOver } from "./api-enroll-tokens.ts";
import { syncDevices } from "./api-inventory.ts";
import { kindCallsOver, readPages } from "./api-kinds.ts";
import { readSimulation } from "./api-simulation.ts";
import type {
  AuditEvent,
  AuthClient,
  ClusterInfo,
  EnrollToken,
  EventQuery,
  Refused,
  UserLink,
} from "./auth-client.ts";

/** Devices asked for at once. */
const devicePage = 1000;

/** Events asked for at once. */
const eventPage = 500;

/** An {@link AuthClient} over a gRPC connection of `caller`, which it closes. */
export function createApiClient(grpc: GrpcClient, caller?: string): AuthClient {
  const kinds = kindCallsOver(grpc);
  const auth = createClient(AuthService, grpc);
  const devices = createClient(DeviceTrustService, grpc);

  async function write<K extends Kind>(
    how: "create" | "upsert" | "update",
    kind: K,
    resource: ResourceOf[K],
  ): Promise<Resource> {
    const stored = await kinds[kind][how](encodeForWriting(kind, resource));
    // The API answers some writes with nothing; then the document is what was sent.
    return stored === undefined ? resource : decodeStored(kind, stored);
  }

  return {
    ...alertCallsOver(auth),
    caller,
    ...enrollTokenCallsOver(createClient(DeviceAdminService, grpc)),
    ...attestationCallsOver(createClient(AttestationService, grpc)),
    close: () => grpc.close(),
    async ping(): Promise<ClusterInfo> {
      const answer = await auth.ping({});
      return {
        name: answer.ClusterName,
        serverVersion: answer.ServerVersion,
        proxyAddress: answer.ProxyPublicAddr === "" ? undefined : answer.ProxyPublicAddr,
      };
    },
    async caPins() {
      const { TLSCA } = await auth.getClusterCACert({});
      return pinsOf(Buffer.from(TLSCA).toString("latin1"));
    },
    async signDatabaseServer(request, names, ttlMs) {
      const TTL = BigInt(Math.round(ttlMs)) * 1_000_000n;
      const CSR = utf8(request);
      const answer = await auth.generateDatabaseCert({ CSR, ServerNames: [...names], TTL });
      const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
      return { certificate: textOf(answer.Cert), authorities: answer.CACerts.map(textOf) };
    },
    async list<K extends Kind>(kind: K) {
      const messages = await kinds[kind].list();
      return messages.map((message) => decodeStored(kind, message));
    },
    async get<K extends Kind>(kind: K, name: string, subKind?: string) {
      const message = await kinds[kind].get(name, subKind);
      if (message === undefined) throw new Fault("not-found", `${kind} ${name} is not found`);
      return decodeStored(kind, message);
    },
    create: (resource) => write("create", resource.kind, resource),
    upsert: (resource) => write("upsert", resource.kind, resource),
    update: (resource) => write("update", resource.kind, resource),
    async remove(kind, name) {
      await kinds[kind].remove(name);
    },
    async listDevices(): Promise<readonly Device[]> {
      const messages = await readPages((pageToken) =>
        devices
          .listDevices({ pageSize: devicePage, pageToken, view: DeviceView.LIST })
          .then((answer) => [answer.devices, answer.nextPageToken]),
      );
      // Rows are the server's own words, and not written back: nothing is held against a schema.
      return messages.map((message) => decodePlain("device", message) as unknown as Device);
    },
    async findDevices(idOrTag): Promise<readonly Device[]> {
      const answer = await devices.findDevices({ idOrTag });
      return answer.devices.map((device) => decodeStored("device", device));
    },
    syncDevices: (plan) => syncDevices(devices, plan),
    async createEnrollToken(deviceId, expires): Promise<EnrollToken> {
      const answer = await devices.createDeviceEnrollToken({
        deviceId,
        ...(expires !== undefined && { expireTime: timestampFromDate(expires) }),
      });
      return {
        token: answer.token,
        expires: answer.expireTime === undefined ? undefined : timestampDate(answer.expireTime),
      };
    },
    async createUserLink(Name, Type, ttlMs): Promise<UserLink> {
      const TTL = BigInt(Math.round(ttlMs)) * 1_000_000n;
      const answer = await auth.createResetPasswordToken({ Name, Type, TTL });
      const expires = answer.Metadata?.Expires;
      if (answer.Spec === undefined || expires === undefined) {
        throw new Fault("malformed", "the auth service answered a link without its URL or end");
      }
      return { url: answer.Spec.URL, expires: timestampDate(expires) };
    },
    async setPassword(user, password: Secret, totp) {
      const answer = await createClient(UserService, grpc).setPassword({
        user,
        password: password.reveal(),
        totp,
      });
      return answer.otpauthUrl === "" ? undefined : answer.otpauthUrl;
    },
    async explain(id): Promise<Refused> {
      const { event, devices } = await createClient(ExplainService, grpc).explain({ id });
      return {
        event: parseEvent(event),
        devices: devices.map(({ assetTag, osType, enrolled, lastAuthenticated: last }) => ({
          ...{ assetTag, osType, enrolled },
          lastAuthenticated: last && timestampDate(last),
        })),
      };
    },
    simulateDeviceTrust: ({ mode = "", role = "", posture }) => {
      const tried = { mode, role, posture: [...posture] };
      return readSimulation(createClient(ExplainService, grpc).simulateDeviceTrust(tried));
    },
    searchEvents: (query) => searchEvents(grpc, query),
  };
}

/**
 * A document of a stored message. One that does not pass today's checks is shown as it is: somebody must be able to
 * read what they are to mend.
 */
function decodeStored<K extends Kind>(kind: K, message: MessageOf<K>): ResourceOf[K] {
  try {
    return decodeResource(kind, message);
  } catch {
    return decodePlain(kind, message) as unknown as ResourceOf[K];
  }
}

function parseEvent(bytes: Uint8Array): AuditEvent {
  return JSON.parse(Buffer.from(bytes).toString("utf8")) as AuditEvent;
}

async function searchEvents(grpc: GrpcClient, query: EventQuery): Promise<readonly AuditEvent[]> {
  const audit = createClient(AuditService, grpc);
  const events: AuditEvent[] = [];
  let pageToken = "";
  do {
    const answer = await audit.searchEvents({
      kinds: [...query.kinds],
      user: query.user ?? "",
      device: query.device ?? "",
      ...(query.from !== undefined && { from: timestampFromDate(query.from) }),
      ...(query.to !== undefined && { to: timestampFromDate(query.to) }),
      limit: Math.min(eventPage, query.limit - events.length),
      pageToken,
      descending: true,
    });
    events.push(...answer.events.map(parseEvent));
    pageToken = answer.nextPageToken;
  } while (pageToken !== "" && events.length < query.limit);
  return events.slice(0, query.limit);
}

/** `sha256:<hex>` of the SubjectPublicKeyInfo of every certificate in a PEM text. */
function pinsOf(pem: string): readonly string[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => {
    const key = new X509Certificate(block).publicKey.export({ type: "spki", format: "der" });
    return `sha256:${createHash("sha256").update(key).digest("hex")}`;
  });
}
