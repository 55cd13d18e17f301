// The card's editor: whose, what, how it looks. Home Assistant's own form does the rest.
import { LitElement, html, nothing } from 'lit';
import { property, state } from 'lit/decorators.js';
import { define } from '../define.js';
import { Api, type Who, type Work } from '../api.js';
import { tell, type Hass } from '../hass.js';
import { askWho } from '../who.js';
import { WordsController, hasWords, loadWords, t } from '../words.js';
import { WHATS, type CardConfig } from './config.js';

/** Shows offered to choose from. */
const SHOWS = 200;

interface Field {
  name: keyof CardConfig;
  label: string;
  help?: string;
  required?: boolean;
  selector: Record<string, unknown>;
}

const select = (options: readonly { value: string; label: string }[], dropdown = false) => ({
  select: { options, mode: dropdown ? 'dropdown' : 'list' },
});

@define('watched-sync-card-editor')
export class CardEditor extends LitElement {
  @property({ attribute: false }) hass: Hass | undefined;

  @state() private config: CardConfig | undefined;

  @state() private who: Who | undefined;

  @state() private shows: Work[] = [];

  private begun = false;

  constructor() {
    super();
    new WordsController(this);
  }

  setConfig(config: CardConfig): void {
    this.config = config;
  }

  protected override willUpdate(): void {
    if (this.hass && !this.begun) {
      this.begun = true;
      void this.begin(this.hass);
    }
  }

  private async begin(hass: Hass): Promise<void> {
    await loadWords(hass);
    this.who = await askWho(hass);
    this.shows = (await new Api(hass).library({}, { kinds: ['show'], limit: SHOWS })).works;
  }

  private fields(): Field[] {
    const persons = this.who?.persons ?? [];
    const isShow = this.config?.what === 'show';
    return [
      {
        name: 'what',
        label: t('editor.what'),
        selector: select(WHATS.map((value) => ({ value, label: t(`card.title_${value}`) }))),
      },
      ...(isShow ? [{
        name: 'show' as const,
        label: t('editor.show'),
        required: true,
        selector: select(this.shows.map((show) => ({ value: show.ref, label: show.full_title })), true),
      }] : []),
      ...(persons.length > 1 ? [{
        name: 'person' as const,
        label: t('editor.person'),
        help: t('editor.person_help'),
        selector: select(persons.map(({ key, name }) => ({ value: key, label: name })), true),
      }] : []),
      ...(isShow ? [] : [
        {
          name: 'look' as const,
          label: t('editor.look'),
          selector: select((['posters', 'list'] as const).map((value) => ({ value, label: t(`editor.look_${value}`) }))),
        },
        {
          name: 'rows' as const,
          label: t('editor.rows'),
          selector: { number: { min: 1, max: 4, step: 1, mode: 'slider' } },
        },
      ]),
      { name: 'title', label: t('editor.title'), selector: { text: {} } },
    ];
  }

  private changed(value: CardConfig): void {
    const kept = Object.entries(value).filter(([, one]) => one !== '' && one !== undefined && one !== null);
    const config = Object.fromEntries(kept) as unknown as CardConfig;
    if (config.what !== 'show') delete config.show;
    this.config = config;
    tell(this, 'config-changed', { config });
  }

  protected override render() {
    if (!this.hass || !this.config || !hasWords()) return nothing;
    const data = { what: 'up_next', look: 'posters', rows: 1, ...this.config };
    return html`<ha-form .hass=${this.hass} .data=${data} .schema=${this.fields()}
      .computeLabel=${({ label }: Field) => label}
      .computeHelper=${({ help }: Field) => help}
      @value-changed=${(event: CustomEvent<{ value: CardConfig }>) => {
        event.stopPropagation();
        this.changed(event.detail.value);
      }}></ha-form>`;
  }
}
