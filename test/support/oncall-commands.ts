/** Commands of docs/ru/oncall.md that docs/operations.md has not, or not so, and what becomes of them in the tests. */
import { CUTOVER, CUTOVER_LOOKS, PASTED, SYSTEMD } from './operations-commands.ts';

export const ONCALL_COMMANDS: Readonly<Record<string, string>> = {
  'cd /opt/gogomarket-sidecar && sudo npm run cutover -- --to backend': CUTOVER,
  'cd /opt/gogomarket-sidecar && npm run cutover -- --status': CUTOVER_LOOKS,
  'cd /opt/gogomarket-sidecar && sudo LANG=ru_RU.UTF-8 node_modules/.bin/node scripts/doctor.ts':
    'test/scripts/doctor.test.ts: it speaks the operator’s language, and what is left to check can be chosen',
  "sudo nginx -T | grep -E 'client_max_body_size|proxy_read_timeout'": PASTED,
  'curl -s http://127.0.0.1:9464/metrics | grep in_flight': PASTED,
  'curl -s http://127.0.0.1:9464/metrics | grep uploads_due': PASTED,
  'journalctl -u gogomarket.service -n 50': SYSTEMD,
  'journalctl -u gogomarket-sidecar -o cat --since \'-15 min\' | grep \'"level":"error"\'': SYSTEMD,
};
