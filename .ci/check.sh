# ./build.sh check: what a reader is promised and no test sees. build.sh reads this file; it has built the site and
# the command-line program, stands in the project's folder, and gives CC, WORK, DIST and BUILD.

# expect SENTENCE COMMAND...: one line; what the command says only when it fails
expect() {
    local sentence=$1 said
    shift
    if said=$( (set -e; "$@") 2>&1 ); then
        PASSED=$((PASSED + 1))
        echo "ok    $sentence${said:+$'\n'$said}"
    else
        FAILED=$((FAILED + 1))
        echo "FAIL  $sentence${said:+$'\n'$said}"
    fi
}

# law NAME: the rules of the house, read from rustyaudio.c
law() {
    python3 - "$1" <<'END'
import re, sys
text = open('rustyaudio.c', encoding='utf-8').read()
blank = lambda match: ' ' + '\n' * match[0].count('\n')
code = re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)
line_of = lambda place: code.count('\n', 0, place) + 1
banners = [(match[1], text.count('\n', 0, match.start()) + 2)       # heading and line number
           for match in re.finditer(r'^/\* ={20,}\n +(\[\d+\] .*)$', text, re.M)]
wrong = []

if sys.argv[1] == 'contents':
    first = banners[0][1] if banners else 0
    page = re.findall(r'^ +(\[\d+\] .*)$', '\n'.join(text.split('\n')[:first - 1]), re.M)
    headings = [heading for heading, _ in banners]
    if not page: wrong.append('there is no contents page')
    wrong += [f'only on the contents page: {x}' for x in page if x not in headings]
    wrong += [f'only as a banner: {x}' for x in headings if x not in page]
    if not wrong and page != headings: wrong.append('the order differs')

if sys.argv[1] == 'platform':
    for number, line in enumerate(code.split('\n'), 1):
        section = [heading for heading, at in banners if at <= number][-1:] or ['the cover']
        if '__EMSCRIPTEN__' in line and not section[0].startswith('[1]'):
            wrong.append(f'line {number}: __EMSCRIPTEN__ outside [1]')
        if re.match(r'\s*#\s*(el)?if.*\bRA_WEB\b', line) and not re.match(r'\[(1|3|15|17)\]', section[0]):
            wrong.append(f'line {number}: RA_WEB decides in {section[0]}')
    if code.count('__EMSCRIPTEN__') != 1: wrong.append(f'__EMSCRIPTEN__ is used {code.count("__EMSCRIPTEN__")} times')

if sys.argv[1] == 'downward':
    code = re.sub(r'^[ \t]*#(?:\\\n|[^\n])*', blank, code, flags=re.M)
    defined = {}
    for match in re.finditer(r'^[A-Za-z_][^;{}=#]*?\b([a-z_]\w*)\([^;{}]*\)\s*\{', code, re.M):
        defined.setdefault(match[1], match.start())
    if not defined: wrong.append('no functions found')
    for name, place in defined.items():
        use = re.search(r'(?<![.>*\w])' + name + r'\s*\(', code)
        if use and use.start() < place:
            wrong.append(f'{name}: used in line {line_of(use.start())}, defined in line {line_of(place)}')

print('\n'.join('      ' + x for x in wrong[:20]))
sys.exit(bool(wrong))
END
}

header_alone() {
    printf '#include "rustyaudio.h"\n' >"$WORK/alone.c"
    cp "$WORK/alone.c" "$WORK/alone.cpp"
    "$CC" -std=c11 -Wall -Wextra -pedantic -Werror -I "$1" -c "$WORK/alone.c" -o "$WORK/alone.o"
    c++ -std=c++17 -Wall -Wextra -pedantic -Werror -I "$1" -c "$WORK/alone.cpp" -o "$WORK/alone.o"
}

# The 16 ways to embed. Only ra_ names may be seen by the linker, under RA_STATIC none.
all_switches() {
    local ui web threads static flags names
    printf '#define RUSTYAUDIO_IMPLEMENTATION\n#include "rustyaudio.h"\n' >"$WORK/engine.c"
    for ui in '' -DRA_NO_UI; do for web in '' -DRA_NO_WEB; do for threads in '' -DRA_NO_THREADS; do for static in '' -DRA_STATIC; do
        flags="$ui $web $threads $static"
        "$CC" -std=c11 -Wall -Wextra -pedantic -Werror ${static:+-Wno-unused-function} $flags -I dist -c "$WORK/engine.c" -o "$WORK/engine.o" ||
            { echo "      does not compile with:$flags"; return 1; }
        names=$(nm -g --defined-only "$WORK/engine.o" | awk '$3 !~ /^_?ra_/ { print "      global name: " $3 }')
        [[ ! $names ]] || { echo "$names"; return 1; }
    done; done; done; done
}

# example WHERE: the program between two marks in rustyaudio.h, linked with a second file that has the engine
example_runs() {
    sed -n '/--- example/,/--- end/p' rustyaudio.h | sed -e '1d' -e '$d' -e 's/^ \*\( \|$\)//' >"$WORK/example.c"
    [[ -s $WORK/example.c ]] || { echo '      rustyaudio.h has no lines "--- example" and "--- end"'; return 1; }
    printf '#define RUSTYAUDIO_IMPLEMENTATION\n#include "rustyaudio.h"\n' >"$WORK/engine.c"
    sed '/RUSTYAUDIO_IMPLEMENTATION/d' "$WORK/example.c" >"$WORK/user.c"
    "$CC" -std=c11 -Wall -Wextra -O1 -pthread -I dist "$WORK/user.c" "$WORK/engine.c" -o "$WORK/example"
    (cd "$WORK" && ./example) >"$WORK/example.log" || { echo "      ends with status $?"; return 1; }
}

# README.md: each step of its walks, "[6] `ra_eq_set`", is a function of that section.
readme_walks() {
    tr '\n' ' ' <README.md | grep -o '\[[0-9]*\] *`[a-z_0-9]*`' | tr -d '`' | sort -u |
    { local section name bad=0
      while read -r section name; do
          awk -v want="   $section " -v name="$name" '/^   \[[0-9]+\] [A-Z]+ - / { inside = index($0, want) == 1 }
              inside && $0 ~ "^[^ ].*[ *]" name "\\(" { found = 1 } END { exit !found }' rustyaudio.c ||
              { echo "      README.md walks to $section $name, which is not there"; bad=1; }
      done
      return $bad; }
}

# README.md: a fenced block under the line <!-- run --> is done as it stands, in an empty folder beside dist/:
# sh by bash, with rustyaudio on the PATH; c as a program whose engine comes from dist/rustyaudio.h.
readme_runs() {
    local work=$WORK/readme block
    mkdir -p "$work/blocks" "$work/here"
    ln -s "$DIST" "$work/here/dist"
    awk -v folder="$work/blocks" '/^<!-- run -->/ { armed = 1; next }
        /^```/ { if (file) { close(file); file = "" } else if (armed) { file = sprintf("%s/%02d.%s", folder, ++n, substr($0, 4)); armed = 0 }; next }
        file { print >file }' README.md
    for block in "$work"/blocks/*; do
        case $block in
            *.sh) (cd "$work/here" && PATH=$BUILD:$PATH bash -euo pipefail "$block") ;;
            *.c)  "$CC" -std=c11 -Wall -Wextra -pthread -I dist "$block" -o "$work/program" && (cd "$work/here" && ../program) ;;
            *)    echo "      no block to run, or of an unknown kind: ${block##*/}"; false ;;
        esac >"$work/log" 2>&1 || { sed 's/^/      /' "$block"; tail -n 5 "$work/log"; return 1; }
    done
}

# The finished wasm files no longer say which features they use, so an object made with the same flags is asked.
wasm_features() {
    echo 'int nothing;' >"$WORK/nothing.c"
    emcc -c -pthread -msimd128 "$WORK/nothing.c" -o "$WORK/nothing.o"
    node - "$WORK/nothing.o" dist/rustyaudio.wasm dist/rustyaudio-compat.wasm <<'END'
const [object, threads, compat] = process.argv.slice(2).map(f => new WebAssembly.Module(require('fs').readFileSync(f)));
const features = Buffer.from(WebAssembly.Module.customSections(object, 'target_features')[0] ?? []).toString('latin1');
for (const f of ['atomics', 'bulk-memory', 'mutable-globals', 'simd128']) if (!features.match('\\+.' + f)) throw `emcc compiles without ${f}`;
const link = (module, shared) => {         // what a module that imports no memory, or another kind of it, has to say
    const imports = {};
    for (const i of WebAssembly.Module.imports(module)) (imports[i.module] ??= {})[i.name] = i.kind === 'memory' ?
        new WebAssembly.Memory({ initial: 1024, maximum: 1024, shared }) : () => 0;
    try { return new WebAssembly.Instance(module, imports) && 'links'; } catch (error) { return String(error); }
};
if (link(threads, true) !== 'links') throw link(threads, true);
if (!/shared/.test(link(threads, false))) throw 'rustyaudio.wasm does not want shared memory';
if (link(compat, false) !== 'links') throw link(compat, false);
END
}

SIZE_BUDGET=275000          # bytes that a modern browser loads, as they are ...
BROTLI_BUDGET=117000         # ... and as a good host sends them: what there is now and a little; the targets are 200000 and 70000, see below

sizes() {
    node - "$SIZE_BUDGET" "$BROTLI_BUDGET" <<'END'
const fs = require('fs'), zlib = require('zlib'), [raw, brotli] = process.argv.slice(2).map(Number);
const size = name => { const b = fs.readFileSync('dist/' + name); return [b.length, zlib.brotliCompressSync(b).length]; };
const line = (name, s) => console.log('      ' + name.padEnd(24), ...s.map(n => String(n).padStart(8)));
const sum = [0, 0];
console.log('      bytes'.padEnd(30), '     raw', '  brotli');
for (const name of ['index.html', 'worker.js', 'rustyaudio.js', 'rustyaudio.wasm']) {
    const s = size(name); line(name, s); sum[0] += s[0]; sum[1] += s[1];
}
line('a modern browser loads', sum);
line('the budget', [raw, brotli]);
line('the target', [200000, 70000]);
if (sum[0] > 200000) console.log('      the target of 200000 bytes is MISSED by ' + (sum[0] - 200000));
if (sum[1] > 70000) console.log('      the target of 70000 bytes brotli is MISSED by ' + (sum[1] - 70000));
for (const name of ['rustyaudio-compat.js', 'rustyaudio-compat.wasm', 'rustyaudio.h']) line(name, size(name));
process.exit(sum[0] > raw || sum[1] > brotli ? 1 : 0);
END
}

builds_again() {
    local first=$DIST file
    SECONDS=0
    (BUILD=$WORK/again DIST=$WORK/again/dist WORK=; build_dist) || return 1
    for file in "$first"/*; do cmp "$file" "$WORK/again/dist/${file##*/}" || return 1; done
    echo "      a whole build of the site takes $SECONDS s"
}

check_everything() {
    PASSED=0 FAILED=0
    expect "the contents page of rustyaudio.c names its sections, in order" law contents
    expect "__EMSCRIPTEN__ is read once, RA_WEB decides in [1] [3] [15] [17] only" law platform
    expect "no function calls one that is defined further down" law downward
    expect "rustyaudio.h compiles alone as C11 and as C++17" header_alone .
    expect "dist/rustyaudio.h compiles alone as C11 and as C++17" header_alone dist
    expect "the engine compiles under all 16 switches, with ra_ names only" all_switches
    expect "the example in rustyaudio.h runs, linked from two files" example_runs
    expect "the commands and programs of README.md run" readme_runs
    expect "the walks of README.md lead to functions that are there" readme_walks
    expect "the threads build has atomics, bulk memory, SIMD and shared memory, compat needs none" wasm_features
    expect "dist/ keeps within its size" sizes
    expect "a second build gives the same bytes" builds_again
    echo "$PASSED passed, $FAILED failed"
    (( FAILED == 0 ))
}
