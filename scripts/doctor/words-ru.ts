/** Что говорит doctor, по-русски. */
import type { FileFault } from './env-file.ts';
import type { Words } from './words.ts';

const list = (items: readonly string[]) => items.join(', ');

const FAULTS: Readonly<Record<FileFault['kind'], string>> = {
  crlf: 'строки заканчиваются возвратом каретки (Windows): systemd его отбрасывает, а в shell и Docker он попадает в значение',
  bom: 'в начале файла метка порядка байтов (BOM): первую настройку systemd пропустит',
  export: '«export» перед именем: systemd пропустит эту строку',
  'open-quote': 'кавычка не закрыта в своей строке и захватывает следующие',
  'no-assignment': 'это не ИМЯ=значение: systemd пропустит эту строку',
  backslash:
    'обратную косую черту вне кавычек systemd отбрасывает, а другие программы нет: возьмите значение в одинарные кавычки',
  twice: 'задано второй раз с другим значением, действует последнее',
};

export const ru: Words = {
  help: `Использование: npm run doctor [-- параметры]

Всё, что администратор проверял бы вручную, на одном экране: каждая строка — «ок», «НЕВЕРНО» (и что делать), «неприменимо»
или «не проверено» (и почему). Ничего не меняет и не печатает секретов: вывод можно послать в чат.
От root на сервере читает настройки так, как их получает служба: из файлов, указанных в её юните.

  --only ОБЛАСТЬ,…  из settings, user, clock, backend, database, storage, nginx, system, work
  --json            {"status":…,"results":[{"area":…,"name":…,"status":…,"text":…,"remedy":…}]}
  --timeout N       секунд на каждую проверку (10)
  --fix             обновить и исправить базу, добавить бакету недостающие правила
  --write-probe     ещё загрузить файл в несколько байтов и удалить его, записать в базу и отменить запись
  --env-file ФАЙЛ   настройки в этом файле; можно повторять, действует последний (вместо файлов из юнита)
  --unit ФАЙЛ       юнит службы (/etc/systemd/system/gogomarket-sidecar.service)
  --url URL         где отвечает Nginx (https://127.0.0.1)
  --host ИМЯ        имя сервера там, если оно не в адресе
  --insecure        принимать там любой сертификат
  --nginx КОМАНДА   для отдельного экземпляра Nginx: "nginx -c ФАЙЛ"
  --help            эта справка

Код завершения: 0 — ничего неверного; 1 — что-то неверно; 2 — что-то не удалось проверить или неверные аргументы;
130 — остановлено.
`,
  wrongUrl: '--url: нужны http:// или https://, имя и, может быть, порт, и ничего больше.',
  statuses: {
    ok: 'ок',
    wrong: 'НЕВЕРНО',
    'not applicable': 'неприменимо',
    'could not check': 'не проверено',
  },
  summary: (wrong, unchecked, good) => `В порядке: ${good}, неверно: ${wrong}, не проверено: ${unchecked}.`,
  stopped: 'остановлено',
  tooSlow: (seconds) => `нет ответа за ${seconds} с`,
  tooSlowRemedy: 'Зависло или что-то по пути (межсетевой экран) не пропускает запрос?',
  notTried: (first) => `не проверялось: сначала нужно «${first}»`,
  defect: (reason) => `сама проверка не удалась: ${reason}`,
  settingFirst: (name) => `${name} не задано или не читается, см. settings`,

  filesRefused: (paths) => `этому пользователю нельзя читать ${list(paths)}`,
  runAsRoot: 'Запустите от root: sudo node_modules/.bin/node scripts/doctor.ts',
  fileMissing: (path) => `${path}: файла нет, а юниту он нужен: служба не запустится`,
  fileOpen: (path) => `${path}: его могут читать все, а в нём секреты: chmod o= ${path}`,
  fileFault: (fault) => `${'name' in fault ? `${fault.name}: ` : ''}${FAULTS[fault.kind]}`,
  mendFiles: 'Исправьте строки и перезапустите службу: systemctl restart gogomarket-sidecar',
  noUnit: 'юнита службы на этой машине нет; настройки взяты из этого shell',
  filesRead: (paths, unit) => `${list(paths)}${unit === null ? '' : ` (по ${unit})`}`,
  settingsUnknown: 'настройки в файле, который этому пользователю нельзя читать',
  valuesGood: 'полны и верны',
  mendSettings: 'docs/configuration.md; затем перезапустите службу.',
  byDefault: 'по умолчанию',
  overridden: (names) => `более поздний файл заменяет значение из более раннего: ${list(names)}`,
  otherInShell: (names) => `в этом shell иначе, служба этого не видит: ${list(names)}`,
  nothingListens: (port) => `порт ${port} никто не слушает`,
  processUnseen: 'работающий процесс принадлежит другому пользователю',
  asStarted: 'запущен с этими настройками',
  changedSince: (names) => `запущен с другими: ${list(names)}`,
  restart: 'Работающий процесс их ещё не получил: systemctl restart gogomarket-sidecar',

  noService: (me) => `${me}; от чьего имени работает служба, узнать неоткуда: юнита нет`,
  ownUser: 'собственного пользователя (DynamicUser=)',
  asService: (me) => `${me}, как и служба`,
  asRoot: (service, line) =>
    `root, которому доступно больше, чем службе: она работает от имени ${service}. От её имени:\n${line}`,
  asOther: (me, service, line) => `${me}; служба работает от имени ${service}. От её имени:\n${line}`,
  filesByThisUser: 'файлы из настроек читает тот, кто запустил эту команду',
  filesOfOther: (user) => `что может читать ${user}, видно только ему и root`,
  filesReadable: 'службе доступны и релиз, и все файлы из настроек',
  unreadable: (path) => `${path}: файла нет или его могут читать не все`,
  hidden: (path, folder) => `${path} недоступен: закрыт каталог ${folder}`,
  makeReadable: 'Службе ничего не принадлежит: chmod o+r для файлов, chmod o+x для каталогов над ними.',

  clockAgrees: (seconds) => `расхождение не больше ${seconds} с`,
  clockDiffers: (seconds, isAhead) =>
    `часы этой машины ${isAhead ? 'спешат' : 'отстают'} на ${seconds} с или больше`,
  setClock: 'Срок действия токенов считается по часам: timedatectl set-ntp true, на обеих машинах.',
  noDate: 'время не сообщается',

  backendIsIll: 'Бэкенд запущен, но отвечает ошибкой: смотрите его журнал. Откат не поможет.',
  isItTheBackend: 'Ведёт ли BACKEND_URL к бэкенду? Он отвечает на /healthz.',
  backendIsAway: 'Запущен ли бэкенд, на том ли порту (BACKEND_URL)? Смотрите его журнал. Откат не поможет.',
  unixSocket: 'это unix-сокет',
  elsewhere: (host) => `на другой машине (${host})`,
  isOpen: (addresses) => `доступен с других машин: ${list(addresses)}`,
  backendToLoopback: (port) =>
    `Запускайте его только на loopback: uvicorn --host 127.0.0.1 --port ${port} (deploy/systemd/gogomarket.service.d). До тех пор закройте порт в межсетевом экране.`,
  onlyLoopback: (addresses) => `только с этой машины: ${list(addresses)}`,
  noOpenApi: 'на /openapi.json он себя не описывает',
  noSharedRoutes: 'нет; после отката отзывы и загрузки отвечают 404, приложения это понимают',
  sharedRoutes: (routes) =>
    `есть и у бэкенда, но запросы до него не доходят: ${list(routes)}. После отката на них ответит бэкенд, по своим данным`,
  renameRoutes:
    'Переименуйте их в бэкенде или, если они должны заменить sidecar, переключите Nginx на бэкенд.',

  askAsService: (line) => `База может пускать пользователя службы по имени («peer»). От его имени:\n${line}`,
  databaseRemedy: (codes) => {
    if (codes.some((code) => code.startsWith('28')))
      return 'Имя или пароль в DATABASE_URL не подходят, или pg_hba.conf базы не пускает отсюда.';
    if (codes.includes('3D000')) return 'Исправьте имя базы в DATABASE_URL.';
    if (codes.some((code) => code.startsWith('53')))
      return 'У базы не осталось соединений: уменьшите число процессов или DATABASE_POOL_MAX либо увеличьте max_connections.';
    if (codes.some((code) => /CERT|SIGNED|^ERR_/.test(code)))
      return 'Сертификат не тот, который допускают sslmode и sslrootcert в DATABASE_URL.';
    return 'Запущена ли база, можно ли к ней подключиться отсюда (адрес и порт в DATABASE_URL, межсетевой экран, TLS)?';
  },
  encrypted: (protocol, mode, isVerified) =>
    `${protocol} (sslmode=${mode}), сертификат сервера ${isVerified ? 'проверяется' : 'не проверяется'}`,
  unencryptedHere: 'нет, но база на этой же машине',
  unencrypted: (host, mode) => `пароль и все данные идут к ${host} без шифрования (sslmode=${mode})`,
  useTls: 'Укажите в DATABASE_URL sslmode=require или verify-full, и для бэкенда тоже.',
  newerPostgres: 'Нужен PostgreSQL 13 или новее.',
  isReplica: 'это реплика, писать в неё нельзя',
  usePrimary:
    'DATABASE_URL должен вести к основному серверу. Если хостов несколько: target_session_attrs=read-write.',
  isReadOnly: 'писать в неё нельзя (default_transaction_read_only)',
  makeWritable:
    'Облачный провайдер включает это, когда кончается место. Иначе: ALTER ROLE … или DATABASE … SET default_transaction_read_only = off.',
  isPrimary: 'писать можно',
  hasRights: 'есть все нужные права на имеющиеся таблицы',
  lacksRights: (lacking) => `не хватает: ${lacking.join('; ')}`,
  pending: (name) => `миграция ${name} не выполнена`,
  migrate: 'npm run migrate (sidecar src/migrate.ts) или --fix здесь.',
  newerSchema: (names) => `здесь уже работала более новая версия: ${list(names)}`,
  mended: (done) => `исправлено: ${list(done)}`,
  schemaComplete: 'всё на месте',
  countsAgree: 'сходятся с отзывами',
  countsDiffer: (reviews, products) =>
    `отзывов, которые показаны, скрыты или посчитаны неверно: ${reviews}; товаров с неверными числами: ${products}`,
  rebuild: 'npm run reviews -- stats',
  onlyWithProbe: 'только с --write-probe',
  writesTaken: 'то, что пишет запрос, принимается (запись отменена)',

  noStorage: 'хранилище не настроено (S3_…): загрузки отвечают 501',

  noNginx: (command) => `на этой машине нет ${command}`,
  mendNginx: 'С такой конфигурацией Nginx больше не запустится: сначала исправьте её (nginx -t).',
  unreadableNginx: (reason) => `конфигурация Nginx не поддаётся разбору (${reason})`,
  nothingLeadsHere: (ports) =>
    `ни один сервер в конфигурации Nginx не передаёт запросы на порт ${ports.join(' или ')} этой машины`,
  compareNginx: 'Сравните её с deploy/nginx.',
  serverFound: (name, port, warnings) => `сервер ${name}, порт ${port}${warnings && `\n${warnings}`}`,
  whoAnswers: (url, who, said) =>
    `${url}: ${who === 'sidecar' ? 'sidecar' : who === 'backend' ? 'бэкенд' : 'ни sidecar, ни бэкенд'} (${said})`,
  switchOver:
    'Отзывы и загрузки отвечают 404, как до переключения или после отката: npm run cutover -- --to sidecar',
  sayUrl: 'Где отвечает Nginx? --url https://example.com, --host ИМЯ, --insecure.',
  neither: 'Доступен ли sidecar для Nginx (см. system), тот ли это сервер (--url, --host)?',
  copyStarted: 'ниже то, что приходит через второй Nginx с той же конфигурацией; работающий не затронут',
  copyFailed: (reason) => `второй Nginx с той же конфигурацией не запускается: ${reason}`,
  shortTimeout: (path, seconds, own) =>
    `${path}: proxy_read_timeout ${seconds} с, а sidecar ждёт ${own} с: раньше ответит Nginx, страницей HTML`,
  shortChat: (seconds) => `/ws: proxy_read_timeout ${seconds} с: молчащий чат будет разорван`,
  raiseTimeouts: (seconds) => `proxy_read_timeout и proxy_send_timeout ${seconds}s для /api, 3600s для /ws.`,
  notKept: 'не сохраняются',
  keptTooLong: (seconds) =>
    `сохраняются ${seconds} с, а uvicorn закрывает их через 5 с: иногда запрос получает 502`,
  keepShorter: 'keepalive_timeout 4s; в upstream.',
  notPassedOn: (path, status) =>
    `${path} не передан дальше (${status === null ? 'ответа нет' : `Nginx: ${status}`})`,
  hostArrives: 'приходит таким, как его написал клиент, с портом',
  hostChanges: (host) => `приходит как «${host}»: ссылки и перенаправления поведут туда`,
  noHost: 'если клиент его не прислал (HTTP/1.0), запрос уходит без него и получает 400',
  setHost:
    'proxy_set_header Host $client_host; и map из deploy/nginx/gogomarket.conf. Location со своим proxy_set_header не наследует остальные.',
  forwarded: (address, scheme) => `For: ${address}, Proto: ${scheme}`,
  realIp: (said) => `${said}; используется real_ip_header, так что всё зависит от балансировщика перед Nginx`,
  setForwarded:
    'То, что заявляет клиент, не должно проходить: proxy_set_header X-Forwarded-For $remote_addr; X-Forwarded-Proto $scheme; в каждом location со своими заголовками.',
  pathArrives: 'приходит таким, как его написал клиент',
  pathChanges: (sent, got) => `${sent} приходит как ${got}`,
  mendProxyPass: 'proxy_pass http://gogomarket_api; без пути и без косой черты в конце.',
  bodyLimit: (limit) => `client_max_body_size ${limit}: файлы больше получают отказ страницей HTML (413)`,
  raiseLimit: 'client_max_body_size 0; в location для /api: у бэкенда свои ограничения.',
  bodiesStream: '1 ГБ не отклоняется и приходит по мере отправки',
  bodiesBuffered:
    'Nginx сначала принимает тело целиком, на свой диск, и только потом передаёт его: хода загрузки не видно',
  streamBodies: 'proxy_request_buffering off; в location для /api.',
  errorsReplaced: (status) =>
    `ответ 503 с фразой в JSON возвращается как ${status ?? 'ничто'} с другим телом`,
  keepErrors:
    'Уберите proxy_intercept_errors и error_page из location для /api: приложения показывают эти фразы.',
  answersStream: 'приходят по мере отправки, ошибки в JSON не меняются',
  answersBuffered: 'Nginx придерживает начало ответа: события и ход выполнения приходят с опозданием',
  streamAnswers: 'proxy_buffering off; в location для /api.',
  upgradeLost: 'рукопожатие приходит без Upgrade: чат не работает',
  setUpgrade:
    'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; для /ws.',
  framesArrive: 'рукопожатие приходит, кадры идут в обе стороны',
  framesLost: (status) =>
    `рукопожатие приходит, а ответ на него возвращается не таким (${status ?? 'ничего'})`,

  noProc: 'в этой системе нет /proc',
  startSidecar:
    'systemctl status gogomarket-sidecar.socket gogomarket-sidecar.service; journalctl -u gogomarket-sidecar -n 50',
  sidecarToLoopback:
    'HOST=127.0.0.1 и ListenStream=127.0.0.1:8010 в сокете: в обход Nginx никто не должен приходить.',
  notTheSidecar: 'Этот порт занят другой программой: ss -ltnp',
  seeJournal:
    'Почему, сказано в "reason" журнала: journalctl -u gogomarket-sidecar -n 50; см. и другие строки здесь.',
  descriptors: (limit, wanted) => `LimitNOFILE: ${limit}, для MAX_CONNECTIONS нужно ${wanted}`,
  raiseDescriptors: (wanted) => `LimitNOFILE=${wanted + 1000} в юните или меньше MAX_CONNECTIONS.`,
  raiseQueue: (wanted) =>
    `sysctl -w net.core.somaxconn=${wanted} и то же в /etc/sysctl.d: пока служба перезапускается, лишние соединения получают отказ.`,
  connections: (ours, others, most) =>
    `sidecar займёт до ${ours}, у других сейчас ${others}, база допускает ${most}`,
  fewerConnections:
    'Уменьшите DATABASE_POOL_MAX или WEB_CONCURRENCY либо увеличьте max_connections: иначе бывают ответы 503.',
  noMetrics: 'METRICS_PORT не задан',

  outbox: (waiting, seconds, failed) =>
    `ждут отправки: ${waiting}, самое старое ${seconds} с; не доставлено: ${failed}`,
  nobodySends:
    'EVENTS_WEBHOOK_URL не задан, и отправлять их некому. Задайте его или удалите строки sidecar_events.',
  noWebhook: 'EVENTS_WEBHOOK_URL не задан',
  lookAtFailed: 'Почему: npm run events -- --failed; отправить снова: --replay all.',
  receiverAway: 'Получатель их не принимает: почему, сказано в журнале, «an event was not delivered».',
  noOutbox: 'таблицы событий нет',
  due: (count, seconds) => `ждут проверки: ${count}, самая старая ${seconds} с`,
  passStands:
    'Хранилище недоступно или отказывает, sidecar не запущен или не успевает: см. storage и журнал.',
  noUploads: 'таблицы загрузок нет',
};
