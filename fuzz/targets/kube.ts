/**
 * What a Kubernetes agent reads of people and of API servers: request lines and headers, bodies in JSON and protobuf, lists
 * and watches that it filters. Nothing that is hidden gets through, whatever the shape of the answer.
 */
import assert from "node:assert/strict";
import type { KubernetesRules } from "#access/kubernetes-resources.ts";
import { readKubePath } from "#api/kube-path.ts";
import { utf8 } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { readObjectName, readReview } from "#kube/body.ts";
import { grantRequest } from "#kube/decide.ts";
import { filterOf } from "#kube/filter.ts";
import { answerHeaders, pairsOf, readUpgrade, readWish, requestHeaders } from "#kube/headers.ts";
import { readRequest } from "#kube/request.ts";
import { FrameBoundary } from "#kube/web-socket.ts";
import { type Target, textOf } from "../target.ts";

/** The rules of somebody without roles. */
const nothing: KubernetesRules = { allow: [], deny: [] };

/** Request lines and headers. */
export const kubeRequest: Target = {
  name: "kube-request",
  maxLength: 20_000,
  dictionary: [
    "/api/v1/",
    "namespaces/",
    "%2f",
    "..",
    "//",
    "?watch=1",
    "\nimpersonate-user: ",
    "/v1/teleport/",
  ],
  open: () => ({
    seeds: [
      "GET /api/v1/namespaces/web/pods/a/log?follow=true\naccept: */*\nimpersonate-group: a",
      "POST /apis/apps/v1/namespaces/web/deployments\nconnection: impersonate-user",
      "GET /v1/teleport/ZXhhbXBsZS5jb20/ZG91Ymxl/api/v1/watch/pods\nupgrade: websocket",
    ].map(utf8),
    run(input) {
      const [line = "", ...rest] = textOf(input).split("\n");
      const [method = "", target = ""] = line.split(" ");
      const headers = pairsOf(rest.flatMap((each) => each.split(": ", 2)));
      const wish = readWish(headers);
      const request = readRequest(method, readKubePath(target)?.rest ?? target);
      const onward = requestHeaders(headers, { user: "u", groups: [] }, undefined);
      const said = onward.filter(([name]) => name.startsWith("impersonate-"));
      assert.deepEqual(said, [["impersonate-user", "u"]]);
      assert.equal(readRequest(method, request.path).path, request.path);
      answerHeaders(headers);
      if (headers.some(([name]) => name === "upgrade")) readUpgrade(headers);
      let allowed = "none";
      try {
        const grant = { rules: nothing, principal: { user: "u", groups: [] }, roles: [] };
        allowed = grantRequest(grant, request).type;
      } catch (error) {
        if (!isFault(error, "access-denied")) throw error;
      }
      return `${request.kind} ${request.verb} ${allowed} ${wish.groups.length}`;
    },
  }),
};

/** Bodies of requests. */
export const kubeBody: Target = {
  name: "kube-body",
  maxLength: 20_000,
  dictionary: ['"metadata":{', '"name":"', "k8s\0", '"spec":{"resourceAttributes":{'],
  open: () => ({
    seeds: [
      utf8('{"kind":"Pod","metadata":{"name":"a"}}'),
      utf8('{"spec":{"resourceAttributes":{"verb":"get","resource":"pods"}}}'),
      Buffer.from("6b38730012070a050a0361626312", "hex"),
    ],
    run(input) {
      const name = readObjectName(input);
      return `${name.length > 0} ${readReview(input) !== undefined}`;
    },
  }),
};

/** Answers that are filtered, and the frames of a WebSocket. */
export const kubeAnswer: Target = {
  name: "kube-answer",
  maxLength: 20_000,
  dictionary: [
    '"items":[',
    '"rows":[',
    '"metadata":{"name":"',
    '{"type":"ADDED","object":',
    "SECRET",
  ],
  open: () => ({
    seeds: [
      '{"kind":"List","items":[{"metadata":{"name":"open"}},{"metadata":{"name":"SECRET"}}]}',
      '{"kind":"Table","rows":[{"cells":["SECRET"],"object":{"metadata":{"name":"SECRET"}}}]}',
      '{"type":"ADDED","object":{"metadata":{"name":"SECRET"}}}\n',
    ].map(utf8),
    async run(input) {
      new FrameBoundary().pass(input);
      const outcomes: string[] = [];
      for (const verb of ["list", "watch"] as const) {
        const filter = filterOf(verb, (_, name) => name === "open");
        let out = 0;
        filter.on("data", (chunk: Buffer) => {
          out += chunk.length;
        });
        outcomes.push(
          await new Promise<string>((resolve, reject) => {
            filter.once("error", (error) => (isFault(error) ? resolve(error.code) : reject(error)));
            filter.once("end", () => resolve(`passed ${out > 0}`));
            filter.end(Buffer.from(input));
          }),
        );
      }
      return outcomes.join(" ");
    },
  }),
};
