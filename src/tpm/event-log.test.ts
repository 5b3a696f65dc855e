import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, utf8 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import {
  bootEvents,
  digestsOf,
  encodeEventLog,
  le16,
  le32,
  specIdEvent,
  type TestEvent,
  uefiVariable,
} from "../../test/support/event-log.ts";
import { assertRefused } from "../../test/support/refusals.ts";
import { SimulatedTpm } from "../../test/support/simulated-tpm.ts";
import { algorithm } from "./constants.ts";
import { parseEventLog } from "./event-log.ts";
import { findUnexplainedPcrs, isUnmeasured } from "./event-log-replay.ts";
import { readSecureBoot } from "./secure-boot.ts";

const banks = [algorithm.sha1, algorithm.sha256];

/** The PCR values of a machine that measured these events. */
function measure(events: readonly TestEvent[]) {
  const tpm = new SimulatedTpm();
  for (const event of events) {
    if (event.type === 3) continue;
    for (const [hash, digest] of digestsOf(event)) tpm.extend(hash, event.pcr, digest);
  }
  return tpm.evidence(new Uint8Array(32), banks).pcrs;
}

const boot = bootEvents(true);
const log = encodeEventLog(boot);
const events = parseEventLog(log);
const logOf = (events: readonly TestEvent[]) => parseEventLog(encodeEventLog(events));
const secureBootOf = (events: readonly TestEvent[]) => readSecureBoot(logOf(events));

test("explains the PCRs of the boot that wrote the log, and reads Secure Boot as on", () => {
  const events = parseEventLog(log);
  assert.deepEqual(findUnexplainedPcrs(events, measure(boot)), []);
  assert.equal(readSecureBoot(events), "on");
  assert.equal(secureBootOf(bootEvents(false)), "off");
});

test("takes the SHA-256 bank alone: others can be extended by anybody where the firmware leaves them alone", () => {
  const spoil = (bank: number) =>
    measure(boot).map((pcr) =>
      pcr.hash === bank ? { ...pcr, digest: pcr.digest.toReversed() } : pcr,
    );
  assert.deepEqual(findUnexplainedPcrs(events, spoil(algorithm.sha1)), []);
  assert.deepEqual(findUnexplainedPcrs(events, spoil(algorithm.sha256)), [0, 1, 2, 3, 4, 5, 6, 7]);
  const sha1Only = measure(boot).filter(({ hash }) => hash === algorithm.sha1);
  assert.deepEqual(findUnexplainedPcrs(events, sha1Only), [0, 1, 2, 3, 4, 5, 6, 7]);
});

test("does not explain a PCR that an event without a SHA-256 digest extends", () => {
  const [first = assert.fail(), ...rest] = events;
  const digests = new Map([...first.digests].filter(([hash]) => hash === algorithm.sha1));
  assert.deepEqual(findUnexplainedPcrs([{ ...first, digests }, ...rest], measure(boot)), [0]);
});

test("explains PCR 5 when Windows read the log before its own start was in it", () => {
  const exit = (text: string) => ({ pcr: 5, type: 0x80000007, data: utf8(text) });
  const invoked = exit("Exit Boot Services Invocation");
  const succeeded = exit("Exit Boot Services Returned with Success");
  const failed = exit("Exit Boot Services Returned with Failure");
  for (const ends of [
    [invoked, succeeded],
    [invoked, failed],
    [invoked, failed, succeeded],
  ]) {
    assert.deepEqual(findUnexplainedPcrs(events, measure([...boot, ...ends])), []);
    assert.deepEqual(
      findUnexplainedPcrs(logOf([...boot, ...ends]), measure([...boot, ...ends])),
      [],
    );
  }
  for (const ends of [[succeeded], [succeeded, invoked], [invoked, succeeded, exit("more")]]) {
    assert.deepEqual(findUnexplainedPcrs(events, measure([...boot, ...ends])), [5]);
  }
  const elsewhere = { ...invoked, pcr: 4 };
  const pcrs = measure([...boot, elsewhere, { ...succeeded, pcr: 4 }]);
  assert.deepEqual(findUnexplainedPcrs(events, pcrs), [4]);
});

test("does not explain PCRs after an event was dropped, added, reordered or changed", () => {
  const pcrs = measure(boot);
  const [first = assert.fail(), second = assert.fail(), third = assert.fail(), ...rest] = boot;
  assert.deepEqual(findUnexplainedPcrs(logOf([second, third, ...rest]), pcrs), [0]);
  assert.deepEqual(findUnexplainedPcrs(logOf([first, ...boot]), pcrs), [0]);
  assert.deepEqual(findUnexplainedPcrs(logOf([first, third, second, ...rest]), pcrs), [7]);
  const forged = { ...second, data: uefiVariable("SecureBoot", Uint8Array.of(0)) };
  assert.deepEqual(findUnexplainedPcrs(logOf([first, forged, third, ...rest]), pcrs), [7]);
});

test("does not explain a firmware PCR that was extended without an event", () => {
  const pcrs = measure([...boot, { pcr: 6, type: 5, data: utf8("unlogged") }]);
  assert.deepEqual(findUnexplainedPcrs(parseEventLog(log), pcrs), [6]);
});

test("leaves PCRs above 7 to the operating system, also where the log begins them", () => {
  const stub = { pcr: 11, type: 0x0d, data: utf8("a kernel image") };
  const later = [10, 11].map((pcr) => ({ pcr, type: 5, data: utf8("measured by the system") }));
  const pcrs = measure([...boot, stub, ...later]);
  assert.deepEqual(findUnexplainedPcrs(logOf([...boot, stub]), pcrs), []);
});

test("does not extend for an informative event", () => {
  const note = { pcr: 0, type: 3, data: utf8("note") };
  assert.deepEqual(findUnexplainedPcrs(logOf([note, ...boot]), measure(boot)), []);
});

test("starts PCR 0 with the locality that the log announces", () => {
  const locality = { pcr: 0, type: 3, data: concat(utf8("StartupLocality\0"), Uint8Array.of(3)) };
  const tpm = new SimulatedTpm();
  tpm.pcrs.set(`${algorithm.sha256}:0`, new Uint8Array(32).with(31, 3));
  for (const event of boot) {
    for (const [hash, digest] of digestsOf(event)) tpm.extend(hash, event.pcr, digest);
  }
  const { pcrs } = tpm.evidence(new Uint8Array(32));
  assert.deepEqual(findUnexplainedPcrs(logOf([locality, ...boot]), pcrs), []);
  assert.deepEqual(findUnexplainedPcrs(logOf(boot), pcrs), [0]);
});

test("tells a TPM that measured nothing", () => {
  assert.equal(isUnmeasured(measure([])), true);
  assert.equal(isUnmeasured(measure(boot)), false);
});

test("reads the legacy form with SHA-1 digests only", () => {
  const digest = new Uint8Array(20).fill(5);
  const legacy = concat(le32(1), le32(5), digest, le32(2), utf8("ab"));
  const [event] = parseEventLog(legacy);
  assert.deepEqual([event?.pcr, event?.type, event?.data], [1, 5, utf8("ab")]);
  assert.deepEqual(event?.digests.get(algorithm.sha1), digest);
});

test("refuses a log that is cut short anywhere but between events", () => {
  let whole = 0;
  for (let length = 0; length < log.length; length++) {
    try {
      parseEventLog(log.subarray(0, length));
      whole += 1;
    } catch (error) {
      assert.ok(error instanceof Fault && error.audit["reason"] === "event_log");
    }
  }
  // Behind the first record and behind each event but the last.
  assert.equal(whole, boot.length);
});

test("refuses a log above its limits before reading it", () => {
  const data = new Uint8Array(1 << 20);
  const large = concat(le32(1), le32(5), new Uint8Array(20), le32(data.length), data);
  assertRefused("event_log_limit", () => parseEventLog(large));
  const event = concat(le32(1), le32(5), new Uint8Array(20), le32(0));
  const many = concat(...Array.from({ length: 16_385 }, () => event));
  assertRefused("event_log_limit", () => parseEventLog(many));
});

test("refuses a first record with no, too many, repeated or lying algorithms", () => {
  const seventeen = Array.from({ length: 17 }, (_, i) => [0x100 + i, 32] as const);
  assertRefused("event_log_limit", () => parseEventLog(specIdEvent([])));
  assertRefused("event_log_limit", () => parseEventLog(specIdEvent(seventeen)));
  const twice = [11, 32] as const;
  assertRefused("event_log", () => parseEventLog(specIdEvent([twice, twice])));
  assertRefused("event_log", () => parseEventLog(specIdEvent([[11, 20]])));
});

test("refuses a first record of another version, or with bytes left over", () => {
  // Header of 32 bytes, signature of 16, platform class of 4; then minor and major version.
  const first = specIdEvent();
  assertRefused("event_log", () => parseEventLog(first.with(52, 1)));
  assertRefused("event_log", () => parseEventLog(first.with(53, 1)));
  const longer = concat(first.with(28, (first[28] ?? 0) + 1), new Uint8Array(1));
  assertRefused("event_log", () => parseEventLog(longer));
});

test("refuses an event with an unknown or repeated digest or an impossible PCR", () => {
  const sha1 = concat(le16(4), new Uint8Array(20));
  const events = [
    concat(le32(0), le32(5), le32(1), le16(0x12), new Uint8Array(32), le32(0)),
    concat(le32(0), le32(5), le32(2), sha1, sha1, le32(0)),
    concat(le32(0), le32(5), le32(3), sha1, le32(0)),
    concat(le32(24), le32(5), le32(0), le32(0)),
  ];
  for (const event of events) {
    assertRefused("event_log", () => parseEventLog(concat(specIdEvent(), event)));
  }
});

test("refuses event data longer than the log", () => {
  const event = concat(le32(0), le32(5), le32(0), le32(0xffffffff));
  assertRefused("event_log", () => parseEventLog(concat(specIdEvent(), event)));
});

test("calls Secure Boot unclear when the data behind a digest was exchanged", () => {
  const events = boot.map((event) =>
    Buffer.from(event.data).includes(Buffer.from("SecureBoot", "utf16le"))
      ? { ...event, data: uefiVariable("SecureBoot", Uint8Array.of(1)), measured: utf8("other") }
      : event,
  );
  assert.equal(secureBootOf(events), "unclear");
});

test("calls Secure Boot unclear for an unknown event type, a debugger, or a second separator in PCR 7", () => {
  const more: TestEvent[] = [
    { pcr: 7, type: 2, data: utf8("unused") },
    { pcr: 7, type: 0x80000007, data: utf8("UEFI Debug Mode") },
    { pcr: 7, type: 4, data: new Uint8Array(4) },
  ];
  for (const event of more) assert.equal(secureBootOf([...boot, event]), "unclear");
});

test("calls Secure Boot unclear when a separator or an authority is not what was measured", () => {
  const change = (type: number, changed: Partial<TestEvent>) =>
    boot.map((event) =>
      event.pcr === 7 && event.type === type ? { ...event, ...changed } : event,
    );
  const separator = Uint8Array.of(0, 0, 0, 1);
  assert.equal(secureBootOf(change(4, { data: separator })), "unclear");
  assert.equal(secureBootOf(change(4, { measured: separator })), "unclear");
  assert.equal(secureBootOf(change(0x800000e0, { measured: separator })), "unclear");
});

/** What PCR 7 of a machine with Secure Boot off looks like when its owner extends it with a better boot afterwards. */
function secondBoot(retype: (event: TestEvent) => Partial<TestEvent>): TestEvent[] {
  const first = bootEvents(false).filter(({ pcr }) => pcr === 7);
  const better = bootEvents(true).filter(({ pcr }) => pcr === 7);
  return [...first.map((event) => ({ ...event, ...retype(event) })), ...better];
}

test("calls Secure Boot unclear when the events of a first boot are logged as something else", () => {
  const authority = { type: 0x800000e0 };
  const config = { type: 0x80000001 };
  const retypings = [
    () => ({}),
    () => authority,
    () => config,
    () => ({ type: 4 }),
    () => ({ type: 3 }),
    () => ({ type: 0x80000006 }),
    // A byte behind the data, which the leniency about authorities would pass over.
    ({ data }: TestEvent) => ({
      ...authority,
      data: concat(data, Uint8Array.of(0)),
      measured: data,
    }),
    ({ type }: TestEvent) => (type === 4 ? authority : {}),
  ];
  for (const [i, retype] of retypings.entries()) {
    assert.equal(secureBootOf(secondBoot(retype)), i === 4 ? "on" : "unclear", `retyping ${i}`);
  }
  // Only informative events extend nothing, so the replay does not explain that log.
  const hidden = [
    ...bootEvents(true).filter(({ pcr }) => pcr !== 7),
    ...secondBoot(() => ({ type: 3 })),
  ];
  const truth = [...bootEvents(true).filter(({ pcr }) => pcr !== 7), ...secondBoot(() => ({}))];
  assert.deepEqual(findUnexplainedPcrs(logOf(hidden), measure(truth)), [7]);
});

test("calls Secure Boot unclear when a variable about it is in another namespace", () => {
  const foreign = "00".repeat(16);
  const data = Uint8Array.of(1);
  for (const name of ["SecureBoot", "db"]) {
    const event = { pcr: 7, type: 0x80000001, data: uefiVariable(name, data, foreign) };
    const without = boot.filter(
      (each) => !Buffer.from(each.data).includes(Buffer.from(`${name}`, "utf16le")),
    );
    assert.equal(secureBootOf([event, ...without]), "unclear");
  }
  const authority = (namespace: string) => {
    return { pcr: 7, type: 0x800000e0, data: uefiVariable("MokList", data, namespace) };
  };
  assert.equal(secureBootOf([...boot, authority(foreign)]), "on");
  const state = { pcr: 7, type: 0x800000e0, data: uefiVariable("PK", data) };
  assert.equal(secureBootOf([...boot, state]), "unclear");
});

test("takes an authority that was measured without its last byte, as some firmware does", () => {
  const events = boot.map((event) =>
    event.type === 0x800000e0 ? { ...event, measured: event.data.subarray(0, -1) } : event,
  );
  assert.equal(secureBootOf(events), "on");
});

test("calls Secure Boot unclear when a variable is cut short, too long, or has bytes left over", () => {
  const whole = uefiVariable("SecureBoot", Uint8Array.of(1));
  const endless = whole.slice();
  endless.fill(0xff, 24, 32);
  const late = boot.filter(
    ({ data }) => !Buffer.from(data).includes(Buffer.from("SecureBoot", "utf16le")),
  );
  for (const data of [whole.slice(0, -1), concat(whole, new Uint8Array(1)), endless]) {
    assert.equal(secureBootOf([{ pcr: 7, type: 0x80000001, data }, ...late]), "unclear");
  }
  assert.equal(secureBootOf([{ pcr: 7, type: 0x80000001, data: whole }, ...late]), "on");
});

test("calls Secure Boot unclear when a variable comes twice, late, or not at all", () => {
  const flag = { pcr: 7, type: 0x80000001, data: uefiVariable("SecureBoot", Uint8Array.of(1)) };
  assert.equal(secureBootOf([flag, ...boot]), "unclear");
  assert.equal(
    secureBootOf([...boot, { ...flag, data: uefiVariable("late", flag.data) }]),
    "unclear",
  );
  assert.equal(secureBootOf([]), "unclear");
  assert.equal(secureBootOf(boot.filter(({ type }) => type !== 0x800000e0)), "unclear");
});

test("returns or throws a fault for any mutation of a log", () => {
  fc.assert(
    fc.property(fc.nat({ max: log.length - 1 }), fc.nat({ max: 255 }), (place, value) => {
      try {
        const events = parseEventLog(log.with(place, value));
        readSecureBoot(events);
        findUnexplainedPcrs(events, []);
        return true;
      } catch (error) {
        return error instanceof Fault;
      }
    }),
    { numRuns: 5000 },
  );
});
