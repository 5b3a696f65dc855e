/**
 * What goes to the API server for an admitted request, and what has to be read of its body before: the name of an object
 * that is created, or what somebody asks about their own rights.
 */
import type { Readable } from "node:stream";
import { allowsObject, scopeOfCollection } from "#access/kubernetes-resources.ts";
import { Fault } from "#base/fault.ts";
import type { Admission } from "./admit.ts";
import { largestBody, type ReviewedAttributes, readObjectName, readReview } from "./body.ts";
import { type ClusterGrant, grantObject } from "./decide.ts";
import { jsonOnly, withNames } from "./filter.ts";
import { type HeaderList, requestHeaders } from "./headers.ts";
import { verbOfSubresource } from "./request.ts";

/** A request as it goes on. */
export interface PreparedCall {
  readonly path: string;
  readonly headers: HeaderList;
  /** The body where it was read; otherwise it goes on as it comes. */
  readonly body?: Buffer;
  /** The object's name, where the body said it. */
  readonly name?: string;
}

/** What becomes of a request: it goes on, or is answered here. */
export type Prepared =
  | { readonly type: "call"; readonly call: PreparedCall }
  | { readonly type: "answer"; readonly code: number; readonly object: object };

/** Prepares a request. Throws the refusal when what its body says is not allowed. */
export async function prepare(
  { request, grant, allowed }: Admission,
  { headers, body }: { readonly headers: HeaderList; readonly body: Readable },
): Promise<Prepared> {
  const { path } = request;
  const onward = requestHeaders(headers, grant.principal, undefined);
  switch (allowed.type) {
    case "as-it-is":
      return { type: "call", call: { path, headers: onward } };
    case "filtered":
      return { type: "call", call: { path: withNames(path), headers: readable(onward) } };
    case "named-in-body": {
      const bytes = await readBody(body);
      const name = readObjectName(bytes);
      if (name === "") throw unnamed();
      grantObject(grant.rules, { ...allowed.object, name });
      return {
        type: "call",
        call: { path, headers: withLength(onward, bytes), body: bytes, name },
      };
    }
    case "review": {
      const bytes = await readBody(body);
      const asked = readReview(bytes);
      if (asked !== undefined && !mayEver(grant, asked)) {
        return { type: "answer", code: 201, object: deniedReview(asked) };
      }
      return { type: "call", call: { path, headers: withLength(onward, bytes), body: bytes } };
    }
  }
}

/** An answer that a filter can read: JSON, not compressed. */
function readable(headers: HeaderList): HeaderList {
  const accept = headers.find(([name]) => name === "accept")?.[1];
  const rest = headers.filter(([name]) => name !== "accept" && name !== "accept-encoding");
  return [["accept", jsonOnly(accept)], ["accept-encoding", "identity"], ...rest];
}

function withLength(headers: HeaderList, { length }: Buffer): HeaderList {
  return [["content-length", String(length)], ...headers];
}

async function readBody(body: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largestBody) throw new Fault("too-large", "the body of the request is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The cluster makes up a name that no rule can be held against. */
function unnamed(): Fault {
  return new Fault("access-denied", "the object has no name, and only some names are allowed", {
    hint: "write metadata.name instead of metadata.generateName",
    audit: { check: "kubernetes-resources", rule: "allow.kubernetes_resources" },
  });
}

/** Whether our rules leave anything of what is asked about; the API server says the rest. */
function mayEver({ rules }: ClusterGrant, asked: ReviewedAttributes): boolean {
  const { group, resource, subresource, namespace, name } = asked;
  const verb = verbOfSubresource(resource, subresource) ?? asked.verb;
  const object = { verb, group, resource, namespace, name };
  return name === "" ? scopeOfCollection(rules, object) !== "none" : allowsObject(rules, object);
}

function deniedReview(resourceAttributes: ReviewedAttributes): object {
  return {
    kind: "SelfSubjectAccessReview",
    apiVersion: "authorization.k8s.io/v1",
    metadata: {},
    spec: { resourceAttributes },
    status: { allowed: false, denied: true, reason: "no role of the person allows this" },
  };
}
