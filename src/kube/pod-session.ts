/**
 * The audit trail of one way into a pod. A program that is run or attached to is a session; a forwarded port is an event
 * of its own. What is said in them is not recorded.
 */
import { Fault } from "#base/fault.ts";
import { uuid } from "#base/random.ts";
import type { Admission } from "./admit.ts";
import type { KubeContext } from "./context.ts";
import { agentFields, clip, clusterFields, personFields } from "./event-fields.ts";
import { recordRequest } from "./events.ts";
import type { ByteCount } from "./join-streams.ts";
import type { ResourceRequest } from "./request.ts";

/** Parts of a command that an event holds. */
const mostWords = 64;

/** One session, from its event to its end. */
export class PodSession {
  readonly #context: KubeContext;
  readonly #fields;
  readonly #isProgram: boolean;
  readonly #command: readonly string[];
  readonly #interactive: boolean;
  readonly #id: string;
  readonly #begun: Date;

  private constructor(context: KubeContext, admission: Admission) {
    const { person, cluster, grant, request } = admission;
    if (request.kind !== "resource") throw new Fault("internal", "a session needs a pod");
    const query = new URLSearchParams(request.path.split("?", 2)[1] ?? "");
    this.#context = context;
    this.#isProgram = request.verb === "exec";
    this.#command = query.getAll("command").slice(0, mostWords).map(clip);
    this.#interactive = query.get("tty") === "true";
    this.#id = uuid(context.random);
    this.#begun = context.clock.now();
    this.#fields = {
      ...personFields(person, grant.principal),
      ...agentFields(context),
      ...clusterFields(cluster, grant.principal),
      ...podFields(request, query),
    };
  }

  /** Begins a session: its events are durable when this resolves. Throws `unavailable`. */
  static async begin(context: KubeContext, admission: Admission): Promise<PodSession> {
    const session = new PodSession(context, admission);
    await Promise.all([recordRequest(context, admission), session.#recordStart()]);
    return session;
  }

  /** What passed. */
  count({ toPod, toPerson }: ByteCount): void {
    if (!this.#isProgram) return;
    const { login: _, ...fields } = this.#fields;
    const passed = { sid: this.#id, tx: toPerson, rx: toPod };
    this.#context.events.report("session.data", { ...fields, ...passed });
  }

  /** It is ended by the rules. */
  cut(reason: Fault): void {
    const sid = this.#isProgram ? { sid: this.#id } : {};
    const { message } = reason;
    this.#context.events.report("client.disconnect", { ...this.#fields, ...sid, reason: message });
  }

  /** It is over. */
  end(): void {
    if (!this.#isProgram) return;
    this.#context.events.report("session.end", {
      ...this.#fields,
      ...this.#about(),
      session_start: this.#begun.toISOString(),
      session_stop: this.#context.clock.now().toISOString(),
      participants: [this.#fields.user],
    });
  }

  async #recordStart(): Promise<void> {
    const { events } = this.#context;
    if (this.#isProgram) {
      await events.record("session.start", { ...this.#fields, ...this.#about() });
      return;
    }
    const { kubernetes_pod_namespace: namespace, kubernetes_pod_name: pod } = this.#fields;
    await events.record("port", { ...this.#fields, addr: `${namespace}/${pod}`, success: true });
  }

  #about() {
    return {
      sid: this.#id,
      initial_command: [...this.#command],
      interactive: this.#interactive,
      session_recording: "off",
    };
  }
}

function podFields({ namespace, name }: ResourceRequest, query: URLSearchParams) {
  const container = query.get("container");
  return {
    kubernetes_pod_namespace: clip(namespace),
    kubernetes_pod_name: clip(name),
    ...(container === null ? {} : { kubernetes_container_name: clip(container) }),
  };
}
