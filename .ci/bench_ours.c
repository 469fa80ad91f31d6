/* bench_ours.c - our side of the benchmarks: the engine as an embedder gets it, and the works that are timed.
   bench_native.c includes this file; emcc compiles it alone into the modules that bench_page.mjs loads.
     RA_NO_THREADS    one thread does all; without it there are the jobs, too */

#define RA_NO_UI
#define RA_NO_WEB
#define RA_STATIC                       /* as one file with its caller: what a small host would do */
#define RUSTYAUDIO_IMPLEMENTATION
#include "../rustyaudio.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __EMSCRIPTEN__
#include <emscripten.h>
#define OURS EMSCRIPTEN_KEEPALIVE
#else
#define OURS static __attribute__((unused))
#endif

enum { BENCH_RATE = 48000, BENCH_BLOCK = 128, BENCH_BANDS = 10 };

static void bench_need(bool is_so, const char *what)
{
    if (is_so) return;
    fprintf(stderr, "%s\n", what);
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

/* ---- whole-file analysis: Hann, transform, dB; a full-scale sine on a bin reads 0 ---- */

enum { BENCH_STFT = 4096, BENCH_HOP = 1024 };

/* One channel. db holds one spectrum, the last: what a picture or a search would take from here. */
OURS void bench_stft_run(const float *samples, uint32_t sample_count, float *db)
{
    static float window[BENCH_STFT], windowed[BENCH_STFT], bins[BENCH_STFT + 2];
    static ra_fft *fft;
    const float full_scale = 16.0f / ((float)BENCH_STFT * BENCH_STFT);
    if (!fft) {
        fft = bench_fft_create(BENCH_STFT);
        for (int n = 0; n < BENCH_STFT; n++) window[n] = (float)(0.5 - 0.5 * cos(2 * M_PI * n / BENCH_STFT));
    }
    for (uint32_t at = 0; at + BENCH_STFT <= sample_count; at += BENCH_HOP) {
        for (int n = 0; n < BENCH_STFT; n++) windowed[n] = samples[at + n] * window[n];
        ra_fft_forward_real(fft, windowed, bins);
        for (int k = 0; k <= BENCH_STFT / 2; k++) db[k] = bins[2 * k] * bins[2 * k] + bins[2 * k + 1] * bins[2 * k + 1];
        ra_power_to_db(db, BENCH_STFT / 2 + 1, full_scale);
    }
}

/* ---- chains ---- */

/* The ten default bands (peaking, 31.25 Hz to 16 kHz, q 1.41), by turns raised and lowered by band_db, none for 0;
   then the processors of text. False: the text names one that is not built. */
static bool bench_chain_spec(double band_db, const char *text, ra_chain_spec *out)
{
    ra_eq_band bands[BENCH_BANDS];
    ra_chain_spec rest;
    if (ra_chain_parse(text, &rest, NULL) != RA_OK) return false;
    ra_eq_default_bands(bands);
    out->count = 0;
    for (int band = 0; band < BENCH_BANDS && band_db != 0; band++)
        out->item[out->count++] = (ra_processor_spec){ RA_PROCESSOR_EQ, RA_PEAKING, { bands[band].hz, band % 2 ? -band_db : band_db, bands[band].q } };
    for (uint32_t i = 0; i < rest.count; i++) out->item[out->count++] = rest.item[i];
    return true;
}

/* Gives every convolve its response. */
static void bench_set_response(ra_chain_spec *spec, const ra_clip *response)
{
    for (uint32_t i = 0; i < spec->count; i++) if (spec->item[i].kind == RA_PROCESSOR_CONVOLVE) spec->item[i].impulse = response;
}

/* Stereo; NULL where the text names what is not built. */
OURS ra_chain *bench_chain_create(double band_db, const char *text)
{
    ra_chain_spec spec;
    ra_chain *chain;
    if (!bench_chain_spec(band_db, text, &spec)) return NULL;
    bench_need(ra_chain_create(2, BENCH_RATE, &spec, &chain) == RA_OK, "ra_chain_create failed");
    return chain;
}

/* A stereo response and nothing else; NULL where there is no convolve yet. */
OURS ra_chain *bench_convolve_create(float *response, uint32_t frame_count)
{
    ra_chain_spec spec;
    ra_chain *chain;
    if (!bench_chain_spec(0, "convolve mix=1", &spec)) return NULL;
    bench_set_response(&spec, &(ra_clip){ response, frame_count, 2, BENCH_RATE });
    bench_need(ra_chain_create(2, BENCH_RATE, &spec, &chain) == RA_OK, "ra_chain_create failed");
    return chain;
}

OURS uint32_t bench_chain_latency(const ra_chain *chain) { return ra_chain_latency_frames(chain); }

/* In place, in blocks of 128 frames: the quantum in which the browser's own nodes work. */
OURS void bench_chain_run(ra_chain *chain, float *frames, uint32_t frame_count)
{
    ra_chain_reset(chain);
    for (uint32_t at = 0; at < frame_count; at += BENCH_BLOCK) {
        uint32_t left = frame_count - at;
        ra_chain_process(chain, frames + 2 * (size_t)at, left < BENCH_BLOCK ? left : BENCH_BLOCK);
    }
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

/* Three seconds of noise that dies away by 60 dB, made once. */
static const ra_clip *bench_response(void)
{
    static ra_clip *room;
    if (room) return room;
    bench_need(ra_clip_create(3 * BENCH_RATE, 2, BENCH_RATE, &room) == RA_OK, "out of memory");
    ra_generate(&(ra_tone){ RA_TONE_NOISE, .level_db = -12, .seed = 1 }, BENCH_RATE, 0, room->samples, 2 * room->frame_count);
    for (uint64_t sample = 0; sample < 2 * room->frame_count; sample++) room->samples[sample] *= (float)exp(-6.9 * (double)sample / (2.0 * (double)room->frame_count));
    return room;
}

/* What the page does between blocks, not timed: every sixth block (60 times a second) all ten bands, a setting of each
   effect and the volume get new values, so that nothing ever comes to rest. */
OURS void bench_engine_turn_knobs(uint32_t block, bool has_all_effects)
{
    if (block % 6) return;
    double swing = (double)(block / 6 % 64) / 32 - 1;      /* -1..+1 */
    ra_chain_spec spec;
    char text[512];
    int length = snprintf(text, sizeof text, "gain db=%.3f; softclip", 3 * swing);
    if (has_all_effects) length += snprintf(text + length, sizeof text - (size_t)length,
        "; pan position=%.3f; compressor threshold_db=%.3f; distortion drive_db=%.3f; chorus depth_ms=%.3f; delay feedback=%.3f; reverb mix=%.3f; limiter ceiling_dbtp=%.3f",
        swing / 2, 6 * swing - 20, 3 * swing + 9, swing + 3, swing / 4 + 0.4, swing / 8 + 0.25, swing - 3);
    if (has_all_effects) snprintf(text + length, sizeof text - (size_t)length, "; convolve mix=%.3f", swing / 8 + 0.25);
    bench_need(bench_chain_spec(3 * swing + 4, text, &spec), "the text of the callback's chain is refused");
    bench_set_response(&spec, bench_response());
    bench_need(ra_engine_set_chain(bench_engine, &spec) == RA_OK, "ra_engine_set_chain failed");
    bench_need(ra_engine_set_volume_db(bench_engine, -6 + 3 * swing) == RA_OK, "ra_engine_set_volume_db failed");
    ra_engine_tick(bench_engine, NULL);
}

OURS void bench_engine_render(float *out) { ra_engine_render(bench_engine, out, BENCH_BLOCK); }

/* ---- jobs on whole clips, by a pool ---- */

#ifndef RA_NO_THREADS

/* Stereo noise, the same bits everywhere. */
OURS ra_clip *bench_clip_create(uint32_t seconds, uint32_t sample_rate_hz)
{
    ra_clip *clip;
    bench_need(ra_clip_create((uint64_t)seconds * sample_rate_hz, 2, sample_rate_hz, &clip) == RA_OK, "out of memory");
    ra_generate(&(ra_tone){ RA_TONE_NOISE, .level_db = -12, .seed = 1 }, sample_rate_hz, 0, clip->samples, (size_t)(2 * clip->frame_count));
    return clip;
}

OURS float *bench_clip_samples(const ra_clip *clip) { return clip->samples; }

/* worker_count 0: nobody but the caller. */
OURS ra_pool *bench_pool_create(uint32_t worker_count)
{
    ra_pool *pool;
    bench_need(ra_pool_create(worker_count ? worker_count : RA_POOL_INLINE, &pool) == RA_OK, "ra_pool_create failed");
    bench_need(ra_pool_wanted_count(pool) == worker_count, "not all workers could be started");
    return pool;
}

OURS bool bench_pool_is_up(const ra_pool *pool) { return ra_pool_worker_count(pool) == ra_pool_wanted_count(pool); }
OURS void bench_pool_destroy(ra_pool *pool)     { ra_pool_destroy(pool); }

/* Without text the spectra of the clip; else the clip through the bands and processors of bench_chain_spec. */
OURS ra_process *bench_process_start(ra_pool *pool, const ra_clip *clip, double band_db, const char *text)
{
    ra_task task = { .kind = *text ? RA_TASK_EFFECTS : RA_TASK_FFT, .fft_frames = BENCH_STFT, .hop_frames = BENCH_HOP };
    ra_process *process;
    bench_need(!*text || bench_chain_spec(band_db, text, &task.chain), "the text of a job's chain is refused");
    bench_need(ra_process_async(pool, clip, &task, &process, NULL) == RA_OK, "ra_process_async failed");
    return process;
}

OURS bool bench_process_is_over(const ra_process *process) { return ra_process_poll(process, NULL) >= RA_JOB_DONE; }
OURS bool bench_process_free(ra_process *process)          { return ra_process_free(process); }

static const ra_task_result *bench_process_result(const ra_process *process)
{
    const ra_task_result *is;
    bench_need(ra_process_get(process, &is) == RA_OK, "a job failed");
    return is;
}

/* What a job has made: samples or spectra. */
OURS const float *bench_process_floats(const ra_process *process)
{
    const ra_task_result *is = bench_process_result(process);
    return is->clip ? is->clip->samples : is->spectra_db;
}

/* 64-bit FNV-1a of its bits, a float at a step. Text: JavaScript's numbers end at 53 bits. */
OURS const char *bench_process_hash(const ra_process *process)
{
    static char text[17];
    const ra_task_result *is = bench_process_result(process);
    const float *floats = bench_process_floats(process);
    uint64_t count = is->clip ? is->clip->frame_count * is->clip->channels : is->spectrum_count * is->bin_count, hash = 0xcbf29ce484222325u;
    for (uint64_t n = 0; n < count; n++) {
        uint32_t bits;
        memcpy(&bits, &floats[n], sizeof bits);
        hash = (hash ^ bits) * 0x100000001b3u;
    }
    snprintf(text, sizeof text, "%016llx", (unsigned long long)hash);
    return text;
}

#endif
