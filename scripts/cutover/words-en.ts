import type { Side, Sighting } from '../lib/who-answers.ts';
import type { Ports, Unknown, UpstreamLine } from './upstream-line.ts';

const names: Readonly<Record<Sighting['who'], string>> = {
  sidecar: 'the sidecar',
  backend: 'the backend',
  unknown: 'neither',
};

const list = (lines: readonly string[]) => lines.map((line) => `\n    ${line}`).join('');

const whyUnknown = ({ why, found }: Unknown): string =>
  ({
    unreadable: `line ${found[0]} cannot be read as Nginx's configuration`,
    'no-upstream': 'it has no "upstream gogomarket_api { … }"',
    'several-upstreams': `it has "upstream gogomarket_api" more than once:${list(found)}`,
    'not-one-server':
      found.length === 0
        ? 'its upstream has no "server" line'
        : `its upstream has several servers:${list(found)}`,
    include: `its upstream takes in another file:${list(found)}`,
    address: `its server is not one of the two, or has parameters:${list(found)}`,
  })[why];

export const en = {
  help: `Usage: npm run cutover -- --to sidecar|backend [--smoke] [--dry-run] [options]
       npm run cutover -- --status [options]

Lets Nginx send new requests to the sidecar, or to the backend again: changes the port on the one "server" line of
"upstream gogomarket_api", tests the configuration, reloads, waits until new requests really arrive there, and checks
them. When one of these fails, or on Ctrl-C, it goes back by itself. What is open meanwhile (requests, WebSockets) goes
on where it is. Run it as root, on Nginx's machine.

  --to SIDE           sidecar or backend; the sidecar must be ready (/readyz), the backend is not asked
  --status            what the file says, who answers, what the other side still has; changes nothing
  --dry-run           looks at everything and changes nothing
  --smoke             runs scripts/smoke_test_prod.sh behind the switch, with the settings in the environment
                      (without its RUN_BACKEND_CHECKS when it goes to the backend)
  --force             to the sidecar although it is not ready
  --url URL           where Nginx answers (default: API_URL, or https://127.0.0.1; on loopback the certificate is
                      not verified)
  --host NAME         the Host to ask for there, where Nginx has several servers
  --insecure          takes any certificate there (or API_INSECURE=1)
  --conf FILE         default /etc/nginx/conf.d/gogomarket-upstream.conf
  --sidecar-port N    default 8010
  --backend-port N    default 8000
  --nginx COMMAND     for a private Nginx: "nginx -c FILE"
  --timeout SECONDS   how long new requests may take to arrive (default 20)
  --help              this text

Exit status: 0 done, or it was so already; 1 refused or failed, and all is as it was (or what the text says); 2 wrong
arguments; 3 failed and could not go back: look at once; 130 stopped by a signal, and all is as it was.
`,
  names,
  wrongArgument: {
    to: '--to must be sidecar or backend.',
    one: 'One of --to and --status is needed.',
    onlyTo: '--smoke, --dry-run and --force belong to --to.',
    url: '--url (or API_URL) must be an http:// or https:// address without user name, query or fragment.',
    ports: '--sidecar-port and --backend-port must differ.',
    switch: (name: string) => `${name} must be 1, true, yes or on; or 0, false, no, off or nothing.`,
  },
  fileSays: (path: string, { side, line, text }: UpstreamLine) =>
    `The file says ${names[side]}: ${path}, line ${line}: ${text}`,
  whoAnswers: (url: string, { who, said }: Sighting) => `At ${url} answers ${names[who]}: ${said}`,
  configurationIsGood: 'Nginx accepts the configuration (nginx -t).',
  sidecarIsReady: (port: number) => `The sidecar is ready (127.0.0.1:${port}/readyz).`,
  sidecarIsNotReady: (port: number, said: string) => `127.0.0.1:${port}/readyz: ${said}`,
  forced: 'It goes on all the same: --force.',
  wouldChange: ({ line, text }: UpstreamLine, port: number) =>
    `Would change line ${line}, ${text} to port ${port}, and reload. Nothing was changed: --dry-run.`,
  alreadyThere: (side: Side) => `It is so already: new requests go to ${names[side]}.`,
  lineChanged: ({ line, text }: UpstreamLine) => `Line ${line} is now ${text}`,
  lineIsRight: 'The file is right already; Nginx has not read it yet.',
  reloading: 'Nginx was told to reload.',
  arrived: (side: Side, count: number) => `New requests arrive at ${names[side]}: ${count} of ${count}.`,
  healthy: 'GET /healthz through Nginx: 200.',
  smokeStarts: 'The smoke test:',
  smokeWithoutBackendChecks: 'RUN_BACKEND_CHECKS and SMOKE_UPLOAD are off: the backend has no such routes.',
  smokePassed: 'The smoke test passed.',
  done: (side: Side) => `Done: ${names[side]} has the requests.`,
  lockHeld: (pid: number) =>
    `Another cutover is under way: process ${pid}. Wait for it, or stop it with Ctrl-C.`,
  underWay: (pid: number) => `A cutover is under way: process ${pid}.`,
  unknownFile: (path: string, unknown: Unknown, ports: Ports) =>
    `${path} is not one that this command may change: ${whyUnknown(unknown)}
This command changes exactly this, as in deploy/nginx/gogomarket-upstream.conf:
    upstream gogomarket_api {
        server 127.0.0.1:${ports.backend};     # or ${ports.sidecar}; nothing behind it, no second one
    }
Put the file right, or name the right one (--conf), or change it by hand: docs/operations.md.`,
  cannotUse: (path: string, reason: string) => `${path} cannot be used: ${reason}. Run it as root (sudo)?`,
  notRead: (path: string, command: string) =>
    `Nginx does not read ${path} (${command} -T): changing it would do nothing.`,
  readTwice: (path: string, as: readonly string[]) => `Nginx reads ${path} more than once:${list(as)}`,
  badConfiguration: (words: string) => `Nginx does not accept its configuration (nginx -t):\n${words}`,
  notTheSidecar: (port: number, said: string) =>
    `On 127.0.0.1:${port} the sidecar of this release does not answer: ${said}\nIs it running? systemctl status gogomarket-sidecar.socket gogomarket-sidecar.service`,
  notReady: 'The sidecar is not ready. --force goes on all the same.',
  cannotSee: (url: string) =>
    `Who has the requests cannot be seen at ${url}, so that no switch could be checked.\nSay how to ask: --url https://example.com, --host example.com, --insecure.`,
  smokeSettings: (words: string) => `The smoke test could not run: ${words}`,
  reloadFailed: (words: string) => `nginx -s reload failed:\n${words}`,
  notArrived: (side: Side | null, seconds: number, last: string) =>
    side === null
      ? `After ${seconds} s Nginx has not taken the configuration.`
      : `After ${seconds} s new requests do not arrive at ${names[side]}. The last answer: ${last}`,
  notReplaced:
    'Nginx has not taken the last reload and goes on with what it has. Before it restarts, put right what it says.',
  nginxSays: (lines: readonly string[]) => `Nginx has written since:${list(lines)}`,
  nginxSaysElsewhere: (logs: readonly string[]) =>
    `What Nginx wrote cannot be read here; its log goes to ${logs.join(', ')} (journalctl -u nginx?).`,
  unhealthy: (said: string) => `GET /healthz through Nginx is not 200: ${said}`,
  smokeFailed: (status: number | null) => `The smoke test failed (status ${status ?? '-'}).`,
  interrupted: 'Stopped by a signal.',
  goingBack: (side: Side) => `Going back to ${names[side]}. Please wait; another Ctrl-C changes nothing.`,
  isBack: (side: Side) => `All is as it was: ${names[side]} has the requests.`,
  isBackUnseen: (side: Side) =>
    `The file says ${names[side]} again, and Nginx has read it; who answers could not be seen before either.`,
  nothingChanged: 'Nothing was changed.',
  stays: (side: Side, port: number) =>
    `It STAYS as the file says, on ${names[side]}: the other did not answer before either. Look at it: curl -i http://127.0.0.1:${port}/healthz`,
  cannotGoBack: (side: Side, path: string, port: number, reason: string) =>
    `COULD NOT GO BACK to ${names[side]}: ${reason}\nLook at once: make the server line of ${path} "server 127.0.0.1:${port};", then nginx -t && nginx -s reload`,
  fileAndTruthAgree: 'File and answer agree.',
  fileAndTruthDiffer: (side: Side) =>
    `They differ: Nginx has not read the file, or could not. To make ${names[side]} answer: npm run cutover -- --to ${side}`,
  oldConnections: (side: Side, count: number, workers: readonly number[]) =>
    count === 0
      ? `Nginx has no old connections to ${names[side]} any more.`
      : `Nginx still has ${count} old connections to ${names[side]} (WebSockets, requests under way), in ${workers.length} workers that are leaving: ${workers.join(', ')}.`,
  oldConnectionsNeedRoot: 'How many WebSockets the old side still has is shown to root only (ss -p).',
  oldConnectionsNeedSs:
    'How many WebSockets the old side still has cannot be seen without ss (package iproute2).',
};
