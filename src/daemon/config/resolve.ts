/**
 * From the shape of the config file to what the services receive: which services run, what they
 * need of each other, and the small files that the config names (tokens, authorities of TPM makers,
 * web certificates).
 */
import { dirname, resolve } from "node:path";
import { parseDuration } from "#base/duration.ts";
import { nearest } from "#base/nearest.ts";
import { Secret } from "#base/secret.ts";
import type { Problem } from "#resource/problem.ts";
import type { Path } from "#resource/schema.ts";
import { type TokenRole, tokenRoleOf, tokenRoles } from "#resource/token.ts";
import { authoritiesHint, readAuthorities } from "#tpm/endorsement-chain.ts";
import type {
  AuthServiceConfig,
  GatehouseConfig,
  ProxyServiceConfig,
  SshServiceConfig,
  StaticToken,
} from "./config.ts";
import { resolveDatabases } from "./resolve-db.ts";
import { resolveKubernetes } from "./resolve-kube.ts";
import { resolveMdm } from "./resolve-mdm.ts";
import { type ConfigFile, laterSections } from "./schema.ts";
import { authPreferenceOf, networkingConfigOf, sessionRecordingConfigOf } from "./settings.ts";

/** What the config takes from the machine. */
export interface ConfigSurroundings {
  /** Path of the config file: relative paths in it are relative to its folder. */
  readonly source: string;
  readonly hostname: string;
  /** Wins over `teleport.data_dir`. */
  readonly dataDir?: string | undefined;
  /** Reads a text file; throws when it cannot. */
  readonly readText: (path: string) => string;
  /** Variables that tell a service in a pod where its cluster is. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** Where data is kept when neither file nor flag says. */
export const defaultDataDir = "/var/lib/gatehouse";

/** The resolved config, or every problem that the file has besides its shape. */
export function resolveConfig(
  file: ConfigFile,
  surroundings: ConfigSurroundings,
): { config: GatehouseConfig; problems: readonly Problem[] } {
  return new Resolver(file, surroundings).resolve();
}

class Resolver {
  readonly #file: ConfigFile;
  readonly #surroundings: ConfigSurroundings;
  readonly #problems: Problem[] = [];

  constructor(file: ConfigFile, surroundings: ConfigSurroundings) {
    this.#file = file;
    this.#surroundings = surroundings;
  }

  resolve(): { config: GatehouseConfig; problems: readonly Problem[] } {
    const { teleport, auth_service, proxy_service, ssh_service } = this.#file;
    const dataDir = this.#path(this.#surroundings.dataDir ?? teleport.data_dir ?? defaultDataDir);
    const token =
      teleport.auth_token === undefined
        ? undefined
        : this.#secret(teleport.auth_token, ["teleport", "auth_token"]);
    this.#checkServices();
    const config: GatehouseConfig = {
      nodename: teleport.nodename ?? this.#surroundings.hostname,
      dataDir,
      log: {
        output: teleport.log.output,
        severity: teleport.log.severity,
        format: teleport.log.format.output,
      },
      storage: {
        type: teleport.storage.type,
        path: teleport.storage.path === undefined ? dataDir : this.#path(teleport.storage.path),
      },
      join: {
        caPins: teleport.ca_pin,
        ...(teleport.auth_server && { authServer: teleport.auth_server }),
        ...(teleport.proxy_server && { proxyServer: teleport.proxy_server }),
        ...(token && { token }),
      },
      ...(auth_service.enabled && { auth: this.#auth() }),
      ...(proxy_service.enabled && { proxy: this.#proxy() }),
      ...(ssh_service.enabled && { ssh: this.#ssh() }),
      ...this.#databases(),
      ...this.#kubernetes(),
      mdm: resolveMdm(this.#file, {
        readSecret: (path, at) => this.#secretFile(path, at),
        report: (at, message, suggestion) => this.#report(at, message, suggestion),
      }),
    };
    return { config, problems: this.#problems };
  }

  #auth(): AuthServiceConfig {
    const section = this.#file.auth_service;
    return {
      listen: section.listen_addr,
      publicAddrs: section.public_addr,
      clusterName: section.cluster_name,
      tokens: section.tokens.flatMap((text, index) => this.#staticToken(text, index) ?? []),
      authPreference: authPreferenceOf(section, this.#allowedCas()),
      networkingConfig: networkingConfigOf(section),
      sessionRecordingConfig: sessionRecordingConfigOf(section),
    };
  }

  #proxy(): ProxyServiceConfig {
    const section = this.#file.proxy_service;
    const root = ["proxy_service", "https_keypairs"];
    return {
      webListen: section.web_listen_addr,
      publicAddrs: section.public_addr,
      keyPairs: section.https_keypairs.map(({ key_file, cert_file }, index) => {
        this.#pem(key_file, "PRIVATE KEY", [...root, index, "key_file"]);
        this.#pem(cert_file, "CERTIFICATE", [...root, index, "cert_file"]);
        return { keyFile: this.#path(key_file), certFile: this.#path(cert_file) };
      }),
    };
  }

  #ssh(): SshServiceConfig {
    const section = this.#file.ssh_service;
    return {
      listen: section.listen_addr,
      publicAddrs: section.public_addr,
      labels: section.labels,
      commands: section.commands.map(({ name, command, period }) => ({
        name,
        command,
        periodMs: parseDuration(period),
      })),
      permitUserEnvironment: section.permit_user_env,
      portForwarding: section.port_forwarding,
      fileCopy: section.ssh_file_copy,
    };
  }

  #databases(): Pick<GatehouseConfig, "databases"> {
    const databases = resolveDatabases(this.#file.db_service, {
      certificates: (file, at) => this.#pem(file, "CERTIFICATE", at),
      report: (at, message, suggestion) => this.#report(at, message, suggestion),
    });
    return databases === undefined ? {} : { databases };
  }

  #kubernetes(): Pick<GatehouseConfig, "kubernetes"> {
    const { readText, environment = {} } = this.#surroundings;
    const kubernetes = resolveKubernetes(this.#file.kubernetes_service, {
      resolvePath: (file) => this.#path(file),
      readText,
      environment,
      report: (at, message, suggestion) => this.#report(at, message, suggestion),
    });
    return kubernetes === undefined ? {} : { kubernetes };
  }

  #checkServices(): void {
    const { teleport, auth_service, proxy_service, ssh_service } = this.#file;
    for (const section of laterSections) {
      if (this.#file[section]?.enabled !== true) continue;
      this.#report([section, "enabled"], `${section} is not available yet`, "write enabled: no");
    }
    const { db_service, kubernetes_service, jamf_service, intune_service } = this.#file;
    const agents = [ssh_service, db_service, kubernetes_service, jamf_service, intune_service];
    const any = agents.some((section) => section?.enabled === true);
    if (!auth_service.enabled && !proxy_service.enabled && !any) {
      this.#report(
        [],
        "no service is enabled",
        "enable ssh_service, proxy_service or auth_service",
      );
      return;
    }
    if (teleport.auth_server !== undefined && teleport.proxy_server !== undefined) {
      const message = "names a second way into the cluster besides auth_server";
      this.#report(["teleport", "proxy_server"], message, "keep one of the two");
    }
    if (auth_service.enabled) return;
    if (proxy_service.enabled && teleport.auth_server === undefined) {
      const message = "a proxy without an auth service in the same process needs auth_server";
      this.#report(["teleport"], message, 'write auth_server: "auth.example.com:3025"');
    } else if (teleport.auth_server === undefined && teleport.proxy_server === undefined) {
      const message = "without an auth service here, proxy_server or auth_server must be named";
      this.#report(["teleport"], message, 'write proxy_server: "proxy.example.com:3080"');
    }
  }

  /** "node,proxy:secret" or "node:/path/of/a/file". */
  #staticToken(text: string, index: number): StaticToken | undefined {
    const path = ["auth_service", "tokens", index];
    const colon = text.indexOf(":");
    if (colon < 1 || colon === text.length - 1) {
      this.#report(path, "is not a token", 'write services and secret, as in "node:a1b2c3"');
      return undefined;
    }
    const roles: TokenRole[] = [];
    for (const word of text.slice(0, colon).split(",")) {
      const role = tokenRoleOf(word.trim());
      if (role !== undefined) {
        roles.push(role);
        continue;
      }
      const close = nearest(word.trim().slice(0, 40), tokenRoles);
      const suggestion = close === undefined ? undefined : `did you mean "${close.toLowerCase()}"?`;
      this.#report(path, `"${word.trim().slice(0, 40)}" is not a service`, suggestion);
    }
    const secret = this.#secret(text.slice(colon + 1), path);
    return secret === undefined ? undefined : { roles, secret };
  }

  #allowedCas(): string[] | undefined {
    const listed = this.#file.auth_service.authentication?.device_trust?.ekcert_allowed_cas;
    const root = ["auth_service", "authentication", "device_trust", "ekcert_allowed_cas"];
    return listed?.flatMap((text, index) => {
      const path = [...root, index];
      const inline = text.includes("-----BEGIN");
      const pem = inline ? text : this.#pem(text, "CERTIFICATE", path);
      if (pem === undefined) return [];
      const { problem } = readAuthorities(pem);
      if (problem === undefined) return [pem];
      this.#report(path, `${inline ? "it" : `the file ${text}`} ${problem}`, authoritiesHint);
      return [];
    });
  }

  #pem(file: string, what: string, path: Path): string | undefined {
    const text = this.#read(file, path);
    if (text === undefined) return undefined;
    if (new RegExp(`-----BEGIN [A-Z ]*${what}-----`).test(text)) return text;
    this.#report(path, `the file ${file} holds no PEM ${what.toLowerCase()}`);
    return undefined;
  }

  #secret(text: string, path: Path): Secret | undefined {
    return text.startsWith("/") ? this.#secretFile(text, path) : new Secret(text);
  }

  #secretFile(file: string, path: Path): Secret | undefined {
    const secret = this.#read(file, path)?.trim();
    if (secret === "") this.#report(path, `the file ${file} is empty`);
    return secret === undefined || secret === "" ? undefined : new Secret(secret);
  }

  #read(file: string, path: Path): string | undefined {
    try {
      return this.#surroundings.readText(this.#path(file));
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "";
      const why = code === "ENOENT" ? "does not exist" : `cannot be read (${code || "unknown"})`;
      this.#report(path, `the file ${file} ${why}`);
      return undefined;
    }
  }

  #path(path: string): string {
    return resolve(dirname(this.#surroundings.source), path);
  }

  #report(path: Path, message: string, suggestion?: string): void {
    this.#problems.push({ path, at: "value", message, suggestion });
  }
}
