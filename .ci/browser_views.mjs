// browser_views.mjs - what is known of a whole file: its loudness, waveform and spectrogram.

import { near, same, section, signal, test } from './browser_kit.mjs';

section('views');

const analysed = (app, file) => app.until((state) => state.file === file && state.analysis === 1 && state, `${file} is analysed`, 30000);

for (const [tier, options] of [['threads', {}], ['isolated-off', { query: 'tier=isolated-off' }]])
  test(`a file's loudness, range and true peak are measured as soon as it is there (${tier})`, async (bench) => {
    const app = await bench.open(options);
    await app.until((state) => state.analysis === 1, 'the demo loop is analysed', 30000);
    near((await app.state()).file_lufs, -13.7, 0.1, 'the demo loop, LUFS');
    const tone = signal('sine', { hz: 1000, db: -20, seconds: 8, rate: 48000 });
    const long = signal('noise', { db: -3, seconds: 100, rate: 48000 });
    await app.load(long.url);
    await app.load(tone.url);                              // the long one's analysis is given up
    const state = await analysed(app, tone.url.split('/').pop());
    near(state.file_lufs, -23.0, 0.1, 'a 1 kHz tone in one channel at -20 dBFS, LUFS');
    near(state.file_true_peak_dbtp, -20, 0.1, 'its true peak, dBTP');
    near(state.file_lra_lu, 0, 0.1, 'its range, LU');
    await app.until(async () => await app.widget('status', 'File loudness').textContent() === '−23.0 LUFS, range 0.0 LU, true peak −20.0 dBTP', 'a screen reader is told');
    const short = signal('sine', { hz: 1000, db: -20, seconds: 0.2, rate: 48000 });
    await app.load(short.url);
    same((await analysed(app, short.url.split('/').pop())).file_lufs, null, 'loudness of a file that is shorter than a block');
  });
