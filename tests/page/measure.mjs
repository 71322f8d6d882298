// How long the page takes: from its address to the window, a run and the first step, and between two pictures while it trains.

import { launch, metrics, open, serve, state, until } from './browser.mjs';

/** Training watched for pictures, in seconds. */
const WATCHED = 20;

/** Notes each picture's time, from before the lab is there. */
function watch() {
  window.pictures = [];
  const note = (now) => {
    window.pictures.push(now);
    requestAnimationFrame(note);
  };
  requestAnimationFrame(note);
}

async function measure(host, gpu, query, what) {
  const browser = await launch({ gpu });
  const begin = Date.now();
  const since = () => ((Date.now() - begin) / 1000).toFixed(1);
  const page = await open(browser.context, `${host.address}?run&${query}#v1&report_every_steps=1`, watch);
  const window_ = since();
  await until(page, () => window.greatLab.state().activity === 'running', 'the run');
  const run = since();
  await until(page, () => window.greatLab.metrics().length > 0, 'the first step');
  const first = since();
  const [from, steps] = [await page.evaluate(() => performance.now()), (await metrics(page)).length];
  await page.waitForTimeout(1000 * WATCHED);
  const pictures = (await page.evaluate(() => window.pictures)).filter((time) => time > from);
  const gaps = pictures.slice(1).map((time, index) => time - pictures[index]).sort((a, b) => a - b);
  const at = (share) => Math.round(gaps[Math.floor(share * (gaps.length - 1))]);
  const perSecond = ((await metrics(page)).length - steps) / WATCHED;
  const { device } = await state(page);
  const between = gaps.length
    ? `between two of them ${at(0.5)} ms (median), ${at(0.99)} ms (99 of 100), ${at(1)} ms (longest)`
    : 'too few to time';
  console.log(
    `${what} (${device.name}): window after ${window_} s, run set up after ${run} s, first step after ${first} s; ` +
      `${perSecond.toFixed(1)} steps a second; ${pictures.length} pictures in ${WATCHED} s, ${between}`,
  );
  await browser.close();
}

const host = await serve();
await measure(host, false, 'device=cpu', 'without WebGPU');
await measure(host, true, 'device=gpu', 'with WebGPU');
host.close();
