/**
 * Turns a typed handler into a function over a {@link ServerCall}: decodes requests, encodes answers, by the
 * kind of the method. A request that does not decode is INTERNAL, as the clients of the public API expect.
 */
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Fault } from "#base/fault.ts";
import type { ServerCall } from "./server-call.ts";
import type { BidiStream, Handler } from "./service.ts";

/** Runs one call to its end; what it throws becomes the status. */
export type Runner<Peer> = (call: ServerCall<Peer>) => Promise<void>;

/** The runner for a handler of `method`. */
export function runnerOf<M extends DescMethod, Peer>(
  method: M,
  handler: Handler<M, Peer>,
): Runner<Peer> {
  const run = runners[method.methodKind] as (m: DescMethod, h: unknown) => Runner<Peer>;
  return run(method, handler);
}

const runners = {
  unary: (method: DescMethod, handler: unknown) => async (call: ServerCall<unknown>) => {
    const request = await receiveOne(method.input, call);
    const answer = await (handler as Handler<DescMethod & { methodKind: "unary" }, unknown>)(
      request,
      call,
    );
    await call.send(encode(method.output, answer));
  },
  server_streaming: (method: DescMethod, handler: unknown) => async (call: ServerCall<unknown>) => {
    const request = await receiveOne(method.input, call);
    const answers = (handler as Handler<DescMethod & { methodKind: "server_streaming" }, unknown>)(
      request,
      call,
    );
    call.sendHeaders();
    for await (const answer of answers) await call.send(encode(method.output, answer));
  },
  client_streaming: (method: DescMethod, handler: unknown) => async (call: ServerCall<unknown>) => {
    const answer = await (
      handler as Handler<DescMethod & { methodKind: "client_streaming" }, unknown>
    )(streamOf(method, call), call);
    await call.send(encode(method.output, answer));
  },
  bidi_streaming: (method: DescMethod, handler: unknown) => async (call: ServerCall<unknown>) => {
    call.sendHeaders();
    await (handler as Handler<DescMethod & { methodKind: "bidi_streaming" }, unknown>)(
      streamOf(method, call),
      call,
    );
  },
} as const;

async function receiveOne<I extends DescMessage>(
  schema: I,
  call: ServerCall<unknown>,
): Promise<MessageShape<I>> {
  const bytes = await call.channel.receive(call.signal);
  if (bytes === undefined) throw new Fault("internal", "the call carries no request");
  return decode(schema, bytes);
}

function streamOf(
  method: DescMethod,
  call: ServerCall<unknown>,
): BidiStream<MessageShape<DescMessage>, MessageInitShape<DescMessage>> {
  const receive = async () => {
    const bytes = await call.channel.receive(call.signal);
    return bytes && decode(method.input, bytes);
  };
  return {
    receive,
    send: (message) => call.send(encode(method.output, message)),
    [Symbol.asyncIterator]: () => iterate(receive),
  };
}

/** Iterates over what `receive` gives until it gives undefined. */
export async function* iterate<T>(receive: () => Promise<T | undefined>): AsyncGenerator<T> {
  for (let next = await receive(); next !== undefined; next = await receive()) yield next;
}

/** Decodes a message of a peer. Throws `internal`, the status that clients know for it. */
export function decode<I extends DescMessage>(schema: I, bytes: Uint8Array): MessageShape<I> {
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    throw new Fault("internal", `the message is no valid ${schema.typeName}`, { cause });
  }
}

/** Encodes a message that we made ourselves. */
export function encode<O extends DescMessage>(
  schema: O,
  message: MessageInitShape<O>,
): Uint8Array<ArrayBuffer> {
  return toBinary(schema, create(schema, message));
}
