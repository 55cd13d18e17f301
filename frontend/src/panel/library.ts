// Everything there is: to search, to filter, and to tick.
import { LitElement, css, html, nothing, type PropertyValues } from 'lit';
import { property, state } from 'lit/decorators.js';
import { define } from '../define.js';
import { Api, type LibraryChange, type LibraryQuery, type Work } from '../api.js';
import { isWsError } from '../hass.js';
import '../parts/grid.js';
import type { Grid } from '../parts/grid.js';
import { icon } from '../parts/icons.js';
import { marked } from '../parts/marks.js';
import { Notice } from '../parts/notice.js';
import { shared } from '../parts/style.js';
import { ViewController } from '../view.js';
import { WordsController, complaint, t, tn } from '../words.js';
import { go, wanted } from './address.js';
import type { PageContext } from './pages.js';
import { Source } from './source.js';

/** Milliseconds after the last letter until it is searched for. */
const PAUSE = 120;

const STATES = ['unwatched', 'in_progress', 'watched', 'nobody'] as const;
const SORTS = ['title', 'year', 'last_played', 'duration'] as const;
type Sort = (typeof SORTS)[number];

/** What of the address says which works are shown. */
const WORDS = ['q', 'kind', 'state', 'library', 'differ', 'sort'];

const among = <Word extends string>(words: readonly Word[], word: string | null): Word | undefined => (
  words.find((one) => one === word)
);

/** The question that an address asks. */
export function queryOf(search: URLSearchParams): LibraryQuery {
  const kind = among(['movie', 'show'], search.get('kind'));
  const standing = among(STATES, search.get('state'));
  const sort: Sort = among(SORTS, search.get('sort')) ?? 'title';
  const text = search.get('q')?.trim();
  const library = search.get('library');
  return {
    ...(kind && { kinds: [kind] }),
    ...(standing && { state: standing }),
    ...(library && { library: [library] }),
    ...(search.has('differ') && { disagree: true }),
    ...(text && { query: text }),
    // What is searched for comes the likest first, unless it is put in order.
    ...(sort !== 'title' && { sort }),
    ...((sort === 'year' || sort === 'last_played') && { descending: true }),
  };
}

@define('ws-page-library')
export class LibraryPage extends LitElement {
  @property({ attribute: false }) context!: PageContext;

  @state() private news = 0;

  @state() private trouble = '';

  /** What is in the field; the address follows a moment later. */
  @state() private text = wanted().get('q') ?? '';

  private source: Source | undefined;

  private asked = '';

  private typing: ReturnType<typeof setTimeout> | undefined;

  private reading: ReturnType<typeof setTimeout> | undefined;

  private readonly notice = new Notice(this);

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
    clearTimeout(this.typing);
    clearTimeout(this.reading);
  }

  protected override willUpdate(_: PropertyValues): void {
    const { hass, whose } = this.context;
    const query = queryOf(wanted());
    const key = JSON.stringify([whose, query]);
    if (this.asked === key) return;
    const before = this.source;
    this.asked = key;
    this.trouble = '';
    if (this.typing === undefined) this.text = wanted().get('q') ?? '';
    const source = new Source(
      (start, limit) => new Api(hass).library(whose, { ...query, start, limit }),
      () => {
        // What was there stays in sight until the first page of the next is.
        if (this.asked === key) this.source = source;
        this.trouble = '';
        this.news += 1;
      },
      (error) => {
        if (!isWsError(error)) throw error;
        this.trouble = complaint(error);
      },
    );
    if (before?.total === undefined) this.source = source;
    source.want(0, 0);
  }

  private hear({ works, reload }: LibraryChange): void {
    if (works) this.source?.replace(works);
    if (!reload || this.source?.total === undefined) return;
    clearTimeout(this.reading);
    this.reading = setTimeout(() => {
      const [from, to] = this.renderRoot.querySelector<Grid>('ws-grid')?.inSight ?? [0, 0];
      void this.source?.again(from, to);
    }, 500);
  }

  private type(text: string): void {
    this.text = text;
    clearTimeout(this.typing);
    this.typing = setTimeout(() => {
      this.typing = undefined;
      go({ q: text.trim() || null }, true);
    }, PAUSE);
  }

  private reset(): void {
    this.text = '';
    go(Object.fromEntries(WORDS.map((word) => [word, null])));
    this.renderRoot.querySelector('input')?.focus();
  }

  private mark(work: Work): void {
    const { hass, whose } = this.context;
    const watched = work.watched !== true;
    void this.notice.change(
      hass, whose, t(watched ? 'notice.marked_title' : 'notice.unmarked_title', { title: work.full_title }),
      (api, confirm) => api.mark(whose, watched, work.ref, confirm),
      (now) => this.source?.replace({ [work.ref]: now === 'done' ? marked(work, watched) : work }),
    );
  }

  protected override render() {
    const { person, view, who } = this.context;
    const { source } = this;
    const search = wanted();
    const filtered = WORDS.some((word) => search.has(word) && word !== 'sort');
    const total = source?.total;
    return html`
      ${this.renderTools(search)}
      ${this.trouble ? html`<p class="empty">${icon('alert')}<span>${this.trouble}</span></p>`
        : total === 0 ? html`<p class="empty">${icon(filtered ? 'search' : 'film')}
            <span>${t(filtered ? 'library.nothing' : 'library.empty')}</span>
            ${filtered ? html`<button class="pill main" @click=${() => this.reset()}>${t('library.reset')}</button>` : nothing}</p>`
          : source ? html`<ws-grid .works=${source} .news=${this.news} .label=${t('library.title')}
              .least=${this.context.narrow ? 100 : 140} .waiting=${Object.values(view?.waiting.rows ?? {})}
              .others=${who.persons.filter(({ key }) => key !== person)}
              @ws-mark=${(event: CustomEvent<Work>) => this.mark(event.detail)}></ws-grid>` : nothing}
      ${this.notice.render()}`;
  }

  private renderTools(search: URLSearchParams) {
    const { who, view } = this.context;
    const total = this.source?.total;
    const skipped = this.source?.skipped ?? [];
    const lanes = Object.values(view?.health.rows ?? {});
    const libraries = [...new Set(lanes.flatMap((lane) => Object.values(lane.libraries ?? {})))].sort();
    const standing = search.get('state');
    const states = STATES.filter((one) => one !== 'nobody' || who.persons.length > 1);
    return html`<search class="tools">
      <label class="field">${icon('search')}<span class="unseen">${t('library.search')}</span>
        <input type="search" autocomplete="off" enterkeyhint="search" placeholder=${t('library.search')}
          .value=${this.text} @input=${(event: InputEvent) => this.type((event.target as HTMLInputElement).value)}>
        ${this.text ? html`<button class="round" aria-label=${t('library.clear')} @click=${() => {
          this.type('');
          this.renderRoot.querySelector('input')?.focus();
        }}>${icon('close')}</button>` : nothing}
      </label>
      <div class="said quiet" role="status">${total === undefined ? '' : html`<span>${tn('library.found', total)}</span>`}
        ${skipped.map(({ lane, reason }) => html`<span class="skipped">${icon('alert')}${t(
          reason === 'still_looking' ? 'library.still_looking' : 'library.not_loaded', { lane },
        )}</span>`)}</div>
      <div class="chips" role="group" aria-label=${t('library.filters')}>
        ${this.renderChip('kind', 'movie', t('library.films'))}
        ${this.renderChip('kind', 'show', t('library.shows'))}
        <span class="gap"></span>
        ${states.map((one) => this.renderChip('state', one, t(`library.${one}`), standing))}
        <span class="gap"></span>
        ${lanes.length > 1 ? this.renderChip('differ', '1', t('library.differ')) : nothing}
        ${libraries.length > 1 ? this.renderChoice('library', t('library.library'), search.get('library') ?? '', [
          ['', t('library.all_libraries')], ...libraries.map((name) => [name, name] as const),
        ]) : nothing}
        ${this.renderChoice('sort', t('library.sort'), search.get('sort') ?? 'title',
          SORTS.map((sort) => [sort, t(`library.sort_${sort}`)] as const))}
      </div>
    </search>`;
  }

  private renderChip(word: string, value: string, label: string, now = wanted().get(word)) {
    const on = now === value;
    return html`<button class="chip" aria-pressed=${on ? 'true' : 'false'}
      @click=${() => go({ [word]: on ? null : value })}>${on ? icon('check') : nothing}${label}</button>`;
  }

  private renderChoice(word: string, label: string, now: string, options: readonly (readonly [string, string])[]) {
    return html`<span class="choice"><select aria-label=${label} @change=${(event: Event) => {
      const { value } = event.target as HTMLSelectElement;
      go({ [word]: value === options[0]?.[0] ? null : value });
    }}>${options.map(([value, text]) => html`<option value=${value} .selected=${value === now}>${text}</option>`)}
    </select>${icon('down')}</span>`;
  }

  static override styles = [shared, Notice.styles, css`
    :host { display: block; }
    .tools {
      position: sticky; top: var(--ws-head, 56px); z-index: 3; display: flex; flex-wrap: wrap; gap: 10px 16px;
      margin: -20px -24px 0; padding: 14px 24px 10px; background: var(--primary-background-color);
    }
    .field {
      position: relative; display: flex; align-items: center; flex: 1 1 260px; max-width: 420px; height: 44px;
      border-radius: 22px; background: var(--ws-card); border: 1px solid var(--ws-line); padding-inline-start: 14px;
      color: var(--ws-quiet);
    }
    .field:focus-within { border-color: var(--ws-accent); box-shadow: 0 0 0 1px var(--ws-accent); }
    input {
      flex: 1; min-width: 0; height: 100%; border: 0; background: none; font: inherit; font-size: 16px;
      color: var(--ws-text); padding: 0 10px; outline: none; appearance: none;
    }
    input::placeholder { color: var(--ws-quiet); opacity: 1; }
    input::-webkit-search-cancel-button { display: none; }
    .chips { flex: 1 1 100%; display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
    .gap { width: 1px; height: 24px; background: var(--ws-line); margin: 0 4px; }
    .chip, select {
      display: inline-flex; align-items: center; gap: 6px; height: 36px; padding: 0 14px; border-radius: 18px;
      font-size: 14px; font-weight: 500; background: var(--ws-card); border: 1px solid var(--ws-line); white-space: nowrap;
    }
    .chip { position: relative; }
    .chip::before { content: ''; position: absolute; inset: -5px 0; }
    .chip:hover, select:hover { background: var(--ws-faint); }
    .chip[aria-pressed='true'] { background: var(--ws-tint); border-color: var(--ws-accent); }
    .choice { position: relative; display: inline-flex; }
    .choice .icon { position: absolute; inset-inline-end: 10px; inset-block-start: 8px; pointer-events: none; }
    select { appearance: none; font-family: inherit; color: var(--ws-text); padding-inline-end: 34px; cursor: pointer; max-width: 220px; text-overflow: ellipsis; }
    .said { align-self: center; min-height: 20px; font-size: 14px; display: flex; gap: 4px 16px; flex-wrap: wrap; }
    ws-grid { margin-block-start: 12px; }
    .skipped { display: inline-flex; gap: 6px; align-items: center; }
    .empty { display: grid; justify-items: center; gap: 14px; padding: 12vh 16px; font-size: 16px; text-align: center; color: var(--ws-quiet); }
    .empty > .icon { width: 40px; height: 40px; }
    .empty .pill { color: var(--ws-text); }
    ws-grid { scroll-margin-top: 150px; }
    @media (max-width: 870px) {
      .tools { margin: -16px -16px 0; padding: 12px 16px 8px; }
      .field { flex: 1 1 100%; max-width: none; }
      .said { order: 3; font-size: 13px; }
      .chips {
        flex-wrap: nowrap; overflow-x: auto; scrollbar-width: none; margin-inline: -16px; padding: 5px 16px;
      }
      .chips > * { flex: none; }
    }
  `];
}
