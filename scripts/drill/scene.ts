/**
 * What nearly every drill starts with: a backend and a sidecar in front of it.
 */
import { fileURLToPath } from 'node:url';
import { startProgram } from '../lab/programs.ts';
import { baseEnv, followProcess, type LogLine, type SidecarProcess, startProcess } from '../lab/sidecar.ts';
import { type BackendOptions, type DrillBackend, startBackend } from './backend-process.ts';

export interface Scene extends AsyncDisposable {
  readonly backend: DrillBackend;
  readonly sidecar: SidecarProcess;
}

export async function startScene(
  backendOptions: BackendOptions,
  env: Record<string, string> = {},
): Promise<Scene> {
  await using parts = new AsyncDisposableStack();
  const backend = parts.use(await startBackend(backendOptions));
  const sidecar = parts.use(await startSidecar({ BACKEND_URL: backend.url, ...env }));
  const kept = parts.move();
  return { backend, sidecar, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** As in production, access log at `info` included; the lines of requests are dropped. */
export const startSidecar = async (env: Record<string, string>): Promise<SidecarProcess> =>
  showingErrors(await startProcess(env, isMessage));

/** Run again and again by a supervisor with systemd's socket activation; `pid` is the supervisor's. */
export async function startSupervised(env: Record<string, string>): Promise<SidecarProcess> {
  const supervisor = fileURLToPath(import.meta.resolve('../lab/supervisor.ts'));
  // Not the port: the passed socket has one.
  const program = startProgram(process.execPath, [supervisor], { env: baseEnv({ ...env, PORT: '1' }) });
  const sidecar = showingErrors(await followProcess(program.child, isMessage));
  return {
    ...sidecar,
    async [Symbol.asyncDispose]() {
      program.killGroup();
      await program.ended;
    },
  };
}

const isMessage = ({ msg }: LogLine): boolean => msg !== undefined && msg !== 'request failed';

function showingErrors(sidecar: SidecarProcess): SidecarProcess {
  sidecar.child.stderr?.pipe(process.stderr, { end: false });
  return sidecar;
}

/** The numbers in the lines of a log message so far: of "listening", those of the workers. */
export const pidsOf = (sidecar: SidecarProcess, message: string): number[] =>
  sidecar.log(message).map(({ pid }) => Number(pid));
