/**
 * Refusals at the proxy's doors. Each is an audit event before the person hears of it, and its hint ends with the id of
 * that event, as for refusals of the auth service. A refusal stands when the log cannot be reached; it then has no id.
 */
import { createClient, type GrpcClient } from "#api/grpc/client.ts";
import type { Peer } from "#api/peer.ts";
import { actorOf } from "#audit/actor.ts";
import { createEvent } from "#audit/create.ts";
import { explainHint, refusalFields } from "#audit/refusal.ts";
import { utf8 } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import type { Fault } from "#base/fault.ts";
import type { Logger } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import { AgentService } from "#gen/gatehouse/v1/agent_pb.ts";

/** What the log of refusals is made of. */
export interface DenialLogOptions {
  /** Reaches auth as a proxy. */
  readonly client: GrpcClient;
  readonly clusterName: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** How long a person who was refused waits for the audit log. */
const recordTimeoutMs = 2000;

/** Writes refusals down. */
export class DenialLog {
  readonly #options: DenialLogOptions;
  readonly #agents;

  constructor(options: DenialLogOptions) {
    this.#options = options;
    this.#agents = createClient(AgentService, options.client);
  }

  /**
   * The hint for somebody who was refused, with the way to the whole reason. `way` names the door or the call. Strangers,
   * and faults that are no decision about access, get the hint that there was. Never throws.
   */
  async explain(
    { identity, address }: Peer,
    way: string,
    { message, hint, audit = {} }: Pick<Fault, "message"> & Partial<Pick<Fault, "hint" | "audit">>,
  ): Promise<string | undefined> {
    const refusal = refusalFields({ audit, hint });
    if (!identity || refusal.refusal === undefined) return hint;
    const { clusterName, clock, random, logger } = this.#options;
    const fields = { rpc: way, error: message, "addr.remote": address };
    try {
      const event = createEvent(
        "access.denied",
        { ...actorOf(identity), ...refusal, ...fields },
        { clusterName, now: clock.now(), random },
      );
      const events = [utf8(JSON.stringify(event))];
      await this.#agents.emitEvents({ events }, { timeoutMs: recordTimeoutMs });
      return [hint, explainHint(event.uid)].filter((line) => line !== undefined).join("\n");
    } catch (error) {
      logger.error("a refusal was not recorded", { error });
      return hint;
    }
  }
}
