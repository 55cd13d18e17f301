import { strict as assert, test } from './assert.js';
import type { Hass } from '../src/hass.js';
import { ago, clock, complaint, hasWords, length, loadWords, reason, t, tn } from '../src/words.js';

const asked: string[] = [];
const table: Record<string, Record<string, string>> = {
  config_panel: {
    'component.watched_sync.config_panel.card.waiting_one': '{count} wartet',
    'component.watched_sync.config_panel.card.waiting_other': '{count} warten',
    'component.watched_sync.config_panel.card.not_there': 'Nicht da',
    'component.watched_sync.config_panel.card.mark': 'Gesehen: {title}',
    'component.watched_sync.config_panel.state.failed': 'Nicht zugestellt',
  },
  entity: {
    'component.watched_sync.entity.sensor.sync_status.state_attributes.last_error.state.forbidden': 'Verboten',
  },
  exceptions: { 'component.watched_sync.exceptions.unknown_ref.message': '{ref} fehlt' },
};
const hass = {
  language: 'de',
  callWS: (message: { category: string; language: string }) => {
    asked.push(`${message.language} ${message.category}`);
    return Promise.resolve({ resources: table[message.category] });
  },
} as unknown as Hass;

test('words are read once, those needed first alone', async () => {
  assert.equal(hasWords(), false);
  await Promise.all([loadWords(hass), loadWords(hass)]);
  assert.equal(asked[0], 'de config_panel');
  await new Promise((resolve) => { setTimeout(resolve); });
  assert.deepEqual(asked, ['de config_panel', 'de entity', 'de exceptions', 'de selector']);
});

test('values are filled in, also those that look like a pattern', () => {
  assert.equal(t('card.mark', { title: '{title} $&' }), 'Gesehen: {title} $&');
});

test('a number has its own words', () => {
  assert.equal(tn('card.waiting', 1), '1 wartet');
  assert.equal(tn('card.waiting', 1200), '1.200 warten');
});

test('a reason is the sensor\'s, or at least that it failed', () => {
  assert.equal(reason('forbidden'), 'Verboten');
  assert.equal(reason('of_a_later_version'), 'Nicht zugestellt');
});

test('a complaint is said in the language, or else as it came', () => {
  const error = {
    code: 'home_assistant_error', message: 'gone', translation_domain: 'watched_sync',
    translation_key: 'unknown_ref', translation_placeholders: { ref: 'tmdb://movie/1' },
  };
  assert.equal(complaint(error), 'tmdb://movie/1 fehlt');
  assert.equal(complaint({ ...error, translation_domain: 'http' }), 'gone');
  assert.equal(complaint({ code: 'unknown_command', message: 'Unknown command.' }), 'Nicht da');
});

test('times are as on a clock', () => {
  assert.equal(clock(65), '1:05');
  assert.equal(clock(3 * 3600 + 61), '3:01:01');
  assert.equal(clock(-3), '0:00');
});

test('how long ago is said in the unit that fits', () => {
  const now = Date.parse('2026-11-30T12:00:00Z');
  assert.equal(ago('2026-11-30T11:58:00Z', now), 'vor 2 Minuten');
  assert.equal(ago('2026-11-28T12:00:00Z', now), 'vorgestern');
});

test('a length is said in hours and minutes', () => {
  assert.equal(length(6960), '1 Std. 56 Min.');
  assert.equal(length(3600), '1 Std.');
  assert.equal(length(20), '1 Min.');
});
