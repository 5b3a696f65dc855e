/** Raw bytes to an SSH server and to an SSH client before any key is agreed: version, packets, KEXINIT, shares. */
import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { concat, utf8 } from "#base/bytes.ts";
import { type Fault, isFault } from "#base/fault.ts";
import { ClientConnection } from "#ssh/client.ts";
import { ClientTransport } from "#ssh/client-transport.ts";
import { kexClient, kexInit, kexServer, newKeys } from "#ssh/messages/transport.ts";
import { ServerConnection } from "#ssh/server.ts";
import { createKexInit } from "#ssh/transport/negotiation.ts";
import { sshAuthority, sshUser } from "../fixtures.ts";
import { SeededNumbers } from "../random.ts";
import type { Target } from "../target.ts";

const settings = {
  version: "SSH-2.0-fuzz",
  random: new SeededNumbers(5n).bytes,
  // No timer ever fires: what ends, ends because of the input.
  startTimer: () => () => {},
};

/** The first byte chooses the role that is attacked. */
export const sshConnection: Target = {
  name: "ssh-connection",
  maxLength: 300_000,
  dictionary: ["SSH-2.0-x\r\n", "curve25519-sha256", "kex-strict-c-v00@openssh.com", "\0\0\0\x0c"],
  open: () => ({
    seeds: [0, 1].map((role) => concat(Uint8Array.of(role), conversation(role))),
    run: async (input) => {
      const [ours, theirs] = duplexPair();
      const closed = (input[0] ?? 0) % 2 === 0 ? serve(ours) : connect(ours);
      theirs.on("error", () => {});
      theirs.resume();
      theirs.write(input.subarray(1));
      theirs.end();
      const fault = await closed;
      theirs.destroy();
      assert.ok(isFault(fault), "the connection ends for a reason that is no fault");
      assert.ok(fault.code !== "internal", String(fault.stack));
      return `${(input[0] ?? 0) % 2} ${fault.message.replace(/\d+/g, "#").slice(0, 120)}`;
    },
  }),
};

function serve(socket: ReturnType<typeof duplexPair>[0]): Promise<Fault> {
  const server = new ServerConnection(socket, {
    ...settings,
    hostKeys: [{ signer: sshAuthority }],
    authentication: { decide: () => undefined },
    onSession: () => ({}),
  });
  return server.closed;
}

function connect(socket: ReturnType<typeof duplexPair>[0]): Promise<Fault> {
  const client = new ClientConnection(
    new ClientTransport(socket, {
      ...settings,
      user: "root",
      identity: { signer: sshUser },
      verifyHost: () => {},
    }),
  );
  client.ready.catch(() => {});
  return client.closed;
}

function conversation(role: number): Uint8Array {
  const offer = {
    keyExchange: ["curve25519-sha256", "ecdh-sha2-nistp256"],
    hostKey: ["ssh-ed25519"],
    cipher: ["aes256-gcm@openssh.com"],
  };
  const init = kexInit.encode(createKexInit(offer, [], settings.random));
  const share = new Uint8Array(32).fill(9);
  const exchange =
    role === 0
      ? kexClient.encode({ share })
      : kexServer.encode({ hostKey: sshAuthority.publicKey, share, signature: new Uint8Array(83) });
  const packets = [init.slice(), exchange.slice(), newKeys.encode({}).slice()].map(frame);
  return concat(utf8("SSH-2.0-x\r\n"), ...packets);
}

function frame(payload: Uint8Array): Uint8Array {
  const padding = 8 - ((5 + payload.length) % 8) + 8;
  const length = 1 + payload.length + padding;
  const head = Uint8Array.of(length >>> 24, length >>> 16, length >>> 8, length, padding);
  return concat(head, payload, new Uint8Array(padding));
}
