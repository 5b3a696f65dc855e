/** Tells when a TPM keeps its caller waiting. It may for a minute: other programs use it, or it makes a key. */
import type { TpmTransport } from "#tpm/client.ts";
import { responseCodeOf } from "#tpm/commands/command.ts";
import { retryDelayMs } from "#tpm/response-code.ts";

/** Called with true when a command has waited for a second, and with false once it is answered. */
export type OnTpmBusy = (busy: boolean) => void;

const noticeAfterMs = 1000;

/** The transport, which tells of every long wait. A command that the TPM asks to repeat goes on waiting. */
export function tellWhenBusy(transport: TpmTransport, onBusy: OnTpmBusy): TpmTransport {
  let timer: NodeJS.Timeout | undefined;
  let told = false;

  function wait(): void {
    timer ??= setTimeout(() => {
      told = true;
      onBusy(true);
    }, noticeAfterMs);
    timer.unref();
  }

  function settle(): void {
    clearTimeout(timer);
    timer = undefined;
    if (told) onBusy(false);
    told = false;
  }

  const endorsementPassword = transport.endorsementPassword?.bind(transport);
  return {
    ...(endorsementPassword && { endorsementPassword }),
    async transmit(command) {
      wait();
      let repeated = false;
      try {
        const answer = await transport.transmit(command);
        repeated = retryDelayMs(responseCodeOf(answer), 1) !== undefined;
        return answer;
      } finally {
        if (!repeated) settle();
      }
    },
    close() {
      settle();
      return transport.close();
    },
  };
}
