/**
 * A double of the Kubernetes API server: HTTPS, who may do what, impersonation, and a record of every request that it saw.
 * Judged by kubectl itself; what it is not stands in README.md.
 */
import { mkdtempSync, rmSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { systemClock } from "#base/clock.ts";
import { systemRandom } from "#base/random.ts";
import { makeSelfSigned } from "../self-signed.ts";
import {
  type Answer,
  answerObjects,
  asksForTable,
  failure,
  isSelected,
  type ObjectRequest,
} from "./crud.ts";
import { discover } from "./discovery.ts";
import { ObjectStore, type WatchEvent } from "./objects.ts";
import { type ReadPath, readPath } from "./path.ts";
import { bodyAsJson } from "./protobuf.ts";
import { type Attributes, type Grant, mayDo, type Subject } from "./rbac.ts";
import { serveCommand, serveForward, startProgram } from "./streams.ts";
import { tableOf } from "./table.ts";

/** What the double saw of one request. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  /** Who authenticated, before impersonation. */
  readonly authenticated: string;
  readonly as: Subject | undefined;
  /** Who it was in the end. */
  readonly subject: Subject;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly verb: string;
  readonly resource: string;
  /** Status of the answer; undefined until there is one. */
  code?: number;
  body: string;
}

/** What the double is made of. */
export interface KubeDoubleOptions {
  readonly grants: readonly Grant[];
  /** Bearer tokens and who they are. */
  readonly tokens: Readonly<Record<string, Subject>>;
}

const mostBody = 3 << 20;

/** The right of the agent, as its ClusterRole would give it. */
export const agentGrant: Grant = {
  users: ["system:serviceaccount:gatehouse:agent"],
  verbs: ["impersonate"],
  resources: ["users", "groups"],
};

/** A running double. */
export class KubeDouble {
  readonly objects = new ObjectStore();
  readonly seen: SeenRequest[] = [];
  /** Lines that `logs` prints; more may be added while somebody follows. */
  readonly logs: string[] = [];
  /** Folder in which programs run. */
  readonly folder = mkdtempSync(join(tmpdir(), "gatehouse-kube-double-"));
  readonly #options: KubeDoubleOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();
  readonly #certificate = makeSelfSigned("localhost", systemClock, systemRandom);
  readonly #followers = new Set<() => void>();

  private constructor(options: KubeDoubleOptions) {
    this.#options = options;
    const { certificate: cert, privateKey: key } = this.#certificate;
    this.#server = createServer({ cert, key }, (request, response) => {
      void this.#answer(request, response);
    });
    this.#server.on("secureConnection", (socket: TLSSocket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    this.#server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
  }

  static async start(options: KubeDoubleOptions): Promise<KubeDouble> {
    const double = new KubeDouble(options);
    await new Promise<void>((resolve) => double.#server.listen(0, "127.0.0.1", resolve));
    return double;
  }

  get url(): string {
    return `https://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  /** PEM of the certificate to trust. */
  get authority(): string {
    return this.#certificate.certificate;
  }

  /** A kubeconfig that speaks with a token. */
  kubeconfig(token: string, context = "double"): string {
    return JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": context,
      clusters: [
        {
          name: context,
          cluster: {
            server: this.url,
            "certificate-authority-data": Buffer.from(this.authority).toString("base64"),
          },
        },
      ],
      users: [{ name: context, user: { token } }],
      contexts: [{ name: context, context: { cluster: context, user: context } }],
    });
  }

  /** Stores a pod. */
  addPod(namespace: string, name: string, labels: Record<string, string> = {}): void {
    this.objects.create("/pods", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace, labels },
      spec: { containers: [{ name: "main", image: "double" }] },
      status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
    });
  }

  log(line: string): void {
    this.logs.push(line);
    for (const write of this.#followers) write();
  }

  /** What was seen of a verb on a resource. */
  of(verb: string, resource: string): SeenRequest[] {
    return this.seen.filter((seen) => seen.verb === verb && seen.resource === resource);
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    if (typeof body !== "string") {
      send(response, body);
      return;
    }
    const { seen, asked, refusal } = this.#admit(request, body);
    response.once("finish", () => {
      seen.code = response.statusCode;
    });
    if (refusal === undefined) this.#serve(asked, { seen, response });
    else send(response, refusal);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { seen, asked, refusal } = this.#admit(request, "");
    socket.on("error", () => {});
    if (refusal !== undefined) {
      seen.code = refusal.code;
      const body = JSON.stringify(refusal.body);
      const lines = [
        `HTTP/1.1 ${refusal.code} Refused`,
        "Content-Type: application/json",
        `Content-Length: ${Buffer.byteLength(body)}`,
        "Connection: close",
      ];
      socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
      return;
    }
    seen.code = 101;
    const { subresource, query } = asked;
    if (subresource === "portforward") {
      serveForward(request, socket, head);
      return;
    }
    const command =
      subresource === "attach" ? ["sh", "-c", "echo attached; cat"] : query.getAll("command");
    serveCommand(request, socket, head, query, () => startProgram(command, this.folder));
  }

  /** Authenticates, impersonates and authorizes, in the order of a real server. */
  #admit(
    request: IncomingMessage,
    body: string,
  ): { seen: SeenRequest; asked: ObjectRequest; refusal: Answer | undefined } {
    const { method = "", url = "/", headers } = request;
    const { pathname, searchParams: query } = new URL(url, this.url);
    const read = readPath(method, pathname, query);
    const { tokens } = this.#options;
    const token = /^Bearer (.+)$/.exec(headers.authorization ?? "")?.[1] ?? "";
    const authenticated = Object.hasOwn(tokens, token) ? tokens[token] : undefined;
    const as = authenticated && impersonated(request);
    const { verb, resource } = read.attributes;
    const seen: SeenRequest = {
      ...{ method, path: url, headers, verb, resource, body, as },
      authenticated: authenticated?.user ?? "",
      subject: as ?? authenticated ?? { user: "system:anonymous", groups: [] },
    };
    this.seen.push(seen);
    const asked = { ...read, query, body, accept: headers.accept ?? "" };
    if (authenticated === undefined) {
      return { seen, asked, refusal: failure(401, "Unauthorized", "Unauthorized") };
    }
    const refusal =
      this.#refuseImpersonation(authenticated, as) ?? this.#refuse(as ?? authenticated, read);
    return { seen, asked, refusal };
  }

  #refuseImpersonation(who: Subject, as: Subject | undefined): Answer | undefined {
    if (as === undefined) return undefined;
    const wanted = [
      { resource: "users", name: as.user },
      ...as.groups.map((name) => ({ resource: "groups", name })),
    ];
    const asked = { verb: "impersonate", group: "", namespace: "" };
    const refused = wanted.find((what) => !mayDo(this.#options.grants, who, { ...asked, ...what }));
    if (refused === undefined) return undefined;
    const { resource, name } = refused;
    const what = `User "${who.user}" cannot impersonate resource "${resource}"`;
    return failure(403, "Forbidden", `${resource} "${name}" is forbidden: ${what}`);
  }

  #refuse(who: Subject, { attributes }: ReadPath): Answer | undefined {
    const { verb, group, resource, namespace } = attributes;
    // Everybody may discover, and ask what they may do.
    if (resource === "" || resource.startsWith("selfsubject")) return undefined;
    const inside = { user: who.user, groups: [...who.groups, "system:authenticated"] };
    if (mayDo(this.#options.grants, inside, attributes)) return undefined;
    const what = `User "${who.user}" cannot ${verb} resource "${resource}" in API group "${group}"`;
    return failure(
      403,
      "Forbidden",
      `${resource} is forbidden: ${what} in the namespace "${namespace}"`,
    );
  }

  #serve(
    request: ObjectRequest,
    { seen, response }: { seen: SeenRequest; response: ServerResponse },
  ): void {
    const { attributes, pathname, subresource } = request;
    if (attributes.resource === "selfsubjectaccessreviews") send(response, this.#review(seen));
    else if (attributes.resource === "") {
      const found = discover(pathname.replace(/\/$/, ""));
      send(response, found ? { code: 200, body: found } : failure(404, "NotFound", "not found"));
    } else if (subresource === "log") this.#logLines(request, response);
    else if (attributes.verb === "watch") this.#watch(request, response);
    else send(response, answerObjects(this.objects, request));
  }

  #watch(
    { attributes, accept, query, served: resource }: ObjectRequest,
    response: ServerResponse,
  ): void {
    const key = `${resource?.group}/${resource?.name}`;
    const { namespace } = attributes;
    const from = query.get("resourceVersion") ?? "";
    const since = Number(from === "" ? this.objects.version : from);
    const missed = this.objects.since(since);
    if (missed === undefined) {
      send(response, failure(410, "Expired", "too old resource version"));
      return;
    }
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    let columns = true;
    const tell = ({ type, resource: changed, object, version }: WatchEvent) => {
      const inside = namespace === "" || object.metadata.namespace === namespace;
      if (changed !== key || !inside || !isSelected(object, query)) return;
      const include = query.get("includeObject") ?? "Metadata";
      const shown = asksForTable(accept)
        ? tableOf([object], String(version), { columns, include })
        : object;
      columns = false;
      response.write(`${JSON.stringify({ type, object: shown })}\n`);
    };
    if (from === "" || from === "0") {
      for (const object of this.objects.list(key, namespace)) {
        tell({ type: "ADDED", resource: key, object, version: since });
      }
    }
    for (const event of missed) tell(event);
    response.once("close", this.objects.onChange(tell));
  }

  #logLines({ query }: ObjectRequest, response: ServerResponse): void {
    response.writeHead(200, { "content-type": "text/plain" });
    let sent = 0;
    const write = () => {
      for (; sent < this.logs.length; sent++) response.write(`${this.logs[sent]}\n`);
    };
    write();
    if (query.get("follow") !== "true") {
      response.end();
      return;
    }
    response.flushHeaders();
    this.#followers.add(write);
    response.once("close", () => this.#followers.delete(write));
  }

  /** What the person may do, by the same table. */
  #review(seen: SeenRequest): Answer {
    const review = JSON.parse(seen.body) as {
      spec: { resourceAttributes?: Partial<Attributes> & { subresource?: string } };
    };
    const asked = review.spec.resourceAttributes ?? {};
    const { verb = "", group = "", resource = "", subresource, namespace = "", name = "" } = asked;
    const part = subresource ? `${resource}/${subresource}` : resource;
    const allowed = mayDo(this.#options.grants, seen.subject, {
      verb,
      group,
      namespace,
      name,
      resource: part,
    });
    return { code: 201, body: { ...review, status: { allowed } } };
  }
}

/** The lines that say who to be; a group or more without a user is refused by a real server, and so it is here. */
function impersonated(request: IncomingMessage): Subject | undefined {
  const values = (name: string) => {
    const found: string[] = [];
    for (let at = 0; at < request.rawHeaders.length; at += 2) {
      if (request.rawHeaders[at]?.toLowerCase() === name)
        found.push(request.rawHeaders[at + 1] ?? "");
    }
    return found;
  };
  const users = values("impersonate-user");
  const groups = values("impersonate-group");
  if (users.length === 0 && groups.length === 0) return undefined;
  return { user: users.join(","), groups };
}

/** The body as JSON text, or what is wrong with it. */
async function readBody(request: IncomingMessage): Promise<string | Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > mostBody) return failure(413, "RequestEntityTooLarge", "the body is too large");
    chunks.push(chunk as Buffer);
  }
  const body = bodyAsJson(Buffer.concat(chunks));
  return body ?? failure(415, "UnsupportedMediaType", "the double cannot read this kind");
}

function send(response: ServerResponse, { code, body }: Answer): void {
  response.writeHead(code, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
