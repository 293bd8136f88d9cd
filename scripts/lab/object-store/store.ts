/**
 * Objects on disk: a file of facts, named by a hash of the key so that no key can point outside the folder, and a file of
 * bytes, new for every upload, that the facts name. An object appears and is replaced by one rename, of the facts.
 */
import { hash, randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { S3Error } from './s3-error.ts';

/** What is stored of a request's fields, and given back. */
export interface ObjectFields {
  readonly contentType: string;
  readonly cacheControl: string | null;
  readonly acl: string | null;
}

export interface StoredObject extends ObjectFields {
  readonly key: string;
  readonly size: number;
  /** Hex MD5 of the bytes, without quotes; of an upload in parts that of their MD5s, with `-` and their number. */
  readonly etag: string;
  readonly lastModified: string;
  /** Of the bytes, in the folder. Gone once the object is removed or replaced. */
  readonly file: string;
}

export type ObjectFolder = Awaited<ReturnType<typeof openObjectFolder>>;

/** What interrupted uploads left there is removed. @param others folders in it that are somebody else's */
export async function openObjectFolder(folder: string, others: readonly string[]) {
  const unfinished = join(folder, 'partial');
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  const factsOf = (key: string) => join(folder, `${hash('sha256', key)}.json`);
  const read = async (path: string): Promise<StoredObject | null> => {
    const text = await readFile(path, 'utf8').catch(() => null);
    return text === null ? null : { file: basename(path, '.json'), cacheControl: null, ...JSON.parse(text) };
  };
  const find = (key: string) => read(factsOf(key));
  const removeBytes = (object: StoredObject | null) =>
    object && rm(join(folder, object.file), { force: true });
  const list = async () => {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
    const objects = await Promise.all(names.map((name) => read(join(folder, name))));
    return objects.filter((object) => object !== null).sort((a, b) => compareKeys(a.key, b.key));
  };
  await removeStrays(folder, ['partial', ...others, ...(await list()).map(({ file }) => file)]);

  return {
    /** Folder of what is under way and not yet anything. Empty at the start. */
    unfinished,
    find,
    /** Every object, by the bytes of its key. */
    list,
    /** A file of `unfinished` becomes an object. @param once only if there is none @throws S3Error 412 */
    async publish(
      path: string,
      facts: Omit<StoredObject, 'file' | 'lastModified'>,
      once: boolean,
    ): Promise<void> {
      const object = { ...facts, lastModified: new Date().toUTCString(), file: randomUUID() };
      const bytes = join(folder, object.file);
      const unfinishedFacts = join(unfinished, randomUUID());
      await writeFile(unfinishedFacts, JSON.stringify(object));
      await rename(path, bytes);
      try {
        const replaced = once ? null : await find(facts.key);
        if (once) await link(unfinishedFacts, factsOf(facts.key));
        else await rename(unfinishedFacts, factsOf(facts.key));
        await removeBytes(replaced);
      } catch (error) {
        await rm(bytes, { force: true });
        throw isTaken(error) ? alreadyThere() : error;
      } finally {
        await rm(unfinishedFacts, { force: true });
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
async function removeStrays(folder: string, known: readonly string[]): Promise<void> {
  const kept = new Set(known);
  const strays = (await readdir(folder)).filter((name) => !name.endsWith('.json') && !kept.has(name));
  for (const name of strays) await rm(join(folder, name), { force: true });
}

/** In the order in which S3 lists keys: that of their bytes. */
export const compareKeys = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

const isTaken = (error: unknown) => error instanceof Error && 'code' in error && error.code === 'EEXIST';

const alreadyThere = () =>
  new S3Error(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold');
