/**
 * exec, attach and port-forward of the double, over SPDY/3.1 or WebSocket (v5.channel.k8s.io). A pod's programs are real
 * processes of this machine; its ports are real ports of the loopback.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import { type Duplex, Readable, Writable } from "node:stream";
import { SpdyConnection, type SpdyStream } from "./spdy.ts";
import { acceptWebSocket, streamOf, type WebSocketPeer } from "./web-socket.ts";

const protocols = ["v5.channel.k8s.io", "v4.channel.k8s.io"];
const forwarding = "SPDY/3.1+portforward.k8s.io";

/** What a program is joined to. Absent streams were not asked for. */
interface Channels {
  readonly stdin?: Readable | undefined;
  readonly stdout?: Writable | undefined;
  readonly stderr?: Writable | undefined;
  /** Sends the Status of the end and closes. */
  readonly finish: (status: object) => void;
  /** Tells when the client is gone. */
  readonly onGone: (listener: () => void) => void;
}

/** Serves an upgrade for exec or attach. `start` begins the program. */
export function serveCommand(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  query: URLSearchParams,
  start: () => ChildProcess,
): void {
  const wanted = ["stdin", "stdout", "stderr"].filter((name) =>
    /^(true|1)$/.test(query.get(name) ?? ""),
  );
  const run = (channels: Channels) => join(start(), channels);
  if (/websocket/i.test(request.headers.upgrade ?? "")) {
    const peer = acceptWebSocket(request, socket, head, protocols);
    if (peer) run(webSocketChannels(peer, wanted));
    return;
  }
  const spdy = acceptSpdy(request, socket, head, ["v4.channel.k8s.io", "v3.channel.k8s.io"]);
  if (spdy) collect(spdy, wanted, run);
}

/** Serves an upgrade for forwarding ports of the loopback. */
export function serveForward(request: IncomingMessage, socket: Duplex, head: Buffer): void {
  if (/websocket/i.test(request.headers.upgrade ?? "")) {
    const peer = acceptWebSocket(request, socket, head, [forwarding]);
    if (peer) forward(new SpdyConnection(streamOf(peer), Buffer.alloc(0)));
    return;
  }
  const spdy = acceptSpdy(request, socket, head, ["portforward.k8s.io"]);
  if (spdy) forward(spdy);
}

function acceptSpdy(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  known: readonly string[],
): SpdyConnection | undefined {
  const offered = String(request.headers["x-stream-protocol-version"] ?? "").split(/\s*,\s*/);
  const protocol = known.find((name) => offered.includes(name));
  if (!/^SPDY\/3\.1$/i.test(request.headers.upgrade ?? "") || protocol === undefined) {
    socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    return undefined;
  }
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  );
  return new SpdyConnection(socket, head);
}

/** Waits for the error stream and one for each of the wanted. */
function collect(
  spdy: SpdyConnection,
  wanted: readonly string[],
  run: (channels: Channels) => void,
): void {
  const streams = new Map<string, SpdyStream>();
  spdy.onStream = (stream) => {
    streams.set(stream.headers.get("streamtype") ?? "", stream);
    const error = streams.get("error");
    if (error === undefined || !wanted.every((name) => streams.has(name))) return;
    run({
      stdin: streams.get("stdin"),
      stdout: streams.get("stdout"),
      stderr: streams.get("stderr"),
      finish(status) {
        error.end(JSON.stringify(status));
        for (const name of ["stdout", "stderr"]) streams.get(name)?.end();
        setImmediate(() => spdy.close());
      },
      onGone: (listener) => void error.once("close", listener),
    });
  };
}

function webSocketChannels(peer: WebSocketPeer, wanted: readonly string[]): Channels {
  let gone = () => {};
  peer.onClose = () => gone();
  const stdin = wanted.includes("stdin") ? inputOf(peer) : undefined;
  if (stdin === undefined) peer.onMessage = () => {};
  const output = (name: string, channel: number) =>
    wanted.includes(name) ? outputOf(peer, channel) : undefined;
  return {
    stdin,
    stdout: output("stdout", 1),
    stderr: output("stderr", 2),
    finish(status) {
      peer.send(Buffer.concat([Buffer.from([3]), Buffer.from(JSON.stringify(status))]));
      peer.close();
    },
    onGone(listener) {
      gone = listener;
    },
  };
}

function inputOf(peer: WebSocketPeer): Readable {
  const stdin = new Readable({ read() {} });
  peer.onMessage = (message) => {
    const [channel] = message;
    if (channel === 0) stdin.push(message.subarray(1));
    // v5: 255 and a channel closes that channel.
    if (channel === 255 && message[1] === 0) stdin.push(null);
  };
  return stdin;
}

function outputOf(peer: WebSocketPeer, channel: number): Writable {
  return new Writable({
    write(chunk: Buffer, _, done) {
      let room = true;
      for (let at = 0; at < chunk.length; at += 32_768) {
        const part = chunk.subarray(at, at + 32_768);
        room = peer.send(Buffer.concat([Buffer.from([channel]), part]));
      }
      if (room) done();
      else peer.onDrain(() => done());
    },
  });
}

function join(program: ChildProcess, { stdin, stdout, stderr, finish, onGone }: Channels): void {
  onGone(() => program.kill("SIGKILL"));
  program.on("error", () => {});
  if (stdin && program.stdin) {
    program.stdin.on("error", () => {});
    stdin.pipe(program.stdin);
  } else program.stdin?.end();
  if (stdout && program.stdout) program.stdout.pipe(stdout, { end: false });
  else program.stdout?.resume();
  if (stderr && program.stderr) program.stderr.pipe(stderr, { end: false });
  else program.stderr?.resume();
  program.once("close", (code) => finish(statusOfExit(code ?? 137)));
}

function statusOfExit(code: number): object {
  if (code === 0) return { metadata: {}, status: "Success" };
  return {
    metadata: {},
    status: "Failure",
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: String(code) }] },
  };
}

/** Joins each pair of an error and a data stream to a port. */
function forward(spdy: SpdyConnection): void {
  const errors = new Map<string, SpdyStream>();
  spdy.onStream = (stream) => {
    const request = stream.headers.get("requestid") ?? "";
    if (stream.headers.get("streamtype") === "error") {
      errors.set(request, stream);
      return;
    }
    const error = errors.get(request);
    const target = connect(Number(stream.headers.get("port")), "127.0.0.1");
    target.once("error", (cause) => {
      error?.end(`error forwarding port: ${cause.message}`);
      stream.destroy();
    });
    target.once("connect", () => error?.end());
    stream.pipe(target);
    target.pipe(stream);
    stream.once("close", () => target.destroy());
  };
}

/** A program as a container would run it. */
export function startProgram(command: readonly string[], folder: string): ChildProcess {
  const [program = "", ...args] = command;
  return spawn(program, args, { cwd: folder, stdio: ["pipe", "pipe", "pipe"] });
}
