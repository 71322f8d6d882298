// The trainer beside the page: that it trains there, and what becomes of the page when it dies, does not come or is not wanted.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { command, launch, metrics, open, serve, state, until } from './browser.mjs';

// Of so many steps that none ends while a test looks elsewhere, however fast the machine.
const RUN = 'v1&ramp=0&report_every_steps=1&histogram_every_steps=0&evaluate_every_steps=0&probe_every_steps=0&steps=100000&seed=3&width=0.25&auxiliary_width=0.25&batch_size=16&attack_steps=1';

let host, browser;
before(async () => {
  host = await serve();
  browser = await launch({ gpu: false });
});
after(async () => {
  await browser.close();
  host.close();
});

/** A browser of a test's own, which ends with it. */
async function launchFor(t, options) {
  const other = await launch(options);
  t.after(() => other.close());
  return other;
}

/** Lets the test lay hands on the page's workers. */
function seeWorkers() {
  window.workers = [];
  window.Worker = class extends window.Worker {
    constructor(...given) {
      super(...given);
      window.workers.push(this);
    }
  };
}
const paused = (page) => until(page, () => window.greatLab.state().activity === 'paused', 'a run that is set up');

it('trains in a worker as on the page\'s own thread', async () => {
  const rows = [];
  for (const query of ['device=cpu', 'device=cpu&worker=0']) {
    const page = await open(browser.context, `${host.address}?${query}#${RUN}`, seeWorkers);
    await paused(page);
    assert.equal(await page.evaluate(() => window.workers.length), query.includes('worker') ? 0 : 1);
    await command(page, 'step 6');
    await until(page, () => window.greatLab.metrics().length === 6, 'six steps');
    rows.push((await metrics(page)).map(({ loss, auxiliary_loss, gradient_rms }) => [loss, auxiliary_loss, gradient_rms]));
    await page.close();
  }
  assert.deepEqual(rows[0], rows[1]);
});

describe('a worker that dies', () => {
  for (const [how, kill] of [
    ['is ended by the browser', () => window.workers.at(-1).terminate()],
    ['runs out of memory', () => window.workers.at(-1).onmessage({ data: { failed: 'memory allocation failed' } })],
  ]) {
    it(`says so where it ${how}, and goes on from the last checkpoint`, async () => {
      const page = await open(browser.context, `${host.address}?run&device=cpu#${RUN}`, seeWorkers);
      // A checkpoint comes early while the run is young.
      await until(page, () => window.greatLab.state().step >= 30, 'thirty steps');
      await page.waitForTimeout(3000);
      await page.evaluate(kill);
      await until(page, () => window.greatLab.state().failures.length > 0, 'the failure');
      const { failures, activity, step } = await state(page);
      assert.match(failures[0].what, /the trainer has stopped/);
      assert.match(failures[0].advice, /Run goes on from the last checkpoint, of step \d+; Reset begins anew/);
      assert.equal(activity, 'paused');
      const from = Number(failures[0].advice.match(/step (\d+)/)[1]);
      assert.ok(from <= step, `${from} ${step}`);
      await command(page, 'run');
      await until(page, (from) => window.greatLab.state().run === 2 && window.greatLab.state().step > from, 'the run to go on', from);
      const first = (await metrics(page)).at(0);
      assert.equal(first.step, from + 1);
      await page.close();
    });
  }

  it('begins anew where there is no checkpoint', async () => {
    const page = await open(browser.context, `${host.address}?device=cpu#${RUN}`, seeWorkers);
    await paused(page);
    await page.evaluate(() => window.workers.at(-1).terminate());
    await until(page, () => window.greatLab.state().failures.length > 0, 'the failure');
    assert.match((await state(page)).failures[0].advice, /Run and Reset begin anew/);
    await command(page, 'evaluate');
    await until(page, () => /has stopped/.test(window.greatLab.state().notice), 'the notice');
    await command(page, 'reset');
    await paused(page);
    await until(page, () => window.greatLab.state().run === 2, 'another run');
    await command(page, 'step 2');
    await until(page, () => window.greatLab.state().step === 2, 'two steps');
    await page.close();
  });
});

it('has the data that it was given again when it begins anew', async (t) => {
  const other = await launchFor(t, { gpu: false });
  const page = await open(other.context, `${host.address}?device=cpu&offline=0#${RUN}`, seeWorkers);
  await paused(page);
  await page.evaluate(() => {
    const word = (number) => [number >> 24, number >> 16, number >> 8, number].map((byte) => byte & 255);
    const images = (n) => Uint8Array.from([...word(0x803), ...word(n), ...word(8), ...word(8), ...Array.from({ length: 64 * n }, (_, i) => (97 * i) % 256)]);
    const labels = (n) => Uint8Array.from([...word(0x801), ...word(n), ...Array.from({ length: n }, (_, i) => i % 2)]);
    const dropped = new DataTransfer();
    for (const [name, bytes] of [['train-images-idx3-ubyte', images(80)], ['train-labels-idx1-ubyte', labels(80)],
      ['t10k-images-idx3-ubyte', images(10)], ['t10k-labels-idx1-ubyte', labels(10)]]) dropped.items.add(new File([bytes], name));
    document.getElementById('lab').dispatchEvent(new DragEvent('drop', { dataTransfer: dropped, bubbles: true, cancelable: true }));
  });
  await until(page, () => window.greatLab.state().data === 'your files', 'the data');
  await page.evaluate(() => window.workers.at(-1).terminate());
  await until(page, () => window.greatLab.state().failures.length > 0, 'the failure');
  await command(page, 'reset');
  await until(page, () => window.greatLab.state().run === 3 && window.greatLab.state().data === 'your files', 'the data again');
});

it('goes on where it was after the browser had put the tab to sleep', async () => {
  const page = await open(browser.context, `${host.address}?run&device=cpu#${RUN}`);
  await until(page, () => window.greatLab.state().step >= 5, 'five steps');
  const browsers = await browser.context.newCDPSession(page);
  await browsers.send('Page.setWebLifecycleState', { state: 'frozen' });
  await new Promise((awake) => setTimeout(awake, 20_000));
  await browsers.send('Page.setWebLifecycleState', { state: 'active' });
  const { step } = await state(page);
  await until(page, (step) => window.greatLab.state().step > step + 5, 'more steps', step);
  const { failures } = await state(page);
  const steps = (await metrics(page)).map(({ step }) => step);
  assert.deepEqual(failures, []);
  assert.deepEqual(steps, steps.map((_, index) => index + 1), 'no report is lost');
  await page.close();
});

it('says so where a network needs more memory than a page can have', async () => {
  const page = await open(browser.context, `${host.address}?device=cpu#${RUN}`);
  await paused(page);
  await command(page, 'link v1&network=cnn-medium&width=4&batch_size=8192');
  await command(page, 'step 1');
  await until(page, () => window.greatLab.state().failures.length > 0, 'the failure');
  const [{ what, advice }] = (await state(page)).failures;
  assert.match(`${what} ${advice}`, /refused memory, and held \d\.\d GB|more memory at once than a page can have/);
  await command(page, `link ${RUN}`);
  await paused(page);
  await command(page, 'step 2');
  await until(page, () => window.greatLab.state().step === 2, 'two steps of a smaller one');
  await page.close();
});

describe('a trainer that does not come', () => {
  for (const [how, answer, says] of [
    ['is not there', (route) => route.fulfill({ status: 404 }), /the server answered 404/],
    ['breaks off', (route) => route.abort('connectionreset'), /could not be fetched|network/i],
    ['is no module', (route) => route.fulfill({ status: 200, contentType: 'application/wasm', body: 'nothing' }), /WebAssembly|compile/i],
  ]) {
    it(`says so where it ${how}, and is asked for again`, async (t) => {
      const other = await launchFor(t, { gpu: false });
      const pattern = '**/great-lab-trainer_bg*.wasm';
      await other.context.route(pattern, answer);
      const page = await open(other.context, `${host.address}?device=cpu&offline=0#${RUN}`);
      await until(page, () => window.greatLab.state().failures.length > 0, 'the failure');
      assert.match((await state(page)).failures[0].what, says);
      await other.context.unroute(pattern);
      await command(page, 'run');
      await until(page, () => window.greatLab.state().step > 0, 'a step');
        });
  }
});

it('says when the worker\'s GPU is lost', async (t) => {
  const other = await launchFor(t, { gpu: true });
  await other.context.route('**/worker-*.js', async (route) => {
    const response = await route.fetch();
    const patch = `{ const request = GPUAdapter.prototype.requestDevice;
      GPUAdapter.prototype.requestDevice = async function (...wishes) { return (globalThis.device = await request.apply(this, wishes)); }; }\n`;
    const text = await response.text();
    const after = text.lastIndexOf('import ');
    const line = text.indexOf('\n', after) + 1;
    await route.fulfill({ response, body: text.slice(0, line) + patch + text.slice(line) });
  });
  const page = await open(other.context, `${host.address}?device=gpu&offline=0#${RUN}`);
  await paused(page);
  await page.workers()[0].evaluate(() => globalThis.device.destroy());
  await until(page, () => window.greatLab.state().failures.some(({ what }) => /took the GPU away/.test(what)), 'the failure');
});

it('works without a network once it has been whole', async (t) => {
  const other = await launchFor(t, { gpu: false });
  const page = await open(other.context, `${host.address}?device=cpu#${RUN}`);
  await paused(page);
  await until(page, async () => {
    const cache = await caches.open('great-lab');
    return (await cache.keys()).some(({ url }) => url.endsWith('/some/path/'));
  }, 'the page to be kept');
  await other.context.setOffline(true);
  await page.reload();
  await until(page, () => window.greatLab?.state().activity === 'paused', 'the run to be set up again');
  await command(page, 'step 1');
  await until(page, () => window.greatLab.state().step === 1, 'a step');
});

it('asks before a changed address starts another run, and reads ?run=0', async () => {
  const page = await open(browser.context, `${host.address}?run=0&device=cpu#${RUN}&run`);
  await paused(page);
  await page.evaluate(() => { location.hash = '#v1&seed=77&width=0.25'; });
  const start = '#mirror [aria-label="Start it"]';
  await page.waitForSelector(start, { state: 'attached' });
  assert.notEqual((await state(page)).config.setup.seed, 77);
  await page.locator(start).focus();
  await page.keyboard.press('Enter');
  await until(page, () => window.greatLab.state().config.setup.seed === 77, 'the knobs of the address');
  await page.evaluate(() => { location.hash = '#v1&seed=78'; });
  await page.waitForSelector('#mirror [aria-label="Keep this run"]', { state: 'attached' });
  await page.locator('#mirror [aria-label="Keep this run"]').focus();
  await page.keyboard.press('Enter');
  await until(page, () => location.hash.includes('seed=77'), 'the address to be put back');
  await page.close();
});

it('fetches data and bundles from elsewhere, and says what is wrong with them', async (t) => {
  const word = (number) => [number >> 24, number >> 16, number >> 8, number].map((byte) => byte & 255);
  const images = (n) => Buffer.from([...word(0x803), ...word(n), ...word(8), ...word(8), ...Array.from({ length: 64 * n }, (_, index) => (97 * index) % 256)]);
  const labels = (n) => Buffer.from([...word(0x801), ...word(n), ...Array.from({ length: n }, (_, i) => i % 2)]);
  const files = { 'train-images-idx3-ubyte': images(80), 'train-labels-idx1-ubyte': labels(80), 't10k-images-idx3-ubyte': images(10), 't10k-labels-idx1-ubyte': labels(10) };
  const other = await launchFor(t, { gpu: false });
  const headers = { 'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' };
  await other.context.route('https://elsewhere.example/**', (route) => {
    const name = new URL(route.request().url()).pathname.split('/').pop();
    if (name === 'closed') return route.abort('failed');
    if (!(name in files)) return route.fulfill({ status: 404, headers });
    return route.fulfill({ status: 200, headers, body: files[name] });
  });
  const at = (name) => `data=${encodeURIComponent(`https://elsewhere.example/set/${name}`)}`;
  const page = await open(other.context, `${host.address}?device=cpu&${Object.keys(files).map(at).join('&')}`);
  await until(page, () => window.greatLab.state().data === 'your files', 'the data');
  for (const [name, says] of [['absent', /server answered 404/], ['closed', /Access-Control-Allow-Origin/]]) {
    const failing = await open(other.context, `${host.address}?device=cpu&${at(name)}`);
    await until(failing, () => window.greatLab.state().failures.length > 0, 'the failure');
    assert.match((await state(failing)).failures[0].what, says);
    await failing.close();
  }
});
