/** The fields that the events of a login share, in the form of the public API. */
import { actorOf } from "#audit/actor.ts";
import { buffer } from "#base/bytes.ts";
import type { NodeContext } from "../context.ts";
import type { Login } from "./login.ts";

/** Fields about who and where. `addr.remote` is what the proxy says. */
export function loginFields({ identity, account }: Login, remote: string) {
  return {
    ...actorOf(identity),
    login: account,
    private_key_policy: identity.privateKeyPolicy,
    "addr.remote": remote,
  };
}

/** Fields about this server. */
export function serverFieldsOf(context: NodeContext) {
  const { id, hostname, labels } = context.server();
  return {
    namespace: "default",
    server_id: id,
    server_hostname: hostname,
    server_labels: labels,
    server_version: context.version,
  };
}

const longestText = 24_000;

/** A text as it stands in an event: what is too long is cut, and the event says so. */
export function clip(text: string): string {
  const bytes = Buffer.from(JSON.stringify(text));
  if (bytes.length <= longestText) return text;
  // Escapes make a text at most six times as long.
  const head = buffer(Buffer.from(text).subarray(0, longestText / 6)).toString();
  return `${head}… (cut, ${text.length} characters)`;
}
