/* pipeline.c - jobs through worker threads and out again in the order they came in.
 *
 * A ring of slots: one thread (the owner) puts jobs in at the tail and takes them out at the head; workers take the oldest
 * waiting ones. The ring bounds memory: a slow picture at the head holds the others back. So does the number of bytes that the
 * jobs in it hold: pictures that came with their items, frames, originals to be kept, long values of further columns. Threads
 * are started one by one while jobs wait and none is idle, so a run over a few pictures starts few.
 *
 * A worker takes as many jobs at once as the model gains by, but no more than its share of those that wait, and no more than
 * take about a second (by what a picture took it last), so that a stopped run ends soon. */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "gallery/index.h"

#define RING_LEAST 64 /* slots */
#define RING_MOST  1024
#define BYTES_MOST (64u * 1024 * 1024) /* held by the jobs; one job is always let in */
#define BATCH_US   1000000 /* of work taken at once, about */

typedef enum slot_state { SLOT_FREE = 0, SLOT_WAITING, SLOT_WORKING, SLOT_DONE } slot_state;

typedef struct slot {
    slot_state state;
    uint64_t values; /* bytes of the item's caption and values */
    uint64_t bytes;  /* that the job holds */
    index_job job;
} slot;

struct pipeline {
    index_work work;
    pthread_mutex_t lock;   /* guards what follows */
    pthread_cond_t waiting; /* a job waits, or the end has come */
    pthread_cond_t done;    /* a job is done */
    slot *slot;             /* [ring] */
    size_t ring;
    size_t head, next,
        tail;     /* counters: oldest job, oldest waiting job, next free slot; the slot is counter % ring */
    int idle;     /* workers that wait */
    uint64_t bytes; /* of all slots */
    size_t batch; /* jobs that the model gains by in one call */
    bool end;
    atomic_bool stop;  /* with `end`: workers look at it without the lock */
    pthread_t *thread; /* [n_threads started, at most threads]; the owner's alone */
    int n_threads, threads;
};

/* With the lock held: moves this worker's share of the waiting jobs on to it. us_each: what a picture took it last; 0:
 * unknown. */
static size_t take_waiting(pipeline *p, int64_t us_each, slot **taken)
{
    size_t waiting = 0, n = 0, most = p->batch;
    for (size_t i = p->next; i < p->tail; i++)
        waiting += p->slot[i % p->ring].state == SLOT_WAITING;
    size_t share = (waiting + (size_t)p->threads - 1) / (size_t)p->threads;
    if (most > share)
        most = share;
    if (us_each == 0)
        most = 1;
    else if ((int64_t)most > BATCH_US / us_each)
        most = us_each < BATCH_US ? (size_t)(BATCH_US / us_each) : 1;
    for (; p->next < p->tail && n < most; p->next++) {
        slot *s = &p->slot[p->next % p->ring];
        if (s->state != SLOT_WAITING) /* a job that needs no work */
            continue;
        s->state = SLOT_WORKING;
        taken[n++] = s;
    }
    return n;
}

/* With the lock held: what the slot's job holds now. */
static void set_bytes(pipeline *p, slot *s)
{
    p->bytes -= s->bytes;
    s->bytes = s->values + (s->job.item.bytes ? s->job.item.n_bytes : 0) + s->job.n_image;
    p->bytes += s->bytes;
}

static uint64_t value_bytes(const index_job *job)
{
    const source_column *columns;
    uint64_t n = job->item.caption ? strlen(job->item.caption) : 0;
    size_t n_values = job->item.values && job->source->open ? source_columns(job->source->open, &columns) : 0;
    for (size_t i = 0; i < n_values; i++)
        n += job->item.values[i].s ? job->item.values[i].n : 0;
    return n;
}

/* With the lock held: is there nothing to take? */
static bool nothing_waits(pipeline *p)
{
    while (p->next < p->tail && p->slot[p->next % p->ring].state != SLOT_WAITING)
        p->next++;
    return p->next == p->tail;
}

static void *worker(void *arg)
{
    pipeline *p = arg;
    model_context *context = NULL;
    slot *taken[INDEX_BATCH_MOST];
    index_job *jobs[INDEX_BATCH_MOST];
    int64_t us_each = 0;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->end && nothing_waits(p)) {
            p->idle++;
            pthread_cond_wait(&p->waiting, &p->lock);
            p->idle--;
        }
        if (p->end)
            break;
        size_t n = take_waiting(p, us_each, taken), embedded = 0;
        pthread_mutex_unlock(&p->lock);
        for (size_t i = 0; i < n; i++)
            jobs[i] = &taken[i]->job;
        int64_t start = base_monotonic_us();
        index_work_run(&p->work, &context, jobs, n, false);
        for (size_t i = 0; i < n; i++)
            embedded += jobs[i]->vector != NULL;
        if (embedded > 0)
            us_each = (base_monotonic_us() - start) / (int64_t)embedded + 1;
        pthread_mutex_lock(&p->lock);
        for (size_t i = 0; i < n; i++) {
            set_bytes(p, taken[i]);
            taken[i]->state = SLOT_DONE;
        }
        pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->lock);
    model_context_destroy(context);
    return NULL;
}

lancelet_status pipeline_create(const index_work *work, int threads, pipeline **out, lancelet_error *err)
{
    size_t batch = work->model ? model_batch(work->model) : 1, ring;
    if (threads > RING_MOST)
        threads = RING_MOST;
    if (batch > INDEX_BATCH_MOST)
        batch = INDEX_BATCH_MOST;
    ring = 2 * batch * (size_t)threads;
    ring = ring < RING_LEAST ? RING_LEAST : ring > RING_MOST ? RING_MOST : ring;
    pipeline *p = base_calloc(1, sizeof *p);
    pthread_t *thread = base_calloc((size_t)threads, sizeof *thread);
    slot *slots = base_calloc(ring, sizeof *slots);
    if (!p || !thread || !slots) {
        base_free(p);
        base_free(thread);
        base_free(slots);
        return base_fail_memory(err);
    }
    p->work = *work;
    p->work.stop = &p->stop;
    p->slot = slots;
    p->ring = ring;
    p->batch = batch;
    p->threads = threads;
    p->thread = thread;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->waiting, NULL);
    pthread_cond_init(&p->done, NULL);
    *out = p;
    return LANCELET_OK;
}

/* head and tail are changed by the owner alone */
bool pipeline_full(pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    bool full = p->tail - p->head == p->ring || p->bytes >= BYTES_MOST;
    pthread_mutex_unlock(&p->lock);
    return full;
}
bool pipeline_empty(const pipeline *p)
{
    return p->tail == p->head;
}

lancelet_status pipeline_submit(pipeline *p, index_job *job, lancelet_error *err)
{
    bool work = job->task == TASK_READ && job->problem.status == LANCELET_OK;
    pthread_mutex_lock(&p->lock);
    bool start = work && p->n_threads < p->threads && p->idle == 0;
    pthread_mutex_unlock(&p->lock);
    if (start) {
        int e = pthread_create(&p->thread[p->n_threads], NULL, worker, p);
        if (e == 0)
            p->n_threads++;
        else if (p->n_threads == 0)
            return base_fail_errno(err, e, "cannot start a thread");
    }
    pthread_mutex_lock(&p->lock);
    size_t at = p->tail++ % p->ring;
    p->slot[at].values = value_bytes(job);
    p->slot[at].job = *job;
    set_bytes(p, &p->slot[at]);
    p->slot[at].state = work ? SLOT_WAITING : SLOT_DONE;
    if (work)
        pthread_cond_signal(&p->waiting);
    pthread_mutex_unlock(&p->lock);
    *job = (index_job){0};
    return LANCELET_OK;
}

bool pipeline_take(pipeline *p, int wait_ms, index_job *job)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    size_t at = p->head % p->ring;
    bool done = false;
    pthread_mutex_lock(&p->lock);
    if (p->head < p->tail) {
        int e = 0;
        while (p->slot[at].state != SLOT_DONE && wait_ms > 0 && e == 0)
            e = pthread_cond_timedwait(&p->done, &p->lock, &until);
        done = p->slot[at].state == SLOT_DONE;
    }
    if (done) {
        *job = p->slot[at].job;
        p->slot[at].job = (index_job){0};
        p->slot[at].values = 0;
        set_bytes(p, &p->slot[at]);
        p->slot[at].state = SLOT_FREE;
        p->head++;
        if (p->next < p->head)
            p->next = p->head;
    }
    pthread_mutex_unlock(&p->lock);
    return done;
}

void pipeline_destroy(pipeline *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->end = true;
    atomic_store_explicit(&p->stop, true, memory_order_relaxed);
    pthread_cond_broadcast(&p->waiting);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->n_threads; i++)
        pthread_join(p->thread[i], NULL);
    for (size_t i = 0; i < p->ring; i++)
        index_job_free(&p->slot[i].job);
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->waiting);
    pthread_mutex_destroy(&p->lock);
    base_free(p->thread);
    base_free(p->slot);
    base_free(p);
}
