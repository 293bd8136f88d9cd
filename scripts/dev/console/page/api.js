/** The console's API. */

const API = '/dev/api';

export const apiUrl = (path, query = {}) => {
  const search = new URLSearchParams(query).toString();
  return `${API}${path}${search === '' ? '' : `?${search}`}`;
};

/** @throws Error with the answer's sentence */
export async function ask(path, { method = 'GET', query, json } = {}) {
  const answer = await fetch(apiUrl(path, query), {
    method,
    ...(json === undefined
      ? {}
      : { body: JSON.stringify(json), headers: { 'Content-Type': 'application/json' } }),
  });
  const isJson = answer.headers.get('content-type')?.startsWith('application/json');
  const body = isJson ? await answer.json() : await answer.text();
  if (!answer.ok) throw new Error(body.detail ?? body);
  return body;
}
