/** GET and HEAD /api/products/:productId/reviews. */
import type { RequestHandler, Response } from 'express';
import { withDatabaseDeadline } from '../../../edge/deadline.ts';
import type { Route } from '../../../edge/route.ts';
import { parseInput, parseQuery } from '../../../edge/validate.ts';
import { productIdSchema } from '../schema.ts';
import type { ReviewPages } from './pages.ts';
import { pageQuerySchema } from './schema.ts';

const PATH = '/api/products/:productId/reviews';

/** Public: no token is asked for, and a bad one is not looked at. */
export function listRoutes({ pages }: { readonly pages: ReviewPages }): Route[] {
  const list: RequestHandler = async (req, res) => {
    const productId = parseInput(productIdSchema, req.params.productId);
    const query = parseQuery(pageQuerySchema, req.query);
    const known = req.headers['if-none-match'];
    await withDatabaseDeadline(req, async (untilMs) => {
      if (known !== undefined) {
        const etag = await pages.etag(productId, { untilMs });
        if (isAmong(known, etag)) return notModified(res, etag);
      }
      send(res, await pages.read(productId, query, { untilMs }));
    });
  };
  return [
    { method: 'GET', path: PATH, handler: list },
    { method: 'HEAD', path: PATH, handler: list },
  ];
}

/** RFC 9110 §13.1.2: compared weakly; `*` is whatever there is. */
const isAmong = (header: string, etag: string) =>
  header.split(',').some((tag) => tag.trim() === '*' || weak(tag.trim()) === etag);
const weak = (tag: string) => (tag.startsWith('W/') ? tag : `W/${tag}`);

/** Kept, and asked about each time. */
const headersOf = (etag: string) => ({ ETag: etag, 'Cache-Control': 'no-cache' });

function notModified(res: Response, etag: string): void {
  res.writeHead(304, headersOf(etag)).end();
}

/** Past Express' `send`, which would look at the conditions once more. */
function send(res: Response, { json, etag }: { readonly json: string; readonly etag: string }): void {
  const body = Buffer.from(json);
  const type = { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': body.length };
  res.writeHead(200, { ...headersOf(etag), ...type }).end(body);
}
