// Worlds of points on the page, one that was drawn among them, the guided tour by a link, and a picture of one's own.

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

it('learns what was drawn for a link', async () => {
  const page = await open(browser.context, `${host.address}?device=cpu#v1&data=drawn&drawing=e8AoEBa1Gk9G&steps=300&learning_rate=1/100&probe_every_steps=0&run`);
  await until(page, () => window.greatLab.state().activity === 'finished' && window.greatLab.state().robustness?.complete, 'the run to end');
  const { robustness: { clean } } = await state(page);
  assert.ok(clean.hits > 0.97 * clean.total, JSON.stringify(clean));
  await page.close();
});

it('says what the network takes a dropped picture for', async () => {
  const page = await open(browser.context, `${host.address}?device=cpu#v1&steps=60&width=0.25&auxiliary_width=0.25&batch_size=16&evaluate_every_steps=0&probe_every_steps=0`);
  await until(page, () => window.greatLab.state().activity === 'paused', 'a run that is set up');
  const dropped = async (name, type) => page.evaluate(async ([name, type]) => {
    const canvas = new OffscreenCanvas(60, 40);
    canvas.getContext('2d').fillRect(0, 0, 20, 40);
    const blob = type ? await canvas.convertToBlob({ type }) : new Blob(['no picture']);
    const dropped = new DataTransfer();
    dropped.items.add(new File([blob], name));
    document.getElementById('lab').dispatchEvent(new DragEvent('drop', { dataTransfer: dropped, bubbles: true, cancelable: true }));
  }, [name, type]);
  await dropped('photo.jpg', 'image/jpeg');
  await until(page, () => window.greatLab.state().predicted?.name === 'photo.jpg', 'what it is taken for');
  const { predicted } = await state(page);
  assert.match(predicted.changes.join(), /60 × 40 pixels, of which the middle 40 × 40 became 28 × 28/);
  assert.ok(predicted.probability > 0.1 && predicted.class.length > 2, JSON.stringify(predicted));
  await dropped('words.png');
  await until(page, () => /words\.png: this is no picture in PNG/.test(window.greatLab.state().notice), 'the notice');
  await page.close();
});

it('says what the network takes a pasted picture for', async () => {
  const page = await open(browser.context, `${host.address}?device=cpu#v1&steps=60&width=0.25&auxiliary_width=0.25&batch_size=16&evaluate_every_steps=0&probe_every_steps=0`);
  await until(page, () => window.greatLab.state().activity === 'paused', 'a run that is set up');
  const pasted = async (text) => page.evaluate(async (text) => {
    const canvas = new OffscreenCanvas(28, 28);
    canvas.getContext('2d').fillRect(0, 0, 9, 28);
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([await canvas.convertToBlob()], 'image.png', { type: 'image/png' }));
    if (text) clipboardData.setData('text', text);
    document.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
  }, text);
  // Cells of a sheet come with a picture of them, and stay text.
  await pasted('1\t2');
  await page.waitForTimeout(2000);
  assert.equal((await state(page)).predicted ?? null, null);
  await pasted();
  await until(page, () => window.greatLab.state().predicted?.name === 'pasted.png', 'what it is taken for');
  await page.close();
});

it('learns several tasks of points', async () => {
  const page = await open(browser.context, `${host.address}?device=cpu#v1&scenario=multitask&multitask_method=great&data=rings&steps=200&learning_rate=5/1000&evaluate_every_steps=0&probe_every_steps=0&run`);
  await until(page, () => window.greatLab.state().activity === 'finished', 'the run to end');
  const told = (await state(page)).config.setup;
  assert.deepEqual([told.scenario, told.data], ['multitask', 'rings']);
  const last = await page.evaluate(() => window.greatLab.metrics().at(-1));
  assert.ok(last.accuracy > 0.8, JSON.stringify(last));
  await page.close();
});
