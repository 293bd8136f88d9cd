/** As whom the pages ask: one of the demo's accounts with one click, or whoever's token is pasted. */
import { useEffect, useState } from 'preact/hooks';
import { classes, html } from './dom.js';
import { call } from './public-api.js';
import { USERS } from './strings/users.js';

const ACCOUNTS = ['buyer', 'seller', 'admin'];
const OTHER = 'other';
/** The choice stays; a token that was pasted goes with the tab. */
const CHOICE = 'console-user';
const PASTED = 'console-token';

const chosen = () => localStorage.getItem(CHOICE) ?? ACCOUNTS[0];

const logins = new Map();

/** @returns `{account, token, id, role}` @throws Error with a sentence */
export function logIn(account) {
  if (account === OTHER) return asPasted();
  if (!logins.has(account)) {
    const login = logInAsDemo(account);
    logins.set(account, login);
    login.catch(() => logins.delete(account));
  }
  return logins.get(account);
}

async function logInAsDemo(account) {
  const account_ = { email: `${account}@demo.com`, password: 'demo123' };
  const { access_token: token, user } = await call(null, 'POST', '/api/auth/login', account_).catch(
    ({ message }) => {
      throw new Error(USERS.noLogin(message));
    },
  );
  return { account, token, id: user?.id ?? idIn(token), role: user?.role ?? null };
}

async function asPasted() {
  const token = sessionStorage.getItem(PASTED);
  if (token === null) throw new Error(USERS.paste);
  return { account: OTHER, token, id: idIn(token), role: null };
}

function idIn(token) {
  try {
    const { user_id: id, sub } = JSON.parse(atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')));
    return id ?? sub ?? null;
  } catch {
    return null;
  }
}

/** @returns the user that is chosen (null until there is a token), and what `Users` needs to offer others */
export function useUser() {
  const [account, setAccount] = useState(chosen);
  const [{ user, error }, setState] = useState({ user: null, error: null });
  const [pastes, setPastes] = useState(0);
  useEffect(() => {
    let isOld = false;
    localStorage.setItem(CHOICE, account);
    logIn(account).then(
      (found) => !isOld && setState({ user: found, error: null }),
      ({ message }) => !isOld && setState({ user: null, error: message }),
    );
    return () => {
      isOld = true;
    };
  }, [account, pastes]);
  const paste = (token) => {
    sessionStorage.setItem(PASTED, token.trim().replace(/^Bearer\s+/i, ''));
    setPastes(pastes + 1);
  };
  return { user: user?.account === account ? user : null, error, account, choose: setAccount, paste };
}

export function Users({ chosen: { account, user, error, choose, paste } }) {
  const isOther = account === OTHER;
  return html`<div class="users">
    <div class="chips" role="group" aria-label=${USERS.label}>${[...ACCOUNTS, OTHER].map(
      (name) => html`<button type="button" key=${name} class=${classes('chip', name === account && 'on')}
        aria-pressed=${name === account} onClick=${() => choose(name)}>${USERS.accounts[name]}</button>`,
    )}</div>
    ${user && html`<span class="facts">${USERS.is(user)}</span>`}
    ${isOther && html`<${Paste} onPaste=${paste} />`}
    ${error && html`<p class="note" role="alert">${error}</p>`}
  </div>`;
}

function Paste({ onPaste }) {
  const [token, setToken] = useState('');
  const send = (event) => {
    event.preventDefault();
    onPaste(token);
    setToken('');
  };
  return html`<form class="line" onSubmit=${send}>
    <input name="token" type="password" autocomplete="off" aria-label=${USERS.token} placeholder=${USERS.token} value=${token}
      onInput=${({ target }) => setToken(target.value)} />
    <button type="submit" disabled=${token.trim() === ''}>${USERS.use}</button>
  </form>`;
}
