// @fastify/http-proxy, as its README has it.
import httpProxy from '@fastify/http-proxy';
import Fastify from 'fastify';

const server = Fastify();
server.register(httpProxy, { upstream: `http://127.0.0.1:${process.env.UPSTREAM_PORT}`, websocket: true });
await server.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
