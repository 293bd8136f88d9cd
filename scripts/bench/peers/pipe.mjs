// The least that a proxy on node:http can do: no checks, no log, no header is looked at.
import { Agent, createServer, request } from 'node:http';
import { connect } from 'node:net';

const upstreamPort = Number(process.env.UPSTREAM_PORT);
const agent = new Agent({ keepAlive: true });

const server = createServer((req, res) => {
  const { method, url: path, headers } = req;
  const options = { host: '127.0.0.1', port: upstreamPort, agent, method, path, headers };
  const upstream = request(options, (response) => {
    res.writeHead(response.statusCode, response.statusMessage, response.headers);
    response.pipe(res);
  });
  upstream.on('error', () => res.destroy());
  req.pipe(upstream);
});

server.on('upgrade', (req, client, early) => {
  const upstream = connect({ host: '127.0.0.1', port: upstreamPort, noDelay: true });
  let head = `GET ${req.url} HTTP/1.1\r\n`;
  for (let i = 0; i < req.rawHeaders.length; i += 2)
    head += `${req.rawHeaders[i]}: ${req.rawHeaders[i + 1]}\r\n`;
  upstream.write(`${head}\r\n`);
  upstream.write(early);
  upstream.pipe(client).pipe(upstream);
  client.on('error', () => upstream.destroy());
  upstream.on('error', () => client.destroy());
  client.on('close', () => upstream.destroy());
});

server.listen(Number(process.env.PORT), '127.0.0.1');
