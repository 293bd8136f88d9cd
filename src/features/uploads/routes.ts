/** The routes under /api/uploads: who asks, what is asked, one call, the answer. */
import { hash } from 'node:crypto';
import type { Request, Response } from 'express';
import { createUserFirst, type NamedUser, type RequireUser } from '../../edge/auth.ts';
import { databaseAllowance, databaseTimeMs, withDatabaseDeadline } from '../../edge/deadline.ts';
import type { Route, RouteMethod } from '../../edge/route.ts';
import { parseQuery, readJsonBody } from '../../edge/validate.ts';
import { AppError } from '../../errors.ts';
import type { Limit } from './lifecycle.ts';
import type { ListQuery } from './list.ts';
import { partsOf, signParts } from './multipart.ts';
import {
  emptyBodySchema,
  issueBodySchema,
  listQuerySchema,
  parseUploadId,
  partsBodySchema,
} from './schema.ts';
import type { Uploads } from './service.ts';
import { type Owner, toUpload, type UploadRow, uploadNotFound } from './upload.ts';

export interface UploadRoutesOptions {
  /** null: not configured; the clients hide the feature on 501. */
  readonly uploads: Uploads | null;
  readonly requireUser: RequireUser;
  readonly namedUser: NamedUser;
}

type Answer = (uploads: Uploads, req: Request, res: Response) => Promise<unknown>;

export function uploadRoutes({ uploads, requireUser, namedUser }: UploadRoutesOptions): Route[] {
  const route = (method: RouteMethod, path: string, answer: Answer): Route => ({
    method,
    path,
    handler: async (req, res) => {
      // Before the token is looked at: "this server has no uploads" is true for everybody, and needs no database.
      if (uploads === null) throw new AppError('uploads_not_configured');
      res.set('Cache-Control', 'no-store');
      const body = await answer(uploads, req, res);
      if (!res.headersSent) res.status(200).json(body);
    },
  });
  /** The upload that a path names, and whose it has to be. */
  const named = async (req: Request): Promise<{ id: string; owner: Owner }> => {
    const user = await requireUser(req);
    const id = parseUploadId(req.params.id);
    if (id === null) throw uploadNotFound();
    return { id, owner: user.role === 'admin' ? 'any' : user.id };
  };

  const userFirst = createUserFirst(requireUser);

  return [
    route('POST', '/api/uploads', async ({ issue, issueMultipart }, req, res) => {
      const userId = namedUser(req);
      const body = await userFirst(req, () => readJsonBody(req, res, issueBodySchema));
      if ('file' in body && body.file.multipart) {
        return issueMultipart((await requireUser(req)).id, body.file, limitOf(req));
      }
      const files = 'files' in body ? body.files : [body.file];
      const atOnce = () => withDatabaseDeadline(req, (untilMs) => issue.toNamed(userId, files, untilMs));
      let issued = await userFirst(req, atOnce);
      if (issued === null) {
        const { id } = await requireUser(req);
        issued = await withDatabaseDeadline(req, (untilMs) => issue.toKnown(id, files, untilMs));
      }
      return 'files' in body ? { uploads: issued } : issued[0];
    }),
    route('GET', '/api/uploads', async ({ store, publicUrl }, req) => {
      const user = await requireUser(req);
      const query = listQuery(req.query, user);
      const page = await withDatabaseDeadline(req, (untilMs) => store.list(query, { untilMs }));
      const items = page.rows.map((row) => toUpload(row, publicUrl));
      return { items, next_cursor: page.nextCursor };
    }),
    route('GET', '/api/uploads/limits', async ({ limits }, req, res) => {
      const etag = `"${hash('sha256', JSON.stringify(limits)).slice(0, 32)}"`;
      res.set({ 'Cache-Control': 'public, max-age=300', ETag: etag });
      if (isKnown(req.headers['if-none-match'], etag)) res.status(304).end();
      return limits;
    }),
    route('GET', '/api/uploads/:id', async (uploads, req) => {
      const { id, owner } = await named(req);
      return toUpload(await found(uploads, req, id, owner), uploads.publicUrl);
    }),
    route('POST', '/api/uploads/:id/url', async ({ renew }, req) => {
      const { id, owner } = await named(req);
      return withDatabaseDeadline(req, (untilMs) => renew(id, owner, untilMs));
    }),
    route('GET', '/api/uploads/:id/parts', async (uploads, req) => {
      const { id, owner } = await named(req);
      const upload = await found(uploads, req, id, owner);
      return partsOf(uploads.storage, upload, limitOf(req).signal);
    }),
    route('POST', '/api/uploads/:id/parts', async (uploads, req, res) => {
      const { id, owner } = await named(req);
      const { part_numbers: numbers } = await readJsonBody(req, res, partsBodySchema);
      return { parts: await signParts(uploads.storage, await found(uploads, req, id, owner), numbers) };
    }),
    route('POST', '/api/uploads/:id/complete', async ({ lifecycle, publicUrl }, req, res) => {
      const { id, owner } = await named(req);
      await readEmptyBody(req, res);
      return toUpload(await lifecycle.complete(id, owner, limitOf(req)), publicUrl);
    }),
    route('DELETE', '/api/uploads/:id', async ({ lifecycle, publicUrl }, req) => {
      const { id, owner } = await named(req);
      return toUpload(await lifecycle.remove(id, owner, limitOf(req)), publicUrl);
    }),
  ];
}

/** From the request to its answer, however often the storage and the database are asked, ms. */
const REQUEST_TIMEOUT_MS = 9_500;
/** What is left of it for the row when the storage has taken too long. */
const ROW_TIME_MS = 500;

/** Asked for behind the body, whose time is the client's; what the database has taken until then counts. */
function limitOf(req: Request): Limit {
  const leftMs = REQUEST_TIMEOUT_MS - Math.round(databaseTimeMs(req));
  return {
    signal: AbortSignal.timeout(leftMs - ROW_TIME_MS),
    untilMs: performance.now() + leftMs,
    allowance: databaseAllowance(req),
  };
}

/** `{}` or nothing. @throws AppError 415, 422 */
async function readEmptyBody(req: Request, res: Response): Promise<void> {
  const { 'content-length': length = '0', 'transfer-encoding': coding } = req.headers;
  if (Number(length) > 0 || coding !== undefined) await readJsonBody(req, res, emptyBodySchema);
}

/** RFC 9110 §13.1.2. Not Express's own look: that lets a Cache-Control of the request decide, which every fetch() sends along. */
const isKnown = (ifNoneMatch: string | undefined, etag: string) =>
  ifNoneMatch?.split(',').some((tag) => ['*', etag, `W/${etag}`].includes(tag.trim())) ?? false;

/** @throws AppError 404 */
async function found({ store }: Uploads, req: Request, id: string, owner: Owner): Promise<UploadRow> {
  const row = await withDatabaseDeadline(req, (untilMs) => store.find(id, owner, { untilMs }));
  if (row === null) throw uploadNotFound();
  return row;
}

/** @throws AppError 403, 422 */
function listQuery(query: object, user: { readonly id: number; readonly role: string | null }): ListQuery {
  const { user_id: asked, ...rest } = parseQuery(listQuerySchema, query);
  if (asked !== undefined && user.role !== 'admin') throw new AppError('admins_uploads');
  return { ...rest, owner: asked ?? user.id };
}
