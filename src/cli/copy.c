/* copy.c - pictures of rows as files: `search --copy-to DIR` and `show -o FILE`. Copies overwrite nothing. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "embed/image/image.h"
#include "source/source.h"

static const char *ending_of(base_picture_type type)
{
    switch (type) {
    case BASE_PICTURE_JPEG:
        return ".jpg";
    case BASE_PICTURE_PNG:
        return ".png";
    case BASE_PICTURE_WEBP:
        return ".webp";
    case BASE_PICTURE_GIF:
        return ".gif";
    case BASE_PICTURE_BMP:
        return ".bmp";
    case BASE_PICTURE_PNM:
        return ".ppm";
    default:
        return "";
    }
}

/* "clip@00-01-23.200.jpg"; owned */
static char *name_of_frame(const char *uri, size_t length, uint64_t ms)
{
    char *video = base_strndup(uri, length), *path = video ? source_path_from_uri(video) : NULL;
    const char *name = base_path_name(path ? path : video ? video : ""), *dot = strrchr(name, '.');
    int stem = (int)(dot && dot != name ? dot - name : (ptrdiff_t)strlen(name));
    char *out = video ? base_format("%.*s@%02llu-%02d-%02d.%03d.jpg", stem, name, (unsigned long long)(ms / 3600000),
                                    (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), (int)(ms % 1000))
                      : NULL;
    base_free(path);
    base_free(video);
    return out;
}

/* The file name that a copy gets: the picture's own, else its row's id; owned. */
static char *name_of(const picask_row *row, const void *bytes, size_t n)
{
    size_t length;
    uint64_t ms;
    if (cli_frame(row->uri, &length, &ms))
        return name_of_frame(row->uri, length, ms);
    char *path = row->uri ? source_path_from_uri(row->uri) : NULL;
    const char *name = path ? base_path_name(path) : "";
    char *out = *name && !strchr(name, '#')
                    ? base_strdup(name)
                    : base_format("%lld%s", (long long)row->id, ending_of(base_picture_sniff(bytes, n)));
    base_free(path);
    return out;
}

/* "a.jpg", then "a-2.jpg", "a-3.jpg", ...; owned */
static char *numbered(const char *folder, const char *name, int number)
{
    const char *dot = strrchr(name, '.');
    size_t stem = dot && dot != name ? (size_t)(dot - name) : strlen(name);
    char *file =
        number == 1 ? base_strdup(name) : base_format("%.*s-%d%s", (int)stem, name, number, name + stem);
    char *path = file ? base_path_join(folder, file) : NULL;
    base_free(file);
    return path;
}

static bool same_content(const char *path, const void *bytes, size_t n)
{
    uint8_t *there = NULL;
    size_t size;
    picask_error err;
    bool same = base_file_read(path, n, &there, &size, &err) == LANCELET_OK && size == n &&
                memcmp(there, bytes, n) == 0;
    base_free(there);
    return same;
}

/* *new_file is false when the same picture was there already. */
static picask_status copy_one(const char *folder, const char *name, const void *bytes, size_t n,
                              bool *new_file, picask_error *err)
{
    for (int number = 1; number < 10000; number++) {
        char *path = numbered(folder, name, number);
        if (!path)
            return base_fail_memory(err);
        base_stat st;
        base_writer w;
        picask_status status = base_file_stat(path, &st, err);
        if (status == LANCELET_OK && st.exists && same_content(path, bytes, n)) {
            base_free(path);
            *new_file = false;
            return LANCELET_OK;
        }
        if (status == LANCELET_OK && st.exists) {
            base_free(path);
            continue;
        }
        if (status == LANCELET_OK)
            status = base_writer_open(path, true, &w, err);
        base_free(path);
        RETURN_IF_ERROR(status);
        status = base_writer_write(&w, bytes, n, err);
        if (status == LANCELET_OK)
            status = base_writer_close(&w, false, err);
        if (status != LANCELET_OK)
            base_writer_abandon(&w);
        *new_file = true;
        return status;
    }
    return base_fail(err, LANCELET_CONFLICT, "%s holds too many files named like %s", folder, name);
}

int cli_copy_pictures(const cli *c, picask_table *table, const picask_results *results, const char *folder)
{
    picask_error err;
    const volatile int *cancel = cli_cancel_flag(); /* no half of a picture is left behind */
    if (base_dir_make(folder, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    size_t copied = 0, there = 0, failed = 0;
    for (size_t i = 0; i < picask_results_count(results) && !*cancel; i++) {
        const picask_row *row = picask_results_row(results, i);
        void *bytes = NULL;
        size_t n = 0;
        bool new_file = false;
        picask_status status = picask_row_picture(table, row, &bytes, &n, &err);
        if (status == LANCELET_OK)
            status = cli_encode_frame(row, BASE_PICTURE_JPEG, &bytes, &n, &err);
        char *name = status == LANCELET_OK ? name_of(row, bytes, n) : NULL;
        if (status == LANCELET_OK)
            status = name ? copy_one(folder, name, bytes, n, &new_file, &err) : base_fail_memory(&err);
        base_free(name);
        picask_free(bytes);
        if (status != LANCELET_OK) {
            cli_fail("row %lld was not copied: %s", (long long)row->id, err.text);
            failed++;
        } else if (new_file) {
            copied++;
        } else {
            there++;
        }
    }
    if (there > 0)
        cli_say(c, "copied %zu picture%s to %s, %zu there already", copied, copied == 1 ? "" : "s", folder,
                there);
    else
        cli_say(c, "copied %zu picture%s to %s", copied, copied == 1 ? "" : "s", folder);
    return *cancel ? CLI_INTERRUPTED : failed ? CLI_ERROR : CLI_DONE;
}

/* ---- show -o ---- */

static base_picture_type type_by_name(const char *path)
{
    const char *dot = strrchr(base_path_name(path), '.');
    if (dot && strcasecmp(dot, ".png") == 0)
        return BASE_PICTURE_PNG;
    if (dot && (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0))
        return BASE_PICTURE_JPEG;
    return BASE_PICTURE_UNKNOWN;
}

/* The picture as a PNG or JPEG, appended to *out. */
static picask_status convert(const void *bytes, size_t n, base_picture_type type, int quality, base_buffer *out, picask_error *err)
{
    base_picture picture = {0};
    RETURN_IF_ERROR(image_decode(bytes, n, NULL, 0, &picture, NULL, err));
    picask_status status = type == BASE_PICTURE_PNG ? image_write_png(&picture, out, err)
                                                    : image_write_jpeg(&picture, quality, out, err);
    base_picture_free(&picture);
    return status;
}

picask_status cli_encode_frame(const picask_row *row, base_picture_type type, void **bytes, size_t *n, picask_error *err)
{
    size_t length;
    uint64_t ms;
    base_buffer out = {0};
    if (!cli_frame(row->uri, &length, &ms) || base_picture_sniff(*bytes, *n) != BASE_PICTURE_PNM)
        return LANCELET_OK;
    picask_status status = convert(*bytes, *n, type, 95, &out, err);
    if (status != LANCELET_OK) {
        base_buffer_free(&out);
        return status;
    }
    picask_free(*bytes);
    *bytes = out.data;
    *n = out.size;
    return LANCELET_OK;
}

picask_status cli_write_picture(const char *path, const void *bytes, size_t n, picask_error *err)
{
    base_picture_type wanted = type_by_name(path);
    if (wanted == BASE_PICTURE_UNKNOWN || wanted == base_picture_sniff(bytes, n))
        return base_file_replace(path, bytes, n, false, err);
    base_buffer out = {0};
    picask_status status = convert(bytes, n, wanted, 92, &out, err);
    if (status == LANCELET_OK)
        status = base_file_replace(path, out.data, out.size, false, err);
    base_buffer_free(&out);
    return status;
}
