/** The routes under /api/uploads: who asks, what is asked, one call, the answer. */
import type { RequestHandler } from 'express';
import type { RequireUser } from '../../edge/auth.ts';
import { withDatabaseDeadline } from '../../edge/deadline.ts';
import type { Route, RouteMethod } from '../../edge/route.ts';
import { readJsonBody } from '../../edge/validate.ts';
import { notConfigured } from '../../errors.ts';
import type { IssueUploads } from './issue.ts';
import { issueBodySchema } from './schema.ts';

/** What the routes call. */
export interface Uploads {
  readonly issue: IssueUploads;
}

export interface UploadRoutesOptions {
  /** null: not configured; the clients hide the feature on 501. */
  readonly uploads: Uploads | null;
  readonly requireUser: RequireUser;
}

export function uploadRoutes({ uploads, requireUser }: UploadRoutesOptions): Route[] {
  const route = (
    method: RouteMethod,
    path: string,
    handler: (uploads: Uploads, ...parts: Parameters<RequestHandler>) => Promise<unknown>,
  ): Route => ({
    method,
    path,
    handler: async (req, res, next) => {
      // Before the token is looked at: "this server has no uploads" is true for everybody, and needs no database.
      if (uploads === null) throw notConfigured('Uploads are not configured on this server.');
      const answer = await handler(uploads, req, res, next);
      res.set('Cache-Control', 'no-store');
      res.status(200).json(answer);
    },
  });

  return [
    route('POST', '/api/uploads', async ({ issue }, req, res) => {
      const user = await requireUser(req);
      const body = await readJsonBody(req, res, issueBodySchema);
      const files = 'files' in body ? body.files : [body.file];
      const issued = await withDatabaseDeadline(req, (untilMs) => issue(user.id, files, untilMs));
      return 'files' in body ? { uploads: issued } : issued[0];
    }),
  ];
}
