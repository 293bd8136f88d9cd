/**
 * haproxy as a private instance: one thread, HTTP mode, its log on stdout and so in a file.
 */
import { writeFileSync } from 'node:fs';
import { outputOf } from '../machine/tools.ts';
import { type Contender, startProxy } from './contender.ts';

/** @returns undefined when it is not installed */
export function findHaproxy(): Contender | undefined {
  const version = /version (\d[\w.]*)/.exec(outputOf('haproxy', '-v') ?? '')?.[1];
  if (version === undefined) return undefined;
  return {
    name: 'haproxy',
    version,
    kind: 'native',
    forwardsWebSockets: true,
    setup: 'one thread, HTTP mode, default connection reuse, HTTP log to a file',
    start: (place) =>
      startProxy(place, (port) => {
        const file = `${place.folder}/haproxy.cfg`;
        writeFileSync(file, configuration(port, place.upstreamPort));
        return { command: 'haproxy', args: ['-db', '-f', file], env: {} };
      }),
  };
}

const configuration = (port: number, upstreamPort: number): string => `
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
`;
