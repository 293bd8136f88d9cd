/**
 * What `npm run dev` says when everything runs: what is where, and three commands to paste.
 */
import type { SampleFile } from './sample-file.ts';

export interface BannerFacts {
  readonly sidecarUrl: string;
  /** null: it is off. */
  readonly consoleUrl: string | null;
  /** The sidecar's for other devices, with who is meant; none without --lan. */
  readonly devices: readonly (readonly [url: string, whose: string])[];
  readonly backend: string;
  readonly database: string;
  readonly storage: string;
  /** A valid token; null when the backend is not ours, and so neither are its users. */
  readonly token: string | null;
  readonly sampleFile: SampleFile;
  /** What the developer should know besides. */
  readonly notes: readonly string[];
}

export function banner(facts: BannerFacts): string {
  return [
    '',
    `  sidecar   ${facts.sidecarUrl}   ← talk to this one`,
    ...(facts.consoleUrl === null ? [] : [`  console   ${facts.consoleUrl}   ← see every request`]),
    ...facts.devices.map(
      ([url, whose], i) => `  ${i === 0 ? 'devices' : '       '}   ${url.padEnd(27)} ${whose}`,
    ),
    `  backend   ${facts.backend}`,
    `  database  ${facts.database}`,
    `  storage   ${facts.storage}`,
    '',
    ...commands(facts),
    '',
    ...facts.notes,
    'Ctrl-C stops everything; the data stays.',
    '',
  ].join('\n');
}

/** Each works when pasted into bash or zsh, with nothing but curl and node. */
function commands({ sidecarUrl, token, sampleFile }: BannerFacts): string[] {
  const auth = '-H "Authorization: Bearer $TOKEN"';
  const json = "-H 'Content-Type: application/json'";
  const upload = JSON.stringify({
    kind: 'product_image',
    filename: 'dot.png',
    content_type: 'image/png',
    size_bytes: sampleFile.bytes,
  });
  return [
    token === null
      ? 'A token of your backend (put in an account that it has):'
      : 'A token for buyer@demo.com (password demo123; seller@, courier@ and admin@demo.com too):',
    '',
    `export TOKEN=${token ?? login(sidecarUrl, json)}`,
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
    `curl -s ${sidecarUrl}/api/uploads ${auth} ${json} -d '${upload}' | ${toCurlConfig(sampleFile.path)} | curl -i -K -`,
  ];
}

function login(sidecarUrl: string, json: string): string {
  const account = `-d '{"email":"buyer@demo.com","password":"demo123"}'`;
  return `$(curl -s ${sidecarUrl}/api/auth/login ${json} ${account} | node -pe 'JSON.parse(fs.readFileSync(0)).access_token')`;
}

/** Turns the answer of POST /api/uploads into a curl configuration: the PUT, with exactly the headers it was given. */
function toCurlConfig(path: string): string {
  const program =
    'const a = JSON.parse(fs.readFileSync(0)); if (a.upload_url === undefined) throw a.detail; ' +
    '[["url", a.upload_url], ["upload-file", process.argv[1]], ' +
    '...Object.entries(a.headers).map(([k, v]) => ["header", k + ": " + v])]' +
    '.map(([k, v]) => k + " = " + JSON.stringify(v)).join("\\n")';
  return `node -pe '${program}' ${shellQuoted(path)}`;
}

const shellQuoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
