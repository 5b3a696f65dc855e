/**
 * The server's end of SPDY/3.1 for the double, as far as Kubernetes uses it: streams that the client opens, with headers.
 * Flow control is not part of it: the clients of Kubernetes do none.
 */
import { Duplex } from "node:stream";
import { constants, createDeflate, createInflate, type Deflate, type Inflate } from "node:zlib";

/** The words of the dictionary that come with their length, and the text behind them (SPDY/3, section 2.6.10.1). */
const words =
  "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization cache-control connection content-base content-encoding content-language content-length content-location content-md5 content-range content-type date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get status|200 OK|version|HTTP/1.1|url|public|set-cookie|keep-alive|origin";
const tail =
  "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505" +
  "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request" +
  "401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented" +
  "503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed," +
  " Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml," +
  "application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdch" +
  "charset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

/** The dictionary that both ends compress headers with. */
const dictionary = Buffer.concat([
  ...words
    .split("|")
    .flatMap((part, index) => (index === 0 ? part.split(" ") : [part]))
    .map((word) => Buffer.concat([uint32(word.length), Buffer.from(word)])),
  Buffer.from(tail),
]);

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A stream that the client opened. */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly #send: (flags: number, data: Buffer) => boolean;
  readonly #whenWritable: (listener: () => void) => unknown;

  constructor(
    id: number,
    headers: ReadonlyMap<string, string>,
    send: (flags: number, data: Buffer) => boolean,
    whenWritable: (listener: () => void) => unknown,
  ) {
    super({ allowHalfOpen: true });
    this.id = id;
    this.headers = headers;
    this.#send = send;
    this.#whenWritable = whenWritable;
    this.on("error", () => {});
  }

  override _read(): void {}

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    let room = true;
    for (let at = 0; at < chunk.length; at += 32_768) {
      room = this.#send(0, chunk.subarray(at, at + 32_768));
    }
    if (room) done();
    else this.#whenWritable(done);
  }

  override _final(done: () => void): void {
    this.#send(1, Buffer.alloc(0));
    done();
  }
}

/** One connection. */
export class SpdyConnection {
  onStream: (stream: SpdyStream) => void = () => {};
  readonly #socket: Duplex;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #deflate: Deflate = createDeflate({ dictionary, finishFlush: constants.Z_SYNC_FLUSH });
  readonly #inflate: Inflate = createInflate({ dictionary });
  #buffer: Buffer = Buffer.alloc(0);
  #work: Promise<void> = Promise.resolve();

  constructor(socket: Duplex, head: Buffer) {
    this.#socket = socket;
    socket.on("error", () => this.#end());
    socket.once("close", () => this.#end());
    socket.once("end", () => this.#end());
    setImmediate(() => {
      this.#take(head);
      socket.on("data", (chunk: Buffer) => this.#take(chunk));
    });
  }

  close(): void {
    this.#socket.end();
  }

  #end(): void {
    for (const stream of this.#streams.values()) stream.destroy();
    this.#streams.clear();
  }

  /** Frames are worked on in order, because headers share one compression. */
  #take(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    while (this.#buffer.length >= 8) {
      const size = this.#buffer.readUIntBE(5, 3);
      if (this.#buffer.length < 8 + size) return;
      const frame = this.#buffer.subarray(0, 8 + size);
      this.#buffer = this.#buffer.subarray(8 + size);
      this.#work = this.#work
        .then(() => this.#handle(frame))
        .catch(() => {
          this.#socket.destroy();
        });
    }
  }

  async #handle(frame: Buffer): Promise<void> {
    const flags = frame[4] ?? 0;
    const body = frame.subarray(8);
    if (((frame[0] ?? 0) & 0x80) === 0) {
      const stream = this.#streams.get(frame.readUInt32BE(0));
      if (body.length > 0) stream?.push(body);
      if (flags & 1) stream?.push(null);
      return;
    }
    const type = frame.readUInt16BE(2);
    if (type === 1) return this.#open(body, flags);
    if (type === 3) {
      this.#streams.get(body.readUInt32BE(0))?.destroy();
      this.#streams.delete(body.readUInt32BE(0));
    }
    // A ping goes back as it came.
    if (type === 6) this.#socket.write(frame);
  }

  async #open(body: Buffer, flags: number): Promise<void> {
    const id = body.readUInt32BE(0);
    const headers = readHeaders(await through(this.#inflate, body.subarray(10)));
    const stream = new SpdyStream(
      id,
      headers,
      (sent, data) => this.#socket.write(Buffer.concat([dataHead(id, sent, data.length), data])),
      (listener) => this.#socket.once("drain", listener),
    );
    this.#streams.set(id, stream);
    const block = await through(this.#deflate, uint32(0));
    this.#socket.write(Buffer.concat([controlHead(2, 4 + block.length), uint32(id), block]));
    if (flags & 1) stream.push(null);
    this.onStream(stream);
  }
}

function dataHead(id: number, flags: number, size: number): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(id, 0);
  head[4] = flags;
  head.writeUIntBE(size, 5, 3);
  return head;
}

function controlHead(type: number, size: number): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(0x8003, 0);
  head.writeUInt16BE(type, 2);
  head.writeUIntBE(size, 5, 3);
  return head;
}

/** What one write makes of it: the compression goes on over the whole connection. */
function through(stream: Deflate | Inflate, input: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const out: Buffer[] = [];
    const take = (chunk: Buffer) => void out.push(chunk);
    stream.on("data", take);
    stream.once("error", reject);
    stream.write(input);
    stream.flush(constants.Z_SYNC_FLUSH, () => {
      stream.off("data", take);
      stream.off("error", reject);
      resolve(Buffer.concat(out));
    });
  });
}

function readHeaders(block: Buffer): Map<string, string> {
  const headers = new Map<string, string>();
  let at = 4;
  const text = () => {
    const size = block.readUInt32BE(at);
    const value = block.subarray(at + 4, at + 4 + size).toString();
    at += 4 + size;
    return value;
  };
  for (let left = block.readUInt32BE(0); left > 0; left--)
    headers.set(text().toLowerCase(), text());
  return headers;
}
