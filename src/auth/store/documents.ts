/**
 * The resources of one kind in the backend: JSON documents in the shape of `tctl get`, with optimistic concurrency
 * through `metadata.revision` and expiry through `metadata.expires`.
 *
 * Documents come in validated (`#resource`) and go out as they were stored, with their revision filled in.
 */

import { formatKey, formatPrefix, parseKey } from "#backend/key.ts";
import { type Backend, type Item, limits, type WriteOptions } from "#backend/port.ts";
import { scanItems } from "#backend/scan.ts";
import { utf8 } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { Metadata } from "#resource/metadata.ts";
import { DocumentMirror } from "./mirror.ts";

/** What every document has that this store looks at. */
export interface StoredDocument {
  readonly kind: string;
  readonly metadata: Metadata;
}

/** A page of documents in the order of their names. */
export interface DocumentPage<T> {
  readonly documents: readonly T[];
  /** Give it as `after` to read on; absent on the last page. */
  readonly next?: string;
}

/** The folder of the store that holds the documents of all kinds. */
export const documentsFolder = ["documents"] as const;

/**
 * Decoded documents kept per kind. A kind with more of them keeps the first ones that it saw, because a listing of all
 * would otherwise drive out each before it is seen again; now and then it starts anew, because documents are deleted.
 */
const cacheSize = 20_000;
const cacheMisses = 10 * cacheSize;

/** The documents of one kind. */
export class DocumentStore<T extends StoredDocument> {
  readonly kind: string;
  readonly #backend: Backend;
  readonly #nameOf: (document: T) => string;
  readonly #decoded = new Map<string, { revision: string; document: T }>();
  readonly #mirror: DocumentMirror<T>;
  /** Documents that were decoded and not kept since the cache was last empty. */
  #misses = 0;

  /** The clock tells what has expired. `nameOf` is for kinds whose documents may share `metadata.name`. */
  constructor(
    backend: Backend,
    clock: Clock,
    kind: string,
    nameOf: (document: T) => string = ({ metadata }) => metadata.name,
  ) {
    this.#backend = backend;
    this.#nameOf = nameOf;
    this.kind = kind;
    this.#mirror = new DocumentMirror(backend, clock, this.prefix, (item) => this.decode(item));
  }

  /** The start of every key of the kind. */
  get prefix(): string {
    return formatPrefix(...documentsFolder, this.kind);
  }

  /** The key of the document with this name. */
  keyOf(name: string): string {
    return formatKey(...documentsFolder, this.kind, name);
  }

  /** The name under which a document is kept. */
  nameOf(document: T): string {
    return this.#nameOf(document);
  }

  /** The document, or undefined. */
  async find(name: string): Promise<T | undefined> {
    const item = await this.#backend.find(this.keyOf(name));
    return item && this.decode(item);
  }

  /** The document; throws `not-found`. */
  async get(name: string): Promise<T> {
    return (await this.find(name)) ?? this.#missing(name);
  }

  /** Some documents, at most `limit` (1 to 1000), whose names come after `after`. */
  async list(options: { limit?: number; after?: string } = {}): Promise<DocumentPage<T>> {
    const after = options.after === undefined ? undefined : this.keyOf(options.after);
    const page = await this.#backend.range(
      { prefix: this.prefix },
      { limit: options.limit, after },
    );
    const documents = page.items.map((item) => this.decode(item));
    return page.next === undefined ? { documents } : { documents, next: nameOf(page.next) };
  }

  /** All documents, by name. The same list as long as none of them has changed: never change it. */
  all(): Promise<readonly T[]> {
    return this.#mirror.all();
  }

  /** Every document, page by page: for kinds of which there may be more than memory should hold. */
  async *each(): AsyncGenerator<T, void, undefined> {
    for await (const item of scanItems(this.#backend, { prefix: this.prefix })) {
      yield parse(item);
    }
  }

  /** Stores a new document; throws `already-exists`. */
  async create(document: T): Promise<T> {
    const name = this.#nameOf(document);
    try {
      const { bytes, options } = encode(document);
      return withRevision(document, await this.#backend.create(this.keyOf(name), bytes, options));
    } catch (error) {
      if (!isFault(error, "already-exists")) throw error;
      throw new Fault("already-exists", `${this.kind} "${name}" already exists`, {
        hint: "replace it with: tctl create -f FILE",
        cause: error,
      });
    }
  }

  /**
   * Replaces a document that still has the revision that `document` carries; throws `conflict` when somebody else
   * wrote in between, and when there is no such document.
   */
  async update(document: T): Promise<T> {
    const { revision } = document.metadata;
    const name = this.#nameOf(document);
    if (revision === undefined) {
      throw new Fault("invalid", `${this.kind} "${name}" carries no metadata.revision`);
    }
    try {
      const { bytes, options } = encode(document);
      const key = this.keyOf(name);
      return withRevision(document, await this.#backend.update(key, bytes, revision, options));
    } catch (error) {
      if (!isFault(error, "conflict")) throw error;
      throw new Fault("conflict", `${this.kind} "${name}" was changed or deleted by someone else`, {
        hint: `read it again with: tctl get ${this.kind}/${name}`,
        cause: error,
      });
    }
  }

  /** Stores the document whatever was there before. */
  async upsert(document: T): Promise<T> {
    const { bytes, options } = encode(document);
    const key = this.keyOf(this.#nameOf(document));
    return withRevision(document, await this.#backend.put(key, bytes, options));
  }

  /**
   * Reads, changes and writes back, again when somebody else was faster; `change` may throw to leave it as it is.
   * Throws `not-found`.
   */
  async modify(name: string, change: (document: T) => T): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      const document = await this.get(name);
      try {
        return await this.update(change(document));
      } catch (error) {
        if (!isFault(error, "conflict") || attempt >= 10) throw error;
      }
    }
  }

  /** Deletes the document; throws `not-found`. */
  async delete(name: string): Promise<void> {
    this.#decoded.delete(this.keyOf(name));
    if (!(await this.#backend.delete(this.keyOf(name)))) this.#missing(name);
  }

  /** The document in an item of this kind. The same object while the revision is the same: never change it. */
  decode(item: Item): T {
    const known = this.#decoded.get(item.key);
    if (known?.revision === item.revision) return known.document;
    const document = parse<T>(item);
    if (known === undefined && this.#decoded.size >= cacheSize) {
      if (++this.#misses < cacheMisses) return document;
      this.#decoded.clear();
      this.#misses = 0;
    }
    this.#decoded.set(item.key, { revision: item.revision, document });
    return document;
  }

  #missing(name: string): never {
    throw new Fault("not-found", `${this.kind} ${name} is not found`);
  }
}

/** The bytes and the write options of a document, for writes that go together with others. */
export function encode(document: StoredDocument): { bytes: Uint8Array; options: WriteOptions } {
  const { revision: _, ...metadata } = document.metadata;
  const bytes = utf8(JSON.stringify({ ...document, metadata }));
  if (bytes.length > limits.value) throw tooLarge(document, bytes.length);
  return metadata.expires === undefined
    ? { bytes, options: {} }
    : { bytes, options: { expires: new Date(metadata.expires) } };
}

function tooLarge({ kind, metadata }: StoredDocument, size: number): Fault {
  const name = `${kind} "${metadata.name}"`;
  return new Fault("too-large", `${name} is too large: ${size} bytes, at most ${limits.value}`, {
    hint: `divide it, for example into several ${kind}s, or name fewer things in it`,
  });
}

const decoder = new TextDecoder();

function parse<T extends StoredDocument>({ value, revision }: Item): T {
  const document = JSON.parse(decoder.decode(value)) as { metadata: { revision: string } };
  document.metadata.revision = revision;
  return document as unknown as T;
}

function withRevision<T extends StoredDocument>(document: T, revision: string): T {
  return { ...document, metadata: { ...document.metadata, revision } };
}

/** The name in the key of a document. */
function nameOf(key: string): string {
  return parseKey(key)[documentsFolder.length + 1] ?? "";
}
