// bench_page.mjs - what is timed inside Chromium: our wasm module beside npm's FFTs and the browser's own nodes.
// bench.mjs opens an isolated page (performance.now() then ticks every 5 µs) and calls runAll. Times are ms, each the
// smallest of many blocks taken in turn; the rows they make are bench.mjs's business.

const BIN = 37, RATE = 48000, SECONDS = 60, BLOCK = 128, BANDS = [31.25, 62.5, 125, 250, 500, 1000, 2000, 4000, 8000, 16000];

// ---- real FFT: each maker gives { input (a Float32Array to fill), run(), bin(k) } ----

const makers = (ours, FFT, pffft, kiss) => ({
  ours(n) {
    const fft = ours._bench_fft_create(n), pIn = ours._bench_floats(n), pOut = ours._bench_floats(n + 2);
    const at = (p) => ours.HEAPF32.subarray(p >> 2);
    return { input: () => at(pIn), run: () => ours._bench_fft_run(fft, pIn, pOut), bin: (k) => at(pOut).subarray(2 * k, 2 * k + 2) };
  },
  pffft(n) {
    const setup = pffft._pffft_new_setup(n, 0), [pIn, pOut, pWork] = [0, 0, 0].map(() => pffft._pffft_aligned_malloc(n * 4));
    const at = (p) => pffft.HEAPF32.subarray(p >> 2);
    return { input: () => at(pIn), run: () => pffft._pffft_transform_ordered(setup, pIn, pOut, pWork, 0), bin: (k) => at(pOut).subarray(2 * k, 2 * k + 2) };
  },
  kissfft(n) {
    const config = kiss._kiss_fftr_alloc(n, 0, 0, 0), pIn = kiss._malloc(n * 4), pOut = kiss._malloc((n + 2) * 4);
    const at = (p) => kiss.HEAPF32.subarray(p >> 2);
    return { input: () => at(pIn), run: () => kiss._kiss_fftr(config, pIn, pOut), bin: (k) => at(pOut).subarray(2 * k, 2 * k + 2) };
  },
  'fft.js'(n) {
    const fft = new FFT(n), input = new Float32Array(n), out = fft.createComplexArray();
    return { input: () => input, run: () => fft.realTransform(out, input), bin: (k) => out.slice(2 * k, 2 * k + 2) };
  },
});

// A direct sum at one bin, or the time means nothing.
function needRightAnswer(name, x, [re, im]) {
  let wantRe = 0, wantIm = 0;
  x.forEach((sample, n) => {
    const angle = (-2 * Math.PI * ((BIN * n) % x.length)) / x.length;
    wantRe += sample * Math.cos(angle);
    wantIm += sample * Math.sin(angle);
  });
  const error = Math.hypot(re - wantRe, im - wantIm);
  if (!(error <= 1e-5 * Math.sqrt(x.length))) throw new Error(`${name} disagrees with the direct sum at size ${x.length} by ${error}`);
}

function timeBlock(run, repeats) {
  const start = performance.now();
  for (let i = 0; i < repeats; i++) run();
  return performance.now() - start;
}

function benchTransforms(contestants, rounds) {
  const result = {};
  for (const n of [512, 1024, 4096, 16384]) {
    const x = Float32Array.from({ length: n }, (_, i) => Math.sin(i * 0.37) + ((i * 7919) % 101) / 101 - 0.5);
    const list = Object.entries(contestants).map(([name, make]) => {
      const { input, run, bin } = make(n);
      input().set(x);
      run();
      needRightAnswer(name, x, bin(BIN));
      timeBlock(run, 200);                              // lets the compiler settle
      let repeats = 1;
      while (timeBlock(run, repeats) < 2) repeats *= 2;  // 2 ms: the clock's step is then 0.25 %
      return { name, run, repeats, best: Infinity };
    });
    for (let round = 0; round < rounds; round++)
      for (const c of list) c.best = Math.min(c.best, timeBlock(c.run, c.repeats) / c.repeats);
    result[`fft${n}`] = Object.fromEntries(list.map((c) => [c.name, c.best]));
  }
  return result;
}

// ---- ten-band equaliser against ten BiquadFilterNodes ----

async function benchEqualiser(ours, rounds) {
  const frames = RATE * SECONDS, source = new AudioBuffer({ length: frames, numberOfChannels: 2, sampleRate: RATE });
  const interleaved = new Float32Array(2 * frames);
  let seed = 1;
  for (let c = 0; c < 2; c++) {
    const channel = source.getChannelData(c);
    for (let i = 0; i < frames; i++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      interleaved[2 * i + c] = channel[i] = (seed / 2147483648 - 1) * 0.25;
    }
  }
  const pNoise = ours._bench_floats(2 * frames), pFrames = ours._bench_floats(2 * frames);
  ours.HEAPF32.set(interleaved, pNoise >> 2);

  const browser = async (frequencies) => {
    const context = new OfflineAudioContext(2, frames, RATE), player = new AudioBufferSourceNode(context, { buffer: source });
    frequencies.reduce((from, frequency, i) => from.connect(
      new BiquadFilterNode(context, { type: 'peaking', frequency, Q: 1.41, gain: i % 2 ? -4 : 4 })), player).connect(context.destination);
    player.start();
    const start = performance.now(), buffer = await context.startRendering();
    return { ms: performance.now() - start, buffer };
  };
  const wasm = () => {                                   // in place: the copy counts against us
    const start = performance.now();
    ours.HEAPF32.copyWithin(pFrames >> 2, pNoise >> 2, (pNoise >> 2) + 2 * frames);
    ours._bench_eq_run(pFrames, frames);
    return performance.now() - start;
  };

  wasm();
  const theirs = (await browser(BANDS)).buffer, mine = ours.HEAPF32.subarray(pFrames >> 2, (pFrames >> 2) + 2 * frames);
  let difference = 0;
  for (let c = 0; c < 2; c++) theirs.getChannelData(c).forEach((sample, i) => { difference = Math.max(difference, Math.abs(sample - mine[2 * i + c])); });
  if (!(difference <= 1e-4)) throw new Error(`our equaliser and the browser's differ by ${difference}, more than 1e-4`);

  const best = { ours: Infinity, nodes: Infinity, passthrough: Infinity };
  for (let round = 0; round < rounds; round++) {
    best.ours = Math.min(best.ours, wasm());
    best.nodes = Math.min(best.nodes, (await browser(BANDS)).ms);
    best.passthrough = Math.min(best.passthrough, (await browser([])).ms);
  }
  return { eq60s: { ...best, difference } };
}

// ---- the audio callback: as in bench_native.c, on the page's main thread ----

function benchCallback(ours, rounds) {
  const best = new Float64Array((10 * RATE) / BLOCK).fill(Infinity), pOut = ours._bench_floats(2 * BLOCK);
  let loudest = 0, total = Infinity;
  for (let round = 0; round < rounds; round++) {
    let sum = 0;
    ours._bench_engine_start();
    for (let block = 0; block < best.length; block++) {
      ours._bench_engine_turn_knobs(block);
      const start = performance.now();
      ours._bench_engine_render(pOut);
      const ms = performance.now() - start;
      best[block] = Math.min(best[block], ms);
      sum += ms;
      loudest = Math.max(loudest, Math.abs(ours.HEAPF32[(pOut >> 2) + 2 * BLOCK - 1]));
    }
    total = Math.min(total, sum);
  }
  if (!(loudest > 0.01 && loudest <= 1)) throw new Error(`the audio callback's loudest sample is ${loudest}: its time means nothing`);
  // The clock's 5 µs steps even out in a sum of one round, but would all fall to 0 in a mean of smallest times.
  return { callback: { mean: total / best.length, worst: Math.max(...best) } };
}

export async function runAll({ oursUrl, peersUrl, rounds }) {
  const load = async (url) => (await import(url)).default();
  const ours = await load(oursUrl);
  const commonJs = { exports: {} };                      // fft.js is CommonJS
  new Function('module', await (await fetch(`${peersUrl}/fft.js/lib/fft.js`)).text())(commonJs);
  const pffft = await load(`${peersUrl}/@echogarden/pffft-wasm/dist/simd/pffft.js`);
  const kiss = await load(`${peersUrl}/@echogarden/kissfft-wasm/kissfft.js`);
  if (!crossOriginIsolated) throw new Error('the page is not cross-origin isolated: its clock is too coarse');
  return {
    ...benchTransforms(makers(ours, commonJs.exports, pffft, kiss), rounds),
    ...await benchEqualiser(ours, Math.ceil(rounds / 6)),
    ...benchCallback(ours, Math.max(Math.ceil(rounds / 3), 10)),
  };
}
