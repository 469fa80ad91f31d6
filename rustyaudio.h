/* rustyaudio.h - play, filter, measure and write audio; the engine of Rusty Audio in one header.

   A complete program: a two-second tone through an equaliser, written as a WAV file.
   (./build.sh check cuts it out, compiles it and runs it.)

 * --- example
   #define RUSTYAUDIO_IMPLEMENTATION
   #include "rustyaudio.h"
   #include <stdio.h>

   int main(void)
   {
       enum { RATE = 48000, FRAMES = 2 * RATE };
       static float tone[FRAMES];
       ra_chain_spec spec; ra_chain *chain; ra_error error;
       ra_generate(&(ra_tone){ RA_TONE_SINE, .start_hz = 440, .level_db = -12 }, RATE, 0, tone, FRAMES);
       if (ra_chain_parse("eq peaking hz=440 db=6 q=1; softclip", &spec, &error)) { puts(error.text); return 1; }
       if (ra_chain_create(1, RATE, &spec, &chain)) return 1;
       ra_chain_process(chain, tone, FRAMES);
       ra_chain_destroy(chain);
       return ra_wav_save("tone.wav", RA_WAV_S16, tone, FRAMES, 1, RATE, &error) != RA_OK;
   }
 * --- end

   What it does not do
     It opens no sound device (the browser page does, through an AudioWorklet; a host calls
     ra_engine_render from its own callback). It decodes WAV and AIFF only. It is not a plug-in.

   Who may call what
     control thread   everything that is not marked otherwise; one such thread per object
     audio thread     ra_engine_render*, ra_chain_process, ra_eq_process, and one end of a ring:
                      these never lock, allocate, wait or print
     any thread       functions without an object: ra_fft_* on a plan of one's own, ra_generate,
                      ra_wav_*, ra_chain_parse, ra_result_text

   Conventions
     audio       interleaved float, nominal -1..+1; a frame is one sample of every channel
     units       in the name: _hz, _s, _ms, _db (20*log10 of an amplitude), _frames
     results     ra_result where the world can say no; an out pointer is NULL then
     mistakes    of the caller (NULL where an object is wanted) are asserted, not reported

   Switches, defined before the header is included
     RUSTYAUDIO_IMPLEMENTATION  in exactly one C11 file: the bodies too
     RA_NO_UI, RA_NO_WEB        leave out the page and the browser glue (an embedder never has them)
     RA_NO_THREADS              no pool threads: jobs run in slices in ra_pool_run
     RA_STATIC                  every function static, for a single-file program
     RA_ASSERT(condition)       your own assertion                                             */

#if defined(RUSTYAUDIO_IMPLEMENTATION) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE              /* the bodies want the POSIX clock and the futex call, also under -std=c11 */
#endif

#ifndef RUSTYAUDIO_H
#define RUSTYAUDIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef RA_API
#  if defined(RA_STATIC) && defined(__GNUC__)
#    define RA_API static __attribute__((unused))
#  elif defined(RA_STATIC)
#    define RA_API static
#  else
#    define RA_API extern
#  endif
#endif

/* ---- results -------------------------------------------------------------------------------- */

/* One list: codes and texts. */
#define RA_RESULTS(X) \
    X(RA_OK,           "ok") \
    X(RA_BAD_ARGUMENT, "a value is outside its range") \
    X(RA_NO_MEMORY,    "out of memory") \
    X(RA_NO_FILE,      "the file cannot be opened, read or written") \
    X(RA_BAD_WAV,      "not a readable WAV file") \
    X(RA_BAD_CHAIN,    "the chain text has a mistake") \
    X(RA_NO_THREAD,    "no worker thread could be started") \
    X(RA_BUSY,         "too much is waiting already; try again later") \
    X(RA_CANCELLED,    "cancelled")
typedef enum {
#define RA_RESULT_CODE(code, text) code,
    RA_RESULTS(RA_RESULT_CODE)
#undef RA_RESULT_CODE
    RA_RESULT_COUNT
} ra_result;

/* A few words for a code; never NULL. Any thread. */
RA_API const char *ra_result_text(ra_result result);

/* A refusal in one readable sentence, with the place in the input that it speaks of.
   Every parameter of this type may be NULL. */
typedef struct {
    ra_result code;
    uint64_t  offset;          /* byte in the file, or character in the text, counted from 0 */
    char      text[232];       /* for example: byte 20: the format chunk says 0 channels, 1 to 64 are possible */
} ra_error;

/* How much is told: 0 nothing, 1 errors, 2 what happens (default), 3 everything. Any thread. */
RA_API void ra_log_level(int level);

/* ---- worker pool ---------------------------------------------------------------------------- */

typedef struct ra_pool ra_pool;
typedef struct ra_job  ra_job;

/* Starts worker threads without waiting for them. worker_count 0 means one fewer than the
   machine has cores, and at least 1; the most is 64. RA_POOL_INLINE starts none: jobs run in
   ra_pool_run alone. *out is NULL on failure. */
#define RA_POOL_INLINE UINT32_MAX
RA_API ra_result ra_pool_create(uint32_t worker_count, ra_pool **out);
/* Cancels what is queued, waits for what runs (natively), frees all. NULL is fine. */
RA_API void      ra_pool_destroy(ra_pool *pool);
/* Workers that have really started and have not died, and those that were asked for. Any thread. */
RA_API uint32_t  ra_pool_worker_count(const ra_pool *pool);
RA_API uint32_t  ra_pool_wanted_count(const ra_pool *pool);

/* One slice of a job, a few milliseconds of work: answers true when the job is finished.
   For one job it is called on one thread at a time, from wherever there is time for it. */
typedef bool (*ra_job_step)(void *user, ra_job *job);
/* LOST: its worker has died (a browser can end one at any moment, or it traps) or has not answered for 5 s. What the step
   works on must never be freed then, for it may yet be written to; begin anew, with other memory. The tasks and loads
   below do so themselves. */
typedef enum { RA_JOB_QUEUED, RA_JOB_RUNNING, RA_JOB_DONE, RA_JOB_CANCELLED, RA_JOB_LOST } ra_job_state;

/* Queues a job; RA_BUSY when 64 are waiting. The job is the caller's until ra_job_release. name: static text, a word such as
   "render", for ra_pool_get_stats. */
RA_API ra_result    ra_pool_submit(ra_pool *pool, const char *name, ra_job_step step, void *user, ra_job **out);
RA_API ra_job_state ra_job_poll(const ra_job *job);            /* any thread */
RA_API float        ra_job_progress(const ra_job *job);        /* 0..1, any thread */
RA_API void         ra_job_set_progress(ra_job *job, float progress);  /* from the step */
RA_API void         ra_job_cancel(ra_job *job);                /* ends after the slice that runs */
/* Frees a job that is done, cancelled or lost; must not be called earlier. NULL is fine. */
RA_API void         ra_job_release(ra_job *job);
/* Runs queued slices on the calling thread for about budget_ms: what a page without threads does
   once a frame, and what a native caller does to wait. While workers are alive it only looks whether they
   still are, unless budget_ms is 0: then it waits, working along, until nothing is queued or running. True: there is more to do, and nobody else. */
RA_API bool         ra_pool_run(ra_pool *pool, double budget_ms);

/* What the pool's threads do and have done. Counters only ever grow: the share of the last seconds that a worker was busy is the
   difference of busy_us between two calls, divided by that of clock_us. */
#define RA_POOL_MAX_WORKERS 64
#define RA_POOL_MAX_TASKS   16
typedef struct {
    bool        is_alive;
    const char *doing;             /* name of the job whose slice runs now; NULL: idle */
    const char *did;               /* of the newest that has ended; NULL: none has */
    uint64_t    busy_us;           /* in slices that have ended */
    uint32_t    slice_count;       /* begun */
    uint32_t    last_slice_us;     /* of the newest that has ended */
} ra_worker_stats;
typedef struct { const char *name; uint32_t submitted, done, cancelled, lost; } ra_task_stats;
typedef struct {
    uint64_t        clock_us;      /* when this was so */
    uint32_t        worker_count;  /* those asked for */
    ra_worker_stats workers[RA_POOL_MAX_WORKERS];
    ra_worker_stats control;       /* the control thread, where it works along */
    uint32_t        task_count;
    ra_task_stats   tasks[RA_POOL_MAX_TASKS];   /* by name, in the order of their first submit; what finds no room is "other", the last */
} ra_pool_stats;
/* Any thread; a job that ends meanwhile may be counted in one place and not yet in another. */
RA_API void         ra_pool_get_stats(const ra_pool *pool, ra_pool_stats *out);

/* ---- ring: one writer, one reader, no lock -------------------------------------------------- */

typedef struct ra_ring ra_ring;
typedef struct {
    uint32_t frame_capacity, channels, sample_rate_hz;
    uint64_t overrun_frames;       /* offered by the writer when there was no room */
    uint64_t underrun_frames;      /* wanted by the reader when there were none */
} ra_ring_metadata;

/* frame_capacity is rounded up to a power of two, 2^24 at most; channels 1..64. */
RA_API ra_result ra_ring_create(uint32_t frame_capacity, uint32_t channels, uint32_t sample_rate_hz, ra_ring **out);
RA_API void      ra_ring_destroy(ra_ring *ring);
/* Copies as many of the frames as fit and says how many. The writer's thread. */
RA_API uint32_t  ra_ring_write(ra_ring *ring, const float *frames, uint32_t frame_count);
/* Copies as many frames as there are, frame_count at most, and says how many. The reader's thread. */
RA_API uint32_t  ra_ring_read(ra_ring *ring, float *frames, uint32_t frame_count);
/* Is so much there to be read? Any thread; by the reader it stays true until it reads. */
RA_API bool      ra_ring_is_ready(const ra_ring *ring, uint32_t frame_count);
RA_API uint32_t  ra_ring_readable_frames(const ra_ring *ring);
/* Forgets what is inside. The reader's thread. */
RA_API void      ra_ring_reset(ra_ring *ring);
RA_API ra_ring_metadata ra_ring_get_metadata(const ra_ring *ring);

/* ---- spectrum ------------------------------------------------------------------------------- */

/* Real and complex fast Fourier transform, radix 2.
   scaling    forward: X[k] = sum x[n] exp(-2 pi i k n / size), no factor; inverse has 1/size,
              so that inverse(forward(x)) is x
   packing    real: size floats <-> size/2+1 bins as pairs (re, im), from 0 Hz to half the rate:
              size + 2 floats; complex: size pairs
   aliasing   in and out may be the same array if it is long enough for both
   alignment  any; 16 bytes is fastest
   sharing    a plan has its own scratch: one thread at a time
   error      relative L2 error below 1.2e-7 * (1 + sqrt(log2 size)) */
typedef struct ra_fft ra_fft;
/* size: a power of two, 32..65536, else RA_BAD_ARGUMENT. */
RA_API ra_result ra_fft_create(uint32_t size, ra_fft **out);
RA_API void      ra_fft_destroy(ra_fft *fft);
RA_API void      ra_fft_forward_real(ra_fft *fft, const float *samples, float *bins);
RA_API void      ra_fft_inverse_real(ra_fft *fft, const float *bins, float *samples);
RA_API void      ra_fft_forward_complex(ra_fft *fft, const float *in, float *out);
RA_API void      ra_fft_inverse_complex(ra_fft *fft, const float *in, float *out);

/* ---- equaliser ------------------------------------------------------------------------------ */

typedef enum {
    RA_PEAKING, RA_LOW_SHELF, RA_HIGH_SHELF, RA_LOW_PASS, RA_HIGH_PASS, RA_BAND_PASS, RA_NOTCH, RA_ALL_PASS,
    RA_FILTER_TYPE_COUNT
} ra_filter_type;

/* One second-order section [RBJ]. db counts for peaking and shelves only. */
typedef struct {
    ra_filter_type type;
    double hz;               /* centre or corner, 1..half the sample rate. At and beyond the edges the formula's limit holds: only
                                the side of the filter that is left, so a low pass at half the rate passes all */
    double db;               /* -40..+40, default 0 */
    double q;                /* 0.01..100, default 1.41 (about an octave); 0 gives the formula's limit */
} ra_eq_band;

#define RA_EQ_BAND_MAX 32

typedef struct ra_eq ra_eq;
/* An equaliser for one or two channels, without bands at first. */
RA_API ra_result ra_eq_create(uint32_t channels, uint32_t sample_rate_hz, ra_eq **out);
RA_API void      ra_eq_destroy(ra_eq *eq);
/* New settings. Bands that were there before glide to them within 20 ms and land exactly; after
   create or reset they hold at once. A band that changes its type, or one without a gain that comes or
   goes, does so in one step. Same thread as process, or while nothing is processed. */
RA_API void      ra_eq_set(ra_eq *eq, const ra_eq_band *bands, uint32_t band_count);
/* Filters interleaved frames in place. Audio thread. Any frame_count, the same samples however
   the frames are cut into calls. */
RA_API void      ra_eq_process(ra_eq *eq, float *frames, uint32_t frame_count);
/* Forgets the sound, keeps the settings. */
RA_API void      ra_eq_reset(ra_eq *eq);
/* Gain of all bands together at a frequency, by the formula, for drawing curves. Any thread. */
RA_API double    ra_eq_response_db(const ra_eq_band *bands, uint32_t band_count, double hz, double sample_rate_hz);
/* The ten default bands: peaking, 31.25 Hz to 16 kHz by octaves, 0 dB, q 1.41. */
RA_API void      ra_eq_default_bands(ra_eq_band bands[10]);

/* ---- chain: processors in order, and their text --------------------------------------------- */

typedef enum {
    RA_PROCESSOR_EQ, RA_PROCESSOR_GAIN, RA_PROCESSOR_SOFTCLIP, RA_PROCESSOR_PAN, RA_PROCESSOR_DELAY, RA_PROCESSOR_CHORUS,
    RA_PROCESSOR_DISTORTION, RA_PROCESSOR_COMPRESSOR, RA_PROCESSOR_LIMITER, RA_PROCESSOR_REVERB, RA_PROCESSOR_CONVOLVE,
    RA_PROCESSOR_COUNT
} ra_processor_kind;

#define RA_CHAIN_MAX  48
#define RA_FILE_BYTES 96
struct ra_clip;
typedef struct {
    uint32_t kind;                /* ra_processor_kind */
    uint32_t type;                /* eq: ra_filter_type */
    double   value[6];            /* in the order of the text's keys: eq hz db q; gain db; pan position; delay ms feedback mix;
                                     chorus rate_hz depth_ms mix; distortion drive_db mix; reverb rt60_s mix; compressor threshold_db
                                     ratio knee_db attack_ms release_ms makeup_db; limiter ceiling_dbtp release_ms; convolve mix */
    char     file[RA_FILE_BYTES]; /* convolve: a name for the response, any but double quotes and control characters. Nobody opens it
                                     here: whoever knows what it names loads it into impulse */
    const struct ra_clip *impulse;   /* convolve: the response, of any rate, one or two channels and at most RA_CONVOLVE_MAX_S. It is
                                     brought to the chain's rate, loses the zeros at its end and is scaled so that the sum of the
                                     squares of its louder channel is 1: noise is as loud wet as dry. NULL: the sound passes.
                                     Borrowed: nothing keeps it when the call that was given it returns. Another address is another
                                     response, so give the new one before you free the old one. From ra_chain_parse: NULL */
    bool     is_off;              /* passed over, as if it were not there; "off" in the text */
} ra_processor_spec;
#define RA_CONVOLVE_MAX_S 10
typedef struct {
    uint32_t count;
    ra_processor_spec item[RA_CHAIN_MAX];
} ra_chain_spec;

/* "eq peaking hz=1000 db=6 q=1; reverb off; convolve file="large hall.wav"": what is left out has its default; an unknown name,
   an unknown key or an impossible value is refused with a sentence that points at it, and *out
   is left as it was. The empty text is the empty chain. Any thread. */
RA_API ra_result ra_chain_parse(const char *text, ra_chain_spec *out, ra_error *error);
/* The chain of an equaliser's settings file, as Equalizer APO reads and AutoEQ and Room EQ Wizard write them: lines
   "Preamp: -6.5 dB" (together one gain processor, first) and "Filter 1: ON PK Fc 105 Hz Gain -3.1 dB Q 0.70", 47 at
   most. Types PK, LP, LPQ, HP, HPQ, BP, NO, AP, LS, LSC, HS, HSC; Q, BW Oct or a shelf's slope in dB. Filters that are
   OFF and other programs' remarks are passed over; GraphicEQ, Channel, Include and their like are refused, as is every
   mistake, with the line's number. *out is left as it was then. Any thread. */
RA_API ra_result ra_chain_import(const char *text, ra_chain_spec *out, ra_error *error);
/* Writes the text of a chain (always zero-terminated, cut if too long) and gives its full length.
   Parsing it again gives the same spec, bit for bit (below 1e-5, to 22 decimals). Any thread. */
RA_API size_t    ra_chain_format(const ra_chain_spec *spec, char *text, size_t capacity);

typedef struct ra_chain ra_chain;
/* Makes a chain with all the memory that it will ever need; its settings hold at once. 1 or 2 channels. */
RA_API ra_result ra_chain_create(uint32_t channels, uint32_t sample_rate_hz, const ra_chain_spec *spec, ra_chain **out);
RA_API void      ra_chain_destroy(ra_chain *chain);                                        /* NULL is fine */
/* New settings for the same processors in the same order: they glide within 20 ms; bands of an eq that
   have a gain may also come and go. False, and nothing is changed, for any other spec: that is another
   chain. Same thread as process, or while nothing is processed. */
RA_API bool      ra_chain_set(ra_chain *chain, const ra_chain_spec *spec);
RA_API void      ra_chain_process(ra_chain *chain, float *frames, uint32_t frame_count);   /* audio thread, in place */
/* How much later the sound comes out than it went in. */
RA_API uint32_t  ra_chain_latency_frames(const ra_chain *chain);
/* Forgets the sound; the settings hold at once. */
RA_API void      ra_chain_reset(ra_chain *chain);

/* ---- clips: audio in memory ----------------------------------------------------------------- */

typedef struct ra_stream ra_stream;
typedef struct ra_clip {
    float   *samples;             /* interleaved; freed by ra_clip_destroy */
    uint64_t frame_count;
    uint32_t channels;            /* 1..64 */
    uint32_t sample_rate_hz;      /* 1..768000 */
    uint32_t keeper_count;        /* by ra_clip_keep; 0 at first */
    ra_stream *stream;            /* NULL; of ra_stream_create: samples is NULL then, and only an engine can play it */
} ra_clip;

RA_API ra_result ra_clip_create(uint64_t frame_count, uint32_t channels, uint32_t sample_rate_hz, ra_clip **out);
RA_API void      ra_clip_destroy(ra_clip *clip);
/* One more owner: it takes one more ra_clip_destroy to free the clip. Answers the clip. Both on the control thread then. */
RA_API ra_clip  *ra_clip_keep(ra_clip *clip);
/* A new clip at another rate: windowed sinc; the same rate gives the same samples. */
RA_API ra_result ra_clip_resample(const ra_clip *clip, uint32_t sample_rate_hz, ra_clip **out);
/* A new clip of two channels. 1: both the same. 4: L + SL, R + SR, halved. 6: L + (C + SL)/sqrt2,
   R + (C + SR)/sqrt2, without the LFE (all three as Web Audio mixes down); any other number: the mean of
   the even channels left, of the odd ones right. */
RA_API ra_result ra_clip_to_stereo(const ra_clip *clip, ra_clip **out);
/* The built-in loop: four bars made by formula, 48 kHz stereo, 8 s. */
RA_API ra_result ra_clip_demo(ra_clip **out);

/* The clip in column_count columns: smallest, largest and root mean square of each, over all channels.
   Writes those from first_column up to last_column. */
typedef struct { float min, max, rms; } ra_peak;
RA_API void ra_clip_peaks(const ra_clip *clip, uint64_t first_column, uint64_t last_column, uint64_t column_count, ra_peak *columns);

/* ---- signals -------------------------------------------------------------------------------- */

/* Every kind but the noises begins at phase 0 in frame 0, where it rises. Square, saw and triangle are cut Fourier series: all
   partials below half the rate, as strong as in the ideal wave, and nothing else (below -140 dB). */
typedef enum {
    RA_TONE_SINE,
    RA_TONE_NOISE,                /* white, uniform: its RMS is 4.8 dB below its peak */
    RA_TONE_SWEEP,                /* exponential: equal time for every octave */
    RA_TONE_SQUARE,               /* high for half a turn, low for half a turn: 1/k of odd partials k; the first has level_db, the ideal
                                     wave's plateau would be 2.1 dB below it: the rest is room for what a cut series overshoots */
    RA_TONE_SAW,                  /* rises for a turn through 0 and falls at half a turn; the ideal wave would reach 1.4 dB below level_db */
    RA_TONE_TRIANGLE,             /* rises for half a turn, falls for half a turn: 1/k^2 of odd partials; the ideal wave's peak is level_db */
    RA_TONE_LINEAR_SWEEP,         /* as many hertz every second */
    RA_TONE_PINK,                 /* -3.01 dB an octave within 0.35 dB from 1e-4 to 0.45 of the rate, so from 20 Hz up to 192 kHz;
                                     its RMS is 13.9 dB below the peak, which it hardly ever reaches */
    RA_TONE_IMPULSE,              /* one sample of full level in frame 0; start_hz above 0: one every rate / start_hz frames, each on the
                                     first whole frame of its turn */
    RA_TONE_MULTITONE,            /* tone_count sines from start_hz to end_hz in equal ratios, each of 1 / tone_count of the level, in
                                     phases that keep them from meeting (Newman's): pi k^2 / tone_count for k = 0, 1, 2, ... */
    RA_TONE_KIND_COUNT
} ra_tone_kind;
typedef struct {
    ra_tone_kind kind;
    double   start_hz;            /* all but the noises; from 0 to below half the rate, anything else (NaN too) is silence */
    double   end_hz;              /* sweeps: reached after duration_s, and kept; multitone: the last tone. What is no place to go to (NaN,
                                     negative, half the rate and more; 0, but for a linear sweep) leaves a sine of start_hz */
    double   duration_s;          /* sweeps; not above 0: likewise */
    double   level_db;            /* peak: no sample of any kind is above; NaN, or above 160 dB, is silence */
    uint64_t seed;                /* noises: the same seed gives the same noise */
    uint32_t tone_count;          /* multitone: 1..64; 0 means 32 */
} ra_tone;
/* frame_count mono samples of a signal, from its frame first_frame on: the same however they are cut into calls, and as exact after
   2^40 frames as after one (phases are whole numbers of 2^-64 turns; while it moves, a sweep's are double). Any thread. */
RA_API void ra_generate(const ra_tone *tone, uint32_t sample_rate_hz, uint64_t first_frame, float *samples, size_t frame_count);

/* ---- WAV ------------------------------------------------------------------------------------ */

/* What a sample is in a file. The first six can be written. The others are only read: signed bytes and most significant
   byte first, as in AIFF (the same six, in the same order), and the two of ITU-T G.711. */
typedef enum {
    RA_WAV_U8, RA_WAV_S16, RA_WAV_S24, RA_WAV_S32, RA_WAV_F32, RA_WAV_F64, RA_WAV_WRITABLE_COUNT,
    RA_WAV_S8 = RA_WAV_WRITABLE_COUNT, RA_WAV_S16_BE, RA_WAV_S24_BE, RA_WAV_S32_BE, RA_WAV_F32_BE, RA_WAV_F64_BE,
    RA_WAV_ALAW, RA_WAV_ULAW, RA_WAV_FORMAT_COUNT
} ra_wav_format;
typedef struct {
    ra_wav_format format;
    uint32_t channels;            /* 1..64 */
    uint32_t sample_rate_hz;      /* 1..768000 */
    uint32_t frame_bytes;         /* channels * bytes of a sample */
    uint64_t data_offset;         /* of the first sample, from the start of the file */
    uint64_t frame_count;         /* whole frames that are really there, whatever the header says */
} ra_wav_info;

/* Reads up to byte_count bytes at offset, says how many; fewer only at the end or on failure. */
typedef size_t (*ra_read_bytes)(void *user, uint64_t offset, void *bytes, size_t byte_count);

/* Understands the header of a WAV file of total_bytes bytes (RIFF, RIFX, RF64, BW64, Wave64; plain or extensible: PCM of 8,
   16, 24, 32 bits, float of 32, 64, A-law, u-law), or of an AIFF or AIFC file (those, uncompressed). Never reads past the
   end, never trusts a size; a data chunk without a size goes to the end of the file. Any thread. */
RA_API ra_result ra_wav_parse(ra_read_bytes read, void *user, uint64_t total_bytes, ra_wav_info *out, ra_error *error);
/* Samples from bytes: sample_count of them (frames * channels). Full scale becomes 1.0. Floats stay what they are, NaN too,
   and what is too large for 32 bits becomes infinite: engine and meter take such samples for silence. Any thread. */
RA_API void      ra_wav_decode(ra_wav_format format, const void *bytes, float *samples, size_t sample_count);
/* Bytes from samples; whole numbers are rounded and limited to full scale, 16 bits with TPDF dither from
   *dither_seed, which moves on (NULL: none); floats are written as they are; no byte of a format that is only read. */
RA_API void      ra_wav_encode(ra_wav_format format, const float *samples, void *bytes, size_t sample_count, uint64_t *dither_seed);
/* The header that stands before the samples; gives its size, at most 80; RF64 where 4 GB are not enough. 0 for a format
   that is only read. */
RA_API size_t    ra_wav_header(const ra_wav_info *info, uint8_t header[80]);
/* A whole file from memory. The clip keeps the file's channels and rate. Any thread. */
RA_API ra_result ra_wav_read(const void *bytes, size_t byte_count, ra_clip **out, ra_error *error);
/* Opens, reads, writes whole files by pieces, which a refusal names; natively only. A file that cannot be written
   whole is not left behind. */
RA_API ra_result ra_wav_load(const char *path, ra_clip **out, ra_error *error);
RA_API ra_result ra_wav_save(const char *path, ra_wav_format format, const float *samples, uint64_t frame_count,
                             uint32_t channels, uint32_t sample_rate_hz, ra_error *error);

/* ---- streams: clips whose samples stay in their file ------------------------------------------ */

/* A clip of one or two channels (more are mixed down) for ra_engine_load and ra_engine_queue: of the file only about 12 s ahead of
   where it plays are in memory. source is your number for the file, of your choice, unique in an engine. Where pieces are
   late the engine fades out and waits (ra_snapshot: is_buffering, underrun_frames); else the samples are those of the same
   clip in memory, bit for bit. Control thread, as all of these. RA_BAD_ARGUMENT: no frames, or info is impossible.

   Who has given such clips to an engine reads for it, at least once a second while it plays:
     while ((stream = ra_engine_next_stream(engine)) && ra_stream_next_read(stream, &offset, &byte_count, &bytes))
         ra_stream_read_done(stream, pread(file_of[ra_stream_source(stream)], bytes, byte_count, offset));
   Who is told of the bytes later keeps the source's number in the meantime, for a stream goes when its clip is freed, in any
   call with that engine: ra_engine_find_stream says whether it is there, ra_stream_read_bytes where the bytes belong. */
RA_API ra_result ra_stream_create(const ra_wav_info *info, uint32_t source, ra_clip **out);
RA_API uint32_t  ra_stream_source(const ra_stream *stream);
/* What is wanted most, in this order: where it plays, what follows, also behind a loop's end. False: nothing now; nor
   while a read is under way. */
RA_API bool      ra_stream_next_read(ra_stream *stream, uint64_t *offset, size_t *byte_count, void **bytes);
RA_API void     *ra_stream_read_bytes(const ra_stream *stream);     /* of the read under way, else NULL */
/* So many bytes have come; with fewer than were wanted the file has failed, and is read no further. */
RA_API void      ra_stream_read_done(ra_stream *stream, size_t byte_count);

/* ---- loudness: what an ear, a peak meter and a broadcaster would say ------------------------- */

/* ITU-R BS.1770-5 and EBU R 128 (Tech 3341, 3342), at any sample rate. A field without a value is NaN
   (null in JSON): before the first window is full, and for silence. */
typedef struct {
    double momentary_lufs;        /* the last 400 ms, a new value every 10 ms */
    double short_term_lufs;       /* the last 3 s, likewise */
    double momentary_max_lufs;    /* the largest so far of all of them */
    double short_term_max_lufs;
    double integrated_lufs;       /* everything: 400 ms blocks, four a window, gated at -70 LUFS and 10 LU below their mean */
    double loudness_range_lu;     /* 10th to 95th percentile of 3 s blocks, ten a second, gated at -70 LUFS and -20 LU */
    double true_peak_dbtp;        /* of all channels, interpolated fourfold: flat within 0.05 dB to 0.42 of the rate; the
                                     last 12 frames count as samples only, for what comes after them is not known */
    double sample_peak_db;        /* of all channels; dB here: 0 is a sample of 1.0 */
    double rms_db;                /* of all samples of all channels; a full-scale sine reads -3.01 */
    double dc_offset;             /* mean of the channel that is furthest from 0, with its sign; linear */
    uint64_t clipped_samples;     /* of size 1.0 or more */
    uint64_t bad_samples;         /* NaN, infinite, or 1e8 and more: measured as silence */
} ra_loudness_report;

typedef struct ra_loudness ra_loudness;
/* A meter, about 250 KB however long it listens. channels 1..64, sample_rate_hz 1..768000. Channels are weighted as
   in BS.1770 for 5.0 (L R C Ls Rs), 5.1 (L R C LFE Ls Rs) and 7.1 (L R C LFE Lb Rb Ls Rs): surround +1.5 dB, LFE not at
   all; all others count equally, a mono file as one loudspeaker in front. has_true_peak false leaves true_peak_dbtp
   NaN and takes a fifth (noise) to a half (music) of the time. Control thread. */
RA_API ra_result ra_loudness_create(uint32_t channels, uint32_t sample_rate_hz, bool has_true_peak, ra_loudness **out);
RA_API void      ra_loudness_destroy(ra_loudness *meter);          /* NULL is fine */
/* Listens to interleaved frames. Audio thread or a job: never locks, allocates or waits. The report is the same, bit for
   bit, however the frames are cut into calls. Blocks are kept in bins of 0.01 LU: integrated loudness is as exact as its
   gates, which may stand up to 0.01 LU from where they should; the range errs by less than 0.02 LU. */
RA_API void      ra_loudness_add(ra_loudness *meter, const float *frames, size_t frame_count);
/* What it says now; bounded work (a few microseconds), the thread of add. */
RA_API void      ra_loudness_get(const ra_loudness *meter, ra_loudness_report *out);
/* Forgets all it has heard. The thread of add. */
RA_API void      ra_loudness_reset(ra_loudness *meter);

typedef enum { RA_NORMALISE_LUFS, RA_NORMALISE_RMS, RA_NORMALISE_PEAK } ra_normalise_kind;
#define RA_NORMALISE_CEILING_DBTP (-1.0)      /* [EBU R 128] */
#define RA_NORMALISE_GAIN_MAX_DB  30.0
/* The gain that brings integrated_lufs, rms_db or sample_peak_db to target_db: -30..+30, and then, without exception,
   no more than brings the true peak (without one, the sample peak) to ceiling_dbtp. ceiling_dbtp NaN means -1.
   0 where there is no value: silence, and less than 400 ms for LUFS. Never NaN. Any thread. */
RA_API double    ra_normalise_gain_db(const ra_loudness_report *report, ra_normalise_kind kind, double target_db, double ceiling_dbtp);

/* ---- overview: what a whole file looks like ---------------------------------------------------- */

/* Peaks of a whole file at every zoom, and its loudness from moment to moment; it may be read while it grows, from any thread.
   About 1/16 byte a frame, whatever the channels, and 80 bytes a second: two hours at 48 kHz take 22 MB. */
typedef struct ra_overview ra_overview;
typedef struct { float momentary_lufs, short_term_lufs; } ra_loudness_point;      /* NaN: no value, as in ra_loudness_report */

/* For a file of frame_count frames, 1 to 2^47; channels 1..64, sample_rate_hz 1..768000. */
RA_API ra_result ra_overview_create(uint64_t frame_count, uint32_t channels, uint32_t sample_rate_hz, ra_overview **out);
RA_API void      ra_overview_destroy(ra_overview *overview);       /* NULL is fine */
/* The next frames of the file, interleaved, in order and in pieces of any size; those beyond its end are not looked at. One thread at
   a time. RA_TASK_ANALYSE does the same to a clip, with all workers: one or the other. The same bits, however it was done. */
RA_API void      ra_overview_add(ra_overview *overview, const float *frames, uint64_t frame_count);
/* How many frames the peaks know: not always the first ones. */
RA_API uint64_t  ra_overview_known_frames(const ra_overview *overview);
/* The peaks, over all channels, of column_count columns from first_frame to before end_frame; rms is -1 where nothing is known, or nothing
   is there. Reads at most 10 values a column; what it reads is 256, 1024, 4096 ... frames wide, so a column speaks of a little more
   than its own frames: by half its width at most, or 255 frames where columns are narrower than 512. */
RA_API void      ra_overview_columns(const ra_overview *overview, double first_frame, double end_frame, uint32_t column_count, ra_peak *columns);
/* Answers how many values there are, *points to the first: one every 100 ms, the first for the first 100 ms. They stay where they are. */
RA_API uint32_t  ra_overview_loudness(const ra_overview *overview, const ra_loudness_point **points);
/* True, and the report of all, when the whole file has been measured. */
RA_API bool      ra_overview_report(const ra_overview *overview, ra_loudness_report *out);

/* ---- jobs: what the pool does to a whole clip while the caller goes on ------------------------ */

/* The same bits for any number of workers, and for EFFECTS and EXPORT those of ra_render_clip. */
typedef enum {
    RA_TASK_FFT,                  /* spectra_db: one every hop_frames, of the Hann window around that frame; mean power of all channels,
                                     a full-scale sine on a bin in all of them reads 0 dB, at least -160 */
    RA_TASK_EQUALIZER,            /* clip: through a chain of eq only */
    RA_TASK_EFFECTS,              /* clip: through a chain */
    RA_TASK_NORMALIZE,            /* clip with one gain, gain_db, and the report from before */
    RA_TASK_MEASURE,              /* report */
    RA_TASK_RESAMPLE,             /* clip at sample_rate_hz */
    RA_TASK_PEAKS,                /* columns, as ra_clip_peaks */
    RA_TASK_ANALYSE,              /* the task's overview, while it goes on; report. RA_NO_THREAD if a worker died with it: begin
                                     again with another overview */
    RA_TASK_EXPORT,               /* a file, by pieces (ra_process_next_write): first the other rate, then the chain, then one gain. To normalise,
                                     the sound passes twice: once to find out how loud the chain's end is, once to be written */
    RA_TASK_KIND_COUNT
} ra_task_kind;

typedef struct {
    ra_task_kind kind;
    uint64_t first_frame, frame_count;   /* the part of the sound that is worked on, as if it were all; frame_count 0: to the end */
    ra_chain_spec chain;              /* EQUALIZER, EFFECTS, EXPORT */
    bool     is_normalised;           /* EXPORT: to the target that follows */
    ra_normalise_kind normalise;      /* NORMALIZE, EXPORT */
    double   target_db;               /* -70..0 */
    double   ceiling_dbtp;            /* NaN: -1 */
    uint32_t fft_frames, hop_frames;  /* FFT: a power of two, 32..65536; at least 1 */
    uint64_t first_spectrum, spectrum_count;     /* 0: all whose middle lies in the clip */
    uint32_t sample_rate_hz;          /* RESAMPLE: 1..768000; EXPORT: likewise, or 0: as it is */
    ra_wav_format format;             /* EXPORT: one that can be written; 16 bits with dither */
    bool     is_raw;                  /* EXPORT: the bare samples, no header */
    bool     has_report;              /* EXPORT: report and sha256 of the file too, which costs time */
    uint64_t column_count;            /* PEAKS: at least 1 */
    ra_overview *overview;            /* ANALYSE: an empty one of the clip's size; borrowed as the clip is */
} ra_task;

typedef struct {                      /* what the task's kind says; the rest is empty */
    ra_clip *clip;
    ra_loudness_report report;        /* EXPORT: of the file's samples, if it was asked for */
    ra_loudness_report before;        /* EXPORT that normalises: of what came out of the chain */
    double   gain_db;                 /* NORMALIZE, EXPORT */
    uint64_t frame_count, byte_count; /* EXPORT: of the file */
    uint64_t cut_samples;             /* EXPORT in whole numbers: samples beyond full scale */
    char     sha256[65];              /* EXPORT: of the file's bytes, as sha256sum prints it; "" if it was not asked for */
    float   *spectra_db;              /* spectrum_count times bin_count */
    uint64_t spectrum_count;
    uint32_t bin_count;               /* fft_frames / 2 + 1: 0 Hz to half the rate */
    ra_peak *columns;                 /* column_count */
} ra_task_result;

typedef struct ra_process ra_process;
/* Begins a task and returns at once: the work, memory for the result included, is the pool's. The clip and the
   chain's responses are borrowed until ra_process_free has answered true. RA_BAD_ARGUMENT, with a sentence, for what cannot be done. */
RA_API ra_result ra_process_async(ra_pool *pool, const ra_clip *clip, const ra_task *task, ra_process **out, ra_error *error);
/* The same for sound in a file of any length that the caller can reach; input is what ra_wav_parse says of it. For MEASURE,
   ANALYSE and EXPORT. Takes a few MB, however long the file is: ask often, with the functions that follow. */
RA_API ra_result ra_process_stream(ra_pool *pool, const ra_wav_info *input, const ra_task *task, ra_process **out, ra_error *error);
/* True: copy these bytes of the file to *bytes, which is the process's memory until read_done, and then say read_done. Each
   piece of a pass is handed out once; up to 3 may be out at a time, and are done in the order in which they came. */
RA_API bool      ra_process_next_read(ra_process *process, uint64_t *offset, size_t *byte_count, void **bytes);
/* Fewer bytes than wanted: the file has become shorter or is broken, and the process fails. */
RA_API void      ra_process_read_done(ra_process *process, size_t byte_count);
/* EXPORT's file, also of sound in memory. True: these are its next bytes, from byte 0 on, which stay what they are until
   write_done. Up to 3 pieces of some 256 KB may be out at a time. Without somebody who takes them nothing goes on. */
RA_API bool      ra_process_next_write(ra_process *process, const void **bytes, size_t *byte_count);
RA_API void      ra_process_write_done(ra_process *process);
/* RA_JOB_DONE also when it failed; progress 0..1, may be NULL. Begins the second pass where there is one: ask until it is done. */
RA_API ra_job_state ra_process_poll(ra_process *process, float *progress);
/* Ends within some milliseconds; what was done is thrown away. */
RA_API void      ra_process_cancel(ra_process *process);
/* Works along on the calling thread for about budget_ms, or until something has to be read or written, and says how far it is. */
RA_API ra_job_state ra_process_work(ra_process *process, double budget_ms);
/* Works along until it is done; what ra_process_get says then. RA_BUSY in a page, which may not wait, and when something
   has to be read or written. */
RA_API ra_result ra_process_wait(ra_process *process);
/* RA_OK and the result, which stays the process's; RA_BUSY before it is there, RA_CANCELLED or the failure otherwise. */
RA_API ra_result ra_process_get(ra_process *process, const ra_task_result **out);
/* The same in a sentence. */
RA_API ra_result ra_process_explain(ra_process *process, ra_error *error);
/* The result's clip becomes the caller's; NULL when there is none. */
RA_API ra_clip  *ra_process_take_clip(ra_process *process);
/* Cancels and frees. In a browser it may answer false: a slice is still running, ask again later. NULL is fine. */
RA_API bool      ra_process_free(ra_process *process);

/* ---- loading: a file into what the engine plays, as a job ----------------------------------- */

#define RA_LOAD_COLUMNS 4096
typedef struct ra_load ra_load;
/* The bytes of a WAV file (from malloc) into a clip of one or two channels and its peaks, on the pool.
   Takes the bytes; on failure they are still the caller's. */
RA_API ra_result    ra_load_start(ra_pool *pool, void *bytes, size_t byte_count, ra_load **out);
/* The same for a clip that somebody else has decoded; takes the clip. */
RA_API ra_result    ra_load_start_clip(ra_pool *pool, ra_clip *clip, ra_load **out);
/* The same for the built-in loop, which takes some time to be made. */
RA_API ra_result    ra_load_start_demo(ra_pool *pool, ra_load **out);
RA_API ra_job_state ra_load_poll(ra_load *load, float *progress);        /* progress 0..1, may be NULL */
/* The results, once poll says RA_JOB_DONE: the clip is the caller's now. Or the sentence why there are none. */
RA_API ra_result    ra_load_take(ra_load *load, ra_clip **clip, ra_peak columns[RA_LOAD_COLUMNS], uint32_t *source_channels, ra_error *error);
/* Cancels and frees. In a browser it may answer false: a slice is still running, ask again later. NULL is fine. */
RA_API bool         ra_load_free(ra_load *load);

/* ---- engine: what plays --------------------------------------------------------------------- */

/* clip -> chain -> volume -> router -> soft clip -> out, and a second route to the analyser. Two channels. */
typedef struct ra_engine ra_engine;
typedef struct {
    uint32_t sample_rate_hz;      /* of the output; 0 means 48000 */
} ra_engine_desc;

#define RA_SPECTRUM_BINS 2049     /* 0 Hz to half the rate: a transform of 4096 samples */

/* What the audio thread says of itself, newest value only. */
typedef struct {
    uint64_t rendered_frames;     /* since the engine was made */
    uint64_t position_frames;     /* in the clip, at the clip's rate */
    uint64_t clip_frames;
    uint32_t clip_rate_hz;
    uint32_t clip_serial;         /* which clip this speaks of: 1 is the first that ra_engine_load or ra_engine_queue took, 2 the second ... */
    uint32_t is_playing;
    uint32_t is_settled;          /* nothing fades or glides; and when nothing plays, nothing rings: exact silence */
    float    peak[2];             /* linear, of the output; falls 20 dB a second */
    float    peak_hold[2];        /* linear, held 1.5 s */
    float    rms[2];              /* linear, over about 300 ms */
    uint32_t bad_block_count;     /* blocks with NaN, infinity or more than 1e8 inside; those samples were silenced */
    uint32_t soft_clip_count;     /* frames that the soft clip changed */
    uint64_t tap_lost_frames;     /* the analyser came too late for these */
    uint64_t command_count;       /* commands obeyed */
    uint64_t loop_start_frames;   /* what a loop goes round, whether it is on or not: from this frame of the clip ... */
    uint64_t loop_end_frames;     /* ... to the one before this; the whole clip: 0 and clip_frames */
    uint32_t queue_count;         /* clips that wait behind this one */
    uint32_t sample_rate_hz;      /* of the output */
    uint32_t record_serial;       /* how often ra_engine_record and ra_engine_record_stop were obeyed; for ra_engine_get_recording, as is the rest */
    uint64_t record_frames, record_lost_frames;
    float    record_peak[2];
    uint32_t is_buffering;        /* wants to play, and waits for pieces of a stream */
    uint64_t underrun_frames;     /* of output: silent because pieces came too late; waiting after a start or a seek does not count */
    uint64_t buffered_frames;     /* of a stream: here, from position_frames on, 12 s at most; behind the end nothing is wanting */
} ra_snapshot;

RA_API ra_result ra_engine_create(const ra_engine_desc *desc, ra_engine **out);   /* desc NULL: defaults */
/* While nothing renders. NULL is fine. */
RA_API void      ra_engine_destroy(ra_engine *engine);
/* Another output rate; while nothing renders (a new sound device). Position and settings stay. */
RA_API ra_result ra_engine_set_sample_rate(ra_engine *engine, uint32_t sample_rate_hz);

/* Mixes frame_count frames, interleaved stereo, overwriting out. Audio thread: never locks, allocates or waits. */
RA_API void      ra_engine_render(ra_engine *engine, float *out, uint32_t frame_count);
/* The same, with what comes in meanwhile, from a microphone for example: as many frames, interleaved stereo, which are
   there to be recorded. in may be out, or NULL: silence. */
RA_API void      ra_engine_render_duplex(ra_engine *engine, const float *in, float *out, uint32_t frame_count);

/* The rest: control thread. Commands are obeyed at the next block, in order; RA_BUSY when 256 wait. */

/* Gives the clip (1 or 2 channels) to the engine, which frees the one before it, and the queue; stops at its beginning.
   On failure the clip is still the caller's. */
RA_API ra_result ra_engine_load(ra_engine *engine, ra_clip *clip);
/* A clip that begins where the one before it ends, frame upon frame: no gap, no fade. Clips of one sample rate sound as if they
   were one clip, bit for bit, also through the resampler (if the next one is there half a window before the end: 48 frames,
   512 at most). Of different rates each ends and begins against silence within half a window of its resampler, and the new one
   with its first frame. While a loop is on, the queue waits. With nothing loaded the clip is loaded. RA_QUEUE_MAX may wait,
   the next is told RA_BUSY; who has just begun may still count. On failure the clip is still the caller's. */
#define RA_QUEUE_MAX 16
RA_API ra_result ra_engine_queue(ra_engine *engine, ra_clip *clip);
RA_API ra_result ra_engine_queue_clear(ra_engine *engine);       /* frees what waits */
/* The stream that needs a read soonest, NULL: none does. And that of a source, NULL: its clip has been freed. */
RA_API ra_stream *ra_engine_next_stream(ra_engine *engine);
RA_API ra_stream *ra_engine_find_stream(ra_engine *engine, uint32_t source);
RA_API ra_result ra_engine_skip(ra_engine *engine);              /* fades out, then the next in the queue; without one, nothing */
RA_API ra_result ra_engine_play(ra_engine *engine);              /* 20 ms fade in; from frame 0 none */
RA_API ra_result ra_engine_pause(ra_engine *engine);             /* 20 ms fade out */
RA_API ra_result ra_engine_stop(ra_engine *engine);              /* pause, then back to the start */
RA_API ra_result ra_engine_seek(ra_engine *engine, double seconds);   /* clamped; fades out, jumps, fades in */
RA_API ra_result ra_engine_set_loop(ra_engine *engine, bool is_looping);
/* What a loop goes round, to the nearest frames of the present clip; a new clip begins with the whole of it, as does a range that
   encloses no frame (end_s not above start_s, NaN). Exact, without a fade: after the last frame before end_s comes the one at start_s,
   bit for bit, also through the resampler. Playing from before the range goes into it; from behind its end to the clip's end first,
   and then to start_s. A loop that is switched off is played on beyond end_s. */
RA_API ra_result ra_engine_set_loop_range(ra_engine *engine, double start_s, double end_s);
RA_API ra_result ra_engine_set_volume_db(ra_engine *engine, double volume_db);   /* -60 or less is silence; +12 at most */
/* Settings that ra_chain_set would take glide, and the newest wins. For any other spec a new chain is made here;
   the sound ducks to silence and back around it, 5 ms each way. Responses are copied, and told apart by their samples
   rather than their addresses: what was given may be freed afterwards, and given again from elsewhere. */
RA_API ra_result ra_engine_set_chain(ra_engine *engine, const ra_chain_spec *spec);

RA_API void      ra_engine_get_snapshot(ra_engine *engine, ra_snapshot *out);
/* Once a frame: frees what the audio thread has given back, and has the pool (NULL: nobody) transform
   what the tap has gathered. */
RA_API void      ra_engine_tick(ra_engine *engine, ra_pool *pool);
/* The newest spectrum of the output: power mean of both channels, Hann window, a full-scale sine on a bin
   reads 0 dB, at least -160. Answers its number, 0 before the first: the same number, the same spectrum. */
RA_API uint32_t  ra_engine_get_spectrum(ra_engine *engine, float bins_db[RA_SPECTRUM_BINS]);

/* Recording: what leaves ra_engine_render, or what comes into ra_engine_render_duplex, sample by sample, as the pieces of a WAV
   file. The audio thread writes into a ring with room for 10 s; ra_engine_tick has the pool make pieces of it, which
   belong into the file one after the other, behind the header that ra_wav_header makes in the end of the recording's info. */
typedef enum { RA_RECORD_OUTPUT, RA_RECORD_INPUT } ra_record_source;
typedef struct {
    ra_wav_info info;             /* of the file so far: frame_count is what ra_engine_record_done was said for */
    uint64_t offered_frames;      /* by the audio thread so far */
    uint64_t lost_frames;         /* of these: nobody came for 10 s, there was no room. In the end offered = info.frame_count + lost */
    float    peak[2];             /* linear, of what is recorded; falls 20 dB a second */
    bool     is_on;               /* until the last piece is done */
} ra_recording;
/* Begins with the first frame of the next block: what is commanded just before or after is in it from its first frame on.
   RA_BUSY while one is_on, or its stop was not obeyed yet. Another output rate ends it. */
RA_API ra_result ra_engine_record(ra_engine *engine, ra_record_source source, ra_wav_format format);
/* Ends it before the first frame of the next block; if nothing was rendered for a second, with what there is. */
RA_API ra_result ra_engine_record_stop(ra_engine *engine);
/* All zero before the first; afterwards of the newest. */
RA_API void      ra_engine_get_recording(ra_engine *engine, ra_recording *out);
/* The next piece, and that it was written or copied; false: none yet. */
RA_API bool      ra_engine_record_next(ra_engine *engine, const void **bytes, size_t *byte_count);
RA_API void      ra_engine_record_done(ra_engine *engine);

/* Renders clip through chain as fast as it goes, in memory: what the command line's render does. Keeps the
   channels, but a mono clip becomes stereo where a processor of the chain makes it so (pan, chorus, reverb, a response of two channels); what
   the chain is late is made up for, and the length stays. */
RA_API ra_result ra_render_clip(const ra_clip *clip, const ra_chain_spec *spec, ra_clip **out);

#ifdef __cplusplus
}
#endif

#endif /* RUSTYAUDIO_H: the guard ends before this, so declarations may come first and the bodies later */

#if defined(RUSTYAUDIO_IMPLEMENTATION) && !defined(RA_COMPILING)
#include "rustyaudio.c"
#endif

/* MIT licence

   Copyright (c) 2026 the Rusty Audio authors

   Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
   documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
   rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to
   permit persons to whom the Software is furnished to do so, subject to the following conditions:

   The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
   Software.

   THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
   WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
   COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
   OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE. */
