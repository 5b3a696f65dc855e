/** Firmware event logs: parsed, replayed and read for Secure Boot. */
import assert from "node:assert/strict";
import { concat } from "#base/bytes.ts";
import { parseEventLog } from "#tpm/event-log.ts";
import { findUnexplainedPcrs, isUnmeasured } from "#tpm/event-log-replay.ts";
import { readSecureBoot } from "#tpm/secure-boot.ts";
import { bootEvents, encodeEventLog, le32, specIdEvent } from "../../test/support/event-log.ts";
import { loadTpmVector } from "../../test/support/tpm-vectors.ts";
import type { Target } from "../target.ts";

const { pcrs } = loadTpmVector("rsa-two-banks").evidence;

export const eventLog: Target = {
  name: "event-log",
  maxLength: 1 << 20,
  dictionary: ["Spec ID Event03\0", "StartupLocality\0", le32(3), le32(0x80000001), le32(0)],
  open: () => ({
    seeds: [
      encodeEventLog(bootEvents(true)),
      encodeEventLog(bootEvents(false)),
      specIdEvent(),
      concat(le32(0), le32(8), new Uint8Array(20), le32(4), new Uint8Array(4)),
    ],
    run(input) {
      const events = parseEventLog(input);
      const unexplained = findUnexplainedPcrs(events, pcrs);
      assert.ok(unexplained.every((pcr, index) => pcr > (unexplained[index - 1] ?? -1)));
      isUnmeasured(pcrs);
      return `${readSecureBoot(events)} ${unexplained.length} ${Math.min(events.length, 3)}`;
    },
  }),
};
