/** The events that the sidecar sends, as webhooks of the document. */
import { z } from 'zod';
import type { ZodOpenApiPathItemObject } from 'zod-openapi';
import { type EventDescriptions, time } from '../../src/edge/route-description.ts';
import { REVIEW_EVENTS } from '../../src/features/reviews/description/events.ts';
import { UPLOAD_EVENTS } from '../../src/features/uploads/description/events.ts';

const EVENTS: EventDescriptions = { ...UPLOAD_EVENTS, ...REVIEW_EVENTS };

const AT = '2026-11-26T06:07:06.067Z';

/** As the specification names them: https://www.standardwebhooks.com */
const headers = z.object({
  'webhook-id': z.string().meta({ description: 'The same in every attempt: it tells a repeated event.' }),
  'webhook-timestamp': z.string().meta({ description: 'Of the attempt, in seconds since 1970.' }),
  'webhook-signature': z.string().meta({
    description:
      '`v1,` and the HMAC-SHA256, in base64, of `id.timestamp.body` by the key in `EVENTS_WEBHOOK_SECRET`.',
  }),
});

const DESCRIPTION =
  'POSTed to `EVENTS_WEBHOOK_URL`, if it is set. At least once; those of one upload, or of one review, in order. `timestamp` is that of the change; the body is the same in every attempt.';

const RESPONSES = {
  '2XX': { description: 'Within 10 s: it has arrived.' },
  410: { description: 'It is not wanted, and not sent again.' },
  default: {
    description:
      'A redirect included: it is sent again after 5 s, 30 s, 2 min, 10 min, 1 h, 6 h and then daily for three days; not before `Retry-After`.',
  },
};

export const webhooks = (): Record<string, ZodOpenApiPathItemObject> =>
  Object.fromEntries(
    Object.entries(EVENTS).map(([type, { summary, data, example }]) => [
      type,
      {
        post: {
          ...{
            operationId: operationIdOf(type),
            tags: ['Events'],
            summary,
            description: DESCRIPTION,
            security: [],
          },
          requestParams: { header: headers },
          requestBody: {
            required: true,
            content: {
              'application/json': {
                schema: z.object({ type: z.literal(type), timestamp: time, data }),
                examples: { one: { value: { type, timestamp: AT, data: example } } },
              },
            },
          },
          responses: RESPONSES,
        },
      },
    ]),
  );

/** `upload.ready` → `onUploadReady` */
const operationIdOf = (type: string) =>
  `on${type
    .split('.')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')}`;
