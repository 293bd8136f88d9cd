/**
 * A small stand-in for the FastAPI backend, for development without Python: same paths, same words, same tables. It
 * knows nothing of the sidecar's features.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, {
  type Express,
  type NextFunction,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import jwt from 'jsonwebtoken';
import pg from 'pg';
import { createChat } from './chat.ts';
import { receiveUpload, sendMedia } from './media.ts';
import { createDemoTables, passwordMatches } from './tables.ts';

export interface DemoBackendOptions {
  readonly port: number;
  readonly databaseUrl: string;
  readonly jwtSecret: string;
  /** Absolute path; uploaded files are kept there. */
  readonly mediaDir: string;
}

export interface DemoBackend {
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** uvicorn's keep-alive: the sidecar has to live with it, so the demo behaves the same. */
const KEEP_ALIVE_MS = 5_000;
const TOKEN_DAYS = 30;

/** Makes the tables and listens. @throws Error when the port is taken or the database is away */
export async function startDemoBackend(options: DemoBackendOptions): Promise<DemoBackend> {
  const pool = new pg.Pool({ connectionString: options.databaseUrl, max: 5 });
  // A database that restarts must not end the demo.
  pool.on('error', () => undefined);
  await createDemoTables(pool);
  const server = createServer(
    { keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 },
    createDemoApp(pool, options),
  );
  server.on('upgrade', createChat());
  server.listen(options.port, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    async stop() {
      server.close();
      server.closeAllConnections();
      await pool.end();
    },
  };
}

/** A token as the backend makes it. */
export const demoToken = (userId: number, secret: string) =>
  jwt.sign({ user_id: userId }, secret, {
    algorithm: 'HS256',
    expiresIn: `${TOKEN_DAYS}d`,
    noTimestamp: true,
  });

function createDemoApp(pool: pg.Pool, { jwtSecret, mediaDir }: DemoBackendOptions): Express {
  const app = express();
  const requireUser = createRequireUser(pool, jwtSecret);
  const rows = async (sql: string, values: unknown[] = []) => (await pool.query(sql, values)).rows;
  app.disable('x-powered-by');
  app.use(cors);
  app.get('/healthz', (_req, res) => void res.json({ status: 'ok' }));
  app.post('/api/auth/login', express.json(), async (req, res) => {
    const { email, password } = req.body ?? {};
    const [user] = await rows('SELECT id, name, email, role, hashed_password FROM users WHERE email = $1', [
      String(email),
    ]);
    if (!user || !passwordMatches(String(password), user.hashed_password)) {
      res.status(401).json({ detail: 'Incorrect email or password' });
      return;
    }
    const { hashed_password: _, ...visible } = user;
    res.json({ access_token: demoToken(user.id, jwtSecret), token_type: 'bearer', user: visible });
  });
  app.get('/api/auth/me', requireUser, (_req, res) => void res.json(res.locals.user));
  app.get(
    '/api/products',
    async (_req, res) => void res.json(await rows('SELECT * FROM products ORDER BY id')),
  );
  app.get('/api/products/:id', async (req, res) => {
    const [product] = await rows('SELECT * FROM products WHERE id::text = $1', [req.params.id]);
    if (product) res.json(product);
    else res.status(404).json({ detail: 'Product not found' });
  });
  app.get('/api/orders', requireUser, async (_req, res) => {
    res.json(await rows('SELECT * FROM orders WHERE buyer_id = $1 ORDER BY id', [res.locals.user.id]));
  });
  app.get('/api/reviews', (_req, res) => void res.json([]));
  app.post('/api/upload/video', requireUser, receiveUpload(mediaDir));
  app.get('/media/:name', sendMedia(mediaDir));
  app.use((_req, res) => void res.status(404).json({ detail: 'Not Found' }));
  app.use((_error: unknown, _req: Request, res: Response, _next: NextFunction) => {
    res.status(500).type('text').send('Internal Server Error');
  });
  return app;
}

/** Starlette's CORSMiddleware with every origin, method and header, and credentials. */
const cors: RequestHandler = (req, res, next) => {
  const { origin } = req.headers;
  if (origin !== undefined) {
    res.set({
      'Access-Control-Allow-Origin': origin,
      'Access-Control-Allow-Credentials': 'true',
      Vary: 'Origin',
    });
    if (req.method === 'OPTIONS' && req.headers['access-control-request-method']) {
      res.set({
        'Access-Control-Allow-Methods': 'DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT',
        'Access-Control-Allow-Headers': req.headers['access-control-request-headers'] ?? '',
        'Access-Control-Max-Age': '600',
      });
      res.status(200).type('text').send('OK');
      return;
    }
  }
  next();
};

function createRequireUser(pool: pg.Pool, secret: string): RequestHandler {
  return async (req, res, next) => {
    const token = /^Bearer (.+)$/i.exec(req.headers.authorization ?? '')?.[1];
    if (token === undefined) return void res.status(401).json({ detail: 'Not authenticated' });
    let userId: unknown;
    try {
      userId = (jwt.verify(token, secret, { algorithms: ['HS256'] }) as jwt.JwtPayload).user_id;
    } catch {
      return void res.status(401).json({ detail: 'Invalid token' });
    }
    const found = await pool.query('SELECT id, name, email, role, avatar_url FROM users WHERE id = $1', [
      userId,
    ]);
    if (found.rowCount === 0) return void res.status(401).json({ detail: 'User not found' });
    res.locals.user = found.rows[0];
    next();
  };
}
