// The words of the page, the card and the dashboard: those of `translations/*.json`,
// section `config_panel`, in the language of whoever looks. Home Assistant fills in
// English where a language lacks something.
import type { ReactiveController, ReactiveControllerHost } from 'lit';
import type english from '../../custom_components/watched_sync/translations/en.json';
import type { Hass, WsError } from './hass.js';

type Sections = (typeof english)['config_panel'];
/** `section.key` of every word there is: a misspelt one does not compile. */
export type Key = {
  [S in keyof Sections & string]: `${S}.${keyof Sections[S] & string}`
}[keyof Sections & string];

/** Keys that come in two: `…_one` and `…_other`. */
export type Counted = Key extends infer K
  ? K extends `${infer Stem}_other` ? Stem : never : never;

type Values = Record<string, string | number>;

const PREFIX = 'component.watched_sync';

let table: Record<string, string> = {};
let spoken = '';
/** How whoever looks wants the hours counted; as their language does if nothing is said. */
let hours: { hour12?: boolean } = {};
let loading: Promise<void> | undefined;
const hosts = new Set<ReactiveControllerHost>();

function fill(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

async function read(hass: Hass, category: string): Promise<Record<string, string>> {
  const { resources } = await hass.callWS<{ resources: Record<string, string> }>({
    type: 'frontend/get_translations',
    language: hass.language,
    category,
    integration: ['watched_sync'],
  });
  return resources;
}

/** Read the words of the language of *hass*, once, and have everything say them. */
export function loadWords(hass: Hass): Promise<void> {
  const wanted = hass.locale?.time_format;
  hours = wanted === '12' || wanted === '24' ? { hour12: wanted === '12' } : {};
  if (spoken !== hass.language || loading === undefined) {
    const language = hass.language;
    spoken = language;
    const add = (before: Record<string, string>) => (more: Record<string, string>) => {
      if (spoken !== language) return;
      table = { ...before, ...more };
      hosts.forEach((host) => host.requestUpdate());
    };
    loading = read(hass, 'config_panel').then(add({})).catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    // Reasons and complaints are not needed to begin with.
    for (const category of ['entity', 'exceptions', 'selector']) {
      void loading.then(() => read(hass, category)).then((more) => add(table)(more), () => undefined);
    }
  }
  return loading;
}

/** Whether there is anything to say yet. */
export const hasWords = (): boolean => Object.keys(table).length > 0;

/** Have an element drawn again once the words are there, or other ones. */
export class WordsController implements ReactiveController {
  constructor(private readonly host: ReactiveControllerHost) {
    host.addController(this);
  }

  hostConnected(): void {
    hosts.add(this.host);
  }

  hostDisconnected(): void {
    hosts.delete(this.host);
  }
}

/** The words at *key*, with *values* in the place of `{name}`. */
export function t(key: Key, values: Values = {}): string {
  return fill(table[`${PREFIX}.config_panel.${key}`] ?? '', values);
}

/** The words at *key* for a number of things, which is also the value `count`. */
export function tn(key: Counted, count: number, values: Values = {}): string {
  const one = new Intl.PluralRules(spoken || 'en').select(count) === 'one';
  return t(`${key}_${one ? 'one' : 'other'}` as Key, { ...values, count: number(count) });
}

/** Why something failed, or waits, in words; the sensor for the status says the same. */
export function reason(key: string): string {
  const path = 'entity.sensor.sync_status.state_attributes.last_error.state';
  return table[`${PREFIX}.${path}.${key}`] ?? t('state.failed');
}

/** What may be chosen, in the words of the action. */
export const option = (selector: string, key: string): string => (
  table[`${PREFIX}.selector.${selector}.options.${key}`] ?? key
);

/** How far a levelling is, in the words of the event. */
export const levelState = (key: string): string => (
  table[`${PREFIX}.entity.event.activity.state_attributes.levelling.state.${key}`] ?? key
);

/** How a lane is, in the words of its sensor. */
export function status(key: string): string {
  return table[`${PREFIX}.entity.sensor.sync_status.state.${key}`] ?? key;
}

/** What Home Assistant answered to something it could not do. */
export function complaint(error: WsError): string {
  const words = table[`${PREFIX}.exceptions.${error.translation_key}.message`];
  if (error.translation_domain === 'watched_sync' && words !== undefined) {
    return fill(words, error.translation_placeholders ?? {});
  }
  // Nobody knows the commands as long as Watched Sync is not there.
  return error.code === 'unknown_command' && hasWords() ? t('card.not_there') : error.message;
}

export const number = (value: number): string => new Intl.NumberFormat(spoken || 'en').format(value);

/** How much of a whole, from a number out of 100. */
export const percent = (value: number): string => new Intl.NumberFormat(spoken || 'en', {
  style: 'percent',
}).format(value / 100);

/** The time of a moment, as in `20:15`. */
export const time = (iso: string): string => new Intl.DateTimeFormat(spoken || 'en', {
  timeStyle: 'short', ...hours,
}).format(new Date(iso));

/** A moment, as in `30 Nov 2026, 20:15`. */
export const moment = (iso: string): string => new Intl.DateTimeFormat(spoken || 'en', {
  dateStyle: 'medium', timeStyle: 'short', ...hours,
}).format(new Date(iso));

/** A day of the past as people call it: `Today`, `Yesterday`, then by its date. */
export function dayName(date: string, now = new Date()): string {
  const today = new Date(now.getFullYear(), now.getMonth(), now.getDate(), 12);
  const days = Math.round((new Date(`${date}T12:00:00`).getTime() - today.getTime()) / 86_400_000);
  if (days < -1 || days > 0) return day(date);
  const text = new Intl.RelativeTimeFormat(spoken || 'en', { numeric: 'auto' }).format(days, 'day');
  return text.charAt(0).toLocaleUpperCase(spoken || 'en') + text.slice(1);
}

/** A day, as in `3 December 2026`; the year only where it is not this one. */
export function day(iso: string): string {
  const date = new Date(iso.length === 10 ? `${iso}T12:00:00` : iso);
  const thisYear = date.getFullYear() === new Date().getFullYear();
  return new Intl.DateTimeFormat(spoken || 'en', {
    day: 'numeric', month: 'long', ...(thisYear ? {} : { year: 'numeric' }),
  }).format(date);
}

/** How long ago, in the largest unit that fits, as in `2 hours ago`. */
export function ago(iso: string, now = Date.now()): string {
  const seconds = (new Date(iso).getTime() - now) / 1000;
  const format = new Intl.RelativeTimeFormat(spoken || 'en', { numeric: 'auto' });
  const units = [['year', 31_557_600], ['month', 2_629_800], ['week', 604_800], ['day', 86_400],
    ['hour', 3600], ['minute', 60]] as const;
  for (const [unit, length] of units) {
    if (Math.abs(seconds) >= length) return format.format(Math.round(seconds / length), unit);
  }
  return format.format(Math.round(seconds), 'second');
}

/** How long something takes, as in `1 hr 56 min`. */
export function length(seconds: number): string {
  const minutes = Math.max(1, Math.round(seconds / 60));
  const say = (value: number, unit: string) => new Intl.NumberFormat(spoken || 'en', {
    style: 'unit', unit, unitDisplay: 'short',
  }).format(value);
  return [[Math.floor(minutes / 60), 'hour'], [minutes % 60, 'minute']]
    .filter(([value]) => value).map(([value, unit]) => say(value as number, unit as string)).join(' ');
}

/** A position, as in `1:23:45` or `23:45`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, at) => (at ? String(part).padStart(2, '0') : String(part))).join(':');
}
