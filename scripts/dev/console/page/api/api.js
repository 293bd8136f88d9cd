/** The page of the API: its description, to be read and tried with the token of whoever is chosen. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { ask } from '../api.js';
import { html } from '../dom.js';
import { DESCRIPTION } from '../strings/api.js';
import { Users, useUser } from '../users.js';

export function Page() {
  const chosen = useUser();
  const token = chosen.user?.token ?? null;
  const frame = useRef(null);
  const [backend, setBackend] = useState(null);
  /** Swagger UI may not be there yet; it is told when it is. */
  const tell = () => frame.current.contentWindow.useToken?.(token);
  useEffect(tell, [token]);
  useEffect(() => {
    ask('/backend').then(
      ({ url }) => setBackend(url),
      () => undefined,
    );
  }, []);
  return html`<main class="api">
    <h2>${DESCRIPTION.title}</h2>
    <${Users} chosen=${chosen} />
    ${backend && html`<p class="quiet">${DESCRIPTION.backend} <a href=${`${backend}/docs`} target="_blank" rel="noreferrer">${backend}/docs</a></p>`}
    <iframe ref=${frame} src="/dev/swagger" title=${DESCRIPTION.title} onLoad=${tell}></iframe>
  </main>`;
}
