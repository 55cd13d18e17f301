// A browser that obeys: one JSON command a line on stdin, one JSON answer a line on
// stdout. `browser.py` is the other end. Started as
//   node browser.mjs ROOT '{"url": ..., "tokens": ..., "dark": ..., "width": ..., "height": ...}'
// where ROOT holds .browser/ as `scripts/setup browser` makes it. Without tokens nobody
// is signed in; without a url any page of this machine may be opened.
import { createRequire } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';

const [root, json] = process.argv.slice(2);
const options = JSON.parse(json);
const { chromium } = createRequire(path.join(root, '.browser', 'package.json'))('playwright-core');

const browser = await chromium.launch({
  executablePath: fs.readFileSync(path.join(root, '.browser', 'chromium'), 'utf8').trim(),
  headless: true,
  args: [
    '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-dev-shm-usage',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--force-color-profile=srgb', '--font-render-hinting=none',
    // The only one that keeps Chromium itself from calling out.
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
  ],
});
const context = await browser.newContext({
  viewport: { width: options.width, height: options.height },
  deviceScaleFactor: options.scale ?? 1,
  colorScheme: options.dark ? 'dark' : 'light',
  locale: 'en-GB', timezoneId: 'Europe/Amsterdam', reducedMotion: 'reduce',
  serviceWorkers: 'block', // Home Assistant's would fetch a hundred files in advance
});
if (options.tokens) {
  await context.addInitScript(({ language, ...tokens }) => {
    localStorage.setItem('hassTokens', JSON.stringify(tokens));
    localStorage.setItem('selectedLanguage', JSON.stringify(language));
    // The sidebar takes no more room than it must.
    localStorage.setItem('dockedSidebar', JSON.stringify('auto'));
  }, { ...options.tokens, language: options.language });
}
const page = await context.newPage();
page.setDefaultTimeout(options.timeout ?? 30000);

const errors = [];
page.on('console', (message) => {
  if (message.type() === 'error') errors.push(`console: ${message.text().slice(0, 400)}`);
});
page.on('pageerror', (error) => errors.push(`page: ${error.message}`));
page.on('response', (answer) => {
  if (answer.status() >= 400) errors.push(`http ${answer.status()}: ${answer.url().slice(0, 300)}`);
});

let open = 0;
let lastRequest = Date.now();
const traffic = (change) => (request) => {
  if (request.resourceType() === 'websocket') return;
  open = Math.max(0, open + change);
  lastRequest = Date.now();
};
page.on('request', traffic(+1));
page.on('requestfinished', traffic(-1));
page.on('requestfailed', traffic(-1));

/** Wait until nothing is in flight and the whole (shadow) document has been still. */
async function settled(quiet = 300, limit = 8000) {
  const end = Date.now() + limit;
  let before = '';
  let since = Date.now();
  while (Date.now() < end) {
    const now = await page.evaluate(() => {
      let count = 0;
      let length = 0;
      const walk = (node) => {
        for (const element of node.querySelectorAll('*')) {
          count++;
          length += element.attributes.length;
          if (!element.childElementCount) length += element.textContent.length;
          if (element.shadowRoot) walk(element.shadowRoot);
        }
      };
      walk(document);
      return `${location.href} ${count} ${length}`;
    });
    if (now !== before || open > 0) {
      before = now;
      since = Date.now();
    } else if (Date.now() - since >= quiet && Date.now() - lastRequest >= quiet) {
      return;
    }
    await page.waitForTimeout(60);
  }
}

/** Wait until the frontend is connected and shows a page instead of a spinner. */
async function ready() {
  await page.waitForFunction(() => {
    const { hass } = document.querySelector('home-assistant') ?? {};
    return hass?.connected && hass.config?.state === 'RUNNING' && Object.keys(hass.states ?? {}).length > 0;
  });
  await page.waitForFunction(() => {
    const busy = (node) => [...node.querySelectorAll('*')].some((element) => (
      (/^(ha-launch-screen|hass-loading-screen|ha-spinner|ha-fade-in)$/.test(element.localName)
        && element.getClientRects().length && getComputedStyle(element).visibility !== 'hidden')
      || (element.shadowRoot && busy(element.shadowRoot))
    ));
    return !document.getElementById('ha-launch-screen') && !busy(document);
  }, undefined, { polling: 100 });
  await settled();
}

/** Have the frontend show another address, as a link in it does. */
const show = (to) => page.evaluate((there) => {
  history.pushState(null, '', there);
  window.dispatchEvent(new CustomEvent('location-changed', { detail: { replace: false } }));
}, to);

/** What Chromium calls the work of a page's own thread; what is inside of another counts there. */
const WORK = {
  script: ['FireAnimationFrame', 'EventDispatch', 'FunctionCall', 'TimerFire', 'RunMicrotasks',
    'WebSocketReceive', 'EvaluateScript', 'MinorGC', 'MajorGC'],
  layout: ['UpdateLayoutTree', 'Layout', 'IntersectionObserverController::computeIntersections'],
  paint: ['PrePaint', 'Paint', 'Layerize', 'Commit', 'UpdateLayer'],
};

/** Return for each frame between two marks the milliseconds of the processor by kind of work. */
function workOfFrames(events, mark) {
  const marks = events.filter(({ name }) => name === mark).sort((one, other) => one.ts - other.ts);
  const kinds = new Map(Object.entries(WORK).flatMap(([kind, names]) => names.map((name) => [name, kind])));
  const own = events.filter(({ name, ph, pid, tid }) => (
    ph === 'X' && kinds.has(name) && pid === marks[0].pid && tid === marks[0].tid
  )).sort((one, other) => one.ts - other.ts || other.dur - one.dur);
  const frames = marks.slice(1).map(() => ({ script: 0, layout: 0, paint: 0 }));
  const around = [];
  let frame = -1;
  for (const event of own) {
    while (frame + 1 < marks.length && marks[frame + 1].ts <= event.ts) frame += 1;
    while (around.length && around.at(-1).ts + around.at(-1).dur <= event.ts) around.pop();
    const took = (event.tdur ?? event.dur) / 1000;
    const outer = around.at(-1);
    around.push(event);
    if (!frames[frame]) continue;
    frames[frame][kinds.get(event.name)] += took;
    if (outer) frames[frame][kinds.get(outer.name)] -= took;
  }
  return frames;
}

const commands = {
  /** Open a page of Home Assistant, without a reload if it is there already. */
  async go({ to }) {
    if (page.url().startsWith(options.url) && !page.url().includes('/auth/')) {
      const here = () => page.evaluate(() => location.pathname + location.search);
      // A dialog that is still closing goes back in history a moment later: look again,
      // also once all is still, as that moment may be a long one.
      for (let round = 0; round < 5; round++) {
        if (await here() !== to) {
          await show(to);
        }
        await page.waitForTimeout(round ? 300 : 120);
        if (round && await here() === to) {
          await ready();
          if (await here() === to) return;
        }
      }
      throw new Error(`does not stay there, but is at ${await here()}`);
    }
    await page.goto(options.url + to, { waitUntil: 'domcontentloaded' });
    await ready();
  },
  /** Open any address of this machine. */
  async open({ address }) {
    await page.goto(address, { waitUntil: 'domcontentloaded' });
  },
  ready,
  settled: () => settled(),
  click: ({ at }) => page.locator(at).first().click(),
  fill: ({ at, text }) => page.locator(at).first().fill(text),
  press: ({ key }) => page.keyboard.press(key),
  wait: ({ at, state, timeout }) => page.locator(at).first().waitFor({ state, timeout }),
  count: ({ at }) => page.locator(at).count(),
  text: ({ at }) => page.locator(at).first().innerText(),
  value: ({ at }) => page.locator(at).first().inputValue(),
  path: () => new URL(page.url()).pathname,
  search: () => new URL(page.url()).search,
  /** Open a page of Home Assistant for a moment. */
  async turn({ to }) {
    await show(to);
    await page.waitForTimeout(120);
  },
  /** Do one thing, and return the milliseconds until the first match is visible. */
  async timed({ at, to, load, click, fill }) {
    const begun = performance.now();
    if (load) await page.goto(options.url + load, { waitUntil: 'commit' });
    if (to) await show(to);
    if (click) await page.locator(click).first().click();
    if (fill) await page.locator(fill[0]).first().fill(fill[1]);
    await page.locator(at).first().waitFor();
    return performance.now() - begun;
  },
  /** Click, and return the milliseconds until the text of another element is drawn as wanted. */
  async reacts({ at, click, wanted }) {
    const elements = [click, at].map((one) => page.locator(one).first().elementHandle());
    return page.evaluate(async ([button, element, pattern]) => {
      const begun = performance.now();
      button.click();
      while (!new RegExp(pattern).test(element.innerText)) {
        if (performance.now() - begun > 10_000) throw new Error(`it still says: ${element.innerText}`);
        await new Promise(requestAnimationFrame);
      }
      return performance.now() - begun;
    }, [...await Promise.all(elements), wanted]);
  },
  /** Scroll the first match, and return how many milliseconds each frame took. */
  frames: ({ at, count, pixels }) => page.locator(at).first().evaluate(async (element, [frames, step]) => {
    const took = [];
    let before = await new Promise(requestAnimationFrame);
    for (let frame = 0; frame < frames; frame++) {
      performance.mark('frame');
      element.scrollTop += step;
      const now = await new Promise(requestAnimationFrame);
      took.push(now - before);
      before = now;
    }
    return took;
  }, [count, pixels]),
  /** The same, and return for each frame what the page's own thread worked, and on what. */
  async work(details) {
    const categories = ['devtools.timeline', 'v8', 'blink.user_timing', '__metadata'];
    await browser.startTracing(page, { categories });
    await commands.frames(details);
    const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
    return workOfFrames(traceEvents, 'frame');
  },
  /**
   * Sign in by the form, and return the milliseconds until the first match is visible: from
   * the button on, and from when the page asks for a file of ours.
   */
  async login({ to, name, password, at, file }) {
    await page.goto(options.url + to, { waitUntil: 'domcontentloaded' });
    await page.locator('input[name=username]').fill(name);
    await page.locator('input[name=password]').fill(password);
    const begun = performance.now();
    await page.keyboard.press('Enter');
    await page.locator(at).first().waitFor();
    const all = performance.now() - begun;
    const own = await page.evaluate((part) => {
      const asked = performance.getEntriesByType('resource').find(({ name: url }) => url.includes(part));
      return performance.now() - asked.startTime;
    }, file);
    return { all, own };
  },
  /** Return the bytes of the heap and the nodes that are held once all waste is gone. */
  async memory() {
    const session = await context.newCDPSession(page);
    for (let round = 0; round < 3; round++) await session.send('HeapProfiler.collectGarbage');
    const { usedSize } = await session.send('Runtime.getHeapUsage');
    const { nodes } = await session.send('Memory.getDOMCounters');
    await session.detach();
    return { heap: usedSize, nodes };
  },
  /** Wait until an entity's state has arrived in the frontend. */
  state: ({ entity, state }) => page.waitForFunction(([id, wanted]) => (
    document.querySelector('home-assistant').hass.states[id]?.state === wanted
  ), [entity, state]).then(() => undefined),
  async shot({ file, full }) {
    await page.screenshot({ path: file, animations: 'disabled', fullPage: full ?? false });
  },
  /** Return what axe finds wrong in the first match, by the rules of WCAG 2.2 AA. */
  async axe({ at }) {
    const source = path.join(root, 'frontend', 'node_modules', 'axe-core', 'axe.min.js');
    await page.evaluate(fs.readFileSync(source, 'utf8'));
    return page.locator(at).first().evaluate(async (element) => {
      const runOnly = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
      const { violations } = await globalThis.axe.run(element, { runOnly });
      return violations.flatMap(({ id, nodes }) => nodes.map((node) => (
        `${id}: ${node.target.flat().at(-1)}: ${node.failureSummary}`
      )));
    });
  },
  /** Return what has the focus, through all shadow roots, as its text or label. */
  focused: () => page.evaluate(() => {
    let element = document.activeElement;
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    return element?.getAttribute('aria-label') ?? element?.textContent?.trim() ?? '';
  }),
  back: () => page.goBack().then(() => undefined),
  resize: ({ width, height }) => page.setViewportSize({ width, height }),
  /** Return what went wrong in the page since the last time this was asked. */
  errors: () => errors.splice(0),
};

process.stdout.write('{"result":"here"}\n');
for await (const line of readline.createInterface({ input: process.stdin })) {
  const { command, ...details } = JSON.parse(line);
  let answer;
  try {
    answer = { result: (await commands[command](details)) ?? null };
  } catch (error) {
    answer = { error: `${command} ${JSON.stringify(details)}: ${error.message}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
