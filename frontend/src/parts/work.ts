// Everything about one film or show: its seasons, who has seen it, which servers agree.
import { LitElement, css, html, nothing, type PropertyValues } from 'lit';
import { property, state } from 'lit/decorators.js';
import { styleMap } from 'lit/directives/style-map.js';
import { define } from '../define.js';
import {
  Api, type LaneState, type LibraryChange, type Person, type Show, type Whose, type Who, type Work, type WorkDetails,
} from '../api.js';
import { isWsError, type Hass } from '../hass.js';
import { ViewController } from '../view.js';
import { meant, whoseOfAll } from '../who.js';
import { WordsController, clock, complaint, day, length, reason, t } from '../words.js';
import './episodes.js';
import { icon } from './icons.js';
import { attempt } from './marks.js';
import { Notice } from './notice.js';
import { face, faceStyle } from './persons.js';
import './picture.js';
import { shared } from './style.js';

@define('ws-work')
export class WorkView extends LitElement {
  @property({ attribute: false }) hass!: Hass;

  @property({ attribute: false }) whose: Whose = {};

  @property({ attribute: false }) who: Who | undefined;

  /** What to show; of an episode its whole show, with the episode looked at. */
  @property() ref = '';

  /** Whether it stands alone, as in a card about one show. */
  @property({ type: Boolean }) bare = false;

  @state() private details: WorkDetails | undefined;

  @state() private show: Show | undefined;

  @state() private chosen = '';

  @state() private position: number | undefined;

  @state() private trouble = '';

  private asked = 0;

  private timer: ReturnType<typeof setTimeout> | undefined;

  private readonly notice = new Notice(this);

  constructor() {
    super();
    new WordsController(this);
    new ViewController(
      this,
      () => ({ hass: this.hass, whose: this.whose }),
      (library) => this.hear(library),
    );
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('ref') || (changed.has('whose') && this.details)) {
      this.details = undefined;
      this.show = undefined;
      this.chosen = '';
      void this.read();
    }
  }

  private hear(library: LibraryChange): void {
    const refs = [this.ref, this.details?.work.ref, this.details?.work.show_ref, this.show?.work.ref];
    const ours = library.reload || refs.some((ref) => ref !== undefined && library.works?.[ref]);
    if (!ours) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.read(), 50);
  }

  private async read(): Promise<void> {
    const mine = ++this.asked;
    const api = new Api(this.hass);
    const { ref } = this;
    try {
      const details = await api.item(this.whose, this.chosen || ref);
      const show = details.work.kind === 'movie' ? undefined : await api.show(this.whose, ref);
      if (mine !== this.asked) return;
      this.trouble = '';
      this.show = show;
      if (!this.chosen && show) {
        const first = details.work.kind === 'episode' ? details.work : show.next;
        this.chosen = first?.ref ?? '';
        this.details = first && first.ref !== details.work.ref
          ? await api.item(this.whose, first.ref) : details;
      } else {
        this.details = details;
      }
    } catch (error) {
      if (!isWsError(error)) throw error;
      if (mine === this.asked) this.trouble = complaint(error);
    }
  }

  private choose(work: Work): void {
    this.chosen = work.ref;
    this.position = undefined;
    void this.read();
  }

  /** What is stored is other than what is shown: it is read before its news come. */
  private readonly settled = (): void => {
    this.position = undefined;
    void this.read();
  };

  private async change(
    said: string,
    action: (api: Api, confirm: { confirm?: true }) => ReturnType<Api['mark']>,
  ): Promise<void> {
    await this.notice.change(this.hass, this.whose, said, action, this.settled);
  }

  private mark(work: Work, watched: boolean, scope: 'item' | 'season' | 'up_to' = 'item'): void {
    void this.change(
      t(watched ? 'notice.marked' : 'notice.unmarked'),
      (api, confirm) => api.mark(this.whose, watched, work.ref, { scope, ...confirm }),
    );
  }

  protected override render() {
    if (this.trouble) return html`<p class="bad">${this.trouble}</p>`;
    const { details, show } = this;
    if (!details) return html`<div class="wait" role="status"><span class="unseen">${t('card.loading')}</span></div>`;
    const main = show?.work ?? details.work;
    const looked = this.look();
    return html`
      ${this.bare ? nothing : html`<div class="head">
        <ws-picture .src=${main.picture} .label=${main.title}></ws-picture>
        <div class="names">
          <h2>${main.title}</h2>
          <span class="quiet">${[main.year,
            main.duration && main.kind === 'movie' ? length(main.duration) : '',
            show && main.episodes ? t('work.of', { count: main.watched_episodes ?? 0, all: main.episodes }) : '',
          ].filter(Boolean).join(' · ')}</span>
          ${this.renderSeen(details)}
        </div>
      </div>`}
      ${show ? html`<ws-episodes .seasons=${show.seasons} .chosen=${this.chosen}
        @ws-episode=${(event: CustomEvent<Work>) => this.choose(event.detail)}
        @ws-season=${(event: CustomEvent<{ ref: string; watched: boolean }>) => void this.change(
          t(event.detail.watched ? 'notice.marked' : 'notice.unmarked'),
          (api, confirm) => api.mark(this.whose, event.detail.watched, event.detail.ref, { scope: 'season', ...confirm }),
        )}></ws-episodes>` : nothing}
      ${looked ? this.renderLooked(looked, show !== undefined) : nothing}
      ${this.notice.render()}`;
  }

  /** The film, or the episode that is looked at, as fresh as it is known. */
  private look(): Work | undefined {
    const { details, show } = this;
    if (!show) return details?.work;
    const all = show.seasons.flatMap(({ episodes }) => episodes);
    return all.find(({ ref }) => ref === this.chosen);
  }

  private renderSeen(details: WorkDetails) {
    const seen = (this.who?.persons ?? []).filter(({ key }) => (
      details.household.some((row) => row.key === key && row.watched === true)
    ));
    if (seen.length === 0) return nothing;
    return html`<div class="seen"><span class="quiet">${t('work.seen_by')}</span>
      ${seen.map((person) => html`${face(person)}<span>${person.name}</span>`)}</div>`;
  }

  private renderLooked(work: Work, isEpisode: boolean) {
    const watched = work.watched === true;
    return html`<section class="looked" aria-live="polite">
      ${isEpisode ? html`<h3>${[work.number, work.title].filter(Boolean).join(' · ')}</h3>
        <span class="quiet">${[work.aired ? day(work.aired) : '', work.duration ? length(work.duration) : '']
          .filter(Boolean).join(' · ')}</span>` : nothing}
      ${work.unaired ? html`<p class="quiet">${t('state.unaired')}</p>` : html`
        <div class="actions">
          <button class="pill ${watched ? '' : 'main'}" @click=${() => this.mark(work, !watched)}>
            ${icon(watched ? 'undo' : 'check')}${t(watched ? 'work.unmark' : 'work.mark')}</button>
          ${isEpisode ? html`<button class="pill" @click=${() => this.mark(work, true, 'up_to')}>
            ${icon('upTo')}${t('work.up_to')}</button>` : nothing}
        </div>
        ${this.renderTogether(work)}
        ${this.renderPosition(work)}`}
      ${this.renderLanes(work)}
    </section>`;
  }

  /** Whoever else was in the room, to have seen it as well in one tap. */
  private renderTogether(work: Work) {
    const { details, who } = this;
    if (!details || !who) return nothing;
    const us = meant(who, this.whose);
    const others = who.persons.filter(({ key }) => !us.includes(key) && !(
      work.watched === true
      && details.household.some((row) => row.key === key && row.watched === true)
    ));
    if (us.length === 0 || others.length === 0) return nothing;
    const button = (persons: readonly Person[], name: string) => html`<button class="pill with"
      aria-label=${t('work.together_with', { name })} @click=${() => void this.together(work, us, persons)}>
      ${persons.length === 1 ? persons.map(face) : nothing}<span>${name}</span></button>`;
    return html`<div class="together" role="group" aria-label=${t('work.together')}>
      <span class="quiet">${t('work.together')}</span>
      ${others.map((person) => button([person], person.name))}
      ${others.length > 1 ? button(others, t('work.everyone')) : nothing}
    </div>`;
  }

  private async together(work: Work, us: readonly string[], others: readonly Person[]): Promise<void> {
    if (!this.who) return;
    const whose = whoseOfAll(this.who, [...us, ...others.map(({ key }) => key)]);
    const said = t('work.together_with', {
      name: new Intl.ListFormat(this.hass.language).format(others.map(({ name }) => name)),
    });
    const mark = (api: Api, confirm: { confirm?: true }) => api.mark(whose, true, work.ref, confirm);
    await this.notice.change(this.hass, whose, said, mark, this.settled);
  }

  private renderPosition(work: Work) {
    if (!work.duration || work.watched === true) return nothing;
    const shown = this.position ?? work.position;
    const moved = this.position !== undefined && this.position !== work.position;
    return html`<div class="position">
      <label for="position">${t('work.position')}</label>
      <input id="position" type="range" min="0" max=${Math.floor(work.duration)} step="10" .value=${String(Math.round(shown))}
        aria-valuetext=${clock(shown)}
        style=${styleMap({ '--ws-at': `${((100 * shown) / work.duration).toFixed(1)}%` })}
        @input=${(event: Event) => { this.position = Number((event.target as HTMLInputElement).value); }}>
      <span class="time">${clock(shown)}</span>
      <button class="pill" ?disabled=${!moved} @click=${() => void this.change(
        t('notice.position', { time: clock(shown) }),
        (api) => api.setPosition(this.whose, work.ref, shown),
      )}>${t('work.set')}</button>
    </div>`;
  }

  private renderLanes(work: Work) {
    const names = new Map(this.who?.lanes.map((lane) => [lane.config_entry_id, lane.lane]));
    return html`<div class="lanes">
      ${work.lanes.length > 1 ? html`<p class="agree ${work.agrees ? 'quiet' : ''}">
        ${icon(work.agrees ? 'check' : 'differ')}${t(work.agrees ? 'work.agree' : 'work.differ')}</p>` : nothing}
      <ul>${work.lanes.map((lane) => html`<li>
        <span class="line">${names.get(lane.config_entry_id) ?? ''}</span>
        ${this.renderLane(lane)}
      </li>`)}</ul>
    </div>`;
  }

  private renderLane(lane: LaneState) {
    const failed = lane.sync_state === 'failed';
    const waits = lane.sync_state === 'pending' || lane.sync_state === 'syncing';
    return html`
      <span class="said ${lane.watched ? 'yes' : 'quiet'}">${lane.watched ? icon('check') : nothing}${lane.watched ? t('state.watched')
        : lane.watched === null ? t('state.unknown')
          : lane.position > 0 ? t('work.at', { time: clock(lane.position) }) : t('state.unwatched')}</span>
      <span class="sync ${failed ? 'bad' : 'quiet'}" title=${waits ? t('state.pending') : ''}>
        ${failed ? html`${icon('alert')}<span>${reason(lane.last_error ?? '')}</span>
          <button class="pill" @click=${() => void attempt(this, () => (
            new Api(this.hass).retry({ config_entry_id: lane.config_entry_id })
          ), this.notice.say)}>${icon('retry')}${t('waiting.retry')}</button>`
          : waits ? html`${icon('cloud')}<span>${t('state.pending')}</span>` : nothing}</span>`;
  }

  static override styles = [shared, faceStyle, Notice.styles, css`
    :host { display: block; }
    .wait { min-height: 240px; }
    .head { display: flex; gap: 18px; margin-block-end: 16px; padding-inline-end: 36px; align-items: center; }
    .head ws-picture { width: 104px; flex: none; }
    .names { display: grid; gap: 6px; min-width: 0; font-size: 14px; }
    h2 { margin: 0; font-size: 24px; line-height: 30px; font-weight: 600; letter-spacing: -.01em; overflow-wrap: anywhere; }
    .seen { display: flex; align-items: center; gap: 8px; flex-wrap: wrap; font-size: 13px; }
    .seen .face { width: 24px; height: 24px; font-size: 10px; }
    .looked { margin-block-start: 20px; padding-block-start: 18px; border-block-start: 1px solid var(--ws-line); font-size: 14px; }
    h3 { margin: 0 0 2px; font-size: 17px; line-height: 24px; font-weight: 600; }
    .actions { display: flex; gap: 8px; flex-wrap: wrap; margin-block: 14px 6px; }
    .looked > .actions:first-child { margin-block-start: 2px; }
    .together { display: flex; align-items: center; gap: 8px; flex-wrap: wrap; margin-block: 8px 2px; font-size: 13px; }
    .with { padding-inline: 6px 14px; min-height: 36px; }
    .with .face { width: 26px; height: 26px; font-size: 10px; }
    .with span:only-child { padding-inline-start: 8px; }
    .position { display: flex; align-items: center; gap: 12px; min-height: 52px; flex-wrap: wrap; }
    .position input {
      flex: 1; min-width: 120px; height: 44px; margin: 0; appearance: none; background: none; cursor: pointer;
      --ws-track: linear-gradient(var(--ws-accent) 0 0) 0 / var(--ws-at) 100% no-repeat,
        color-mix(in srgb, var(--ws-text) 22%, var(--ws-card));
    }
    .position input:dir(rtl) {
      --ws-track: linear-gradient(var(--ws-accent) 0 0) 100% / var(--ws-at) 100% no-repeat,
        color-mix(in srgb, var(--ws-text) 22%, var(--ws-card));
    }
    input::-webkit-slider-runnable-track { height: 6px; border-radius: 3px; background: var(--ws-track); }
    input::-moz-range-track { height: 6px; border-radius: 3px; background: var(--ws-track); }
    input::-webkit-slider-thumb {
      appearance: none; width: 20px; height: 20px; margin-block-start: -7px; border-radius: 50%;
      background: var(--ws-accent); border: 3px solid var(--ws-card); box-shadow: 0 0 0 1px var(--ws-accent);
    }
    input::-moz-range-thumb {
      width: 14px; height: 14px; border-radius: 50%; background: var(--ws-accent);
      border: 3px solid var(--ws-card); box-shadow: 0 0 0 1px var(--ws-accent);
    }
    .time { font-variant-numeric: tabular-nums; min-width: 52px; text-align: end; }
    .agree { display: flex; gap: 8px; align-items: center; margin: 12px 0 4px; }
    .lanes ul { list-style: none; margin: 0; padding: 0; }
    .lanes li { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 2px 12px; padding: 8px 0; }
    .said { display: flex; gap: 6px; align-items: center; }
    .said .icon { color: #1b7a3d; }
    .sync { grid-column: 1 / -1; display: flex; gap: 8px; align-items: center; flex-wrap: wrap; font-size: 13px; }
    .sync:empty { display: none; }
  `];
}
