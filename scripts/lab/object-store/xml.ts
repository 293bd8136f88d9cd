/** Just enough XML for the bodies of S3: elements with text, no attributes that mean anything. */
import { malformedXml } from './s3-error.ts';

export const escapeXml = (text: string) => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

/** An element with text; several when there are several. */
export const element = (name: string, ...texts: readonly (string | number | boolean)[]) =>
  texts.map((text) => `<${name}>${escapeXml(String(text))}</${name}>`).join('');

/** The document that S3 answers with. @param content XML */
export const document = (root: string, content: string) =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${content}</${root}>`;

/** What is in each element of that name, in order; XML. */
export const contentsOf = (xml: string, name: string): string[] =>
  [...xml.matchAll(new RegExp(`<${name}(?:\\s[^>]*)?>(.*?)</${name}>`, 'gs'))].map(
    ([, content = '']) => content,
  );

/** The text of each element of that name, in order. */
export const textsOf = (xml: string, name: string): string[] =>
  contentsOf(xml, name).map((content) =>
    content.replace(/&(?:(amp|lt|gt|quot|apos)|#(\d+)|#x([0-9a-f]+));/gi, (_, entity, decimal, hex) =>
      entity
        ? (ENTITIES[entity] ?? '')
        : String.fromCodePoint(decimal ? Number(decimal) : Number.parseInt(hex, 16)),
    ),
  );

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** What is in a document. @throws S3Error 400 when its root is another one */
export function rootContent(xml: string, root: string): string {
  const [content] = contentsOf(xml, root);
  if (content === undefined) throw malformedXml();
  return content;
}
