// browser_sound.mjs - what is heard: samples equal to the native engine's, real recordings, seeking, transport, health.

import { above, BUILD, floats, hash, info, near, OGG, ok, peakDb, render, same, says, section, signal, SPOKEN, test, wait, writeWav } from './browser_kit.mjs';

const firstSound = (samples) => samples.findIndex((sample) => sample !== 0) & ~1;

section('start');

test('isolated: the page is cross-origin isolated, runs on threads and draws with WebGPU', async (bench) => {
  const app = await bench.open();
  const cores = await app.page.evaluate(() => navigator.hardwareConcurrency);
  const state = await app.until((state) => state.workers_alive === state.workers_wanted && state.renderer !== 'none', 'all workers are alive and the renderer is there');
  same(await app.page.evaluate(() => crossOriginIsolated), true, 'crossOriginIsolated');
  same([state.tier, state.renderer, state.workers_alive], ['threads', 'webgpu', Math.max(1, cores - 1)], 'tier, renderer, workers');
  same(await app.status(), `Worker Pool Active (${Math.max(1, cores - 1)} workers)`, 'the status line');
});

test('isolated: ?threads=4 starts four workers, whatever the number of cores', async (bench) => {
  const app = await bench.open({ query: 'threads=4' });
  await app.until((state) => state.workers_alive === 4, 'four workers are alive');
  same(await app.untilStatus(/Active/), 'Worker Pool Active (4 workers)', 'the status line');
  same(app.page.workers().length, 4, 'workers that the browser counts');
});

test('isolated: a click on Play is heard, without a file, and the spectrum moves', async (bench) => {
  const app = await bench.open();
  same((await app.state()).audio, 'asleep', 'before the first gesture');
  await app.click('button', 'Play');
  const before = await app.untilPlaying('the demo plays');
  above(await app.peak(), -40, 'peak of the demo, dBFS');
  await app.until((state) => state.spectrum_serial > before.spectrum_serial + 5, 'new spectra arrive');
  same(await app.widget('button', 'Pause').count(), 1, 'buttons called Pause');
});

test('?log=debug tells the number of workers in the console, without it the console stays empty', async (bench) => {
  for (const [query, isTold] of [['threads=2&log=debug', true], ['threads=2', false]]) {
    const context = await bench.context(), lines = [];
    context.on('console', (message) => lines.push(message.text()));
    const app = await bench.open({ context, query });
    await app.until((state) => state.workers_alive === 2, 'the workers are there');
    await wait(200);
    same(lines.includes('Workers: 2'), isTold, `"Workers: 2" in ${JSON.stringify(lines)}`);
    if (!isTold) same(lines, [], 'the console');
  }
});

section('samples');

const CHAIN = 'eq peaking hz=1000 db=6 q=1; eq lowshelf hz=120 db=-4 q=0.7; gain db=-3';

// Plays a file once and compares every sample with the native engine's.
async function playExactly(bench, tier, url, native, { chain = CHAIN, next = [], query = '' } = {}) {
  const app = await bench.open({ query: `rate=48000${query}${tier === 'threads' ? '' : `&tier=${tier}`}`, isolated: tier !== 'isolated-off' });
  await app.wake();
  await app.load(url);
  for (const file of next) await app.call('queue', file);
  await app.set(chain);
  if (/convolve/.test(chain)) await app.until(() => app.page.evaluate(() => [...document.querySelectorAll('button')].some((item) => /response: .*wav/.test(item.getAttribute('aria-label') ?? item.textContent))), 'the response is there');
  const state = await app.state();
  same([state.tier, state.output_rate_hz, state.loop], [tier, 48000, false], 'tier, rate, loop');
  await app.recorder();
  await wait(300);                                            // glides have ended
  await app.startRecording();
  await app.click('button', 'Play');
  await app.until((state) => state.playing, 'it plays');
  await app.until((state) => !state.playing, 'it has come to its end', 15000);
  await wait(200);
  const heard = await app.stopRecording(), from = firstSound(heard), skip = firstSound(native), count = native.length - skip;
  ok(from >= 0, 'only silence was heard');
  above(heard.length - from, count - 1, 'samples heard');
  const got = heard.subarray(from, from + count), want = native.subarray(skip);
  const wrong = got.findIndex((sample, i) => sample !== want[i]);
  ok(wrong < 0, `frame ${(skip + wrong) >> 1} of ${native.length >> 1} is ${got[wrong]}, natively ${want[wrong]}`);
  same(hash(got), hash(want), 'hash');
  return app;
}

for (const tier of ['threads', 'isolated-off', 'compat']) {
  test(`${tier}: stereo noise through a chain has the native engine's samples, bit for bit`, async (bench) => {
    let seed = 7;                                             // a linear congruence; the channels differ
    const { url, file } = writeWav('stereo.wav', 48000, 72000, 2, () => { seed = (Math.imul(seed, 1664525) + 1013904223) | 0; return seed / 2 ** 31; });
    await playExactly(bench, tier, url, render(file, `${CHAIN}; softclip`));
  });
  test(`${tier}: a spoken recording through a chain has the native engine's samples, bit for bit`, async (bench) => {
    await playExactly(bench, tier, SPOKEN.url, render(SPOKEN.file, `${CHAIN}; softclip`));
  });
  test(`${tier}: a 44.1 kHz file in a 48 kHz context has the native resampler's samples, bit for bit`, async (bench) => {
    const { url, file } = signal('sweep', { hz: 20, 'to-hz': 18000, db: -6, seconds: 1.5, rate: 44100 });
    await playExactly(bench, tier, url, render(file, `${CHAIN}; softclip`, '--rate', 48000));
  });
  test(`${tier}: a file that is read by pieces has the native resampler's samples, bit for bit, and so has the next`, async (bench) => {
    const parts = [0, 1].map((part) => writeWav(`piece${part}.wav`, 44100, 70000, 2, (frame, channel) => 0.4 * Math.sin((frame + 70000 * part) * (channel ? 0.031 : 0.047) + 0.1)));
    const whole = writeWav('pieces.wav', 44100, 140000, 2, (frame, channel) => 0.4 * Math.sin(frame * (channel ? 0.031 : 0.047) + 0.1));
    const app = await playExactly(bench, tier, parts[0].url, render(whole.file, `${CHAIN}; softclip`, '--rate', 48000), { next: [parts[1].url], query: '&stream' });
    const state = await app.state();
    same([state.is_streamed, state.underrun_frames, state.file], [true, 0, 'piece1.wav'], 'streamed, underrun, the last file');
  });
  test(`${tier}: a response beside the page makes the native engine's samples, bit for bit`, async (bench) => {
    let seed = 3;
    const hall = writeWav('a hall.wav', 44100, 30000, 2, (frame) => { seed = (Math.imul(seed, 1664525) + 1013904223) | 0; return seed / 2 ** 31 * Math.exp(-frame / 6000); });
    const { url, file } = writeWav('steps.wav', 48000, 72000, 2, (frame, channel) => 0.3 * Math.sin((frame % 12000) ** 2 * (channel ? 1e-6 : 2e-6) + 0.1)), chain = (name) => `compressor; convolve file="${name}" mix=0.4; reverb rt60_s=0.5`;
    const app = await playExactly(bench, tier, url, render(file, `${chain(hall.file)}; softclip`), { chain: chain(hall.url) });
    same((await app.state()).error, '', 'error');
  });
  test(`${tier}: files in a queue are one file, bit for bit, and the page tells which one plays`, async (bench) => {
    const parts = [0, 1, 2].map((part) => writeWav(`part${part}.wav`, 48000, 40000, 2, (frame, channel) => 0.4 * Math.sin((frame + 40000 * part) * (channel ? 0.031 : 0.047) + 0.1)));
    const whole = writeWav('whole.wav', 48000, 120000, 2, (frame, channel) => 0.4 * Math.sin(frame * (channel ? 0.031 : 0.047) + 0.1));
    const app = await playExactly(bench, tier, parts[0].url, render(whole.file, `${CHAIN}; softclip`), { next: [parts[1].url, parts[2].url] });
    same((await app.state()).file, 'part2.wav', 'the last file');
  });
}

test('several dropped files play in a row, with Shift they go behind what plays', async (bench) => {
  const app = await bench.open({ query: 'rate=48000' });
  const drop = (names, shiftKey) => app.page.evaluate(async ([url, names, shiftKey]) => {
    const bytes = await (await fetch(url)).arrayBuffer(), transfer = new DataTransfer();
    for (const name of names) transfer.items.add(new File([bytes], name, { type: 'audio/wav' }));
    document.getElementById('rustyaudio').dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: transfer, shiftKey }));
  }, [SPOKEN.url, names, shiftKey]);
  await app.wake();
  await drop(['one.wav', 'two.wav'], false);
  await app.until((state) => state.file === 'one.wav' && state.queued === 1, 'one plays, two waits');
  await drop(['three.wav'], true);
  await app.until((state) => state.file === 'one.wav' && state.queued === 2, 'three waits too');
  await app.click('button', 'Play');
  await app.until((state) => state.file === 'two.wav', 'two follows');
  await app.click('button', 'Next');
  await app.until((state) => state.file === 'three.wav' && state.queued === 0, 'Next is three');
});

test('A-B: keys set the ends at the playhead, the loop goes round between them, Escape takes them away', async (bench) => {
  const app = await bench.open({ query: 'rate=48000' });
  await app.wake();
  await app.load(signal('sweep', { hz: 20, 'to-hz': 18000, db: -12, seconds: 4, rate: 48000 }).url);
  await app.call('seek', 1);
  await app.until((state) => Math.abs(state.position_s - 1) < 0.01, 'at 1 s');
  await app.press('[');
  await app.call('seek', 1.5);
  await app.until((state) => Math.abs(state.position_s - 1.5) < 0.01, 'at 1.5 s');
  await app.press(']');
  await app.until((state) => state.loop && Math.abs(state.loop_from_s - 1) < 0.001 && Math.abs(state.loop_to_s - 1.5) < 0.001, 'the loop has both ends');
  await app.call('seek', 1.2);
  await app.click('button', 'Play');
  await app.untilPlaying();
  for (const begin = Date.now(); Date.now() - begin < 2000; await wait(20)) {
    const { position_s } = await app.state();
    ok(position_s > 0.98 && position_s < 1.52, `the position is ${position_s} s`);
  }
  await app.press('Escape');
  await app.until((state) => state.loop_to_s < 0 && state.position_s > 1.7, 'it goes on beyond the end');
});

section('recording');

// The samples of a WAV file that the page made, read as a stranger would: 44 bytes, then two floats a frame.
function samplesOf(base64, what) {
  const bytes = Buffer.from(base64, 'base64');
  same([bytes.toString('latin1', 0, 4), bytes.toString('latin1', 8, 16), bytes.readUInt16LE(20), bytes.readUInt16LE(22), bytes.readUInt16LE(34)], ['RIFF', 'WAVEfmt ', 3, 2, 32], `${what}: form, tag, channels, bits`);
  same([bytes.readUInt32LE(4), bytes.readUInt32LE(40)], [bytes.length - 8, bytes.length - 44], `${what}: sizes in the header`);
  return { rate: bytes.readUInt32LE(24), samples: floats(bytes.subarray(44)) };
}
const stopAndTake = (app) => app.page.evaluate(async () => {
  const file = await rustyaudio.stopRecording(), bytes = new Uint8Array(await file.arrayBuffer());
  let text = '';
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return { name: file.name, type: file.type, text: btoa(text) };
});
// Nothing was lost, and every frame that the audio thread offered is in the file.
async function checkCounts(app, samples) {
  const { recording, recorded_frames, record_offered_frames, record_lost_frames } = await app.state();
  same([recording, recorded_frames, record_offered_frames, record_lost_frames], ['', samples.length / 2, samples.length / 2, 0], 'recording, frames written, offered, lost');
}

for (const tier of ['threads', 'isolated-off', 'compat']) {
  const open = (bench, options) => bench.open({ query: `rate=48000${tier === 'threads' ? '' : `&tier=${tier}`}`, isolated: tier !== 'isolated-off', ...options });
  test(`${tier}: what is played is recorded with the native engine's samples, bit for bit`, async (bench) => {
    const { url, file } = writeWav('loud.wav', 48000, 96000, 2, (frame, channel) => Math.sin(frame * (channel ? 0.031 : 0.047) + 0.1));
    const app = await open(bench), native = render(file, `${CHAIN}; softclip`);
    await app.wake();
    await app.load(url);
    await app.set(CHAIN);
    await wait(300);
    await app.call('record', 'output');
    await app.until(async (state) => state.recording === 'output' && await app.widget('checkbox', 'Record').isChecked(), 'it records, and the button says so');
    await app.click('button', 'Play');
    await app.until((state) => state.playing, 'it plays');
    await app.until((state) => !state.playing, 'it has come to its end', 15000);
    const made = await stopAndTake(app), { rate, samples } = samplesOf(made.text, 'the recording');
    says(made.name, /^recording 20\d\d-\d\d-\d\d \d\d\.\d\d\.\d\d\.wav$/, 'name');
    same([rate, made.type], [48000, 'audio/wav'], 'rate, type');
    const from = firstSound(samples), skip = firstSound(native), want = native.subarray(skip);
    same(hash(samples.subarray(from, from + want.length)), hash(want), 'hash');
    await checkCounts(app, samples);
  });
  test(`${tier}: the microphone is recorded as it is, for as long as it says`, async (bench) => {
    const context = await bench.context({ permissions: ['microphone'] }), app = await open(bench, { context });
    await app.wake();
    await app.click('checkbox', 'Record');
    await app.click('button', 'Record microphone');
    await app.until((state) => state.recording === 'microphone' && state.record_offered_frames > 130000, 'it records', 15000);
    await app.untilStatus(/^Recording the microphone  00:[01]\d$/);
    const { samples } = samplesOf((await stopAndTake(app)).text, 'the recording');
    await checkCounts(app, samples);
    above(peakDb(samples), -30, 'peak of its beeps, dBFS');
    ok(samples.every((sample, i) => i % 2 === 0 || sample === samples[i - 1]), 'one microphone is on both sides');
    same((await app.state()).error, '', 'error');
  });
}

test('a recording by key R is offered to be saved and opened; until then the page asks before it is left', async (bench) => {
  const app = await bench.open({ query: 'rate=48000' });
  await app.wake();
  await app.press('r');                                       // the first time it asks what
  await app.click('button', 'Record output');
  await app.until((state) => state.recording === 'output' && state.record_offered_frames > 48000, 'it records');
  await app.press('r');
  await app.untilStatus(/^Recorded 00:0[1-9]$/);
  await app.press('r');                                       // and then as last time
  await app.until((state) => state.recording === 'output' && state.record_offered_frames > 10000, 'it records again');
  await app.click('checkbox', 'Record');
  await app.untilStatus(/^Recorded 00:0\d \(2 recordings\)$/);
  const asks = async () => app.page.evaluate(() => !dispatchEvent(new Event('beforeunload', { cancelable: true })));
  same(await asks(), true, 'asked before leaving');
  await app.click('button', 'Open recording');
  await app.until((state) => /^recording 20/.test(state.file) && state.queued === 1 && state.duration_s > 1, 'both are open');
  const saved = [];
  app.page.on('download', (download) => saved.push(download));
  await app.click('button', 'Save recording');
  for (let i = 0; i < 100 && saved.length < 2; i++) await wait(50);
  same(saved.length, 2, 'files saved');
  const { format, channels, sample_rate_hz, frames } = info(await saved[0].path());
  same([format, channels, sample_rate_hz], ['float', 2, 48000], 'format, channels, rate');
  above(frames, 48000, 'frames');
  await app.untilStatus(/^Worker Pool/);
  same(await asks(), false, 'asked after saving');
});

test('a microphone that is refused, missing or taken away is explained, and what was recorded stays', async (bench) => {
  const app = await bench.open();
  bench.allow(/[Mm]icrophone/);
  await app.wake();
  says(await app.refusal('record', 'microphone'), /^The microphone is not allowed: allow it beside the address/, 'refused');
  await app.untilStatus(/^The microphone is not allowed/);
  for (const [name, pattern] of [['NotFoundError', /^There is no microphone: plug one in/], ['NotReadableError', /in use by another program/], ['OddError', /does not open: why not$/]]) {
    await app.page.evaluate((name) => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('why not', name); }; }, name);
    says(await app.refusal('record', 'microphone'), pattern, name);
  }
  says(await app.refusal('record', 'piano'), /'output' or 'microphone'/, 'a wrong source');
  says(await app.refusal('stopRecording'), /^Nothing is being recorded/, 'stop without a recording');
  await app.click('button', 'Dismiss');
  await app.page.evaluate(() => {                             // a microphone of our own that can be unplugged
    navigator.mediaDevices.getUserMedia = async ({ audio }) => {
      window.wanted = audio;
      const place = rustyaudio.context.createMediaStreamDestination(), tone = new ConstantSourceNode(rustyaudio.context, { offset: 0.25 });
      tone.connect(place); tone.start();
      return window.stream = place.stream;
    };
  });
  await app.call('record', 'microphone');
  same(await app.page.evaluate(() => window.wanted), { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 2 }, 'what is asked of the browser');
  await app.until((state) => state.record_offered_frames > 48000, 'it records');
  await app.page.evaluate(() => window.stream.getTracks()[0].onended());
  await app.untilStatus(/^The microphone is gone\. Recorded 00:0\d$/);
  const { recorded_frames, record_offered_frames } = await app.state();
  same(recorded_frames, record_offered_frames, 'frames written');
  await app.click('button', 'Forget recording');
  await app.untilStatus(/^Worker Pool/);
  await app.page.evaluate(() => { navigator.mediaDevices.getUserMedia = () => new Promise((resolve) => { window.allow = () => resolve(window.stream); }); });
  await app.press('r');                                       // the user looks at the question, and thinks better of it
  await app.untilStatus(/^Waiting for the microphone$/);
  await app.press('r');
  await app.untilStatus(/^Worker Pool/);
  await app.page.evaluate(() => window.allow());
  await app.until(() => app.page.evaluate(() => window.stream.getTracks()[0].readyState === 'ended'), 'the microphone that came too late is closed');
  same((await app.state()).recording, '', 'recording');
});

section('recordings');

// Loud somewhere while it plays, and with a spectrum that is not flat.
async function hears(app) {
  await app.click('checkbox', 'Loop');
  await app.click('button', 'Play');
  let peak = -Infinity, range = 0;
  for (const begin = Date.now(); Date.now() - begin < 6000 && !(peak > -40 && range > 20); await wait(30)) {
    const seen = await app.page.evaluate(() => {
      const bins = rustyaudio.spectrum().sort();
      return { peak: rustyaudio.state().peak_db, median: bins[bins.length >> 1], loudest: bins.at(-1), count: bins.length };
    });
    same(seen.count, 2049, 'bins of the spectrum');
    peak = Math.max(peak, seen.peak);
    if (seen.loudest > -100) range = Math.max(range, seen.loudest - seen.median);
  }
  above(peak, -40, 'peak, dBFS');
  above(range, 20, 'loudest bin above the median, dB');
}

test('a spoken WAV by the file picker: its length is right and it is heard', async (bench) => {
  const app = await bench.open(), chooser = app.page.waitForEvent('filechooser');
  await app.click('button', 'Open file');
  await (await chooser).setFiles(SPOKEN.file);
  const { duration_s, channels, sample_rate_hz } = info(SPOKEN.file);
  const state = await app.until((state) => state.file === 'Front_Center.wav', 'the recording is there');
  near(state.duration_s, duration_s, 1e-5, 'duration, s');
  same([state.channels, state.sample_rate_hz, state.loop, state.error], [channels, sample_rate_hz, false, ''], 'channels, rate, loop, error');
  await app.until(async () => await app.widget('status', 'File').textContent() === 'Front_Center.wav', 'the page names it');
  same(await app.page.title(), 'Front_Center.wav - Rusty Audio', 'title');
  await hears(app);
});

test('an Ogg file by drag and drop: its length is the decoder\'s and it is heard', async (bench) => {
  const app = await bench.open({ query: 'rate=48000' });
  const duration_s = await app.page.evaluate(async (url) => {
    const bytes = await (await fetch(url)).arrayBuffer();
    const { duration } = await new OfflineAudioContext(2, 1, 48000).decodeAudioData(bytes.slice(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], 'welcome.oga', { type: 'audio/ogg' }));
    const canvas = document.getElementById('rustyaudio');
    for (const type of ['dragenter', 'dragover']) canvas.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: transfer }));
    window.hint = [...document.querySelectorAll('main div')].find((item) => item.textContent === 'Drop to open')?.style.display;
    canvas.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: transfer }));
    return duration;
  }, OGG.url);
  same(await app.page.evaluate(() => window.hint), 'grid', 'the hint "Drop to open" while the file is over the page');
  const state = await app.until((state) => state.file === 'welcome.oga', 'the recording is there');
  above(duration_s, 0.5, 'length by decodeAudioData, s');
  near(state.duration_s, duration_s, 1e-4, 'duration, s');
  await hears(app);
});

test('an Ogg file by ?src=URL is what the page opens with', async (bench) => {
  const app = await bench.open({ query: `src=${OGG.url}&rate=48000` });
  const state = await app.until((state) => state.file === 'service-login.oga', 'the recording is there');
  const duration_s = await app.page.evaluate(async (url) => (await new OfflineAudioContext(2, 1, 48000).decodeAudioData(await (await fetch(url)).arrayBuffer())).duration, OGG.url);
  near(state.duration_s, duration_s, 1e-4, 'duration, s');
  await hears(app);
});

section('seek');

// A ramp: every sample says where in the file it is, so what is heard tells where it is from.
const RAMP_S = 20;
const ramp = () => writeWav('ramp.wav', 48000, 48000 * RAMP_S, 1, (frame) => 0.05 + 0.8 * frame / (48000 * RAMP_S));
const rampPlace = (sample) => (sample - 0.05) / 0.8 * RAMP_S;
async function openRamp(bench) {
  const { url } = ramp(), app = await bench.open({ query: 'rate=48000' });
  await app.wake();
  await app.load(url);
  await app.set('');                                          // no processors
  return app;
}

test('a click in the waveform of a paused file lands within 20 ms', async (bench) => {
  const app = await openRamp(bench), box = await app.box('slider', 'Seek');
  for (const share of [0.25, 0.8, 0.031]) {
    const x = Math.round(box.x + share * box.width);
    await app.page.mouse.click(x, box.midY);
    const want = (x - box.x) / box.width * RAMP_S;
    await wait(400);                                          // the engine has answered by now
    near((await app.state()).position_s, want, 0.02, `position after a click at ${share}, s`);
  }
});

test('a click in the waveform while it plays: what is heard next is that place, within 20 ms', async (bench) => {
  const app = await openRamp(bench), box = await app.box('slider', 'Seek');
  await app.recorder();
  await app.click('button', 'Play');
  await app.untilPlaying();
  const x = Math.round(box.x + 0.6 * box.width), want = (x - box.x) / box.width * RAMP_S;
  await app.startRecording();
  await wait(200);
  await app.page.mouse.click(x, box.midY);
  await wait(500);
  const heard = (await app.stopRecording()).filter((_, i) => i % 2 === 0), back = heard.findIndex((sample) => rampPlace(sample) > want - 1);
  above(back, 2400, 'the frame in which the jump is over');
  // it fades out, jumps where it is silent, fades in: the place is read 100 ms after the silence
  let jump = back;
  for (let i = back - 2400; i < back; i++) if (heard[i] < heard[jump]) jump = i;
  near(heard[jump], 0, 0.002, 'the quietest sample around the jump');
  const later = jump + 4800;
  near(rampPlace(heard[later]) - 4800 / 48000, want, 0.02, 'place heard, s');
  near(rampPlace(heard[later + 4800]) - rampPlace(heard[later]), 0.1, 1e-4, 'it plays on at the right speed');
});

test('arrows seek by 5 s, with Shift by 1 s; Home and End go to the ends', async (bench) => {
  const app = await openRamp(bench);
  const at = async (key, want) => { await app.press(key); await wait(350); near((await app.state()).position_s, want, 0.001, `position after ${key}, s`); };
  await at('ArrowRight', 5);
  await at('ArrowRight', 10);
  await at('ArrowLeft', 5);
  await at('Shift+ArrowRight', 6);
  await at('Shift+ArrowLeft', 5);
  await at('End', RAMP_S);
  await at('Home', 0);
  await at('ArrowLeft', 0);
});

test('rustyaudio.seek() goes there, not beyond the ends', async (bench) => {
  const app = await openRamp(bench);
  for (const [asked, want] of [[7.25, 7.25], [1e9, RAMP_S], [-3, 0]]) {
    await app.call('seek', asked);
    await wait(350);
    near((await app.state()).position_s, want, 0.001, `position after seek(${asked}), s`);
  }
});

section('transport');

const toneFile = () => signal('sine', { hz: 1000, db: -20, seconds: 10, rate: 48000 });        // whole periods: it loops without a step
async function openTone(bench, query = 'rate=48000') {
  const app = await bench.open({ query });
  await app.wake();
  await app.load(toneFile().url);
  await app.click('checkbox', 'Loop');                        // ten seconds may be too short for a busy machine
  await app.recorder();
  return app;
}
test('Play, Pause, Space and Stop do what they say', async (bench) => {
  const app = await openTone(bench);
  await app.click('button', 'Play');
  await app.untilPlaying();
  await app.click('button', 'Pause');
  await app.until((state) => !state.playing, 'it is paused');
  same(await app.level() < -250, true, 'exact silence while paused');
  await wait(300);
  const paused = await app.state();
  await wait(500);
  const resting = await app.state();
  same(resting.position_s, paused.position_s, 'position while paused, s');
  above(resting.position_s, 0.05, 'position while paused, s');
  await app.press('Space');
  const going = await app.untilPlaying('Space plays');
  above(going.position_s, resting.position_s, 'it goes on from where it was, s');
  await app.press('Space');
  await app.until((state) => !state.playing, 'Space pauses');
  await app.press('Space');
  await app.untilPlaying();
  await app.click('button', 'Stop');
  same(await app.level() < -250, true, 'exact silence after Stop');
  const stopped = await app.state();
  same([stopped.playing, stopped.position_s], [false, 0], 'playing, position after Stop');
});

test('the volume slider changes what is heard by the dB that it says, by key, mouse and wheel', async (bench) => {
  const app = await openTone(bench);
  await app.click('button', 'Play');
  await app.untilPlaying();
  const full = await app.level();
  near(full, -20 - 3.01, 0.05, 'level of a -20 dBFS sine, dB RMS');
  const check = async (what) => { const { volume_db } = await app.state(); near(await app.level() - full, volume_db, 0.05, `change of level ${what}, dB`); return volume_db; };
  for (let i = 0; i < 6; i++) await app.press('ArrowDown');
  near(await check('after six times down'), -6, 1e-9, 'volume_db');
  const slider = app.widget('slider', 'Volume'), box = await app.box('slider', 'Volume');
  same(await slider.getAttribute('aria-valuetext'), '−6.0 dB', 'what a screen reader says');
  await app.page.mouse.click(box.x + 8 + (box.width - 16) * 0.6, box.midY);
  near(await check('after a click'), -60 + 0.6 * 66, 0.5, 'volume_db');
  await app.page.mouse.move(box.midX, box.midY);
  const before = (await app.state()).volume_db;
  await app.page.mouse.wheel(0, -100);
  await app.until((state) => state.volume_db !== before, 'the wheel has changed the volume');
  near(await check('after the wheel'), before + 1, 1e-9, 'volume_db');
  await slider.focus();
  await app.press('End');
  near(await check('at the top'), 6, 1e-9, 'volume_db');
  await app.press('Home');
  same(await app.level() < -250, true, 'exact silence at the bottom');
});

test('Mute is silence, and again as loud as before', async (bench) => {
  const app = await openTone(bench);
  await app.click('button', 'Play');
  await app.untilPlaying();
  const full = await app.level();
  await app.click('checkbox', 'Mute');
  await app.until((state) => state.muted, 'it is muted');
  same(await app.level() < -250, true, 'exact silence while muted');
  same(await app.widget('checkbox', 'Mute').isChecked(), true, 'the box of Mute is checked');
  await app.press('m');
  await app.until((state) => !state.muted, 'it is not muted');
  near(await app.level(), full, 0.05, 'level, dB');
});

test('a short file stops at its end without Loop and goes on with it', async (bench) => {
  const { url } = signal('sine', { hz: 1000, db: -20, seconds: 0.4, rate: 48000 }), app = await bench.open({ query: 'rate=48000' });
  await app.wake();
  same((await app.state()).loop, true, 'the demo loops');
  await app.load(url);
  same((await app.state()).loop, false, 'a file does not');
  await app.click('button', 'Play');
  await app.until((state) => state.playing, 'it plays');
  await app.until((state) => !state.playing, 'it has come to its end', 4000);
  await app.click('checkbox', 'Loop');
  await app.until((state) => state.loop, 'Loop is on');
  await app.click('button', 'Play');
  await app.untilPlaying();
  await wait(1500);
  same((await app.state()).playing, true, 'playing long after its end');
  above(await app.peak(300), -21, 'peak, dBFS');
  await app.press('l');
  await app.until((state) => !state.playing && !state.loop, 'L lets it come to its end', 4000);
});

section('health');

test('ten seconds of playing: underruns are the browser\'s own count, and the sound goes on', async (bench) => {
  const app = await bench.open();
  await app.click('button', 'Play');
  await app.untilPlaying();
  await wait(10000);
  const { state, stats } = await app.page.evaluate(() => ({ state: rustyaudio.state(), stats: rustyaudio.context.playbackStats?.underrunEvents ?? rustyaudio.context.playoutStats?.fallbackFramesEvents }));
  same(typeof stats, 'number', 'what the browser counts');
  same(Number.isInteger(state.underruns), true, 'underruns is a whole number');
  near(state.underruns, stats, Math.max(2, stats / 4), 'underruns in state() and in the browser');
  same(state.playing, true, 'still playing');
});

test('isolated: no messages go to or from the audio thread while it plays', async (bench) => {
  const app = await bench.open();
  await app.page.evaluate(() => {
    window.messages = 0;
    const { postMessage } = MessagePort.prototype;
    MessagePort.prototype.postMessage = function (...rest) { if (this === rustyaudio.node?.port) window.messages++; return postMessage.apply(this, rest); };
  });
  await app.click('button', 'Play');
  await app.untilPlaying();
  await app.page.evaluate(() => rustyaudio.node.port.addEventListener('message', () => { window.messages++; }));
  await wait(1000);
  await app.click('slider', 'Volume');
  await app.set('gain db=-3');
  await wait(300);
  same(await app.page.evaluate(() => window.messages), 0, 'messages');
});

section('same bits');

test('every native test that runs in WebAssembly, its golden hashes too, holds inside Chromium', async (bench) => {
  const site = await bench.serve({ folder: `${BUILD}/wasm`, routes: { '/': Buffer.from('<link rel="icon" href="data:,">'),
    '/worker.js': Buffer.from('self.Module = { print: (line) => postMessage(line), printErr: (line) => postMessage(line) }; importScripts("test.js");') } });
  const page = bench.watch(await (await bench.context()).newPage());
  await page.goto(site.url);
  const said = await page.evaluate(() => new Promise((resolve) => {
    const lines = [], worker = new Worker('worker.js');
    worker.onmessage = ({ data }) => { lines.push(data); if (/^\d+ passed, \d+ failed$/.test(data)) resolve(lines); };
    worker.onerror = (event) => resolve([...lines, event.message]);
  }));
  const [, passed, failed] = /^(\d+) passed, (\d+) failed$/.exec(said.at(-1)) ?? [, 0, said.at(-1)];
  same(failed, '0', `failed tests (${said.filter((line) => /^(FAIL|    )/.test(line)).slice(0, 4).join(' ')})`);
  above(Number(passed), 150, 'passed tests');
}, { seconds: 300 });
