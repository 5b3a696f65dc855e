/**
 * `kind: node`, version v2: a server that people reach over SSH. Nodes with an agent describe
 * themselves in heartbeats; servers that run OpenSSH (`sub_kind: openssh`) are described by an
 * administrator.
 */
import * as z from "zod";
import { dynamicLabels } from "./dynamic-labels.ts";
import { labels } from "./labels.ts";
import { metadataWithoutName } from "./metadata.ts";
import { rotation } from "./rotation.ts";
import { fallback, flag, oneOf, optional, text, textList } from "./scalar.ts";

/**
 * Strict schema of a node; its output is the canonical document. `metadata.name` is the host's
 * UUID.
 */
export const nodeSchema = z
  .strictObject({
    kind: z.literal("node"),
    sub_kind: optional(oneOf(["teleport", "openssh", "openssh-ec2-ice", ""])),
    version: fallback(oneOf(["v2"]), "v2"),
    metadata: metadataWithoutName,
    spec: z.strictObject({
      addr: optional(text),
      hostname: text,
      cmd_labels: optional(dynamicLabels),
      rotation: optional(rotation),
      use_tunnel: optional(flag),
      version: optional(text),
      peer_addr: optional(text),
      proxy_ids: optional(textList),
      public_addrs: optional(textList),
      cloud_metadata: optional(
        z.strictObject({
          aws: optional(
            z.strictObject({
              account_id: optional(text),
              instance_id: optional(text),
              region: optional(text),
              vpc_id: optional(text),
              integration: optional(text),
              subnet_id: optional(text),
            }),
          ),
        }),
      ),
      immutable_labels: optional(labels),
    }),
  })
  .superRefine((node, context) => {
    const agentless = node.sub_kind === "openssh" || node.sub_kind === "openssh-ec2-ice";
    if (!agentless) return;
    if ((node.spec.addr ?? "") === "") {
      context.addIssue({
        code: "custom",
        path: ["spec", "addr"],
        message: "is missing: a server without an agent needs an address",
        params: { suggestion: 'write "host:port", as in "10.0.0.5:22"' },
      });
    }
    if (node.spec.hostname.trim() === "") {
      context.addIssue({
        code: "custom",
        path: ["spec", "hostname"],
        message: "must not be empty",
      });
    }
  });

/** An SSH server as a canonical document. */
export type Node = z.output<typeof nodeSchema>;
