/** An upload as a client makes it, what the storage keeps of it, and what S3 has beside that. */
import { hash } from 'node:crypto';
import type { UploadTarget } from '../../src/infra/object-storage/object-storage.ts';
import { type Check, notApplicable, ok, wrong } from './check.ts';
import { type Answer, exchange } from './exchange.ts';
import { explainRefusal } from './remedies.ts';
import type { Scene } from './storage-checks.ts';

export const TYPE = 'image/png';
/** A picture of one pixel: what looks at files on the way finds what was announced. */
export const BYTES = new Uint8Array(
  Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  ),
);
const EXPIRES_IN_SECONDS = 120;

const isDone = ({ status }: Answer) => status >= 200 && status < 300;

async function sign(scene: Scene, key: string, more: Partial<UploadTarget> = {}) {
  const { cacheControl, once } = scene.uploads;
  const target = { key, contentType: TYPE, contentLength: BYTES.length, cacheControl, once };
  const signed = { ...target, expiresInSeconds: EXPIRES_IN_SECONDS, ...more };
  const { uploadUrl: url, headers } = await scene.storage.presignPut(signed);
  return { url, headers };
}

async function put(scene: Scene, key: string, more: Partial<UploadTarget> = {}) {
  const { url, headers } = await sign(scene, key, more);
  const answer = await exchange('PUT', url, { headers, body: BYTES, signal: scene.untilPut() });
  return { url, headers, answer };
}

export const UPLOAD: Check<Scene> = {
  name: 'upload',
  needs: ['connection'],
  async run(scene) {
    const { url, headers, answer } = await put(scene, scene.first.key);
    // S3 names the version in every answer to a PUT, once the bucket has had versions.
    const isVersioned = answer.headers.has('x-amz-version-id');
    Object.assign(scene.first, { url, headers, isVersioned });
    if (!isDone(answer)) return explainRefusal('PutObject', answer, scene.config);
    return ok(`a PUT by a signed URL with ${Object.keys(headers).join(', ')} is taken`);
  },
};

/** In its place where nothing may be put. */
export const SIGNED: Check<Scene> = {
  name: 'signed URL',
  needs: ['connection'],
  async run(scene) {
    Object.assign(scene.first, await sign(scene, scene.first.key));
    return ok(`signs ${Object.keys(scene.first.headers).join(', ')}`);
  },
};

export const STORED: Check<Scene> = {
  name: 'stored object',
  needs: ['upload'],
  async run({ storage, first }, signal) {
    const facts = await storage.head(first.key, signal);
    if (facts === null)
      return wrong(
        'the PUT was answered with success, and nothing is there',
        'Does something in front of the storage answer for it? S3_ENDPOINT must be the storage itself.',
      );
    const found = `${facts.contentType}, ${facts.size} bytes`;
    return facts.contentType === TYPE && facts.size === BYTES.length
      ? ok(found)
      : wrong(
          `${found} instead of ${TYPE}, ${BYTES.length} bytes`,
          'The storage, or something in front of it, changes uploads: every upload would be rejected.',
        );
  },
};

export const PARTS: Check<Scene> = {
  name: 'parts',
  needs: ['upload'],
  async run(scene, signal) {
    const { storage, uploads, config } = scene;
    const key = scene.newKey();
    const { cacheControl } = uploads;
    const uploadId = await storage.createMultipart(
      { key, contentType: TYPE, cacheControl },
      scene.untilPut(),
    );
    scene.begun(key, uploadId);
    const contentLength = BYTES.length;
    const target = { key, uploadId, partNumber: 1, contentLength, expiresInSeconds: EXPIRES_IN_SECONDS };
    const url = await storage.presignPart(target);
    const answer = await exchange('PUT', url, { body: BYTES, signal: scene.untilPut() });
    if (!isDone(answer)) return explainRefusal('UploadPart', answer, config);
    const parts = await storage.listParts(key, uploadId, signal);
    if (parts?.length !== 1) return wrong('the part that was sent is not listed', MULTIPARTS);
    const done = await storage.completeMultipart(key, uploadId, parts, scene.untilPut());
    const facts = await storage.head(key, signal);
    return done === 'completed' && facts?.size === BYTES.length && facts.contentType === TYPE
      ? ok('begun, sent, listed and put together')
      : wrong('what was put together is not the file', MULTIPARTS);
  },
};

const MULTIPARTS = 'The storage does not do multipart uploads as S3 does: videos in parts will not work.';

/** The key is taken already. */
export const ONCE: Check<Scene> = {
  name: 'write once',
  needs: ['upload'],
  async run(scene) {
    const { answer } = await put(scene, scene.first.key, { once: true });
    const { once } = scene.uploads;
    const isHonoured = answer.status === 412;
    if (isHonoured) return ok(`If-None-Match is honoured${once ? '' : ': S3_UPLOAD_ONCE=true may be set'}`);
    if (isDone(answer))
      return once
        ? wrong('If-None-Match is ignored: a second PUT replaced the file', 'S3_UPLOAD_ONCE=false')
        : notApplicable('If-None-Match is ignored; S3_UPLOAD_ONCE stays false');
    const finding = explainRefusal('PutObject', answer, scene.config);
    if (finding.status !== 'wrong') return finding;
    return once
      ? wrong(finding.text, 'The storage does not know If-None-Match: S3_UPLOAD_ONCE=false')
      : notApplicable(`${finding.text}: If-None-Match is refused; S3_UPLOAD_ONCE stays false`);
  },
};

export const CHECKSUM: Check<Scene> = {
  name: 'checksum',
  needs: ['upload'],
  async run(scene) {
    const right = await put(scene, scene.newKey(), { sha256: hash('sha256', BYTES) });
    if (!isDone(right.answer)) {
      const finding = explainRefusal('PutObject', right.answer, scene.config);
      const remedy = `The storage refuses x-amz-checksum-sha256: clients must not announce a sha256. ${finding.remedy ?? ''}`;
      return finding.status === 'wrong' ? wrong(finding.text, remedy.trim()) : finding;
    }
    const other = await put(scene, scene.newKey(), { sha256: hash('sha256', 'another file') });
    return isDone(other.answer)
      ? notApplicable(
          'the storage ignores checksums: bytes are not compared with the sha256 that a client announces',
        )
      : ok('the right sha256 is taken, another one refused');
  },
};
