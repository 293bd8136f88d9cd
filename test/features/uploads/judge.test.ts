/** What a file turns out to be: real ones of every form, and what only looks like one (files/ is of ffmpeg, libheif and Pillow). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { reasonAgainst } from '../../../src/features/uploads/judge.ts';
import type { UploadKind } from '../../../src/features/uploads/kinds.ts';

const file = (name: string) => readFileSync(join(import.meta.dirname, 'files', name));

/** The verdict on a file, as it comes from the storage with the size and type that were signed. */
const verdict = (kind: UploadKind, content: Buffer, contentType: string) =>
  reasonAgainst(
    { kind, content_type: contentType, size_bytes: String(content.length) },
    { size: content.length, contentType, bytes: content.subarray(0, 4100) },
  );

const withBrand = (content: Buffer, brand: string) => {
  const changed = Buffer.from(content);
  changed.write(brand, 8, 'latin1');
  return changed;
};
/** A PNG with a chunk in front of its picture that is longer than what is looked at, as a colour profile may be. */
function withLongChunk(png: Buffer): Buffer {
  const head = png.subarray(0, 8 + 25);
  const data = Buffer.alloc(6000, 1);
  const chunk = Buffer.concat([Buffer.alloc(8), data, Buffer.alloc(4)]);
  chunk.writeUInt32BE(data.length, 0);
  chunk.write('iCCP', 4, 'latin1');
  return Buffer.concat([head, chunk, png.subarray(8 + 25)]);
}

/** QuickTime whose data come first, with their length in eight bytes, as what is longer than 4 GiB has it. */
function withLongData(mov: Buffer): Buffer {
  const mdat = mov.subarray(28);
  const head = Buffer.alloc(16);
  head.writeUInt32BE(1, 0);
  head.write('mdat', 4, 'latin1');
  head.writeBigUInt64BE(BigInt(mdat.readUInt32BE(0) + 8), 8);
  return Buffer.concat([head, mdat.subarray(8)]);
}

const VIDEOS: Record<string, Buffer> = {
  MP4: file('a.mp4'),
  'fragmented MP4': file('frag.mp4'),
  WebM: file('a.webm'),
  'QuickTime as an iPhone has it': file('a.mov'),
  'QuickTime with its index first': file('faststart.mov'),
  'QuickTime without ftyp': file('a.mov').subarray(20),
  'QuickTime that begins with its data': file('a.mov').subarray(28),
  'QuickTime that begins with long data': withLongData(file('a.mov')),
  'QuickTime that begins with its index': file('faststart.mov').subarray(20),
  '3GP': file('a.3gp'),
  ...Object.fromEntries(
    ['mp42', 'isom', 'iso5', 'avc1', 'M4V ', 'MSNV', 'dash', '3gp4'].map((brand) => [
      `MP4 with brand ${brand}`,
      withBrand(file('a.mp4'), brand),
    ]),
  ),
};

const IMAGES: Record<string, Buffer> = {
  'JPEG with JFIF': file('a.jpg'),
  'JPEG with Exif, as of a camera': file('exif.jpg'),
  PNG: file('a.png'),
  'PNG with a long colour profile': withLongChunk(file('a.png')),
  'animated PNG': file('a.apng'),
  WebP: file('a.webp'),
  'animated WebP': file('anim.webp'),
  GIF: file('a.gif'),
  GIF87a: file('gif87a.gif'),
  AVIF: file('a.avif'),
  'HEIC as an iPhone has it': file('a.heic'),
  ...Object.fromEntries(
    ['mif1', 'msf1', 'heix', 'hevc', 'avis'].map((brand) => [
      `HEIF with brand ${brand}`,
      withBrand(file('a.heic'), brand),
    ]),
  ),
};

test('every form of a type that the kind allows is taken, whichever of them was announced', async () => {
  for (const [name, content] of Object.entries(VIDEOS)) {
    assert.equal(await verdict('reel_video', content, 'video/mp4'), null, name);
    assert.equal(await verdict('review_video', content, 'video/webm'), null, name);
  }
  for (const [name, content] of Object.entries(IMAGES))
    assert.equal(await verdict('product_image', content, 'image/png'), null, name);
});

test('what the kind does not allow is a wrong type, whatever was announced', async () => {
  for (const [name, content] of Object.entries(VIDEOS))
    assert.equal(await verdict('story_image', content, 'image/png'), 'wrong_type', name);
  for (const [name, content] of Object.entries(IMAGES))
    assert.equal(await verdict('story_video', content, 'video/mp4'), 'wrong_type', name);
  assert.equal(await verdict('reel_video', file('a.mkv'), 'video/webm'), 'wrong_type');
  assert.equal(await verdict('reel_video', withBrand(file('a.mp4'), 'M4A '), 'video/mp4'), 'wrong_type');
});

test('pages, drawings, scripts and pieces are of no type', async () => {
  const contents: Record<string, Buffer> = {
    html: Buffer.from('<!DOCTYPE html><script>alert(1)</script>'),
    svg: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
    'xml and svg': Buffer.from('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'),
    'a script': Buffer.from('#!/bin/sh\necho'),
    'html behind the letters of an MP4': Buffer.from(`<!--ftypisom--><script>alert(1)</script>`),
    'html behind the letters of QuickTime': Buffer.from('<!--moov--><script>alert(1)</script>'),
    'html behind the letters of a GIF': Buffer.from('GIF <script>alert(1)</script>'),
    'a byte': Buffer.from([0xff]),
    ...Object.fromEntries(
      Object.entries({ ...VIDEOS, ...IMAGES }).flatMap(([name, content]) => [
        [`two bytes of ${name}`, content.subarray(0, 2)],
        [`a ${name} within its ftyp`, content.subarray(0, content.includes('ftyp') ? 11 : 2)],
      ]),
    ),
    'seven bytes of a PNG': file('a.png').subarray(0, 7),
    'eleven bytes of a WebP': file('a.webp').subarray(0, 11),
    'a PNG behind a byte order mark': Buffer.concat([Buffer.from('\ufeff'), file('a.png')]),
    'a JPEG behind an ID3 tag': Buffer.concat([
      Buffer.from('ID3\x04\x00\x00\x00\x00\x00\x00', 'latin1'),
      file('a.jpg'),
    ]),
    zeros: Buffer.alloc(5000),
  };
  for (const [name, content] of Object.entries(contents)) {
    for (const type of [
      'image/jpeg',
      'image/png',
      'image/webp',
      'image/gif',
      'image/avif',
      'image/heic',
      'image/heif',
    ])
      assert.equal(await verdict('review_image', content, type), 'wrong_type', `${name} as ${type}`);
    for (const type of ['video/mp4', 'video/webm', 'video/quicktime'])
      assert.equal(await verdict('reel_video', content, type), 'wrong_type', `${name} as ${type}`);
  }
});

test('another size or stored type is a reason, too', async () => {
  const bytes = file('a.png');
  const announced = { kind: 'product_image', content_type: 'image/png', size_bytes: '189' } as const;
  const start = { size: 189, contentType: 'image/png', bytes };
  assert.equal(await reasonAgainst(announced, start), null);
  assert.equal(await reasonAgainst(announced, { ...start, size: 190 }), 'too_large');
  assert.equal(await reasonAgainst(announced, { ...start, size: 188 }), 'too_small');
  assert.equal(await reasonAgainst(announced, { ...start, size: 0, bytes: Buffer.alloc(0) }), 'too_small');
  assert.equal(await reasonAgainst(announced, { ...start, contentType: 'text/html' }), 'wrong_type');
  const large = { ...announced, size_bytes: String(2 ** 31 + 1) };
  assert.equal(await reasonAgainst(large, { ...start, size: 2 ** 31 + 1 }), null);
});
