// http-proxy-middleware on Express, as its README has it.
import express from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';

const proxy = createProxyMiddleware({ target: `http://127.0.0.1:${process.env.UPSTREAM_PORT}` });
const app = express();
app.use(proxy);
const server = app.listen(Number(process.env.PORT), '127.0.0.1');
server.on('upgrade', proxy.upgrade);
