/**
 * Ways into a pod: exec, attach and port-forward. The connection changes to WebSocket or SPDY, and from then on what both
 * sides say is passed on as it comes. It is in the audit log before the API server hears of it, and under review until it
 * ends.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { statusOf } from "#api/kube-status.ts";
import { Fault, isFault } from "#base/fault.ts";
import { type Admission, admit, refuseAdmitted } from "./admit.ts";
import type { ApiAnswer } from "./api-server.ts";
import type { Caller } from "./caller.ts";
import type { KubeContext } from "./context.ts";
import { answerHeaders, type HeaderList, pairsOf, readUpgrade, requestHeaders } from "./headers.ts";
import { hold } from "./held.ts";
import { joinStreams } from "./join-streams.ts";
import { PodSession } from "./pod-session.ts";

/** A connection that wants to change its protocol. */
export interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What already came for the other protocol. */
  readonly head: Buffer;
}

/** Serves a connection that wants to change its protocol. Never throws: what fails is answered. */
export async function serveUpgrade(
  context: KubeContext,
  caller: Caller,
  upgrade: UpgradeRequest,
): Promise<void> {
  const { request, socket } = upgrade;
  socket.on("error", () => socket.destroy());
  let admission: Admission | undefined;
  try {
    const { method = "", url = "", rawHeaders } = request;
    const headers = pairsOf(rawHeaders);
    admission = await admit(context, caller, { method, target: url, headers });
    assertOpensWay(admission);
    await openWay(context, admission, upgrade, headers);
  } catch (error) {
    if (!isFault(error)) context.logger.warn("a way into a pod failed", { error });
    const told =
      admission !== undefined && isFault(error)
        ? await refuseAdmitted(context, admission, error)
        : error;
    const status = statusOf(told);
    writeAnswer(socket, status.code, [["content-type", "application/json"]]);
    socket.end(JSON.stringify(status));
  }
}

/** Anything else would carry what no filter sees. */
function assertOpensWay({ request }: Admission): void {
  if (request.kind === "resource" && ["exec", "portforward"].includes(request.verb)) return;
  throw new Fault("malformed", "this request cannot change the protocol of its connection", {
    hint: "exec, attach and port-forward can",
  });
}

/** Throws what the person has to be told as long as nothing was answered. */
async function openWay(
  context: KubeContext,
  admission: Admission,
  { request, socket, head }: UpgradeRequest,
  headers: HeaderList,
): Promise<void> {
  const { cluster, grant } = admission;
  const protocol = readUpgrade(headers);
  const session = await PodSession.begin(context, admission);
  let cut = (reason: Fault) => void socket.destroy(reason);
  try {
    const held = hold(context, admission, { endsIdle: true, end: (reason) => cut(reason) });
    try {
      const { call, answer } = cluster.server.begin({
        method: request.method ?? "",
        path: admission.request.path,
        headers: requestHeaders(headers, grant.principal, protocol),
      });
      socket.once("close", () => call.destroy());
      call.end();
      const opened = await answer;
      if (opened.type === "body") {
        await passOnRefusal(socket, opened.response);
        return;
      }
      writeSwitch(socket, opened);
      const joined = joinStreams(
        { stream: socket, head },
        { stream: opened.stream, head: opened.head },
        { protocol, onBytes: held.touch },
      );
      cut = (reason) => {
        session.cut(reason);
        joined.cut(reason);
      };
      session.count(await joined.ended);
    } finally {
      held.release();
    }
  } finally {
    session.end();
  }
}

/** The API server's own refusal, in its own words. */
async function passOnRefusal(socket: Duplex, response: IncomingMessage): Promise<void> {
  const headers = answerHeaders(pairsOf(response.rawHeaders));
  // The end of the connection is the end of the body.
  const kept = headers.filter(([name]) => name !== "content-length");
  writeAnswer(socket, response.statusCode ?? 502, kept);
  for await (const chunk of response as AsyncIterable<Buffer>) socket.write(chunk);
  socket.end();
}

function writeSwitch(socket: Duplex, { response }: Extract<ApiAnswer, { type: "upgrade" }>): void {
  const headers = pairsOf(response.rawHeaders);
  const upgrade = headers.find(([name]) => name === "upgrade")?.[1] ?? "";
  const kept = answerHeaders(headers).filter(([name]) => name !== "content-length");
  socket.write(
    headText(101, [["connection", "Upgrade"], ["upgrade", upgrade], ...kept] as HeaderList),
  );
}

function writeAnswer(socket: Duplex, code: number, headers: HeaderList): void {
  socket.write(headText(code, [...headers, ["connection", "close"]]));
}

function headText(code: number, headers: HeaderList): string {
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
  return `HTTP/1.1 ${code} ${code === 101 ? "Switching Protocols" : "Answer"}\r\n${lines.join("\r\n")}\r\n\r\n`;
}
