/**
 * Objects on disk: a file of facts, named by a hash of the key so that no key can point outside the folder, and a file of
 * bytes, new for every upload, that the facts name. An object appears and is replaced by one rename, of the facts.
 */
import { createHash, hash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
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
  /** Of the bytes, in the folder. Gone once the object is removed or replaced. */
  readonly file: string;
}

export interface PutInput {
  readonly key: string;
  readonly contentType: string;
  readonly acl: string | null;
  readonly size: number;
  /** Hex SHA-256 that the bytes must have; null: not checked. */
  readonly sha256: string | null;
}

export type ObjectFolder = Awaited<ReturnType<typeof openObjectFolder>>;

/** What an interrupted upload left there is removed. */
export async function openObjectFolder(folder: string) {
  const partial = join(folder, 'partial');
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  const factsOf = (key: string) => join(folder, `${hash('sha256', key)}.json`);
  const read = async (path: string): Promise<StoredObject | null> => {
    const text = await readFile(path, 'utf8').catch(() => null);
    return text === null ? null : { file: basename(path, '.json'), ...JSON.parse(text) };
  };
  const find = (key: string) => read(factsOf(key));
  const removeBytes = (object: StoredObject | null) =>
    object && rm(join(folder, object.file), { force: true });
  const list = async () => {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
    const objects = await Promise.all(names.map((name) => read(join(folder, name))));
    return objects.filter((object) => object !== null).sort((a, b) => (a.key < b.key ? -1 : 1));
  };
  await removeStrays(folder, await list());
  return {
    find,
    /** Every object, by key. */
    list,
    /** Stores exactly `size` bytes; anything else leaves nothing behind. @throws S3Error */
    async put(body: Readable, { size, sha256, ...input }: PutInput): Promise<StoredObject> {
      const file = randomUUID();
      const unfinished = join(partial, file);
      try {
        const etag = await receive(body, unfinished, size, sha256);
        const object = { ...input, size, etag, lastModified: new Date().toUTCString(), file };
        await rename(unfinished, join(folder, file));
        await writeFile(unfinished, JSON.stringify(object));
        const replaced = await find(input.key);
        await rename(unfinished, factsOf(input.key));
        await removeBytes(replaced);
        return object;
      } finally {
        await rm(unfinished, { force: true });
      }
    },
    async remove(key: string) {
      const object = await find(key);
      await rm(factsOf(key), { force: true });
      await removeBytes(object);
    },
  };
}

/** Bytes that no facts name. */
async function removeStrays(folder: string, objects: readonly StoredObject[]): Promise<void> {
  const known = new Set(['partial', ...objects.map(({ file }) => file)]);
  const strays = (await readdir(folder)).filter((name) => !name.endsWith('.json') && !known.has(name));
  for (const name of strays) await rm(join(folder, name), { force: true });
}

/** Writes a body to a file. @returns its MD5 @throws S3Error when it is not what was announced */
async function receive(body: Readable, path: string, size: number, sha256: string | null): Promise<string> {
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
  await pipeline(body, measure, createWriteStream(path));
  if (bytes !== size) throw new S3Error(400, 'IncompleteBody', 'The body is shorter than Content-Length.');
  if (sha256 !== null && sha.digest('hex') !== sha256) {
    throw new S3Error(400, 'XAmzContentSHA256Mismatch', 'The body does not have the announced SHA-256.');
  }
  return md5.digest('hex');
}
