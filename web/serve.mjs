// Serves the page as a host should: packed as the browser likes it, kept for ever where the name says what is in a file, and
// alone with itself, so that it may share memory between threads.
//     node web/serve.mjs FOLDER [PORT [PATH]]

import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm', '.png': 'image/png',
  '.bin': 'application/octet-stream' };
/** Names that say what is in the file. */
const LASTING = /-[0-9a-f]{12}\.\w+$/;

/** Serves `folder` below `prefix` on this machine alone, and says at which address. */
export async function serve(folder, { port = 0, prefix = '/' } = {}) {
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://host');
    const name = path.posix.normalize(decodeURIComponent(pathname.slice(prefix.length)) || 'index.html');
    const file = path.join(folder, name);
    const isThere = pathname.startsWith(prefix) && !name.startsWith('..') && fs.existsSync(file) && fs.statSync(file).isFile();
    if (!isThere) {
      response.writeHead(404).end();
      return;
    }
    const liked = request.headers['accept-encoding'] ?? '';
    const [end, encoding] = [['.br', 'br'], ['.gz', 'gzip']].find(([end, encoding]) =>
      liked.includes(encoding) && fs.existsSync(file + end)) ?? ['', undefined];
    response.writeHead(200, {
      'Content-Type': TYPES[path.extname(name)] ?? 'application/octet-stream',
      'Cache-Control': LASTING.test(name) ? 'public, max-age=31536000, immutable' : 'no-cache',
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
      'Vary': 'Accept-Encoding',
      ...(encoding && { 'Content-Encoding': encoding }),
    });
    fs.createReadStream(file + end).pipe(response);
  });
  await new Promise((ready, failed) => server.once('error', failed).listen(port, '127.0.0.1', ready));
  return { address: `http://127.0.0.1:${server.address().port}${prefix}`, close: () => server.close() };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder, port = '8080', prefix = '/'] = process.argv.slice(2);
  const { address } = await serve(folder, { port: Number(port), prefix });
  console.error(address);
}
