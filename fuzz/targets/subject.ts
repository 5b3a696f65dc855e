/** Identities in X.509 subjects: what is read can be written and read again. */
import assert from "node:assert/strict";
import { isFault } from "#base/fault.ts";
import { decodeDer } from "#der/reader.ts";
import { decodeSubject, encodeSubject } from "#identity/subject.ts";
import { decodeName, encodeName } from "#x509/name-der.ts";
import { fixtureTime, fixtureUser } from "../fixtures.ts";
import type { Target } from "../target.ts";

export const subject: Target = {
  name: "subject",
  maxLength: 60_000,
  dictionary: [
    "usage:kube",
    "usage:x",
    "-teleport-internal-join",
    "true",
    '{"a":["b"]}',
    "Proxy",
    "Admin",
  ],
  open: () => ({
    seeds: [
      encodeName(encodeSubject(fixtureUser)),
      encodeName(encodeSubject({ ...fixtureUser, usage: ["db"], disallowReissue: true })),
      encodeName(
        encodeSubject({
          kind: "system",
          hostId: "3a3ea7b5-0a3b-4f2d-8f8e-5d6a2f0a9c01",
          cluster: "example.com",
          systemRoles: ["Node", "Proxy"],
          expires: fixtureTime,
        }),
      ),
    ],
    run(input) {
      const name = decodeDer(input, decodeName);
      return ["user" as const, "host" as const].map((kind) => judge(name, kind)).join();
    },
  }),
};

function judge(name: ReturnType<typeof decodeName>, kind: "user" | "host"): string {
  let identity: ReturnType<typeof decodeSubject>;
  try {
    identity = decodeSubject(name, fixtureTime, kind);
  } catch (error) {
    if (!isFault(error)) throw error;
    return error.message.slice(0, 40);
  }
  assert.equal(identity.kind, kind === "user" ? "user" : "system");
  try {
    const again = decodeSubject(encodeSubject(identity), fixtureTime, kind);
    assert.deepEqual(again, identity, "an identity changes on its way");
  } catch (error) {
    // Not everything that is read would be issued: a user without roles, half a device.
    if (!isFault(error, "invalid")) throw error;
    return "not issuable";
  }
  return Object.keys(identity).length.toString();
}
