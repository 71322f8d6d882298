// Puts the page together: what wasm-bindgen wrote, the page's own scripts and the data that comes with the lab, each under a
// name that says what is in it, so that browsers may keep them for ever; and packed beside each, for servers that send that.
//     node web/assemble.mjs BOUND FOLDER [--quick]
// BOUND holds what wasm-bindgen wrote. --quick packs nothing.

import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';

const [bound, folder, quick] = process.argv.slice(2);
const root = path.dirname(path.dirname(new URL(import.meta.url).pathname));
const assets = path.join(root, 'assets', 'fashion-mnist');

/** New names by old ones, and the bytes of each file by its new name. */
const names = new Map();
const sizes = {};

function write(name, bytes) {
  const file = path.join(folder, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, bytes);
  if (quick || /\.(png|bin)$/.test(name)) return;
  fs.writeFileSync(`${file}.gz`, zlib.gzipSync(bytes, { level: 9 }));
  const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: 11, [zlib.constants.BROTLI_PARAM_LGWIN]: 24,
    [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  fs.writeFileSync(`${file}.br`, zlib.brotliCompressSync(bytes, { params }));
}

/** Writes a file under the name of its content. */
function keep(name, bytes) {
  const hash = crypto.createHash('sha256').update(bytes).digest('hex').slice(0, 12);
  const { dir, name: stem, ext } = path.parse(name);
  const kept = path.posix.join(dir, `${stem}-${hash}${ext}`);
  names.set(name, kept);
  sizes[kept] = bytes.length;
  write(kept, bytes);
}

/** A script, with the new names of the files that it names. */
function renamed(text) {
  let changed = text;
  // The longest first: one name may be the beginning of another.
  for (const [name, kept] of [...names].sort(([a], [b]) => b.length - a.length)) {
    changed = changed.replaceAll(new RegExp(`(['"/])${name.replaceAll('.', '\\.')}(['"?$\`])`, 'g'), `$1${kept}$2`);
  }
  return changed;
}

fs.rmSync(folder, { recursive: true, force: true });
for (const name of ['great-lab', 'great-lab-trainer']) {
  keep(`${name}_bg.wasm`, fs.readFileSync(path.join(bound, `${name}_bg.wasm`)));
  keep(`${name}.js`, Buffer.from(renamed(fs.readFileSync(path.join(bound, `${name}.js`), 'utf8'))));
}
for (const part of ['train-images-idx3', 'train-labels-idx1', 't10k-images-idx3', 't10k-labels-idx1']) {
  // Not .gz: some servers say of such a file that it is packed, and browsers then unpack it.
  keep(`fashion-mnist/${part}.bin`, fs.readFileSync(path.join(assets, `${part}-ubyte.gz`)));
}
const source = (name) => fs.readFileSync(path.join(root, 'web', name), 'utf8');
for (const name of ['mirror.js', 'worker.js']) keep(name, Buffer.from(renamed(source(name))));
keep('page.js', Buffer.from(renamed(source('page.js').replace('/*bytes*/{}', JSON.stringify(sizes)))));
write('index.html', Buffer.from(renamed(source('index.html'))));
write('sw.js', Buffer.from(source('sw.js')));
fs.copyFileSync(path.join(root, 'assets', 'icon.png'), path.join(folder, 'icon.png'));

const packed = (name, end) => {
  const file = path.join(folder, `${name}${end}`);
  return fs.existsSync(file) ? fs.statSync(file).size : sizes[name] ?? fs.statSync(path.join(folder, name)).size;
};
const all = [...Object.keys(sizes), 'index.html'];
const row = (what, chosen) => {
  const sum = (end) => (chosen.reduce((total, name) => total + packed(name, end), 0) / 1e6).toFixed(2);
  console.error(`${what}: ${sum('.none')} MB, ${sum('.gz')} with gzip, ${sum('.br')} with brotli`);
};
row('the window', all.filter((name) => !/trainer|worker|fashion/.test(name)));
row('the trainer', all.filter((name) => /trainer|worker/.test(name)));
row('the data', all.filter((name) => /fashion/.test(name)));
row('all', all);
