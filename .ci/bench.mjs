// bench.mjs - ours beside what a user would take instead, in one run: `./build.sh bench` calls it.
// Fetches the peers into .cache/peers (nothing of them is committed), builds our side from rustyaudio.h, checks that
// every peer and ours give the same answer, times them in turn, prints the ratios and writes build/bench.json.
//   node .ci/bench.mjs [ROUNDS]      ROUNDS: how often each is timed per pass (default 60)
// build.sh gives emcc on the PATH, CC, RA_CHROMIUM and RA_PLAYWRIGHT.

import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';

const ROOT = path.dirname(import.meta.dirname);
const PEERS = `${ROOT}/.cache/peers`, MODULES = `${PEERS}/node_modules`, OUT = `${ROOT}/build/bench`;
const NPM = ['fft.js@4.0.4', '@echogarden/pffft-wasm@0.4.2', '@echogarden/kissfft-wasm@0.2.0'];
const DEBIAN = ['libfftw3-dev', 'libkissfft-dev', 'libsoxr-dev', 'ffmpeg'];
const SIZES = [512, 1024, 4096, 16384], TARGET_SIZES = SIZES.slice(1), PASSES = 3;
const rounds = Number(process.argv[2] ?? 60);

const say = (text) => console.error(`bench: ${text}`);
function run(command, args, options = {}) {
  try {
    return execFileSync(command, args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...options });
  } catch (error) {
    throw new Error(`${path.basename(command)} failed: ${(error.stderr || error.message).trim()}`);
  }
}

// ---- the peers ----

function fetchPeers() {
  fs.mkdirSync(`${PEERS}/debs`, { recursive: true });
  const done = `${PEERS}/${[...NPM, ...DEBIAN].join('+').replaceAll('/', '_')}.done`;
  if (fs.existsSync(done)) return;
  say(`fetching ${[...NPM, ...DEBIAN].join(' ')} into .cache/peers`);
  fs.writeFileSync(`${PEERS}/package.json`, '{ "private": true }');      // without it npm looks for one further up
  run('npm', ['install', '--prefix', PEERS, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...NPM]);
  try {                                                // unpacked here, not installed: the machine stays as it is
    const wouldInstall = run('apt-get', ['install', '-s', '--no-install-recommends', ...DEBIAN]).matchAll(/^Inst (\S+)/gm);
    const names = new Set([...DEBIAN, ...[...wouldInstall].map((match) => match[1])]);
    run('apt-get', ['-qq', '-o', 'APT::Sandbox::User=root', 'download', ...names], { cwd: `${PEERS}/debs` });
    for (const deb of fs.readdirSync(`${PEERS}/debs`)) run('dpkg', ['-x', `${PEERS}/debs/${deb}`, `${PEERS}/debian`]);
  } catch (error) {
    say(`${error.message}; installing them instead`);
    run('apt-get', ['-qq', 'update']);
    run('apt-get', ['-qq', 'install', '-y', '--no-install-recommends', ...DEBIAN]);
  }
  fs.rmSync(`${PEERS}/debs`, { recursive: true });
  fs.writeFileSync(done, '');
}

// ---- our side, and the programs that hold both ----

const OURS = ['-std=gnu11', '-ffp-contract=off', '-fno-math-errno', '-w', '-DRA_NO_THREADS'];    // as build.sh does

// Name, flags of our code and of PFFFT, and which FFTW stands beside them.
const NATIVE = [
  { name: 'sse2', flags: [], defines: ['-DBENCH_FFTW_SSE2'], ours: '-O3', fftw: 'FFTW3 without AVX' },
  { name: 'plain', flags: [], defines: [], ours: '-O3', fftw: 'FFTW3 with AVX' },
  { name: 'native', flags: ['-march=native'], defines: [], ours: '-O3 -march=native', fftw: 'FFTW3 with AVX' },
];

function buildNative({ name, flags, defines }) {
  const cc = process.env.CC || 'cc', pffft = `${MODULES}/@echogarden/pffft-wasm/src`;
  const usrLib = `${PEERS}/debian/usr/lib`, isUnpacked = fs.existsSync(usrLib);        // else the system's own
  const lib = `${usrLib}/${isUnpacked && fs.readdirSync(usrLib).find((folder) => folder.endsWith('-linux-gnu'))}`;
  run(cc, ['-O3', '-w', ...flags, '-c', `${pffft}/pffft.c`, '-o', `${OUT}/pffft-${name}.o`]);           // may fuse its multiplications
  run(cc, ['-O3', ...OURS, ...flags, ...defines, ...[pffft, ...[`${PEERS}/debian`, ''].flatMap((root) => [`${root}/usr/include`, `${root}/usr/include/kissfft`])].map((folder) => `-I${folder}`),
    '.ci/bench_native.c', `${OUT}/pffft-${name}.o`, `-L${lib}`, `-Wl,-rpath,${lib}`, '-l:libfftw3f.a', '-lkissfft-float', '-lsoxr', '-lm', '-o', `${OUT}/native-${name}`]);
}

function buildWasm() {
  run('emcc', ['.ci/bench_ours.c', '-o', `${OUT}/ours.mjs`, `-O${process.env.RA_OPT ?? 's'}`, ...OURS, '-msimd128', '-mnontrapping-fptoint', '-mllvm', '-inline-threshold=5', '--no-entry',
    '-sMODULARIZE', '-sEXPORT_ES6', '-sENVIRONMENT=web', '-sFILESYSTEM=0', '-sALLOW_MEMORY_GROWTH', '-sEXPORTED_RUNTIME_METHODS=HEAPF32']);
}

// ---- running ----

const merge = (best, group, name, value) => { (best[group] ??= {})[name] = Math.min(best[group][name] ?? Infinity, value); };

function runProgram(best, program, ...args) {
  for (const line of run(`${OUT}/native-${program}`, args.map(String)).trim().split('\n')) {
    const [group, name, ns] = line.split(' ');
    merge(best, group, name, Number(ns) / 1e6);
  }
}

// The programs in turn, so that each meets the machine in the same moods and FFTW may plan more than once.
function runNative() {
  const best = Object.fromEntries(NATIVE.map(({ name }) => [name, {}]));
  for (let pass = 0; pass < PASSES; pass++) for (const { name } of NATIVE) runProgram(best[name], name, 'transforms', rounds);
  runProgram(best.plain, 'plain', 'resampler', Math.ceil(rounds / 6));
  runProgram(best.plain, 'plain', 'callback', Math.max(rounds, 20));
  for (let round = 0; round < rounds / 6; round++) {
    runProgram(best.plain, 'plain', 'equaliser', 1, `${OUT}/noise.f32`, `${OUT}/ours.f32`);
    runFfmpeg(best.plain, round === 0);
  }
  for (const name of ['noise', 'ours', 'ffmpeg']) fs.rmSync(`${OUT}/${name}.f32`);
  return best;
}

// Ten equalizer filters on one thread, by ffmpeg's own clock, less the time of reading and throwing away.
function runFfmpeg(best, isFirst) {
  const lib = `${PEERS}/debian/usr/lib`, unpacked = `${PEERS}/debian/usr/bin/ffmpeg`, isUnpacked = fs.existsSync(unpacked);
  const folders = isUnpacked ? new Set(fs.readdirSync(lib, { recursive: true }).filter((name) => name.includes('.so')).map((name) => path.dirname(`${lib}/${name}`))) : [];
  const env = { ...process.env, LD_LIBRARY_PATH: [...folders].join(':') };
  const input = ['-hide_banner', '-nostdin', '-y', '-benchmark', '-threads', '1', '-filter_threads', '1', '-f', 'f32le', '-ar', '48000', '-ac', '2', '-i', `${OUT}/noise.f32`];
  const filters = [...Array(10)].map((_, i) => `equalizer=f=${31.25 * 2 ** i}:t=q:w=1.41:g=${i % 2 ? -4 : 4}`).join();
  const ffmpeg = (filter, ...output) => {              // -benchmark speaks on stderr
    const { stderr, status, error } = spawnSync(isUnpacked ? unpacked : 'ffmpeg', [...input, '-af', filter, '-f', ...output], { env, encoding: 'utf8' });
    if (error || status !== 0) throw new Error(`ffmpeg failed: ${error?.message ?? stderr.trim()}`);
    return Number(stderr.match(/rtime=([\d.]+)s/)[1]) * 1e3;
  };
  if (isFirst) {
    ffmpeg(filters, 'f32le', `${OUT}/ffmpeg.f32`);
    const [ours, theirs] = ['ours', 'ffmpeg'].map((name) => new Float32Array(fs.readFileSync(`${OUT}/${name}.f32`).buffer));
    const difference = ours.reduce((most, sample, i) => Math.max(most, Math.abs(sample - theirs[i])), 0);
    if (!(difference <= 1e-4)) throw new Error(`our equaliser and ffmpeg's differ by ${difference}, more than 1e-4`);
  }
  merge(best, 'ffmpeg', 'filters', ffmpeg(filters, 'null', '-'));
  merge(best, 'ffmpeg', 'nothing', ffmpeg('anull', 'null', '-'));
}

const TYPES = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' };

async function runBrowser() {
  const server = http.createServer((request, response) => {
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    const name = path.normalize(decodeURIComponent(new URL(request.url, 'http://localhost').pathname));
    if (name === '/') return response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>bench</title>');
    fs.readFile(ROOT + name, (error, bytes) => {
      if (error) return response.writeHead(404).end();
      response.setHeader('Content-Type', TYPES[path.extname(name)] ?? 'application/octet-stream').end(bytes);
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { chromium } = await import(`${process.env.RA_PLAYWRIGHT ?? `${ROOT}/.cache/node_modules/playwright-core`}/index.mjs`);
  const browser = await chromium.launch({
    executablePath: process.env.RA_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--no-first-run', '--disable-quic', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  try {
    const best = {};
    for (let pass = 0; pass < PASSES; pass++) {       // a fresh page each: another layout of memory and compiled code
      const page = await browser.newPage();
      await page.goto(`http://127.0.0.1:${server.address().port}/`);
      const groups = await page.evaluate(async (options) => (await import('/.ci/bench_page.mjs')).runAll(options),
        { oursUrl: '/build/bench/ours.mjs', peersUrl: '/.cache/peers/node_modules', rounds });
      for (const [group, values] of Object.entries(groups)) for (const [name, ms] of Object.entries(values)) merge(best, group, name, ms);
      await page.close();
    }
    return { version: browser.version(), ...best };
  } finally {
    await browser.close();
    server.close();
  }
}

// ---- the report ----

const rows = [], targets = [];
const time = (ms) => (ms >= 10 ? `${ms.toFixed(0)} ms` : `${(ms * 1e3).toPrecision(3)} µs`);
const row = (work, oursName, ours, peerName, peer) => rows.push({ work, oursName, ours, peerName, peer, ratio: peer / ours });
const BLOCK_MS = 128 / 48, SECONDS = 60;

function target(text, value, isMet, unit = 'x') {
  targets.push({ target: text, value, isMet });
  return `${text.padEnd(66)} ${`${value.toFixed(2)}${unit}`.padStart(8)}   ${isMet ? 'met' : 'MISSED'}`;
}
const least = (groups, peer) => Math.min(...TARGET_SIZES.map((n) => groups[`fft${n}`][peer] / groups[`fft${n}`].ours));

function report(native, web) {
  for (const { name, ours, fftw } of NATIVE) for (const n of SIZES) {
    const group = native[name][`fft${n}`], work = `native real FFT ${n}`;
    row(work, ours, group.ours, fftw, group.fftw);
    if (name === 'plain') continue;                      // PFFFT and KissFFT are the same there as beside the first FFTW
    row(work, ours, group.ours, `PFFFT ${ours}`, group.pffft);
    if (name === 'sse2') row(work, ours, group.ours, 'KissFFT of Debian', group.kissfft);
  }
  for (const n of SIZES) for (const [peer, label] of [['pffft', 'PFFFT wasm SIMD'], ['kissfft', 'KissFFT wasm'], ['fft.js', 'fft.js']])
    row(`Chromium real FFT ${n}`, 'wasm SIMD', web[`fft${n}`].ours, label, web[`fft${n}`][peer]);
  const ffmpeg = native.plain.ffmpeg.filters - native.plain.ffmpeg.nothing;
  row('native 10-band EQ, 60 s stereo', '-O3', native.plain.eq60s.ours, '10 ffmpeg equalizers', ffmpeg);
  row('native 44.1 to 48 kHz, 60 s stereo', '-O3', native.plain.resample60s.ours, 'soxr HQ', native.plain.resample60s.soxr);
  row('Chromium 10-band EQ, 60 s stereo', 'wasm SIMD', web.eq60s.ours, '10 BiquadFilterNodes', web.eq60s.nodes);

  const width = (key) => Math.max(...rows.map((r) => r[key].length));
  const columns = [width('work'), width('oursName'), width('peerName')];
  console.log(`\nours beside the peer, the smallest of many in turn; ratio = peer / ours, above 1 we are faster (Chromium ${web.version}, ${os.cpus().length} cores)\n`);
  for (const r of rows)
    console.log(`${r.work.padEnd(columns[0])}  ${r.oursName.padEnd(columns[1])} ${time(r.ours).padStart(8)}   ${r.peerName.padEnd(columns[2])} ${time(r.peer).padStart(8)}  ${r.ratio.toFixed(2).padStart(6)}x`);

  const realTime = (ms) => `${((SECONDS * 1e3) / ms).toFixed(0)}x real time`;
  console.log(`\n10-band EQ: wasm ${realTime(web.eq60s.ours)}, BiquadFilterNodes ${realTime(web.eq60s.nodes)} (an empty graph ${realTime(web.eq60s.passthrough)}, ` +
    `not subtracted), outputs differ by at most ${web.eq60s.difference.toExponential(1)}; native ${realTime(native.plain.eq60s.ours)}, ffmpeg ${realTime(ffmpeg)}`);
  const share = ({ mean, worst }) => `mean ${((100 * mean) / BLOCK_MS).toFixed(2)} %, worst ${((100 * worst) / BLOCK_MS).toFixed(2)} %`;
  console.log(`audio callback, 128 frames of 48 kHz, clip + 10 bands gliding + gain + soft clip + volume, share of the block's ${BLOCK_MS.toFixed(2)} ms:\n` +
    `  native ${share(native.plain.callback)}; Chromium, main thread ${share(web.callback)} (the page's clock has steps of 5 µs = 0.19 %)\n`);

  const lines = [
    ['native FFT 1024..16384 >= 1.0x FFTW3, same instruction set (SSE2)', least(native.sse2, 'fftw'), 1],
    ['native FFT 1024..16384 >= 1.0x FFTW3, same instruction set (AVX)', least(native.native, 'fftw'), 1],
    ['native FFT 1024..16384 never slower than PFFFT', Math.min(least(native.sse2, 'pffft'), least(native.native, 'pffft')), 1],
    ['wasm FFT 1024..16384 >= 1.2x PFFFT', least(web, 'pffft'), 1.2],
    ['wasm FFT 1024..16384 >= 6x fft.js', least(web, 'fft.js'), 6],
    ['wasm 10-band EQ >= 3x the browser\'s BiquadFilterNodes', web.eq60s.nodes / web.eq60s.ours, 3],
    ['native 10-band EQ >= 1.0x ffmpeg', ffmpeg / native.plain.eq60s.ours, 1],
    ['native resampling 44.1 to 48 kHz >= 0.5x soxr HQ', native.plain.resample60s.soxr / native.plain.resample60s.ours, 0.5],
  ].map(([text, value, wanted]) => target(text, value, value >= wanted));
  const worst = (100 * Math.max(native.plain.callback.worst, web.callback.worst)) / BLOCK_MS;
  lines.push(target('worst audio block < 30 % of its time (effects built so far)', worst, worst < 30, ' %'));
  console.log('targets (the least ratio of the sizes)\n' + lines.join('\n'));
  const met = targets.filter((t) => t.isMet).length;
  console.log(`${met} met, ${targets.length - met} missed`);
}

try {
  fs.mkdirSync(OUT, { recursive: true });
  fetchPeers();
  say('building');
  NATIVE.forEach(buildNative);
  buildWasm();
  say('timing natively');
  const native = runNative();
  say('timing in Chromium');
  const web = await runBrowser();
  report(native, web);
  fs.writeFileSync(`${ROOT}/build/bench.json`, JSON.stringify({ chromium: web.version, cpu: os.cpus()[0].model, rounds, passes: PASSES, unit: 'ms', rows, targets, native, web }, null, 1));
} catch (error) {
  say(error.message);
  process.exit(1);
}
