/**
 * Requests to the sidecar's own routes, each by another of many users, and what an answer to one has in it.
 */
import { tokenFor } from '../../lab/tokens.ts';

export interface ApiRequest {
  readonly bytes: Buffer;
  /** Of the body of the right answer. */
  readonly answerHas: string;
  /** A 304 has no body. */
  readonly isNotModified?: boolean;
}

/** A request as a workload describes it to the load generator. */
export interface Question {
  readonly path: string;
  readonly answerHas: string;
  /** What is known already: the right answer is a 304. */
  readonly ifNoneMatch?: string;
  /** A POST of this JSON, by this user. */
  readonly post?: { readonly user: number; readonly json: string };
}

export function requestOf({ path, answerHas, ifNoneMatch, post }: Question): ApiRequest {
  if (post !== undefined) return { bytes: request('POST', path, post.user, post.json), answerHas };
  const known = ifNoneMatch === undefined ? '' : `If-None-Match: ${ifNoneMatch}\r\n`;
  const bytes = Buffer.from(`GET ${path} HTTP/1.1\r\n${HEADERS}\r\n${known}\r\n`);
  return { bytes, answerHas, isNotModified: ifNoneMatch !== undefined };
}

/** What can be asked; a workload names one. */
export const apiRequests = { uploads: uploadRequest } as const satisfies Record<
  string,
  (user: number) => ApiRequest
>;
export type ApiRequestName = keyof typeof apiRequests;

const HEADERS = [
  'Host: app.example.com',
  'Connection: keep-alive',
  'User-Agent: Dart/3.5 (dart:io)',
  'Accept: application/json',
  'Accept-Encoding: gzip',
].join('\r\n');

const ANNOUNCED = '{"kind":"reel_video","filename":"a.mp4","content_type":"video/mp4","size_bytes":1048576}';

function uploadRequest(user: number): ApiRequest {
  return {
    bytes: request('POST', '/api/uploads', user, ANNOUNCED),
    answerHas: `/uploads/${user}/reel_video/`,
  };
}

function request(method: string, path: string, user: number, body: string): Buffer {
  return Buffer.from(
    `${method} ${path} HTTP/1.1\r\n${HEADERS}\r\nAuthorization: Bearer ${tokenOf(user)}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

const tokens: string[] = [];

function tokenOf(user: number): string {
  tokens[user] ??= tokenFor(user);
  return tokens[user];
}
