/* ============================================================================
   rustyaudio.c - the whole of Rusty Audio: engine, page and command line
   ============================================================================
   A song, a tone or the built-in loop goes through an equaliser to the ear and
   to the eye. In a browser the sound is made on the audio thread by this code,
   the spectrum on a pool of workers, the picture by WebGPU; natively the same
   code is a library (rustyaudio.h) and a command-line program.

   How to read it
     From the top: each section rests only on sections above it, and no function
     calls one that is defined further down. The name of a thing tells its
     section (ra_ is the engine, then canvas_, ui_, gpu_, app_, web_, cli_), the
     banner of a section tells what it owes to the others.

   Contents
   [1] CONFIG - what we are built for
   [2] BASE - numbers, text and vectors that are the same everywhere
   [3] PLATFORM - clock, threads, files and log: one contract, several bodies
   [4] CONCURRENCY - every atomic of the engine: ring, mailbox, worker pool, weave
   [5] SPECTRUM - the fast Fourier transform
   [6] FILTERS - second-order sections, glides and the resampler
   [7] EFFECTS - what a chain is made of, and its text
   [8] LOUDNESS - how loud it is to an ear, how high its peaks are, what gain it needs
   [9] SOURCES - tones, clips, the built-in loop and the clip player
   [10] WAV - bytes from strangers into samples, and back
   [11] ROUTER - one block of sound to several places
   [12] ENGINE - what plays: commands in, sound out, snapshots back
   [13] CANVAS - shapes and text become vertices; data only, nothing is shown
   [14] WIDGETS - immediate-mode controls, and the table that makes them accessible
   [15] RENDERER - puts a canvas on the screen: WebGPU, else WebGL2, else nothing
   [16] APP - the page: what is open, how it looks, what every gesture means
   [17] WEB - what JavaScript calls, and the audio thread's way in
   [18] CLI - the command line

   Threads
     main thread   UI, commands, loads         audio thread   ra_engine_render* only
     pool          slices of jobs (ra_job_step): decoding, peaks, spectra, whole files
                   from piece to piece, recordings
     main -> audio: command ring, settings mailbox, pieces of streams
     audio -> main: snapshot mailbox, tap ring, ring of what is recorded, ring of clips
     that go home to be freed

   Calls that go upwards, by function pointer, all four of them
     ra_job_step     a slice of a job, from the pool       [4]
     ra_weave_unit   a piece of a job that many share      [4]
     ra_read_bytes   bytes of a file, wherever it lies     [10]
     web_boot        the functions that worker.js calls in the audio thread [17]

   Words
     sample  one number        frame  one sample of every channel
     block   frames rendered by one call        tap  a copy of what is heard
     grid    every 32 frames, counted from reset: settings glide and states are
             flushed there, so the samples do not depend on the block size

   Sources of formulas
     [RBJ]     R. Bristow-Johnson, "Cookbook formulae for audio EQ biquad
               filter coefficients"
     [APO]     Equalizer APO's "Configuration reference", and what AutoEQ and Room EQ
               Wizard write for it
     [KAISER]  J. F. Kaiser, "Nonrecursive digital filter design using the
               I0-sinh window function", 1974
     [STOCKHAM] T. G. Stockham's self-sorting transform, as in C. Van Loan,
               "Computational Frameworks for the Fast Fourier Transform", 1992
     [VYUKOV]  D. Vyukov, "Bounded MPMC queue"
     [SPLITMIX] G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom
               number generators", 2014
     [VOSS]    R. F. Voss's sum of dice, in M. Gardner, "White and brown music,
               fractal curves and one-over-f fluctuations", 1978
     [DLMF]    NIST Digital Library of Mathematical Functions, 6.10, 6.12, 10.51, 10.60
     [NEWMAN]  D. J. Newman's phases, in S. Boyd, "Multitone signals with low crest
               factor", 1986
     [WEBAUDIO] W3C, "Web Audio API", section "Channel up-mixing and down-mixing"
     [RIFF]    Microsoft, "Multiple channel audio data and WAVE files"
     [RF64]    EBU Tech 3306, "RF64"; ITU-R BS.2088 for BW64
     [W64]     Sony Pictures Digital, "Wave64 File Format"
     [AIFF]    Apple, "Audio Interchange File Format: AIFF-C", 1991
     [G.711]   ITU-T G.711, "Pulse code modulation of voice frequencies"
     [BS.1770] ITU-R BS.1770-5, "Algorithms to measure audio programme loudness
               and true-peak audio level", 2023
     [EBU3341], [EBU3342] EBU Tech 3341 and 3342, "EBU Mode" metering and "Loudness
               Range", 2023
     [GIANNOULIS] D. Giannoulis, M. Massberg, J. Reiss, "Digital dynamic range
               compressor design", 2012
     [JOT]     J.-M. Jot, A. Chaigne, "Digital delay networks for designing
               artificial reverberators", 1991
     [SCHROEDER] M. R. Schroeder, "Natural sounding artificial reverberation", 1962
     [LAGRANGE] polynomial interpolation through neighbouring samples
     [GARDNER] W. G. Gardner, "Efficient convolution without input-output delay", 1995
     [FIPS180] NIST FIPS 180-4, "Secure Hash Standard"
     [LIPSHITZ] S. Lipshitz, R. Wannamaker, J. Vanderkooy, "Quantization and
               dither", 1992
   ============================================================================ */

/* ============================================================================
   [1] CONFIG - what we are built for
   ----------------------------------------------------------------------------
   owns     every include, and the macros that turn compilers' names into ours
   ============================================================================ */

#if defined(__cplusplus)
#error "rustyaudio.c is C11: compile it as C; the header alone may be included from C++"
#endif
#if !defined(__GNUC__)
#error "rustyaudio.c wants GCC or Clang: it is written with their vector types"
#endif

#ifndef _GNU_SOURCE
#define _GNU_SOURCE              /* the POSIX clock and the futex call, natively */
#endif

#define RA_COMPILING
#ifndef RUSTYAUDIO_H             /* in the single header it stands above us already */
#include "rustyaudio.h"
#endif

#if defined(__EMSCRIPTEN__)
#define RA_WASM 1
#else
#define RA_WASM 0
#endif

#if defined(RUSTYAUDIO_IMPLEMENTATION)
#define RA_EMBEDDED 1            /* by somebody's program: nothing below the engine line */
#else
#define RA_EMBEDDED 0
#endif

#if RA_WASM && !RA_EMBEDDED && !defined(RA_NO_WEB)
#define RA_WEB 1
#else
#define RA_WEB 0
#endif

#ifndef RA_UI                    /* a native test may ask for it: -DRA_UI=1 gives the page without a screen */
#if RA_WEB && !defined(RA_NO_UI)
#define RA_UI 1
#else
#define RA_UI 0
#endif
#endif

#if !RA_WASM && !RA_EMBEDDED && !defined(RA_NO_CLI)
#define RA_CLI 1
#else
#define RA_CLI 0
#endif

#if defined(RA_NO_THREADS) || (RA_WASM && !defined(__EMSCRIPTEN_PTHREADS__))
#define RA_THREADS 0
#else
#define RA_THREADS 1
#endif

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if RA_THREADS
#include <pthread.h>
#endif
#if !RA_WASM
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#endif
#endif
#if RA_WASM
#include <emscripten/console.h>
#include <emscripten/emscripten.h>
#include <emscripten/threading.h>
#endif
#if RA_WEB
#include <webgpu/webgpu.h>
#endif
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#ifndef RA_ASSERT
#include <assert.h>
#define RA_ASSERT(condition) assert(condition)
#endif

/* All memory of the engine goes through these four; a host or a test may bring its own. */
#ifndef RA_MALLOC
#define RA_MALLOC(byte_count)         malloc(byte_count)
#define RA_CALLOC(count, byte_count)  calloc(count, byte_count)
#define RA_REALLOC(pointer, byte_count) realloc(pointer, byte_count)
#define RA_FREE(pointer)              free(pointer)
#endif

/* Marks what the audio thread may reach: it does not lock, allocate, wait or print.
   Clang 20 and newer check that when asked with -Wfunction-effects. */
#if defined(__has_attribute)
#if __has_attribute(nonblocking)
#define RA_REALTIME __attribute__((nonblocking))
#endif
#endif
#ifndef RA_REALTIME
#define RA_REALTIME
#endif

/* Every visitor downloads the code. What runs a few times, or sixty times a second, is made small by
   Clang between these two; what touches every sample lies outside and is made fast. */
#if defined(__clang__)
#define RA_SMALL_CODE_BEGIN _Pragma("clang attribute push(__attribute__((minsize)), apply_to = function)")
#define RA_SMALL_CODE_END   _Pragma("clang attribute pop")
#else
#define RA_SMALL_CODE_BEGIN
#define RA_SMALL_CODE_END
#endif

/* For what is called a million times a second: inlined and unrolled also where Clang was asked for small code. */
#define RA_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define RA_UNROLL_4 _Pragma("unroll(4)")
#define RA_UNROLL_8 _Pragma("unroll(8)")
#else
#define RA_UNROLL_4              /* GCC does so by itself, and warns of the wish where it has no loop left */
#define RA_UNROLL_8
#endif

/* An embedder may not need every private helper. */
#define RA_MAYBE_UNUSED __attribute__((unused))

/* ============================================================================
   [2] BASE - numbers, text and vectors that are the same everywhere
   ----------------------------------------------------------------------------
   owns     checked sizes, clamp, dB, sin cos exp log, random bits, vectors of
            four floats and two doubles, text in fixed buffers, SHA-256
   calls    nothing
   threads  any
   why own maths: the C library's last bit differs between machines, and with it
            every sample that depends on it; these give the same bits everywhere
            as long as the compiler neither fuses nor reorders (-ffp-contract=off)
   tests    test.c "base"
   ============================================================================ */

#define RA_PI  3.14159265358979323846
#define RA_TAU 6.28318530717958647693

/* Makes sure that nobody compiles the samples away from their golden bits. */
#if defined(__FAST_MATH__)
#error "rustyaudio.c without -ffast-math, please: the same samples everywhere is what it promises"
#endif
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF     /* GCC has no such pragma: it wants -ffp-contract=off where the machine can fuse */
#endif

typedef float  ra_f32x4 __attribute__((vector_size(16)));
typedef int32_t ra_i32x4 __attribute__((vector_size(16)));
typedef double ra_f64x2 __attribute__((vector_size(16)));
/* The same, wherever it lies: for loads and stores on any address. */
typedef float  ra_f32x4_any __attribute__((vector_size(16), aligned(4), may_alias));

RA_INLINE ra_f32x4 ra_load4(const float *from)             { return *(const ra_f32x4_any *)from; }
RA_INLINE void     ra_store4(float *to, ra_f32x4 value)    { *(ra_f32x4_any *)to = value; }
RA_INLINE ra_f32x4 ra_splat4(float value)                  { return (ra_f32x4){ value, value, value, value }; }

RA_MAYBE_UNUSED static inline double ra_clamp(double x, double low, double high) { return x < low ? low : x > high ? high : x; }
RA_INLINE double ra_abs(double x)                        { return __builtin_fabs(x); }

/* Comparisons with NaN are false, so NaN is not finite here; neither is anything
   so large that it could only come from a broken file or a runaway filter. */
RA_REALTIME RA_INLINE bool ra_is_sound(float x)          { return __builtin_fabsf(x) < 1e8f; }

/* Recursive filters die away into ever smaller numbers; below the smallest normal
   ones many machines crawl, and WebAssembly has no switch against it. -400 dB. */
RA_REALTIME RA_INLINE double ra_flush(double x)          { return ra_abs(x) < 1e-20 ? 0.0 : x; }

/* count * byte_count, or 0 when that does not fit a size_t. */
static size_t ra_checked_size(uint64_t count, uint64_t byte_count)
{
    if (count == 0 || byte_count == 0 || count > (uint64_t)SIZE_MAX / byte_count) return 0;
    return (size_t)(count * byte_count);
}

/* Zeroed memory for count things; NULL when there is none or the size is impossible. */
static void *ra_new(uint64_t count, uint64_t byte_count)
{
    size_t size = ra_checked_size(count, byte_count);
    return size ? RA_CALLOC(1, size) : NULL;
}

/* The machine's own square root is exact to the last bit on every machine (IEEE 754).
   Through the vector unit, because the C library's sqrt would want -lm for its errno. */
RA_REALTIME RA_INLINE double ra_sqrt(double x)
{
#if defined(__SSE2__) && !RA_WASM
    return _mm_cvtsd_f64(_mm_sqrt_sd(_mm_setzero_pd(), _mm_set_sd(x)));
#else
    return __builtin_sqrt(x);
#endif
}

RA_REALTIME RA_INLINE float ra_sqrtf(float x)
{
#if defined(__SSE2__) && !RA_WASM
    return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x)));
#else
    return __builtin_sqrtf(x);
#endif
}

/* Largest whole number not above x, for |x| < 2^63. */
RA_REALTIME RA_INLINE double ra_floor(double x)
{
    double whole = (double)(int64_t)x;
    return whole > x ? whole - 1.0 : whole;
}

/* x minus the nearest multiple of pi/2, and which multiple it was (modulo 4).
   pi/2 is given in three pieces of 33 bits, so k * piece is exact for |k| < 2^20:
   good to the last bit or two for |x| < 1e6. */
RA_REALTIME static inline double ra_reduce_angle(double x, int *quadrant)
{
    double k = ra_floor(x * (2.0 / RA_PI) + 0.5);
    double r = ((x - k * 0x1.921fb544p+0) - k * 0x1.0b4611a6p-34) - k * 0x1.3198a2e037073p-69;
    *quadrant = (int)((int64_t)k & 3);
    return r;
}

/* Power series; beyond their last terms less than 1e-17 is left for |r| <= pi/4. */
RA_REALTIME static inline double ra_sin_series(double r)
{
    static const double t[] = { -1.0/6, 1.0/120, -1.0/5040, 1.0/362880, -1.0/39916800, 1.0/6227020800.0,
                                -1.0/1307674368000.0, 1.0/355687428096000.0 };
    double z = r * r, sum = t[7];
    for (int term = 6; term >= 0; term--) sum = sum * z + t[term];
    return r + r * z * sum;
}

RA_REALTIME static inline double ra_cos_series(double r)
{
    static const double t[] = { 1.0/24, -1.0/720, 1.0/40320, -1.0/3628800, 1.0/479001600.0,
                                -1.0/87178291200.0, 1.0/20922789888000.0 };
    double z = r * r, sum = t[6];
    for (int term = 5; term >= 0; term--) sum = sum * z + t[term];
    double half = 0.5 * z, one_less = 1.0 - half;         /* what 1 - half loses is put back: */
    return one_less + (((1.0 - one_less) - half) + z * z * sum);
}

RA_REALTIME static double ra_sin(double x)
{
    int quadrant;
    double r = ra_reduce_angle(x, &quadrant);
    double y = quadrant & 1 ? ra_cos_series(r) : ra_sin_series(r);
    return quadrant & 2 ? -y : y;
}

RA_REALTIME static double ra_cos(double x)
{
    int quadrant;
    double r = ra_reduce_angle(x, &quadrant);
    double y = quadrant & 1 ? ra_sin_series(r) : ra_cos_series(r);
    return (quadrant + 1) & 2 ? -y : y;
}

/* 2^k for -1022 <= k <= 1023, by writing the exponent's bits. */
RA_REALTIME static inline double ra_power_of_two(int k)
{
    uint64_t bits = (uint64_t)(k + 1023) << 52;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* e^x = 2^k e^r with |r| <= ln2/2; 0 below -708, infinity above 709. */
RA_REALTIME static double ra_exp(double x)
{
    static const double t[] = { 1.0/2, 1.0/6, 1.0/24, 1.0/120, 1.0/720, 1.0/5040, 1.0/40320, 1.0/362880, 1.0/3628800,
                                1.0/39916800, 1.0/479001600.0, 1.0/6227020800.0 };
    if (!(x > -708.0)) return x != x ? x : 0.0;
    if (x > 709.0) return __builtin_inf();
    double k = ra_floor(x * 1.44269504088896340736 + 0.5);
    double r = (x - k * 0x1.62e42fee00000p-1) - k * 0x1.a39ef35793c76p-33;   /* ln 2 in two pieces */
    double sum = t[11];
    for (int term = 10; term >= 0; term--) sum = sum * r + t[term];
    double y = 1.0 + (r + r * r * sum);
    int half = (int)k / 2;                                 /* in two steps: k may be 1024 */
    return y * ra_power_of_two(half) * ra_power_of_two((int)k - half);
}

/* ln x = k ln2 + 2 atanh(s), s = (m-1)/(m+1), m near 1; -infinity at 0, NaN below. */
RA_REALTIME static double ra_log(double x)
{
    if (!(x > 0.0)) return x == 0.0 ? -__builtin_inf() : __builtin_nan("");
    if (x > 1.7976931348623157e308) return x;
    int k = 0;
    if (x < 2.2250738585072014e-308) { x *= 18014398509481984.0; k = -54; }   /* 2^54: subnormal to normal */
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    k += (int)(bits >> 52) - 1023;
    bits = (bits & 0x000fffffffffffffull) | 0x3ff0000000000000ull;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.41421356237309504880) { m *= 0.5; k++; }
    double f = m - 1.0, s = f / (2.0 + f), z = s * s, sum = 1.0 / 23;
    for (int odd = 21; odd >= 3; odd -= 2) sum = sum * z + 1.0 / odd;
    /* 2 atanh(s) = f - s (f - 2 z sum): f is exact, only the small rest is rounded */
    double rest = s * (f - 2.0 * z * sum);
    return k * 0x1.62e42fee00000p-1 + (f - (rest - k * 0x1.a39ef35793c76p-33));
}

#define RA_LN_10 2.30258509299404568402
RA_REALTIME static inline double ra_exp10(double x)          { return ra_exp(x * RA_LN_10); }
RA_REALTIME static inline double ra_log10(double x)          { return ra_log(x) * (1.0 / RA_LN_10); }
RA_MAYBE_UNUSED RA_REALTIME static double ra_amplitude_from_db(double db)    { return ra_exp10(db / 20.0); }
RA_MAYBE_UNUSED RA_REALTIME static double ra_db_from_amplitude(double amp)   { return 20.0 * ra_log10(amp); }

/* 64 well-mixed bits of a number [SPLITMIX]: noise that can be asked for at any place. */
RA_REALTIME static inline uint64_t ra_mix_bits(uint64_t z)
{
    z += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

/* Uniform in -1 .. 1, 53 bits. */
RA_REALTIME static inline double ra_uniform(uint64_t bits)   { return (double)(int64_t)(bits >> 11) * 0x1p-52 - 1.0; }

RA_SMALL_CODE_BEGIN

/* The double nearest to digits * 10^power, exactly rounded, for |power| <= 22. The power of two that lies in 10^power
   only moves the exponent, and 5^22 < 2^52: so the value is whole + rest / unit, all three in 64 bits. */
static double ra_from_decimal(uint64_t digits, int power)
{
    uint64_t whole = digits, rest = 0, unit = 1;
    int exponent = power;
    if (digits == 0) return 0.0;
    if (power < 0) {
        for (; power < 0; power++) unit *= 5;
        whole = digits / unit; rest = digits % unit;
    } else if (power > 0) {
        unit = 1ull << 58;
        whole = digits / unit; rest = digits % unit;
        exponent += 58;
        for (; power > 0; power--) { rest *= 5; whole = whole * 5 + rest / unit; rest %= unit; }
    }
    for (; !(whole >> 62); exponent--) {                        /* ten bits more than a double has, and the rest */
        rest *= 2;
        whole = whole * 2 + (rest >= unit);
        if (rest >= unit) rest -= unit;
    }
    int excess = whole >> 63 ? 11 : 10;
    uint64_t one = 1ull << excess, below = whole & (one - 1), kept = whole >> excess;
    if (below > one / 2 || (below == one / 2 && (rest || (kept & 1)))) kept++;      /* to nearest, ties to even */
    return (double)kept * ra_power_of_two(exponent + excess);
}

/* Reads a plain decimal number ("-12", "0.5", "1e3") and says where it ends; NULL when there is none.
   The same double everywhere, without the C library's locale; digits after the 19th do not count. */
static const char *ra_parse_number(const char *text, double *out)
{
    const char *at = text;
    bool is_negative = *at == '-', is_fraction = false;
    if (*at == '-' || *at == '+') at++;
    uint64_t digits = 0;
    int power = 0, seen = 0;
    for (;; at++) {
        if (*at == '.' && !is_fraction) { is_fraction = true; continue; }
        if (*at < '0' || *at > '9') break;
        seen++;
        bool has_room = digits < 1000000000000000000ull;
        if (has_room) digits = digits * 10 + (uint64_t)(*at - '0');
        power += has_room ? -is_fraction : !is_fraction;
    }
    if (!seen) return NULL;
    if (*at == 'e' || *at == 'E') {
        const char *after = at + 1;
        bool is_small = *after == '-';
        if (*after == '-' || *after == '+') after++;
        if (*after >= '0' && *after <= '9') {
            int exponent = 0;
            for (; *after >= '0' && *after <= '9'; after++) if (exponent < 1000) exponent = exponent * 10 + (*after - '0');
            power += is_small ? -exponent : exponent;
            at = after;
        }
    }
    for (; power < -22 && digits; power++) digits /= 10;       /* so small that it is as good as rounded off */
    if (power > 22) { if (digits) return NULL; power = 0; }
    if (power < -22) power = 0;
    double value = ra_from_decimal(digits, power);
    *out = is_negative ? -value : value;
    return at;
}

/* How far it is to the first of these characters, or to the text's end. */
static size_t ra_text_until(const char *text, const char *stops)
{
    size_t length = 0;
    for (; text[length]; length++)
        for (const char *stop = stops; *stop; stop++) if (text[length] == *stop) return length;
    return length;
}

/* Text in a fixed buffer: always terminated, never overrun; length goes on counting
   past the end, so that a caller can see that something was cut. */
typedef struct { char *text; size_t length, capacity; } ra_text;

static ra_text ra_text_start(char *buffer, size_t capacity)
{
    RA_ASSERT(capacity > 0);
    buffer[0] = 0;
    return (ra_text){ buffer, 0, capacity };
}

static void ra_text_add_char(ra_text *to, char c)
{
    if (to->length + 1 < to->capacity) {
        to->text[to->length] = c;
        to->text[to->length + 1] = 0;
    }
    to->length++;
}

static void ra_text_add_string(ra_text *to, const char *from)
{
    while (*from) ra_text_add_char(to, *from++);
}

static void ra_text_add_whole(ra_text *to, uint64_t value, int min_digits, char pad)
{
    char digits[24];
    int count = 0;
    do { digits[count++] = (char)('0' + value % 10); value /= 10; } while (value);
    for (int missing = min_digits - count; missing > 0; missing--) ra_text_add_char(to, pad);
    while (count) ra_text_add_char(to, digits[--count]);
}

/* A fixed number of decimals, rounded half away from zero; "null" for what is no number (JSON's word). */
static void ra_text_add_fixed(ra_text *to, double value, int decimals)
{
    if (!(ra_abs(value) < 1e15)) { ra_text_add_string(to, "null"); return; }
    double scale = 1.0;
    if (decimals > 9) decimals = 9;
    for (int decimal = 0; decimal < decimals; decimal++) scale *= 10.0;
    double magnitude = ra_abs(value), whole = ra_floor(magnitude);
    uint64_t parts = (uint64_t)((magnitude - whole) * scale + 0.5), one = (uint64_t)scale;
    uint64_t integer = (uint64_t)whole;
    if (parts >= one) { parts -= one; integer++; }
    if (value < 0 && (integer || parts)) ra_text_add_char(to, '-');
    ra_text_add_whole(to, integer, 1, '0');
    if (decimals) { ra_text_add_char(to, '.'); ra_text_add_whole(to, parts, decimals, '0'); }
}

/* As few decimals, up to 22, as it takes for ra_parse_number to give the same number. */
static void ra_text_add_number(ra_text *to, double value)
{
    enum { LIMBS = 5, LIMB_BITS = 26, DECIMALS = 22 };
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    int shift = 1075 - (int)(bits >> 52 & 2047);                /* |value| = mantissa / 2^shift */
    if (!(ra_abs(value) < 1e15) || shift > 126 || shift < 1) { ra_text_add_fixed(to, value, 0); return; }   /* no number, below 1e-22, or whole */
    /* its fraction in limbs of 26 bits, the highest first; a tenfold carry out of the first is the next decimal */
    uint32_t limbs[LIMBS];
    uint64_t whole = (uint64_t)ra_abs(value);
    double fraction = ra_abs(value) - (double)whole;
    for (int limb = 0; limb < LIMBS; limb++) {
        fraction *= 1 << LIMB_BITS;
        limbs[limb] = (uint32_t)fraction;
        fraction -= limbs[limb];
    }
    uint8_t decimal[DECIMALS + 1];
    for (int place = 0; place <= DECIMALS; place++) {
        uint32_t carry = 0;
        for (int limb = LIMBS - 1; limb >= 0; limb--) {
            carry += limbs[limb] * 10;
            limbs[limb] = carry & ((1 << LIMB_BITS) - 1);
            carry >>= LIMB_BITS;
        }
        decimal[place] = (uint8_t)carry;
    }
    for (int decimals = 0; decimals <= DECIMALS; decimals++) {
        char buffer[48];
        ra_text trial = ra_text_start(buffer, sizeof buffer);
        uint8_t digits[DECIMALS];
        bool carries = decimal[decimals] >= 5;                  /* rounded half away from zero */
        for (int place = decimals - 1; place >= 0; place--) {
            digits[place] = (uint8_t)(decimal[place] + carries);
            carries = digits[place] == 10;
            if (carries) digits[place] = 0;
        }
        if (bits >> 63) ra_text_add_char(&trial, '-');
        ra_text_add_whole(&trial, whole + carries, 1, '0');
        for (int place = 0; place < decimals; place++) {
            if (!place) ra_text_add_char(&trial, '.');
            ra_text_add_char(&trial, (char)('0' + digits[place]));
        }
        double again;
        if (decimals == DECIMALS || (ra_parse_number(buffer, &again) && again == value)) { ra_text_add_string(to, buffer); return; }
    }
}

/* A small printf: %s %c %d %u %llu %f with .N, %g (shortest), %% and zero padding as in %02u. */
static void ra_text_add_list(ra_text *to, const char *format, va_list values)
{
    for (; *format; format++) {
        if (*format != '%') { ra_text_add_char(to, *format); continue; }
        format++;
        char pad = *format == '0' ? '0' : ' ';
        int width = 0, decimals = 6, longs = 0;
        while (*format >= '0' && *format <= '9') width = width * 10 + (*format++ - '0');
        if (*format == '.') for (decimals = 0, format++; *format >= '0' && *format <= '9'; ) decimals = decimals * 10 + (*format++ - '0');
        while (*format == 'l') { longs++; format++; }
        switch (*format) {
        case 's': ra_text_add_string(to, va_arg(values, const char *)); break;
        case 'c': ra_text_add_char(to, (char)va_arg(values, int)); break;
        case 'd': {
            long long value = longs > 1 ? va_arg(values, long long) : longs ? va_arg(values, long) : va_arg(values, int);
            if (value < 0) ra_text_add_char(to, '-');
            ra_text_add_whole(to, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, width, pad);
            break;
        }
        case 'u': ra_text_add_whole(to, longs > 1 ? va_arg(values, unsigned long long) : longs ? va_arg(values, unsigned long)
                                                                                         : va_arg(values, unsigned), width, pad); break;
        case 'f': ra_text_add_fixed(to, va_arg(values, double), decimals); break;
        case 'g': ra_text_add_number(to, va_arg(values, double)); break;
        case '%': ra_text_add_char(to, '%'); break;
        default: RA_ASSERT(!"ra_text: unknown conversion"); return;
        }
    }
}

__attribute__((format(printf, 2, 3))) static void ra_text_add(ra_text *to, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    ra_text_add_list(to, format, values);
    va_end(values);
}

/* A JSON string with its quotes; control characters become \u00XX. */
RA_MAYBE_UNUSED static void ra_text_add_json(ra_text *to, const char *from)
{
    static const char hex[] = "0123456789abcdef";
    ra_text_add_char(to, '"');
    for (; *from; from++) {
        unsigned char c = (unsigned char)*from;
        if (c == '"' || c == '\\') { ra_text_add_char(to, '\\'); ra_text_add_char(to, *from); }
        else if (c < 0x20 || c == 0x7f) { ra_text_add_string(to, "\\u00"); ra_text_add_char(to, hex[c >> 4]); ra_text_add_char(to, hex[c & 15]); }
        else ra_text_add_char(to, *from);
    }
    ra_text_add_char(to, '"');
}

static const char *const ra_result_texts[] = {
#define RA_RESULT_TEXT(code, text) text,
    RA_RESULTS(RA_RESULT_TEXT)
#undef RA_RESULT_TEXT
};

RA_API const char *ra_result_text(ra_result result)
{
    return (unsigned)result < RA_RESULT_COUNT ? ra_result_texts[result] : "unknown result";
}

/* ---- SHA-256 [FIPS180] ---- */

typedef struct {
    uint32_t words[8];
    uint64_t byte_count;
    uint8_t  block[64];
} ra_sha256;

static void ra_sha256_start(ra_sha256 *sha)
{
    /* the first 32 bits behind the point of the square roots of the first eight primes */
    *sha = (ra_sha256){ .words = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 } };
}

RA_SMALL_CODE_END
RA_INLINE uint32_t ra_turn_right(uint32_t x, int bits) { return x >> bits | x << (32 - bits); }

static void ra_sha256_block(ra_sha256 *sha, const uint8_t *block)
{
    /* likewise, of the cube roots of the first 64 primes */
    static const uint32_t roots[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    };
    uint32_t w[64], v[8];
    for (int n = 0; n < 16; n++) w[n] = (uint32_t)block[4 * n] << 24 | (uint32_t)block[4 * n + 1] << 16 | (uint32_t)block[4 * n + 2] << 8 | block[4 * n + 3];
    for (int n = 16; n < 64; n++)
        w[n] = w[n - 16] + (ra_turn_right(w[n - 15], 7) ^ ra_turn_right(w[n - 15], 18) ^ w[n - 15] >> 3) + w[n - 7] + (ra_turn_right(w[n - 2], 17) ^ ra_turn_right(w[n - 2], 19) ^ w[n - 2] >> 10);
    memcpy(v, sha->words, sizeof v);
    for (int n = 0; n < 64; n++) {                       /* v: a to h of the standard */
        uint32_t t = v[7] + (ra_turn_right(v[4], 6) ^ ra_turn_right(v[4], 11) ^ ra_turn_right(v[4], 25)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) + roots[n] + w[n];
        uint32_t u = (ra_turn_right(v[0], 2) ^ ra_turn_right(v[0], 13) ^ ra_turn_right(v[0], 22)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        for (int k = 7; k; k--) v[k] = v[k - 1];
        v[4] += t;
        v[0] = t + u;
    }
    for (int n = 0; n < 8; n++) sha->words[n] += v[n];
}

static void ra_sha256_add(ra_sha256 *sha, const void *bytes, size_t byte_count)
{
    const uint8_t *from = bytes;
    size_t run;
    for (; byte_count; from += run, byte_count -= run) {
        size_t at = sha->byte_count & 63;
        run = byte_count < 64 - at ? byte_count : 64 - at;
        sha->byte_count += run;
        if (run == 64) { ra_sha256_block(sha, from); continue; }
        memcpy(sha->block + at, from, run);
        if (at + run == 64) ra_sha256_block(sha, sha->block);
    }
}
RA_SMALL_CODE_BEGIN

/* Ends it and writes the 64 digits and a zero. */
static void ra_sha256_end(ra_sha256 *sha, char digits[65])
{
    uint64_t bit_count = 8 * sha->byte_count;
    uint8_t last[8];
    for (int n = 0; n < 8; n++) last[n] = (uint8_t)(bit_count >> (56 - 8 * n));
    ra_sha256_add(sha, "\x80", 1);
    while ((sha->byte_count & 63) != 56) ra_sha256_add(sha, "", 1);
    ra_sha256_add(sha, last, 8);
    for (int n = 0; n < 64; n++) digits[n] = "0123456789abcdef"[sha->words[n / 8] >> (28 - 4 * (n % 8)) & 15];
    digits[64] = 0;
}

/* Fills in a refusal, and gives its code back so that one can return it. */
__attribute__((format(printf, 4, 5)))
static ra_result ra_refuse(ra_error *error, ra_result code, uint64_t offset, const char *format, ...)
{
    if (error) {
        va_list values;
        error->code = code;
        error->offset = offset;
        ra_text text = ra_text_start(error->text, sizeof error->text);
        va_start(values, format);
        ra_text_add_list(&text, format, values);
        va_end(values);
    }
    return code;
}

/* ============================================================================
   [3] PLATFORM - clock, threads, files and log: one contract, several bodies
   ----------------------------------------------------------------------------
   owns     ra_now_s, ra_core_count, ra_wait/ra_wake, ra_thread_start, the log,
            whole files (native), glyphs and requests to the page (web)
   calls    [2] BASE
   threads  each function says
   state    ra_log_level_now: a process has one stderr, and so one level
   ============================================================================ */

#if !RA_THREADS
/* Alone there is nobody to wait for. */
static void ra_wait(_Atomic uint32_t *word, uint32_t expected, double timeout_s) { (void)word; (void)expected; (void)timeout_s; }
static void ra_wake_all(_Atomic uint32_t *word) { (void)word; }
#endif

/* Atomic: written by the control thread, read by any, relaxed: a line more or less is no harm. */
static _Atomic int ra_log_level_now = 2;

/* ---- clock, cores, waiting: WebAssembly ---- */
#if RA_WASM

/* Seconds since some fixed moment, never going back. Any thread but the audio thread. */
static double ra_now_s(void) { return emscripten_get_now() / 1000.0; }

RA_MAYBE_UNUSED static uint32_t ra_core_count(void) { return (uint32_t)emscripten_num_logical_cores(); }

static void ra_log_write(int level, const char *line)
{
    if (level <= 1) emscripten_console_error(line); else emscripten_console_log(line);
}

/* A worker of a page may be ended from outside or trap, and nobody is told; natively all end together. */
static bool ra_may_lose_threads(void) { return true; }

/* A page may not be blocked: nobody waits on its main thread. */
static bool ra_may_block(void) { return RA_THREADS && !emscripten_is_main_browser_thread(); }

#if RA_THREADS
/* Sleeps while *word == expected, timeout_s at most. Pool threads only. */
static void ra_wait(_Atomic uint32_t *word, uint32_t expected, double timeout_s)
{
    emscripten_futex_wait((volatile void *)word, expected, timeout_s * 1000.0);
}
static void ra_wake_all(_Atomic uint32_t *word) { emscripten_futex_wake((volatile void *)word, 1 << 30); }
#endif

#if RA_WEB && RA_THREADS
/* Emscripten lets every thread run functions, JavaScript's too, on every other one, by queues and mailboxes. Ours talk
   through section [4] alone; with these in place of Emscripten's own the linker leaves 7 KB of it out. */
void  _emscripten_thread_mailbox_init(pthread_t thread) { (void)thread; }
void  _emscripten_thread_mailbox_shutdown(pthread_t thread) { (void)thread; }
void  _emscripten_check_mailbox(void) { }
void *emscripten_proxy_get_system_queue(void) { return NULL; }
void  emscripten_proxy_execute_queue(void *queue) { (void)queue; }
double _emscripten_run_on_main_thread_js(int function, void *code, int count, double *values, int is_sync)
{
    (void)function, (void)code, (void)count, (void)values, (void)is_sync;
    return 0;
}
/* After a worker has trapped Emscripten would leave whatever the page is doing when it next has to wait for malloc. */
void _emscripten_thread_crashed(void) { }
void _emscripten_yield(double now) { (void)now; }
/* Only malloc's report for debuggers would print; through it pthread_create would keep all of the standard output. */
int printf(const char *format, ...) { (void)format; return 0; }
#endif

#else
/* ---- the same, natively (POSIX) ---- */

static double ra_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

RA_MAYBE_UNUSED static uint32_t ra_core_count(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (uint32_t)count : 1;
}

static void ra_log_write(int level, const char *line) { fprintf(stderr, "%s%s\n", level <= 1 ? "error: " : "", line); }

static bool ra_may_lose_threads(void) { return false; }
static bool ra_may_block(void) { return true; }

#if RA_THREADS
static void ra_wait(_Atomic uint32_t *word, uint32_t expected, double timeout_s)
{
    struct timespec time = { (time_t)timeout_s, (long)((timeout_s - (double)(time_t)timeout_s) * 1e9) };
#if defined(__linux__)
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, &time, NULL, 0);
#else
    if (time.tv_sec || time.tv_nsec > 1000000) time = (struct timespec){ 0, 1000000 };   /* elsewhere: look again in 1 ms */
    if (atomic_load_explicit(word, memory_order_relaxed) == expected) nanosleep(&time, NULL);
#endif
}
static void ra_wake_all(_Atomic uint32_t *word)
{
#if defined(__linux__)
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1 << 30, NULL, NULL, 0);
#else
    (void)word;
#endif
}
#endif

/* A whole file into memory the caller frees; "-" is standard input. NULL, with the reason, when it cannot be. */
RA_MAYBE_UNUSED static uint8_t *ra_file_read(const char *path, size_t *byte_count, ra_error *error)
{
    FILE *file = strcmp(path, "-") ? fopen(path, "rb") : stdin;
    uint8_t *bytes = NULL;
    size_t count = 0, capacity = 0;
    if (!file) { ra_refuse(error, RA_NO_FILE, 0, "cannot open \"%s\": %s", path, strerror(errno)); return NULL; }
    for (;;) {
        if (count == capacity) {
            size_t larger = capacity ? capacity * 2 : 1 << 16;
            uint8_t *moved = larger > capacity ? RA_REALLOC(bytes, larger) : NULL;
            if (!moved) { ra_refuse(error, RA_NO_MEMORY, count, "out of memory after %llu bytes", (unsigned long long)count); goto fail; }
            bytes = moved;
            capacity = larger;
        }
        size_t got = fread(bytes + count, 1, capacity - count, file);
        count += got;
        if (got == 0) break;
    }
    if (ferror(file)) { ra_refuse(error, RA_NO_FILE, count, "cannot read \"%s\" after byte %llu: %s", path, (unsigned long long)count, strerror(errno)); goto fail; }
    if (file != stdin) fclose(file);
    bytes[count] = 0;                                    /* there is room: the last read wanted more. A text is a string so */
    *byte_count = count;
    return bytes;
fail:
    if (file != stdin) fclose(file);
    RA_FREE(bytes);
    return NULL;
}
#endif

#if RA_THREADS
/* Starts a thread that nobody joins: it ends by itself. False when the system has none to give. */
static bool ra_thread_start(void *(*body)(void *), void *user)
{
    pthread_t thread;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes)) return false;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    bool is_started = pthread_create(&thread, &attributes, body, user) == 0;
    pthread_attr_destroy(&attributes);
    return is_started;
}
#endif

RA_API void ra_log_level(int level) { atomic_store_explicit(&ra_log_level_now, level, memory_order_relaxed); }

/* One line for whoever looks after the program. Never from the audio thread. */
__attribute__((format(printf, 2, 3))) RA_MAYBE_UNUSED static void ra_log_line(int level, const char *format, ...)
{
    char line[512];
    va_list values;
    if (level > atomic_load_explicit(&ra_log_level_now, memory_order_relaxed)) return;
    ra_text text = ra_text_start(line, sizeof line);
    va_start(values, format);
    ra_text_add_list(&text, format, values);
    va_end(values);
    ra_log_write(level, line);
}

/* ---- what only a page has: its text engine and its wishes ---- */
#if RA_UI

/* ---- the page's canvas and text engine, for [13] and [15] ---- */

/* Where a run of text lies: device pixels, relative to the pen; top is counted upwards from the baseline. */
typedef struct { float advance_px, left_px, top_px; int width_px, height_px; } ra_glyph_box;

#if RA_WEB
/* A hidden 2-D canvas draws the run, its alpha channel is the coverage. Digits get the advance of the widest
   digit, because a 2-D canvas has no switch for the font's tabular figures. The canvas only ever grows. */
EM_JS(int, ra_host_glyph_js, (const char *utf8, float size_px, int is_bold, int is_tabular, uint8_t *alpha, int alpha_capacity, float *box), {
    let pen = globalThis["raPen"];
    if (!pen) {
        const sheet = document.createElement("canvas");
        sheet.width = sheet.height = 64;
        pen = globalThis["raPen"] = sheet.getContext("2d", { "willReadFrequently": true });
        if (!pen) return 0;
    }
    const text = UTF8ToString(utf8);
    const font = (is_bold ? "600 " : "400 ") + size_px + "px system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif";
    pen.font = font;
    const ink = pen.measureText(text);
    let advance = ink.width;
    if (is_tabular) for (const digit of "0123456789") advance = Math.max(advance, pen.measureText(digit).width);
    const indent = (advance - ink.width) / 2;
    const left = Math.floor(indent - ink.actualBoundingBoxLeft) - 1;
    const top = Math.ceil(ink.actualBoundingBoxAscent) + 1;
    let width = Math.ceil(indent + ink.actualBoundingBoxRight) + 1 - left;
    let height = top + Math.ceil(ink.actualBoundingBoxDescent) + 1;
    if (!(ink.actualBoundingBoxRight + ink.actualBoundingBoxLeft > 0)) width = height = 0;
    HEAPF32.set([advance, left, top, width, height], box >> 2);
    if (!alpha || width * height == 0) return 1;
    if (width * height > alpha_capacity) return 0;
    const sheet = pen.canvas;
    if (sheet.width < width || sheet.height < height) {
        sheet.width = Math.max(sheet.width, width);
        sheet.height = Math.max(sheet.height, height);
        pen.font = font;
    }
    pen.clearRect(0, 0, width, height);
    pen.fillStyle = "#fff";
    pen.fillText(text, indent - left, top);
    const pixels = pen.getImageData(0, 0, width, height).data;
    for (let i = 0; i < width * height; i++) HEAPU8[alpha + i] = pixels[4 * i + 3];
    return 1;
})

/* Rasterises a run of text with the browser's own text engine; alpha NULL: only measures. False: no text
   engine, or the run is larger than alpha_capacity bytes. */
static bool ra_host_glyph(const char *utf8, float size_px, bool is_bold, bool is_tabular,
                          uint8_t *alpha, int alpha_capacity, ra_glyph_box *box)
{
    float out[5] = { 0 };
    bool is_drawn = ra_host_glyph_js(utf8, size_px, is_bold, is_tabular, alpha, alpha_capacity, out);
    *box = (ra_glyph_box){ out[0], out[1], out[2], (int)out[3], (int)out[4] };
    return is_drawn;
}

EM_JS(bool, ra_host_has_webgpu, (void), { return !!navigator.gpu; })
/* Asks for a device, which takes a while. *device is then Emscripten's handle of it, and *news |= 1; if there is none,
   *news |= 2, and the console says why; |= 4 whenever a device that was there is lost. */
EM_JS_DEPS(ra_host_webgpu, "$WebGPU")
EM_JS(void, ra_host_webgpu_request, (void *device, uint8_t *news), {
    const tell = (what, text) => { console.error(what + ": " + text); };
    (async () => {
        const adapter = await navigator.gpu.requestAdapter();
        if (!adapter) throw Error("no adapter");
        const made = await adapter.requestDevice();
        made.onuncapturederror = event => tell("WebGPU error", event.error.message);
        made.lost.then(loss => {
            tell("WebGPU device lost", loss.message);
            HEAPU8[news] |= 4;
        });
        HEAPU32[device >> 2] = WebGPU.importJsDevice ? WebGPU.importJsDevice(made)         // Emscripten 4
            : WebGPU.mgrDevice.create(made, { queueId: WebGPU.mgrQueue.create(made.queue) });
        HEAPU8[news] |= 1;
    })().catch(error => {
        tell("no WebGPU device, WebGL2 instead", error.message);
        HEAPU8[news] |= 2;
    });
})
/* Emscripten's own wgpuSurfaceGetPreferredFormat gives 0 once closure has renamed its tables. */
EM_JS(bool, ra_host_canvas_is_bgra, (void), { return navigator.gpu.getPreferredCanvasFormat() == "bgra8unorm"; })
/* A canvas that has had a WebGPU context never gets another kind: a fresh copy takes its place. The page
   therefore listens on the canvas's parent. */
EM_JS(void, ra_host_canvas_renew, (const char *selector), {
    const old = document.querySelector(UTF8ToString(selector));
    old.replaceWith(old.cloneNode(false));
})

/* WebGL2, for browsers without WebGPU: three functions of ours instead of Emscripten's GL library, which would be
   a twentieth of the page. One context for the page, globalThis.raGL. */

/* Everything that draws, on the canvas's context; again after the context was lost, and everything in it with it.
   False: no WebGL2 here, or the console says what is wrong with the shaders. Later, *news |= 1 when the context is
   lost and |= 2 when the browser has restored it. */
EM_JS(bool, ra_host_webgl_build, (const char *selector, const char *vertex_shader, const char *fragment_shader, uint8_t *news), {
    const canvas = document.querySelector(UTF8ToString(selector));
    const gl = canvas.getContext("webgl2", { "alpha": false, "depth": false, "antialias": false });
    if (!gl || gl.isContextLost()) return false;
    const program = gl.createProgram();
    const add = (stage, source) => {
        const shader = gl.createShader(stage);
        gl.shaderSource(shader, UTF8ToString(source));
        gl.compileShader(shader);
        gl.attachShader(program, shader);
    };
    add(gl.VERTEX_SHADER, vertex_shader);
    add(gl.FRAGMENT_SHADER, fragment_shader);
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) {
        console.error("WebGL2 shaders: " + gl.getProgramInfoLog(program));
        return false;
    }
    gl.useProgram(program);
    globalThis["raGL"] = gl;
    globalThis["raGLScale"] = gl.getUniformLocation(program, "scale");
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    for (let i = 0; i < 3; i++) {                         // canvas_vertex: four floats, four floats, four bytes
        gl.enableVertexAttribArray(i);
        gl.vertexAttribPointer(i, 4, i < 2 ? gl.FLOAT : gl.UNSIGNED_BYTE, i == 2, 36, 16 * i);
    }
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.enable(gl.SCISSOR_TEST);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    const listen = (type, bit) => canvas.addEventListener(type, event => {
        event.preventDefault();                           // only then does the browser restore it
        HEAPU8[news] |= bit;
    }, { "once": true });
    listen("webglcontextlost", 1);
    listen("webglcontextrestored", 2);
    return true;
})

/* Texels into the one texture; NULL makes it anew, of that size. */
EM_JS(void, ra_host_webgl_texels, (const uint8_t *texels, uint32_t x, uint32_t y, uint32_t w, uint32_t h), {
    const gl = globalThis["raGL"];
    if (texels) gl.texSubImage2D(gl.TEXTURE_2D, 0, x, y, w, h, gl.RED, gl.UNSIGNED_BYTE, HEAPU8, texels);
    else gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, w, h, 0, gl.RED, gl.UNSIGNED_BYTE, null);
})

/* One picture: ground is 0xBBGGRR, a command six words { first index, index count, x, y, w, h }. */
EM_JS(void, ra_host_webgl_draw, (uint32_t width_px, uint32_t height_px, uint32_t ground, const void *vertices, size_t vertex_bytes,
                                 const uint32_t *indices, size_t index_bytes, const void *commands, uint32_t command_count), {
    const gl = globalThis["raGL"];
    if (gl.canvas.width != width_px) gl.canvas.width = width_px;
    if (gl.canvas.height != height_px) gl.canvas.height = height_px;
    gl.viewport(0, 0, width_px, height_px);
    gl.uniform2f(globalThis["raGLScale"], 2 / width_px, -2 / height_px);
    gl.bufferData(gl.ARRAY_BUFFER, HEAPU8, gl.STREAM_DRAW, vertices, vertex_bytes);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, HEAPU8, gl.STREAM_DRAW, indices, index_bytes);
    gl.scissor(0, 0, width_px, height_px);
    gl.clearColor((ground & 255) / 255, (ground >> 8 & 255) / 255, (ground >> 16 & 255) / 255, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    for (let i = 0; i < command_count; i++) {
        const [first, count, x, y, w, h] = HEAP32.subarray((commands >> 2) + 6 * i);
        if (!count) continue;
        gl.scissor(x, height_px - y - h, w, h);           // counts from below
        gl.drawElements(gl.TRIANGLES, count, gl.UNSIGNED_INT, 4 * first);
    }
})

/* A context lost on purpose comes back on purpose only. */
EM_JS(void, ra_host_webgl_lose, (void), {
    const switcher = globalThis["raGL"].getExtension("WEBGL_lose_context");
    switcher.loseContext();
    setTimeout(() => switcher.restoreContext(), 100);
})
#else
/* No page, no text: the canvas then lays out rectangles only. */
static bool ra_host_glyph(const char *utf8, float size_px, bool is_bold, bool is_tabular,
                          uint8_t *alpha, int alpha_capacity, ra_glyph_box *box)
{
    (void)utf8; (void)size_px; (void)is_bold; (void)is_tabular; (void)alpha; (void)alpha_capacity;
    *box = (ra_glyph_box){ 0 };
    return false;
}
#endif

/* ---- requests to the page ------------------------------------------------------------------- */

/* Things only the page can do; raHost in worker.js does them. Main thread only. */
typedef enum {
    RA_HOST_OPEN_FILE,         /* the page's file picker; number: the purpose of what is picked, see app_purpose */
    RA_HOST_COPY_TEXT,         /* text into the clipboard */
    RA_HOST_SET_TITLE,         /* text becomes the page's title */
    RA_HOST_HELP_THREADS,      /* shows how a site gets worker threads */
    RA_HOST_WAKE_AUDIO,        /* asked for inside a gesture: makes or resumes the AudioContext */
    RA_HOST_ANNOUNCE,          /* text for a screen reader; number 1: at once, an error */
    RA_HOST_LOADED,            /* number: the load's request, whose promise is kept */
    RA_HOST_LOAD_FAILED,       /* number as above; text: the sentence it is broken with */
    RA_HOST_SAVE_STATE,        /* text: the chain, for the address bar */
    RA_HOST_WANT_RESPONSE,     /* text: the address of a response that the chain names; load it with number as its purpose */
    RA_HOST_RECORD,            /* number 1: begin to record the output, 2: the microphone; 0: end it */
    RA_HOST_RECORDED,          /* number 0: forget what was recorded, 1: open it, 2: save it */
    RA_HOST_EXPORT             /* text: the name of a file whose pieces come now, see app_export_next; number: how many MB */
} ra_host_kind;

#if RA_WEB
EM_JS_DEPS(ra_host_request, "$UTF8ToString")
EM_JS(void, ra_host_request_js, (int kind, uint32_t number, const char *text), {
    globalThis["raHost"](kind, number >>> 0, UTF8ToString(text));
})

static void ra_host_request(ra_host_kind kind, uint32_t number, const char *text)
{
    ra_host_request_js((int)kind, number, text ? text : "");
}
#else
static void ra_host_request(ra_host_kind kind, uint32_t number, const char *text)
{
    (void)kind, (void)number, (void)text;
}
#endif
#endif  /* RA_UI */

RA_SMALL_CODE_END

/* ============================================================================
   [4] CONCURRENCY - every atomic of the engine: ring, mailbox, worker pool, weave
   ----------------------------------------------------------------------------
   owns     ra_ring (frames from one thread to another, in order, none lost),
            ra_mailbox (newest value wins), ra_count, ra_cache (what one thread fills, takes
            away and another looks at), ra_pool and ra_job, ra_weave
   calls    [2] BASE: ra_new; [3] PLATFORM: clock, threads, waiting and log
   threads  ring and mailbox: exactly one writer and one reader, any two threads;
            pool: made and fed by the control thread, drained by its workers
   rule     no lock anywhere; nobody waits but idle workers, and natively who asks for an end.
            A worker may end at any instruction: what it held is lost and told so, and nobody
            else touches that memory again, for the worker may only have been slow
   limit    a worker that is ended inside malloc keeps malloc's lock for ever; slices seldom allocate
   tests    test.c "concurrency"; thread sanitizer
   ============================================================================ */

#define RA_CACHE_LINE 64
#define RA_RING_MAX_FRAMES (1u << 24)

/* Positions count frames for ever and wrap at 2^32; a position masked by capacity - 1 is a
   place. Each is written by one side only, and they lie on lines of their own, so that
   the two sides do not take turns owning one line. */
struct ra_ring {
    uint32_t mask, channels, sample_rate_hz;
    float   *samples;
    uint8_t  apart_0[RA_CACHE_LINE];
    _Atomic uint32_t written;          /* writer: the writer; release, so its samples are seen before it */
    _Atomic uint64_t overrun_frames;   /* writer: the writer; relaxed, a statistic */
    uint8_t  apart_1[RA_CACHE_LINE];
    _Atomic uint32_t read;             /* writer: the reader; release, so the samples are out before their place is free */
    _Atomic uint64_t underrun_frames;  /* writer: the reader; relaxed, a statistic */
};

RA_API ra_result ra_ring_create(uint32_t frame_capacity, uint32_t channels, uint32_t sample_rate_hz, ra_ring **out)
{
    *out = NULL;
    if (frame_capacity == 0 || frame_capacity > RA_RING_MAX_FRAMES || channels == 0 || channels > 64 || sample_rate_hz == 0) return RA_BAD_ARGUMENT;
    uint32_t capacity = 1;
    while (capacity < frame_capacity) capacity *= 2;
    ra_ring *ring = ra_new(1, sizeof *ring);
    if (!ring) return RA_NO_MEMORY;
    ring->samples = ra_new((uint64_t)capacity * channels, sizeof *ring->samples);
    if (!ring->samples) { RA_FREE(ring); return RA_NO_MEMORY; }
    ring->mask = capacity - 1;
    ring->channels = channels;
    ring->sample_rate_hz = sample_rate_hz;
    *out = ring;
    return RA_OK;
}

RA_API void ra_ring_destroy(ra_ring *ring)
{
    if (!ring) return;
    RA_FREE(ring->samples);
    RA_FREE(ring);
}

/* Copies frame_count frames between a flat array and the ring's places from position on,
   in one or two pieces. */
RA_REALTIME static void ra_ring_copy(const ra_ring *ring, uint32_t position, float *flat, uint32_t frame_count, bool is_write)
{
    size_t frame_bytes = ring->channels * sizeof(float);
    while (frame_count) {
        uint32_t place = position & ring->mask, run = ring->mask + 1 - place;
        if (run > frame_count) run = frame_count;
        float *inside = ring->samples + (size_t)place * ring->channels;
        if (is_write) memcpy(inside, flat, run * frame_bytes); else memcpy(flat, inside, run * frame_bytes);
        flat += (size_t)run * ring->channels;
        position += run;
        frame_count -= run;
    }
}

RA_REALTIME RA_API uint32_t ra_ring_write(ra_ring *ring, const float *frames, uint32_t frame_count)
{
    uint32_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);   /* our own */
    uint32_t read = atomic_load_explicit(&ring->read, memory_order_acquire);         /* what the reader has left is ours */
    uint32_t room = ring->mask + 1 - (written - read), taken = frame_count < room ? frame_count : room;
    ra_ring_copy(ring, written, (float *)(uintptr_t)frames, taken, true);
    atomic_store_explicit(&ring->written, written + taken, memory_order_release);
    if (taken < frame_count)
        atomic_store_explicit(&ring->overrun_frames, atomic_load_explicit(&ring->overrun_frames, memory_order_relaxed) + (frame_count - taken), memory_order_relaxed);
    return taken;
}

RA_REALTIME RA_API uint32_t ra_ring_read(ra_ring *ring, float *frames, uint32_t frame_count)
{
    uint32_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);          /* our own */
    uint32_t written = atomic_load_explicit(&ring->written, memory_order_acquire);    /* its samples are visible from here on */
    uint32_t there = written - read, given = frame_count < there ? frame_count : there;
    ra_ring_copy(ring, read, frames, given, false);
    atomic_store_explicit(&ring->read, read + given, memory_order_release);
    if (given < frame_count)
        atomic_store_explicit(&ring->underrun_frames, atomic_load_explicit(&ring->underrun_frames, memory_order_relaxed) + (frame_count - given), memory_order_relaxed);
    return given;
}

RA_REALTIME RA_API uint32_t ra_ring_readable_frames(const ra_ring *ring)
{
    /* read first: were it taken last, the reader could overtake the old "written" in between */
    uint32_t read = atomic_load_explicit(&ring->read, memory_order_acquire);
    uint32_t there = atomic_load_explicit(&ring->written, memory_order_acquire) - read;
    return there <= ring->mask ? there : ring->mask + 1;                 /* a third thread may have been slow between the two */
}

RA_REALTIME RA_API bool ra_ring_is_ready(const ra_ring *ring, uint32_t frame_count) { return ra_ring_readable_frames(ring) >= frame_count; }

RA_API void ra_ring_reset(ra_ring *ring)
{
    atomic_store_explicit(&ring->read, atomic_load_explicit(&ring->written, memory_order_acquire), memory_order_release);
}

RA_API ra_ring_metadata ra_ring_get_metadata(const ra_ring *ring)
{
    return (ra_ring_metadata){
        .frame_capacity = ring->mask + 1, .channels = ring->channels, .sample_rate_hz = ring->sample_rate_hz,
        .overrun_frames  = atomic_load_explicit(&ring->overrun_frames, memory_order_relaxed),
        .underrun_frames = atomic_load_explicit(&ring->underrun_frames, memory_order_relaxed),
    };
}

/* Newest value wins: three slots, one being written, one being read, one between them. The
   one word says which slot is between and whether it is fresh; whoever is done swaps
   his slot with it, so neither side ever waits and a value is never torn. */
enum { RA_MAILBOX_FRESH = 4 };
typedef struct {
    size_t   byte_count;
    uint8_t *slots;                    /* three of byte_count */
    uint32_t writer_slot, reader_slot; /* each belongs to its side */
    _Atomic uint32_t between;          /* both sides exchange it; acq_rel: the slot's bytes travel with it */
} ra_mailbox;

static ra_result ra_mailbox_init(ra_mailbox *box, size_t byte_count)
{
    box->slots = ra_new(3, byte_count);
    box->byte_count = byte_count;
    box->writer_slot = 0;
    box->reader_slot = 1;
    atomic_store_explicit(&box->between, 2, memory_order_relaxed);
    return box->slots ? RA_OK : RA_NO_MEMORY;
}

static void ra_mailbox_end(ra_mailbox *box) { RA_FREE(box->slots); box->slots = NULL; }

RA_REALTIME static void ra_mailbox_put(ra_mailbox *box, const void *value)
{
    memcpy(box->slots + box->writer_slot * box->byte_count, value, box->byte_count);
    box->writer_slot = atomic_exchange_explicit(&box->between, box->writer_slot | RA_MAILBOX_FRESH, memory_order_acq_rel) & 3;
}

/* The newest value (all zero before the first), and whether it was not there last time. */
RA_REALTIME static const void *ra_mailbox_get(ra_mailbox *box, bool *is_fresh)
{
    bool fresh = atomic_load_explicit(&box->between, memory_order_relaxed) & RA_MAILBOX_FRESH;
    if (fresh) box->reader_slot = atomic_exchange_explicit(&box->between, box->reader_slot, memory_order_acq_rel) & 3;
    if (is_fresh) *is_fresh = fresh;
    return box->slots + box->reader_slot * box->byte_count;
}

/* How much of something is there: whoever has made more adds it, release; who has seen the number may read that much. */
typedef struct { _Atomic uint32_t value; } ra_count;
static uint32_t ra_count_add(ra_count *count, uint32_t more)  { return atomic_fetch_add_explicit(&count->value, more, memory_order_acq_rel) + more; }
static uint32_t ra_count_get(const ra_count *count)           { return atomic_load_explicit(&count->value, memory_order_acquire); }

/* ---- pieces: of something too long for memory, those that are here ----

   One thread fills slots and lists which piece lies in which; another looks, and never waits. A slot is filled anew only when
   its piece is off the list and the looker has been outside since: it counts itself in and out. List and count are
   sequentially consistent, because each side writes the one and then reads the other: either the looker sees that the piece
   is gone, or the filler sees the looker inside. */

RA_SMALL_CODE_BEGIN

enum { RA_CACHE_FRAMES = 16384, RA_SLOT_MAX = 254 };

typedef struct {
    float   *samples;                  /* NULL until it is needed; then it stays */
    uint64_t piece;
    uint32_t stamp;                    /* of the newest plan that wanted the piece */
    uint32_t visit;                    /* the looker's count when the piece was taken off the list */
    bool     is_listed, is_held;       /* held: about to be filled */
} ra_slot;

typedef struct {
    _Atomic uint8_t *list;             /* slot + 1 of each piece, 0: not here; writer: the filler */
    const _Atomic uint32_t *visits;    /* writer: the looker, odd while it is inside; NULL: nobody looks */
    uint32_t slot_count, stamp;
    size_t   slot_samples;
    ra_slot  slots[RA_SLOT_MAX];
} ra_cache;

RA_REALTIME static const float *ra_cache_find(const ra_cache *pieces, uint64_t piece)
{
    uint32_t slot = atomic_load_explicit(&pieces->list[piece], memory_order_seq_cst);
    return slot ? pieces->slots[slot - 1].samples : NULL;
}

/* The looker's one writer: odd inside, even outside, also after it has been thrown out by a trap. */
RA_REALTIME static void ra_visit(_Atomic uint32_t *visits, bool is_inside)
{
    uint32_t next = atomic_load_explicit(visits, memory_order_relaxed) + 1;
    atomic_exchange_explicit(visits, next + ((next & 1) != is_inside), memory_order_seq_cst);
}

/* Holds a slot for a piece: one that was never used, else the one that was wanted longest ago, but none that the newest
   plan wants. NULL: there is none. */
static ra_slot *ra_cache_hold(ra_cache *pieces, uint64_t piece)
{
    ra_slot *best = NULL;
    for (ra_slot *slot = pieces->slots; slot < pieces->slots + pieces->slot_count; slot++) {
        if (slot->is_held) continue;
        if (!slot->samples && !(slot->samples = RA_MALLOC(pieces->slot_samples * sizeof(float)))) break;
        if (slot->is_listed && slot->stamp == pieces->stamp) continue;
        if (!best || (best->is_listed && (!slot->is_listed || pieces->stamp - slot->stamp > pieces->stamp - best->stamp))) best = slot;
        if (!best->is_listed) break;
    }
    if (!best) return NULL;
    if (best->is_listed) {
        atomic_store_explicit(&pieces->list[best->piece], 0, memory_order_seq_cst);
        best->visit = pieces->visits ? atomic_load_explicit(pieces->visits, memory_order_seq_cst) : 0;
    }
    best->is_listed = false;
    best->is_held = true;
    best->piece = piece;
    return best;
}

/* May the slot be filled, that is, can nobody still look at what was in it? */
static bool ra_slot_is_free(const ra_cache *pieces, const ra_slot *slot)
{
    return !(slot->visit & 1) || !pieces->visits || atomic_load_explicit(pieces->visits, memory_order_seq_cst) != slot->visit;
}

/* What is held is listed, or given up. */
static void ra_cache_put(ra_cache *pieces, ra_slot *slot, bool is_filled)
{
    slot->is_held = false;
    if (!is_filled) return;
    slot->is_listed = true;
    slot->stamp = pieces->stamp;
    slot->visit = 0;
    atomic_store_explicit(&pieces->list[slot->piece], (uint8_t)(slot - pieces->slots + 1), memory_order_seq_cst);
}

/* ---- the pool ------------------------------------------------------------------------------- */

#define RA_POOL_QUEUE 64               /* a power of two */

struct ra_job {
    ra_job_step step;
    void *user;
    uint32_t task;                     /* which of the pool's counters are its own */
    ra_job *next, **link;              /* the control thread's list of all that are not released; link NULL: the pool is gone */
    _Atomic uint32_t holder;           /* 1 + number of the seat that has taken it; written before its cell is given back, and by that read */
    _Atomic uint32_t state;            /* ra_job_state; compare-and-exchange on the way to an end, release, so that its results are seen */
    _Atomic uint32_t is_cancelled;     /* any thread, relaxed: a wish */
    _Atomic uint32_t progress_ppm;     /* whoever runs the step, relaxed: for the eye */
};

/* A place in the queue. Its word says whose it is, in the low byte, and above that which job of all it has: the lowest
   is the oldest. Taken and given back in one exchange each, so whoever dies in between leaves its number there. */
typedef struct { _Atomic uint32_t word; ra_job *_Atomic job; } ra_pool_cell;
enum { RA_CELL_FREE, RA_CELL_WAITING, RA_CELL_TAKEN /* by seat 0, 1 ... */, RA_CELL_OWNER = 255, RA_CELL_TICKET };

enum { RA_POOL_HANDS = 8 };
/* A thread's place in the pool. It works on a job, and beside those that take long on others, slice by slice in turn; so
   a spectrum need not wait for a song to be rendered, or for a file to be read. Atomics: writer: the thread; relaxed, statistics. */
typedef struct {
    ra_pool *pool;
    uint32_t number;
    ra_job  *jobs[RA_POOL_HANDS];      /* job_count of them */
    uint32_t job_count, turn;          /* turn: slices since the newest was taken */
    _Atomic uint32_t state;            /* compare-and-exchange EMPTY to ALIVE by the thread, ALIVE to LOST by the control thread; ENDED, release: its last word */
    _Atomic uint32_t heard_bell;       /* with slice_count a sign of life */
    _Atomic uint32_t slice_count, last_slice_us;
    _Atomic uint64_t busy_us;
    const char *_Atomic doing, *_Atomic did;
    uint32_t last_sign;                /* the control thread's */
    double   silent_s;
    uint8_t  apart[RA_CACHE_LINE];
} ra_pool_seat;
enum { RA_SEAT_EMPTY, RA_SEAT_ALIVE, RA_SEAT_LOST, RA_SEAT_ENDED };
enum { RA_POOL_LONG_SLICES = 8 };      /* and then other threads have had the time to take what waits */
#define RA_POOL_PATIENCE_S 5.0         /* a slice takes milliseconds */
#define RA_POOL_LOOK_S     0.05        /* how often the control thread looks after its workers, */
#define RA_POOL_AWAKE_S    0.25        /* and what counts at most from look to look: a laptop that slept says nothing against them */

/* Jobs of one name. */
typedef struct {
    const char *_Atomic name;          /* writer: the control thread, as of the first count; NULL: nobody's yet */
    _Atomic uint32_t submitted;        /* writer: the control thread; these three relaxed, statistics */
    _Atomic uint32_t ended[3];         /* done, cancelled, lost; whoever ends a job adds */
} ra_pool_task;

struct ra_pool {
    ra_pool_cell queue[RA_POOL_QUEUE];
    uint32_t tail;                     /* the control thread's own: the only one that submits */
    _Atomic uint32_t bell;             /* raised by every submit: idle workers sleep on it */
    _Atomic uint32_t pending_count;    /* jobs from their submit to their end; each is counted out by whoever ended it, last of all */
    _Atomic uint32_t is_closing;
    uint32_t wanted_count;
    double   start_s;
    ra_job  *jobs;                     /* the control thread's, as are these */
    double   patience_s, looked_s;
    uint32_t lost_count;
    ra_pool_task tasks[RA_POOL_MAX_TASKS];
    ra_pool_seat control;              /* the control thread's, while there are no workers */
    ra_pool_seat seats[RA_POOL_MAX_WORKERS];
};

RA_API ra_job_state ra_job_poll(const ra_job *job)     { return (ra_job_state)atomic_load_explicit(&job->state, memory_order_acquire); }
RA_API float ra_job_progress(const ra_job *job)        { return (float)atomic_load_explicit(&job->progress_ppm, memory_order_relaxed) * 1e-6f; }
RA_API void ra_job_set_progress(ra_job *job, float progress)
{
    uint32_t ppm = progress > 0.0f ? progress < 1.0f ? (uint32_t)(progress * 1e6f) : 1000000u : 0u;
    atomic_store_explicit(&job->progress_ppm, ppm, memory_order_relaxed);
}
RA_API void ra_job_cancel(ra_job *job) { atomic_store_explicit(&job->is_cancelled, 1, memory_order_relaxed); }

RA_API void ra_job_release(ra_job *job)
{
    if (!job) return;
    ra_job_state state = ra_job_poll(job);
    RA_ASSERT(state >= RA_JOB_DONE);
    if (job->link) *job->link = job->next;
    if (job->next) job->next->link = job->link;
    if (state != RA_JOB_LOST) RA_FREE(job);
}

/* The oldest that waits, for a seat. */
static ra_job *ra_pool_take(ra_pool_seat *seat)
{
    for (;;) {
        ra_pool_cell *cell = NULL;
        uint32_t word = 0;
        for (uint32_t index = 0; index < RA_POOL_QUEUE; index++) {
            uint32_t is = atomic_load_explicit(&seat->pool->queue[index].word, memory_order_acquire);
            if ((is & RA_CELL_OWNER) == RA_CELL_WAITING && (!cell || (int32_t)(is - word) < 0)) { cell = &seat->pool->queue[index]; word = is; }
        }
        if (!cell) return NULL;
        ra_job *job = atomic_load_explicit(&cell->job, memory_order_relaxed);          /* this word's, if it is still there now: */
        uint32_t mine = word - RA_CELL_WAITING + RA_CELL_TAKEN + seat->number;
        if (!atomic_compare_exchange_strong_explicit(&cell->word, &word, mine, memory_order_acquire, memory_order_relaxed)) continue;
        atomic_store_explicit(&job->holder, 1 + seat->number, memory_order_relaxed);
        /* not ours any more if we have been written off meanwhile */
        atomic_compare_exchange_strong_explicit(&cell->word, &mine, mine & ~(uint32_t)RA_CELL_OWNER, memory_order_release, memory_order_relaxed);
        return job;
    }
}

/* Whoever is first says what has become of the job. */
static void ra_pool_end(ra_pool *pool, ra_job *job, ra_job_state state)
{
    uint32_t is = atomic_load_explicit(&job->state, memory_order_relaxed), task = job->task;
    do if (is >= RA_JOB_DONE) return; while (!atomic_compare_exchange_weak_explicit(&job->state, &is, state, memory_order_acq_rel, memory_order_relaxed));
    atomic_fetch_add_explicit(&pool->tasks[task].ended[state - RA_JOB_DONE], 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&pool->pending_count, 1, memory_order_release);         /* who sees 0 sees all results */
}

/* One slice, counted and timed. */
static bool ra_pool_step(ra_pool_seat *seat, ra_job *job)
{
    double begin_s = ra_now_s();
    atomic_store_explicit(&seat->doing, atomic_load_explicit(&seat->pool->tasks[job->task].name, memory_order_relaxed), memory_order_relaxed);
    atomic_fetch_add_explicit(&seat->slice_count, 1, memory_order_relaxed);
    bool is_done = job->step(job->user, job);
    uint64_t slice_us = (uint64_t)(1e6 * (ra_now_s() - begin_s));
    atomic_store_explicit(&seat->last_slice_us, (uint32_t)slice_us, memory_order_relaxed);
    atomic_fetch_add_explicit(&seat->busy_us, slice_us, memory_order_relaxed);
    atomic_store_explicit(&seat->did, atomic_load_explicit(&seat->doing, memory_order_relaxed), memory_order_relaxed);
    atomic_store_explicit(&seat->doing, NULL, memory_order_relaxed);
    return is_done;
}

/* One slice; true when the job has come to an end, and is no longer ours to touch. */
static bool ra_pool_run_slice(ra_pool_seat *seat, ra_job *job)
{
    uint32_t state = RA_JOB_QUEUED;
    atomic_compare_exchange_strong_explicit(&job->state, &state, RA_JOB_RUNNING, memory_order_relaxed, memory_order_relaxed);
    bool is_cancelled = atomic_load_explicit(&job->is_cancelled, memory_order_relaxed);
    bool is_done = is_cancelled || ra_pool_step(seat, job);
    if (is_done) ra_pool_end(seat->pool, job, is_cancelled ? RA_JOB_CANCELLED : RA_JOB_DONE);
    return is_done;
}

/* A slice of one of the jobs in hand; false if there is none. */
static bool ra_pool_turn(ra_pool_seat *seat)
{
    bool wants_more = seat->job_count == 0 || (seat->job_count < RA_POOL_HANDS && seat->turn >= RA_POOL_LONG_SLICES);
    ra_job *more = wants_more ? ra_pool_take(seat) : NULL;
    if (more) { seat->jobs[seat->job_count++] = more; seat->turn = seat->job_count - 1; }      /* its turn */
    if (seat->job_count == 0) return false;
    uint32_t hand = seat->turn++ % seat->job_count;
    if (ra_pool_run_slice(seat, seat->jobs[hand])) seat->jobs[hand] = seat->jobs[--seat->job_count];
    return true;
}

static void ra_pool_drop(ra_pool_seat *seat)
{
    for (; seat->job_count; seat->job_count--) {
        ra_job_cancel(seat->jobs[seat->job_count - 1]);
        ra_pool_run_slice(seat, seat->jobs[seat->job_count - 1]);
    }
}

static uint32_t ra_seat_state(const ra_pool_seat *seat) { return atomic_load_explicit(&seat->state, memory_order_acquire); }

#if RA_THREADS
static void *ra_pool_worker(void *user)
{
    ra_pool_seat *seat = user;
    ra_pool *pool = seat->pool;
    uint32_t state = RA_SEAT_EMPTY;
    atomic_compare_exchange_strong_explicit(&seat->state, &state, RA_SEAT_ALIVE, memory_order_relaxed, memory_order_relaxed);
    while (ra_seat_state(seat) == RA_SEAT_ALIVE) {       /* else we were written off, and have no part in anything any more */
        uint32_t bell = atomic_load_explicit(&pool->bell, memory_order_acquire);   /* before looking, or a ring in between is missed */
        atomic_store_explicit(&seat->heard_bell, bell, memory_order_relaxed);
        if (atomic_load_explicit(&pool->is_closing, memory_order_acquire)) { ra_pool_drop(seat); break; }
        if (!ra_pool_turn(seat)) ra_wait(&pool->bell, bell, 10.0);
    }
    /* last touch of the pool; release: what our jobs wrote is seen before the memory goes */
    atomic_store_explicit(&seat->state, RA_SEAT_ENDED, memory_order_release);
    return NULL;
}
#endif

/* The number of the seat that is taking the job of a place; a huge one: nobody's. */
static uint32_t ra_cell_taker(const ra_pool_cell *cell) { return (atomic_load_explicit(&cell->word, memory_order_acquire) & RA_CELL_OWNER) - RA_CELL_TAKEN; }

/* Writes off the workers that have work and give no sign of life, and all that they have taken. */
static void ra_pool_check(ra_pool *pool)
{
    bool is_busy[RA_POOL_MAX_WORKERS] = { false };
    double now_s = ra_now_s(), awake_s = now_s - pool->looked_s;
    if (!RA_THREADS || awake_s < RA_POOL_LOOK_S) return;
    pool->looked_s = now_s;
    if (awake_s > RA_POOL_AWAKE_S) awake_s = RA_POOL_AWAKE_S;
    uint32_t bell = atomic_load_explicit(&pool->bell, memory_order_relaxed);
    for (uint32_t index = 0; index < RA_POOL_QUEUE; index++) {           /* whoever takes has it, as soon as its place is given back */
        uint32_t number = ra_cell_taker(&pool->queue[index]);
        if (number < pool->wanted_count) is_busy[number] = true;
    }
    for (ra_job *job = pool->jobs; job; job = job->next) {
        uint32_t number = atomic_load_explicit(&job->holder, memory_order_relaxed) - 1;
        if (number < pool->wanted_count && ra_job_poll(job) < RA_JOB_DONE) is_busy[number] = true;
    }
    for (uint32_t number = 0; number < pool->wanted_count; number++) {
        ra_pool_seat *seat = &pool->seats[number];
        uint32_t heard = atomic_load_explicit(&seat->heard_bell, memory_order_relaxed), state = RA_SEAT_ALIVE;
        uint32_t sign = heard + atomic_load_explicit(&seat->slice_count, memory_order_relaxed);
        seat->silent_s = sign == seat->last_sign && ra_seat_state(seat) == RA_SEAT_ALIVE && (is_busy[number] || heard != bell) ? seat->silent_s + awake_s : 0.0;
        seat->last_sign = sign;
        if (seat->silent_s < pool->patience_s || !atomic_compare_exchange_strong_explicit(&seat->state, &state, RA_SEAT_LOST, memory_order_acq_rel, memory_order_relaxed)) continue;
        pool->lost_count++;
        ra_log_line(1, "a worker has died; its work begins anew");
    }
    if (!pool->lost_count) return;
    for (uint32_t index = 0; index < RA_POOL_QUEUE; index++) {           /* taken, and not given back */
        ra_pool_cell *cell = &pool->queue[index];
        uint32_t number = ra_cell_taker(cell);
        if (number >= pool->wanted_count || ra_seat_state(&pool->seats[number]) < RA_SEAT_LOST) continue;
        atomic_store_explicit(&atomic_load_explicit(&cell->job, memory_order_relaxed)->holder, 1 + number, memory_order_relaxed);
        atomic_fetch_and_explicit(&cell->word, ~(uint32_t)RA_CELL_OWNER, memory_order_relaxed);
    }
    for (ra_job *job = pool->jobs; job; job = job->next) {
        uint32_t number = atomic_load_explicit(&job->holder, memory_order_relaxed) - 1;
        if (number < pool->wanted_count && ra_seat_state(&pool->seats[number]) >= RA_SEAT_LOST) ra_pool_end(pool, job, RA_JOB_LOST);
    }
}

RA_API ra_result ra_pool_create(uint32_t worker_count, ra_pool **out)
{
    *out = NULL;
    bool is_inline = worker_count == RA_POOL_INLINE;
    if (worker_count > RA_POOL_MAX_WORKERS && !is_inline) return RA_BAD_ARGUMENT;
    ra_pool *pool = ra_new(1, sizeof *pool);
    if (!pool) return RA_NO_MEMORY;
    for (uint32_t number = 0; number < RA_POOL_MAX_WORKERS; number++) { pool->seats[number].pool = pool; pool->seats[number].number = number; }
    pool->control.pool = pool;
    pool->control.number = RA_POOL_MAX_WORKERS;
    pool->start_s = ra_now_s();
    pool->patience_s = ra_may_lose_threads() ? RA_POOL_PATIENCE_S : 1e9;
#if RA_THREADS
    if (worker_count == 0) worker_count = ra_core_count() > 1 ? ra_core_count() - 1 : 1;
    if (worker_count > RA_POOL_MAX_WORKERS && !is_inline) worker_count = RA_POOL_MAX_WORKERS;
    while (!is_inline && pool->wanted_count < worker_count && ra_thread_start(ra_pool_worker, &pool->seats[pool->wanted_count])) pool->wanted_count++;
    if (pool->wanted_count == 0 && !is_inline) ra_log_line(1, "no worker thread could be started; jobs run in slices instead");
#endif
    *out = pool;
    return RA_OK;
}

RA_API void ra_pool_destroy(ra_pool *pool)
{
    if (!pool) return;
    atomic_store_explicit(&pool->is_closing, 1, memory_order_release);
    for (ra_job *job; (job = ra_pool_take(&pool->control)); ) ra_pool_end(pool, job, RA_JOB_CANCELLED);
    ra_pool_drop(&pool->control);
    bool has_ended = true;
#if RA_THREADS
    atomic_fetch_add_explicit(&pool->bell, 1, memory_order_release);
    ra_wake_all(&pool->bell);
    if (!ra_may_block() && pool->wanted_count) return;   /* a page may not wait: the workers end by themselves, the memory stays */
    /* A thread that has not begun yet will still come and look: wait for those too, 1 ms at a time. */
    for (uint32_t number = 0; number < pool->wanted_count; number++) {
        ra_pool_seat *seat = &pool->seats[number];
        for (uint32_t state; (state = ra_seat_state(seat)) < RA_SEAT_LOST; ra_wait(&seat->state, state, 0.001)) ra_pool_check(pool);
        has_ended = has_ended && ra_seat_state(seat) == RA_SEAT_ENDED;
    }
#endif
    for (ra_job *job = pool->jobs, *next; job; job = next) {
        next = job->next;
        job->next = NULL;
        job->link = NULL;
        ra_pool_end(pool, job, RA_JOB_LOST);             /* what the dead had taken */
    }
    if (has_ended) RA_FREE(pool);                        /* who was written off may yet come and look */
}

RA_API uint32_t ra_pool_worker_count(const ra_pool *pool)
{
    uint32_t count = 0;
    for (uint32_t seat = 0; seat < pool->wanted_count; seat++) count += ra_seat_state(&pool->seats[seat]) == RA_SEAT_ALIVE;
    return count;
}
RA_API uint32_t ra_pool_wanted_count(const ra_pool *pool) { return pool->wanted_count; }

/* The counters of a name. */
static uint32_t ra_pool_task_of(ra_pool *pool, const char *name)
{
    for (uint32_t task = 0; task < RA_POOL_MAX_TASKS - 1; task++) {
        const char *is = atomic_load_explicit(&pool->tasks[task].name, memory_order_relaxed);
        if (!is) atomic_store_explicit(&pool->tasks[task].name, name, memory_order_relaxed);
        if (!is || !strcmp(is, name)) return task;
    }
    atomic_store_explicit(&pool->tasks[RA_POOL_MAX_TASKS - 1].name, "other", memory_order_relaxed);
    return RA_POOL_MAX_TASKS - 1;
}

RA_API ra_result ra_pool_submit(ra_pool *pool, const char *name, ra_job_step step, void *user, ra_job **out)
{
    *out = NULL;
    ra_pool_cell *cell = &pool->queue[pool->tail & (RA_POOL_QUEUE - 1)];
    if (atomic_load_explicit(&cell->word, memory_order_acquire) & RA_CELL_OWNER) return RA_BUSY;
    ra_job *job = ra_new(1, sizeof *job);
    if (!job) return RA_NO_MEMORY;
    job->step = step;
    job->user = user;
    job->task = ra_pool_task_of(pool, name);
    job->next = pool->jobs;
    job->link = &pool->jobs;
    if (job->next) job->next->link = &job->next;
    pool->jobs = job;
    atomic_store_explicit(&cell->job, job, memory_order_relaxed);
    atomic_fetch_add_explicit(&pool->tasks[job->task].submitted, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&pool->pending_count, 1, memory_order_relaxed);
    atomic_store_explicit(&cell->word, pool->tail * RA_CELL_TICKET + RA_CELL_WAITING, memory_order_release);      /* the job is seen before this */
    pool->tail++;
#if RA_THREADS
    atomic_fetch_add_explicit(&pool->bell, 1, memory_order_release);
    ra_wake_all(&pool->bell);
#endif
    *out = job;
    return RA_OK;
}

/* Workers take a moment to start in a browser; until then there is no need to do their work. */
#define RA_POOL_GRACE_S 2.0

/* Waits for one job, cancelled as a rule; works along only where nobody else does, for what this thread takes in hand it
   has to finish. */
static void ra_pool_finish(ra_pool *pool, const ra_job *job)
{
    while (ra_job_poll(job) < RA_JOB_DONE) {
        bool has_help = ra_pool_worker_count(pool) > 0 && !pool->control.job_count;
        if (has_help || !ra_pool_turn(&pool->control)) ra_wait(&pool->bell, atomic_load_explicit(&pool->bell, memory_order_relaxed), 0.0005);
        ra_pool_check(pool);
    }
}

RA_API bool ra_pool_run(ra_pool *pool, double budget_ms)
{
    double end_s = ra_now_s() + budget_ms / 1000.0;
    bool is_waiting = budget_ms <= 0.0;
    bool has_help = ra_pool_worker_count(pool) > 0 || (pool->wanted_count > pool->lost_count && ra_now_s() < pool->start_s + RA_POOL_GRACE_S);
    ra_pool_check(pool);
    if (!is_waiting && has_help && !pool->control.job_count) return false;
    do {
        if (ra_pool_turn(&pool->control)) continue;
        ra_pool_check(pool);
        if (!is_waiting || atomic_load_explicit(&pool->pending_count, memory_order_acquire) == 0) break;
#if RA_THREADS
        ra_wait(&pool->bell, atomic_load_explicit(&pool->bell, memory_order_relaxed), 0.0005);   /* others still work */
#endif
    } while (is_waiting || ra_now_s() < end_s);
    return ra_pool_worker_count(pool) == 0 && atomic_load_explicit(&pool->pending_count, memory_order_acquire) > 0;
}

static ra_worker_stats ra_pool_seat_stats(const ra_pool_seat *seat)
{
    return (ra_worker_stats){
        .is_alive      = ra_seat_state(seat) == RA_SEAT_ALIVE,
        .doing         = atomic_load_explicit(&seat->doing, memory_order_relaxed),
        .did           = atomic_load_explicit(&seat->did, memory_order_relaxed),
        .busy_us       = atomic_load_explicit(&seat->busy_us, memory_order_relaxed),
        .slice_count   = atomic_load_explicit(&seat->slice_count, memory_order_relaxed),
        .last_slice_us = atomic_load_explicit(&seat->last_slice_us, memory_order_relaxed),
    };
}

RA_API void ra_pool_get_stats(const ra_pool *pool, ra_pool_stats *out)
{
    *out = (ra_pool_stats){ .clock_us = (uint64_t)(1e6 * ra_now_s()), .worker_count = pool->wanted_count, .control = ra_pool_seat_stats(&pool->control) };
    out->control.is_alive = true;
    for (uint32_t seat = 0; seat < pool->wanted_count; seat++) out->workers[seat] = ra_pool_seat_stats(&pool->seats[seat]);
    for (uint32_t index = 0; index < RA_POOL_MAX_TASKS; index++) {
        const ra_pool_task *task = &pool->tasks[index];
        const char *name = atomic_load_explicit(&task->name, memory_order_relaxed);
        if (!name) continue;
        uint32_t ended[3];
        for (int end = 0; end < 3; end++) ended[end] = atomic_load_explicit(&task->ended[end], memory_order_relaxed);
        out->tasks[out->task_count++] = (ra_task_stats){ name, atomic_load_explicit(&task->submitted, memory_order_relaxed), ended[0], ended[1], ended[2] };
    }
}

RA_SMALL_CODE_END

/* ---- weave: one job for many workers -------------------------------------------------------- */

/* A line is a row of units that have to be done one after another, each by whoever has the time: block after block
   through one processor. Lines stand in each other's way as the work says: unit n of a line waits until the line that
   it follows has done n + 1 units (with units, per and ahead: (n + 1) * units / per + ahead, or all of its units), and
   so has the one beside it, until the lines that it comes after are finished, and while the line that it leads is
   more than lead units behind. So the answer is the same, bit for bit, whoever does what. The units of a line that is by
   hand are done by the control thread, which comes and looks: they are not the pool's. */
enum { RA_NO_LINE = UINT32_MAX };
typedef struct {
    uint32_t unit_count;
    uint32_t follows, beside, after, leads;    /* other lines, or RA_NO_LINE */
    uint32_t after_count;              /* after: that many, from that one on */
    uint32_t lead;
    uint32_t units, per, ahead;
    uint32_t is_by_hand;
    _Atomic uint32_t done;             /* who has taken the line adds, release; others look, acquire */
    _Atomic uint32_t is_taken;         /* compare-and-exchange, acquire; given back by release: the line's memory travels with it */
    uint8_t  apart[RA_CACHE_LINE - 52];
} ra_line;
_Static_assert(sizeof(ra_line) == RA_CACHE_LINE, "two workers on two lines do not share a cache line");

/* Does a unit, some milliseconds at most; false: the work has failed, and nothing more need be done. Called for
   RA_NO_LINE first, by one thread after another until is_planned, to lay the lines out and to make what they need. */
typedef bool (*ra_weave_unit)(void *user, uint32_t line, uint32_t unit);

#define RA_WEAVE_SLICE_S 0.004
enum { RA_WEAVE_NEW, RA_WEAVE_PLANNING, RA_WEAVE_OPEN };

typedef struct {
    ra_line *lines;                    /* this, and their number, are whoever's plans, until it is open */
    uint32_t line_count, line_capacity;
    uint32_t unit_count;               /* of all lines */
    bool     is_planned;               /* whoever's plans, as well: the lines can begin */
    ra_weave_unit unit;
    void    *user;
    _Atomic uint32_t phase;            /* compare-and-exchange to plan, acquire; new again or open: release, so that the plan is seen */
    _Atomic uint32_t done;             /* units, all together: progress, and a bell for those who wait */
    _Atomic uint32_t is_over;          /* failed or stopped: nobody begins anything */
} ra_weave;

static bool ra_weave_reserve(ra_weave *weave, uint32_t line_capacity)
{
    weave->lines = ra_new(line_capacity, sizeof *weave->lines);
    weave->line_capacity = line_capacity;
    return weave->lines != NULL;
}

/* Adds a line and gives its number; RA_NO_LINE when there is no room or there are too many units to count. */
static uint32_t ra_weave_add(ra_weave *weave, uint64_t unit_count, uint32_t follows, uint32_t after)
{
    if (weave->line_count == weave->line_capacity || unit_count + weave->unit_count >= UINT32_MAX) return RA_NO_LINE;
    ra_line *line = &weave->lines[weave->line_count];
    line->unit_count = (uint32_t)unit_count;
    line->follows = follows;
    line->after = after;
    line->after_count = after != RA_NO_LINE;
    line->beside = line->leads = RA_NO_LINE;
    line->units = line->per = 1;
    weave->unit_count += (uint32_t)unit_count;
    return weave->line_count++;
}

static uint32_t ra_weave_done(const ra_weave *weave, uint32_t line) { return atomic_load_explicit(&weave->lines[line].done, memory_order_acquire); }

static bool ra_weave_may_begin(const ra_weave *weave, const ra_line *line, uint32_t unit)
{
    for (uint32_t before = line->after; before < line->after + line->after_count; before++)
        if (ra_weave_done(weave, before) != weave->lines[before].unit_count) return false;
    const ra_line *follows = line->follows == RA_NO_LINE ? NULL : &weave->lines[line->follows], *leads = line->leads == RA_NO_LINE ? NULL : &weave->lines[line->leads];
    uint64_t wanted = (((uint64_t)unit + 1) * line->units + line->per - 1) / line->per + line->ahead;
    return unit < line->unit_count
        && (!follows || ra_weave_done(weave, line->follows) >= (wanted < follows->unit_count ? wanted : follows->unit_count))
        && (line->beside == RA_NO_LINE || ra_weave_done(weave, line->beside) > unit)
        && (!leads || unit < (uint64_t)ra_weave_done(weave, line->leads) * leads->units / leads->per + line->lead);
}

static void ra_weave_stop(ra_weave *weave) { atomic_store_explicit(&weave->is_over, 1, memory_order_release); ra_wake_all(&weave->done); }

/* The last line that can go on comes first: what is nearly finished makes room. */
static bool ra_weave_run_one(ra_weave *weave)
{
    for (uint32_t index = weave->line_count; index-- > 0; ) {
        ra_line *line = &weave->lines[index];
        uint32_t unit = atomic_load_explicit(&line->done, memory_order_relaxed), is_free = 0;
        if (line->is_by_hand || !ra_weave_may_begin(weave, line, unit) || !atomic_compare_exchange_strong_explicit(&line->is_taken, &is_free, 1, memory_order_acquire, memory_order_relaxed)) continue;
        unit = atomic_load_explicit(&line->done, memory_order_relaxed);        /* somebody may have been here in between */
        bool is_possible = ra_weave_may_begin(weave, line, unit);
        if (is_possible && !weave->unit(weave->user, index, unit)) ra_weave_stop(weave);
        if (is_possible) atomic_store_explicit(&line->done, unit + 1, memory_order_release);
        atomic_store_explicit(&line->is_taken, 0, memory_order_release);
        if (is_possible) { atomic_fetch_add_explicit(&weave->done, 1, memory_order_release); ra_wake_all(&weave->done); return true; }
    }
    return false;
}

/* For the control thread: may this unit of a line that is by hand begin? What the lines before it have written is seen. */
static bool ra_weave_is_wanted(const ra_weave *weave, uint32_t line, uint32_t unit)
{
    /* in this order: what was done by somebody after it was over is not looked at */
    return ra_weave_may_begin(weave, &weave->lines[line], unit) && !atomic_load_explicit(&weave->is_over, memory_order_acquire);
}

/* The next unit of a line that is by hand is done. */
static void ra_weave_hand_in(ra_weave *weave, uint32_t line)
{
    atomic_fetch_add_explicit(&weave->lines[line].done, 1, memory_order_release);
    atomic_fetch_add_explicit(&weave->done, 1, memory_order_release);
    ra_wake_all(&weave->done);
}

static bool ra_weave_is_open(const ra_weave *weave) { return atomic_load_explicit(&weave->phase, memory_order_acquire) == RA_WEAVE_OPEN; }

/* Everything is done, and what it has written is seen. */
static bool ra_weave_is_finished(const ra_weave *weave)
{
    return ra_weave_is_open(weave) && !atomic_load_explicit(&weave->is_over, memory_order_acquire)
        && atomic_load_explicit(&weave->done, memory_order_acquire) == weave->unit_count;
}

/* A slice, on any number of threads at once; true when there is nothing left to begin. */
static bool ra_weave_run(ra_weave *weave, ra_job *job, double slice_s)
{
    double end_s = ra_now_s() + slice_s;
    uint32_t phase = RA_WEAVE_NEW;
    if (atomic_load_explicit(&weave->is_over, memory_order_acquire)) return true;
    if (atomic_compare_exchange_strong_explicit(&weave->phase, &phase, RA_WEAVE_PLANNING, memory_order_acquire, memory_order_acquire)) {
        if (!weave->unit(weave->user, RA_NO_LINE, 0)) ra_weave_stop(weave);
        atomic_store_explicit(&weave->phase, weave->is_planned ? RA_WEAVE_OPEN : RA_WEAVE_NEW, memory_order_release);
        return false;
    }
    for (;;) {
        uint32_t done = atomic_load_explicit(&weave->done, memory_order_acquire);
        bool is_open = phase == RA_WEAVE_OPEN;
        if (atomic_load_explicit(&weave->is_over, memory_order_acquire) || (is_open && done == weave->unit_count)) return true;
        if (is_open) ra_job_set_progress(job, (float)done / (float)weave->unit_count);
        if (!is_open || !ra_weave_run_one(weave)) {      /* what could be done is being done by others */
            if (ra_may_block()) ra_wait(&weave->done, done, 0.002);
            return false;
        }
        if (ra_now_s() >= end_s) return false;
    }
}

/* ============================================================================
   [5] SPECTRUM - the fast Fourier transform
   ----------------------------------------------------------------------------
   owns     ra_fft: real and complex, forward and inverse
   calls    [2] BASE: ra_sin, ra_cos, ra_new, ra_store4
   threads  a plan belongs to one thread at a time: it has its own scratch
   source   [STOCKHAM]: three radix-2 stages fused in one pass over memory, results
            in natural order without a bit reversal; what three do not divide is
            left to the last pass
   layout   between the passes eight real parts, then the eight imaginary parts that
            belong to them: neighbours fill a vector and share a cache line
   tests    test.c "spectrum": a slow sum in double precision
   ============================================================================ */

/* As many lanes as the machine has. Every number meets the same operations in the same order whatever its lane, so
   the bits do not depend on how many there are. */
#if defined(__AVX__)
enum { RA_LANES = 8 };
#define RA_SHUFFLE(a, b, four, eight) __builtin_shufflevector(a, b, RA_LIST eight)
#else
enum { RA_LANES = 4 };
#define RA_SHUFFLE(a, b, four, eight) __builtin_shufflevector(a, b, RA_LIST four)
#endif
#define RA_LIST(...) __VA_ARGS__
#define RA_REVERSE(a)          RA_SHUFFLE(a, a, (3, 2, 1, 0), (7, 6, 5, 4, 3, 2, 1, 0))
#define RA_EVEN(a, b)          RA_SHUFFLE(a, b, (0, 2, 4, 6), (0, 2, 4, 6, 8, 10, 12, 14))
#define RA_ODD(a, b)           RA_SHUFFLE(a, b, (1, 3, 5, 7), (1, 3, 5, 7, 9, 11, 13, 15))
#define RA_ZIP_LOW(a, b)       RA_SHUFFLE(a, b, (0, 4, 1, 5), (0, 8, 1, 9, 2, 10, 3, 11))
#define RA_ZIP_HIGH(a, b)      RA_SHUFFLE(a, b, (2, 6, 3, 7), (4, 12, 5, 13, 6, 14, 7, 15))
#define RA_ZIP_LAST(a, b)      RA_SHUFFLE(a, b, (3, 7, 2, 6), (7, 15, 6, 14, 5, 13, 4, 12))       /* from the far end */
#define RA_ZIP_FIRST(a, b)     RA_SHUFFLE(a, b, (1, 5, 0, 4), (3, 11, 2, 10, 1, 9, 0, 8))
/* These stay within each group of four lanes. */
#define RA_FOUR_ZIP_LOW(a, b)  RA_SHUFFLE(a, b, (0, 4, 1, 5), (0, 8, 1, 9, 4, 12, 5, 13))
#define RA_FOUR_ZIP_HIGH(a, b) RA_SHUFFLE(a, b, (2, 6, 3, 7), (2, 10, 3, 11, 6, 14, 7, 15))
#define RA_FOUR_LOW(a, b)      RA_SHUFFLE(a, b, (0, 1, 4, 5), (0, 1, 8, 9, 4, 5, 12, 13))
#define RA_FOUR_HIGH(a, b)     RA_SHUFFLE(a, b, (2, 3, 6, 7), (2, 3, 10, 11, 6, 7, 14, 15))

typedef float ra_lanes     __attribute__((vector_size(4 * RA_LANES), may_alias));
typedef float ra_lanes_any __attribute__((vector_size(4 * RA_LANES), aligned(4), may_alias));

RA_INLINE ra_lanes ra_lanes_at(const float *from)               { return *(const ra_lanes *)from; }      /* an address of our own: aligned */
RA_INLINE ra_lanes ra_lanes_load(const float *from)             { return *(const ra_lanes_any *)from; }  /* any address */
RA_INLINE void     ra_lanes_store(float *to, ra_lanes value)    { *(ra_lanes_any *)to = value; }
RA_INLINE ra_lanes ra_lanes_splat(float x)                      { return RA_SHUFFLE(((ra_f32x4){ x, x, x, x }), ((ra_f32x4){ x, x, x, x }), (0, 1, 2, 3), (0, 1, 2, 3, 4, 5, 6, 7)); }

/* As many complex numbers. */
typedef struct { ra_lanes re, im; } ra_complex;

RA_INLINE ra_complex ra_complex_at(const float *from)                               { return (ra_complex){ ra_lanes_at(from), ra_lanes_at(from + 8) }; }
RA_INLINE ra_complex ra_complex_plus(ra_complex a, ra_complex b)                    { return (ra_complex){ a.re + b.re, a.im + b.im }; }
RA_INLINE ra_complex ra_complex_minus(ra_complex a, ra_complex b)                   { return (ra_complex){ a.re - b.re, a.im - b.im }; }
RA_INLINE ra_complex ra_complex_plus_i(ra_complex a, ra_complex b)                  { return (ra_complex){ a.re - b.im, a.im + b.re }; }   /* a + i b */
RA_INLINE ra_complex ra_complex_minus_i(ra_complex a, ra_complex b)                 { return (ra_complex){ a.re + b.im, a.im - b.re }; }
RA_INLINE ra_complex ra_complex_times(ra_complex a, ra_lanes re, ra_lanes im)       { return (ra_complex){ a.re * re - a.im * im, a.re * im + a.im * re }; }

RA_INLINE void ra_complex_unzip(const float *pairs, ra_complex *z)
{
    ra_lanes low = ra_lanes_load(pairs), high = ra_lanes_load(pairs + RA_LANES);
    *z = (ra_complex){ RA_EVEN(low, high), RA_ODD(low, high) };
}

RA_INLINE void ra_complex_zip(float *pairs, ra_lanes re, ra_lanes im)
{
    ra_lanes_store(pairs,            RA_ZIP_LOW(re, im));
    ra_lanes_store(pairs + RA_LANES, RA_ZIP_HIGH(re, im));
}

RA_INLINE void ra_complex_zip_reversed(float *pairs, ra_lanes re, ra_lanes im)
{
    ra_lanes_store(pairs,            RA_ZIP_LAST(re, im));
    ra_lanes_store(pairs + RA_LANES, RA_ZIP_FIRST(re, im));
}

/* Leaves an array in memory instead of registers. Browsers load all that is needed until the next store at once, and
   where that is more than sixteen vectors they lose time with moving them about. */
#if RA_WASM
#define RA_PARK(array) __asm__ volatile("" : : "r"(array) : "memory")
#else
#define RA_PARK(array) ((void)0)
#endif

/* A complex transform of a fixed size. One pass of length n and stride s turns
   s interleaved transforms of length n into 8 s of length n/8:
     y[q + s(8p+k)] = w^(k p) sum over j of w8^(jk) x[q + s(p + j n/8)],  w = exp(-2 pi i / n), w8 = exp(-2 pi i / 8)
   for p < n/8, q < s. Twiddles are w^p.re w^p.im w^2p.re ... w^7p.im, in the order of reading: vectors
   of neighbours p in the first pass (s = 1), 14 numbers for each p in the later ones. */
typedef struct {
    uint32_t size;
    float   *memory;             /* holds the next three, aligned to cache lines */
    float   *here, *there;       /* the passes go to and fro between them; size complex numbers each */
    float   *twiddles;
} ra_fft_core;

struct ra_fft {
    uint32_t size;
    ra_fft_core half, full;      /* of size/2 for real input, of size for complex */
    float *joints;               /* half of exp(-2 pi i k / size), in the order of reading: joins even and odd samples */
};

/* The passes leave a length of 2, 4 or 8 for the last one. */
RA_REALTIME RA_INLINE uint32_t ra_fft_last_length(uint32_t size) { return 2u << (__builtin_ctz(size) + 2) % 3; }

static void ra_fft_core_end(ra_fft_core *core) { RA_FREE(core->memory); }

static ra_result ra_fft_core_init(ra_fft_core *core, uint32_t size)
{
    enum { APART = 64 };         /* without it the two buffers would fight for the same places in the cache */
    uint32_t room = size < 8 * RA_LANES ? 8 * RA_LANES : size;           /* the first pass fills its lanes even if there is less */
    core->size = size;
    core->memory = ra_new((uint64_t)room * 6 + 2 * APART + 16, sizeof(float));   /* twiddles: 14/8 (1 + 1/8 + 1/64 ...) = 2 */
    if (!core->memory) return RA_NO_MEMORY;
    core->here = (float *)(((uintptr_t)core->memory + 63) & ~(uintptr_t)63);
    core->there = core->here + 2 * room + APART;
    core->twiddles = core->there + 2 * room + APART;
    float *to = core->twiddles;
    for (uint32_t n = size; n > 8; n /= 8) {
        uint32_t lanes = n == size ? RA_LANES : 1;
        for (uint32_t p = 0; p < n / 8; p++)
            for (uint32_t k = 1; k < 8; k++) {
                /* in double, from the exact angle each: a float recurrence would be 100 times worse */
                double angle = -RA_TAU * (double)(k * p) / (double)n;
                float *pair = to + 14 * (p - p % lanes) + (2 * k - 2) * lanes + p % lanes;
                pair[0] = (float)ra_cos(angle);
                pair[lanes] = (float)ra_sin(angle);
            }
        to += 14 * (n == size ? room : n) / 8;
    }
    return RA_OK;
}

/* Two fused radix-2 stages. */
RA_REALTIME RA_INLINE void ra_fft_butterfly4(ra_complex x0, ra_complex x1, ra_complex x2, ra_complex x3, ra_complex y[4])
{
    ra_complex sum_02 = ra_complex_plus(x0, x2), difference_02 = ra_complex_minus(x0, x2);
    ra_complex sum_13 = ra_complex_plus(x1, x3), difference_13 = ra_complex_minus(x1, x3);
    y[0] = ra_complex_plus(sum_02, sum_13);
    y[1] = ra_complex_minus_i(difference_02, difference_13);
    y[2] = ra_complex_minus(sum_02, sum_13);
    y[3] = ra_complex_plus_i(difference_02, difference_13);
}

/* *one times w8 = (1 - i) sqrt(1/2), *three times minus its cube, (1 + i) sqrt(1/2) */
RA_REALTIME RA_INLINE void ra_fft_turn(ra_complex *one, ra_complex *three)
{
    ra_lanes root_half = ra_lanes_splat(0.70710678118654752f);
    *one   = (ra_complex){ (one->re + one->im) * root_half, (one->im - one->re) * root_half };
    *three = (ra_complex){ (three->re - three->im) * root_half, (three->re + three->im) * root_half };
}

/* Three fused stages by halves, because sixteen vectors of input are all the registers there are:
   is_odd false gives y[0], y[2], y[4], y[6] from sums, true y[1], y[3], y[5], y[7] from differences. */
RA_REALTIME RA_INLINE void ra_fft_butterfly8(const ra_complex x[8], bool is_odd, ra_complex y[4])
{
    if (!is_odd) {
        ra_fft_butterfly4(ra_complex_plus(x[0], x[4]), ra_complex_plus(x[1], x[5]), ra_complex_plus(x[2], x[6]), ra_complex_plus(x[3], x[7]), y);
        return;
    }
    ra_complex d0 = ra_complex_minus(x[0], x[4]), d1 = ra_complex_minus(x[1], x[5]), d2 = ra_complex_minus(x[2], x[6]), d3 = ra_complex_minus(x[3], x[7]);
    ra_fft_turn(&d1, &d3);
    ra_complex sum_02 = ra_complex_minus_i(d0, d2), difference_02 = ra_complex_plus_i(d0, d2);
    ra_complex sum_13 = ra_complex_minus(d1, d3), difference_13 = ra_complex_plus(d1, d3);
    y[0] = ra_complex_plus(sum_02, sum_13);
    y[1] = ra_complex_minus_i(difference_02, difference_13);
    y[2] = ra_complex_minus(sum_02, sum_13);
    y[3] = ra_complex_plus_i(difference_02, difference_13);
}

/* Four rows of lanes to four numbers of each lane, 16 apart. */
RA_REALTIME RA_INLINE void ra_fft_transpose(float *to, ra_lanes a, ra_lanes b, ra_lanes c, ra_lanes d)
{
    ra_lanes low_ab = RA_FOUR_ZIP_LOW(a, b), high_ab = RA_FOUR_ZIP_HIGH(a, b), low_cd = RA_FOUR_ZIP_LOW(c, d), high_cd = RA_FOUR_ZIP_HIGH(c, d);
    ra_lanes turned[4] = { RA_FOUR_LOW(low_ab, low_cd), RA_FOUR_HIGH(low_ab, low_cd), RA_FOUR_LOW(high_ab, high_cd), RA_FOUR_HIGH(high_ab, high_cd) };
    RA_UNROLL_8
    for (int lane = 0; lane < 4; lane++) {
        ra_store4(to + 16 * lane, __builtin_shufflevector(turned[lane], turned[lane], 0, 1, 2, 3));
        if (RA_LANES == 8) ra_store4(to + 16 * (lane + 4), __builtin_shufflevector(turned[lane], turned[lane], RA_LANES - 4, RA_LANES - 3, RA_LANES - 2, RA_LANES - 1));
    }
}

/* First pass, stride 1: reads interleaved input, a vector of neighbours p at a time. The eight outputs of one p become
   neighbours, which is why this pass wants them all at once: from the even and the odd inputs, then. */
RA_REALTIME static void ra_fft_first_pass(const ra_fft_core *core, const float *pairs, float *to)
{
    uint32_t eighth = core->size / 8;
    const float *w = core->twiddles;
    if (eighth < RA_LANES) pairs = memmove(core->there, pairs, 2 * core->size * sizeof(float));      /* reading past its end is allowed */
    for (uint32_t p = 0; p < eighth; p += RA_LANES, w += 14 * RA_LANES, to += 16 * RA_LANES) {
        ra_complex x[8], even[4], odd[4], low[4], high[4];
        RA_UNROLL_8
        for (uint32_t j = 0; j < 8; j += 2) ra_complex_unzip(pairs + 2 * (p + j * eighth), &x[j]);
        ra_fft_butterfly4(x[0], x[2], x[4], x[6], even);
        RA_PARK(even);
        RA_UNROLL_8
        for (uint32_t j = 1; j < 8; j += 2) ra_complex_unzip(pairs + 2 * (p + j * eighth), &x[j]);
        ra_fft_butterfly4(x[1], x[3], x[5], x[7], odd);
        ra_fft_turn(&odd[1], &odd[3]);
        RA_UNROLL_8
        for (uint32_t k = 0; k < 4; k++) {                               /* times w8^k: w8^2 is -i, and odd[3] has the other sign */
            ra_complex sum        = k == 2 ? ra_complex_minus_i(even[k], odd[k]) : k == 3 ? ra_complex_minus(even[k], odd[k]) : ra_complex_plus(even[k], odd[k]);
            ra_complex difference = k == 2 ? ra_complex_plus_i(even[k], odd[k]) : k == 3 ? ra_complex_plus(even[k], odd[k]) : ra_complex_minus(even[k], odd[k]);
            low[k] = k == 0 ? sum : ra_complex_times(sum, ra_lanes_at(w + (2 * k - 2) * RA_LANES), ra_lanes_at(w + (2 * k - 1) * RA_LANES));
            high[k] = ra_complex_times(difference, ra_lanes_at(w + (2 * k + 6) * RA_LANES), ra_lanes_at(w + (2 * k + 7) * RA_LANES));
            RA_PARK(high);
        }
        ra_fft_transpose(to,      low[0].re, low[1].re, low[2].re, low[3].re);
        ra_fft_transpose(to + 8,  low[0].im, low[1].im, low[2].im, low[3].im);
        ra_fft_transpose(to + 4,  high[0].re, high[1].re, high[2].re, high[3].re);
        ra_fft_transpose(to + 12, high[0].im, high[1].im, high[2].im, high[3].im);
    }
}

/* Later passes, stride s >= 8: neighbours q share the twiddles of their p. */
RA_REALTIME static void ra_fft_later_pass(uint32_t n, uint32_t s, const float *w, const float *from, float *to)
{
    uint32_t eighth = n / 8, apart = 2 * s * eighth;
    /* whoever finishes wants a whole row of real parts, then its imaginary parts: see ra_fft_rest */
    bool is_for_rest = n <= 64;
    uint32_t row = is_for_rest ? s : 2 * s, im = is_for_rest ? 8 * s : 8;
    for (uint32_t p = 0; p < eighth; p++, w += 14, from += 2 * s, to += 16 * s) {
        ra_lanes w_re[8], w_im[8];
        RA_UNROLL_8
        for (int k = 1; k < 8; k++) { w_re[k] = ra_lanes_splat(w[2 * k - 2]); w_im[k] = ra_lanes_splat(w[2 * k - 1]); }
        const float *in = from;
        float *out = to;
        for (uint32_t q = 0; q < s; q += RA_LANES) {
            RA_UNROLL_8
            for (uint32_t half = 0; half < 2; half++) {
                ra_complex x[8], y[4];
                const float *x_j = in;
                RA_UNROLL_8
                for (uint32_t j = 0; j < 8; j++, x_j += apart) x[j] = ra_complex_at(x_j);
                ra_fft_butterfly8(x, half, y);
                float *y_k = out + half * row;
                RA_UNROLL_8
                for (uint32_t k = 0; k < 4; k++, y_k += 2 * row) {
                    ra_complex z = k + half == 0 ? y[0] : ra_complex_times(y[k], w_re[2 * k + half], w_im[2 * k + half]);
                    *(ra_lanes *)y_k = z.re;
                    *(ra_lanes *)(y_k + im) = z.im;
                }
            }
            uint32_t over = RA_LANES == 8 || q & 4 ? 8 : 0;             /* the imaginary parts of the eight that are done */
            in += RA_LANES + over;
            out += is_for_rest ? RA_LANES : RA_LANES + over;
        }
    }
}

/* What is left when all passes but the last are done: one transform of length 2, 4 or 8 at each q < stride,
   whose output k belongs to place q + stride k. Input j is z[2 j stride + q], its imaginary part stride further on.
   The last pass has no twiddles, so whoever wants the result computes it from here while storing it. */
typedef struct { const float *z; uint32_t stride; } ra_fft_rest;

RA_REALTIME static ra_fft_rest ra_fft_core_run(const ra_fft_core *core, const float *pairs)
{
    uint32_t n = core->size / 8, s = 8;
    float *here = core->here, *there = core->there;
    const float *w = core->twiddles + 14 * (n < RA_LANES ? RA_LANES : n);
    ra_fft_first_pass(core, pairs, here);
    for (; n > 8; n /= 8, s *= 8) {
        ra_fft_later_pass(n, s, w, here, there);
        w += 14 * (n / 8);
        float *swap = here; here = there; there = swap;
    }
    return (ra_fft_rest){ here, s };
}

/* The results of neighbours q, by halves: y[k] belongs to q + stride (2k + is_odd). */
RA_REALTIME RA_INLINE void ra_fft_last_pass(const ra_fft_rest *rest, uint32_t q, uint32_t length, bool is_odd, ra_complex y[4])
{
    ra_complex x[8];
    uint32_t s = rest->stride;
    const float *from = rest->z + q;
    RA_UNROLL_8
    for (uint32_t j = 0; j < length; j++) { x[j].re = ra_lanes_load(from); from += s; x[j].im = ra_lanes_load(from); from += s; }
    if (length == 8) ra_fft_butterfly8(x, is_odd, y);
    else if (length == 2) y[0] = is_odd ? ra_complex_minus(x[0], x[1]) : ra_complex_plus(x[0], x[1]);
    else if (is_odd) {
        ra_complex a = ra_complex_minus(x[0], x[2]), b = ra_complex_minus(x[1], x[3]);
        y[0] = ra_complex_minus_i(a, b);
        y[1] = ra_complex_plus_i(a, b);
    } else {
        ra_complex a = ra_complex_plus(x[0], x[2]), b = ra_complex_plus(x[1], x[3]);
        y[0] = ra_complex_plus(a, b);
        y[1] = ra_complex_minus(a, b);
    }
}

RA_API void ra_fft_destroy(ra_fft *fft)
{
    if (!fft) return;
    ra_fft_core_end(&fft->half);
    ra_fft_core_end(&fft->full);
    RA_FREE(fft->joints);
    RA_FREE(fft);
}

/* W / 2 for place k of half: the right half of the circle mirrors the left one to the last bit. */
static void ra_fft_put_joint(float *to, uint32_t distance, uint32_t k, uint32_t half)
{
    bool is_mirrored = k > half - k;
    double angle = -RA_PI * (is_mirrored ? half - k : k) / half;
    to[0]        = (float)ra_cos(angle) * (is_mirrored ? -0.5f : 0.5f);
    to[distance] = (float)ra_sin(angle) * 0.5f;
}

RA_API ra_result ra_fft_create(uint32_t size, ra_fft **out)
{
    *out = NULL;
    if (size < 32 || size > 65536 || (size & (size - 1))) return RA_BAD_ARGUMENT;
    ra_fft *fft = ra_new(1, sizeof *fft);
    if (!fft) return RA_NO_MEMORY;
    fft->size = size;
    uint32_t half = size / 2, length = ra_fft_last_length(half), stride = half / length;
    fft->joints = ra_new(2 * length * (stride / 2 + RA_LANES) + length + 2, sizeof(float));
    if (!fft->joints || ra_fft_core_init(&fft->half, half) || ra_fft_core_init(&fft->full, size)) {
        ra_fft_destroy(fft);
        return RA_NO_MEMORY;
    }
    float *to = fft->joints;
    for (uint32_t q = 1; q <= stride / 2; q += RA_LANES)
        for (uint32_t k = 0; k < length; k++, to += 2 * RA_LANES)
            for (uint32_t lane = 0; lane < RA_LANES; lane++) ra_fft_put_joint(to + lane, RA_LANES, q + lane + stride * k, half);
    for (uint32_t k = 0; k <= length / 2; k++, to += 2) ra_fft_put_joint(to, 1, stride * k, half);
    *out = fft;
    return RA_OK;
}

/* A whole complex transform; the inverse one is the forward one with re and im exchanged before and after. */
RA_REALTIME RA_INLINE void ra_fft_finish_as(const ra_fft_rest *rest, float *out, float factor, bool is_inverse, uint32_t length)
{
    ra_lanes scale = ra_lanes_splat(factor);
    for (uint32_t q = 0; q < rest->stride; q += RA_LANES) {
        RA_UNROLL_8
        for (uint32_t half = 0; half < 2; half++) {
            ra_complex y[4];
            ra_fft_last_pass(rest, q, length, half, y);
            RA_UNROLL_8
            for (uint32_t k = 0; k < length / 2; k++) {
                float *to = out + 2 * (q + (2 * k + half) * rest->stride);
                if (is_inverse) ra_complex_zip(to, y[k].im * scale, y[k].re * scale); else ra_complex_zip(to, y[k].re, y[k].im);
            }
        }
    }
}

RA_REALTIME static void ra_fft_complex(const ra_fft_core *core, const float *in, float *out, bool is_inverse)
{
    ra_fft_rest rest = ra_fft_core_run(core, in);
    float factor = 1.0f / (float)core->size;
    uint32_t length = ra_fft_last_length(core->size);
    if      (length == 2) ra_fft_finish_as(&rest, out, factor, is_inverse, 2);
    else if (length == 4) ra_fft_finish_as(&rest, out, factor, is_inverse, 4);
    else                  ra_fft_finish_as(&rest, out, factor, is_inverse, 8);
}

RA_REALTIME RA_API void ra_fft_forward_complex(ra_fft *fft, const float *in, float *out) { ra_fft_complex(&fft->full, in, out, false); }

RA_REALTIME RA_API void ra_fft_inverse_complex(ra_fft *fft, const float *in, float *out)
{
    float *exchanged = fft->full.there;                  /* free until the first pass is done */
    for (uint32_t n = 0; n < 2 * fft->size; n += 2) { exchanged[n] = in[n + 1]; exchanged[n + 1] = in[n]; }
    ra_fft_complex(&fft->full, exchanged, out, true);
}

/* Real input: even samples as re, odd ones as im give Z of half the size; then, with E and O the
   transforms of the even and of the odd samples, W = exp(-2 pi i k / size), M = size/2:
     E = (Z[k] + conj Z[M-k]) / 2    O = (Z[k] - conj Z[M-k]) / 2i
     X[k] = E + W O                  X[M-k] = conj(E - W O)
   Neighbours k at a time, and their mirrors M-k, which come in the opposite order; w is W / 2. */
RA_REALTIME RA_INLINE void ra_fft_join(float *bins, float *mirror_bins, ra_complex z, ra_complex mirror, const float *w)
{
    ra_lanes half = ra_lanes_splat(0.5f), c = RA_REVERSE(mirror.re), d = RA_REVERSE(mirror.im);
    ra_complex e = { (z.re + c) * half, (z.im - d) * half }, twice_o = { z.im + d, c - z.re };
    ra_complex t = ra_complex_times(twice_o, ra_lanes_load(w), ra_lanes_load(w + RA_LANES));
    ra_complex_zip(bins, e.re + t.re, e.im + t.im);
    ra_complex_zip_reversed(mirror_bins, e.re - t.re, t.im - e.im);
}

/* The last pass and the join in one: the columns q and stride - q hold each other's mirrors, row k those of
   row length - 1 - k. In the middle the two meet and the same bins are written twice, with the same values. */
RA_REALTIME RA_INLINE void ra_fft_join_as(const ra_fft *fft, const ra_fft_rest *rest, float *bins, uint32_t length)
{
    uint32_t s = rest->stride, size = fft->half.size;
    const float *w = fft->joints;
    float column[16];                                    /* column 0, which mirrors itself */
    for (uint32_t half = 0; half < 2; half++) {
        ra_complex y[4];
        ra_fft_last_pass(rest, 0, length, half, y);
        RA_UNROLL_8
        for (uint32_t k = 0; k < length / 2; k++) { column[2 * (2 * k + half)] = y[k].re[0]; column[2 * (2 * k + half) + 1] = y[k].im[0]; }
    }
    for (uint32_t q = 1; q <= s / 2; q += RA_LANES, w += 2 * RA_LANES * length) {
        uint32_t r = s - q - (RA_LANES - 1);
        RA_UNROLL_8
        for (uint32_t half = 0; half < 2; half++) {
            ra_complex low[4], high[4];
            ra_fft_last_pass(rest, q, length, half, low);
            if (length == 8) RA_PARK(low);
            ra_fft_last_pass(rest, r, length, !half, high);
            RA_UNROLL_8
            for (uint32_t k = 0; k < length / 2; k++) {
                uint32_t row = 2 * k + half;
                ra_fft_join(bins + 2 * (q + row * s), bins + 2 * (r + (length - 1 - row) * s), low[k], high[length / 2 - 1 - k], w + 2 * RA_LANES * row);
            }
        }
    }
    for (uint32_t k = 0; k <= length / 2; k++, w += 2) {
        uint32_t mirror = (length - k) % length;
        float a = column[2 * k], b = column[2 * k + 1], c = column[2 * mirror], d = column[2 * mirror + 1];
        float e_re = (a + c) * 0.5f, e_im = (b - d) * 0.5f, o_re = b + d, o_im = c - a;
        float t_re = o_re * w[0] - o_im * w[1], t_im = o_re * w[1] + o_im * w[0];
        float *low = bins + 2 * k * s, *high = bins + 2 * (size - k * s);
        low[0]  = e_re + t_re;   low[1]  = e_im + t_im;
        high[0] = e_re - t_re;   high[1] = t_im - e_im;
    }
    bins[1] = bins[2 * size + 1] = 0.0f;
}

RA_REALTIME RA_API void ra_fft_forward_real(ra_fft *fft, const float *samples, float *bins)
{
    ra_fft_rest rest = ra_fft_core_run(&fft->half, samples);
    uint32_t length = ra_fft_last_length(fft->size / 2);
    if      (length == 2) ra_fft_join_as(fft, &rest, bins, 2);
    else if (length == 4) ra_fft_join_as(fft, &rest, bins, 4);
    else                  ra_fft_join_as(fft, &rest, bins, 8);
}

/* The join backwards: Z[k] = E + i O with O = conj W (X[k] - conj X[M-k]) / 2, then the inverse transform,
   for which re and im are exchanged here. */
RA_REALTIME RA_API void ra_fft_inverse_real(ra_fft *fft, const float *bins, float *samples)
{
    uint32_t size = fft->half.size, length = ra_fft_last_length(size), s = size / length;
    float *exchanged = fft->half.there;                  /* free until the first pass is done */
    const float *w = fft->joints;
    ra_lanes half = ra_lanes_splat(0.5f);
    for (uint32_t q = 1; q <= s / 2; q += RA_LANES)
        for (uint32_t k = 0; k < length; k++, w += 2 * RA_LANES) {
            uint32_t at = 2 * (q + k * s), mirror_at = 2 * size - at - 2 * (RA_LANES - 1);
            ra_complex x, mirror;
            ra_complex_unzip(bins + at, &x);
            ra_complex_unzip(bins + mirror_at, &mirror);
            ra_lanes c = RA_REVERSE(mirror.re), d = RA_REVERSE(mirror.im);
            ra_complex e = { (x.re + c) * half, (x.im - d) * half };
            ra_complex o = ra_complex_times((ra_complex){ x.re - c, x.im + d }, ra_lanes_load(w), -ra_lanes_load(w + RA_LANES));
            ra_complex_zip(exchanged + at, e.im + o.re, e.re - o.im);
            ra_complex_zip_reversed(exchanged + mirror_at, o.re - e.im, e.re + o.im);
        }
    for (uint32_t k = 0; k <= length / 2; k++, w += 2) {
        uint32_t at = 2 * k * s, mirror = 2 * size - at;
        float a = bins[at], b = bins[at + 1], c = bins[mirror], d = bins[mirror + 1];
        if (k == 0) b = d = 0.0f;                        /* 0 Hz and half the rate are real */
        float e_re = (a + c) * 0.5f, e_im = (b - d) * 0.5f, o_re = (a - c) * w[0] + (b + d) * w[1], o_im = (b + d) * w[0] - (a - c) * w[1];
        exchanged[at] = e_im + o_re;
        exchanged[at + 1] = e_re - o_im;
        if (k == 0) continue;                            /* its mirror lies past the end */
        exchanged[mirror] = o_re - e_im;
        exchanged[mirror + 1] = e_re + o_im;
    }
    ra_fft_complex(&fft->half, exchanged, samples, true);
}

/* ---- power to decibels ---- */

/* 10 log10 of 2^e m is 10 log10(2) e + 10/ln(10) ln m; with m between sqrt(1/2) and sqrt(2) and t = (m-1)/(m+1) the series
   ln m = 2 (t + t^3/3 + t^5/5 + t^7/7) errs by 3e-8. Nothing, and NaN, is -160 dB. */
RA_INLINE ra_f32x4 ra_db_from_power4(ra_f32x4 power)
{
    const ra_i32x4 root = { 0x3f3504f3, 0x3f3504f3, 0x3f3504f3, 0x3f3504f3 };        /* the bits of sqrt(1/2) */
    ra_f32x4 least = ra_splat4(1e-16f), one = ra_splat4(1.0f);
    ra_i32x4 is_more = (ra_i32x4)(power > least), bits = ((ra_i32x4)power & is_more) | ((ra_i32x4)least & ~is_more);
    ra_i32x4 e = (bits - root) >> 23;
    ra_f32x4 m = (ra_f32x4)(bits - (e << 23)), t = (m - one) / (m + one), tt = t * t;
    ra_f32x4 series = one + tt * (ra_splat4(1.0f / 3) + tt * (ra_splat4(1.0f / 5) + tt * ra_splat4(1.0f / 7)));
    return __builtin_convertvector(e, ra_f32x4) * ra_splat4(3.01029996f) + t * series * ra_splat4(8.68588964f);
}

/* In place, after a factor. */
static void ra_power_to_db(float *power, uint32_t count, float scale)
{
    uint32_t n = 0;
    for (; n + 4 <= count; n += 4) ra_store4(power + n, ra_db_from_power4(ra_load4(power + n) * ra_splat4(scale)));
    for (; n < count; n++) power[n] = ra_db_from_power4(ra_splat4(power[n] * scale))[0];
}

/* ============================================================================
   [6] FILTERS - second-order sections, glides and the resampler
   ----------------------------------------------------------------------------
   owns     ra_biquad_coeffs (what to do), ra_biquad_state (what was heard),
            ra_eq (a row of them that glides), ra_glide, ra_resampler, ra_fold
   calls    [2] BASE
   threads  made on the control thread; set and process on one thread at a time
   formula  H(z) = (b0 + b1/z + b2/zz) / (1 + a1/z + a2/zz)
   source   [RBJ]; resampler: [KAISER]
   tests    test.c "filters"
   ============================================================================ */

/* Settings move and states are flushed at frames that are multiples of this, counted from
   reset. A finer grid glides more smoothly, a coarser one costs less; 32 frames are 0.7 ms. */
#define RA_GRID_FRAMES 32
#define RA_GLIDE_S 0.020               /* long enough not to click, short enough to feel direct */

/* ---- one number that may not jump ---- */

/* From one value to another in a straight line of left_frames; lands exactly. */
typedef struct { float target, step; uint32_t left_frames; } ra_glide;

RA_REALTIME static void ra_glide_hold(ra_glide *glide, float value) { *glide = (ra_glide){ value, 0.0f, 0 }; }
RA_REALTIME RA_INLINE float ra_glide_value(const ra_glide *glide) { return glide->target - glide->step * (float)glide->left_frames; }

RA_REALTIME static void ra_glide_to(ra_glide *glide, float target, uint32_t frame_count)
{
    float now = ra_glide_value(glide);
    if (frame_count == 0 || now == target) { ra_glide_hold(glide, target); return; }
    *glide = (ra_glide){ target, (target - now) / (float)frame_count, frame_count };
}

/* The value for the next frame; computed from the end, so that the last one is the target itself. */
RA_REALTIME RA_INLINE float ra_glide_next(ra_glide *glide)
{
    if (glide->left_frames) glide->left_frames--;
    return ra_glide_value(glide);
}

/* ---- second-order sections ---- */

typedef struct { double b0, b1, b2, a1, a2; } ra_biquad_coeffs;
typedef struct { ra_f64x2 s1, s2; } ra_biquad_state;      /* left and right in one vector */

/* Passes every sample unchanged; also the answer to impossible requests. */
static const ra_biquad_coeffs ra_biquad_identity = { .b0 = 1.0 };

static inline bool ra_filter_has_gain(uint32_t type) { return type == RA_PEAKING || type == RA_LOW_SHELF || type == RA_HIGH_SHELF; }

/* Where the formulas have no answer their limits hold, as [WEBAUDIO] has them. At 0 Hz and from half the rate on only
   one side of the filter is left; with a q of 0 a band is all there is, a notch takes everything away. */
RA_REALTIME static double ra_biquad_limit(const ra_eq_band *band, bool is_top, bool is_wide)
{
    double gain = ra_exp10(band->db / 20.0);
    switch (band->type) {
    case RA_PEAKING:    return is_wide ? gain : 1.0;
    case RA_LOW_SHELF:  return is_wide ? ra_sqrt(gain) : is_top ? gain : 1.0;
    case RA_HIGH_SHELF: return is_wide ? ra_sqrt(gain) : is_top ? 1.0 : gain;
    case RA_LOW_PASS:   return is_wide || !is_top ? 0.0 : 1.0;
    case RA_HIGH_PASS:  return is_wide || is_top ? 0.0 : 1.0;
    case RA_BAND_PASS:  return is_wide ? 1.0 : 0.0;
    case RA_NOTCH:      return is_wide ? 0.0 : 1.0;
    case RA_ALL_PASS:   return is_wide ? -1.0 : 1.0;
    default:            return 1.0;
    }
}

/* [RBJ] with Q for every type; the limits at the edges, and the identity for what is no number of this world:
   a mistake should stop filtering, not blow up. */
RA_REALTIME static ra_biquad_coeffs ra_biquad_design(const ra_eq_band *band, double sample_rate_hz)
{
    const double q_least = 1e-6;                          /* below it 1 - alpha is all rounding */
    if (!(band->hz == band->hz && band->q >= 0.0 && band->q <= 1e3 && ra_abs(band->db) < 200.0)) return ra_biquad_identity;
    bool is_top = band->hz >= 0.5 * sample_rate_hz, is_edge = is_top || band->hz <= 0.0;
    if (is_edge || band->q < q_least) return (ra_biquad_coeffs){ .b0 = ra_biquad_limit(band, is_top, !is_edge) };
    double omega = RA_TAU * band->hz / sample_rate_hz;    /* radians per sample */
    double c = ra_cos(omega), alpha = ra_sin(omega) / (2.0 * band->q);
    double A = ra_exp10(band->db / 40.0);                 /* half the dB: once above, once below */
    double root = 2.0 * ra_sqrt(A) * alpha;
    double b0 = 1, b1 = 0, b2 = 0, a0 = 1, a1 = -2.0 * c, a2 = 1.0 - alpha;
    /* half of (1 -+ cos) by half angles: 1 - cos(omega) would cancel away at 31 Hz */
    double sine = ra_sin(0.5 * omega), low = sine * sine, cosine = ra_cos(0.5 * omega), high = cosine * cosine;
    a0 = 1.0 + alpha;
    switch (band->type) {
    case RA_PEAKING:
        b0 = 1.0 + alpha * A; b1 = a1; b2 = 1.0 - alpha * A;
        a0 = 1.0 + alpha / A; a2 = 1.0 - alpha / A;
        break;
    case RA_LOW_SHELF:
        b0 = A * ((A + 1) - (A - 1) * c + root); b1 = 2 * A * ((A - 1) - (A + 1) * c); b2 = A * ((A + 1) - (A - 1) * c - root);
        a0 = (A + 1) + (A - 1) * c + root;       a1 = -2 * ((A - 1) + (A + 1) * c);    a2 = (A + 1) + (A - 1) * c - root;
        break;
    case RA_HIGH_SHELF:
        b0 = A * ((A + 1) + (A - 1) * c + root); b1 = -2 * A * ((A - 1) + (A + 1) * c); b2 = A * ((A + 1) + (A - 1) * c - root);
        a0 = (A + 1) - (A - 1) * c + root;       a1 = 2 * ((A - 1) - (A + 1) * c);      a2 = (A + 1) - (A - 1) * c - root;
        break;
    case RA_LOW_PASS:  b0 = low;   b1 = 2.0 * low;   b2 = low;   break;
    case RA_HIGH_PASS: b0 = high;  b1 = -2.0 * high; b2 = high;  break;
    case RA_BAND_PASS: b0 = alpha; b1 = 0.0;         b2 = -alpha; break;      /* 0 dB at the centre */
    case RA_NOTCH:     b0 = 1.0;   b1 = a1;          b2 = 1.0;   break;
    case RA_ALL_PASS:  b0 = 1.0 - alpha; b1 = a1;    b2 = 1.0 + alpha; break;
    default: return ra_biquad_identity;
    }
    return (ra_biquad_coeffs){ b0 / a0, b1 / a0, b2 / a0, a1 / a0, a2 / a0 };
}

/* ---- the equaliser ---- */

struct ra_eq {
    uint32_t channels;
    double   sample_rate_hz;
    bool     is_fresh;                 /* nothing heard yet: settings hold at once */
    uint32_t grid_left;                /* frames to the next grid point */
    uint32_t band_count;               /* that sound now */
    uint32_t target_count;             /* that will, once the glide is over */
    uint32_t glide_done, glide_steps;  /* grid points */
    ra_eq_band from[RA_EQ_BAND_MAX], target[RA_EQ_BAND_MAX];
    ra_biquad_coeffs coeffs[RA_EQ_BAND_MAX];             /* now */
    ra_biquad_coeffs goal[RA_EQ_BAND_MAX];               /* at the next grid point */
    ra_biquad_coeffs slope[RA_EQ_BAND_MAX];              /* from now to there, a frame */
    bool     is_sloping;                                 /* any of them is not zero */
    ra_biquad_state  state[RA_EQ_BAND_MAX];
    uint32_t sounding[RA_EQ_BAND_MAX], sounding_count;    /* bands that do anything until the next grid point */
};

RA_API ra_result ra_eq_create(uint32_t channels, uint32_t sample_rate_hz, ra_eq **out)
{
    *out = NULL;
    if (channels < 1 || channels > 2 || sample_rate_hz == 0) return RA_BAD_ARGUMENT;
    ra_eq *eq = ra_new(1, sizeof *eq);
    if (!eq) return RA_NO_MEMORY;
    eq->channels = channels;
    eq->sample_rate_hz = sample_rate_hz;
    eq->is_fresh = true;
    *out = eq;
    return RA_OK;
}

RA_API void ra_eq_destroy(ra_eq *eq) { RA_FREE(eq); }

/* Where a band is on its way at share 0..1: frequency and q by equal ratios, dB by equal steps. */
RA_REALTIME static ra_eq_band ra_eq_between(const ra_eq_band *from, const ra_eq_band *to, double share)
{
    ra_eq_band band = *to;
    if (share >= 1.0) return band;
    if (from->hz != to->hz && from->hz > 0 && to->hz > 0) band.hz = from->hz * ra_exp(share * ra_log(to->hz / from->hz));
    if (from->q != to->q && from->q > 0 && to->q > 0)     band.q = from->q * ra_exp(share * ra_log(to->q / from->q));
    if (from->db != to->db) band.db = from->db + share * (to->db - from->db);
    return band;
}

RA_REALTIME static double ra_eq_glide_share(const ra_eq *eq)
{
    return eq->glide_done >= eq->glide_steps ? 1.0 : (double)eq->glide_done / (double)eq->glide_steps;
}

RA_REALTIME RA_API void ra_eq_set(ra_eq *eq, const ra_eq_band *bands, uint32_t band_count)
{
    if (band_count > RA_EQ_BAND_MAX) band_count = RA_EQ_BAND_MAX;
    double share = ra_eq_glide_share(eq);
    uint32_t old_count = eq->band_count, all_count = band_count > old_count ? band_count : old_count;
    for (uint32_t index = 0; index < all_count; index++) {
        bool will_be = index < band_count, was = index < old_count && (!will_be || eq->target[index].type == bands[index].type);
        ra_eq_band now = was ? ra_eq_between(&eq->from[index], &eq->target[index], share) : bands[index];
        if (!was) {                                       /* a new band comes up from flat, with nothing remembered */
            now.db = 0.0;
            eq->state[index] = (ra_biquad_state){ { 0 }, { 0 } };
            eq->goal[index] = eq->coeffs[index] = ra_biquad_design(&now, eq->sample_rate_hz);
            eq->slope[index] = (ra_biquad_coeffs){ 0 };
        }
        eq->from[index] = now;
        eq->target[index] = will_be ? bands[index] : now;
        if (!will_be) eq->target[index].db = 0.0;         /* one that goes fades to flat first */
    }
    eq->target_count = band_count;
    eq->band_count = all_count;
    eq->glide_done = 0;
    /* it may wait most of a step for the next grid point, and still has to land in time */
    uint32_t steps = (uint32_t)(RA_GLIDE_S * eq->sample_rate_hz / RA_GRID_FRAMES);
    eq->glide_steps = steps > 2 ? steps - 1 : 1;
    if (eq->is_fresh) { eq->glide_done = eq->glide_steps; eq->grid_left = 0; }
}

RA_REALTIME RA_API void ra_eq_reset(ra_eq *eq)
{
    memset(eq->state, 0, sizeof eq->state);
    eq->glide_done = eq->glide_steps;
    eq->band_count = eq->target_count;
    eq->grid_left = 0;
    eq->is_fresh = true;
}

/* Between two grid points coefficients follow straight lines. Stable at both ends is stable between
   them, for the stable (a1, a2) fill a triangle. */
RA_REALTIME static ra_biquad_coeffs ra_biquad_slope(const ra_biquad_coeffs *from, const ra_biquad_coeffs *to)
{
    const double share = 1.0 / RA_GRID_FRAMES;
    return (ra_biquad_coeffs){ (to->b0 - from->b0) * share, (to->b1 - from->b1) * share, (to->b2 - from->b2) * share,
                               (to->a1 - from->a1) * share, (to->a2 - from->a2) * share };
}

/* At a grid point: flush what has died away, aim what glides at the next one, find the bands that matter. */
RA_REALTIME static void ra_eq_grid_point(ra_eq *eq)
{
    bool is_gliding = eq->glide_done < eq->glide_steps, is_fresh = eq->is_fresh;
    if (is_gliding) eq->glide_done++;
    else eq->band_count = eq->target_count;               /* the glide is over: who faded away is gone */
    double share = ra_eq_glide_share(eq);
    eq->sounding_count = 0;
    eq->is_sloping = is_gliding;
    for (uint32_t index = 0; index < eq->band_count; index++) {
        ra_biquad_state *state = &eq->state[index];
        for (int side = 0; side < 2; side++) {
            state->s1[side] = ra_flush(state->s1[side]);
            state->s2[side] = ra_flush(state->s2[side]);
        }
        eq->coeffs[index] = eq->goal[index];
        if (is_gliding || is_fresh) {
            ra_eq_band now = ra_eq_between(&eq->from[index], &eq->target[index], share);
            eq->goal[index] = ra_biquad_design(&now, eq->sample_rate_hz);
            if (is_fresh) eq->coeffs[index] = eq->goal[index];
            eq->slope[index] = ra_biquad_slope(&eq->coeffs[index], &eq->goal[index]);
        }
        /* A flat band with nothing left in its memory would only copy: leave it out. */
        const ra_biquad_coeffs *c = &eq->goal[index];
        bool is_flat = c->b0 == 1.0 && c->b1 == c->a1 && c->b2 == c->a2;
        bool is_silent = state->s1[0] == 0.0 && state->s1[1] == 0.0 && state->s2[0] == 0.0 && state->s2[1] == 0.0;
        if (is_gliding || !(is_flat && is_silent)) eq->sounding[eq->sounding_count++] = index;
    }
    eq->grid_left = RA_GRID_FRAMES;
    eq->is_fresh = false;
}

/* Transposed direct form II: two memories only, and new coefficients keep the old state, so
   retuning does not click. Double precision: in float a 30 Hz band errs at -79 dB, in
   double at -153 dB (measured with +6 dB, Q 1, under a 1 kHz tone). */
#define RA_BIQUAD_STEP(c, s, x, y) do { \
        y = (c)->b0 * (x) + (s)->s1; \
        (s)->s1 = ((c)->b1 * (x) + (s)->s2) - (c)->a1 * y; \
        (s)->s2 = (c)->b2 * (x) - (c)->a2 * y; \
    } while (0)

/* Two bands at once, the second one frame behind the first: a band has to wait for its own
   last result, and while one waits the other computes. */
RA_REALTIME static void ra_eq_run_pair(const ra_biquad_coeffs *first, ra_biquad_state *first_state,
                                       const ra_biquad_coeffs *second, ra_biquad_state *second_state, ra_f64x2 *frames, uint32_t frame_count)
{
    ra_biquad_coeffs c = *first, d = *second;
    ra_biquad_state s = *first_state, t = *second_state;
    ra_f64x2 between, out, next;
    RA_BIQUAD_STEP(&c, &s, frames[0], between);
    for (uint32_t frame = 1; frame < frame_count; frame++) {
        RA_BIQUAD_STEP(&c, &s, frames[frame], next);
        RA_BIQUAD_STEP(&d, &t, between, out);
        frames[frame - 1] = out;
        between = next;
    }
    RA_BIQUAD_STEP(&d, &t, between, out);
    frames[frame_count - 1] = out;
    *first_state = s;
    *second_state = t;
}

RA_REALTIME static void ra_eq_run_one(const ra_biquad_coeffs *coeffs, ra_biquad_state *state, ra_f64x2 *frames, uint32_t frame_count)
{
    ra_biquad_coeffs c = *coeffs;
    ra_biquad_state s = *state;
    for (uint32_t frame = 0; frame < frame_count; frame++) {
        ra_f64x2 y;
        RA_BIQUAD_STEP(&c, &s, frames[frame], y);
        frames[frame] = y;
    }
    *state = s;
}

/* A band on its way. */
RA_REALTIME static void ra_eq_run_sloping(ra_biquad_coeffs *coeffs, const ra_biquad_coeffs *slope, ra_biquad_state *state, ra_f64x2 *frames, uint32_t frame_count)
{
    ra_biquad_coeffs c = *coeffs;
    ra_biquad_state s = *state;
    for (uint32_t frame = 0; frame < frame_count; frame++) {
        ra_f64x2 y;
        c.b0 += slope->b0; c.b1 += slope->b1; c.b2 += slope->b2; c.a1 += slope->a1; c.a2 += slope->a2;
        RA_BIQUAD_STEP(&c, &s, frames[frame], y);
        frames[frame] = y;
    }
    *coeffs = c;
    *state = s;
}

/* Frames up to the next grid point through all bands that sound. */
RA_REALTIME static void ra_eq_run(ra_eq *eq, ra_f64x2 *wide, uint32_t run)
{
    uint32_t at = 0;
    for (; eq->is_sloping && at < eq->sounding_count; at++) {
        uint32_t one = eq->sounding[at];
        ra_eq_run_sloping(&eq->coeffs[one], &eq->slope[one], &eq->state[one], wide, run);
    }
    for (; at + 2 <= eq->sounding_count; at += 2) {
        uint32_t one = eq->sounding[at], two = eq->sounding[at + 1];
        ra_eq_run_pair(&eq->coeffs[one], &eq->state[one], &eq->coeffs[two], &eq->state[two], wide, run);
    }
    if (at < eq->sounding_count) ra_eq_run_one(&eq->coeffs[eq->sounding[at]], &eq->state[eq->sounding[at]], wide, run);
}

RA_REALTIME RA_INLINE void ra_widen(const float *frames, uint32_t channels, ra_f64x2 *wide, uint32_t run)
{
    if (channels == 2) for (uint32_t frame = 0; frame < run; frame++) wide[frame] = (ra_f64x2){ frames[2 * frame], frames[2 * frame + 1] };
    else               for (uint32_t frame = 0; frame < run; frame++) wide[frame] = (ra_f64x2){ frames[frame], 0.0 };
}

RA_REALTIME RA_INLINE void ra_narrow(const ra_f64x2 *wide, uint32_t channels, float *frames, uint32_t run)
{
    if (channels == 2) for (uint32_t frame = 0; frame < run; frame++) { frames[2 * frame] = (float)wide[frame][0]; frames[2 * frame + 1] = (float)wide[frame][1]; }
    else               for (uint32_t frame = 0; frame < run; frame++) frames[frame] = (float)wide[frame][0];
}

RA_REALTIME RA_API void ra_eq_process(ra_eq *eq, float *frames, uint32_t frame_count)
{
    ra_f64x2 wide[RA_GRID_FRAMES];
    while (frame_count) {
        if (eq->grid_left == 0) ra_eq_grid_point(eq);
        uint32_t run = frame_count < eq->grid_left ? frame_count : eq->grid_left;
        if (eq->sounding_count) {
            ra_widen(frames, eq->channels, wide, run);
            ra_eq_run(eq, wide, run);
            ra_narrow(wide, eq->channels, frames, run);
        }
        frames += (size_t)run * eq->channels;
        frame_count -= run;
        eq->grid_left -= run;
    }
}

/* The same for frames that are wide already: equalisers in a row that hand each other doubles are one. */
static void ra_eq_process_wide(ra_eq *eq, ra_f64x2 *wide, uint32_t frame_count)
{
    while (frame_count) {
        if (eq->grid_left == 0) ra_eq_grid_point(eq);
        uint32_t run = frame_count < eq->grid_left ? frame_count : eq->grid_left;
        ra_eq_run(eq, wide, run);
        wide += run;
        frame_count -= run;
        eq->grid_left -= run;
    }
}

RA_REALTIME static bool ra_eq_is_gliding(const ra_eq *eq) { return eq->glide_done < eq->glide_steps || eq->is_sloping; }

/* Nothing is left of what was heard. */
RA_REALTIME static bool ra_eq_is_empty(const ra_eq *eq)
{
    for (uint32_t index = 0; index < eq->band_count; index++) {
        const ra_biquad_state *state = &eq->state[index];
        if (state->s1[0] != 0.0 || state->s1[1] != 0.0 || state->s2[0] != 0.0 || state->s2[1] != 0.0) return false;
    }
    return true;
}

/* Of one polynomial of a section: with z = exp(-i omega), |b0 + b1 z + b2 zz|^2 is
   (b0+b1+b2)^2 - 4 (b0 b1 + 4 b0 b2 + b1 b2) u + 16 b0 b2 u^2, u = sin^2(omega/2): exact near 0 Hz too. */
static double ra_biquad_power(double b0, double b1, double b2, double u)
{
    double sum = b0 + b1 + b2;
    return sum * sum - 4.0 * (b0 * b1 + 4.0 * b0 * b2 + b1 * b2) * u + 16.0 * b0 * b2 * u * u;
}

RA_API double ra_eq_response_db(const ra_eq_band *bands, uint32_t band_count, double hz, double sample_rate_hz)
{
    double sine = ra_sin(RA_PI * hz / sample_rate_hz), u = sine * sine, power = 1.0;
    for (uint32_t index = 0; index < band_count; index++) {
        ra_biquad_coeffs c = ra_biquad_design(&bands[index], sample_rate_hz);
        power *= ra_biquad_power(c.b0, c.b1, c.b2, u) / ra_biquad_power(1.0, c.a1, c.a2, u);
    }
    return 10.0 * ra_log10(power > 1e-30 ? power : 1e-30);
}

RA_API void ra_eq_default_bands(ra_eq_band bands[10])
{
    double hz = 31.25;
    for (int index = 0; index < 10; index++, hz *= 2.0) bands[index] = (ra_eq_band){ RA_PEAKING, hz, 0.0, 1.41 };
}

/* ---- the resampler ---- */

/* Output frame n lies at n * in_hz / out_hz in the input. As a fraction of whole numbers that is
   n * step / phase_count with both divided by their common factor: only phase_count different
   places between two input frames, so each gets its own row of windowed sinc values. Where that
   would be too many rows, RA_RESAMPLER_PHASES are made and the row between two of them is
   interpolated (which errs below -130 dB). Flat within 0.0002 dB to 0.89 of the lower Nyquist and 0.007 dB
   at 0.907 (20 kHz of 44.1), below -100 dB from 1.04 on; what lies between may fold to above 0.96. */
#define RA_RESAMPLER_PHASES 2048
#define RA_RESAMPLER_TAPS   96         /* of a row; going down takes more */
#define RA_RESAMPLER_TAPS_MAX 1024
#define RA_RESAMPLER_RUN    (1 << 14)  /* taps that are made in one go */
#define RA_RESAMPLER_BETA   10.0       /* [KAISER] window: side lobes near -102 dB */

typedef float ra_f32x4_row __attribute__((vector_size(16), may_alias));       /* floats that lie on whole vectors */

typedef struct {
    uint32_t in_hz, out_hz;
    uint32_t phase_count, step;        /* position advances by step / phase_count frames ... */
    uint32_t step_whole, step_rest;    /* ... which is so many frames and so many phases */
    uint32_t tap_count;                /* a multiple of 8 */
    bool     is_exact;                 /* a row for every phase; otherwise rows are interpolated */
    uint32_t row_count;                /* phase_count, or RA_RESAMPLER_PHASES + 1 */
    uint32_t made_count;               /* rows that are there */
    uint32_t channels, row_length;     /* tap_count * channels: in stereo each value stands twice, as the frames will meet it */
    float   *rows;                     /* row_count * row_length; row r is for r / phase_count after the middle tap */
    void    *memory;                   /* where the rows lie, on whole vectors */
} ra_resampler;

RA_SMALL_CODE_BEGIN

/* Modified Bessel function of order 0, by its power series. */
static double ra_bessel_i0(double x)
{
    double term = 1.0, sum = 1.0, before = 0.0, quarter = 0.25 * x * x;
    for (int k = 1; k < 60 && sum != before; k++) {      /* a term that changes nothing is followed by smaller ones */
        before = sum;
        term *= quarter / ((double)k * k);
        sum += term;
    }
    return sum;
}

/* A sinc that ends in a Kaiser window half_width to each side of 0; a cut-off of 1 is Nyquist of the rate that x
   counts frames of. Whoever wants 0 Hz to pass exactly divides by the sum of what is used. */
static double ra_windowed_sinc(double x, double cutoff, double half_width, double beta)
{
    double edge = x / half_width, inside = 1.0 - edge * edge, angle = RA_PI * cutoff * x;
    if (!(inside > 0.0)) return 0.0;
    return (ra_abs(angle) < 1e-9 ? 1.0 : ra_sin(angle) / angle) * ra_bessel_i0(beta * ra_sqrt(inside));
}

static void ra_resampler_destroy(ra_resampler *resampler)
{
    if (!resampler) return;
    RA_FREE(resampler->memory);
    RA_FREE(resampler);
}

/* The next rows, about a millisecond of work; false when there are no more to make. */
static bool ra_resampler_make(ra_resampler *r)
{
    double row_step = 1.0 / (r->is_exact ? r->phase_count : RA_RESAMPLER_PHASES), values[RA_RESAMPLER_TAPS_MAX];
    double shrink = r->in_hz > r->out_hz ? (double)r->in_hz / r->out_hz : 1.0, half = 0.5 * r->tap_count;
    /* The transition lies around the cut-off, three quarters of it below the lower Nyquist; its half is the window's main
       lobe, sqrt(beta^2 + pi^2) / (taps / 2) radians [KAISER]. 1 is the input's Nyquist. */
    double lobe = ra_sqrt(RA_RESAMPLER_BETA * RA_RESAMPLER_BETA + RA_PI * RA_PI) / (half * RA_PI);
    double cutoff = 1.0 / shrink - 0.5 * lobe;
    if (cutoff < 0.5 / shrink) cutoff = 0.5 / shrink;
    for (uint32_t left = 1 + RA_RESAMPLER_RUN / r->tap_count; left && r->made_count < r->row_count; left--, r->made_count++) {
        float *to = r->rows + (size_t)r->made_count * r->row_length;
        double sum = 0.0;
        for (uint32_t tap = 0; tap < r->tap_count; tap++) {
            values[tap] = ra_windowed_sinc((double)tap - (half - 1.0) - r->made_count * row_step, cutoff, half, RA_RESAMPLER_BETA);      /* from the place asked for */
            sum += values[tap];
        }
        for (uint32_t at = 0; at < r->row_length; at++) to[at] = (float)(values[at / r->channels] / sum);   /* 0 Hz passes exactly */
    }
    return r->made_count < r->row_count;
}

/* For frames of so many channels, of which more than two go through it in pairs; its rows are still to be made. */
static ra_result ra_resampler_begin(uint32_t in_hz, uint32_t out_hz, uint32_t channels, ra_resampler **out)
{
    *out = NULL;
    if (in_hz == 0 || out_hz == 0) return RA_BAD_ARGUMENT;
    ra_resampler *r = ra_new(1, sizeof *r);
    if (!r) return RA_NO_MEMORY;
    uint32_t a = in_hz, b = out_hz;
    while (b) { uint32_t rest = a % b; a = b; b = rest; }
    r->in_hz = in_hz;
    r->out_hz = out_hz;
    r->phase_count = out_hz / a;
    r->step = in_hz / a;
    r->step_whole = r->step / r->phase_count;
    r->step_rest = r->step % r->phase_count;
    double shrink = in_hz > out_hz ? (double)in_hz / out_hz : 1.0;       /* a lower rate wants a lower cut-off, so a longer row */
    double taps = RA_RESAMPLER_TAPS * shrink;
    r->tap_count = taps < RA_RESAMPLER_TAPS_MAX ? ((uint32_t)taps + 7) & ~7u : RA_RESAMPLER_TAPS_MAX;
    r->is_exact = r->phase_count <= RA_RESAMPLER_PHASES;
    r->row_count = r->is_exact ? r->phase_count : RA_RESAMPLER_PHASES + 1;
    r->channels = channels = channels == 1 ? 1 : 2;
    r->row_length = r->tap_count * channels;
    r->memory = ra_new((uint64_t)r->row_count * r->row_length + 4, sizeof(float));
    r->rows = (float *)(((uintptr_t)r->memory + 15) & ~(uintptr_t)15);
    if (!r->memory) { ra_resampler_destroy(r); return RA_NO_MEMORY; }
    *out = r;
    return RA_OK;
}

static ra_result ra_resampler_create(uint32_t in_hz, uint32_t out_hz, uint32_t channels, ra_resampler **out)
{
    ra_result result = ra_resampler_begin(in_hz, out_hz, channels, out);
    while (result == RA_OK && ra_resampler_make(*out)) { }
    return result;
}

RA_SMALL_CODE_END

/* Output frames that take half a millisecond, or a whole one. */
static uint32_t ra_resampler_run(const ra_resampler *r) { return (1u << 20) / r->tap_count; }

/* How many output frames an input of this length makes. */
static uint64_t ra_resampler_frames(const ra_resampler *r, uint64_t in_frames)
{
    /* ceil(in * phase_count / step), in parts that cannot overflow */
    uint64_t whole = in_frames / r->step, rest = in_frames % r->step;
    return whole * r->phase_count + (rest * r->phase_count + r->step - 1) / r->step;
}

/* The row of a place that has none of its own: between its two neighbours. */
RA_REALTIME static void ra_resampler_blend(const ra_resampler *r, uint32_t phase, float *row)
{
    double place = (double)phase * RA_RESAMPLER_PHASES / r->phase_count;
    uint32_t whole = (uint32_t)place;
    ra_f32x4 share = ra_splat4((float)(place - whole));
    const float *from = r->rows + (size_t)whole * r->row_length, *to = from + r->row_length;
    for (uint32_t at = 0; at < r->row_length; at += 4) {
        ra_f32x4 h = ra_load4(from + at);
        ra_store4(row + at, h + share * (ra_load4(to + at) - h));
    }
}

/* From the place of one output frame to that of the next. */
RA_REALTIME RA_INLINE void ra_resampler_advance(const ra_resampler *r, uint64_t *frame, uint32_t *phase)
{
    *frame += r->step_whole;
    *phase += r->step_rest;
    if (*phase >= r->phase_count) { *phase -= r->phase_count; ++*frame; }
}

/* One output frame from tap_count input frames that begin tap_count/2 - 1 before the place asked for. Eight sums
   a channel, because one would wait for its own last addition; they are added in a fixed order, the same for one
   channel as for two, so the bits depend neither on the machine nor on the neighbour. */
RA_REALTIME static void ra_resampler_frame(const ra_resampler *r, uint32_t phase, const float *in, float *out)
{
    ra_f32x4_row blended[RA_RESAMPLER_TAPS_MAX / 2];
    const ra_f32x4_row *row = (const ra_f32x4_row *)(r->rows + (size_t)phase * r->row_length);
    if (!r->is_exact) { ra_resampler_blend(r, phase, (float *)blended); row = blended; }
    const ra_f32x4_row *end = row + r->row_length / 4;
    ra_f32x4 sum_0 = ra_splat4(0.0f), sum_1 = sum_0, sum_2 = sum_0, sum_3 = sum_0;
    if (r->channels == 2) {
        for (; row < end; row += 4, in += 16) {
            sum_0 += row[0] * ra_load4(in);
            sum_1 += row[1] * ra_load4(in + 4);
            sum_2 += row[2] * ra_load4(in + 8);
            sum_3 += row[3] * ra_load4(in + 12);
        }
        sum_0 = (sum_0 + sum_1) + (sum_2 + sum_3);
        out[0] = sum_0[0] + sum_0[2];
        out[1] = sum_0[1] + sum_0[3];
        return;
    }
    for (; row < end; row += 2, in += 8) {
        sum_0 += row[0] * ra_load4(in);
        sum_1 += row[1] * ra_load4(in + 4);
    }
    sum_0 += __builtin_shufflevector(sum_0, sum_0, 2, 3, 0, 1);
    sum_1 += __builtin_shufflevector(sum_1, sum_1, 2, 3, 0, 1);
    sum_0 += sum_1;
    out[0] = sum_0[0] + sum_0[1];
}

/* ---- between the frames: twice the rate, and twice that ---- */

/* Half way between two frames lies sum w[k] (x[n-k] + x[n+1+k]): a half-band filter, whose other half passes the frames
   themselves and costs nothing. Backwards it is the low pass before every second frame is dropped: the mean of a frame
   and of what its neighbours make of its place. Each rate is kept as so many rows of the frames' own rate, which are
   then filtered alike. Here to = first + sum w[k] (left[-k] + right[k]), everywhere in a row at once; step is
   the channels. All three are read, and to is written, up to RA_FOLD_PAD - 1 samples past count. */
#define RA_FOLD_PAD 16

RA_REALTIME static void ra_fold(const float *weights, uint32_t weight_count, uint32_t step, const float *left, const float *right,
                                const float *first, float *to, uint32_t count)
{
    for (uint32_t at = 0; at < count; at += 16) {
        ra_f32x4 sum_0 = { 0 }, sum_1 = sum_0, sum_2 = sum_0, sum_3 = sum_0;
        if (first) { sum_0 = ra_load4(first + at); sum_1 = ra_load4(first + at + 4); sum_2 = ra_load4(first + at + 8); sum_3 = ra_load4(first + at + 12); }
        const float *a = left + at, *b = right + at;
        for (uint32_t k = 0; k < weight_count; k++, a -= step, b += step) {
            ra_f32x4 w = ra_splat4(weights[k]);
            sum_0 += w * (ra_load4(a)      + ra_load4(b));
            sum_1 += w * (ra_load4(a + 4)  + ra_load4(b + 4));
            sum_2 += w * (ra_load4(a + 8)  + ra_load4(b + 8));
            sum_3 += w * (ra_load4(a + 12) + ra_load4(b + 12));
        }
        ra_store4(to + at, sum_0); ra_store4(to + at + 4, sum_1); ra_store4(to + at + 8, sum_2); ra_store4(to + at + 12, sum_3);
    }
}

RA_SMALL_CODE_BEGIN

/* The weights of a half-band filter; a constant stays what it is. In two pieces, even k and odd k, or in one. */
static void ra_half_band(float *even, float *odd, int weight_count, double beta)
{
    double sum = 0.0;
    for (int k = 0; k < weight_count; k++) sum += 2.0 * ra_windowed_sinc(k + 0.5, 1.0, weight_count, beta);
    for (int k = 0; k < weight_count; k++) {
        float *to = !odd ? &even[k] : k & 1 ? &odd[k / 2] : &even[k / 2];
        *to = (float)(ra_windowed_sinc(k + 0.5, 1.0, weight_count, beta) / sum);
    }
}

RA_SMALL_CODE_END

/* ---- a clip at another rate ---- */

/* Frames of one or two channels of a clip, silence before and behind it; a mono clip is both channels. Frame n stands at
   n & mask: a clip that passes through a ring has only its newest frames there. */
static void ra_clip_gather(const ra_clip *clip, uint64_t mask, uint32_t channel, uint32_t channels, int64_t first, uint32_t frame_count, float *out)
{
    uint32_t right = clip->channels == 1 ? 0 : 1;
    for (uint32_t frame = 0; frame < frame_count; frame++, out += channels) {
        int64_t from = first + frame;
        bool is_inside = from >= 0 && (uint64_t)from < clip->frame_count;
        const float *in = clip->samples + (is_inside ? (size_t)((uint64_t)from & mask) * clip->channels + (right ? channel : 0) : 0);
        out[0] = is_inside ? in[0] : 0.0f;
        if (channels == 2) out[1] = is_inside ? in[right] : 0.0f;
    }
}

/* Frames first to first + frame_count of the clip at the resampler's other rate; out: all channels. */
enum { RA_RESAMPLE_ROOM = 2048 };                        /* frames of input at a time, twice the most taps */
static void ra_clip_resample_range(const ra_clip *clip, uint64_t mask, const ra_resampler *r, uint64_t first, uint64_t frame_count, float *out)
{
    enum { ROOM = RA_RESAMPLE_ROOM };
    float pair[2 * ROOM];
    uint32_t channels = r->channels, before = r->tap_count / 2 - 1;
    for (uint32_t channel = 0; channel < clip->channels; channel += 2) {
        /* two channels at a time, which is what the resampler and the player know; an odd last one comes with its neighbour once more */
        uint32_t left = clip->channels - channel < channels ? channel - 1 : channel;
        uint64_t ahead = first % r->phase_count * r->step, frame = first / r->phase_count * r->step + ahead / r->phase_count, done = 0;
        uint32_t phase = (uint32_t)(ahead % r->phase_count);
        while (done < frame_count) {
            uint64_t from = frame;
            ra_clip_gather(clip, mask, left, channels, (int64_t)from - before, ROOM, pair);
            for (; done < frame_count && frame - from + r->tap_count <= ROOM; done++) {
                ra_resampler_frame(r, phase, pair + (frame - from) * channels, out + done * clip->channels + left);
                ra_resampler_advance(r, &frame, &phase);
            }
        }
    }
}

/* ============================================================================
   [7] EFFECTS - what a chain is made of, and its text
   ----------------------------------------------------------------------------
   owns     gain, soft clip, pan, delay, chorus, distortion, compressor, limiter, reverb, convolve,
            ra_chain (processors in order), its text, and other equalisers' text
   calls    [2] BASE; [6] FILTERS: ra_eq_*, ra_glide_*, ra_resampler_*
   threads  parse and format: any; set and process: one thread at a time
   verbs    set (new settings, which glide), process (frames in place), reset
   tests    test.c "effects"
   ============================================================================ */

/* ---- soft clip ---- */

/* Below the knee (-1 dBFS) a sample passes untouched. Above it, with u = how far above in units
   of what is left to full scale: y = knee + (1 - knee) u / sqrt(1 + u^2): slope 1 at the knee and
   no bend there either, falling for ever, never above 1. */
#define RA_SOFT_CLIP_KNEE 0.89125094f

RA_REALTIME RA_INLINE float ra_soft_clip(float x)
{
    float size = __builtin_fabsf(x);
    if (!(size > RA_SOFT_CLIP_KNEE)) return x == x ? x : 0.0f;
    /* in double: in float the roundings of two neighbours may fall the wrong way round */
    const double knee = RA_SOFT_CLIP_KNEE;
    double u = (size - knee) / (1.0 - knee);
    double y = u < 1e6 ? knee + (1.0 - knee) * u / ra_sqrt(1.0 + u * u) : 1.0;
    return (float)(x < 0.0f ? -y : y);
}

/* Gives the number of frames it changed. */
RA_REALTIME static uint32_t ra_soft_clip_process(float *frames, uint32_t frame_count, uint32_t channels)
{
    uint32_t changed_count = 0;
    for (uint32_t frame = 0; frame < frame_count; frame++) {
        bool is_changed = false;
        for (uint32_t channel = 0; channel < channels; channel++) {
            float *sample = &frames[(size_t)frame * channels + channel];
            if (!(__builtin_fabsf(*sample) <= RA_SOFT_CLIP_KNEE)) { *sample = ra_soft_clip(*sample); is_changed = true; }
        }
        changed_count += is_changed;
    }
    return changed_count;
}

/* ---- gain ---- */

RA_REALTIME static void ra_gain_process(ra_glide *gain, float *frames, uint32_t frame_count, uint32_t channels)
{
    if (gain->left_frames == 0 && gain->target == 1.0f) return;          /* unity passes bits through */
    for (uint32_t frame = 0; frame < frame_count; frame++) {
        float factor = ra_glide_next(gain);
        for (uint32_t channel = 0; channel < channels; channel++) frames[(size_t)frame * channels + channel] *= factor;
    }
}

/* ---- what the processors below have in common ----

   Each has one or two interleaved channels, all its memory from create, and the verbs set (values in
   the order of the text's keys; they glide 20 ms and land exactly, or hold at once when fresh),
   process, reset (forgets the sound, keeps the settings), is_quiet (nothing glides, nothing rings)
   and latency_frames. What does not happen at every frame happens on a grid counted from reset.
   mix 0 passes bits (where there is latency: delayed by it), mix 1 is the wet sound alone. */

/* What goes round and round ends here, at -160 dBFS, under the last bit of 24: then it is exactly nothing. */
#define RA_TAIL_END 1e-8f


/* Written so that NaN ends too. */
RA_REALTIME RA_INLINE float ra_end_tail(float x) { return __builtin_fabsf(x) >= RA_TAIL_END ? x : 0.0f; }

RA_REALTIME RA_INLINE float ra_mix(float dry, float wet, float mix) { return dry * (1.0f - mix) + wet * mix; }

RA_REALTIME static void ra_glide_set(ra_glide *glide, double target, uint32_t sample_rate_hz, bool is_fresh)
{
    ra_glide_to(glide, (float)target, is_fresh ? 0 : (uint32_t)(RA_GLIDE_S * sample_rate_hz));
}

RA_REALTIME RA_INLINE void ra_glide_land(ra_glide *glide) { ra_glide_hold(glide, glide->target); }

/* As if ra_glide_next had been called so often. */
RA_REALTIME RA_INLINE float ra_glide_skip(ra_glide *glide, uint32_t frame_count)
{
    glide->left_frames -= glide->left_frames < frame_count ? glide->left_frames : frame_count;
    return ra_glide_value(glide);
}

/* The values for the next frames, one for each channel of each, and up to three more that make the last vector whole. */
RA_REALTIME static void ra_glide_fill(ra_glide *glide, float *to, uint32_t frame_count, uint32_t channels)
{
    uint32_t count = frame_count * channels, gliding = glide->left_frames < frame_count ? glide->left_frames * channels : count, at = 0;
    for (; at < gliding; at += channels) to[at] = to[at + channels - 1] = ra_glide_next(glide);
    for (; at < count; at += 4) ra_store4(to + at, ra_splat4(glide->target));
    ra_store4(to + count, ra_splat4(0.0f));
}

/* Bits where mask says so, else those of otherwise. */
RA_REALTIME RA_INLINE ra_f32x4 ra_select4(ra_i32x4 mask, ra_f32x4 chosen, ra_f32x4 otherwise)
{
    return (ra_f32x4)(((ra_i32x4)chosen & mask) | ((ra_i32x4)otherwise & ~mask));
}

RA_REALTIME RA_INLINE ra_f32x4 ra_abs4(ra_f32x4 x) { return (ra_f32x4)((ra_i32x4)x & INT32_MAX); }
RA_REALTIME RA_INLINE ra_f32x4 ra_min4(ra_f32x4 x, ra_f32x4 y) { return ra_select4((ra_i32x4)(x < y), x, y); }
RA_REALTIME RA_INLINE ra_f32x4 ra_max4(ra_f32x4 x, ra_f32x4 y) { return ra_select4((ra_i32x4)(x > y), x, y); }
RA_REALTIME RA_INLINE bool ra_any4(ra_i32x4 mask) { return (mask[0] | mask[1] | mask[2] | mask[3]) != 0; }

/* ra_end_tail, four at once. */
RA_REALTIME RA_INLINE ra_f32x4 ra_end_tail4(ra_f32x4 x) { return (ra_f32x4)((ra_i32x4)x & (ra_i32x4)(ra_abs4(x) >= RA_TAIL_END)); }

/* ra_mix, four at once; where mix is 0, the bits of dry. */
RA_REALTIME RA_INLINE ra_f32x4 ra_mix4(ra_f32x4 dry, ra_f32x4 wet, ra_f32x4 mix)
{
    return ra_select4((ra_i32x4)(mix == 0.0f), dry, dry * (1.0f - mix) + wet * mix);
}

/* Counts silence, up to for ever; a frame with any sound in it begins anew. */
RA_REALTIME RA_INLINE uint32_t ra_count_silence(uint32_t silent_frames, bool is_silent)
{
    return !is_silent ? 0 : silent_frames == UINT32_MAX ? silent_frames : silent_frames + 1;
}

RA_REALTIME RA_INLINE bool ra_frame_is_silent(const float *frame, uint32_t channels) { return frame[0] == 0.0f && frame[channels - 1] == 0.0f; }

/* The same for a run: only what comes after its last sound matters. */
RA_REALTIME static uint32_t ra_count_silence_run(uint32_t silent_frames, const float *frames, uint32_t frame_count, uint32_t channels)
{
    uint32_t sounding = frame_count;
    while (sounding && ra_frame_is_silent(frames + (sounding - 1) * channels, channels)) sounding--;
    if (sounding) return frame_count - sounding;
    return silent_frames > UINT32_MAX - frame_count ? UINT32_MAX : silent_frames + frame_count;
}

/* Smallest power of two that is not below count, which makes a ring's modulo a mask. */
static uint32_t ra_ring_frames(double count)
{
    uint32_t size = 2;
    while (size < count && size < 1u << 30) size *= 2;
    return size;
}

/* ---- pan ---- */

/* [WEBAUDIO] StereoPannerNode, equal power, position p from -1 (left) to 1:
     stereo, p <= 0:  L = L + R cos(x),  R = R sin(x),      x = (p + 1) pi/2
             p >  0:  L = L cos(x),      R = R + L sin(x),  x = p pi/2
   One channel has nowhere to go and passes as it is. */
typedef struct ra_pan {
    uint32_t channels, sample_rate_hz;
    ra_glide left_left, right_left, left_right, right_right;    /* from where, to where */
} ra_pan;

static void ra_pan_destroy(ra_pan *pan) { RA_FREE(pan); }
static uint32_t ra_pan_latency_frames(const ra_pan *pan) { (void)pan; return 0; }

RA_REALTIME static void ra_pan_set(ra_pan *pan, const double value[6], bool is_fresh)
{
    double p = value[0], to_left = p < 0.0 ? ra_cos((p + 1.0) * (RA_PI / 2)) : 0.0, to_right = p > 0.0 ? ra_sin(p * (RA_PI / 2)) : 0.0;
    uint32_t rate = pan->sample_rate_hz;
    ra_glide_set(&pan->left_left,   p > 0.0 ? ra_cos(p * (RA_PI / 2)) : 1.0, rate, is_fresh);
    ra_glide_set(&pan->right_left,  to_left, rate, is_fresh);
    ra_glide_set(&pan->left_right,  to_right, rate, is_fresh);
    ra_glide_set(&pan->right_right, p < 0.0 ? ra_sin((p + 1.0) * (RA_PI / 2)) : 1.0, rate, is_fresh);
}

static ra_result ra_pan_create(uint32_t channels, uint32_t sample_rate_hz, ra_pan **out)
{
    *out = NULL;
    if (channels < 1 || channels > 2 || sample_rate_hz == 0) return RA_BAD_ARGUMENT;
    ra_pan *pan = ra_new(1, sizeof *pan);
    if (!pan) return RA_NO_MEMORY;
    pan->channels = channels;
    pan->sample_rate_hz = sample_rate_hz;
    ra_pan_set(pan, (const double[6]){ 0 }, true);
    *out = pan;
    return RA_OK;
}

RA_REALTIME static bool ra_pan_is_quiet(const ra_pan *pan)
{
    return !(pan->left_left.left_frames | pan->right_left.left_frames | pan->left_right.left_frames | pan->right_right.left_frames);
}

RA_REALTIME static void ra_pan_reset(ra_pan *pan)
{
    ra_glide_land(&pan->left_left);   ra_glide_land(&pan->right_left);
    ra_glide_land(&pan->left_right);  ra_glide_land(&pan->right_right);
}

RA_REALTIME static void ra_pan_process(ra_pan *pan, float *frames, uint32_t frame_count)
{
    bool is_middle = ra_pan_is_quiet(pan) && pan->left_left.target == 1.0f && pan->right_right.target == 1.0f;
    if (is_middle) return;                               /* bits pass */
    for (uint32_t frame = 0; frame < frame_count; frame++) {
        float left_left  = ra_glide_next(&pan->left_left),  right_left  = ra_glide_next(&pan->right_left);
        float left_right = ra_glide_next(&pan->left_right), right_right = ra_glide_next(&pan->right_right);
        if (pan->channels == 1) continue;
        float left = frames[2 * frame], right = frames[2 * frame + 1];
        frames[2 * frame]     = left * left_left  + right * right_left;
        frames[2 * frame + 1] = left * left_right + right * right_right;
    }
}

/* ---- delay ---- */

/* An echo that goes round: w[n] = x[n] + feedback lowpass(w[n - D]), wet y[n] = w[n - D], D = round(ms rate / 1000)
   whole frames, so that the first echo is x bit for bit. The low pass is one pole at 6 kHz, unity at 0 Hz, as every
   round through air or tape is darker than the one before. A new time cross-fades from one tap to
   the other in 20 ms; one that comes meanwhile waits for the end of that. */
#define RA_DELAY_MAX_S   2.0
#define RA_DELAY_DAMP_HZ 6000.0

typedef struct ra_delay {
    uint32_t channels, sample_rate_hz;
    uint32_t ring_frames, write;                         /* a power of two; where w[n] goes */
    uint32_t old_frames, now_frames, next_frames;        /* taps: faded from, faded to, waiting */
    ra_glide fade, feedback, mix;                        /* fade: 0 old tap, 1 new tap */
    double   damp, damped[2];                            /* pole; memory of the low pass */
    uint32_t silent_frames;
    float   *ring;
} ra_delay;

static void ra_delay_destroy(ra_delay *delay)
{
    if (!delay) return;
    RA_FREE(delay->ring);
    RA_FREE(delay);
}

static ra_result ra_delay_create(uint32_t channels, uint32_t sample_rate_hz, ra_delay **out)
{
    *out = NULL;
    if (channels < 1 || channels > 2 || sample_rate_hz == 0) return RA_BAD_ARGUMENT;
    ra_delay *delay = ra_new(1, sizeof *delay);
    if (!delay) return RA_NO_MEMORY;
    delay->channels = channels;
    delay->sample_rate_hz = sample_rate_hz;
    delay->damp = ra_exp(-RA_TAU * RA_DELAY_DAMP_HZ / sample_rate_hz);
    delay->old_frames = delay->now_frames = delay->next_frames = 1;
    ra_glide_hold(&delay->fade, 1.0f);
    delay->silent_frames = UINT32_MAX;
    delay->ring_frames = ra_ring_frames(RA_DELAY_MAX_S * sample_rate_hz + 2.0);
    delay->ring = ra_new((uint64_t)delay->ring_frames * channels, sizeof(float));
    if (!delay->ring) { ra_delay_destroy(delay); return RA_NO_MEMORY; }
    *out = delay;
    return RA_OK;
}

static uint32_t ra_delay_latency_frames(const ra_delay *delay) { (void)delay; return 0; }

RA_REALTIME static void ra_delay_set(ra_delay *delay, const double value[6], bool is_fresh)
{
    uint32_t rate = delay->sample_rate_hz;
    delay->next_frames = (uint32_t)ra_clamp(ra_floor(value[0] * 0.001 * rate + 0.5), 1.0, RA_DELAY_MAX_S * rate + 1.0);
    if (is_fresh) delay->old_frames = delay->now_frames = delay->next_frames;
    if (is_fresh) ra_glide_hold(&delay->fade, 1.0f);
    ra_glide_set(&delay->feedback, value[1], rate, is_fresh);
    ra_glide_set(&delay->mix, value[2], rate, is_fresh);
}

RA_REALTIME static void ra_delay_process(ra_delay *delay, float *frames, uint32_t frame_count)
{
    uint32_t channels = delay->channels, mask = delay->ring_frames - 1;
    for (uint32_t frame = 0; frame < frame_count; frame++, frames += channels) {
        if (delay->fade.left_frames == 0 && delay->next_frames != delay->now_frames) {
            delay->old_frames = delay->now_frames;
            delay->now_frames = delay->next_frames;
            ra_glide_hold(&delay->fade, 0.0f);
            ra_glide_set(&delay->fade, 1.0, delay->sample_rate_hz, false);
        }
        float fade = ra_glide_next(&delay->fade), feedback = ra_glide_next(&delay->feedback), mix = ra_glide_next(&delay->mix);
        const float *old = delay->ring + (size_t)((delay->write - delay->old_frames) & mask) * channels;
        const float *now = delay->ring + (size_t)((delay->write - delay->now_frames) & mask) * channels;
        float *to = delay->ring + (size_t)(delay->write & mask) * channels;
        for (uint32_t channel = 0; channel < channels; channel++) {
            float dry = frames[channel], wet = now[channel];
            if (fade != 1.0f) wet = ra_mix(old[channel], wet, fade * fade * (3.0f - 2.0f * fade));   /* eased, or its ends are heard */
            double damped = ra_flush(wet + delay->damp * (delay->damped[channel] - wet));
            delay->damped[channel] = damped;
            to[channel] = dry + ra_end_tail(feedback * (float)damped);
            if (mix != 0.0f) frames[channel] = ra_mix(dry, wet, mix);
        }
        delay->silent_frames = ra_count_silence(delay->silent_frames, ra_frame_is_silent(to, channels));
        delay->write++;
    }
}

RA_REALTIME static bool ra_delay_is_quiet(const ra_delay *delay)
{
    bool is_gliding = delay->fade.left_frames || delay->feedback.left_frames || delay->mix.left_frames || delay->next_frames != delay->now_frames;
    return !is_gliding && delay->silent_frames >= delay->ring_frames && delay->damped[0] == 0.0 && delay->damped[1] == 0.0;
}

RA_REALTIME static void ra_delay_reset(ra_delay *delay)
{
    if (delay->silent_frames < delay->ring_frames) memset(delay->ring, 0, (size_t)delay->ring_frames * delay->channels * sizeof(float));
    delay->silent_frames = UINT32_MAX;
    delay->damped[0] = delay->damped[1] = 0.0;
    delay->old_frames = delay->now_frames = delay->next_frames;
    ra_glide_hold(&delay->fade, 1.0f);
    ra_glide_land(&delay->feedback);
    ra_glide_land(&delay->mix);
}

/* ---- chorus ---- */

/* Three voices a channel, each a tap that wanders: d(t) = 15 ms + depth sin(2 pi (rate t + v/3 + side/4)), v = 0 1 2,
   side = 0 left, 1 right: a quarter turn apart makes it wide. Wet is their mean. Between frames a cubic through four
   neighbours [LAGRANGE]. The slow sine is a pointer that turns a bit every frame and is set anew from its angle at
   every grid point, so it never drifts; a new rate changes how fast it turns and never where it is. */
#define RA_CHORUS_BASE_S  0.015
#define RA_CHORUS_DEPTH_S 0.010
#define RA_CHORUS_VOICES  3

typedef struct ra_chorus {
    uint32_t channels, sample_rate_hz;
    uint32_t ring_frames, write, grid_left;
    double   rate_hz, turns;                             /* of the slow sine, 0..1 */
    double   sine, cosine, step_sine, step_cosine;       /* the pointer, and what a frame turns it by */
    double   voice_sine[2 * RA_CHORUS_VOICES], voice_cosine[2 * RA_CHORUS_VOICES];    /* of v/3 + side/4 turns */
    ra_glide depth_frames, mix;
    uint32_t silent_frames;
    float   *ring;
} ra_chorus;

static void ra_chorus_destroy(ra_chorus *chorus)
{
    if (!chorus) return;
    RA_FREE(chorus->ring);
    RA_FREE(chorus);
}

static ra_result ra_chorus_create(uint32_t channels, uint32_t sample_rate_hz, ra_chorus **out)
{
    *out = NULL;
    if (channels < 1 || channels > 2 || sample_rate_hz == 0) return RA_BAD_ARGUMENT;
    ra_chorus *chorus = ra_new(1, sizeof *chorus);
    if (!chorus) return RA_NO_MEMORY;
    chorus->channels = channels;
    chorus->sample_rate_hz = sample_rate_hz;
    for (int voice = 0; voice < 2 * RA_CHORUS_VOICES; voice++) {
        double angle = RA_TAU * ((voice >> 1) / (double)RA_CHORUS_VOICES + 0.25 * (voice & 1));
        chorus->voice_sine[voice] = ra_sin(angle);
        chorus->voice_cosine[voice] = ra_cos(angle);
    }
    chorus->silent_frames = UINT32_MAX;
    chorus->ring_frames = ra_ring_frames((RA_CHORUS_BASE_S + RA_CHORUS_DEPTH_S) * sample_rate_hz + 8.0);
    chorus->ring = ra_new((uint64_t)chorus->ring_frames * channels, sizeof(float));
    if (!chorus->ring) { ra_chorus_destroy(chorus); return RA_NO_MEMORY; }
    *out = chorus;
    return RA_OK;
}

static uint32_t ra_chorus_latency_frames(const ra_chorus *chorus) { (void)chorus; return 0; }

RA_REALTIME static void ra_chorus_set(ra_chorus *chorus, const double value[6], bool is_fresh)
{
    uint32_t rate = chorus->sample_rate_hz;
    chorus->rate_hz = value[0];
    ra_glide_set(&chorus->depth_frames, ra_clamp(value[1] * 0.001, 0.0, RA_CHORUS_DEPTH_S) * rate, rate, is_fresh);
    ra_glide_set(&chorus->mix, value[2], rate, is_fresh);
}

RA_REALTIME static void ra_chorus_grid_point(ra_chorus *chorus)
{
    double angle = RA_TAU * chorus->turns, step = RA_TAU * chorus->rate_hz / chorus->sample_rate_hz;
    chorus->sine = ra_sin(angle);
    chorus->cosine = ra_cos(angle);
    chorus->step_sine = ra_sin(step);
    chorus->step_cosine = ra_cos(step);
    double turns = chorus->turns + chorus->rate_hz * RA_GRID_FRAMES / chorus->sample_rate_hz;
    chorus->turns = turns - ra_floor(turns);             /* where it will be at the next one */
    chorus->grid_left = RA_GRID_FRAMES;
}

/* Sound of one channel as it was so many frames ago, at least two. */
RA_REALTIME RA_INLINE float ra_chorus_tap(const ra_chorus *chorus, double delay_frames, uint32_t channel)
{
    uint32_t channels = chorus->channels, mask = chorus->ring_frames - 1, whole = (uint32_t)delay_frames;
    float f = (float)(delay_frames - whole);
    uint32_t at = chorus->write - whole;
    float a = chorus->ring[((at + 1) & mask) * channels + channel], b = chorus->ring[(at & mask) * channels + channel];
    float c = chorus->ring[((at - 1) & mask) * channels + channel], d = chorus->ring[((at - 2) & mask) * channels + channel];
    float up = f + 1.0f, down = f - 1.0f, far = f - 2.0f;
    return (a * (f * down * far) * (-1.0f / 6) + b * (up * down * far) * 0.5f) + (c * (up * f * far) * -0.5f + d * (up * f * down) * (1.0f / 6));
}

RA_REALTIME static void ra_chorus_process(ra_chorus *chorus, float *frames, uint32_t frame_count)
{
    uint32_t channels = chorus->channels, mask = chorus->ring_frames - 1;
    double base_frames = RA_CHORUS_BASE_S * chorus->sample_rate_hz + 2.0;
    for (uint32_t frame = 0; frame < frame_count; frame++, frames += channels) {
        if (chorus->grid_left == 0) ra_chorus_grid_point(chorus);
        chorus->grid_left--;
        float mix = ra_glide_next(&chorus->mix), depth = ra_glide_next(&chorus->depth_frames);
        memcpy(chorus->ring + (size_t)(chorus->write & mask) * channels, frames, channels * sizeof(float));
        chorus->silent_frames = ra_count_silence(chorus->silent_frames, ra_frame_is_silent(frames, channels));
        for (uint32_t channel = 0; channel < channels && mix != 0.0f; channel++) {
            float wet = 0.0f;
            for (uint32_t voice = channel; voice < 2 * RA_CHORUS_VOICES; voice += 2) {
                double sine = chorus->sine * chorus->voice_cosine[voice] + chorus->cosine * chorus->voice_sine[voice];
                wet += ra_chorus_tap(chorus, base_frames + depth * sine, channel);
            }
            frames[channel] = ra_mix(frames[channel], wet * (1.0f / RA_CHORUS_VOICES), mix);
        }
        double sine = chorus->sine * chorus->step_cosine + chorus->cosine * chorus->step_sine;
        chorus->cosine = chorus->cosine * chorus->step_cosine - chorus->sine * chorus->step_sine;
        chorus->sine = sine;
        chorus->write++;
    }
}

RA_REALTIME static bool ra_chorus_is_quiet(const ra_chorus *chorus)
{
    return !chorus->mix.left_frames && !chorus->depth_frames.left_frames && chorus->silent_frames >= chorus->ring_frames;
}

RA_REALTIME static void ra_chorus_reset(ra_chorus *chorus)
{
    memset(chorus->ring, 0, (size_t)chorus->ring_frames * chorus->channels * sizeof(float));
    chorus->silent_frames = UINT32_MAX;
    chorus->turns = 0.0;
    chorus->grid_left = 0;
    ra_glide_land(&chorus->depth_frames);
    ra_glide_land(&chorus->mix);
}

/* ---- distortion ---- */

/* wet = tanh(10^(drive/20) x), at four times the rate. tanh's overtones fall by a constant ratio (its nearest pole is
   i pi/2), so at +12 dB those of 5 kHz that fold back from 4x lie below -100 dB. Twice the rate is reached by a long
   half-band filter and four times by a short one, which has all the room up to the images of the first; the way down
   is the short one again, and a low pass that is below -99 dB from 1.02 of Nyquist on. All are flat within 0.01 dB to
   0.89 of Nyquist and of linear phase: wet and dry are mixed in step, at the price of a latency, which
   dry has too, at every mix. */
#define RA_DISTORTION_UP    32         /* weights of each filter */
#define RA_DISTORTION_SHORT 8
#define RA_DISTORTION_DOWN  96
#define RA_DISTORTION_BETA  10.0
#define RA_DISTORTION_RUN   128        /* frames at a time, at most */
/* Each row is known so many frames after the input: a filter sees half of its weights into the future. */
#define RA_DISTORTION_AHEAD_2X   RA_DISTORTION_UP
#define RA_DISTORTION_AHEAD_4X   (RA_DISTORTION_AHEAD_2X + RA_DISTORTION_SHORT / 2)
#define RA_DISTORTION_AHEAD_DOWN (RA_DISTORTION_AHEAD_4X + RA_DISTORTION_SHORT / 2)
#define RA_DISTORTION_LATENCY    (RA_DISTORTION_AHEAD_DOWN + RA_DISTORTION_DOWN / 2 - 1)

/* What a run needs of the runs before it, in frames. Rows: the input, half way between its frames, the four places of
   a frame at the fine rate, already bent, and the two of it at twice the rate on the way down. */
enum { RA_DISTORTION_IN, RA_DISTORTION_HALF, RA_DISTORTION_BENT, RA_DISTORTION_MEAN = RA_DISTORTION_BENT + 4, RA_DISTORTION_ROWS = RA_DISTORTION_MEAN + 2 };
static const uint32_t ra_distortion_past[RA_DISTORTION_ROWS] = {
    RA_DISTORTION_LATENCY, RA_DISTORTION_SHORT, RA_DISTORTION_SHORT, RA_DISTORTION_SHORT, RA_DISTORTION_SHORT, RA_DISTORTION_SHORT,
    RA_DISTORTION_DOWN, RA_DISTORTION_DOWN,
};

typedef struct ra_distortion {
    uint32_t channels, sample_rate_hz;
    float    up[RA_DISTORTION_UP], odd[RA_DISTORTION_SHORT / 2], even[RA_DISTORTION_SHORT / 2], down[2][RA_DISTORTION_DOWN / 2];
    ra_glide drive, mix;
    uint32_t silent_frames;
    float   *row[RA_DISTORTION_ROWS];                    /* pieces of memory; each begins with what has been */
    float   *memory;
    size_t   byte_count;
} ra_distortion;

RA_SMALL_CODE_BEGIN

static void ra_distortion_destroy(ra_distortion *distortion)
{
    if (!distortion) return;
    RA_FREE(distortion->memory);
    RA_FREE(distortion);
}

static ra_result ra_distortion_create(uint32_t channels, uint32_t sample_rate_hz, ra_distortion **out)
{
    *out = NULL;
    if (channels < 1 || channels > 2 || sample_rate_hz == 0) return RA_BAD_ARGUMENT;
    ra_distortion *distortion = ra_new(1, sizeof *distortion);
    if (!distortion) return RA_NO_MEMORY;
    distortion->channels = channels;
    distortion->sample_rate_hz = sample_rate_hz;
    ra_glide_hold(&distortion->drive, 1.0f);
    distortion->silent_frames = UINT32_MAX;
    ra_half_band(distortion->up, NULL, RA_DISTORTION_UP, RA_DISTORTION_BETA);
    ra_half_band(distortion->even, distortion->odd, RA_DISTORTION_SHORT, RA_DISTORTION_BETA);
    /* frames of twice the rate, from the middle on; the means before it are not divided by two yet, and the middle
       is met from both sides */
    double sum = 0.0, weight[RA_DISTORTION_DOWN], half = RA_DISTORTION_DOWN / 2;
    double cutoff = 1.0 - 0.7 * ra_sqrt(RA_DISTORTION_BETA * RA_DISTORTION_BETA + RA_PI * RA_PI) / (half * RA_PI);
    for (int k = 0; k < RA_DISTORTION_DOWN; k++) {
        weight[k] = ra_windowed_sinc(0.5 * k, cutoff, half, RA_DISTORTION_BETA) * (k ? 1.0 : 0.5);
        sum += 4.0 * weight[k];
    }
    for (int k = 0; k < RA_DISTORTION_DOWN; k++) distortion->down[k & 1][k / 2] = (float)(weight[k] / sum);
    uint32_t offset[RA_DISTORTION_ROWS + 1] = { 0 };
    for (int row = 0; row < RA_DISTORTION_ROWS; row++) offset[row + 1] = offset[row] + (ra_distortion_past[row] + RA_DISTORTION_RUN) * channels + RA_FOLD_PAD;
    distortion->byte_count = offset[RA_DISTORTION_ROWS] * sizeof(float);
    distortion->memory = ra_new(1, distortion->byte_count);
    if (!distortion->memory) { ra_distortion_destroy(distortion); return RA_NO_MEMORY; }
    for (int row = 0; row < RA_DISTORTION_ROWS; row++) distortion->row[row] = distortion->memory + offset[row];
    *out = distortion;
    return RA_OK;
}

static uint32_t ra_distortion_latency_frames(const ra_distortion *distortion) { (void)distortion; return RA_DISTORTION_LATENCY; }

RA_REALTIME static void ra_distortion_set(ra_distortion *distortion, const double value[6], bool is_fresh)
{
    ra_glide_set(&distortion->drive, ra_amplitude_from_db(value[0]), distortion->sample_rate_hz, is_fresh);
    ra_glide_set(&distortion->mix, value[1], distortion->sample_rate_hz, is_fresh);
}

RA_SMALL_CODE_END

/* tanh x = m / (m + 2), m = e^2x - 1, four at once and odd to the bit. e^2x = 2^k e^r, |r| <= ln2/2; m is summed without
   its 1, so that small x keep their precision; from 9 on tanh is 1 in float. */
RA_REALTIME RA_INLINE ra_f32x4 ra_tanh4(ra_f32x4 x)
{
    ra_i32x4 sign = (ra_i32x4)x & INT32_MIN, is_large;
    ra_f32x4 size = (ra_f32x4)((ra_i32x4)x & INT32_MAX), nine = ra_splat4(9.0f);
    is_large = (ra_i32x4)(size > nine);
    size = ra_select4(is_large, nine, size);
    ra_f32x4 twice = size + size;
    ra_i32x4 k = __builtin_convertvector(twice * 1.44269504f + 0.5f, ra_i32x4);
    ra_f32x4 whole = __builtin_convertvector(k, ra_f32x4), power = (ra_f32x4)((k + 127) << 23);
    ra_f32x4 r = (twice - whole * 0.693359375f) - whole * -2.12194440e-4f;                       /* ln 2 in two pieces */
    ra_f32x4 sum = (((((r * (1.0f / 5040) + 1.0f / 720) * r + 1.0f / 120) * r + 1.0f / 24) * r + 1.0f / 6) * r + 0.5f) * r * r + r;
    ra_f32x4 m = power * sum + (power - 1.0f);
    return (ra_f32x4)((ra_i32x4)(m / (m + 2.0f)) | sign);
}

/* A run's frames, which lie at the end of the row RA_DISTORTION_IN, become wet. In the names of the rows here a frame n
   has its places n, n + 1/4, n + 1/2 and n + 3/4. */
RA_REALTIME static void ra_distortion_run(ra_distortion *distortion, const float *drive, float *wet, uint32_t count)
{
    enum { PAIRS = RA_DISTORTION_SHORT / 2 };
    const float *even = distortion->even, *odd = distortion->odd;
    uint32_t step = distortion->channels;
    float *row[RA_DISTORTION_ROWS];                      /* where each goes on */
    for (int n = 0; n < RA_DISTORTION_ROWS; n++) row[n] = distortion->row[n] + ra_distortion_past[n] * step;
    float *in = row[RA_DISTORTION_IN], *half = row[RA_DISTORTION_HALF], **bent = row + RA_DISTORTION_BENT, **mean = row + RA_DISTORTION_MEAN;

    const float *x = in - RA_DISTORTION_AHEAD_2X * step;
    ra_fold(distortion->up, RA_DISTORTION_UP, step, x, x + step, NULL, half, count);

    x = in - RA_DISTORTION_AHEAD_4X * step;
    const float *y = half - PAIRS * step;                /* half a frame after x */
    ra_fold(even, PAIRS, step, x, y, NULL, bent[1], count);
    ra_fold(odd, PAIRS, step, y - step, x + step, bent[1], bent[1], count);
    ra_fold(even, PAIRS, step, y, x + step, NULL, bent[3], count);
    ra_fold(odd, PAIRS, step, x, y + step, bent[3], bent[3], count);
    const float *straight[4] = { x, bent[1], y, bent[3] };
    for (int place = 0; place < 4; place++)
        for (uint32_t at = 0; at < count; at += 4) ra_store4(bent[place] + at, ra_tanh4(ra_load4(straight[place] + at) * ra_load4(drive + at)));

    const float *z[4];
    for (int place = 0; place < 4; place++) z[place] = bent[place] - PAIRS * step;
    ra_fold(even, PAIRS, step, z[3] - step, z[1], z[0], mean[0], count);
    ra_fold(odd, PAIRS, step, z[1] - step, z[3], mean[0], mean[0], count);
    ra_fold(even, PAIRS, step, z[1], z[3], z[2], mean[1], count);
    ra_fold(odd, PAIRS, step, z[3] - step, z[1] + step, mean[1], mean[1], count);

    x = mean[0] - (RA_DISTORTION_DOWN / 2 - 1) * step;
    y = mean[1] - (RA_DISTORTION_DOWN / 2 - 1) * step;
    ra_fold(distortion->down[0], RA_DISTORTION_DOWN / 2, step, x, x, NULL, wet, count);
    ra_fold(distortion->down[1], RA_DISTORTION_DOWN / 2, step, y - step, y, wet, wet, count);
}

RA_REALTIME static void ra_distortion_process(ra_distortion *distortion, float *frames, uint32_t frame_count)
{
    uint32_t channels = distortion->channels;
    float drive[2 * RA_DISTORTION_RUN + 4], mix[2 * RA_DISTORTION_RUN + 4], wet[2 * RA_DISTORTION_RUN + RA_FOLD_PAD];
    const float *dry = distortion->row[RA_DISTORTION_IN];
    float *in = distortion->row[RA_DISTORTION_IN] + RA_DISTORTION_LATENCY * channels;
    while (frame_count) {
        uint32_t run = frame_count < RA_DISTORTION_RUN ? frame_count : RA_DISTORTION_RUN, count = run * channels;
        memcpy(in, frames, count * sizeof(float));
        distortion->silent_frames = ra_count_silence_run(distortion->silent_frames, frames, run, channels);
        ra_glide_fill(&distortion->drive, drive, run, channels);
        ra_glide_fill(&distortion->mix, mix, run, channels);
        ra_distortion_run(distortion, drive, wet, count);
        for (uint32_t at = 0; at < count; at += 4) ra_store4(wet + at, ra_mix4(ra_load4(dry + at), ra_load4(wet + at), ra_load4(mix + at)));
        memcpy(frames, wet, count * sizeof(float));
        for (int row = 0; row < RA_DISTORTION_ROWS; row++)
            memmove(distortion->row[row], distortion->row[row] + count, ra_distortion_past[row] * channels * sizeof(float));
        frames += count;
        frame_count -= run;
    }
}

RA_REALTIME static bool ra_distortion_is_quiet(const ra_distortion *distortion)
{
    /* silence has to fill every row, one after the other */
    bool is_empty = distortion->silent_frames >= RA_DISTORTION_LATENCY + RA_DISTORTION_DOWN + 2 * RA_DISTORTION_SHORT;
    return is_empty && !distortion->drive.left_frames && !distortion->mix.left_frames;
}

RA_REALTIME static void ra_distortion_reset(ra_distortion *distortion)
{
    memset(distortion->memory, 0, distortion->byte_count);
    distortion->silent_frames = UINT32_MAX;
    ra_glide_land(&distortion->drive);
    ra_glide_land(&distortion->mix);
}

/* ---- compressor ---- */

/* [GIANNOULIS] feed-forward with a soft knee. With o = level - threshold and s = 1/ratio - 1, all in dB:
     reduction = 0                        2 o < -knee
               = s (o + knee/2)^2 / (2 knee)    |2 o| <= knee
               = s o                      2 o >  knee
   The level is the highest peak, of both channels, in the last 10 to 20 ms: for a tone of 50 Hz or more it stands
   still, so the gain does too, and steady tones are not distorted. Attack and release are time constants: what is
   left of the way to the new reduction after that time is 1/e of it. Every eight frames the gain is
   computed anew and reached in a straight line within the next eight. */
#define RA_COMPRESSOR_STEP   8
#define RA_COMPRESSOR_HOLD_S 0.010

typedef struct ra_compressor {
    uint32_t channels, sample_rate_hz;
    ra_glide threshold_db, slope, knee_db, makeup_db;
    double   attack, release;                            /* what is left after a step, 0..1 */
    uint32_t step_left, hold_steps, hold_done;
    float    peak, held, held_before;                    /* of this step; of this hold; of the one before */
    double   level, level_db;                            /* what the logarithm was taken of, and the logarithm */
    double   reduction_db, gain_db;
    float    gain, gain_slope;                           /* at the end of this step; a frame */
} ra_compressor;

RA_SMALL_CODE_BEGIN

static void ra_compressor_destroy(ra_compressor *compressor) { RA_FREE(compressor); }

RA_REALTIME static void ra_compressor_reset(ra_compressor *compressor)
{
    ra_glide_land(&compressor->threshold_db);
    ra_glide_land(&compressor->slope);
    ra_glide_land(&compressor->knee_db);
    ra_glide_land(&compressor->makeup_db);
    compressor->step_left = 0;
    compressor->hold_done = 0;
    compressor->peak = compressor->held = compressor->held_before = 0.0f;
    compressor->level = 0.0;
    compressor->level_db = -200.0;                       /* silence */
    compressor->reduction_db = 0.0;
    compressor->gain_db = compressor->makeup_db.target;
    compressor->gain = compressor->gain_db == 0.0 ? 1.0f : (float)ra_amplitude_from_db(compressor->gain_db);
    compressor->gain_slope = 0.0f;
}

static ra_result ra_compressor_create(uint32_t channels, uint32_t sample_rate_hz, ra_compressor **out)
{
    *out = NULL;
    if (channels < 1 || channels > 2 || sample_rate_hz == 0) return RA_BAD_ARGUMENT;
    ra_compressor *compressor = ra_new(1, sizeof *compressor);
    if (!compressor) return RA_NO_MEMORY;
    compressor->channels = channels;
    compressor->sample_rate_hz = sample_rate_hz;
    compressor->hold_steps = (uint32_t)(RA_COMPRESSOR_HOLD_S * sample_rate_hz / RA_COMPRESSOR_STEP) + 1;
    ra_compressor_reset(compressor);
    *out = compressor;
    return RA_OK;
}

static uint32_t ra_compressor_latency_frames(const ra_compressor *compressor) { (void)compressor; return 0; }

RA_REALTIME static void ra_compressor_set(ra_compressor *compressor, const double value[6], bool is_fresh)
{
    uint32_t rate = compressor->sample_rate_hz;
    ra_glide_set(&compressor->threshold_db, value[0], rate, is_fresh);
    ra_glide_set(&compressor->slope, 1.0 / (value[1] >= 1.0 ? value[1] : 1.0) - 1.0, rate, is_fresh);
    ra_glide_set(&compressor->knee_db, value[2], rate, is_fresh);
    compressor->attack  = ra_exp(-RA_COMPRESSOR_STEP / (ra_clamp(value[3], 0.01, 1e5) * 0.001 * rate));
    compressor->release = ra_exp(-RA_COMPRESSOR_STEP / (ra_clamp(value[4], 0.01, 1e5) * 0.001 * rate));
    ra_glide_set(&compressor->makeup_db, value[5], rate, is_fresh);
    if (is_fresh) ra_compressor_reset(compressor);
}

RA_SMALL_CODE_END

/* The static curve: what a level is reduced by, 0 or less. */
RA_REALTIME RA_INLINE double ra_compressor_curve(double over_db, double slope, double knee_db)
{
    if (2.0 * over_db <= -knee_db) return 0.0;
    if (2.0 * over_db >= knee_db) return slope * over_db;
    double into = over_db + 0.5 * knee_db;
    return slope * into * into / (2.0 * knee_db);
}

RA_REALTIME static void ra_compressor_step(ra_compressor *compressor)
{
    if (compressor->held < compressor->peak) compressor->held = compressor->peak;
    double level = compressor->held > compressor->held_before ? compressor->held : compressor->held_before;
    if (level != compressor->level) {
        compressor->level = level;
        compressor->level_db = level > 1e-10 ? ra_db_from_amplitude(level) : -200.0;
    }
    compressor->peak = 0.0f;
    if (++compressor->hold_done == compressor->hold_steps) {
        compressor->held_before = compressor->held;
        compressor->held = 0.0f;
        compressor->hold_done = 0;
    }
    double threshold_db = ra_glide_skip(&compressor->threshold_db, RA_COMPRESSOR_STEP), slope = ra_glide_skip(&compressor->slope, RA_COMPRESSOR_STEP);
    double knee_db = ra_glide_skip(&compressor->knee_db, RA_COMPRESSOR_STEP), makeup_db = ra_glide_skip(&compressor->makeup_db, RA_COMPRESSOR_STEP);
    double goal_db = ra_compressor_curve(compressor->level_db - threshold_db, slope, knee_db), left_db = compressor->reduction_db - goal_db;
    left_db *= left_db > 0.0 ? compressor->attack : compressor->release;      /* more reduction to come: attack */
    compressor->reduction_db = ra_abs(left_db) < 1e-6 ? goal_db : goal_db + left_db;

    float before = compressor->gain;
    double gain_db = compressor->reduction_db + makeup_db;
    if (gain_db != compressor->gain_db) compressor->gain = gain_db == 0.0 ? 1.0f : (float)ra_amplitude_from_db(gain_db);
    compressor->gain_db = gain_db;
    compressor->gain_slope = (compressor->gain - before) * (1.0f / RA_COMPRESSOR_STEP);
    compressor->step_left = RA_COMPRESSOR_STEP;
}

RA_REALTIME static void ra_compressor_process(ra_compressor *compressor, float *frames, uint32_t frame_count)
{
    uint32_t channels = compressor->channels;
    while (frame_count) {
        if (compressor->step_left == 0) ra_compressor_step(compressor);
        uint32_t run = compressor->step_left < frame_count ? compressor->step_left : frame_count, count = run * channels, at = 0;
        float last = (float)(compressor->step_left - 1), slope = compressor->gain_slope;         /* frames to the end of the step, at the first */
        ra_f32x4 left = channels == 2 ? (ra_f32x4){ last, last, last - 1, last - 1 } : (ra_f32x4){ last, last - 1, last - 2, last - 3 };
        ra_f32x4 peaks = ra_splat4(compressor->peak);
        for (; at + 4 <= count; at += 4, left -= (float)(4 / channels)) {
            ra_f32x4 x = ra_load4(frames + at);
            peaks = ra_max4(ra_abs4(x), peaks);
            ra_store4(frames + at, x * (compressor->gain - slope * left));                       /* 1 passes bits */
        }
        for (int lane = 0; lane < 4; lane++) if (peaks[lane] > compressor->peak) compressor->peak = peaks[lane];
        for (int lane = 0; at < count; at++, lane++) {
            float size = __builtin_fabsf(frames[at]);
            if (size > compressor->peak) compressor->peak = size;
            frames[at] *= compressor->gain - slope * left[lane];
        }
        compressor->step_left -= run;
        frames += count;
        frame_count -= run;
    }
}

RA_REALTIME static bool ra_compressor_is_quiet(const ra_compressor *compressor)
{
    bool is_gliding = compressor->threshold_db.left_frames || compressor->slope.left_frames || compressor->knee_db.left_frames || compressor->makeup_db.left_frames;
    bool is_at_rest = compressor->reduction_db == 0.0 && compressor->gain_slope == 0.0f && compressor->level == 0.0 && compressor->peak == 0.0f;
    return !is_gliding && is_at_rest;
}

/* ---- limiter ---- */

/* True peak, with look-ahead. What is needed at frame m is a[m] = min(1, ceiling / peak[m]), where peak[m] is the largest
   value of the band-limited curve from frame m to m+1: four places by windowed sinc [KAISER], twice the rate first and
   then twice that, and the top of the parabola through each that is higher than its neighbours (four places alone
   may miss 0.7 dB near Nyquist, with the parabola 0.07). Then
     hold     the least a of the last W frames
     release  r += (1 - r) (1 - exp(-1 / (release rate))), but never above the hold
     ramp     the mean of the last S frames, twice
   As W = 2 S + 2 reach, every frame within reach of a peak has at most its a: the gain stands still there, for a
   gain that moves within the reach of a sinc would make new peaks. Peaks between frames are taken a little larger than they
   look. Gains are whole numbers of 2^-30: sums of those
   are exact however long they run, and 1 comes back as 1, so what needs no limiting passes bit for bit. */
#define RA_LIMITER_LONG   32           /* weights to twice the rate; with 16 noise at +12 dB overshot by 0.7 dB, with 32 by 0.04 */
#define RA_LIMITER_SHORT  4            /* from there on */
#define RA_LIMITER_LONG_BETA  3.0
#define RA_LIMITER_SHORT_BETA 6.0
#define RA_LIMITER_AHEAD  (RA_LIMITER_LONG + RA_LIMITER_SHORT / 2)     /* the curve is known so many frames later */
#define RA_LIMITER_REACH  16
#define RA_LIMITER_RAMP_S 0.004        /* with 1.2 ms meters found noise at +12 dB 0.4 dB over */
#define RA_LIMITER_CARE   1.0175f      /* 0.15 dB: between the frames, near Nyquist, no two meters agree */
#define RA_LIMITER_ONE    (1u << 30)
#define RA_LIMITER_RUN    128          /* frames at a time, at most */

typedef struct ra_limiter {
    uint32_t channels, sample_rate_hz;
    uint32_t ramp_frames, ramp_shift;                    /* S, a power of two, and which */
    uint32_t hold_frames, latency_frames;                /* W, and what the frames wait */
    uint32_t past_frames;                                /* that are kept: at low rates the sinc wants more than the latency */
    uint32_t now;                                        /* where in the ramps */
    ra_glide ceiling;
    uint64_t release;                                    /* share of the way back to 1 a frame, times 2^32 */
    float    to_half[RA_LIMITER_LONG], even[RA_LIMITER_SHORT / 2], odd[RA_LIMITER_SHORT / 2];
    uint32_t released;
    uint64_t sum[2];                                     /* of the two ramps */
    uint32_t silent_frames;
    /* Frames on their way, what was the ceiling then, the curve at 2/4 and 3/4, and what gain was needed; each begins
       with what the next run needs of the last: past_frames, as many, RA_LIMITER_SHORT, 1 and hold_frames. */
    float   *frames, *ceilings, *half, *last, *needed;
    float   *held;                                       /* room for the least of needed */
    uint32_t *ramps[2];
    void    *memory;                                     /* all of them */
} ra_limiter;

RA_SMALL_CODE_BEGIN

static void ra_limiter_destroy(ra_limiter *limiter)
{
    if (!limiter) return;
    RA_FREE(limiter->memory);
    RA_FREE(limiter);
}

/* The last ceiling holds for all that was. */
RA_REALTIME static void ra_limiter_hold_ceiling(ra_limiter *limiter)
{
    ra_glide_land(&limiter->ceiling);
    for (uint32_t at = 0; at < limiter->past_frames * limiter->channels; at++) limiter->ceilings[at] = limiter->ceiling.target;
}

RA_REALTIME static void ra_limiter_reset(ra_limiter *limiter)
{
    uint32_t channels = limiter->channels;
    memset(limiter->frames, 0, limiter->past_frames * channels * sizeof(float));
    memset(limiter->half, 0, RA_LIMITER_SHORT * channels * sizeof(float));
    memset(limiter->last, 0, channels * sizeof(float));
    ra_limiter_hold_ceiling(limiter);
    for (uint32_t frame = 0; frame < limiter->hold_frames; frame++) limiter->needed[frame] = 1.0f;
    for (int ramp = 0; ramp < 2; ramp++) {
        for (uint32_t frame = 0; frame < limiter->ramp_frames; frame++) limiter->ramps[ramp][frame] = RA_LIMITER_ONE;
        limiter->sum[ramp] = (uint64_t)RA_LIMITER_ONE << limiter->ramp_shift;
    }
    limiter->released = RA_LIMITER_ONE;
    limiter->now = 0;
    limiter->silent_frames = UINT32_MAX;
}

static ra_result ra_limiter_create(uint32_t channels, uint32_t sample_rate_hz, ra_limiter **out)
{
    *out = NULL;
    if (channels < 1 || channels > 2 || sample_rate_hz == 0) return RA_BAD_ARGUMENT;
    ra_limiter *limiter = ra_new(1, sizeof *limiter);
    if (!limiter) return RA_NO_MEMORY;
    limiter->channels = channels;
    limiter->sample_rate_hz = sample_rate_hz;
    limiter->ramp_frames = ra_ring_frames(RA_LIMITER_RAMP_S * sample_rate_hz);
    while (1u << limiter->ramp_shift < limiter->ramp_frames) limiter->ramp_shift++;
    limiter->hold_frames = 2 * (limiter->ramp_frames + RA_LIMITER_REACH);
    limiter->latency_frames = 2 * limiter->ramp_frames - 2 + RA_LIMITER_REACH + RA_LIMITER_AHEAD;
    limiter->past_frames = limiter->latency_frames < 2 * RA_LIMITER_LONG ? 2 * RA_LIMITER_LONG : limiter->latency_frames;
    ra_half_band(limiter->to_half, NULL, RA_LIMITER_LONG, RA_LIMITER_LONG_BETA);
    ra_half_band(limiter->even, limiter->odd, RA_LIMITER_SHORT, RA_LIMITER_SHORT_BETA);
    uint64_t run = RA_LIMITER_RUN * channels + RA_FOLD_PAD, past = (uint64_t)limiter->past_frames * channels + run;
    uint64_t half = RA_LIMITER_SHORT * channels + run, last = channels + run, hold = limiter->hold_frames + run;
    limiter->memory = ra_new(2 * past + half + last + 2 * hold + 2 * (uint64_t)limiter->ramp_frames, sizeof(float));
    if (!limiter->memory) { ra_limiter_destroy(limiter); return RA_NO_MEMORY; }
    limiter->frames = limiter->memory;
    limiter->ceilings = limiter->frames + past;
    limiter->half = limiter->ceilings + past;
    limiter->last = limiter->half + half;
    limiter->needed = limiter->last + last;
    limiter->held = limiter->needed + hold;
    limiter->ramps[0] = (uint32_t *)(limiter->held + hold);
    limiter->ramps[1] = limiter->ramps[0] + limiter->ramp_frames;
    ra_glide_hold(&limiter->ceiling, 1.0f);
    ra_limiter_reset(limiter);
    *out = limiter;
    return RA_OK;
}

static uint32_t ra_limiter_latency_frames(const ra_limiter *limiter) { return limiter->latency_frames; }

RA_REALTIME static void ra_limiter_set(ra_limiter *limiter, const double value[6], bool is_fresh)
{
    double amplitude = ra_amplitude_from_db(value[0]);
    float ceiling = (float)amplitude;
    if ((double)ceiling > amplitude) ceiling -= ceiling * 0x1p-24f;             /* rounded down: never above */
    ra_glide_set(&limiter->ceiling, ceiling, limiter->sample_rate_hz, is_fresh);
    limiter->release = (uint64_t)((1.0 - ra_exp(-1.0 / (ra_clamp(value[1], 0.01, 1e6) * 0.001 * limiter->sample_rate_hz))) * 4294967296.0);
    if (is_fresh) ra_limiter_hold_ceiling(limiter);
}

RA_SMALL_CODE_END

/* How high the parabola through a, b and c, four of them at once, goes between a and c when b is its highest point; else b. */
RA_REALTIME RA_INLINE ra_f32x4 ra_limiter_top(ra_f32x4 a, ra_f32x4 b, ra_f32x4 c)
{
    ra_f32x4 bend = a - 2.0f * b + c, tilt = c - a, size = ra_abs4(b);           /* top = b - tilt^2 / (8 bend) */
    ra_i32x4 is_top = (ra_i32x4)(ra_abs4(a) <= size) & (ra_i32x4)(ra_abs4(c) <= size) & (ra_i32x4)(bend != 0.0f);
    return ra_select4(is_top, ra_abs4(b - tilt * tilt / (8.0f * bend)), size);
}

/* What gain the curve from each frame to the next needs in its channel, RA_LIMITER_AHEAD frames ago, for a run whose frames
   lie at the end of limiter->frames. Says whether there is any but 1. */
RA_REALTIME static bool ra_limiter_look(ra_limiter *limiter, float *gains, uint32_t count)
{
    enum { PAIRS = RA_LIMITER_SHORT / 2 };
    uint32_t step = limiter->channels;
    float quarter[2 * RA_LIMITER_RUN + RA_FOLD_PAD], *half = limiter->half + RA_LIMITER_SHORT * step, *last = limiter->last + step;
    const float *x = limiter->frames + (limiter->past_frames - RA_LIMITER_LONG) * step;
    const float *ceilings = limiter->ceilings + (limiter->past_frames - RA_LIMITER_AHEAD) * step;
    ra_fold(limiter->to_half, RA_LIMITER_LONG, step, x, x + step, NULL, half, count);
    x -= PAIRS * step;
    half -= PAIRS * step;
    ra_fold(limiter->even, PAIRS, step, x, half, NULL, quarter, count);
    ra_fold(limiter->odd, PAIRS, step, half - step, x + step, quarter, quarter, count);
    ra_fold(limiter->even, PAIRS, step, half, x + step, NULL, last, count);
    ra_fold(limiter->odd, PAIRS, step, x, half + step, last, last, count);
    float least = 1.0f;
    for (uint32_t at = 0; at < count; at += 4) {
        ra_f32x4 ceiling = ra_load4(ceilings + at), gain = ra_splat4(1.0f), a = ra_load4(x + at), b = ra_load4(quarter + at), c = ra_load4(half + at), d = ra_load4(last + at);
        ra_f32x4 peak = ra_max4(ra_max4(ra_abs4(a), ra_abs4(b)), ra_max4(ra_abs4(c), ra_abs4(d)));
        if (ra_any4((ra_i32x4)(1.25f * RA_LIMITER_CARE * peak > ceiling))) {      /* a parabola's top is at most a quarter higher */
            const ra_f32x4 curve[6] = { ra_load4(last + at - step), a, b, c, d, ra_load4(x + at + step) };
            for (int place = 0; place < 4; place++) peak = ra_max4(peak, ra_limiter_top(curve[place], curve[place + 1], curve[place + 2]));
            peak = ra_max4(ra_abs4(a), peak * ra_splat4(RA_LIMITER_CARE));
            gain = ra_select4((ra_i32x4)(peak > ceiling), ceiling / peak, gain);
            for (uint32_t lane = 0; lane < 4 && at + lane < count; lane++) least = gain[lane] < least ? gain[lane] : least;
        }
        ra_store4(gains + at, gain);
    }
    return least < 1.0f;
}

/* The least needed gain of the hold_frames that end with each frame of a run: of twice as many from of so many, until the
   rest is less than as many again. */
RA_REALTIME static void ra_limiter_hold(ra_limiter *limiter, uint32_t frame_count)
{
    uint32_t width = 1, wanted = limiter->hold_frames;
    float *least = limiter->held;
    memcpy(least, limiter->needed + 1, (wanted + frame_count - 1) * sizeof(float));
    while (width < wanted) {
        uint32_t more = 2 * width <= wanted ? width : wanted - width, left = wanted - width - more + frame_count;
        for (uint32_t at = 0; at < left; at += 4) ra_store4(least + at, ra_min4(ra_load4(least + at), ra_load4(least + at + more)));
        width += more;
    }
}

/* The gain of the frame that leaves, when the least that is held for it is so much. */
RA_REALTIME RA_INLINE float ra_limiter_gain(ra_limiter *limiter, float held_gain)
{
    uint32_t held = (uint32_t)(int32_t)(held_gain * (float)RA_LIMITER_ONE), gain = limiter->released;
    gain += (uint32_t)((RA_LIMITER_ONE - gain) * limiter->release >> 32) + 1;    /* + 1: it does arrive */
    limiter->released = gain = gain < held ? gain : held;
    for (int ramp = 0; ramp < 2; ramp++) {
        uint32_t *oldest = &limiter->ramps[ramp][limiter->now & (limiter->ramp_frames - 1)];
        limiter->sum[ramp] += (uint64_t)gain - *oldest;
        *oldest = gain;
        gain = (uint32_t)(limiter->sum[ramp] >> limiter->ramp_shift);
    }
    limiter->now++;
    return (float)(int32_t)gain * (1.0f / RA_LIMITER_ONE);
}

/* The gain is 1 and has been for so long that it stays. */
RA_REALTIME static bool ra_limiter_is_open(const ra_limiter *limiter)
{
    return limiter->released == RA_LIMITER_ONE && limiter->sum[0] == (uint64_t)RA_LIMITER_ONE << limiter->ramp_shift && limiter->sum[1] == limiter->sum[0];
}

RA_REALTIME static void ra_limiter_process(ra_limiter *limiter, float *frames, uint32_t frame_count)
{
    uint32_t channels = limiter->channels, past = limiter->past_frames * channels, hold = limiter->hold_frames;
    const float *leaving = limiter->frames + past - limiter->latency_frames * channels, *limits = limiter->ceilings + past - limiter->latency_frames * channels;
    float gains[2 * RA_LIMITER_RUN + RA_FOLD_PAD];
    while (frame_count) {
        uint32_t run = frame_count < RA_LIMITER_RUN ? frame_count : RA_LIMITER_RUN, count = run * channels;
        memcpy(limiter->frames + past, frames, count * sizeof(float));
        ra_glide_fill(&limiter->ceiling, limiter->ceilings + past, run, channels);
        limiter->silent_frames = ra_count_silence_run(limiter->silent_frames, frames, run, channels);
        bool is_needed = ra_limiter_look(limiter, gains, count);
        for (uint32_t frame = 0, at = 0; frame < run; frame++, at += channels)
            limiter->needed[hold + frame] = gains[at] < gains[at + channels - 1] ? gains[at] : gains[at + channels - 1];
        if (is_needed || !ra_limiter_is_open(limiter)) {
            ra_limiter_hold(limiter, run);
            for (uint32_t frame = 0, at = 0; frame < run; frame++, at += channels) gains[at] = gains[at + channels - 1] = ra_limiter_gain(limiter, limiter->held[frame]);
        }                                                /* else all gains are 1, here and in every ramp */
        for (uint32_t at = 0; at < count; at += 4) {
            ra_f32x4 limit = ra_load4(limits + at), y = ra_load4(leaving + at) * ra_load4(gains + at);
            ra_store4(gains + at, ra_select4((ra_i32x4)(y > limit), limit, ra_select4((ra_i32x4)(y < -limit), -limit, y)));    /* cuts no more than a rounding */
        }
        memcpy(frames, gains, count * sizeof(float));
        memmove(limiter->frames, limiter->frames + count, past * sizeof(float));
        memmove(limiter->ceilings, limiter->ceilings + count, past * sizeof(float));
        memmove(limiter->half, limiter->half + count, RA_LIMITER_SHORT * channels * sizeof(float));
        memmove(limiter->last, limiter->last + count, channels * sizeof(float));
        memmove(limiter->needed, limiter->needed + run, hold * sizeof(float));
        frames += count;
        frame_count -= run;
    }
}

RA_REALTIME static bool ra_limiter_is_quiet(const ra_limiter *limiter)
{
    return !limiter->ceiling.left_frames && limiter->silent_frames >= limiter->latency_frames + RA_LIMITER_LONG && ra_limiter_is_open(limiter);
}

/* ---- reverb ---- */

/* A feedback delay network [JOT]: sixteen delay lines, of prime lengths from 15 to 83 ms in equal ratios, each through a
   one-pole low pass, then all through a Hadamard matrix / 4, which keeps the energy, back into the lines. A line of D
   frames loses g = 10^(-3 D / (rt60 rate)) a round at 1 kHz, so that every path has lost 60 dB there after rt60. At
   8 kHz the decay takes 0.7 of that: k = g^(1/0.7 - 1) more a round, and for one pole a with |H(w)| = k, c = cos w:
     a = (B - sqrt(B^2 - A^2)) / A,  A = 1 - k^2,  B = 1 - k^2 c
   What goes in has lost its brilliance to two poles at 5 kHz, as in a room where air and walls take it. Left goes into
   the even lines and comes out of them, right the odd ones; after one round they are one room. Wet is as loud as dry,
   for sound below the 5 kHz, at every rt60: lines of power p hold sum(1 - g^2) p = what comes in. No modulation: there
   are 0.66 modes a Hz, so that up to an rt60 of 4 s [SCHROEDER]'s 0.15 rt60 is kept, and pitch stays what it is. */
#define RA_REVERB_LINES     16
#define RA_REVERB_SHORT_S   0.015
#define RA_REVERB_LONG_S    0.083
#define RA_REVERB_TONE_HZ   5000.0
#define RA_REVERB_KNOB_HZ   1000.0
#define RA_REVERB_DAMP_HZ   8000.0
#define RA_REVERB_DAMP      0.7
#define RA_REVERB_RUN       128        /* frames at a time, at most */

typedef struct { ra_f32x4 pass[RA_REVERB_LINES / 4], keep[RA_REVERB_LINES / 4]; } ra_reverb_losses;    /* y = pass x + keep y' */

typedef struct ra_reverb {
    uint32_t channels, sample_rate_hz;
    uint32_t length[RA_REVERB_LINES], at[RA_REVERB_LINES], longest;
    float   *line[RA_REVERB_LINES];                      /* pieces of memory */
    double   rt60_s;
    ra_reverb_losses losses, goal, slope;                /* now, after the glide, a frame */
    uint32_t glide_left;
    ra_f32x4 damped[RA_REVERB_LINES / 4];
    float    tone_pass;
    ra_f32x4 tone[2];                                    /* what the two poles before the lines remember */
    ra_glide level, mix;
    uint32_t silent_frames;
    float   *memory;
} ra_reverb;

/* Signs of what goes into the lines and of what comes out. */
static const float ra_reverb_in[RA_REVERB_LINES]  = { 1, 1, 1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1, -1, 1, -1 };
static const float ra_reverb_out[RA_REVERB_LINES] = { 1, 1, -1, 1, 1, -1, 1, -1, -1, 1, -1, -1, 1, -1, 1, 1 };

RA_SMALL_CODE_BEGIN

static void ra_reverb_destroy(ra_reverb *reverb)
{
    if (!reverb) return;
    RA_FREE(reverb->memory);
    RA_FREE(reverb);
}

static ra_result ra_reverb_create(uint32_t channels, uint32_t sample_rate_hz, ra_reverb **out)
{
    *out = NULL;
    if (channels < 1 || channels > 2 || sample_rate_hz == 0) return RA_BAD_ARGUMENT;
    ra_reverb *reverb = ra_new(1, sizeof *reverb);
    if (!reverb) return RA_NO_MEMORY;
    reverb->channels = channels;
    reverb->sample_rate_hz = sample_rate_hz;
    double frames = RA_REVERB_SHORT_S * sample_rate_hz, ratio = ra_exp(ra_log(RA_REVERB_LONG_S / RA_REVERB_SHORT_S) / (RA_REVERB_LINES - 1));
    uint64_t total = 0;
    uint32_t length = 32;                                /* at least, at any rate */
    for (int line = 0; line < RA_REVERB_LINES; line++, frames *= ratio) {
        length = frames > length + 1.0 ? (uint32_t)frames : length + 1;
        for (uint32_t divisor = 2; divisor * divisor <= length; divisor++)
            if (length % divisor == 0) { length++; divisor = 1; }
        reverb->length[line] = reverb->longest = length;
        total += length;
    }
    reverb->tone_pass = (float)(1.0 - ra_exp(-RA_TAU * RA_REVERB_TONE_HZ / sample_rate_hz));
    reverb->silent_frames = UINT32_MAX;
    reverb->memory = ra_new(total + 4, sizeof(float));       /* the last line may be read past its end */
    if (!reverb->memory) { ra_reverb_destroy(reverb); return RA_NO_MEMORY; }
    float *piece = reverb->memory;
    for (int line = 0; line < RA_REVERB_LINES; line++) { reverb->line[line] = piece; piece += reverb->length[line]; }
    *out = reverb;
    return RA_OK;
}

static uint32_t ra_reverb_latency_frames(const ra_reverb *reverb) { (void)reverb; return 0; }

RA_REALTIME static void ra_reverb_set(ra_reverb *reverb, const double value[6], bool is_fresh)
{
    uint32_t rate = reverb->sample_rate_hz, glide_frames = (uint32_t)(RA_GLIDE_S * rate);
    ra_glide_set(&reverb->mix, value[1], rate, is_fresh);
    if (reverb->rt60_s != value[0]) {
        reverb->rt60_s = value[0];
        double hz = RA_REVERB_DAMP_HZ < 0.45 * rate ? RA_REVERB_DAMP_HZ : 0.45 * rate, c = ra_cos(RA_TAU * hz / rate), lost = 0.0;
        double middle = ra_cos(RA_TAU * (RA_REVERB_KNOB_HZ < 0.05 * rate ? RA_REVERB_KNOB_HZ : 0.05 * rate) / rate);
        for (uint32_t line = 0; line < RA_REVERB_LINES; line++) {
            double g_db = -60.0 * reverb->length[line] / (ra_clamp(value[0], 0.01, 1000.0) * rate);
            double g = ra_amplitude_from_db(g_db), k = ra_amplitude_from_db(g_db * (1.0 / RA_REVERB_DAMP - 1.0));
            double A = 1.0 - k * k, B = 1.0 - k * k * c, a = (B - ra_sqrt(B * B - A * A)) / A;
            reverb->goal.pass[line / 4][line % 4] = (float)(g * ra_sqrt(1.0 - 2.0 * a * middle + a * a));
            reverb->goal.keep[line / 4][line % 4] = (float)a;
            lost += 1.0 - g * g;
        }
        uint32_t lines_out = RA_REVERB_LINES / reverb->channels;
        ra_glide_set(&reverb->level, ra_sqrt(lost / (RA_REVERB_LINES * lines_out)), rate, is_fresh);
        reverb->glide_left = glide_frames;
        for (int quad = 0; quad < RA_REVERB_LINES / 4; quad++) {
            ra_f32x4 share = ra_splat4(1.0f / (float)(glide_frames ? glide_frames : 1));
            reverb->slope.pass[quad] = (reverb->goal.pass[quad] - reverb->losses.pass[quad]) * share;
            reverb->slope.keep[quad] = (reverb->goal.keep[quad] - reverb->losses.keep[quad]) * share;
        }
    }
    if (is_fresh || glide_frames == 0) {
        ra_glide_land(&reverb->level);
        reverb->losses = reverb->goal;
        reverb->glide_left = 0;
    }
}

RA_SMALL_CODE_END

/* Rows become columns. */
RA_REALTIME RA_INLINE void ra_transpose4(ra_f32x4 v[4])
{
    ra_f32x4 a = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5), b = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7);
    ra_f32x4 c = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5), d = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
    v[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
    v[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
    v[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
    v[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}

/* Sums and differences of neighbours and of pairs, H4. Within the quads and over them it is H16 without its 1/4. */
RA_REALTIME RA_INLINE void ra_reverb_hadamard(ra_f32x4 *a, ra_f32x4 *b, ra_f32x4 *c, ra_f32x4 *d)
{
    ra_f32x4 sum = *a + *b, difference = *a - *b, far_sum = *c + *d, far_difference = *c - *d;
    *a = sum + far_sum;
    *b = difference + far_difference;
    *c = sum - far_sum;
    *d = difference - far_difference;
}

/* Up to four frames at once: left and right of in to left and right of out. A vector is four frames of one line, but for
   the low pass, which goes from frame to frame, and there it is four lines. What comes out of the lines at place
   is replaced by what goes in. Lanes past frame_count are computed and forgotten. Gives the bits of all that is there then. */
RA_REALTIME RA_INLINE ra_i32x4 ra_reverb_frames(ra_reverb *reverb, float *const place[RA_REVERB_LINES], uint32_t at, uint32_t frame_count,
                                                const ra_f32x4 in[2], ra_f32x4 out[2])
{
    ra_f32x4 v[RA_REVERB_LINES];
    ra_i32x4 any = { 0 }, is_wanted = (ra_i32x4){ 0, 1, 2, 3 } < (int32_t)frame_count;
    out[0] = out[1] = ra_splat4(0.0f);
    for (int quad = 0; quad < 4; quad++) {
        ra_f32x4 *lines = v + 4 * quad, kept[4], state = reverb->damped[quad], pass = reverb->losses.pass[quad], keep = reverb->losses.keep[quad];
        RA_UNROLL_4
        for (int n = 0; n < 4; n++) {
            lines[n] = ra_load4(place[4 * quad + n] + at);
            out[n & 1] += lines[n] * ra_reverb_out[4 * quad + n];
        }
        ra_transpose4(lines);
        RA_UNROLL_4
        for (int frame = 0; frame < 4; frame++) lines[frame] = kept[frame] = state = ra_end_tail4(pass * lines[frame] + keep * state);
        reverb->damped[quad] = frame_count == 4 ? state : kept[frame_count - 1];
        ra_transpose4(lines);
        ra_reverb_hadamard(&lines[0], &lines[1], &lines[2], &lines[3]);
    }
    for (int n = 0; n < 4; n++) {
        ra_reverb_hadamard(&v[n], &v[n + 4], &v[n + 8], &v[n + 12]);
        RA_UNROLL_4
        for (int quad = 0; quad < 4; quad++) {
            int line = 4 * quad + n;
            ra_f32x4 to = v[line] * 0.25f + in[n & 1] * ra_reverb_in[line];
            if (frame_count < 4) to = ra_select4(is_wanted, to, ra_load4(place[line] + at));
            ra_store4(place[line] + at, to);
            any |= (ra_i32x4)to;
        }
    }
    return any;
}

/* Two poles, one frame after the other, as left and right of four frames. */
RA_REALTIME RA_INLINE void ra_reverb_tone(ra_reverb *reverb, const float *frames, uint32_t frame_count, ra_f32x4 in[2])
{
    ra_f32x4 pass = ra_splat4(reverb->tone_pass), toned[4] = { 0 };
    for (uint32_t frame = 0; frame < frame_count; frame++, frames += reverb->channels) {
        float left = frames[0], right = frames[reverb->channels - 1];
        ra_f32x4 x = { left, right, left, right };
        reverb->tone[0] = ra_end_tail4(reverb->tone[0] + pass * (x - reverb->tone[0]));
        reverb->tone[1] = toned[frame] = ra_end_tail4(reverb->tone[1] + pass * (reverb->tone[0] - reverb->tone[1]));
    }
    ra_transpose4(toned);
    in[0] = toned[0];
    in[1] = toned[1];
}

RA_REALTIME static void ra_reverb_glide(ra_reverb *reverb)
{
    for (int quad = 0; quad < RA_REVERB_LINES / 4; quad++) {
        reverb->losses.pass[quad] += reverb->slope.pass[quad];
        reverb->losses.keep[quad] += reverb->slope.keep[quad];
    }
    if (--reverb->glide_left == 0) reverb->losses = reverb->goal;
}

RA_REALTIME static void ra_reverb_process(ra_reverb *reverb, float *frames, uint32_t frame_count)
{
    float level[2 * RA_REVERB_RUN + 4], mix[2 * RA_REVERB_RUN + 4], dry[2 * RA_REVERB_RUN + 4], wet[2 * RA_REVERB_RUN + 8];
    uint32_t channels = reverb->channels;
    while (frame_count) {
        uint32_t run = frame_count < RA_REVERB_RUN ? frame_count : RA_REVERB_RUN;
        float *place[RA_REVERB_LINES];
        for (int line = 0; line < RA_REVERB_LINES; line++) {                     /* to the end of the first line that comes to its end */
            uint32_t left = reverb->length[line] - reverb->at[line];
            place[line] = reverb->line[line] + reverb->at[line];
            if (left < run) run = left;
        }
        uint32_t count = run * channels;
        ra_i32x4 any = { 0 };
        memcpy(dry, frames, count * sizeof(float));
        ra_glide_fill(&reverb->level, level, run, channels);
        ra_glide_fill(&reverb->mix, mix, run, channels);
        for (uint32_t frame = 0, now; frame < run; frame += now) {
            ra_f32x4 in[2], out[2];
            now = reverb->glide_left ? 1 : run - frame < 4 ? run - frame : 4;
            if (reverb->glide_left) ra_reverb_glide(reverb);
            ra_reverb_tone(reverb, dry + frame * channels, now, in);
            any |= ra_reverb_frames(reverb, place, frame, now, in, out);
            float *to = wet + frame * channels;
            if (channels == 1) { ra_store4(to, out[0] + out[1]); continue; }
            ra_store4(to, __builtin_shufflevector(out[0], out[1], 0, 4, 1, 5));
            ra_store4(to + 4, __builtin_shufflevector(out[0], out[1], 2, 6, 3, 7));
        }
        for (uint32_t at = 0; at < count; at += 4) ra_store4(wet + at, ra_mix4(ra_load4(dry + at), ra_load4(wet + at) * ra_load4(level + at), ra_load4(mix + at)));
        memcpy(frames, wet, count * sizeof(float));
        bool is_silent = !ra_any4(any & INT32_MAX);      /* minus zero is silence too */
        reverb->silent_frames = !is_silent ? 0 : reverb->silent_frames > UINT32_MAX - run ? UINT32_MAX : reverb->silent_frames + run;
        for (int line = 0; line < RA_REVERB_LINES; line++) {
            reverb->at[line] += run;
            if (reverb->at[line] == reverb->length[line]) reverb->at[line] = 0;
        }
        frames += count;
        frame_count -= run;
    }
}

RA_REALTIME static bool ra_reverb_is_quiet(const ra_reverb *reverb)
{
    bool is_gliding = reverb->glide_left || reverb->level.left_frames || reverb->mix.left_frames, is_empty = reverb->silent_frames > reverb->longest;
    for (int line = 0; is_empty && line < RA_REVERB_LINES; line++) is_empty = reverb->damped[line / 4][line % 4] == 0.0f;
    return is_empty && !is_gliding;
}

RA_REALTIME static void ra_reverb_reset(ra_reverb *reverb)
{
    for (int line = 0; line < RA_REVERB_LINES; line++) {
        if (reverb->silent_frames <= reverb->longest) memset(reverb->line[line], 0, reverb->length[line] * sizeof(float));
        reverb->at[line] = 0;
    }
    memset(reverb->damped, 0, sizeof reverb->damped);
    memset(reverb->tone, 0, sizeof reverb->tone);
    reverb->silent_frames = UINT32_MAX;
    reverb->losses = reverb->goal;
    reverb->glide_left = 0;
    ra_glide_land(&reverb->level);
    ra_glide_land(&reverb->mix);
}

/* ---- convolve ---- */

/* The sound of a room that somebody has measured: wet = h * x, the linear convolution with an impulse response h, and
   not a frame late. h is brought to the chain's rate, freed of the zeros at its end and scaled so that the louder of its
   channels has the energy 1: then noise is as loud wet as dry.

   Its first 64 values are summed as they stand. The rest is multiplied in spectra, in partitions that grow with their
   distance [GARDNER]: 64, 256, 1024 ... values. Every 64 frames are a slot, the smallest block. A block of B frames
   is known when its last frame is; with the smallest partitions the result is made there and then, for they begin at
   value B. The larger ones begin at 2 B, so there is a whole block of time until their result is due, and each slot
   does an equal share of that work.

   The transform. Block and partition of B values are zero beyond; their product x h of length 2 B is the same modulo
   z^2B + 1, that is at the 2 B roots of -1. Half of these suffice, for real x has conjugates at the others:
     X[l] = sum over n < B of (x[n] - i x[n+B]) w^n exp(-2 pi i n l / B),   w = exp(-i pi / 2B),   x[n+B] = 0
   a complex transform of length B, and backwards (y[n] - i y[n+B]) comes out: both halves of the result at once.
   Nobody asks for the order of the bins, so nothing is ever sorted. The first pass, of length 4, leaves four transforms
   of length B/4 side by side, one in each lane; the later ones work on columns of four lanes (re re re re im im im im)
   in place. On the way back re and im trade places, and the same twiddles serve. */
enum { RA_CONVOLVE_SLOT = 64, RA_CONVOLVE_LEVELS = 5, RA_CONVOLVE_PASS_COST = 2, RA_CONVOLVE_TWIST = 56, RA_RESPONSE_RUN = 1 << 17 };

/* A group is what one step of a loop turns: four columns, 32 floats. */
typedef struct {
    uint32_t size, groups;                               /* B, B/16 */
    uint32_t first, end, partitions;                     /* values of the response that it is for */
    uint32_t newest;                                     /* place of the newest block's spectrum among partitions of them */
    uint32_t cost, spent;                                /* of a block; of this one, so far */
    uint32_t channel, step, group;                       /* what is next */
    float   *twist;                                      /* for a group of neighbours m: w^(m + j B/4), j = 0..3, and exp(-2 pi i k m / B), k = 1..3, re and im of each */
    float   *response[2], *heard[2];                     /* spectra: of a group, all partitions side by side */
    float   *work, *ready[2], *next[2], *rest[2];        /* rest: second half of the last result */
} ra_convolve_level;

/* A response until it has become spectra, in steps of about a millisecond; see ra_convolve_prepare. */
enum { RA_RESPONSE_CLEAN, RA_RESPONSE_ROWS, RA_RESPONSE_RATE, RA_RESPONSE_ENERGY, RA_RESPONSE_MEMORY, RA_RESPONSE_TABLES, RA_RESPONSE_SPECTRA /* a step for each level, and two */ };
typedef struct {
    uint32_t step, sides;                                /* channels of it that are used */
    uint64_t done;                                       /* samples, frames or partitions of this step */
    const float *given;                                  /* its owner's */
    ra_clip  clean;                                      /* that, without NaN */
    ra_resampler *resampler;                             /* NULL: it has the chain's rate */
    float   *samples;                                    /* at the chain's rate, interleaved, and a frame of silence */
    uint32_t frame_count;
    size_t   table_count;
    double   energy[2], scale;
} ra_response;

typedef struct ra_convolve {
    uint32_t channels, sample_rate_hz;
    ra_response *loading;                                /* NULL: it is there, or there will be none */
    uint32_t tap_count;                                  /* 0: no response yet, the sound passes */
    uint32_t head_count, level_count;
    uint32_t ring_mask, slot, filled;                    /* slots so far; frames of this one */
    uint32_t silent_frames, empty_frames;                /* after how many silent frames nothing is left */
    ra_convolve_level level[RA_CONVOLVE_LEVELS];
    float   *head, *twiddles;                            /* four lanes a value; tables for n = 16, 64 ... as in [5] */
    float   *past, *wet, *ring[2];
    float   *tables, *state;                             /* the memory of all these */
    size_t   state_count;
    ra_glide mix;
} ra_convolve;

/* ---- its spectra ---- */

/* (re, im) of eight floats re im re im re im re im. */
RA_REALTIME RA_INLINE void ra_deinterleave4(const float *from, ra_f32x4 *re, ra_f32x4 *im)
{
    ra_f32x4 low = ra_load4(from), high = ra_load4(from + 4);
    *re = __builtin_shufflevector(low, high, 0, 2, 4, 6);
    *im = __builtin_shufflevector(low, high, 1, 3, 5, 7);
}

RA_REALTIME RA_INLINE void ra_interleave4(float *to, ra_f32x4 re, ra_f32x4 im)
{
    ra_store4(to,     __builtin_shufflevector(re, im, 0, 4, 1, 5));
    ra_store4(to + 4, __builtin_shufflevector(re, im, 2, 6, 3, 7));
}

/* Four complex inputs to four outputs before their twiddles: the two fused radix-2 stages. */
typedef struct { ra_f32x4 re[4], im[4]; } ra_butterfly4;

RA_REALTIME RA_INLINE ra_butterfly4 ra_convolve_butterfly(ra_butterfly4 x)
{
    ra_f32x4 sum_02_re  = x.re[0] + x.re[2], sum_02_im  = x.im[0] + x.im[2];
    ra_f32x4 diff_02_re = x.re[0] - x.re[2], diff_02_im = x.im[0] - x.im[2];
    ra_f32x4 sum_13_re  = x.re[1] + x.re[3], sum_13_im  = x.im[1] + x.im[3];
    ra_f32x4 diff_13_re = x.re[1] - x.re[3], diff_13_im = x.im[1] - x.im[3];
    return (ra_butterfly4){                               /* times -i: (re, im) becomes (im, -re) */
        .re = { sum_02_re + sum_13_re, diff_02_re + diff_13_im, sum_02_re - sum_13_re, diff_02_re - diff_13_im },
        .im = { sum_02_im + sum_13_im, diff_02_im - diff_13_re, sum_02_im - sum_13_im, diff_02_im + diff_13_re },
    };
}

RA_REALTIME RA_INLINE void ra_convolve_twiddle(ra_butterfly4 *y, int k, ra_f32x4 re, ra_f32x4 im)
{
    ra_f32x4 a = y->re[k], b = y->im[k];
    y->re[k] = a * re - b * im;
    y->im[k] = a * im + b * re;
}

/* Four columns and back. */
RA_REALTIME RA_INLINE ra_butterfly4 ra_convolve_load(const float *from, uint32_t apart)
{
    ra_butterfly4 x;
    RA_UNROLL_4
    for (uint32_t j = 0; j < 4; j++) { x.re[j] = ra_load4(from + j * apart); x.im[j] = ra_load4(from + j * apart + 4); }
    return x;
}

RA_REALTIME RA_INLINE void ra_convolve_store(float *to, uint32_t apart, ra_butterfly4 y)
{
    RA_UNROLL_4
    for (uint32_t k = 0; k < 4; k++) { ra_store4(to + k * apart, y.re[k]); ra_store4(to + k * apart + 4, y.im[k]); }
}

/* Each step turns the groups from group up to end. First: samples to columns. */
RA_REALTIME static void ra_convolve_begin(const ra_convolve_level *level, const float *samples, uint32_t n, uint32_t group, uint32_t end)
{
    (void)n;
    for (; group < end; group++) {
        const float *w = level->twist + RA_CONVOLVE_TWIST * group;
        ra_butterfly4 x;
        RA_UNROLL_4
        for (uint32_t j = 0; j < 4; j++) {
            ra_f32x4 value = ra_load4(samples + 4 * group + j * (level->size / 4));
            x.re[j] = value * ra_load4(w + 8 * j);
            x.im[j] = value * ra_load4(w + 8 * j + 4);
        }
        x = ra_convolve_butterfly(x);
        RA_UNROLL_4
        for (int k = 1; k < 4; k++) ra_convolve_twiddle(&x, k, ra_load4(w + 24 + 8 * k), ra_load4(w + 28 + 8 * k));
        ra_transpose4(x.re);
        ra_transpose4(x.im);
        ra_convolve_store(level->work + 32 * group, 8, x);
    }
}

/* Columns n/4 apart: there, the twiddles come after the butterfly, and back, before it. */
RA_REALTIME RA_INLINE void ra_convolve_pass_as(float *work, const float *twiddles, uint32_t n, uint32_t group, uint32_t end, bool is_back)
{
    uint32_t quarter = n / 4;
    for (; group < end; group++) {
        uint32_t p = group & (quarter - 1);
        const float *w = twiddles + 6 * p;
        float *columns = work + 8 * (4 * (group - p) + p);
        ra_butterfly4 x = ra_convolve_load(columns, 8 * quarter);
        if (!is_back) x = ra_convolve_butterfly(x);
        RA_UNROLL_4
        for (int k = 1; k < 4; k++) ra_convolve_twiddle(&x, k, ra_splat4(w[2 * k - 2]), ra_splat4(w[2 * k - 1]));
        if (is_back) x = ra_convolve_butterfly(x);
        ra_convolve_store(columns, 8 * quarter, x);
    }
}

RA_REALTIME static void ra_convolve_pass(const ra_convolve_level *level, const float *twiddles, uint32_t n, uint32_t group, uint32_t end)
{
    ra_convolve_pass_as(level->work, twiddles, n, group, end, false);
}

RA_REALTIME static void ra_convolve_pass_back(const ra_convolve_level *level, const float *twiddles, uint32_t n, uint32_t group, uint32_t end)
{
    ra_convolve_pass_as(level->work, twiddles, n, group, end, true);
}

/* The last pass there, straight to where the spectrum stays. */
RA_REALTIME RA_INLINE void ra_convolve_keep(const float *work, float *spectrum) { ra_convolve_store(spectrum, 8, ra_convolve_butterfly(ra_convolve_load(work, 8))); }

/* In the middle a group is finished, multiplied with all partitions, and begins its way back, re and im exchanged. Two
   columns at a time, whose sums fit the registers also where V8 deals them out. */
RA_REALTIME static void ra_convolve_multiply(const ra_convolve_level *level, const float *from, uint32_t n, uint32_t group, uint32_t end)
{
    uint32_t channel = level->channel, partitions = level->partitions, newest = level->newest;
    (void)from, (void)n;
    for (; group < end; group++) {
        float *work = level->work + 32 * group, *heard = level->heard[channel] + (size_t)32 * partitions * group;
        ra_convolve_keep(work, heard + 32 * newest);
        for (uint32_t half = 0; half < 32; half += 16) {
            const float *h = level->response[channel] + (size_t)32 * partitions * group + half, *x = heard + 32 * newest + half;
            ra_f32x4 re[2] = { { 0 } }, im[2] = { { 0 } };
            for (uint32_t left = partitions; left; left--, h += 32) {
                RA_UNROLL_4
                for (int k = 0; k < 2; k++) {
                    ra_f32x4 x_re = ra_load4(x + 8 * k), x_im = ra_load4(x + 8 * k + 4), h_re = ra_load4(h + 8 * k), h_im = ra_load4(h + 8 * k + 4);
                    re[k] += x_re * h_re - x_im * h_im;
                    im[k] += x_re * h_im + x_im * h_re;
                }
                x = left == newest + 1 ? heard + half : x + 32;
            }
            RA_UNROLL_4
            for (int k = 0; k < 2; k++) { ra_store4(work + half + 8 * k, im[k]); ra_store4(work + half + 8 * k + 4, re[k]); }
        }
        ra_convolve_store(work, 8, ra_convolve_butterfly(ra_convolve_load(work, 8)));
    }
}

/* Last: columns to samples, the first half of them to be heard next, together with the second half of the block before. */
RA_REALTIME static void ra_convolve_finish(const ra_convolve_level *level, const float *from, uint32_t n, uint32_t group, uint32_t end)
{
    float *next = level->next[level->channel], *rest = level->rest[level->channel];
    (void)from, (void)n;
    for (; group < end; group++) {
        const float *w = level->twist + RA_CONVOLVE_TWIST * group;
        ra_butterfly4 x = ra_convolve_load(level->work + 32 * group, 8);
        ra_transpose4(x.re);
        ra_transpose4(x.im);
        RA_UNROLL_4
        for (int k = 1; k < 4; k++) ra_convolve_twiddle(&x, k, ra_load4(w + 24 + 8 * k), ra_load4(w + 28 + 8 * k));
        x = ra_convolve_butterfly(x);
        RA_UNROLL_4
        for (uint32_t j = 0; j < 4; j++) {
            uint32_t place = 4 * group + j * (level->size / 4);
            ra_convolve_twiddle(&x, (int)j, ra_load4(w + 8 * j), ra_load4(w + 8 * j + 4));
            ra_store4(next + place, x.im[j] + ra_load4(rest + place));
            ra_store4(rest + place, -x.re[j]);
        }
    }
}

/* A level's steps: begin, passes for n = B/4 ... 16, multiply, passes back for n = 16 ... B/4, finish. By a table, and so
   apart: in one large function V8 runs out of registers, and every loop takes twice as long. */
RA_REALTIME static inline uint32_t ra_convolve_passes(const ra_convolve_level *level) { return (uint32_t)__builtin_ctz(level->size) / 2 - 2; }

static void (*const ra_convolve_steps[5])(const ra_convolve_level *level, const float *from, uint32_t n, uint32_t group, uint32_t end) = {
    ra_convolve_begin, ra_convolve_pass, ra_convolve_multiply, ra_convolve_pass_back, ra_convolve_finish,
};

/* Goes on with the block's work until so much of its cost is spent. */
RA_REALTIME static void ra_convolve_work(ra_convolve *convolve, ra_convolve_level *level, uint32_t spend)
{
    uint32_t behind = (convolve->slot * RA_CONVOLVE_SLOT) & (level->size - 1);      /* frames since the block was whole */
    uint32_t place = (convolve->slot * RA_CONVOLVE_SLOT - behind - level->size) & convolve->ring_mask;
    uint32_t middle = ra_convolve_passes(level) + 1;
    while (level->spent < spend) {
        uint32_t step = level->step, cost = RA_CONVOLVE_PASS_COST + (step == middle ? level->partitions : 0), run = (spend - level->spent + cost - 1) / cost;
        uint32_t kind = step == 0 ? 0 : step < middle ? 1 : step == middle ? 2 : step < 2 * middle ? 3 : 4;
        uint32_t n = kind == 1 ? level->size >> 2 * step : kind == 3 ? 16u << 2 * (step - middle - 1) : 16;
        if (run > level->groups - level->group) run = level->groups - level->group;
        ra_convolve_steps[kind](level, kind ? convolve->twiddles + (n - 16) / 2 : convolve->ring[level->channel] + place, n, level->group, level->group + run);
        level->spent += run * cost;
        level->group += run;
        if (level->group < level->groups) continue;
        level->group = 0;
        if (level->step++ < 2 * middle) continue;
        level->step = 0;
        level->channel++;
    }
}

/* 64 more frames are known: hands them to the levels and gathers what these have ready for the 64 to come. */
RA_REALTIME static void ra_convolve_next_slot(ra_convolve *convolve)
{
    uint32_t channels = convolve->channels, at = convolve->slot * RA_CONVOLVE_SLOT & convolve->ring_mask;
    float *now = convolve->past + RA_CONVOLVE_SLOT * channels;
    for (uint32_t frame = 0; frame < RA_CONVOLVE_SLOT; frame += 4) {
        ra_f32x4 left = ra_load4(now + frame * channels), right = left;
        if (channels == 2) ra_deinterleave4(now + 2 * frame, &left, &right);
        ra_store4(convolve->ring[0] + at + frame, left);
        ra_store4(convolve->ring[channels - 1] + at + frame, right);
    }
    memcpy(convolve->past, now, RA_CONVOLVE_SLOT * channels * sizeof(float));
    convolve->slot++;
    convolve->filled = 0;
    for (uint32_t index = 0; index < convolve->level_count; index++) {
        ra_convolve_level *level = &convolve->level[index];
        uint32_t slots = level->size / RA_CONVOLVE_SLOT, share = convolve->slot & (slots - 1);
        if (share == 0) {                                /* a block is whole */
            level->newest = (level->newest ? level->newest : level->partitions) - 1;
            level->spent = convolve->silent_frames < convolve->empty_frames ? 0 : level->cost;      /* all is zero: nothing would come of it */
            level->channel = level->step = level->group = 0;
            if (slots == 1) ra_convolve_work(convolve, level, level->cost);     /* due at once */
            for (uint32_t channel = 0; channel < channels; channel++) { float *swap = level->ready[channel]; level->ready[channel] = level->next[channel]; level->next[channel] = swap; }
        }
        if (slots > 1) ra_convolve_work(convolve, level, (uint32_t)((uint64_t)level->cost * (share + 1) / slots));
    }
    bool is_over = convolve->silent_frames >= convolve->tap_count;              /* only roundings are left */
    for (uint32_t frame = 0; frame < RA_CONVOLVE_SLOT; frame += 4) {
        ra_f32x4 sum[2] = { { 0 } };
        for (uint32_t index = 0; index < convolve->level_count && !is_over; index++) {
            const ra_convolve_level *level = &convolve->level[index];
            uint32_t place = (convolve->slot * RA_CONVOLVE_SLOT & (level->size - 1)) + frame;
            sum[0] += ra_load4(level->ready[0] + place);
            sum[1] += ra_load4(level->ready[channels - 1] + place);
        }
        if (channels == 2) ra_interleave4(convolve->wet + 2 * frame, sum[0], sum[1]); else ra_store4(convolve->wet + frame, sum[0]);
    }
}

/* The head, four vectors at a time: what lies beyond count is computed too and used by nobody. */
enum { RA_CONVOLVE_RUN = 16 };
RA_REALTIME static void ra_convolve_head(const ra_convolve *convolve, const float *from, const float *wet, float *to, uint32_t count)
{
    uint32_t head_count = convolve->head_count, channels = convolve->channels;
    for (uint32_t at = 0; at < count; at += RA_CONVOLVE_RUN) {
        ra_f32x4 sum[RA_CONVOLVE_RUN / 4];
        const float *x = from + at, *h = convolve->head;
        RA_UNROLL_4
        for (int quad = 0; quad < RA_CONVOLVE_RUN / 4; quad++) sum[quad] = ra_load4(wet + at + 4 * quad);
        for (uint32_t tap = 0; tap < head_count; tap++, h += 4, x -= channels) {
            ra_f32x4 value = ra_load4(h);
            RA_UNROLL_4
            for (int quad = 0; quad < RA_CONVOLVE_RUN / 4; quad++) sum[quad] += value * ra_load4(x + 4 * quad);
        }
        RA_UNROLL_4
        for (int quad = 0; quad < RA_CONVOLVE_RUN / 4; quad++) ra_store4(to + at + 4 * quad, sum[quad]);
    }
}

/* Neither NaN gets in, nor what is so small that some machines crawl. */
RA_REALTIME RA_INLINE ra_f32x4 ra_convolve_clean4(ra_f32x4 x)
{
    ra_f32x4 size = (ra_f32x4)((ra_i32x4)x & INT32_MAX);
    return (ra_f32x4)((ra_i32x4)x & (ra_i32x4)(size >= ra_splat4(1e-20f)) & (ra_i32x4)(size < ra_splat4(1e8f)));
}

RA_REALTIME static void ra_convolve_process(ra_convolve *convolve, float *frames, uint32_t frame_count)
{
    float wet[2 * RA_CONVOLVE_SLOT];
    uint32_t channels = convolve->channels;
    if (convolve->tap_count == 0) { ra_glide_skip(&convolve->mix, frame_count); return; }
    for (uint32_t run; frame_count; frame_count -= run, frames += run * channels) {
        run = RA_CONVOLVE_SLOT - convolve->filled;
        if (run > frame_count) run = frame_count;
        uint32_t count = run * channels, sounding = run;
        float *now = convolve->past + (RA_CONVOLVE_SLOT + convolve->filled) * channels;
        memcpy(now, frames, count * sizeof(float));
        for (uint32_t n = 0; n < count; n += 4) ra_store4(now + n, ra_convolve_clean4(ra_load4(now + n)));
        while (sounding && ra_frame_is_silent(now + (sounding - 1) * channels, channels)) sounding--;
        if (sounding) convolve->silent_frames = 0;
        convolve->silent_frames = convolve->silent_frames < UINT32_MAX - run ? convolve->silent_frames + run - sounding : UINT32_MAX;
        ra_convolve_head(convolve, now, convolve->wet + convolve->filled * channels, wet, count);
        if (convolve->mix.left_frames) {
            for (uint32_t n = 0; n < count; n += channels) {
                float mix = ra_glide_next(&convolve->mix);
                for (uint32_t channel = 0; channel < channels && mix != 0.0f; channel++) frames[n + channel] = ra_mix(now[n + channel], wet[n + channel], mix);
            }
        } else if (convolve->mix.target != 0.0f) {
            ra_f32x4 mix = ra_splat4(convolve->mix.target), dry = ra_splat4(1.0f) - mix;
            for (uint32_t n = 0; n < count; n += 4) ra_store4(wet + n, ra_load4(now + n) * dry + ra_load4(wet + n) * mix);
            memcpy(frames, wet, count * sizeof(float));
        }
        convolve->filled += run;
        if (convolve->filled == RA_CONVOLVE_SLOT) ra_convolve_next_slot(convolve);
    }
}

RA_REALTIME static bool ra_convolve_is_quiet(const ra_convolve *convolve) { return !convolve->mix.left_frames && convolve->silent_frames >= convolve->empty_frames; }

RA_REALTIME static void ra_convolve_reset(ra_convolve *convolve)
{
    if (convolve->silent_frames < convolve->empty_frames) memset(convolve->state, 0, convolve->state_count * sizeof(float));
    for (uint32_t index = 0; index < convolve->level_count; index++) convolve->level[index].spent = convolve->level[index].cost;
    convolve->slot = convolve->filled = 0;
    convolve->silent_frames = UINT32_MAX;
    ra_glide_land(&convolve->mix);
}

RA_SMALL_CODE_BEGIN

static void ra_convolve_end_prepare(ra_convolve *convolve)
{
    ra_response *r = convolve->loading;
    if (!r) return;
    ra_resampler_destroy(r->resampler);
    if (r->resampler) RA_FREE(r->samples);
    RA_FREE(r->clean.samples);
    RA_FREE(r);
    convolve->loading = NULL;
}

static void ra_convolve_destroy(ra_convolve *convolve)
{
    if (!convolve) return;
    ra_convolve_end_prepare(convolve);
    RA_FREE(convolve->tables);
    RA_FREE(convolve->state);
    RA_FREE(convolve);
}

static uint32_t ra_convolve_latency_frames(const ra_convolve *convolve) { (void)convolve; return 0; }

RA_REALTIME static void ra_convolve_set(ra_convolve *convolve, const double value[6], bool is_fresh)
{
    ra_glide_set(&convolve->mix, value[0], convolve->sample_rate_hz, is_fresh);
}

static ra_result ra_convolve_create(uint32_t channels, uint32_t sample_rate_hz, ra_convolve **out)
{
    *out = NULL;
    if (channels < 1 || channels > 2 || sample_rate_hz == 0) return RA_BAD_ARGUMENT;
    ra_convolve *convolve = ra_new(1, sizeof *convolve);
    if (!convolve) return RA_NO_MEMORY;
    convolve->channels = channels;
    convolve->sample_rate_hz = sample_rate_hz;
    convolve->silent_frames = UINT32_MAX;
    *out = convolve;
    return RA_OK;
}

static bool ra_impulse_is_possible(const ra_clip *impulse)
{
    return impulse->samples && impulse->channels >= 1 && impulse->channels <= 2 && impulse->sample_rate_hz >= 1 && impulse->sample_rate_hz <= 768000
        && impulse->frame_count <= (uint64_t)RA_CONVOLVE_MAX_S * impulse->sample_rate_hz;
}

/* Silence would only take the sound away: what people open should say something. */
RA_MAYBE_UNUSED static bool ra_impulse_sounds(const ra_clip *impulse)
{
    uint64_t sample_count = impulse->frame_count * impulse->channels, n = 0;
    while (n < sample_count && (!ra_is_sound(impulse->samples[n]) || impulse->samples[n] == 0.0f)) n++;
    return n < sample_count;
}

/* Hands out the next piece of a block of memory, or, while there is none, counts what it will have to hold. */
static float *ra_convolve_piece(float *base, size_t *used, size_t count)
{
    float *piece = base ? base + *used : NULL;
    *used += count;
    return piece;
}

static void ra_convolve_lay_out(ra_convolve *convolve, uint32_t response_channels, size_t *tables)
{
    size_t *state = &convolve->state_count;
    uint32_t channels = convolve->channels, size = RA_CONVOLVE_SLOT;
    *tables = *state = 0;
    for (uint32_t index = 0; index < convolve->level_count; index++) {
        ra_convolve_level *level = &convolve->level[index];
        size = level->size;
        level->twist = ra_convolve_piece(convolve->tables, tables, RA_CONVOLVE_TWIST * level->groups);
        level->work = ra_convolve_piece(convolve->state, state, 2 * size);
        for (uint32_t channel = 0; channel < channels; channel++) {
            level->response[channel] = channel < response_channels ? ra_convolve_piece(convolve->tables, tables, (size_t)2 * size * level->partitions) : level->response[0];
            level->heard[channel] = ra_convolve_piece(convolve->state, state, (size_t)2 * size * level->partitions);
            level->ready[channel] = ra_convolve_piece(convolve->state, state, size);
            level->next[channel] = ra_convolve_piece(convolve->state, state, size);
            level->rest[channel] = ra_convolve_piece(convolve->state, state, size);
        }
    }
    convolve->ring_mask = 2 * size - 1;
    convolve->head = ra_convolve_piece(convolve->tables, tables, 4 * RA_CONVOLVE_SLOT);
    convolve->twiddles = ra_convolve_piece(convolve->tables, tables, size / 2);
    convolve->past = ra_convolve_piece(convolve->state, state, 2 * RA_CONVOLVE_SLOT * channels + RA_CONVOLVE_RUN);
    convolve->wet = ra_convolve_piece(convolve->state, state, RA_CONVOLVE_SLOT * channels + RA_CONVOLVE_RUN);
    for (uint32_t channel = 0; channel < channels; channel++) convolve->ring[channel] = ra_convolve_piece(convolve->state, state, 2 * size);
}

/* exp(-2 pi i turns) */
static void ra_convolve_put_turn(float *to, uint32_t apart, double turns)
{
    to[0] = (float)ra_cos(RA_TAU * turns);
    to[apart] = (float)-ra_sin(RA_TAU * turns);
}

static float ra_response_value(const ra_response *r, size_t sample) { return (float)(r->samples[sample] * r->scale); }

/* Twiddles and head. */
static void ra_convolve_fill(ra_convolve *convolve, const ra_response *r)
{
    uint32_t longest = convolve->level_count ? convolve->level[convolve->level_count - 1].size / 4 : 0;
    for (uint32_t n = 16; n <= longest; n *= 4)
        for (uint32_t at = 0; at < 3 * n / 4; at++) ra_convolve_put_turn(convolve->twiddles + (n - 16) / 2 + 2 * at, 1, (double)(at / 3 * (at % 3 + 1)) / n);
    for (uint32_t n = 0; n < 4 * convolve->head_count; n++) convolve->head[n] = ra_response_value(r, n / 4 * r->sides + n % r->sides);
}

/* The next spectra of a level; gives how many there will be. */
static uint32_t ra_convolve_fill_level(ra_convolve *convolve, ra_convolve_level *level, ra_response *r)
{
    uint32_t size = level->size, part_count = level->partitions * r->sides, part = (uint32_t)r->done;
    for (uint32_t m = 0; m < size / 4 && part == 0; m++)
        for (uint32_t row = 0; row < 7; row++)
            ra_convolve_put_turn(level->twist + m / 4 * RA_CONVOLVE_TWIST + row * 8 + m % 4, 4, row < 4 ? (m + row * (size / 4)) / (4.0 * size) : (double)(m * (row - 3)) / size);
    for (uint32_t left = RA_RESPONSE_RUN / size; left && part < part_count; left--, part++) {
        uint32_t channel = part % r->sides, first = level->first + part / r->sides * size;
        for (uint32_t n = 0; n < size; n++)              /* 1 / size: the way back has no factor */
            level->next[0][n] = first + n < level->end ? ra_response_value(r, (size_t)(first + n) * r->sides + channel) / (float)size : 0.0f;
        ra_convolve_begin(level, level->next[0], 0, 0, level->groups);
        for (uint32_t n = size / 4; n >= 16; n /= 4) ra_convolve_pass(level, convolve->twiddles + (n - 16) / 2, n, 0, level->groups);
        float *spectrum = level->response[channel] + part / r->sides * 32;
        for (uint32_t group = 0; group < level->groups; group++) ra_convolve_keep(level->work + 32 * group, spectrum + (size_t)32 * level->partitions * group);
    }
    r->done = part;
    return part_count;
}

/* Partitions of the next size are worth their transforms where the response is longer than nine of them: measured
   with 0.2, 1, 3 and 6 s, natively and in V8. */
static void ra_convolve_plan(ra_convolve *convolve)
{
    uint32_t count = convolve->tap_count, size = RA_CONVOLVE_SLOT;
    convolve->head_count = count < RA_CONVOLVE_SLOT ? count : RA_CONVOLVE_SLOT;
    for (uint32_t first = RA_CONVOLVE_SLOT; first < count; size *= 4) {
        ra_convolve_level *level = &convolve->level[convolve->level_count++];
        bool is_last = convolve->level_count == RA_CONVOLVE_LEVELS || count <= 9 * 4 * size;
        level->size = size;
        level->groups = size / 16;
        level->first = first;
        level->end = first = is_last ? count : 8 * size;
        level->partitions = (level->end - level->first + size - 1) / size;
        level->cost = convolve->channels * level->groups * ((2 * ra_convolve_passes(level) + 3) * RA_CONVOLVE_PASS_COST + level->partitions);
    }
    convolve->empty_frames = count + 4 * size;
}

/* Its memory; a response of nothing but zeros has one value. */
static ra_result ra_convolve_make_room(ra_convolve *convolve, ra_response *r)
{
    convolve->tap_count = r->frame_count ? r->frame_count : 1;
    ra_convolve_plan(convolve);
    ra_convolve_lay_out(convolve, r->sides, &r->table_count);        /* to learn how much it takes */
    convolve->tables = RA_MALLOC(r->table_count * sizeof(float));
    convolve->state = RA_MALLOC(convolve->state_count * sizeof(float));
    if (!convolve->tables || !convolve->state) return RA_NO_MEMORY;
    ra_convolve_lay_out(convolve, r->sides, &r->table_count);        /* to divide it up */
    return RA_OK;
}

/* The next run of it. New memory comes page by page as it is touched, which takes its time: not all of it at once. */
static uint64_t ra_response_clear(ra_response *r, float *memory, uint64_t count)
{
    uint64_t left = count - r->done, run = left < 4 * RA_RESPONSE_RUN ? left : 4 * RA_RESPONSE_RUN;
    memset(memory + r->done, 0, (size_t)run * sizeof(float));
    r->done += run;
    return count;
}

/* Once, after create, if at all, for without a response the sound passes; then ra_convolve_prepare as long as it says RA_BUSY,
   and until then nothing else. The response stays its owner's. */
static ra_result ra_convolve_give(ra_convolve *convolve, const ra_clip *impulse)
{
    uint32_t channels = impulse->channels;
    if (convolve->sample_rate_hz > 768000) return RA_BAD_ARGUMENT;
    ra_response *r = convolve->loading = ra_new(1, sizeof *r);
    if (!r) return RA_NO_MEMORY;
    r->sides = channels < convolve->channels ? channels : convolve->channels;
    r->given = impulse->samples;
    r->clean = *impulse;
    r->frame_count = (uint32_t)impulse->frame_count;
    r->samples = r->clean.samples = ra_new(((uint64_t)r->frame_count + 1) * channels, sizeof(float));
    if (impulse->sample_rate_hz != convolve->sample_rate_hz) {
        if (ra_resampler_begin(impulse->sample_rate_hz, convolve->sample_rate_hz, channels, &r->resampler)) return RA_NO_MEMORY;
        r->frame_count = (uint32_t)ra_resampler_frames(r->resampler, impulse->frame_count);
        r->samples = ra_new(((uint64_t)r->frame_count + 1) * channels, sizeof(float));
    }
    return r->samples && r->clean.samples ? RA_OK : RA_NO_MEMORY;
}

/* The next step; RA_BUSY: there is more to do. */
static ra_result ra_convolve_prepare(ra_convolve *convolve)
{
    ra_response *r = convolve->loading;
    if (!r) return RA_OK;
    uint32_t channels = r->clean.channels, level = r->step - RA_RESPONSE_SPECTRA;
    uint64_t end = r->done + RA_RESPONSE_RUN, all = 0;
    float *samples = r->samples;
    switch (r->step) {
    case RA_RESPONSE_CLEAN:
        all = r->clean.frame_count * channels;
        for (; r->done < end && r->done < all; r->done++) r->clean.samples[r->done] = ra_is_sound(r->given[r->done]) ? r->given[r->done] : 0.0f;
        break;
    case RA_RESPONSE_ROWS:
        all = r->resampler && ra_resampler_make(r->resampler);
        break;
    case RA_RESPONSE_RATE:
        if (!r->resampler) break;
        all = r->frame_count;
        end = all - r->done < ra_resampler_run(r->resampler) ? all : r->done + ra_resampler_run(r->resampler);
        ra_clip_resample_range(&r->clean, UINT64_MAX, r->resampler, r->done, end - r->done, samples + r->done * channels);
        r->done = end;
        break;
    case RA_RESPONSE_ENERGY:
        while (r->done == 0 && r->frame_count && ra_frame_is_silent(samples + (r->frame_count - 1) * channels, channels)) r->frame_count--;
        all = (uint64_t)r->frame_count * r->sides;
        for (uint64_t n; (n = r->done) < end && n < all; r->done++) {
            if (channels > r->sides) samples[n] = 0.5f * (samples[2 * n] + samples[2 * n + 1]);         /* one ear hears both */
            r->energy[n % r->sides] += (double)samples[n] * samples[n];
        }
        break;
    case RA_RESPONSE_MEMORY: {
        double loudest = r->energy[0] > r->energy[1] ? r->energy[0] : r->energy[1];
        r->scale = loudest > 0.0 ? 1.0 / ra_sqrt(loudest) : 0.0;
        if (ra_convolve_make_room(convolve, r)) return RA_NO_MEMORY;
        break;
    }
    case RA_RESPONSE_TABLES:
        all = ra_response_clear(r, convolve->tables, r->table_count);
        if (r->done == all) ra_convolve_fill(convolve, r);
        break;
    default:
        if (level > convolve->level_count) {
            ra_convolve_end_prepare(convolve);
            ra_convolve_reset(convolve);
            return RA_OK;
        }
        if (level == convolve->level_count) all = ra_response_clear(r, convolve->state, convolve->state_count);      /* spectra were made in it */
        else all = ra_convolve_fill_level(convolve, &convolve->level[level], r);
    }
    if (r->done >= all) { r->step++; r->done = 0; }
    return RA_BUSY;
}

/* ---- the text of a chain ---- */

static const char *const ra_filter_names[RA_FILTER_TYPE_COUNT] = {
    "peaking", "lowshelf", "highshelf", "lowpass", "highpass", "bandpass", "notch", "allpass",
};

typedef struct { const char *name; double low, high, otherwise; } ra_key;
enum { RA_KEYS_MAX = 6 };              /* as many as ra_processor_spec has values */
typedef struct { const char *name; ra_key keys[RA_KEYS_MAX]; } ra_processor_form;

/* One table: what the parser accepts, what the formatter writes, what is the default. */
static const ra_processor_form ra_processor_forms[RA_PROCESSOR_COUNT] = {
    [RA_PROCESSOR_EQ]         = { "eq",       { { "hz", 1, 384000, 1000 }, { "db", -40, 40, 0 }, { "q", 0.01, 100, 1.41 } } },
    [RA_PROCESSOR_GAIN]       = { "gain",     { { "db", -120, 40, 0 } } },
    [RA_PROCESSOR_SOFTCLIP]   = { "softclip", { { 0 } } },
    [RA_PROCESSOR_PAN]        = { "pan",        { { "position", -1, 1, 0 } } },
    [RA_PROCESSOR_DELAY]      = { "delay",      { { "ms", 1, 2000, 350 }, { "feedback", 0, 0.95, 0.35 }, { "mix", 0, 1, 0.3 } } },
    [RA_PROCESSOR_CHORUS]     = { "chorus",     { { "rate_hz", 0.01, 10, 0.8 }, { "depth_ms", 0, 10, 3 }, { "mix", 0, 1, 0.5 } } },
    [RA_PROCESSOR_DISTORTION] = { "distortion", { { "drive_db", 0, 48, 12 }, { "mix", 0, 1, 1 } } },
    [RA_PROCESSOR_COMPRESSOR] = { "compressor", { { "threshold_db", -60, 0, -24 }, { "ratio", 1, 100, 4 }, { "knee_db", 0, 24, 6 },
                                                  { "attack_ms", 0.1, 500, 10 }, { "release_ms", 5, 5000, 150 }, { "makeup_db", -24, 24, 0 } } },
    [RA_PROCESSOR_LIMITER]    = { "limiter",    { { "ceiling_dbtp", -40, 0, -1 }, { "release_ms", 1, 2000, 100 } } },
    [RA_PROCESSOR_REVERB]     = { "reverb",     { { "rt60_s", 0.2, 20, 1.8 }, { "mix", 0, 1, 0.25 } } },
    [RA_PROCESSOR_CONVOLVE]   = { "convolve",   { { "mix", 0, 1, 0.3 } } },
};

static const char ra_processor_list[] = "eq, gain, softclip, pan, delay, chorus, distortion, compressor, limiter, reverb and convolve";

static bool ra_word_is(const char *word, size_t length, const char *name) { return strlen(name) == length && memcmp(word, name, length) == 0; }
static bool ra_is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* A word as it may stand in a sentence: cut, without control characters. */
static void ra_quote_word(const char *word, size_t length, char quoted[44])
{
    ra_text text = ra_text_start(quoted, 44);
    for (size_t at = 0; at < length && at < 40; at++) ra_text_add_char(&text, (unsigned char)word[at] < 0x20 || word[at] == 0x7f ? '?' : word[at]);
    if (length > 40) ra_text_add_string(&text, "...");
}

/* Up to the next space or semicolon that does not stand in double quotes. */
static size_t ra_word_length(const char *word)
{
    size_t length = ra_text_until(word, " \t\r\n;\"");
    if (word[length] != '"') return length;
    length += 1 + ra_text_until(word + length + 1, "\"");
    return word[length] ? length + 1 + ra_text_until(word + length + 1, " \t\r\n;") : length;
}

/* Whose text has file=NAME besides its numbers. */
static bool ra_processor_has_file(uint32_t kind) { return kind == RA_PROCESSOR_CONVOLVE; }

/* May a text name a file so? */
static bool ra_file_is_possible(const char *file, size_t length)
{
    bool is_possible = length < RA_FILE_BYTES;
    for (size_t at = 0; is_possible && at < length; at++) is_possible = (unsigned char)file[at] >= 0x20 && file[at] != 0x7f && file[at] != '"';
    return is_possible;
}

/* One word of a processor: the filter's type, key=number or file=NAME. */
static ra_result ra_chain_parse_word(const char *text, const char *word, size_t length, ra_processor_spec *item, bool is_first, uint32_t *keys_given, ra_error *error)
{
    const ra_processor_form *form = &ra_processor_forms[item->kind];
    uint64_t offset = (uint64_t)(word - text);
    char quoted[44];
    ra_quote_word(word, length, quoted);
    const char *equals = word + ra_text_until(word, "=");
    if (equals >= word + length) {
        for (uint32_t type = 0; item->kind == RA_PROCESSOR_EQ && is_first && type < RA_FILTER_TYPE_COUNT; type++)
            if (ra_word_is(word, length, ra_filter_names[type])) { item->type = type; return RA_OK; }
        if (ra_word_is(word, length, "off")) { item->is_off = true; return RA_OK; }
        return ra_refuse(error, RA_BAD_CHAIN, offset, item->kind == RA_PROCESSOR_EQ && is_first
            ? "character %llu: \"%s\" is no filter type; there are peaking, lowshelf, highshelf, lowpass, highpass, bandpass, notch and allpass"
            : "character %llu: \"%s\" should be key=number", (unsigned long long)offset + 1, quoted);
    }
    size_t key_length = (size_t)(equals - word);
    if (ra_processor_has_file(item->kind) && ra_word_is(word, key_length, "file")) {
        const char *file = equals + 1;
        size_t file_length = length - key_length - 1;
        if (file_length > 2 && file[0] == '"' && file[file_length - 1] == '"') { file++; file_length -= 2; }
        if (item->file[0] || file_length == 0 || !ra_file_is_possible(file, file_length))
            return ra_refuse(error, RA_BAD_CHAIN, offset, item->file[0] ? "character %llu: \"%s\": this %s has its file already"
                : "character %llu: \"%s\": %s wants file=NAME, 1 to %d bytes, in double quotes if there is a space or a semicolon in it",
                (unsigned long long)offset + 1, quoted, form->name, RA_FILE_BYTES - 1);
        memcpy(item->file, file, file_length);
        return RA_OK;
    }
    for (int key = 0; key < RA_KEYS_MAX && form->keys[key].name; key++) {
        const ra_key *is = &form->keys[key];
        if (!ra_word_is(word, key_length, is->name)) continue;
        double value;
        const char *end = ra_parse_number(equals + 1, &value);
        if (end != word + length) return ra_refuse(error, RA_BAD_CHAIN, offset, "character %llu: \"%s\" does not end in a number", (unsigned long long)offset + 1, quoted);
        if (!(value >= is->low && value <= is->high)) {
            ra_refuse(error, RA_BAD_CHAIN, offset, "character %llu: \"%s\" is out of range: %s goes from %g to %g", (unsigned long long)offset + 1, quoted, is->name, is->low, is->high);
            return RA_BAD_CHAIN;
        }
        if (*keys_given & 1u << key) return ra_refuse(error, RA_BAD_CHAIN, offset, "character %llu: \"%s\": this %s has its %s already", (unsigned long long)offset + 1, quoted, form->name, is->name);
        *keys_given |= 1u << key;
        item->value[key] = value;
        return RA_OK;
    }
    char known[96];
    ra_text list = ra_text_start(known, sizeof known);
    if (ra_processor_has_file(item->kind)) ra_text_add(&list, "file, ");
    for (int key = 0; key < RA_KEYS_MAX && form->keys[key].name; key++) ra_text_add(&list, "%s%s", key ? ", " : "", form->keys[key].name);
    return ra_refuse(error, RA_BAD_CHAIN, offset, "character %llu: %s has no key \"%s\"; it knows %s", (unsigned long long)offset + 1, form->name, quoted, known[0] ? known : "none");
}

/* The name that begins a processor; fills in its defaults. */
static ra_result ra_chain_parse_name(const char *text, const char *word, size_t length, ra_processor_spec *item, ra_error *error)
{
    uint64_t offset = (uint64_t)(word - text);
    *item = (ra_processor_spec){ 0 };
    for (uint32_t kind = 0; kind < RA_PROCESSOR_COUNT; kind++) {
        if (!ra_word_is(word, length, ra_processor_forms[kind].name)) continue;
        item->kind = kind;
        for (int key = 0; key < RA_KEYS_MAX; key++) item->value[key] = ra_processor_forms[kind].keys[key].otherwise;
        return RA_OK;
    }
    char quoted[44];
    ra_quote_word(word, length, quoted);
    return ra_refuse(error, RA_BAD_CHAIN, offset, "character %llu: \"%s\" is no processor; there are %s", (unsigned long long)offset + 1, quoted, ra_processor_list);
}

RA_API ra_result ra_chain_parse(const char *text, ra_chain_spec *out, ra_error *error)
{
    ra_chain_spec spec = { 0 };
    uint32_t word_of_item = 0, keys_given = 0;           /* 0: the processor's name is next */
    for (const char *at = text; *at; ) {
        if (ra_is_space(*at)) { at++; continue; }
        if (*at == ';') { at++; word_of_item = 0; continue; }
        size_t length = ra_word_length(at);
        ra_result result;
        if (word_of_item == 0) {
            if (spec.count == RA_CHAIN_MAX) return ra_refuse(error, RA_BAD_CHAIN, (uint64_t)(at - text), "character %llu: more than %d processors", (unsigned long long)(at - text) + 1, RA_CHAIN_MAX);
            result = ra_chain_parse_name(text, at, length, &spec.item[spec.count++], error);
            keys_given = 0;
        } else {
            result = ra_chain_parse_word(text, at, length, &spec.item[spec.count - 1], word_of_item == 1, &keys_given, error);
        }
        if (result) return result;
        word_of_item++;
        at += length;
    }
    *out = spec;
    if (error) *error = (ra_error){ .code = RA_OK };
    return RA_OK;
}

RA_API size_t ra_chain_format(const ra_chain_spec *spec, char *buffer, size_t capacity)
{
    char nowhere[1];
    ra_text text = ra_text_start(capacity ? buffer : nowhere, capacity ? capacity : 1);
    for (uint32_t index = 0; index < spec->count; index++) {
        const ra_processor_spec *item = &spec->item[index];
        const ra_processor_form *form = &ra_processor_forms[item->kind];
        ra_text_add(&text, "%s%s", index ? "; " : "", form->name);
        if (item->kind == RA_PROCESSOR_EQ) ra_text_add(&text, " %s", ra_filter_names[item->type]);
        if (item->is_off) ra_text_add_string(&text, " off");
        const char *quote = strpbrk(item->file, " ;") ? "\"" : "";
        if (ra_processor_has_file(item->kind) && item->file[0]) ra_text_add(&text, " file=%s%s%s", quote, item->file, quote);
        for (int key = 0; key < RA_KEYS_MAX && form->keys[key].name; key++)         /* the first key always, to be read by people */
            if (key == 0 || item->value[key] != form->keys[key].otherwise) ra_text_add(&text, " %s=%g", form->keys[key].name, item->value[key]);
    }
    return text.length;
}

/* ---- the text of another equaliser [APO] ---- */

/* The types that have our filters for it. A q of 0: the line must give one. A corner is where a shelf has begun, not its middle. */
static const struct { const char *name; ra_filter_type type; double q; bool is_corner; } ra_apo_types[] = {
    { "PK", RA_PEAKING, 0, false },        { "PEQ", RA_PEAKING, 0, false },       { "Modal", RA_PEAKING, 0, false },
    { "LP", RA_LOW_PASS, 0.70710678118654752, false },  { "LPQ", RA_LOW_PASS, 0, false },
    { "HP", RA_HIGH_PASS, 0.70710678118654752, false }, { "HPQ", RA_HIGH_PASS, 0, false },
    { "BP", RA_BAND_PASS, 0.70710678118654752, false }, { "NO", RA_NOTCH, 30, false }, { "AP", RA_ALL_PASS, 0, false },
    { "LS", RA_LOW_SHELF, 0, true },       { "LSC", RA_LOW_SHELF, 0, false },     { "HS", RA_HIGH_SHELF, 0, true }, { "HSC", RA_HIGH_SHELF, 0, false },
};
#define RA_APO_SHELF_SLOPE 0.9         /* of a shelf that gives none */

/* Lines of other programs' files that are about something else; these would change the sound, so they may not be passed over. */
static const char *const ra_apo_refused[] = { "GraphicEQ", "Convolution", "Copy", "Delay", "Channel", "Include", "Device", "Stage", "If", "ElseIf", "Else", "Eval", "Loudness", "LoudnessCorrection", "VSTPlugin" };

typedef struct { const char *at, *line, *text; uint32_t number; ra_error *error; } ra_apo_reader;

static char ra_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

/* Steps over the word, in capitals or not, if it is what comes next. */
static bool ra_apo_word(ra_apo_reader *in, const char *word)
{
    while (*in->at == ' ' || *in->at == '\t') in->at++;
    size_t length = 0;
    while (word[length] && ra_lower(in->at[length]) == ra_lower(word[length])) length++;
    char after = ra_lower(in->at[length]);
    if (word[length] || (after >= 'a' && after <= 'z' && word[0] != ':')) return false;
    in->at += length;
    return true;
}

static bool ra_apo_number(ra_apo_reader *in, double *out)
{
    while (*in->at == ' ' || *in->at == '\t') in->at++;
    const char *end = ra_parse_number(in->at, out);
    if (!end || *end == ',') return false;               /* 1,5 and 1,000: nobody knows which comma it is */
    in->at = end;
    return true;
}

static ra_result ra_apo_refuse(const ra_apo_reader *in, const char *expected)
{
    char quoted[44];
    ra_quote_word(in->at, ra_text_until(in->at, " \t\r\n"), quoted);
    return ra_refuse(in->error, RA_BAD_CHAIN, (uint64_t)(in->at - in->text), "line %u: %s, here is \"%s\"", in->number, expected, quoted);
}

/* What follows "Filter 1: ON". */
static ra_result ra_apo_filter(ra_apo_reader *in, ra_chain_spec *spec)
{
    size_t row = 0, row_count = sizeof ra_apo_types / sizeof ra_apo_types[0];
    while (row < row_count && !ra_apo_word(in, ra_apo_types[row].name)) row++;
    if (row == row_count) return ra_apo_word(in, "None") ? RA_OK : ra_apo_refuse(in, "a filter is PK, LP, LPQ, HP, HPQ, BP, NO, AP, LS, LSC, HS or HSC");
    bool is_shelf = ra_apo_types[row].type == RA_LOW_SHELF || ra_apo_types[row].type == RA_HIGH_SHELF, has_width = false;
    double hz = 0, db = 0, q = ra_apo_types[row].q, slope = is_shelf ? RA_APO_SHELF_SLOPE : 0, octaves;
    const char *type_at = in->at;
    if (is_shelf && ra_apo_number(in, &slope)) {         /* decibels an octave, 12 is the steepest without a bump */
        if (!ra_apo_word(in, "dB") || !(slope > 0)) return ra_apo_refuse(in, "the slope of a shelf is so many dB");
        slope /= 12.0;
        has_width = true;
    }
    for (;;) {
        if      (ra_apo_word(in, "Fc"))   { if (!ra_apo_number(in, &hz) || !ra_apo_word(in, "Hz")) return ra_apo_refuse(in, "Fc wants a number and Hz"); }
        else if (ra_apo_word(in, "Gain")) { if (!ra_apo_number(in, &db) || !ra_apo_word(in, "dB")) return ra_apo_refuse(in, "Gain wants a number and dB"); }
        else if (ra_apo_word(in, "Q"))    { if (!ra_apo_number(in, &q)) return ra_apo_refuse(in, "Q wants a number"); slope = 0; has_width = true; }
        else if (ra_apo_word(in, "BW"))   {
            if (!ra_apo_word(in, "Oct") || !ra_apo_number(in, &octaves)) return ra_apo_refuse(in, "BW wants Oct and a number");
            double half = 0.34657359027997264 * octaves; /* ln 2 / 2: 1/Q = 2 sinh(ln 2 / 2 * octaves) [RBJ] */
            q = 1.0 / (ra_exp(half) - ra_exp(-half));
            slope = 0;
            has_width = true;
        }
        else if (ra_apo_word(in, "T60")) {                 /* a remark of Room EQ Wizard's on a room's mode */
            if (!ra_apo_word(in, "target") || !ra_apo_number(in, &octaves) || !ra_apo_word(in, "ms")) return ra_apo_refuse(in, "T60 wants target, a number and ms");
        }
        else break;
    }
    if (ra_text_until(in->at, "\r\n#")) return ra_apo_refuse(in, "a filter has Fc, Gain, Q and BW Oct");
    double A = ra_exp10(db / 40.0), bend = A + 1.0 / A;  /* of a shelf: 1/Q^2 = (A + 1/A) (1/slope - 1) + 2 [RBJ] */
    if (slope > 0) q = 1.0 / ra_sqrt(bend * (1.0 / slope - 1.0) + 2.0);
    else if (is_shelf) slope = 1.0 / ((1.0 / (q * q) - 2.0) / bend + 1.0);
    if (ra_apo_types[row].is_corner && has_width) {
        double way = ra_exp10(ra_abs(db) / 80.0 / slope);
        hz = ra_apo_types[row].type == RA_LOW_SHELF ? hz * way : hz / way;
    }
    ra_processor_spec item = { .kind = RA_PROCESSOR_EQ, .type = ra_apo_types[row].type, .value = { hz, ra_filter_has_gain(ra_apo_types[row].type) ? db : 0.0, q } };
    for (int key = 0; key < 3; key++) {
        const ra_key *is = &ra_processor_forms[RA_PROCESSOR_EQ].keys[key];
        if (!(item.value[key] >= is->low && item.value[key] <= is->high)) {
            in->at = type_at;
            if (item.value[key] == 0.0) return ra_apo_refuse(in, key == 0 ? "this filter needs Fc" : "this filter needs a Q");
            return ra_refuse(in->error, RA_BAD_CHAIN, (uint64_t)(in->at - in->text), "line %u: this filter's %s is %g; it goes from %g to %g", in->number, is->name, item.value[key], is->low, is->high);
        }
    }
    if (spec->count == RA_CHAIN_MAX) return ra_apo_refuse(in, "there are too many filters");
    spec->item[spec->count++] = item;
    return RA_OK;
}

RA_API ra_result ra_chain_import(const char *text, ra_chain_spec *out, ra_error *error)
{
    ra_apo_reader in = { .at = text, .text = text, .error = error };
    ra_chain_spec spec = { .count = 1, .item = { { .kind = RA_PROCESSOR_GAIN } } };      /* the preamp, dropped where there is none */
    double number;
    bool has_any = false;
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0) in.at += 3;      /* Windows marks its UTF-8 */
    for (; *in.at; in.at += ra_text_until(in.at, "\n"), in.at += *in.at == '\n') {
        ra_result result = RA_OK;
        in.line = in.at;
        in.number++;
        if (ra_apo_word(&in, "Preamp") && ra_apo_word(&in, ":")) {
            if (!ra_apo_number(&in, &number) || !ra_apo_word(&in, "dB")) return ra_apo_refuse(&in, "Preamp wants a number and dB");
            spec.item[0].value[0] += number;
            has_any = true;
            continue;
        }
        in.at = in.line;
        if (ra_apo_word(&in, "Filter") && (ra_apo_number(&in, &number), ra_apo_word(&in, ":"))) {
            has_any = true;
            if (ra_apo_word(&in, "ON")) result = ra_apo_filter(&in, &spec);
            else if (!ra_apo_word(&in, "OFF")) result = ra_apo_refuse(&in, "a filter is ON or OFF");
            if (result) return result;
            continue;
        }
        for (size_t row = 0; row < sizeof ra_apo_refused / sizeof ra_apo_refused[0]; row++) {
            in.at = in.line;
            if (!ra_apo_word(&in, ra_apo_refused[row]) || !ra_apo_word(&in, ":")) continue;
            in.at = in.line;
            return ra_apo_refuse(&in, "only Preamp and Filter are understood");
        }
        in.at = in.line;
    }
    double low = ra_processor_forms[RA_PROCESSOR_GAIN].keys[0].low, high = ra_processor_forms[RA_PROCESSOR_GAIN].keys[0].high;
    if (!has_any) return ra_refuse(error, RA_BAD_CHAIN, 0, "no line says Preamp: or Filter:, so this is no equaliser's text");
    if (!(spec.item[0].value[0] >= low && spec.item[0].value[0] <= high)) return ra_refuse(error, RA_BAD_CHAIN, 0, "the preamp is %g dB; it goes from %g to %g", spec.item[0].value[0], low, high);
    if (spec.item[0].value[0] == 0.0) memmove(spec.item, spec.item + 1, --spec.count * sizeof spec.item[0]);
    *out = spec;
    if (error) *error = (ra_error){ .code = RA_OK };
    return RA_OK;
}

RA_SMALL_CODE_END

/* ---- the chain ---- */

/* The processors that have the verbs of a state of their own: one list, from which each switch below is made. */
#define RA_EFFECTS(X) X(PAN, pan) X(DELAY, delay) X(CHORUS, chorus) X(DISTORTION, distortion) X(COMPRESSOR, compressor) X(LIMITER, limiter) X(REVERB, reverb) X(CONVOLVE, convolve)

/* Neighbouring eq processors make one stage, 32 bands at most. */
typedef struct {
    uint32_t kind;
    union {
        ra_eq *eq;
        ra_glide gain;
#define RA_EFFECT_MEMBER(KIND, name) ra_##name *name;
        RA_EFFECTS(RA_EFFECT_MEMBER)
#undef RA_EFFECT_MEMBER
    };
} ra_stage;

struct ra_chain {
    uint32_t channels, sample_rate_hz;
    bool     is_fresh;                 /* nothing heard yet: settings hold at once */
    ra_chain_spec spec;
    uint32_t stage_count;
    ra_stage *stages;
};

RA_SMALL_CODE_BEGIN

/* What is left without those that are off. */
RA_REALTIME static ra_chain_spec ra_chain_heard(const ra_chain_spec *spec)
{
    ra_chain_spec heard = { .count = 0 };
    for (uint32_t index = 0; index < spec->count; index++) if (!spec->item[index].is_off) heard.item[heard.count++] = spec->item[index];
    return heard;
}

/* Where the processors from index on, all of them eq, end: at another kind or after 32 of them. */
RA_REALTIME static uint32_t ra_chain_eq_end(const ra_chain_spec *spec, uint32_t index)
{
    uint32_t end = index;
    while (end < spec->count && end - index < RA_EQ_BAND_MAX && spec->item[end].kind == RA_PROCESSOR_EQ) end++;
    return end;
}

/* The processors from index on that make one stage; gives the index after them. */
RA_REALTIME static uint32_t ra_chain_stage_end(const ra_chain_spec *spec, uint32_t index)
{
    return spec->item[index].kind == RA_PROCESSOR_EQ ? ra_chain_eq_end(spec, index) : index + 1;
}

/* Are they the same but for values? The same processors in the same order with the same responses, which are told
   by their addresses alone, for they may be gone by now; where an eq of one has a band
   more than the other, it must be one that has a gain, for that can be flat. This is an equivalence, so that the
   audio thread, which may see only the last of several steps, agrees with whoever has judged them one by one.
   is_strict: no band may change its type either, which would not be a glide. */
RA_REALTIME static bool ra_chain_is_alike(const ra_chain_spec *from, const ra_chain_spec *to, bool is_strict)
{
    uint32_t a = 0, b = 0;
    while (a < from->count && b < to->count) {
        uint32_t a_end = ra_chain_stage_end(from, a), b_end = ra_chain_stage_end(to, b);
        if (from->item[a].kind != to->item[b].kind || from->item[a].impulse != to->item[b].impulse) return false;
        for (uint32_t at_a = a, at_b = b; from->item[a].kind == RA_PROCESSOR_EQ && (at_a < a_end || at_b < b_end); at_a++, at_b++) {
            uint32_t old_type = at_a < a_end ? from->item[at_a].type : RA_PEAKING, new_type = at_b < b_end ? to->item[at_b].type : RA_PEAKING;
            bool is_same_class = old_type == new_type || (ra_filter_has_gain(old_type) && ra_filter_has_gain(new_type));
            if (!is_same_class || (is_strict && at_a < a_end && at_b < b_end && old_type != new_type)) return false;
        }
        a = a_end;
        b = b_end;
    }
    return a == from->count && b == to->count;
}

RA_REALTIME static ra_eq_band ra_chain_band(const ra_processor_spec *item)
{
    return (ra_eq_band){ (ra_filter_type)item->type, item->value[0], item->value[1], item->value[2] };
}

/* Hands the settings to the stages, which glide to them or, when fresh, hold them at once. */
RA_REALTIME static void ra_chain_apply(ra_chain *chain, const ra_chain_spec *spec)
{
    ra_stage *stage = chain->stages;
    for (uint32_t index = 0; index < spec->count; stage++) {
        uint32_t end = ra_chain_stage_end(spec, index);
        switch (stage->kind) {
        case RA_PROCESSOR_EQ: {
            ra_eq_band bands[RA_EQ_BAND_MAX];
            for (uint32_t at = index; at < end; at++) bands[at - index] = ra_chain_band(&spec->item[at]);
            ra_eq_set(stage->eq, bands, end - index);
            break;
        }
        case RA_PROCESSOR_GAIN:
            ra_glide_to(&stage->gain, (float)ra_amplitude_from_db(spec->item[index].value[0]), chain->is_fresh ? 0 : (uint32_t)(RA_GLIDE_S * chain->sample_rate_hz));
            break;
#define RA_EFFECT_SET(KIND, name) case RA_PROCESSOR_##KIND: ra_##name##_set(stage->name, spec->item[index].value, chain->is_fresh); break;
        RA_EFFECTS(RA_EFFECT_SET)
#undef RA_EFFECT_SET
        }
        index = end;
    }
    chain->spec = *spec;
}

RA_API void ra_chain_destroy(ra_chain *chain)
{
    if (!chain) return;
    for (uint32_t index = 0; chain->stages && index < chain->stage_count; index++) {
        ra_stage *stage = &chain->stages[index];
        switch (stage->kind) {
        case RA_PROCESSOR_EQ: ra_eq_destroy(stage->eq); break;
#define RA_EFFECT_DESTROY(KIND, name) case RA_PROCESSOR_##KIND: ra_##name##_destroy(stage->name); break;
        RA_EFFECTS(RA_EFFECT_DESTROY)
#undef RA_EFFECT_DESTROY
        }
    }
    RA_FREE(chain->stages);
    RA_FREE(chain);
}

RA_REALTIME RA_API void ra_chain_reset(ra_chain *chain)
{
    chain->is_fresh = true;
    for (uint32_t index = 0; index < chain->stage_count; index++) {
        ra_stage *stage = &chain->stages[index];
        switch (stage->kind) {
        case RA_PROCESSOR_EQ: ra_eq_reset(stage->eq); break;
#define RA_EFFECT_RESET(KIND, name) case RA_PROCESSOR_##KIND: ra_##name##_reset(stage->name); break;
        RA_EFFECTS(RA_EFFECT_RESET)
#undef RA_EFFECT_RESET
        }
    }
    ra_chain_apply(chain, &chain->spec);
}

static bool ra_chain_is_possible(const ra_chain_spec *spec)
{
    bool is_possible = spec->count <= RA_CHAIN_MAX;
    for (uint32_t index = 0; is_possible && index < spec->count; index++) {
        const ra_processor_spec *item = &spec->item[index];
        size_t length = 0;
        while (length < sizeof item->file && item->file[length]) length++;
        is_possible = item->kind < RA_PROCESSOR_COUNT && item->type < RA_FILTER_TYPE_COUNT && length < sizeof item->file && ra_file_is_possible(item->file, length);
        is_possible = is_possible && (!item->impulse || ra_impulse_is_possible(item->impulse));
        for (int key = 0; is_possible && key < RA_KEYS_MAX && ra_processor_forms[item->kind].keys[key].name; key++)
            is_possible = item->value[key] >= ra_processor_forms[item->kind].keys[key].low && item->value[key] <= ra_processor_forms[item->kind].keys[key].high;
    }
    return is_possible;
}

/* A chain whose responses are still to be loaded, by ra_chain_prepare as long as it says RA_BUSY. */
static ra_result ra_chain_begin(uint32_t channels, uint32_t sample_rate_hz, const ra_chain_spec *given, ra_chain **out)
{
    *out = NULL;
    if (channels < 1 || channels > 2 || sample_rate_hz == 0 || !ra_chain_is_possible(given)) return RA_BAD_ARGUMENT;
    ra_chain_spec heard = ra_chain_heard(given), *spec = &heard;
    ra_chain *chain = ra_new(1, sizeof *chain);
    if (!chain) return RA_NO_MEMORY;
    chain->channels = channels;
    chain->sample_rate_hz = sample_rate_hz;
    for (uint32_t index = 0; index < spec->count; index = ra_chain_stage_end(spec, index)) chain->stage_count++;
    chain->stages = ra_new(chain->stage_count ? chain->stage_count : 1, sizeof *chain->stages);
    if (!chain->stages) { ra_chain_destroy(chain); return RA_NO_MEMORY; }
    ra_stage *stage = chain->stages;
    for (uint32_t index = 0; index < spec->count; index = ra_chain_stage_end(spec, index), stage++) {
        ra_result result = RA_OK;
        stage->kind = spec->item[index].kind;
        switch (stage->kind) {
        case RA_PROCESSOR_EQ: result = ra_eq_create(channels, sample_rate_hz, &stage->eq); break;
#define RA_EFFECT_CREATE(KIND, name) case RA_PROCESSOR_##KIND: result = ra_##name##_create(channels, sample_rate_hz, &stage->name); break;
        RA_EFFECTS(RA_EFFECT_CREATE)
#undef RA_EFFECT_CREATE
        }
        const ra_clip *impulse = spec->item[index].impulse;
        if (result == RA_OK && stage->kind == RA_PROCESSOR_CONVOLVE && impulse) result = ra_convolve_give(stage->convolve, impulse);
        if (result) { ra_chain_destroy(chain); return result; }
    }
    chain->spec = *spec;
    ra_chain_reset(chain);
    *out = chain;
    return RA_OK;
}

/* About a millisecond of it. */
static ra_result ra_chain_prepare(ra_chain *chain)
{
    ra_result result = RA_OK;
    for (uint32_t index = 0; result == RA_OK && index < chain->stage_count; index++)
        if (chain->stages[index].kind == RA_PROCESSOR_CONVOLVE) result = ra_convolve_prepare(chain->stages[index].convolve);
    return result;
}

RA_API ra_result ra_chain_create(uint32_t channels, uint32_t sample_rate_hz, const ra_chain_spec *given, ra_chain **out)
{
    ra_chain *chain;
    ra_result result = ra_chain_begin(channels, sample_rate_hz, given, &chain);
    while (chain && (result = ra_chain_prepare(chain)) == RA_BUSY) { }
    if (result) ra_chain_destroy(chain);
    *out = result ? NULL : chain;
    return result;
}

/* For settings without anything that is off: the engine's control thread has seen to that. */
RA_REALTIME static bool ra_chain_set_heard(ra_chain *chain, const ra_chain_spec *heard)
{
    if (!ra_chain_is_alike(&chain->spec, heard, false)) return false;
    ra_chain_apply(chain, heard);
    return true;
}

RA_REALTIME RA_API bool ra_chain_set(ra_chain *chain, const ra_chain_spec *given)
{
    ra_chain_spec heard = ra_chain_heard(given);
    return ra_chain_set_heard(chain, &heard);
}

RA_SMALL_CODE_END

RA_REALTIME static void ra_stage_process(ra_stage *stage, uint32_t channels, float *frames, uint32_t frame_count)
{
    switch (stage->kind) {
    case RA_PROCESSOR_EQ:       ra_eq_process(stage->eq, frames, frame_count); break;
    case RA_PROCESSOR_GAIN:     ra_gain_process(&stage->gain, frames, frame_count, channels); break;
    case RA_PROCESSOR_SOFTCLIP: ra_soft_clip_process(frames, frame_count, channels); break;
#define RA_EFFECT_PROCESS(KIND, name) case RA_PROCESSOR_##KIND: ra_##name##_process(stage->name, frames, frame_count); break;
    RA_EFFECTS(RA_EFFECT_PROCESS)
#undef RA_EFFECT_PROCESS
    }
}

RA_REALTIME RA_API void ra_chain_process(ra_chain *chain, float *frames, uint32_t frame_count)
{
    if (frame_count) chain->is_fresh = false;
    for (uint32_t index = 0; index < chain->stage_count; index++) ra_stage_process(&chain->stages[index], chain->channels, frames, frame_count);
}

/* Silences what is no sound; true if there was any. */
RA_REALTIME static bool ra_scrub(float *samples, uint32_t sample_count)
{
    bool is_bad = false;
    for (uint32_t n = 0; n < sample_count; n++) if (!ra_is_sound(samples[n])) { samples[n] = 0.0f; is_bad = true; }
    return is_bad;
}

/* NaN and giants neither get in nor stay in nor come out, however wild the settings; false if there were any. */
RA_REALTIME static bool ra_chain_process_safely(ra_chain *chain, float *frames, uint32_t frame_count)
{
    bool was_bad = ra_scrub(frames, frame_count * chain->channels);
    ra_chain_process(chain, frames, frame_count);
    bool is_bad = ra_scrub(frames, frame_count * chain->channels);
    if (is_bad) ra_chain_reset(chain);                   /* what it remembers may be as bad */
    return !was_bad && !is_bad;
}

RA_REALTIME static bool ra_chain_is_gliding(const ra_chain *chain)
{
    bool is_gliding = false;
    for (uint32_t index = 0; index < chain->stage_count; index++) {
        const ra_stage *stage = &chain->stages[index];
        is_gliding = is_gliding || (stage->kind == RA_PROCESSOR_GAIN && stage->gain.left_frames) || (stage->kind == RA_PROCESSOR_EQ && ra_eq_is_gliding(stage->eq));
    }
    return is_gliding;
}

/* Nothing glides, nothing rings: silence in gives silence out. */
RA_REALTIME static bool ra_chain_is_quiet(const ra_chain *chain)
{
    bool is_quiet = !ra_chain_is_gliding(chain);
    for (uint32_t index = 0; is_quiet && index < chain->stage_count; index++) {
        const ra_stage *stage = &chain->stages[index];
        switch (stage->kind) {
        case RA_PROCESSOR_EQ: is_quiet = ra_eq_is_empty(stage->eq); break;
#define RA_EFFECT_IS_QUIET(KIND, name) case RA_PROCESSOR_##KIND: is_quiet = ra_##name##_is_quiet(stage->name); break;
        RA_EFFECTS(RA_EFFECT_IS_QUIET)
#undef RA_EFFECT_IS_QUIET
        }
    }
    return is_quiet;
}

RA_API uint32_t ra_chain_latency_frames(const ra_chain *chain)
{
    uint32_t frames = 0;
    for (uint32_t index = 0; index < chain->stage_count; index++) {
        const ra_stage *stage = &chain->stages[index];
        switch (stage->kind) {
#define RA_EFFECT_LATENCY(KIND, name) case RA_PROCESSOR_##KIND: frames += ra_##name##_latency_frames(stage->name); break;
        RA_EFFECTS(RA_EFFECT_LATENCY)
#undef RA_EFFECT_LATENCY
        }
    }
    return frames;
}

/* ============================================================================
   [8] LOUDNESS - how loud it is to an ear, how high its peaks are, what gain it needs
   ----------------------------------------------------------------------------
   owns     ra_loudness (the meter), ra_normalise_gain_db
   calls    [2] BASE; [6] FILTERS: ra_bessel_i0
   threads  create and destroy: control; reset, add and get: one thread at a
            time, the audio thread or a job
   formula  L = -0.691 + 10 log10(sum over channels of weight * mean square of
            the K-weighted samples)                                  [BS.1770]
   source   [BS.1770] ITU-R BS.1770-5; [EBU3341] EBU Tech 3341: momentary, short-term;
            [EBU3342] EBU Tech 3342: loudness range; window: [KAISER]
   tests    test.c "loudness"

   The way of a sample: the caller's frames are copied in pieces behind the last
   few frames of the piece before. A piece is searched for its peak, interpolated
   fourfold for its true peak, and K-weighted, two channels to a vector. Every
   10 ms (a hop) the weighted energy is put away; all windows are made of hops:
     momentary 40 hops, short-term 300, both sliding by one hop;
     gating block 40 hops, one every 10; range block 300 hops, one every 10.
   ============================================================================ */

/* ---- blocks of all loudnesses, in bounded memory ---- */

/* A programme may last for days, so its blocks are not kept but counted, in bins of 0.01 LU from the
   absolute gate up. Each bin also sums its energies, so that what lies above a gate is averaged as if all
   were kept. What a bin can get wrong: on which side of a gate its blocks fall, as if the gate stood up to
   0.01 LU elsewhere, and a percentile, by less than 0.01 LU. */
#define RA_LOUDNESS_FLOOR_LUFS (-70.0)                   /* absolute gate [BS.1770]; it is never reached, only passed */
#define RA_LOUDNESS_BINS_A_LU  100
#define RA_LOUDNESS_BINS       (100 * RA_LOUDNESS_BINS_A_LU)     /* up to +30 LUFS; the last bin takes what is louder */

typedef struct {
    uint64_t block_count;                                /* all that passed the absolute gate, */
    double   energy;                                     /* and their sum */
    uint32_t end_bin;                                    /* after the highest one in use */
    uint32_t counts[RA_LOUDNESS_BINS];
    double   energies[RA_LOUDNESS_BINS];
} ra_loudness_histogram;

/* ---- the meter ---- */

#define RA_LOUDNESS_HOPS_A_SECOND 100
enum { RA_LOUDNESS_STEP = 20 };                          /* hops whose sum is kept: every window is some of these */
enum { RA_LOUDNESS_MOMENTARY = 40, RA_LOUDNESS_SHORT = 300, RA_LOUDNESS_BLOCK_STEP = 10 };     /* hops */
enum { RA_LOUDNESS_PIECE_FRAMES = 128, RA_LOUDNESS_CHANNELS_MAX = 64 };

/* Between two samples three more are interpolated, from 12 samples on either side. 12 dB of window side lobes
   more would cost treble: with beta 4.3 the three are flat within 0.05 dB up to 0.42 of the rate (20 kHz at 48 kHz). */
enum { RA_TRUE_PEAK_TAPS = 24, RA_TRUE_PEAK_PAIRS = RA_TRUE_PEAK_TAPS / 2 };
#define RA_TRUE_PEAK_BETA 4.3
enum { RA_TRUE_PEAK_HISTORY = RA_TRUE_PEAK_TAPS + 8 };   /* frames kept before a piece; 8, for the vectors may start that early */

typedef struct { double b0, b1, b2, a1, a2, high_a1, high_a2; } ra_k_weighting;

/* Two channels; an odd last one comes twice, the second time with weight 0. */
typedef struct {
    uint32_t left, right;                                /* channel numbers */
    double   weight[2];
    ra_f64x2 shelf_p, shelf_q, shelf_y, high_p, high_q, high_y;      /* what the two filters remember */
    ra_f64x2 energy;                                     /* K-weighted, of the hop so far */
    ra_f64x2 sum, square;                                /* of the samples themselves, since reset */
} ra_loudness_pair;


struct ra_loudness {
    /* settings */
    uint32_t channels, pair_count, sample_rate_hz;
    bool     has_true_peak;
    ra_k_weighting weighting;
    ra_f32x4 tap_sum[RA_TRUE_PEAK_PAIRS], tap_difference[RA_TRUE_PEAK_PAIRS], tap_middle[RA_TRUE_PEAK_PAIRS];
    float    peak_growth;                                /* no interpolated sample is larger than this times the largest around it */
    float   *window;                                     /* history, piece, 4 zeros; interleaved; owned */
    /* what was heard; all that reset clears */
    ra_loudness_pair pairs[RA_LOUDNESS_CHANNELS_MAX / 2];
    uint64_t frame_count, hop_count;
    uint32_t hop_left;                                   /* frames to the end of the hop */
    float    sample_peak, true_peak, history_peak;       /* linear */
    uint64_t clipped_samples, bad_samples;
    double   hops[RA_LOUDNESS_STEP];                     /* energies of the newest hops, */
    double   steps[RA_LOUDNESS_SHORT];                   /* and after each hop the sum of its last 20 */
    double   momentary, short_term, momentary_max, short_term_max;   /* weighted mean squares; below 0: none yet */
    ra_loudness_histogram blocks, ranges;
};

RA_SMALL_CODE_BEGIN

/* 1 for each channel, with these exceptions: the low-frequency channel does not count, the surround channels
   count +1.5 dB. In the order of WAVE files. [BS.1770] tables 3 and 4; the sides of 7.1, not its backs */
static double ra_loudness_weight(uint32_t channels, uint32_t channel)
{
    static const double of_50[] = { 1, 1, 1, 1.41, 1.41 }, of_51[] = { 1, 1, 1, 0, 1.41, 1.41 }, of_71[] = { 1, 1, 1, 0, 1, 1, 1.41, 1.41 };
    return channels == 5 ? of_50[channel] : channels == 6 ? of_51[channel] : channels == 8 ? of_71[channel] : 1.0;
}

/* The two analogue prototypes behind the table of [BS.1770], by the bilinear transform: a shelf that lifts what
   the head lifts, and a high pass. At 48 kHz it gives the table. A corner at or above half the rate is left out. */
static ra_k_weighting ra_k_weighting_design(double sample_rate_hz)
{
    const double shelf_hz = 1681.974450955533, shelf_q = 0.7071752369554196, shelf_db = 3.999843853973347;
    const double high_hz = 38.13547087602444, high_q = 0.5003270373238773;
    ra_k_weighting k = { .b0 = 1.0 };
    if (shelf_hz < 0.5 * sample_rate_hz) {
        double w = RA_PI * shelf_hz / sample_rate_hz, t = ra_sin(w) / ra_cos(w), a0 = 1.0 + t / shelf_q + t * t;
        double lift = ra_amplitude_from_db(shelf_db), at_corner = ra_amplitude_from_db(shelf_db * 0.4996667741545416);
        k.b0 = (lift + at_corner * t / shelf_q + t * t) / a0;
        k.b1 = 2.0 * (t * t - lift) / a0;
        k.b2 = (lift - at_corner * t / shelf_q + t * t) / a0;
        k.a1 = 2.0 * (t * t - 1.0) / a0;
        k.a2 = (1.0 - t / shelf_q + t * t) / a0;
    }
    if (high_hz < 0.5 * sample_rate_hz) {
        double w = RA_PI * high_hz / sample_rate_hz, t = ra_sin(w) / ra_cos(w), a0 = 1.0 + t / high_q + t * t;
        k.high_a1 = 2.0 * (t * t - 1.0) / a0;
        k.high_a2 = (1.0 - t / high_q + t * t) / a0;
        /* The table has 1, -2, 1 above the line: 0.04 dB too much at 48 kHz, which its -0.691 dB takes back. Other
           rates get that same excess and no other; the shelf carries it, so that here 1, -2, 1 is left. */
        double w48 = RA_PI * high_hz / 48000.0, t48 = ra_sin(w48) / ra_cos(w48), excess = (1.0 + t48 / high_q + t48 * t48) / a0;
        k.b0 *= excess; k.b1 *= excess; k.b2 *= excess;
    }
    return k;
}

/* With w[0..23] around the place asked for, quarter, half and three quarters after w[11] are sums of taps * w.
   The taps of three quarters are those of the quarter backwards; so of (quarter + three quarters) / 2 and of their
   difference / 2, one is even and one is odd about the middle, and each needs half of the multiplications. */
static void ra_true_peak_design(ra_loudness *m)
{
    double taps[2][RA_TRUE_PEAK_TAPS], growth = 0.0;
    for (int phase = 0; phase < 2; phase++) {
        double sum = 0.0, size = 0.0;
        for (int tap = 0; tap < RA_TRUE_PEAK_TAPS; tap++) {
            double x = tap - (RA_TRUE_PEAK_PAIRS - 1) - 0.25 * (phase + 1), edge = x / RA_TRUE_PEAK_PAIRS;
            double inside = edge * edge < 1.0 ? ra_sqrt(1.0 - edge * edge) : 0.0;
            taps[phase][tap] = ra_sin(RA_PI * x) / (RA_PI * x) * ra_bessel_i0(RA_TRUE_PEAK_BETA * inside);
            sum += taps[phase][tap];
        }
        for (int tap = 0; tap < RA_TRUE_PEAK_TAPS; tap++) size += ra_abs(taps[phase][tap] /= sum);
        if (size > growth) growth = size;
    }
    for (int pair = 0; pair < RA_TRUE_PEAK_PAIRS; pair++) {
        double first = taps[0][pair], last = taps[0][RA_TRUE_PEAK_TAPS - 1 - pair];
        m->tap_sum[pair] = ra_splat4((float)(0.5 * (first + last)));
        m->tap_difference[pair] = ra_splat4((float)(0.5 * (first - last)));
        m->tap_middle[pair] = ra_splat4((float)taps[1][pair]);
    }
    m->peak_growth = (float)(growth * 1.0001);           /* the rest is for roundings: 24 of them are 3e-6 */
}

RA_API void ra_loudness_destroy(ra_loudness *meter)
{
    if (!meter) return;
    RA_FREE(meter->window);
    RA_FREE(meter);
}

/* Mean square of the windows' sum of hops: hop number h ends before frame h * rate / 100, rounded down. */
RA_REALTIME static double ra_loudness_mean(const ra_loudness *m, double energy, uint64_t hop_count)
{
    uint64_t from = (m->hop_count - hop_count) * m->sample_rate_hz / RA_LOUDNESS_HOPS_A_SECOND;
    uint64_t to = m->hop_count * m->sample_rate_hz / RA_LOUDNESS_HOPS_A_SECOND;
    return to > from ? energy / (double)(to - from) : 0.0;
}

/* NaN, which stands for "no value", when there is nothing to take the logarithm of. */
RA_REALTIME static double ra_loudness_lufs(double energy) { return energy > 0.0 ? -0.691 + 10.0 * ra_log10(energy) : __builtin_nan(""); }
RA_REALTIME static double ra_level_db(double amplitude)   { return amplitude > 0.0 ? ra_db_from_amplitude(amplitude) : __builtin_nan(""); }

/* For an energy above the absolute gate; below it, 0. */
RA_REALTIME static uint32_t ra_loudness_bin(double energy)
{
    double bin = energy > 0.0 ? (ra_loudness_lufs(energy) - RA_LOUDNESS_FLOOR_LUFS) * RA_LOUDNESS_BINS_A_LU : 0.0;
    return (uint32_t)ra_clamp(bin, 0.0, RA_LOUDNESS_BINS - 1);
}

RA_REALTIME static void ra_loudness_count_block(ra_loudness_histogram *h, double energy)
{
    if (!(ra_loudness_lufs(energy) > RA_LOUDNESS_FLOOR_LUFS)) return;
    uint32_t bin = ra_loudness_bin(energy);
    h->counts[bin]++;
    h->energies[bin] += energy;
    h->block_count++;
    h->energy += energy;
    if (bin >= h->end_bin) h->end_bin = bin + 1;
}

/* The first bin above a gate that lies so much (0.1: 10 LU) below the mean of all. */
RA_REALTIME static uint32_t ra_loudness_gate(const ra_loudness_histogram *h, double share)
{
    double gate = h->block_count ? share * h->energy / (double)h->block_count : 0.0;
    uint32_t bin = ra_loudness_bin(gate);
    bool is_above = h->energies[bin] > gate * h->counts[bin];       /* the gate's own bin goes where its mean goes */
    return is_above ? bin : bin + 1;
}

/* Integrated: the mean of the blocks not more than 10 LU below the mean. */
RA_REALTIME static double ra_loudness_integrated(const ra_loudness_histogram *h)
{
    double energy = 0.0;
    uint64_t count = 0;
    for (uint32_t bin = ra_loudness_gate(h, 0.1); bin < h->end_bin; bin++) { energy += h->energies[bin]; count += h->counts[bin]; }
    return count ? ra_loudness_lufs(energy / (double)count) : __builtin_nan("");
}

/* Range: of the blocks not more than 20 LU below the mean, from the 10th percentile to the 95th, each the nearest
   in rank: round((n - 1) * share) from below, counted from 0. [EBU3342] */
RA_REALTIME static double ra_loudness_range(const ra_loudness_histogram *h)
{
    uint32_t gate = ra_loudness_gate(h, 0.01);
    uint64_t count = 0, seen = 0;
    for (uint32_t bin = gate; bin < h->end_bin; bin++) count += h->counts[bin];
    if (count == 0) return __builtin_nan("");
    uint64_t low_rank = ((count - 1) * 10 + 50) / 100, high_rank = ((count - 1) * 95 + 50) / 100;
    double low = 0.0, high = 0.0;
    for (uint32_t bin = gate; bin < h->end_bin; bin++) {
        if (h->counts[bin] == 0) continue;
        double mean = h->energies[bin] / h->counts[bin];
        if (seen <= low_rank) low = mean;
        if (seen <= high_rank) high = mean;
        seen += h->counts[bin];
    }
    return ra_loudness_lufs(high) - ra_loudness_lufs(low);
}

/* Ten milliseconds are over (below 100 Hz there are hops without a frame, too). */
RA_REALTIME static void ra_loudness_end_hops(ra_loudness *m)
{
    while (m->hop_left == 0) {
        double energy = 0.0, step = 0.0, momentary = 0.0, short_term = 0.0;
        for (uint32_t index = 0; index < m->pair_count; index++) {
            ra_loudness_pair *pair = &m->pairs[index];
            ra_f64x2 *memories[] = { &pair->shelf_p, &pair->shelf_q, &pair->shelf_y, &pair->high_p, &pair->high_q, &pair->high_y };
            for (int memory = 0; memory < 6; memory++) *memories[memory] = (ra_f64x2){ ra_flush((*memories[memory])[0]), ra_flush((*memories[memory])[1]) };
            energy += pair->weight[0] * pair->energy[0] + pair->weight[1] * pair->energy[1];
            pair->energy = (ra_f64x2){ 0.0, 0.0 };
        }
        /* Sums are made anew from 20 hops, never carried on by adding and taking away: nothing drifts. */
        m->hops[m->hop_count % RA_LOUDNESS_STEP] = energy;
        for (int hop = 0; hop < RA_LOUDNESS_STEP; hop++) step += m->hops[hop];
        m->steps[m->hop_count++ % RA_LOUDNESS_SHORT] = step;
        uint32_t at = (uint32_t)((m->hop_count - 1) % RA_LOUDNESS_SHORT);
        for (int back = 0; back < RA_LOUDNESS_SHORT; back += RA_LOUDNESS_STEP) {
            if (back == RA_LOUDNESS_MOMENTARY) momentary = short_term;
            short_term += m->steps[at];
            at = at >= RA_LOUDNESS_STEP ? at - RA_LOUDNESS_STEP : at + RA_LOUDNESS_SHORT - RA_LOUDNESS_STEP;
        }
        bool is_block = m->hop_count % RA_LOUDNESS_BLOCK_STEP == 0;
        if (m->hop_count >= RA_LOUDNESS_MOMENTARY) {
            m->momentary = ra_loudness_mean(m, momentary, RA_LOUDNESS_MOMENTARY);
            if (m->momentary > m->momentary_max) m->momentary_max = m->momentary;
            if (is_block) ra_loudness_count_block(&m->blocks, m->momentary);
        }
        if (m->hop_count >= RA_LOUDNESS_SHORT) {
            m->short_term = ra_loudness_mean(m, short_term, RA_LOUDNESS_SHORT);
            if (m->short_term > m->short_term_max) m->short_term_max = m->short_term;
            if (is_block) ra_loudness_count_block(&m->ranges, m->short_term);
        }
        uint64_t end = (m->hop_count + 1) * m->sample_rate_hz / RA_LOUDNESS_HOPS_A_SECOND;
        m->hop_left = (uint32_t)(end - m->hop_count * m->sample_rate_hz / RA_LOUDNESS_HOPS_A_SECOND);
    }
}

RA_REALTIME RA_API void ra_loudness_reset(ra_loudness *m)
{
    memset(m->pairs, 0, sizeof *m - offsetof(ra_loudness, pairs));
    memset(m->window, 0, (size_t)RA_TRUE_PEAK_HISTORY * m->channels * sizeof(float));
    for (uint32_t index = 0; index < m->pair_count; index++) {
        ra_loudness_pair *pair = &m->pairs[index];
        pair->left = 2 * index;
        pair->right = 2 * index + 1 < m->channels ? 2 * index + 1 : 2 * index;
        pair->weight[0] = ra_loudness_weight(m->channels, pair->left);
        pair->weight[1] = pair->right != pair->left ? ra_loudness_weight(m->channels, pair->right) : 0.0;
    }
    m->momentary = m->short_term = m->momentary_max = m->short_term_max = -1.0;
    m->hop_left = m->sample_rate_hz / RA_LOUDNESS_HOPS_A_SECOND;
    ra_loudness_end_hops(m);
}

RA_API ra_result ra_loudness_create(uint32_t channels, uint32_t sample_rate_hz, bool has_true_peak, ra_loudness **out)
{
    *out = NULL;
    if (channels < 1 || channels > RA_LOUDNESS_CHANNELS_MAX || sample_rate_hz < 1 || sample_rate_hz > 768000) return RA_BAD_ARGUMENT;
    ra_loudness *meter = ra_new(1, sizeof *meter);
    if (!meter) return RA_NO_MEMORY;
    meter->window = ra_new((uint64_t)(RA_TRUE_PEAK_HISTORY + RA_LOUDNESS_PIECE_FRAMES) * channels + 4, sizeof(float));
    if (!meter->window) { ra_loudness_destroy(meter); return RA_NO_MEMORY; }
    meter->channels = channels;
    meter->pair_count = (channels + 1) / 2;
    meter->sample_rate_hz = sample_rate_hz;
    meter->has_true_peak = has_true_peak;
    meter->weighting = ra_k_weighting_design(sample_rate_hz);
    ra_true_peak_design(meter);
    ra_loudness_reset(meter);
    *out = meter;
    return RA_OK;
}

RA_SMALL_CODE_END

/* ---- every sample ---- */

/* Sizes as the bits of floats without their sign: in that order whole numbers and floats agree, and NaN is the largest. */
RA_INLINE ra_i32x4 ra_sizes4(ra_f32x4 x)                 { return (ra_i32x4)x & 0x7fffffff; }
RA_INLINE ra_i32x4 ra_larger4(ra_i32x4 a, ra_i32x4 b)    { ra_i32x4 is_a = a > b; return (a & is_a) | (b & ~is_a); }
RA_INLINE float ra_largest4(ra_i32x4 sizes)
{
    int32_t largest = sizes[0];
    for (int lane = 1; lane < 4; lane++) if (sizes[lane] > largest) largest = sizes[lane];
    float size;
    memcpy(&size, &largest, sizeof size);
    return size;
}

/* The largest size of sample_count samples; up to 3 zeros behind them are read as well. */
RA_REALTIME static float ra_loudness_peak(const float *samples, size_t sample_count)
{
    ra_i32x4 largest = { 0, 0, 0, 0 };
    for (size_t at = 0; at < sample_count; at += 4) largest = ra_larger4(ra_sizes4(ra_load4(samples + at)), largest);
    return ra_largest4(largest);
}

/* The largest interpolated sample. Interleaved samples stay where they are: a vector holds four neighbours, whatever
   their channels, and the next frame of each is channels further on. From the end to the start, where the vectors reach
   back over samples whose turn has been; that does not change a maximum. */
RA_REALTIME static float ra_true_peak_of(const ra_loudness *m, const float *samples, size_t sample_count)
{
    ra_i32x4 largest = { 0, 0, 0, 0 };
    size_t channels = m->channels;
    for (size_t left = sample_count; left; left = left > 8 ? left - 8 : 0) {
        const float *newest = samples + left - 8, *oldest = newest - (RA_TRUE_PEAK_TAPS - 1) * channels;
        ra_f32x4 sum[2] = { { 0 }, { 0 } }, difference[2] = { { 0 }, { 0 } }, middle[2] = { { 0 }, { 0 } };
        for (int pair = 0; pair < RA_TRUE_PEAK_PAIRS; pair++, oldest += channels, newest -= channels)
            for (int half = 0; half < 2; half++) {
                ra_f32x4 first = ra_load4(oldest + 4 * half), last = ra_load4(newest + 4 * half), both = first + last;
                sum[half] += m->tap_sum[pair] * both;
                middle[half] += m->tap_middle[pair] * both;
                difference[half] += m->tap_difference[pair] * (first - last);
            }
        for (int half = 0; half < 2; half++) {           /* the larger of |s + d| and |s - d| is |s| + |d| */
            ra_f32x4 quarters = (ra_f32x4)ra_sizes4(sum[half]) + (ra_f32x4)ra_sizes4(difference[half]);
            largest = ra_larger4(ra_larger4((ra_i32x4)quarters, ra_sizes4(middle[half])), largest);
        }
    }
    return ra_largest4(largest);
}

/* Both filters and all sums of two channels. A filter y = b0 x + b1 x' + b2 x'' - a1 y' - a2 y'' is written so that of
   the last result only a1 y' is waited for: p is all the rest of the past, q the part of the next p that is known. */
RA_REALTIME static void ra_loudness_weigh(const ra_k_weighting *weighting, ra_loudness_pair *pair, const float *samples, size_t stride, uint32_t frame_count)
{
    const ra_k_weighting k = *weighting;
    ra_loudness_pair s = *pair;
    for (const float *left = samples + s.left, *right = samples + s.right, *end = left + frame_count * stride; left != end; left += stride, right += stride) {
        ra_f64x2 x = { *left, *right };
        s.sum += x;
        s.square += x * x;
        ra_f64x2 u = (k.b0 * x + s.shelf_p) - k.a1 * s.shelf_y;
        s.shelf_p = k.b1 * x + s.shelf_q;
        s.shelf_q = k.b2 * x - k.a2 * u;
        s.shelf_y = u;
        ra_f64x2 y = (u + s.high_p) - k.high_a1 * s.high_y;
        s.high_p = s.high_q - (u + u);
        s.high_q = u - k.high_a2 * y;
        s.high_y = y;
        s.energy += y * y;
    }
    *pair = s;
}

RA_REALTIME RA_API void ra_loudness_add(ra_loudness *m, const float *frames, size_t frame_count)
{
    size_t history = (size_t)RA_TRUE_PEAK_HISTORY * m->channels;
    float *samples = m->window + history;
    while (frame_count) {
        uint32_t run = m->hop_left < RA_LOUDNESS_PIECE_FRAMES ? m->hop_left : RA_LOUDNESS_PIECE_FRAMES;
        if (frame_count < run) run = (uint32_t)frame_count;
        size_t sample_count = (size_t)run * m->channels;
        memcpy(samples, frames, sample_count * sizeof(float));
        memset(samples + sample_count, 0, 4 * sizeof(float));
        float peak = ra_loudness_peak(samples, sample_count);
        if (!ra_is_sound(peak)) {                        /* one of them is a NaN or as bad: those are silence */
            for (size_t n = 0; n < sample_count; n++) if (!ra_is_sound(samples[n])) { samples[n] = 0.0f; m->bad_samples++; }
            peak = ra_loudness_peak(samples, sample_count);
        }
        if (peak >= 1.0f) for (size_t n = 0; n < sample_count; n++) m->clipped_samples += __builtin_fabsf(samples[n]) >= 1.0f;
        if (peak > m->sample_peak) m->sample_peak = peak;
        if (m->has_true_peak) {
            if (peak > m->true_peak) m->true_peak = peak;
            /* Taps can only lift so far: a piece that could not pass the highest peak so far is not interpolated. */
            float around = peak > m->history_peak ? peak : m->history_peak;
            if (around * m->peak_growth > m->true_peak) {
                float between = ra_true_peak_of(m, samples, sample_count);
                if (between > m->true_peak) m->true_peak = between;
            }
            m->history_peak = run >= RA_TRUE_PEAK_HISTORY ? peak : around;
        }
        for (uint32_t index = 0; index < m->pair_count; index++) ra_loudness_weigh(&m->weighting, &m->pairs[index], samples, m->channels, run);
        if (m->has_true_peak) memmove(m->window, samples + sample_count - history, history * sizeof(float));
        frames += sample_count;
        frame_count -= run;
        m->frame_count += run;
        m->hop_left -= run;
        ra_loudness_end_hops(m);
    }
}

/* The true peak of some frames of a longer sound, if it is more than least, by the taps of a meter: the largest of all
   its parts is what a meter says that has heard the whole. window: room for (RA_TRUE_PEAK_HISTORY + RA_LOUDNESS_PIECE_FRAMES)
   frames and 4 samples, of which those are 0. */
static float ra_true_peak_of_range(const ra_loudness *m, const float *frames, uint64_t first, uint64_t frame_count, float least, float *window)
{
    size_t channels = m->channels, history = RA_TRUE_PEAK_HISTORY * channels;
    for (uint64_t end = first + frame_count; first < end; first += RA_LOUDNESS_PIECE_FRAMES) {
        size_t sample_count = (size_t)(end - first < RA_LOUDNESS_PIECE_FRAMES ? end - first : RA_LOUDNESS_PIECE_FRAMES) * channels;
        size_t before = first < RA_TRUE_PEAK_HISTORY ? (size_t)first * channels : history;
        memset(window, 0, (history - before) * sizeof(float));
        memcpy(window + history - before, frames + first * channels - before, (before + sample_count) * sizeof(float));
        memset(window + history + sample_count, 0, 4 * sizeof(float));
        float around = ra_loudness_peak(window, history + sample_count);
        if (!ra_is_sound(around)) {
            for (size_t n = 0; n < history + sample_count; n++) if (!ra_is_sound(window[n])) window[n] = 0.0f;
            around = ra_loudness_peak(window, history + sample_count);
        }
        if (!(around * m->peak_growth > least)) continue;
        if (around > least) least = around;              /* the history's too: it belongs to a part before */
        float between = ra_true_peak_of(m, window + history, sample_count);
        if (between > least) least = between;
    }
    return least;
}

RA_SMALL_CODE_BEGIN

/* ---- what it says ---- */

RA_REALTIME RA_API void ra_loudness_get(const ra_loudness *m, ra_loudness_report *out)
{
    double square = 0.0, offset = 0.0, frame_count = (double)m->frame_count;
    for (uint32_t channel = 0; channel < m->channels; channel++) {
        const ra_loudness_pair *pair = &m->pairs[channel / 2];
        square += pair->square[channel & 1];
        if (ra_abs(pair->sum[channel & 1]) > ra_abs(offset)) offset = pair->sum[channel & 1];
    }
    *out = (ra_loudness_report){
        .momentary_lufs      = ra_loudness_lufs(m->momentary),
        .short_term_lufs     = ra_loudness_lufs(m->short_term),
        .momentary_max_lufs  = ra_loudness_lufs(m->momentary_max),
        .short_term_max_lufs = ra_loudness_lufs(m->short_term_max),
        .integrated_lufs     = ra_loudness_integrated(&m->blocks),
        .loudness_range_lu   = ra_loudness_range(&m->ranges),
        .true_peak_dbtp      = ra_level_db(m->true_peak),
        .sample_peak_db      = ra_level_db(m->sample_peak),
        .rms_db              = m->frame_count ? ra_level_db(ra_sqrt(square / (frame_count * m->channels))) : __builtin_nan(""),
        .dc_offset           = m->frame_count ? offset / frame_count : __builtin_nan(""),
        .clipped_samples     = m->clipped_samples,
        .bad_samples         = m->bad_samples,
    };
}

RA_API double ra_normalise_gain_db(const ra_loudness_report *report, ra_normalise_kind kind, double target_db, double ceiling_dbtp)
{
    double level = kind == RA_NORMALISE_LUFS ? report->integrated_lufs : kind == RA_NORMALISE_RMS ? report->rms_db : report->sample_peak_db;
    double peak = report->true_peak_dbtp == report->true_peak_dbtp ? report->true_peak_dbtp : report->sample_peak_db;
    double gain = target_db - level;
    if (gain != gain) return 0.0;                        /* NaN: there is nothing to go by, or nowhere to go */
    gain = ra_clamp(gain, -RA_NORMALISE_GAIN_MAX_DB, RA_NORMALISE_GAIN_MAX_DB);
    double room = (ceiling_dbtp == ceiling_dbtp ? ceiling_dbtp : RA_NORMALISE_CEILING_DBTP) - peak;
    return room < gain ? room : gain;
}

RA_SMALL_CODE_END

/* ============================================================================
   [9] SOURCES - tones, clips, the built-in loop and the clip player
   ----------------------------------------------------------------------------
   owns     ra_generate, ra_clip (audio in memory), ra_stream (audio in a file, of which
            pieces are in memory), ra_player (clip to frames)
   calls    [2] BASE; [4] CONCURRENCY: ra_cache_*; [6] FILTERS: ra_glide_*, ra_resampler_*
   threads  clips are made and freed on the control thread, or in a job; the
            player belongs to the audio thread
   source   down-mixing: [WEBAUDIO]; noise: [SPLITMIX], [VOSS]; waves: [DLMF]
   tests    test.c "sources"
   ============================================================================ */

/* ---- tones: every sample is made from its number alone, so a signal may be cut, and begun, anywhere ---- */

__extension__ typedef unsigned __int128 ra_u128;

/* hz / rate in turns of 2^-128, rounded up: n times that, modulo 2^128, is where a tone stands at frame n, exact to
   2^-64 of a turn for any n of 64 bits. Silence, 0, for what is not from 0 to below half the rate, NaN too. */
static ra_u128 ra_tone_step(double hz, uint32_t rate)
{
    if (!(hz >= 0.0 && hz < 0.5 * rate)) return 0;
    ra_u128 whole = (ra_u128)(hz * 0x1p64), rest = whole % rate << 64;
    return (whole / rate << 64) + rest / rate + (rest % rate != 0);
}

/* The turn that begins with 2^-64 parts, -1/2 .. 1/2. */
static double ra_tone_turn(ra_u128 turns) { return (double)(int64_t)(turns >> 64) * 0x1p-64; }

/* Si(z), the integral of sin(t) / t from 0, for z >= 0; who calls knows the sine and cosine of z. [DLMF] 6.10.6: z times the
   squares of all spherical Bessel functions of z / 2, which recur downwards, 10.51.1, and are scaled by 10.60.12; 6.12.3
   far out. Both err below 1e-11. */
static double ra_sine_integral(double z, double sine, double cosine)
{
    if (z < 1e-6) return z;
    if (z < 32.0) {
        double w = 0.5 * z, above = 0.0, here = 1.0, sum = 0.0, all = 0.0;
        for (int n = 10 + (int)z; n >= 0; n--) {
            double square = here * here, below = (2 * n + 1) / w * here - above;
            sum += square;
            all += (2 * n + 1) * square;
            above = here;
            here = below;
        }
        return z * sum / all;
    }
    double r = 1.0 / (z * z), f = 1.0, g = 1.0;
    for (int n = 11; n >= 1; n -= 2) { f = 1.0 - n * (n + 1) * r * f; g = 1.0 - (n + 1) * (n + 2) * r * g; }
    return 0.5 * RA_PI - f / z * cosine - g * r * sine;
}

enum { RA_WAVE_SUMMED = 32 };          /* up to so many partials are summed one by one */

/* A square, saw or triangle as its Fourier series with partial_count partials, all below half the rate. For many of them
   the series is the integral of their common kernel: sum of sin kx / k, k = 1..n, is the integral I of sin mt / (2 sin t/2)
   from 0 to x, m = n + 1/2, less x / 2; for odd k, n of them, it is I / 2 to 2x with m = n, whose integral is the triangle.
   With g(t) = 1 / (2 sin t/2) - 1 / t, which is smooth, I = Si(mx) - cos(mx) g / m + sin(mx) g' / m^2 + cos(mx) g'' / m^3 - ...,
   by parts. With more than RA_WAVE_SUMMED partials the next term is below 2.5e-8, less than half of a float's rounding, and that
   way is no slower. */
static double ra_wave(ra_tone_kind kind, uint64_t turn, uint64_t partial_count)
{
    const uint64_t half = 1ull << 63;
    bool is_saw = kind == RA_TONE_SAW, is_triangle = kind == RA_TONE_TRIANGLE;
    double scale = is_saw ? -1.0 / 1.85193705198246617 : is_triangle ? 8.0 / (RA_PI * RA_PI) : 1.0;      /* 1.85..: Si(pi) */
    if (is_saw) turn += half;                            /* the series falls, and jumps at 0: ours half a turn later */
    if (is_triangle) turn -= half / 2;                   /* a series of cosines */
    if (turn > half) { turn = -turn; if (!is_triangle) scale = -scale; }
    if (!is_saw) {
        if (turn > half / 2) { turn = half - turn; if (is_triangle) scale = -scale; }
        turn *= 2;
    }
    double y = (double)turn * (RA_TAU * 0x1p-64);        /* 0 .. pi: of the fundamental, for odd partials twice that */
    if (partial_count <= RA_WAVE_SUMMED) {               /* Clenshaw's recurrence */
        double twice = 2.0 * ra_cos(y), b0 = 0.0, b1 = 0.0;
        for (int k = (int)partial_count; k >= 1; k--) {
            double order = is_saw ? k : 2 * k - 1, b = 1.0 / (is_triangle ? order * order : order) + (twice * b0 - b1);
            b1 = b0;
            b0 = b;
        }
        return scale * (is_saw ? ra_sin(y) * b0 : is_triangle ? ra_cos(0.5 * y) * (b0 - b1) : ra_sin(0.5 * y) * (b0 + b1));
    }
    double m = (double)partial_count, g0 = y / 24.0, g1 = 1.0 / 24.0, g2 = 7.0 / 960.0 * y;
    uint64_t place = partial_count * turn;               /* of mx, in whole numbers: it may be millions of turns */
    if (is_saw) { m += 0.5; place += turn / 2; }
    double angle = (double)(int64_t)place * (RA_TAU * 0x1p-64), sine = ra_sin(angle), cosine = ra_cos(angle), z = m * y, si = ra_sine_integral(z, sine, cosine);
    if (z > 1.0) {                                       /* before that the differences would cancel */
        double s = 0.5 / ra_sin(0.5 * y), c = ra_cos(0.5 * y), r = 1.0 / y;
        g0 = s - r;
        g1 = r * r - c * s * s;
        g2 = (1.0 + c * c) * s * s * s - 2.0 * r * r * r;
    }
    double by_parts = (sine * g1 / m - cosine * (g0 - g2 / (m * m))) / m;
    if (is_saw) return scale * (si + by_parts - 0.5 * y);
    if (!is_triangle) return scale * 0.5 * (si + by_parts);
    return scale * (RA_PI * RA_PI / 8.0 - 0.25 * (y * si + (cosine - (sine * g0 + 2.0 * cosine * g1 / m) / m) / m));
}

/* Pink noise: rows of random signs, one for every 2^row frames, with straight lines between them [VOSS]. The sum of rows of
   equal power stays within 0.15 dB of 3.01 dB an octave; the first rows' own weights keep it within 0.35 dB up to 0.45 of the rate. */
enum { RA_PINK_ROWS = 17 };
static void ra_generate_pink(double amplitude, uint64_t seed, uint64_t first_frame, float *samples, size_t frame_count)
{
    double from[RA_PINK_ROWS], way[RA_PINK_ROWS];
    for (size_t frame = 0; frame < frame_count; frame++) {
        double sum = 0.0;
        for (int row = 0; row < RA_PINK_ROWS; row++) {
            static const double weights[] = { 1.0954, 1.2586, 1.0703, 1.0586 };
            double weight = (row < 4 ? weights[row] : 1.0) / (13.0 + 4.4829);
            uint64_t n = first_frame + frame + (0x15555u >> (RA_PINK_ROWS - 1 - row)), place = n & ((1u << row) - 1);     /* each row turns at a third of its own length */
            if (frame == 0 || place == 0) {
                uint64_t key = ra_mix_bits(seed + (uint64_t)row * 0x9e3779b97f4a7c15ull) + (n >> row);
                from[row] = ra_mix_bits(key) >> 63 ? weight : -weight;
                way[row] = ((ra_mix_bits(key + 1) >> 63 ? weight : -weight) - from[row]) / (1u << row);
            }
            sum += from[row] + way[row] * (double)place;
        }
        samples[frame] = (float)(amplitude * sum);
    }
}

/* Turns of a sweep after t seconds, t <= duration_s: the integral of its frequency. growth, per second, is of an exponential one. */
static double ra_sweep_turns(const ra_tone *tone, double growth, double t)
{
    if (tone->kind == RA_TONE_LINEAR_SWEEP) return (tone->start_hz + 0.5 * (tone->end_hz - tone->start_hz) * t / tone->duration_s) * t;
    double x = growth * t;
    return tone->start_hz * (ra_abs(x) < 1e-5 ? t * (1.0 + x / 2.0 + x * x / 6.0) : (ra_exp(x) - 1.0) / growth);    /* near 0 exp(x) - 1 would cancel */
}

RA_API void ra_generate(const ra_tone *tone, uint32_t sample_rate_hz, uint64_t first_frame, float *samples, size_t frame_count)
{
    enum { TONES_MAX = 64 };
    double amplitude = ra_amplitude_from_db(tone->level_db), rate = sample_rate_hz;
    if (!(amplitude < 1e8)) amplitude = 0.0;
    if (tone->kind == RA_TONE_PINK) { ra_generate_pink(amplitude, tone->seed, first_frame, samples, frame_count); return; }
    if (tone->kind == RA_TONE_NOISE) {
        for (size_t frame = 0; frame < frame_count; frame++)
            samples[frame] = (float)(amplitude * ra_uniform(ra_mix_bits(tone->seed * 0x9e3779b97f4a7c15ull + first_frame + frame)));
        return;
    }
    /* where to, if anywhere */
    bool is_multiple = tone->kind == RA_TONE_MULTITONE, is_linear = tone->kind == RA_TONE_LINEAR_SWEEP;
    bool has_way = tone->start_hz < 0.5 * rate && tone->end_hz < 0.5 * rate && tone->end_hz != tone->start_hz && (is_linear ? tone->start_hz >= 0 && tone->end_hz >= 0 : tone->start_hz > 0 && tone->end_hz > 0);
    bool is_sweep = has_way && (is_linear || tone->kind == RA_TONE_SWEEP) && tone->duration_s > 0;
    uint32_t tone_count = !is_multiple || !has_way ? 1 : tone->tone_count == 0 ? 32 : tone->tone_count < TONES_MAX ? tone->tone_count : TONES_MAX;
    ra_u128 steps[TONES_MAX], turns[TONES_MAX];
    for (uint32_t k = 0; k < tone_count; k++) {
        double hz = k ? tone->start_hz * ra_exp(ra_log(tone->end_hz / tone->start_hz) * k / (tone_count - 1)) : tone->start_hz;
        steps[k] = ra_tone_step(is_sweep ? tone->end_hz : hz, sample_rate_hz);
        turns[k] = steps[k] * first_frame + (((ra_u128)(k * k % (2 * tone_count)) << 64) / (2 * tone_count) << 64);      /* [NEWMAN]: phases of pi k^2 / count */
    }
    /* after its time a sweep stays where it has arrived */
    double growth = is_sweep && !is_linear ? ra_log(tone->end_hz / tone->start_hz) / tone->duration_s : 0.0;      /* equal time per octave */
    double arrived = is_sweep ? ra_sweep_turns(tone, growth, tone->duration_s) - tone->end_hz * tone->duration_s : 0.0;
    bool is_wave = (tone->kind == RA_TONE_SQUARE || tone->kind == RA_TONE_SAW || tone->kind == RA_TONE_TRIANGLE) && steps[0];
    double harmonics = is_wave ? 0.5 * rate / tone->start_hz : 0.0;                      /* the whole numbers below that */
    uint64_t partial_count = harmonics < 4294967296.0 ? (uint64_t)harmonics - (is_wave && harmonics == ra_floor(harmonics)) : 1ull << 32;
    if (tone->kind != RA_TONE_SAW) partial_count = (partial_count + 1) / 2;
    for (size_t frame = 0; frame < frame_count; frame++) {
        double sum = 0.0, t = (double)(first_frame + frame) / rate;
        if (tone->kind == RA_TONE_IMPULSE) sum = turns[0] < steps[0] || (first_frame + frame == 0 && tone->start_hz >= 0.0 && tone->start_hz < 0.5 * rate);
        else if (is_wave) sum = ra_wave(tone->kind, (uint64_t)(turns[0] >> 64), partial_count);
        else if (is_sweep) {
            double turn = t < tone->duration_s ? ra_sweep_turns(tone, growth, t) : ra_tone_turn(turns[0]) + arrived;
            sum = ra_sin(RA_TAU * (turn - ra_floor(turn)));
        } else for (uint32_t k = 0; k < tone_count; k++) sum += steps[k] ? ra_sin(RA_TAU * ra_tone_turn(turns[k])) : 0.0;
        samples[frame] = (float)(amplitude / tone_count * sum);
        for (uint32_t k = 0; k < tone_count; k++) turns[k] += steps[k];
    }
}

/* ---- clips ---- */

enum { RA_RUN_MAX = 16 };

struct ra_stream {
    ra_wav_info info;                  /* of the file */
    uint32_t  source, channels;        /* channels: of the clip */
    ra_cache pieces;
    /* where the audio thread is; writer: it; relaxed: hints for what to read next */
    _Atomic uint64_t position, loop_start, loop_end;      /* start: RA_NO_JUMP without a loop */
    _Atomic uint32_t is_playing;       /* it was this clip's turn */
    /* control thread */
    ra_stream *next, **link;           /* in its engine's list, and what points to it there; NULL: in none */
    uint64_t  run_first;               /* the read under way: pieces from this one on, */
    uint32_t  run;                     /* so many, 0: none, */
    ra_slot  *run_slots[RA_RUN_MAX];   /* for these slots */
    uint8_t  *run_bytes;
    bool      has_failed;              /* the file can be read no further */
};

static void ra_stream_leave(ra_stream *stream)
{
    if (!stream->link) return;
    *stream->link = stream->next;
    if (stream->next) stream->next->link = stream->link;
    stream->link = NULL;
    stream->pieces.visits = NULL;
}

static void ra_stream_destroy(ra_stream *stream)
{
    if (!stream) return;
    ra_stream_leave(stream);
    for (uint32_t slot = 0; slot < stream->pieces.slot_count; slot++) RA_FREE(stream->pieces.slots[slot].samples);
    RA_FREE((void *)stream->pieces.list);
    RA_FREE(stream->run_bytes);
    RA_FREE(stream);
}

RA_API void ra_clip_destroy(ra_clip *clip)
{
    if (!clip || clip->keeper_count--) return;
    ra_stream_destroy(clip->stream);
    RA_FREE(clip->samples);
    RA_FREE(clip);
}

RA_API ra_clip *ra_clip_keep(ra_clip *clip) { clip->keeper_count++; return clip; }

/* Without clearing the samples: for who fills them anyway, and has no time to do it twice. */
static ra_result ra_clip_create_unfilled(uint64_t frame_count, uint32_t channels, uint32_t sample_rate_hz, ra_clip **out)
{
    *out = NULL;
    if (channels < 1 || channels > 64 || sample_rate_hz < 1 || sample_rate_hz > 768000) return RA_BAD_ARGUMENT;
    size_t byte_count = frame_count <= UINT64_MAX / channels ? ra_checked_size(frame_count ? frame_count * channels : 1, sizeof(float)) : 0;
    ra_clip *clip = byte_count ? ra_new(1, sizeof *clip) : NULL;
    if (!clip) return RA_NO_MEMORY;
    clip->samples = RA_MALLOC(byte_count);
    if (!clip->samples) { ra_clip_destroy(clip); return RA_NO_MEMORY; }
    clip->frame_count = frame_count;
    clip->channels = channels;
    clip->sample_rate_hz = sample_rate_hz;
    *out = clip;
    return RA_OK;
}

RA_API ra_result ra_clip_create(uint64_t frame_count, uint32_t channels, uint32_t sample_rate_hz, ra_clip **out)
{
    ra_result result = ra_clip_create_unfilled(frame_count, channels, sample_rate_hz, out);
    if (result == RA_OK) memset((*out)->samples, 0, ra_checked_size(frame_count * channels, sizeof(float)));
    return result;
}

/* Two channels from any number; see ra_clip_to_stereo. */
static void ra_mix_to_stereo(const float *in, uint32_t channels, float *out, size_t frame_count)
{
    const float root_half = 0.70710678f;
    for (size_t frame = 0; frame < frame_count; frame++, in += channels, out += 2) {
        switch (channels) {
        case 1: out[0] = out[1] = in[0]; break;
        case 2: out[0] = in[0]; out[1] = in[1]; break;
        case 4: out[0] = 0.5f * (in[0] + in[2]); out[1] = 0.5f * (in[1] + in[3]); break;
        case 6: out[0] = in[0] + root_half * (in[2] + in[4]); out[1] = in[1] + root_half * (in[2] + in[5]); break;
        default: {
            float sum[2] = { 0, 0 };
            for (uint32_t channel = 0; channel < channels; channel++) sum[channel & 1] += in[channel];
            out[0] = sum[0] / (float)((channels + 1) / 2);
            out[1] = sum[1] / (float)(channels / 2);
        } }
    }
}

RA_API ra_result ra_clip_to_stereo(const ra_clip *clip, ra_clip **out)
{
    ra_result result = ra_clip_create(clip->frame_count, 2, clip->sample_rate_hz, out);
    if (result == RA_OK) ra_mix_to_stereo(clip->samples, clip->channels, (*out)->samples, (size_t)clip->frame_count);
    return result;
}

RA_API ra_result ra_clip_resample(const ra_clip *clip, uint32_t sample_rate_hz, ra_clip **out)
{
    ra_resampler *r;
    *out = NULL;
    if (sample_rate_hz < 1 || sample_rate_hz > 768000) return RA_BAD_ARGUMENT;
    ra_result result = ra_resampler_create(clip->sample_rate_hz, sample_rate_hz, clip->channels, &r);
    if (result) return result;
    bool is_same = clip->sample_rate_hz == sample_rate_hz;
    result = ra_clip_create_unfilled(is_same ? clip->frame_count : ra_resampler_frames(r, clip->frame_count), clip->channels, sample_rate_hz, out);
    if (result == RA_OK && is_same) memcpy((*out)->samples, clip->samples, (size_t)(clip->frame_count * clip->channels) * sizeof(float));
    else if (result == RA_OK) ra_clip_resample_range(clip, UINT64_MAX, r, 0, (*out)->frame_count, (*out)->samples);
    ra_resampler_destroy(r);
    return result;
}

static ra_peak ra_peak_of(const float *samples, uint64_t sample_count)
{
    float low = 0, high = 0;
    double power = 0;
    for (uint64_t sample = 0; sample < sample_count; sample++) {
        float value = ra_is_sound(samples[sample]) ? samples[sample] : 0.0f;
        if (sample == 0 || value < low) low = value;
        if (sample == 0 || value > high) high = value;
        power += (double)value * value;
    }
    return (ra_peak){ low, high, sample_count ? (float)ra_sqrt(power / (double)sample_count) : 0.0f };
}

RA_API void ra_clip_peaks(const ra_clip *clip, uint64_t first_column, uint64_t last_column, uint64_t column_count, ra_peak *columns)
{
    for (uint64_t column = first_column; column < last_column; column++) {
        /* frame_count * column would overflow only beyond 2^64 / columns frames: none that fits in memory */
        uint64_t first = clip->frame_count * column / column_count, last = clip->frame_count * (column + 1) / column_count;
        if (last <= first) last = first + 1;
        if (last > clip->frame_count) last = clip->frame_count;
        columns[column - first_column] = ra_peak_of(clip->samples + first * clip->channels, first < last ? (last - first) * clip->channels : 0);
    }
}

RA_SMALL_CODE_BEGIN

/* ---- the built-in loop: four bars at 120 beats a minute, made by formula, so it weighs nothing ---- */

enum { RA_DEMO_RATE = 48000, RA_DEMO_STEP = RA_DEMO_RATE / 8, RA_DEMO_STEPS = 64, RA_DEMO_FRAMES = RA_DEMO_STEP * RA_DEMO_STEPS };
enum { RA_DEMO_ADDED = RA_DEMO_STEPS + 4 * 4, RA_DEMO_PARTS = RA_DEMO_ADDED + 3 * 4 };      /* parts: steps, voices of chords, quarters of what levels it */

typedef struct { double mean[2], peak; } ra_demo_level;

/* Adds a dying sine. It is turned by a complex rotation a sample, which is exact enough over a
   second in double precision, and its tail runs on from the end of the loop into its beginning. */
static void ra_demo_partial(float *frames, uint32_t step, double length_s, double hz, double amplitude, double attack_s, double decay_s, double pan)
{
    uint32_t length = (uint32_t)(length_s * RA_DEMO_RATE), at = step * RA_DEMO_STEP;
    double turn_re = ra_cos(RA_TAU * hz / RA_DEMO_RATE), turn_im = ra_sin(RA_TAU * hz / RA_DEMO_RATE), re = 1.0, im = 0.0;
    double envelope = amplitude, fall = ra_exp(-1.0 / (decay_s * RA_DEMO_RATE)), rise = attack_s * RA_DEMO_RATE;
    double left = ra_cos(RA_PI / 4 * (1.0 + pan)), right = ra_sin(RA_PI / 4 * (1.0 + pan));
    for (uint32_t n = 0; n < length; n++) {
        double edge = n < rise ? n / rise : length - n < 480 ? (length - n) / 480.0 : 1.0;      /* 10 ms out, whatever is left */
        double y = im * envelope * edge, next = re * turn_re - im * turn_im;
        im = re * turn_im + im * turn_re;
        re = next;
        envelope *= fall;
        frames[2 * at] += (float)(y * left);
        frames[2 * at + 1] += (float)(y * right);
        if (++at == RA_DEMO_FRAMES) at = 0;
    }
}

static void ra_demo_note(float *frames, uint32_t step, double length_s, double semitones_from_a4, double amplitude, int partials, double attack_s, double decay_s, double pan)
{
    double hz = 440.0 * ra_exp(RA_LN_10 * 0.30102999566398119521 * semitones_from_a4 / 12.0);     /* 2^(n/12) */
    for (int partial = 1; partial <= partials && hz * partial < 18000.0; partial++)
        ra_demo_partial(frames, step, length_s, hz * partial, amplitude / partial, attack_s, decay_s / (1.0 + 0.5 * (partial - 1)), pan);
}

/* A drum of noise: each sample minus the one before it, once or twice, leaves the high end only. */
static void ra_demo_noise(float *frames, uint32_t step, double decay_s, double amplitude, double brightness, uint64_t seed)
{
    double fall = ra_exp(-1.0 / (decay_s * RA_DEMO_RATE)), before = 0.0, envelope = amplitude;
    uint32_t at = step * RA_DEMO_STEP;
    for (uint32_t n = 0; n < (uint32_t)(8.0 * decay_s * RA_DEMO_RATE); n++) {
        double x = ra_uniform(ra_mix_bits(seed + n)), y = (x - brightness * before) * envelope;
        before = x;
        envelope *= fall;
        frames[2 * at] += (float)y;
        frames[2 * at + 1] += (float)(0.8 * y);
        if (++at == RA_DEMO_FRAMES) at = 0;
    }
}

/* Everything that begins at one of the 64 steps (sixteenths), or the voices of a chord, which a bar begins with. */
static void ra_demo_add(float *frames, uint32_t bar, uint32_t part)
{
    /* A minor 7, F major 7, C, G: a bar each, in semitones from A4 */
    static const int8_t chords[4][4] = { { 0, 3, 7, 10 }, { -4, 0, 3, 7 }, { 3, 7, 10, 14 }, { -2, 2, 5, 10 } };
    static const int8_t roots[4] = { -24, -28, -21, -26 };
    uint32_t step = part - 4, now = 16 * bar + step;
    if (part < 4) {
        for (int side = -1; side <= 1; side += 2)                         /* two voices a few cents apart make it wide */
            ra_demo_note(frames, 16 * bar, 2.2, chords[bar][part] - 12 + 0.06 * side, 0.06, 4, 0.25, 2.5, 0.8 * side);
        return;
    }
    if (1u << step & (1u << 0 | 1u << 3 | 1u << 6 | 1u << 8 | 1u << 11 | 1u << 14))
        ra_demo_note(frames, now, 0.34, roots[bar] + (step == 14 ? 12 : 0), 0.26, 6, 0.004, 0.25, 0.0);       /* bass */
    ra_demo_note(frames, now, 0.5, chords[bar][(step * 3 + bar) % 4] + 12, step % 4 ? 0.07 : 0.11, 5, 0.002, 0.16, step & 1 ? 0.5 : -0.5);
    if (step % 4 == 0) {                                                  /* kick: a long low sine and a short higher one */
        ra_demo_partial(frames, now, 0.28, 48.0, 0.55, 0.002, 0.10, 0.0);
        ra_demo_partial(frames, now, 0.06, 110.0, 0.35, 0.001, 0.02, 0.0);
    }
    if (step % 8 == 4) ra_demo_noise(frames, now, 0.045, 0.10, 0.4, 1000u * now);                             /* snare */
    if (step % 2 == 0) ra_demo_noise(frames, now, step % 4 == 2 ? 0.03 : 0.012, 0.035, 0.95, 7000u + 1000u * step);   /* hat */
}

/* Drums stick out: a gentle curve, x / sqrt(1 + x^2), brings the rest nearer to them; then the trace of
   direct current that decays leave is taken out, and the loudest sample set to -3 dBFS. */
static void ra_demo_finish(float *frames, uint32_t quarter, ra_demo_level *level)
{
    enum { RUN = 2 * RA_DEMO_FRAMES / 4 };
    float *end = frames + quarter % 4 * RUN + RUN;
    for (float *at = end - RUN; at < end; at++) {
        uint32_t side = (at - frames) & 1;
        if (quarter < 4) {
            double x = 1.6 * *at, y = x / ra_sqrt(1.0 + x * x);
            *at = (float)y;
            level->mean[side] += y / RA_DEMO_FRAMES;
        } else if (quarter < 8) {
            *at = (float)(*at - level->mean[side]);
            if (ra_abs(*at) > level->peak) level->peak = ra_abs(*at);
        } else *at = (float)(*at * (0.70794578 / level->peak));
    }
}

/* One part of the loop after another, about a millisecond each. */
static void ra_demo_make(float *frames, uint32_t part, ra_demo_level *level)
{
    if (part < RA_DEMO_ADDED) ra_demo_add(frames, part / 20, part % 20); else ra_demo_finish(frames, part - RA_DEMO_ADDED, level);
}

RA_API ra_result ra_clip_demo(ra_clip **out)
{
    ra_demo_level level = { .peak = 0 };
    ra_result result = ra_clip_create(RA_DEMO_FRAMES, 2, RA_DEMO_RATE, out);
    for (uint32_t part = 0; result == RA_OK && part < RA_DEMO_PARTS; part++) ra_demo_make((*out)->samples, part, &level);
    return result;
}

RA_SMALL_CODE_END

/* ---- the clip player ---- */

#define RA_NO_JUMP UINT64_MAX

/* A clip on its way through the player; serial tells it from others. */
typedef struct {
    const ra_clip *clip;
    const ra_resampler *resampler;     /* NULL when the clip has the engine's rate */
    uint32_t serial;
} ra_track;

/* What it does is always "fade out, then change": a play, a halt, a jump or another clip never clicks. Only where one frame is
   meant to follow another, at the end of a loop or from a clip to the next in the queue, does it follow: no fade, no frame more
   or less. A resampler then looks over the seam as if both sides were one clip, as long as they have one sample rate;
   clips of different rates end and begin in silence for its window, about a millisecond each, and the new one's first frame
   is the next frame out. */
typedef struct {
    const ra_clip *clip;               /* NULL: nothing loaded */
    const ra_resampler *resampler;     /* NULL when the clip has the engine's rate */
    uint32_t serial;
    uint64_t frame;                    /* where the next output frame comes from ... */
    uint32_t phase;                    /* ... plus phase / phase_count, when resampling */
    bool     wants_to_play, is_sounding, is_looping;
    bool     is_leaving;               /* for another clip, with a fade: the queue is for after that */
    uint64_t loop_start, loop_end;     /* end: RA_NO_JUMP, or the frame that start takes the place of */
    ra_glide fade;
    uint64_t jump_frame;               /* RA_NO_JUMP: none */
    uint32_t fade_frames;
    uint32_t queue_count, over_count;
    ra_track queue[RA_QUEUE_MAX];      /* the next one first */
    ra_track over[RA_QUEUE_MAX + 1];   /* those that have been played; the engine takes them away */
    bool     is_buffering;             /* wants to play, but waits for pieces of a stream */
    bool     has_run_dry;              /* ... because they came too late, not after a start or a jump */
    uint64_t underrun_frames;          /* of output, silent for that reason */
    bool     has_past;                 /* before frame origin something else was heard than the clip's own frames: this */
    uint64_t origin;
    float    past[RA_RESAMPLER_TAPS_MAX];     /* tap_count / 2 stereo frames */
} ra_player;

RA_SMALL_CODE_BEGIN

/* The frame after the last one of the loop; 0 when there is none. */
RA_REALTIME static uint64_t ra_player_loop_end(const ra_player *player)
{
    return player->clip ? player->loop_end < player->clip->frame_count ? player->loop_end : player->clip->frame_count : 0;
}

/* Where the frames that follow frame come to their end: at the loop's, if they are before it, or the clip's. */
RA_REALTIME static uint64_t ra_player_run_end(const ra_player *player)
{
    uint64_t loop_end = ra_player_loop_end(player);
    return player->is_looping && player->frame < loop_end ? loop_end : player->clip->frame_count;
}

/* The clip's samples from a frame on, *run frames in a row; NULL: they are not here. */
RA_REALTIME static const float *ra_clip_frames(const ra_clip *clip, uint64_t frame, uint64_t *run)
{
    *run = clip->frame_count - frame;
    if (!clip->stream) return clip->samples + frame * clip->channels;
    uint64_t at = frame % RA_CACHE_FRAMES;
    const float *piece = ra_cache_find(&clip->stream->pieces, frame / RA_CACHE_FRAMES);
    if (*run > RA_CACHE_FRAMES - at) *run = RA_CACHE_FRAMES - at;
    return piece ? piece + at * clip->channels : NULL;
}

/* False, and silence: it is not here. */
RA_REALTIME static bool ra_player_stereo(const ra_clip *clip, uint64_t frame, float out[2])
{
    uint64_t run;
    const float *in = ra_clip_frames(clip, frame, &run);
    out[0] = in ? in[0] : 0.0f;
    out[1] = in ? in[clip->channels - 1] : 0.0f;
    return in != NULL;
}

/* What is heard at a frame, which may lie before the beginning of this run, or behind its end. */
RA_REALTIME static bool ra_player_look(const ra_player *player, uint64_t end, int64_t frame, float out[2])
{
    int64_t origin = player->has_past ? (int64_t)player->origin : 0, at = frame - origin + player->resampler->tap_count / 2;
    uint64_t loop_end = ra_player_loop_end(player), rest = (uint64_t)frame - end;
    if (frame < origin && player->has_past && at >= 0) {
        out[0] = player->past[2 * at];                   /* which may be out itself */
        out[1] = player->past[2 * at + 1];
        return true;
    }
    if (frame < origin) { out[0] = out[1] = 0.0f; return true; }
    if ((uint64_t)frame < end) return ra_player_stereo(player->clip, (uint64_t)frame, out);
    if (player->is_looping && loop_end > player->loop_start) return ra_player_stereo(player->clip, player->loop_start + rest % (loop_end - player->loop_start), out);
    for (uint32_t n = 0; n < player->queue_count && !player->is_leaving; rest -= player->queue[n].clip->frame_count, n++) {
        const ra_clip *next = player->queue[n].clip;
        if (next->sample_rate_hz != player->clip->sample_rate_hz) break;
        if (rest < next->frame_count) return ra_player_stereo(next, rest, out);
    }
    out[0] = out[1] = 0.0f;
    return true;
}

/* At a seam: after end comes frame origin, of this clip or of the next; or first, a number of times, the whole loop at one stroke. */
RA_REALTIME static void ra_player_keep_past(ra_player *player, uint64_t end, uint64_t origin, uint64_t repeats)
{
    int64_t past = player->resampler ? player->resampler->tap_count / 2 : 0;
    uint64_t loop_end = ra_player_loop_end(player), loop = loop_end - player->loop_start, repeated = repeats * loop;
    for (int64_t n = 0; n < past; n++) {                 /* in place: what goes into past comes from nothing further to the left in it */
        uint64_t back = (uint64_t)(past - n);
        if (back > repeated) ra_player_look(player, end, (int64_t)(end + repeated - back), player->past + 2 * n);
        else ra_player_stereo(player->clip, loop_end - 1 - (back - 1) % loop, player->past + 2 * n);
    }
    player->has_past = past > 0;
    player->origin = origin;
}

RA_REALTIME static ra_track ra_player_pull(ra_player *player)
{
    ra_track next = player->queue[0];
    memmove(player->queue, player->queue + 1, --player->queue_count * sizeof player->queue[0]);
    return next;
}

/* The next in the queue takes the place of what plays, at its first frame; no past, no fade, no loop yet. */
RA_REALTIME static void ra_player_take_next(ra_player *player)
{
    if (player->clip) player->over[player->over_count++] = (ra_track){ player->clip, player->resampler, player->serial };
    ra_track next = ra_player_pull(player);
    player->clip = next.clip;
    player->resampler = next.resampler;
    player->serial = next.serial;
    player->frame = 0;
    player->phase = 0;
    player->loop_start = 0;
    player->loop_end = RA_NO_JUMP;
    player->has_past = false;
}

RA_REALTIME static bool ra_player_has_next(const ra_player *player) { return player->queue_count && !player->is_leaving; }

/* How many of the next clip frames are here, of so many wanted: of this clip, then of what follows it. Behind the last one
   nothing is wanting. */
RA_REALTIME static uint64_t ra_player_ready(const ra_player *player, uint64_t wanted)
{
    const ra_clip *clip = player->clip;
    uint32_t next = 0;
    bool is_round = false;
    for (uint32_t n = 0; !clip->stream; n++) {
        if (n == player->queue_count) return wanted;
        if (player->queue[n].clip->stream) break;
    }
    uint64_t half = player->resampler ? player->resampler->tap_count / 2 : 0, origin = player->has_past ? player->origin : 0;
    uint64_t back = player->frame - origin < half ? player->frame - origin : half, frame = player->frame - back;
    uint64_t margin = back + half, end = ra_player_run_end(player), count = 0, run;
    while (count < wanted + margin) {
        if (frame < end) {
            if (!ra_clip_frames(clip, frame, &run)) return count > margin ? count - margin : 0;
            if (run > end - frame) run = end - frame;
            count += run;
            frame += run;
        } else if (player->is_looping && ra_player_loop_end(player) > player->loop_start && !is_round) {
            is_round = true;
            frame = player->loop_start;
            end = ra_player_loop_end(player);
        } else if (!player->is_looping && next < player->queue_count && !player->is_leaving) {
            clip = player->queue[next++].clip;
            frame = 0;
            end = clip->frame_count;
        } else break;
    }
    return wanted;
}

/* Clip frames that so many frames of output take, rounded up. */
RA_REALTIME static uint64_t ra_player_frames_for(const ra_player *player, uint64_t output_frames)
{
    const ra_resampler *r = player->resampler;
    return r ? output_frames * r->step / r->phase_count + 1 : output_frames;
}

RA_REALTIME static void ra_player_begin(ra_player *player)
{
    uint64_t wanted = ra_player_frames_for(player, 5 * (uint64_t)player->fade_frames + 1024);      /* 0.1 s: less would hardly last */
    player->is_buffering = ra_player_ready(player, wanted) < wanted;
    player->is_sounding = !player->is_buffering;
    if (player->is_buffering) return;
    player->has_run_dry = false;
    /* the very beginning is played as it was recorded; anywhere else would click */
    if (player->frame == 0 && player->phase == 0) ra_glide_hold(&player->fade, 1.0f);
    else { ra_glide_hold(&player->fade, 0.0f); ra_glide_to(&player->fade, 1.0f, player->fade_frames); }
}

RA_REALTIME static void ra_player_place(ra_player *player, uint64_t frame)
{
    player->frame = frame;
    player->phase = 0;
    player->has_past = player->has_run_dry = false;
}

RA_REALTIME static void ra_player_play(ra_player *player)
{
    if (!player->clip || (player->clip->frame_count == 0 && !ra_player_has_next(player))) return;
    player->wants_to_play = true;
    if (!player->is_sounding) {
        if (player->frame >= player->clip->frame_count && !ra_player_has_next(player)) ra_player_place(player, 0);     /* at the end: once more */
        ra_player_begin(player);
    } else if (player->jump_frame == RA_NO_JUMP) ra_glide_to(&player->fade, 1.0f, player->fade_frames);
}

RA_REALTIME static void ra_player_halt(ra_player *player)
{
    player->wants_to_play = player->is_buffering = player->has_run_dry = false;
    if (player->is_sounding) ra_glide_to(&player->fade, 0.0f, player->fade_frames);
}

/* The frame nearest to a time, inside the clip. */
RA_REALTIME static uint64_t ra_player_frame_at(const ra_player *player, double seconds)
{
    if (!player->clip || !(seconds > 0.0)) return 0;
    double frame = seconds * player->clip->sample_rate_hz + 0.5;
    return frame < (double)player->clip->frame_count ? (uint64_t)frame : player->clip->frame_count;
}

RA_REALTIME static void ra_player_jump(ra_player *player, uint64_t frame)
{
    if (!player->is_sounding) { ra_player_place(player, frame); return; }
    player->jump_frame = frame;
    ra_glide_to(&player->fade, 0.0f, player->fade_frames);
}

/* The whole clip, if the times enclose no frame of it. */
RA_REALTIME static void ra_player_set_loop_range(ra_player *player, double start_s, double end_s)
{
    uint64_t start = ra_player_frame_at(player, start_s), end = ra_player_frame_at(player, end_s);
    bool is_range = end_s > start_s && end > start;
    player->loop_start = is_range ? start : 0;
    player->loop_end = is_range ? end : RA_NO_JUMP;
}

/* The fade has come to silence: now what was asked for can be done. */
RA_REALTIME static void ra_player_turn(ra_player *player)
{
    player->is_sounding = false;
    if (player->jump_frame != RA_NO_JUMP) { ra_player_place(player, player->jump_frame); player->jump_frame = RA_NO_JUMP; }
    if (player->wants_to_play) ra_player_begin(player);
}

RA_REALTIME static void ra_player_end_of_clip(ra_player *player)
{
    player->wants_to_play = player->is_sounding = false;
    ra_player_place(player, 0);
    ra_glide_hold(&player->fade, 0.0f);
}

RA_REALTIME static void ra_player_turn_at_end(ra_player *player, uint64_t end)
{
    uint64_t loop_end = ra_player_loop_end(player), over = player->frame - end;
    if (player->is_looping && loop_end > player->loop_start) {
        uint64_t loop = loop_end - player->loop_start;   /* a short one may be overrun several times at once */
        ra_player_keep_past(player, end, player->loop_start, over / loop);
        player->frame = player->loop_start + over % loop;
    } else if (player->jump_frame != RA_NO_JUMP) ra_player_turn(player);     /* on its way elsewhere: there, then */
    else if (ra_player_has_next(player)) {
        bool is_one = player->resampler && player->queue[0].clip->sample_rate_hz == player->clip->sample_rate_hz;
        uint32_t phase = player->phase;
        if (is_one) ra_player_keep_past(player, end, 0, 0);
        ra_player_take_next(player);
        if (!is_one) return;
        player->frame = over;
        player->phase = phase;
        player->has_past = true;
    } else ra_player_end_of_clip(player);
}

RA_SMALL_CODE_END

/* Up to frame_count frames of the clip without any fade, to the end or to what is not here at most; says how many. */
RA_REALTIME static uint32_t ra_player_fetch(ra_player *player, uint64_t end, float *out, uint32_t frame_count)
{
    const ra_clip *clip = player->clip;
    uint64_t left = player->frame < end ? end - player->frame : 0;
    if (!player->resampler) {
        uint32_t run = left < frame_count ? (uint32_t)left : frame_count;
        uint64_t there = 0;
        const float *in = run ? ra_clip_frames(clip, player->frame, &there) : NULL;
        if (!in) return 0;
        if (run > there) run = (uint32_t)there;
        if (clip->channels == 2) memcpy(out, in, (size_t)run * 2 * sizeof(float));
        else for (uint32_t frame = 0; frame < run; frame++) out[2 * frame] = out[2 * frame + 1] = in[frame];
        player->frame += run;
        return run;
    }
    const ra_resampler *r = player->resampler;
    uint32_t run = 0;
    for (; run < frame_count && player->frame < end; run++) {
        int64_t first = (int64_t)player->frame - (int64_t)(r->tap_count / 2 - 1);
        bool is_inside = first >= (player->has_past ? (int64_t)player->origin : 0) && (uint64_t)first + r->tap_count <= end;
        float window[2 * RA_RESAMPLER_TAPS_MAX];         /* both sides of a mono clip give the bits that its one channel would */
        uint64_t there;
        const float *in = window, *whole = is_inside ? ra_clip_frames(clip, (uint64_t)first, &there) : NULL;
        if (whole && there < r->tap_count) whole = NULL;
        if (whole && clip->channels == 2) in = whole;
        else for (uint32_t tap = 0; tap < r->tap_count; tap++) {
            if (whole) window[2 * tap] = window[2 * tap + 1] = whole[tap];
            else if (!ra_player_look(player, end, first + tap, window + 2 * tap)) return run;
        }
        ra_resampler_frame(r, player->phase, in, out + 2 * run);
        ra_resampler_advance(r, &player->frame, &player->phase);
    }
    return run;
}

RA_REALTIME static bool ra_player_has_faded(const ra_player *player)
{
    return player->is_sounding && player->fade.left_frames == 0 && player->fade.target == 0.0f;
}

/* Fills out to the end, or to the frame where it falls silent if it does; says how many frames that were.
   What comes after that frame is for the caller to decide: silence, or another clip. */
RA_REALTIME static uint32_t ra_player_process(ra_player *player, float *out, uint32_t frame_count)
{
    uint32_t done = 0;
    if (!player->is_sounding) {
        if (player->is_buffering && player->has_run_dry) player->underrun_frames += frame_count;
        memset(out, 0, (size_t)frame_count * 2 * sizeof(float));
        return frame_count;
    }
    for (;;) {
        if (ra_player_has_faded(player)) ra_player_turn(player);     /* also one that was told to before it had risen at all */
        if (done == frame_count || !player->is_sounding) return done;
        uint32_t run = frame_count - done;
        uint64_t end = ra_player_run_end(player), wanted = ra_player_frames_for(player, run + (uint64_t)player->fade_frames), ready;
        if (player->fade.target != 0.0f && (ready = ra_player_ready(player, wanted)) < wanted) {      /* what is left is to fade out with */
            uint64_t left = ready / ra_player_frames_for(player, 1);
            player->has_run_dry = true;
            ra_glide_to(&player->fade, 0.0f, left < player->fade_frames ? (uint32_t)left : player->fade_frames);
            continue;
        }
        if (player->fade.left_frames && player->fade.left_frames < run) run = player->fade.left_frames;
        run = ra_player_fetch(player, end, out + 2 * done, run);
        if (run == 0 && player->frame < end) {           /* gone while it was looked at: a jump, and the reader did not know */
            ra_glide_hold(&player->fade, 0.0f);
            player->has_run_dry = true;
            continue;
        }
        ra_gain_process(&player->fade, out + 2 * done, run, 2);
        done += run;
        if (player->frame >= end) ra_player_turn_at_end(player, end);
    }
}

/* ============================================================================
   [10] WAV - bytes from strangers into samples, and back
   ----------------------------------------------------------------------------
   owns     ra_wav_*; what fills a ra_stream; natively ra_new_file (what is
            not half written)
   calls    [2] BASE; [3] PLATFORM: ra_file_read (native); [4] CONCURRENCY: ra_cache_*;
            [9] SOURCES: ra_clip_*
   threads  any; ra_stream_*: the control thread
   rule     a file is an opponent: every position is 64 bits wide and compared
            with the real length before it is used, nothing is allocated from a
            number in a header, and what is really there decides the length
   source   [RIFF] [RF64] [W64] [AIFF] [G.711]
   tests    test.c "wav": files cut at every byte, every byte replaced, and half
            a minute of libFuzzer (./build.sh fuzz)
   ============================================================================ */

RA_SMALL_CODE_BEGIN

/* By ra_wav_format: bytes of a sample, and the tag by which a format chunk calls it. */
static const uint8_t ra_wav_sample_bytes[RA_WAV_FORMAT_COUNT] = { 1, 2, 3, 4, 4, 8, 1, 2, 3, 4, 4, 8, 1, 1 };

/* What somebody says of a file, and ra_wav_parse could have said. */
static bool ra_wav_info_is_possible(const ra_wav_info *info)
{
    return (unsigned)info->format < RA_WAV_FORMAT_COUNT && info->channels >= 1 && info->channels <= 64 && info->sample_rate_hz >= 1 && info->sample_rate_hz <= 768000
        && info->frame_bytes == info->channels * ra_wav_sample_bytes[info->format];
}
enum { RA_WAV_PCM = 1, RA_WAV_FLOAT = 3, RA_WAV_TAG_ALAW = 6, RA_WAV_TAG_ULAW = 7, RA_WAV_EXTENSIBLE = 0xfffe };
static const uint8_t ra_wav_tags[RA_WAV_FORMAT_COUNT] = {
    RA_WAV_PCM, RA_WAV_PCM, RA_WAV_PCM, RA_WAV_PCM, RA_WAV_FLOAT, RA_WAV_FLOAT,
    RA_WAV_PCM, RA_WAV_PCM, RA_WAV_PCM, RA_WAV_PCM, RA_WAV_FLOAT, RA_WAV_FLOAT, RA_WAV_TAG_ALAW, RA_WAV_TAG_ULAW,
};

/* Every kind of file here is a row of chunks, an id and a size each, in a large one; this is where they differ. */
enum { RA_WAV_BIG_ENDIAN = 1, RA_WAV_HAS_DS64 = 2, RA_WAV_SIZE_IS_WHOLE = 4, RA_WAV_IS_AIFF = 8, RA_WAV_IS_AIFC = 16 };
typedef struct {
    char    start[5], kind[5], format[5], data[5];       /* ids; the large chunk's kind follows its size */
    uint8_t id_bytes, size_bytes, alignment, flags;
} ra_wav_family;
static const ra_wav_family ra_wav_families[] = {
    { "RIFF", "WAVE", "fmt ", "data", 4, 4, 2, 0 },
    { "RF64", "WAVE", "fmt ", "data", 4, 4, 2, RA_WAV_HAS_DS64 },       /* [RF64] sizes of 64 bits stand in a ds64 chunk */
    { "BW64", "WAVE", "fmt ", "data", 4, 4, 2, RA_WAV_HAS_DS64 },
    { "RIFX", "WAVE", "fmt ", "data", 4, 4, 2, RA_WAV_BIG_ENDIAN },
    { "riff", "wave", "fmt ", "data", 16, 8, 8, RA_WAV_SIZE_IS_WHOLE }, /* [W64] ids are GUIDs, a size counts its chunk's header */
    { "FORM", "AIFF", "COMM", "SSND", 4, 4, 2, RA_WAV_BIG_ENDIAN | RA_WAV_IS_AIFF },
    { "FORM", "AIFC", "COMM", "SSND", 4, 4, 2, RA_WAV_BIG_ENDIAN | RA_WAV_IS_AIFF | RA_WAV_IS_AIFC },
};

RA_INLINE uint16_t ra_read_u16(const uint8_t *at) { return (uint16_t)(at[0] | at[1] << 8); }
RA_INLINE uint32_t ra_read_u32(const uint8_t *at) { return (uint32_t)ra_read_u16(at) | (uint32_t)ra_read_u16(at + 2) << 16; }

static uint64_t ra_read_whole(const uint8_t *at, uint32_t byte_count, bool is_big_endian)
{
    uint64_t value = 0;
    for (uint32_t byte = 0; byte < byte_count; byte++) value = value << 8 | at[is_big_endian ? byte : byte_count - 1 - byte];
    return value;
}

/* Does this id stand at `at`? [W64] gives all the ids that matter here one ending. */
static bool ra_wav_is(const ra_wav_family *family, const uint8_t *at, const char *id)
{
    return memcmp(at, id, 4) == 0 && (family->id_bytes == 4 || memcmp(at + 4, "\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a", 12) == 0);
}

/* What a format chunk of size bytes says; only its first 40 bytes are in chunk. */
static ra_result ra_wav_parse_format(const ra_wav_family *family, const uint8_t *chunk, uint64_t size, uint64_t offset, ra_wav_info *info, ra_error *error)
{
    /* [AIFF] compressions, in small letters; where bits is not 0, the chunk's own word is not asked for */
    static const struct { char name[5]; uint8_t tag, bits; bool is_little_endian; } compressions[] = {
        { "none", RA_WAV_PCM, 0, false }, { "twos", RA_WAV_PCM, 0, false }, { "sowt", RA_WAV_PCM, 0, true }, { "raw ", RA_WAV_PCM, 8, false },
        { "in24", RA_WAV_PCM, 24, false }, { "42n1", RA_WAV_PCM, 24, true }, { "in32", RA_WAV_PCM, 32, false }, { "23ni", RA_WAV_PCM, 32, true },
        { "fl32", RA_WAV_FLOAT, 32, false }, { "fl64", RA_WAV_FLOAT, 64, false }, { "alaw", RA_WAV_TAG_ALAW, 8, false }, { "ulaw", RA_WAV_TAG_ULAW, 8, false },
    };
    static const struct { uint8_t tag; const char *name, *bits; } names[] = {
        { RA_WAV_PCM, "PCM", "8, 16, 24 and 32" }, { RA_WAV_FLOAT, "float", "32 and 64" }, { RA_WAV_TAG_ALAW, "A-law", "8" }, { RA_WAV_TAG_ULAW, "u-law", "8" },
    };
    unsigned long long at = offset, rate;
    bool is_big_endian = family->flags & RA_WAV_BIG_ENDIAN, is_aiff = family->flags & RA_WAV_IS_AIFF, is_aifc = family->flags & RA_WAV_IS_AIFC;
    bool has_signed_bytes = is_aiff;
    uint32_t tag = is_aiff ? RA_WAV_PCM : (uint32_t)ra_read_whole(chunk, 2, is_big_endian), format = 0, row = 0;
    uint32_t needed = is_aifc ? 22 : is_aiff ? 18 : size >= 16 && tag == RA_WAV_EXTENSIBLE ? 40 : 16;
    if (size < needed) return ra_refuse(error, RA_BAD_WAV, offset, "byte %llu: the format chunk has %llu bytes, at least %u are needed", at, (unsigned long long)size, needed);
    uint32_t channels_at = is_aiff ? 0 : 2, rate_at = is_aiff ? 8 : 4, bits_at = is_aiff ? 6 : 14, channels = (uint32_t)ra_read_whole(chunk + channels_at, 2, is_big_endian);
    uint32_t bits = (uint32_t)ra_read_whole(chunk + bits_at, 2, is_big_endian);
    if (tag == RA_WAV_EXTENSIBLE) tag = (uint32_t)ra_read_whole(chunk + 24, 2, is_big_endian);      /* it begins the sub-format's GUID */
    if (is_aiff) {
        /* the rate is a float of 80 bits: its whole part is mantissa / 2^shift, rounded here to nearest; 0 if it is out of sight */
        uint32_t shift = 16446 - (uint32_t)ra_read_whole(chunk + 8, 2, true);
        rate = shift - 1 < 63 ? ((ra_read_whole(chunk + 10, 8, true) >> (shift - 1)) + 1) >> 1 : 0;
        bits = (bits + 7) & ~7u;                         /* whatever their number, they are left-justified in whole bytes */
        info->frame_count = ra_read_whole(chunk + 2, 4, true);
    } else rate = ra_read_whole(chunk + 4, 4, is_big_endian);
    if (is_aifc) {
        const uint32_t count = sizeof compressions / sizeof compressions[0];
        while (row < count && (ra_read_whole(chunk + 18, 4, true) | 0x20202020) != ra_read_whole((const uint8_t *)compressions[row].name, 4, true)) row++;
        if (row == count) return ra_refuse(error, RA_BAD_WAV, offset + 18, "byte %llu: the compression is none of NONE, twos, sowt, raw, in24, in32, fl32, fl64, alaw and ulaw", at + 18);
        tag = compressions[row].tag;
        if (compressions[row].bits) bits = compressions[row].bits;
        is_big_endian = !compressions[row].is_little_endian;
        has_signed_bytes = compressions[row].name[0] != 'r';
    }
    if (channels < 1 || channels > 64) return ra_refuse(error, RA_BAD_WAV, offset + channels_at, "byte %llu: the format chunk says %u channels, 1 to 64 are possible", at + channels_at, channels);
    if (rate < 1 || rate > 768000) return ra_refuse(error, RA_BAD_WAV, offset + rate_at, "byte %llu: the format chunk says a sample rate of %llu Hz, 1 to 768000 are possible", at + rate_at, rate);
    for (row = 0; row < 4 && names[row].tag != tag; ) row++;
    if (row == 4) return ra_refuse(error, RA_BAD_WAV, offset, "byte %llu: format tag %u is none of PCM (1), float (3), A-law (6) and u-law (7)", at, tag);
    /* fewer valid bits than the container has are left-justified in it, so the container alone counts */
    while (format < RA_WAV_FORMAT_COUNT && (ra_wav_tags[format] != tag || 8u * ra_wav_sample_bytes[format] != bits)) format++;
    if (format == RA_WAV_FORMAT_COUNT)
        return ra_refuse(error, RA_BAD_WAV, offset + bits_at, "byte %llu: %s samples of %u bits; %s are readable", at + bits_at, names[row].name, bits, names[row].bits);
    if (format < RA_WAV_WRITABLE_COUNT && (format == RA_WAV_U8 ? has_signed_bytes : is_big_endian)) format += RA_WAV_S8 - RA_WAV_U8;
    info->format = (ra_wav_format)format;
    info->channels = channels;
    info->sample_rate_hz = (uint32_t)rate;
    info->frame_bytes = channels * ra_wav_sample_bytes[format];            /* computed, not believed */
    return RA_OK;
}

RA_API ra_result ra_wav_parse(ra_read_bytes read, void *user, uint64_t total_bytes, ra_wav_info *out, ra_error *error)
{
    enum { CHUNKS_MAX = 1 << 16 };                       /* a file of nothing but small chunks does not keep us for long */
    uint8_t head[40] = { 0 };
    size_t start_bytes = total_bytes < sizeof head ? (size_t)total_bytes : sizeof head;
    ra_wav_info info = { 0 };
    if (total_bytes == 0) return ra_refuse(error, RA_BAD_WAV, 0, "the file is empty");
    if (total_bytes < 12) return ra_refuse(error, RA_BAD_WAV, 0, "byte 0: %llu bytes are too few for a WAV file", (unsigned long long)total_bytes);
    if (read(user, 0, head, start_bytes) != start_bytes) return ra_refuse(error, RA_NO_FILE, 0, "byte 0: the file cannot be read there");
    const ra_wav_family *family = ra_wav_families, *last = family + sizeof ra_wav_families / sizeof *family - 1;
    while (memcmp(head, family->start, 4) || !ra_wav_is(family, head + family->id_bytes + family->size_bytes, family->kind))
        if (family++ == last) return ra_refuse(error, RA_BAD_WAV, 0, "byte 0: no WAV file: it should begin with RIFF....WAVE, an AIFF file with FORM....AIFF");
    bool is_big_endian = family->flags & RA_WAV_BIG_ENDIAN, has_format = false, has_data = false;
    size_t header_bytes = (size_t)family->id_bytes + family->size_bytes;
    uint64_t whole_bytes = ra_read_whole(head + family->id_bytes, family->size_bytes, is_big_endian), long_data_bytes = 0, data_bytes = 0;
    uint64_t first = header_bytes + family->id_bytes, at = first;
    for (uint32_t chunk = 0; chunk < CHUNKS_MAX && at <= total_bytes && total_bytes - at >= header_bytes && !(has_format && has_data); chunk++) {
        if (read(user, at, head, header_bytes) != header_bytes) return ra_refuse(error, RA_NO_FILE, at, "byte %llu: the file cannot be read there", (unsigned long long)at);
        uint64_t size = ra_read_whole(head + family->id_bytes, family->size_bytes, is_big_endian), body = at + header_bytes, there = total_bytes - body;
        if (family->flags & RA_WAV_SIZE_IS_WHOLE) size -= size < header_bytes ? size : header_bytes;
        bool is_format = ra_wav_is(family, head, family->format), is_data = ra_wav_is(family, head, family->data);
        bool is_ds64 = (family->flags & RA_WAV_HAS_DS64) && memcmp(head, "ds64", 4) == 0;
        if (is_data && !has_data) {                      /* the first one counts */
            if (size == UINT32_MAX && family->size_bytes == 4) size = long_data_bytes ? long_data_bytes : there;
            /* a program that writes into a pipe, or was switched off, leaves the sizes empty, or as they were before the
               first sample: then everything to the end is sound */
            if (size == 0 && (whole_bytes <= body || whole_bytes == UINT32_MAX)) size = there;
            has_data = true;
            info.data_offset = body;
            data_bytes = size < there ? size : there;
            if (family->flags & RA_WAV_IS_AIFF) {        /* the samples begin behind two numbers, the first of which says how far */
                if (data_bytes < 8 || read(user, body, head, 4) != 4) return ra_refuse(error, RA_BAD_WAV, at, "byte %llu: the file ends inside the data chunk", (unsigned long long)at);
                uint64_t ahead = 8 + ra_read_whole(head, 4, true);
                if (ahead > data_bytes) ahead = data_bytes;
                info.data_offset += ahead;
                data_bytes -= ahead;
            }
        }
        if (is_format || is_ds64) {
            size_t wanted = size < sizeof head ? (size_t)size : sizeof head;
            if (size > there || read(user, body, head, wanted) != wanted)
                return ra_refuse(error, RA_BAD_WAV, at, "byte %llu: the file ends inside the %s chunk", (unsigned long long)at, is_format ? "format" : "ds64");
            if (is_ds64 && size >= 16) long_data_bytes = ra_read_whole(head + 8, 8, false);
            if (is_format && !has_format) {
                ra_result result = ra_wav_parse_format(family, head, size, body, &info, error);
                if (result) return result;
                has_format = true;
            }
        }
        if (size > there) break;
        at = body + size;
        /* an odd-sized chunk is followed by one pad byte that its size does not count; some writers forget it */
        uint64_t pad = (0 - size) & (family->alignment - 1u);
        bool may_lack_it = pad == 1 && family->alignment == 2 && total_bytes - at >= 4 && read(user, at, head, 4) == 4;
        if (may_lack_it && (ra_wav_is(family, head, family->format) || ra_wav_is(family, head, family->data))) pad = 0;
        if (pad > total_bytes - at) break;
        at += pad;
    }
    if (!has_format || !has_data)
        return ra_refuse(error, RA_BAD_WAV, first, "byte %llu: no %s chunk follows", (unsigned long long)first, has_format ? "data" : "format");
    data_bytes /= info.frame_bytes;
    if (info.frame_count == 0 || info.frame_count > data_bytes) info.frame_count = data_bytes;     /* of AIFF: there the data may end with a pad byte that counts */
    *out = info;
    if (error) *error = (ra_error){ .code = RA_OK };
    return RA_OK;
}

RA_SMALL_CODE_END

/* [G.711] eight bits are a sign, three of an exponent, four of a mantissa; in steps of 16 bits. A-law has its even bits
   inverted and a plain lowest segment, u-law all bits inverted and a bias of 33 quarter-steps. */
RA_INLINE int32_t ra_from_alaw(uint32_t code)
{
    code ^= 0x55;
    uint32_t exponent = code >> 4 & 7, size = ((code & 15) << 4) + 8;
    if (exponent) size = (size + 256) << (exponent - 1);
    return code & 128 ? (int32_t)size : -(int32_t)size;
}

RA_INLINE int32_t ra_from_ulaw(uint32_t code)
{
    code ^= 0xff;
    int32_t size = (int32_t)((((code & 15) << 3) + 132) << (code >> 4 & 7)) - 132;
    return code & 128 ? -size : size;
}

RA_API void ra_wav_decode(ra_wav_format format, const void *bytes, float *samples, size_t sample_count)
{
    const uint8_t *at = bytes;
    switch (format) {
    case RA_WAV_U8: case RA_WAV_S8: {
        int flip = format == RA_WAV_U8 ? 128 : 0;        /* 128 less, and the sign of what is left */
        for (size_t n = 0; n < sample_count; n++) samples[n] = (float)(int8_t)(at[n] ^ flip) * 0x1p-7f;
        break; }
    case RA_WAV_S16: for (size_t n = 0; n < sample_count; n++) samples[n] = (float)(int16_t)ra_read_u16(at + 2 * n) * 0x1p-15f; break;
    case RA_WAV_S24: for (size_t n = 0; n < sample_count; n++, at += 3)      /* into the upper three bytes, so that the sign is in place */
                         samples[n] = (float)(int32_t)((uint32_t)at[0] << 8 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 24) * 0x1p-31f;
                     break;
    case RA_WAV_S32: for (size_t n = 0; n < sample_count; n++) samples[n] = (float)(int32_t)ra_read_u32(at + 4 * n) * 0x1p-31f; break;
    case RA_WAV_F32: memcpy(samples, bytes, sample_count * sizeof(float)); break;
    case RA_WAV_F64: for (size_t n = 0; n < sample_count; n++) { double x; memcpy(&x, at + 8 * n, 8); samples[n] = (float)x; } break;
    case RA_WAV_ALAW: case RA_WAV_ULAW:
        for (size_t n = 0; n < sample_count; n++) samples[n] = (float)(format == RA_WAV_ALAW ? ra_from_alaw(at[n]) : ra_from_ulaw(at[n])) * 0x1p-15f;
        break;
    case RA_WAV_S16_BE: case RA_WAV_S24_BE: case RA_WAV_S32_BE: case RA_WAV_F32_BE: case RA_WAV_F64_BE: {
        uint8_t turned[8 * 512];                         /* the same samples with their bytes turned round */
        size_t last = ra_wav_sample_bytes[format] - 1u;
        for (size_t run; sample_count; sample_count -= run, samples += run) {
            run = sample_count < 512 ? sample_count : 512;
            for (uint8_t *to = turned, *end = turned + run * (last + 1); to < end; to += last + 1, at += last + 1)
                for (size_t byte = 0; byte <= last; byte++) to[byte] = at[last - byte];
            ra_wav_decode((ra_wav_format)(format - RA_WAV_S8), turned, samples, run);
        }
        break; }
    case RA_WAV_FORMAT_COUNT: break;
    }
}

/* Rounds to the nearest step of 1/scale, limited to what fits. */
static int32_t ra_quantise(double x, double scale, double dither)
{
    double value = ra_floor(x * scale + dither + 0.5);
    return value < -scale ? (int32_t)-scale : value > scale - 1.0 ? (int32_t)(scale - 1.0) : (int32_t)value;
}

RA_API void ra_wav_encode(ra_wav_format format, const float *samples, void *bytes, size_t sample_count, uint64_t *dither_seed)
{
    static const double scales[RA_WAV_WRITABLE_COUNT] = { 128.0, 32768.0, 8388608.0, 2147483648.0 };
    uint8_t *at = bytes;
    if ((unsigned)format >= RA_WAV_WRITABLE_COUNT) return;
    if (format == RA_WAV_F32) { memcpy(bytes, samples, sample_count * sizeof(float)); return; }
    for (size_t n = 0; n < sample_count; n++) {
        /* what is beyond is limited anyway: keeps the sum in range; NaN becomes 0 */
        double x = samples[n] == samples[n] ? ra_clamp(samples[n], -2.0, 2.0) : 0.0, dither = 0.0;
        if (format == RA_WAV_F64) { double wide = samples[n]; memcpy(at, &wide, 8); at += 8; continue; }
        if (dither_seed && format == RA_WAV_S16) {
            /* [LIPSHITZ] the sum of two uniform halves of a step: the error no longer depends on the sound */
            dither = 0.5 * (ra_uniform(ra_mix_bits(*dither_seed)) + ra_uniform(ra_mix_bits(*dither_seed + 1)));
            *dither_seed += 2;
            double step = x * scales[RA_WAV_S16];
            if (step == ra_floor(step)) dither = 0.0;      /* a 16-bit sample already, silence above all: there is nothing to round */
        }
        uint32_t value = (uint32_t)ra_quantise(x, scales[format], dither) + (format == RA_WAV_U8 ? 128u : 0u);
        for (uint32_t byte = 0; byte < ra_wav_sample_bytes[format]; byte++) *at++ = (uint8_t)(value >> (8 * byte));
    }
}

RA_SMALL_CODE_BEGIN

static uint8_t *ra_write_tag(uint8_t *at, const char *tag)          { memcpy(at, tag, 4); return at + 4; }
static uint8_t *ra_write_whole(uint8_t *at, uint64_t value, int bytes) { for (int byte = 0; byte < bytes; byte++) *at++ = (uint8_t)(value >> (8 * byte)); return at; }

RA_API size_t ra_wav_header(const ra_wav_info *info, uint8_t header[80])
{
    if ((unsigned)info->format >= RA_WAV_WRITABLE_COUNT) return 0;
    uint32_t sample_bytes = ra_wav_sample_bytes[info->format], frame_bytes = info->channels * sample_bytes;
    uint64_t data_bytes = info->frame_count * frame_bytes, file_bytes = data_bytes + (data_bytes & 1) + 36;
    bool is_rf64 = file_bytes > UINT32_MAX;
    uint8_t *at = ra_write_tag(header, is_rf64 ? "RF64" : "RIFF");
    at = ra_write_whole(at, is_rf64 ? UINT32_MAX : file_bytes, 4);
    at = ra_write_tag(at, "WAVE");
    if (is_rf64) {
        at = ra_write_whole(ra_write_tag(at, "ds64"), 28, 4);
        at = ra_write_whole(at, file_bytes + 36, 8);
        at = ra_write_whole(at, data_bytes, 8);
        at = ra_write_whole(at, info->frame_count, 8);
        at = ra_write_whole(at, 0, 4);                   /* no table of other long chunks */
    }
    at = ra_write_whole(ra_write_tag(at, "fmt "), 16, 4);
    at = ra_write_whole(at, ra_wav_tags[info->format], 2);
    at = ra_write_whole(at, info->channels, 2);
    at = ra_write_whole(at, info->sample_rate_hz, 4);
    at = ra_write_whole(at, (uint64_t)info->sample_rate_hz * frame_bytes, 4);
    at = ra_write_whole(at, frame_bytes, 2);
    at = ra_write_whole(at, 8 * sample_bytes, 2);
    at = ra_write_whole(ra_write_tag(at, "data"), is_rf64 ? UINT32_MAX : data_bytes, 4);
    return (size_t)(at - header);
}

/* Frames of a file as the player wants them: one channel or two. */
static void ra_wav_decode_mixed(const ra_wav_info *info, const uint8_t *bytes, float *out, size_t frame_count)
{
    uint32_t channels = info->channels;
    float piece[2048];
    for (size_t run; frame_count; frame_count -= run, bytes += run * info->frame_bytes, out += 2 * run) {
        if (channels <= 2) { ra_wav_decode(info->format, bytes, out, frame_count * channels); return; }
        run = 2048 / channels < frame_count ? 2048 / channels : frame_count;
        ra_wav_decode(info->format, bytes, piece, run * channels);
        ra_mix_to_stereo(piece, channels, out, run);
    }
}

/* ---- a clip that stays in its file: pieces are read ahead of where it plays ---- */

#define RA_AHEAD_S   12.0              /* of what plays: a hidden page looks after it once a second */
#define RA_WAITING_S 4.0               /* of what waits in a queue, or was only loaded */
enum { RA_READ_BYTES = 1 << 18, RA_BEHIND_FRAMES = 1024 };       /* half a resampler's window at most */

RA_API ra_result ra_stream_create(const ra_wav_info *info, uint32_t source, ra_clip **out)
{
    uint64_t piece_count = info->frame_count / RA_CACHE_FRAMES + 1;
    uint32_t slots = (uint32_t)(RA_AHEAD_S * info->sample_rate_hz / RA_CACHE_FRAMES) + 8;
    *out = NULL;
    if (info->frame_count == 0 || !ra_wav_info_is_possible(info)) return RA_BAD_ARGUMENT;
    ra_clip *clip = ra_new(1, sizeof *clip);
    ra_stream *stream = clip ? clip->stream = ra_new(1, sizeof *stream) : NULL;
    if (stream) stream->pieces.list = piece_count <= SIZE_MAX ? ra_new((size_t)piece_count, sizeof *stream->pieces.list) : NULL;
    if (!stream || !stream->pieces.list) { ra_clip_destroy(clip); return RA_NO_MEMORY; }
    clip->frame_count = info->frame_count;
    clip->sample_rate_hz = info->sample_rate_hz;
    clip->channels = stream->channels = info->channels == 1 ? 1 : 2;
    stream->info = *info;
    stream->source = source;
    stream->pieces.slot_count = slots < RA_SLOT_MAX ? slots : RA_SLOT_MAX;
    stream->pieces.slot_samples = (size_t)RA_CACHE_FRAMES * clip->channels;
    atomic_store_explicit(&stream->loop_start, RA_NO_JUMP, memory_order_relaxed);
    *out = clip;
    return RA_OK;
}

RA_API uint32_t ra_stream_source(const ra_stream *stream) { return stream->source; }

/* Goes the way that the player will go, marks what is there, and finds the first pieces in a row that are not: how many, and the
   seconds until they are needed. 0: nothing is wanted. */
static uint32_t ra_stream_plan(ra_stream *stream, uint64_t *first, double *needed_s)
{
    uint64_t end = stream->info.frame_count, position = atomic_load_explicit(&stream->position, memory_order_relaxed), frame_bytes = stream->info.frame_bytes;
    uint64_t loop_start = atomic_load_explicit(&stream->loop_start, memory_order_relaxed), loop_end = atomic_load_explicit(&stream->loop_end, memory_order_relaxed);
    bool is_playing = atomic_load_explicit(&stream->is_playing, memory_order_relaxed), is_round = loop_start >= loop_end || loop_end > end;
    double ahead = (is_playing ? RA_AHEAD_S : RA_WAITING_S) * stream->info.sample_rate_hz, way = 0.0;
    ra_cache *pieces = &stream->pieces;
    uint32_t run = 0, most = pieces->slot_count - 4;     /* of pieces: what was played just now may stay */
    if (stream->run || stream->has_failed) return 0;
    pieces->stamp++;
    *needed_s = is_playing ? 0.0 : RA_WAITING_S;
    uint64_t frame = position > RA_BEHIND_FRAMES ? position - RA_BEHIND_FRAMES : 0;
    if (!is_round && frame < loop_end) end = loop_end;
    for (uint32_t seen = 0; way < ahead && seen < most; seen++) {
        if (frame >= end) {
            if (is_round) break;
            is_round = true;
            frame = loop_start;
            end = loop_end;
        }
        uint64_t piece = frame / RA_CACHE_FRAMES, last = (piece + 1) * RA_CACHE_FRAMES < end ? (piece + 1) * RA_CACHE_FRAMES : end;
        uint32_t slot = atomic_load_explicit(&pieces->list[piece], memory_order_relaxed);      /* our own */
        if (slot) pieces->slots[slot - 1].stamp = pieces->stamp;
        else if (run == 0) { *first = piece; *needed_s += way / stream->info.sample_rate_hz; run = 1; }
        else if (piece == *first + run && run < RA_RUN_MAX && (run + 1) * RA_CACHE_FRAMES * frame_bytes <= RA_READ_BYTES) run++;
        way += (double)(last - frame);
        frame = last;
    }
    return run;
}

RA_API bool ra_stream_next_read(ra_stream *stream, uint64_t *offset, size_t *byte_count, void **bytes)
{
    const ra_wav_info *info = &stream->info;
    double needed_s;
    uint32_t wanted = ra_stream_plan(stream, &stream->run_first, &needed_s);
    uint64_t first_frame = stream->run_first * RA_CACHE_FRAMES, held;
    if (wanted == 0) return false;
    while (stream->run < wanted && (stream->run_slots[stream->run] = ra_cache_hold(&stream->pieces, stream->run_first + stream->run))) stream->run++;
    if (stream->run == 0) return false;
    held = (uint64_t)stream->run * RA_CACHE_FRAMES;
    if (held > info->frame_count - first_frame) held = info->frame_count - first_frame;
    *offset = info->data_offset + first_frame * info->frame_bytes;
    *byte_count = (size_t)(held * info->frame_bytes);
    *bytes = stream->run_bytes = RA_MALLOC(*byte_count);
    if (stream->run_bytes) return true;
    while (stream->run) ra_cache_put(&stream->pieces, stream->run_slots[--stream->run], false);
    return false;
}

RA_API void *ra_stream_read_bytes(const ra_stream *stream) { return stream->run_bytes; }

RA_API void ra_stream_read_done(ra_stream *stream, size_t byte_count)
{
    uint64_t there = byte_count / stream->info.frame_bytes, frame = 0;
    if (there > (uint64_t)RA_CACHE_FRAMES * stream->run) there = 0;      /* the -1 of a read that failed */
    for (uint32_t n = 0; n < stream->run; n++, frame += RA_CACHE_FRAMES) {
        ra_slot *slot = stream->run_slots[n];
        uint64_t left = stream->info.frame_count - slot->piece * RA_CACHE_FRAMES, run = left < RA_CACHE_FRAMES ? left : RA_CACHE_FRAMES;
        bool is_whole = frame + run <= there, is_free = ra_slot_is_free(&stream->pieces, slot);
        if (is_whole && is_free) ra_wav_decode_mixed(&stream->info, stream->run_bytes + frame * stream->info.frame_bytes, slot->samples, (size_t)run);
        ra_cache_put(&stream->pieces, slot, is_whole && is_free);       /* not free: it will be read once more */
        stream->has_failed = stream->has_failed || !is_whole;
    }
    RA_FREE(stream->run_bytes);
    stream->run_bytes = NULL;
    stream->run = 0;
}

typedef struct { const uint8_t *bytes; size_t byte_count; } ra_memory;

/* The reader of bytes that lie in memory (ra_read_bytes). */
static size_t ra_memory_read(void *user, uint64_t offset, void *bytes, size_t byte_count)
{
    const ra_memory *memory = user;
    if (offset >= memory->byte_count) return 0;
    if (byte_count > memory->byte_count - offset) byte_count = (size_t)(memory->byte_count - offset);
    memcpy(bytes, memory->bytes + offset, byte_count);
    return byte_count;
}

static ra_result ra_wav_clip(const ra_wav_info *info, ra_clip **out, ra_error *error)
{
    ra_result result = ra_clip_create_unfilled(info->frame_count, info->channels, info->sample_rate_hz, out);
    return result ? ra_refuse(error, result, 0, "%llu frames of %u channels do not fit into memory", (unsigned long long)info->frame_count, info->channels) : RA_OK;
}

RA_API ra_result ra_wav_read(const void *bytes, size_t byte_count, ra_clip **out, ra_error *error)
{
    ra_wav_info info;
    ra_memory memory = { bytes, byte_count };
    *out = NULL;
    ra_result result = ra_wav_parse(ra_memory_read, &memory, byte_count, &info, error);
    if (result) return result;
    result = ra_wav_clip(&info, out, error);
    if (result == RA_OK) ra_wav_decode(info.format, memory.bytes + info.data_offset, (*out)->samples, (size_t)(info.frame_count * info.channels));
    return result;
}

#if !RA_WASM
/* ---- a file by pieces: the whole of it is never in memory ---- */

typedef struct {
    FILE       *file;
    ra_wav_info info;
    uint64_t    frame;                 /* the next one to be read */
} ra_wav_file;

static size_t ra_wav_file_read(void *user, uint64_t offset, void *bytes, size_t byte_count)      /* ra_read_bytes */
{
    ra_wav_file *in = user;
    return fseeko(in->file, (off_t)offset, SEEK_SET) == 0 ? fread(bytes, 1, byte_count, in->file) : 0;
}

static void ra_wav_close(ra_wav_file *in)
{
    if (in->file) fclose(in->file);
    *in = (ra_wav_file){ 0 };
}

/* What comes through a pipe goes into a file without a name first: where it ends, and so how long it is, shows only then. */
static FILE *ra_file_keep(const char *path, uint64_t *byte_count, ra_error *error)
{
    char piece[1 << 16];
    FILE *from = strcmp(path, "-") ? fopen(path, "rb") : stdin, *to = from ? tmpfile() : NULL;
    bool is_kept = to != NULL;
    if (!from) ra_refuse(error, RA_NO_FILE, 0, "cannot open \"%s\": %s", path, strerror(errno));
    else if (!to) ra_refuse(error, RA_NO_FILE, 0, "cannot make a temporary file for \"%s\": %s", path, strerror(errno));
    *byte_count = 0;
    for (size_t got; is_kept && (got = fread(piece, 1, sizeof piece, from)) > 0; *byte_count += got) is_kept = fwrite(piece, 1, got, to) == got;
    if (is_kept && ferror(from)) { is_kept = false; ra_refuse(error, RA_NO_FILE, *byte_count, "cannot read \"%s\" after byte %llu: %s", path, (unsigned long long)*byte_count, strerror(errno)); }
    else if (to && (!is_kept || fflush(to) != 0)) { is_kept = false; ra_refuse(error, RA_NO_FILE, *byte_count, "cannot keep \"%s\" in a temporary file: %s", path, strerror(errno)); }
    if (from && from != stdin) fclose(from);
    if (is_kept) return to;
    if (to) fclose(to);
    return NULL;
}

/* "-" is standard input. Nothing is open after a refusal. */
static ra_result ra_wav_open(const char *path, ra_wav_file *in, ra_error *error)
{
    struct stat is;
    uint64_t byte_count;
    *in = (ra_wav_file){ 0 };
    if (strcmp(path, "-") != 0 && stat(path, &is) == 0 && S_ISREG(is.st_mode)) {
        in->file = fopen(path, "rb");
        if (!in->file) return ra_refuse(error, RA_NO_FILE, 0, "cannot open \"%s\": %s", path, strerror(errno));
        byte_count = (uint64_t)is.st_size;
    } else {
        in->file = ra_file_keep(path, &byte_count, error);
        if (!in->file) return RA_NO_FILE;
    }
    ra_result result = ra_wav_parse(ra_wav_file_read, in, byte_count, &in->info, error);
    if (result) ra_wav_close(in);
    return result;
}

/* Up to sample_capacity / channels frames; 0 at the end. */
static uint32_t ra_wav_next(ra_wav_file *in, float *samples, size_t sample_capacity)
{
    uint8_t bytes[32768];
    size_t frame_bytes = in->info.frame_bytes, frame_count = sizeof bytes / frame_bytes;
    if (frame_count > sample_capacity / in->info.channels) frame_count = sample_capacity / in->info.channels;
    if (frame_count > in->info.frame_count - in->frame) frame_count = (size_t)(in->info.frame_count - in->frame);
    frame_count = ra_wav_file_read(in, in->info.data_offset + in->frame * frame_bytes, bytes, frame_count * frame_bytes) / frame_bytes;
    ra_wav_decode(in->info.format, bytes, samples, frame_count * in->info.channels);
    in->frame += frame_count;
    return (uint32_t)frame_count;
}

RA_API ra_result ra_wav_load(const char *path, ra_clip **out, ra_error *error)
{
    ra_wav_file in;
    *out = NULL;
    ra_result result = ra_wav_open(path, &in, error);
    if (result) return result;
    result = ra_wav_clip(&in.info, out, error);
    if (result == RA_OK) {
        uint32_t channels = in.info.channels;
        while (ra_wav_next(&in, (*out)->samples + in.frame * channels, (size_t)((in.info.frame_count - in.frame) * channels))) { }
        if (in.frame < in.info.frame_count) {            /* it has become shorter, or its disk is broken */
            ra_clip_destroy(*out);
            *out = NULL;
            result = ra_refuse(error, RA_NO_FILE, in.info.data_offset, "cannot read \"%s\" after frame %llu", path, (unsigned long long)in.frame);
        }
    }
    ra_wav_close(&in);
    return result;
}

/* Samples to an open file, as WAV or (is_raw) bare, by pieces. */
static bool ra_wav_write_stream(FILE *file, const ra_wav_info *info, const float *samples, bool is_raw)
{
    uint8_t header[80], piece[8 * 4096];
    uint64_t sample_count = info->frame_count * info->channels, dither_seed = 0;
    size_t header_bytes = ra_wav_header(info, header), sample_bytes = ra_wav_sample_bytes[info->format];
    if (!is_raw && fwrite(header, 1, header_bytes, file) != header_bytes) return false;
    for (uint64_t at = 0; at < sample_count; ) {
        size_t run = sample_count - at < 4096 ? (size_t)(sample_count - at) : 4096;
        ra_wav_encode(info->format, samples + at, piece, run, &dither_seed);
        if (fwrite(piece, sample_bytes, run, file) != run) return false;
        at += run;
    }
    if (!is_raw && (sample_count * sample_bytes & 1) && fputc(0, file) == EOF) return false;
    return fflush(file) == 0;
}

/* A file is written beside its goal and renamed at the end, so that nobody ever sees half of it; a pipe or a
   device is written as it is; "-" is standard output. */
typedef struct {
    FILE       *file;
    const char *path;
    char       *goal;                  /* the path through links, which stay; realpath's own */
    bool        is_beside;
    char        part[4096];
} ra_new_file;

static ra_result ra_new_file_open(const char *path, ra_new_file *out, ra_error *error)
{
    struct stat is;
    *out = (ra_new_file){ .path = path };
    if (strcmp(path, "-") == 0) { out->file = stdout; return RA_OK; }
    bool is_there = stat(path, &is) == 0;
    out->is_beside = is_there ? S_ISREG(is.st_mode) : lstat(path, &is) != 0;
    out->goal = is_there ? realpath(path, NULL) : NULL;
    ra_text name = ra_text_start(out->part, sizeof out->part);
    ra_text_add(&name, out->is_beside ? "%s.part" : "%s", out->goal ? out->goal : path);
    errno = ENAMETOOLONG;
    if (name.length < sizeof out->part) out->file = fopen(out->part, "wb");
    if (out->file) return RA_OK;
    ra_refuse(error, RA_NO_FILE, 0, "cannot create \"%s\": %s", path, strerror(errno));
    free(out->goal);
    return RA_NO_FILE;
}

/* reason 0: all of it has been written; otherwise why not, as in errno. */
static ra_result ra_new_file_close(ra_new_file *out, int reason, ra_error *error)
{
    bool is_pipe = out->file == stdout;
    if ((is_pipe ? fflush(out->file) : fclose(out->file)) != 0 && !reason) reason = errno;
    if (!reason && out->is_beside && rename(out->part, out->goal ? out->goal : out->path) != 0) reason = errno;
    if (reason && out->is_beside) remove(out->part);
    free(out->goal);
    if (!reason) return RA_OK;
    return is_pipe ? ra_refuse(error, RA_NO_FILE, 0, "cannot write to standard output: %s", strerror(reason)) : ra_refuse(error, RA_NO_FILE, 0, "cannot write \"%s\": %s", out->path, strerror(reason));
}

static ra_result ra_wav_save_as(const char *path, const ra_wav_info *info, const float *samples, bool is_raw, ra_error *error)
{
    ra_new_file out;
    ra_result result = ra_new_file_open(path, &out, error);
    return result ? result : ra_new_file_close(&out, ra_wav_write_stream(out.file, info, samples, is_raw) ? 0 : errno, error);
}

RA_API ra_result ra_wav_save(const char *path, ra_wav_format format, const float *samples, uint64_t frame_count,
                             uint32_t channels, uint32_t sample_rate_hz, ra_error *error)
{
    if ((unsigned)format >= RA_WAV_WRITABLE_COUNT) return ra_refuse(error, RA_BAD_ARGUMENT, 0, "this format is read and not written");
    if (channels < 1 || channels > 64 || sample_rate_hz < 1 || sample_rate_hz > 768000)
        return ra_refuse(error, RA_BAD_ARGUMENT, 0, "channels go from 1 to 64, sample rates from 1 to 768000 Hz");
    ra_wav_info info = { .format = format, .channels = channels, .sample_rate_hz = sample_rate_hz, .frame_count = frame_count };
    return ra_wav_save_as(path, &info, samples, false, error);
}
#endif

RA_SMALL_CODE_END

/* ============================================================================
   [11] ROUTER - one block of sound to several places
   ----------------------------------------------------------------------------
   owns     ra_router: routes from sources to destinations, each with gain and mute
   calls    [6] FILTERS: ra_glide_*
   threads  connect and set_route: control, before the audio starts or by command;
            process: audio thread
   rule     a source is read once however many places it goes to; sources and
            destinations are different things here, so there can be no cycle
   tests    test.c "router"
   ============================================================================ */

#define RA_ROUTER_SOURCES      4
#define RA_ROUTER_DESTINATIONS 4
#define RA_ROUTER_ROUTES       (RA_ROUTER_SOURCES * RA_ROUTER_DESTINATIONS)

typedef struct {
    uint32_t source, destination;
    float    gain_linear;
    bool     is_muted, is_removed;     /* removed: fades out, then goes */
    ra_glide gain;                     /* what sounds: glides to gain_linear, or to 0 */
} ra_route;

typedef struct {
    uint32_t route_count, glide_frames;
    ra_route routes[RA_ROUTER_ROUTES];
} ra_router;

RA_REALTIME static void ra_router_aim(const ra_router *router, ra_route *route)
{
    ra_glide_to(&route->gain, route->is_muted || route->is_removed ? 0.0f : route->gain_linear, router->glide_frames);
}

/* Connects, or changes a connection that exists; refuses what does not exist. A new route fades in from
   silence unless nothing has been heard yet (glide_frames 0). */
RA_REALTIME static ra_result ra_router_set(ra_router *router, uint32_t source, uint32_t destination, float gain_linear, bool is_muted)
{
    if (source >= RA_ROUTER_SOURCES || destination >= RA_ROUTER_DESTINATIONS || !ra_is_sound(gain_linear)) return RA_BAD_ARGUMENT;
    ra_route *route = router->routes;
    while (route < router->routes + router->route_count && (route->source != source || route->destination != destination)) route++;
    if (route == router->routes + router->route_count) {
        *route = (ra_route){ .source = source, .destination = destination };     /* there is a place for every pair */
        router->route_count++;
    }
    route->gain_linear = gain_linear;
    route->is_muted = is_muted;
    route->is_removed = false;
    ra_router_aim(router, route);
    return RA_OK;
}

/* A source that goes takes its routes with it. */
RA_MAYBE_UNUSED RA_REALTIME static void ra_router_remove_source(ra_router *router, uint32_t source)
{
    for (uint32_t index = 0; index < router->route_count; index++) {
        ra_route *route = &router->routes[index];
        if (route->source == source) { route->is_removed = true; ra_router_aim(router, route); }
    }
}

/* Stereo frames of every source into every destination (overwritten). NULL where there is none. */
RA_REALTIME static void ra_router_process(ra_router *router, const float *const sources[RA_ROUTER_SOURCES],
                                          float *const destinations[RA_ROUTER_DESTINATIONS], uint32_t frame_count)
{
    bool is_begun[RA_ROUTER_DESTINATIONS] = { false };
    for (uint32_t index = 0; index < router->route_count; index++) {
        ra_route *route = &router->routes[index];
        const float *in = sources[route->source];
        float *out = destinations[route->destination];
        if (route->is_removed && route->gain.left_frames == 0) { *route = router->routes[--router->route_count]; index--; continue; }
        if ((!in || !out) && route->is_removed) ra_glide_hold(&route->gain, 0.0f);          /* nobody hears it go */
        if (!in || !out || (route->gain.left_frames == 0 && route->gain.target == 0.0f)) continue;
        bool is_first = !is_begun[route->destination];
        is_begun[route->destination] = true;
        if (is_first && route->gain.left_frames == 0 && route->gain.target == 1.0f) { memcpy(out, in, (size_t)frame_count * 2 * sizeof(float)); continue; }
        for (uint32_t frame = 0; frame < frame_count; frame++) {
            float gain = ra_glide_next(&route->gain);
            for (int side = 0; side < 2; side++) {
                float x = in[2 * frame + side] * gain;
                out[2 * frame + side] = is_first ? x : out[2 * frame + side] + x;
            }
        }
    }
    for (uint32_t destination = 0; destination < RA_ROUTER_DESTINATIONS; destination++)
        if (destinations[destination] && !is_begun[destination]) memset(destinations[destination], 0, (size_t)frame_count * 2 * sizeof(float));
}

/* ============================================================================
   [12] ENGINE - what plays: commands in, sound out, snapshots back
   ----------------------------------------------------------------------------
   owns     ra_engine, ra_recorder (what passes the audio thread into a file), ra_load (a
            file into a clip, as a job), ra_render_clip, ra_overview (what a whole file
            looks like), ra_glance, ra_process (whole clips, and files by pieces, on all
            workers), ra_bridge (one engine in two memories, for pages that are not isolated)
   calls    [2] to [11]
   threads  control: everything but ra_engine_render*; audio: ra_engine_render*;
            pool: ra_load_step, ra_analysis_step, ra_recorder_step, ra_process_step
   real time  rings and mailboxes only; clips that are replaced go home by ring
            and are freed by ra_engine_tick on the control thread
   tests    test.c "engine"
   ============================================================================ */

enum { RA_CHUNK_FRAMES = 512 };        /* ra_engine_render works in pieces of at most this */
enum { RA_COMMAND_CAPACITY = 256, RA_HOME_CAPACITY = 256, RA_TAP_CAPACITY = 32768 };
enum { RA_SOURCE_MAIN = 0 };
enum { RA_DESTINATION_OUT = 0, RA_DESTINATION_TAP = 1 };

typedef enum { RA_COMMAND_LOAD = 1, RA_COMMAND_CHAIN, RA_COMMAND_PLAY, RA_COMMAND_PAUSE, RA_COMMAND_STOP, RA_COMMAND_SEEK, RA_COMMAND_LOOP, RA_COMMAND_VOLUME,
               RA_COMMAND_RANGE, RA_COMMAND_QUEUE, RA_COMMAND_QUEUE_CLEAR, RA_COMMAND_SKIP, RA_COMMAND_RECORD } ra_command_kind;

/* Travels through a ring of eight floats a frame: copied, never computed with. */
typedef struct {
    uint32_t kind, serial;             /* serial: of the clip, or of the chain; QUEUE_CLEAR: of the newest clip before it; RECORD: its own */
    union { const void *pointer; uint64_t room; double end_s; } item, resampler;     /* LOAD, QUEUE: the clip; CHAIN: the chain; RANGE: its end; RECORD: a ring */
    double   value;                    /* seconds, dB, or yes/no; RECORD: the source, RA_RECORD_NOTHING to stop */
} ra_command;
_Static_assert(sizeof(ra_command) == 32, "a command is eight floats of ring");

/* What was replaced, on its way home to be freed; NULL is fine. */
typedef struct { union { const void *pointer; uint64_t room; } clip, resampler, chain; } ra_homecoming;
_Static_assert(sizeof(ra_homecoming) == 24, "a homecoming is six floats of ring");

/* The newest settings, and the chain that they are for: one that has not arrived yet has to wait for them. */
typedef struct { uint32_t chain_serial; ra_chain_spec spec; } ra_settings;

/* A response that the engine has for itself, for the chains that it may yet have to make. */
typedef struct {
    ra_clip  clip;                                /* first: whoever destroys it destroys all of this */
    uint32_t serial;                              /* never that of a clip to be played */
    bool     is_delivered;                        /* front engine of a bridge: the other memory has it too */
} ra_own_impulse;
#define RA_IMPULSE_SERIAL 0x80000000u

enum { RA_SENT_MAX = 2 * RA_QUEUE_MAX + 2 };      /* a queue that was cleared may be under way before a new one */

#define RA_DUCK_S 0.005                /* to silence, and as long back, where one chain takes another's place */

/* The level of one channel as an eye wants it. */
typedef struct { float peak, hold, mean_square; uint32_t hold_left; } ra_meter;

enum { RA_FFT_FRAMES = 4096, RA_HOP_FRAMES = 512 };

/* Belongs to whoever runs its job; the control thread starts one at a time. If a worker dies with it, another takes its place. */
typedef struct {
    ra_fft   *fft;
    float     window[RA_FFT_FRAMES];
    float     history[2 * RA_FFT_FRAMES];         /* the newest frames, put here by the control thread between two jobs */
    float     windowed[RA_FFT_FRAMES], bins[RA_FFT_FRAMES + 2];
    struct { uint32_t serial; float db[RA_SPECTRUM_BINS]; } spectrum;
    ra_mailbox spectra;                           /* to the control thread */
} ra_analysis;

#define RA_RECORD_ROOM_S 10.0          /* so long nobody need come for what is recorded */
enum { RA_RECORD_BACK_FRAMES = 16384 };    /* frames; a bridge's back engine is emptied with every report */
#define RA_RECORD_NOTHING (-1.0)

/* The next piece of the file: frames, and the bytes that a job makes of them. */
typedef struct {
    ra_wav_format format;
    uint32_t frame_capacity, frame_count;
    uint64_t dither_seed;              /* before the job, and after it */
    float   *frames;
    uint8_t *bytes;
} ra_record_piece;

/* A recording: the audio thread fills the ring, the control thread a piece from it, a job makes bytes of that. */
typedef struct {
    ra_ring *ring;
    ra_pool *pool;
    ra_job  *job;
    ra_wav_info info;                  /* frame_count: of the pieces that were taken */
    ra_record_piece *piece;            /* the job's, while there is one */
    bool     is_made;                  /* its bytes are there */
    uint64_t dither_seed;              /* before the piece */
    uint64_t lost_frames;              /* front engine of a bridge: the other memory gave these, and there was no room */
    bool     is_stopped;               /* the command is on its way */
    bool     has_ended;                /* nothing will come any more: it was obeyed, or nobody is there to obey it */
    bool     is_over;                  /* and all of it was taken */
    bool     is_let_go;                /* the audio thread has lost sight of the ring, without a command */
    ra_snapshot last;                  /* has_ended: the end's */
    uint64_t seen_frames;              /* is_stopped: rendered_frames, which no longer move when the audio thread sleeps */
    double   seen_s;
    uint32_t still_ticks;
} ra_recorder;

struct ra_engine {
    uint32_t   sample_rate_hz;
    /* control to audio, and back */
    ra_ring   *commands, *home, *tap;
    ra_mailbox settings, snapshots;
    /* control thread */
    uint32_t   clip_serial;                       /* of the newest clip that was given */
    uint32_t   queue_floor;                       /* of the newest that cannot be waiting in the queue: loaded, or cleared with all before */
    ra_settings newest;                           /* settings, and how many chains have been made */
    ra_analysis *analysis;
    ra_job    *analysis_job;
    ra_pool   *analysis_pool;
    ra_recorder *recorder;                        /* the newest; NULL before the first */
    uint32_t   record_serial;                     /* of the newest RECORD */
    ra_command held;                              /* front engine of a bridge: read, not yet sent; kind 0: none */
    uint32_t   delivered_serial;
    ra_track   sent[RA_SENT_MAX];                 /* front engine: clips that play or wait in the other memory, the oldest first; */
    uint32_t   sent_tracks;                       /* so many */
    ra_command newest_volume, newest_loop;        /* of those sent; kind 0: none yet */
    bool       wants_to_play;                     /* the newest wish */
    uint64_t   sent_count;                        /* commands that went there, */
    uint64_t   cleared_count;                     /* until a QUEUE_CLEAR had, */
    uint32_t   cleared_serial;                    /* which had this one */
    uint32_t   impulse_count;                     /* copies of responses ever made; those of now are in newest */
    uint32_t   arrived_impulse;                   /* front engine: delivered, and the other side must be told what it is; 0: none */
    bool       has_unsent_settings;               /* front engine */
    ra_stream *streams;                           /* of all the clips that are here, not in the order of the queue */
    struct { uint32_t serial; ra_clip *clip; } received[RA_CHAIN_MAX];          /* back engine: responses */
    _Atomic uint32_t visits;                      /* writer: the audio thread, odd while it renders and may look at pieces of streams */
    /* audio thread */
    ra_player  player;
    struct {                                      /* a clip that waits for the old one's fade, and what it will do then */
        ra_homecoming next;
        uint32_t serial;
        bool     is_waiting, will_play;
        double   start_s, loop_start_s, loop_end_s;
    } arrival;
    ra_chain  *chain;
    uint32_t   chain_serial;
    struct { ra_chain *next; uint32_t serial; } arriving_chain;                 /* waits for the bottom of the duck; NULL: none */
    ra_glide   duck;
    uint32_t   late_left;                         /* frames until the first sound comes out of a chain that is late; the duck waits for it */
    bool       has_new_settings;                  /* for a chain that is still on its way */
    ra_glide   volume;
    ra_router  router;
    ra_meter   meters[2];
    struct { bool is_on; ra_record_source source; ra_ring *ring; ra_meter meters[2]; } take;     /* ring NULL: no memory, all is lost */
    float      peak_fall, mean_square_share;      /* a frame */
    uint32_t   hold_frames;
    uint32_t   quiet_frames;                      /* of exact silence, so far */
    bool       is_begun;
    ra_snapshot snapshot;
    float      main_frames[2 * RA_CHUNK_FRAMES], tap_frames[2 * RA_CHUNK_FRAMES];
};

/* ---- analysis: the tap's frames into a spectrum, as a job ---- */

static void ra_analysis_destroy(ra_analysis *analysis)
{
    if (!analysis) return;
    ra_fft_destroy(analysis->fft);
    ra_mailbox_end(&analysis->spectra);
    RA_FREE(analysis);
}

static ra_result ra_analysis_create(ra_analysis **out)
{
    ra_analysis *analysis = *out = ra_new(1, sizeof *analysis);
    if (!analysis) return RA_NO_MEMORY;
    for (uint32_t n = 0; n < RA_FFT_FRAMES; n++) analysis->window[n] = (float)(0.5 - 0.5 * ra_cos(RA_TAU * n / RA_FFT_FRAMES));   /* Hann */
    if (ra_fft_create(RA_FFT_FRAMES, &analysis->fft) || ra_mailbox_init(&analysis->spectra, sizeof analysis->spectrum)) {
        ra_analysis_destroy(analysis);
        *out = NULL;
        return RA_NO_MEMORY;
    }
    return RA_OK;
}

/* One spectrum of the newest window. */
static bool ra_analysis_step(void *user, ra_job *job)
{
    ra_analysis *a = user;
    (void)job;
    memset(a->spectrum.db, 0, sizeof a->spectrum.db);
    for (int side = 0; side < 2; side++) {
        for (uint32_t n = 0; n < RA_FFT_FRAMES; n++) a->windowed[n] = a->history[2 * n + side] * a->window[n];
        ra_fft_forward_real(a->fft, a->windowed, a->bins);
        for (uint32_t k = 0; k < RA_SPECTRUM_BINS; k++) a->spectrum.db[k] += a->bins[2 * k] * a->bins[2 * k] + a->bins[2 * k + 1] * a->bins[2 * k + 1];
    }
    /* A sine of amplitude 1 on a bin has |X| = size/2 * mean of the window (1/2); both sides are averaged. */
    double full_scale = RA_FFT_FRAMES / 4.0;
    ra_power_to_db(a->spectrum.db, RA_SPECTRUM_BINS, (float)(0.5 / (full_scale * full_scale)));
    a->spectrum.serial++;
    ra_mailbox_put(&a->spectra, &a->spectrum);
    return true;
}

RA_SMALL_CODE_BEGIN

/* ---- life ---- */

static void ra_homecoming_free(const ra_homecoming *home)
{
    ra_clip_destroy((ra_clip *)(uintptr_t)home->clip.pointer);
    ra_resampler_destroy((ra_resampler *)(uintptr_t)home->resampler.pointer);
    ra_chain_destroy((ra_chain *)(uintptr_t)home->chain.pointer);
}

/* What a command brings along, when nobody will obey it. */
static void ra_command_free(ra_command *command)
{
    ra_homecoming home = { .resampler.pointer = command->resampler.pointer };
    if (command->kind == RA_COMMAND_RANGE) home.resampler.pointer = NULL;
    if (command->kind == RA_COMMAND_LOAD || command->kind == RA_COMMAND_QUEUE) home.clip.pointer = command->item.pointer;
    if (command->kind == RA_COMMAND_CHAIN) home.chain.pointer = command->item.pointer;
    ra_homecoming_free(&home);
    *command = (ra_command){ .kind = 0 };
}

static void ra_tracks_free(ra_track *tracks, uint32_t *count)
{
    for (; *count; --*count) ra_homecoming_free(&(ra_homecoming){ .clip.pointer = tracks[*count - 1].clip, .resampler.pointer = tracks[*count - 1].resampler });
}

static void ra_engine_free_homecomings(ra_engine *engine)
{
    ra_homecoming home;
    while (ra_ring_read(engine->home, (float *)&home, 1)) ra_homecoming_free(&home);
}

static void ra_engine_end_analysis(ra_engine *engine)
{
    if (!engine->analysis_job) return;
    ra_job_cancel(engine->analysis_job);
    ra_pool_finish(engine->analysis_pool, engine->analysis_job);
    if (ra_job_poll(engine->analysis_job) == RA_JOB_LOST) engine->analysis = NULL;
    ra_job_release(engine->analysis_job);
    engine->analysis_job = NULL;
}

/* ---- recording: the ring's frames into pieces of a WAV file, as a job ---- */

static void ra_record_piece_destroy(ra_record_piece *piece)
{
    if (!piece) return;
    RA_FREE(piece->frames);
    RA_FREE(piece->bytes);
    RA_FREE(piece);
}

static ra_record_piece *ra_record_piece_create(uint32_t frame_capacity, ra_wav_format format)
{
    ra_record_piece *piece = ra_new(1, sizeof *piece);
    if (!piece) return NULL;
    piece->format = format;
    piece->frame_capacity = frame_capacity;
    piece->frames = RA_MALLOC(frame_capacity * 2 * sizeof(float));
    piece->bytes = RA_MALLOC(frame_capacity * 2 * ra_wav_sample_bytes[format]);
    if (piece->frames && piece->bytes) return piece;
    ra_record_piece_destroy(piece);
    return NULL;
}

static void ra_recorder_destroy(ra_recorder *recorder)
{
    if (!recorder) return;
    if (recorder->job) {
        ra_job_cancel(recorder->job);
        ra_pool_finish(recorder->pool, recorder->job);
        if (ra_job_poll(recorder->job) == RA_JOB_LOST) recorder->piece = NULL;
        ra_job_release(recorder->job);
    }
    ra_ring_destroy(recorder->ring);
    ra_record_piece_destroy(recorder->piece);
    RA_FREE(recorder);
}

/* is_whole: with pieces, which only the side that makes the file needs. */
static ra_result ra_recorder_create(uint32_t room_frames, bool is_whole, ra_wav_format format, ra_recorder **out)
{
    ra_recorder *recorder = *out = ra_new(1, sizeof *recorder);
    if (!recorder) return RA_NO_MEMORY;
    ra_result result = ra_ring_create(room_frames, 2, 48000, &recorder->ring);       /* nobody asks this ring for its rate */
    recorder->info = (ra_wav_info){ .format = format, .channels = 2, .frame_bytes = 2u * ra_wav_sample_bytes[format] };
    if (result == RA_OK && is_whole && !(recorder->piece = ra_record_piece_create(room_frames / 4, format))) result = RA_NO_MEMORY;
    if (result) { ra_recorder_destroy(recorder); *out = NULL; }
    return result;
}

static bool ra_recorder_step(void *user, ra_job *job)
{
    ra_record_piece *piece = user;
    (void)job;
    ra_wav_encode(piece->format, piece->frames, piece->bytes, 2 * (size_t)piece->frame_count, &piece->dither_seed);
    return true;
}

/* Has the job made its piece? If its worker died, that one stays as it is, and another piece has the same frames. */
static void ra_recorder_look(ra_recorder *r)
{
    ra_job_state state = r->job ? ra_job_poll(r->job) : RA_JOB_QUEUED;
    ra_record_piece *fresh = NULL;
    if (state < RA_JOB_DONE || (state == RA_JOB_LOST && !(fresh = ra_record_piece_create(r->piece->frame_capacity, r->piece->format)))) return;
    if (fresh) {
        memcpy(fresh->frames, r->piece->frames, r->piece->frame_count * 2 * sizeof(float));
        fresh->frame_count = r->piece->frame_count;
        fresh->dither_seed = r->dither_seed;
        r->piece = fresh;
    } else r->is_made = state == RA_JOB_DONE;
    ra_job_release(r->job);
    r->job = NULL;
}

/* Fills the piece; when that is half full, or nothing more will come, a job makes its bytes. */
static void ra_recorder_go_on(ra_recorder *r, ra_pool *pool)
{
    if (!pool) return;
    r->pool = pool;
    ra_recorder_look(r);
    ra_record_piece *piece = r->piece;
    if (r->job || r->is_made) return;
    piece->frame_count += ra_ring_read(r->ring, piece->frames + 2 * (size_t)piece->frame_count, piece->frame_capacity - piece->frame_count);
    if (piece->frame_count == 0 || (piece->frame_count < piece->frame_capacity / 2 && !r->has_ended)) return;
    r->dither_seed = piece->dither_seed;
    ra_pool_submit(pool, "record", ra_recorder_step, piece, &r->job);          /* no room now: next time */
}

/* Does a snapshot speak of the newest recording, or still of the one before? */
static bool ra_engine_has_taken(const ra_engine *engine, const ra_snapshot *now)
{
    return (int32_t)(now->record_serial + engine->recorder->is_stopped - engine->record_serial) >= 0;
}

static void ra_recorder_end(ra_engine *engine, const ra_snapshot *last)
{
    ra_recorder *r = engine->recorder;
    if (r->has_ended) return;
    r->last = *last;
    if (!ra_engine_has_taken(engine, last)) r->last.record_frames = r->last.record_lost_frames = 0;
    r->has_ended = true;
}

static void ra_recorder_tick(ra_engine *engine, ra_pool *pool)
{
    ra_recorder *r = engine->recorder;
    if (!r || !r->piece) return;
    ra_snapshot now = *(const ra_snapshot *)ra_mailbox_get(&engine->snapshots, NULL);
    if (r->is_stopped && now.record_serial == engine->record_serial) ra_recorder_end(engine, &now);
    /* An audio thread that sleeps obeys nothing. Ticks are counted too: a page that was busy for long has its reports still to read. */
    if (now.rendered_frames != r->seen_frames || !r->is_stopped) { r->seen_frames = now.rendered_frames; r->seen_s = ra_now_s(); r->still_ticks = 0; }
    else if (++r->still_ticks > 10 && ra_now_s() > r->seen_s + 1) ra_recorder_end(engine, &now);
    ra_recorder_go_on(r, pool);
}

/* ---- responses: the engine has copies of its own, one for all processors that have the same samples ---- */

static bool ra_spec_has_impulse(const ra_chain_spec *spec, const ra_clip *impulse)
{
    bool has = false;
    for (uint32_t index = 0; index < spec->count; index++) has = has || spec->item[index].impulse == impulse;
    return has;
}

/* Frees the copies of one spec that another does not have. */
static void ra_engine_free_impulses(ra_chain_spec *spec, const ra_chain_spec *kept)
{
    for (uint32_t index = 0; index < spec->count; index++) {
        const ra_clip *impulse = spec->item[index].impulse;
        if (!impulse || ra_spec_has_impulse(kept, impulse)) continue;
        for (uint32_t at = index; at < spec->count; at++) if (spec->item[at].impulse == impulse) spec->item[at].impulse = NULL;
        ra_clip_destroy((ra_clip *)(uintptr_t)impulse);
    }
}

static bool ra_clip_is_same(const ra_clip *a, const ra_clip *b)
{
    return a->frame_count == b->frame_count && a->channels == b->channels && a->sample_rate_hz == b->sample_rate_hz
        && memcmp(a->samples, b->samples, (size_t)(a->frame_count * a->channels) * sizeof(float)) == 0;
}

/* Puts copies of the engine's in place of somebody's responses: those it has already, where they are the same. */
static ra_result ra_engine_own_impulses(ra_engine *engine, ra_chain_spec *spec)
{
    ra_chain_spec given = *spec;
    for (uint32_t index = 0; index < RA_CHAIN_MAX; index++) spec->item[index].impulse = NULL;
    for (uint32_t index = 0; index < spec->count; index++) {
        const ra_clip *impulse = given.item[index].impulse, *own = NULL;
        if (!impulse || spec->item[index].kind != RA_PROCESSOR_CONVOLVE) continue;
        for (uint32_t at = 0; at < RA_CHAIN_MAX + index && !own; at++) {
            const ra_clip *known = at < RA_CHAIN_MAX ? engine->newest.spec.item[at].impulse : spec->item[at - RA_CHAIN_MAX].impulse;
            if (known && ra_clip_is_same(known, impulse)) own = known;
        }
        if (!own) {
            size_t byte_count = (size_t)(impulse->frame_count * impulse->channels) * sizeof(float);
            ra_own_impulse *copy = ra_new(1, sizeof *copy);
            float *samples = copy ? RA_MALLOC(byte_count + 1) : NULL;
            if (!samples) { RA_FREE(copy); ra_engine_free_impulses(spec, &engine->newest.spec); return RA_NO_MEMORY; }
            copy->clip = *impulse;
            copy->clip.samples = memcpy(samples, impulse->samples, byte_count);
            copy->clip.keeper_count = 0;
            copy->serial = RA_IMPULSE_SERIAL | ++engine->impulse_count;
            own = &copy->clip;
        }
        spec->item[index].impulse = own;
    }
    return RA_OK;
}

RA_API void ra_engine_destroy(ra_engine *engine)
{
    if (!engine) return;
    ra_engine_end_analysis(engine);
    ra_recorder_destroy(engine->recorder);
    ra_command command;
    while (engine->commands && ra_ring_read(engine->commands, (float *)&command, 1)) ra_command_free(&command);
    ra_command_free(&engine->held);
    if (engine->home) ra_engine_free_homecomings(engine);
    if (engine->arrival.is_waiting) ra_homecoming_free(&engine->arrival.next);
    ra_tracks_free(engine->sent, &engine->sent_tracks);
    ra_tracks_free(engine->player.queue, &engine->player.queue_count);
    ra_homecoming_free(&(ra_homecoming){ { engine->player.clip }, { engine->player.resampler }, { engine->chain } });
    ra_chain_destroy(engine->arriving_chain.next);
    ra_analysis_destroy(engine->analysis);
    ra_engine_free_impulses(&engine->newest.spec, &(ra_chain_spec){ .count = 0 });
    for (uint32_t index = 0; index < RA_CHAIN_MAX; index++) ra_clip_destroy(engine->received[index].clip);
    ra_mailbox_end(&engine->settings);
    ra_mailbox_end(&engine->snapshots);
    ra_ring_destroy(engine->commands);
    ra_ring_destroy(engine->home);
    ra_ring_destroy(engine->tap);
    while (engine->streams) ra_stream_leave(engine->streams);        /* of clips that others keep */
    RA_FREE(engine);
}

/* Everything that depends on the rate and belongs to the audio thread. */
static void ra_engine_tune(ra_engine *engine)
{
    double rate = engine->sample_rate_hz;
    engine->player.fade_frames = (uint32_t)(RA_GLIDE_S * rate);
    engine->router.glide_frames = (uint32_t)(RA_GLIDE_S * rate);
    engine->peak_fall = (float)ra_amplitude_from_db(-20.0 / rate);          /* 20 dB a second */
    engine->mean_square_share = (float)(1.0 - ra_exp(-1.0 / (0.15 * rate)));  /* forgets as fast as a window of 300 ms */
    engine->hold_frames = (uint32_t)(1.5 * rate);
}

RA_API ra_result ra_engine_create(const ra_engine_desc *desc, ra_engine **out)
{
    uint32_t rate = desc && desc->sample_rate_hz ? desc->sample_rate_hz : 48000;
    *out = NULL;
    if (rate < 1000 || rate > 768000) return RA_BAD_ARGUMENT;
    ra_engine *engine = ra_new(1, sizeof *engine);
    if (!engine) return RA_NO_MEMORY;
    engine->sample_rate_hz = rate;
    engine->player.jump_frame = engine->player.loop_end = RA_NO_JUMP;
    ra_glide_hold(&engine->volume, 1.0f);
    ra_glide_hold(&engine->duck, 1.0f);
    ra_router_set(&engine->router, RA_SOURCE_MAIN, RA_DESTINATION_OUT, 1.0f, false);   /* before the rate: at once */
    ra_router_set(&engine->router, RA_SOURCE_MAIN, RA_DESTINATION_TAP, 1.0f, false);
    ra_engine_tune(engine);
    if (ra_ring_create(RA_COMMAND_CAPACITY, sizeof(ra_command) / sizeof(float), rate, &engine->commands) ||
        ra_ring_create(RA_HOME_CAPACITY, sizeof(ra_homecoming) / sizeof(float), rate, &engine->home) ||
        ra_ring_create(RA_TAP_CAPACITY, 2, rate, &engine->tap) ||
        ra_mailbox_init(&engine->settings, sizeof(ra_settings)) ||
        ra_mailbox_init(&engine->snapshots, sizeof(ra_snapshot)) ||
        ra_chain_create(2, rate, &engine->newest.spec, &engine->chain) ||
        ra_analysis_create(&engine->analysis)) {
        ra_engine_destroy(engine);
        return RA_NO_MEMORY;
    }
    *out = engine;
    return RA_OK;
}

/* ---- commands: the control thread's side ---- */

static ra_result ra_engine_send(ra_engine *engine, ra_command command)
{
    if (!ra_ring_write(engine->commands, (const float *)&command, 1)) return RA_BUSY;
    if (command.kind == RA_COMMAND_VOLUME) engine->newest_volume = command;
    if (command.kind == RA_COMMAND_LOOP) engine->newest_loop = command;
    if (command.kind == RA_COMMAND_PLAY) engine->wants_to_play = true;
    if (command.kind == RA_COMMAND_LOAD || command.kind == RA_COMMAND_PAUSE || command.kind == RA_COMMAND_STOP) engine->wants_to_play = false;
    bool is_floor = command.kind == RA_COMMAND_LOAD || command.kind == RA_COMMAND_QUEUE_CLEAR;
    if (is_floor && (int32_t)(command.serial - engine->queue_floor) > 0) engine->queue_floor = command.serial;
    return RA_OK;
}

RA_API void ra_engine_get_snapshot(ra_engine *engine, ra_snapshot *out) { *out = *(const ra_snapshot *)ra_mailbox_get(&engine->snapshots, NULL); }

static ra_result ra_engine_give(ra_engine *engine, ra_command_kind kind, ra_clip *clip)
{
    ra_resampler *resampler = NULL;
    if (clip->channels > 2 || (clip->stream && clip->stream->link)) return RA_BAD_ARGUMENT;      /* a stream plays in one place */
    ra_engine_free_homecomings(engine);                  /* makes room for the one that this will send home */
    if (clip->sample_rate_hz != engine->sample_rate_hz && ra_resampler_create(clip->sample_rate_hz, engine->sample_rate_hz, 2, &resampler)) return RA_NO_MEMORY;
    ra_command command = { .kind = kind, .serial = engine->clip_serial + 1 };
    command.item.pointer = clip;
    command.resampler.pointer = resampler;
    ra_stream *stream = clip->stream;
    if (stream) {                                        /* before the audio thread can see it */
        stream->pieces.visits = &engine->visits;
        stream->next = engine->streams;
        stream->link = &engine->streams;
        if (stream->next) stream->next->link = &stream->next;
        engine->streams = stream;
    }
    ra_result result = ra_engine_send(engine, command);
    if (result == RA_OK) engine->clip_serial++; else ra_resampler_destroy(resampler);
    if (stream && result != RA_OK) ra_stream_leave(stream);
    return result;
}

RA_API ra_stream *ra_engine_next_stream(ra_engine *engine)
{
    ra_stream *best = NULL;
    uint64_t first;
    double soonest_s = 0.0, needed_s;
    for (ra_stream *stream = engine->streams; stream; stream = stream->next) {
        if (!ra_stream_plan(stream, &first, &needed_s) || (best && needed_s >= soonest_s)) continue;
        best = stream;
        soonest_s = needed_s;
    }
    return best;
}
RA_API ra_stream *ra_engine_find_stream(ra_engine *engine, uint32_t source)
{
    ra_stream *stream = engine->streams;
    while (stream && stream->source != source) stream = stream->next;
    return stream;
}

RA_API ra_result ra_engine_load(ra_engine *engine, ra_clip *clip) { return ra_engine_give(engine, RA_COMMAND_LOAD, clip); }
RA_API ra_result ra_engine_queue(ra_engine *engine, ra_clip *clip)
{
    /* what plays by the newest snapshot waits no more; what has begun since then is counted once too often, never too seldom */
    ra_snapshot there;
    ra_engine_get_snapshot(engine, &there);
    uint32_t begun = (int32_t)(there.clip_serial - engine->queue_floor) > 0 ? there.clip_serial : engine->queue_floor;
    return (int32_t)(engine->clip_serial - begun) >= RA_QUEUE_MAX ? RA_BUSY : ra_engine_give(engine, RA_COMMAND_QUEUE, clip);
}
RA_API ra_result ra_engine_queue_clear(ra_engine *engine) { return ra_engine_send(engine, (ra_command){ .kind = RA_COMMAND_QUEUE_CLEAR, .serial = engine->clip_serial }); }
RA_API ra_result ra_engine_skip(ra_engine *engine)  { return ra_engine_send(engine, (ra_command){ .kind = RA_COMMAND_SKIP }); }

RA_API ra_result ra_engine_play(ra_engine *engine)  { return ra_engine_send(engine, (ra_command){ .kind = RA_COMMAND_PLAY }); }
RA_API ra_result ra_engine_pause(ra_engine *engine) { return ra_engine_send(engine, (ra_command){ .kind = RA_COMMAND_PAUSE }); }
RA_API ra_result ra_engine_stop(ra_engine *engine)  { return ra_engine_send(engine, (ra_command){ .kind = RA_COMMAND_STOP }); }
RA_API ra_result ra_engine_seek(ra_engine *engine, double seconds)
{
    if (!(seconds == seconds)) return RA_BAD_ARGUMENT;
    return ra_engine_send(engine, (ra_command){ .kind = RA_COMMAND_SEEK, .value = seconds });
}
RA_API ra_result ra_engine_set_loop(ra_engine *engine, bool is_looping)
{
    return ra_engine_send(engine, (ra_command){ .kind = RA_COMMAND_LOOP, .value = is_looping });
}
RA_API ra_result ra_engine_set_loop_range(ra_engine *engine, double start_s, double end_s)
{
    return ra_engine_send(engine, (ra_command){ .kind = RA_COMMAND_RANGE, .value = start_s, .item.end_s = end_s });
}
RA_API ra_result ra_engine_set_volume_db(ra_engine *engine, double volume_db)
{
    if (!(volume_db <= 12.0)) return RA_BAD_ARGUMENT;
    return ra_engine_send(engine, (ra_command){ .kind = RA_COMMAND_VOLUME, .value = volume_db });
}
RA_API ra_result ra_engine_set_chain(ra_engine *engine, const ra_chain_spec *given)
{
    ra_chain *chain = NULL;
    if (!ra_chain_is_possible(given)) return RA_BAD_ARGUMENT;
    ra_chain_spec spec = ra_chain_heard(given), before = engine->newest.spec;
    ra_result result = ra_engine_own_impulses(engine, &spec);
    if (result) return result;
    if (!ra_chain_is_alike(&before, &spec, true)) {      /* another chain: made here, where there is time and memory */
        result = ra_chain_create(2, engine->sample_rate_hz, &spec, &chain);
        ra_engine_free_homecomings(engine);
        ra_command command = { .kind = RA_COMMAND_CHAIN, .serial = engine->newest.chain_serial + 1 };
        command.item.pointer = chain;
        if (result == RA_OK) result = ra_engine_send(engine, command);
        if (result) { ra_chain_destroy(chain); ra_engine_free_impulses(&spec, &before); return result; }
        engine->newest.chain_serial++;
    }
    engine->newest.spec = spec;
    ra_engine_free_impulses(&before, &spec);
    ra_mailbox_put(&engine->settings, &engine->newest);
    return RA_OK;
}

RA_API void ra_engine_get_recording(ra_engine *engine, ra_recording *out)
{
    ra_recorder *r = engine->recorder;
    *out = (ra_recording){ .is_on = false };
    if (!r) return;
    ra_snapshot now = r->last;
    if (!r->has_ended) ra_engine_get_snapshot(engine, &now);
    bool has_begun = r->has_ended || ra_engine_has_taken(engine, &now);
    out->info = r->info;
    out->info.sample_rate_hz = now.sample_rate_hz ? now.sample_rate_hz : engine->sample_rate_hz;
    out->offered_frames = has_begun ? now.record_frames : 0;
    out->lost_frames = (has_begun ? now.record_lost_frames : 0) + r->lost_frames;
    for (int side = 0; side < 2 && has_begun; side++) out->peak[side] = now.record_peak[side];
    r->is_over = r->is_over || (r->has_ended && !r->job && (!r->piece || r->piece->frame_count == 0) && !ra_ring_is_ready(r->ring, 1)
                                && r->info.frame_count + out->lost_frames >= out->offered_frames);
    out->is_on = !r->is_over;
}

static ra_result ra_engine_send_record(ra_engine *engine, const ra_ring *ring, double source)
{
    ra_command command = { .kind = RA_COMMAND_RECORD, .serial = engine->record_serial + 1, .value = source };
    command.item.pointer = ring;
    ra_result result = ra_engine_send(engine, command);
    if (result == RA_OK) engine->record_serial++;
    return result;
}

RA_API ra_result ra_engine_record(ra_engine *engine, ra_record_source source, ra_wav_format format)
{
    ra_recorder *before = engine->recorder, *recorder;
    ra_recording old;
    ra_snapshot now;
    if ((unsigned)source > RA_RECORD_INPUT || (unsigned)format >= RA_WAV_WRITABLE_COUNT) return RA_BAD_ARGUMENT;
    ra_engine_get_recording(engine, &old);
    ra_engine_get_snapshot(engine, &now);
    if (before && (old.is_on || (!before->is_let_go && now.record_serial != engine->record_serial))) return RA_BUSY;
    uint32_t rate = now.sample_rate_hz > engine->sample_rate_hz ? now.sample_rate_hz : engine->sample_rate_hz;
    ra_result result = ra_recorder_create((uint32_t)(RA_RECORD_ROOM_S * rate), true, format, &recorder);
    if (result) return result;
    result = ra_engine_send_record(engine, recorder->ring, source);
    ra_recorder_destroy(result ? recorder : before);
    if (result == RA_OK) engine->recorder = recorder;
    return result;
}

RA_API ra_result ra_engine_record_stop(ra_engine *engine)
{
    ra_recorder *r = engine->recorder;
    if (!r || r->is_stopped || r->has_ended) return RA_OK;
    ra_result result = ra_engine_send_record(engine, NULL, RA_RECORD_NOTHING);
    r->is_stopped = result == RA_OK;
    return result;
}

RA_API bool ra_engine_record_next(ra_engine *engine, const void **bytes, size_t *byte_count)
{
    ra_recorder *r = engine->recorder;
    if (!r || r->is_over) return false;
    ra_recorder_look(r);
    if (!r->is_made) return false;
    *bytes = r->piece->bytes;
    *byte_count = (size_t)r->piece->frame_count * r->info.frame_bytes;
    return true;
}

RA_API void ra_engine_record_done(ra_engine *engine)
{
    ra_recorder *r = engine->recorder;
    r->info.frame_count += r->piece->frame_count;
    r->piece->frame_count = 0;
    r->is_made = false;
    ra_recorder_go_on(r, r->pool);
}

RA_API void ra_engine_tick(ra_engine *engine, ra_pool *pool)
{
    ra_engine_free_homecomings(engine);
    ra_recorder_tick(engine, pool);
    if (engine->analysis_job) {
        ra_job_state state = ra_job_poll(engine->analysis_job);
        ra_analysis *fresh;
        if (state < RA_JOB_DONE || (state == RA_JOB_LOST && ra_analysis_create(&fresh))) return;
        if (state == RA_JOB_LOST) {
            memcpy(fresh->history, engine->analysis->history, sizeof fresh->history);
            memcpy(&fresh->spectrum, ra_mailbox_get(&engine->analysis->spectra, NULL), sizeof fresh->spectrum);
            ra_mailbox_put(&fresh->spectra, &fresh->spectrum);
            engine->analysis = fresh;
        }
        ra_job_release(engine->analysis_job);
        engine->analysis_job = NULL;
    }
    if (!pool || !ra_ring_is_ready(engine->tap, RA_HOP_FRAMES)) return;
    float *history = engine->analysis->history;
    while (ra_ring_is_ready(engine->tap, RA_HOP_FRAMES)) {
        memmove(history, history + 2 * RA_HOP_FRAMES, 2 * (RA_FFT_FRAMES - RA_HOP_FRAMES) * sizeof(float));
        ra_ring_read(engine->tap, history + 2 * (RA_FFT_FRAMES - RA_HOP_FRAMES), RA_HOP_FRAMES);
    }
    engine->analysis_pool = pool;
    ra_pool_submit(pool, "spectrum", ra_analysis_step, engine->analysis, &engine->analysis_job);   /* no room now: next time */
}

RA_API uint32_t ra_engine_get_spectrum(ra_engine *engine, float bins_db[RA_SPECTRUM_BINS])
{
    const uint32_t *serial = ra_mailbox_get(&engine->analysis->spectra, NULL);
    memcpy(bins_db, serial + 1, RA_SPECTRUM_BINS * sizeof(float));
    return *serial;
}

RA_SMALL_CODE_END

/* ---- the audio thread's side ---- */

RA_REALTIME static void ra_engine_send_home(ra_engine *engine, const ra_track *tracks, uint32_t *count)
{
    for (uint32_t n = 0; n < *count; n++) {
        ra_homecoming home = { .clip.pointer = tracks[n].clip, .resampler.pointer = tracks[n].resampler };
        ra_ring_write(engine->home, (const float *)&home, 1);
    }
    *count = 0;
}

/* The new clip takes its place; the old one goes home. */
RA_REALTIME static void ra_engine_take_clip(ra_engine *engine)
{
    ra_player *player = &engine->player;
    ra_homecoming home = { .clip.pointer = player->clip, .resampler.pointer = player->resampler };
    if (player->clip) ra_ring_write(engine->home, (const float *)&home, 1);
    player->clip = engine->arrival.next.clip.pointer;
    player->resampler = engine->arrival.next.resampler.pointer;
    player->serial = engine->arrival.serial;
    player->jump_frame = RA_NO_JUMP;
    player->wants_to_play = player->is_leaving = engine->arrival.is_waiting = false;
    ra_player_place(player, 0);
    ra_player_set_loop_range(player, engine->arrival.loop_start_s, engine->arrival.loop_end_s);
    ra_player_jump(player, ra_player_frame_at(player, engine->arrival.start_s));
    if (engine->arrival.will_play) ra_player_play(player);
}

RA_REALTIME static void ra_engine_end_duck(ra_engine *engine) { ra_glide_to(&engine->duck, 1.0f, (uint32_t)(RA_DUCK_S * engine->sample_rate_hz) + 1); }

/* At the bottom of the duck, or while nothing is heard. */
RA_REALTIME static void ra_engine_take_chain(ra_engine *engine)
{
    ra_homecoming home = { .chain.pointer = engine->chain };
    ra_ring_write(engine->home, (const float *)&home, 1);
    engine->chain = engine->arriving_chain.next;
    engine->chain_serial = engine->arriving_chain.serial;
    engine->arriving_chain.next = NULL;
    engine->late_left = ra_chain_latency_frames(engine->chain);
    if (engine->late_left == 0) ra_engine_end_duck(engine);
}

RA_REALTIME static void ra_engine_expect_chain(ra_engine *engine, const ra_command *command)
{
    ra_homecoming overtaken = { .chain.pointer = engine->arriving_chain.next };
    if (engine->arriving_chain.next) ra_ring_write(engine->home, (const float *)&overtaken, 1);
    else ra_glide_to(&engine->duck, 0.0f, (uint32_t)(RA_DUCK_S * engine->sample_rate_hz) + 1);
    engine->arriving_chain.next = (ra_chain *)(uintptr_t)command->item.pointer;
    engine->arriving_chain.serial = command->serial;
    if (engine->player.is_sounding || !ra_chain_is_quiet(engine->chain)) return;
    ra_engine_take_chain(engine);
    ra_glide_hold(&engine->duck, 1.0f);                  /* nothing was heard, so nothing has to come back */
    engine->late_left = 0;
}

/* Another clip, as soon as the fade lets it. */
RA_REALTIME static void ra_engine_expect_clip(ra_engine *engine, const ra_track *next, bool will_play)
{
    if (engine->arrival.is_waiting) ra_ring_write(engine->home, (const float *)&engine->arrival.next, 1);   /* overtaken before it began */
    engine->arrival.next = (ra_homecoming){ .clip.pointer = next->clip, .resampler.pointer = next->resampler };
    engine->arrival.serial = next->serial;
    engine->arrival.is_waiting = engine->player.is_leaving = true;
    engine->arrival.will_play = will_play;
    engine->arrival.start_s = engine->arrival.loop_start_s = engine->arrival.loop_end_s = 0.0;
    ra_player_halt(&engine->player);
}

/* Begins or ends a recording, before the first frame of this block. */
RA_REALTIME static void ra_engine_take(ra_engine *engine, const ra_command *command)
{
    engine->snapshot.record_serial = command->serial;
    engine->take.is_on = command->value >= 0.0;
    engine->take.ring = (ra_ring *)(uintptr_t)command->item.pointer;
    if (!engine->take.is_on) return;
    engine->take.source = (ra_record_source)command->value;
    engine->snapshot.record_frames = engine->snapshot.record_lost_frames = 0;
    memset(engine->take.meters, 0, sizeof engine->take.meters);
}

RA_REALTIME static void ra_engine_obey(ra_engine *engine, const ra_command *command)
{
    ra_player *player = &engine->player;
    bool is_waiting = engine->arrival.is_waiting;        /* then these are for the clip that comes */
    ra_track track = { command->item.pointer, command->resampler.pointer, command->serial };
    switch (command->kind) {
    case RA_COMMAND_LOAD:
        ra_engine_send_home(engine, player->queue, &player->queue_count);
        ra_engine_expect_clip(engine, &track, false);
        break;
    case RA_COMMAND_QUEUE:
        if (!player->clip && !is_waiting) ra_engine_expect_clip(engine, &track, false);      /* nothing is there that it could follow */
        else if (player->queue_count < RA_QUEUE_MAX) player->queue[player->queue_count++] = track;
        else { uint32_t one = 1; ra_engine_send_home(engine, &track, &one); }               /* only a bridge could bring so many */
        break;
    case RA_COMMAND_QUEUE_CLEAR: ra_engine_send_home(engine, player->queue, &player->queue_count); break;
    case RA_COMMAND_SKIP:
        if (player->queue_count == 0) break;
        track = ra_player_pull(player);
        ra_engine_expect_clip(engine, &track, is_waiting ? engine->arrival.will_play : player->wants_to_play);
        break;
    case RA_COMMAND_RANGE:
        if (!is_waiting) { ra_player_set_loop_range(player, command->value, command->item.end_s); break; }
        engine->arrival.loop_start_s = command->value;
        engine->arrival.loop_end_s = command->item.end_s;
        break;
    case RA_COMMAND_CHAIN: ra_engine_expect_chain(engine, command); break;
    case RA_COMMAND_PLAY:
        if (is_waiting) engine->arrival.will_play = true; else ra_player_play(player);
        break;
    case RA_COMMAND_PAUSE:
    case RA_COMMAND_STOP:
        engine->arrival.will_play = false;
        ra_player_halt(player);
        if (command->kind == RA_COMMAND_PAUSE) break;
        engine->arrival.start_s = 0.0;
        if (!is_waiting) ra_player_jump(player, 0);
        break;
    case RA_COMMAND_SEEK:
        if (is_waiting) engine->arrival.start_s = command->value; else ra_player_jump(player, ra_player_frame_at(player, command->value));
        break;
    case RA_COMMAND_LOOP:  player->is_looping = command->value != 0.0; break;
    case RA_COMMAND_VOLUME: {
        float factor = command->value > -60.0 ? (float)ra_amplitude_from_db(command->value) : 0.0f;
        ra_glide_to(&engine->volume, factor, engine->is_begun ? (uint32_t)(RA_GLIDE_S * engine->sample_rate_hz) : 0);
        break;
    }
    case RA_COMMAND_RECORD: ra_engine_take(engine, command); break;
    }
    engine->snapshot.command_count++;
}

RA_REALTIME static void ra_engine_read_commands(ra_engine *engine)
{
    ra_command command;
    bool is_fresh;
    /* before the commands: then the chain that the settings are for is among those at the latest */
    const ra_settings *settings = ra_mailbox_get(&engine->settings, &is_fresh);
    engine->has_new_settings = engine->has_new_settings || is_fresh;
    /* a command may send something home, beside the clips and the chain that go when their time is over: wait for room for all */
    for (uint32_t left = ra_ring_readable_frames(engine->commands); left && ra_ring_readable_frames(engine->home) + 3 + engine->player.queue_count <= RA_HOME_CAPACITY; left--) {
        ra_ring_read(engine->commands, (float *)&command, 1);
        ra_engine_obey(engine, &command);
        if (engine->arrival.is_waiting && !engine->player.is_sounding) ra_engine_take_clip(engine);
    }
    ra_chain *newest = engine->arriving_chain.next ? engine->arriving_chain.next : engine->chain;
    uint32_t serial = engine->arriving_chain.next ? engine->arriving_chain.serial : engine->chain_serial;
    if (engine->has_new_settings && serial == settings->chain_serial) {
        ra_chain_set_heard(newest, &settings->spec);
        engine->has_new_settings = false;
    }
}

RA_API ra_result ra_engine_set_sample_rate(ra_engine *engine, uint32_t sample_rate_hz)
{
    if (sample_rate_hz < 1000 || sample_rate_hz > 768000) return RA_BAD_ARGUMENT;
    if (sample_rate_hz == engine->sample_rate_hz) return RA_OK;
    do {                                                 /* nobody renders: what waits was made for the old rate, and is obeyed at it */
        ra_engine_free_homecomings(engine);
        ra_engine_read_commands(engine);
    } while (ra_ring_readable_frames(engine->commands));
    ra_player *player = &engine->player;
    ra_resampler *resamplers[1 + RA_QUEUE_MAX] = { NULL };             /* of what plays, and of the queue */
    ra_chain *chain;
    ra_result result = ra_chain_create(2, sample_rate_hz, &engine->newest.spec, &chain);
    for (uint32_t n = 0; n <= player->queue_count && result == RA_OK; n++) {
        const ra_clip *clip = n ? player->queue[n - 1].clip : engine->arrival.is_waiting ? engine->arrival.next.clip.pointer : player->clip;
        if (clip && clip->sample_rate_hz != sample_rate_hz) result = ra_resampler_create(clip->sample_rate_hz, sample_rate_hz, 2, &resamplers[n]);
    }
    if (result) {
        for (uint32_t n = 0; n <= player->queue_count; n++) ra_resampler_destroy(resamplers[n]);
        ra_chain_destroy(chain);
        return result;
    }
    if (engine->recorder && engine->take.is_on) {        /* a file has one rate: it ends here */
        engine->take.is_on = false;
        engine->recorder->is_let_go = true;
        ra_recorder_end(engine, &engine->snapshot);
    }
    if (engine->arrival.is_waiting) ra_engine_take_clip(engine);
    ra_chain_destroy(engine->arriving_chain.next);
    engine->arriving_chain.next = NULL;
    ra_glide_hold(&engine->duck, 1.0f);
    engine->late_left = 0;
    ra_chain_destroy(engine->chain);
    engine->chain = chain;
    engine->chain_serial = engine->newest.chain_serial;
    for (uint32_t n = 0; n <= player->queue_count; n++) {
        const ra_resampler **old = n ? &player->queue[n - 1].resampler : &player->resampler;
        ra_resampler_destroy((ra_resampler *)(uintptr_t)*old);
        *old = resamplers[n];
    }
    player->phase = 0;
    player->has_past = false;
    engine->sample_rate_hz = sample_rate_hz;
    ra_engine_tune(engine);
    return RA_OK;
}

RA_REALTIME static void ra_engine_meter(const ra_engine *engine, ra_meter meters[2], const float *frames, uint32_t frame_count)
{
    for (int side = 0; side < 2; side++) {
        ra_meter m = meters[side];
        for (uint32_t frame = 0; frame < frame_count; frame++) {
            float x = frames[2 * frame + side], size = __builtin_fabsf(x);
            m.peak *= engine->peak_fall;
            if (size > m.peak) m.peak = size;
            if (m.hold_left == 0) m.hold = m.peak; else m.hold_left--;
            if (size > m.hold || (size == m.hold && size > 0.0f)) { m.hold = size; m.hold_left = engine->hold_frames; }
            m.mean_square += (x * x - m.mean_square) * engine->mean_square_share;
        }
        if (m.peak < 1e-6f) m.peak = 0.0f;               /* -120 dB: an eye cannot tell */
        if (m.hold < 1e-6f) m.hold = 0.0f;
        if (m.mean_square < 1e-12f) m.mean_square = 0.0f;
        meters[side] = m;
    }
}

/* What may be recorded: it is, if it is what was asked for. */
RA_REALTIME static void ra_engine_offer(ra_engine *engine, ra_record_source source, const float *frames, uint32_t frame_count)
{
    if (!engine->take.is_on || engine->take.source != source) return;
    uint32_t taken = engine->take.ring ? ra_ring_write(engine->take.ring, frames, frame_count) : 0;
    engine->snapshot.record_frames += frame_count;
    engine->snapshot.record_lost_frames += frame_count - taken;
    ra_engine_meter(engine, engine->take.meters, frames, frame_count);
}

RA_REALTIME static void ra_engine_report(ra_engine *engine)
{
    ra_snapshot *s = &engine->snapshot;
    const ra_player *player = &engine->player;
    s->position_frames = player->jump_frame != RA_NO_JUMP ? player->jump_frame : player->frame;   /* where it is going */
    s->clip_frames = player->clip ? player->clip->frame_count : 0;
    s->clip_rate_hz = player->clip ? player->clip->sample_rate_hz : 0;
    s->clip_serial = player->serial;
    s->loop_start_frames = player->loop_start;
    s->loop_end_frames = ra_player_loop_end(player);
    s->queue_count = player->queue_count;
    s->sample_rate_hz = engine->sample_rate_hz;
    s->is_playing = engine->arrival.is_waiting ? engine->arrival.will_play : player->wants_to_play;
    s->is_buffering = player->is_buffering;
    s->underrun_frames = player->underrun_frames;
    s->buffered_frames = 0;
    ra_stream *stream = player->clip ? player->clip->stream : NULL;
    if (stream) {
        s->buffered_frames = ra_player_ready(player, (uint64_t)(RA_AHEAD_S * stream->info.sample_rate_hz));
        atomic_store_explicit(&stream->position, s->position_frames, memory_order_relaxed);
        atomic_store_explicit(&stream->loop_start, player->is_looping ? player->loop_start : RA_NO_JUMP, memory_order_relaxed);
        atomic_store_explicit(&stream->loop_end, s->loop_end_frames, memory_order_relaxed);
        atomic_store_explicit(&stream->is_playing, 1, memory_order_relaxed);
    }
    for (int side = 0; side < 2; side++) {
        s->peak[side] = engine->meters[side].peak;
        s->peak_hold[side] = engine->meters[side].hold;
        s->rms[side] = ra_sqrtf(engine->meters[side].mean_square);
        s->record_peak[side] = engine->take.meters[side].peak;
    }
    s->tap_lost_frames = atomic_load_explicit(&engine->tap->overrun_frames, memory_order_relaxed);
    s->is_settled = !player->is_buffering && player->fade.left_frames == 0 && !engine->arrival.is_waiting && engine->volume.left_frames == 0 && engine->duck.left_frames == 0 && engine->late_left == 0
                    && (player->is_sounding ? !ra_chain_is_gliding(engine->chain) : ra_chain_is_quiet(engine->chain));
    ra_mailbox_put(&engine->snapshots, s);
}

/* The tap goes on until the analyser's window holds nothing but silence; then it rests, and so does the screen. */
enum { RA_TAP_REST_FRAMES = RA_FFT_FRAMES + 2 * RA_HOP_FRAMES };

RA_REALTIME static void ra_engine_render_chunk(ra_engine *engine, const float *in, float *out, uint32_t frame_count)
{
    if (!in) memset(engine->main_frames, 0, 2 * frame_count * sizeof(float));
    ra_engine_offer(engine, RA_RECORD_INPUT, in ? in : engine->main_frames, frame_count);        /* before out, which may be in */
    for (uint32_t done = 0; done < frame_count; ) {      /* a clip that waits begins on the frame where the old one has faded */
        if (engine->arrival.is_waiting && !engine->player.is_sounding) ra_engine_take_clip(engine);
        done += ra_player_process(&engine->player, engine->main_frames + 2 * done, frame_count - done);
        ra_engine_send_home(engine, engine->player.over, &engine->player.over_count);
    }
    for (uint32_t done = 0; done < frame_count; ) {      /* cut where a duck ends: the chains change on the same frame in any block size */
        uint32_t run = frame_count - done;
        if (engine->arriving_chain.next && engine->duck.left_frames == 0) ra_engine_take_chain(engine);     /* it stood at the bottom already */
        if (engine->duck.left_frames && engine->duck.left_frames < run) run = engine->duck.left_frames;
        if (engine->late_left && engine->late_left < run) run = engine->late_left;
        if (!ra_chain_process_safely(engine->chain, engine->main_frames + 2 * done, run)) engine->snapshot.bad_block_count++;
        ra_gain_process(&engine->duck, engine->main_frames + 2 * done, run, 2);
        if (engine->arriving_chain.next && engine->duck.left_frames == 0) ra_engine_take_chain(engine);
        else if (engine->late_left && (engine->late_left -= run) == 0) ra_engine_end_duck(engine);
        done += run;
    }
    ra_gain_process(&engine->volume, engine->main_frames, frame_count, 2);
    const float *sources[RA_ROUTER_SOURCES] = { [RA_SOURCE_MAIN] = engine->main_frames };
    float *destinations[RA_ROUTER_DESTINATIONS] = { [RA_DESTINATION_OUT] = out, [RA_DESTINATION_TAP] = engine->tap_frames };
    ra_router_process(&engine->router, sources, destinations, frame_count);
    engine->snapshot.soft_clip_count += ra_soft_clip_process(out, frame_count, 2);
    ra_engine_meter(engine, engine->meters, out, frame_count);
    ra_engine_offer(engine, RA_RECORD_OUTPUT, out, frame_count);
    bool is_silent = true;
    for (uint32_t sample = 0; sample < 2 * frame_count && is_silent; sample++) is_silent = engine->tap_frames[sample] == 0.0f;
    engine->quiet_frames = is_silent ? engine->quiet_frames + (engine->quiet_frames < 1u << 30 ? frame_count : 0) : 0;
    if (engine->quiet_frames < RA_TAP_REST_FRAMES + frame_count) ra_ring_write(engine->tap, engine->tap_frames, frame_count);
    engine->snapshot.rendered_frames += frame_count;
}

RA_REALTIME RA_API void ra_engine_render_duplex(ra_engine *engine, const float *in, float *out, uint32_t frame_count)
{
    bool was_sounding = engine->player.is_sounding;
    ra_visit(&engine->visits, true);
    ra_engine_read_commands(engine);
    if (engine->player.is_buffering) ra_player_begin(&engine->player);       /* if it has come */
    /* from rest the grid starts with the sound, so that it is the same sound every time */
    if (!was_sounding && engine->player.is_sounding && ra_chain_is_quiet(engine->chain)) ra_chain_reset(engine->chain);
    engine->is_begun = true;
    while (frame_count) {
        uint32_t run = frame_count < RA_CHUNK_FRAMES ? frame_count : RA_CHUNK_FRAMES;
        ra_engine_render_chunk(engine, in, out, run);
        if (in) in += 2 * (size_t)run;
        out += 2 * (size_t)run;
        frame_count -= run;
    }
    ra_engine_report(engine);
    ra_visit(&engine->visits, false);
}

RA_REALTIME RA_API void ra_engine_render(ra_engine *engine, float *out, uint32_t frame_count) { ra_engine_render_duplex(engine, NULL, out, frame_count); }

/* ---- rendering in memory ---- */

/* What makes two different channels of one, so that a mono clip becomes a stereo one. */
static bool ra_processor_is_stereo(const ra_processor_spec *item)
{
    return item->kind == RA_PROCESSOR_PAN || item->kind == RA_PROCESSOR_CHORUS || item->kind == RA_PROCESSOR_REVERB || (item->impulse && item->impulse->channels == 2);
}

static bool ra_chain_widens(const ra_chain_spec *spec)
{
    for (uint32_t index = 0; index < spec->count; index++) if (ra_processor_is_stereo(&spec->item[index])) return true;
    return false;
}

/* Two channels, or one, of a clip through a chain of their own; what the chain is late is made up for. */
static ra_result ra_render_pair(ra_clip *clip, uint32_t channel, const ra_chain_spec *spec)
{
    enum { BLOCK = 4096 };
    float block[2 * BLOCK];
    uint32_t channels = clip->channels, pair = channels - channel < 2 ? 1 : 2;
    ra_chain *chain;
    ra_result result = ra_chain_create(pair, clip->sample_rate_hz, spec, &chain);
    if (result) return result;
    uint64_t late = ra_chain_latency_frames(chain);
    for (uint64_t frame = 0; frame < clip->frame_count + late; frame += BLOCK) {
        for (uint64_t n = frame; n < frame + BLOCK; n++) {
            float *to = block + (n - frame) * pair;
            if (n < clip->frame_count) memcpy(to, clip->samples + n * channels + channel, pair * sizeof(float)); else memset(to, 0, pair * sizeof(float));
        }
        ra_chain_process_safely(chain, block, BLOCK);
        for (uint64_t n = frame > late ? frame : late; n < frame + BLOCK && n < clip->frame_count + late; n++)
            memcpy(clip->samples + (n - late) * channels + channel, block + (n - frame) * pair, pair * sizeof(float));
    }
    ra_chain_destroy(chain);
    return RA_OK;
}

RA_API ra_result ra_render_clip(const ra_clip *clip, const ra_chain_spec *given, ra_clip **out)
{
    ra_chain_spec heard = ra_chain_heard(given), *spec = &heard;
    *out = NULL;
    if (!ra_chain_is_possible(spec)) return RA_BAD_ARGUMENT;
    bool is_widened = clip->channels == 1 && ra_chain_widens(spec);
    ra_result result = is_widened ? ra_clip_to_stereo(clip, out) : ra_clip_create(clip->frame_count, clip->channels, clip->sample_rate_hz, out);
    if (result) return result;
    if (!is_widened) memcpy((*out)->samples, clip->samples, (size_t)(clip->frame_count * clip->channels) * sizeof(float));
    for (uint32_t channel = 0; result == RA_OK && spec->count && channel < (*out)->channels; channel += 2) result = ra_render_pair(*out, channel, spec);
    if (result) { ra_clip_destroy(*out); *out = NULL; }
    return result;
}

/* ---- overview: peaks of a whole file at every zoom, and how loud it is from moment to moment ---- */

/* A pyramid: nodes of 256 frames, above each four of them one of the next level. A block, a node of level 4 with all
   below it, is made by one thread from its frames; a node above is made by whoever finishes the last of its four. So
   blocks may be made in any order, by many threads, and are the same bits. A node from level 4 up is there when
   its mark counts one more than it has below it; nodes of lower levels are there with their block. */
enum { RA_OVERVIEW_BASE = 256, RA_OVERVIEW_BLOCK_LEVEL = 4, RA_OVERVIEW_BLOCK = RA_OVERVIEW_BASE << 2 * RA_OVERVIEW_BLOCK_LEVEL, RA_OVERVIEW_LEVELS = 24 };
enum { RA_OVERVIEW_POINTS_A_SECOND = RA_LOUDNESS_HOPS_A_SECOND / RA_LOUDNESS_BLOCK_STEP };

struct ra_overview {
    uint32_t channels, sample_rate_hz, level_count;      /* levels: block level + 1 at least */
    uint64_t frame_count;
    struct { ra_peak *nodes; ra_count *marks; uint64_t count; } levels[RA_OVERVIEW_LEVELS];      /* marks: from the block level on */
    ra_peak *nodes;                    /* of all levels; owned, as are the next two */
    ra_count *marks;
    ra_loudness_point *points;
    uint64_t point_capacity;
    ra_count block_count, point_count, is_measured;
    ra_loudness *meter;                /* these three: whoever measures */
    uint64_t measured_frames;
    ra_loudness_report report;
    bool     is_left;                  /* to a worker that died: nobody frees it */
    float   *column;                   /* these two: whoever adds: frames that do not make a node yet */
    uint64_t added_frames;
};

RA_SMALL_CODE_BEGIN

RA_API void ra_overview_destroy(ra_overview *overview)
{
    if (!overview || overview->is_left) return;
    ra_loudness_destroy(overview->meter);
    RA_FREE(overview->nodes);
    RA_FREE(overview->marks);
    RA_FREE(overview->points);
    RA_FREE(overview->column);
    RA_FREE(overview);
}

RA_API ra_result ra_overview_create(uint64_t frame_count, uint32_t channels, uint32_t sample_rate_hz, ra_overview **out)
{
    *out = NULL;
    if (frame_count == 0 || frame_count >> 47 || channels < 1 || channels > RA_LOUDNESS_CHANNELS_MAX || sample_rate_hz < 1 || sample_rate_hz > 768000) return RA_BAD_ARGUMENT;
    ra_overview *o = ra_new(1, sizeof *o);
    if (!o) return RA_NO_MEMORY;
    o->frame_count = frame_count;
    o->channels = channels;
    o->sample_rate_hz = sample_rate_hz;
    o->point_capacity = frame_count * RA_OVERVIEW_POINTS_A_SECOND / sample_rate_hz + 1;
    uint64_t node_count = 0, mark_count = 0, count = (frame_count - 1) / RA_OVERVIEW_BASE + 1;
    for (uint32_t level = 0; level <= RA_OVERVIEW_BLOCK_LEVEL || o->levels[level - 1].count > 1; level++) {
        o->levels[level].count = count;
        node_count += count;
        mark_count += level < RA_OVERVIEW_BLOCK_LEVEL ? 0 : count;
        count = (count - 1) / 4 + 1;
        o->level_count = level + 1;
    }
    size_t node_bytes = ra_checked_size(node_count, sizeof *o->nodes);
    o->nodes = node_bytes ? RA_MALLOC(node_bytes) : NULL;        /* not cleared: the marks say what is there */
    o->marks = ra_new(mark_count, sizeof *o->marks);
    o->points = ra_new(o->point_capacity, sizeof *o->points);
    o->column = ra_new(RA_OVERVIEW_BASE * channels, sizeof *o->column);
    if (!o->nodes || !o->marks || !o->points || !o->column || ra_loudness_create(channels, sample_rate_hz, true, &o->meter)) { ra_overview_destroy(o); return RA_NO_MEMORY; }
    ra_peak *nodes = o->nodes;
    ra_count *marks = o->marks;
    for (uint32_t level = 0; level < o->level_count; level++) {
        o->levels[level].nodes = nodes;
        nodes += o->levels[level].count;
        if (level < RA_OVERVIEW_BLOCK_LEVEL) continue;
        o->levels[level].marks = marks;
        marks += o->levels[level].count;
    }
    *out = o;
    return RA_OK;
}

/* The frames of a node: fewer in the last one. */
static uint64_t ra_overview_frames(const ra_overview *o, uint32_t level, uint64_t node)
{
    uint64_t full = (uint64_t)RA_OVERVIEW_BASE << 2 * level, left = o->frame_count - node * full;
    return left < full ? left : full;
}

/* What several peaks together are: low and high from 0 at first, power and weight too. */
typedef struct { float low, high; double power, weight; } ra_peak_sum;
static void ra_peak_sum_add(ra_peak_sum *sum, ra_peak peak, double weight)
{
    sum->low = sum->weight > 0 && sum->low < peak.min ? sum->low : peak.min;
    sum->high = sum->weight > 0 && sum->high > peak.max ? sum->high : peak.max;
    sum->power += (double)peak.rms * peak.rms * weight;
    sum->weight += weight;
}
static ra_peak ra_peak_sum_get(const ra_peak_sum *sum) { return (ra_peak){ sum->low, sum->high, (float)ra_sqrt(sum->power / sum->weight) }; }

static uint32_t ra_overview_child_count(const ra_overview *o, uint32_t level, uint64_t node)
{
    uint64_t left = o->levels[level - 1].count - 4 * node;
    return left < 4 ? (uint32_t)left : 4;
}

/* A node from those below it. */
static void ra_overview_gather(ra_overview *o, uint32_t level, uint64_t node)
{
    ra_peak_sum sum = { .weight = 0 };
    for (uint64_t child = 4 * node, end = child + ra_overview_child_count(o, level, node); child < end; child++)
        ra_peak_sum_add(&sum, o->levels[level - 1].nodes[child], (double)ra_overview_frames(o, level - 1, child));
    o->levels[level].nodes[node] = ra_peak_sum_get(&sum);
}

/* All above the nodes of a block, which are there. */
static void ra_overview_finish_block(ra_overview *o, uint64_t block)
{
    for (uint32_t level = 1; level <= RA_OVERVIEW_BLOCK_LEVEL; level++) {
        uint64_t per_block = 1ull << 2 * (RA_OVERVIEW_BLOCK_LEVEL - level), end = (block + 1) * per_block;
        for (uint64_t node = block * per_block; node < end && node < o->levels[level].count; node++) ra_overview_gather(o, level, node);
    }
    ra_count_add(&o->levels[RA_OVERVIEW_BLOCK_LEVEL].marks[block], 1);
    for (uint32_t level = RA_OVERVIEW_BLOCK_LEVEL + 1; level < o->level_count; level++) {
        block /= 4;
        if (ra_count_add(&o->levels[level].marks[block], 1) != ra_overview_child_count(o, level, block)) break;      /* another will finish it */
        ra_overview_gather(o, level, block);
        ra_count_add(&o->levels[level].marks[block], 1);
    }
    ra_count_add(&o->block_count, 1);
}

/* The first nodes from frame_count frames from first on, which begins a block and ends one, or the file. */
static void ra_overview_add_blocks(ra_overview *o, const float *frames, uint64_t first, uint64_t frame_count)
{
    for (uint64_t at = first; at < first + frame_count; ) {
        uint64_t node = at / RA_OVERVIEW_BASE, run = ra_overview_frames(o, 0, node);
        o->levels[0].nodes[node] = ra_peak_of(frames + (at - first) * o->channels, run * o->channels);
        at += run;
        if (at % RA_OVERVIEW_BLOCK == 0 || at == o->frame_count) ra_overview_finish_block(o, (at - 1) / RA_OVERVIEW_BLOCK);
    }
}

/* The next frames, in order, through the meter. */
static void ra_overview_measure(ra_overview *o, const float *frames, uint64_t frame_count)
{
    while (frame_count) {
        uint64_t point = ra_count_get(&o->point_count), end = (point + 1) * o->sample_rate_hz / RA_OVERVIEW_POINTS_A_SECOND;
        uint64_t run = end - o->measured_frames < frame_count && point < o->point_capacity ? end - o->measured_frames : frame_count;
        ra_loudness_add(o->meter, frames, (size_t)run);
        frames += run * o->channels;
        frame_count -= run;
        o->measured_frames += run;
        if (o->measured_frames != end || point == o->point_capacity) continue;
        o->points[point] = (ra_loudness_point){ (float)ra_loudness_lufs(o->meter->momentary), (float)ra_loudness_lufs(o->meter->short_term) };
        ra_count_add(&o->point_count, 1);
    }
    if (o->measured_frames < o->frame_count) return;
    ra_loudness_get(o->meter, &o->report);
    ra_count_add(&o->is_measured, 1);
}

RA_API void ra_overview_add(ra_overview *o, const float *frames, uint64_t frame_count)
{
    uint64_t left = o->frame_count - o->added_frames;
    if (frame_count > left) frame_count = left;
    if (frame_count) ra_overview_measure(o, frames, frame_count);
    while (frame_count) {
        uint64_t node = o->added_frames / RA_OVERVIEW_BASE, held = o->added_frames % RA_OVERVIEW_BASE, whole = ra_overview_frames(o, 0, node);
        uint64_t run = whole - held < frame_count ? whole - held : frame_count;
        memcpy(o->column + held * o->channels, frames, (size_t)(run * o->channels) * sizeof *frames);
        frames += run * o->channels;
        frame_count -= run;
        o->added_frames += run;
        if (held + run == whole) ra_overview_add_blocks(o, o->column, node * RA_OVERVIEW_BASE, whole);
    }
}

RA_API uint64_t ra_overview_known_frames(const ra_overview *o)
{
    uint64_t blocks = ra_count_get(&o->block_count), last = o->levels[RA_OVERVIEW_BLOCK_LEVEL].count - 1;
    bool has_last = blocks && ra_count_get(&o->levels[RA_OVERVIEW_BLOCK_LEVEL].marks[last]);
    return (blocks - has_last) * RA_OVERVIEW_BLOCK + (has_last ? ra_overview_frames(o, RA_OVERVIEW_BLOCK_LEVEL, last) : 0);
}

RA_API void ra_overview_columns(const ra_overview *o, double first_frame, double end_frame, uint32_t column_count, ra_peak *columns)
{
    double width = (end_frame - first_frame) / column_count;
    uint32_t level = 0;
    while (level + 1 < o->level_count && (double)(RA_OVERVIEW_BASE * 2ull << 2 * (level + 1)) <= width) level++;
    double node_width = (double)((uint64_t)RA_OVERVIEW_BASE << 2 * level), node_count = (double)o->levels[level].count;
    for (uint32_t column = 0; column < column_count; column++) {
        double from = ra_floor((first_frame + width * column) / node_width), to = -ra_floor(-(first_frame + width * (column + 1)) / node_width);
        uint64_t node = (uint64_t)ra_clamp(from, 0, node_count), end = (uint64_t)ra_clamp(to, 0, node_count);
        ra_peak_sum sum = { .weight = 0 };
        bool is_known = node < end;
        for (; node < end && is_known; node++) {
            uint32_t marked = level > RA_OVERVIEW_BLOCK_LEVEL ? level : RA_OVERVIEW_BLOCK_LEVEL;
            uint64_t mark = node >> 2 * (marked - level);
            is_known = ra_count_get(&o->levels[marked].marks[mark]) == 1 + (level > RA_OVERVIEW_BLOCK_LEVEL ? ra_overview_child_count(o, level, node) : 0);
            if (is_known) ra_peak_sum_add(&sum, o->levels[level].nodes[node], (double)ra_overview_frames(o, level, node));
        }
        columns[column] = is_known ? ra_peak_sum_get(&sum) : (ra_peak){ 0, 0, -1 };
    }
}

RA_API uint32_t ra_overview_loudness(const ra_overview *o, const ra_loudness_point **points)
{
    *points = o->points;
    return ra_count_get(&o->point_count);
}

RA_API bool ra_overview_report(const ra_overview *o, ra_loudness_report *out)
{
    if (!ra_count_get(&o->is_measured)) return false;
    *out = o->report;
    return true;
}

RA_SMALL_CODE_END

/* ---- jobs on whole clips: a weave of lines, worked on by as many as there are ----
   Sound that is not in memory comes through rings: pieces of the file, which the control thread reads (a line by hand),
   blocks decoded from them, blocks at another rate, blocks that come out of the chain, pieces of the new file, which it
   writes. What is behind holds up what is before it, so there is never more of it than the rings hold. */

enum {
    RA_PROCESS_BLOCK = 4096,           /* frames of a unit that goes through a chain */
    RA_PROCESS_BANDS = 4,              /* of an eq in one line; a longer eq is several lines */
    RA_PROCESS_RANGES = 16,            /* lines of work that can be cut anywhere */
    RA_PROCESS_RANGE_FRAMES = 1 << 15, /* of one of their units */
    RA_PROCESS_LANES = 32, RA_PROCESS_JOBS = 32,
    RA_PROCESS_RING = 16,              /* blocks that a ring holds at least; a power of two */
    RA_PROCESS_SLICES = 4,             /* lines that share the blocks of one resampler */
    RA_PIECE_SLOTS = 3,                /* pieces of a file in memory: one is done, one is waited for, one between */
};

/* Sound between two lines: the whole of it, or what of it stands in a ring (see ra_clip_gather). */
typedef struct {
    ra_clip  clip;                     /* its samples are not its own */
    uint64_t mask;
    float   *ring;                     /* its own, where there is one */
    uint32_t first_line, line;         /* that write it: the one that waits for room, the one that is last; RA_NO_LINE: it is there */
    uint32_t units, per, ahead;        /* of the last one, for a block of it */
    uint32_t unit_frames;              /* of one of theirs, on an average */
} ra_sound;

/* A file by pieces, in slots, and how far the control thread has got with it. */
typedef struct {
    uint8_t *slots;
    uint32_t line;                     /* by hand; RA_NO_LINE: there is none */
    uint32_t piece_blocks;             /* blocks of a piece */
    size_t   slot_bytes;
    uint32_t count;
    uint32_t begun, ended;             /* the control thread's, as is the rest: pieces that it has been given, and has given back */
} ra_pieces;

/* One or two channels on their way through a chain: blocks stand in a ring of slots, and each stage works where they stand. */
typedef struct {
    uint32_t  channel, channels;
    ra_chain *chain;
    const ra_sound *from;
    ra_sound *to;
    uint32_t  gather_line, late_frames, slot_count;
    float    *slots;                   /* RA_PROCESS_BLOCK frames each */
    ra_f64x2 *wide;                    /* the same, between the lines of an eq that was cut */
    bool      is_bad;                  /* written by its last line only: wild settings, see ra_process_next_pass */
} ra_lane;

typedef enum {
    RA_STEP_READ, RA_STEP_DECODE, RA_STEP_ENCODE, RA_STEP_REPORT, RA_STEP_HASH, RA_STEP_WRITE,
    RA_STEP_GATHER, RA_STEP_STAGE, RA_STEP_BANDS, RA_STEP_SAFELY, RA_STEP_SCATTER,
    RA_STEP_TRUE_PEAK, RA_STEP_MEASURE, RA_STEP_SUM, RA_STEP_AIM, RA_STEP_SCALE, RA_STEP_PEAKS, RA_STEP_SPECTRA, RA_STEP_RESAMPLE, RA_STEP_RATE,
    RA_STEP_OVERVIEW, RA_STEP_LOUDNESS, RA_STEP_OVERVIEW_ON,
} ra_step_kind;

/* What a line does. */
typedef struct {
    ra_step_kind kind;
    bool      is_first, is_last;       /* BANDS: it widens, it narrows */
    ra_lane  *lane;
    const ra_sound *from;              /* DECODE, ENCODE, MEASURE, RESAMPLE: where the sound is, */
    ra_sound *to;                      /* and goes */
    ra_stage *stage;
    ra_eq    *eq;                      /* BANDS: its own */
    ra_fft   *fft;                     /* SPECTRA: its own, made by whoever begins */
    float    *room;                    /* SPECTRA, TRUE_PEAK: to work in */
    float     peak;                    /* TRUE_PEAK: the largest so far, linear */
    uint64_t  first, count;            /* ranges: items, in units of per_unit */
    uint64_t  per_unit;
} ra_step;

struct ra_process {
    ra_pool  *pool;
    ra_clip  *given;                   /* the caller's, or NULL */
    ra_process *again;                 /* a worker died with this one; its memory stays as it is, and that one has been begun instead */
    const ra_clip *in;                 /* sounds[0].clip */
    ra_clip   source;                  /* what it is at the beginning of each pass */
    ra_wav_info file;                  /* the caller's; no frame_bytes: there is none */
    ra_task   task;
    ra_task_result result;
    ra_sound  sounds[3];               /* as it comes in, at the new rate, out of the chain */
    ra_wav_info out;                   /* EXPORT: the new file, */
    uint8_t   header[80];              /* and how it begins */
    size_t    header_bytes;
    uint64_t  dither_seed;
    ra_sha256 sha;
    ra_pieces read, written;
    bool      is_aimed, is_safe;       /* this pass: the gain is known; blocks go through the chain one after another */
    uint32_t  kept_count;              /* pieces that have been written by the pass before */
    ra_error  error;                   /* why it failed, if there is more to say */
    ra_result loss;                    /* why it was not begun anew when a worker died; the control thread's */
    ra_weave  weave;
    ra_step  *steps;                   /* one for each line */
    uint32_t  step_capacity;
    ra_result failure;                 /* of the plan, by its one maker; what fails later has had no memory */
    bool      is_cancelled;            /* the control thread's */
    ra_lane   lanes[RA_PROCESS_LANES];
    uint32_t  lane_count;
    ra_loudness *meter;
    ra_resampler *resampler;
    float    *window;                  /* FFT: Hann */
    ra_job   *jobs[RA_PROCESS_JOBS];
    uint32_t  job_count;
};

/* A block of the clip into its slot, NaN and giants silenced; beyond the end silence, for what the chain is late. */
static void ra_process_gather(const ra_lane *lane, uint32_t block)
{
    float *to = lane->slots + (size_t)(block % lane->slot_count) * RA_PROCESS_BLOCK * lane->channels;
    ra_clip_gather(&lane->from->clip, lane->from->mask, lane->channel, lane->channels, (int64_t)block * RA_PROCESS_BLOCK, RA_PROCESS_BLOCK, to);
    ra_scrub(to, RA_PROCESS_BLOCK * lane->channels);
}

/* A block out of its slot to its place in the result, as much earlier as the chain is late. False: NaN came out. */
static bool ra_process_scatter(ra_lane *lane, uint32_t block)
{
    const ra_clip *out = &lane->to->clip;
    float *from = lane->slots + (size_t)(block % lane->slot_count) * RA_PROCESS_BLOCK * lane->channels;
    lane->is_bad |= ra_scrub(from, RA_PROCESS_BLOCK * lane->channels);
    uint64_t first = (uint64_t)block * RA_PROCESS_BLOCK, late = lane->late_frames;
    for (uint64_t n = first > late ? first : late; n < first + RA_PROCESS_BLOCK && n < out->frame_count + late; n++)
        memcpy(out->samples + (size_t)((n - late) & lane->to->mask) * out->channels + lane->channel, from + (n - first) * lane->channels, lane->channels * sizeof(float));
    return !lane->is_bad;
}

static void ra_process_bands(const ra_lane *lane, const ra_step *step, uint32_t block)
{
    size_t at = (size_t)(block % lane->slot_count) * RA_PROCESS_BLOCK;
    float *frames = lane->slots + at * lane->channels;
    ra_f64x2 *wide = lane->wide + at;
    if (step->is_first) ra_widen(frames, lane->channels, wide, RA_PROCESS_BLOCK);
    ra_eq_process_wide(step->eq, wide, RA_PROCESS_BLOCK);
    if (step->is_last) ra_narrow(wide, lane->channels, frames, RA_PROCESS_BLOCK);
}

/* Frames of a block; the last one may be shorter. */
static uint32_t ra_block_frames(const ra_clip *clip, uint32_t block)
{
    uint64_t left = clip->frame_count - (uint64_t)block * RA_PROCESS_BLOCK;
    return left < RA_PROCESS_BLOCK ? (uint32_t)left : RA_PROCESS_BLOCK;
}

static float *ra_sound_at(const ra_sound *sound, uint64_t frame) { return sound->clip.samples + (size_t)(frame & sound->mask) * sound->clip.channels; }

static void ra_process_decode(const ra_process *p, const ra_step *step, uint32_t block)
{
    const ra_pieces *read = &p->read;
    const uint8_t *bytes = read->slots + block / read->piece_blocks % RA_PIECE_SLOTS * read->slot_bytes + (size_t)(block % read->piece_blocks) * RA_PROCESS_BLOCK * p->file.frame_bytes;
    ra_wav_decode(p->file.format, bytes, ra_sound_at(step->to, (uint64_t)block * RA_PROCESS_BLOCK), (size_t)ra_block_frames(&step->to->clip, block) * p->file.channels);
}

/* A piece of the file that is written; it has the header before its data if it is the first, and as the last of them the
   byte that makes an odd number even. */
static uint8_t *ra_process_piece(const ra_process *p, uint32_t piece, size_t *byte_count)
{
    uint64_t piece_bytes = (uint64_t)p->written.piece_blocks * RA_PROCESS_BLOCK * p->out.frame_bytes, from = piece ? p->header_bytes + piece * piece_bytes : 0;
    *byte_count = (size_t)((piece + 1 == p->written.count ? p->result.byte_count : p->header_bytes + (piece + 1) * piece_bytes) - from);
    return p->written.slots + (size_t)(piece % RA_PIECE_SLOTS) * p->written.slot_bytes;
}

static void ra_process_encode(ra_process *p, const ra_sound *from, uint32_t block)
{
    enum { RUN = 4096 };
    float scaled[RUN];
    size_t byte_count, sample_bytes = ra_wav_sample_bytes[p->out.format];
    uint8_t *piece = ra_process_piece(p, block / p->written.piece_blocks, &byte_count), *at = piece + (size_t)(block % p->written.piece_blocks) * RA_PROCESS_BLOCK * p->out.frame_bytes;
    const float *samples = ra_sound_at(from, (uint64_t)block * RA_PROCESS_BLOCK);
    float gain = (float)ra_amplitude_from_db(p->result.gain_db);
    bool is_whole = p->out.format != RA_WAV_F32 && p->out.format != RA_WAV_F64;
    if (block < p->written.piece_blocks) at += p->header_bytes;
    if (block == 0) memcpy(piece, p->header, p->header_bytes);
    for (size_t left = (size_t)ra_block_frames(&from->clip, block) * p->out.channels, run; left; left -= run, samples += run, at += run * sample_bytes) {
        run = left < RUN ? left : RUN;
        for (size_t n = 0; n < run; n++) {
            scaled[n] = p->task.is_normalised ? samples[n] * gain : samples[n];
            p->result.cut_samples += is_whole && ra_abs(scaled[n]) > 1.0;
        }
        ra_wav_encode(p->out.format, p->task.is_normalised ? scaled : samples, at, run, &p->dither_seed);
    }
    if (at < piece + byte_count) *at = 0;                /* of the last block, where there is a byte more; others write over it */
}

/* What a piece sounds like when it is read again. */
static void ra_process_report(ra_process *p, uint32_t piece)
{
    float samples[4096];
    size_t byte_count, header_bytes = piece ? 0 : p->header_bytes;
    const uint8_t *bytes = ra_process_piece(p, piece, &byte_count) + header_bytes;
    uint32_t channels = p->out.channels;
    uint64_t piece_frames = (uint64_t)p->written.piece_blocks * RA_PROCESS_BLOCK, rest = p->result.frame_count - piece * piece_frames;
    size_t frame_count = (size_t)(rest < piece_frames ? rest : piece_frames);       /* and not the byte that may follow them */
    for (size_t left = frame_count, run; left; left -= run, bytes += run * p->out.frame_bytes) {
        run = left < 4096 / channels ? left : 4096 / channels;
        ra_wav_decode(p->out.format, bytes, samples, run * channels);
        ra_loudness_add(p->meter, samples, run);
    }
    if (piece + 1 == p->written.count) ra_loudness_get(p->meter, &p->result.report);
}

static void ra_process_hash(ra_process *p, uint32_t piece)
{
    size_t byte_count;
    const uint8_t *bytes = ra_process_piece(p, piece, &byte_count);
    ra_sha256_add(&p->sha, bytes, byte_count);
    if (piece + 1 == p->written.count) ra_sha256_end(&p->sha, p->result.sha256);
}

/* Mean power of all channels in one Hann window, in dB: a full-scale sine on a bin in all of them reads 0. */
static void ra_process_spectrum(const ra_process *p, const ra_step *step, uint64_t index)
{
    uint32_t size = p->task.fft_frames, channels = p->in->channels, bins = size / 2 + 1;
    float *windowed = step->room, *out = p->result.spectra_db + index * bins;
    int64_t first = (int64_t)((p->task.first_spectrum + index) * p->task.hop_frames) - size / 2, length = (int64_t)p->in->frame_count;
    double full_scale = size / 4.0;
    memset(out, 0, bins * sizeof *out);
    for (uint32_t channel = 0; channel < channels; channel++) {
        uint32_t n = 0, k = 0;
        const float *stereo = channels == 2 && first >= 0 && first + size <= length ? p->in->samples + 2 * first : NULL;
        for (; stereo && n < size; n += 4) {             /* the same, four frames at a time */
            ra_f32x4 a = ra_load4(stereo + 2 * n), b = ra_load4(stereo + 2 * n + 4);
            ra_f32x4 x = channel ? __builtin_shufflevector(a, b, 1, 3, 5, 7) : __builtin_shufflevector(a, b, 0, 2, 4, 6);
            ra_store4(windowed + n, (ra_f32x4)((ra_i32x4)(x * ra_load4(p->window + n)) & (x < 1e8f) & (x > -1e8f)));
        }
        for (; n < size; n++) {
            int64_t frame = first + n;
            float x = frame >= 0 && frame < length ? p->in->samples[frame * channels + channel] : 0.0f;
            windowed[n] = ra_is_sound(x) ? x * p->window[n] : 0.0f;
        }
        ra_fft_forward_real(step->fft, windowed, windowed);
        for (; k + 4 <= bins; k += 4) {
            ra_f32x4 a = ra_load4(windowed + 2 * k), b = ra_load4(windowed + 2 * k + 4);
            ra_f32x4 re = __builtin_shufflevector(a, b, 0, 2, 4, 6), im = __builtin_shufflevector(a, b, 1, 3, 5, 7);
            ra_store4(out + k, ra_load4(out + k) + (re * re + im * im));
        }
        for (; k < bins; k++) out[k] += windowed[2 * k] * windowed[2 * k] + windowed[2 * k + 1] * windowed[2 * k + 1];
    }
    float scale = (float)(1.0 / (full_scale * full_scale * channels));
    ra_power_to_db(out, bins, scale);
}

/* What the one meter has heard, with the true peaks that were found beside it. */
static void ra_process_sum(ra_process *p)
{
    for (uint32_t line = 0; line < p->weave.line_count; line++)
        if (p->steps[line].kind == RA_STEP_TRUE_PEAK && p->steps[line].peak > p->meter->true_peak) p->meter->true_peak = p->steps[line].peak;
    ra_loudness_get(p->meter, &p->result.report);
}

RA_SMALL_CODE_BEGIN

/* ---- what has to be done, as lines ---- */

static ra_step *ra_process_add(ra_process *p, ra_step_kind kind, uint64_t unit_count, uint32_t follows, uint32_t after)
{
    uint32_t line = ra_weave_add(&p->weave, unit_count, follows, after);
    if (line == RA_NO_LINE) return NULL;
    p->steps[line].kind = kind;
    return &p->steps[line];
}

static uint64_t ra_blocks_of(uint64_t frame_count) { return (frame_count + RA_PROCESS_BLOCK - 1) / RA_PROCESS_BLOCK; }

/* A line that takes the sound block by block, and makes room for what comes. */
static ra_step *ra_process_add_taker(ra_process *p, ra_step_kind kind, uint64_t unit_count, const ra_sound *from)
{
    ra_step *step = ra_process_add(p, kind, unit_count, from->line, RA_NO_LINE);
    if (!step) return NULL;
    step->from = from;
    if (from->line == RA_NO_LINE) return step;
    ra_line *line = &p->weave.lines[step - p->steps], *first = &p->weave.lines[from->first_line];
    line->units = from->units;
    line->per = from->per;
    line->ahead = from->ahead;
    if (from->mask == UINT64_MAX) return step;
    first->leads = (uint32_t)(step - p->steps);
    first->lead = (uint32_t)((from->mask + 1) / from->unit_frames - 2 * (RA_PROCESS_BLOCK / from->unit_frames));
    return step;
}

/* The sound will pass through a ring of at least so many blocks, written by these lines. */
static ra_result ra_process_ring(ra_sound *to, const ra_clip *is, uint64_t block_count, uint32_t first_line, uint32_t line)
{
    uint64_t blocks = RA_PROCESS_RING;
    while (blocks < block_count) blocks *= 2;
    to->ring = ra_new(blocks * RA_PROCESS_BLOCK * is->channels, sizeof(float));
    if (!to->ring) return RA_NO_MEMORY;
    to->clip = *is;
    to->clip.samples = to->ring;
    to->mask = blocks * RA_PROCESS_BLOCK - 1;
    to->first_line = first_line;
    to->line = line;
    to->units = to->per = 1;
    to->unit_frames = RA_PROCESS_BLOCK;
    return RA_OK;
}

/* Slots for a file of block_count blocks. */
static ra_result ra_process_cut(ra_pieces *pieces, uint64_t block_count, uint32_t frame_bytes)
{
    uint32_t block_bytes = RA_PROCESS_BLOCK * frame_bytes;
    pieces->piece_blocks = block_bytes < RA_READ_BYTES ? RA_READ_BYTES / block_bytes : 1;
    pieces->count = (uint32_t)((block_count + pieces->piece_blocks - 1) / pieces->piece_blocks);
    pieces->slot_bytes = (size_t)pieces->piece_blocks * block_bytes + 96;            /* a header, and a byte at the end */
    pieces->slots = ra_new(RA_PIECE_SLOTS, pieces->slot_bytes);
    return pieces->slots ? RA_OK : RA_NO_MEMORY;
}

/* Work that can be cut anywhere: item_count items on lines of their own. */
static bool ra_process_add_ranges(ra_process *p, ra_step_kind kind, uint64_t item_count, uint64_t per_unit, uint32_t after)
{
    uint64_t units = (item_count + per_unit - 1) / per_unit, lines = units < RA_PROCESS_RANGES ? units : RA_PROCESS_RANGES;
    for (uint64_t line = 0; line < lines; line++) {
        uint64_t first = units * line / lines, last = units * (line + 1) / lines;
        ra_step *step = ra_process_add(p, kind, last - first, RA_NO_LINE, after);
        if (!step) return false;
        step->first = first * per_unit;
        step->count = (last * per_unit < item_count ? last * per_unit : item_count) - step->first;
        step->per_unit = per_unit;
    }
    return true;
}

/* For each line there is so far. */
static ra_result ra_process_add_rooms(ra_process *p, uint32_t sample_count)
{
    for (uint32_t line = 0; line < p->weave.line_count; line++)
        if (!(p->steps[line].room = ra_new(sample_count, sizeof(float)))) return RA_NO_MEMORY;
    return RA_OK;
}

/* An eq in lines of a few bands each, which hand each other doubles. */
static ra_result ra_process_add_eq(ra_process *p, ra_lane *lane, uint32_t from, uint32_t end, uint32_t *line)
{
    const ra_chain_spec *spec = &p->task.chain;
    if (!lane->wide) lane->wide = ra_new((uint64_t)lane->slot_count * RA_PROCESS_BLOCK, sizeof *lane->wide);
    if (!lane->wide) return RA_NO_MEMORY;
    for (uint32_t at = from; at < end; at += RA_PROCESS_BANDS) {
        ra_eq_band bands[RA_PROCESS_BANDS];
        uint32_t count = end - at < RA_PROCESS_BANDS ? end - at : RA_PROCESS_BANDS;
        for (uint32_t n = 0; n < count; n++) bands[n] = ra_chain_band(&spec->item[at + n]);
        ra_step *step = ra_process_add(p, RA_STEP_BANDS, p->weave.lines[*line].unit_count, *line, RA_NO_LINE);
        if (!step) return RA_BAD_ARGUMENT;
        *line = (uint32_t)(step - p->steps);
        step->lane = lane;
        step->is_first = at == from;
        step->is_last = at + count == end;
        ra_result result = ra_eq_create(lane->channels, lane->from->clip.sample_rate_hz, &step->eq);
        if (result) return result;
        ra_eq_set(step->eq, bands, count);
    }
    return RA_OK;
}

static ra_result ra_process_add_lane(ra_process *p, ra_lane *lane)
{
    const ra_chain_spec *spec = &p->task.chain;
    ra_result result = ra_chain_begin(lane->channels, lane->from->clip.sample_rate_hz, spec, &lane->chain);
    if (result) return result;
    lane->late_frames = ra_chain_latency_frames(lane->chain);
    lane->slot_count = lane->chain->stage_count + 8;     /* enough for a block under way in every stage, and some that wait */
    lane->slots = ra_new((uint64_t)lane->slot_count * RA_PROCESS_BLOCK * lane->channels, sizeof(float));
    if (!lane->slots) return RA_NO_MEMORY;
    uint64_t blocks = ra_blocks_of(lane->from->clip.frame_count + lane->late_frames);
    ra_step *step = ra_process_add_taker(p, RA_STEP_GATHER, blocks, lane->from);
    if (!step) return RA_BAD_ARGUMENT;
    step->lane = lane;
    uint32_t gather = (uint32_t)(step - p->steps), line = gather;
    ra_stage *stage = lane->chain->stages;
    for (uint32_t index = 0; index < spec->count && !p->is_safe; stage++) {
        uint32_t end = ra_chain_stage_end(spec, index);
        if (stage->kind == RA_PROCESSOR_EQ && end - index > RA_PROCESS_BANDS) {
            result = ra_process_add_eq(p, lane, index, end, &line);
            if (result) return result;
        } else {
            step = ra_process_add(p, RA_STEP_STAGE, blocks, line, RA_NO_LINE);
            if (!step) return RA_BAD_ARGUMENT;
            step->lane = lane;
            step->stage = stage;
            line = (uint32_t)(step - p->steps);
        }
        index = end;
    }
    if (p->is_safe) {
        step = ra_process_add(p, RA_STEP_SAFELY, blocks, line, RA_NO_LINE);
        if (!step) return RA_BAD_ARGUMENT;
        step->lane = lane;
        line = (uint32_t)(step - p->steps);
    }
    step = ra_process_add(p, RA_STEP_SCATTER, blocks, line, RA_NO_LINE);
    if (!step) return RA_BAD_ARGUMENT;
    step->lane = lane;
    line = (uint32_t)(step - p->steps);
    p->weave.lines[gather].leads = line;
    p->weave.lines[gather].lead = lane->slot_count;
    if (lane == p->lanes) {
        lane->to->first_line = line;
    } else {                                             /* lanes keep step, so that who waits for the last one has waited for all */
        p->weave.lines[gather].beside = lane[-1].gather_line;
        p->weave.lines[line].beside = lane->to->line;
    }
    lane->gather_line = gather;
    lane->to->line = line;
    uint32_t ahead = (uint32_t)ra_blocks_of(lane->late_frames);
    if (lane->to->ahead < ahead) lane->to->ahead = ahead;
    return RA_OK;
}

/* From one sound to another, all channels of it: a whole clip, or (has_ring) a ring. */
static ra_result ra_process_plan_chain(ra_process *p, const ra_sound *from, ra_sound *to, bool has_ring)
{
    ra_clip is = from->clip;
    if (is.channels == 1 && ra_chain_widens(&p->task.chain)) is.channels = 2;
    to->line = RA_NO_LINE;
    for (uint32_t channel = 0; channel < is.channels; channel += 2) {
        ra_lane *lane = &p->lanes[p->lane_count++];
        lane->channel = channel;
        lane->channels = is.channels - channel < 2 ? 1 : 2;
        lane->from = from;
        lane->to = to;
        ra_result result = ra_process_add_lane(p, lane);
        if (result) return result;
    }
    if (has_ring) return ra_process_ring(to, &is, 2 * to->ahead + 4, to->first_line, to->line);
    ra_result result = ra_clip_create_unfilled(is.frame_count, is.channels, is.sample_rate_hz, &p->result.clip);
    if (result) return result;
    to->clip = *p->result.clip;
    to->mask = UINT64_MAX;
    return RA_OK;
}

/* A meter for all of a sound, in order, for each sample's weight depends on all before; true peaks do not, and are half of
   the work, so where all of the sound is in memory they have lines of their own. Gives the line of the sum. */
static ra_result ra_process_plan_measure(ra_process *p, const ra_sound *from, uint32_t *line)
{
    const ra_clip *is = &from->clip;
    bool is_ring = from->line != RA_NO_LINE;
    uint32_t first = p->weave.line_count;
    ra_result result = ra_loudness_create(is->channels, is->sample_rate_hz, is_ring, &p->meter);
    if (result) return result;
    if (!is_ring && !ra_process_add_ranges(p, RA_STEP_TRUE_PEAK, is->frame_count, RA_PROCESS_RANGE_FRAMES, RA_NO_LINE)) return RA_BAD_ARGUMENT;
    if (!is_ring) result = ra_process_add_rooms(p, (RA_TRUE_PEAK_HISTORY + RA_LOUDNESS_PIECE_FRAMES) * is->channels + 4);
    if (result) return result;
    uint64_t per_unit = is_ring ? RA_PROCESS_BLOCK : is->sample_rate_hz < RA_PROCESS_RANGE_FRAMES ? is->sample_rate_hz : RA_PROCESS_RANGE_FRAMES;
    ra_step *step = ra_process_add_taker(p, RA_STEP_MEASURE, (is->frame_count + per_unit - 1) / per_unit, from);      /* behind the ranges: begun before them */
    if (!step) return RA_BAD_ARGUMENT;
    step->count = from->clip.frame_count;
    step->per_unit = per_unit;
    *line = (uint32_t)(step - p->steps) + 1;
    if (!ra_process_add(p, RA_STEP_SUM, 1, RA_NO_LINE, first)) return RA_BAD_ARGUMENT;
    p->weave.lines[*line].after = first;
    p->weave.lines[*line].after_count = *line - first;
    return RA_OK;
}

static ra_result ra_process_plan_normalise(ra_process *p)
{
    uint32_t measure;
    ra_result result = ra_process_plan_measure(p, &p->sounds[0], &measure);
    if (result == RA_OK) result = ra_clip_create_unfilled(p->in->frame_count, p->in->channels, p->in->sample_rate_hz, &p->result.clip);
    if (result) return result;
    ra_step *aim = ra_process_add(p, RA_STEP_AIM, 1, RA_NO_LINE, measure);
    return aim && ra_process_add_ranges(p, RA_STEP_SCALE, p->in->frame_count, RA_PROCESS_RANGE_FRAMES, (uint32_t)(aim - p->steps)) ? RA_OK : RA_BAD_ARGUMENT;
}

static ra_result ra_process_plan_spectra(ra_process *p)
{
    uint32_t size = p->task.fft_frames;
    uint64_t per_unit = 1 + (1u << 17) / ((uint64_t)size * p->in->channels);         /* about a millisecond */
    p->result.bin_count = size / 2 + 1;
    size_t byte_count = ra_checked_size(p->result.spectrum_count * p->result.bin_count, sizeof(float));
    p->result.spectra_db = byte_count ? RA_MALLOC(byte_count) : NULL;                /* whoever fills it touches it first */
    p->window = ra_new(size, sizeof(float));
    if (!p->result.spectra_db || !p->window) return RA_NO_MEMORY;
    for (uint32_t n = 0; n < size; n++) p->window[n] = (float)(0.5 - 0.5 * ra_cos(RA_TAU * n / size));
    if (!ra_process_add_ranges(p, RA_STEP_SPECTRA, p->result.spectrum_count, per_unit, RA_NO_LINE)) return RA_BAD_ARGUMENT;
    return ra_process_add_rooms(p, size + 2);
}

static ra_result ra_process_plan_peaks(ra_process *p)
{
    p->result.columns = ra_new(p->task.column_count, sizeof *p->result.columns);
    if (!p->result.columns) return RA_NO_MEMORY;
    uint64_t per_unit = 1 + RA_PROCESS_RANGE_FRAMES * p->task.column_count / (p->in->frame_count + 1);
    return ra_process_add_ranges(p, RA_STEP_PEAKS, p->task.column_count, per_unit, RA_NO_LINE) ? RA_OK : RA_BAD_ARGUMENT;
}

static ra_result ra_process_plan_resample(ra_process *p)
{
    const ra_clip *in = p->in;
    ra_result result = ra_resampler_begin(in->sample_rate_hz, p->task.sample_rate_hz, in->channels, &p->resampler);
    if (result) return result;
    bool is_same = in->sample_rate_hz == p->task.sample_rate_hz;
    uint64_t frame_count = is_same ? in->frame_count : ra_resampler_frames(p->resampler, in->frame_count);
    result = ra_clip_create_unfilled(frame_count, in->channels, p->task.sample_rate_hz, &p->result.clip);
    if (result) return result;
    return ra_process_add_ranges(p, RA_STEP_RESAMPLE, frame_count, ra_resampler_run(p->resampler), RA_NO_LINE) ? RA_OK : RA_BAD_ARGUMENT;
}

/* The pieces of the file that the control thread brings, into the ring where sound comes in. */
static ra_result ra_process_plan_read(ra_process *p, uint64_t ring_blocks)
{
    uint64_t block_count = ra_blocks_of(p->source.frame_count);
    ra_result result = ra_process_cut(&p->read, block_count, p->file.frame_bytes);
    if (result) return result;
    ra_step *read = ra_process_add(p, RA_STEP_READ, p->read.count, RA_NO_LINE, RA_NO_LINE);
    if (!read) return RA_BAD_ARGUMENT;
    p->read.line = (uint32_t)(read - p->steps);
    ra_step *decode = ra_process_add(p, RA_STEP_DECODE, block_count, p->read.line, RA_NO_LINE);
    if (!decode) return RA_BAD_ARGUMENT;
    uint32_t line = (uint32_t)(decode - p->steps);
    decode->to = &p->sounds[0];
    p->weave.lines[line].per = p->read.piece_blocks;
    p->weave.lines[p->read.line].is_by_hand = 1;
    p->weave.lines[p->read.line].leads = line;
    p->weave.lines[p->read.line].lead = RA_PIECE_SLOTS;
    return ra_process_ring(decode->to, &p->source, ring_blocks, line, line);
}

/* The last lines come first: so one worker has all peaks before it measures. */
static ra_result ra_process_plan_overview(ra_process *p)
{
    enum { PIECE = RA_PROCESS_RANGE_FRAMES / 4 };        /* about a millisecond of a meter's work */
    uint64_t frame_count = p->in->frame_count;
    bool is_ring = p->file.frame_bytes > 0;              /* then all of it in order, as it comes */
    ra_result result = is_ring ? ra_process_plan_read(p, 0) : RA_OK;
    if (result) return result;
    ra_step *step = is_ring ? ra_process_add_taker(p, RA_STEP_OVERVIEW_ON, ra_blocks_of(frame_count), &p->sounds[0])
                            : ra_process_add(p, RA_STEP_LOUDNESS, (frame_count - 1) / PIECE + 1, RA_NO_LINE, RA_NO_LINE);
    if (!step) return RA_BAD_ARGUMENT;
    step->count = frame_count;
    step->per_unit = is_ring ? RA_PROCESS_BLOCK : PIECE;
    return is_ring ? RA_OK : ra_process_add_ranges(p, RA_STEP_OVERVIEW, frame_count, RA_OVERVIEW_BLOCK, RA_NO_LINE) ? RA_OK : RA_BAD_ARGUMENT;
}

/* The sound at the new rate, into a ring. A unit is a block, or so much less that no more than a block is wanted for it;
   each of the lines makes its share of every unit. */
static ra_result ra_process_plan_rate(ra_process *p, ra_sound *from, ra_sound *to, uint32_t unit_frames)
{
    const ra_resampler *r = p->resampler;
    uint32_t first_line = p->weave.line_count;
    ra_clip is = from->clip;
    is.sample_rate_hz = r->out_hz;
    is.frame_count = ra_resampler_frames(r, is.frame_count);
    from->units = unit_frames * r->step;                 /* for a unit, not for a block */
    from->per = RA_PROCESS_BLOCK * r->phase_count;
    from->ahead = 1;                                     /* half a row of taps, and all that is gathered at a time */
    for (uint32_t slice = 0; slice < RA_PROCESS_SLICES; slice++) {
        ra_step *step = ra_process_add_taker(p, RA_STEP_RATE, (is.frame_count + unit_frames - 1) / unit_frames, from);
        if (!step) return RA_BAD_ARGUMENT;
        step->to = to;
        step->first = unit_frames * slice / RA_PROCESS_SLICES;
        step->count = unit_frames * (slice + 1) / RA_PROCESS_SLICES - step->first;
        step->per_unit = unit_frames;
        if (slice) p->weave.lines[first_line + slice].beside = first_line + slice - 1;
    }
    ra_result result = ra_process_ring(to, &is, 0, first_line, first_line + RA_PROCESS_SLICES - 1);
    to->units = RA_PROCESS_BLOCK / unit_frames;
    to->unit_frames = unit_frames;
    return result;
}

/* A line that does something with each piece of the new file, after the one before it. */
static ra_step *ra_process_add_piece(ra_process *p, ra_step_kind kind, uint32_t encode)
{
    uint32_t last = p->weave.line_count - 1;
    ra_step *step = ra_process_add(p, kind, p->written.count, encode, RA_NO_LINE);
    if (!step) return NULL;
    ra_line *line = &p->weave.lines[step - p->steps];
    line->units = p->written.piece_blocks;
    if (last != encode) line->beside = last;
    return step;
}

/* Out of the last ring (or the whole clip) into the pieces of a file. */
static ra_result ra_process_plan_write(ra_process *p, const ra_sound *from)
{
    uint64_t block_count = ra_blocks_of(from->clip.frame_count);
    block_count += block_count == 0;                     /* a header, at least */
    p->out = (ra_wav_info){ .format = p->task.format, .channels = from->clip.channels, .sample_rate_hz = from->clip.sample_rate_hz, .frame_count = from->clip.frame_count };
    p->out.frame_bytes = p->out.channels * ra_wav_sample_bytes[p->out.format];
    p->header_bytes = p->task.is_raw ? 0 : ra_wav_header(&p->out, p->header);
    p->result.frame_count = p->out.frame_count;
    p->result.byte_count = p->header_bytes + p->out.frame_count * p->out.frame_bytes;
    p->result.byte_count += !p->task.is_raw && (p->result.byte_count & 1);       /* a header is even */
    p->result.cut_samples = p->dither_seed = 0;
    ra_result result = ra_process_cut(&p->written, block_count, p->out.frame_bytes);
    if (result == RA_OK && p->task.has_report) result = ra_loudness_create(p->out.channels, p->out.sample_rate_hz, true, &p->meter);
    if (result) return result;
    ra_sha256_start(&p->sha);
    ra_step *step = ra_process_add_taker(p, RA_STEP_ENCODE, block_count, from);
    if (!step) return RA_BAD_ARGUMENT;
    uint32_t encode = (uint32_t)(step - p->steps);
    if (p->task.has_report && (!ra_process_add_piece(p, RA_STEP_REPORT, encode) || !ra_process_add_piece(p, RA_STEP_HASH, encode))) return RA_BAD_ARGUMENT;
    step = ra_process_add_piece(p, RA_STEP_WRITE, encode);
    if (!step) return RA_BAD_ARGUMENT;
    p->written.line = (uint32_t)(step - p->steps);
    p->weave.lines[p->written.line].is_by_hand = 1;
    p->weave.lines[encode].leads = p->written.line;
    p->weave.lines[encode].lead = RA_PIECE_SLOTS * p->written.piece_blocks;
    return RA_OK;
}

/* This pass only finds out how loud it is. */
static bool ra_process_is_aiming(const ra_process *p) { return p->task.kind == RA_TASK_EXPORT && p->task.is_normalised && !p->is_aimed; }

static ra_result ra_process_plan_export(ra_process *p)
{
    ra_sound *from = &p->sounds[0];
    uint32_t rate_hz = p->task.sample_rate_hz ? p->task.sample_rate_hz : p->in->sample_rate_hz, unit_frames = RA_PROCESS_BLOCK, line;
    uint64_t ring_blocks = 0;
    ra_result result = RA_OK;
    if (rate_hz != p->in->sample_rate_hz) {
        result = ra_resampler_begin(p->in->sample_rate_hz, rate_hz, p->in->channels, &p->resampler);
        if (result) return result;
        const ra_resampler *r = p->resampler;
        while (unit_frames > 1 && (uint64_t)unit_frames * r->step > (uint64_t)RA_PROCESS_BLOCK * r->phase_count) unit_frames /= 2;
        ring_blocks = 2 * ((uint64_t)unit_frames * r->step / ((uint64_t)RA_PROCESS_BLOCK * r->phase_count) + 4);
    }
    if (p->file.frame_bytes) result = ra_process_plan_read(p, ring_blocks);
    if (result == RA_OK && p->resampler) { result = ra_process_plan_rate(p, from, &p->sounds[1], unit_frames); from = &p->sounds[1]; }
    if (result == RA_OK && p->task.chain.count) { result = ra_process_plan_chain(p, from, &p->sounds[2], true); from = &p->sounds[2]; }
    if (result) return result;
    return ra_process_is_aiming(p) ? ra_process_plan_measure(p, from, &line) : ra_process_plan_write(p, from);
}

static ra_result ra_process_plan(ra_process *p)
{
    const ra_task *task = &p->task;
    uint32_t line;
    p->sounds[0] = (ra_sound){ .clip = p->source, .mask = UINT64_MAX, .line = RA_NO_LINE };
    p->read.line = p->written.line = RA_NO_LINE;
    uint64_t all = task->hop_frames ? (p->in->frame_count + task->hop_frames - 1) / task->hop_frames : 0;
    uint64_t left = all > task->first_spectrum ? all - task->first_spectrum : 0;
    p->result.spectrum_count = task->spectrum_count && task->spectrum_count < left ? task->spectrum_count : left;
    /* a lane has a line for each processor, and three for the ways in and out and for going safely; normalising has the most else */
    p->step_capacity = (p->in->channels + 1) / 2 * (task->chain.count + 3) + 2 * RA_PROCESS_RANGES + 3;
    p->steps = ra_new(p->step_capacity, sizeof *p->steps);
    if (!p->steps || !ra_weave_reserve(&p->weave, p->step_capacity)) return RA_NO_MEMORY;
    switch (task->kind) {
    case RA_TASK_EQUALIZER: case RA_TASK_EFFECTS: return ra_process_plan_chain(p, &p->sounds[0], &p->sounds[2], false);
    case RA_TASK_EXPORT:    return ra_process_plan_export(p);
    case RA_TASK_NORMALIZE: return ra_process_plan_normalise(p);
    case RA_TASK_MEASURE: {
        ra_result result = p->file.frame_bytes ? ra_process_plan_read(p, 0) : RA_OK;
        return result ? result : ra_process_plan_measure(p, &p->sounds[0], &line);
    }
    case RA_TASK_FFT:       return ra_process_plan_spectra(p);
    case RA_TASK_PEAKS:     return ra_process_plan_peaks(p);
    case RA_TASK_ANALYSE:   return ra_process_plan_overview(p);
    default:                return ra_process_plan_resample(p);
    }
}

/* The lines first; then, about a millisecond at a time, what they need that takes long. False: it cannot be. */
static bool ra_process_prepare(ra_process *p)
{
    bool is_new = !p->steps;
    ra_result result = is_new ? ra_process_plan(p) : p->resampler && ra_resampler_make(p->resampler) ? RA_BUSY : RA_OK;
    for (uint32_t lane = 0; !is_new && result == RA_OK && lane < p->lane_count; lane++) result = ra_chain_prepare(p->lanes[lane].chain);
    p->weave.is_planned = !is_new && result == RA_OK;
    if (result == RA_OK || result == RA_BUSY) return true;
    p->failure = result;
    return false;
}

RA_SMALL_CODE_END

static bool ra_process_unit(void *user, uint32_t line, uint32_t unit)
{
    ra_process *p = user;
    if (line == RA_NO_LINE) return ra_process_prepare(p);
    ra_step *step = &p->steps[line];
    const ra_clip *in = p->in;
    ra_clip *out = p->result.clip;
    uint64_t first = step->first + unit * step->per_unit, end = step->first + step->count, count = end - first < step->per_unit ? end - first : step->per_unit;
    switch (step->kind) {
    case RA_STEP_READ: case RA_STEP_WRITE: break;        /* the control thread's */
    case RA_STEP_DECODE:  ra_process_decode(p, step, unit); break;
    case RA_STEP_ENCODE:  ra_process_encode(p, step->from, unit); break;
    case RA_STEP_REPORT:  ra_process_report(p, unit); break;
    case RA_STEP_HASH:    ra_process_hash(p, unit); break;
    case RA_STEP_GATHER:  ra_process_gather(step->lane, unit); break;
    case RA_STEP_STAGE:   ra_stage_process(step->stage, step->lane->channels, step->lane->slots + (size_t)(unit % step->lane->slot_count) * RA_PROCESS_BLOCK * step->lane->channels, RA_PROCESS_BLOCK); break;
    case RA_STEP_BANDS:   ra_process_bands(step->lane, step, unit); break;
    case RA_STEP_SAFELY:  ra_chain_process_safely(step->lane->chain, step->lane->slots + (size_t)(unit % step->lane->slot_count) * RA_PROCESS_BLOCK * step->lane->channels, RA_PROCESS_BLOCK); break;
    case RA_STEP_SCATTER: return ra_process_scatter(step->lane, unit);
    case RA_STEP_TRUE_PEAK: step->peak = ra_true_peak_of_range(p->meter, in->samples, first, count, step->peak, step->room); break;
    case RA_STEP_MEASURE: ra_loudness_add(p->meter, ra_sound_at(step->from, first), (size_t)count); break;
    case RA_STEP_SUM:     ra_process_sum(p); break;
    case RA_STEP_AIM:
        p->result.gain_db = ra_normalise_gain_db(&p->result.report, p->task.normalise, p->task.target_db, p->task.ceiling_dbtp);
        break;
    case RA_STEP_SCALE: {
        float gain = (float)ra_amplitude_from_db(p->result.gain_db);
        for (uint64_t n = first * in->channels; n < (first + count) * in->channels; n++) out->samples[n] = in->samples[n] * gain;
        break;
    }
    case RA_STEP_PEAKS:    ra_clip_peaks(in, first, first + count, p->task.column_count, p->result.columns + first); break;
    case RA_STEP_SPECTRA:
        if (!step->fft && ra_fft_create(p->task.fft_frames, &step->fft)) return false;        /* here, for it takes its time */
        for (uint64_t index = first; index < first + count; index++) ra_process_spectrum(p, step, index);
        break;
    case RA_STEP_OVERVIEW: ra_overview_add_blocks(p->task.overview, in->samples + first * in->channels, first, count); break;
    case RA_STEP_OVERVIEW_ON:
        ra_overview_add(p->task.overview, ra_sound_at(step->from, first), count);
        ra_overview_report(p->task.overview, &p->result.report);
        break;
    case RA_STEP_LOUDNESS:
        ra_overview_measure(p->task.overview, in->samples + first * in->channels, count);
        ra_overview_report(p->task.overview, &p->result.report);
        break;
    case RA_STEP_RESAMPLE:
        if (in->sample_rate_hz == out->sample_rate_hz) memcpy(out->samples + first * out->channels, in->samples + first * in->channels, (size_t)(count * in->channels) * sizeof(float));
        else ra_clip_resample_range(in, UINT64_MAX, p->resampler, first, count, out->samples + first * out->channels);
        break;
    case RA_STEP_RATE: {
        uint64_t length = step->to->clip.frame_count;
        first = step->first + unit * step->per_unit;
        count = first >= length ? 0 : length - first < step->count ? length - first : step->count;
        ra_clip_resample_range(&step->from->clip, step->from->mask, p->resampler, first, count, ra_sound_at(step->to, first));
        break;
    }
    }
    return true;
}

static const char *const ra_task_names[] = { "spectra", "equalise", "render", "normalise", "measure", "resample", "peaks", "analyse", "export" };     /* by ra_task_kind */
_Static_assert(sizeof ra_task_names / sizeof ra_task_names[0] == RA_TASK_KIND_COUNT, "every task has a name");

RA_SMALL_CODE_BEGIN

static bool ra_process_step(void *user, ra_job *job) { return ra_weave_run(&((ra_process *)user)->weave, job, RA_WEAVE_SLICE_S); }

/* The sentence of what cannot be; NULL: it can. */
static const char *ra_task_fault(const ra_task *task, const ra_clip *clip)
{
    bool is_eq = true;
    const char *no_target = (unsigned)task->normalise > RA_NORMALISE_PEAK || !(task->target_db >= -70 && task->target_db <= 0) ? "a target lies between -70 and 0 dB" : NULL;
    if ((unsigned)task->kind >= RA_TASK_KIND_COUNT) return "there is no such task";
    if ((clip->frame_count == 0 && task->kind != RA_TASK_EXPORT) || clip->channels < 1 || clip->channels > 64) return "there is no sound to work on";
    switch (task->kind) {
    case RA_TASK_EQUALIZER: case RA_TASK_EFFECTS:
        if (!ra_chain_is_possible(&task->chain)) return "the chain has a value outside its range";
        for (uint32_t index = 0; index < task->chain.count; index++) is_eq = is_eq && task->chain.item[index].kind == RA_PROCESSOR_EQ;
        return is_eq || task->kind == RA_TASK_EFFECTS ? NULL : "an equaliser's chain is made of eq only";
    case RA_TASK_NORMALIZE:
        return no_target;
    case RA_TASK_EXPORT:
        if (!ra_chain_is_possible(&task->chain)) return "the chain has a value outside its range";
        if ((unsigned)task->format >= RA_WAV_WRITABLE_COUNT) return "this format is read and not written";
        if (task->sample_rate_hz > 768000) return "sample rates go from 1 to 768000 Hz";
        return task->is_normalised ? no_target : NULL;
    case RA_TASK_FFT:
        if (task->fft_frames < 32 || task->fft_frames > 65536 || task->fft_frames & (task->fft_frames - 1)) return "a transform's size is a power of two from 32 to 65536";
        return task->hop_frames ? NULL : "spectra have to be at least one frame apart";
    case RA_TASK_PEAKS:    return task->column_count ? NULL : "there are no columns to fill";
    case RA_TASK_ANALYSE:
        return !task->overview || task->overview->frame_count != clip->frame_count || task->overview->channels != clip->channels
            || task->overview->sample_rate_hz != clip->sample_rate_hz || task->overview->measured_frames ? "an analysis needs an empty overview of this clip's size" : NULL;
    case RA_TASK_RESAMPLE: return task->sample_rate_hz >= 1 && task->sample_rate_hz <= 768000 ? NULL : "sample rates go from 1 to 768000 Hz";
    default:               return NULL;
    }
}

/* Away with all that a pass has made. */
static void ra_process_clear(ra_process *p)
{
    for (uint32_t line = 0; p->steps && line < p->step_capacity; line++) {
        ra_eq_destroy(p->steps[line].eq);
        ra_fft_destroy(p->steps[line].fft);
        RA_FREE(p->steps[line].room);
    }
    for (uint32_t lane = 0; lane < p->lane_count; lane++) {
        ra_chain_destroy(p->lanes[lane].chain);
        RA_FREE(p->lanes[lane].slots);
        RA_FREE(p->lanes[lane].wide);
        p->lanes[lane] = (ra_lane){ 0 };
    }
    for (int n = 0; n < 3; n++) { RA_FREE(p->sounds[n].ring); p->sounds[n] = (ra_sound){ 0 }; }
    RA_FREE(p->read.slots);
    RA_FREE(p->written.slots);
    RA_FREE(p->weave.lines);
    ra_loudness_destroy(p->meter);
    ra_resampler_destroy(p->resampler);
    ra_clip_destroy(p->result.clip);
    RA_FREE(p->result.columns);
    RA_FREE(p->result.spectra_db);
    RA_FREE(p->window);
    RA_FREE(p->steps);
    p->read = p->written = (ra_pieces){ 0 };
    p->lane_count = 0;
    p->meter = NULL;
    p->resampler = NULL;
    p->result.clip = NULL;
    p->result.columns = NULL;
    p->result.spectra_db = p->window = NULL;
    p->steps = NULL;
    memset(&p->weave, 0, sizeof p->weave);
}

/* Gives the next pass to the pool. */
static ra_result ra_process_begin(ra_process *p)
{
    uint32_t wanted = ra_pool_wanted_count(p->pool) < RA_PROCESS_JOBS ? ra_pool_wanted_count(p->pool) : RA_PROCESS_JOBS;
    ra_result result = RA_OK;
    p->weave.unit = ra_process_unit;
    p->weave.user = p;
    for (p->job_count = 0; result == RA_OK && (p->job_count < wanted || p->job_count == 0); ) {
        result = ra_pool_submit(p->pool, ra_task_names[p->task.kind], ra_process_step, p, &p->jobs[p->job_count]);
        if (result == RA_OK) p->job_count++;
    }
    return p->job_count ? RA_OK : result;                /* fewer jobs than wished do the work too */
}

/* Somebody has a piece of a file in his hands. */
static bool ra_process_is_lent(const ra_process *p) { return p->read.begun != p->read.ended || p->written.begun != p->written.ended; }

/* When everybody has left a pass that is not the last one, begins the next. One that normalises comes after one that has
   measured. And settings may be so wild that NaN comes out of the chain: it has to be reset then, and only one block after
   another can say what that sounds like, so all begins again that way; what is written by then is the same. Takes as long
   as it takes; nobody sane meets it. */
static bool ra_process_next_pass(ra_process *p)
{
    bool is_wild = false, is_aimed = ra_process_is_aiming(p) && ra_weave_is_finished(&p->weave);
    if (p->is_cancelled || p->loss || p->failure) return false;
    for (uint32_t lane = 0; lane < p->lane_count; lane++) is_wild |= p->lanes[lane].is_bad && !p->is_safe;
    if (p->job_count) {
        if (!is_wild && !is_aimed) return false;
        if (ra_process_is_lent(p)) return true;
        if (is_aimed) {
            p->is_aimed = true;
            p->result.before = p->result.report;
            p->result.report = (ra_loudness_report){ 0 };
            p->result.gain_db = ra_normalise_gain_db(&p->result.before, p->task.normalise, p->task.target_db, p->task.ceiling_dbtp);
        }
        p->is_safe |= is_wild;
        if (p->written.ended > p->kept_count) p->kept_count = p->written.ended;
        for (uint32_t job = 0; job < p->job_count; job++) ra_job_release(p->jobs[job]);
        ra_process_clear(p);
    }
    ra_result result = ra_process_begin(p);
    if (result == RA_OK || result == RA_BUSY) return true;           /* no room among the jobs: next time */
    p->failure = result;
    return false;
}

static void ra_process_destroy(ra_process *p)
{
    ra_process_clear(p);
    RA_FREE(p);
}

/* file NULL: the clip is there. */
static ra_result ra_process_start(ra_pool *pool, const ra_clip *clip, const ra_wav_info *file, const ra_task *task, ra_process **out, ra_error *error)
{
    ra_clip source = *clip;
    *out = NULL;
    if (task->first_frame > source.frame_count) return ra_refuse(error, RA_BAD_ARGUMENT, 0, "the first frame lies behind the end");
    source.frame_count -= task->first_frame;
    if (task->frame_count && task->frame_count < source.frame_count) source.frame_count = task->frame_count;
    const char *fault = !file && clip->stream ? "the sound is not in memory" : file && !ra_wav_info_is_possible(file) ? "there is no such file" : ra_task_fault(task, &source);
    if (!fault && file && task->kind != RA_TASK_EXPORT && task->kind != RA_TASK_MEASURE && task->kind != RA_TASK_ANALYSE) fault = "this task wants its sound in memory";
    if (fault) return ra_refuse(error, RA_BAD_ARGUMENT, 0, "%s", fault);
    ra_process *p = ra_new(1, sizeof *p);
    if (!p) return ra_refuse(error, RA_NO_MEMORY, 0, "%s", ra_result_text(RA_NO_MEMORY));
    p->pool = pool;
    p->source = source;
    p->given = file ? NULL : (ra_clip *)(uintptr_t)clip;
    if (file) p->file = *file;
    else p->source.samples += task->first_frame * source.channels;
    p->in = &p->source;
    p->task = *task;
    p->task.chain = ra_chain_heard(&task->chain);
    ra_result result = ra_process_begin(p);
    if (result) { ra_process_destroy(p); return ra_refuse(error, result, 0, "%s", ra_result_text(result)); }
    *out = p;
    return RA_OK;
}

RA_API ra_result ra_process_stream(ra_pool *pool, const ra_wav_info *input, const ra_task *task, ra_process **out, ra_error *error)
{
    ra_clip clip = { .frame_count = input->frame_count, .channels = input->channels, .sample_rate_hz = input->sample_rate_hz };
    return ra_process_start(pool, &clip, input, task, out, error);
}

RA_API ra_result ra_process_async(ra_pool *pool, const ra_clip *clip, const ra_task *task, ra_process **out, ra_error *error)
{
    return ra_process_start(pool, clip, NULL, task, out, error);
}

/* The newest attempt. */
static ra_process *ra_process_now(ra_process *p)
{
    while (p->again) p = p->again;
    return p;
}

static bool ra_process_has_lost(const ra_process *p)
{
    bool has = false;
    for (uint32_t job = 0; job < p->job_count; job++) has |= ra_job_poll(p->jobs[job]) == RA_JOB_LOST;
    return has;
}

/* A worker died with it: what that one may yet write to stays as it is, and another attempt begins with what was given.
   What is written by then is the same. */
static ra_result ra_process_repeat(ra_process *p)
{
    ra_process *again = ra_new(1, sizeof *again);
    if (!again) return RA_NO_MEMORY;
    again->pool = p->pool;
    again->source = p->source;
    again->given = p->given;
    again->file = p->file;
    again->in = &again->source;
    again->task = p->task;
    again->kept_count = p->written.ended > p->kept_count ? p->written.ended : p->kept_count;
    ra_result result = ra_process_begin(again);
    if (result) ra_process_destroy(again); else p->again = again;
    return result;
}

static bool ra_process_is_finished(const ra_process *p) { return ra_weave_is_finished(&p->weave) && !ra_process_is_aiming(p); }

RA_API ra_job_state ra_process_poll(ra_process *first, float *progress)
{
    ra_process *p = ra_process_now(first);
    bool is_finished = ra_process_is_finished(p), is_aiming = ra_process_is_aiming(p), is_again = false;
    if (!is_finished && !p->is_cancelled && !p->loss && ra_process_has_lost(p)) {
        ra_weave_stop(&p->weave);
        if (p->task.overview) p->loss = RA_NO_THREAD;        /* the dead one may yet write there: only its owner has another */
        else if (!ra_process_is_lent(p)) p->loss = ra_process_repeat(p);
        if (p->loss == RA_BUSY) p->loss = RA_OK;             /* no room among the jobs: next time */
        if (progress) *progress = 0.0f;
        if (!p->loss) return RA_JOB_QUEUED;
    }
    uint32_t ended_count = 0;
    float most = 0;
    for (uint32_t job = 0; job < p->job_count; job++) {
        float is = ra_job_progress(p->jobs[job]);
        most = is > most ? is : most;
        ended_count += ra_job_poll(p->jobs[job]) >= RA_JOB_DONE;
    }
    bool is_left = ended_count == p->job_count;
    if (p->is_aimed || is_aiming) most = 0.5f * (most + p->is_aimed);      /* two passes */
    if (progress) *progress = is_finished ? 1.0f : most;
    if (is_left && !is_finished) is_again = ra_process_next_pass(p);
    if (is_finished || (is_left && !is_again)) return is_finished || !p->is_cancelled ? RA_JOB_DONE : RA_JOB_CANCELLED;
    return most > 0 ? RA_JOB_RUNNING : RA_JOB_QUEUED;
}

/* Is there something to do with the next piece? */
static bool ra_process_has_piece(const ra_process *p, const ra_pieces *pieces)
{
    return ra_weave_is_open(&p->weave) && pieces->line != RA_NO_LINE && ra_weave_is_wanted(&p->weave, pieces->line, pieces->begun);
}

static size_t ra_process_read_bytes(const ra_process *p, uint32_t piece)
{
    uint64_t piece_bytes = (uint64_t)p->read.piece_blocks * RA_PROCESS_BLOCK * p->file.frame_bytes, left = p->source.frame_count * p->file.frame_bytes - piece * piece_bytes;
    return (size_t)(left < piece_bytes ? left : piece_bytes);
}

static uint64_t ra_process_read_offset(const ra_process *p, uint32_t piece)
{
    return p->file.data_offset + (p->task.first_frame + (uint64_t)piece * p->read.piece_blocks * RA_PROCESS_BLOCK) * p->file.frame_bytes;
}

RA_API bool ra_process_next_read(ra_process *first, uint64_t *offset, size_t *byte_count, void **bytes)
{
    ra_process *p = ra_process_now(first);
    if (!ra_process_has_piece(p, &p->read)) return false;
    uint32_t piece = p->read.begun++;
    *offset = ra_process_read_offset(p, piece);
    *byte_count = ra_process_read_bytes(p, piece);
    *bytes = p->read.slots + (size_t)(piece % RA_PIECE_SLOTS) * p->read.slot_bytes;
    return true;
}

RA_API void ra_process_read_done(ra_process *first, size_t byte_count)
{
    ra_process *p = ra_process_now(first);
    RA_ASSERT(p->read.ended < p->read.begun);
    uint32_t piece = p->read.ended++;
    if (byte_count == ra_process_read_bytes(p, piece)) { ra_weave_hand_in(&p->weave, p->read.line); return; }
    if (byte_count > ra_process_read_bytes(p, piece)) byte_count = 0;     /* what pread says when it fails */
    if (!p->failure) p->failure = ra_refuse(&p->error, RA_NO_FILE, ra_process_read_offset(p, piece) + byte_count, "byte %llu: the file ends here or cannot be read, though it was longer when it was opened",
                           (unsigned long long)(ra_process_read_offset(p, piece) + byte_count));
    ra_weave_stop(&p->weave);
}

RA_API void ra_process_write_done(ra_process *first)
{
    ra_process *p = ra_process_now(first);
    RA_ASSERT(p->written.ended < p->written.begun);
    p->written.ended++;
    ra_weave_hand_in(&p->weave, p->written.line);
}

RA_API bool ra_process_next_write(ra_process *first, const void **bytes, size_t *byte_count)
{
    ra_process *p = ra_process_now(first);
    for (; ra_process_has_piece(p, &p->written); ra_process_write_done(p)) {
        uint32_t piece = p->written.begun++;
        *bytes = ra_process_piece(p, piece, byte_count);
        if (piece >= p->kept_count) return true;         /* the others are there from the pass before */
    }
    return false;
}

RA_API void ra_process_cancel(ra_process *first)
{
    ra_process *p = ra_process_now(first);
    p->is_cancelled = true;
    ra_weave_stop(&p->weave);
    for (uint32_t job = 0; job < p->job_count; job++) ra_job_cancel(p->jobs[job]);
}

RA_API ra_result ra_process_get(ra_process *first, const ra_task_result **out)
{
    ra_job_state state = ra_process_poll(first, NULL);
    ra_process *p = ra_process_now(first);
    bool is_there = state == RA_JOB_DONE && ra_process_is_finished(p);
    if (out) *out = is_there ? &p->result : NULL;
    if (is_there) return RA_OK;
    return state == RA_JOB_CANCELLED ? RA_CANCELLED : state < RA_JOB_DONE ? RA_BUSY : p->loss ? p->loss : p->failure ? p->failure : RA_NO_MEMORY;
}

RA_API ra_result ra_process_explain(ra_process *first, ra_error *error)
{
    ra_result result = ra_process_get(first, NULL);
    ra_process *p = ra_process_now(first);
    if (error && result && result == p->error.code) *error = p->error;
    else ra_refuse(error, result, 0, "%s", ra_result_text(result));
    return result;
}

/* Is there something to be read or written? */
static bool ra_process_is_waiting(const ra_process *p) { return ra_process_has_piece(p, &p->read) || ra_process_has_piece(p, &p->written); }

RA_API ra_job_state ra_process_work(ra_process *first, double budget_ms)
{
    double end_s = ra_now_s() + budget_ms / 1000.0;
    ra_job_state state;
    ra_process *p;
    do {
        p = ra_process_now(first);
        bool is_over = p->job_count && ra_weave_run(&p->weave, p->jobs[0], 0.0) && !ra_process_is_finished(p);
        for (uint32_t job = 0; is_over && job < p->job_count; job++) ra_pool_finish(p->pool, p->jobs[job]);      /* stopped, or the end of a pass: let all see it */
        ra_pool_check(p->pool);
        state = ra_process_poll(first, NULL);
    } while (state < RA_JOB_DONE && ra_now_s() < end_s && !ra_process_is_waiting(p));
    return state;
}

RA_API ra_result ra_process_wait(ra_process *first)
{
    if (!ra_may_block()) return RA_BUSY;
    do {
        const ra_process *p = ra_process_now(first);
        if (ra_process_is_waiting(p) || ra_process_is_lent(p)) return RA_BUSY;
    } while (ra_process_work(first, 1000.0) < RA_JOB_DONE);
    return ra_process_get(first, NULL);
}

RA_API ra_clip *ra_process_take_clip(ra_process *first)
{
    bool is_there = ra_process_get(first, NULL) == RA_OK;
    ra_process *p = ra_process_now(first);
    ra_clip *clip = is_there ? p->result.clip : NULL;
    if (clip) p->result.clip = NULL;
    return clip;
}

/* It stays, with all that was borrowed: whoever was written off may yet read and write there. */
static void ra_process_leave(ra_process *p)
{
    if (p->given) ra_clip_keep(p->given);
    for (uint32_t index = 0; index < p->task.chain.count; index++)
        if (p->task.chain.item[index].impulse) ra_clip_keep((ra_clip *)(uintptr_t)p->task.chain.item[index].impulse);
    if (p->task.overview) p->task.overview->is_left = true;
}

RA_API bool ra_process_free(ra_process *first)
{
    if (!first) return true;
    ra_process_cancel(first);
    for (ra_process *p = first; p; p = p->again)
        for (uint32_t job = 0; job < p->job_count; job++) {
            if (ra_job_poll(p->jobs[job]) < RA_JOB_DONE && !ra_may_block()) return false;
            ra_pool_finish(p->pool, p->jobs[job]);
        }
    for (ra_process *p = first, *again; p; p = again) {
        bool has_lost = ra_process_has_lost(p);
        again = p->again;
        for (uint32_t job = 0; job < p->job_count; job++) ra_job_release(p->jobs[job]);
        if (has_lost) ra_process_leave(p); else ra_process_destroy(p);
    }
    return true;
}

/* ---- loading, as a job: bytes or a decoded clip into what the engine plays and the waveform shows ---- */

enum { RA_LOAD_SLICE = 1 << 16 };      /* samples, or frames, a slice: about a millisecond */

struct ra_load {
    ra_job  *job;
    ra_pool *pool;
    ra_load *again;                    /* a worker died with this one; it stays as it is, and that one has been begun instead */
    bool     is_again;                 /* bytes and given belong to one that stays */
    uint8_t *bytes;                    /* of a WAV file, or NULL */
    size_t   byte_count;
    ra_wav_info info;
    ra_clip *given;                    /* decoded by somebody else, or NULL */
    ra_clip *source;                   /* that, until it is the clip, or the built-in loop */
    uint32_t demo_left;                /* parts of the built-in loop that are still to be made */
    ra_demo_level demo_level;
    ra_clip *clip;                     /* one or two channels */
    uint64_t done_frames;
    uint32_t done_columns, source_channels;
    ra_error error;
    ra_peak  columns[RA_LOAD_COLUMNS];
};

/* The header, once; true when there is nothing more to do. */
static bool ra_load_begin(ra_load *load)
{
    ra_memory memory = { load->bytes, load->byte_count };
    uint64_t frame_count;
    uint32_t rate;
    if (load->bytes) {
        if (ra_wav_parse(ra_memory_read, &memory, load->byte_count, &load->info, &load->error)) return true;
        frame_count = load->info.frame_count;
        rate = load->info.sample_rate_hz;
        load->source_channels = load->info.channels;
    } else {
        frame_count = load->source->frame_count;
        rate = load->source->sample_rate_hz;
        load->source_channels = load->source->stream ? load->source->stream->info.channels : load->source->channels;
        if (load->source->stream) load->done_columns = RA_LOAD_COLUMNS;    /* a glance will fill them, and the analysis */
    }
    if (frame_count == 0) { ra_refuse(&load->error, RA_BAD_WAV, 0, "there is no sound in this file: it has 0 samples"); return true; }
    if (load->source && (load->source->stream || (load->source_channels <= 2 && !(load->is_again && load->given)))) {       /* nothing to convert */
        load->clip = load->source;
        load->source = NULL;
        load->done_frames = frame_count;
        return false;
    }
    if (ra_clip_create_unfilled(frame_count, load->source_channels == 1 ? 1 : 2, rate, &load->clip)) {
        ra_refuse(&load->error, RA_NO_MEMORY, 0, "not enough memory for %llu frames", (unsigned long long)frame_count);
        return true;
    }
    return false;
}

/* Decodes and mixes a slice. */
static void ra_load_convert(ra_load *load)
{
    uint32_t channels = load->source_channels;
    uint64_t left = load->clip->frame_count - load->done_frames;
    size_t run = RA_LOAD_SLICE / channels;
    if (run > left) run = (size_t)left;
    float *out = load->clip->samples + load->done_frames * load->clip->channels;
    const float *in = load->bytes ? NULL : load->source->samples + load->done_frames * channels;
    if (load->bytes) ra_wav_decode_mixed(&load->info, load->bytes + load->info.data_offset + load->done_frames * load->info.frame_bytes, out, run);
    else if (channels > 2) ra_mix_to_stereo(in, channels, out, run);
    else memcpy(out, in, run * channels * sizeof(float));
    load->done_frames += run;
}

static void ra_load_make_demo(ra_load *load)
{
    if (!load->source && ra_clip_create(RA_DEMO_FRAMES, 2, RA_DEMO_RATE, &load->source)) { ra_refuse(&load->error, RA_NO_MEMORY, 0, "not enough memory for the built-in loop"); return; }
    ra_demo_make(load->source->samples, RA_DEMO_PARTS - load->demo_left--, &load->demo_level);
}

static bool ra_load_step(void *user, ra_job *job)
{
    ra_load *load = user;
    if (load->demo_left) { ra_load_make_demo(load); return load->error.code != RA_OK; }
    if (!load->clip && ra_load_begin(load)) return true;
    if (load->done_frames < load->clip->frame_count) {
        ra_load_convert(load);
    } else {
        uint64_t columns = RA_LOAD_SLICE * (uint64_t)RA_LOAD_COLUMNS / load->clip->frame_count + 1;
        uint32_t last = load->done_columns + columns < RA_LOAD_COLUMNS ? load->done_columns + (uint32_t)columns : RA_LOAD_COLUMNS;
        ra_clip_peaks(load->clip, load->done_columns, last, RA_LOAD_COLUMNS, load->columns + load->done_columns);
        load->done_columns = last;
    }
    ra_job_set_progress(job, (float)(0.5 * (double)load->done_frames / (double)load->clip->frame_count + 0.5 * load->done_columns / RA_LOAD_COLUMNS));
    return load->done_columns == RA_LOAD_COLUMNS;
}

static void ra_load_destroy(ra_load *load)
{
    if (load->source != load->given || !load->is_again) ra_clip_destroy(load->source);
    ra_clip_destroy(load->clip);
    if (!load->is_again) RA_FREE(load->bytes);
    RA_FREE(load);
}

/* From bytes, from a clip, or, without both, the built-in loop. */
static ra_result ra_load_begin_with(ra_pool *pool, void *bytes, size_t byte_count, ra_clip *clip, bool is_again, ra_load **out)
{
    *out = NULL;
    ra_load *load = ra_new(1, sizeof *load);
    if (!load) return RA_NO_MEMORY;
    load->pool = pool;
    load->bytes = bytes;
    load->byte_count = byte_count;
    load->given = load->source = clip;
    load->is_again = is_again;
    load->demo_left = bytes || clip ? 0 : RA_DEMO_PARTS;
    ra_result result = ra_pool_submit(pool, "load", ra_load_step, load, &load->job);
    if (result) RA_FREE(load); else *out = load;
    return result;
}

RA_API ra_result ra_load_start(ra_pool *pool, void *bytes, size_t byte_count, ra_load **out) { return ra_load_begin_with(pool, bytes, byte_count, NULL, false, out); }
RA_API ra_result ra_load_start_clip(ra_pool *pool, ra_clip *clip, ra_load **out)             { return ra_load_begin_with(pool, NULL, 0, clip, false, out); }
RA_API ra_result ra_load_start_demo(ra_pool *pool, ra_load **out)                            { return ra_load_begin_with(pool, NULL, 0, NULL, false, out); }

/* The newest attempt. */
static ra_load *ra_load_now(ra_load *load)
{
    while (load->again) load = load->again;
    return load;
}

RA_API ra_job_state ra_load_poll(ra_load *first, float *progress)
{
    ra_load *load = ra_load_now(first);
    ra_job_state state = ra_job_poll(load->job);
    if (progress) *progress = ra_job_progress(load->job);
    if (state != RA_JOB_LOST) return state;
    return ra_load_begin_with(load->pool, load->bytes, load->byte_count, load->given, true, &load->again) == RA_NO_MEMORY ? RA_JOB_CANCELLED : RA_JOB_QUEUED;
}

RA_API ra_result ra_load_take(ra_load *first, ra_clip **clip, ra_peak columns[RA_LOAD_COLUMNS], uint32_t *source_channels, ra_error *error)
{
    ra_load *load = ra_load_now(first);
    *clip = NULL;
    if (ra_job_poll(load->job) != RA_JOB_DONE) return ra_refuse(error, RA_CANCELLED, 0, "loading was cancelled");
    if (load->error.code) { if (error) *error = load->error; return load->error.code; }
    *clip = load->clip;
    load->clip = NULL;
    if (columns) memcpy(columns, load->columns, sizeof load->columns);
    if (source_channels) *source_channels = load->source_channels;
    return RA_OK;
}

RA_API bool ra_load_free(ra_load *first)
{
    if (!first) return true;
    ra_load *newest = ra_load_now(first);
    ra_job_cancel(newest->job);
    if (ra_job_poll(newest->job) < RA_JOB_DONE && !ra_may_block()) return false;
    ra_pool_finish(newest->pool, newest->job);
    for (ra_load *load = first, *again; load; load = again) {
        bool is_lost = ra_job_poll(load->job) == RA_JOB_LOST;
        again = load->again;
        ra_job_release(load->job);
        if (!is_lost) ra_load_destroy(load);             /* else it stays: whoever was written off may yet write there */
    }
    return true;
}

/* ---- a glance at a file that is not loaded: columns like ra_load's, from reads of its own ---- */

enum { RA_SPOT_COUNT = 512, RA_SPOT_FRAMES = 1024 };

/* So many spots of a file, until all of it has been read: that may take a minute, or be a download. All zero: nothing to do. */
typedef struct {
    ra_wav_info info;
    uint32_t source, spot;
    ra_peak *columns;                  /* RA_LOAD_COLUMNS */
    uint8_t *bytes;                    /* of the read under way */
} ra_glance;

RA_MAYBE_UNUSED static void ra_glance_end(ra_glance *o)
{
    RA_FREE(o->bytes);
    *o = (ra_glance){ .source = 0 };
}
/* Files in which a glance would see most of it are better read at once. */
RA_MAYBE_UNUSED static bool ra_glance_is_worth_it(const ra_wav_info *info) { return info->frame_count >= 4 * RA_SPOT_COUNT * RA_SPOT_FRAMES; }
RA_MAYBE_UNUSED static void ra_glance_start(ra_glance *o, const ra_wav_info *info, uint32_t source, ra_peak *columns)
{
    ra_glance_end(o);
    *o = (ra_glance){ .info = *info, .source = source, .columns = columns };
}
RA_MAYBE_UNUSED static bool ra_glance_next_read(ra_glance *o, uint64_t *offset, size_t *byte_count, void **bytes)
{
    if (o->bytes || !o->columns || o->spot == RA_SPOT_COUNT) return false;
    *byte_count = (size_t)RA_SPOT_FRAMES * o->info.frame_bytes;
    *offset = o->info.data_offset + o->info.frame_count * (2 * o->spot + 1) / (2 * RA_SPOT_COUNT) * o->info.frame_bytes;
    *bytes = o->bytes = RA_MALLOC(*byte_count);
    return o->bytes != NULL;
}
RA_MAYBE_UNUSED static void ra_glance_read_done(ra_glance *o, size_t byte_count)
{
    float samples[2 * RA_SPOT_FRAMES];
    ra_clip part = { .samples = samples, .frame_count = RA_SPOT_FRAMES, .channels = o->info.channels == 1 ? 1 : 2 };
    if (byte_count != (size_t)RA_SPOT_FRAMES * o->info.frame_bytes) { ra_glance_end(o); return; }
    ra_wav_decode_mixed(&o->info, o->bytes, samples, RA_SPOT_FRAMES);
    ra_peak *columns = o->columns + o->spot++ * (RA_LOAD_COLUMNS / RA_SPOT_COUNT);
    ra_clip_peaks(&part, 0, 1, 1, columns);
    for (uint32_t n = 1; n < RA_LOAD_COLUMNS / RA_SPOT_COUNT; n++) columns[n] = columns[0];
    RA_FREE(o->bytes);
    o->bytes = NULL;
}

/* ---- the bridge: one engine in two memories ----

   Without cross-origin isolation the page and its audio thread cannot share memory. Then each has an engine:
   the front one is commanded and asked as ever, but nobody renders it; what would have gone through its
   rings is packed into bytes, posted, and given to the back one, which renders. Samples of a clip are
   delivered beforehand, by pieces; a LOAD or QUEUE and all behind it wait for that. So are those of a response; a packet
   tells that it was one, and the settings wait. In these its serial stands where its address was. */

enum { RA_PACKET_SETTINGS = 1, RA_PACKET_COMMAND, RA_PACKET_SNAPSHOT, RA_PACKET_TAP, RA_PACKET_IMPULSE, RA_PACKET_RECORD };

/* Appends one packet (kind, size, bytes); false, and nothing appended, when there is no room. */
static bool ra_packet_add(uint8_t *bytes, size_t capacity, size_t *length, uint32_t kind, const void *body, uint32_t body_bytes)
{
    uint32_t head[2] = { kind, body_bytes };
    if (capacity - *length < sizeof head + body_bytes) return false;
    memcpy(bytes + *length, head, sizeof head);
    memcpy(bytes + *length + sizeof head, body, body_bytes);
    *length += sizeof head + body_bytes;
    return true;
}

/* Cuts one packet off; its kind, or 0 at the end or when the bytes make no sense. */
static uint32_t ra_packet_cut(const uint8_t **bytes, size_t *byte_count, const uint8_t **body, uint32_t *body_bytes)
{
    uint32_t head[2];
    if (*byte_count < sizeof head) return 0;
    memcpy(head, *bytes, sizeof head);
    if (head[1] > *byte_count - sizeof head) return 0;
    *body = *bytes + sizeof head;
    *body_bytes = head[1];
    *bytes += sizeof head + head[1];
    *byte_count -= sizeof head + head[1];
    return head[0];
}

static bool ra_bridge_hold(ra_engine *front)
{
    return front->held.kind || (ra_ring_readable_frames(front->commands) && ra_ring_read(front->commands, (float *)&front->held, 1));
}

static bool ra_bridge_is_clip(const ra_command *command) { return command->kind == RA_COMMAND_LOAD || command->kind == RA_COMMAND_QUEUE; }

/* The response with a serial, or, for 0, the first that was not delivered yet; NULL: none. */
static ra_own_impulse *ra_bridge_impulse(ra_engine *front, uint32_t serial)
{
    for (uint32_t index = 0; index < front->newest.spec.count; index++) {
        ra_own_impulse *own = (ra_own_impulse *)(uintptr_t)front->newest.spec.item[index].impulse;
        if (own && (serial ? own->serial == serial : !own->is_delivered)) return own;
    }
    return NULL;
}

RA_MAYBE_UNUSED static const ra_clip *ra_bridge_pending_clip(ra_engine *front, uint32_t *serial)
{
    bool is_clip = ra_bridge_hold(front) && ra_bridge_is_clip(&front->held);
    /* what was delivered must find its use before the next one comes */
    if (front->arrived_impulse || (is_clip && front->held.serial == front->delivered_serial)) return NULL;
    ra_own_impulse *own = ra_bridge_impulse(front, 0);
    *serial = own ? own->serial : front->held.serial;
    if (own) return &own->clip;
    if (is_clip && front->held.kind == RA_COMMAND_QUEUE && front->sent_tracks == RA_SENT_MAX) is_clip = false;      /* until a report says that one is over */
    return is_clip ? front->held.item.pointer : NULL;
}

RA_MAYBE_UNUSED static void ra_bridge_clip_delivered(ra_engine *front, uint32_t serial)
{
    if (!(serial & RA_IMPULSE_SERIAL)) { front->delivered_serial = serial; return; }
    ra_own_impulse *own = ra_bridge_impulse(front, serial);
    if (!own) return;                                    /* the chain was changed meanwhile */
    own->is_delivered = true;
    front->arrived_impulse = serial;
}

RA_MAYBE_UNUSED static size_t ra_bridge_take_commands(ra_engine *front, uint8_t *bytes, size_t capacity)
{
    size_t length = 0;
    bool is_fresh;
    if (capacity < sizeof(ra_chain_spec) + 8) return 0;
    const ra_settings *settings = ra_mailbox_get(&front->settings, &is_fresh);
    front->has_unsent_settings = front->has_unsent_settings || is_fresh;
    if (front->arrived_impulse) {                        /* alone, so that there memory can be made for the chain that will come */
        ra_packet_add(bytes, capacity, &length, RA_PACKET_IMPULSE, &front->arrived_impulse, sizeof front->arrived_impulse);
        front->arrived_impulse = 0;
        return length;
    }
    if (front->has_unsent_settings && !ra_bridge_impulse(front, 0)) {
        ra_chain_spec spec = settings->spec;
        for (uint32_t index = 0; index < spec.count; index++) {
            const ra_own_impulse *own = (const ra_own_impulse *)spec.item[index].impulse;
            if (own) spec.item[index].impulse = (const ra_clip *)(uintptr_t)own->serial;
        }
        ra_packet_add(bytes, capacity, &length, RA_PACKET_SETTINGS, &spec, sizeof spec);
        front->has_unsent_settings = false;
    }
    /* no more under way than the other ring can hold: what waits here is not lost there */
    ra_snapshot there;
    ra_engine_get_snapshot(front, &there);
    while ((int64_t)(front->sent_count - there.command_count) < RA_COMMAND_CAPACITY && ra_bridge_hold(front)) {
        ra_command *held = &front->held;
        if (held->kind == RA_COMMAND_CHAIN) { ra_command_free(held); continue; }         /* the other side makes its own, from the settings */
        if (ra_bridge_is_clip(held) && held->serial != front->delivered_serial) break;
        if (!ra_packet_add(bytes, capacity, &length, RA_PACKET_COMMAND, held, sizeof *held)) break;
        front->sent_count++;
        if (held->kind == RA_COMMAND_LOAD) ra_tracks_free(front->sent, &front->sent_tracks);
        if (ra_bridge_is_clip(held)) front->sent[front->sent_tracks++] = (ra_track){ held->item.pointer, held->resampler.pointer, held->serial };     /* ours stays as long as its copy */
        if (held->kind == RA_COMMAND_QUEUE_CLEAR) { front->cleared_serial = held->serial; front->cleared_count = front->sent_count; }
        held->kind = 0;
    }
    return length;
}

/* Frees what by this report neither plays nor waits over there. */
static void ra_bridge_forget(ra_engine *front, const ra_snapshot *there)
{
    uint32_t kept = 0;
    for (uint32_t n = 0; n < front->sent_tracks; n++) {
        ra_track *track = &front->sent[n];
        bool is_cleared = (int32_t)(track->serial - front->cleared_serial) <= 0 && there->command_count >= front->cleared_count;
        uint32_t one = 1;
        if ((int32_t)(track->serial - there->clip_serial) < 0 || (is_cleared && track->serial != there->clip_serial)) ra_tracks_free(track, &one);
        else front->sent[kept++] = *track;
    }
    front->sent_tracks = kept;
}

/* The other memory was lost (its audio thread had to be started again): says everything once more, and then what was still to be said. */
RA_MAYBE_UNUSED static void ra_bridge_resync(ra_engine *front)
{
    ra_command unsent[RA_COMMAND_CAPACITY + 1];
    uint32_t unsent_count = 0;
    bool has_load = false;               /* then what was there before is needless */
    ra_snapshot before;
    ra_engine_get_snapshot(front, &before);
    bool will_play = front->wants_to_play && (before.is_playing || ra_bridge_hold(front));      /* what waits may be a PLAY */
    for (; ra_bridge_hold(front); front->held.kind = 0) {
        has_load = has_load || front->held.kind == RA_COMMAND_LOAD;
        if (front->held.kind != RA_COMMAND_RECORD) unsent[unsent_count++] = front->held;
    }
    front->sent_count = front->cleared_count = 0;
    front->arrived_impulse = 0;
    if (front->recorder) {                               /* what the other memory still had is gone, and was never counted */
        front->recorder->is_let_go = true;
        ra_recorder_end(front, &before);
    }
    for (uint32_t index = 0; index < front->newest.spec.count; index++) {
        ra_own_impulse *own = (ra_own_impulse *)(uintptr_t)front->newest.spec.item[index].impulse;
        if (own) own->is_delivered = false;
    }
    front->delivered_serial = 0;
    ra_mailbox_put(&front->settings, &front->newest);
    if (front->newest_volume.kind) ra_engine_send(front, front->newest_volume);
    if (front->newest_loop.kind) ra_engine_send(front, front->newest_loop);
    for (uint32_t n = 0, one = 1; n < front->sent_tracks && !has_load; n++, one = 1) {
        ra_track *track = &front->sent[n];
        if (n && (int32_t)(track->serial - front->cleared_serial) <= 0) { ra_tracks_free(track, &one); continue; }
        ra_command again = { .kind = n ? RA_COMMAND_QUEUE : RA_COMMAND_LOAD, .serial = track->serial };
        again.item.pointer = track->clip;
        again.resampler.pointer = track->resampler;
        ra_engine_send(front, again);                    /* the ring is empty enough */
        if (n) continue;
        if (before.clip_serial == track->serial && before.clip_rate_hz) {
            ra_engine_set_loop_range(front, (double)before.loop_start_frames / before.clip_rate_hz, (double)before.loop_end_frames / before.clip_rate_hz);
            ra_engine_seek(front, (double)before.position_frames / before.clip_rate_hz);
        }
        if (will_play) ra_engine_play(front);
    }
    if (!has_load) front->sent_tracks = 0;
    /* all of a full ring may not find room behind that: the last ones are lost then */
    for (uint32_t n = 0; n < unsent_count; n++) if (ra_engine_send(front, unsent[n])) ra_command_free(&unsent[n]);
}

/* Finds the responses that settings from the other side name, and frees the others. */
static void ra_bridge_find_impulses(ra_engine *back, ra_chain_spec *spec)
{
    ra_chain_spec named = *spec;
    uint32_t count = spec->count < RA_CHAIN_MAX ? spec->count : RA_CHAIN_MAX;
    for (uint32_t index = 0; index < count; index++) spec->item[index].impulse = NULL;
    for (uint32_t at = 0; at < RA_CHAIN_MAX; at++) {
        bool is_named = false;
        for (uint32_t index = 0; index < count; index++) {
            if (!back->received[at].clip || (uintptr_t)named.item[index].impulse != back->received[at].serial) continue;
            spec->item[index].impulse = back->received[at].clip;
            is_named = true;
        }
        if (is_named) continue;
        ra_clip_destroy(back->received[at].clip);
        back->received[at].clip = NULL;
    }
}

/* How much memory a new chain with the responses received may take, to be on the safe side: copies while it is made,
   spectra of them and of what is heard. */
RA_MAYBE_UNUSED static size_t ra_bridge_chain_bytes(const ra_engine *back)
{
    double byte_count = 8 << 20;                         /* echoes and reverbs of several seconds */
    for (uint32_t at = 0; at < RA_CHAIN_MAX; at++) {
        const ra_clip *clip = back->received[at].clip;
        if (clip) byte_count += 64.0 * (double)clip->frame_count * (1.0 + (double)back->sample_rate_hz / clip->sample_rate_hz);
    }
    return (size_t)byte_count;
}

/* The back engine records into a ring of its own, one for all recordings. */
static void ra_bridge_own_ring(ra_engine *back, ra_command *command)
{
    if (!back->recorder) ra_recorder_create(RA_RECORD_BACK_FRAMES, false, RA_WAV_F32, &back->recorder);
    command->item.pointer = back->recorder ? back->recorder->ring : NULL;
}

/* *delivered_clip, if any, is for the LOAD, QUEUE or response among the commands; it is taken, and NULL then, when that comes. */
RA_MAYBE_UNUSED static void ra_bridge_give_commands(ra_engine *back, const uint8_t *bytes, size_t byte_count, ra_clip **delivered_clip)
{
    const uint8_t *body;
    uint32_t body_bytes;
    for (uint32_t kind; (kind = ra_packet_cut(&bytes, &byte_count, &body, &body_bytes)); ) {
        if (kind == RA_PACKET_SETTINGS && body_bytes == sizeof(ra_chain_spec)) {
            ra_chain_spec spec;
            memcpy(&spec, body, sizeof spec);            /* a message's bytes need not be aligned */
            ra_bridge_find_impulses(back, &spec);
            ra_engine_set_chain(back, &spec);
        }
        for (uint32_t at = 0; kind == RA_PACKET_IMPULSE && body_bytes == sizeof(uint32_t) && *delivered_clip && at < RA_CHAIN_MAX; at++) {
            if (back->received[at].clip) continue;
            memcpy(&back->received[at].serial, body, sizeof(uint32_t));
            back->received[at].clip = *delivered_clip;
            *delivered_clip = NULL;
        }
        if (kind != RA_PACKET_COMMAND || body_bytes != sizeof(ra_command)) continue;
        ra_command command;
        memcpy(&command, body, sizeof command);
        if (command.kind == RA_COMMAND_RECORD) ra_bridge_own_ring(back, &command);
        if (!ra_bridge_is_clip(&command)) { ra_engine_send(back, command); continue; }
        if (!*delivered_clip) continue;
        back->clip_serial = command.serial - 1;
        if (ra_engine_give(back, command.kind, *delivered_clip)) ra_clip_destroy(*delivered_clip);
        *delivered_clip = NULL;
    }
}

/* As many frames of a ring as there are and fit. */
static void ra_bridge_add_frames(ra_ring *ring, uint32_t kind, uint8_t *bytes, size_t capacity, size_t *length)
{
    for (uint32_t there; (there = ra_ring_readable_frames(ring)); ) {
        float frames[2 * 256];
        uint32_t run = there < 256 ? there : 256, run_bytes = run * 2 * (uint32_t)sizeof(float);
        if (capacity - *length < run_bytes + 8) break;
        ra_ring_read(ring, frames, run);
        ra_packet_add(bytes, capacity, length, kind, frames, run_bytes);
    }
}

/* The snapshot, and what was recorded and tapped since the last one. */
RA_MAYBE_UNUSED static size_t ra_bridge_take_report(ra_engine *back, uint8_t *bytes, size_t capacity)
{
    size_t length = 0;
    ra_snapshot snapshot;
    ra_engine_get_snapshot(back, &snapshot);
    ra_packet_add(bytes, capacity, &length, RA_PACKET_SNAPSHOT, &snapshot, sizeof snapshot);
    if (back->recorder) ra_bridge_add_frames(back->recorder->ring, RA_PACKET_RECORD, bytes, capacity, &length);
    ra_bridge_add_frames(back->tap, RA_PACKET_TAP, bytes, capacity, &length);
    return length;
}

RA_MAYBE_UNUSED static void ra_bridge_give_report(ra_engine *front, const uint8_t *bytes, size_t byte_count)
{
    const uint8_t *body;
    uint32_t body_bytes;
    for (uint32_t kind; (kind = ra_packet_cut(&bytes, &byte_count, &body, &body_bytes)); ) {
        if (kind == RA_PACKET_SNAPSHOT && body_bytes == sizeof(ra_snapshot)) {
            ra_snapshot there;
            memcpy(&there, body, sizeof there);
            ra_mailbox_put(&front->snapshots, &there);
            ra_bridge_forget(front, &there);
        }
        const float *frames = (const float *)(const void *)body;
        uint32_t frame_count = body_bytes / (2 * sizeof(float));
        if (kind == RA_PACKET_TAP) ra_ring_write(front->tap, frames, frame_count);
        if (kind == RA_PACKET_RECORD && front->recorder) front->recorder->lost_frames += frame_count - ra_ring_write(front->recorder->ring, frames, frame_count);
    }
}

RA_SMALL_CODE_END

/* ===== engine line ===== what an embedder gets ends here ================================================ */

#if !RA_EMBEDDED

#if RA_UI

RA_SMALL_CODE_BEGIN

/* ============================================================================
   [13] CANVAS - shapes and text become vertices; data only, nothing is shown
   ----------------------------------------------------------------------------
   owns     canvas: vertices, indices, clip commands, the atlas of text, tiles of levels
   calls    [2] BASE: ra_clamp, ra_sqrtf; [3] PLATFORM: ra_host_glyph
   threads  main thread only
   units    callers speak CSS pixels; vertices hold device pixels, edges of
            boxes snapped to them, so hairlines are sharp at any pixel ratio
   shape    one vertex format: each pixel knows its place (u, v) in a rounded
            box and its coverage is that box's signed distance; a line is a
            rotated box, a disc a box with full radius, text a box of texels, a
            tile a box of texels that are levels and become colours
   memory   buffers double when full and are kept; a warm frame allocates nothing
   tests    test.c "canvas": clips intersect, edges snap, the atlas starts anew
   ============================================================================ */

typedef struct { float x, y, w, h; } canvas_box;      /* handed over by address where nobody changes it: copies would be 3 KB of code */
typedef struct { float x, y; } canvas_point;
typedef uint32_t canvas_colour;                    /* bytes red, green, blue, alpha; not premultiplied */
/* A vertical gradient in page coordinates. */
typedef struct { canvas_colour top, bottom; float top_y, bottom_y; } canvas_paint;
typedef enum { CANVAS_REGULAR, CANVAS_BOLD } canvas_weight;

typedef struct {
    float x, y;                        /* device pixels from the top left */
    float u, v;                        /* from the box's centre; texels of the atlas for text */
    float half_w, half_h;              /* of the box; half_w -1: text; -2: a tile, half_h and radius its place in the texture */
    float radius, stroke;              /* stroke 0: filled */
    uint32_t colour;                   /* premultiplied */
} canvas_vertex;
typedef struct { uint32_t first_index, index_count; int x, y, w, h; /* scissor, device pixels */ } canvas_command;

#define CANVAS_CLIP_MAX  8
#define CANVAS_RUN_MAX   1024          /* power of two; three quarters of it are used */
#define CANVAS_SHELF_MAX 128
enum { CANVAS_TILES = 64, CANVAS_TILE_SIDE = 256, CANVAS_TEXTURE_WIDTH = 2048 };     /* tiles lie below the atlas, eight in a row */
#define CANVAS_INFINITE  1e6f          /* half size of a box without this pair of edges; without both it is plain colour */

/* A piece of text in the atlas: one digit, or a run without digits, in one size and weight. */
typedef struct { uint64_t key; ra_glyph_box box; uint16_t atlas_x, atlas_y; bool has_pixels; } canvas_run;

typedef struct {
    float width, height;               /* CSS pixels */
    float ratio;                       /* device pixels per CSS pixel */
    canvas_colour ground;              /* what lies under everything; opaque */
    canvas_vertex  *vertices; uint32_t vertex_count, vertex_capacity;
    uint32_t       *indices;  uint32_t index_count, index_capacity;
    canvas_command *commands; uint32_t command_count, command_capacity;
    canvas_box clip[CANVAS_CLIP_MAX];  /* the innermost is the intersection of all */
    uint32_t clip_count;
    uint8_t *atlas;                    /* coverage, atlas_side * atlas_side */
    uint32_t atlas_side;
    uint32_t dirty_top, dirty_bottom;  /* rows of the atlas that the renderer has not seen */
    uint8_t *tiles;                    /* one behind the other; NULL until the first is wanted */
    uint64_t dirty_tiles;              /* a bit for each that the renderer has not seen */
    bool atlas_is_full;                /* some text is missing: canvas_forget_text, then build again */
    struct { uint16_t y, height, used; } shelves[CANVAS_SHELF_MAX];
    uint32_t shelf_count;
    canvas_run runs[CANVAS_RUN_MAX];
    uint32_t run_count;
} canvas;

#define CANVAS_RGB(rgb) ((canvas_colour)((((rgb) >> 16) & 255u) | ((rgb) & 0xFF00u) | (((rgb) & 255u) << 16) | 0xFF000000u))

static canvas_colour canvas_fade(canvas_colour colour, float alpha)
{
    uint32_t faded = (uint32_t)((float)(colour >> 24) * alpha + 0.5f);
    return (colour & 0xFFFFFFu) | faded << 24;
}
/* part 0: a, part 1: b. */
static canvas_colour canvas_mix(canvas_colour a, canvas_colour b, float part)
{
    canvas_colour mixed = 0;
    for (int shift = 0; shift < 32; shift += 8) {
        float from = (float)(a >> shift & 255), to = (float)(b >> shift & 255);
        mixed |= (uint32_t)(from + (to - from) * part + 0.5f) << shift;
    }
    return mixed;
}
static uint32_t canvas_premultiply(canvas_colour colour)
{
    uint32_t alpha = colour >> 24, out = alpha << 24;
    for (int shift = 0; shift < 24; shift += 8) out |= (((colour >> shift & 255) * alpha + 127) / 255) << shift;
    return out;
}

static float canvas_snap(const canvas *c, float css) { return __builtin_floorf(css * c->ratio + 0.5f); }

/* ---- the draw list ---- */

static bool canvas_grow(void **items, uint32_t *capacity, uint32_t wanted, size_t item_bytes)
{
    if (wanted <= *capacity) return true;
    uint32_t larger = *capacity ? *capacity : 1024;
    while (larger < wanted) larger *= 2;
    void *grown = malloc(larger * item_bytes);             /* nothing else here needs a realloc */
    if (!grown) return false;
    if (*items) memcpy(grown, *items, *capacity * item_bytes);
    free(*items);
    *items = grown;
    *capacity = larger;
    return true;
}

/* Opens a command with the innermost clip, or changes the last one while it is still empty. */
static void canvas_open_command(canvas *c)
{
    const canvas_box *clip = &c->clip[c->clip_count - 1];
    float left = canvas_snap(c, clip->x), top = canvas_snap(c, clip->y);
    canvas_command command = { .first_index = c->index_count, .x = (int)left, .y = (int)top,
                               .w = (int)(canvas_snap(c, clip->x + clip->w) - left), .h = (int)(canvas_snap(c, clip->y + clip->h) - top) };
    canvas_command *last = c->command_count ? &c->commands[c->command_count - 1] : NULL;
    if (last && last->index_count == 0) { *last = command; return; }
    if (!canvas_grow((void **)&c->commands, &c->command_capacity, c->command_count + 1, sizeof *c->commands)) return;
    c->commands[c->command_count++] = command;
}

/* Room for a shape; NULL when memory is out or nothing of it could be seen. Indices count from *first. */
static canvas_vertex *canvas_reserve(canvas *c, uint32_t vertices, uint32_t indices, uint32_t **index, uint32_t *first)
{
    const canvas_command *command = c->command_count ? &c->commands[c->command_count - 1] : NULL;
    if (!command || command->w <= 0 || command->h <= 0 ||
        !canvas_grow((void **)&c->vertices, &c->vertex_capacity, c->vertex_count + vertices, sizeof *c->vertices) ||
        !canvas_grow((void **)&c->indices, &c->index_capacity, c->index_count + indices, sizeof *c->indices)) return NULL;
    canvas_vertex *vertex = c->vertices + c->vertex_count;
    *index = c->indices + c->index_count;
    *first = c->vertex_count;
    c->vertex_count += vertices;
    c->index_count += indices;
    c->commands[c->command_count - 1].index_count += indices;
    return vertex;
}

static void canvas_quad(canvas *c, const canvas_vertex corners[4])
{
    static const uint8_t order[6] = { 0, 1, 2, 2, 1, 3 };
    uint32_t *index, first;
    canvas_vertex *vertex = canvas_reserve(c, 4, 6, &index, &first);
    if (!vertex) return;
    memcpy(vertex, corners, 4 * sizeof *vertex);
    for (int i = 0; i < 6; i++) index[i] = first + order[i];
}

/* Innermost part of the clips so far and box. Every canvas_clip is followed by one canvas_unclip. */
/* What can be seen of a box. */
static canvas_box canvas_visible(const canvas *c, canvas_box box)
{
    const canvas_box *outer = &c->clip[c->clip_count - 1];
    float right = outer->x + outer->w, bottom = outer->y + outer->h;
    float x0 = (float)ra_clamp(box.x, outer->x, right), x1 = (float)ra_clamp(box.x + box.w, x0, right);
    float y0 = (float)ra_clamp(box.y, outer->y, bottom), y1 = (float)ra_clamp(box.y + box.h, y0, bottom);
    return (canvas_box){ x0, y0, x1 - x0, y1 - y0 };
}

static void canvas_clip(canvas *c, const canvas_box *box)
{
    RA_ASSERT(c->clip_count < CANVAS_CLIP_MAX);
    c->clip[c->clip_count] = canvas_visible(c, *box);
    c->clip_count++;
    canvas_open_command(c);
}
static void canvas_unclip(canvas *c)
{
    RA_ASSERT(c->clip_count > 1);
    c->clip_count--;
    canvas_open_command(c);
}

/* Forgets every run of text; the atlas fills again as text is drawn. */
static void canvas_forget_text(canvas *c)
{
    memset(c->runs, 0, sizeof c->runs);
    memset(c->atlas, 0, (size_t)c->atlas_side * c->atlas_side);
    c->run_count = c->shelf_count = 0;
    c->dirty_top = 0;
    c->dirty_bottom = c->atlas_side;
    c->atlas_is_full = false;
}

/* Starts an empty picture. False: no memory for the atlas, so no picture. */
static bool canvas_begin(canvas *c, float width, float height, float ratio, canvas_colour ground)
{
    uint32_t side = ratio > 1.5f ? 2048 : 1024;
    if (ratio != c->ratio || !c->atlas) {
        free(c->atlas);
        c->atlas = malloc((size_t)side * side);
        if (!c->atlas) return false;
        c->atlas_side = side;
        canvas_forget_text(c);
    }
    c->width = width; c->height = height; c->ratio = ratio; c->ground = ground;
    c->vertex_count = c->index_count = c->command_count = 0;
    c->clip[0] = (canvas_box){ 0, 0, width, height };
    c->clip_count = 1;
    canvas_open_command(c);
    return true;
}

/* ---- shapes ---- */

/* The one shape: a rounded box around (x, y) whose own x axis points along the unit vector (along_x, along_y);
   one pixel of margin holds the soft edge. Device pixels. */
static void canvas_shape(canvas *c, float x, float y, float half_w, float half_h, float along_x, float along_y,
                         float radius, float stroke, canvas_colour colour)
{
    float u = half_w + 1, v = half_h + 1;
    uint32_t premultiplied = canvas_premultiply(colour);
    canvas_vertex corners[4];
    for (int i = 0; i < 4; i++) {
        float cu = i & 1 ? u : -u, cv = i & 2 ? v : -v;
        corners[i] = (canvas_vertex){ x + cu * along_x - cv * along_y, y + cu * along_y + cv * along_x,
                                      cu, cv, half_w, half_h, radius, stroke, premultiplied };
    }
    canvas_quad(c, corners);
}

/* The plain inside of a box whose edges lie on whole pixels; costs a pixel next to nothing. */
static void canvas_plain(canvas *c, float left, float top, float width, float height, canvas_colour colour)
{
    canvas_vertex corners[4];
    for (int i = 0; i < 4; i++)
        corners[i] = (canvas_vertex){ left + (i & 1 ? width : 0), top + (i & 2 ? height : 0), 0, 0,
                                      CANVAS_INFINITE, CANVAS_INFINITE, 0, 0, canvas_premultiply(colour) };
    canvas_quad(c, corners);
}

/* A box with its edges on whole device pixels, at least one wide. Measuring distances over large areas is what costs
   most where a processor draws (SwiftShader): so a filled box is two rounded sides and a plain middle. */
static void canvas_snapped(canvas *c, const canvas_box *box, float radius, float stroke, canvas_colour colour)
{
    float left = canvas_snap(c, box->x), top = canvas_snap(c, box->y);
    float width = __builtin_fmaxf(canvas_snap(c, box->x + box->w) - left, 1), height = __builtin_fmaxf(canvas_snap(c, box->y + box->h) - top, 1);
    float half_w = 0.5f * width, half_h = 0.5f * height;
    float corner = __builtin_fminf(radius * c->ratio, __builtin_fminf(half_w, half_h)), side = __builtin_ceilf(corner);
    if (stroke > 0 || (corner > 0 && width <= 2 * side)) {
        canvas_shape(c, left + half_w, top + half_h, half_w, half_h, 1, 0, corner, stroke, colour);
        return;
    }
    canvas_plain(c, left + side, top, width - 2 * side, height, colour);
    if (corner == 0) return;
    for (int end = 0; end < 2; end++) {
        canvas_vertex corners[4];
        for (int i = 0; i < 4; i++) {
            float u = (end ? half_w - side : -half_w) + (i & 1 ? side : 0), v = i & 2 ? half_h : -half_h;
            corners[i] = (canvas_vertex){ left + half_w + u, top + half_h + v, u, v, half_w, half_h, corner, 0, canvas_premultiply(colour) };
        }
        canvas_quad(c, corners);
    }
}
static void canvas_fill(canvas *c, const canvas_box *box, float radius, canvas_colour colour) { canvas_snapped(c, box, radius, 0, colour); }
/* The outline lies inside the box. */
static void canvas_frame(canvas *c, const canvas_box *box, float radius, float width, canvas_colour colour)
{
    canvas_snapped(c, box, radius, __builtin_fmaxf(canvas_snap(c, width), 1), colour);
}
static void canvas_disc(canvas *c, float x, float y, float radius, canvas_colour colour)
{
    float r = radius * c->ratio;
    canvas_shape(c, x * c->ratio, y * c->ratio, r, r, 1, 0, r, 0, colour);
}
static void canvas_ring(canvas *c, float x, float y, float radius, float width, canvas_colour colour)
{
    float r = radius * c->ratio;
    canvas_shape(c, x * c->ratio, y * c->ratio, r, r, 1, 0, r, width * c->ratio, colour);
}

/* A straight line with round ends. */
static void canvas_line(canvas *c, float x0, float y0, float x1, float y1, float width, canvas_colour colour)
{
    float dx = (x1 - x0) * c->ratio, dy = (y1 - y0) * c->ratio, length = ra_sqrtf(dx * dx + dy * dy);
    float half = 0.5f * width * c->ratio;
    if (length < 1e-3f) { dx = length = 1; dy = 0; }
    canvas_shape(c, 0.5f * (x0 + x1) * c->ratio, 0.5f * (y0 + y1) * c->ratio, 0.5f * length + half, half,
                 dx / length, dy / length, half, 0, colour);
}

/* Unit normal of the way from a to b, device pixels. */
static canvas_point canvas_normal(canvas_point a, canvas_point b)
{
    float dx = b.x - a.x, dy = b.y - a.y, length = ra_sqrtf(dx * dx + dy * dy);
    return length > 1e-6f ? (canvas_point){ -dy / length, dx / length } : (canvas_point){ 0, 1 };
}

/* A line through many points. Two pieces that meet in a blunt corner share a mitre; beside a sharp one, where the
   mitre would become a thorn, a piece has round ends, which overlap: so the colour should be opaque. */
static void canvas_polyline(canvas *c, const canvas_point *points, uint32_t count, float width, canvas_colour colour)
{
    float half = 0.5f * __builtin_fmaxf(width * c->ratio, 1), reach = half + 1;
    uint32_t premultiplied = canvas_premultiply(colour);
    for (uint32_t i = 0; i + 1 < count; i++) {
        canvas_point own = canvas_normal(points[i], points[i + 1]), mitres[2];
        bool is_blunt = true;
        for (uint32_t end = 0; end < 2; end++) {
            bool has_neighbour = end ? i + 2 < count : i > 0;
            canvas_point other = !has_neighbour ? own : end ? canvas_normal(points[i + 1], points[i + 2]) : canvas_normal(points[i - 1], points[i]);
            float x = own.x + other.x, y = own.y + other.y, square = x * x + y * y;
            is_blunt &= square > 3;                       /* a turn below 60 degrees */
            /* the sum of two unit normals is 2 cos(half the turn) long, the mitre 1 / cos: the sum times 2 / square */
            mitres[end] = (canvas_point){ 2 * x / square, 2 * y / square };
        }
        if (!is_blunt) { canvas_line(c, points[i].x, points[i].y, points[i + 1].x, points[i + 1].y, width, colour); continue; }
        canvas_vertex corners[4];
        for (uint32_t k = 0; k < 4; k++) {
            float side = k & 2 ? reach : -reach;
            canvas_point at = points[i + (k & 1)], mitre = mitres[k & 1];
            corners[k] = (canvas_vertex){ at.x * c->ratio + side * mitre.x, at.y * c->ratio + side * mitre.y, 0, side,
                                          CANVAS_INFINITE, half, 0, 0, premultiplied };
        }
        canvas_quad(c, corners);
    }
}

/* What lies between two curves with the same x, without soft edges: a polyline on top gives those. */
static void canvas_band(canvas *c, const canvas_point *upper, const float *lower_y, uint32_t count, canvas_paint paint)
{
    uint32_t *index, first;
    canvas_vertex *vertex = count > 1 ? canvas_reserve(c, 2 * count, 6 * (count - 1), &index, &first) : NULL;
    if (!vertex) return;
    float height = paint.bottom_y - paint.top_y;
    uint32_t top = canvas_premultiply(paint.top), bottom = canvas_premultiply(paint.bottom);
    for (uint32_t i = 0; i < count; i++)
        for (int side = 0; side < 2; side++) {
            float y = side ? lower_y[i] : upper[i].y;
            float part = height > 0 ? (float)ra_clamp((y - paint.top_y) / height, 0, 1) : 0;
            *vertex++ = (canvas_vertex){ upper[i].x * c->ratio, y * c->ratio, 0, 0, CANVAS_INFINITE, CANVAS_INFINITE, 0, 0,
                                         canvas_mix(top, bottom, part) };
        }
    for (uint32_t i = 0; i + 1 < count; i++, first += 2) {
        uint32_t quad[6] = { first, first + 1, first + 2, first + 2, first + 1, first + 3 };
        memcpy(index + 6 * i, quad, sizeof quad);
    }
}

/* A filled convex outline with soft, slightly rounded edges: a fan and a line around it. */
static void canvas_polygon(canvas *c, const canvas_point *points, uint32_t count, canvas_colour colour)
{
    uint32_t *index, first;
    canvas_vertex *vertex = canvas_reserve(c, count, 3 * (count - 2), &index, &first);
    if (!vertex) return;
    for (uint32_t i = 0; i < count; i++)
        vertex[i] = (canvas_vertex){ points[i].x * c->ratio, points[i].y * c->ratio, 0, 0, CANVAS_INFINITE, CANVAS_INFINITE, 0, 0,
                                     canvas_premultiply(colour) };
    for (uint32_t i = 2; i < count; i++) { *index++ = first; *index++ = first + i - 1; *index++ = first + i; }
    for (uint32_t i = 0; i < count; i++) {
        canvas_point a = points[i], b = points[(i + 1) % count];
        canvas_line(c, a.x, a.y, b.x, b.y, 1.5f, colour);
    }
}

/* ---- tiles: squares of levels, 0 to 255, that are shown in the colours of a spectrogram ---- */

static uint32_t canvas_tile_x(uint32_t tile) { return tile % 8 * CANVAS_TILE_SIDE; }
static uint32_t canvas_tile_y(const canvas *c, uint32_t tile) { return c->atlas_side + tile / 8 * CANVAS_TILE_SIDE; }
static uint8_t *canvas_tile_texels(const canvas *c, uint32_t tile) { return c->tiles + tile * CANVAS_TILE_SIDE * CANVAS_TILE_SIDE; }

/* Room for all tiles; who has written one sets its bit in dirty_tiles. */
static bool canvas_has_tiles(canvas *c)
{
    if (!c->tiles) c->tiles = malloc(CANVAS_TILES * CANVAS_TILE_SIDE * CANVAS_TILE_SIDE);
    return c->tiles != NULL;
}

/* A whole tile over a box, smooth however large that is. */
static void canvas_tile(canvas *c, const canvas_box *box, uint32_t tile)
{
    float left = (float)canvas_tile_x(tile), top = (float)canvas_tile_y(c, tile);
    canvas_vertex corners[4];
    for (int i = 0; i < 4; i++)
        corners[i] = (canvas_vertex){ (box->x + (i & 1 ? box->w : 0)) * c->ratio, (box->y + (i & 2 ? box->h : 0)) * c->ratio,
                                      left + (i & 1 ? CANVAS_TILE_SIDE : 0), top + (i & 2 ? CANVAS_TILE_SIDE : 0), -2, left, top, 0, ~0u };
    canvas_quad(c, corners);
}

/* ---- text ---- */

/* A place for a run in the atlas: on a shelf of about its height, or on a new one. */
static bool canvas_place(canvas *c, canvas_run *run)
{
    uint32_t width = (uint32_t)run->box.width_px + 1, height = (uint32_t)run->box.height_px + 1, shelf, bottom = 0;
    for (shelf = 0; shelf < c->shelf_count; shelf++) {
        bottom = c->shelves[shelf].y + c->shelves[shelf].height;
        if (height <= c->shelves[shelf].height && height + 4 > c->shelves[shelf].height && c->shelves[shelf].used + width <= c->atlas_side) break;
    }
    if (shelf == c->shelf_count) {
        if (shelf == CANVAS_SHELF_MAX || bottom + height > c->atlas_side || width > c->atlas_side) return false;
        c->shelves[shelf].y = (uint16_t)bottom;
        c->shelves[shelf].height = (uint16_t)height;
        c->shelves[shelf].used = 0;
        c->shelf_count++;
    }
    run->atlas_x = c->shelves[shelf].used;
    run->atlas_y = c->shelves[shelf].y;
    c->shelves[shelf].used = (uint16_t)(c->shelves[shelf].used + width);
    return true;
}

/* Finds a run, or measures it and, when it is to be drawn, has it rasterised. NULL: no room or no text engine. */
static const canvas_run *canvas_find_run(canvas *c, const char *utf8, size_t byte_count, float size, canvas_weight weight, bool is_drawn)
{
    static uint8_t pixels[1024 * 128];                    /* scratch of the text engine, too large for the stack */
    float size_px = size * c->ratio;
    bool is_digit = byte_count == 1 && utf8[0] >= '0' && utf8[0] <= '9';
    uint64_t key = 0xCBF29CE484222325u;                   /* FNV-1a, 64 bits: clashes do not happen */
    for (size_t i = 0; i < byte_count; i++) key = (key ^ (uint8_t)utf8[i]) * 0x100000001B3u;
    key = ((key ^ (uint64_t)(size_px * 64)) * 0x100000001B3u ^ (uint64_t)weight) * 0x100000001B3u | 1;
    uint32_t slot = (uint32_t)(key >> 32) % CANVAS_RUN_MAX;
    while (c->runs[slot].key && c->runs[slot].key != key) slot = (slot + 1) % CANVAS_RUN_MAX;
    canvas_run *run = &c->runs[slot];
    if (run->key && (run->has_pixels || !is_drawn)) return run;

    char text[128];
    memcpy(text, utf8, byte_count);
    text[byte_count] = 0;
    if (!run->key && c->run_count >= CANVAS_RUN_MAX * 3 / 4) { c->atlas_is_full = true; return NULL; }
    ra_glyph_box box;
    if (!ra_host_glyph(text, size_px, weight == CANVAS_BOLD, is_digit, is_drawn ? pixels : NULL, sizeof pixels, &box)) return NULL;
    if (!run->key) c->run_count++;
    *run = (canvas_run){ .key = key, .box = box };
    if (!is_drawn) return run;
    if (box.width_px > 0) {
        if (!canvas_place(c, run)) { c->atlas_is_full = true; return NULL; }
        for (int row = 0; row < box.height_px; row++)
            memcpy(c->atlas + (size_t)(run->atlas_y + row) * c->atlas_side + run->atlas_x, pixels + row * box.width_px, (size_t)box.width_px);
        uint32_t bottom = run->atlas_y + (uint32_t)box.height_px;
        if (c->dirty_top >= c->dirty_bottom) { c->dirty_top = run->atlas_y; c->dirty_bottom = bottom; }
        if (run->atlas_y < c->dirty_top) c->dirty_top = run->atlas_y;
        if (bottom > c->dirty_bottom) c->dirty_bottom = bottom;
    }
    run->has_pixels = true;
    return run;
}

/* Walks along a text: each digit by itself, so that times and levels need ten glyphs and never jitter, and what
   lies between as runs, so that kerning and scripts stay the browser's. Gives the width in CSS pixels. */
static float canvas_walk_text(canvas *c, float x, float baseline_y, float size, canvas_weight weight, canvas_colour colour,
                              const char *utf8, bool is_drawn)
{
    float pen = x * c->ratio, base = canvas_snap(c, baseline_y);
    while (*utf8) {
        size_t length = 0;
        if (*utf8 >= '0' && *utf8 <= '9') length = 1;
        else while (utf8[length] && !(utf8[length] >= '0' && utf8[length] <= '9') &&
                    (length < 120 || (utf8[length] & 0xC0) == 0x80)) length++;     /* never cut inside a character */
        if (length > 127) length = 127;                   /* not UTF-8 at all */
        const canvas_run *run = canvas_find_run(c, utf8, length, size, weight, is_drawn);
        utf8 += length;
        if (!run) continue;
        if (is_drawn && run->box.width_px > 0) {
            float left = __builtin_floorf(pen + 0.5f) + run->box.left_px, top = base - run->box.top_px;
            canvas_vertex corners[4];
            for (int i = 0; i < 4; i++) {
                float right = i & 1 ? (float)run->box.width_px : 0, down = i & 2 ? (float)run->box.height_px : 0;
                corners[i] = (canvas_vertex){ left + right, top + down, run->atlas_x + right, run->atlas_y + down,
                                              -1, 0, 0, 0, canvas_premultiply(colour) };
            }
            canvas_quad(c, corners);
        }
        pen += run->box.advance_px;
    }
    return pen / c->ratio - x;
}
static float canvas_text_width(canvas *c, float size, canvas_weight weight, const char *utf8)
{
    return canvas_walk_text(c, 0, 0, size, weight, 0, utf8, false);
}
static float canvas_text(canvas *c, float x, float baseline_y, float size, canvas_weight weight, canvas_colour colour, const char *utf8)
{
    return canvas_walk_text(c, x, baseline_y, size, weight, colour, utf8, true);
}

/* ============================================================================
   [14] WIDGETS - immediate-mode controls, and the table that makes them accessible
   ----------------------------------------------------------------------------
   owns     ui: pointer, focus, the event of this pass, rows for screen readers
   calls    [2] BASE; [13] CANVAS
   threads  main thread only
   passes   every event builds the page once, at once (so a click may wake the
            audio inside its own gesture); a frame builds it once more to be drawn
   beats    of a widget, always five: id, rectangle, update, react, draw
   rows     each widget adds a row while it is built; the page keeps hidden real
            elements equal to the rows, and what happens to those comes back as
            an event. Tab is the browser's: it walks through the real elements.
   tests    test.c "widgets": a click outside lets go, arrows land on steps
   ============================================================================ */

typedef struct {
    canvas_colour background, panel, raised, text, dim, hairline;
    canvas_colour sound, edit, error, loop;          /* sounds now, your change, clip or trouble, loop and focus */
} ui_theme;

enum { UI_SHIFT = 1, UI_CTRL = 2, UI_ALT = 4, UI_META = 8 };
typedef enum { UI_NOTHING, UI_DOWN, UI_MOVE, UI_UP, UI_CANCEL, UI_LEAVE, UI_WHEEL, UI_KEY, UI_FOCUS, UI_BLUR, UI_PRESS, UI_SET } ui_event_kind;
typedef struct {
    ui_event_kind kind;
    uint32_t id;                       /* pointer; widget for UI_FOCUS to UI_SET */
    uint32_t modifiers;
    float x, y;                        /* pointer, CSS pixels */
    float scroll;                      /* wheel, CSS pixels, positive away from the user's top */
    bool is_touch;
    const char *key;                   /* KeyboardEvent.key */
    double value;                      /* UI_SET */
} ui_event;

typedef enum { UI_BUTTON, UI_CHECKBOX, UI_SLIDER, UI_IMAGE, UI_STATUS } ui_role;
typedef struct {
    uint32_t id;
    ui_role role;
    char name[48], text[480];          /* text: the value as one would say it */
    double value, min, max, step;
    canvas_box box;
    bool is_focused, is_disabled, is_pressed;
} ui_row;

#define UI_ROW_MAX 400
#define UI_DOUBLE_CLICK_S 0.4
#define UI_FINGER 44.0f                /* smallest target for a finger, CSS pixels */

typedef struct {
    canvas *canvas;
    const ui_theme *theme;
    ui_event event;
    bool was_used;                     /* some widget took the event */
    bool is_inert;                     /* what is built now lies under an open panel */
    bool has_pointer, is_touch;
    canvas_box focus_box;              /* of what has the focus, where it would be drawn if it were not clipped */
    float x, y, moved_x, moved_y;      /* pointer and its last movement */
    bool is_double;                    /* this UI_DOWN is the second of a double click */
    double last_down_s;
    float last_down_x, last_down_y;
    uint32_t hot, active, active_pointer;      /* under the pointer; holding it */
    uint32_t focus;
    bool focus_is_visible;             /* came by keyboard: shown as a ring */
    struct { uint32_t id; float x, y; bool is_down; } second;      /* finger, beside the one that holds a node */
    float pinch;                       /* growth of the distance between the two since the last pass */
    ui_row rows[2][UI_ROW_MAX];        /* of this pass and of the one before */
    uint32_t row_count[2], current;
    uint32_t version;                  /* changes when the rows do */
} ui;

/* ---- rectangles: a page is cut into pieces ---- */

static canvas_box ui_cut_left(canvas_box *from, float width)
{
    canvas_box piece = { from->x, from->y, __builtin_fminf(width, from->w), from->h };
    from->x += piece.w; from->w -= piece.w;
    return piece;
}
static canvas_box ui_cut_right(canvas_box *from, float width)
{
    float w = __builtin_fminf(width, from->w);
    from->w -= w;
    return (canvas_box){ from->x + from->w, from->y, w, from->h };
}
static canvas_box ui_cut_top(canvas_box *from, float height)
{
    canvas_box piece = { from->x, from->y, from->w, __builtin_fminf(height, from->h) };
    from->y += piece.h; from->h -= piece.h;
    return piece;
}
static canvas_box ui_cut_bottom(canvas_box *from, float height)
{
    float h = __builtin_fminf(height, from->h);
    from->h -= h;
    return (canvas_box){ from->x, from->y + from->h, from->w, h };
}
static canvas_box ui_inset(const canvas_box *box, float x, float y)
{
    return (canvas_box){ box->x + x, box->y + y, __builtin_fmaxf(box->w - 2 * x, 0), __builtin_fmaxf(box->h - 2 * y, 0) };
}
/* A smaller box in the middle of another. */
static canvas_box ui_middle(const canvas_box *box, float width, float height)
{
    return (canvas_box){ box->x + 0.5f * (box->w - width), box->y + 0.5f * (box->h - height), width, height };
}

/* ---- one pass ---- */

static uint32_t ui_id(const char *name, uint32_t number)
{
    uint32_t hash = 0x811C9DC5u ^ number * 0x9E3779B1u;
    for (; *name; name++) hash = (hash ^ (uint8_t)*name) * 0x01000193u;      /* FNV-1a */
    return hash ? hash : 1;
}

static float ui_distance(float dx, float dy) { return ra_sqrtf(dx * dx + dy * dy); }

/* A second finger while the first holds something: how much farther apart they are than before. */
static void ui_pinch(ui *u, const ui_event *event, bool is_first)
{
    float x = is_first ? u->x - u->moved_x : u->x, y = is_first ? u->y - u->moved_y : u->y;      /* where the first was */
    float before = ui_distance(u->second.x - x, u->second.y - y);
    if (!is_first) {
        bool is_ours = u->second.is_down && u->second.id == event->id;
        if (event->kind == UI_DOWN && !u->second.is_down) u->second.is_down = is_ours = true, before = 0;
        if (!is_ours) return;
        u->second.id = event->id; u->second.x = event->x; u->second.y = event->y;
        if (event->kind == UI_UP || event->kind == UI_CANCEL) u->second.is_down = false;
    }
    if (u->second.is_down && event->kind == UI_MOVE && before > 8) u->pinch = ui_distance(u->second.x - u->x, u->second.y - u->y) / before;
}

static void ui_begin(ui *u, canvas *c, const ui_theme *theme, const ui_event *event, double now_s)
{
    u->canvas = c;
    u->theme = theme;
    u->event = *event;
    u->hot = 0;
    u->was_used = u->is_inert = u->is_double = false;
    u->moved_x = u->moved_y = 0;
    u->pinch = 1;
    u->current ^= 1;
    u->row_count[u->current] = 0;
    bool is_pointer = event->kind >= UI_DOWN && event->kind <= UI_CANCEL;
    bool is_ours = !u->active || event->kind == UI_WHEEL || event->id == u->active_pointer;
    if (is_pointer || event->kind == UI_WHEEL) {
        if (is_ours) {
            if (event->kind == UI_MOVE) { u->moved_x = event->x - u->x; u->moved_y = event->y - u->y; }
            u->x = event->x; u->y = event->y;
            u->has_pointer = true;
            u->is_touch = event->is_touch;
        }
        ui_pinch(u, event, is_ours);
    }
    if (event->kind == UI_LEAVE && !u->active) u->has_pointer = false;
    if (event->kind == UI_DOWN && !u->active) {
        float reach = event->is_touch ? 24 : 6;
        u->is_double = now_s - u->last_down_s < UI_DOUBLE_CLICK_S && __builtin_fabsf(u->x - u->last_down_x) < reach
                    && __builtin_fabsf(u->y - u->last_down_y) < reach;
        u->last_down_s = u->is_double ? -1 : now_s;        /* a third click is a first one again */
        u->last_down_x = u->x; u->last_down_y = u->y;
        u->focus_is_visible = false;
    }
}

static void ui_end(ui *u)
{
    ui_event_kind kind = u->event.kind;
    if (kind == UI_UP || kind == UI_CANCEL) {
        if (u->event.id == u->active_pointer) u->active = 0;
        if (!u->active) u->second.is_down = false;
        if (u->event.is_touch && !u->active) u->has_pointer = false;       /* a lifted finger hovers nowhere */
    }
    if (kind == UI_DOWN && !u->active) u->focus = 0;
    uint32_t now = u->current, before = now ^ 1;
    if (u->row_count[now] != u->row_count[before] || memcmp(u->rows[now], u->rows[before], u->row_count[now] * sizeof(ui_row))) u->version++;
}

/* Adds a widget to the table; the caller fills in what else there is to say. */
static ui_row *ui_describe(ui *u, uint32_t id, ui_role role, const char *name, const canvas_box *box)
{
    static ui_row spare;               /* past the table's end, or under a panel: written, never read */
    uint32_t *count = &u->row_count[u->current];
    ui_row *row = u->is_inert || *count == UI_ROW_MAX ? &spare : &u->rows[u->current][(*count)++];
    memset(row, 0, sizeof *row);       /* padding too: rows are compared by their bytes */
    row->id = id;
    row->role = role;
    row->box = canvas_visible(u->canvas, *box);             /* what is scrolled away has no size, but can be walked to */
    row->is_focused = u->focus == id;
    ra_text text = ra_text_start(row->name, sizeof row->name);
    ra_text_add(&text, "%s", name);
    return row;
}
static void ui_say(ui_row *row, const char *value)
{
    ra_text text = ra_text_start(row->text, sizeof row->text);
    ra_text_add(&text, "%s", value);
}

static bool ui_contains(const canvas_box *box, float x, float y) { return x >= box->x && x < box->x + box->w && y >= box->y && y < box->y + box->h; }

/* Is the pointer on it, where it can be seen? A finger hits at least 44 x 44. */
static bool ui_hits(const ui *u, const canvas_box *box)
{
    float grow_x = u->is_touch ? __builtin_fmaxf(0, 0.5f * (UI_FINGER - box->w)) : 0;
    float grow_y = u->is_touch ? __builtin_fmaxf(0, 0.5f * (UI_FINGER - box->h)) : 0;
    canvas_box target = { box->x - grow_x, box->y - grow_y, box->w + 2 * grow_x, box->h + 2 * grow_y };
    return u->has_pointer && ui_contains(&target, u->x, u->y) && ui_contains(&u->canvas->clip[u->canvas->clip_count - 1], u->x, u->y);
}

/* What lies on top of others is drawn after them, but has to be asked for the pointer before they are. */
static void ui_claim(ui *u, uint32_t id, const canvas_box *box)
{
    if (!u->is_inert && ui_hits(u, box) && !u->hot && (!u->active || u->active == id)) u->hot = id;
}

/* The third beat, the same for every widget: who is under the pointer, who holds it, who has the focus. A press
   gives the focus only to what wants keys of its own; elsewhere the page's keys stay in force. */
typedef struct { bool is_hot, is_active, is_focused, went_down, was_clicked, was_released; } ui_touch;
static ui_touch ui_update(ui *u, uint32_t id, const canvas_box *box, bool takes_focus)
{
    const ui_event *event = &u->event;
    ui_touch touch = { .is_focused = u->focus == id };
    if (u->is_inert) return touch;
    bool is_inside = ui_hits(u, box);
    if (is_inside && !u->hot && (!u->active || u->active == id)) u->hot = id;
    touch.is_hot = u->hot == id;
    if (event->kind == UI_DOWN && touch.is_hot && !u->active) {
        u->active = id;
        u->active_pointer = event->id;
        if (takes_focus) u->focus = id;
        touch.went_down = u->was_used = true;
    }
    touch.is_active = u->active == id;
    if (touch.is_active && event->kind == UI_UP && event->id == u->active_pointer) {
        touch.was_released = true;
        touch.was_clicked = is_inside;
    }
    if (event->id == id) switch (event->kind) {
        case UI_FOCUS: if (u->focus != id) { u->focus = id; u->focus_is_visible = true; } break;
        case UI_BLUR:  if (u->focus == id) u->focus = 0; break;
        case UI_PRESS: touch.was_clicked = u->was_used = true; break;
        default: break;
    }
    touch.is_focused = u->focus == id;
    return touch;
}

static void ui_draw_focus(ui *u, bool is_focused, const canvas_box *box, float radius)
{
    if (is_focused) u->focus_box = *box;
    canvas_box ring = ui_inset(box, -2, -2);
    if (is_focused && u->focus_is_visible) canvas_frame(u->canvas, &ring, radius + 2, 2, u->theme->loop);
}

/* ---- numbers that can be turned ---- */

typedef struct {
    double min, max, step, fallback;   /* fallback: what a double click gives */
    bool is_logarithmic;               /* step is then a factor */
} ui_range;

static double ui_step(const ui_range *range, double value, double steps)
{
    double stepped = range->is_logarithmic ? value * ra_exp(steps * ra_log(range->step)) : value + steps * range->step;
    return ra_clamp(stepped, range->min, range->max);
}
/* Moves a value from one end of the range to the other: share 1 is the whole way. */
static double ui_slide(const ui_range *range, double value, double share)
{
    double slid = range->is_logarithmic ? value * ra_exp(share * ra_log(range->max / range->min)) : value + share * (range->max - range->min);
    return ra_clamp(slid, range->min, range->max);
}

/* Where the value lies between the ends, 0..1. */
static double ui_share(const ui_range *range, double value)
{
    return range->is_logarithmic ? ra_log(value / range->min) / ra_log(range->max / range->min) : (value - range->min) / (range->max - range->min);
}

/* Shift makes every movement ten times finer. */
static double ui_fine(const ui *u) { return u->event.modifiers & UI_SHIFT ? 0.1 : 1; }

/* Keys and the hidden element of whichever widget has the focus. True if the value was set. */
static bool ui_adjust(ui *u, uint32_t id, const ui_range *range, double *value)
{
    const ui_event *event = &u->event;
    if (u->is_inert) return false;
    if (event->kind == UI_SET && event->id == id) { *value = ra_clamp(event->value, range->min, range->max); return u->was_used = true; }
    if (event->kind != UI_KEY || u->focus != id || event->modifiers & ~UI_SHIFT) return false;
    double size = ui_fine(u);
    if      (!strcmp(event->key, "ArrowUp")   || !strcmp(event->key, "ArrowRight")) *value = ui_step(range, *value, size);
    else if (!strcmp(event->key, "ArrowDown") || !strcmp(event->key, "ArrowLeft"))  *value = ui_step(range, *value, -size);
    else if (!strcmp(event->key, "PageUp"))   *value = ui_step(range, *value, 10);
    else if (!strcmp(event->key, "PageDown")) *value = ui_step(range, *value, -10);
    else if (!strcmp(event->key, "Home"))     *value = range->min;
    else if (!strcmp(event->key, "End"))      *value = range->max;
    else return false;
    return u->was_used = true;
}
static void ui_describe_range(ui_row *row, const ui_range *range, double value)
{
    row->value = value; row->min = range->min; row->max = range->max;
    row->step = range->is_logarithmic ? 1 : range->step;
}

/* ---- text and icons ---- */

typedef enum { UI_LEFT, UI_CENTRE, UI_RIGHT } ui_align;

/* One line in the middle of a box's height; what does not fit ends in an ellipsis. Gives the width it took. */
static float ui_text(ui *u, const canvas_box *box, ui_align align, float size, canvas_weight weight, canvas_colour colour, const char *text)
{
    char cut[256];
    if (box->w <= 0) return 0;
    float width = canvas_text_width(u->canvas, size, weight, text);
    if (width > box->w + 0.5f) {
        size_t low = 0, high = strlen(text);
        if (high > sizeof cut - 4) high = sizeof cut - 4;
        while (low < high) {                              /* the longest beginning that fits */
            size_t middle = (low + high + 1) / 2, end = middle;
            while (end && (text[end] & 0xC0) == 0x80) end--;                  /* whole characters only */
            memcpy(cut, text, end);
            memcpy(cut + end, "…", sizeof "…");
            width = canvas_text_width(u->canvas, size, weight, cut);
            if (width <= box->w) low = middle; else high = middle - 1;
        }
        while (low && (text[low] & 0xC0) == 0x80) low--;
        memcpy(cut, text, low);
        memcpy(cut + low, "…", sizeof "…");
        width = canvas_text_width(u->canvas, size, weight, cut);
        text = cut;
    }
    float x = align == UI_LEFT ? box->x : align == UI_CENTRE ? box->x + 0.5f * (box->w - width) : box->x + box->w - width;
    return canvas_text(u->canvas, x, box->y + 0.5f * box->h + 0.36f * size, size, weight, colour, text);   /* capitals are about 0.72 high */
}

typedef enum {
    UI_NO_ICON, UI_PLAY, UI_PAUSE, UI_STOP, UI_OPEN, UI_LOOP, UI_SPEAKER, UI_SILENT, UI_THEME, UI_HELP, UI_UNDO, UI_REDO, UI_CLOSE, UI_NEXT, UI_RECORD, UI_EXPORT
} ui_icon;

/* Part of a circle, in turns clockwise from the top. */
static void ui_arc(ui *u, float x, float y, float radius, float from, float to, float width, canvas_colour colour)
{
    canvas_point points[25];
    for (int i = 0; i < 25; i++) {
        double angle = RA_TAU * (from + (to - from) * (float)i / 24);
        points[i] = (canvas_point){ x + radius * (float)ra_sin(angle), y - radius * (float)ra_cos(angle) };
    }
    canvas_polyline(u->canvas, points, 25, width, colour);
}

/* Lines of an icon as x, y pairs in half CSS pixels; UI_LIFT ends a line, UI_END the icon. */
enum { UI_LIFT = 126, UI_END = 127 };
static const signed char ui_icon_open[] = { 10,-4, 10,-8, -2,-8, -6,-12, -16,-12, -16,12, 10,12, 16,-4, -8,-4, -16,12, UI_LIFT, UI_END };
static const signed char ui_icon_loop[] = { -14,2, -14,-2, -8,-8, 14,-8, UI_LIFT, 14,-2, 14,2, 8,8, -14,8, UI_LIFT,
                                            8,-14, 14,-8, 8,-2, UI_LIFT, -8,2, -14,8, -8,14, UI_LIFT, UI_END };
static const signed char ui_icon_undo[] = { -6,-14, -7,-5, 2,-4, UI_LIFT, UI_END };
static const signed char ui_icon_redo[] = { 6,-14, 7,-5, -2,-4, UI_LIFT, UI_END };
static const signed char ui_icon_silent[] = { 6,-6, 16,6, UI_LIFT, 16,-6, 6,6, UI_LIFT, UI_END };
static const signed char ui_icon_export[] = { 0,-14, 0,4, UI_LIFT, -7,-3, 0,4, 7,-3, UI_LIFT, -13,5, -13,12, 13,12, 13,5, UI_LIFT, UI_END };
static const signed char ui_icon_close[] = { -8,-8, 8,8, UI_LIFT, 8,-8, -8,8, UI_LIFT, UI_END };

static void ui_draw_lines(ui *u, const signed char *at, float x, float y, float scale, canvas_colour colour)
{
    canvas_point points[12];
    uint32_t count = 0;
    for (; *at != UI_END; at++) {
        if (*at != UI_LIFT) { points[count++] = (canvas_point){ x + at[0] * 0.5f * scale, y + at[1] * 0.5f * scale }; at++; continue; }
        canvas_polyline(u->canvas, points, count, 1.5f * scale, colour);
        count = 0;
    }
}

/* About 16 CSS pixels around (x, y), scaled. */
static void ui_draw_icon(ui *u, ui_icon icon, float x, float y, float s, canvas_colour colour)
{
    canvas *c = u->canvas;
    switch (icon) {
    case UI_NO_ICON: break;
    case UI_PLAY:  canvas_polygon(c, (canvas_point[]){ { x - 5 * s, y - 7 * s }, { x + 7 * s, y }, { x - 5 * s, y + 7 * s } }, 3, colour); break;
    case UI_PAUSE: canvas_fill(c, &(canvas_box){ x - 6 * s, y - 7 * s, 4 * s, 14 * s }, 1, colour);
                   canvas_fill(c, &(canvas_box){ x + 2 * s, y - 7 * s, 4 * s, 14 * s }, 1, colour); break;
    case UI_NEXT:  canvas_polygon(c, (canvas_point[]){ { x - 6 * s, y - 6 * s }, { x + 4 * s, y }, { x - 6 * s, y + 6 * s } }, 3, colour);
                   canvas_fill(c, &(canvas_box){ x + 4 * s, y - 6 * s, 2 * s, 12 * s }, 0, colour); break;
    case UI_STOP:  canvas_fill(c, &(canvas_box){ x - 6 * s, y - 6 * s, 12 * s, 12 * s }, 2, colour); break;
    case UI_RECORD: canvas_disc(c, x, y, 6 * s, u->theme->error); break;
    case UI_OPEN:  ui_draw_lines(u, ui_icon_open, x, y, s, colour); break;
    case UI_LOOP:  ui_draw_lines(u, ui_icon_loop, x, y, s, colour); break;
    case UI_CLOSE: ui_draw_lines(u, ui_icon_close, x, y, s, colour); break;
    case UI_EXPORT: ui_draw_lines(u, ui_icon_export, x, y, s, colour); break;
    case UI_SPEAKER: case UI_SILENT:
        canvas_fill(c, &(canvas_box){ x - 8 * s, y - 3 * s, 5 * s, 6 * s }, 1, colour);
        canvas_polygon(c, (canvas_point[]){ { x - 6 * s, y }, { x - 1 * s, y - 6 * s }, { x - 1 * s, y + 6 * s } }, 3, colour);
        if (icon == UI_SILENT) { ui_draw_lines(u, ui_icon_silent, x, y, s, colour); break; }
        ui_arc(u, x, y, 4 * s, 0.12f, 0.38f, 1.5f * s, colour);
        ui_arc(u, x, y, 8 * s, 0.12f, 0.38f, 1.5f * s, colour);
        break;
    case UI_THEME:
        canvas_ring(c, x, y, 7 * s, 1.5f * s, colour);
        canvas_clip(c, &(canvas_box){ x, y - 8 * s, 9 * s, 16 * s });
        canvas_disc(c, x, y, 6.5f * s, colour);
        canvas_unclip(c);
        break;
    case UI_HELP: ui_text(u, &(canvas_box){ x - 8, y - 8, 16, 16 }, UI_CENTRE, 14 * s, CANVAS_BOLD, colour, "?"); break;
    case UI_UNDO:
        ui_arc(u, x + s, y + s, 5 * s, -0.12f, 0.5f, 1.5f * s, colour);
        ui_draw_lines(u, ui_icon_undo, x, y, s, colour);
        break;
    case UI_REDO:
        ui_arc(u, x - s, y + s, 5 * s, 0.12f, -0.5f, 1.5f * s, colour);
        ui_draw_lines(u, ui_icon_redo, x, y, s, colour);
        break;
    }
}

/* ---- button and toggle ---- */

typedef enum { UI_QUIET, UI_RAISED, UI_SOUND, UI_BARE } ui_look;       /* no box until hovered; box; the one big thing; text only */
typedef struct {
    const char *id, *name, *label;     /* label NULL: icon only */
    ui_icon icon;
    ui_look look;
    bool is_toggle, is_on, is_disabled, is_tight;     /* tight: a label may reach the edges */
    float icon_scale;                  /* 0: 1 */
} ui_button_desc;

/* Has the hidden element of a switch been set to the other state? */
static bool ui_is_switched(ui *u, uint32_t id, bool is_on)
{
    bool is_switched = !u->is_inert && u->event.kind == UI_SET && u->event.id == id && (u->event.value > 0.5) != is_on;
    u->was_used |= is_switched;
    return is_switched;
}

/* True when it was pressed, by whatever means. */
static bool ui_button(ui *u, const canvas_box *box, const ui_button_desc *desc)
{
    uint32_t id = ui_id(desc->id, 0);
    ui_touch touch = ui_update(u, id, box, false);

    bool was_pressed = !desc->is_disabled && (touch.was_clicked || (desc->is_toggle && ui_is_switched(u, id, desc->is_on)));
    ui_row *row = ui_describe(u, id, desc->is_toggle ? UI_CHECKBOX : UI_BUTTON, desc->name, box);
    row->is_disabled = desc->is_disabled;
    row->is_pressed = desc->is_on;

    const ui_theme *theme = u->theme;
    canvas_colour ink = theme->text, back = 0;
    if (desc->look == UI_RAISED) back = theme->raised;
    if (desc->look == UI_SOUND) { back = theme->sound; ink = theme->panel; }
    if (desc->look == UI_BARE) ink = touch.is_hot ? theme->text : theme->loop;
    if (touch.is_hot && !desc->is_disabled && desc->look != UI_BARE)
        back = canvas_mix(back ? back : theme->panel, theme->text, touch.is_active ? 0.16f : 0.08f);
    if (desc->is_toggle && desc->is_on) ink = desc->icon == UI_RECORD ? theme->error : theme->loop;
    if (desc->is_disabled) ink = canvas_mix(theme->dim, theme->panel, 0.5f);
    canvas_box face = ui_inset(box, 2, 2);
    if (back) canvas_fill(u->canvas, &face, desc->look == UI_SOUND && box->w == box->h ? box->w / 2 : 6, back);
    canvas_box inside = ui_inset(box, desc->label && !desc->is_tight ? 12 : 0, 0);
    float scale = desc->icon_scale > 0 ? desc->icon_scale : 1;
    if (desc->icon && desc->label) {
        float width = canvas_text_width(u->canvas, 14, CANVAS_BOLD, desc->label);
        float left = __builtin_fmaxf(0, 0.5f * (inside.w - 24 - width));
        inside.x += left; inside.w -= left;
        canvas_box place = ui_cut_left(&inside, 24);
        ui_draw_icon(u, desc->icon, place.x + 8, place.y + 0.5f * place.h, scale, ink);
        ui_text(u, &inside, UI_LEFT, 14, CANVAS_BOLD, ink, desc->label);
    } else if (desc->icon) {
        ui_draw_icon(u, desc->icon, box->x + 0.5f * box->w, box->y + 0.5f * box->h, scale, ink);
    } else if (desc->label) {
        ui_text(u, desc->look == UI_BARE ? box : &inside, UI_CENTRE, desc->look == UI_BARE ? 12 : 14, CANVAS_BOLD, ink, desc->label);
        if (desc->look == UI_BARE) canvas_fill(u->canvas, &(canvas_box){ box->x, box->y + 0.5f * box->h + 8, box->w, 1 }, 0, ink);
    }
    if (desc->is_toggle && desc->is_on && !desc->label)      /* not by colour alone */
        canvas_fill(u->canvas, &(canvas_box){ box->x + 0.5f * box->w - 6, box->y + box->h - 7, 12, 2 }, 1, ink);
    ui_draw_focus(u, touch.is_focused, &face, 6);
    return was_pressed;
}

/* A small light that is a switch, with its name beside it. */
static bool ui_led(ui *u, canvas_box box, const char *name, const char *label, bool is_on)
{
    uint32_t id = ui_id(name, 0);
    ui_touch touch = ui_update(u, id, &box, false);

    bool was_pressed = touch.was_clicked || ui_is_switched(u, id, is_on);
    ui_describe(u, id, UI_CHECKBOX, name, &box)->is_pressed = is_on;

    float x = box.x + 8, y = box.y + 0.5f * box.h;
    if (touch.is_hot) canvas_fill(u->canvas, &box, 6, canvas_fade(u->theme->text, 0.08f));
    if (is_on) { canvas_disc(u->canvas, x, y, 7, canvas_fade(u->theme->sound, 0.25f)); canvas_disc(u->canvas, x, y, 4, u->theme->sound); }
    else canvas_ring(u->canvas, x, y, 4, 1.5f, u->theme->dim);
    canvas_box words = box;
    ui_cut_left(&words, 20);
    ui_text(u, &words, UI_LEFT, 12, CANVAS_BOLD, is_on ? u->theme->text : u->theme->dim, label);
    ui_draw_focus(u, touch.is_focused, &box, 6);
    return was_pressed;
}

/* ---- slider ---- */

typedef struct {
    const char *id, *name, *text;
    ui_range range;
    bool is_off;                       /* muted: drawn dim */
} ui_slider_desc;

/* Horizontal; drag from anywhere, Shift is ten times finer. True if it changed. */
static bool ui_slider(ui *u, canvas_box box, const ui_slider_desc *desc, double *value)
{
    uint32_t id = ui_id(desc->id, 0);
    canvas_box track = ui_inset(&box, 8, 0.5f * (box.h - 4));
    ui_touch touch = ui_update(u, id, &box, false);

    double before = *value;
    const ui_range *range = &desc->range;
    ui_adjust(u, id, range, value);
    if (touch.went_down && u->is_double) *value = range->fallback;
    else if (touch.went_down) *value = ra_clamp(range->min + (u->x - track.x) / track.w * (range->max - range->min), range->min, range->max);
    else if (touch.is_active && u->event.kind == UI_MOVE) *value = ui_slide(range, *value, u->moved_x / track.w * ui_fine(u));
    if (touch.is_hot && u->event.kind == UI_WHEEL) { *value = ui_step(range, *value, u->event.scroll > 0 ? -1 : 1); u->was_used = true; }
    ui_row *row = ui_describe(u, id, UI_SLIDER, desc->name, &box);
    ui_describe_range(row, range, *value);
    ui_say(row, desc->text);

    const ui_theme *theme = u->theme;
    canvas_colour colour = desc->is_off ? theme->dim : theme->sound;
    float share = (float)((*value - range->min) / (range->max - range->min)), x = track.x + share * track.w, y = track.y + 2;
    canvas_fill(u->canvas, &track, 2, canvas_mix(theme->raised, theme->text, 0.12f));
    canvas_fill(u->canvas, &(canvas_box){ track.x, track.y, share * track.w, 4 }, 2, colour);
    float mark = track.x + (float)((range->fallback - range->min) / (range->max - range->min)) * track.w;
    canvas_fill(u->canvas, &(canvas_box){ mark - 0.5f, y - 9, 1, 4 }, 0, theme->dim);      /* where a double click leads */
    canvas_disc(u->canvas, x, y, touch.is_hot || touch.is_active ? 8 : 7, colour);
    canvas_disc(u->canvas, x, y, 3, theme->panel);
    ui_draw_focus(u, touch.is_focused, &box, 6);
    return *value != before;
}

/* ---- knob ---- */

typedef struct {
    const char *name, *label, *text;   /* spoken; below it; its value */
    const char *unit;                  /* of the value, or "" */
    ui_range range;
    bool is_off;                       /* drawn dim */
} ui_knob_desc;

/* A drag of 150 pixels upwards goes from one end to the other, Shift makes it ten times finer; a double click gives
   the fallback. True if it changed. */
static bool ui_knob(ui *u, canvas_box box, const ui_knob_desc *desc, double *value)
{
    uint32_t id = ui_id(desc->name, 0);
    ui_touch touch = ui_update(u, id, &box, false);
    double before = *value;
    const ui_range *range = &desc->range;
    ui_adjust(u, id, range, value);
    if (touch.went_down && u->is_double) *value = range->fallback;
    else if (touch.is_active && u->event.kind == UI_MOVE) *value = ui_slide(range, *value, -u->moved_y / 150 * ui_fine(u));
    if (touch.is_hot && u->event.kind == UI_WHEEL) { *value = ui_step(range, *value, (u->event.scroll > 0 ? -1 : 1) * ui_fine(u)); u->was_used = true; }
    ui_row *row = ui_describe(u, id, UI_SLIDER, desc->name, &box);
    ui_describe_range(row, range, *value);
    char words[32];
    ra_text text = ra_text_start(words, sizeof words);
    ra_text_add(&text, "%s %s", desc->text, desc->unit);
    ui_say(row, words);

    const ui_theme *theme = u->theme;
    canvas_colour hand = desc->is_off ? theme->dim : theme->edit;
    canvas_box label = ui_cut_bottom(&box, 16);
    float x = box.x + 0.5f * box.w, y = box.y + 0.54f * box.h, radius = __builtin_fminf(0.5f * box.h - 3, 24), share = (float)ui_share(range, *value);
    ui_arc(u, x, y, radius, -0.375f, 0.375f, 3, canvas_mix(theme->raised, theme->text, touch.is_hot ? 0.24f : 0.12f));
    if (share > 0.004f) ui_arc(u, x, y, radius, -0.375f, -0.375f + 0.75f * share, 3, hand);
    bool has_unit = *desc->unit && radius > 20;
    ui_text(u, &(canvas_box){ box.x, y - (has_unit ? 14 : 8), box.w, 16 }, UI_CENTRE, 12, CANVAS_BOLD, hand, desc->text);
    if (has_unit) ui_text(u, &(canvas_box){ box.x, y, box.w, 16 }, UI_CENTRE, 12, CANVAS_REGULAR, theme->dim, desc->unit);
    ui_text(u, &label, UI_CENTRE, 12, CANVAS_REGULAR, theme->dim, desc->label);
    ui_draw_focus(u, touch.is_focused, &(canvas_box){ box.x, box.y, box.w, box.h + 16 }, 6);
    return *value != before;
}

/* ---- waveform: the whole clip, and the seekbar ---- */

typedef struct {
    const ra_peak *peaks; uint32_t peak_count;
    double duration_s, position_s;
    const char *text;                  /* position as one would say it */
    double from_s, to_s;               /* what a loop goes round; below 0: that end is not set */
} ui_waveform_desc;

static void ui_text_time(ra_text *to, double seconds, bool has_millis)
{
    uint64_t millis = (uint64_t)(ra_clamp(seconds, 0, 1e9) * 1000 + 0.5);
    if (millis >= 3600000) ra_text_add(to, "%llu:", (unsigned long long)(millis / 3600000));
    ra_text_add(to, "%02llu:%02llu", (unsigned long long)(millis / 60000 % 60), (unsigned long long)(millis / 1000 % 60));
    if (has_millis) ra_text_add(to, ".%03llu", (unsigned long long)(millis % 1000));
}

enum { UI_COLUMN_MAX = 2048 };
static bool ui_is_in_clip(const ui *u, float x, float margin)
{
    const canvas_box *clip = &u->canvas->clip[u->canvas->clip_count - 1];
    return x >= clip->x - margin && x <= clip->x + clip->w + margin;
}

/* Columns that stand step apart, the first at x: the outline of their peaks, and the RMS inside it; only what the clip shows. */
static void ui_draw_columns(ui *u, const canvas_box *box, float x, float step, const ra_peak *columns, uint32_t count, canvas_colour outside, canvas_colour inside)
{
    static canvas_point upper[2][UI_COLUMN_MAX];
    static float lower[2][UI_COLUMN_MAX];                  /* scratch, too large for the stack */
    float middle = box->y + 0.5f * box->h, half = 0.5f * box->h;
    uint32_t shown = 0;
    for (uint32_t i = 0; i < count; i++, x += step) {
        if (!ui_is_in_clip(u, x, step)) continue;
        float low = __builtin_fmaxf(columns[i].min, -1), high = __builtin_fminf(columns[i].max, 1), rms = __builtin_fminf(__builtin_fmaxf(columns[i].rms, 0), 1);
        upper[0][shown] = (canvas_point){ x, middle - high * half - 0.5f };
        lower[0][shown] = middle - low * half + 0.5f;
        upper[1][shown] = (canvas_point){ x, middle - __builtin_fminf(rms, high) * half };
        lower[1][shown++] = middle + __builtin_fminf(rms, -low) * half;
    }
    canvas_band(u->canvas, upper[0], lower[0], shown, (canvas_paint){ outside, outside, 0, 0 });
    canvas_band(u->canvas, upper[1], lower[1], shown, (canvas_paint){ inside, inside, 0, 0 });
}

/* Peaks first..last over a box. The columns stay the same wherever the clip is, so nothing shimmers when it moves. */
static void ui_draw_wave(ui *u, canvas_box box, const ra_peak *peaks, double first, double last, uint32_t peak_count,
                         canvas_colour outside, canvas_colour inside)
{
    static ra_peak columns[UI_COLUMN_MAX];
    uint32_t count = (uint32_t)(box.w * u->canvas->ratio) + 1;
    if (count > UI_COLUMN_MAX) count = UI_COLUMN_MAX;
    if (count < 2 || !peak_count) return;
    float step = box.w / (float)(count - 1);
    for (uint32_t i = 0; i < count; i++) {
        if (!ui_is_in_clip(u, box.x + step * (float)i, 2 * step)) continue;
        double from = first + (last - first) * i / count, to = first + (last - first) * (i + 1) / count;
        ra_peak column = { 0, 0, 0 };
        int64_t start = (int64_t)__builtin_floor(from), end = (int64_t)__builtin_floor(to);
        if (end <= start) end = start + 1;
        for (int64_t k = start; k < end; k++) {
            if (k < 0 || k >= peak_count) continue;
            column.min = __builtin_fminf(column.min, peaks[k].min); column.max = __builtin_fmaxf(column.max, peaks[k].max);
            column.rms = __builtin_fmaxf(column.rms, peaks[k].rms);
        }
        columns[i] = column;
    }
    ui_draw_columns(u, &box, box.x, step, columns, count, outside, inside);
}

/* True when another place is wanted; it is then in *seek_s. */
static bool ui_waveform(ui *u, canvas_box box, const ui_waveform_desc *desc, double *seek_s)
{
    uint32_t id = ui_id("Seek", 0);
    ui_touch touch = ui_update(u, id, &box, false);

    ui_range range = { 0, desc->duration_s, 5, 0, false };
    double pointed_s = ra_clamp((u->x - box.x) / box.w, 0, 1) * desc->duration_s, wanted_s = desc->position_s;
    bool is_wanted = ui_adjust(u, id, &range, &wanted_s);
    /* pressed: there at once; dragged: shown, and there again when let go, so that the sound does not stutter */
    bool was_dragged = touch.was_released && __builtin_fabsf(u->x - u->last_down_x) > 2;
    if (touch.went_down || was_dragged) { wanted_s = pointed_s; is_wanted = true; }
    if (is_wanted) *seek_s = wanted_s;
    ui_row *row = ui_describe(u, id, UI_SLIDER, "Seek", &box);
    ui_describe_range(row, &range, __builtin_floor(desc->position_s));      /* moves once a second, no more */
    row->step = 0;                     /* any place may be asked for */
    ui_say(row, desc->text);

    const ui_theme *theme = u->theme;
    canvas_colour ahead = theme->dim, behind = theme->sound;
    bool is_dragged = touch.is_active && __builtin_fabsf(u->x - u->last_down_x) > 2;
    double shown_s = is_dragged ? pointed_s : desc->position_s;
    float x = box.x + box.w * (float)(desc->duration_s > 0 ? ra_clamp(shown_s / desc->duration_s, 0, 1) : 0);
    canvas_box wave = ui_inset(&box, 0, 4);
    canvas_fill(u->canvas, &(canvas_box){ box.x, box.y + 0.5f * box.h, box.w, 1 }, 0, theme->hairline);
    canvas_clip(u->canvas, &(canvas_box){ box.x, box.y, x - box.x, box.h });
    canvas_fill(u->canvas, &box, 0, canvas_fade(behind, 0.07f));
    ui_draw_wave(u, wave, desc->peaks, 0, desc->peak_count, desc->peak_count, canvas_fade(behind, 0.5f), behind);
    canvas_unclip(u->canvas);
    canvas_clip(u->canvas, &(canvas_box){ x, box.y, box.x + box.w - x, box.h });
    ui_draw_wave(u, wave, desc->peaks, 0, desc->peak_count, desc->peak_count, canvas_fade(ahead, 0.45f), canvas_fade(ahead, 0.9f));
    canvas_unclip(u->canvas);
    if (desc->duration_s > 0 && (desc->from_s >= 0 || desc->to_s >= 0)) {
        float scale = box.w / (float)desc->duration_s, from = box.x + scale * (float)desc->from_s, to = box.x + scale * (float)desc->to_s;
        if (desc->from_s >= 0) canvas_fill(u->canvas, &(canvas_box){ from, box.y, 2, box.h }, 0, theme->loop);
        if (desc->to_s >= 0) canvas_fill(u->canvas, &(canvas_box){ to - 2, box.y, 2, box.h }, 0, theme->loop);
        if (desc->from_s >= 0 && desc->to_s >= 0) canvas_fill(u->canvas, &(canvas_box){ from, box.y, to - from, box.h }, 0, canvas_fade(theme->loop, 0.2f));
    }
    canvas_fill(u->canvas, &(canvas_box){ x - 1, box.y, 2, box.h }, 0, theme->text);
    if (touch.is_hot || touch.is_active) {
        char words[32];
        ra_text text = ra_text_start(words, sizeof words);
        ui_text_time(&text, pointed_s, true);
        float width = canvas_text_width(u->canvas, 12, CANVAS_REGULAR, words) + 12;
        float left = (float)ra_clamp(u->x + 6, box.x, box.x + box.w - width);
        canvas_box label = { left, box.y + 4, width, 18 };
        canvas_fill(u->canvas, &(canvas_box){ u->x, box.y, 1, box.h }, 0, canvas_fade(theme->text, 0.5f));
        canvas_fill(u->canvas, &label, 4, canvas_fade(theme->raised, 0.95f));
        ui_text(u, &label, UI_CENTRE, 12, CANVAS_REGULAR, theme->text, words);
    }
    canvas_box ring = ui_inset(&box, 3, 3);
    ui_draw_focus(u, touch.is_focused, &ring, 4);
    return is_wanted;
}

/* ---- level meter ---- */

typedef struct {
    const char *name, *text;
    double peak_db, hold_db, rms_db;
    bool has_clipped;
} ui_meter_desc;
#define UI_METER_FLOOR_DB (-60.0)

static float ui_meter_share(double db) { return (float)ra_clamp((db - UI_METER_FLOOR_DB) / -UI_METER_FLOOR_DB, 0, 1); }

/* Upright when it is higher than wide. Peak with the RMS inside, a line that holds, a filled triangle for a clip. */
static void ui_meter(ui *u, canvas_box box, const ui_meter_desc *desc)
{
    ui_row *row = ui_describe(u, ui_id(desc->name, 0), UI_IMAGE, desc->name, &box);
    ui_say(row, desc->text);

    const ui_theme *theme = u->theme;
    bool is_upright = box.h > box.w;
    canvas_box lamp = is_upright ? ui_cut_top(&box, 12) : ui_cut_right(&box, 12);
    float x = lamp.x + 0.5f * lamp.w, y = lamp.y + 0.5f * lamp.h;
    canvas_point triangle[3] = { { x, y - 4 }, { x + 4.5f, y + 4 }, { x - 4.5f, y + 4 } };
    if (desc->has_clipped) canvas_polygon(u->canvas, triangle, 3, theme->error);
    float peak = ui_meter_share(desc->peak_db), rms = ui_meter_share(desc->rms_db), hold = ui_meter_share(desc->hold_db);
    canvas_fill(u->canvas, &box, 3, theme->raised);
    canvas_box bar = box, body = box, line = box;
    if (is_upright) {
        bar  = ui_cut_bottom(&bar, peak * box.h);
        body = ui_cut_bottom(&body, rms * box.h);
        line = (canvas_box){ box.x, box.y + (1 - hold) * box.h, box.w, 2 };
    } else {
        bar  = ui_cut_left(&bar, peak * box.w);
        body = ui_cut_left(&body, rms * box.w);
        line = (canvas_box){ box.x + hold * box.w - 2, box.y, 2, box.h };
    }
    if (peak > 0) canvas_fill(u->canvas, &bar, 3, canvas_fade(theme->sound, 0.45f));
    if (rms > 0)  canvas_fill(u->canvas, &body, 3, theme->sound);
    if (hold > 0) canvas_fill(u->canvas, &line, 0, desc->hold_db > -0.1 ? theme->error : theme->text);
}

/* ---- equaliser graph ---- */

#define UI_GRAPH_LOW_HZ   20.0
#define UI_GRAPH_HIGH_HZ  20000.0
#define UI_GRAPH_EQ_DB    18.0         /* the EQ's scale reaches from minus to plus this */
#define UI_GRAPH_FLOOR_DB (-100.0)     /* the spectrum's from this to 0 */

typedef struct { char name[24]; double hz, db, q; bool has_gain; } ui_node;
typedef struct {
    ui_node *nodes; uint32_t node_count;
    const float *curve_db, *node_curve_db;       /* over the columns: all bands; the picked one (NULL: none) */
    const float *level_db, *hold_db;             /* spectrum over the columns */
    uint32_t column_count;                       /* from 20 Hz to 20 kHz, evenly in pitch */
    bool is_on;
    const char *summary;                         /* of the spectrum, for a screen reader */
} ui_graph_desc;
typedef enum { UI_GRAPH_NOTHING, UI_GRAPH_CHANGED, UI_GRAPH_RESET, UI_GRAPH_REMOVED, UI_GRAPH_ADDED } ui_graph_action;
typedef struct {
    ui_graph_action action;
    uint32_t node;                     /* CHANGED (already in nodes), RESET, REMOVED */
    double hz, db;                     /* ADDED */
    int picked;                        /* node under the pointer, else with the focus; -1: none */
    uint32_t group;                    /* edits of the same group are one step of undo */
} ui_graph_result;

static const ui_range ui_node_ranges[3] = {
    { UI_GRAPH_LOW_HZ, UI_GRAPH_HIGH_HZ, 1.0594630943592953, 1000, true },     /* arrows move by a semitone */
    { -UI_GRAPH_EQ_DB, UI_GRAPH_EQ_DB, 0.5, 0, false },
    { 0.1, 20, 1.1, 1.41, true },
};

static double ui_graph_hz(double share) { return UI_GRAPH_LOW_HZ * ra_exp(share * ra_log(UI_GRAPH_HIGH_HZ / UI_GRAPH_LOW_HZ)); }
static double ui_graph_share(double hz) { return ra_log(hz / UI_GRAPH_LOW_HZ) / ra_log(UI_GRAPH_HIGH_HZ / UI_GRAPH_LOW_HZ); }

static void ui_text_hz(ra_text *to, double hz)
{
    if (hz < 999.5) ra_text_add(to, hz < 99.95 ? "%.1f Hz" : "%.0f Hz", hz); else ra_text_add(to, "%.2f kHz", hz / 1000);
}
/* With a real minus sign, and a plus where the sign matters. */
static void ui_text_db(ra_text *to, double db, bool has_plus)
{
    double rounded = __builtin_floor(__builtin_fabs(db) * 10 + 0.5) / 10;
    ra_text_add(to, "%s%.1f", rounded == 0 ? "" : db < 0 ? "−" : has_plus ? "+" : "", rounded);
}
static void ui_text_note(ra_text *to, double hz)
{
    static const char *const names[12] = { "C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B" };
    double key = 69 + 12 * ra_log(hz / 440) / ra_log(2);                   /* MIDI's count: A4 is 69 */
    int nearest = (int)__builtin_floor(key + 0.5), cents = (int)__builtin_floor((key - nearest) * 100 + 0.5);
    ra_text_add(to, "%s%d %s%dc", names[(nearest + 1200) % 12], nearest / 12 - 1, cents < 0 ? "−" : "+", cents < 0 ? -cents : cents);
}

static canvas_point ui_graph_place(canvas_box plot, const ui_node *node)
{
    float height = (float)ra_clamp(node->db / UI_GRAPH_EQ_DB, -1, 1);
    return (canvas_point){ plot.x + plot.w * (float)ui_graph_share(node->hz), plot.y + 0.5f * plot.h * (1 - height) };
}

/* Changes a node by pointer, wheel, pinch, keys or its three hidden sliders. */
static void ui_graph_node(ui *u, canvas_box plot, ui_node *node, uint32_t index, bool is_nearest, ui_graph_result *result)
{
    static const char *const parts[3] = { "frequency", "gain", "Q" };
    double *values[3] = { &node->hz, &node->db, &node->q }, before[3] = { node->hz, node->db, node->q };
    uint32_t id = ui_id("node", index);
    canvas_point at = ui_graph_place(plot, node);
    canvas_box box = { at.x - 12, at.y - 12, 24, 24 };
    ui_touch touch = ui_update(u, id, is_nearest ? &box : &(canvas_box){ .x = -1e4f }, true);

    const ui_event *event = &u->event;
    bool is_pointed = touch.is_active || (touch.is_hot && !u->focus_is_visible);      /* while keys are in use, they decide */
    bool is_removed = false, is_picked = is_pointed || touch.is_focused;
    if (touch.went_down && u->is_double) { *result = (ui_graph_result){ UI_GRAPH_RESET, index, 0, 0, -1, id }; u->active = 0; }
    if (touch.is_active && event->kind == UI_MOVE) {
        node->q = ra_clamp(node->q / u->pinch, 0.1, 20);         /* fingers apart: a wide band */
        node->hz = ui_slide(&ui_node_ranges[0], node->hz, u->moved_x / plot.w * ui_fine(u));
        if (node->has_gain) node->db = ui_slide(&ui_node_ranges[1], node->db, -u->moved_y / plot.h * ui_fine(u));
    }
    if (touch.is_hot && event->kind == UI_WHEEL) {
        node->q = ra_clamp(node->q * ra_exp(-0.002 * event->scroll * ui_fine(u)), 0.1, 20);
        u->was_used = true;
    }
    if (touch.is_focused && event->kind == UI_KEY && (event->modifiers & ~UI_SHIFT) == 0) {
        double size = ui_fine(u);
        u->was_used = true;
        if      (!strcmp(event->key, "ArrowRight")) node->hz = ui_step(&ui_node_ranges[0], node->hz, size);
        else if (!strcmp(event->key, "ArrowLeft"))  node->hz = ui_step(&ui_node_ranges[0], node->hz, -size);
        else if (!strcmp(event->key, "ArrowUp")   && node->has_gain) node->db = ui_step(&ui_node_ranges[1], node->db, size);
        else if (!strcmp(event->key, "ArrowDown") && node->has_gain) node->db = ui_step(&ui_node_ranges[1], node->db, -size);
        else if (!strcmp(event->key, "Delete") || !strcmp(event->key, "Backspace")) is_removed = true;
        else u->was_used = false;
    }
    for (uint32_t part = 0; part < 3; part++) {
        uint32_t part_id = ui_id(parts[part], index + 1);
        if (part == 1 && !node->has_gain) continue;
        char name[48], words[48];
        ra_text text = ra_text_start(name, sizeof name);
        ra_text_add(&text, "EQ %s %s", node->name, parts[part]);
        ui_touch slider = ui_update(u, part_id, &(canvas_box){ .x = -1e4f }, false);      /* by its hidden element only */
        ui_adjust(u, part_id, &ui_node_ranges[part], values[part]);
        if (slider.is_focused && event->kind == UI_KEY && !u->was_used && !strcmp(event->key, "Delete")) is_removed = u->was_used = true;
        is_picked |= slider.is_focused;
        text = ra_text_start(words, sizeof words);
        if (part == 0) ui_text_hz(&text, node->hz);
        if (part == 1) { ui_text_db(&text, node->db, true); ra_text_add(&text, " dB"); }
        if (part == 2) ra_text_add(&text, "%.2f", node->q);
        ui_row *row = ui_describe(u, part_id, UI_SLIDER, name, &box);
        ui_describe_range(row, &ui_node_ranges[part], *values[part]);
        row->step = part == 0 ? 1 : part == 1 ? 0.1 : 0.01;
        ui_say(row, words);
        if (slider.is_focused && u->focus_is_visible) canvas_ring(u->canvas, at.x, at.y, 15, 2, u->theme->loop);
    }
    if (is_removed) { *result = (ui_graph_result){ UI_GRAPH_REMOVED, index, 0, 0, -1, id }; u->focus = 0; return; }
    if (result->action == UI_GRAPH_NOTHING && (node->hz != before[0] || node->db != before[1] || node->q != before[2])) {
        result->action = UI_GRAPH_CHANGED; result->node = index; result->group = u->active ? u->active : id;
    }
    if (is_picked && (result->picked < 0 || is_pointed)) result->picked = (int)index;
}

static const struct { float hz; const char *label; bool is_main; } ui_hz_lines[] = {
    { 20, "20", true }, { 30, 0, false }, { 40, 0, false }, { 50, "50", false }, { 70, 0, false },
    { 100, "100", true }, { 200, "200", false }, { 300, 0, false }, { 400, 0, false }, { 500, "500", false }, { 700, 0, false },
    { 1000, "1k", true }, { 2000, "2k", false }, { 3000, 0, false }, { 4000, 0, false }, { 5000, "5k", false }, { 7000, 0, false },
    { 10000, "10k", true }, { 20000, "20k", true } };

static void ui_draw_graph_axes(ui *u, canvas_box plot, bool is_narrow)
{
    const ui_theme *theme = u->theme;
    for (size_t i = 0; i < sizeof ui_hz_lines / sizeof *ui_hz_lines; i++) {
        float x = plot.x + plot.w * (float)ui_graph_share(ui_hz_lines[i].hz);
        canvas_fill(u->canvas, &(canvas_box){ x - 0.5f, plot.y, 1, plot.h }, 0, canvas_fade(theme->hairline, ui_hz_lines[i].is_main ? 1 : 0.5f));
        if (ui_hz_lines[i].label && (!is_narrow || ui_hz_lines[i].is_main))
            ui_text(u, &(canvas_box){ x - 20, plot.y + plot.h + 2, 40, 18 }, UI_CENTRE, 12, CANVAS_REGULAR, theme->dim, ui_hz_lines[i].label);
    }
    for (int db = -20; db > (int)UI_GRAPH_FLOOR_DB; db -= 20) {
        char words[8];
        ra_text text = ra_text_start(words, sizeof words);
        ra_text_add(&text, "−%d", -db);
        float y = plot.y + plot.h * (float)(db / UI_GRAPH_FLOOR_DB);
        ui_text(u, &(canvas_box){ plot.x - 36, y - 9, 30, 18 }, UI_RIGHT, 12, CANVAS_REGULAR, theme->dim, words);
        canvas_fill(u->canvas, &(canvas_box){ plot.x - 4, y, 4, 1 }, 0, theme->dim);
    }
    for (int db = -12; db <= 12; db += 6) {
        char words[8];
        ra_text text = ra_text_start(words, sizeof words);
        ra_text_add(&text, "%s%d", db < 0 ? "−" : db > 0 ? "+" : "", db < 0 ? -db : db);
        float y = plot.y + 0.5f * plot.h * (1 - (float)(db / UI_GRAPH_EQ_DB));
        canvas_fill(u->canvas, &(canvas_box){ plot.x, y, plot.w, 1 }, 0, canvas_fade(db ? theme->hairline : theme->dim, db ? 0.8f : 0.5f));
        ui_text(u, &(canvas_box){ plot.x + plot.w + 6, y - 9, 28, 18 }, UI_LEFT, 12, CANVAS_REGULAR, theme->edit, words);
    }
}

/* Colours that run through the bands, low to high. */
static canvas_colour ui_node_tint(const ui *u, uint32_t index, uint32_t count)
{
    return canvas_mix(u->theme->edit, u->theme->loop, count > 1 ? (float)index / (float)(count - 1) : 0);
}

static void ui_draw_graph(ui *u, canvas_box plot, const ui_graph_desc *desc, int picked)
{
    enum { MOST = 1024 };
    static canvas_point points[MOST];
    static float floor_y[MOST];                           /* scratch, too large for the stack */
    const ui_theme *theme = u->theme;
    uint32_t count = desc->column_count < MOST ? desc->column_count : MOST;
    float bottom = plot.y + plot.h, middle = plot.y + 0.5f * plot.h, half = 0.5f * plot.h, width = plot.w / (float)(count - 1);
    for (uint32_t i = 0; i < count; i++) {
        points[i] = (canvas_point){ plot.x + width * (float)i, plot.y + plot.h * (float)ra_clamp(desc->level_db[i] / UI_GRAPH_FLOOR_DB, 0, 1) };
        floor_y[i] = bottom;
    }
    canvas_paint glow = { canvas_fade(theme->sound, 0.65f), canvas_fade(theme->sound, 0.06f), plot.y, bottom };
    canvas_band(u->canvas, points, floor_y, count, glow);
    canvas_polyline(u->canvas, points, count, 1.25f, canvas_mix(theme->background, theme->sound, 0.9f));
    for (uint32_t i = 0; i < count; i++) points[i].y = plot.y + plot.h * (float)ra_clamp(desc->hold_db[i] / UI_GRAPH_FLOOR_DB, 0, 1.02);
    canvas_polyline(u->canvas, points, count, 1, canvas_mix(theme->background, theme->sound, 0.5f));

    if (desc->node_curve_db && picked >= 0) {
        canvas_colour tint = canvas_fade(ui_node_tint(u, (uint32_t)picked, desc->node_count), 0.22f);
        for (uint32_t i = 0; i < count; i++) { points[i].y = middle - half * (float)(desc->node_curve_db[i] / UI_GRAPH_EQ_DB); floor_y[i] = middle; }
        canvas_band(u->canvas, points, floor_y, count, (canvas_paint){ tint, tint, 0, 0 });
    }
    canvas_colour line = desc->is_on ? theme->edit : theme->dim;
    for (uint32_t i = 0; i < count; i++) { points[i].y = middle - half * (float)(desc->curve_db[i] / UI_GRAPH_EQ_DB); floor_y[i] = middle; }
    canvas_band(u->canvas, points, floor_y, count, (canvas_paint){ canvas_fade(line, 0.10f), canvas_fade(line, 0.10f), 0, 0 });
    canvas_polyline(u->canvas, points, count, 2, line);
}

/* Words in the corner of a plot. */
static void ui_draw_corner(ui *u, const canvas_box *plot, const char *words)
{
    float width = canvas_text_width(u->canvas, 12, CANVAS_REGULAR, words) + 20;
    canvas_box label = { plot->x + plot->w - width - 8, plot->y + 8, width, 24 };
    canvas_fill(u->canvas, &label, 6, canvas_fade(u->theme->raised, 0.95f));
    ui_text(u, &label, UI_CENTRE, 12, CANVAS_REGULAR, u->theme->text, words);
}

/* The readout: what the crosshair or the picked node stands on. */
static void ui_draw_readout(ui *u, canvas_box plot, const ui_graph_desc *desc, int picked, bool is_crosshair)
{
    const ui_theme *theme = u->theme;
    char words[128];
    ra_text text = ra_text_start(words, sizeof words);
    if (picked >= 0 && !is_crosshair) {
        const ui_node *node = &desc->nodes[picked];
        ra_text_add(&text, "Band %d   ", picked + 1);
        ui_text_hz(&text, node->hz);
        if (node->has_gain) { ra_text_add(&text, "   "); ui_text_db(&text, node->db, true); ra_text_add(&text, " dB"); }
        ra_text_add(&text, "   Q %.2f   ", node->q);
        ui_text_note(&text, node->hz);
    } else if (is_crosshair) {
        double share = (u->x - plot.x) / plot.w, hz = ui_graph_hz(share);
        uint32_t column = (uint32_t)(ra_clamp(share, 0, 1) * (desc->column_count - 1) + 0.5);
        double level_db = desc->level_db[column];
        ui_text_hz(&text, hz);
        ra_text_add(&text, "   ");
        if (level_db > -159) { ui_text_db(&text, level_db, false); ra_text_add(&text, " dB   "); } else ra_text_add(&text, "−∞ dB   ");
        ui_text_note(&text, hz);
        ra_text_add(&text, "   EQ ");
        ui_text_db(&text, desc->curve_db[column], true);
        canvas_fill(u->canvas, &(canvas_box){ u->x, plot.y, 1, plot.h }, 0, canvas_fade(theme->text, 0.35f));
        canvas_fill(u->canvas, &(canvas_box){ plot.x, u->y, plot.w, 1 }, 0, canvas_fade(theme->text, 0.2f));
        canvas_disc(u->canvas, u->x, plot.y + plot.h * (float)ra_clamp(level_db / UI_GRAPH_FLOOR_DB, 0, 1), 4, theme->sound);
    } else return;
    ui_draw_corner(u, &plot, words);
}

static ui_graph_result ui_graph(ui *u, canvas_box box, const ui_graph_desc *desc)
{
    uint32_t id = ui_id("Spectrum", 0);
    bool is_narrow = box.w < 480;
    canvas_box plot = { box.x + 40, box.y + 8, box.w - 76, box.h - 32 };
    ui_graph_result result = { .picked = -1 };
    canvas_fill(u->canvas, &plot, 0, canvas_mix(u->theme->background, u->theme->panel, 0.35f));
    ui_draw_graph_axes(u, plot, is_narrow);
    ui_row *row = ui_describe(u, id, UI_IMAGE, "Spectrum", &plot);
    ui_say(row, desc->summary);

    uint32_t nearest = 0;                                  /* a finger may touch several: the nearest is meant */
    float least = 1e9f;
    for (uint32_t i = 0; i < desc->node_count; i++) {
        canvas_point at = ui_graph_place(plot, &desc->nodes[i]);
        float distance = ui_distance(at.x - u->x, at.y - u->y);
        if (distance < least) { least = distance; nearest = i; }
    }
    for (uint32_t i = 0; i < desc->node_count; i++) ui_graph_node(u, plot, &desc->nodes[i], i, i == nearest, &result);
    ui_touch touch = ui_update(u, id, &plot, false);
    if (touch.went_down && u->is_double && result.action == UI_GRAPH_NOTHING) {
        result.action = UI_GRAPH_ADDED;
        result.hz = ui_graph_hz((u->x - plot.x) / plot.w);
        result.db = UI_GRAPH_EQ_DB * (1 - 2 * (u->y - plot.y) / plot.h);
        result.group = id + desc->node_count;
    }

    canvas_clip(u->canvas, &plot);
    ui_draw_graph(u, plot, desc, result.picked);
    canvas_unclip(u->canvas);
    for (uint32_t i = 0; i < desc->node_count; i++) {
        canvas_point at = ui_graph_place(plot, &desc->nodes[i]);
        bool is_picked = result.picked == (int)i;
        canvas_colour tint = desc->is_on ? ui_node_tint(u, i, desc->node_count) : u->theme->dim;
        char number[8];
        ra_text text = ra_text_start(number, sizeof number);
        ra_text_add(&text, "%u", i + 1);
        if (is_picked) canvas_disc(u->canvas, at.x, at.y, 16, canvas_fade(tint, 0.25f));
        canvas_disc(u->canvas, at.x, at.y, 10, is_picked ? tint : u->theme->panel);
        canvas_ring(u->canvas, at.x, at.y, 10, 2, tint);
        canvas_colour ink = is_picked ? u->theme->background : u->theme->text;
        ui_text(u, &(canvas_box){ at.x - 10, at.y - 10, 20, 20 }, UI_CENTRE, 12, CANVAS_BOLD, ink, number);
    }
    ui_draw_readout(u, plot, desc, result.picked, touch.is_hot);
    return result;
}

/* ============================================================================
   [15] RENDERER - puts a canvas on the screen: WebGPU, else WebGL2, else nothing
   ----------------------------------------------------------------------------
   owns     the only GPU objects; everything in them can be made again from a canvas
   contract gpu_start, gpu_state, gpu_resize, gpu_draw, gpu_name; beside it
            gpu_generation and gpu_loss_count for the app, gpu_lose_for_test
   calls    [2] BASE; [3] PLATFORM: log, clock, the page's canvas; [13] CANVAS
   threads  main thread; devices arrive some time, nobody waits for them
   trouble  no WebGPU: WebGL2 on the same canvas; device lost: asked for again,
            lost twice within 10 s: WebGL2 on a fresh canvas; no WebGL2 either:
            the page stays usable through its hidden elements
   headers  one source for Emscripten 3.1 (-sUSE_WEBGPU=1) and for 4.0.10 and
            later (--use-port=emdawnwebgpu), whose header defines WGPU_STRLEN
   ============================================================================ */

typedef enum { GPU_WEBGPU, GPU_WEBGL2, GPU_NONE } gpu_kind;
typedef enum { GPU_WAITING, GPU_READY, GPU_ABSENT } gpu_phase;

#if RA_WEB
#define GPU_LOSS_PATIENCE_S 10.0

/* One for the page, because the GPU callbacks arrive without an object of ours. */
static struct {
    gpu_kind kind;
    gpu_phase phase;
    char selector[32];
    uint32_t width_px, height_px;
    uint32_t generation;               /* of the GPU objects; a new one has seen no picture yet */
    uint32_t loss_count;
    double last_loss_s;
    uint32_t atlas_side;               /* of the atlas texture; 0: not made yet */
    size_t vertex_bytes, index_bytes;  /* size of the two buffers */

    WGPUInstance instance;
    WGPUSurface surface;
    WGPUDevice device;
    WGPUQueue queue;
    WGPURenderPipeline pipeline;
    WGPUTexture atlas;
    WGPUBuffer uniforms, vertices, indices;
    WGPUBindGroup bindings;
    WGPUTextureFormat format;

    uint8_t gl_news;                   /* set by the browser: GPU_GL_LOST, GPU_GL_RESTORED */
    uint8_t news;                      /* the same of WebGPU: GPU_DEVICE_HERE, GPU_DEVICE_REFUSED, GPU_DEVICE_LOST */
} gpu;

/* ---- one source for two headers ---- */

#ifdef WGPU_STRLEN
#define GPU_TEXT(literal) ((WGPUStringView){ (literal), WGPU_STRLEN })
static bool gpu_texture_is_good(WGPUSurfaceGetCurrentTextureStatus status)
{
    return status == WGPUSurfaceGetCurrentTextureStatus_SuccessOptimal || status == WGPUSurfaceGetCurrentTextureStatus_SuccessSuboptimal;
}
#else
#define GPU_TEXT(literal) (literal)
#define WGPUShaderSourceWGSL                              WGPUShaderModuleWGSLDescriptor
#define WGPUSType_ShaderSourceWGSL                        WGPUSType_ShaderModuleWGSLDescriptor
#define WGPUEmscriptenSurfaceSourceCanvasHTMLSelector       WGPUSurfaceDescriptorFromCanvasHTMLSelector
#define WGPUSType_EmscriptenSurfaceSourceCanvasHTMLSelector WGPUSType_SurfaceDescriptorFromCanvasHTMLSelector
#define WGPUTexelCopyTextureInfo                          WGPUImageCopyTexture
#define WGPUTexelCopyBufferLayout                         WGPUTextureDataLayout
static bool gpu_texture_is_good(WGPUSurfaceGetCurrentTextureStatus status) { return status == WGPUSurfaceGetCurrentTextureStatus_Success; }
#endif

/* ---- shaders: the same two stages in two languages ---- */

/* The signed distance to a rounded box is negative inside; half a pixel on either side of 0 is the soft edge. */
static const char gpu_wgsl[] =
    "struct Out { @builtin(position) place: vec4f, @location(0) uv: vec2f, @location(1) @interpolate(flat) shape: vec4f,\n"
    "  @location(2) colour: vec4f };\n"
    "@group(0) @binding(0) var<uniform> scale: vec4f;\n"
    "@group(0) @binding(1) var atlas: texture_2d<f32>;\n"
    "@vertex fn vertex(@location(0) xyuv: vec4f, @location(1) shape: vec4f, @location(2) colour: vec4f) -> Out {\n"
    "  return Out(vec4f(xyuv.xy * scale.xy + vec2f(-1.0, 1.0), 0.0, 1.0), xyuv.zw, shape, colour);\n"
    "}\n"
    "@fragment fn fragment(in: Out) -> @location(0) vec4f {\n"
    "  if (in.shape.x < -1.0) {\n"      /* between four levels, then dark blue, violet, orange, cream */
    "    let at = clamp(in.uv, in.shape.yz + 0.5, in.shape.yz + 255.5) - 0.5; let p = vec2i(at); let f = fract(at);\n"
    "    let l = mix(mix(textureLoad(atlas, p, 0).r, textureLoad(atlas, p + vec2i(1, 0), 0).r, f.x),\n"
    "      mix(textureLoad(atlas, p + vec2i(0, 1), 0).r, textureLoad(atlas, p + 1, 0).r, f.x), f.y);\n"
    "    let m = clamp(l * 3.75 - vec3f(0.75, 1.75, 2.75), vec3f(0.0), vec3f(1.0));\n"
    "    return vec4f(mix(mix(mix(vec3f(0.03, 0.04, 0.13), vec3f(0.36, 0.15, 0.55), m.x), vec3f(0.95, 0.5, 0.2), m.y), vec3f(1.0, 0.96, 0.84), m.z), 1.0);\n"
    "  }\n"
    "  if (in.shape.x < 0.0) { return in.colour * textureLoad(atlas, vec2i(in.uv), 0).r; }\n"
    "  if (min(in.shape.x, in.shape.y) > 1e5) { return in.colour; }\n"
    "  let q = abs(in.uv) - in.shape.xy + in.shape.z;\n"
    "  var d = length(max(q, vec2f(0.0))) + min(max(q.x, q.y), 0.0) - in.shape.z;\n"
    "  if (in.shape.w > 0.0) { d = abs(d + 0.5 * in.shape.w) - 0.5 * in.shape.w; }\n"
    "  return in.colour * clamp(0.5 - d, 0.0, 1.0);\n"
    "}\n";
static const char gpu_glsl_vertex[] =
    "#version 300 es\n"
    "uniform vec2 scale;\n"
    "layout(location = 0) in vec4 xyuv; layout(location = 1) in vec4 shape; layout(location = 2) in vec4 colour;\n"
    "out highp vec2 v_uv; flat out highp vec4 v_shape; out highp vec4 v_colour;\n"
    "void main() { gl_Position = vec4(xyuv.xy * scale + vec2(-1.0, 1.0), 0.0, 1.0); v_uv = xyuv.zw; v_shape = shape; v_colour = colour; }\n";
static const char gpu_glsl_fragment[] =
    "#version 300 es\n"
    "precision highp float;\n"
    "uniform highp sampler2D atlas;\n"
    "in highp vec2 v_uv; flat in highp vec4 v_shape; in highp vec4 v_colour;\n"
    "out vec4 colour;\n"
    "float at(vec2 p) { return texelFetch(atlas, ivec2(p), 0).r; }\n"
    "void main() {\n"
    "  if (v_shape.x < -1.0) {\n"
    "    vec2 p = clamp(v_uv, v_shape.yz + 0.5, v_shape.yz + 255.5) - 0.5, f = fract(p);\n"
    "    float l = mix(mix(at(p), at(p + vec2(1, 0)), f.x), mix(at(p + vec2(0, 1)), at(p + 1.0), f.x), f.y);\n"
    "    vec3 m = clamp(l * 3.75 - vec3(0.75, 1.75, 2.75), 0.0, 1.0);\n"
    "    colour = vec4(mix(mix(mix(vec3(0.03, 0.04, 0.13), vec3(0.36, 0.15, 0.55), m.x), vec3(0.95, 0.5, 0.2), m.y), vec3(1.0, 0.96, 0.84), m.z), 1.0); return;\n"
    "  }\n"
    "  if (v_shape.x < 0.0) { colour = v_colour * texelFetch(atlas, ivec2(v_uv), 0).r; return; }\n"
    "  if (min(v_shape.x, v_shape.y) > 1e5) { colour = v_colour; return; }\n"
    "  vec2 q = abs(v_uv) - v_shape.xy + v_shape.z;\n"
    "  float d = length(max(q, vec2(0.0))) + min(max(q.x, q.y), 0.0) - v_shape.z;\n"
    "  if (v_shape.w > 0.0) d = abs(d + 0.5 * v_shape.w) - 0.5 * v_shape.w;\n"
    "  colour = v_colour * clamp(0.5 - d, 0.0, 1.0);\n"
    "}\n";

/* ---- WebGL2 ---- */

enum { GPU_GL_LOST = 1, GPU_GL_RESTORED = 2 };
_Static_assert(sizeof(canvas_vertex) == 36 && sizeof(canvas_command) == 24, "ra_host_webgl_* in [3] know their layout");

static bool gpu_gl_build(void)
{
    if (!ra_host_webgl_build(gpu.selector, gpu_glsl_vertex, gpu_glsl_fragment, &gpu.gl_news)) return false;
    gpu.atlas_side = 0;
    gpu.generation++;
    gpu.phase = GPU_READY;
    return true;
}

static void gpu_gl_start(void)
{
    gpu.kind = GPU_WEBGL2;
    if (gpu_gl_build()) return;
    ra_log_line(1, "no WebGPU and no WebGL2: the picture stays empty, sound and keyboard work");
    gpu.kind = GPU_NONE;
    gpu.phase = GPU_ABSENT;
}

static void gpu_gl_hear_news(void)
{
    uint8_t news = gpu.gl_news;
    gpu.gl_news = 0;
    if (news & GPU_GL_LOST) {
        gpu.loss_count++;
        gpu.phase = GPU_WAITING;
        ra_log_line(1, "WebGL2 context lost, waiting for the browser to restore it");
    }
    if (news & GPU_GL_RESTORED && !gpu_gl_build()) gpu.phase = GPU_ABSENT;
}

static bool gpu_gl_draw(const canvas *picture)
{
    ra_host_webgl_draw(gpu.width_px, gpu.height_px, picture->ground, picture->vertices, picture->vertex_count * sizeof *picture->vertices,
                       picture->indices, picture->index_count * sizeof *picture->indices, picture->commands, picture->command_count);
    return true;
}

/* ---- WebGPU ---- */

static void gpu_release(void)
{
    if (gpu.bindings) wgpuBindGroupRelease(gpu.bindings);
    if (gpu.atlas)    wgpuTextureRelease(gpu.atlas);
    if (gpu.vertices) wgpuBufferRelease(gpu.vertices);
    if (gpu.indices)  wgpuBufferRelease(gpu.indices);
    if (gpu.uniforms) wgpuBufferRelease(gpu.uniforms);
    if (gpu.pipeline) wgpuRenderPipelineRelease(gpu.pipeline);
    if (gpu.queue)    wgpuQueueRelease(gpu.queue);
    if (gpu.device)   wgpuDeviceRelease(gpu.device);
    gpu.bindings = NULL; gpu.atlas = NULL; gpu.vertices = gpu.indices = gpu.uniforms = NULL;
    gpu.pipeline = NULL; gpu.queue = NULL; gpu.device = NULL;
    gpu.vertex_bytes = gpu.index_bytes = 0;
    gpu.atlas_side = 0;
}

static bool gpu_build(void)
{
    WGPUShaderSourceWGSL source = { .chain.sType = WGPUSType_ShaderSourceWGSL, .code = GPU_TEXT(gpu_wgsl) };
    WGPUShaderModule shaders = wgpuDeviceCreateShaderModule(gpu.device, &(WGPUShaderModuleDescriptor){ .nextInChain = &source.chain });
    WGPUVertexAttribute attributes[3] = {
        { .format = WGPUVertexFormat_Float32x4, .offset = offsetof(canvas_vertex, x),      .shaderLocation = 0 },
        { .format = WGPUVertexFormat_Float32x4, .offset = offsetof(canvas_vertex, half_w), .shaderLocation = 1 },
        { .format = WGPUVertexFormat_Unorm8x4,  .offset = offsetof(canvas_vertex, colour), .shaderLocation = 2 },
    };
    WGPUVertexBufferLayout layout = { .arrayStride = sizeof(canvas_vertex), .stepMode = WGPUVertexStepMode_Vertex,
                                      .attributeCount = 3, .attributes = attributes };
    WGPUBlendComponent over = { .operation = WGPUBlendOperation_Add, .srcFactor = WGPUBlendFactor_One,
                                .dstFactor = WGPUBlendFactor_OneMinusSrcAlpha };
    WGPUBlendState blend = { .color = over, .alpha = over };
    WGPUColorTargetState target = { .format = gpu.format, .blend = &blend, .writeMask = WGPUColorWriteMask_All };
    WGPUFragmentState fragment = { .module = shaders, .entryPoint = GPU_TEXT("fragment"), .targetCount = 1, .targets = &target };
    gpu.pipeline = wgpuDeviceCreateRenderPipeline(gpu.device, &(WGPURenderPipelineDescriptor){
        .vertex = { .module = shaders, .entryPoint = GPU_TEXT("vertex"), .bufferCount = 1, .buffers = &layout },
        .primitive = { .topology = WGPUPrimitiveTopology_TriangleList },
        .multisample = { .count = 1, .mask = ~0u },
        .fragment = &fragment });
    wgpuShaderModuleRelease(shaders);
    WGPUBufferDescriptor uniforms = { .usage = WGPUBufferUsage_Uniform | WGPUBufferUsage_CopyDst, .size = 16 };
    gpu.uniforms = wgpuDeviceCreateBuffer(gpu.device, &uniforms);
    return gpu.pipeline && gpu.uniforms;
}

static void gpu_configure(void)
{
    if (!gpu.device || !gpu.width_px || !gpu.height_px) return;
    wgpuSurfaceConfigure(gpu.surface, &(WGPUSurfaceConfiguration){
        .device = gpu.device, .format = gpu.format, .usage = WGPUTextureUsage_RenderAttachment, .alphaMode = WGPUCompositeAlphaMode_Opaque,
        .width = gpu.width_px, .height = gpu.height_px, .presentMode = WGPUPresentMode_Fifo });
}

enum { GPU_DEVICE_HERE = 1, GPU_DEVICE_REFUSED = 2, GPU_DEVICE_LOST = 4 };

static void gpu_request_device(void) { ra_host_webgpu_request(&gpu.device, &gpu.news); }

static void gpu_gl_instead(void)
{
    gpu_release();
    wgpuSurfaceUnconfigure(gpu.surface);
    ra_host_canvas_renew(gpu.selector);
    gpu_gl_start();
}

static void gpu_hear_news(void)
{
    uint8_t news = gpu.news;
    gpu.news = 0;
    if (news & GPU_DEVICE_HERE) {
        gpu.queue = wgpuDeviceGetQueue(gpu.device);
        if (!gpu_build()) { gpu_gl_instead(); return; }
        gpu_configure();
        gpu.generation++;
        gpu.phase = GPU_READY;
    }
    if (news & GPU_DEVICE_REFUSED) { gpu_gl_instead(); return; }
    if (news & GPU_DEVICE_LOST) {
        double now_s = ra_now_s();
        bool is_again = gpu.loss_count && now_s - gpu.last_loss_s < GPU_LOSS_PATIENCE_S;
        gpu.loss_count++;
        gpu.last_loss_s = now_s;
        gpu.phase = GPU_WAITING;
        if (is_again) { gpu_gl_instead(); return; }
        gpu_release();
        gpu_request_device();
    }
}

static void gpu_bind(void)
{
    WGPUTextureView view = wgpuTextureCreateView(gpu.atlas, NULL);
    WGPUBindGroupEntry entries[2] = { { .binding = 0, .buffer = gpu.uniforms, .size = 16 }, { .binding = 1, .textureView = view } };
    WGPUBindGroupLayout layout = wgpuRenderPipelineGetBindGroupLayout(gpu.pipeline, 0);
    gpu.bindings = wgpuDeviceCreateBindGroup(gpu.device, &(WGPUBindGroupDescriptor){ .layout = layout, .entryCount = 2, .entries = entries });
    wgpuBindGroupLayoutRelease(layout);
    wgpuTextureViewRelease(view);
}

static void gpu_send_texels(const uint8_t *texels, uint32_t x, uint32_t y, uint32_t w, uint32_t h)
{
    if (gpu.kind == GPU_WEBGL2) { ra_host_webgl_texels(texels, x, y, w, h); return; }
    wgpuQueueWriteTexture(gpu.queue, &(WGPUTexelCopyTextureInfo){ .texture = gpu.atlas, .origin = { x, y, 0 }, .aspect = WGPUTextureAspect_All },
        texels, (size_t)w * h, &(WGPUTexelCopyBufferLayout){ .bytesPerRow = w, .rowsPerImage = h }, &(WGPUExtent3D){ w, h, 1 });
}

static void gpu_make_texture(uint32_t width, uint32_t height)
{
    if (gpu.kind == GPU_WEBGL2) { ra_host_webgl_texels(NULL, 0, 0, width, height); return; }
    if (gpu.bindings) wgpuBindGroupRelease(gpu.bindings);
    if (gpu.atlas) wgpuTextureRelease(gpu.atlas);
    gpu.atlas = wgpuDeviceCreateTexture(gpu.device, &(WGPUTextureDescriptor){
        .usage = WGPUTextureUsage_TextureBinding | WGPUTextureUsage_CopyDst, .dimension = WGPUTextureDimension_2D,
        .size = { width, height, 1 }, .format = WGPUTextureFormat_R8Unorm, .mipLevelCount = 1, .sampleCount = 1 });
    gpu_bind();
}

/* Sends the rows of the atlas and the tiles that changed; all of them to a texture that is new. */
static void gpu_send_atlas(const canvas *picture)
{
    uint32_t side = picture->atlas_side, top = picture->dirty_top, bottom = picture->dirty_bottom;
    uint64_t tiles = picture->dirty_tiles;
    if (gpu.atlas_side != side) {
        gpu_make_texture(CANVAS_TEXTURE_WIDTH, side + CANVAS_TILES / 8 * CANVAS_TILE_SIDE);
        gpu.atlas_side = side;
        top = 0; bottom = side;
        tiles = picture->tiles ? ~0ull : 0;
    }
    if (top < bottom) gpu_send_texels(picture->atlas + (size_t)top * side, 0, top, side, bottom - top);
    for (uint32_t tile = 0; tile < CANVAS_TILES; tile++)
        if (tiles >> tile & 1) gpu_send_texels(canvas_tile_texels(picture, tile), canvas_tile_x(tile), canvas_tile_y(picture, tile), CANVAS_TILE_SIDE, CANVAS_TILE_SIDE);
}

/* Copies bytes into a buffer that is made anew, larger, when they do not fit. */
static void gpu_send(WGPUBuffer *buffer, size_t *capacity, WGPUFlags usage, const void *bytes, size_t byte_count)
{
    if (byte_count > *capacity) {
        if (*buffer) wgpuBufferRelease(*buffer);
        *capacity = (byte_count + byte_count / 2 + 1024) & ~(size_t)3;
        *buffer = wgpuDeviceCreateBuffer(gpu.device, &(WGPUBufferDescriptor){ .usage = usage | WGPUBufferUsage_CopyDst, .size = *capacity });
    }
    wgpuQueueWriteBuffer(gpu.queue, *buffer, 0, bytes, byte_count);
}

static WGPUColor gpu_ground(const canvas *picture)
{
    uint32_t ground = picture->ground;
    return (WGPUColor){ (ground & 255) / 255.0, (ground >> 8 & 255) / 255.0, (ground >> 16 & 255) / 255.0, 1 };
}

static bool gpu_webgpu_draw(const canvas *picture)
{
    WGPUSurfaceTexture frame = { 0 };
    wgpuSurfaceGetCurrentTexture(gpu.surface, &frame);
    if (!gpu_texture_is_good(frame.status)) return false;
    gpu_send(&gpu.vertices, &gpu.vertex_bytes, WGPUBufferUsage_Vertex, picture->vertices, picture->vertex_count * sizeof *picture->vertices);
    gpu_send(&gpu.indices, &gpu.index_bytes, WGPUBufferUsage_Index, picture->indices, picture->index_count * sizeof *picture->indices);
    float scale[4] = { 2.0f / (float)gpu.width_px, -2.0f / (float)gpu.height_px };
    wgpuQueueWriteBuffer(gpu.queue, gpu.uniforms, 0, scale, sizeof scale);

    WGPUTextureView view = wgpuTextureCreateView(frame.texture, NULL);
    WGPURenderPassColorAttachment attachment = { .view = view, .depthSlice = WGPU_DEPTH_SLICE_UNDEFINED, .loadOp = WGPULoadOp_Clear,
                                                 .storeOp = WGPUStoreOp_Store, .clearValue = gpu_ground(picture) };
    WGPUCommandEncoder encoder = wgpuDeviceCreateCommandEncoder(gpu.device, NULL);
    WGPURenderPassDescriptor target = { .colorAttachmentCount = 1, .colorAttachments = &attachment };
    WGPURenderPassEncoder pass = wgpuCommandEncoderBeginRenderPass(encoder, &target);
    wgpuRenderPassEncoderSetPipeline(pass, gpu.pipeline);
    wgpuRenderPassEncoderSetBindGroup(pass, 0, gpu.bindings, 0, NULL);
    wgpuRenderPassEncoderSetVertexBuffer(pass, 0, gpu.vertices, 0, picture->vertex_count * sizeof *picture->vertices);
    wgpuRenderPassEncoderSetIndexBuffer(pass, gpu.indices, WGPUIndexFormat_Uint32, 0, picture->index_count * sizeof *picture->indices);
    for (uint32_t i = 0; i < picture->command_count; i++) {
        const canvas_command *command = &picture->commands[i];
        if (!command->index_count) continue;
        wgpuRenderPassEncoderSetScissorRect(pass, (uint32_t)command->x, (uint32_t)command->y, (uint32_t)command->w, (uint32_t)command->h);
        wgpuRenderPassEncoderDrawIndexed(pass, command->index_count, 1, command->first_index, 0, 0);
    }
    wgpuRenderPassEncoderEnd(pass);
    WGPUCommandBuffer commands = wgpuCommandEncoderFinish(encoder, NULL);
    wgpuQueueSubmit(gpu.queue, 1, &commands);
    wgpuCommandBufferRelease(commands);
    wgpuRenderPassEncoderRelease(pass);
    wgpuCommandEncoderRelease(encoder);
    wgpuTextureViewRelease(view);
    wgpuTextureRelease(frame.texture);
    return true;                       /* the browser presents by itself when the frame's work is over */
}

/* ---- the contract ---- */

/* Asks for a device and returns at once; gpu_state tells when it is there. */
static void gpu_start(const char *canvas_selector, gpu_kind wanted)
{
    ra_text selector = ra_text_start(gpu.selector, sizeof gpu.selector);
    ra_text_add(&selector, "%s", canvas_selector);
    gpu.kind = wanted;
    gpu.phase = GPU_WAITING;
    if (wanted == GPU_NONE) { gpu.phase = GPU_ABSENT; return; }
    if (wanted == GPU_WEBGL2 || !ra_host_has_webgpu()) { gpu_gl_start(); return; }
    WGPUEmscriptenSurfaceSourceCanvasHTMLSelector source = { .chain.sType = WGPUSType_EmscriptenSurfaceSourceCanvasHTMLSelector,
                                                             .selector = GPU_TEXT(gpu.selector) };
    gpu.instance = wgpuCreateInstance(NULL);
    gpu.format = ra_host_canvas_is_bgra() ? WGPUTextureFormat_BGRA8Unorm : WGPUTextureFormat_RGBA8Unorm;
    gpu.surface = wgpuInstanceCreateSurface(gpu.instance, &(WGPUSurfaceDescriptor){ .nextInChain = &source.chain });
    gpu_request_device();
}

/* The canvas's own pixels, which it gets with the next configuration or picture; the page has laid it out already. */
static void gpu_resize(uint32_t width_px, uint32_t height_px)
{
    gpu.width_px = width_px;
    gpu.height_px = height_px;
    gpu_configure();
}

/* Once a frame: also the place where a lost device is asked for again. */
static gpu_phase gpu_state(void)
{
    if (gpu.gl_news) gpu_gl_hear_news();
    if (gpu.news && gpu.kind == GPU_WEBGPU) gpu_hear_news();
    return gpu.phase;
}

/* True: this picture is on its way to the screen, its dirty rows of the atlas and tiles too. */
static bool gpu_draw(const canvas *picture)
{
    if (gpu.phase != GPU_READY || !picture->index_count || !gpu.width_px || !gpu.height_px) return false;
    gpu_send_atlas(picture);
    return gpu.kind == GPU_WEBGPU ? gpu_webgpu_draw(picture) : gpu_gl_draw(picture);
}

static const char *gpu_name(void)
{
    static const char *const names[] = { "webgpu", "webgl2", "none" };
    return names[gpu.kind];
}
static uint32_t gpu_generation(void) { return gpu.generation; }
static uint32_t gpu_loss_count(void) { return gpu.loss_count; }

/* What a driver reset does, on purpose: the device (or the context) goes away under a running page. */
static void gpu_lose_for_test(void)
{
    if (gpu.phase != GPU_READY) return;
    if (gpu.kind == GPU_WEBGPU) wgpuDeviceDestroy(gpu.device); else ra_host_webgl_lose();
}

#else
/* Natively there is no screen: the app runs, nothing is drawn. */
static void        gpu_start(const char *canvas_selector, gpu_kind wanted) { (void)canvas_selector; (void)wanted; }
static void        gpu_resize(uint32_t width_px, uint32_t height_px) { (void)width_px; (void)height_px; }
static gpu_phase   gpu_state(void) { return GPU_ABSENT; }
static bool        gpu_draw(const canvas *picture) { (void)picture; return false; }
static const char *gpu_name(void) { return "none"; }
static uint32_t    gpu_generation(void) { return 0; }
static uint32_t    gpu_loss_count(void) { return 0; }
static void        gpu_lose_for_test(void) { }
#endif

/* ============================================================================
   [16] APP - the page: what is open, how it looks, what every gesture means
   ----------------------------------------------------------------------------
   owns     the one static `app`: session, undo, loads, theme, measured curves, what is
            known of the whole track (its overview, tiles of its spectrogram)
   calls    [2] BASE; [3] PLATFORM: requests to the page; [12] ENGINE by its public
            functions; [13]-[15]
   threads  main thread only
   law      a panel reads the engine's snapshot and sends commands, nothing else
   frames   app_frame draws only if a picture would differ from the last one
   tests    the browser tests find every widget by role and name
   ============================================================================ */

typedef struct { ra_engine *engine; ra_pool *pool; } app_desc;
typedef enum { APP_POINTER_DOWN, APP_POINTER_MOVE, APP_POINTER_UP, APP_POINTER_CANCEL, APP_POINTER_LEAVE } app_pointer_phase;
enum { APP_SHIFT = UI_SHIFT, APP_CTRL = UI_CTRL, APP_ALT = UI_ALT, APP_META = UI_META };
typedef enum { APP_ACCESS_FOCUS, APP_ACCESS_BLUR, APP_ACCESS_PRESS, APP_ACCESS_SET } app_access_action;
typedef enum { APP_AUDIO_ASLEEP, APP_AUDIO_RUNNING, APP_AUDIO_BROKEN } app_audio_state;

/* Waits for the microphone, or for sound to wake up; records; waits for the last of it. */
typedef enum { APP_RECORDS_NOT, APP_WILL_RECORD, APP_RECORDS, APP_ENDS_RECORDING } app_record_phase;

#define APP_CANVAS      "#rustyaudio"
#define APP_COLUMN_MAX  1024           /* of the spectrum and the EQ curve */
#define APP_UNDO_MAX    64
#define APP_HELP_VERB   "How to enable threads"
#define APP_VOLUME_MIN_DB (-60.0)      /* silence */
#define APP_VOLUME_MAX_DB 6.0

/* What a file is opened for. A response that the chain names is only kept under that name; one that the user picks
   becomes that of the item which he picked it for. */
typedef enum { APP_PLAY, APP_QUEUE, APP_WANTED_RESPONSE, APP_PICKED_RESPONSE } app_purpose;

/* What is shown of a clip. */
typedef struct {
    char     title[160];
    uint32_t source_channels, rate_hz, serial;     /* serial: clips given to the engine, this one included */
    uint64_t frames;
    ra_clip *clip;                     /* kept: an analysis may read it longer than the engine does */
    ra_wav_info info;                  /* of a stream: its file, */
    uint32_t source;                   /* that file's number, 0: it is in memory, */
    bool     is_remote;                /* and not on this machine */
    ra_peak  peaks[RA_LOAD_COLUMNS];
} app_track;

/* Work on the pool that reads a clip; both stay until it has stopped. */
typedef struct {
    ra_process  *process;              /* NULL: not begun */
    ra_clip     *clip;                 /* kept: the track's, or a tile's own; NULL: free */
    ra_overview *overview;             /* of a track that is gone; freed with the process */
    uint32_t     source;               /* of the file that it reads by pieces; 0: none */
    ra_clip     *responses[RA_CHAIN_MAX];      /* kept: of the chain that it runs */
    bool         is_leaving;           /* cancelled, a slice still runs */
    uint32_t     level, index;         /* of a tile, */
    ra_task      task;                 /* what it wants of its clip, */
    uint32_t     gathered, asked;      /* and frames of that: what is there, what is being read */
    uint32_t     place, column;        /* where it goes, and how much of it is there */
} app_work;
enum { APP_ANALYSIS, APP_TILE, APP_WORKS = 3 };  /* two tiles at a time, so that others need not wait long */

typedef enum { APP_VIEW_EQ, APP_VIEW_SPECTROGRAM, APP_VIEW_WAVEFORM, APP_VIEW_COUNT } app_view;
static const char *const app_view_names[APP_VIEW_COUNT] = { "EQ", "Spectrogram", "Waveform" };

/* 256 spectra, 2^level frames apart; the first tile begins with that around frame 0. Level 0: an empty place. */
typedef struct { uint32_t level, index, used; } app_tile;
enum { APP_LEVEL_MIN = 5, APP_LEVEL_MAX = 31 };
#define APP_TILE_FLOOR_DB (-100.0f)     /* texel 0; 255 is 0 dB */

/* What lies over the page, which is out of reach then. */
typedef enum { APP_NO_SHEET, APP_KEYS, APP_EXPORT } app_sheet;

typedef enum { APP_EXPORT_NOTHING, APP_EXPORTS, APP_EXPORTED, APP_EXPORT_FAILED, APP_EXPORT_CANCELLED } app_export_phase;      /* worker.js knows the numbers */

/* What the chains name, under that name; clip NULL: it could not be had. */
typedef struct { char name[RA_FILE_BYTES]; ra_clip *clip; } app_response;
enum { APP_RESPONSE_MAX = RA_CHAIN_MAX + 1 };    /* all that a chain can name, and the next */

/* What the status bar tells of a worker. */
enum { APP_LANE_MAX = 8, APP_LANE_BARS = 12 };
typedef struct {
    const char *doing;                 /* or what it did last */
    uint64_t    busy_us;
    bool        is_alive;
    uint8_t     load[APP_LANE_BARS];   /* percent, a quarter of a second each, the newest last */
} app_lane;

/* What the user has made: one step of undo. */
typedef struct {
    ra_chain_spec chain;
    float  named_hz[RA_CHAIN_MAX];     /* an EQ band keeps its first frequency as its name */
    double volume_db;
    bool   eq_is_on;
} app_session;

/* The one page. */
static struct {
    ra_engine *engine;
    ra_pool   *pool;
    ui         ui;
    canvas     canvas;
    gpu_kind   wanted_gpu;
    float      width, height, ratio;
    bool       system_is_dark, theme_is_picked, is_dark;
    bool       is_dirty;               /* the picture on the screen is out of date */
    app_sheet  sheet;
    uint32_t   frames_drawn, gpu_generation;
    uint32_t   alive_shown;            /* workers; one that starts late is news for the status bar */
    app_lane   lanes[APP_LANE_MAX];
    uint32_t   lane_count;
    ra_pool_stats pool_stats;
    uint64_t   lanes_us;               /* when they were brought up to date */
    double     now_s, ticked_s;        /* of the last event or tick; of the last tick */

    app_session session;
    app_session undo[APP_UNDO_MAX];    /* oldest first; redo lies behind undo_count */
    uint32_t   undo_count, redo_count;
    uint32_t   edit_group;             /* of the last edit: further edits of the group are the same step */
    double     edited_s;
    bool       eq_is_held_off;         /* while B is down */
    bool       chain_is_unsaved;       /* not yet in the address bar */
    bool       is_muted, is_looping, loop_is_picked;
    bool       chain_is_unsent, volume_is_unsent, loop_is_unsent, seek_is_unsent, play_is_unsent;     /* the ring was full: again later */

    app_track  track;                  /* what plays */
    app_track *queue[RA_QUEUE_MAX];    /* what follows it */
    uint32_t   queue_count, serial;    /* serial: clips given to the engine so far */
    double     from_s, to_s;           /* the loop's ends; below 0: not set */
    bool       range_is_unsent, track_is_demo;
    ra_overview *overview;             /* of the track, as far as it is known; NULL: not begun */
    app_work   works[APP_WORKS];
    float      analysis;               /* how much of it is done, 0..1, */
    double     analysed_s;             /* and when it began */
    struct {
        uint32_t format, target, part; /* what the sheet's rows stand on */
        app_export_phase phase;
        app_work work, left;           /* goes on when another track comes; the one before, of which a slice still runs */
        float    progress;
        ra_task_result result;
        ra_error error;
    } export;
    app_view   view;                   /* what the middle of the page shows */
    double     view_from, view_frames; /* the part of the track that two of the views show */
    double     followed;               /* where the playhead was: if it leaves the part, that goes with it */
    enum { APP_CLICK, APP_PAN, APP_MARK } view_drag;     /* what the press on it has become */
    app_tile   tiles[CANVAS_TILES];
    uint32_t   tile_level, tile_first, tile_last, tile_use;      /* those that the view wants; how often it has been drawn */
    ra_load   *load;
    ra_load   *leaving[8];             /* cancelled, their slice still runs */
    char       load_title[160];
    uint32_t   load_request;
    bool       load_is_demo, load_is_remote;
    uint32_t   load_purpose;
    ra_glance  glance;                 /* of the track, if it is a stream */
    void      *reader, *read_bytes;    /* who is read for, a glance or a work, and to where; NULL: nobody */
    uint32_t   read_source;
    bool       is_wanting;             /* the page looks for a response */
    uint32_t   picked_item;            /* for which the user picks a response, */
    char       picked_file[RA_FILE_BYTES];     /* and what it was called then */
    app_response responses[APP_RESPONSE_MAX];
    float      load_progress;

    bool       is_playing;             /* what the user wants; the snapshot follows when audio is awake */
    double     play_asked_s;
    double     seek_s, seek_asked_s;   /* shown until the snapshot agrees; seek_s < 0: none */
    app_audio_state audio;
    uint32_t   output_rate_hz;
    uint32_t   underruns, workers_told;
    char       tier[16], missing[400], error[240];
    double     started_s;

    ra_snapshot snapshot;
    uint32_t   spectrum_serial;
    float      spectrum_db[RA_SPECTRUM_BINS];
    uint32_t   column_count;
    float      column_bin[APP_COLUMN_MAX + 1];     /* left edge of each column, in bins */
    uint32_t   column_rate_hz;
    float      target_db[APP_COLUMN_MAX], level_db[APP_COLUMN_MAX], hold_db[APP_COLUMN_MAX];
    double     held_s[APP_COLUMN_MAX];
    float      curve_db[APP_COLUMN_MAX], node_curve_db[APP_COLUMN_MAX];
    bool       curve_is_stale;
    int        picked_node;
    double     clipped_s;              /* when the soft clip last worked */
    app_record_phase record_phase;
    uint32_t   record_what;            /* 1: the output, 2: the microphone; 0: nothing so far */
    bool       record_is_asked, is_still, piece_is_out;      /* what to record? nothing may pulse; the page has a piece of the file */
    ra_recording recording;
    uint32_t   recorded_count;         /* files that the page has and nobody has dealt with yet */
    char       recorded_why[48];       /* what ended the newest, if it was not the user */
    char       said_levels[3][96];     /* for screen readers: left, right, spectrum; new twice a second */
    double     said_s;
    float      rack_scroll;
    bool       rack_is_in_front;       /* of the equaliser, on a screen that is too low for both */
} app;

/* ---- theme (the table of UI.md; every text colour meets WCAG AA on every ground) ---- */

static const ui_theme app_themes[2] = {
    { .background = CANVAS_RGB(0xF4F6FA), .panel = CANVAS_RGB(0xFFFFFF), .raised = CANVAS_RGB(0xE9EDF4),        /* light */
      .text = CANVAS_RGB(0x151A23), .dim = CANVAS_RGB(0x535D70), .hairline = CANVAS_RGB(0xC7CEDB),
      .sound = CANVAS_RGB(0x00705F), .edit = CANVAS_RGB(0x8F4E00), .error = CANVAS_RGB(0xB3123A), .loop = CANVAS_RGB(0x5546C8) },
    { .background = CANVAS_RGB(0x0B0D12), .panel = CANVAS_RGB(0x12151D), .raised = CANVAS_RGB(0x1B202B),        /* dark */
      .text = CANVAS_RGB(0xE6EAF2), .dim = CANVAS_RGB(0x97A1B5), .hairline = CANVAS_RGB(0x2A3140),
      .sound = CANVAS_RGB(0x3DE0C4), .edit = CANVAS_RGB(0xFFB454), .error = CANVAS_RGB(0xFF6B85), .loop = CANVAS_RGB(0xA99BFF) },
};

/* ---- session: edits, undo, what is sent to the engine ---- */

static void app_copy_text(char *to, size_t capacity, const char *from)
{
    ra_text text = ra_text_start(to, capacity);
    ra_text_add(&text, "%s", from);
}

/* One line in the status bar, spoken at once. */
static void app_fail(const char *sentence)
{
    app_copy_text(app.error, sizeof app.error, sentence);
    ra_log_line(1, "%s", sentence);
    ra_host_request(RA_HOST_ANNOUNCE, 1, sentence);
    app.is_dirty = true;
}

/* What was wrong is mended: the line goes. */
static void app_forgive(void)
{
    if (!app.error[0]) return;
    app.error[0] = 0;
    ra_host_request(RA_HOST_ANNOUNCE, 1, "");
    app.is_dirty = true;
}

static bool app_eq_is_heard(void) { return app.session.eq_is_on && !app.eq_is_held_off; }

static const app_response *app_find_response(const char *name)
{
    for (uint32_t i = 0; i < APP_RESPONSE_MAX; i++) if (app.responses[i].name[0] && !strcmp(app.responses[i].name, name)) return &app.responses[i];
    return NULL;
}

/* The chain as it should sound: bypass takes the bands out, so that it is bit-exact. */
static ra_chain_spec app_heard_chain(void)
{
    ra_chain_spec sent = { 0 };
    for (uint32_t i = 0; i < app.session.chain.count; i++) {
        ra_processor_spec *item = &app.session.chain.item[i];
        const app_response *response = item->file[0] ? app_find_response(item->file) : NULL;
        item->impulse = response ? response->clip : NULL;
    }
    for (uint32_t i = 0; i < app.session.chain.count; i++)
        if (app.session.chain.item[i].kind != RA_PROCESSOR_EQ || app_eq_is_heard()) sent.item[sent.count++] = app.session.chain.item[i];
    return sent;
}
static void app_send_chain(void)
{
    ra_chain_spec sent = app_heard_chain();
    app.chain_is_unsent = ra_engine_set_chain(app.engine, &sent) != RA_OK;
    app.curve_is_stale = app.is_dirty = true;
}

/* Called before each change of the session. A drag, or the same key again within a second, is one step;
   group 0 always is a step of its own. */
static void app_edit(uint32_t group)
{
    bool is_same_step = group && group == app.edit_group && app.undo_count && (app.ui.active || app.now_s - app.edited_s < 1);
    app.edit_group = group;
    app.edited_s = app.now_s;
    app.chain_is_unsaved = true;
    if (is_same_step) return;
    if (app.undo_count == APP_UNDO_MAX) memmove(app.undo, app.undo + 1, --app.undo_count * sizeof *app.undo);
    app.undo[app.undo_count++] = app.session;
    app.redo_count = 0;
}

/* Undo and redo swap the session with the step beside it: what was undone lies where redo finds it. */
static void app_swap_step(uint32_t step)
{
    app_session before = app.session;
    app.session = app.undo[step];
    app.undo[step] = before;
    app.edit_group = 0;
    app.edited_s = app.now_s;
    app.volume_is_unsent = app.chain_is_unsaved = true;
    app_send_chain();
}
static void app_undo(void) { if (app.undo_count) { app_swap_step(--app.undo_count); app.redo_count++; } }
static void app_redo(void) { if (app.redo_count) { app_swap_step(app.undo_count++); app.redo_count--; } }

static void app_set_volume(double volume_db, uint32_t group)
{
    app_edit(group);
    app.session.volume_db = ra_clamp(volume_db, APP_VOLUME_MIN_DB, APP_VOLUME_MAX_DB);
    app.is_muted = false;
    app.volume_is_unsent = app.is_dirty = true;
}

static void app_switch_eq(void)
{
    app_edit(ui_id("EQ on", 0));
    app.session.eq_is_on = !app.session.eq_is_on;
    app_send_chain();
}

/* Settings of which only the last one counts wait here while the engine's queue is full: asleep, nobody empties it. */
static void app_flush(void)
{
    if (app.volume_is_unsent)
        app.volume_is_unsent = ra_engine_set_volume_db(app.engine, app.is_muted ? APP_VOLUME_MIN_DB : app.session.volume_db) != RA_OK;
    if (app.chain_is_unsent) app_send_chain();
    if (app.loop_is_unsent) app.loop_is_unsent = ra_engine_set_loop(app.engine, app.is_looping) != RA_OK;
    if (app.range_is_unsent) app.range_is_unsent = ra_engine_set_loop_range(app.engine, app.from_s, app.to_s) != RA_OK;
    if (app.play_is_unsent) app.play_is_unsent = (app.is_playing ? ra_engine_play(app.engine) : ra_engine_pause(app.engine)) != RA_OK;
    if (app.seek_is_unsent) app.seek_is_unsent = ra_engine_seek(app.engine, app.seek_s) != RA_OK;
}

/* The whole chain as text; valid until the next call. */
static const char *app_chain_text(void)
{
    static char text[RA_CHAIN_MAX * (120 + RA_FILE_BYTES)];
    ra_chain_spec chain = app.session.chain;
    for (uint32_t i = 0; i < chain.count; i++) chain.item[i].is_off |= chain.item[i].kind == RA_PROCESSOR_EQ && !app.session.eq_is_on;
    ra_chain_format(&chain, text, sizeof text);
    return text;
}

/* ---- transport ---- */

static double app_duration_s(void) { return app.track.rate_hz ? (double)app.track.frames / app.track.rate_hz : 0; }

static double app_position_s(void)
{
    if (app.seek_s >= 0) return app.seek_s;
    if (app.snapshot.clip_serial != app.track.serial || !app.snapshot.clip_rate_hz) return 0;
    return (double)app.snapshot.position_frames / app.snapshot.clip_rate_hz;
}

static void app_seek(double seconds)
{
    app.seek_s = ra_clamp(seconds, 0, app_duration_s());
    app.seek_asked_s = app.now_s;
    app.seek_is_unsent = true;
    app_flush();
    app.is_dirty = true;
}
static void app_play(void)
{
    if (!app.is_looping && app.track.frames && app_position_s() >= app_duration_s() - 0.001) app_seek(0);
    app_flush();
    app.is_playing = app.is_dirty = true;
    app.play_asked_s = app.now_s;
    app.play_is_unsent = ra_engine_play(app.engine) != RA_OK;
    if (app.audio != APP_AUDIO_RUNNING) ra_host_request(RA_HOST_WAKE_AUDIO, 0, NULL);
}
static void app_pause(void)
{
    app.is_playing = false;
    app.is_dirty = true;
    app.play_is_unsent = ra_engine_pause(app.engine) != RA_OK;
}
static void app_stop(void)
{
    app.is_playing = false;
    app.is_dirty = true;
    app.seek_s = 0;
    app.seek_asked_s = app.now_s;
    app.seek_is_unsent = app.play_is_unsent = ra_engine_stop(app.engine) != RA_OK;      /* a stop is a pause and a seek to 0 */
}
static void app_skip(void) { if (app.queue_count) ra_engine_skip(app.engine); }
static void app_switch_play(void) { if (app.is_playing) app_pause(); else app_play(); }
static void app_switch_mute(void) { app.is_muted = !app.is_muted; app.volume_is_unsent = app.is_dirty = true; app_flush(); }
static void app_switch_loop(void)
{
    app.is_looping = !app.is_looping;
    app.loop_is_picked = app.loop_is_unsent = app.is_dirty = true;
    app_flush();
}

/* One end of the loop: the other gives way where they would cross, and with both of them the loop is on. Below 0: none. */
static void app_set_range(double from_s, double to_s)
{
    app.from_s = from_s;
    app.to_s = to_s > from_s ? to_s : -1;
    bool has_both = app.from_s >= 0 && app.to_s >= 0;
    if (has_both && !app.is_looping) app_switch_loop();
    app.range_is_unsent = app.is_dirty = true;
    app_flush();
    if (has_both && app.is_playing && app_position_s() >= app.to_s - 0.01) app_seek(app.from_s);      /* it would play to the end first */
}
static void app_set_from(void) { app_set_range(app_position_s(), app.to_s); }
static void app_set_to(void)   { app_set_range(app.from_s > app_position_s() ? -1 : app.from_s, app_position_s()); }

/* ---- analysis: what the track's clip looks like, and how loud it is ---- */

/* What is being read for it is not wanted any more. */
static void app_forget_read(const void *reader) { if (app.reader == reader) app.reader = NULL; }

/* Stops it if it runs; true when its place is free. */
static bool app_end_work(app_work *work)
{
    work->is_leaving = true;
    app_forget_read(work);
    if (!ra_process_free(work->process)) return false;
    ra_clip_destroy(work->clip);
    for (uint32_t i = 0; i < RA_CHAIN_MAX; i++) ra_clip_destroy(work->responses[i]);
    ra_overview_destroy(work->overview);
    *work = (app_work){ .process = NULL };
    return true;
}

static bool app_begin_work(app_work *work, const ra_task *task, ra_error *error)
{
    const app_track *track = &app.track;
    const ra_clip *clip = work->clip ? work->clip : track->clip;
    ra_result result = clip->samples ? ra_process_async(app.pool, clip, task, &work->process, error) : ra_process_stream(app.pool, &track->info, task, &work->process, error);
    if (result != RA_OK) return false;
    if (!work->clip) work->clip = ra_clip_keep(track->clip);
    for (uint32_t i = 0; i < task->chain.count; i++)
        if (task->chain.item[i].impulse) work->responses[i] = ra_clip_keep((ra_clip *)(uintptr_t)task->chain.item[i].impulse);
    work->source = track->source;
    return true;
}

static void app_drop_analysis(void)
{
    app_work *work = &app.works[APP_ANALYSIS];
    if (work->process && !work->is_leaving) work->overview = app.overview; else ra_overview_destroy(app.overview);
    app.overview = NULL;
    app.analysis = 0;
    app.view_frames = 0;               /* all of the next one */
    memset(app.tiles, 0, sizeof app.tiles);
    app.tile_first = app.tile_last + 1;                 /* none is wanted until its picture has been drawn */
    for (int i = 0; i < APP_WORKS; i++) app_end_work(&app.works[i]);
}

/* What is known of a file that is read by pieces, where a glance was. */
static void app_draw_overview(void)
{
    static ra_peak columns[RA_LOAD_COLUMNS];
    ra_overview_columns(app.overview, 0, (double)app.track.frames, RA_LOAD_COLUMNS, columns);
    for (uint32_t n = 0; n < RA_LOAD_COLUMNS; n++) if (columns[n].rms >= 0) app.track.peaks[n] = columns[n];
}

/* What lies around the spectra of a tile comes into a clip of its own: in one stretch, or, where they lie far apart, window
   behind window. Pieces of the file wait behind its end; what is not in the file stays silent. False: all is there. */
static bool app_tile_next_read(app_work *work, uint64_t *offset, size_t *byte_count, void **bytes)
{
    const ra_wav_info *info = &app.track.info;
    ra_clip *clip = work->clip;
    int64_t half = work->task.fft_frames / 2, step = work->task.hop_frames, hop = 1ll << work->level;
    while (work->gathered < clip->frame_count) {
        int64_t at = work->gathered + half, first = (int64_t)work->index * CANVAS_TILE_SIDE - (int64_t)work->task.first_spectrum;
        int64_t frame = (first + at / step) * hop + at % step - half, left = (int64_t)info->frame_count - frame;
        uint32_t run = (uint32_t)(hop > step ? step - at % step : (int64_t)clip->frame_count - work->gathered);
        if (frame < 0 || left <= 0) { work->gathered++; continue; }
        if (run > left) run = (uint32_t)left;
        if (run > RA_READ_BYTES / info->frame_bytes) run = RA_READ_BYTES / info->frame_bytes;
        work->asked = run;
        *offset = info->data_offset + (uint64_t)frame * info->frame_bytes;
        *byte_count = (size_t)run * info->frame_bytes;
        *bytes = clip->samples + clip->frame_count * clip->channels;
        return true;
    }
    return false;
}
/* Mixed as a file in memory is. What cannot be had is told of elsewhere, and not asked for again. */
static void app_tile_read_done(app_work *work, size_t byte_count)
{
    const ra_wav_info *info = &app.track.info;
    ra_clip *clip = work->clip;
    uint32_t run = (uint32_t)(byte_count / info->frame_bytes);
    ra_wav_decode_mixed(info, (const uint8_t *)(clip->samples + clip->frame_count * clip->channels), clip->samples + (size_t)work->gathered * clip->channels, run);
    work->gathered = run < work->asked ? (uint32_t)clip->frame_count : work->gathered + run;
}

/* What is wanted of files for the page itself, the analysis last: one piece at a time. app_read_bytes, where it belongs, is NULL if it is not wanted any more. */
static bool app_next_read(uint32_t *source, uint64_t *offset, size_t *byte_count)
{
    app.reader = NULL;
    for (int i = 0; i <= APP_WORKS && !app.reader; i++) {
        app_work *work = i ? &app.works[i % APP_WORKS] : &app.export.work;
        if (i == 1 && ra_glance_next_read(&app.glance, offset, byte_count, &app.read_bytes)) {      /* after what somebody waits for */
            app.reader = &app.glance;
            app.read_source = app.glance.source;
            break;
        }
        if (!work->clip || work->is_leaving) continue;
        if (!(work->process ? ra_process_next_read(work->process, offset, byte_count, &app.read_bytes) : app_tile_next_read(work, offset, byte_count, &app.read_bytes))) continue;
        app.reader = work;
        app.read_source = work->source;
    }
    *source = app.read_source;
    return app.reader != NULL;
}
/* Will more be wanted soon? */
static bool app_reads(void) { return app.export.work.source || app.works[APP_ANALYSIS].source; }
static void *app_read_bytes(uint32_t source) { return app.reader && app.read_source == source ? app.read_bytes : NULL; }
static void app_read_done(size_t byte_count)
{
    if (app.reader == &app.glance) {
        ra_glance_read_done(&app.glance, byte_count);
        app.is_dirty |= !(app.glance.spot & 15);
    } else {
        app_work *work = app.reader;
        if (work->process) ra_process_read_done(work->process, byte_count); else app_tile_read_done(work, byte_count);
    }
    app.reader = NULL;
}

/* The analysis of a new track begins when that of the old one has stopped. */
static void app_poll_analysis(void)
{
    app_work *work = &app.works[APP_ANALYSIS];
    const app_track *track = &app.track;
    if (work->is_leaving && !app_end_work(work)) return;
    if (work->process) {
        float progress;
        bool is_done = ra_process_poll(work->process, &progress) >= RA_JOB_DONE;
        app.is_dirty |= is_done || (int)(progress * 100) != (int)(app.analysis * 100);
        if (work->source && (progress > app.analysis + 0.01f || is_done)) app_draw_overview();
        else if (work->source) progress = app.analysis;
        app.analysis = progress;
        if (is_done && ra_process_get(work->process, NULL) == RA_NO_THREAD) { work->overview = app.overview; app.overview = NULL; }      /* once more */
        if (is_done) app_end_work(work);
    } else if (track->clip && !app.overview && !(track->is_remote && ra_glance_is_worth_it(&track->info))) {
        if (ra_overview_create(track->frames, track->source ? track->info.channels : track->clip->channels, track->rate_hz, &app.overview) != RA_OK) return;
        if (app_begin_work(work, &(ra_task){ .kind = RA_TASK_ANALYSE, .overview = app.overview }, NULL)) { app.analysed_s = app.now_s; return; }
        ra_overview_destroy(app.overview);               /* the queue is full: again later */
        app.overview = NULL;
    }
}

/* ---- tiles of the spectrogram ---- */

static app_tile *app_find_tile(uint32_t level, uint32_t index)
{
    for (uint32_t i = 0; i < CANVAS_TILES; i++) if (app.tiles[i].level == level && app.tiles[i].index == index) return &app.tiles[i];
    return NULL;
}

#define APP_TILE_SLICE_S 0.002         /* of a tick, for making colours of spectra */

/* Spectra into the place that has not been looked at for longest: columns of levels, evenly in pitch, 20 kHz on top.
   True when all are there. */
static bool app_fill_tile(app_work *work, const ra_task_result *result)
{
    enum { SIDE = CANVAS_TILE_SIDE };
    double end_s = ra_now_s() + APP_TILE_SLICE_S;
    if (!canvas_has_tiles(&app.canvas)) return true;
    if (work->column == 0) {
        for (uint32_t i = work->place = 0; i < CANVAS_TILES; i++) if (app.tiles[i].used < app.tiles[work->place].used) work->place = i;
        app.tiles[work->place] = (app_tile){ .used = UINT32_MAX };      /* nobody else's now, and nothing to look at */
    }
    uint8_t *texels = canvas_tile_texels(&app.canvas, work->place);
    float edge[SIDE + 1], last = (float)(result->bin_count - 1);
    for (int row = 0; row <= SIDE; row++) edge[row] = (float)(ui_graph_hz(1 - (double)row / SIDE) * 2 * (double)last / app.track.rate_hz);
    while (work->column < SIDE && (work->column % 8 || ra_now_s() < end_s)) {
        const float *db = result->spectra_db + (size_t)work->column * result->bin_count;
        uint8_t *texel = texels + work->column;
        for (int row = 0; row < SIDE; row++, texel += SIDE) {           /* between bins where they are sparse, else the largest */
            float low = edge[row + 1], high = edge[row], level = APP_TILE_FLOOR_DB;
            if (work->column < result->spectrum_count && low < last) {
                uint32_t bin = (uint32_t)low;
                if (high - low < 1) level = db[bin] + (db[bin + 1] - db[bin]) * (low - (float)bin);
                else for (bin = (uint32_t)(low + 0.5f); bin < (uint32_t)(high + 0.5f) && bin < result->bin_count; bin++) level = db[bin] > level ? db[bin] : level;
            }
            float part = (level - APP_TILE_FLOOR_DB) / -APP_TILE_FLOOR_DB;
            *texel = part > 0 ? part < 1 ? (uint8_t)(part * 255) : 255 : 0;
        }
        work->column++;
    }
    if (work->column < SIDE) return false;
    app.tiles[work->place] = (app_tile){ work->level, work->index, app.tile_use };
    app.canvas.dirty_tiles |= 1ull << work->place;
    return app.is_dirty = true;
}

static bool app_wants_tile(uint32_t level, uint32_t index)
{
    return app.view == APP_VIEW_SPECTROGRAM && level == app.tile_level && index >= app.tile_first && index <= app.tile_last;
}

/* Takes tiles that are ready; gives up those that nobody looks at any more; begins others, from the middle of the view outwards. */
static void app_poll_tiles(void)
{
    bool is_busy = false;
    for (app_work *work = app.works + APP_TILE; work < app.works + APP_WORKS; work++) {
        const ra_task_result *result;
        if (!work->clip || is_busy) continue;
        bool is_done = work->process && ra_process_poll(work->process, NULL) >= RA_JOB_DONE, is_wanted = app_wants_tile(work->level, work->index) && !work->is_leaving;
        if (is_done && is_wanted && ra_process_get(work->process, &result) == RA_OK) { is_busy = true; is_done = app_fill_tile(work, result); }
        if (!is_wanted && work->column) app.tiles[work->place].used = 0;
        if (is_done || !is_wanted) app_end_work(work);
        else if (!work->process && work->gathered == work->clip->frame_count) app_begin_work(work, &work->task, NULL);
    }
    double middle = (app.view_from + 0.5 * app.view_frames) / (double)(1ull << app.tile_level) / CANVAS_TILE_SIDE - 0.5;
    for (app_work *work = app.works + APP_TILE; work < app.works + APP_WORKS; work++) {
        double nearest = 1e9;
        uint32_t index = 0;
        for (uint32_t at = app.tile_first; app_wants_tile(app.tile_level, at); at++) {
            bool is_under_way = false;
            for (int other = APP_TILE; other < APP_WORKS; other++) is_under_way |= app.works[other].clip && app.works[other].level == app.tile_level && app.works[other].index == at;
            if (!is_under_way && !app_find_tile(app.tile_level, at) && ra_abs(at - middle) < nearest) { nearest = ra_abs(at - middle); index = at; }
        }
        if (work->clip || nearest == 1e9 || !app.track.clip) continue;
        uint32_t hop = 1u << app.tile_level, fft = hop < 128 ? 1024 : hop < 512 ? 8 * hop : 4096, step = hop < fft ? hop : fft, first = fft / 2 / step + (step > fft / 2);
        uint64_t left = (app.track.frames + hop - 1) / hop - (uint64_t)index * CANVAS_TILE_SIDE, count = left < CANVAS_TILE_SIDE ? left : CANVAS_TILE_SIDE;
        ra_task task = { .kind = RA_TASK_FFT, .hop_frames = hop, .fft_frames = fft, .first_spectrum = (uint64_t)index * CANVAS_TILE_SIDE, .spectrum_count = count };
        if (app.track.source) {
            uint64_t frames = (first + count - 1) * step + fft / 2;
            if (ra_clip_create(frames + RA_READ_BYTES / sizeof(float), app.track.clip->channels, app.track.rate_hz, &work->clip) != RA_OK) return;
            work->clip->frame_count = frames;                 /* room for a piece is behind it */
            work->source = app.track.source;
            task.hop_frames = step;
            task.first_spectrum = first;
        } else if (!app_begin_work(work, &task, NULL)) return;
        work->level = app.tile_level;
        work->index = index;
        work->task = task;
    }
}

/* NaN: not known yet, or there is none. */
static ra_loudness_report app_file_report(void)
{
    ra_loudness_report report;
    if (app.overview && ra_overview_report(app.overview, &report)) return report;
    report.integrated_lufs = report.loudness_range_lu = report.true_peak_dbtp = __builtin_nan("");
    return report;
}

/* ---- export: the track, or what lies between A and B, through the chain into a WAV file ---- */

static void app_end_export(app_export_phase phase)
{
    app_work *work = &app.export.work;
    app.export.phase = phase;
    if (!app_end_work(work) && !app.export.left.process) {   /* so that another may begin at once */
        app.export.left = *work;
        *work = (app_work){ .process = NULL };
    }
    app.is_dirty = true;
}
static void app_cancel_export(void) { if (app.export.phase == APP_EXPORTS) { ra_process_cancel(app.export.work.process); app_end_export(APP_EXPORT_CANCELLED); } }

/* normalise: below 0, or an ra_normalise_kind; to_s not above from_s: to the end. The pieces of the file wait for app_export_next.
   NULL, or the sentence why not. */
static const char *app_export(ra_wav_format format, int normalise, double target_db, double from_s, double to_s)
{
    char name[180];
    ra_text text = ra_text_start(name, sizeof name);
    const app_track *track = &app.track;
    ra_task task = { .kind = RA_TASK_EXPORT, .chain = app_heard_chain(), .is_normalised = normalise >= 0, .normalise = (ra_normalise_kind)normalise,
                     .target_db = target_db, .ceiling_dbtp = __builtin_nan(""), .format = format, .has_report = true };
    double frames = (double)track->frames, end = to_s > from_s ? ra_clamp(ra_floor(to_s * track->rate_hz + 0.5), 0, frames) : frames;
    task.first_frame = (uint64_t)ra_clamp(ra_floor(from_s * track->rate_hz + 0.5), 0, frames);
    if (app.export.phase == APP_EXPORTS || app.export.work.process) return "A file is being exported already.";
    if (to_s > 0 && !(to_s > from_s)) return "The part ends before it begins.";
    if (!track->clip || !(end > (double)task.first_frame)) return "There is no sound to export.";
    task.frame_count = (uint64_t)end - task.first_frame;
    if (!app_begin_work(&app.export.work, &task, &app.export.error)) return app.export.error.text;
    app.export.phase = APP_EXPORTS;
    app.export.progress = 0;
    app.is_dirty = true;
    size_t length = strlen(track->title), base = length;
    while (base && track->title[base] != '.') base--;
    for (size_t i = 0; i < (base ? base : length); i++) ra_text_add_char(&text, track->title[i]);
    ra_text_add(&text, "-export.wav");
    ra_host_request(RA_HOST_EXPORT, (uint32_t)(task.frame_count * (track->source ? track->info.channels : track->clip->channels) * ra_wav_sample_bytes[format] >> 20), name);
    return NULL;
}

static bool app_exports(uint32_t source) { return app.export.work.process && app.export.work.source == source; }

/* The next piece of the file; and that it was taken. */
static const void *app_export_next(size_t *byte_count)
{
    const void *bytes;
    return app.export.phase == APP_EXPORTS && ra_process_next_write(app.export.work.process, &bytes, byte_count) ? bytes : NULL;
}
static void app_export_done(void) { if (app.export.phase == APP_EXPORTS) ra_process_write_done(app.export.work.process); }

static app_export_phase app_poll_export(void)
{
    app_work *work = &app.export.work;
    const ra_task_result *result;
    float progress;
    app_end_work(&app.export.left);
    if (work->is_leaving) app_end_work(work);
    if (app.export.phase != APP_EXPORTS) return app.export.phase;
    bool is_done = ra_process_poll(work->process, &progress) >= RA_JOB_DONE;
    app.is_dirty |= (int)(200 * progress) != (int)(200 * app.export.progress);
    app.export.progress = progress;
    if (!is_done) return APP_EXPORTS;
    if (ra_process_explain(work->process, &app.export.error) == RA_OK && ra_process_get(work->process, &result) == RA_OK) {
        app.export.result = *result;
        app_end_export(APP_EXPORTED);
        ra_host_request(RA_HOST_ANNOUNCE, 0, "Exported");
    } else {
        app_fail(app.export.error.text);
        app_end_export(APP_EXPORT_FAILED);
    }
    return app.export.phase;
}

/* ---- loading: the old clip plays on until the new one is there ---- */

static void app_clear_queue(void)
{
    while (app.queue_count) {
        ra_clip_destroy(app.queue[--app.queue_count]->clip);
        RA_FREE(app.queue[app.queue_count]);
    }
}

/* The track becomes the one that is shown. */
static void app_show_track(const app_track *track, bool is_demo)
{
    char sentence[240];
    ra_text text = ra_text_start(sentence, sizeof sentence);
    app_drop_analysis();
    ra_clip_destroy(app.track.clip);
    app.track = *track;
    ra_glance_end(&app.glance);
    app_forget_read(&app.glance);
    if (track->source && ra_glance_is_worth_it(&track->info)) ra_glance_start(&app.glance, &track->info, track->source, app.track.peaks);
    app.seek_s = app.from_s = app.to_s = -1;
    app.seek_is_unsent = app.range_is_unsent = false;
    app.is_dirty = true;
    ra_text_add(&text, "%s - Rusty Audio", track->title);
    ra_host_request(RA_HOST_SET_TITLE, 0, is_demo ? "Rusty Audio" : sentence);
    if (!is_demo) ra_host_request(RA_HOST_ANNOUNCE, 0, track->title);
}

/* What waited plays now. */
static void app_follow_queue(void)
{
    while (app.queue_count && app.queue[0]->serial <= app.snapshot.clip_serial) {
        app_show_track(app.queue[0], false);
        RA_FREE(app.queue[0]);
        memmove(app.queue, app.queue + 1, --app.queue_count * sizeof *app.queue);
    }
}

/* Frees what has been cancelled and does not run any more. */
static void app_sweep_loads(void)
{
    for (size_t i = 0; i < sizeof app.leaving / sizeof *app.leaving; i++)
        if (app.leaving[i] && ra_load_free(app.leaving[i])) app.leaving[i] = NULL;
}
/* A cancelled load is over within milliseconds, or, when its worker has died, seconds: of nine at once the last but one is left. */
static void app_drop_load(void)
{
    size_t place = 0;
    while (place < 7 && app.leaving[place]) place++;
    app.leaving[place] = app.load;
    app.load = NULL;
    app_sweep_loads();
}

static void app_end_load(const char *failure)
{
    if (app.load_purpose == APP_WANTED_RESPONSE) app.is_wanting = false;
    app_drop_load();
    app.is_dirty = true;
    if (failure) app_fail(failure);
    if (app.load_request) ra_host_request(failure ? RA_HOST_LOAD_FAILED : RA_HOST_LOADED, app.load_request, failure);
    app.load_request = 0;
}

static void app_begin_load(ra_result result, ra_load *load, const char *name, uint32_t request, uint32_t purpose)
{
    if (app.load) {
        if (app.load_purpose == APP_WANTED_RESPONSE) app.is_wanting = false;      /* it will be asked for again */
        if (app.load_request) ra_host_request(RA_HOST_LOAD_FAILED, app.load_request, "Another file was opened before this one was ready.");
        app_drop_load();
    }
    app.load = load;
    app.load_request = request;
    app.load_progress = 0;
    app.load_is_demo = app.load_is_remote = false;
    app.load_purpose = purpose;
    app.is_dirty = true;
    app_copy_text(app.load_title, sizeof app.load_title, name);
    if (result == RA_OK) return;
    char sentence[240];
    ra_text text = ra_text_start(sentence, sizeof sentence);
    ra_text_add(&text, "%s cannot be opened: %s.", name, ra_result_text(result));
    app_end_load(sentence);
}

static void app_load_bytes(void *malloced_bytes, size_t byte_count, const char *name, uint32_t request, uint32_t purpose)
{
    ra_load *load = NULL;
    ra_result result = ra_load_start(app.pool, malloced_bytes, byte_count, &load);
    if (result != RA_OK) free(malloced_bytes);
    app_begin_load(result, load, name, request, purpose);
}
static void app_load_pcm(ra_clip *clip, const char *name, uint32_t request, uint32_t purpose)
{
    ra_load *load = NULL;
    ra_result result = ra_load_start_clip(app.pool, clip, &load);
    if (result != RA_OK) ra_clip_destroy(clip);
    app_begin_load(result, load, name, request, purpose);
}

/* Pieces of it are read when they are wanted, by whoever knows the source. */
static void app_load_stream(const ra_wav_info *info, uint32_t source, bool is_remote, const char *name, uint32_t request, uint32_t purpose)
{
    ra_clip *clip;
    ra_load *load = NULL;
    ra_result result = ra_stream_create(info, source, &clip);
    if (result == RA_OK && (result = ra_load_start_clip(app.pool, clip, &load)) != RA_OK) ra_clip_destroy(clip);
    app_begin_load(result, load, name, request, purpose);
    app.load_is_remote = is_remote;
}

static bool app_names(const char *file)
{
    for (uint32_t i = 0; i < app.session.chain.count; i++) if (!strcmp(app.session.chain.item[i].file, file)) return true;
    return false;
}

/* Kept under its file's name, in the place of that name, else in one that the chain does not name; there is one more than it
   can name. clip NULL: it could not be had, and is not asked for again. */
static void app_keep_response(const char *file, ra_clip *clip)
{
    char name[RA_FILE_BYTES];
    app_copy_text(name, sizeof name, file);
    for (char *at = name; *at; at++) if (!ra_file_is_possible(at, 1)) *at = '_';      /* what a chain's text cannot have */
    app_response *place = app.responses, *end = app.responses + APP_RESPONSE_MAX;
    while (place < end && strcmp(place->name, name)) place++;
    if (place == end) for (place = app.responses; place < end - 1 && place->name[0] && app_names(place->name); ) place++;
    ra_clip *old = place->clip;
    app_copy_text(place->name, sizeof place->name, name);
    place->clip = clip;
    if (app.load_purpose == APP_PICKED_RESPONSE && clip && app.picked_item < app.session.chain.count) {
        ra_processor_spec *item = &app.session.chain.item[app.picked_item];
        if (item->kind == RA_PROCESSOR_CONVOLVE && !strcmp(item->file, app.picked_file) && strcmp(item->file, name)) {      /* still the same one */
            app_edit(0);
            memcpy(item->file, name, sizeof name);
        }
    }
    app_send_chain();
    ra_clip_destroy(old);                                  /* after the engine has seen the new one: it tells them apart */
}

static void app_miss_response(const char *name)
{
    app.is_wanting = false;
    app.load_purpose = APP_WANTED_RESPONSE;
    app_keep_response(name, NULL);
}

/* Asks the page for a response that the chain names and nobody has looked for yet. */
static void app_want_response(void)
{
    for (uint32_t i = 0; i < app.session.chain.count && !app.load && !app.is_wanting; i++) {
        const char *file = app.session.chain.item[i].file;
        if (!*file || app_find_response(file)) continue;
        app.is_wanting = true;
        ra_host_request(RA_HOST_WANT_RESPONSE, APP_WANTED_RESPONSE, file);
    }
}

/* Swaps clip, waveform and title once the load has them. */
static void app_take_load(void)
{
    static app_track track;                                /* too large for the stack */
    char sentence[480];
    ra_text text = ra_text_start(sentence, sizeof sentence);
    ra_clip *clip = NULL;
    ra_error error = { 0 };
    ra_result result = ra_load_take(app.load, &clip, track.peaks, &track.source_channels, &error);
    uint64_t frame_count = clip ? clip->frame_count : 0;
    uint32_t rate_hz = clip ? clip->sample_rate_hz : 0;
    if (app.load_purpose >= APP_WANTED_RESPONSE) {
        bool is_possible = result == RA_OK && ra_impulse_is_possible(clip) && ra_impulse_sounds(clip);
        if (result == RA_OK && !is_possible)
            ra_text_add(&text, "%s is no response: it has to sound, for %d s at most; it lasts %.1f s.", app.load_title, RA_CONVOLVE_MAX_S, (double)frame_count / rate_hz);
        else if (result != RA_OK) ra_text_add(&text, "%s: %s", app.load_title, error.text[0] ? error.text : ra_result_text(result));
        if (!is_possible) ra_clip_destroy(clip);
        if (is_possible || app.load_purpose == APP_WANTED_RESPONSE) app_keep_response(app.load_title, is_possible ? clip : NULL);
        if (is_possible) app_forgive();
        app_end_load(is_possible ? NULL : sentence);
        return;
    }
    track.frames = frame_count;
    track.rate_hz = rate_hz;
    track.serial = app.serial + 1;
    track.source = clip && clip->stream ? ra_stream_source(clip->stream) : 0;
    if (track.source) track.info = clip->stream->info;
    track.is_remote = app.load_is_remote;
    app_copy_text(track.title, sizeof track.title, app.load_title);
    bool is_queued = app.load_purpose == APP_QUEUE && app.serial && !app.track_is_demo;
    app_track *waiting = is_queued && result == RA_OK ? ra_new(1, sizeof *waiting) : NULL;
    if (result == RA_OK) {
        track.clip = ra_clip_keep(clip);
        result = !is_queued ? ra_engine_load(app.engine, clip) : !waiting ? RA_NO_MEMORY : app.queue_count == RA_QUEUE_MAX ? RA_BUSY : ra_engine_queue(app.engine, clip);
        if (result != RA_OK) { ra_clip_destroy(clip); ra_clip_destroy(clip); }
    }
    if (result != RA_OK) {
        RA_FREE(waiting);
        ra_text_add(&text, "%s: %s", app.load_title, error.text[0] ? error.text : ra_result_text(result));
        app_end_load(sentence);
        return;
    }
    app.serial++;
    if (waiting) {
        *waiting = track;
        app.queue[app.queue_count++] = waiting;
        if (app.is_looping && !app.loop_is_picked) { app.is_looping = false; app.loop_is_unsent = true; }      /* or it would wait for ever */
        app_end_load(NULL);
        return;
    }
    app_clear_queue();
    app_show_track(&track, app.load_is_demo);
    app.track_is_demo = app.load_is_demo;
    if (!app.load_is_demo) app_forgive();                  /* what is there may be why the demo plays */
    if (!app.loop_is_picked && app.is_looping != app.load_is_demo) { app.is_looping = app.load_is_demo; app.loop_is_unsent = true; }
    if (app.is_playing) app_play();
    app_end_load(NULL);
}

static void app_poll_load(void)
{
    app_sweep_loads();
    app_want_response();
    if (!app.load) return;
    float progress = app.load_progress;
    ra_job_state state = ra_load_poll(app.load, &progress);
    if (progress != app.load_progress) { app.load_progress = progress; app.is_dirty = true; }
    if (state == RA_JOB_DONE) app_take_load();
    else if (state == RA_JOB_CANCELLED) app_end_load("Opening the file was cancelled.");
}

/* ---- the pool: what its workers do ---- */

/* Four times a second. True if one can see a difference. Where there are no workers the one lane is the page's own. */
static bool app_update_lanes(void)
{
    ra_pool_stats *stats = &app.pool_stats;
    if ((uint64_t)(1e6 * app.now_s) < app.lanes_us + 250000) return false;
    ra_pool_get_stats(app.pool, stats);
    uint64_t passed_us = stats->clock_us - app.lanes_us;
    bool has_changed = false;
    app.lane_count = stats->worker_count < APP_LANE_MAX ? stats->worker_count : APP_LANE_MAX;
    if (!app.lane_count) { stats->workers[0] = stats->control; app.lane_count = 1; }
    for (uint32_t n = 0; n < app.lane_count; n++) {
        const ra_worker_stats *worker = &stats->workers[n];
        app_lane *lane = &app.lanes[n];
        lane->doing = worker->doing ? worker->doing : worker->did;
        uint64_t percent = (100 * (worker->busy_us - lane->busy_us) + passed_us - 1) / passed_us;     /* rounded up: a little is not nothing */
        for (uint32_t bar = 0; bar < APP_LANE_BARS; bar++) {
            uint8_t next = bar + 1 < APP_LANE_BARS ? lane->load[bar + 1] : percent < 100 ? (uint8_t)percent : 100;
            has_changed |= next != lane->load[bar];
            lane->load[bar] = next;
        }
        has_changed |= lane->is_alive != worker->is_alive;
        lane->is_alive = worker->is_alive;
        lane->busy_us = worker->busy_us;
    }
    app.lanes_us = stats->clock_us;
    return has_changed;
}

/* ---- measured curves ---- */

/* Spreads columns over 20 Hz to 20 kHz, evenly in pitch. */
static void app_fit_columns(float plot_width)
{
    uint32_t rate_hz = app.output_rate_hz ? app.output_rate_hz : 48000;
    uint32_t count = (uint32_t)ra_clamp(plot_width / 1.5f, 64, APP_COLUMN_MAX);
    if (count == app.column_count && rate_hz == app.column_rate_hz) return;
    app.column_count = count;
    app.column_rate_hz = rate_hz;
    app.spectrum_serial = 0;
    app.curve_is_stale = true;
    for (uint32_t i = 0; i <= count; i++)
        app.column_bin[i] = (float)(ui_graph_hz(((double)i - 0.5) / (count - 1)) * 2 * (RA_SPECTRUM_BINS - 1) / rate_hz);
    for (uint32_t i = 0; i < count; i++) app.target_db[i] = app.level_db[i] = app.hold_db[i] = -160;
}

/* Between bins where they are sparse (a cubic through four), the largest where they are dense. */
static float app_column_db(uint32_t column)
{
    float from = app.column_bin[column], to = app.column_bin[column + 1], largest = -160;
    if (to - from < 1) {
        float at = (float)ra_clamp(0.5 * (from + to), 1, RA_SPECTRUM_BINS - 3);
        uint32_t bin = (uint32_t)at;
        float t = at - (float)bin, a = app.spectrum_db[bin - 1], b = app.spectrum_db[bin], c = app.spectrum_db[bin + 1], d = app.spectrum_db[bin + 2];
        return b + 0.5f * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));     /* Catmull-Rom */
    }
    for (uint32_t bin = (uint32_t)(from + 0.5f); bin < (uint32_t)(to + 0.5f) && bin < RA_SPECTRUM_BINS; bin++)
        largest = __builtin_fmaxf(largest, app.spectrum_db[bin]);
    return largest;
}

/* Do two values look different, where what is below the floor is not drawn? */
static bool app_differ(float a, float b, float floor) { return a != b && (a > floor || b > floor); }

/* Levels rise at once and fall 60 dB a second, the line above waits 1.5 s and falls 20. True if one can see it. */
static bool app_update_spectrum(double elapsed_s)
{
    uint32_t serial = ra_engine_get_spectrum(app.engine, app.spectrum_db);
    bool is_new = serial != app.spectrum_serial, has_moved = false;
    app.spectrum_serial = serial;
    float fall = (float)(60 * elapsed_s), hold_fall = (float)(20 * elapsed_s);
    for (uint32_t i = 0; i < app.column_count; i++) {
        if (is_new && serial) app.target_db[i] = app_column_db(i);
        float level = __builtin_fmaxf(app.target_db[i], app.level_db[i] - fall), hold = app.hold_db[i];
        if (level >= hold) { hold = level; app.held_s[i] = app.now_s; }
        else if (app.now_s - app.held_s[i] > 1.5) hold = __builtin_fmaxf(level, hold - hold_fall);
        has_moved |= app_differ(level, app.level_db[i], UI_GRAPH_FLOOR_DB) || app_differ(hold, app.hold_db[i], UI_GRAPH_FLOOR_DB)
                  || (hold > level && hold > UI_GRAPH_FLOOR_DB);        /* it waits, and is about to fall */
        app.level_db[i] = level;
        app.hold_db[i] = hold;
    }
    return has_moved;
}

/* The bands of the session; gives their number. item[n]: where band n lies in the chain. */
static uint32_t app_bands(ra_eq_band bands[RA_EQ_BAND_MAX], uint32_t item[RA_EQ_BAND_MAX])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < app.session.chain.count && count < RA_EQ_BAND_MAX; i++) {
        const ra_processor_spec *spec = &app.session.chain.item[i];
        if (spec->kind != RA_PROCESSOR_EQ) continue;
        bands[count] = ra_chain_band(spec);
        item[count++] = i;
    }
    return count;
}

static void app_update_curves(int picked)
{
    if (!app.curve_is_stale && picked == app.picked_node) return;
    ra_eq_band bands[RA_EQ_BAND_MAX];
    uint32_t item[RA_EQ_BAND_MAX], count = app_bands(bands, item);
    for (uint32_t i = 0; i < app.column_count; i++) {
        double hz = ui_graph_hz((double)i / (app.column_count - 1));
        if (app.curve_is_stale) app.curve_db[i] = (float)ra_eq_response_db(bands, count, hz, app.column_rate_hz);
        if (picked >= 0 && picked < (int)count) app.node_curve_db[i] = (float)ra_eq_response_db(bands + picked, 1, hz, app.column_rate_hz);
    }
    app.curve_is_stale = false;
    app.picked_node = picked;
}

static double app_db(float amplitude) { return amplitude > 1e-8f ? ra_db_from_amplitude(amplitude) : -160; }

static void app_text_level(ra_text *to, double db)
{
    if (db > -100) ui_text_db(to, db, false); else ra_text_add(to, db != db ? "–" : "−∞");
}

/* What a screen reader is told of moving pictures: twice a second is plenty. */
static void app_update_said(void)
{
    if (app.now_s - app.said_s < 0.5) return;
    app.said_s = app.now_s;
    for (int channel = 0; channel < 2; channel++) {
        ra_text text = ra_text_start(app.said_levels[channel], sizeof app.said_levels[channel]);
        ra_text_add(&text, "peak ");
        app_text_level(&text, app_db(app.snapshot.peak_hold[channel]));
        ra_text_add(&text, " dBFS, RMS ");
        app_text_level(&text, app_db(app.snapshot.rms[channel]));
    }
    uint32_t loudest = 0;
    for (uint32_t i = 1; i < app.column_count; i++) if (app.level_db[i] > app.level_db[loudest]) loudest = i;
    ra_text text = ra_text_start(app.said_levels[2], sizeof app.said_levels[2]);
    if (!app.column_count || app.level_db[loudest] <= UI_GRAPH_FLOOR_DB) { ra_text_add(&text, "silence"); return; }
    ra_text_add(&text, "loudest at ");
    ui_text_hz(&text, ui_graph_hz((double)loudest / (app.column_count - 1)));
    ra_text_add(&text, " with ");
    app_text_level(&text, app.level_db[loudest]);
    ra_text_add(&text, " dBFS");
}

/* ---- panels ---- */

static void app_show_sheet(app_sheet sheet)
{
    app.sheet = sheet;
    app.ui.focus = sheet ? ui_id("Close", 0) : 0;
    app.is_dirty = true;
}
static void app_switch_theme(void) { app.is_dark = !app.is_dark; app.theme_is_picked = app.is_dirty = true; }

/* Ends or begins; without a choice (what 0) it asks for one. */
static void app_switch_record(uint32_t what)
{
    if (app.record_phase || what) ra_host_request(RA_HOST_RECORD, app.record_phase ? 0 : what, NULL);
    app.record_is_asked = !app.record_phase && !what && !app.record_is_asked;
    app.is_dirty = true;
}

/* A surface with everything of one kind on it. */
static canvas_box app_surface(const canvas_box *box)
{
    canvas_box inside = ui_inset(box, 2, 2);
    canvas_fill(app.ui.canvas, &inside, 6, app.ui.theme->panel);
    return inside;
}

static void app_button_play(canvas_box box, float scale)
{
    ui_button_desc desc = { .id = "Play", .name = app.is_playing ? "Pause" : "Play", .icon = app.is_playing ? UI_PAUSE : UI_PLAY,
                            .look = UI_SOUND, .icon_scale = scale };
    if (ui_button(&app.ui, &box, &desc)) app_switch_play();
}
static void app_button_stop(canvas_box box)
{
    if (ui_button(&app.ui, &box, &(ui_button_desc){ .id = "Stop", .name = "Stop", .icon = UI_STOP })) app_stop();
}
static void app_button_open(canvas_box box, const char *label)
{
    ui_button_desc desc = { .id = "Open file", .name = "Open file", .label = label, .icon = UI_OPEN, .look = label ? UI_RAISED : UI_QUIET };
    if (ui_button(&app.ui, &box, &desc)) ra_host_request(RA_HOST_OPEN_FILE, 0, NULL);
}
/* Who has marked a part wants that, as a rule. */
static void app_show_export(void)
{
    app.export.part = app.from_s >= 0 && app.to_s >= 0;
    app_show_sheet(APP_EXPORT);
}
static void app_button_export(canvas_box box, const char *label)
{
    ui_button_desc desc = { .id = "Export", .name = "Export", .label = label, .icon = UI_EXPORT, .is_disabled = !app.track.frames };
    if (ui_button(&app.ui, &box, &desc)) app_show_export();
}
static void app_button_loop(canvas_box box)
{
    ui_button_desc desc = { .id = "Loop", .name = "Loop", .icon = UI_LOOP, .is_toggle = true, .is_on = app.is_looping };
    if (ui_button(&app.ui, &box, &desc)) app_switch_loop();
}
/* Sets one end after the other, and then takes both away. */
static void app_button_range(canvas_box box)
{
    bool has_from = app.from_s >= 0, has_both = has_from && app.to_s >= 0;
    ui_button_desc desc = { .id = "A-B", .is_tight = true, .name = has_both ? "Loop all" : has_from ? "Loop to here" : "Loop from here", .label = has_from && !has_both ? "A–…" : "A–B", .is_toggle = true, .is_on = has_both };
    if (!ui_button(&app.ui, &box, &desc)) return;
    if (has_both) app_set_range(-1, -1); else if (has_from) app_set_to(); else app_set_from();
}
static void app_button_next(canvas_box box)
{
    if (app.queue_count && ui_button(&app.ui, &box, &(ui_button_desc){ .id = "Next", .name = "Next", .icon = UI_NEXT })) app_skip();
}
static void app_button_undo(canvas_box box)
{
    if (ui_button(&app.ui, &box, &(ui_button_desc){ .id = "Undo", .name = "Undo", .icon = UI_UNDO, .is_disabled = !app.undo_count })) app_undo();
}
static void app_button_redo(canvas_box box)
{
    if (ui_button(&app.ui, &box, &(ui_button_desc){ .id = "Redo", .name = "Redo", .icon = UI_REDO, .is_disabled = !app.redo_count })) app_redo();
}
static void app_button_theme(canvas_box box)
{
    if (ui_button(&app.ui, &box, &(ui_button_desc){ .id = "Theme", .name = "Theme", .icon = UI_THEME })) app_switch_theme();
}
static void app_button_keys(canvas_box box)
{
    if (ui_button(&app.ui, &box, &(ui_button_desc){ .id = "Keys", .name = "Keys", .icon = UI_HELP })) app_show_sheet(APP_KEYS);
}

/* Less than 1 while it records, once a second. */
static float app_pulse(void)
{
    double part = app.now_s - ra_floor(app.now_s);
    return app.record_phase != APP_RECORDS || app.is_still ? 1 : 1 - 0.6f * (float)(part < 0.5 ? part : 1 - part);
}
static void app_button_record(canvas_box box)
{
    ui_button_desc desc = { .id = "Record", .name = "Record", .label = box.w > 44 ? "REC" : NULL, .icon = UI_RECORD, .is_tight = true,
                            .is_toggle = true, .is_on = app.record_phase != APP_RECORDS_NOT, .icon_scale = app_pulse() };
    if (ui_button(&app.ui, &box, &desc)) app_switch_record(0);
}
/* What to record; in the volume's place, beside the button. */
static void app_record_choice(canvas_box box)
{
    static const char *const names[] = { "Record output", "Record microphone" }, *const labels[] = { "Out", "Mic", "Output", "Microphone" };
    float width = 0.4f * box.w;
    uint32_t length = box.w < 150 ? 0 : 2;
    for (uint32_t what = 1; what <= 2; what++) {
        canvas_box place = ui_cut_left(&box, what == 1 ? width : box.w);
        const char *name = names[what - 1];
        if (ui_button(&app.ui, &place, &(ui_button_desc){ .id = name, .name = name, .label = labels[length + what - 1], .look = UI_RAISED, .is_tight = true }))
            app_switch_record(what);
    }
}

static void app_volume(canvas_box box, bool has_number)
{
    if (app.record_is_asked) { app_record_choice(box); return; }
    ui *u = &app.ui;
    char words[24];
    ra_text text = ra_text_start(words, sizeof words);
    bool is_silent = app.is_muted || app.session.volume_db <= APP_VOLUME_MIN_DB;
    if (is_silent) ra_text_add(&text, app.is_muted ? "muted" : "−∞ dB");
    else { ui_text_db(&text, app.session.volume_db, true); ra_text_add(&text, " dB"); }

    ui_button_desc mute = { .id = "Mute", .name = "Mute", .icon = is_silent ? UI_SILENT : UI_SPEAKER, .is_toggle = true, .is_on = app.is_muted };
    canvas_box speaker = ui_cut_left(&box, 44);
    if (ui_button(u, &speaker, &mute)) app_switch_mute();
    canvas_box number = ui_cut_right(&box, has_number ? 68 : 0);
    double volume_db = app.session.volume_db;
    ui_slider_desc slider = { .id = "Volume", .name = "Volume", .text = words, .is_off = app.is_muted,
                              .range = { APP_VOLUME_MIN_DB, APP_VOLUME_MAX_DB, 1, 0, false } };
    if (ui_slider(u, box, &slider, &volume_db)) app_set_volume(volume_db, ui_id("Volume", 0));
    if (has_number) ui_text(u, &number, UI_RIGHT, 14, CANVAS_REGULAR, u->theme->text, words);
}

/* Time that has passed, large, and the whole time, dim. Gives the width it took. */
static float app_time(canvas_box box, float size)
{
    char words[32];
    ra_text text = ra_text_start(words, sizeof words);
    ui_text_time(&text, app_position_s(), true);
    float width = ui_text(&app.ui, &box, UI_LEFT, size, CANVAS_BOLD, app.ui.theme->text, words);
    text = ra_text_start(words, sizeof words);
    ra_text_add(&text, " / ");
    ui_text_time(&text, app_duration_s(), false);
    ui_cut_left(&box, width);
    return box.w < 50 ? width : width + ui_text(&app.ui, &box, UI_LEFT, 14, CANVAS_REGULAR, app.ui.theme->dim, words);
}

static void app_file_name(canvas_box box)
{
    char words[256];
    ra_text text = ra_text_start(words, sizeof words);
    bool is_opening = app.load && !app.load_is_demo;
    if (is_opening) ra_text_add(&text, "Opening %s  %d %%", app.load_title, (int)(app.load_progress * 100));
    else if (app.queue_count) ra_text_add(&text, "%s  · then %s", app.track.title, app.queue[0]->title);
    else ra_text_add(&text, "%s", app.track.title);
    ui_say(ui_describe(&app.ui, ui_id("File", 0), UI_STATUS, "File", &box), words);
    ui_text(&app.ui, &box, UI_LEFT, 14, CANVAS_REGULAR, app.ui.theme->text, words);
    canvas_box progress = { box.x, box.y + box.h - 6, box.w * app.load_progress, 2 };
    if (is_opening) canvas_fill(app.ui.canvas, &progress, 1, app.ui.theme->sound);
}

/* Cut from both ends, built from left to right: the order of building is the order of Tab. */
static void app_panel_transport(canvas_box bar)
{
    bool is_tight = bar.w < 1100, is_tiny = bar.w < 750;
    canvas_box keys = ui_cut_right(&bar, 44), theme = ui_cut_right(&bar, 44);
    canvas_box redo = ui_cut_right(&bar, 44), undo = ui_cut_right(&bar, 44);
    canvas_box volume = ui_cut_right(&bar, bar.w < 700 ? 110 : is_tight ? 160 : 250);
    canvas_box record = ui_cut_right(&bar, is_tight ? 44 : 64);
    app_button_play(ui_cut_left(&bar, 44), 1);
    app_button_stop(ui_cut_left(&bar, 44));
    app_button_next(ui_cut_left(&bar, app.queue_count ? 44 : 0));
    app_button_loop(ui_cut_left(&bar, 44));
    if (!is_tiny) app_button_range(ui_cut_left(&bar, 58));
    ui_cut_left(&bar, 8);
    app_time(ui_cut_left(&bar, (is_tight ? 130 : 196) + (app_duration_s() >= 3600 ? 34 : 0)), 20);
    app_button_open(ui_cut_left(&bar, is_tight ? 44 : 96), is_tight ? NULL : "Open");
    app_button_export(ui_cut_left(&bar, is_tight ? 44 : 106), is_tight ? NULL : "Export");
    app_file_name(ui_inset(&bar, 12, 0));
    app_button_record(record);
    app_volume(volume, !is_tight);
    app_button_undo(undo);
    app_button_redo(redo);
    app_button_theme(theme);
    app_button_keys(keys);
}

static void app_panel_overview(canvas_box box)
{
    canvas_box inside = app_surface(&box);
    char words[64];
    ra_text text = ra_text_start(words, sizeof words);
    ui_text_time(&text, app_position_s(), false);
    ra_text_add(&text, " of ");
    ui_text_time(&text, app_duration_s(), false);
    ui_waveform_desc desc = { .peaks = app.track.peaks, .peak_count = app.track.frames ? RA_LOAD_COLUMNS : 0, .duration_s = app_duration_s(),
                              .position_s = app_position_s(), .text = words, .from_s = app.from_s, .to_s = app.to_s };
    double seek_s;
    canvas_clip(app.ui.canvas, &inside);
    if (ui_waveform(&app.ui, inside, &desc, &seek_s)) app_seek(seek_s);
    canvas_unclip(app.ui.canvas);
}

static void app_text_band_name(ra_text *to, double hz)
{
    if (hz < 1000) ra_text_add(to, "%g Hz", __builtin_floor(hz * 100 + 0.5) / 100);
    else ra_text_add(to, "%g kHz", __builtin_floor(hz / 10 + 0.5) / 100);
}

/* No finer than an ear can tell, so that the session's text stays short. */
static void app_set_band(double value[4], double hz, double db, double q)
{
    double per_hz = hz < 100 ? 100 : hz < 1000 ? 10 : 1;
    value[0] = ra_floor(hz * per_hz + 0.5) / per_hz;
    value[1] = ra_floor(db * 100 + 0.5) / 100;
    value[2] = ra_floor(q * 1000 + 0.5) / 1000;
}

/* Makes a hole in the chain at an item, or closes one. */
static void app_shift_items(uint32_t to, uint32_t from)
{
    app_session *session = &app.session;
    uint32_t count = session->chain.count - from;
    memmove(session->chain.item + to, session->chain.item + from, count * sizeof session->chain.item[0]);
    memmove(session->named_hz + to, session->named_hz + from, count * sizeof session->named_hz[0]);
    session->chain.count += to - from;
}
static void app_remove_item(uint32_t item) { app_shift_items(item, item + 1); }
static void app_insert_item(uint32_t at, const ra_processor_spec *item)
{
    app_shift_items(at + 1, at);
    app.session.chain.item[at] = *item;
    app.session.named_hz[at] = (float)item->value[0];
}
static void app_insert_band(uint32_t at, double hz, double db)
{
    ra_processor_spec band = { .kind = RA_PROCESSOR_EQ, .type = RA_PEAKING };
    app_set_band(band.value, hz, db, 1.41);
    app_insert_item(at, &band);
    app.session.named_hz[at] = (float)hz;
}

static void app_panel_equaliser(canvas_box box)
{
    ui *u = &app.ui;
    ra_eq_band bands[RA_EQ_BAND_MAX];
    uint32_t item[RA_EQ_BAND_MAX], count = app_bands(bands, item);
    ui_node nodes[RA_EQ_BAND_MAX];
    for (uint32_t i = 0; i < count; i++) {
        ra_text name = ra_text_start(nodes[i].name, sizeof nodes[i].name);
        app_text_band_name(&name, app.session.named_hz[item[i]]);
        nodes[i].hz = bands[i].hz; nodes[i].db = bands[i].db; nodes[i].q = bands[i].q;
        nodes[i].has_gain = bands[i].type <= RA_HIGH_SHELF;
    }
    app_fit_columns(box.w - 76);
    app_update_curves(app.picked_node);
    ui_graph_desc desc = { .nodes = nodes, .node_count = count, .is_on = app_eq_is_heard(), .summary = app.said_levels[2],
                           .curve_db = app.curve_db, .node_curve_db = app.picked_node >= 0 ? app.node_curve_db : NULL,
                           .level_db = app.level_db, .hold_db = app.hold_db, .column_count = app.column_count };
    ui_graph_result result = ui_graph(u, box, &desc);
    if (result.picked != app.picked_node) { app_update_curves(result.picked); app.is_dirty = true; }
    if (result.action == UI_GRAPH_NOTHING) return;
    if (result.action == UI_GRAPH_ADDED && (count == RA_EQ_BAND_MAX || app.session.chain.count == RA_CHAIN_MAX)) {
        app_fail("The equaliser is full: 32 bands are the most.");
        return;
    }
    app_edit(result.group);
    uint32_t at = count ? item[result.action == UI_GRAPH_ADDED ? count - 1 : result.node] : 0;
    double *value = app.session.chain.item[at].value;
    switch (result.action) {
    case UI_GRAPH_CHANGED: app_set_band(value, nodes[result.node].hz, nodes[result.node].db, nodes[result.node].q); break;
    case UI_GRAPH_RESET:   app_set_band(value, app.session.named_hz[at], 0, 1.41); break;
    case UI_GRAPH_REMOVED: app_remove_item(at); break;
    case UI_GRAPH_ADDED:   app_insert_band(count ? at + 1 : 0, result.hz, result.db); break;
    case UI_GRAPH_NOTHING: break;
    }
    app_send_chain();
}

/* ---- views of the file: one time axis, two pictures ---- */

static double app_position_frames(void) { return app_position_s() * app.track.rate_hz; }

/* The part that is shown lies within the track. */
static void app_fit_view(void)
{
    double frames = app.track.frames ? (double)app.track.frames : 1;
    if (app.view_frames <= 0) app.view_frames = frames;
    app.view_frames = ra_clamp(app.view_frames, frames < 16 ? frames : 16, frames);
    app.view_from = ra_clamp(app.view_from, 0, frames - app.view_frames);
    app.is_dirty = true;
}

/* Shows factor times as much; what is at share of the width stays there. */
static void app_zoom(double factor, double share)
{
    double middle = app.view_from + share * app.view_frames;
    app.view_frames *= factor;
    app_fit_view();
    app.view_from = middle - share * app.view_frames;
    app_fit_view();
}

/* By key or button: around the playhead, or the middle if that is elsewhere. */
static void app_zoom_here(double factor)
{
    double share = app.view_frames > 0 ? (app_position_frames() - app.view_from) / app.view_frames : 0;
    app_zoom(factor, share >= 0 && share <= 1 ? share : 0.5);
}

static void app_show_view(app_view view) { app.view = view; app.rack_is_in_front = false; app.is_dirty = true; }

/* The playhead takes the view along when it leaves it. */
static void app_follow_playhead(void)
{
    double now = app_position_frames(), end = app.view_from + app.view_frames;
    bool was_inside = app.followed >= app.view_from && app.followed <= end, is_inside = now >= app.view_from && now <= end;
    app.followed = now;
    if (app.view == APP_VIEW_EQ || !was_inside || is_inside) return;
    app.view_from = now - 0.05 * app.view_frames;
    app_fit_view();
}

/* A plot over time, and what the pointer does to it. */
typedef struct { canvas_box plot; ui_touch touch; double frames_per_px, pointed; /* frame under the pointer */ } app_axis;

static float app_axis_x(const app_axis *axis, double frame) { return axis->plot.x + (float)((frame - app.view_from) / axis->frames_per_px); }

static void app_text_frame(ra_text *to, double frame) { ui_text_time(to, frame / app.track.rate_hz, true); }

/* Click: there; drag and wheel: along; with Ctrl, or two fingers: closer; with Shift: a loop. */
static void app_move_axis(app_axis *axis)
{
    ui *u = &app.ui;
    const ui_event *event = &u->event;
    double share = (u->x - axis->plot.x) / axis->plot.w, rate_hz = app.track.rate_hz;
    bool is_moved = axis->touch.is_active && event->kind == UI_MOVE;
    if (axis->touch.went_down) app.view_drag = APP_CLICK;
    if (is_moved && !app.view_drag && (u->second.is_down || ui_distance(u->x - u->last_down_x, u->y - u->last_down_y) > 4)) app.view_drag = event->modifiers & UI_SHIFT ? APP_MARK : APP_PAN;
    if (axis->touch.is_hot && event->kind == UI_WHEEL) {
        if (event->modifiers & (UI_CTRL | UI_META)) app_zoom(ra_exp(0.004 * event->scroll), share); else app.view_from += event->scroll * axis->frames_per_px;
        u->was_used = true;
    }
    if (is_moved && u->second.is_down) app_zoom(1 / u->pinch, share);
    else if (is_moved && app.view_drag == APP_PAN) app.view_from -= u->moved_x * axis->frames_per_px;
    app_fit_view();
    axis->frames_per_px = app.view_frames / axis->plot.w;
    axis->pointed = app.view_from + share * app.view_frames;
    double began = app.view_from + (u->last_down_x - axis->plot.x) * axis->frames_per_px, at = ra_clamp(axis->pointed, 0, (double)app.track.frames);
    if (!axis->touch.was_released) return;
    if (app.view_drag == APP_CLICK) app_seek(at / rate_hz);
    if (app.view_drag == APP_MARK) app_set_range((began < at ? began : at) / rate_hz, (began < at ? at : began) / rate_hz);
}

static app_axis app_begin_axis(const canvas_box *box, const char *name)
{
    static const float steps_s[] = { 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 18000 };
    ui *u = &app.ui;
    uint32_t id = ui_id("Time axis", 0), steps = 0;
    app_axis axis = { .plot = { box->x + 40, box->y + 8, box->w - 76, box->h - 32 } };
    const canvas_box *plot = &axis.plot;
    axis.touch = ui_update(u, id, plot, false);
    app_fit_view();
    axis.frames_per_px = app.view_frames / plot->w;
    app_move_axis(&axis);
    char words[64];
    ra_text text = ra_text_start(words, sizeof words);
    app_text_frame(&text, app.view_from);
    ra_text_add(&text, " to ");
    app_text_frame(&text, app.view_from + app.view_frames);
    ui_say(ui_describe(u, id, UI_IMAGE, name, plot), words);

    canvas_fill(u->canvas, plot, 0, canvas_mix(u->theme->background, u->theme->panel, 0.35f));
    double rate_hz = app.track.rate_hz ? app.track.rate_hz : 1, least_s = 84 * axis.frames_per_px / rate_hz, step_s = 1e-5;
    for (uint32_t i = 0; step_s < least_s && step_s < 9; i++) step_s *= i % 3 == 1 ? 2.5 : 2;     /* 1, 2, 5, 10 */
    while (step_s < least_s && steps < sizeof steps_s / sizeof *steps_s) step_s = steps_s[steps++];
    for (double n = -ra_floor(-app.view_from / rate_hz / step_s); n * step_s * rate_hz <= app.view_from + app.view_frames && least_s > 0; n++) {
        float x = app_axis_x(&axis, n * step_s * rate_hz);
        text = ra_text_start(words, sizeof words);
        if (step_s < 1e-3) ra_text_add(&text, "%.5f s", n * step_s); else ui_text_time(&text, n * step_s, step_s < 1);
        canvas_fill(u->canvas, &(canvas_box){ x - 0.5f, plot->y, 1, plot->h + 4 }, 0, u->theme->hairline);
        ui_text(u, &(canvas_box){ x - 42, plot->y + plot->h + 3, 84, 18 }, UI_CENTRE, 12, CANVAS_REGULAR, u->theme->dim, words);
    }
    canvas_clip(u->canvas, plot);
    return axis;
}

/* What lies over both pictures: the loop, the playhead, where the pointer is and what is there. */
static void app_end_axis(const app_axis *axis, const char *readout)
{
    ui *u = &app.ui;
    const ui_theme *theme = u->theme;
    const canvas_box *plot = &axis->plot;
    double ends_s[2] = { app.from_s, app.to_s };
    for (int end = 0; end < 2; end++)
        if (ends_s[end] >= 0) canvas_fill(u->canvas, &(canvas_box){ app_axis_x(axis, ends_s[end] * app.track.rate_hz) - (end ? 2 : 0), plot->y, 2, plot->h }, 0, theme->loop);
    float from = app_axis_x(axis, app.from_s * app.track.rate_hz), to = app_axis_x(axis, app.to_s * app.track.rate_hz);
    bool is_marked = app.from_s >= 0 && app.to_s >= 0;
    if (axis->touch.is_active && app.view_drag == APP_MARK) { from = u->last_down_x; to = u->x; is_marked = true; }
    float left = from < to ? from : to;
    if (is_marked) canvas_fill(u->canvas, &(canvas_box){ left, plot->y, from + to - 2 * left, plot->h }, 0, canvas_fade(theme->loop, 0.25f));
    float x = app_axis_x(axis, app_position_frames());
    canvas_fill(u->canvas, &(canvas_box){ x - 2, plot->y, 4, plot->h }, 0, canvas_fade(theme->panel, 0.6f));
    canvas_fill(u->canvas, &(canvas_box){ x - 1, plot->y, 2, plot->h }, 0, theme->text);
    if (axis->touch.is_hot) {
        canvas_fill(u->canvas, &(canvas_box){ u->x, plot->y, 1, plot->h }, 0, canvas_fade(theme->dim, 0.8f));
        canvas_fill(u->canvas, &(canvas_box){ plot->x, u->y, plot->w, 1 }, 0, canvas_fade(theme->dim, 0.8f));
        ui_draw_corner(u, plot, readout);
    }
    canvas_unclip(u->canvas);
}

static void app_draw_sentence(const canvas_box *plot, const char *sentence)
{
    ui_text(&app.ui, plot, UI_CENTRE, 14, CANVAS_REGULAR, app.ui.theme->dim, sentence);
}

static bool app_has_samples(void) { return app.track.clip && app.track.clip->samples; }

static void app_draw_tiles(const app_axis *axis, uint32_t level)
{
    double span = (double)(1ull << level) * CANVAS_TILE_SIDE;
    for (uint32_t i = 0; i < CANVAS_TILES; i++) {
        app_tile *tile = &app.tiles[i];
        double first = (tile->index - 0.5 / CANVAS_TILE_SIDE) * span;      /* the first spectrum has frame 0 in its middle */
        if (tile->level != level || first > app.view_from + app.view_frames || first + span < app.view_from) continue;
        float x = app_axis_x(axis, first);
        tile->used = app.tile_use;
        canvas_tile(app.ui.canvas, &(canvas_box){ x, axis->plot.y, app_axis_x(axis, first + span) - x, axis->plot.h }, i);
    }
}

static void app_panel_spectrogram(canvas_box box)
{
    ui *u = &app.ui;
    app_axis axis = app_begin_axis(&box, app_view_names[APP_VIEW_SPECTROGRAM]);
    const canvas_box *plot = &axis.plot;
    char words[96];
    ra_text text = ra_text_start(words, sizeof words);
    uint32_t level = APP_LEVEL_MIN;
    while (level < APP_LEVEL_MAX && (double)(2ull << level) <= axis.frames_per_px) level++;
    double span = (double)(1ull << level) * CANVAS_TILE_SIDE, last = (double)(app.track.frames ? app.track.frames - 1 : 0), half = 0.5 / CANVAS_TILE_SIDE;
    double end = app.view_from + app.view_frames;
    app.tile_level = level;
    app.tile_first = (uint32_t)(app.view_from / span + half);
    app.tile_last = (uint32_t)(end / span + half < last / span ? end / span + half : last / span);      /* the last that has a spectrum in the track */
    uint64_t frame_bytes = app.track.info.frame_bytes;      /* of a file on a server only what one looks at closely: 4 MB a tile, in one stretch */
    bool is_too_far = app.track.is_remote && (frame_bytes > 4 ? frame_bytes : 4) << level > 1 << 14;
    if (is_too_far) app.tile_first = app.tile_last + 1;
    app.tile_use++;
    bool is_whole = true;
    for (uint32_t index = app.tile_first; index <= app.tile_last; index++) is_whole = is_whole && app_find_tile(level, index);
    for (uint32_t other = APP_LEVEL_MAX; other >= APP_LEVEL_MIN && !is_whole; other--) if (other != level) app_draw_tiles(&axis, other);
    app_draw_tiles(&axis, level);
    if (is_too_far) app_draw_sentence(plot, "Zoom in: this file is on a server.");

    double share = 1 - (u->y - plot->y) / plot->h, hz = ui_graph_hz(share), column = axis.pointed / span + half;
    app_text_frame(&text, axis.pointed);
    ra_text_add(&text, "   ");
    ui_text_hz(&text, hz);
    ra_text_add(&text, "   ");
    ui_text_note(&text, hz);
    const app_tile *tile = column >= 0 ? app_find_tile(level, (uint32_t)column) : NULL;
    if (tile && axis.touch.is_hot) {
        uint32_t across = (uint32_t)((column - (uint32_t)column) * CANVAS_TILE_SIDE), down = (uint32_t)ra_clamp((1 - share) * CANVAS_TILE_SIDE, 0, CANVAS_TILE_SIDE - 1);
        uint8_t texel = canvas_tile_texels(u->canvas, (uint32_t)(tile - app.tiles))[down * CANVAS_TILE_SIDE + across];
        ra_text_add(&text, "   ");
        app_text_level(&text, texel ? (1 - texel / 255.0) * APP_TILE_FLOOR_DB : -160);
        ra_text_add(&text, " dB");
    }
    app_end_axis(&axis, words);
    for (size_t i = 0; i < sizeof ui_hz_lines / sizeof *ui_hz_lines; i++) {
        if (!ui_hz_lines[i].label) continue;
        float y = plot->y + plot->h * (1 - (float)ui_graph_share(ui_hz_lines[i].hz));
        ui_text(u, &(canvas_box){ plot->x - 36, y - 9, 30, 18 }, UI_RIGHT, 12, CANVAS_REGULAR, u->theme->dim, ui_hz_lines[i].label);
        canvas_fill(u->canvas, &(canvas_box){ plot->x - 4, y, 4, 1 }, 0, u->theme->dim);
    }
}

/* Of so many frames: from the samples themselves, the overview, or what the load has seen, whatever is fine enough and there. */
static ra_peak app_peak(double first, double width)
{
    const ra_clip *clip = app.track.clip;
    double frames = (double)app.track.frames, from = ra_floor(ra_clamp(first, 0, frames)), to = -ra_floor(-ra_clamp(first + width, 0, frames));
    ra_peak peak = { 0, 0, -1 };
    if (app_has_samples() && width < 256) return ra_peak_of(clip->samples + (uint64_t)from * clip->channels, (uint64_t)(to - from) * clip->channels);
    if (app.overview) ra_overview_columns(app.overview, first, first + width, 1, &peak);
    if (peak.rms < 0 && first >= 0 && first < frames) peak = app.track.peaks[(uint32_t)(first / frames * RA_LOAD_COLUMNS)];
    return peak;
}

/* Each sample, channel by channel, where they stand far apart. */
static void app_draw_samples(const app_axis *axis)
{
    static canvas_point points[UI_COLUMN_MAX];
    ui *u = &app.ui;
    const ra_clip *clip = app.track.clip;
    for (uint32_t channel = 0; channel < clip->channels; channel++) {
        canvas_colour colour = channel ? u->theme->loop : u->theme->sound;
        uint32_t count = 0;
        for (uint64_t frame = (uint64_t)app.view_from; frame < clip->frame_count && (double)frame < app.view_from + app.view_frames + 1 && count < UI_COLUMN_MAX; frame++) {
            float value = clip->samples[frame * clip->channels + channel];
            points[count++] = (canvas_point){ app_axis_x(axis, (double)frame), axis->plot.y + 0.5f * axis->plot.h * (1 - (float)ra_clamp(value == value ? value : 0, -1, 1)) };
        }
        canvas_polyline(u->canvas, points, count, 1.5f, colour);
        for (uint32_t i = 0; i < count && axis->frames_per_px < 0.15; i++) canvas_disc(u->canvas, points[i].x, points[i].y, 3, colour);
    }
}

/* How loud it is around a frame, over 400 ms where one sees them, else over 3 s; NaN: nothing is known. */
static double app_loudness_at(double frame, double width)
{
    const ra_loudness_point *points;
    uint32_t count = app.overview ? ra_overview_loudness(app.overview, &points) : 0;
    double scale = 10.0 / app.track.rate_hz, at = frame * scale - 1, end = at + width * scale, most = __builtin_nan("");
    bool is_momentary = app.view_frames * scale < 300;
    for (uint32_t point = (uint32_t)ra_clamp(at, 0, 4e9); point < count; point++) {
        double lufs = is_momentary ? points[point].momentary_lufs : points[point].short_term_lufs;
        if (!(most >= lufs)) most = lufs;
        if (point + 1 > end) break;
    }
    return most;
}

static void app_panel_waveform(canvas_box box)
{
    static ra_peak columns[UI_COLUMN_MAX];
    static canvas_point points[UI_COLUMN_MAX];
    ui *u = &app.ui;
    const ui_theme *theme = u->theme;
    app_axis axis = app_begin_axis(&box, app_view_names[APP_VIEW_WAVEFORM]);
    const canvas_box *plot = &axis.plot;
    char words[128];
    ra_text text = ra_text_start(words, sizeof words);
    uint32_t count = (uint32_t)ra_clamp(plot->w * app.ratio, 2, UI_COLUMN_MAX - 2);
    double width = app.view_frames / count, first = width > 0 ? ra_floor(app.view_from / width) * width : 0;      /* on a grid, or peaks would shimmer */
    for (int db = 0; db < 2; db++) for (int side = -1; side < 2; side++)
        canvas_fill(u->canvas, &(canvas_box){ plot->x, plot->y + 0.5f * plot->h * (1 + (float)side * 0.5012f), plot->w, 1 }, 0, theme->hairline);
    if (app_has_samples() && width < 0.5) app_draw_samples(&axis);
    else {
        for (uint32_t i = 0; i < count + 2; i++) columns[i] = app_peak(first + width * i, width);
        float played = (float)ra_clamp(app_axis_x(&axis, app_position_frames()), plot->x, plot->x + plot->w);
        for (int ahead = 0; ahead < 2; ahead++) {
            canvas_colour colour = ahead ? theme->dim : theme->sound;
            canvas_clip(u->canvas, &(canvas_box){ ahead ? played : plot->x, plot->y, ahead ? plot->x + plot->w - played : played - plot->x, plot->h });
            ui_draw_columns(u, plot, app_axis_x(&axis, first + 0.5 * width), plot->w / (float)count, columns, count + 2, canvas_fade(colour, 0.5f), colour);
            canvas_unclip(u->canvas);
        }
    }
    uint32_t line = 0;
    float step = plot->w / (float)(UI_COLUMN_MAX / 4 - 1);
    for (uint32_t i = 0; i < UI_COLUMN_MAX / 4; i++) {
        double lufs = app_loudness_at(app.view_from + i * step * axis.frames_per_px, step * axis.frames_per_px);
        if (lufs == lufs) points[line++] = (canvas_point){ plot->x + step * (float)i, plot->y + plot->h * (float)ra_clamp(lufs / UI_METER_FLOOR_DB, 0, 1.1) };
    }
    canvas_polyline(u->canvas, points, line, 4, theme->panel);
    canvas_polyline(u->canvas, points, line, 2, theme->text);

    ra_peak at = app_peak(axis.pointed, axis.frames_per_px);
    app_text_frame(&text, axis.pointed);
    ra_text_add(&text, "   peak ");
    app_text_level(&text, app_db(__builtin_fmaxf(-at.min, at.max)));
    ra_text_add(&text, " dB   ");
    if (plot->w >= 400) {                                /* a phone has no room for it */
        ra_text_add(&text, "RMS ");
        app_text_level(&text, app_db(at.rms));
        ra_text_add(&text, " dB   ");
    }
    app_text_level(&text, app_loudness_at(axis.pointed, 0));
    ra_text_add(&text, " LUFS");
    app_end_axis(&axis, words);
    for (int db = 0; db >= -12; db -= 6) for (int side = -1; side < 2; side += 2) {
        text = ra_text_start(words, sizeof words);
        ra_text_add(&text, db ? "−%d" : "0 dB", -db);
        float y = plot->y + 0.5f * plot->h * (1 + (float)side * (float)ra_amplitude_from_db(db));
        ui_text(u, &(canvas_box){ plot->x - 36, y - 9, 30, 18 }, UI_RIGHT, 12, CANVAS_REGULAR, theme->dim, words);
    }
    for (int lufs = 0; lufs > (int)UI_METER_FLOOR_DB; lufs -= 10) {
        text = ra_text_start(words, sizeof words);
        ra_text_add(&text, lufs ? "−%d" : "LUFS", -lufs);
        float y = plot->y + plot->h * (float)(lufs / UI_METER_FLOOR_DB);
        ui_text(u, &(canvas_box){ plot->x + plot->w + 6, y - 9, 34, 18 }, UI_LEFT, 12, CANVAS_REGULAR, theme->dim, words);
    }
}

/* Which view there is, and how close one looks. */
static void app_view_bar(canvas_box bar)
{
    ui *u = &app.ui;
    bar = ui_inset(&bar, 8, 0);
    bool is_narrow = bar.w < 330;
    float button = !app.view ? 0 : is_narrow ? 24 : 40;
    canvas_box closer = ui_cut_right(&bar, button), wider = ui_cut_right(&bar, button);
    for (uint32_t view = 0; view < APP_VIEW_COUNT; view++) {
        canvas_box tab = ui_cut_left(&bar, canvas_text_width(u->canvas, 14, CANVAS_BOLD, app_view_names[view]) + (is_narrow ? 12 : 22));
        bool is_on = app.view == view;
        ui_button_desc desc = { .id = app_view_names[view], .name = app_view_names[view], .label = app_view_names[view], .is_toggle = true, .is_on = is_on, .is_tight = true };
        if (ui_button(u, &tab, &desc)) app_show_view((app_view)view);
        if (is_on) canvas_fill(u->canvas, &(canvas_box){ tab.x + 6, tab.y + tab.h - 5, tab.w - 12, 2 }, 1, u->theme->loop);
    }
    if (!app.view) return;
    if (ui_button(u, &wider, &(ui_button_desc){ .id = "Zoom out", .name = "Zoom out", .label = "−", .is_tight = true })) app_zoom_here(2);
    if (ui_button(u, &closer, &(ui_button_desc){ .id = "Zoom in", .name = "Zoom in", .label = "+", .is_tight = true })) app_zoom_here(0.5);
}

/* Until the first gesture a browser keeps audio asleep; this is the gesture. Its press wakes the audio already, but
   the button has to stay until it is let go, or it would not count. */
static bool app_tap_is_shown(void)
{
    bool is_held = app.ui.active == ui_id("Tap", 0);
    return is_held || !(app.audio == APP_AUDIO_RUNNING || app.is_playing || app.snapshot.rendered_frames);
}

/* Below the middle: clear of the nodes on the 0 dB line. */
static canvas_box app_tap_box(canvas_box box)
{
    canvas_box pill = ui_middle(&box, 168, 48);
    pill.y += 0.2f * box.h;
    return pill;
}

static void app_tap_to_hear(canvas_box box)
{
    if (!app_tap_is_shown()) return;
    canvas_box pill = app_tap_box(box), halo = ui_inset(&pill, -4, -4);
    canvas_fill(app.ui.canvas, &halo, 10, canvas_fade(app.ui.theme->panel, 0.85f));
    ui_button_desc desc = { .id = "Tap", .name = "Tap to hear", .label = "Tap to hear", .icon = UI_PLAY, .look = UI_SOUND };
    if (ui_button(&app.ui, &pill, &desc)) app_play();
}

/* The soft clip worked a moment ago: shown as long as a peak is held. */
static bool app_has_clipped(void) { return app.now_s - app.clipped_s < 1.5; }

static ui_meter_desc app_meter(int channel)
{
    return (ui_meter_desc){ .name = channel ? "Level right" : "Level left", .text = app.said_levels[channel],
                            .peak_db = app_db(app.snapshot.peak[channel]), .hold_db = app_db(app.snapshot.peak_hold[channel]),
                            .rms_db = app_db(app.snapshot.rms[channel]), .has_clipped = app_has_clipped() };
}

/* How loud the file is, for a screen reader. */
static void app_describe_file(const canvas_box *box, const ra_loudness_report *file)
{
    char words[96];
    ra_text text = ra_text_start(words, sizeof words);
    if (app.analysis < 1) ra_text_add(&text, "measured to %d %%", (int)(app.analysis * 100));
    else {
        app_text_level(&text, file->integrated_lufs);
        ra_text_add(&text, " LUFS, range ");
        app_text_level(&text, file->loudness_range_lu);
        ra_text_add(&text, " LU, true peak ");
        app_text_level(&text, file->true_peak_dbtp);
        ra_text_add(&text, " dBTP");
    }
    ui_say(ui_describe(&app.ui, ui_id("File loudness", 0), UI_STATUS, "File loudness", box), words);
}

static void app_panel_meters(canvas_box box)
{
    ui *u = &app.ui;
    const ui_theme *theme = u->theme;
    canvas_box surface = app_surface(&box), inside = ui_inset(&surface, 14, 12);
    double hold_db = app_db(__builtin_fmaxf(app.snapshot.peak_hold[0], app.snapshot.peak_hold[1]));
    ra_loudness_report file = app_file_report();
    char words[32];
    ra_text text = ra_text_start(words, sizeof words);
    app_text_level(&text, file.integrated_lufs);
    bool is_low = inside.h < 360;
    canvas_box head = ui_cut_top(&inside, is_low ? 30 : 40);
    app_describe_file(&head, &file);
    float width = ui_text(u, &head, UI_LEFT, is_low ? 20 : 32, CANVAS_BOLD, theme->text, words);
    ui_cut_left(&head, width + 8);
    ui_text(u, &(canvas_box){ head.x, head.y + (is_low ? 5 : 10), head.w, 20 }, UI_LEFT, 12, CANVAS_REGULAR, theme->dim, head.w > 60 ? "LUFS, file" : "LUFS");

    static const char *const facts[] = { "Range, LU", "Peak, dBTP", "Peak, dBFS", "RMS L, dBFS", "RMS R, dBFS", "Frames clipped", "Not analysed" };
    for (int fact = 0; fact < 7; fact++) {                 /* the file's, and what is heard now */
        if (is_low && fact > 2) break;
        if (fact == 2) {
            canvas_box now = ui_cut_top(&inside, 28);
            float left = now.x + 8 + ui_text(u, &now, UI_LEFT, 12, CANVAS_BOLD, theme->dim, "Now");
            canvas_fill(u->canvas, &(canvas_box){ left, now.y + 14, now.x + now.w - left, 1 }, 0, theme->hairline);
        }
        canvas_box line = ui_cut_top(&inside, 20);
        text = ra_text_start(words, sizeof words);
        if (fact < 2) app_text_level(&text, fact ? file.true_peak_dbtp : file.loudness_range_lu);
        else if (fact == 2) app_text_level(&text, hold_db);
        else if (fact < 5) app_text_level(&text, app_db(app.snapshot.rms[fact - 3]));
        else ra_text_add(&text, "%llu", (unsigned long long)(fact == 5 ? app.snapshot.soft_clip_count : app.snapshot.tap_lost_frames));
        bool is_hot = fact == 2 && hold_db > -0.1;
        ui_text(u, &line, UI_LEFT, 12, CANVAS_REGULAR, theme->dim, facts[fact]);
        ui_text(u, &line, UI_RIGHT, 12, fact == 2 ? CANVAS_BOLD : CANVAS_REGULAR, is_hot ? theme->error : theme->text, words);
    }
    ui_cut_bottom(&inside, 8);
    ui_cut_top(&inside, 8);
    canvas_box letters = ui_cut_bottom(&inside, 18), scale = inside;
    float bar = __builtin_fminf(44, 0.5f * (inside.w - 44)), gap = 8, left = inside.x + 0.5f * (inside.w - 2 * bar - 36 - 2 * gap);
    for (int channel = 0; channel < 2; channel++) {
        canvas_box place = { left + (float)channel * (bar + 36 + 2 * gap), inside.y, bar, inside.h };
        ui_meter_desc desc = app_meter(channel);
        ui_meter(u, place, &desc);
        ui_text(u, &(canvas_box){ place.x, letters.y, place.w, letters.h }, UI_CENTRE, 12, CANVAS_BOLD, theme->dim, channel ? "R" : "L");
    }
    scale.y += 12; scale.h -= 12;                          /* as the bars below their lamps */
    for (int db = 0; db >= (int)UI_METER_FLOOR_DB; db -= scale.h > 180 ? 6 : 12) {
        text = ra_text_start(words, sizeof words);
        ra_text_add(&text, "%s%d", db ? "−" : "", -db);
        float y = scale.y + scale.h * (1 - ui_meter_share(db));
        ui_text(u, &(canvas_box){ left + bar + gap, y - 8, 36, 16 }, UI_CENTRE, 12, CANVAS_REGULAR, theme->dim, words);
    }
}

/* The phone's: two bars above each other and the number beside them. */
static void app_panel_meters_flat(canvas_box box)
{
    ui *u = &app.ui;
    canvas_box surface = app_surface(&box), inside = ui_inset(&surface, 12, 7);
    char words[32];
    ra_text text = ra_text_start(words, sizeof words);
    ra_loudness_report file = app_file_report();
    canvas_box number = ui_cut_right(&inside, 110), lower = ui_cut_bottom(&number, 0.5f * number.h);
    ra_text_add(&text, "now ");
    app_text_level(&text, app_db(__builtin_fmaxf(app.snapshot.peak_hold[0], app.snapshot.peak_hold[1])));
    ra_text_add(&text, " dBFS");
    ui_text(u, &number, UI_RIGHT, 12, CANVAS_REGULAR, u->theme->dim, words);
    text = ra_text_start(words, sizeof words);
    ra_text_add(&text, "file ");
    app_text_level(&text, file.integrated_lufs);
    ra_text_add(&text, " LUFS");
    ui_text(u, &lower, UI_RIGHT, 12, CANVAS_BOLD, u->theme->text, words);
    app_describe_file(&lower, &file);
    ui_cut_right(&inside, 8);
    for (int channel = 0; channel < 2; channel++) {
        canvas_box line = ui_cut_top(&inside, 0.5f * (channel ? 2 * inside.h : inside.h));
        canvas_box letter = ui_cut_left(&line, 16);
        ui_text(u, &letter, UI_LEFT, 12, CANVAS_BOLD, u->theme->dim, channel ? "R" : "L");
        ui_meter_desc desc = app_meter(channel);
        ui_meter(u, ui_inset(&line, 0, 3), &desc);
    }
}

/* ---- rack: the real path of the signal, a card for each station ---- */

typedef enum { APP_CARD_SOURCE, APP_CARD_EQ, APP_CARD_SOFTCLIP, APP_CARD_EFFECT, APP_CARD_ADD, APP_CARD_VOLUME, APP_CARD_LAST_CLIP, APP_CARD_OUT } app_card_kind;
typedef struct {
    app_card_kind kind;
    uint32_t item;                     /* EQ, SOFTCLIP and EFFECT: in the chain */
    bool     has_switch;               /* EQ: one is for all bands */
    uint32_t rows, columns;            /* of knobs or buttons */
} app_card;

/* How many of what a processor's text names can be turned. */
static uint32_t app_key_count(uint32_t kind)
{
    uint32_t count = 0;
    while (count < RA_KEYS_MAX && ra_processor_forms[kind].keys[count].name) count++;
    return count;
}

static uint32_t app_cards(app_card cards[RA_CHAIN_MAX + 6], float height, bool is_phone)
{
    uint32_t count = 0;
    bool has_eq = false;
    cards[count++] = (app_card){ .kind = APP_CARD_SOURCE };
    for (uint32_t i = 0; i < app.session.chain.count; i++) {
        uint32_t kind = app.session.chain.item[i].kind;
        if (kind == RA_PROCESSOR_EQ && i && app.session.chain.item[i - 1].kind == kind) continue;     /* neighbouring bands share a card */
        app_card_kind card = kind == RA_PROCESSOR_EQ ? APP_CARD_EQ : kind == RA_PROCESSOR_SOFTCLIP ? APP_CARD_SOFTCLIP : APP_CARD_EFFECT;
        uint32_t keys = app_key_count(kind), rows = keys > 1 ? 2 : 1;
        cards[count++] = (app_card){ card, i, card == APP_CARD_EQ && !has_eq, rows, card == APP_CARD_EFFECT ? (keys + rows - 1) / rows : 0 };
        has_eq |= kind == RA_PROCESSOR_EQ;
    }
    if (!has_eq) cards[count++] = (app_card){ .kind = APP_CARD_EQ, .has_switch = true };
    uint32_t rows = (uint32_t)((height - 40) / (is_phone ? 44 : 32)), kinds = RA_PROCESSOR_COUNT - 1;       /* all but the EQ, which is there */
    if (rows < 1) rows = 1;
    if (app.session.chain.count < RA_CHAIN_MAX) cards[count++] = (app_card){ .kind = APP_CARD_ADD, .rows = rows, .columns = 2 * ((kinds + rows - 1) / rows) };
    cards[count++] = (app_card){ .kind = APP_CARD_VOLUME };
    cards[count++] = (app_card){ .kind = APP_CARD_LAST_CLIP };
    cards[count++] = (app_card){ .kind = APP_CARD_OUT };
    return count;
}

static void app_draw_soft_clip(canvas_box box)
{
    ui *u = &app.ui;
    canvas_point points[41];
    float side = __builtin_fminf(box.w, box.h), peak = __builtin_fminf(__builtin_fmaxf(app.snapshot.peak[0], app.snapshot.peak[1]), 1.0f);
    canvas_box square = ui_middle(&box, side, side);
    canvas_line(u->canvas, square.x, square.y + side, square.x + side, square.y, 1, u->theme->hairline);
    for (int i = 0; i < 41; i++) {
        float in = -1.5f + 3.0f * (float)i / 40;
        points[i] = (canvas_point){ square.x + side * (float)i / 40, square.y + 0.5f * side - ra_soft_clip(in) / 1.5f * 0.5f * side };
    }
    canvas_polyline(u->canvas, points, 41, 2, u->theme->dim);
    canvas_disc(u->canvas, square.x + 0.5f * side + peak / 1.5f * 0.5f * side, square.y + 0.5f * side - peak / 1.5f * 0.5f * side, 4,
                app_has_clipped() ? u->theme->error : u->theme->sound);
}

static void app_draw_small_curve(canvas_box box)
{
    ui *u = &app.ui;
    enum { POINTS = 65 };
    canvas_point points[POINTS];
    float middle_y[POINTS], middle = box.y + 0.5f * box.h;
    canvas_colour line = app_eq_is_heard() ? u->theme->edit : u->theme->dim;
    for (uint32_t i = 0; i < POINTS; i++) {
        float db = app.column_count ? app.curve_db[i * (app.column_count - 1) / (POINTS - 1)] : 0;
        points[i] = (canvas_point){ box.x + box.w * (float)i / (POINTS - 1), middle - 0.5f * box.h * (float)ra_clamp(db / UI_GRAPH_EQ_DB, -1, 1) };
        middle_y[i] = middle;
    }
    canvas_fill(u->canvas, &(canvas_box){ box.x, middle, box.w, 1 }, 0, u->theme->hairline);
    canvas_band(u->canvas, points, middle_y, POINTS, (canvas_paint){ canvas_fade(line, 0.2f), canvas_fade(line, 0.2f), 0, 0 });
    canvas_polyline(u->canvas, points, POINTS, 2, line);
}

/* "Reverb", and "Reverb 2" where there is one before it. */
static void app_text_item_name(ra_text *to, uint32_t item)
{
    uint32_t kind = app.session.chain.item[item].kind, number = 1;
    const char *name = ra_processor_forms[kind].name;
    for (uint32_t i = 0; i < item; i++) number += app.session.chain.item[i].kind == kind;
    ra_text_add_char(to, (char)(*name - 'a' + 'A'));
    ra_text_add_string(to, name + 1);
    if (number > 1) ra_text_add(to, " %u", number);
}

/* Its switch, and the cross that takes it out of the chain: true if that was pressed. */
static bool app_card_head(canvas_box head, uint32_t item)
{
    char name[32], words[48];
    ra_text text = ra_text_start(name, sizeof name);
    app_text_item_name(&text, item);
    canvas_box cross = ui_cut_right(&head, 24);
    text = ra_text_start(words, sizeof words);
    ra_text_add(&text, "%s on", name);
    if (ui_led(&app.ui, head, words, name, !app.session.chain.item[item].is_off)) {
        app_edit(ui_id(words, 0));
        app.session.chain.item[item].is_off = !app.session.chain.item[item].is_off;
        app_send_chain();
    }
    text = ra_text_start(words, sizeof words);
    ra_text_add(&text, "Remove %s", name);
    if (!ui_button(&app.ui, &cross, &(ui_button_desc){ .id = words, .name = words, .icon = UI_CLOSE, .icon_scale = 0.8f })) return false;
    app_edit(0);
    app_remove_item(item);
    app_send_chain();
    return true;
}

/* "attack_ms": a label, "attack", and a unit as people write it. */
static const char *app_key_words(const char *key, char label[24])
{
    static const char *const units[][2] = { { "db", "dB" }, { "dbtp", "dBTP" }, { "hz", "Hz" }, { "ms", "ms" }, { "s", "s" } };
    const char *end = key + ra_text_until(key, "_"), *unit = *end ? end + 1 : key;
    ra_text text = ra_text_start(label, 24);
    for (const char *at = key; at != end; at++) ra_text_add_char(&text, *at);
    for (size_t row = 0; row < sizeof units / sizeof units[0]; row++) {
        if (strcmp(unit, units[row][0])) continue;
        if (!*end) app_copy_text(label, 24, *key == 'm' ? "time" : "level");
        return units[row][1];
    }
    return "";
}

/* A knob for each key of the processor's text: name, unit and range come from there. */
static void app_card_knobs(canvas_box box, const app_card *card)
{
    ra_processor_spec *item = &app.session.chain.item[card->item];
    uint32_t keys = app_key_count(item->kind);
    for (uint32_t key = 0; key < keys; key++) {
        const ra_key *is = &ra_processor_forms[item->kind].keys[key];
        char label[24], name[64], words[24];
        const char *unit = app_key_words(is->name, label);
        ra_text text = ra_text_start(name, sizeof name);
        app_text_item_name(&text, card->item);
        ra_text_add(&text, " %s", label);
        double value = item->value[key], per_one = ra_abs(value) >= 100 ? 1 : ra_abs(value) >= 10 ? 10 : 100;
        bool is_logarithmic = is->low > 0 && is->high / is->low >= 50;
        text = ra_text_start(words, sizeof words);
        ra_text_add(&text, "%g", ra_floor(value * per_one + 0.5) / per_one);
        bool is_gain = item->kind == RA_PROCESSOR_GAIN;    /* a hand wants less than a text may say */
        double low = is_gain ? -36 : is->low, high = is_gain ? 24 : is->high;
        ui_knob_desc desc = { .name = name, .label = label, .text = words, .unit = unit, .is_off = item->is_off,
                              .range = { low, high, is_logarithmic ? 1.05 : (high - low) / 100, is->otherwise, is_logarithmic } };
        canvas_box cell = { box.x + (float)(key % card->columns) * box.w / (float)card->columns, box.y + (float)(key / card->columns) * box.h / (float)card->rows,
                            box.w / (float)card->columns, box.h / (float)card->rows };
        if (!ui_knob(&app.ui, ui_inset(&cell, 1, 2), &desc, &value)) continue;
        app_edit(ui_id(name, 0));
        item->value[key] = ra_clamp(ra_floor(value * 1000 + 0.5) / 1000, is->low, is->high);      /* no finer than an ear can tell */
        app_send_chain();
    }
}

/* A button for each processor: it goes to the end of the chain, but before a limiter. */
static void app_card_add(canvas_box box, const app_card *card)
{
    float width = box.w / (0.5f * (float)card->columns), height = box.h / (float)card->rows;
    uint32_t cell = 0;
    for (uint32_t kind = 0; kind < RA_PROCESSOR_COUNT; kind++) {
        if (kind == RA_PROCESSOR_EQ) continue;
        canvas_box place = { box.x + (float)(cell / card->rows) * width, box.y + (float)(cell % card->rows) * height, width, height };
        char name[32];
        ra_text text = ra_text_start(name, sizeof name);
        ra_text_add(&text, "Add %s", ra_processor_forms[kind].name);
        cell++;
        if (!ui_button(&app.ui, &place, &(ui_button_desc){ .id = name, .name = name, .label = name + 4 })) continue;
        ra_processor_spec item = { .kind = kind };
        for (int key = 0; key < RA_KEYS_MAX; key++) item.value[key] = ra_processor_forms[kind].keys[key].otherwise;
        uint32_t at = app.session.chain.count;
        if (at && app.session.chain.item[at - 1].kind == RA_PROCESSOR_LIMITER) at--;
        app_edit(0);
        app_insert_item(at, &item);
        app_send_chain();
    }
}

static void app_draw_card(canvas_box box, const app_card *card)
{
    static const char *const titles[] = { "SOURCE", "EQ", "SOFT CLIP", NULL, "ADD", "VOLUME", "SOFT CLIP", "OUT" };       /* an effect has its name */
    ui *u = &app.ui;
    const ui_theme *theme = u->theme;
    char words[64];
    ra_text text = ra_text_start(words, sizeof words);
    canvas_fill(u->canvas, &box, 6, theme->raised);
    canvas_box inside = ui_inset(&box, 8, 6), head = ui_cut_top(&inside, 24);
    if (card->has_switch) {
        if (ui_led(u, ui_inset(&head, -4, 0), "EQ on", app_eq_is_heard() ? "EQ" : "EQ off", app_eq_is_heard())) app_switch_eq();
    } else if (card->kind == APP_CARD_EFFECT || card->kind == APP_CARD_SOFTCLIP) {
        if (app_card_head(ui_inset(&head, -4, 0), card->item)) return;      /* it is gone */
    } else ui_text(u, &head, UI_LEFT, 12, CANVAS_BOLD, theme->text, titles[card->kind]);
    if (card->kind == APP_CARD_EFFECT) {
        const ra_processor_spec *item = &app.session.chain.item[card->item];
        if (item->kind == RA_PROCESSOR_CONVOLVE) {
            app_text_item_name(&text, card->item);
            ra_text_add(&text, " response: %s", item->impulse ? item->file : item->file[0] ? "missing" : "none");
            ui_button_desc open = { .id = words, .name = words, .label = item->file[0] ? item->file : "Open", .icon = item->file[0] ? UI_NO_ICON : UI_OPEN, .look = UI_RAISED };
            canvas_box file = ui_cut_bottom(&inside, 44);
            if (ui_button(u, &file, &open)) {
                app.picked_item = card->item;
                memcpy(app.picked_file, item->file, sizeof app.picked_file);
                ra_host_request(RA_HOST_OPEN_FILE, APP_PICKED_RESPONSE, NULL);
            }
        }
        app_card_knobs(inside, card);
        return;
    }
    if (card->kind == APP_CARD_ADD) { app_card_add(inside, card); return; }
    canvas_box foot = ui_cut_bottom(&inside, 20), picture = ui_inset(&inside, 0, 4);
    canvas_fill(u->canvas, &picture, 4, theme->panel);
    canvas_clip(u->canvas, &picture);
    switch (card->kind) {
    case APP_CARD_SOURCE: {
        double column = app_duration_s() > 0 ? RA_LOAD_COLUMNS / app_duration_s() : 0, at = app_position_s() * column;
        if (column > 0) ui_draw_wave(u, ui_inset(&picture, 0, 6), app.track.peaks, at - column, at + column, RA_LOAD_COLUMNS,
                                     canvas_fade(theme->sound, 0.5f), theme->sound);
        canvas_fill(u->canvas, &(canvas_box){ picture.x + 0.5f * picture.w, picture.y, 1, picture.h }, 0, theme->text);
        if (app.track.rate_hz) ra_text_add(&text, "%g kHz, %u ch", app.track.rate_hz / 1000.0, app.track.source_channels);
        break;
    }
    case APP_CARD_EQ: {
        uint32_t count = 0;
        for (uint32_t i = 0; i < app.session.chain.count; i++) count += app.session.chain.item[i].kind == RA_PROCESSOR_EQ;
        app_draw_small_curve(ui_inset(&picture, 0, 6));
        ra_text_add(&text, count == 1 ? "%u band" : "%u bands", count);
        break;
    }
    case APP_CARD_VOLUME: {
        bool is_silent = app.is_muted || app.session.volume_db <= APP_VOLUME_MIN_DB;
        double share = is_silent ? 0 : (app.session.volume_db - APP_VOLUME_MIN_DB) / (APP_VOLUME_MAX_DB - APP_VOLUME_MIN_DB);
        float x = picture.x + 0.5f * picture.w, y = picture.y + 0.5f * picture.h + 4, radius = 0.5f * __builtin_fminf(picture.w, picture.h) - 10;
        canvas_colour hand = app.is_muted ? theme->dim : theme->edit;
        ui_arc(u, x, y, radius, -0.375f, 0.375f, 4, theme->raised);
        if (share > 0) ui_arc(u, x, y, radius, -0.375f, -0.375f + 0.75f * (float)share, 4, hand);
        if (is_silent) ra_text_add(&text, "−∞"); else ui_text_db(&text, app.session.volume_db, true);
        ui_text(u, &picture, UI_CENTRE, 20, CANVAS_BOLD, hand, words);
        text = ra_text_start(words, sizeof words);
        ra_text_add(&text, app.is_muted ? "dB, muted" : "dB");
        break;
    }
    case APP_CARD_SOFTCLIP: case APP_CARD_LAST_CLIP:
        app_draw_soft_clip(ui_inset(&picture, 6, 6));
        ra_text_add(&text, "from −1 dBFS");
        break;
    case APP_CARD_EFFECT: case APP_CARD_ADD: break;
    case APP_CARD_OUT: {
        float bar = __builtin_fminf(20, 0.25f * picture.w);
        for (int channel = 0; channel < 2; channel++) {
            canvas_box column = { picture.x + 0.5f * picture.w + (channel ? 3 : -3 - bar), picture.y + 8, bar, picture.h - 16 };
            float peak = ui_meter_share(app_db(app.snapshot.peak[channel]));
            canvas_fill(u->canvas, &column, 3, theme->raised);
            canvas_box level = ui_cut_bottom(&column, peak * column.h);
            if (peak > 0) canvas_fill(u->canvas, &level, 3, theme->sound);
        }
        if (app.audio == APP_AUDIO_RUNNING) ra_text_add(&text, "%g kHz stereo", app.output_rate_hz / 1000.0);
        else ra_text_add(&text, app.audio == APP_AUDIO_BROKEN ? "no audio" : "audio asleep");
        break;
    }
    }
    canvas_unclip(u->canvas);
    ui_text(u, &foot, UI_LEFT, 12, CANVAS_REGULAR, theme->dim, words);
}

/* What its knobs or buttons take; 0: whatever the others leave. */
static float app_card_width(const app_card *card) { return card->columns > 1 ? 16 + 60 * (float)card->columns : card->columns ? 128 : 0; }

static void app_panel_rack(canvas_box box, bool is_phone)
{
    ui *u = &app.ui;
    canvas_box surface = app_surface(&box), inside = ui_inset(&surface, 10, is_phone ? 4 : 10);
    app_card cards[RA_CHAIN_MAX + 6];
    uint32_t count = app_cards(cards, inside.h, is_phone);
    float wire = is_phone ? 12 : 20, total = wire * (float)(count - 1);
    uint32_t plain_count = 0;
    for (uint32_t i = 0; i < count; i++) { total += app_card_width(&cards[i]); plain_count += !app_card_width(&cards[i]); }
    float common = (float)ra_clamp((inside.w - total) / (float)plain_count, 112, 200);
    total += common * (float)plain_count;
    float most = __builtin_fmaxf(total - inside.w, 0);
    canvas_clip(u->canvas, &inside);

    float x = inside.x - app.rack_scroll + (most > 0 ? 0 : 0.5f * (inside.w - total));
    for (uint32_t i = 0; i < count; i++) {
        float width = app_card_width(&cards[i]);
        canvas_box card = { x, inside.y, width > 0 ? width : common, inside.h };
        app_draw_card(card, &cards[i]);
        x += card.w;
        if (i + 1 < count) for (int channel = 0; channel < 2; channel++) {      /* a wire for each channel lights with its level */
            float light = app.is_playing ? ui_meter_share(app_db(app.snapshot.peak[channel])) : 0;
            canvas_box line = { x, card.y + 16 + 6 * (float)channel, wire, 2 };
            canvas_fill(u->canvas, &line, 0, canvas_mix(u->theme->hairline, u->theme->sound, light));
        }
        x += wire;
    }
    /* a finger that goes sideways wants to scroll, whatever it began on */
    bool is_sideways = u->active && u->event.kind == UI_MOVE && __builtin_fabsf(u->x - u->last_down_x) > 12 && __builtin_fabsf(u->x - u->last_down_x) > 2 * __builtin_fabsf(u->y - u->last_down_y);
    if (is_sideways && u->is_touch && ui_contains(&inside, u->last_down_x, u->last_down_y)) u->active = ui_id("rack", 0);
    ui_touch touch = ui_update(u, ui_id("rack", 0), &inside, false);
    if (touch.is_active && u->event.kind == UI_MOVE) app.rack_scroll -= u->moved_x;
    if (touch.is_hot && u->event.kind == UI_WHEEL && most > 0) app.rack_scroll += u->event.scroll;
    if (u->event.kind == UI_FOCUS && ui_contains(&(canvas_box){ inside.x - total, inside.y, 3 * total, inside.h }, u->focus_box.x, u->focus_box.y)) {
        /* the keyboard has walked to what is scrolled away: bring it */
        float left = inside.x - u->focus_box.x, right = u->focus_box.x + u->focus_box.w - inside.x - inside.w;
        app.rack_scroll += left > 0 ? -left - 8 : right > 0 ? right + 8 : 0;
    }
    app.rack_scroll = (float)ra_clamp(app.rack_scroll, 0, most);
    canvas_unclip(u->canvas);
}

/* ---- status bar, keys ---- */

/* What is being done, as a bar with a word in it. */
static void app_draw_progress(canvas_box box, const char *what, float progress)
{
    ui *u = &app.ui;
    char words[48];
    ra_text text = ra_text_start(words, sizeof words);
    ra_text_add(&text, "%s %d %%", what, (int)(100 * progress));
    ui_say(ui_describe(u, ui_id(what, 0), UI_IMAGE, what, &box), words);
    canvas_box bar = box;
    bar.w *= progress;
    canvas_fill(u->canvas, &box, 4, canvas_mix(u->theme->panel, u->theme->text, 0.1f));
    canvas_fill(u->canvas, &bar, 4, canvas_mix(u->theme->panel, u->theme->sound, 0.4f));
    ui_text(u, &box, UI_CENTRE, 12, CANVAS_BOLD, u->theme->text, words);
}

/* A lane for each worker, as many as there is room for: its load in the last three seconds, and what it did. */
static void app_draw_lanes(canvas_box place)
{
    ui *u = &app.ui;
    for (uint32_t n = 0; n < app.lane_count && place.w >= 68; n++) {
        const app_lane *lane = &app.lanes[n];
        uint32_t load = lane->load[APP_LANE_BARS - 1];
        bool is_worker = ra_pool_wanted_count(app.pool) > 0;
        char name[24], words[48];
        ra_text text = ra_text_start(name, sizeof name);
        ra_text_add(&text, is_worker ? "Worker %u" : "Page", n + 1);
        text = ra_text_start(words, sizeof words);
        if (load && lane->doing) ra_text_add(&text, "%s, %u %%", lane->doing, load); else ra_text_add(&text, is_worker && !lane->is_alive ? "gone" : "idle");
        canvas_box box = ui_cut_left(&place, 68);
        ui_row *row = ui_describe(u, ui_id("Lane", n), UI_IMAGE, name, &box);
        ui_say(row, words);
        box.y += 6; box.h -= 12;
        text = ra_text_start(name, sizeof name);
        ra_text_add(&text, is_worker ? "W%u" : "Page", n + 1);
        float width = ui_text(u, &box, UI_LEFT, 12, CANVAS_REGULAR, u->theme->dim, name) + 4;
        canvas_fill(u->canvas, &(canvas_box){ box.x + width, box.y + box.h - 1, 3 * APP_LANE_BARS, 1 }, 0, u->theme->hairline);
        for (uint32_t bar = 0; bar < APP_LANE_BARS; bar++) {
            float height = lane->load[bar] ? 2 + (float)lane->load[bar] / 100 * (box.h - 2) : 0;
            if (height > 0) canvas_fill(u->canvas, &(canvas_box){ box.x + width + 3 * (float)bar, box.y + box.h - height, 2, height }, 0, u->theme->sound);
        }
        if (place.w < 76 + 68 * (float)(app.lane_count - n - 1)) continue;                  /* its name takes the room of a lane */
        canvas_box doing = ui_cut_left(&place, 76);
        if (load && lane->doing) ui_text(u, &doing, UI_LEFT, 12, CANVAS_REGULAR, u->theme->dim, lane->doing);
    }
}

/* What is being recorded, for how long and how loud; or what was recorded, and what may become of it. False: neither. */
static bool app_status_record(canvas_box inside, ui_row *row)
{
    static const char *const verbs[3] = { "Forget", "Open", "Save" };      /* as RA_HOST_RECORDED counts them */
    ui *u = &app.ui;
    const ra_recording *now = &app.recording;
    char words[256];
    ra_text text = ra_text_start(words, sizeof words);
    if (!app.record_phase && !app.recorded_count) return false;
    if (app.record_phase) {
        canvas_box lamp = ui_cut_left(&inside, 14);
        canvas_disc(u->canvas, lamp.x + 4, lamp.y + 0.5f * lamp.h, 4 * app_pulse(), u->theme->error);
        ra_text_add(&text, app.record_phase == APP_WILL_RECORD ? "Waiting for the %s" : "Recording the %s  ", app.record_what == 1 ? "output" : "microphone");
    } else ra_text_add(&text, "%sRecorded ", app.recorded_why);
    if (now->info.sample_rate_hz) ui_text_time(&text, (double)(now->offered_frames - now->lost_frames) / now->info.sample_rate_hz, false);
    if (now->lost_frames) ra_text_add(&text, "; %llu frames lost: the page was too busy", (unsigned long long)now->lost_frames);
    if (!app.record_phase && app.recorded_count > 1) ra_text_add(&text, " (%u recordings)", app.recorded_count);
    ui_say(row, words);
    canvas_box line = inside;
    line.w = __builtin_fmaxf(line.w - (app.record_phase ? 80 : 140), 0);
    ui_cut_left(&inside, ui_text(u, &line, UI_LEFT, 12, CANVAS_BOLD, u->theme->text, words) + 12);
    for (uint32_t verb = 3; verb-- && !app.record_phase; ) {
        canvas_box box = ui_cut_left(&inside, canvas_text_width(u->canvas, 12, CANVAS_BOLD, verbs[verb]));
        ui_cut_left(&inside, 12);
        char name[24];
        text = ra_text_start(name, sizeof name);
        ra_text_add(&text, "%s recording", verbs[verb]);
        if (!ui_button(u, &box, &(ui_button_desc){ .id = name, .name = name, .label = verbs[verb], .look = UI_BARE })) continue;
        ra_host_request(RA_HOST_RECORDED, verb, NULL);
        if (verb != 1) app.recorded_count = 0;
    }
    double peak_db = app_db(__builtin_fmaxf(now->peak[0], now->peak[1]));
    canvas_box level = { inside.x, inside.y + 10, __builtin_fminf(inside.w, 120), inside.h - 20 };
    if (app.record_phase >= APP_RECORDS) ui_meter(u, level, &(ui_meter_desc){ .name = "Recording level", .text = "", .peak_db = peak_db, .hold_db = peak_db, .rms_db = -160 });
    return true;
}

static void app_panel_status(canvas_box bar, bool is_phone)
{
    ui *u = &app.ui;
    const ui_theme *theme = u->theme;
    uint32_t alive = ra_pool_worker_count(app.pool), wanted = ra_pool_wanted_count(app.pool);
    bool is_starting = !alive && wanted && app.now_s - app.started_s < 3, is_missing = !alive && !is_starting;
    char words[480];
    ra_text text = ra_text_start(words, sizeof words);
    if (alive) ra_text_add(&text, "Worker Pool Active (%u workers)", alive);
    else if (is_starting) ra_text_add(&text, "Worker pool starts…");
    else ra_text_add(&text, "%s", app.missing[0] ? app.missing : "No worker pool: the workers did not start");
    canvas_box inside = ui_inset(&bar, 12, 0);
    ui_row *row = ui_describe(u, ui_id("Status", 0), UI_STATUS, "Status", &inside);
    ui_say(row, app.error[0] ? app.error : words);

    if (!is_phone) {
        char right[96];
        ra_text facts = ra_text_start(right, sizeof right);
        const char *renderer = !strcmp(gpu_name(), "webgpu") ? "WebGPU" : !strcmp(gpu_name(), "webgl2") ? "WebGL2" : "no renderer";
        if (app.output_rate_hz) ra_text_add(&facts, "%g kHz  ·  ", app.output_rate_hz / 1000.0);
        ra_text_add(&facts, "%u xruns  ·  %s  ·  %s", app.underruns, renderer, app.tier);
        float width = canvas_text_width(u->canvas, 12, CANVAS_REGULAR, right);
        canvas_box place = ui_cut_right(&inside, width);
        ui_text(u, &place, UI_RIGHT, 12, CANVAS_REGULAR, theme->dim, right);
        ui_cut_right(&inside, 16);
    }
    if (app.error[0]) {
        canvas_box close = ui_cut_right(&inside, bar.h);
        float x = ui_cut_left(&inside, 18).x + 6, y = bar.y + 0.5f * bar.h;
        canvas_polygon(u->canvas, (canvas_point[]){ { x, y - 5 }, { x + 6, y + 5 }, { x - 6, y + 5 } }, 3, theme->error);
        ui_text(u, &inside, UI_LEFT, 12, CANVAS_REGULAR, theme->error, app.error);
        ui_button_desc dismiss = { .id = "Dismiss", .name = "Dismiss", .icon = UI_CLOSE, .icon_scale = 0.8f };
        if (ui_button(u, &close, &dismiss)) { app.error[0] = 0; app.is_dirty = true; }
        return;
    }
    if (app_status_record(inside, row)) return;
    canvas_box lamp = ui_cut_left(&inside, 14);
    if (alive) canvas_disc(u->canvas, lamp.x + 4, lamp.y + 0.5f * lamp.h, 4, theme->sound);
    else canvas_ring(u->canvas, lamp.x + 4, lamp.y + 0.5f * lamp.h, 4, 1.5f, theme->edit);
    float verb_width = is_missing ? canvas_text_width(u->canvas, 12, CANVAS_BOLD, APP_HELP_VERB) : 0;
    canvas_box line = inside;
    line.w = __builtin_fmaxf(inside.w - verb_width - 12, 0);
    float width = ui_text(u, &line, UI_LEFT, 12, CANVAS_REGULAR, theme->dim, words);
    canvas_box verb = { inside.x + width + 12, bar.y, verb_width, bar.h };
    ui_button_desc help = { .id = "Threads", .name = APP_HELP_VERB, .label = APP_HELP_VERB, .look = UI_BARE };
    if (is_missing && ui_button(u, &verb, &help)) ra_host_request(RA_HOST_HELP_THREADS, 0, NULL);
    ui_cut_left(&inside, verb.x + verb_width - inside.x + 16);
    if (app.export.phase == APP_EXPORTS) {
        canvas_box cross = ui_cut_right(&inside, bar.h), place = ui_cut_right(&inside, 110);
        app_draw_progress(ui_inset(&place, 0, 5), "Exporting", app.export.progress);
        if (ui_button(u, &cross, &(ui_button_desc){ .id = "Cancel export", .name = "Cancel export", .icon = UI_CLOSE, .icon_scale = 0.8f })) app_cancel_export();
    } else if (app.works[APP_ANALYSIS].process && app.now_s - app.analysed_s > 0.5) {
        canvas_box place = ui_cut_right(&inside, 110);
        app_draw_progress(ui_inset(&place, 0, 5), "Analysing", app.analysis);
    }
    if (!is_phone) app_draw_lanes(inside);
}

/* A sheet in the middle, over everything, with a title and a cross; gives what is inside. */
static canvas_box app_begin_sheet(const char *title, float height, canvas_box *panel)
{
    ui *u = &app.ui;
    canvas_box page = { 0, 0, app.width, app.height };
    canvas_fill(u->canvas, &page, 0, canvas_fade(u->theme->background, 0.7f));
    *panel = ui_middle(&page, __builtin_fminf(app.width - 16, 440), __builtin_fminf(app.height - 16, height));
    canvas_fill(u->canvas, panel, 6, u->theme->raised);
    canvas_frame(u->canvas, panel, 6, 1, u->theme->hairline);
    canvas_box inside = ui_inset(panel, 16, 8), head = ui_cut_top(&inside, 44), cross = ui_cut_right(&head, 44);
    if (ui_button(u, &cross, &(ui_button_desc){ .id = "Close", .name = "Close", .icon = UI_CLOSE })) app_show_sheet(APP_NO_SHEET);
    ui_text(u, &head, UI_LEFT, 20, CANVAS_BOLD, u->theme->text, title);
    return inside;
}
/* A press beside it closes it. */
static void app_end_sheet(const canvas_box *panel)
{
    ui *u = &app.ui;
    ui_touch touch = ui_update(u, ui_id("Sheet", 0), panel, false);
    if (u->event.kind == UI_DOWN && !touch.is_hot && !u->was_used) app_show_sheet(APP_NO_SHEET);
}

static void app_panel_keys(void)
{
    static const char *const keys[][2] = {
        { "Space", "Play, pause" }, { "S", "Stop" }, { "← →", "5 s back, on (Shift: 1 s)" }, { "Home End", "To the start, to the end" },
        { "↑ ↓", "Volume 1 dB" }, { "M", "Mute" }, { "L", "Loop" }, { "[ ]", "Loop from here, to here" }, { "N", "Next in the queue" }, { "R", "Record" }, { "Hold B", "Hear without EQ" }, { "Tab", "Next control, arrows adjust" },
        { "Double click", "Add or reset a band" }, { "Wheel, pinch", "Q of a band" }, { "Del", "Remove a band" }, { "Shift", "Ten times finer" },
        { "Ctrl Z, Ctrl Shift Z", "Undo, redo" }, { "Ctrl O, Ctrl S", "Open, export" }, { "1 2 3", "EQ, spectrogram, waveform" }, { "+ −, Ctrl wheel", "Zoom in time" }, { "Shift drag", "Loop this part" }, { "D", "Dark, light" }, { "Esc", "Close, loop all" } };
    const uint32_t count = sizeof keys / sizeof *keys;
    ui *u = &app.ui;
    canvas_box panel, inside = app_begin_sheet("Keys and gestures", 64 + 26 * (float)count, &panel);
    for (uint32_t i = 0; i < count; i++) {
        canvas_box line = ui_cut_top(&inside, 26);
        ui_say(ui_describe(u, ui_id("Key", i), UI_IMAGE, keys[i][0], &line), keys[i][1]);
        canvas_box key = ui_cut_left(&line, 150);
        ui_text(u, &key, UI_LEFT, 14, CANVAS_BOLD, u->theme->text, keys[i][0]);
        ui_text(u, &line, UI_LEFT, 14, CANVAS_REGULAR, u->theme->dim, keys[i][1]);
    }
    app_end_sheet(&panel);
}

/* A row of which one thing is picked. */
static void app_choice(canvas_box *from, const char *label, const char *const *names, uint32_t count, uint32_t *picked)
{
    ui *u = &app.ui;
    canvas_box head = ui_cut_top(from, 20), row = ui_cut_top(from, 44);
    float width = row.w / (float)count;
    ui_text(u, &head, UI_LEFT, 12, CANVAS_REGULAR, u->theme->dim, label);
    for (uint32_t i = 0; i < count; i++) {
        canvas_box box = ui_cut_left(&row, width), mark = { box.x + 6, box.y + box.h - 5, box.w - 12, 2 };
        char name[48];
        ra_text text = ra_text_start(name, sizeof name);
        ra_text_add(&text, "%s: %s", label, names[i]);
        ui_button_desc desc = { .id = name, .name = name, .label = names[i], .is_toggle = true, .is_tight = true, .is_on = i == *picked };
        if (ui_button(u, &box, &desc)) *picked = i;
        if (i == *picked) canvas_fill(u->canvas, &mark, 1, u->theme->loop);
    }
}

static void app_panel_export(void)
{
    static const char *const formats[3] = { "16 bit", "24 bit", "32 bit float" };
    static const ra_wav_format format[3] = { RA_WAV_S16, RA_WAV_S24, RA_WAV_F32 };
    static const char *const parts[2] = { "Whole file", "A to B" }, *const targets[5] = { "As it is", "−14", "−16", "−23", "Peak −1" };
    static const struct { int normalise; double db; } target[5] = { { -1, 0 }, { RA_NORMALISE_LUFS, -14 }, { RA_NORMALISE_LUFS, -16 }, { RA_NORMALISE_LUFS, -23 }, { RA_NORMALISE_PEAK, -1 } };
    ui *u = &app.ui;
    bool has_part = app.from_s >= 0 && app.to_s >= 0, is_running = app.export.phase == APP_EXPORTS;
    canvas_box panel, inside = app_begin_sheet("Export as WAV", has_part ? 384 : 320, &panel);
    if (!has_part) app.export.part = 0;
    app_choice(&inside, "Format", formats, 3, &app.export.format);
    app_choice(&inside, "Loudness, LUFS", targets, 5, &app.export.target);
    if (has_part) app_choice(&inside, "Part", parts, 2, &app.export.part);
    ui_cut_top(&inside, 12);
    canvas_box row = ui_cut_top(&inside, 44), button = ui_cut_right(&row, 120);
    ui_cut_right(&row, 12);
    if (is_running) app_draw_progress(ui_inset(&row, 0, 8), "Exporting", app.export.progress);
    ui_button_desc desc = { .id = "Start export", .name = is_running ? "Cancel export" : "Export now", .label = is_running ? "Cancel" : "Export", .look = is_running ? UI_RAISED : UI_SOUND };
    if (ui_button(u, &button, &desc)) {
        const char *refusal = NULL;
        const uint32_t to = app.export.target;
        if (is_running) app_cancel_export();
        else refusal = app_export(format[app.export.format], target[to].normalise, target[to].db, app.export.part ? app.from_s : 0, app.export.part ? app.to_s : 0);
        if (refusal) app_fail(refusal);
    }
    char words[160];
    ra_text text = ra_text_start(words, sizeof words);
    const ra_task_result *made = &app.export.result;
    ui_row *said = ui_describe(u, ui_id("Exported", 0), UI_STATUS, "Exported", &inside);
    if (app.export.phase == APP_EXPORTED) {
        ra_text_add(&text, "%.1f MB, ", (double)made->byte_count / 1e6);
        app_text_level(&text, made->report.integrated_lufs);
        ra_text_add(&text, " LUFS, ");
        app_text_level(&text, made->report.true_peak_dbtp);
        ra_text_add(&text, " dBTP, gain ");
        ui_text_db(&text, made->gain_db, true);
        ra_text_add(&text, " dB");
        canvas_box line = ui_cut_top(&inside, 18);
        ui_text(u, &line, UI_LEFT, 12, CANVAS_BOLD, u->theme->text, words);
        ra_text_add(&text, "; SHA-256 %s", made->sha256);
        for (int half = 0; half < 2; half++) {
            char digits[48];
            ra_text part = ra_text_start(digits, sizeof digits);
            if (!half) ra_text_add(&part, "SHA-256 ");
            for (int i = 0; i < 32; i++) ra_text_add_char(&part, made->sha256[32 * half + i]);
            line = ui_cut_top(&inside, 18);
            ui_text(u, &line, UI_LEFT, 12, CANVAS_REGULAR, u->theme->dim, digits);
        }
    } else ra_text_add(&text, "%s", app.export.phase == APP_EXPORT_FAILED ? app.export.error.text : app.export.phase == APP_EXPORT_CANCELLED ? "Cancelled" : "");
    ui_say(said, words);
    if (!is_running) ui_text(u, &row, UI_LEFT, 12, CANVAS_REGULAR, u->theme->dim, app.export.phase == APP_EXPORTED || !*words ? "Through EQ and effects" : words);
    app_end_sheet(&panel);
}

/* ---- layout ---- */

static void app_panel_thumb(canvas_box box)
{
    canvas_box volume = ui_cut_bottom(&box, 44), row = ui_inset(&box, 16, 4), play = ui_middle(&row, 72, 72);
    char words[32];
    ra_text text = ra_text_start(words, sizeof words);
    ui_text_time(&text, app_position_s(), row.w > 350);
    ui_text(&app.ui, &row, UI_LEFT, 14, CANVAS_BOLD, app.ui.theme->text, words);
    text = ra_text_start(words, sizeof words);
    ui_text_time(&text, app_duration_s(), false);
    if (row.w > 340 && app_duration_s() < 3600) ui_text(&app.ui, &row, UI_RIGHT, 14, CANVAS_REGULAR, app.ui.theme->dim, words);
    app_button_stop((canvas_box){ play.x - 62, row.y + 0.5f * (row.h - 44), 44, 44 });
    app_button_play(play, 1.6f);
    app_button_loop((canvas_box){ play.x + 86, row.y + 0.5f * (row.h - 44), 44, 44 });
    app_button_range((canvas_box){ play.x + 130, row.y + 0.5f * (row.h - 44), 48, 44 });
    ui_cut_right(&volume, 8);
    app_button_record(ui_cut_right(&volume, 64));
    app_volume(ui_inset(&volume, 12, 0), true);
}

/* One of the views; where there is no room for the rack below it, that is behind it, and a word in the status bar turns it over. */
static void app_panel_view(canvas_box box, canvas_box *status, bool has_rack)
{
    ui_button_desc turn = { .id = "View", .name = app.rack_is_in_front ? "Equaliser" : "Effects", .look = UI_BARE };
    turn.label = turn.name;
    canvas_box word = ui_cut_right(status, has_rack ? 0 : 84);
    word.w -= has_rack ? 0 : 10;
    if (!has_rack && ui_button(&app.ui, &word, &turn)) { app.rack_is_in_front = !app.rack_is_in_front; app.is_dirty = true; }
    if (!has_rack && app.rack_is_in_front) { app_panel_rack(box, true); return; }
    canvas_box pill = app_tap_box(box);
    if (app_tap_is_shown()) ui_claim(&app.ui, ui_id("Tap", 0), &pill);
    canvas_box inside = app_surface(&box);
    app_view_bar(ui_cut_top(&inside, 32));
    if (app.view == APP_VIEW_EQ) app_panel_equaliser(inside);
    else if (app.view == APP_VIEW_SPECTROGRAM) app_panel_spectrogram(inside);
    else app_panel_waveform(inside);
    app_tap_to_hear(box);
}

static void app_build_phone(canvas_box page)
{
    canvas_box title = ui_cut_top(&page, 44), overview = ui_cut_top(&page, 64);
    canvas_box status = ui_cut_bottom(&page, 28), thumb = ui_cut_bottom(&page, 131);
    bool has_rack = page.h >= 480;                         /* the rack is the first to go behind */
    canvas_box rack = ui_cut_bottom(&page, has_rack ? 164 : 0), meters = ui_cut_bottom(&page, 48);
    canvas_box keys = ui_cut_right(&title, 44), theme = ui_cut_right(&title, 44), export = ui_cut_right(&title, 44), open = ui_cut_right(&title, 44);
    canvas_box redo = ui_cut_right(&title, 44), undo = ui_cut_right(&title, 44), next = ui_cut_right(&title, app.queue_count ? 44 : 0);
    app_file_name(ui_inset(&title, 12, 0));
    app_button_next(next);
    app_button_undo(undo);
    app_button_redo(redo);
    app_button_open(open, NULL);
    app_button_export(export, NULL);
    app_button_theme(theme);
    app_button_keys(keys);
    app_panel_overview(overview);
    app_panel_view(page, &status, has_rack);
    app_panel_meters_flat(meters);
    if (has_rack) app_panel_rack(rack, true);
    app_panel_thumb(thumb);
    app_panel_status(status, true);
}

static void app_build_wide(canvas_box page)
{
    page = ui_inset(&page, 2, 0);
    canvas_box transport = ui_cut_top(&page, 44), overview = ui_cut_top(&page, 56), status = ui_cut_bottom(&page, 28);
    canvas_box meters = ui_cut_right(&page, app.width < 900 ? 160 : 240);
    bool has_rack = page.h > 400, is_low = page.h <= 560;
    canvas_box rack = ui_cut_bottom(&page, !has_rack ? 0 : is_low ? 160 : 236);
    app_panel_transport(ui_inset(&transport, 2, 0));
    app_panel_overview(overview);
    app_panel_view(page, &status, has_rack);
    app_panel_meters(meters);
    if (has_rack) app_panel_rack(rack, is_low);
    app_panel_status(status, false);
}

/* Builds the page once, with one event. */
static void app_pass(const ui_event *event)
{
    const ui_theme *theme = &app_themes[app.is_dark];
    if (app.width < 1 || app.height < 1 || !canvas_begin(&app.canvas, app.width, app.height, app.ratio, theme->background)) return;
    canvas_box page = { 0, 0, app.width, app.height };
    ui_begin(&app.ui, &app.canvas, theme, event, app.now_s);
    app_sheet sheet = app.sheet;
    app.ui.is_inert = sheet != APP_NO_SHEET;
    if (app.width < 700) app_build_phone(page); else app_build_wide(page);
    app.ui.is_inert = false;
    if (sheet == APP_KEYS) app_panel_keys();
    if (sheet == APP_EXPORT) app_panel_export();
    ui_end(&app.ui);
    if (event->kind != UI_NOTHING) app.is_dirty = true;
}

/* ---- what the page calls: events ---- */

static void app_pointer(app_pointer_phase phase, uint32_t pointer_id, float x_css, float y_css, uint32_t modifiers, bool is_touch)
{
    static const ui_event_kind kinds[] = { UI_DOWN, UI_MOVE, UI_UP, UI_CANCEL, UI_LEAVE };
    app.now_s = ra_now_s();
    if (phase == APP_POINTER_DOWN) app.edit_group = 0;     /* every press begins a step of undo */
    app_pass(&(ui_event){ .kind = kinds[phase], .id = pointer_id, .x = x_css, .y = y_css, .modifiers = modifiers, .is_touch = is_touch });
}
static void app_wheel(float x_css, float y_css, float delta_x, float delta_y, uint32_t modifiers)
{
    app.now_s = ra_now_s();
    float scroll = __builtin_fabsf(delta_x) > __builtin_fabsf(delta_y) ? delta_x : delta_y;
    app_pass(&(ui_event){ .kind = UI_WHEEL, .x = x_css, .y = y_css, .scroll = scroll, .modifiers = modifiers });
}
static void app_access(uint32_t widget_id, app_access_action action, double value)
{
    static const ui_event_kind kinds[] = { UI_FOCUS, UI_BLUR, UI_PRESS, UI_SET };
    app.now_s = ra_now_s();
    app_pass(&(ui_event){ .kind = kinds[action], .id = widget_id, .value = value });
}

/* The page's own keys, in force wherever no widget wants the key. */
static bool app_page_key(const char *key, uint32_t modifiers)
{
    bool is_command = modifiers & (APP_CTRL | APP_META), is_shift = modifiers & APP_SHIFT;
    char letter = key[0] && !key[1] ? key[0] : 0;
    if (letter >= 'A' && letter <= 'Z') letter = (char)(letter + 32);
    if (modifiers & APP_ALT) return false;
    if (is_command) {
        if (letter == 'z') { if (is_shift) app_redo(); else app_undo(); }
        else if (letter == 'y') app_redo();
        else if (letter == 'o') ra_host_request(RA_HOST_OPEN_FILE, 0, NULL);
        else if (letter == 's') app_show_export();
        else return false;
        return true;
    }
    double step_s = is_shift ? 1 : 5;
    if (letter == ' ') app_switch_play();
    else if (letter == 's') app_stop();
    else if (letter == 'm') app_switch_mute();
    else if (letter == 'l') app_switch_loop();
    else if (letter == '[') app_set_from();
    else if (letter == ']') app_set_to();
    else if (letter == 'n') app_skip();
    else if (letter == 'r') app_switch_record(app.record_what);
    else if (letter == 'd') app_switch_theme();
    else if (letter >= '1' && letter <= '3') app_show_view((app_view)(letter - '1'));
    else if (app.view && (letter == '+' || letter == '=')) app_zoom_here(0.5);
    else if (app.view && letter == '-') app_zoom_here(2);
    else if (letter == 'b') { if (!app.eq_is_held_off) { app.eq_is_held_off = true; app_send_chain(); } }
    else if (letter == '?') app_show_sheet(app.sheet ? APP_NO_SHEET : APP_KEYS);
    else if (!strcmp(key, "ArrowLeft"))  app_seek(app_position_s() - step_s);
    else if (!strcmp(key, "ArrowRight")) app_seek(app_position_s() + step_s);
    else if (!strcmp(key, "ArrowUp"))    app_set_volume(app.session.volume_db + 1, ui_id("Volume", 0));
    else if (!strcmp(key, "ArrowDown"))  app_set_volume(app.session.volume_db - 1, ui_id("Volume", 0));
    else if (!strcmp(key, "Home"))       app_seek(0);
    else if (!strcmp(key, "End"))        app_seek(app_duration_s());
    else if (!strcmp(key, "Escape") && app.sheet) app_show_sheet(APP_NO_SHEET);
    else if (!strcmp(key, "Escape") && app.record_is_asked) app.record_is_asked = false;
    else if (!strcmp(key, "Escape") && app.error[0]) app.error[0] = 0;
    else if (!strcmp(key, "Escape") && (app.from_s >= 0 || app.to_s >= 0)) app_set_range(-1, -1);
    else return false;
    return true;
}

static bool app_key(const char *key, uint32_t modifiers, bool is_down)
{
    app.now_s = ra_now_s();
    if (!is_down) {
        bool is_release = app.eq_is_held_off && (key[0] == 'b' || key[0] == 'B') && !key[1];
        if (is_release) { app.eq_is_held_off = false; app_send_chain(); }
        return is_release;
    }
    /* Space and Enter on a button that the keyboard has walked to are that button's: the browser presses it */
    bool is_press = !strcmp(key, " ") || !strcmp(key, "Enter");
    if (is_press && app.ui.focus_is_visible)
        for (uint32_t i = 0; i < app.ui.row_count[app.ui.current]; i++) {
            const ui_row *row = &app.ui.rows[app.ui.current][i];
            if (row->id == app.ui.focus && (row->role == UI_BUTTON || row->role == UI_CHECKBOX)) return false;
        }
    app_pass(&(ui_event){ .kind = UI_KEY, .key = key, .modifiers = modifiers });
    bool is_used = app.ui.was_used || app_page_key(key, modifiers);
    if (is_used) app.is_dirty = true;
    return is_used;
}

static void app_resize(float width_css, float height_css, float pixel_ratio)
{
    app.width = width_css; app.height = height_css; app.ratio = pixel_ratio;
    app.is_dirty = true;
    gpu_resize((uint32_t)(width_css * pixel_ratio + 0.5f), (uint32_t)(height_css * pixel_ratio + 0.5f));
}

/* What moves here is audio or the user's finger, nothing decorates; only the lamp of a recording pulses. */
static void app_set_appearance(bool system_is_dark, bool reduced_motion)
{
    app.is_still = reduced_motion;
    app.system_is_dark = system_is_dark;
    if (!app.theme_is_picked) app.is_dark = system_is_dark;
    app.is_dirty = true;
}
static void app_set_tier(const char *tier, const char *missing)
{
    app_copy_text(app.tier, sizeof app.tier, tier);
    app_copy_text(app.missing, sizeof app.missing, missing);
    app.is_dirty = true;
}
static void app_set_audio(app_audio_state state, uint32_t sample_rate_hz, const char *why)
{
    if (state == APP_AUDIO_BROKEN && why && why[0]) app_fail(why);
    app.audio = state;
    app.output_rate_hz = sample_rate_hz;
    app.is_dirty = true;
}
static void app_set_underruns(uint32_t count)
{
    if (count != app.underruns) app.is_dirty = true;
    app.underruns = count;
}
/* "webgpu", "webgl2" or "none", before app_start; anything else: the best there is. */
static void app_set_gpu(const char *wanted)
{
    app.wanted_gpu = !strcmp(wanted, "webgl2") ? GPU_WEBGL2 : !strcmp(wanted, "none") ? GPU_NONE : GPU_WEBGPU;
}

/* ---- what the page calls: recording ---- */

/* Begins with 1 the output, 2 the microphone, + 4: as soon as that is there; 0 ends. What it was that it could not begin, or end; or NULL. */
static const char *app_record(uint32_t what)
{
    app.record_is_asked = false;
    app.is_dirty = true;
    if (what == 0 && app.record_phase >= APP_RECORDS) { app.record_phase = APP_ENDS_RECORDING; return NULL; }
    if (what) app.record_what = what & 3;
    ra_result result = what & 4 ? RA_OK : what ? ra_engine_record(app.engine, (ra_record_source)(what - 1), RA_WAV_F32) : RA_CANCELLED;
    app.record_phase = result ? APP_RECORDS_NOT : what & 4 ? APP_WILL_RECORD : APP_RECORDS;
    app.recording = (ra_recording){ 0 };
    return result ? ra_result_text(result) : NULL;
}

/* The next piece of the file, which is the page's until it asks again; last of all, and alone, its header. NULL: none now. */
typedef struct { const void *bytes; size_t byte_count; size_t is_last; } app_piece;
static const app_piece *app_record_next(void)
{
    static app_piece piece;
    static uint8_t header[80];
    if (app.piece_is_out) ra_engine_record_done(app.engine);
    app.piece_is_out = ra_engine_record_next(app.engine, &piece.bytes, &piece.byte_count);
    piece.is_last = !app.piece_is_out && app.record_phase >= APP_RECORDS;
    if (piece.is_last) {
        ra_engine_get_recording(app.engine, &app.recording);
        if (app.recording.is_on) return NULL;
        piece.bytes = header;
        piece.byte_count = ra_wav_header(&app.recording.info, header);
        app.record_phase = APP_RECORDS_NOT;
        app.is_dirty = true;
    }
    return piece.is_last || app.piece_is_out ? &piece : NULL;
}

/* So many recordings wait for somebody to save them, the newest just made; 0: who asked for it has it. why: what ended it, if not
   the user. */
static void app_recorded(uint32_t file_count, const char *why)
{
    app.recorded_count = file_count;
    app_copy_text(app.recorded_why, sizeof app.recorded_why, why);
    ra_host_request(RA_HOST_ANNOUNCE, 0, "Recorded");
    app.is_dirty = true;
}

/* ---- what the page calls: state ---- */

static void app_replace_chain(const ra_chain_spec *chain)
{
    app.now_s = ra_now_s();
    app_edit(0);
    app.session.chain = *chain;
    bool has_eq = false, is_on = false;                    /* one switch is for all bands */
    for (uint32_t i = 0; i < chain->count; i++) {
        app.session.named_hz[i] = (float)chain->item[i].value[0];
        if (chain->item[i].kind != RA_PROCESSOR_EQ) continue;
        has_eq = true;
        is_on |= !chain->item[i].is_off;
        app.session.chain.item[i].is_off = false;
    }
    app.session.eq_is_on = is_on || !has_eq;
    app_send_chain();
}

static ra_result app_set_state(const char *chain_text, ra_error *error)
{
    ra_chain_spec chain;
    ra_result result = ra_chain_parse(chain_text, &chain, error);
    if (result != RA_OK) return result;
    app_replace_chain(&chain);
    app_forgive();
    return RA_OK;
}

/* The settings of another equaliser take the place of our bands; the other processors stay, behind them. */
static ra_result app_import_eq(const char *settings, ra_error *error)
{
    ra_chain_spec chain;
    ra_result result = ra_chain_import(settings, &chain, error);
    const ra_chain_spec *old = &app.session.chain;
    for (uint32_t i = 0; i < old->count && result == RA_OK; i++) {
        if (old->item[i].kind == RA_PROCESSOR_EQ) continue;
        if (chain.count == RA_CHAIN_MAX) result = ra_refuse(error, RA_BAD_CHAIN, 0, "with the effects that are here it makes more than %d processors", RA_CHAIN_MAX);
        else chain.item[chain.count++] = old->item[i];
    }
    if (result != RA_OK) return result;
    app_replace_chain(&chain);
    app.session.eq_is_on = true;
    app_send_chain();
    app_forgive();
    return RA_OK;
}

static const float *app_spectrum(void) { return app.spectrum_db; }
static uint32_t app_access_version(void) { return app.ui.version; }

/* The two texts below are valid until the next call. */
static const char *app_bool(bool is_true) { return is_true ? "true" : "false"; }

static const char *app_access_json(void)
{
    static const char *const roles[] = { "button", "checkbox", "slider", "img", "status" };
    static char json[UI_ROW_MAX * 420];
    ra_text text = ra_text_start(json, sizeof json);
    const ui *u = &app.ui;
    ra_text_add(&text, "[");
    for (uint32_t i = 0; i < u->row_count[u->current]; i++) {
        const ui_row *row = &u->rows[u->current][i];
        ra_text_add(&text, "%s{\"id\":%u,\"role\":\"%s\",\"name\":", i ? "," : "", row->id, roles[row->role]);
        ra_text_add_json(&text, row->name);
        ra_text_add(&text, ",\"text\":");
        ra_text_add_json(&text, row->text);
        ra_text_add(&text, ",\"value\":%.4f,\"min\":%.4f,\"max\":%.4f,\"step\":%.4f", row->value, row->min, row->max, row->step);
        ra_text_add(&text, ",\"x\":%.1f,\"y\":%.1f,\"w\":%.1f,\"h\":%.1f",
                    (double)row->box.x, (double)row->box.y, (double)row->box.w, (double)row->box.h);
        ra_text_add(&text, ",\"focus\":%s,\"disabled\":%s", app_bool(row->is_focused), app_bool(row->is_disabled));
        if (row->role == UI_CHECKBOX) ra_text_add(&text, ",\"pressed\":%s", app_bool(row->is_pressed));
        ra_text_add(&text, "}");
    }
    ra_text_add(&text, "]");
    return json;
}

/* null for what has no value */
static void app_json_number(ra_text *to, const char *name, double value)
{
    ra_text_add(to, ",\"%s\":", name);
    if (value == value) ra_text_add(to, "%.6f", value); else ra_text_add(to, "null");
}

static const char *app_state_json(void)
{
    static char json[RA_CHAIN_MAX * (120 + 2 * RA_FILE_BYTES) + 9600];    /* quotes are escaped */
    ra_text text = ra_text_start(json, sizeof json);
    double peak_db = app_db(__builtin_fmaxf(app.snapshot.peak[0], app.snapshot.peak[1]));
    ra_text_add(&text, "{\"playing\":%s,\"position_s\":%.6f,\"duration_s\":%.6f,\"sample_rate_hz\":%u,\"channels\":%u,\"output_rate_hz\":%u,",
                app_bool(app.is_playing), app_position_s(), app_duration_s(), app.track.rate_hz, app.track.source_channels, app.output_rate_hz);
    ra_text_add(&text, "\"workers_alive\":%u,\"workers_wanted\":%u,\"tier\":", ra_pool_worker_count(app.pool), ra_pool_wanted_count(app.pool));
    ra_text_add_json(&text, app.tier);
    ra_text_add(&text, ",\"renderer\":\"%s\",\"underruns\":%u,\"peak_db\":%.2f,\"chain\":", gpu_name(), app.underruns, peak_db);
    ra_text_add_json(&text, app_chain_text());
    ra_text_add(&text, ",\"volume_db\":%.2f,\"muted\":%s,\"loop\":%s,\"loop_from_s\":%.6f,\"loop_to_s\":%.6f,\"queued\":%u,\"eq_on\":%s,\"file\":", app.session.volume_db,
                app_bool(app.is_muted), app_bool(app.is_looping), app.from_s, app.to_s, app.queue_count, app_bool(app.session.eq_is_on));
    ra_text_add_json(&text, app.track.title);
    ra_text_add(&text, ",\"recording\":\"%s\",\"recorded_frames\":%llu,\"record_offered_frames\":%llu,\"record_lost_frames\":%llu",
                app.record_phase < APP_RECORDS ? "" : app.record_what == 1 ? "output" : "microphone", (unsigned long long)app.recording.info.frame_count,
                (unsigned long long)app.recording.offered_frames, (unsigned long long)app.recording.lost_frames);
    ra_text_add(&text, ",\"error\":");
    ra_text_add_json(&text, app.error);
    const ra_pool_stats *pool = &app.pool_stats;
    ra_pool_get_stats(app.pool, &app.pool_stats);
    ra_text_add(&text, ",\"pool\":{\"workers\":[");
    for (uint32_t n = 0; n < pool->worker_count; n++) {
        const ra_worker_stats *worker = &pool->workers[n];
        ra_text_add(&text, "%s{\"alive\":%s,\"doing\":\"%s\",\"busy_s\":%.6f,\"slices\":%u}", n ? "," : "", app_bool(worker->is_alive),
                    worker->doing ? worker->doing : "", (double)worker->busy_us * 1e-6, worker->slice_count);
    }
    ra_text_add(&text, "],\"tasks\":{");
    for (uint32_t n = 0; n < pool->task_count; n++)
        ra_text_add(&text, "%s\"%s\":{\"submitted\":%u,\"done\":%u,\"cancelled\":%u,\"lost\":%u}", n ? "," : "", pool->tasks[n].name, pool->tasks[n].submitted, pool->tasks[n].done, pool->tasks[n].cancelled, pool->tasks[n].lost);
    ra_text_add(&text, "}}");
    ra_loudness_report file = app_file_report();
    app_json_number(&text, "file_lufs", file.integrated_lufs);
    app_json_number(&text, "file_lra_lu", file.loudness_range_lu);
    app_json_number(&text, "file_true_peak_dbtp", file.true_peak_dbtp);
    app_json_number(&text, "analysis", app.analysis);
    static const char *const phases[] = { "", "running", "done", "failed", "cancelled" };
    bool is_made = app.export.phase == APP_EXPORTED;
    ra_text_add(&text, ",\"export\":{\"phase\":\"%s\",\"progress\":%.3f,\"bytes\":%llu,\"sha256\":\"%s\",\"error\":", phases[app.export.phase], (double)app.export.progress,
                is_made ? (unsigned long long)app.export.result.byte_count : 0ull, is_made ? app.export.result.sha256 : "");
    ra_text_add_json(&text, app.export.phase == APP_EXPORT_FAILED ? app.export.error.text : "");
    app_json_number(&text, "lufs", is_made ? app.export.result.report.integrated_lufs : __builtin_nan(""));
    app_json_number(&text, "true_peak_dbtp", is_made ? app.export.result.report.true_peak_dbtp : __builtin_nan(""));
    app_json_number(&text, "gain_db", is_made ? app.export.result.gain_db : __builtin_nan(""));
    ra_text_add(&text, "},\"source\":%u,\"is_streamed\":%s,\"buffered_s\":%.3f,\"underrun_frames\":%llu", app.track.source, app_bool(app.track.source), app.track.rate_hz ? (double)app.snapshot.buffered_frames / app.track.rate_hz : 0,
                (unsigned long long)app.snapshot.underrun_frames);
    double rate_hz = app.track.rate_hz ? app.track.rate_hz : 1;
    uint32_t wanted = 0;
    for (uint32_t tile = app.tile_first; app_wants_tile(app.tile_level, tile); tile++) wanted += !app_find_tile(app.tile_level, tile);
    app_json_number(&text, "view_from_s", app.view_from / rate_hz);
    app_json_number(&text, "view_to_s", (app.view_from + app.view_frames) / rate_hz);
    ra_text_add(&text, ",\"view\":\"%s\",\"tiles_wanted\":%u", app_view_names[app.view], wanted);
    ra_text_add(&text, ",\"frames_drawn\":%u,\"device_losses\":%u,\"spectrum_serial\":%u}", app.frames_drawn, gpu_loss_count(), app.spectrum_serial);
    return json;
}

/* ---- start and tick ---- */

static void app_start(const app_desc *desc)
{
    ra_eq_band bands[10];
    ra_load *demo;
    app.engine = desc->engine;
    app.pool = desc->pool;
    app.now_s = app.started_s = ra_now_s();
    app.seek_s = app.said_s = app.from_s = app.to_s = -1;
    app.clipped_s = -10;
    app.picked_node = -1;
    app.is_dark = app.system_is_dark;
    app.is_looping = app.loop_is_unsent = app.is_dirty = true;
    ra_eq_default_bands(bands);
    for (uint32_t i = 0; i < 10; i++) app_insert_band(i, bands[i].hz, bands[i].db);
    app.session.eq_is_on = true;
    app_send_chain();
    gpu_start(APP_CANVAS, app.wanted_gpu);
    ra_result result = ra_load_start_demo(app.pool, &demo);
    app_begin_load(result, demo, "Demo loop", 0, APP_PLAY);
    app.load_is_demo = true;
}

/* The audio thread's side of things, once a tick. True if something one can see has moved. */
static bool app_update(double now_s)
{
    double elapsed_s = ra_clamp(now_s - app.ticked_s, 0, 0.5);
    ra_snapshot before = app.snapshot;
    app.now_s = app.ticked_s = now_s;
    app_poll_load();
    app_poll_analysis();
    app_poll_export();
    app_poll_tiles();
    if (app.audio == APP_AUDIO_RUNNING) app_flush();
    ra_engine_tick(app.engine, app.pool);
    ra_engine_get_snapshot(app.engine, &app.snapshot);
    app_follow_queue();
    app_follow_playhead();
    const ra_snapshot *now = &app.snapshot;
    if (app.workers_told != ra_pool_worker_count(app.pool)) {
        app.workers_told = ra_pool_worker_count(app.pool);
        ra_log_line(3, "Workers: %u", app.workers_told);
    }
    bool is_ours = now->clip_serial == app.track.serial && now->clip_rate_hz, is_awake = app.audio == APP_AUDIO_RUNNING;
    if (app.seek_s >= 0 && !app.seek_is_unsent && is_ours && is_awake) {
        double off_s = (double)now->position_frames / now->clip_rate_hz - app.seek_s;
        if (__builtin_fabs(off_s) < 0.05 || now_s - app.seek_asked_s > 0.3) { app.seek_s = -1; app.is_dirty = true; }
    }
    if (app.is_playing && is_awake && is_ours && before.clip_serial == now->clip_serial && before.is_playing && !now->is_playing && now_s - app.play_asked_s > 0.3) {
        app.is_playing = false;                            /* the clip has come to its end */
        app.is_dirty = true;
    }
    if (now->soft_clip_count != before.soft_clip_count) app.clipped_s = now_s;
    bool has_moved = now->position_frames != before.position_frames || now->clip_serial != before.clip_serial
                  || now->soft_clip_count != before.soft_clip_count || now_s - app.clipped_s < 1.6;
    for (int channel = 0; channel < 2; channel++)          /* below a thousandth nothing moves by a pixel */
        has_moved |= app_differ(now->peak[channel], before.peak[channel], 1e-3f)
                  || app_differ(now->peak_hold[channel], before.peak_hold[channel], 1e-3f);
    if (app.record_phase >= APP_RECORDS) {
        if (app.record_phase == APP_ENDS_RECORDING) ra_engine_record_stop(app.engine);        /* again and again, if the ring was full */
        ra_engine_get_recording(app.engine, &app.recording);
        has_moved = true;
    }
    has_moved |= app_update_spectrum(elapsed_s);
    if (has_moved) app_update_said();
    if (app.chain_is_unsaved && !app.ui.active && now_s - app.edited_s > 0.5) {
        app.chain_is_unsaved = false;
        ra_host_request(RA_HOST_SAVE_STATE, 0, app_chain_text());
    }
    return has_moved;
}

static bool app_frame(double now_s)
{
    bool has_moved = app_update(now_s), lanes_have = app_update_lanes();
    uint32_t alive = ra_pool_worker_count(app.pool);
    gpu_phase phase = gpu_state();
    if (alive != app.alive_shown || gpu_generation() != app.gpu_generation) app.is_dirty = true;
    if (!alive && now_s - app.started_s > 3 && now_s - app.started_s < 3.5) app.is_dirty = true;      /* "starts…" is over */
    app.alive_shown = alive;
    app.gpu_generation = gpu_generation();
    if ((!has_moved && !lanes_have && !app.is_dirty) || app.width < 1 || app.height < 1) return false;
    app_pass(&(ui_event){ 0 });
    if (app.canvas.atlas_is_full) { canvas_forget_text(&app.canvas); app_pass(&(ui_event){ 0 }); }
    if (phase == GPU_ABSENT) app.is_dirty = false;
    if (!gpu_draw(&app.canvas)) return false;
    app.canvas.dirty_top = app.canvas.dirty_bottom = 0;
    app.canvas.dirty_tiles = 0;
    app.is_dirty = false;
    app.frames_drawn++;
    return true;
}

RA_SMALL_CODE_END

#endif  /* RA_UI */

/* ============================================================================
   [17] WEB - what JavaScript calls, and the audio thread's way in
   ----------------------------------------------------------------------------
   owns     web_*, which the page finds in the table of the boot block; the worklet's stack and TLS
   calls    [4] pool, [12] engine and bridge, [16] app
   threads  web_worklet_* run on the audio thread, everything else on the main thread
   relies on emcc's  -sPTHREAD_POOL_SIZE=globalThis["raThreads"] -sPTHREAD_POOL_DELAY_LOAD=1 (the page never
            waits for workers), -sALLOW_MEMORY_GROWTH=1, and in -sINCOMING_MODULE_JS_API: instantiateWasm
            onRuntimeInitialized onAbort print printErr noExitRuntime wasmMemory
   no main  worker.js calls web_start when the module is ready: a main that returned could end the program
   tests    the browser tests: isolated, not isolated, compat, blocked workers

   The same module runs in two places. The page has it from Emscripten. The AudioWorklet makes an instance by
   hand (worker.js, rustyWorklet), which knows no function names, since the optimiser shortens them: it reads
   web_boot, a table of function-table indices and addresses at one place in memory.
     isolated page      one shared memory; the worklet's instance has a stack and TLS of its own
     any other page     the worklet's instance has a memory of its own, at the same addresses; engine
                        commands go there and reports come back through web_bridge_bytes, by messages
   ============================================================================ */

#if RA_WEB

#define WEB_API EMSCRIPTEN_KEEPALIVE

enum {
    WEB_BLOCK_FRAMES = 1024,            /* most frames of one render call; browsers ask for 128 */
    WEB_STACK_BYTES  = 256 * 1024,
    WEB_TLS_BYTES    = 1024,            /* checked in web_start */
    WEB_BRIDGE_BYTES = 64 * 1024,       /* one message: commands or a report (8 blocks of tapped frames are 8 KB) */
    WEB_ENGINE_BYTES = 4 << 20,         /* room for the worklet's own engine */
    WEB_PAGE_BYTES   = 65536
};

/* Emscripten's runtime and the linker have these; only sbrk is in a header, unistd.h. */
extern void *sbrk(intptr_t byte_count);
extern void _emscripten_stack_restore(uintptr_t stack_pointer);
extern void __wasm_call_ctors(void);
#if RA_THREADS
extern void __wasm_init_tls(void *block);
#define WEB_TLS_START __wasm_init_tls
#else
#define WEB_TLS_START NULL
#endif

/* File scope, because a browser's callbacks carry no pointer of ours. */
static struct {
    ra_engine *engine;                  /* the one engine; without isolation: the front on the page, the real one in the worklet */
    ra_pool   *pool;
    ra_clip   *arriving;                /* worklet without isolation: the clip whose samples come in pieces */
    struct web_span *spans;             /* of a file that is looked at: what has been read, */
    uint64_t   missing;                 /* where it must be read too, */
    ra_wav_info info;                   /* and what it is */
} web;

static uint8_t web_worklet_stack[WEB_STACK_BYTES] __attribute__((aligned(16)));
static uint8_t web_worklet_tls[WEB_TLS_BYTES] __attribute__((aligned(16)));
static uint8_t web_bridge_bytes[WEB_BRIDGE_BYTES] __attribute__((aligned(16)));
static float   web_interleaved[2 * WEB_BLOCK_FRAMES];
static float   web_left[WEB_BLOCK_FRAMES], web_right[WEB_BLOCK_FRAMES];

/* ---- in the worklet --------------------------------------------------------- */

/* Each quantum: one block into web_left and web_right, where the input, if there is one, lies before. */
RA_REALTIME static void web_worklet_render(uint32_t frame_count, bool has_input)
{
    for (uint32_t frame = 0; frame < frame_count && has_input; frame++) {
        web_interleaved[2 * frame]     = web_left[frame];
        web_interleaved[2 * frame + 1] = web_right[frame];
    }
    ra_engine_render_duplex(web.engine, has_input ? web_interleaved : NULL, web_interleaved, frame_count);
    for (uint32_t frame = 0; frame < frame_count; frame++) {
        web_left[frame]  = web_interleaved[2 * frame];
        web_right[frame] = web_interleaved[2 * frame + 1];
    }
}

/* The rest of this part runs only in an instance with a memory of its own, where nobody else can be disturbed:
   there malloc is allowed, between two quanta. */

/* malloc takes its memory from sbrk, and sbrk asks JavaScript for more only if the memory is too small: so we
   make it large enough first. (The import that would grow it is a stub in an instance made by hand.) */
static bool web_worklet_reserve(size_t byte_count)
{
    size_t have = (size_t)__builtin_wasm_memory_size(0) * WEB_PAGE_BYTES - (size_t)sbrk(0);
    size_t want = byte_count + 4 * WEB_PAGE_BYTES;      /* malloc rounds up and keeps its own books */
    if (want <= have) return true;
    return __builtin_wasm_memory_grow(0, (want - have) / WEB_PAGE_BYTES + 1) != (size_t)-1;
}

static bool web_worklet_create(uint32_t sample_rate_hz)
{
    return web_worklet_reserve(WEB_ENGINE_BYTES)
        && ra_engine_create(&(ra_engine_desc){ .sample_rate_hz = sample_rate_hz }, &web.engine) == RA_OK;
}

/* Room for a clip that is about to come in pieces: where its samples go, NULL if there is no memory. */
static float *web_worklet_clip(uint32_t frame_count, uint32_t channels, uint32_t sample_rate_hz)
{
    ra_clip_destroy(web.arriving);                      /* a delivery that was broken off */
    web.arriving = NULL;
    if (!web_worklet_reserve((size_t)frame_count * channels * sizeof(float))) return NULL;
    if (ra_clip_create_unfilled(frame_count, channels, sample_rate_hz, &web.arriving) != RA_OK) return NULL;
    return web.arriving->samples;
}

/* The same for one that stays in its file, which web_bridge_bytes describe. */
static bool web_worklet_stream(uint32_t source)
{
    ra_wav_info info;
    memcpy(&info, web_bridge_bytes, sizeof info);
    ra_clip_destroy(web.arriving);
    web.arriving = NULL;
    return web_worklet_reserve((size_t)(info.frame_count / RA_CACHE_FRAMES)) && ra_stream_create(&info, source, &web.arriving) == RA_OK;
}

/* With room for a new chain among them. */
static void web_worklet_commands(uint32_t byte_count)
{
    web_worklet_reserve(ra_bridge_chain_bytes(web.engine));
    ra_bridge_give_commands(web.engine, web_bridge_bytes, byte_count, &web.arriving);
}

static uint32_t web_worklet_report(void)
{
    ra_engine_tick(web.engine, NULL);
    return (uint32_t)ra_bridge_take_report(web.engine, web_bridge_bytes, sizeof web_bridge_bytes);
}

/* ---- start and frame, called by the page ------------------------------------- */

/* Bytes for texts and files that JavaScript hands over; NULL when there are none. */
static void *web_alloc(size_t byte_count) { return malloc(byte_count); }
static void  web_free(void *bytes)        { free(bytes); }

/* thread_count 0: no worker threads. False if there is not even memory for the engine. */
static bool web_start(uint32_t thread_count, uint32_t sample_rate_hz, const char *gpu, int log_level)
{
#if RA_THREADS
    RA_ASSERT(__builtin_wasm_tls_size() <= sizeof web_worklet_tls);
#endif
    ra_log_level(log_level);
    if (ra_pool_create(thread_count ? thread_count : RA_POOL_INLINE, &web.pool) != RA_OK) return false;
    if (ra_engine_create(&(ra_engine_desc){ .sample_rate_hz = sample_rate_hz }, &web.engine) != RA_OK) return false;
    app_set_gpu(gpu);
    app_start(&(app_desc){ .engine = web.engine, .pool = web.pool });
    return true;
}

/* One tick of everything that is not audio. True if it drew, or if the next one should come soon. */
static bool web_frame(void)
{
    bool has_work = ra_pool_run(web.pool, 4.0);         /* jobs, if no worker is alive to take them */
    return app_frame(ra_now_s()) || has_work;
}

static uint32_t web_workers_alive(void) { return ra_pool_worker_count(web.pool); }

/* ---- audio, called by the page ------------------------------------------------ */

/* The rate of the AudioContext, before its worklet renders. */
static bool web_set_rate(uint32_t sample_rate_hz)
{
    return ra_engine_set_sample_rate(web.engine, sample_rate_hz) == RA_OK;
}

/* The four steps of a page that is not isolated: which clip must be sent first, that it was sent, commands out,
   report in. The clip is told as { serial, address, frames, channels, rate, and of a stream: source, address and bytes of its
   ra_wav_info }; NULL when none waits. */
static const uint32_t *web_bridge_clip(void)
{
    static uint32_t told[8];
    const ra_clip *clip = ra_bridge_pending_clip(web.engine, &told[0]);
    if (!clip) return NULL;
    told[5] = clip->stream ? ra_stream_source(clip->stream) : 0;
    told[6] = clip->stream ? (uint32_t)(uintptr_t)&clip->stream->info : 0;
    told[7] = sizeof(ra_wav_info);
    told[1] = (uint32_t)(uintptr_t)clip->samples;
    told[2] = (uint32_t)clip->frame_count;
    told[3] = clip->channels;
    told[4] = clip->sample_rate_hz;
    return told;
}
static void     web_bridge_clip_sent(uint32_t serial) { ra_bridge_clip_delivered(web.engine, serial); }
static uint32_t web_bridge_commands(void)
{
    return (uint32_t)ra_bridge_take_commands(web.engine, web_bridge_bytes, sizeof web_bridge_bytes);
}
static void     web_bridge_report(uint32_t byte_count) { ra_bridge_give_report(web.engine, web_bridge_bytes, byte_count); }
static void     web_bridge_resync(void)                { ra_bridge_resync(web.engine); }

/* ---- files, called by the page -------------------------------------------------- */

/* Are these the bytes of a file that web_load_bytes can read? */
static bool web_is_readable(const void *bytes, size_t byte_count)
{
    ra_memory memory = { bytes, byte_count };
    ra_wav_info info;
    return ra_wav_parse(ra_memory_read, &memory, byte_count, &info, NULL) == RA_OK;
}

/* ---- files that are read by pieces: JavaScript has the file and a number for it, and reads what it is told to ---- */

enum { WEB_STREAM_BYTES = 128 << 20, WEB_READ_BYTES = 12 << 20 };      /* decoded, what is larger stays in its file; memory for the largest read */

typedef struct web_span { struct web_span *next; uint64_t offset; size_t byte_count; uint8_t bytes[]; } web_span;

/* Room for some bytes of a file that is looked at; those at 0 begin another file. NULL: out of memory. */
static uint8_t *web_probe_add(double offset, uint32_t byte_count)
{
    for (web_span *next; offset == 0 && web.spans; web.spans = next) { next = web.spans->next; free(web.spans); }
    web_span *span = malloc(sizeof *span + byte_count);
    if (!span) return NULL;
    *span = (web_span){ web.spans, (uint64_t)offset, byte_count };
    web.spans = span;
    return span->bytes;
}
static size_t web_probe_read(void *user, uint64_t offset, void *bytes, size_t byte_count)      /* ra_read_bytes */
{
    (void)user;
    for (web_span *span = web.spans; span; span = span->next) {
        if (offset < span->offset || offset - span->offset + byte_count > span->byte_count) continue;
        memcpy(bytes, span->bytes + (offset - span->offset), byte_count);
        return byte_count;
    }
    web.missing = offset;
    return 0;
}
/* -1: it stays in its file, web_load_stream may be called; -2: it is for web_load_bytes, or no WAV file; else tells where more bytes are needed. */
static double web_probe(double total_bytes, bool is_forced)
{
    web.missing = 0;
    if (ra_wav_parse(web_probe_read, NULL, (uint64_t)total_bytes, &web.info, NULL) != RA_OK) return web.missing ? (double)web.missing : -2;
    uint64_t frame_bytes = web.info.channels == 1 ? sizeof(float) : 2 * sizeof(float);
    return web.info.frame_count > (is_forced ? 1 << 16 : WEB_STREAM_BYTES / frame_bytes) ? -1 : -2;
}
static void web_load_stream(uint32_t source, bool is_remote, const char *name, uint32_t request, uint32_t purpose)
{
    app_load_stream(&web.info, source, is_remote, name, request, purpose);
}
static bool web_has_source(uint32_t source) { return ra_engine_find_stream(web.engine, source) != NULL || app_exports(source); }

/* The next read, { is it for the page itself, source, offset as two words, byte count }; NULL: none, no bytes: soon. What is played
   comes first; not known here where another instance plays it. There it is the same function that tells. */
static const uint32_t *web_next_read(bool is_player)
{
    static uint32_t told[5];
    uint64_t offset;
    size_t byte_count;
    void *bytes;
    ra_stream *stream = is_player ? ra_engine_next_stream(web.engine) : NULL;
    bool is_for_page = !stream || !ra_stream_next_read(stream, &offset, &byte_count, &bytes);
    if (!is_for_page) told[1] = ra_stream_source(stream);
    else if (!app_next_read(&told[1], &offset, &byte_count)) {
        if (!app_reads()) return NULL;
        ra_pool_run(web.pool, 4.0);     /* who takes what was read may be this thread */
        byte_count = 0;
        offset = 0;
    }
    told[0] = is_for_page;
    told[2] = (uint32_t)offset;
    told[3] = (uint32_t)(offset >> 32);
    told[4] = (uint32_t)byte_count;
    return told;
}
static const uint32_t *web_worklet_next_read(void) { return web_worklet_reserve(WEB_READ_BYTES) ? web_next_read(true) : NULL; }

/* Where what was read belongs; NULL: it is not wanted any more. */
static void *web_read_bytes(bool is_for_page, uint32_t source)
{
    ra_stream *stream = ra_engine_find_stream(web.engine, source);
    if (is_for_page) return app_read_bytes(source);
    return stream ? ra_stream_read_bytes(stream) : NULL;
}
/* After that: it is there; fewer bytes than were wanted: the rest cannot be had. */
static void web_read_done(bool is_for_page, uint32_t source, uint32_t byte_count)
{
    if (is_for_page) app_read_done(byte_count);
    else ra_stream_read_done(ra_engine_find_stream(web.engine, source), byte_count);
}

/* The bytes of a WAV file, from web_alloc; they are ours now. */
static void web_load_bytes(void *bytes, size_t byte_count, const char *name, uint32_t request, uint32_t purpose)
{
    app_load_bytes(bytes, byte_count, name, request, purpose);
}
/* What the chain wanted under this name is not there: it is not asked for again. */
static void web_miss_response(const char *name) { app_miss_response(name); }

/* What the browser decoded, in three steps: room, samples written by JavaScript, hand-over. */
static ra_clip *web_clip_create(double frame_count, uint32_t channels, uint32_t sample_rate_hz)
{
    ra_clip *clip;
    ra_clip_create((uint64_t)frame_count, channels, sample_rate_hz, &clip);
    return clip;
}
static float *web_clip_samples(ra_clip *clip) { return clip->samples; }
static void   web_clip_destroy(ra_clip *clip) { ra_clip_destroy(clip); }
static void   web_load_clip(ra_clip *clip, const char *name, uint32_t request, uint32_t purpose) { app_load_pcm(clip, name, request, purpose); }

/* ---- export, called by the page ------------------------------------------------- */

/* The sentence why not, or NULL: then the pieces come, as { address, byte count }, until the phase is another than "exports". */
static const char *web_export(int format, int normalise, double target_db, double from_s, double to_s)
{
    return app_export((ra_wav_format)format, normalise, target_db, from_s, to_s);
}
static const uint32_t *web_export_next(void)
{
    static uint32_t told[2];
    size_t byte_count;
    const void *bytes = app_export_next(&byte_count);
    if (!bytes) return NULL;
    told[0] = (uint32_t)(uintptr_t)bytes;
    told[1] = (uint32_t)byte_count;
    return told;
}
static void web_export_done(void)   { app_export_done(); }
static void web_export_cancel(void) { app_cancel_export(); }
static int  web_export_phase(void)
{
    ra_pool_run(web.pool, 4.0);         /* where there are no workers */
    return (int)app_poll_export();
}

/* ---- what else happens in the page: one line each into [16] ---------------------- */

static void web_resize(float width_css, float height_css, float pixel_ratio) { app_resize(width_css, height_css, pixel_ratio); }
static void web_pointer(int phase, uint32_t pointer_id, float x_css, float y_css, uint32_t modifiers, bool is_touch)
{
    app_pointer((app_pointer_phase)phase, pointer_id, x_css, y_css, modifiers, is_touch);
}
static void web_wheel(float x_css, float y_css, float delta_x, float delta_y, uint32_t modifiers)
{
    app_wheel(x_css, y_css, delta_x, delta_y, modifiers);
}
static bool web_key(const char *key, uint32_t modifiers, bool is_down) { return app_key(key, modifiers, is_down); }

static uint32_t    web_access_version(void) { return app_access_version(); }
static const char *web_access_json(void)    { return app_access_json(); }
static void web_access(uint32_t widget_id, int action, double value) { app_access(widget_id, (app_access_action)action, value); }

static void web_set_appearance(bool system_is_dark, bool reduced_motion) { app_set_appearance(system_is_dark, reduced_motion); }
static void web_set_tier(const char *tier, const char *missing)          { app_set_tier(tier, missing); }
static void web_set_underruns(uint32_t count)                            { app_set_underruns(count); }
static void web_set_audio(int state, uint32_t sample_rate_hz, const char *why)
{
    app_set_audio((app_audio_state)state, sample_rate_hz, why);
}
static void web_fail(const char *sentence) { app_fail(sentence); }
WEB_API void web_lose_gpu_for_test(void) { gpu_lose_for_test(); }

static void web_play(void)           { app_play(); }
static void web_pause(void)          { app_pause(); }
static void web_stop(void)           { app_stop(); }
static void web_seek(double seconds) { app_seek(seconds); }

static const char *web_record(uint32_t what)   { return app_record(what); }
static const app_piece *web_record_next(void)  { return app_record_next(); }
static void web_recorded(uint32_t file_count, const char *why) { app_recorded(file_count, why); }

static const char  *web_state_json(void)     { return app_state_json(); }
static const float *web_spectrum(void)       { return app_spectrum(); }
static uint32_t     web_spectrum_bins(void)  { return RA_SPECTRUM_BINS; }

/* Both: NULL, or the sentence that says what is wrong with the text. */
static const char *web_set_state(const char *chain_text)
{
    static ra_error error;
    return app_set_state(chain_text, &error) == RA_OK ? NULL : error.text;
}
static const char *web_import_eq(const char *settings)
{
    static ra_error error;
    return app_import_eq(settings, &error) == RA_OK ? NULL : error.text;
}

/* ---- what JavaScript finds ------------------------------------------------------- */

/* What the page calls, by these names; as exports, each would cost a line of Emscripten's JavaScript. */
#define WEB_CALLS(X) X(alloc) X(free) X(start) X(frame) X(workers_alive) X(set_rate) X(bridge_clip) \
    X(bridge_clip_sent) X(bridge_commands) X(bridge_report) X(bridge_resync) X(is_readable) X(load_bytes) \
    X(probe_add) X(probe) X(load_stream) X(has_source) X(next_read) X(read_bytes) X(read_done) X(export) X(export_next) X(export_done) X(export_cancel) X(export_phase) X(miss_response) X(clip_create) X(clip_samples) X(clip_destroy) X(load_clip) X(resize) X(pointer) X(wheel) \
    X(key) X(access_version) X(access_json) X(access) X(set_appearance) X(set_tier) X(set_underruns) X(set_audio) \
    X(fail) X(play) X(pause) X(stop) X(seek) X(state_json) X(spectrum) X(spectrum_bins) X(set_state) X(import_eq) \
    X(record) X(record_next) X(recorded)
#define WEB_NAME(name) " " #name
#define WEB_CALL(name) (void (*)(void))web_##name,
static const char web_call_names[] = WEB_CALLS(WEB_NAME);
static void (*const web_calls[])(void) = { WEB_CALLS(WEB_CALL) };

/* rustyWorklet in worker.js reads this as 32-bit words in this order, and so does rustyPage. */
static const struct {
    uint32_t magic;                     /* "RABT": the block is where the page said */
    void    (*construct)(void);         /* sets up malloc; once per memory */
    void    (*set_stack)(uintptr_t);  uint8_t *stack_end;
    void    (*set_tls)(void *);       uint8_t *tls;
    bool    (*create)(uint32_t);
    void    (*render)(uint32_t, bool); float *left, *right;      uint32_t block_frames;
    float  *(*clip)(uint32_t, uint32_t, uint32_t);
    void    (*commands)(uint32_t);
    uint32_t (*report)(void);         uint8_t *bridge_bytes;
    const char *call_names;           void (*const *calls)(void);
    bool    (*stream)(uint32_t);
    const uint32_t *(*next_read)(void);
    void   *(*read_bytes)(bool, uint32_t);
    void    (*read_done)(bool, uint32_t, uint32_t);
} web_boot_block = {
    0x52414254,
    __wasm_call_ctors,
    _emscripten_stack_restore, web_worklet_stack + WEB_STACK_BYTES,
    WEB_TLS_START, web_worklet_tls,
    web_worklet_create,
    web_worklet_render, web_left, web_right, WEB_BLOCK_FRAMES,
    web_worklet_clip, web_worklet_commands,
    web_worklet_report, web_bridge_bytes,
    web_call_names, web_calls,
    web_worklet_stream, web_worklet_next_read, web_read_bytes, web_read_done
};

WEB_API const void *web_boot(void) { return &web_boot_block; }

#endif /* RA_WEB */

/* ============================================================================
   [18] CLI - the command line
   ----------------------------------------------------------------------------
   owns     main (native): one function per sub-command
   calls    rustyaudio.h; [2] BASE; [10] WAV: ra_wav_file, ra_new_file and their verbs, ra_wav_save_as, tables
   threads  one, and the pool's
   exit     0 done, 1 the world said no, 2 the command was not understood
   ============================================================================ */
#if RA_CLI

static const char cli_help[] =
    "rustyaudio - play, filter and write audio; the same sound as in the browser\n"
    "\n"
    "  rustyaudio info IN...                    what a WAV or AIFF file is, as JSON, a line each\n"
    "  rustyaudio render IN OUT [options]       IN through a chain into OUT\n"
    "      --chain TEXT     for example \"eq peaking hz=1000 db=6 q=1; gain db=-3; softclip\"\n"
    "      --eq FILE        before it the settings that Equalizer APO, AutoEQ or REW wrote\n"
    "      --rate HZ        another sample rate\n"
    "      --normalise T    lufs=-16, rms=-20 or peak=-1: one gain at the end; true peak at most -1 dBTP\n"
    "      --format F       s16, s24, f32 or raw (bare 32-bit float); default f32\n"
    "      -j N             works on N cores, the same samples for any N; default all\n"
    "  rustyaudio measure IN... [-j N]          loudness, true peak, RMS, offset, as JSON, one line each\n"
    "  rustyaudio spectrum IN...                mean spectrum in dB, as JSON, one line each\n"
    "  rustyaudio gen KIND OUT [options]        a signal; KIND and its options:\n"
    "      sine, square, saw, triangle       --hz HZ\n"
    "      sweep, linear-sweep               --hz HZ --to-hz HZ\n"
    "      multitone                         --hz HZ --to-hz HZ --tones N\n"
    "      impulse                           --hz HZ, so many a second; without it one, at the start\n"
    "      noise, pink                       --seed N\n"
    "      all of them                       --db DB --seconds S --rate HZ --format F\n"
    "  rustyaudio help\n"
    "\n"
    "A file named - is standard input or output. Channels are kept, but pan, chorus, reverb and a\n"
    "response of two channels make a mono file stereo. Without --chain, --eq, --rate and --normalise\n"
    "the samples pass through exactly.\n";

/* A mistake in the command: one sentence, and where to read more. */
__attribute__((format(printf, 1, 2))) static int cli_misuse(const char *format, ...)
{
    char line[400];
    va_list values;
    ra_text text = ra_text_start(line, sizeof line);
    va_start(values, format);
    ra_text_add_list(&text, format, values);
    va_end(values);
    fprintf(stderr, "rustyaudio: %s (see: rustyaudio help)\n", line);
    return 2;
}

static int cli_refuse(const char *file, const ra_error *error)
{
    const char *sentence = error->text[0] ? error->text : ra_result_text(error->code);
    if (strstr(sentence, file)) fprintf(stderr, "rustyaudio: %s\n", sentence);      /* it names the file itself */
    else fprintf(stderr, "rustyaudio: %s: %s\n", file, sentence);
    return 1;
}

/* The options of all sub-commands; each says which it takes. */
typedef struct {
    const char *words[64];             /* what is no option */
    int         word_count;
    uint32_t    given;                 /* a bit for each row of cli_parse's table */
    const char *chain, *eq, *format, *normalise;
    double      rate_hz, hz, to_hz, level_db, seconds, seed, tones, workers;
} cli_options;

enum { CLI_CHAIN = 1, CLI_RATE = 2, CLI_FORMAT = 4, CLI_TONE = 8, CLI_SINE = 16, CLI_SWEEP = 32, CLI_NOISE = 64, CLI_NORMALISE = 128, CLI_WORKERS = 256, CLI_TONES = 512 };   /* who takes an option */

static int cli_parse(int argc, char **argv, int taken, cli_options *options)
{
    *options = (cli_options){ .chain = "", .format = "f32", .level_db = -12.0, .seconds = 2.0 };
    const struct { const char *name; int group; const char **text; double *number; double low, high; } table[] = {
        { "--chain",   CLI_CHAIN,  &options->chain,  NULL, 0, 0 },
        { "--eq",      CLI_CHAIN,  &options->eq,     NULL, 0, 0 },
        { "--format",  CLI_FORMAT, &options->format, NULL, 0, 0 },
        { "--normalise", CLI_NORMALISE, &options->normalise, NULL, 0, 0 },
        { "-j",        CLI_WORKERS, NULL, &options->workers, 1, 64 },
        { "--rate",    CLI_RATE,   NULL, &options->rate_hz,  1, 768000 },
        { "--hz",      CLI_SINE | CLI_SWEEP, NULL, &options->hz,       0.001, 384000 },
        { "--to-hz",   CLI_SWEEP,  NULL, &options->to_hz,    0.001, 384000 },
        { "--db",      CLI_TONE,   NULL, &options->level_db, -200, 20 },
        { "--seconds", CLI_TONE,   NULL, &options->seconds,  0, 36000 },
        { "--seed",    CLI_NOISE,  NULL, &options->seed,     0, 999999999999999 },
        { "--tones",   CLI_TONES,  NULL, &options->tones,    1, 64 },
    };
    bool has_options = true;
    for (int at = 0; at < argc; at++) {
        if (has_options && strcmp(argv[at], "--") == 0) { has_options = false; continue; }
        if (!has_options || argv[at][0] != '-' || argv[at][1] == 0) {
            if (options->word_count == 64) return cli_misuse("more than 64 files");
            options->words[options->word_count++] = argv[at];
            continue;
        }
        const char *name = argv[at], *value = strchr(name, '=');
        size_t row = 0, row_count = sizeof table / sizeof table[0], length = value ? (size_t)(value++ - name) : strlen(name);
        while (row < row_count && (!ra_word_is(name, length, table[row].name) || !(taken & table[row].group))) row++;
        if (row == row_count) return cli_misuse("there is no option \"%s\" here", name);
        if (!value && at + 1 == argc) return cli_misuse("\"%s\" wants a value", name);
        if (!value) value = argv[++at];
        options->given |= 1u << row;
        if (table[row].text) { *table[row].text = value; continue; }
        double number;
        const char *end = ra_parse_number(value, &number);
        if (!end || *end || !(number >= table[row].low && number <= table[row].high))
            return cli_misuse("%s: \"%s\" should be a number from %g to %g", table[row].name, value, table[row].low, table[row].high);
        *table[row].number = number;
    }
    return 0;
}

static bool cli_format(const char *name, ra_wav_format *format, bool *is_raw)
{
    static const struct { const char *name; ra_wav_format format; } known[] = { { "s16", RA_WAV_S16 }, { "s24", RA_WAV_S24 }, { "f32", RA_WAV_F32 }, { "raw", RA_WAV_F32 } };
    *is_raw = strcmp(name, "raw") == 0;
    for (size_t row = 0; row < sizeof known / sizeof known[0]; row++) if (strcmp(name, known[row].name) == 0) { *format = known[row].format; return true; }
    return false;
}

static int cli_info_one(const char *path)
{
    static const char *const names[] = { [RA_WAV_PCM] = "pcm", [RA_WAV_FLOAT] = "float", [RA_WAV_TAG_ALAW] = "alaw", [RA_WAV_TAG_ULAW] = "ulaw" };
    char line[8192];
    ra_wav_file in;
    ra_error error;
    if (ra_wav_open(path, &in, &error)) return cli_refuse(path, &error);
    ra_wav_info info = in.info;
    ra_wav_close(&in);
    ra_text text = ra_text_start(line, sizeof line);
    ra_text_add(&text, "{\"file\":");
    ra_text_add_json(&text, path);
    ra_text_add(&text, ",\"format\":\"%s\",\"bits\":%u,\"channels\":%u,\"sample_rate_hz\":%u,\"frames\":%llu,\"duration_s\":%g}\n", names[ra_wav_tags[info.format]],
                8 * ra_wav_sample_bytes[info.format], info.channels, info.sample_rate_hz, (unsigned long long)info.frame_count, (double)info.frame_count / info.sample_rate_hz);
    fputs(line, stdout);
    return 0;
}

static int cli_info(int argc, char **argv)
{
    cli_options options;
    int status = cli_parse(argc, argv, 0, &options);
    if (status) return status;
    if (options.word_count == 0) return cli_misuse("info wants a file");
    for (int word = 0; word < options.word_count; word++) if (cli_info_one(options.words[word])) status = 1;
    return status;
}

/* This thread works along, so -j 4 is three workers and itself. */
static ra_result cli_create_pool(const cli_options *options, ra_pool **pool)
{
    uint32_t worker_count = (uint32_t)options->workers;
    if (worker_count == 1) worker_count = RA_POOL_INLINE;
    else if (worker_count > 1) worker_count--;
    return ra_pool_create(worker_count, pool) ? ra_pool_create(RA_POOL_INLINE, pool) : RA_OK;
}

/* Brings the pieces of the one file and takes those of the other, and works along meanwhile; where somebody watches, the
   progress is shown. Gives why it could not be written, as in errno, or 0. */
static int cli_serve(ra_process *process, ra_wav_file *in, FILE *out, const char *what)
{
    int reason = 0;
    double shown_s = ra_now_s();
    bool is_watched = isatty(STDERR_FILENO), is_shown = false;
    do {
        uint64_t offset;
        size_t byte_count;
        void *to;
        const void *from;
        while (ra_process_next_read(process, &offset, &byte_count, &to)) ra_process_read_done(process, ra_wav_file_read(in, offset, to, byte_count));
        while (!reason && ra_process_next_write(process, &from, &byte_count)) {
            if (fwrite(from, 1, byte_count, out) != byte_count) reason = errno ? errno : EIO;
            ra_process_write_done(process);
        }
        sigset_t waiting;                                /* of those that cli_render holds back */
        if (sigpending(&waiting) == 0 && (sigismember(&waiting, SIGINT) || sigismember(&waiting, SIGTERM) || sigismember(&waiting, SIGHUP))) reason = EINTR;
        if (reason) ra_process_cancel(process);
        if (is_watched && ra_now_s() > shown_s + 0.1) {
            float progress;
            ra_process_poll(process, &progress);
            fprintf(stderr, "\r%s %3d %%", what, (int)(progress * 100.0f));
            shown_s = ra_now_s();
            is_shown = true;
        }
    } while (ra_process_work(process, 100.0) < RA_JOB_DONE);
    if (is_shown) fputs("\r\033[K", stderr);             /* the line is clean again */
    return reason;
}

/* ---- measure: many files side by side on the pool, answers in their order; one by as many as can work on it ---- */

typedef struct {
    const char  *path;
    ra_wav_file  in;
    ra_loudness *meter;
    ra_loudness_report report;
    ra_error     error;                /* code RA_OK: there is a report */
    ra_job      *job;
} cli_measurement;

/* One slice: about a second of sound. */
static bool cli_measure_step(void *user, ra_job *job)
{
    cli_measurement *m = user;
    float samples[8192];
    (void)job;
    if (!m->meter) {
        if (!m->in.file && ra_wav_open(m->path, &m->in, &m->error)) return true;
        ra_result result = ra_loudness_create(m->in.info.channels, m->in.info.sample_rate_hz, true, &m->meter);
        if (result) { ra_refuse(&m->error, result, 0, "%s", ra_result_text(result)); ra_wav_close(&m->in); return true; }
    }
    for (uint32_t done = 0, run; done < m->in.info.sample_rate_hz; done += run) {
        run = ra_wav_next(&m->in, samples, sizeof samples / sizeof samples[0]);
        ra_loudness_add(m->meter, samples, run);
        if (run) continue;
        ra_loudness_get(m->meter, &m->report);
        ra_loudness_destroy(m->meter);
        ra_wav_close(&m->in);
        return true;
    }
    return false;
}

/* False: there are no frames to share out. */
static bool cli_measure_alone(ra_pool *pool, cli_measurement *m)
{
    ra_process *process;
    const ra_task_result *is;
    if (ra_wav_open(m->path, &m->in, &m->error)) return true;
    if (m->in.info.frame_count == 0) return false;
    if (ra_process_stream(pool, &m->in.info, &(ra_task){ .kind = RA_TASK_MEASURE }, &process, &m->error) == RA_OK) {
        cli_serve(process, &m->in, NULL, "measuring");
        if (ra_process_explain(process, &m->error) == RA_OK && ra_process_get(process, &is) == RA_OK) m->report = is->report;
        ra_process_free(process);
    }
    ra_wav_close(&m->in);
    return true;
}

static int cli_measure_print(const cli_measurement *m)
{
    char line[8192];
    if (m->error.code) return cli_refuse(m->path, &m->error);
    const ra_loudness_report *r = &m->report;
    ra_text text = ra_text_start(line, sizeof line);
    ra_text_add(&text, "{\"file\":");
    ra_text_add_json(&text, m->path);
    ra_text_add(&text, ",\"integrated_lufs\":%.2f,\"momentary_max_lufs\":%.2f,\"short_term_max_lufs\":%.2f,\"loudness_range_lu\":%.2f",
                r->integrated_lufs, r->momentary_max_lufs, r->short_term_max_lufs, r->loudness_range_lu);
    ra_text_add(&text, ",\"true_peak_dbtp\":%.2f,\"sample_peak_db\":%.2f,\"rms_db\":%.2f,\"dc_offset\":%.6f,\"clipped_samples\":%llu}\n",
                r->true_peak_dbtp, r->sample_peak_db, r->rms_db, r->dc_offset, (unsigned long long)r->clipped_samples);
    fputs(line, stdout);
    return 0;
}

static int cli_measure(int argc, char **argv)
{
    static cli_measurement measurements[64];             /* too large for a stack; one command a process */
    cli_options options;
    ra_pool *pool;
    int status = cli_parse(argc, argv, CLI_WORKERS, &options);
    if (status) return status;
    if (options.word_count == 0) return cli_misuse("measure wants a file");
    if (cli_create_pool(&options, &pool)) return cli_misuse("%s", ra_result_text(RA_NO_MEMORY));
    for (int word = 0; word < options.word_count; word++) {
        cli_measurement *m = &measurements[word];
        m->path = options.words[word];
        if (options.word_count == 1 && cli_measure_alone(pool, m)) break;
        ra_result result = ra_pool_submit(pool, "measure", cli_measure_step, m, &m->job);
        if (result) ra_refuse(&m->error, result, 0, "%s", ra_result_text(result));
    }
    ra_pool_run(pool, 0.0);
    for (int word = 0; word < options.word_count; word++) {
        ra_job_release(measurements[word].job);
        if (cli_measure_print(&measurements[word])) status = 1;
    }
    ra_pool_destroy(pool);
    return status;
}

/* ---- spectrum: the mean of all windows of all channels, as the analyser shows one ---- */

enum { CLI_SPECTRUM_FRAMES = 4096, CLI_SPECTRUM_BINS = CLI_SPECTRUM_FRAMES / 2 + 1 };

/* Hann windows that overlap by half, the last ones filled up with zeros, each channel on its own; mean power.
   A full-scale sine on a bin reads 0 dB in the one channel that has it; at least -160. */
static int cli_spectrum_one(const char *path)
{
    enum { HOP = CLI_SPECTRUM_FRAMES / 2 };
    static float window[CLI_SPECTRUM_FRAMES], windowed[CLI_SPECTRUM_FRAMES], bins[CLI_SPECTRUM_FRAMES + 2];
    static double power[CLI_SPECTRUM_BINS];
    static char line[CLI_SPECTRUM_BINS * 9 + 8192];
    ra_wav_file in;
    ra_error error;
    ra_fft *fft = NULL;
    if (ra_wav_open(path, &in, &error)) return cli_refuse(path, &error);
    uint32_t channels = in.info.channels;
    float *history = ra_new((uint64_t)CLI_SPECTRUM_FRAMES * channels, sizeof(float));     /* interleaved; the first window is half zeros */
    if (!history || ra_fft_create(CLI_SPECTRUM_FRAMES, &fft)) {
        ra_refuse(&error, RA_NO_MEMORY, 0, "%s", ra_result_text(RA_NO_MEMORY));
        RA_FREE(history);
        ra_wav_close(&in);
        return cli_refuse(path, &error);
    }
    memset(power, 0, sizeof power);
    for (uint32_t n = 0; n < CLI_SPECTRUM_FRAMES; n++) window[n] = (float)(0.5 - 0.5 * ra_cos(RA_TAU * n / CLI_SPECTRUM_FRAMES));
    uint64_t window_count = 0;
    for (bool is_over = in.info.frame_count == 0; !is_over; window_count++) {
        size_t hop = (size_t)HOP * channels, got = 0;
        memmove(history, history + hop, hop * sizeof(float));
        for (uint32_t run; got < hop && (run = ra_wav_next(&in, history + hop + got, hop - got)) > 0; ) got += (size_t)run * channels;
        memset(history + hop + got, 0, (hop - got) * sizeof(float));
        is_over = got == 0;                              /* one more, for the second half of what came last */
        for (uint32_t channel = 0; channel < channels; channel++) {
            for (uint32_t n = 0; n < CLI_SPECTRUM_FRAMES; n++) {
                float x = history[(size_t)n * channels + channel];
                windowed[n] = ra_is_sound(x) ? x * window[n] : 0.0f;
            }
            ra_fft_forward_real(fft, windowed, bins);
            for (uint32_t k = 0; k < CLI_SPECTRUM_BINS; k++) power[k] += (double)bins[2 * k] * bins[2 * k] + (double)bins[2 * k + 1] * bins[2 * k + 1];
        }
    }
    ra_text text = ra_text_start(line, sizeof line);
    ra_text_add(&text, "{\"file\":");
    ra_text_add_json(&text, path);
    ra_text_add(&text, ",\"sample_rate_hz\":%u,\"bin_hz\":%g,\"windows\":%llu,\"db\":[", in.info.sample_rate_hz,
                (double)in.info.sample_rate_hz / CLI_SPECTRUM_FRAMES, (unsigned long long)window_count);
    for (uint32_t k = 0; k < CLI_SPECTRUM_BINS; k++) {
        double full_scale = CLI_SPECTRUM_FRAMES / 4.0, mean = window_count ? power[k] / (full_scale * full_scale * (double)window_count * channels) : 0.0;
        ra_text_add(&text, k ? ",%.2f" : "%.2f", mean > 1e-16 ? 10.0 * ra_log10(mean) : -160.0);
    }
    ra_text_add(&text, "]}\n");
    fputs(line, stdout);
    ra_fft_destroy(fft);
    RA_FREE(history);
    ra_wav_close(&in);
    return 0;
}

static int cli_spectrum(int argc, char **argv)
{
    cli_options options;
    int status = cli_parse(argc, argv, 0, &options);
    if (status) return status;
    if (options.word_count == 0) return cli_misuse("spectrum wants a file");
    for (int word = 0; word < options.word_count; word++) if (cli_spectrum_one(options.words[word])) status = 1;
    return status;
}

/* ---- render --normalise ---- */

static bool cli_goal_parse(const char *text, ra_task *goal)
{
    static const struct { const char *name; ra_normalise_kind kind; } known[] = { { "lufs=", RA_NORMALISE_LUFS }, { "rms=", RA_NORMALISE_RMS }, { "peak=", RA_NORMALISE_PEAK } };
    for (size_t row = 0; row < sizeof known / sizeof known[0]; row++) {
        size_t length = strlen(known[row].name);
        if (strncmp(text, known[row].name, length)) continue;
        goal->normalise = known[row].kind;
        const char *end = ra_parse_number(text + length, &goal->target_db);
        return end && !*end && goal->target_db >= -70.0 && goal->target_db <= 0.0;
    }
    return false;
}

/* Says when the gain is not all that was asked for. */
static void cli_tell_gain(const ra_task *task, const ra_loudness_report *report, double gain_db)
{
    double level = task->normalise == RA_NORMALISE_LUFS ? report->integrated_lufs : task->normalise == RA_NORMALISE_RMS ? report->rms_db : report->sample_peak_db;
    char line[200] = "";
    ra_text text = ra_text_start(line, sizeof line);
    double short_db = task->target_db - level - gain_db;
    if (level != level) ra_text_add(&text, "rustyaudio: there is nothing to normalise: silence, or less than 400 ms; the gain is 0 dB\n");
    else if (ra_abs(short_db) > 0.05)
        ra_text_add(&text, "rustyaudio: normalised by %.2f dB, %.2f dB away from the target, for the %s\n", gain_db, short_db,
                    ra_abs(gain_db) < RA_NORMALISE_GAIN_MAX_DB ? "true peak stays at -1 dBTP; a limiter in the chain makes room" : "gain stays within 30 dB");
    fputs(line, stderr);
}

/* Puts the filters of a settings file before the chain. */
static ra_result cli_import(const char *path, ra_chain_spec *spec, ra_error *error)
{
    size_t byte_count;
    ra_chain_spec eq;
    uint8_t *bytes = ra_file_read(path, &byte_count, error);
    if (!bytes) return error->code;
    ra_result result = ra_chain_import((const char *)bytes, &eq, error);
    RA_FREE(bytes);
    if (result) return result;
    if (eq.count + spec->count > RA_CHAIN_MAX) return ra_refuse(error, RA_BAD_CHAIN, 0, "with --chain it makes more than %d processors", RA_CHAIN_MAX);
    memcpy(eq.item + eq.count, spec->item, spec->count * sizeof spec->item[0]);
    eq.count += spec->count;
    *spec = eq;
    return RA_OK;
}

/* ---- render --chain with convolve file=NAME: relative to where we are ---- */

static void cli_free_impulses(const ra_chain_spec *spec)
{
    for (uint32_t index = 0; index < spec->count; index++) ra_clip_destroy((ra_clip *)(uintptr_t)spec->item[index].impulse);
}

/* False, and the sentence is said, when one cannot be had. */
static bool cli_load_impulses(ra_chain_spec *spec)
{
    for (uint32_t index = 0; index < spec->count; index++) {
        ra_processor_spec *item = &spec->item[index];
        ra_error error = { .text = "" };
        ra_clip *clip = NULL;
        if (item->kind != RA_PROCESSOR_CONVOLVE) continue;
        if (!item->file[0]) { cli_misuse("convolve wants a response: convolve file=NAME"); cli_free_impulses(spec); return false; }
        if (ra_wav_load(item->file, &clip, &error) == RA_OK) {
            item->impulse = clip;
            bool sounds = ra_impulse_sounds(clip);
            if (sounds && ra_impulse_is_possible(clip)) continue;
            if (!sounds) ra_refuse(&error, RA_BAD_ARGUMENT, 0, "as a response it would silence everything: there is no sound in it");
            else ra_refuse(&error, RA_BAD_ARGUMENT, 0, "as a response it is too much: %u channels and %.1f s, where 1 or 2 and at most %d s are possible",
                      clip->channels, (double)clip->frame_count / clip->sample_rate_hz, RA_CONVOLVE_MAX_S);
        }
        cli_refuse(item->file, &error);
        cli_free_impulses(spec);
        return false;
    }
    return true;
}

static int cli_render(int argc, char **argv)
{
    cli_options options;
    ra_error error = { .text = "" };
    ra_task task = { .kind = RA_TASK_EXPORT, .ceiling_dbtp = RA_NORMALISE_CEILING_DBTP };
    ra_pool *pool = NULL;
    ra_process *process = NULL;
    ra_wav_file file;
    ra_new_file written;
    sigset_t held, before;
    int status = cli_parse(argc, argv, CLI_CHAIN | CLI_RATE | CLI_FORMAT | CLI_NORMALISE | CLI_WORKERS, &options), reason = 0;
    if (status) return status;
    if (options.word_count != 2) return cli_misuse("render wants an input and an output file");
    const char *in = options.words[0], *out = options.words[1];
    if (!cli_format(options.format, &task.format, &task.is_raw)) return cli_misuse("--format: \"%s\" should be s16, s24, f32 or raw", options.format);
    if (options.normalise && !cli_goal_parse(options.normalise, &task))
        return cli_misuse("--normalise: \"%s\" should be lufs=, rms= or peak= and a number of dB from -70 to 0", options.normalise);
    task.is_normalised = options.normalise != NULL;
    task.sample_rate_hz = (uint32_t)options.rate_hz;
    if (ra_chain_parse(options.chain, &task.chain, &error)) return cli_refuse("--chain", &error);
    if (options.eq && cli_import(options.eq, &task.chain, &error)) return cli_refuse(options.eq, &error);
    if (!cli_load_impulses(&task.chain)) return 1;
    if (ra_wav_open(in, &file, &error)) { cli_free_impulses(&task.chain); return cli_refuse(in, &error); }
    /* Who breaks it off gets no half file: until it is away the signal waits, and then it ends us. */
    sigemptyset(&held);
    static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
    for (int n = 0; n < 3; n++) {                        /* what nohup or a shell lets us ignore is no end */
        struct sigaction is;
        if (sigaction(ends[n], NULL, &is) == 0 && is.sa_handler != SIG_IGN) sigaddset(&held, ends[n]);
    }
    signal(SIGXFSZ, SIG_IGN);                            /* a file that may not grow is told of */
    sigprocmask(SIG_BLOCK, &held, &before);
    if (ra_new_file_open(out, &written, &error)) status = cli_refuse(out, &error);
    else {
        if (!written.is_beside) sigprocmask(SIG_SETMASK, &before, NULL);        /* nothing will be left behind */
        ra_result result = cli_create_pool(&options, &pool);
        if (result) ra_refuse(&error, result, 0, "%s", ra_result_text(result));
        else result = ra_process_stream(pool, &file.info, &task, &process, &error);
        if (result == RA_OK) {
            const ra_task_result *is;
            reason = cli_serve(process, &file, written.file, "rendering");
            result = ra_process_explain(process, &error);
            if (ra_process_get(process, &is) == RA_OK) {
                if (task.is_normalised) cli_tell_gain(&task, &is->before, is->gain_db);
                if (is->cut_samples) fprintf(stderr, "rustyaudio: %llu samples are beyond full scale and were cut; a limiter in the chain, --normalise or --format f32 keeps them\n",
                                             (unsigned long long)is->cut_samples);
            }
        }
        bool is_refused = result && !reason;
        if (is_refused) status = cli_refuse(in, &error);
        if (ra_new_file_close(&written, is_refused ? ECANCELED : reason, &error) && !is_refused && reason != EINTR) status = cli_refuse(out, &error);
    }
    ra_process_free(process);
    ra_pool_destroy(pool);
    ra_wav_close(&file);
    cli_free_impulses(&task.chain);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return status;
}

static int cli_gen(int argc, char **argv)
{
    static const struct { const char *name; int options; double hz; } kinds[RA_TONE_KIND_COUNT] = {      /* hz: where none is given */
        [RA_TONE_SINE]  = { "sine",  CLI_SINE,  440 }, [RA_TONE_SQUARE]       = { "square",       CLI_SINE,  440 },
        [RA_TONE_SAW]   = { "saw",   CLI_SINE,  440 }, [RA_TONE_TRIANGLE]     = { "triangle",     CLI_SINE,  440 },
        [RA_TONE_SWEEP] = { "sweep", CLI_SWEEP, 440 }, [RA_TONE_LINEAR_SWEEP] = { "linear-sweep", CLI_SWEEP, 440 },
        [RA_TONE_NOISE] = { "noise", CLI_NOISE, 0 },   [RA_TONE_PINK]         = { "pink",         CLI_NOISE, 0 },
        [RA_TONE_IMPULSE] = { "impulse", CLI_SINE, 0 }, [RA_TONE_MULTITONE]   = { "multitone",    CLI_SWEEP | CLI_TONES, 20 },
    };
    cli_options options;
    ra_error error = { .text = "" };
    ra_wav_info info = { .channels = 1 };
    bool is_raw;
    size_t row = 0;
    if (argc < 2) return cli_misuse("gen wants a kind and an output file");
    while (row < RA_TONE_KIND_COUNT && strcmp(argv[0], kinds[row].name)) row++;
    if (row == RA_TONE_KIND_COUNT) {
        char line[200];
        ra_text text = ra_text_start(line, sizeof line);
        for (row = 0; row < RA_TONE_KIND_COUNT; row++) ra_text_add(&text, row ? ", %s" : "%s", kinds[row].name);
        return cli_misuse("\"%s\" is no kind of signal; there are %s", argv[0], line);
    }
    int status = cli_parse(argc, argv, CLI_RATE | CLI_FORMAT | CLI_TONE | kinds[row].options, &options);
    if (status) return status;
    if (options.word_count != 2) return cli_misuse("gen wants a kind and an output file");
    if (!cli_format(options.format, &info.format, &is_raw)) return cli_misuse("--format: \"%s\" should be s16, s24, f32 or raw", options.format);
    info.sample_rate_hz = options.rate_hz > 0.0 ? (uint32_t)options.rate_hz : 48000;
    info.frame_count = (uint64_t)(options.seconds * info.sample_rate_hz + 0.5);
    ra_tone tone = { .kind = (ra_tone_kind)row, .start_hz = options.hz > 0.0 ? options.hz : kinds[row].hz, .duration_s = options.seconds,
                     .level_db = options.level_db, .seed = (uint64_t)options.seed, .tone_count = (uint32_t)options.tones };
    if (kinds[row].options & CLI_SWEEP) tone.end_hz = options.to_hz > 0.0 ? options.to_hz : 0.45 * info.sample_rate_hz;
    if (2.0 * (tone.end_hz > tone.start_hz ? tone.end_hz : tone.start_hz) >= info.sample_rate_hz)
        return cli_misuse("a tone must lie below half the sample rate, %g Hz", 0.5 * info.sample_rate_hz);
    ra_clip *clip;
    ra_result result = ra_clip_create(info.frame_count, 1, info.sample_rate_hz, &clip);
    if (result) { ra_refuse(&error, result, 0, "%s", ra_result_text(result)); return cli_refuse(options.words[1], &error); }
    ra_generate(&tone, info.sample_rate_hz, 0, clip->samples, (size_t)info.frame_count);
    if (ra_wav_save_as(options.words[1], &info, clip->samples, is_raw, &error)) status = cli_refuse(options.words[1], &error);
    ra_clip_destroy(clip);
    return status;
}

static int cli_main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "help";
    if (strcmp(verb, "info") == 0)   return cli_info(argc - 2, argv + 2);
    if (strcmp(verb, "render") == 0) return cli_render(argc - 2, argv + 2);
    if (strcmp(verb, "measure") == 0)  return cli_measure(argc - 2, argv + 2);
    if (strcmp(verb, "spectrum") == 0) return cli_spectrum(argc - 2, argv + 2);
    if (strcmp(verb, "gen") == 0)    return cli_gen(argc - 2, argv + 2);
    if (strcmp(verb, "help") == 0 || strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0) { fputs(cli_help, stdout); return argc > 1 ? 0 : 2; }
    return cli_misuse("there is no command \"%s\"", verb);
}

int main(int argc, char **argv)
{
    int status = cli_main(argc, argv);
    if (status || (fflush(stdout) == 0 && !ferror(stdout))) return status;
    fprintf(stderr, "rustyaudio: cannot write to standard output: %s\n", strerror(errno));
    return 1;
}

#endif

#endif  /* !RA_EMBEDDED */
