/* bench_native.c - native: our real FFT beside FFTW3, PFFFT and KissFFT, our resampler beside soxr, our loudness meter
   beside libebur128; our equaliser (ffmpeg, beside it, is a program of its own); our audio callback; jobs by one, two and four threads.
   Prints "group name NUMBER ns" lines, the smallest of many blocks taken in turn: on a shared machine a busy neighbour
   then costs blocks, not truth. And "group agreement TEXT": by how much the answers differ, which is looked at first.
   bench.mjs compiles it three times without threads and once with them, sets the numbers side by side and draws conclusions.
     BENCH_FFTW, BENCH_PFFFT, BENCH_KISSFFT, BENCH_SOXR, BENCH_EBUR128   the peers that are here
     BENCH_FFTW_SSE2   FFTW is told that the processor has no AVX, to compare at the same instruction set
   usage: bench_native transforms|resampler|loudness|callback ROUNDS
          bench_native equaliser ROUNDS NOISE.f32 FILTERED.f32     writes what goes in and what comes out
          bench_native jobs ROUNDS GROUP SECONDS RATE BAND_DB TEXT     see bench_process_start; needs threads */

#include "bench_ours.c"
#include <time.h>
#ifdef BENCH_FFTW
#include <fftw3.h>
#endif
#ifdef BENCH_PFFFT
#include <pffft.h>
#endif
#ifdef BENCH_KISSFFT
#include <kiss_fftr.h>
#endif
#ifdef BENCH_SOXR
#include <soxr.h>
#endif
#ifdef BENCH_EBUR128
#include <ebur128.h>
#endif

#ifdef BENCH_FFTW_SSE2
/* These come before the archive's own, so the planner sees no AVX codelets. Debian builds no wider ones. */
int fftwf_have_simd_avx(void) { return 0; }
#endif

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ---- real FFT ---- */

typedef struct {
    uint32_t size;
    float *in, *out, *work;
    void *plan;
} transform;

static void *plan_ours(transform *t) { return bench_fft_create(t->size); }
static void run_ours(transform *t)   { bench_fft_run(t->plan, t->in, t->out); }
#ifdef BENCH_FFTW
static void *plan_fftw(transform *t) { return fftwf_plan_dft_r2c_1d((int)t->size, t->in, (fftwf_complex *)t->out, FFTW_MEASURE); }
static void run_fftw(transform *t)   { fftwf_execute(t->plan); }
#endif
#ifdef BENCH_PFFFT
static void *plan_pffft(transform *t) { return pffft_new_setup((int)t->size, PFFFT_REAL); }
static void run_pffft(transform *t)   { pffft_transform_ordered(t->plan, t->in, t->out, t->work, PFFFT_FORWARD); }
#endif
#ifdef BENCH_KISSFFT
static void *plan_kissfft(transform *t) { return kiss_fftr_alloc((int)t->size, 0, NULL, NULL); }
static void run_kissfft(transform *t)   { kiss_fftr(t->plan, t->in, (kiss_fft_cpx *)t->out); }
#endif

static const struct { const char *name; void *(*plan)(transform *); void (*run)(transform *); } contestants[] = {
    { "ours", plan_ours, run_ours },
#ifdef BENCH_FFTW
    { "fftw", plan_fftw, run_fftw },
#endif
#ifdef BENCH_PFFFT
    { "pffft", plan_pffft, run_pffft },
#endif
#ifdef BENCH_KISSFFT
    { "kissfft", plan_kissfft, run_kissfft },
#endif
};
enum { CONTESTANTS = sizeof contestants / sizeof contestants[0] };

/* A direct sum at one bin, or the time means nothing. All four pack bin k at 2k. */
static void need_right_answer(const transform *t, const char *name)
{
    enum { BIN = 37 };
    double re = 0, im = 0;
    for (uint32_t n = 0; n < t->size; n++) {
        double angle = -2 * M_PI * (double)((uint64_t)BIN * n % t->size) / t->size;
        re += t->in[n] * cos(angle);
        im += t->in[n] * sin(angle);
    }
    double error = hypot(t->out[2 * BIN] - re, t->out[2 * BIN + 1] - im);
    if (error <= 1e-5 * sqrt(t->size)) return;      /* a relative error of about 1e-5 */
    fprintf(stderr, "%s disagrees with the direct sum at size %u by %g\n", name, t->size, error);
    exit(1);
}

static double time_block(void (*run)(transform *), transform *t, long repeats)
{
    double start = now_ns();
    for (long repeat = 0; repeat < repeats; repeat++) run(t);
    return now_ns() - start;
}

static void bench_transforms(int rounds)
{
    static const uint32_t sizes[] = { 512, 1024, 4096, 16384 };
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        transform t[CONTESTANTS];
        uint32_t size = sizes[s];
        float *in = bench_floats(size), *out = bench_floats(size + 2), *work = bench_floats(size);
        for (int c = 0; c < CONTESTANTS; c++) {
            t[c] = (transform){ size, in, out, work };
            t[c].plan = contestants[c].plan(&t[c]);
        }
        for (uint32_t n = 0; n < size; n++)         /* after planning, which writes into the arrays */
            in[n] = (float)(sin(n * 0.37) + n * 7919 % 101 / 101.0 - 0.5);

        double best[CONTESTANTS];
        long repeats[CONTESTANTS];
        for (int c = 0; c < CONTESTANTS; c++) {
            memset(out, 0, sizeof(float) * (size + 2));
            contestants[c].run(&t[c]);
            need_right_answer(&t[c], contestants[c].name);
            best[c] = INFINITY;
            for (repeats[c] = 1; time_block(contestants[c].run, &t[c], repeats[c]) < 0.5e6;) repeats[c] *= 2;
        }
        for (int round = 0; round < rounds; round++)
            for (int c = 0; c < CONTESTANTS; c++)
                best[c] = fmin(best[c], time_block(contestants[c].run, &t[c], repeats[c]) / (double)repeats[c]);
        for (int c = 0; c < CONTESTANTS; c++) printf("fft_%u %s %.1f ns\n", size, contestants[c].name, best[c]);
    }
}

/* ---- resampler: 44.1 to 48 kHz, 60 s stereo ---- */

#ifdef BENCH_SOXR
static void bench_resampler(int rounds)
{
    enum { SECONDS = 60, FROM = 44100, TO = 48000 };
    ra_clip *clip;
    bench_need(ra_clip_create(SECONDS * FROM, 2, FROM, &clip) == RA_OK, "out of memory");
    for (uint32_t frame = 0; frame < SECONDS * FROM; frame++) {
        clip->samples[2 * frame] = (float)(0.5 * sin(2 * M_PI * 1000 / FROM * frame));
        clip->samples[2 * frame + 1] = (float)(0.5 * sin(2 * M_PI * 9973 / FROM * frame));
    }
    float *theirs = bench_floats(2 * TO * SECONDS);
    double best_ours = INFINITY, best_soxr = INFINITY, difference = 0;
    soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
    for (int round = 0; round < rounds; round++) {
        ra_clip *ours;
        double start = now_ns();
        bench_need(ra_clip_resample(clip, TO, &ours) == RA_OK, "ra_clip_resample failed");
        best_ours = fmin(best_ours, now_ns() - start);
        start = now_ns();
        bench_need(!soxr_oneshot(FROM, TO, 2, clip->samples, SECONDS * FROM, NULL, theirs, SECONDS * TO, NULL, NULL, &quality, NULL), "soxr failed");
        best_soxr = fmin(best_soxr, now_ns() - start);
        /* Without the first and the last second: the two differ in how they rise out of silence. */
        for (uint32_t sample = 2 * TO; sample < 2 * TO * (SECONDS - 1); sample++)
            difference = fmax(difference, fabs((double)ours->samples[sample] - theirs[sample]));
        bench_need(difference <= 1e-3, "our resampler and soxr's differ by more than 1e-3");
        ra_clip_destroy(ours);
    }
    printf("resample ours %.0f ns\nresample soxr %.0f ns\nresample agreement %.1e\n", best_ours, best_soxr, difference);
    ra_clip_destroy(clip);
}
#endif

/* ---- loudness: 60 s stereo, fed by 4096 frames, integrated without and with true peak ---- */

#ifdef BENCH_EBUR128
enum { LOUDNESS_FRAMES = 60 * BENCH_RATE, LOUDNESS_FEED = 4096 };
typedef struct { double ns, lufs, peak_db; } heard;

static heard hear_ours(const float *frames, bool has_true_peak)
{
    ra_loudness *meter;
    ra_loudness_report report;
    bench_need(ra_loudness_create(2, BENCH_RATE, has_true_peak, &meter) == RA_OK, "ra_loudness_create failed");
    double start = now_ns();
    for (uint32_t at = 0; at < LOUDNESS_FRAMES; at += LOUDNESS_FEED) {
        uint32_t left = LOUDNESS_FRAMES - at;
        ra_loudness_add(meter, frames + 2 * (size_t)at, left < LOUDNESS_FEED ? left : LOUDNESS_FEED);
    }
    ra_loudness_get(meter, &report);
    double ns = now_ns() - start;
    ra_loudness_destroy(meter);
    return (heard){ ns, report.integrated_lufs, has_true_peak ? report.true_peak_dbtp : 0 };
}

static heard hear_theirs(const float *frames, bool has_true_peak)
{
    ebur128_state *meter = ebur128_init(2, BENCH_RATE, EBUR128_MODE_I | (has_true_peak ? EBUR128_MODE_TRUE_PEAK : 0));
    double peak[2] = { 1, 1 }, lufs = NAN;
    bench_need(meter != NULL, "ebur128_init failed");
    double start = now_ns();
    for (uint32_t at = 0; at < LOUDNESS_FRAMES; at += LOUDNESS_FEED) {
        uint32_t left = LOUDNESS_FRAMES - at;
        ebur128_add_frames_float(meter, frames + 2 * (size_t)at, left < LOUDNESS_FEED ? left : LOUDNESS_FEED);
    }
    ebur128_loudness_global(meter, &lufs);
    double ns = now_ns() - start;
    for (unsigned channel = 0; channel < 2 && has_true_peak; channel++) ebur128_true_peak(meter, channel, &peak[channel]);
    ebur128_destroy(&meter);
    return (heard){ ns, lufs, 20 * log10(fmax(peak[0], peak[1])) };
}

static void bench_loudness_of(const char *name, const float *frames, int rounds)
{
    for (int has_true_peak = 0; has_true_peak < 2; has_true_peak++) {
        heard ours = hear_ours(frames, has_true_peak), theirs = hear_theirs(frames, has_true_peak);
        double lu = fabs(ours.lufs - theirs.lufs), db = fabs(ours.peak_db - theirs.peak_db);
        if (!(lu <= 0.05 && db <= 0.2)) {
            fprintf(stderr, "%s: we hear %.3f LUFS, %.2f dBTP, libebur128 %.3f LUFS, %.2f dBTP\n", name, ours.lufs, ours.peak_db, theirs.lufs, theirs.peak_db);
            exit(1);
        }
        for (int round = 0; round < rounds; round++) {
            ours.ns = fmin(ours.ns, hear_ours(frames, has_true_peak).ns);
            theirs.ns = fmin(theirs.ns, hear_theirs(frames, has_true_peak).ns);
        }
        const char *what = has_true_peak ? "loudness_peak" : "loudness";
        printf("%s_%s ours %.0f ns\n%s_%s ebur128 %.0f ns\n%s_%s agreement ", what, name, ours.ns, what, name, theirs.ns, what, name);
        printf(has_true_peak ? "%.3f LU, %.2f dB\n" : "%.3f LU\n", lu, db);
    }
}

/* The noise ends at 10 kHz: close to half the rate the length of a meter's interpolator decides what it finds between
   the samples, and of white noise the two true peaks are a decibel apart. */
static void bench_loudness(int rounds)
{
    float *frames = bench_floats(2 * LOUDNESS_FRAMES);
    ra_clip *demo;
    ra_generate(&(ra_tone){ RA_TONE_NOISE, .level_db = -12, .seed = 1 }, BENCH_RATE, 0, frames, 2 * LOUDNESS_FRAMES);
    bench_chain_run(bench_chain_create(0, "eq lowpass hz=10000; eq lowpass hz=10000; eq lowpass hz=10000; eq lowpass hz=10000"), frames, LOUDNESS_FRAMES);
    bench_loudness_of("noise", frames, rounds);
    bench_need(ra_clip_demo(&demo) == RA_OK && demo->channels == 2 && demo->sample_rate_hz == BENCH_RATE, "no music");
    for (uint32_t sample = 0; sample < 2 * LOUDNESS_FRAMES; sample++) frames[sample] = demo->samples[sample % (2 * demo->frame_count)];
    bench_loudness_of("music", frames, rounds);
}
#endif

/* ---- equaliser and audio callback: ours alone, as a share of real time ---- */

static void save(const char *path, const float *samples, size_t count)
{
    FILE *file = fopen(path, "wb");
    bench_need(file && fwrite(samples, sizeof(float), count, file) == count && fclose(file) == 0, "a file could not be written");
}

static void bench_equaliser(int rounds, const char *noise_path, const char *filtered_path)
{
    enum { FRAMES = 60 * BENCH_RATE };
    float *noise = bench_floats(2 * FRAMES), *frames = bench_floats(2 * FRAMES);
    ra_chain *chain = bench_chain_create(4, "");
    double best = INFINITY;
    ra_generate(&(ra_tone){ RA_TONE_NOISE, .level_db = -12, .seed = 1 }, BENCH_RATE, 0, noise, 2 * FRAMES);
    for (int round = 0; round < rounds; round++) {
        double start = now_ns();
        memcpy(frames, noise, sizeof(float) * 2 * FRAMES);   /* in place: the copy counts against us */
        bench_chain_run(chain, frames, FRAMES);
        best = fmin(best, now_ns() - start);
    }
    printf("eq ours %.0f ns\n", best);
    save(noise_path, noise, 2 * FRAMES);
    save(filtered_path, frames, 2 * FRAMES);
}

/* Ten seconds of blocks, again and again from the start. The work of a block is the same each time, so the smallest
   time of each block is its own cost and the largest of these is the worst block that is our doing. The worst that was
   seen, in the quietest of the runs, has in it what the machine did meanwhile. */
static void bench_callback(const char *name, bool has_all_effects, int rounds)
{
    enum { BLOCKS = 10 * BENCH_RATE / BENCH_BLOCK };
    static double best[BLOCKS];
    float *out = bench_floats(2 * BENCH_BLOCK);
    double sum = 0, worst = 0, seen = INFINITY, loudest = 0;
    for (int block = 0; block < BLOCKS; block++) best[block] = INFINITY;
    for (int round = 0; round < rounds; round++) {
        double worst_of_run = 0;
        bench_engine_start();
        for (uint32_t block = 0; block < BLOCKS; block++) {
            bench_engine_turn_knobs(block, has_all_effects);
            double start = now_ns();
            bench_engine_render(out);
            double ns = now_ns() - start;
            best[block] = fmin(best[block], ns);
            worst_of_run = fmax(worst_of_run, ns);
            for (int sample = 0; sample < 2 * BENCH_BLOCK; sample++) loudest = fmax(loudest, fabs((double)out[sample]));
        }
        seen = fmin(seen, worst_of_run);
    }
    bench_need(loudest > 0.01 && loudest <= 1, "the audio callback was silent or too loud: its time means nothing");
    for (int block = 0; block < BLOCKS; block++) {
        sum += best[block];
        worst = fmax(worst, best[block]);
    }
    printf("%s mean %.0f ns\n%s worst %.0f ns\n%s seen %.0f ns\n", name, sum / BLOCKS, name, worst, name, seen);
}

/* ---- jobs by more and more threads: the caller works along, as the command line does ---- */

#ifndef RA_NO_THREADS
static void bench_jobs(int rounds, const char *name, const ra_clip *clip, double band_db, const char *text)
{
    static const uint32_t threads[] = { 1, 2, 4 };
    enum { COUNTS = sizeof threads / sizeof threads[0] };
    double best[COUNTS] = { INFINITY, INFINITY, INFINITY };
    char hash[17] = "";
    for (int round = 0; round < rounds; round++)
        for (int t = 0; t < COUNTS; t++) {
            ra_pool *pool = bench_pool_create(threads[t] - 1);
            while (!bench_pool_is_up(pool)) nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
            double start = now_ns();
            ra_process *process = bench_process_start(pool, clip, band_db, text);
            ra_process_wait(process);
            best[t] = fmin(best[t], now_ns() - start);
            const char *is = bench_process_hash(process);
            if (!*hash) memcpy(hash, is, sizeof hash);
            if (strcmp(hash, is)) {
                fprintf(stderr, "one thread makes %s, %u make %s\n", hash, threads[t], is);
                exit(1);
            }
            bench_process_free(process);
            bench_pool_destroy(pool);
        }
    for (int t = 0; t < COUNTS; t++) printf("%s %u %.0f ns\n", name, threads[t], best[t]);
    printf("%s hash %s\n", name, hash);
}
#endif

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    int rounds = argc > 2 ? atoi(argv[2]) : 1;
    if (!strcmp(what, "transforms")) bench_transforms(rounds);
#ifdef BENCH_SOXR
    else if (!strcmp(what, "resampler")) bench_resampler(rounds);
#endif
#ifdef BENCH_EBUR128
    else if (!strcmp(what, "loudness")) bench_loudness(rounds);
#endif
    else if (!strcmp(what, "callback")) {
        bench_callback("callback_few", false, rounds);
        bench_callback("callback_all", true, rounds);
    }
    else if (!strcmp(what, "equaliser") && argc > 4) bench_equaliser(rounds, argv[3], argv[4]);
#ifndef RA_NO_THREADS
    else if (!strcmp(what, "jobs") && argc > 7) bench_jobs(rounds, argv[3], bench_clip_create((uint32_t)atoi(argv[4]), (uint32_t)atoi(argv[5])), atof(argv[6]), argv[7]);
#endif
    else bench_need(false, "transforms, resampler, loudness, callback, equaliser or jobs? Or its peer is not here");
    return 0;
}
