/**
 * What is open for a person, under review: a request in flight, a watch, a session in a pod. When the rules no longer allow
 * it, it ends; when nothing passes for as long as the rules say, too.
 */
import type { KubernetesRules } from "#access/kubernetes-resources.ts";
import { kubernetesTarget } from "#access/target.ts";
import { Fault } from "#base/fault.ts";
import type { StartTimer } from "#ssh/timer.ts";
import { type Admission, decisionContext } from "./admit.ts";
import type { KubeContext } from "./context.ts";
import { type ClusterGrant, grantCluster, grantObject, grantRequest, objectOf } from "./decide.ts";

/** Something open. */
export interface Held {
  /** The rules of now: what a filter goes by. */
  readonly rules: () => KubernetesRules;
  /** Bytes passed: it is not idle. */
  readonly touch: () => void;
  /** It is over. */
  readonly release: () => void;
}

/** How something open ends, and by what it is judged. */
export interface HoldOptions {
  /** Called once at most, with the reason, when it must end. */
  readonly end: (reason: Fault) => void;
  /** Ends when nothing passes; for what a person holds open, not for what programs watch. */
  readonly endsIdle?: boolean;
  /** The object's name, where the body of the request said it. */
  readonly name?: string;
}

/** Puts an admitted request under review. Throws the refusal when the rules have changed since it was admitted. */
export function hold(context: KubeContext, admission: Admission, options: HoldOptions): Held {
  const { person, cluster, grant } = admission;
  let { rules } = grant;
  const idle = new IdleTimer(context.startTimer, () => {
    release();
    const { networking } = context.feed.view;
    const message = networking.spec.idle_timeout_message || "the session was idle for too long";
    options.end(new Fault("timeout", message));
  });
  const remove = context.review.add({
    describe: () => ({
      identity: person.identity,
      target: kubernetesTarget(cluster.describe()),
      clientIp: person.clientIp,
    }),
    end: ({ code, message, hint, audit }) => {
      idle.stop();
      options.end(new Fault(code, message, { audit, ...(hint === undefined ? {} : { hint }) }));
    },
    goesOn: ({ idleTimeoutMs }) => {
      const around = { ...decisionContext(context, cluster), acceptExpired: true };
      const { user, groups } = grant.principal;
      const now = grantCluster(person, around, { user, groups });
      assertStillAllowed(now, admission, options.name);
      rules = now.rules;
      if (options.endsIdle) idle.limit(idleTimeoutMs);
    },
  });
  const release = () => {
    idle.stop();
    remove();
  };
  return { rules: () => rules, touch: () => idle.touch(), release };
}

/** What went on as it was and would be filtered now must end; what is filtered goes on by the rules of now. */
function assertStillAllowed(
  now: ClusterGrant,
  { request, allowed }: Admission,
  name: string | undefined,
): void {
  const again = grantRequest(now, request);
  if (request.kind !== "resource") return;
  if (again.type === "named-in-body" && name !== undefined) {
    grantObject(now.rules, { ...objectOf(request), name });
  }
  if (again.type === "filtered" && allowed.type !== "filtered") {
    throw new Fault("access-denied", "the rules about what may be seen have changed");
  }
}

/** Calls `end` when nothing has touched it for a time. Without a limit it never does. */
class IdleTimer {
  readonly #startTimer: StartTimer;
  readonly #end: () => void;
  #limitMs: number | undefined;
  #cancel: () => void = () => {};
  #touched = false;

  constructor(startTimer: StartTimer, end: () => void) {
    this.#startTimer = startTimer;
    this.#end = end;
  }

  limit(ms: number | undefined): void {
    if (ms === this.#limitMs) return;
    this.#limitMs = ms;
    this.#wait();
  }

  /** Called for every chunk: the timer itself is moved once in its time, not here. */
  touch(): void {
    this.#touched = true;
  }

  stop(): void {
    this.#cancel();
  }

  #wait(): void {
    this.#cancel();
    this.#touched = false;
    if (this.#limitMs === undefined) return;
    this.#cancel = this.#startTimer(this.#limitMs, () => {
      if (this.#touched) this.#wait();
      else this.#end();
    });
  }
}
