// browser_page.mjs - what is seen and touched: the equaliser, pixels, keys and screen readers, the face for scripts.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { above, CACHE, DIST, isNear, near, ok, peakDb, peakingDb, same, says, section, signal, SPOKEN, test, wait } from './browser_kit.mjs';

section('equaliser');

const bandsOf = (chain) => chain.split(';').map((text) => text.trim().split(/\s+/)).filter(([name]) => name === 'eq')
  .map(([, type, ...words]) => ({ type, db: 0, q: 1.41, ...Object.fromEntries(words.map((word) => word.split('=')).map(([key, value]) => [key, Number(value)])) }));
const band = (state, hz) => bandsOf(state.chain).reduce((best, item) => (Math.abs(item.hz - hz) < Math.abs(best.hz - hz) ? item : best));
const place = async (app, name = '1 kHz') => { const { midX, midY } = await app.box('slider', `EQ ${name} gain`); return { x: midX, y: midY }; };

test('a node dragged up changes the chain and the sound by the formula of its band', async (bench) => {
  const app = await bench.open({ query: 'rate=48000' });
  await app.wake();
  await app.load(signal('noise', { db: -18, seconds: 10, rate: 48000, seed: 3 }).url);
  await app.click('checkbox', 'Loop');
  await app.click('button', 'Play');
  await app.untilPlaying();
  await wait(300);
  const before = await app.spectrum(), plot = await app.box('img', 'Spectrum'), from = await place(app);
  same(bandsOf((await app.state()).chain).length, 10, 'bands');
  await app.drag(from, { x: from.x, y: from.y - 80 });
  const moved = band(await app.state(), 1000), want = 80 / plot.height * 36;
  near(moved.db, want, 0.051, 'gain after dragging 80 pixels up, dB (nodes move in steps of 0.1)');
  near(moved.hz, 1000, 0.01, 'frequency');
  await wait(400);
  const after = await app.spectrum(), bin = (hz) => Math.round(hz / 48000 * 4096);
  for (const [hz, from, to] of [[1000, 900, 1110], [400, 370, 430], [2500, 2300, 2700], [8000, 7500, 8500]]) {
    let got = 0, formula = 0;
    for (let k = bin(from); k <= bin(to); k++) { got += 10 ** (after[k] / 10); formula += 10 ** (before[k] / 10) * 10 ** (peakingDb(moved, k * 48000 / 4096) / 10); }
    near(10 * Math.log10(got / formula), 0, 1.5, `measured level around ${hz} Hz against the formula, dB`);
  }
  above(peakingDb(moved, 1000), 6, 'what the formula says at 1 kHz, dB');
});

test('the wheel over a node changes its Q, sideways dragging its frequency', async (bench) => {
  const app = await bench.open(), from = await place(app), plot = await app.box('img', 'Spectrum');
  await app.page.mouse.move(from.x, from.y);
  await app.page.mouse.wheel(0, -200);
  await app.until((state) => band(state, 1000).q > 1.42, 'Q has risen');
  near(band(await app.state(), 1000).q, 1.41 * Math.exp(0.4), 0.01, 'Q after 200 pixels up');
  await app.page.mouse.wheel(0, 400);
  await wait(100);
  near(band(await app.state(), 1000).q, 1.41 * Math.exp(-0.4), 0.01, 'Q after 400 pixels down');
  await app.drag(from, { x: from.x + 60, y: from.y });
  near(band(await app.state(), 1400).hz, 1000 * Math.exp(60 / plot.width * Math.log(1000)), 1, 'frequency after dragging 60 pixels to the right');
});

test('a double click on a node resets it, one beside the nodes adds a band', async (bench) => {
  const app = await bench.open(), from = await place(app), up = { x: from.x, y: from.y - 50 };
  await app.drag(from, up);
  above(band(await app.state(), 1000).db, 3, 'gain after dragging, dB');
  await wait(500);
  await app.page.mouse.dblclick(up.x, up.y);
  near(band(await app.state(), 1000).db, 0, 1e-9, 'gain after the double click, dB');
  const plot = await app.box('img', 'Spectrum');
  await wait(500);
  await app.page.mouse.dblclick(plot.x + plot.width * 0.53, plot.y + plot.height / 4);
  const bands = bandsOf((await app.state()).chain);
  same(bands.length, 11, 'bands');
  const added = bands.find(({ db }) => Math.abs(db - 9) < 0.3);
  ok(added, `no band has 9 dB: ${JSON.stringify(bands)}`);
  near(added.hz, 20 * 1000 ** 0.53, 3, 'frequency of the new band');
});

test('Ctrl+Z takes one drag back at a time, Ctrl+Shift+Z brings it again; so do the buttons', async (bench) => {
  const app = await bench.open(), from = await place(app), up = { x: from.x, y: from.y - 40 };
  same(await app.widget('button', 'Undo').isDisabled(), true, 'Undo is disabled at first');
  await app.drag(from, up);
  const once = band(await app.state(), 1000).db;
  await wait(1500);
  await app.drag(up, { x: up.x, y: up.y - 40 });
  const twice = band(await app.state(), 1000).db;
  near(twice, 2 * once, 0.11, 'gain after the same drag again, dB');
  const is = async (db, what) => { await app.until((state) => Math.abs(band(state, 1000).db - db) < 1e-6, `${what}: the gain is ${db} dB`, 2000); };
  await app.press('Control+z'); await is(once, 'undone once');
  await app.press('Control+z'); await is(0, 'undone twice');
  await app.press('Control+Shift+Z'); await is(once, 'done again');
  await app.click('button', 'Redo'); await is(twice, 'button Redo');
  await app.click('button', 'Undo'); await is(once, 'button Undo');
});

test('arrows on the hidden sliders change frequency, gain and Q; the sliders say their values', async (bench) => {
  const app = await bench.open(), gain = app.widget('slider', 'EQ 1 kHz gain');
  // the focus reaches the app at once, its table the hidden elements ten times a second
  await gain.focus();
  await app.press('ArrowUp'); await app.press('ArrowUp'); await app.press('ArrowUp');
  near(band(await app.state(), 1000).db, 1.5, 1e-6, 'gain after three times up, dB');
  await app.until(async () => await gain.getAttribute('aria-valuetext') === '+1.5 dB' && await gain.inputValue() === '1.5', 'the slider has and says +1.5 dB');
  await app.page.keyboard.press('Shift+ArrowDown');
  near(band(await app.state(), 1000).db, 1.45, 1e-6, 'gain after Shift and down, dB');
  await app.widget('slider', 'EQ 1 kHz frequency').focus();
  await app.press('ArrowUp');
  near(band(await app.state(), 1000).hz, 1000 * 2 ** (1 / 12), 1, 'frequency a semitone up');
  await app.widget('slider', 'EQ 1 kHz Q').focus();
  await app.press('ArrowUp');
  near(band(await app.state(), 1000).q, 1.41 * 1.1, 0.001, 'Q a step up');
  // and as a screen reader sets it
  await gain.evaluate((element) => { element.value = '-6'; element.dispatchEvent(new Event('input', { bubbles: true })); });
  near(band(await app.state(), 1000).db, -6, 1e-6, 'gain as a screen reader sets it, dB');
});

test('"EQ on" and the held key B take the bands out of the sound', async (bench) => {
  const app = await bench.open({ query: 'rate=48000' });
  await app.wake();
  await app.load(signal('sine', { hz: 1000, db: -20, seconds: 10, rate: 48000 }).url);
  await app.set('eq peaking hz=1000 db=12 q=1');
  await app.click('checkbox', 'Loop');
  await app.recorder();
  await app.click('button', 'Play');
  await app.untilPlaying();
  const level = () => app.level(peakDb);
  near(await level(), -8, 0.05, 'peak with the EQ, dBFS');
  await app.page.keyboard.down('b');
  near(await level(), -20, 0.05, 'peak while B is held, dBFS');
  await app.page.keyboard.up('b');
  near(await level(), -8, 0.05, 'peak after B, dBFS');
  await app.click('checkbox', 'EQ on');
  near(await level(), -20, 0.05, 'peak with the EQ off, dBFS');
  same((await app.state()).eq_on, false, 'eq_on');
});

section('pixels');

const DARK = { background: '#0B0D12', panel: '#12151D', text: '#E6EAF2', sound: '#3DE0C4', edit: '#FFB454' };
const LIGHT = { background: '#F4F6FA', panel: '#FFFFFF', text: '#151A23', sound: '#00705F', edit: '#8F4E00' };
const isTeal = (r, g, b) => g > 120 && b > 100 && r < 0.55 * g;       // also through the spectrum's half-transparent fill
// The play button is painted, so the canvas is on the screen.
const painted = async (app, hue, clip) => {
  const play = await app.box('button', 'Play');
  return app.untilPixels((picture) => picture.count(isNear(hue.sound, 12), play) > 0.3 * play.width * play.height, `the play button is ${hue.sound}`, clip);
};
// Where the EQ curve ought to be in the plot.
const curvePoint = (plot, bands, hz) => ({ x: plot.x + plot.width * Math.log(hz / 20) / Math.log(1000),
  y: plot.y + plot.height / 2 * (1 - bands.reduce((db, item) => db + peakingDb(item, hz), 0) / 18) });

for (const [theme, hue] of [['dark', DARK], ['light', LIGHT]]) {
  for (const [width, height] of [[1280, 720], [390, 844]]) {
    test(`${theme} ${width}x${height}: background, play button, text, and the EQ curve where the formula puts it`, async (bench) => {
      const app = await bench.open({ colorScheme: theme, viewport: { width, height }, query: 'rate=48000' });
      await app.set('eq peaking hz=200 db=9 q=1; eq peaking hz=4000 db=-9 q=1');
      await wait(600);
      const picture = await painted(app, hue), plot = await app.box('img', 'Spectrum');
      same([picture.width, picture.height], [width, height], 'size of the picture');
      ok(isNear(hue.background, 3)(...picture.at(0, height - 1)), `the corner is ${picture.at(0, height - 1)}, want ${hue.background}`);
      above(picture.count(isNear(hue.background, 3)) + picture.count(isNear(hue.panel, 3)), width * height * 0.3, 'pixels of background and panels');
      above(picture.count(isNear(hue.text, 40)), 200, 'pixels of text');
      const bands = [{ hz: 200, db: 9, q: 1 }, { hz: 4000, db: -9, q: 1 }];
      for (const hz of [60, 330, 2200, 9000]) {
        const { x, y } = curvePoint(plot, bands, hz);
        await app.untilPixels((picture) => picture.count(isNear(hue.edit, 40), { x: x - 2, y: y - 2.5, width: 5, height: 6 }) > 3, `the curve is painted at ${hz} Hz, ${x.toFixed()}, ${y.toFixed()}`);
      }
      for (const [i, name] of ['200 Hz', '4 kHz'].entries()) {
        const want = curvePoint(plot, [], bands[i].hz), { midX, midY } = await app.box('slider', `EQ ${name} gain`);
        near(midX, want.x, 1, `place of the node ${name}, pixels from the left`);
        near(midY, want.y - plot.height / 36 * bands[i].db, 1, `place of the node ${name}, pixels from the top`);
      }
      same(picture.count(isNear(hue.edit, 24), { x: plot.x + plot.width * 0.9, y: plot.y + plot.height * 0.2, width: plot.width * 0.08, height: plot.height * 0.25 }), 0, 'pixels of the curve where it is not');
    });
  }
}

test('playing: the spectrum and the meters are teal, the playhead moves, time goes on', async (bench) => {
  const app = await bench.open({ query: 'rate=48000' }), plot = await app.box('img', 'Spectrum'), seek = await app.box('slider', 'Seek');
  await painted(app, DARK);
  same((await app.pixels(plot)).count(isTeal, { x: 0, y: 0, width: plot.width, height: plot.height / 2 - 40 }), 0, 'teal pixels in the upper plot before it plays');
  const playhead = async () => {                              // the column with the most pixels in the colour of text
    const picture = await app.pixels({ x: seek.x, y: seek.y, width: seek.width, height: seek.height }), isText = isNear(DARK.text, 30);
    let best = 0, at = -1;
    for (let x = 0; x < picture.width; x++) { const count = picture.count(isText, { x, y: 0, width: 1, height: picture.height }); if (count > best) { best = count; at = x; } }
    ok(best > 0.9 * seek.height, `no playhead: the best column has ${best} of ${seek.height} pixels`);
    return at / seek.width;
  };
  near(await playhead(), 0, 0.01, 'place of the playhead at first');
  await app.click('button', 'Play');
  await app.until((state) => state.position_s > 1, 'a second has played');
  const meter = await app.box('img', 'Level left');
  await app.untilPixels((picture) => picture.count(isTeal, plot) > 1500, 'the spectrum has 1500 teal pixels');
  await app.untilPixels((picture) => picture.count(isTeal, meter) > 100, 'the left meter has 100 teal pixels');
  await app.click('button', 'Pause');
  await wait(400);
  const { position_s, duration_s } = await app.state();
  near(await playhead(), position_s / duration_s, 0.004, 'place of the playhead');
});

test('nothing moves, nothing is drawn: no frame in two seconds, at the start and after playing', async (bench) => {
  const app = await bench.open();
  // Waits until two seconds go by without a frame. What may still move meanwhile: meters that fall, for a few
  // seconds, and the number of xruns, which a busy machine raises even in silence.
  const untilIdle = async (what) => {
    for (let before = await app.state(), begin = Date.now(); ; ) {
      await wait(2000);
      const now = await app.state();
      if (now.frames_drawn === before.frames_drawn) return now.frames_drawn;
      if (now.underruns !== before.underruns && Date.now() - begin < 30000) begin += 2000;
      ok(Date.now() - begin < 12000, `${what}: ${now.frames_drawn - before.frames_drawn} frames drawn in two seconds in which nothing moved`);
      before = now;
    }
  };
  const idle = await untilIdle('at the start');
  await app.click('button', 'Play');
  await app.until((state) => state.frames_drawn > idle + 20, 'frames are drawn while it plays');
  await app.click('button', 'Stop');
  await app.page.mouse.move(640, 719);
  await untilIdle('after playing');
}, { seconds: 90 });

test('at two device pixels per CSS pixel the canvas has twice as many, and lines stay sharp', async (bench) => {
  const app = await bench.open({ deviceScaleFactor: 2, viewport: { width: 1000, height: 640 } });
  const size = () => app.page.evaluate(() => { const { width, height, clientWidth, clientHeight } = document.getElementById('rustyaudio'); return [width, height, clientWidth, clientHeight].join(); });
  await app.until(async () => await size() === '2000,1280,1000,640', 'the canvas has 2000 x 1280 device and 1000 x 640 CSS pixels');
  const play = await app.box('button', 'Play'), seek = await app.box('slider', 'Seek');
  const picture = await app.untilPixels((picture) => picture.count(isNear(DARK.sound, 12), { x: 2 * play.x, y: 2 * play.y, width: 2 * play.width, height: 2 * play.height }) > play.width * play.height, 'the play button is painted');
  same([picture.width, picture.height], [2000, 1280], 'size of the picture');
  // the hairline through the waveform's middle is one CSS pixel high
  const isPanel = isNear(DARK.panel, 2), x = 2 * (seek.x + seek.width - 3);
  let thick = 0;
  for (let y = 2 * seek.y + 4; y < 2 * (seek.y + seek.height) - 4; y++) if (!isPanel(...picture.at(x, y))) thick++;
  above(thick, 1, 'height of the wave at the end of the demo, device pixels');
});

test('the canvas follows the size of its window, and nothing lies outside', async (bench) => {
  const app = await bench.open();
  for (const [width, height] of [[800, 600], [320, 568], [1920, 1080], [844, 390]]) {
    await app.page.setViewportSize({ width, height });
    const sizes = () => app.page.evaluate(() => { const { width, height } = document.getElementById('rustyaudio'); return [width, height, document.documentElement.scrollWidth, document.documentElement.scrollHeight].join(); });
    await app.until(async () => await sizes() === [width, height, width, height].join(), `canvas and page are ${width}x${height}`);
    // the hidden elements follow ten times a second
    await app.until(() => app.page.evaluate(([width, height]) => [...document.querySelectorAll('main button, main input[type=range], main input[type=checkbox]')]
      .every((item) => { const box = item.getBoundingClientRect(); return box.left > -1 && box.top > -1 && box.right < width + 1 && box.bottom < height + 1; }), [width, height]), `all widgets lie inside ${width}x${height}`);
    for (const [role, name] of [['button', 'Play'], ['slider', 'Seek'], ['slider', 'Volume'], ['img', 'Spectrum']]) { const box = await app.box(role, name); above(Math.min(box.width, box.height), 19, `size of ${name} at ${width}x${height}`); }
  }
});

for (const [device, view] of [['mouse', {}], ['touch', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }]])
  test(`the painted "Tap to hear" plays, by ${device}`, async (bench) => {
    const app = await bench.open(view), { midX, midY } = await app.box('button', 'Tap to hear');
    if (device === 'touch') await app.page.touchscreen.tap(midX, midY);
    else { await app.page.mouse.move(midX, midY); await app.page.mouse.down(); await wait(150); await app.page.mouse.up(); }     // long enough for the press to wake the audio
    await app.untilPlaying('the demo is heard');
  });
test('phone: targets are 44 pixels large, a tap plays, the thumb\'s play button is 72 pixels', async (bench) => {
  const app = await bench.open({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
  for (const name of ['Play', 'Stop', 'Open file']) { const box = await app.box('button', name); ok(Math.min(box.width, box.height) >= 43.5, `${name} is ${box.width} x ${box.height}`); }
  for (const name of ['Loop', 'Mute']) { const box = await app.box('checkbox', name); ok(Math.min(box.width, box.height) >= 43.5, `${name} is ${box.width} x ${box.height}`); }
  const play = await app.box('button', 'Play');
  same([play.width, play.height], [72, 72], 'size of the play button');
  await app.page.touchscreen.tap(play.midX, play.midY);
  await app.untilPlaying('a tap plays');
  const seek = await app.box('slider', 'Seek'), { duration_s } = await app.state();
  await app.page.touchscreen.tap(play.midX, play.midY);
  await app.until((state) => !state.playing, 'a second tap pauses');
  await app.page.touchscreen.tap(seek.x + seek.width / 2, seek.midY);
  await wait(350);
  near((await app.state()).position_s, duration_s / 2, 0.02, 'position after a tap in the waveform, s');
});

test('WebGPU and WebGL2 draw the same picture', async (bench) => {
  const pictures = [];
  for (const gpu of ['webgpu', 'webgl2']) {
    const app = await bench.open({ query: `gpu=${gpu}&rate=48000&threads=2` });
    await app.set('eq peaking hz=300 db=7 q=0.8; eq highshelf hz=6000 db=-5 q=0.7; gain db=-2');
    await app.call('seek', 3.3);
    await app.until((state) => state.workers_alive === 2, 'the workers are there');
    same((await app.state()).renderer, gpu, 'renderer');
    await app.page.mouse.move(0, 0);
    await wait(700);
    pictures.push(await painted(app, DARK, { x: 0, y: 0, width: 1280, height: 690 }));       // without the status bar, which names the renderer
    await app.page.context().close();
  }
  const [one, other] = pictures;
  let far = 0, sum = 0;
  for (let y = 0; y < one.height; y++) for (let x = 0; x < one.width; x++) {
    const a = one.at(x, y), b = other.at(x, y), most = Math.max(...a.map((value, i) => Math.abs(value - b[i])));
    sum += most;
    if (most > 2) far++;
  }
  const share = far / (one.width * one.height);
  ok(share < 0.005, `${(share * 100).toFixed(2)} % of the pixels differ by more than 2 of 255`);
  ok(sum / (one.width * one.height) < 0.2, `the mean difference is ${(sum / (one.width * one.height)).toFixed(3)} of 255`);
  above(one.count((r, g, b) => Math.abs(r - 11) + Math.abs(g - 13) + Math.abs(b - 18) > 60), 20000, 'pixels that are not background');
});

for (const gpu of ['webgpu', 'webgl2']) {
  test(`${gpu}: a lost device is made anew, the picture comes back and the sound goes on`, async (bench) => {
    const app = await bench.open({ query: `gpu=${gpu}` });
    bench.allow(/device.*lost|lost.*device|context.*lost|CONTEXT_LOST|Destroyed|invalid/i);
    await app.click('button', 'Play');
    await app.untilPlaying();
    await app.page.evaluate(() => Module._web_lose_gpu_for_test());
    const lost = await app.until((state) => state.device_losses === 1, 'the loss is counted');
    await app.until((state) => state.renderer === gpu && state.frames_drawn > lost.frames_drawn + 3, 'frames are drawn again');
    await app.untilPlaying('the sound goes on');
    await app.click('button', 'Pause');
    await app.page.mouse.move(1, 719);
    await wait(500);
    const picture = await painted(app, DARK);
    above(picture.count(isNear(DARK.text, 40)), 200, 'pixels of text');
    above(picture.count(isNear(DARK.edit, 24), await app.box('img', 'Spectrum')), 300, 'pixels of the EQ curve');
  });
}

test('?gpu=none: no picture, but sound, keys and the hidden elements work', async (bench) => {
  const app = await bench.open({ query: 'gpu=none' });
  same((await app.state()).renderer, 'none', 'renderer');
  await app.press('Space');
  await app.untilPlaying();
  await app.widget('button', 'Pause').waitFor({ state: 'attached' });
  above(await app.peak(), -40, 'peak, dBFS');
});

section('accessibility');

test('every widget is a real element with a role and a name', async (bench) => {
  const app = await bench.open();
  const want = { button: ['Play', 'Stop', 'Open file', 'Undo', 'Redo', 'Theme', 'Keys', 'Tap to hear'], checkbox: ['Loop', 'Mute', 'EQ on'], slider: ['Seek', 'Volume'],
    img: ['Spectrum', 'Level left', 'Level right'], status: ['Status', 'File'] };
  for (const hz of ['31.25 Hz', '62.5 Hz', '125 Hz', '250 Hz', '500 Hz', '1 kHz', '2 kHz', '4 kHz', '8 kHz', '16 kHz']) for (const part of ['frequency', 'gain', 'Q']) want.slider.push(`EQ ${hz} ${part}`);
  const missing = [];
  for (const role in want) for (const name of want[role]) if (await app.widget(role, name).count() !== 1) missing.push(`${role} "${name}"`);
  same(missing, [], 'missing');
  const nameless = await app.page.evaluate(() => [...document.querySelectorAll('main button, main input:not([type=file]), main [role]')].filter((item) => !item.ariaLabel && !item.textContent && item.getAttribute('aria-live') === null && item.getAttribute('role') !== 'alert').length);
  same(nameless, 0, 'elements without a name');
});

test('Tab walks through all controls in the order of the page, and the ring shows where it is', async (bench) => {
  const app = await bench.open(), seen = [], first = await painted(app, DARK);
  let ringed = false;
  for (let i = 0; i < 50 && seen.at(-1) !== 'EQ 16 kHz Q'; i++) {
    await app.press('Tab');
    seen.push(await app.page.evaluate(() => document.activeElement?.ariaLabel ?? document.activeElement?.tagName));
    if (seen.at(-1) === 'Volume') {
      const box = await app.box('slider', 'Volume'), around = { x: box.x - 4, y: box.y - 4, width: box.width + 8, height: box.height + 8 }, isRing = isNear('#A99BFF', 24);
      await app.untilPixels((picture) => picture.count(isRing, around) - first.count(isRing, around) > 200, 'a ring of the focus is around Volume');
      ringed = true;
    }
  }
  for (const name of ['Play', 'Stop', 'Loop', 'Open file', 'Seek', 'Volume', 'Mute', 'Theme', 'EQ 1 kHz frequency', 'EQ 1 kHz gain', 'EQ 1 kHz Q', 'EQ 16 kHz Q']) ok(seen.includes(name), `Tab never reached ${name}: ${seen.join(', ')}`);
  same(seen[0], 'Play', 'the first');
  ok(ringed, 'Volume had no ring');
  ok(seen.indexOf('Seek') < seen.indexOf('EQ 1 kHz gain'), 'Seek comes before the EQ');
  same(new Set(seen).size, seen.length, 'each control once');
});

test('what the rack has scrolled away comes into sight when the keyboard walks to it', async (bench) => {
  const app = await bench.open();
  await app.set('compressor; compressor; compressor; compressor; compressor; delay');
  await app.until(async () => (await app.widget('slider', 'Delay mix').count()) === 1, 'the knob is there');
  const size = async () => { const box = await app.widget('slider', 'Delay mix').boundingBox(); return Math.min(box?.width ?? 0, box?.height ?? 0); };
  near(await size(), 0, 1, 'size of what is scrolled away');
  await app.widget('slider', 'Delay mix').focus();
  await app.until(async () => await size() > 40, 'the knob is in sight');
  await app.press('End');
  await app.until((state) => /mix=1/.test(state.chain), 'the key turns it');
});

test('Space and Enter press the button that has the focus, not Play', async (bench) => {
  const app = await bench.open();
  for (let i = 0; i < 30 && await app.page.evaluate(() => document.activeElement.ariaLabel) !== 'Loop'; i++) await app.press('Tab');
  const { loop } = await app.state();
  await app.press('Space');
  await app.until((state) => state.loop === !loop, 'Space switches Loop', 2000);
  same((await app.state()).playing, false, 'playing');
  for (let i = 0; i < 30 && await app.page.evaluate(() => document.activeElement.ariaLabel) !== 'Play'; i++) await app.press('Shift+Tab');
  await app.press('Enter');
  await app.untilPlaying('Enter plays');
});

// axe-core, fetched once into the cache.
function axeSource() {
  const folder = `${CACHE}/axe`, file = `${folder}/node_modules/axe-core/axe.min.js`;
  if (!fs.existsSync(file)) {
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(`${folder}/package.json`, '{ "private": true }');
    execFileSync('npm', ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', 'axe-core@4.10.3'], { stdio: ['ignore', 'pipe', 'pipe'] });
  }
  return fs.readFileSync(file, 'utf8');
}
// What axe finds against WCAG A and AA.
export async function axeViolations(app) {
  await app.page.evaluate(axeSource());
  const found = await app.page.evaluate(async () => {
    const { violations, passes } = await axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
    return { rules: passes.length, violations: violations.map(({ id, help, nodes }) => `${id}: ${help} (${nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(' ')})`) };
  });
  above(found.rules, 10, 'rules that apply');
  return found.violations;
}
test('axe finds no violation of WCAG A and AA, in the player, its panel of keys and its help', async (bench) => {
  const examine = async (app, what) => same(await axeViolations(app), [], what);
  const app = await bench.open();
  await examine(app, 'violations in the player');
  await app.click('button', 'Keys');
  await app.widget('button', 'Close').waitFor({ state: 'attached' });
  await examine(app, 'violations in the panel of keys');
  const plain = await bench.open({ isolated: false });
  await plain.click('button', 'How to enable threads');
  await plain.page.getByText('No worker threads here').waitFor();
  await examine(plain, 'violations in the help');
}, { seconds: 90 });

test('the theme follows the system until the button or D picks one', async (bench) => {
  const app = await bench.open({ colorScheme: 'light' });
  const is = (hue, what) => app.untilPixels((picture) => isNear(hue.background, 3)(...picture.at(0, 719)) && picture.count(isNear(hue.sound, 12)) > 400, `${what}: the corner is ${hue.background}, the play button ${hue.sound}`, { x: 0, y: 0, width: 60, height: 720 });
  await is(LIGHT, 'system light');
  await app.page.emulateMedia({ colorScheme: 'dark' });
  await is(DARK, 'system dark');
  await app.click('button', 'Theme');
  await is(LIGHT, 'button Theme');
  await app.press('d');
  await is(DARK, 'key D');
  await app.page.emulateMedia({ colorScheme: 'light' });
  await is(DARK, 'picked dark, system light');
});

test('the panel of keys opens by ? and by its button, closes by Esc, and covers the rest', async (bench) => {
  const app = await bench.open();
  await app.press('?');
  await app.widget('button', 'Close').waitFor({ state: 'attached' });
  same(await app.widget('button', 'Play').count(), 0, 'buttons under the panel');
  await app.press('Escape');
  await app.widget('button', 'Play').waitFor({ state: 'attached' });
  await app.click('button', 'Keys');
  await app.widget('button', 'Close').waitFor({ state: 'attached' });
  await app.click('button', 'Close');
  await app.widget('button', 'Play').waitFor({ state: 'attached' });
});

test('what is taken away while it has the focus leaves the keys alive: a sheet closed by Esc, an effect added by Enter', async (bench) => {
  const app = await bench.open();
  for (const key of ['?', 'Control+s']) {
    await app.page.keyboard.press(key);
    await app.page.waitForFunction(() => document.activeElement.ariaLabel === 'Close');
    await app.page.keyboard.press('Escape');
    await app.page.waitForFunction(() => ![...document.querySelectorAll('main button')].some((item) => item.ariaLabel === 'Close'));
    await app.page.keyboard.press('3');
    await app.until((state) => state.view === 'Waveform', `${key} and Esc: 3 shows the waveform`);
    await app.page.keyboard.press('1');
    await app.until((state) => state.view !== 'Waveform', '1 shows the equaliser');
  }
  await app.widget('button', 'Add reverb').focus();
  await app.page.keyboard.press('Enter');
  await app.until((state) => /reverb/.test(state.chain), 'the reverb is there');
  await wait(400);
  await app.page.keyboard.press('Control+z');
  await app.until((state) => !/reverb/.test(state.chain), 'Ctrl+Z takes it away');
});

test('keys without the focus inside are left to the page around', async (bench) => {
  const site = await bench.serve({ routes: { '/embedded.html': Buffer.from('<!DOCTYPE html><html lang="en"><title>host</title><link rel="icon" href="data:,"><input id="field" aria-label="name"><p style="height:3000px">text</p>' +
    '<div style="height:480px"><canvas id="rustyaudio"></canvas></div><script src="worker.js" defer></script>') } });
  const page = bench.watch(await (await bench.context()).newPage());
  await page.goto(`${site.url}embedded.html?threads=3`);
  await page.evaluate(() => rustyaudio.ready);
  await page.click('#field');
  await page.keyboard.type('d l m');
  const state = await page.evaluate(() => rustyaudio.state());
  same([await page.inputValue('#field'), state.playing, state.loop, state.muted], ['d l m', false, true, false], 'the field; playing, loop, muted');
  same(await page.title(), 'host', 'the title is the host\'s');
  const cores = await page.evaluate(() => navigator.hardwareConcurrency);
  same(state.workers_wanted, Math.max(1, cores - 1), 'workers: the address is not ours to read in somebody\'s page');
  await page.evaluate(() => scrollTo(0, 0));
  await page.mouse.move(300, 400);
  await page.mouse.wheel(0, 300);
  await wait(300);
  above(await page.evaluate(() => scrollY), 100, 'the wheel scrolls the page, pixels');
  await page.evaluate(() => document.getElementById('rustyaudio').scrollIntoView());
  const box = await page.getByRole('button', { name: 'Play', exact: true }).boundingBox();
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  for (const begin = Date.now(); !(await page.evaluate(() => rustyaudio.state().position_s > 0.05)); await wait(50)) ok(Date.now() - begin < 8000, 'a click in the embedded player does not play');
});

section('face');

test('state() has every field with the right type', async (bench) => {
  const app = await bench.open({ query: 'rate=48000' });
  await app.load(SPOKEN.url);
  const state = await app.state();
  const types = { playing: 'boolean', position_s: 'number', duration_s: 'number', sample_rate_hz: 'number', channels: 'number', output_rate_hz: 'number', workers_alive: 'number', workers_wanted: 'number', tier: 'string',
    renderer: 'string', underruns: 'number', peak_db: 'number', chain: 'string', volume_db: 'number', muted: 'boolean', loop: 'boolean', loop_from_s: 'number', loop_to_s: 'number', queued: 'number', eq_on: 'boolean', file: 'string', error: 'string', audio: 'string', pool: 'object',
    analysis: 'number', view: 'string', export: 'object', is_streamed: 'boolean', buffered_s: 'number', underrun_frames: 'number',
    recording: 'string', recorded_frames: 'number', record_offered_frames: 'number', record_lost_frames: 'number' };
  for (const key in types) same(typeof state[key], types[key], `type of ${key}`);
  same([state.duration_s.toFixed(5), state.sample_rate_hz, state.channels, state.file], ['1.42802', 48000, 1, 'Front_Center.wav'], 'duration, rate, channels, file');
  same(await app.page.evaluate(() => Object.keys(rustyaudio).filter((name) => typeof rustyaudio[name] === 'function').sort()), ['export', 'load', 'pause', 'play', 'queue', 'record', 'seek', 'set', 'spectrum', 'state', 'stop', 'stopRecording', 'unisolate'], 'functions');
});

test('the status bar has a lane for each worker, and state() counts every job that the pool was given', async (bench) => {
  const app = await bench.open({ query: 'rate=48000&threads=2' });
  await app.wake();
  await app.load(signal('noise', { db: -18, seconds: 5, rate: 48000, seed: 3 }).url);
  await app.click('button', 'Play');
  await app.untilPlaying();
  await app.until((state) => state.pool.tasks.spectrum?.done > 10, 'ten spectra');
  const lanes = [];
  for (let tries = 0; tries < 40 && !lanes.some((text) => /^\w+, \d+ %$/.test(text)); tries++, await wait(100))
    for (const number of [1, 2]) lanes.push(await app.widget('img', `Worker ${number}`).getAttribute('aria-description') ?? await app.widget('img', `Worker ${number}`).textContent());
  ok(lanes.some((text) => /^\w+, \d+ %$/.test(text)), `a lane tells its task and its load: ${lanes.slice(-2).join(' and ')}`);
  await app.click('button', 'Stop');
  const { pool } = await app.until((state) => Object.values(state.pool.tasks).every(({ submitted, done, cancelled }) => submitted === done + cancelled), 'all jobs have come to an end');
  same(pool.workers.map(({ alive }) => alive), [true, true], 'alive');
  above(pool.workers.reduce((sum, { busy_s }) => sum + busy_s, 0), 0, 'seconds of work');
  const slices = pool.workers.reduce((sum, { slices }) => sum + slices, 0), jobs = Object.values(pool.tasks).reduce((sum, { submitted }) => sum + submitted, 0);
  ok(slices >= jobs, `at least a slice for each job: ${slices} for ${jobs}`);
});

test('load takes an address, a File, an ArrayBuffer and a view; play, pause, stop, seek are promises', async (bench) => {
  const app = await bench.open({ query: 'rate=48000' });
  const seen = await app.page.evaluate(async (url) => {
    const bytes = await (await fetch(url)).arrayBuffer(), seen = [], note = async (source) => { await rustyaudio.load(source); seen.push([rustyaudio.state().file, rustyaudio.state().duration_s.toFixed(3)]); };
    await note(url);
    await note(new URL(url, document.baseURI));
    await note(new File([bytes], 'my name.wav'));
    await note(bytes);
    await note(new Uint8Array(bytes));
    seen.push(bytes.byteLength);
    for (const step of [rustyaudio.play(), rustyaudio.seek(0.5), rustyaudio.pause(), rustyaudio.stop(), rustyaudio.set('gain db=-6')]) seen.push(step instanceof Promise, await step === undefined);
    return seen;
  }, SPOKEN.url);
  same(seen.slice(0, 5), [['Front_Center.wav', '1.428'], ['Front_Center.wav', '1.428'], ['my name.wav', '1.428'], ['audio', '1.428'], ['audio', '1.428']], 'files');
  same(seen[5], 137134, 'the caller keeps the bytes');
  same(seen.slice(6), Array(10).fill(true), 'promises');
  same((await app.state()).chain, 'gain db=-6', 'chain');
});

test('set() refuses a bad chain with a sentence that names the character, and changes nothing', async (bench) => {
  bench.allow(/character \d+/);                               // the console says it too
  const app = await bench.open(), { chain } = await app.state();
  for (const [text, pattern] of [['eq peaking hz=1000 db=loud', /character 20.*number/], ['gain db=-3; wobble depth=1', /character 13.*wobble/], ['convolve file= mix=0.2', /character 10.*file=NAME/], ['eq peaking hz=0', /character 12.*out of range/]])
    says(await app.refusal('set', text), pattern, text);
  same((await app.state()).chain, chain, 'chain');
  says(await app.untilStatus(/character 12/), /out of range/, 'the status line');
});

test('an effect is added, turned by its knobs, switched off and taken out again, each heard and undone', async (bench) => {
  const app = await bench.open({ query: 'rate=48000' });
  await app.set('limiter ceiling_dbtp=-1');
  await app.wake();
  await app.click('button', 'Add gain');
  same((await app.state()).chain, 'gain db=0; limiter ceiling_dbtp=-1', 'the limiter stays last');
  await app.load(signal('sine', { hz: 1000, db: -20, seconds: 10, rate: 48000 }).url);
  await app.click('button', 'Play');
  await app.untilPlaying();
  await wait(1500);                                           // what was held has fallen
  const before = await app.peak(), knob = await app.box('slider', 'Gain level');
  await app.drag({ x: knob.midX, y: knob.midY }, { x: knob.midX, y: knob.midY - 15 });
  const db = Number(/gain db=([\d.]+)/.exec((await app.state()).chain)[1]);
  near(db, 6, 0.01, 'a tenth of the whole way, -36 to 24 dB');
  near(await app.peak() - before, db, 0.1, 'louder by so many dB');
  await app.click('checkbox', 'Gain on');
  await wait(1500);
  near(await app.peak(), before, 0.1, 'switched off');
  says((await app.state()).chain, /^gain off db=/, 'the text tells it');
  await app.click('checkbox', 'Gain on');
  await app.page.getByRole('slider', { name: 'Gain level' }).press('ArrowDown');
  near(Number(/gain db=([\d.]+)/.exec((await app.state()).chain)[1]), db - 0.6, 0.01, 'a hundredth of the way by key');
  await app.click('button', 'Remove Gain');
  same((await app.state()).chain, 'limiter ceiling_dbtp=-1', 'without it');
  await app.page.keyboard.press('Control+z');
  says((await app.state()).chain, /^gain db=5\.4/, 'it is back');
});

test('the settings file of another equaliser takes the place of the bands; effects stay, one undo brings all back', async (bench) => {
  bench.allow(/a filter is/);                                 // the console says it too
  const app = await bench.open();
  await app.set('eq peaking hz=500 db=3 q=1; delay ms=100');
  const before = (await app.state()).chain;
  const load = (text, name) => app.page.evaluate(([text, name]) => rustyaudio.load(new File([text], name)).then(() => 'loaded', (error) => error.message), [text, name]);
  same(await load('Preamp: -6 dB\nFilter 1: ON PK Fc 105 Hz Gain -3.1 dB Q 0.70\nFilter 2: OFF PK Fc 1 Hz Gain 1 dB Q 1\n', 'ParametricEQ.txt'), 'loaded', 'the file');
  same((await app.state()).chain, 'gain db=-6; eq peaking hz=105 db=-3.1 q=0.7; delay ms=100', 'chain');
  same((await app.state()).file, 'Demo loop', 'what plays');
  const refusal = await load('Preamp: -6 dB\nFilter 1: ON XX Fc 105 Hz\n', 'wrong.txt');
  says(refusal, /^wrong\.txt: line 2: a filter is PK/, 'the refusal');
  same((await app.state()).error, refusal, 'status bar');
  await app.click('button', 'Undo');
  same((await app.state()).chain, before, 'chain after undo');
});

test('play() without any gesture is refused with what is missing; the next click anywhere in it plays', async (bench) => {
  // the page itself asks: what a test evaluates would count as a gesture
  const site = await bench.serve({ routes: { '/': 'AUTO', '/auto.js': 'AUTO' } });
  site.routes['/'] = Buffer.from(fs.readFileSync(`${DIST}/index.html`, 'utf8').replace('</body>', '<script src="auto.js" defer></script></body>'));
  site.routes['/auto.js'] = Buffer.from('rustyaudio.play().then(() => { window.said = "kept"; }, error => { window.said = error.message; });');
  const app = await bench.open({ from: site, isReady: false });
  await wait(5000);
  says(await app.page.evaluate(() => window.said ?? 'nothing yet'), /tap|key/, 'the refusal');
  same((await app.state()).audio, 'asleep', 'audio');
  await app.page.mouse.click(700, 300);
  await app.untilPlaying('it plays after a click');
});

test('the chain is kept in the address, and opens again from there', async (bench) => {
  const app = await bench.open();
  await app.set('eq peaking hz=1000 db=6 q=1; gain db=-3');
  await app.until(() => app.page.evaluate(() => location.hash.length > 5), 'the address has a fragment', 3000);
  const again = await bench.open({ from: { url: app.page.url() } });
  same((await again.until((state) => /gain/.test(state.chain), 'the chain is there')).chain, (await app.state()).chain, 'chain');
});
