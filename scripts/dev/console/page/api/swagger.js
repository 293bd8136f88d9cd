/** Within the frame: Swagger UI on our description. It asks nobody but the sidecar. */
import { DESCRIPTION } from '../strings/api.js';

let token = null;
let isThere = false;

const ui = globalThis.SwaggerUIBundle({
  url: '/dev/openapi.json',
  dom_id: '#swagger',
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  // Its colours are too faint on their ground.
  syntaxHighlight: false,
  // Theirs is on the internet.
  validatorUrl: null,
  onComplete() {
    isThere = true;
    apply();
  },
});

function apply() {
  if (!isThere) return;
  if (token !== null) ui.preauthorizeApiKey('bearer', token);
  else if (ui.authSelectors.authorized().has('bearer')) ui.authActions.logout(['bearer']);
}

/** Called by the page around: calls are made with it from now on. */
globalThis.useToken = (given) => {
  token = given;
  apply();
};

const dark = matchMedia('(prefers-color-scheme: dark)');
const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', follow);
follow();

/** It names none of its choices, and what scrolls is not to be reached with the keyboard. */
const amend = () => {
  for (const select of document.querySelectorAll('select:not([aria-label])'))
    select.setAttribute('aria-label', select.closest('tr')?.dataset.paramName ?? DESCRIPTION.choice);
  for (const pre of document.querySelectorAll('pre:not([tabindex])')) pre.tabIndex = 0;
};
new MutationObserver(amend).observe(document.getElementById('swagger'), { childList: true, subtree: true });
