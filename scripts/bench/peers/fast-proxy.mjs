// fast-proxy on node:http. It forwards no upgrades.
import { createServer } from 'node:http';
import fastProxy from 'fast-proxy';

const { proxy } = fastProxy({ base: `http://127.0.0.1:${process.env.UPSTREAM_PORT}` });
createServer((req, res) => proxy(req, res, req.url, {})).listen(Number(process.env.PORT), '127.0.0.1');
