/** Opens a TPM and starts it where no kernel did. */
import { setTimeout as wait } from "node:timers/promises";
import { TpmClient, type TpmTransport, type Wait } from "#tpm/client.ts";
import { startUp } from "#tpm/commands/capabilities.ts";
import { isTpmFault, responseCode } from "#tpm/response-code.ts";
import { type OnTpmBusy, tellWhenBusy } from "./tpm-busy.ts";
import { isVirtual, type TpmSelection } from "./tpm-selection.ts";
import { openTpmTransport } from "./tpm-transport.ts";

/** How a TPM is reached; tests give their own ways. */
export interface TpmPort {
  /** Told when the TPM keeps us waiting. */
  readonly onBusy?: OnTpmBusy | undefined;
  readonly openTransport?: (selection: TpmSelection) => Promise<TpmTransport>;
  readonly wait?: Wait;
}

/** Opens it. Close it when done. Throws `environment` when there is none, or it may not be used, or it is busy. */
export async function openTpm(selection: TpmSelection, port: TpmPort = {}): Promise<TpmClient> {
  const { onBusy, openTransport = openTpmTransport, wait: sleep = (ms) => wait(ms) } = port;
  const transport = await openTransport(selection);
  const tpm = new TpmClient(onBusy ? tellWhenBusy(transport, onBusy) : transport, sleep);
  // The system starts a real TPM; a virtual one may still wait for it, and says so if not.
  if (isVirtual(selection)) {
    await tpm.run(startUp()).catch(async (error: unknown) => {
      if (isTpmFault(error, responseCode.initialize)) return;
      await tpm.close();
      throw error;
    });
  }
  return tpm;
}
