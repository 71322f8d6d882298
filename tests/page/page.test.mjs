// The lab as a page, in real Chromium: what it computes, what it shows, and what it says where it cannot.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';

import { command, launch, look, metrics, native, open, scratch, serve, state, table, until } from './browser.mjs';

/** GREAT+GREACE, a report each step, α from the first step on, nothing beside the training; small, for software. */
const RUN = [
  'v1&ramp=0&report_every_steps=1&histogram_every_steps=0&evaluate_every_steps=0&probe_every_steps=0&steps=50&seed=3',
  'width=0.25&auxiliary_width=0.25&batch_size=16&learning_rate=5/1000&attack_steps=1&evaluate_samples=24',
].join('&');
/** Compared with the native run, step by step. */
const COMPARED = ['loss', 'accuracy', 'auxiliary_loss', 'auxiliary_accuracy', 'gradient_rms', 'alpha'];
/** What two ways to compute in single precision may differ by. */
const TOLERANCE = 1e-3;

/** A GPU in software takes seconds a step on a machine with other things to do. */
const PATIENCE = 900;

const reached = (page, step) =>
  until(page, (step) => window.greatLab.metrics().length >= step, `step ${step}`, step, PATIENCE);
const mean = (rows, name) => rows.reduce((sum, row) => sum + row[name], 0) / rows.length;

function assertEqualMetrics(page, program) {
  assert.equal(page.length, program.length);
  for (const [index, row] of page.entries()) {
    for (const name of COMPARED) {
      const difference = Math.abs(row[name] - program[index][name]);
      assert.ok(difference <= TOLERANCE, `step ${row.step}, ${name}: ${row[name]} and ${program[index][name]}`);
    }
  }
}

let host;
let expected;
const folder = scratch();
before(async () => {
  host = await serve();
  const out = path.join(folder, 'run');
  await native('train', '--link', `${host.address}#${RUN}`, '--steps', '20', '--out', out);
  expected = table(path.join(out, 'metrics.csv'));
});
after(() => host.close());

describe('with WebGPU', () => {
  let browser, page;
  before(async () => {
    browser = await launch({ gpu: true });
    page = await open(browser.context, `${host.address}?device=gpu#${RUN}`);
    await until(page, () => window.greatLab.state().activity === 'paused', 'the run to be set up');
  });
  after(() => browser.close());

  it('takes every kernel', async () => {
    // Those that need subgroups are only for adapters outside of browsers; those for 16-bit floats for adapters with such.
    const refused = await page.evaluate(async () => {
      const adapter = await navigator.gpu.requestAdapter();
      const requiredFeatures = ['shader-f16'].filter((feature) => adapter.features.has(feature));
      const device = await adapter.requestDevice({ requiredFeatures });
      const refused = [];
      for (const [name, code] of await window.greatLab.shaders()) {
        if (code.startsWith('enable f16;') && !requiredFeatures.length) continue;
        const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
        const errors = messages.filter(({ type }) => type === 'error').map(({ message }) => message);
        if (errors.length && !name.endsWith('lanes.wgsl')) refused.push(`${name}: ${errors.join('; ')}`);
      }
      return refused;
    });
    assert.deepEqual(refused, []);
  });

  it('trains on the GPU as the native program does on the CPU', async () => {
    const { device } = await state(page);
    assert.equal(device.backend, 'BrowserWebGpu', JSON.stringify(device));
    await command(page, 'step 20');
    await reached(page, 20);
    assertEqualMetrics(await metrics(page), expected);
  });

  it('obeys a knob that is turned meanwhile, and the loss falls', async () => {
    await command(page, 'set alpha=0.02');
    await command(page, 'run');
    // The last report comes before the word that it was the last.
    await until(page, () => window.greatLab.state().activity === 'finished', 'the end', undefined, PATIENCE);
    const rows = await metrics(page);
    assert.equal(rows.length, 50);
    assert.equal(rows[19].alpha, 0.1);
    assert.equal(rows[20].alpha, 0.02);
    const [first, last] = [mean(rows.slice(0, 5), 'loss'), mean(rows.slice(45), 'loss')];
    assert.ok(last < 0.9 * first, `${first} to ${last}`);
  });

  it('shows the window', async () => {
    const { colours, commonest } = await look(page, 'webgpu');
    assert.ok(colours > 200 && commonest < 0.9, `${colours} colours, one on ${commonest}`);
  });

  it('saves a checkpoint of the accuracy that it shows', async () => {
    await command(page, 'evaluate');
    await until(page, () => window.greatLab.state().robustness?.complete, 'the evaluation', undefined, PATIENCE);
    const { clean } = (await state(page)).robustness;
    const download = page.waitForEvent('download');
    await command(page, 'save');
    const file = path.join(folder, 'checkpoint.safetensors');
    await (await download).saveAs(file);
    const out = path.join(folder, 'evaluation');
    await native('evaluate', file, '--attack', 'noise', '--epsilon', '0.1', '--samples', clean.total, '--out', out);
    const evaluated = JSON.parse(fs.readFileSync(path.join(out, 'robustness.json')));
    assert.deepEqual([evaluated.clean.hits, evaluated.clean.n], [clean.hits, clean.total]);
  });

  it('keeps the run in its address', async () => {
    await command(page, 'set seed=11');
    await until(page, () => location.hash.includes('seed=11'), 'the address to follow');
    const { config, link } = await state(page);
    await page.reload();
    await until(page, () => window.greatLab?.state().activity === 'paused', 'the run to be set up again');
    assert.deepEqual((await state(page)).config, config);
    await command(page, 'link v1&network=cnn-medium&alpha=9/10&histogram_every_steps=0');
    assert.equal((await state(page)).link, 'v1&alpha=0.9&histogram_every_steps=0&network=cnn-medium');
    await command(page, `link ${link}`);
    assert.deepEqual((await state(page)).config, config);
  });

  it('starts at once where the address says so, and finds the first step soon', async () => {
    const other = await open(browser.context, `${host.address}?run&device=cpu#${RUN}`);
    await reached(other, 1);
    const { step, seconds } = (await metrics(other))[0];
    assert.ok(step === 1 && seconds < 60, `${seconds} s`);
    await other.close();
  });

  it('refuses what is wrong in a link, one by one, and keeps the rest', async () => {
    const other = await open(browser.context, `${host.address}?device=cpu#v1&alpha=99&gamma=1&beta=0.3&data=/home/a`);
    const { config, failures } = await state(other);
    assert.equal(config.hyper.beta, 0.3);
    assert.equal(config.hyper.alpha, 0.1);
    const said = failures.map(({ what }) => what);
    assert.equal(said.length, 3, said.join('\n'));
    for (const [index, word] of ['alpha', 'gamma', '/home/a'].entries()) assert.match(said[index], new RegExp(word));
    await assert.rejects(command(other, 'fly'), /no command 'fly'/);
    await other.close();
  });

  it('prefers the CPU to a GPU in software, and says so', async () => {
    const other = await open(browser.context, host.address);
    await until(other, () => window.greatLab.state().device, 'the run');
    const { device } = await state(other);
    assert.equal(device.backend, 'flex');
    assert.match(device.notice, /on the processor/);
    await other.close();
  });

  it('trains on data that is dropped onto it', async () => {
    await command(page, 'pause');
    await page.evaluate(() => {
      const word = (number) => [number >> 24, number >> 16, number >> 8, number].map((byte) => byte & 255);
      const images = (n) => Uint8Array.from([...word(0x803), ...word(n), ...word(8), ...word(8),
        ...Array.from({ length: 64 * n }, (_, index) => (97 * index) % 256)]);
      const labels = (n) => Uint8Array.from([...word(0x801), ...word(n), ...Array.from({ length: n }, (_, i) => i % 2)]);
      const dropped = new DataTransfer();
      for (const [name, bytes] of [['train-images-idx3-ubyte', images(80)], ['train-labels-idx1-ubyte', labels(80)],
        ['t10k-images-idx3-ubyte', images(10)], ['t10k-labels-idx1-ubyte', labels(10)]]) {
        dropped.items.add(new File([bytes], name));
      }
      document.getElementById('lab').dispatchEvent(
        new DragEvent('drop', { dataTransfer: dropped, bubbles: true, cancelable: true }));
    });
    await until(page, () => window.greatLab.state().data === 'your files', 'the data');
    await command(page, 'step 2');
    await until(page, () => window.greatLab.state().step === 2, 'two steps');
  });

  it('says so when what it draws by is lost, and saves what was trained', async () => {
    const other = await open(browser.context, `${host.address}?device=cpu#${RUN}`);
    await command(other, 'step 2');
    await reached(other, 2);
    await other.evaluate(() => document.getElementById('lab').getContext('webgl2').getExtension('WEBGL_lose_context').loseContext());
    await other.waitForSelector('.failed');
    assert.match(await other.innerText('main'), /can no longer be drawn[^]*Reload/);
    const download = other.waitForEvent('download');
    await other.click('#save');
    assert.match((await download).suggestedFilename(), /\.safetensors$/);
    await other.close();
  });

  it('says so when the GPU is lost where it trains in its own thread', async () => {
    const other = await open(browser.context, `${host.address}?device=gpu&worker=0#${RUN}`, () => {
      const request = GPUAdapter.prototype.requestDevice;
      GPUAdapter.prototype.requestDevice = async function (...wishes) {
        return (window.device = await request.apply(this, wishes));
      };
    });
    await until(other, () => window.device, 'the device');
    await other.evaluate(() => window.device.destroy());
    await other.waitForSelector('.failed');
    assert.match(await other.innerText('main'), /The GPU was lost[^]*Reload/);
    await other.close();
  });
});

describe('without WebGPU', () => {
  let browser;
  before(async () => {
    browser = await launch({ gpu: false });
  });
  after(() => browser.close());

  it('trains on the CPU, draws, and says what is missing', async () => {
    const page = await open(browser.context, `${host.address}#${RUN}`);
    await until(page, () => window.greatLab.state().device, 'the run');
    const { device } = await state(page);
    assert.equal(device.backend, 'flex');
    assert.match(device.notice, /finds no GPU|no WebGPU/);
    assert.match(device.notice, /CPU, which is slower\. Chrome on Linux has WebGPU from version/);
    await command(page, 'step 5');
    await reached(page, 5);
    assertEqualMetrics(await metrics(page), expected.slice(0, 5));
    await page.waitForTimeout(2500); // On the CPU the window draws once a second.
    const { colours, commonest } = await look(page, 'webgl');
    assert.ok(colours > 200 && commonest < 0.9, `${colours} colours, one on ${commonest}`);
  });

  it('times training steps, and refuses to time nonsense', async () => {
    const page = await open(browser.context, `${host.address}#${RUN}`);
    await until(page, () => window.greatLab.state().activity === 'paused', 'the run to be set up');
    const ask = (line) => page.evaluate((line) => window.greatLab.bench(line), line);
    await assert.rejects(ask('batch=0'), /batch_size: 0 is out of range/);
    await assert.rejects(ask('speed=9'), /there is no 'speed'/);
    const [results, refused] = await page.evaluate(() => Promise.all([
      window.greatLab.bench('batch=4 width=0.25 steps=2'),
      window.greatLab.bench('').catch(({ message }) => message),
    ]));
    assert.equal(refused, 'a benchmark is under way');
    const { backend, batch, steps, plain_step_ms, great_step_ms, great_over_plain } = results;
    assert.deepEqual([backend, batch, steps], ['flex', 4, 2]);
    assert.ok(plain_step_ms > 0 && great_step_ms > 0, JSON.stringify(results));
    assert.ok(Math.abs(great_over_plain - great_step_ms / plain_step_ms) < 1e-6, JSON.stringify(results));
    await page.close();
  });

  it('is a readable page where it cannot run', async () => {
    const page = await open(browser.context, host.address, () => delete globalThis.WebAssembly);
    assert.match(await page.innerText('main'), /cannot run the lab[^]*WebAssembly/);
  });

  it('is a readable page where its files are missing', async (t) => {
    // One that has kept nothing of the page.
    const other = await launch({ gpu: false });
    t.after(() => other.close());
    await other.context.route('**/*.wasm', (route) => route.fulfill({ status: 404 }));
    const page = await open(other.context, host.address);
    assert.match(await page.innerText('main'), /could not be loaded[^]*404/);
  });
});
