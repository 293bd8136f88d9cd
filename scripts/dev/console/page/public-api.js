/** The public API, as a client of the product sees it. */

/** One call. @param token null: without one @throws Error with the answer's sentence, its `status` and `code` */
export async function call(token, method, path, json) {
  const headers = {
    ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
    ...(json === undefined ? {} : { 'Content-Type': 'application/json' }),
  };
  const answer = await fetch(path, {
    ...{ method, headers },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  });
  const body = await answer.json().catch(() => null);
  if (answer.ok) return body;
  const { status } = answer;
  const { detail, code } = body ?? {};
  throw Object.assign(new Error(typeof detail === 'string' ? detail : `${method} ${path}: ${status}`), {
    ...{ status, code },
  });
}

/** Leaves out what is empty. */
export function withQuery(path, query) {
  const given = Object.entries(query).filter(
    ([, value]) => value !== '' && value !== false && value !== null,
  );
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
}
