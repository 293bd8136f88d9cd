/**
 * `POST /api/upload/video` and `/media`: a file of a multipart form streamed to disk, and read back with ranges.
 */
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { RequestHandler } from 'express';
import { boundaryOf, findFile } from './multipart.ts';
import { notFound, sendInvalid } from './problems.ts';

const MAX_UPLOAD_BYTES = 200 * 1024 * 1024;

const EXTENSIONS: Readonly<Record<string, string>> = {
  'video/mp4': 'mp4',
  'video/webm': 'webm',
  'video/quicktime': 'mov',
};

/** Answers `{"url":"/media/…"}`; 413 over 200 MB. An upload that breaks off leaves no file. */
export function receiveUpload(mediaDir: string): RequestHandler {
  return async (req, res) => {
    const boundary = boundaryOf(req.headers['content-type']);
    if (boundary === null) {
      return sendInvalid(res, ['body', 'file'], 'field required', 'value_error.missing');
    }
    if (Number(req.headers['content-length'] ?? 0) > MAX_UPLOAD_BYTES) {
      res.status(413).json({ detail: 'File too large' });
      return;
    }
    const body = boundedBody(req);
    let path = '';
    try {
      const file = await findFile(body.chunks, boundary);
      if (file === null) return sendInvalid(res, ['body', 'file'], 'field required', 'value_error.missing');
      const name = `${randomUUID()}.${EXTENSIONS[file.contentType] ?? 'bin'}`;
      path = join(mediaDir, name);
      await mkdir(mediaDir, { recursive: true });
      await pipeline(file.content, createWriteStream(path));
      res.json({ url: `/media/${name}` });
    } catch (error) {
      if (path !== '') await rm(path, { force: true });
      if (body.isTooLarge()) res.status(413).json({ detail: 'File too large' });
      // Not req.destroyed: a request whose body has been read is destroyed, and its answer still awaited.
      else if (isSystemError(error) && !res.destroyed) throw error;
      else if (!res.destroyed) res.status(400).json({ detail: 'There was an error parsing the body' });
    }
  };
}

/** express's sendFile knows ranges, validators and content types, and stays inside the folder. */
export function sendMedia(mediaDir: string): RequestHandler<{ name: string }> {
  return (req, res, next) => {
    res.sendFile(req.params.name, { root: mediaDir, dotfiles: 'ignore' }, (error) => {
      if (error && !res.headersSent) notFound(req as never, res, next);
    });
  };
}

/** The body in chunks, up to the limit. The request stays open afterwards, so that a refusal can still be sent. */
function boundedBody(req: IncomingMessage): { chunks: AsyncIterable<Buffer>; isTooLarge(): boolean } {
  let bytes = 0;
  async function* chunks(): AsyncGenerator<Buffer> {
    for await (const chunk of req.iterator({ destroyOnReturn: false })) {
      bytes += chunk.length;
      if (bytes > MAX_UPLOAD_BYTES) throw new Error('too large');
      yield chunk;
    }
  }
  return { chunks: chunks(), isTooLarge: () => bytes > MAX_UPLOAD_BYTES };
}

const isSystemError = (error: unknown) => error instanceof Error && 'syscall' in error;
