/** The shop's pictures: issued, put and looked at as those of an app are, so that every figure about them is right. */
import type { Knex } from 'knex';
import type { StorageConfig } from '../../../src/config/config.ts';
import type { DatabaseTarget } from '../../../src/config/database-url.ts';
import { createEventWriter } from '../../../src/features/events/writer.ts';
import { operateUploads } from '../../../src/features/uploads/operator.ts';
import { createObjectStorage } from '../../../src/infra/object-storage/object-storage.ts';
import { createStorageClock } from '../../../src/infra/object-storage/storage-clock.ts';
import { createUploadUsage } from '../../../src/upload-usage.ts';
import type { ShopIds } from './people.ts';
import { pictureOf } from './pictures.ts';
import type { DemoShop } from './shop.ts';

export interface DemoPicture {
  readonly id: string;
  readonly userId: number;
  readonly key: string;
  readonly kind: 'product_image' | 'review_image';
  content(): Buffer;
}

const TTL_SECONDS = 900;
const AT_ONCE = 8;
const silent = { warn() {}, info() {} };

/** Those of the products, then those of the reviews. */
export function picturesOf({ products, reviews }: DemoShop, ids: ShopIds): DemoPicture[] {
  const picture = (id: string, userId = 0, kind: DemoPicture['kind'], number: number) => ({
    ...{ id, userId, kind, key: `uploads/${userId}/${kind}/${id}.png` },
    content: () => pictureOf(number),
  });
  return [
    ...products.map(({ picture: id, seller }, i) => picture(id, ids.sellers[seller], 'product_image', i)),
    ...reviews.flatMap(({ pictures, author, product }) =>
      pictures.map((id, i) => picture(id, ids.buyers[author], 'review_image', product + 50 * (i + 1))),
    ),
  ];
}

export interface PutOptions {
  readonly target: DatabaseTarget;
  readonly storage: StorageConfig;
  /** Whether events are told of. */
  readonly isTold: boolean;
  /** @param share 0 to 1 */
  readonly onProgress: (share: number) => void;
}

/** Those that are not there yet. @throws Error, AppError 503 */
export async function putPictures(
  knex: Knex,
  pictures: readonly DemoPicture[],
  { target, storage: config, isTold, onProgress }: PutOptions,
): Promise<void> {
  const { rows } = await knex.raw<{ rows: { id: string }[] }>(
    `SELECT id FROM sidecar_uploads WHERE status <> 'issued'`,
  );
  const done = new Set(rows.map(({ id }) => id));
  const wanted = pictures.filter(({ id }) => !done.has(id));
  const issued = await knex.raw<{ rows: { id: string }[] }>('SELECT id FROM sidecar_uploads');
  const known = new Set(issued.rows.map(({ id }) => id));
  for (const { id, userId, key, kind, content } of wanted) {
    if (known.has(id)) continue;
    const file = {
      id,
      kind,
      key,
      filename: `${kind}.png`,
      content_type: 'image/png',
      size_bytes: content().length,
    };
    await knex.raw('SELECT FROM sidecar_issue_uploads(?, ?, ?, 0, 0)', [
      userId,
      JSON.stringify([file]),
      TTL_SECONDS,
    ]);
  }
  const storage = createObjectStorage(config, createStorageClock(silent));
  const sink = createEventWriter(isTold);
  const usage = createUploadUsage({ publicBaseUrl: config.publicBaseUrl, sink });
  try {
    await operateUploads(target, { storage, sink, usage }, async ({ find, lookAgain }) => {
      let count = 0;
      const putOne = async ({ id, key, content }: DemoPicture) => {
        const { uploadUrl, headers } = await storage.presignPut({
          ...{
            key,
            contentType: 'image/png',
            contentLength: content().length,
            expiresInSeconds: TTL_SECONDS,
          },
        });
        const body = new Uint8Array(content());
        const answer = await fetch(uploadUrl, { method: 'PUT', headers, body });
        await answer.body?.cancel();
        if (!answer.ok) throw new Error(`The storage answered ${answer.status} to a picture.`);
        const [row] = await find([id]);
        if (row?.status === 'issued') await lookAgain(row);
        count += 1;
        onProgress(count / wanted.length);
      };
      const queue = [...wanted];
      const work = async () => {
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) await putOne(next);
      };
      await Promise.all(Array.from({ length: AT_ONCE }, work));
    });
  } finally {
    storage.close();
  }
}
