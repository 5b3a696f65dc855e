/**
 * Asks the helper program that reaches the Secure Enclave (native/macos/gatehouse-enclave.swift): one request to its stdin,
 * one answer from its stdout, each one JSON object. Its answer is bounded, and anything unexpected in it is refused.
 */
import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import * as z from "zod";
import { base64 } from "#base/bytes.ts";
import { Fault, type FaultOptions } from "#base/fault.ts";
import type { Environment } from "../../device-state.ts";

/** A request; see the table in docs/platforms.md. */
export type EnclaveRequest =
  | { readonly op: "probe" }
  | { readonly op: "create" }
  | { readonly op: "sign"; readonly key: Uint8Array; readonly message: Uint8Array };

const version = 1;
const maxAnswer = 64 * 1024;
/** The enclave answers in milliseconds; a Mac that wakes up may take its time. */
const timeoutMs = 15_000;

const bytes = z.base64().transform((text) => new Uint8Array(Buffer.from(text, "base64")));
const refusal = z.strictObject({
  version: z.literal(version),
  error: z.strictObject({
    code: z.enum(["bad_request", "no_enclave", "key_unusable", "failed"]),
    message: z.string(),
  }),
});

/** What the helper answers to each request. */
const answers = {
  probe: z.strictObject({ version: z.literal(version), available: z.boolean() }),
  create: z.strictObject({ version: z.literal(version), key: bytes, public_key: bytes }),
  sign: z.strictObject({ version: z.literal(version), signature: bytes }),
} as const;

/** The answer to a request of this kind. */
export type EnclaveAnswer<Op extends EnclaveRequest["op"]> = z.output<(typeof answers)[Op]>;

/** The program: beside the launchers of tsh, or where `GATEHOUSE_ENCLAVE_HELPER` says. */
export function enclaveHelper(env: Environment): string {
  const named = env["GATEHOUSE_ENCLAVE_HELPER"];
  if (named) return named;
  const launcher = env["GATEHOUSE_LAUNCHER"] ?? process.execPath;
  return join(dirname(launcher), "gatehouse-enclave");
}

/** Asks, and gives the answer. Throws `environment` when there is no helper, no enclave, or the key is of another. */
export async function askEnclave<Op extends EnclaveRequest["op"]>(
  helper: string,
  request: Extract<EnclaveRequest, { op: Op }>,
): Promise<EnclaveAnswer<Op>> {
  const text = await exchange(helper, encodeRequest(request));
  return parseAnswer(request.op, text) as EnclaveAnswer<Op>;
}

function encodeRequest(request: EnclaveRequest): string {
  const { op } = request;
  const fields =
    op === "sign" ? { key: base64(request.key), message: base64(request.message) } : {};
  return JSON.stringify({ version, op, ...fields });
}

/** Reads what the helper printed. Throws as {@link askEnclave} does, and `environment` for anything it never prints. */
export function parseAnswer(op: EnclaveRequest["op"], text: string): unknown {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw unexpected(cause);
  }
  const refused = refusal.safeParse(document);
  if (refused.success) throw enclaveFault(refused.data.error.code, refused.data.error.message);
  const answer = answers[op].safeParse(document);
  if (!answer.success) throw unexpected(answer.error);
  return answer.data;
}

function enclaveFault(code: z.output<typeof refusal>["error"]["code"], detail: string): Fault {
  const options = { cause: new Error(detail), audit: { reason: `enclave_${code}` } };
  switch (code) {
    case "no_enclave":
      return noEnclave(options);
    case "key_unusable":
      return new Fault("environment", "the Secure Enclave of this Mac cannot use the device key", {
        hint: "it belongs to another Mac, or macOS was installed anew; enroll this device again: tsh device enroll --current-device",
        ...options,
      });
    case "bad_request":
      return new Fault("environment", "gatehouse-enclave does not understand this tsh", {
        hint: "build the helper of this version again (docs/platforms.md)",
        ...options,
      });
    case "failed":
      return new Fault("environment", "the Secure Enclave did not do its work", {
        hint: "unlock the Mac and try again",
        ...options,
      });
  }
}

/** A Mac without one. */
export function noEnclave(options: FaultOptions = {}): Fault {
  return new Fault("environment", "this Mac has no Secure Enclave", {
    hint: "use a Mac with Apple silicon or the T2 chip; a virtual machine has none",
    ...options,
  });
}

function unexpected(cause: unknown): Fault {
  return new Fault("environment", "gatehouse-enclave printed something else than an answer", {
    hint: "build the helper of this version again (docs/platforms.md)",
    cause,
  });
}

/** A refusal comes with exit code 1, and its answer is on stdout all the same. */
function exchange(helper: string, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: timeoutMs, maxBuffer: maxAnswer, encoding: "utf8" as const };
    const child = execFile(helper, [], options, (error, stdout) => {
      if (error === null || (error.code === 1 && stdout !== "")) resolve(stdout);
      else reject(helperFault(helper, error));
    });
    child.stdin?.on("error", () => {});
    child.stdin?.end(request);
  });
}

function helperFault(helper: string, cause: { readonly code?: unknown; killed?: boolean }): Fault {
  if (cause.code === "ENOENT" || cause.code === "EACCES") {
    return new Fault("environment", `the helper for the Secure Enclave is not there: ${helper}`, {
      hint: `build it: swiftc -O -o ${helper} native/macos/gatehouse-enclave.swift`,
      cause,
    });
  }
  const what = cause.killed === true ? "does not answer" : "broke off";
  return new Fault("environment", `the helper for the Secure Enclave ${what}`, {
    hint: `unlock the Mac and try again; alone it answers to: echo '{"version":1,"op":"probe"}' | ${helper}`,
    cause,
  });
}
