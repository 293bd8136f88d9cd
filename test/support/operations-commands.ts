/**
 * Every command of docs/operations.md, and what becomes of it in the tests: the test that runs it (or does with other paths and
 * ports what it does), or why none does.
 */

const INSTALL =
  'test/e2e/install.test.ts: a release installed from an archive under umask 027 starts as a user that owns nothing';
const CLONE = 'test/e2e/install.test.ts: a release is cloned at a commit, without a tag';
const CERTIFICATE =
  'test/e2e/install.test.ts: nginx accepts the server for an IP address with the certificate that the document makes';
const RESTORE =
  'test/e2e/restore.test.ts: the reviews as docs/operations.md copies them before the first start come back as it says, over the live table';
const LINE = 'test/e2e/deploy.test.ts: the documented switch of nginx is one line, there and back';
export const CUTOVER =
  'test/scripts/cutover.test.ts: switches there and back, says every step, and again says that it is so already';
export const CUTOVER_LOOKS =
  'test/scripts/cutover.test.ts: a second one says who is at it, and --dry-run and --status change nothing';
const SMOKE =
  'test/scripts/smoke-test.test.ts: everything passes through nginx, uploads included, and nothing secret shows';
const SMOKE_READS =
  'test/scripts/smoke-test.test.ts: without RUN_BACKEND_CHECKS nothing is written, and what was left out is said';
const ORPHANS =
  'test/scripts/uploads-command.test.ts: orphans are found and not deleted; with --delete those are that are nobody’s, and no other';
const STATS =
  'test/features/reviews/rebuild.test.ts: --check tells what is wrong and changes nothing; the rebuild puts it right and may run again';
const REPLAY =
  'test/scripts/events-command.test.ts: --replay makes an event due with all its attempts, whatever became of it';
export const PASTED =
  'test/e2e/operations.test.ts: the commands of docs/operations.md and docs/ru/oncall.md that ask and mend work as they stand there';
export const SYSTEMD = 'not run: needs systemd';
const DEBIAN = 'not run: changes the packages of the machine';
const COPIES = 'not run: copies or edits files in /etc, which the tests read where they are';
const NAMED = 'not run: the sentence only names it';
const BY_HAND = 'not run: is for a person to fill in';
const AWAY = 'not run: would leave the machine';

export const OPERATIONS_COMMANDS: Readonly<Record<string, string>> = {
  'sudo apt-get update': DEBIAN,
  'sudo apt-get install --no-install-recommends ca-certificates curl git nginx npm openssl': DEBIAN,
  'commit=0123abcd': INSTALL,
  'release=/opt/gogomarket-sidecar-$commit': INSTALL,
  'sudo git clone --no-checkout https://git.example.com/gogomarket-sidecar.git "$release"': CLONE,
  'sudo git -C "$release" checkout --quiet --detach "$commit"': CLONE,
  'git archive --format=tar.gz --output=gogomarket-sidecar.tar.gz HEAD': INSTALL,
  'sudo mkdir "$release"': INSTALL,
  'sudo tar --extract --no-same-owner --file=gogomarket-sidecar.tar.gz --directory="$release"': INSTALL,
  'sudo npm ci --omit=dev --prefix "$release"': INSTALL,
  'sudo chmod -R a+rX "$release"': INSTALL,
  'sudo ln -sfnT "$release" /opt/gogomarket-sidecar': INSTALL,
  "stat --format='%A %U:%G' /etc/gogomarket-backend.env": PASTED,
  'sudo install --mode=600 /dev/null /etc/gogomarket-sidecar.env': PASTED,
  'sudo mkdir -p /etc/systemd/system/gogomarket-sidecar.service.d': COPIES,
  'sudo cp /opt/gogomarket-sidecar/deploy/systemd/gogomarket-sidecar.service.d/peer-login.conf /etc/systemd/system/gogomarket-sidecar.service.d/':
    COPIES,
  'sidecar() {\nsudo systemd-run --quiet --pipe --wait --collect --property=DynamicUser=yes --property=EnvironmentFile=/etc/gogomarket-backend.env --property=EnvironmentFile=-/etc/gogomarket-sidecar.env --property=WorkingDirectory=/opt/gogomarket-sidecar /usr/bin/env PORT=8010 HOST=127.0.0.1 /opt/gogomarket-sidecar/node_modules/.bin/node "$@"\n}':
    SYSTEMD,
  'sidecar src/main.ts --check-config': PASTED,
  'sidecar src/migrate.ts --status': PASTED,
  'sidecar src/migrate.ts': PASTED,
  'sudo cp /opt/gogomarket-sidecar/deploy/systemd/gogomarket-sidecar.{service,socket} /etc/systemd/system/':
    COPIES,
  'sudo systemctl daemon-reload': SYSTEMD,
  'sudo systemctl enable --now gogomarket-sidecar.socket gogomarket-sidecar.service': SYSTEMD,
  'systemctl status gogomarket-sidecar.socket gogomarket-sidecar.service': SYSTEMD,
  "sudo ss -ltnp 'sport = :8010'": PASTED,
  'curl -s http://127.0.0.1:8010/readyz; echo': PASTED,
  "sudo ss -ltnp 'sport = :8000'": PASTED,
  'sudo mkdir -p /etc/systemd/system/gogomarket.service.d': COPIES,
  'sudo cp /opt/gogomarket-sidecar/deploy/systemd/gogomarket.service.d/loopback.conf /etc/systemd/system/gogomarket.service.d/':
    COPIES,
  'sudo nano /etc/systemd/system/gogomarket.service.d/loopback.conf': BY_HAND,
  'sudo systemctl daemon-reload && sudo systemctl restart gogomarket.service': SYSTEMD,
  'sudo mkdir -p /etc/nftables.d': COPIES,
  'sudo cp /opt/gogomarket-sidecar/deploy/nftables/gogomarket.nft /etc/nftables.d/': COPIES,
  'sudo nft -c -f /etc/nftables.d/gogomarket.nft && sudo nft -f /etc/nftables.d/gogomarket.nft':
    'test/e2e/install.test.ts: nft accepts the rules that close the ports',
  'echo \'include "/etc/nftables.d/gogomarket.nft"\' | sudo tee -a /etc/nftables.conf': COPIES,
  'sudo systemctl enable nftables': SYSTEMD,
  'curl --max-time 5 http://203.0.113.10:8000/healthz': AWAY,
  'sudo cp /opt/gogomarket-sidecar/deploy/nginx/gogomarket-upstream.conf /etc/nginx/conf.d/': COPIES,
  "sudo sed -i 's/127\\.0\\.0\\.1:8010;/127.0.0.1:8000;/' /etc/nginx/conf.d/gogomarket-upstream.conf": LINE,
  "sudo openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 825 -subj '/CN=203.0.113.10' -addext 'subjectAltName=IP:203.0.113.10' -keyout /etc/ssl/private/gogomarket.key -out /etc/ssl/certs/gogomarket.pem":
    CERTIFICATE,
  'openssl x509 -in /etc/ssl/certs/gogomarket.pem -noout -enddate -ext subjectAltName': CERTIFICATE,
  'sudo cp /opt/gogomarket-sidecar/deploy/nginx/gogomarket-ip.conf /etc/nginx/conf.d/': COPIES,
  'sudo apt-get install --no-install-recommends certbot': DEBIAN,
  'sudo certbot certonly --webroot --webroot-path /var/www/html --domain example.com': AWAY,
  'sudo cp /opt/gogomarket-sidecar/deploy/nginx/gogomarket.conf /etc/nginx/conf.d/': COPIES,
  'cd /opt/gogomarket-sidecar': CUTOVER,
  'cd /opt/gogomarket-sidecar && sudo node_modules/.bin/node scripts/doctor.ts':
    'test/scripts/doctor.test.ts: nothing is wrong with an installation as it should be: status 0, and no secret in what is said',
  'sudo npm run cutover -- --to sidecar --dry-run': CUTOVER_LOOKS,
  'sudo npm run cutover -- --to sidecar': CUTOVER,
  "sudo sed -i 's/127\\.0\\.0\\.1:8000;/127.0.0.1:8010;/' /etc/nginx/conf.d/gogomarket-upstream.conf": LINE,
  'sudo nginx -t && sudo systemctl reload nginx':
    'test/e2e/deploy.test.ts: nginx accepts the files in deploy/nginx without a warning',
  'WEB_URL=https://example.com API_URL=https://example.com scripts/smoke_test_prod.sh': SMOKE_READS,
  "read -rsp 'Password: ' SMOKE_PASSWORD; export SMOKE_PASSWORD; echo": BY_HAND,
  'WEB_URL=https://example.com API_URL=https://example.com SMOKE_EMAIL=smoke@example.com PRODUCT_ID=1 RUN_BACKEND_CHECKS=1 SMOKE_UPLOAD=1 scripts/smoke_test_prod.sh':
    SMOKE,
  'WEB_URL=https://203.0.113.10 API_URL=https://203.0.113.10 API_INSECURE=1 scripts/smoke_test_prod.sh':
    SMOKE_READS,
  'journalctl -u gogomarket-sidecar -o cat -f': SYSTEMD,
  "journalctl -u gogomarket-sidecar -o cat --since '-15 min' | grep '\"status\":5'": SYSTEMD,
  'journalctl -u gogomarket-sidecar -o cat --since \'-15 min\' | grep -v \'"level":"info"\'': SYSTEMD,
  "journalctl -u gogomarket-sidecar -o cat --since today | grep 'THE-REQUEST-ID'": SYSTEMD,
  "curl -s http://127.0.0.1:9464/metrics | grep '^sidecar_'": PASTED,
  'sudo systemctl restart gogomarket-sidecar': SYSTEMD,
  'sudo systemctl stop gogomarket-sidecar.socket gogomarket-sidecar.service': SYSTEMD,
  'readlink /opt/gogomarket-sidecar': NAMED,
  'sidecar src/main.ts --check-config && sudo systemctl restart gogomarket-sidecar': SYSTEMD,
  'sudo ln -sfnT /opt/gogomarket-sidecar-OLD /opt/gogomarket-sidecar': BY_HAND,
  'ls -dt /opt/gogomarket-sidecar-*': NAMED,
  'sudo rm -r /opt/gogomarket-sidecar-VERY-OLD': BY_HAND,
  'sudo npm run cutover -- --to backend': CUTOVER,
  "curl -s -o /dev/null -w '%{http_code}\\n' http://127.0.0.1:8000/api/products/1/reviews": PASTED,
  'sidecar src/migrate.ts --down': PASTED,
  "database='postgresql://USER@db.example.com:25060/DATABASE?sslmode=require'": BY_HAND,
  "read -rsp 'Password: ' PGPASSWORD; export PGPASSWORD; echo": BY_HAND,
  'pg_dump --format=custom --table=product_reviews --file=product_reviews.dump --dbname="$database"': RESTORE,
  'pg_restore --list product_reviews.dump': RESTORE,
  'sudo apt-get install --no-install-recommends ca-certificates postgresql-common': DEBIAN,
  'sudo /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y': DEBIAN,
  'sudo apt-get install --no-install-recommends postgresql-client-18': DEBIAN,
  'pg_dump --format=custom --table=\'product_review*\' --file=before-the-restore.dump --dbname="$database"':
    RESTORE,
  'pg_restore --clean --if-exists --no-owner --single-transaction --dbname="$database" product_reviews.dump':
    RESTORE,
  'sidecar src/migrate.ts --repair': RESTORE,
  'sudo systemctl start gogomarket-sidecar.socket gogomarket-sidecar.service': SYSTEMD,
  'sidecar scripts/reviews.ts export > reviews.ndjson': PASTED,
  'sudo install --mode=644 reviews.ndjson /srv/reviews.ndjson': PASTED,
  'sidecar scripts/reviews.ts import /srv/reviews.ndjson --dry-run':
    'test/scripts/reviews-command.test.ts: --dry-run tells the same and changes nothing',
  'sidecar scripts/reviews.ts import /srv/reviews.ndjson': PASTED,
  'sudo rm /srv/reviews.ndjson': PASTED,
  'sidecar scripts/reviews.ts refresh-verified':
    'test/scripts/reviews-command.test.ts: refresh-verified asks the orders, both ways, and needs them',
  'sidecar scripts/uploads.ts doctor':
    'test/scripts/uploads-doctor.test.ts: the command: JSON, a line for each step, status 0, 1 and 2, and no secret',
  'aws s3api put-bucket-cors --endpoint-url https://s3.example.com --bucket BUCKET --cors-configuration file://cors.json':
    'not run: needs the aws command; scripts/uploads.ts doctor --fix writes the same rule and is tested',
  'aws s3api get-bucket-cors --endpoint-url https://s3.example.com --bucket BUCKET':
    'not run: needs the aws command',
  'sidecar scripts/uploads.ts orphans': ORPHANS,
  'sidecar scripts/uploads.ts orphans --delete': ORPHANS,
  'sidecar scripts/uploads.ts list --user 7 --status ready':
    'test/scripts/uploads-command.test.ts: list: by user, status and page, as JSON, and with nothing in a name that a terminal obeys',
  'sidecar scripts/uploads.ts take-down ID':
    'test/scripts/uploads-command.test.ts: take-down does what an admin’s DELETE does, with its event; again it is the same',
  'curl -s \'https://api.example.com/api/product-reviews/moderation?status=reported\' -H "Authorization: Bearer $TOKEN"':
    'test/features/reviews/moderation.test.ts: a queue is in pages, oldest first, each review once',
  'sidecar scripts/events.ts --status':
    'test/scripts/events-command.test.ts: --status counts, --failed lists',
  'sidecar scripts/events.ts --failed':
    'test/scripts/events-command.test.ts: --status counts, --failed lists',
  'sidecar scripts/events.ts --replay ID': REPLAY,
  'sidecar scripts/events.ts --replay all':
    'test/scripts/events-command.test.ts: --replay all takes those that failed or wait for a later attempt, and no other',
  'journalctl -u gogomarket-sidecar -n 20': SYSTEMD,
  'systemctl cat gogomarket.service': SYSTEMD,
  'systemctl reload nftables': NAMED,
  'sudo ufw status verbose': 'not run: needs ufw',
  'sudo env WEB_URL=https://example.com API_URL=https://example.com npm run cutover -- --to sidecar --smoke':
    'test/scripts/cutover.test.ts: goes back when the smoke test fails, and shows it; refuses before when that could not run',
  'npm run cutover -- --status': CUTOVER_LOOKS,
  'curl -s http://127.0.0.1:8010/livez': PASTED,
  'curl -s http://127.0.0.1:8010/readyz': PASTED,
  'curl -s http://127.0.0.1:8010/healthz': PASTED,
  'curl -s http://127.0.0.1:8000/healthz': PASTED,
  'sudo systemctl reload gogomarket-sidecar': SYSTEMD,
  'sidecar scripts/reviews.ts stats --check': PASTED,
  'sidecar scripts/reviews.ts stats': STATS,
  'node scripts/adoption.ts --rows 5000000 --hot 500000 --kills 3': 'not run: takes twenty minutes',
  'sudo systemctl disable gogomarket-sidecar.socket gogomarket-sidecar.service': SYSTEMD,
  'journalctl -u gogomarket-sidecar -n 50': SYSTEMD,
  'systemctl status': NAMED,
  'npm ci': NAMED,
  'sudo systemctl restart gogomarket-sidecar.socket gogomarket-sidecar.service': SYSTEMD,
  'sudo chmod -R a+rX "$(readlink -f /opt/gogomarket-sidecar)"': INSTALL,
  'journalctl -u gogomarket-sidecar -o cat': SYSTEMD,
  "ss -tn state established 'sport = :8010'": PASTED,
  'pg_restore --data-only': NAMED,
  'pg_restore --no-owner': 'test/e2e/restore.test.ts: a database that is restored whole is right at once',
  'npm start': NAMED,
};
