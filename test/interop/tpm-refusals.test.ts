/** What real TPMs refuse to do, and what the server refuses although a real TPM did it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import { systemRandom } from "#base/random.ts";
import { withEndorsementKey, withStorageRoot } from "#client/device/tpm-keys.ts";
import { verifyPlatform } from "#devicetrust/platform.ts";
import { checkAttestationKey, parseAttestationKey } from "#tpm/attestation-key.ts";
import type { TpmClient } from "#tpm/client.ts";
import { quotePcrs } from "#tpm/commands/attestation.ts";
import { passwordOf } from "#tpm/commands/command.ts";
import { loadKey } from "#tpm/commands/keys.ts";
import {
  activateCredential,
  assertEndorsementPolicy,
  startPolicySession,
} from "#tpm/commands/sessions.ts";
import { algorithm } from "#tpm/constants.ts";
import { parseEndorsementKey } from "#tpm/endorsement-certificate.ts";
import type { ObjectName } from "#tpm/forms.ts";
import { makeCredential } from "#tpm/make-credential.ts";
import { verifyQuotes } from "#tpm/quote.ts";
import { isTpmFault, responseCode } from "#tpm/response-code.ts";
import { attestationKeyTemplate } from "#tpm/templates.ts";
import { bootEvents, encodeEventLog } from "../support/event-log.ts";
import {
  rsaAttestationTemplate,
  unrestrictedTemplate,
  withRealKey,
  withTpm,
} from "../support/real-tpm-key.ts";
import { assertRefused } from "../support/refusals.ts";
import { toPlatformParameters } from "../support/simulated-devices.ts";
import { SimulatedTpm } from "../support/simulated-tpm.ts";
import {
  createVendor,
  manufactureTpm,
  type RunningTpm,
  removeTpms,
  startTpm,
} from "../support/swtpm.ts";
import { measureEvent, setEndorsementPassword, signDigest } from "../support/tpm-provisioning.ts";

const strict = { allowSha1: false };
const { sha1, sha256 } = algorithm;

let a: RunningTpm;
let b: RunningTpm;
before(async () => {
  const vendor = await createVendor("refusals");
  a = await startTpm((await manufactureTpm(vendor)).stateDir);
  b = await startTpm((await manufactureTpm(vendor)).stateDir);
});
after(async () => {
  await a.stop();
  await b.stop();
  await removeTpms();
});

const endorsementOf = (tpm: RunningTpm) =>
  withTpm(tpm, (client) =>
    withEndorsementKey(client, async ({ spki }) => parseEndorsementKey(spki)),
  );

/** Has a TPM activate a credential that was made for an endorsement key and a name. */
async function activate(
  client: TpmClient,
  handle: number,
  credential: ReturnType<typeof makeCredential>,
  password: Uint8Array = new Uint8Array(0),
): Promise<Uint8Array> {
  return withEndorsementKey(client, (endorsement) =>
    client.withHandle(startPolicySession(systemRandom(32)), async (session) => {
      await client.run(assertEndorsementPolicy(session, passwordOf(password)));
      return client.run(activateCredential(handle, endorsement.handle, session, credential));
    }),
  );
}

for (const [kind, template] of [
  ["P-256", attestationKeyTemplate],
  ["RSA", rsaAttestationTemplate],
] as const) {
  test(`activates the credential of its own ${kind} key, and quotes two banks with it`, async () => {
    const endorsement = await endorsementOf(a);
    await withTpm(a, (client) =>
      withRealKey(client, template, async (real) => {
        const key = checkAttestationKey(real.parameters, strict);
        const secret = systemRandom(32);
        const credential = makeCredential(endorsement, key.name, secret, systemRandom);
        assert.deepEqual(await activate(client, real.handle, credential), secret);
        const evidence = await real.quote(systemRandom(32), [sha1, sha256]);
        assert.equal(verifyQuotes(key, evidence).pcrs.length, 48);
      }),
    );
  });
}

test("refuses to activate with another endorsement key: certificate of A, attestation key of B", async () => {
  const endorsementOfA = await endorsementOf(a);
  await withTpm(b, (client) =>
    withRealKey(client, attestationKeyTemplate, async (real) => {
      const { name } = checkAttestationKey(real.parameters, strict);
      const credential = makeCredential(endorsementOfA, name, systemRandom(32), systemRandom);
      await assert.rejects(activate(client, real.handle, credential), (error) => isTpmFault(error));
    }),
  );
});

test("a TPM whose endorsement hierarchy has a password activates with it only, and says how to remove it", async () => {
  const vendor = await createVendor("password");
  const tpm = await startTpm((await manufactureTpm(vendor)).stateDir);
  const password = utf8("0123456789abcdefghij");
  const endorsement = await endorsementOf(tpm);
  await withTpm(tpm, (client) =>
    withRealKey(client, attestationKeyTemplate, async (real) => {
      await client.run(setEndorsementPassword(password));
      const { name } = checkAttestationKey(real.parameters, strict);
      const secret = systemRandom(32);
      const credential = makeCredential(endorsement, name, secret, systemRandom);
      for (const wrong of [new Uint8Array(0), utf8("0123456789abcdefghik")]) {
        await assert.rejects(activate(client, real.handle, credential, wrong), (error) => {
          assert.ok(isTpmFault(error));
          assert.match(error.message, /BAD_AUTH to TPM2_PolicySecret/);
          assert.match(error.hint ?? "", /tpm2_changeauth/);
          return true;
        });
      }
      assert.deepEqual(await activate(client, real.handle, credential, password), secret);
    }),
  );
  await tpm.stop();
});

/** Relays to TPM A a credential for a key that is not there. */
async function relayToA(name: ObjectName): Promise<void> {
  const endorsementOfA = await endorsementOf(a);
  const credential = makeCredential(endorsementOfA, name, systemRandom(32), systemRandom);
  await withTpm(a, (client) =>
    withRealKey(client, attestationKeyTemplate, async (own) => {
      await assert.rejects(activate(client, own.handle, credential), (error) =>
        isTpmFault(error, responseCode.integrity),
      );
    }),
  );
}

test("refuses to activate a relayed credential for the attestation key of another TPM", async () => {
  const name = await withTpm(b, (client) =>
    withRealKey(client, attestationKeyTemplate, async (real) => {
      return checkAttestationKey(real.parameters, strict).name;
    }),
  );
  await relayToA(name);
});

test("refuses to activate a relayed credential for a fabricated software key", async () => {
  const fabricated = new SimulatedTpm();
  await relayToA(checkAttestationKey(fabricated.attestationParameters(), strict).name);
});

test("refuses to load a key of another TPM", async () => {
  const stolen = await withTpm(a, (client) =>
    withRealKey(client, attestationKeyTemplate, async (real) => {
      return { private: real.private, public: real.parameters.public };
    }),
  );
  await withTpm(b, (client) =>
    withStorageRoot(client, async (parent) => {
      await assert.rejects(client.run(loadKey(parent, stolen)), (error) =>
        isTpmFault(error, responseCode.integrity),
      );
    }),
  );
});

test("refuses an unrestricted key that a real TPM made and certified", async () => {
  await withTpm(a, (client) =>
    withRealKey(client, unrestrictedTemplate, async (real) => {
      assertRefused("ak_attributes", () => checkAttestationKey(real.parameters, strict));
    }),
  );
});

test("does not sign foreign digests with a restricted key", async () => {
  await withTpm(a, (client) =>
    withRealKey(client, attestationKeyTemplate, async (real) => {
      const digest = createHash("sha256").update("forged").digest();
      await assert.rejects(client.run(signDigest(real.handle, digest)), (error) =>
        isTpmFault(error),
      );
    }),
  );
});

test("refuses a real quote over no PCR", async () => {
  await withTpm(a, (client) =>
    withRealKey(client, attestationKeyTemplate, async (real) => {
      const key = parseAttestationKey(real.parameters.public, strict);
      const nonce = systemRandom(32);
      const quote = await client.run(quotePcrs(real.handle, nonce, { hash: sha256, pcrs: [] }));
      const evidence = { nonce, quotes: [quote], pcrs: [] };
      assertRefused("quote_selection", () => verifyQuotes(key, evidence));
    }),
  );
});

test("refuses a real quote by another attestation key of the same TPM", async () => {
  await withTpm(a, async (client) => {
    const make = () =>
      withRealKey(client, attestationKeyTemplate, async (real) => {
        const evidence = await real.quote(systemRandom(32));
        return { key: parseAttestationKey(real.parameters.public, strict), evidence };
      });
    const [enrolled, other] = [await make(), await make()];
    assert.ok(verifyQuotes(enrolled.key, enrolled.evidence));
    assertRefused("quote_signature", () => verifyQuotes(enrolled.key, other.evidence));
  });
});

test("refuses PCR values from before a measurement with a quote from after it", async () => {
  await withTpm(b, (client) =>
    withRealKey(client, attestationKeyTemplate, async (real) => {
      const key = parseAttestationKey(real.parameters.public, strict);
      const nonce = systemRandom(32);
      const before = await real.quote(nonce);
      await client.run(measureEvent({ pcr: 9, type: 5, data: utf8("kernel") }));
      const later = await real.quote(nonce);
      assert.ok(verifyQuotes(key, later));
      assertRefused("pcr_digest", () => verifyQuotes(key, { ...later, pcrs: before.pcrs }));
    }),
  );
});

test("explains the PCRs of a boot that was measured into a real TPM, and not those of another log", async () => {
  const vendor = await createVendor("measured");
  const measured = await startTpm((await manufactureTpm(vendor)).stateDir);
  const events = bootEvents(true);
  await withTpm(measured, async (client) => {
    for (const event of events) await client.run(measureEvent(event));
    await withRealKey(client, attestationKeyTemplate, async (real) => {
      const key = parseAttestationKey(real.parameters.public, strict);
      const nonce = systemRandom(32);
      const sent = toPlatformParameters(await real.quote(nonce, [sha1, sha256]));
      const report = (eventLog: Uint8Array) =>
        verifyPlatform(key, { ...sent, eventLog }, nonce).eventLog;
      const honest = report(encodeEventLog(events));
      assert.deepEqual([honest.verdict, honest.secureBoot], ["explained", "on"]);
      const forged = report(encodeEventLog(bootEvents(false)));
      assert.deepEqual([forged.verdict, forged.secureBoot], ["unexplained", "unclear"]);
      assert.ok(forged.unexplainedPcrs.includes(7));
    });
  });
  await measured.stop();
});
