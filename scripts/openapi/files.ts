/** The documents as files of the repository. */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { LocalRoute } from '../../src/edge/route-table.ts';
import { openApiDocument, type Version } from './document.ts';

export const DOCS = resolve(import.meta.dirname, '../../docs');
const FILES: readonly { readonly name: string; readonly version: Version }[] = [
  { name: 'openapi.json', version: '3.1.0' },
  { name: 'openapi-3.0.json', version: '3.0.3' },
];

export interface DocumentFile {
  readonly name: string;
  /** What it should say. */
  readonly text: string;
  isCurrent(): boolean;
  write(): void;
}

/** @param folder where they are */
export const documentFiles = (routes: readonly LocalRoute[], folder: string): DocumentFile[] =>
  FILES.map(({ name, version }) => {
    const path = resolve(folder, name);
    const text = `${JSON.stringify(openApiDocument(routes, version), null, 2)}\n`;
    return {
      name,
      text,
      isCurrent: () => readIfThere(path) === text,
      write: () => writeFileSync(path, text),
    };
  });

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
