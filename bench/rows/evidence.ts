/**
 * TPM evidence as the server judges it, from the bytes of the message to the verdict: genuine evidence per second of one
 * core, and what the costliest of hostile messages of 64 KiB takes. Simulated TPMs make both; the server's side is real.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { concat, utf8 } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";
import {
  type AuthenticationState,
  beginAuthentication,
  finishAuthentication,
} from "#devicetrust/authentication.ts";
import type { PlatformParameters } from "#devicetrust/messages.ts";
import { AuthenticateDeviceRequestSchema } from "#gen/teleport/devicetrust/v1/authenticate_pb.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { algorithm } from "#tpm/constants.ts";
import { readAuthenticateResponse } from "../../src/auth/devices/messages.ts";
import {
  collectedData,
  enrollDevice,
  loginKeys,
  openPolicy,
  recordOf,
  testNow,
} from "../../test/support/device-ceremony.ts";
import { bootEvents, le32, type TestEvent, uefiVariable } from "../../test/support/event-log.ts";
import { SimulatedTpmDevice, toPlatformParameters } from "../../test/support/simulated-devices.ts";
import type { SimulatedTpmOptions } from "../../test/support/simulated-tpm.ts";
import { median } from "../measure.ts";
import type { Row } from "../row.ts";

const messageBytes = 64 * 1024;
const rounds = 7;
const perRound = 200;
const hostileRounds = 21;

const { measured_boot: measuredBoot } = parseResourceOf("attestation_policy", {
  kind: "attestation_policy",
  spec: {
    measured_boot: [
      { name: "all", event_log: true, secure_boot: true, mode: "enforce" },
      { name: "firmware", unchanged_pcrs: [0, 7], allowed_firmware: [{ version: "firmware*" }] },
    ],
  },
}).spec;
const policy = { ...openPolicy, measuredBoot };

/** A boot as laptops log it: a hundred events, 40 KiB. */
const laptopBoot: readonly TestEvent[] = [
  ...bootEvents(true),
  ...Array.from({ length: 84 }, (_, i) => {
    return { pcr: i % 6, type: 0x80000006, data: new Uint8Array(400).fill(i) };
  }),
];

/** An enrolled device on a simulated TPM. */
class BenchDevice {
  readonly device: SimulatedTpmDevice;
  readonly #record: Awaited<ReturnType<typeof enrollDevice>>;
  readonly #keys = loginKeys();

  private constructor(
    device: SimulatedTpmDevice,
    record: Awaited<ReturnType<typeof enrollDevice>>,
  ) {
    this.device = device;
    this.#record = record;
  }

  static async enroll(options: SimulatedTpmOptions): Promise<BenchDevice> {
    const device = new SimulatedTpmDevice("linux", options);
    device.boot(laptopBoot);
    return new BenchDevice(device, await enrollDevice(device));
  }

  /** The ceremony up to the challenge. */
  begin(): { readonly nonce: Uint8Array; readonly state: AuthenticationState } {
    const { credential, boot } = this.#record;
    const { challenge, state } = beginAuthentication(
      { credentialId: credential.id, deviceData: collectedData() },
      {
        now: testNow,
        random: systemRandom,
        device: { ...recordOf(this.#record), baseline: boot?.facts.pcrs },
        channelKey: this.#keys.channelKey,
        policy,
      },
    );
    if (challenge.kind !== "tpm") throw new Error("the simulated device has no TPM");
    return { nonce: challenge.attestationNonce, state };
  }

  /** What an honest device sends. */
  honest(nonce: Uint8Array): PlatformParameters {
    const evidence = this.device.tpm.evidence(nonce, [algorithm.sha1, algorithm.sha256]);
    return { ...toPlatformParameters(evidence), eventLog: this.device.eventLog };
  }
}

/** Rows of both kinds of keys, and the hostile one. */
export async function measureEvidence(): Promise<Row[]> {
  const rsa = await BenchDevice.enroll({ kind: "rsa" });
  const ecc = await BenchDevice.enroll({ kind: "ecc" });
  const large = await BenchDevice.enroll({ kind: "rsa", keyBits: 4096 });
  const goal = { at: "least", limit: 1500 } as const;
  const [keyOfOfficial, keyOfOurs] = [verifiedPerSecond(rsa), verifiedPerSecond(ecc)];
  const costs = hostileMessages(large).map((make) => hostileCost(large, make));
  return [
    { what: "TPM evidence of an RSA-2048 key, verified", unit: "/s", ours: keyOfOfficial, goal },
    { what: "TPM evidence of a P-256 key, verified", unit: "/s", ours: keyOfOurs, goal },
    {
      what: `CPU for 64 KiB of hostile evidence, worst of ${costs.length} kinds`,
      unit: "ms",
      ours: Math.max(...costs),
      goal: { at: "most", limit: 5 },
    },
  ];
}

function verifiedPerSecond(device: BenchDevice): number {
  const rates = Array.from({ length: rounds + 1 }, () => {
    const prepared = Array.from({ length: perRound }, () => {
      const { nonce, state } = device.begin();
      return { state, message: encode(device.honest(nonce)) };
    });
    const before = process.cpuUsage();
    for (const { state, message } of prepared) judge(state, message);
    return (perRound * 1000) / cpuMsSince(before);
  });
  return median(rates.slice(1));
}

/** Median milliseconds of processor time, after as many rounds that do not count. */
function hostileCost(device: BenchDevice, make: (nonce: Uint8Array) => Uint8Array): number {
  const times = Array.from({ length: 2 * hostileRounds }, () => {
    const { nonce, state } = device.begin();
    const message = make(nonce);
    if (message.length > messageBytes) throw new Error("the hostile message is too large");
    const before = process.cpuUsage();
    let accepted = true;
    try {
      judge(state, message);
    } catch (error) {
      if (!isFault(error)) throw error;
      accepted = false;
    }
    const ms = cpuMsSince(before);
    if (accepted) throw new Error("hostile evidence was accepted");
    return ms;
  });
  return median(times.slice(hostileRounds));
}

function judge(state: AuthenticationState, message: Uint8Array): void {
  const response = readAuthenticateResponse(fromBinary(AuthenticateDeviceRequestSchema, message));
  finishAuthentication(state, response, { now: testNow, sshKey: undefined });
}

function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function encode(platformParameters: PlatformParameters): Uint8Array {
  const { quotes, pcrs, eventLog } = platformParameters;
  return toBinary(
    AuthenticateDeviceRequestSchema,
    create(AuthenticateDeviceRequestSchema, {
      payload: {
        case: "tpmChallengeResponse",
        value: { platformParameters: { quotes: [...quotes], pcrs: [...pcrs], eventLog } },
      },
    }),
  );
}

/** Messages that are made to cost. Their quotes are genuine where that lets the rest be looked at. */
function hostileMessages(device: BenchDevice): readonly ((nonce: Uint8Array) => Uint8Array)[] {
  const header = device.device.eventLog.subarray(0, 69);
  const none = new Uint8Array(0);
  /** Honest but for its log, which is as many of the event as there is room for. */
  const logOf = (head: Uint8Array, event: Uint8Array) => (nonce: Uint8Array) => {
    const honest = device.honest(nonce);
    const room = messageBytes - encode({ ...honest, eventLog: none }).length - head.length - 16;
    const events = Array.from({ length: Math.floor(room / event.length) }, () => event);
    return encode({ ...honest, eventLog: concat(head, ...events) });
  };
  const logged = (pcr: number, type: number, data: Uint8Array) => {
    const banks = concat(Uint8Array.of(4, 0), new Uint8Array(20), Uint8Array.of(11, 0));
    const digests = concat(le32(2), banks, new Uint8Array(32));
    return concat(le32(pcr), le32(type), digests, le32(data.length), data);
  };
  const empty = (field: number) => {
    const entries = Array.from({ length: 32_000 }, () => Uint8Array.of((field << 3) | 2, 0));
    return wrap(3, wrap(1, concat(...entries)));
  };
  return [
    // The smallest events of the older form, and of the newer one with no digest and with two.
    logOf(none, concat(le32(7), le32(5), new Uint8Array(20), le32(0))),
    logOf(header, concat(le32(7), le32(5), le32(0), le32(0))),
    logOf(header, logged(0, 5, none)),
    // Variables about Secure Boot, and one event with all the data.
    logOf(header, logged(7, 0x80000001, uefiVariable("SecureBoot", Uint8Array.of(1)))),
    logOf(header, logged(0, 8, utf8("v".repeat(45_000)))),
    // As many signatures as are looked at, and one that is long.
    (nonce) => {
      const { quotes, pcrs } = device.honest(nonce);
      const eight = [quotes, quotes, quotes, quotes].flat();
      return encode({ quotes: eight, pcrs, eventLog: none });
    },
    (nonce) => {
      const { quotes, pcrs } = device.honest(nonce);
      const signature = new Uint8Array(messageBytes - 8192);
      const long = quotes.slice(0, 1).map(({ quote }) => ({ quote, signature }));
      return encode({ quotes: long, pcrs, eventLog: none });
    },
    // Thousands of empty quotes, and of empty PCR values.
    () => empty(1),
    () => empty(2),
  ];
}

/** A field of the wire format with its length. */
function wrap(field: number, content: Uint8Array): Uint8Array {
  const length: number[] = [];
  for (let left = content.length; ; left >>>= 7) {
    length.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    if (left <= 0x7f) break;
  }
  return concat(Uint8Array.of((field << 3) | 2, ...length), content);
}
