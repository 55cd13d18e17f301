// One subscription for all cards and pages that show the same persons.
import type { ReactiveController, ReactiveControllerHost } from 'lit';
import { Api, merge, type LibraryChange, type View, type ViewEvent, type Whose } from './api.js';
import { isWsError, type Hass, type WsError } from './hass.js';

/** Milliseconds until a subscription that was refused is tried again. */
const AGAIN = 5000;

interface Told {
  view?: View;
  error?: WsError;
  library?: LibraryChange;
}

type Listener = (told: Told) => void;

class Subscription {
  readonly listeners = new Set<Listener>();

  private view: View | undefined;

  private error: WsError | undefined;

  private ended = false;

  private end: (() => Promise<void> | void) | undefined;

  private timer: ReturnType<typeof setTimeout> | undefined;

  private readonly api: Api;

  constructor(private readonly hass: Hass, private readonly whose: Whose) {
    this.api = new Api(hass);
    hass.connection.addEventListener('ready', this.begin);
    void this.begin();
  }

  private readonly begin = async (): Promise<void> => {
    clearTimeout(this.timer);
    try {
      const end = await this.api.subscribe(this.whose, (event) => this.hear(event));
      if (this.ended) await end();
      else this.end = end;
    } catch (error) {
      if (!isWsError(error)) throw error;
      this.error = error;
      this.publish();
      // Watched Sync may still be starting, or be set up later.
      if (!this.ended) this.timer = setTimeout(() => void this.begin(), AGAIN);
    }
  };

  private hear(event: ViewEvent): void {
    this.error = undefined;
    this.view = merge(this.view, event);
    this.publish(event.type === 'all' ? { reload: true } : event.library);
  }

  private publish(library?: LibraryChange): void {
    const told = { ...this.known(), ...(library && { library }) };
    this.listeners.forEach((listener) => listener(told));
  }

  known(): Told {
    return { ...(this.view && { view: this.view }), ...(this.error && { error: this.error }) };
  }

  close(): void {
    this.ended = true;
    this.hass.connection.removeEventListener('ready', this.begin);
    clearTimeout(this.timer);
    // A connection that is gone has ended it already.
    void Promise.resolve(this.end?.()).catch(() => undefined);
  }
}

const subscriptions = new WeakMap<object, Map<string, Subscription>>();

/** Be told what *whose* view is now, and of each change, until the function is called. */
export function follow(hass: Hass, whose: Whose, listener: Listener): () => void {
  const { connection } = hass;
  const ours = subscriptions.get(connection) ?? new Map<string, Subscription>();
  subscriptions.set(connection, ours);
  const key = JSON.stringify([whose, hass.language]);
  const subscription = ours.get(key) ?? new Subscription(hass, whose);
  ours.set(key, subscription);
  subscription.listeners.add(listener);
  const known = subscription.known();
  if (known.view || known.error) listener(known);
  return () => {
    subscription.listeners.delete(listener);
    if (subscription.listeners.size === 0 && ours.get(key) === subscription) {
      ours.delete(key);
      subscription.close();
    }
  };
}

/** The view of an element's persons, followed while the element is on the page. */
export class ViewController implements ReactiveController {
  view: View | undefined;

  error: WsError | undefined;

  /** Whether the element is on the page. */
  private isThere = false;

  private followed = '';

  private stop: (() => void) | undefined;

  constructor(
    private readonly host: ReactiveControllerHost,
    /** Says who is followed; nobody while it returns undefined. */
    private readonly wanted: () => { hass: Hass; whose: Whose } | undefined,
    /** Hears of what looks different in the library. */
    private readonly changed: (library: LibraryChange) => void = () => undefined,
  ) {
    host.addController(this);
  }

  hostConnected(): void {
    this.isThere = true;
    this.host.requestUpdate();
  }

  hostUpdate(): void {
    // An answer that came late draws an element once more that nobody sees any longer.
    if (!this.isThere) return;
    const wanted = this.wanted();
    const key = wanted ? JSON.stringify([wanted.whose, wanted.hass.language]) : '';
    if (key === this.followed) return;
    this.end();
    this.followed = key;
    this.view = undefined;
    this.error = undefined;
    if (!wanted) return;
    let sync = true;
    this.stop = follow(wanted.hass, wanted.whose, ({ view, error, library }) => {
      if (library) this.changed(library);
      this.view = view;
      this.error = error;
      if (!sync) this.host.requestUpdate();
    });
    sync = false;
  }

  hostDisconnected(): void {
    this.isThere = false;
    this.end();
  }

  private end(): void {
    this.stop?.();
    this.stop = undefined;
    this.followed = '';
  }
}
