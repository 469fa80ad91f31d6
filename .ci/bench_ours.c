/* bench_ours.c - our side of the benchmarks: the engine as an embedder gets it, and the three works that are
   timed. bench_native.c includes this file; emcc compiles it alone into the module that bench_page.mjs loads. */

#define RA_NO_UI
#define RA_NO_WEB
#define RA_STATIC                       /* as one file with its caller: what a small host would do */
#define RUSTYAUDIO_IMPLEMENTATION
#include "../rustyaudio.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef __EMSCRIPTEN__
#include <emscripten.h>
#define OURS EMSCRIPTEN_KEEPALIVE
#else
#define OURS static
#endif

enum { BENCH_RATE = 48000, BENCH_BLOCK = 128, BENCH_BANDS = 10 };

static void bench_need(bool is_so, const char *what)
{
    if (is_so) return;
    fprintf(stderr, "bench: %s\n", what);
    abort();
}

/* 64 bytes: a cache line, and what the widest peer could want. Never freed: the process ends first. */
OURS float *bench_floats(uint32_t count)
{
    float *memory = aligned_alloc(64, ((size_t)count * sizeof(float) + 63) & ~(size_t)63);
    bench_need(memory != NULL, "out of memory");
    return memory;
}

/* ---- real FFT ---- */

OURS ra_fft *bench_fft_create(uint32_t size)
{
    ra_fft *fft;
    bench_need(ra_fft_create(size, &fft) == RA_OK, "ra_fft_create failed");
    return fft;
}

OURS void bench_fft_run(ra_fft *fft, const float *in, float *out) { ra_fft_forward_real(fft, in, out); }

/* ---- ten bands, stereo, in place ---- */

static void bench_bands(ra_eq_band bands[BENCH_BANDS], double gain_db)
{
    ra_eq_default_bands(bands);          /* peaking, 31.25 Hz to 16 kHz, q 1.41 */
    for (int band = 0; band < BENCH_BANDS; band++) bands[band].db = band % 2 ? -gain_db : gain_db;
}

/* In blocks of 128 frames, the quantum in which the browser's own nodes work. */
OURS void bench_eq_run(float *frames, uint32_t frame_count)
{
    ra_eq *eq;
    ra_eq_band bands[BENCH_BANDS];
    bench_need(ra_eq_create(2, BENCH_RATE, &eq) == RA_OK, "ra_eq_create failed");
    bench_bands(bands, 4);
    ra_eq_set(eq, bands, BENCH_BANDS);
    for (uint32_t at = 0; at < frame_count; at += BENCH_BLOCK) {
        uint32_t left = frame_count - at;
        ra_eq_process(eq, frames + 2 * (size_t)at, left < BENCH_BLOCK ? left : BENCH_BLOCK);
    }
    ra_eq_destroy(eq);
}

/* ---- the audio callback ---- */

static ra_engine *bench_engine;

/* A fresh engine that loops the built-in clip. */
OURS void bench_engine_start(void)
{
    ra_clip *clip;
    ra_engine_destroy(bench_engine);
    bench_need(ra_engine_create(&(ra_engine_desc){ .sample_rate_hz = BENCH_RATE }, &bench_engine) == RA_OK, "ra_engine_create failed");
    bench_need(ra_clip_demo(&clip) == RA_OK && ra_engine_load(bench_engine, clip) == RA_OK, "no clip");
    bench_need(ra_engine_set_loop(bench_engine, true) == RA_OK && ra_engine_play(bench_engine) == RA_OK, "cannot play");
}

/* What the page does between blocks, not timed: every sixth block (60 times a second) all ten
   bands, a gain and the volume get new values, so that nothing ever comes to rest. */
OURS void bench_engine_turn_knobs(uint32_t block)
{
    if (block % 6) return;
    double swing = (double)(block / 6 % 64) / 32 - 1;      /* -1..+1 */
    ra_chain_spec spec = { .count = BENCH_BANDS + 2 };
    ra_eq_band bands[BENCH_BANDS];
    bench_bands(bands, 6 * swing);
    for (int band = 0; band < BENCH_BANDS; band++)
        spec.item[band] = (ra_processor_spec){ RA_PROCESSOR_EQ, (uint32_t)bands[band].type, { bands[band].hz, bands[band].db, bands[band].q } };
    spec.item[BENCH_BANDS] = (ra_processor_spec){ .kind = RA_PROCESSOR_GAIN, .value = { 3 * swing } };
    spec.item[BENCH_BANDS + 1] = (ra_processor_spec){ .kind = RA_PROCESSOR_SOFTCLIP };
    bench_need(ra_engine_set_chain(bench_engine, &spec) == RA_OK, "ra_engine_set_chain failed");
    bench_need(ra_engine_set_volume_db(bench_engine, -6 + 3 * swing) == RA_OK, "ra_engine_set_volume_db failed");
    ra_engine_tick(bench_engine, NULL);
}

OURS void bench_engine_render(float *out) { ra_engine_render(bench_engine, out, BENCH_BLOCK); }
