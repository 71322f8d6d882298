// The page on screens of any size, by touch, by keyboard alone, and as assistive technology has it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { axe, command, launch, look, open, serve, state, until } from './browser.mjs';

const RUN = 'v1&ramp=0&report_every_steps=1&steps=500&width=0.25&auxiliary_width=0.25&batch_size=16&attack_steps=1&evaluate_every_steps=0&probe_every_steps=0';
/** What a thumb hits, in points. */
const THUMB = 44;

let host;
before(async () => { host = await serve(); });
after(() => host.close());

const ready = (page) => until(page, () => window.greatLab.state().activity === 'paused', 'the run to be set up');
/** Where an element of the mirror lies. */
const box = (page, name) => page.locator(`#mirror [aria-label="${name}"]`).first().boundingBox();

/** Waits until the browser keeps a look of the window of which that holds. */
const remembered = (page, holds) => page.waitForFunction((holds) => {
  const kept = localStorage.getItem('great-lab window');
  return kept && new Function('look', `return (${holds})(look)`)(JSON.parse(kept));
}, holds.toString());

function assertApart(panes, { width, height }, what) {
  for (const [index, one] of panes.entries()) {
    const [x, y, w, h] = one.rect;
    assert.ok(x >= -1 && y >= -1 && x + w <= width + 1 && y + h <= height + 1, `${what}: ${one.name} sticks out: ${one.rect}`);
    for (const other of panes.slice(index + 1)) {
      const [left, top, wide, high] = other.rect;
      const isApart = x + w <= left + 1 || left + wide <= x + 1 || y + h <= top + 1 || top + high <= y + 1;
      assert.ok(isApart, `${what}: ${one.name} ${one.rect} lies on ${other.name} ${other.rect}`);
    }
  }
}

describe('by touch', () => {
  let browser;
  before(async () => { browser = await launch({ gpu: false, hasTouch: true }); });
  after(() => browser.close());

  for (const [width, height, layout] of [
    [390, 844, 'upright'], [360, 640, 'upright'], [844, 390, 'lying'], [820, 1180, 'tablet'], [640, 400, 'lying'], [1280, 800, 'tablet'],
  ]) {
    it(`has room for everything on ${width}×${height}, and Run can be reached`, async () => {
      const page = await browser.context.newPage();
      await page.setViewportSize({ width, height });
      await page.goto(`${host.address}?device=cpu#${RUN}`);
      await page.waitForFunction(() => document.body.matches('.ready, .failed'));
      await ready(page);
      await until(page, (layout) => window.greatLab.state().window.layout === layout, layout, layout);
      await page.waitForSelector('#mirror [aria-label="Run"]', { state: 'attached' });
      const { panes } = (await state(page)).window;
      assert.ok(panes.length >= 2, JSON.stringify(panes));
      assertApart(panes, { width, height }, `${width}×${height}`);
      let run = await box(page, 'Run');
      // The first frame of a layout may still have the sizes of the one before.
      for (let tries = 0; run.height < THUMB && tries < 30; tries += 1) {
        await page.waitForTimeout(100);
        run = await box(page, 'Run');
      }
      assert.ok(run.x >= 0 && run.y >= 0 && run.x + run.width <= width && run.y + run.height <= height, JSON.stringify(run));
      assert.ok(run.width >= THUMB && run.height >= THUMB, JSON.stringify(run));
      await page.touchscreen.tap(run.x + run.width / 2, run.y + run.height / 2);
      await until(page, () => window.greatLab.state().step > 0, 'a step');
      await page.waitForTimeout(1500);
      await command(page, 'pause');
      const { colours, commonest } = await look(page, `${width}x${height}`);
      assert.ok(colours > 100 && commonest < 0.95, `${colours} colours, one on ${commonest}`);
      await page.close();
    });
  }

  it('shows each pane of a telephone by its tab, and the knobs over it', async () => {
    const page = await browser.context.newPage();
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto(`${host.address}?device=cpu#${RUN}`);
    await page.waitForFunction(() => document.body.matches('.ready'));
    await ready(page);
    const shown = async () => (await state(page)).window.panes.map(({ name }) => name);
    const tap = async (name) => {
      await page.waitForSelector(`#mirror [aria-label="${name}"]`, { state: 'attached' });
      const { x, y, width, height } = await box(page, name);
      await page.touchscreen.tap(x + width / 2, y + height / 2);
    };
    assert.deepEqual(await shown(), ['game', 'histograms']);
    await tap('Discriminator');
    await until(page, () => window.greatLab.state().window.panes[1]?.name === 'discriminator', 'the discriminator');
    await tap('Knobs');
    await until(page, () => window.greatLab.state().window.panes[1]?.name === 'knobs', 'the knobs');
    await look(page, '390x844-knobs');
    await tap('Knobs');
    await until(page, () => window.greatLab.state().window.panes[1]?.name === 'discriminator', 'the discriminator again');
    await remembered(page, (look) => look.board.chosen === 'discriminator');
    await page.reload();
    await page.waitForFunction(() => document.body.matches('.ready'));
    await until(page, () => window.greatLab.state().window.panes[1]?.name === 'discriminator', 'the discriminator after a reload');
    await page.close();
  });
});

it('looks after a reload as it did, but not in somebody else\'s page', async (t) => {
  const browser = await launch({ gpu: false, colorScheme: 'light' });
  t.after(() => browser.close());
  const page = await open(browser.context, `${host.address}?device=cpu#${RUN}`);
  await ready(page);
  const rect = async (name, page) => (await state(page)).window.panes.find((pane) => pane.name === name).rect;
  assert.equal((await state(page)).window.layout, 'wide');
  const [x, y, width, height] = await rect('game', page);
  // What divides the columns, dragged to the right.
  await page.mouse.move(x + width + 3, y + height / 2);
  await page.mouse.down();
  await page.mouse.move(x + width + 63, y + height / 2, { steps: 6 });
  await page.mouse.up();
  await page.locator('#mirror [aria-label="Dark theme"]').first().focus();
  await page.keyboard.press('Enter');
  await remembered(page, (look) => look.theme === 'Dark' && look.board.columns);
  const wider = await rect('game', page);
  assert.ok(wider[2] > width + 40, `${width} to ${wider[2]}`);
  await page.reload();
  await page.waitForFunction(() => document.body.matches('.ready'));
  await page.waitForSelector('#mirror [aria-label="Light theme"]', { state: 'attached' });
  assert.deepEqual(await rect('game', page), wider);
  const embedded = await open(browser.context, `${host.address}?embed&device=cpu#${RUN}`);
  await until(embedded, () => window.greatLab.state().window.panes.length, 'the panes');
  assert.equal((await rect('game', embedded))[2], width);
  await embedded.close();
  // What is no look is none.
  await page.evaluate(() => localStorage.setItem('great-lab window', '{"version":1,"board":{"columns":{"row":[[1e9,{"pane":"smell"}]]}}}'));
  await page.reload();
  await page.waitForSelector('#mirror [aria-label="Dark theme"]', { state: 'attached' });
  assert.equal((await rect('game', page))[2], width);
});

it('has the colours of a system that asks for more contrast', async (t) => {
  const browser = await launch({ gpu: false, forcedColors: 'active', colorScheme: 'dark' });
  t.after(() => browser.close());
  const page = await open(browser.context, `${host.address}?device=cpu#${RUN}`);
  await ready(page);
  const [paper, ink] = await page.evaluate(() => [document.body.dataset.paper, document.body.dataset.ink]);
  assert.match(`${paper} ${ink}`, /^rgb\(\d+, \d+, \d+\) rgb\(\d+, \d+, \d+\)$/);
  assert.equal((await look(page, 'contrast')).colour, paper);
});

describe('for everyone', () => {
  let browser, page;
  before(async () => {
    browser = await launch({ gpu: false });
    page = await open(browser.context, `${host.address}?device=cpu#${RUN}`);
    await ready(page);
    // The mirror shows it as well: what cannot be pressed is left out by Tab.
    await page.waitForSelector('#mirror [aria-label="Step"]:not([disabled])', { state: 'attached' });
  });
  after(() => browser.close());

  it('has nothing that axe finds serious', async () => {
    await page.evaluate(axe());
    const violations = await page.evaluate(async () => {
      const { violations } = await window.axe.run(document);
      return violations.filter(({ impact }) => ['serious', 'critical'].includes(impact))
        .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map(({ html }) => html).join(' ')}`);
    });
    assert.deepEqual(violations, []);
  });

  it('can be worked by keys alone', async () => {
    const focused = () => page.evaluate(() => {
      const element = document.activeElement;
      return { name: element.getAttribute('aria-label') ?? '', role: element.dataset.role ?? element.tagName, value: element.getAttribute('aria-valuetext') ?? element.value ?? '' };
    });
    await page.evaluate(() => document.activeElement.blur());
    const seen = [];
    for (let index = 0; index < 400; index++) {
      await page.keyboard.press('Tab');
      const now = await focused();
      if (now.role === 'BODY' || (seen.length > 10 && now.name === seen[0].name && now.role === seen[0].role)) break;
      seen.push(now);
    }
    const names = seen.map(({ name }) => name);
    for (const name of ['File', 'Run', 'Reset', 'Step']) assert.ok(names.includes(name), `${name} in ${names.join(', ')}`);
    assert.ok(seen.filter(({ role }) => role === 'slider' || role === 'spinbutton').length > 8, JSON.stringify(seen));
    assert.ok(seen.every(({ name }) => name), JSON.stringify(seen.filter(({ name }) => !name)));
    // The adversary's weight, up by a key.
    const alpha = page.locator('#mirror [role="slider"]').first();
    await alpha.focus();
    // Its name gets a dot when it is turned.
    const [slider, before] = [await alpha.elementHandle(), await alpha.getAttribute('aria-valuenow')];
    await page.keyboard.press('ArrowUp');
    await page.waitForFunction(([slider, before]) => slider.getAttribute('aria-valuenow') !== before, [slider, before]);
    await page.locator('#mirror [aria-label="Run"]').focus();
    await page.keyboard.press('Enter');
    await until(page, () => window.greatLab.state().step > 0, 'a step');
    // And a shortcut, wherever the focus is.
    await page.locator('#mirror [role="slider"]').first().focus();
    await page.keyboard.press('Space');
    await until(page, () => window.greatLab.state().activity === 'paused', 'the pause');
    // A sentence every ten seconds at most.
    await until(page, () => /step \d/i.test(document.querySelector('#spoken').textContent), 'a sentence about the run');
  });
});
