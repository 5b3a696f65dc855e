import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import { Fault, isFault } from "#base/fault.ts";
import { bytesToSign, encodeRequest } from "#ssh/auth/request.ts";
import type { AuthenticationAttempt } from "#ssh/auth/server.ts";
import { parseCertificate } from "#ssh/certificate.ts";
import { authFailure, authRequest, authSuccess, keyProof, keyQuery } from "#ssh/messages/auth.ts";
import { channelOpen } from "#ssh/messages/connection.ts";
import { serviceAccept, serviceRequest } from "#ssh/messages/transport.ts";
import { ServerConnection, type ServerOptions } from "#ssh/server.ts";
import { keySigner } from "#ssh/signer.ts";
import { Transport } from "#ssh/transport/transport.ts";
import { certify, createKey, type TestKey } from "../../../test/support/ssh-keys.ts";
import { join, serverOptions, settings, timers, userKey } from "../../../test/support/ssh-pair.ts";

const ed25519 = "ssh-ed25519";
type Rules = ServerOptions<AuthenticationAttempt>["authentication"];

/** A client that sends whatever a test wants, and the answers that it gets. */
class RawClient {
  readonly server: ServerConnection<AuthenticationAttempt>;
  readonly transport: Transport;
  #answers: Uint8Array[] = [];
  #wake: () => void = () => {};
  #ended = false;

  constructor(rules: Rules) {
    const [serverEnd, clientEnd] = duplexPair();
    this.server = new ServerConnection(serverEnd, serverOptions({ authentication: rules }));
    this.transport = new Transport(clientEnd, { role: "client", verifyHost: () => {} }, settings, {
      ready: () => this.transport.send(serviceRequest.encode({ service: "ssh-userauth" })),
      message: (_number, payload) => {
        this.#answers.push(payload);
        this.#wake();
      },
      writable: () => {},
      closed: () => {
        this.#ended = true;
        this.#wake();
      },
    });
  }

  /** The next message of the server, undefined if it hung up. */
  async answer(): Promise<Uint8Array | undefined> {
    while (this.#answers.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#answers.shift();
  }

  static async start(rules: Rules): Promise<RawClient> {
    const client = new RawClient(rules);
    assert.equal((await client.answer())?.[0], serviceAccept.number);
    return client;
  }

  async send(payload: Uint8Array): Promise<number | undefined> {
    this.transport.send(payload);
    return (await this.answer())?.[0];
  }

  /** A request for `login` that offers `blob` and is signed by `signer` over what `signed` says. */
  proof(
    login: string,
    blob: Uint8Array,
    signer: TestKey,
    signed: Partial<Signed> = {},
  ): Uint8Array {
    const query = { signed: true, algorithm: signed.algorithm ?? ed25519, blob };
    const sessionId = signed.sessionId ?? this.transport.sessionId;
    const covered = { ...query, blob: signed.blob ?? blob };
    const bytes = bytesToSign(sessionId, signed.login ?? login, covered);
    const signature = signer.signer.sign(bytes, ed25519);
    return encodeRequest(login, keyProof.encode({ ...query, signature }));
  }
}

interface Signed {
  readonly algorithm: string;
  readonly sessionId: Uint8Array;
  readonly login: string;
  readonly blob: Uint8Array;
}

const allow: Rules = { decide: (attempt) => attempt };

test("lets a plain key and a certificate in, and says which", async () => {
  for (const kind of ["ed25519", "ecdsa256", "rsa"] as const) {
    const key = createKey(kind);
    const certificate = certify(key, createKey());
    for (const identity of [{ signer: key.signer }, { signer: key.signer, certificate }]) {
      const { client, server } = join({}, { identity });
      await client.ready;
      assert.equal(server.login, "root");
      assert.deepEqual(server.identity.key.blob, key.signer.publicKey);
      assert.deepEqual(server.identity.certificate?.blob, identity.certificate);
      client.close();
    }
  }
});

test("tells a query from a proof", async () => {
  const proven: boolean[] = [];
  const client = await RawClient.start({
    decide: (attempt) => {
      proven.push(attempt.proven);
      return attempt;
    },
  });
  const blob = userKey.signer.publicKey;
  const query = encodeRequest("root", keyQuery.encode({ signed: false, algorithm: ed25519, blob }));
  assert.equal(await client.send(query), 60);
  assert.throws(
    () => client.server.identity,
    (error) => isFault(error, "unproven"),
  );
  assert.equal(await client.send(client.proof("root", blob, userKey)), authSuccess.number);
  assert.deepEqual(proven, [false, true]);
});

test("offering key A and signing with key B fails (CVE-2024-45337)", async () => {
  let decided = 0;
  const client = await RawClient.start({
    decide: (attempt) => {
      decided++;
      return attempt;
    },
  });
  const [good, evil] = [createKey(), createKey()];
  const blob = good.signer.publicKey;
  const query = encodeRequest("root", keyQuery.encode({ signed: false, algorithm: ed25519, blob }));
  assert.equal(await client.send(query), 60);
  assert.equal(await client.send(client.proof("root", blob, evil)), authFailure.number);
  assert.equal(decided, 1);
  // Had the query been remembered, the next key would get its identity.
  assert.equal(
    await client.send(client.proof("root", evil.signer.publicKey, evil)),
    authSuccess.number,
  );
  assert.deepEqual(client.server.identity.key.blob, evil.signer.publicKey);
});

const wrong: Record<string, Partial<Signed>> = {
  "another session": { sessionId: new Uint8Array(32) },
  "another login": { login: "alice" },
  "another key": { blob: createKey().signer.publicKey },
};

for (const [what, signed] of Object.entries(wrong)) {
  test(`a signature over ${what} does not count`, async () => {
    const client = await RawClient.start(allow);
    const blob = userKey.signer.publicKey;
    const request = client.proof("root", blob, userKey, signed);
    assert.equal(await client.send(request), authFailure.number);
  });
}

test("a certificate is proved by the key inside it, not by the authority", async () => {
  const authority = createKey();
  const blob = certify(userKey, authority);
  const algorithm = "ssh-ed25519-cert-v01@openssh.com";
  const client = await RawClient.start(allow);
  const forged = client.proof("root", blob, authority, { algorithm });
  assert.equal(await client.send(forged), authFailure.number);
  const right = client.proof("root", blob, userKey, { algorithm });
  assert.equal(await client.send(right), authSuccess.number);
  assert.equal(client.server.identity.certificate?.keyId, parseCertificate(blob).keyId);
});

const unusable: Record<string, (client: RawClient) => Uint8Array> = {
  "an unknown algorithm": (client) =>
    client.proof("root", userKey.signer.publicKey, userKey, { algorithm: "ssh-dss" }),
  "RSA with SHA-1": (client) =>
    client.proof("root", createKey("rsa").signer.publicKey, userKey, { algorithm: "ssh-rsa" }),
  "a blob of another type than its algorithm": (client) =>
    client.proof("root", createKey("rsa").signer.publicKey, userKey),
  "a blob that is cut short": (client) =>
    client.proof("root", userKey.signer.publicKey.subarray(0, -1), userKey),
  "a request that goes on after its end": () =>
    encodeRequest("root", Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 1)),
  "another method": () =>
    authRequest.encode({
      ...{ user: "root", service: "ssh-connection", method: "password" },
      rest: new Uint8Array(10),
    }),
  "another service": () =>
    authRequest.encode({
      ...{ user: "root", service: "shell", method: "publickey", rest: new Uint8Array(10) },
    }),
};

for (const [what, request] of Object.entries(unusable)) {
  test(`${what} is an ordinary failure, not a disconnect`, async () => {
    const client = await RawClient.start(allow);
    assert.equal(await client.send(request(client)), authFailure.number);
    const good = client.proof("root", userKey.signer.publicKey, userKey);
    assert.equal(await client.send(good), authSuccess.number);
  });
}

test("a fault of the decision is a failure for the client, and its reason is for the audit log", async () => {
  const reasons: unknown[] = [];
  const { client, server } = join({
    authentication: {
      decide: () => Promise.reject(new Fault("device-required", "no trusted device")),
      onFailure: (login, reason) => reasons.push([login, String(reason)]),
    },
  });
  await assert.rejects(client.ready, (error) => isFault(error, "access-denied"));
  assert.deepEqual(reasons, [["root", "Fault: no trusted device"]]);
  await server.closed;
});

test("a bug in the decision lets nobody in", async () => {
  const { client } = join({
    authentication: {
      decide: () => {
        throw new TypeError("a bug");
      },
    },
  });
  await assert.rejects(client.ready);
});

test("hangs up after ten refusals", async () => {
  const client = await RawClient.start({ decide: () => undefined });
  const request = client.proof("root", userKey.signer.publicKey, userKey);
  for (let i = 0; i < 9; i++) assert.equal(await client.send(request), authFailure.number);
  assert.equal(await client.send(request), undefined);
  assert.ok(isFault(await client.server.closed, "limit"));
});

test("hangs up on a client that only asks", async () => {
  const client = await RawClient.start(allow);
  const query = { signed: false, algorithm: ed25519, blob: userKey.signer.publicKey };
  const request = encodeRequest("root", keyQuery.encode(query));
  let answers = 0;
  while ((await client.send(request)) === 60) answers++;
  assert.equal(answers, 64);
});

test("hangs up on a client that does not authenticate in time", async () => {
  const graceMs = 4_321;
  const client = await RawClient.start({ ...allow, graceMs });
  assert.equal(timers.run(graceMs), 1);
  assert.ok(isFault(await client.server.closed, "timeout"));
});

test("the time to authenticate does not end a session", async () => {
  const graceMs = 5_432;
  const { client } = join({ authentication: { ...allow, graceMs } });
  await client.ready;
  assert.equal(timers.run(graceMs), 0);
  await client.ping();
  client.close();
});

test("a channel before authentication is fatal", async () => {
  const client = await RawClient.start(allow);
  const open = { type: "session", sender: 0, window: 1, maxPacket: 1, payload: new Uint8Array(0) };
  assert.equal(await client.send(channelOpen.encode(open)), undefined);
  assert.ok(isFault(await client.server.closed, "malformed"));
});

test("attempts are judged one after the other", async () => {
  let running = 0;
  const client = await RawClient.start({
    decide: async () => {
      assert.equal(++running, 1);
      await new Promise(setImmediate);
      running--;
      return undefined;
    },
  });
  const request = client.proof("root", userKey.signer.publicKey, userKey);
  for (let i = 0; i < 3; i++) client.transport.send(request);
  for (let i = 0; i < 3; i++) assert.equal((await client.answer())?.[0], authFailure.number);
});

test("a client signs RSA with what the server says it can verify", async () => {
  const signed: string[] = [];
  const rsa = createKey("rsa");
  const signer = keySigner(rsa.privateKey);
  const recording = {
    publicKey: signer.publicKey,
    sign: async (data: Uint8Array, algorithm: string) => {
      signed.push(algorithm);
      return signer.sign(data, algorithm);
    },
  };
  const { client } = join({}, { identity: { signer: recording } });
  await client.ready;
  assert.deepEqual(signed, ["rsa-sha2-512"]);
  client.close();
});

test("shows the banner", async () => {
  const banners: string[] = [];
  const { client } = join(
    { authentication: { ...allow, banner: "hello\n" } },
    { onBanner: (text) => void banners.push(text) },
  );
  await client.ready;
  assert.deepEqual(banners, ["hello\n"]);
  client.close();
});
