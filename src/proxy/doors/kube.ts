/**
 * The door of Kubernetes clients. The certificate says which cluster is meant, so the connection goes to its agent unread;
 * the agent verifies the certificate and decides about every request. A connection that cannot go on is answered here, in
 * the words of the Kubernetes API.
 */
import { createServer } from "node:http";
import { performServerHandshake } from "node:http2";
import type { TLSSocket } from "node:tls";
import { refusalAnswer } from "#api/kube-status.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { Closable } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import type { Dialer } from "../dialer.ts";
import type { Connection } from "../front-door.ts";
import type { PeerCheck } from "./peers.ts";

/** What the door needs. */
export interface KubeDoorOptions {
  readonly peers: PeerCheck;
  readonly dialer: Dialer;
  readonly logger: Logger;
}

/** How long a client that is refused may stay. */
const refusalMs = 10_000;

/** The door of Kubernetes clients. */
export class KubeDoor implements Closable {
  readonly #options: KubeDoorOptions;
  readonly #refused = new WeakMap<object, unknown>();
  readonly #refusals;

  constructor(options: KubeDoorOptions) {
    this.#options = options;
    this.#refusals = createServer(
      { maxHeaderSize: 64 * 1024 },
      ({ socket, url = "" }, response) => {
        const { code, contentType, body } = refusalAnswer(this.#refused.get(socket), url);
        response.writeHead(code, { "content-type": contentType, connection: "close" });
        response.end(body);
      },
    );
  }

  /** Takes a connection. */
  accept(connection: Connection): void {
    this.#serve(connection).catch((error: unknown) => {
      if (!isFault(error)) this.#options.logger.error("a Kubernetes client failed", { error });
      this.#refuse(connection, error);
    });
  }

  async close(): Promise<void> {
    this.#refusals.closeAllConnections();
  }

  async #serve(connection: Connection): Promise<void> {
    const { peers, dialer } = this.#options;
    const { socket } = connection;
    const peer = peers.identify(connection);
    const user = peers.requireUser(peer, "kube");
    const { kubernetesCluster: name } = user;
    if (name === undefined || peer.certificate === undefined) {
      throw new Fault("malformed", "the certificate names no Kubernetes cluster", {
        hint: "write a kubeconfig for one with: tsh kube login NAME",
      });
    }
    const join = await dialer.connectAgent("kube_server", name, {
      service: "kube",
      clientAddress: peer.address,
      certificate: peer.certificate.encoded,
    });
    const release = peers.hold(user, () => socket.destroy());
    await join(socket).finally(release);
  }

  /** Answers whatever is asked on the connection. */
  #refuse({ socket, protocol }: Connection, error: unknown): void {
    if (socket.destroyed) return;
    setTimeout(() => socket.destroy(), refusalMs).unref();
    if (protocol === "h2") {
      refuseOverHttp2(socket, error);
      return;
    }
    this.#refused.set(socket, error);
    this.#refusals.emit("connection", socket);
  }
}

function refuseOverHttp2(socket: TLSSocket, error: unknown): void {
  const session = performServerHandshake(socket);
  session.on("error", () => socket.destroy());
  session.on("stream", (stream, { ":path": path = "" }) => {
    stream.on("error", () => {});
    const { code, contentType, body } = refusalAnswer(error, path);
    stream.respond({ ":status": code, "content-type": contentType });
    stream.end(body);
    // The next attempt may come with another certificate, on another connection.
    session.close();
  });
}
