// browser_kit.mjs - what the browser tests stand on: a small web server, Chromium with real input, a recorder behind
// the audio node, pixels of screenshots, signals by formula. The tests are in browser_sound, _page and _faults.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { inflateSync } from 'node:zlib';

export const ROOT = path.dirname(import.meta.dirname);
const { env } = process;
export const DIST = env.RA_DIST ?? `${ROOT}/dist`, CLI = env.RA_CLI ?? `${ROOT}/build/rustyaudio`, CACHE = env.RA_CACHE ?? `${ROOT}/.cache`;
export const RECORDINGS = env.RA_RECORDINGS ?? `${CACHE}/recordings/usr/share/sounds`, NGINX = env.RA_NGINX ?? `${CACHE}/nginx/usr/sbin/nginx`;
export const BUILD = env.RA_BUILD ?? `${ROOT}/build`, OUT = `${BUILD}/browser`;
const { chromium } = await import(`${env.RA_PLAYWRIGHT ?? `${CACHE}/node_modules/playwright-core`}/index.mjs`);

// Real recordings: { url, file } as of a signal.
const recording = (name) => ({ url: `recordings/${name}`, file: `${RECORDINGS}/${name}` });
export const SPOKEN = recording('alsa/Front_Center.wav');                              // 48 kHz, mono, 16 bits
export const OGG = recording('freedesktop/stereo/service-login.oga');                  // Vorbis
export const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// ---- what a test may say ----

export const tests = [];
let currentSection = '';
export function section(name) { currentSection = name; }
export function test(name, body, { seconds = 40 } = {}) { tests.push({ section: currentSection, name, body, seconds }); }

const show = (value) => (typeof value === 'string' ? `"${value}"` : typeof value === 'number' ? String(+value.toPrecision(6)) : JSON.stringify(value));
export function ok(isTrue, what) { if (!isTrue) throw Error(what); }
export function same(got, want, what) { ok(JSON.stringify(got) === JSON.stringify(want), `${what}: got ${show(got)}, want ${show(want)}`); }
export function near(got, want, tolerance, what) { ok(Math.abs(got - want) <= tolerance, `${what}: got ${show(got)}, want ${show(want)} +-${tolerance}`); }
export function above(got, least, what) { ok(got > least, `${what}: got ${show(got)}, want more than ${show(least)}`); }
export function says(text, pattern, what) { ok(pattern.test(text), `${what}: "${text}" does not match ${pattern}`); }

// ---- a web server with the faults that a test asks for ----

const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript', wasm: 'application/wasm', wav: 'audio/wav', oga: 'audio/ogg', h: 'text/plain; charset=utf-8', txt: 'text/plain' };
export const ISOLATION = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
export const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; worker-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; media-src 'self' blob:";

// isolated: send the two headers. headers: more of them. routes: { '/path': file name, bytes or function(request, response) }.
export async function serve({ isolated = true, headers = {}, routes = {}, folder = DIST } = {}) {
  const asked = [];
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    asked.push({ path: pathname, url: request.url, headers: request.headers });
    const all = { ...(isolated && ISOLATION), 'Cross-Origin-Resource-Policy': 'cross-origin', 'Cache-Control': 'no-store', ...headers };
    for (const name in all) response.setHeader(name, all[name]);
    const route = routes[pathname];
    if (typeof route === 'function') return route(request, response);
    const file = typeof route === 'string' ? route : pathname.startsWith('/signals/') ? OUT + decodeURIComponent(pathname)
      : pathname.startsWith('/recordings/') ? RECORDINGS + pathname.slice(11) : path.join(folder, pathname === '/' ? 'index.html' : decodeURIComponent(pathname));
    let bytes;
    try { bytes = route instanceof Uint8Array ? route : fs.readFileSync(file); } catch { response.writeHead(404, { 'Content-Type': 'text/plain' }); return response.end('there is no such file'); }
    response.setHeader('Content-Type', TYPES[path.extname(file).slice(1)] ?? 'application/octet-stream');
    response.setHeader('Accept-Ranges', 'bytes');
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    if (range) {
      const last = Math.min(bytes.length - 1, range[2] ? Number(range[2]) : Infinity);
      response.writeHead(206, { 'Content-Range': `bytes ${range[1]}-${last}/${bytes.length}` });
      return response.end(bytes.subarray(Number(range[1]), last + 1));
    }
    response.end(bytes);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://localhost:${server.address().port}/`, asked, routes, close() { server.closeAllConnections(); server.close(); } };
}

// ---- Chromium ----

// WebGPU on the CPU; the picture reaches screenshots only with all of these (and under xvfb-run). The microphone is one that beeps.
const FLAGS = ['--no-first-run', '--disable-quic', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--enable-unsafe-webgpu',
  '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist', '--enable-gpu', '--enable-features=Vulkan', '--use-vulkan=swiftshader', '--use-fake-device-for-media-stream'];
export const launch = () => chromium.launch({ executablePath: env.RA_CHROMIUM ?? '/usr/bin/chromium', chromiumSandbox: false, args: FLAGS });

// What one test has opened: pages, servers, what went wrong in them. sites: servers that many tests share.
export class Bench {
  contexts = []; servers = []; problems = []; allowed = []; page = null;
  constructor(browser, sites) { this.browser = browser; this.sites = sites; }

  async serve(options) { const server = await serve(options); this.servers.push(server); return server; }
  // Console errors that belong to what the test does.
  allow(...patterns) { this.allowed.push(...patterns); }
  unexpected() { return this.problems.filter((problem) => !this.allowed.some((pattern) => pattern.test(problem))); }

  async context(options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 720 }, colorScheme: 'dark', ...options });
    context.setDefaultTimeout(10000);
    this.contexts.push(context);
    return context;
  }
  watch(page) {
    this.page = page;
    page.on('console', (message) => { if (message.type() === 'error') this.problems.push(`console: ${message.text()} (${message.location().url})`); });
    page.on('pageerror', (error) => this.problems.push(`page error: ${error.message}`));
    page.on('crash', () => this.problems.push('the page crashed'));
    return page;
  }
  // Opens the site; query "threads=4&rate=48000"; from: a server, else the shared one with or without the headers.
  // Comes back when the app is ready and the demo loop is loaded.
  async open({ query = '', from = null, isolated = true, context = null, isReady = true, ...options } = {}) {
    const page = this.watch(await (context ?? await this.context(options)).newPage());
    const site = from ?? this.sites[isolated ? 'isolated' : 'plain'];
    await page.goto(site.url + (query && `?${query}`));
    const app = new App(page, site);
    if (isReady) await app.ready();
    return app;
  }
  async close() {
    for (const context of this.contexts) await context.close().catch(() => {});
    for (const server of this.servers) server.close();
  }
}

// ---- the page in a test's hands ----

export class App {
  constructor(page, site) { this.page = page; this.site = site; }

  async ready() {
    await this.page.evaluate(() => rustyaudio.ready);
    await this.until((state) => state.duration_s > 0, 'the demo loop is loaded');
    await this.page.getByRole('button', { name: 'Stop', exact: true }).waitFor({ state: 'attached' });
  }
  state() { return this.page.evaluate(() => rustyaudio.state()); }
  // Not page.waitForFunction: a strict Content-Security-Policy forbids its eval.
  async until(isTrue, what, ms = 8000) {
    for (const begin = Date.now(); ;) {
      const state = await this.state();
      if (await isTrue(state)) return state;
      if (Date.now() - begin > ms) throw Error(`after ${ms / 1000} s it is still not so that ${what}; state ${JSON.stringify(state)}`);
      await wait(30);
    }
  }
  call(name, ...values) { return this.page.evaluate(([name, values]) => rustyaudio[name](...values), [name, values]); }
  // What the promise is rejected with.
  async refusal(name, ...values) {
    const sentence = await this.page.evaluate(([name, values]) => rustyaudio[name](...values).then(() => null, (error) => error.message), [name, values]);
    ok(sentence !== null, `${name}(${values.map(show)}) was kept, want a refusal`);
    return sentence;
  }
  load(name) { return this.call('load', name); }
  set(chain) { return this.call('set', chain); }

  widget(role, name) { return this.page.getByRole(role, { name, exact: true }); }
  async box(role, name) {
    const box = await this.widget(role, name).boundingBox();
    ok(box, `the ${role} "${name}" has no place`);
    return { ...box, midX: box.x + box.width / 2, midY: box.y + box.height / 2 };
  }
  // A real click on the canvas, where the widget is painted.
  async click(role, name) { const { midX, midY } = await this.box(role, name); await this.page.mouse.click(midX, midY); }
  async drag(from, to, steps = 8) {
    const { mouse } = this.page;
    await mouse.move(from.x, from.y);
    await mouse.down();
    await mouse.move(to.x, to.y, { steps });
    await mouse.up();
  }
  press(key) { return this.page.keyboard.press(key); }
  status() { return this.widget('status', 'Status').textContent(); }
  async untilStatus(pattern, ms = 8000) {
    await this.until(async () => pattern.test(await this.status()), `the status line says ${pattern}`, ms).catch(async (error) => { throw Error(`${error.message}; it says "${await this.status()}"`); });
    return this.status();
  }

  // Sound by a real click, then silence at the start: the context runs and nothing plays.
  async wake() {
    await this.click('button', 'Play');
    await this.until((state) => state.audio === 'running' && state.position_s > 0.02, 'the demo plays');
    await this.click('button', 'Stop');
    await this.until((state) => !state.playing && state.position_s === 0, 'it has stopped');
  }
  // Playing, and the position really moves on.
  async untilPlaying(what = 'it plays', ms = 8000) {
    const before = (await this.state()).position_s;
    return this.until((state) => state.playing && state.audio === 'running' && Math.abs(state.position_s - before) > 0.05, what, ms);
  }
  // The loudest peak_db within some time.
  async peak(ms = 600) {
    let largest = -Infinity;
    for (const begin = Date.now(); Date.now() - begin < ms;) { largest = Math.max(largest, (await this.state()).peak_db); await wait(25); }
    return largest;
  }

  // A recorder behind the node; its module is a blob, so the page may have no Content-Security-Policy.
  async recorder() {
    await this.page.evaluate(async () => {
      const module = `registerProcessor('recorder', class extends AudioWorkletProcessor {
        constructor() { super(); this.isOn = false; this.port.onmessage = ({ data }) => { this.isOn = data; if (!data) { this.flush(); this.port.postMessage('end'); } else this.chunk = []; }; }
        flush() { this.port.postMessage(this.chunk); this.chunk = []; }
        process([[left, right]]) {
          if (this.isOn && left) { this.chunk.push([left.slice(), (right ?? left).slice()]); if (this.chunk.length === 32) this.flush(); }
          return true;
        }
      });`;
      const { context, node } = rustyaudio, url = URL.createObjectURL(new Blob([module], { type: 'text/javascript' }));
      await context.audioWorklet.addModule(url);
      const recorder = new AudioWorkletNode(context, 'recorder', { channelCount: 2, channelCountMode: 'explicit' });
      node.connect(recorder).connect(context.destination);
      window.recorder = {
        blocks: [],
        start() { this.blocks = []; recorder.port.onmessage = ({ data }) => { if (data === 'end') this.ended(); else this.blocks.push(...data); }; recorder.port.postMessage(true); },
        async stop() {
          const end = new Promise((resolve) => { this.ended = resolve; });
          recorder.port.postMessage(false);
          await end;
          const samples = new Float32Array(this.blocks.length * 256);
          this.blocks.forEach(([left, right], block) => { for (let i = 0; i < 128; i++) { samples[256 * block + 2 * i] = left[i]; samples[256 * block + 2 * i + 1] = right[i]; } });
          const bytes = new Uint8Array(samples.buffer);
          let text = '';
          for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
          return btoa(text);
        },
      };
    });
  }
  startRecording() { return this.page.evaluate(() => window.recorder.start()); }
  async stopRecording() { return floats(Buffer.from(await this.page.evaluate(() => window.recorder.stop()), 'base64')); }
  async record(ms) { await this.startRecording(); await wait(ms); return this.stopRecording(); }

  // A level in dB once it has settled: on a busy machine a command is heard late.
  async level(measure = rmsDb) {
    for (let before = NaN, i = 0; i < 30; i++) {
      const now = measure(await this.record(250));
      if (Math.abs(now - before) < 0.005) return now;
      before = now;
    }
    throw Error('the level does not settle');
  }

  // The average of so many spectra that rustyaudio.spectrum() gives, in dB per bin, of powers.
  spectrum(wanted = 24) {
    return this.page.evaluate(async (wanted) => {
      let serial = rustyaudio.state().spectrum_serial, count = 0, sum = null;
      for (const begin = performance.now(); count < wanted; await new Promise((resolve) => setTimeout(resolve, 5))) {
        if (performance.now() - begin > 12000) throw Error(`only ${count} spectra in 12 s`);
        const state = rustyaudio.state();
        if (state.spectrum_serial === serial) continue;
        serial = state.spectrum_serial;
        const bins = rustyaudio.spectrum();
        sum ??= new Float64Array(bins.length);
        bins.forEach((db, bin) => { sum[bin] += 10 ** (db / 10); });
        count++;
      }
      return [...sum].map((power) => 10 * Math.log10(power / count + 1e-20));
    }, wanted);
  }

  // A busy machine shows a frame late: takes pictures until one is as it should be.
  async untilPixels(isRight, what, clip) {
    for (const begin = Date.now(); ; await wait(150)) {
      const picture = await this.pixels(clip);
      if (isRight(picture)) return picture;
      ok(Date.now() - begin < 6000, `after 6 s the picture is not yet so that ${what}`);
    }
  }
  async pixels(clip) { return decodePng(await this.page.screenshot({ type: 'png', ...(clip && { clip }) })); }
}

// ---- pixels ----

// A PNG of 8 bits, RGB or RGBA, as Chromium writes it.
export function decodePng(file) {
  const parts = [];
  let width, height, channels;
  for (let at = 8; at < file.length;) {
    const length = file.readUInt32BE(at), kind = file.toString('latin1', at + 4, at + 8), data = file.subarray(at + 8, at + 8 + length);
    if (kind === 'IHDR') { width = data.readUInt32BE(0); height = data.readUInt32BE(4); channels = { 2: 3, 6: 4 }[data[9]]; }
    if (kind === 'IDAT') parts.push(data);
    at += 12 + length;
  }
  const raw = inflateSync(Buffer.concat(parts)), stride = width * channels, bytes = new Uint8Array(height * stride);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)], from = y * (stride + 1) + 1, to = y * stride;
    for (let x = 0; x < stride; x++) {
      const left = x < channels ? 0 : bytes[to + x - channels], up = y ? bytes[to - stride + x] : 0, corner = y && x >= channels ? bytes[to - stride + x - channels] : 0;
      let guess = [0, left, up, (left + up) >> 1, 0][filter];
      if (filter === 4) { const p = left + up - corner, [a, b, c] = [left, up, corner].map((v) => Math.abs(p - v)); guess = a <= b && a <= c ? left : b <= c ? up : corner; }
      bytes[to + x] = raw[from + x] + guess;
    }
  }
  const at = (x, y) => [...bytes.subarray((Math.round(y) * width + Math.round(x)) * channels).subarray(0, 3)];
  // How many pixels of a box satisfy a question about their colour.
  const count = (isMeant, box = { x: 0, y: 0, width, height }) => {
    let found = 0;
    for (let y = Math.ceil(box.y); y < Math.min(height, box.y + box.height); y++) for (let x = Math.ceil(box.x); x < Math.min(width, box.x + box.width); x++) if (isMeant(...at(x, y))) found++;
    return found;
  };
  return { width, height, at, count };
}
export const colour = (hex) => [16, 8, 0].map((shift) => (parseInt(hex.slice(1), 16) >> shift) & 255);
export const isNear = (hex, tolerance = 24) => { const [R, G, B] = colour(hex); return (r, g, b) => Math.abs(r - R) <= tolerance && Math.abs(g - G) <= tolerance && Math.abs(b - B) <= tolerance; };

// ---- signals ----

export const floats = (buffer) => new Float32Array(buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + (buffer.byteLength & ~3)));
export const hash = (samples) => createHash('sha256').update(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength)).digest('hex').slice(0, 16);
export const rmsDb = (samples) => 10 * Math.log10(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length + 1e-30);
export const peakDb = (samples) => 20 * Math.log10(samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 1e-15));
export const run = (...args) => execFileSync(CLI, args.map(String), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
export const info = (file) => JSON.parse(run('info', file));

// A file made by our own command line; signal('noise', { db: -3, seconds: 2 }) gives its name under the server's /signals/.
export function signal(kind, options = {}) {
  const name = `${kind}${Object.entries(options).map(([key, value]) => `_${key}${value}`).join('')}.wav`, file = `${OUT}/signals/${name}`;
  fs.mkdirSync(`${OUT}/signals`, { recursive: true });
  if (!fs.existsSync(file)) run('gen', kind, file, ...Object.entries(options).flatMap(([key, value]) => [`--${key}`, value]));
  return { url: `signals/${name}`, file };
}
// A WAV of 32-bit floats, its samples by a function of frame and channel.
export function writeWav(name, rate, frames, channels, sample) {
  const bytes = wav({ rate, channels, bits: 32, tag: 3, data: Buffer.from(Float32Array.from({ length: frames * channels }, (_, i) => sample(Math.floor(i / channels), i % channels)).buffer) });
  fs.mkdirSync(`${OUT}/signals`, { recursive: true });
  fs.writeFileSync(`${OUT}/signals/${name}`, bytes);
  return { url: `signals/${name}`, file: `${OUT}/signals/${name}` };
}
// A whole WAV file from its parts, impossible ones too.
export function wav({ rate = 48000, channels = 1, bits = 16, tag = 1, data = Buffer.alloc(960) }) {
  const head = Buffer.alloc(44), align = channels * bits / 8;
  head.write('RIFF', 0); head.writeUInt32LE(36 + data.length, 4); head.write('WAVEfmt ', 8); head.writeUInt32LE(16, 16); head.writeUInt16LE(tag, 20); head.writeUInt16LE(channels, 22);
  head.writeUInt32LE(rate, 24); head.writeUInt32LE(rate * align, 28); head.writeUInt16LE(align, 32); head.writeUInt16LE(bits, 34); head.write('data', 36); head.writeUInt32LE(data.length, 40);
  return Buffer.concat([head, data]);
}
// The native engine's samples for a file and a chain, always two channels (mono doubled, as the player does).
export function render(file, chain, ...options) {
  const out = `${OUT}/native.raw`;
  run('render', file, out, '--chain', chain, '--format', 'raw', ...options);
  const samples = floats(fs.readFileSync(out));
  return info(file).channels === 1 ? Float32Array.from({ length: samples.length * 2 }, (_, i) => samples[i >> 1]) : samples;
}

// [RBJ] What a peaking band gives at a frequency, in dB.
export function peakingDb({ hz, db, q }, atHz, rate = 48000) {
  const amp = 10 ** (db / 40), omega = 2 * Math.PI * hz / rate, alpha = Math.sin(omega) / (2 * q), cos = Math.cos(omega), w = 2 * Math.PI * atHz / rate;
  const size = (b0, b1, b2) => Math.hypot(b0 + b1 * Math.cos(w) + b2 * Math.cos(2 * w), b1 * Math.sin(w) + b2 * Math.sin(2 * w));
  return 20 * Math.log10(size(1 + alpha * amp, -2 * cos, 1 - alpha * amp) / size(1 + alpha / amp, -2 * cos, 1 - alpha / amp));
}
