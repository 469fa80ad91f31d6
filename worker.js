/* worker.js - the JavaScript of Rusty Audio: one script for three scopes.

     rustyPage      in the page: chooses the build, starts it, carries events, files and audio to it
     rustyWorklet   in the AudioWorklet: runs the C engine, 128 frames at a time
     rustyService   as a service worker, only where a site asks for it: adds the two headers that threads need

   A page needs   <div style="height: 480px"><canvas id="rustyaudio"></canvas></div>
                  <script src="worker.js" defer></script>
   and beside worker.js the files rustyaudio.js, rustyaudio.wasm, rustyaudio-compat.js, rustyaudio-compat.wasm.

   Options are attributes of the script tag, data-NAME="value":
     src=URL              what to load instead of the demo loop
     isolate              become cross-origin isolated by the service worker; coep=credentialless for the milder kind
     threads=N            workers; without it one fewer than the machine has cores
     tier=                threads | isolated-off | compat: at most so much
     gpu=                 webgpu | webgl2 | none
     stream               read WAV files by pieces also where they would fit into memory
     picker=MB            a file that is exported is written to where the visitor says if it is larger; 512
     rate=HZ              of the AudioContext; without it the device's own
     log=debug            tells everything in the console
     page                 the app is the whole page: it takes the focus, the title, the address bar's #fragment
                          and reads these options from the address too (?threads=4&log=debug) */
'use strict';
(() => {

// ================================================================================ the page

function rustyPage() {
  const script = document.currentScript;
  const isWholePage = 'page' in script.dataset;
  const query = new URLSearchParams(isWholePage ? location.search : '');
  const option = name => query.get(name) ?? script.dataset[name] ?? null;     // '' is a yes
  const file = name => new URL(name, script.src).href;
  const canvas = document.getElementById('rustyaudio');
  if (!canvas) { console.error('Rusty Audio: the page has no <canvas id="rustyaudio">'); return; }
  const host = canvas.parentElement;                          // all listeners are here: C may put a fresh canvas in place
  const isOnCanvas = event => event.target.id === 'rustyaudio';

  // ---- calls into C: functions web_* of section [17], texts as UTF-8 in its memory

  let memory = null, table = null, boot = 0, bridge = 0, isStarted = false;
  const bytesOf = () => new Uint8Array(memory.buffer);        // made anew each time: growth replaces the buffer
  const calls = {};                                           // name -> function, filled when the module is there
  let longestCall = 0;                                        // ms of the page's own thread, since state() was last asked
  function call(name, ...values) {
    const begin = performance.now(), result = calls[name](...values);
    longestCall = Math.max(longestCall, performance.now() - begin);
    return result;
  }

  // Calls f with the address of a zero-terminated text that lives until f returns.
  function withText(text, f) {
    const utf8 = new TextEncoder().encode(text + '\0'), address = call('alloc', utf8.length) >>> 0;
    if (!address) throw Error('out of memory');
    bytesOf().set(utf8, address);
    try { return f(address); } finally { call('free', address); }
  }
  function textAt(address) {
    const bytes = bytesOf();
    return new TextDecoder().decode(bytes.slice(address >>>= 0, bytes.indexOf(0, address)));
  }
  const appFail = sentence => { console.warn('Rusty Audio: ' + sentence); if (isStarted) withText(sentence, text => call('fail', text)); };

  // ---- what the page shows beside the canvas

  const add = (parent, tag, style, attributes = {}) => {
    const item = document.createElement(tag);
    item.style.cssText = style;
    for (const name in attributes) item.setAttribute(name, attributes[name]);
    return parent.appendChild(item);
  };
  const UNSEEN = 'position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);margin:0';
  if (getComputedStyle(host).position === 'static') host.style.position = 'relative';
  canvas.style.cssText += ';display:block;position:absolute;inset:0;width:100%;height:100%;touch-action:none;user-select:none;-webkit-user-select:none;-webkit-touch-callout:none';
  canvas.setAttribute('aria-hidden', 'true');
  if (!host.clientHeight) host.style.minHeight = '360px';     // a container that nobody gave a height
  host.tabIndex = -1;                                         // a click on the canvas focuses it; keys arrive here
  host.style.outline = 'none';
  if (host.matches('div, span') && !host.hasAttribute('role')) host.setAttribute('role', 'group');
  host.setAttribute('aria-label', 'Rusty Audio');
  const mirror = add(host, 'div', 'position:absolute;inset:0;overflow:hidden;pointer-events:none');
  const saidPolitely = add(host, 'p', UNSEEN, { role: 'status', 'aria-live': 'polite' });
  const saidAtOnce = add(host, 'p', UNSEEN, { role: 'alert' });

  // A sentence over the canvas, with buttons { label: action }; without buttons it stays.
  let panel = null;
  function showPanel(text, buttons = {}) {
    panel?.remove();
    panel = add(host, 'div', 'position:absolute;left:50%;top:50%;transform:translate(-50%,-50%);box-sizing:border-box;width:min(92%,560px);' +
      'padding:16px 20px;border-radius:6px;border:1px solid;white-space:pre-line;color-scheme:light dark;background:Canvas;color:CanvasText;font:14px/1.5 system-ui,sans-serif', { role: 'alert' });
    add(panel, 'p', 'margin:0;user-select:text').textContent = text;
    for (const label in buttons) {
      const button = add(panel, 'button', 'margin:12px 8px 0 0;min-height:44px;padding:0 16px;font:inherit', { type: 'button' });
      button.textContent = label;
      button.onclick = () => { panel.remove(); panel = null; buttons[label](); };
      button.focus();
    }
  }
  // The end: says why and lets everybody who waits know.
  let resolveReady, rejectReady;
  const ready = new Promise((resolve, reject) => { resolveReady = resolve; rejectReady = reject; });
  ready.catch(() => {});                                      // whoever asks hears of it; nobody has to ask
  function fail(sentence) {
    isStarted = false;
    showPanel(sentence);
    console.error('Rusty Audio: ' + sentence);
    rejectReady(Error(sentence));
  }

  // ---- cross-origin isolation by our own service worker, only if asked for

  const GUARD = 'rustyaudio-isolate';                         // sessionStorage: this tab has reloaded once
  // Reloads and never returns, or says why not. At most one reload: two marks, and without storage none.
  async function isolate() {
    if (!isSecureContext || !navigator.serviceWorker) return 'service workers need https:// (or localhost) and a browser window that allows them';
    if (self !== top) return 'a framed page is only isolated if the page around it is';
    if (!location.href.startsWith(file('.'))) return 'worker.js must lie in the page\'s own folder or above it';
    const address = new URL(location.href);
    try {
      if (sessionStorage.getItem(GUARD) === 'off') return 'unisolate() has switched it off for this tab';
      if (sessionStorage.getItem(GUARD) || address.searchParams.has('isolated')) return 'this tab has tried it once already';
      sessionStorage.setItem(GUARD, 'tried');
    } catch { return 'the browser does not let this page remember that it has reloaded'; }
    try {
      const coep = option('coep') === 'credentialless' ? '?coep=credentialless' : '';
      await navigator.serviceWorker.register(file('worker.js' + coep));
      await Promise.race([navigator.serviceWorker.ready, new Promise((_, reject) => setTimeout(reject, 5000, Error('it does not start')))]);
    } catch (error) { return 'the service worker could not be installed: ' + error.message; }
    address.searchParams.set('isolated', '');
    location.replace(address.href);
    return new Promise(() => {});
  }
  function forgetReload() {                                   // isolated: a later loss may be mended again
    try { sessionStorage.removeItem(GUARD); } catch { /* nothing was kept */ }
    const address = new URL(location.href);
    if (address.searchParams.has('isolated')) { address.searchParams.delete('isolated'); history.replaceState(history.state, '', address.href); }
  }
  // Takes the service worker away again; the next load of the page is as the server sends it.
  async function unisolate() {
    try { sessionStorage.setItem(GUARD, 'off'); } catch { /* then the attribute would bring it back */ }
    const all = await navigator.serviceWorker?.getRegistrations() ?? [];
    const ours = all.filter(({ active, waiting, installing }) => (active ?? waiting ?? installing)?.scriptURL.startsWith(file('worker.js')));
    return (await Promise.all(ours.map(registration => registration.unregister()))).some(Boolean);
  }

  // ---- start: which build, how many workers, what is missing

  // (func (result v128) i32.const 0 i8x16.splat): valid only where SIMD is
  const SIMD = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11]);
  const wantedRate = parseInt(option('rate'), 10) || 0;
  let tier = '', module = null, initialPages = 0, threadCount = 0, missing = '';
  const HEADERS = 'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp';

  async function start() {
    if (typeof WebAssembly !== 'object') return fail('Rusty Audio needs WebAssembly, which this browser lacks or has switched off. Any browser since 2021 has it.');
    const wanted = option('tier');
    let refusal = '';
    if (self.crossOriginIsolated) forgetReload();
    else if (option('isolate') !== null) refusal = await isolate();

    const maximum = WebAssembly.validate(SIMD) && wanted !== 'compat' ? MAXIMA.find(pages => makeMemory(pages)) ?? 0 : 0;
    tier = !maximum ? 'compat' : self.crossOriginIsolated && wanted !== 'isolated-off' ? 'threads' : 'isolated-off';
    if (tier === 'threads') {
      const asked = parseInt(option('threads'), 10);
      threadCount = Math.max(1, Math.min(32, asked > 0 ? asked : (navigator.hardwareConcurrency || 2) - 1));
      // Emscripten makes its workers while its script runs: a constructor that throws there would end everything.
      try { new Worker(file('worker.js')).terminate(); }
      catch (error) { threadCount = 0; missing = 'the browser refuses workers here (' + error.message + ')'; }
    } else {
      missing = wanted === tier ? 'switched off by tier=' + wanted
        : tier === 'compat' ? 'this browser lacks WebAssembly SIMD or shared memory'
        : !isSecureContext ? 'http:// allows neither threads nor sound; open the page by https:// or http://localhost'
        : 'the server should send ' + HEADERS + (refusal && ' (' + refusal + ')');
    }
    // Emscripten's glue asks "instanceof SharedArrayBuffer" even where the browser hides the name.
    if (maximum) self.SharedArrayBuffer ??= makeMemory(1).buffer.constructor;
    self.raThreads = threadCount;                             // read by rustyaudio.js: -sPTHREAD_POOL_SIZE

    const name = tier === 'compat' ? 'rustyaudio-compat' : 'rustyaudio';
    const compiled = compile(name + '.wasm');
    compiled.catch(() => {});                                 // told below, when Emscripten asks for it
    self.Module = {
      noExitRuntime: true,
      print: line => console.log(line),
      printErr: line => console.warn(line),
      onAbort: what => fail('Rusty Audio has stopped: ' + what + '. Please reload the page.'),
      onRuntimeInitialized: started,
      instantiateWasm(imports, done) {
        (async () => {
          module = await compiled;
          const instance = await WebAssembly.instantiate(module, imports);
          const items = Object.values(imports).flatMap(space => Object.values(space)).concat(Object.values(instance.exports));
          memory = items.find(item => item instanceof WebAssembly.Memory);
          table = items.find(item => item instanceof WebAssembly.Table);
          initialPages = memory.buffer.byteLength >> 16;
          done(instance, module);
        })().catch(error => fail(error.sentence ?? name + '.wasm could not be started: ' + error.message));
        return {};
      },
      // Emscripten makes the memory itself, except where its maximum of 2 GB is refused.
      ...(maximum && maximum < MAXIMA[0] && { wasmMemory: makeMemory(maximum, 512) }),
    };
    const glue = document.createElement('script');
    glue.src = file(name + '.js');
    glue.onerror = () => fail(name + '.js could not be loaded. It must lie beside worker.js.');
    addEventListener('error', ({ filename, message }) => { if (!isStarted && filename === glue.src) fail(name + '.js could not start: ' + message); });
    document.head.append(glue);
  }

  async function compile(name) {
    const sentence = text => Object.assign(Error(text), { sentence: text });
    let response;
    try { response = await fetch(file(name)); }
    catch { throw sentence(name + ' could not be fetched: the server does not answer, or the page\'s Content-Security-Policy lacks connect-src \'self\'.'); }
    if (!response.ok) throw sentence(name + ' could not be loaded: the server answered ' + response.status + '. It must lie beside worker.js.');
    try {
      // Streaming wants the MIME type application/wasm, which small servers do not always send.
      return (response.headers.get('content-type') ?? '').startsWith('application/wasm')
        ? await WebAssembly.compileStreaming(response) : await WebAssembly.compile(await response.arrayBuffer());
    } catch (error) {
      if (/Content.Security.Policy|unsafe-eval|CSP/i.test(error.message)) throw sentence('The page\'s Content-Security-Policy must allow \'wasm-unsafe-eval\' in script-src for Rusty Audio to run.');
      throw sentence(name + ' could not be compiled: ' + error.message);
    }
  }

  // The module is there: engine, app, then the first frame.
  function started() {
    boot = Module._web_boot() >>> 0;
    const words = new Uint32Array(memory.buffer, boot, Object.keys(BOOT).length);
    bridge = words[BOOT.bridge];
    const entries = new Uint32Array(memory.buffer, words[BOOT.calls]);
    textAt(words[BOOT.callNames]).trim().split(' ').forEach((name, index) => { calls[name] = table.get(entries[index]); });
    const hasMemory = withText(option('gpu') ?? '', gpu => call('start', threadCount, wantedRate || 48000, gpu, option('log') === 'debug' ? 3 : 2));
    if (!hasMemory) return fail('There is not enough memory for Rusty Audio. Please close other pages and reload.');
    isStarted = true;
    setTier();
    setAppearance();
    resized.observe(host);
    resize();
    watchRatio();
    if (!isSecureContext) setAudioBroken('Sound needs a secure page: open it by https:// or http://localhost');
    else reportAudio();
    if (threadCount) watchWorkers();
    if (isWholePage && document.activeElement === document.body) host.focus({ preventScroll: true });
    resolveReady();
    if (isWholePage) {
      followFragment();
      addEventListener('hashchange', followFragment);         // a pasted address; our own replaceState is silent
    }
    if (option('src')) load(option('src')).catch(() => {});   // the status bar says what was wrong
    wakeFrames();
  }
  const setTier = () => withText(tier, name => withText(missing, text => call('set_tier', name, text)));

  // Workers that are blocked (by a Content-Security-Policy, a proxy, a wrong MIME type) make no sound at all.
  function watchWorkers() {
    const begin = performance.now();
    const timer = setInterval(() => {
      if (!isStarted) return clearInterval(timer);
      const alive = call('workers_alive'), waited = performance.now() - begin;
      const now = alive === threadCount || waited < 2500 ? '' : alive + ' of ' + threadCount + ' workers have started'
        + (alive ? '' : ': blocked by the page\'s Content-Security-Policy (worker-src) or not reachable; work is done on the page\'s own thread');
      if (now !== missing) { missing = now; setTier(); wakeFrames(); if (now) console.warn('Rusty Audio: ' + now); }
      if (alive === threadCount || waited > 30000) clearInterval(timer);
    }, 500);
  }

  // ---- frames: 60 a second while something moves, 10 when nothing has for a while, 1 when hidden

  let frameRequest = 0, frameTimer = 0, drewAt = 0, mirroredAt = 0, underrunsAt = 0;
  const failed = error => { console.error(error); fail('Rusty Audio has stopped: ' + error.message + '. Please reload the page.'); };
  function tick() {
    frameRequest = frameTimer = 0;
    if (!isStarted) return;
    const now = performance.now();
    try {
      if (call('frame')) drewAt = now;
      pump();
      pumpTake();
      feed();
      if (now - mirroredAt >= 100) { mirroredAt = now; updateMirror(); }
      if (now - underrunsAt >= 1000) { underrunsAt = now; call('set_underruns', underruns()); }
    } catch (error) { return failed(error); }
    if (document.hidden) frameTimer = setTimeout(tick, 1000);
    else if (now - drewAt < 1000) frameRequest = requestAnimationFrame(tick);
    else frameTimer = setTimeout(tick, 100);
  }
  // Something happened that may be worth a frame.
  function wakeFrames() {
    drewAt = performance.now();
    if (frameRequest && !document.hidden) return;
    cancelAnimationFrame(frameRequest);                       // a hidden page would wait for it for ever
    clearTimeout(frameTimer);
    if (document.hidden) { frameRequest = 0; frameTimer = setTimeout(tick, 0); } else { frameTimer = 0; frameRequest = requestAnimationFrame(tick); }
  }
  document.addEventListener('visibilitychange', () => {
    wakeFrames();
    if (audio.context?.state === 'interrupted') audio.context.resume().catch(() => {});   // after a telephone call
  });

  const resized = new ResizeObserver(() => resize());
  function resize() {
    const { width, height } = mirror.getBoundingClientRect(); // lies exactly over the canvas, whichever that is now
    if (!isStarted || !width || !height) return;              // not displayed: nothing to draw on
    call('resize', width, height, devicePixelRatio);
    wakeFrames();
  }
  // A window that moves to another screen changes its pixel ratio without changing its size.
  function watchRatio() {
    matchMedia('(resolution: ' + devicePixelRatio + 'dppx)').addEventListener('change', () => { resize(); watchRatio(); }, { once: true });
  }
  const dark = matchMedia('(prefers-color-scheme: dark)'), still = matchMedia('(prefers-reduced-motion: reduce)');
  function setAppearance() { if (isStarted) { call('set_appearance', dark.matches, still.matches); wakeFrames(); } }
  dark.addEventListener('change', setAppearance);
  still.addEventListener('change', setAppearance);

  // ---- input

  const modifiers = event => event.shiftKey | event.ctrlKey << 1 | event.altKey << 2 | event.metaKey << 3;
  const [DOWN, MOVE, UP, CANCEL, LEAVE] = [0, 1, 2, 3, 4];    // app_pointer_phase
  const onPointer = (type, phase) => host.addEventListener(type, event => {
    if (!isStarted || !isOnCanvas(event) || (phase === DOWN && event.button !== 0)) return;
    if (phase === DOWN) {
      host.focus({ preventScroll: true });
      try { event.target.setPointerCapture(event.pointerId); } catch { /* a made-up event has no pointer */ }
    }
    const box = mirror.getBoundingClientRect();
    call('pointer', phase, event.pointerId, event.clientX - box.left, event.clientY - box.top, modifiers(event), event.pointerType === 'touch');
    wakeFrames();
  });
  onPointer('pointerdown', DOWN);
  onPointer('pointermove', MOVE);
  onPointer('pointerup', UP);
  onPointer('pointercancel', CANCEL);
  onPointer('pointerout', LEAVE);

  host.addEventListener('wheel', event => {
    // In somebody's page the wheel scrolls that page until the app has been clicked.
    if (!isStarted || !isOnCanvas(event) || !(isWholePage || host.contains(document.activeElement))) return;
    event.preventDefault();
    const step = [1, 16, 400][event.deltaMode], box = mirror.getBoundingClientRect();
    call('wheel', event.clientX - box.left, event.clientY - box.top, event.deltaX * step, event.deltaY * step, modifiers(event));
    wakeFrames();
  }, { passive: false });

  // Keys reach us only while the focus is inside. A key that C has used does nothing else: its release neither,
  // or Firefox would press a focused button a second time.
  const used = new Set();
  function onKey(event) {
    if (!isStarted || event.isComposing || panel?.contains(event.target)) return;
    const isDown = event.type === 'keydown';
    const isUsed = withText(event.key, key => call('key', key, modifiers(event), isDown)) || (!isDown && used.has(event.code));
    if (isUsed) event.preventDefault();
    if (isUsed && isDown) used.add(event.code); else used.delete(event.code);
    wakeFrames();
  }
  // A key held while the window loses the focus is never released to us: let go of it now.
  addEventListener('blur', () => { if (isStarted) for (const key of ['b', 'B']) withText(key, text => call('key', text, 0, false)); used.clear(); wakeFrames(); });
  host.addEventListener('keydown', onKey);
  host.addEventListener('keyup', onKey);

  const QUEUE = 1;                                            // a purpose of what is opened: app_purpose in section [16]
  let picked = 0;
  const picker = add(host, 'input', 'display:none', { type: 'file', accept: 'audio/*,video/mp4,video/webm,.txt,.wav,.wave,.w64,.aif,.aiff,.aifc,.flac,.ogg,.oga,.opus,.m4a,.aac,.mp3', tabindex: '-1', 'aria-hidden': 'true' });
  picker.onchange = () => { const chosen = [...picker.files]; picker.value = ''; loadAll(chosen, picked).catch(() => {}); };

  // The hint lets the pointer through, so that entering it is not leaving the canvas.
  const dropHint = add(host, 'div', 'position:absolute;inset:8px;border:3px dashed #3DE0C4;border-radius:6px;display:none;place-items:center;pointer-events:none;' +
    'background:#0B0D12B0;color:#E6EAF2;font:20px system-ui,sans-serif');
  dropHint.textContent = 'Drop to open';
  const onDrag = (type, isOver) => host.addEventListener(type, event => {
    if (![...event.dataTransfer.types].includes('Files')) return;
    event.preventDefault();
    dropHint.style.display = isOver ? 'grid' : 'none';
  });
  onDrag('dragover', true); onDrag('dragleave', false); onDrag('drop', false);
  host.addEventListener('drop', event => { loadAll([...event.dataTransfer.files], event.shiftKey ? QUEUE : 0).catch(() => {}); });

  // ---- the accessibility mirror: real elements over the painted widgets, equal to C's table by id

  const mirrored = new Map();                                 // widget id -> { element, role, was }
  let mirroredVersion = -1;
  const [FOCUS, BLUR, PRESS, SET] = [0, 1, 2, 3];             // app_access_action

  function makeMirror(row) {
    const isInput = row.role === 'slider' || row.role === 'checkbox';
    const element = document.createElement(row.role === 'button' ? 'button' : isInput ? 'input' : 'div');
    if (isInput) element.type = row.role === 'slider' ? 'range' : 'checkbox';
    else if (row.role === 'button') element.type = 'button';
    else { element.setAttribute('role', row.role); element.setAttribute('aria-live', 'off'); }   // read when asked for, not 10 times a second
    element.style.cssText = 'position:absolute;margin:0;padding:0;border:0;opacity:0;overflow:hidden;pointer-events:none;appearance:none';
    element.dataset.id = row.id;
    return { element, role: row.role, was: {} };
  }
  function updateMirror() {
    const version = call('access_version');
    if (version === mirroredVersion) return;
    mirroredVersion = version;
    const rows = JSON.parse(textAt(call('access_json'))), left = new Set(mirrored.keys()), focused = host.contains(document.activeElement) && document.activeElement;
    let next = mirror.firstElementChild;
    for (const row of rows) {
      let item = mirrored.get(row.id);
      if (item && item.role !== row.role) { if (next === item.element) next = next.nextElementSibling; item.element.remove(); item = null; }
      if (!item) mirrored.set(row.id, item = makeMirror(row));
      left.delete(row.id);
      const { element, was } = item;
      // Touches the page only where something is different: a screen reader hears every touch.
      const put = (key, value, write) => { if (was[key] !== value) { was[key] = value; write(value); } };
      const attribute = (name, value) => put(name, value, () => value === null ? element.removeAttribute(name) : element.setAttribute(name, value));
      attribute('aria-label', row.name);
      if (row.role === 'slider') {
        attribute('min', row.min); attribute('max', row.max); attribute('step', row.step > 0 ? row.step : 'any');
        attribute('aria-valuetext', row.text);
        put('value', row.value, value => { element.value = value; });
      } else if (row.role === 'checkbox') put('checked', !!row.pressed, value => { element.checked = value; });
      else if (row.role === 'button') attribute('aria-pressed', row.pressed === undefined ? null : String(row.pressed));
      else put('text', row.text, value => { element.textContent = value; });
      if (row.role === 'button') attribute('aria-description', row.text || null);
      put('disabled', !!row.disabled, value => { element.disabled = value; });
      put('box', [row.x, row.y, row.w, row.h].join(),
        () => Object.assign(element.style, { left: row.x + 'px', top: row.y + 'px', width: row.w + 'px', height: row.h + 'px' }));
      // The order of the table is the order of Tab.
      if (element === next) next = next.nextElementSibling; else mirror.insertBefore(element, next);
      // Follows a focus that C has moved; only at the change, or it would take back what Tab has just done.
      put('focus', !!row.focus, value => { if (value && host.contains(document.activeElement)) element.focus({ preventScroll: true }); });
    }
    for (const id of left) { mirrored.get(id).element.remove(); mirrored.delete(id); }
    // What was moved or taken away has lost the focus, and the keys with it.
    if (focused && !host.contains(document.activeElement)) (focused.isConnected ? focused : host).focus({ preventScroll: true });
  }
  const onMirror = (type, action, value) => mirror.addEventListener(type, event => {
    const id = event.target.dataset.id;
    if (!isStarted || id === undefined) return;
    call('access', Number(id), action, value(event.target));
    if (action === SET) {                                     // whatever C makes of it is written back, also its refusal
      const { was } = mirrored.get(Number(id));
      was.value = was.checked = null;
      mirroredVersion = -1;
    }
    wakeFrames();
  });
  onMirror('focusin', FOCUS, () => 0);
  onMirror('focusout', BLUR, () => 0);
  onMirror('input', SET, element => element.type === 'checkbox' ? +element.checked : +element.value);
  mirror.addEventListener('click', event => {
    if (!isStarted || event.target.tagName !== 'BUTTON') return;
    call('access', Number(event.target.dataset.id), PRESS, 0);
    wakeFrames();
  });

  // ---- what C asks of the page (ra_host_request in section [3]; the order is ra_host_kind's)

  function showHelp() {
    const canIsolate = tier === 'isolated-off' && !self.crossOriginIsolated && isSecureContext && navigator.serviceWorker && self === top;
    showPanel('No worker threads here: ' + missing + '.' + (!canIsolate ? '' : '\n\nWhere the server cannot be changed, worker.js adds the two headers itself, as a service worker: ' +
      '<script src="worker.js" defer data-isolate></script>') + '\n\nEverything works without threads too, only large jobs take longer.',
      { ...(canIsolate && { 'Turn on here': turnOn }), Close: () => host.focus() });
  }
  async function turnOn() {
    try { sessionStorage.removeItem(GUARD); } catch { /* isolate says so */ }
    appFail('No isolation: ' + await isolate());              // it only answers if it could not
  }
  const requests = [
    /* OPEN_FILE    */ purpose => { picked = purpose; picker.multiple = purpose <= QUEUE; picker.click(); },
    /* COPY_TEXT    */ (_, text) => navigator.clipboard?.writeText(text).catch(() => appFail('The browser does not let the page copy.')),
    /* SET_TITLE    */ (_, text) => {
      if (isWholePage) document.title = text;
      if (self.MediaMetadata) navigator.mediaSession.metadata = new MediaMetadata({ title: text });
    },
    /* HELP_THREADS */ showHelp,
    /* WAKE_AUDIO   */ () => wakeAudio(),
    /* ANNOUNCE     */ (isUrgent, text) => { (isUrgent ? saidAtOnce : saidPolitely).textContent = text; },
    /* LOADED       */ number => settleLoad(number),
    /* LOAD_FAILED  */ (number, text) => settleLoad(number, text),
    /* SAVE_STATE   */ (_, text) => { if (isWholePage) try { history.replaceState(history.state, '', '#' + fragmentOf(text)); } catch { /* Safari: too often */ } },
    /* WANT_RESPONSE */ (purpose, name) => {
      respond(name, purpose).catch(error => { appFail(error.message); withText(name, text => call('miss_response', text)); });
    },
    /* RECORD       */ what => { if (what) record(SOURCES[what - 1]).catch(() => {}); else if (take) stopTake(); },
    /* RECORDED     */ what => {
      if (what === 1) return loadAll(kept, 0).catch(() => {});
      if (what) kept.forEach(download);
      kept = [];
      guardTake();
    },
    /* EXPORT       */ (size, name) => { takeExport(name, size); },
  ];
  // C called: nothing may be thrown through it
  self.raHost = (kind, number, text) => { try { requests[kind](number, text); } catch (error) { console.error(error); } };

  // "eq peaking hz=1000" <-> "#eq+peaking+hz=1000": legible in the address bar
  const fragmentOf = text => encodeURIComponent(text).replace(/%20/g, '+').replace(/%3D/g, '=').replace(/%3B/g, ';');
  function followFragment() {
    let text = location.hash.slice(1).replace(/\+/g, ' ');
    try { text = decodeURIComponent(text); } catch { /* somebody wrote it by hand */ }
    if (text) setState(text).catch(() => {});                 // the status bar says what was wrong
  }

  // ---- loading: our own parser for WAV and AIFF, the browser's for the rest

  const SETTINGS_LIMIT = 1 << 20, SETTINGS = /^[ \t]*(preamp|filter|graphiceq)\b[^:\n]{0,20}:/im;     // of Equalizer APO, AutoEQ, REW
  const WHOLE_LIMIT = 512 << 20;                              // a file that is not read by pieces is in memory twice, and then decoded
  const DECODER_LIMIT = 256 << 20;                            // compressed bytes; decodeAudioData wants all at once and kills the tab
  let loadNumber = 0;
  const loads = new Map();                                    // request number -> { resolve, reject, abort }

  function settleLoad(number, sentence, isReplaced = false) {
    const waiting = loads.get(number);
    loads.delete(number);
    if (sentence === undefined) waiting?.resolve(); else waiting?.reject(Object.assign(Error(sentence), { isReplaced }));
  }
  function load(source, purpose = 0) {
    const number = ++loadNumber;
    for (const [older, { abort }] of loads) { abort.abort(); settleLoad(older, 'replaced by a newer load', true); }
    return new Promise((resolve, reject) => {
      const abort = new AbortController();
      loads.set(number, { resolve, reject, abort });
      run(source, number, purpose, abort.signal).catch(error => {
        if (!loads.has(number)) return;                       // a newer one has taken over
        appFail(error.message);
        wakeFrames();
        settleLoad(number, error.message);
      });
    });
  }
  // One plays, the others wait behind it. A file that cannot be read does not keep the next from its turn.
  async function loadAll(sources, purpose) {
    for (const source of sources) {
      const isDone = await load(source, purpose).then(() => true, error => error.isReplaced ? null : false);
      if (isDone === null) return;                            // something else was opened
      if (isDone && purpose === 0) purpose = QUEUE;
    }
  }
  const idle = async () => { while (loads.size) await new Promise(resolve => setTimeout(resolve, 50)); };
  let queued = Promise.resolve();                             // each waits its turn
  const queue = source => queued = queued.catch(() => {}).then(idle).then(() => load(source, QUEUE));

  // What a chain names, from beside the page: the chain may come from a stranger's link. It stands in nobody's way.
  async function respond(name, purpose) {
    let address;
    try { address = new URL(name, document.baseURI); } catch { /* no address at all */ }
    if (address?.origin !== location.origin) throw Error(name + ' is no file beside the page; open it in its card');
    const { bytes } = await fetchBytes(address);
    await idle();
    await hand(name, bytes, 0, purpose, new AbortController().signal);
  }
  async function run(source, number, purpose, signal) {
    if (!(typeof source === 'string' && source) && !(source instanceof URL) && !(source instanceof Blob) && !(source instanceof ArrayBuffer) && !ArrayBuffer.isView(source))
      throw Error('load() wants an address, a File or Blob, or the bytes of a file');
    await ready;
    const { name, bytes } = await fetchBytes(source, signal, async file => {
      if (purpose > QUEUE || !await isForPieces(file, signal)) return false;
      for (const older of sources.keys()) if (!call('has_source', older)) sources.delete(older);
      sources.set(++sourceCount, file);
      withText(file.name, text => call('load_stream', sourceCount, file.isRemote, text, number, purpose));
      wakeFrames();
      return true;
    });
    if (bytes && !signal.aborted) await hand(name, bytes, number, purpose, signal);
  }

  // ---- long WAV files are read by pieces: C says which bytes it wants next, of the file with that number

  const sources = new Map();                                  // number -> { name, size, isRemote, read(offset, count) -> Promise<Uint8Array> }
  const PROBE_BYTES = 65536, PIECES_FROM = 32 << 20;          // a byte of a file becomes four at most: smaller ones fit into memory
  let sourceCount = 0, isFeeding = false;

  async function isForPieces(file, signal) {
    const isForced = option('stream') !== null;
    if (!(file.size > (isForced ? 0 : PIECES_FROM))) return false;
    for (let offset = 0, reads = 0; offset >= 0 && reads < 64; reads++) {
      let bytes;
      try { bytes = await file.read(offset, Math.min(PROBE_BYTES, file.size - offset)); }
      catch (error) { if (file.isRemote && !reads) break; throw error; }               // that server sends files whole
      const address = !signal.aborted && call('probe_add', offset, bytes.length) >>> 0;
      if (!address) break;
      bytesOf().set(bytes, address);
      offset = call('probe', file.size, isForced);
      if (offset === -1) return true;
    }
    return false;
  }
  // All that is wanted, one read after the other.
  async function feed() {
    if (isFeeding) return;
    isFeeding = true;
    try {
      for (let told; isStarted && (told = call('next_read', tier === 'threads') >>> 0);) {
        const [isForPage, number, low, high, count] = new Uint32Array(memory.buffer, told, 5);
        if (!count) { await soon(); continue; }
        const bytes = await readPiece(number, low + high * 2 ** 32, count), address = isStarted && call('read_bytes', isForPage, number) >>> 0;
        if (!address) continue;                               // something else has been opened
        bytesOf().set(bytes, address);
        call('read_done', isForPage, number, bytes.length);
      }
    } catch (error) { failed(error); } finally { isFeeding = false; }
  }
  // A few milliseconds; a hidden page's timers wait for a second or more, its messages do not.
  const soon = () => new Promise(resolve => {
    if (!document.hidden) return setTimeout(resolve, 4);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = resolve;
    port2.postMessage(0);
  });
  // No bytes if they cannot be had; told once.
  async function readPiece(number, offset, count) {
    const file = sources.get(number);
    try { return await file.read(offset, count); } catch (error) {
      if (file && !file.isBroken) { file.isBroken = true; appFail(error.message); wakeFrames(); }
      return new Uint8Array(0);
    }
  }
  const broken = (name, why) => Error(name + ' can be read no further: ' + why + '. Please open it again.');
  const fileOf = (blob, name) => ({ name, size: blob.size, isRemote: false,
    async read(offset, count) {
      try { return new Uint8Array(await blob.slice(offset, offset + count).arrayBuffer()); }
      catch (error) { throw broken(name, 'it was moved, changed or taken away (' + error.message + ')'); }
    } });
  const remoteOf = (href, name, size) => ({ name, size, isRemote: true,
    async read(offset, count) {
      for (let wait_ms = 250, why; ; wait_ms *= 2) {
        try {
          const response = await fetch(href, { headers: { Range: 'bytes=' + offset + '-' + (offset + count - 1) } }), { status } = response;
          if (status === 206) {
            const bytes = new Uint8Array(await response.arrayBuffer());
            if (bytes.length === count) return bytes;
          } else response.body?.cancel();
          why = 'the server answered ' + status;
          if (status < 500 && status !== 206) wait_ms = 1e9;  // it will not think better of it
        } catch { why = 'no answer, or the connection broke'; }
        if (wait_ms > 8000) throw broken(name, why);
        await new Promise(resolve => setTimeout(resolve, wait_ms));
      }
    } });

  // Bytes to whoever can read them: our own parser, the equaliser's text, the browser's decoder.
  async function hand(name, bytes, number, purpose, signal) {
    if (!bytes.byteLength) throw Error(name + ' is empty (0 bytes)');
    const magic = String.fromCharCode(...new Uint8Array(bytes, 0, Math.min(4, bytes.byteLength)));
    let address = 0, clip = 0;
    if (['RIFF', 'RF64', 'BW64', 'RIFX', 'riff', 'FORM'].includes(magic)) {
      address = bytes.byteLength < 2 ** 31 ? call('alloc', bytes.byteLength) >>> 0 : 0;
      if (!address) throw Error(name + ' does not fit into memory (' + megabytes(bytes.byteLength) + ')');
      bytesOf().set(new Uint8Array(bytes), address);
    } else if (purpose <= QUEUE && bytes.byteLength < SETTINGS_LIMIT) {
      const settings = new TextDecoder().decode(bytes);
      if (!settings.includes('\0') && SETTINGS.test(settings)) {                // a zero: no text, whatever its bytes spell
        await applyText('import_eq', settings, name + ': ');
        settleLoad(number);
        return wakeFrames();
      }
    }
    // What our own parser does not read, MP3 in a WAV for example, the browser may; if not, our sentence is the better one.
    if (!address || !call('is_readable', address, bytes.byteLength)) {
      clip = await decode(name, bytes, signal).catch(error => { if (!address) throw error; return 0; });
      if (address && (clip || signal.aborted)) call('free', address);
      if (signal.aborted) { if (clip) call('clip_destroy', clip); return; }
    }
    withText(name, text => clip ? call('load_clip', clip, text, number, purpose) : call('load_bytes', address, bytes.byteLength, text, number, purpose));
    wakeFrames();
  }
  function checkSize(name, size, condition = '') {
    if (size > WHOLE_LIMIT) throw Error(name + ' is too large to be read as a whole (' + megabytes(size) + ', ' + megabytes(WHOLE_LIMIT) + ' at most); a WAV file is read by pieces' + condition);
  }
  const megabytes = count => (count / 1048576).toFixed(count < 10485760 ? 1 : 0) + ' MB';

  // Without bytes, if takes(file) takes the file as such.
  async function fetchBytes(source, signal, takes = async () => false) {
    if (source instanceof ArrayBuffer) return { name: 'audio', bytes: source };
    if (ArrayBuffer.isView(source)) return { name: 'audio', bytes: source.buffer.slice(source.byteOffset, source.byteOffset + source.byteLength) };
    if (source instanceof Blob) {
      const name = source.name || 'audio';
      if (await takes(fileOf(source, name))) return {};
      checkSize(name, source.size);
      try { return { name, bytes: await source.arrayBuffer() }; } catch (error) { throw Error(name + ' could not be read: ' + error.message); }
    }
    let address, name;
    try { address = new URL(source, document.baseURI); } catch { throw Error('"' + source + '" is not an address of a file'); }
    try { name = decodeURIComponent(address.pathname.split('/').pop()) || address.hostname; } catch { name = address.pathname; }
    let response;
    try { response = await fetch(address.href, { signal }); }
    catch {
      throw Error(name + ' could not be fetched from ' + (address.host || address.protocol) + ': no answer, or '
        + (address.origin === location.origin ? 'the connection broke' : 'that server does not allow this page to read it (CORS)'));
    }
    if (!response.ok) throw Error(name + ' could not be loaded: the server answered ' + response.status + ' ' + response.statusText);
    if ((response.headers.get('content-type') ?? '').startsWith('text/html')) throw Error(name + ' is a web page, not audio');
    const size = response.headers.has('content-encoding') ? 0 : +response.headers.get('content-length');
    if (await takes(remoteOf(address.href, name, size))) { response.body?.cancel(); return {}; }
    if (size > WHOLE_LIMIT) response.body?.cancel();
    checkSize(name, size, ' if its server answers range requests');
    try { return { name, bytes: await response.arrayBuffer() }; } catch { throw Error(name + ' could not be loaded: the connection broke'); }
  }

  // Seconds, by what the browser reads of its beginning, else at 128 kb a second.
  async function durationOf(bytes) {
    const audio = new Audio(), url = URL.createObjectURL(new Blob([bytes]));
    await new Promise(resolve => {
      audio.onloadedmetadata = audio.onerror = resolve;
      setTimeout(resolve, 3000);
      audio.preload = 'metadata';
      audio.src = url;
    });
    const { duration } = audio;
    audio.removeAttribute('src');
    URL.revokeObjectURL(url);
    return Number.isFinite(duration) ? duration : bytes.byteLength / 16000;
  }
  // The browser's decoder gives the samples at the rate of the context it belongs to: the device's, once sound has
  // been woken, else 48 kHz (or rate=). Answers a ra_clip.
  async function decode(name, bytes, signal) {
    if (bytes.byteLength > DECODER_LIMIT)
      throw Error(name + ' is too large for the browser\'s decoder (' + megabytes(bytes.byteLength) + ', ' + megabytes(DECODER_LIMIT) + ' at most); a WAV file may be larger');
    const Offline = self.OfflineAudioContext ?? self.webkitOfflineAudioContext;
    if (!Offline) throw Error(name + ': this browser decodes no audio files; WAV files work');
    const rate = audio.context?.sampleRate ?? (wantedRate || 48000);
    const most = tier === 'threads' ? 1536 << 20 : 768 << 20;  // the browser has it, then C, without isolation the audio thread too
    // what is smaller cannot last so long
    let channels = 2, decoded = bytes.byteLength < 2 << 20 ? 0 : await durationOf(bytes) * rate * 8, start;
    if (decoded > most) {                                     // speech may be mono: its beginning tells
      start = await new Offline(2, 1, rate).decodeAudioData(bytes.slice(0, PROBE_BYTES)).catch(() => {});
      channels = start?.numberOfChannels ?? 2;
      decoded *= channels / 2;
    }
    if (decoded > most)
      throw Error(name + ' is too long to be decoded: about ' + megabytes(decoded) + ' (' + channels + ' channels at ' + rate + ' Hz), ' + megabytes(most) + ' at most. Save it as WAV, which is read by pieces');
    if (signal.aborted) return 0;
    let buffer;
    // A copy, because the decoder takes the bytes away even when it fails, and they may be the caller's.
    try { buffer = await new Offline(2, 1, rate).decodeAudioData(bytes.slice(0)); }
    catch { throw Error(name + ' cannot be decoded: it is damaged, or not a kind of audio that this browser knows'); }
    if (signal.aborted) return 0;
    const { length } = buffer;
    channels = buffer.numberOfChannels;
    const clip = call('clip_create', length, channels, buffer.sampleRate) >>> 0;
    if (!clip) throw Error(name + ' does not fit into memory (' + megabytes(4 * length * channels) + ')');
    const planes = Array.from({ length: channels }, (_, channel) => buffer.getChannelData(channel));
    const SLICE = 1 << 17;                                    // frames; about a millisecond, so that frames go on
    for (let first = 0; first < length; first += SLICE) {
      const last = Math.min(length, first + SLICE);
      const samples = new Float32Array(memory.buffer, call('clip_samples', clip) >>> 0, length * channels);
      planes.forEach((plane, channel) => { for (let frame = first; frame < last; frame++) samples[frame * channels + channel] = plane[frame]; });
      if ((first / SLICE) % 8 === 7) await new Promise(resolve => setTimeout(resolve));
      if (signal.aborted) { call('clip_destroy', clip); return 0; }
    }
    return clip;
  }

  // ---- sound

  const ASLEEP = 0, RUNNING = 1, BROKEN = 2;                  // app_audio_state
  const audio = { context: null, node: null, isUp: false, why: '', rebuilds: 0, retries: 0, isWanted: false };

  const audioState = () => audio.why ? BROKEN : audio.isUp && audio.context.state === 'running' ? RUNNING : ASLEEP;
  function reportAudio() {
    if (!isStarted) return;
    withText(audio.why, why => call('set_audio', audioState(), audio.context?.sampleRate ?? 0, why));
    wakeFrames();
  }
  function setAudioBroken(why) { audio.why = why; audio.isUp = false; reportAudio(); }

  // iPhone: play although the mute switch is on, as music players do
  const setSession = type => { try { navigator.audioSession.type = type; } catch { /* any other browser */ } };
  // Inside a gesture, each time, until it runs: the promise of resume() may never settle, only the state counts.
  function wakeAudio() {
    if (audio.why) return;
    if (!audio.context) makeAudio();
    else if (audio.context.state !== 'running') audio.context.resume().catch(() => {});
  }
  function makeAudio() {
    setSession('playback');
    const Context = self.AudioContext ?? self.webkitAudioContext;
    if (!Context || !self.AudioWorkletNode) return setAudioBroken('This browser has no AudioWorklet; any browser since 2021 has it on https:// pages');
    try { audio.context = new Context({ latencyHint: 'interactive', ...(wantedRate && { sampleRate: wantedRate }) }); }
    catch { try { audio.context = new Context(); } catch (error) { return setAudioBroken('The browser gives no sound output: ' + error.message); } }
    const { context } = audio;
    context.onstatechange = reportAudio;
    context.resume().catch(() => {});
    context.audioWorklet.addModule(file('worker.js'))
      .then(() => ready).then(() => { if (context === audio.context && context.state !== 'closed') makeNode(); })
      .catch(error => { if (context === audio.context) setAudioBroken('The audio thread could not start: ' + error.message); });
  }
  function makeNode() {
    const { context } = audio, isShared = tier === 'threads';
    commandCount = 0;
    // the front engine of a bridge keeps its commands for the other side, which is made for the rate
    if (isShared && !call('set_rate', context.sampleRate)) return setAudioBroken('The sound device\'s rate of ' + context.sampleRate + ' Hz is not possible here');
    const node = audio.node = new AudioWorkletNode(context, 'rustyaudio', { channelCount: 2, channelCountMode: 'explicit', outputChannelCount: [2],
      processorOptions: { module, boot, rate: context.sampleRate, ...(isShared ? { memory } : { initial: initialPages }) } });
    node.port.onmessage = ({ data }) => { if (node === audio.node) onWorklet(data); };
    node.onprocessorerror = () => onTrap('it ended without a word');
    node.connect(context.destination);
    connectMicrophone();
  }
  function onWorklet(message) {
    if (message.report) {                                     // without isolation, every eighth block
      const isTold = !pump() && message.commandCount === commandCount;
      if (isTold) isDeaf = false;
      if (isDeaf) return;
      bytesOf().set(message.report, bridge);
      call('bridge_report', message.report.length);
    } else if (message.refused) {
      appFail('There is not enough memory to play this file');
      delivery.byteCount = 0;                                 // a moment of silence takes its place
      sendPieces(0);
    } else if (message.received !== undefined) sendPieces(message.received);
    else if (message.wanted) {                                // by a stream over there
      const [, source, low, high, count] = message.wanted, { node } = audio;
      readPiece(source, low + high * 2 ** 32, count).then(bytes => node.port.postMessage({ source, read: bytes }, [bytes.buffer]));
    }
    else if (message.up) { audio.isUp = true; reportAudio(); pump(); }
    else if (message.trap) onTrap(message.trap);
    else if (message.stub && option('log') === 'debug') console.info('Rusty Audio: the audio thread called ' + message.stub + ', which does nothing there');
  }
  // The engine failed in the middle of a block. Once it may begin anew, with a fresh instance.
  function onTrap(reason) {
    audio.node?.disconnect();
    if (audio.node) audio.node.port.onmessage = audio.node.onprocessorerror = null;
    audio.node = null;
    console.error('Rusty Audio: the audio thread stopped: ' + reason);
    if (audio.retries++) return setAudioBroken('The audio thread stopped: ' + reason);
    appFail('The audio thread stopped (' + reason + ') and was started again');
    audio.isUp = false;
    resync();
    makeNode();
  }
  // Without isolation the worklet's memory is gone with it: everything is sent again.
  function resync() {
    delivery = null;
    if (tier === 'threads') return;
    isDeaf = true;
    call('bridge_resync');
  }

  // A context that says "running" while its clock stands still (after a call on an iPhone) is made anew, once.
  let clockWas = -1;
  setInterval(() => {
    const { context } = audio;
    if (!context || !audio.isUp || context.state !== 'running' || document.hidden) { clockWas = -1; return; }
    if (context.currentTime === clockWas && !audio.rebuilds++) {
      audio.isUp = false;
      audio.node?.disconnect();
      audio.node = audio.context = null;
      context.onstatechange = null;
      audio.isClosing = true;                                 // no tap may make another one before this one is gone
      context.close().catch(() => {}).then(() => { audio.isClosing = false; resync(); makeAudio(); });
    }
    clockWas = audio.context?.currentTime ?? -1;
  }, 1000);

  const underruns = () => audio.context?.playbackStats?.underrunEvents ?? 0;    // only Chromium tells

  for (const type of ['pointerdown', 'pointerup', 'keydown'])
    addEventListener(type, event => { if (audio.isWanted || host.contains(event.target)) wakeAudio(); }, true);

  // Back-forward cache: a page that is put aside falls silent and takes up again where it was.
  let playedWhenHidden = false;
  addEventListener('pagehide', () => { if (isStarted) { playedWhenHidden = state().playing === true; call('pause'); pump(); } });
  addEventListener('pageshow', event => { if (isStarted && event.persisted && playedWhenHidden) { call('play'); wakeAudio(); wakeFrames(); } });

  const handlers = {                                          // media keys, headphones, lock screens
    play: () => face.play(), pause: () => face.pause(), stop: () => face.stop(), seekto: ({ seekTime }) => face.seek(seekTime),
    seekbackward: ({ seekOffset }) => face.seek(state().position_s - (seekOffset ?? 5)),
    seekforward: ({ seekOffset }) => face.seek(state().position_s + (seekOffset ?? 5)),
  };
  for (const action in handlers)
    try { navigator.mediaSession?.setActionHandler(action, details => { handlers[action](details).catch(() => {}); }); } catch { /* unknown to this browser */ }

  // ---- without isolation: commands and clips go to the worklet by message

  const PIECE_BYTES = 256 << 10;                              // what a worklet copies between two blocks without being late
  let delivery = null, commandCount = 0;
  let isDeaf = false;                                         // a new worklet, which does not know yet that it should be playing, is not believed

  // True while there is something that the worklet has not been told.
  function pump() {
    if (!isStarted || tier === 'threads' || !audio.isUp) return false;
    if (!delivery) {
      const told = call('bridge_clip') >>> 0;
      if (told) {
        const [serial, samples, frames, channels, rate, source, info, infoBytes] = new Uint32Array(memory.buffer, told, 8);
        delivery = { serial, samples, byteCount: source ? 0 : 4 * frames * channels, offset: 0, sentAt: [] };
        audio.node.port.postMessage({ clip: { frames, channels, rate, source, info: source && bytesOf().slice(info, info + infoBytes) } });   // it answers when it has room
      }
    }
    const byteCount = call('bridge_commands');
    if (!byteCount) return !!delivery;
    commandCount++;
    audio.node.port.postMessage({ commands: bytesOf().slice(bridge, bridge + byteCount) });
    return true;
  }
  // received: how many bytes the worklet has by now. One piece is on its way where the answer comes at once, up to
  // four where it takes many blocks, as in Firefox.
  function sendPieces(received) {
    if (!delivery) return;
    if (received < delivery.byteCount) {
      const now = performance.now(), waited = now - (delivery.sentAt.shift() ?? now);
      const end = Math.min(delivery.byteCount, received + PIECE_BYTES * Math.min(4, 1 + Math.floor(waited / 8)));
      while (delivery.offset < end) {
        const { offset, samples, byteCount } = delivery;
        const piece = bytesOf().slice(samples + offset, samples + Math.min(offset + PIECE_BYTES, byteCount));
        delivery.offset += piece.length;
        delivery.sentAt.push(now);
        audio.node.port.postMessage({ piece, offset }, [piece.buffer]);
      }
      return;
    }
    call('bridge_clip_sent', delivery.serial);
    delivery = null;
    pump();
  }

  // ---- recording: pieces of a WAV file from C are gathered as Blobs, which the browser may keep on its disk

  const SOURCES = ['output', 'microphone'];
  const NO_MICROPHONE = {                                     // by the error's name: what to do about it
    NotAllowedError: 'The microphone is not allowed: allow it beside the address (in a frame also by allow="microphone"), then record again',
    NotFoundError: 'There is no microphone: plug one in, then record again',
    NotReadableError: 'The microphone is in use by another program, or the system keeps it from the browser',
  };
  let take = null;                                            // what is being recorded, a thing of its own for each; and of it:
  let parts, stream, input, why, give;                        // give: who has asked for the file
  let kept = [];                                              // files that wait for somebody to save them

  const guard = event => event.preventDefault();              // "Leave the page?", only while something would be lost
  const guardTake = () => (take || kept[0] ? addEventListener : removeEventListener)('beforeunload', guard);
  function download(file) {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(file);
    link.download = file.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }
  // ---- export: the pool makes the file by pieces; here they are put together, or written to where the user wants them

  const FORMATS = { s16: 1, s24: 2, f32: 4 }, PICKER_FROM_MB = option('picker') ?? 512;
  let asked = null, newest;                                   // { resolve, reject } of exportFile; the parts of the export that runs
  async function takeExport(name, size) {
    const whose = asked, parts = newest = [];
    let sink = null, phase = 1;
    asked = null;
    try {
      if (!whose && size > PICKER_FROM_MB && self.showSaveFilePicker) {
        const chosen = await showSaveFilePicker({ suggestedName: name, types: [{ accept: { 'audio/wav': ['.wav'] } }] })
          .catch(error => { if (error.name === 'AbortError') throw error; });                  // not in this frame, perhaps: a download
        sink = await chosen?.createWritable();
      }
      while (isStarted && phase === 1) {
        feed();
        for (let told; newest === parts && (told = call('export_next') >>> 0);) {
          const [address, byteCount] = new Uint32Array(memory.buffer, told, 2), bytes = bytesOf().slice(address, address + byteCount);
          call('export_done');
          if (sink) await sink.write(bytes); else parts.push(new Blob([bytes]));
        }
        phase = newest === parts ? call('export_phase') : 4;   // cancelled while the disk was slow, and another one has begun
        wakeFrames();
        if (phase === 1) await soon();
      }
      if (phase !== 2) throw Error(state().export.error || 'The export was cancelled');
      await sink?.close();
      const file = sink ? null : new File(parts, name, { type: 'audio/wav' });
      if (whose) whose.resolve({ file, ...state().export }); else if (file) download(file);
    } catch (error) {
      whose?.reject(error);
      sink?.abort().catch(() => {});
      if (!isStarted) return;
      if (newest === parts) call('export_cancel');
      wakeFrames();
      if (!whose && phase < 3 && error.name !== 'AbortError') appFail(name + ' could not be written: ' + error.message);
    }
  }
  // What render does on the command line, with the chain that is heard now: { file, bytes, lufs, true_peak_dbtp, gain_db, sha256 }.
  async function exportFile(options) {
    const { format = 's24', lufs, rms_db, peak_db, from_s = 0, to_s = 0 } = options ?? {};
    if (!FORMATS[format]) throw Error("export() writes 's16', 's24' or 'f32'");
    await ready;
    if (asked) throw Error('A file is being exported already.');
    return new Promise((resolve, reject) => {
      const targets = [lufs, rms_db, peak_db], kind = targets.findIndex(target => target != null);
      asked = { resolve, reject };
      const refusal = call('export', FORMATS[format], kind, +targets[kind], +from_s, +to_s) >>> 0;
      wakeFrames();
      if (!refusal) return;
      asked = null;
      reject(Error(textAt(refusal)));
    });
  }

  // To the node of now: both may have been made anew.
  function connectMicrophone() {
    input?.disconnect();
    input = stream && new MediaStreamAudioSourceNode(audio.context, { mediaStream: stream });
    input?.connect(audio.node);
  }
  function closeMicrophone(stream) {
    stream?.getTracks().forEach(track => track.stop());
    setSession('playback');
  }
  function endTake() {
    closeMicrophone(stream);
    take = stream = give = null;
    connectMicrophone();
    guardTake();
    wakeFrames();
  }
  async function record(source = 'output') {
    const what = SOURCES.indexOf(source) + 1;
    if (!what || take) throw Error(take ? 'It is recording already' : "record() wants 'output' or 'microphone'");
    const mine = take = {};
    parts = [];
    why = '';
    try {
      audio.isWanted = true;
      wakeAudio();
      await ready;
      call('record', what + 4);
      await untilRunning();
      if (what === 2) {
        setSession('play-and-record');
        const raw = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 2 };
        const opened = await navigator.mediaDevices.getUserMedia({ audio: raw }).catch(error => { throw Error(NO_MICROPHONE[error.name] ?? 'The microphone does not open: ' + error.message); });
        if (take !== mine) closeMicrophone(opened); else stream = opened;
        opened.getTracks()[0].onended = () => { if (take === mine) { why = 'The microphone is gone. '; stopTake(); } };
      }
      if (take !== mine) throw Error('It was stopped before it began');
      connectMicrophone();
      const refusal = call('record', what) >>> 0;
      if (refusal) throw Error('It cannot record: ' + textAt(refusal));
      guardTake();
      pump();
    } catch (error) {
      if (take === mine) { stopTake(); appFail(error.message); }
      throw error;
    }
  }
  function stopTake() {
    if (isStarted && !call('record', 0)) return wakeFrames(); // it ends, and gives its last piece then
    give?.(null);
    endTake();
  }
  const stopRecording = () => new Promise((resolve, reject) => {
    if (!take) return reject(Error('Nothing is being recorded'));
    give = resolve;
    stopTake();
  });
  function pumpTake() {
    for (let told; take && (told = call('record_next') >>> 0);) {
      const [address, byteCount, isHeader] = new Uint32Array(memory.buffer, told, 3), part = new Blob([bytesOf().slice(address, address + byteCount)]);
      if (!isHeader) { parts.push(part); continue; }
      const local = new Date(Date.now() - 60000 * new Date().getTimezoneOffset()).toISOString();
      const file = new File([part, ...parts], 'recording ' + local.slice(0, 19).replace('T', ' ').replace(/:/g, '.') + '.wav', { type: 'audio/wav' });
      if (!give) kept.push(file);
      withText(why, text => call('recorded', give ? 0 : kept.length, text));
      give?.(file);
      endTake();
    }
  }

  // ---- the face for the hosting page

  function state() {
    if (!isStarted) return { playing: false };
    const longest = longestCall;
    longestCall = 0;
    return { ...JSON.parse(textAt(call('state_json'))), longest_call_ms: longest, audio: ['asleep', 'running', 'broken'][audioState()], underruns: underruns() };
  }
  async function applyText(name, text, prefix = '') {
    await ready;
    const refusal = withText(String(text), address => call(name, address)) >>> 0;
    wakeFrames();
    if (refusal) throw Error(prefix + textAt(refusal));
  }
  const setState = text => applyText('set_state', text).catch(error => { appFail(error.message); throw error; });
  const command = name => async (...values) => {
    if (name === 'seek' && !Number.isFinite(values[0])) throw Error('seek() wants a number of seconds');
    await ready;
    call(name, ...values);
    pump();
    wakeFrames();
  };
  // Broken when the browser wants a gesture first (sound starts at the next one).
  async function untilRunning() {
    for (let waited = 0; audioState() !== RUNNING || isDeaf; waited += 50) {
      if (audio.why) throw Error(audio.why);
      if (waited >= 3000) throw Error('The browser keeps sound asleep until there is a tap or a key press in the page');
      await new Promise(resolve => setTimeout(resolve, 50));
    }
  }
  const face = {
    ready, state, unisolate, queue, record, stopRecording, export: exportFile,
    load: source => load(source),
    // Kept when sound runs.
    async play() {
      audio.isWanted = true;
      wakeAudio();
      await command('play')();
      await untilRunning();
    },
    pause: command('pause'), stop: command('stop'), seek: command('seek'), set: setState,
    spectrum: () => isStarted ? new Float32Array(memory.buffer, call('spectrum') >>> 0, call('spectrum_bins')).slice() : new Float32Array(0),
    get context() { return audio.context; },
    get node() { return audio.node; },
  };
  self.rustyaudio = face;
  start().catch(error => fail('Rusty Audio could not start: ' + error.message));
}

// Shared memory of 64 KB pages; undefined if the device will not set so many addresses aside.
const MAXIMA = [32768, 16384, 8192, 4096, 1024];              // 2 GB, as in build.sh, or less
function makeMemory(maximum, initial = 1) {
  try { return new WebAssembly.Memory({ initial, maximum, shared: true }); } catch { return undefined; }
}

// The words of web_boot_block in section [17], in their order.
const BOOT = Object.fromEntries(['magic', 'construct', 'setStack', 'stackEnd', 'setTls', 'tls', 'create', 'render', 'left', 'right', 'blockFrames',
  'clip', 'commands', 'report', 'bridge', 'callNames', 'calls', 'stream', 'nextRead', 'readBytes', 'readDone'].map((name, word) => [name, word]));

// ================================================================================ the audio thread

function rustyWorklet() {
  class RustyAudio extends AudioWorkletProcessor {
    constructor({ processorOptions }) {
      super();
      this.render = null;
      this.port.onmessage = ({ data }) => this.receive(data);
      try {
        this.boot(processorOptions);
        this.port.postMessage({ up: true });
      } catch (error) { this.port.postMessage({ trap: String(error) }); }
    }

    // An instance of the page's module, made by hand. Every function that it could call in JavaScript is replaced
    // by one that only tells of the call: the engine needs none of them.
    boot({ module, memory, initial, boot, rate }) {
      this.isShared = !!memory;
      const table = this.instantiate(module, memory, initial);
      const words = new Uint32Array(this.memory.buffer, boot, Object.keys(BOOT).length), word = name => words[BOOT[name]], entry = name => table.get(word(name));
      if (word('magic') !== 0x52414254) throw Error('rustyaudio.wasm and worker.js do not belong together');
      if (this.isShared) entry('setStack')(word('stackEnd'));
      if (word('setTls')) entry('setTls')(word('tls'));
      if (!this.isShared) entry('construct')();
      this.left = word('left'); this.right = word('right'); this.bridge = word('bridge'); this.blockFrames = word('blockFrames');
      this.stream = entry('stream'); this.nextRead = entry('nextRead'); this.readBytes = entry('readBytes'); this.readDone = entry('readDone');
      this.isReading = false;
      this.clip = entry('clip'); this.commands = entry('commands'); this.report = entry('report');
      this.blockCount = this.commandCount = 0;
      this.lookAt(128);
      if (!this.isShared && !entry('create')(rate)) throw Error('no memory for the engine');
      this.render = entry('render');
    }
    instantiate(module, memory, initial) {
      let refusal;
      for (const maximum of MAXIMA) try {                     // a memory of its own may have to be a smaller one
        const imports = {};
        for (const { module: space, name, kind } of WebAssembly.Module.imports(module))
          (imports[space] ??= {})[name] = kind === 'memory' ? this.memory = memory ?? makeMemory(maximum, initial) : this.stub(name);
        const items = Object.values(new WebAssembly.Instance(module, imports).exports);
        this.memory = items.find(item => item instanceof WebAssembly.Memory) ?? this.memory;
        return items.find(item => item instanceof WebAssembly.Table);
      } catch (error) { refusal = error; }
      throw refusal;
    }
    stub(name) {
      let isTold = false;
      return () => { if (!isTold) this.port.postMessage({ stub: name }); isTold = true; return 0; };
    }
    lookAt(frameCount) {
      this.views = [new Float32Array(this.memory.buffer, this.left, frameCount), new Float32Array(this.memory.buffer, this.right, frameCount)];
    }

    process([input], [output]) {
      if (!this.render) return true;
      const frameCount = Math.min(output[0].length, this.blockFrames), hasInput = input.length === 2;
      // Growth detaches the views of a memory that is not shared.
      const look = () => { if (this.views[0].length !== frameCount) this.lookAt(frameCount); };
      if (hasInput) {
        look();
        this.views.forEach((view, side) => view.set(input[side]));
      }
      try { this.render(frameCount, hasInput); } catch (error) {
        this.render = null;
        this.port.postMessage({ trap: String(error) });
        return true;
      }
      look();
      output[0].set(this.views[0]);
      output[1].set(this.views[1]);
      if (!this.isShared && (++this.blockCount & 7) === 0) {
        const byteCount = this.report();
        const report = new Uint8Array(this.memory.buffer, this.bridge, byteCount).slice();
        this.port.postMessage({ report, commandCount: this.commandCount }, [report.buffer]);
        this.want();
      }
      return true;
    }

    // Only without isolation: asks the page to read what streams want.
    want() {
      const told = !this.isReading && this.nextRead() >>> 0;
      if (!told) return;
      this.isReading = true;
      this.port.postMessage({ wanted: [...new Uint32Array(this.memory.buffer, told, 5)] });
    }
    // Only without isolation: commands, and clips in pieces.
    receive({ commands, clip, piece, offset, read, source }) {
      if (!this.render) return;
      if (commands) {
        new Uint8Array(this.memory.buffer).set(commands, this.bridge);
        this.commands(commands.length);
        this.commandCount++;
      } else if (read) {
        const address = this.readBytes(0, source) >>> 0;
        this.isReading = false;
        if (address) {
          new Uint8Array(this.memory.buffer).set(read, address);
          this.readDone(0, source, read.length);
        }
        this.want();
      } else if (clip) {
        if (clip.source) new Uint8Array(this.memory.buffer).set(clip.info, this.bridge);
        const isThere = clip.source ? this.stream(clip.source) : (this.samples = this.clip(clip.frames, clip.channels, clip.rate) >>> 0) !== 0;
        if (!isThere) this.samples = this.clip(1, clip.channels, clip.rate) >>> 0;
        this.port.postMessage(isThere ? { received: 0 } : { refused: true });
      } else if (piece) {
        new Uint8Array(this.memory.buffer).set(piece, this.samples + offset);
        this.port.postMessage({ received: offset + piece.length });
      }
    }
  }
  registerProcessor('rustyaudio', RustyAudio);
}

// ================================================================================ the service worker

// Adds the headers that a static host cannot send. No cache: what the server has is what the visitor gets.
function rustyService() {
  const coep = new URL(self.location.href).searchParams.get('coep') ?? 'require-corp';
  self.addEventListener('install', () => self.skipWaiting());
  self.addEventListener('activate', event => event.waitUntil(self.clients.claim()));
  self.addEventListener('fetch', event => {
    const { request } = event;
    if (request.method !== 'GET' || new URL(request.url).origin !== self.location.origin) return;
    if (request.cache === 'only-if-cached' && request.mode !== 'same-origin') return;
    event.respondWith(fetch(request).then(response => {
      if (response.status !== 200 || response.type === 'opaque') return response;   // also a 304, whose body would be lost
      const headers = new Headers(response.headers);
      headers.set('Cross-Origin-Embedder-Policy', coep);
      headers.set('Cross-Origin-Opener-Policy', 'same-origin');
      headers.set('Cross-Origin-Resource-Policy', 'same-origin');
      return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
    }));
  });
}

if (typeof AudioWorkletProcessor !== 'undefined') rustyWorklet();
else if (typeof ServiceWorkerGlobalScope !== 'undefined') rustyService();
else if (typeof document !== 'undefined') rustyPage();
})();
