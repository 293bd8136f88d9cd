/**
 * One request to the storage, by the SDK: bounded in what it reads. What is asked all the time goes past it
 * (object-requests.ts).
 */
import { pipeline, type Readable, Transform } from 'node:stream';
import type { S3Client, ServiceInputTypes, ServiceOutputTypes } from '@aws-sdk/client-s3';
import type { StorageConfig } from '../../config/config.ts';
import { loadPackage } from '../../load-package.ts';
import type { StorageClock } from './storage-clock.ts';
import { createTries, type Tries } from './tries.ts';

/** A command of the SDK with what it takes and gives, as S3Client.send() has it. */
type Command<Input extends ServiceInputTypes, Output extends ServiceOutputTypes> = Parameters<
  typeof S3Client.prototype.send<Input, Output>
>[0];

export interface S3Calls {
  /**
   * @param signal gives the call up, its second try included
   * @throws StorageFailure 503
   */
  send<Input extends ServiceInputTypes, Output extends ServiceOutputTypes>(
    command: Command<Input, Output>,
    signal: AbortSignal,
  ): Promise<Output>;
  /** The client, for what needs no request. */
  client(): S3Client;
  close(): void;
}

export const CONNECT_TIMEOUT_MS = 3_000;
/** Requests at once; others wait for a connection. */
export const MAX_SOCKETS = 50;
/** The longest answer is a page of 1000 keys of 1024 bytes, each percent-encoded. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

/** The SDK is loaded on first use: it is large, and forwarding must not wait for it. */
export function createS3Calls(
  config: StorageConfig,
  clock: StorageClock,
  tries: Tries = createTries(clock),
): S3Calls {
  let made: S3Client | undefined;
  const client = () => {
    made ??= createClient(config, clock);
    return made;
  };

  const send: S3Calls['send'] = (command, signal) => {
    const operation = command.constructor.name.replace(/Command$/, '');
    const s3 = client();
    const once = () => {
      // The SDK signs its requests by this; it would learn it only from the first refusal.
      s3.config.systemClockOffset = clock.now() - Date.now();
      return s3.send(command, { abortSignal: signal });
    };
    return tries.run(operation, once, signal);
  };

  return {
    send,
    client,
    close: () => made?.destroy(),
  };
}

function createClient(config: StorageConfig, clock: StorageClock): S3Client {
  const { S3Client } = loadPackage('@aws-sdk/client-s3');
  const agent = { keepAlive: true, maxSockets: MAX_SOCKETS };
  const client = new S3Client({
    endpoint: config.endpoint,
    region: config.region,
    credentials: { accessKeyId: config.accessKeyId, secretAccessKey: config.secretAccessKey },
    forcePathStyle: config.forcePathStyle,
    // Otherwise the URL carries the CRC32 of an empty body, and strict servers refuse the upload.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // Its own second try waits as long as a Retry-After of the storage says, whatever signal it was given.
    maxAttempts: 1,
    requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, httpAgent: agent, httpsAgent: agent },
  });
  // Inside of what reads an answer, so that it sees refusals, too.
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const response = result.response as { headers?: Record<string, string>; body?: Readable };
      if (response.headers !== undefined) clock.observe(response.headers);
      if (response.body !== undefined) response.body = bounded(response.body);
      return result;
    },
    { step: 'deserialize', priority: 'low', name: 'readAnswer' },
  );
  return client;
}

function bounded(body: Readable): Readable {
  let bytes = 0;
  const limit = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > MAX_ANSWER_BYTES)
        done(Object.assign(new Error('The answer is too long.'), { code: 'TooLong' }));
      else done(null, chunk);
    },
  });
  // Whoever fails, both end; the error reaches the reader.
  return pipeline(body, limit, () => undefined);
}
