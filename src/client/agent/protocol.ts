/**
 * The agent's own protocol: one connection is one request. A request and its answer are frames of JSON (`frame.ts`), with
 * notices between them for callers that ask for notices;
 * after the answer to `dial` the connection carries the node's bytes, and after that to `login` the messages of an SSH
 * connection (`#ssh/relay`). Requests are checked field by field: a caller is the same user, but perhaps another version
 * of the program.
 */
import { Fault, type FaultCode, isFaultCode } from "#base/fault.ts";
import type { DatabaseRoute } from "#identity/identity.ts";
import type { DialTarget, ResourceQuery } from "../access.ts";

/** Requests that a caller may make. `host` names the login by its proxy. */
export type AgentRequest = Authorized & (ClusterRequest | ControlRequest);

/** What a login's cluster is asked. With `notices` the caller hears of waits before the answer. */
export type ClusterRequest = { readonly host: string; readonly notices: boolean } & (
  | { readonly op: "nodes" | "databases" | "kube-clusters"; readonly query: ResourceQuery }
  | { readonly op: "database"; readonly route: DatabaseRoute }
  | { readonly op: "kube" | "kube-credential"; readonly kubeCluster: string }
  | { readonly op: "dial" | "login"; readonly target: DialTarget }
  | { readonly op: "device" | "refresh" }
);

/** What the agent itself is asked. */
export type ControlRequest =
  | { readonly op: "forget"; readonly host: string }
  | { readonly op: "stop" };

interface Authorized {
  readonly token: string;
}

/** Sent before an answer while it waits: the agent's TPM is busy, or is not any more. */
export interface AgentNotice {
  readonly tpm_busy: boolean;
}

/** An answer: the result, or what went wrong in the product's own terms. */
export type AgentAnswer =
  | { readonly ok: true; readonly result: unknown }
  | {
      readonly ok: false;
      readonly code: FaultCode;
      readonly message: string;
      readonly hint?: string | undefined;
    };

/** Requests are small; answers hold whole listings. */
export const requestLimit = 256 * 1024;
export const answerLimit = 64 * 1024 * 1024;

/** Checks a request. Throws `malformed`. */
export function parseRequest(value: unknown): AgentRequest {
  const fields = record(value);
  const token = text(fields, "token", 200);
  const op = text(fields, "op", 20);
  switch (op) {
    case "stop":
      return { token, op };
    case "forget":
      return { token, op, host: text(fields, "host", 253) };
    case "device":
    case "refresh":
      return { token, op, ...parseCluster(fields) };
    case "database":
      return { token, op, ...parseCluster(fields), route: parseRoute(fields["route"]) };
    case "kube":
    case "kube-credential":
      return { token, op, ...parseCluster(fields), kubeCluster: text(fields, "kubeCluster", 300) };
    case "nodes":
    case "databases":
    case "kube-clusters":
      return { token, op, ...parseCluster(fields), query: parseQuery(fields["query"]) };
    case "dial":
    case "login":
      return { token, op, ...parseCluster(fields), target: parseTarget(fields["target"]) };
    default:
      throw new Fault("malformed", "the agent does not know this request");
  }
}

/** What came of a login to a node; without a fault the connection carries its messages from here on. */
export interface LoginAnswer {
  readonly banner: readonly string[];
  readonly fault?: Fault | undefined;
}

/** Checks the result of an answer to `login`. Throws `malformed`. */
export function parseLogin(result: unknown): LoginAnswer {
  const { banner, fault } = record(result);
  if (!Array.isArray(banner) || !banner.every((line) => typeof line === "string")) {
    throw badField("banner");
  }
  if (fault === undefined) return { banner };
  const { code, message } = record(fault);
  if (typeof code !== "string" || typeof message !== "string") throw badField("fault");
  return { banner, fault: new Fault(isFaultCode(code) ? code : "internal", message) };
}

/** The notice in a frame before the answer; undefined for the answer itself. */
export function findNotice(value: unknown): AgentNotice | undefined {
  const { tpm_busy } = record(value);
  return typeof tpm_busy === "boolean" ? { tpm_busy } : undefined;
}

/** Checks an answer and gives its result. Throws what the agent reported. */
export function parseAnswer(value: unknown): unknown {
  const fields = record(value);
  if (fields["ok"] === true) return fields["result"];
  const { code, message, hint } = fields;
  if (fields["ok"] !== false || typeof code !== "string" || typeof message !== "string") {
    throw new Fault("malformed", "the agent gave an answer of another form");
  }
  const known = isFaultCode(code) ? code : "internal";
  throw new Fault(known, message, typeof hint === "string" ? { hint } : {});
}

/** A caller of an earlier version says nothing of notices, and understands none. */
function parseCluster(fields: Record<string, unknown>): Pick<ClusterRequest, "host" | "notices"> {
  return { host: text(fields, "host", 253), notices: fields["notices"] === true };
}

function parseQuery(value: unknown): ResourceQuery {
  const fields = record(value);
  const labels = Object.entries(record(fields["labels"]));
  const search = fields["search"];
  if (!labels.every(([, label]) => typeof label === "string")) throw badField("labels");
  if (!Array.isArray(search) || !search.every((word) => typeof word === "string")) {
    throw badField("search");
  }
  return {
    labels: Object.fromEntries(labels) as Record<string, string>,
    predicate: text(fields, "predicate", 10_000),
    search,
  };
}

function parseRoute(value: unknown): DatabaseRoute {
  const fields = record(value);
  const roles = fields["roles"];
  if (!Array.isArray(roles) || !roles.every((role) => typeof role === "string")) {
    throw badField("roles");
  }
  return {
    serviceName: text(fields, "serviceName", 300),
    protocol: text(fields, "protocol", 30),
    username: text(fields, "username", 300),
    database: text(fields, "database", 300),
    roles,
  };
}

function parseTarget(value: unknown): DialTarget {
  const fields = record(value);
  const port = fields["port"];
  if (typeof port !== "number" || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw badField("port");
  }
  return { host: text(fields, "host", 300), port, login: text(fields, "login", 300) };
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Fault("malformed", "the agent expects an object");
  }
  return value as Record<string, unknown>;
}

function text(fields: Record<string, unknown>, name: string, limit: number): string {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (typeof value !== "string" || value.length > limit) throw badField(name);
  return value;
}

function badField(name: string): Fault {
  return new Fault("malformed", `the field ${name} of a request to the agent is wrong`);
}
