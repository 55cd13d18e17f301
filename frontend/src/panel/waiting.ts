// What waits or failed, and why; and how the servers are.
import { LitElement, css, html, nothing } from 'lit';
import { property } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { define } from '../define.js';
import { Api, type Lane } from '../api.js';
import { icon } from '../parts/icons.js';
import { attempt } from '../parts/marks.js';
import { Notice } from '../parts/notice.js';
import { shared } from '../parts/style.js';
import '../parts/waiting.js';
import { WordsController, ago, moment, percent, reason, status, t, tn } from '../words.js';
import { SIGN_IN, type PageContext } from './pages.js';

@define('ws-page-waiting')
export class WaitingPage extends LitElement {
  @property({ attribute: false }) context!: PageContext;

  private readonly notice = new Notice(this);

  constructor() {
    super();
    new WordsController(this);
  }

  private async tryNow(lane: Lane): Promise<void> {
    const whose = { config_entry_id: lane.config_entry_id };
    const api = new Api(this.context.hass);
    const done = await attempt(this, async () => {
      await api.syncNow(whose);
      return true;
    }, this.notice.say);
    if (done) this.notice.say(t('health.tried', { lane: lane.lane }));
  }

  protected override render() {
    const { hass, view, whose } = this.context;
    if (!view) return nothing;
    const { order, rows, pending, failed } = view.waiting;
    return html`<div class="sides">
      <section aria-labelledby="waits">
        <h2 id="waits">${t('waiting.title')}</h2>
        ${order.length ? html`<div class="box"><ws-waiting .hass=${hass} .whose=${whose} .total=${pending + failed}
            .rows=${order.flatMap((key) => rows[key] ?? [])}></ws-waiting></div>`
          : html`<p class="none">${icon('check')}<span>${t('health.none')}</span></p>`}
      </section>
      <section aria-labelledby="servers">
        <h2 id="servers">${t('health.title')}</h2>
        <ul>${repeat(view.health.order, (key) => key, (key) => {
          const lane = view.health.rows[key];
          return lane ? this.renderLane(lane) : nothing;
        })}</ul>
      </section>
    </div>${this.notice.render()}`;
  }

  private renderLane(lane: Lane) {
    const { status: how } = lane;
    const bad = how === 'auth_required' || how === 'failed';
    const reading = lane.loaded && lane.inventory !== 'complete' && lane.percent !== null;
    const away = how === 'offline';
    return html`<li>
      <div class="head">
        <span class="dot ${bad ? 'bad-dot' : away ? 'away' : how === 'synced' ? 'good' : ''}"></span>
        <span class="name">${lane.lane}</span>
        <span class=${bad ? 'bad' : 'quiet'}>${lane.loaded && how ? status(how) : t('health.not_loaded')}</span>
      </div>
      <div class="facts quiet" aria-live="polite">
        ${lane.last_error && how !== 'synced' ? html`<span class="why">${reason(lane.last_error)}</span>` : nothing}
        ${away && lane.since ? html`<span>${t('health.since', { time: moment(lane.since) })}</span>` : nothing}
        ${lane.next_attempt && how !== 'synced' ? html`<span>${t('health.next', { time: ago(lane.next_attempt) })}</span>` : nothing}
        ${lane.pending ? html`<span>${tn('card.waiting', lane.pending)}</span>` : nothing}
        ${lane.failed ? html`<span class="bad">${tn('card.failed', lane.failed)}</span>` : nothing}
        ${lane.last_synced ? html`<span>${t('health.last', { time: ago(lane.last_synced) })}</span>` : nothing}
        ${reading ? html`<span>${t('health.reading', { percent: percent(lane.percent ?? 0) })}</span>`
          : lane.items ? html`<span>${tn('health.items', lane.items)}</span>` : nothing}
      </div>
      <div class="actions">
        ${how === 'auth_required' && this.context.who.is_admin ? html`<a class="pill main" href=${SIGN_IN}>${t('panel.sign_in')}</a>` : nothing}
        ${lane.loaded && how !== 'auth_required' ? html`<button class="pill"
          aria-label=${t(away ? 'health.try_now_at' : 'health.sync_now_at', { lane: lane.lane })}
          @click=${() => void this.tryNow(lane)}>${icon('retry')}${t(away ? 'health.try_now' : 'health.sync_now')}</button>` : nothing}
      </div>
    </li>`;
  }

  static override styles = [shared, Notice.styles, css`
    :host { display: block; }
    .sides { display: grid; grid-template-columns: minmax(0, 3fr) minmax(280px, 2fr); gap: 16px 32px; align-items: start; max-width: 1160px; margin: 0 auto; }
    h2 { margin: 0 0 10px; font-size: 18px; font-weight: 600; }
    .box, li { background: var(--ws-card); border: 1px solid var(--ws-line); border-radius: 16px; padding: 8px 16px; }
    ul { list-style: none; margin: 0; padding: 0; display: grid; gap: 12px; }
    li { display: grid; gap: 6px; padding: 14px 16px; }
    .none { display: grid; justify-items: center; gap: 12px; margin: 0; padding: 64px 16px; text-align: center; font-size: 16px; color: var(--ws-quiet); }
    .none .icon { width: 40px; height: 40px; }
    .head { display: flex; align-items: center; gap: 10px; font-size: 14px; }
    .name { font-size: 16px; font-weight: 500; flex: 1; min-width: 0; overflow-wrap: anywhere; }
    .dot { width: 10px; height: 10px; border-radius: 50%; background: var(--ws-quiet); flex: none; }
    .dot.good { background: var(--ws-done); }
    .dot.away { background: var(--warning-color, #ffa600); }
    .dot.bad-dot { background: var(--ws-error); }
    .facts { display: flex; flex-flow: row wrap; gap: 2px 14px; font-size: 13px; line-height: 19px; }
    .why { flex: 1 1 100%; color: var(--ws-text); }
    .actions { display: flex; gap: 8px; margin-block-start: 4px; }
    @media (max-width: 870px) { .sides { grid-template-columns: minmax(0, 1fr); gap: 28px; } }
  `];
}
