/** A private nginx, with one worker. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { type Program, startProgram, untilUp } from './programs.ts';
import type { ScratchFolder } from './scratch-folder.ts';
import { PATH_WITH_SBIN } from './tools.ts';

const NGINX = 'nginx';

export interface NginxOptions {
  /** What stands in its `http` block. */
  readonly http: string;
  /** What stands in front of all else. */
  readonly modules?: string;
  /** That its worker may have open. */
  readonly connections?: number;
}

/** Writes its main configuration. @returns its arguments */
function configureNginx(
  folder: ScratchFolder,
  { http, modules = '', connections = 256 }: NginxOptions,
): string[] {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  writeFileSync(
    folder.at('nginx.conf'),
    `${modules}
# As root its worker would become another user, who cannot write to our folder.
${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
pid ${folder.at('nginx.pid')};
error_log ${folder.at('error.log')} notice;
worker_processes 1;
worker_rlimit_nofile ${2 * connections};
events { worker_connections ${connections}; }
http {
  # Servers name their own; the compiled-in one may be written by root only.
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${folder.at(name)};`).join('\n  ')}
  ${http}
}
`,
  );
  return ['-e', folder.at('error.log'), '-c', folder.at('nginx.conf')];
}

/** What `nginx -t` says of a configuration. */
export function testNginx(folder: ScratchFolder, options: NginxOptions): string {
  const env = { PATH: PATH_WITH_SBIN };
  return spawnSync(NGINX, ['-t', ...configureNginx(folder, options)], { encoding: 'utf8', env }).stderr;
}

/** Resolves when it listens. @throws Error with its words */
export async function startNginx(
  folder: ScratchFolder,
  options: NginxOptions & { readonly core?: number | undefined },
): Promise<Program> {
  const program = startProgram(NGINX, configureNginx(folder, options), { core: options.core });
  try {
    // It writes its number once it listens.
    await untilUp('nginx', program, () => read(folder, 'nginx.pid') !== '');
    return program;
  } catch (error) {
    throw new Error(`nginx did not start:\n${read(folder, 'error.log')}${program.output()}`, {
      cause: error,
    });
  }
}

function read(folder: ScratchFolder, name: string): string {
  try {
    return readFileSync(folder.at(name), 'utf8');
  } catch {
    return '';
  }
}
