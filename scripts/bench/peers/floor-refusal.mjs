// The floor of a refusal on node:http: everything is answered with one constant, ready-made. No checks, no log.
import { createServer } from 'node:http';

const BODY = '{"detail":"The server is busy. Please try again.","code":"busy"}';
const HEAD =
  'HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n' +
  `Content-Length: ${BODY.length}\r\nRetry-After: 1\r\n\r\n`;

// What takes a timer for each request or each answer is switched off.
const withoutTimers = { keepAliveTimeout: 0, headersTimeout: 0, requestTimeout: 0 };

createServer({ ...withoutTimers, noDelay: true, optimizeEmptyRequests: true }, (_req, res) => {
  // node:http then writes what it is given, head and body in one string.
  res._header = HEAD;
  res.end(BODY, 'latin1');
}).listen(Number(process.env.PORT), '127.0.0.1');
