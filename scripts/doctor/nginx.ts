/** Who answers behind Nginx, and how requests really arrive there: by a private copy of it. */
import { createNginx } from '../lib/nginx-command.ts';
import { type Entrance, whoAnswers } from '../lib/who-answers.ts';
import {
  type CheckOptions,
  type CheckResult,
  type Finding,
  notApplicable,
  ok,
  runChecks,
  unchecked,
  wrong,
} from '../uploads/check.ts';
import { reasonOf } from './http-get.ts';
import { arrivalChecks } from './nginx-arrival.ts';
import { startNginxCopy } from './nginx-copy.ts';
import { CONFIGURATION, COPY, type NginxCheck, type NginxScene } from './nginx-scene.ts';
import { childrenNamed, findApiServer, locationFor, secondsOf, valueFor } from './nginx-tree.ts';
import { limited, type Scene } from './scene.ts';

/** Which ports of this machine the API may be on. */
function portsIn({ setting }: Scene): number[] {
  const backend = setting('BACKEND_URL');
  return [setting('PORT') ?? 8010, backend?.kind === 'tcp' ? backend.port : 8000];
}

const READ: NginxCheck = {
  name: CONFIGURATION,
  needs: [],
  async run(scene, signal) {
    const { words, options, nginx } = scene;
    const command = createNginx(options.nginx);
    const tested = await command.test(signal);
    if (/ENOENT/.test(tested.words)) return unchecked(words.noNginx(options.nginx));
    if (!tested.ok && /Permission denied/i.test(tested.words))
      return unchecked(tested.words, words.runAsRoot);
    if (!tested.ok) return wrong(tested.words, words.mendNginx);
    try {
      const facts = await command.facts();
      nginx.api = findApiServer(facts, portsIn(scene));
      // Where a variable leads is known when a request comes.
      if (nginx.api === null && /\bproxy_pass\s[^;]*\$/.test([...facts.files.values()].join()))
        return unchecked(words.unreadableNginx('proxy_pass with a variable'));
    } catch (error) {
      return unchecked(words.unreadableNginx(reasonOf(error)));
    }
    if (nginx.api === null) return wrong(words.nothingLeadsHere(portsIn(scene)), words.compareNginx);
    return ok(
      words.serverFound(
        nginx.api.name ?? '-',
        nginx.api.port,
        tested.words.includes('[warn]') ? tested.words : '',
      ),
    );
  },
};

const WHO: NginxCheck = {
  name: 'who answers',
  needs: [],
  async run({ words, options, nginx: { api } }, signal) {
    const scheme = api?.isTls === false ? 'http' : 'https';
    const entrance: Entrance = {
      url: options.url ?? new URL(`${scheme}://127.0.0.1:${api?.port ?? 443}`),
      host: options.host ?? (options.url === undefined ? (api?.name ?? undefined) : undefined),
      insecure: options.insecure,
    };
    const { who, said, status } = await whoAnswers(entrance, { signal, timeoutMs: options.stepTimeoutMs });
    const text = words.whoAnswers(entrance.url.origin, who, who === 'sidecar' ? String(status) : said);
    if (who === 'sidecar') return ok(text);
    if (who === 'backend') return wrong(text, words.switchOver);
    return status === null ? unchecked(text, words.sayUrl) : wrong(text, words.neither);
  },
};

const START: NginxCheck = {
  name: COPY,
  needs: [CONFIGURATION],
  async run({ words, nginx }) {
    if (nginx.api === null) return notApplicable('');
    try {
      nginx.copy = await startNginxCopy(nginx.api);
      return ok(words.copyStarted);
    } catch (error) {
      return unchecked(words.copyFailed(reasonOf(error)), words.runAsRoot);
    }
  },
};

/** By the configuration, since nobody wants to wait for it. Nginx's default is 60 s. */
const TIMEOUTS: NginxCheck = {
  name: 'time-outs',
  needs: [CONFIGURATION],
  async run({ words, nginx: { api }, setting }) {
    if (api === null) return notApplicable('');
    const headMs = setting('BACKEND_HEADERS_TIMEOUT_MS') ?? 0;
    const bodyMs = setting('BACKEND_BODY_TIMEOUT_MS') ?? 0;
    const own = Math.max(headMs, bodyMs) / 1000;
    const read = (path: string) =>
      secondsOf(valueFor(api, locationFor(api, path), 'proxy_read_timeout') ?? '60s');
    const [forApi, forChat] = [read('/api/'), read('/ws/')];
    const problems = [
      ...(forApi <= own ? [words.shortTimeout('/api', forApi, own)] : []),
      ...(forChat < LEAST_CHAT_SECONDS ? [words.shortChat(forChat)] : []),
    ];
    if (problems.length > 0) return wrong(problems.join('\n'), words.raiseTimeouts(own + 10));
    return ok(`/api ${forApi} s, /ws ${forChat} s`);
  },
};
/** The backend's ping comes every 20 s. */
const LEAST_CHAT_SECONDS = 60;

/** uvicorn closes an idle connection after 5 s without a word: a request that meets this moment is a 502. */
const IDLE: NginxCheck = {
  name: 'idle connections',
  needs: [CONFIGURATION],
  async run({ words, nginx: { api } }): Promise<Finding> {
    const upstream =
      api && childrenNamed(api.http, 'upstream').find(({ args }) => api.upstreams.includes(args[0] ?? ''));
    const [keepalive] = upstream ? childrenNamed(upstream, 'keepalive') : [];
    if (!upstream || !keepalive) return ok(words.notKept);
    const seconds = secondsOf(childrenNamed(upstream, 'keepalive_timeout')[0]?.args[0] ?? '60s');
    return seconds < 5
      ? ok(`keepalive_timeout ${seconds} s`)
      : wrong(words.keptTooLong(seconds), words.keepShorter);
  },
};

export async function nginxResults(scene: Scene, options: CheckOptions): Promise<CheckResult[]> {
  const nginx: NginxScene['nginx'] = { api: null, copy: null };
  try {
    return await runChecks(
      [READ, WHO, TIMEOUTS, IDLE, START, ...arrivalChecks].map(limited),
      { ...scene, nginx },
      options,
    );
  } finally {
    await nginx.copy?.stop();
  }
}
