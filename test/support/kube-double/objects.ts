/** The objects of the double: stored, versioned, watched. Versions count up; old ones are forgotten on request. */

/** A stored object, as far as the double looks into it. */
export interface StoredObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    resourceVersion?: string;
    uid?: string;
    creationTimestamp?: string;
    labels?: Record<string, string>;
    [field: string]: unknown;
  };
  [field: string]: unknown;
}

/** One change. */
export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly version: number;
  readonly resource: string;
  readonly object: StoredObject;
}

type Outcome =
  | { readonly ok: true; readonly object: StoredObject }
  | { readonly ok: false; readonly code: 404 | 409 };

/** All objects, by `resource/namespace/name`; a resource is `group/plural`. */
export class ObjectStore {
  readonly #objects = new Map<string, StoredObject>();
  readonly #log: WatchEvent[] = [];
  readonly #listeners = new Set<(event: WatchEvent) => void>();
  #version = 100;
  #forgotten = 0;

  get version(): string {
    return String(this.#version);
  }

  get(resource: string, namespace: string, name: string): StoredObject | undefined {
    return this.#objects.get(`${resource}|${namespace}|${name}`);
  }

  /** All of a resource in a namespace; an empty one means all. */
  list(resource: string, namespace: string): StoredObject[] {
    return [...this.#objects.entries()]
      .filter(([key, object]) => {
        const [kind] = key.split("|");
        const inside = namespace === "" || object.metadata.namespace === namespace;
        return kind === resource && inside;
      })
      .map(([, object]) => object);
  }

  create(resource: string, object: StoredObject): Outcome {
    const { name, namespace = "" } = object.metadata;
    if (this.get(resource, namespace, name)) return { ok: false, code: 409 };
    object.metadata.uid = `00000000-0000-4000-8000-${String(this.#version).padStart(12, "0")}`;
    object.metadata.creationTimestamp = "2026-11-21T08:00:00Z";
    return this.#put("ADDED", resource, object);
  }

  /** Replaces an object; a version that it names must be the stored one. */
  update(resource: string, object: StoredObject): Outcome {
    const { name, namespace = "", resourceVersion } = object.metadata;
    const stored = this.get(resource, namespace, name);
    if (stored === undefined) return { ok: false, code: 404 };
    if (resourceVersion !== undefined && resourceVersion !== stored.metadata.resourceVersion) {
      return { ok: false, code: 409 };
    }
    return this.#put("MODIFIED", resource, object);
  }

  remove(resource: string, namespace: string, name: string): Outcome {
    const object = this.get(resource, namespace, name);
    if (object === undefined) return { ok: false, code: 404 };
    this.#objects.delete(`${resource}|${namespace}|${name}`);
    const version = ++this.#version;
    this.#tell({ type: "DELETED", version, resource, object });
    return { ok: true, object };
  }

  /** Changes since a version; undefined when that is too old (410 Gone). */
  since(version: number): readonly WatchEvent[] | undefined {
    if (version < this.#forgotten) return undefined;
    return this.#log.filter((event) => event.version > version);
  }

  /** Forgets all changes so far, as a real server does after some minutes. */
  compact(): void {
    this.#forgotten = this.#version;
    this.#log.length = 0;
  }

  onChange(listener: (event: WatchEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #put(type: "ADDED" | "MODIFIED", resource: string, object: StoredObject): Outcome {
    const { name, namespace = "" } = object.metadata;
    const version = ++this.#version;
    object.metadata.resourceVersion = String(version);
    this.#objects.set(`${resource}|${namespace}|${name}`, object);
    this.#tell({ type, version, resource, object });
    return { ok: true, object };
  }

  #tell(event: WatchEvent): void {
    this.#log.push(event);
    for (const listener of this.#listeners) listener(event);
  }
}
