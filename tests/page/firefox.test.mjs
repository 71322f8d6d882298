// The page in a real Firefox: it computes on the CPU, draws by WebGL, and hands out a checkpoint.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, it } from 'node:test';

import { launchFirefox, look, native, scratch, serve } from './browser.mjs';

const RUN = 'v1&ramp=0&report_every_steps=1&histogram_every_steps=0&evaluate_every_steps=0&probe_every_steps=0&steps=50&seed=3&width=0.25&auxiliary_width=0.25&batch_size=16&learning_rate=5/1000&attack_steps=1';

const folder = scratch();
let host, browser;
before(async () => {
  host = await serve();
  browser = await launchFirefox(folder);
});
after(async () => {
  await browser?.close();
  host.close();
});

it('trains in Firefox, draws, and saves a checkpoint that the native program reads', async () => {
  const page = await browser.newPage();
  const wait = (condition, what) => page.waitForFunction(condition, { timeout: 240_000, polling: 200 }).catch(async (error) => {
    const seen = await page.evaluate(() => `${document.querySelector('main').innerText}\n${JSON.stringify(window.greatLab?.state())}`);
    throw new Error(`waited for ${what}: ${error}\n${seen}`);
  });
  await page.goto(`${host.address}?run#${RUN}`);
  await wait(() => document.body.matches('.ready, .failed'), 'the window');
  await wait(() => window.greatLab.state().step >= 5, 'five steps');
  const { device } = await page.evaluate(() => window.greatLab.state());
  assert.equal(device.backend, 'flex');
  await page.evaluate(() => window.greatLab.command('pause'));
  await wait(() => window.greatLab.state().activity === 'paused', 'the pause');
  await new Promise((go) => setTimeout(go, 1000));
  const { colours, commonest } = await look(page, 'firefox');
  assert.ok(colours > 100 && commonest < 0.95, `${colours} colours, one on ${commonest}`);
  const { step } = await page.evaluate(() => window.greatLab.state());
  await page.evaluate(() => window.greatLab.command('save'));
  const file = path.join(folder, `great-lab-step-${step}.safetensors`);
  for (let tries = 0; !fs.existsSync(file) && tries < 100; tries++) await new Promise((go) => setTimeout(go, 200));
  await new Promise((go) => setTimeout(go, 500));
  await native('evaluate', file, '--attack', 'noise', '--epsilon', '0.1', '--samples', '8', '--out', path.join(folder, 'evaluation'));
});
