/**
 * The two streams of teleport.devicetrust.v1.DeviceTrustService: first message, one challenge, one answer, result. Each
 * ends within its time, and every outcome is in the audit log; the peer of a refusal gets general words.
 */
import type { Handler } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { explained } from "#audit/refusal.ts";
import { utf8 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { DeviceTrustService } from "#gen/teleport/devicetrust/v1/service_pb.ts";
import type { Device } from "#resource/device.ts";
import { formatSshCertificate } from "../authority/issue.ts";
import type { AuthContext } from "../context.ts";
import { beginDeviceAuthentication, finishDeviceAuthentication } from "../devices/authenticate.ts";
import {
  beginDeviceEnrollment,
  type EnrollContext,
  finishDeviceEnrollment,
} from "../devices/enroll.ts";
import { deviceFields, type OutcomeEvent, recordFailure } from "../devices/events.ts";
import {
  authenticateChallengeMessage,
  enrollChallengeMessage,
  readAuthenticateResponse,
  readCollectedData,
  readEnrollInit,
  readEnrollResponse,
  readShownEpoch,
} from "../devices/messages.ts";
import { deviceMessage } from "../devices/views.ts";
import { type AuthCall, requireUser } from "./guard.ts";

/** How long a whole ceremony may take. A person may have to confirm an enrolment; nobody confirms a login. */
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
        found(device, init.credentialId),
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

/** The handler of AuthenticateDevice. */
export function authenticateDeviceHandler(
  parts: EnrollContext,
  limits: CeremonyLimits,
): Handler<Methods["authenticateDevice"], Peer> {
  return async (stream, call) => {
    requireUser(call);
    const event = "device.authenticate";
    const ceremony = { context: parts.context, call, event, ms: limits.authenticateMs } as const;
    await runCeremony(ceremony, async (found, receive) => {
      const { payload } = await receive(stream);
      if (payload.case !== "init") throw outOfOrder();
      const { credentialId, deviceData, userCertificates, deviceWebToken } = payload.value;
      if (deviceWebToken) {
        throw new Fault("unimplemented", "devices cannot authenticate web sessions yet");
      }
      const pending = await beginDeviceAuthentication(
        parts,
        call,
        { credentialId, deviceData: deviceData && readCollectedData(deviceData) },
        new TextDecoder().decode(userCertificates?.sshAuthorizedKey),
        (device) => found(device, credentialId),
      );
      await stream.send(authenticateChallengeMessage(pending.challenge, pending.series));
      const answer = await receive(stream);
      const response = readAuthenticateResponse(answer);
      const { tls, ssh, receipt } = await finishDeviceAuthentication(
        parts,
        call,
        pending,
        response,
        readShownEpoch(answer),
      );
      const value = { x509Der: tls, sshAuthorizedKey: utf8(formatSshCertificate(ssh)) };
      return () =>
        stream.send({
          payload: { case: "userCertificates", value },
          ...(receipt ? { gatehouseEpoch: { receipt } } : {}),
        });
    });
  };
}

interface Ceremony {
  readonly context: AuthContext;
  readonly call: AuthCall;
  readonly event: OutcomeEvent;
  readonly ms: number;
}

/** The next message of a stream, within the time of the ceremony. */
type Receive = <T>(stream: { receive(): Promise<T | undefined> }) => Promise<T>;

/** Runs a ceremony and audits its failure; its result is sent after that, since the success is audited already. */
async function runCeremony(
  { context, call, event, ms }: Ceremony,
  run: (
    found: (device: Device, credentialId: string) => void,
    receive: Receive,
  ) => Promise<() => Promise<void>>,
): Promise<void> {
  let subject: ReturnType<typeof deviceFields> | undefined;
  const found = (device: Device, credentialId: string) => {
    subject = deviceFields(device, credentialId);
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
