#!/usr/bin/env bash
# Rusty Audio in C: every verb of the project. On a fresh Debian machine each one fetches what it lacks.
#
#   ./build.sh [dist]              the web site in dist/: copy the folder to any static host
#   ./build.sh run [PORT]          dist, then serve it on this machine; --no-isolation leaves out the two headers
#   ./build.sh test [SECTION]      native tests, sanitizers, browser tests; or one section of them
#   ./build.sh cli                 the command-line program, build/rustyaudio
#   ./build.sh fuzz                libFuzzer on the readers of files and chains, for half a minute
#   ./build.sh bench [ARGUMENT...] speed and quality beside other programs
#   ./build.sh check               contents page, examples, every switch, sizes, reproducible builds
#   ./build.sh debug [run [PORT]]  unoptimised site with assertions and source map in build/debug
#   ./build.sh doctor              which tools are here, and which version
#   ./build.sh clean [all]         removes build/ and dist/; all: the fetched tools too
#   ./build.sh env                 shell lines for: eval "$(./build.sh env)"; emcc ...
#   ./build.sh help                this text
#
# Settings, from the environment (the name, the default, the flag it becomes):
#   RA_OPT=s                       -Os for the site, whose hot loops ask for their inlining themselves; 2, 3, z
#   RA_INITIAL_MEMORY=32MB         -sINITIAL_MEMORY: the shared memory at start; it grows
#   RA_MAX_MEMORY=2GB              -sMAXIMUM_MEMORY: up to 4GB
#   RA_STACK_SIZE=1MB              -sSTACK_SIZE: the main thread's stack
#   RA_THREAD_STACK_SIZE=256KB     -sDEFAULT_PTHREAD_STACK_SIZE: each worker's stack
#   RA_EXPORTED_FUNCTIONS=_malloc,_free  -sEXPORTED_FUNCTIONS: beside those marked EMSCRIPTEN_KEEPALIVE
#   RA_EXPORTED_RUNTIME=HEAPU8     -sEXPORTED_RUNTIME_METHODS: what the page sees of Emscripten's own
#   RA_MODULE_API=instantiateWasm,onRuntimeInitialized,print,printErr,onAbort,noExitRuntime,wasmMemory
#                                  -sINCOMING_MODULE_JS_API: what the page may put into Module; without noExitRuntime
#                                  in it the program could end under the threads
#   RA_CLOSURE=1                   --closure=1: small JavaScript; 0: readable, and a quicker build
#   RA_WEB_FLAGS=                  more flags for emcc          RA_NATIVE_FLAGS=   more flags for cc
#   CC=cc                          the native compiler
#   RA_TEST_PARTS=                 which of: check O3 O0 march asan tsan wasm fuzz browser
#   RA_FUZZ_SECONDS=30             how long the fuzzer looks
#   RA_TEST_TIMEOUT=1500           seconds until a test program counts as hung
#   RA_HOST=127.0.0.1              the address that run listens on
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=$ROOT/.cache          # fetched tools: slow to make, never edited, ignored by git
BUILD=$ROOT/build           # native programs, stamps, the debug site
DIST=$ROOT/dist             # the product
SOURCES=("$ROOT/rustyaudio.c" "$ROOT/rustyaudio.h" "$ROOT/build.sh")

# Emscripten 3.1.69 is the last line with WebGPU inside, and Debian trixie packages it. It wants LLVM 19, which
# bookworm has too. The newest closure compilers clash with that Emscripten's WebGPU externs. playwright-core
# 1.61 is the last that runs on bookworm's own Node 18.
EMSCRIPTEN_MINIMUM=3.1.69
EMSCRIPTEN_SUITE=trixie
LLVM=19
NPM_PACKAGES=(acorn@8.15.0 google-closure-compiler@20240317.0.0 playwright-core@1.61.1)

: "${RA_OPT:=s}" "${RA_INITIAL_MEMORY:=32MB}" "${RA_MAX_MEMORY:=2GB}" "${RA_STACK_SIZE:=1MB}"
: "${RA_THREAD_STACK_SIZE:=256KB}" "${RA_EXPORTED_FUNCTIONS:=_malloc,_free}" "${RA_EXPORTED_RUNTIME:=HEAPU8}"
: "${RA_MODULE_API:=instantiateWasm,onRuntimeInitialized,print,printErr,onAbort,noExitRuntime,wasmMemory}"
: "${RA_CLOSURE:=1}" "${RA_WEB_FLAGS:=}" "${RA_NATIVE_FLAGS:=}" "${RA_TEST_TIMEOUT:=1500}" "${RA_HOST:=127.0.0.1}" "${RA_FUZZ_SECONDS:=30}"

# ---- small things -------------------------------------------------------------------------------------------

say() { printf '%s\n' "$*" >&2; }
die() { printf 'build.sh: %s\n' "$*" >&2; exit 1; }

# Unfinished files live in $WORK and are moved into place when whole, so an interrupted build breaks nothing.
WORK=
make_work() {
    [[ -z $WORK ]] || return 0
    mkdir -p "$BUILD"
    WORK=$(mktemp -d "$BUILD/tmp.XXXXXX")
    trap 'rm -rf "$WORK"' EXIT
}

# fresh NAME SETTINGS SOURCE...: nothing to do? A stamp holds the settings of the last good build, and the time
# it *began*, so that a source saved while the compiler runs is seen as newer.
fresh() {
    local stamp=$BUILD/$1.stamp settings=$2 source
    shift 2
    [[ -e $stamp && $(<"$stamp") == "$settings" ]] || return 1
    for source; do [[ ! $source -nt $stamp ]] || return 1; done
}
begin()  { make_work; printf '%s\n' "$2" >"$WORK/$1.stamp"; }
finish() { mv "$WORK/$1.stamp" "$BUILD/$1.stamp"; }

# alone LOCK COMMAND...: two at once in one checkout would do the same work twice; the second waits and finds it done
alone() {
    mkdir -p "$CACHE"
    ( flock 9; "${@:2}" ) 9>"$CACHE/$1.lock"
}

need_source() {
    local file
    for file; do [[ -e $ROOT/$file ]] || die "$file is missing from this checkout"; done
}

# ---- set-up: tools come from Debian and npm, pinned, into .cache ----------------------------------------------

# apt_install PACKAGE...: the only thing that touches the system
apt_install() {
    local package missing=()
    for package; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>&1) == installed ]] || missing+=("$package")
    done
    (( ${#missing[@]} )) || return 0
    command -v apt-get >/dev/null || die "apt-get is missing, so please install by hand: ${missing[*]}"
    [[ $(id -u) == 0 ]] || die "packages are missing; please run: sudo apt-get install ${missing[*]}"
    say "installing ${missing[*]}"
    mkdir -p "$CACHE"
    local quiet=(-qq -o DPkg::Lock::Timeout=600) log=$CACHE/apt.log
    apt-get "${quiet[@]}" update >"$log" 2>&1 || :      # one broken source of many need not matter
    DEBIAN_FRONTEND=noninteractive apt-get "${quiet[@]}" install -y --no-install-recommends "${missing[@]}" >>"$log" 2>&1 </dev/null ||
        die "apt-get could not install ${missing[*]}: $(tail -n 1 "$log")"
    rm -f "$log"
}

# need COMMAND PACKAGE...: installs only when the command is missing, whoever provided it
need() {
    command -v "$1" >/dev/null || apt_install "${@:2}"
    command -v "$1" >/dev/null || die "$1 is missing and Debian's ${*:2} did not bring it"
}

# fetch_debs FOLDER SUITE PACKAGE...: downloads and unpacks without installing, from this machine's own mirror.
# A suite of its own gets a source list of its own: the system's package sources stay as they are.
fetch_debs() {
    local folder=$1 suite=$2 work=$CACHE/$1.debs log=$CACHE/$1.log deb
    shift 2
    local options=(-qq -o APT::Sandbox::User=root)
    rm -rf "$work"
    mkdir -p "$work/lists/partial" "$CACHE/$folder"
    command -v apt-get >/dev/null || die "apt-get is missing, so $* cannot be fetched"
    if [[ $suite != here ]]; then
        local codename site
        codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
        site=$(apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
               awk -v codename="$codename" '$2 == codename && $3 == "main" && !site { site = $1 } END { print site }') || :
        [[ $site ]] || die "no Debian mirror in this machine's package sources; please put emcc $EMSCRIPTEN_MINIMUM or newer on the PATH"
        printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$site" "$suite" >"$work/sources.list"
        options+=(-o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- -o Dir::Etc::preferencesparts=-
                  -o Dir::State::lists="$work/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=)
    fi
    ( cd "$work"
      if [[ $suite == here ]] && apt-get "${options[@]}" download "$@"; then exit; fi
      apt-get "${options[@]}" update && apt-get "${options[@]}" download "$@"     # no lists yet, or old ones
    ) >"$log" 2>&1 </dev/null || die "apt-get could not fetch $*: $(tail -n 1 "$log")"
    for deb in "$work"/*.deb; do dpkg -x "$deb" "$CACHE/$folder" || die "cannot unpack ${deb##*/} into .cache"; done
    rm -rf "$work" "$log"
}

# The Debian packages of Emscripten and Binaryen, unpacked side by side and run from there. Binaryen wants a newer
# C library than bookworm's, so it is started through the loader that was unpacked with it.
setup_emscripten() {
    need node nodejs
    need python3 python3
    need "clang-$LLVM" "clang-$LLVM"
    need "wasm-ld-$LLVM" "lld-$LLVM"
    need "llvm-ar-$LLVM" "llvm-$LLVM"
    [[ ! -e $CACHE/emscripten.done ]] || return 0
    need xz xz-utils
    rm -rf "$CACHE/emscripten" "$CACHE/binaryen" "$CACHE/bin"
    say "fetching Emscripten into .cache (250 MB; 1.8 GB unpacked)"
    fetch_debs emscripten "$EMSCRIPTEN_SUITE" emscripten
    fetch_debs binaryen "$EMSCRIPTEN_SUITE" binaryen libc6 libstdc++6 libgcc-s1
    mkdir -p "$CACHE/binaryen/bin" "$CACHE/bin"
    local tool libc lib loader
    libc=$(find "$CACHE/binaryen/usr/lib" -name libc.so.6)
    lib=${libc#"$CACHE/"} lib=${lib%/*}
    loader=$(cd "$CACHE/$lib" && echo ld-linux*.so.*)
    for tool in "$CACHE"/binaryen/usr/bin/wasm*; do
        tool=${tool##*/}
        cat >"$CACHE/binaryen/bin/$tool" <<END
#!/bin/sh
cache=\${0%/*}/../..
exec "\$cache/$lib/$loader" --library-path "\$cache/$lib" --argv0 "\$0" "\$cache/binaryen/usr/bin/$tool" "\$@"
END
    done
    ln -sfn "../${lib}" "$CACHE/binaryen/lib"
    cat >"$CACHE/emscripten.config" <<END
import os, shutil
cache = os.path.dirname(os.path.abspath(os.environ['EM_CONFIG']))
LLVM_ROOT = '/usr/bin'
LLVM_ADD_VERSION = CLANG_ADD_VERSION = '$LLVM'
BINARYEN_ROOT = cache + '/binaryen'
NODE_JS = shutil.which('node')
CLOSURE_COMPILER = cache + '/node_modules/.bin/google-closure-compiler'
FROZEN_CACHE = True
END
    for tool in emcc em++; do
        cat >"$CACHE/bin/$tool" <<END
#!/bin/sh
cache=\${0%/*}/..
EM_CONFIG="\$cache/emscripten.config" exec "\$cache/emscripten/usr/share/emscripten/$tool" "\$@"
END
    done
    chmod +x "$CACHE"/bin/* "$CACHE"/binaryen/bin/*
    "$CACHE/bin/emcc" --version >"$CACHE/emcc.log" 2>&1 || die "the fetched emcc does not start: $(tail -n 1 "$CACHE/emcc.log")"
    rm -f "$CACHE/emcc.log"
    echo 'eval "$(./build.sh env)"; emcc ...   or call .cache/bin/emcc' >"$CACHE/READY"
    touch "$CACHE/emscripten.done"
}

# All in .cache/node_modules: emcc finds acorn there because it lives in a folder beneath.
setup_npm() {
    need node nodejs
    [[ ! -e $CACHE/npm.done || $(<"$CACHE/npm.done") != "${NPM_PACKAGES[*]}" ]] || return 0
    need npm npm
    say "fetching ${NPM_PACKAGES[*]} into .cache"
    echo '{ "private": true }' >"$CACHE/package.json"
    npm install --prefix "$CACHE" --no-audit --no-fund --no-package-lock --loglevel=error "${NPM_PACKAGES[@]}" \
        >"$CACHE/npm.log" 2>&1 </dev/null || die "npm could not fetch ${NPM_PACKAGES[*]}: $(grep -m 1 'npm error' "$CACHE/npm.log" || tail -n 1 "$CACHE/npm.log")"
    rm -f "$CACHE/npm.log"
    printf '%s' "${NPM_PACKAGES[*]}" >"$CACHE/npm.done"
}

# What the browser tests use: a browser, a screen to draw on, a real server, and speech that a person recorded.
setup_tests() {
    apt_install chromium xvfb xauth libvulkan1 mesa-vulkan-drivers fonts-dejavu-core
    setup_npm
    [[ ! -e $CACHE/recordings.done ]] || return 0
    say "fetching recordings and nginx into .cache"
    fetch_debs recordings here alsa-utils sound-theme-freedesktop
    fetch_debs nginx here nginx
    touch "$CACHE/recordings.done"
}

# Clang with the runtime of libFuzzer, which Debian packages apart.
setup_fuzz() {
    need "clang-$LLVM" "clang-$LLVM"
    compgen -G "$("clang-$LLVM" -print-resource-dir)/lib/*/libclang_rt.fuzzer*" >/dev/null || apt_install "libclang-rt-$LLVM-dev"
}

version_at_least() { [[ $(printf '%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]; }

# An emcc on the PATH that is new enough wins; else the one in .cache. Sets EMCC_VERSION.
setup_web() {
    if ! { EMCC_VERSION=$(emcc -dumpversion 2>&1) && version_at_least "$EMCC_VERSION" "$EMSCRIPTEN_MINIMUM"; }; then
        alone setup setup_emscripten
        export PATH=$CACHE/bin:$PATH
        EMCC_VERSION=$(emcc -dumpversion) || die "the emcc in .cache does not run; ./build.sh clean all makes it anew"
    fi
    alone setup setup_npm
    version_at_least "$EMCC_VERSION" 4.0.18 || export EM_CLOSURE_COMPILER=$CACHE/node_modules/.bin/google-closure-compiler
}

# ---- dist: the site -------------------------------------------------------------------------------------------

web_flags() {
    WEB=(-std=gnu11 "-O$RA_OPT" -Wall -Wextra -Wno-pthreads-mem-growth
        -ffp-contract=off -fno-math-errno                   # the same bits as everywhere else
        -mnontrapping-fptoint                               # what Safari 15 and everybody else has
        -sALLOW_MEMORY_GROWTH=1 -sINITIAL_MEMORY="$RA_INITIAL_MEMORY" -sMAXIMUM_MEMORY="$RA_MAX_MEMORY"
        -sABORTING_MALLOC=0                                 # malloc answers NULL, and the program says what failed
        -sMALLOC=emmalloc -DNDEBUG                          # small; assertions are for tests and ./build.sh debug
        -sSTACK_SIZE="$RA_STACK_SIZE"
        -sFILESYSTEM=0 -sENVIRONMENT=web,worker -sDYNAMIC_EXECUTION=0    # runs under a strict content policy
        -sTEXTDECODER=2                                     # every browser has it
        -sEXPORTED_FUNCTIONS="$RA_EXPORTED_FUNCTIONS" -sEXPORTED_RUNTIME_METHODS="$RA_EXPORTED_RUNTIME"
        -sINCOMING_MODULE_JS_API="$RA_MODULE_API")
    THREADS=(-pthread -msimd128
        '-sPTHREAD_POOL_SIZE=globalThis["raThreads"]'       # the page counts the cores; quoted for the closure compiler
        -sPTHREAD_POOL_DELAY_LOAD=1                         # the page is up before its workers are
        -sDEFAULT_PTHREAD_STACK_SIZE="$RA_THREAD_STACK_SIZE")
    COMPAT=(-DRA_NO_THREADS -mbulk-memory)                  # browsers without threads or without SIMD; memcpy stays inside
    if version_at_least "$EMCC_VERSION" 4.0.18; then
        WEB+=(--use-port=emdawnwebgpu -sDEFAULT_TO_CXX)     # not tried: no such toolchain is packaged yet
    else
        WEB+=(-sUSE_WEBGPU=1)
    fi
}

# web_tier NAME FLAG...: dist/NAME.js and dist/NAME.wasm. The compiler makes the engine fast (rustyaudio.c says
# where it may be small instead), the linker makes the whole small: what -Oz means to Binaryen costs no speed.
# Clang inlines only what is called from one place, and what the code says is to be inlined: a call of WebAssembly is
# a few bytes, and the engine that runs the code inlines what is hot in any case.
web_tier() {
    local name=$1 inlining=()
    shift
    [[ $RA_OPT != [sz] ]] || inlining=(-mllvm -inline-threshold=-100)
    mkdir -p "$WORK/$name"
    emcc -c rustyaudio.c -o "$WORK/$name/$name.o" "${WEB[@]}" "${inlining[@]}" -Wno-unused-command-line-argument "$@" $RA_WEB_FLAGS &&
        emcc "$WORK/$name/$name.o" -o "$WORK/$name/$name.js" "${WEB[@]}" -Oz "$@" $RA_WEB_FLAGS || die "emcc could not build $name (see above)"
    chmod 644 "$WORK/$name/$name.wasm"
    mv "$WORK/$name/$name.wasm" "$WORK/$name/$name.js" "$DIST/"
}

# The public header with the program in it: the line that includes rustyaudio.c becomes its text, down to the
# engine line. What lies below (page, renderer, command line) is no business of a program that embeds the engine.
single_header() {
    grep -qi '^/\* =* *engine line' rustyaudio.c || die "rustyaudio.c has no engine line"
    grep -q '^ *# *include "rustyaudio.c"' rustyaudio.h || die "rustyaudio.h does not include rustyaudio.c"
    echo '/* Generated by build.sh from rustyaudio.h and rustyaudio.c: do not edit. */'
    awk '!/^ *# *include "rustyaudio.c"/ { print; next }
         { while ((getline line < "rustyaudio.c") > 0) {
               if (tolower(line) ~ /^\/\* =* *engine line/) break
               if (line !~ /^ *# *include "rustyaudio.h"/) print line     # it is this very file
           } }' rustyaudio.h
}

# What a site was built with: it is built again when this changes, or a source is newer.
web_settings() {
    local emcc
    emcc=$(command -v emcc) || emcc=$CACHE/bin/emcc
    echo "$emcc $RA_OPT $RA_INITIAL_MEMORY $RA_MAX_MEMORY $RA_STACK_SIZE $RA_THREAD_STACK_SIZE" \
         "$RA_EXPORTED_FUNCTIONS $RA_EXPORTED_RUNTIME $RA_MODULE_API $RA_CLOSURE $RA_WEB_FLAGS"
}

build_dist() {
    local settings
    settings=$(web_settings)
    need_source rustyaudio.c rustyaudio.h shell.html worker.js
    cd "$ROOT"
    mkdir -p "$DIST"
    local name
    for name in rustyaudio rustyaudio-compat; do
        [[ -e $DIST/$name.js && -e $DIST/$name.wasm ]] || rm -f "$BUILD/web.stamp"
    done
    if ! fresh web "$settings" "${SOURCES[@]}"; then
        setup_web
        web_flags
        [[ $RA_CLOSURE == 0 ]] || WEB+=(--closure=1)
        say "building dist/rustyaudio and dist/rustyaudio-compat (emcc $EMCC_VERSION)"
        begin web "$settings"
        # side by side; the second speaks only after a first that went well, since both say the same of an error
        web_tier rustyaudio-compat "${COMPAT[@]}" >"$WORK/log" 2>&1 &
        if (web_tier rustyaudio "${THREADS[@]}"); then wait $! || { cat "$WORK/log" >&2; exit 1; }
        else wait; exit 1; fi
        finish web
    fi
    local files=(index.html worker.js _headers rustyaudio.h)
    for name in "${files[@]}"; do [[ -e $DIST/$name ]] || rm -f "$BUILD/site.stamp"; done
    if ! fresh site "$RA_CLOSURE" "${SOURCES[@]}" shell.html worker.js; then
        say "writing ${files[*]/#/dist/}"
        begin site "$RA_CLOSURE"
        cp shell.html "$WORK/index.html"
        if [[ $RA_CLOSURE == 0 ]]; then cp worker.js "$WORK/worker.js"      # else without its comments
        else
            setup_web
            "$EM_CLOSURE_COMPILER" --language_in ECMASCRIPT_NEXT --language_out ECMASCRIPT_2020 --compilation_level SIMPLE \
                --warning_level QUIET --js worker.js --js_output_file "$WORK/worker.js" || die "the closure compiler refuses worker.js (see above)"
        fi
        single_header >"$WORK/rustyaudio.h"
        cat >"$WORK/_headers" <<'END'
/*
  Cross-Origin-Opener-Policy: same-origin
  Cross-Origin-Embedder-Policy: require-corp
  Cross-Origin-Resource-Policy: cross-origin
  X-Content-Type-Options: nosniff
  Cache-Control: no-cache
END
        (cd "$WORK" && mv "${files[@]}" "$DIST/")
        finish site
    fi
}

verb_dist() { alone build build_dist; }

# ---- run: a server for this machine -----------------------------------------------------------------------------

# serve FOLDER [PORT] [--no-isolation]; port 0 is any free one
serve() {
    local folder=$1 port='' isolation=1 argument
    for argument in "${@:2}"; do
        case $argument in
            --no-isolation) isolation=0 ;;
            *[!0-9]* | '') die "run wants a port number or --no-isolation, not \"$argument\"" ;;
            *) port=$argument ;;
        esac
    done
    need python3 python3
    exec python3 /dev/fd/3 "$folder" "$RA_HOST" "$port" "$isolation" 3<<'END'
import functools, http.server, os, re, socket, sys
folder, host, port, isolation = sys.argv[1:]

class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'           # one connection for many files
    timeout = 60
    extensions_map = {'': 'application/octet-stream', '.html': 'text/html; charset=utf-8', '.js': 'text/javascript',
                      '.wasm': 'application/wasm', '.json': 'application/json', '.map': 'application/json',
                      '.css': 'text/css', '.svg': 'image/svg+xml', '.png': 'image/png', '.h': 'text/plain; charset=utf-8',
                      '.c': 'text/plain; charset=utf-8', '.wav': 'audio/wav', '.oga': 'audio/ogg', '.ogg': 'audio/ogg',
                      '.mp3': 'audio/mpeg', '.flac': 'audio/flac', '.m4a': 'audio/mp4'}

    def end_headers(self):
        if isolation == '1':                # the two headers that give a page shared memory, hence threads
            self.send_header('Cross-Origin-Opener-Policy', 'same-origin')
            self.send_header('Cross-Origin-Embedder-Policy', 'require-corp')
        self.send_header('Cross-Origin-Resource-Policy', 'cross-origin')
        self.send_header('X-Content-Type-Options', 'nosniff')
        self.send_header('Cache-Control', 'no-cache')
        self.send_header('Accept-Ranges', 'bytes')
        super().end_headers()

    def do_GET(self):
        match = re.fullmatch(r'bytes=(\d*)-(\d*)', self.headers.get('Range', '').strip())
        path = self.translate_path(self.path)
        if not match or match[0] == 'bytes=-' or not os.path.isfile(path):
            return super().do_GET()         # no range, several ranges or nonsense: the whole file
        with open(path, 'rb') as file:
            size = os.fstat(file.fileno()).st_size
            first, last = match[1], match[2]
            start = int(first) if first else max(0, size - int(last))
            stop = min(size, int(last) + 1) if first and last else size
            if start >= stop:
                self.send_response(416)
                self.send_header('Content-Range', f'bytes */{size}')
                self.send_header('Content-Length', '0')
                return self.end_headers()
            self.send_response(206)
            self.send_header('Content-Type', self.guess_type(path))
            self.send_header('Content-Range', f'bytes {start}-{stop - 1}/{size}')
            self.send_header('Content-Length', str(stop - start))
            self.end_headers()
            file.seek(start)
            while start < stop:
                piece = file.read(min(1 << 16, stop - start))
                if not piece: break
                self.wfile.write(piece)
                start += len(piece)

    def list_directory(self, path): self.send_error(404)
    def log_request(self, *rest): pass
    def log_message(self, text, *rest):     # a connection left idle is no news
        if 'timed out' not in text: super().log_message(text, *rest)

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256                # a page asks for many files at once, a test opens many pages
    def handle_error(self, request, address):
        if not isinstance(sys.exc_info()[1], OSError): super().handle_error(request, address)   # else: the browser went away

def listen(number): return Server((host, number), functools.partial(Handler, directory=folder))

wanted, server = int(port or 8000), None
for number in range(wanted, wanted + (1 if port else 50)):
    try: server = listen(number); break
    except (OSError, OverflowError) as error: reason = error
if not server: sys.exit(f'build.sh: cannot listen on port {wanted}: {getattr(reason, "strerror", None) or reason}')
if wanted not in (0, number): print(f'port {wanted} is taken')
print(f'Rusty Audio is at http://localhost:{server.server_port}/' + ('' if isolation == '1' else ' without the two headers') +
      '  (Ctrl-C stops it)', flush=True)
try: server.serve_forever()
except KeyboardInterrupt: pass
END
}

verb_run() {
    alone build build_dist
    serve "$DIST" "$@"
}

# ---- cli and test -----------------------------------------------------------------------------------------------

find_cc() {
    local candidate
    for candidate in ${CC:-cc gcc clang "clang-$LLVM"}; do
        if command -v "$candidate" >/dev/null; then CC=$candidate; return; fi
    done
    [[ -z ${CC:-} ]] || die "the compiler CC=$CC is missing"
    alone setup apt_install gcc libc6-dev
    CC=cc
}

# native NAME SOURCE FLAG...: build/NAME, of the same strictness everywhere; no -lm, because the maths is ours
native() {
    local name=$1 source=$2 settings="$CC $RA_NATIVE_FLAGS ${*:3}"
    shift 2
    [[ -e $BUILD/$name ]] && fresh "$name" "$settings" "$ROOT/$source" "${SOURCES[@]}" && return
    need_source "$source" rustyaudio.c rustyaudio.h
    say "building build/$name"
    begin "$name" "$settings"
    (cd "$ROOT" && "$CC" -std=c11 -ffp-contract=off -fno-math-errno -Wall -Wextra -Wpedantic -pthread \
        $RA_NATIVE_FLAGS "$source" "$@" -o "$WORK/$name") ||
        { rm -f "$BUILD/$name"; die "$CC could not build build/$name (see above)"; }
    mv "$WORK/$name" "$BUILD/$name"
    finish "$name"
}

verb_cli() {
    find_cc
    make_work
    native rustyaudio rustyaudio.c -O3
}

# count LABEL COMMAND...: runs a test program, whose last line is "N passed, N failed", and adds it to the totals.
# A program that crashes, hangs (see LIMIT) or says nothing counts as one failure.
LIMIT=(timeout --foreground -k 10 "$RA_TEST_TIMEOUT")
count() {
    local label=$1 status=0 line
    shift
    say "---- $label"
    "$@" 2>&1 </dev/null | tee "$WORK/log" || status=$?
    line=$(tail -n 1 "$WORK/log")
    if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        PASSED=$((PASSED + BASH_REMATCH[1])) FAILED=$((FAILED + BASH_REMATCH[2]))
        # a program without the wanted section says 0 and 0, and may complain; the others have none of that excuse
        if (( BASH_REMATCH[2] == 0 && (status > 1 || status == 1 && BASH_REMATCH[1] > 0) )); then
            FAILED=$((FAILED + 1)) line="$line, then ended with status $status"
        fi
    else
        FAILED=$((FAILED + 1)) line="ended with status $status and without a count"
    fi
    SUMMARY+=$(printf '%-8s %s' "$label" "$line")$'\n'
}

# The flags of each native test build; unoptimised code must give the same golden hashes as optimised code.
test_flags() {
    case $1 in
        O3)   echo -O3 ;;
        O0)   echo -O0 ;;
        march) echo -O3 -march=native ;;
        asan) echo -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all ;;
        tsan) echo -O1 -g -fsanitize=thread ;;
    esac
}

# A verb, so that count sees a program that can fail. The limit is for node alone: Chromium ends with it.
verb_browser() {
    need_source .ci/browser.mjs
    setup_web
    verb_dist
    alone build build_test_wasm
    alone setup setup_tests
    export_paths
    xvfb-run -a "${LIMIT[@]}" node "$ROOT/.ci/browser.mjs" "$@"
}

# build/wasm/test.js: test.c as WebAssembly with the instructions of the site. It runs in node, and once more inside
# Chromium, where the golden hashes have to hold too.
build_test_wasm() {
    local settings=$EMCC_VERSION
    need_source test.c rustyaudio.c rustyaudio.h
    fresh test-wasm "$settings" "${SOURCES[@]}" test.c && [[ -e $BUILD/wasm/test.js ]] && return
    begin test-wasm "$settings"
    mkdir -p "$BUILD/wasm"
    emcc test.c -o "$BUILD/wasm/test.js" -std=gnu11 -O2 -msimd128 -mnontrapping-fptoint -ffp-contract=off -fno-math-errno -w -DRA_NO_THREADS -sALLOW_MEMORY_GROWTH \
        -sINITIAL_MEMORY=128MB -sSTACK_SIZE=8MB -sEXIT_RUNTIME=1 -sENVIRONMENT=node,worker || die "emcc could not build test.c (see above)"
    finish test-wasm
}

verb_wasm() {
    setup_web
    alone build build_test_wasm
    "${LIMIT[@]}" node "$BUILD/wasm/test.js" "$@"
}

# libFuzzer with the address and undefined sanitizers, on seeds that test.c writes itself; what it finds to be new is
# kept in build/ for the next time. Whatever breaks something is printed as a row for a table in test.c.
verb_fuzz() {
    local status=0 broken hex
    alone setup setup_fuzz
    make_work
    CC=clang-$LLVM native fuzz test.c -DRA_FUZZ -w -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -lm
    mkdir -p "$BUILD/fuzz-seeds" "$BUILD/fuzz-found"
    RA_FUZZ_SEEDS=$BUILD/fuzz-seeds "$BUILD/fuzz" -max_total_time="$RA_FUZZ_SECONDS" -max_len=2048 -timeout=10 -rss_limit_mb=2048 \
        -verbosity=0 -print_final_stats=1 -artifact_prefix="$WORK/broke-" "$BUILD/fuzz-found" "$BUILD/fuzz-seeds" 2>&1 |
        sed '/Recommended dictionary/,/End of recommended/d' || status=$?
    for broken in "$WORK"/broke-*; do
        [[ -e $broken ]] || continue
        hex=$(od -An -v -tx1 "$broken" | tr -d '\n' | sed 's/ /\\x/g')
        printf 'for the table of what once broke something, in test.c:\n        { %d, "%s" },\n' "$(wc -c <"$broken")" "$hex"
    done
    if (( status == 0 )); then echo "1 passed, 0 failed"; else echo "0 passed, 1 failed"; return 1; fi
}

verb_test() {
    local parts=(${RA_TEST_PARTS:-O3 O0 march asan tsan wasm fuzz browser}) part same_memory=()
    [[ $# == 0 || ${RA_TEST_PARTS:-} ]] || parts=(O3 browser)       # one section: a quick answer
    verb_cli
    export_paths
    PASSED=0 FAILED=0 SUMMARY=
    for part in "${parts[@]}"; do                                   # -lm is for the oracles of test.c
        case $part in O3|O0|march|asan|tsan) native "test-$part" test.c $(test_flags "$part") -lm & ;; esac
    done
    wait                                                            # what did not compile fails below
    # the thread sanitizer knows where memory lies only when the kernel does not shuffle it
    ! setarch -R true 2>/dev/null || same_memory=(setarch -R)
    for part in "${parts[@]}"; do
        case $part in
            check)      count check "$ROOT/build.sh" check ;;
            fuzz)       count fuzz "$ROOT/build.sh" fuzz ;;
            browser|wasm) count "$part" "$ROOT/build.sh" "$part" "$@" ;;
            tsan)       count tsan "${LIMIT[@]}" "${same_memory[@]}" "$BUILD/test-tsan" "$@" ;;
            O3|O0|march|asan) count "$part" "${LIMIT[@]}" "$BUILD/test-$part" "$@" ;;
            *)          die "RA_TEST_PARTS has no part \"$part\"" ;;
        esac
    done
    (( PASSED + FAILED )) || die "no test section is called \"$*\""
    printf '\n%s' "$SUMMARY"
    echo "$PASSED passed, $FAILED failed"
    (( FAILED == 0 ))
}

verb_bench() {
    need_source .ci/bench.mjs
    verb_cli
    verb_dist
    alone setup setup_tests
    export_paths
    setup_web                       # it compiles some of the peers
    node "$ROOT/.ci/bench.mjs" "$@"
}

verb_check() {
    need_source .ci/check.sh
    . "$ROOT/.ci/check.sh"
    verb_cli
    verb_dist
    setup_web
    alone setup need c++ g++        # the header is for C++ too
    cd "$ROOT"
    check_everything
}

# ---- debug, doctor, clean, env, help ------------------------------------------------------------------------------

# One tier, its sources beside it so that the browser's debugger can show them.
build_debug() {
    local site=$BUILD/debug settings
    settings=$(web_settings)
    need_source rustyaudio.c rustyaudio.h shell.html worker.js
    cd "$ROOT"
    fresh debug "$settings" "${SOURCES[@]}" shell.html worker.js && [[ -e $site/rustyaudio.js ]] && return
    RA_OPT=0
    setup_web
    web_flags
    say "building build/debug (emcc $EMCC_VERSION)"
    begin debug "$settings"
    mkdir -p "$WORK/site" "$site"
    cp rustyaudio.c rustyaudio.h worker.js "$WORK/site"
    cp shell.html "$WORK/site/index.html"
    (cd "$WORK/site" && emcc rustyaudio.c -o rustyaudio.js "${WEB[@]}" "${THREADS[@]}" -g -gsource-map --source-map-base=./ \
        -sASSERTIONS=2 -sSTACK_OVERFLOW_CHECK=2 $RA_WEB_FLAGS) || die "emcc could not build build/debug (see above)"
    mv "$WORK"/site/* "$site/"
    finish debug
}

verb_debug() {
    [[ ${1:-run} == run ]] || die "debug knows run, not \"$1\""
    alone build build_debug
    [[ $# == 0 ]] || serve "$BUILD/debug" "${@:2}"
}

verb_doctor() {
    export PATH=$CACHE/bin:$PATH
    tool() {    # NAME WHO_NEEDS_IT COMMAND...: the first line that has a version in it
        local said
        said=$("${@:3}" 2>/dev/null </dev/null) || :
        printf '%-14s %-10s %s\n' "$1" "$2" "$(grep -m 1 -E '[0-9]+\.[0-9]+' <<<"$said" || echo missing)"
    }
    package() { sed -n 's/^ *"version": "\(.*\)".*/\1/p' "$CACHE/node_modules/$1/package.json"; }
    tool bash           all        bash --version
    tool apt-get        set-up     apt-get --version
    tool npm            set-up     npm --version
    tool python3        run,dist   python3 --version
    tool node           dist       node --version
    tool emcc           dist       emcc --version
    tool "clang-$LLVM"  dist       "clang-$LLVM" --version
    tool "wasm-ld-$LLVM" dist      "wasm-ld-$LLVM" --version
    tool acorn          dist       package acorn
    tool closure        dist       package google-closure-compiler
    tool "${CC:-cc}"    cli,test   "${CC:-cc}" --version
    tool chromium       test       chromium --version
    tool xvfb           test       dpkg-query -W -f '${Version}' xvfb
    tool playwright     test       package playwright-core
    echo
    echo "What is missing is fetched by the verb that needs it: as root by apt-get, without root it says what to install."
}

verb_clean() {
    rm -rf "$BUILD" "$DIST"
    case ${1:-} in
        '')  ;;
        all) rm -rf "$CACHE" ;;
        *)   die "clean knows all, not \"$1\"" ;;
    esac
}

# Where things are, for programs that this script starts and for a shell that asks.
export_paths() {
    export RA_ROOT=$ROOT RA_DIST=$DIST RA_BUILD=$BUILD RA_CACHE=$CACHE RA_CLI=$BUILD/rustyaudio RA_CHROMIUM=/usr/bin/chromium
    export RA_PLAYWRIGHT=$CACHE/node_modules/playwright-core RA_RECORDINGS=$CACHE/recordings/usr/share/sounds RA_NGINX=$CACHE/nginx/usr/sbin/nginx
}

verb_env() {
    setup_web
    export_paths
    local name
    [[ -z ${EM_CLOSURE_COMPILER:-} ]] || printf 'export EM_CLOSURE_COMPILER=%q\n' "$EM_CLOSURE_COMPILER"
    for name in PATH RA_{ROOT,DIST,BUILD,CACHE,CLI,CHROMIUM,PLAYWRIGHT,RECORDINGS,NGINX}; do
        printf 'export %s=%q\n' "$name" "${!name}"
    done
}

verb_help() { sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//;p}' "$ROOT/build.sh"; }

verb=${1:-dist}
[[ $# == 0 ]] || shift
case $verb in
    dist|run|test|cli|bench|check|debug|doctor|clean|env|help|browser|wasm|fuzz) "verb_$verb" "$@" ;;
    -h|--help) verb_help ;;
    *) die "there is no verb \"$verb\"; ./build.sh help names them all" ;;
esac
