// Works side by side, to scroll through, or one below the other.
import { LitElement, css, html } from 'lit';
import { property, state } from 'lit/decorators.js';
import { styleMap } from 'lit/directives/style-map.js';
import { repeat } from 'lit/directives/repeat.js';
import { define } from '../define.js';
import type { Person, SyncState, Waiting, Whose, Work } from '../api.js';
import type { Hass } from '../hass.js';
import { Marks } from './marks.js';
import type { Poster } from './poster.js';
import './poster.js';
import { shared } from './style.js';

export type Look = 'posters' | 'list';

/** Pixels of a poster on a shelf that is wide enough, and between two. */
const POSTER = 148;
const GAP = 14;

/** How the delivery of what is shown goes: the worst of what waits for it, or its own. */
export function syncOf(work: Work, waiting: readonly Waiting[]): {
  sync: SyncState; error: string | null;
} {
  const own = waiting.filter(({ ref }) => ref === work.ref);
  const failed = own.find((row) => row.status === 'failed');
  if (failed) return { sync: 'failed', error: failed.last_error };
  if (own.length) return { sync: 'pending', error: null };
  return { sync: work.sync_state, error: work.last_error };
}

@define('ws-shelf')
export class Shelf extends LitElement {
  @property({ attribute: false }) hass!: Hass;

  @property({ attribute: false }) whose: Whose = {};

  @property({ attribute: false }) works: readonly Work[] = [];

  @property({ attribute: false }) waiting: readonly Waiting[] = [];

  /** Those whose faces may be shown: they are not whom this is about. */
  @property({ attribute: false }) others: readonly Person[] = [];

  @property({ reflect: true }) look: Look = 'posters';

  /** Rows to scroll sideways; 0: all there are, one below the other. */
  @property({ type: Number }) rows = 0;

  @property() label = '';

  readonly marks = new Marks(this);

  /** Posters that stand side by side without scrolling. */
  @state() private fit = 0;

  /** The ref of the one that the tab key stops at. */
  @state() private active = '';

  private readonly sizes = new ResizeObserver(([entry]) => {
    const { width } = entry?.contentRect ?? { width: 0 };
    this.fit = Math.floor((width + GAP) / (POSTER + GAP));
  });

  override connectedCallback(): void {
    super.connectedCallback();
    this.sizes.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.sizes.disconnect();
  }

  /** Arrows go from poster to poster, where they point to. */
  private move(event: KeyboardEvent): void {
    const posters = [...this.renderRoot.querySelectorAll<Poster>('ws-poster')];
    const at = posters.indexOf(event.target as Poster);
    if (at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    const ahead = this.matches(':dir(rtl)') ? -1 : 1;
    const column = posters.filter((one) => one.offsetLeft === posters[0]?.offsetLeft).length;
    const line = posters.filter((one) => one.offsetTop === posters[0]?.offsetTop).length;
    // What is scrolled sideways is filled column by column, everything else line by line.
    const [right, down] = this.isSideways(posters.length) ? [column, 1] : [1, line];
    const steps: Record<string, number> = {
      ArrowRight: right * ahead, ArrowLeft: -right * ahead, ArrowDown: down, ArrowUp: -down,
      Home: -at, End: posters.length - 1 - at,
    };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    posters[Math.max(0, Math.min(posters.length - 1, at + step))]?.focus();
  }

  /** Whether so many posters are more than fit, and are scrolled through. */
  private isSideways(count: number): boolean {
    return this.look === 'posters' && this.rows > 0 && count > this.rows * this.fit;
  }

  private async tick(work: Work, at: number): Promise<void> {
    const { hass, marks, whose } = this;
    await (work.watched === true ? marks.unmark(hass, whose, work, at) : marks.tick(hass, whose, work, at));
  }

  protected override updated(): void {
    // What was ticked lingers, also where nothing else is left.
    this.toggleAttribute('busy', this.marks.ticked.size > 0);
  }

  protected override render() {
    const works = this.marks.among(this.works);
    const onShelf = this.look === 'posters' && this.rows > 0;
    // What fits is read line by line; what does not is scrolled through.
    const sideways = this.isSideways(works.length);
    const stop = works.find(({ ref }) => ref === this.active) ?? works[0];
    return html`
      <ul class="${this.look} ${sideways ? 'sideways' : onShelf ? 'shelf' : ''}" aria-label=${this.label}
        style=${styleMap(sideways ? { '--rows': String(Math.min(this.rows, works.length || 1)) } : {})}
        @keydown=${this.move}>
        ${repeat(works, (work) => work.ref, (work, at) => {
          const ticked = this.marks.ticked.get(work.ref);
          const { sync, error } = syncOf(ticked ? { ...work, sync_state: 'synced' } : work, this.waiting);
          return html`<li @focusin=${() => { this.active = work.ref; }}><ws-poster .work=${work} .reachable=${work === stop} .look=${this.look} .sync=${sync} .error=${error}
            .seen=${this.others.filter(({ key }) => work.seen_by.includes(key))}
            .ticked=${ticked !== undefined} .undoable=${Boolean(ticked?.batch_id)}
            @ws-tick=${() => void this.tick(work, at)}
            @ws-untick=${() => void this.marks.untick(this.hass, this.whose, work.ref)}></ws-poster></li>`;
        })}
      </ul>
      <div class="unseen" role="status">${this.marks.said}</div>`;
  }

  static override styles = [shared, css`
    :host { display: block; min-width: 0; }
    ul { list-style: none; margin: 0; padding: 0; }
    .posters {
      display: grid; gap: 18px 14px;
      grid-template-columns: repeat(auto-fill, minmax(var(--ws-poster, 118px), 1fr));
    }
    .shelf { grid-template-columns: repeat(auto-fill, minmax(var(--ws-poster, 148px), 1fr)); }
    .sideways {
      grid-template-columns: none; grid-template-rows: repeat(var(--rows), auto);
      grid-auto-flow: column; grid-auto-columns: clamp(104px, 27%, var(--ws-poster, 148px));
      overflow-x: auto; overscroll-behavior-x: contain; scroll-snap-type: x proximity;
      scrollbar-width: thin; scrollbar-color: var(--ws-line) transparent;
      margin: -6px calc(-1 * var(--ws-edge, 0px)) 0;
      padding: 6px var(--ws-edge, 0px) 8px; scroll-padding-inline: var(--ws-edge, 0px);
    }
    .sideways li { scroll-snap-align: start; min-width: 0; }
    .list { display: grid; gap: 4px; }
    .list li { padding: 6px 0; }
    .list li + li { border-block-start: 1px solid var(--ws-line); padding-block-start: 10px; }
  `];
}
