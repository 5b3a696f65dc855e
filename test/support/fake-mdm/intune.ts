/** A simulated Microsoft Graph with the managed devices of one tenant. */
import type { FakeAnswer, FakeProduct, FakeRequest } from "./server.ts";

/** A device as a test describes it; fields as Graph has them. */
export interface FakeManagedDevice {
  readonly id: string;
  readonly serialNumber: string | null;
  readonly operatingSystem?: string;
  readonly osVersion?: string;
  readonly deviceRegistrationState?: string;
  readonly lastSyncDateTime?: string;
  readonly userPrincipalName?: string;
  readonly model?: string;
}

/** What it accepts. */
export const intuneClient = {
  tenant: "example.onmicrosoft.com",
  id: "application-1",
  secret: "s3cret-of-the-application",
} as const;

const usual = {
  operatingSystem: "Windows",
  osVersion: "10.0.22621.2428",
  deviceRegistrationState: "registered",
  lastSyncDateTime: "2026-11-20T08:00:00Z",
  model: "ThinkPad X1",
};

/** A tenant. `devices` may be changed at any time. */
export class FakeIntune implements FakeProduct {
  devices: FakeManagedDevice[];
  /** Where the pages say that the next one is; the server's own origin. */
  origin = "";

  constructor(devices: FakeManagedDevice[] = []) {
    this.devices = devices;
  }

  answerToken(request: FakeRequest, issue: () => string, lifeMs: number): FakeAnswer | undefined {
    if (request.method !== "POST") return undefined;
    if (request.path !== `/${intuneClient.tenant}/oauth2/v2.0/token`) return { status: 404 };
    const form = new URLSearchParams(request.body);
    const good =
      form.get("grant_type") === "client_credentials" &&
      form.get("client_id") === intuneClient.id &&
      form.get("client_secret") === intuneClient.secret &&
      form.get("scope")?.endsWith("/.default");
    if (!good) return { status: 401, json: { error: "invalid_client" } };
    return { status: 200, json: { access_token: issue(), expires_in: lifeMs / 1000 } };
  }

  answer({ method, path, query }: FakeRequest): FakeAnswer {
    if (method !== "GET" || path !== "/v1.0/deviceManagement/managedDevices") {
      return { status: 404 };
    }
    const filter = query.get("$filter") ?? "";
    const all = this.devices.map((device) => ({ ...usual, ...device }));
    const found = all.filter((device) => matches(filter, device));
    const size = Number(query.get("$top"));
    const start = Number(query.get("$skiptoken") ?? 0);
    const next = new URLSearchParams(query);
    next.set("$skiptoken", String(start + size));
    const more = start + size < found.length;
    return {
      status: 200,
      json: {
        value: found.slice(start, start + size),
        ...(more ? { "@odata.nextLink": `${this.origin}${path}?${next}` } : {}),
      },
    };
  }
}

/** `lastSyncDateTime ge T` and `serialNumber eq 'S'`, joined with " and ", each possibly in parentheses. */
function matches(filter: string, device: FakeManagedDevice): boolean {
  if (filter === "") return true;
  return filter.split(" and ").every((part) => {
    const condition = part.replace(/^\((.*)\)$/, "$1");
    const [, since] = /^lastSyncDateTime ge (\S+)$/.exec(condition) ?? [];
    if (since !== undefined) return Date.parse(device.lastSyncDateTime ?? "") >= Date.parse(since);
    const [, serial] = /^serialNumber eq '(.*)'$/.exec(condition) ?? [];
    if (serial !== undefined) return device.serialNumber === serial.replaceAll("''", "'");
    throw new Error(`the simulated Microsoft Graph cannot read the filter ${condition}`);
  });
}
