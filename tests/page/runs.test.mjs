// The runs that a page keeps by itself: across reloads, to and from the program, in two tabs, and where there is no room.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';

import { command, drop, launch, metrics, native, open, program, scratch, serve, state, table, until } from './browser.mjs';

/** GREAT+GREACE, a report each step, nothing beside the training; small, for a processor. */
const RUN = [
  'v1&ramp=0&report_every_steps=1&histogram_every_steps=0&evaluate_every_steps=0&probe_every_steps=0&steps=50&seed=3',
  'width=0.25&auxiliary_width=0.25&batch_size=16&learning_rate=5/1000&attack_steps=1&evaluate_samples=24',
].join('&');
const STEPS = 8;

const folder = scratch();
let host, browser, page;
const runs = async (page) => (await state(page)).runs;
const ids = async (page) => (await runs(page)).listed?.map(({ run }) => run).sort();

/** Waits until something holds of the kept runs. */
const kept = (page, condition, what, argument) => until(page, ([condition, argument]) => {
  const { runs } = window.greatLab.state();
  return runs.listed && !runs.unwritten && new Function('runs', 'argument', `return ${condition}`)(runs, argument);
}, what, [condition, argument]);

/** Opens the page of a run on the processor. */
async function lab(link = RUN, script) {
  const page = await open(browser.context, `${host.address}?device=cpu#${link}`, script);
  await until(page, () => window.greatLab.state().activity === 'paused', 'the run to be set up');
  return page;
}

/** Loads a page again. */
async function reload(page) {
  await page.reload();
  await until(page, () => document.body.matches('.ready, .failed'), 'the lab to start');
}

/** Trains so many steps, and waits until the browser has the run. Its folder's name. */
async function train(page, steps = STEPS) {
  await command(page, `step ${steps}`);
  await until(page, (steps) => window.greatLab.metrics().length >= steps, `step ${steps}`, steps);
  await kept(page, 'runs.listed.some(({ run, step }) => run === runs.present && step >= argument)', 'the run to be kept', steps);
  return (await runs(page)).present;
}

before(async () => {
  host = await serve();
  browser = await launch({ gpu: false });
});
after(async () => {
  await browser?.close();
  host?.close();
});

describe('a page keeps its runs', () => {
  let run, trained;

  it('by itself, and has them again when it is reloaded', async () => {
    page = await lab();
    run = await train(page);
    trained = await metrics(page);
    // The checkpoint of a run that rests comes after a few seconds, and nothing says when it is written.
    for (let shown; !shown?.checkpoints.includes(STEPS); ({ shown } = await runs(page))) {
      await command(page, `open ${run}`);
      await page.waitForTimeout(1000);
    }
    await kept(page, 'true', 'all to be written');
    await reload(page);
    await kept(page, 'runs.listed.length === 1 && runs.listed[0].step', 'the list');
    const { listed, present, remark, used, most } = await runs(page);
    assert.deepEqual([listed[0].run, listed[0].step, listed[0].problem], [run, STEPS, null]);
    assert.deepEqual([present, remark], [null, null]);
    assert.ok(used > 10_000 && most > used && most <= 200_000_000, `${used} of ${most}`);
  });

  it('shows one as it was at any step', async () => {
    await command(page, `open ${run}`);
    await until(page, (run) => window.greatLab.state().runs.shown?.run === run, 'the run', run);
    for (const step of [STEPS, 5, 1]) {
      await command(page, `at ${step}`);
      const { shown } = await runs(page);
      assert.deepEqual([shown.step, shown.accuracy], [step, trained[step - 1].accuracy]);
    }
    assert.ok((await runs(page)).shown.checkpoints.includes(STEPS), JSON.stringify((await runs(page)).shown));
    await assert.rejects(command(page, 'open nothing'), /no kept run 'nothing'/);
    await assert.rejects(command(page, 'at x'), /'x' is no step/);
  });

  it('names, tags, pins, deletes and brings back', async () => {
    await command(page, `name ${run} wider, longer`);
    await command(page, `tag ${run} paper, table 2`);
    await command(page, `pin ${run}`);
    await kept(page, 'runs.listed[0].pinned', 'the label');
    const { name, tags } = (await runs(page)).listed[0];
    assert.deepEqual([name, tags], ['wider, longer', ['paper', 'table 2']]);
    await command(page, `delete ${run}`);
    await kept(page, 'runs.listed.length === 0', 'the run to be gone');
    await command(page, 'undelete');
    await kept(page, 'runs.listed.length === 1', 'the run to be back');
    await reload(page);
    await kept(page, 'runs.listed[0]?.name === "wider, longer"', 'the label after a reload');
  });

  it('passes one on to the program, which goes on with it', async () => {
    const download = page.waitForEvent('download');
    await command(page, `share ${run}`);
    const file = path.join(folder, (await download).suggestedFilename());
    await (await download).saveAs(file);
    assert.match(file, /wider--longer\.greatlab$/);
    const library = path.join(folder, 'library');
    await program('runs', 'import', file, '--runs', library);
    const [found] = JSON.parse((await program('runs', 'list', '--json', '--runs', library)).stdout);
    assert.deepEqual([found.name, found.step, found.tags], ['wider, longer', STEPS, ['paper', 'table 2']]);
    const rows = table(path.join(library, found.run, 'metrics.csv'));
    assert.deepEqual(rows.map(({ loss }) => loss), trained.map(({ loss }) => loss));
    const out = path.join(folder, 'forked');
    await native('train', '--fork', path.join(library, found.run), '--out', out);
    const last = table(path.join(out, 'metrics.csv'));
    assert.deepEqual([last[STEPS - 1].loss, last.at(-1).step], [trained[STEPS - 1].loss, 50]);
  });

  it('takes one of the program in', async () => {
    const library = path.join(folder, 'native');
    const out = path.join(library, 'of-the-program');
    await native('train', '--link', `${host.address}#${RUN}`, '--steps', '6', '--out', out);
    const file = path.join(folder, 'passed-on.greatlab');
    await program('runs', 'export', 'of-the-program', '--runs', library, '--out', file);
    await drop(page, [file]);
    await until(page, () => window.greatLab.state().runs.shown?.run === 'passed-on', 'the run');
    await kept(page, 'runs.listed.length === 2', 'both in the list');
    const expected = table(path.join(out, 'metrics.csv'));
    for (const step of [6, 2]) {
      await command(page, `at ${step}`);
      const { shown } = await runs(page);
      assert.deepEqual([shown.step, shown.accuracy], [step, expected[step - 1].accuracy]);
    }
    fs.writeFileSync(path.join(folder, 'cut.greatlab'), fs.readFileSync(file).subarray(0, 3000));
    await drop(page, [path.join(folder, 'cut.greatlab')]);
    await until(page, () => window.greatLab.state().failures.some(({ what }) => /cut\.greatlab.*not a bundle/.test(what)), 'the refusal');
    await reload(page);
    await kept(page, 'runs.listed.length === 2', 'both after a reload');
    // All files of its folder do as well.
    await drop(page, fs.readdirSync(out).map((name) => path.join(out, name)));
    await until(page, () => window.greatLab.state().runs.shown?.run === 'your-files', 'the run of the files');
    await kept(page, 'runs.listed.length === 3', 'it to be listed');
    await command(page, 'close');
    await command(page, 'delete your-files');
    await kept(page, 'runs.listed.length === 2', 'it to be gone');
  });

  it('goes on with one from where it was', async () => {
    await command(page, `open ${run}`);
    await until(page, (run) => window.greatLab.state().runs.shown?.run === run, 'the run', run);
    await command(page, 'continue');
    await until(page, (steps) => window.greatLab.state().step === steps, 'the copy', STEPS);
    assert.deepEqual((await metrics(page)).map(({ loss }) => loss), trained.map(({ loss }) => loss));
    const copy = await train(page, STEPS + 2);
    assert.match(copy, /-fork$/);
    await kept(page, 'runs.listed.length === 3', 'the copy in the list');
  });

  it('tells a second tab, which may look at them', async () => {
    const other = await lab();
    await until(other, () => window.greatLab.state().runs.listed?.length === 3, 'the list');
    assert.match((await runs(other)).remark, /^Another tab keeps the runs/);
    await command(other, `open ${run}`);
    await until(other, (run) => window.greatLab.state().runs.shown?.run === run, 'the run', run);
    await drop(other, [path.join(folder, 'passed-on.greatlab')]);
    await until(other, () => window.greatLab.state().runs.shown?.title === 'passed-on', 'what was dropped to be shown');
    await command(other, 'step 1');
    await until(other, () => window.greatLab.metrics().length === 1, 'a step');
    await command(other, `delete ${run}`);
    await until(other, () => window.greatLab.state().failures.some(({ what }) => /Another tab/.test(what)), 'the refusal');
    await other.waitForTimeout(2500);
    const { present, listed } = await runs(other);
    assert.deepEqual([present, listed.length], [null, 3]);
    await other.close();
    assert.equal((await ids(page)).length, 3);
  });

  it('lists what is damaged, with the reason', async () => {
    await page.evaluate(async (run) => {
      let folder = await navigator.storage.getDirectory();
      for (const name of ['great-lab', 'runs']) folder = await folder.getDirectoryHandle(name);
      await folder.getDirectoryHandle('empty', { create: true });
      const record = await (await folder.getDirectoryHandle(run)).getFileHandle('run.json');
      const text = await (await record.getFile()).text();
      const cut = await (await folder.getDirectoryHandle('cut', { create: true })).getFileHandle('run.json', { create: true });
      const stream = await cut.createWritable();
      await stream.write(text.slice(0, text.length / 2));
      await stream.close();
    }, run);
    await reload(page);
    await kept(page, 'runs.listed.filter(({ problem }) => problem).length === 2', 'both to be listed');
    const problem = Object.fromEntries((await runs(page)).listed.map(({ run, problem }) => [run, problem]));
    assert.match(problem.cut, /cut off or damaged/);
    assert.match(problem.empty, /no run\.json/);
    assert.equal(problem[run], null);
  });

  it('says so where the browser takes no more, and tries again', async () => {
    await page.evaluate(() => {
      window.real = FileSystemFileHandle.prototype.createWritable;
      FileSystemFileHandle.prototype.createWritable = () => Promise.reject(new DOMException('full', 'QuotaExceededError'));
    });
    await command(page, 'tag empty x');
    await until(page, () => window.greatLab.state().failures.some(({ what }) => /no more room/.test(what)), 'the failure');
    assert.ok((await runs(page)).unwritten > 0);
    await page.evaluate(() => { FileSystemFileHandle.prototype.createWritable = window.real; });
    await kept(page, 'true', 'all to be written');
    await until(page, () => /keeps the runs again/.test(window.greatLab.state().notice), 'that it is well again');
  });

  it('gives up the oldest that is not pinned where there is no room, and says which', async () => {
    const { used } = await runs(page);
    // Chromium tells no page of a quota that a test sets. The runs may take half of what they and the rest of it come to:
    // 0.6 of what they take now. The trash, a run among four of its size, is not enough.
    await page.addInitScript((used) => {
      StorageManager.prototype.estimate = async () => ({ quota: 1.2 * used, usage: used });
    }, used);
    await reload(page);
    await kept(page, 'runs.most < 0.65 * argument', 'the bounds', used);
    await until(page, () => window.greatLab.state().activity === 'paused', 'the run to be set up');
    const before = await ids(page);
    const added = await train(page);
    await until(page, () => window.greatLab.state().failures.some(({ what }) => /Given up.*the oldest/.test(what)), 'what was given up');
    await until(page, (before) => {
      const listed = window.greatLab.state().runs.listed.map(({ run }) => run);
      return before.some((id) => !listed.includes(id));
    }, 'it to leave the list', before);
    const after = await ids(page);
    const said = (await state(page)).failures.map(({ what }) => what).join('\n');
    const gone = before.filter((id) => !after.includes(id));
    assert.ok(gone.length && gone.every((id) => said.includes(id)), `${gone}: ${said}`);
    assert.ok(after.includes(run), 'it is pinned');
    assert.ok(after.includes(added), 'it is being written');
  });
});

describe('a page that can keep nothing', () => {
  it('keeps its runs until it is closed, and says so', async () => {
    await page.close();
    page = await lab(RUN, () => {
      StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException('not here', 'SecurityError'));
    });
    const run = await train(page, 2);
    assert.match((await runs(page)).remark, /until this page is closed.*not here/);
    assert.deepEqual(await ids(page), [run]);
    await reload(page);
    await kept(page, 'runs.listed.length === 0', 'the empty list');
  });
});
