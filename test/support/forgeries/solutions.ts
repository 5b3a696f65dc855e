/** Forged answers to the credential challenge: whoever cannot decrypt it can only guess. */
import { type Forgery, flipped, longer, placesIn } from "./forgery.ts";

function solution(name: string, change: (honest: Uint8Array) => Uint8Array): Forgery<Uint8Array> {
  return { name, reason: "activation", forge: (honest) => change(honest) };
}

/** The forgeries. */
export const solutionForgeries: readonly Forgery<Uint8Array>[] = [
  solution("no solution", () => new Uint8Array(0)),
  solution("a solution of zeros", () => new Uint8Array(32)),
  solution("a solution cut in half", (honest) => honest.subarray(0, 16)),
  solution("a solution without its last byte", (honest) => honest.subarray(0, -1)),
  solution("a solution with a byte too many", (honest) => longer(honest)),
  solution("a solution backwards", (honest) => honest.toReversed()),
  ...placesIn(32, 16).map((place) =>
    solution(`byte ${place} of the solution changed`, (honest) => flipped(honest, place)),
  ),
];
