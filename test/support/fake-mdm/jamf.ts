/** A simulated Jamf Pro: its computers-inventory, with the part of RSQL that our questions use. */
import type { FakeAnswer, FakeProduct, FakeRequest } from "./server.ts";

/** A computer as a test describes it. */
export interface FakeComputer {
  readonly id: string;
  readonly serial: string | null;
  readonly osVersion?: string;
  readonly managed?: boolean;
  readonly reportDate?: string;
  readonly user?: string;
}

/** What it accepts. */
export const jamfClient = { id: "client-1", secret: "s3cret-of-the-client" } as const;
export const jamfAccount = { name: "inventory", password: "p4ssword-of-the-account" } as const;

/** A tenant. `computers` may be changed at any time, also between two pages. */
export class FakeJamf implements FakeProduct {
  computers: FakeComputer[];

  constructor(computers: FakeComputer[] = []) {
    this.computers = computers;
  }

  answerToken(request: FakeRequest, issue: () => string, lifeMs: number): FakeAnswer | undefined {
    if (request.method !== "POST") return undefined;
    if (request.path === "/api/oauth/token") {
      const form = new URLSearchParams(request.body);
      const good =
        form.get("grant_type") === "client_credentials" &&
        form.get("client_id") === jamfClient.id &&
        form.get("client_secret") === jamfClient.secret;
      if (!good) return { status: 401, json: { error: "invalid_client" } };
      const json = { access_token: issue(), token_type: "Bearer", expires_in: lifeMs / 1000 };
      return { status: 200, json };
    }
    if (request.path === "/api/v1/auth/token") {
      const pair = Buffer.from(`${jamfAccount.name}:${jamfAccount.password}`).toString("base64");
      if (request.headers["authorization"] !== `Basic ${pair}`) return { status: 401 };
      const expires = new Date(Date.now() + lifeMs).toISOString();
      return { status: 200, json: { token: issue(), expires } };
    }
    return undefined;
  }

  answer({ method, path, query }: FakeRequest): FakeAnswer {
    if (method !== "GET" || path !== "/api/v1/computers-inventory") return { status: 404 };
    if (query.get("sort") !== "id:asc") return { status: 400 };
    const filter = query.get("filter") ?? "";
    const found = this.computers.filter(readFilter(filter));
    const size = Number(query.get("page-size"));
    const start = Number(query.get("page")) * size;
    const results = found.slice(start, start + size).map(describe);
    return { status: 200, json: { totalCount: found.length, results } };
  }
}

function describe(computer: FakeComputer): unknown {
  const { id, serial, osVersion = "15.1", managed = true, reportDate, user } = computer;
  return {
    id,
    udid: `UDID-${id}`,
    general: {
      name: `Mac ${id}`,
      reportDate: reportDate ?? "2026-11-20T08:00:00.000Z",
      jamfBinaryVersion: "11.10.1",
      remoteManagement: { managed },
    },
    hardware: { serialNumber: serial, modelIdentifier: "Mac15,3" },
    operatingSystem: { name: "macOS", version: osVersion, build: "24B83" },
    localUserAccounts: [{ uid: "501", username: user ?? "local", fullName: "Somebody" }],
    userAndLocation: { username: user ?? null, email: null },
  };
}

/** Conditions joined with ";", each possibly in parentheses: `a==b`, `a>="b"`, `a=in=("b","c")`. */
function readFilter(filter: string): (computer: FakeComputer) => boolean {
  const conditions = splitAnd(filter).map((part) => {
    if (part.startsWith("(") && part.endsWith(")")) return readFilter(part.slice(1, -1));
    const [, field = "", operator, value = ""] = /^([\w.]+)(==|>=|=in=)(.*)$/s.exec(part) ?? [];
    const read = fieldReader(field);
    const wanted = unquote(value);
    const set = new Set(value.slice(1, -1).split(",").map(unquote));
    if (operator === "==") return (computer: FakeComputer) => read(computer) === wanted;
    if (operator === "=in=") return (computer: FakeComputer) => set.has(read(computer));
    if (operator === ">=") {
      return (computer: FakeComputer) => Date.parse(read(computer)) >= Date.parse(wanted);
    }
    throw new Error(`the simulated Jamf Pro cannot read the filter ${part}`);
  });
  return (computer) => conditions.every((condition) => condition(computer));
}

function splitAnd(filter: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let part = "";
  for (const character of filter) {
    if (character === "(") depth++;
    if (character === ")") depth--;
    if (character === ";" && depth === 0) {
      parts.push(part);
      part = "";
    } else part += character;
  }
  return [...parts, part].filter((each) => each !== "");
}

const readers: Readonly<Record<string, (computer: FakeComputer) => string>> = {
  "general.remoteManagement.managed": ({ managed = true }) => String(managed),
  "general.reportDate": ({ reportDate = "2026-11-20T08:00:00.000Z" }) => reportDate,
  "hardware.serialNumber": ({ serial }) => serial ?? "",
};

function fieldReader(field: string): (computer: FakeComputer) => string {
  const read = readers[field];
  if (read === undefined) throw new Error(`the simulated Jamf Pro has no field ${field}`);
  return read;
}

function unquote(text: string): string {
  return text.replace(/^"(.*)"$/s, "$1").replace(/\\(.)/g, "$1");
}
