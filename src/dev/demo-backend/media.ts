/**
 * `/api/upload/video` and `/media`: a multipart body streamed to disk, and read back with ranges.
 */
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { RequestHandler } from 'express';

const MAX_UPLOAD_BYTES = 200 * 1024 * 1024;

/** Keeps the body as it came: a demo needs the bytes to arrive, not the form to be taken apart. */
export function receiveUpload(mediaDir: string): RequestHandler {
  return async (req, res) => {
    if (!req.headers['content-type']?.startsWith('multipart/form-data')) {
      res
        .status(422)
        .json({ detail: [{ loc: ['body', 'file'], msg: 'field required', type: 'value_error.missing' }] });
      return;
    }
    await mkdir(mediaDir, { recursive: true });
    const name = `${randomUUID()}.bin`;
    let bytes = 0;
    const limit = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        bytes += chunk.length;
        done(bytes > MAX_UPLOAD_BYTES ? new Error('too large') : null, chunk);
      },
    });
    try {
      await pipeline(req, limit, createWriteStream(join(mediaDir, name)));
      res.json({ url: `/media/${name}`, size: bytes });
    } catch {
      await rm(join(mediaDir, name), { force: true });
      if (!res.headersSent && !req.destroyed) res.status(413).json({ detail: 'File too large' });
    }
  };
}

/** express's sendFile knows ranges and validators. */
export function sendMedia(mediaDir: string): RequestHandler {
  return (req, res) => {
    res.sendFile(basename(String(req.params.name)), { root: mediaDir, dotfiles: 'deny' }, (error) => {
      if (error && !res.headersSent) res.status(404).json({ detail: 'Not Found' });
    });
  };
}
