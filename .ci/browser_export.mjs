// browser_export.mjs - a file made by the page is the command line's, byte for byte; the sheet, cancelling, where it is written to.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { keepWorkers } from './browser_faults.mjs';
import { longRoute } from './browser_long.mjs';
import { axeViolations } from './browser_page.mjs';
import { above, near, ok, OUT, run, same, says, section, signal, test, writeWav } from './browser_kit.mjs';

section('export');

const CHAIN = 'eq peaking hz=1000 db=6 q=1; eq lowshelf hz=120 db=-4 q=0.7; compressor; reverb rt60_s=0.6; limiter';
const HEAVY = 'reverb; chorus; distortion; reverb rt60_s=3; distortion drive_db=3; reverb';
const LONG = () => signal('noise', { db: -12, seconds: 200, rate: 48000, format: 's16' });
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const measured = (file) => JSON.parse(run('measure', file));
const noise = (name, rate, frames, channels, seed = 7) => writeWav(name, rate, frames, channels, () => { seed = (Math.imul(seed, 1664525) + 1013904223) | 0; return seed / 2 ** 32; });

// What the command line makes of it.
function natively(file, chain, format, ...options) {
  const out = `${OUT}/native-${sha256([file, chain, format, ...options].join(' ')).slice(0, 16)}.wav`;     // two tests run at a time
  run('render', file, out, '--chain', chain, '--format', format, ...options);
  const bytes = fs.readFileSync(out), report = measured(out);
  fs.rmSync(out);
  return { bytes, report };
}
// What rustyaudio.export() answers, with the bytes of its file.
async function exported(app, options) {
  const { text, ...made } = await app.page.evaluate(async (options) => {
    const { file, ...facts } = await rustyaudio.export(options), bytes = new Uint8Array(await file.arrayBuffer());
    let text = '';
    for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
    return { name: file.name, type: file.type, facts, text: btoa(text) };
  }, options);
  return { ...made, bytes: Buffer.from(text, 'base64') };
}
// The same bytes, and facts that are true of them.
function isNative({ bytes, facts }, native, what) {
  const wrong = bytes.findIndex((byte, i) => byte !== native.bytes[i]);
  ok(wrong < 0 && bytes.length === native.bytes.length, `${what}: ${bytes.length} bytes, of which byte ${wrong} is the first that differs; natively ${native.bytes.length}`);
  same([facts.phase, facts.bytes, facts.sha256, facts.error], ['done', bytes.length, sha256(bytes), ''], `${what}: phase, bytes, SHA-256, error`);
  const { integrated_lufs, true_peak_dbtp } = native.report;
  if (integrated_lufs === null) same(facts.lufs, null, `${what}: LUFS`); else near(facts.lufs, integrated_lufs, 0.0056, `${what}: LUFS`);
  near(facts.true_peak_dbtp, true_peak_dbtp, 0.0056, `${what}: dBTP`);
}
const openIn = (bench, tier, query = '') => bench.open({ query: `rate=48000${query}${tier === 'threads' ? '' : `&tier=${tier}`}`, isolated: tier !== 'isolated-off' });
// Files that the page saves.
function downloadsOf(app) {
  const saved = [];
  app.page.on('download', (download) => saved.push(download));
  return saved;
}

for (const tier of ['threads', 'isolated-off', 'compat']) {
  test(`${tier}: an exported file is the command line's, byte for byte, in all formats, and its facts are those of that file`, async (bench) => {
    const { url, file } = noise('export.wav', 48000, 100001, 2), app = await openIn(bench, tier);
    await app.load(url);
    await app.set(CHAIN);
    for (const format of ['s16', 's24', 'f32']) {
      const made = await exported(app, { format, lufs: -16 });
      same([made.name, made.type], ['export-export.wav', 'audio/wav'], 'name, type');
      isNative(made, natively(file, CHAIN, format, '--normalise', 'lufs=-16'), format);
    }
    isNative(await exported(app, { format: 'f32' }), natively(file, CHAIN, 'f32'), 'as it is');
    const quiet = await exported(app, { lufs: -23 });         // this leaves room below the ceiling
    isNative(quiet, natively(file, CHAIN, 's24', '--normalise', 'lufs=-23'), 'by its loudness');
    near(quiet.facts.lufs, -23, 0.006, 'LUFS');
  }, { seconds: 90 });

  test(`${tier}: a part, a mono file and one that is read by pieces are exported as the command line does`, async (bench) => {
    const { url, file } = noise('mono.wav', 44100, 200003, 1), from = 30001, to = 150002, app = await openIn(bench, tier, '&stream');
    const part = `${OUT}/part-${tier}.wav`, bytes = fs.readFileSync(file), cut = Buffer.concat([bytes.subarray(0, 44), bytes.subarray(44 + 4 * from, 44 + 4 * to)]);
    cut.writeUInt32LE(cut.length - 8, 4);
    cut.writeUInt32LE(cut.length - 44, 40);
    fs.writeFileSync(part, cut);
    await app.load(url);
    same((await app.state()).is_streamed, true, 'read by pieces');
    await app.set('eq peaking hz=1000 db=6 q=1; compressor; limiter');
    isNative(await exported(app, { lufs: -16 }), natively(file, 'eq peaking hz=1000 db=6 q=1; compressor; limiter', 's24', '--normalise', 'lufs=-16'), 'mono, 24 bits');
    await app.set(CHAIN);                                     // the reverb makes it stereo
    isNative(await exported(app, { format: 's16', lufs: -23 }), natively(file, CHAIN, 's16', '--normalise', 'lufs=-23'), 'all of it');
    isNative(await exported(app, { format: 's16', peak_db: -1, from_s: from / 44100, to_s: to / 44100 }), natively(part, CHAIN, 's16', '--normalise', 'peak=-1'), 'a part');
    isNative(await exported(app, { format: 'f32', rms_db: -20, from_s: from / 44100, to_s: to / 44100 }), natively(part, CHAIN, 'f32', '--normalise', 'rms=-20'), 'a part by RMS');
    fs.rmSync(part);
  }, { seconds: 90 });
}

test('what export() cannot do is refused with one sentence, and no option makes it stumble', async (bench) => {
  const { url } = noise('small.wav', 48000, 48000, 1), app = await bench.open({ query: 'rate=48000' });
  await app.load(url);
  says(await app.refusal('export', { format: 'mp3' }), /^export\(\) writes 's16', 's24' or 'f32'$/, 'a format');
  for (const target of [{ lufs: 5 }, { lufs: -100 }, { peak_db: 1 }, { lufs: 'loud' }]) says(await app.refusal('export', target), /between -70 and 0 dB/, JSON.stringify(target));
  says(await app.refusal('export', { from_s: 1 }), /no sound to export/, 'from the end');
  says(await app.refusal('export', { from_s: 1e300 }), /no sound to export/, 'from far behind the end');
  const bytes = async (options) => (await exported(app, { format: 's16', ...options })).bytes.length;
  same(await bytes({ to_s: 0.5 }), 44 + 48000, 'half of it');
  same(await bytes({ from_s: -3, to_s: 99 }), 44 + 96000, 'more than there is');
  same(await app.page.evaluate(() => rustyaudio.export({ format: 's16', from_s: NaN, to_s: NaN, lufs: null, peak_db: null }).then(({ bytes, gain_db }) => [bytes, gain_db])), [44 + 96000, 0], 'no numbers: bytes, gain');
});

test('what is exported stays what it was when the track, the chain, its response and the file beside it change meanwhile', async (bench) => {
  const { url, file } = LONG(), other = noise('other.wav', 48000, 96000, 2, 3), app = await bench.open({ query: 'rate=48000&stream' });
  const hall = [5, 6].map((seed) => noise(`room${seed}.wav`, 48000, 20000, 2, seed)), chain = (name) => `convolve file="${name}" mix=0.5; reverb`;
  bench.allow(/is being exported already/);
  await app.load(url);
  await app.set(chain(hall[0].url));
  const isThere = (name) => app.until(() => app.page.evaluate((name) => [...document.querySelectorAll('button')].some((item) => (item.getAttribute('aria-label') ?? '').includes(`response: ${name}`)), name), 'the response is there');
  await isThere(hall[0].url);
  await app.page.evaluate(() => { window.made = rustyaudio.export({ format: 's16', lufs: -20 }); });
  await app.until((state) => state.export.progress > 0.05, 'it has begun');
  says(await app.refusal('export', {}), /^A file is being exported already\.$/, 'a second one');
  await app.set(chain(hall[1].url));
  await isThere(hall[1].url);
  for (let i = 0; i < 12; i++) await app.set(`${chain(hall[1].url)}; gain db=${-i}`);     // the old response is out of all undo
  await app.load(other.url);
  same((await app.state()).export.phase, 'running', 'phase');
  const [hash, bytes] = await app.page.evaluate(() => window.made.then(({ sha256, bytes }) => [sha256, bytes]));
  const native = natively(file, chain(hall[0].file), 's16', '--normalise', 'lufs=-20');
  same([bytes, hash], [native.bytes.length, sha256(native.bytes)], 'bytes, SHA-256');
  isNative(await exported(app, { to_s: 1 }), natively(noise('other1.wav', 48000, 48000, 2, 3).file, `convolve file="${hall[1].file}" mix=0.5; reverb; gain db=-11`, 's24'), 'the next one');
}, { seconds: 120 });

test('the sheet: Ctrl+S, keys and clicks choose, a file arrives, its facts are told, Esc and the cross close it', async (bench) => {
  const { url, file } = noise('a song.wav', 48000, 96000, 2), app = await bench.open({ query: 'rate=48000' }), saved = downloadsOf(app);
  await app.load(url);
  await app.set(CHAIN);
  await app.page.evaluate(() => document.getElementById('rustyaudio').parentElement.focus());
  await app.press('Control+s');
  await app.widget('button', 'Export now').waitFor({ state: 'attached' });
  same([await app.widget('button', 'Play').count(), await app.widget('checkbox', 'Part: A to B').count()], [0, 0], 'Play below it; a part where the loop has no ends');
  same(await axeViolations(app), [], 'violations with the sheet');
  const seen = [], now = () => app.page.evaluate(() => document.activeElement?.ariaLabel ?? document.activeElement?.tagName);
  same(await now(), 'Close', 'what has the focus at first');
  for (let i = 0; i < 30 && seen.at(-1) !== 'Export now'; i++) { await app.press('Tab'); seen.push(await now()); }
  same(seen, ['Format: 16 bit', 'Format: 24 bit', 'Format: 32 bit float', 'Loudness, LUFS: As it is', 'Loudness, LUFS: −14', 'Loudness, LUFS: −16', 'Loudness, LUFS: −23', 'Loudness, LUFS: Peak −1', 'Export now'], 'the way of Tab');
  for (let i = 0; i < 3; i++) await app.press('Shift+Tab');
  await app.press('Space');
  await app.until(() => app.widget('checkbox', 'Loudness, LUFS: −16').isChecked(), 'Space picks -16 LUFS');
  await app.click('checkbox', 'Format: 24 bit');
  await app.until(async () => await app.widget('checkbox', 'Format: 24 bit').isChecked() && !(await app.widget('checkbox', 'Format: 16 bit').isChecked()), 'a click picks 24 bits');
  await app.click('button', 'Export now');
  await app.until(({ export: { phase } }) => phase === 'done' && saved.length === 1, 'a file has arrived', 20000);
  same(saved[0].suggestedFilename(), 'a song-export.wav', 'name');
  const bytes = fs.readFileSync(await saved[0].path()), native = natively(file, CHAIN, 's24', '--normalise', 'lufs=-16'), { export: facts } = await app.state();
  isNative({ bytes, facts }, native, 'the file');
  await app.until(async () => /SHA-256/.test(await app.widget('status', 'Exported').textContent()), 'facts are told');
  const number = (value, digits) => value.toFixed(digits).replace('-', '−');
  same(await app.widget('status', 'Exported').textContent(), `${(bytes.length / 1e6).toFixed(1)} MB, ${number(facts.lufs, 1)} LUFS, ${number(facts.true_peak_dbtp, 1)} dBTP, gain ${facts.gain_db > 0 ? '+' : ''}${number(facts.gain_db, 1)} dB; SHA-256 ${sha256(bytes)}`, 'the row "Exported"');
  same(await axeViolations(app), [], 'violations with the facts');
  await app.press('Escape');
  await app.widget('button', 'Play').waitFor({ state: 'attached' });
  await app.click('button', 'Export');
  await app.click('button', 'Close');
  await app.widget('button', 'Play').waitFor({ state: 'attached' });
  same(saved.length, 1, 'files saved');
}, { seconds: 90 });

test('the sheet exports from A to B when the loop has both ends', async (bench) => {
  const { url } = noise('ends.wav', 48000, 96000, 2), app = await bench.open({ query: 'rate=48000' }), saved = downloadsOf(app);
  await app.wake();
  await app.load(url);
  await app.set('gain db=-3');
  for (const [at_s, key] of [[0.5, '['], [1.5, ']']]) {
    await app.call('seek', at_s);
    await app.until((state) => Math.abs(state.position_s - at_s) < 0.01, `at ${at_s} s`);
    await app.press(key);
  }
  const { loop_from_s, loop_to_s } = await app.until((state) => state.loop_to_s > 0, 'the loop has both ends');
  await app.press('Control+s');
  await app.widget('checkbox', 'Part: A to B').waitFor({ state: 'attached' });
  await app.click('checkbox', 'Part: A to B');
  await app.until(() => app.widget('checkbox', 'Part: A to B').isChecked(), 'it is picked');
  await app.click('button', 'Export now');
  await app.until(() => saved.length === 1, 'a file has arrived', 20000);
  same(fs.statSync(await saved[0].path()).size, 44 + 4 * (Math.round(loop_to_s * 48000) - Math.round(loop_from_s * 48000)), 'bytes');
});

test('a long export is cancelled in the sheet and in the status bar, while the sound goes on; then another is whole', async (bench) => {
  const long = signal('noise', { db: -12, seconds: 600, rate: 48000, format: 's16' }), { url, file } = noise('then.wav', 48000, 96000, 2);
  const app = await bench.open({ query: 'rate=48000&stream' }), saved = downloadsOf(app);
  await app.load(long.url);
  await app.set('gain db=-6');
  await app.click('button', 'Play');
  await app.untilPlaying();
  await app.set(HEAVY);
  for (const place of ['sheet', 'status bar']) {
    if (place === 'sheet') await app.click('button', 'Export'); else await app.press('Control+s');
    await app.click('button', 'Export now');
    const begin = await app.until(({ export: is }) => is.phase === 'running' && is.progress > 0.005 && is.progress < 1, `it goes on (${place})`, 30000);
    const state = await app.until(({ export: is, position_s }) => is.progress > begin.export.progress && position_s > begin.position_s + 1, `the export and the sound go on (${place})`, 20000);
    same([state.playing, state.underrun_frames], [true, 0], 'playing, frames of underrun');
    if (place === 'status bar') { await app.press('Escape'); await app.widget('button', 'Play').or(app.widget('button', 'Pause')).waitFor({ state: 'attached' }); }
    await app.click('button', 'Cancel export');
    await app.until(({ export: is }) => is.phase === 'cancelled', `it is cancelled (${place})`);
    if (place === 'sheet') { await app.until(async () => await app.widget('status', 'Exported').textContent() === 'Cancelled', 'the sheet says so'); await app.press('Escape'); }
  }
  same([saved.length, (await app.state()).error], [0, ''], 'files saved, error');
  await app.load(url);
  await app.set(CHAIN);
  isNative(await exported(app, { lufs: -16 }), natively(file, CHAIN, 's24', '--normalise', 'lufs=-16'), 'another one');
}, { seconds: 150 });

test('a source that breaks while it is exported by pieces: one sentence, no file, and the next export works', async (bench) => {
  let isGone = true;
  const sent = { count: 0, bytes: 0 }, site = await bench.serve({ routes: { '/long.wav': longRoute(20, sent, (response, from) => {
    if (from > 8e6 && isGone) { response.writeHead(404).end(); return true; }
    return false;
  }) } });
  const app = await bench.open({ from: site, query: 'rate=48000' }), saved = downloadsOf(app);
  bench.allow(/404/, /byte 8\d+/);
  await app.load('long.wav');
  const sentence = await app.refusal('export', { format: 's16', lufs: -16 });
  says(sentence, /^byte 8\d+: the file ends here or cannot be read/, 'what the promise is rejected with');
  const { export: is, error } = await app.state();
  same([is.phase, is.error, is.sha256, error], ['failed', sentence, '', sentence], 'phase, its sentence, SHA-256, what the page says');
  await app.click('button', 'Export');
  await app.click('button', 'Export now');
  await app.until(async ({ export: is }) => is.phase === 'failed' && await app.widget('status', 'Exported').textContent() === sentence, 'the sheet says it too', 30000);
  same(saved.length, 0, 'files saved');
  same((await exported(app, { format: 's16', to_s: 10 })).bytes.length, 44 + 1920000, 'the part that is there');
}, { seconds: 90 });

test('a worker that is terminated during an export, in either pass, changes no byte of the file', async (bench) => {
  const context = await bench.context(), { url, file } = LONG();
  await keepWorkers(context);
  bench.allow(/a worker has died/);
  const app = await bench.open({ context, query: 'threads=3&stream' });
  await app.until((state) => state.workers_alive === 3, 'three workers are alive');
  await app.load(url);
  await app.set(CHAIN);
  const native = natively(file, CHAIN, 's24', '--normalise', 'lufs=-16');
  await app.page.evaluate(() => { window.made = rustyaudio.export({ lufs: -16 }).then(async ({ file, sha256 }) => [file.size, sha256, [...new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()))].map((byte) => byte.toString(16).padStart(2, '0')).join('')]); });
  await app.page.evaluate(async () => {
    for (const [index, least] of [0.1, 0.6].entries()) {
      for (let is; !((is = rustyaudio.state().export).progress > least); await new Promise((resolve) => setTimeout(resolve, 4))) if (is.phase !== 'running') throw Error(`it is ${is.phase} before ${100 * least} %`);
      self.pthreads.at(-1 - index).terminate();
    }
  });
  same(await app.page.evaluate(() => window.made), [native.bytes.length, sha256(native.bytes), sha256(native.bytes)], 'size, SHA-256 that is told, SHA-256 of the bytes');
  await app.until((state) => state.workers_alive < 3, 'one was found dead', 20000);
}, { seconds: 120 });

section('export to disk');

// A file of the user's choice that keeps what is written to it. how: { refuse, writes, close }: errors by name, and after how many writes.
const fakePicker = (app, how = {}) => app.page.evaluate((how) => {
  const fault = (name, text) => new DOMException(text, name);
  window.disk = { asked: [], parts: [], overlaps: 0, end: '' };
  let isWriting = false;
  self.showSaveFilePicker = async (wish) => {
    window.disk.asked.push(wish);
    if (how.refuse) throw fault(how.refuse, 'The user aborted a request.');
    const mine = { parts: [], end: '' };
    window.disk = { ...window.disk, ...mine, all: [...(window.disk.all ?? []), mine] };
    return { createWritable: async () => ({
      async write(bytes) {
        if (isWriting) window.disk.overlaps++;
        isWriting = true;
        const isThird = how.hangs && mine.parts.length === 2, isFirst = mine === window.disk.all[0];
        await new Promise((resolve) => setTimeout(resolve, isThird ? 100 : 5));     // by then the next pieces are ready
        if (isThird && isFirst) { isWriting = false; await new Promise((resolve) => { window.goOn = resolve; }); }
        if (isThird && !isFirst) { window.goOn(); await new Promise((resolve) => setTimeout(resolve, 5)); }
        isWriting = false;
        if (mine.parts.length === how.writes) throw fault('QuotaExceededError', 'the disk is full');
        mine.parts.push(bytes.slice());
      },
      async close() { if (how.close) throw fault('QuotaExceededError', 'the disk is full'); mine.end += 'closed'; },
      async abort() { mine.end += 'aborted'; },
    }) };
  };
}, how);
// Of the file that was asked for as the n-th: its bytes' hash, and how it ended.
const onDisk = (app, n = 0) => app.page.evaluate(async (n) => {
  const { parts, end } = window.disk.all[n], blob = new Blob(parts);
  return { end, size: blob.size, writes: parts.length, overlaps: window.disk.overlaps, hash: [...new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer()))].map((byte) => byte.toString(16).padStart(2, '0')).join('') };
}, n);
async function openPicking(bench, how) {
  const { url, file } = noise('disk.wav', 48000, 48000 * 20, 2), app = await bench.open({ query: 'rate=48000&stream&picker=2' }), saved = downloadsOf(app);
  await app.load(url);
  await app.set(CHAIN);
  await fakePicker(app, how);
  await app.click('button', 'Export');
  await app.click('checkbox', 'Format: 24 bit');
  await app.click('button', 'Export now');
  return { app, saved, native: () => natively(file, CHAIN, 's24') };
}

test('a large file goes where the user wants it, piece after piece, and nothing is kept in memory', async (bench) => {
  const { app, saved, native } = await openPicking(bench), want = native().bytes;
  await app.until(() => app.page.evaluate(() => window.disk.all?.[0].end), 'it is closed', 30000);
  const { hash, writes, ...is } = await onDisk(app);
  same([is, hash], [{ end: 'closed', size: want.length, overlaps: 0 }, sha256(want)], 'the file');
  above(writes, 10, 'writes');
  const { export: facts, error } = await app.state(), asked = await app.page.evaluate(() => window.disk.asked);
  same([facts.phase, facts.sha256, error, saved.length], ['done', hash, '', 0], 'phase, SHA-256, error, downloads');
  same(asked, [{ suggestedName: 'disk-export.wav', types: [{ accept: { 'audio/wav': ['.wav'] } }] }], 'what the picker was asked');
  await app.call('export', { format: 's24' });                // whoever asks for it in JavaScript gets it there
  same((await app.page.evaluate(() => window.disk.asked)).length, 1, 'times that the picker was shown');
}, { seconds: 60 });

test('a picker that is closed cancels quietly; one that is not allowed here leaves the download', async (bench) => {
  const { app, saved, native } = await openPicking(bench, { refuse: 'AbortError' });
  await app.until(({ export: is }) => is.phase === 'cancelled', 'it is cancelled');
  same([(await app.state()).error, saved.length], ['', 0], 'error, downloads');
  await fakePicker(app, { refuse: 'SecurityError' });         // in a frame of another origin
  await app.click('button', 'Export now');
  await app.until(() => saved.length === 1, 'a file has arrived', 30000);
  same([sha256(fs.readFileSync(await saved[0].path())), (await app.state()).error], [sha256(native().bytes), ''], 'SHA-256, error');
}, { seconds: 60 });

for (const [when, how, end] of [['in the middle', { writes: 3 }, 'aborted'], ['at the end', { close: true }, 'aborted']])
  test(`a disk that is full ${when} is told of, and the file is given up`, async (bench) => {
    bench.allow(/could not be written/);
    const { app, saved } = await openPicking(bench, how);
    await app.until(({ error }) => error === 'disk-export.wav could not be written: the disk is full', 'the page says so', 30000);
    same([(await onDisk(app)).end, saved.length], [end, 0], 'its end, downloads');
    ok((await app.state()).export.phase !== 'running', 'it goes on');
    await fakePicker(app);
    await app.click('button', 'Export now');
    await app.until(() => app.page.evaluate(() => window.disk.all?.[0].end), 'another one is closed', 30000);
    same((await app.state()).export.sha256, (await onDisk(app)).hash, 'SHA-256 of another one');
  }, { seconds: 60 });

test('an export that is cancelled while the disk is slow takes nothing from the one that follows it', async (bench) => {
  const { app, native } = await openPicking(bench, { hangs: true }), want = native().bytes;
  await app.until(() => app.page.evaluate(() => !!window.goOn), 'a write hangs', 30000);
  await app.click('button', 'Cancel export');
  await app.until(({ export: is }) => is.phase === 'cancelled', 'it is cancelled');
  await app.click('button', 'Export now');
  await app.until(() => app.page.evaluate(() => window.disk.all[1]?.end), 'the next is closed', 30000);
  same([(await onDisk(app, 0)).end, (await onDisk(app, 1)).end, (await onDisk(app, 1)).hash], ['aborted', 'closed', sha256(want)], 'the end of the first, of the next, its SHA-256');
}, { seconds: 60 });
