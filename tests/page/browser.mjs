// What the tests of the page need around them: a server, Chromium with and without WebGPU, Firefox, pictures, native commands.

import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { serve as servePage } from '../../web/serve.mjs';

const installed = createRequire(path.join(process.env.GREAT_LAB_PLAYWRIGHT, 'from.js'));
const { chromium } = installed('playwright-core');
const target = process.env.CARGO_TARGET_DIR;
const built = process.env.GREAT_LAB_PAGE ?? path.join(target, 'page');
const run = promisify(execFile);

/** Serves the built page below a path of its own, as a host that holds other things too. */
export const serve = () => servePage(built, { prefix: '/some/path/' });

/** Chromium without a GPU. With `gpu`, WebGPU is SwiftShader's; without, `requestAdapter` gives none. */
export async function launch({ gpu, ...more }) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'great-lab-page-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.GREAT_LAB_CHROMIUM ?? '/usr/bin/chromium',
    headless: false, // playwright's own headless mode is another program; the flag below is Chromium's
    ignoreDefaultArgs: true,
    viewport: { width: 1280, height: 800 },
    ...more,
    args: [
      '--headless=new', '--no-sandbox', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--disable-quic',
      // Pictures are drawn through Mesa: without these, WebGPU computes but its canvas stays blank.
      '--use-gl=angle', '--use-angle=gl-egl', '--ignore-gpu-blocklist',
      ...(gpu ? ['--enable-unsafe-webgpu'] : []),
      '--remote-debugging-pipe', `--user-data-dir=${profile}`, 'about:blank',
    ],
  });
  const close = async () => {
    await context.close();
    fs.rmSync(profile, { recursive: true, force: true });
  };
  return { context, close };
}

/** A display that nobody sees: Firefox has WebGL 2 only where there is one. */
async function display() {
  const server = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1280x900x24', '-nolisten', 'tcp'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  const number = await new Promise((ready, failed) => {
    server.once('error', failed);
    server.once('exit', (code) => failed(new Error(`Xvfb ended with ${code}`)));
    server.stdio[3].once('data', (data) => ready(data.toString().trim()));
  });
  return { name: `:${number}`, close: () => server.kill() };
}

/** Firefox, on the CPU and drawing by WebGL. What it downloads goes to `downloads`. */
export async function launchFirefox(downloads) {
  const { default: puppeteer } = await import(installed.resolve('puppeteer-core'));
  const screen = await display();
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.GREAT_LAB_FIREFOX ?? '/usr/bin/firefox-esr',
    headless: false,
    defaultViewport: null,
    args: ['--width=1280', '--height=900'],
    env: { ...process.env, DISPLAY: screen.name },
    extraPrefsFirefox: {
      'webgl.force-enabled': true,
      'webgl.out-of-process': false,
      'browser.download.folderList': 2,
      'browser.download.dir': downloads ?? os.tmpdir(),
      'browser.download.useDownloadDir': true,
      'browser.download.alwaysOpenPanel': false,
      'browser.helperApps.neverAsk.saveToDisk': 'application/octet-stream',
    },
  });
  return { newPage: () => browser.newPage(), version: () => browser.version(), close: async () => {
    await browser.close();
    screen.close();
  } };
}

/** The script of axe-core, which finds what assistive technology stumbles over. */
export const axe = () => fs.readFileSync(installed.resolve('axe-core/axe.min.js'), 'utf8');

/** Opens an address in a tab of its own and waits until the lab, or what stands in its place, is there. */
export async function open(context, address, script) {
  const page = await context.newPage();
  page.heard = [];
  page.on('console', (message) => page.heard.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => page.heard.push(`error: ${error}`));
  if (script) await page.addInitScript(script);
  await page.goto(address);
  await until(page, () => document.body.matches('.ready, .failed'), 'the lab to start');
  return page;
}

/** Waits until `condition`, a function that runs in the page, holds. */
export async function until(page, condition, what, argument, seconds = 240) {
  const end = Date.now() + 1000 * seconds;
  while (!(await page.evaluate(condition, argument))) {
    const failed = await page.evaluate(() => document.body.dataset.failed && document.querySelector('main').innerText);
    if (failed || Date.now() > end) {
      const state = await page.evaluate(() => JSON.stringify(window.greatLab?.state()));
      throw new Error(`waited for ${what}: ${failed ?? 'too long'}\n${state}\n${page.heard?.slice(-20).join('\n')}`);
    }
    await page.waitForTimeout(100);
  }
}

export const state = (page) => page.evaluate(() => window.greatLab.state());
export const metrics = (page) => page.evaluate(() => window.greatLab.metrics());
export const command = (page, line) => page.evaluate((line) => window.greatLab.command(line), line);

/** How many colours a picture of the page has, the commonest, and its share. Kept as `name`.png beside the page. */
export async function look(page, name) {
  const file = path.join(target, `page-${name}.png`);
  const picture = Buffer.from(await page.screenshot({ path: file }));
  return page.evaluate(async (data) => {
    const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${data}`)).blob());
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    canvas.drawImage(bitmap, 0, 0);
    const pixels = new Uint32Array(canvas.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer);
    const counts = new Map();
    for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
    const [pixel, count] = [...counts].reduce((most, other) => (other[1] > most[1] ? other : most));
    const colour = `rgb(${[0, 8, 16].map((bits) => (pixel >> bits) & 255).join(', ')})`;
    return { colours: counts.size, colour, commonest: count / pixels.length };
  }, picture.toString('base64'));
}

/** A folder that is gone when the tests are over. */
export function scratch() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'great-lab-test-'));
  process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs the native program on the CPU. */
export async function native(...flags) {
  return run(path.join(target, 'release', 'great-lab'), [...flags.map(String), '--device', 'cpu']);
}

/** Runs a command of the native program that needs no device. */
export async function program(...flags) {
  return run(path.join(target, 'release', 'great-lab'), flags.map(String));
}

/** Drops files onto the page. */
export async function drop(page, files) {
  const contents = files.map((file) => [path.basename(file), fs.readFileSync(file).toString('base64')]);
  await page.evaluate((contents) => {
    const dropped = new DataTransfer();
    for (const [name, data] of contents) {
      dropped.items.add(new File([Uint8Array.from(atob(data), (char) => char.charCodeAt(0))], name));
    }
    document.getElementById('lab').dispatchEvent(
      new DragEvent('drop', { dataTransfer: dropped, bubbles: true, cancelable: true }));
  }, contents);
}

/** The rows of a CSV file without quotes, as objects of numbers. */
export function table(file) {
  const [header, ...rows] = fs.readFileSync(file, 'utf8').trim().split('\n').map((line) => line.split(','));
  return rows.map((row) => Object.fromEntries(header.map((name, column) => [name, Number(row[column])])));
}
