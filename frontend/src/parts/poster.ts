// One work: its picture, how far it was watched, a tick, and what is amiss.
import { LitElement, css, html, nothing } from 'lit';
import { property } from 'lit/decorators.js';
import { styleMap } from 'lit/directives/style-map.js';
import { define } from '../define.js';
import type { Person, SyncState, Work } from '../api.js';
import { tell } from '../hass.js';
import { areOthers } from '../who.js';
import { WordsController, day, length, reason, t } from '../words.js';
import { icon } from './icons.js';
import { face, faceStyle } from './persons.js';
import './picture.js';
import { shared } from './style.js';

/** The two lines below a picture. */
export function lines(work: Work): { title: string; below: string } {
  if (work.kind === 'episode') {
    return {
      title: work.show ?? work.title,
      below: [work.number, work.title].filter(Boolean).join(' · '),
    };
  }
  const counted = work.kind === 'show' && work.episodes && typeof work.watched_episodes === 'number'
    ? t('work.of', { count: work.watched_episodes, all: work.episodes }) : '';
  return { title: work.title, below: [work.year ?? '', counted].filter(Boolean).join(' · ') };
}

/** How much of a work was watched, from 0 to 1. */
export function share(work: Work): number {
  if (work.kind === 'show') return work.episodes ? (work.watched_episodes ?? 0) / work.episodes : 0;
  return work.duration ? Math.min(1, work.position / work.duration) : 0;
}

@define('ws-poster')
export class Poster extends LitElement {
  @property({ attribute: false }) work!: Work;

  /** Whether it was ticked just now. */
  @property({ type: Boolean }) ticked = false;

  /** Whether the tick can be taken back, as it is stored. */
  @property({ type: Boolean }) undoable = false;

  @property({ attribute: false }) sync: SyncState = 'synced';

  @property({ attribute: false }) error: string | null = null;

  /** Who has seen it, of those it is not about: the same ones are no reason to draw it again. */
  @property({ attribute: false, hasChanged: areOthers }) seen: readonly Person[] = [];

  @property({ reflect: true }) look: 'posters' | 'list' = 'posters';

  /** Whether the tab key stops at it; among many it does at one, and arrows do the rest. */
  @property({ attribute: false }) reachable = true;

  constructor() {
    super();
    new WordsController(this);
  }

  override focus(options?: FocusOptions): void {
    this.renderRoot.querySelector<HTMLElement>('.open')?.focus(options);
  }

  /** Among many the tick is no stop of its own: Enter opens a poster, and the space bar ticks it. */
  private press(event: KeyboardEvent): void {
    if (event.key !== ' ') return;
    event.preventDefault(); // both going down and coming up: else it is a click as well
    if (event.type !== 'keydown' || event.repeat || this.work.unaired) return;
    if (!this.ticked) this.send('ws-tick');
    else if (this.undoable) this.send('ws-untick');
  }

  private send(type: string): void {
    tell(this, type, this.work);
  }

  protected override render() {
    const { work } = this;
    const { title, below } = lines(work);
    const part = share(work);
    const failed = this.sync === 'failed';
    const left = work.duration && part > 0 && part < 1 && !this.ticked && work.kind !== 'show'
      ? t('work.left', { time: length(work.duration - work.position) }) : '';
    const why = failed && this.error ? reason(this.error) : '';
    // For those who do not see it; what can be read is not said twice.
    const more = [work.watched || this.ticked ? t('state.watched') : '',
      work.unaired && work.aired ? t('work.airs', { day: day(work.aired) }) : '',
      this.seen.length ? `${t('work.seen_by')} ${this.seen.map(({ name }) => name).join(', ')}` : '',
      failed ? t('state.failed') : '',
      this.sync === 'pending' || this.sync === 'syncing' ? t('state.pending') : '',
    ].filter(Boolean).join(', ');
    return html`
      <div class="whole ${work.unaired ? 'unaired' : ''} ${this.ticked ? 'ticked' : ''}">
        <button class="open" aria-haspopup="dialog" tabindex=${this.reachable ? 0 : -1}
          aria-keyshortcuts=${work.unaired ? nothing : 'Space'} @keydown=${this.press} @keyup=${this.press}
          @click=${() => this.send('ws-open')}>
          <span class="frame">
            <ws-picture src=${work.picture ?? nothing} .label=${title}></ws-picture>
            ${part > 0 && part < 1 && !this.ticked ? html`<span class="bar"><span
              style=${styleMap({ inlineSize: `${(part * 100).toFixed(1)}%` })}></span></span>` : nothing}
            ${this.seen.length && !this.ticked ? html`<span class="seen ${part > 0 && part < 1 ? 'above' : ''}">
              ${this.seen.slice(0, 4).map(face)}</span>` : nothing}
          </span>
          <span class="text">
            <span class="line title">${title}</span>
            <span class="below quiet ${why || left ? 'line' : ''}">${below}</span>
            ${why ? html`<span class="why bad" title=${why}>${why}</span>`
              : left ? html`<span class="line quiet left">${left}</span>` : nothing}
          </span>
          ${more ? html`<span class="unseen">, ${more}</span>` : nothing}
        </button>
        ${this.renderState(failed, why)}
        ${this.renderAction()}
      </div>`;
  }

  private renderState(failed: boolean, why: string) {
    if (failed) return html`<span class="state failed" title=${why}>${icon('alert')}</span>`;
    if (this.sync === 'synced') return nothing;
    return html`<span class="state waits" title=${t('state.pending')}>${icon('cloud')}</span>`;
  }

  private renderAction() {
    const { work } = this;
    if (this.ticked) {
      return html`<span class="tick on" aria-hidden="true"><span>${icon('check')}</span></span>${this.undoable ? html`
        <button class="undo" aria-label=${`${t('card.undo')}: ${work.full_title}`}
          @click=${() => this.send('ws-untick')}>${icon('undo')}<span>${t('card.undo')}</span></button>`
        : nothing}`;
    }
    if (work.unaired) {
      return work.aired ? html`<span class="when" aria-hidden="true">${day(work.aired)}</span>` : nothing;
    }
    const watched = work.watched === true;
    return html`<button class="tick ${watched ? 'on' : ''}" tabindex="-1" aria-pressed=${watched ? 'true' : 'false'}
      aria-label=${t(watched ? 'card.unmark' : 'card.mark', { title: work.full_title })}
      title=${t(watched ? 'state.watched' : 'card.tick')}
      @click=${() => this.send('ws-tick')}><span>${icon('check')}</span></button>`;
  }

  static override styles = [shared, faceStyle, css`
    :host { display: block; min-width: 0; }
    .whole { position: relative; }
    .open { display: block; width: 100%; border-radius: var(--ws-round); }
    .frame {
      display: block; position: relative; border-radius: var(--ws-round); overflow: hidden;
      box-shadow: 0 1px 3px rgb(0 0 0 / 18%); transition: transform .18s, box-shadow .18s;
    }
    :host([look='posters']) .open:hover .frame { transform: translateY(-2px); box-shadow: 0 6px 16px rgb(0 0 0 / 28%); }
    .text { display: grid; gap: 1px; padding: 8px 2px 0; font-size: 12px; line-height: 16px; }
    .title { font-size: 14px; line-height: 19px; font-weight: 500; }
    @media (max-width: 600px) {
      :host([look='posters']) .title {
        display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; white-space: normal;
      }
    }
    .bar {
      position: absolute; inset-inline: 8px; bottom: 8px; height: 5px; border-radius: 3px;
      background: rgb(0 0 0 / 55%); overflow: hidden;
    }
    .bar span { display: block; height: 100%; border-radius: 3px; background: var(--ws-accent); }
    .tick { position: absolute; inset-block-start: 0; inset-inline-end: 0; width: 48px; height: 48px; display: grid; place-items: center; }
    .tick span {
      display: grid; place-items: center; width: 32px; height: 32px; border-radius: 50%;
      background: rgb(20 20 20 / 62%); color: #fff; border: 1.5px solid rgb(255 255 255 / 75%);
      font-size: 15px; transition: background-color .15s, transform .15s;
    }
    .tick:hover span { background: #1b7a3d; border-color: #fff; transform: scale(1.08); }
    .tick.on span { background: #1b7a3d; border-color: #fff; }
    .tick:focus-visible { outline: none; }
    .tick:focus-visible span { outline: 3px solid var(--ws-accent); outline-offset: 1px; }
    .state {
      position: absolute; inset-block-start: 8px; inset-inline-start: 8px; display: grid; place-items: center;
      width: 30px; height: 30px; border-radius: 50%; background: rgb(20 20 20 / 62%); color: #fff; font-size: 14px;
    }
    .state.failed { background: #b3261e; }
    .why, .below:not(.line) { display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; overflow: hidden; }
    .seen { position: absolute; inset-block-end: 8px; inset-inline-start: 8px; display: flex; }
    .seen.above { inset-block-end: 20px; }
    .seen .face { width: 24px; height: 24px; font-size: 9px; box-shadow: 0 0 0 1.5px rgb(20 20 20 / 60%); }
    .seen .face + .face { margin-inline-start: -6px; }
    .unaired ws-picture { filter: grayscale(.7); opacity: .5; }
    .when {
      position: absolute; inset-block-start: 8px; inset-inline-end: 8px; max-width: calc(100% - 16px);
      padding: 3px 9px; border-radius: 12px; background: rgb(20 20 20 / 75%); color: #fff; font-size: 12px;
    }
    .ticked ws-picture { filter: grayscale(1) brightness(.55); }
    .undo {
      position: absolute; inset-inline: 8px; inset-block-start: 0; margin-block-start: calc(75% - 22px);
      display: flex; align-items: center; justify-content: center; gap: 8px; height: 44px; border-radius: 22px;
      background: #fff; color: #141414; font-size: 14px; font-weight: 500; overflow: hidden;
    }
    .undo > * { position: relative; }
    .undo::before {
      content: ''; position: absolute; inset: 0; background: color-mix(in srgb, var(--ws-accent) 30%, #fff);
      transform-origin: left; animation: run 10s linear forwards;
    }
    :host(:dir(rtl)) .undo::before { transform-origin: right; }
    .undo:hover { box-shadow: 0 0 0 2px rgb(255 255 255 / 55%); }
    @keyframes run { to { transform: scaleX(0); } }

    :host([look='list']) .open { display: grid; grid-template-columns: 52px 1fr; gap: 14px; align-items: center; padding-inline-end: 56px; }
    :host([look='list']) .text { padding: 0; }
    :host([look='list']) .bar { inset-inline: 4px; bottom: 4px; height: 4px; }
    :host([look='list']) ws-picture { --ws-round: 8px; }
    :host([look='list']) .frame { border-radius: 8px; }
    :host([look='list']) .tick { inset-block-start: calc(50% - 24px); }
    :host([look='list']) .tick span { background: none; color: var(--ws-quiet); border-color: var(--ws-line); }
    :host([look='list']) .tick:hover span, :host([look='list']) .tick.on span { color: #fff; background: #1b7a3d; border-color: transparent; }
    :host([look='list']) .state { inset-block-start: calc(50% - 15px); inset-inline: auto 52px; background: none; color: var(--ws-quiet); }
    :host([look='list']) .state.failed { color: var(--ws-error); }
    :host([look='list']) .when { inset-block-start: calc(50% - 13px); background: var(--ws-faint); color: var(--ws-text); }
    :host([look='list']) .undo::before { background: color-mix(in srgb, var(--ws-accent) 28%, var(--ws-card)); }
    :host([look='list']) .seen { display: none; }
    :host([look='list']) .ticked .tick { display: none; }
    :host([look='list']) .undo {
      inset-inline: auto 0; inset-block-start: calc(50% - 22px); margin: 0; padding: 0 16px;
      background: var(--ws-tint); color: var(--ws-text);
    }
    :host([look='list']) .ticked .state { inset-inline-end: 120px; }
  `];
}
