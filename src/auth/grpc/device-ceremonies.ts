/**
 * The two streams of teleport.devicetrust.v1.DeviceTrustService: first message, one challenge, one answer, result. Each
 * ends within its time, and every outcome is in the audit log; the peer of a refusal gets general words.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Handler } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { explained } from "#audit/refusal.ts";
import { utf8 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { ShownEpoch } from "#devicetrust/epoch.ts";
import type { AuthenticateChallenge, AuthenticateResponse } from "#devicetrust/messages.ts";
import { badRequest } from "#devicetrust/refusal.ts";
import type {
  AuthenticateDeviceInit,
  AuthenticateDeviceResponseSchema,
} from "#gen/teleport/devicetrust/v1/authenticate_pb.ts";
import type { DeviceTrustService } from "#gen/teleport/devicetrust/v1/service_pb.ts";
import { formatSshCertificate } from "../authority/issue.ts";
import type { AuthContext } from "../context.ts";
import {
  type AuthenticateContext,
  beginDeviceAuthentication,
  finishDeviceAuthentication,
} from "../devices/authenticate.ts";
import {
  beginDeviceEnrollment,
  type EnrollContext,
  finishDeviceEnrollment,
} from "../devices/enroll.ts";
import {
  type DeviceFields,
  deviceFields,
  type OutcomeEvent,
  recordFailure,
} from "../devices/events.ts";
import {
  authenticateChallengeMessage,
  enrollChallengeMessage,
  readAuthenticateInit,
  readAuthenticateResponse,
  readEnrollInit,
  readEnrollResponse,
  readShownEpoch,
} from "../devices/messages.ts";
import { deviceMessage } from "../devices/views.ts";
import {
  beginWebAuthentication,
  finishWebAuthentication,
  type WebAuthenticateContext,
} from "../devices/web-authenticate.ts";
import { type AuthCall, requireUser } from "./guard.ts";

/** How long a whole ceremony may take. A person may have to confirm an enrollment; nobody confirms a login. */
export interface CeremonyLimits {
  readonly enrollMs: number;
  readonly authenticateMs: number;
}

/** The limits of the product. */
export const ceremonyLimits: CeremonyLimits = { enrollMs: 5 * 60_000, authenticateMs: 60_000 };

type Methods = (typeof DeviceTrustService)["method"];

/** The handler of EnrollDevice. */
export function enrollDeviceHandler(
  parts: EnrollContext,
  limits: CeremonyLimits,
): Handler<Methods["enrollDevice"], Peer> {
  return async (stream, call) => {
    requireUser(call);
    const ceremony = {
      context: parts.context,
      call,
      event: "device.enroll",
      ms: limits.enrollMs,
    } as const;
    await runCeremony(ceremony, async (found, receive) => {
      const { payload } = await receive(stream);
      if (payload.case !== "init") throw outOfOrder();
      const init = readEnrollInit(payload.value);
      const pending = await beginDeviceEnrollment(parts, call, init, (device) =>
        found(deviceFields(device, init.credentialId)),
      );
      await stream.send(enrollChallengeMessage(pending.challenge, pending.series));
      const answer = await receive(stream);
      const response = readEnrollResponse(answer);
      const epoch = readShownEpoch(answer);
      const { enrolled, receipt } = await finishDeviceEnrollment(
        parts,
        call,
        pending,
        response,
        epoch,
      );
      const device = deviceMessage(enrolled, "resource");
      return () =>
        stream.send({
          payload: { case: "success", value: { device } },
          ...(receipt ? { gatehouseEpoch: { receipt } } : {}),
        });
    });
  };
}

/** The handler of AuthenticateDevice: for the certificates of a login, or with a web token for the session of a browser. */
export function authenticateDeviceHandler(
  parts: WebAuthenticateContext,
  limits: CeremonyLimits,
): Handler<Methods["authenticateDevice"], Peer> {
  return async (stream, call) => {
    requireUser(call);
    const event = "device.authenticate";
    const ceremony = { context: parts.context, call, event, ms: limits.authenticateMs } as const;
    await runCeremony(ceremony, async (found, receive) => {
      const { payload } = await receive(stream);
      if (payload.case !== "init") throw outOfOrder();
      const begin = payload.value.deviceWebToken ? vouchForSession : markCertificates;
      const { challenge, series, finish } = await begin(parts, call, payload.value, found);
      await stream.send(authenticateChallengeMessage(challenge, series));
      const answer = await receive(stream);
      const { receipt, ...result } = await finish(
        readAuthenticateResponse(answer),
        readShownEpoch(answer),
      );
      return () => stream.send({ ...result, ...(receipt ? { gatehouseEpoch: { receipt } } : {}) });
    });
  };
}

/** An authentication up to its challenge, and what makes the result of the answer. */
interface Begun {
  readonly challenge: AuthenticateChallenge;
  /** The series of epochs that the device is asked about. */
  readonly series: Uint8Array;
  readonly finish: (
    response: AuthenticateResponse,
    epoch: ShownEpoch | undefined,
  ) => Promise<AuthenticationResult>;
}

/** The last message, and the receipt that goes with it. */
type AuthenticationResult = Pick<
  MessageInitShape<typeof AuthenticateDeviceResponseSchema>,
  "payload"
> & { readonly receipt: Uint8Array | undefined };

/** For a login: its result is both certificates with the device in them. */
async function markCertificates(
  parts: AuthenticateContext,
  call: AuthCall,
  message: AuthenticateDeviceInit,
  found: Found,
): Promise<Begun> {
  const { credentialId, userCertificates } = message;
  const line = new TextDecoder().decode(userCertificates?.sshAuthorizedKey);
  const pending = await beginDeviceAuthentication(
    parts,
    call,
    readAuthenticateInit(message),
    line,
    (device) => found(deviceFields(device, credentialId)),
  );
  return {
    challenge: pending.challenge,
    series: pending.series,
    finish: async (response, epoch) => {
      const { tls, ssh, receipt } = await finishDeviceAuthentication(
        parts,
        call,
        pending,
        response,
        epoch,
      );
      const value = { x509Der: tls, sshAuthorizedKey: utf8(formatSshCertificate(ssh)) };
      return { payload: { case: "userCertificates", value }, receipt };
    },
  };
}

/** For the session of a browser: its result is a token that this browser brings back. */
async function vouchForSession(
  parts: WebAuthenticateContext,
  call: AuthCall,
  message: AuthenticateDeviceInit,
  found: Found,
): Promise<Begun> {
  const { deviceWebToken, userCertificates } = message;
  const { id = "", token = "" } = deviceWebToken ?? {};
  if (userCertificates) {
    throw badRequest("send either user_certificates or device_web_token, not both");
  }
  const init = readAuthenticateInit(message);
  const pending = await beginWebAuthentication(parts, call, init, { id, token }, found);
  return {
    challenge: pending.challenge,
    series: pending.series,
    finish: async (response, epoch) => {
      const confirmed = await finishWebAuthentication(parts, call, pending, response, epoch);
      const value = { id: confirmed.id, token: confirmed.token.reveal() };
      return { payload: { case: "confirmationToken", value }, receipt: confirmed.receipt };
    },
  };
}

interface Ceremony {
  readonly context: AuthContext;
  readonly call: AuthCall;
  readonly event: OutcomeEvent;
  readonly ms: number;
}

/** Is told what is known of the device so far, for the audit of a failure. */
type Found = (fields: DeviceFields) => void;

/** The next message of a stream, within the time of the ceremony. */
type Receive = <T>(stream: { receive(): Promise<T | undefined> }) => Promise<T>;

/** Runs a ceremony and audits its failure; its result is sent after that, since the success is audited already. */
async function runCeremony(
  { context, call, event, ms }: Ceremony,
  run: (found: Found, receive: Receive) => Promise<() => Promise<void>>,
): Promise<void> {
  let subject: DeviceFields | undefined;
  const found: Found = (fields) => {
    subject = fields;
  };
  const timer = startTimer(ms);
  let send: () => Promise<void>;
  try {
    send = await run(found, (stream) => receiveBefore(stream, timer.expired));
  } catch (error) {
    throw explained(error, await recordFailure(context, event, call, error, subject));
  } finally {
    timer.stop();
  }
  await send();
}

/** The next message; refuses when the stream ends or is silent for too long instead. */
export async function receiveWithin<T>(
  stream: { receive(): Promise<T | undefined> },
  ms: number,
): Promise<T> {
  const timer = startTimer(ms);
  try {
    return await receiveBefore(stream, timer.expired);
  } finally {
    timer.stop();
  }
}

async function receiveBefore<T>(
  stream: { receive(): Promise<T | undefined> },
  expired: Promise<never>,
): Promise<T> {
  const message = await Promise.race([stream.receive(), expired]);
  if (message !== undefined) return message;
  throw new Fault("invalid", "the stream ended before its time", { audit: { reason: "aborted" } });
}

function startTimer(ms: number): { readonly expired: Promise<never>; stop(): void } {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(tooSlow()), ms);
  promise.catch(() => {});
  return { expired: promise, stop: () => clearTimeout(timer) };
}

function tooSlow(): Fault {
  return new Fault("timeout", "the device took too long to answer", {
    hint: "try again",
    audit: { reason: "timeout" },
  });
}

function outOfOrder(): Fault {
  return new Fault("invalid", "the first message of a ceremony must be its init", {
    audit: { reason: "bad_request" },
  });
}
