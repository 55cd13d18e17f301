// What waits to be delivered or failed: why, in words, and what can be done about it.
import { LitElement, css, html, nothing } from 'lit';
import { property } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { define } from '../define.js';
import { Api, type Waiting, type Whose } from '../api.js';
import type { Hass } from '../hass.js';
import { WordsController, ago, clock, reason, t, tn } from '../words.js';
import { icon } from './icons.js';
import { attempt } from './marks.js';
import { Notice } from './notice.js';
import './picture.js';
import { shared } from './style.js';

function wanted(row: Waiting): string {
  if (row.change === 'set_progress') return t('waiting.position', { time: clock(row.position ?? 0) });
  return t(row.change === 'mark_watched' ? 'waiting.watched' : 'waiting.unwatched');
}

const WHYS = ['waits_for_server', 'waits_for_sign_in', 'waits_for_decision', 'being_delivered', 'missing',
  'may_have_been_written', 'retries_later', 'waits_for_turn', 'given_up'] as const;

/** Why it is not delivered yet, or will not be, and when it is tried again. */
function why(row: Waiting): string {
  const known = WHYS.find((one) => one === row.why);
  const cause = row.last_error && row.why !== 'being_delivered' ? reason(row.last_error) : '';
  const next = row.status !== 'failed' && row.next_attempt && Date.parse(row.next_attempt) > Date.now()
    ? t('waiting.next', { time: ago(row.next_attempt) }) : '';
  return [known ? t(`why.${known}`) : row.text, cause, next].filter(Boolean).join(' · ');
}

@define('ws-waiting')
export class WaitingList extends LitElement {
  @property({ attribute: false }) hass!: Hass;

  @property({ attribute: false }) whose: Whose = {};

  @property({ attribute: false }) rows: readonly Waiting[] = [];

  /** How many there are in all; the rows may be fewer. */
  @property({ type: Number }) total = 0;

  private readonly notice = new Notice(this);

  constructor() {
    super();
    new WordsController(this);
  }

  private act(action: 'retry' | 'discard', row: Waiting): void {
    const whose = { config_entry_id: row.config_entry_id };
    void attempt(this, () => new Api(this.hass)[action](whose, [row.operation_id]), this.notice.say);
  }

  private all(action: 'retry' | 'discard'): void {
    void attempt(this, () => new Api(this.hass)[action](this.whose), this.notice.say);
  }

  protected override render() {
    const failed = this.rows.filter(({ status }) => status === 'failed');
    if (this.rows.length === 0) return html`<p class="quiet none">${t('waiting.none')}</p>${this.notice.render()}`;
    return html`
      ${failed.length > 1 ? html`<div class="all">
        <button class="pill main" @click=${() => this.all('retry')}>${icon('retry')}${t('waiting.retry_all')}</button>
        <button class="pill" @click=${() => this.all('discard')}>${icon('trash')}${t('waiting.discard_all')}</button>
      </div>` : nothing}
      <ul>${repeat(this.rows, (row) => row.operation_id, (row) => html`<li>
        <ws-picture .src=${row.picture} .width=${200}></ws-picture>
        <div class="text">
          <span class="title">${row.title}</span>
          <span class="quiet">${wanted(row)} · ${row.lane}</span>
          <span class=${row.status === 'failed' ? 'bad' : 'quiet'}>
            ${icon(row.status === 'failed' ? 'alert' : 'cloud')}<span title=${row.text}>${why(row)}</span></span>
          ${row.status === 'failed' ? html`<span class="actions">
            <button class="pill main" aria-label=${`${t('waiting.retry')}: ${row.title}`}
              @click=${() => this.act('retry', row)}>${icon('retry')}${t('waiting.retry')}</button>
            <button class="pill" aria-label=${`${t('waiting.discard')}: ${row.title}`}
              @click=${() => this.act('discard', row)}>${icon('trash')}${t('waiting.discard')}</button>
          </span>` : nothing}
        </div>
      </li>`)}</ul>
      ${this.total > this.rows.length
        ? html`<p class="quiet none">${tn('waiting.more', this.total - this.rows.length)}</p>` : nothing}
      ${this.notice.render()}`;
  }

  static override styles = [shared, Notice.styles, css`
    :host { display: block; }
    ul { list-style: none; margin: 0; padding: 0; }
    li { display: grid; grid-template-columns: 56px 1fr; gap: 14px; padding: 12px 0; align-items: start; }
    li + li { border-block-start: 1px solid var(--ws-line); }
    ws-picture { --ws-round: 8px; }
    .text { display: grid; gap: 3px; font-size: 14px; line-height: 20px; min-width: 0; }
    .text > span:not(.actions) { display: flex; gap: 6px; }
    .text .icon { margin-block-start: 1px; }
    .title { font-size: 15px; font-weight: 500; }
    .actions, .all { display: flex; flex-wrap: wrap; gap: 8px; margin-block-start: 8px; }
    .all { margin: 0 0 8px; }
    .none { margin: 16px 0; }
  `];
}
