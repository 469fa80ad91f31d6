/* bench_native.c - native: our real FFT beside FFTW3, PFFFT and KissFFT; our resampler beside soxr;
   our equaliser (ffmpeg, beside it, is a program of its own); our audio callback.
   Prints "group name ns" lines, the smallest of many blocks taken in turn: on a shared machine a busy neighbour then
   costs blocks, not truth. bench.mjs compiles it three times, sets the numbers side by side and draws conclusions.
     BENCH_FFTW_SSE2   FFTW is told that the processor has no AVX, to compare at the same instruction set
   usage: bench_native transforms|resampler|callback ROUNDS
          bench_native equaliser ROUNDS NOISE.f32 FILTERED.f32     writes what goes in and what comes out */

#include "bench_ours.c"
#include <fftw3.h>
#include <kiss_fftr.h>
#include <math.h>
#include <pffft.h>
#include <soxr.h>
#include <string.h>
#include <time.h>

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
    ra_fft *ours;
    fftwf_plan fftw;
    PFFFT_Setup *pffft;
    kiss_fftr_cfg kissfft;
} transform;

static void run_ours(transform *t)    { bench_fft_run(t->ours, t->in, t->out); }
static void run_fftw(transform *t)    { fftwf_execute(t->fftw); }
static void run_pffft(transform *t)   { pffft_transform_ordered(t->pffft, t->in, t->out, t->work, PFFFT_FORWARD); }
static void run_kissfft(transform *t) { kiss_fftr(t->kissfft, t->in, (kiss_fft_cpx *)t->out); }

static const struct { const char *name; void (*run)(transform *); } contestants[] = {
    { "ours", run_ours }, { "fftw", run_fftw }, { "pffft", run_pffft }, { "kissfft", run_kissfft },
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
    fprintf(stderr, "bench: %s disagrees with the direct sum at size %u by %g\n", name, t->size, error);
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
        transform t = { .size = sizes[s] };
        t.in = bench_floats(t.size);
        t.out = bench_floats(t.size + 2);
        t.work = bench_floats(t.size);
        t.ours = bench_fft_create(t.size);
        t.fftw = fftwf_plan_dft_r2c_1d((int)t.size, t.in, (fftwf_complex *)t.out, FFTW_MEASURE);
        t.pffft = pffft_new_setup((int)t.size, PFFFT_REAL);
        t.kissfft = kiss_fftr_alloc((int)t.size, 0, NULL, NULL);
        for (uint32_t n = 0; n < t.size; n++)       /* after planning, which writes into the arrays */
            t.in[n] = (float)(sin(n * 0.37) + n * 7919 % 101 / 101.0 - 0.5);

        double best[CONTESTANTS];
        long repeats[CONTESTANTS];
        for (int c = 0; c < CONTESTANTS; c++) {
            memset(t.out, 0, sizeof(float) * (t.size + 2));
            contestants[c].run(&t);
            need_right_answer(&t, contestants[c].name);
            best[c] = INFINITY;
            for (repeats[c] = 1; time_block(contestants[c].run, &t, repeats[c]) < 0.5e6;) repeats[c] *= 2;
        }
        for (int round = 0; round < rounds; round++)
            for (int c = 0; c < CONTESTANTS; c++)
                best[c] = fmin(best[c], time_block(contestants[c].run, &t, repeats[c]) / (double)repeats[c]);
        for (int c = 0; c < CONTESTANTS; c++) printf("fft%u %s %.1f\n", t.size, contestants[c].name, best[c]);
    }
}

/* ---- resampler: 44.1 to 48 kHz, 60 s stereo ---- */

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
    printf("resample60s ours %.0f\nresample60s soxr %.0f\n", best_ours, best_soxr);
    ra_clip_destroy(clip);
}

/* ---- equaliser and audio callback: ours alone, as a share of real time ---- */

static void save(const char *path, const float *samples, size_t count)
{
    FILE *file = fopen(path, "wb");
    bench_need(file && fwrite(samples, sizeof(float), count, file) == count && fclose(file) == 0, "a file could not be written");
}

static void bench_equaliser(int rounds, const char *noise_path, const char *filtered_path)
{
    enum { SECONDS = 60, FRAMES = SECONDS * BENCH_RATE };
    float *noise = bench_floats(2 * FRAMES), *frames = bench_floats(2 * FRAMES);
    double best = INFINITY;
    ra_generate(&(ra_tone){ RA_TONE_NOISE, .level_db = -12, .seed = 1 }, BENCH_RATE, 0, noise, 2 * FRAMES);
    for (int round = 0; round < rounds; round++) {
        double start = now_ns();
        memcpy(frames, noise, sizeof(float) * 2 * FRAMES);   /* in place: the copy counts against us */
        bench_eq_run(frames, FRAMES);
        best = fmin(best, now_ns() - start);
    }
    printf("eq60s ours %.0f\n", best);
    save(noise_path, noise, 2 * FRAMES);
    save(filtered_path, frames, 2 * FRAMES);
}

/* Ten seconds of blocks, again and again from the start. The work of a block is the same each time, so the smallest
   time of each block is its own cost and the largest of these is the worst block that is our doing. */
static void bench_callback(int rounds)
{
    enum { BLOCKS = 10 * BENCH_RATE / BENCH_BLOCK };
    static double best[BLOCKS];
    float *out = bench_floats(2 * BENCH_BLOCK);
    double sum = 0, worst = 0, loudest = 0;
    for (int block = 0; block < BLOCKS; block++) best[block] = INFINITY;
    for (int round = 0; round < rounds; round++) {
        bench_engine_start();
        for (uint32_t block = 0; block < BLOCKS; block++) {
            bench_engine_turn_knobs(block);
            double start = now_ns();
            bench_engine_render(out);
            best[block] = fmin(best[block], now_ns() - start);
            for (int sample = 0; sample < 2 * BENCH_BLOCK; sample++) loudest = fmax(loudest, fabs((double)out[sample]));
        }
    }
    bench_need(loudest > 0.01 && loudest <= 1, "the audio callback was silent or too loud: its time means nothing");
    for (int block = 0; block < BLOCKS; block++) {
        sum += best[block];
        worst = fmax(worst, best[block]);
    }
    printf("callback mean %.0f\ncallback worst %.0f\n", sum / BLOCKS, worst);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    int rounds = argc > 2 ? atoi(argv[2]) : 1;
    if (!strcmp(what, "transforms")) bench_transforms(rounds);
    else if (!strcmp(what, "resampler")) bench_resampler(rounds);
    else if (!strcmp(what, "callback")) bench_callback(rounds);
    else if (!strcmp(what, "equaliser") && argc > 4) bench_equaliser(rounds, argv[3], argv[4]);
    else bench_need(0, "transforms, resampler, callback or equaliser?");
    return 0;
}
