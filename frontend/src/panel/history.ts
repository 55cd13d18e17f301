// What was changed, newest first, one sentence each; and the way back.
import { LitElement, css, html, nothing, type PropertyValues } from 'lit';
import { property, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { define } from '../define.js';
import { Api, type History, type HistoryRow, type View, type Work } from '../api.js';
import { isWsError, tell } from '../hass.js';
import { ask } from '../parts/ask.js';
import { icon } from '../parts/icons.js';
import { attempt } from '../parts/marks.js';
import { Notice } from '../parts/notice.js';
import { face, faceStyle } from '../parts/persons.js';
import '../parts/picture.js';
import { shared } from '../parts/style.js';
import { WordsController, complaint, dayName, t, time, tn } from '../words.js';
import type { PageContext } from './pages.js';
import { chapters, days, type Chapter, type Line } from './story.js';

/** Rows read at once, and at most once more after something changed. */
const ROWS = 60;
const MOST = 200;

@define('ws-page-history')
export class HistoryPage extends LitElement {
  @property({ attribute: false }) context!: PageContext;

  @state() private rows: readonly HistoryRow[] | undefined;

  @state() private total = 0;

  @state() private trouble = '';

  private whose = '';

  private seen: View | undefined;

  private round = 0;

  private timer: ReturnType<typeof setTimeout> | undefined;

  private readonly notice = new Notice(this);

  constructor() {
    super();
    new WordsController(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  protected override willUpdate(_: PropertyValues): void {
    const { view, whose } = this.context;
    const key = JSON.stringify(whose);
    if (this.whose !== key) {
      this.whose = key;
      this.rows = undefined;
      this.seen = view;
      void this.read();
    } else if (view && view !== this.seen) {
      // What waited may be done by now.
      this.seen = view;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.read(), 400);
    }
  }

  /** Read what is shown anew, or what follows it. */
  private async read(more = false): Promise<void> {
    const round = ++this.round;
    const { hass, whose } = this.context;
    const before = this.rows ?? [];
    const page = more ? { start: before.length, limit: ROWS }
      : { limit: Math.min(MOST, Math.max(ROWS, before.length)) };
    let found: History;
    try {
      found = await new Api(hass).history(whose, page);
    } catch (error) {
      if (!isWsError(error)) throw error;
      if (round === this.round) this.trouble = complaint(error);
      return;
    }
    if (round !== this.round) return;
    const known = new Set(before.map(({ key }) => key));
    this.rows = more ? [...before, ...found.rows.filter(({ key }) => !known.has(key))] : found.rows;
    this.total = found.total;
    this.trouble = '';
  }

  private async undo(what: { batch_id?: string; operation_id?: string; since?: string }): Promise<void> {
    const { hass, whose } = this.context;
    const done = await attempt(this, () => new Api(hass).undo(whose, what), this.notice.say);
    if (!done) return;
    this.notice.say(t(done.operations.length ? 'notice.undone' : 'notice.nothing'));
    await this.read();
  }

  private async undoSince(batch_id: string): Promise<void> {
    const { hass, whose } = this.context;
    const api = new Api(hass);
    const plan = await attempt(this, () => api.undo(whose, { since: batch_id, dry_run: true }), this.notice.say);
    if (!plan) return;
    const count = plan.operations.length;
    if (count === 0) this.notice.say(t('notice.nothing'));
    else if (await ask(this, tn('history.since_ask', count), t('ask.go_on'))) await this.undo({ since: batch_id });
  }

  protected override render() {
    const { rows } = this;
    if (this.trouble) return html`<p class="empty">${icon('alert')}<span>${this.trouble}</span></p>`;
    if (!rows) return html`<div role="status"><span class="unseen">${t('card.loading')}</span></div>`;
    if (rows.length === 0) return html`<p class="empty">${icon('history')}<span>${t('history.nothing')}</span></p>`;
    return html`<div class="story">
      ${repeat(days(chapters(rows)), ([date]) => date, ([date, ones]) => html`<section aria-label=${dayName(date)}>
        <h2>${dayName(date)}</h2>
        <ol>${repeat(ones, ({ lines }) => lines[0]?.row.key, (chapter) => this.renderChapter(chapter))}</ol>
      </section>`)}
      ${rows.length < this.total ? html`<button class="pill next" @click=${() => void this.read(true)}>${t('history.next')}</button>` : nothing}
      </div>${this.notice.render()}`;
  }

  private renderChapter({ batch_id, lines }: Chapter) {
    const [first] = lines;
    if (!first) return nothing;
    const { row } = first;
    const read = lines.reduce((sum, { rows }) => sum + rows.length, 0);
    const more = read < row.batch_size ? row.batch_size - first.rows.length : lines.length - 1;
    return html`<li>
      ${this.renderPicture(row)}
      <div class="text">
        ${this.renderSentence(row)}
        ${this.renderMeta(first)}
        ${lines.length > 1 ? html`<details><summary>${tn('history.more', more)}</summary>
          <ol>${lines.map((line) => html`<li class="small">
            <span>${line.row.title}</span>
            ${line.row.undo === 'row' && !line.row.undone ? html`<button class="round"
              title=${t('card.undo')} aria-label=${t('history.undo', { title: line.row.title })}
              @click=${() => void this.undo({ operation_id: line.row.operation_id })}>${icon('undo')}</button>` : nothing}
          </li>`)}</ol></details>` : nothing}
      </div>
      <div class="actions">
        ${row.undone ? html`<span class="quiet undone">${t('notice.undone')}</span>`
          : row.undo === 'no' ? nothing : html`
          <button class="pill" aria-label=${t('history.undo', { title: row.title })}
            @click=${() => void this.undo({ batch_id })}>${icon('undo')}<span>${t('card.undo')}</span></button>
          <button class="round" title=${t('history.since')} aria-label=${`${t('history.since')}: ${row.title}`}
            @click=${() => void this.undoSince(batch_id)}>${icon('rewind')}</button>`}
      </div>
    </li>`;
  }

  private renderPicture(row: HistoryRow) {
    const picture = html`<ws-picture .src=${row.picture} .width=${200}></ws-picture>`;
    return html`<button class="open" aria-haspopup="dialog" aria-label=${row.title}
      @click=${() => tell(this, 'ws-open', { ref: row.ref } as Work)}>${picture}</button>`;
  }

  /** The sentence, with the title standing out. */
  private renderSentence({ text, title }: HistoryRow) {
    const at = text.indexOf(title);
    return html`<p class="sentence">${at < 0 ? text
      : html`${text.slice(0, at)}<b>${title}</b>${text.slice(at + title.length)}`}</p>`;
  }

  private renderMeta({ row, rows }: Line) {
    const { hass, who } = this.context;
    const owners = who.persons.filter(({ key }) => rows.some(({ owner }) => owner === key));
    const others = new Intl.ListFormat(hass.language).format(rows.slice(1).map(({ lane }) => lane));
    return html`<span class="meta quiet">
      <time datetime=${row.settled_at}>${time(row.settled_at)}</time>
      ${who.persons.length > 1 ? owners.map(face) : nothing}
      ${others ? html`<span>${t('history.also', { lanes: others })}</span>` : nothing}</span>`;
  }

  static override styles = [shared, faceStyle, Notice.styles, css`
    :host { display: block; }
    .story { max-width: 860px; margin: 0 auto; }
    h2 { margin: 0; padding: 18px 0 6px; font-size: 15px; font-weight: 600; color: var(--ws-quiet); }
    section:first-child h2 { padding-block-start: 0; }
    ol { list-style: none; margin: 0; padding: 0; }
    section > ol { background: var(--ws-card); border-radius: 16px; border: 1px solid var(--ws-line); padding: 0 16px; }
    section > ol > li { display: grid; grid-template-columns: 48px minmax(0, 1fr) auto; gap: 14px; align-items: center; padding: 12px 0; }
    section > ol > li + li { border-block-start: 1px solid var(--ws-line); }
    .open { border-radius: 8px; align-self: start; }
    ws-picture { --ws-round: 8px; }
    .text { display: grid; gap: 4px; min-width: 0; }
    .sentence { margin: 0; font-size: 15px; line-height: 21px; overflow-wrap: anywhere; }
    b { font-weight: 600; }
    .meta { display: flex; flex-wrap: wrap; gap: 2px 6px; align-items: center; font-size: 13px; line-height: 18px; }
    .meta .face { width: 20px; height: 20px; font-size: 9px; }
    .actions { display: flex; align-items: center; gap: 4px; }
    .undone { font-size: 13px; }
    summary { cursor: pointer; font-size: 13px; min-height: 32px; display: inline-flex; align-items: center; gap: 4px; color: var(--ws-quiet); border-radius: 8px; }
    summary::before { content: '▸'; transition: transform .15s; }
    :host(:dir(rtl)) summary::before { content: '◂'; }
    details[open] summary::before { transform: rotate(90deg); }
    .small { display: flex; align-items: center; justify-content: space-between; min-height: 44px; font-size: 14px; padding: 4px 0; }
    .small + .small { border-block-start: 1px solid var(--ws-line); }
    .next { margin: 20px auto 0; display: flex; background: var(--ws-card); border: 1px solid var(--ws-line); }
    .empty { display: grid; justify-items: center; gap: 14px; max-width: 480px; margin: 0 auto; padding: 15vh 16px; font-size: 16px; text-align: center; color: var(--ws-quiet); }
    .empty .icon { width: 40px; height: 40px; }
    @media (max-width: 600px) {
      section > ol { border-radius: 0; border-inline: 0; margin-inline: -16px; }
      section > ol > li { gap: 10px; align-items: start; }
      .actions { flex-direction: column; align-items: end; }
      .actions .pill { min-width: 44px; width: 44px; height: 44px; padding: 0; }
      .actions .pill span { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
    }
  `];
}
