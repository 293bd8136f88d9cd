/**
 * What nearly every drill starts with: a backend and a sidecar in front of it.
 */
import { type BackendOptions, type DrillBackend, startBackend } from './backend-process.ts';
import { type DrillSidecar, startSidecar } from './sidecar.ts';

export interface Scene extends AsyncDisposable {
  readonly backend: DrillBackend;
  readonly sidecar: DrillSidecar;
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
