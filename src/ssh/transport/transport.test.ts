import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { ignore, kexInit, newKeys } from "#ssh/messages/transport.ts";
import { ServerConnection } from "#ssh/server.ts";
import type { PresentedHostKey } from "#ssh/transport/host-key.ts";
import { keyExchangeNames } from "#ssh/transport/key-exchange.ts";
import { cipherNames } from "#ssh/transport/packet-cipher.ts";
import { certify, createKey } from "../../../test/support/ssh-keys.ts";
import {
  connectClient,
  hostKey,
  join,
  serverOptions,
  tamper,
  timers,
} from "../../../test/support/ssh-pair.ts";

for (const keyExchange of keyExchangeNames) {
  for (const cipher of cipherNames) {
    test(`both roles agree on ${keyExchange} and ${cipher}`, async () => {
      const algorithms = { keyExchange: [keyExchange], cipher: [cipher] };
      const { client, transport } = join({}, { algorithms });
      await client.ready;
      assert.deepEqual(transport.algorithms, {
        ...{ keyExchange, hostKey: "ssh-ed25519" },
        ...{ cipherToServer: cipher, cipherToClient: cipher },
      });
      client.close();
    });
  }
}

test("prefers the key exchange that withstands quantum computers", async () => {
  const { client, transport } = join();
  await client.ready;
  assert.equal(transport.algorithms?.keyExchange, "mlkem768x25519-sha256");
  client.close();
});

test("fails with a sentence when nothing is in common", async () => {
  const { client, server } = join(
    { algorithms: { cipher: [cipherNames[0] ?? ""] } },
    {
      algorithms: { cipher: [cipherNames[1] ?? ""] },
    },
  );
  await assert.rejects(client.ready, /no cipher in common/);
  await server.closed;
});

test("a host certificate is shown before the plain key", async () => {
  const authority = createKey();
  const certificate = certify(hostKey, authority, { type: "host" });
  const seen: PresentedHostKey[] = [];
  const { client } = join(
    { hostKeys: [{ signer: hostKey.signer, certificate }] },
    { verifyHost: (presented) => void seen.push(presented) },
  );
  await client.ready;
  assert.deepEqual(seen[0]?.certificate?.authority, authority.signer.publicKey);
  assert.deepEqual(seen[0]?.key.blob, hostKey.signer.publicKey);
  client.close();
});

test("a host key whose signature another key made is refused", async () => {
  const signer = { ...createKey().signer, publicKey: hostKey.signer.publicKey };
  const { client } = join({ hostKeys: [{ signer }] });
  await assert.rejects(client.ready, (error) => isFault(error, "unproven"));
});

test("a host key that the caller refuses ends the connection before authentication", async () => {
  let attempts = 0;
  const { client, server } = join(
    { authentication: { decide: () => void attempts++ } },
    { verifyHost: () => Promise.reject(new Error("not this one")) },
  );
  await assert.rejects(client.ready, (error) => isFault(error, "internal"));
  await server.closed;
  assert.equal(attempts, 0);
});

test("the host key is judged again at every rekey", async () => {
  let judged = 0;
  const again = Promise.withResolvers<void>();
  const { client, transport } = join(
    {},
    { verifyHost: () => void (++judged === 2 && again.resolve()) },
  );
  await client.ready;
  transport.rekey();
  await again.promise;
  await client.ping();
  client.close();
});

for (const side of ["client", "server"] as const) {
  test(`new keys are agreed on after an hour, started by the ${side}`, async () => {
    const rekeyMs = side === "client" ? 1_111_111 : 2_222_222;
    let judged = 0;
    const { client } = join(side === "server" ? { rekeyMs } : {}, {
      verifyHost: () => void judged++,
      ...(side === "client" ? { rekeyMs } : {}),
    });
    await client.ready;
    await client.ping();
    assert.equal(timers.run(rekeyMs), 1);
    await client.ping();
    await client.ping();
    assert.equal(judged, 2);
    client.close();
  });
}

/** A packet before encryption: length, padding length, payload, padding. */
function plainPacket(payload: Uint8Array): Uint8Array {
  const padding = 16 - ((5 + payload.length) % 8);
  const packet = Buffer.alloc(5 + payload.length + padding);
  packet.writeUInt32BE(1 + payload.length + padding);
  packet[4] = padding;
  packet.set(payload, 5);
  return packet;
}

const ignored = plainPacket(ignore.encode({ data: new Uint8Array(3) }));
const versionEnd = Buffer.from("\r\n");

/** Runs a client against a server with `extra` put into what the client sends. */
async function inject(where: "before KEXINIT" | "after KEXINIT", extra: Uint8Array) {
  let sent = Buffer.alloc(0);
  const { serverEnd, clientEnd } = tamper((chunk) => {
    const before = sent.length;
    sent = Buffer.concat([sent, chunk]);
    const at = sent.indexOf(versionEnd) + 2;
    const end = at + 4 + (sent.length >= at + 4 ? sent.readUInt32BE(at) : 0);
    const position = where === "before KEXINIT" ? at : end;
    if (before > position || sent.length < position) return [chunk];
    if (before === position && before > 0) return [chunk];
    return [chunk.subarray(0, position - before), extra, chunk.subarray(position - before)];
  });
  const server = new ServerConnection(serverEnd, serverOptions());
  const { client } = connectClient(clientEnd);
  client.ready.catch(() => {});
  return await server.closed;
}

for (const where of ["before KEXINIT", "after KEXINIT"] as const) {
  test(`a packet that somebody slips in ${where} is fatal (Terrapin, CVE-2023-48795)`, async () => {
    const fault = await inject(where, ignored);
    assert.ok(isFault(fault, "malformed"), fault.message);
    assert.match(fault.message, /first message|during the key exchange/);
  });
}

test("a second KEXINIT is fatal", async () => {
  const again = kexInit.encode({
    ...{ cookie: new Uint8Array(16), keyExchange: ["curve25519-sha256"], hostKey: ["ssh-ed25519"] },
    ...{ cipherToServer: cipherNames, cipherToClient: cipherNames },
    ...{ macToServer: [], macToClient: [], languageToServer: [], languageToClient: [] },
    ...{ compressionToServer: ["none"], compressionToClient: ["none"] },
    ...{ firstPacketFollows: false, reserved: 0 },
  });
  const fault = await inject("after KEXINIT", plainPacket(again));
  assert.match(fault.message, /a key exchange begins within another/);
});

for (const number of [5, 21, 31, 50, 80, 90, 94]) {
  test(`message ${number} during the key exchange is fatal`, async () => {
    const fault = await inject("after KEXINIT", plainPacket(Uint8Array.of(number, 0, 0, 0, 0)));
    assert.ok(isFault(fault, "malformed"), fault.message);
  });
}

test("a packet that was changed on its way is fatal", async () => {
  let sealed = false;
  const { serverEnd, clientEnd } = tamper((chunk) => {
    const changed = Buffer.from(chunk);
    // NEWKEYS is 16 bytes long; all that comes behind it ends with a tag.
    const at = changed.indexOf(Uint8Array.of(0, 0, 0, 12, 10, newKeys.number));
    if (sealed || (at >= 0 && at + 16 < changed.length)) {
      changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    }
    sealed ||= at >= 0;
    return [changed];
  });
  const server = new ServerConnection(serverEnd, serverOptions());
  const { client } = connectClient(clientEnd);
  await assert.rejects(client.ready);
  const fault = await server.closed;
  assert.match(fault.message, /changed on its way/);
});

test("a peer that goes away mid-way is reported once, on both sides", async () => {
  const { serverEnd, clientEnd } = tamper((chunk) => [chunk]);
  const server = new ServerConnection(serverEnd, serverOptions());
  const { client } = connectClient(clientEnd);
  await client.ready;
  clientEnd.destroy();
  assert.ok(isFault(await server.closed, "unavailable"));
  assert.ok(isFault(await client.closed, "unavailable"));
});
