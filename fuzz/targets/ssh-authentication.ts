/** Messages inside the encrypted transport before the user is known: what reaches user authentication. */
import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { concat } from "#base/bytes.ts";
import { type Fault, isFault } from "#base/fault.ts";
import { bytesToSign, encodeRequest } from "#ssh/auth/request.ts";
import { keyProof, keyQuery } from "#ssh/messages/auth.ts";
import { channelOpen, empty } from "#ssh/messages/connection.ts";
import { extInfo, ping, serviceRequest } from "#ssh/messages/transport.ts";
import { ServerConnection } from "#ssh/server.ts";
import { Transport } from "#ssh/transport/transport.ts";
import { sshAuthority, sshCertificate, sshUser } from "../fixtures.ts";
import { SeededNumbers } from "../random.ts";
import type { Target } from "../target.ts";

const settings = {
  version: "SSH-2.0-fuzz",
  random: new SeededNumbers(6n).bytes,
  startTimer: () => () => {},
};

/** The input is a list of messages, each after a 16-bit length. */
export const sshAuthentication: Target = {
  name: "ssh-authentication",
  maxLength: 60_000,
  dictionary: ["publickey", "none", "password", "ssh-connection", "ssh-userauth", "ssh-ed25519"],
  open: () => ({
    seeds: [seed(sshUser.publicKey, "ssh-ed25519"), seed(sshCertificate(), certificateName)],
    run: async (input) => {
      const [serverEnd, clientEnd] = duplexPair();
      let decided = 0;
      let proven = 0;
      const server = new ServerConnection(serverEnd, {
        ...settings,
        hostKeys: [{ signer: sshAuthority }],
        authentication: {
          decide: (attempt) => {
            decided++;
            if (attempt.proven) proven++;
            return undefined;
          },
        },
        onSession: () => assert.fail("a session opens without a user"),
        onDirectTcpip: () => assert.fail("a forward opens without a user"),
      });
      const over = Promise.withResolvers<Fault>();
      const client = new Transport(clientEnd, { role: "client", verifyHost: () => {} }, settings, {
        ready() {
          for (const message of messagesOf(input)) client.send(message);
          // After this the server has seen everything.
          client.close();
        },
        message: () => {},
        writable: () => {},
        closed: over.resolve,
      });
      const [fault] = await Promise.all([server.closed, over.promise]);
      clientEnd.destroy();
      serverEnd.destroy();
      assert.ok(isFault(fault) && fault.code !== "internal", String(fault?.stack));
      assert.equal(proven, 0, "a proof over another session holds");
      return `${decided > 0} ${fault.message.replace(/\d+/g, "#").slice(0, 120)}`;
    },
  }),
};

const certificateName = "ssh-ed25519-cert-v01@openssh.com";

function seed(blob: Uint8Array, algorithm: string): Uint8Array {
  const query = { signed: true, algorithm, blob };
  const signature = sshUser.sign(bytesToSign(new Uint8Array(32), "root", query), "ssh-ed25519");
  const messages = [
    serviceRequest.encode({ service: "ssh-userauth" }),
    encodeRequest("root", keyQuery.encode({ ...query, signed: false })),
    encodeRequest("root", keyProof.encode({ ...query, signature })),
    ping.encode({ data: new Uint8Array(3) }),
    extInfo.encode({ extensions: new Map([["x", new Uint8Array(2)]]) }),
    channelOpen.encode({
      ...{ type: "session", sender: 0, window: 100, maxPacket: 100 },
      payload: empty.encode({}).slice(),
    }),
  ];
  return concat(
    ...messages.map((message) =>
      concat(Uint8Array.of(message.length >>> 8, message.length), message.slice()),
    ),
  );
}

function messagesOf(input: Uint8Array): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let at = 0; at + 2 < input.length && messages.length < 100; ) {
    const length = ((input[at] ?? 0) << 8) | (input[at + 1] ?? 0);
    const message = input.subarray(at + 2, at + 2 + length);
    if (message.length > 0) messages.push(message);
    at += 2 + length;
  }
  return messages;
}
