/** A running agent over fake work, for tests of its sockets. */
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Duplex, duplexPair } from "node:stream";
import { Fault, isFault } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";
import type { ClusterAccess, DialTarget, ResourceQuery } from "#client/access.ts";
import { BusyNotices } from "#client/agent/busy-notices.ts";
import { type AgentPlace, agentPlace } from "#client/agent/place.ts";
import { AgentServer, type AgentWork } from "#client/agent/server.ts";
import type { AuthenticationAttempt } from "#ssh/auth/server.ts";
import { issueCertificate } from "#ssh/certificate.ts";
import { ServerConnection } from "#ssh/server.ts";
import { keySigner } from "#ssh/signer.ts";
import { Writer } from "#ssh/wire.ts";
import { connectClient, serverOptions } from "../ssh-pair.ts";

/** A user certificate for a fresh key, signed by a fresh authority. */
export function testSshCertificate(extensions: Record<string, string> = {}) {
  const signer = keySigner(generateKeyPairSync("ed25519").privateKey);
  const authority = keySigner(generateKeyPairSync("ed25519").privateKey);
  const certificate = issueCertificate(
    {
      type: "user",
      publicKey: signer.publicKey,
      serial: 1n,
      keyId: "alice",
      principals: ["root"],
      validAfter: new Date(Date.now() - 60_000),
      validBefore: new Date(Date.now() + 3_600_000),
      extensions,
    },
    authority,
    systemRandom,
  );
  return { signer, certificate };
}

/** The bytes that a client signs to log in with `blob` (RFC 4252 section 7). */
export function userAuthData(blob: Uint8Array, change: { method?: string; service?: string } = {}) {
  return new Writer()
    .string(new Uint8Array(32))
    .byte(50)
    .string("root")
    .string(change.service ?? "ssh-connection")
    .string(change.method ?? "publickey")
    .boolean(true)
    .string("ssh-ed25519-cert-v01@openssh.com")
    .string(blob)
    .done()
    .slice();
}

/** A node that lets root in, and whose commands give back what they get. */
function serveEcho(stream: Duplex): ServerConnection<AuthenticationAttempt> {
  const options = serverOptions({
    authentication: {
      banner: "welcome\n",
      decide: (attempt) => (attempt.login === "root" ? attempt : undefined),
    },
    onSession: (session) => ({
      exec: () => {
        session.channel.pipe(session.channel);
        return true;
      },
    }),
  });
  return new ServerConnection(stream, options);
}

/** Starts an agent in a folder of its own. The fake node echoes what it gets. */
export async function startTestAgent(idleMs = 0) {
  const folder = mkdtempSync(join(tmpdir(), "agent-"));
  const place = agentPlace(folder, { XDG_RUNTIME_DIR: folder });
  const credential = testSshCertificate();
  const calls: (ResourceQuery | DialTarget | string)[] = [];
  const notices = new BusyNotices();
  const nodeEnds: Duplex[] = [];
  const nodes: ServerConnection<AuthenticationAttempt>[] = [];
  const access: ClusterAccess = {
    listNodes: async (query) => {
      calls.push(query);
      return [{ kind: "node", metadata: { name: "id" }, spec: { hostname: "node" } }];
    },
    dialNode: async (target) => {
      calls.push(target);
      if (target.host === "missing") {
        throw new Fault("not-found", "no such node", { hint: "see tsh ls" });
      }
      const [near, far] = duplexPair();
      nodeEnds.push(near);
      far.pipe(far);
      return near;
    },
    logInToNode: async (target) => {
      calls.push(target);
      const [near, far] = duplexPair();
      nodes.push(serveEcho(far));
      const banner: string[] = [];
      const onBanner = (text: string) => void banner.push(text.trimEnd());
      const { transport } = connectClient(near, { user: target.login, onBanner });
      try {
        await transport.ready;
        return { banner, transport };
      } catch (error) {
        if (isFault(error)) return { banner, fault: error };
        throw error;
      }
    },
    listDatabases: async (query) => {
      calls.push(query);
      return [];
    },
    dialDatabase: async ({ serviceName }) => {
      calls.push(serviceName);
      const [near, far] = duplexPair();
      nodeEnds.push(near);
      far.pipe(far);
      return near;
    },
    listKubeClusters: async (query) => {
      calls.push(query);
      return [];
    },
    certifyForKube: async (kubeCluster) => ({ certificate: `of ${kubeCluster}`, key: "key" }),
    dialKube: async (kubeCluster) => {
      calls.push(kubeCluster);
      const [near, far] = duplexPair();
      nodeEnds.push(near);
      far.pipe(far);
      return near;
    },
    device: async () => ({ assetTag: "X1", problem: undefined }),
    // Waits for the TPM once, and answers while another wait goes on.
    refreshDevice: async () => {
      for (const busy of [true, false, true]) notices.tell(busy);
      return { assetTag: "X2", problem: undefined };
    },
    close() {},
  };
  const work: AgentWork = {
    access: async (host) => {
      if (host !== "localhost") throw new Fault("not-found", `not logged in at ${host}`);
      return access;
    },
    listenBusy: (_host, listener) => notices.listen(listener),
    forget: async (host) => {
      calls.push(`forget ${host}`);
      return true;
    },
    identities: async () => [
      {
        certificate: credential.certificate,
        publicKey: credential.signer.publicKey,
        comment: "alice@main",
      },
    ],
    sign: async (_blob, data, algorithm) => credential.signer.sign(data, algorithm),
    close() {},
  };
  const server = await AgentServer.start({ place, work, idleMs });
  return {
    place,
    server,
    credential,
    calls,
    nodeEnds,
    nodes,
    notices,
    work,
    close() {
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Asserts the type: a place of nobody's agent. */
export function emptyPlace(): { place: AgentPlace; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "agent-"));
  return {
    place: agentPlace(folder, { XDG_RUNTIME_DIR: folder }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
