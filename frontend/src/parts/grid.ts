// Many posters of which only those in sight are there, so that ten thousand are as quick
// as ten. It scrolls with whatever it stands in.
import { LitElement, css, html, nothing, type PropertyValues } from 'lit';
import { property, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { styleMap } from 'lit/directives/style-map.js';
import { define } from '../define.js';
import type { Person, Waiting, Work } from '../api.js';
import { tell } from '../hass.js';
import type { Poster } from './poster.js';
import './poster.js';
import { syncOf } from './shelf.js';
import { shared } from './style.js';

/** Pixels of the text below a picture, of a second line of its title, and between posters. */
const TEXT = 60;
const LINE = 19;
/** Where a title may have two lines, as in the poster's style. */
const PHONE = '(max-width: 600px)';
const GAP = 14;
/** Rows beyond what is in sight. */
const SPARE = 2;

/** Where the posters come from. */
export interface Works {
  readonly total: number | undefined;
  at(index: number): Work | undefined;
  want(from: number, to: number): void;
}

/** What scrolls an element: the closest around it that can. */
function scroller(element: Element): Element {
  let node: Node | null = element;
  while (node) {
    node = node.parentNode ?? (node instanceof ShadowRoot ? node.host : null);
    if (node instanceof Element && /auto|scroll/.test(getComputedStyle(node).overflowY)) return node;
  }
  return document.scrollingElement ?? document.documentElement;
}

@define('ws-grid')
export class Grid extends LitElement {
  @property({ attribute: false }) works!: Works;

  /** Grows with everything that is new in *works*. */
  @property({ type: Number }) news = 0;

  @property({ attribute: false }) waiting: readonly Waiting[] = [];

  /** Those whose faces may be shown: they are not whom this is about. */
  @property({ attribute: false }) others: readonly Person[] = [];

  @property() label = '';

  /** How wide a poster is at least. */
  @property({ type: Number }) least = 140;

  @state() private columns = 1;

  @state() private size = { width: 0, height: 0 };

  /** The first and the last place that are drawn. */
  @state() private range: readonly [number, number] = [0, -1];

  /** The one that the tab key stops at. */
  @state() private active = 0;

  private around: Element | undefined;

  private frame = 0;

  private readonly sizes = new ResizeObserver(() => this.measure());

  override connectedCallback(): void {
    super.connectedCallback();
    this.sizes.observe(this);
    this.around = scroller(this);
    this.around.addEventListener('scroll', this.scrolled, { passive: true });
    window.addEventListener('scroll', this.scrolled, { passive: true });
    window.addEventListener('resize', this.scrolled);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.sizes.disconnect();
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.around?.removeEventListener('scroll', this.scrolled);
    window.removeEventListener('scroll', this.scrolled);
    window.removeEventListener('resize', this.scrolled);
  }

  /** The places in sight, and a little more. */
  get inSight(): readonly [number, number] {
    return this.range;
  }

  private measure(): void {
    const whole = this.clientWidth;
    if (!whole) return;
    this.columns = Math.max(2, Math.floor((whole + GAP) / (this.least + GAP)));
    const width = (whole - GAP * (this.columns - 1)) / this.columns;
    const text = TEXT + (matchMedia(PHONE).matches ? LINE : 0);
    this.size = { width, height: Math.round(width * 1.5) + text };
    this.look();
  }

  private readonly scrolled = (): void => {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.look();
    });
  };

  /** What can be seen of what scrolls: it may be larger than the window. */
  private get area(): { top: number; bottom: number } {
    const { top = 0, bottom = innerHeight } = this.around?.getBoundingClientRect() ?? {};
    return { top: Math.max(0, top), bottom: Math.min(innerHeight, bottom) };
  }

  /** See which places are in sight. */
  private look(): void {
    if (!this.around || !this.size.height) return;
    const row = this.size.height + GAP;
    const { top, bottom } = this.area;
    const above = top - this.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(above / row) - SPARE) * this.columns;
    const last = (Math.floor((above + bottom - top) / row) + SPARE + 1) * this.columns - 1;
    if (first !== this.range[0] || last !== this.range[1]) this.range = [first, last];
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('works') && changed.get('works')) {
      // Something else is looked at: it begins at its beginning.
      this.active = 0;
      this.around?.scrollTo({ top: 0 });
    }
    if (this.range[1] >= 0) this.works.want(this.range[0], this.range[1]);
    const { total } = this.works;
    if (total !== undefined && this.active >= total) this.active = Math.max(0, total - 1);
  }

  /** Arrows go from poster to poster. */
  private move(event: KeyboardEvent): void {
    const ahead = this.matches(':dir(rtl)') ? -1 : 1;
    const { top, bottom } = this.area;
    const page = Math.max(1, Math.floor((bottom - top) / (this.size.height + GAP)));
    const steps: Record<string, number> = {
      ArrowRight: ahead, ArrowLeft: -ahead, ArrowDown: this.columns, ArrowUp: -this.columns,
      PageDown: page * this.columns, PageUp: -page * this.columns, Home: -Infinity, End: Infinity,
    };
    const step = steps[event.key];
    const { total } = this.works;
    if (step === undefined || !total || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    void this.focusAt(Math.max(0, Math.min(total - 1, this.active + step)));
  }

  /** Bring a place into sight and have it focused. */
  private async focusAt(index: number): Promise<void> {
    this.active = index;
    const { around } = this;
    if (!around) return;
    const row = this.size.height + GAP;
    const { area } = this;
    const top = this.getBoundingClientRect().top + Math.floor(index / this.columns) * row;
    // What sticks to the upper edge covers some of it.
    const upper = area.top + (parseFloat(getComputedStyle(this).scrollMarginTop) || 0);
    if (top < upper) around.scrollTop += top - upper;
    else if (top + row > area.bottom) around.scrollTop += top + row - area.bottom;
    this.look();
    await this.updateComplete;
    const poster = this.renderRoot.querySelector<Poster>(`[data-at='${index}'] ws-poster`);
    await poster?.updateComplete;
    poster?.focus({ preventScroll: true });
  }

  private get shown(): number[] {
    const { total } = this.works;
    const end = Math.min(this.range[1], (total ?? this.columns * 3) - 1);
    const places = Array.from(
      { length: Math.max(0, end - this.range[0] + 1) }, (_, index) => this.range[0] + index,
    );
    // What has the focus stays, so that scrolling does not lose it.
    if (total && !places.includes(this.active) && this.matches(':focus-within')) {
      places.push(this.active);
      places.sort((one, other) => one - other);
    }
    return places;
  }

  protected override render() {
    const { total } = this.works;
    const { width, height } = this.size;
    const rows = Math.ceil((total ?? 0) / this.columns);
    return html`<ul role="list" aria-label=${this.label} aria-busy=${total === undefined ? 'true' : 'false'}
      style=${styleMap({ blockSize: `${Math.max(0, rows * (height + GAP) - GAP)}px` })}
      @keydown=${this.move}>${width ? repeat(this.shown, (at) => at, (at) => this.renderAt(at)) : nothing}</ul>`;
  }

  private renderAt(at: number) {
    const work = this.works.at(at);
    const row = Math.floor(at / this.columns);
    const place = styleMap({
      insetBlockStart: `${row * (this.size.height + GAP)}px`,
      insetInlineStart: `${(at % this.columns) * (this.size.width + GAP)}px`,
      inlineSize: `${this.size.width}px`,
      blockSize: `${this.size.height}px`,
    });
    if (!work) return html`<li style=${place} aria-hidden="true"><span class="wait"></span></li>`;
    const { sync, error } = syncOf(work, this.waiting);
    return html`<li style=${place} data-at=${at} aria-setsize=${this.works.total ?? -1} aria-posinset=${at + 1}>
      <ws-poster .work=${work} .sync=${sync} .error=${error} .reachable=${at === this.active}
        .seen=${this.others.filter(({ key }) => work.seen_by.includes(key))}
        @focusin=${() => { this.active = at; }}
        @ws-tick=${() => tell(this, 'ws-mark', work)}></ws-poster></li>`;
  }

  static override styles = [shared, css`
    :host { display: block; }
    ul { position: relative; list-style: none; margin: 0; padding: 0; }
    ul[aria-busy='true'] { min-block-size: 60vh; }
    li { position: absolute; contain: layout size style; }
    .wait { display: block; aspect-ratio: 2 / 3; border-radius: var(--ws-round); background: var(--ws-faint); }
  `];
}
