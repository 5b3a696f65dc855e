/** What factories, owners and firmware do to a TPM, for tests with swtpm. The product itself never does any of it. */
import type { TpmClient } from "#tpm/client.ts";
import { type Command, command, emptyPassword } from "#tpm/commands/command.ts";
import { createPrimary, makePersistent } from "#tpm/commands/keys.ts";
import { algorithm, objectAttribute, permanentHandle, wellKnown } from "#tpm/constants.ts";
import { decodePublic, encodePublic } from "#tpm/public-area.ts";
import { storageRootTemplate } from "#tpm/templates.ts";
import { TpmWriter } from "#tpm/wire.ts";
import { digestsOf, type TestEvent } from "./event-log.ts";

const lockout = 0x4000000a;
const platform = 0x4000000c;
/** ownerwrite, ppread, ownerread, authread, no_da. */
const nvAttributes = 0x02070002;
const nvPart = 512;

/** TPM2_Clear: new storage seed, so that every key of the owner hierarchy is lost. */
export function clearTpm(): Command<void> {
  const fields = { handles: [lockout], authorizations: [emptyPassword], read() {} };
  return command({ name: "TPM2_Clear", code: 0x126, ...fields });
}

/** TPM2_HierarchyControl: what firmware does to a TPM that its owner does not want to use. Until the next start. */
export function switchHierarchyOff(hierarchy: number): Command<void> {
  return command({
    name: "TPM2_HierarchyControl",
    code: 0x121,
    handles: [platform],
    authorizations: [emptyPassword],
    parameters: new TpmWriter().uint32(hierarchy).uint8(0).done(),
    read() {},
  });
}

/** TPM2_HierarchyChangeAuth of the endorsement hierarchy, which has no password yet: what Windows does when it sets a TPM up. */
export function setEndorsementPassword(password: Uint8Array): Command<void> {
  return command({
    name: "TPM2_HierarchyChangeAuth",
    code: 0x129,
    handles: [permanentHandle.endorsement],
    authorizations: [emptyPassword],
    parameters: new TpmWriter().sized(password).done(),
    read() {},
  });
}

/** Keeps a storage root key that counts wrong passwords, as some installers do. */
export async function keepUnprotectedStorageRoot(client: TpmClient): Promise<void> {
  const area = decodePublic(storageRootTemplate);
  const attributes = area.attributes & ~objectAttribute.noDictionaryAttack;
  const template = encodePublic({ ...area, attributes });
  await client.withHandle(createPrimary(permanentHandle.owner, template), (handle) =>
    client.run(makePersistent(handle, wellKnown.storageRootKey)),
  );
}

/** TPM2_DictionaryAttackParameters with no tries at all: the TPM is locked out. */
export function lockOutAtOnce(): Command<void> {
  return command({
    name: "TPM2_DictionaryAttackParameters",
    code: 0x13a,
    handles: [lockout],
    authorizations: [emptyPassword],
    parameters: new TpmWriter().uint32(0).uint32(1000).uint32(1000).done(),
    read() {},
  });
}

/** Creates an NV index with a content that everybody may read, as factories do for certificates. */
export async function writeNv(
  client: TpmClient,
  index: number,
  content: Uint8Array,
): Promise<void> {
  const area = new TpmWriter()
    .uint32(index)
    .uint16(algorithm.sha256)
    .uint32(nvAttributes)
    .uint16(0);
  await client.run(
    command({
      name: "TPM2_NV_DefineSpace",
      code: 0x12a,
      handles: [permanentHandle.owner],
      authorizations: [emptyPassword],
      parameters: new TpmWriter().uint16(0).sized(area.uint16(content.length).done()).done(),
      read() {},
    }),
  );
  for (let at = 0; at < content.length; at += nvPart) {
    const part = content.subarray(at, at + nvPart);
    await client.run(
      command({
        name: "TPM2_NV_Write",
        code: 0x137,
        handles: [permanentHandle.owner, index],
        authorizations: [emptyPassword],
        parameters: new TpmWriter().sized(part).uint16(at).done(),
        read() {},
      }),
    );
  }
}

/** TPM2_PCR_Extend with the digests of an event. */
export function measureEvent(event: TestEvent): Command<void> {
  const digests = digestsOf(event);
  const parameters = new TpmWriter().uint32(digests.size);
  for (const [hash, digest] of digests) parameters.uint16(hash).raw(digest);
  return command({
    name: "TPM2_PCR_Extend",
    code: 0x182,
    handles: [event.pcr],
    authorizations: [emptyPassword],
    parameters: parameters.done(),
    read() {},
  });
}

/** TPM2_Sign of a digest that the TPM did not compute itself: what a restricted key must refuse. */
export function signDigest(key: number, digest: Uint8Array): Command<Uint8Array> {
  const hashCheck = 0x8024;
  return command({
    name: "TPM2_Sign",
    code: 0x15d,
    handles: [key],
    authorizations: [emptyPassword],
    parameters: new TpmWriter()
      .sized(digest)
      .uint16(algorithm.none)
      .uint16(hashCheck)
      .uint32(permanentHandle.none)
      .uint16(0)
      .done(),
    read: (from) => from.rest(),
  });
}
