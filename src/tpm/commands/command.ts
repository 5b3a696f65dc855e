/**
 * A TPM command as a value: what goes out and how the answer is read (TPM 2.0 Library Part 1 section 18).
 * The builders stand beside this file, one per subject; client.ts runs them.
 */
import { Fault } from "#base/fault.ts";
import { permanentHandle, structureTag } from "../constants.ts";
import { TpmReader, TpmWriter } from "../wire.ts";

/** Authorization of one handle: a password, or a policy session. */
export interface Authorization {
  readonly session: number;
  /** Empty when left out, as it must be for a policy session. */
  readonly password?: Uint8Array;
}

/** An empty password, which keys and hierarchies have unless somebody gave them one. */
export const emptyPassword: Authorization = { session: permanentHandle.password };

/** The password of a hierarchy. It goes to the TPM in the clear: only for a TPM of this machine. */
export function passwordOf(password: Uint8Array): Authorization {
  return { session: permanentHandle.password, password };
}

/** A command that answers `Result`. */
export interface Command<Result> {
  /** As the specification spells it, for errors. */
  readonly name: string;
  /** TPM_CC (Part 2 section 6.5.2). */
  readonly code: number;
  readonly handles: readonly number[];
  /** One per handle that needs authorization, in order. */
  readonly authorizations: readonly Authorization[];
  readonly parameters: Uint8Array;
  /** True when the answer starts with a handle. */
  readonly answersHandle: boolean;
  /** Reads the answer's parameters; `handle` is 0 unless {@link answersHandle}. */
  read(parameters: TpmReader, handle: number): Result;
}

const noBytes = new Uint8Array(0);

const defaults = {
  handles: [],
  authorizations: [],
  parameters: noBytes,
  answersHandle: false,
};

/** Fills in what most commands do not need. */
export function command<Result>(
  fields: Pick<Command<Result>, "name" | "code" | "read"> & Partial<Command<Result>>,
): Command<Result> {
  return { ...defaults, ...fields };
}

/** The bytes of a command. */
export function encodeCommand<Result>(it: Command<Result>): Uint8Array {
  const body = new TpmWriter();
  for (const handle of it.handles) body.uint32(handle);
  if (it.authorizations.length > 0) {
    const area = encodeAuthorizations(it.authorizations);
    body.uint32(area.length).raw(area);
  }
  const bytes = body.raw(it.parameters).done();
  const tag = it.authorizations.length > 0 ? structureTag.sessions : structureTag.noSessions;
  return new TpmWriter()
    .uint16(tag)
    .uint32(10 + bytes.length)
    .uint32(it.code)
    .raw(bytes)
    .done();
}

/** Nonces are empty, and HMACs but for passwords; policy sessions end with the command (attribute continueSession is clear). */
function encodeAuthorizations(authorizations: readonly Authorization[]): Uint8Array {
  const area = new TpmWriter();
  for (const { session, password = noBytes } of authorizations) {
    area.uint32(session).uint16(0).uint8(0).sized(password);
  }
  return area.done();
}

/** The response code of an answer; zero is success. Throws `malformed` unless the sizes fit. */
export function responseCodeOf(answer: Uint8Array): number {
  const from = new TpmReader(answer, "TPM response");
  from.uint16();
  if (from.uint32() !== answer.length) {
    throw new Fault("malformed", "the TPM's answer has another size than it says");
  }
  return from.uint32();
}

/** Reads a successful answer. */
export function decodeResponse<Result>(it: Command<Result>, answer: Uint8Array): Result {
  const from = new TpmReader(answer, `answer to ${it.name}`);
  const tag = from.uint16();
  from.take(8); // size and response code
  const handle = it.answersHandle ? from.uint32() : 0;
  if (tag !== structureTag.sessions) return readParameters(it, from, handle);
  const parameters = new TpmReader(from.take(from.uint32()), `answer to ${it.name}`);
  return readParameters(it, parameters, handle);
}

function readParameters<Result>(
  it: Command<Result>,
  parameters: TpmReader,
  handle: number,
): Result {
  const result = it.read(parameters, handle);
  parameters.end();
  return result;
}
