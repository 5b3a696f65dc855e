/** The first lines of a connection (RFC 4253 section 4.2). */
import { buffer } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";

/** RFC 4253 section 4.2 gives 255 for the line; a client may see other lines of a server before it. */
const limits = { line: 255, before: 8192 };

/** Throws `invalid` for text that cannot be a version line of ours. */
export function assertVersion(version: string): void {
  if (!/^SSH-2\.0-[!-,.-~]+( [ -~]+)?$/.test(version) || version.length > limits.line - 2) {
    throw new Fault("invalid", `${JSON.stringify(version)} is not an SSH version line`);
  }
}

/** Collects bytes until the peer's version line is complete. */
export class VersionReader {
  readonly #role: "client" | "server";
  #line: Uint8Array = new Uint8Array(0);
  #seen = 0;

  constructor(role: "client" | "server") {
    this.#role = role;
  }

  /**
   * Takes a chunk. Returns the version line without its end and how many bytes of the chunk it took, or
   * undefined if more is needed. Throws `malformed` for what is not SSH 2.
   */
  read(chunk: Uint8Array): { version: string; consumed: number } | undefined {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(0x0a, start);
      const part = chunk.subarray(start, end < 0 ? chunk.length : end);
      this.#seen += part.length + (end < 0 ? 0 : 1);
      this.#line = Buffer.concat([this.#line, part]);
      const first = buffer(this.#line.subarray(0, 4)).toString("latin1");
      const isVersion = "SSH-".startsWith(first) || first === "SSH-";
      if (!isVersion && this.#role === "server") {
        throw new Fault("malformed", "the peer does not speak SSH");
      }
      if (
        this.#line.length > (isVersion ? limits.line : limits.before) ||
        this.#seen > limits.before
      ) {
        throw new Fault("malformed", "the SSH version line is too long");
      }
      if (end < 0) return undefined;
      start = end + 1;
      const line = buffer(this.#line).toString("latin1").replace(/\r$/, "");
      this.#line = new Uint8Array(0);
      if (!line.startsWith("SSH-")) {
        if (this.#role === "server") throw new Fault("malformed", "the peer does not speak SSH");
        continue;
      }
      if (!/^SSH-(2\.0|1\.99)-[ -~]*$/.test(line)) {
        throw new Fault("malformed", "the peer does not speak version 2 of SSH");
      }
      return { version: line, consumed: start };
    }
  }
}
