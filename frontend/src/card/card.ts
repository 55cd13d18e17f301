// The card: posters of what is up next (or films, or one show), to tick in one tap.
import { LitElement, css, html, nothing, type PropertyValues } from 'lit';
import { property, state } from 'lit/decorators.js';
import { define } from '../define.js';
import { Api, type LibraryChange, type Who, type Whose, type Work } from '../api.js';
import { isWsError, type Hass } from '../hass.js';
import { icon } from '../parts/icons.js';
import '../parts/persons.js';
import '../parts/shelf.js';
import '../parts/sheet.js';
import { shared } from '../parts/style.js';
import { ViewController } from '../view.js';
import { askWho, askWhoInWords, firstPerson, isOutdated, whoseOf } from '../who.js';
import { WordsController, complaint, hasWords, status, t, tn } from '../words.js';
import { checked, type CardConfig } from './config.js';

/** Films read at once; who wants to see all of them opens the library. */
const FILMS = 60;

@define('watched-sync-card')
export class WatchedSyncCard extends LitElement {
  @property({ attribute: false }) hass: Hass | undefined;

  @state() private config: CardConfig | undefined;

  @state() private who: Who | undefined;

  @state() private person = '';

  @state() private films: Work[] | undefined;

  @state() private opened = '';

  @state() private showsWaiting = false;

  @state() private trouble = '';

  private language = '';

  /** Whose films are there, so that they are read once for each. */
  private filmsOf = '';

  private timer: ReturnType<typeof setTimeout> | undefined;

  private readonly follow = new ViewController(
    this,
    () => (this.hass && this.who ? { hass: this.hass, whose: this.whose } : undefined),
    (library) => this.hear(library),
  );

  constructor() {
    super();
    new WordsController(this);
  }

  static async getConfigElement(): Promise<HTMLElement> {
    await import('./editor.js');
    return document.createElement('watched-sync-card-editor');
  }

  static getStubConfig(): Partial<CardConfig> {
    return {};
  }

  setConfig(config: CardConfig): void {
    const before = this.config;
    this.config = checked(config);
    if (before && (before.what !== config.what)) this.filmsOf = '';
    if (this.who) this.person = firstPerson(this.who, config.person);
  }

  getCardSize(): number {
    return this.what === 'show' ? 6 : 2 + 4 * this.rows;
  }

  getGridOptions(): object {
    return { columns: 12, min_columns: 6 };
  }

  private get what(): NonNullable<CardConfig['what']> {
    return this.config?.what ?? 'up_next';
  }

  private get rows(): number {
    return this.config?.rows ?? 1;
  }

  private get whose(): Whose {
    return this.who ? whoseOf(this.who, this.person) : {};
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
    // Asked anew when it is shown again: persons and servers may have come meanwhile.
    this.language = '';
    this.opened = '';
    this.showsWaiting = false;
  }

  protected override willUpdate(changed: PropertyValues): void {
    const { hass } = this;
    if (!hass) return;
    if (this.language !== hass.language) {
      this.language = hass.language;
      void this.begin(hass);
    }
    if (changed.has('person') && changed.get('person')) this.opened = '';
    if (this.who && this.what === 'films') {
      const key = JSON.stringify(this.whose);
      if (this.filmsOf !== key) {
        this.filmsOf = key;
        this.films = undefined;
        void this.readFilms();
      }
    }
  }

  private async begin(hass: Hass): Promise<void> {
    try {
      this.who = await askWhoInWords(hass);
      this.person = firstPerson(this.who, this.config?.person ?? (this.person || undefined));
      this.trouble = '';
    } catch (error) {
      if (!isWsError(error)) throw error;
      this.trouble = complaint(error);
      this.timer = setTimeout(() => void this.begin(hass), 5000);
    }
  }

  private async readFilms(): Promise<void> {
    if (!this.hass) return;
    const key = this.filmsOf;
    try {
      const page = await new Api(this.hass).library(this.whose, {
        kinds: ['movie'], state: 'unwatched', limit: FILMS,
      });
      if (key === this.filmsOf) this.films = page.works;
    } catch (error) {
      if (!isWsError(error)) throw error;
      this.trouble = complaint(error);
    }
  }

  private hear({ works, reload }: LibraryChange): void {
    // The first of it is no news; later it is another Home Assistant, or other lanes.
    if (reload && this.follow.view && this.hass) {
      void askWho(this.hass).then((who) => { this.who = who; }, () => undefined);
    }
    if (this.what !== 'films' || !this.films) return;
    const known = new Set(this.films.map(({ ref }) => ref));
    const isNew = Object.values(works ?? {}).some((work) => (
      work.kind === 'movie' && work.watched === false && !known.has(work.ref)
    ));
    this.films = this.films.map((work) => works?.[work.ref] ?? work)
      .filter(({ watched }) => watched !== true);
    if (reload || isNew) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.readFilms(), 500);
    }
  }

  protected override render() {
    if (!this.config) return nothing;
    return html`<ha-card @ws-open=${(event: CustomEvent<Work>) => void this.open(event.detail.ref)}>
      ${this.trouble ? html`<p class="empty">${icon('alert')}<span>${this.trouble}</span></p>`
        : hasWords() && this.who ? this.renderAll() : this.renderSkeleton()}
    </ha-card>
    ${this.renderSheets()}`;
  }

  private async open(ref: string): Promise<void> {
    await import('../parts/work.js');
    this.opened = ref;
  }

  private async openWaiting(): Promise<void> {
    await import('../parts/waiting.js');
    this.showsWaiting = true;
  }

  private renderAll() {
    return html`${this.renderOutdated()}<div class="head">
        ${this.config?.title !== undefined || this.what !== 'show'
          ? html`<h2>${this.config?.title ?? t(`card.title_${this.what}`)}</h2>` : nothing}
        ${this.renderWaiting()}
        ${this.config?.person ? nothing : html`<ws-persons .persons=${this.who?.persons ?? []} .chosen=${this.person}
          @ws-person=${(event: CustomEvent<string>) => { this.person = event.detail; }}></ws-persons>`}
      </div>
      ${this.renderBody()}`;
  }

  /** A dashboard stays open for weeks, over updates too. */
  private renderOutdated() {
    if (!this.who || !isOutdated(this.who, import.meta.url)) return nothing;
    return html`<p class="outdated" role="status"><span>${t('panel.outdated')}</span>
      <button class="pill" @click=${() => location.reload()}>${t('panel.reload')}</button></p>`;
  }

  private renderWaiting() {
    const waiting = this.follow.view?.waiting;
    const trouble = this.laneInTrouble();
    if (!waiting || (waiting.pending + waiting.failed === 0 && !trouble)) return nothing;
    const says = waiting.failed > 0 ? tn('card.failed', waiting.failed)
      : trouble ?? tn('card.waiting', waiting.pending);
    return html`<button class="chip ${waiting.failed || trouble ? 'alarm' : ''}" aria-haspopup="dialog"
      aria-label=${`${says}: ${t('card.show_waiting')}`} @click=${() => void this.openWaiting()}>
      ${icon(waiting.failed || trouble ? 'alert' : 'cloud')}<span>${says}</span></button>`;
  }

  /** What a person has to see to, in words; a server that is merely away is no such thing. */
  private laneInTrouble(): string | undefined {
    const lane = Object.values(this.follow.view?.health.rows ?? {})
      .find((one) => one.status === 'auth_required');
    return lane && `${lane.lane}: ${status('auth_required')}`;
  }

  private renderBody() {
    if (!this.hass) return nothing;
    if (this.what === 'show') {
      if (!this.config?.show) return html`<p class="empty">${icon('film')}<span>${t('card.no_show')}</span></p>`;
      void import('../parts/work.js');
      return html`<ws-work .hass=${this.hass} .whose=${this.whose} .who=${this.who}
        .ref=${this.config.show}></ws-work>`;
    }
    const { view, error } = this.follow;
    if (error) return html`<p class="empty">${icon('alert')}<span>${complaint(error)}</span></p>`;
    const works = this.what === 'films' ? this.films
      : view?.up_next.order.flatMap((ref) => view.up_next.rows[ref] ?? []);
    if (!view || !works) return this.renderSkeleton();
    const look = this.config?.look ?? 'posters';
    const waiting = Object.values(view.waiting.rows);
    return html`<ws-shelf .hass=${this.hass} .whose=${this.whose} .waiting=${waiting}
        .works=${look === 'list' ? works.slice(0, this.rows * 5) : works} .look=${look} .rows=${this.rows}
        .others=${this.who?.persons.filter(({ key }) => key !== this.person) ?? []}
        .label=${t(`card.title_${this.what}`)}></ws-shelf>
      ${works.length === 0 ? this.renderNothing() : nothing}`;
  }

  private renderNothing() {
    const reading = Object.values(this.follow.view?.health.rows ?? {})
      .find((lane) => lane.loaded && lane.inventory !== 'complete');
    return html`<p class="empty">${icon(reading ? 'cloud' : 'check')}<span>${reading
      ? t('card.reading', { lane: reading.lane })
      : t(this.what === 'films' ? 'card.nothing_films' : 'card.nothing_up_next')}</span></p>`;
  }

  private renderSkeleton() {
    const count = this.what === 'show' ? 0 : 8;
    return html`<div class="skeleton" aria-hidden="true">
      ${Array.from({ length: count }, () => html`<span></span>`)}</div>`;
  }

  private renderSheets() {
    if (!this.hass) return nothing;
    const { view } = this.follow;
    if (this.opened) {
      return html`<ws-sheet .label=${t('card.details')} @ws-close=${() => { this.opened = ''; }}>
        <ws-work .hass=${this.hass} .whose=${this.whose} .who=${this.who} .ref=${this.opened}></ws-work>
      </ws-sheet>`;
    }
    if (this.showsWaiting && view) {
      const { order, rows, pending, failed } = view.waiting;
      return html`<ws-sheet .label=${t('waiting.title')} @ws-close=${() => { this.showsWaiting = false; }}>
        <h2>${t('waiting.title')}</h2>
        <ws-waiting .hass=${this.hass} .whose=${this.whose} .total=${pending + failed}
          .rows=${order.flatMap((key) => rows[key] ?? [])}></ws-waiting>
      </ws-sheet>`;
    }
    return nothing;
  }

  static override styles = [shared, css`
    :host { display: block; }
    ha-card { --ws-edge: 16px; padding: 12px 16px 14px; overflow: hidden; height: 100%; }
    .head { display: flex; align-items: center; gap: 8px 12px; flex-wrap: wrap; min-height: 40px; margin-block-end: 10px; }
    h2 { margin: 0; font-size: 18px; line-height: 26px; font-weight: 600; letter-spacing: -.005em; }
    ws-persons { margin-inline-start: auto; }
    .outdated {
      display: flex; align-items: center; gap: 12px; margin: 0 0 10px; padding-block: 8px; padding-inline: 14px 8px;
      border-radius: var(--ws-round); font-size: 14px;
      background: color-mix(in srgb, var(--warning-color, #ffa600) 18%, var(--ws-card));
    }
    .outdated .pill { margin-inline-start: auto; }
    .chip {
      display: inline-flex; align-items: center; gap: 8px; min-height: 32px; padding: 0 12px; border-radius: 16px;
      background: var(--ws-faint); font-size: 13px; position: relative;
    }
    .chip::before { content: ''; position: absolute; inset: -6px 0; }
    .chip:hover { background: color-mix(in srgb, var(--ws-text) 13%, var(--ws-card)); }
    .chip.alarm { background: color-mix(in srgb, var(--ws-error) 18%, var(--ws-card)); }
    .empty { display: flex; flex-direction: column; align-items: center; gap: 10px; margin: 0; padding: 28px 16px 36px; text-align: center; color: var(--ws-quiet); font-size: 15px; }
    .empty .icon { width: 32px; height: 32px; opacity: .7; }
    .skeleton { display: grid; gap: 14px; grid-auto-flow: column; grid-auto-columns: clamp(104px, 27%, 148px); overflow: hidden; }
    .skeleton span { aspect-ratio: 2 / 3; border-radius: var(--ws-round); background: var(--ws-faint); animation: breathe 1.4s ease-in-out infinite alternate; }
    @keyframes breathe { to { opacity: .5; } }
    ws-sheet h2 { font-size: 22px; margin-block-end: 8px; }
  `];
}
