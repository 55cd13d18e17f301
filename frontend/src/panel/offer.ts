// What is offered to be brought level, with the plan one tap away.
import { css, html } from 'lit';
import type { View } from '../api.js';
import { icon } from '../parts/icons.js';
import { t } from '../words.js';
import { pageAddress } from './address.js';

export function renderOffers(view: View, language: string) {
  return view.offers.order.map((key) => {
    const lanes = new Intl.ListFormat(language).format(view.offers.rows[key]?.lanes ?? []);
    return html`<p class="offer">${icon('differ')}<span>${t('level.offer', { lanes })}</span>
      <a class="pill main" href=${pageAddress('level', { offer: key })}>${t('level.compare')}</a></p>`;
  });
}

export const offerStyle = css`
  .offer {
    display: flex; flex-wrap: wrap; align-items: center; gap: 8px 12px; margin: 0 0 18px; padding-block: 10px;
    padding-inline: 18px 12px; background: var(--ws-card); border: 1px solid var(--ws-line); border-radius: 16px; font-size: 15px;
  }
  .offer span { flex: 1 1 240px; }
`;
