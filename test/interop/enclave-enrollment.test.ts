/** The Mac's side through the whole API, with a SIMULATED helper for the Secure Enclave: registered, enrolled, authenticated. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isFault } from "#base/fault.ts";
import { runAuthentication } from "#client/ceremony/authenticate.ts";
import { obtainEnrollToken, runEnrollment } from "#client/ceremony/enroll.ts";
import { devicePlatform } from "#client/device/platform.ts";
import { parseAuthorizedKey } from "#ssh/public-key.ts";
import { connectPerson, logIn } from "../support/auth-person.ts";
import { startTestAuth } from "../support/auth-service.ts";
import { collectedData } from "../support/device-ceremony.ts";
import { makePreference } from "../support/policy.ts";
import { installSimulatedEnclave } from "../support/simulated-enclave.ts";

const folder = mkdtempSync(join(tmpdir(), "gatehouse-mac-"));
after(() => rmSync(folder, { recursive: true }));

const environment = (enclave: string, state: string) => ({
  GATEHOUSE_ENCLAVE_HELPER: installSimulatedEnclave(folder, enclave),
  XDG_STATE_HOME: join(folder, state),
});

test("a Mac is registered, enrolled and authenticated, and its key on another Mac is not", async () => {
  const cluster = await startTestAuth({
    authPreference: makePreference({ device_trust: { mode: "required" } }),
  });
  const alice = await logIn(cluster, "alice");
  const { grpc } = alice.client;
  const data = collectedData({
    ...{
      collectTime: cluster.clock.now(),
      osType: "macos",
      osId: "",
      serialNumber: "C02XX0AAXXXX",
    },
  });
  const platform = await devicePlatform("darwin");
  const env = environment("A", "alice");
  const mac = platform.openAuthenticator(env);

  const { token, registered } = await obtainEnrollToken(grpc, data);
  assert.equal(registered, true);
  const enrolled = await runEnrollment(grpc, mac, data, token);
  assert.deepEqual(enrolled, { assetTag: "C02XX0AAXXXX", osType: "macos" });

  const marked = await runAuthentication(grpc, mac, data, alice);
  const { blob } = parseAuthorizedKey(marked.sshAuthorizedKey);
  const person = await connectPerson(
    ...([cluster, { tls: marked.x509Der, ssh: blob }, alice.sshKey] as const),
  );
  const credential = await platform.findCredential(env);
  assert.equal(person.identity.device?.assetTag, "C02XX0AAXXXX");
  assert.equal(person.identity.device?.credentialId, credential?.id);
  assert.ok((credential?.publicKeyDer.length ?? 0) > 0);

  const thief = platform.openAuthenticator({
    ...env,
    ...{ GATEHOUSE_ENCLAVE_HELPER: environment("B", "x").GATEHOUSE_ENCLAVE_HELPER },
  });
  await assert.rejects(
    runAuthentication(grpc, thief, data, alice),
    (error) => isFault(error, "environment") && error.audit["reason"] === "enclave_key_unusable",
  );
  await cluster.close();
});
