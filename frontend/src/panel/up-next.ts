// What to continue and to watch next, and films for an evening on which nothing is begun.
import { LitElement, css, html, nothing, type PropertyValues } from 'lit';
import { property, state } from 'lit/decorators.js';
import { define } from '../define.js';
import { Api, type LibraryChange, type Work } from '../api.js';
import { isWsError } from '../hass.js';
import { icon } from '../parts/icons.js';
import '../parts/shelf.js';
import { shared } from '../parts/style.js';
import { ViewController } from '../view.js';
import { WordsController, complaint, t } from '../words.js';
import { pageAddress } from './address.js';
import { offerStyle, renderOffers } from './offer.js';
import type { PageContext } from './pages.js';

/** Films offered; the library has them all. */
const FILMS = 24;

@define('ws-page-up-next')
export class UpNextPage extends LitElement {
  @property({ attribute: false }) context!: PageContext;

  @state() private films: readonly Work[] = [];

  @state() private trouble = '';

  private whose = '';

  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    new WordsController(this);
    new ViewController(
      this,
      () => ({ hass: this.context.hass, whose: this.context.whose }),
      (library) => this.hear(library),
    );
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  protected override willUpdate(_: PropertyValues): void {
    const key = JSON.stringify(this.context.whose);
    if (this.whose === key) return;
    this.whose = key;
    this.films = [];
    void this.read();
  }

  private async read(): Promise<void> {
    const key = this.whose;
    try {
      const found = await new Api(this.context.hass).library(this.context.whose, {
        kinds: ['movie'], state: 'unwatched', sort: 'year', descending: true, limit: FILMS,
      });
      if (this.whose === key) this.films = found.works;
    } catch (error) {
      if (!isWsError(error)) throw error;
      this.trouble = complaint(error);
    }
  }

  private hear({ works, reload }: LibraryChange): void {
    this.films = this.films.map((work) => works?.[work.ref] ?? work).filter(({ watched }) => watched !== true);
    if (reload || this.films.length < FILMS / 2) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.read(), 500);
    }
  }

  protected override render() {
    const { view } = this.context;
    if (!view) return nothing;
    const { order, rows } = view.up_next;
    const works = order.flatMap((ref) => rows[ref] ?? []);
    // Ticked ones linger where they are, so one list for all: begun ones come first.
    const begun = works.filter(({ position }) => position > 0);
    const next = works.filter(({ position }) => position === 0);
    const shown = new Set(order);
    const films = this.films.filter(({ ref, position }) => !shown.has(ref) && position === 0);
    return html`
      ${renderOffers(view, this.context.hass.language)}
      ${this.renderShelf(t('up_next.continue'), begun)}
      ${this.renderShelf(t('card.title_up_next'), next)}
      ${order.length ? nothing : this.renderNothing()}
      ${this.trouble ? html`<p class="bad">${this.trouble}</p>` : nothing}
      ${this.renderShelf(t('card.title_films'), films, html`<a class="pill"
        href=${pageAddress('library', { kind: 'movie', state: 'unwatched' })}>${t('up_next.all')}</a>`)}`;
  }

  private renderShelf(title: string, works: readonly Work[], more: unknown = nothing) {
    const { hass, person, view, who, whose } = this.context;
    // It stays while a tick in it can be taken back.
    return html`<section class=${works.length ? '' : 'bare'} aria-label=${title}>
      <header><h2>${title}</h2>${more}</header>
      <ws-shelf .hass=${hass} .whose=${whose} .works=${works} .rows=${1} .label=${title}
        .others=${who.persons.filter(({ key }) => key !== person)}
        .waiting=${Object.values(view?.waiting.rows ?? {})}></ws-shelf>
    </section>`;
  }

  private renderNothing() {
    const reading = Object.values(this.context.view?.health.rows ?? {})
      .find((lane) => lane.loaded && lane.inventory !== 'complete');
    return html`<p class="quiet">${icon(reading ? 'cloud' : 'check')}
      <span>${reading ? t('card.reading', { lane: reading.lane }) : t('card.nothing_up_next')}</span></p>`;
  }

  static override styles = [shared, offerStyle, css`
    :host { display: block; --ws-poster: 164px; --ws-edge: 24px; }
    section + section { margin-block-start: 22px; }
    section.bare:not(:has(ws-shelf[busy])) { display: none; }
    header { display: flex; align-items: center; gap: 16px; min-height: 40px; margin-block-end: 8px; }
    h2 { margin: 0; font-size: 20px; line-height: 28px; font-weight: 600; letter-spacing: -.005em; }
    header .pill { min-height: 36px; }
    p.quiet { display: grid; justify-items: center; gap: 12px; padding: 8vh 16px; font-size: 16px; text-align: center; }
    p.quiet .icon { width: 40px; height: 40px; }
    @media (max-width: 870px) { :host { --ws-poster: 124px; --ws-edge: 16px; } }
  `];
}
