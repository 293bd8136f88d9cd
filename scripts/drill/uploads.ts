/**
 * Requests that cost the sidecar much CPU, their sender next to none, and the database nothing: POST /api/uploads with a
 * token of ES512, whose check alone takes 1.6 ms on the machine of performance.md, for a type that no upload may have. With
 * one that is issued the drill would be of PostgreSQL, which writes a row for each. One string serves for all of them.
 */
import { generateKeyPairSync } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { createBackendTables } from '../lab/database.ts';
import { type LoadRequest, parseJson } from './sample.ts';

const ALGORITHM = 'ES512';
/** Anna, of createBackendTables. */
const USER_ID = 1;

export interface UploadScene {
  /** Settings of the sidecar. */
  readonly env: Readonly<Record<string, string>>;
  readonly token: string;
}

/** Makes the backend's tables and a key pair. Nothing listens at the storage's address: signing needs no request. */
export async function makeUploadScene(databaseUrl: string): Promise<UploadScene> {
  await createBackendTables(databaseUrl);
  const { publicKey, privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-521',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return {
    env: {
      DATABASE_URL: databaseUrl,
      MIGRATE_ON_START: 'true',
      UPLOAD_RATE_PER_MINUTE: '0',
      JWT_ALG: ALGORITHM,
      JWT_SECRET: publicKey,
      S3_ENDPOINT: 'http://127.0.0.1:9',
      S3_REGION: 'drill',
      S3_BUCKET: 'drill',
      S3_ACCESS_KEY_ID: 'drill',
      S3_SECRET_ACCESS_KEY: 'drill',
      S3_PUBLIC_BASE_URL: 'http://127.0.0.1:9/drill',
    },
    token: jwt.sign({ user_id: USER_ID }, privateKey, { algorithm: ALGORITHM, expiresIn: '1h' }),
  };
}

const BODY = JSON.stringify({
  kind: 'product_image',
  filename: 'a.png',
  content_type: 'text/html',
  size_bytes: 1_000,
});

/** Makes upload requests of one user, each with an id of its own. */
export function uploads(token: string): () => LoadRequest {
  const bytes =
    `POST /api/uploads HTTP/1.1\r\nHost: shop.example.com\r\nAuthorization: Bearer ${token}\r\n` +
    `Content-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;
  let count = 0;
  return () => {
    count += 1;
    return {
      id: `upload-${count}`,
      label: 'POST upload, 415',
      method: 'POST',
      bytes,
      rightStatus: 415,
      isRight: ({ body }) => parseJson(body)?.code === 'unsupported_type',
    };
  };
}
