import { strict as assert, test } from './assert.js';
import { checked, type CardConfig } from '../src/card/config.js';

const type = 'custom:watched-sync-card';

test('nothing has to be chosen', () => {
  assert.deepEqual(checked({ type }), { type });
});

test('what cannot be meant is said', () => {
  const wrong = (config: object) => () => checked({ type, ...config } as CardConfig);
  assert.throws(wrong({ what: 'music' }), /what is one of up_next, films, show/);
  assert.throws(wrong({ look: 'wall' }), /look is posters or list/);
  assert.throws(wrong({ rows: 0 }), /rows is a whole number from 1 to 4/);
  assert.throws(wrong({ rows: '2' }), /rows is a whole number/);
});
