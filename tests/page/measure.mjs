// How long the page takes: bytes and seconds until its window is there and until its first step, over a slow line and with
// nothing kept; then what the browser shows a second and the longest gap between two of its pictures while it trains, how many
// of them the window has drawn anew, and steps a second.
//     GREAT_LAB_PAGE names another folder than the page that was built last.

import { launch, launchFirefox, serve } from './browser.mjs';

/** Training watched for pictures, in seconds. */
const WATCHED = 10;
/** Bytes a second of the slow line (10 Mbit/s), and milliseconds there and back. */
const LINE = { downloadThroughput: 10e6 / 8, uploadThroughput: 10e6 / 8, latency: 40, offline: false };

/** Notes when the window is there, when the first step is done and when each picture is drawn, from before the lab is there. */
function watch() {
  window.noted = { pictures: [], drawn: [] };
  let drew = false;
  const { drawElements } = WebGL2RenderingContext.prototype;
  WebGL2RenderingContext.prototype.drawElements = function draw(...how) {
    drew = true;
    return drawElements.apply(this, how);
  };
  const note = (now) => {
    window.noted.pictures.push(now);
    if (drew) window.noted.drawn.push(now);
    drew = false;
    if (!window.noted.window && document.body?.classList.contains('ready')) window.noted.window = now;
    if (!window.noted.step && window.greatLab) {
      try { if (window.greatLab.metrics().length > 0) window.noted.step = performance.now(); } catch { /* it is drawing */ }
    }
    requestAnimationFrame(note);
  };
  requestAnimationFrame(note);
}

/** Without the service worker: what it fetches comes by no slow line. */
const QUERY = (device, world) => `?run&offline=0&${device}#v1&${world ? `data=${world}&steps=1000000` : 'report_every_steps=1'}`;

/** Opens the page over the slow line and waits for the first step. */
async function load(browser, host, device, world) {
  const page = await browser.context.newPage();
  const session = await browser.context.newCDPSession(page);
  let bytes = 0;
  await session.send('Network.enable');
  await session.send('Network.emulateNetworkConditions', LINE);
  session.on('Network.loadingFinished', ({ encodedDataLength }) => { bytes += encodedDataLength; });
  await page.addInitScript(watch);
  await page.goto(host.address + QUERY(device, world), { waitUntil: 'commit' });
  await page.waitForFunction(() => window.noted?.step, null, { timeout: 300_000 });
  const { window: shown, step } = await page.evaluate(() => window.noted);
  await page.close();
  return `window after ${(shown / 1000).toFixed(1)} s, first step after ${(step / 1000).toFixed(1)} s, ${(bytes / 1e6).toFixed(2)} MB`;
}

/** Watches a page that trains. */
async function train(evaluate, wait) {
  await wait(5);
  const begin = await evaluate(() => [performance.now(), window.greatLab.state().step]);
  await wait(WATCHED);
  const [pictures, drawn, steps, device] = await evaluate(() => {
    const state = window.greatLab.state();
    return [window.noted.pictures, window.noted.drawn, state.step, state.device.name];
  });
  const meanwhile = (time) => time > begin[0] && time < begin[0] + 1000 * WATCHED;
  const seen = pictures.filter(meanwhile);
  const gaps = seen.slice(1).map((time, index) => time - seen[index]).sort((a, b) => a - b);
  const longest = gaps.length ? `${Math.round(gaps.at(-1))} ms` : 'no two pictures';
  const anew = drawn.filter(meanwhile).length / WATCHED;
  return `${(seen.length / WATCHED).toFixed(1)} pictures a second, ${anew.toFixed(1)} of them drawn anew, longest gap ${longest}, ${((steps - begin[1]) / WATCHED).toFixed(1)} steps a second (${device})`;
}

async function chromium(host, gpu, device, what, world) {
  let browser = await launch({ gpu });
  const loaded = await load(browser, host, device, world);
  await browser.close();
  browser = await launch({ gpu });
  const page = await browser.context.newPage();
  await page.addInitScript(watch);
  await page.goto(host.address + QUERY(device, world));
  await page.waitForFunction(() => window.noted?.step, null, { timeout: 300_000 });
  const trained = await train((ask) => page.evaluate(ask), (seconds) => page.waitForTimeout(1000 * seconds));
  await browser.close();
  console.log(`${what}: ${loaded}; ${trained}`);
}

async function firefox(host, device, what) {
  const browser = await launchFirefox();
  const page = await browser.newPage();
  await page.evaluateOnNewDocument(watch);
  await page.goto(host.address + QUERY(device));
  await page.waitForFunction(() => window.noted?.step, { timeout: 300_000 });
  const { window: shown, step } = await page.evaluate(() => window.noted);
  const trained = await train((ask) => page.evaluate(ask), (seconds) => new Promise((go) => setTimeout(go, 1000 * seconds)));
  await browser.close();
  console.log(`${what}: window after ${(shown / 1000).toFixed(1)} s, first step after ${(step / 1000).toFixed(1)} s (no slow line); ${trained}`);
}

const host = await serve();
const chosen = process.argv.slice(2);
const all = {
  'Chromium without WebGPU': (what) => chromium(host, false, 'device=cpu', what),
  'Chromium on a world': (what) => chromium(host, false, 'device=cpu', what, 'moons'),
  'Chromium with WebGPU': (what) => chromium(host, true, 'device=gpu', what),
  'Firefox': (what) => firefox(host, 'device=cpu', what),
};
for (const [what, measure] of Object.entries(all)) {
  if (chosen.length === 0 || chosen.some((word) => what.includes(word))) await measure(what);
}
host.close();
