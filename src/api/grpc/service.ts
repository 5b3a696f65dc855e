/**
 * The types that tie a service descriptor to its handlers and to its typed client. No code runs here.
 */
import type {
  DescMessage,
  DescMethod,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { MessageChannel } from "./message-channel.ts";

/** What a handler knows about the call besides its request. `Peer` is what `accept` was given. */
export interface CallContext<Peer> {
  readonly peer: Peer;
  /** Full path, as in "/proto.AuthService/Ping". */
  readonly path: string;
  /** Request metadata, names in lower case. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Aborted at the deadline, when the peer cancels or leaves, and when the server closes. */
  readonly signal: AbortSignal;
  readonly deadline: Date | undefined;
}

/** Two message streams, used in turn or at once. */
export interface BidiStream<In, Out> extends AsyncIterable<In> {
  /** The next message, or undefined when the peer has finished sending. */
  receive(): Promise<In | undefined>;
  /** Resolves when more may be sent. */
  send(message: Out): Promise<void>;
}

/** Handles one call as undecoded messages, for tunnels. Returning ends the call with success. */
export type RawHandler<Peer> = (
  channel: MessageChannel,
  context: CallContext<Peer>,
) => Promise<void>;

type UnaryHandler<I extends DescMessage, O extends DescMessage, Peer> = (
  request: MessageShape<I>,
  context: CallContext<Peer>,
) => Promise<MessageInitShape<O>> | MessageInitShape<O>;

type ServerStreamHandler<I extends DescMessage, O extends DescMessage, Peer> = (
  request: MessageShape<I>,
  context: CallContext<Peer>,
) => AsyncIterable<MessageInitShape<O>>;

type ClientStreamHandler<I extends DescMessage, O extends DescMessage, Peer> = (
  requests: AsyncIterable<MessageShape<I>>,
  context: CallContext<Peer>,
) => Promise<MessageInitShape<O>>;

type BidiHandler<I extends DescMessage, O extends DescMessage, Peer> = (
  stream: BidiStream<MessageShape<I>, MessageInitShape<O>>,
  context: CallContext<Peer>,
) => Promise<void>;

/** The handler of one method, by its kind. */
export type Handler<M extends DescMethod, Peer> = {
  unary: UnaryHandler<M["input"], M["output"], Peer>;
  server_streaming: ServerStreamHandler<M["input"], M["output"], Peer>;
  client_streaming: ClientStreamHandler<M["input"], M["output"], Peer>;
  bidi_streaming: BidiHandler<M["input"], M["output"], Peer>;
}[M["methodKind"]];

/** Handlers for some methods of a service; the others answer UNIMPLEMENTED. */
export type ServiceHandlers<S extends DescService, Peer> = {
  readonly [K in keyof S["method"]]?: Handler<S["method"][K], Peer>;
};

/** What a caller may say about one call. */
export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds; zero for none. Unary calls have the client's default, streams none. */
  readonly timeoutMs?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The client's side of a bidirectional call. Leaving a `for await` or calling `cancel` ends the call. */
export interface BidiCall<Out, In> extends BidiStream<In, Out> {
  /** Says that nothing more will be sent. */
  finishSending(): void;
  cancel(): void;
}

/** The method of a typed client, by its kind. */
export type ClientMethods<I extends DescMessage, O extends DescMessage> = {
  unary: (request: MessageInitShape<I>, options?: CallOptions) => Promise<MessageShape<O>>;
  server_streaming: (
    request: MessageInitShape<I>,
    options?: CallOptions,
  ) => AsyncIterable<MessageShape<O>>;
  client_streaming: (
    requests: AsyncIterable<MessageInitShape<I>>,
    options?: CallOptions,
  ) => Promise<MessageShape<O>>;
  bidi_streaming: (
    options?: CallOptions,
  ) => Promise<BidiCall<MessageInitShape<I>, MessageShape<O>>>;
};
