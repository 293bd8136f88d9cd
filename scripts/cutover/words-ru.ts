import type { Side, Sighting } from '../lib/who-answers.ts';
import type { Ports, Unknown, UpstreamLine } from './upstream-line.ts';
import type { Words } from './words.ts';

const names: Readonly<Record<Sighting['who'], string>> = {
  sidecar: 'сайдкар',
  backend: 'бэкенд',
  unknown: 'ни сайдкар, ни бэкенд',
};

/** «к кому?» */
const towards: Readonly<Record<Side, string>> = { sidecar: 'сайдкару', backend: 'бэкенду' };

const list = (lines: readonly string[]) => lines.map((line) => `\n    ${line}`).join('');

const whyUnknown = ({ why, found }: Unknown): string =>
  ({
    unreadable: `строка ${found[0]} не разбирается как конфигурация Nginx`,
    'no-upstream': 'в нём нет блока «upstream gogomarket_api { … }»',
    'several-upstreams': `«upstream gogomarket_api» встречается в нём несколько раз:${list(found)}`,
    'not-one-server':
      found.length === 0 ? 'в upstream нет строки server' : `в upstream несколько серверов:${list(found)}`,
    include: `upstream подключает другой файл:${list(found)}`,
    address: `адрес сервера не один из двух известных, или у него есть параметры:${list(found)}`,
  })[why];

export const ru: Words = {
  help: `Использование: npm run cutover -- --to sidecar|backend [--smoke] [--dry-run] [параметры]
               npm run cutover -- --status [параметры]

Переключает новые запросы в Nginx на сайдкар или обратно на бэкенд: меняет порт в единственной строке server блока
«upstream gogomarket_api», проверяет конфигурацию, перезагружает её, ждёт, пока новые запросы действительно пойдут
туда, и проверяет их. Если что-то не удалось или нажат Ctrl-C, сам возвращает всё обратно. Уже открытые запросы и
WebSocket-соединения не прерываются. Запускать от root, на машине с Nginx.

  --to СТОРОНА        sidecar или backend; сайдкар должен быть готов (/readyz), бэкенд не опрашивается
  --status            что указано в файле, кто отвечает, что осталось на другой стороне; ничего не меняет
  --dry-run           всё проверить и ничего не менять
  --smoke             после переключения запустить scripts/smoke_test_prod.sh с настройками из окружения
                      (при переключении на бэкенд — без RUN_BACKEND_CHECKS)
  --force             переключить на сайдкар, даже если он не готов
  --url URL           где отвечает Nginx (по умолчанию API_URL или https://127.0.0.1; на loopback сертификат не
                      проверяется)
  --host ИМЯ          какой Host там запрашивать, если у Nginx несколько серверов
  --insecure          принимать там любой сертификат (или API_INSECURE=1)
  --conf ФАЙЛ         по умолчанию /etc/nginx/conf.d/gogomarket-upstream.conf
  --sidecar-port N    по умолчанию 8010
  --backend-port N    по умолчанию 8000
  --nginx КОМАНДА     для отдельного экземпляра Nginx: "nginx -c ФАЙЛ"
  --timeout СЕКУНДЫ   сколько ждать, пока новые запросы пойдут туда (по умолчанию 20)
  --help              эта справка

Код завершения: 0 — готово или так уже было; 1 — отказ или ошибка, всё осталось как было (или как сказано в тексте);
2 — неверные аргументы; 3 — ошибка, и вернуть обратно не удалось: нужно вмешаться сразу; 130 — остановлено сигналом,
всё осталось как было.
`,
  names,
  wrongArgument: {
    to: '--to: нужно sidecar или backend.',
    one: 'Нужен один из параметров --to и --status.',
    onlyTo: '--smoke, --dry-run и --force используются только с --to.',
    url: '--url (или API_URL): нужен адрес http:// или https:// без имени пользователя, ? и #.',
    ports: '--sidecar-port и --backend-port должны различаться.',
    switch: (name: string) => `${name}: нужно 1, true, yes или on; либо 0, false, no, off или ничего.`,
  },
  fileSays: (path: string, { side, line, text }: UpstreamLine) =>
    `В файле указан ${names[side]}: ${path}, строка ${line}: ${text}`,
  whoAnswers: (url: string, { who, said }: Sighting) => `На ${url} отвечает ${names[who]}: ${said}`,
  configurationIsGood: 'Nginx принимает конфигурацию (nginx -t).',
  sidecarIsReady: (port: number) => `Сайдкар готов (127.0.0.1:${port}/readyz).`,
  sidecarIsNotReady: (port: number, said: string) => `127.0.0.1:${port}/readyz: ${said}`,
  forced: 'Продолжаем несмотря на это: --force.',
  wouldChange: ({ line, text }: UpstreamLine, port: number) =>
    `В строке ${line} (${text}) порт сменился бы на ${port}, затем перезагрузка. Ничего не изменено: --dry-run.`,
  alreadyThere: (side: Side) => `Так уже и есть: новые запросы идут к ${towards[side]}.`,
  lineChanged: ({ line, text }: UpstreamLine) => `Строка ${line} теперь: ${text}`,
  lineIsRight: 'Файл уже правильный, но Nginx его ещё не прочитал.',
  reloading: 'Nginx получил команду перезагрузить конфигурацию.',
  arrived: (side: Side, count: number) => `Новые запросы идут к ${towards[side]}: ${count} из ${count}.`,
  healthy: 'GET /healthz через Nginx: 200.',
  smokeStarts: 'Smoke-тест:',
  smokeWithoutBackendChecks: 'RUN_BACKEND_CHECKS и SMOKE_UPLOAD отключены: у бэкенда таких маршрутов нет.',
  smokePassed: 'Smoke-тест пройден.',
  done: (side: Side) => `Готово: запросы обслуживает ${names[side]}.`,
  lockHeld: (pid: number) =>
    `Переключение уже идёт: процесс ${pid}. Дождитесь его или остановите его через Ctrl-C.`,
  underWay: (pid: number) => `Идёт переключение: процесс ${pid}.`,
  unknownFile: (path: string, unknown: Unknown, ports: Ports) =>
    `${path} — не тот файл, который эта команда может менять: ${whyUnknown(unknown)}
Меняется только такой блок, как в deploy/nginx/gogomarket-upstream.conf:
    upstream gogomarket_api {
        server 127.0.0.1:${ports.backend};     # или ${ports.sidecar}; без параметров и без второго сервера
    }
Исправьте файл, укажите нужный (--conf) или переключите вручную: docs/operations.md.`,
  cannotUse: (path: string, reason: string) =>
    `${path}: нет доступа или файла: ${reason}. Может быть, нужен root (sudo)?`,
  notRead: (path: string, command: string) =>
    `Nginx не читает ${path} (${command} -T): менять его бесполезно.`,
  readTwice: (path: string, as: readonly string[]) => `Nginx читает ${path} несколько раз:${list(as)}`,
  badConfiguration: (words: string) => `Nginx не принимает конфигурацию (nginx -t):\n${words}`,
  notTheSidecar: (port: number, said: string) =>
    `На 127.0.0.1:${port} отвечает не сайдкар этой версии: ${said}\nЗапущен ли он? systemctl status gogomarket-sidecar.socket gogomarket-sidecar.service`,
  notReady: 'Сайдкар не готов. Переключить всё равно: --force.',
  cannotSee: (url: string) =>
    `По адресу ${url} не видно, кто обслуживает запросы, и проверить переключение было бы нельзя.\nУкажите, как спрашивать: --url https://example.com, --host example.com, --insecure.`,
  smokeSettings: (words: string) => `Smoke-тест не смог бы запуститься: ${words}`,
  reloadFailed: (words: string) => `Ошибка nginx -s reload:\n${words}`,
  notArrived: (side: Side | null, seconds: number, last: string) =>
    side === null
      ? `За ${seconds} с Nginx не применил конфигурацию.`
      : `За ${seconds} с новые запросы не пошли к ${towards[side]}. Последний ответ: ${last}`,
  notReplaced:
    'Последнюю перезагрузку конфигурации Nginx не выполнил и работает с прежней. До его перезапуска исправьте то, на что он указывает.',
  nginxSays: (lines: readonly string[]) => `За это время Nginx записал в журнал:${list(lines)}`,
  nginxSaysElsewhere: (logs: readonly string[]) =>
    `Что записал Nginx, отсюда не прочитать: его журнал — ${logs.join(', ')} (journalctl -u nginx?).`,
  unhealthy: (said: string) => `GET /healthz через Nginx не 200: ${said}`,
  smokeFailed: (status: number | null) => `Smoke-тест не пройден (код ${status ?? '-'}).`,
  interrupted: 'Остановлено сигналом.',
  goingBack: (side: Side) => `Возвращаем ${names[side]}. Подождите; повторный Ctrl-C ничего не изменит.`,
  isBack: (side: Side) => `Всё как было: запросы обслуживает ${names[side]}.`,
  isBackUnseen: (side: Side) =>
    `В файле снова ${names[side]}, и Nginx его прочитал; кто отвечает, и раньше не было видно.`,
  nothingChanged: 'Ничего не изменено.',
  stays: (side: Side, port: number) =>
    `ОСТАЁТСЯ как в файле: ${names[side]}. Другая сторона и раньше не отвечала. Проверьте: curl -i http://127.0.0.1:${port}/healthz`,
  cannotGoBack: (side: Side, path: string, port: number, reason: string) =>
    `НЕ УДАЛОСЬ ВЕРНУТЬ ${names[side]}: ${reason}\nВмешайтесь сразу: в ${path} нужна строка «server 127.0.0.1:${port};», затем nginx -t && nginx -s reload`,
  fileAndTruthAgree: 'Файл и ответ совпадают.',
  fileAndTruthDiffer: (side: Side) =>
    `Они расходятся: Nginx ещё не прочитал файл или не смог. Чтобы отвечал ${names[side]}: npm run cutover -- --to ${side}`,
  oldConnections: (side: Side, count: number, workers: readonly number[]) =>
    count === 0
      ? `Старых соединений Nginx к ${towards[side]} больше нет.`
      : `Старые соединения Nginx к ${towards[side]} (WebSocket, незавершённые запросы): ${count}. Их держат завершающиеся процессы: ${workers.join(', ')}.`,
  oldConnectionsNeedRoot: 'Сколько WebSocket осталось на другой стороне, видно только root (ss -p).',
  oldConnectionsNeedSs: 'Сколько WebSocket осталось на другой стороне, без ss (пакет iproute2) не видно.',
};
