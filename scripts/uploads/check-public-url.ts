/** What the public URL gives back of what was stored: its bytes, in parts as well, as they were stored. */
import { type Check, type Finding, ok, unchecked, wrong } from './check.ts';
import { BYTES, TYPE } from './check-upload.ts';
import { type Answer, exchange } from './exchange.ts';
import type { Scene } from './storage-checks.ts';

const RANGE = { first: 2, last: 5 };

export const PUBLIC_URL: Check<Scene> = {
  name: 'public URL',
  needs: ['upload'],
  async run(scene, signal) {
    const url = scene.storage.publicUrl(scene.first.key);
    const range = `bytes=${RANGE.first}-${RANGE.last}`;
    const part = await exchange('GET', url, { headers: { range }, signal });
    const whole = part.status === 206 ? await exchange('GET', url, { signal }) : part;
    const finding = judgeRead(scene, part, whole);
    scene.first.isPublic = finding.status === 'ok';
    return finding;
  },
};

/** @param part what a request with a range was answered @param whole and one without */
function judgeRead(scene: Scene, part: Answer, whole: Answer): Finding {
  const type = whole.headers.get('content-type');
  const length = whole.headers.get('content-length');
  const seen = `${part.status} ${type ?? 'without a type'}`;
  if ([401, 403].includes(part.status))
    return wrong(`${part.status}: nobody may read it`, howToPublish(scene));
  if (part.status >= 300 && part.status < 400)
    return wrong(
      `${part.status}: it redirects`,
      'S3_PUBLIC_BASE_URL must be where the files are, not what redirects there.',
    );
  if (part.status >= 500)
    return unchecked(seen, 'The host of S3_PUBLIC_BASE_URL is out of order. Try again.');
  if (part.status !== 206 && part.status !== 200) return wrong(seen, ELSEWHERE);
  if (part.status === 200 && !whole.body.equals(BYTES)) return wrong(`${seen}: another file`, ELSEWHERE);
  if (part.status === 200)
    return wrong(
      'a request for a part of the file is answered with all of it',
      'Let the CDN of S3_PUBLIC_BASE_URL pass Range on (206): Safari plays no video without it, and nobody can seek.',
    );
  const expected = `bytes ${RANGE.first}-${RANGE.last}/${BYTES.length}`;
  const isPart = Buffer.from(BYTES.subarray(RANGE.first, RANGE.last + 1)).equals(part.body);
  if (part.headers.get('content-range') !== expected || !isPart)
    return wrong(
      'another part of the file than was asked for',
      'The CDN of S3_PUBLIC_BASE_URL cuts ranges wrongly.',
    );
  if (whole.status !== 200 || !whole.body.equals(BYTES))
    return wrong(`${whole.status}: other bytes`, ELSEWHERE);
  if (type !== TYPE)
    return wrong(
      `${type ?? 'no type'} instead of ${TYPE}`,
      'Let the CDN of S3_PUBLIC_BASE_URL pass Content-Type on as it is stored.',
    );
  if (length !== String(BYTES.length))
    return wrong(
      `a Content-Length of ${length ?? 'nothing'} instead of ${BYTES.length}`,
      'Let the CDN of S3_PUBLIC_BASE_URL neither compress nor change files.',
    );
  return judgeCaching(scene, whole);
}

function judgeCaching({ uploads: { cacheControl } }: Scene, whole: Answer): Finding {
  const found = whole.headers.get('cache-control');
  if (cacheControl !== null && found !== cacheControl)
    return wrong(
      `Cache-Control is ${found ?? 'missing'} instead of S3_UPLOAD_CACHE_CONTROL`,
      'Let the CDN of S3_PUBLIC_BASE_URL pass it on as it is stored.',
    );
  return ok(`${TYPE}, ${BYTES.length} bytes, in parts as well`);
}

const ELSEWHERE =
  'S3_PUBLIC_BASE_URL does not lead into the bucket: it is what stands in front of the key (uploads/…), with the bucket in its host or its path.';

const howToPublish = ({ config: { uploadAcl } }: Scene) =>
  uploadAcl === 'public-read' || uploadAcl === 'public-read-write'
    ? 'The storage ignores the ACL of uploads (S3_UPLOAD_ACL): allow ACLs and public access in the bucket, or make its files public by a bucket policy or a CDN.'
    : 'S3_UPLOAD_ACL=public-read; or a bucket policy, or a CDN at S3_PUBLIC_BASE_URL that may read the bucket.';
