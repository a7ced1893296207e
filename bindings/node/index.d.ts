// Polls Haplo integration message queues in the event loop of Node.js.
//
// Times are in milliseconds, sizes in bytes. What an option means, and what it
// is by default, is said in haplopoll.h, where it has the same name in
// snake_case. All errors have a `code`: 'HAPLO_EINVAL' and so on.

/// <reference types="node" />

import {EventEmitter} from 'events';

/** The library's version, "0.1.0". */
export const version: string;

/**
 * Compares the state that is stored with a new one. 'current': the new one may
 * replace it. 'stored': it already is the new one. 'stale': it is another one.
 * Nothing stored is null, undefined or empty.
 */
export function compareStates(
  state: Uint8Array, stored: Uint8Array | null | undefined,
): 'current' | 'stored' | 'stale';

/**
 * Stores a batch. When the promise resolves, or when it returns, the batch is
 * accepted, unless this function has answered it in another way. If it rejects
 * or throws, the batch is delivered again after the back-off of its queue.
 */
export type Deliver = (batch: Batch) => void | Promise<void>;

export interface PollerLimits {
  inFlightMax?: number | null;
  undeliveredBytesMax?: number | null;
}

export interface PollerOptions extends PollerLimits {
  seed?: number | null;
  servers?: ServerOptions[];
  /** For all queues that have none of their own. Without it, see batches(). */
  deliver?: Deliver;
}

export interface ServerOptions {
  name?: string | null;
  url?: string | null;
  allowHttp?: boolean | null;
  fetchPath?: string | null;
  markPath?: string | null;
  user?: string | null;
  tokenField?: string | null;
  tlsCaFile?: string | null;
  tlsCertificateFile?: string | null;
  tlsKeyFile?: string | null;
  proxy?: string | null;
  inFlightMax?: number | null;
  connectTimeoutMs?: number | null;
  firstByteTimeoutMs?: number | null;
  stallTimeoutMs?: number | null;
  totalTimeoutMs?: number | null;
  failedLoginsMax?: number | null;
  loginGroup?: string | null;
  breakerFailures?: number | null;
  queues?: QueueOptions[];
  /** For all queues of the server that have none of their own. */
  deliver?: Deliver;
}

export interface QueueOptions {
  name?: string | null;
  apiKey?: string | null;
  /** As it was stored last; empty, null or undefined: none yet. */
  state?: Uint8Array | null;
  intervalMs?: number | null;
  intervalMaxMs?: number | null;
  backoffMs?: number | null;
  backoffMaxMs?: number | null;
  refusedMs?: number | null;
  markAttemptsMax?: number | null;
  bodyBytesMax?: number | null;
  format?: 'json' | 'raw' | null;
  tokenPointer?: string | null;
  messagesPointer?: string | null;
  tokenPattern?: string | null;
  contentType?: string | null;
  keyProven?: boolean | null;
  deliver?: Deliver;
}

/** The server has confirmed the mark of the batch that was accepted last. */
export interface Mark {
  /** To be stored, if compareStates() finds it current. */
  state: Buffer;
  messageCount: number;
  markedCount: number;
  /** Left on the server; null: unknown. */
  unreadCount: number | null;
}

/** A queue or a server has changed its state, or something is worth logging. */
export interface PollerEvent {
  server: Server;
  /** null: the event concerns the server. */
  queue: Queue | null;
  from: string;
  to: string;
  /** The cause; null: none. */
  code: string | null;
  /** One line, without secrets. */
  text: string;
  /** True if a retry may succeed without any change. */
  isTransient: boolean;
  messageCount: number;
  /** Until the next attempt, if one is planned. */
  delayMs: number;
}

export interface PollerStats {
  inFlight: number;
  undeliveredBytes: number;
  serverCount: number;
  queueCount: number;
  connectionCount: number;
}

export interface ServerStats {
  state: string;
  inFlight: number;
  failures: number;
  failedLogins: number;
  loginsHeld: boolean;
  waitMs: number;
  error: string | null;
  errorText: string;
  queueCount: number;
  requestCount: number;
  failedLoginCount: number;
  throttleCount: number;
  /** Unix ms; 0: unknown. So are the next two. */
  certificateExpiresMs: number;
  caCertificateExpiresMs: number;
  clientCertificateExpiresMs: number;
}

export interface QueueStats {
  state: string;
  generation: number;
  unconfirmedCount: number;
  unreadCount: number | null;
  waitMs: number;
  failures: number;
  error: string | null;
  errorText: string;
  fetchCount: number;
  batchCount: number;
  messageCount: number;
  markedBatchCount: number;
  markedMessageCount: number;
  failureCount: number;
  deliverRetryCount: number;
  foreignMarkCount: number;
  bodyBytes: number;
  keyProven: boolean;
}

export class Poller extends EventEmitter {
  /** Starts immediately: a queue is polled as soon as it is due. */
  constructor(options?: PollerOptions);

  /** If one of its queues is refused, the server is taken back. */
  addServer(options: ServerOptions): Server;
  server(name: string): Server | undefined;
  /** In the order in which they were added. */
  readonly servers: Server[];

  /**
   * The batches of all queues that have no deliver(). Several iterators may be
   * at work: each batch goes to one. They end when the poller is closed. Each
   * batch is to be answered; one that is forgotten is fetched again some time
   * after it has become garbage.
   */
  batches(): AsyncIterableIterator<Batch>;

  stats(): PollerStats;
  setLimits(limits: PollerLimits): void;

  /** Whether queues that wait or work keep the process; they do at first. */
  ref(): this;
  unref(): this;

  /**
   * Fetches no more, and finishes what has been delivered. Resolves to the
   * number of batches that could not be confirmed by then, or to undefined if
   * the poller is closed before.
   */
  stop(deadlineMs: number): Promise<number | undefined>;

  /**
   * Resolves when everything is closed, and each batch that the program has is
   * answered, which marks nothing any more. So do not await it in between.
   */
  close(): Promise<void>;
  readonly isClosed: boolean;

  on(name: 'marked', listener: (queue: Queue, mark: Mark) => void): this;
  on(name: 'drained' | 'removed', listener: (queue: Queue) => void): this;
  on(name: 'failed' | 'event', listener: (event: PollerEvent) => void): this;
  once(name: 'marked', listener: (queue: Queue, mark: Mark) => void): this;
  once(name: 'drained' | 'removed', listener: (queue: Queue) => void): this;
  once(name: 'failed' | 'event', listener: (event: PollerEvent) => void): this;
}

/** Made by Poller.addServer(). */
export class Server {
  private constructor();
  readonly name: string;
  readonly poller: Poller;
  addQueue(options: QueueOptions): Queue;
  queue(name: string): Queue | undefined;
  readonly queues: Queue[];
  /** Replaces all options but the name; those of its queues remain. */
  setOptions(options: ServerOptions): void;
  /** HAPLO_EBUSY if it still has queues. */
  remove(): void;
  stats(): ServerStats;
}

/** Made by Server.addQueue(). */
export class Queue {
  private constructor();
  readonly name: string;
  readonly server: Server;
  pollNow(): void;
  pause(): void;
  resume(): void;
  /** Continues from this state, where another process has stored the queue. */
  resumeFrom(state: Uint8Array): void;
  /** Waits no longer for a mark, while the queue is pausing. */
  giveUp(): void;
  setKey(apiKey: string): void;
  /** Replaces all options but name and state; the key remains if it is missing. */
  setOptions(options: QueueOptions): void;
  /** Finishes what is outstanding. Resolves when the queue is gone. */
  remove(): Promise<void>;
  stats(): QueueStats;
}

/**
 * The result of one fetch, to be answered exactly once. After that its messages
 * and its state cannot be read any more, unless they have been.
 *
 * An answer returns true if it counts, and false if the poller is closing: then
 * nothing is marked, and the server sends the messages again.
 */
export class Batch {
  private constructor();
  readonly queue: Queue;
  readonly messages: Message[];
  readonly messageCount: number;
  /** How many of them are not repeats. */
  readonly newCount: number;
  /** To be stored in the transaction that stores the new messages. */
  readonly state: Buffer;
  readonly isAnswered: boolean;

  /** The messages are durable: mark them. */
  accept(): boolean;
  /** Not now: deliver it again, after the back-off unless a delay is given. */
  retry(reason?: string | null, delayMs?: number | null): boolean;
  /** Not now, and its memory is needed: fetch it again. */
  drop(reason?: string | null): boolean;
  /** This other state is stored: fetch and evaluate it again. */
  stale(stored: Uint8Array): boolean;
  /** Never: nothing is marked, and the queue is BLOCKED. */
  reject(reason?: string | null): boolean;
}

/** What it has is copied from the batch when it is first read. */
export class Message {
  private constructor();
  /** The exact bytes that the server sent. */
  readonly body: Buffer;
  /** The body as a JSON value, parsed once. */
  json(): any;
  /** JSON found in the message, quotes included; may be empty. */
  readonly id: string;
  readonly datetime: string;
  /** 16 bytes: a hash of the body. */
  readonly key: Buffer;
  /** Already stored, according to the state. */
  readonly isRepeat: boolean;
}
