import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { defaultSizes, largestTransfer, offersLimits, sizesOf } from "#ssh/sftp/limits.ts";
import { limits } from "#ssh/sftp/messages.ts";
import { Writer } from "#ssh/wire.ts";

const extensions = (...names: string[]): Uint8Array => {
  const writer = new Writer();
  for (const name of names) writer.string(name).string("1");
  return writer.done();
};
const answer = (packet: bigint, read: bigint, write: bigint): Uint8Array =>
  limits.encode({ packet, read, write, handles: 0n });

test("finds the extension among others", () => {
  assert.equal(offersLimits(extensions()), false);
  assert.equal(offersLimits(extensions("statvfs@openssh.com")), false);
  assert.equal(offersLimits(extensions("statvfs@openssh.com", "limits@openssh.com")), true);
});

test("extensions that end too early are malformed", () => {
  const cut = extensions("limits@openssh.com").subarray(0, -1);
  assert.throws(
    () => offersLimits(cut),
    (error) => isFault(error, "malformed"),
  );
});

test("takes what OpenSSH says", () => {
  const openssh = answer(262_144n, 261_120n, 261_120n);
  assert.deepEqual(sizesOf(openssh), { read: 261_120, write: 261_120 });
});

test("a server that promises more than a packet of ours may have is asked for less", () => {
  const most = 2n ** 64n - 1n;
  assert.deepEqual(sizesOf(answer(most, most, most)), {
    read: largestTransfer,
    write: largestTransfer,
  });
});

test("reading and writing may differ, and both fit into a packet", () => {
  assert.deepEqual(sizesOf(answer(0n, 65_536n, 40_000n)), { read: 65_536, write: 40_000 });
  assert.deepEqual(sizesOf(answer(50_000n, 65_536n, 40_000n)), { read: 48_976, write: 40_000 });
});

for (const [what, sizes] of Object.entries({
  "nothing at all": answer(0n, 0n, 0n),
  "one byte": answer(0n, 1n, 1n),
  "packets smaller than their head": answer(10n, 65_536n, 65_536n),
})) {
  test(`a server that allows ${what} is asked for what every server takes`, () => {
    assert.deepEqual(sizesOf(sizes), defaultSizes);
  });
}
