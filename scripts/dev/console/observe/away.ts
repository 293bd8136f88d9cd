/** Database or storage as if they were away: connections to them are refused, and open ones break. */
import { Socket } from 'node:net';
import type { Faults } from '../faults.ts';
import type { Place } from '../messages.ts';
import { optionsOf } from './backend-sockets.ts';

type Part = keyof Faults['away'];

/** @returns takes the switches, again and again */
export function observeParts(
  places: Readonly<Record<Part, readonly Place[]>>,
): (away: Faults['away']) => void {
  const open: Record<Part, Set<Socket>> = { database: new Set(), storage: new Set() };
  let away: Faults['away'] = { database: false, storage: false };
  const partOf = (target: ReturnType<typeof optionsOf>): Part | undefined =>
    (['database', 'storage'] as const).find((part) =>
      places[part].some(
        ({ host, port }) => Number(target.port) === port && (target.host ?? 'localhost') === host,
      ),
    );
  const { connect } = Socket.prototype;
  const observed = function (this: Socket, ...args: unknown[]): Socket {
    const part = partOf(optionsOf(args));
    if (part === undefined) return Reflect.apply(connect, this, args);
    if (away[part]) {
      process.nextTick(() => this.destroy(refused()));
      return this;
    }
    open[part].add(this);
    this.once('close', () => open[part].delete(this));
    return Reflect.apply(connect, this, args);
  };
  Socket.prototype.connect = observed as typeof connect;
  return (switches) => {
    away = switches;
    for (const part of ['database', 'storage'] as const)
      if (away[part]) for (const socket of open[part]) socket.destroy(refused());
  };
}

const refused = () =>
  Object.assign(new Error('connect ECONNREFUSED (switched off in the development console)'), {
    code: 'ECONNREFUSED',
  });
