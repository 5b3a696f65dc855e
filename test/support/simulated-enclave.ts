/**
 * A SIMULATED helper for a Secure Enclave: speaks the protocol of native/macos/gatehouse-enclave.swift with keys in
 * software. It shows that our side of the protocol and the ceremonies work, and proves nothing about a Mac.
 *
 * Run as a program it answers one request: `node simulated-enclave.ts ENCLAVE`. A key is "wrapped" with the name of the
 * enclave that made it, and another one does not take it. ENCLAVE "none" is a Mac without one.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

const maxRequest = 64 * 1024;
const maxMessage = 1024;

/** Writes an executable that behaves as the helper on a Mac with this enclave; gives its path. */
export function installSimulatedEnclave(folder: string, enclave: string): string {
  const path = join(folder, `enclave-${enclave}`);
  const words = [process.execPath, import.meta.filename, enclave].map((word) => `'${word}'`);
  writeFileSync(path, `#!/bin/sh\nexec ${words.join(" ")}\n`, { mode: 0o755 });
  return path;
}

interface Request {
  readonly version?: unknown;
  readonly op?: unknown;
  readonly key?: unknown;
  readonly message?: unknown;
}

class Refusal extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

function answer(enclave: string, { version, op, key, message }: Request): object {
  if (version !== 1) throw new Refusal("bad_request", `version ${version}`);
  if (op === "probe" && key === undefined) return { available: enclave !== "none" };
  if (enclave === "none") throw new Refusal("no_enclave", "this Mac has no Secure Enclave");
  if (op === "create" && key === undefined) return create(enclave);
  if (op === "sign" && typeof key === "string" && typeof message === "string") {
    const bytes = Buffer.from(message, "base64");
    if (bytes.length === 0 || bytes.length > maxMessage)
      throw new Refusal("bad_request", "message");
    return { signature: sign("sha256", bytes, unwrap(enclave, key)).toString("base64") };
  }
  throw new Refusal("bad_request", `operation ${op}`);
}

function create(enclave: string): object {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const wrapped = `${enclave}\n${privateKey.export({ format: "pem", type: "pkcs8" })}`;
  return {
    key: Buffer.from(wrapped).toString("base64"),
    public_key: publicKey.export({ format: "der", type: "spki" }).toString("base64"),
  };
}

function unwrap(enclave: string, key: string) {
  const [owner, ...pem] = Buffer.from(key, "base64").toString().split("\n");
  if (owner !== enclave) throw new Refusal("key_unusable", `made by ${owner}`);
  return createPrivateKey(pem.join("\n"));
}

function main(enclave: string): number {
  let result: object;
  let code = 0;
  try {
    const input = readFileSync(0);
    if (input.length > maxRequest) throw new Refusal("bad_request", "the request is too large");
    result = answer(enclave, JSON.parse(input.toString()) as Request);
  } catch (error) {
    code = 1;
    const refusal = error instanceof Refusal ? error : new Refusal("failed", String(error));
    result = { error: { code: refusal.code, message: refusal.message } };
  }
  process.stdout.write(JSON.stringify({ version: 1, ...result }));
  return code;
}

if (process.argv[1] === import.meta.filename) process.exitCode = main(process.argv[2] ?? "");

/** The public half of a key that a simulated enclave made: for tests that look into the file. */
export function publicKeyOfSimulated(key: Uint8Array): Uint8Array {
  const pem = Buffer.from(key).toString().split("\n").slice(1).join("\n");
  return new Uint8Array(createPublicKey(pem).export({ format: "der", type: "spki" }));
}
