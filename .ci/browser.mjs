// browser.mjs - the browser tests: `./build.sh test [SECTION]` runs them under xvfb. By hand, after eval "$(./build.sh env)":
//   xvfb-run -a node .ci/browser.mjs [SECTION or part of a test's name] [--list]
// One line per test, the last line is "N passed, N failed". A failing test leaves a screenshot in build/browser/.

import fs from 'node:fs';
import { Bench, launch, OUT, serve, tests, wait } from './browser_kit.mjs';
import './browser_sound.mjs';
import './browser_page.mjs';
import './browser_views.mjs';
import './browser_faults.mjs';
import './browser_long.mjs';
import './browser_export.mjs';

const [wanted = ''] = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const isSection = tests.some(({ section }) => section === wanted);
const chosen = tests.filter(({ section, name }) => !wanted || (isSection ? section === wanted : name.toLowerCase().includes(wanted.toLowerCase())));

if (process.argv.includes('--list')) {
  for (const { section, name } of chosen) console.log(`${section}: ${name}`);
} else if (!chosen.length) {
  console.log(`no browser test is in a section "${wanted}" or has it in its name`);
  console.log('0 passed, 0 failed');
} else await runAll();

async function runAll() {
  fs.mkdirSync(OUT, { recursive: true });
  fs.rmSync(`${OUT}/signals`, { recursive: true, force: true });
  const sites = { isolated: await serve(), plain: await serve({ isolated: false }) };
  let browser = await launch(), next = 0, failed = 0;
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, async () => { await browser.close(); process.exit(1); });
  // Two lanes, because most of a test is waiting for sound; each test has its own page, storage and servers.
  const lane = async () => {
    while (next < chosen.length) {
      const test = chosen[next++];
      if (!browser.isConnected()) browser = await launch();           // a crash fails one test only
      const begin = performance.now(), failure = await outcome(test, new Bench(browser, sites));
      console.log(`${failure ? 'FAIL' : 'ok  '} ${test.section}: ${test.name} (${((performance.now() - begin) / 1000).toFixed(1)} s)${failure && `\n       ${failure}`}`);
      if (failure) failed++;
    }
  };
  await Promise.all([lane(), lane()]);
  await browser.close();
  sites.isolated.close(); sites.plain.close();
  console.log(`${chosen.length - failed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}

// '' or why it failed.
async function outcome({ section, name, body, seconds }, bench) {
  const picture = `${OUT}/${`${section} ${name}`.replace(/[^\w.]+/g, '-').slice(0, 90)}.png`;
  fs.rmSync(picture, { force: true });
  const running = body(bench);
  running.catch(() => {});                                            // one that is given up on may still fail
  let failure = '';
  try {
    await Promise.race([running, wait(seconds * 1000).then(() => { throw Error(`not finished after ${seconds} s`); })]);
    const problems = bench.unexpected();
    if (problems.length) failure = `errors in the page: ${problems.slice(0, 3).join(' | ')}`;
  } catch (error) {
    failure = [error.message, ...bench.unexpected().slice(0, 2)].join(' | ').replaceAll('\n', '\n       ');
  }
  if (failure && bench.page && !bench.page.isClosed()) {
    const isKept = await bench.page.screenshot({ path: picture, timeout: 5000 }).then(() => true, () => false);
    if (isKept) failure += `\n       ${picture}`;
  }
  await Promise.race([bench.close(), wait(5000)]);
  return failure;
}
