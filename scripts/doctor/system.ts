/** The sidecar's own port, and what the machine allows it. */
import { readFileSync } from 'node:fs';
import { notApplicable, ok, unchecked, wrong } from '../uploads/check.ts';
import { askDatabase } from './database.ts';
import { httpGet, reasonOf } from './http-get.ts';
import { holdersOf, listenersOn } from './listeners.ts';
import type { DoctorCheck, Scene } from './scene.ts';
import { storageConfigIn } from './storage.ts';

const PORT = 'port';
/** deploy/systemd/gogomarket-sidecar.socket */
const BACKLOG = 4096;

const LISTENS: DoctorCheck = {
  name: PORT,
  needs: [],
  async run({ words, setting }) {
    const port = setting('PORT');
    if (port === null) return unchecked(words.settingFirst('PORT'));
    const found = listenersOn(port);
    if (found === null) return unchecked(words.noProc);
    if (found.length === 0) return wrong(words.nothingListens(port), words.startSidecar);
    const open = found.filter(({ isLoopback }) => !isLoopback).map(({ address }) => `${address}:${port}`);
    if (open.length > 0) return wrong(words.isOpen(open), words.sidecarToLoopback);
    return ok(words.onlyLoopback(found.map(({ address }) => `${address}:${port}`)));
  },
};

const READY: DoctorCheck = {
  name: 'ready',
  needs: [],
  async run({ words, setting }, signal) {
    const port = setting('PORT');
    if (port === null) return unchecked(words.settingFirst('PORT'));
    try {
      const { status, body } = await httpGet({ kind: 'tcp', host: '127.0.0.1', port }, '/readyz', signal);
      const checks = checksIn(body);
      if (checks === null) return wrong(`GET /readyz: ${status}`, words.notTheSidecar);
      const said = Object.entries(checks)
        .map(([name, value]) => `${name} ${value}`)
        .join(', ');
      return status === 200 ? ok(said) : wrong(said, words.seeJournal);
    } catch (error) {
      signal.throwIfAborted();
      return wrong(reasonOf(error), words.startSidecar);
    }
  },
};

function checksIn(body: string): Record<string, string> | null {
  try {
    const { checks } = JSON.parse(body);
    return typeof checks === 'object' ? checks : null;
  } catch {
    return null;
  }
}

/** A connection is a descriptor, a forwarded one is two. */
const DESCRIPTORS: DoctorCheck = {
  name: 'descriptors',
  needs: [PORT],
  async run({ words, setting }) {
    const wanted = 2 * (setting('MAX_CONNECTIONS') ?? 0);
    const inodes = (listenersOn(setting('PORT') ?? 0) ?? []).map(({ inode }) => inode);
    const limit = Math.min(...holdersOf(inodes).flatMap((pid) => limitOf(pid) ?? []));
    if (!Number.isFinite(limit)) return unchecked(words.processUnseen, words.runAsRoot);
    return limit > wanted
      ? ok(words.descriptors(limit, wanted))
      : wrong(words.descriptors(limit, wanted), words.raiseDescriptors(wanted));
  },
};

function limitOf(pid: number): number | null {
  try {
    const [, soft] =
      /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8')) ?? [];
    return soft === undefined ? null : soft === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(soft);
  } catch {
    return null;
  }
}

/** The kernel cuts what a socket asks for to this (listen(2)). */
const QUEUE: DoctorCheck = {
  name: 'connections that wait',
  needs: [],
  async run({ words }) {
    try {
      const most = Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'));
      return most >= BACKLOG
        ? ok(`net.core.somaxconn = ${most}`)
        : wrong(`net.core.somaxconn = ${most}`, words.raiseQueue(BACKLOG));
    } catch {
      return unchecked(words.noProc);
    }
  },
};

const CONNECTIONS: DoctorCheck = {
  name: 'connections to the database',
  needs: [],
  run: (scene, signal) =>
    askDatabase(scene, signal, async (knex) => {
      const { rows } = await knex.raw<{ rows: { most: number; used: number }[] }>(`
        SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS most,
               (SELECT count(*)::int FROM pg_stat_activity WHERE datid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'
                   AND application_name <> 'gogomarket-sidecar') AS used`);
      const { most = 0, used = 0 } = rows[0] ?? {};
      const ours = mostConnections(scene);
      const said = scene.words.connections(ours, used, most);
      return ours + used <= most ? ok(said) : wrong(said, scene.words.fewerConnections);
    }),
};

/** Of each worker: the pool, one for events, two for the pass over uploads (sidecar.ts). */
function mostConnections(scene: Scene): number {
  const { setting, sources } = scene;
  const events = sources.env.EVENTS_WEBHOOK_URL ? 1 : 0;
  const uploads = storageConfigIn(scene) === null ? 0 : 2;
  return (setting('WEB_CONCURRENCY') ?? 1) * ((setting('DATABASE_POOL_MAX') ?? 0) + events + uploads);
}

const METRICS: DoctorCheck = {
  name: 'metrics',
  needs: [],
  async run({ words, setting }, signal) {
    const port = setting('METRICS_PORT');
    if (!port) return notApplicable(words.noMetrics);
    try {
      const { status } = await httpGet({ kind: 'tcp', host: '127.0.0.1', port }, '/metrics', signal);
      return status === 200
        ? ok(`127.0.0.1:${port}/metrics: 200`)
        : wrong(`127.0.0.1:${port}/metrics: ${status}`, words.notTheSidecar);
    } catch (error) {
      signal.throwIfAborted();
      return wrong(reasonOf(error), words.startSidecar);
    }
  },
};

export const systemChecks = [LISTENS, READY, DESCRIPTORS, QUEUE, CONNECTIONS, METRICS];
