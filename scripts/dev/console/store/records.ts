/**
 * The requests that the console remembers: as many as its memory takes, errors longer than the rest, and pinned ones
 * longest.
 */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SidecarMessage } from '../messages.ts';
import { type Kind, RequestRecord } from './record.ts';
import { LIMITS, Retention, type RetentionLimits } from './retention.ts';

export interface RecordsOptions {
  /** For bodies that memory is too small for. */
  readonly folder: string;
  readonly limits?: RetentionLimits;
}

export interface RecordsListener {
  onChange(record: RequestRecord): void;
  onGone(n: number): void;
}

/** A line of the sidecar's log, parsed. */
export type LogEntry = Readonly<Record<string, unknown>>;

/** A request's body above this goes to a file, bytes. */
const IN_MEMORY_BYTES = 64 * 1024;
const MAX_LOG_LINES = 5_000;

export class Records {
  readonly #folder: string;
  readonly #all = new Map<number, RequestRecord>();
  readonly #byId = new Map<string, RequestRecord>();
  readonly #byRequestId = new Map<string, RequestRecord>();
  readonly #retention: Retention;
  readonly #listeners = new Set<RecordsListener>();
  readonly #log: LogEntry[] = [];
  /** Lines that tell of a request whose end has not been told to us yet. */
  readonly #early = new Map<string, LogEntry>();
  /** Local ports of requests that we send again. */
  readonly #resent = new Map<number, number>();
  #count = 0;
  #bytes = 0;
  /** Messages that the sidecar dropped instead of waiting for us. */
  dropped = 0;

  constructor({ folder, limits = LIMITS }: RecordsOptions) {
    this.#folder = folder;
    this.#retention = new Retention(
      limits,
      () => this.#bytes,
      (record) => this.#remove(record),
    );
  }

  listen(listener: RecordsListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get(n: number): RequestRecord | undefined {
    return this.#all.get(n);
  }

  /** Oldest first. */
  all(): Iterable<RequestRecord> {
    return this.#all.values();
  }

  /** What the log says of a request. */
  logOf(record: RequestRecord): LogEntry[] {
    const id = record.ended?.requestId;
    return id ? this.#log.filter((line) => line.id === id) : [];
  }

  take(message: SidecarMessage): void {
    if (message.type === 'hello') return;
    if (message.type === 'dropped') this.dropped += message.count;
    else if (message.type === 'start') this.#add(new RequestRecord(++this.#count, message));
    else this.#change(message);
  }

  #add(record: RequestRecord): void {
    this.#all.set(record.n, record);
    this.#byId.set(record.started.id, record);
    this.#bytes += record.weight;
    record.resentFrom = this.#resent.get(record.started.peer.port) ?? null;
    this.#resent.delete(record.started.peer.port);
    this.#retention.place(record);
    this.#tell(record);
  }

  #change(message: Exclude<SidecarMessage, { type: 'hello' | 'dropped' | 'start' }>): void {
    const record = this.#byId.get(message.id);
    if (record === undefined) return;
    const before = record.weight;
    if (message.type === 'piece') record.add(message);
    else if (message.type === 'head') record.answer(message);
    else this.#end(record, message);
    this.#bytes += record.weight - before;
    this.#retention.place(record);
    this.#tell(record);
  }

  #end(record: RequestRecord, ended: Extract<SidecarMessage, { type: 'end' }>): void {
    record.ended = ended;
    record.weight += 2 * ended.responseHead.length + ended.backendRequestHead.length;
    this.#byId.delete(record.started.id);
    const logged = this.#early.get(ended.requestId);
    this.#early.delete(ended.requestId);
    if (logged !== undefined) record.loggedKind = logged.kind as Kind;
    else if (ended.requestId !== '') this.#byRequestId.set(ended.requestId, record);
    if (!record.started.isWebSocket && record.unkept('in') === 0 && ended.bytesIn > IN_MEMORY_BYTES)
      this.#spool(record);
  }

  /** The whole body into a file, its beginning stays. */
  #spool(record: RequestRecord): void {
    const file = join(this.#folder, `${record.n}.body`);
    const body = record.body('in');
    writeFile(file, body, { mode: 0o600 }).then(
      async () => {
        if (!this.#all.has(record.n)) return rm(file, { force: true });
        record.bodyFile = file;
        record.pieces.in = [{ at: 0, data: Uint8Array.from(body.subarray(0, IN_MEMORY_BYTES)) }];
        const freed = body.length - IN_MEMORY_BYTES;
        record.weight -= freed;
        this.#bytes -= freed;
      },
      // A full disk: it stays in memory.
      () => undefined,
    );
  }

  /** A line of the log; the one that tells of a request says what kind it was. */
  hear(line: LogEntry): void {
    if (typeof line.id !== 'string') return;
    this.#log.push(line);
    if (this.#log.length > MAX_LOG_LINES) {
      for (const { id } of this.#log.splice(0, MAX_LOG_LINES / 10)) this.#early.delete(String(id));
    }
    if (!isAccess(line)) return;
    const record = this.#byRequestId.get(line.id);
    if (record === undefined) {
      this.#early.set(line.id, line);
      return;
    }
    this.#byRequestId.delete(line.id);
    record.loggedKind = line.kind as Kind;
    this.#tell(record);
  }

  pin(record: RequestRecord, isPinned: boolean): void {
    record.isPinned = isPinned;
    this.#retention.place(record);
    this.#tell(record);
  }

  /** The next request from this local port of ours repeats another. */
  expectResent(port: number, n: number): void {
    this.#resent.set(port, n);
  }

  /** A process of the sidecar has gone, and what it had under way. */
  cutOff(pid: number): void {
    for (const [id, record] of this.#byId) {
      if (!id.startsWith(`${pid}-`)) continue;
      this.#byId.delete(id);
      record.isCutOff = true;
      this.#retention.place(record);
      this.#tell(record);
    }
  }

  /** Forgets all but the pinned. */
  clear(): void {
    this.#retention.clear();
  }

  figures() {
    return { kept: this.#all.size, bytes: this.#bytes, dropped: this.dropped };
  }

  #remove(record: RequestRecord): void {
    this.#all.delete(record.n);
    this.#byId.delete(record.started.id);
    if (record.ended !== undefined) this.#byRequestId.delete(record.ended.requestId);
    this.#bytes -= record.weight;
    if (record.bodyFile !== undefined) rm(record.bodyFile, { force: true }).catch(() => undefined);
    for (const listener of this.#listeners) listener.onGone(record.n);
  }

  #tell(record: RequestRecord): void {
    for (const listener of this.#listeners) listener.onChange(record);
  }
}

const isAccess = ({ method, path, kind }: LogEntry) =>
  method !== undefined && path !== undefined && typeof kind === 'string';
