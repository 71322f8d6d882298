// A world of points on the page: its plane, its speed on the CPU, and the guided tour by a link.

import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';

import { launch, look, open, serve, state, until } from './browser.mjs';

const WORLD = 'v1&data=moons&mode=great&epsilon=0.08&steps=400&normalization=constant&gradient_noise=1&probe_every_steps=0';

let host, browser;
before(async () => {
  host = await serve();
  browser = await launch({ gpu: false });
});
after(async () => {
  await browser.close();
  host.close();
});

it('learns a world and shows all of it', async () => {
  const page = await open(browser.context, `${host.address}?device=cpu#${WORLD}&run`);
  await until(page, () => window.greatLab.state().activity === 'finished' && window.greatLab.state().robustness?.complete, 'the run to end');
  const { window: seen, robustness } = await state(page);
  const names = seen.panes.map((pane) => pane.name);
  assert.ok(names.includes('plane') && !names.includes('samples'), names.join());
  assert.ok(robustness.curves.some(({ attack }) => attack === 'grid'), JSON.stringify(robustness));
  assert.ok((await look(page, 'world')).colours > 100);
  await page.close();
});

it('leads to a stop of the guided tour', async () => {
  const page = await open(browser.context, `${host.address}?device=cpu#v1&tour=3`);
  await until(page, () => window.greatLab.state().config.setup.data === 'blobs', 'the run of the tour');
  await page.waitForSelector('#mirror [aria-label="Skip"]', { state: 'attached' });
  await page.locator('#mirror [aria-label="Leave"]').first().focus();
  await page.keyboard.press('Enter');
  await page.waitForSelector('#mirror [aria-label="Skip"]', { state: 'detached' });
  await page.close();
});
