/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{c as o,e}from"./part-JP7ET3O6.js";var i={alert:"M12 8v5M12 16.5v.5M12 3.5 2.5 20h19z",back:"M15 5l-7 7 7 7",check:"M5 12.5l4.5 4.5L19 7.5",close:"M6 6l12 12M18 6L6 18",cloud:"M7 18.5a4.5 4.5 0 0 1-.5-8.97 6 6 0 0 1 11.4 1.02A4 4 0 0 1 17.5 18.5z",differ:"M5 9h14M5 15h14M15 5L9 19",down:"M6 9l6 6 6-6",film:"M4 5h16v14H4zM8 5v14M16 5v14M4 9.7h4M4 14.3h4M16 9.7h4M16 14.3h4",history:"M4.5 12a7.5 7.5 0 1 0 2.4-5.5M4 4.5v4h4M12 8v4.5l3 1.8",level:"M5 8h14M5 16h14M9 4v8M15 12v8",library:"M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",menu:"M4 7h16M4 12h16M4 17h16",retry:"M19 12a7 7 0 1 1-2.3-5.2M19 4v4h-4",rewind:"M11 7l-6 5 6 5zM19 7l-6 5 6 5z",search:"M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.5 15.5L20 20",trash:"M5 7h14M10 7V4.5h4V7M7 7l1 12.5h8L17 7",undo:"M8 5L4 9l4 4M4 9h10a5 5 0 0 1 0 10H9",upTo:"M4 12.5l4 4 6-8M12 15.5l1.5 1.5L20 8.5"};function a(r){return e`<svg viewBox="0 0 24 24" aria-hidden="true" class="icon icon-${r}"
    fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"
    stroke-linejoin="round"><path d=${i[r]}></path></svg>`}var d=o`
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
`;export{a,d as b};
