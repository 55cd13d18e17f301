import { strict as assert, test } from './assert.js';
import { merge, sized, type Lane, type View, type Waiting, type Work } from '../src/api.js';

const work = (ref: string, position = 0) => ({ ref, position }) as Work;
const waits = (operation_id: string) => ({ operation_id }) as Waiting;

const view: View = {
  up_next: { order: ['a', 'b'], rows: { a: work('a'), b: work('b') } },
  waiting: { order: ['1'], rows: { 1: waits('1') }, pending: 1, failed: 0 },
  health: { order: ['lane'], rows: { lane: { status: 'synced' } as Lane } },
  levelling: { order: [], rows: {} },
  offers: { order: [], rows: {} },
};

test('the first event is the whole', () => {
  assert.deepEqual(merge(undefined, { type: 'all', ...view }), view);
});

test('a change before the whole is not believed', () => {
  assert.equal(merge(undefined, { type: 'changed' }), undefined);
});

test('a part that is not in the event stays the very same', () => {
  const after = merge(view, { type: 'changed', waiting: { order: [], pending: 0 } });
  assert.equal(after?.up_next, view.up_next);
  assert.deepEqual(after?.waiting, { order: [], rows: {}, pending: 0, failed: 0 });
});

test('rows are replaced, and the order stays where none is told', () => {
  const after = merge(view, { type: 'changed', up_next: { rows: { b: work('b', 60) } } });
  assert.deepEqual(after?.up_next.order, ['a', 'b']);
  assert.equal(after?.up_next.rows['b']?.position, 60);
});

test('rows that are in no order any more are forgotten', () => {
  const after = merge(view, { type: 'changed', up_next: { order: ['c', 'b'], rows: { c: work('c') } } });
  assert.deepEqual(Object.keys(after?.up_next.rows ?? {}), ['c', 'b']);
});

test('a picture is asked for in a size', () => {
  assert.equal(sized('/image/1?key=k', 200), '/image/1?key=k&width=200');
  assert.equal(sized('/image/1', 800), '/image/1?width=800');
});
