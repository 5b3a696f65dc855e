/**
 * What does not work between official programs and ours, each with its reason. A run fails when an item passes: then it is
 * no difference any more, and its line goes.
 */
import type { Sides } from "./official/programs.ts";

/** One item: the name of a step of `interop/official` or of a row of `interop/go`, and why it fails. */
export interface KnownDifference {
  readonly item: string;
  readonly reason: string;
}

const noSuchKind = "this cluster has nothing of the kind yet, and says so with UNIMPLEMENTED";
const noSecrets =
  "the client asks for secrets, which their own server also gives to nobody but its local administrator; ours keeps them " +
  "for itself altogether";

/** The official clients with our server. */
const withOurServer: readonly KnownDifference[] = [
  { item: "tsh request ls", reason: noSuchKind },
  { item: "tsh sessions ls", reason: "sessions are not shared yet: nobody can join another's" },
  { item: "tctl get connectors", reason: noSuchKind },
  { item: "tctl get trusted_cluster", reason: noSuchKind },
  { item: "tctl requests ls", reason: noSuchKind },
  { item: "tctl acl ls", reason: noSuchKind },
  { item: "tctl bots ls", reason: noSuchKind },
  { item: "tctl inventory ls", reason: noSuchKind },
  { item: "tctl recordings ls", reason: "sessions are not recorded yet" },
  { item: "tctl get all", reason: noSecrets },
  {
    item: "tctl edit user",
    reason: `${noSecrets}; "tctl create -f" and "tctl users update" work, and our own tctl edits users`,
  },
];

/** Items that fail for one reason. */
function itemsOf(reason: string, ...items: readonly string[]): readonly KnownDifference[] {
  return items.map((item) => ({ item, reason }));
}

/** What the official open-source server does not offer, whoever asks. */
const notOffered: readonly KnownDifference[] = [
  ...itemsOf(
    "not offered: Device Trust is not in their open edition, which answers UNIMPLEMENTED",
    "tctl get devices",
    "tctl get device/nope",
    "tctl devices ls",
    "tctl create device, and -f",
    "tctl edit device",
    "tctl rm device",
    "tctl devices add, ls, enroll and rm",
    "tsh device enroll with a bad token",
    "tsh device enroll --current-device",
    "the enrolled device in tctl devices ls and tctl get",
    "login with device extensions",
    "a role demands a device: refused without, admitted with",
    "the cluster demands a device: refused without, admitted with",
    "a lock on the device refuses it in the words of the public API",
    "tctl edit unenrolls a device: the next login has no extensions",
    "tsh device enroll --token refuses the key of somebody else, and takes a new one",
    "auto-enrollment of a registered device at login",
    "a device that is not registered is not enrolled by itself",
    "device trust off: login asks nothing of the TPM",
  ),
  ...itemsOf(
    "not offered: their server passes a signal on as exit status 255, without its name",
    "tsh ssh names the signal that ended a command",
  ),
];

/** What the official clients fail at with their own server. */
const control: readonly KnownDifference[] = [
  ...itemsOf("not offered: access lists are not in their open edition", "tctl acl ls"),
  ...itemsOf(
    "the client asks for secrets, which only the local administrator gets",
    "tctl get all",
    "tctl edit user",
  ),
  ...itemsOf(
    "the server's configuration file says that there is one port, and their tctl leaves alone what such a file says",
    "tctl create cluster_networking_config, and -f",
    "tctl edit cluster_networking_config",
    "tctl rm cluster_networking_config",
  ),
];

/** What our clients do not have, at whichever server. */
const notInOurs: readonly KnownDifference[] = [
  ...itemsOf(
    "our clients have no such command or kind yet",
    ...["tsh apps ls", "tsh request ls", "tsh sessions ls"],
    "tctl get remote_cluster",
    ...["tctl get app", "tctl get app_server"],
    ...["tctl get proxies", "tctl get auth_server", "tctl get connectors"],
    ...["tctl get trusted_cluster", "tctl db ls", "tctl kube ls", "tctl apps ls"],
    ...["tctl requests ls", "tctl acl ls", "tctl bots ls"],
    ...["tctl inventory ls", "tctl recordings ls", "tctl nodes add"],
    "tctl auth sign writes an identity file that tctl and tsh take",
  ),
  ...itemsOf(
    "ours reads the profile and asks nobody, so that it also answers without a network; alerts are shown at the login",
    "tsh status shows an alert",
  ),
  ...itemsOf(
    "ours has no jump hosts: a login has one proxy, and it is always on the way",
    "tsh ssh -J through the proxy",
  ),
];

/** What our clients fail at with the official server only. */
const atTheirs: readonly KnownDifference[] = [
  ...itemsOf(
    "their server masks the frames of its WebSocket and reads those of clients as if they were not masked, against RFC 6455 " +
      "section 5.1; the library that ours is built on refuses such frames",
    "everything through a connection upgrade: WebSocket",
    "everything through a connection upgrade: its older form",
    "everything through a connection upgrade: both on offer",
  ),
];

/** What became of an item: as expected or not. */
export type Verdict = "passes" | "differs" | "fails" | "passes, but is listed";

/** The items that are listed for a pair of clients and server. */
export function differencesOf({ client, server }: Sides): readonly KnownDifference[] {
  if (server === "ours") return client === "official" ? withOurServer : notInOurs;
  return [...notOffered, ...(client === "official" ? control : [...notInOurs, ...atTheirs])];
}

/** Judges an item by the list of its sides. */
export function judge(item: string, sides: Sides, passed: boolean): Verdict {
  const listed = differencesOf(sides).some((difference) => difference.item === item);
  if (passed) return listed ? "passes, but is listed" : "passes";
  return listed ? "differs" : "fails";
}
