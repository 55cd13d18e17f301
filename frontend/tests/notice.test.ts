import type { ReactiveControllerHost } from 'lit';
import { strict as assert, test } from './assert.js';
import type { Page, Work } from '../src/api.js';
import type { Hass } from '../src/hass.js';
import { marked } from '../src/parts/marks.js';
import { Notice } from '../src/parts/notice.js';
import { Source } from '../src/panel/source.js';

const film = { ref: 'movie.imdb.tt1', full_title: 'Dune', kind: 'movie', watched: false, position: 600 } as Work;

const host = {
  addController: () => undefined,
  requestUpdate: () => undefined,
} as unknown as ReactiveControllerHost & HTMLElement;

const answering = (batch_id: string | null): Hass => ({
  language: 'en',
  callWS: () => Promise.resolve({ batch_id, operations: [], skipped: [] }),
} as unknown as Hass);

const soon = () => new Promise<void>((resolve) => { setTimeout(resolve); });

test('what is shown goes by what was just done and taken back, without its news', async () => {
  const source = new Source(
    () => Promise.resolve<Page>({ works: [film], total: 1, start: 0, skipped: [] }),
    () => undefined,
    () => undefined,
  );
  source.want(0, 0);
  await soon();
  const notice = new Notice(host);
  const said: (() => void)[] = [];
  const { say } = notice;
  notice.say = (text, undo) => {
    if (undo) said.push(undo);
    say(text, undo);
  };
  const done = await notice.change(
    answering('one'), {}, 'Marked', (api) => api.mark({}, true, film.ref),
    (now) => source.replace({ [film.ref]: now === 'done' ? marked(film, true) : film }),
  );
  assert.equal(done, true);
  assert.equal(source.at(0)?.watched, true);
  said[0]?.();
  await soon();
  // A tap would mark it, and its position is where it was.
  assert.deepEqual(source.at(0), film);
  notice.hostDisconnected();
});

test('what was as wanted already is shown so too', async () => {
  const notice = new Notice(host);
  const told: string[] = [];
  await notice.change(
    answering(null), {}, 'Marked', (api) => api.mark({}, true, film.ref), (now) => told.push(now),
  );
  assert.deepEqual(told, ['done']);
  notice.hostDisconnected();
});
