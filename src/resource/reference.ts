/**
 * References to resources as people type them: `role/access`, `users/alice`, `cap`,
 * `cert_authority/host/example.com`.
 */
import { Fault } from "#base/fault.ts";
import { nearest } from "#base/nearest.ts";
import { findKind, type Kind, kindInfo, kinds, kindWords } from "./kinds.ts";
import { shorten } from "./scalar.ts";

/** A kind, or one resource of it. */
export interface ResourceReference {
  readonly kind: Kind;
  /** Of a `cert_authority`: what it signs for. */
  readonly subKind?: string;
  /** Absent: all of the kind. Always present for a kind that exists once. */
  readonly name?: string;
}

/** Reads one reference. Throws `usage` for an unknown kind or a malformed name. */
export function parseReference(text: string): ResourceReference {
  const parts = text.split("/");
  const kind = findKind(parts[0] ?? "");
  if (kind === undefined) throw unknownKind(parts[0] ?? "");
  if (text.length > 1024 || parts.slice(1).some((part) => part === "")) {
    throw new Fault("usage", `"${shorten(text)}" is not a resource reference`, {
      hint: `write ${kind}/name`,
    });
  }
  const { singleton } = kindInfo(kind);
  if (singleton !== undefined) {
    if (parts.length === 1 || (parts.length === 2 && parts[1] === singleton)) {
      return { kind, name: singleton };
    }
    throw new Fault("usage", `there is only one ${kind} in a cluster`, { hint: `write ${kind}` });
  }
  if (parts.length === 1) return { kind };
  if (kind === "cert_authority" && parts.length > 2) {
    return { kind, subKind: parts[1] ?? "", name: parts.slice(2).join("/") };
  }
  return { kind, name: parts.slice(1).join("/") };
}

/**
 * Reads references separated by commas: `roles,users/alice`. Throws like {@link parseReference}.
 */
export function parseReferences(text: string): ResourceReference[] {
  return text.split(",").map((part) => parseReference(part.trim()));
}

/** The reference as text, in canonical spelling. */
export function formatReference(reference: ResourceReference): string {
  return [reference.kind, reference.subKind, reference.name]
    .filter((part) => part !== undefined && part !== "")
    .join("/");
}

/** The failure for a word that names no kind, with the nearest that does. */
export function unknownKind(word: string): Fault {
  const close = nearest(shorten(word), kindWords);
  return new Fault("usage", `"${shorten(word)}" is not a kind of resource`, {
    hint: close === undefined ? `write one of: ${kinds.join(", ")}` : `did you mean "${close}"?`,
  });
}
