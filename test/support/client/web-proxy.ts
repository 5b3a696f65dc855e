/** A fake proxy for client tests: HTTPS on loopback with scripted JSON answers. It checks no password. */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import { testCertificate } from "./credentials.ts";

/** One scripted answer. A string body is sent as it is. */
export interface Answer {
  readonly status?: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A running fake. */
export interface FakeWeb {
  readonly port: number;
  readonly certificate: string;
  /** Requests as they came: method, path and JSON body. */
  readonly requests: { method: string; path: string; body: unknown }[];
  close(): void;
}

/** Starts the fake; `answers` are looked up by path. */
export async function startFakeWeb(
  answers: Readonly<Record<string, Answer | ((body: unknown) => Answer)>>,
): Promise<FakeWeb> {
  const { key, certificate } = testCertificate("web", "DNS:localhost,IP:127.0.0.1");
  const requests: FakeWeb["requests"] = [];
  const server = createServer({ key, cert: certificate }, (request, response) => {
    void read(request).then((body) => {
      requests.push({ method: request.method ?? "", path: request.url ?? "", body });
      const found = answers[request.url ?? ""] ?? { status: 404, body: "not found" };
      const answer = typeof found === "function" ? found(body) : found;
      response.writeHead(answer.status ?? 200, answer.headers ?? {});
      response.end(typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    port,
    certificate,
    requests,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function read(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  return text === "" ? undefined : JSON.parse(text);
}
