/* test.c - the tests of rustyaudio.c.

   Run            build/test            everything
                  build/test filters    one section, by the name it has in rustyaudio.c
   Build          cc -std=c11 -O3 -ffp-contract=off -pthread test.c -o build/test -lm
                  (libm is for the oracles here; rustyaudio.c itself does not need it); with -O0, with
                  sanitizers, with -DRA_NO_THREADS, by emcc for node (without files and programs): all pass
   Output         a line for each check that fails (sentence, line, got, want), a line for each
                  section, and last of all: N passed, N failed. Exit status 1 if one failed.

   How it is made
     includes     rustyaudio.c itself, with the page and the command line left out, so that private
                  functions can be tested too; sections have its order and its names
     oracles      share no code with what they judge: libm, sums written out, analogue prototypes,
                  a least-squares fit, files written byte by byte
     signals      by formula, seeded, no files
     tolerances   each with its unit and its reason
     memory       every allocation is counted: a test that leaks fails, so does one that allocates,
                  frees or locks inside render() or process()
     golden       hashes over output bits, the same for every compiler, block size and machine      */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <complex.h>
#include <errno.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <signal.h>

#if defined(__has_feature)
#  if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#    define TEST_SLOW 1
#  endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#  define TEST_SLOW 1
#endif
#if defined(__SANITIZE_THREAD__)
#define TEST_STRESS_S 30               /* how long random jobs run */
#else
#define TEST_STRESS_S 2
#endif
#ifndef TEST_SLOW
#define TEST_SLOW 0                    /* 1: a sanitizer is at work, so the long tests are made shorter */
#endif

/* ---- what rustyaudio.c gets from us instead of malloc, pthread_create and the locks ---------- */

static struct {
    atomic_llong live;                 /* blocks that are allocated and not freed */
    atomic_llong bytes, most_bytes;    /* in them, and the most there have been */
    atomic_llong count;                /* allocations ever */
    atomic_llong fail_at;              /* this one of them fails (counted from 1); 0: none */
    atomic_llong bad_frees;            /* of something that was not allocated, or twice */
    atomic_llong audio_sins;           /* allocations, frees and locks while is_audio */
    const char *cuts;                  /* a file that becomes shorter as soon as something is allocated */
} memory;
static _Thread_local bool is_audio;    /* this thread is inside render() or process() */
static atomic_bool threads_refuse;     /* pthread_create fails */
static atomic_bool threads_never_come; /* it says yes, and nobody comes */

typedef struct { uint64_t magic; uint64_t byte_count; } block_head;      /* 16 bytes keep the alignment */
enum { BLOCK_LIVE = 0x11FE, BLOCK_DEAD = 0xDEAD };

static void *test_malloc(size_t byte_count)
{
    if (is_audio) memory.audio_sins++;
    if (memory.cuts && truncate(memory.cuts, 1000) != 0) return NULL;
    if (++memory.count == memory.fail_at || byte_count > SIZE_MAX / 2) return NULL;
    block_head *head = malloc(sizeof *head + byte_count);
    if (!head) return NULL;
    *head = (block_head){ BLOCK_LIVE, byte_count };
    long long bytes = memory.bytes += (long long)byte_count;
    if (bytes > memory.most_bytes) memory.most_bytes = bytes;
    memset(head + 1, 0xA5, byte_count < 65536 ? byte_count : 65536);      /* nobody may hope for zeros */
    memory.live++;
    return head + 1;
}
static void test_free(void *bytes)
{
    if (!bytes) return;
    if (is_audio) memory.audio_sins++;
    block_head *head = (block_head *)bytes - 1;
    if (head->magic != BLOCK_LIVE) { memory.bad_frees++; return; }
    head->magic = BLOCK_DEAD;
    memory.bytes -= (long long)head->byte_count;
    memory.live--;
    free(head);
}
static void *test_calloc(size_t count, size_t byte_count)
{
    if (byte_count && count > SIZE_MAX / 2 / byte_count) return NULL;
    void *bytes = test_malloc(count * byte_count);
    return bytes ? memset(bytes, 0, count * byte_count) : NULL;
}
static void *test_realloc(void *old, size_t byte_count)
{
    void *bytes = test_malloc(byte_count);
    if (bytes && old) {
        uint64_t old_count = ((block_head *)old)[-1].byte_count;
        memcpy(bytes, old, old_count < byte_count ? old_count : byte_count);
        test_free(old);
    }
    return bytes;
}
static int test_thread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *user)
{
    return threads_refuse ? EAGAIN : threads_never_come ? 0 : pthread_create(thread, attributes, body, user);
}
static __attribute__((unused)) int test_mutex_lock(pthread_mutex_t *mutex)
{
    if (is_audio) memory.audio_sins++;
    return pthread_mutex_lock(mutex);
}

#define RA_MALLOC(n)          test_malloc(n)
#define RA_CALLOC(n, size)    test_calloc(n, size)
#define RA_REALLOC(p, n)      test_realloc(p, n)
#define RA_FREE(p)            test_free(p)
#define pthread_create(...)   test_thread_create(__VA_ARGS__)
#define pthread_mutex_lock(m) test_mutex_lock(m)
#define RA_NO_UI
#define RA_NO_WEB
#define RA_NO_CLI
#include "rustyaudio.c"
#undef pthread_create
#undef pthread_mutex_lock
#undef I                               /* <complex.h> may keep it from us, we write _Complex_I */

/* ---- the frame: tests, checks, hashes --------------------------------------------------------- */

static struct {
    const char *wanted_section;
    const char *sentence;              /* of the test that runs */
    int passed, failed, complaints;
} run;

static void complain(int line, const char *format, ...)
{
    if (++run.complaints > 3) return;                 /* three lines say enough about one test */
    printf("FAIL %s\n     test.c:%d: ", run.sentence ? run.sentence : "(before the first test)", line);
    va_list values;
    va_start(values, format);
    vprintf(format, values);
    va_end(values);
    printf("\n");
    fflush(stdout);
}
/* Ends the test that runs: it passed if nobody complained and no memory is left. */
static void test_end(int line)
{
    if (!run.sentence) return;
    if (memory.live != 0)       complain(line, "%lld allocations were not freed", (long long)memory.live);
    if (memory.bad_frees != 0)  complain(line, "%lld times something was freed that was not allocated", (long long)memory.bad_frees);
    if (memory.audio_sins != 0) complain(line, "the audio thread allocated, freed or locked %lld times", (long long)memory.audio_sins);
    memory.live = memory.bad_frees = memory.audio_sins = memory.fail_at = 0;
    if (run.complaints) run.failed++; else run.passed++;
    run.sentence = NULL;
    run.complaints = 0;
}
static void test_begin(const char *sentence, int line) { test_end(line); run.sentence = sentence; }
#define test(sentence) test_begin(sentence, __LINE__)

static bool check_true(bool is_true, const char *words, int line)
{
    if (!is_true) complain(line, "got false, want %s", words);
    return is_true;
}
static bool check_close(double got, double want, double tolerance, const char *words, int line)
{
    bool is_close = fabs(got - want) <= tolerance;     /* false for NaN too */
    if (!is_close) complain(line, "%s: got %.9g, want %.9g, at most %.3g away", words, got, want, tolerance);
    return is_close;
}
static bool check_limit(double got, double limit, const char *words, int line)
{
    bool is_below = got <= limit;
    if (!is_below) complain(line, "%s: got %.9g, want %.9g at most", words, got, limit);
    return is_below;
}
static bool check_integer(long long got, long long want, const char *words, int line)
{
    if (got != want) complain(line, "%s: got %lld, want %lld", words, got, want);
    return got == want;
}
static bool check_string(const char *got, const char *want, const char *words, int line)
{
    bool is_same = got && strcmp(got, want) == 0;
    if (!is_same) complain(line, "%s: got '%s', want '%s'", words, got ? got : "(NULL)", want);
    return is_same;
}
/* The first sample that differs, bit for bit (-0.0 counts as 0.0). */
static bool check_bits(const float *got, const float *want, size_t count, const char *words, int line)
{
    for (size_t n = 0; n < count; n++)
        if (memcmp(&got[n], &want[n], sizeof(float)) != 0 && !(got[n] == 0 && want[n] == 0)) {
            complain(line, "%s: sample %zu of %zu: got %.9g, want %.9g", words, n, count, (double)got[n], (double)want[n]);
            return false;
        }
    return true;
}
#define check(condition)              check_true(condition, #condition, __LINE__)
#define check_near(got, want, within) check_close(got, want, within, #got, __LINE__)
#define check_most(got, limit)        check_limit(got, limit, #got, __LINE__)
#define check_same(got, want)         check_integer((long long)(got), (long long)(want), #got, __LINE__)
#define check_text(got, want)         check_string(got, want, #got, __LINE__)
#define check_samples(got, want, n)   check_bits(got, want, n, #got, __LINE__)

static uint64_t hash_bytes(const void *bytes, size_t byte_count)          /* FNV-1a, 64 bit */
{
    uint64_t hash = 14695981039346656037u;
    for (size_t n = 0; n < byte_count; n++) hash = (hash ^ ((const uint8_t *)bytes)[n]) * 1099511628211u;
    return hash;
}

/* Output bits as they were in the first run that every test here had agreed with. A change of sound is a change
   of this table, and of it alone. Inputs are integer noise, so that no libm has a say in them. */
static const struct { const char *const name; uint64_t hash; } golden[] = {
    { "fft real 4096",           0x966b4a688345b1cd },
    { "fft complex 1024",        0x864e99b123df07a4 },
    { "fft of every size",       0x11f0cbd5c88b603e },
    { "eq ten bands stereo",     0x1da86887c05adeb7 },
    { "eq glide",                0xd6957e5163bbec1e },
    { "chain eq gain softclip",  0xc2749acc80b3b62d },
    { "chain of all",            0x8d1437557e72d53f },
    { "gain",                   0x7b507cae920e5099 },
    { "softclip",               0x6d422cca27dea861 },
    { "pan",                    0xcd8cb66e4a8b8d02 },
    { "delay",                  0x63c6029a996934ad },
    { "chorus",                 0xb7df4be127c3288e },
    { "distortion",             0x12d3e055567a6f8f },
    { "compressor",             0xb380e1c932401f72 },
    { "limiter",                0x3b527d07db41676f },
    { "reverb",                 0xb3c33c5a3e4bb5c5 },
    { "convolve",                0xcfd2bc9726d8413f },
    { "resample 44100 to 48000", 0x139ca0549a164585 },
    { "resample 48000 to 44100", 0x2ef0aaffbef97d4b },
    { "demo loop",               0x252daf9236303706 },
    { "loudness report",         0x1ced2ed789454c17 },
    { "tone sine",               0xc1431878d87aeb69 },
    { "tone noise",              0x2b74313adfdcaddc },
    { "tone sweep",              0xd0693a2dce641fb8 },
    { "tone square",             0xa1d7bf7e1f505ad0 },
    { "tone saw",                0x76032761db4c7333 },
    { "tone triangle",           0x3a37e6aa3cd76ee7 },
    { "tone linear sweep",       0x74bd305bf078fdee },
    { "tone pink",               0x6eb4a21c62744883 },
    { "tone impulse",            0x4be92c4fb7307c03 },
    { "tone multitone",          0xbf38e3306fd45f0e },
    { "wav s16 with dither",     0x9997615f0a34872b },
    { "engine session",          0x869a733afdca4e5a },
    { "engine at 44100",         0xfe9e85037695c9e7 },
};
static __attribute__((noinline)) void check_golden_at(const char *name, const void *bytes, size_t byte_count, int line)
{
    uint64_t got = hash_bytes(bytes, byte_count);
    for (size_t n = 0; n < sizeof golden / sizeof golden[0]; n++)
        if (strcmp(golden[n].name, name) == 0) {
            if (golden[n].hash != got)
                complain(line, "golden '%s': got 0x%016llx, want 0x%016llx", name, (unsigned long long)got, (unsigned long long)golden[n].hash);
            return;
        }
    complain(line, "no golden hash is called '%s'", name);
}
#define check_golden(name, samples, count) check_golden_at(name, samples, (count) * sizeof *(samples), __LINE__)

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
/* Waits until a condition holds, twenty seconds at most (a loaded machine is slow, a hung one is slower). */
#define wait_until(condition) \
    do { double wait_start = seconds_now(); while (!(condition) && seconds_now() - wait_start < 20) usleep(200); } while (0)

/* ---- signals and measurements ----------------------------------------------------------------- */

static const double PI = 3.14159265358979323846;
enum { BUFFER = 1 << 20 };                               /* floats: ten seconds of stereo at 48 kHz */
static float input[BUFFER], output[BUFFER], other[BUFFER], third[BUFFER];

static uint64_t noise_state;
static uint32_t noise_word(void)                         /* [Steele 2014] splitmix64 */
{
    uint64_t z = (noise_state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (uint32_t)((z ^ (z >> 31)) >> 32);
}
/* White noise whose samples are multiples of 2^-23 times the peak. */
static void fill_noise(float *samples, size_t count, float peak, uint64_t seed)
{
    noise_state = seed;
    for (size_t n = 0; n < count; n++) samples[n] = peak * (float)((int32_t)(noise_word() >> 8) - (1 << 23)) / (float)(1 << 23);
}
/* The same sine in every channel. */
static void fill_sine(float *frames, size_t frame_count, uint32_t channels, double hz, double rate, double peak)
{
    for (size_t n = 0; n < frame_count; n++)
        for (uint32_t channel = 0; channel < channels; channel++)
            frames[n * channels + channel] = (float)(peak * sin(2 * PI * fmod(hz * (double)n / rate, 1.0)));
}
static double decibels(double amplitude) { return 20 * log10(amplitude); }
static double rms_of(const float *samples, size_t count, size_t step)
{
    double sum = 0;
    for (size_t n = 0; n < count; n++) sum += (double)samples[n * step] * samples[n * step];
    return sqrt(sum / (double)count);
}
static double peak_of(const float *samples, size_t count)
{
    double peak = 0;
    for (size_t n = 0; n < count; n++) { if (!(fabs(samples[n]) <= peak)) peak = fabs(samples[n]); }
    return peak;
}
static bool is_silent(const float *samples, size_t count)
{
    for (size_t n = 0; n < count; n++) if (samples[n] != 0) return false;
    return true;
}
static bool is_finite(const float *samples, size_t count)
{
    for (size_t n = 0; n < count; n++) if (!isfinite(samples[n])) return false;
    return true;
}

/* Least squares: a sine, a cosine and a constant of known frequency; what is left is noise and distortion. */
typedef struct { double amplitude, phase, residual_rms; } tone_fit;
static tone_fit fit_tone(const float *samples, size_t count, size_t step, double hz, double rate)
{
    double m[3][4] = { { 0 } };
    for (size_t n = 0; n < count; n++) {
        double w = 2 * PI * fmod(hz * (double)n / rate, 1.0);
        double basis[4] = { sin(w), cos(w), 1, samples[n * step] };
        for (int row = 0; row < 3; row++)
            for (int column = 0; column < 4; column++) m[row][column] += basis[row] * basis[column];
    }
    for (int pivot = 0; pivot < 3; pivot++)
        for (int row = 0; row < 3; row++) {
            if (row == pivot) continue;
            double factor = m[row][pivot] / m[pivot][pivot];
            for (int column = 0; column < 4; column++) m[row][column] -= factor * m[pivot][column];
        }
    double a = m[0][3] / m[0][0], b = m[1][3] / m[1][1], c = m[2][3] / m[2][2], sum = 0;
    for (size_t n = 0; n < count; n++) {
        double w = 2 * PI * fmod(hz * (double)n / rate, 1.0);
        double rest = samples[n * step] - a * sin(w) - b * cos(w) - c;
        sum += rest * rest;
    }
    return (tone_fit){ hypot(a, b), atan2(b, a), sqrt(sum / (double)count) };
}
/* x[n] - 2 cos(w) x[n-1] + x[n-2] is 0 for a steady sine; a click of height h shows as about h. */
static double worst_click(const float *frames, size_t frame_count, size_t step, double hz, double rate)
{
    double twice = 2 * cos(2 * PI * hz / rate), worst = 0;
    for (size_t n = 2; n < frame_count; n++) {
        double rest = fabs(frames[n * step] - twice * frames[(n - 1) * step] + frames[(n - 2) * step]);
        if (!(rest <= worst)) worst = rest;
    }
    return worst;
}

/* The transform by its definition, one bin, in double, over a table of cosines. */
static double cosines[65536];
static void dft_start(uint32_t size) { for (uint32_t n = 0; n < size; n++) cosines[n] = cos(2 * PI * n / size); }
static double complex dft_bin(const float *values, bool is_complex, uint32_t size, uint32_t bin)
{
    double re = 0, im = 0;
    for (uint32_t n = 0; n < size; n++) {
        uint32_t turn = (uint32_t)((uint64_t)bin * n % size);
        double c = cosines[turn], s = cosines[(turn + size - size / 4) % size];        /* sin(x) = cos(x - quarter) */
        double x = is_complex ? values[2 * n] : values[n], y = is_complex ? values[2 * n + 1] : 0;
        re += x * c + y * s;
        im += y * c - x * s;
    }
    return re + im * _Complex_I;
}

/* The filters from their analogue prototypes through the bilinear transform, s = i tan(w/2) / tan(w0/2): no
   coefficient of the cookbook is used. [RBJ] gives the prototypes. */
static double complex prototype(const ra_eq_band *band, double hz, double rate)
{
    if (!(band->hz < 0.5 * rate)) return 1;
    double complex s = _Complex_I * tan(PI * hz / rate) / tan(PI * band->hz / rate);
    double a = pow(10, band->db / 40), q = band->q;
    double complex ss = s * s, low = ss + s / q + 1;
    switch (band->type) {
    case RA_PEAKING:    return (ss + s * a / q + 1) / (ss + s / (a * q) + 1);
    case RA_LOW_SHELF:  return a * (ss + sqrt(a) / q * s + a) / (a * ss + sqrt(a) / q * s + 1);
    case RA_HIGH_SHELF: return a * (a * ss + sqrt(a) / q * s + 1) / (ss + sqrt(a) / q * s + a);
    case RA_LOW_PASS:   return 1 / low;
    case RA_HIGH_PASS:  return ss / low;
    case RA_BAND_PASS:  return s / q / low;
    case RA_NOTCH:      return (ss + 1) / low;
    case RA_ALL_PASS:   return (ss - s / q + 1) / low;
    default:            return NAN;
    }
}
/* Gain of an impulse response at one frequency: its Fourier sum in double. */
static double complex measured(const float *response, size_t frame_count, size_t step, double hz, double rate)
{
    double complex turn = cexp(-_Complex_I * 2 * PI * hz / rate), phasor = 1, sum = 0;
    for (size_t n = 0; n < frame_count; n++) {
        sum += response[n * step] * phasor;
        phasor *= turn;
    }
    return sum;
}

/* One of eq, chain, engine in blocks, watched by the allocator. */
static void process_eq(ra_eq *eq, float *frames, uint32_t channels, uint32_t frame_count, uint32_t block)
{
    is_audio = true;
    for (uint32_t done = 0, now; done < frame_count; done += now) {
        now = frame_count - done < block ? frame_count - done : block;
        ra_eq_process(eq, frames + (size_t)done * channels, now);
    }
    is_audio = false;
}
static void process_chain(ra_chain *chain, float *frames, uint32_t channels, uint32_t frame_count, uint32_t block)
{
    is_audio = true;
    for (uint32_t done = 0, now; done < frame_count; done += now) {
        now = frame_count - done < block ? frame_count - done : block;
        ra_chain_process(chain, frames + (size_t)done * channels, now);
    }
    is_audio = false;
}
static void render(ra_engine *engine, float *out, uint32_t frame_count, uint32_t block)
{
    is_audio = true;
    for (uint32_t done = 0, now; done < frame_count; done += now) {
        now = frame_count - done < block ? frame_count - done : block;
        ra_engine_render(engine, out + (size_t)done * 2, now);
    }
    is_audio = false;
}
static const uint32_t blocks[] = { 4096, 512, 128, 7, 1 };
enum { BLOCK_KINDS = sizeof blocks / sizeof blocks[0] };

/* ---- [2] BASE ---------------------------------------------------------------------------------- */

/* Results as text: the same words as printf's. */
static void check_format_at(int line, const char *got, const char *format, ...)
{
    char want[512];
    va_list values;
    va_start(values, format);
    vsnprintf(want, sizeof want, format, values);
    va_end(values);
    check_string(got, want, format, line);
}
#define check_format(format, ...) do { \
        char words[512]; ra_text line_text = ra_text_start(words, sizeof words); \
        ra_text_add(&line_text, format, __VA_ARGS__); \
        check_format_at(__LINE__, words, format, __VA_ARGS__); \
        check_same(line_text.length, strlen(words)); } while (0)

static void test_base(void)
{
    /* Bars: a few units in the last place of the result; libm in long double is the judge. */
    test("base: sine and cosine agree with libm to 2.3e-16 within a turn, to 1e-15 within a thousand");
    noise_state = 1;
    double near_error = 0, far_error = 0;
    for (int n = 0; n < 200000; n++) {
        double unit = ((double)noise_word() - 2147483648.0) / 2147483648.0;
        double near_x = 2 * PI * unit, far_x = 2000 * PI * unit;
        near_error = fmax(near_error, fmax((double)fabsl(ra_sin(near_x) - sinl((long double)near_x)), (double)fabsl(ra_cos(near_x) - cosl((long double)near_x))));
        far_error  = fmax(far_error, fmax((double)fabsl(ra_sin(far_x) - sinl((long double)far_x)), (double)fabsl(ra_cos(far_x) - cosl((long double)far_x))));
    }
    check_most(near_error, 2.3e-16);
    check_most(far_error, 1e-15);
    check(ra_sin(0) == 0 && ra_cos(0) == 1 && ra_sin(1e-300) == 1e-300);
    check(ra_sin(-0.5) == -ra_sin(0.5) && ra_cos(-0.5) == ra_cos(0.5));

    test("base: exp, log, exp10, log10 agree with libm to 4 ulp, exp10 far out to the rounding of its argument");
    double exp_error = 0, log_error = 0, exp10_error = 0, log10_error = 0;
    for (int n = 0; n < 200000; n++) {
        double unit = ((double)noise_word() - 2147483648.0) / 2147483648.0;
        double x = 700 * unit, y = exp(x), z = 300 * unit;
        exp_error   = fmax(exp_error, (double)fabsl(ra_exp(x) / expl((long double)x) - 1));
        exp10_error = fmax(exp10_error, (double)fabsl(ra_exp10(z) / powl(10, (long double)z) - 1) / (4 + fabs(z * log(10))));
        log_error   = fmax(log_error, (double)fabsl((ra_log(y) - logl((long double)y)) / fmaxl(fabsl(logl((long double)y)), 0.5L)));
        log10_error = fmax(log10_error, (double)fabsl((ra_log10(y) - log10l((long double)y)) / fmaxl(fabsl(log10l((long double)y)), 0.25L)));
    }
    check_most(exp_error, 4 * DBL_EPSILON);
    check_most(log_error, 4 * DBL_EPSILON);
    check_most(exp10_error, DBL_EPSILON);
    check_most(log10_error, 4 * DBL_EPSILON);
    check(ra_exp(0) == 1 && ra_log(1) == 0 && ra_exp(-1e4) == 0 && ra_exp10(0) == 1);
    double small_error = 0;                                    /* near 1 the logarithm must not lose its digits */
    for (int n = 1; n < 1000; n++) { double d = n * 1e-9; small_error = fmax(small_error, (double)fabsl(ra_log(1 + d) / logl((long double)(1 + d)) - 1)); }
    check_most(small_error, 4 * DBL_EPSILON);

    test("base: decibels and amplitudes are each other's inverse, and silence is no NaN");
    for (double db = -120; db <= 40; db += 0.37) {
        if (!check_near(ra_db_from_amplitude(ra_amplitude_from_db(db)), db, 1e-12)) break;
        if (!check_near(ra_amplitude_from_db(db) / pow(10, db / 20), 1, 1e-14)) break;
    }
    check(ra_amplitude_from_db(0) == 1);
    check(ra_db_from_amplitude(0) < -300 || ra_db_from_amplitude(0) == -INFINITY);
    check(ra_sqrt(2) == sqrt(2) && ra_sqrtf(2) == sqrtf(2));

    test("base: clamp keeps what is inside");
    check(ra_clamp(5, 0, 1) == 1 && ra_clamp(-5, 0, 1) == 0 && ra_clamp(0.25, 0, 1) == 0.25);
    check(ra_clamp(INFINITY, 2, 3) == 3 && ra_clamp(-INFINITY, 2, 3) == 2);

    test("base: text is written as printf writes it");
    check_format("%s and %s|%c%%", "one", "", 'x');
    check_format("%d %d %d %d", 0, -1, INT_MAX, INT_MIN);
    check_format("%u %u", 0u, UINT_MAX);
    check_format("%llu %llu", 0ull, ULLONG_MAX);
    check_format("%02d:%02d:%03d %05d", 1, 59, 7, 123456);
    /* no ties: printf rounds them to even, ours away from zero */
    static const double values[] = { 0, 1, -1, 0.51, 1.0049, 2.53, 9.9951, 0.049, 99.951, 123456.789, -0.0626, 44100, 31.26, 1.41, 999999.96 };
    for (size_t n = 0; n < sizeof values / sizeof values[0]; n++) check_format("%.0f %.1f %.2f %.3f %.6f", values[n] + 0.1, values[n], values[n], values[n], values[n]);
    char digits[64];
    for (size_t n = 0; n < sizeof values / sizeof values[0]; n++) {
        ra_text text = ra_text_start(digits, sizeof digits);
        ra_text_add(&text, "%g", values[n]);
        check_near(strtod(digits, NULL), values[n], fabs(values[n]) * 5.1e-6);        /* six digits or more */
    }

    test("base: NaN, infinity and huge numbers are written without a crash");
    ra_text huge = ra_text_start(digits, sizeof digits);
    ra_text_add(&huge, "%.3f %.1f %g %g %.0f", NAN, INFINITY, -INFINITY, 1.7e308, -1.7e308);
    check(strlen(digits) < sizeof digits);
    huge = ra_text_start(digits, sizeof digits);
    ra_text_add(&huge, "%g", 5e-324);
    check(strlen(digits) > 0);

    test("base: text never leaves its buffer and is always terminated");
    for (size_t capacity = 1; capacity <= 24; capacity++) {
        char guarded[40];
        memset(guarded, '#', sizeof guarded);
        ra_text text = ra_text_start(guarded + 8, capacity);
        for (int n = 0; n < 3; n++) ra_text_add(&text, "%s%d%.3f%c", "abc", -42, 3.25, '!');
        ra_text_add_json(&text, "q\"\n");
        bool is_guarded = true;
        for (size_t n = 0; n < sizeof guarded; n++) if ((n < 8 || n >= 8 + capacity) && guarded[n] != '#') is_guarded = false;
        if (!check(is_guarded) || !check(memchr(guarded + 8, 0, capacity) != NULL)) break;
        if (!check(strncmp(guarded + 8, "abc-423.250!abc-423.250!", capacity - 1) == 0)) break;
    }

    test("base: JSON strings are quoted, escaped and otherwise left as they are");
    char json[128];
    ra_text text = ra_text_start(json, sizeof json);
    ra_text_add_json(&text, "a\"b\\c\nd\te\x01 f/\xC3\xBC");
    check_text(json, "\"a\\\"b\\\\c\\u000ad\\u0009e\\u0001 f/\xC3\xBC\"");

    test("base: every result has words of its own, and so has a number that is none");
    for (int n = 0; n < RA_RESULT_COUNT; n++) {
        check(ra_result_text((ra_result)n) && ra_result_text((ra_result)n)[0]);
        for (int other_result = 0; other_result < n; other_result++)
            check(strcmp(ra_result_text((ra_result)n), ra_result_text((ra_result)other_result)) != 0);
    }
    check_text(ra_result_text(RA_BAD_WAV), "not a readable WAV file");
    check(ra_result_text((ra_result)12345) && ra_result_text((ra_result)-1));

    test("base: SHA-256 of the standard's examples, however they are cut");
    static const struct { const char *text; size_t times; const char *digits; } hashes[] = {
        { "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }, { "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        { "a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
        { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 8000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
    };
    for (size_t n = 0; n < sizeof hashes / sizeof hashes[0]; n++) {
        ra_sha256 sha;
        char digits[65];
        ra_sha256_start(&sha);
        for (size_t k = 0; k < hashes[n].times; k++) ra_sha256_add(&sha, hashes[n].text, strlen(hashes[n].text));
        ra_sha256_end(&sha, digits);
        check_text(digits, hashes[n].digits);
    }

    test("base: sizes that overflow are refused, not wrapped");
    ra_clip *clip = (ra_clip *)1;
    check(ra_clip_create(UINT64_MAX / 4, 64, 48000, &clip) != RA_OK && clip == NULL);
    clip = (ra_clip *)1;
    check(ra_clip_create((UINT64_C(1) << 62) + 1, 4, 48000, &clip) != RA_OK && clip == NULL);   /* 4 bytes * 4 * that wraps to 16 */
    static const uint32_t impossible[][2] = { { 0, 48000 }, { 65, 48000 }, { 2, 0 }, { 2, 768001 } };
    for (int n = 0; n < 4; n++) {
        clip = (ra_clip *)1;
        check_same(ra_clip_create(16, impossible[n][0], impossible[n][1], &clip), RA_BAD_ARGUMENT);
        check(clip == NULL);
    }
    ra_clip_destroy(NULL);
}

/* ---- [3] PLATFORM ------------------------------------------------------------------------------ */

#if !RA_WASM
/* What a piece of code prints to stderr. */
static char heard[65536];
static int  heard_file, heard_before;
static void listen_start(void)
{
    fflush(stderr);
    char name[] = "/tmp/rustyaudio-test-XXXXXX";
    heard_file = mkstemp(name);
    unlink(name);
    heard_before = dup(2);
    dup2(heard_file, 2);
}
static void listen_end(void)
{
    fflush(stderr);
    dup2(heard_before, 2);
    close(heard_before);
    ssize_t byte_count = pread(heard_file, heard, sizeof heard - 1, 0);
    heard[byte_count > 0 ? byte_count : 0] = 0;
    close(heard_file);
}
#endif

static void test_platform(void)
{
    test("platform: the clock goes forward, in seconds");
    double outer = seconds_now(), first = ra_now_s(), inner = seconds_now();
    usleep(20000);
    inner = seconds_now() - inner;
    double last = ra_now_s();
    outer = seconds_now() - outer;
    check(last - first >= inner - 1e-6 && last - first <= outer + 1e-6);        /* another process may come between any two of them */
    last = ra_now_s();
    for (int n = 0; n < 10000; n++) { double now = ra_now_s(); if (!check(now >= last)) break; last = now; }

    test("platform: there is at least one core and fewer than a thousand more than the system tells of");
    check(ra_core_count() >= 1 && ra_core_count() <= (uint32_t)sysconf(_SC_NPROCESSORS_CONF) + 1000);

#if !RA_WASM                           /* there the log goes to the console, files and programs are not to be had */
    test("platform: the log keeps to its level");
    listen_start();
    ra_log_level(0); ra_log_line(1, "silent %d", 1);
    ra_log_level(1); ra_log_line(1, "error %d", 2); ra_log_line(2, "silent %d", 3);
    ra_log_level(3); ra_log_line(3, "debug %s", "four");
    ra_log_level(1);
    listen_end();
    check(!strstr(heard, "silent") && strstr(heard, "error 2") && strstr(heard, "debug four"));
#endif
}

/* ---- [4] CONCURRENCY --------------------------------------------------------------------------- */

typedef struct { ra_ring *ring; uint32_t total, channels; uint64_t offered, taken; atomic_bool is_done; } ring_race;
static void *ring_race_write(void *user)
{
    ring_race *race = user;
    float frames[700 * 3];
    uint64_t state = 12345;
    for (uint32_t sent = 0; sent < race->total;) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        uint32_t wanted = 1 + (uint32_t)(state >> 40) % 700;
        if (wanted > race->total - sent) wanted = race->total - sent;
        for (uint32_t n = 0; n < wanted * race->channels; n++) frames[n] = (float)((sent * race->channels + n) & 0xFFFFFF);
        uint32_t taken = ra_ring_write(race->ring, frames, wanted);
        race->offered += wanted; race->taken += taken;
        sent += taken;
        if (taken < wanted) sched_yield();
    }
    race->is_done = true;
    return NULL;
}

enum { MAILBOX_WORDS = 500, MAILBOX_LETTERS = TEST_SLOW ? 5000 : 100000 };
static void *mailbox_post(void *user)
{
    uint32_t letter[MAILBOX_WORDS];
    for (uint32_t number = 1; number <= MAILBOX_LETTERS; number++) {
        for (int n = 0; n < MAILBOX_WORDS; n++) letter[n] = number;
        ra_mailbox_put(user, letter);
    }
    return NULL;
}

/* Jobs for the pool. */
typedef struct {
    atomic_int steps, inside, overlap;       /* steps made; threads inside; ever more than one? */
    int slices;                              /* done after so many */
    atomic_bool *gate;                       /* NULL or: the step waits for it */
    ra_job *job;
} test_job;
static bool test_job_step(void *user, ra_job *job)
{
    test_job *mine = user;
    if (atomic_fetch_add(&mine->inside, 1) != 0) mine->overlap = 1;
    while (mine->gate && !*mine->gate) usleep(50);
    int step = ++mine->steps;
    ra_job_set_progress(job, (float)step / (float)mine->slices);
    atomic_fetch_sub(&mine->inside, 1);
    return step >= mine->slices;
}

/* Workers that die: inside the slice number die_at, counted from 0 over the slices of all workers, a worker stands still until
   zombies_may_wake, or its thread ends. A pool natively waits for ever; here it is told not to. */
static struct { _Atomic pthread_t main; atomic_bool is_exit; atomic_int die_at, slices, died; atomic_bool zombies_may_wake; atomic_int woken; } death;
static void death_begin(bool is_exit, int die_at)
{
    death.main = pthread_self();
    death.is_exit = is_exit;
    death.die_at = die_at;
    death.slices = death.died = death.woken = 0;
    death.zombies_may_wake = false;
}
static void maybe_die(void)
{
    bool is_exit = death.is_exit;
    if (pthread_equal(death.main, pthread_self()) || death.slices++ != death.die_at) return;
    death.died++;
    if (is_exit) pthread_exit(NULL);
    while (!death.zombies_may_wake) usleep(100);
    death.woken++;
}
static void death_end(ra_pool *pool)                     /* what was written off wakes, and must leave without a trace */
{
    death.zombies_may_wake = true;
    atomic_fetch_add(&pool->bell, 1);                    /* on a loaded machine a sleeper may have been taken for dead */
    ra_wake_all(&pool->bell);
    for (uint32_t n = 0; n < pool->wanted_count && !death.is_exit; n++)
        if (ra_seat_state(&pool->seats[n]) == RA_SEAT_LOST) wait_until(ra_seat_state(&pool->seats[n]) == RA_SEAT_ENDED);
}
static bool dying_job_step(void *user, ra_job *job) { maybe_die(); return test_job_step(user, job); }
static bool gate_step(void *user, ra_job *job)           /* holds a worker until the gate opens */
{
    (void)job;
    while (!*(atomic_bool *)user) usleep(50);
    return true;
}
/* All workers stand at the gate, so that a job can be changed before one of them takes it. */
static void hold_workers(ra_pool *pool, atomic_bool *gate, ra_job *holds[8])
{
    *gate = false;
    wait_until(ra_pool_worker_count(pool) == pool->wanted_count);
    for (uint32_t n = 0; n < pool->wanted_count; n++) {
        ra_pool_submit(pool, "gate", gate_step, gate, &holds[n]);
        wait_until(ra_job_poll(holds[n]) == RA_JOB_RUNNING);
    }
}
static void let_go(ra_pool *pool, atomic_bool *gate, ra_job *holds[8])
{
    *gate = true;
    for (uint32_t n = 0; n < pool->wanted_count; n++) { wait_until(ra_job_poll(holds[n]) == RA_JOB_DONE); ra_job_release(holds[n]); }
    pool->patience_s = 0.1;
}
static const void *buried[4000];                         /* what stays for ever is not lost: for leak finders */
static int buried_count;
static void bury(const void *it) { if (buried_count < 4000) buried[buried_count++] = it; }

static bool job_is_over(const ra_job *job) { return ra_job_poll(job) == RA_JOB_DONE || ra_job_poll(job) == RA_JOB_CANCELLED; }
static int thread_count(void)                /* of this process, by the kernel's word; -1 where it says nothing */
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    int count = -1;
    while (status && fgets(line, sizeof line, status)) if (sscanf(line, "Threads: %d", &count) == 1) break;
    if (status) fclose(status);
    return count;
}

/* Looks at pieces, all of whose samples are their own number. */
typedef struct { ra_cache pieces; _Atomic uint32_t visits; atomic_bool is_over; atomic_ullong found_count; uint64_t wrong_count; } piece_looker;
enum { TEST_PIECES = 12, TEST_PIECE_SAMPLES = 64 };
static void *piece_looker_body(void *user)
{
    piece_looker *l = user;
    for (uint32_t n = 0; !l->is_over; n++) {
        ra_visit(&l->visits, true);
        for (uint32_t look = 0; look < 8; look++) {
            uint32_t piece = (n * 5 + look) % TEST_PIECES;
            const float *samples = ra_cache_find(&l->pieces, piece);
            l->found_count += samples != NULL;
            for (uint32_t at = 0; samples && at < TEST_PIECE_SAMPLES; at++) l->wrong_count += samples[at] != (float)piece;
        }
        ra_visit(&l->visits, false);
    }
    return NULL;
}

static void test_concurrency(void)
{
    ra_ring *ring;
    test("concurrency: a ring says its capacity, rounded up to a power of two, and refuses impossible ones");
    static const uint32_t capacities[][2] = { { 1, 1 }, { 2, 2 }, { 3, 4 }, { 1000, 1024 }, { 1024, 1024 }, { 1025, 2048 } };
    for (int n = 0; n < 6; n++) {
        if (!check_same(ra_ring_create(capacities[n][0], 2, 44100, &ring), RA_OK)) break;
        ra_ring_metadata data = ra_ring_get_metadata(ring);
        check_same(data.frame_capacity, capacities[n][1]);
        check_same(data.channels, 2);
        check_same(data.sample_rate_hz, 44100);
        check(data.overrun_frames == 0 && data.underrun_frames == 0);
        check_same(ra_ring_write(ring, input, 4096), capacities[n][1]);        /* all of it can be used */
        ra_ring_destroy(ring);
    }
    static const uint32_t refused[][2] = { { 0, 2 }, { (1u << 24) + 1, 1 }, { 0xFFFFFFFFu, 1 }, { 0x80000001u, 1 }, { 16, 0 }, { 16, 65 } };
    for (int n = 0; n < 6; n++) {
        ring = (ra_ring *)1;
        check_same(ra_ring_create(refused[n][0], refused[n][1], 48000, &ring), RA_BAD_ARGUMENT);
        check(ring == NULL);
    }
    ra_ring_destroy(NULL);

    test("concurrency: a full or empty ring answers with short counts and counts what it could not do");
    ra_ring_create(1024, 2, 48000, &ring);
    fill_noise(input, 8192, 1, 2);
    check(ra_ring_is_ready(ring, 0) && !ra_ring_is_ready(ring, 1));
    check_same(ra_ring_write(ring, input, 1500), 1024);
    check_same(ra_ring_get_metadata(ring).overrun_frames, 476);
    check(ra_ring_is_ready(ring, 1024) && !ra_ring_is_ready(ring, 1025));
    check_same(ra_ring_readable_frames(ring), 1024);
    check_same(ra_ring_write(ring, input, 0), 0);
    check_same(ra_ring_read(ring, output, 1), 1);
    check_same(ra_ring_read(ring, output + 2, 2000), 1023);
    check_same(ra_ring_get_metadata(ring).underrun_frames, 977);
    check_same(ra_ring_get_metadata(ring).overrun_frames, 476);
    check_samples(output, input, 2048);
    check_same(ra_ring_read(ring, output, 0), 0);
    check_same(ra_ring_get_metadata(ring).underrun_frames, 977);
    ra_ring_destroy(ring);

    test("concurrency: reset forgets what is inside, and the ring goes on");
    ra_ring_create(16, 1, 48000, &ring);
    ra_ring_write(ring, input, 11);
    ra_ring_reset(ring);
    check(ra_ring_readable_frames(ring) == 0 && !ra_ring_is_ready(ring, 1));
    check_same(ra_ring_write(ring, input + 100, 20), 16);
    check_same(ra_ring_read(ring, output, 16), 16);
    check_samples(output, input + 100, 16);
    ra_ring_destroy(ring);

    test("concurrency: 200,000 random reads and writes are what a plain queue would do, odd sizes and wraps included");
    static const uint32_t channel_counts[] = { 1, 2, 3, 64 };
    for (int kind = 0; kind < 4; kind++) {
        uint32_t channels = channel_counts[kind];
        ra_ring_create(37, channels, 48000, &ring);
        uint64_t written = 0, read = 0, overrun = 0, underrun = 0, errors = 0;
        noise_state = 3;
        for (int round = 0; round < (TEST_SLOW ? 5000 : 50000); round++) {
            uint32_t wanted = noise_word() % 80, room = 64 - (uint32_t)(written - read);
            if (noise_word() & 1) {
                for (uint32_t n = 0; n < wanted * channels; n++) input[n] = (float)((written * channels + n) & 0xFFFFFF);
                uint32_t want = wanted < room ? wanted : room;
                errors += ra_ring_write(ring, input, wanted) != want;
                written += want; overrun += wanted - want;
            } else {
                uint32_t there = (uint32_t)(written - read), want = wanted < there ? wanted : there;
                output[want * channels] = -1;
                errors += ra_ring_is_ready(ring, wanted) != (wanted <= there);
                errors += ra_ring_read(ring, output, wanted) != want || output[want * channels] != -1;
                for (uint32_t n = 0; n < want * channels; n++) errors += output[n] != (float)((read * channels + n) & 0xFFFFFF);
                read += want; underrun += wanted - want;
            }
            errors += ra_ring_readable_frames(ring) != written - read;
        }
        check_same(errors, 0);
        check_same(ra_ring_get_metadata(ring).overrun_frames, overrun);
        check_same(ra_ring_get_metadata(ring).underrun_frames, underrun);
        ra_ring_destroy(ring);
    }

    test("concurrency: the ring's counters may run over the end of 32 bits");
    ra_ring_create(64, 1, 48000, &ring);
    ring->written = ring->read = 0xFFFFFFE0u;          /* as after 2^32 - 32 frames */
    for (uint32_t round = 0; round < 100; round++) {
        for (int n = 0; n < 50; n++) input[n] = (float)(round * 50 + (uint32_t)n);
        if (!check_same(ra_ring_write(ring, input, 50), 50) || !check_same(ra_ring_write(ring, input, 50), 14)) break;
        if (!check_same(ra_ring_readable_frames(ring), 64) || !check_same(ra_ring_read(ring, output, 50), 50)) break;
        if (!check_samples(output, input, 50) || !check_same(ra_ring_read(ring, output, 50), 14)) break;
    }
    ra_ring_destroy(ring);

    test("concurrency: a mailbox gives the newest value, says if it is fresh, and never tears it");
    ra_mailbox box;
    bool is_fresh = true;
    uint32_t letter[MAILBOX_WORDS];
    if (check_same(ra_mailbox_init(&box, sizeof letter), RA_OK)) {
        check(*(const uint32_t *)ra_mailbox_get(&box, &is_fresh) == 0 && !is_fresh);
        for (uint32_t n = 1; n <= 5; n++) { letter[0] = n; ra_mailbox_put(&box, letter); }
        check(*(const uint32_t *)ra_mailbox_get(&box, &is_fresh) == 5 && is_fresh);
        check(*(const uint32_t *)ra_mailbox_get(&box, &is_fresh) == 5 && !is_fresh);
        letter[0] = 6; ra_mailbox_put(&box, letter);
        check(*(const uint32_t *)ra_mailbox_get(&box, NULL) == 6);
#if RA_THREADS
        pthread_t poster;
        letter[0] = 0;
        pthread_create(&poster, NULL, mailbox_post, &box);
        uint32_t newest = 0, torn = 0, backward = 0;
        while (newest < MAILBOX_LETTERS) {
            const uint32_t *got = ra_mailbox_get(&box, &is_fresh);
            if (!is_fresh) { sched_yield(); continue; }
            for (int n = 1; n < MAILBOX_WORDS; n++) torn += got[n] != got[0];
            backward += got[0] <= newest;
            newest = got[0];
        }
        pthread_join(poster, NULL);
        check_same(torn, 0);
        check_same(backward, 0);
#endif
        ra_mailbox_end(&box);
    }

#if RA_THREADS
    test("concurrency: two threads pass a counting sequence through a ring, nothing lost, nothing twice");
    for (uint32_t channels = 1; channels <= 3; channels += 2) {
        ra_ring_create(1000, channels, 48000, &ring);
        ring_race race = { .ring = ring, .total = (TEST_SLOW ? 300000 : 100000000) / channels, .channels = channels };
        pthread_t writer;
        pthread_create(&writer, NULL, ring_race_write, &race);
        uint64_t state = 99, wanted_sum = 0, errors = 0;
        for (uint32_t got = 0; got < race.total;) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            uint32_t wanted = 1 + (uint32_t)(state >> 40) % 900, promised = ra_ring_readable_frames(ring);
            bool is_ready = ra_ring_is_ready(ring, wanted);
            uint32_t count = ra_ring_read(ring, output, wanted);
            errors += count < (promised < wanted ? promised : wanted) || (is_ready && count != wanted);
            for (uint32_t n = 0; n < count * channels; n++) errors += output[n] != (float)((got * channels + n) & 0xFFFFFF);
            got += count; wanted_sum += wanted;
            if (!count) sched_yield();
        }
        pthread_join(writer, NULL);
        check_same(errors, 0);
        check_same(ra_ring_readable_frames(ring), 0);
        check_same(ra_ring_get_metadata(ring).overrun_frames, race.offered - race.taken);
        check_same(ra_ring_get_metadata(ring).underrun_frames, wanted_sum - race.total);
        ra_ring_destroy(ring);
    }

    test("concurrency: pieces come and go while another thread looks, which never sees a slot that is being filled; what the plan wants stays");
    static _Atomic uint8_t list[TEST_PIECES];
    piece_looker looker = { .pieces = { .list = list, .slot_count = 4, .slot_samples = TEST_PIECE_SAMPLES } };
    looker.pieces.visits = &looker.visits;
    pthread_t looking;
    pthread_create(&looking, NULL, piece_looker_body, &looker);
    uint64_t put_count = 0, busy_count = 0, seed = 3;
    const uint64_t enough = TEST_SLOW ? 3000 : 60000;
    while (put_count < enough || ((looker.found_count == 0 || busy_count == 0) && put_count < 50 * enough)) {      /* until the two have met */
        uint32_t piece = (uint32_t)((seed = seed * 6364136223846793005u + 1442695040888963407u) >> 33) % TEST_PIECES;
        if (list[piece]) continue;
        looker.pieces.stamp++;
        ra_slot *slot = ra_cache_hold(&looker.pieces, piece);
        if (!check(slot != NULL)) break;
        bool is_free = ra_slot_is_free(&looker.pieces, slot);
        for (uint32_t at = 0; is_free && at < TEST_PIECE_SAMPLES; at++) slot->samples[at] = (float)piece;
        ra_cache_put(&looker.pieces, slot, is_free);
        put_count += is_free;
        busy_count += !is_free;
    }
    looker.is_over = true;
    pthread_join(looking, NULL);
    check_same(looker.wrong_count, 0);
    uint32_t kept = looker.pieces.slots[0].stamp = ++looker.pieces.stamp, listed = 0;
    for (int n = 0; n < 8; n++) {
        uint32_t piece = 0;
        while (list[piece]) piece++;
        ra_cache_put(&looker.pieces, ra_cache_hold(&looker.pieces, piece), true);
        looker.pieces.slots[0].stamp = ++looker.pieces.stamp;
    }
    for (int n = 0; n < TEST_PIECES; n++) listed += list[n] != 0;
    check(kept && listed == 4 && looker.pieces.slots[0].is_listed && list[looker.pieces.slots[0].piece] == 1);
    for (int n = 0; n < 4; n++) looker.pieces.slots[n].stamp = looker.pieces.stamp;
    uint32_t none = 0;
    while (list[none]) none++;
    check(!ra_cache_hold(&looker.pieces, none));
    for (int n = 0; n < 4; n++) test_free(looker.pieces.slots[n].samples);

    test("concurrency: a pool has the workers that were asked for, or one fewer than there are cores");
    ra_pool *pool;
    if (check_same(ra_pool_create(3, &pool), RA_OK)) {
        check_same(ra_pool_wanted_count(pool), 3);
        wait_until(ra_pool_worker_count(pool) == 3);
        check_same(ra_pool_worker_count(pool), 3);
        ra_pool_destroy(pool);
    }
    if (check_same(ra_pool_create(0, &pool), RA_OK)) {
        check_same(ra_pool_wanted_count(pool), ra_core_count() > 1 ? ra_core_count() - 1 : 1);
        ra_pool_destroy(pool);
    }
    pool = (ra_pool *)1;
    ra_result many = ra_pool_create(65, &pool);        /* the most is 64: refused or limited */
    check(many == RA_OK ? ra_pool_wanted_count(pool) == 64 : many == RA_BAD_ARGUMENT && pool == NULL);
    ra_pool_destroy(many == RA_OK ? pool : NULL);
    ra_pool_destroy(NULL);

    test("concurrency: pools come and go a hundred times, with work inside, and leave no thread");
    int threads_before = thread_count();
    for (int round = 0; round < (TEST_SLOW ? 20 : 100); round++) {
        if (!check_same(ra_pool_create(1 + (uint32_t)round % 4, &pool), RA_OK)) break;
        test_job jobs[8] = { { .slices = 0 } };
        for (int n = 0; n < 8; n++) { jobs[n].slices = 2; check_same(ra_pool_submit(pool, "test", test_job_step, &jobs[n], &jobs[n].job), RA_OK); }
        if (round % 3 == 0) ra_pool_run(pool, 0);
        ra_pool_destroy(pool);
        for (int n = 0; n < 8; n++) {
            if (round % 3 == 0) check_same(jobs[n].steps, 2);
            check(job_is_over(jobs[n].job) && !jobs[n].overlap && jobs[n].steps <= 2);
            ra_job_release(jobs[n].job);
        }
    }
    wait_until(thread_count() <= threads_before);       /* the thread sanitizer has one of its own */
    check(thread_count() <= threads_before);
    ra_job_release(NULL);

    test("concurrency: many jobs of many slices run each exactly as often as they ask, never twice at once");
    ra_pool_create(4, &pool);
    static test_job crowd[64];
    memset((void *)crowd, 0, sizeof crowd);
    for (int n = 0; n < 64; n++) {
        crowd[n].slices = 1 + n % 5;
        ra_result result;
        wait_until((result = ra_pool_submit(pool, "test", test_job_step, &crowd[n], &crowd[n].job)) != RA_BUSY);
        check_same(result, RA_OK);
    }
    ra_pool_run(pool, 0);                              /* waits, working along */
    for (int n = 0; n < 64; n++) {
        check_same(ra_job_poll(crowd[n].job), RA_JOB_DONE);
        check_same(crowd[n].steps, crowd[n].slices);
        check_same(crowd[n].overlap, 0);
        check_near(ra_job_progress(crowd[n].job), 1, 0);
        ra_job_release(crowd[n].job);
    }
    ra_pool_destroy(pool);

    test("concurrency: a job is queued, running with progress, done; 64 may wait, the next is told RA_BUSY");
    ra_pool_create(1, &pool);
    wait_until(ra_pool_worker_count(pool) == 1);
    atomic_bool gate = false;
    test_job first = { .slices = 4, .gate = &gate };
    ra_pool_submit(pool, "test", test_job_step, &first, &first.job);
    wait_until(first.inside == 1);
    check_same(ra_job_poll(first.job), RA_JOB_RUNNING);
    memset((void *)crowd, 0, sizeof crowd);
    for (int n = 0; n < 64; n++) {
        crowd[n].slices = 1;
        check_same(ra_pool_submit(pool, "test", test_job_step, &crowd[n], &crowd[n].job), RA_OK);
        check_same(ra_job_poll(crowd[n].job), RA_JOB_QUEUED);
    }
    ra_job *too_many = (ra_job *)1;
    check_same(ra_pool_submit(pool, "test", test_job_step, &first, &too_many), RA_BUSY);
    check(too_many == NULL);
    ra_pool_run(pool, 20);                             /* a worker is alive, so this does nothing */
    check_same(ra_job_poll(crowd[0].job), RA_JOB_QUEUED);
    for (int n = 0; n < 64; n += 2) ra_job_cancel(crowd[n].job);
    gate = true;
    ra_pool_run(pool, 0);
    check_same(ra_job_poll(first.job), RA_JOB_DONE);
    check_same(first.steps, 4);
    for (int n = 0; n < 64; n++) {
        check_same(ra_job_poll(crowd[n].job), n % 2 ? RA_JOB_DONE : RA_JOB_CANCELLED);
        check_same(crowd[n].steps, n % 2);
        ra_job_release(crowd[n].job);
    }
    ra_job_release(first.job);
    ra_pool_destroy(pool);

    test("concurrency: a job that is cancelled while it runs ends after the slice that runs");
    ra_pool_create(1, &pool);
    gate = false;
    test_job endless = { .slices = INT_MAX, .gate = &gate };
    ra_pool_submit(pool, "test", test_job_step, &endless, &endless.job);
    wait_until(endless.inside == 1);
    ra_job_cancel(endless.job);
    check(!job_is_over(endless.job));                  /* its slice still runs: not to be released yet */
    gate = true;
    wait_until(job_is_over(endless.job));
    check_same(ra_job_poll(endless.job), RA_JOB_CANCELLED);
    check_same(endless.steps, 1);
    ra_job_cancel(endless.job);                        /* once more does no harm */
    ra_job_release(endless.job);
    ra_pool_destroy(pool);
    test_job late = { .slices = 1 };
    ra_pool_create(2, &pool);
    ra_pool_submit(pool, "test", test_job_step, &late, &late.job);
    wait_until(job_is_over(late.job));
    ra_job_cancel(late.job);                           /* too late: it stays done */
    check_same(ra_job_poll(late.job), RA_JOB_DONE);
    ra_job_release(late.job);
    ra_pool_destroy(pool);

    test("concurrency: the pool tells what each worker does and how much, and its counters sum to what was submitted");
    ra_pool_create(2, &pool);
    wait_until(ra_pool_worker_count(pool) == 2);
    ra_pool_stats stats, later;
    ra_pool_get_stats(pool, &stats);
    check_same(stats.worker_count, 2);
    check_same(stats.task_count, 0);
    check(stats.workers[0].is_alive && stats.workers[1].is_alive && !stats.workers[2].is_alive && stats.control.is_alive);
    check(!stats.workers[0].doing && !stats.workers[1].doing && stats.workers[0].busy_us + stats.workers[1].busy_us + stats.control.busy_us == 0);
    gate = false;
    test_job busy = { .slices = 3, .gate = &gate };
    ra_pool_submit(pool, "busy", test_job_step, &busy, &busy.job);
    wait_until(busy.inside == 1);
    ra_pool_get_stats(pool, &stats);
    int at = stats.workers[1].doing != NULL;           /* one of them has it */
    check(stats.workers[at].doing && !strcmp(stats.workers[at].doing, "busy") && !stats.workers[!at].doing);
    check_same(stats.workers[at].slice_count, 1);
    check_same(stats.workers[!at].slice_count, 0);
    usleep(20000);
    gate = true;
    wait_until(job_is_over(busy.job));
    wait_until((ra_pool_get_stats(pool, &later), !later.workers[at].doing));
    check(later.workers[at].did && !strcmp(later.workers[at].did, "busy"));
    check_same(later.workers[at].slice_count, 3);
    check(later.workers[at].busy_us >= 20000);         /* it stood at the gate that long */
    check_most(later.workers[at].busy_us, later.clock_us - stats.clock_us + 1000000);
    check_most(later.workers[at].last_slice_us, later.workers[at].busy_us - 20000);
    check_same(later.workers[!at].busy_us, 0);
    ra_job_release(busy.job);
    ra_pool_destroy(pool);
    for (uint32_t workers = 0; workers <= 3; workers++) {
        static const char *const names[] = { "busy", "a", "b", "c" };
        ra_pool_create(workers ? workers : RA_POOL_INLINE, &pool);
        memset((void *)crowd, 0, sizeof crowd);
        uint32_t slices = 0;
        for (int n = 0; n < 64; n++) {
            crowd[n].slices = 1 + n % 3;
            char name[8] = { names[n % 4][0] };        /* the same text elsewhere is the same name */
            ra_pool_submit(pool, n < 4 ? names[n % 4] : n % 4 ? name : names[0], test_job_step, &crowd[n], &crowd[n].job);
            if (n % 8 == 7) ra_job_cancel(crowd[n].job);
        }
        ra_pool_run(pool, 0);
        for (int n = 0; n < 64; n++) { slices += (uint32_t)crowd[n].steps; ra_job_release(crowd[n].job); }
        wait_until((ra_pool_get_stats(pool, &stats), !stats.workers[0].doing && !stats.workers[1].doing && !stats.workers[2].doing));
        check_same(stats.task_count, 4);
        uint32_t submitted = 0, done = 0, cancelled = 0, counted = stats.control.slice_count;
        for (uint32_t n = 0; n < stats.task_count; n++) {
            check(!strcmp(stats.tasks[n].name, names[n]));
            check_same(stats.tasks[n].submitted, 16);
            check_same(stats.tasks[n].done + stats.tasks[n].cancelled, 16);
            submitted += stats.tasks[n].submitted, done += stats.tasks[n].done, cancelled += stats.tasks[n].cancelled;
        }
        for (int n = 0; n < RA_POOL_MAX_WORKERS; n++) counted += stats.workers[n].slice_count;
        check_same(submitted, 64);
        check_same(done + cancelled, 64);
        check(cancelled <= 8 && (workers || cancelled == 8));         /* some may have been too quick for it */
        check_same(counted, slices);
        ra_pool_destroy(pool);
    }
    ra_pool_create(RA_POOL_INLINE, &pool);             /* more names than there is room for */
    for (int n = 0; n < 20; n++) {
        static char many_names[20][4];
        snprintf(many_names[n], sizeof many_names[n], "%d", n);
        crowd[n] = (test_job){ .slices = 1 };
        ra_pool_submit(pool, many_names[n], test_job_step, &crowd[n], &crowd[n].job);
    }
    ra_pool_run(pool, 0);
    ra_pool_get_stats(pool, &stats);
    check_same(stats.task_count, RA_POOL_MAX_TASKS);
    check(!strcmp(stats.tasks[14].name, "14") && !strcmp(stats.tasks[15].name, "other"));
    check_same(stats.tasks[14].done, 1);
    check_same(stats.tasks[15].done, 5);
    for (int n = 0; n < 20; n++) ra_job_release(crowd[n].job);
    ra_pool_destroy(pool);

    for (int is_exit = 0; is_exit < 2; is_exit++) {
        test(is_exit ? "concurrency: a worker whose thread ends inside a slice is written off; the others go on, and without any the control thread does"
                     : "concurrency: a worker that stands still inside a slice is written off; the others go on, and when it wakes it leaves without a trace");
        for (uint32_t workers = 1; workers <= 3; workers++) {
            long long live = memory.live;
            ra_pool_create(workers, &pool);
            wait_until(ra_pool_worker_count(pool) == workers);
            ra_log_level(0);
            pool->patience_s = 0.6;
            death_begin(is_exit, 1);                   /* in its second slice */
            static test_job dying[9];                  /* they stay too */
            test_job *last = &dying[is_exit * 3 + workers - 1];
            *last = (test_job){ .slices = 2 };             /* which it would end, if it woke */
            check_same(ra_pool_submit(pool, "dying", dying_job_step, last, &last->job), RA_OK);
            wait_until(death.died == 1);
            check_same(ra_pool_worker_count(pool), workers);
            memset((void *)crowd, 0, sizeof crowd);
            for (int n = 0; n < 20; n++) { crowd[n].slices = 1 + n % 3; ra_pool_submit(pool, "alive", test_job_step, &crowd[n], &crowd[n].job); }
            for (int n = 0; n < 20; n++) {
                wait_until((ra_pool_run(pool, 1), job_is_over(crowd[n].job)));
                check_same(ra_job_poll(crowd[n].job), RA_JOB_DONE);
                check_same(crowd[n].steps, crowd[n].slices);
                check_same(crowd[n].overlap, 0);
                ra_job_release(crowd[n].job);
            }
            wait_until((ra_pool_run(pool, 1), ra_job_poll(last->job) == RA_JOB_LOST));
            check_same(ra_job_poll(last->job), RA_JOB_LOST);
            check_most(ra_pool_worker_count(pool), workers - 1);     /* on a loaded machine another may have slept too long */
            check_same(ra_pool_wanted_count(pool), workers);
            ra_pool_run(pool, 0);                      /* nothing is left to wait for */
            int steps = last->steps;
            death_end(pool);
            check_same(death.woken, is_exit ? 0 : 1);
            check_most(last->steps, steps + 1);        /* the slice that it was in, and none after */
            check_same(ra_job_poll(last->job), RA_JOB_LOST);
            ra_pool_get_stats(pool, &stats);
            check_same(stats.tasks[0].submitted, 1);
            check_same(stats.tasks[0].lost, 1);
            check_same(stats.tasks[0].done + stats.tasks[0].cancelled, 0);
            check_same(stats.tasks[1].done, 20);
            bury(last->job);
            bury(pool);
            ra_job_release(last->job);                 /* keeps it */
            check_same(memory.live - live, 2);
            ra_pool_destroy(pool);
            check_same(memory.live - live, 1 + is_exit);         /* nobody will come and look at the pool when all have ended */
            memory.live = live;
            ra_log_level(1);
        }
    }

    test("concurrency: workers that never come, that die asleep, or between taking a job and giving its place back, hang nothing");
    threads_never_come = true;
    long long live_before = memory.live;
    ra_log_level(0);
    ra_pool_create(3, &pool);
    threads_never_come = false;
    check_same(ra_pool_worker_count(pool), 0);
    memset((void *)crowd, 0, sizeof crowd);
    for (int n = 0; n < 3; n++) { crowd[n].slices = 1; ra_pool_submit(pool, "test", test_job_step, &crowd[n], &crowd[n].job); }
    ra_pool_run(pool, 1);
    check_same(crowd[0].steps, 0);                     /* they may be on their way */
    wait_until((ra_pool_run(pool, 1), job_is_over(crowd[2].job)));
    for (int n = 0; n < 3; n++) { check_same(ra_job_poll(crowd[n].job), RA_JOB_DONE); ra_job_release(crowd[n].job); }
    pool->seats[0].state = pool->seats[1].state = pool->seats[2].state = RA_SEAT_ALIVE;
    pool->seats[0].heard_bell = pool->seats[1].heard_bell = pool->seats[2].heard_bell = pool->bell;
    pool->patience_s = 0.3;
    double until_s = seconds_now() + 0.6;
    while (seconds_now() < until_s) { ra_pool_run(pool, 1); usleep(1000); }
    check_same(ra_pool_worker_count(pool), 3);         /* nobody has called them: they may sleep */
    for (int n = 0; n < 3; n++) { crowd[n] = (test_job){ .slices = 1 }; ra_pool_submit(pool, "test", test_job_step, &crowd[n], &crowd[n].job); }
    pool->seats[2].heard_bell = pool->bell;            /* this one has heard; it takes the oldest, and stops in the middle of that */
    for (int n = 0; n < RA_POOL_QUEUE; n++) if (pool->queue[n].job == crowd[0].job) pool->queue[n].word += RA_CELL_TAKEN - RA_CELL_WAITING + 2;
    wait_until((ra_pool_run(pool, 1), ra_job_poll(crowd[0].job) == RA_JOB_LOST && job_is_over(crowd[2].job)));
    check_same(ra_job_poll(crowd[0].job), RA_JOB_LOST);
    check_same(crowd[0].steps, 0);
    check_same(ra_job_poll(crowd[1].job), RA_JOB_DONE);
    check_same(ra_job_poll(crowd[2].job), RA_JOB_DONE);
    check_same(ra_pool_worker_count(pool), 0);
    for (int n = 3; n < 64; n++) { crowd[n] = (test_job){ .slices = 1 }; check_same(ra_pool_submit(pool, "test", test_job_step, &crowd[n], &crowd[n].job), RA_OK); }
    ra_pool_run(pool, 0);                              /* every place in the queue can be had again */
    for (int n = 0; n < 64; n++) { if (n) check_same(ra_job_poll(crowd[n].job), RA_JOB_DONE); else bury(crowd[0].job); ra_job_release(crowd[n].job); }
    for (int n = 0; n < 3; n++) pool->seats[n].state = RA_SEAT_ENDED;
    ra_pool_destroy(pool);
    check_same(memory.live - live_before, 1);
    memory.live = live_before;
    ra_log_level(1);

    test("concurrency: a control thread that slept does not take its workers for dead");
    ra_pool_create(1, &pool);
    gate = false;
    test_job slow_slice = { .slices = 1, .gate = &gate };
    ra_pool_submit(pool, "test", test_job_step, &slow_slice, &slow_slice.job);
    wait_until(slow_slice.inside == 1);
    pool->patience_s = 5;
    for (int n = 0; n < 10; n++) { pool->looked_s -= 1000; ra_pool_run(pool, 1); }
    check_same(ra_pool_worker_count(pool), 1);
    check_same(ra_job_poll(slow_slice.job), RA_JOB_RUNNING);
    gate = true;
    wait_until(job_is_over(slow_slice.job));
    check_same(ra_job_poll(slow_slice.job), RA_JOB_DONE);
    ra_job_release(slow_slice.job);
    ra_pool_destroy(pool);

    test("concurrency: when no thread can be started the pool says so or works in slices, and leaks nothing");
    threads_refuse = true;
    ra_log_level(0);                                   /* it says so in the log, too */
#else
    ra_pool *pool;
    test("concurrency: without threads a pool works in slices on the caller's thread");
#endif
    pool = (ra_pool *)1;
    ra_result refused_result = ra_pool_create(2, &pool);
    if (refused_result == RA_OK) {
        check_same(ra_pool_worker_count(pool), 0);
        test_job slow = { .slices = 3 }, quick = { .slices = 1 };
        check_same(ra_pool_submit(pool, "test", test_job_step, &slow, &slow.job), RA_OK);
        check_same(ra_pool_submit(pool, "test", test_job_step, &quick, &quick.job), RA_OK);
        check_same(slow.steps + quick.steps, 0);       /* submit returns before the work is done */
        for (int n = 0; n < 1000 && !(job_is_over(slow.job) && job_is_over(quick.job)); n++) ra_pool_run(pool, 1);
        check_same(ra_job_poll(slow.job), RA_JOB_DONE);
        check_same(slow.steps, 3);
        check_same(quick.steps, 1);
        test_job endless_slices = { .slices = INT_MAX };
        ra_pool_submit(pool, "test", test_job_step, &endless_slices, &endless_slices.job);
        double start = seconds_now();
        ra_pool_run(pool, 5);
        check_most(seconds_now() - start, 1);          /* 5 ms asked; on a busy machine others come between */
        check(endless_slices.steps > 1);
        ra_job_cancel(endless_slices.job);
        ra_pool_run(pool, 0);
        check_same(ra_job_poll(endless_slices.job), RA_JOB_CANCELLED);
        ra_job_release(slow.job); ra_job_release(quick.job); ra_job_release(endless_slices.job);
        ra_pool_destroy(pool);
    } else {
        check_same(refused_result, RA_NO_THREAD);
        check(pool == NULL);
    }
    threads_refuse = false;
    ra_log_level(1);
}

/* ---- [5] SPECTRUM ------------------------------------------------------------------------------ */

/* Relative L2 error of the bins: all of them up to size 4096, then every so many. */
static double fft_error(uint32_t size, const float *in, const float *bins, bool is_complex)
{
    uint32_t bin_count = is_complex ? size : size / 2 + 1, step = size <= 4096 ? 1 : bin_count / 150;
    double error = 0, power = 0;
    dft_start(size);
    for (uint32_t bin = 0; bin < bin_count; bin += step) {
        double complex want = dft_bin(in, is_complex, size, bin);
        double complex got = bins[2 * bin] + bins[2 * bin + 1] * _Complex_I;
        error += creal((got - want) * conj(got - want));
        power += creal(want * conj(want));
    }
    return sqrt(error / power);
}

static void test_spectrum(void)
{
    ra_fft *fft;
    test("spectrum: sizes that are no power of two from 32 to 65536 are refused");
    static const uint32_t bad_sizes[] = { 0, 1, 2, 16, 31, 33, 48, 1000, 65535, 65537, 131072, 0x80000000u, 0xFFFFFFFFu };
    for (size_t n = 0; n < sizeof bad_sizes / sizeof bad_sizes[0]; n++) {
        fft = (ra_fft *)1;
        check_same(ra_fft_create(bad_sizes[n], &fft), RA_BAD_ARGUMENT);
        check(fft == NULL);
    }
    ra_fft_destroy(NULL);

    test("spectrum: real and complex transforms of noise agree with the sum in double, within the header's bound");
    for (uint32_t size = 32, log2_size = 5; size <= (TEST_SLOW ? 2048 : 65536); size *= 2, log2_size++) {
        double bound = 1.2e-7 * (1 + sqrt(log2_size));         /* relative; the header's promise */
        if (!check_same(ra_fft_create(size, &fft), RA_OK)) break;
        fill_noise(input, 2 * size, 1, size);
        ra_fft_forward_real(fft, input, output);
        check_most(fft_error(size, input, output, false), bound);
        check(output[1] == 0 && output[size + 1] == 0);        /* 0 Hz and half the rate are real */
        ra_fft_forward_complex(fft, input, output);
        check_most(fft_error(size, input, output, true), bound);
        ra_fft_destroy(fft);
    }

    test("spectrum: forward and back gives the samples again to 1e-6, real and complex");
    for (uint32_t size = 32; size <= 65536; size *= 2) {
        ra_fft_create(size, &fft);
        fill_noise(input, 2 * size, 1, size + 1);
        memcpy(third, input, 2 * size * sizeof(float));
        ra_fft_forward_real(fft, input, output);
        output[1] = output[size + 1] = 3;                      /* 0 Hz and half the rate are real: this is not looked at */
        ra_fft_inverse_real(fft, output, other);
        double worst = 0;
        for (uint32_t n = 0; n < size; n++) worst = fmax(worst, fabs((double)other[n] - input[n]));
        check_most(worst, 1e-6);                               /* of full scale: -120 dB */
        ra_fft_forward_complex(fft, input, output);
        ra_fft_inverse_complex(fft, output, other);
        worst = 0;
        for (uint32_t n = 0; n < 2 * size; n++) worst = fmax(worst, fabs((double)other[n] - input[n]));
        check_most(worst, 1e-6);
        check_samples(input, third, 2 * size);                 /* the input is only read */
        ra_fft_destroy(fft);
    }

    test("spectrum: an impulse is flat, a constant is bin 0, a sine is one bin, the alternation is the last");
    for (uint32_t size = 32; size <= 65536; size *= 8) {
        ra_fft_create(size, &fft);
        uint32_t last = size / 2;
        double worst = 0;
        memset(input, 0, size * sizeof(float));
        input[0] = 1;
        ra_fft_forward_real(fft, input, output);
        for (uint32_t bin = 0; bin <= last; bin++) worst = fmax(worst, hypot(output[2 * bin] - 1, output[2 * bin + 1]));
        check_most(worst, 0);
        input[0] = 0; input[size / 2 + 3] = 1;
        ra_fft_forward_real(fft, input, output);
        for (uint32_t bin = 0; bin <= last; bin++) worst = fmax(worst, fabs(hypot(output[2 * bin], output[2 * bin + 1]) - 1));
        check_most(worst, 1e-6);
        const struct { uint32_t bin; double height; } tones[] = { { 0, size }, { last, size }, { 5, last }, { size / 4, last }, { last - 1, last } };
        for (int n = 0; n < 5; n++) {
            for (uint32_t frame = 0; frame < size; frame++)
                input[frame] = (float)cos(2 * PI * ((uint64_t)tones[n].bin * frame % size) / size);
            ra_fft_forward_real(fft, input, output);
            check_near(output[2 * tones[n].bin] / tones[n].height, 1, 1e-6);
            double leak = 0;
            for (uint32_t bin = 0; bin <= last; bin++)
                leak = fmax(leak, hypot(output[2 * bin] - (bin == tones[n].bin ? output[2 * bin] : 0), output[2 * bin + 1]));
            check_most(leak / tones[n].height, 1e-6);          /* the sine itself is rounded to float */
        }
        for (uint32_t frame = 0; frame < size; frame++)        /* the sign of the exponent: a sine at bin 3 is -i */
            input[frame] = (float)sin(2 * PI * 3 * frame / size);
        ra_fft_forward_real(fft, input, output);
        check_near(output[7] / last, -1, 1e-6);
        ra_fft_destroy(fft);
    }

    test("spectrum: Parseval: power in time is power in frequency to 1e-6");
    ra_fft_create(8192, &fft);
    fill_noise(input, 8192, 1, 7);
    ra_fft_forward_real(fft, input, output);
    double in_time = 0, in_frequency = 0;
    for (int n = 0; n < 8192; n++) in_time += (double)input[n] * input[n];
    for (int bin = 0; bin <= 4096; bin++)
        in_frequency += (bin == 0 || bin == 4096 ? 1 : 2) * ((double)output[2 * bin] * output[2 * bin] + (double)output[2 * bin + 1] * output[2 * bin + 1]) / 8192;
    check_near(in_frequency / in_time, 1, 1e-6);
    ra_fft_destroy(fft);

    test("spectrum: in place and unaligned give the same bits, and nothing past the end is touched");
    for (uint32_t size = 32; size <= 4096; size *= 2) {
        ra_fft_create(size, &fft);
        fill_noise(input, 2 * size, 1, size + 2);
        output[size + 2] = 77; third[size] = 77;
        ra_fft_forward_real(fft, input, output);
        ra_fft_inverse_real(fft, output, third);
        check(output[size + 2] == 77 && third[size] == 77);
        memcpy(other + 1, input, size * sizeof(float));
        ra_fft_forward_real(fft, other + 1, other + 1);
        if (!check_samples(other + 1, output, size + 2)) break;
        ra_fft_inverse_real(fft, other + 1, other + 1);
        if (!check_samples(other + 1, third, size)) break;
        output[2 * size] = third[2 * size] = 77;
        ra_fft_forward_complex(fft, input, output);
        ra_fft_inverse_complex(fft, output, third);
        check(output[2 * size] == 77 && third[2 * size] == 77);
        memcpy(other + 1, input, 2 * size * sizeof(float));
        ra_fft_forward_complex(fft, other + 1, other + 1);
        if (!check_samples(other + 1, output, 2 * size)) break;
        ra_fft_inverse_complex(fft, other + 1, other + 1);
        if (!check_samples(other + 1, third, 2 * size)) break;
        ra_fft_destroy(fft);
    }

    test("spectrum: golden bits");
    fill_noise(input, 4096, 1, 4096);
    ra_fft_create(4096, &fft);
    ra_fft_forward_real(fft, input, output);
    check_golden("fft real 4096", output, 4098);
    ra_fft_destroy(fft);
    ra_fft_create(1024, &fft);
    ra_fft_forward_complex(fft, input, output);
    check_golden("fft complex 1024", output, 2048);
    ra_fft_destroy(fft);

    test("spectrum: golden bits of every size, however many lanes the machine has");
    uint64_t hashes[12][4];
    for (uint32_t size = 32, n = 0; size <= 65536; size *= 2, n++) {
        ra_fft_create(size, &fft);
        fill_noise(input, 2 * size, 1, size + 3);
        ra_fft_forward_real(fft, input, output);
        hashes[n][0] = hash_bytes(output, (size + 2) * sizeof(float));
        ra_fft_inverse_real(fft, output, third);
        hashes[n][1] = hash_bytes(third, size * sizeof(float));
        ra_fft_forward_complex(fft, input, output);
        hashes[n][2] = hash_bytes(output, 2 * size * sizeof(float));
        ra_fft_inverse_complex(fft, output, third);
        hashes[n][3] = hash_bytes(third, 2 * size * sizeof(float));
        ra_fft_destroy(fft);
    }
    check_golden("fft of every size", hashes[0], 48);
}

/* ---- [6] FILTERS ------------------------------------------------------------------------------- */

static const char *const type_names[RA_FILTER_TYPE_COUNT] = {
    "peaking", "lowshelf", "highshelf", "lowpass", "highpass", "bandpass", "notch", "allpass"
};
static ra_eq *eq_with(uint32_t channels, uint32_t rate, const ra_eq_band *bands, uint32_t count)
{
    ra_eq *eq = NULL;
    if (check_same(ra_eq_create(channels, rate, &eq), RA_OK)) ra_eq_set(eq, bands, count);
    return eq;
}
/* Ten lively bands: every type is among them. */
static void lively_bands(ra_eq_band bands[10], double lift_db)
{
    for (int n = 0; n < 10; n++)
        bands[n] = (ra_eq_band){ (ra_filter_type)(n % RA_FILTER_TYPE_COUNT), 40 * pow(1.9, n), n % 2 ? -lift_db : lift_db, 0.5 + 0.2 * n };
    bands[3].hz = 15000; bands[4].hz = 60;             /* let the low and the high pass leave something */
    bands[5].q = 0.1;
}

static void test_filters(void)
{
    static const double rates[] = { 44100, 48000, 192000 };
    ra_eq *eq;

    test("filters: the drawn response is the analogue prototype's through the bilinear transform");
    double worst = 0;
    for (int type = 0; type < RA_FILTER_TYPE_COUNT; type++)
        for (int setting = 0; setting < 27; setting++) {
            ra_eq_band band = { (ra_filter_type)type, setting % 3 == 0 ? 31.25 : setting % 3 == 1 ? 1000 : 15000,
                                setting / 3 % 3 * 15 - 15, setting / 9 == 0 ? 0.3 : setting / 9 == 1 ? 1.41 : 20 };
            for (int n = 0; n < 64; n++) {
                double hz = 20 * pow(1000, n / 63.0), want = decibels(cabs(prototype(&band, hz, 48000)));
                if (want > -120) worst = fmax(worst, fabs(ra_eq_response_db(&band, 1, hz, 48000) - want));
            }
        }
    check_most(worst, 1e-6);                           /* dB; both are double, deep in a notch digits cancel */
    ra_eq_band several[3] = { { RA_PEAKING, 100, 6, 1 }, { RA_HIGH_SHELF, 5000, -4, 0.7 }, { RA_LOW_PASS, 12000, 0, 0.7 } };
    double sum = 0;
    for (int n = 0; n < 3; n++) sum += decibels(cabs(prototype(&several[n], 3000, 44100)));
    check_near(ra_eq_response_db(several, 3, 3000, 44100), sum, 1e-9);
    check_near(ra_eq_response_db(several, 0, 3000, 44100), 0, 0);

    test("filters: every type's measured response is the formula's within 0.02 dB at 64 frequencies");
    for (int type = 0; type < RA_FILTER_TYPE_COUNT; type++)
        for (int setting = 0; setting < (TEST_SLOW ? 4 : 18); setting++) {
            double rate = rates[setting % 3];
            ra_eq_band band = { (ra_filter_type)type, setting / 6 == 0 ? 80 : setting / 6 == 1 ? 1000 : 15000,
                                setting % 2 ? 12 : -12, setting % 3 == 0 ? 0.3 : setting % 3 == 1 ? 1.41 : 5 };
            /* rings for a q / (pi hz) seconds to the e-th part, with a = 2 at 12 dB; twelve of them are -104 dB */
            uint32_t frames = (uint32_t)(rate * fmin(0.8, fmax(0.02, 12 * 2 * fmax(band.q, 1 / band.q) / (PI * band.hz))));
            memset(output, 0, frames * sizeof(float));
            output[0] = 1;
            if (!(eq = eq_with(1, (uint32_t)rate, &band, 1))) break;
            process_eq(eq, output, 1, frames, 512);
            ra_eq_destroy(eq);
            for (int n = 0; n < 64; n++) {
                double hz = 20 * pow(0.49 * rate / 20, n / 63.0), want = decibels(cabs(prototype(&band, hz, rate)));
                double got = decibels(cabs(measured(output, frames, 1, hz, rate)));
                if (want > -60 && !(fabs(got - want) <= 0.02)) {
                    complain(__LINE__, "%s %g Hz %g dB q %g at %g Hz: got %.4f dB, want %.4f dB at %.1f Hz", type_names[type], band.hz, band.db, band.q, rate, got, want, hz);
                    break;
                }
            }
        }

    test("filters: a peaking filter reaches its gain at the centre");
    for (double db = -40; db <= 40; db += 8) {
        ra_eq_band band = { RA_PEAKING, 1000, db, 1.41 };
        fill_sine(output, 48000, 1, 1000, 48000, 0.01);
        eq = eq_with(1, 48000, &band, 1);
        process_eq(eq, output, 1, 48000, 128);
        check_near(decibels(fit_tone(output + 24000, 24000, 1, 1000, 48000).amplitude / 0.01), db, 0.001);
        ra_eq_destroy(eq);
    }

    test("filters: 31 Hz at 192 kHz is as right as at 48 kHz, and the rounding lies below -140 dB");
    ra_eq_band bass = { RA_PEAKING, 31.25, 12, 1.41 };
    for (int n = 1; n < 3; n++) {
        uint32_t frames = (uint32_t)rates[n];
        fill_sine(output, 2 * frames, 1, 31.25, rates[n], 0.1);
        eq = eq_with(1, frames, &bass, 1);
        process_eq(eq, output, 1, 2 * frames, 128);
        tone_fit fit = fit_tone(output + frames, frames, 1, 31.25, rates[n]);
        check_near(decibels(fit.amplitude / 0.1), 12, 0.001);
        check_most(decibels(fit.residual_rms / fit.amplitude), -140);      /* float output alone: about -150 */
        ra_eq_destroy(eq);
    }

    test("filters: a boost and its cut in series null to -120 dB");
    fill_noise(input, 48000, 0.5f, 11);
    for (double hz = 31.25; hz < 20000; hz *= 4)
        for (int type = RA_PEAKING; type <= RA_HIGH_SHELF; type++) {
            ra_eq_band pair[2] = { { (ra_filter_type)type, hz, 12, 1 }, { (ra_filter_type)type, hz, -12, 1 } };
            memcpy(output, input, 48000 * sizeof(float));
            eq = eq_with(1, 48000, pair, 2);
            process_eq(eq, output, 1, 48000, 128);
            for (int n = 0; n < 48000; n++) output[n] -= input[n];
            check_most(decibels(rms_of(output, 48000, 1) / rms_of(input, 48000, 1)), -120);
            ra_eq_destroy(eq);
        }

    test("filters: an all pass changes the phase and not the level");
    ra_eq_band all_pass = { RA_ALL_PASS, 1000, 0, 1 };
    fill_sine(output, 48000, 1, 1000, 48000, 0.5);
    eq = eq_with(1, 48000, &all_pass, 1);
    process_eq(eq, output, 1, 48000, 128);
    tone_fit turned = fit_tone(output + 24000, 24000, 1, 1000, 48000);     /* 24000 frames are whole periods */
    check_near(turned.amplitude, 0.5, 1e-6);
    check_near(fabs(turned.phase), PI, 1e-5);          /* half a turn at the centre */
    ra_eq_destroy(eq);

    test("filters: no bands and ten flat bands pass every bit");
    ra_eq_band bands[10], moved[10];
    ra_eq_default_bands(bands);
    for (int n = 0; n < 10; n++) {
        check(bands[n].type == RA_PEAKING && bands[n].db == 0);
        check_near(bands[n].hz, 31.25 * (1 << n), 0);
        check_near(bands[n].q, 1.41, 0);
    }
    fill_noise(input, 96000, 1, 12);
    for (uint32_t count = 0; count <= 10; count += 10) {
        memcpy(output, input, 96000 * sizeof(float));
        eq = eq_with(2, 48000, bands, count);
        process_eq(eq, output, 2, 48000, 128);
        check_samples(output, input, 96000);
        ra_eq_destroy(eq);
    }

    test("filters: at 0 Hz, at half the rate and with no q every type does what its formula tends to");
    for (int type = 0; type < RA_FILTER_TYPE_COUNT; type++)
        for (int edge = 0; edge < 6; edge++) {
            static const double hz[6] = { 0, -5, 24000, INFINITY, 1000, 1000 }, hz_near[6] = { 1e-7, 1e-7, 24000 - 1e-7, 24000 - 1e-7, 1000, 1000 };
            static const double q[6] = { 1, 1, 1, 1, 0, 1e-310 };
            ra_eq_band band = { (ra_filter_type)type, hz[edge], 12, q[edge] }, near = { (ra_filter_type)type, hz_near[edge], 12, fmax(q[edge], 1e-9) };
            for (double at = 100; at < 20000; at *= 3) {
                double want = decibels(cabs(prototype(&near, at, 48000))), got = ra_eq_response_db(&band, 1, at, 48000);
                if (want > -90 ? !(fabs(got - want) <= 0.02) : !(got <= -90))       /* dB */
                    complain(__LINE__, "%s, %g Hz, q %g at %g Hz: got %g dB, want %g dB", type_names[type], band.hz, band.q, at, got, want);
            }
            memcpy(output, input, 9600 * sizeof(float));
            eq = eq_with(2, 48000, &band, 1);
            process_eq(eq, output, 2, 4800, 128);
            double gain = pow(10, ra_eq_response_db(&band, 1, 1000, 48000) / 20) * (type == RA_ALL_PASS && edge >= 4 ? -1 : 1);
            for (int n = 0; n < 9600; n++)
                if (!(fabs(output[n] - gain * input[n]) <= 1e-6)) { complain(__LINE__, "%s edge %d: frame %d is %g, want %g", type_names[type], edge, n / 2, output[n], gain * input[n]); break; }
            ra_eq_destroy(eq);
        }
    for (int type = 0; type < RA_FILTER_TYPE_COUNT; type++)      /* and on the way there it is the formula still */
        for (double q = 1e-5; q < 0.1; q *= 10) {
            ra_eq_band band = { (ra_filter_type)type, 1000, 12, q };
            for (double at = 20; at < 20000; at *= 2.7) {
                double want = decibels(cabs(prototype(&band, at, 48000)));
                if (want > -90) check_near(ra_eq_response_db(&band, 1, at, 48000), want, 0.02);
            }
        }
    static const ra_eq_band impossible[] = {
        { RA_PEAKING, NAN, 12, 1 }, { RA_LOW_PASS, 1000, 0, 0 }, { RA_HIGH_PASS, -5, 0, 1 }, { RA_PEAKING, 1000, NAN, 1 },
        { RA_LOW_SHELF, 1000, 1e9, 1 }, { RA_NOTCH, 0, 0, 1 }, { RA_PEAKING, 1000, 6, -1 }, { RA_PEAKING, 1000, 6, NAN }, { RA_BAND_PASS, 1000, 0, 1e300 }, { RA_PEAKING, 1000, 6, 1e-310 }, { RA_LOW_PASS, 1000, 0, INFINITY },
    };
    for (size_t n = 0; n < sizeof impossible / sizeof impossible[0]; n++) {
        memcpy(output, input, 96000 * sizeof(float));
        eq = eq_with(2, 48000, &impossible[n], 1);
        process_eq(eq, output, 2, 48000, 128);
        if (!is_finite(output, 96000)) complain(__LINE__, "impossible band %zu: got NaN or infinity, want sound or silence", n);
        ra_eq_destroy(eq);
    }

    test("filters: the same bits for blocks of 1, 7, 128, 512 and 4096, glides included");
    lively_bands(bands, 9);
    lively_bands(moved, -4);
    for (int kind = 0; kind < BLOCK_KINDS; kind++) {
        memcpy(output, input, 96000 * sizeof(float));
        eq = eq_with(2, 48000, bands, 10);
        process_eq(eq, output, 2, 20001, blocks[kind]);
        ra_eq_set(eq, moved, 10);
        process_eq(eq, output + 40002, 2, 333, blocks[kind]);          /* changed again before it has arrived */
        ra_eq_set(eq, bands, 10);
        process_eq(eq, output + 40668, 2, 48000 - 20334, blocks[kind]);
        if (kind == 0) memcpy(other, output, 96000 * sizeof(float));
        if (!check_samples(output, other, 96000)) complain(__LINE__, "in blocks of %u", blocks[kind]);
        ra_eq_destroy(eq);
    }
    check_golden("eq glide", output, 96000);
    check(is_finite(output, 96000) && peak_of(output, 96000) < 100);
    memcpy(output, input, 96000 * sizeof(float));
    eq = eq_with(2, 48000, bands, 10);
    process_eq(eq, output, 2, 48000, 4096);
    check_golden("eq ten bands stereo", output, 96000);
    ra_eq_destroy(eq);

    test("filters: left and right are filtered alike and apart");
    for (int side = 0; side < 2; side++) {
        ra_eq *mono = eq_with(1, 48000, bands, 10), *stereo = eq_with(2, 48000, bands, 10);
        for (int n = 0; n < 24000; n++) { output[2 * n + side] = other[n] = input[n]; output[2 * n + 1 - side] = 0; }
        process_eq(mono, other, 1, 24000, 128);
        process_eq(stereo, output, 2, 24000, 128);
        double crosstalk = 0, difference = 0;
        for (int n = 0; n < 24000; n++) { crosstalk = fmax(crosstalk, fabs(output[2 * n + 1 - side])); difference += output[2 * n + side] != other[n]; }
        check_most(crosstalk, 0);
        check_same(difference, 0);
        ra_eq_destroy(mono); ra_eq_destroy(stereo);
    }

    test("filters: a glide lands exactly within 20 ms, after a way between");
    ra_eq_band from = { RA_PEAKING, 200, 12, 1 }, to = { RA_PEAKING, 3000, -9, 2.5 };
    float responses[4][2000];                          /* before, 5 ms after, 20 ms after, that of the goal */
    for (int n = 0; n < 4; n++) {
        static const uint32_t waits[] = { 0, 240, 960, 0 };
        eq = eq_with(1, 48000, n == 3 ? &to : &from, 1);
        memset(output, 0, 4000 * sizeof(float));
        process_eq(eq, output, 1, 100, 64);            /* silence: nothing rings when the impulse comes */
        if (n < 3 && n > 0) ra_eq_set(eq, &to, 1);
        process_eq(eq, output, 1, waits[n], 64);
        memset(responses[n], 0, sizeof responses[n]);
        responses[n][0] = 1;
        process_eq(eq, responses[n], 1, 2000, 64);
        ra_eq_destroy(eq);
    }
    check(memcmp(responses[1], responses[0], 64) != 0 && memcmp(responses[1], responses[3], 64) != 0);
    check_samples(responses[2], responses[3], 2000);

    test("filters: bands that move, come and go do not click");
    ra_eq_band scenes[][2] = {
        { { RA_PEAKING, 1000, 24, 1 }, { RA_LOW_SHELF, 200, 0, 1 } },  { { RA_PEAKING, 1000, 0, 1 },    { RA_LOW_SHELF, 200, 0, 1 } },
        { { RA_PEAKING, 4000, 24, 1 }, { RA_LOW_SHELF, 900, 12, 1 } }, { { RA_PEAKING, 1000, 24, 1 },   { RA_LOW_SHELF, 2000, -12, 2 } },
        { { RA_PEAKING, 50, -24, 5 },  { RA_LOW_SHELF, 200, 6, 1 } },  { { RA_PEAKING, 800, 12, 0.5 },  { RA_LOW_SHELF, 30, 6, 1 } },
    };
    enum { SCENES = sizeof scenes / sizeof scenes[0] };
    fill_sine(output, 9600 * (SCENES + 2), 2, 1000, 48000, 0.05);
    eq = eq_with(2, 48000, scenes[0], 2);
    process_eq(eq, output, 2, 9600, 128);
    for (int n = 1; n <= SCENES + 1; n++) {
        if (n < SCENES) ra_eq_set(eq, scenes[n], 2);
        else ra_eq_set(eq, scenes[0], n == SCENES ? 1 : 2);            /* one fewer, and again one more */
        process_eq(eq, output + 19200 * n, 2, 9600, 128);
        /* the tone is at most 0.8 high; a glide over 960 frames bends it by about 0.8 * 6 / 960 * 2 sin(w) = 0.0013 */
        double click = worst_click(output + 19200 * n - 200, 9600, 2, 1000, 48000);
        if (!check_most(click, 0.004)) complain(__LINE__, "at change %d", n);
    }
    ra_eq_destroy(eq);

    test("filters: reset forgets the sound of both channels and keeps the settings");
    lively_bands(bands, 9);
    fill_noise(input, 9600, 1, 14);
    eq = eq_with(2, 48000, bands, 10);
    memcpy(other, input, 9600 * sizeof(float));
    process_eq(eq, other, 2, 4800, 128);
    ra_eq_reset(eq);
    memset(output, 0, 960 * sizeof(float));
    process_eq(eq, output, 2, 480, 128);
    check(is_silent(output, 960));
    memcpy(output, input, 9600 * sizeof(float));
    process_eq(eq, output, 2, 4800, 128);
    check_samples(output, other, 9600);
    ra_eq_set(eq, bands, 3);                           /* reset in the middle of a glide: the goal holds at once */
    process_eq(eq, output, 2, 10, 128);
    ra_eq_reset(eq);
    memcpy(output, input, 9600 * sizeof(float));
    process_eq(eq, output, 2, 4800, 128);
    ra_eq_destroy(eq);
    eq = eq_with(2, 48000, bands, 3);
    memcpy(other, input, 9600 * sizeof(float));
    process_eq(eq, other, 2, 4800, 128);
    check_samples(output, other, 9600);
    for (int n = 0; n < 9600; n++) output[n] = n % 2 ? NAN : INFINITY;
    process_eq(eq, output, 2, 4800, 128);
    ra_eq_reset(eq);
    memcpy(output, input, 9600 * sizeof(float));
    process_eq(eq, output, 2, 4800, 128);
    check_samples(output, other, 9600);                /* not even NaN outlives a reset */
    ra_eq_destroy(eq);

    test("filters: after the sound the tail ends in exact zeros, without subnormals on the way");
    eq = eq_with(2, 48000, bands, 10);
    fill_noise(output, 96000, 1, 15);
    process_eq(eq, output, 2, 48000, 128);
    size_t subnormal_count = 0;
    for (int second = 0; second < 8; second++) {
        memset(output, 0, 96000 * sizeof(float));
        process_eq(eq, output, 2, 48000, 128);
        for (int n = 0; n < 96000; n++) subnormal_count += output[n] != 0 && fabsf(output[n]) < FLT_MIN;
    }
    check(is_silent(output, 96000));
    check_same(subnormal_count, 0);
    ra_eq_destroy(eq);

    test("filters: an equaliser has one or two channels and a possible rate");
    static const uint32_t bad_eqs[][2] = { { 0, 48000 }, { 3, 48000 }, { 2, 0 } };
    for (int n = 0; n < 3; n++) {
        eq = (ra_eq *)1;
        check_same(ra_eq_create(bad_eqs[n][0], bad_eqs[n][1], &eq), RA_BAD_ARGUMENT);
        check(eq == NULL);
    }
    ra_eq_destroy(NULL);
    ra_eq_band most[RA_EQ_BAND_MAX];
    for (int n = 0; n < RA_EQ_BAND_MAX; n++) most[n] = (ra_eq_band){ RA_PEAKING, 100 + 100 * n, 0.5, 1 };
    eq = eq_with(2, 48000, most, RA_EQ_BAND_MAX);
    fill_noise(output, 9600, 0.1f, 16);
    process_eq(eq, output, 2, 4800, 0xFFFF);
    ra_eq_process(eq, output, 0);
    check(is_finite(output, 9600));
    ra_eq_destroy(eq);
}

/* ---- [7] EFFECTS ------------------------------------------------------------------------------- */

static ra_chain *chain_with(uint32_t channels, uint32_t rate, const char *text)
{
    ra_chain_spec spec;
    ra_error error;
    ra_chain *chain = NULL;
    if (!check_same(ra_chain_parse(text, &spec, &error), RA_OK)) { complain(__LINE__, "'%s': %s", text, error.text); return NULL; }
    check_same(ra_chain_create(channels, rate, &spec, &chain), RA_OK);
    return chain;
}
static ra_chain_spec spec_of(const char *text)
{
    ra_chain_spec spec = { 0 };
    if (ra_chain_parse(text, &spec, NULL) != RA_OK) complain(__LINE__, "'%s' was not understood", text);
    return spec;
}

static void test_effects(void)
{
    const double knee = pow(10, -1 / 20.0);            /* -1 dBFS */
    test("effects: the soft clip is the identity below -1 dBFS, monotone, continuous, of slope 1 at most, odd, never above 1");
    ra_chain *clip = chain_with(1, 48000, "softclip");
    enum { HALF = 32768 };                             /* -8..+8 in steps of 1/4096 */
    for (int n = -HALF; n <= HALF; n++) output[n + HALF] = input[n + HALF] = (float)n / 4096;
    process_chain(clip, output, 1, 2 * HALF + 1, 128);
    size_t changed = 0, falls = 0, steep = 0, odd = 0, over = 0;
    for (int n = -HALF; n <= HALF; n++) {
        float x = input[n + HALF], y = output[n + HALF];
        changed += fabs(x) <= knee && y != x;
        over    += fabsf(y) > 1;
        odd     += y != -output[HALF - n];
        if (n == -HALF) continue;
        falls   += y < output[n + HALF - 1];
        steep   += (double)y - output[n + HALF - 1] > 1.0 / 4096 + 1.2e-7;     /* 2 ulp of 1 for rounding */
    }
    check_same(changed, 0); check_same(falls, 0); check_same(steep, 0); check_same(odd, 0); check_same(over, 0);
    check(output[2 * HALF] > 0.95 && output[HALF + 4096] < 1 && output[HALF + 4096] > knee);
    static const float giants[] = { 1e30f, -1e30f, FLT_MAX, INFINITY, -INFINITY, 100 };
    memcpy(output, giants, sizeof giants);
    process_chain(clip, output, 1, 6, 6);
    for (int n = 0; n < 6; n++) check(fabsf(output[n]) <= 1 && (output[n] > 0) == (giants[n] > 0));
    fill_sine(input, 48000, 1, 997, 48000, 0.5);
    memcpy(output, input, 48000 * sizeof(float));
    process_chain(clip, output, 1, 48000, 128);
    check_samples(output, input, 48000);               /* -6 dBFS: no distortion at all */
    ra_chain_destroy(clip);

    test("effects: gain multiplies by 10^(db/20) and 0 dB passes every bit");
    fill_noise(input, 9600, 1, 21);
    for (double db = -60; db <= 12; db += 12) {
        char text[64];
        snprintf(text, sizeof text, "gain db=%g", db);
        ra_chain *gain = chain_with(2, 48000, text);
        memcpy(output, input, 9600 * sizeof(float));
        process_chain(gain, output, 2, 4800, 128);
        double worst = 0;
        for (int n = 0; n < 9600; n++) worst = fmax(worst, fabs(output[n] - input[n] * pow(10, db / 20)) / pow(10, db / 20));
        check_most(worst, 1.2e-7);                     /* an ulp or two of full scale */
        if (db == 0) check_samples(output, input, 9600);
        ra_chain_destroy(gain);
    }

    test("effects: the chain's equaliser is the equaliser");
    ra_eq_band band = { RA_HIGH_SHELF, 3000, 7, 0.8 };
    ra_eq *eq = eq_with(2, 44100, &band, 1);
    memcpy(other, input, 9600 * sizeof(float));
    process_eq(eq, other, 2, 4800, 128);
    ra_eq_destroy(eq);
    ra_chain *shelf = chain_with(2, 44100, "eq highshelf hz=3000 db=7 q=0.8");
    memcpy(output, input, 9600 * sizeof(float));
    process_chain(shelf, output, 2, 4800, 128);
    check_samples(output, other, 9600);
    ra_chain_destroy(shelf);
}

/* The chain: its text first, then its sound. */
static void test_chain(void)
{
    ra_chain_spec spec, again;
    ra_error error;
    test("effects: the text of the header is understood, with its defaults");
    check_same(ra_chain_parse("eq peaking hz=1000 db=6 q=1; gain db=-3", &spec, &error), RA_OK);
    check_same(spec.count, 2);
    check(spec.item[0].kind == RA_PROCESSOR_EQ && spec.item[0].type == RA_PEAKING);
    check(spec.item[0].value[0] == 1000 && spec.item[0].value[1] == 6 && spec.item[0].value[2] == 1);
    check(spec.item[1].kind == RA_PROCESSOR_GAIN && spec.item[1].value[0] == -3);
    for (int type = 0; type < RA_FILTER_TYPE_COUNT; type++) {
        char text[64];
        snprintf(text, sizeof text, "eq %s hz=2e3", type_names[type]);
        if (!check_same(ra_chain_parse(text, &spec, &error), RA_OK)) continue;
        check(spec.count == 1 && spec.item[0].type == (uint32_t)type && spec.item[0].value[0] == 2000);
        check(spec.item[0].value[1] == 0 && spec.item[0].value[2] == 1.41);
    }
    check(ra_chain_parse("gain;softclip", &spec, &error) == RA_OK && spec.count == 2 && spec.item[0].value[0] == 0);
    check(ra_chain_parse("", &spec, &error) == RA_OK && spec.count == 0);
    check(ra_chain_parse("  ", &spec, NULL) == RA_OK && spec.count == 0);
    check(ra_chain_parse("  gain   db=-1.5e0 ;softclip ", &spec, NULL) == RA_OK && spec.item[0].value[0] == -1.5);
    check(ra_chain_parse("eq peaking db=+3 hz=.5e3 q=1.", &spec, NULL) == RA_OK && spec.item[0].value[0] == 500 && spec.item[0].value[1] == 3);

    test("effects: decimal numbers of up to 15 digits are read as the C library reads them");
    noise_state = 31;
    size_t differing = 0;
    for (int n = 0; n < 20000; n++) {
        char text[96];
        double value = pow(10, 4.3 * noise_word() / 4294967296.0);
        snprintf(text, sizeof text, "eq peaking hz=%.*g", 1 + n % 15, value);
        double want = strtod(strchr(text, '=') + 1, NULL);
        if (want < 1 || ra_chain_parse(text, &spec, NULL) != RA_OK) { differing += want >= 1; continue; }
        differing += spec.item[0].value[0] != want;
    }
    check_same(differing, 0);

    test("effects: format and parse again give the same spec, bit for bit");
    char text[8192];
    for (int round = 0; round < (TEST_SLOW ? 200 : 3000); round++) {
        memset(&spec, 0, sizeof spec);
        spec.count = noise_word() % (RA_CHAIN_MAX + 1);
        for (uint32_t n = 0; n < spec.count; n++) {
            ra_processor_spec *item = &spec.item[n];
            double unit[3];
            for (int k = 0; k < 3; k++) unit[k] = (noise_word() + noise_word() / 4294967296.0) / 4294967296.0;
            item->kind = noise_word() % RA_PROCESSOR_COUNT;
            if (item->kind == RA_PROCESSOR_EQ) {
                item->type = noise_word() % RA_FILTER_TYPE_COUNT;
                item->value[0] = pow(20000, unit[0]); item->value[1] = 80 * unit[1] - 40; item->value[2] = 0.05 * pow(800, unit[2]);
                if (round % 4 == 0) { item->value[0] = floor(item->value[0]); item->value[1] = 0; item->value[2] = 1.41; }
                if (item->value[2] < 0.05) item->value[2] = 0.05;
            } else if (item->kind > RA_PROCESSOR_SOFTCLIP) {
                for (int k = 0; k < RA_KEYS_MAX && ra_processor_forms[item->kind].keys[k].name; k++) {
                    const ra_key *key = &ra_processor_forms[item->kind].keys[k];
                    item->value[k] = round % 4 ? key->low + (key->high - key->low) * unit[k % 3] : key->otherwise;
                    if (fabs(item->value[k]) < 1e-4) item->value[k] = fmax(key->low, 0.001);
                }
            } else if (item->kind == RA_PROCESSOR_GAIN) item->value[0] = round % 3 ? 24 * unit[0] - 18 : 1e-5 + 1e-5 * unit[0];
        }
        size_t length = ra_chain_format(&spec, text, sizeof text);
        if (!check_same(length, strlen(text))) break;
        if (!check_same(ra_chain_parse(text, &again, &error), RA_OK)) { complain(__LINE__, "%s in '%s'", error.text, text); break; }
        bool is_same = again.count == spec.count;
        for (uint32_t n = 0; n < spec.count && is_same; n++)
            is_same = memcmp(&again.item[n], &spec.item[n], sizeof spec.item[n]) == 0;
        if (!check(is_same)) { complain(__LINE__, "the text was '%s'", text); break; }
    }
    static const char *const named[] = {
        "reverb off rt60_s=1 mix=0.3", "eq peaking off hz=1000 db=3; eq notch hz=50", "softclip off",
        "convolve file=hall.wav mix=0.25", "convolve mix=0.3", "convolve file=\"large hall; 2.wav\" mix=0.3; gain db=1", "convolve file=\" \" mix=0.3",
        "convolve file=a=b mix=0.3", "convolve file=\xC3\xA9glise.wav mix=0.3",
        "convolve file=12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345 mix=0.3",
    };
    for (size_t n = 0; n < sizeof named / sizeof named[0]; n++) {
        spec = spec_of(named[n]);
        check(ra_chain_format(&spec, text, sizeof text) == strlen(named[n]) && strcmp(text, named[n]) == 0);
        check(spec.item[0].impulse == NULL);
    }
    spec = spec_of("convolve mix=1 file=\"plain.wav\";softclip");     /* quotes that are not needed go */
    check(strcmp(spec.item[0].file, "plain.wav") == 0 && spec.item[0].value[0] == 1 && spec.item[1].kind == RA_PROCESSOR_SOFTCLIP);
    spec = spec_of("eq peaking hz=1000 db=6 q=1; gain db=-3");
    ra_chain_format(&spec, text, sizeof text);
    check(strlen(text) < 48);                          /* short: no digits that nobody asked for */

    test("effects: the text is cut where the room ends, and its full length is told");
    size_t full = strlen(text);
    for (size_t capacity = 0; capacity <= full + 1; capacity++) {
        char small[64];
        memset(small, '#', sizeof small);
        check_same(ra_chain_format(&spec, small, capacity), full);
        if (capacity) check(strlen(small) == capacity - 1 && strncmp(small, text, capacity - 1) == 0);
        check(small[capacity] == '#');
    }
    spec.count = 0;
    check(ra_chain_format(&spec, text, sizeof text) == 0 && text[0] == 0);

    test("effects: a processor that is off is passed over as if it were not there, in a chain, a rendering and a job");
    {
        fill_noise(input, 20000, 0.5f, 99);
        ra_clip *source = ra_clip_create(10000, 1, 48000, &source) ? NULL : source, *with = NULL, *without = NULL;
        memcpy(source->samples, input, 10000 * sizeof(float));
        spec = spec_of("gain db=3; reverb off; eq peaking off hz=100 db=6; eq peaking hz=1000 db=6; delay off; limiter"); again = spec_of("gain db=3; eq peaking hz=1000 db=6; limiter");
        check(spec.count == 6 && again.count == 3);
        if (check_same(ra_render_clip(source, &spec, &with), RA_OK) && check_same(ra_render_clip(source, &again, &without), RA_OK)) {
            check_same(with->channels, 1);             /* nor does it make stereo */
            check_samples(with->samples, without->samples, 10000);
        }
        ra_chain *chain = chain_with(1, 48000, "gain db=3; reverb off");
        spec = spec_of("delay off; gain db=-3");
        check(ra_chain_set(chain, &spec));
        spec = spec_of("gain off db=3; reverb");
        check(!ra_chain_set(chain, &spec));
        ra_chain_destroy(chain);
        ra_clip_destroy(source); ra_clip_destroy(with); ra_clip_destroy(without);
    }

    test("effects: the settings of Equalizer APO, AutoEQ and Room EQ Wizard are read as they mean them");
    static const struct { const char *text, *chain; } foreign[] = {
        { "Preamp: -6.8 dB\nFilter 1: ON LSC Fc 105 Hz Gain 6.8 dB Q 0.70\nFilter 2: ON PK Fc 58 Hz Gain -3.9 dB Q 0.49\n"
          "Filter 3: ON HSC Fc 10000 Hz Gain -2.5 dB Q 0.70\n",
          "gain db=-6.8; eq lowshelf hz=105 db=6.8 q=0.7; eq peaking hz=58 db=-3.9 q=0.49; eq highshelf hz=10000 db=-2.5 q=0.7" },
        { "\xef\xbb\xbf" "Filter Settings file\r\n\r\nRoom EQ V5.19\r\nDated: 01.02.2021 16:28:20\r\n\r\nNotes:Filter\r\n\r\nEqualiser: Generic\r\n"
          "Filter  1: ON  PK       Fc   63.00 Hz  Gain  -5.00 dB  Q  4.00\r\nFilter  2: ON  None\r\nFilter 3: OFF PK Fc 100 Hz Gain 3 dB Q 1\r\n", "eq peaking hz=63 db=-5 q=4" },
        { "# a remark\n  filter: on modal fc 50.5 hz gain 1 db q 2 # another\nFilter: ON NO Fc 50 Hz\nFilter: ON AP Fc 900 Hz Q 2\nFilter 3: ON LPQ Fc 15000 Hz Q 0.6\n"
          "Filter: ON HPQ Fc 20 Hz Q 0.9\nPreamp: 2 dB\npreamp: -1.5 dB",
          "gain db=0.5; eq peaking hz=50.5 db=1 q=2; eq notch hz=50 q=30; eq allpass hz=900 q=2; eq lowpass hz=15000 q=0.6; eq highpass hz=20 q=0.9" },
        { "Filter 1: ON PEQ Fc 1e3 Hz Gain 0 dB Q 1\nPreamp: 0 dB", "eq peaking hz=1000 q=1" },
        { "Preamp: -3 dB", "gain db=-3" }, { "Preamp: 0 dB", "" }, { "Filter 1: ON Modal Fc 100 Hz Gain -3 dB Q 5 T60 target 300 ms", "eq peaking hz=100 db=-3 q=5" },
    };
    for (size_t n = 0; n < sizeof foreign / sizeof foreign[0]; n++) {
        char text[1000];
        if (ra_chain_import(foreign[n].text, &spec, &error)) { complain(__LINE__, "settings %zu: %s", n, error.text); continue; }
        ra_chain_format(&spec, text, sizeof text);
        if (strcmp(text, foreign[n].chain)) complain(__LINE__, "settings %zu: got '%s', want '%s'", n, text, foreign[n].chain);
    }
    check(ra_chain_import("Filter: ON LP Fc 100 Hz", &spec, &error) == RA_OK);
    check_near(spec.item[0].value[2], sqrt(0.5), 1e-12);
    check(ra_chain_import("Filter: ON PK Fc 100 Hz Gain 3 dB BW Oct 0.5", &spec, &error) == RA_OK);
    check_near(spec.item[0].value[2], 1 / (2 * sinh(log(2) / 2 * 0.5)), 1e-12);
    check(ra_chain_import("Filter: ON LSC 9 dB Fc 100 Hz Gain 6 dB", &spec, &error) == RA_OK);
    double root = pow(10, 6 / 40.0);
    check_near(spec.item[0].value[2], 1 / sqrt((root + 1 / root) * (12 / 9.0 - 1) + 2), 1e-12);
    check_near(spec.item[0].value[0], 100, 0);
    check(ra_chain_import("Filter: ON LS 9 dB Fc 100 Hz Gain 6 dB\nFilter: ON HS 9 dB Fc 100 Hz Gain -6 dB\nFilter: ON LS Fc 100 Hz Gain 6 dB", &spec, &error) == RA_OK);
    check_near(spec.item[0].value[0], 100 * pow(10, 6 / 80.0 / 0.75), 1e-9);
    check_near(spec.item[1].value[0], 100 / pow(10, 6 / 80.0 / 0.75), 1e-9);
    check_near(spec.item[2].value[0], 100, 0);
    check_near(spec.item[2].value[2], 1 / sqrt((root + 1 / root) * (1 / 0.9 - 1) + 2), 1e-12);
    check(ra_chain_import("Filter: ON LS Fc 100 Hz Gain 6 dB Q 0.6", &spec, &error) == RA_OK);      /* the slope that this q is */
    double bend = 1 / ((1 / 0.36 - 2) / (root + 1 / root) + 1);
    check_near(spec.item[0].value[0], 100 * pow(10, 6 / 80.0 / bend), 1e-9);

    test("effects: a settings file with a mistake is refused with its line and changes nothing");
    static const struct { const char *text, *place, *word; } foreign_wrong[] = {
        { "Filter 1: ON PK Fc 100 Hz Gain 1 dB Q 1\nFilter 2: ON XX Fc 1 Hz", "XX", "line 2: a filter is PK" }, { "Filter: ON PK Fc 1,000 Hz Gain 1 dB Q 1", "1,000", "line 1: Fc wants" },
        { "Filter: ON PK Fc 1000 Gain 1 dB Q 1", "Gain", "Hz" },          { "Filter: ON PK Fc 1000 Hz Gain one dB", "one", "Gain wants" },
        { "Filter: ON PK Fc 1000 Hz Gain 1 dB", " Fc", "needs a Q" },        { "Filter: ON PK Gain 1 dB Q 1", " Gain", "needs Fc" },
        { "Filter: MAYBE PK", "MAYBE", "ON or OFF" },                     { "Preamp: loud", "loud", "line 1: Preamp" },
        { "\n\nPreamp: -3 dB\nChannel: L", "Channel", "line 4: only" },   { "GraphicEQ: 20 0; 30 1", "Graphic", "only Preamp" },
        { "Filter: ON PK Fc 1000 Hz Gain 99 dB Q 1", " Fc", "db is 99" }, { "Filter: ON PK Fc 1000 Hz Gain 1 dB Q 1 T60 goal 300 ms", "goal", "T60 wants" }, { "Filter: ON PK Fc 1000 Hz Gain 1 dB Q 1 loud", "loud", "a filter has" },
        { "Filter: ON LS 0 dB Fc 100 Hz Gain 1 dB", " Fc", "slope" },     { "Filter: ON PK Fc 2000 Hz Gain 2 dB BW 1", "1", "BW wants" },
        { "gain db=1; softclip", "gain", "no line says" },                { "", "", "no line says" }, { "\xef\xbb", "", "no line says" }, { "Preamp: 100 dB", "Pre", "100" },
    };
    for (size_t n = 0; n < sizeof foreign_wrong / sizeof foreign_wrong[0]; n++) {
        memset(&spec, 0x5A, sizeof spec); memset(&again, 0x5A, sizeof again);
        ra_result result = ra_chain_import(foreign_wrong[n].text, &spec, &error);
        const char *place = strstr(foreign_wrong[n].text, foreign_wrong[n].place);
        if (result != RA_BAD_CHAIN || !strstr(error.text, foreign_wrong[n].word)) complain(__LINE__, "settings '%s': got '%s', want '%s'", foreign_wrong[n].text, result ? error.text : "ok", foreign_wrong[n].word);
        else if (error.offset != (uint64_t)(place - foreign_wrong[n].text)) complain(__LINE__, "settings '%s': got offset %llu", foreign_wrong[n].text, (unsigned long long)error.offset);
        check(memcmp(&spec, &again, sizeof spec) == 0);
    }
    char filters[60 * 48] = "";
    for (int n = 0; n < 48; n++) strcat(filters, "Filter: ON PK Fc 1000 Hz Gain 1 dB Q 1\n");
    check(ra_chain_import(filters, &spec, &error) == RA_BAD_CHAIN && strstr(error.text, "line 48: there are too many filters"));
    strrchr(filters, 'l')[-2] = 0;
    check(ra_chain_import(filters, &spec, &error) == RA_OK && spec.count == 47);

    test("effects: what is wrong is refused with a sentence that points at it, and nothing is changed");
    static const struct { const char *text; const char *place; const char *word; } wrong[] = {
        { "reverb rt60_s=1.8 mix=1.25", "mix", "mix" },            { "convolve file=a mix=2", "mix", "0 to 1" },
        { "convolve file= mix=1", "file", "file=NAME" },          { "convolve file=\"\"", "file", "file=NAME" },
        { "convolve file=\"a", "file", "double quotes" },          { "convolve file=a\"b\"", "file", "double quotes" },
        { "gain db=1; convolve file=a file=b", "file=b", "already" }, { "convolve name=a", "name", "knows file, mix" },
        { "convolve file=123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456", "file", "1 to 95 bytes" },
        { "convolve file=\"a\tb\"", "file", "file=NAME" },       { "gain file=a", "file", "knows db" },
        { "compressor ratio=0.5", "ratio", "1 to 100" },           { "limiter ceiling_dbtp=1", "ceiling", "-40 to 0" },
        { "gain db=1; chorus fast", "fast", "key=number" },       { "distortion drive_db=3 drive_db=4", "drive_db=4", "already" },
        { "gain db=1; nonsense", "nonsense", "nonsense" },         { "gain hz=3", "hz", "hz" },
        { "eq peaking hz=1000 frequency=3", "frequency", "frequency" }, { "eq nosuch hz=1000", "nosuch", "nosuch" },
        { "eq peaking hz=0", "hz", "" },        { "eq peaking hz=-100", "hz", "" },     { "eq peaking hz=abc", "hz", "" },
        { "eq peaking hz=", "hz", "" },         { "eq peaking hz=1000 q=0", "q=", "" }, { "eq peaking hz=1000 q=101", "q=", "" },
        { "eq peaking hz=1000 db=41", "db", "" }, { "eq peaking hz=1000 db=-41", "db", "" }, { "eq peaking hz=nan", "hz", "" },
        { "eq peaking hz=inf", "hz", "" },      { "eq peaking hz=1e999", "hz", "" },    { "gain db=1e999", "db", "" },
        { "gain db=3dB", "db", "" },            { "gain db=1,5", "db", "" },            { "gain db=--3", "db", "" },
        { "gain db", "db", "" },                { "gain =3", "=3", "" },                { "eq peaking hz=0x10", "hz", "" },
    };
    for (size_t n = 0; n < sizeof wrong / sizeof wrong[0]; n++) {
        memset(&spec, 0x5A, sizeof spec); memset(&again, 0x5A, sizeof again); memset(&error, 0, sizeof error);
        ra_result result = ra_chain_parse(wrong[n].text, &spec, &error);
        size_t place = (size_t)(strstr(wrong[n].text, wrong[n].place) - wrong[n].text), end = place + strcspn(wrong[n].text + place, " ;");
        if (result != RA_BAD_CHAIN || error.code != RA_BAD_CHAIN)
            complain(__LINE__, "'%s': got %s, want %s", wrong[n].text, ra_result_text(result), ra_result_text(RA_BAD_CHAIN));
        else if (error.offset < place || error.offset > end)
            complain(__LINE__, "'%s': got offset %llu, want %zu to %zu", wrong[n].text, (unsigned long long)error.offset, place, end);
        else if (!strstr(error.text, wrong[n].word) || strlen(error.text) < 10)
            complain(__LINE__, "'%s': got the sentence '%s'", wrong[n].text, error.text);
        check(memcmp(&spec, &again, sizeof spec) == 0);
        check_same(ra_chain_parse(wrong[n].text, &spec, NULL), RA_BAD_CHAIN);      /* the sentence may be nobody's */
    }
    check(ra_chain_parse("eq", &spec, &error) != RA_OK || spec.item[0].type < RA_FILTER_TYPE_COUNT);
    char many[RA_CHAIN_MAX * 10 + 64] = "";
    for (int n = 0; n < RA_CHAIN_MAX; n++) strcat(many, n ? ";softclip" : "softclip");
    check(ra_chain_parse(many, &spec, &error) == RA_OK && spec.count == RA_CHAIN_MAX);
    size_t too_far = strlen(many) + 1;
    strcat(many, ";softclip");
    check_same(ra_chain_parse(many, &spec, &error), RA_BAD_CHAIN);
    check_same(error.offset, too_far);

    test("effects: hostile text is refused or understood, never more than that");
    static const char letters[] = "eq peaking hz=1000.5e-3+;gain db softclip convolve file=\"\"\n\t\x01\xff=;%s%n";
    char hostile[4096];
    for (int round = 0; round < (TEST_SLOW ? 3000 : 30000); round++) {
        size_t length = noise_word() % 80;
        snprintf(hostile, sizeof hostile, "eq peaking hz=1000 db=6 q=1; gain db=-3; softclip");
        if (round % 2) for (int n = 0; n < 3; n++) hostile[noise_word() % strlen(hostile)] = letters[noise_word() % (sizeof letters - 1)];
        else { for (size_t n = 0; n < length; n++) hostile[n] = letters[noise_word() % (sizeof letters - 1)]; hostile[length] = 0; }
        memset(&error, 'x', sizeof error);
        ra_result result = ra_chain_parse(hostile, &spec, &error);
        if (result == RA_OK) check(spec.count <= RA_CHAIN_MAX);
        else if (!check(memchr(error.text, 0, sizeof error.text) && error.text[0] && error.offset <= strlen(hostile))) break;
    }
    memset(hostile, 'a', sizeof hostile - 1);
    hostile[sizeof hostile - 1] = 0;
    check_same(ra_chain_parse(hostile, &spec, &error), RA_BAD_CHAIN);
    check(memchr(error.text, 0, sizeof error.text) != NULL);
    memset(hostile + 8, '9', sizeof hostile - 9);
    memcpy(hostile, "gain db=", 8);
    check_same(ra_chain_parse(hostile, &spec, &error), RA_BAD_CHAIN);
    memset(hostile + 8, '0', sizeof hostile - 9);
    memcpy(hostile + 8, "1.", 2);
    check(ra_chain_parse(hostile, &spec, &error) != RA_OK || spec.item[0].value[0] == 1);

    test("effects: the empty chain passes every bit");
    fill_noise(input, 96000, 1, 32);
    ra_chain *chain = chain_with(2, 48000, "");
    memcpy(output, input, 96000 * sizeof(float));
    process_chain(chain, output, 2, 48000, 128);
    check_samples(output, input, 96000);
    ra_chain_destroy(chain);
    ra_chain_destroy(NULL);
    spec = spec_of("gain db=1");
    static const uint32_t bad[][2] = { { 0, 48000 }, { 3, 48000 }, { 2, 0 } };
    for (int n = 0; n < 3; n++) {
        chain = (ra_chain *)1;
        check_same(ra_chain_create(bad[n][0], bad[n][1], &spec, &chain), RA_BAD_ARGUMENT);
        check(chain == NULL);
    }
    spec.item[0].kind = RA_PROCESSOR_COUNT;
    check_same(ra_chain_create(2, 48000, &spec, &chain), RA_BAD_ARGUMENT);
    spec.count = RA_CHAIN_MAX + 1;
    check_same(ra_chain_create(2, 48000, &spec, &chain), RA_BAD_ARGUMENT);

    test("effects: processors work in the order of the text");
    chain = chain_with(1, 48000, "gain db=12; softclip; gain db=-12");
    output[0] = 0.5f; output[1] = 0.1f;
    process_chain(chain, output, 1, 2, 2);
    check(output[0] < 0.2513 && output[0] > 0.22);     /* clipped at 1 before the second gain: 10^(-12/20) at most */
    check_near(output[1], 0.1, 1e-7);
    ra_chain_destroy(chain);

    test("effects: the same bits for blocks of 1, 7, 128, 512 and 4096, glides included");
    ra_chain_spec second = spec_of("eq peaking hz=100 db=-6 q=1; eq highshelf hz=4000 db=5; gain db=4; softclip");
    ra_chain_spec shorter = spec_of("gain db=-2; eq lowpass hz=3000 q=0.7"), first = spec_of("eq peaking hz=900 db=9 q=2; eq highshelf hz=9000 db=-5; gain db=1; softclip");
    for (int kind = 0; kind < BLOCK_KINDS; kind++) {
        chain = chain_with(2, 48000, "eq peaking hz=900 db=9 q=2; eq highshelf hz=9000 db=-5; gain db=1; softclip");
        memcpy(output, input, 96000 * sizeof(float));
        process_chain(chain, output, 2, 5003, blocks[kind]);
        check(ra_chain_set(chain, &second));
        process_chain(chain, output + 10006, 2, 10001, blocks[kind]);
        check(!ra_chain_set(chain, &shorter));         /* another chain: refused, and nothing changes */
        process_chain(chain, output + 30008, 2, 100, blocks[kind]);
        check(ra_chain_set(chain, &first));
        process_chain(chain, output + 30208, 2, 48000 - 15104, blocks[kind]);
        if (kind == 0) memcpy(other, output, 96000 * sizeof(float));
        if (!check_samples(output, other, 96000)) complain(__LINE__, "in blocks of %u", blocks[kind]);
        ra_chain_destroy(chain);
    }
    check_golden("chain eq gain softclip", output, 96000);

    test("effects: a chain of all processors gives the same bits for blocks of 1, 7, 128, 512 and 4096");
    static const char everything[] = "eq peaking hz=1000 db=6 q=1; compressor threshold_db=-24 ratio=4; distortion drive_db=6 mix=0.3; chorus; delay ms=120; "
                                     "reverb rt60_s=0.8; pan position=-0.2; gain db=3; softclip; limiter ceiling_dbtp=-1";
    for (int kind = 0; kind < BLOCK_KINDS; kind++) {
        chain = chain_with(2, 48000, everything);
        memcpy(output, input, 96000 * sizeof(float));
        process_chain(chain, output, 2, 48000, blocks[kind]);
        if (kind == 0) memcpy(other, output, 96000 * sizeof(float));
        if (!check_samples(output, other, 96000)) complain(__LINE__, "in blocks of %u", blocks[kind]);
        check_same(ra_chain_latency_frames(chain), 87 + 560);           /* distortion and limiter */
        ra_chain_destroy(chain);
    }
    check_golden("chain of all", output, 96000);

    test("effects: each processor alone gives its own bits for blocks of 1, 7, 128, 512 and 4096, its tail included");
    static const char *const alone[] = { "gain db=-3", "softclip", "pan position=0.3", "delay ms=30", "chorus", "distortion", "compressor", "limiter", "reverb rt60_s=0.5" };
    for (size_t n = 0; n < sizeof alone / sizeof alone[0]; n++)
        for (int kind = 0; kind < BLOCK_KINDS; kind++) {
            char name[16];
            snprintf(name, sizeof name, "%.*s", (int)strcspn(alone[n], " "), alone[n]);
            chain = chain_with(2, 48000, alone[n]);
            memcpy(output, input, 48000 * sizeof(float));
            memset(output + 48000, 0, 24000 * sizeof(float));
            process_chain(chain, output, 2, 36000, blocks[kind]);
            check_golden(name, output, 72000);
            ra_chain_destroy(chain);
        }

    test("effects: render makes up for what a chain is late, and makes a mono clip stereo where the chain does");
    ra_clip *impulse, *rendered;
    ra_clip_create(2000, 1, 48000, &impulse);
    impulse->samples[500] = 0.25f;
    spec = spec_of("limiter");
    if (check_same(ra_render_clip(impulse, &spec, &rendered), RA_OK)) {
        check(rendered->channels == 1 && rendered->frame_count == 2000);
        check_samples(rendered->samples, impulse->samples, 2000);
        ra_clip_destroy(rendered);
    }
    spec = spec_of("pan position=1");
    if (check_same(ra_render_clip(impulse, &spec, &rendered), RA_OK)) {
        check(rendered->channels == 2 && fabsf(rendered->samples[1000]) < 1e-7f && rendered->samples[1001] > 0.25f);
        ra_clip_destroy(rendered);
    }
    ra_clip_destroy(impulse);

    test("effects: values glide without a click and land exactly");
    ra_chain_spec loud = spec_of("gain db=12; eq peaking hz=1000 db=0 q=1"), quiet = spec_of("gain db=-20; eq peaking hz=1000 db=0 q=1");
    ra_chain_create(2, 48000, &loud, &chain);
    fill_sine(output, 9600, 2, 1000, 48000, 0.1);
    memcpy(input, output, 19200 * sizeof(float));
    process_chain(chain, output, 2, 2400, 128);
    ra_chain_set(chain, &quiet);
    process_chain(chain, output + 4800, 2, 7200, 128);
    check_most(worst_click(output, 9600, 2, 1000, 48000), 0.002);      /* 0.4 high; an unsmoothed jump is 0.03 to 0.39 */
    check_near(rms_of(output + 2 * 2352, 48, 2), rms_of(input, 48, 2) * pow(10, 0.6), 1e-6);
    double landing = 0;
    for (int n = 2 * 4800; n < 19200; n++) landing = fmax(landing, fabs(output[n] - input[n] * 0.1));
    check_most(landing, 1e-9);                         /* -20 dB is 0.1: rounding of 0.01 to float */
    ra_chain_destroy(chain);

    test("effects: 48 bands in a chain all count, and what stands in a spec behind its end does not");
    memset(&spec, 0, sizeof spec);
    for (int n = 0; n < RA_CHAIN_MAX; n++) spec.item[n] = (ra_processor_spec){ .kind = RA_PROCESSOR_EQ, .type = RA_PEAKING, .value = { 1000, 0.5, 1 } };
    for (spec.count = 1; spec.count <= RA_CHAIN_MAX; spec.count += spec.count == 1 ? 30 : 1) {
        ra_chain_create(2, 48000, &spec, &chain);
        fill_sine(output, 9600, 2, 1000, 48000, 0.01);
        process_chain(chain, output, 2, 9600, 128);
        check_near(decibels(fit_tone(output + 9600, 4800, 2, 1000, 48000).amplitude / 0.01), 0.5 * spec.count, 0.001);
        ra_chain_destroy(chain);
    }

    test("effects: bands that come to a sounding chain and go from it do not click, and it lands on its settings");
    static const char *const growing[] = { "eq peaking hz=1000 db=12 q=1; gain db=-6", "eq peaking hz=1000 db=12 q=1; eq lowshelf hz=300 db=6; eq peaking hz=3000 db=-9; gain db=-6",
                                           "eq peaking hz=1000 db=3 q=1; gain db=-3", "eq peaking hz=1000 db=12 q=1; gain db=-6" };
    fill_sine(output, 4800 * 4, 2, 1000, 48000, 0.1);
    for (int n = 0; n < 4; n++) {
        spec = spec_of(growing[n]);
        if (n == 0) ra_chain_create(2, 48000, &spec, &chain); else check(ra_chain_set(chain, &spec));
        process_chain(chain, output + 9600 * n, 2, 4800, 128);
        ra_eq_band now[3];
        for (uint32_t k = 0; k + 1 < spec.count; k++) now[k] = (ra_eq_band){ (ra_filter_type)spec.item[k].type, spec.item[k].value[0], spec.item[k].value[1], spec.item[k].value[2] };
        double want = spec.item[spec.count - 1].value[0];
        for (uint32_t k = 0; k + 1 < spec.count; k++) want += decibels(cabs(prototype(&now[k], 1000, 48000)));
        check_near(decibels(fit_tone(output + 9600 * n + 4800, 2400, 2, 1000, 48000).amplitude / 0.1), want, 0.01);
    }
    check_most(worst_click(output + 4800, 4800 * 4 - 2400, 2, 1000, 48000), 0.002);      /* 0.2 high; a jump by 9 dB is 0.13 */
    ra_chain_destroy(chain);

    test("effects: reset forgets the sound and lets the newest settings hold at once");
    spec = spec_of("eq peaking hz=100 db=12 q=1; gain db=-1");
    ra_chain_spec last = spec_of("eq peaking hz=3000 db=-12 q=3; gain db=-9");
    ra_chain_create(2, 48000, &spec, &chain);
    fill_noise(input, 9600, 1, 33);
    memcpy(other, input, 9600 * sizeof(float));
    process_chain(chain, other, 2, 4800, 128);
    ra_chain_set(chain, &last);
    process_chain(chain, output, 2, 10, 128);
    ra_chain_set(chain, &spec);
    ra_chain_reset(chain);
    memcpy(output, input, 9600 * sizeof(float));
    process_chain(chain, output, 2, 4800, 128);
    check_samples(output, other, 9600);
    ra_chain_reset(chain);
    memset(output, 0, 960 * sizeof(float));
    process_chain(chain, output, 2, 480, 128);
    check(is_silent(output, 960));
    ra_chain_destroy(chain);
}

/* ---- processors -------------------------------------------------------------------------------- */

/* One of them, whichever: what the tests of their common contract need to know. */
typedef struct {
    const char *name;
    ra_result (*create)(uint32_t channels, uint32_t rate, void **out);
    void (*destroy)(void *), (*set)(void *, const double *value, bool is_fresh), (*process)(void *, float *frames, uint32_t count), (*reset)(void *);
    bool (*is_quiet)(const void *);
    uint32_t (*latency)(const void *);
    double value[6], neutral[6], low[6], high[6];            /* audible; passing bits; the ends of the table */
    double tail_s;                                           /* exact zeros by then, after a full-scale sound with "value" */
} processor;
#define PROCESSOR_VERBS(X) PROCESSOR_OTHER_VERBS(X) \
    static ra_result X##_create(uint32_t channels, uint32_t rate, void **out) { ra_##X *made; ra_result result = ra_##X##_create(channels, rate, &made); *out = made; return result; }
#define PROCESSOR_OTHER_VERBS(X) \
    static void X##_destroy(void *x) { ra_##X##_destroy(x); } \
    static void X##_set(void *x, const double *value, bool is_fresh) { ra_##X##_set(x, value, is_fresh); } \
    static void X##_process(void *x, float *frames, uint32_t count) { ra_##X##_process(x, frames, count); } \
    static void X##_reset(void *x) { ra_##X##_reset(x); } \
    static bool X##_is_quiet(const void *x) { return ra_##X##_is_quiet(x); } \
    static uint32_t X##_latency(const void *x) { return ra_##X##_latency_frames(x); }
PROCESSOR_VERBS(pan) PROCESSOR_VERBS(delay) PROCESSOR_VERBS(chorus) PROCESSOR_VERBS(distortion)
PROCESSOR_VERBS(compressor) PROCESSOR_VERBS(limiter) PROCESSOR_VERBS(reverb) PROCESSOR_OTHER_VERBS(convolve)

/* frames of noise that dies by 60 dB, both sides different; free with ra_clip_destroy. */
static ra_clip *room(uint32_t frames, uint32_t channels, uint32_t rate, uint64_t seed)
{
    long long fail_at = memory.fail_at;
    memory.fail_at = 0;
    ra_clip *made;
    ra_clip_create(frames, channels, rate, &made);
    fill_noise(made->samples, (size_t)frames * channels, 1, seed);
    for (uint32_t n = 0; n < frames * channels; n++) made->samples[n] *= (float)exp(-6.9 * (n / channels) / frames);
    memory.fail_at = fail_at;
    return made;
}
static ra_result convolve_load(ra_convolve *convolve, const ra_clip *impulse)
{
    ra_result result = ra_convolve_give(convolve, impulse);
    if (result == RA_OK) while ((result = ra_convolve_prepare(convolve)) == RA_BUSY) { }
    return result;
}
static ra_result convolve_create(uint32_t channels, uint32_t rate, void **out)
{
    static float samples[2 * 20000];
    ra_clip impulse = { samples, 20000, 2, 48000 };
    ra_convolve *made;
    if (samples[0] == 0) {                             /* the same each time */
        uint64_t state = noise_state;
        fill_noise(samples, 40000, 1, 308);
        for (int n = 0; n < 40000; n++) samples[n] *= (float)exp(-6.9 * n / 40000);
        noise_state = state;
    }
    ra_result result = ra_convolve_create(channels, rate, &made);
    if (result == RA_OK && (result = convolve_load(made, &impulse)) != RA_OK) { ra_convolve_destroy(made); made = NULL; }
    *out = made;
    return result;
}
#define PROCESSOR(X) #X, X##_create, X##_destroy, X##_set, X##_process, X##_reset, X##_is_quiet, X##_latency
enum { PAN, DELAY, CHORUS, DISTORTION, COMPRESSOR, LIMITER, REVERB, CONVOLVE, PROCESSORS };
static const processor processors[PROCESSORS] = {
    { PROCESSOR(pan),        { -0.3 },                   { 0 },                    { -1 },                     { 1 },                       0.1 },
    { PROCESSOR(delay),      { 37, 0.6, 0.5 },           { 100, 0.9, 0 },          { 1, 0, 0 },                { 2000, 0.95, 1 },            8 },
    { PROCESSOR(chorus),     { 1.7, 4, 0.5 },            { 2, 5, 0 },              { 0.01, 0, 0 },             { 10, 10, 1 },                0.1 },
    { PROCESSOR(distortion), { 12, 0.7 },                { 30, 0 },                { 0, 0 },                   { 48, 1 },                    0.1 },
    { PROCESSOR(compressor), { -30, 4, 6, 3, 40, 5 },    { 0, 1, 0, 10, 100, 0 },  { -60, 1, 0, 0.1, 5, -24 }, { 0, 100, 24, 500, 5000, 24 }, 5 },
    { PROCESSOR(limiter),    { -6, 50 },                 { 0, 100 },               { -40, 1 },                 { 0, 2000 },                  5 },
    { PROCESSOR(reverb),     { 0.8, 0.4 },               { 2, 0 },                 { 0.2, 0 },                 { 20, 1 },                    4 },
    { PROCESSOR(convolve),   { 0.6 },                    { 0 },                    { 0 },                      { 1 },                        0.42 },
};

static void *processor_with(const processor *is, uint32_t channels, uint32_t rate, const double *value)
{
    void *made = NULL;
    if (check_same(is->create(channels, rate, &made), RA_OK)) is->set(made, value, true);
    return made;
}
static void process_blocks(const processor *is, void *made, float *frames, uint32_t channels, uint32_t frame_count, uint32_t block)
{
    is_audio = true;
    for (uint32_t done = 0, now; done < frame_count; done += now) {
        now = frame_count - done < block ? frame_count - done : block;
        is->process(made, frames + (size_t)done * channels, now);
    }
    is_audio = false;
}
/* Processes output in place, once, from fresh. */
static void process_once(int which, uint32_t channels, uint32_t rate, const double *value, uint32_t frame_count)
{
    void *made = processor_with(&processors[which], channels, rate, value);
    process_blocks(&processors[which], made, output, channels, frame_count, 128);
    processors[which].destroy(made);
}
static uint32_t bits_of(float x) { uint32_t bits; memcpy(&bits, &x, sizeof bits); return bits; }

static void test_processor_contract(void)
{
    enum { FRAMES = 40000 };
    test("effects: processors give the same bits for blocks of 1, 7, 128, 512 and 4096, glides included");
    fill_noise(input, FRAMES * 2, 0.9f, 300);
    memset(input + 30000, 0, 20000 * sizeof(float));
    for (int which = 0; which < PROCESSORS; which++)
        for (uint32_t channels = 1; channels <= 2; channels++)
            for (int kind = 0; kind < BLOCK_KINDS; kind++) {
                const processor *is = &processors[which];
                float *to = kind == 0 ? output : other;
                void *made = processor_with(is, channels, 44100, is->value);
                memcpy(to, input, FRAMES * channels * sizeof(float));
                for (uint32_t done = 0, piece = 0; done < FRAMES; piece++) {           /* new settings every 3333 frames */
                    uint32_t now = FRAMES - done < 3333 ? FRAMES - done : 3333;
                    process_blocks(is, made, to + done * channels, channels, now, blocks[kind]);
                    done += now;
                    is->set(made, piece % 4 == 0 ? is->high : piece % 4 == 1 ? is->low : piece % 4 == 2 ? is->neutral : is->value, false);
                }
                if (kind && memcmp(output, other, FRAMES * channels * sizeof(float)) != 0) complain(__LINE__, "%s, %u channels, blocks of %u: other bits", is->name, channels, blocks[kind]);
                if (!is_finite(to, FRAMES * channels)) complain(__LINE__, "%s is not finite", is->name);
                if (peak_of(to, FRAMES * channels) == 0) complain(__LINE__, "%s is silent", is->name);
                is->destroy(made);
            }

    test("effects: neutral processors pass every bit, delayed by the latency they report, minus zero too");
    fill_noise(input, FRAMES * 2, 0.7f, 301);
    for (int n = 0; n < FRAMES * 2; n += 97) input[n] = -0.0f;
    for (int which = 0; which < PROCESSORS; which++)
        for (uint32_t channels = 1; channels <= 2; channels++) {
            const processor *is = &processors[which];
            void *made = processor_with(is, channels, 48000, is->neutral);
            uint32_t latency = is->latency(made), differ = 0, loud = 0;
            memcpy(output, input, FRAMES * channels * sizeof(float));
            if (which == LIMITER) for (uint32_t n = 0; n < FRAMES * channels; n++) output[n] = input[n] * 0.25f;    /* no true peak above 0 dB */
            memcpy(other, output, FRAMES * channels * sizeof(float));
            process_blocks(is, made, output, channels, FRAMES, 128);
            for (uint32_t n = 0; n < latency * channels; n++) loud += output[n] != 0;
            for (uint32_t n = latency * channels; n < FRAMES * channels; n++) differ += bits_of(output[n]) != bits_of(other[n - latency * channels]);
            if (differ || loud) complain(__LINE__, "%s, %u channels: %u samples differ, %u before the latency of %u", is->name, channels, differ, loud, latency);
            is->destroy(made);
        }

    test("effects: reset forgets the sound of both channels and keeps the settings; a glide lands");
    for (int which = 0; which < PROCESSORS; which++) {
        const processor *is = &processors[which];
        void *fresh = processor_with(is, 2, 48000, is->value), *used = processor_with(is, 2, 48000, is->high);
        fill_noise(output, 20000, 1, 302);
        process_blocks(is, used, output, 2, 10000, 512);
        is->set(used, is->value, false);
        is->process(used, output, 5);
        is_audio = true;
        is->reset(used);
        is_audio = false;
        fill_noise(output, 20000, 0.8f, 303);
        memcpy(other, output, 20000 * sizeof(float));
        process_blocks(is, fresh, output, 2, 10000, 512);
        process_blocks(is, used, other, 2, 10000, 512);
        if (memcmp(output, other, 20000 * sizeof(float)) != 0) complain(__LINE__, "%s remembers", is->name);
        is->destroy(fresh); is->destroy(used);
    }

    test("effects: settings land exactly in 20 ms: after that, what was set late sounds as what was set first");
    for (int which = 0; which < PROCESSORS; which++) {
        const processor *is = &processors[which];
        double from[6], to[6];
        memcpy(from, is->value, sizeof from);
        memcpy(to, is->value, sizeof to);
        if (which == PAN) to[0] = 0.6;
        else if (which == COMPRESSOR) { to[0] = -20; to[1] = 8; to[2] = 3; to[5] = 2; }
        else if (which == LIMITER) to[0] = -3;
        else if (which == DISTORTION) { to[0] = 20; to[1] = 0.2; }
        else if (which == CHORUS) { to[1] = 1; to[2] = 1; }
        else if (which == DELAY) { to[0] = 80; to[1] = 0.2; to[2] = 0.9; }
        else if (which == CONVOLVE) to[0] = 0.2;
        else { to[0] = 1.3; to[1] = 0.8; }
        void *first = processor_with(is, 2, 48000, to), *late = processor_with(is, 2, 48000, from);
        is->set(late, to, false);
        memset(output, 0, 2000 * sizeof(float));
        memset(other, 0, 2000 * sizeof(float));
        process_blocks(is, first, output, 2, 968, 128);          /* 20 ms are 960 frames, the compressor's step is 8 */
        process_blocks(is, late, other, 2, 968, 128);
        fill_noise(output, 20000, 0.8f, 304);
        memcpy(other, output, 20000 * sizeof(float));
        process_blocks(is, first, output, 2, 10000, 128);
        process_blocks(is, late, other, 2, 10000, 128);
        if (memcmp(output, other, 20000 * sizeof(float)) != 0) complain(__LINE__, "%s has not landed", is->name);
        is->destroy(first); is->destroy(late);
    }

    test("effects: tails end in exact zeros, without subnormals on the way, and only then is a processor quiet");
    for (int which = 0; which < PROCESSORS; which++)
        for (uint32_t channels = 1; channels <= 2; channels++) {
            const processor *is = &processors[which];
            void *made = processor_with(is, channels, 48000, is->value);
            check(is->is_quiet(made));
            fill_noise(output, 9600, 1, 305);
            process_blocks(is, made, output, channels, 4800, 128);
            uint32_t subnormal = 0, late = 0, last = 0, quiet_at = 0;
            bool was_quiet = false;
            for (uint32_t done = 0; done < 48000 * 12; done += 480) {
                memset(output, 0, 960 * sizeof(float));
                process_blocks(is, made, output, channels, 480, 480);
                for (uint32_t n = 0; n < 480 * channels; n++) {
                    subnormal += output[n] != 0 && fabsf(output[n]) < FLT_MIN;
                    if (output[n] != 0) { last = done + n / channels; late += was_quiet; }
                }
                if (!was_quiet && is->is_quiet(made)) { was_quiet = true; quiet_at = done; }
            }
            if (subnormal || late || !was_quiet || last > is->tail_s * 48000)
                complain(__LINE__, "%s: last sound at %.3f s, want %.3f s; quiet at %.3f s; %u subnormals, %u sounds after quiet", is->name, last / 48000.0, is->tail_s, was_quiet ? quiet_at / 48000.0 : -1.0, subnormal, late);
            is->destroy(made);
        }

    test("effects: settings swept from end to end every block stay finite and bounded, at any rate");
    static const uint32_t rates[] = { 8000, 44100, 48000, 192000, 768000, 100 };
    for (int which = 0; which < PROCESSORS; which++)
        for (size_t n = 0; n < sizeof rates / sizeof rates[0]; n++) {
            const processor *is = &processors[which];
            void *made = processor_with(is, 2, rates[n], is->value);
            noise_state = 306 + n;
            double peak = 0;
            bool is_fine = true;
            for (int turn = 0; turn < (TEST_SLOW ? 60 : 300); turn++) {
                double value[6];
                for (int key = 0; key < 6; key++) value[key] = noise_word() % 3 == 0 ? is->low[key] : noise_word() % 2 ? is->high[key] : is->low[key] + (is->high[key] - is->low[key]) * (noise_word() / 4294967296.0);
                is->set(made, value, false);
                for (int sample = 0; sample < 200; sample++) output[sample] = (float)((int32_t)noise_word() / 2147483648.0);
                process_blocks(is, made, output, 2, 100, 100);
                is_fine = is_fine && is_finite(output, 200);
                peak = fmax(peak, peak_of(output, 200));
            }
            double limit = which == DELAY ? 40 : which == COMPRESSOR ? 16 : which == PAN ? 2 : which == LIMITER ? 1 : which >= REVERB ? 8 : 2;
            if (!is_fine || !(peak <= limit)) complain(__LINE__, "%s at %u Hz: finite %d, peak %g, want %g at most", is->name, rates[n], is_fine, peak, limit);
            is->destroy(made);
        }

    test("effects: what is huge, or NaN after all, does not stay");
    for (int which = 0; which < PROCESSORS; which++) {
        const processor *is = &processors[which];
        double value[6];
        memcpy(value, is->value, sizeof value);
        if (which == DELAY) value[1] = 0;
        void *made = processor_with(is, 2, 48000, value);
        fill_noise(output, 2000, 9e7f, 307);
        process_blocks(is, made, output, 2, 1000, 128);
        if (!is_finite(output, 2000)) complain(__LINE__, "%s is not finite at 9e7", is->name);
        for (int turn = 0; turn < 2000 && !is->is_quiet(made); turn++) { memset(output, 0, 2000 * sizeof(float)); process_blocks(is, made, output, 2, 1000, 1000); }
        memset(output, 0, 2000 * sizeof(float));
        process_blocks(is, made, output, 2, 1000, 1000);
        if (!is->is_quiet(made) || !is_silent(output, 2000)) complain(__LINE__, "%s still rings 40 s after 9e7", is->name);
        is->destroy(made);
    }

    test("effects: frame by frame, no processor sounds after it has said that it is quiet");
    for (int which = 0; which < PROCESSORS; which++) {
        void *made = processor_with(&processors[which], 1, 8000, processors[which].value);
        uint32_t late = 0;
        bool was_quiet = false;
        for (int frame = 0; frame < 4000; frame++) {
            float sample = frame == 0 ? 0.9f : 0;
            processors[which].process(made, &sample, 1);
            late += was_quiet && sample != 0;
            was_quiet = frame > 0 && processors[which].is_quiet(made);
        }
        if (late) complain(__LINE__, "%s: %u sounds", processors[which].name, late);
        processors[which].destroy(made);
    }

    test("effects: silence is counted from the last sound of a run, on either side, minus zero too");
    check_same(ra_count_silence_run(5, (float[6]){ 1, 0, 0, -0.0f, 0, 0 }, 3, 2), 2);
    check_same(ra_count_silence_run(5, (float[6]){ 0, 0, 0, 0, 0, 1 }, 3, 2), 0);
    check_same(ra_count_silence_run(5, (float[3]){ 0, 1, 0 }, 3, 1), 1);
    check_same(ra_count_silence_run(5, (float[3]){ 0, 0, 0 }, 3, 1), 8);
    check_same(ra_count_silence_run(UINT32_MAX - 1, (float[3]){ 0, 0, 0 }, 3, 1), UINT32_MAX);

    test("effects: processors have one or two channels and a possible rate, and each failed allocation is told and leaks nothing");
    for (int which = 0; which < PROCESSORS; which++) {
        const processor *is = &processors[which];
        void *made = &made;
        check(is->create(0, 48000, &made) == RA_BAD_ARGUMENT && !made);
        check(is->create(3, 48000, &made) == RA_BAD_ARGUMENT && !made);
        check(is->create(2, 0, &made) == RA_BAD_ARGUMENT && !made);
        is->destroy(NULL);
        ra_result result = RA_NO_MEMORY;
        for (int fail = 1; result != RA_OK && fail < 30; fail++) {
            memory.count = 0;
            memory.fail_at = fail;
            result = is->create(2, 48000, &made);
            memory.fail_at = 0;
            if (result != RA_OK && (result != RA_NO_MEMORY || made || memory.live)) complain(__LINE__, "%s: allocation %d failed: result %d, %lld left", is->name, fail, result, (long long)memory.live);
        }
        check_same(result, RA_OK);
        is->process(made, output, 0);
        is->destroy(made);
    }
}

static void test_pan_delay_chorus(void)
{
    test("effects: pan follows Web Audio's stereo rule in power and place, and one channel is left alone");
    fill_noise(input, 2000, 1, 310);
    double worst = 0;
    for (double p = -1; p <= 1; p += 0.125) {
        memcpy(output, input, 2000 * sizeof(float));
        process_once(PAN, 2, 48000, (double[6]){ p }, 1000);
        for (int n = 0; n < 2000; n += 2) {
            double x = p <= 0 ? p + 1 : p, near = cos(x * PI / 2), far = sin(x * PI / 2), l = input[n], r = input[n + 1];
            worst = fmax(worst, fabs(output[n] - (p <= 0 ? l + r * near : l * near)));
            worst = fmax(worst, fabs(output[n + 1] - (p <= 0 ? r * far : r + l * far)));
        }
        memcpy(output, input, 2000 * sizeof(float));
        process_once(PAN, 1, 48000, (double[6]){ p }, 2000);
        check_samples(output, input, 2000);
    }
    check_most(worst, 2.5e-7);                         /* two products and a sum in float, of up to 2 */

    test("effects: the delay's echoes stand at exact multiples of its time, the first bit for bit, each as the formula says");
    static const double times_ms[] = { 1, 7.3, 250, 2000 };
    for (int n = 0; n < 4; n++) {
        uint32_t rate = 48000, taps = (uint32_t)floor(times_ms[n] * rate / 1000 + 0.5), count = 200000;
        memset(output, 0, 2 * count * sizeof(float));
        output[0] = 0.7f; output[1] = -0.3f;
        process_once(DELAY, 2, rate, (double[6]){ times_ms[n], 0.5, 1 }, count);
        uint32_t early = 0;
        for (uint32_t frame = 0; frame < taps; frame++) early += output[2 * frame] != 0 || output[2 * frame + 1] != 0;
        check_same(early, 0);
        check(output[2 * taps] == 0.7f && output[2 * taps + 1] == -0.3f);
        /* the loop by its definition, in double: w = x + 0.5 lp(w delayed); lp: y = y' + (1 - a)(x - y') */
        double a = exp(-2 * PI * 6000 / rate), low = 0;
        worst = 0;
        static double w[200000];
        for (uint32_t frame = 0; frame < count; frame++) {
            double wet = frame >= taps ? w[frame - taps] : 0;
            low += (1 - a) * (wet - low);
            w[frame] = (frame == 0 ? 0.7 : 0) + 0.5 * low;
            worst = fmax(worst, fabs(output[2 * frame] - wet));
        }
        check_most(worst, 1e-7);
    }

    test("effects: a delay's time may be swept without a click");
    /* a steady sine before, while and after: no second difference larger than the cross-fade of two sines makes */
    fill_sine(output, 96000, 1, 200, 48000, 0.5);
    ra_delay *delay;
    check_same(ra_delay_create(1, 48000, &delay), RA_OK);
    ra_delay_set(delay, (double[6]){ 300, 0, 1 }, true);
    ra_delay_process(delay, output, 30000);
    for (int turn = 0; turn < 500; turn++) {
        ra_delay_set(delay, (double[6]){ 100 + (turn * 37) % 300, 0, 1 }, false);
        ra_delay_process(delay, output + 30000 + turn * 100, 100);
    }
    check_most(worst_click(output + 20000, 60000, 1, 200, 48000), 1e-4);
    check(rms_of(output + 20000, 60000, 1) > 0.2);
    ra_delay_destroy(delay);

    test("effects: the chorus at depth 0 is a plain delay; each voice wanders as its formula says");
    memset(output, 0, 8000 * sizeof(float));
    output[0] = output[1] = 1;
    process_once(CHORUS, 2, 48000, (double[6]){ 3, 0, 1 }, 4000);
    check_near(output[2 * 722], 1, 1e-6); check_near(output[2 * 722 + 1], 1, 1e-6);           /* 15 ms and two frames */
    output[2 * 722] = output[2 * 722 + 1] = 0;
    check_most(peak_of(output, 8000), 1e-7);
    /* a slow sine of low pitch: the cubic is exact to 1e-5 there, so wet must be the mean of three delayed sines */
    fill_sine(output, 48000, 2, 100, 48000, 0.5);
    process_once(CHORUS, 2, 48000, (double[6]){ 2.5, 3, 1 }, 48000);
    worst = 0;
    for (int frame = 5000; frame < 48000; frame++)
        for (int side = 0; side < 2; side++) {
            double want = 0;
            for (int voice = 0; voice < 3; voice++) {
                double delay_frames = 722 + 144 * sin(2 * PI * (2.5 * frame / 48000 + voice / 3.0 + side * 0.25));
                want += 0.5 * sin(2 * PI * 100 * (frame - delay_frames) / 48000) / 3;
            }
            worst = fmax(worst, fabs(output[2 * frame + side] - want));
        }
    check_most(worst, 2e-5);

    test("effects: the chorus makes a mono tone wide and does not click when its settings are swept");
    fill_noise(input, 48000, 0.5f, 311);
    for (int n = 0; n < 48000; n++) output[2 * n] = output[2 * n + 1] = input[n];
    process_once(CHORUS, 2, 48000, (double[6]){ 0.8, 3, 1 }, 48000);
    double lr = 0, ll = 0, rr = 0;
    for (int n = 4000; n < 48000; n++) { lr += output[2 * n] * output[2 * n + 1]; ll += output[2 * n] * output[2 * n]; rr += output[2 * n + 1] * output[2 * n + 1]; }
    check_most(fabs(lr / sqrt(ll * rr)), 0.1);
    ra_chorus *chorus;
    check_same(ra_chorus_create(1, 48000, &chorus), RA_OK);
    ra_chorus_set(chorus, (double[6]){ 1, 2, 0.5 }, true);
    fill_sine(output, 96000, 1, 200, 48000, 0.5);
    ra_chorus_process(chorus, output, 10000);
    for (int turn = 0; turn < 86; turn++) {
        ra_chorus_set(chorus, (double[6]){ turn % 2 ? 10 : 0.1, turn % 3 ? 10 : 1, turn % 5 ? 1 : 0 }, false);
        ra_chorus_process(chorus, output + 10000 + turn * 1000, 1000);
    }
    /* 10 ms of way in 20 ms is half a frame a frame: the pitch, not the sample, jumps by half: 0.5 * 0.5 * 2 pi 200 / 48000 */
    check_most(worst_click(output, 96000, 1, 200, 48000), 0.0066);
    ra_chorus_destroy(chorus);
}

static void test_distortion_compressor(void)
{
    test("effects: the distortion of 4999 Hz at +12 dB has no partial off its harmonics above -100 dB");
    static const uint32_t rates[] = { 48000, 44100 };
    for (int n = 0; n < 2; n++) {
        enum { SIZE = 48000 };
        /* a whole number of periods in a second: everything that is no multiple of 4999 Hz is aliasing or noise */
        fill_sine(output, 2 * SIZE, 1, 4999, rates[n], 1);
        process_once(DISTORTION, 1, rates[n], (double[6]){ 12, 1 }, 2 * SIZE);
        float *second = output + 30000;
        double power = 0, harmonic = 0;
        for (uint32_t frame = 0; frame < rates[n]; frame++) power += (double)second[frame] * second[frame];
        double fundamental = 0;
        for (int k = 1; k * 4999 < (int)rates[n] / 2; k++) {
            double amplitude = cabs(measured(second, rates[n], 1, k * 4999.0, rates[n]));
            if (k == 1) fundamental = amplitude;
            harmonic += 2 * amplitude * amplitude / rates[n];
        }
        /* the worst single bin between, by Fourier sums where tanh's harmonics fold to, and everywhere on a comb */
        double worst = 0;
        for (int k = 3; k < 400; k += 2) {
            double hz = fmod(k * 4999.0, rates[n]);
            if (hz > rates[n] / 2.0) hz = rates[n] - hz;
            if (fmod(hz, 4999) < 0.5) continue;
            worst = fmax(worst, cabs(measured(second, rates[n], 1, hz, rates[n])));
        }
        check_most(decibels(worst / fundamental), -100);
        check_most(decibels(sqrt(fmax(power - harmonic, 0) / (fundamental * fundamental * 2 / rates[n]))), -100);
        if (getenv("RA_TELL")) printf("distortion %u Hz: worst alias %.1f dB, all of it %.1f dB\n", rates[n], decibels(worst / fundamental), decibels(sqrt(fmax(power - harmonic, 1e-30) / (fundamental * fundamental * 2 / rates[n]))));
    }

    test("effects: the distortion is tanh of what is driven: harmonics of 500 Hz as the integral says, odd ones only");
    fill_sine(output, 96000, 1, 500, 48000, 0.5);
    process_once(DISTORTION, 1, 48000, (double[6]){ 12, 1 }, 96000);
    double drive = pow(10, 12 / 20.0);
    for (int k = 1; k <= 9; k++) {
        double want = 0;                               /* b_k = 2/T integral tanh(g sin) sin k, trapezes over a period are exact to 1e-12 */
        for (int n = 0; n < 4096; n++) want += tanh(drive * 0.5 * sin(2 * PI * n / 4096)) * sin(2 * PI * k * n / 4096) / 2048;
        double got = cabs(measured(output + 40000, 48000, 1, 500.0 * k, 48000)) / 24000;
        check_near(got, fabs(want), 2e-5);             /* the resampler's ripple, -105 dB */
    }

    test("effects: four hyperbolic tangents at once agree with libm to 2e-7 of themselves, and are odd to the bit");
    double off = 0;
    for (int n = -20000; n <= 20000; n += 4) {
        float x[4], y[4], minus[4];
        for (int lane = 0; lane < 4; lane++) x[lane] = (float)(n + lane == 0 ? 0 : copysign(pow(10, abs(n + lane) / 20000.0 * 9 - 7), n + lane));      /* 1e-7 to 100 */
        ra_store4(y, ra_tanh4(ra_load4(x)));
        ra_store4(minus, ra_tanh4(-ra_load4(x)));
        for (int lane = 0; lane < 4; lane++) {
            if (x[lane] != 0) off = fmax(off, fabs(y[lane] / tanh(x[lane]) - 1)); else check(y[lane] == 0);
            check(y[lane] == -minus[lane]);
        }
    }
    check_most(off, 2e-7);                             /* three roundings of float */

    test("effects: dry and wet of the distortion are in step: at 0 dB and low level any mix is nearly the input");
    fill_noise(input, 20000, 1e-4f, 320);
    fill_sine(input, 20000, 1, 3000, 48000, 1e-4);
    memcpy(output, input, 20000 * sizeof(float));
    process_once(DISTORTION, 1, 48000, (double[6]){ 0, 0.5 }, 20000);
    double worst = 0;
    for (int n = 1000; n < 20000; n++) worst = fmax(worst, fabs(output[n] - input[n - 87]));
    check_most(worst / 1e-4, 2e-5);

    test("effects: the distortion keeps a quiet tone's level within 0.01 dB up to 0.89 of Nyquist, mono and stereo alike");
    static const double tones[] = { 50, 5000, 15000, 0.89 * 24000 };
    for (int n = 0; n < 4; n++) {
        float mono[9000];
        fill_sine(output, 9000, 1, tones[n], 48000, 1e-4);
        process_once(DISTORTION, 1, 48000, (double[6]){ 0, 1 }, 9000);
        memcpy(mono, output, sizeof mono);
        check_near(decibels(fit_tone(mono + 1000, 7680, 1, tones[n], 48000).amplitude / 1e-4), 0, 0.01);
        fill_sine(output, 9000, 2, tones[n], 48000, 1e-4);
        for (int frame = 0; frame < 9000; frame++) output[2 * frame] = 0.5f;
        process_once(DISTORTION, 2, 48000, (double[6]){ 0, 1 }, 9000);
        for (int frame = 0; frame < 9000; frame++) if (output[2 * frame + 1] != mono[frame]) { complain(__LINE__, "%g Hz: frame %d is another beside a neighbour", tones[n], frame); break; }
    }

    test("effects: the compressor's static curve, knee included, within 0.2 dB at 50 Hz, 997 Hz and 9 kHz");
    static const struct { double threshold, ratio, knee; } curves[] = { { -24, 4, 6 }, { -40, 2, 20 }, { -12, 100, 0 }, { -30, 1.5, 24 }, { -20, 1, 6 } };
    static const double pitches[] = { 50, 997, 9001 };
    double worst_db = 0;
    for (int c = 0; c < 5; c++)
        for (int pitch = 0; pitch < 3; pitch++)
            for (double level = -60; level <= 0; level += 3) {
                fill_sine(output, 40000, 2, pitches[pitch], 48000, pow(10, level / 20));
                process_once(COMPRESSOR, 2, 48000, (double[6]){ curves[c].threshold, curves[c].ratio, curves[c].knee, 5, 50, 3 }, 40000);
                double over = level - curves[c].threshold, knee = curves[c].knee, want = level;
                if (2 * over > knee) want = curves[c].threshold + over / curves[c].ratio;
                else if (2 * over > -knee) want = level + (1 / curves[c].ratio - 1) * pow(over + knee / 2, 2) / (2 * knee);
                tone_fit fit = fit_tone(output + 60000 + 1, 9600, 2, pitches[pitch], 48000);
                worst_db = fmax(worst_db, fabs(decibels(fit.amplitude) - (want + 3)));
                if (fit.residual_rms / fit.amplitude > (pitch == 2 ? 1e-3 : 1e-4)) complain  /* at 9 kHz the samples themselves miss the peaks by up to 0.04 dB */
                   (__LINE__, "steady %g Hz is distorted: %.1f dB", pitches[pitch], decibels(fit.residual_rms / fit.amplitude));
            }
    check_most(worst_db, 0.2);
    if (getenv("RA_TELL")) printf("compressor: static curve within %.4f dB\n", worst_db);

    test("effects: attack and release are time constants, within 5 %, and both channels turn together");
    /* a constant steps from -40 to 0 dBFS and back: 37 % of the change in dB is left after the time constant */
    static const double attacks[] = { 5, 50 }, releases[] = { 100, 400 };
    for (int n = 0; n < 2; n++) {
        uint32_t up = 4800, down = up + 48000, count = down + 96000;
        for (uint32_t frame = 0; frame < count; frame++) { output[2 * frame] = frame >= up && frame < down ? 1.0f : 0.01f; output[2 * frame + 1] = 0.001f; }
        process_once(COMPRESSOR, 2, 48000, (double[6]){ -20, 2, 0, attacks[n], releases[n], 0 }, count);
        double attack = 0, release = 0;                   /* reduction goes to -10 dB, and back to 0 after the hold */
        for (uint32_t frame = up; frame < down && !attack; frame++) if (decibels(output[2 * frame]) <= -10 * (1 - exp(-1))) attack = (frame - up) / 48.0;
        uint32_t start = 0;
        for (uint32_t frame = down; frame < count && !release; frame++) {
            double reduction = decibels(output[2 * frame] / 0.01f);
            if (!start && reduction > -9.99) start = frame;
            if (reduction >= -10 * exp(-1)) release = (frame - start) / 48.0;
        }
        check_near(attack, attacks[n], 0.05 * attacks[n] + 0.34);       /* two steps of eight frames */
        check_near(release, releases[n], 0.05 * releases[n]);
        check((start - down) / 48.0 > 9.9 && (start - down) / 48.0 < 21);
        double apart = 0;
        for (uint32_t frame = 0; frame < count; frame++) apart = fmax(apart, fabs(output[2 * frame + 1] / 0.001 / (output[2 * frame] / (frame >= up && frame < down ? 1.0f : 0.01f)) - 1));
        check_most(apart, 1e-6);
        if (getenv("RA_TELL")) printf("compressor: attack %.2f ms of %g, release %.1f ms of %g\n", attack, attacks[n], release, releases[n]);
    }
}

/* What a meter with a far longer sinc than ours (128 taps, 12 places a frame, Blackman-Harris) reads. */
static double true_peak(const float *samples, uint32_t count, uint32_t step)
{
    enum { TAPS = 128, PLACES = 8 + 4 * !TEST_SLOW };
    static double rows[PLACES][TAPS];
    if (rows[0][TAPS / 2 - 1] == 0)
        for (int place = 0; place < PLACES; place++)
            for (int tap = 0; tap < TAPS; tap++) {
                double x = tap - (TAPS / 2 - 1) - place / (double)PLACES, w = PI * (x / (TAPS / 2) + 1);
                rows[place][tap] = (x == 0 ? 1 : sin(PI * x) / (PI * x)) * (0.35875 - 0.48829 * cos(w) + 0.14128 * cos(2 * w) - 0.01168 * cos(3 * w));
            }
    double peak = 0;
    for (uint32_t n = 0; n + TAPS <= count; n++)
        for (int place = 0; place < PLACES; place++) {
            double sum = 0;
            for (int tap = 0; tap < TAPS; tap++) sum += rows[place][tap] * samples[(size_t)(n + (uint32_t)tap) * step];
            peak = fmax(peak, fabs(sum));
        }
    return peak;
}
/* EBU Tech 3341 cases 15 to 23, by formula; 20 to 23 are made at four times the rate and brought down by a windowed sinc. */
static void fill_ebu(float *samples, uint32_t count, int number, double rate)
{
    static const struct { double divisor, peak, degrees; } tones[] = { { 4, 0.5, 0 }, { 4, 0.5, 45 }, { 6, 0.5, 60 }, { 8, 0.5, 67.5 }, { 4, 1.41, 45 } };
    for (uint32_t n = 0; n < count; n++) {
        double fade = fmin(1, fmin(n, count - n) / (0.01 * rate));
        if (number < 20) samples[n] = (float)(fade * tones[number - 15].peak * sin(2 * PI * fmod(n / tones[number - 15].divisor, 1) + tones[number - 15].degrees * PI / 180));
        else {
            double sum = 0;
            for (int tap = -256; tap <= 256; tap++) {
                long at = 4L * n + (number - 20) + tap, middle = 24L * (long)(count / 12);        /* 24 fine samples are a period of fs/6 */
                double value = at >= middle && at < middle + 16 ? sin(2 * PI * (double)(at - middle) / 16) : 0.5 * sin(2 * PI * (double)((at - middle - (at < middle ? 0 : 16)) % 24) / 24);
                double x = tap / 4.0, w = PI * (tap / 256.0 + 1);
                sum += value * (tap ? sin(PI * x) / (PI * x) : 1) / 4 * (0.35875 - 0.48829 * cos(w) + 0.14128 * cos(2 * w) - 0.01168 * cos(3 * w));
            }
            samples[n] = (float)(fade * sum);
        }
    }
}
/* What BS.1770's interpolation, as the meter has it, makes of it. */
static double metered_peak_db(const float *samples, uint32_t count, uint32_t rate)
{
    ra_loudness *meter;
    ra_loudness_report report = { .true_peak_dbtp = INFINITY };
    if (ra_loudness_create(1, rate, true, &meter)) return INFINITY;
    ra_loudness_add(meter, samples, count);
    ra_loudness_get(meter, &report);
    ra_loudness_destroy(meter);
    return report.true_peak_dbtp;
}

static void check_limited(const char *name, double ceiling_db, uint32_t rate, uint32_t count, bool is_loud)
{
    double before = decibels(true_peak(output, count, 1));
    memcpy(other, output, count * sizeof(float));
    process_once(LIMITER, 1, rate, (double[6]){ ceiling_db, 100 }, count);
    double peak = peak_of(output, count), over = decibels(true_peak(output, count, 1)) - ceiling_db;
    if (peak > pow(10, ceiling_db / 20) * (1 + 1e-12)) complain(__LINE__, "%s at %u Hz: sample peak %.9f above the ceiling of %g dB", name, rate, peak, ceiling_db);
    if (over > 0.2) complain(__LINE__, "%s at %u Hz: true peak %.3f dB above the ceiling of %g dB", name, rate, over, ceiling_db);
    double metered = metered_peak_db(output, count, rate) - ceiling_db;
    if (metered > 0.2) complain(__LINE__, "%s at %u Hz: a meter finds the true peak %.3f dB above the ceiling of %g dB", name, rate, metered, ceiling_db);
    if (is_loud && before > ceiling_db && over < -0.7) complain(__LINE__, "%s at %u Hz: true peak %.3f dB below the ceiling of %g dB: too careful", name, rate, -over, ceiling_db);
    if (getenv("RA_TELL")) printf("limiter %-16s %u Hz ceiling %5.1f: true peak before %6.2f dBTP, after %+.3f dB from the ceiling\n", name, rate, ceiling_db, before, over);
}

static void test_limiter(void)
{
    test("effects: the limiter keeps sample peaks at its ceiling and true peaks within 0.2 dB: EBU 3341 cases 15 to 23");
    char name[32];
    static const uint32_t rates[] = { 48000, 44100 };
    for (int r = 0; r < 2; r++)
        for (int number = 15; number <= 23; number++) {
            fill_ebu(third, 6000, number, rates[r]);
            for (int loud = 0; loud < 2; loud++) {
                for (int n = 0; n < 6000; n++) output[n] = third[n] * (loud ? 4 : 1);
                snprintf(name, sizeof name, "case %d%s", number, loud ? " +12 dB" : "");
                check_limited(name, loud ? -1 : -9, rates[r], 6000, true);
            }
        }

    test("effects: the limiter on square waves, +12 dB noise, single samples and bursts");
    for (int r = 0; r < 2; r++) {
        for (int period = 2; period < 500; period = period * 5 / 2 + 1) {
            for (int n = 0; n < 16000; n++) output[n] = n % period < period / 2 ? 2.0f : -2.0f;
            snprintf(name, sizeof name, "square of %d", period);
            check_limited(name, -1, rates[r], 16000, false);
        }
        fill_noise(output, 40000, 4, 330);
        check_limited("noise +12 dB", -1, rates[r], 40000, true);
        memset(output, 0, 16000 * sizeof(float));
        for (int n = 300; n < 16000; n += 977) output[n] = n % 2 ? 8 : -3;
        check_limited("single samples", -1, rates[r], 16000, true);
        fill_noise(output, 16000, 1, 331);
        for (int n = 0; n < 16000; n++) output[n] *= n / 3000 % 2 ? 4.0f : 0.1f;
        check_limited("bursts", -6, rates[r], 16000, true);
        fill_sine(output, 16000, 1, 0.49 * rates[r], rates[r], 3);
        check_limited("0.49 of the rate", 0, rates[r], 16000, true);
    }

    test("effects: the curve between frames that the limiter looks at is the tone's within 0.8 % up to 0.4 of the rate");
    double off = 0;
    for (double hz = 0.01; hz <= 0.4; hz += 0.013) {
        enum { SIZE = 100, AT = SIZE - RA_LIMITER_AHEAD };       /* the last run of the limiter: what it saw of the curve lies in its rows */
        ra_limiter *looks;
        float gains[2 * RA_LIMITER_RUN + RA_FOLD_PAD];
        check_same(ra_limiter_create(2, 48000, &looks), RA_OK);
        float *x = looks->frames + 2 * looks->past_frames;
        for (int n = 0; n < SIZE; n++) { x[2 * n] = (float)sin(2 * PI * hz * n + 1); x[2 * n + 1] = (float)cos(2 * PI * hz * n); }
        for (int n = 0; n < 2 * SIZE; n++) looks->ceilings[2 * looks->past_frames - 2 * RA_LIMITER_AHEAD + n] = 0.1f;
        ra_limiter_look(looks, gains, 2 * SIZE);
        for (int n = 40; n < AT; n++) {                          /* rows are late by what they wait for */
            const float *half = looks->half + 2 * (RA_LIMITER_SHORT + n + RA_LIMITER_LONG), *last = looks->last + 2 * (1 + n + RA_LIMITER_AHEAD);
            off = fmax(off, fmax(fabs(half[0] - sin(2 * PI * hz * (n + 0.5) + 1)), fabs(half[1] - cos(2 * PI * hz * (n + 0.5)))));
            off = fmax(off, fmax(fabs(last[0] - sin(2 * PI * hz * (n + 0.75) + 1)), fabs(last[1] - cos(2 * PI * hz * (n + 0.75)))));
            double want = 0;
            for (int place = 0; place < 75; place++) want = fmax(want, fabs(sin(2 * PI * hz * (n + place * 0.01) + 1)));
            if (want > 0.11 && gains[2 * (n + RA_LIMITER_AHEAD)] * want > 0.101) complain(__LINE__, "%g of the rate, frame %d: gain %g for a peak of %g", hz, n, gains[2 * (n + RA_LIMITER_AHEAD)], want);
        }
        ra_limiter_destroy(looks);
    }
    check_most(off, 7.5e-3);                           /* a window of beta 3 ripples so much: 0.065 dB */

    test("effects: below its ceiling the limiter passes bits while it once did not, and its gain comes back as it should");
    fill_noise(input, 200000, 0.2f, 332);
    memcpy(output, input, 200000 * sizeof(float));
    for (int n = 3000; n < 3100; n++) output[n] *= 20;
    process_once(LIMITER, 1, 48000, (double[6]){ -1, 100 }, 200000);
    ra_limiter *limiter;
    check_same(ra_limiter_create(2, 48000, &limiter), RA_OK);
    uint32_t latency = ra_limiter_latency_frames(limiter);
    ra_limiter_destroy(limiter);
    check_samples(output + latency, input, 3000 - 2 * latency);
    check_samples(output + 150000 + latency, input + 150000, 50000 - latency);
    double third_db = 0, half_db = 0;
    third_db = output[3100 + 1500 + latency] / input[3100 + 1500];
    half_db = output[3100 + 1500 + 4800 + latency] / input[3100 + 1500 + 4800];
    check_near((1 - half_db) / (1 - third_db), exp(-1), 0.01);                     /* 100 ms later 1/e is left */

    test("effects: the limiter turns both channels together, and a ceiling that glides is kept at every frame");
    for (int n = 0; n < 20000; n++) { output[2 * n] = 0.01f; output[2 * n + 1] = n > 5000 && n < 6000 ? 5.0f : 0.02f; }
    check_same(ra_limiter_create(2, 48000, &limiter), RA_OK);
    ra_limiter_set(limiter, (double[6]){ -1, 50 }, true);
    ra_limiter_process(limiter, output, 20000);
    double apart = 0;
    for (uint32_t n = latency + 10; n < 20000; n++) {
        uint32_t from = n - latency;
        apart = fmax(apart, fabs(output[2 * n] / 0.01 - output[2 * n + 1] / (from > 5000 && from < 6000 ? 5.0 : 0.02)));
    }
    check_most(apart, 1e-6);

    /* one loud sample on the right: the gain seen on the left has to stand still at its lowest within reach on both sides,
       0.15 dB lower than the sample alone would want, and the sample is there at full height but for that */
    ra_limiter_reset(limiter);
    for (int n = 0; n < 4000; n++) { output[2 * n] = 0.01f; output[2 * n + 1] = n == 2000 ? 8.0f : 0.0f; }
    ra_limiter_process(limiter, output, 4000);
    for (uint32_t n = 2000 - 16; n <= 2000 + 17; n++) check_near(output[2 * (n + latency)] / 0.01 / (pow(10, -1.15 / 20.0) / 8), 1, n <= 2016 ? 1e-3 : 3e-3);
    check(output[2 * (2000 + latency - 300)] > 0.003 && output[2 * (2000 + latency - 700)] == 0.01f);
    check_near(output[2 * (2000 + latency) + 1], pow(10, -1.15 / 20.0), 1e-3);

    ra_limiter_reset(limiter);
    fill_noise(output, 40000, 4, 333);
    ra_limiter_process(limiter, output, 5000);
    ra_limiter_set(limiter, (double[6]){ -13, 50 }, false);
    ra_limiter_process(limiter, output + 10000, 15000);
    double high = pow(10, -1 / 20.0), low = pow(10, -13 / 20.0), worst = 0;
    for (uint32_t n = 5000 + latency; n < 20000; n++) {
        double share = fmin(1, (n + 1 - 5000 - latency) / 960.0), ceiling = high + (low - high) * share;
        worst = fmax(worst, fmax(fabs(output[2 * n]), fabs(output[2 * n + 1])) / ceiling);
    }
    check_most(worst, 1 + 1e-6);
    ra_limiter_destroy(limiter);
}

/* Schroeder's backward integration: twice the time from -5 to -35 dB, by a straight line through them. */
static double decay_s(const float *response, uint32_t count, uint32_t step, double rate)
{
    double energy = 0, sum = 0, st = 0, sd = 0, stt = 0, std = 0, points = 0;
    for (uint32_t n = 0; n < count; n++) energy += (double)response[n * step] * response[n * step];
    for (uint32_t n = 0; n < count; n++) {
        double db = 10 * log10(fmax(energy - sum, 1e-30) / energy), t = n / rate;
        sum += (double)response[n * step] * response[n * step];
        if (db > -5 || db < -35) continue;
        points++; st += t; sd += db; stt += t * t; std += t * db;
    }
    return -60 / ((points * std - st * sd) / (points * stt - st * st));
}
static void test_reverb(void)
{
    test("effects: the reverb's RT60 is its knob within 10 %, of the whole sound and of the octave at 1 kHz, at three rates");
    static const uint32_t rates[] = { 48000, 44100, 96000 };
    static const double knobs[] = { 0.3, 0.5, 1, 1.8, 3, 5, 8 };
    for (int r = 0; r < 3; r++)
        for (int n = 0; n < 7; n++) {
            uint32_t count = (uint32_t)(knobs[n] * 1.1 * rates[r]), stride = BUFFER / 2;
            if (count > stride) count = stride;
            memset(output, 0, BUFFER * sizeof(float));
            output[0] = output[1] = 1;
            process_once(REVERB, 2, rates[r], (double[6]){ knobs[n], 1 }, count);
            double left = decay_s(output, count, 2, rates[r]), right = decay_s(output + 1, count, 2, rates[r]);
            ra_eq_band octave = { RA_BAND_PASS, 1000, 0, 1.41 };
            ra_eq *eq = eq_with(2, rates[r], &octave, 1);
            process_eq(eq, output, 2, count, 4096);
            ra_eq_destroy(eq);
            double middle = decay_s(output, count, 2, rates[r]);
            check_near(left / knobs[n], 1, 0.1);
            check_near(right / knobs[n], 1, 0.1);
            check_near(middle / knobs[n], 1, 0.1);
            if (getenv("RA_TELL")) printf("reverb %u Hz rt60 %.1f s: left %+.1f %%, right %+.1f %%, 1 kHz %+.1f %%\n", rates[r], knobs[n], 100 * (left / knobs[n] - 1), 100 * (right / knobs[n] - 1), 100 * (middle / knobs[n] - 1));
        }

    test("effects: high notes die sooner, as the reverb's comment says: at 8 kHz in 0.7 of the time, within 10 %");
    memset(output, 0, 400000 * sizeof(float));
    output[0] = output[1] = 1;
    process_once(REVERB, 2, 48000, (double[6]){ 2, 1 }, 200000);
    ra_eq_band narrow[4] = { { RA_BAND_PASS, 8000, 0, 4 }, { RA_BAND_PASS, 8000, 0, 4 }, { RA_BAND_PASS, 8000, 0, 4 }, { RA_BAND_PASS, 8000, 0, 4 } };
    ra_eq *eq = eq_with(2, 48000, narrow, 4);
    process_eq(eq, output, 2, 200000, 4096);
    ra_eq_destroy(eq);
    double high = decay_s(output, 100000, 2, 48000);
    check_near(high / 1.4, 1, 0.1);
    if (getenv("RA_TELL")) printf("reverb: 8 kHz of rt60 2 s: %.3f s\n", high);

    test("effects: the reverb is smooth: its tail is noise without a beat, its two sides do not resemble each other");
    static const double tails[] = { 1, 3, 8 };
    for (int n = 0; n < 3; n++) {
        memset(output, 0, BUFFER * sizeof(float));
        output[0] = output[1] = 1;
        process_once(REVERB, 2, 48000, (double[6]){ tails[n], 1 }, 96000);
        /* flatten the decay, then the autocorrelation of 0.3 to 1 s, and the number of samples beyond one sigma (32 % in noise) */
        uint32_t start = 14400, count = 33600, beyond = 0;
        for (uint32_t k = 0; k < 96000; k++) { third[k] = (float)(output[2 * k] * pow(10, 3 * k / (tails[n] * 48000))); other[k] = (float)(output[2 * k + 1] * pow(10, 3 * k / (tails[n] * 48000))); }
        double sigma = rms_of(third + start, count, 1), beat = 0, alike = 0;
        for (uint32_t k = 0; k < count; k++) beyond += fabs(third[start + k]) > sigma;
        for (uint32_t lag = 48; lag < 9600; lag += TEST_SLOW ? 13 : 2) {
            double sum = 0;
            for (uint32_t k = 0; k < count - 9600; k++) sum += (double)third[start + k] * third[start + k + lag];
            beat = fmax(beat, fabs(sum) / (sigma * sigma * (count - 9600)));
        }
        for (int lag = -480; lag <= 480; lag++) {
            double sum = 0;
            for (uint32_t k = 0; k < count; k++) sum += (double)third[start + k] * other[(int)(start + k) + lag];
            alike = fmax(alike, fabs(sum) / (sigma * rms_of(other + start, count, 1) * count));
        }
        check_most(beat, 0.2);
        check_most(alike, 0.15);
        check_near(beyond / (double)count, 0.3173, 0.04);
        if (getenv("RA_TELL")) printf("reverb rt60 %g: strongest echo of itself %.3f, left like right %.3f, beyond sigma %.3f\n", tails[n], beat, alike, beyond / (double)count);
    }

    test("effects: the reverb is as loud as the sound below 1 kHz that it reverberates, within 1.5 dB, at any RT60, mono and stereo");
    for (uint32_t channels = 1; channels <= 2; channels++)
        for (double rt60 = 0.3; rt60 < 9; rt60 *= 3) {
            uint32_t count = 500000 / channels;
            fill_noise(output, count * channels, 0.5f, 340);
            for (int pole = 0; pole < 2; pole++)
                for (uint32_t n = channels; n < count * channels; n++) output[n] = 0.9f * output[n - channels] + 0.1f * output[n];      /* 800 Hz */
            double before = rms_of(output, count * channels, 1);
            process_once(REVERB, channels, 48000, (double[6]){ rt60, 1 }, count);
            double gain = decibels(rms_of(output + count * channels / 2, count * channels / 2, 1) / before);
            check_near(gain, 0, 1.5);
            if (getenv("RA_TELL")) printf("reverb rt60 %.1f, %u channels: %+.2f dB\n", rt60, channels, gain);
        }

    test("effects: RT60 and mix may be swept without a click");
    fill_sine(output, 96000, 1, 200, 48000, 0.25);
    ra_reverb *reverb;
    check_same(ra_reverb_create(1, 48000, &reverb), RA_OK);
    ra_reverb_set(reverb, (double[6]){ 1, 0.5 }, true);
    ra_reverb_process(reverb, output, 48000);
    for (int turn = 0; turn < 48; turn++) {
        ra_reverb_set(reverb, (double[6]){ turn % 2 ? 0.3 : 5, turn % 3 ? 0.7 : 0.1 }, false);
        ra_reverb_process(reverb, output + 48000 + turn * 1000, 1000);
    }
    check_most(worst_click(output + 30000, 66000, 1, 200, 48000), 1e-3);
    ra_reverb_destroy(reverb);
}

/* sum of h x, written out in double at some frames of a signal; gives the error in dB of the sum's RMS, over both channels. */
static double convolve_error_db(const float *got, const float *x, uint32_t frames, uint32_t channels, const ra_clip *h, uint32_t taken)
{
    double energy[2] = { 0, 0 }, error = 0, sound = 0;
    for (uint64_t n = 0; n < h->frame_count * h->channels; n++) energy[n % h->channels] += (double)h->samples[n] * h->samples[n];
    double scale = 1 / sqrt(fmax(energy[0], energy[1]));
    for (uint32_t look = 0; look < taken; look++) {
        uint32_t n = look < 70 && look < frames ? look : taken > frames ? look % frames : frames - 1 - (uint32_t)((uint64_t)look * 7919 % frames);
        for (uint32_t channel = 0; channel < channels; channel++) {
            double sum = 0;
            for (uint32_t k = 0; k <= n && k < h->frame_count; k++) sum += (double)h->samples[(size_t)k * h->channels + channel % h->channels] * x[(size_t)(n - k) * channels + channel];
            double is = got[(size_t)n * channels + channel];
            error += (is - sum * scale) * (is - sum * scale);
            sound += sum * scale * sum * scale;
        }
    }
    return 10 * log10(error / sound);
}
static ra_convolve *convolve_with(uint32_t channels, uint32_t rate, const ra_clip *impulse, double mix)
{
    ra_convolve *made = NULL;
    if (!check_same(ra_convolve_create(channels, rate, &made), RA_OK)) return NULL;
    check_same(convolve_load(made, impulse), RA_OK);
    ra_convolve_set(made, (double[6]){ mix }, true);
    return made;
}
static void convolve_blocks(ra_convolve *made, float *frames, uint32_t channels, uint32_t count, uint32_t block)
{
    process_blocks(&processors[CONVOLVE], made, frames, channels, count, block);
}

static void test_convolve(void)
{
    test("effects: convolve is the sum written out, within -120 dB, for responses of 1 to 250000 values, mono and stereo");
    static const uint32_t lengths[] = { 1, 2, 31, 32, 33, 63, 64, 65, 127, 128, 129, 511, 512, 513, 1000, 3100, 12500, 48001, 50000, 144000, 250000 };
    fill_noise(input, 320000 * 2, 0.7f, 320);
    for (size_t n = 0; n < sizeof lengths / sizeof lengths[0]; n++)
        for (uint32_t channels = 1; channels <= 2; channels++)
            for (uint32_t sides = 1; sides <= channels; sides++) {
                if (TEST_SLOW && lengths[n] > 13000) continue;
                uint32_t frames = lengths[n] < 10000 ? 6000 : lengths[n] + 20000;
                ra_clip *impulse = room(lengths[n], sides, 48000, 321 + n);
                ra_convolve *made = convolve_with(channels, 48000, impulse, 1);
                check_same(ra_convolve_latency_frames(made), 0);
                memcpy(output, input, (size_t)frames * channels * sizeof(float));
                convolve_blocks(made, output, channels, frames, 128);
                double error = convolve_error_db(output, input, frames, channels, impulse, lengths[n] < 10000 ? 700 : 120);
                if (getenv("RA_TELL")) printf("convolve %u values, %u sides, %u channels, %u levels: %.1f dB\n", lengths[n], sides, channels, made->level_count, error);
                if (!(error <= -120)) complain(__LINE__, "%u values, %u sides, %u channels: %.1f dB", lengths[n], sides, channels, error);
                ra_convolve_destroy(made);
                ra_clip_destroy(impulse);
            }

    test("effects: convolve with one value passes every bit, and with one that comes late it is that delay, left and right for themselves");
    ra_clip *impulse;
    ra_clip_create(200000, 2, 48000, &impulse);
    static const uint32_t places[] = { 0, 1, 63, 64, 127, 511, 512, 575, 2047, 2048, 8191, 8192, 32767, 32768, 50000, 199999 };
    for (size_t n = 0; n < sizeof places / sizeof places[0]; n++) {
        uint32_t left = places[n], right = places[(n + 5) % (sizeof places / sizeof places[0])], frames = (left > right ? left : right) + 3000;
        impulse->samples[2 * left] = 0.25f;
        impulse->samples[2 * right + 1] = -0.25f;
        ra_convolve *made = convolve_with(2, 48000, impulse, 1);
        memcpy(output, input, frames * 2 * sizeof(float));
        convolve_blocks(made, output, 2, frames, 500);
        double worst = 0;
        for (uint32_t frame = 0; frame < frames; frame++) {
            worst = fmax(worst, fabs(output[2 * frame] - (frame < left ? 0 : input[2 * (frame - left)])));
            worst = fmax(worst, fabs(output[2 * frame + 1] + (frame < right ? 0 : input[2 * (frame - right) + 1])));
        }
        check_most(worst, 1e-6);                       /* -120 dB of full scale */
        ra_convolve_destroy(made);
        impulse->samples[2 * left] = impulse->samples[2 * right + 1] = 0;
    }
    for (size_t n = 0; n < sizeof places / sizeof places[0]; n++) {      /* a click, silence, and its echo at the very end of the tail */
        impulse->samples[0] = impulse->samples[1] = 0.25f;               /* beside it one at once, so that neither is the whole */
        impulse->samples[2 * places[n]] = impulse->samples[2 * places[n] + 1] = 1;
        ra_convolve *made = convolve_with(2, 48000, impulse, 1);
        double want = places[n] ? 1 / sqrt(1 + 0.25 * 0.25) : 1;
        for (uint32_t start = 0; start < 64; start += 21) {
            memset(output, 0, (places[n] + 3000) * 2 * sizeof(float));
            output[2 * start] = output[2 * start + 1] = 1;
            convolve_blocks(made, output, 2, places[n] + 3000, 128);
            check_near(output[2 * (places[n] + start)], want, 1e-6);
            check_near(output[2 * (places[n] + start) + 1], want, 1e-6);
            ra_convolve_reset(made);
        }
        ra_convolve_destroy(made);
        impulse->samples[2 * places[n]] = impulse->samples[2 * places[n] + 1] = 0;
    }
    impulse->samples[0] = impulse->samples[1] = 1;
    ra_convolve *made = convolve_with(2, 48000, impulse, 1);
    check(made->tap_count == 1);                       /* and 199999 zeros that are left out */
    memcpy(output, input, 96000 * sizeof(float));
    convolve_blocks(made, output, 2, 48000, 128);
    check_samples(output, input, 96000);
    ra_convolve_destroy(made);
    impulse->samples[0] = impulse->samples[1] = 0;     /* nothing but zeros: silence */
    made = convolve_with(2, 48000, impulse, 1);
    convolve_blocks(made, output, 2, 4800, 128);
    check(is_silent(output, 9600));
    ra_convolve_destroy(made);
    ra_clip_destroy(impulse);
    check_same(ra_convolve_create(2, 48000, &made), RA_OK);            /* no response: the sound passes */
    ra_convolve_set(made, (double[6]){ 1 }, true);
    memcpy(output, input, 9600 * sizeof(float));
    convolve_blocks(made, output, 2, 4800, 128);
    check_samples(output, input, 9600);
    ra_convolve_destroy(made);

    test("effects: all sizes of partitions give the same bits for blocks of 1, 7, 128, 512 and 4096");
    uint32_t long_frames = TEST_SLOW ? 20000 : 80000;
    impulse = room(200000, 2, 48000, 350);
    for (int kind = 0; kind < BLOCK_KINDS; kind++) {
        made = convolve_with(2, 48000, impulse, 0.3);
        check_same(made->level_count, RA_CONVOLVE_LEVELS);
        float *to = kind ? other : output;
        memcpy(to, input, long_frames * 2 * sizeof(float));
        convolve_blocks(made, to, 2, long_frames, blocks[kind]);
        if (kind && !check_samples(other, output, long_frames * 2)) complain(__LINE__, "in blocks of %u", blocks[kind]);
        ra_convolve_destroy(made);
    }
    if (!TEST_SLOW) { check_golden("convolve", output, 160000); }

    ra_clip_destroy(impulse);

    test("effects: convolve's work is the same in every slot, within one group of columns of each size, and done when it is due");
    impulse = room(200000, 2, 48000, 350);
    made = convolve_with(2, 48000, impulse, 0.3);
    memcpy(other, input, 65536 * 2 * sizeof(float));
    convolve_blocks(made, other, 2, 65536, 64);
    for (uint32_t slot = 0; slot < 512; slot++) {
        uint32_t before[RA_CONVOLVE_LEVELS];
        for (uint32_t index = 1; index < made->level_count; index++) before[index] = made->level[index].spent;
        convolve_blocks(made, other, 2, 64, 64);
        for (uint32_t index = 1; index < made->level_count; index++) {
            const ra_convolve_level *level = &made->level[index];
            uint32_t first = made->slot % (level->size / 64);
            double share = level->cost * 64.0 / level->size, work = (double)level->spent - (first ? before[index] : 0);
            if (first == 0) check_same(before[index], level->cost);
            check_near(work, share, level->partitions + RA_CONVOLVE_PASS_COST);
        }
    }
    ra_convolve_destroy(made);
    ra_clip_destroy(impulse);

    test("effects: a response is brought to the chain's rate and to unit energy, so noise is as loud wet as dry, within 0.5 dB");
    impulse = room(30000, 2, 44100, 351);
    ra_clip *at_rate;
    check_same(ra_clip_resample(impulse, 48000, &at_rate), RA_OK);
    ra_convolve *other_made = convolve_with(2, 48000, at_rate, 1);
    made = convolve_with(2, 48000, impulse, 1);
    memcpy(output, input, 200000 * sizeof(float));
    memcpy(other, input, 200000 * sizeof(float));
    convolve_blocks(made, output, 2, 100000, 128);
    convolve_blocks(other_made, other, 2, 100000, 128);
    check_samples(output, other, 200000);
    double loud[2];
    for (int side = 0; side < 2; side++) loud[side] = decibels(rms_of(output + 80000 + side, 60000, 2) / rms_of(input + 80000 + side, 60000, 2));
    check_near(fmax(loud[0], loud[1]), 0, 0.5);
    ra_convolve_destroy(made); ra_convolve_destroy(other_made);
    for (uint64_t n = 0; n < at_rate->frame_count * 2; n++) at_rate->samples[n] *= 1024;        /* a power of two: the same bits */
    made = convolve_with(2, 48000, at_rate, 1);
    memcpy(other, input, 200000 * sizeof(float));
    convolve_blocks(made, other, 2, 100000, 128);
    check_samples(other, output, 200000);
    ra_convolve_destroy(made);
    ra_clip_destroy(at_rate);
    ra_clip_destroy(impulse);

    test("effects: one channel hears the mean of a response's two, and NaN in a response or in the sound is silence for its frame alone");
    ra_clip *mean;
    impulse = room(30000, 2, 44100, 351);
    ra_clip_create(30000, 1, 44100, &mean);
    for (int n = 0; n < 30000; n++) mean->samples[n] = 0.5f * (impulse->samples[2 * n] + impulse->samples[2 * n + 1]);
    mean->samples[700] = impulse->samples[1400] = impulse->samples[1401] = 0;
    made = convolve_with(1, 44100, mean, 0.7);
    memcpy(output, input, 60000 * sizeof(float));
    output[5000] = output[20000] = 0;
    convolve_blocks(made, output, 1, 60000, 128);
    ra_convolve_destroy(made);
    impulse->samples[1400] = NAN;
    impulse->samples[1401] = INFINITY;
    made = convolve_with(1, 44100, impulse, 0.7);
    memcpy(other, input, 60000 * sizeof(float));
    other[5000] = NAN;
    other[20000] = -INFINITY;
    convolve_blocks(made, other, 1, 60000, 128);
    check_samples(other, output, 60000);
    ra_convolve_destroy(made);
    ra_clip_destroy(mean);
    ra_clip_destroy(impulse);

    test("effects: what is heard after a long silence, at any place in the grid, is the sum written out again");
    impulse = room(30000, 2, 44100, 351);
    made = convolve_with(2, 44100, impulse, 1);
    memcpy(third, input, 4000 * sizeof(float));
    memset(third + 4000, 0, 66000 * sizeof(float));
    memcpy(output, third, 70000 * sizeof(float));
    convolve_blocks(made, output, 2, 35000, 128);
    check_most(convolve_error_db(output, third, 35000, 2, impulse, 400), -120);        /* the tail, to its end */
    ra_convolve_destroy(made);
    for (uint32_t silence = 50000; silence < 50400; silence += 97) {
        made = convolve_with(2, 44100, impulse, 1);
        memset(output, 0, silence * 2 * sizeof(float));
        memcpy(output + silence * 2, input, 20000 * 2 * sizeof(float));
        fill_noise(other, 4000, 1, 352);
        convolve_blocks(made, other, 2, 2000, 128);
        convolve_blocks(made, output, 2, silence + 20000, 128);
        check_most(convolve_error_db(output + silence * 2, input, 20000, 2, impulse, 100), -120);
        check(is_silent(output + 2 * (30000 + 64), 2 * (silence - 30000 - 64)));       /* the tail ends where the sum does, or in that slot */
        ra_convolve_destroy(made);
    }
    ra_clip_destroy(impulse);

    test("effects: convolve's mix may be swept without a click");
    impulse = room(30000, 2, 44100, 351);
    for (int n = 0; n < 30000; n++) impulse->samples[2 * n] = impulse->samples[2 * n + 1] = n == 0 ? 1 : n == 20000 ? 0.5f : 0;
    made = convolve_with(1, 44100, impulse, 0.5);
    fill_sine(output, 96000, 1, 200, 44100, 0.25);
    for (int turn = 0; turn < 96; turn++) {
        ra_convolve_set(made, (double[6]){ turn % 3 ? 0.9 : 0.1 }, false);
        ra_convolve_process(made, output + turn * 1000, 1000);
    }
    check_most(worst_click(output + 40000, 56000, 1, 200, 44100), 1e-3);
    ra_convolve_destroy(made);
    ra_clip_destroy(impulse);

    test("effects: a chain takes the response it is given, and another, or none, is another chain");
    impulse = room(30000, 2, 44100, 351);
    ra_chain_spec spec = spec_of("gain db=0; convolve file=x mix=1");
    ra_chain *chain;
    spec.item[1].impulse = impulse;
    check_same(ra_chain_create(2, 44100, &spec, &chain), RA_OK);
    made = convolve_with(2, 44100, impulse, 1);
    memcpy(output, input, 80000 * sizeof(float));
    memcpy(other, input, 80000 * sizeof(float));
    process_chain(chain, output, 2, 40000, 128);
    convolve_blocks(made, other, 2, 40000, 128);
    check_samples(output, other, 80000);
    ra_convolve_destroy(made);
    spec.item[1].value[0] = 0.5;
    check(ra_chain_set(chain, &spec));
    spec.item[1].impulse = NULL;
    check(!ra_chain_set(chain, &spec));
    ra_chain_destroy(chain);
    ra_clip strange = *impulse;
    spec.item[1].impulse = &strange;
    strange.channels = 3;
    check_same(ra_chain_create(2, 44100, &spec, &chain), RA_BAD_ARGUMENT);
    strange.channels = 2;
    strange.sample_rate_hz = 2999;                     /* longer than 10 s */
    check_same(ra_chain_create(2, 44100, &spec, &chain), RA_BAD_ARGUMENT);
    strange = *impulse;
    strange.frame_count = 0;
    check_same(ra_chain_create(2, 44100, &spec, &chain), RA_OK);
    ra_chain_destroy(chain);
    memset(spec.item[1].file, 'x', sizeof spec.item[1].file);          /* without an end */
    check_same(ra_chain_create(2, 44100, &spec, &chain), RA_BAD_ARGUMENT);
    strcpy(spec.item[1].file, "a\"b");
    check_same(ra_chain_create(2, 44100, &spec, &chain), RA_BAD_ARGUMENT);
    ra_clip_destroy(impulse);

    test("effects: render makes a mono clip stereo where the response is, keeps its length, and cuts the tail");
    for (uint32_t sides = 1; sides <= 2; sides++) {
        impulse = room(9000, sides, 48000, 353);
        spec = spec_of("convolve mix=1");
        spec.item[0].impulse = impulse;
        ra_clip *clip = room(20000, 1, 48000, 354), *rendered;
        memcpy(clip->samples, input, 20000 * sizeof(float));
        if (check_same(ra_render_clip(clip, &spec, &rendered), RA_OK)) {
            check(rendered->channels == sides && rendered->frame_count == 20000);
            for (int n = 0; n < 20000; n++) other[2 * n] = other[2 * n + 1] = input[n];
            check_most(convolve_error_db(rendered->samples, sides == 2 ? other : input, 20000, sides, impulse, 300), -120);
            ra_clip_destroy(rendered);
        }
        ra_clip_destroy(clip);
        ra_clip_destroy(impulse);
    }
}

static void test_processors(void)
{
    test_processor_contract();
    test_pan_delay_chorus();
    test_distortion_compressor();
    test_limiter();
    test_reverb();
    test_convolve();
}

static void test_effects_all(void) { test_effects(); test_chain(); test_processors(); }

/* ---- [8] loudness ------------------------------------------------------------------------------- */

/* K-weighting at 48 kHz, the two tables of ITU-R BS.1770-5 as they are printed. Oracle of everything here. */
static const double bs1770_shelf[5] = { 1.53512485958697, -2.69169618940638, 1.19839281085285, -1.69065929318241, 0.73248077421585 };
static const double bs1770_high[5]  = { 1, -2, 1, -1.99004745483398, 0.99007225036621 };
static double table_response(const double c[5], double hz)
{
    double complex z = cexp(-2 * PI * _Complex_I * hz / 48000);
    return cabs((c[0] + c[1] * z + c[2] * z * z) / (1 + c[3] * z + c[4] * z * z));
}
/* What a sine of this peak and channel weight reads. */
static double sine_lufs(double hz, double peak, double weight)
{
    return -0.691 + 10 * log10(weight * peak * peak / 2) + decibels(table_response(bs1770_shelf, hz) * table_response(bs1770_high, hz));
}

/* A meter that is fed second by second, and what it read on its way. */
typedef struct {
    ra_loudness *meter;
    uint32_t channels, rate;
    uint64_t frames;                                       /* so far; the tone's phase goes on from part to part */
    double   momentary[2], short_term[2];                  /* lowest and highest of 10 ms readings after watch_s */
    double   watch_s;
} listening;
static listening listen_to(uint32_t channels, uint32_t rate, bool has_true_peak)
{
    listening l = { .channels = channels, .rate = rate, .watch_s = HUGE_VAL,
                    .momentary = { HUGE_VAL, -HUGE_VAL }, .short_term = { HUGE_VAL, -HUGE_VAL } };
    check_same(ra_loudness_create(channels, rate, has_true_peak, &l.meter), RA_OK);
    return l;
}
static ra_loudness_report report_of(listening *l)
{
    ra_loudness_report report;
    ra_loudness_get(l->meter, &report);
    return report;
}
static ra_loudness_report hear_out(listening *l)
{
    ra_loudness_report report = report_of(l);
    ra_loudness_destroy(l->meter);
    return report;
}
/* 1 kHz in every channel, each with its own level; -HUGE_VAL is silence. */
static void hear_levels(listening *l, double seconds, const double *dbfs)
{
    static float buffer[480 * 8];
    static double period[441];                             /* 1 kHz fits 48 and 441 frames exactly */
    uint32_t length = l->rate == 44100 ? 441 : l->rate / 1000, piece = l->rate / 100;
    for (uint32_t n = 0; n < length; n++) period[n] = sin(2 * PI * n * 1000 / l->rate);
    double peak[8];
    for (uint32_t channel = 0; channel < l->channels; channel++) peak[channel] = pow(10, dbfs[channel] / 20);
    for (uint64_t left = (uint64_t)(seconds * l->rate + 0.5); left; ) {
        uint32_t run = left < piece ? (uint32_t)left : piece;
        for (uint32_t n = 0; n < run; n++)
            for (uint32_t channel = 0; channel < l->channels; channel++)
                buffer[n * l->channels + channel] = (float)(peak[channel] * period[(l->frames + n) % length]);
        ra_loudness_add(l->meter, buffer, run);
        l->frames += run;
        left -= run;
        if ((double)l->frames < l->watch_s * l->rate) continue;
        ra_loudness_report report = report_of(l);
        l->momentary[0] = fmin(l->momentary[0], report.momentary_lufs);
        l->momentary[1] = fmax(l->momentary[1], report.momentary_lufs);
        l->short_term[0] = fmin(l->short_term[0], report.short_term_lufs);
        l->short_term[1] = fmax(l->short_term[1], report.short_term_lufs);
    }
}
static void hear(listening *l, double seconds, double dbfs)
{
    double levels[8];
    for (int channel = 0; channel < 8; channel++) levels[channel] = dbfs;
    hear_levels(l, seconds, levels);
}
typedef struct { double seconds, dbfs; } part;
static ra_loudness_report hear_parts(uint32_t rate, const part *parts, int count)
{
    listening l = listen_to(2, rate, false);
    for (int n = 0; n < count; n++) hear(&l, parts[n].seconds, parts[n].dbfs);
    return hear_out(&l);
}
#define SILENCE (-HUGE_VAL)
#define PARTS(...) (const part[]){ __VA_ARGS__ }, sizeof (const part[]){ __VA_ARGS__ } / sizeof(part)

/* EBU Tech 3341 cases 20 to 23: a tone of rate/6 at 0.5 that for one period becomes rate/4 at 1.0; made at four times
   the rate, low-passed to half the rate by a windowed sinc of 128 taps a side, every fourth sample kept. */
static uint32_t make_case_20(float *frames, int offset, double *peak_at_4)
{
    enum { LENGTH = 8192, SIDE = 128 };
    static double tone[LENGTH], smooth[LENGTH];
    double phase = 0;
    bool is_burst = false;
    for (int n = 0, burst_left = 16; n < LENGTH; n++) {
        if (n == 4104) is_burst = true;                    /* 171 periods of 24: phase 0 */
        double fade = fmin(1, fmin(n, LENGTH - 1 - n) / 400.0);
        tone[n] = fade * (is_burst ? 1.0 : 0.5) * sin(phase);
        phase += 2 * PI / (is_burst ? 16 : 24);
        if (is_burst && --burst_left == 0) is_burst = false, burst_left = INT_MAX;
    }
    *peak_at_4 = 0;
    for (int n = 0; n < LENGTH; n++) {
        smooth[n] = 0;
        for (int tap = -SIDE; tap <= SIDE; tap++) {
            if (n - tap < 0 || n - tap >= LENGTH) continue;
            double window = 0.42 + 0.5 * cos(PI * tap / SIDE) + 0.08 * cos(2 * PI * tap / SIDE);
            smooth[n] += tone[n - tap] * window * (tap ? sin(PI * tap / 4.0) / (PI * tap) : 0.25);
        }
        *peak_at_4 = fmax(*peak_at_4, fabs(smooth[n]));
    }
    uint32_t count = 0;
    for (int n = offset; n < LENGTH; n += 4, count++) frames[2 * count] = frames[2 * count + 1] = (float)smooth[n];
    return count;
}

static ra_loudness_report measure(const float *frames, size_t frame_count, uint32_t channels, uint32_t rate, bool has_true_peak)
{
    listening l = listen_to(channels, rate, has_true_peak);
    ra_loudness_add(l.meter, frames, frame_count);
    return hear_out(&l);
}

static void test_loudness_ebu(uint32_t rate)
{
    ra_loudness_report r;
    listening l;

    test("loudness: EBU Tech 3341 cases 1 to 6 within 0.1 LU");
    for (int level = -23; level >= -33; level -= 10) {
        l = listen_to(2, rate, false);
        l.watch_s = 3;
        hear(&l, 20, level);
        r = hear_out(&l);
        check_near(r.integrated_lufs, level, 0.1);
        for (int side = 0; side < 2; side++) { check_near(l.momentary[side], level, 0.1); check_near(l.short_term[side], level, 0.1); }
    }
    r = hear_parts(rate, PARTS({ 10, -36 }, { 60, -23 }, { 10, -36 }));
    check_near(r.integrated_lufs, -23, 0.1);
    r = hear_parts(rate, PARTS({ 10, -72 }, { 10, -36 }, { 60, -23 }, { 10, -36 }, { 10, -72 }));
    check_near(r.integrated_lufs, -23, 0.1);
    r = hear_parts(rate, PARTS({ 20, -26 }, { 20.1, -20 }, { 20, -26 }));
    check_near(r.integrated_lufs, -23, 0.1);
    l = listen_to(5, rate, false);
    hear_levels(&l, 20, (const double[]){ -28, -28, -24, -30, -30 });
    r = hear_out(&l);
    check_near(r.integrated_lufs, -23, 0.1);
    l = listen_to(6, rate, false);                         /* the same as 5.1: the LFE may thunder, it does not count */
    hear_levels(&l, 20, (const double[]){ -28, -28, -24, -1, -30, -30 });
    check_near(hear_out(&l).integrated_lufs, r.integrated_lufs, 1e-9);

    test("loudness: EBU Tech 3341 cases 9 to 11: short-term within 0.1 LU");
    l = listen_to(2, rate, false);
    l.watch_s = 3;
    for (int n = 0; n < 5; n++) { hear(&l, 1.34, -20); hear(&l, 1.66, -30); }
    check_near(l.short_term[0], -23, 0.1);
    check_near(l.short_term[1], -23, 0.1);
    ra_loudness_destroy(l.meter);
    l = listen_to(2, rate, false);
    for (int n = 0; n < 20; n++) {
        ra_loudness_reset(l.meter);                        /* twenty files, one meter */
        hear(&l, n * 0.15, SILENCE); hear(&l, 3, -23); hear(&l, 1, SILENCE);
        check_near(report_of(&l).short_term_max_lufs, -23, 0.1);
    }
    ra_loudness_reset(l.meter);
    for (int n = 0; n < 20; n++) {
        hear(&l, n * 0.15, SILENCE); hear(&l, 3, -38 + n); hear(&l, 3 - n * 0.15, SILENCE);
        check_near(report_of(&l).short_term_max_lufs, -38 + n, 0.1);
    }
    ra_loudness_destroy(l.meter);

    test("loudness: EBU Tech 3341 cases 12 to 14: momentary within 0.1 LU");
    l = listen_to(2, rate, false);
    l.watch_s = 1;
    for (int n = 0; n < 25; n++) { hear(&l, 0.18, -20); hear(&l, 0.22, -30); }
    check_near(l.momentary[0], -23, 0.1);
    check_near(l.momentary[1], -23, 0.1);
    ra_loudness_destroy(l.meter);
    l = listen_to(2, rate, false);
    for (int n = 0; n < 20; n++) {
        ra_loudness_reset(l.meter);
        hear(&l, n * 0.02, SILENCE); hear(&l, 0.4, -23); hear(&l, 1, SILENCE);
        check_near(report_of(&l).momentary_max_lufs, -23, 0.1);
    }
    ra_loudness_reset(l.meter);
    for (int n = 0; n < 20; n++) {
        hear(&l, n * 0.02, SILENCE); hear(&l, 0.4, -38 + n); hear(&l, 0.4 - n * 0.02, SILENCE);
        check_near(report_of(&l).momentary_max_lufs, -38 + n, 0.1);
    }
    ra_loudness_destroy(l.meter);

    test("loudness: EBU Tech 3341 cases 15 to 23: true peak within +0.2 and -0.4 dB");
    static const struct { double divisor, peak, degrees, want_db; } tones[] = {
        { 4, 0.50, 0, -6 }, { 4, 0.50, 45, -6 }, { 6, 0.50, 60, -6 }, { 8, 0.50, 67.5, -6 }, { 4, 1.41, 45, 3 },
    };
    for (int n = 0; n < 5; n++) {
        uint32_t frames = rate / 5, fade_frames = rate / 100;
        for (uint32_t frame = 0; frame < frames; frame++) {
            double fade = fmin(1, fmin(frame, frames - 1 - frame) / (double)fade_frames);
            input[2 * frame] = input[2 * frame + 1] = (float)(fade * tones[n].peak * sin(2 * PI * fmod(frame / tones[n].divisor, 1) + tones[n].degrees * PI / 180));
        }
        r = measure(input, frames, 2, rate, true);
        check_near(r.true_peak_dbtp, tones[n].want_db - 0.1, 0.3);
    }
    for (int offset = 0; offset < 4; offset++) {
        double peak;
        uint32_t frames = make_case_20(input, offset, &peak);
        r = measure(input, frames, 2, rate, true);
        check_near(r.true_peak_dbtp, -0.1, 0.3);
        check_near(r.true_peak_dbtp, decibels(peak) - 0.1, 0.3);
    }

    test("loudness: EBU Tech 3342 cases 1 to 4: range within 1 LU (ours: 0.1)");
    r = hear_parts(rate, PARTS({ 20, -20 }, { 20, -30 }));
    check_near(r.loudness_range_lu, 10, 0.1);
    r = hear_parts(rate, PARTS({ 20, -20 }, { 20, -15 }));
    check_near(r.loudness_range_lu, 5, 0.1);
    r = hear_parts(rate, PARTS({ 20, -40 }, { 20, -20 }));
    check_near(r.loudness_range_lu, 20, 0.1);
    r = hear_parts(rate, PARTS({ 20, -50 }, { 20, -35 }, { 20, -20 }, { 20, -35 }, { 20, -50 }));
    check_near(r.loudness_range_lu, 15, 0.1);
}

/* The definition, with every block kept: energies of 400 ms blocks, two gates. */
static double gated_mean(const double *energies, int count, double relative_db)
{
    double gate = pow(10, (-70 + 0.691) / 10), sum = 0;
    for (int pass = 0; pass < 2; pass++) {
        int kept = 0;
        sum = 0;
        for (int n = 0; n < count; n++) if (energies[n] > gate) { sum += energies[n]; kept++; }
        if (!kept) return NAN;
        sum /= kept;
        if (pass == 0) gate = fmax(gate, sum * pow(10, relative_db / 10));
    }
    return -0.691 + 10 * log10(sum);
}

static void test_loudness(void)
{
    ra_loudness *meter;
    ra_loudness_report r, whole;
    listening l;

    test_loudness_ebu(48000);
    test_loudness_ebu(44100);

    test("loudness: 997 Hz at 0 dBFS in one channel reads -3.01 LKFS");
    fill_sine(input, 96000, 1, 997, 48000, 1);
    r = measure(input, 96000, 1, 48000, false);
    check_near(r.integrated_lufs, -3.01, 0.005);           /* half of the last digit */
    for (int n = 95999; n >= 0; n--) { input[2 * n] = input[n]; input[2 * n + 1] = 0; }
    check_near(measure(input, 96000, 2, 48000, false).integrated_lufs, r.integrated_lufs, 1e-9);

    test("loudness: K-weighting at 48 kHz is the Recommendation's table, and within its reach at every rate");
    ra_k_weighting k = ra_k_weighting_design(48000);
    double got[7] = { k.b0, k.b1, k.b2, k.a1, k.a2, k.high_a1, k.high_a2 };
    for (int n = 0; n < 5; n++) check_near(got[n], bs1770_shelf[n], 1e-12);
    for (int n = 3; n < 5; n++) check_near(got[n + 2], bs1770_high[n], 1e-12);
    static const struct { double rate, within; } rates[] = { { 8000, 0.3 }, { 11025, 0.16 }, { 16000, 0.075 }, { 22050, 0.04 }, { 32000, 0.015 }, { 44100, 0.004 }, { 48000, 0.001 },
                                                             { 88200, 0.009 }, { 96000, 0.009 }, { 176400, 0.009 }, { 192000, 0.009 } };
    static const double tones[] = { 25, 50, 100, 315, 500, 997, 1680, 2000, 3000, 5000, 10000, 16000 };
    for (size_t n = 0; n < sizeof rates / sizeof rates[0]; n++)
        for (size_t tone = 0; tone < sizeof tones / sizeof tones[0] && tones[tone] < 0.45 * rates[n].rate; tone++) {
            uint32_t frames = (uint32_t)rates[n].rate;
            listening at = listen_to(1, frames, false);
            fill_sine(input, frames, 1, tones[tone], rates[n].rate, 0.5);
            ra_loudness_add(at.meter, input, frames);      /* the start rings; of the second second the last 400 ms count */
            ra_loudness_add(at.meter, input, frames);
            double want = sine_lufs(tones[tone], 0.5, 1), lufs = hear_out(&at).momentary_lufs;
            /* bilinear transforms bend the shelf where it comes near half the rate: less than this */
            if (!(fabs(lufs - want) <= rates[n].within)) complain(__LINE__, "%g Hz at %g Hz: got %.4f LUFS, want %.4f within %g", tones[tone], rates[n].rate, lufs, want, rates[n].within);
        }

    test("loudness: every channel has its weight");
    static const struct { uint32_t channels; double weights[8]; } layouts[] = {
        { 1, { 1 } }, { 2, { 1, 1 } }, { 3, { 1, 1, 1 } }, { 4, { 1, 1, 1, 1 } }, { 5, { 1, 1, 1, 1.41, 1.41 } }, { 6, { 1, 1, 1, 0, 1.41, 1.41 } },
        { 7, { 1, 1, 1, 1, 1, 1, 1 } }, { 8, { 1, 1, 1, 0, 1, 1, 1.41, 1.41 } },
    };
    for (size_t n = 0; n < sizeof layouts / sizeof layouts[0]; n++)
        for (uint32_t channel = 0; channel < layouts[n].channels; channel++) {
            double levels[8];
            for (int other_channel = 0; other_channel < 8; other_channel++) levels[other_channel] = SILENCE;
            levels[channel] = -20;
            l = listen_to(layouts[n].channels, 48000, true);
            hear_levels(&l, 0.5, levels);
            r = hear_out(&l);
            if (layouts[n].weights[channel] == 0) check(isnan(r.integrated_lufs));
            else check_near(r.integrated_lufs, sine_lufs(1000, 0.1, layouts[n].weights[channel]), 0.02);   /* the start of the filter */
            check_near(r.true_peak_dbtp, -20, 0.01);       /* all channels have peaks */
        }
    l = listen_to(64, 48000, true);                        /* the last of many */
    memset(other, 0, 64 * 4800 * sizeof(float));
    for (int frame = 0; frame < 4800; frame++) other[64 * frame + 63] = (float)(0.5 * sin(2 * PI * frame / 48));
    for (int n = 0; n < 10; n++) ra_loudness_add(l.meter, other, 4800);
    r = hear_out(&l);
    check_near(r.integrated_lufs, sine_lufs(1000, 0.5, 1), 0.02);
    check_near(r.true_peak_dbtp, decibels(0.5), 0.01);
    check_near(r.rms_db, decibels(0.5 / sqrt(2 * 64)), 0.001);

    test("loudness: the same bits however the frames are cut");
    enum { CUT = 4 * 44100 };
    fill_noise(input, 3 * CUT, 0.9f, 8);
    for (uint32_t n = 0; n < 3 * CUT; n++) input[n] *= (float)(0.1 + 0.9 * pow(sin(PI * n / 90000), 8));      /* loud and soft, so that some pieces are passed over */
    for (uint32_t channels = 1; channels <= 3; channels++) {
        static const uint32_t cuts[] = { 1, 7, 128, 441, 512, 4096, 0 };
        whole = measure(input, CUT, channels, 44100, true);
        check(whole.true_peak_dbtp > whole.sample_peak_db);
        for (size_t n = 0; n < sizeof cuts / sizeof cuts[0]; n++) {
            l = listen_to(channels, 44100, true);
            noise_state = 3;
            for (uint32_t at = 0, run; at < CUT; at += run) {
                run = cuts[n] ? cuts[n] : noise_word() % 1000;         /* 0 frames too */
                if (run > CUT - at) run = CUT - at;
                is_audio = true;
                ra_loudness_add(l.meter, input + (size_t)at * channels, run);
                if (n == 3) ra_loudness_get(l.meter, &r);              /* looking changes nothing */
                is_audio = false;
            }
            r = hear_out(&l);
            check(memcmp(&r, &whole, sizeof r) == 0);
        }
        if (channels == 2) check_golden("loudness report", (const char *)&whole, sizeof whole);
    }

    test("loudness: gates: absolute at -70, relative at -10, for the range at -20, against the definition with every block kept");
    static double energies[1000], shorts[1000];
    noise_state = 12;
    for (int programme = 0; programme < (TEST_SLOW ? 2 : 6); programme++) {
        int count = 0;                                     /* each 100 ms its own level, which reads 3 dB less in mono; what one adds to the windows is known */
        double hundreds[400] = { 0 };
        l = listen_to(1, 48000, false);
        for (int n = 0; n < 400; n++) {
            double db = programme == 0 ? (n < 200 ? -66.2 : -67.9) : programme == 1 ? (n < 100 ? -9.9 : -20.5) : -5.0 - 75.0 * pow(noise_word() / 4294967296.0, programme);
            hundreds[n] = pow(10, db / 10);
            hear(&l, 0.1, db);
        }
        double k_gain = pow(table_response(bs1770_shelf, 1000) * table_response(bs1770_high, 1000), 2) / 2;
        for (int n = 4; n <= 400; n++) energies[count++] = k_gain * (hundreds[n - 1] + hundreds[n - 2] + hundreds[n - 3] + hundreds[n - 4]) / 4;
        r = hear_out(&l);
        check_near(r.integrated_lufs, gated_mean(energies, count, -10), 0.01);    /* LU: the width of a bin */
        int kept = 0;
        for (int n = 30; n <= 400; n++) {
            double sum = 0;
            for (int back = 1; back <= 30; back++) sum += hundreds[n - back];
            shorts[n - 30] = k_gain * sum / 30;
        }
        double absolute = pow(10, (-70 + 0.691) / 10), mean = 0, above = 0;
        for (int n = 0; n <= 370; n++) if (shorts[n] > absolute) { mean += shorts[n]; above++; }
        for (int n = 0; n <= 370; n++) if (shorts[n] > absolute && shorts[n] > mean / above / 100) shorts[kept++] = shorts[n];
        for (int n = 1; n < kept; n++) for (int m = n; m > 0 && shorts[m] < shorts[m - 1]; m--) { double swap = shorts[m]; shorts[m] = shorts[m - 1]; shorts[m - 1] = swap; }
        double range = 10 * log10(shorts[(int)floor((kept - 1) * 0.95 + 0.5)] / shorts[(int)floor((kept - 1) * 0.10 + 0.5)]);
        check_near(r.loudness_range_lu, range, 0.02);          /* two bins */
    }

    test("loudness: no value for silence and for too little; one after 400 ms and after 3 s, to the frame");
    for (int n = 0; n < 2; n++) {
        uint32_t rate = n ? 44100 : 48000;
        l = listen_to(2, rate, true);
        r = report_of(&l);
        check(isnan(r.momentary_lufs) && isnan(r.integrated_lufs) && isnan(r.rms_db) && isnan(r.dc_offset) && isnan(r.true_peak_dbtp));
        hear(&l, 5, SILENCE);
        r = report_of(&l);
        check(isnan(r.momentary_lufs) && isnan(r.short_term_max_lufs) && isnan(r.integrated_lufs) && isnan(r.loudness_range_lu) && isnan(r.true_peak_dbtp) && isnan(r.sample_peak_db) && isnan(r.rms_db));
        check(r.dc_offset == 0 && r.clipped_samples == 0);
        hear(&l, 1, -20);
        check_near(report_of(&l).momentary_lufs, -20, 0.02);
        hear(&l, 1, SILENCE);                              /* the filters have rung out to exact zeros, and 400 ms of those */
        check(isnan(report_of(&l).momentary_lufs));
        ra_loudness_reset(l.meter);
        fill_sine(input, 3 * rate, 2, 1000, rate, 0.1);
        ra_loudness_add(l.meter, input, rate * 2 / 5 - 1);
        r = report_of(&l);
        check(isnan(r.momentary_lufs) && isnan(r.integrated_lufs) && !isnan(r.true_peak_dbtp) && !isnan(r.rms_db));
        ra_loudness_add(l.meter, input, 1);
        r = report_of(&l);
        check_near(r.momentary_lufs, -20, 0.05);
        check(r.integrated_lufs == r.momentary_lufs);
        ra_loudness_add(l.meter, input, rate * 13 / 5 - 1);
        check(isnan(report_of(&l).short_term_lufs) && isnan(report_of(&l).loudness_range_lu));
        ra_loudness_add(l.meter, input, 1);
        r = hear_out(&l);
        check_near(r.short_term_lufs, -20, 0.05);
        check_near(r.loudness_range_lu, 0, 0);             /* one block has no range */
    }

    test("loudness: peaks, RMS, offset, clipping");
    for (int n = 0; n < 48000; n++) { input[2 * n] = (float)(0.25 + 0.5 * sin(2 * PI * n / 48)); input[2 * n + 1] = -0.01f; }
    input[77] = -1.0f; input[1000] = 1.5f; input[2000] = 0.99999f;
    r = measure(input, 48000, 2, 48000, true);
    double sum = 0, square = 0;
    for (int n = 0; n < 48000; n++) sum += input[2 * n];
    for (int n = 0; n < 96000; n++) square += (double)input[n] * input[n];
    check_near(r.dc_offset, sum / 48000, 1e-12);
    check_near(r.rms_db, 10 * log10(square / 96000), 1e-9);
    check_near(r.sample_peak_db, decibels(1.5), 1e-9);
    check_same(r.clipped_samples, 2);
    check(r.true_peak_dbtp >= r.sample_peak_db);
    check(isnan(measure(input, 48000, 2, 48000, false).true_peak_dbtp));

    test("loudness: a true peak is found wherever it lies: eleven tones up to 0.42 of the rate, against their own curve");
    for (int song = 0; song < 8; song++) {
        double hz[11], phase[11], highest = 0, highest_4 = 0;
        noise_state = 50 + (uint64_t)song;
        for (int tone = 0; tone < 11; tone++) { hz[tone] = 0.42 * noise_word() / 4294967296.0; phase[tone] = 2 * PI * noise_word() / 4294967296.0; }
        for (int at = 0; at < 64 * 1200; at++) {           /* sixty-four places a frame */
            double t = at / 64.0, x = 0, envelope = 0.05 * pow(sin(PI * t / 1200), 2);     /* from nothing to nothing */
            for (int tone = 0; tone < 11; tone++) x += envelope * sin(2 * PI * hz[tone] * t + phase[tone]);
            highest = fmax(highest, fabs(x));
            if (at % 16 == 0) highest_4 = fmax(highest_4, fabs(x));
            if (at % 64 == 0) input[at / 64] = (float)x;
        }
        r = measure(input, 1200, 1, 48000, true);
        check_near(r.true_peak_dbtp, decibels(highest_4), 0.06);       /* dB: the interpolation */
        check(r.true_peak_dbtp < decibels(highest) + 0.06);
    }

    test("loudness: reset forgets, in every channel");
    fill_noise(input, 4 * 48000, 0.5f, 21);
    whole = measure(input, 48000, 4, 48000, true);
    l = listen_to(4, 48000, true);
    for (int n = 0; n < 4 * 9600; n++) other[n] = n & 1 ? 1e6f : NAN;
    for (int n = 0; n < 20; n++) ra_loudness_add(l.meter, other, 9600 - 7);
    ra_loudness_reset(l.meter);
    ra_loudness_add(l.meter, input, 48000);
    r = hear_out(&l);
    check(memcmp(&r, &whole, sizeof r) == 0);

    test("loudness: NaN and infinity are silence, counted, and gone afterwards");
    fill_sine(input, 48000, 2, 1000, 48000, 0.1);
    memcpy(other, input, 96000 * sizeof(float));
    other[500] = NAN; other[501] = -NAN; other[33333] = INFINITY; other[60000] = -INFINITY; other[60001] = 3e38f;
    input[500] = input[501] = input[33333] = input[60000] = input[60001] = 0;
    r = measure(other, 48000, 2, 48000, true);
    whole = measure(input, 48000, 2, 48000, true);
    check_same(r.bad_samples, 5);
    r.bad_samples = 0;
    check(memcmp(&r, &whole, sizeof r) == 0);
    for (int n = 0; n < 9600; n++) other[n] = n % 3 ? 9e7f : -9e7f;                /* loud beyond all bins, yet a number */
    l = listen_to(1, 48000, true);
    for (int n = 0; n < 20; n++) ra_loudness_add(l.meter, other, 9600);
    r = hear_out(&l);
    check(isfinite(r.integrated_lufs) && r.integrated_lufs > 100 && isfinite(r.loudness_range_lu) && isfinite(r.true_peak_dbtp));

    test("loudness: any rate from 1 Hz to 768 kHz and 1 to 64 channels; the rest is refused");
    static const uint32_t odd_rates[] = { 1, 3, 50, 76, 77, 99, 101, 1000, 3363, 3364, 11025, 22051, 768000 };
    fill_noise(input, 200000, 0.5f, 5);
    for (size_t n = 0; n < sizeof odd_rates / sizeof odd_rates[0]; n++) {
        r = measure(input, 200000, 1, odd_rates[n], true);
        if (odd_rates[n] < 60000) check(r.integrated_lufs > -70 && r.integrated_lufs < 0);     /* its RMS is -10.8 dB; at 77 Hz the high pass leaves next to nothing */
        else check(isnan(r.integrated_lufs));              /* a quarter of a second */
    }
    check_same(ra_loudness_create(0, 48000, true, &meter), RA_BAD_ARGUMENT);
    check_same(ra_loudness_create(65, 48000, true, &meter), RA_BAD_ARGUMENT);
    check_same(ra_loudness_create(2, 0, true, &meter), RA_BAD_ARGUMENT);
    check_same(ra_loudness_create(2, 768001, true, &meter), RA_BAD_ARGUMENT);
    check(meter == NULL);
    for (int n = 1; n <= 2; n++) {
        memory.fail_at = memory.count + n;
        check_same(ra_loudness_create(2, 48000, true, &meter), RA_NO_MEMORY);
        check(meter == NULL);
    }
    memory.fail_at = 0;
    ra_loudness_destroy(NULL);

    test("loudness: normalised sound meets its target within 0.1 LU, its true peak stays under the ceiling");
    static const struct { ra_normalise_kind kind; double target_db; } goals[] = { { RA_NORMALISE_LUFS, -16 }, { RA_NORMALISE_LUFS, -23 }, { RA_NORMALISE_LUFS, -1 },
                                                                                  { RA_NORMALISE_RMS, -20 }, { RA_NORMALISE_RMS, 0 }, { RA_NORMALISE_PEAK, -1 }, { RA_NORMALISE_PEAK, -6 } };
    for (int programme = 0; programme < 3; programme++) {
        enum { FRAMES = 3 * 48000 };
        fill_noise(input, 2 * FRAMES, 0.2f, 77);
        if (programme == 1) for (int n = 0; n < 2 * FRAMES; n++) input[n] *= (float)pow(sin(PI * n / 30000.0), 2);
        if (programme == 2) for (int n = 0; n < FRAMES; n++) input[2 * n] = input[2 * n + 1] = (float)(0.2 * sin(PI * n / 2 + PI / 4));   /* its samples are 3 dB below its peaks */
        whole = measure(input, FRAMES, 2, 48000, true);
        for (size_t n = 0; n < sizeof goals / sizeof goals[0]; n++) {
            double gain_db = ra_normalise_gain_db(&whole, goals[n].kind, goals[n].target_db, RA_NORMALISE_CEILING_DBTP);
            for (int sample = 0; sample < 2 * FRAMES; sample++) output[sample] = input[sample] * (float)pow(10, gain_db / 20);
            r = measure(output, FRAMES, 2, 48000, true);
            double level = goals[n].kind == RA_NORMALISE_LUFS ? r.integrated_lufs : goals[n].kind == RA_NORMALISE_RMS ? r.rms_db : r.sample_peak_db;
            check_most(r.true_peak_dbtp, RA_NORMALISE_CEILING_DBTP + 0.001);
            check_most(level, goals[n].target_db + 0.1);
            bool is_held = r.true_peak_dbtp > RA_NORMALISE_CEILING_DBTP - 0.001;   /* only the ceiling may stop it */
            if (!is_held) check_near(level, goals[n].target_db, 0.1);
            if (goals[n].target_db < -15 && programme == 0) check(!is_held);
        }
    }

    test("loudness: a gain is never NaN, 0 without a value, at most 30 dB, and the ceiling has the last word");
    r = (ra_loudness_report){ .integrated_lufs = NAN, .rms_db = NAN, .sample_peak_db = NAN, .true_peak_dbtp = NAN };
    for (int kind = 0; kind < 3; kind++) check(ra_normalise_gain_db(&r, (ra_normalise_kind)kind, -16, -1) == 0);
    r = (ra_loudness_report){ .integrated_lufs = NAN, .rms_db = -20, .sample_peak_db = -10, .true_peak_dbtp = -9 };      /* 300 ms of something */
    check(ra_normalise_gain_db(&r, RA_NORMALISE_LUFS, -16, -1) == 0);
    check_near(ra_normalise_gain_db(&r, RA_NORMALISE_RMS, -16, -1), 4, 1e-12);
    check_near(ra_normalise_gain_db(&r, RA_NORMALISE_RMS, -10, -1), 8, 1e-12);
    check_near(ra_normalise_gain_db(&r, RA_NORMALISE_PEAK, 0, -1), 8, 1e-12);
    check_near(ra_normalise_gain_db(&r, RA_NORMALISE_PEAK, 0, 3), 10, 1e-12);
    check_near(ra_normalise_gain_db(&r, RA_NORMALISE_PEAK, 0, NAN), 8, 1e-12);
    check(ra_normalise_gain_db(&r, RA_NORMALISE_RMS, NAN, -1) == 0);
    r = (ra_loudness_report){ .integrated_lufs = -65, .rms_db = -65, .sample_peak_db = -60, .true_peak_dbtp = -60 };
    check_near(ra_normalise_gain_db(&r, RA_NORMALISE_LUFS, -16, -1), 30, 0);
    r = (ra_loudness_report){ .integrated_lufs = 40, .rms_db = 40, .sample_peak_db = 45, .true_peak_dbtp = NAN };
    check_near(ra_normalise_gain_db(&r, RA_NORMALISE_LUFS, -16, -1), -46, 1e-12);      /* no true peak was asked for: the sample peak */
}

/* ---- [9] SOURCES ------------------------------------------------------------------------------- */

static ra_clip *clip_of(const float *samples, uint64_t frame_count, uint32_t channels, uint32_t rate)
{
    ra_clip *clip = NULL;
    if (check_same(ra_clip_create(frame_count, channels, rate, &clip), RA_OK))
        memcpy(clip->samples, samples, (size_t)frame_count * channels * sizeof(float));
    return clip;
}

static void test_sources(void)
{
    ra_clip *clip, *made;
    test("sources: a clip says what it is, and may be empty of frames but not of channels");
    if (check_same(ra_clip_create(1000, 3, 22050, &clip), RA_OK)) {
        check(clip->frame_count == 1000 && clip->channels == 3 && clip->sample_rate_hz == 22050 && clip->samples);
        check(is_silent(clip->samples, 3000));
        ra_clip_destroy(clip);
    }

    test("sources: every number of channels becomes stereo by the stated rule");
    for (uint32_t channels = 1; channels <= 64; channels++) {
        fill_noise(input, 10 * channels, 0.5f, channels);
        clip = clip_of(input, 10, channels, 48000);
        if (!check_same(ra_clip_to_stereo(clip, &made), RA_OK)) { ra_clip_destroy(clip); break; }
        check(made->channels == 2 && made->frame_count == 10 && made->sample_rate_hz == 48000);
        for (int frame = 0; frame < 10; frame++) {
            const float *x = input + (size_t)frame * channels;
            double left = 0, right = 0;
            switch (channels) {
            case 1: left = right = x[0]; break;
            case 4: left = (x[0] + x[2]) / 2; right = (x[1] + x[3]) / 2; break;
            case 6: left = x[0] + (x[2] + x[4]) * sqrt(0.5); right = x[1] + (x[2] + x[5]) * sqrt(0.5); break;
            default:
                for (uint32_t n = 0; n < channels; n++) *(n % 2 ? &right : &left) += x[n];
                left /= (channels + 1) / 2; right /= channels / 2;
            }
            check_near(made->samples[2 * frame], left, 2e-7);              /* a float or two of rounding */
            check_near(made->samples[2 * frame + 1], right, 2e-7);
            if (channels <= 2) check(made->samples[2 * frame] == x[0] && made->samples[2 * frame + 1] == x[channels - 1]);
        }
        ra_clip_destroy(made); ra_clip_destroy(clip);
    }

    test("sources: the demo loop is 8 s of stereo without silence, overload, offset or a seam");
    if (check_same(ra_clip_demo(&clip), RA_OK)) {
        check(clip->frame_count == 384000 && clip->channels == 2 && clip->sample_rate_hz == 48000);
        check(is_finite(clip->samples, 768000));
        double peak = peak_of(clip->samples, 768000);
        check(peak < 1 && peak > 0.25);
        for (int half_second = 0; half_second < 16; half_second++)
            check(decibels(rms_of(clip->samples + 48000 * half_second, 48000, 1)) > -45);
        size_t differing = 0;
        double seam[2], rough[2] = { 0, 0 };
        for (int side = 0; side < 2; side++) {
            double sum = 0;
            for (int n = 0; n < 384000; n++) {
                sum += clip->samples[2 * n + side];
                if (n) rough[side] = fmax(rough[side], fabs(clip->samples[2 * n + side] - clip->samples[2 * n - 2 + side]));
            }
            check_near(sum / 384000, 0, 1e-3);         /* -60 dB */
            seam[side] = fabs(clip->samples[side] - clip->samples[767998 + side]);
            check_most(seam[side], rough[side]);       /* the way round is no rougher than the music itself */
            check_most(seam[side], 0.05);
        }
        for (int n = 0; n < 384000; n++) differing += clip->samples[2 * n] != clip->samples[2 * n + 1];
        check(differing > 10000);
        check_golden("demo loop", clip->samples, 768000);
        ra_clip_destroy(clip);
    }

    test("sources: resampling to the same rate gives the same bits, to an impossible one is refused");
    fill_noise(input, 3000, 1, 41);
    clip = clip_of(input, 1000, 3, 44100);
    if (check_same(ra_clip_resample(clip, 44100, &made), RA_OK)) {
        check(made != clip && made->frame_count == 1000 && made->channels == 3 && made->sample_rate_hz == 44100);
        check_samples(made->samples, input, 3000);
        ra_clip_destroy(made);
    }
    made = (ra_clip *)1;
    check_same(ra_clip_resample(clip, 0, &made), RA_BAD_ARGUMENT);
    check(made == NULL);
    check_same(ra_clip_resample(clip, 768001, &made), RA_BAD_ARGUMENT);
    ra_clip_destroy(clip);

    test("sources: resampled tones have noise and distortion below -100 dB, the right level and no shift");
    static const struct { uint32_t from, to; double hz; } ways[] = {
        { 44100, 48000, 997 }, { 44100, 48000, 10007 }, { 44100, 48000, 18013 }, { 48000, 44100, 997 }, { 48000, 44100, 10007 }, { 48000, 44100, 18013 },
        { 44100, 96000, 10007 }, { 96000, 44100, 10007 }, { 8000, 48000, 997 }, { 48000, 8000, 997 }, { 48000, 47999, 10007 }, { 44100, 192000, 18013 },
        { 44100, 22050, 997 }, { 11025, 44100, 997 }, { 48000, 44099, 18013 }, { 16000, 8196, 997 },       /* the last: just one phase more than there are exact rows */
        { 44100, 48000, 20000 },
    };
    for (size_t k = 0; k < 2 * sizeof ways / sizeof ways[0]; k += TEST_SLOW ? 3 : 1) {
        size_t n = k / 2;
        uint32_t frames = ways[n].from / 2, channels = 1 + k % 2;
        fill_sine(input, frames, channels, ways[n].hz, ways[n].from, 0.5);
        clip = clip_of(input, frames, channels, ways[n].from);
        if (!check_same(ra_clip_resample(clip, ways[n].to, &made), RA_OK)) { ra_clip_destroy(clip); break; }
        double want_frames = frames * (double)ways[n].to / ways[n].from;
        check_near(made->frame_count, want_frames, 1);
        size_t edge = ways[n].to / 50, count = (size_t)made->frame_count - 2 * edge;          /* 20 ms at each end */
        tone_fit fit = fit_tone(made->samples + (edge + 1) * channels - 1, count, channels, ways[n].hz, ways[n].to);
        double shift = remainder(fit.phase - 2 * PI * fmod(ways[n].hz * (double)edge / ways[n].to, 1.0), 2 * PI);
        double thdn = decibels(fit.residual_rms / (fit.amplitude * sqrt(0.5)));
        if (thdn > -100 || fabs(decibels(fit.amplitude / 0.5)) > 0.05 || fabs(shift) > 1e-4)
            complain(__LINE__, "%u to %u, %g Hz, %u channels: got %.1f dB, level %.4f dB, phase %.2g; want -100 dB, 0.05 dB, 1e-4 rad at most", ways[n].from,
                     ways[n].to, ways[n].hz, channels, thdn, decibels(fit.amplitude / 0.5), shift);
        ra_clip_destroy(made); ra_clip_destroy(clip);
    }

    test("sources: what is above half the new rate does not fold back, -100 dB");
    for (int n = 0; n < 2; n++) {
        double rate = n ? 96000 : 48000, hz = n ? 30000 : 23900;
        fill_sine(input, (size_t)rate / 2, 1, hz, rate, 0.5);
        clip = clip_of(input, (uint64_t)rate / 2, 1, (uint32_t)rate);
        if (check_same(ra_clip_resample(clip, 44100, &made), RA_OK)) {
            check_most(decibels(rms_of(made->samples + 1000, 20000, 1) / (0.5 * sqrt(0.5))), -100);
            ra_clip_destroy(made);
        }
        ra_clip_destroy(clip);
    }

    test("sources: channels are resampled alike and apart, a constant stays what it is");
    fill_noise(input, 4410, 1, 42);
    for (int n = 0; n < 4410; n++) { other[3 * n] = 0; other[3 * n + 1] = input[n]; other[3 * n + 2] = 0.5f; }
    clip = clip_of(other, 4410, 3, 44100);
    ra_clip *mono = clip_of(input, 4410, 1, 44100), *mono_made = NULL;
    if (check_same(ra_clip_resample(clip, 48000, &made), RA_OK) && check_same(ra_clip_resample(mono, 48000, &mono_made), RA_OK)) {
        check_same(made->frame_count, mono_made->frame_count);
        double leak = 0, difference = 0, ripple = 0;
        for (size_t n = 0; n < made->frame_count; n++) {
            leak = fmax(leak, fabs(made->samples[3 * n]));
            difference = fmax(difference, fabs((double)made->samples[3 * n + 1] - mono_made->samples[n]));
            if (n > 500 && n + 500 < made->frame_count) ripple = fmax(ripple, fabs(made->samples[3 * n + 2] - 0.5));
        }
        check_most(leak, 0); check_most(difference, 0);
        check_most(ripple, 0.5e-5);                    /* -100 dB */
        ra_clip_destroy(mono_made);
        ra_clip_destroy(made);
    }
    ra_clip_destroy(mono); ra_clip_destroy(clip);
    static const uint32_t golden_rates[2] = { 44100, 48000 };
    fill_noise(input, 44100, 1, 43);
    for (int n = 0; n < 2; n++) {
        clip = clip_of(input, 22050, 2, golden_rates[n]);
        if (check_same(ra_clip_resample(clip, golden_rates[1 - n], &made), RA_OK)) {
            check_golden(n ? "resample 48000 to 44100" : "resample 44100 to 48000", made->samples, (size_t)made->frame_count * 2);
            ra_clip_destroy(made);
        }
        ra_clip_destroy(clip);
    }

    test("sources: peaks are the smallest, the largest and the root mean square of their columns");
    fill_noise(input, 12000, 0.9f, 44);
    clip = clip_of(input, 6000, 2, 48000);
    static ra_peak columns[6000], part[6000];
    ra_clip_peaks(clip, 0, 100, 100, columns);
    for (int column = 0; column < 100; column++) {
        float low = 1, high = -1;
        for (int n = 0; n < 120; n++) { low = fminf(low, input[120 * column + n]); high = fmaxf(high, input[120 * column + n]); }
        check(columns[column].min == low && columns[column].max == high);
        check_near(columns[column].rms, rms_of(input + 120 * column, 120, 1), 1e-6);
    }
    ra_clip_peaks(clip, 30, 71, 100, part);            /* a part of the columns is the same as in the whole */
    check(memcmp(part, columns + 30, 41 * sizeof *part) == 0);
    ra_clip_peaks(clip, 0, 77, 77, columns);           /* uneven columns together still see every sample */
    float lowest = 1, highest = -1;
    for (int column = 0; column < 77; column++) { lowest = fminf(lowest, columns[column].min); highest = fmaxf(highest, columns[column].max); }
    float want_low = 1, want_high = -1;
    for (int n = 0; n < 12000; n++) { want_low = fminf(want_low, input[n]); want_high = fmaxf(want_high, input[n]); }
    check(lowest == want_low && highest == want_high);
    ra_clip_destroy(clip);
    clip = clip_of(input, 5, 1, 48000);                /* more columns than frames: every one still has something to show */
    ra_clip_peaks(clip, 0, 1000, 1000, columns);
    for (int column = 0; column < 1000; column++)
        if (!check(columns[column].min <= columns[column].max && fabsf(columns[column].min) <= 0.9f && columns[column].rms >= 0)) break;
    ra_clip_destroy(clip);

    test("sources: a sine is libm's, near its start and a day later");
    for (int n = 0; n < 4; n++) {
        static const struct { double hz, db; uint32_t rate; uint64_t first; } sines[] = {
            { 440, -12, 48000, 0 }, { 997, 0, 44100, 1000000 }, { 19999, -6, 44100, 4147200000u }, { 0.5, -20, 192000, 77 } };
        ra_tone tone = { .kind = RA_TONE_SINE, .start_hz = sines[n].hz, .level_db = sines[n].db };
        ra_generate(&tone, sines[n].rate, sines[n].first, output, 10000);
        double worst = 0, peak = pow(10, sines[n].db / 20);
        for (int frame = 0; frame < 10000; frame++) {
            long double turns = (long double)sines[n].hz * (long double)(sines[n].first + (uint64_t)frame) / sines[n].rate;
            worst = fmax(worst, fabs((double)(peak * sinl(2 * 3.141592653589793238L * (turns - floorl(turns)))) - output[frame]));
        }
        check_most(worst / peak, 7e-8);                        /* rounding to float is 6e-8 */
    }

    test("sources: a sweep passes through its frequencies exponentially");
    ra_tone sweep = { .kind = RA_TONE_SWEEP, .start_hz = 20, .end_hz = 20000, .duration_s = 2, .level_db = 0 };
    ra_generate(&sweep, 48000, 0, output, 96000);
    double worst = 0, ratio = log(1000);
    for (int n = 0; n < 96000; n++)                    /* phase: the integral of 20 * 1000^(t/2) */
        worst = fmax(worst, fabs(sin(fmod(2 * PI * 20 * 2 / ratio * (exp(ratio * n / 96000.0) - 1), 2 * PI)) - output[n]));
    check_most(worst, 2e-7);
    check_most(peak_of(output, 96000), 1);
    check_golden("tone sweep", output, 96000);
    /* what is no sweep is a sine, whatever else is filled in: no way to go, no time, another kind */
    ra_generate(&(ra_tone){ .kind = RA_TONE_SINE, .start_hz = 500 }, 48000, 0, third, 4800);
    ra_generate(&(ra_tone){ .kind = RA_TONE_SWEEP, .start_hz = 500, .end_hz = 500, .duration_s = 1 }, 48000, 0, output, 4800);
    check_samples(output, third, 4800);
    ra_generate(&(ra_tone){ .kind = RA_TONE_SINE, .start_hz = 500, .end_hz = 900, .duration_s = 1 }, 48000, 0, output, 4800);
    check_samples(output, third, 4800);
    ra_generate(&(ra_tone){ .kind = RA_TONE_SWEEP, .start_hz = 500, .end_hz = 900, .duration_s = 0 }, 48000, 0, output, 4800);
    check(is_finite(output, 4800));

    test("sources: noise is seeded, white, uniform and without an offset");
    ra_tone noise = { .kind = RA_TONE_NOISE, .level_db = -6.0205999132796239, .seed = 5 };
    ra_generate(&noise, 48000, 0, output, 1 << 18);
    ra_generate(&noise, 48000, 0, other, 1 << 18);
    check_samples(output, other, 1 << 18);
    noise.seed = 6;
    ra_generate(&noise, 48000, 0, other, 1 << 18);
    double sum = 0, likeness = 0, lag = 0, power = 0;
    for (int n = 0; n < 1 << 18; n++) {
        sum += output[n]; power += (double)output[n] * output[n]; likeness += (double)output[n] * other[n];
        if (n) lag += (double)output[n] * output[n - 1];
    }
    check_near(sum / (1 << 18), 0, 4 * 0.2887 / 512);                      /* four standard deviations of the mean */
    check_near(power / (1 << 18), 0.25 / 3, 4 * 0.0746 / 512);             /* a uniform variable's power, and its own deviation */
    check_near(likeness / power, 0, 4.0 / 512);                            /* another seed is another noise */
    check_near(lag / power, 0, 4.0 / 512);
    check(peak_of(output, 1 << 18) <= 0.5 && peak_of(output, 1 << 18) > 0.4999);
    size_t quarters[4] = { 0 };
    for (int n = 0; n < 1 << 18; n++) quarters[output[n] < -0.25f ? 0 : output[n] < 0 ? 1 : output[n] < 0.25f ? 2 : 3]++;
    for (int n = 0; n < 4; n++) check_near(quarters[n], 65536, 4 * 222);
    dft_start(4096);
    double bands[4] = { 0 };                           /* 40 bins in each quarter of the spectrum, 64 blocks */
    for (int block = 0; block < 64; block++)
        for (uint32_t n = 0; n < 160; n++) { double complex bin = dft_bin(output + 4096 * block, false, 4096, 1 + n * 12); bands[n / 40] += creal(bin * conj(bin)); }
    for (int n = 0; n < 4; n++) check_near(10 * log10(bands[n] / (40 * 64 * 4096 * 0.25 / 3)), 0, 0.4);      /* deviation of 2560 bins: 0.09 dB */
    check_golden("tone noise", output, 1 << 18);

    test("sources: signals made in pieces are the signals made at once");
    ra_tone tones[3] = { { .kind = RA_TONE_SINE, .start_hz = 997, .level_db = -3 }, noise, sweep };
    for (int n = 0; n < 3; n++) {
        ra_generate(&tones[n], 48000, 500, output, 5000);
        for (size_t done = 0, now; done < 5000; done += now) {
            now = done < 100 ? 1 : done < 2000 ? 7 : 5000 - done < 512 ? 5000 - done : 512;
            ra_generate(&tones[n], 48000, 500 + done, other + done, now);
        }
        check_samples(other, output, 5000);
        if (n == 0) check_golden("tone sine", output, 5000);
    }
}

/* ---- [9] SOURCES: signals ----------------------------------------------------------------------- */

/* hz * frame / rate modulo 1, exactly: hz is a whole number over a power of two, and so are all the sums. */
static long double turns_of(double hz, uint64_t frame, uint32_t rate)
{
    int exponent;
    unsigned long long whole = (unsigned long long)ldexp(frexp(hz, &exponent), 53);      /* hz = whole * 2^(exponent - 53) */
    __extension__ unsigned __int128 product = (unsigned __int128)whole * frame, turn = (unsigned __int128)rate << (53 - exponent);
    return (long double)(product % turn) / (long double)turn;
}
/* The Fourier series of a wave, all partials below half the rate, of a fundamental of 1 (saw: the ideal wave's overshoot made up for). */
static double wave_by_series(int kind, long double turns, double hz, double rate)
{
    long double sum = 0, x = 2 * 3.14159265358979323846L * turns;
    for (int k = 1; k * hz < rate / 2; k++) {
        if (kind == RA_TONE_SAW) sum += (k % 2 ? 1 : -1) * sinl(k * x) / k;
        else if (k % 2) sum += kind == RA_TONE_SQUARE ? sinl(k * x) / k : (k % 4 == 1 ? 1 : -1) * sinl(k * x) / ((long double)k * k);
    }
    return (double)(kind == RA_TONE_SAW ? sum / 1.851937051982466170L : kind == RA_TONE_SQUARE ? sum : sum * 8 / (3.14159265358979323846L * 3.14159265358979323846L));
}

/* Power times frequency, which pink noise has the same of everywhere, of bins 27..37 and 38..53 of a block: Goertzel's recurrence. */
static void add_half_octaves(const float *samples, uint32_t length, double sums[2])
{
    double twice[27], last[27] = { 0 }, before[27] = { 0 };
    for (int n = 0; n < 27; n++) twice[n] = 2 * cos(2 * PI * (27 + n) / length);
    for (uint32_t at = 0; at < length; at++)
        for (int n = 0; n < 27; n++) {
            double now = samples[at] + twice[n] * last[n] - before[n];
            before[n] = last[n];
            last[n] = now;
        }
    for (int n = 0; n < 27; n++) sums[n >= 11] += (last[n] * last[n] + before[n] * before[n] - twice[n] * last[n] * before[n]) / length * (27 + n) / length;
}

static void test_signals(void)
{
    static const int waves[3] = { RA_TONE_SQUARE, RA_TONE_SAW, RA_TONE_TRIANGLE };
    test("sources: square, saw and triangle are their Fourier series to 1e-7, near the start and after 2^40 frames");
    static const struct { double hz; uint32_t rate; uint64_t first; } places[] = {
        { 4999.37, 48000, 0 }, { 4999.37, 44100, 1ull << 40 }, { 1234.5, 48000, (1ull << 40) + 1 }, { 440, 44100, 1ull << 33 }, { 371.3, 48000, 0 },
        { 330.7, 44100, 5 }, { 97.1, 48000, 1ull << 40 }, { 19.9, 44100, 0 }, { 23999, 48000, 3 }, { 12000, 48000, 0 } };
    for (size_t n = 0; n < sizeof places / sizeof places[0]; n++)
        for (int kind = 0; kind < 3; kind++) {
            uint32_t count = TEST_SLOW ? 100 : 1000;
            ra_tone tone = { .kind = waves[kind], .start_hz = places[n].hz, .level_db = 0 };
            ra_generate(&tone, places[n].rate, places[n].first, output, count);
            double worst = 0;
            for (uint32_t frame = 0; frame < count; frame++)
                worst = fmax(worst, fabs(wave_by_series(waves[kind], turns_of(places[n].hz, places[n].first + frame, places[n].rate), places[n].hz, places[n].rate) - output[frame]));
            if (!check_most(worst, 1e-7)) complain(__LINE__, "kind %d, %g Hz at %u Hz", waves[kind], places[n].hz, places[n].rate);      /* float's rounding, and 2.5e-8 */
            check_most(peak_of(output, count), 1);
        }
    ra_tone slow = { .kind = RA_TONE_SAW, .start_hz = 0.001, .level_db = 0 };      /* 24 million partials: the ideal wave but near its jump */
    ra_generate(&slow, 48000, 24100000, output, 1000);
    for (int frame = 0; frame < 1000; frame++) check_near(output[frame], (2 * (24100000 + frame) / 48e6 - 2) * 1.5707963267948966 / 1.8519370519824662, 1e-5);
    ra_generate(&slow, 48000, 24000000, output, 4);        /* the jump is in the middle of a turn, and its first overshoot behind it */
    check_near(output[0], 0, 1e-7);
    check_near(output[1], -1, 1e-6);

    test("sources: a spectrum of square, saw and triangle has their partials and, 140 dB below, nothing else");
    static const uint32_t size = 4096, bins_of[] = { 37, 89, 421 };       /* 434, 1043 and 4934 Hz at 48 kHz: odd, so that aliases would fall between */
    dft_start(size);
    for (int n = 0; n < 3; n++)
        for (int kind = 0; kind < 3; kind++) {
            ra_tone tone = { .kind = waves[kind], .start_hz = 48000.0 * bins_of[n] / size, .level_db = 0 };
            ra_generate(&tone, 48000, 0, output, size);
            double worst = 0, wrong = 0, first = cabs(dft_bin(output, false, size, bins_of[n])) / (size / 2);
            check_near(decibels(first), waves[kind] == RA_TONE_SQUARE ? 0 : waves[kind] == RA_TONE_SAW ? -5.3524 : -1.8241, 1e-3);   /* 1, 1/Si(pi), 8/pi^2 */
            for (uint32_t bin = 0; bin <= size / 2; bin += 1 + (TEST_SLOW ? 6 : 0)) {
                double height = cabs(dft_bin(output, false, size, bin)) / (size / 2) / first, k = (double)bin / bins_of[n];
                bool is_partial = bin && bin % bins_of[n] == 0 && (waves[kind] == RA_TONE_SAW || bin / bins_of[n] % 2) && bin < size / 2;
                if (is_partial) wrong = fmax(wrong, fabs(height * k * (waves[kind] == RA_TONE_TRIANGLE ? k : 1) - 1)); else worst = fmax(worst, height);
            }
            check_most(decibels(worst), -140);
            check_most(wrong, 1e-4);
        }

    test("sources: a linear sweep gains as many hertz every second, and then stays, exactly, where it is");
    ra_tone sweep = { .kind = RA_TONE_LINEAR_SWEEP, .start_hz = 0, .end_hz = 15000, .duration_s = 1.5, .level_db = 0 };
    ra_generate(&sweep, 48000, 0, output, 72000);
    double worst = 0;
    for (int n = 0; n < 72000; n++) worst = fmax(worst, fabs(sin(2 * PI * fmod(0.5 * 10000 * (n / 48000.0) * (n / 48000.0), 1)) - output[n]));
    check_most(worst, 2e-7);
    sweep.end_hz = 1234.5;
    sweep.kind = RA_TONE_SWEEP;
    sweep.start_hz = 100;
    for (int n = 0; n < 2; n++, sweep.kind = RA_TONE_LINEAR_SWEEP) {
        double arrived = n ? 1.5 * (100 + 1234.5) / 2 : 1.5 * (1234.5 - 100) / log(12.345);      /* turns by then */
        ra_generate(&sweep, 48000, 1ull << 40, output, 1000);
        worst = 0;
        for (int frame = 0; frame < 1000; frame++)
            worst = fmax(worst, fabs((double)sinl(2 * 3.14159265358979323846L * (turns_of(1234.5, (1ull << 40) + (uint64_t)frame, 48000) + (long double)(arrived - 1234.5 * 1.5))) - output[frame]));
        check_most(worst, 1e-7);
        ra_generate(&sweep, 48000, 71000, output, 2000);   /* no step where it arrives */
        check_most(worst_click(output + 990, 20, 1, 1234.5, 48000), 1e-3);
    }

    test("sources: pink noise falls by 3.01 dB an octave within 0.5 dB from 20 Hz to 20 kHz");
    enum { LONGEST = 65536, CHUNKS = 4 };
    ra_tone pink = { .kind = RA_TONE_PINK, .level_db = 0, .seed = 3 };
    double bands[10][2] = { { 0 } }, rms = 0, mean = 0, peak = 0;           /* half octaves from bin 27 of 65536, 32768, ... 128 on: 19.8 Hz at 48 kHz */
    uint32_t block_count[10] = { 0 };
    for (int chunk = 0; chunk < (TEST_SLOW ? 1 : CHUNKS); chunk++) {
        ra_generate(&pink, 48000, (uint64_t)chunk << 20, output, 1 << 20);
        rms += rms_of(output, 1 << 20, 1) / CHUNKS;
        peak = fmax(peak, peak_of(output, 1 << 20));
        for (uint32_t n = 0; n < 1 << 20; n++) mean += output[n] / (1 << 20) / CHUNKS;
        for (int octave = 0; octave < 10; octave++) {
            uint32_t length = LONGEST >> octave;
            if (octave > 4 && chunk) continue;         /* the upper octaves have blocks enough in one chunk */
            for (uint32_t at = 0; at + length <= (octave > 4 ? 1u << 19 : 1u << 20) >> (TEST_SLOW ? 2 : 0); at += length, block_count[octave]++)
                add_half_octaves(output + at, length, bands[octave]);
        }
    }
    double level = 0, low = INFINITY, high = -INFINITY;
    for (int n = 0; n < 20; n++) level += 10 * log10(bands[n / 2][n % 2] / block_count[n / 2] / (n % 2 ? 16 : 11)) / 20;
    for (int n = 0; n < 20; n++) {
        double off = 10 * log10(bands[n / 2][n % 2] / block_count[n / 2] / (n % 2 ? 16 : 11)) - level;
        low = fmin(low, off); high = fmax(high, off);
        if (!TEST_SLOW && fabs(off) > 0.5) complain(__LINE__, "half octave %d from 19.8 Hz: got %.2f dB from the line", n, off);
    }
    check_most(high - low, TEST_SLOW ? 3 : 1);
    if (!TEST_SLOW) check_near(decibels(rms), -13.9, 0.2);
    check_most(fabs(mean), 0.02);                      /* its slowest row turns 32 times a megaframe */
    check(peak <= 1 && peak > 0.7);
    pink.seed = 4;
    ra_generate(&pink, 48000, 0, other, 1 << 16);
    pink.seed = 3;
    ra_generate(&pink, 48000, 0, output, 1 << 16);
    double likeness = 0;
    for (int n = 1; n < 1 << 16; n++) likeness += (double)(output[n] - output[n - 1]) * (other[n] - other[n - 1]);
    check_near(likeness, 0, 65536 * 0.01 * 4 / 256);   /* another seed is another noise: four deviations of the differences, 0.1 each */

    test("sources: impulses stand on the first whole frame of each turn, one alone on frame 0");
    static const struct { double hz; uint32_t rate; } trains[] = { { 1000, 48000 }, { 441, 44100 }, { 1000, 44100 }, { 7, 48000 }, { 17000, 48000 }, { 0, 48000 }, { 0.37, 48000 } };
    for (int n = 0; n < 7; n++) {
        ra_tone tone = { .kind = RA_TONE_IMPULSE, .start_hz = trains[n].hz, .level_db = -6.0205999132796239 };
        uint64_t first = n == 4 ? 1ull << 40 : 0;
        ra_generate(&tone, trains[n].rate, first, output, 200000);
        size_t wrong = 0, count = 0;
        for (uint64_t frame = 0; frame < 200000; frame++) {                /* hundredths of hertz are whole numbers */
            uint64_t step = (uint64_t)(trains[n].hz * 100 + 0.5), turn = 100ull * trains[n].rate, at = first + frame;
            bool is_first = at == 0 || (step && at * step / turn != (at - 1) * step / turn);
            wrong += output[frame] != (is_first ? 0.5f : 0.0f);
            count += is_first;
        }
        if (wrong) complain(__LINE__, "%g Hz at %u Hz: got %zu wrong samples of %zu impulses", trains[n].hz, trains[n].rate, wrong, count);
    }

    test("sources: a multitone is so many sines in equal ratios, each of its share, that do not meet");
    ra_tone many = { .kind = RA_TONE_MULTITONE, .start_hz = 48000.0 * 16 / size, .end_hz = 48000.0 * 1024 / size, .tone_count = 7, .level_db = 0 };
    ra_generate(&many, 48000, 1 << 20, output, size);      /* the block of a whole number of turns of all */
    dft_start(size);
    for (uint32_t bin = 0; bin <= size / 2; bin++) {
        double height = cabs(dft_bin(output, false, size, bin)) / (size / 2);
        bool is_tone = bin >= 16 && bin <= 1024 && (bin & (bin - 1)) == 0;
        if (is_tone) check_near(height, 1.0 / 7, 1e-6); else check_most(height, 1e-7);
    }
    for (int k = 0; k < 7; k++) {                          /* Newman's phases, pi k^2 / 7 */
        double complex bin = dft_bin(output, false, size, 16u << k);
        check_near(remainder(carg(bin) + PI / 2 - PI * k * k / 7, 2 * PI), 0, 1e-5);
    }
    many = (ra_tone){ .kind = RA_TONE_MULTITONE, .start_hz = 20, .end_hz = 20000, .level_db = 0 };
    ra_generate(&many, 48000, 0, output, 96000);
    check_most(peak_of(output, 96000), 0.6);
    check_near(decibels(rms_of(output, 96000, 1)), 10 * log10(0.5 / 32), 0.1);
    many.tone_count = 32;
    ra_generate(&many, 48000, 0, other, 96000);
    check_samples(other, output, 96000);                   /* 0 tones are 32, */
    many.tone_count = 1000;
    ra_generate(&many, 48000, 0, output, 1000);
    many.tone_count = 64;
    ra_generate(&many, 48000, 0, other, 1000);
    check_samples(other, output, 1000);                    /* more than 64 are 64 */

    test("sources: what is impossible is silence, or the sine that is left of it");
    static const double bad_hz[] = { NAN, INFINITY, -INFINITY, -1, 24000, 1e300 };
    for (int kind = 0; kind < RA_TONE_KIND_COUNT; kind++) {
        bool is_noise = kind == RA_TONE_NOISE || kind == RA_TONE_PINK;
        for (int n = 0; n < 6; n++) {
            ra_tone tone = { .kind = (ra_tone_kind)kind, .start_hz = bad_hz[n], .end_hz = 5000, .duration_s = 1 };
            ra_generate(&tone, 48000, 0, output, 1000);
            if (!check(is_noise || is_silent(output, 1000))) complain(__LINE__, "kind %d from %g Hz", kind, bad_hz[n]);
            tone = (ra_tone){ .kind = (ra_tone_kind)kind, .start_hz = 500, .end_hz = bad_hz[n], .duration_s = bad_hz[n] };
            ra_generate(&tone, 48000, 0, output, 1000);
            check(is_finite(output, 1000) && peak_of(output, 1000) <= 1);
            if (kind == RA_TONE_SWEEP || kind == RA_TONE_LINEAR_SWEEP || kind == RA_TONE_MULTITONE) {
                ra_generate(&(ra_tone){ .kind = RA_TONE_SINE, .start_hz = 500 }, 48000, 0, other, 1000);
                check_samples(output, other, 1000);
            }
            tone = (ra_tone){ .kind = (ra_tone_kind)kind, .start_hz = 500, .end_hz = 600, .duration_s = 1, .level_db = n == 0 ? NAN : n == 1 ? INFINITY : -INFINITY };
            ra_generate(&tone, 48000, 0, output, 1000);
            check(is_silent(output, 1000));
        }
        static const double small_hz[] = { 0, -0.0, 1e-300, 1e-20, 1e-9, 23999.999999999996 };
        for (int n = 0; n < 6; n++) {
            ra_tone tone = { .kind = (ra_tone_kind)kind, .start_hz = small_hz[n], .end_hz = small_hz[5 - n], .duration_s = 1e-300 };
            ra_generate(&tone, 48000, UINT64_MAX - 500, output, 1000);     /* over the end of the frames' numbers, too */
            check(is_finite(output, 1000) && peak_of(output, 1000) <= 1);
        }
        ra_generate(&(ra_tone){ .kind = (ra_tone_kind)kind, .start_hz = 100 }, 0, 0, output, 10);       /* no rate */
        check(is_finite(output, 10));
    }

    test("sources: signals of every kind made in pieces are the signals made at once, and keep their bits");
    static const char *const names[RA_TONE_KIND_COUNT] = { NULL, NULL, NULL, "tone square", "tone saw", "tone triangle", "tone linear sweep", "tone pink", "tone impulse", "tone multitone" };
    for (int kind = 0; kind < RA_TONE_KIND_COUNT; kind++) {
        ra_tone tone = { .kind = (ra_tone_kind)kind, .start_hz = 331, .end_hz = 19000, .duration_s = 0.05, .level_db = -3, .seed = 9, .tone_count = 5 };
        for (int place = 0; place < 2; place++) {
            uint64_t first = place ? (1ull << 40) - 77 : 500;
            ra_generate(&tone, 48000, first, output + 5000 * place, 5000);
            for (size_t done = 0, now; done < 5000; done += now) {
                now = done < 100 ? 1 : done < 2000 ? 7 : 5000 - done < 512 ? 5000 - done : 512;
                ra_generate(&tone, 48000, first + done, other + done, now);
            }
            if (!check_samples(other, output + 5000 * place, 5000)) complain(__LINE__, "kind %d", kind);
        }
        if (names[kind]) check_golden(names[kind], output, 10000);
    }
}
static void test_sources_all(void) { test_sources(); test_signals(); }

/* ---- [10] WAV ---------------------------------------------------------------------------------- */

/* Files are written here byte by byte. */
typedef struct { uint8_t bytes[4096]; size_t count; } wav_file;
static void put_word(wav_file *file, const char *word) { memcpy(file->bytes + file->count, word, 4); file->count += 4; }
static void put(wav_file *file, uint64_t value, int byte_count)         /* little-endian */
{
    for (int n = 0; n < byte_count; n++) file->bytes[file->count++] = n < 8 ? (uint8_t)(value >> (8 * n)) : 0;
}
static void put_bytes(wav_file *file, const void *bytes, size_t byte_count)
{
    memcpy(file->bytes + file->count, bytes, byte_count);
    file->count += byte_count;
}
static void put_format(wav_file *file, uint32_t tag, uint32_t channels, uint32_t rate, uint32_t bits)
{
    put_word(file, "fmt "); put(file, tag == 0xFFFE ? 40 : 16, 4);
    put(file, tag, 2); put(file, channels, 2); put(file, rate, 4);
    put(file, (uint64_t)rate * channels * bits / 8, 4); put(file, channels * bits / 8, 2); put(file, bits, 2);
}
static void put_start(wav_file *file) { file->count = 0; put_word(file, "RIFF"); put(file, 0, 4); put_word(file, "WAVE"); }
static void put_end(wav_file *file)                                     /* the size that the start left open */
{
    size_t count = file->count;
    file->count = 4; put(file, count - 8, 4); file->count = count;
}
static void put_data(wav_file *file, const void *bytes, size_t byte_count)
{
    put_word(file, "data"); put(file, byte_count, 4);
    put_bytes(file, bytes, byte_count);
}
static void plain_wav(wav_file *file, uint32_t tag, uint32_t channels, uint32_t rate, uint32_t bits, const void *data, size_t byte_count)
{
    put_start(file);
    put_format(file, tag, channels, rate, bits);
    put_data(file, data, byte_count);
    put_end(file);
}
/* Reads a copy that ends where the file ends, so that the address sanitizer sees a step too far. */
static ra_result read_exactly(const uint8_t *bytes, size_t byte_count, ra_clip **clip, ra_error *error)
{
    uint8_t *copy = malloc(byte_count ? byte_count : 1);
    memcpy(copy, bytes, byte_count);
    memset(error, 'x', sizeof *error);
    *clip = (ra_clip *)1;
    ra_result result = ra_wav_read(copy, byte_count, clip, error);
    free(copy);
    return result;
}
/* Whatever the file: a clip that can be true, or a readable sentence about a place in the file. */
static bool is_clean(ra_result result, ra_clip *clip, const ra_error *error, size_t byte_count)
{
    if (result == RA_OK)
        return clip && clip->channels >= 1 && clip->channels <= 64 && clip->sample_rate_hz >= 1 && clip->sample_rate_hz <= 768000
            && clip->frame_count <= byte_count / clip->channels;
    return !clip && error->code == result && memchr(error->text, 0, sizeof error->text) && strlen(error->text) >= 10 && error->offset <= byte_count;
}
static void check_refused_at(int line, const wav_file *file, const char *what)
{
    ra_clip *clip; ra_error error;
    ra_result result = read_exactly(file->bytes, file->count, &clip, &error);
    if (result != RA_BAD_WAV) complain(line, "%s: got %s, want a refusal", what, ra_result_text(result));
    else if (!is_clean(result, clip, &error, file->count)) complain(line, "%s: no readable sentence", what);
    if (result == RA_OK) ra_clip_destroy(clip);
}
static void check_read_at(int line, const wav_file *file, const char *what, uint32_t channels, uint32_t rate, const float *samples, size_t frame_count)
{
    ra_clip *clip; ra_error error;
    ra_result result = read_exactly(file->bytes, file->count, &clip, &error);
    if (result != RA_OK) { complain(line, "%s: got '%s' at %llu, want a clip", what, error.text, (unsigned long long)error.offset); return; }
    if (clip->channels != channels || clip->sample_rate_hz != rate || clip->frame_count != frame_count)
        complain(line, "%s: got %u channels, %u Hz, %llu frames, want %u, %u, %zu", what, clip->channels, clip->sample_rate_hz,
                 (unsigned long long)clip->frame_count, channels, rate, frame_count);
    else check_bits(clip->samples, samples, frame_count * channels, what, line);
    ra_clip_destroy(clip);
}
#define check_refused(file, what)                          check_refused_at(__LINE__, file, what)
#define check_read(file, what, channels, rate, samples, n) check_read_at(__LINE__, file, what, channels, rate, samples, n)

/* A file that is longer than memory: its first bytes, then zeros. */
typedef struct { const uint8_t *bytes; size_t byte_count; uint64_t total, reads, fails_after; } thin_file;
static size_t thin_read(void *user, uint64_t offset, void *bytes, size_t byte_count)
{
    thin_file *file = user;
    if (++file->reads > file->fails_after || offset >= file->total) return 0;
    if (byte_count > file->total - offset) byte_count = (size_t)(file->total - offset);
    for (size_t n = 0; n < byte_count; n++) ((uint8_t *)bytes)[n] = offset + n < file->byte_count ? file->bytes[offset + n] : 0;
    return byte_count;
}

static const struct { ra_wav_format format; uint32_t tag, bits; } wav_formats[RA_WAV_WRITABLE_COUNT] = {      /* that are written */
    { RA_WAV_U8, 1, 8 }, { RA_WAV_S16, 1, 16 }, { RA_WAV_S24, 1, 24 }, { RA_WAV_S32, 1, 32 }, { RA_WAV_F32, 3, 32 }, { RA_WAV_F64, 3, 64 },
};

/* Every kind of file that is read: a family with its sample, in the words of that family. */
typedef enum { RIFF, RIFX, RF64, BW64, WAVE64, AIFF, AIFC } wav_family;
static const struct wav_kind { wav_family family; uint32_t tag; const char *compression; uint32_t bits; ra_wav_format format; } wav_kinds[] = {
    { RIFF, 1, "", 8, RA_WAV_U8 },        { RIFF, 1, "", 16, RA_WAV_S16 },         { RIFF, 1, "", 24, RA_WAV_S24 },         { RIFF, 1, "", 32, RA_WAV_S32 },
    { RIFF, 3, "", 32, RA_WAV_F32 },      { RIFF, 3, "", 64, RA_WAV_F64 },         { RIFF, 6, "", 8, RA_WAV_ALAW },         { RIFF, 7, "", 8, RA_WAV_ULAW },
    { RIFX, 1, "", 8, RA_WAV_U8 },        { RIFX, 1, "", 16, RA_WAV_S16_BE },      { RIFX, 1, "", 24, RA_WAV_S24_BE },      { RIFX, 3, "", 32, RA_WAV_F32_BE },
    { RF64, 1, "", 16, RA_WAV_S16 },      { RF64, 3, "", 32, RA_WAV_F32 },         { BW64, 1, "", 24, RA_WAV_S24 },         { BW64, 7, "", 8, RA_WAV_ULAW },
    { WAVE64, 1, "", 8, RA_WAV_U8 },      { WAVE64, 1, "", 24, RA_WAV_S24 },       { WAVE64, 3, "", 64, RA_WAV_F64 },       { WAVE64, 6, "", 8, RA_WAV_ALAW },
    { AIFF, 1, "", 8, RA_WAV_S8 },        { AIFF, 1, "", 16, RA_WAV_S16_BE },      { AIFF, 1, "", 24, RA_WAV_S24_BE },      { AIFF, 1, "", 32, RA_WAV_S32_BE },
    { AIFF, 1, "", 20, RA_WAV_S24_BE },   { AIFC, 1, "NONE", 16, RA_WAV_S16_BE },  { AIFC, 1, "sowt", 16, RA_WAV_S16 },     { AIFC, 1, "sowt", 8, RA_WAV_S8 },
    { AIFC, 1, "twos", 24, RA_WAV_S24_BE }, { AIFC, 1, "raw ", 8, RA_WAV_U8 },     { AIFC, 1, "in24", 24, RA_WAV_S24_BE },  { AIFC, 1, "42n1", 24, RA_WAV_S24 },
    { AIFC, 1, "in32", 16, RA_WAV_S32_BE }, { AIFC, 1, "23ni", 32, RA_WAV_S32 },   { AIFC, 3, "fl32", 32, RA_WAV_F32_BE },  { AIFC, 3, "FL32", 0, RA_WAV_F32_BE },
    { AIFC, 3, "fl64", 64, RA_WAV_F64_BE }, { AIFC, 3, "FL64", 64, RA_WAV_F64_BE }, { AIFC, 6, "alaw", 8, RA_WAV_ALAW },    { AIFC, 7, "ulaw", 16, RA_WAV_ULAW },
    { AIFC, 6, "ALAW", 8, RA_WAV_ALAW },  { AIFC, 7, "ULAW", 8, RA_WAV_ULAW },
};
enum { WAV_KINDS = sizeof wav_kinds / sizeof wav_kinds[0] };
static const uint32_t sample_byte_counts[RA_WAV_FORMAT_COUNT] = { 1, 2, 3, 4, 4, 8, 1, 2, 3, 4, 4, 8, 1, 1 };

static void put_big(wav_file *file, uint64_t value, int byte_count)
{
    for (int n = byte_count - 1; n >= 0; n--) put(file, value >> (8 * n), 1);
}
static void put_number(wav_file *file, wav_family family, uint64_t value, int byte_count)
{
    if (family == RIFX || family == AIFF || family == AIFC) put_big(file, value, byte_count); else put(file, value, byte_count);
}
/* The head of a chunk whose body has byte_count bytes. */
static void put_chunk(wav_file *file, wav_family family, const char *word, uint64_t byte_count)
{
    put_word(file, word);
    if (family == WAVE64) { put_bytes(file, "\xF3\xAC\xD3\x11\x8C\xD1\x00\xC0\x4F\x8E\xDB\x8A", 12); put(file, byte_count + 24, 8); }
    else put_number(file, family, byte_count, 4);
}
static void put_padding(wav_file *file, wav_family family) { while (file->count % (family == WAVE64 ? 8 : 2)) put(file, 0, 1); }
/* rate * 2^(63 - e) with the largest bit in place, behind e + 16383: a float of 80 bits */
static void put_extended(wav_file *file, uint64_t rate)
{
    int e = 0;
    while (e < 63 && rate >> (e + 1)) e++;
    put_big(file, rate ? 16383 + (uint64_t)e : 0, 2);
    put_big(file, rate << (63 - e), 8);
}
static void put_family(wav_file *file, wav_family family)
{
    static const char *const starts[] = { "RIFF", "RIFX", "RF64", "BW64", "riff", "FORM", "FORM" }, *const kinds[] = { "WAVE", "WAVE", "WAVE", "WAVE", "wave", "AIFF", "AIFC" };
    file->count = 0;
    put_word(file, starts[family]);
    if (family == WAVE64) put_bytes(file, "\x2E\x91\xCF\x11\xA5\xD6\x28\xDB\x04\xC1\x00\x00", 12);
    put(file, family == RF64 || family == BW64 ? 0xFFFFFFFFu : 0, family == WAVE64 ? 8 : 4);
    put_word(file, kinds[family]);
    if (family == WAVE64) put_bytes(file, "\xF3\xAC\xD3\x11\x8C\xD1\x00\xC0\x4F\x8E\xDB\x8A", 12);
}
static void put_family_end(wav_file *file, wav_family family)
{
    size_t count = file->count;
    put_padding(file, family);
    size_t whole = file->count;
    if (family == WAVE64) { file->count = 16; put(file, whole, 8); }
    else if (family != RF64 && family != BW64) { file->count = 4; put_number(file, family, whole - 8, 4); }
    file->count = family == RF64 ? count : whole;                       /* one family leaves its last pad byte out */
}
static void put_kind_format(wav_file *file, const struct wav_kind *kind, uint32_t channels, uint32_t rate, uint64_t frame_count)
{
    uint32_t frame_bytes = channels * sample_byte_counts[kind->format];
    if (kind->family == AIFF || kind->family == AIFC) {
        put_chunk(file, kind->family, "COMM", kind->family == AIFF ? 18 : 24);
        put_big(file, channels, 2); put_big(file, frame_count, 4); put_big(file, kind->bits, 2); put_extended(file, rate);
        if (kind->family == AIFC) { put_word(file, kind->compression); put(file, 0, 2); }
        return;
    }
    put_chunk(file, kind->family, "fmt ", 16);
    const uint64_t fields[6] = { kind->tag, channels, rate, (uint64_t)rate * frame_bytes, frame_bytes, kind->bits };
    for (int n = 0; n < 6; n++) put_number(file, kind->family, fields[n], n == 2 || n == 3 ? 4 : 2);
}
static void put_kind_data(wav_file *file, const struct wav_kind *kind, const void *data, size_t byte_count)
{
    bool is_aiff = kind->family == AIFF || kind->family == AIFC, is_long = kind->family == RF64 || kind->family == BW64;
    put_chunk(file, kind->family, is_aiff ? "SSND" : "data", is_long ? 0xFFFFFFFFu : byte_count + 8 * is_aiff);
    if (is_aiff) put(file, 0, 8);
    put_bytes(file, data, byte_count);
}
static void put_kind(wav_file *file, const struct wav_kind *kind, uint32_t channels, uint32_t rate, const void *data, size_t byte_count)
{
    put_family(file, kind->family);
    if (kind->family == RF64 || kind->family == BW64) { put_chunk(file, kind->family, "ds64", 28); put(file, 0, 8); put(file, byte_count, 8); put(file, 0, 12); }
    put_kind_format(file, kind, channels, rate, byte_count / (channels * sample_byte_counts[kind->format]));
    put_kind_data(file, kind, data, byte_count);
    put_family_end(file, kind->family);
}

/* G.711's tables 1a and 2a: where each segment of 16 values begins and the step inside it, in units of 13 and 14 bits. */
static double g711_value(bool is_alaw, uint32_t code)
{
    static const int starts[2][8] = { { 0, 33, 99, 231, 495, 1023, 2079, 4191 }, { 1, 33, 66, 132, 264, 528, 1056, 2112 } };
    uint32_t plain = code ^ (is_alaw ? 0x55 : 0x7F), segment = plain >> 4 & 7;
    double step = is_alaw && segment ? 1 << segment : 2 << segment, value = starts[is_alaw][segment] + step * (plain & 15);
    return (plain & 0x80 ? value : 0 - value) / (is_alaw ? 4096 : 8192);
}
/* What a sample means, in words of arithmetic. */
static float sample_meant(ra_wav_format format, const uint8_t *at)
{
    bool is_big = format >= RA_WAV_S16_BE && format <= RA_WAV_F64_BE;
    uint32_t count = sample_byte_counts[format];
    uint64_t whole = 0;
    for (uint32_t n = 0; n < count; n++) whole |= (uint64_t)at[is_big ? count - 1 - n : n] << (8 * n);
    if (format == RA_WAV_ALAW || format == RA_WAV_ULAW) return (float)g711_value(format == RA_WAV_ALAW, at[0]);
    if (format == RA_WAV_F32 || format == RA_WAV_F32_BE) { uint32_t half = (uint32_t)whole; float value; memcpy(&value, &half, 4); return value; }
    if (format == RA_WAV_F64 || format == RA_WAV_F64_BE) { double value; memcpy(&value, &whole, 8); return (float)value; }
    double full = pow(2, 8 * count - 1), value = (double)whole - (format == RA_WAV_U8 ? full : 0);
    if (format != RA_WAV_U8 && value >= full) value -= 2 * full;
    return (float)(value / full);
}
/* Bytes of some samples of a format. */
static void fill_data(ra_wav_format format, uint8_t *bytes, size_t sample_count)
{
    uint32_t count = sample_byte_counts[format];
    for (size_t n = 0; n < sample_count; n++) {
        for (uint32_t byte = 0; byte < count; byte++) bytes[n * count + byte] = (uint8_t)(noise_word() >> 8);
        bool is_float = format == RA_WAV_F32 || format == RA_WAV_F64, is_turned = format == RA_WAV_F32_BE || format == RA_WAV_F64_BE;
        if (is_float || is_turned) bytes[n * count + (is_turned ? 0 : count - 1)] = (uint8_t)(noise_word() & 0x80 ? 0xBF : 0x3E);      /* of a size that sound has */
    }
}

/* ---- what libFuzzer runs (./build.sh fuzz), and below with all that once broke something -------- */

typedef struct { const uint8_t *bytes; size_t byte_count; bool is_astray; } strict_file;
static size_t strict_read(void *user, uint64_t offset, void *bytes, size_t byte_count)
{
    strict_file *file = user;
    if (offset > file->byte_count || byte_count > file->byte_count - offset) file->is_astray = byte_count > 40 || offset > file->byte_count;
    if (offset >= file->byte_count) return 0;
    if (byte_count > file->byte_count - offset) byte_count = (size_t)(file->byte_count - offset);
    memcpy(bytes, file->bytes + offset, byte_count);
    return byte_count;
}
/* The file is refused with a sentence, or read: at once and by pieces alike. */
static const char *fuzz_read(const uint8_t *bytes, size_t byte_count)
{
    strict_file file = { bytes, byte_count, false };
    ra_wav_info info;
    ra_clip *clip;
    ra_error error, again;
    memset(&error, 'x', sizeof error);
    ra_result result = ra_wav_parse(strict_read, &file, byte_count, &info, &error);
    if (file.is_astray) return "the parser reads beside the file";
    if (read_exactly(bytes, byte_count, &clip, &again) != result) return "parse and read do not agree";
    if (!is_clean(result, clip, &again, byte_count)) return "neither a clip nor a sentence";
    if (result != RA_OK) return strcmp(error.text, again.text) ? "two sentences for one file" : NULL;
    const char *wrong = NULL;
    size_t room = byte_count - (size_t)info.data_offset;
    if ((unsigned)info.format >= RA_WAV_FORMAT_COUNT || info.frame_bytes != info.channels * sample_byte_counts[info.format]) wrong = "a wrong size of a frame";
    else if (info.data_offset > byte_count || info.frame_count > room / info.frame_bytes) wrong = "more frames than there is room for";
    else if (info.channels != clip->channels || info.sample_rate_hz != clip->sample_rate_hz || info.frame_count != clip->frame_count) wrong = "another clip than was announced";
    for (uint64_t frame = 0, run; !wrong && frame < info.frame_count; frame += run) {
        run = 1 + (frame * 7 + 3) % 50;
        if (run > info.frame_count - frame) run = info.frame_count - frame;
        size_t piece_bytes = (size_t)(run * info.frame_bytes), sample_count = (size_t)(run * info.channels);
        uint8_t *piece = malloc(piece_bytes);
        float *samples = malloc(sample_count * sizeof(float));
        memcpy(piece, bytes + info.data_offset + frame * info.frame_bytes, piece_bytes);
        ra_wav_decode(info.format, piece, samples, sample_count);
        if (memcmp(samples, clip->samples + frame * info.channels, sample_count * sizeof(float))) wrong = "other samples by pieces";
        free(piece);
        free(samples);
    }
    ra_clip_destroy(clip);
    return wrong;
}
/* The text of a chain, or of an equaliser's settings, is refused with a sentence, or is a chain that says the same when it is
   written down and read again. */
static const char *fuzz_text(const uint8_t *bytes, size_t byte_count, ra_result (*read)(const char *, ra_chain_spec *, ra_error *))
{
    ra_chain_spec spec, again;
    ra_error error;
    char *text = calloc(byte_count + 1, 1), *written = NULL, *twice = NULL;
    const char *wrong = NULL;
    memcpy(text, bytes, byte_count);
    memset(&error, 'x', sizeof error);
    if (read(text, &spec, &error) != RA_OK) {
        if (error.code != RA_BAD_CHAIN || error.offset > strlen(text) || !memchr(error.text, 0, sizeof error.text) || strlen(error.text) < 10) wrong = "no readable sentence";
    } else {
        size_t length = ra_chain_format(&spec, NULL, 0);
        written = malloc(length + 1);
        twice = malloc(length + 1);
        ra_chain_format(&spec, written, length + 1);
        if (strlen(written) != length) wrong = "the text is longer than it says";
        else if (ra_chain_parse(written, &again, NULL) != RA_OK || again.count != spec.count) wrong = "its own text is not understood";
        else if (ra_chain_format(&again, twice, length + 1) != length || strcmp(written, twice)) wrong = "its own text changes";
        for (uint32_t n = 0; !wrong && n < spec.count; n++) {
            bool is_same = spec.item[n].kind == again.item[n].kind && spec.item[n].type == again.item[n].type && strcmp(spec.item[n].file, again.item[n].file) == 0;
            for (int k = 0; k < 6; k++) is_same = is_same && fabs(spec.item[n].value[k] - again.item[n].value[k]) <= 1e-22;
            if (!is_same) wrong = "its own text says something else";
        }
    }
    free(text); free(written); free(twice);
    return wrong;
}
static const char *fuzz_chain(const uint8_t *bytes, size_t byte_count)  { return fuzz_text(bytes, byte_count, ra_chain_parse); }
static const char *fuzz_import(const uint8_t *bytes, size_t byte_count) { return fuzz_text(bytes, byte_count, ra_chain_import); }
/* Samples written as a file come back: floats as they were, whole numbers to the nearest step, NaN as silence. */
static const char *fuzz_write(const uint8_t *bytes, size_t byte_count)
{
    if (byte_count < 6) return NULL;
    ra_wav_info info = { .format = (ra_wav_format)(bytes[0] % RA_WAV_WRITABLE_COUNT), .channels = 1 + bytes[1] % 64, .sample_rate_hz = 1 + ((uint32_t)bytes[2] << 8 | bytes[3]) };
    uint32_t sample_bytes = sample_byte_counts[info.format];
    info.frame_count = (byte_count - 6) / 4 / info.channels;
    size_t sample_count = (size_t)info.frame_count * info.channels;
    uint8_t header[80];
    size_t header_bytes = ra_wav_header(&info, header);
    uint8_t *file = malloc(header_bytes + sample_count * sample_bytes);
    float *samples = malloc(sample_count * sizeof(float) + 1);
    memcpy(samples, bytes + 6, sample_count * sizeof(float));
    memcpy(file, header, header_bytes);
    uint64_t seed = bytes[5];
    ra_wav_encode(info.format, samples, file + header_bytes, sample_count, bytes[4] & 1 ? &seed : NULL);
    const char *wrong = NULL;
    ra_clip *clip;
    ra_error error;
    if (read_exactly(file, header_bytes + sample_count * sample_bytes, &clip, &error) != RA_OK) wrong = "what was written is not read";
    else {
        if (clip->channels != info.channels || clip->sample_rate_hz != info.sample_rate_hz || clip->frame_count != info.frame_count) wrong = "another clip than was written";
        double step = pow(2, 1 - 8 * (double)sample_bytes), within = (info.format == RA_WAV_S16 && bytes[4] & 1 ? 1.5 : info.format == RA_WAV_S32 ? 128 : 0.5) * step;
        for (size_t n = 0; !wrong && n < sample_count; n++) {
            double got = clip->samples[n], want = samples[n];
            if (info.format >= RA_WAV_F32) { if (!(got == want || (isnan(got) && isnan(want)))) wrong = "a float is another one"; }
            else if (!(fabs(got - (isnan(want) ? 0 : fmin(fmax(want, -1), 1 - step))) <= within)) wrong = "a sample is too far away";      /* a float has 24 bits of 32 */
        }
        ra_clip_destroy(clip);
    }
    free(file); free(samples);
    return wrong;
}
/* The first byte says who gets the rest. NULL, or what is wrong. */
static const char *fuzz_one(const uint8_t *bytes, size_t byte_count)
{
    static const char *(*const parts[])(const uint8_t *, size_t) = { fuzz_read, fuzz_chain, fuzz_write, fuzz_import };
    return byte_count ? parts[bytes[0] % 4](bytes + 1, byte_count - 1) : NULL;
}

static void test_wav(void)
{
    wav_file file;
    ra_clip *clip;
    ra_error error;
    test("wav: every format is decoded from bytes written by hand: signs, the offset of 8 bits, full scale");
    check((plain_wav(&file, 1, 1, 8000, 8, "\x00\x80\xFF\x81\x7F", 5), file.count == 49));
    check_read(&file, "8 bit", 1, 8000, ((float[]){ -1, 0, 127 / 128.0f, 1 / 128.0f, -1 / 128.0f }), 5);
    plain_wav(&file, 1, 2, 44100, 16, "\x00\x80\xFF\x7F\x00\x00\xFF\xFF", 8);
    check_read(&file, "16 bit", 2, 44100, ((float[]){ -1, 32767 / 32768.0f, 0, -1 / 32768.0f }), 2);
    plain_wav(&file, 1, 1, 48000, 24, "\x00\x00\x80\xFF\xFF\x7F\xFF\xFF\xFF\x01\x00\x00\x00\x00\x40", 15);
    check_read(&file, "24 bit", 1, 48000, ((float[]){ -1, 8388607 / 8388608.0f, -1 / 8388608.0f, 1 / 8388608.0f, 0.5f }), 5);
    plain_wav(&file, 1, 1, 96000, 32, "\x00\x00\x00\x80\x00\x00\x00\x40\x00\xFF\xFF\xFF\x00\x00\x00\x00", 16);
    check_read(&file, "32 bit", 1, 96000, ((float[]){ -1, 0.5f, -256 / 2147483648.0f, 0 }), 4);
    float floats[4] = { 0.1f, -1.5f, 1e-20f, 3 };
    plain_wav(&file, 3, 2, 48000, 32, floats, sizeof floats);
    check_read(&file, "32 bit float", 2, 48000, floats, 2);
    double doubles[3] = { 0.1, -1.5, 1e-20 };
    plain_wav(&file, 3, 3, 768000, 64, doubles, sizeof doubles);
    check_read(&file, "64 bit float", 3, 768000, floats, 1);
    for (int f = 0; f <= RA_WAV_FORMAT_COUNT; f++) ra_wav_decode((ra_wav_format)f, file.bytes, output, 0);

    test("wav: every kind of file, RIFF to AIFC, with every kind of sample means what arithmetic says, to the last byte that is there");
    noise_state = 54;
    for (int n = 0; n < WAV_KINDS; n++)
        for (uint32_t channels = 1; channels <= 3; channels++) {
            const struct wav_kind *kind = &wav_kinds[n];
            uint8_t data[11 * 3 * 8];
            float meant[11 * 3];
            ra_wav_info said;
            uint32_t sample_bytes = sample_byte_counts[kind->format];
            fill_data(kind->format, data, 11 * channels);
            for (uint32_t k = 0; k < 11 * channels; k++) meant[k] = sample_meant(kind->format, data + k * sample_bytes);
            put_kind(&file, kind, channels, 11025 * channels, data, 11 * channels * sample_bytes);
            check_read(&file, kind->compression, channels, 11025 * channels, meant, 11);
            strict_file strict = { file.bytes, file.count, false };
            check(ra_wav_parse(strict_read, &strict, file.count, &said, &error) == RA_OK && said.format == kind->format && !strict.is_astray);
            size_t data_end = (size_t)said.data_offset + 11 * channels * sample_bytes;
            for (size_t cut = 0; cut <= file.count; cut++) {            /* cut at every byte */
                ra_result result = read_exactly(file.bytes, cut, &clip, &error);
                bool is_right = is_clean(result, clip, &error, cut) && fuzz_read(file.bytes, cut) == NULL && (result == RA_OK) == (cut >= said.data_offset);
                if (result == RA_OK) {
                    is_right = is_right && clip->frame_count == ((cut < data_end ? cut : data_end) - said.data_offset) / said.frame_bytes
                             && memcmp(clip->samples, meant, (size_t)clip->frame_count * channels * sizeof(float)) == 0;
                    ra_clip_destroy(clip);
                }
                if (!is_right) { complain(__LINE__, "kind %d, %u channels, cut at %zu of %zu: %s", n, channels, cut, file.count, result ? error.text : "read"); break; }
            }
        }

    for (int f = 0; f < RA_WAV_FORMAT_COUNT; f++) {                     /* more than any buffer on the way holds */
        size_t sample_count = 3001, sample_bytes = sample_byte_counts[f];
        uint8_t *data = malloc(sample_count * sample_bytes);
        fill_data((ra_wav_format)f, data, sample_count);
        ra_wav_decode((ra_wav_format)f, data, output, sample_count);
        for (size_t n = 0; n < sample_count; n++) if (!check_near(output[n], sample_meant((ra_wav_format)f, data + n * sample_bytes), 0)) break;
        free(data);
    }

    test("wav: A-law and u-law say what the tables of G.711 say, plain and extensible");
    uint8_t codes[256];
    for (int n = 0; n < 256; n++) codes[n] = (uint8_t)n;
    for (int is_alaw = 0; is_alaw < 2; is_alaw++) {
        ra_wav_decode(is_alaw ? RA_WAV_ALAW : RA_WAV_ULAW, codes, output, 256);
        for (int n = 0; n < 256; n++) if (!check_near(output[n], g711_value(is_alaw, (uint32_t)n), 0)) break;
    }
    static const struct { uint8_t code; int alaw, ulaw; } known[] = {   /* in steps of 16 bits, as every telephone has them */
        { 0x00, -5504, -32124 }, { 0x80, 5504, 32124 }, { 0x7F, -848, 0 }, { 0xFF, 848, 0 }, { 0xAA, 32256, 5372 }, { 0x2A, -32256, -5372 }, { 0xD5, 8, 716 }, { 0x55, -8, -716 }, { 0x0F, -6784, -16764 }, { 0xF0, 688, 120 },
    };
    for (size_t n = 0; n < sizeof known / sizeof known[0]; n++) {
        ra_wav_decode(RA_WAV_ALAW, &known[n].code, output, 1);
        ra_wav_decode(RA_WAV_ULAW, &known[n].code, output + 1, 1);
        check_near(output[0] * 32768, known[n].alaw, 0);
        check_near(output[1] * 32768, known[n].ulaw, 0);
    }
    for (uint32_t tag = 6; tag <= 7; tag++) {
        put_start(&file); put_format(&file, 0xFFFE, 2, 8000, 8);
        put(&file, 22, 2); put(&file, 8, 2); put(&file, 3, 4); put(&file, tag, 2); put_bytes(&file, "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xAA\x00\x38\x9B\x71", 14);
        put_data(&file, codes, 256); put_end(&file);
        ra_wav_decode(tag == 6 ? RA_WAV_ALAW : RA_WAV_ULAW, codes, output, 256);
        check_read(&file, "extensible G.711", 2, 8000, output, 128);
    }

    test("wav: floats that are no sound stay what they are, too large ones become infinite, and the chain takes them for silence");
    const double odd_doubles[6] = { 1e300, -1e300, NAN, 1e-310, 3.5e38, 0.25 };
    plain_wav(&file, 3, 1, 48000, 64, odd_doubles, sizeof odd_doubles);
    if (check_same(read_exactly(file.bytes, file.count, &clip, &error), RA_OK)) {
        check(clip->samples[0] == INFINITY && clip->samples[1] == -INFINITY && isnan(clip->samples[2]) && clip->samples[3] == 0 && clip->samples[4] == INFINITY);
        ra_chain_spec unity = spec_of("gain db=0");
        ra_clip *rendered;
        if (check_same(ra_render_clip(clip, &unity, &rendered), RA_OK)) { check_samples(rendered->samples, ((float[]){ 0, 0, 0, 0, 0, 0.25f }), 6); ra_clip_destroy(rendered); }
        ra_clip_destroy(clip);
    }

    test("wav: the extensible format, pad bytes, unknown chunks and 64 channels are understood");
    static const int16_t ramp[128] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, -17, 18, 19 };
    float ramp_floats[128];
    for (int n = 0; n < 128; n++) ramp_floats[n] = ramp[n] / 32768.0f;
    static const char guid_tail[] = "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xAA\x00\x38\x9B\x71";
    put_start(&file); put_format(&file, 0xFFFE, 2, 48000, 16);
    put(&file, 22, 2); put(&file, 16, 2); put(&file, 3, 4); put(&file, 1, 2); put_bytes(&file, guid_tail, 14);
    put_data(&file, ramp, 32); put_end(&file);
    check_read(&file, "extensible 16 bit", 2, 48000, ramp_floats, 8);
    put_start(&file); put_format(&file, 0xFFFE, 1, 48000, 32);
    put(&file, 22, 2); put(&file, 32, 2); put(&file, 4, 4); put(&file, 3, 2); put_bytes(&file, guid_tail, 14);
    put_data(&file, floats, 16); put_end(&file);
    check_read(&file, "extensible float", 1, 48000, floats, 4);
    put_start(&file); put_format(&file, 0xFFFE, 1, 48000, 32);            /* 24 bits at the top of 32 */
    put(&file, 22, 2); put(&file, 24, 2); put(&file, 4, 4); put(&file, 1, 2); put_bytes(&file, guid_tail, 14);
    put_data(&file, "\x00\x00\x00\xC0\x00\x01\x00\x00", 8); put_end(&file);
    check_read(&file, "24 bits in 32", 1, 48000, ((float[]){ -0.5f, 256 / 2147483648.0f }), 2);
    put_start(&file);
    put_word(&file, "LIST"); put(&file, 3, 4); put(&file, 0x414141, 3); put(&file, 0, 1);       /* odd size, one pad byte */
    put_format(&file, 1, 1, 22050, 16);
    put_word(&file, "fact"); put(&file, 4, 4); put(&file, 999999, 4);
    put_word(&file, "junk"); put(&file, 0, 4);
    put_data(&file, ramp, 40);
    put_word(&file, "LIST"); put(&file, 5, 4); put(&file, 0, 6);
    put_end(&file);
    check_read(&file, "chunks around", 1, 22050, ramp_floats, 20);
    plain_wav(&file, 1, 64, 48000, 16, ramp, 256);
    check_read(&file, "64 channels", 64, 48000, ramp_floats, 2);
    put_start(&file);                                                   /* a fmt chunk of 18 bytes, as many programs write */
    put_word(&file, "fmt "); put(&file, 18, 4); put(&file, 1, 2); put(&file, 1, 2); put(&file, 48000, 4); put(&file, 96000, 4); put(&file, 2, 2); put(&file, 16, 2); put(&file, 0, 2);
    put_data(&file, ramp, 40); put_end(&file);
    check_read(&file, "fmt of 18", 1, 48000, ramp_floats, 20);

    test("wav: sizes that lie are not believed: what is really there is read");
    for (int n = 0; n < 5; n++) {
        static const uint32_t riff_sizes[] = { 0, 0xFFFFFFFFu, 4, 0x7FFFFFFFu, 1000000 }, data_sizes[] = { 0xFFFFFFFFu, 0xFFFFFFFFu, 41, 0x80000001u, 42 };
        plain_wav(&file, 1, 1, 48000, 16, ramp, 40);
        size_t count = file.count;
        file.count = 4; put(&file, riff_sizes[n], 4);
        file.count = 40; put(&file, data_sizes[n], 4);
        file.count = count;
        check_read(&file, "a data size beyond the end", 1, 48000, ramp_floats, 20);
    }
    plain_wav(&file, 1, 2, 48000, 16, ramp, 39);                        /* a torn last frame is none */
    check_read(&file, "39 bytes of 4-byte frames", 2, 48000, ramp_floats, 9);
    plain_wav(&file, 1, 1, 48000, 16, ramp, 0);
    ra_result result = read_exactly(file.bytes, file.count, &clip, &error);
    check(is_clean(result, clip, &error, file.count) && (result != RA_OK || clip->frame_count == 0));
    if (result == RA_OK) ra_clip_destroy(clip);
    plain_wav(&file, 1, 1, 48000, 16, ramp, 40);
    file.bytes[32] = 77;                                                /* block align is computed, not believed */
    check_read(&file, "a wrong block align", 1, 48000, ramp_floats, 20);

    static const struct wav_kind riff_16 = { RIFF, 1, "", 16, RA_WAV_S16 }, w64_16 = { WAVE64, 1, "", 16, RA_WAV_S16 }, rf64_16 = { RF64, 1, "", 16, RA_WAV_S16 };
    static const struct wav_kind aiff_16 = { AIFF, 1, "", 16, RA_WAV_S16_BE }, sowt_16 = { AIFC, 1, "sowt", 16, RA_WAV_S16 };
    for (int n = 0; n < 4; n++) {                                       /* a program that was switched off, or wrote into a pipe */
        static const uint32_t riff_sizes[] = { 0, 0xFFFFFFFFu, 36, 20 };
        plain_wav(&file, 1, 1, 48000, 16, ramp, 40);
        size_t count = file.count;
        file.count = 4; put(&file, riff_sizes[n], 4);
        file.count = 40; put(&file, 0, 4);
        file.count = count;
        check_read(&file, "a data chunk that was never finished", 1, 48000, ramp_floats, 20);
    }
    plain_wav(&file, 1, 1, 48000, 16, ramp, 0);                         /* empty, because there was no sound: what follows is none */
    put_word(&file, "LIST"); put(&file, 4, 4); put(&file, 1, 4); put_end(&file);
    check_read(&file, "an empty data chunk", 1, 48000, ramp_floats, 0);
    put_family(&file, WAVE64); put_kind_format(&file, &w64_16, 1, 48000, 0);
    for (int n = 0; n < 4; n++) {
        static const uint64_t w64_sizes[] = { 0, 24, INT64_MAX, UINT64_MAX };
        wav_file cut = file;
        put_chunk(&cut, WAVE64, "data", w64_sizes[n] - 24); put_bytes(&cut, ramp, 40);
        check_read(&cut, "Wave64 without a size", 1, 48000, ramp_floats, 20);
    }
    put_family(&file, WAVE64); put_chunk(&file, WAVE64, "fact", (uint64_t)-24 + 3);     /* a size that would lead backwards */
    put_kind_format(&file, &w64_16, 1, 48000, 0); put_kind_data(&file, &w64_16, ramp, 40);
    check_read(&file, "Wave64 with a small size", 1, 48000, ramp_floats, 20);
    for (int n = 0; n < 6; n++) {
        static const struct { uint32_t form, ssnd, frames, offset; size_t count; } aiffs[] = {
            { 0, 0, 0, 0, 20 },                     /* into a pipe */
            { 0x7F000000, 0x7F000000, 0x7F000000, 0, 20 },
            { 100, 0xFFFFFFFFu, 0xFFFFFFFFu, 0, 20 },
            { 100, 48, 13, 0, 13 },                 /* the rest is padding, because the format chunk says so */
            { 100, 48, 20, 10, 15 },                /* the samples begin later */
            { 100, 48, 20, 0xFFFFFFFFu, 0 },
        };
        put_family(&file, AIFC); put_kind_format(&file, &sowt_16, 1, 48000, aiffs[n].frames);
        put_chunk(&file, AIFC, "SSND", aiffs[n].ssnd); put_big(&file, aiffs[n].offset, 4); put(&file, 0, 4); put_bytes(&file, ramp, 40);
        size_t count = file.count;
        file.count = 4; put_big(&file, aiffs[n].form, 4); file.count = count;
        check_read(&file, "AIFC with odd sizes", 1, 48000, ramp_floats + (aiffs[n].offset == 10 ? 5 : 0), aiffs[n].count);
    }
    put_family(&file, AIFC); put_kind_format(&file, &sowt_16, 1, 48000, 4); put_chunk(&file, AIFC, "SSND", 7); put(&file, 0, 40); put_family_end(&file, AIFC);
    check_refused(&file, "a sound chunk of 7 bytes");
    uint8_t zeros[12];
    put_family(&file, RIFF); memcpy(zeros, file.bytes, 12);
    ra_wav_info nothing;
    thin_file hollow = { zeros, 12, (uint64_t)1 << 40, 0, UINT64_MAX };    /* 10^11 chunks of no bytes */
    check_same(ra_wav_parse(thin_read, &hollow, hollow.total, &nothing, &error), RA_BAD_WAV);
    check_most((double)hollow.reads, 70000);
    hollow.total = UINT64_MAX; hollow.reads = 0;
    check_same(ra_wav_parse(thin_read, &hollow, hollow.total, &nothing, &error), RA_BAD_WAV);

    test("wav: pad bytes that were forgotten, chunks in any order and twice");
    for (int is_padded = 0; is_padded < 2; is_padded++) {
        put_family(&file, RIFF);
        put_chunk(&file, RIFF, "LIST", 3); put(&file, 0x414141, 3); put(&file, 0, is_padded);
        put_kind_format(&file, &riff_16, 1, 48000, 0);
        put_chunk(&file, RIFF, "bext", 5); put(&file, 0x4141414141, 5); put(&file, 0, is_padded);
        put_kind_data(&file, &riff_16, ramp, 40); put_family_end(&file, RIFF);
        check_read(&file, is_padded ? "padded" : "not padded", 1, 48000, ramp_floats, 20);
    }
    put_family(&file, RIFF); put_kind_data(&file, &riff_16, ramp, 40); put_kind_format(&file, &riff_16, 2, 48000, 0); put_family_end(&file, RIFF);
    check_read(&file, "the format behind the data", 2, 48000, ramp_floats, 10);
    plain_wav(&file, 1, 1, 48000, 16, ramp, 20); put_data(&file, ramp + 64, 20); put_format(&file, 1, 2, 44100, 8); put_end(&file);
    check_read(&file, "two data chunks: the first counts", 1, 48000, ramp_floats, 10);
    put_family(&file, RIFF); put_kind_data(&file, &riff_16, ramp, 20); put_kind_data(&file, &riff_16, ramp + 64, 4);
    put_kind_format(&file, &riff_16, 1, 48000, 0); put_family_end(&file, RIFF);
    check_read(&file, "two data chunks before the format: the first counts", 1, 48000, ramp_floats, 10);
    put_family(&file, RIFF); put_kind_format(&file, &riff_16, 1, 48000, 0); put_kind_format(&file, &riff_16, 2, 44100, 0);
    put_kind_data(&file, &riff_16, ramp, 20); put_family_end(&file, RIFF);
    check_read(&file, "two format chunks: the first counts", 1, 48000, ramp_floats, 10);
    put_family(&file, AIFF);                                            /* what a Mac writes around it */
    put_chunk(&file, AIFF, "NAME", 5); put_bytes(&file, "Song\0", 6);
    uint8_t turned[40];
    for (int n = 0; n < 40; n++) turned[n] = ((const uint8_t *)ramp)[n ^ 1];
    put_kind_data(&file, &aiff_16, turned, 40); put_chunk(&file, AIFF, "MARK", 2); put(&file, 0, 2);
    put_kind_format(&file, &aiff_16, 1, 22255, 20); put_family_end(&file, AIFF);
    check_read(&file, "the sound before the common chunk", 1, 22255, ramp_floats, 20);
    put_family(&file, WAVE64); put_chunk(&file, WAVE64, "levl", 11); put(&file, 0, 11); put_padding(&file, WAVE64);
    put_kind_format(&file, &w64_16, 1, 48000, 0); put_kind_data(&file, &w64_16, ramp, 39); put_family_end(&file, WAVE64);
    put_chunk(&file, WAVE64, "data", 4); put(&file, 0, 8);
    check_read(&file, "Wave64 with chunks around", 1, 48000, ramp_floats, 19);
    file.bytes[41 + 64] ^= 1;                                           /* not "fmt " any more, and what was it then? */
    file.bytes[40 + 40 + 5] ^= 1;
    check_refused(&file, "Wave64 with another GUID");

    test("wav: AIFF's rates are floats of 80 bits");
    static const struct { uint32_t exponent; uint64_t mantissa; uint32_t rate; } rates[] = {       /* mantissa / 2^63 * 2^(exponent - 16383) */
        { 0x400E, 0xAC44000000000000, 44100 }, { 0x400E, 0xBB80000000000000, 48000 }, { 0x400B, 0xFA00000000000000, 8000 }, { 0x3FFF, 0x8000000000000000, 1 },
        { 0x4012, 0xBB80000000000000, 768000 }, { 0x400D, 0xADDD174600000000, 22255 },   /* 22254.545 Hz: the first Macintosh */
        { 0x400D, 0xADDD000000000000, 22255 }, { 0x4000, 0xA000000000000000, 3 },      /* a half is rounded up */
        { 0x4012, 0xBB80200000000000, 0 }, { 0x3FFE, 0xFFFFFFFFFFFFFFFF, 0 }, { 0, 0, 0 }, { 0x7FFF, 0x8000000000000000, 0 }, { 0xC00E, 0xAC44000000000000, 0 },
        { 0x403E, 0xFFFFFFFFFFFFFFFF, 0 }, { 0x403D, 0xFFFFFFFFFFFFFFFF, 0 }, { 0xFFFF, 0xFFFFFFFFFFFFFFFF, 0 }, { 0x7FFF, 0xC000000000000000, 0 },
    };
    for (size_t n = 0; n < sizeof rates / sizeof rates[0]; n++) {
        put_kind(&file, &aiff_16, 1, 48000, turned, 40);
        size_t count = file.count;
        file.count = 28; put_big(&file, rates[n].exponent, 2); put_big(&file, rates[n].mantissa, 8); file.count = count;
        if (rates[n].rate) check_read(&file, "a rate", 1, rates[n].rate, ramp_floats, 20);
        else { check_refused(&file, "an impossible rate"); read_exactly(file.bytes, file.count, &clip, &error); check(error.offset == 28 && strstr(error.text, "byte 28") && strstr(error.text, "768000")); }
    }

    test("wav: RF64 with its ds64 chunk is read, also one of 6 GB");
    file.count = 0;
    put_word(&file, "RF64"); put(&file, 0xFFFFFFFFu, 4); put_word(&file, "WAVE");
    put_word(&file, "ds64"); put(&file, 28, 4); put(&file, 36 + 36 + 40, 8); put(&file, 40, 8); put(&file, 20, 8); put(&file, 0, 4);
    put_format(&file, 1, 1, 48000, 16);
    put_word(&file, "data"); put(&file, 0xFFFFFFFFu, 4); put_bytes(&file, ramp, 40);
    put_word(&file, "LIST"); put(&file, 4, 4); put(&file, 1, 4);        /* behind the data: not music */
    check_read(&file, "RF64", 1, 48000, ramp_floats, 20);
    for (int n = 0; n < 5; n++) {                                       /* without it, too short, empty, or too late: then all that is there */
        put_family(&file, RF64);
        if (n == 1) { put_chunk(&file, RF64, "ds64", 12); put(&file, 1, 12); }
        if (n == 2) { put_chunk(&file, RF64, "ds64", 28); put(&file, 0, 28); }
        if (n == 3) { put_chunk(&file, RF64, "ds64", 16); put(&file, 0, 8); put(&file, UINT64_MAX - 7, 8); }
        put_kind_format(&file, &rf64_16, 1, 48000, 0); put_kind_data(&file, &rf64_16, ramp, 40);
        if (n == 4) put_data(&file, ramp, 4);
        check_read(&file, "RF64 without its sizes", 1, 48000, n == 4 ? (memcpy(ramp_floats + 20, (float[]){ 24932 / 32768.0f, 24948 / 32768.0f, 4 / 32768.0f, 0, 0, 1 / 32768.0f }, 24), ramp_floats) : ramp_floats, n == 4 ? 26 : 20);
    }
    for (int n = 20; n < 26; n++) ramp_floats[n] = 0;
    put_family(&file, RF64);                                            /* a size of 32 bits counts where there is one */
    put_chunk(&file, RF64, "ds64", 28); put(&file, 0, 8); put(&file, 40, 8); put(&file, 0, 12);
    put_kind_format(&file, &rf64_16, 1, 48000, 0); put_data(&file, ramp, 20); put_data(&file, ramp, 20);
    check_read(&file, "RF64 with a small size", 1, 48000, ramp_floats, 10);
    ra_wav_info info = { .format = RA_WAV_S24, .channels = 2, .sample_rate_hz = 96000, .frame_bytes = 6, .frame_count = 1000000000 }, back;
    uint8_t header[80];
    size_t header_bytes = ra_wav_header(&info, header);
    check(header_bytes <= 80 && memcmp(header, "RF64", 4) == 0);
    thin_file thin = { header, header_bytes, header_bytes + 6000000000u, 0, UINT64_MAX };
    if (check_same(ra_wav_parse(thin_read, &thin, thin.total, &back, &error), RA_OK)) {
        check(back.format == RA_WAV_S24 && back.channels == 2 && back.sample_rate_hz == 96000 && back.frame_bytes == 6);
        check_same(back.data_offset, header_bytes);
        check_same(back.frame_count, 1000000000);
    }
    check_most((double)thin.reads, 20);
    thin.total = header_bytes + 600;                                    /* cut: what is there counts */
    check(ra_wav_parse(thin_read, &thin, thin.total, &back, &error) == RA_OK && back.frame_count == 100);
    wav_file long_start;                                                /* Wave64 needs nothing for that, not even for the size that is special elsewhere */
    for (int n = 0; n < 2; n++) {
        put_family(&long_start, WAVE64); put_kind_format(&long_start, &w64_16, 2, 96000, 0); put_chunk(&long_start, WAVE64, "data", n ? 6000000000u : UINT32_MAX);
        thin_file wave64 = { long_start.bytes, long_start.count, long_start.count + 7000000000u, 0, UINT64_MAX };
        check(ra_wav_parse(thin_read, &wave64, wave64.total, &back, &error) == RA_OK && back.frame_count == (n ? 1500000000u : UINT32_MAX / 4) && back.data_offset == long_start.count);
    }
    for (uint64_t n = 0; n < 8; n++) {                                  /* the reader fails: an answer, no crash */
        thin.reads = 0; thin.fails_after = n;
        result = ra_wav_parse(thin_read, &thin, thin.total, &back, &error);
        check(result == RA_OK ? back.frame_count <= 100 : error.text[0] != 0);
    }

    test("wav: impossible headers are refused in a sentence that names the number and its place");
    static const struct { const char *what; uint32_t tag, channels, rate, bits; const char *word; uint64_t offset; } impossible[] = {
        { "0 channels", 1, 0, 48000, 16, "0 channels", 22 },   { "65 channels", 1, 65, 48000, 16, "65", 22 },   { "65535 channels", 1, 65535, 48000, 16, "65535", 22 },
        { "rate 0", 1, 2, 0, 16, "0 Hz", 24 },                 { "rate 768001", 1, 2, 768001, 16, "768001", 24 }, { "0 bits", 1, 2, 48000, 0, "0 bits", 34 },
        { "12 bits", 1, 2, 48000, 12, "12", 34 },              { "64 bit integers", 1, 2, 48000, 64, "64", 34 }, { "16 bit float", 3, 2, 48000, 16, "float", 34 },
        { "24 bit float", 3, 2, 48000, 24, "24", 34 },         { "MP3 inside", 0x55, 2, 48000, 16, "85", 20 },  { "ADPCM", 2, 2, 48000, 4, "2", 20 }, { "tag 0", 0, 2, 48000, 16, "0", 20 },
        { "A-law of 16 bits", 6, 1, 8000, 16, "A-law samples of 16 bits", 34 }, { "u-law of 7 bits", 7, 1, 8000, 7, "u-law samples of 7", 34 }, { "tag 8", 8, 1, 8000, 8, "8 is none", 20 },
    };
    for (size_t n = 0; n < sizeof impossible / sizeof impossible[0]; n++) {
        plain_wav(&file, impossible[n].tag, impossible[n].channels, impossible[n].rate, impossible[n].bits, ramp, 40);
        check_refused(&file, impossible[n].what);
        read_exactly(file.bytes, file.count, &clip, &error);
        if (!strstr(error.text, impossible[n].word) || error.offset != impossible[n].offset)
            complain(__LINE__, "%s: got '%s' at %llu, want '%s' at %llu", impossible[n].what, error.text, (unsigned long long)error.offset, impossible[n].word,
                     (unsigned long long)impossible[n].offset);
    }
    for (uint32_t size = 0; size < 16; size += 8) {                     /* the famous fmt chunks of 0 and 8 bytes */
        put_start(&file);
        put_word(&file, "fmt "); put(&file, size, 4); put(&file, 0x0002000100020001u, (int)size);
        put_data(&file, ramp, 40); put_end(&file);
        check_refused(&file, "a short fmt chunk");
    }
    for (uint32_t size = 0; size < 22; size++) {                        /* AIFF wants 18, AIFC 22 */
        put_family(&file, AIFC); put_chunk(&file, AIFC, "COMM", size); put(&file, 0x0101010101010101u, (int)size); put_padding(&file, AIFC);
        put_kind_data(&file, &sowt_16, ramp, 40); put_family_end(&file, AIFC);
        check_refused(&file, "a short common chunk");
    }
    struct wav_kind strange = { AIFC, 1, "MAC3", 16, RA_WAV_S16 };
    put_kind(&file, &strange, 1, 48000, ramp, 40);
    check_refused(&file, "MACE inside AIFC");
    check(read_exactly(file.bytes, file.count, &clip, &error) == RA_BAD_WAV && error.offset == 38 && strstr(error.text, "byte 38") && strstr(error.text, "sowt"));
    for (uint32_t bits = 0; bits <= 0xFFFF; bits = bits ? 2 * bits + 1 : 33) {
        strange = (struct wav_kind){ AIFF, 1, "", bits, RA_WAV_S16_BE };
        put_kind(&file, &strange, 1, 48000, ramp, 40);
        check_refused(&file, "AIFF of impossible bits");
    }
    put_kind(&file, &aiff_16, 65, 48000, ramp, 130);
    check_refused(&file, "AIFF of 65 channels");
    put_start(&file); put_word(&file, "fmt "); put(&file, 0xFFFFFFF0u, 4); put(&file, 0x0001000100010001u, 8);
    check_refused(&file, "a huge fmt chunk");
    put_start(&file); put_format(&file, 1, 1, 48000, 16); put_end(&file);
    check_refused(&file, "no data chunk");
    put_start(&file); put_data(&file, ramp, 40); put_end(&file);
    check_refused(&file, "no fmt chunk");
    put_start(&file);
    check_refused(&file, "only a start");
    file.count = 0;
    check_refused(&file, "nothing");
    put_word(&file, "OggS"); put(&file, 0, 40);
    check_refused(&file, "an Ogg file");
    plain_wav(&file, 1, 1, 48000, 16, ramp, 40);
    memcpy(file.bytes + 8, "AVI ", 4);
    check_refused(&file, "an AVI file");
    put_kind(&file, &aiff_16, 1, 48000, ramp, 40);
    memcpy(file.bytes + 8, "ILBM", 4);
    check_refused(&file, "a picture of an Amiga");
    put_kind(&file, &w64_16, 1, 48000, ramp, 40);
    file.bytes[39] ^= 1;
    check_refused(&file, "a GUID that is not Wave64's");

    test("wav: a file cut at any byte gives the frames that are there, or a sentence");
    wav_file seeds[3];
    plain_wav(&seeds[0], 1, 2, 48000, 16, ramp, 80);
    put_start(&seeds[1]);
    put_word(&seeds[1], "LIST"); put(&seeds[1], 7, 4); put(&seeds[1], 0, 8);
    put_format(&seeds[1], 0xFFFE, 2, 48000, 24); put(&seeds[1], 22, 2); put(&seeds[1], 24, 2); put(&seeds[1], 3, 4); put(&seeds[1], 1, 2); put_bytes(&seeds[1], guid_tail, 14);
    put_data(&seeds[1], ramp, 60); put_end(&seeds[1]);
    seeds[2].count = 0;
    put_word(&seeds[2], "RF64"); put(&seeds[2], 0xFFFFFFFFu, 4); put_word(&seeds[2], "WAVE");
    put_word(&seeds[2], "ds64"); put(&seeds[2], 28, 4); put(&seeds[2], 36 + 36 + 40, 8); put(&seeds[2], 40, 8); put(&seeds[2], 10, 8); put(&seeds[2], 0, 4);
    put_format(&seeds[2], 3, 1, 48000, 32);
    put_word(&seeds[2], "data"); put(&seeds[2], 0xFFFFFFFFu, 4); put_bytes(&seeds[2], floats, 16);
    for (int seed = 0; seed < 3; seed++)
        for (size_t cut = 0; cut <= seeds[seed].count; cut++) {
            result = read_exactly(seeds[seed].bytes, cut, &clip, &error);
            if (!is_clean(result, clip, &error, cut)) { complain(__LINE__, "file %d cut at %zu", seed, cut); break; }
            if (seed == 0 && cut >= 48 && !check(result == RA_OK && clip->frame_count == (cut - 44) / 4)) break;
            if (result == RA_OK) ra_clip_destroy(clip);
        }

    test("wav: no change of a byte, and no ten thousand random ones, leads to more than a sentence");
    noise_state = 51;
    size_t read_count = 0, refused_count = 0;
    for (int seed = 0; seed < 3; seed++)
        for (size_t round = 0; round < seeds[seed].count * 6 + (TEST_SLOW ? 2000 : 10000); round++) {
            file = seeds[seed];
            size_t place = round / 6;
            static const uint8_t values[6] = { 0x00, 0xFF, 0x7F, 0x80, 0x01, 0 };
            if (place < file.count) file.bytes[place] = round % 6 < 5 ? values[round % 6] : (uint8_t)noise_word();
            else for (int n = 0; n < 3; n++) file.bytes[noise_word() % (n ? file.count : 100)] = (uint8_t)(noise_word() % 3 ? noise_word() : noise_word() % 5);
            result = read_exactly(file.bytes, file.count, &clip, &error);
            if (!is_clean(result, clip, &error, file.count)) { complain(__LINE__, "file %d, round %zu", seed, round); break; }
            if (result == RA_OK) { read_count++; ra_clip_destroy(clip); } else refused_count++;
        }
    check(read_count > 500 && refused_count > 500);

    for (int n = 0; n < WAV_KINDS; n++) {
        uint8_t data[40];
        fill_data(wav_kinds[n].format, data, 40 / sample_byte_counts[wav_kinds[n].format]);
        wav_file whole;
        put_kind(&whole, &wav_kinds[n], 1 + (uint32_t)n % 2, 44100, data, 40);
        for (size_t round = 0; round < 90 * 4 + (TEST_SLOW ? 200 : 2000); round++) {
            file = whole;
            size_t place = round / 4;
            if (place < 90 && place < file.count) file.bytes[place] = (uint8_t)"\x00\xFF\x80\x01"[round % 4];
            else for (int k = 0; k < 3; k++) file.bytes[noise_word() % (k ? file.count : 90)] = (uint8_t)(noise_word() % 3 ? noise_word() : noise_word() % 5);
            const char *wrong = fuzz_read(file.bytes, file.count);
            if (wrong) { complain(__LINE__, "kind %d, round %zu: %s", n, round, wrong); break; }
        }
    }

    test("wav: nothing that once broke something does so again");
    static const struct { size_t byte_count; const char *bytes; } broken[] = {      /* as ./build.sh fuzz prints them; these two once a bound was taken out on purpose */
        { 64, "\x00\x46\x4f\x52\x4d\x00\x00\x00\x8e\x41\x49\x46\x46\x43\x4f\x4d\x4d\x00\x00\x00\x12\x00\x01\x00\x00\x00\x60\x00\x08\x40\x0e\xac\x44\x00\x00\x00\x00\x00\x00\x53\x53\x4e\x44\x00\x00\x00\x68\x00\x06\x00\x00\x00\x00\x00\x00\x00\x00\xc8\x5f\xf5\x85\x33\x37\x11" },
        { 70, "\x00\x46\x4f\x52\x4d\x00\x00\x00\x94\x41\x49\x46\x43\x43\x4f\x4d\x4d\x00\x00\x00\x18\x00\x02\x00\x00\x00\x30\x00\x08\x40\x0e\xac\x44\x00\x00\x00\x00\x00\x00\x72\x61\x77\x20\x00\x00\x53\x53\x4e\x44\x00\x00\x00\x68\x0e\xac\x44\x00\x00\x00\x00\x00\x00\x72\x61\x77\x20\x00\x00\x53\x53\x4e\x44\x00\x00" },
    };
    for (size_t n = 0; n < sizeof broken / sizeof broken[0]; n++) {
        uint8_t *copy = malloc(broken[n].byte_count);
        memcpy(copy, broken[n].bytes, broken[n].byte_count);
        const char *wrong = fuzz_one(copy, broken[n].byte_count);
        if (wrong) complain(__LINE__, "input %zu: %s", n, wrong);
        free(copy);
    }

    test("wav: integers come back as they were, all of 8 and 16 bits and many of 24");
    for (int kind = 0; kind < 3; kind++) {
        static uint8_t before[65536 * 3], after[65536 * 3];
        size_t count = kind == 0 ? 256 : 65536, bytes = (size_t)kind + 1;
        for (size_t n = 0; n < count; n++)
            for (size_t k = 0; k < bytes; k++) before[n * bytes + k] = (uint8_t)(kind == 2 ? (n * 257 + (n << 8)) >> (8 * k) : n >> (8 * k));
        ra_wav_decode(wav_formats[kind].format, before, output, count);
        ra_wav_encode(wav_formats[kind].format, output, after, count, NULL);
        check(memcmp(before, after, count * bytes) == 0);
    }

    test("wav: encoding rounds to the nearest step, limits to full scale and makes no noise of NaN");
    fill_noise(input, 10000, 1, 52);
    for (int f = 0; f < RA_WAV_WRITABLE_COUNT; f++) {
        static uint8_t bytes[80000];
        double step = f >= RA_WAV_F32 ? 0 : pow(2, 1 - (double)wav_formats[f].bits), worst = 0;
        ra_wav_encode(wav_formats[f].format, input, bytes, 10000, NULL);
        ra_wav_decode(wav_formats[f].format, bytes, output, 10000);
        for (int n = 0; n < 10000; n++) if (input[n] <= 1 - step) worst = fmax(worst, fabs((double)output[n] - input[n]));
        check_most(worst, f == RA_WAV_S32 ? 6e-8 : step / 2);            /* 32 bits are more than a float has */
        if (f >= RA_WAV_F32) { check_samples(output, input, 10000); continue; }          /* floats are written as they are */
        const float extremes[6] = { 2, -2, 1e30f, -1e30f, 1, -1 };
        ra_wav_encode(wav_formats[f].format, extremes, bytes, 6, NULL);
        ra_wav_decode(wav_formats[f].format, bytes, output, 6);
        for (int n = 0; n < 6; n++) check_near(output[n], extremes[n] > 0 ? 1 : -1, step + 1e-9);
        const float bad[3] = { NAN, INFINITY, -INFINITY };
        ra_wav_encode(wav_formats[f].format, bad, bytes, 3, NULL);
        ra_wav_decode(wav_formats[f].format, bytes, output, 3);
        check_near(output[0], 0, 0);
        check_near(output[1], 1, step + 1e-9);
        check_near(output[2], -1, 1e-9);
    }

    test("wav: a 16-bit file written as 16 bits again is the same file, dither or not");
    {
        static int16_t words[65536], again[65536];
        uint64_t seed = 3;
        for (int k = 0; k < 65536; k++) words[k] = (int16_t)(k - 32768);
        ra_wav_decode(RA_WAV_S16, words, input, 65536);
        ra_wav_encode(RA_WAV_S16, input, again, 65536, &seed);
        check(memcmp(words, again, sizeof words) == 0);
    }

    test("wav: dither is triangular: no bias and a quarter step squared of noise, whatever the level");
    for (int n = 0; n < 5; n++) {
        static int16_t words[100000];
        static const double levels[] = { 0.01, 0.25, 0.5, -0.7, 1000.1 };           /* in 16 bit steps */
        uint64_t seed = 7;
        for (int k = 0; k < 100000; k++) input[k] = (float)(levels[n] / 32768);
        ra_wav_encode(RA_WAV_S16, input, words, 100000, &seed);
        check(seed != 7);
        double mean = 0, power = 0, worst = 0;
        for (int k = 0; k < 100000; k++) { double e = words[k] - (double)input[k] * 32768; mean += e; power += e * e; worst = fmax(worst, fabs(e)); }
        check_near(mean / 1e5, 0, 4 * 0.5 / 316);                       /* four deviations of the mean of 10^5 */
        check_near(power / 1e5, 0.25, 0.006);                           /* (2 + 1) / 12 of a step squared */
        check_most(worst, 1.5);
        if (n == 3) { check_golden("wav s16 with dither", words, 100000); }
        static int16_t again[100000];
        seed = 7;
        ra_wav_encode(RA_WAV_S16, input, again, 100000, &seed);
        check(memcmp(words, again, sizeof words) == 0);
    }

    test("wav: what is only read is not written");
    for (int f = RA_WAV_WRITABLE_COUNT; f <= RA_WAV_FORMAT_COUNT; f++) {
        info = (ra_wav_info){ .format = (ra_wav_format)f, .channels = 1, .sample_rate_hz = 44100, .frame_count = 1 };
        memset(header, '#', sizeof header);
        check_same(ra_wav_header(&info, header), 0);
        ra_wav_encode((ra_wav_format)f, input, header, 10, NULL);
        for (size_t n = 0; n < sizeof header; n++) check(header[n] == '#');
    }

    test("wav: the header of every format is read back as it was meant");
    for (int f = 0; f < RA_WAV_WRITABLE_COUNT; f++)
        for (uint32_t channels = 1; channels <= 64; channels = channels * 3 + 1) {
            info = (ra_wav_info){ .format = wav_formats[f].format, .channels = channels, .sample_rate_hz = 44100, .frame_bytes = channels * wav_formats[f].bits / 8, .frame_count = 1001 };
            header_bytes = ra_wav_header(&info, header);
            thin = (thin_file){ header, header_bytes, header_bytes + 1001 * (uint64_t)info.frame_bytes + (1001 * info.frame_bytes & 1), 0, UINT64_MAX };
            check(header_bytes >= 44 && header_bytes <= 80 && memcmp(header, "RIFF", 4) == 0);
            uint32_t riff_size = (uint32_t)header[4] | (uint32_t)header[5] << 8 | (uint32_t)header[6] << 16 | (uint32_t)header[7] << 24;
            check(riff_size == thin.total - 8 || riff_size == header_bytes + 1001 * (uint64_t)info.frame_bytes - 8);
            if (!check_same(ra_wav_parse(thin_read, &thin, thin.total, &back, NULL), RA_OK)) break;
            check(back.format == info.format && back.channels == channels && back.sample_rate_hz == 44100 && back.frame_bytes == info.frame_bytes);
            check(back.data_offset == header_bytes && back.frame_count == 1001);
        }

#if !RA_WASM
    test("wav: whole files are saved and loaded, and failures have a sentence and leave nothing behind");
    char path[64];
    snprintf(path, sizeof path, "/tmp/rustyaudio-test-%d.wav", (int)getpid());
    fill_noise(input, 15003, 0.9f, 53);
    for (int f = 0; f < RA_WAV_WRITABLE_COUNT; f++) {
        if (!check_same(ra_wav_save(path, (ra_wav_format)f, input, 5001, 3, 44100, &error), RA_OK)) break;
        FILE *saved = fopen(path, "rb");               /* not a byte too many: header, samples, one pad byte if they are odd */
        if (saved) { fseek(saved, 0, SEEK_END); check(ftell(saved) >= 44 + 5001 * 3 * wav_formats[f].bits / 8 && ftell(saved) <= 81 + 5001 * 3 * wav_formats[f].bits / 8); fclose(saved); }
        if (!check_same(ra_wav_load(path, &clip, &error), RA_OK)) break;
        check(clip->channels == 3 && clip->sample_rate_hz == 44100 && clip->frame_count == 5001);
        double worst = 0;
        for (int n = 0; n < 15003; n++) worst = fmax(worst, fabs((double)clip->samples[n] - input[n]));
        check_most(worst, f >= RA_WAV_F32 ? 0 : f == RA_WAV_S16 ? 1.5 / 32768 : pow(2, 1 - (double)wav_formats[f].bits) / 2 + 6e-8);
        ra_clip_destroy(clip);
    }
    check_same(ra_wav_save(path, RA_WAV_F64, input, 5001, 3, 44100, &error), RA_OK);
    long long most = 0, failures = 0;                  /* by pieces: 60 KB of clip from 120 KB of file */
    for (int n = 1; n < 10; n++) {
        memory.fail_at = memory.count + n;
        result = ra_wav_load(path, &clip, &error);
        bool has_failed = memory.count >= memory.fail_at;
        memory.fail_at = 0;
        failures += has_failed;
        if (has_failed) check(result == RA_NO_MEMORY && clip == NULL && error.code == RA_NO_MEMORY && strlen(error.text) > 10);
        else { check_same(result, RA_OK); most = n - 1; ra_clip_destroy(clip); break; }
    }
    check(most == 2 && failures == 2);                 /* the clip and its samples, no room for the file */
    memory.cuts = path;                                /* somebody is writing it anew */
    check(ra_wav_load(path, &clip, &error) == RA_NO_FILE && clip == NULL && error.code == RA_NO_FILE && strstr(error.text, "after frame"));
    memory.cuts = NULL;
    check_same(ra_wav_save(path, RA_WAV_F64, input, 5001, 3, 44100, &error), RA_OK);
    check_same(truncate(path, 44 + 24 * 1000 + 5), 0);
    if (check_same(ra_wav_load(path, &clip, &error), RA_OK)) { check_same(clip->frame_count, 1000); ra_clip_destroy(clip); }
    check_same(unlink(path), 0);
    clip = (ra_clip *)1;
    check_same(ra_wav_load(path, &clip, &error), RA_NO_FILE);
    check(clip == NULL && error.code == RA_NO_FILE && strlen(error.text) > 10);
    check_same(ra_wav_load("/tmp", &clip, &error) == RA_OK, false);
    check_same(ra_wav_load(path, &clip, NULL), RA_NO_FILE);
    check_same(ra_wav_save("/nowhere/at/all.wav", RA_WAV_S16, input, 10, 1, 44100, &error), RA_NO_FILE);
    check(error.code == RA_NO_FILE && strlen(error.text) > 10);
    check(ra_wav_save(path, RA_WAV_S16, input, 10, 0, 44100, &error) != RA_OK && access(path, F_OK) != 0);
    check(ra_wav_save(path, RA_WAV_S16, input, 10, 1, 0, &error) != RA_OK && access(path, F_OK) != 0);
    for (int f = RA_WAV_WRITABLE_COUNT; f <= RA_WAV_FORMAT_COUNT; f++)
        check(ra_wav_save(path, (ra_wav_format)f, input, 10, 1, 44100, &error) == RA_BAD_ARGUMENT && strstr(error.text, "not written") && access(path, F_OK) != 0);
#endif
}

/* ---- [11] ROUTER ------------------------------------------------------------------------------- */

static ra_engine *engine_at(uint32_t rate)
{
    ra_engine *engine = NULL;
    ra_engine_desc desc = { .sample_rate_hz = rate };
    check_same(ra_engine_create(&desc, &engine), RA_OK);
    return engine;
}
static void load(ra_engine *engine, ra_clip *clip) { if (!check_same(ra_engine_load(engine, clip), RA_OK)) ra_clip_destroy(clip); }
static ra_snapshot snapshot_of(ra_engine *engine)
{
    ra_snapshot snapshot;
    ra_engine_get_snapshot(engine, &snapshot);
    return snapshot;
}
/* Has the pool transform what the tap has, and waits for it: a page does this over a few frames. */
static uint32_t spectrum_of(ra_engine *engine, ra_pool *pool, float bins_db[RA_SPECTRUM_BINS])
{
    ra_engine_tick(engine, pool);
    ra_pool_run(pool, 0);
    ra_engine_tick(engine, pool);
    ra_pool_run(pool, 0);
    ra_engine_tick(engine, pool);
    return ra_engine_get_spectrum(engine, bins_db);
}

static void test_router(void)
{
    static float bins[RA_SPECTRUM_BINS], bins_again[RA_SPECTRUM_BINS];
    const double on_bin = 100 * 48000 / 4096.0;        /* the middle of bin 100 */
    ra_pool *pool = NULL;
    test("router: a source goes to many places, each with its gain and mute, sums and gains exact");
    ra_router router = { .glide_frames = 0 };
    fill_noise(input, 2000, 0.5f, 60);
    fill_noise(third, 2000, 0.5f, 62);
    static float ways[4][2000];
    const float *const sources[RA_ROUTER_SOURCES] = { input, third };
    float *const destinations[RA_ROUTER_DESTINATIONS] = { ways[0], ways[1], ways[2], ways[3] };
    check_same(ra_router_set(&router, 0, 0, 1, false), RA_OK);
    check_same(ra_router_set(&router, 0, 1, 0.5f, false), RA_OK);
    check_same(ra_router_set(&router, 0, 2, 1, true), RA_OK);
    check_same(ra_router_set(&router, 1, 1, -0.25f, false), RA_OK);
    memset(ways, 0x55, sizeof ways);
    ra_router_process(&router, sources, destinations, 1000);
    for (int n = 0; n < 2000; n++) other[n] = 0.5f * input[n] + -0.25f * third[n];
    check_samples(ways[0], input, 2000);               /* gain 1 passes every bit */
    check_samples(ways[1], other, 2000);
    check(is_silent(ways[2], 2000) && is_silent(ways[3], 2000));         /* muted; not connected */
    float *const nowhere[RA_ROUTER_DESTINATIONS] = { ways[0], NULL, ways[2], ways[3] };
    const float *const no_source[RA_ROUTER_SOURCES] = { NULL, third };
    ra_router_process(&router, sources, nowhere, 1000);                  /* a place that is not there today */
    check_samples(ways[0], input, 2000);
    ra_router_process(&router, no_source, destinations, 1000);           /* a source that has nothing */
    for (int n = 0; n < 2000; n++) other[n] = -0.25f * third[n];
    check(is_silent(ways[0], 2000));
    check_samples(ways[1], other, 2000);
    check_same(ra_router_set(&router, RA_ROUTER_SOURCES, 0, 1, false), RA_BAD_ARGUMENT);
    check_same(ra_router_set(&router, 0, RA_ROUTER_DESTINATIONS, 1, false), RA_BAD_ARGUMENT);
    check_same(ra_router_set(&router, 0, 0, NAN, false), RA_BAD_ARGUMENT);

    test("router: gains, mutes and sources that go fade without a step above 2^-10, and land exactly");
    router.glide_frames = 2000;
    for (int n = 0; n < 2000; n++) input[n] = third[n] = 0.5f;
    double last = 0.5, step = 0;
    for (int change = 0; change < 4; change++) {
        if (change == 0) ra_router_set(&router, 0, 0, 0.25f, false);
        if (change == 1) ra_router_set(&router, 0, 0, 0.25f, true);
        if (change == 2) ra_router_set(&router, 0, 0, 1, false);
        if (change == 3) ra_router_remove_source(&router, 0);
        for (int part = 0; part < 3; part++) {
            ra_router_process(&router, sources, destinations, 1000);
            for (int n = 0; n < 2000; n += 2) { step = fmax(step, fabs(ways[0][n] - last)); last = ways[0][n]; }
        }
        check_near(last, change == 0 ? 0.125 : change == 2 ? 0.5 : 0, 0);
    }
    check_most(step, 1 / 1024.0);
    ra_router_process(&router, sources, destinations, 1000);
    check_samples(ways[0], ways[3], 2000);             /* source 0 is gone: silence, as where nothing was ever connected */
    check_near(ways[1][1999], -0.125, 0);              /* source 1 stays */
    check_same(router.route_count, 1);

    test("router: the analyser gets what goes out: a sine on a bin has its level there and nothing elsewhere");
    ra_pool_create(1, &pool);
    for (int kind = 0; kind < 3; kind++) {             /* both sides at -6 dB; left only; left only and 20 dB less volume */
        ra_engine *engine = engine_at(48000);
        check_same(ra_engine_get_spectrum(engine, bins), 0);
        fill_sine(input, 24000, 2, on_bin, 48000, 0.5);
        if (kind) for (int n = 0; n < 24000; n++) input[2 * n + 1] = 0;
        if (kind == 2) ra_engine_set_volume_db(engine, -20);
        load(engine, clip_of(input, 24000, 2, 48000));
        ra_engine_play(engine);
        uint32_t number = 0;
        for (int n = 0; n < 10; n++) { render(engine, output, 2048, 128); number = spectrum_of(engine, pool, bins); }
        check(number > 0);
        double want = decibels(0.5) - (kind ? 10 * log10(2) : 0) - (kind == 2 ? 20 : 0);     /* the mean of both powers */
        check_near(bins[100], want, 0.01);
        check_near(bins[99], want - decibels(2), 0.02);          /* the Hann window's neighbours are half as high */
        check_near(bins[101], want - decibels(2), 0.02);
        double leak = -200;
        for (int bin = 0; bin < RA_SPECTRUM_BINS; bin++) if (abs(bin - 100) > 2) leak = fmax(leak, bins[bin]);
        check_most(leak, want - 110);                            /* float noise of a transform, in one bin of 2049 */
        for (int bin = 0; bin < RA_SPECTRUM_BINS; bin++) if (!check(bins[bin] >= -160 && bins[bin] <= 1)) break;
        check_same(ra_engine_get_spectrum(engine, bins_again), number);
        check_samples(bins_again, bins, RA_SPECTRUM_BINS);       /* the same number, the same spectrum */
        check_same(snapshot_of(engine).tap_lost_frames, 0);
        for (int n = 0; n < 30; n++) { render(engine, output, 2048, 128); number = spectrum_of(engine, pool, bins); }
        check_near(bins[100], -160, 0);                          /* the clip is over: silence has the floor */
        ra_engine_destroy(engine);
    }
    ra_pool_destroy(pool);

    test("router: an analyser that sleeps loses frames, is told how many, and never disturbs the output");
    ra_engine *engine = engine_at(48000);
    fill_noise(input, 192000, 0.5f, 61);
    load(engine, clip_of(input, 96000, 2, 48000));
    ra_engine_play(engine);
    render(engine, output, 96000, 128);
    check_samples(output, input, 192000);
    ra_snapshot snapshot = snapshot_of(engine);
    check(snapshot.tap_lost_frames > 0 && snapshot.tap_lost_frames < 96000);
    ra_engine_tick(engine, NULL);                      /* nobody transforms: no spectrum */
    check_same(ra_engine_get_spectrum(engine, bins), 0);
    ra_pool_create(1, &pool);                          /* and it recovers */
    render(engine, output, 4096, 128); spectrum_of(engine, pool, bins);
    render(engine, output, 4096, 128);
    check(spectrum_of(engine, pool, bins) > 0);
    ra_engine_destroy(engine);
    ra_pool_destroy(pool);

    test("router: the soft clip is last: the output never exceeds 1 and says how often it was needed");
    engine = engine_at(48000);
    for (int n = 0; n < 20000; n++) input[n] = n % 2000 < 1000 ? 0.5f : -0.5f;
    load(engine, clip_of(input, 10000, 2, 48000));
    ra_chain_spec spec = spec_of("gain db=40");
    ra_engine_set_chain(engine, &spec);
    ra_engine_set_volume_db(engine, 12);
    ra_engine_play(engine);
    render(engine, output, 10000, 128);
    check(peak_of(output, 20000) <= 1 && peak_of(output, 20000) > 0.95);
    check(snapshot_of(engine).soft_clip_count > 5000);
    ra_engine_destroy(engine);
    engine = engine_at(48000);
    load(engine, clip_of(input, 10000, 2, 48000));
    ra_engine_play(engine);
    render(engine, output, 10000, 128);
    check_same(snapshot_of(engine).soft_clip_count, 0);          /* -6 dBFS does not need it */
    ra_engine_destroy(engine);
}

/* ---- [12] ENGINE ------------------------------------------------------------------------------- */

/* A session with every command, at frames that no block size knows of. */
static void play_session(ra_engine *engine, uint32_t rate, uint32_t block)
{
    ra_chain_spec one = spec_of("eq peaking hz=1000 db=6 q=1; eq lowshelf hz=200 db=-3"), two = spec_of("eq peaking hz=3000 db=-8 q=2; eq lowshelf hz=150 db=5"),
                  three = spec_of("gain db=-3; softclip");
    static const uint32_t lengths[] = { 3001, 5000, 4999, 6001, 3000, 4001, 7000, 3999, 6000, 4999 };
    fill_noise(input, 60000, 0.7f, 71);
    load(engine, clip_of(input, 30000, 2, rate));
    ra_engine_set_chain(engine, &one);
    ra_engine_play(engine);
    float *out = output;
    for (int n = 0; n < 10; n++) {
        render(engine, out, lengths[n], block);
        out += 2 * lengths[n];
        switch (n) {
        case 0: ra_engine_set_volume_db(engine, -4); break;
        case 1: ra_engine_set_chain(engine, &two); break;
        case 2: ra_engine_seek(engine, 0.1); break;
        case 3: ra_engine_pause(engine); break;
        case 4: ra_engine_play(engine); ra_engine_set_loop(engine, true); break;
        case 5: ra_engine_set_chain(engine, &three); break;
        case 6: ra_engine_seek(engine, 0.55); break;
        case 7: ra_engine_set_volume_db(engine, 0); ra_engine_seek(engine, 0.2); break;
        case 8: ra_engine_stop(engine); break;
        }
    }
}
enum { SESSION_FRAMES = 48000 };
/* The first place where want goes on exactly as got does; -1: nowhere. */
static long find_frames(const float *got, const float *want, long want_frames, int count)
{
    for (long place = 0; place + count <= want_frames; place++)
        if (memcmp(got, want + 2 * place, (size_t)count * 2 * sizeof(float)) == 0) return place;
    return -1;
}

/* Carries bytes between an engine that is commanded and one that renders, as the page does by messages. */
static void carry(ra_engine *front, ra_engine *back)
{
    static uint8_t bytes[1 << 20];
    for (int n = 0; n < 8; n++) {                      /* more than one LOAD may wait */
        uint32_t serial = 0;
        ra_clip *copy = NULL;
        const ra_clip *clip = ra_bridge_pending_clip(front, &serial);
        if (clip) {
            if (ra_clip_create(clip->frame_count, clip->channels, clip->sample_rate_hz, &copy) != RA_OK) return;
            memcpy(copy->samples, clip->samples, (size_t)clip->frame_count * clip->channels * sizeof(float));
            ra_bridge_clip_delivered(front, serial);
        }
        size_t byte_count = ra_bridge_take_commands(front, bytes, 16384);
        check(byte_count <= 16384);
        ra_bridge_give_commands(back, bytes, byte_count, &copy);
        check(copy == NULL);                           /* its LOAD was among them */
        if (!clip && !byte_count) break;
    }
    size_t byte_count = ra_bridge_take_report(back, bytes, sizeof bytes);
    check(byte_count <= sizeof bytes);
    ra_bridge_give_report(front, bytes, byte_count);
    ra_engine_tick(back, NULL);                        /* there control and audio thread are the same */
}

typedef struct { ra_engine *engine; atomic_bool is_over; uint64_t bad_samples; bool is_mirrored; } audio_thread;
static void *audio_thread_body(void *user)
{
    audio_thread *audio = user;
    float frames[2 * 300];
    for (uint32_t block = 128; !audio->is_over; block = block % 299 + 1) {
        render(audio->engine, frames, block, block);
        for (uint32_t n = 0; n < 2 * block; n++) audio->bad_samples += !(fabsf(frames[n]) <= 1);
        for (uint32_t n = 0; n < block && audio->is_mirrored; n++) audio->bad_samples += frames[2 * n] != -frames[2 * n + 1];
        if (block % 32 == 0) usleep(100);
    }
    return NULL;
}

static void test_engine(void)
{
    ra_engine *engine;
    ra_snapshot snapshot;
    static float samples[200000];
    fill_noise(samples, 200000, 0.85f, 70);            /* below -1 dBFS: the soft clip leaves it alone */

    test("engine: without a clip there is exact silence, and 0 frames are fine");
    check_same(ra_engine_create(NULL, &engine), RA_OK);
    memset(output, 0x55, 9600 * sizeof(float));
    render(engine, output, 4800, 128);
    check(is_silent(output, 9600));
    is_audio = true; ra_engine_render(engine, NULL, 0); is_audio = false;
    ra_engine_play(engine); ra_engine_seek(engine, 3); ra_engine_pause(engine); ra_engine_stop(engine);
    render(engine, output, 4800, 4096);
    snapshot = snapshot_of(engine);
    check(is_silent(output, 9600) && snapshot.rendered_frames == 9600 && snapshot.clip_frames == 0 && !snapshot.is_playing);
    check(snapshot.is_settled);
    ra_engine_destroy(engine);
    ra_engine_destroy(NULL);
    engine = (ra_engine *)1;
    check_same(ra_engine_create(&(ra_engine_desc){ 768001 }, &engine), RA_BAD_ARGUMENT);
    check(engine == NULL);

    test("engine: a clip from frame 0 through an empty chain comes out bit for bit, then silence");
    for (uint32_t channels = 1; channels <= 2; channels++) {
        engine = engine_at(48000);
        load(engine, clip_of(samples, 20000, channels, 48000));
        render(engine, output, 1000, 128);
        check(is_silent(output, 2000));                /* loaded is not playing */
        ra_engine_play(engine);
        render(engine, output, 24000, 128);
        for (int n = 0; n < 20000; n++) { other[2 * n] = samples[n * channels]; other[2 * n + 1] = samples[(n + 1) * channels - 1]; }
        check_samples(output, other, 40000);
        check(is_silent(output + 40000, 8000));
        snapshot = snapshot_of(engine);
        check(!snapshot.is_playing && snapshot.clip_frames == 20000 && snapshot.clip_rate_hz == 48000);
        check(snapshot.position_frames == 20000 || snapshot.position_frames == 0);
        check_same(snapshot.rendered_frames, 25000);
        ra_engine_play(engine);                        /* at the end, Play plays from the start */
        render(engine, output, 20000, 128);
        check_samples(output, other, 40000);
        ra_engine_destroy(engine);
    }

    test("engine: what it plays through a chain is what ra_render_clip makes of the same clip");
    ra_chain_spec spec = spec_of("eq peaking hz=1000 db=3 q=1; eq highshelf hz=6000 db=-4; gain db=-6");
    for (uint32_t channels = 1; channels <= 2; channels++) {
        ra_clip *clip = clip_of(samples, 20000, channels, 48000), *made = NULL;
        if (check_same(ra_render_clip(clip, &spec, &made), RA_OK)) {
            check(made->channels == channels && made->frame_count == 20000 && made->sample_rate_hz == 48000);
            check_samples(clip->samples, samples, 20000 * channels);     /* the source is only read */
            engine = engine_at(48000);
            ra_engine_set_chain(engine, &spec);
            load(engine, clip);
            ra_engine_play(engine);
            render(engine, output, 20000, 128);
            for (int n = 0; n < 20000; n++) { other[2 * n] = made->samples[n * channels]; other[2 * n + 1] = made->samples[(n + 1) * channels - 1]; }
            check_samples(output, other, 40000);
            ra_engine_destroy(engine);
            ra_clip_destroy(made);
        } else ra_clip_destroy(clip);
    }

    test("engine: a response may be freed once it was given: the engine has its own, also at another rate, and knows it again");
    ra_clip *impulse = room(5000, 2, 44100, 361);
    ra_chain_spec roomy = spec_of("convolve mix=0.5; convolve mix=0.25; gain db=-6");
    roomy.item[0].impulse = roomy.item[1].impulse = impulse;
    engine = engine_at(44100);
    check_same(ra_engine_set_chain(engine, &roomy), RA_OK);
    long long copies = memory.live;
    ra_clip_destroy(impulse);
    impulse = room(5000, 2, 44100, 361);               /* the same from elsewhere */
    roomy.item[0].impulse = roomy.item[1].impulse = impulse;
    roomy.item[0].value[0] = 0.6;
    uint32_t chain_serial = engine->newest.chain_serial;
    check_same(ra_engine_set_chain(engine, &roomy), RA_OK);
    check(engine->newest.chain_serial == chain_serial && memory.live == copies && engine->newest.spec.item[0].impulse == engine->newest.spec.item[1].impulse);
    ra_clip *made_of_it = NULL, *heard = clip_of(samples, 20000, 2, 48000);
    check_same(ra_render_clip(heard, &roomy, &made_of_it), RA_OK);
    ra_clip_destroy(impulse);
    check_same(ra_engine_set_sample_rate(engine, 48000), RA_OK);
    load(engine, heard);
    ra_engine_play(engine);
    render(engine, output, 20000, 128);
    check_samples(output, made_of_it->samples, 40000);
    ra_clip_destroy(made_of_it);
    impulse = room(5000, 2, 44100, 362);               /* another one, perhaps at the place of the first */
    roomy.item[1].impulse = impulse;
    roomy.item[0].impulse = NULL;
    check(ra_engine_set_chain(engine, &roomy) == RA_OK && engine->newest.chain_serial == chain_serial + 1);
    render(engine, output, 2000, 128);
    ra_clip_destroy(impulse);
    ra_engine_destroy(engine);

    test("engine: ra_render_clip keeps any number of channels, each filtered as if alone");
    ra_clip *many = clip_of(samples, 3000, 6, 44100), *made = NULL, *alone_made = NULL;
    if (check_same(ra_render_clip(many, &spec, &made), RA_OK)) {
        check(made->channels == 6 && made->frame_count == 3000);
        for (uint32_t channel = 0; channel < 6; channel++) {
            for (int n = 0; n < 3000; n++) other[n] = samples[6 * n + channel];
            ra_clip *alone = clip_of(other, 3000, 1, 44100);
            if (check_same(ra_render_clip(alone, &spec, &alone_made), RA_OK)) {
                for (int n = 0; n < 3000; n++) output[n] = made->samples[6 * n + channel];
                check_samples(output, alone_made->samples, 3000);
                ra_clip_destroy(alone_made);
            }
            ra_clip_destroy(alone);
        }
        ra_clip_destroy(made);
    }
    ra_chain_spec empty = { .count = 0 };
    if (check_same(ra_render_clip(many, &empty, &made), RA_OK)) { check_samples(made->samples, samples, 18000); ra_clip_destroy(made); }
    ra_clip_destroy(many);

    test("engine: one session, all commands, the same bits in blocks of 1, 7, 128, 512 and 4096");
    for (int rate = 0; rate < 2; rate++)
        for (int kind = 0; kind < BLOCK_KINDS; kind++) {
            engine = engine_at(48000);
            play_session(engine, rate ? 44100 : 48000, blocks[kind]);
            check_same(snapshot_of(engine).rendered_frames, SESSION_FRAMES);
            check(is_finite(output, 2 * SESSION_FRAMES) && peak_of(output, 2 * SESSION_FRAMES) > 0.5);
            if (kind == 0) { check_golden(rate ? "engine at 44100" : "engine session", output, 2 * SESSION_FRAMES); }
            if (kind == 0) memcpy(third, output, 2 * SESSION_FRAMES * sizeof(float));
            if (!check_samples(output, third, 2 * SESSION_FRAMES)) complain(__LINE__, "in blocks of %u", blocks[kind]);
            ra_engine_destroy(engine);
        }

    test("engine: a clip of another rate plays at its own pitch and length, noise and distortion below -90 dB");
    static const uint32_t odd_rates[] = { 44100, 22050, 96000, 8000, 192000, 44099 };
    for (int n = 0; n < 6; n++) {
        uint32_t rate = odd_rates[n];
        engine = engine_at(48000);
        fill_sine(input, rate, 2, 997, rate, 0.5);
        load(engine, clip_of(input, rate, 2, rate));
        ra_engine_play(engine);
        render(engine, output, 24000, 128);
        snapshot = snapshot_of(engine);
        check_near((double)snapshot.position_frames, rate * 0.5, 64);    /* a filter may have to look ahead */
        check_same(snapshot.clip_rate_hz, rate);
        tone_fit fit = fit_tone(output + 2 * 4800, 14400, 2, 997, 48000);
        check_near(decibels(fit.amplitude / 0.5), 0, 0.1);
        if (!check_most(decibels(fit.residual_rms / (fit.amplitude * sqrt(0.5))), -90)) complain(__LINE__, "the clip has %u Hz", rate);
        render(engine, output + 48000, 26000, 128);
        check(rms_of(output + 2 * 47900, 90, 2) > 0.2 && is_silent(output + 2 * 48100, 2 * 1900));
        ra_engine_destroy(engine);
    }

    test("engine: pause, play, seek and stop fade without a click, and the fades end in exact silence");
    engine = engine_at(48000);
    fill_sine(input, 96000, 2, 1000, 48000, 0.5);
    load(engine, clip_of(input, 96000, 2, 48000));
    ra_engine_play(engine);
    render(engine, output, 4807, 128);
    ra_engine_pause(engine);
    render(engine, output + 2 * 4807, 2000, 128);
    check(rms_of(output + 2 * 5000, 100, 2) > 0.05);                     /* 4 ms later it still sounds: a fade, not a cut */
    check(is_silent(output + 2 * (4807 + 960), 2 * 1040));               /* 20 ms later it does not */
    snapshot = snapshot_of(engine);
    check(!snapshot.is_playing && snapshot.position_frames >= 4807 && snapshot.position_frames <= 4807 + 960);
    uint64_t paused_at = snapshot.position_frames;
    ra_engine_play(engine);
    render(engine, output + 2 * 6807, 3000, 128);
    check(rms_of(output + 2 * 6807, 24, 2) < 0.1);                       /* a fade in, here */
    check_samples(output + 2 * (6807 + 960), input + 2 * (paused_at + 960), 2 * 2000);       /* and it goes on where it was */
    ra_engine_seek(engine, 1.0003);
    render(engine, output + 2 * 9807, 3000, 128);
    ra_engine_stop(engine);
    render(engine, output + 2 * 12807, 2000, 128);
    check(is_silent(output + 2 * (12807 + 960), 2 * 1040));
    snapshot = snapshot_of(engine);
    check(snapshot.position_frames == 0 && !snapshot.is_playing);
    for (int side = 0; side < 2; side++) /* 0.5 in 960 frames: 0.0005 a frame; the jump's own phase is inside the silence */
        check_most(worst_click(output + side, 14807, 2, 1000, 48000), 0.002);
    ra_engine_destroy(engine);

    test("engine: a seek lands on the exact frame, playing or not, clamped to the clip");
    engine = engine_at(48000);
    load(engine, clip_of(samples, 90000, 2, 48000));
    ra_engine_seek(engine, 0.5);
    render(engine, output, 2000, 128);
    check_same(snapshot_of(engine).position_frames, 24000);
    ra_engine_play(engine);
    render(engine, output, 2400, 128);
    check_samples(output + 2 * 960, samples + 2 * (24000 + 960), 2 * 1440);
    for (int n = 0; n < 3; n++) {
        uint64_t goal = n == 0 ? 12345 : n == 1 ? 80000 : 30001;
        ra_engine_seek(engine, ((double)goal + 0.25) / 48000);           /* a quarter frame: rounds down or to the nearest */
        render(engine, output, 4000, 128);
        long place = find_frames(output + 2 * 3000, samples, 90000, 1000);
        uint64_t position = snapshot_of(engine).position_frames;
        check_same(position, place + 1000);                              /* what it says is what is heard */
        check(place - 3000 <= (long)goal && place - 3000 >= (long)goal - 960);      /* the jump came after at most 20 ms of fading */
        size_t matching = 0;                                             /* right after the jump: faded in from exactly there */
        long fade = (long)goal - (place - 3000);
        for (long k = fade + 100; k < fade + 1000; k++) matching += output[2 * k] * samples[2 * (place - 3000 + k)] >= 0;
        check_same(matching, 900);
    }
    ra_engine_pause(engine);
    ra_engine_seek(engine, -5);
    render(engine, output, 3000, 128);
    check_same(snapshot_of(engine).position_frames, 0);
    ra_engine_seek(engine, 1e9);
    render(engine, output, 3000, 128);
    check(snapshot_of(engine).position_frames <= 90000 && snapshot_of(engine).position_frames >= 89999);
    ra_engine_seek(engine, NAN); ra_engine_seek(engine, INFINITY); ra_engine_seek(engine, -INFINITY);
    ra_engine_play(engine);
    render(engine, output, 3000, 128);
    check(is_finite(output, 6000) && snapshot_of(engine).position_frames <= 90000);
    ra_engine_destroy(engine);

    test("engine: a loop goes round without a seam, bit for bit");
    engine = engine_at(48000);
    load(engine, clip_of(samples, 1009, 2, 48000));
    check_same(ra_engine_set_loop(engine, true), RA_OK);
    ra_engine_play(engine);
    render(engine, output, 10000, 128);
    for (int n = 0; n < 10000; n++) { other[2 * n] = samples[2 * (n % 1009)]; other[2 * n + 1] = samples[2 * (n % 1009) + 1]; }
    check_samples(output, other, 20000);
    snapshot = snapshot_of(engine);
    check(snapshot.is_playing && snapshot.position_frames == 10000 % 1009);
    ra_engine_set_loop(engine, false);
    render(engine, output, 2000, 128);
    check(is_silent(output + 2 * 1009, 2 * 900) && !snapshot_of(engine).is_playing);
    ra_engine_destroy(engine);
    engine = engine_at(48000);                         /* one frame, for ever: no endless loop inside */
    load(engine, clip_of(samples, 1, 2, 44100));
    ra_engine_set_loop(engine, true); ra_engine_play(engine);
    render(engine, output, 1000, 128);
    check(is_finite(output, 2000));
    ra_engine_destroy(engine);
    engine = engine_at(48000);                         /* without any frame */
    ra_clip *nothing = NULL;
    if (ra_clip_create(0, 2, 48000, &nothing) == RA_OK) load(engine, nothing);
    ra_engine_set_loop(engine, true); ra_engine_play(engine);
    render(engine, output, 1000, 128);
    check(is_silent(output, 2000));
    ra_engine_destroy(engine);

    test("engine: volume glides without a click, lands exactly, and -60 dB is silence");
    engine = engine_at(48000);
    fill_sine(input, 96000, 2, 1000, 48000, 0.2);
    load(engine, clip_of(input, 96000, 2, 48000));
    ra_engine_play(engine);
    render(engine, output, 4800, 128);
    ra_engine_set_volume_db(engine, 12);
    render(engine, output + 9600, 4800, 128);
    ra_engine_set_volume_db(engine, -6);
    render(engine, output + 19200, 4800, 128);
    ra_engine_set_volume_db(engine, -60);
    render(engine, output + 28800, 9600, 128);
    ra_engine_set_volume_db(engine, 0);
    render(engine, output + 48000, 9600, 128);
    double worst = 0;
    for (int n = 2 * 12000; n < 2 * 14400; n++) worst = fmax(worst, fabs(output[n] - input[n] * pow(10, -6 / 20.0)));
    check_most(worst, 2e-8);                           /* 0.1 rounded to float, twice */
    check(is_silent(output + 2 * 21600, 2 * 2400));
    check_samples(output + 2 * 31200, input + 2 * 31200, 2 * 2400);
    check_most(worst_click(output, 33600, 2, 1000, 48000), 0.004);       /* up to 0.8 high; a jump to 12 dB is 0.6 */
    ra_engine_set_volume_db(engine, 100);              /* +12 is the most, refused or limited */
    render(engine, output, 4800, 128);
    check_most(peak_of(output + 7200, 2400), 0.2 * 3.9811 + 1e-4);
    ra_engine_set_volume_db(engine, NAN);
    render(engine, output, 4800, 128);
    check(is_finite(output, 9600));
    ra_engine_destroy(engine);

    test("engine: what is told to stop or to go elsewhere before it has risen does so");
    for (int rate = 0; rate < 2; rate++) {             /* at 96 kHz a fade is a whole number of blocks */
        engine = engine_at(rate ? 96000 : 48000);
        fill_sine(input, 96000, 2, 1000, rate ? 96000 : 48000, 0.5);
        load(engine, clip_of(input, 96000, 2, rate ? 96000 : 48000));
        ra_engine_set_loop(engine, true);
        ra_engine_seek(engine, 0.5);
        ra_engine_play(engine);
        ra_engine_pause(engine);                       /* in the same block */
        render(engine, output, 9600, 128);
        check(is_silent(output, 19200) && !snapshot_of(engine).is_playing);
        check_near((double)snapshot_of(engine).position_frames, rate ? 48000 : 24000, 0);
        ra_engine_play(engine);
        render(engine, output, 9600, 128);
        ra_engine_seek(engine, 0.1);
        render(engine, output, 1920, 128);
        ra_engine_seek(engine, 0.2);                   /* where the first one's fade has just ended */
        render(engine, output, 9600, 128);
        double from = rate ? 19200 : 9600;
        check_near((double)snapshot_of(engine).position_frames, from + 9600, 2048);
        ra_engine_stop(engine);
        render(engine, output, 9600, 128);
        check(is_silent(output + 9600, 9600) && snapshot_of(engine).position_frames == 0);
        ra_engine_destroy(engine);
    }

    test("engine: a seek within the last 20 ms of a clip goes there and plays on");
    engine = engine_at(48000);
    load(engine, clip_of(samples, 24000, 2, 48000));
    ra_engine_play(engine);
    render(engine, output, 23400, 128);
    ra_engine_seek(engine, 0.1);
    render(engine, output, 4800, 128);
    check(snapshot_of(engine).is_playing && snapshot_of(engine).position_frames > 4800 && snapshot_of(engine).position_frames < 9600);
    ra_engine_destroy(engine);

    test("engine: several steps of an equaliser in one block end at the last one");
    engine = engine_at(48000);
    fill_sine(input, 48000, 2, 1000, 48000, 0.1);
    load(engine, clip_of(input, 48000, 2, 48000));
    static const char *const steps[] = { "eq peaking hz=100 db=3; eq peaking hz=1000 db=3", "eq peaking hz=100 db=3", "eq peaking hz=100 db=3; eq highshelf hz=500 db=-12 q=0.7" };
    spec = spec_of(steps[0]);
    ra_engine_set_chain(engine, &spec);
    ra_engine_play(engine);
    render(engine, output, 4800, 128);
    for (int n = 1; n < 3; n++) { spec = spec_of(steps[n]); check_same(ra_engine_set_chain(engine, &spec), RA_OK); }
    render(engine, output, 24000, 128);
    ra_eq_band step_bands[2] = { { RA_PEAKING, 100, 3, 1.41 }, { RA_HIGH_SHELF, 500, -12, 0.7 } };
    check_near(decibels(fit_tone(output + 24000, 9600, 2, 1000, 48000).amplitude / 0.1), ra_eq_response_db(step_bands, 2, 1000, 48000), 0.01);
    ra_engine_destroy(engine);

    test("engine: a loop shorter than a step of the resampler, and the output rate changed under it");
    engine = engine_at(48000);
    load(engine, clip_of(samples, 1, 2, 192000));
    ra_engine_set_loop(engine, true);
    ra_engine_play(engine);
    render(engine, output, 129, 128);
    check(is_finite(output, 258) && snapshot_of(engine).position_frames <= 1);
    check_same(ra_engine_set_sample_rate(engine, 192000), RA_OK);
    render(engine, output, 128, 128);
    check(output[0] == samples[0] || output[2] == samples[0]);
    ra_engine_destroy(engine);

    test("engine: a clip and a chain that wait while the device turns out to have another rate are right at that rate");
    engine = engine_at(48000);
    fill_sine(input, 48000, 2, 1000, 48000, 0.5);
    load(engine, clip_of(input, 48000, 2, 48000));
    spec = spec_of("eq peaking hz=1000 db=-6 q=1");
    ra_engine_set_chain(engine, &spec);
    check_same(ra_engine_set_sample_rate(engine, 44100), RA_OK);
    ra_engine_play(engine);
    render(engine, output, 22050, 128);
    check_near((double)snapshot_of(engine).position_frames, 24000, 2);
    check_near(decibels(fit_tone(output + 2 * 8000, 12000, 2, 1000, 44100).amplitude / 0.5), -6, 0.01);
    ra_engine_destroy(engine);

    test("engine: a chain that grows beyond all bounds is silenced, counted and starts anew");
    engine = engine_at(48000);
    load(engine, clip_of(samples, 48000, 2, 48000));
    memset(&spec, 0, sizeof spec);
    spec.count = 34;
    for (uint32_t n = 0; n < 33; n++) spec.item[n] = (ra_processor_spec){ .kind = RA_PROCESSOR_EQ, .type = RA_LOW_SHELF, .value = { 1000, 40, 1 } };
    spec.item[33] = (ra_processor_spec){ .kind = RA_PROCESSOR_EQ, .type = RA_PEAKING, .value = { 1000, 3, 1 } };
    ra_engine_set_chain(engine, &spec);
    ra_engine_play(engine);
    render(engine, output, 24000, 128);
    check(is_finite(output, 48000) && peak_of(output, 24000) <= 1 && snapshot_of(engine).bad_block_count > 0);
    spec.count = 0;
    ra_engine_set_chain(engine, &spec);
    render(engine, output, 4800, 128);
    check_samples(output + 4800, samples + 2 * (24000 + 2400), 4800);
    check(snapshot_of(engine).rms[0] < 1 && snapshot_of(engine).rms[0] > 0);
    ra_engine_destroy(engine);

    test("engine: another chain ducks to silence and back in about 10 ms, without a click; the newest wins");
    engine = engine_at(48000);
    ra_chain_spec loud = spec_of("gain db=12; eq peaking hz=1000 db=0 q=1"), inverse = spec_of("softclip; gain db=6"), last = spec_of("softclip; gain db=0; softclip");
    fill_sine(input, 9600, 2, 1000, 48000, 0.1);
    load(engine, clip_of(input, 9600, 2, 48000));
    check_same(ra_engine_set_chain(engine, &loud), RA_OK);
    ra_engine_play(engine);
    render(engine, output, 2400, 128);
    ra_engine_set_chain(engine, &inverse);
    render(engine, output + 4800, 100, 128);
    ra_engine_set_chain(engine, &last);
    last.item[1].value[0] = -6;                        /* settings for a chain that has not arrived yet */
    ra_engine_set_chain(engine, &last);
    last.item[1].value[0] = 0;
    ra_engine_set_chain(engine, &last);
    render(engine, output + 5000, 7100, 128);
    check_most(worst_click(output, 9600, 2, 1000, 48000), 0.01);       /* 0.4 in 240 frames: 0.0017 a frame, and its corners */
    check_samples(output + 2 * 3400, input + 2 * 3400, 19200 - 2 * 3400);   /* 20 ms later at most it is the last one */
    double quietest = 1;
    for (int n = 2400; n < 3400; n++) quietest = fmin(quietest, rms_of(output + 2 * n, 24, 2));
    check_most(quietest, 0.1 * 0.71 * 24 / 240);       /* half a period, at worst beside the bottom of a 240 frame fade */
    for (int n = 0; n < 600; n++) {                    /* nobody ticks: chains are refused or come home, none is lost */
        ra_engine_set_chain(engine, n & 1 ? &loud : &inverse);
        render(engine, output, 16, 16);
    }
    ra_engine_destroy(engine);

    test("engine: a chain that is late comes in without a click: the duck waits for its first sound");
    static const char *const lates[] = { "limiter", "distortion", "limiter; distortion; limiter" };
    for (int n = 0; n < 3; n++) {
        engine = engine_at(48000);
        fill_sine(input, 24000, 2, 441, 48000, 0.1);
        load(engine, clip_of(input, 24000, 2, 48000));
        ra_engine_play(engine);
        render(engine, output, 4800, 128);
        spec = spec_of(lates[n]);
        ra_engine_set_chain(engine, &spec);
        render(engine, output + 9600, 9600, 128);
        double worst = 0;                              /* third differences: of the tone 2e-5, of a 5 ms ramp's corners 4e-4, of a step of a tenth 0.03 */
        for (int k = 4000; k < 14000; k++) worst = fmax(worst, fabs(output[2 * k + 6] - 3.0 * output[2 * k + 4] + 3.0 * output[2 * k + 2] - output[2 * k]));
        check_most(worst, 2.5e-3);
        check(rms_of(output + 2 * 13000, 1000, 2) > 0.05);
        ra_engine_destroy(engine);
    }

    test("engine: NaN and infinity in a clip are silenced, their blocks counted, and nothing is left behind");
    spec = spec_of("eq peaking hz=100 db=3 q=1; gain db=-6");
    for (int with_chain = 0; with_chain < 2; with_chain++) {
        engine = engine_at(48000);
        memcpy(input, samples, 40000 * sizeof(float));
        input[2 * 1000] = NAN; input[2 * 5000 + 1] = INFINITY;
        load(engine, clip_of(input, 20000, 2, 48000));
        if (with_chain) ra_engine_set_chain(engine, &spec);
        ra_engine_play(engine);
        render(engine, output, 20000, 128);
        check(is_finite(output, 40000));
        check_same(snapshot_of(engine).bad_block_count, 2);
        if (!with_chain) {
            input[2 * 1000] = input[2 * 5000 + 1] = 0;
            check_samples(output, input, 40000);
        } else check(rms_of(output + 2 * 1024, 1000, 1) > 0.05 && rms_of(output + 2 * 5120, 1000, 1) > 0.05);
        ra_engine_destroy(engine);
    }

    test("engine: ten seconds of every command allocate, free and lock nothing on the audio thread");
    engine = engine_at(48000);
    static const char *const chains[] = { "", "gain db=3; softclip", "eq peaking hz=100 db=3", "eq peaking hz=2000 db=-9; eq notch hz=50 q=30" };
    for (int n = 0; n < (TEST_SLOW ? 20 : 100); n++) {
        switch (n % 10) {
        case 0: load(engine, clip_of(samples, 50000 + (uint64_t)n, 1 + n / 10 % 2, n / 10 % 3 ? 48000 : 44100)); ra_engine_play(engine); break;
        case 2: ra_engine_seek(engine, 0.3); break;
        case 3: ra_engine_set_volume_db(engine, -n / 10); break;
        case 4: ra_engine_pause(engine); break;
        case 5: ra_engine_play(engine); ra_engine_set_loop(engine, n / 10 % 2); break;
        case 6: spec = spec_of(chains[n / 10 % 4]); ra_engine_set_chain(engine, &spec); break;
        case 8: ra_engine_stop(engine); break;
        }
        render(engine, output, 4800, 128);             /* watches: see test_malloc */
        ra_engine_tick(engine, NULL);
    }
    check_same(snapshot_of(engine).rendered_frames, TEST_SLOW ? 96000 : 480000);
    ra_engine_destroy(engine);

    test("engine: 256 commands may wait, the next is told RA_BUSY and nothing is lost or torn");
    engine = engine_at(48000);
    int accepted = 0;
    spec = spec_of("gain db=1");
    check_same(ra_engine_set_chain(engine, &spec), RA_OK);
    render(engine, output, 128, 128);
    while (accepted < 1000 && ra_engine_set_volume_db(engine, -(accepted % 40)) == RA_OK) accepted++;
    check_same(accepted, 256);
    check_same(ra_engine_play(engine), RA_BUSY);
    ra_clip *refused = clip_of(samples, 100, 2, 48000);
    if (check_same(ra_engine_load(engine, refused), RA_BUSY)) ra_clip_destroy(refused);      /* still ours */
    spec.item[0].value[0] = 2;
    check_same(ra_engine_set_chain(engine, &spec), RA_OK);               /* only settings: newest wins, never busy */
    spec = spec_of("softclip");
    check_same(ra_engine_set_chain(engine, &spec), RA_BUSY);             /* another chain is a command */
    render(engine, output, 128, 128);
    check_same(snapshot_of(engine).command_count, 257);
    check_same(ra_engine_play(engine), RA_OK);
    ra_engine_destroy(engine);

    test("engine: a clip loaded over another starts at its beginning, stopped; each is freed once");
    engine = engine_at(48000);
    load(engine, clip_of(samples, 20000, 2, 48000));
    render(engine, output, 128, 128);
    uint32_t serial = snapshot_of(engine).clip_serial;
    ra_engine_play(engine);
    render(engine, output, 4000, 128);
    load(engine, clip_of(samples + 50000, 10000, 2, 44100));
    render(engine, output, 4000, 128);
    snapshot = snapshot_of(engine);
    check(snapshot.clip_serial != serial && snapshot.clip_frames == 10000 && snapshot.clip_rate_hz == 44100);
    check(snapshot.position_frames == 0 && !snapshot.is_playing && is_silent(output + 2 * 1000, 2 * 3000));
    long long live = memory.live;
    ra_engine_tick(engine, NULL);
    check(memory.live < live);                         /* the old one came home and is freed here */
    for (int n = 0; n < 20; n++) load(engine, clip_of(samples, 100 + (uint64_t)n, 2, 48000));      /* nobody renders between */
    render(engine, output, 128, 128);
    check_same(snapshot_of(engine).clip_frames, 119);
    for (int n = 0; n < 600; n++) {                    /* nobody ticks: a clip may be late in coming home, but not lost */
        load(engine, clip_of(samples, 100, 2, 48000));
        render(engine, output, 16, 16);
    }
    for (int n = 0; n < 3; n++) load(engine, clip_of(samples, 500, 2, 48000));
    ra_engine_destroy(engine);                         /* with loads still waiting: they are freed too */

#if RA_THREADS
    test("engine: one thread renders while another commands, loads, looks and analyses");
    engine = engine_at(48000);
    ra_pool *workers = NULL;
    ra_pool_create(1, &workers);
    static float bins_db[RA_SPECTRUM_BINS];
    audio_thread audio = { .engine = engine };
    pthread_t thread;
    pthread_create(&thread, NULL, audio_thread_body, &audio);
    uint32_t spectra = 0, torn = 0;
    for (int n = 0; n < (TEST_SLOW ? 300 : 1500); n++) {
        uint32_t frames = 1000 + (uint32_t)n % 50;
        if (n % 20 == 0) {
            ra_clip *clip = clip_of(samples, frames, 2, 40000 + frames);  /* rate and length belong together */
            if (ra_engine_load(engine, clip) != RA_OK) ra_clip_destroy(clip);        /* too busy: still ours */
            ra_engine_play(engine);
        }
        if (n % 7 == 0) { spec = spec_of(n % 2 ? "gain db=3; softclip" : "eq peaking hz=100 db=3"); ra_engine_set_chain(engine, &spec); }
        if (n % 60 == 1) {
            ra_clip *clip = clip_of(samples, frames, 2, 40000 + frames);
            if (ra_engine_queue(engine, clip) != RA_OK) ra_clip_destroy(clip);
        }
        if (n % 11 == 0) ra_engine_skip(engine);
        if (n % 13 == 0) ra_engine_set_loop_range(engine, 0.001, 0.002 * (n % 10));
        if (n % 17 == 0) ra_engine_set_loop(engine, n % 2);
        if (n % 90 == 0) ra_engine_queue_clear(engine);
        if (n % 5 == 0) ra_engine_seek(engine, 0.01);
        if (n % 3 == 0) ra_engine_set_volume_db(engine, -n % 20);
        snapshot = snapshot_of(engine);
        torn += snapshot.clip_frames && snapshot.clip_rate_hz != 40000 + snapshot.clip_frames;
        torn += snapshot.position_frames > snapshot.clip_frames || snapshot.loop_end_frames > snapshot.clip_frames || snapshot.queue_count > RA_QUEUE_MAX;
        ra_engine_tick(engine, workers);
        spectra = ra_engine_get_spectrum(engine, bins_db);
        usleep(100);
    }
    wait_until((ra_engine_tick(engine, workers), spectra = ra_engine_get_spectrum(engine, bins_db)) > 0);
    audio.is_over = true;
    pthread_join(thread, NULL);
    check_same(torn, 0);
    check_same(audio.bad_samples, 0);
    check(spectra > 0);
    ra_engine_destroy(engine);
    ra_pool_destroy(workers);
#endif

    test("engine: peak, hold and mean follow the output as the header says");
    engine = engine_at(48000);
    fill_sine(input, 48000, 2, 1000, 48000, 0.5);
    for (int n = 0; n < 48000; n++) input[2 * n + 1] *= 0.5f;            /* the second channel is half as loud */
    load(engine, clip_of(input, 48000, 2, 48000));
    ra_engine_play(engine);
    render(engine, output, 47990, 128);
    snapshot = snapshot_of(engine);
    for (int side = 0; side < 2; side++) {
        double height = side ? 0.25 : 0.5;
        check_near(decibels(snapshot.peak[side] / height), 0, 0.1);      /* a millisecond of falling is 0.02 dB */
        check_near(snapshot.peak_hold[side] / height, 1, 1e-3);
        check_near(decibels(snapshot.rms[side] / (height * sqrt(0.5))), 0, 0.5);    /* one second is 3 of 300 ms */
    }
    render(engine, output, 24010, 128);                /* 0.5 s after the end */
    snapshot = snapshot_of(engine);
    for (int side = 0; side < 2; side++) {
        double height = side ? 0.25 : 0.5;
        check_near(decibels(snapshot.peak[side] / height), -10, 0.3);    /* 20 dB a second, known to a block and a period */
        check_near(snapshot.peak_hold[side] / height, 1, 1e-3);
        check_most(snapshot.rms[side], height * 0.35);     /* half a second of 300 ms: e^(-0.5 / 0.6) / sqrt(2), and a little */
    }
    render(engine, output, 96000, 128);                /* 2.5 s after the end */
    snapshot = snapshot_of(engine);
    check_most(snapshot.peak_hold[0], 0.2);            /* held 1.5 s, then let go */
    check_most(snapshot.peak[0], 0.5 * pow(10, -49 / 20.0));
    render(engine, output, 480000, 4096);
    snapshot = snapshot_of(engine);
    check(snapshot.is_settled && snapshot.rms[0] < 1e-6 && snapshot.peak[0] < 1e-5);
    ra_engine_destroy(engine);

    test("engine: after the clip a chain rings out to exact zeros, and then all is settled");
    engine = engine_at(48000);
    spec = spec_of("eq peaking hz=31.25 db=12 q=8; eq lowpass hz=100");
    ra_engine_set_chain(engine, &spec);
    load(engine, clip_of(samples, 20000, 2, 48000));
    ra_engine_play(engine);
    render(engine, output, 24000, 128);
    check(!is_silent(output + 2 * 21000, 2000) && !snapshot_of(engine).is_settled);
    for (int second = 0; second < 15; second++) render(engine, output, 48000, 128);
    check(is_silent(output, 96000) && snapshot_of(engine).is_settled);
    ra_engine_destroy(engine);

    test("engine: another output rate keeps position and settings");
    engine = engine_at(48000);
    load(engine, clip_of(samples, 90000, 2, 48000));
    ra_engine_set_volume_db(engine, -6);
    ra_engine_play(engine);
    render(engine, output, 12000, 128);
    uint64_t position = snapshot_of(engine).position_frames;
    check_same(ra_engine_set_sample_rate(engine, 96000), RA_OK);
    render(engine, output, 9600, 128);                 /* 100 ms at 96 kHz are 4800 frames of the clip */
    check_near((double)snapshot_of(engine).position_frames, (double)position + 4800, 64);
    check_near(decibels(rms_of(output, 19200, 1) / (0.85 / sqrt(3))), -6, 1.5);       /* noise loses nothing above 24 kHz */
    check_same(ra_engine_set_sample_rate(engine, 0) == RA_OK || ra_engine_set_sample_rate(engine, 768001) == RA_BAD_ARGUMENT, true);
    ra_engine_destroy(engine);

    test("engine: over the bridge, two engines in two memories play the same bits as one");
    ra_engine *single = engine_at(48000), *front = engine_at(48000), *back = engine_at(48000);
    ra_chain_spec bridge_chains[2] = { spec_of("eq peaking hz=500 db=6; gain db=-3"), spec_of("gain db=-6; softclip") };
    ra_pool *pool = NULL;
    ra_pool_create(1, &pool);
    static float bins[2][RA_SPECTRUM_BINS];
    uint32_t numbers[2] = { 0, 0 };
    for (int step = 0; step < 12; step++) {
        for (int n = 0; n < 2; n++) {
            ra_engine *commanded = n ? front : single;
            switch (step) {
            case 0: load(commanded, clip_of(samples, 20000, 2, 48000)); ra_engine_play(commanded); break;
            case 1: ra_engine_set_chain(commanded, &bridge_chains[0]); break;
            case 2: ra_engine_seek(commanded, 0.2); ra_engine_set_volume_db(commanded, -3); break;
            case 4: load(commanded, clip_of(samples, 100, 1, 48000)); load(commanded, clip_of(samples + 20000, 25000, 1, 44100)); ra_engine_play(commanded); break;
            case 6: ra_engine_set_chain(commanded, &bridge_chains[1]); ra_engine_set_loop(commanded, true); break;
            case 8: ra_engine_pause(commanded); break;
            case 9: ra_engine_play(commanded); break;
            }
        }
        for (int part = 0; part < 2; part++) {         /* a message carries at most 2048 frames for the analyser */
            carry(front, back);
            render(single, output, 2043, 128);
            render(back, other, 2043, 128);
            if (!check_samples(other, output, 4086)) complain(__LINE__, "at step %d", step);
        }
        carry(front, back);
        ra_snapshot theirs = snapshot_of(front), ours = snapshot_of(single);
        check(theirs.position_frames == ours.position_frames && theirs.rendered_frames == ours.rendered_frames && theirs.is_playing == ours.is_playing);
        check(theirs.peak[0] == ours.peak[0] && theirs.clip_frames == ours.clip_frames && theirs.command_count == ours.command_count);
        numbers[0] = spectrum_of(single, pool, bins[0]);
        numbers[1] = spectrum_of(front, pool, bins[1]);
    }
    check(numbers[0] > 0 && numbers[1] > 0);
    check_same(numbers[1], numbers[0]);
    check_samples(bins[1], bins[0], RA_SPECTRUM_BINS);
    ra_engine_destroy(single); ra_engine_destroy(front); ra_engine_destroy(back);
    ra_pool_destroy(pool);

    test("engine: over the bridge a response arrives too, anew in a new memory, and glides need it no second time");
    roomy = spec_of("convolve mix=0.6; gain db=-3");
    impulse = room(3000, 2, 44100, 360);
    roomy.item[0].impulse = impulse;
    single = engine_at(48000); front = engine_at(48000); back = engine_at(48000);
    for (int step = 0; step < 6; step++) {
        if (step == 5) {                               /* the other memory is lost, and the one engine begins anew */
            ra_engine_destroy(single); ra_engine_destroy(back);
            single = engine_at(48000); back = engine_at(48000);
            ra_bridge_resync(front);
            ra_engine_stop(front); ra_engine_play(front);
        }
        for (int n = 0; n < 2; n++) {
            ra_engine *commanded = n ? front : single;
            if (step == 0 || (step == 5 && n == 0)) load(commanded, clip_of(samples, 20000, 2, 48000));
            if (step == 2) roomy.item[0].value[0] = 0.2;
            if (step == 3) impulse->samples[4] = 0.5f;
            if (step != 4 && (step != 5 || n == 0)) check_same(ra_engine_set_chain(commanded, &roomy), RA_OK);
            if (step == 0 || (step == 5 && n == 0)) ra_engine_play(commanded);
        }
        carry(front, back);
        uint32_t serial, frames = step == 5 ? 0 : 3000;
        check(ra_bridge_pending_clip(front, &serial) == NULL);
        render(single, output, frames, 128);
        render(back, other, frames, 128);
        if (!check_samples(other, output, 2 * frames)) complain(__LINE__, "at step %d", step);
        carry(front, back);
    }
    ra_clip *delivered = ra_bridge_impulse(front, 0) ? NULL : back->received[0].clip;
    check(delivered && delivered->frame_count == 3000 && memcmp(delivered->samples, impulse->samples, 6000 * sizeof(float)) == 0 && !back->received[1].clip);
    ra_engine_destroy(front);
    front = engine_at(48000);                          /* settings wait until what they name was delivered */
    static uint8_t packets[16384];
    uint32_t waiting;
    check_same(ra_engine_set_chain(front, &roomy), RA_OK);
    check_same(ra_bridge_take_commands(front, packets, sizeof packets), 0);
    check(ra_bridge_pending_clip(front, &waiting) != NULL);
    ra_bridge_clip_delivered(front, waiting + 1);      /* another one, that nobody wants any more */
    check_same(ra_bridge_take_commands(front, packets, sizeof packets), 0);
    ra_bridge_clip_delivered(front, waiting);
    check_same(ra_bridge_take_commands(front, packets, sizeof packets), 12);
    check(ra_bridge_take_commands(front, packets, sizeof packets) > sizeof roomy);
    ra_engine_destroy(single); ra_engine_destroy(front); ra_engine_destroy(back);
    ra_clip_destroy(impulse);

    test("engine: while nobody renders, commands over the bridge wait or are refused, none is lost");
    front = engine_at(48000); back = engine_at(48000);
    long long accepted_count = 0;
    for (int n = 0; n < 600; n++) {
        accepted_count += ra_engine_set_volume_db(front, -n % 30) == RA_OK;
        if (n % 50 == 49) carry(front, back);
    }
    for (int n = 0; n < 10; n++) { render(back, output, 128, 128); carry(front, back); }
    check_same(snapshot_of(front).command_count, accepted_count);
    ra_engine_destroy(front); ra_engine_destroy(back);

    test("engine: when the other memory is lost, a new one is told everything again and goes on where it was");
    front = engine_at(48000); back = engine_at(48000);
    load(front, clip_of(samples, 20000, 2, 48000));
    spec = spec_of("gain db=-3");
    ra_engine_set_chain(front, &spec); ra_engine_set_volume_db(front, -6); ra_engine_set_loop(front, true); ra_engine_play(front);
    carry(front, back);
    render(back, output, 9000, 128);
    carry(front, back);
    ra_engine_destroy(back);
    back = engine_at(48000);
    ra_bridge_resync(front);
    carry(front, back);
    render(back, output, 16000, 128);                  /* over the seam of the loop, too */
    carry(front, back);
    snapshot = snapshot_of(front);
    check(snapshot.is_playing && snapshot.clip_frames == 20000);
    check_near((double)snapshot.position_frames, 5000 - 480, 480);       /* 9000 + 16000 - 20000, less a fade or none */
    worst = 0;
    for (uint32_t n = 1; n <= 100; n++)
        for (int side = 0; side < 2; side++)
            worst = fmax(worst, fabs(output[2 * (16000 - n) + side] - samples[2 * (snapshot.position_frames - n) + side] * pow(10, -9 / 20.0)));
    check_most(worst, 2e-7);
    ra_engine_destroy(front); ra_engine_destroy(back);

    test("engine: bytes over the bridge that are cut or nonsense do no harm");
    front = engine_at(48000); back = engine_at(48000);
    static uint8_t bytes[1 << 20];
    ra_engine_set_volume_db(front, -6); ra_engine_play(front);
    size_t byte_count = ra_bridge_take_commands(front, bytes, sizeof bytes);
    check(byte_count > 0);
    for (size_t cut = 0; cut < byte_count; cut++) { ra_clip *none = NULL; ra_bridge_give_commands(back, bytes, cut, &none); }
    render(back, output, 128, 128);
    byte_count = ra_bridge_take_report(back, bytes, sizeof bytes);
    for (size_t cut = 0; cut <= byte_count; cut += 1 + cut / 16) ra_bridge_give_report(front, bytes, cut);
    check_same(snapshot_of(front).rendered_frames, 128);
    ra_engine_destroy(front); ra_engine_destroy(back);
}

/* ---- [12] ENGINE: loops between two points, and the queue --------------------------------------- */

/* Frames of a clip as stereo, behind what is there already. */
static void append_frames(float *frames, size_t *frame_count, const float *samples, size_t count, uint32_t channels)
{
    for (size_t n = 0; n < count; n++, ++*frame_count) {
        frames[2 * *frame_count] = samples[n * channels];
        frames[2 * *frame_count + 1] = samples[(n + 1) * channels - 1];
    }
}
/* Silence when the clip is over, and a snapshot that says so. */
static void play_alone(const float *frames, size_t frame_count, uint32_t channels, uint32_t rate, float *out, uint32_t out_frames)
{
    ra_engine *engine = engine_at(48000);
    load(engine, clip_of(frames, frame_count, channels, rate));
    ra_engine_play(engine);
    render(engine, out, out_frames, 512);
    ra_engine_destroy(engine);
}
static void queue(ra_engine *engine, ra_clip *clip)
{
    if (!check_same(ra_engine_queue(engine, clip), RA_OK)) ra_clip_destroy(clip);
}

static void test_transport(void)
{
    ra_engine *engine;
    ra_snapshot snapshot;
    static float samples[200000], unrolled[200000];
    static const uint32_t rates[] = { 48000, 44100, 96000, 24000 };        /* as it is; three kinds of resampling */
    fill_noise(samples, 200000, 0.6f, 72);             /* resampled noise is higher between its samples */

    test("engine: a loop between two points follows sample by sample, at any rate of the clip and in any blocks");
    static const struct { uint32_t start, end; } ranges[] = { { 1000, 2009 }, { 1500, 1501 }, { 700, 711 }, { 0, 300 }, { 1990, 3000 } };
    for (int rate = 0; rate < 3; rate++)
        for (int n = 0; n < 5; n++) {
            size_t count = 0;                          /* what is heard, as one clip: up to the end, and round and round */
            append_frames(unrolled, &count, samples, ranges[n].end, 2);
            while (count < 20000) append_frames(unrolled, &count, samples + 2 * ranges[n].start, ranges[n].end - ranges[n].start, 2);
            play_alone(unrolled, count, 2, rates[rate], third, 8000);
            for (int kind = 0; kind < BLOCK_KINDS; kind++) {
                engine = engine_at(48000);
                load(engine, clip_of(samples, 3000, 2, rates[rate]));
                ra_engine_set_loop(engine, true);
                check_same(ra_engine_set_loop_range(engine, (double)ranges[n].start / rates[rate], (double)ranges[n].end / rates[rate]), RA_OK);
                ra_engine_play(engine);
                render(engine, output, 8000, blocks[kind]);
                if (!check_samples(output, third, 16000)) complain(__LINE__, "range %d at %u Hz in blocks of %u", n, rates[rate], blocks[kind]);
                snapshot = snapshot_of(engine);
                check(snapshot.is_playing && snapshot.loop_start_frames == ranges[n].start && snapshot.loop_end_frames == ranges[n].end);
                check(snapshot.position_frames >= ranges[n].start && snapshot.position_frames < ranges[n].end);
                ra_engine_destroy(engine);
            }
        }

    test("engine: behind its end a loop is joined at the end of the clip; switched off, it is left there; a new clip has none");
    engine = engine_at(48000);
    load(engine, clip_of(samples, 10000, 2, 48000));
    ra_engine_play(engine);
    render(engine, output, 6000, 128);
    ra_engine_set_loop_range(engine, 2000 / 48000.0, 5000 / 48000.0);
    ra_engine_set_loop(engine, true);
    render(engine, output + 12000, 8500, 128);
    check_samples(output, samples, 20000);             /* to the clip's end */
    check_samples(output + 20000, samples + 4000, 6000);                 /* then round the range */
    check_samples(output + 26000, samples + 4000, 3000);
    ra_engine_set_loop(engine, false);
    render(engine, output, 10000, 128);
    check_samples(output, samples + 2 * 3500, 13000);
    check(is_silent(output + 13000, 7000) && !snapshot_of(engine).is_playing && snapshot_of(engine).loop_end_frames == 5000);
    static const double no_range[][2] = { { 0.1, 0.1 }, { 0.1, 0.05 }, { NAN, 0.1 }, { 0.1, NAN }, { 0.1, 0.100001 }, { 5, 6 }, { -2, -1 }, { INFINITY, INFINITY } };
    for (int n = 0; n < 8; n++) {
        ra_engine_set_loop_range(engine, 0.01, 0.02);
        ra_engine_set_loop_range(engine, no_range[n][0], no_range[n][1]);
        render(engine, output, 16, 16);
        snapshot = snapshot_of(engine);
        if (snapshot.loop_start_frames != 0 || snapshot.loop_end_frames != 10000) complain(__LINE__, "%g to %g s: got a range", no_range[n][0], no_range[n][1]);
    }
    ra_engine_set_loop_range(engine, -1, 0.1);         /* what lies outside is cut off */
    render(engine, output, 16, 16);
    check(snapshot_of(engine).loop_start_frames == 0 && snapshot_of(engine).loop_end_frames == 4800);
    load(engine, clip_of(samples, 500, 1, 48000));
    render(engine, output, 16, 16);
    check(snapshot_of(engine).loop_start_frames == 0 && snapshot_of(engine).loop_end_frames == 500);
    ra_engine_play(engine);
    render(engine, output, 16, 16);
    load(engine, clip_of(samples, 5000, 1, 48000));    /* while the old one fades, a range is for the new one */
    ra_engine_set_loop_range(engine, 0.01, 0.02);
    render(engine, output, 2000, 128);
    check(snapshot_of(engine).loop_start_frames == 480 && snapshot_of(engine).loop_end_frames == 960);
    ra_engine_destroy(engine);

    test("engine: two to five clips in a queue sound as one clip, bit for bit, at any rate and in any blocks, one frame long or more");
    static const struct { uint32_t frames, channels; } parts[] = { { 2500, 2 }, { 1, 1 }, { 700, 1 }, { 1, 2 }, { 1200, 2 } };
    for (int rate = 0; rate < 3; rate++)
        for (int clips = 2; clips <= 5; clips++) {
            size_t count = 0, at = 0;
            for (int n = 0; n < clips; at += parts[n++].frames * 2) append_frames(unrolled, &count, samples + at, parts[n].frames, parts[n].channels);
            play_alone(unrolled, count, 2, rates[rate], third, 7000);
            for (int kind = 0; kind < BLOCK_KINDS; kind++) {
                engine = engine_at(48000);
                at = 0;
                for (int n = 0; n < clips; at += parts[n++].frames * 2) {
                    ra_clip *clip = clip_of(samples + at, parts[n].frames, parts[n].channels, rates[rate]);
                    if (n && n < 4) queue(engine, clip); else if (n == 0) load(engine, clip);
                    if (n == 0) ra_engine_play(engine);
                    if (n == 3) render(engine, output, 500, blocks[kind]);
                    if (n == 4) queue(engine, clip);                           /* while the first one plays */
                }
                uint32_t done = clips > 3 ? 500 : 0;
                render(engine, output + 2 * done, 7000 - done, blocks[kind]);
                if (!check_samples(output, third, 14000)) complain(__LINE__, "%d clips at %u Hz in blocks of %u", clips, rates[rate], blocks[kind]);
                snapshot = snapshot_of(engine);
                check(!snapshot.is_playing && snapshot.clip_serial == (uint32_t)clips && snapshot.queue_count == 0 && snapshot.position_frames == 0);
                ra_engine_tick(engine, NULL);
                ra_engine_destroy(engine);
            }
        }

    test("engine: sixteen clips of one frame, and one without any, are still gapless, also through the resampler");
    for (int rate = 0; rate < 3; rate++) {
        size_t count = 0;                              /* as one: frame 8 is missing, 9 and 10 come from one clip, and 10 once more */
        append_frames(unrolled, &count, samples, 8, 2);
        append_frames(unrolled, &count, samples + 18, 2, 2);
        append_frames(unrolled, &count, samples + 20, 7, 2);
        play_alone(unrolled, count, 2, rates[rate], third, 500);
        for (int kind = 0; kind < BLOCK_KINDS; kind++) {
            engine = engine_at(48000);
            load(engine, clip_of(samples, 1, 2, rates[rate]));
            for (int n = 1; n < 17; n++) queue(engine, clip_of(samples + 2 * n, n == 8 ? 0 : n == 9 ? 2 : 1, 2, rates[rate]));
            ra_engine_play(engine);
            render(engine, output, 500, blocks[kind]);
            check_same(snapshot_of(engine).clip_serial, 17);
            if (!check_samples(output, third, 1000)) complain(__LINE__, "at %u Hz in blocks of %u", rates[rate], blocks[kind]);
            ra_engine_destroy(engine);
        }
    }

    test("engine: clips of different rates follow each other on the next frame, each as if it were alone");
    static const uint32_t mixed[] = { 44100, 48000, 22050, 44100 };
    for (int kind = 0; kind < BLOCK_KINDS; kind++) {
        engine = engine_at(48000);
        uint32_t at = 0;
        for (int n = 0; n < 4; n++) {
            ra_clip *clip = clip_of(samples + 4000 * n, 1001, 2, mixed[n]);
            if (n) queue(engine, clip); else load(engine, clip);
            uint32_t frames = (1001 * 48000 + mixed[n] - 1) / mixed[n];
            play_alone(samples + 4000 * n, 1001, 2, mixed[n], third + 2 * at, frames);
            at += frames;
        }
        ra_engine_play(engine);
        render(engine, output, at + 500, blocks[kind]);
        check_samples(output, third, 2 * at);
        check(is_silent(output + 2 * at, 1000));
        ra_engine_destroy(engine);
    }

    test("engine: a queue waits while paused, while a loop is on and while something else is sought; a load empties it");
    engine = engine_at(48000);
    load(engine, clip_of(samples, 4000, 2, 48000));
    queue(engine, clip_of(samples + 8000, 3000, 2, 48000));
    render(engine, output, 5000, 128);
    check(is_silent(output, 10000) && snapshot_of(engine).queue_count == 1 && snapshot_of(engine).clip_serial == 1);
    ra_engine_play(engine);
    render(engine, output, 1000, 128);
    ra_engine_pause(engine);
    render(engine, output, 5000, 128);
    check(snapshot_of(engine).queue_count == 1 && snapshot_of(engine).position_frames == 1960);
    queue(engine, clip_of(samples + 14000, 1000, 2, 48000));
    ra_engine_set_loop(engine, true);
    ra_engine_play(engine);
    render(engine, output, 10000, 128);                /* the loop has the say, */
    check(snapshot_of(engine).queue_count == 2 && snapshot_of(engine).clip_serial == 1 && snapshot_of(engine).position_frames == (1960 + 10000) % 4000);
    ra_engine_set_loop(engine, false);
    ra_engine_seek(engine, 3900 / 48000.0);            /* and then the queue */
    render(engine, output, 2000, 128);
    snapshot = snapshot_of(engine);
    check(snapshot.queue_count == 1 && snapshot.clip_serial == 2 && snapshot.is_playing && snapshot.position_frames == 2000 - 40 - 100);       /* 40 frames were left to fade in */
    check_samples(output + 2 * 1000, samples + 8000 + 2 * (1000 - 40 - 100), 2 * 1000);      /* faded in over the seam */
    ra_engine_pause(engine);
    ra_engine_seek(engine, 1);                         /* its end */
    render(engine, output, 2000, 128);
    check(snapshot_of(engine).position_frames == 3000 && snapshot_of(engine).clip_serial == 2);
    ra_engine_play(engine);
    render(engine, output, 500, 128);
    check(snapshot_of(engine).position_frames == 500 && snapshot_of(engine).clip_serial == 3 && snapshot_of(engine).queue_count == 0);
    queue(engine, clip_of(samples, 1000, 2, 44100));
    queue(engine, clip_of(samples, 1000, 2, 44100));
    load(engine, clip_of(samples, 1000, 2, 44100));
    queue(engine, clip_of(samples, 700, 2, 48000));    /* behind the loaded one, not behind the one that fades */
    render(engine, output, 2000, 128);
    snapshot = snapshot_of(engine);
    check(snapshot.clip_serial == 6 && snapshot.queue_count == 1 && !snapshot.is_playing && snapshot.clip_rate_hz == 44100);
    check(is_silent(output + 2 * 960, 2 * 1040));
    ra_engine_play(engine);
    render(engine, output, 4000, 128);
    check(snapshot_of(engine).clip_serial == 7 && !snapshot_of(engine).is_playing && snapshot_of(engine).position_frames == 0);
    ra_engine_play(engine);                            /* at the end of the last one Play plays that one again */
    render(engine, output, 700, 128);
    check_samples(output, samples, 1400);
    ra_engine_destroy(engine);

    test("engine: skip fades out and begins the next at its first frame, playing if it played; without a next it does nothing");
    for (int kind = 0; kind < BLOCK_KINDS; kind++) {
        engine = engine_at(48000);
        load(engine, clip_of(samples, 30000, 2, 48000));
        for (int n = 1; n <= 4; n++) queue(engine, clip_of(samples + 4000 * n, 9000, 2, n == 2 ? 44100 : 48000));
        ra_engine_set_loop(engine, true);              /* which no skip asks for */
        ra_engine_play(engine);
        render(engine, output, 1003, blocks[kind]);
        ra_engine_skip(engine);
        render(engine, output + 2006, 3000, blocks[kind]);
        check_samples(output, samples, 2006);
        check_samples(output + 2 * (1003 + 960), samples + 4000, 2 * 2040);
        snapshot = snapshot_of(engine);
        check(snapshot.clip_serial == 2 && snapshot.is_playing && snapshot.position_frames == 2040 && snapshot.queue_count == 3);
        ra_engine_skip(engine); ra_engine_skip(engine);                       /* two at once */
        ra_engine_seek(engine, 0.1);                                          /* in the one that comes */
        ra_engine_set_loop_range(engine, 0.1, 0.15);
        render(engine, output, 2000, blocks[kind]);
        snapshot = snapshot_of(engine);
        check(snapshot.clip_serial == 4 && snapshot.is_playing && snapshot.position_frames == 4800 + 1040 && snapshot.loop_end_frames == 7200);
        ra_engine_pause(engine);
        ra_engine_skip(engine);                        /* while it fades for the pause: paused there, too */
        render(engine, output, 2000, blocks[kind]);
        snapshot = snapshot_of(engine);
        check(snapshot.clip_serial == 5 && !snapshot.is_playing && snapshot.position_frames == 0 && snapshot.queue_count == 0 && snapshot.loop_end_frames == 9000);
        check(is_silent(output + 2 * 960, 2 * 1040));
        ra_engine_skip(engine);
        ra_engine_play(engine);
        render(engine, output, 2000, blocks[kind]);
        check(snapshot_of(engine).clip_serial == 5);
        check_samples(output, samples + 16000, 4000);
        ra_engine_destroy(engine);
    }

    test("engine: sixteen clips may wait, the next is told RA_BUSY; what is cleared is freed and leaves room");
    engine = engine_at(48000);
    queue(engine, clip_of(samples, 2000, 2, 48000));   /* with nothing loaded it is loaded */
    render(engine, output, 128, 128);
    check(snapshot_of(engine).clip_serial == 1 && snapshot_of(engine).clip_frames == 2000 && !snapshot_of(engine).is_playing && snapshot_of(engine).queue_count == 0);
    for (int round = 0; round < 3; round++) {
        long long live = memory.live;
        for (int n = 0; n < RA_QUEUE_MAX; n++) queue(engine, clip_of(samples, 1000, 2, n % 2 ? 44100 : 48000));
        ra_clip *refused = clip_of(samples, 10, 2, 44100);
        for (int n = 0; n < 2; n++) {
            check_same(ra_engine_queue(engine, refused), RA_BUSY);                   /* still ours */
            render(engine, output, 128, 128);
        }
        ra_clip_destroy(refused);
        check_same(snapshot_of(engine).queue_count, RA_QUEUE_MAX);
        check_same(ra_engine_queue_clear(engine), RA_OK);
        if (round == 1) queue(engine, clip_of(samples, 1000, 2, 44100));             /* at once: the clear comes first */
        render(engine, output, 128, 128);
        check_same(snapshot_of(engine).queue_count, round == 1);
        if (round == 1) ra_engine_queue_clear(engine);
        render(engine, output, 128, 128);
        ra_engine_tick(engine, NULL);
        check_same(memory.live, live);
    }
    queue(engine, clip_of(samples, 1000, 2, 44100));
    queue(engine, clip_of(samples, 1000, 2, 44100));
    ra_clip *many = clip_of(samples, 10, 3, 48000);
    check_same(ra_engine_queue(engine, many), RA_BAD_ARGUMENT);
    ra_clip_destroy(many);
    render(engine, output, 128, 128);
    check_same(ra_engine_set_sample_rate(engine, 44100), RA_OK);         /* the queue's resamplers, too, are for the device's rate */
    ra_engine_play(engine);
    render(engine, output, 1838, 128);                 /* 2000 frames at 48 kHz are 1837.5 at 44.1 */
    render(engine, output, 2500, 128);
    check_samples(output, samples, 2000);
    check_samples(output + 2000, samples, 2000);
    check(is_silent(output + 4000, 1000));
    queue(engine, clip_of(samples, 1000, 2, 48000));   /* left to destroy: one that waits, one that is under way */
    render(engine, output, 128, 128);
    queue(engine, clip_of(samples, 1000, 2, 48000));
    ra_engine_destroy(engine);

    test("engine: whatever is done with loops and queues, nothing is allocated, freed or locked on the audio thread, lost or torn");
    for (uint64_t seed = 1; seed <= (TEST_SLOW ? 2 : 4); seed++) {
        engine = engine_at(48000);
        uint32_t serial = 0, last = 0;
        noise_state = seed;
        for (int n = 0; n < 400; n++) {
            uint32_t dice = noise_word() % 16, frames = noise_word() % 4 ? noise_word() % 3000 : noise_word() % 3, rate = rates[noise_word() % 4];
            ra_clip *clip = dice < 8 ? clip_of(samples, frames, 1 + frames % 2, rate) : NULL;
            if (clip) {
                ra_result result = dice == 0 ? ra_engine_load(engine, clip) : ra_engine_queue(engine, clip);
                if (result == RA_OK) serial++; else { check_same(result, RA_BUSY); ra_clip_destroy(clip); }
            }
            if (dice < 2 || dice == 8) ra_engine_play(engine);
            if (dice == 9) ra_engine_skip(engine);
            if (dice == 10) ra_engine_seek(engine, frames / 48000.0);
            if (dice == 11) ra_engine_set_loop(engine, frames & 1);
            if (dice == 12) ra_engine_set_loop_range(engine, frames / 96000.0, noise_word() % 3000 / 48000.0);
            if (dice == 13 && n % 3 == 0) ra_engine_queue_clear(engine);
            if (dice == 14) ra_engine_pause(engine);
            if (dice == 15 && n % 20 == 0) ra_engine_set_sample_rate(engine, rates[frames % 4]);
            render(engine, output, 1 + noise_word() % 1500, 1 + noise_word() % 600);
            snapshot = snapshot_of(engine);
            check(snapshot.queue_count <= RA_QUEUE_MAX && snapshot.position_frames <= snapshot.clip_frames && snapshot.clip_serial >= last && snapshot.clip_serial <= serial);
            check(snapshot.loop_start_frames <= snapshot.loop_end_frames && snapshot.loop_end_frames <= snapshot.clip_frames);
            last = snapshot.clip_serial;
            if (n % 7 == 0) ra_engine_tick(engine, NULL);
        }
        ra_engine_destroy(engine);
    }
    engine = engine_at(48000);                         /* nobody ticks: clips are late in coming home, but not lost */
    load(engine, clip_of(samples, 10, 2, 48000));
    ra_engine_play(engine);
    for (int n = 0; n < 600; n++) {
        ra_clip *clip = clip_of(samples, 1, 2, 48000);
        if (ra_engine_send(engine, (ra_command){ .kind = RA_COMMAND_QUEUE, .serial = ++engine->clip_serial, .item.pointer = clip })) ra_clip_destroy(clip);     /* around the tick that queue makes */
        if (n % 3 == 0) ra_engine_play(engine);
        render(engine, output, 16, 16);
    }
    check_same(ra_ring_readable_frames(engine->home) <= RA_HOME_CAPACITY && engine->home->overrun_frames == 0, true);
    ra_engine_destroy(engine);

    test("engine: over the bridge a queue plays the same bits as without, its clips are freed, and it survives a lost memory");
    ra_engine *single = engine_at(48000), *front = engine_at(48000), *back = engine_at(48000);
    for (int step = 0; step < 14; step++) {
        for (int n = 0; n < 2; n++) {
            ra_engine *commanded = n ? front : single;
            switch (step) {
            case 0: load(commanded, clip_of(samples, 3000, 2, 48000)); queue(commanded, clip_of(samples, 3000, 1, 48000)); ra_engine_play(commanded); break;
            case 1: for (int clip = 0; clip < 5; clip++) queue(commanded, clip_of(samples + 1000 * clip, 2500, 1, 44100)); break;
            case 3: ra_engine_skip(commanded); break;
            case 5: ra_engine_queue_clear(commanded); queue(commanded, clip_of(samples + 500, 9000, 2, 44100)); queue(commanded, clip_of(samples, 20000, 2, 48000)); break;
            case 8: ra_engine_set_loop_range(commanded, 0.02, 0.12); ra_engine_set_loop(commanded, true); break;
            }
        }
        carry(front, back); carry(front, back);
        render(single, output, 2043, 128);
        render(back, other, 2043, 128);
        if (!check_samples(other, output, 4086)) complain(__LINE__, "at step %d", step);
        carry(front, back);
        ra_engine_tick(single, NULL);
        ra_snapshot theirs = snapshot_of(front), ours = snapshot_of(single);
        check(theirs.position_frames == ours.position_frames && theirs.clip_serial == ours.clip_serial && theirs.queue_count == ours.queue_count && theirs.loop_end_frames == ours.loop_end_frames);
        check_same(front->sent_tracks, ours.queue_count + 1);            /* ours stay as long as the copies, no longer */
    }
    check(snapshot_of(front).queue_count == 1 && snapshot_of(front).loop_start_frames == 882);
    snapshot = snapshot_of(front);
    ra_engine_destroy(back);
    back = engine_at(48000);
    queue(front, clip_of(samples + 7000, 1000, 2, 48000));               /* was still to be said */
    ra_bridge_resync(front);
    ra_engine_set_loop(front, false);
    carry(front, back); carry(front, back);
    render(back, output, 1000, 128);
    carry(front, back);
    check(snapshot_of(front).is_playing && snapshot_of(front).clip_serial == snapshot.clip_serial && snapshot_of(front).queue_count == 2 && snapshot_of(front).loop_start_frames == 882);
    for (int n = 0; n < 10; n++) render(back, output, 5000, 128);
    carry(front, back);
    check(snapshot_of(front).clip_serial == snapshot.clip_serial + 2 && !snapshot_of(front).is_playing && front->sent_tracks == 1);
    for (int round = 0; round < 5; round++) {          /* cleared before a report comes */
        for (int n = 0; n < RA_QUEUE_MAX; n++) queue(front, clip_of(samples, 100, 1, 48000));
        ra_engine_queue_clear(front);
        for (int n = 0; n < 3; n++) carry(front, back);
        if (round % 2) render(back, output, 128, 128);
    }
    for (int n = 0; n < 30; n++) { render(back, output, 128, 128); carry(front, back); }
    check(snapshot_of(front).queue_count == 0 && front->sent_tracks == 1);
    ra_engine_destroy(single); ra_engine_destroy(front); ra_engine_destroy(back);
}

/* ---- [12] ENGINE: clips that stay in their files ------------------------------------------------- */

/* Files in memory, by their sources' numbers; how much of each can be read. */
enum { TEST_FILES = 4 };
static struct { uint8_t *bytes; size_t byte_count, read_bytes; uint32_t read_count; uint64_t last_offset, all_bytes; ra_wav_info info; } files[TEST_FILES];

static void make_file(uint32_t file, const float *samples, uint64_t frame_count, uint32_t channels, uint32_t rate, ra_wav_format format)
{
    ra_wav_info info = { .format = format, .channels = channels, .sample_rate_hz = rate, .frame_count = frame_count };
    uint8_t header[80];
    size_t header_bytes = ra_wav_header(&info, header), sample_bytes = ra_wav_sample_bytes[format];
    free(files[file].bytes);
    files[file].byte_count = files[file].read_bytes = header_bytes + (size_t)frame_count * channels * sample_bytes;
    files[file].bytes = malloc(files[file].byte_count);
    memcpy(files[file].bytes, header, header_bytes);
    ra_wav_encode(format, samples, files[file].bytes + header_bytes, (size_t)frame_count * channels, NULL);
    ra_memory memory = { files[file].bytes, files[file].byte_count };
    check_same(ra_wav_parse(ra_memory_read, &memory, memory.byte_count, &files[file].info, NULL), RA_OK);
    files[file].read_count = 0;
    files[file].all_bytes = 0;
}
/* The same clip in its file, or decoded in memory. */
static ra_clip *file_clip(uint32_t file, bool is_streamed)
{
    ra_clip *clip = NULL, *stereo = NULL;
    if (is_streamed) { check_same(ra_stream_create(&files[file].info, file, &clip), RA_OK); return clip; }
    check_same(ra_wav_read(files[file].bytes, files[file].byte_count, &clip, NULL), RA_OK);
    if (!clip || clip->channels <= 2) return clip;
    check_same(ra_clip_to_stereo(clip, &stereo), RA_OK);
    ra_clip_destroy(clip);
    return stereo;
}
/* Reads up to so many times what the engine's streams want. */
static uint32_t feed(ra_engine *engine, uint32_t most)
{
    ra_stream *stream;
    uint64_t offset;
    size_t byte_count;
    void *bytes;
    uint32_t count = 0;
    for (; count < most && (stream = ra_engine_next_stream(engine)) && ra_stream_next_read(stream, &offset, &byte_count, &bytes); count++) {
        uint32_t file = ra_stream_source(stream);
        size_t there = offset < files[file].read_bytes ? files[file].read_bytes - (size_t)offset : 0;
        check(offset + byte_count <= files[file].byte_count && bytes == ra_stream_read_bytes(stream) && ra_engine_find_stream(engine, file) == stream);
        memcpy(bytes, files[file].bytes + offset, byte_count < there ? byte_count : there);
        ra_stream_read_done(stream, byte_count < there ? byte_count : there);
        files[file].read_count++;
        files[file].all_bytes += byte_count;
        files[file].last_offset = offset;
        if (!check(count < 50000)) break;               /* there is an end to it */
    }
    return count;
}
/* Everything that a player can do, fed before each of some blocks. */
static void play_files(bool is_streamed, uint32_t engine_rate, uint32_t block, float *out, uint32_t out_frames)
{
    ra_engine *engine = engine_at(engine_rate);
    load(engine, file_clip(0, is_streamed));
    for (uint32_t step = 0, done = 0, run = out_frames / 10; step < 10; step++, done += run) {
        switch (step) {
        case 0: ra_engine_play(engine); break;
        case 1: if (!check_same(ra_engine_queue(engine, file_clip(1, is_streamed)), RA_OK)) return; ra_engine_queue(engine, file_clip(2, false)); break;
        case 2: ra_engine_seek(engine, 1.3); break;
        case 3: ra_engine_set_loop_range(engine, 0.341, 0.3413); ra_engine_set_loop(engine, true); ra_engine_seek(engine, 0.34); break;    /* around the seam of two pieces */
        case 4: ra_engine_set_loop_range(engine, 0.3, 0.75); break;
        case 5: ra_engine_set_loop(engine, false); ra_engine_seek(engine, 1.9); break;
        case 6: ra_engine_pause(engine); break;
        case 7: ra_engine_play(engine); break;
        case 8: ra_engine_skip(engine); break;
        }
        for (uint32_t part = 0; part < 4; part++) {
            feed(engine, UINT32_MAX);
            render(engine, out + 2 * (done + part * (run / 4)), run / 4, block);
        }
    }
    check_same(snapshot_of(engine).underrun_frames, 0);
    ra_engine_destroy(engine);
}

static void test_streams(void)
{
    ra_engine *engine;
    ra_snapshot snapshot;
    static float samples[800000];
    ra_clip *clip;
    fill_noise(samples, 800000, 0.6f, 91);

    test("engine: a clip that stays in its file plays the bits of the same clip in memory: seeks, loops, queue, any rate, channels and blocks");
    static const struct { uint32_t rate, channels, engine_rate, block; ra_wav_format format; } cases[] = {
        { 48000, 2, 48000, 128, RA_WAV_S16 }, { 48000, 2, 48000, 4096, RA_WAV_F32 }, { 48000, 1, 48000, 1, RA_WAV_S24 }, { 44100, 2, 48000, 128, RA_WAV_S16 },
        { 44100, 1, 48000, 777, RA_WAV_U8 }, { 96000, 2, 48000, 128, RA_WAV_S16 }, { 48000, 6, 48000, 512, RA_WAV_S16 }, { 22050, 2, 96000, 128, RA_WAV_F64 } };
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        uint32_t frames = cases[n].rate * 2;
        for (uint32_t file = 0; file < 3; file++) make_file(file, samples + 1000 * file, file ? frames / 8 : frames, cases[n].channels, cases[n].rate, cases[n].format);
        play_files(true, cases[n].engine_rate, cases[n].block, output, 90000);
        play_files(false, cases[n].engine_rate, cases[n].block, other, 90000);
        if (!check_samples(output, other, 180000)) complain(__LINE__, "in case %zu", n);
        check(!is_silent(output + 2 * 70000, 10000));
    }

    test("engine: of a long file only some seconds are in memory, each piece is read once, and a loop's start is there before its end");
    make_file(0, samples, 800000, 1, 8000, RA_WAV_S16);                  /* 100 s */
    for (int looping = 0; looping < 2; looping++) {
        ra_engine *engines[2] = { engine_at(8000), engine_at(8000) };
        files[0].all_bytes = 0;
        for (int n = 0; n < 2; n++) {
            load(engines[n], file_clip(0, n == 0));
            ra_engine_set_loop(engines[n], looping);
            if (looping) ra_engine_set_loop_range(engines[n], 3, 88);
            ra_engine_play(engines[n]);
        }
        uint32_t slots = 0;
        for (int second = 0; second < 99; second++) {
            feed(engines[0], UINT32_MAX);
            render(engines[0], output, 8000, 128);
            render(engines[1], other, 8000, 128);
            if (!check_samples(output, other, 16000)) complain(__LINE__, "in second %d", second);
        }
        ra_stream *stream = ra_engine_find_stream(engines[0], 0);
        for (uint32_t slot = 0; slot < stream->pieces.slot_count; slot++) slots += stream->pieces.slots[slot].samples != NULL;
        check(slots > 5 && slots <= 8 + 8000 * 12 / RA_CACHE_FRAMES);
        check_same(snapshot_of(engines[0]).underrun_frames, 0);
        if (looping) check(files[0].all_bytes < 2 * 800000 + 2 * 8000 * 16); else check_same(files[0].all_bytes, 2 * 800000);
        ra_engine_destroy(engines[0]); ra_engine_destroy(engines[1]);
    }

    test("engine: where pieces come late it fades out, waits in silence, counts that, and goes on at the very frame");
    engine = engine_at(48000);
    for (int n = 0; n < 200000; n++) samples[n] = (float)(0.5 * sin(2 * M_PI * 100 * n / 48000.0));
    make_file(0, samples, 200000, 1, 48000, RA_WAV_F32);
    load(engine, file_clip(0, true));
    ra_engine_play(engine);
    render(engine, output, 4800, 128);                 /* nothing has been read */
    snapshot = snapshot_of(engine);
    check(is_silent(output, 4800) && snapshot.is_playing && snapshot.is_buffering && !snapshot.is_settled && snapshot.underrun_frames == 0 && snapshot.buffered_frames == 0 && snapshot.position_frames == 0);
    check_same(feed(engine, 1), 1);                    /* four pieces of float */
    render(engine, output, 90000, 128);
    snapshot = snapshot_of(engine);
    check(memcmp(output, (float[2]){ samples[0], samples[0] }, 8) == 0 && output[2 * 1000] == samples[1000]);
    check(snapshot.is_buffering && snapshot.position_frames > 4 * RA_CACHE_FRAMES - 200 && snapshot.position_frames <= 4 * RA_CACHE_FRAMES);
    check_same(snapshot.underrun_frames + snapshot.position_frames, 90000);
    check(is_silent(output + 2 * snapshot.position_frames, (uint32_t)(90000 - snapshot.position_frames)));
    feed(engine, UINT32_MAX);
    render(engine, output + 2 * 90000, 30000, 128);
    check(output[2 * 100000] == samples[snapshot.position_frames + 10000] && !snapshot_of(engine).is_buffering && snapshot_of(engine).underrun_frames == snapshot.underrun_frames);
    double step = 0;
    for (int n = 1; n < 120000; n++) step = fmax(step, fabs(output[2 * n] - output[2 * n - 2]));
    check_most(step, 0.5 * 2 * M_PI * 100 / 48000 * 1.1);                 /* as steep as the sine */
    ra_engine_destroy(engine);

    test("engine: a seek to where nothing was read yet fades out, waits and fades in at its frame; that is no underrun");
    make_file(0, samples, 800000, 1, 8000, RA_WAV_S16);
    engine = engine_at(8000);
    load(engine, file_clip(0, true));
    ra_engine_play(engine);
    feed(engine, UINT32_MAX);
    render(engine, output, 8000, 128);
    ra_engine_seek(engine, 77);
    render(engine, output, 4000, 128);
    check(snapshot_of(engine).is_buffering && snapshot_of(engine).position_frames == 77 * 8000 && is_silent(output + 2 * 400, 3600));
    check_same(feed(engine, 1), 1);
    check(files[0].last_offset >= 44 + 2 * (77 * 8000 - 2 * RA_CACHE_FRAMES) && files[0].last_offset <= 44 + 2 * 77 * 8000);      /* that first */
    render(engine, output, 2000, 128);
    snapshot = snapshot_of(engine);
    check(snapshot.position_frames == 77 * 8000 + 2000 && snapshot.underrun_frames == 0 && !snapshot.is_buffering && snapshot.buffered_frames > 8000);
    check_near(output[2 * 1000], samples[77 * 8000 + 1000], 1.0 / 32768);
    ra_engine_pause(engine);
    ra_engine_seek(engine, 20);
    render(engine, output, 4000, 128);
    check(snapshot_of(engine).is_settled && !snapshot_of(engine).is_buffering);          /* paused, it waits for nothing */
    ra_engine_destroy(engine);

    test("engine: a file that breaks off is played as far as it goes, and asked no further; other clips are not disturbed");
    engine = engine_at(8000);
    load(engine, file_clip(0, true));
    ra_engine_seek(engine, 20);
    render(engine, output, 128, 128);
    files[0].read_bytes = 44 + 2 * 22 * 8000;
    ra_engine_play(engine);
    feed(engine, UINT32_MAX);
    check_same(ra_engine_next_stream(engine) == NULL, true);
    uint32_t read_count = files[0].read_count;
    for (int n = 0; n < 4; n++) { render(engine, output, 8000, 128); feed(engine, UINT32_MAX); }
    check(snapshot_of(engine).is_buffering && snapshot_of(engine).position_frames >= 20 * 8000 && snapshot_of(engine).position_frames <= 22 * 8000 && files[0].read_count == read_count);
    make_file(1, samples, 30000, 1, 8000, RA_WAV_S16);
    load(engine, file_clip(1, true));
    ra_engine_play(engine);
    feed(engine, UINT32_MAX);
    render(engine, output, 4000, 128);
    check(snapshot_of(engine).position_frames == 4000 && !snapshot_of(engine).is_buffering);
    ra_engine_tick(engine, NULL);
    check(!ra_engine_find_stream(engine, 0) && ra_engine_find_stream(engine, 1));        /* its clip went home */
    ra_stream *left = ra_engine_find_stream(engine, 1);
    uint64_t offset;
    size_t byte_count;
    void *bytes;
    ra_engine_queue(engine, file_clip(0, true));
    left = ra_engine_find_stream(engine, 0);
    check(ra_stream_next_read(left, &offset, &byte_count, &bytes) && !ra_stream_next_read(left, &offset, &byte_count, &bytes));      /* one at a time */
    ra_stream_read_done(left, (size_t)-1);                               /* what pread says when it fails */
    check(!ra_stream_next_read(left, &offset, &byte_count, &bytes) && !ra_stream_read_bytes(left));
    ra_engine_destroy(engine);                         /* with one that waits */
    check_same(ra_stream_create(&(ra_wav_info){ .channels = 1, .sample_rate_hz = 1 }, 1, &clip), RA_BAD_ARGUMENT);

    test("engine: a glance at spots of a file resembles its columns");
    static float long_noise[3000000];
    static ra_peak columns[RA_LOAD_COLUMNS], want[RA_LOAD_COLUMNS];
    fill_noise(long_noise, 3000000, 0.7f, 92);
    make_file(0, long_noise, 3000000, 1, 48000, RA_WAV_S16);
    clip = file_clip(0, false);
    ra_clip_peaks(clip, 0, RA_LOAD_COLUMNS, RA_LOAD_COLUMNS, want);
    ra_glance glance = { .source = 0 };
    check(ra_glance_is_worth_it(&files[0].info));
    ra_glance_start(&glance, &files[0].info, 7, columns);
    uint32_t reads = 0, empty = 0;
    double worst = 0;
    for (; ra_glance_next_read(&glance, &offset, &byte_count, &bytes); reads++) {
        check(offset + byte_count <= files[0].byte_count && !ra_glance_next_read(&glance, &offset, &byte_count, &bytes));
        memcpy(bytes, files[0].bytes + offset, byte_count);
        ra_glance_read_done(&glance, byte_count);
    }
    for (int n = 0; n < RA_LOAD_COLUMNS; n++) {
        empty += !(columns[n].max > 0.5f && columns[n].min < -0.5f);
        worst = fmax(worst, fmax(fabs(columns[n].rms - want[n].rms), fmax(fabs(columns[n].min - want[n].min), fabs(columns[n].max - want[n].max))));
    }
    check_same(empty, 0);
    check_most(worst, 0.1);
    check_same(reads, RA_SPOT_COUNT);
    ra_glance_end(&glance);
    ra_clip_destroy(clip);

#if RA_THREADS
    test("engine: while pieces come and go on one thread another renders, and hears no sample of a wrong piece");
    for (int n = 0; n < 800000; n += 2) { samples[n] = (float)((n / 2) % 25000 + 2000) / 32768; samples[n + 1] = -samples[n]; }
    for (uint32_t file = 0; file < TEST_FILES; file++) make_file(file, samples, 400000, 2, 4000, RA_WAV_S16);      /* 100 s in 24 pieces */
    engine = engine_at(4000);
    load(engine, file_clip(0, true));
    ra_engine_play(engine);
    ra_engine_set_loop(engine, true);
    audio_thread audio = { .engine = engine, .is_mirrored = true };
    pthread_t thread;
    pthread_create(&thread, NULL, audio_thread_body, &audio);
    uint64_t heard = 0;
    for (int n = 0; n < (TEST_SLOW ? 400 : 2000); n++) {
        for (ra_stream *stream = engine->streams; stream; stream = stream->next) stream->pieces.slot_count = 6;      /* fewer than it has: they change hands often */
        if (n % 4 == 0) ra_engine_seek(engine, (n * 37) % 100);
        if (n % 9 == 0) ra_engine_set_loop_range(engine, n % 50, n % 50 + 20);
        feed(engine, UINT32_MAX);
        if (n % 50 == 49) load(engine, file_clip((uint32_t)(n / 50 + 1) % TEST_FILES, true));
        if (n % 50 == 49) ra_engine_play(engine);
        ra_engine_tick(engine, NULL);
        heard += !snapshot_of(engine).is_buffering;
        usleep(100);
    }
    audio.is_over = true;
    pthread_join(thread, NULL);
    check_same(audio.bad_samples, 0);
    check(heard > 10);
    ra_engine_destroy(engine);
#endif
    for (int file = 0; file < TEST_FILES; file++) { free(files[file].bytes); files[file].bytes = NULL; }
}

/* ---- [12] ENGINE: loads, and what happens when memory runs out ---------------------------------- */

static ra_peak load_columns[2][RA_LOAD_COLUMNS];
/* A WAV file of noise in memory that ra_load_start may take. */
static void *wav_of_noise(uint32_t channels, uint32_t frame_count, size_t *byte_count)
{
    ra_wav_info info = { .format = RA_WAV_F32, .channels = channels, .sample_rate_hz = 44100, .frame_bytes = 4 * channels, .frame_count = frame_count };
    uint8_t header[80];
    size_t header_bytes = ra_wav_header(&info, header);
    *byte_count = header_bytes + (size_t)frame_count * info.frame_bytes;
    uint8_t *bytes = RA_MALLOC(*byte_count);
    if (!bytes) return NULL;
    memcpy(bytes, header, header_bytes);
    fill_noise(input, (size_t)frame_count * channels, 0.5f, 81);
    memcpy(bytes + header_bytes, input, (size_t)frame_count * info.frame_bytes);
    return bytes;
}
static ra_job_state finish_load(ra_pool *pool, ra_load *load, float *progress)
{
    ra_job_state state = RA_JOB_QUEUED;
    wait_until((ra_pool_run(pool, 1), state = ra_load_poll(load, progress)) == RA_JOB_DONE || state == RA_JOB_CANCELLED);
    return state;
}

static void free_load(ra_pool *pool, ra_load *load)    /* a slice may still run: then it says false */
{
    wait_until(ra_load_free(load) || (ra_pool_run(pool, 1), false));
}

/* One thing that allocates, made and unmade; false if it said that memory is out. */
static bool make_and_unmake(int kind)
{
    ra_result result = RA_OK;
    ra_error error;
    switch (kind) {
    case 0: { ra_engine *engine; result = ra_engine_create(NULL, &engine);
              if (result == RA_OK) { render(engine, output, 256, 128); ra_engine_destroy(engine); } else check(engine == NULL); break; }
    case 1: { ra_clip *clip; result = ra_clip_demo(&clip);
              if (result == RA_OK) ra_clip_destroy(clip); else check(clip == NULL); break; }
    case 2: { ra_fft *fft; result = ra_fft_create(1024, &fft);
              if (result == RA_OK) ra_fft_destroy(fft); else check(fft == NULL); break; }
    case 3: { ra_ring *ring; result = ra_ring_create(100, 2, 48000, &ring);
              if (result == RA_OK) ra_ring_destroy(ring); else check(ring == NULL); break; }
    case 4: { ra_chain *chain; ra_chain_spec spec = spec_of("eq; gain db=1; eq hz=50"); result = ra_chain_create(2, 48000, &spec, &chain);
              if (result == RA_OK) ra_chain_destroy(chain); else check(chain == NULL); break; }
    case 5: { ra_eq *eq; result = ra_eq_create(2, 48000, &eq);
              if (result == RA_OK) ra_eq_destroy(eq); else check(eq == NULL); break; }
    case 6: case 7: case 8: {
              ra_clip *clip, *made; ra_chain_spec spec = { .count = 0 };
              result = ra_clip_create(1000, 4, 44100, &clip);
              if (result != RA_OK) { check(clip == NULL); break; }
              result = kind == 6 ? ra_clip_resample(clip, 48000, &made) : kind == 7 ? ra_clip_to_stereo(clip, &made) : ra_render_clip(clip, &spec, &made);
              if (result == RA_OK) ra_clip_destroy(made); else check(made == NULL);
              ra_clip_destroy(clip); break; }
    case 9: { wav_file file; ra_clip *clip; static const int16_t silence[64];
              plain_wav(&file, 1, 2, 48000, 16, silence, sizeof silence);
              result = ra_wav_read(file.bytes, file.count, &clip, &error);
              if (result == RA_OK) ra_clip_destroy(clip); else check(clip == NULL && error.code == RA_NO_MEMORY && error.text[0]); break; }
    case 10: { ra_pool *pool; result = ra_pool_create(2, &pool);
              if (result != RA_OK) { check(pool == NULL); break; }
              test_job mine = { .slices = 2 };
              result = ra_pool_submit(pool, "test", test_job_step, &mine, &mine.job);
              if (result == RA_OK) { ra_pool_run(pool, 0); check_same(ra_job_poll(mine.job), RA_JOB_DONE); ra_job_release(mine.job); } else check(mine.job == NULL);
              ra_pool_destroy(pool); break; }
    case 11: { ra_engine *engine; ra_clip *clip = NULL; ra_pool *pool = NULL; ra_chain_spec spec = spec_of("eq peaking hz=100 db=3; convolve");
              static float decay[] = { 1, 0.5f, 0.25f, 0.125f };
              static const ra_clip small = { decay, 4, 1, 44100 };
              spec.item[1].impulse = &small;
              result = ra_engine_create(NULL, &engine);
              if (result != RA_OK) break;
              result = ra_clip_create(9000, 2, 44100, &clip);
              if (result == RA_OK && (result = ra_engine_load(engine, clip)) != RA_OK) ra_clip_destroy(clip);
              for (int n = 0; n < 2 && result == RA_OK; n++) {
                  result = ra_clip_create(500, 1, 22050, &clip);
                  if (result == RA_OK && (result = ra_engine_queue(engine, clip)) != RA_OK) ra_clip_destroy(clip);
              }
              if (result == RA_OK) result = ra_engine_set_sample_rate(engine, 32000);
              if (result == RA_OK) result = ra_engine_set_chain(engine, &spec);
              if (result == RA_OK) result = ra_engine_play(engine);
              if (result == RA_OK) result = ra_pool_create(1, &pool);
              static float bins[RA_SPECTRUM_BINS];
              if (result == RA_OK) { render(engine, output, 9000, 512); if (!spectrum_of(engine, pool, bins)) result = RA_NO_MEMORY; }
              ra_engine_destroy(engine);
              ra_pool_destroy(pool); break; }
    case 12: { ra_pool *pool; ra_load *load; size_t byte_count; ra_clip *clip = NULL; uint32_t channels; float progress;
              result = ra_pool_create(1, &pool);
              if (result != RA_OK) break;
              void *bytes = wav_of_noise(6, 3000, &byte_count);
              result = bytes ? ra_load_start(pool, bytes, byte_count, &load) : RA_NO_MEMORY;
              if (bytes && result != RA_OK) { check(load == NULL); if (memory.live > 1) RA_FREE(bytes); }      /* refused: still ours */
              if (result == RA_OK) {
                  finish_load(pool, load, &progress);
                  result = ra_load_take(load, &clip, load_columns[0], &channels, &error);
                  if (result == RA_OK) ra_clip_destroy(clip); else check(clip == NULL && error.text[0]);
                  free_load(pool, load);
              }
              ra_pool_destroy(pool); break; }
    default: return true;
    }
    check(result == RA_OK || result == RA_NO_MEMORY || result == RA_NO_THREAD);
    return result == RA_OK;
}

static void test_loads(void)
{
    ra_pool *pool;
    ra_load *load;
    ra_error error;
    float progress;
    uint32_t channels = 0;
    ra_clip *clip, *want, *source;

    test("engine: a WAV is loaded on the pool, mixed to stereo, with its peaks");
    ra_pool_create(2, &pool);
    for (uint32_t n = 1; n <= 6; n++) {
        size_t byte_count;
        void *bytes = wav_of_noise(n, 30000, &byte_count);
        ra_wav_read(bytes, byte_count, &source, NULL);
        if (!check_same(ra_load_start(pool, bytes, byte_count, &load), RA_OK)) break;        /* the bytes are its own now */
        check_same(finish_load(pool, load, &progress), RA_JOB_DONE);
        check_near(progress, 1, 1e-6);
        clip = NULL;
        if (check_same(ra_load_take(load, &clip, load_columns[0], &channels, &error), RA_OK)) {
            check_same(channels, n);
            check(clip->sample_rate_hz == 44100 && clip->frame_count == 30000 && clip->channels == (n == 1 ? clip->channels : 2) && clip->channels <= 2);
            if (clip->channels == 2) { ra_clip_to_stereo(source, &want); check_samples(clip->samples, want->samples, 60000); ra_clip_destroy(want); }
            else check_samples(clip->samples, source->samples, 30000);
            ra_clip_peaks(clip, 0, RA_LOAD_COLUMNS, RA_LOAD_COLUMNS, load_columns[1]);
            check(memcmp(load_columns[0], load_columns[1], sizeof load_columns[0]) == 0);
            ra_clip_destroy(clip);
        }
        free_load(pool, load);
        if (check_same(ra_load_start_clip(pool, source, &load), RA_OK)) {                   /* and a clip that the browser decoded */
            check_same(finish_load(pool, load, &progress), RA_JOB_DONE);
            clip = NULL;
            if (check_same(ra_load_take(load, &clip, load_columns[1], &channels, &error), RA_OK)) {
                check(channels == n && clip->channels <= 2 && clip->frame_count == 30000);
                check(memcmp(load_columns[0], load_columns[1], sizeof load_columns[0]) == 0);
                ra_clip_destroy(clip);
            }
            free_load(pool, load);
        }
    }
    ra_pool_destroy(pool);

    test("engine: a broken file loads as a sentence, and a load may be given up at any time");
    ra_pool_create(2, &pool);
    for (int n = 0; n < 40; n++) {
        size_t byte_count;
        uint8_t *bytes = wav_of_noise(2, 30000, &byte_count);
        if (n == 0) memcpy(bytes + 8, "WAVY", 4);
        if (!check_same(ra_load_start(pool, bytes, byte_count, &load), RA_OK)) break;
        if (n == 0) {
            check_same(finish_load(pool, load, &progress), RA_JOB_DONE);
            clip = (ra_clip *)1;
            check_same(ra_load_take(load, &clip, load_columns[0], &channels, &error), RA_BAD_WAV);
            check(clip == NULL && error.code == RA_BAD_WAV && strlen(error.text) > 10);
        } else usleep((useconds_t)(noise_word() % 1500));
        free_load(pool, load);
    }
    ra_load_free(NULL);
    ra_pool_run(pool, 0);
    ra_pool_destroy(pool);

    test("engine: whichever allocation fails, the answer is RA_NO_MEMORY and nothing leaks");
    for (int kind = 0; kind <= 12; kind++) {
        int failures = 0;
        for (int n = 1; n < 1000; n++) {
            long long before = memory.count;
            memory.fail_at = before + n;
            bool is_made = make_and_unmake(kind);
            bool has_failed = memory.count >= memory.fail_at;
            memory.fail_at = 0;
            failures += has_failed;
            wait_until(memory.live == 0);              /* a worker may be at its last free */
            if (memory.live != 0 || memory.bad_frees != 0) { complain(__LINE__, "kind %d, allocation %d of it failed: %lld leaked", kind, n, (long long)memory.live); memory.live = 0; break; }
            if (!is_made && !has_failed) { complain(__LINE__, "kind %d failed though every allocation was made", kind); break; }
            if (!has_failed) break;
        }
        if (kind <= 11 && failures == 0) complain(__LINE__, "kind %d does not allocate through RA_MALLOC", kind);
    }
}
/* ---- jobs on whole clips ---- */

static const uint32_t job_workers[] = { RA_POOL_INLINE, 1, 2, 4, 8 };

/* The task's result in bytes, whatever its kind; NULL when there is none. */
static const void *result_bytes(const ra_task *task, const ra_task_result *result, size_t *byte_count)
{
    switch (task->kind) {
    case RA_TASK_MEASURE: *byte_count = sizeof result->report; return &result->report;
    case RA_TASK_PEAKS:   *byte_count = task->column_count * sizeof *result->columns; return result->columns;
    case RA_TASK_FFT:     *byte_count = result->spectrum_count * result->bin_count * sizeof(float); return result->spectra_db;
    default:              *byte_count = (size_t)(result->clip->frame_count * result->clip->channels) * sizeof(float); return result->clip->samples;
    }
}

/* A page may not wait, but it may work. */
static ra_result wait_process(ra_pool *pool, ra_process *process)
{
    ra_result result = ra_process_wait(process);
    if (result != RA_BUSY) return result;
    while (ra_process_poll(process, NULL) < RA_JOB_DONE) ra_pool_run(pool, 1);
    return ra_process_get(process, NULL);
}
static void free_process(ra_pool *pool, ra_process *process) { while (!ra_process_free(process)) ra_pool_run(pool, 1); }

/* Runs the task on pools of all sizes; each has to give exactly these bytes. */
static void check_job(const ra_clip *clip, const ra_task *task, const void *want, size_t want_bytes, int line)
{
    for (size_t n = 0; n < sizeof job_workers / sizeof job_workers[0]; n++) {
        ra_pool *pool;
        ra_process *process;
        ra_error error = { 0 };
        const ra_task_result *result = NULL;
        size_t byte_count = 0;
        ra_pool_create(job_workers[n], &pool);
        if (ra_process_async(pool, clip, task, &process, &error)) { complain(line, "refused: %s", error.text); ra_pool_destroy(pool); return; }
        if (n & 1) wait_process(pool, process);
        else while (ra_process_poll(process, NULL) < RA_JOB_DONE) { ra_pool_run(pool, 1); usleep(100); }
        float progress = 0;
        if (ra_process_get(process, &result) || ra_process_poll(process, &progress) != RA_JOB_DONE || progress != 1) complain(line, "%d workers: no result", (int)job_workers[n]);
        else {
            const void *got = result_bytes(task, result, &byte_count);
            if (byte_count != want_bytes || memcmp(got, want, byte_count)) complain(line, "%d workers: got %zu bytes, hash %016llx, want %zu, hash %016llx", (int)job_workers[n],
                byte_count, (unsigned long long)hash_bytes(got, byte_count), want_bytes, (unsigned long long)hash_bytes(want, want_bytes));
        }
        free_process(pool, process);
        ra_pool_destroy(pool);
    }
}

/* Full-scale dB of one bin, by the sum that defines it, in double. */
static double slow_bin_db(const ra_clip *clip, int64_t middle, uint32_t size, uint32_t bin)
{
    double power = 0;
    for (uint32_t channel = 0; channel < clip->channels; channel++) {
        double complex sum = 0;
        for (uint32_t n = 0; n < size; n++) {
            int64_t frame = middle - size / 2 + n;
            if (frame >= 0 && frame < (int64_t)clip->frame_count) sum += clip->samples[frame * clip->channels + channel] * (0.5 - 0.5 * cos(2 * PI * n / size)) * cexp(-2 * PI * _Complex_I * bin * n / size);
        }
        power += creal(sum * conj(sum));
    }
    return fmax(-160, 10 * log10(power / clip->channels / (size / 4.0 * size / 4.0) + 1e-30));
}

/* ---- sound that comes and goes by pieces ---- */

/* What a task's file has to be, by the functions that have everything in memory; from malloc. */
typedef struct { uint8_t *bytes; size_t byte_count; double gain_db; ra_loudness_report report; uint64_t frame_count; } wanted_file;

static ra_loudness_report file_report(const float *samples, uint64_t frame_count, uint32_t channels, uint32_t rate)
{
    ra_loudness_report report;
    ra_loudness *meter;
    memset(&report, 0, sizeof report);
    if (!check_same(ra_loudness_create(channels, rate, true, &meter), RA_OK)) return report;
    ra_loudness_add(meter, samples, frame_count);
    ra_loudness_get(meter, &report);
    ra_loudness_destroy(meter);
    return report;
}

static wanted_file file_of(const ra_clip *clip, const ra_task *task)
{
    wanted_file is = { 0 };
    uint64_t length = clip->frame_count - task->first_frame, seed = 0;
    if (task->frame_count && task->frame_count < length) length = task->frame_count;
    ra_clip part = { clip->samples + task->first_frame * clip->channels, length, clip->channels, clip->sample_rate_hz }, *rated = NULL, *out = NULL;
    if (!check_same(ra_clip_resample(&part, task->sample_rate_hz ? task->sample_rate_hz : clip->sample_rate_hz, &rated), RA_OK)) return is;
    if (!check_same(ra_render_clip(rated, &task->chain, &out), RA_OK)) { ra_clip_destroy(rated); return is; }
    size_t count = (size_t)out->frame_count * out->channels;
    if (task->is_normalised) {
        ra_loudness_report before = file_report(out->samples, out->frame_count, out->channels, out->sample_rate_hz);
        is.gain_db = ra_normalise_gain_db(&before, task->normalise, task->target_db, task->ceiling_dbtp);
        float gain = (float)ra_amplitude_from_db(is.gain_db);
        for (size_t n = 0; n < count; n++) out->samples[n] *= gain;
    }
    ra_wav_info info = { .format = task->format, .channels = out->channels, .sample_rate_hz = out->sample_rate_hz, .frame_count = out->frame_count };
    is.bytes = calloc(1, count * 8 + 100);
    is.byte_count = task->is_raw ? 0 : ra_wav_header(&info, is.bytes);
    ra_wav_encode(task->format, out->samples, is.bytes + is.byte_count, count, &seed);
    float *again = malloc(count * sizeof(float) + 1);
    ra_wav_decode(task->format, is.bytes + is.byte_count, again, count);
    is.report = file_report(again, out->frame_count, out->channels, out->sample_rate_hz);
    free(again);
    is.byte_count += count * ra_wav_sample_bytes[task->format];
    is.byte_count += !task->is_raw && (is.byte_count & 1);
    is.frame_count = out->frame_count;
    ra_clip_destroy(rated); ra_clip_destroy(out);
    return is;
}

/* A file in memory, of which somebody may have cut off the end, and what has been written of another. */
typedef struct { const uint8_t *from; uint64_t from_count; uint8_t *to; size_t to_count, to_capacity; uint64_t read_count; } piece_files;

/* All that is wanted now: at most so many pieces at a time, done in the order in which they came. */
static void serve_pieces(ra_process *process, piece_files *files, int at_a_time)
{
    uint64_t offset;
    size_t byte_count, got[8];
    void *to;
    const void *from;
    int count;
    do {
        for (count = 0; count < at_a_time && ra_process_next_read(process, &offset, &byte_count, &to); count++) {
            got[count] = offset > files->from_count ? 0 : byte_count < files->from_count - offset ? byte_count : (size_t)(files->from_count - offset);
            memcpy(to, files->from + offset, got[count]);
            files->read_count += got[count];
        }
        for (int n = 0; n < count; n++) ra_process_read_done(process, got[n]);
    } while (count);
    do {
        for (count = 0; count < at_a_time && ra_process_next_write(process, &from, &byte_count); count++) {
            if (files->to_count + byte_count > files->to_capacity) { complain(__LINE__, "more is written than there should be"); byte_count = 0; }
            memcpy(files->to + files->to_count, from, byte_count);
            files->to_count += byte_count;
        }
        for (int n = 0; n < count; n++) ra_process_write_done(process);
    } while (count);
}

static ra_result serve_process(ra_pool *pool, ra_process *process, piece_files *files, int way)
{
    while (ra_process_poll(process, NULL) < RA_JOB_DONE) {
        serve_pieces(process, files, 1 + way % 3);
        if (way % 2) ra_process_work(process, 3); else { ra_pool_run(pool, 1); usleep(50); }
    }
    return ra_process_get(process, NULL);
}

/* The clip, in memory and as a file of that format, through pools of all sizes: each time exactly the file that it has to be. */
static void check_export(const ra_clip *clip, ra_wav_format format, ra_task task, int line)
{
    ra_wav_info info = { .format = format, .channels = clip->channels, .sample_rate_hz = clip->sample_rate_hz, .frame_count = clip->frame_count };
    size_t count = (size_t)(clip->frame_count * clip->channels);
    uint8_t *file = malloc(count * 8 + 100);
    size_t header_bytes = ra_wav_header(&info, file), byte_count = header_bytes + count * ra_wav_sample_bytes[format];
    ra_wav_encode(format, clip->samples, file + header_bytes, count, NULL);
    ra_clip *same;                                       /* as it is in that format */
    ra_error error;
    if (!check_same(ra_wav_read(file, byte_count, &same, &error), RA_OK)) { free(file); return; }
    ra_memory bytes = { file, byte_count };
    check_same(ra_wav_parse(ra_memory_read, &bytes, byte_count, &info, &error), RA_OK);
    task.kind = RA_TASK_EXPORT;
    task.has_report = true;
    wanted_file want = file_of(same, &task);
    char digits[65];
    ra_sha256 sha;
    ra_sha256_start(&sha);
    ra_sha256_add(&sha, want.bytes, want.byte_count);
    ra_sha256_end(&sha, digits);
    uint8_t *written = malloc(want.byte_count + 1);
    for (int way = TEST_SLOW ? 4 : 0; way < (TEST_SLOW ? 8 : 10); way++) {     /* with a sanitizer: two workers and four */
        piece_files files = { file, byte_count, written, 0, want.byte_count, 0 };
        ra_pool *pool;
        ra_process *process;
        const ra_task_result *is;
        float progress;
        ra_pool_create(job_workers[way / 2], &pool);
        ra_result result = way % 2 ? ra_process_stream(pool, &info, &task, &process, &error) : ra_process_async(pool, same, &task, &process, &error);
        if (result) { complain(line, "refused: %s", error.text); ra_pool_destroy(pool); break; }
        if (serve_process(pool, process, &files, way / 2 + way)) complain(line, "way %d: %s", way, ra_result_text(ra_process_get(process, NULL)));
        else if (files.to_count != want.byte_count || memcmp(written, want.bytes, want.byte_count))
            complain(line, "way %d: got %zu bytes, hash %016llx, want %zu, hash %016llx", way, files.to_count, (unsigned long long)hash_bytes(written, files.to_count), want.byte_count, (unsigned long long)hash_bytes(want.bytes, want.byte_count));
        else if (check_same(ra_process_get(process, &is), RA_OK)) {
            check_same(is->byte_count, want.byte_count);
            check_same(is->frame_count, want.frame_count);
            check(is->gain_db == want.gain_db && ra_process_poll(process, &progress) == RA_JOB_DONE && progress == 1);
            check_text(is->sha256, digits);
            if (memcmp(&is->report, &want.report, sizeof want.report)) complain(line, "way %d: another report", way);
        }
        free_process(pool, process);
        ra_pool_destroy(pool);
    }
    free(written); free(want.bytes); free(file);
    ra_clip_destroy(same);
}

static void test_jobs(void)
{
    ra_error error;
    ra_process *process;
    ra_pool *pool;
    ra_clip *clip, *want;

    test("engine: a job through a chain gives the bits of ra_render_clip for any number of workers, channels and lengths");
    static const struct { const char *chain; uint32_t channels, frames; } chains[] = {
        { "eq peaking hz=1000 db=6 q=1; compressor threshold_db=-24 ratio=4; distortion drive_db=6 mix=0.3; chorus; delay ms=120; reverb rt60_s=0.8; pan position=-0.2; gain db=3; softclip; limiter ceiling_dbtp=-1", 2, 60001 },
        { "eq peaking hz=40 db=6 q=1; eq peaking hz=100 db=6 q=1; eq peaking hz=300 db=-6 q=1; eq peaking hz=1000 db=6 q=1; eq lowshelf hz=2000 db=3 q=1; eq peaking hz=3000 db=6 q=1; "
          "eq peaking hz=4000 db=6 q=1; eq notch hz=5000 q=1; eq highshelf hz=6000 db=-6 q=1; eq lowpass hz=12000 q=0.7", 3, 30000 },
        { "distortion; reverb; limiter", 2, 500000 },                /* more blocks than a lane has slots, many times */
        { "reverb; limiter", 1, 20000 }, { "", 2, 5000 }, { "gain db=-3", 6, 4096 }, { "limiter", 2, 1 }, { "limiter", 1, 4097 },
    };
    for (size_t n = 0; n < sizeof chains / sizeof chains[0]; n++) {
        ra_task task = { .kind = RA_TASK_EFFECTS, .chain = spec_of(chains[n].chain) };
        fill_noise(input, chains[n].frames * chains[n].channels, 0.7f, 77 + n);
        clip = clip_of(input, chains[n].frames, chains[n].channels, 48000);
        if (!check_same(ra_render_clip(clip, &task.chain, &want), RA_OK)) break;
        check_job(clip, &task, want->samples, (size_t)(want->frame_count * want->channels) * sizeof(float), __LINE__);
        if (n == 1) { task.kind = RA_TASK_EQUALIZER; check_job(clip, &task, want->samples, (size_t)(want->frame_count * want->channels) * sizeof(float), __LINE__); }
        ra_clip_destroy(want); ra_clip_destroy(clip);
    }

    test("engine: a job meets NaN and giants as ra_render_clip does");
    fill_noise(input, 60000, 0.7f, 5);
    for (int n = 0; n < 60000; n += 7001) { input[n] = NAN; input[n + 1] = 1e9f; input[n + 2] = -INFINITY; }
    clip = clip_of(input, 30000, 2, 48000);
    static const char *const wild[] = { "delay ms=50 feedback=0.9; reverb", "gain db=40; gain db=40; gain db=40; gain db=40; gain db=40; delay ms=20 feedback=0.95; reverb; limiter",
        "delay ms=20 feedback=0.9; gain db=40; gain db=40; gain db=40; gain db=40; gain db=40" };        /* giants come out at its end */
    for (int n = 0; n < 3; n++) {
        ra_task task = { .kind = RA_TASK_EFFECTS, .chain = spec_of(wild[n]) };
        if (!check_same(ra_render_clip(clip, &task.chain, &want), RA_OK)) break;
        check(is_finite(want->samples, 60000));
        check_job(clip, &task, want->samples, 60000 * sizeof(float), __LINE__);
        ra_clip_destroy(want);
    }
    ra_clip_destroy(clip);

    test("engine: measuring, normalising, resampling and peaks as jobs give what their functions give");
    for (uint32_t channels = 1; channels <= 3; channels++) {
        fill_noise(input, 100000 * channels, 0.3f, 9);
        clip = clip_of(input, 100000, channels, 44100);
        ra_loudness *meter;
        ra_loudness_report report;
        memset(&report, 0, sizeof report);
        ra_loudness_create(channels, 44100, true, &meter);
        ra_loudness_add(meter, input, 100000);
        ra_loudness_get(meter, &report);
        ra_loudness_destroy(meter);
        check_job(clip, &(ra_task){ .kind = RA_TASK_MEASURE }, &report, sizeof report, __LINE__);
        float gain = (float)ra_amplitude_from_db(ra_normalise_gain_db(&report, RA_NORMALISE_LUFS, -23, NAN));
        for (uint32_t n = 0; n < 100000 * channels; n++) output[n] = input[n] * gain;
        check_job(clip, &(ra_task){ .kind = RA_TASK_NORMALIZE, .normalise = RA_NORMALISE_LUFS, .target_db = -23, .ceiling_dbtp = NAN }, output, 100000 * channels * sizeof(float), __LINE__);
        static const uint32_t rates[] = { 48000, 22050, 44100, 44101, 1000 };
        for (int n = 0; n < 5; n++) {
            if (!check_same(ra_clip_resample(clip, rates[n], &want), RA_OK)) break;
            check_job(clip, &(ra_task){ .kind = RA_TASK_RESAMPLE, .sample_rate_hz = rates[n] }, want->samples, (size_t)(want->frame_count * channels) * sizeof(float), __LINE__);
            ra_clip_destroy(want);
        }
        static ra_peak columns[5000];
        for (uint32_t count = 1; count <= 5000; count = count * 17 + 3) {
            ra_clip_peaks(clip, 0, count, count, columns);
            check_job(clip, &(ra_task){ .kind = RA_TASK_PEAKS, .column_count = count }, columns, count * sizeof *columns, __LINE__);
        }
        ra_clip_destroy(clip);
    }

    test("engine: measuring as a job finds the very true peak, wherever it lies, and counts every bad and clipped sample");
    for (int n = 0; n < 12; n++) {
        uint32_t channels = n % 3 + 1, frames = 150000, peak_at = (uint32_t[]){ 5, 32767, 32768 - 12, 65536 + 3, 149900, 98304 }[n % 6];
        for (uint32_t frame = 0; frame < frames; frame++)            /* a quarter of the rate: true peaks lie between the samples */
            for (uint32_t channel = 0; channel < channels; channel++)
                input[frame * channels + channel] = (float)((n < 6 ? 0.4 + 0.2 * frame / frames : 0.3) * sin(PI / 2 * frame + PI / 4 + channel));
        input[peak_at * channels] = input[(peak_at + 1) * channels] = 1.1f;
        if (n & 1) for (uint32_t bad = 32768 - 20; bad < frames * channels; bad += 32768 / 2) input[bad] = bad & 8 ? NAN : -2e9f;
        clip = clip_of(input, frames, channels, 48000);
        ra_loudness *meter;
        ra_loudness_report report;
        memset(&report, 0, sizeof report);
        ra_loudness_create(channels, 48000, true, &meter);
        ra_loudness_add(meter, input, frames);
        ra_loudness_get(meter, &report);
        ra_loudness_destroy(meter);
        check(report.true_peak_dbtp > report.sample_peak_db && report.clipped_samples == 2 && (report.bad_samples > 5) == (n & 1));
        check_job(clip, &(ra_task){ .kind = RA_TASK_MEASURE }, &report, sizeof report, __LINE__);
        ra_clip_destroy(clip);
    }

    test("engine: a job's spectra are the transform's definition within 0.01 dB, and equal for any number of workers");
    fill_noise(input, 40000, 0.3f, 21);
    clip = clip_of(input, 20000, 2, 48000);
    ra_task stft = { .kind = RA_TASK_FFT, .fft_frames = 512, .hop_frames = 777 };
    ra_pool_create(2, &pool);
    if (check_same(ra_process_async(pool, clip, &stft, &process, &error), RA_OK)) {
        const ra_task_result *result = NULL;
        if (check_same(wait_process(pool, process), RA_OK) && check_same(ra_process_get(process, &result), RA_OK)) {
            check_same(result->spectrum_count, (20000 + 776) / 777);
            check_same(result->bin_count, 257);
            for (uint32_t n = 0; n < result->spectrum_count; n += 3)
                for (uint32_t bin = 1; bin < 257; bin += 13) check_near(result->spectra_db[n * 257 + bin], slow_bin_db(clip, n * 777, 512, bin), 0.01);
            check_job(clip, &stft, result->spectra_db, result->spectrum_count * 257 * sizeof(float), __LINE__);
            ra_task part = stft;                                     /* a tile of it is the same */
            part.first_spectrum = 5;
            part.spectrum_count = 7;
            check_job(clip, &part, result->spectra_db + 5 * 257, 7 * 257 * sizeof(float), __LINE__);
        }
        free_process(pool, process);
    }
    ra_pool_destroy(pool);
    ra_clip_destroy(clip);

    test("engine: 10 log10 of any power within 0.0001 dB");
    for (double power = 1e-15; power < 1e30; power *= 1.37) {
        float is = (float)power;
        ra_power_to_db(&is, 1, 1);
        check_near(is, 10 * log10((float)power), 1e-4);
    }
    static const float nothing[] = { 0, -1, NAN, 1e-20f };
    for (int n = 0; n < 4; n++) { float is = nothing[n]; ra_power_to_db(&is, 1, 1); check_near(is, -160, 1e-4); }

    test("engine: a task that cannot be is refused with a sentence");
    ra_clip *empty = clip_of(input, 0, 2, 48000);
    clip = clip_of(input, 20000, 2, 48000);
    ra_pool_create(RA_POOL_INLINE, &pool);
    ra_overview *other_size;
    ra_overview_create(20001, 2, 48000, &other_size);
    struct { ra_task task; const ra_clip *clip; const char *word; } refused[] = {
        { { .kind = (ra_task_kind)99 }, clip, "no such task" },                       { { .kind = RA_TASK_MEASURE }, empty, "no sound" },
        { { .kind = RA_TASK_EQUALIZER, .chain = spec_of("reverb") }, clip, "eq only" }, { { .kind = RA_TASK_RESAMPLE, .sample_rate_hz = 768001 }, clip, "rates" },
        { { .kind = RA_TASK_FFT, .fft_frames = 1000, .hop_frames = 10 }, clip, "power of two" }, { { .kind = RA_TASK_FFT, .fft_frames = 1024 }, clip, "apart" },
        { { .kind = RA_TASK_PEAKS }, clip, "columns" },                               { { .kind = RA_TASK_NORMALIZE, .target_db = 3 }, clip, "target" },
        { { .kind = RA_TASK_EFFECTS, .chain = { .count = 1, .item = { { .kind = 77 } } } }, clip, "range" },
        { { .kind = RA_TASK_ANALYSE }, clip, "overview" },                            { { .kind = RA_TASK_ANALYSE, .overview = other_size }, clip, "size" },
    };
    for (size_t n = 0; n < sizeof refused / sizeof refused[0]; n++) {
        process = (ra_process *)1;
        check_same(ra_process_async(pool, refused[n].clip, &refused[n].task, &process, &error), RA_BAD_ARGUMENT);
        check(process == NULL);
        if (!strstr(error.text, refused[n].word)) complain(__LINE__, "refusal %zu: got '%s'", n, error.text);
    }
    ra_overview_destroy(other_size);
    ra_clip_destroy(empty);
    for (int n = 0; ; n++) {                                        /* the queue is full at 64 */
        static ra_process *many[80];
        ra_result result = ra_process_async(pool, clip, &(ra_task){ .kind = RA_TASK_PEAKS, .column_count = 10 }, &many[n], &error);
        if (result == RA_OK && n < 79) continue;
        check_same(result, RA_BUSY);
        check_same(n, 64);
        for (int k = 0; k < n; k++) free_process(pool, many[k]);
        break;
    }
    ra_pool_destroy(pool);
    ra_clip_destroy(clip);

    test("engine: jobs are given up at any time, in any number, and leave nothing behind");
    clip = clip_of(input, 20000, 2, 48000);
    for (int n = 0; n < 60; n++) {
        static const char busy[] = "reverb; distortion; limiter";
        ra_pool_create(n % 3 ? (uint32_t)(n % 3) : RA_POOL_INLINE, &pool);
        ra_process *several[3] = { NULL };
        ra_task task = { .kind = n % 2 ? RA_TASK_EFFECTS : RA_TASK_FFT, .chain = spec_of(busy), .fft_frames = 1024, .hop_frames = 8 };
        for (int k = 0; k < 3; k++) check_same(ra_process_async(pool, clip, &task, &several[k], &error), RA_OK);
        if (n % 3 == 0) for (int k = 0; k < n % 7; k++) ra_pool_run(pool, 1); else usleep((useconds_t)(noise_word() % 8000));
        for (int k = 0; k < 3; k++) ra_process_cancel(several[k]);
        double start = seconds_now();
        for (int k = 0; k < 3; k++) { free_process(pool, several[k]); }
        if (!TEST_SLOW) check_most(seconds_now() - start, 5);         /* s: hung would be for ever; how soon is measured by the bench */
        ra_pool_destroy(pool);
    }
    ra_clip_destroy(clip);
    wait_until(memory.live == 0);
    check_same(memory.live, 0);

    test("engine: jobs of random kinds and sizes, given up or not, on pools of random sizes, always give the serial answer");
    {
        ra_chain_spec spec = spec_of("compressor; eq peaking hz=300 db=4; eq peaking hz=1000 db=3; eq peaking hz=2000 db=3; eq peaking hz=4000 db=3; eq peaking hz=8000 db=3; delay ms=3; limiter");
        fill_noise(input, 80000, 0.7f, 31);
        ra_clip *whole = clip_of(input, 40000, 2, 48000), *rendered;
        check_same(ra_render_clip(whole, &spec, &rendered), RA_OK);
        static ra_peak all_columns[1000], columns[1000];
        ra_clip_peaks(whole, 0, 1000, 1000, all_columns);
        uint32_t rounds = 0, wrong = 0;
        for (double end = seconds_now() + TEST_STRESS_S; seconds_now() < end; rounds++) {
            ra_process *several[6];
            uint32_t kinds[6], cut[6];
            ra_pool_create(1 + (uint32_t)(noise_word() % 4), &pool);
            int count = 1 + (int)(noise_word() % 6);
            for (int k = 0; k < count; k++) {
                kinds[k] = noise_word() % 3;
                cut[k] = noise_word() % 4;
                ra_task task = { .kind = kinds[k] == 0 ? RA_TASK_EFFECTS : kinds[k] == 1 ? RA_TASK_PEAKS : RA_TASK_FFT, .chain = spec, .column_count = 1000, .fft_frames = 256, .hop_frames = 1000 };
                if (ra_process_async(pool, whole, &task, &several[k], &error)) { wrong++; several[k] = NULL; }
            }
            for (int k = 0; k < count; k++) {
                const ra_task_result *result;
                if (!several[k]) continue;
                if (cut[k] == 0) { usleep((useconds_t)(noise_word() % 2000)); ra_process_cancel(several[k]); }
                else if (wait_process(pool, several[k]) || ra_process_get(several[k], &result)) wrong++;
                else if (kinds[k] == 0) wrong += memcmp(result->clip->samples, rendered->samples, 80000 * sizeof(float)) != 0;
                else if (kinds[k] == 1) { memcpy(columns, result->columns, sizeof columns); wrong += memcmp(columns, all_columns, sizeof columns) != 0; }
                free_process(pool, several[k]);
            }
            ra_pool_destroy(pool);
        }
        check_same(wrong, 0);
        check(rounds > 0);
        ra_clip_destroy(rendered);
        ra_clip_destroy(whole);
    }

    test("engine: whichever allocation of a job fails, it says so and nothing leaks");
    fill_noise(input, 9000, 0.5f, 3);
    static uint8_t file[40000], written[40000];
    for (int kind = 0; kind < RA_TASK_KIND_COUNT + 2; kind++)        /* the last two: sound that comes by pieces */
        for (int n = 1, is_over = 0; !is_over && n < 400; n++) {
            bool is_stream = kind >= RA_TASK_KIND_COUNT;
            piece_files files = { file, sizeof file, written, 0, sizeof written, 0 };
            ra_wav_info info = { .format = RA_WAV_F32, .channels = 3, .sample_rate_hz = 44100, .frame_bytes = 12, .data_offset = 44, .frame_count = 3000 };
            ra_task task = { .kind = !is_stream ? (ra_task_kind)kind : kind == RA_TASK_KIND_COUNT ? RA_TASK_EXPORT : RA_TASK_MEASURE, .is_normalised = true, .has_report = true, .format = RA_WAV_S16, .chain = spec_of("eq peaking hz=40; eq peaking hz=100; eq peaking hz=300; eq peaking hz=1000; eq peaking hz=3000"),
                             .fft_frames = 256, .hop_frames = 256, .target_db = -20, .sample_rate_hz = 48000, .column_count = 20 };
            clip = clip_of(input, 3000, 3, 44100);
            if (kind == RA_TASK_ANALYSE) ra_overview_create(3000, 3, 44100, &task.overview);
            ra_pool_create(RA_POOL_INLINE, &pool);
            memory.fail_at = memory.count + n;
            ra_result result = is_stream ? ra_process_stream(pool, &info, &task, &process, &error) : ra_process_async(pool, clip, &task, &process, &error);
            if (result == RA_OK) result = serve_process(pool, process, &files, n);
            is_over = memory.count < memory.fail_at;
            memory.fail_at = 0;
            if (result != (is_over ? RA_OK : RA_NO_MEMORY)) complain(__LINE__, "task %d, allocation %d failed: got %s", kind, n, ra_result_text(result));
            if (process) free_process(pool, process);
            ra_pool_destroy(pool);
            ra_overview_destroy(task.overview);
            ra_clip_destroy(clip);
            if (memory.live) { complain(__LINE__, "task %d, allocation %d failed: %lld leaked", kind, n, (long long)memory.live); memory.live = 0; }
        }
}

/* ---- recording ---- */

static struct { uint8_t bytes[80 + 8 * 2000000]; size_t byte_count; } recorded;      /* behind 80 bytes for the header */

/* What there is of the file, as a page takes it once a frame. */
static void take_pieces(ra_engine *engine, ra_pool *pool)
{
    const void *bytes;
    size_t byte_count;
    ra_engine_tick(engine, pool);
    while (ra_engine_record_next(engine, &bytes, &byte_count)) {
        if (check(byte_count <= sizeof recorded.bytes - 80 - recorded.byte_count)) {
            memcpy(recorded.bytes + 80 + recorded.byte_count, bytes, byte_count);
            recorded.byte_count += byte_count;
        }
        ra_engine_record_done(engine);
    }
}
/* Takes the rest, and reads the file as a stranger would; every frame that was offered is in it or was counted as lost. */
static ra_clip *end_recording(ra_engine *engine, ra_pool *pool, ra_recording *recording)
{
    ra_clip *clip = NULL;
    ra_error error = { .text = "" };
    uint8_t header[80];
    wait_until((take_pieces(engine, pool), ra_pool_run(pool, 1), ra_engine_get_recording(engine, recording), !recording->is_on));
    check_same(recording->offered_frames, recording->info.frame_count + recording->lost_frames);
    size_t header_bytes = ra_wav_header(&recording->info, header);
    memcpy(recorded.bytes + 80 - header_bytes, header, header_bytes);
    if (ra_wav_read(recorded.bytes + 80 - header_bytes, header_bytes + recorded.byte_count, &clip, &error)) complain(__LINE__, "%s", error.text);
    recorded.byte_count = 0;
    return clip;
}
static bool check_clip(const ra_clip *clip, const float *want, uint64_t frame_count, uint32_t rate)
{
    return clip && check_same(clip->frame_count, frame_count) && check_same(clip->sample_rate_hz, rate) && check_samples(clip->samples, want, (size_t)(2 * frame_count));
}
static void render_input(ra_engine *engine, const float *in, float *out, uint32_t frame_count)
{
    is_audio = true;
    ra_engine_render_duplex(engine, in, out, frame_count);
    is_audio = false;
}

#if RA_THREADS
/* Renders blocks of random sizes and keeps what it gave from the first block on, as much as there is room for. */
typedef struct { ra_engine *engine; float *frames; uint32_t frame_count; atomic_bool is_over; } recorded_thread;
static void *recorded_thread_body(void *user)
{
    recorded_thread *audio = user;
    for (uint32_t seed = 8; !audio->is_over; usleep(50)) {
        uint32_t block = (seed = seed * 1664525 + 1013904223) % 699;
        render(audio->engine, audio->frames + 2 * (size_t)audio->frame_count, block, block ? block : 1);
        if (audio->frame_count < 399300) audio->frame_count += block;
    }
    return NULL;
}
#endif

static void test_recording(void)
{
    static float samples[120000], all[2 * 400000];
    ra_engine *engine;
    ra_recording recording;
    ra_clip *clip;
    ra_pool *pool = NULL;
    ra_chain_spec spec = spec_of("eq peaking hz=1000 db=9 q=1; reverb rt60_s=0.3");
    fill_noise(samples, 120000, 0.95f, 90);

    test("engine: a recording of the output is what was rendered between its two commands, bit for bit, in blocks of any size");
    ra_pool_create(RA_POOL_INLINE, &pool);
    engine = engine_at(44100);
    ra_engine_get_recording(engine, &recording);
    check(!recording.is_on && recording.offered_frames == 0);
    load(engine, clip_of(samples, 50000, 2, 44100));
    ra_engine_set_chain(engine, &spec);
    ra_engine_set_loop(engine, true);
    render(engine, all, 777, 128);
    for (int take = 0; take < 3; take++) {
        uint32_t frame_count = 0, goal = 60000 + 40000 * (uint32_t)take;
        ra_engine_seek(engine, 0.1 * take);
        check_same(ra_engine_record(engine, RA_RECORD_OUTPUT, RA_WAV_F32), RA_OK);
        ra_engine_play(engine);                        /* the first frame of it is the first of the file */
        check_same(ra_engine_record(engine, RA_RECORD_OUTPUT, RA_WAV_F32), RA_BUSY);
        while (frame_count < goal) {
            uint32_t block = noise_word() % 1500;
            render(engine, all + 2 * (size_t)frame_count, block, block ? block : 1);
            frame_count += block;
            if (block % 3 == 0) { take_pieces(engine, pool); ra_pool_run(pool, 1); }
        }
        ra_engine_get_recording(engine, &recording);
        check(recording.is_on && recording.offered_frames == frame_count && recording.peak[0] > 0.1f && recording.peak[1] > 0.1f);
        check_same(ra_engine_record_stop(engine), RA_OK);
        check_same(ra_engine_record_stop(engine), RA_OK);                /* twice is once */
        render(engine, other, 500, 128);               /* no longer in it */
        clip = end_recording(engine, pool, &recording);
        check_clip(clip, all, frame_count, 44100);
        check(recording.lost_frames == 0 && !is_silent(all, 2 * frame_count));
        ra_clip_destroy(clip);
    }
    check_same(ra_engine_record_stop(engine), RA_OK);
    check_same(ra_engine_record(engine, (ra_record_source)2, RA_WAV_F32), RA_BAD_ARGUMENT);
    check_same(ra_engine_record(engine, RA_RECORD_OUTPUT, RA_WAV_ALAW), RA_BAD_ARGUMENT);
    ra_engine_destroy(engine);
    ra_pool_destroy(pool);

    test("engine: a recording of the input has its samples, also where input and output are one array; without input, silence");
    ra_pool_create(RA_POOL_INLINE, &pool);
    engine = engine_at(48000);
    load(engine, clip_of(samples, 50000, 2, 48000));
    ra_engine_play(engine);
    check_same(ra_engine_record(engine, RA_RECORD_INPUT, RA_WAV_F32), RA_OK);
    memcpy(all, samples + 40000, 40000 * sizeof(float));
    memcpy(output, all, 40000 * sizeof(float));
    for (uint32_t done = 0, block; done < 20000; done += block) {
        block = noise_word() % 2000 + 1;
        if (block > 20000 - done) block = 20000 - done;
        render_input(engine, output + 2 * done, done % 2 ? output + 2 * done : other, block);
    }
    render_input(engine, NULL, output, 1000);
    memset(all + 40000, 0, 2000 * sizeof(float));
    check(!is_silent(output, 2000));
    ra_engine_record_stop(engine);
    render_input(engine, samples, output, 1000);
    clip = end_recording(engine, pool, &recording);
    check_clip(clip, all, 21000, 48000);
    ra_clip_destroy(clip);
    for (int format = 0; format < RA_WAV_WRITABLE_COUNT; format++) {     /* as the writer of whole files makes them */
        check_same(ra_engine_record(engine, RA_RECORD_INPUT, (ra_wav_format)format), RA_OK);
        render_input(engine, samples, output, 9000);
        ra_engine_record_stop(engine);
        render(engine, output, 1, 1);
        clip = end_recording(engine, pool, &recording);
        static uint8_t bytes[8 * 18000];
        uint64_t dither_seed = 0;
        ra_wav_encode((ra_wav_format)format, samples, bytes, 18000, &dither_seed);
        ra_wav_decode((ra_wav_format)format, bytes, all, 18000);
        check_same(recording.info.format, format);
        check_clip(clip, all, 9000, 48000);
        ra_clip_destroy(clip);
    }
    ra_engine_destroy(engine);
    ra_pool_destroy(pool);

    test("engine: while nobody comes for it a recording loses what has no room, counts it to the frame, and tells the two apart");
    ra_pool_create(RA_POOL_INLINE, &pool);
    engine = engine_at(48000);
    uint32_t room = 0;
    for (room = 1; room < 480000; ) room *= 2;
    check_same(ra_engine_record(engine, RA_RECORD_INPUT, RA_WAV_S16), RA_OK);
    for (uint32_t done = 0; done < room + 12345; done += 12345) {
        render_input(engine, samples, output, 12345);
        ra_engine_get_recording(engine, &recording);
        check_same(recording.lost_frames, done + 12345 > room ? done + 12345 - room : 0);
    }
    ra_engine_record_stop(engine);
    render(engine, output, 128, 128);
    uint64_t lost_frames = recording.lost_frames, offered_frames = recording.offered_frames, taken_bytes = 0;
    check(lost_frames > 0);
    const void *bytes;
    size_t byte_count;
    for (ra_engine_get_recording(engine, &recording); recording.is_on; ra_engine_get_recording(engine, &recording)) {
        ra_engine_tick(engine, pool);
        ra_pool_run(pool, 1);
        while (ra_engine_record_next(engine, &bytes, &byte_count)) { taken_bytes += byte_count; ra_engine_record_done(engine); }
    }
    check_same(recording.lost_frames, lost_frames);
    check_same(recording.offered_frames, offered_frames);
    check_same(recording.info.frame_count, room);
    check_same(taken_bytes, 4 * (uint64_t)room);
    ra_engine_destroy(engine);
    ra_pool_destroy(pool);

    test("engine: a recording ends by itself where the output gets another rate, and when nobody renders any more");
    ra_pool_create(RA_POOL_INLINE, &pool);
    engine = engine_at(48000);
    check_same(ra_engine_record(engine, RA_RECORD_OUTPUT, RA_WAV_F32), RA_OK);
    render(engine, all, 5000, 128);
    check_same(ra_engine_set_sample_rate(engine, 96000), RA_OK);
    render(engine, other, 500, 128);
    clip = end_recording(engine, pool, &recording);
    check_clip(clip, all, 5000, 48000);
    ra_clip_destroy(clip);
    check_same(ra_engine_record(engine, RA_RECORD_OUTPUT, RA_WAV_F32), RA_OK);
    render(engine, all, 3000, 128);
    ra_engine_record_stop(engine);                     /* the sound device sleeps */
    for (int n = 0; n < 15; n++) { take_pieces(engine, pool); ra_engine_get_recording(engine, &recording); check(recording.is_on); }
    clip = end_recording(engine, pool, &recording);
    check_clip(clip, all, 3000, 96000);
    ra_clip_destroy(clip);
    check_same(ra_engine_record(engine, RA_RECORD_OUTPUT, RA_WAV_F32), RA_BUSY);         /* the audio thread may still have the ring */
    render(engine, output, 10, 10);
    check_same(ra_engine_record(engine, RA_RECORD_OUTPUT, RA_WAV_F32), RA_OK);
    ra_engine_record_stop(engine);
    render(engine, output, 10, 10);
    clip = end_recording(engine, pool, &recording);
    check(recording.offered_frames == 0 && clip && clip->frame_count == 0);              /* both in one block: nothing is between them */
    ra_clip_destroy(clip);
    ra_engine_record(engine, RA_RECORD_OUTPUT, RA_WAV_F32);
    render(engine, output, 9000, 128);
    ra_engine_tick(engine, pool);                      /* a job is left behind */
    ra_engine_destroy(engine);
    ra_pool_destroy(pool);

    test("engine: over the bridge a recording has the same bits, also twice; when the other memory is lost, it ends with what had come");
    ra_pool_create(RA_POOL_INLINE, &pool);
    ra_engine *front = engine_at(48000), *back = engine_at(96000);      /* the page does not know the device's rate */
    load(front, clip_of(samples, 50000, 2, 44100));
    for (int take = 0; take < 3; take++) {
        uint32_t frame_count = 0;
        carry(front, back);
        check_same(ra_engine_record(front, RA_RECORD_OUTPUT, RA_WAV_F32), RA_OK);
        ra_engine_play(front);
        while (frame_count < 90000) {
            carry(front, back);
            render(back, all + 2 * (size_t)frame_count, 1024, 128);
            frame_count += 1024;
            if (frame_count % 8 == 0) { take_pieces(front, pool); ra_pool_run(pool, 1); }
        }
        if (take < 2) {
            ra_engine_record_stop(front);
            carry(front, back);
            render(back, other, 1024, 128);
            carry(front, back);
        } else {
            carry(front, back);
            render(back, other, 1024, 128);            /* lost with the memory: nobody has heard of these */
            ra_engine_destroy(back);
            back = engine_at(96000);
            ra_bridge_resync(front);
            carry(front, back);
        }
        clip = end_recording(front, pool, &recording);
        check_clip(clip, all, frame_count, 96000);
        check_same(recording.lost_frames, 0);
        ra_clip_destroy(clip);
    }
    check_same(ra_engine_record(front, RA_RECORD_INPUT, RA_WAV_F32), RA_OK);
    carry(front, back);
    for (int n = 0; n < 3; n++) render_input(back, samples, output, 10000);              /* no report for too long: there it has less room */
    carry(front, back);
    ra_engine_record_stop(front);
    carry(front, back);
    render(back, output, 128, 128);
    carry(front, back);
    clip = end_recording(front, pool, &recording);
    check_same(recording.lost_frames, 30000 - RA_RECORD_BACK_FRAMES);
    if (check(clip && clip->frame_count >= 10000)) check_samples(clip->samples, samples, 20000);
    ra_clip_destroy(clip);
    ra_engine_destroy(front); ra_engine_destroy(back);
    ra_pool_destroy(pool);

    test("engine: whichever allocation of a recording fails, it says so, nothing leaks and the next one is right");
    for (int n = 1, is_over = 0; !is_over && n < 20; n++) {
        engine = engine_at(48000);
        ra_pool_create(RA_POOL_INLINE, &pool);
        memory.fail_at = memory.count + n;
        ra_result result = ra_engine_record(engine, RA_RECORD_INPUT, RA_WAV_S24);
        is_over = memory.count < memory.fail_at;
        memory.fail_at = 0;
        check_same(result, is_over ? RA_OK : RA_NO_MEMORY);
        if (!is_over) check_same(ra_engine_record(engine, RA_RECORD_INPUT, RA_WAV_S24), RA_OK);
        render_input(engine, samples, output, 8000);
        memory.fail_at = memory.count + 1;             /* the job */
        ra_engine_tick(engine, pool);
        memory.fail_at = 0;
        ra_engine_record_stop(engine);
        render(engine, output, 1, 1);
        clip = end_recording(engine, pool, &recording);
        check(clip && clip->frame_count == 8000);
        ra_clip_destroy(clip);
        ra_engine_destroy(engine);
        ra_pool_destroy(pool);
        if (memory.live) { complain(__LINE__, "allocation %d failed: %lld leaked", n, (long long)memory.live); memory.live = 0; }
        check(is_over ? n > 3 : true);
    }

#if RA_THREADS
    test("engine: one thread renders, another records, workers encode: no frame is lost or torn");
    for (int take = 0; take < 3; take++) {
        ra_pool_create(2, &pool);
        engine = engine_at(48000);
        recorded_thread audio = { .engine = engine, .frames = all };
        load(engine, clip_of(samples, 50000, 2, 48000));
        ra_engine_set_loop(engine, true);
        ra_engine_play(engine);
        ra_engine_record(engine, RA_RECORD_OUTPUT, RA_WAV_F32);
        pthread_t thread;
        pthread_create(&thread, NULL, recorded_thread_body, &audio);
        for (int n = 0; n < 100; n++) { take_pieces(engine, pool); usleep(200); }
        check_same(ra_engine_record_stop(engine), RA_OK);
        wait_until((take_pieces(engine, pool), snapshot_of(engine).record_serial == 2));
        audio.is_over = true;
        pthread_join(thread, NULL);
        clip = end_recording(engine, pool, &recording);
        check_same(recording.lost_frames, 0);
        size_t kept = clip && clip->frame_count < audio.frame_count ? (size_t)clip->frame_count : audio.frame_count;
        check(clip && kept > 0 && check_samples(clip->samples, all, 2 * kept));
        ra_clip_destroy(clip);
        ra_engine_destroy(engine);
        ra_pool_destroy(pool);
    }
#endif
}

/* ---- overviews ---- */

/* What is between two frames, by the definition. */
static ra_peak slow_peak(const ra_clip *clip, int64_t first, int64_t end)
{
    double low = INFINITY, high = -INFINITY, power = 0, count = 0;
    for (int64_t n = (first > 0 ? first : 0) * clip->channels; n < end * clip->channels && n < (int64_t)(clip->frame_count * clip->channels); n++) {
        low = fmin(low, clip->samples[n]); high = fmax(high, clip->samples[n]);
        power += (double)clip->samples[n] * clip->samples[n];
        count++;
    }
    return (ra_peak){ (float)low, (float)high, (float)sqrt(power / count) };
}

/* One hash over all that an overview says. */
static uint64_t overview_hash(const ra_overview *overview, uint64_t frame_count)
{
    static ra_peak columns[3000];
    const ra_loudness_point *points;
    ra_loudness_report report;
    uint64_t hash = 0;
    for (double width = 1; width < 4.0 * frame_count; width *= 3) {
        ra_overview_columns(overview, -0.3 * width, 2999.7 * width, 3000, columns);
        hash = hash * 31 + hash_bytes(columns, sizeof columns);
    }
    hash = hash * 31 + hash_bytes(points, sizeof *points * ra_overview_loudness(overview, &points));
    memset(&report, 0, sizeof report);
    if (!ra_overview_report(overview, &report)) return 0;
    return hash * 31 + hash_bytes(&report, sizeof report);
}

static void test_overview(void)
{
    static ra_peak columns[4000];
    ra_overview *overview, *whole;
    ra_pool *pool;
    ra_process *process;
    ra_error error;
    const ra_loudness_point *points;
    ra_loudness_report report, want;
    enum { FRAMES = 65536 * 4 + 65536 + 700 };                        /* five levels of whole blocks, and a piece of one */
    static float noise[2 * FRAMES];
    fill_noise(noise, 2 * FRAMES, 0.6f, 44);
    for (int n = 0; n < 2 * FRAMES; n++) noise[n] *= (float)(0.6 + 0.4 * sin(n * 1e-5));
    ra_clip whole_clip = { .samples = noise, .frame_count = FRAMES, .channels = 2, .sample_rate_hz = 48000 }, *clip = &whole_clip;

    test("engine: an overview's columns are the smallest, the largest and the root mean square of their frames at every zoom");
    ra_overview_create(FRAMES, 2, 48000, &whole);
    ra_overview_add(whole, noise, FRAMES + 5);                         /* what is too much is not looked at */
    check_same(ra_overview_known_frames(whole), FRAMES);
    for (uint32_t level = 0; level <= 5; level++) {
        int64_t node = 256ll << 2 * level, count = (FRAMES + node - 1) / node, times = level ? 2 : 1;      /* whole nodes: exactly */
        if (level) count = FRAMES / node / times;                      /* and only whole columns */
        ra_overview_columns(whole, 0, (double)(count * times * node), (uint32_t)count, columns);
        for (int64_t n = 0; n < count; n += level ? 1 : 37) {
            ra_peak is = slow_peak(clip, n * times * node, (n + 1) * times * node);
            if (columns[n].min != is.min || columns[n].max != is.max || fabs(columns[n].rms / is.rms - 1) > 1e-6)
                { complain(__LINE__, "level %u, column %d: got %g %g %g, want %g %g %g", level, (int)n, columns[n].min, columns[n].max, columns[n].rms, is.min, is.max, is.rms); break; }
        }
    }
    for (double width = 3.3; width < FRAMES; width *= 1.7) {           /* any zoom: between its own frames and a little more */
        double first = 1000.25, slack = width < 512 ? 255 : 0.5 * width;
        uint32_t count = (uint32_t)fmin(900, (FRAMES - first) / width) + 1;
        ra_overview_columns(whole, first, first + width * count, count, columns);
        for (uint32_t n = 0; n < count; n += 1 + count / 40) {
            double from = first + width * n, to = from + width;
            if (from >= FRAMES) break;
            ra_peak own = slow_peak(clip, (int64_t)ceil(from), (int64_t)floor(to)), more = slow_peak(clip, (int64_t)ceil(from - slack), (int64_t)floor(to + slack) + 1);
            if (columns[n].min > own.min || columns[n].max < own.max || columns[n].min < more.min || columns[n].max > more.max)
                { complain(__LINE__, "width %g, column %u: got %g %g, its own %g %g, with its neighbours %g %g", width, n, columns[n].min, columns[n].max, own.min, own.max, more.min, more.max); break; }
        }
    }
    for (double width = 600000; width < 1e7; width *= 4) {             /* nodes of many blocks: the whole file in one column */
        ra_peak is = slow_peak(clip, 0, FRAMES);
        ra_overview_columns(whole, 0, width, 1, columns);
        check(columns[0].min == is.min && columns[0].max == is.max);
        check_near(columns[0].rms, is.rms, 1e-6);
    }
    ra_overview_columns(whole, -3000, 0, 3, columns);
    for (int n = 0; n < 3; n++) check_same(columns[n].rms, -1);       /* nothing is there */
    ra_overview_columns(whole, FRAMES, 2.0 * FRAMES, 3, columns);
    check_same(columns[2].rms, -1);
    ra_overview_destroy(whole);

    test("engine: an overview's loudness is the meter's after every 100 ms, and its report the meter's at the end");
    ra_loudness *meter;
    ra_overview_create(FRAMES, 2, 48000, &whole);
    ra_overview_add(whole, noise, FRAMES);
    ra_loudness_create(2, 48000, true, &meter);
    check_same(ra_overview_loudness(whole, &points), FRAMES / 4800);
    for (int n = 0; n < FRAMES / 4800; n++) {
        ra_loudness_add(meter, noise + 2 * 4800 * n, 4800);
        ra_loudness_get(meter, &want);
        float momentary = (float)want.momentary_lufs, short_term = (float)want.short_term_lufs;
        if (memcmp(&points[n].momentary_lufs, &momentary, 4) || memcmp(&points[n].short_term_lufs, &short_term, 4)) { complain(__LINE__, "point %d: got %g %g, want %g %g", n, points[n].momentary_lufs, points[n].short_term_lufs, momentary, short_term); break; }
    }
    check(isnan(points[2].momentary_lufs) && !isnan(points[3].momentary_lufs) && isnan(points[28].short_term_lufs) && !isnan(points[29].short_term_lufs));
    ra_loudness_add(meter, noise + 2 * (FRAMES / 4800 * 4800), FRAMES % 4800);
    ra_loudness_get(meter, &want);
    if (check(ra_overview_report(whole, &report))) check(report.integrated_lufs == want.integrated_lufs && report.true_peak_dbtp == want.true_peak_dbtp && report.loudness_range_lu == want.loudness_range_lu);
    ra_loudness_destroy(meter);
    ra_overview_destroy(whole);

    test("engine: an overview is the same bits in pieces of any size, and as a job for any number of workers, whatever the format");
    for (int kind = 0; kind < 4; kind++) {
        static const struct { uint32_t frames, channels, rate; } kinds[] = { { FRAMES, 2, 48000 }, { 200000, 3, 44100 }, { 70000, 1, 5 }, { 3, 2, 96000 } };
        uint64_t frames = kinds[kind].frames;
        ra_clip *other_clip = clip_of(noise, frames, kinds[kind].channels, kinds[kind].rate);
        if (!check_same(ra_overview_create(frames, kinds[kind].channels, kinds[kind].rate, &overview), RA_OK)) break;
        ra_overview_add(overview, noise, frames);
        uint64_t hash = overview_hash(overview, frames);
        check(hash != 0);
        ra_overview_destroy(overview);
        ra_overview_create(frames, kinds[kind].channels, kinds[kind].rate, &overview);
        for (uint64_t at = 0, run = 1; at < frames; at += run, run = run * 5 % 9973 + 1) ra_overview_add(overview, noise + at * kinds[kind].channels, run);
        check_same(overview_hash(overview, frames), hash);
        ra_overview_destroy(overview);
        for (size_t n = 0; n < sizeof job_workers / sizeof job_workers[0]; n++) {
            ra_pool_create(job_workers[n], &pool);
            ra_overview_create(frames, kinds[kind].channels, kinds[kind].rate, &overview);
            ra_task task = { .kind = RA_TASK_ANALYSE, .overview = overview };
            if (check_same(ra_process_async(pool, other_clip, &task, &process, &error), RA_OK)) {
                const ra_task_result *result;
                while (ra_process_poll(process, NULL) < RA_JOB_DONE) {  /* read while it grows: never a wrong value, if one at all */
                    uint32_t wrong = 0;
                    ra_overview_columns(overview, 0, (double)frames, 300, columns);
                    if (kind == 0) for (uint32_t k = 0; k < 300; k++) wrong += columns[k].rms != -1 && !(columns[k].max > 0.05f && columns[k].max < 0.7f && columns[k].min < -0.05f && columns[k].min > -0.7f);
                    if (wrong) complain(__LINE__, "%u columns that are not known yet", wrong);
                    uint32_t known = ra_overview_loudness(overview, &points);
                    if (kind == 0 && known > 3 && !(points[known - 1].momentary_lufs > -40 && points[known - 1].momentary_lufs < 0)) complain(__LINE__, "point %u is not there", known - 1);
                    ra_pool_run(pool, 1);
                }
                if (check_same(ra_process_get(process, &result), RA_OK)) check_same(overview_hash(overview, frames), hash);
                check_same(ra_overview_known_frames(overview), frames);
                free_process(pool, process);
            }
            ra_overview_destroy(overview);
            ra_pool_destroy(pool);
        }
        ra_clip_destroy(other_clip);
    }

    test("engine: an analysis that is given up leaves an overview that says what it knows");
    for (int n = 0; n < 20; n++) {
        ra_pool_create(n % 3 ? (uint32_t)(n % 3) : RA_POOL_INLINE, &pool);
        ra_overview_create(FRAMES, 2, 48000, &overview);
        check_same(ra_process_async(pool, clip, &(ra_task){ .kind = RA_TASK_ANALYSE, .overview = overview }, &process, &error), RA_OK);
        if (n % 3 == 0) ra_pool_run(pool, 0.5); else usleep((useconds_t)(noise_word() % 3000));
        free_process(pool, process);
        ra_overview_columns(overview, 0, FRAMES, 4000, columns);
        uint64_t known = 0;
        for (int k = 0; k < 4000; k++) known += columns[k].rms >= 0;
        check_near((double)known / 4000, (double)ra_overview_known_frames(overview) / FRAMES, 0.01);
        ra_overview_destroy(overview);
        ra_pool_destroy(pool);
    }

    test("engine: an overview of two hours at 48 kHz takes less than 40 MB, and silence has no loudness");
    uint64_t before = (uint64_t)memory.bytes;
    if (check_same(ra_overview_create(2ull * 3600 * 48000, 2, 48000, &overview), RA_OK)) {
        check_most((double)((uint64_t)memory.bytes - before) / 1e6, 40);
        ra_overview_columns(overview, 0, 2.0 * 3600 * 48000, 1000, columns);
        check_same(columns[500].rms, -1);
        ra_overview_destroy(overview);
    }
    for (int n = 0; n < 20000; n++) noise[n] = n % 4000 == 7 ? NAN : 0;
    ra_overview_create(10000, 2, 48000, &overview);
    ra_overview_add(overview, noise, 10000);
    ra_overview_columns(overview, 0, 10000, 20, columns);
    for (int n = 0; n < 20; n++) check(columns[n].min == 0 && columns[n].max == 0 && columns[n].rms == 0);
    check(ra_overview_report(overview, &report) && isnan(report.integrated_lufs));
    ra_overview_destroy(overview);
    ra_overview_destroy(NULL);
    for (int n = 0; n < 4; n++) check_same(ra_overview_create(n == 0 ? 0 : n == 3 ? 1ull << 48 : 10, n == 1 ? 65 : 2, n == 2 ? 0 : 48000, &overview), RA_BAD_ARGUMENT);

    test("engine: a clip that was kept is freed by its last owner");
    ra_clip *shared = clip_of(noise, 10, 2, 48000);
    check(ra_clip_keep(shared) == shared);
    ra_clip_destroy(shared);
    check_same(memory.live, 2);
    ra_clip_destroy(shared);
    check_same(memory.live, 0);
}
#if RA_THREADS
/* ---- workers that die with a task, a load or the spectrum in their hands ---- */

static bool dying_unit(void *user, uint32_t line, uint32_t unit) { maybe_die(); return ra_process_unit(user, line, unit); }
static bool dying_load_step(void *user, ra_job *job)    { maybe_die(); return ra_load_step(user, job); }
static bool dying_spectrum_step(void *user, ra_job *job) { maybe_die(); return ra_analysis_step(user, job); }
enum { DEATHS = TEST_SLOW ? 2 : 3 };
static const struct { uint32_t workers; bool is_exit; int die_at; } deaths[3] = { { 2, false, 3 }, { 1, true, 0 }, { 3, false, 1 } };

static void test_deaths(void)
{
    ra_pool *pool;
    ra_error error;
    ra_job *holds[8];
    atomic_bool gate;
    ra_clip *clip;
    long long live = memory.live;
    ra_log_level(0);

    test("engine: a worker dies at any moment of a task: it begins anew, gives the same bits, and the dead one's memory is left alone");
    fill_noise(input, 400000, 0.3f, 9);
    clip = clip_of(input, 200000, 2, 44100);
    for (int kind = 0; kind < RA_TASK_KIND_COUNT; kind++) {
        if (kind == RA_TASK_ANALYSE || kind == RA_TASK_EXPORT) continue;           /* below */
        ra_task task = { .kind = (ra_task_kind)kind, .chain = spec_of("eq peaking hz=300 db=4; eq peaking hz=1000 db=3; eq peaking hz=2000 db=3; eq peaking hz=4000 db=3; eq peaking hz=8000 db=3"),
                         .fft_frames = 1024, .hop_frames = 500, .target_db = -20, .ceiling_dbtp = NAN, .sample_rate_hz = 48000, .column_count = 2000 };
        if (kind == RA_TASK_EFFECTS) task.chain = spec_of("compressor; delay ms=3; limiter");
        ra_process *process;
        const ra_task_result *result = NULL;
        size_t want_bytes = 0, byte_count = 0;
        ra_pool_create(RA_POOL_INLINE, &pool);
        ra_process_async(pool, clip, &task, &process, &error);
        wait_process(pool, process);
        ra_process_get(process, &result);
        const void *want = result_bytes(&task, result, &want_bytes);
        for (int n = 0; n < DEATHS; n++) {
            ra_pool *dying;
            ra_process *second = NULL;
            ra_pool_create(deaths[n].workers, &dying);
            hold_workers(dying, &gate, holds);
            death_begin(deaths[n].is_exit, deaths[n].die_at);
            check_same(ra_process_async(dying, clip, &task, &second, &error), RA_OK);
            second->weave.unit = dying_unit;
            let_go(dying, &gate, holds);
            float progress = 0;
            wait_until((ra_pool_run(dying, 1), ra_process_poll(second, &progress)) == RA_JOB_DONE);
            if (ra_process_poll(second, &progress) != RA_JOB_DONE || progress != 1 || ra_process_get(second, &result)) complain(__LINE__, "task %d, death %d: no result", kind, n);
            else {
                const void *got = result_bytes(&task, result, &byte_count);
                death_end(dying);                      /* what wakes now may write, but not here */
                if (byte_count != want_bytes || memcmp(got, want, byte_count)) complain(__LINE__, "task %d, death %d: got another result", kind, n);
            }
            check_same(death.died, 1);
            check(second->again && !second->again->again);
            check_most(ra_pool_worker_count(dying), deaths[n].workers - 1);
            bury(second); bury(dying);
            check(ra_process_free(second));
            ra_pool_destroy(dying);
        }
        free_process(pool, process);
        ra_pool_destroy(pool);
    }
    ra_clip_destroy(clip);
    memory.live = live;

    test("engine: a task whose worker has died can be given up, or waited for");
    clip = clip_of(input, 200000, 2, 44100);
    for (int n = 0; n < 4; n++) {
        ra_task task = { .kind = RA_TASK_FFT, .fft_frames = 4096, .hop_frames = 16 };
        ra_process *process = NULL;
        ra_pool_create(2, &pool);
        hold_workers(pool, &gate, holds);
        death_begin(n & 1, 2);
        check_same(ra_process_async(pool, clip, &task, &process, &error), RA_OK);
        process->weave.unit = dying_unit;
        let_go(pool, &gate, holds);
        wait_until(death.died == 1);
        if (n < 2) {
            ra_process_cancel(process);
            wait_until((ra_pool_run(pool, 1), ra_process_poll(process, NULL)) == RA_JOB_CANCELLED);
            check_same(ra_process_get(process, NULL), RA_CANCELLED);
        } else check_same(ra_process_wait(process), RA_OK);
        bury(process); bury(pool);
        check(ra_process_free(process));
        death_end(pool);
        ra_pool_destroy(pool);
    }
    ra_clip_destroy(clip);
    memory.live = live;

    test("engine: an analysis whose worker has died says so, and another overview gets the same as ever");
    clip = clip_of(input, 200000, 2, 44100);
    ra_task analyse = { .kind = RA_TASK_ANALYSE };
    ra_overview *lost, *want, *got;
    for (int n = 0; n < 3; n++) check_same(ra_overview_create(200000, 2, 44100, n == 0 ? &lost : n == 1 ? &want : &got), RA_OK);
    ra_process *process = NULL;
    ra_pool_create(2, &pool);
    hold_workers(pool, &gate, holds);
    death_begin(false, 2);
    analyse.overview = lost;
    check_same(ra_process_async(pool, clip, &analyse, &process, &error), RA_OK);
    process->weave.unit = dying_unit;
    let_go(pool, &gate, holds);
    check_same(ra_process_wait(process), RA_NO_THREAD);
    ra_process *second = NULL;
    analyse.overview = got;
    check_same(ra_process_async(pool, clip, &analyse, &second, &error), RA_OK);
    check_same(ra_process_wait(second), RA_OK);
    ra_overview_add(want, clip->samples, 200000);
    ra_peak columns[2][300];
    ra_overview_columns(want, 0, 200000, 300, columns[0]);
    ra_overview_columns(got, 0, 200000, 300, columns[1]);
    check(memcmp(columns[0], columns[1], sizeof columns[0]) == 0);
    check(ra_process_free(second));
    bury(process); bury(pool);
    check(ra_process_free(process));
    death_end(pool);
    ra_pool_destroy(pool);
    ra_overview_destroy(want);
    ra_overview_destroy(got);
    ra_clip_destroy(clip);
    memory.live = live;

    test("engine: three tasks that wait for their files keep nobody from the pool");
    {
        ra_wav_info far = { .format = RA_WAV_S16, .channels = 2, .sample_rate_hz = 48000, .frame_count = 1000000, .frame_bytes = 4, .data_offset = 44 };
        ra_process *waits[3];
        ra_pool_create(1, &pool);
        for (int n = 0; n < 3; n++) check_same(ra_process_stream(pool, &far, &(ra_task){ .kind = RA_TASK_MEASURE }, &waits[n], &error), RA_OK);
        usleep(50000);
        clip = clip_of(input, 1000, 2, 48000);
        ra_process *quick;
        check_same(ra_process_async(pool, clip, &(ra_task){ .kind = RA_TASK_MEASURE }, &quick, &error), RA_OK);
        wait_until(ra_process_poll(quick, NULL) == RA_JOB_DONE);
        check_same(ra_process_poll(quick, NULL), RA_JOB_DONE);
        check(ra_process_free(quick));
        for (int n = 0; n < 3; n++) check(ra_process_free(waits[n]));
        check_same(ra_process_stream(pool, &(ra_wav_info){ .format = RA_WAV_S16, .channels = 2, .sample_rate_hz = 48000, .frame_count = 10 }, &(ra_task){ .kind = RA_TASK_MEASURE }, &waits[0], &error), RA_BAD_ARGUMENT);
        ra_pool_destroy(pool);
        ra_clip_destroy(clip);
    }

    test("engine: a worker dies with a load: it begins anew from the bytes, the clip or the formula, and gives the same");
    for (int kind = 0; kind < 4; kind++) {               /* bytes, a stereo clip, one of six channels, the built-in loop */
        ra_clip *want = NULL;
        for (int n = -1; n < DEATHS; n++) {              /* -1: nobody dies, and that is what the others have to give */
            ra_load *load = NULL;
            ra_clip *made = NULL;
            uint32_t channels = 0;
            float progress = 0;
            size_t byte_count;
            ra_pool_create(n < 0 ? RA_POOL_INLINE : deaths[n].workers, &pool);
            if (n >= 0) hold_workers(pool, &gate, holds);
            if (n >= 0) death_begin(deaths[n].is_exit, deaths[n].die_at & 1);
            fill_noise(input, 600000, 0.3f, 4);
            void *bytes = kind == 0 ? wav_of_noise(6, 80000, &byte_count) : NULL;
            ra_result result = kind == 0 ? ra_load_start(pool, bytes, byte_count, &load) : kind == 3 ? ra_load_start_demo(pool, &load)
                             : ra_load_start_clip(pool, clip_of(input, 100000, kind == 1 ? 2 : 6, 48000), &load);
            if (!check_same(result, RA_OK)) break;
            if (n >= 0) { load->job->step = dying_load_step; let_go(pool, &gate, holds); }
            wait_until((ra_pool_run(pool, 1), ra_load_poll(load, &progress)) == RA_JOB_DONE);
            check_near(progress, 1, 0);
            if (!check_same(ra_load_take(load, &made, load_columns[n >= 0], &channels, &error), RA_OK)) break;
            check_same(channels, kind % 2 ? 2 : 6);
            if (n < 0) want = made;
            else {
                death_end(pool);
                check_same(made->frame_count, want->frame_count);
                check_same(memcmp(made->samples, want->samples, (size_t)(want->frame_count * want->channels) * sizeof(float)), 0);
                check_same(memcmp(load_columns[0], load_columns[1], sizeof load_columns[0]), 0);
                check_most(ra_pool_worker_count(pool), deaths[n].workers - 1);
                check(load->again != NULL);
                ra_clip_destroy(made);
                bury(load); bury(pool);
            }
            free_load(pool, load);
            ra_pool_destroy(pool);
        }
        ra_clip_destroy(want);
    }
    memory.live = live;

    test("engine: a worker dies with the spectrum: the last one stays, and new ones come");
    for (int n = 0; n < 4; n++) {
        static float before[RA_SPECTRUM_BINS], after[RA_SPECTRUM_BINS];
        ra_engine *engine;
        ra_engine_create(NULL, &engine);
        fill_noise(input, 400000, 0.3f, 9);
        ra_engine_load(engine, clip_of(input, 200000, 2, 48000));
        ra_engine_play(engine);
        ra_pool_create(n < 2 ? 1 : 2, &pool);
        render(engine, output, 9000, 512);
        uint32_t serial = spectrum_of(engine, pool, before);
        check(serial > 0);
        hold_workers(pool, &gate, holds);
        death_begin(n & 1, 0);
        render(engine, output, 4800, 512);
        ra_engine_tick(engine, pool);
        if (!check(engine->analysis_job != NULL)) break;
        engine->analysis_job->step = dying_spectrum_step;
        bury(engine->analysis);
        bury(engine->analysis_job);
        let_go(pool, &gate, holds);
        wait_until(death.died == 1);
        render(engine, output, 48000, 512);              /* more than the tap holds */
        wait_until((ra_pool_run(pool, 1), ra_pool_worker_count(pool)) < pool->wanted_count);
        check_same(ra_engine_get_spectrum(engine, after), serial);
        check_same(memcmp(before, after, sizeof before), 0);
        render(engine, output, 4800, 512);
        ra_engine_tick(engine, pool);                    /* has a new one */
        check_most(serial, ra_engine_get_spectrum(engine, after));
        wait_until((ra_pool_run(pool, 1), ra_engine_tick(engine, pool), ra_engine_get_spectrum(engine, after)) > serial);
        check_same(ra_engine_get_spectrum(engine, after), serial + 1);
        check(memcmp(before, after, sizeof before) != 0);
        bury(pool);
        ra_pool_run(pool, 0);
        ra_engine_destroy(engine);
        death_end(pool);
        ra_pool_destroy(pool);
    }
    memory.live = live;
    ra_log_level(1);
}
#else
static void test_deaths(void) { }                        /* nobody is there to die */
#endif
static void test_pieces(void)
{
    ra_clip *clip;

    test("engine: an export is the file of ra_render_clip, bit for bit, in memory and by pieces, for any number of workers, channels and rates");
    static const struct { const char *chain; uint32_t channels, frames, rate, out_rate; ra_wav_format in, out; bool is_normalised; ra_normalise_kind normalise; double target_db; uint64_t first, count; } all[] = {
        { "", 2, 60001, 48000, 0, RA_WAV_F32, RA_WAV_F32, false, 0, 0, 0, 0 },
        { "", 1, 9001, 48000, 0, RA_WAV_S24, RA_WAV_S24, false, 0, 0, 0, 0 },                                       /* an odd number of bytes */
        { "eq peaking hz=1000 db=6 q=1; compressor threshold_db=-24 ratio=4; distortion drive_db=6 mix=0.3; reverb rt60_s=0.8; limiter ceiling_dbtp=-1", 2, 200001, 44100, 48000, RA_WAV_S16, RA_WAV_S16, true, RA_NORMALISE_LUFS, -16, 0, 0 },
        { "eq peaking hz=40 db=6 q=1; eq peaking hz=100 db=6 q=1; eq peaking hz=300 db=-6 q=1; eq peaking hz=1000 db=6 q=1; eq lowshelf hz=2000 db=3 q=1; limiter", 3, 60000, 48000, 44100, RA_WAV_S24, RA_WAV_S24, true, RA_NORMALISE_RMS, -20, 0, 0 },
        { "limiter; delay ms=20", 6, 40000, 48000, 0, RA_WAV_F32, RA_WAV_S16, true, RA_NORMALISE_PEAK, -3, 0, 0 },
        { "reverb; limiter", 1, 30000, 22050, 96000, RA_WAV_U8, RA_WAV_F32, false, 0, 0, 0, 0 },                    /* becomes stereo */
        { "gain db=12", 2, 20000, 48000, 0, RA_WAV_F32, RA_WAV_S16, false, 0, 0, 0, 0 },
        { "", 2, 50000, 48000, 44101, RA_WAV_F32, RA_WAV_F32, true, RA_NORMALISE_LUFS, -30, 0, 0 },
        { "", 1, 100000, 768000, 1000, RA_WAV_F32, RA_WAV_F32, false, 0, 0, 0, 0 },                                 /* a block of it wants 768 blocks */
        { "softclip", 2, 900, 100, 48000, RA_WAV_F32, RA_WAV_S32, false, 0, 0, 0, 0 },
        { "limiter; eq lowpass hz=3000", 2, 100000, 44100, 48000, RA_WAV_S16, RA_WAV_S16, true, RA_NORMALISE_LUFS, -23, 12345, 40000 },
        { "limiter", 2, 4097, 48000, 0, RA_WAV_F64, RA_WAV_F64, false, 0, 0, 4096, 0 },
        { "reverb", 2, 0, 44100, 48000, RA_WAV_S16, RA_WAV_S16, true, RA_NORMALISE_LUFS, -23, 0, 0 },               /* a header and nothing else */
    };
    for (size_t n = 0; n < sizeof all / sizeof all[0]; n++) {
        ra_task task = { .chain = spec_of(all[n].chain), .sample_rate_hz = all[n].out_rate, .format = all[n].out, .is_normalised = all[n].is_normalised, .normalise = all[n].normalise,
                         .target_db = all[n].target_db, .ceiling_dbtp = NAN, .first_frame = all[n].first, .frame_count = all[n].count, .is_raw = n == 7 };
        fill_noise(input, all[n].frames * all[n].channels, 0.7f, 500 + n);
        clip = clip_of(input, all[n].frames, all[n].channels, all[n].rate);
        int failed = run.complaints;
        check_export(clip, all[n].in, task, __LINE__);
        if (run.complaints != failed) printf("  (export %zu)\n", n);
        ra_clip_destroy(clip);
    }

    test("engine: settings so wild that NaN comes out, after much has been written, end in the file of ra_render_clip too");
    static const char *const wild[] = { "gain db=40; gain db=40; gain db=40; gain db=40; gain db=40; delay ms=20 feedback=0.95; reverb; limiter", "delay ms=20 feedback=0.9; gain db=40; gain db=40; gain db=40; gain db=40; gain db=40" };
    for (int n = 0; n < 4; n++) {
        memset(input, 0, 460000 * sizeof(float));
        fill_noise(input, 1000, 0.7f, 5);
        fill_noise(input + 300000, 100000, 0.7f, 6);
        for (int at = 0; at < 1000; at++) input[at] *= 1e-12f;       /* softly at first */
        input[301000] = NAN; input[301001] = 1e9f; input[301002] = -INFINITY;
        clip = clip_of(input, 230000, 2, 48000);
        check_export(clip, RA_WAV_F32, (ra_task){ .chain = spec_of(wild[n > 0]), .format = n == 2 ? RA_WAV_S16 : RA_WAV_F32, .is_normalised = n == 3, .target_db = -20, .ceiling_dbtp = NAN }, __LINE__);
        ra_clip_destroy(clip);
    }

    ra_pool *pool;
    ra_process *process;
    ra_error error;
    const ra_task_result *is;
    fill_noise(input, 400000, 0.5f, 8);
    ra_wav_info info = { .format = RA_WAV_F32, .channels = 2, .sample_rate_hz = 48000, .frame_bytes = 8, .data_offset = 100, .frame_count = 200000 };
    uint8_t *file = malloc(1600100), *written = malloc(3000000);
    memcpy(file + 100, input, 1600000);

    test("engine: a file that comes by pieces is measured, and looked at, as it is in memory");
    ra_loudness_report want = file_report(input, 200000, 2, 48000);
    for (int n = 0; n < 5; n++) {
        piece_files files = { file, 1600100, written, 0, 0, 0 };
        ra_pool_create(job_workers[n], &pool);
        if (check_same(ra_process_stream(pool, &info, &(ra_task){ .kind = RA_TASK_MEASURE }, &process, &error), RA_OK)) {
            if (check_same(serve_process(pool, process, &files, n), RA_OK) && check_same(ra_process_get(process, &is), RA_OK)) check(memcmp(&is->report, &want, sizeof want) == 0);
            check_same(files.read_count, 1600000);
            free_process(pool, process);
        }
        ra_overview *looked, *added;
        const ra_loudness_point *points[2];
        static ra_peak columns[2][3000];
        ra_overview_create(200000, 2, 48000, &looked);
        ra_overview_create(200000, 2, 48000, &added);
        ra_overview_add(added, input, 200000);
        files = (piece_files){ file, 1600100, written, 0, 0, 0 };
        if (check_same(ra_process_stream(pool, &info, &(ra_task){ .kind = RA_TASK_ANALYSE, .overview = looked }, &process, &error), RA_OK)) {
            if (check_same(serve_process(pool, process, &files, n), RA_OK) && check_same(ra_process_get(process, &is), RA_OK)) check(memcmp(&is->report, &want, sizeof want) == 0);
            free_process(pool, process);
        }
        ra_overview_columns(looked, 0, 200000, 3000, columns[0]);
        ra_overview_columns(added, 0, 200000, 3000, columns[1]);
        check(memcmp(columns[0], columns[1], sizeof columns[0]) == 0);
        if (check_same(ra_overview_loudness(looked, &points[0]), ra_overview_loudness(added, &points[1]))) check(memcmp(points[0], points[1], 41 * sizeof *points[0]) == 0);
        ra_overview_destroy(looked);
        ra_overview_destroy(added);
        ra_pool_destroy(pool);
    }

    test("engine: a file that has become shorter ends an export with the byte where it does");
    for (int n = 0; n < 10; n++) {
        piece_files files = { file, 100 + 150000 * (uint64_t)n, written, 0, 3000000, 0 };
        ra_pool_create(job_workers[n / 2], &pool);
        if (check_same(ra_process_stream(pool, &info, &(ra_task){ .kind = RA_TASK_EXPORT, .format = RA_WAV_S16, .is_normalised = n & 1 }, &process, &error), RA_OK)) {
            char place[32];
            snprintf(place, sizeof place, "byte %d:", 100 + 150000 * n);
            check_same(serve_process(pool, process, &files, n), RA_NO_FILE);
            check_same(ra_process_explain(process, &error), RA_NO_FILE);
            check(error.code == RA_NO_FILE && error.offset == files.from_count);
            if (!strstr(error.text, place)) complain(__LINE__, "got '%s', want '%s' in it", error.text, place);
            free_process(pool, process);
        }
        ra_pool_destroy(pool);
    }

    test("engine: an export is given up at any time, with pieces in hand or without, and leaves nothing behind");
    for (int n = 0; n < (TEST_SLOW ? 20 : 60); n++) {
        piece_files files = { file, 1600100, written, 0, 3000000, 0 };
        uint64_t offset;
        size_t byte_count;
        void *to;
        const void *from;
        ra_pool_create(job_workers[n % 5], &pool);
        ra_task task = { .kind = RA_TASK_EXPORT, .format = RA_WAV_S16, .chain = spec_of("reverb; limiter"), .is_normalised = n % 3 == 0, .target_db = -20, .sample_rate_hz = n % 2 ? 44100 : 0, .has_report = true };
        if (!check_same(ra_process_stream(pool, &info, &task, &process, &error), RA_OK)) break;
        for (int turns = (int)(noise_word() % 12); turns > 0; turns--) { serve_pieces(process, &files, 1); ra_process_work(process, 2); }
        if (n % 4 & 1) { for (int k = 0; k < 3 && !ra_process_next_read(process, &offset, &byte_count, &to); k++) ra_process_work(process, 1); }
        if (n % 4 & 2) { for (int k = 0; k < 3 && !ra_process_next_write(process, &from, &byte_count); k++) ra_process_work(process, 1); }
        double start = seconds_now();
        ra_process_cancel(process);
        while (ra_process_poll(process, NULL) < RA_JOB_DONE) ra_pool_run(pool, 1);
        check(ra_process_poll(process, NULL) == RA_JOB_CANCELLED && ra_process_get(process, &is) == RA_CANCELLED);
        if (!TEST_SLOW) check_most(seconds_now() - start, 5);         /* s: hung would be for ever; how soon is measured by the bench */
        free_process(pool, process);
        ra_pool_destroy(pool);
    }
    free(file); free(written);

    test("engine: a task that cannot be done by pieces is refused with a sentence");
    ra_pool_create(RA_POOL_INLINE, &pool);
    struct { ra_task task; const char *word; } refused[] = {
        { { .kind = RA_TASK_FFT, .fft_frames = 1024, .hop_frames = 10 }, "in memory" }, { { .kind = RA_TASK_EXPORT, .first_frame = 200001 }, "behind the end" },
        { { .kind = RA_TASK_EXPORT, .format = RA_WAV_ALAW }, "not written" },           { { .kind = RA_TASK_EXPORT, .sample_rate_hz = 768001 }, "rates" },
        { { .kind = RA_TASK_EXPORT, .is_normalised = true, .target_db = 1 }, "target" }, { { .kind = RA_TASK_MEASURE, .first_frame = 200000 }, "no sound" },
        { { .kind = RA_TASK_EXPORT, .chain = { .count = 1, .item = { { .kind = 77 } } } }, "range" },
    };
    for (size_t n = 0; n < sizeof refused / sizeof refused[0]; n++) {
        process = (ra_process *)1;
        check_same(ra_process_stream(pool, &info, &refused[n].task, &process, &error), RA_BAD_ARGUMENT);
        check(process == NULL);
        if (!strstr(error.text, refused[n].word)) complain(__LINE__, "refusal %zu: got '%s'", n, error.text);
    }
    ra_pool_destroy(pool);
}

/* A file that nobody has: sample n of it (16 bits, stereo, from byte 44 on) is made from its number. */
static uint8_t long_file_byte(uint64_t at)
{
    uint64_t sample = (at - 44) / 2;
    int16_t value = (int16_t)(ra_mix_bits(sample) >> 50);
    return (uint8_t)(at & 1 ? value >> 8 : value);
}
static void serve_long_file(ra_process *process, uint8_t *to, size_t *to_count, size_t capacity, ra_sha256 *sha)
{
    uint64_t offset;
    size_t byte_count;
    void *bytes;
    const void *from;
    while (ra_process_next_read(process, &offset, &byte_count, &bytes)) {
        for (size_t n = 0; n < byte_count; n++) ((uint8_t *)bytes)[n] = long_file_byte(offset + n);
        ra_process_read_done(process, byte_count);
    }
    while (ra_process_next_write(process, &from, &byte_count)) {
        if (sha) ra_sha256_add(sha, from, byte_count);
        if (to && check(*to_count + byte_count <= capacity)) memcpy(to + *to_count, from, byte_count);
        *to_count += byte_count;
        ra_process_write_done(process);
    }
}

static void test_long_pieces(void)
{
    ra_pool *pool;
    ra_process *process;
    ra_error error;
    const ra_task_result *is;

    test("engine: the last seconds of a file of more than 4 GB are exported as what they are");
    ra_wav_info info = { .format = RA_WAV_S16, .channels = 2, .sample_rate_hz = 48000, .frame_bytes = 4, .data_offset = 44, .frame_count = 2000000000 };
    ra_task task = { .kind = RA_TASK_EXPORT, .chain = spec_of("limiter; eq lowpass hz=3000"), .first_frame = info.frame_count - 100000, .format = RA_WAV_F32, .sample_rate_hz = 44100 };
    for (int n = 0; n < 200000; n++) {
        uint64_t at = 44 + 4 * task.first_frame + 2 * (uint64_t)n;
        input[n] = (float)(int16_t)(long_file_byte(at) | long_file_byte(at + 1) << 8) / 32768;
    }
    ra_clip *clip = clip_of(input, 100000, 2, 48000);
    ra_task whole = task;
    whole.first_frame = 0;
    wanted_file want = file_of(clip, &whole);
    uint8_t *written = malloc(want.byte_count);
    size_t count = 0;
    ra_pool_create(2, &pool);
    if (check_same(ra_process_stream(pool, &info, &task, &process, &error), RA_OK)) {
        do serve_long_file(process, written, &count, want.byte_count, NULL); while (ra_process_work(process, 5) < RA_JOB_DONE);
        check_same(ra_process_get(process, NULL), RA_OK);
        check_same(count, want.byte_count);
        check(memcmp(written, want.bytes, want.byte_count) == 0);
        free_process(pool, process);
    }
    free(want.bytes); free(written);
    ra_clip_destroy(clip);
    ra_pool_destroy(pool);

    test("engine: an export takes as much memory for a long file as for a short one, and its hash is that of the bytes it gave");
    long long most[2] = { 0 };
    ra_pool_create(2, &pool);
    for (int n = 0; n < 2; n++) {
        task = (ra_task){ .kind = RA_TASK_EXPORT, .chain = spec_of("eq lowpass hz=3000; limiter"), .frame_count = (TEST_SLOW ? 100000 : 500000) << 3 * n, .format = RA_WAV_S16, .has_report = true, .is_normalised = true, .target_db = -20 };
        long long before = memory.bytes;
        memory.most_bytes = before;
        if (!check_same(ra_process_stream(pool, &info, &task, &process, &error), RA_OK)) break;
        char digits[65];
        ra_sha256 sha;
        ra_sha256_start(&sha);
        count = 0;
        do serve_long_file(process, NULL, &count, 0, &sha); while (ra_process_work(process, 5) < RA_JOB_DONE);
        ra_sha256_end(&sha, digits);
        if (check_same(ra_process_get(process, &is), RA_OK)) check_text(is->sha256, digits);
        check_same(count, 44 + 4 * task.frame_count);
        most[n] = memory.most_bytes - before;
        free_process(pool, process);
    }
    check_same(most[1], most[0]);
    check_most((double)most[1], 8e6);
    ra_pool_destroy(pool);
}


/* ---- [18] CLI ---------------------------------------------------------------------------------- */

static char cli_path[1024];            /* the program that stands beside this one, if it has been built (./build.sh cli) */
#if !RA_WASM
static char cli_said[65536];
static int cli_run(const char *format, ...)            /* %s: the program; both of its outputs go to cli_said */
{
    char command[4096], arguments[2048];
    va_list values;
    va_start(values, format);
    vsnprintf(arguments, sizeof arguments, format, values);
    va_end(values);
    snprintf(command, sizeof command, "exec 2>&1; cd /tmp/rustyaudio-test-%d && P='%s'; %s", (int)getpid(), cli_path, arguments);
    FILE *pipe = popen(command, "r");
    size_t byte_count = pipe ? fread(cli_said, 1, sizeof cli_said - 1, pipe) : 0;
    cli_said[byte_count] = 0;
    int status = pipe ? pclose(pipe) : -1;
    return status >= 0 && status % 256 == 0 ? status / 256 : 1000 + status;      /* 1000 and more: it crashed */
}
static bool cli_file_exists(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "/tmp/rustyaudio-test-%d/%s", (int)getpid(), name);
    return access(path, F_OK) == 0;
}

static double json_number(const char *json, const char *key)           /* NaN for null and for what is not there */
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *at = strstr(json, quoted);
    if (!at) { complain(__LINE__, "no %s in '%s'", quoted, json); return NAN; }
    at += strlen(quoted);
    return strncmp(at, "null", 4) == 0 ? NAN : strtod(at, NULL);
}
static void test_cli_loudness(void)
{
    static const char *const keys[] = { "integrated_lufs", "momentary_max_lufs", "short_term_max_lufs", "loudness_range_lu", "true_peak_dbtp", "sample_peak_db", "rms_db", "dc_offset", "clipped_samples" };
    static const double wants[] = { -23, -23, -23, 0, -20, -20, -23.01, 0, 0 };

    test("cli: measure gives one JSON object a file, in order, null where there is no value, for any -j");
    check_same(cli_run("$P gen sine tone.wav --hz 1000 --db -20 --seconds 4 && $P gen sine short.wav --seconds 0.3 && $P gen noise hiss.wav --db -3 --seconds 4"), 0);
    static char first[sizeof cli_said];
    for (int workers = 1; workers <= 3; workers++) {
        check_same(cli_run("$P measure tone.wav short.wav hiss.wav -j %d", workers), 0);
        if (workers == 1) snprintf(first, sizeof first, "%s", cli_said);
        check_text(cli_said, first);
    }
    char *second = strchr(first, '\n');
    check(second && strstr(first, "tone.wav") < second && strstr(second, "short.wav") && strstr(second, "short.wav") < strstr(second, "hiss.wav"));
    for (int n = 0; n < 9; n++) {
        check_near(json_number(first, keys[n]), wants[n], 0.011);
        if (second) check((n < 4) == isnan(json_number(second, keys[n])));
    }
    check_same(cli_run("cat tone.wav | $P measure -"), 0);
    check_near(json_number(cli_said, "integrated_lufs"), -23, 0.011);
    check_same(cli_run("$P measure tone.wav nothing.wav"), 1);
    check(strstr(cli_said, "\"file\":\"tone.wav\"") && strstr(cli_said, "nothing.wav"));

    test("cli: render --normalise meets its target, keeps the true peak under -1 dBTP, leaves silence and short files alone");
    static const struct { const char *goal, *key; double want; } goals[] = { { "lufs=-16", "integrated_lufs", -16 }, { "rms=-20", "rms_db", -20 }, { "peak=-6", "sample_peak_db", -6 } };
    for (int n = 0; n < 3; n++) {
        check_same(cli_run("$P render tone.wav out.wav --normalise %s && $P measure out.wav", goals[n].goal), 0);
        check_near(json_number(cli_said, goals[n].key), goals[n].want, 0.1);
    }
    check_same(cli_run("$P render hiss.wav out.wav --normalise lufs=0 2> why.txt && $P measure out.wav && grep -q 'true peak' why.txt"), 0);
    check_most(json_number(cli_said, "true_peak_dbtp"), -1);
    check_same(cli_run("$P render short.wav out.wav --normalise lufs=-30 2> why.txt && cmp short.wav out.wav && grep -q 'nothing to normalise' why.txt"), 0);
    check_same(cli_run("$P render tone.wav never.wav --normalise loud=-16"), 2);
    check(strstr(cli_said, "loud=-16") && !cli_file_exists("never.wav"));

    test("cli: spectrum has its highest bin where the tone is");
    check_same(cli_run("$P gen sine tone.wav --hz 1500 --db -20 --seconds 4 && $P spectrum tone.wav"), 0);      /* bin 128 of 4096 at 48 kHz */
    const char *at = strstr(cli_said, "\"db\":[");
    double highest = -1000;
    int bin = 0, highest_bin = -1;
    for (at = at ? at + 6 : NULL; at; at = *at == ',' ? at + 1 : NULL, bin++) {
        char *end;
        double db = strtod(at, &end);
        if (db > highest) { highest = db; highest_bin = bin; }
        at = end;
    }
    check_same(bin, 2049);
    check_same(highest_bin, 128);
    check_near(highest, -20, 0.1);                         /* dB; the first and the last window are half empty */
}

static void test_cli(void)
{
    if (access(cli_path, X_OK) != 0) { printf("cli: %s is not there, nothing is tested\n", cli_path); return; }
    char path[128];
    ra_clip *clip, *want;
    snprintf(path, sizeof path, "/tmp/rustyaudio-test-%d", (int)getpid());
    if (system(NULL)) { char command[160]; snprintf(command, sizeof command, "mkdir -p %s", path); check_same(system(command), 0); }

    test("cli: info says what a file is, one JSON object a line");
    snprintf(path, sizeof path, "/tmp/rustyaudio-test-%d/in.wav", (int)getpid());
    fill_noise(input, 30000, 0.8f, 91);
    check_same(ra_wav_save(path, RA_WAV_S24, input, 10000, 3, 44100, NULL), RA_OK);
    check_same(cli_run("$P info in.wav in.wav"), 0);
    static const char *const fields[] = { "\"file\":\"in.wav\"", "\"format\":\"", "\"bits\":24", "\"channels\":3", "\"sample_rate_hz\":44100", "\"frames\":10000", "\"duration_s\":0.2267" };
    for (int n = 0; n < 7; n++) if (!strstr(cli_said, fields[n])) complain(__LINE__, "got '%s', want %s in it", cli_said, fields[n]);
    char *second = strchr(cli_said, '\n');
    check(second && second[1] == '{' && strchr(second + 1, '\n') && !strchr(second + 1, '\n')[1]);
    check_same(cli_run("$P info - < in.wav"), 0);
    check(strstr(cli_said, "\"frames\":10000") != NULL);
    static const struct { int kind; const char *says; } others[] = { { 3, "\"pcm\",\"bits\":32" }, { 5, "\"float\",\"bits\":64" }, { 6, "\"alaw\",\"bits\":8" }, { 15, "\"ulaw\",\"bits\":8" },
                                                                    { 17, "\"pcm\",\"bits\":24" }, { 21, "\"pcm\",\"bits\":16" }, { 36, "\"float\",\"bits\":64" } };
    for (size_t n = 0; n < sizeof others / sizeof others[0]; n++) {
        wav_file other;
        put_kind(&other, &wav_kinds[others[n].kind], 1, 8000, input, 80);
        snprintf(path, sizeof path, "/tmp/rustyaudio-test-%d/other.bin", (int)getpid());
        FILE *written = fopen(path, "wb");
        if (!check(written && fwrite(other.bytes, 1, other.count, written) == other.count && fclose(written) == 0)) break;
        check_same(cli_run("$P info other.bin && cat other.bin | $P info - && mkfifo pipe.$$ && { cat other.bin > pipe.$$ & $P info pipe.$$; }"), 0);
        const char *said = cli_said;
        for (int line = 0; line < 3; line++) if ((said = strstr(said, others[n].says))) said++; else { complain(__LINE__, "got '%s', want %s three times", cli_said, others[n].says); break; }
    }

    test("cli: render passes samples exactly without a chain, and through one as ra_render_clip does");
    snprintf(path, sizeof path, "/tmp/rustyaudio-test-%d/in.wav", (int)getpid());
    check_same(ra_wav_save(path, RA_WAV_F32, input, 10000, 3, 44100, NULL), RA_OK);
    check_same(cli_run("$P render in.wav out.wav"), 0);
    snprintf(path, sizeof path, "/tmp/rustyaudio-test-%d/out.wav", (int)getpid());
    if (check_same(ra_wav_load(path, &clip, NULL), RA_OK)) {
        check(clip->channels == 3 && clip->sample_rate_hz == 44100 && clip->frame_count == 10000);
        check_samples(clip->samples, input, 30000);
        ra_clip_destroy(clip);
    }
    check_same(cli_run("$P render in.wav out.wav --chain 'eq peaking hz=1000 db=6 q=1; gain db=-3'"), 0);
    ra_clip *source = clip_of(input, 10000, 3, 44100);
    ra_chain_spec spec = spec_of("eq peaking hz=1000 db=6 q=1; gain db=-3");
    if (check_same(ra_wav_load(path, &clip, NULL), RA_OK) && check_same(ra_render_clip(source, &spec, &want), RA_OK)) {
        check_samples(clip->samples, want->samples, 30000);
        ra_clip_destroy(want); ra_clip_destroy(clip);
    }
    snprintf(path, sizeof path, "/tmp/rustyaudio-test-%d/large hall.wav", (int)getpid());
    ra_clip *impulse = room(3000, 2, 44100, 92);
    check_same(ra_wav_save(path, RA_WAV_F32, impulse->samples, 3000, 2, 44100, NULL), RA_OK);
    check_same(cli_run("$P render in.wav out.wav --chain 'gain db=-3; convolve file=\"large hall.wav\" mix=0.4'"), 0);
    spec = spec_of("gain db=-3; convolve mix=0.4");
    spec.item[1].impulse = impulse;
    snprintf(path, sizeof path, "/tmp/rustyaudio-test-%d/out.wav", (int)getpid());
    if (check_same(ra_wav_load(path, &clip, NULL), RA_OK) && check_same(ra_render_clip(source, &spec, &want), RA_OK)) {
        check_samples(clip->samples, want->samples, 30000);
        ra_clip_destroy(want); ra_clip_destroy(clip);
    }
    ra_clip_destroy(impulse);
    check_same(cli_run("$P render in.wav one.wav -j 1 --rate 48000 --chain 'compressor; reverb; limiter' --normalise lufs=-20 2> why.txt && for j in 2 3 8; do "
                       "$P render in.wav some.wav -j $j --rate 48000 --chain 'compressor; reverb; limiter' --normalise lufs=-20 2> why.txt && cmp one.wav some.wav || exit 1; done"), 0);
    check_same(cli_run("printf 'Preamp: -3 dB\\nFilter 1: ON PK Fc 1000 Hz Gain 6 dB Q 1\\n' > eq.txt"
                       " && $P render in.wav out.wav --eq eq.txt --chain 'delay ms=5'"
                       " && $P render in.wav want.wav --chain 'gain db=-3; eq peaking hz=1000 db=6 q=1; delay ms=5' && cmp out.wav want.wav"), 0);
    check_same(cli_run("printf 'Filter 1: ON XX\\n' > eq.txt; $P render in.wav never.wav --eq eq.txt"), 1);
    check(strstr(cli_said, "eq.txt: line 1: a filter is PK") != NULL);
    check_same(cli_run("! test -e never.wav && ! $P render in.wav never.wav --eq nothing.txt && ! test -e never.wav"), 0);
    check_same(cli_run("cat in.wav | $P render - - --rate 48000 --format raw > out.raw"), 0);
    snprintf(path, sizeof path, "/tmp/rustyaudio-test-%d/out.raw", (int)getpid());
    FILE *raw = fopen(path, "rb");
    size_t float_count = raw ? fread(output, sizeof(float), BUFFER, raw) : 0;
    if (raw) fclose(raw);
    if (check_same(ra_clip_resample(source, 48000, &want), RA_OK)) {
        if (check_same(float_count, want->frame_count * 3)) check_samples(output, want->samples, float_count);
        ra_clip_destroy(want);
    }
    ra_clip_destroy(source);

    test("cli: render takes and gives pieces: through pipes, over itself, and of a file that is longer than the memory it may have");
    check_same(cli_run("$P gen noise hiss.wav --seconds 20 && $P render hiss.wav want.wav --chain limiter --format s16 && $P render - - --chain limiter --format s16 < hiss.wav | cmp - want.wav"
                       " && cp hiss.wav same.wav && $P render same.wav same.wav --chain limiter --format s16 && cmp same.wav want.wav && cat hiss.wav | $P render - - --chain limiter --format s16 | cmp - want.wav"), 0);
    uint8_t header[80];
    snprintf(path, sizeof path, "/tmp/rustyaudio-test-%d/long.wav", (int)getpid());
    FILE *file = fopen(path, "wb");
    if (check(file != NULL)) {                             /* silence that takes no room on the disk */
        fwrite(header, 1, ra_wav_header(&(ra_wav_info){ .format = RA_WAV_S16, .channels = 2, .sample_rate_hz = 48000, .frame_count = 30000000 }, header), file);
        check(fclose(file) == 0 && truncate(path, 44 + 120000000) == 0);
    }
    check_same(cli_run("(ulimit -v 60000; $P render long.wav - -j 1 --format s24 | wc -c)"), 0);
    check(strstr(cli_said, "180000044") != NULL);

    test("cli: render that is broken off leaves nothing behind");
    check_same(cli_run("$P render long.wav never.wav --chain 'reverb; limiter' & P=$!; while ! test -e never.wav.part; do sleep 0.02; done; kill -TERM $P; wait $P; s=$?; test $s = 143 && ! test -e never.wav && ! test -e never.wav.part"), 0);
    check_same(cli_run("$P render long.wav never.wav --chain 'reverb; limiter' & R=$!; while ! test -e never.wav.part; do sleep 0.02; done; truncate -s 40000000 long.wav; wait $R; s=$?; test $s = 1 && ! test -e never.wav && ! test -e never.wav.part && rm long.wav"), 0);
    check(strstr(cli_said, "long.wav: byte ") && strstr(cli_said, "the file ends here"));

    test("cli: gen makes the signals of ra_generate");
    check_same(cli_run("$P gen sine out.wav && $P gen noise noise.wav --format s16 && $P gen sweep sweep.wav"), 0);
    snprintf(path, sizeof path, "/tmp/rustyaudio-test-%d/out.wav", (int)getpid());
    if (check_same(ra_wav_load(path, &clip, NULL), RA_OK)) {
        tone_fit fit = fit_tone(clip->samples, (size_t)clip->frame_count, 1, 440, clip->sample_rate_hz);
        check_most(decibels(fit.residual_rms / fit.amplitude), -120);
        ra_clip_destroy(clip);
    }
    check(cli_file_exists("noise.wav") && cli_file_exists("sweep.wav"));
    static const struct { const char *words; ra_tone tone; } kinds[] = {
        { "square --hz 300",  { RA_TONE_SQUARE, .start_hz = 300, .level_db = -12 } },        { "saw --db -6",      { RA_TONE_SAW, .start_hz = 440, .level_db = -6 } },
        { "triangle",         { RA_TONE_TRIANGLE, .start_hz = 440, .level_db = -12 } },      { "pink --seed 7",    { RA_TONE_PINK, .level_db = -12, .seed = 7 } },
        { "linear-sweep --hz 10 --to-hz 90", { RA_TONE_LINEAR_SWEEP, .start_hz = 10, .end_hz = 90, .duration_s = 0.5, .level_db = -12 } },
        { "impulse",          { RA_TONE_IMPULSE, .level_db = -12 } },                        { "impulse --hz 100", { RA_TONE_IMPULSE, .start_hz = 100, .level_db = -12 } },
        { "multitone --tones 5 --to-hz 9000", { RA_TONE_MULTITONE, .start_hz = 20, .end_hz = 9000, .level_db = -12, .tone_count = 5 } },
    };
    for (size_t n = 0; n < sizeof kinds / sizeof kinds[0]; n++) {
        check_same(cli_run("$P gen %s out.wav --seconds 0.5 --rate 44100", kinds[n].words), 0);
        ra_generate(&kinds[n].tone, 44100, 0, output, 22050);
        if (!check_same(ra_wav_load(path, &clip, NULL), RA_OK)) continue;
        if (check_same(clip->frame_count, 22050) && !check_samples(clip->samples, output, 22050)) complain(__LINE__, "gen %s", kinds[n].words);
        ra_clip_destroy(clip);
    }

    test_cli_loudness();

    test("cli: a device stays a device, a link stays a link, and options may be written with =");
    check_same(cli_run("ln -sf target.wav link.wav && $P gen sine link.wav --rate=44100 && test -L link.wav && $P info target.wav && $P gen sine /dev/null && test -c /dev/null"), 0);
    check(strstr(cli_said, "44100") != NULL);
    check_same(cli_run("test ! -c /dev/full || $P gen sine /dev/full"), 1);
    check(strstr(cli_said, "/dev/full") != NULL);
    check_same(cli_run("$P gen sine -- --odd.wav && $P info -- --odd.wav"), 0);

    test("cli: bad input is one sentence with the file's name, exit status 1, and no file half written");
    static const struct { const char *command; const char *word; bool is_misuse; } bad[] = {
        { "$P info nothing.wav", "nothing.wav", false },                              { "$P render nothing.wav never.wav", "nothing.wav", false },
        { "head -c 30 in.wav > cut.wav; $P info cut.wav", "cut.wav", false },         { "$P render cut.wav never.wav", "cut.wav", false },
        { "printf hello > text.wav; $P render text.wav never.wav", "text.wav", false }, { "$P render in.wav never.wav --chain 'convolve file=nothing.wav'", "nothing.wav", false },
        { "$P render in.wav never.wav --chain 'gain; convolve file=\"text.wav\"'", "text.wav", false }, { "$P render in.wav never.wav --chain 'convolve file=in.wav'", "3 channels", false },
        { "$P render in.wav never.wav --chain 'eq peaking hz=-1'", "hz", false },     { "$P render in.wav /nowhere/never.wav", "/nowhere/never.wav", false },
        { "$P render in.wav never.wav --rate 0", "--rate", true },                    { "$P render in.wav never.wav --format mp3", "mp3", true },
        { "$P render in.wav", "render", true },                                       { "$P gen hum never.wav", "linear-sweep", true },
        { "$P nonsense", "nonsense", true },                                          { "$P info", "info", true },
        { "$P info .", ".", false },                                                  { ": > empty.wav; $P info empty.wav", "empty.wav", false },
        { "$P render in.wav never.wav --chain", "--chain", true },                    { "$P gen sine never.wav --hz 40000", "", true },
        { "$P gen noise never.wav --hz 3", "--hz", true },                             { "$P gen multitone never.wav --tones 65", "64", true },
        { "$P gen pink never.wav --tones 3", "--tones", true },                        { "$P gen linear-sweep never.wav --to-hz 24000", "24000", true },                             { "$P render in.wav never.wav --chain 'eq hz=100 hz=200'", "already", false },
        { "$P gen noise never.wav --seed -1", "999999999999999", true },              { "$P render in.wav never.wav --normalise loud", "loud", true },
    };
    for (size_t n = 0; n < sizeof bad / sizeof bad[0]; n++) {
        int status = cli_run("%s", bad[n].command);
        if (bad[n].is_misuse ? status != 1 && status != 2 : status != 1) complain(__LINE__, "%s: got exit status %d and '%s'", bad[n].command, status, cli_said);
        char *end = strchr(cli_said, '\n');
        if (!end || end[1] || !strstr(cli_said, bad[n].word)) complain(__LINE__, "%s: got '%s', want one line with '%s'", bad[n].command, cli_said, bad[n].word);
    }
    check(!cli_file_exists("never.wav"));
    check(cli_run("$P help") == 0 && strstr(cli_said, "render") && strstr(cli_said, "gen"));
    static const char *const signals[] = { "sine", "square", "saw", "triangle", "sweep", "linear-sweep", "multitone", "impulse", "noise", "pink" };
    for (int n = 0; n < 10; n++) check(strstr(cli_said, signals[n]) != NULL);
    cli_run("$P gen hum never.wav");
    for (int n = 0; n < 10; n++) check(strstr(cli_said, signals[n]) != NULL);
    check_same(cli_run("rm -rf /tmp/rustyaudio-test-%d", (int)getpid()), 0);
}
#else
static void test_cli(void) { }
#endif

/* ---- the run ----------------------------------------------------------------------------------- */

/* ---- a page without threads: everything in small slices ---- */

/* Of what was done in one go: how often, and the most work of each kind and the longest time that it took. */
static struct { uint32_t plans; uint64_t rows, values, frames; double ms; } slices;
static double thread_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}
static void slice_most(uint64_t *most, uint64_t is) { if (is > *most) *most = is; }
static bool counted_unit(void *user, uint32_t line, uint32_t unit)
{
    ra_process *p = user;
    ra_convolve *convolve = line == RA_NO_LINE && p->lane_count && p->lanes[0].chain->stage_count > 1 ? p->lanes[0].chain->stages[1].convolve : NULL;
    uint32_t rows = p->resampler ? p->resampler->made_count : 0, step = convolve && convolve->loading ? convolve->loading->step : 0;
    uint64_t done = convolve && convolve->loading ? convolve->loading->done : 0;
    double begin_ms = thread_ms();
    bool is_fine = ra_process_unit(user, line, unit);
    slices.ms = fmax(slices.ms, thread_ms() - begin_ms);
    slices.plans += line == RA_NO_LINE;
    if (p->resampler) slice_most(&slices.rows, (uint64_t)(p->resampler->made_count - rows) * p->resampler->tap_count);
    if (line != RA_NO_LINE && p->steps[line].kind == RA_STEP_RESAMPLE) slice_most(&slices.frames, p->steps[line].per_unit * p->resampler->tap_count);
    if (convolve && convolve->loading && convolve->loading->step == step) slice_most(&slices.values, convolve->loading->done - done);
    return is_fine;
}

static void test_slices(void)
{
    static float input[2 * 30000], want[2 * 30000];
    ra_process *process;
    ra_pool *pool;
    ra_error error;
    const ra_task_result *result;
    ra_chain *chain;
    fill_noise(input, 60000, 0.3f, 9);

    test("engine: the response of a room is made ready for a task in small steps, by any number of workers, with the bits that a chain made at once gives");
    ra_clip *response = room(441000, 2, 44100, 5), *clip = clip_of(input, 30000, 2, 48000);
    ra_task task = { .kind = RA_TASK_EFFECTS, .chain = spec_of("gain db=-3; convolve mix=0.5") };
    task.chain.item[1].impulse = response;
    memcpy(want, input, sizeof want);
    check_same(ra_chain_create(2, 48000, &task.chain, &chain), RA_OK);
    ra_chain_process(chain, want, 30000);
    ra_chain_destroy(chain);
    memset(&slices, 0, sizeof slices);
    for (uint32_t workers = 0; workers < 3; workers++) {
        ra_pool_create(workers ? workers : RA_POOL_INLINE, &pool);
        check_same(ra_process_async(pool, clip, &task, &process, &error), RA_OK);
        if (!workers) process->weave.unit = counted_unit;
        if (check_same(wait_process(pool, process), RA_OK) && check_same(ra_process_get(process, &result), RA_OK)) check(memcmp(result->clip->samples, want, sizeof want) == 0);
        free_process(pool, process);
        ra_pool_destroy(pool);
        if (workers) continue;
        if (getenv("RA_TELL")) printf("a response of 10 s: %u steps, the longest slice took %.2f ms\n", slices.plans, slices.ms);
        check(slices.plans >= 70);
        check_most((double)slices.values, 4 * RA_RESPONSE_RUN);
    }
    ra_clip_destroy(response);
    ra_clip_destroy(clip);

    test("engine: a task that is given up while a response is made ready leaves nothing behind");
    task.chain.item[1].impulse = response = room(441000, 2, 44100, 5);
    clip = clip_of(input, 30000, 2, 48000);
    for (uint32_t steps = 0; steps < 90; steps += 1 + steps / 8) {
        ra_pool_create(RA_POOL_INLINE, &pool);
        check_same(ra_process_async(pool, clip, &task, &process, &error), RA_OK);
        for (uint32_t n = 0; n < steps && ra_process_poll(process, NULL) < RA_JOB_DONE; n++) ra_pool_turn(&pool->control);
        check(ra_weave_is_open(&process->weave) == (steps >= slices.plans));
        ra_process_cancel(process);
        ra_pool_run(pool, 0);
        check_same(ra_process_poll(process, NULL), RA_JOB_CANCELLED);
        free_process(pool, process);
        ra_pool_destroy(pool);
    }
    ra_clip_destroy(response);
    ra_clip_destroy(clip);

    test("engine: without threads a resampler's rows and the frames that it makes come in small pieces, whatever the rate");
    clip = clip_of(input, 30000, 2, 48000);
    static const uint32_t rates[] = { 47999, 8001, 1000, 44100, 192000 };
    for (int n = 0; n < 5; n++) {
        task = (ra_task){ .kind = RA_TASK_RESAMPLE, .sample_rate_hz = rates[n] };
        memset(&slices, 0, sizeof slices);
        ra_pool_create(RA_POOL_INLINE, &pool);
        check_same(ra_process_async(pool, clip, &task, &process, &error), RA_OK);
        process->weave.unit = counted_unit;
        check_same(wait_process(pool, process), RA_OK);
        if (getenv("RA_TELL")) printf("48000 to %u Hz: %u steps, the longest slice took %.2f ms\n", rates[n], slices.plans, slices.ms);
        check_most((double)slices.rows, RA_RESAMPLER_RUN + RA_RESAMPLER_TAPS_MAX);
        check_most((double)slices.frames, 1 << 20);
        if (n < 2) check(slices.plans >= 12);
        free_process(pool, process);
        ra_pool_destroy(pool);
    }
    ra_clip_destroy(clip);

    test("engine: the built-in loop is loaded in small steps");
    ra_load *loading;
    uint32_t steps = 0;
    double longest_ms = 0, begin_ms;
    ra_pool_create(RA_POOL_INLINE, &pool);
    check_same(ra_load_start_demo(pool, &loading), RA_OK);
    for (bool is_over = false; !is_over; steps++) {
        begin_ms = thread_ms();
        is_over = ra_load_step(loading, loading->job);
        longest_ms = fmax(longest_ms, thread_ms() - begin_ms);
    }
    if (getenv("RA_TELL")) printf("the built-in loop: %u steps, the longest took %.2f ms\n", steps, longest_ms);
    check(steps > RA_DEMO_STEPS + 20);
    while (!ra_load_free(loading)) ra_pool_run(pool, 1);
    ra_pool_destroy(pool);
}

static void test_engine_all(void) { test_engine(); test_transport(); test_streams(); test_loads(); test_jobs(); test_pieces(); test_long_pieces(); test_overview(); test_recording(); test_slices(); test_deaths(); }

static const struct { const char *name; void (*body)(void); } sections[] = {
    { "base", test_base }, { "platform", test_platform }, { "concurrency", test_concurrency }, { "spectrum", test_spectrum }, { "filters", test_filters },
    { "effects", test_effects_all }, { "loudness", test_loudness }, { "sources", test_sources_all }, { "wav", test_wav }, { "router", test_router }, { "engine", test_engine_all }, { "cli", test_cli },
};

static void hang(int number)                           /* a test that waits for ever is a failure with a name */
{
    (void)number;
    static const char words[] = "FAIL the test that runs does not end:\n";
    ssize_t written = write(1, words, sizeof words - 1);
    if (run.sentence) written = write(1, run.sentence, strlen(run.sentence));
    written = write(1, "\n0 passed, 1 failed\n", 20);
    (void)written;
    _exit(1);
}

#ifdef RA_FUZZ
/* A file of every kind, chains, settings and samples, to begin with. */
static void fuzz_seed(int number, int part, const void *bytes, size_t byte_count)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%03d", getenv("RA_FUZZ_SEEDS"), number);
    FILE *file = fopen(path, "wb");
    if (!file) { perror(path); exit(1); }
    fputc(part, file);
    fwrite(bytes, 1, byte_count, file);
    fclose(file);
}
int LLVMFuzzerInitialize(int *argument_count, char ***arguments)
{
    static const char *const chains[] = {
        "eq peaking hz=1000 db=6 q=1; gain db=-3", "compressor threshold_db=-24 ratio=4 knee_db=6 attack_ms=5 release_ms=100 makeup_db=3; limiter ceiling_dbtp=-1 release_ms=50",
        "reverb rt60_s=1.8 mix=0.25; delay ms=250 feedback=0.5 mix=.3", "chorus rate_hz=0.8 depth_ms=3 mix=0.5; distortion drive_db=12 mix=1; softclip; pan position=-1",
        "convolve file=\"large; hall.wav\" mix=0.5; gain db=1",
        "eq lowshelf; eq highshelf; eq lowpass; eq highpass; eq bandpass; eq notch; eq allpass hz=2e3 q=1.0000000000000002",
    };
    static const char *const settings[] = {
        "Preamp: -6.8 dB\nFilter 1: ON LSC Fc 105 Hz Gain 6.8 dB Q 0.70\nFilter 2: ON PK Fc 58 Hz Gain -3.9 dB BW Oct 0.5\nFilter 3: ON HSC 9 dB Fc 10000 Hz Gain -2.5 dB\n",
        "\xef\xbb\xbf" "Filter Settings file\r\nRoom EQ V5.19\r\nEqualiser: Generic\r\n# a remark\r\nFilter: ON NO Fc 50 Hz\r\nFilter  2: ON  None\r\nFilter 3: OFF LPQ Fc 100 Hz Q 1\r\n",
        "Filter: ON AP Fc 900 Hz Q 2\nFilter: ON HP Fc 20 Hz\nFilter: ON BP Fc 2e3 Hz Q .6\nPreamp: 1.5 dB\nFilter: ON LS Fc 1 Hz Gain 1 dB\nGraphicEQ: 25 0; 40 1\nChannel: L",
    };
    int number = 0;
    (void)argument_count; (void)arguments;
    if (!getenv("RA_FUZZ_SEEDS")) return 0;
    noise_state = 61;
    for (int n = 0; n < WAV_KINDS; n++)
        for (uint32_t channels = 1; channels <= 2; channels++) {
            wav_file file;
            uint8_t data[96];
            fill_data(wav_kinds[n].format, data, sizeof data / sample_byte_counts[wav_kinds[n].format]);
            put_kind(&file, &wav_kinds[n], channels, 44100, data, sizeof data);
            fuzz_seed(number++, 0, file.bytes, file.count);
        }
    wav_file file;
    put_start(&file); put_word(&file, "LIST"); put(&file, 5, 4); put(&file, 0, 6);
    put_format(&file, 0xFFFE, 2, 48000, 24); put(&file, 22, 2); put(&file, 20, 2); put(&file, 3, 4); put(&file, 1, 2); put(&file, 0, 14); put_data(&file, chains[0], 36); put_end(&file);
    fuzz_seed(number++, 0, file.bytes, file.count);
    for (size_t n = 0; n < sizeof chains / sizeof chains[0]; n++) fuzz_seed(number++, 1, chains[n], strlen(chains[n]));
    for (size_t n = 0; n < sizeof settings / sizeof settings[0]; n++) fuzz_seed(number++, 3, settings[n], strlen(settings[n]));
    for (int f = 0; f < RA_WAV_WRITABLE_COUNT; f++) {
        struct { uint8_t head[6]; float samples[10]; } written = { { (uint8_t)f, 1, 0xAC, 0x43, 1, 7 }, { 0, 1, -1, 0.5f, 2, -0.1f, 1e-9f, NAN, INFINITY, -3e38f } };
        uint8_t bytes[46];
        memcpy(bytes, written.head, 6); memcpy(bytes + 6, written.samples, 40);
        fuzz_seed(number++, 2, bytes, sizeof bytes);
    }
    return 0;
}
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count)
{
    const char *wrong = fuzz_one(bytes, byte_count);
    if (!wrong && memory.live) wrong = "memory is left";
    if (wrong) { printf("%s\n", wrong); fflush(stdout); abort(); }
    return 0;
}
#else
int main(int argument_count, char **arguments)
{
    const char *wanted = argument_count > 1 ? arguments[1] : NULL;
    bool is_known = false;
    const char *slash = strrchr(arguments[0], '/');
    char here[512] = "";
    if (arguments[0][0] != '/' && getcwd(here, sizeof here - 1)) strcat(here, "/");
    snprintf(cli_path, sizeof cli_path, "%s%.*s/rustyaudio", here, slash ? (int)(slash - arguments[0]) : 1, slash ? arguments[0] : ".");
    ra_log_level(1);
    signal(SIGALRM, hang);
    for (size_t n = 0; n < sizeof sections / sizeof sections[0]; n++) {
        if (wanted && strcmp(wanted, sections[n].name) != 0) continue;
        is_known = true;
        int passed = run.passed, failed = run.failed;
        double start = seconds_now();
        alarm(600);
        sections[n].body();
        test_end(__LINE__);
        printf("%-12s %3d passed, %d failed, %.2f s\n", sections[n].name, run.passed - passed, run.failed - failed, seconds_now() - start);
        fflush(stdout);
    }
    if (!is_known) {                                   /* it may be a section of the browser's tests */
        printf("no section is called %s; there are", wanted);
        for (size_t n = 0; n < sizeof sections / sizeof sections[0]; n++) printf(" %s", sections[n].name);
        printf("\n");
    }
    alarm(0);
    printf("%d passed, %d failed\n", run.passed, run.failed);
    return run.failed != 0;
}
#endif
