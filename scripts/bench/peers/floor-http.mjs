// The floor of a proxy whose client's side is node:http: its server reads the request and writes the answer; the request goes
// to the backend in one write, over kept node:net sockets, and of the answer nothing is looked at but where it ends. No checks, no
// log, no deadlines: none of what a proxy is for. It understands the traffic of this bench and no other.
import { createServer } from 'node:http';
import { connect } from 'node:net';

const { PORT, UPSTREAM_PORT } = process.env;
const HEAD_END = '\r\n\r\n';
const LENGTH = 'content-length: ';
const idle = [];

// What takes a timer for each request or each answer is switched off.
const withoutTimers = { keepAliveTimeout: 0, headersTimeout: 0, requestTimeout: 0 };

createServer({ ...withoutTimers, noDelay: true, optimizeEmptyRequests: true }, (req, res) => {
  let request = `${req.method} ${req.url} HTTP/1.1\r\n`;
  for (let i = 0; i < req.rawHeaders.length; i += 2)
    request += `${req.rawHeaders[i]}: ${req.rawHeaders[i + 1]}\r\n`;
  request += '\r\n';
  if (req.method === 'GET') {
    send(request, res);
    return;
  }
  req.on('data', (bytes) => {
    request += bytes.latin1Slice();
  });
  req.on('end', () => send(request, res));
}).listen(Number(PORT), '127.0.0.1');

function send(request, res) {
  const backend = idle.pop() ?? open();
  backend.answer = '';
  backend.res = res;
  backend.write(request, 'latin1');
}

function open() {
  const backend = connect({ host: '127.0.0.1', port: Number(UPSTREAM_PORT), noDelay: true });
  return backend.on('data', onAnswer).on('error', () => backend.destroy());
}

function onAnswer(bytes) {
  this.answer += bytes.latin1Slice();
  const head = this.answer.indexOf(HEAD_END) + HEAD_END.length;
  if (head < HEAD_END.length) return;
  const length = Number.parseInt(this.answer.slice(this.answer.indexOf(LENGTH) + LENGTH.length), 10);
  if (this.answer.length < head + length) return;
  const { answer, res } = this;
  idle.push(this);
  // node:http then writes what it is given, head and body in one string.
  res._header = answer.slice(0, head);
  res.end(answer.slice(head), 'latin1');
}
