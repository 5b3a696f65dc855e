/**
 * GetClusterAlerts for the alerts that people see at their login, coded by hand (Protocol Buffers, "Encoding"; field
 * numbers of package types): a login so loads no descriptors. A test compares with the generated types.
 */
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { GrpcClient } from "#api/grpc/client.ts";
import { Fault } from "#base/fault.ts";

/** Full path of the method. */
export const alertsPath = "/proto.AuthService/GetClusterAlerts";

const onLogin = "teleport.internal/alert-on-login";

/** More are not shown. */
const mostShown = 10;

/** The sentences that the cluster wants people to read when they log in, the gravest first. */
export async function loginAlerts(auth: GrpcClient): Promise<string[]> {
  const call = await auth.open(alertsPath, auth.unaryOptions());
  await call.send(encodeAlertsRequest());
  call.finishSending();
  const bytes = await call.receive();
  return bytes === undefined ? [] : decodeAlerts(bytes).slice(0, mostShown);
}

/** Asks for those that are labelled for logins. */
export function encodeAlertsRequest(): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(3, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.LengthDelimited).string(onLogin);
  writer.tag(2, WireType.LengthDelimited).string("yes");
  return writer.join().finish();
}

/** The messages of the alerts in an answer. Throws `malformed`. */
export function decodeAlerts(bytes: Uint8Array): string[] {
  try {
    return fieldsOf(bytes, 1).flatMap((alert) =>
      fieldsOf(alert, 2).flatMap((spec) =>
        fieldsOf(spec, 2).map((message) => new TextDecoder().decode(message)),
      ),
    );
  } catch (cause) {
    throw new Fault("malformed", "the cluster's alerts cannot be read", { cause });
  }
}

/** The values of one length-delimited field of a message. */
function fieldsOf(message: Uint8Array, wanted: number): Uint8Array[] {
  const reader = new BinaryReader(message);
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === wanted && type === WireType.LengthDelimited) found.push(reader.bytes());
    else reader.skip(type, field);
  }
  return found;
}
