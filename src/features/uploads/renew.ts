/** Renews URLs: a fresh one for a file that has not been sent. */
import { AppError } from '../../errors.ts';
import { type IssuedUpload, type IssueOptions, type SignableUpload, sign } from './issue.ts';
import { obey, type Verdict } from './issue-rows.ts';
import { unlessMissing } from './store.ts';
import { type Owner, type UploadStatus, uploadNotFound } from './upload.ts';

/**
 * A fresh URL for the key of an upload that nothing has become of yet. Its bytes count again, if they did not any more.
 * @throws AppError 404, 409, 429, 503
 */
export type RenewUpload = (id: string, owner: Owner, untilMs: number) => Promise<IssuedUpload>;

interface Renewal extends Omit<Verdict, 'refusal' | 'expires_at'>, SignableUpload {
  expires_at: Date;
  refusal: 'quota_exceeded' | 'multipart' | Exclude<UploadStatus, 'issued'> | null;
}

const RENEW = `SELECT refusal, retry_after_seconds, expires_at, id, key, content_type, size_bytes, sha256
                 FROM sidecar_renew_upload(?, ?, ?, ?)`;

export function createRenew(options: IssueOptions): RenewUpload {
  const { database, urlTtlSeconds, quotaBytes } = options;
  return async (id, owner, untilMs) => {
    const values = [id, owner === 'any' ? null : owner, urlTtlSeconds, quotaBytes];
    const { rows } = await database
      .run((knex) => knex.raw<{ rows: Renewal[] }>(RENEW, values as string[]), { untilMs })
      .catch(unlessMissing);
    const [renewal] = rows;
    if (renewal === undefined) throw uploadNotFound();
    const { refusal, ...upload } = renewal;
    if (refusal === 'multipart') throw new AppError('multipart');
    if (refusal !== null && refusal !== 'quota_exceeded') throw new AppError(`upload_${refusal}`);
    obey({ ...upload, refusal });
    return sign(options, upload, upload.expires_at);
  };
}
