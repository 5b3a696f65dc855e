/**
 * How deep a parsed but not yet composed YAML text is nested, found without recursion: the composer
 * recurses.
 */
import type { CST } from "yaml";

/** Levels of nesting, counted up to one more than `limit`. */
export function nestingOf(tokens: readonly CST.Token[], limit: number): number {
  let deepest = 0;
  const open: { token: CST.Token; depth: number }[] = [];
  for (const token of tokens) open.push({ token, depth: 0 });
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    deepest = Math.max(deepest, depth);
    if (deepest > limit) return deepest;
    for (const child of childrenOf(token)) open.push({ token: child, depth: depth + 1 });
  }
  return deepest;
}

function childrenOf(token: CST.Token): CST.Token[] {
  if (token.type === "document") return token.value === undefined ? [] : [token.value];
  if (!("items" in token)) return [];
  const children: CST.Token[] = [];
  for (const item of token.items) {
    if (item.key !== undefined && item.key !== null) children.push(item.key);
    if (item.value !== undefined) children.push(item.value);
  }
  return children;
}
