/** What the doctor says, in English. Sentences that others make (settings, migrations, the storage) come as they are. */
import type { FileFault } from './env-file.ts';

const list = (items: readonly string[]) => items.join(', ');

const FAULTS: Readonly<Record<FileFault['kind'], string>> = {
  crlf: 'lines end with a carriage return (Windows): systemd drops it, a shell and Docker make it a part of the value',
  bom: 'the file begins with a byte order mark: systemd ignores its first setting',
  export: '"export" in front of a name: systemd ignores the line',
  'open-quote': 'a quote is not closed on its line and takes in the lines below',
  'no-assignment': 'not NAME=value: systemd ignores the line',
  backslash:
    'a backslash outside of quotes is dropped by systemd, and kept by others: put the value in single quotes',
  twice: 'a second time with another value, which wins',
};

export const en = {
  help: `Usage: npm run doctor [-- options]

Everything an operator would check by hand, on one screen: each line is ok, WRONG (with what to do), not applicable, or could
not check (with why). Writes nothing, and no secret is in what it prints, so that it can be pasted into a chat.
As root on the server it reads the settings as the service gets them: from the files that its unit names.

  --only AREA,…    of settings, user, clock, backend, database, storage, nginx, system, work
  --json           {"status":…,"results":[{"area":…,"name":…,"status":…,"text":…,"remedy":…}]}
  --timeout N      seconds for each check (10)
  --fix            brings the database up to date and puts it right, adds the rules that the bucket lacks
  --write-probe    also uploads a file of a few bytes and removes it, and writes to the database and takes it back
  --env-file FILE  the settings are in this file; may be repeated, the later one wins (instead of those that the unit names)
  --unit FILE      the service's unit (/etc/systemd/system/gogomarket-sidecar.service)
  --url URL        where Nginx answers (https://127.0.0.1)
  --host NAME      the server's name there, when the address is not it
  --insecure       takes any certificate there
  --nginx COMMAND  for an Nginx of your own: "nginx -c FILE"
  --help           this text

Exit status: 0 nothing is wrong; 1 something is; 2 something could not be checked, or wrong arguments; 130 stopped.
`,
  wrongUrl: '--url must be http:// or https://, a host and maybe a port, and no more.',
  statuses: {
    ok: 'ok',
    wrong: 'WRONG',
    'not applicable': 'not applicable',
    'could not check': 'could not check',
  },
  summary: (wrong: number, unchecked: number, good: number) =>
    `${good} ok, ${wrong} wrong, ${unchecked} could not be checked.`,
  stopped: 'stopped',
  tooSlow: (seconds: number) => `no answer within ${seconds} s`,
  tooSlowRemedy: 'Does it hang, or does something on the way (a firewall) swallow the request?',
  notTried: (first: string) => `not tried: "${first}" comes first`,
  defect: (reason: string) => `the check itself failed: ${reason}`,
  settingFirst: (name: string) => `${name} is missing or cannot be read: see settings`,

  filesRefused: (paths: readonly string[]) => `this user may not read ${list(paths)}`,
  runAsRoot: 'Run it as root: sudo node_modules/.bin/node scripts/doctor.ts',
  fileMissing: (path: string) =>
    `${path}: there is no such file, and the unit needs it: the service does not start`,
  fileOpen: (path: string) => `${path}: everybody may read it, and it holds secrets: chmod o= ${path}`,
  fileFault: (fault: FileFault) => `${'name' in fault ? `${fault.name}: ` : ''}${FAULTS[fault.kind]}`,
  mendFiles: 'Put the lines right, then restart the service: systemctl restart gogomarket-sidecar',
  noUnit: 'no unit of the service is on this machine; the settings are those of this shell',
  filesRead: (paths: readonly string[], unit: string | null) =>
    `${list(paths)}${unit === null ? '' : ` (as ${unit} says)`}`,
  settingsUnknown: 'the settings are in a file that this user may not read',
  valuesGood: 'complete',
  mendSettings: 'docs/configuration.md; then restart the service.',
  byDefault: 'by default',
  overridden: (names: readonly string[]) => `of a later file instead of an earlier one: ${list(names)}`,
  otherInShell: (names: readonly string[]) =>
    `other in this shell, which the service does not see: ${list(names)}`,
  nothingListens: (port: number) => `nothing listens on port ${port}`,
  processUnseen: 'the process that runs belongs to another user',
  asStarted: 'was started with these settings',
  changedSince: (names: readonly string[]) => `was started with others: ${list(names)}`,
  restart: 'What runs does not have them yet: systemctl restart gogomarket-sidecar',

  noService: (me: string) => `${me}; no unit says as whom the service runs`,
  ownUser: 'a user of its own (DynamicUser=)',
  asService: (me: string) => `${me}, as the service`,
  asRoot: (service: string, line: string) =>
    `root, which may read and reach more than the service does: that runs as ${service}. As that user:\n${line}`,
  asOther: (me: string, service: string, line: string) =>
    `${me}; the service runs as ${service}. As that user:\n${line}`,
  filesByThisUser: 'those that the settings name are read by the user that runs this',
  filesOfOther: (user: string) => `what ${user} may read can only be seen as ${user}, or root`,
  filesReadable: 'the service may read the release and all files that the settings name',
  unreadable: (path: string) => `${path} is missing, or not readable by everybody`,
  hidden: (path: string, folder: string) => `${path} cannot be reached: ${folder} is closed`,
  makeReadable: 'The service owns nothing: chmod o+r for files, chmod o+x for the folders above them.',

  clockAgrees: (seconds: number) => `agrees within ${seconds} s`,
  clockDiffers: (seconds: number, isAhead: boolean) =>
    `this machine is ${seconds} s or more ${isAhead ? 'ahead' : 'behind'}`,
  setClock: 'Tokens are valid by the clock: timedatectl set-ntp true, on both machines.',
  noDate: 'it does not say what time it is',

  backendIsIll: 'The backend is there and fails: look into its journal. A rollback does not help.',
  isItTheBackend: 'Does BACKEND_URL lead to the backend? It answers /healthz.',
  backendIsAway:
    'Does the backend run, and on the port of BACKEND_URL? Its journal tells. A rollback does not help.',
  unixSocket: 'a unix socket',
  elsewhere: (host: string) => `on another machine (${host})`,
  isOpen: (addresses: readonly string[]) => `reachable from other machines: ${list(addresses)}`,
  backendToLoopback: (port: number) =>
    `Start it on loopback only: uvicorn --host 127.0.0.1 --port ${port} (deploy/systemd/gogomarket.service.d). Meanwhile close the port in the firewall.`,
  onlyLoopback: (addresses: readonly string[]) => `only from this machine: ${list(addresses)}`,
  noOpenApi: 'it does not describe itself at /openapi.json',
  noSharedRoutes: 'none; after a rollback reviews and uploads are 404, which the apps understand',
  sharedRoutes: (routes: readonly string[]) =>
    `the backend has, and nobody reaches: ${list(routes)}. After a rollback the backend answers them, from data of its own`,
  renameRoutes: 'Rename them in the backend, or switch Nginx back to it if they are to replace the sidecar.',

  askAsService: (line: string) =>
    `The database may let in the service's user by its name ("peer"). As that user:\n${line}`,
  databaseRemedy: (codes: readonly string[]): string => {
    if (codes.some((code) => code.startsWith('28')))
      return 'User or password in DATABASE_URL are not those of the database, or its pg_hba.conf does not let them in from here.';
    if (codes.includes('3D000')) return 'Mend the name of the database in DATABASE_URL.';
    if (codes.some((code) => code.startsWith('53')))
      return 'The database has no connection left: fewer workers or DATABASE_POOL_MAX, or a higher max_connections.';
    if (codes.some((code) => /CERT|SIGNED|^ERR_/.test(code)))
      return 'The certificate is not one that sslmode and sslrootcert in DATABASE_URL let pass.';
    return 'Does it run, and may this machine connect to it (host and port in DATABASE_URL, firewall, TLS)?';
  },
  encrypted: (protocol: string, mode: string, isVerified: boolean) =>
    `${protocol} (sslmode=${mode}), the server's certificate is ${isVerified ? 'verified' : 'not verified'}`,
  unencryptedHere: 'none, and the database is on this machine',
  unencrypted: (host: string, mode: string) =>
    `the password and all data go to ${host} unencrypted (sslmode=${mode})`,
  useTls: 'Say sslmode=require or verify-full in DATABASE_URL, for the backend as well.',
  newerPostgres: 'The sidecar needs PostgreSQL 13 or newer.',
  isReplica: 'a replica, which takes no writes',
  usePrimary: 'DATABASE_URL must lead to the primary. With several hosts: target_session_attrs=read-write.',
  isReadOnly: 'takes no writes (default_transaction_read_only)',
  makeWritable:
    'A managed provider does this when the disk is full. Otherwise: ALTER ROLE … or DATABASE … SET default_transaction_read_only = off.',
  isPrimary: 'takes writes',
  hasRights: 'all that are needed on the tables that are there',
  lacksRights: (lacking: readonly string[]) => `lacking ${lacking.join('; ')}`,
  pending: (name: string) => `the migration ${name} has not run`,
  migrate: 'npm run migrate (sidecar src/migrate.ts), or --fix here.',
  newerSchema: (names: readonly string[]) => `a newer release has been here: ${list(names)}`,
  mended: (done: readonly string[]) => `mended: ${list(done)}`,
  schemaComplete: 'complete',
  countsAgree: 'agree with the reviews',
  countsDiffer: (reviews: number, products: number) =>
    `${reviews} reviews wrongly shown, hidden or counted; ${products} products with wrong figures`,
  rebuild: 'npm run reviews -- stats',
  onlyWithProbe: 'only with --write-probe',
  writesTaken: 'what a request writes is taken (and was taken back)',

  noStorage: 'no storage is set up (S3_…): uploads answer 501',

  noNginx: (command: string) => `there is no ${command} on this machine`,
  mendNginx: 'Nginx would not start again with it: put it right before anything else (nginx -t).',
  unreadableNginx: (reason: string) => `its configuration is not one that the doctor understands (${reason})`,
  nothingLeadsHere: (ports: readonly number[]) =>
    `no server in Nginx's configuration passes anything on to port ${ports.join(' or ')} of this machine`,
  compareNginx: 'Compare it with deploy/nginx.',
  serverFound: (name: string, port: number, warnings: string) =>
    `server ${name}, port ${port}${warnings && `\n${warnings}`}`,
  whoAnswers: (url: string, who: string, said: string) =>
    `${url}: ${who === 'unknown' ? 'neither the sidecar nor the backend' : `the ${who}`} (${said})`,
  switchOver:
    'Reviews and uploads are 404, as before the switch or after a rollback: npm run cutover -- --to sidecar',
  sayUrl: 'Where does Nginx answer? --url https://example.com, --host NAME, --insecure.',
  neither: 'Does Nginx reach the sidecar (see system), and is this the right server (--url, --host)?',
  copyStarted:
    'the lines below are what arrives through a second Nginx with the same configuration; the running one is not touched',
  copyFailed: (reason: string) => `a second Nginx with the same configuration does not start: ${reason}`,
  shortTimeout: (path: string, seconds: number, own: number) =>
    `${path}: proxy_read_timeout is ${seconds} s, and the sidecar waits ${own} s: Nginx answers first, with a page of HTML`,
  shortChat: (seconds: number) => `/ws: proxy_read_timeout is ${seconds} s: a silent chat is cut`,
  raiseTimeouts: (seconds: number) =>
    `proxy_read_timeout and proxy_send_timeout ${seconds}s for /api, 3600s for /ws.`,
  notKept: 'none are kept',
  keptTooLong: (seconds: number) =>
    `kept for ${seconds} s, and uvicorn closes them after 5 s: now and then a request is a 502`,
  keepShorter: 'keepalive_timeout 4s; in the upstream.',
  notPassedOn: (path: string, status: number | null) =>
    `${path} was not passed on (${status === null ? 'no answer' : `Nginx: ${status}`})`,
  hostArrives: 'arrives as the client wrote it, with its port',
  hostChanges: (host: string) => `arrives as "${host}": links and redirects would lead there`,
  noHost: 'a client that sends none (HTTP/1.0) is sent on without one, and gets a 400',
  setHost:
    'proxy_set_header Host $client_host; with the map of deploy/nginx/gogomarket.conf. A location that sets one header inherits none.',
  forwarded: (address: string, scheme: string) => `For: ${address}, Proto: ${scheme}`,
  realIp: (said: string) => `${said}; real_ip_header is used, so it depends on the load balancer in front`,
  setForwarded:
    'What a client claims must not be passed on: proxy_set_header X-Forwarded-For $remote_addr; X-Forwarded-Proto $scheme; in every location that sets headers.',
  pathArrives: 'arrives as the client wrote it',
  pathChanges: (sent: string, got: string) => `${sent} arrives as ${got}`,
  mendProxyPass: 'proxy_pass http://gogomarket_api; without a path and without a slash at its end.',
  bodyLimit: (limit: string) =>
    `client_max_body_size is ${limit}: larger files are refused with a page of HTML (413)`,
  raiseLimit: 'client_max_body_size 0; in the location of /api: the backend has limits of its own.',
  bodiesStream: '1 GB is not refused, and arrives as it is sent',
  bodiesBuffered:
    'Nginx takes in the whole body before it passes anything on: on its disk, and nobody sees progress',
  streamBodies: 'proxy_request_buffering off; in the location of /api.',
  errorsReplaced: (status: number | null) =>
    `a 503 with a sentence in JSON comes back as ${status ?? 'nothing'} with another body`,
  keepErrors:
    'Take proxy_intercept_errors and error_page out of the location of /api: the apps show these sentences.',
  answersStream: 'arrive as they are sent, errors in JSON unchanged',
  answersBuffered: 'Nginx keeps the beginning of an answer back: events and progress come late',
  streamAnswers: 'proxy_buffering off; in the location of /api.',
  upgradeLost: 'the handshake arrives without Upgrade: the chat does not work',
  setUpgrade:
    'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; for /ws.',
  framesArrive: 'the handshake arrives, and frames go both ways',
  framesLost: (status: number | null) =>
    `the handshake arrives, and its answer does not come back as it is (${status ?? 'nothing'})`,

  noProc: 'this system has no /proc',
  startSidecar:
    'systemctl status gogomarket-sidecar.socket gogomarket-sidecar.service; journalctl -u gogomarket-sidecar -n 50',
  sidecarToLoopback:
    'HOST=127.0.0.1, and ListenStream=127.0.0.1:8010 in the socket: whoever reaches it past Nginx is not limited by it.',
  notTheSidecar: 'Something else has that port: ss -ltnp',
  seeJournal:
    '"reason" in the journal says why: journalctl -u gogomarket-sidecar -n 50; and the lines above and below.',
  descriptors: (limit: number, wanted: number) => `LimitNOFILE is ${limit}, MAX_CONNECTIONS takes ${wanted}`,
  raiseDescriptors: (wanted: number) =>
    `LimitNOFILE=${wanted + 1000} in the unit, or a lower MAX_CONNECTIONS.`,
  raiseQueue: (wanted: number) =>
    `sysctl -w net.core.somaxconn=${wanted}, and the same in /etc/sysctl.d: while the service restarts, more are refused.`,
  connections: (ours: number, others: number, most: number) =>
    `the sidecars take up to ${ours}, others have ${others}, the database allows ${most}`,
  fewerConnections:
    'Lower DATABASE_POOL_MAX or WEB_CONCURRENCY, or raise max_connections: requests would be 503 now and then.',
  noMetrics: 'METRICS_PORT is not set',

  outbox: (waiting: number, seconds: number, failed: number) =>
    `${waiting} wait, the oldest for ${seconds} s; ${failed} were given up`,
  nobodySends:
    'EVENTS_WEBHOOK_URL is not set, so nobody sends them. Set it, or remove the rows of sidecar_events.',
  noWebhook: 'EVENTS_WEBHOOK_URL is not set',
  lookAtFailed: 'npm run events -- --failed says why; --replay all sends them again.',
  receiverAway: 'The receiver does not take them: "an event was not delivered" in the journal says why.',
  noOutbox: 'there is no outbox',
  due: (count: number, seconds: number) => `${count} wait to be looked at, the oldest for ${seconds} s`,
  passStands:
    'The storage is away or refuses us, no sidecar runs, or more is due than they can look at: see storage and the journal.',
  noUploads: 'there is no table of uploads',
};
