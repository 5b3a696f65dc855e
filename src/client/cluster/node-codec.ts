/**
 * ListUnifiedResources for nodes, coded by hand (Protocol Buffers, "Encoding"; field numbers of package proto and types).
 * `tsh ls` so loads no descriptors: those of the listing pull in every kind of resource, which costs more than the call.
 * A test compares with the generated types.
 */
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Fault } from "#base/fault.ts";
import type { NodeDocument, ResourceQuery } from "../access.ts";

/** Full path of the method. */
export const listPath = "/proto.AuthService/ListUnifiedResources";

/** A page of the listing. */
export interface NodePage {
  readonly nodes: NodeDocument[];
  /** Where the next page starts; empty at the end. */
  readonly nextKey: string;
}

/** Encodes the request for one page of nodes, by name. */
export function encodeListRequest(
  query: ResourceQuery,
  limit: number,
  startKey: string,
): Uint8Array {
  const writer = new BinaryWriter();
  text(writer, 1, "node");
  writer.tag(2, WireType.Varint).int32(limit);
  if (startKey !== "") text(writer, 3, startKey);
  for (const [key, value] of Object.entries(query.labels)) {
    writer.tag(4, WireType.LengthDelimited).fork();
    text(text(writer, 1, key), 2, value).join();
  }
  if (query.predicate !== "") text(writer, 5, query.predicate);
  for (const word of query.search) text(writer, 6, word);
  writer.tag(7, WireType.LengthDelimited).fork();
  return text(writer, 2, "name").join().finish();
}

/** Decodes a page. Resources of other kinds are passed over. Throws `malformed`. */
export function decodeListResponse(bytes: Uint8Array): NodePage {
  const nodes: NodeDocument[] = [];
  let nextKey = "";
  try {
    readFields(new BinaryReader(bytes), bytes.length, {
      1: (reader) =>
        readMessage(reader, {
          3: (inner) => nodes.push(readNode(inner)),
        }),
      2: (reader) => {
        nextKey = reader.string();
      },
    });
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault("malformed", "the cluster's listing of nodes cannot be read", { cause });
  }
  return { nodes, nextKey };
}

type Readers = Readonly<Record<number, (reader: BinaryReader) => void>>;

/** Labels of a hostile server must not reach the prototype. */
type Labels = Record<string, string>;
const noLabels = (): Labels => Object.create(null) as Labels;

function readNode(reader: BinaryReader): NodeDocument {
  let [kind, subKind, version] = ["", "", ""];
  let metadata: NodeDocument["metadata"] = { name: "" };
  let spec: NodeDocument["spec"] = { hostname: "" };
  readMessage(reader, {
    1: (inner) => {
      kind = inner.string();
    },
    2: (inner) => {
      subKind = inner.string();
    },
    3: (inner) => {
      version = inner.string();
    },
    4: (inner) => {
      metadata = readMetadata(inner);
    },
    5: (inner) => {
      spec = readSpec(inner);
    },
  });
  return { kind, ...(subKind === "" ? {} : { sub_kind: subKind }), version, metadata, spec };
}

function readMetadata(reader: BinaryReader): NodeDocument["metadata"] {
  let [name, revision] = ["", ""];
  let expires: string | undefined;
  const labels = noLabels();
  readMessage(reader, {
    1: (inner) => {
      name = inner.string();
    },
    5: (inner) => {
      const [key, value] = readEntry(inner, (entry) => entry.string());
      labels[key] = value ?? "";
    },
    6: (inner) => {
      expires = readTime(inner);
    },
    8: (inner) => {
      revision = inner.string();
    },
  });
  return {
    name,
    labels,
    ...(expires === undefined ? {} : { expires }),
    ...(revision === "" ? {} : { revision }),
  };
}

function readSpec(reader: BinaryReader): NodeDocument["spec"] {
  let [addr, hostname, version] = ["", "", ""];
  let useTunnel = false;
  const commands: NonNullable<NodeDocument["spec"]["cmd_labels"]> = {};
  readMessage(reader, {
    1: (inner) => {
      addr = inner.string();
    },
    3: (inner) => {
      hostname = inner.string();
    },
    4: (inner) => {
      const [key, value] = readEntry(inner, readCommandLabel);
      Object.assign(commands, { [key]: value ?? { command: [], result: "" } });
    },
    6: (inner) => {
      useTunnel = inner.bool();
    },
    7: (inner) => {
      version = inner.string();
    },
  });
  return {
    ...(addr === "" ? {} : { addr }),
    hostname,
    ...(Object.keys(commands).length === 0 ? {} : { cmd_labels: commands }),
    ...(useTunnel ? { use_tunnel: true } : {}),
    version,
  };
}

function readCommandLabel(reader: BinaryReader): { command: string[]; result: string } {
  const command: string[] = [];
  let result = "";
  readMessage(reader, {
    2: (inner) => command.push(inner.string()),
    3: (inner) => {
      result = inner.string();
    },
  });
  return { command, result };
}

/** An entry of a map: key 1, value 2. */
function readEntry<T>(
  reader: BinaryReader,
  readValue: (reader: BinaryReader) => T,
): [key: string, value: T | undefined] {
  let key = "";
  let value: T | undefined;
  readMessage(reader, {
    1: (inner) => {
      key = inner.string();
    },
    2: (inner) => {
      value = readValue(inner);
    },
  });
  return [key, value];
}

/** A timestamp as RFC 3339; a year that dates cannot hold is left out. */
function readTime(reader: BinaryReader): string | undefined {
  let seconds = 0n;
  let nanos = 0;
  readMessage(reader, {
    1: (inner) => {
      seconds = BigInt(inner.int64());
    },
    2: (inner) => {
      nanos = inner.int32();
    },
  });
  const date = new Date(Number(seconds) * 1000 + nanos / 1e6);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

function readMessage(reader: BinaryReader, readers: Readers): void {
  const length = reader.uint32();
  readFields(reader, reader.pos + length, readers);
}

function readFields(reader: BinaryReader, end: number, readers: Readers): void {
  if (end > reader.len) throw new Fault("malformed", "the listing of nodes ends too early");
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    const read = Object.hasOwn(readers, number) ? readers[number] : undefined;
    if (read === undefined) reader.skip(wireType, number);
    else read(reader);
  }
  if (reader.pos !== end) throw new Fault("malformed", "a field of the listing has a wrong length");
}

function text(writer: BinaryWriter, number: number, value: string): BinaryWriter {
  return writer.tag(number, WireType.LengthDelimited).string(value);
}
