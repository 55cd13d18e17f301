// Loaded with every page of Home Assistant: the card, and what its dialogs offer.
import './card/card.js';
import { define } from './define.js';
import { WatchedSyncDashboard } from './strategy.js';

/** The words of the dialogs in each language, which the build takes from the translations. */
declare const PICKER_WORDS: Record<string, Record<'card' | 'dashboard', string>>;

interface Offers {
  customCards?: object[];
  customStrategies?: object[];
}

const NAME = 'Watched Sync';
const HELP = 'https://github.com/watched-sync/watched-sync#readme';

/** The words in the language of the page, which is known when a dialog opens. */
function word(key: 'card' | 'dashboard'): string {
  const language = document.documentElement.lang.split('-')[0] ?? '';
  return (PICKER_WORDS[language] ?? PICKER_WORDS['en'])?.[key] ?? '';
}

define('ll-strategy-dashboard-watched-sync')(WatchedSyncDashboard);

const offers = window as Offers;
(offers.customCards ??= []).push({
  type: 'watched-sync-card',
  name: NAME,
  get description() { return word('card'); },
  preview: true,
  documentationURL: HELP,
  // Whoever begins with an entity of ours is offered the card as well.
  getEntitySuggestion: (hass: { entities?: Record<string, { platform?: string }> }, entity: string) => (
    hass.entities?.[entity]?.platform === 'watched_sync'
      ? { config: { type: 'custom:watched-sync-card' } } : null
  ),
});
(offers.customStrategies ??= []).push({
  type: 'watched-sync',
  strategyType: 'dashboard',
  name: NAME,
  get description() { return word('dashboard'); },
  documentationURL: HELP,
});
