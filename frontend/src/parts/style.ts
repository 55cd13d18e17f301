// Looks that several parts share. Colours are the theme's; lengths follow the reading
// direction, so that right-to-left needs nothing of its own.
import { css } from 'lit';

export const shared = css`
  :host {
    --ws-accent: var(--primary-color, #03a9f4);
    --ws-card: var(--ha-card-background, var(--card-background-color, #fff));
    --ws-text: var(--primary-text-color, #141414);
    --ws-quiet: var(--secondary-text-color, #5e5e5e);
    --ws-line: var(--divider-color, #e0e0e0);
    --ws-error: var(--error-color, #db4437);
    --ws-done: var(--success-color, #43a047);
    --ws-tint: color-mix(in srgb, var(--ws-accent) 16%, var(--ws-card));
    --ws-faint: color-mix(in srgb, var(--ws-text) 7%, var(--ws-card));
    --ws-round: 12px;
    color: var(--ws-text);
    font-family: var(--ha-font-family-body, inherit);
    -webkit-font-smoothing: antialiased;
  }
  *, *::before, *::after { box-sizing: border-box; }
  [hidden] { display: none !important; }
  .icon { width: 1.25em; height: 1.25em; flex: none; display: block; }
  :host(:dir(rtl)) .icon-back, :host(:dir(rtl)) .icon-undo, :host(:dir(rtl)) .icon-rewind { transform: scaleX(-1); }
  button, a.button {
    font: inherit; color: inherit; border: 0; background: none; padding: 0; margin: 0;
    cursor: pointer; text-align: start; text-decoration: none; touch-action: manipulation;
    -webkit-tap-highlight-color: transparent;
  }
  button:disabled { cursor: default; }
  :focus-visible { outline: 2px solid var(--ws-accent); outline-offset: 2px; }
  .pill {
    display: inline-flex; align-items: center; justify-content: center; gap: 8px;
    min-height: 40px; padding: 0 16px; border-radius: 20px; background: var(--ws-faint);
    font-size: 14px; font-weight: 500; white-space: nowrap; color: inherit; text-decoration: none;
    transition: background-color .15s;
  }
  .pill:hover:not(:disabled) { background: color-mix(in srgb, var(--ws-text) 13%, var(--ws-card)); }
  .pill.main { background: var(--ws-tint); }
  .pill.main:hover:not(:disabled) { background: color-mix(in srgb, var(--ws-accent) 28%, var(--ws-card)); }
  .pill:disabled { opacity: .5; }
  .round {
    display: grid; place-items: center; width: 44px; height: 44px; border-radius: 50%; flex: none;
  }
  .round:hover { background: var(--ws-faint); }
  .quiet { color: var(--ws-quiet); }
  .bad { color: color-mix(in srgb, var(--ws-error) 78%, var(--ws-text)); }
  .line { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
  .unseen {
    position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
    white-space: nowrap;
  }
  @media (prefers-reduced-motion: reduce) {
    *, *::before, *::after { animation: none !important; transition: none !important; }
  }
`;
