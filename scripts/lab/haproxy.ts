/** haproxy as a private instance: one thread, HTTP mode, its log on stdout. */
import { writeFileSync } from 'node:fs';
import { type Program, startProgram, untilListening } from './programs.ts';
import type { ScratchFolder } from './scratch-folder.ts';

export interface HaproxyOptions {
  readonly port: number;
  readonly upstreamPort: number;
  readonly core?: number | undefined;
}

/** Resolves when it listens. @throws Error with its words */
export async function startHaproxy(
  folder: ScratchFolder,
  { port, upstreamPort, core }: HaproxyOptions,
): Promise<Program> {
  writeFileSync(
    folder.at('haproxy.cfg'),
    `
global
  nbthread 1
  maxconn 9000
  log stdout format raw local0 info
defaults
  mode http
  log global
  option httplog
  timeout connect 3s
  timeout client 75s
  timeout server 75s
  timeout tunnel 1h
  timeout http-keep-alive 75s
frontend front
  bind 127.0.0.1:${port}
  default_backend app
backend app
  server app 127.0.0.1:${upstreamPort}
`,
  );
  const outputFile = folder.at('output.log');
  const program = startProgram('haproxy', ['-db', '-f', folder.at('haproxy.cfg')], { core, outputFile });
  await untilListening('haproxy', program, port);
  return program;
}
