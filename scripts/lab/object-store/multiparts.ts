/**
 * Uploads in parts, on disk: a folder for each, named by its id, with the facts of the object to be and, for each part, its
 * facts and its bytes. What an interrupted request leaves is in the folder of unfinished things.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { S3Error } from './s3-error.ts';
import { compareKeys, type ObjectFields, type ObjectFolder } from './store.ts';

export interface Multipart extends ObjectFields {
  readonly key: string;
  readonly uploadId: string;
  readonly initiated: string;
}

export interface Part {
  readonly partNumber: number;
  readonly size: number;
  /** Hex MD5. */
  readonly etag: string;
  readonly lastModified: string;
  /** Of the bytes. */
  readonly file: string;
}

export type Multiparts = Awaited<ReturnType<typeof openMultiparts>>;

export interface ChosenPart {
  readonly partNumber: number;
  readonly etag: string;
}

export const MULTIPARTS = 'multiparts';
const FACTS = 'upload.json';
const MIN_PART_BYTES = 5 * 1024 * 1024;

/** @param folder that of `objects` */
export async function openMultiparts(folder: string, objects: ObjectFolder) {
  const root = join(folder, MULTIPARTS);
  await mkdir(root, { recursive: true });

  /** @throws S3Error 404 when there is no such upload of that key; so do all below that take one */
  async function find(key: string, uploadId: string): Promise<Multipart> {
    const text = /^[0-9a-f-]{36}$/.test(uploadId)
      ? await readFile(join(root, uploadId, FACTS), 'utf8').catch(() => null)
      : null;
    const multipart = text === null ? null : (JSON.parse(text) as Multipart);
    if (multipart?.key !== key) throw noSuchUpload();
    return multipart;
  }

  const readPart = async (uploadId: string, name: string) =>
    JSON.parse(await readFile(join(root, uploadId, name), 'utf8')) as Part;

  /** In order. */
  async function parts(key: string, uploadId: string): Promise<Part[]> {
    await find(key, uploadId);
    const names = (await readdir(join(root, uploadId))).filter((name) => /^\d+\.json$/.test(name));
    const read = await Promise.all(names.map((name) => readPart(uploadId, name)));
    return read.sort((a, b) => a.partNumber - b.partNumber);
  }

  return {
    find,
    parts,
    async create(key: string, fields: ObjectFields): Promise<Multipart> {
      const multipart = { ...fields, key, uploadId: randomUUID(), initiated: new Date().toISOString() };
      const unfinished = join(objects.unfinished, multipart.uploadId);
      await mkdir(unfinished);
      await writeFile(join(unfinished, FACTS), JSON.stringify(multipart));
      await rename(unfinished, join(root, multipart.uploadId));
      return multipart;
    },
    /** A file of the unfinished becomes a part. */
    async putPart(
      key: string,
      uploadId: string,
      path: string,
      facts: Pick<Part, 'partNumber' | 'size' | 'etag'>,
    ): Promise<void> {
      await find(key, uploadId);
      const part = { ...facts, lastModified: new Date().toISOString(), file: randomUUID() };
      const place = join(root, uploadId);
      const unfinished = join(objects.unfinished, part.file);
      await writeFile(unfinished, JSON.stringify(part));
      try {
        const name = `${part.partNumber}.json`;
        const replaced = await readPart(uploadId, name).catch(() => null);
        await rename(path, join(place, part.file));
        await rename(unfinished, join(place, name));
        if (replaced !== null) await rm(join(place, replaced.file), { force: true });
      } catch (error) {
        // It was aborted meanwhile.
        throw isGone(error) ? noSuchUpload() : error;
      } finally {
        await rm(unfinished, { force: true });
      }
    },
    /** @returns the ETag @throws S3Error 400, 412 */
    async complete(
      key: string,
      uploadId: string,
      chosen: readonly ChosenPart[],
      once: boolean,
    ): Promise<string> {
      const { initiated: _, uploadId: id, ...fields } = await find(key, uploadId);
      const used = choose(await parts(key, uploadId), chosen);
      const whole = join(objects.unfinished, randomUUID());
      try {
        for (const { file } of used) {
          await pipeline(createReadStream(join(root, id, file)), createWriteStream(whole, { flags: 'a' }));
        }
        const digests = createHash('md5');
        for (const { etag } of used) digests.update(etag, 'hex');
        const etag = `${digests.digest('hex')}-${used.length}`;
        const size = used.reduce((sum, part) => sum + part.size, 0);
        await objects.publish(whole, { ...fields, size, etag }, once);
        await rm(join(root, id), { recursive: true, force: true });
        return etag;
      } finally {
        await rm(whole, { force: true });
      }
    },
    async abort(key: string, uploadId: string): Promise<void> {
      const { uploadId: id } = await find(key, uploadId);
      await rm(join(root, id), { recursive: true, force: true });
    },
    /** Every one, by key and then by age. */
    async list(): Promise<Multipart[]> {
      const found = await Promise.all(
        (await readdir(root)).map((id) => readFile(join(root, id, FACTS), 'utf8').catch(() => null)),
      );
      return found
        .filter((text) => text !== null)
        .map((text) => JSON.parse(text) as Multipart)
        .sort(
          (a, b) =>
            compareKeys(a.key, b.key) || compareKeys(a.initiated + a.uploadId, b.initiated + b.uploadId),
        );
    },
  };
}

/** @throws S3Error 400 */
function choose(parts: readonly Part[], chosen: readonly ChosenPart[]): Part[] {
  const byNumber = new Map(parts.map((part) => [part.partNumber, part]));
  return chosen.map(({ partNumber, etag }, index) => {
    const part = byNumber.get(partNumber);
    const before = chosen[index - 1]?.partNumber ?? 0;
    if (partNumber <= before)
      throw new S3Error(400, 'InvalidPartOrder', 'The parts are not in ascending order.');
    if (part === undefined || part.etag !== etag)
      throw new S3Error(400, 'InvalidPart', 'A part was not found, or its ETag is another one.');
    if (index < chosen.length - 1 && part.size < MIN_PART_BYTES)
      throw new S3Error(400, 'EntityTooSmall', 'A part that is not the last one is smaller than 5 MiB.');
    return part;
  });
}

const isGone = (error: unknown) => error instanceof Error && 'code' in error && error.code === 'ENOENT';

const noSuchUpload = () =>
  new S3Error(404, 'NoSuchUpload', 'The upload does not exist. It may have been aborted or completed.');
