/**
 * `POST /api/upload/video` and `/media`: a file of a multipart form streamed to disk, and read back with ranges.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import busboy from 'busboy';
import type { RequestHandler } from 'express';
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
    try {
      if (Number(req.headers['content-length'] ?? 0) > MAX_UPLOAD_BYTES) throw new TooLarge();
      const name = await receiveFile(req, mediaDir);
      if (name !== null) res.json({ url: `/media/${name}` });
      else sendInvalid(res, ['body', 'file'], 'field required', 'value_error.missing');
    } catch (error) {
      // Not req.destroyed: a request whose body has been read is destroyed, and its answer still awaited.
      if (res.destroyed) return;
      if (error instanceof TooLarge) res.status(413).json({ detail: 'File too large' });
      else if (error instanceof Error && 'syscall' in error) throw error;
      else res.status(400).json({ detail: 'There was an error parsing the body' });
    }
  };
}

class TooLarge extends Error {}

/** @returns the name that the first file of a form was given; null when there is none */
async function receiveFile(req: IncomingMessage, mediaDir: string): Promise<string | null> {
  if (!/^multipart\/form-data\s*;.*\bboundary=/i.test(req.headers['content-type'] ?? '')) return null;
  await mkdir(mediaDir, { recursive: true });
  const form = busboy({ headers: req.headers, limits: { files: 1, fileSize: MAX_UPLOAD_BYTES } });
  let stored: Promise<string> | null = null;
  form.on('file', (_field, content, { mimeType }) => {
    content.once('limit', () => form.destroy(new TooLarge()));
    stored = store(content, mimeType, mediaDir);
    stored.catch((error) => form.destroy(error));
  });
  req.once('close', () => req.complete || form.destroy(new Error('The form is cut off.')));
  // A form that is not read to its end leaves the rest, so that a refusal can still be sent.
  const parsed = once(form, 'close').finally(() => req.unpipe(form).resume());
  req.pipe(form);
  await parsed;
  return stored;
}

async function store(content: Readable, type: string, mediaDir: string): Promise<string> {
  const name = `${randomUUID()}.${EXTENSIONS[type] ?? 'bin'}`;
  const path = join(mediaDir, name);
  try {
    await pipeline(content, createWriteStream(path));
    return name;
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

/** express's sendFile knows ranges, validators and content types, and stays inside the folder. */
export function sendMedia(mediaDir: string): RequestHandler<{ name: string }> {
  return (req, res, next) => {
    res.sendFile(req.params.name, { root: mediaDir, dotfiles: 'ignore' }, (error) => {
      if (error && !res.headersSent) notFound(req as never, res, next);
    });
  };
}
