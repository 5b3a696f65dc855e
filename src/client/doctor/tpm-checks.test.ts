/** The doctor on TPMs that a test machine cannot have: each cause by itself, with its fix. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { TpmTransport } from "#tpm/client.ts";
import { bootEvents, encodeEventLog } from "../../../test/support/event-log.ts";
import type { TpmPort } from "../device/open-tpm.ts";
import { defaultTpm, type TpmSelection } from "../device/tpm-selection.ts";
import { openTpmTransport } from "../device/tpm-transport.ts";
import type { CheckResult } from "./check.ts";
import { checkTpm, type TpmChecksOptions } from "./tpm-checks.ts";

const folder = mkdtempSync(join(tmpdir(), "doctor-"));
after(() => rmSync(folder, { recursive: true }));

async function examine(changes: Partial<TpmChecksOptions>): Promise<Map<string, CheckResult>> {
  const results = new Map<string, CheckResult>();
  for await (const result of checkTpm({
    tpm: defaultTpm,
    keyFile: join(folder, "no-key.json"),
    random: (length) => new Uint8Array(length),
    ...changes,
  })) {
    results.set(result.name, result);
  }
  return results;
}

/** The TPM cannot be opened, with this system error. */
function failing(code: string): TpmPort {
  const open = () => Promise.reject(Object.assign(new Error(code), { code }));
  return { openTransport: (selection: TpmSelection) => openTpmTransport(selection, open) };
}

/** A TPM that answers every command with this code. */
function answering(code: number, tag = 0x8001): TpmPort & { closed: number } {
  const port = {
    closed: 0,
    wait: async () => {},
    async openTransport(): Promise<TpmTransport> {
      const answer = Buffer.alloc(10);
      answer.writeUInt16BE(tag, 0);
      answer.writeUInt32BE(10, 2);
      answer.writeUInt32BE(code, 6);
      return {
        transmit: async () => new Uint8Array(answer),
        async close() {
          port.closed++;
        },
      };
    },
  };
  return port;
}

const causes: readonly (readonly [string, TpmPort, RegExp, RegExp])[] = [
  ["a machine without a TPM", failing("ENOENT"), /has no TPM 2\.0/, /firmware setup/],
  ["no permission", failing("EACCES"), /you may not use the TPM/, /usermod -aG tss .*udev rule/],
  ["a TPM that another program holds", failing("EBUSY"), /another program holds/, /tpmrm0/],
  ["a driver that fails", failing("EIO"), /cannot be opened/, /driver is loaded/],
  ["a TPM that stays busy", answering(0x922), /RETRY/, /busy: try again/],
  ["a TPM that is switched off", answering(0x120), /DISABLED/, /switch the TPM on/],
  ["a TPM that was not started", answering(0x100), /INITIALIZE/, /restart the machine/],
  ["a TPM that failed its own test", answering(0x101), /FAILURE/, /defective/],
  ["a TPM 1.2", answering(0x1e, 0xc4), /BAD_TAG/, /TPM 1\.2/],
];

for (const [name, port, message, hint] of causes) {
  test(`${name} is told with its fix, and the checks that need a TPM are skipped`, async () => {
    const results = await examine({ port });
    const tpm = results.get("TPM");
    assert.equal(tpm?.outcome, "problem");
    assert.match(tpm.message, message);
    assert.match(tpm.hint ?? "", hint);
    for (const other of ["PCR banks", "TPM hierarchies", "device key", "event log"]) {
      assert.equal(results.get(other)?.outcome, "skipped", other);
    }
    if ("closed" in port) assert.equal(port.closed, 1, "the TPM was left open");
  });
}

test("a key file that is damaged is a problem also without a TPM", async () => {
  const keyFile = join(folder, "damaged.json");
  writeFileSync(keyFile, "{}");
  const key = (await examine({ keyFile, port: failing("ENOENT") })).get("device key");
  assert.deepEqual(
    [key?.outcome, key?.message],
    ["problem", `the device key file ${keyFile} is damaged`],
  );
  assert.match(key?.hint ?? "", /^remove it and enroll again: rm /);
});

test("a key file that cannot be read is told with the command that shows why", async () => {
  const key = (await examine({ keyFile: folder, port: failing("ENOENT") })).get("device key");
  assert.equal(key?.outcome, "problem");
  assert.match(key.hint ?? "", /^check that you own it: ls -l /);
});

/** A TPM that lists no PCR bank and no handle, and refuses everything else. */
function almostEmpty(): TpmPort {
  return {
    async openTransport() {
      return {
        async transmit(command) {
          const view = new DataView(command.buffer, command.byteOffset);
          if (view.getUint32(6) !== 0x17a)
            return Uint8Array.of(0x80, 1, 0, 0, 0, 10, 0, 0, 0, 0x85);
          const answer = Buffer.alloc(19);
          answer.writeUInt16BE(0x8001, 0);
          answer.writeUInt32BE(19, 2);
          answer.writeUInt32BE(view.getUint32(10), 11);
          return new Uint8Array(answer);
        },
        async close() {},
      };
    },
  };
}

const noLog = (code: string) => () => Promise.reject(Object.assign(new Error(code), { code }));

test("an event log that may not be read is a problem; one that is not there is none", async () => {
  const look = async (readLog: NonNullable<TpmChecksOptions["readLog"]>) =>
    (await examine({ port: almostEmpty(), readLog })).get("event log");
  const forbidden = await look(noLog("EACCES"));
  assert.equal(forbidden?.outcome, "problem");
  assert.match(forbidden.message, /^you may not read the event log/);
  assert.match(forbidden.hint ?? "", /chgrp tss .*tmpfiles\.d/);
  const absent = await look(noLog("ENOENT"));
  assert.equal(absent?.outcome, "skipped");
  assert.match(absent.hint ?? "", /mount -t securityfs/);
  const empty = await look(async () => new Uint8Array(0));
  assert.deepEqual([empty?.outcome, /is empty/.test(empty?.message ?? "")], ["skipped", true]);
  const odd = await look(async () => new Uint8Array(300));
  assert.equal(odd?.outcome, "problem");
  assert.match(odd.message, /cannot be understood \(300 bytes\)/);
  const log = encodeEventLog(bootEvents(true));
  const whole = await look(async () => log);
  assert.equal(whole?.outcome, "ok");
  assert.match(whole.message, new RegExp(`^${log.length} bytes, \\d+ events$`));
});

test("PCR banks and hierarchies that are off are told apart from a TPM that does not work", async () => {
  const results = await examine({ port: almostEmpty(), readLog: noLog("ENOENT") });
  assert.equal(results.get("TPM")?.outcome, "ok");
  assert.match(results.get("PCR banks")?.message ?? "", /SHA-256 PCR bank of this TPM is off/);
  assert.match(results.get("TPM hierarchies")?.message ?? "", /HIERARCHY/);
  assert.match(results.get("TPM hierarchies")?.hint ?? "", /hierarchies on in the firmware setup/);
});
