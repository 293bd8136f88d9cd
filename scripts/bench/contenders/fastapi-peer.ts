/**
 * The sidecar's own routes on FastAPI, asyncpg and botocore (../fastapi), run by one uvicorn as the backend is.
 */
import { resolve } from 'node:path';
import { freePort } from '../../lab/ports.ts';
import { startProgram, untilListening } from '../../lab/programs.ts';
import { JWT_SECRET } from '../../lab/tokens.ts';
import { outputOf, PYTHON } from '../../lab/tools.ts';
import { type Place, type RunningProxy, runningProxy } from './contender.ts';

const APP = ['app:app', '--app-dir', resolve(import.meta.dirname, '../fastapi')];
const PACKAGES = ['fastapi', 'uvicorn', 'asyncpg', 'botocore'];

/** E.g. `fastapi 0.92.0, uvicorn 0.17.6`; null: not all of it is installed here (Debian: python3-botocore and .ci/run's). */
export function fastApiVersion(): string | null {
  const print = PACKAGES.map((name) => `'${name}', ${name}.__version__`).join(`, '+', `);
  const printed = outputOf(PYTHON, '-c', `import jwt, ${PACKAGES.join(', ')}; print(${print})`);
  return printed?.trim().replaceAll(' + ', ', ') ?? null;
}

/** @param env what it is told besides: DATABASE_URL and settings with the sidecar's names */
export async function startFastApiPeer(
  { core, folder }: Place,
  env: Readonly<Record<string, string>>,
): Promise<RunningProxy> {
  const port = await freePort();
  const program = startProgram(
    PYTHON,
    ['-m', 'uvicorn', ...APP, '--host', '127.0.0.1', '--port', String(port)],
    {
      core,
      env: { JWT_SECRET, PYTHONDONTWRITEBYTECODE: '1', ...env },
      outputFile: folder.at('uvicorn.log'),
    },
  );
  await untilListening('uvicorn', program, port);
  return runningProxy(port, program);
}
