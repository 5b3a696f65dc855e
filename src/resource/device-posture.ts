/**
 * Posture rules as roles (`options.device_posture`) and the cluster (`device_trust.posture`) state them: a list of
 * expressions over the facts of a device, each of which must be met. The language is in `expression/posture.ts`; what a
 * rule decides, in `access/device-posture.ts`.
 */
import * as z from "zod";
import { compilePostureRule } from "#expression/posture.ts";
import { checkedText } from "./language.ts";
import { listOf, optional, text } from "./scalar.ts";

/** Longest explanation of a rule, in characters. */
const maxMessage = 200;

const message = text.refine(
  (value) => value.length <= maxMessage && !/\p{Cc}/u.test(value),
  `must be one line of at most ${maxMessage} characters`,
);

/** One rule; its expression alone will do. */
const postureRule = z.preprocess(
  (value) => (typeof value === "string" ? { rule: value } : value),
  z.strictObject({
    rule: checkedText(compilePostureRule),
    /** What people read whose device does not meet it: what to do. */
    message: optional(message),
  }),
);

/** Most rules of one list. Each decision evaluates them all. */
const maxRules = 50;

/** The rules of a role or of the cluster. */
export const devicePosture = listOf(postureRule).refine(
  (rules) => rules.length <= maxRules,
  `must have at most ${maxRules} rules`,
);

/** A posture rule as documents hold it. */
export type DevicePostureRule = z.output<typeof postureRule>;
