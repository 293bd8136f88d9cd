/**
 * What `npm run dev` says when everything runs: what is where, and three commands to paste.
 */

export interface BannerFacts {
  readonly sidecarUrl: string;
  readonly backend: string;
  readonly database: string;
  readonly storage: string;
  /** A valid token; null when the backend is not ours, and so neither are its users. */
  readonly token: string | null;
  readonly sampleFile: SampleFile;
}

export function banner({ sidecarUrl, backend, database, storage, token, sampleFile }: BannerFacts): string {
  return [
    '',
    `  sidecar   ${sidecarUrl}   ← talk to this one`,
    `  backend   ${backend}`,
    `  database  ${database}`,
    `  storage   ${storage}`,
    '',
    ...(token === null
      ? [`No demo token: this backend has its own users. Log in with POST ${sidecarUrl}/api/auth/login.`]
      : curls({ sidecarUrl, token, sampleFile })),
    '',
    'Files in src/ are watched. Ctrl-C stops everything; the data stays in the state folder.',
    '',
  ].join('\n');
}

/** Each works when pasted into bash or zsh with nothing but curl and sed. */
export function curls({
  sidecarUrl,
  token,
  sampleFile,
}: {
  sidecarUrl: string;
  token: string;
  sampleFile: SampleFile;
}): string[] {
  const auth = '-H "Authorization: Bearer $TOKEN"';
  const json = `-H 'Content-Type: application/json'`;
  const upload = JSON.stringify({
    kind: 'product_image',
    filename: 'dot.png',
    content_type: 'image/png',
    size_bytes: sampleFile.bytes,
  });
  const takeUrl = `sed -E 's/.*"upload_url":"([^"]+)".*/\\1/'`;
  return [
    'A token for buyer@demo.com (password demo123):',
    '',
    `export TOKEN=${token}`,
    '',
    '1. Forwarded to the backend:',
    '',
    `curl -i ${sidecarUrl}/api/products`,
    '',
    '2. A review, served by the sidecar:',
    '',
    `curl -i ${sidecarUrl}/api/products/1/reviews ${auth} ${json} -d '{"rating":5,"text":"Warm and soft"}'`,
    '',
    '3. A file, straight into the object storage:',
    '',
    `URL=$(curl -s ${sidecarUrl}/api/uploads ${auth} ${json} -d '${upload}' | ${takeUrl}) && ` +
      `curl -i -X PUT "$URL" -H 'Content-Type: image/png' --data-binary '@${sampleFile.path}'`,
  ];
}

export interface SampleFile {
  readonly path: string;
  readonly bytes: number;
}

/** The smallest PNG: one transparent pixel. */
export const SAMPLE_PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);
