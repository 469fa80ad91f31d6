// bench.mjs - ours beside what a user would take instead, in one run: `./build.sh bench` calls it.
// Fetches the peers into .cache/peers (nothing of them is committed), builds our side from rustyaudio.h, checks that
// every peer and ours give the same answer, times them in turn, prints the ratios and writes build/bench.json.
// A peer that cannot be fetched is told in its rows, a work that fails too, and the others go on.
//   node .ci/bench.mjs [ROUNDS]      ROUNDS: how often each is timed per pass (default 60; 6 is a quick look)
// build.sh gives emcc on the PATH, CC, RA_CHROMIUM and RA_PLAYWRIGHT.

import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { BAND_DB, JOBS, THREADS } from './bench_page.mjs';

const ROOT = path.dirname(import.meta.dirname);
const PEERS = `${ROOT}/.cache/peers`, MODULES = `${PEERS}/node_modules`, DEBIAN = `${PEERS}/debian`, OUT = `${ROOT}/build/bench`;
const SIZES = [512, 1024, 4096, 16384], TARGET_SIZES = SIZES.slice(1), PASSES = 3, BLOCK_MS = 128 / 48, HAS_TWO_CORES = os.cpus().length >= 2;
const rounds = Number(process.argv[2] ?? 60);

const say = (text) => console.error(`bench: ${text}`);
function run(command, args, options = {}) {
  try {
    return execFileSync(command, args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...options });
  } catch (error) {
    throw new Error(`${path.basename(command)} failed: ${(error.stderr || error.message).trim().replaceAll('\n', ' | ')}`);
  }
}

// ---- the peers ----

// Those with a header are compiled into bench_native.c, where BENCH_NAME says that they are here.
const PEER = {
  fftw: { debian: 'libfftw3-dev', header: 'fftw3.h', link: '-l:libfftw3f.a' },
  kissfft: { debian: 'libkissfft-dev', header: 'kiss_fftr.h', link: '-lkissfft-float' },
  soxr: { debian: 'libsoxr-dev', header: 'soxr.h', link: '-lsoxr' },
  ebur128: { debian: 'libebur128-dev', header: 'ebur128.h', link: '-lebur128' },
  ffmpeg: { debian: 'ffmpeg' },
  'fft.js': { npm: 'fft.js', version: '4.0.4' },
  pffft: { npm: '@echogarden/pffft-wasm', version: '0.4.2' },       // brings its C source along
  'kissfft-wasm': { npm: '@echogarden/kissfft-wasm', version: '0.2.0' },
};

// Unpacked here, not installed: the machine stays as it is. A mark holds the version.
function fetchDebian(name) {
  const mark = `${DEBIAN}/${name}.version`, debs = `${PEERS}/debs`;
  if (fs.existsSync(mark)) return fs.readFileSync(mark, 'utf8');
  const apt = (...args) => run('apt-get', ['-qq', '-o', 'APT::Sandbox::User=root', ...args], { cwd: debs });
  const download = () => {
    const missing = apt('install', '-s', '--no-install-recommends', name).matchAll(/^Inst (\S+)/gm);
    apt('download', ...new Set([name, ...[...missing].map((match) => match[1])]));
  };
  say(`fetching ${name} into .cache/peers`);
  fs.mkdirSync(DEBIAN, { recursive: true });
  fs.rmSync(debs, { recursive: true, force: true });
  fs.mkdirSync(debs);
  try {
    try {
      download();
    } catch {                                            // no lists yet, or old ones
      apt('update');
      download();
    }
    const files = fs.readdirSync(debs).map((file) => `${debs}/${file}`);
    for (const deb of files) run('dpkg', ['-x', deb, DEBIAN]);
    const version = run('dpkg-deb', ['-f', files.find((file) => file.startsWith(`${debs}/${name}_`)), 'Version']).trim();
    fs.writeFileSync(mark, version);
    return version;
  } finally {
    fs.rmSync(debs, { recursive: true });
  }
}

function fetchNpm(name, version) {
  const description = `${MODULES}/${name}/package.json`;
  if (fs.existsSync(description) && JSON.parse(fs.readFileSync(description)).version === version) return version;
  say(`fetching ${name} into .cache/peers`);
  if (!fs.existsSync(`${PEERS}/package.json`)) fs.writeFileSync(`${PEERS}/package.json`, '{ "private": true }');    // without it npm looks for one further up
  run('npm', ['install', '--prefix', PEERS, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', `${name}@${version}`]);
  return version;
}

// Versions by name; without those that cannot be had.
function fetchPeers() {
  const has = {};
  fs.mkdirSync(PEERS, { recursive: true });
  for (const [name, { debian, npm, version }] of Object.entries(PEER)) {
    try {
      has[name] = debian ? fetchDebian(debian) : fetchNpm(npm, version);
    } catch (error) {
      say(`goes on without ${name}: ${error.message}`);
    }
  }
  return has;
}

// ---- our side, and the programs that hold both ----

const OURS = ['-std=gnu11', '-ffp-contract=off', '-fno-math-errno', '-w'], ALONE = '-DRA_NO_THREADS';    // as build.sh does

// Name, flags of our code and of PFFFT, and which FFTW stands beside them.
const NATIVE = [
  { name: 'sse2', flags: [ALONE], defines: ['-DBENCH_FFTW_SSE2'], ours: '-O3', fftw: 'FFTW3 without AVX' },
  { name: 'plain', flags: [ALONE], defines: [], ours: '-O3', fftw: 'FFTW3 with AVX' },
  { name: 'native', flags: [ALONE, '-march=native'], defines: [], ours: '-O3 -march=native', fftw: 'FFTW3 with AVX' },
];
const NATIVE_JOBS = { name: 'jobs', flags: ['-pthread'], defines: [] }, LONG_SECONDS = 600;

function buildNative({ name, flags, defines }, has) {
  const cc = process.env.CC || 'cc', pffft = `${MODULES}/${PEER.pffft.npm}/src`, usrLib = `${DEBIAN}/usr/lib`;
  const lib = fs.existsSync(usrLib) ? `${usrLib}/${fs.readdirSync(usrLib).find((folder) => folder.endsWith('-linux-gnu'))}` : OUT;
  const linked = Object.keys(has).filter((peer) => PEER[peer].header), objects = [];
  if (has.pffft) {
    objects.push(`${OUT}/pffft-${name}.o`);
    run(cc, ['-O3', '-w', ...flags, '-c', `${pffft}/pffft.c`, '-o', objects[0]]);             // may fuse its multiplications
  }
  run(cc, ['-O3', ...OURS, ...flags, ...defines, ...[...linked, ...(has.pffft ? ['pffft'] : [])].map((peer) => `-DBENCH_${peer.toUpperCase()}`),
    `-I${pffft}`, `-I${DEBIAN}/usr/include`, `-I${DEBIAN}/usr/include/kissfft`, '.ci/bench_native.c', ...objects,
    `-L${lib}`, `-Wl,-rpath,${lib}`, ...linked.map((peer) => PEER[peer].link), '-lm', '-o', `${OUT}/native-${name}`]);
}

// One module for the page's thread alone; one with workers, whose memory does not grow, lest the page's views of it go stale.
function buildWasm() {
  const build = (name, ...flags) => run('emcc', ['.ci/bench_ours.c', '-o', `${OUT}/${name}.mjs`, `-O${process.env.RA_OPT ?? 's'}`, ...OURS, '-msimd128', '-mnontrapping-fptoint',
    '-mllvm', '-inline-threshold=5', '--no-entry', '-sMODULARIZE', '-sEXPORT_ES6', '-sFILESYSTEM=0', '-sEXPORTED_RUNTIME_METHODS=HEAPF32,ccall', ...flags]);
  build('ours', ALONE, '-sENVIRONMENT=web', '-sALLOW_MEMORY_GROWTH');
  build('threads', '-pthread', '-sENVIRONMENT=web,worker', '-sINITIAL_MEMORY=512MB', '-sSTACK_SIZE=1MB', '-sDEFAULT_PTHREAD_STACK_SIZE=256KB', `-sPTHREAD_POOL_SIZE=${Math.max(...THREADS)}`);
}

// ---- running: groups[work][name] is the smallest time in ms; beside the times stand texts: agreement, missing, failed ----

function merge(groups, work, name, value) {
  const group = groups[work] ??= {};
  if (name === 'hash' && (group.hash ?? value) !== value) group.failed = `one run makes ${group.hash}, another ${value}`;
  group[name] = typeof value === 'number' ? Math.min(group[name] ?? Infinity, value) : value;
}

// A work that fails says so in its row.
async function attempt(groups, work, body) {
  try {
    await body();
  } catch (error) {
    merge(groups, work, 'failed', error.message);
  }
}

function runProgram(groups, program, ...args) {
  for (const line of run(`${OUT}/native-${program}`, args.map(String)).trim().split('\n')) {
    const [, work, name, text, number] = line.match(/^(\S+) (\S+) ((\S+) ns|.*)$/);
    merge(groups, work, name, number ? Number(number) / 1e6 : text);
  }
}

// The programs in turn, so that each meets the machine in the same moods and FFTW may plan more than once.
async function runNative(has) {
  const groups = Object.fromEntries(NATIVE.map(({ name }) => [name, {}])), { plain } = groups, some = Math.max(Math.ceil(rounds / 6), 3);
  for (let pass = 0; pass < PASSES; pass++) for (const { name } of NATIVE)
    await attempt(groups[name], 'fft', () => runProgram(groups[name], name, 'transforms', rounds));
  if (has.soxr) await attempt(plain, 'resample', () => runProgram(plain, 'plain', 'resampler', some));
  if (has.ebur128) await attempt(plain, 'loudness', () => runProgram(plain, 'plain', 'loudness', some));
  await attempt(plain, 'callback', () => runProgram(plain, 'plain', 'callback', Math.max(rounds, 20)));
  await attempt(plain, 'eq', () => {
    for (let round = 0; round < some; round++) {
      runProgram(plain, 'plain', 'equaliser', 1, `${OUT}/noise.f32`, `${OUT}/ours.f32`);
      if (has.ffmpeg) runFfmpeg(plain, round === 0);
    }
  });
  for (const [name, { seconds, rate, text }] of Object.entries(JOBS)) for (const length of [LONG_SECONDS, seconds]) {      // the short one to compare with the page's
    const work = `jobs_${name}_${length}`;
    await attempt(plain, work, () => runProgram(plain, 'jobs', 'jobs', length === seconds ? 1 : Math.max(Math.ceil(rounds / 15), 2), work, length, rate, BAND_DB, text));
  }
  for (const name of ['noise', 'ours', 'ffmpeg']) fs.rmSync(`${OUT}/${name}.f32`, { force: true });
  return groups;
}

// Ten equalizer filters on one thread, by ffmpeg's own clock, less the time of reading and throwing away.
function runFfmpeg(groups, isFirst) {
  const lib = `${DEBIAN}/usr/lib`, folders = new Set(fs.readdirSync(lib, { recursive: true }).filter((name) => name.includes('.so')).map((name) => path.dirname(`${lib}/${name}`)));
  const env = { ...process.env, LD_LIBRARY_PATH: [...folders].join(':') };
  const input = ['-hide_banner', '-nostdin', '-y', '-benchmark', '-threads', '1', '-filter_threads', '1', '-f', 'f32le', '-ar', '48000', '-ac', '2', '-i', `${OUT}/noise.f32`];
  const filters = [...Array(10)].map((_, i) => `equalizer=f=${31.25 * 2 ** i}:t=q:w=1.41:g=${i % 2 ? -4 : 4}`).join();
  const ffmpeg = (filter, ...output) => {              // -benchmark speaks on stderr
    const { stderr, status, error } = spawnSync(`${DEBIAN}/usr/bin/ffmpeg`, [...input, '-af', filter, '-f', ...output], { env, encoding: 'utf8' });
    if (error || status !== 0) throw new Error(`ffmpeg failed: ${error?.message ?? stderr.trim()}`);
    return Number(stderr.match(/rtime=([\d.]+)s/)[1]) * 1e3;
  };
  if (isFirst) {
    ffmpeg(filters, 'f32le', `${OUT}/ffmpeg.f32`);
    const [ours, theirs] = ['ours', 'ffmpeg'].map((name) => new Float32Array(fs.readFileSync(`${OUT}/${name}.f32`).buffer));
    const difference = ours.reduce((most, sample, i) => Math.max(most, Math.abs(sample - theirs[i])), 0);
    if (!(difference <= 1e-4)) throw new Error(`our equaliser and ffmpeg's differ by ${difference}, more than 1e-4`);
    merge(groups, 'eq', 'agreement', difference.toExponential(1));
  }
  merge(groups, 'eq', 'filters', ffmpeg(filters, 'null', '-'));
  merge(groups, 'eq', 'nothing', ffmpeg('anull', 'null', '-'));
  groups.eq.ffmpeg = groups.eq.filters - groups.eq.nothing;
}

const TYPES = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' };

async function runBrowser(has) {
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
    const groups = {};
    for (let pass = 0; pass < PASSES; pass++) {       // a fresh page each: another layout of memory and compiled code
      const page = await browser.newPage();
      await page.goto(`http://127.0.0.1:${server.address().port}/`);
      const ofPage = await page.evaluate(async (options) => (await import('/.ci/bench_page.mjs')).runAll(options),
        { oursUrl: '/build/bench/ours.mjs', threadsUrl: '/build/bench/threads.mjs', peersUrl: '/.cache/peers/node_modules', rounds, has });
      for (const [work, values] of Object.entries(ofPage)) for (const [name, value] of Object.entries(values)) merge(groups, work, name, value);
      await page.close();
    }
    return { version: browser.version(), groups };
  } finally {
    await browser.close();
    server.close();
  }
}

// ---- the report: each function fills the rows of its kind and prints them ----

const rows = [];

// What the row of a work says instead of numbers, if anything; a work is named FAMILY_PART.
function whyNot(groups, work, peerIsHere) {
  const family = work.split('_')[0], { failed, missing } = { ...groups[family], ...groups[work] };
  return failed ? `FAILED: ${failed}` : missing ?? (peerIsHere ? undefined : 'the peer could not be fetched');
}

// Puts a row on record and gives its verdict: none where nothing was wanted.
function judge(row, value, wanted, isMet) {
  const isMeasured = Number.isFinite(value) && !row.why, verdict = !wanted ? '' : !isMeasured ? 'not measured' : isMet ? 'met' : 'MISSED';
  rows.push({ ...row, value, wanted, verdict });
  return wanted ? `${wanted} ${verdict}` : '';
}
const ratioVerdict = (row, ratio, wanted) => judge(row, ratio, wanted && `>= ${wanted.toFixed(1)}x`, ratio >= wanted);
const times = (ratio) => `${ratio.toFixed(2)}x`;
const realTime = (ms, seconds) => `${((seconds * 1e3) / ms).toFixed(0)}x`;

// cells: text and width, a negative width for text that stands right
const line = (...cells) => console.log(cells.map(([text, width]) => (width < 0 ? String(text).padStart(-width) : String(text).padEnd(width))).join('  ').trimEnd());

function reportTransforms(native, web, has) {
  const builds = [
    ...NATIVE.map(({ name, ours, fftw }) => ({ name: `native ${ours}`, groups: native[name], peers: [
      ['fftw', fftw, name === 'plain' ? undefined : 1],           // other instructions than ours: for information
      ...(name === 'plain' ? [] : [['pffft', `PFFFT ${ours}`, 1]]), ...(name === 'sse2' ? [['kissfft', 'KissFFT of Debian']] : []),
    ] })),
    { name: 'Chromium wasm SIMD', groups: web, peers: [['pffft', 'PFFFT wasm SIMD', 1.2], ['kissfft', 'KissFFT wasm', undefined, 'kissfft-wasm'], ['fft.js', 'fft.js', 6]] },
  ];
  line(['real FFT: our µs, then peer / ours', 50], ...SIZES.map((n) => [n, -7]), [`least from ${TARGET_SIZES[0]} on, target`, 0]);
  for (const { name, groups, peers } of builds) {
    const of = (who) => SIZES.map((n) => groups[`fft_${n}`]?.[who]), ours = of('ours');
    line([name, 24], ['ours', 24], ...ours.map((ms) => [ms ? (ms * 1e3).toPrecision(3) : '-', -7]));
    for (const [peer, peerName, wanted, key = peer] of peers) {
      const ratios = of(peer).map((ms, i) => ms / ours[i]), least = Math.min(...ratios.slice(-TARGET_SIZES.length));
      const why = SIZES.map((n) => whyNot(groups, `fft_${n}`, has[key])).find(Boolean);
      const verdict = ratioVerdict({ work: `real FFT, ${name}`, peer: peerName, sizes: SIZES, ours, theirs: of(peer), why }, least, wanted);
      if (why) line(['', 24], [peerName, 24], [why, 0]);
      else line(['', 24], [peerName, 24], ...ratios.map((ratio) => [times(ratio), -7]), [times(least), -7], [verdict, 0]);
    }
  }
}

function reportWorks(native, web, has) {
  const two = HAS_TWO_CORES ? 10 : undefined, { plain } = native, versus = [        // groups, work, what it is, the peer, its name, target, seconds of sound, which of ours
    [plain, 'eq', 'native 10-band EQ', 'ffmpeg', '10 ffmpeg equalizers', 1],
    [plain, 'resample', 'native 44.1 to 48 kHz', 'soxr', 'soxr HQ', 0.5],
    [plain, 'loudness_noise', 'native loudness, noise', 'ebur128', 'libebur128', 1.5],
    [plain, 'loudness_music', 'native loudness, music', 'ebur128', 'libebur128', 1.5],
    [plain, 'loudness_peak_noise', 'native loudness, true peak, noise', 'ebur128', 'libebur128', 1.5],
    [plain, 'loudness_peak_music', 'native loudness, true peak, music', 'ebur128', 'libebur128', 1.5],
    [web, 'eq', 'Chromium 10-band EQ', 'nodes', '10 BiquadFilterNodes', 3],
    [web, 'room', 'Chromium EQ, compressor, reverb, limiter', 'nodes', 'EQ, 3 s Convolver-, CompressorNode', 10],
    [web, 'jobs_room', 'Chromium EQ to limiter, two workers', 'nodes', 'EQ, 3 s Convolver-, CompressorNode', two, 60, 2],
    [web, 'convolve', 'Chromium convolve, 3 s response', 'nodes', 'ConvolverNode', 5],
    [web, 'stft', 'Chromium STFT of 5 min, 4096 by 1024, dB', 'fft.js', 'fft.js, same thread', 5, 300],
    [web, 'jobs_spectra', 'Chromium STFT of 5 min, two workers', 'fft.js', 'fft.js, page\'s thread', two, 300, 2],
  ];
  line(['60 s stereo: times real time', 42], ['ours', -7], ['peer', -7], ['', 34], ['ratio', -7], ['target', 18], ['answers differ by', 0]);
  for (const [groups, work, name, peer, peerName, wanted, seconds = 60, who = 'ours'] of versus) {
    const { [who]: ours, [peer]: theirs, agreement = '' } = groups[work] ?? {}, why = whyNot(groups, work, peer === 'nodes' || has[peer]), ratio = theirs / ours;
    const verdict = ratioVerdict({ work: name, ours, peer: peerName, theirs, seconds, agreement, why }, ratio, wanted);
    const speed = ours ? realTime(ours, seconds) : '-';
    if (why) line([name, 42], [speed, -7], [why, 0]);
    else line([name, 42], [speed, -7], [realTime(theirs, seconds), -7], [peerName, 34], [times(ratio), -7], [verdict, 18], [agreement, 0]);
  }
}

// The page's thread does not work along, the native caller does.
function reportJobs({ plain }, web) {
  const kinds = [['spectra', 'STFT'], ['room', 'EQ to limiter']], native = kinds.map(([name, what]) => {
    const work = `jobs_${name}_${LONG_SECONDS}`;
    return { ...plain[work], title: `native ${what} of ${LONG_SECONDS / 60} min`, why: whyNot(plain, work, true) };
  });
  const page = kinds.map(([name, what]) => {               // the same clip natively has to give the same bits
    const { seconds } = JOBS[name], work = `jobs_${name}`, twin = `${work}_${seconds}`, hashes = [web[work]?.hash, plain[twin]?.hash];
    const differ = hashes[0] === hashes[1] ? undefined : `FAILED: Chromium makes ${hashes[0]}, native ${hashes[1]}`;
    return { ...web[work], title: `Chromium ${what} of ${seconds / 60} min, workers`, why: whyNot(web, work, true) ?? whyNot(plain, twin, true) ?? differ };
  });
  line(['the same work by more threads', 44], ...THREADS.map((threads) => [threads, -8]), ['target for 2', 18], ['hash of the bits', 0]);
  for (const { title, why, hash, ...best } of [...native, ...page]) {
    const ms = THREADS.map((threads) => best[threads]), ratios = ms.map((time) => ms[0] / time);
    const verdict = ratioVerdict({ work: `${title}, two threads beside one`, threads: THREADS, ours: ms, hash, why }, ratios[1], HAS_TWO_CORES ? 1.8 : undefined);
    if (why) line([title, 44], [why, 0]);
    else line([title, 44], [`${ms[0].toFixed(0)} ms`, -8], ...ratios.slice(1).map((ratio) => [times(ratio), -8]), [verdict, 18], [hash, 0]);
  }
  line(['the page\'s thread meanwhile, two workers', 44], ['our call', -8], ['gap', -8], ['', -8], ['target for our call', 0]);
  for (const { title, why, call, gap } of page) {
    const verdict = judge({ work: `${title}, longest call of the page's thread`, call, gap, unit: 'ms', why }, call, '<= 8 ms', call <= 8);
    if (why) line([title, 44], [why, 0]);
    else line([title, 44], [`${call.toFixed(2)} ms`, -8], [`${gap.toFixed(1)} ms`, -8], ['', -8], [verdict, 0]);
  }
  console.log('our call: the longest into our module, from start to free; gap: the longest between two looks, one a millisecond; both in the quietest run');
  if (os.cpus().length < Math.max(...THREADS)) console.log(`this machine has ${os.cpus().length} cores: more threads than that only show that the bits stay`);
}

function reportEffects(web) {
  const { failed, ...effects } = web.effects, why = whyNot(web, 'effects', true);
  line(['one effect alone, stereo, Chromium', 42], ['ours', -7], [why ?? '', 0]);
  if (failed) judge({ work: 'one effect alone', why });
  else for (const [text, ms] of Object.entries(effects)) {
    judge({ work: text, ours: ms, seconds: 10 });
    line([`  ${text}`, 42], [realTime(ms, 10), -7]);
  }
}

function reportCallback(native, web) {
  const percent = (ms) => `${((100 * ms) / BLOCK_MS).toFixed(2)} %`;
  line([`audio callback, share of a block's ${BLOCK_MS.toFixed(2)} ms`, 44], ['mean', -7], ['worst', -7], ['seen', -7], ['target for the worst', 0]);
  for (const [side, groups] of [['native', native.plain], ['Chromium, page\'s thread', web]])
    for (const [work, effects] of [['callback_few', 'EQ, gain, softclip'], ['callback_all', 'all effects']]) {
      const name = `${side}, ${effects}`, why = whyNot(groups, work, true), { mean, worst, seen } = groups[work] ?? {};
      const verdict = judge({ work: `audio callback, ${name}`, mean, worst, seen, unit: 'ms', why }, (100 * worst) / BLOCK_MS, '< 30 %', worst < 0.3 * BLOCK_MS);
      if (why) line([name, 44], [why, 0]);
      else line([name, 44], [percent(mean), -7], [percent(worst), -7], [percent(seen), -7], [verdict, 0]);
    }
  console.log('worst: of the smallest times of each of 3750 blocks, our own doing; seen: in the quietest run, with what the machine did meanwhile');
}

function report(native, { version, groups: web }, has) {
  console.log(`\nours beside the peer, the smallest of many in turn; ratio = peer / ours: above 1 we are faster (one thread unless a row says more, Chromium ${version}, ${os.cpus().length} cores)\n`);
  for (const part of [reportTransforms, reportWorks]) { part(native, web, has); console.log(); }
  reportJobs(native, web); console.log();
  reportEffects(web); console.log();
  reportCallback(native, web);
  const count = (verdict) => rows.filter((row) => row.verdict === verdict).length;
  console.log(`\n${count('met')} targets met, ${count('MISSED')} missed, ${count('not measured')} not measured`);
}

try {
  fs.mkdirSync(OUT, { recursive: true });
  const has = fetchPeers();
  say('building');
  for (const program of NATIVE) buildNative(program, has);
  buildNative(NATIVE_JOBS, {});
  buildWasm();
  say('timing natively');
  const native = await runNative(has);
  say('timing in Chromium');
  const web = await runBrowser(has);
  report(native, web, has);
  const facts = { chromium: web.version, cpu: os.cpus()[0].model, peers: has, rounds, passes: PASSES, unit: 'ms' };
  fs.writeFileSync(`${ROOT}/build/bench.json`, JSON.stringify({ ...facts, rows, native, web: web.groups }, null, 1));
  process.exitCode = rows.some(({ why }) => why?.startsWith('FAILED')) ? 1 : 0;
} catch (error) {
  say(error.message);
  process.exit(1);
}
