/**
 * Objects on disk: one file of bytes and one of facts per object, both named by a hash of the key, so that no key can
 * point outside the folder. An object appears whole or not at all.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { S3Error } from './s3-error.ts';

export interface StoredObject {
  readonly key: string;
  readonly contentType: string;
  readonly size: number;
  /** Hex MD5 of the bytes, without quotes. */
  readonly etag: string;
  readonly lastModified: string;
  readonly acl: string | null;
}

export interface PutInput {
  readonly key: string;
  readonly contentType: string;
  readonly acl: string | null;
  readonly size: number;
  /** Hex SHA-256 that the bytes must have; null: not checked. */
  readonly sha256: string | null;
}

export interface ObjectFolder {
  /** Stores exactly `size` bytes; anything else leaves nothing behind. @throws S3Error */
  put(body: Readable, input: PutInput): Promise<StoredObject>;
  find(key: string): Promise<StoredObject | null>;
  /** @param range first and last byte, inclusive */
  read(key: string, range?: { start: number; end: number }): Readable;
  remove(key: string): Promise<void>;
  /** Every object, by key. */
  list(): Promise<StoredObject[]>;
}

export async function openObjectFolder(folder: string): Promise<ObjectFolder> {
  await mkdir(join(folder, 'partial'), { recursive: true });
  const fileOf = (key: string) => join(folder, createHash('sha256').update(key).digest('hex'));
  const facts = (path: string) => `${path}.json`;
  const readFacts = async (path: string): Promise<StoredObject | null> => {
    const text = await readFile(path, 'utf8').catch(() => null);
    return text === null ? null : (JSON.parse(text) as StoredObject);
  };

  return {
    async put(body, { key, contentType, acl, size, sha256 }) {
      const partial = join(folder, 'partial', randomUUID());
      const md5 = createHash('md5');
      const sha = createHash('sha256');
      let bytes = 0;
      const measure = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          bytes += chunk.length;
          md5.update(chunk);
          sha.update(chunk);
          done(null, chunk);
        },
      });
      try {
        await pipeline(body, measure, createWriteStream(partial));
        if (bytes !== size)
          throw new S3Error(400, 'IncompleteBody', 'The body is shorter than Content-Length.');
        if (sha256 !== null && sha.digest('hex') !== sha256) {
          throw new S3Error(
            400,
            'XAmzContentSHA256Mismatch',
            'The body does not have the announced SHA-256.',
          );
        }
        const lastModified = new Date().toUTCString();
        const object = { key, contentType, size, etag: md5.digest('hex'), lastModified, acl };
        await rename(partial, fileOf(key));
        await writeFile(`${partial}.json`, JSON.stringify(object));
        await rename(`${partial}.json`, facts(fileOf(key)));
        return object;
      } finally {
        await rm(partial, { force: true });
      }
    },
    find: (key) => readFacts(facts(fileOf(key))),
    read: (key, range) => createReadStream(fileOf(key), range),
    async remove(key) {
      await rm(facts(fileOf(key)), { force: true });
      await rm(fileOf(key), { force: true });
    },
    async list() {
      const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
      const objects = await Promise.all(names.map((name) => readFacts(join(folder, name))));
      return objects.filter((object) => object !== null).sort((a, b) => (a.key < b.key ? -1 : 1));
    },
  };
}
