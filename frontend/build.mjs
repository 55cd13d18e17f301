// Makes the files that the component serves out of these sources.
//   node build.mjs           write them
//   node build.mjs --check   say whether those that are there are what this would write
//   node build.mjs --tests   bundle the tests for `node --test`
import { build } from 'esbuild';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { gzipSync } from 'node:zlib';

const here = import.meta.dirname;
const component = path.join(here, '..', 'custom_components', 'watched_sync');
const served = path.join(component, 'frontend');
/** Bytes that all files may have together once they are compressed. */
const LIMIT = 80 * 1024;

/** Everything the result depends on, by its name relative to this folder. */
function sources() {
  const found = fs.readdirSync(path.join(here, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(here, path.join(entry.parentPath, entry.name)));
  return [...found.map((name) => name.split(path.sep).join('/')),
    'build.mjs', 'package-lock.json', 'package.json', 'tsconfig.json'].sort();
}

/** What the card picker and the dialog for dashboards say, before any page is open. */
function pickerWords() {
  const folder = path.join(component, 'translations');
  return Object.fromEntries(fs.readdirSync(folder).sort().map((file) => {
    const words = JSON.parse(fs.readFileSync(path.join(folder, file), 'utf8'));
    return [path.basename(file, '.json'), words.config_panel.picker];
  }));
}

/** What changes with the sources: `tests/test_frontend.py` makes the same. */
function digest() {
  const hash = crypto.createHash('sha256');
  for (const name of sources()) {
    hash.update(`${name}\0`);
    hash.update(fs.readFileSync(path.join(here, name)));
    hash.update('\0');
  }
  hash.update(JSON.stringify(pickerWords()));
  return hash.digest('hex');
}

const common = {
  absWorkingDir: here,
  bundle: true,
  charset: 'utf8',
  define: { PICKER_WORDS: JSON.stringify(pickerWords()) },
  format: 'esm',
  legalComments: 'none',
  logLevel: 'warning',
  target: 'es2022',
};

async function bundle() {
  const result = await build({
    ...common,
    entryPoints: { 'watched-sync': 'src/main.ts', panel: 'src/panel/main.ts' },
    outdir: served,
    chunkNames: 'part-[hash]',
    splitting: true,
    minify: true,
    write: false,
    banner: { js: '/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */' },
  });
  const files = Object.fromEntries(result.outputFiles
    .map((file) => [path.basename(file.path), Buffer.from(file.contents)])
    .sort(([one], [other]) => (one < other ? -1 : 1)));
  const size = Object.values(files).reduce((sum, data) => sum + gzipSync(data).length, 0);
  if (size > LIMIT) throw new Error(`${size} bytes compressed are more than ${LIMIT}`);
  return { files, size };
}

/** The module that tells the component of the files: it reads none of them itself. */
function module(files) {
  const hash = crypto.createHash('sha256');
  for (const [name, data] of Object.entries(files)) hash.update(name).update(data);
  const quotes = '"'.repeat(3);
  return Buffer.from(`${quotes}What \`scripts/frontend\` made, which writes this as well.${quotes}

from typing import Final

#: Of the files in \`frontend/\`: their address changes with it.
FILES: Final = "${hash.digest('hex').slice(0, 16)}"

#: Of all that they were made from.
SOURCES: Final = "${digest().slice(0, 16)}"
`);
}

const [mode] = process.argv.slice(2);
if (mode === '--tests') {
  fs.rmSync(path.join(here, '.build'), { recursive: true, force: true });
  await build({
    ...common,
    entryPoints: fs.readdirSync(path.join(here, 'tests'))
      .filter((name) => name.endsWith('.test.ts')).map((name) => `tests/${name}`),
    outdir: path.join(here, '.build'),
    outExtension: { '.js': '.mjs' },
    platform: 'node',
  });
} else {
  const { files, size } = await bundle();
  const told = path.join(component, 'bundle.py');
  const tells = module(files);
  const there = fs.existsSync(served) ? fs.readdirSync(served) : [];
  const odd = [
    ...there.filter((name) => !(name in files)),
    ...Object.keys(files).filter((name) => !there.includes(name)
      || !fs.readFileSync(path.join(served, name)).equals(files[name])),
    ...(fs.existsSync(told) && fs.readFileSync(told).equals(tells) ? [] : ['bundle.py']),
  ];
  if (mode === '--check') {
    if (odd.length) {
      console.error(`not what frontend/ makes: ${odd.join(', ')}; run scripts/frontend`);
      process.exitCode = 1;
    }
  } else {
    fs.mkdirSync(served, { recursive: true });
    for (const name of there.filter((one) => !(one in files))) fs.rmSync(path.join(served, name));
    for (const [name, data] of Object.entries(files)) fs.writeFileSync(path.join(served, name), data);
    fs.writeFileSync(told, tells);
    console.log(`${Object.keys(files).length} files, ${(size / 1024).toFixed(1)} kB compressed`);
  }
}
