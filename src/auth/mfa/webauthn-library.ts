/** The WebAuthn library. Loaded by a dynamic import of this file, when somebody first uses a security key. */
export {
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from "@simplewebauthn/server";
