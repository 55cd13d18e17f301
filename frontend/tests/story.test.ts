import { strict as assert, test } from './assert.js';
import type { HistoryRow } from '../src/api.js';
import { chapters, dayOf, days } from '../src/panel/story.js';

const row = (batch_id: string, title: string, lane = 'attic', settled_at = '2026-11-30T20:00:00') => ({
  batch_id, title, config_entry_id: lane, settled_at, change: 'mark_watched',
}) as HistoryRow;

test('what was asked for at once is one chapter, also where others came in between', () => {
  const told = chapters([row('b', 'Dune'), row('a', 'Alien'), row('b', 'Arrival')]);
  assert.deepEqual(told.map(({ batch_id }) => batch_id), ['b', 'a']);
  assert.deepEqual(told[0]?.lines.map((line) => line.row.title), ['Dune', 'Arrival']);
});

test('the same on another server is the same line', () => {
  const [told] = chapters([row('a', 'Alien', 'attic'), row('a', 'Alien', 'cellar'), row('a', 'Alien', 'cellar')]);
  assert.deepEqual(told?.lines.map(({ rows }) => rows.length), [2, 1]);
});

test('days follow each other as they are where the browser is', () => {
  const told = days(chapters([
    row('c', 'Alien', 'attic', '2026-11-30T00:10:00'), row('b', 'Dune', 'attic', '2026-11-29T23:50:00'),
    row('a', 'Heat', 'attic', '2026-11-29T08:00:00'),
  ]));
  assert.deepEqual(told.map(([date, ones]) => [date, ones.length]), [['2026-11-30', 1], ['2026-11-29', 2]]);
  assert.equal(dayOf('2026-01-05T12:00:00'), '2026-01-05');
});
