/** The console's page. */
import './node-env.js';
import { render } from 'preact';
import { html } from './dom.js';
import { Requests } from './requests.js';

render(html`<${Requests} />`, document.getElementById('app'));
