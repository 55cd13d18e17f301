// A dashboard that makes itself: what is up next, and films that nobody has seen yet.
import type { Hass } from './hass.js';
import { loadWords, t } from './words.js';

export class WatchedSyncDashboard extends HTMLElement {
  static async generate(_: unknown, hass: Hass): Promise<object> {
    await loadWords(hass);
    const card = (options: object) => ({ type: 'custom:watched-sync-card', ...options });
    const section = (...cards: object[]) => ({ type: 'grid', column_span: 4, cards });
    return {
      title: t('panel.title'),
      views: [{
        title: t('panel.title'),
        path: 'watched',
        icon: 'mdi:eye-check-outline',
        type: 'sections',
        max_columns: 4,
        sections: [
          section(card({ rows: 2, grid_options: { columns: 'full' } })),
          section(card({ what: 'films', grid_options: { columns: 'full' } })),
        ],
      }],
    };
  }
}
