import type { ReactiveControllerHost } from 'lit';
import { strict as assert, test } from './assert.js';
import type { Work } from '../src/api.js';
import type { Hass } from '../src/hass.js';
import { Marks, marked } from '../src/parts/marks.js';

const film = { ref: 'movie.imdb.tt1', full_title: 'Dune', watched: false, position: 600 } as Work;
const other = { ref: 'movie.imdb.tt2', full_title: 'Alien', watched: false } as Work;

const host = {
  addController: () => undefined,
  requestUpdate: () => undefined,
} as unknown as ReactiveControllerHost & HTMLElement;

const hass = {
  language: 'en',
  callWS: () => Promise.resolve({ batch_id: 'one', operations: [], skipped: [] }),
} as unknown as Hass;

test('what was taken back is not watched any more, also before that is told', async () => {
  const marks = new Marks(host);
  await marks.tick(hass, {}, film, 0);
  const watched = { ...film, watched: true, position: 0 };
  assert.deepEqual(marks.among([other]), [film, other]);
  await marks.untick(hass, {}, film.ref);
  // Neither while it is told to be watched, nor while it is not told of at all.
  assert.deepEqual(marks.among([watched, other]), [film, other]);
  assert.deepEqual(marks.among([other]), [film, other]);
  const now = { ...film, position: 599 };
  assert.deepEqual(marks.among([now, other]), [now, other]);
  // Ticked once more it lingers once, and what came of the first is over.
  await marks.tick(hass, {}, now, 0);
  assert.deepEqual(marks.among([watched, other]), [now, other]);
  assert.equal(marks.ticked.size, 1);
  marks.hostDisconnected();
  assert.deepEqual(marks.among([watched, other]), [watched, other]);
});

test('what was un-marked is marked by the next tap, also before that is told', async () => {
  const marks = new Marks(host);
  const watched = { ...film, watched: true };
  await marks.unmark(hass, {}, watched, 0);
  const [shown] = marks.among([watched, other]);
  assert.equal(shown?.watched, false);
  // As soon as it is told, what is told is shown.
  assert.deepEqual(marks.among([film, other]), [film, other]);
  marks.hostDisconnected();
});

test('a show that is marked has all of its episodes watched, until more is told', () => {
  const show = { ref: 'show', kind: 'show', watched: false, position: 0, episodes: 8, watched_episodes: 2 } as Work;
  assert.equal(marked(show, true).watched_episodes, 8);
  assert.equal(marked(show, false).watched_episodes, 0);
});
