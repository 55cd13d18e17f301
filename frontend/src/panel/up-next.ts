// What to continue and to watch next, as posters.
import { LitElement, css, html, nothing } from 'lit';
import { property } from 'lit/decorators.js';
import { define } from '../define.js';
import { icon } from '../parts/icons.js';
import '../parts/shelf.js';
import { shared } from '../parts/style.js';
import { WordsController, t } from '../words.js';
import type { PageContext } from './pages.js';

@define('ws-page-up-next')
export class UpNextPage extends LitElement {
  @property({ attribute: false }) context!: PageContext;

  constructor() {
    super();
    new WordsController(this);
  }

  protected override render() {
    const { hass, person, view, who, whose } = this.context;
    if (!view) return nothing;
    const { order, rows } = view.up_next;
    const reading = Object.values(view.health.rows)
      .find((lane) => lane.loaded && lane.inventory !== 'complete');
    return html`
      <ws-shelf .hass=${hass} .whose=${whose} .works=${order.flatMap((ref) => rows[ref] ?? [])}
        .others=${who.persons.filter(({ key }) => key !== person)}
        .waiting=${Object.values(view.waiting.rows)} .label=${t('card.title_up_next')}></ws-shelf>
      ${order.length ? nothing : html`<p class="quiet">${icon(reading ? 'cloud' : 'check')}
        <span>${reading ? t('card.reading', { lane: reading.lane }) : t('card.nothing_up_next')}</span></p>`}`;
  }

  static override styles = [shared, css`
    :host { display: block; --ws-poster: 140px; }
    p { display: grid; justify-items: center; gap: 12px; padding: 15vh 16px; font-size: 16px; text-align: center; }
    p .icon { width: 40px; height: 40px; }
    @media (max-width: 600px) { :host { --ws-poster: 100px; } }
  `];
}
