/** One test for every message and payload: values and attacks are derived from its table. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { boolean, type Layout, nameList, rest, string, text, uint32, uint64 } from "#ssh/layout.ts";
import * as auth from "#ssh/messages/auth.ts";
import * as connection from "#ssh/messages/connection.ts";
import * as transport from "#ssh/messages/transport.ts";
import { attributes } from "#ssh/sftp/attributes.ts";
import * as sftp from "#ssh/sftp/messages.ts";

const bytes = fc.uint8Array({ maxLength: 20 });
const number = fc.integer({ min: 0, max: 0xffff_ffff });
const name = fc.string({ unit: "grapheme", maxLength: 10 });
const plain = { noNullPrototype: true };
const fileAttributes = fc.record(
  {
    size: fc.bigInt(0n, 2n ** 64n - 1n),
    owner: fc.record({ uid: number, gid: number }, plain),
    mode: number,
    times: fc.record({ accessed: number, modified: number }, plain),
  },
  { requiredKeys: [], noNullPrototype: true },
);

const generators = new Map<unknown, fc.Arbitrary<unknown>>([
  [boolean, fc.boolean()],
  [uint32, number],
  [uint64, fc.bigInt(0n, 2n ** 64n - 1n)],
  [string, bytes],
  [text, name],
  [rest, bytes],
  [nameList, fc.array(fc.stringMatching(/^[a-z0-9@.-]+$/), { maxLength: 4 })],
  [transport.kexInit.fields["cookie"], fc.uint8Array({ minLength: 16, maxLength: 16 })],
  [
    transport.extInfo.fields["extensions"],
    fc.array(fc.tuple(name, bytes), { maxLength: 4 }).map((entries) => new Map(entries)),
  ],
  [attributes, fileAttributes],
  [
    sftp.names.fields["entries"],
    fc.array(
      fc.record({ name, longname: name, attributes: fileAttributes }, { noNullPrototype: true }),
      { maxLength: 3 },
    ),
  ],
]);

const modules = { transport, auth, connection, sftp };
const layouts = Object.entries(modules).flatMap(([module, exported]) =>
  Object.entries(exported).map(
    ([key, layout]) => [`${module}.${key}`, layout as Layout<object>] as const,
  ),
);

test("there are as many messages as there are tests below", () => {
  assert.ok(layouts.length > 60, String(layouts.length));
});

for (const [key, layout] of layouts) {
  const values = fc.record(
    Object.fromEntries(
      Object.entries(layout.fields).map(([field, codec]) => {
        const generator = generators.get(codec);
        assert.ok(generator, `${key}.${field} has a generator`);
        return [field, generator];
      }),
    ),
  );
  const endsOpen = Object.values(layout.fields).at(-1) === rest;

  test(`${key}: what is encoded is decoded again`, () => {
    fc.assert(
      fc.property(values, (value) => {
        assert.deepEqual({ ...layout.decode(layout.encode(value)) }, { ...value });
      }),
      { numRuns: 30 },
    );
  });

  test(`${key}: short and long forms are refused`, () => {
    fc.assert(
      fc.property(values, (value) => {
        const encoded = layout.encode(value);
        const shortest = endsOpen
          ? layout.encode({ ...value, ...emptyRest(layout) }).length
          : encoded.length;
        for (let length = 0; length < shortest; length++) refuses(encoded.subarray(0, length));
        if (!endsOpen) refuses(concat(encoded, Uint8Array.of(0)));
      }),
      { numRuns: 10 },
    );
    function refuses(input: Uint8Array): void {
      assert.throws(
        () => layout.decode(input),
        (error) => isFault(error, "malformed"),
      );
    }
  });

  test(`${key}: any bytes are decoded or refused`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (input) => {
        const number = (layout as { number?: number }).number;
        try {
          layout.decode(number === undefined ? input : concat(Uint8Array.of(number), input));
        } catch (error) {
          assert.ok(isFault(error, "malformed"), String(error));
        }
      }),
      { numRuns: 30 },
    );
  });
}

function emptyRest(layout: Layout<object>): object {
  const last = Object.keys(layout.fields).at(-1) ?? "";
  return { [last]: new Uint8Array(0) };
}
