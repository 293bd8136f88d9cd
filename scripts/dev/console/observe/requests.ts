/**
 * Every request that the sidecar's server takes, seen from outside: node:http says `request` or `upgrade`, and what the
 * sidecar makes of it passes through write(), end() and push().
 */
import { type IncomingMessage, Server, type ServerResponse } from 'node:http';
import { Server as NetServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { requestIdOf } from '../../../../src/edge/request-id.ts';
import { takeRequest } from '../../../../src/forward/node-internals.ts';
import { type Faults, faultFor } from '../faults.ts';
import { isConsoleTarget } from '../guard.ts';
import type { Link } from '../messages.ts';
import { applyFault, applyUpgradeFault } from './apply-fault.ts';
import { Capture } from './capture.ts';
import type { ConsoleAnswers } from './console-answers.ts';
import type { Sender } from './sender.ts';
import { begin, finish, runFor } from './under-way.ts';
import { captureUpgrade } from './upgrades.ts';

type Emit = (event: string, ...args: unknown[]) => boolean;

export interface Observers {
  readonly sender: Sender;
  readonly answers: ConsoleAnswers;
  /** Those of this moment. */
  readonly faults: () => Faults;
}

/** Listens in on the server of `sidecarPort`, and hands requests for the console over. */
export function observeRequests({ sidecarPort }: Link, { sender, answers, faults }: Observers): void {
  const emit: Emit = Server.prototype.emit;
  const isObserved = (server: Server) => {
    const address = server.address();
    return address !== null && typeof address === 'object' && address.port === sidecarPort;
  };
  const observed = function (this: Server, event: string, ...args: unknown[]): boolean {
    const pass = () => Reflect.apply(emit, this, [event, ...args]);
    if (!REQUEST_EVENTS.has(event) || !isObserved(this)) return pass();
    const req = args[0] as IncomingMessage;
    // The sidecar's server does so behind us.
    takeRequest(req);
    if (event === 'upgrade') {
      const socket = args[1] as Duplex;
      const rule = faultFor(faults(), 'GET', req.url ?? '');
      const capture = captureUpgrade(req, socket, sender);
      if (rule === undefined) return runFor(capture, pass);
      capture.fault = rule.kind;
      applyUpgradeFault(rule, socket, () => runFor(capture, pass));
      return true;
    }
    const res = args[1] as ServerResponse;
    const { url = '', method = '' } = req;
    if (isConsoleTarget(url)) return answers.answer(req, res);
    const capture = captureRequest(req, res, sender);
    const rule = faultFor(faults(), method, url);
    if (rule === undefined) return runFor(capture, pass);
    capture.fault = rule.kind;
    applyFault(rule, req, res, () => runFor(capture, pass));
    return true;
  };
  Server.prototype.emit = observed as typeof Server.prototype.emit;
  // The page's streams would hold up the end of the sidecar, and so a restart.
  const { close } = NetServer.prototype;
  NetServer.prototype.close = function (...args) {
    if (this instanceof Server && isObserved(this)) answers.endAll();
    return Reflect.apply(close, this, args);
  };
}

const REQUEST_EVENTS = new Set(['request', 'checkContinue', 'checkExpectation', 'upgrade']);

function captureRequest(req: IncomingMessage, res: ServerResponse, sender: Sender): Capture {
  const capture = new Capture(req, sender, false);
  begin(capture);
  if (req.headers['content-length'] !== undefined || req.headers['transfer-encoding'] !== undefined) {
    const { push } = req;
    req.push = (chunk: unknown, encoding?: BufferEncoding) => {
      if (chunk === null) capture.marks.bodyIn = capture.since();
      else capture.pass('in', chunk, encoding);
      return push.call(req, chunk, encoding);
    };
  }
  listenToAnswer(res, capture);
  // A pipelined request is handled when its turn comes, in the context of the one before.
  if (res.socket === null) {
    const emit: Emit = res.emit;
    const inContext: Emit = (event, ...args) => {
      const pass = () => Reflect.apply(emit, res, [event, ...args]);
      return event === 'socket' ? runFor(capture, pass) : pass();
    };
    res.emit = inContext as typeof res.emit;
  }
  return capture;
}

function listenToAnswer(res: ServerResponse, capture: Capture): void {
  const { write, end } = res;
  const pass = ([chunk, encoding]: readonly unknown[]) => {
    capture.marks.firstOut ??= capture.since();
    if (mayHaveBody(res)) capture.pass('out', chunk, encoding);
  };
  const observedWrite = (...args: unknown[]): boolean => {
    pass(args);
    const result = Reflect.apply(write, res, args);
    capture.status = res.statusCode;
    capture.responseHead = headOf(res);
    capture.answering();
    return result;
  };
  const observedEnd = (...args: unknown[]) => {
    pass(args);
    return Reflect.apply(end, res, args);
  };
  res.write = observedWrite as typeof write;
  res.end = observedEnd as typeof end;
  res.on('close', () => {
    finish(capture);
    // 499 as in the log: the client left before there was a status.
    capture.status = res.headersSent ? res.statusCode : 499;
    capture.responseHead = headOf(res);
    capture.end({ requestId: requestIdOf(res.req), isAborted: !res.writableFinished });
  });
}

/** What node:http keeps of an answer: the head as it is sent, and whether a body goes with it. */
interface AnswerInternals {
  readonly _header?: string | null;
  readonly _hasBody?: boolean;
}

const headOf = (res: ServerResponse) => (res as AnswerInternals)._header ?? '';
const mayHaveBody = (res: ServerResponse) => (res as AnswerInternals)._hasBody !== false;
