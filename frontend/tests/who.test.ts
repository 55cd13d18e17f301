import { strict as assert, test } from './assert.js';
import type { Who } from '../src/api.js';
import type { Hass } from '../src/hass.js';
import { areOthers, askWhoInWords, firstPerson, isOutdated, meant, whoseOf, whoseOfAll } from '../src/who.js';

const who = {
  me: 'person.bo',
  is_admin: false,
  persons: [
    { key: 'person.ada', name: 'Ada', picture: null, me: false },
    { key: 'person.bo', name: 'Bo', picture: null, me: true },
    { key: 'user cy', name: 'Cy', picture: null, me: false },
  ],
  lanes: [
    { config_entry_id: 'one', owner: 'person.ada' },
    { config_entry_id: 'two', owner: 'user cy' },
    { config_entry_id: 'three', owner: 'shared' },
  ],
} as unknown as Who;

test('whoever is signed in comes first', () => {
  assert.equal(firstPerson(who), 'person.bo');
});

test('a person asked for comes before, as long as they are there', () => {
  assert.equal(firstPerson(who, 'person.ada'), 'person.ada');
  assert.equal(firstPerson(who, 'person.gone'), 'person.bo');
});

test('without a person of one\'s own it is the first, or nobody in particular', () => {
  const persons = who.persons.map((person) => ({ ...person, me: false }));
  assert.equal(firstPerson({ ...who, persons }), 'person.ada');
  assert.equal(firstPerson({ ...who, persons: [] }), '');
});

test('a person is named as such, one who is none by their lanes', () => {
  assert.deepEqual(whoseOf(who, 'person.ada'), { person: 'person.ada' });
  assert.deepEqual(whoseOf(who, 'user cy'), { config_entry_id: ['two'] });
  assert.deepEqual(whoseOf(who, ''), {});
});

test('several persons are named as such, with one who is none by their lanes', () => {
  assert.deepEqual(whoseOfAll(who, ['person.ada', 'person.bo']), { person: ['person.ada', 'person.bo'] });
  assert.deepEqual(whoseOfAll(who, ['user cy']), { config_entry_id: ['two'] });
});

test('whom it is about is told from how they are named', () => {
  assert.deepEqual(meant(who, { person: 'person.ada' }), ['person.ada']);
  assert.deepEqual(meant(who, whoseOf(who, 'user cy')), ['user cy']);
  assert.deepEqual(meant(who, {}), []);
});

test('a page that is open over an update is of another version than what answers', () => {
  const url = 'http://home.test/watched_sync/0123456789abcdef/panel.js';
  assert.equal(isOutdated({ ...who, bundle: '0123456789abcdef' }, url), false);
  assert.equal(isOutdated({ ...who, bundle: 'fedcba9876543210' }, url), true);
});

test('the same persons in another list are no others', () => {
  const [ada, bo] = who.persons as [Who['persons'][number], Who['persons'][number]];
  assert.equal(areOthers([ada, bo], [ada, bo]), false);
  assert.equal(areOthers([ada], undefined), true);
  assert.equal(areOthers([ada], [ada, bo]), true);
  assert.equal(areOthers([bo], [ada]), true);
});

test('who is there is asked while the words are read, and a refusal waits for them', async () => {
  const asked: string[] = [];
  let read = (): void => undefined;
  const hass = {
    language: 'nl',
    callWS: ({ type }: { type: string }) => {
      asked.push(type);
      if (type === 'watched_sync/who') return Promise.reject(new Error('not there'));
      return new Promise((done) => { read = () => done({ resources: {} }); });
    },
  } as unknown as Hass;
  let said = '';
  const ended = askWhoInWords(hass).catch((error: Error) => { said = error.message; });
  await Promise.resolve();
  assert.deepEqual(asked.slice(0, 2), ['frontend/get_translations', 'watched_sync/who']);
  assert.equal(said, '');
  read();
  await ended;
  assert.equal(said, 'not there');
});
