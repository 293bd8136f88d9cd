/** The real thing behind the sidecar: FastAPI (scripts/lab/fastapi) run by Debian's uvicorn, as in production. */
import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { endChild } from './end-child.ts';
import { JWT_SECRET } from './tokens.ts';

/** What `requireTools` must find before this can run. */
export const UVICORN = 'uvicorn with FastAPI';

export interface Uvicorn {
  readonly port: number;
  readonly url: string;
  stop(): Promise<void>;
}

const PATIENCE_MS = 30_000;
const APP_DIR = resolve(import.meta.dirname, 'fastapi');

/**
 * @param databaseUrl as the backend writes it, `postgresql+asyncpg://…`
 * @param port 0: a free one
 * @throws Error with what uvicorn printed when it does not start
 */
export async function startUvicorn(databaseUrl: string, port = 0): Promise<Uvicorn> {
  // By its path: another python3 may come first on PATH, without Debian's packages.
  const child = spawn(
    '/usr/bin/python3',
    ['-m', 'uvicorn', 'main:app', '--app-dir', APP_DIR, '--host', '127.0.0.1', '--port', String(port)],
    {
      env: { DATABASE_URL: databaseUrl, JWT_SECRET, PYTHONDONTWRITEBYTECODE: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const actualPort = await listeningPort(child);
  return {
    port: actualPort,
    url: `http://127.0.0.1:${actualPort}`,
    async stop() {
      // SIGTERM waits for open WebSockets.
      await endChild(child, 'SIGKILL');
    },
  };
}

function listeningPort(child: ChildProcess): Promise<number> {
  let output = '';
  return new Promise((listening, failed) => {
    const giveUp = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    const read = (chunk: Buffer) => {
      if (output.length < 20_000) output += chunk;
      const port = /Uvicorn running on http:\/\/127\.0\.0\.1:(\d+)/.exec(output)?.[1];
      if (port === undefined) return;
      clearTimeout(giveUp);
      listening(Number(port));
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('error', failed);
    child.once('exit', () => {
      clearTimeout(giveUp);
      failed(new Error(`uvicorn did not start:\n${output}`));
    });
  });
}
