import type { ReactiveControllerHost } from 'lit';
import { strict as assert, test } from './assert.js';
import type { ViewEvent } from '../src/api.js';
import type { Connection, Hass } from '../src/hass.js';
import { ViewController, follow } from '../src/view.js';

/** A connection that can be lost, and answer that nobody knows the command. */
class Wire implements Connection {
  told: ((event: ViewEvent) => void)[] = [];

  ended = 0;

  refuses = false;

  private readonly ready = new Set<() => void>();

  subscribeMessage<Event>(told: (event: Event) => void, _: object, options?: object) {
    assert.deepEqual(options, { resubscribe: false });
    if (this.refuses) return Promise.reject({ code: 'unknown_command', message: 'Unknown command.' });
    this.told.push(told as (event: ViewEvent) => void);
    return Promise.resolve(() => { this.ended += 1; });
  }

  addEventListener(_: 'ready', listener: () => void): void {
    this.ready.add(listener);
  }

  removeEventListener(_: 'ready', listener: () => void): void {
    this.ready.delete(listener);
  }

  comeBack(): void {
    this.ready.forEach((listener) => listener());
  }
}

const empty = { order: [], rows: {} };
const whole: ViewEvent = { type: 'all', up_next: empty, health: empty, levelling: empty, offers: empty, waiting: { ...empty, pending: 2, failed: 0 } };
const soon = () => new Promise<void>((resolve) => { setTimeout(resolve); });

function home(wire: Wire): Hass {
  return { language: 'en', connection: wire, callWS: () => Promise.reject(new Error('not asked')) };
}

test('those who look at the same share one subscription, which ends with the last', async () => {
  const wire = new Wire();
  const heard: number[] = [];
  const first = follow(home(wire), { person: 'person.ada' }, ({ view }) => heard.push(view?.waiting.pending ?? -1));
  await soon();
  wire.told[0]?.(whole);
  const second = follow(home(wire), { person: 'person.ada' }, ({ view }) => heard.push(view?.waiting.pending ?? -1));
  assert.equal(wire.told.length, 1);
  assert.deepEqual(heard, [2, 2]);
  first();
  wire.told[0]?.({ type: 'changed', waiting: { pending: 1 } });
  assert.deepEqual(heard, [2, 2, 1]);
  assert.equal(wire.ended, 0);
  second();
  assert.equal(wire.ended, 1);
});

test('somebody else\'s is another subscription', async () => {
  const wire = new Wire();
  const ends = ['person.ada', 'person.bo'].map((person) => follow(home(wire), { person }, () => undefined));
  await soon();
  assert.equal(wire.told.length, 2);
  ends.forEach((end) => end());
});

test('a connection that was lost is followed anew, also if nobody answers at first', async () => {
  const wire = new Wire();
  const errors: string[] = [];
  const end = follow(home(wire), {}, ({ error }) => { if (error) errors.push(error.code); });
  await soon();
  wire.told[0]?.(whole);
  wire.refuses = true;
  wire.comeBack();
  await soon();
  assert.deepEqual(errors, ['unknown_command']);
  wire.refuses = false;
  wire.comeBack();
  await soon();
  assert.equal(wire.told.length, 2);
  end();
  wire.comeBack();
  await soon();
  assert.equal(wire.told.length, 2);
});

test('an element that is drawn once more after it went follows nobody', async () => {
  const wire = new Wire();
  const host = { addController: () => undefined, requestUpdate: () => undefined } as unknown as ReactiveControllerHost;
  const controller = new ViewController(host, () => ({ hass: home(wire), whose: {} }));
  controller.hostConnected();
  controller.hostUpdate();
  await soon();
  controller.hostDisconnected();
  assert.equal(wire.ended, 1);
  controller.hostUpdate();
  await soon();
  assert.equal(wire.told.length, 1);
  controller.hostConnected();
  controller.hostUpdate();
  await soon();
  assert.equal(wire.told.length, 2);
  controller.hostDisconnected();
});
