// The floor: for each request two reads and two writes through node:net, and nothing else. No proxy: it understands no byte of
// what it passes on. What a proxy on node:net costs beyond this is what it does.
import { connect, createServer } from 'node:net';

const port = Number(process.env.UPSTREAM_PORT);

createServer({ noDelay: true }, (client) => {
  const upstream = connect({ host: '127.0.0.1', port, noDelay: true });
  passOn(client, upstream);
  passOn(upstream, client);
}).listen(Number(process.env.PORT), '127.0.0.1');

function passOn(from, to) {
  from.on('data', (bytes) => {
    if (!to.write(bytes)) from.pause();
  });
  to.on('drain', () => from.resume());
  from.on('end', () => to.end());
  from.on('error', () => to.destroy());
}
