/** The backend behind the sidecar: is it there, can only this machine reach it, and does it have routes of ours? */
import { parseConfig } from '../../src/config/config.ts';
import { readBackendRoutes } from '../../src/forward/backend-openapi.ts';
import { createLogger } from '../../src/infra/logger.ts';
import { sharedRoutes } from '../../src/shared-routes.ts';
import { createSidecar } from '../../src/sidecar.ts';
import { notApplicable, ok, unchecked, wrong } from '../uploads/check.ts';
import { httpGet, reasonOf } from './http-get.ts';
import { listenersOn } from './listeners.ts';
import type { DoctorCheck } from './scene.ts';

const HEALTH: DoctorCheck = {
  name: 'health',
  needs: [],
  async run({ words, setting }, signal) {
    const backend = setting('BACKEND_URL');
    if (backend === null) return unchecked(words.settingFirst('BACKEND_URL'));
    try {
      const { status, headAt, sentAt } = await httpGet(backend, '/healthz', signal);
      const said = `GET /healthz: ${status}`;
      if (status >= 500) return wrong(said, words.backendIsIll);
      return status < 300 ? ok(`${said}, ${headAt - sentAt} ms`) : wrong(said, words.isItTheBackend);
    } catch (error) {
      signal.throwIfAborted();
      return wrong(reasonOf(error), words.backendIsAway);
    }
  },
};

/** Whoever reaches it past the sidecar and Nginx is believed what he says of himself in X-Forwarded-For. */
const PORT: DoctorCheck = {
  name: 'port',
  needs: [],
  async run({ words, setting }) {
    const backend = setting('BACKEND_URL');
    if (backend === null) return unchecked(words.settingFirst('BACKEND_URL'));
    if (backend.kind === 'unix') return notApplicable(words.unixSocket);
    if (!/^(127\.|localhost$|::1$)/.test(backend.host)) return notApplicable(words.elsewhere(backend.host));
    const found = listenersOn(backend.port);
    if (found === null || found.length === 0) return unchecked(words.nothingListens(backend.port));
    const open = found
      .filter(({ isLoopback }) => !isLoopback)
      .map(({ address }) => `${address}:${backend.port}`);
    if (open.length > 0) return wrong(words.isOpen(open), words.backendToLoopback(backend.port));
    return ok(words.onlyLoopback(found.map(({ address }) => `${address}:${backend.port}`)));
  },
};

const ROUTES: DoctorCheck = {
  name: 'routes of both',
  needs: [],
  async run({ words, setting }, signal) {
    const backend = setting('BACKEND_URL');
    if (backend === null) return unchecked(words.settingFirst('BACKEND_URL'));
    const theirs = await readBackendRoutes(backend, signal).catch((error) => {
      signal.throwIfAborted();
      return reasonOf(error);
    });
    if (typeof theirs === 'string') return unchecked(theirs);
    if (theirs === null) return unchecked(words.noOpenApi);
    const shared = sharedRoutes(ownRoutes(), theirs);
    return shared.length === 0
      ? ok(words.noSharedRoutes)
      : wrong(words.sharedRoutes(shared), words.renameRoutes);
  },
};

/** What this release serves, whatever its settings are. Nothing is opened for it. */
const ownRoutes = () =>
  createSidecar(
    parseConfig({ JWT_SECRET: 'none', DATABASE_URL: 'postgresql://none@127.0.0.1:9/none' }),
    createLogger('silent'),
  ).routes;

export const backendChecks = [HEALTH, PORT, ROUTES];
