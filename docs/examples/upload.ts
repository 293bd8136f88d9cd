/**
 * A client of the uploads API, for browsers and for Node (from 22.3), without a dependency: one PUT or parts, progress, pause,
 * going on after a reload, trying again, cancelling. Take all files upload*.ts, for a browser with their types stripped.
 *
 *     const uploader = createUploader({ apiUrl: 'https://api.example.com', token, store: localStorage });
 *     const upload = uploader.upload(file, { kind: 'reel_video', onProgress: ({ sentBytes, totalBytes }) => …, signal });
 *     upload.pause(); upload.resume();
 *     const { file_url } = await upload.finished;
 *
 * In Node a file is `new File([await openAsBlob(path)], name, { type: 'video/mp4', lastModified })`.
 */
import { type Api, UploadError } from './upload-http.ts';
import type { Patience } from './upload-retry.ts';
import { discard, goOn, type Job } from './upload-sender.ts';

export { UploadError };

export interface UploaderOptions extends Api, Patience {
  /** Remembers what is under way, so that it goes on after a reload: localStorage, or what has these methods of it. */
  readonly store?: UploadStore;
}

export interface UploadStore {
  getItem(key: string): string | null | Promise<string | null>;
  setItem(key: string, value: string): unknown;
  removeItem(key: string): unknown;
}

export type UploadKind =
  | 'reel_video'
  | 'story_video'
  | 'review_video'
  | 'story_image'
  | 'product_image'
  | 'review_image';

export interface UploadOptions {
  readonly kind: UploadKind;
  /** In parts: several at once, and after a break only what is missing. As it stands, for videos of more than 16 MiB. */
  readonly multipart?: boolean;
  /** What the file's own `type` says, as it stands. */
  readonly contentType?: string;
  /** Gives the upload up: what was sent is deleted, then `finished` rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  onProgress?(progress: { readonly sentBytes: number; readonly totalBytes: number }): void;
}

/** As GET /api/uploads/{id} has it. */
export interface Upload {
  readonly upload_id: string;
  readonly kind: UploadKind;
  readonly filename: string;
  readonly content_type: string;
  readonly size_bytes: number;
  readonly multipart: boolean;
  readonly status: 'issued' | 'ready' | 'rejected' | 'expired' | 'deleted';
  readonly reason: 'too_large' | 'too_small' | 'wrong_type' | 'changed' | null;
  readonly key: string;
  readonly file_url: string;
  readonly etag: string | null;
  readonly created_at: string;
  readonly expires_at: string;
  readonly finished_at: string | null;
}

export interface RunningUpload {
  /**
   * The upload, `ready`. Rejects with an UploadError: `rejected` with a `reason` when the file is not what it should be; 401
   * when the token is not good (any more). After an error that may pass, `upload` with the same file goes on where it was.
   */
  readonly finished: Promise<Upload>;
  /** Stops sending. Parts that are there stay; a single PUT begins anew. */
  pause(): void;
  resume(): void;
}

const PAUSED = new Error('The upload is paused.');

export function createUploader(options: UploaderOptions) {
  return {
    upload: (file: File, how: UploadOptions): RunningUpload => control({ options, file, how, begun: null }),
  };
}

/** One stretch of sending after the other, from pause to pause, to the end. */
function control(job: Job): RunningUpload {
  const { signal } = job.how;
  let running = new AbortController();
  let pausing: PromiseWithResolvers<void> | null = null;
  const pause = () => {
    pausing ??= Promise.withResolvers();
    running.abort(PAUSED);
  };
  const resume = () => {
    pausing?.resolve();
    pausing = null;
  };
  const cancel = () => {
    running.abort(signal?.reason);
    resume();
  };

  async function run(): Promise<Upload> {
    for (;;) {
      while (pausing !== null) await pausing.promise;
      signal?.throwIfAborted();
      running = new AbortController();
      const upload = await goOn(job, running).catch((error) => {
        if (error === PAUSED) return null;
        throw error;
      });
      if (upload !== null) return upload;
    }
  }
  const finished = run()
    .catch(async (error) => {
      if (!signal?.aborted) throw error;
      await discard(job);
      throw signal.reason;
    })
    .finally(() => signal?.removeEventListener('abort', cancel));
  signal?.addEventListener('abort', cancel);
  return { finished, pause, resume };
}
