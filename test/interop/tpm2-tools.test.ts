/** tpm2-tools as the other side: each reads what the other makes. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { concat, hex } from "#base/bytes.ts";
import { systemRandom } from "#base/random.ts";
import { withEndorsementKey } from "#client/device/tpm-keys.ts";
import { parseAttestationKey } from "#tpm/attestation-key.ts";
import { readPublic } from "#tpm/commands/keys.ts";
import {
  activateCredential,
  assertEndorsementPolicy,
  startPolicySession,
} from "#tpm/commands/sessions.ts";
import { algorithm } from "#tpm/constants.ts";
import { parseEndorsementKey } from "#tpm/endorsement-certificate.ts";
import { claimForm, type PublicBytes } from "#tpm/forms.ts";
import { makeCredential } from "#tpm/make-credential.ts";
import { nameOf } from "#tpm/name.ts";
import { type PcrValue, verifyQuotes } from "#tpm/quote.ts";
import { attestationKeyTemplate } from "#tpm/templates.ts";
import { TpmReader, TpmWriter } from "#tpm/wire.ts";
import { le16, le32 } from "../support/event-log.ts";
import { rsaAttestationTemplate, withRealKey, withTpm } from "../support/real-tpm-key.ts";
import {
  createVendor,
  manufactureTpm,
  type RunningTpm,
  removeTpms,
  startTpm,
} from "../support/swtpm.ts";

const run = promisify(execFile);
const pcrList = `sha256:${Array.from({ length: 24 }, (_, pcr) => pcr).join(",")}`;
/** File header of tpm2_makecredential and tpm2_activatecredential: magic and version. */
const credentialHeader = new TpmWriter().uint32(0xbadcc0de).uint32(1).done();

let tpm: RunningTpm;
let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "gatehouse-tools-"));
  tpm = await startTpm((await manufactureTpm(await createVendor("tools"))).stateDir);
});
after(async () => {
  await tpm.stop();
  await rm(dir, { recursive: true, force: true });
  await removeTpms();
});

const file = (name: string) => join(dir, name);

async function tool(name: string, ...args: string[]): Promise<void> {
  const env = { ...process.env, TPM2TOOLS_TCTI: `swtpm:path=${tpm.socket}` };
  await run(name, args, { env });
}

/** The file that `tpm2_quote -o` writes: C structures, little-endian, for one SHA-256 bank of 24 PCRs. */
function serializePcrs(pcrs: readonly PcrValue[]): Uint8Array {
  const [banks, digestsPerList] = [16, 8];
  const selection = concat(le16(0x0b), Uint8Array.of(3, 0xff, 0xff, 0xff, 0, 0));
  const selections = concat(le32(1), selection, new Uint8Array((banks - 1) * 8));
  const digests = pcrs.map(({ digest }) => concat(le16(32), digest, new Uint8Array(32)));
  const lists = [0, 1, 2].map((list) => {
    const part = digests.slice(list * digestsPerList, (list + 1) * digestsPerList);
    return concat(le32(part.length), ...part);
  });
  return concat(selections, le32(lists.length), ...lists);
}

test("activates a credential that tpm2_makecredential made", async () => {
  const secret = systemRandom(32);
  await writeFile(file("secret"), secret);
  await withTpm(tpm, (client) =>
    withRealKey(client, attestationKeyTemplate, (real) =>
      withEndorsementKey(client, async (endorsement) => {
        const { public: area } = await client.run(readPublic(endorsement.handle));
        await writeFile(file("ek.pub"), new TpmWriter().sized(area).done());
        const name = hex(nameOf(real.parameters.public));
        const files = ["-e", file("ek.pub"), "-s", file("secret"), "-o", file("credential")];
        await tool("tpm2_makecredential", "-T", "none", "-n", name, ...files);
        const made = new TpmReader(new Uint8Array(await readFile(file("credential"))), "file");
        made.take(credentialHeader.length);
        const credentialBlob = new TpmWriter().sized(made.sized(512)).done();
        const credential = {
          credentialBlob:
            claimForm<Parameters<typeof activateCredential>[3]["credentialBlob"]>(credentialBlob),
          secret: claimForm<Parameters<typeof activateCredential>[3]["secret"]>(made.rest()),
        };
        const solution = await client.withHandle(
          startPolicySession(systemRandom(32)),
          async (session) => {
            await client.run(assertEndorsementPolicy(session));
            return client.run(
              activateCredential(real.handle, endorsement.handle, session, credential),
            );
          },
        );
        assert.deepEqual(solution, secret);
      }),
    ),
  );
});

for (const [kind, template] of [
  ["RSA", rsaAttestationTemplate],
  ["P-256", attestationKeyTemplate],
] as const) {
  test(`quotes with an ${kind} key so that tpm2_checkquote accepts it, and only with the right nonce`, async () => {
    await withTpm(tpm, (client) =>
      withRealKey(client, template, async (real) => {
        const nonce = systemRandom(32);
        const { quotes, pcrs } = await real.quote(nonce);
        const [quote = assert.fail()] = quotes;
        const key = parseAttestationKey(real.parameters.public, { allowSha1: false }).key;
        await writeFile(file("ak.pem"), key.export({ format: "pem", type: "spki" }));
        await writeFile(file("quote"), quote.quote);
        await writeFile(file("signature"), quote.signature);
        await writeFile(file("pcrs"), serializePcrs(pcrs));
        const check = (q: Uint8Array) =>
          tool(
            "tpm2_checkquote",
            ...["-u", file("ak.pem"), "-m", file("quote"), "-s", file("signature")],
            ...["-f", file("pcrs"), "-g", "sha256", "-q", hex(q)],
          );
        await check(nonce);
        await assert.rejects(check(systemRandom(32)));
      }),
    );
  });
}

test("verifies a key that tpm2_createak made, its quote, and has it activate our credential", async () => {
  const nonce = systemRandom(32);
  await tool("tpm2_createek", "-c", file("ek.ctx"), "-G", "rsa", "-u", file("tools-ek.pub"));
  await tool(
    "tpm2_createak",
    ...["-C", file("ek.ctx"), "-c", file("ak.ctx"), "-G", "ecc", "-g", "sha256", "-s", "ecdsa"],
    ...["-u", file("ak.pub"), "-n", file("ak.name")],
  );
  await tool("tpm2_flushcontext", "-t");
  const area = new TpmReader(new Uint8Array(await readFile(file("ak.pub"))), "file").sized(512);
  const key = parseAttestationKey(claimForm<PublicBytes>(area), { allowSha1: false });
  assert.deepEqual(key.name, new Uint8Array(await readFile(file("ak.name"))));

  const outputs = ["-m", file("t-quote"), "-s", file("t-signature"), "-o", file("t-pcrs")];
  await tool(
    "tpm2_quote",
    "-c",
    file("ak.ctx"),
    "-l",
    pcrList,
    "-q",
    hex(nonce),
    "-F",
    "values",
    ...outputs,
  );
  await tool("tpm2_flushcontext", "-t");
  const values = new Uint8Array(await readFile(file("t-pcrs")));
  const pcrs = Array.from({ length: 24 }, (_, index) => {
    return { index, hash: algorithm.sha256, digest: values.slice(index * 32, index * 32 + 32) };
  });
  const read = async (name: string) => claimForm<never>(new Uint8Array(await readFile(file(name))));
  const quotes = [{ quote: await read("t-quote"), signature: await read("t-signature") }];
  assert.equal(verifyQuotes(key, { nonce, quotes, pcrs }).pcrs.length, 24);

  const endorsement = await withTpm(tpm, (client) =>
    withEndorsementKey(client, async ({ spki }) => parseEndorsementKey(spki)),
  );
  const secret = systemRandom(32);
  const made = makeCredential(endorsement, key.name, secret, systemRandom);
  await writeFile(file("made"), concat(credentialHeader, made.credentialBlob, made.secret));
  await tool("tpm2_startauthsession", "--policy-session", "-S", file("session"));
  await tool("tpm2_policysecret", "-S", file("session"), "-c", "e");
  const session = `session:${file("session")}`;
  const files = ["-i", file("made"), "-o", file("solved")];
  await tool(
    "tpm2_activatecredential",
    "-c",
    file("ak.ctx"),
    "-C",
    file("ek.ctx"),
    "-P",
    session,
    ...files,
  );
  assert.deepEqual(new Uint8Array(await readFile(file("solved"))), secret);
});
