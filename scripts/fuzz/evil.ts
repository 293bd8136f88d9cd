/** The vocabulary of the mutations that know what they are after. */

/** What smuggling, splitting and desynchronising are made of. */
export const EVIL_FIELDS = [
  ...['Content-Length: 0', 'Content-Length: 5', 'Content-Length: 10, 10', 'Content-Length: +5'],
  ...['Content-Length: 0x5', 'Content-Length: 99999999999999999999', 'Content-Length : 5'],
  ...['Content-Length:\t5', 'content-length: 005'],
  ...['Transfer-Encoding: chunked', 'transfer-encoding: Chunked', 'Transfer-Encoding: chunked, identity'],
  ...['Transfer-Encoding: gzip, chunked', 'Transfer-Encoding: xchunked', 'Transfer-Encoding : chunked'],
  ...['Transfer-Encoding:\x0bchunked', 'Transfer-Encoding: "chunked"', 'Transfer-Encoding: chunked;q=1'],
  ...['Transfer-Encoding:\n chunked', 'X: y\nTransfer-Encoding: chunked', 'X: y\rTransfer-Encoding: chunked'],
  ...['TE: trailers', 'Trailer: X-T, Content-Length', 'Connection: close', 'Connection: keep-alive, close'],
  ...['Connection: content-length, host, authorization', 'Connection: transfer-encoding, x-a'],
  ...['Connection: Upgrade', 'Proxy-Connection: x-a', 'Keep-Alive: timeout=1, max=1'],
  ...['Upgrade: websocket', 'Upgrade: h2c', 'Expect: 100-continue', 'Expect: something else'],
  ...['Host: evil.example.com', 'Host:', 'Host: a b', 'X-Request-Id: \xff', 'X-Request-Id: fixed'],
  ...['X-Forwarded-For: 1.2.3.4', 'X-A: \xe9\xa0', 'X-A: a\0b', 'X-A: a\x7fb', ' X-A: folded', ': no name'],
  ...['no colon', 'Content-Type: application/json', 'Origin: https://example.com'],
  'Access-Control-Request-Method: POST',
];

/** Texts that end a thing too early, or begin another. */
export const EVIL_TEXTS = [
  ...['\r\n', '\n', '\r', '\r\n\r\n', '\n\n', '\0', '\t', ' ', '\x0b', '\x0c', '\x85', '\xa0', '\xff'],
  ...[':', ';', ',', '%', '%00', '%0d%0a', '%2f', '%2e%2e/', '../', './', '//', '?', '#', '\\'],
  ...['HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', '0\r\n\r\n', '5\r\nhello\r\n', ';x=y', '-1', 'fffffffffffffffff'],
];
