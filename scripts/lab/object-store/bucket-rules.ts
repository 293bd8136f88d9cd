/** CORS and lifecycle rules of the bucket, kept in its folder. Lifecycle rules are kept and never acted upon. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CorsRule } from './cors.ts';

export type BucketRules = Awaited<ReturnType<typeof openBucketRules>>;

export const RULES = 'rules';

/** @param initialCors the rules of a bucket that has never had any */
export async function openBucketRules(folder: string, initialCors: readonly CorsRule[]) {
  const root = join(folder, RULES);
  await mkdir(root, { recursive: true });
  const read = (name: string) => readFile(join(root, name), 'utf8').catch(() => null);
  const write = async (name: string, text: string) => {
    await writeFile(join(root, `${name}.new`), text);
    await rename(join(root, `${name}.new`), join(root, name));
  };
  const storedCors = await read('cors.json');
  let cors: readonly CorsRule[] = storedCors === null ? initialCors : JSON.parse(storedCors);
  let lifecycle = await read('lifecycle.xml');
  return {
    cors: () => cors,
    async putCors(rules: readonly CorsRule[]): Promise<void> {
      await write('cors.json', JSON.stringify(rules));
      cors = rules;
    },
    /** XML as it was given; null: none. */
    lifecycle: () => lifecycle,
    async putLifecycle(xml: string | null): Promise<void> {
      if (xml === null) await rm(join(root, 'lifecycle.xml'), { force: true });
      else await write('lifecycle.xml', xml);
      lifecycle = xml;
    },
  };
}
