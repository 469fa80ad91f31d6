// browser_long.mjs - files that do not fit into memory: WAV is read by pieces, from a File or a server; the rest is refused in time.

import fs from 'node:fs';
import { isNear, ok, OUT, same, says, section, test, wait, wav } from './browser_kit.mjs';

section('long files');

const BLOCK = 10 << 20, RATE = 48000;
const megabyte = 2 ** 20;

// Two hours and more without two hours of bytes: one quiet block over and over, a loud one at the end. The header of RF64 where
// 4 GB are not enough.
function header(blocks) {
  const data = blocks * BLOCK, is64 = data > 2 ** 32 - 100, head = Buffer.alloc(is64 ? 80 : 44), at = is64 ? 48 : 12;
  head.write(is64 ? 'RF64' : 'RIFF', 0); head.writeUInt32LE(is64 ? 0xFFFFFFFF : 36 + data, 4); head.write('WAVE', 8);
  if (is64) { head.write('ds64', 12); head.writeUInt32LE(28, 16); head.writeBigUInt64LE(BigInt(data + 72), 20); head.writeBigUInt64LE(BigInt(data), 28); head.writeBigUInt64LE(BigInt(data / 4), 36); }
  head.write('fmt ', at); head.writeUInt32LE(16, at + 4); head.writeUInt16LE(1, at + 8); head.writeUInt16LE(2, at + 10); head.writeUInt32LE(RATE, at + 12);
  head.writeUInt32LE(4 * RATE, at + 16); head.writeUInt16LE(4, at + 20); head.writeUInt16LE(16, at + 22); head.write('data', at + 24); head.writeUInt32LE(is64 ? 0xFFFFFFFF : data, at + 28);
  return head;
}
const makeBlock = (level) => { const block = new Int16Array(BLOCK / 2); let seed = 5; for (let i = 0; i < block.length; i++) { seed = (Math.imul(seed, 1664525) + 1013904223) | 0; block[i] = level * (seed >> 16); } return block; };

// Opens it as a File made in the page; counts what is read.
const openFile = (app, blocks) => app.page.evaluate(async ([head, blocks, size]) => {
  const part = (level) => { const block = new Int16Array(size / 2); let seed = 5; for (let i = 0; i < block.length; i++) { seed = (Math.imul(seed, 1664525) + 1013904223) | 0; block[i] = level * (seed >> 16); } return new Blob([block]); };
  const quiet = part(0.05), file = new File([new Uint8Array(head), ...Array(blocks - 1).fill(quiet), part(0.6)], 'long.wav'), { slice } = Blob.prototype;
  window.reads = { count: 0, bytes: 0 };
  Blob.prototype.slice = function (from, to) { window.reads.count++; window.reads.bytes += to - from; return slice.call(this, from, to); };
  const begin = performance.now();
  await rustyaudio.load(file);
  return performance.now() - begin;
}, [[...header(blocks)], blocks, BLOCK]);
const memory = (app) => app.page.evaluate(() => Module.HEAPU8.length + performance.memory.usedJSHeapSize);

async function playsTo(app, duration_s) {
  await app.click('button', 'Play');
  await app.untilPlaying();
  const first = await app.until((state) => state.buffered_s > 8, 'eight seconds are there');
  same([first.is_streamed, first.underrun_frames, first.error], [true, 0, ''], 'streamed, underrun, error');
  ok(first.peak_db < -20, `the beginning is quiet: ${first.peak_db} dB`);
  const took = await app.page.evaluate(async (to_s) => {              // from the command to the sound, of the loud part
    const begin = performance.now();
    await rustyaudio.seek(to_s);
    while (rustyaudio.state().peak_db < -12) { if (performance.now() - begin > 8000) throw Error('nothing is heard there'); await new Promise((resolve) => setTimeout(resolve, 5)); }
    return performance.now() - begin;
  }, duration_s - 1);
  const after = await app.state();
  ok(after.position_s >= duration_s - 1.001 && after.position_s <= duration_s, `it plays at ${after.position_s} s of ${duration_s}`);
  same(after.underrun_frames, 0, 'frames of underrun');
  return took;
}

for (const tier of ['threads', 'isolated-off', 'compat']) {
  test(`${tier}: a WAV file of two hours plays at once, its last second too, within 200 MB`, async (bench) => {
    const app = await bench.open({ query: tier === 'threads' ? 'rate=48000' : `rate=48000&tier=${tier}`, isolated: tier !== 'isolated-off' });
    const blocks = 132, duration_s = blocks * BLOCK / 4 / RATE;       // 1.38 GB, 7208 s
    const opened = await openFile(app, blocks), took = await playsTo(app, duration_s);
    same((await app.state()).duration_s.toFixed(1), duration_s.toFixed(1), 'duration');
    // a page alone needs a minute or two for all of it
    await app.until(({ analysis }) => (tier === 'threads' ? analysis === 1 : analysis > 0.1), 'the analysis has been through it', 90000);
    const reads = await app.page.evaluate(() => window.reads);
    if (tier === 'threads') ok(reads.bytes > blocks * BLOCK && (await app.state()).file_lufs < 0, `all of it was read and measured: ${reads.bytes} bytes, ${(await app.state()).file_lufs} LUFS`);
    const used = await memory(app);
    ok(used < 200 * megabyte, `memory: ${(used / megabyte).toFixed(0)} MB`);
    same([(await app.state()).underrun_frames, (await app.state()).error], [0, ''], 'underrun, error');
    await app.click('button', 'Stop');
    const { x, y, width, height } = await app.box('slider', 'Seek'), isPanel = isNear('#12151D', 6);
    const painted = (picture, at) => { let rows = 0; for (let row = y; row < y + height; row++) rows += !isPanel(...picture.at(at, row)); return rows / height; };
    await app.untilPixels((picture) => painted(picture, x + width - 5) > 0.4 && painted(picture, x + 0.8 * width) > 0.02 && painted(picture, x + 0.8 * width) < 0.2, 'the waveform is low, and high at its end');
    console.log(`       opened in ${opened.toFixed(0)} ms, the last second heard after ${took.toFixed(0)} ms, ${reads.count} reads, ${(used / megabyte).toFixed(0)} MB`);
  }, { seconds: 150 });
}

for (const tier of ['threads', 'isolated-off'])
  test(`${tier}: the spectrogram of two hours appears while they play, all of it and close`, async (bench) => {
    const app = await bench.open({ query: tier === 'threads' ? 'rate=48000' : `rate=48000&tier=${tier}`, isolated: tier === 'threads' }), blocks = 132;
    await openFile(app, blocks);
    await app.click('button', 'Play');
    await app.untilPlaying();
    await app.press('2');
    const plot = await app.box('img', 'Spectrogram'), at = (picture, share) => picture.at(plot.x + share * plot.width, plot.y + 0.3 * plot.height);
    const isNoise = ([r, g, b], least) => r + g + b > least;
    await app.until((state) => state.view === 'Spectrogram' && state.tiles_wanted === 0, 'all of it is there', 30000);
    await app.untilPixels((picture) => [0.1, 0.5, 0.9].every((share) => isNoise(at(picture, share), 100)) && isNoise(at(picture, 0.9965), 1.2 * at(picture, 0.9).reduce((sum, part) => sum + part)), 'noise is everywhere, louder at the end');
    for (let i = 0; i < 8; i++) await app.press('+');
    await app.until((state) => state.view_to_s - state.view_from_s < 30 && state.tiles_wanted === 0, 'half a minute is there', 30000);
    await app.untilPixels((picture) => [0.1, 0.5, 0.9].every((share) => isNoise(at(picture, share), 100)), 'noise is everywhere, close');
    const state = await app.untilPlaying('it still plays');
    same([state.underrun_frames, state.error], [0, ''], 'underrun, error');
    ok(await memory(app) < 200 * megabyte, `memory: ${((await memory(app)) / megabyte).toFixed(0)} MB`);
  }, { seconds: 90 });

test('an RF64 file of 4.3 GB plays behind its fourth gigabyte', async (bench) => {
  const app = await bench.open({ query: 'rate=48000' }), blocks = 412, duration_s = blocks * BLOCK / 4 / RATE;
  await openFile(app, blocks);
  const took = await playsTo(app, duration_s);
  const used = await memory(app);
  ok(used < 200 * megabyte, `memory: ${(used / megabyte).toFixed(0)} MB`);
  console.log(`       the last second heard after ${took.toFixed(0)} ms, ${(used / megabyte).toFixed(0)} MB`);
}, { seconds: 90 });

// A server of such a file; answer(response, offset) may answer otherwise and say so.
const WHOLE = () => false;                                    // knows nothing of ranges
export function longRoute(blocks, sent, answer = () => false) {
  const head = header(blocks), size = head.length + blocks * BLOCK, quiet = Buffer.from(makeBlock(0.05).buffer), loud = Buffer.from(makeBlock(0.6).buffer);
  const bytesAt = (from, to) => {                             // [from, to)
    const out = Buffer.alloc(to - from);
    for (let at = from; at < to;) {
      if (at < head.length) { const n = Math.min(to, head.length) - at; head.copy(out, at - from, at, at + n); at += n; continue; }
      const inside = (at - head.length) % BLOCK, block = Math.floor((at - head.length) / BLOCK), n = Math.min(to - at, BLOCK - inside);
      (block === blocks - 1 ? loud : quiet).copy(out, at - from, inside, inside + n);
      at += n;
    }
    return out;
  };
  return (request, response) => {
    const range = answer === WHOLE ? null : /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? ''), from = Number(range?.[1] ?? 0), to = range ? Number(range[2]) + 1 : size;
    response.setHeader('Content-Type', 'audio/wav');
    if (answer(response, from)) return;
    sent.count++;
    if (range) {
      sent.bytes += to - from;
      response.writeHead(206, { 'Content-Range': `bytes ${from}-${to - 1}/${size}`, 'Content-Length': to - from });
      return response.end(bytesAt(from, to));
    }
    response.writeHead(200, { 'Content-Length': size });
    let at = 0;
    const more = () => { while (!response.destroyed && at < size) { const to = Math.min(size, at + megabyte); sent.bytes += to - at; if (!response.write(bytesAt(at, at = to))) return response.once('drain', more); } response.end(); };
    more();
  };
}

test('an address whose server answers range requests is not downloaded: its last second is heard after a few of them', async (bench) => {
  const sent = { count: 0, bytes: 0 }, blocks = 132, site = await bench.serve({ routes: { '/long.wav': longRoute(blocks, sent) } });
  const app = await bench.open({ from: site, query: 'rate=48000' });
  await app.load('long.wav');
  const took = await playsTo(app, blocks * BLOCK / 4 / RATE);
  await wait(1000);
  ok(sent.bytes < 40 * megabyte, `${sent.bytes} bytes were sent`);
  console.log(`       the last second heard after ${took.toFixed(0)} ms, ${sent.count} requests, ${(sent.bytes / megabyte).toFixed(1)} MB`);
});

test('of a file on a server the spectrogram is drawn where one looks closely, and nothing is read for it elsewhere', async (bench) => {
  const sent = { count: 0, bytes: 0 }, site = await bench.serve({ routes: { '/long.wav': longRoute(132, sent) } });
  const app = await bench.open({ from: site, query: 'rate=48000' });
  await app.load('long.wav');
  await app.until(() => sent.count > 512, 'the glance is over', 20000);
  await app.press('2');                                       // a gesture: what is played first is read now
  await wait(2000);
  const before = sent.bytes, plot = await app.box('img', 'Spectrogram');
  const bright = (picture, least) => picture.count((r, g, b) => r + g + b > least, plot) / plot.width / plot.height;
  await app.untilPixels((picture) => bright(picture, 250) > 0.0005 && bright(picture, 100) < 0.05, 'a sentence is there, and no sound');
  await wait(1500);
  same([sent.bytes - before, (await app.state()).tiles_wanted], [0, 0], 'bytes that were read for it, tiles wanted');
  for (let i = 0; i < 7; i++) await app.press('+');
  await app.until((state) => state.view_to_s - state.view_from_s < 60 && state.tiles_wanted === 0, 'a minute is there', 30000);
  await app.untilPixels((picture) => bright(picture, 100) > 0.5, 'noise is there');
  ok(sent.bytes - before < 20 * megabyte, `${sent.bytes - before} bytes were read for it`);
}, { seconds: 60 });

test('a server that sends files whole: a small one plays, a long one is refused with the reason', async (bench) => {
  const sent = { count: 0, bytes: 0 };
  const site = await bench.serve({ routes: { '/long.wav': longRoute(132, sent, WHOLE), '/short.wav': longRoute(4, sent, WHOLE) } });
  const app = await bench.open({ from: site, query: 'rate=48000' });
  bench.allow(/too large/);
  says(await app.refusal('load', 'long.wav'), /too large to be read as a whole \(1320 MB, 512 MB at most\); a WAV file is read by pieces if its server answers range requests/, 'the refusal');
  await app.load('short.wav');
  const state = await app.state();
  same([state.is_streamed, state.file], [false, 'short.wav'], 'streamed, file');
}, { seconds: 60 });

test('a server that stumbles is asked again; one that breaks off is told of, and what is there plays on', async (bench) => {
  let stumbles = 3, isGone = false;
  const sent = { count: 0, bytes: 0 }, blocks = 20, site = await bench.serve({ routes: { '/long.wav': longRoute(blocks, sent, (response, from) => {
    if (from > 3 * megabyte && isGone) { response.writeHead(404); response.end(); return true; }
    if (from > 3 * megabyte && stumbles-- > 0) { if (stumbles) response.writeHead(503).end(); else response.destroy(); return true; }
    return false;
  }) } });
  const app = await bench.open({ from: site, query: 'rate=48000' });
  bench.allow(/503/, /404/, /ERR_/);
  await app.load('long.wav');
  await app.click('button', 'Play');
  await app.call('seek', 100);
  await app.until((state) => state.position_s > 100.2 && state.peak_db > -40, 'it is heard there after all', 15000);
  ok(stumbles <= 0, 'the server has stumbled');
  same((await app.state()).error, '', 'error');
  isGone = true;
  await app.call('seek', 800);
  await app.until((state) => /long\.wav can be read no further: the server answered 404/.test(state.error), 'the page says so', 15000);
  await app.call('seek', 101);
  await app.until((state) => state.position_s > 101.2 && state.peak_db > -40, 'what is there plays');
}, { seconds: 60 });

test('a file that becomes shorter on its disk while it plays is told of in one sentence', async (bench) => {
  const file = `${OUT}/shrinks.wav`;
  fs.writeFileSync(file, wav({ rate: RATE, channels: 2, data: Buffer.concat([Buffer.from(makeBlock(0.3).buffer), Buffer.from(makeBlock(0.3).buffer)]) }));
  const app = await bench.open({ query: 'rate=48000&stream' });
  bench.allow(/shrinks/);
  await app.page.setInputFiles('input[type=file]', file);
  await app.until((state) => state.is_streamed && state.file === 'shrinks.wav', 'it is open');
  await app.click('button', 'Play');
  await app.untilPlaying();
  fs.truncateSync(file, 1e6);
  await app.call('seek', 80);
  await app.until((state) => /shrinks\.wav can be read no further: it was moved, changed or taken away/.test(state.error), 'the page says so');
  fs.rmSync(file);
});

test('a compressed file that would not fit when decoded is refused before that, with the numbers', async (bench) => {
  const app = await bench.open({ query: 'rate=48000' });
  bench.allow(/three hours/);
  const sentence = await app.page.evaluate(async () => {
    const frame = new Uint8Array(24);                         // MPEG 2 layer III, 8 kb/s, 24 kHz, mono: 24 ms of silence
    frame.set([0xFF, 0xF3, 0x14, 0xC4]);
    const second = new Uint8Array(24 * 1000);
    for (let i = 0; i < 1000; i++) second.set(frame, 24 * i);
    return rustyaudio.load(new File(Array(450).fill(second), 'three hours.mp3')).then(() => 'it was kept', (error) => error.message);
  });
  says(sentence, /three hours\.mp3 is too long to be decoded: about 19\d\d MB \(1 channels at 48000 Hz\), 1536 MB at most\. Save it as WAV, which is read by pieces/, 'the refusal');
  same((await app.state()).error, sentence, 'what the page shows');
});
