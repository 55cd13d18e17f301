// The pages of the panel, in the order of their tabs. A page is a module of its own,
// loaded when it is opened.
import { html, type TemplateResult } from 'lit';
import type { View, Who, Whose } from '../api.js';
import type { Hass } from '../hass.js';
import type { Icon } from '../parts/icons.js';
import type { Key } from '../words.js';

/** Where Home Assistant asks to sign in again. */
export const SIGN_IN = '/config/integrations/integration/watched_sync';

/** What a page is given. */
export interface PageContext {
  hass: Hass;
  who: Who;
  /** The key of the person shown; empty for nobody in particular. */
  person: string;
  /** The same person, as the commands name them. */
  whose: Whose;
  /** What is up next, waits, and how the lanes are; undefined until it is told. */
  view: View | undefined;
  /** What follows the page's name in the address, taken apart and decoded. */
  rest: string[];
  narrow: boolean;
}

export interface Page {
  /** Its part of the address: `/watched/<path>`. */
  path: string;
  title: Key;
  icon: Icon;
  load: () => Promise<unknown>;
  render: (context: PageContext) => TemplateResult;
}

export const PAGES: readonly Page[] = [
  {
    path: 'up-next',
    title: 'card.title_up_next',
    icon: 'film',
    load: () => import('./up-next.js'),
    render: (context) => html`<ws-page-up-next .context=${context}></ws-page-up-next>`,
  },
  {
    path: 'library',
    title: 'library.title',
    icon: 'library',
    load: () => import('./library.js'),
    render: (context) => html`<ws-page-library .context=${context}></ws-page-library>`,
  },
  {
    path: 'history',
    title: 'history.title',
    icon: 'history',
    load: () => import('./history.js'),
    render: (context) => html`<ws-page-history .context=${context}></ws-page-history>`,
  },
  {
    path: 'waiting',
    title: 'health.tab',
    icon: 'cloud',
    load: () => import('./waiting.js'),
    render: (context) => html`<ws-page-waiting .context=${context}></ws-page-waiting>`,
  },
  {
    path: 'level',
    title: 'level.tab',
    icon: 'level',
    load: () => import('./level.js'),
    render: (context) => html`<ws-page-level .context=${context}></ws-page-level>`,
  },
];

/** The page of an address below `/watched`, and what follows its name. */
export function pageAt(path: string): { page: Page; rest: string[] } {
  const [name, ...rest] = path.split('/').filter(Boolean).map(decodeURIComponent);
  const page = PAGES.find((one) => one.path === name) ?? PAGES[0] as Page;
  return { page, rest };
}
