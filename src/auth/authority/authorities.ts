/** The cluster's authorities as the rest of auth sees them: signers to issue with, and public documents to give away. */
import { base64, utf8 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { CertAuthority, CertAuthorityType } from "#resource/cert-authority.ts";
import { zeroTime } from "#resource/time.ts";
import { formatAuthorizedKey } from "#ssh/public-key.ts";
import type { SyncSigner } from "#ssh/signer.ts";
import type { Certificate } from "#x509/certificate.ts";
import { formatCertificatePem } from "#x509/pem.ts";
import type { CertificateSigner } from "#x509/signer.ts";
import type { AuthorityKeys } from "./keys.ts";

/** An authority for X.509 certificates. */
export interface TlsAuthority {
  readonly signer: CertificateSigner;
  readonly certificate: Certificate;
}

/** All authorities of one cluster. */
export class Authorities {
  readonly clusterName: string;
  readonly #keys: ReadonlyMap<CertAuthorityType, AuthorityKeys>;

  constructor(clusterName: string, keys: ReadonlyMap<CertAuthorityType, AuthorityKeys>) {
    this.clusterName = clusterName;
    this.#keys = keys;
  }

  /** The X.509 half of an authority; `internal` when its type has none. */
  tls(type: CertAuthorityType): TlsAuthority {
    return this.#keys.get(type)?.tls ?? absent(type, "X.509");
  }

  /** The SSH half of an authority; `internal` when its type has none. */
  ssh(type: CertAuthorityType): SyncSigner {
    return this.#keys.get(type)?.ssh ?? absent(type, "SSH");
  }

  /** The authority's certificate as PEM. */
  certificatePem(type: CertAuthorityType): string {
    return formatCertificatePem(this.tls(type).certificate.encoded);
  }

  /** The authority's SSH key as an authorized_keys line. */
  sshLine(type: CertAuthorityType): string {
    return formatAuthorizedKey(this.ssh(type).publicKey);
  }

  /** The public document of one authority. */
  document(type: CertAuthorityType): CertAuthority {
    const keys = this.#keys.get(type);
    if (!keys) throw new Fault("invalid", `"${type}" is not a type of authority`);
    const active: CertAuthority["spec"]["active_keys"] = {};
    const raw = "RAW" as const;
    if (keys.ssh) {
      const line = formatAuthorizedKey(keys.ssh.publicKey);
      active.ssh = [{ public_key: base64(utf8(line)), private_key_type: raw }];
    }
    if (keys.tls) {
      const pem = formatCertificatePem(keys.tls.certificate.encoded);
      active.tls = [{ cert: base64(utf8(pem)), key_type: raw }];
    }
    if (keys.jwt) {
      active.jwt = [{ public_key: base64(utf8(keys.jwt.publicKey)), private_key_type: raw }];
    }
    return {
      kind: "cert_authority",
      sub_kind: type,
      version: "v2",
      metadata: { name: this.clusterName },
      spec: {
        type,
        cluster_name: this.clusterName,
        rotation: neverRotated,
        active_keys: active,
        additional_trusted_keys: {},
      },
    };
  }

  /** The public documents of all authorities. */
  documents(): CertAuthority[] {
    return [...this.#keys.keys()].map((type) => this.document(type));
  }
}

const neverRotated = {
  current_id: "",
  started: zeroTime,
  last_rotated: zeroTime,
  schedule: { update_clients: zeroTime, update_servers: zeroTime, standby: zeroTime },
};

function absent(type: CertAuthorityType, half: string): never {
  throw new Fault("internal", `the authority "${type}" has no ${half} key`);
}
