/** Pictures to look at: small PNGs of coloured shapes, the same for the same number. */
import { crc32, deflateSync } from 'node:zlib';
import { createRandom } from './random.ts';

const WIDTH = 320;
const HEIGHT = 240;
/** Before and behind the pixels of a PNG (https://www.w3.org/TR/png-3/). */
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

type Colour = readonly [red: number, green: number, blue: number];

/** Different ones; more would take longer to make than all the rest. */
const COUNT = 60;
const made = new Map<number, Buffer>();

/** @param number which one; they begin anew after COUNT */
export function pictureOf(number: number): Buffer {
  const picture = made.get(number % COUNT) ?? draw(number % COUNT);
  made.set(number % COUNT, picture);
  return picture;
}

function draw(number: number): Buffer {
  const random = createRandom(number * 7_919 + 17);
  const hue = random.next();
  const [light, dark, shape] = [colour(hue, 0.93), colour(hue + 0.08, 0.72), colour(hue + 0.5, 0.45)];
  const size = 45 + random.below(45);
  const isRound = random.isIt(0.5);
  const [x, y] = [110 + random.below(100), 90 + random.below(60)];
  const rows = Array.from({ length: HEIGHT }, (_, row) => mix(light, dark, row / HEIGHT));
  const shadow = mix(dark, [0, 0, 0], 0.25);
  return png((column, row) => {
    const [dx, dy] = [Math.abs(column - x), Math.abs(row - y)];
    const isInside = isRound ? dx * dx + dy * dy < size * size : Math.max(dx, dy) < size * 0.9;
    if (isInside) return shape;
    // A shadow, so that it stands somewhere.
    const isShadow = ((column - x) / (size * 1.2)) ** 2 + ((row - y - size) / 14) ** 2 < 1;
    return isShadow ? shadow : (rows[row] ?? light);
  });
}

function colour(hue: number, lightness: number): Colour {
  const channel = (shift: number) => {
    const wave = Math.cos(2 * Math.PI * (hue + shift)) * 0.5 + 0.5;
    return Math.round(255 * (lightness * 0.6 + wave * 0.4 * lightness));
  };
  return [channel(0), channel(1 / 3), channel(2 / 3)];
}

const mix = (one: Colour, other: Colour, share: number): Colour =>
  [0, 1, 2].map((i) =>
    Math.round((one[i] ?? 0) * (1 - share) + (other[i] ?? 0) * share),
  ) as unknown as Colour;

function png(at: (column: number, row: number) => Colour): Buffer {
  const rows = Buffer.alloc(HEIGHT * (1 + WIDTH * 3));
  for (let row = 0; row < HEIGHT; row += 1)
    for (let column = 0; column < WIDTH; column += 1) {
      const place = row * (1 + WIDTH * 3) + 1 + column * 3;
      rows.set(at(column, row), place);
    }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(WIDTH, 0);
  head.writeUInt32BE(HEIGHT, 4);
  // Eight bits, three colours.
  head.set([8, 2], 8);
  return Buffer.concat([SIGNATURE, chunk('IHDR', head), chunk('IDAT', deflateSync(rows)), chunk('IEND')]);
}

function chunk(type: string, data: Buffer = Buffer.alloc(0)): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}
