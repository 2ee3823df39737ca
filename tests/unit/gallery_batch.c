/* gallery_batch.c - a few pictures in one call of a worker: each for itself, whatever happens to the others. */
#include "gallery_support.h"

#include <math.h>

#include "base/fault.h"
#include "gallery/index.h"

enum { DIM = 24, N = 8 };

static model *toy;
static index_source how;
static int reads; /* calls of read_file */
static atomic_bool stop;

static lancelet_status read_file(void *arg, index_job *job, uint8_t **bytes, size_t *n, lancelet_error *err)
{
    (void)arg;
    reads++;
    return source_read(job->item.uri, 1 << 20, bytes, n, err);
}

static bool knows(void *arg, const char *sha256)
{
    return arg && strcmp(arg, sha256) == 0;
}

static int start(void **state)
{
    atomic_store(&stop, false);
    reads = 0;
    how = (index_source){.store = PICASK_STORE_NONE};
    return fresh_folder(state);
}

static int open_toy(void **state)
{
    (void)state;
    return model_open(FIXTURES "/model/toy.safetensors", NULL, &toy, &error) == LANCELET_OK ? 0 : -1;
}

static int close_toy(void **state)
{
    (void)state;
    model_close(toy);
    return 0;
}

static void make_jobs(index_job jobs[N], index_job *list[N])
{
    char name[32];
    memset(jobs, 0, N * sizeof *jobs);
    for (unsigned i = 0; i < N; i++) {
        snprintf(name, sizeof name, "%u.png", i);
        write_picture(name, i);
        jobs[i].source = &how;
        jobs[i].item.uri = base_strdup(at(name));
        list[i] = &jobs[i];
    }
}

static void free_jobs(index_job jobs[N])
{
    for (size_t i = 0; i < N; i++)
        index_job_free(&jobs[i]);
}

static index_work work_with(const char *known)
{
    return (index_work){toy, false, &stop, (void *)(uintptr_t)known, read_file, knows, NULL};
}

/* What the picture alone gives. */
static void assert_its_own_vector(const index_job *job)
{
    index_job alone = {.source = &how, .item.uri = base_strdup(job->item.uri)}, *list = &alone;
    index_work work = work_with(NULL);
    model_context *context = NULL;
    index_work_run(&work, &context, &list, 1, false);
    assert_ok(alone.problem.status, alone.problem);
    assert_non_null(job->vector);
    for (size_t i = 0; i < DIM; i++)
        assert_true(fabsf(job->vector[i] - alone.vector[i]) < 1e-5f);
    index_job_free(&alone);
    model_context_destroy(context);
}

static void pictures_together_get_the_vectors_that_each_gets_alone(void **state)
{
    (void)state;
    index_job jobs[N], *list[N];
    index_work work = work_with(NULL);
    model_context *context = NULL;
    make_jobs(jobs, list);
    index_work_run(&work, &context, list, N, false);
    for (size_t i = 0; i < N; i++) {
        assert_ok(jobs[i].problem.status, jobs[i].problem);
        assert_its_own_vector(&jobs[i]);
        assert_int_equal(jobs[i].facts.width, 20);
        assert_int_equal(strlen(jobs[i].sha256), 64);
    }
    free_jobs(jobs);
    model_context_destroy(context);
}

static void a_picture_that_cannot_be_read_takes_no_other_with_it(void **state)
{
    (void)state;
    index_job jobs[N], *list[N];
    index_work work = work_with(NULL);
    model_context *context = NULL;
    make_jobs(jobs, list);
    write_text("2.png", "no picture");
    assert_ok(base_file_remove(at("5.png"), &error), error);
    index_work_run(&work, &context, list, N, false);
    for (size_t i = 0; i < N; i++) {
        if (i == 2 || i == 5) {
            assert_null(jobs[i].vector);
            assert_int_equal(jobs[i].problem.status, i == 2 ? LANCELET_UNSUPPORTED : LANCELET_NOT_FOUND);
        } else {
            assert_its_own_vector(&jobs[i]);
        }
    }
    free_jobs(jobs);
    model_context_destroy(context);
}

static void content_that_is_known_gets_no_vector_unless_it_is_asked_for(void **state)
{
    (void)state;
    index_job jobs[N], *list[N];
    model_context *context = NULL;
    make_jobs(jobs, list);
    uint8_t *bytes = NULL;
    size_t n = 0;
    char sha256[65];
    assert_ok(base_file_read(at("3.png"), 1 << 20, &bytes, &n, &error), error);
    base_sha256_hex(bytes, n, sha256);
    base_free(bytes);
    index_work work = work_with(sha256);
    index_work_run(&work, &context, list, N, false);
    for (size_t i = 0; i < N; i++)
        assert_true((jobs[i].vector == NULL) == (i == 3));
    index_work_run(&work, &context, &list[3], 1, true);
    assert_its_own_vector(&jobs[3]);
    free_jobs(jobs);
    model_context_destroy(context);
}

static void a_stopped_run_reads_and_computes_no_more(void **state)
{
    (void)state;
    index_job jobs[N], *list[N];
    index_work work = work_with(NULL);
    model_context *context = NULL;
    make_jobs(jobs, list);
    atomic_store(&stop, true);
    index_work_run(&work, &context, list, N, false);
    assert_int_equal(reads, 0);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(jobs[i].problem.status, LANCELET_CANCELLED);
    assert_null(context);
    free_jobs(jobs);
}

/* A job that needs no work, whose item brings so many bytes (nobody looks at them). */
static void submit_bytes(pipeline *p, size_t n)
{
    index_job job = {.task = TASK_NONE, .source = &how, .item.bytes = base_alloc(1), .item.n_bytes = n};
    assert_ok(pipeline_submit(p, &job, &error), error);
}

static void pictures_under_way_are_bounded_by_their_bytes_too(void **state)
{
    (void)state;
    const size_t mib = 1024 * 1024;
    index_work work = work_with(NULL);
    index_job job;
    pipeline *p;
    assert_ok(pipeline_create(&work, 1, &p, &error), error);
    submit_bytes(p, 40 * mib);
    assert_false(pipeline_full(p));
    submit_bytes(p, 40 * mib);
    assert_true(pipeline_full(p));
    assert_true(pipeline_take(p, 0, &job));
    index_job_free(&job);
    assert_false(pipeline_full(p));
    assert_true(pipeline_take(p, 0, &job));
    index_job_free(&job);
    submit_bytes(p, 1024 * mib); /* one is let in, whatever it holds */
    assert_true(pipeline_full(p));
    pipeline_destroy(p);
}

static void each_allocation_may_fail_and_every_job_says_what_became_of_it(void **state)
{
    (void)state;
    index_job jobs[N], *list[N];
    index_work work = work_with(NULL);
    bool fired = true;
    for (uint64_t n = 1; fired; n++) {
        model_context *context = NULL;
        make_jobs(jobs, list);
        base_fault_fail_alloc(n);
        index_work_run(&work, &context, list, N, false);
        fired = base_fault_fired();
        base_fault_fail_alloc(0);
        for (size_t i = 0; i < N; i++)
            if (jobs[i].problem.status == LANCELET_OK)
                assert_non_null(jobs[i].vector);
            else
                assert_int_equal(jobs[i].problem.status, LANCELET_MEMORY);
        free_jobs(jobs);
        model_context_destroy(context);
    }
}

#define RUN(test) cmocka_unit_test_setup(test, start)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(pictures_together_get_the_vectors_that_each_gets_alone),
        RUN(a_picture_that_cannot_be_read_takes_no_other_with_it),
        RUN(content_that_is_known_gets_no_vector_unless_it_is_asked_for),
        RUN(a_stopped_run_reads_and_computes_no_more),
        RUN(pictures_under_way_are_bounded_by_their_bytes_too),
        RUN(each_allocation_may_fail_and_every_job_says_what_became_of_it),
    };
    return cmocka_run_group_tests(tests, open_toy, close_toy);
}
