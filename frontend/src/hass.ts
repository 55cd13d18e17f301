// What this uses of the `hass` object that Home Assistant gives its cards and pages.

export interface Connection {
  subscribeMessage<Event>(
    callback: (event: Event) => void,
    message: Record<string, unknown>,
    options?: { resubscribe?: boolean },
  ): Promise<() => Promise<void> | void>;
  /** `ready` is told whenever the connection is there again. */
  addEventListener(event: 'ready', listener: () => void): void;
  removeEventListener(event: 'ready', listener: () => void): void;
}

export interface Hass {
  language: string;
  locale?: { time_format: 'language' | 'system' | '12' | '24' };
  /** Whether Home Assistant itself can be reached. */
  connected?: boolean;
  user?: { id: string; is_admin: boolean };
  connection: Connection;
  callWS<Answer>(message: Record<string, unknown>): Promise<Answer>;
}

/** Home Assistant's error message, as `callWS` throws it. */
export interface WsError {
  code: string;
  message: string;
  translation_domain?: string;
  translation_key?: string;
  translation_placeholders?: Record<string, string>;
}

/** Whether something caught is an answer of Home Assistant's, and not a fault of ours. */
export function isWsError(error: unknown): error is WsError {
  return typeof error === 'object' && error !== null && 'code' in error && 'message' in error;
}

/** Tell Home Assistant, as its own parts do: the event leaves the shadow tree. */
export function tell(from: EventTarget, type: string, detail: unknown = {}): void {
  from.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
}

/** Open a page of Home Assistant without loading everything anew. */
export function navigate(path: string, replace = false): void {
  history[replace ? 'replaceState' : 'pushState'](null, '', path);
  tell(window, 'location-changed', { replace });
}
