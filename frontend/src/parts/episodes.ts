// The seasons of a show as rows of small squares: what was watched is seen at a glance.
import { LitElement, css, html, nothing } from 'lit';
import { property } from 'lit/decorators.js';
import { styleMap } from 'lit/directives/style-map.js';
import { define } from '../define.js';
import type { Season, Work } from '../api.js';
import { tell } from '../hass.js';
import { WordsController, day, t } from '../words.js';
import { icon } from './icons.js';
import { share } from './poster.js';
import { shared } from './style.js';

function about(work: Work): string {
  const state = work.sync_state === 'failed' ? 'state.failed'
    : work.watched ? 'state.watched'
      : work.position > 0 ? 'state.in_progress' : 'state.unwatched';
  return [work.number, work.title,
    work.unaired ? (work.aired ? t('work.airs', { day: day(work.aired) }) : t('state.unaired')) : t(state),
    work.sync_state === 'pending' || work.sync_state === 'syncing' ? t('state.pending') : '',
  ].filter(Boolean).join(', ');
}

const shortNumber = (work: Work): string => (work.episode == null ? '·'
  : work.episode_end ? `${work.episode}–${work.episode_end}` : String(work.episode));

@define('ws-episodes')
export class Episodes extends LitElement {
  @property({ attribute: false }) seasons: readonly Season[] = [];

  /** The ref of the episode that is looked at. */
  @property() chosen = '';

  constructor() {
    super();
    new WordsController(this);
  }

  /** Arrows go from square to square; up and down to the same place in another season. */
  private move(event: KeyboardEvent): void {
    const rtl = this.matches(':dir(rtl)');
    const steps: Record<string, [number, number]> = {
      ArrowRight: [0, rtl ? -1 : 1], ArrowLeft: [0, rtl ? 1 : -1], ArrowDown: [1, 0], ArrowUp: [-1, 0],
      Home: [0, -1e4], End: [0, 1e4],
    };
    const step = steps[event.key];
    const from = (event.target as HTMLElement).closest<HTMLElement>('[data-ref]');
    if (!step || !from) return;
    event.preventDefault();
    const rows = [...this.renderRoot.querySelectorAll('.squares')]
      .map((row) => [...row.querySelectorAll<HTMLElement>('[data-ref]')]);
    const row = rows.findIndex((one) => one.includes(from));
    const next = rows[Math.max(0, Math.min(rows.length - 1, row + step[0]))];
    const at = (rows[row]?.indexOf(from) ?? 0) + step[1];
    next?.[Math.max(0, Math.min(next.length - 1, at))]?.focus();
  }

  protected override render() {
    const refs = this.seasons.flatMap(({ episodes }) => episodes.map(({ ref }) => ref));
    // One stop for the tab key; the arrows do the rest.
    const stop = refs.includes(this.chosen) ? this.chosen : refs[0];
    return this.seasons.map((season) => {
      const first = season.episodes[0];
      const name = season.season === null ? t('work.no_season')
        : season.special ? t('work.specials') : t('work.season', { number: season.season });
      const all = season.aired_episodes > 0 && season.watched_episodes >= season.aired_episodes;
      return html`<section aria-label=${name}>
        <header>
          <h3>${name}</h3>
          <span class="quiet">${t('work.of', { count: season.watched_episodes, all: season.aired_episodes })}</span>
          ${first && season.season !== null && season.aired_episodes ? html`<button
            class="season ${all ? 'on' : ''}" aria-pressed=${all ? 'true' : 'false'}
            aria-label=${t(all ? 'card.unmark' : 'card.mark', { title: name })}
            @click=${() => tell(this, 'ws-season', { ref: first.ref, watched: !all })}><span>${icon('check')}</span></button>` : nothing}
        </header>
        <div class="squares" role="group" aria-label=${name} @keydown=${this.move}>
          ${season.episodes.map((work) => html`<button data-ref=${work.ref}
            class="square ${work.watched ? 'watched' : work.unaired ? 'unaired' : ''} ${work.sync_state}"
            tabindex=${work.ref === stop ? 0 : -1} aria-pressed=${work.ref === this.chosen ? 'true' : 'false'}
            title=${[work.number, work.title].filter(Boolean).join(' · ')}
            @click=${() => tell(this, 'ws-episode', work)}>
            ${!work.watched && share(work) > 0 ? html`<span class="part"
              style=${styleMap({ inlineSize: `${Math.round(share(work) * 100)}%` })}></span>` : nothing}
            <span class="number">${shortNumber(work)}</span><span class="unseen">: ${about(work)}</span>
            ${work.sync_state === 'failed' ? html`<span class="dot"></span>`
              : work.sync_state === 'synced' ? nothing : html`<span class="dot waits"></span>`}
          </button>`)}
        </div>
      </section>`;
    });
  }

  static override styles = [shared, css`
    :host { display: block; }
    section + section { margin-block-start: 14px; }
    header { display: flex; align-items: center; gap: 10px; min-height: 44px; font-size: 13px; }
    h3 { margin: 0; font-size: 15px; font-weight: 600; }
    .season { margin-inline-start: auto; width: 44px; height: 44px; display: grid; place-items: center; border-radius: 50%; }
    .season span { display: grid; place-items: center; width: 28px; height: 28px; border-radius: 50%; border: 1.5px solid var(--ws-quiet); color: var(--ws-quiet); font-size: 13px; }
    .season:hover span { background: var(--ws-faint); }
    .season.on span { background: #1b7a3d; border-color: #1b7a3d; color: #fff; }
    .squares { display: grid; grid-template-columns: repeat(auto-fill, minmax(44px, 1fr)); gap: 6px; }
    .square {
      position: relative; min-width: 0; height: 44px; border-radius: 10px; overflow: hidden;
      background: var(--ws-faint); font-size: 14px; font-weight: 500; text-align: center;
    }
    .square:hover { background: color-mix(in srgb, var(--ws-text) 15%, var(--ws-card)); }
    .square .number { position: relative; }
    .watched { background: color-mix(in srgb, var(--ws-done) 34%, var(--ws-card)); }
    .watched:hover { background: color-mix(in srgb, var(--ws-done) 46%, var(--ws-card)); }
    .unaired { background: none; border: 1.5px dashed var(--ws-line); color: var(--ws-quiet); }
    .part { position: absolute; inset-block: 0; inset-inline-start: 0; background: color-mix(in srgb, var(--ws-accent) 38%, var(--ws-card)); }
    .square[aria-pressed='true'] { box-shadow: inset 0 0 0 2.5px var(--ws-text); }
    .dot { position: absolute; inset-block-start: 5px; inset-inline-end: 5px; width: 8px; height: 8px; border-radius: 50%; background: var(--ws-error); }
    .dot.waits { background: var(--ws-quiet); }
    .square:focus-visible { outline-offset: 1px; }
  `];
}
