/** Answers whose JSON was made by PostgreSQL (view.ts). */
import type { Response } from 'express';

/** 200 with this JSON text, which nobody may keep: it is one user's, or changes at any moment. */
export function sendJson(res: Response, text: string): void {
  res.set({ 'Cache-Control': 'no-store', 'Content-Type': 'application/json; charset=utf-8' });
  res.status(200).send(text);
}
