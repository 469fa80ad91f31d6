// bench_page.mjs - what is timed inside Chromium: our wasm modules beside npm's FFTs and the browser's own nodes.
// bench.mjs opens an isolated page (performance.now() then ticks every 5 µs) and calls runAll, which gives
// { group: { name: ms, ..., agreement: text } }: each time the smallest of many in turn, after the answers were compared.
// A group that cannot be had says why in `missing`, one that went wrong in `failed`. The rows are bench.mjs's business.

const BIN = 37, RATE = 48000, SECONDS = 60, EFFECT_SECONDS = 10, RESPONSE_SECONDS = 3, BLOCK = 128;
const BANDS = [31.25, 62.5, 125, 250, 500, 1000, 2000, 4000, 8000, 16000];
const FFT_SIZES = [512, 1024, 4096, 16384], STFT = { rate: 44100, seconds: 300, size: 4096, hop: 1024 };
const EFFECTS = ['gain db=-3', 'pan position=0.3', 'delay', 'chorus', 'distortion', 'compressor', 'limiter', 'reverb', 'softclip'];

// What pools do to whole clips, here and natively; without text it is the STFT.
export const BAND_DB = 4, THREADS = [1, 2, 4], JOBS = {
  spectra: { seconds: STFT.seconds, rate: STFT.rate, text: '' },
  room: { seconds: SECONDS, rate: RATE, text: `compressor; reverb rt60_s=${RESPONSE_SECONDS}; limiter` },
};
const JOB_LIMIT_MS = 60e3;

function need(isSo, what) {
  if (!isSo) throw new Error(what);
}

function timed(run, repeats = 1) {
  const start = performance.now();
  for (let i = 0; i < repeats; i++) run();
  return performance.now() - start;
}

// Each contestant answers how many ms it took. One after the other, round by round: all meet the machine in the same moods.
async function alternate(rounds, contestants) {
  const best = {};
  for (let round = 0; round < rounds; round++)
    for (const [name, run] of Object.entries(contestants)) best[name] = Math.min(best[name] ?? Infinity, await run());
  return best;
}

// ---- sound, in the module's memory and in the browser's ----

function random(seed) {
  return () => { seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; return seed / 2147483648 - 1; };
}

// Stereo noise; decayDb says how much lower it ends than it began.
function noise(seconds, level, decayDb = 0) {
  const buffer = new AudioBuffer({ length: seconds * RATE, numberOfChannels: 2, sampleRate: RATE }), next = random(1);
  for (let c = 0; c < 2; c++) {
    const samples = buffer.getChannelData(c), fall = 10 ** (-decayDb / 20 / samples.length);
    for (let i = 0, gain = level; i < samples.length; i++, gain *= fall) samples[i] = gain * next();
  }
  return buffer;
}

// As our convolve scales a response, so that the browser's may leave it as it is: the squares of the louder channel add up to 1.
function normalised(buffer) {
  const channels = [0, 1].map((c) => buffer.getChannelData(c)), energy = (samples) => samples.reduce((sum, sample) => sum + sample * sample, 0);
  const gain = 1 / Math.sqrt(Math.max(...channels.map(energy)));
  for (const samples of channels) samples.forEach((sample, i) => { samples[i] = gain * sample; });
  return buffer;
}

function interleaved(buffer) {
  const frames = new Float32Array(2 * buffer.length);
  for (let c = 0; c < 2; c++) buffer.getChannelData(c).forEach((sample, i) => { frames[2 * i + c] = sample; });
  return frames;
}

// Our module and the places in its memory that the works share.
class Ours {
  constructor(module) {
    this.module = module;
    this.frames = 0;
  }
  floats(pointer, count) { return this.module.HEAPF32.subarray(pointer / 4, pointer / 4 + count); }
  give(samples) {
    const pointer = this.module._bench_floats(samples.length);
    this.floats(pointer, samples.length).set(samples);
    return pointer;
  }
  // Chains work on this from now on, in place on a copy.
  setSource(buffer) {
    this.frames = buffer.length;
    this.source = this.give(interleaved(buffer));
    this.work = this.module._bench_floats(2 * buffer.length);
  }
  chain(bandDb, text) { return this.module.ccall('bench_chain_create', 'number', ['number', 'string'], [bandDb, text]); }
  run(chain, frames = this.frames) {                       // the copy counts against us
    return timed(() => {
      this.module.HEAPF32.copyWithin(this.work / 4, this.source / 4, this.source / 4 + 2 * frames);
      this.module._bench_chain_run(chain, this.work, frames);
    });
  }
  heard(frames = this.frames) { return this.floats(this.work, 2 * frames); }
}

// What a graph of nodes makes of a source, and how long it takes.
async function render(source, connect) {
  const context = new OfflineAudioContext(2, source.length, RATE), player = new AudioBufferSourceNode(context, { buffer: source });
  connect(context, player).connect(context.destination);
  player.start();
  const start = performance.now(), buffer = await context.startRendering();
  return { ms: performance.now() - start, buffer };
}

const equaliser = (context, from) => BANDS.reduce((last, frequency, i) =>
  last.connect(new BiquadFilterNode(context, { type: 'peaking', frequency, Q: 1.41, gain: i % 2 ? -BAND_DB : BAND_DB })), from);

// The largest distance between a buffer and our frames, which are late by some.
function needSameSound(what, buffer, frames, limit, late = 0) {
  let difference = 0;
  for (let c = 0; c < 2; c++) {
    const theirs = buffer.getChannelData(c);
    for (let i = 0; i + late < theirs.length; i++) difference = Math.max(difference, Math.abs(theirs[i] - frames[2 * (i + late) + c]));
  }
  need(difference <= limit, `our ${what} and the browser's differ by ${difference}, more than ${limit}`);
  return difference.toExponential(1);
}

// ---- real FFT: each maker gives { input (a Float32Array to fill), run(), bin(k) } ----

function makers({ ours, FFT, pffft, kissfft }) {
  const inMemory = (module, pIn, pOut, run) => {
    const at = (pointer) => module.HEAPF32.subarray(pointer / 4);
    return { input: () => at(pIn), run: () => run(pIn, pOut), bin: (k) => at(pOut).subarray(2 * k, 2 * k + 2) };
  };
  return {
    ours(n) {
      const { module } = ours, fft = module._bench_fft_create(n);
      return inMemory(module, module._bench_floats(n), module._bench_floats(n + 2), (pIn, pOut) => module._bench_fft_run(fft, pIn, pOut));
    },
    pffft: pffft && ((n) => {
      const setup = pffft._pffft_new_setup(n, 0), [pIn, pOut, pWork] = [0, 0, 0].map(() => pffft._pffft_aligned_malloc(n * 4));
      return inMemory(pffft, pIn, pOut, () => pffft._pffft_transform_ordered(setup, pIn, pOut, pWork, 0));
    }),
    kissfft: kissfft && ((n) => {
      const config = kissfft._kiss_fftr_alloc(n, 0, 0, 0);
      return inMemory(kissfft, kissfft._malloc(n * 4), kissfft._malloc((n + 2) * 4), (pIn, pOut) => kissfft._kiss_fftr(config, pIn, pOut));
    }),
    'fft.js': FFT && ((n) => {
      const fft = new FFT(n), input = new Float32Array(n), out = fft.createComplexArray();
      return { input: () => input, run: () => fft.realTransform(out, input), bin: (k) => out.slice(2 * k, 2 * k + 2) };
    }),
  };
}

// A direct sum at one bin, or the time means nothing.
function needRightAnswer(name, x, [re, im]) {
  let wantRe = 0, wantIm = 0;
  x.forEach((sample, n) => {
    const angle = (-2 * Math.PI * ((BIN * n) % x.length)) / x.length;
    wantRe += sample * Math.cos(angle);
    wantIm += sample * Math.sin(angle);
  });
  const error = Math.hypot(re - wantRe, im - wantIm);
  need(error <= 1e-5 * Math.sqrt(x.length), `${name} disagrees with the direct sum at size ${x.length} by ${error}`);
}

async function benchTransform(n, peers, rounds) {
  const x = Float32Array.from({ length: n }, (_, i) => Math.sin(i * 0.37) + ((i * 7919) % 101) / 101 - 0.5), contestants = {};
  for (const [name, make] of Object.entries(makers(peers)).filter(([, make]) => make)) {
    const { input, run, bin } = make(n);
    input().set(x);
    run();
    needRightAnswer(name, x, bin(BIN));
    timed(run, 200);                                       // lets the compiler settle
    let repeats = 1;
    while (timed(run, repeats) < 2) repeats *= 2;          // 2 ms: the clock's step is then 0.25 %
    contestants[name] = () => timed(run, repeats) / repeats;
  }
  return alternate(rounds, contestants);
}

// ---- whole-file analysis: Hann, transform, dB, each channel on its own, against fft.js on the same thread ----

// The Hann window from a place on, through fft.js.
function windowedBins(FFT, size) {
  const fft = new FFT(size), windowed = new Float32Array(size), bins = fft.createComplexArray();
  const hann = Float32Array.from({ length: size }, (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / size));
  return (samples, at) => {
    for (let n = 0; n < size; n++) windowed[n] = samples[at + n] * hann[n];
    fft.realTransform(bins, windowed);
    return bins;
  };
}

// By how much spectra differ, in dB, where there is something to hear.
function needSameSpectra(theirs, mine, from = 0) {
  theirs.forEach((value, k) => { if (value > -100) from = Math.max(from, Math.abs(value - mine[k])); });
  need(from <= 0.01, `our spectrum and fft.js's differ by ${from} dB, more than 0.01`);
  return from;
}

async function benchAnalysis({ ours, FFT }, rounds) {
  if (!FFT) return {};
  const { rate, seconds, size, hop } = STFT, next = random(1), last = size / 2 + 1;
  const channels = [0, 1].map(() => Float32Array.from({ length: rate * seconds }, () => 0.25 * next()));
  const pChannels = channels.map((samples) => ours.give(samples)), pDb = ours.module._bench_floats(last);

  const transform = windowedBins(FFT, size), db = new Float32Array(last), fullScale = 16 / size ** 2;
  const theirs = (samples) => {
    for (let at = 0; at + size <= samples.length; at += hop) {
      const bins = transform(samples, at);
      for (let k = 0; k < last; k++) db[k] = 10 * Math.log10((bins[2 * k] * bins[2 * k] + bins[2 * k + 1] * bins[2 * k + 1]) * fullScale + 1e-30);
    }
  };

  let difference = 0;
  for (let at = 0; at < 50 * hop; at += hop) for (let c = 0; c < 2; c++) {
    theirs(channels[c].subarray(at, at + size));
    ours.module._bench_stft_run(pChannels[c] + 4 * at, size, pDb);
    difference = needSameSpectra(db, ours.floats(pDb, last), difference);
  }
  return {
    ...await alternate(rounds, {
      ours: () => timed(() => pChannels.forEach((pointer, c) => ours.module._bench_stft_run(pointer, channels[c].length, pDb))),
      'fft.js': () => timed(() => channels.forEach(theirs)),
    }),
    agreement: `${difference.toExponential(0)} dB`,
  };
}

// ---- chains against the browser's own nodes ----

async function benchEqualiser({ ours, source }, rounds) {
  const chain = ours.chain(BAND_DB, '');
  ours.run(chain);
  const agreement = needSameSound('equaliser', (await render(source, equaliser)).buffer, ours.heard(), 1e-4);
  return {
    ...await alternate(rounds, {
      ours: () => ours.run(chain),
      nodes: async () => (await render(source, equaliser)).ms,
      passthrough: async () => (await render(source, (context, player) => player)).ms,
    }),
    agreement,
  };
}

async function benchConvolve({ ours, source, response }, rounds) {
  const chain = ours.module._bench_convolve_create(ours.give(interleaved(response)), response.length);
  if (!chain) return { missing: 'not built' };
  const convolve = (context, player) => player.connect(new ConvolverNode(context, { buffer: response, disableNormalization: true }));
  ours.run(chain);
  const late = ours.module._bench_chain_latency(chain);
  return {
    agreement: needSameSound('convolve', (await render(source, convolve)).buffer, ours.heard(), 1e-4, late),
    ...await alternate(rounds, { ours: () => ours.run(chain), nodes: async () => (await render(source, convolve)).ms }),
  };
}

// Two reverbs are never the same sound, so ours must only be one: finite, there, and dying away once the source is still.
function needReverb(ours, chain) {
  const [played, total] = [2 * RATE, 10 * RATE], level = (from) => {
    const second = ours.heard(total).subarray(2 * from * RATE, 2 * (from + 1) * RATE);
    return Math.sqrt(second.reduce((sum, sample) => sum + sample * sample, 0) / second.length);
  };
  ours.run(chain);
  need(ours.heard().every((sample) => Math.abs(sample) <= 1), 'our chain is not finite, or louder than full scale');
  ours.module.HEAPF32.copyWithin(ours.work / 4, ours.source / 4, ours.source / 4 + 2 * played);
  ours.floats(ours.work, 2 * total).fill(0, 2 * played);
  ours.module._bench_chain_run(chain, ours.work, total);
  const [sound, tail, end] = [level(1), level(3), level(9)];
  need(sound > 1e-2 && tail > 1e-4 && end < tail / 100, `our reverb's level goes from ${sound} by ${tail} to ${end}`);
}

const renderRoom = async (source, response) => (await render(source, (context, player) => equaliser(context, player)
  .connect(new ConvolverNode(context, { buffer: response })).connect(new DynamicsCompressorNode(context)))).ms;

async function benchRoom({ ours, source, response }, rounds) {
  const chain = ours.chain(BAND_DB, JOBS.room.text);
  needReverb(ours, chain);
  return {
    ...await alternate(rounds, {
      ours: () => ours.run(chain),
      nodes: () => renderRoom(source, response),
    }),
    agreement: 'another sound',
  };
}

async function benchEffects({ ours }, rounds) {
  const frames = EFFECT_SECONDS * RATE, contestants = {};
  for (const text of EFFECTS) {
    const chain = ours.chain(0, text);
    need(chain, `${text} is refused`);
    ours.run(chain, frames);
    need(ours.heard(frames).every(Number.isFinite) && ours.heard(frames).some(Boolean), `${text} is silent or not finite`);
    contestants[text] = () => ours.run(chain, frames);
  }
  return alternate(rounds, contestants);
}

// ---- jobs on whole clips: the work is the pool's, the page's thread only looks now and then ----

// Leaves the core to the workers for a millisecond; setTimeout would soon make four of it.
const moment = (delay = 1) => scheduler.postTask(() => {}, { delay });

// From the start until this thread has the result; call: its longest call into our module meanwhile, freeing included;
// gap: the longest time between two looks. Creating the pool and hashing are not timed.
async function runJob(module, workers, clip, text, look) {
  const pool = module._bench_pool_create(workers), run = { call: 0, gap: 0 };
  const own = (call) => {
    const start = performance.now(), answer = call();
    run.call = Math.max(run.call, performance.now() - start);
    return answer;
  };
  const until = async (isSo) => {
    const start = performance.now();
    for (let last = start; !isSo(); last = performance.now()) {
      await moment();
      run.gap = Math.max(run.gap, performance.now() - last);
      need(performance.now() - start < JOB_LIMIT_MS, `a job of ${workers} workers does not end`);
    }
  };
  await until(() => module._bench_pool_is_up(pool));
  run.gap = 0;
  const start = performance.now();
  const job = own(() => module.ccall('bench_process_start', 'number', ['number', 'number', 'number', 'string'], [pool, clip, BAND_DB, text]));
  await until(() => own(() => module._bench_process_is_over(job)));
  const pointer = own(() => module._bench_process_floats(job)), { gap } = run;
  run.ms = performance.now() - start;
  look?.(module.HEAPF32.subarray(pointer / 4));
  run.hash = module.ccall('bench_process_hash', 'string', ['number'], [job]);
  await until(() => own(() => module._bench_process_free(job)));
  module._bench_pool_destroy(pool);
  await moment(20);                                        // the workers go home
  return { ...run, gap };
}

// One, two and four workers and a peer, if there is one, in turn. look sees the first result before anything is timed.
async function benchJobs(module, { clip, text, look, rounds, peer }) {
  const seen = { call: Infinity, gap: Infinity }, { hash } = await runJob(module, 1, clip, text, look);
  const best = await alternate(rounds, {
    ...Object.fromEntries(THREADS.map((workers) => [workers, async () => {
      const run = await runJob(module, workers, clip, text);
      need(run.hash === hash, `the first run makes ${hash}, ${workers} workers make ${run.hash}`);
      if (workers === 2) for (const name of Object.keys(seen)) seen[name] = Math.min(seen[name], run[name]);
      return run.ms;
    }])),
    ...peer,
  });
  return { ...best, ...seen, hash };
}

async function benchJobSpectra({ FFT, threads }, rounds) {
  const module = await threads(), { seconds, rate, text } = JOBS.spectra, clip = module._bench_clip_create(seconds, rate);
  if (!FFT) return benchJobs(module, { clip, text, rounds });
  const { size, hop } = STFT, last = size / 2 + 1, frames = seconds * rate, count = Math.ceil(frames / hop);
  const transform = windowedBins(FFT, size), power = new Float64Array(last), db = new Float32Array(count * last), fullScale = 8 / size ** 2;
  const pClip = module._bench_clip_samples(clip) / 4, samples = module.HEAPF32.subarray(pClip, pClip + 2 * frames);
  const channels = [0, 1].map(() => new Float32Array(frames + size));        // half a window of silence at both ends
  samples.forEach((sample, i) => { channels[i % 2][size / 2 + (i >> 1)] = sample; });
  const theirs = () => {                                   // the same: dB of both channels' mean power, all spectra kept
    for (let index = 0; index < count; index++) {
      power.fill(0);
      for (let c = 0; c < 2; c++) {
        const bins = transform(channels[c], index * hop);
        for (let k = 0; k < last; k++) power[k] += bins[2 * k] * bins[2 * k] + bins[2 * k + 1] * bins[2 * k + 1];
      }
      for (let k = 0; k < last; k++) db[index * last + k] = 10 * Math.log10(power[k] * fullScale + 1e-30);
    }
  };
  let difference;
  const look = (floats) => {
    theirs();
    difference = needSameSpectra(db, floats);
  };
  const best = await benchJobs(module, { clip, text, look, rounds, peer: { 'fft.js': () => timed(theirs) } });
  return { ...best, agreement: `${difference.toExponential(0)} dB` };
}

async function benchJobRoom({ source, response, threads }, rounds) {
  const module = await threads(), { seconds, rate, text } = JOBS.room, clip = module._bench_clip_create(seconds, rate);
  const look = (floats) => {
    const heard = floats.subarray(0, 2 * seconds * rate);
    need(heard.every((sample) => Math.abs(sample) <= 1) && heard.some(Boolean), 'our chain is silent, not finite, or louder than full scale');
  };
  return { ...await benchJobs(module, { clip, text, look, rounds, peer: { nodes: () => renderRoom(source, response) } }), agreement: 'another sound' };
}

// ---- the audio callback: as in bench_native.c, on the page's main thread ----

async function benchCallback({ ours: { module } }, hasAllEffects, rounds) {
  const best = new Float64Array((10 * RATE) / BLOCK).fill(Infinity), pOut = module._bench_floats(2 * BLOCK);
  let loudest = 0, total = Infinity, seen = Infinity;
  for (let round = 0; round < rounds; round++) {
    let sum = 0, worstOfRun = 0;
    module._bench_engine_start();
    for (let block = 0; block < best.length; block++) {
      module._bench_engine_turn_knobs(block, hasAllEffects);
      const ms = timed(() => module._bench_engine_render(pOut));
      best[block] = Math.min(best[block], ms);
      worstOfRun = Math.max(worstOfRun, ms);
      sum += ms;
      loudest = Math.max(loudest, Math.abs(module.HEAPF32[pOut / 4 + 2 * BLOCK - 1]));
    }
    total = Math.min(total, sum);
    seen = Math.min(seen, worstOfRun);
  }
  need(loudest > 0.01 && loudest <= 1, `the audio callback's loudest sample is ${loudest}: its time means nothing`);
  // The clock's 5 µs steps even out in a sum of one round, but would all fall to 0 in a mean of smallest times.
  return { mean: total / best.length, worst: Math.max(...best), seen };
}

// ---- all of them ----

async function load({ oursUrl, threadsUrl, peersUrl, has }) {
  const module = async (url) => (await import(url)).default(), commonJs = { exports: {} };
  let threads;
  if (has['fft.js']) new Function('module', await (await fetch(`${peersUrl}/fft.js/lib/fft.js`)).text())(commonJs);
  return {
    ours: new Ours(await module(oursUrl)),
    threads: () => threads ??= module(threadsUrl),         // not before it is wanted: the others are alone until then
    FFT: has['fft.js'] && commonJs.exports,
    pffft: has.pffft && await module(`${peersUrl}/@echogarden/pffft-wasm/dist/simd/pffft.js`),
    kissfft: has['kissfft-wasm'] && await module(`${peersUrl}/@echogarden/kissfft-wasm/kissfft.js`),
  };
}

export async function runAll({ rounds, ...options }) {
  need(crossOriginIsolated, 'the page is not cross-origin isolated: its clock is too coarse');
  const all = await load(options), some = Math.max(Math.ceil(rounds / 6), 2), few = Math.max(Math.ceil(rounds / 20), 2), callbacks = Math.max(Math.ceil(rounds / 3), 10);
  all.source = noise(SECONDS, 0.25);
  all.response = normalised(noise(RESPONSE_SECONDS, 0.25, 60));
  all.ours.setSource(all.source);
  const works = {
    ...Object.fromEntries(FFT_SIZES.map((n) => [`fft_${n}`, () => benchTransform(n, all, rounds)])),
    eq: () => benchEqualiser(all, some),
    room: () => benchRoom(all, few),
    convolve: () => benchConvolve(all, few),
    effects: () => benchEffects(all, some),
    callback_few: () => benchCallback(all, false, callbacks),
    callback_all: () => benchCallback(all, true, callbacks),
    stft: () => benchAnalysis(all, few),
    jobs_spectra: () => benchJobSpectra(all, few),
    jobs_room: () => benchJobRoom(all, few),
  };
  const groups = {};
  for (const [group, work] of Object.entries(works)) groups[group] = await work().catch((error) => ({ failed: error.message }));
  return groups;
}
