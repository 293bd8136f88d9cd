// http-proxy-middleware on Express with the one setting that its users are told to make for speed.
import { Agent } from 'node:http';
import express from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';

const proxy = createProxyMiddleware({
  target: `http://127.0.0.1:${process.env.UPSTREAM_PORT}`,
  agent: new Agent({ keepAlive: true }),
});
const app = express();
app.use(proxy);
const server = app.listen(Number(process.env.PORT), '127.0.0.1');
server.on('upgrade', proxy.upgrade);
