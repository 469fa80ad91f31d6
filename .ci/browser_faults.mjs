// browser_faults.mjs - what goes wrong at a visitor's: no isolation, blocked workers, broken files, other people's servers.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { above, DIST, NGINX, OGG, ok, OUT, near, POLICY, ROOT, same, says, section, serve, signal, SPOKEN, test, wait, wav } from './browser_kit.mjs';

section('not isolated');

const isIsolated = (app) => app.page.evaluate(() => crossOriginIsolated);

test('a server without the headers: it plays all the same, and says what is missing and how to add it', async (bench) => {
  const app = await bench.open({ isolated: false });
  const state = await app.state();
  same([state.tier, state.workers_alive, await isIsolated(app)], ['isolated-off', 0, false], 'tier, workers, crossOriginIsolated');
  says(await app.untilStatus(/Cross-Origin/), /the server should send Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp/, 'the status line');
  await app.click('button', 'Play');
  await app.untilPlaying();
  above(await app.peak(), -40, 'peak, dBFS');
  const { spectrum_serial } = await app.state();
  await app.until((state) => state.spectrum_serial > spectrum_serial + 5, 'new spectra arrive');
  await app.click('button', 'How to enable threads');
  const help = app.page.getByRole('alert').filter({ hasText: 'Cross-Origin-Opener-Policy' });
  await help.waitFor();
  says(await help.textContent(), /data-isolate/, 'the help');
  await app.page.getByRole('button', { name: 'Close' }).click();
  same(await help.count(), 0, 'the help after Close');
});

for (const tier of ['isolated-off', 'compat']) {
  test(`?tier=${tier} on an isolated page does without threads and says so; seek, volume and loop work`, async (bench) => {
    const app = await bench.open({ query: `tier=${tier}` });
    same([(await app.state()).tier, await isIsolated(app)], [tier, true], 'tier, crossOriginIsolated');
    says(await app.status(), new RegExp(`switched off by tier=${tier}`), 'the status line');
    await app.click('button', 'Play');
    await app.untilPlaying();
    above(await app.peak(), -40, 'peak, dBFS');
    await app.call('seek', 5);
    await app.until((state) => state.position_s > 5 && state.position_s < 6.5, 'it plays from 5 s', 2000);
    await app.press('m');
    await app.until((state) => state.peak_db < -100, 'it is silent when muted', 8000);
    await app.call('stop');
    await wait(300);
    same((await app.state()).position_s, 0, 'position after stop');
  });

}

for (const tier of ['threads', 'isolated-off', 'compat']) {
  test(`${tier}: a minute of stereo arrives while the old file plays on, and then plays`, async (bench) => {
    const { url } = signal('sine', { hz: 440, db: -12, seconds: 60, rate: 48000 }), app = await bench.open({ query: `rate=48000&tier=${tier}` });
    same((await app.state()).tier, tier, 'tier');
    // the clip must be stereo, so that there is much to send
    const mono = fs.readFileSync(`${OUT}/${url}`), data = Buffer.alloc((mono.length - 44 - (mono.length - 44) % 4) * 2);
    for (let i = 0; i + 3 < mono.length - 44; i += 4) { mono.copy(data, 2 * i, 44 + i, 48 + i); mono.copy(data, 2 * i + 4, 44 + i, 48 + i); }
    fs.writeFileSync(`${OUT}/signals/minute.wav`, wav({ rate: 48000, channels: 2, bits: 32, tag: 3, data }));
    await app.wake();
    await app.recorder();
    await app.click('button', 'Play');
    await app.untilPlaying();
    await wait(300);
    await app.startRecording();
    await app.load('signals/minute.wav');
    const state = await app.until((state) => state.file === 'minute.wav' && state.duration_s > 59 && state.position_s > 0.2, 'the new file plays', 20000);
    same([state.playing, state.channels], [true, 2], 'playing, channels');
    const heard = await app.stopRecording();
    // 2 x 20 ms of fades, and at most 50 ms of silence between old and new
    let silent = 0, longest = 0;
    for (let i = 0; i < heard.length; i += 2) { silent = heard[i] === 0 && heard[i + 1] === 0 ? silent + 1 : 0; longest = Math.max(longest, silent); }
    ok(longest < 4800, `${longest} frames of silence between the old file and the new`);
    above(await app.peak(200), -13, 'peak of the new file, dBFS');
  }, { seconds: 60 });
}

for (const isolated of [true, false]) {
  test(`${isolated ? 'isolated' : 'not isolated'}: works under the strict Content-Security-Policy`, async (bench) => {
    const site = await bench.serve({ isolated, headers: { 'Content-Security-Policy': POLICY } });
    const app = await bench.open({ from: site, query: `src=${OGG.url}` });
    await app.until((state) => state.file === 'service-login.oga', 'the Ogg file is there');
    same((await app.state()).tier, isolated ? 'threads' : 'isolated-off', 'tier');
    await app.click('checkbox', 'Loop');
    await app.click('button', 'Play');
    await app.untilPlaying();
    above(await app.peak(), -40, 'peak, dBFS');
    same((await app.state()).renderer, 'webgpu', 'renderer');
    if (isolated) above((await app.until((state) => state.workers_alive > 0, 'workers are alive')).workers_alive, 0, 'workers');
    await app.load(SPOKEN.url);
  });
}

test('the service worker, asked for, isolates the page with exactly one reload; unisolate takes it away', async (bench) => {
  const site = await bench.serve({ isolated: false }), context = await bench.context(), pages = () => site.asked.filter(({ path }) => path === '/').length;
  const app = await bench.open({ from: site, context, query: 'isolate', isReady: false });
  for (const begin = Date.now(); !(await app.page.evaluate(() => globalThis.crossOriginIsolated && globalThis.rustyaudio?.state().duration_s > 0).catch(() => false)); await wait(50)) ok(Date.now() - begin < 15000, 'after 15 s the page is not isolated');
  await wait(1500);
  same(pages(), 2, 'times that the page was asked for');
  same([(await app.state()).tier, new URL(app.page.url()).search.replace('=', '')], ['threads', '?isolate'], 'tier, address');
  await app.until((state) => state.workers_alive > 0, 'workers are alive');
  await app.click('button', 'Play');
  await app.untilPlaying();
  above(await app.peak(), -40, 'peak, dBFS');
  await app.page.reload();
  await app.ready();
  same(await isIsolated(app), true, 'isolated after a reload');
  same(await app.call('unisolate'), true, 'unisolate');
  await app.page.goto(`${site.url}?isolate`);
  await app.ready();
  await wait(1000);
  same([await isIsolated(app), (await app.state()).tier], [false, 'isolated-off'], 'isolated, tier after unisolate');
  says(await app.status(), /unisolate|tried/, 'the status line');
}, { seconds: 60 });

test('the service worker by data-isolate, where the browser has none: no reload, and the reason is shown', async (bench) => {
  const site = await bench.serve({ isolated: false, routes: { '/': Buffer.from(fs.readFileSync(`${DIST}/index.html`, 'utf8').replace(/data-page/, 'data-page data-isolate')) } });
  site.routes['/worker.js'] = (request, response) => {        // refuses to be a service worker
    response.setHeader('Content-Type', 'text/javascript');
    if (request.headers['service-worker']) { response.writeHead(403); return response.end(); }
    response.end(fs.readFileSync(`${DIST}/worker.js`));
  };
  bench.allow(/403|Failed to load resource|bad HTTP response/);
  const app = await bench.open({ from: site });
  await wait(1000);
  same(site.asked.filter(({ path }) => path === '/').length, 1, 'times that the page was asked for');
  says(await app.status(), /service worker could not be installed/, 'the status line');
  await app.click('button', 'Play');
  await app.untilPlaying();
});

test('a service worker that does not isolate: one reload, never two', async (bench) => {
  const site = await bench.serve({ isolated: false });
  site.routes['/worker.js'] = (request, response) => {        // as a service worker it does nothing
    response.setHeader('Content-Type', 'text/javascript');
    response.end(request.headers['service-worker'] ? '/* nothing */ addEventListener("install", () => skipWaiting()); addEventListener("activate", event => event.waitUntil(clients.claim()));' : fs.readFileSync(`${DIST}/worker.js`));
  };
  const app = await bench.open({ from: site, query: 'isolate', isReady: false });
  await wait(5000);
  same(site.asked.filter(({ path }) => path === '/').length, 2, 'times that the page was asked for');
  await app.ready();
  says(await app.status(), /tried it once already|did not become isolated/, 'the status line');
});

test('framed by a page that is not isolated: no reload, and the reason is shown', async (bench) => {
  const site = await bench.serve({ isolated: false, routes: { '/frame.html': Buffer.from('<!DOCTYPE html><html lang="en"><title>host</title><link rel="icon" href="data:,"><iframe src="/?isolate" width="1000" height="640" allow="autoplay"></iframe>') } });
  const page = bench.watch(await (await bench.context()).newPage());
  await page.goto(`${site.url}frame.html`);
  const status = page.frameLocator('iframe').getByRole('status', { name: 'Status', exact: true });
  await status.waitFor({ state: 'attached' });
  await wait(1000);
  says(await status.textContent(), /Cross-Origin-Embedder-Policy.*framed/, 'the status line');
  same(site.asked.filter(({ path }) => path === '/').length, 1, 'times that the page was asked for');
});

test('workers blocked by worker-src: within seconds the page says why, and plays', async (bench) => {
  const site = await bench.serve({ headers: { 'Content-Security-Policy': POLICY.replace("worker-src 'self'", "worker-src 'none'") } });
  bench.allow(/Content.Security.Policy|worker|^page error: Event$/i);         // Emscripten throws the worker's event
  const app = await bench.open({ from: site });
  says(await app.untilStatus(/worker-src/, 8000), /Content-Security-Policy/, 'the status line');
  same((await app.state()).workers_alive, 0, 'workers');
  await app.load(SPOKEN.url);                                 // decoded and measured without workers
  same((await app.state()).file, 'Front_Center.wav', 'file');
  await app.click('checkbox', 'Loop');
  await app.click('button', 'Play');
  await app.untilPlaying();
  above(await app.peak(1500), -40, 'peak, dBFS');
});

// Keeps the page's workers where a test can get at them.
export const keepWorkers = (context) => context.addInitScript(() => {
  const Real = self.Worker;
  self.pthreads = [];
  self.Worker = class extends Real { constructor(url, options) { super(url, options); if (options?.name) self.pthreads.push(this); } };
});

test('workers that are terminated, one after the other, while files load: each load comes to its end, and the spectrum goes on', async (bench) => {
  const { url } = signal('sine', { hz: 440, db: -12, seconds: 60, rate: 48000 }), context = await bench.context();
  await keepWorkers(context);
  bench.allow(/a worker has died/);
  const app = await bench.open({ context, query: 'threads=3' });
  await app.until((state) => state.workers_alive === 3, 'three workers are alive');
  await app.click('button', 'Play');
  await app.untilPlaying();
  for (const [index, ms] of [0, 40, 90].entries()) {          // from the last to the first: those who are idle, too
    const loading = app.load(url);
    await wait(ms);
    await app.page.evaluate((index) => self.pthreads.at(-1 - index).terminate(), index);
    await loading;
    const state = await app.until((state) => state.workers_alive === 2 - index, `${2 - index} workers are left`, 20000);
    same(state.workers_wanted, 3, 'workers that were asked for');
    if (!(await app.state()).playing) await app.click('button', 'Play');
    await app.untilPlaying();
    const { spectrum_serial } = await app.state();
    await app.until((state) => state.spectrum_serial > spectrum_serial + 5, 'new spectra arrive', 12000);
  }
}, { seconds: 120 });

test('a worker that traps in the middle of its work: another takes it over, and the page goes on', async (bench) => {
  let asked = 0;
  const site = await bench.serve({ routes: { '/rustyaudio.js': (request, response) => {
    response.setHeader('Content-Type', 'text/javascript');
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    // the second worker's clock breaks after a while: our slices ask for the time
    const breaks = request.headers['sec-fetch-dest'] === 'worker' && ++asked === 2;
    response.end((breaks ? 'const born = Date.now(), time = performance.now.bind(performance); performance.now = () => { if (Date.now() - born > 3000) throw Error("trapped on purpose"); return time(); };\n' : '')
      + fs.readFileSync(`${DIST}/rustyaudio.js`, 'utf8'));
  } } });
  bench.allow(/a worker has died|trapped on purpose|^page error: (Error)?Event$|worker sent an error/);         // Emscripten throws the worker's event
  const app = await bench.open({ from: site, query: 'threads=2' });
  await app.until((state) => state.workers_alive === 2, 'two workers are alive');
  await app.click('button', 'Play');
  await app.untilPlaying();
  await app.until((state) => state.workers_alive === 1, 'one worker is left', 20000);
  ok(bench.problems.some((problem) => /trapped on purpose/.test(problem)), `the page was told of the trap: ${bench.problems}`);
  const { spectrum_serial } = await app.state();
  await app.until((state) => state.spectrum_serial > spectrum_serial + 5, 'new spectra arrive', 15000);
  await app.load(SPOKEN.url);
  same((await app.state()).error, '', 'error');
}, { seconds: 60 });

test('WebAssembly forbidden by the policy, a missing .wasm, a missing .js: one sentence that says so', async (bench) => {
  bench.allow(/./);                                           // the console tells the same
  const sentence = async (options) => {
    const site = await bench.serve(options), page = bench.watch(await (await bench.context()).newPage());
    await page.goto(site.url);
    const alert = page.getByRole('alert').filter({ hasText: /\w/ });
    await alert.first().waitFor();
    same(await page.evaluate(() => rustyaudio.ready.then(() => 'kept', (error) => error.message)), await alert.first().textContent(), 'rustyaudio.ready is broken with the same sentence');
    return alert.first().textContent();
  };
  const gone = (request, response) => { response.writeHead(404); response.end(); };
  says(await sentence({ headers: { 'Content-Security-Policy': POLICY.replace(" 'wasm-unsafe-eval'", '') } }), /wasm-unsafe-eval/, 'without wasm-unsafe-eval');
  says(await sentence({ routes: { '/rustyaudio.wasm': gone } }), /rustyaudio\.wasm could not be loaded: the server answered 404/, 'without the .wasm');
  says(await sentence({ routes: { '/rustyaudio.js': gone } }), /rustyaudio\.js could not be loaded/, 'without the .js');
  says(await sentence({ routes: { '/rustyaudio.wasm': Buffer.from('this is no wasm') } }), /rustyaudio\.wasm could not be/, 'with nonsense as .wasm');
});

section('broken files');

const oneSentence = /^[^\n]{10,230}$/;

test('every broken file is refused with one sentence, shown in the page, while the old one plays on', async (bench) => {
  const whole = wav({ data: Buffer.alloc(9600, 64) });
  const cut = fs.readFileSync(OGG.file).subarray(0, 200), damaged = Buffer.from(fs.readFileSync(OGG.file));
  damaged.fill(0, 60, damaged.length);
  const files = {
    'words.wav': [Buffer.from('These are words and no music at all, whatever the name may say.'), /words\.wav/],
    'cut.wav': [whole.subarray(0, 30), /cut\.wav.*byte/],
    'only-riff.wav': [Buffer.from('RIFF'), /only-riff\.wav/],
    'no-channels.wav': [wav({ channels: 0 }), /no-channels\.wav.*0 channels/],
    'many-channels.wav': [wav({ channels: 65, data: Buffer.alloc(65 * 2 * 100) }), /many-channels\.wav.*65 channels/],
    'no-rate.wav': [wav({ rate: 0 }), /no-rate\.wav/],
    'odd-bits.wav': [wav({ bits: 12, tag: 3 }), /odd-bits\.wav.*12 bits/],
    'no-samples.wav': [wav({ data: Buffer.alloc(0) }), /no-samples\.wav/],
    'empty.wav': [Buffer.alloc(0), /empty\.wav is empty \(0 bytes\)/],
    'cut.oga': [cut, /cut\.oga.*damaged/],
    'damaged.oga': [damaged, /damaged\.oga.*damaged/],
    'picture.png': [fs.readFileSync(`${ROOT}/.ci/browser_kit.mjs`), /picture\.png/],
  };
  const site = await bench.serve({ routes: Object.fromEntries(Object.entries(files).map(([name, [bytes]]) => [`/${name}`, new Uint8Array(bytes)])) });
  bench.allow(/\.(wav|oga|png)/);                             // the console says it too
  const app = await bench.open({ from: site });
  await app.click('button', 'Play');
  await app.untilPlaying();
  for (const [name, [, pattern]] of Object.entries(files)) {
    const sentence = await app.refusal('load', name);
    says(sentence, pattern, name);
    says(sentence, oneSentence, `${name}: one sentence`);
    same((await app.state()).error, sentence, `${name}: state().error`);
    await app.untilStatus(new RegExp(sentence.slice(0, 60).replace(/[^\w ]/g, '.')), 2000);
    same(await app.page.getByRole('alert').first().textContent(), sentence, `${name}: what is spoken at once`);
  }
  same((await app.state()).file, 'Demo loop', 'file');
  await app.untilPlaying('the demo plays on');
  above(await app.peak(), -40, 'peak, dBFS');
  await app.click('button', 'Dismiss');
  says(await app.untilStatus(/Worker Pool Active/), /Active/, 'the status line after Dismiss');
}, { seconds: 60 });

test('what our own parser does not read is tried by the browser: a WAV of 20 bits plays; AIFF and Wave64 need no such help', async (bench) => {
  const samples = Buffer.alloc(3 * 4800, 64), head = (size, text) => { const bytes = Buffer.alloc(size); bytes.write(text); return bytes; };
  const guid = (text) => Buffer.concat([Buffer.from(text), Buffer.from(text === 'riff' ? '2e91cf11a5d628db04c10000' : 'f3acd3118cd100c04f8edb8a', 'hex')]);
  const count = (value) => { const bytes = Buffer.alloc(8); bytes.writeBigUInt64LE(BigInt(value)); return bytes; };
  const w64 = Buffer.concat([guid('riff'), count(104 + 14400), guid('wave'), guid('fmt '), count(40), Buffer.from('01000200225600008858010004001000', 'hex'), guid('data'), count(24 + 14400), samples]);
  const aiff = Buffer.concat([head(8, 'FORM'), Buffer.from('AIFFCOMM\0\0\0\x12\0\x01\0\0\x12\xc0\0\x18\x40\x0e\xac\x44\0\0\0\0\0\0SSND\0\0\0\0', 'latin1'), Buffer.alloc(8), samples]);
  const twenty = wav({ bits: 20, data: samples });
  twenty.writeUInt32LE(144000, 28); twenty.writeUInt16LE(3, 32);         // bytes a second and a frame: in three bytes each
  const files = { 'twenty.wav': twenty, 'wave.w64': w64, 'sound.aiff': aiff };
  const site = await bench.serve({ routes: Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`/${name}`, new Uint8Array(bytes)])) });
  const app = await bench.open({ from: site });
  for (const [name, seconds, rate] of [['twenty.wav', 0.1, 48000], ['wave.w64', 3600 / 22050, 22050], ['sound.aiff', 4800 / 44100, 44100]]) {
    await app.load(name);
    const state = await app.state();
    same([state.file, state.error, state.sample_rate_hz], [name, '', rate], name);
    near(state.duration_s, seconds, 1e-3, `${name}: seconds`);
  }
});

test('addresses that fail: 404, a web page, another server, no address: each its sentence', async (bench) => {
  const far = await serve({ isolated: false });
  const site = await bench.serve({ routes: { '/page.wav': (_, response) => { response.setHeader('Content-Type', 'text/html'); response.end('<p>sign in'); },
    '/broken.wav': (request, response) => { response.setHeader('Content-Length', 1000); response.write('RIFF'); setTimeout(() => request.socket.destroy(), 100); } } });
  bench.allow(/404|CORS|ERR_|Failed to load resource|\.wav|not an address/);
  const app = await bench.open({ from: site });
  says(await app.refusal('load', 'gone.wav'), /^gone\.wav could not be loaded: the server answered 404/, '404');
  says(await app.refusal('load', 'page.wav'), /page\.wav is a web page, not audio/, 'a web page');
  says(await app.refusal('load', 'broken.wav'), /broken\.wav.*(broke|no answer)/, 'a connection that breaks');
  says(await app.refusal('load', `${far.url}${SPOKEN.url}`), /Front_Center\.wav could not be fetched from localhost.*CORS/, 'another server without CORS');
  says(await app.refusal('load', 'http://127.0.0.1:1/x.wav'), /x\.wav could not be fetched/, 'a server that is not there');
  says(await app.refusal('load', 'http://'), /is not an address/, 'no address');
  same((await app.state()).file, 'Demo loop', 'file');
  far.close();
});

test('?src= of a file that is not there: the page says so and has the demo', async (bench) => {
  bench.allow(/404|nowhere/);
  const app = await bench.open({ query: 'src=nowhere.oga' });
  says(await app.untilStatus(/nowhere\.oga/), /404/, 'the status line');
  await app.click('button', 'Play');
  await app.untilPlaying('the demo plays');
});

test('a newer load replaces an older one that is slow, which is refused; the newest plays', async (bench) => {
  let isAsked;
  const asked = new Promise((resolve) => { isAsked = resolve; });
  const site = await bench.serve({ routes: { '/slow.wav': (_, response) => { isAsked(); setTimeout(() => response.end(fs.readFileSync(SPOKEN.file)), 3000); } } });
  const app = await bench.open({ from: site });
  const older = app.refusal('load', 'slow.wav');
  await asked;
  await app.load(SPOKEN.url);
  says(await older, /replaced by a newer load/, 'the older promise');
  await wait(3500);
  same([(await app.state()).file, (await app.state()).error], ['Front_Center.wav', ''], 'file, error');
});

test('a truncated WAV plays what there is of it', async (bench) => {
  const bytes = wav({ data: Buffer.alloc(96000, 32) }), site = await bench.serve({ routes: { '/short.wav': new Uint8Array(bytes.subarray(0, 44 + 48000)) } });
  const app = await bench.open({ from: site });
  const outcome = await app.load('short.wav').then(() => 'loaded', (error) => error.message);
  if (outcome === 'loaded') near((await app.state()).duration_s, 0.5, 0.001, 'duration, s'); else says(outcome, oneSentence, 'the refusal');
});

section('servers');

const readme = () => { ok(fs.existsSync(`${ROOT}/README.md`), 'left out: README.md is not there yet'); return fs.readFileSync(`${ROOT}/README.md`, 'utf8'); };
// The fenced block of the README in which a word occurs.
function snippet(word) {
  const block = [...readme().matchAll(/^```[^\n]*\n([\s\S]*?)^```/gm)].map(([, text]) => text).find((text) => text.includes(word));
  ok(block, `README.md has no fenced block with ${word}`);
  return block;
}
async function isIsolatedAt(bench, url) {
  for (const begin = Date.now(); ; await wait(100)) {
    if (await fetch(url).then((response) => response.ok, () => false)) break;
    ok(Date.now() - begin < 10000, `no server answers at ${url}`);
  }
  const app = await bench.open({ from: { url } });
  same([await isIsolated(app), (await app.state()).tier], [true, 'threads'], 'crossOriginIsolated, tier');
  await app.until((state) => state.workers_alive > 0, 'workers are alive');
}
const freePort = async () => { const server = await serve(); const { port } = new URL(server.url); server.close(); return port; };

test('the README\'s Python server isolates the page', async (bench) => {
  const text = snippet('http.server'), port = await freePort(), folder = `${OUT}/python`;
  fs.rmSync(folder, { recursive: true, force: true });
  fs.cpSync(DIST, folder, { recursive: true });
  fs.writeFileSync(`${folder}/server.py`, text.replace(/\b8\d{3}\b/g, port));
  const server = spawn('python3', ['server.py'], { cwd: folder, stdio: 'ignore' });
  try { await isIsolatedAt(bench, `http://localhost:${port}/`); } finally { server.kill(); }
});

test('the README\'s lines for Nginx, in a real Nginx, isolate the page', async (bench) => {
  const text = snippet('add_header'), port = await freePort(), folder = `${OUT}/nginx`;
  ok(fs.existsSync(NGINX), `left out: there is no nginx at ${NGINX}`);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(`${folder}/logs`, { recursive: true });
  const lines = [...text.matchAll(/^\s*add_header[^;]*;/gm)].map(([line]) => line.trim());
  ok(lines.length >= 2, `${lines.length} lines with add_header, want two`);
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ');
  fs.writeFileSync(`${folder}/nginx.conf`, `${process.getuid() === 0 ? 'user root; ' : ''}daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/logs/error.log;
events {}
http { access_log off; ${temp} types { text/html html; text/javascript js; application/wasm wasm; } default_type application/octet-stream;
  server { listen 127.0.0.1:${port}; root ${DIST}; index index.html; ${lines.join(' ')} } }`);
  const server = spawn(NGINX, ['-p', folder, '-c', `${folder}/nginx.conf`, '-e', `${folder}/logs/error.log`], { stdio: 'ignore' });
  try { await isIsolatedAt(bench, `http://localhost:${port}/`); } finally { server.kill(); }
});

test('the README\'s Cloudflare Worker, run in Node, isolates the page', async (bench) => {
  const file = `${OUT}/cloudflare.mjs`, origin = await bench.serve({ isolated: false });
  const forward = (request) => { const { pathname, search } = new URL(request.url ?? request); return fetch(origin.url + pathname.slice(1) + search); };
  globalThis.cloudflareFetch = forward;
  fs.writeFileSync(file, `const fetch = globalThis.cloudflareFetch;\n${snippet('export default')}`);
  const { default: worker } = await import(`${file}?${Date.now()}`), site = await bench.serve({ isolated: false });
  for (const name of ['/', ...fs.readdirSync(DIST).map((name) => `/${name}`)]) site.routes[name] = async (request, response) => {
    const answer = await worker.fetch(new Request(`https://example.org${request.url}`), { ASSETS: { fetch: forward } }, { waitUntil() {}, passThroughOnException() {} });
    response.writeHead(answer.status, Object.fromEntries([...answer.headers].filter(([name]) => !/^(content-length|content-encoding|transfer-encoding|connection|keep-alive)$/.test(name))));
    response.end(Buffer.from(await answer.arrayBuffer()));
  };
  await isIsolatedAt(bench, site.url);
});

test('dist/_headers has the two headers for every path, as Cloudflare Pages and Netlify read them', async () => {
  const text = fs.readFileSync(`${DIST}/_headers`, 'utf8');
  says(text, /^\/\*\n/, 'the first line');
  says(text, /^ +Cross-Origin-Opener-Policy: same-origin$/m, 'COOP');
  says(text, /^ +Cross-Origin-Embedder-Policy: require-corp$/m, 'COEP');
});

test('./build.sh run serves the site isolated, and without the headers by --no-isolation', async (bench) => {
  for (const [options, wanted] of [[[], true], [['--no-isolation'], false]]) {
    const server = spawn(`${ROOT}/build.sh`, ['run', '0', ...options], { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
    try {
      const url = await new Promise((resolve, reject) => {
        let said = '';
        server.stdout.on('data', (data) => { said += data; const [found] = said.match(/http:\/\/\S+/) ?? []; if (found) resolve(found); });
        server.on('exit', () => reject(Error('build.sh run has ended')));
      });
      const app = await bench.open({ from: { url } });
      same([await isIsolated(app), (await app.state()).tier], [wanted, wanted ? 'threads' : 'isolated-off'], `crossOriginIsolated, tier ${options}`);
      const part = await fetch(`${url}rustyaudio.wasm`, { headers: { Range: 'bytes=0-3' } });
      same([part.status, [...new Uint8Array(await part.arrayBuffer())]], [206, [0, 97, 115, 109]], 'a range of four bytes');
    } finally { process.kill(-server.pid); }
  }
}, { seconds: 240 });
