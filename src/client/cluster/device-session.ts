/**
 * The device-bearing identity: fresh keys that never leave memory, certified with the login certificate, then
 * authenticated with the machine's device key so that the cluster writes the device into both certificates
 * (`design.md`, life of a login). Copying the profile folder copies nothing of it.
 */
import { sign, X509Certificate } from "node:crypto";
import { createClient, type GrpcClient } from "#api/grpc/client.ts";
import { utf8 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import { parseCertificate } from "#ssh/certificate.ts";
import { parseAuthorizedKey } from "#ssh/public-key.ts";
import { keySigner } from "#ssh/signer.ts";
import { connectAuth } from "./auth.ts";
import type { ClusterAddress } from "./dial.ts";
import type { ClientIdentity } from "./identity.ts";
import { generateLoginKeys, type LoginKeys, privateHalves, publicHalves } from "./keys.ts";

/** What the machine's device key proves for one connection. */
export interface DeviceProof {
  /** The SSH certificate to be marked with the device, as an authorized_keys line. */
  readonly sshCertificate: string;
  /** A plain signature over the challenge by that certificate's key. */
  readonly signWithSshKey: (challenge: Uint8Array) => Uint8Array;
}

/** The device-bearing certificates that a device authentication gives. */
export interface DeviceCertificates {
  readonly x509Der: Uint8Array;
  /** An authorized_keys line. */
  readonly sshAuthorizedKey: string;
}

/** The device key of this machine, if it has one. */
export interface DeviceAuthenticator {
  /** Cheap: touches no TPM. */
  hasCredential(): boolean | Promise<boolean>;
  /** Runs AuthenticateDevice over a connection that authenticated with the certificate to be marked. */
  authenticate(auth: GrpcClient, proof: DeviceProof): Promise<DeviceCertificates>;
}

/** Runs the whole flow with the login's identity. Throws what the cluster or the TPM refused with. */
export async function authenticateDevice(
  address: ClusterAddress,
  login: { readonly identity: ClientIdentity; readonly user: string },
  device: DeviceAuthenticator,
): Promise<ClientIdentity> {
  const keys = await generateLoginKeys("balanced-v1");
  const tlsKey = privateHalves(keys, "").tls;
  const plain = await certifyKeys(address, login, keys);
  const auth = connectAuth(address, { certificate: plain.tls, key: tlsKey });
  try {
    const marked = await device.authenticate(auth, {
      sshCertificate: plain.ssh,
      signWithSshKey: (challenge) => signChallenge(keys, challenge),
    });
    return readIdentity(marked, keys, tlsKey);
  } finally {
    await auth.close();
  }
}

/** Has the cluster certify fresh keys for the same person, as long as the login lasts. */
async function certifyKeys(
  address: ClusterAddress,
  login: { readonly identity: ClientIdentity; readonly user: string },
  keys: LoginKeys,
): Promise<{ tls: string; ssh: string }> {
  const client = connectAuth(address, login.identity.tls);
  try {
    const halves = publicHalves(keys);
    const certificates = await createClient(AuthService, client).generateUserCerts({
      Username: login.user,
      Expires: timestampOf(login.identity.expires),
      SSHPublicKey: utf8(halves.ssh),
      TLSPublicKey: utf8(halves.tls),
    });
    const tls = Buffer.from(certificates.TLS).toString("utf8");
    const ssh = Buffer.from(certificates.SSH).toString("utf8");
    if (tls === "" || ssh === "") {
      throw new Fault("malformed", "the cluster issued only one of two certificates");
    }
    return { tls, ssh };
  } finally {
    await client.close();
  }
}

/** Ed25519 signs the challenge itself, the others its SHA-256: what AuthenticateDevice verifies. */
function signChallenge(keys: LoginKeys, challenge: Uint8Array): Uint8Array {
  const hash = keys.ssh.asymmetricKeyType === "ed25519" ? null : "sha256";
  return new Uint8Array(sign(hash, challenge, keys.ssh));
}

/** Takes the marked certificates only when both belong to our keys and name one device. */
function readIdentity(marked: DeviceCertificates, keys: LoginKeys, tlsKey: string): ClientIdentity {
  const x509 = new X509Certificate(marked.x509Der);
  const signer = keySigner(keys.ssh);
  const blob = parseAuthorizedKey(marked.sshAuthorizedKey).blob;
  const certificate = parseCertificate(blob);
  const assetTag = certificate.extensions.get("teleport-device-asset-tag");
  const ours =
    x509.checkPrivateKey(keys.tls) &&
    Buffer.compare(certificate.key.blob, signer.publicKey) === 0 &&
    assetTag !== undefined;
  if (!ours) {
    throw new Fault(
      "malformed",
      "the cluster's answer to the device authentication is not complete",
    );
  }
  return {
    tls: { certificate: x509.toString(), key: tlsKey },
    ssh: { certificate: blob, signer },
    expires: x509.validToDate,
    assetTag,
  };
}

function timestampOf(date: Date): { seconds: bigint; nanos: number } {
  const ms = date.getTime();
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1_000_000 };
}
