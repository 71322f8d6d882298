// The trainer's worker: starts the trainer's module with what the page has fetched, and says what ends it.

import start from './great-lab-trainer.js';

const fail = (why) => postMessage({ failed: why });
let memory = null;
// What is no panic, which says itself what it is, and yet ends the module: it was refused memory (Chromium, Firefox, Safari).
addEventListener('error', ({ message }) => {
  const isRefused = memory && /unreachable/i.test(message);
  fail(isRefused ? `it was refused memory, and held ${(memory.buffer.byteLength / 1e9).toFixed(1)} GB (${message})` : message);
});
addEventListener('unhandledrejection', ({ reason }) => fail(String(reason?.message ?? reason)));

// A lost device takes the training with it.
if (globalThis.GPUAdapter) {
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...wishes) {
    const device = await request.apply(this, wishes);
    device.lost.then(({ reason, message }) => fail(`the browser or its driver took the GPU away (${reason}: ${message})`));
    return device;
  };
}

onmessage = async ({ data: { code, assets, lock, needsGpu } }) => {
  onmessage = null;
  if (needsGpu && !navigator.gpu) return fail('this browser has no WebGPU in workers');
  // Held for as long as this lives: whoever waits for the lock learns of its end, whatever it was.
  await new Promise((held) => {
    if (!navigator.locks) held();
    else navigator.locks.request(lock, () => { held(); return new Promise(() => {}); }).catch(held);
  });
  globalThis.greatLabAssets = assets;
  try { ({ memory } = await start({ module_or_path: code })); }
  catch (error) { fail(String(error?.message ?? error)); }
};
