/* pipeline.c - jobs through worker threads and out again in the order they came in.
 *
 * A ring of 64 slots: one thread (the owner) puts jobs in at the tail and takes them out at the head; workers take the
 * oldest waiting one. The ring bounds memory: a slow picture at the head holds the others back. Threads are started one
 * by one while jobs wait and none is idle, so a run over a few pictures starts few. */
#include <pthread.h>
#include <time.h>

#include "gallery/index.h"

typedef enum slot_state { SLOT_FREE = 0, SLOT_WAITING, SLOT_WORKING, SLOT_DONE } slot_state;

struct pipeline {
    index_work work;
    pthread_mutex_t lock;   /* guards what follows */
    pthread_cond_t waiting; /* a job waits, or the end has come */
    pthread_cond_t done;    /* a job is done */
    struct {
        slot_state state;
        index_job job;
    } slot[PIPELINE_RING];
    size_t head, next,
        tail; /* counters: oldest job, oldest waiting job, next free slot; the slot is counter % ring */
    int idle; /* workers that wait */
    bool end;
    pthread_t *thread; /* [n_threads started, at most threads]; the owner's alone */
    int n_threads, threads;
};

static void *worker(void *arg)
{
    pipeline *p = arg;
    model_context *context = NULL;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->end && (p->next == p->tail || p->slot[p->next % PIPELINE_RING].state != SLOT_WAITING)) {
            if (p->next < p->tail) { /* a job that needs no work */
                p->next++;
                continue;
            }
            p->idle++;
            pthread_cond_wait(&p->waiting, &p->lock);
            p->idle--;
        }
        if (p->end)
            break;
        size_t at = p->next++ % PIPELINE_RING;
        p->slot[at].state = SLOT_WORKING;
        pthread_mutex_unlock(&p->lock);
        index_work_run(&p->work, &context, &p->slot[at].job, false);
        pthread_mutex_lock(&p->lock);
        p->slot[at].state = SLOT_DONE;
        pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->lock);
    model_context_destroy(context);
    return NULL;
}

lancelet_status pipeline_create(const index_work *work, int threads, pipeline **out, lancelet_error *err)
{
    pipeline *p = base_calloc(1, sizeof *p);
    pthread_t *thread = base_calloc((size_t)threads, sizeof *thread);
    if (!p || !thread) {
        base_free(p);
        base_free(thread);
        return base_fail_memory(err);
    }
    p->work = *work;
    p->threads = threads;
    p->thread = thread;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->waiting, NULL);
    pthread_cond_init(&p->done, NULL);
    *out = p;
    return LANCELET_OK;
}

/* head and tail are changed by the owner alone */
bool pipeline_full(const pipeline *p)
{
    return p->tail - p->head == PIPELINE_RING;
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
    size_t at = p->tail++ % PIPELINE_RING;
    p->slot[at].job = *job;
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
    size_t at = p->head % PIPELINE_RING;
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
    pthread_cond_broadcast(&p->waiting);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->n_threads; i++)
        pthread_join(p->thread[i], NULL);
    for (size_t i = 0; i < PIPELINE_RING; i++)
        index_job_free(&p->slot[i].job);
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->waiting);
    pthread_mutex_destroy(&p->lock);
    base_free(p->thread);
    base_free(p);
}
