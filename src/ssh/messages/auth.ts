/** Messages of user authentication (RFC 4252). */
import { boolean, layout, message, nameList, rest, string, text } from "../layout.ts";

/** RFC 4252 section 5. What follows depends on the method. */
export const authRequest = message(50, { user: text, service: text, method: text, rest });

/** RFC 4252 section 5.1. */
export const authFailure = message(51, { methods: nameList, partialSuccess: boolean });

/** RFC 4252 section 5.1. */
export const authSuccess = message(52, {});

/** RFC 4252 section 5.4. */
export const authBanner = message(53, { text, language: text });

/** RFC 4252 section 7: the method `publickey` without a signature. */
export const keyQuery = layout({ signed: boolean, algorithm: text, blob: string });

/** RFC 4252 section 7: the method `publickey` with a signature. */
export const keyProof = layout({
  signed: boolean,
  algorithm: text,
  blob: string,
  signature: string,
});

/** RFC 4252 section 7: the key would do. */
export const keyAcceptable = message(60, { algorithm: text, blob: string });

/** RFC 4252 section 7: what the client signs. `number` is that of {@link authRequest}. */
export const signedRequest = layout({ sessionId: string, request: rest });
