/** The real thing behind the sidecar: FastAPI (scripts/lab/fastapi) run by Debian's uvicorn, as in production. */
import { resolve } from 'node:path';
import { startProgram, untilSays } from './programs.ts';
import { JWT_SECRET } from './tokens.ts';
import { PYTHON } from './tools.ts';

/** What `requireTools` must find before this can run. */
export const UVICORN = 'uvicorn with FastAPI';

/**
 * @param databaseUrl as the backend writes it, `postgresql+asyncpg://…`
 * @param options `port` 0: a free one; `featureApi`: with its earlier module for reviews and uploads
 * @throws Error with what uvicorn printed when it does not start
 */
export async function startUvicorn(databaseUrl: string, { port = 0, featureApi = false } = {}) {
  const app = ['main:app', '--app-dir', resolve(import.meta.dirname, 'fastapi')];
  const program = startProgram(
    PYTHON,
    ['-m', 'uvicorn', ...app, '--host', '127.0.0.1', '--port', String(port)],
    {
      env: {
        DATABASE_URL: databaseUrl,
        JWT_SECRET,
        PYTHONDONTWRITEBYTECODE: '1',
        ...(featureApi ? { FEATURE_API: '1' } : {}),
      },
    },
  );
  const listening = /Uvicorn running on http:\/\/127\.0\.0\.1:(\d+)/;
  const actualPort = Number((await untilSays('uvicorn', program, listening))[1]);
  return {
    port: actualPort,
    url: `http://127.0.0.1:${actualPort}`,
    // SIGTERM waits for open WebSockets.
    stop: async () => void (await program.stop('SIGKILL')),
  };
}
