/**
 * POST /api/uploads: a URL that takes exactly the announced file, straight into the object storage.
 */
import { randomUUID } from 'node:crypto';
import type { RequireUser } from '../../edge/auth.ts';
import type { Route } from '../../edge/route.ts';
import { readJsonBody } from '../../edge/validate.ts';
import { notConfigured, tooLarge, unsupportedType } from '../../errors.ts';
import type { ObjectStorage } from '../../infra/object-storage/object-storage.ts';
import { type KindRules, kindRules, type UploadLimits } from './kinds.ts';
import { mediaTypeOf, uploadBodySchema } from './schema.ts';

export interface UploadRoutesOptions {
  /** null: not configured; the clients hide the feature on 501. */
  readonly storage: ObjectStorage | null;
  readonly requireUser: RequireUser;
  readonly limits: UploadLimits;
  readonly urlTtlSeconds: number;
}

export function uploadRoutes({ storage, requireUser, limits, urlTtlSeconds }: UploadRoutesOptions): Route[] {
  const rules = kindRules(limits);
  return [
    {
      method: 'POST',
      path: '/api/uploads',
      handler: async (req, res) => {
        // Before the token is looked at: "this server has no uploads" is true for everybody, and needs no database.
        if (storage === null) throw notConfigured('Uploads are not configured on this server.');
        const user = await requireUser(req);
        const body = await readJsonBody(req, res, uploadBodySchema);
        const contentType = mediaTypeOf(body.content_type);
        const extension = checkedExtension(rules[body.kind], contentType, body.size_bytes);
        const key = `uploads/${user.id}/${body.kind}/${randomUUID()}.${extension}`;
        const upload = await storage.presignPut({
          key,
          contentType,
          contentLength: body.size_bytes,
          expiresInSeconds: urlTtlSeconds,
        });
        res.set('Cache-Control', 'no-store');
        res.status(200).json({
          upload_url: upload.uploadUrl,
          file_url: storage.publicUrl(key),
          headers: upload.headers,
          expires_in: urlTtlSeconds,
        });
      },
    },
  ];
}

/** @throws AppError 415, 413 */
function checkedExtension(rules: KindRules, contentType: string, sizeBytes: number): string {
  const extension = rules.extensions.get(contentType);
  if (extension === undefined) {
    throw unsupportedType(
      `This kind of file is not accepted. Allowed: ${[...rules.extensions.keys()].join(', ')}.`,
    );
  }
  if (sizeBytes > rules.maxBytes) {
    throw tooLarge(`The file is too large: at most ${rules.maxBytes / (1024 * 1024)} MB.`);
  }
  return extension;
}
