// Servers that show different things as watched are brought level: first it is shown what
// would change, then it is done, and it can be stopped and taken back.
import { LitElement, css, html, nothing, type PropertyValues } from 'lit';
import { property, state } from 'lit/decorators.js';
import { define } from '../define.js';
import { Api, type LeftOut, type LevelAnswer, type LevelLane, type LevelQuestion, type Levelling } from '../api.js';
import { isWsError, navigate } from '../hass.js';
import { ask } from '../parts/ask.js';
import { icon } from '../parts/icons.js';
import { attempt } from '../parts/marks.js';
import { Notice } from '../parts/notice.js';
import { shared } from '../parts/style.js';
import { WordsController, complaint, levelState, number, option, percent, t, tn } from '../words.js';
import { pageAddress, wanted } from './address.js';
import { offerStyle, renderOffers } from './offer.js';
import type { PageContext } from './pages.js';

const COUNTS = [
  ['films', 'films_to_mark'], ['episodes', 'episodes_to_mark'],
  ['films_un', 'films_to_unmark'], ['episodes_un', 'episodes_to_unmark'],
] as const;

const goesOn = ({ state: how }: Levelling): boolean => how === 'running' || how === 'undoing';

@define('ws-page-level')
export class LevelPage extends LitElement {
  @property({ attribute: false }) context!: PageContext;

  /** Lanes that are to be level. */
  @state() private lanes: ReadonlySet<string> | undefined;

  /** The lane that the others follow; empty: each follows all others. */
  @state() private source = '';

  @state() private what: NonNullable<LevelQuestion['what']> = 'watched_and_progress';

  @state() private since = '';

  @state() private plan: LevelAnswer | undefined;

  @state() private levelling: Levelling | undefined;

  @state() private busy = false;

  @state() private said = '';

  private batch = '';

  /** Whether it was told of as being under way. */
  private wasLive = false;

  /** The one that is asked for at the moment. */
  private asked = '';

  /** The offer whose plan was asked for. */
  private offer = '';

  private readonly notice = new Notice(this);

  constructor() {
    super();
    new WordsController(this);
  }

  private get api(): Api {
    return new Api(this.context.hass);
  }

  protected override willUpdate(_: PropertyValues): void {
    const { rest, view, who } = this.context;
    if (this.lanes === undefined && view) {
      this.lanes = new Set(who.lanes.filter((lane) => lane.loaded && view.health.rows[lane.config_entry_id])
        .map((lane) => lane.config_entry_id));
    }
    this.take(wanted().get('offer') ?? '');
    const batch = rest[0] ?? '';
    if (batch !== this.batch) {
      this.batch = batch;
      this.levelling = undefined;
      this.said = '';
    }
    const live = view?.levelling.rows[batch];
    // What was told of it before its end may come after that.
    if (live && !(this.levelling?.state === 'finished' && live.state === 'running')) this.levelling = live;
    // What is under way is told; what has ended is asked for, once, also where what was
    // told last is of before it went on.
    const isOver = this.wasLive && !live;
    this.wasLive = live !== undefined;
    if (!live && batch && view && !this.said && (isOver || !this.levelling || goesOn(this.levelling))) void this.look();
  }

  /** Compare what an offer is about, once it is told. */
  private take(key: string): void {
    if (key === this.offer) return;
    const offer = this.context.view?.offers.rows[key];
    if (key && !offer) return;
    this.offer = key;
    if (!offer) return;
    this.lanes = new Set(offer.config_entry_id);
    this.source = offer.source[0] ?? '';
    this.what = 'watched_and_progress';
    this.since = '';
    void this.compare();
  }

  private show(batch_id: string): void {
    navigate(pageAddress(`level/${batch_id}`));
  }

  /** See how far it is. */
  private async look(): Promise<void> {
    const { batch } = this;
    if (this.asked === batch) return;
    this.asked = batch;
    try {
      const { levelling } = await this.api.level({ batch_id: batch });
      if (batch === this.batch) this.levelling = levelling;
    } catch (error) {
      if (!isWsError(error)) throw error;
      if (batch === this.batch) this.said = complaint(error);
    } finally {
      this.asked = '';
    }
  }

  private get question(): LevelQuestion {
    return {
      config_entry_id: [...this.lanes ?? []],
      what: this.what,
      ...(this.source && { direction: 'from', source: [this.source] }),
      ...(this.since && { since: `${this.since} 00:00:00` }),
    };
  }

  private async compare(): Promise<void> {
    this.busy = true;
    const plan = await attempt(this, () => this.api.level(this.question), this.notice.say);
    this.busy = false;
    this.plan = plan;
    this.said = '';
  }

  private async start(): Promise<void> {
    const { plan } = this;
    if (!plan) return;
    this.busy = true;
    const answer = await attempt(
      this, () => this.api.level({ ...this.question, confirm: plan.plan_id }), this.notice.say,
    );
    this.busy = false;
    if (!answer) return;
    if (answer.batch_id) {
      this.plan = undefined;
      this.show(answer.batch_id);
    } else {
      this.plan = answer;
      this.said = answer.message ?? '';
    }
  }

  private async steer(how: { stop: true } | { go_on: true }): Promise<void> {
    const done = await attempt(this, () => this.api.level({ batch_id: this.batch, ...how }), this.notice.say);
    if (done) await this.look();
  }

  private async takeBack(): Promise<void> {
    const { levelling } = this;
    if (!levelling || !await ask(this, tn('history.since_ask', levelling.done), t('ask.go_on'))) return;
    const done = await attempt(
      this, (confirm) => this.api.undo({}, { batch_id: this.batch, ...confirm }), this.notice.say,
    );
    if (done) await this.look();
  }

  protected override render() {
    const { view } = this.context;
    if (!view) return nothing;
    return html`<div class="page">
      ${this.batch ? this.renderLevelling() : this.plan ? this.renderPlan(this.plan) : this.renderChoice()}
      ${this.said ? html`<p role="status" class="said">${icon('alert')}<span>${this.said}</span></p>` : nothing}
    </div>${this.notice.render()}`;
  }

  private renderChoice() {
    const { who } = this.context;
    const lanes = who.lanes.filter(({ loaded }) => loaded);
    const chosen = lanes.filter((lane) => this.lanes?.has(lane.config_entry_id));
    const underWay = Object.values(this.context.view?.levelling.rows ?? {});
    if (lanes.length < 2) return html`<p class="empty">${icon('level')}<span>${t('level.two_needed')}</span></p>`;
    return html`<h2>${t('level.title')}</h2><p class="quiet intro">${t('level.intro')}</p>
      ${this.context.view ? renderOffers(this.context.view, this.context.hass.language) : nothing}
      ${underWay.map((one) => html`<a class="pill main way" href=${pageAddress(`level/${one.batch_id}`)}>
        ${icon('level')}${levelState(one.state)}: ${t('work.of', { count: number(one.total - one.left), all: number(one.total) })}</a>`)}
      <form class="box" @submit=${(event: Event) => { event.preventDefault(); void this.compare(); }}>
        <fieldset><legend>${t('level.between')}</legend>
          ${lanes.map((lane) => html`<label class="check"><input type="checkbox"
            .checked=${this.lanes?.has(lane.config_entry_id) ?? false}
            @change=${(event: Event) => this.choose(lane.config_entry_id, (event.target as HTMLInputElement).checked)}>
            <span>${lane.lane}</span></label>`)}
        </fieldset>
        ${this.renderSelect(t('level.way'), this.source, [['', option('level_direction', 'both')],
          ...chosen.map((lane) => [lane.config_entry_id, t('level.follow', { lane: lane.lane })] as const)], (value) => {
          this.source = value;
          if (!value && this.what === 'exact') this.what = 'watched_and_progress';
        })}
        ${this.renderSelect(t('level.what'), this.what, (this.source
          ? ['watched', 'watched_and_progress', 'exact'] : ['watched', 'watched_and_progress'])
          .map((one) => [one, option('level_what', one)] as const), (value) => {
          this.what = value as typeof this.what;
        })}
        <label class="row"><span>${t('level.since')}</span><input type="date" .value=${this.since}
          @change=${(event: Event) => { this.since = (event.target as HTMLInputElement).value; }}></label>
        <button class="pill main" ?disabled=${this.busy || chosen.length < 2}>${icon('search')}${t(this.busy ? 'level.comparing' : 'level.compare')}</button>
      </form>`;
  }

  private choose(lane: string, isChosen: boolean): void {
    const lanes = new Set(this.lanes);
    if (isChosen) lanes.add(lane);
    else lanes.delete(lane);
    this.lanes = lanes;
    if (!lanes.has(this.source)) this.source = '';
  }

  private renderSelect(
    label: string, now: string, options: readonly (readonly [string, string])[], choose: (value: string) => void,
  ) {
    return html`<label class="row choice"><span>${label}</span><select
      @change=${(event: Event) => choose((event.target as HTMLSelectElement).value)}>
      ${options.map(([value, text]) => html`<option value=${value} .selected=${value === now}>${text}</option>`)}</select>${icon('down')}</label>`;
  }

  private renderPlan(plan: LevelAnswer) {
    return html`<h2>${t('level.plan')}</h2>
      <p class="quiet intro">${plan.total ? t('level.plan_intro') : t('level.level')}</p>
      ${plan.skipped.map(({ lane }) => html`<p class="said">${icon('alert')}<span>${t('library.not_loaded', { lane })}</span></p>`)}
      <div class="lanes">${plan.lanes.map((lane) => this.renderLane(lane))}</div>
      <div class="actions">
        ${plan.total ? html`<button class="pill main" ?disabled=${this.busy} @click=${() => void this.start()}>
          ${icon('level')}${tn('level.start', plan.total)}</button>` : nothing}
        <button class="pill" @click=${() => { this.plan = undefined; this.said = ''; }}>${icon('back')}${t('level.again')}</button>
      </div>`;
  }

  private renderLane(lane: LevelLane) {
    const positions = lane.film_positions + lane.episode_positions;
    const left = Object.entries(lane.left_out) as [LeftOut, number][];
    return html`<section class="box" aria-label=${lane.lane}>
      <h3>${lane.lane}</h3>
      <ul class="counts">
        ${COUNTS.map(([word, name]) => (lane[name] ? html`<li><b>${number(lane[name])}</b> ${tn(`level.${word}`, lane[name])}</li>` : nothing))}
        ${positions ? html`<li><b>${number(positions)}</b> ${tn('level.positions', positions)}</li>` : nothing}
        ${lane.total ? nothing : html`<li>${t('level.nothing')}</li>`}
        ${lane.equal ? html`<li class="quiet">${number(lane.equal)} ${tn('level.equal', lane.equal)}</li>` : nothing}
        ${lane.probable ? html`<li class="quiet">${number(lane.probable)} ${tn('level.probable', lane.probable)}</li>` : nothing}
        ${left.map(([reason, count]) => html`<li class="quiet">${number(count)} ${tn('level.left_out', count, { reason: t(`level.reason_${reason}`) })}</li>`)}
      </ul>
      ${lane.rows.length ? html`<details><summary>${t('level.rows')}</summary><ol tabindex="0" aria-label=${lane.lane}>${lane.rows.map((row) => html`<li>
        <span>${row.title ?? row.item_id}</span><span class="quiet">${row.from}</span></li>`)}</ol>
        ${lane.total > lane.rows.length ? html`<p class="quiet">${tn('waiting.more', lane.total - lane.rows.length)}</p>` : nothing}</details>` : nothing}
    </section>`;
  }

  private renderLevelling() {
    const { levelling } = this;
    if (!levelling) return this.said ? html`<a class="pill" href=${pageAddress('level')}>${t('level.another')}</a>` : html`<div role="status"><span class="unseen">${t('card.loading')}</span></div>`;
    const { state: how, total } = levelling;
    const ended = total - levelling.left;
    const runs = goesOn(levelling);
    return html`<h2>${levelState(how)}</h2>
      <p class="quiet intro">${levelling.title ? `${levelling.title} · ` : ''}${new Intl.ListFormat(this.context.hass.language).format(levelling.sides)}</p>
      <div class="box">
        <progress max="1" .value=${total ? ended / total : 1} aria-label=${t('level.title')}></progress>
        <p role="status">${t('work.of', { count: number(ended), all: number(total) })}
          ${runs ? html`<span class="quiet">· ${percent(total ? Math.floor((100 * ended) / total) : 100)}</span>` : nothing}
          ${levelling.failed ? html`<span class="bad">· ${tn('card.failed', levelling.failed)}</span>` : nothing}</p>
        <ul class="counts">${levelling.lanes.map((lane) => html`<li><span>${lane.lane}</span>
          <span class="quiet">${t('work.of', { count: number(lane.total - lane.left), all: number(lane.total) })}</span></li>`)}</ul>
        <div class="actions">
          ${how === 'running' ? html`<button class="pill" @click=${() => void this.steer({ stop: true })}>${icon('close')}${t('level.stop')}</button>` : nothing}
          ${how === 'stopped' ? html`<button class="pill main" @click=${() => void this.steer({ go_on: true })}>${icon('retry')}${t('level.go_on')}</button>` : nothing}
          ${(how === 'finished' || how === 'stopped') && levelling.done ? html`<button class="pill" @click=${() => void this.takeBack()}>${icon('undo')}${t('level.undo')}</button>` : nothing}
          ${runs ? nothing : html`<a class="pill" href=${pageAddress('level')}>${t('level.another')}</a>`}
        </div>
      </div>`;
  }

  static override styles = [shared, offerStyle, Notice.styles, css`
    :host { display: block; }
    .page { max-width: 860px; margin: 0 auto; }
    h2 { margin: 0 0 6px; font-size: 22px; font-weight: 600; }
    h3 { margin: 0 0 8px; font-size: 16px; font-weight: 600; }
    .intro { margin: 0 0 18px; font-size: 15px; line-height: 22px; max-width: 620px; }
    .box { background: var(--ws-card); border: 1px solid var(--ws-line); border-radius: 16px; padding: 18px 20px; font-size: 15px; }
    form { display: grid; gap: 18px; justify-items: start; }
    .way { margin-block-end: 18px; }
    fieldset { border: 0; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: 4px 22px; }
    legend, .row > span { padding: 0; margin: 0 0 6px; font-size: 14px; font-weight: 500; }
    .check { display: flex; align-items: center; gap: 10px; min-height: 44px; cursor: pointer; }
    input[type='checkbox'] { width: 20px; height: 20px; margin: 0; accent-color: var(--ws-accent); }
    .row { display: grid; gap: 2px; width: min(100%, 420px); }
    select, input[type='date'] {
      height: 44px; padding: 0 14px; border-radius: 12px; border: 1px solid var(--ws-line); font: inherit;
      background: var(--ws-faint); color: var(--ws-text); color-scheme: light dark;
    }
    .choice { position: relative; }
    .choice .icon { position: absolute; inset-inline-end: 14px; inset-block-end: 10px; pointer-events: none; }
    select { appearance: none; padding-inline-end: 40px; text-overflow: ellipsis; cursor: pointer; }
    .lanes { display: grid; gap: 14px; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); }
    .counts, ol { list-style: none; margin: 0; padding: 0; display: grid; gap: 6px; font-size: 14px; line-height: 20px; }
    .counts b { font-size: 18px; font-variant-numeric: tabular-nums; }
    summary { cursor: pointer; min-height: 40px; display: flex; align-items: center; font-size: 14px; font-weight: 500; margin-block-start: 6px; }
    summary::before { content: '▸'; margin-inline-end: 6px; }
    details[open] summary::before { transform: rotate(90deg); }
    ol li, .counts li:has(span + span) { display: flex; justify-content: space-between; gap: 16px; }
    ol { max-height: 320px; overflow: auto; }
    .actions { display: flex; flex-wrap: wrap; gap: 8px; margin-block-start: 18px; }
    .said { display: flex; gap: 10px; align-items: center; margin: 14px 0; font-size: 14px; }
    progress { appearance: none; display: block; width: 100%; height: 8px; border: 0; border-radius: 4px; overflow: hidden; background: var(--ws-faint); }
    progress::-webkit-progress-bar { background: var(--ws-faint); }
    progress::-webkit-progress-value { background: var(--ws-accent); transition: inline-size .4s; }
    progress::-moz-progress-bar { background: var(--ws-accent); }
    .box p { margin: 12px 0; font-variant-numeric: tabular-nums; }
    .empty { display: grid; justify-items: center; gap: 14px; padding: 15vh 16px; font-size: 16px; text-align: center; color: var(--ws-quiet); }
    .empty .icon { width: 40px; height: 40px; }
    @media (max-width: 600px) { .box { padding: 16px; } .lanes { grid-template-columns: minmax(0, 1fr); } }
  `];
}
