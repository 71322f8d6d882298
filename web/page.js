// The page around the window: finds out what the browser has, loads the window and then the trainer, says what went wrong.

import './mirror.js';

// What scripts/web knows when it puts the page together: the bytes of each file.
const BYTES = /*bytes*/{};
const WINDOW = 'great-lab_bg.wasm';
const TRAINER = 'great-lab-trainer_bg.wasm';
// By the names that the trainer asks for.
const ASSETS = {
  'fashion-mnist/train-images-idx3-ubyte.gz': 'fashion-mnist/train-images-idx3.bin',
  'fashion-mnist/train-labels-idx1-ubyte.gz': 'fashion-mnist/train-labels-idx1.bin',
  'fashion-mnist/t10k-images-idx3-ubyte.gz': 'fashion-mnist/t10k-images-idx3.bin',
  'fashion-mnist/t10k-labels-idx1-ubyte.gz': 'fashion-mnist/t10k-labels-idx1.bin',
};

const query = new URLSearchParams(location.search);
const show = (id) => document.getElementById(id);
let over = false;

// Says what went wrong in place of the window, once; the first cause is the one that tells.
function fail(title, what, details = '') {
  if (over) return;
  over = true;
  document.body.classList.add('failed');
  document.body.dataset.failed = title;
  document.title = 'Stopped · GREAT Lab';
  show('title').textContent = title;
  show('what').textContent = what;
  show('details').textContent = details;
  show('details').hidden = !details;
  show('bar').hidden = show('size').hidden = true;
  show('ways').hidden = false;
  show('save').hidden = !window.greatLab;
}
show('reload').onclick = () => location.reload();
show('save').onclick = () => {
  try { window.greatLab.command('save'); }
  catch (error) { show('details').textContent += `\nNothing could be saved: ${error.message ?? error}`; }
};

const RESTART = 'Your setup stands in the address: reloading brings it back, and what was kept of the run is under Runs.';
addEventListener('great-lab-failed', (event) => fail('The lab has stopped', RESTART, event.detail));
addEventListener('great-lab-ready', () => {
  document.body.classList.add('ready');
  // What the canvas takes keys by is for those who see it; for others there is the mirror.
  for (const input of document.querySelectorAll('body > input')) {
    input.tabIndex = -1;
    input.setAttribute('aria-hidden', true);
  }
});

// How to get the GPU in this browser.
function advice() {
  const agent = navigator.userAgent;
  const isLinux = /Linux|X11/.test(agent) && !/Android/.test(agent);
  if (!isSecureContext) return 'WebGPU is there only on https:// and on this machine: open the page by such an address.';
  if (/Firefox\//.test(agent)) {
    return isLinux
      ? 'In Firefox on Linux, set dom.webgpu.enabled to true in about:config, and restart it.'
      : 'Firefox has WebGPU from version 141 on Windows and 145 on macOS; in others, set dom.webgpu.enabled to true in about:config.';
  }
  if (/Edg\/|Chrome\/|Chromium\//.test(agent)) {
    return isLinux
      ? 'Chrome on Linux has WebGPU from version 144 (Intel) and 147 (NVIDIA); before, start it with --enable-unsafe-webgpu --enable-features=Vulkan. chrome://gpu says what it lacks.'
      : 'Switch graphics acceleration on in the settings (System) and update the browser; chrome://gpu says what it lacks.';
  }
  if (/Safari\//.test(agent)) return 'Safari has WebGPU from version 26 on; in older ones it is a feature flag under Settings, Advanced.';
  return 'Use a current Chrome, Edge, Firefox or Safari.';
}

// Finds out what the browser has: the GPU's name, or what is missing and what to do.
async function findGpu() {
  let found = null;
  if (navigator.gpu) {
    try { found = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' }); } catch { /* none */ }
  }
  if (found) {
    const { description, vendor, architecture } = found.info ?? {};
    document.body.dataset.gpu = description || [vendor, architecture].filter(Boolean).join(' ') || 'WebGPU';
    if (found.info?.isFallbackAdapter ?? found.isFallbackAdapter) {
      document.body.dataset.missing = `This browser has no GPU for WebGPU and computes it on the processor: computing on the CPU without it, which is faster. ${advice()}`;
    }
    return;
  }
  const what = navigator.gpu ? 'This browser has WebGPU, but finds no GPU for it' : 'This browser has no WebGPU';
  document.body.dataset.missing = `${what}: computing on the CPU, which is slower. ${advice()}`;
}

// What the window is drawn by: WebGL, in software as quick as may be. The window takes what its canvas already has. Where it
// is lost the picture is too, while what trains goes on in its worker.
function needDrawing() {
  const canvas = show('lab');
  canvas.addEventListener('webglcontextlost', ({ statusMessage }) => {
    fail('The window can no longer be drawn', `The browser or its driver took the graphics away. ${RESTART}`, statusMessage);
  });
  const wish = { antialias: false, alpha: false, depth: false, stencil: false };
  return canvas.getContext('webgl2', wish) ?? canvas.getContext('webgl', wish);
}

// Where the trainer shares this thread, its lost device is heard of here; a worker says so itself.
function watchDevices() {
  if (!window.GPUAdapter) return;
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...wishes) {
    const device = await request.apply(this, wishes);
    device.lost.then(({ reason, message }) => {
      fail('The GPU was lost', `The browser or its driver took the GPU away. ${RESTART}`, `${reason}: ${message}`);
    });
    return device;
  };
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

// Fetches a file and says how much of it has come. A server may send it packed: its size is known from the build.
async function get(file, come) {
  let response;
  try { response = await fetch(file); }
  catch (error) { throw new Error(`${file} could not be fetched (${error.message}); is there a network?`); }
  if (!response.ok) throw new Error(`${file}: the server answered ${response.status} ${response.statusText}`);
  const count = new TransformStream({
    transform(chunk, out) {
      come(chunk.byteLength);
      out.enqueue(chunk);
    },
  });
  const headers = file.endsWith('.wasm') ? { 'Content-Type': 'application/wasm' } : {};
  return new Response(response.body.pipeThrough(count), { headers });
}

// A file from an address, of so many bytes at most; in words what goes wrong.
window.fetchFile = async (address, most, tell) => {
  const { href, pathname } = new URL(address, location.href);
  let response;
  try { response = await fetch(href); }
  catch { throw new Error('it could not be fetched: there is no network, no such host, or the host does not let pages of other addresses read it (it has to send Access-Control-Allow-Origin)'); }
  if (!response.ok) throw new Error(`the server answered ${response.status} ${response.statusText}`);
  const length = Number(response.headers.get('Content-Length')) || 0;
  const tooLarge = (bytes) => new Error(`it has ${megabytes(bytes)}, and a page takes ${megabytes(most)}`);
  if (length > most) throw tooLarge(length);
  const parts = [];
  let loaded = 0;
  try {
    for (const reader = response.body.getReader(); ;) {
      const { done, value } = await reader.read();
      if (done) break;
      loaded += value.byteLength;
      if (loaded > most) { reader.cancel(); throw tooLarge(loaded); }
      parts.push(value);
      tell(loaded, Math.max(length, loaded));
    }
  } catch (error) {
    if (error.message?.startsWith('it has')) throw error;
    throw new Error(`it broke off after ${megabytes(loaded)} (${error.message})`);
  }
  return new File(parts, decodeURIComponent(pathname.split('/').pop()) || 'data');
};

// Kinds of pictures that are read.
const PICTURES = ['image/png', 'image/jpeg', 'image/webp', 'image/bmp', 'image/gif'];

// A picture as a file whose name says what it is.
const asFile = (blob) => new File([blob], `pasted.${blob.type.split('/')[1]}`, { type: blob.type });

// The picture in the clipboard, if there is one.
window.copiedPicture = async () => {
  if (!navigator.clipboard?.read) throw new Error('this browser does not let pages read it; press Ctrl+V instead');
  for (const item of await navigator.clipboard.read()) {
    const type = item.types.find((type) => PICTURES.includes(type));
    if (type) return asFile(await item.getType(type));
  }
  return null;
};

// A picture that is pasted by keys is taken as if it had been dropped; text with a picture of it stays text.
document.addEventListener('paste', ({ clipboardData }) => {
  const file = [...(clipboardData?.files ?? [])].find(({ type }) => PICTURES.includes(type));
  if (!file || clipboardData.getData('text')) return;
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(asFile(file));
  document.getElementById('lab').dispatchEvent(
    new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
});

// The window's module, with a bar that follows its bytes.
async function loadWindow() {
  let loaded = 0;
  return get(WINDOW, (bytes) => {
    loaded += bytes;
    const all = BYTES[WINDOW];
    if (all) show('bar').value = loaded / all;
    show('size').textContent = !all ? megabytes(loaded) : loaded < all ? `${megabytes(loaded)} of ${megabytes(all)}` : 'Starting…';
  });
}

// The trainer's module and the data that comes with the lab, once: a trainer that dies has a successor.
let parts = null;
async function loadParts(tell) {
  const files = [TRAINER, ...Object.values(ASSETS)];
  const all = files.reduce((sum, file) => sum + (BYTES[file] ?? 0), 0);
  let [loaded, told] = [0, 0];
  const come = (bytes) => {
    loaded += bytes;
    if (performance.now() - told < 100 && loaded < all) return;
    told = performance.now();
    tell(loaded, Math.max(all, loaded));
  };
  const code = get(TRAINER, come).then((response) => WebAssembly.compileStreaming(response));
  const assets = Object.entries(ASSETS).map(async ([name, file]) => [name, new Uint8Array(await (await get(file, come)).arrayBuffer())]);
  return Promise.all([code, Promise.all(assets)]);
}

let worker = null;
let trainers = 0;

// Starts a trainer and promises what it listens at: its worker, or, where there can be none or `?worker=0` asks for that, a
// port to a trainer on this thread. Where it dies, by whatever, its port hears of it.
window.startTrainer = async (tell) => {
  worker?.terminate();
  parts ??= loadParts(tell);
  const [code, assets] = await parts.catch((error) => {
    parts = null;
    throw error;
  });
  keepWhole();
  if (/^(0|false)$/.test(query.get('worker'))) return here(code, assets);
  // A browser may have no workers of this kind, or workers without WebGPU.
  return apart(code, assets).catch((error) => {
    console.warn(`The trainer shares the page's thread: ${error.message}`);
    return here(code, assets);
  });
};

// Has the page kept for when there is no network, now that all its parts have been fetched.
async function keepWhole() {
  const controller = (await navigator.serviceWorker?.ready.catch(() => null))?.active;
  // The first is that by which the page itself is known.
  const own = new URL(import.meta.url).pathname.split('/').pop();
  controller?.postMessage({ whole: [own, ...Object.keys(BYTES)] });
}

async function apart(code, assets) {
  const lock = `great-lab trainer ${Date.now()} ${Math.random()} ${++trainers}`;
  const port = new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'trainer' });
  worker = port;
  const died = (failed) => port.onmessage?.({ data: { failed } });
  port.onerror = (event) => {
    event.preventDefault?.();
    died(event.message || 'its worker could not be loaded');
  };
  const { gpu, missing } = document.body.dataset;
  const needsGpu = query.get('device') === 'gpu' || (gpu && !missing && query.get('device') !== 'cpu');
  port.postMessage({ code, assets, lock, needsGpu });
  await ready(port);
  // The worker holds this lock for as long as it lives.
  navigator.locks?.request(lock, () => { if (port === worker) died('the browser has ended its worker'); }).catch(() => {});
  return port;
}

async function here(code, assets) {
  worker?.terminate();
  const { port1, port2 } = new MessageChannel();
  Object.assign(globalThis, { greatLabPort: port2, greatLabAssets: assets });
  // Each trainer has a module of its own, so that one that died leaves nothing behind.
  const { default: start } = await import(`./great-lab-trainer.js${trainers++ ? `?${trainers}` : ''}`);
  const listening = ready(port1);
  // What ends it is told as an error of the page.
  const died = ({ message, error }) => {
    if (!(error instanceof WebAssembly.RuntimeError && /great-lab-trainer/.test(error.stack))) return;
    removeEventListener('error', died);
    port1.onmessage?.({ data: { failed: message } });
  };
  addEventListener('error', died);
  await start({ module_or_path: code });
  await listening;
  return port1;
}

// Waits for a trainer to say that it listens.
function ready(port) {
  return new Promise((resolve, reject) => {
    port.onmessage = ({ data }) => {
      if (data === 'ready') resolve();
      else if (data?.failed) reject(new Error(data.failed));
    };
  });
}

// A module with one vector instruction: not valid where the browser has none.
const VECTORS = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11]);

// Its own build only: a page that is put together without names that last has nothing to keep.
if (BYTES[WINDOW] && !/^(0|false)$/.test(query.get('offline'))) navigator.serviceWorker?.register('sw.js').catch(() => {});

// What somebody's system asks for: less motion, room for a thumb, more contrast in colours of its own.
function findWishes() {
  const { dataset } = document.body;
  const asks = (what) => matchMedia(what).matches;
  if (asks('(prefers-reduced-motion: reduce)')) dataset.still = 'yes';
  if (asks('(pointer: coarse)')) dataset.coarse = 'yes';
  if (!asks('(forced-colors: active)') && !asks('(prefers-contrast: more)')) return;
  const probe = document.createElement('i');
  probe.style.cssText = 'color: CanvasText; background-color: Canvas';
  document.body.append(probe);
  ({ color: dataset.ink, backgroundColor: dataset.paper } = getComputedStyle(probe));
  probe.remove();
}

async function begin() {
  if (typeof WebAssembly !== 'object' || !WebAssembly.validate(VECTORS)) {
    fail('This browser cannot run the lab', 'It needs WebAssembly with SIMD, which every current browser has: please update it, or use another one.');
    return;
  }
  if (!needDrawing()) {
    fail('This browser cannot draw the lab', 'It has no WebGL, by which the window is drawn: please switch graphics acceleration on in its settings, or use another one.');
    return;
  }
  findWishes();
  watchDevices();
  const [{ default: start }, module] = await Promise.all([import('./great-lab.js'), loadWindow(), findGpu()]);
  await start({ module_or_path: module });
}
begin().catch((error) => fail('The lab could not be loaded', 'Reload to try again.', String(error?.stack ?? error)));
