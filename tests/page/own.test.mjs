// A network that somebody else trained: dropped onto the page, looked at, attacked, trained on; nothing is uploaded.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, it } from 'node:test';

import { command, drop, launch, look, metrics, native, open, program, scratch, serve, state, table, until } from './browser.mjs';

/** A few held-out images under few attacks, a report each step. */
const RUN = [
  'v1&mode=great&ramp=0&alpha=0.1&report_every_steps=1&evaluate_every_steps=0&probe_every_steps=0&steps=100000&seed=3',
  'auxiliary_width=0.25&batch_size=16&attack_steps=1&evaluate_samples=32&epsilon=0.1',
].join('&');

const folder = scratch();
const file = path.join(folder, 'model.onnx');
let host, browser, page;
before(async () => {
  host = await serve();
  browser = await launch({ gpu: false });
  const run = path.join(folder, 'run');
  const knobs = ['width=0.5', 'evaluate_every_steps=0', 'probe_every_steps=0'].flatMap((knob) => ['--set', knob]);
  await native('train', '--mode', 'baseline', '--steps', 80, '--quiet', ...knobs, '--out', run);
  await program('export', run, file);
  page = await open(browser.context, `${host.address}?device=cpu#${RUN}`, () => {
    window.workers = [];
    window.Worker = class extends window.Worker {
      constructor(...given) {
        super(...given);
        window.workers.push(this);
      }
    };
  });
  await until(page, () => window.greatLab.state().activity === 'paused', 'a run that is set up');
});
after(async () => {
  await browser?.close();
  host?.close();
});

it('is looked at once it is dropped', async () => {
  await drop(page, [file]);
  await until(page, () => {
    const { network, activity, gradients } = window.greatLab.state();
    return network?.name === 'model.onnx' && activity === 'paused' && gradients === 0;
  }, 'the gradients of the network');
  const { failures, network, config } = await state(page);
  assert.deepEqual(failures, []);
  assert.ok(network.weights > 1000, JSON.stringify(network));
  assert.equal(config.setup.pretrained, 'model.onnx');
  const { colours, commonest } = await look(page, 'own');
  assert.ok(colours > 100 && commonest < 0.8, 'the page shows it');
});

it('is attacked as the program attacks it', async () => {
  await command(page, 'evaluate');
  await until(page, () => window.greatLab.state().robustness?.complete, 'an evaluation');
  const { robustness: { clean, curves } } = await state(page);
  const out = path.join(folder, 'evaluated');
  await native('evaluate', file, '--data', 'fashion-mnist', '--attack', 'fgsm', '--epsilon', '0.1', '--samples', 32, '--quiet', '--out', out);
  const rows = table(path.join(out, 'robustness.csv'));
  const right = (radius) => rows.find(({ epsilon }) => epsilon === radius).correct;
  const fgsm = curves.find(({ attack, target }) => attack === 'fgsm' && target === 'untargeted').points.find(({ epsilon }) => epsilon === 0.1);
  // Of so few images one more or less may be decided by rounding.
  assert.ok(clean.hits > 7, `it was trained: ${clean.hits} of ${clean.total}`);
  assert.ok(Math.abs(clean.hits - right(0)) <= 1, `${clean.hits} and ${right(0)}`);
  assert.ok(Math.abs(fgsm.robust.hits - right(0.1)) <= 1, `${fgsm.robust.hits} and ${right(0.1)}`);
});

it('is trained on, also by a trainer that takes the place of another', async () => {
  await command(page, 'step 5');
  await until(page, () => window.greatLab.metrics().length >= 5, 'five steps');
  const first = (await metrics(page))[0].loss;
  assert.ok(first < 2.1, `it begins with what it knows: ${first}`);
  await page.evaluate(() => window.workers.at(-1).terminate());
  await until(page, () => window.greatLab.state().failures.length === 1, 'its end');
  await command(page, 'reset');
  await until(page, () => {
    const { network, activity, step } = window.greatLab.state();
    return network?.name === 'model.onnx' && activity === 'paused' && step === 0;
  }, 'the network in another trainer');
  await command(page, 'step 1');
  await until(page, () => window.greatLab.metrics().length === 1, 'a step');
  assert.ok(Math.abs((await metrics(page))[0].loss - first) < 1e-6, 'the same step');
});

it('is refused in words where it is none, and the run at hand stays', async () => {
  const cut = path.join(folder, 'cut.onnx');
  fs.writeFileSync(cut, fs.readFileSync(file).subarray(0, 2000));
  await drop(page, [cut]);
  await until(page, () => window.greatLab.state().failures.length > 1, 'a refusal');
  const { failures } = await state(page);
  assert.match(failures.at(-1).what, /cut\.onnx: .*no whole ONNX file/);
});
