/**
 * proto.AuthService, resources that administrators write and agents serve: databases, Kubernetes clusters. Agents whose
 * configuration takes them serve them at once. As with servers, everybody may read: what they see is a matter of the
 * labels, not of a rule on the kind.
 */
import { applyRoles } from "#access/role-set.ts";
import type { Protocol } from "#access/target.ts";
import { isVisible } from "#access/visibility.ts";
import { decodeResource, encodeResource, type MessageOf } from "#api/convert/resource.ts";
import { actorOf } from "#audit/actor.ts";
import { Fault } from "#base/fault.ts";
import type { Identity } from "#identity/identity.ts";
import { mergeLabels } from "#resource/dynamic-labels.ts";
import type { ResourceOf } from "#resource/kinds.ts";
import type { AuthContext } from "../../context.ts";
import { loadPolicy } from "../../policy.ts";
import type { DocumentStore } from "../../store/documents.ts";
import { type AuthCall, authorize, requireIdentity, requireSystem } from "../guard.ts";

/** The kinds that are treated so. */
type RegisteredKind = "db" | "kube_cluster";

/** What one kind differs in. */
export interface Registration<K extends RegisteredKind> {
  readonly kind: K;
  readonly protocol: Protocol;
  readonly store: DocumentStore<ResourceOf[K]>;
}

/** Whether a document may be read by whoever asks. */
type IsShown = (document: ResourceOf[RegisteredKind]) => boolean;

/** The calls about the documents of one kind. */
export class RegisteredResources<K extends RegisteredKind> {
  readonly #context: AuthContext;
  readonly #kind: K;
  readonly #protocol: Protocol;
  readonly #store: DocumentStore<ResourceOf[K]>;

  constructor(context: AuthContext, { kind, protocol, store }: Registration<K>) {
    this.#context = context;
    this.#kind = kind;
    this.#protocol = protocol;
    this.#store = store;
  }

  /** Those that the caller sees. */
  async list(call: AuthCall): Promise<ResourceOf[K][]> {
    const isShown = await this.#shownTo(call);
    return (await this.#store.all()).filter(isShown);
  }

  /** One of them; what the caller may not see does not exist for them. */
  async get(name: string, call: AuthCall): Promise<ResourceOf[K]> {
    const isShown = await this.#shownTo(call);
    const document = await this.#store.find(name);
    if (document === undefined || !isShown(document)) {
      throw new Fault("not-found", `${this.#kind} ${name.slice(0, 100)} is not found`);
    }
    return document;
  }

  /** The message of a document. */
  encode(document: ResourceOf[K]): MessageOf<K> {
    return encodeResource(this.#kind, document);
  }

  async create(message: MessageOf<K>, call: AuthCall): Promise<Record<string, never>> {
    const caller = await authorize(this.#context, call, this.#kind, "create");
    await this.#store.create(await this.#recordWrite(caller, message));
    return {};
  }

  /** Replaces the document, whatever its revision: that is what the public API promises. Throws `not-found`. */
  async update(message: MessageOf<K>, call: AuthCall): Promise<Record<string, never>> {
    const caller = await authorize(this.#context, call, this.#kind, "update");
    await this.#store.get(message.Metadata?.Name ?? "");
    await this.#store.upsert(await this.#recordWrite(caller, message));
    return {};
  }

  async remove(name: string, call: AuthCall): Promise<Record<string, never>> {
    const caller = await authorize(this.#context, call, this.#kind, "delete");
    await this.#store.get(name);
    const event = { ...actorOf(caller), kind: this.#kind, name };
    await this.#context.audit.record("resource.delete", event);
    await this.#store.delete(name);
    return {};
  }

  /** The document of a message that is to be written; its event is durable before this returns. */
  async #recordWrite(caller: Identity, message: MessageOf<K>): Promise<ResourceOf[K]> {
    const document = decodeResource(this.#kind, message);
    const { name } = document.metadata;
    const event = { ...actorOf(caller), kind: this.#kind, name };
    await this.#context.audit.record("resource.write", event);
    return document;
  }

  /** Agents learn of the documents from their feed. */
  async #shownTo(call: AuthCall): Promise<IsShown> {
    const identity = requireIdentity(call);
    if (identity.kind === "system") {
      requireSystem(call, "Admin");
      return () => true;
    }
    const set = applyRoles(identity, (await loadPolicy(this.#context)).roles);
    const protocol = this.#protocol;
    return ({ metadata, spec }) => {
      const labels = mergeLabels(metadata.labels, spec.dynamic_labels);
      return isVisible(set, { protocol, name: metadata.name, labels });
    };
  }
}
