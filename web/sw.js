// The page without a network. Files whose name says what is in them never change: kept once, they are taken from there. The
// page itself comes from the network where there is one; it is kept when all that it names is, so that what is kept is
// always whole, and of one build.

const CACHE = 'great-lab';
const LASTING = /-[0-9a-f]{12}\.\w+$/;

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || !url.href.startsWith(self.registration.scope)) return;
  if (LASTING.test(url.pathname)) event.respondWith(lasting(event.request));
  else if (event.request.mode === 'navigate' || url.pathname.endsWith('/icon.png')) event.respondWith(newest(event.request));
});

async function lasting(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request);
  if (kept) return kept;
  const response = await fetch(request);
  // Where there is no room, the page works with a network alone.
  if (response.ok) await cache.put(request, response.clone()).catch(() => {});
  return response;
}

async function newest(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const cache = await caches.open(CACHE);
    const kept = await cache.match(request, { ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}

// A page that has loaded all its parts says their names: with them it is kept, and what it does not name goes.
self.addEventListener('message', ({ data }) => {
  if (Array.isArray(data?.whole)) keepWhole(data.whole).catch(() => {});
});

async function keepWhole(names) {
  const cache = await caches.open(CACHE);
  const at = (name) => new URL(name, self.registration.scope).href;
  for (const name of names) await lasting(new Request(at(name)));
  const page = await fetch(self.registration.scope, { cache: 'no-cache' });
  // A newer build may stand there by now; then its own page says so.
  if (!page.ok || !(await page.clone().text()).includes(names[0])) return;
  await cache.put(self.registration.scope, page);
  await cache.add(at('icon.png'));
  const kept = new Set([...names, '', 'icon.png'].map(at));
  for (const request of await cache.keys()) if (!kept.has(request.url)) await cache.delete(request);
}
