/**
 * FastAPI's own error bodies.
 */
import type { NextFunction, Request, RequestHandler, Response } from 'express';

/** 422 as FastAPI words it: `detail` is a list, unlike every error of the sidecar. */
export function sendInvalid(
  res: Response,
  loc: readonly (string | number)[],
  msg: string,
  type: string,
): void {
  res.status(422).json({ detail: [{ loc, msg, type }] });
}

export const notFound: RequestHandler = (_req, res) => {
  res.status(404).json({ detail: 'Not Found' });
};

export const methodNotAllowed: RequestHandler = (_req, res) => {
  res.status(405).json({ detail: 'Method Not Allowed' });
};

/** What express itself refuses is the client's mistake; anything else is a defect of the demo and goes to `report`. */
export const errorHandler =
  (report: (error: unknown) => void) =>
  (error: unknown, _req: Request, res: Response, _next: NextFunction): void => {
    if (res.headersSent) {
      res.destroy();
    } else if (error instanceof SyntaxError) {
      sendInvalid(res, ['body', 0], 'Expecting value', 'value_error.jsondecode');
    } else if (error instanceof Error && 'status' in error && typeof error.status === 'number') {
      res.status(error.status).json({ detail: 'There was an error parsing the request' });
    } else {
      report(error);
      res.status(500).type('text').send('Internal Server Error');
    }
  };
