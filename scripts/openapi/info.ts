/** What the document says of the whole. */
import project from '../../package.json' with { type: 'json' };

export const INFO = {
  title: 'GoGoMarket: uploads and reviews',
  version: project.version,
  license: { name: project.license, url: 'https://opensource.org/license/mit' },
  description: `What the sidecar answers itself. Every other request under \`/api\` is the backend’s; its own description does not name these.

- Success is **200** for every method; a 304 answers \`If-None-Match\`.
- An error is \`{"detail","code"}\`, perhaps with \`params\`: \`detail\` is a sentence to show, in English, Russian or Uzbek as \`Accept-Language\` says; \`code\` is for programs and stays what it is.
- **401** is about the token alone: the app drops it and logs the user out. **404** and **501** hide a feature where a whole route answers so.
- Ignore fields, codes and kinds that you do not know: there may be more.
- Unknown fields of a body are ignored as well, unless it says otherwise. Texts are Unicode in NFC; their limits count characters after trimming.
- Times are ISO 8601 in UTC.
- After a 429 or 503 wait for \`Retry-After\` seconds.
- \`x-codes\` of a response are all codes of that status; its examples are the errors that have them.`,
};

export const TAGS = [
  {
    name: 'Uploads',
    description: 'Files, sent straight to the storage by a signed URL. Without storage settings: 501.',
  },
  { name: 'Reviews', description: 'Reviews of products, as everybody sees them and as people write them.' },
  { name: 'Own reviews', description: 'What is the caller’s own: as an author, a buyer, a seller.' },
  { name: 'Moderation', description: 'For users with the role `admin`; others get 403.' },
  { name: 'Health', description: 'For whoever watches the process. Nginx need not pass them on.' },
] as const;

/** Of what 3.0 leaves out. */
export const MORE_TAGS = [
  { name: 'CORS', description: 'What browsers ask by themselves.' },
  { name: 'Events', description: 'What is sent to the webhook, as Standard Webhooks says.' },
] as const;
