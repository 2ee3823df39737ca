/* column.c - a column of a row group as windows of at most 4,096 rows: pages are found by their headers (passed over without a
 * look at their bytes where rows are skipped), the page at hand is held decompressed, its levels and values are decoded as far as
 * a window reaches. Values of fixed width lie dense in the page or in scratch, byte arrays are spans of the page, of the
 * dictionary or, of DELTA_BYTE_ARRAY, of scratch. So a column costs a page, a dictionary and a window. */
#include "source/parquet/internal.h"

#include <inttypes.h>
#include <string.h>

enum { SCRATCH_BYTES = 4 << 20 }; /* a window is cut where more would be needed */

void parquet_column_free(parquet_column *c)
{
    base_buffer_free(&c->dictionary_room);
    base_buffer_free(&c->dictionary_places);
    base_buffer_free(&c->room);
    base_buffer_free(&c->previous);
    base_buffer_free(&c->scratch);
    base_free(c->span);
    c->span = NULL;
}

static lancelet_status fail(lancelet_error *err, const char *what)
{
    return base_fail(err, LANCELET_CORRUPT, "%s", what);
}

lancelet_status parquet_column_start(parquet_column *c, const parquet_file *f, size_t leaf, size_t group, lancelet_error *err)
{
    const parquet_chunk *chunk = &f->chunk[group * f->n_leaves + leaf];
    c->file = f;
    c->leaf = &f->leaf[leaf];
    c->chunk = chunk;
    c->rows_left = f->group_rows[group];
    c->has_dictionary = c->dictionary_read = false;
    c->page_rows = 0;
    c->window = c->row = c->pending = c->n_dense = c->dense = 0;
    if (chunk->elsewhere)
        return base_fail(err, LANCELET_UNSUPPORTED, "its values are in another file, which is not read");
    if (!chunk->there || (parquet_physical)chunk->physical != c->leaf->physical)
        return fail(err, "what the footer says of it is broken");
    c->at = chunk->start;
    c->end = chunk->start + chunk->length;
    if (f->old_java) /* parquet-mr before 1.2.9 did not count the header of the dictionary page (PARQUET-816) */
        c->end = f->body > c->end + 100 ? c->end + 100 : f->body > c->end ? f->body : c->end;
    return LANCELET_OK;
}

/* ---- dictionary ---- */

static bool take_u32(const uint8_t **at, const uint8_t *end, uint32_t *out)
{
    if (end - *at < 4)
        return false;
    *out = (uint32_t)(*at)[0] | (uint32_t)(*at)[1] << 8 | (uint32_t)(*at)[2] << 16 | (uint32_t)(*at)[3] << 24;
    *at += 4;
    return true;
}

/* n byte arrays, each with its length in front. */
static bool take_spans(const uint8_t **at, const uint8_t *end, parquet_span *out, size_t n)
{
    const uint8_t *p = *at;
    for (size_t i = 0; i < n; i++) {
        uint32_t length;
        if (!take_u32(&p, end, &length) || length > (size_t)(end - p))
            return false;
        out[i] = (parquet_span){p, length};
        p += length;
    }
    *at = p;
    return true;
}

/* Where the lengths of n byte arrays stand. Not spans: those would take four times the bytes of a dictionary of empty ones. */
static bool find_places(const uint8_t *bytes, size_t n_bytes, uint8_t *out, size_t n)
{
    const uint8_t *at = bytes, *end = bytes + n_bytes;
    for (size_t i = 0; i < n; i++) {
        uint32_t place = (uint32_t)(at - bytes), length; /* a page has at most 2 GiB */
        if (!take_u32(&at, end, &length) || length > (size_t)(end - at))
            return false;
        memcpy(out + i * 4, &place, 4);
        at += length;
    }
    return true;
}

static lancelet_status read_dictionary(parquet_column *c, lancelet_error *err)
{
    const parquet_page *p = &c->dictionary_page;
    const uint8_t *bytes;
    size_t width = c->leaf->width, need;
    if (c->dictionary_read)
        return LANCELET_OK;
    if (!c->has_dictionary)
        return fail(err, "a page counts into a dictionary that is not there");
    if (p->encoding != PARQUET_PLAIN && p->encoding != PARQUET_PLAIN_DICTIONARY)
        return base_fail(err, LANCELET_UNSUPPORTED, "a dictionary in encoding %d is not read", p->encoding);
    if (c->leaf->physical == PARQUET_BOOLEAN)
        return base_fail(err, LANCELET_UNSUPPORTED, "a dictionary of booleans is not read");
    RETURN_IF_ERROR(parquet_page_bytes(c->file, p, c->chunk->codec, &c->dictionary_room, &bytes, err));
    if (p->values > p->unpacked / (width ? width : 4))
        return fail(err, "the dictionary has fewer bytes than its values need");
    c->n_dictionary = (size_t)p->values;
    c->dictionary = bytes;
    if (c->leaf->physical == PARQUET_BYTES) {
        c->dictionary_places.size = 0;
        if (!base_mul_size(c->n_dictionary, 4, &need) || !base_buffer_reserve(&c->dictionary_places, need + 1))
            return base_fail_memory(err);
        if (!find_places(bytes, (size_t)p->unpacked, c->dictionary_places.data, c->n_dictionary))
            return fail(err, "the dictionary has fewer bytes than its values need");
    }
    c->dictionary_read = true;
    return LANCELET_OK;
}

/* ---- pages ---- */

static lancelet_status start_levels(parquet_column *c, const parquet_page *p, const uint8_t **at, const uint8_t *end,
                                    lancelet_error *err)
{
    unsigned width = 0;
    while (c->leaf->definition >> width)
        width++;
    c->has_levels = width > 0;
    if (p->type == PARQUET_DATA_2) {
        if (p->levels > (uint64_t)(end - *at))
            return fail(err, "a page ends within its levels");
        parquet_hybrid_start(&c->levels, *at + p->repeats, *at + p->levels, width);
        *at += p->levels;
        return LANCELET_OK;
    }
    if (!c->has_levels)
        return LANCELET_OK;
    if (p->level_encoding == PARQUET_BIT_PACKED) {
        uint64_t bytes = p->values > UINT32_MAX ? UINT64_MAX : (p->values * width + 7) / 8;
        if (bytes > (uint64_t)(end - *at))
            return fail(err, "a page ends within its levels");
        parquet_hybrid_start_old(&c->levels, *at, *at + bytes, width);
        *at += bytes;
        return LANCELET_OK;
    }
    uint32_t bytes;
    if (p->level_encoding != PARQUET_RLE || !take_u32(at, end, &bytes) || bytes > (uint64_t)(end - *at))
        return fail(err, "a page ends within its levels, or they are in an encoding that is not known");
    parquet_hybrid_start(&c->levels, *at, *at + bytes, width);
    *at += bytes;
    return LANCELET_OK;
}

static bool is_fixed(const parquet_column *c, bool with_int96)
{
    parquet_physical p = c->leaf->physical;
    return p == PARQUET_INT32 || p == PARQUET_INT64 || p == PARQUET_FLOAT || p == PARQUET_DOUBLE || p == PARQUET_FIXED ||
           (with_int96 && p == PARQUET_INT96);
}

/* DELTA_LENGTH_BYTE_ARRAY: the lengths, then the bytes. */
static bool start_lengths(parquet_column *c, const uint8_t *at, const uint8_t *end)
{
    if (!parquet_delta_start(&c->lengths, at, end))
        return false;
    parquet_delta all = c->lengths;
    c->values = parquet_delta_end(&all);
    c->values_end = end;
    return c->values != NULL;
}

/* DELTA_BYTE_ARRAY: how much of the value before each one begins with, then the rest as DELTA_LENGTH_BYTE_ARRAY. */
static bool start_prefixes(parquet_column *c, const uint8_t *at, const uint8_t *end)
{
    if (!parquet_delta_start(&c->numbers, at, end))
        return false;
    parquet_delta all = c->numbers;
    const uint8_t *suffixes = parquet_delta_end(&all);
    c->previous.size = 0;
    return suffixes && start_lengths(c, suffixes, end);
}

static bool start_bool_runs(parquet_column *c, const uint8_t *at, const uint8_t *end)
{
    uint32_t bytes;
    if (!take_u32(&at, end, &bytes) || bytes > (size_t)(end - at))
        return false;
    parquet_hybrid_start(&c->indices, at, at + bytes, 1);
    return true;
}

static lancelet_status start_values(parquet_column *c, const uint8_t *at, const uint8_t *end, lancelet_error *err)
{
    parquet_physical physical = c->leaf->physical;
    bool integer = physical == PARQUET_INT32 || physical == PARQUET_INT64;
    bool bytes = physical == PARQUET_BYTES, known = true, good = true;
    c->values = at;
    c->values_end = end;
    c->value = 0;
    switch (c->encoding) {
    case PARQUET_PLAIN:
        break;
    case PARQUET_PLAIN_DICTIONARY:
    case PARQUET_RLE_DICTIONARY:
        RETURN_IF_ERROR(read_dictionary(c, err));
        good = at == end || *at <= 32; /* a page of nulls alone may be empty */
        parquet_hybrid_start(&c->indices, at + (at < end), end, at < end ? *at : 0);
        break;
    case PARQUET_RLE:
        known = physical == PARQUET_BOOLEAN;
        good = known && (at == end || start_bool_runs(c, at, end));
        if (good && at == end)
            parquet_hybrid_start(&c->indices, at, end, 1);
        break;
    case PARQUET_DELTA_BINARY_PACKED:
        known = integer;
        good = known && (at == end || parquet_delta_start(&c->numbers, at, end));
        if (good && at == end)
            c->numbers = (parquet_delta){0};
        break;
    case PARQUET_DELTA_LENGTH:
    case PARQUET_DELTA_BYTES:
        known = bytes || (physical == PARQUET_FIXED && c->encoding == PARQUET_DELTA_BYTES);
        c->numbers = c->lengths = (parquet_delta){0};
        if (known && at < end)
            good = c->encoding == PARQUET_DELTA_BYTES ? start_prefixes(c, at, end) : start_lengths(c, at, end);
        break;
    case PARQUET_BYTE_STREAM_SPLIT:
        known = is_fixed(c, false);
        good = known && (uint64_t)(end - at) % c->leaf->width == 0;
        break;
    default:
        known = false;
    }
    if (!known)
        return base_fail(err, LANCELET_UNSUPPORTED, "encoding %d of such values is not read", c->encoding);
    return good ? LANCELET_OK : fail(err, "the values of a page are broken");
}

static lancelet_status open_page(parquet_column *c, const parquet_page *p, lancelet_error *err)
{
    const uint8_t *at = NULL;
    RETURN_IF_ERROR(parquet_page_bytes(c->file, p, c->chunk->codec, &c->room, &at, err));
    const uint8_t *end = at + p->unpacked;
    RETURN_IF_ERROR(start_levels(c, p, &at, end, err));
    c->encoding = p->encoding;
    RETURN_IF_ERROR(start_values(c, at, end, err));
    c->page_rows = p->values;
    return LANCELET_OK;
}

/* The next data page's header. */
static lancelet_status next_page(parquet_column *c, parquet_page *p, lancelet_error *err)
{
    for (;;) {
        RETURN_IF_ERROR(parquet_page_header(c->file, c->at, c->end, p, err));
        c->at = p->at + p->packed;
        if (p->type == PARQUET_DICTIONARY) {
            if (c->has_dictionary)
                return fail(err, "it has two dictionaries");
            c->has_dictionary = true;
            c->dictionary_page = *p;
        } else if (p->type != PARQUET_INDEX && p->values > 0) {
            /* rows beyond those of the row group are not asked for */
            p->values = p->values < c->rows_left ? p->values : c->rows_left;
            c->rows_left -= p->values;
            return LANCELET_OK;
        }
    }
}

/* ---- values of a window ---- */

static bool reserve_scratch(parquet_column *c, size_t bytes)
{
    c->scratch.size = 0;
    return bytes <= c->scratch.capacity || base_buffer_reserve(&c->scratch, bytes);
}

static lancelet_status fill_plain(parquet_column *c, size_t n, lancelet_error *err)
{
    size_t width = c->leaf->width, there = (size_t)(c->values_end - c->values);
    if (c->leaf->physical == PARQUET_BYTES)
        return take_spans(&c->values, c->values_end, c->span, n) ? LANCELET_OK
                                                                 : fail(err, "a page ends within its values");
    if (c->leaf->physical == PARQUET_BOOLEAN) {
        uint8_t *out = c->scratch.data;
        if (c->value + n > (uint64_t)there * 8)
            return fail(err, "a page ends within its values");
        for (size_t i = 0; i < n; i++, c->value++)
            out[i] = c->values[c->value / 8] >> (c->value % 8) & 1;
        c->fixed = out;
        return LANCELET_OK;
    }
    if (width && n > there / width)
        return fail(err, "a page ends within its values");
    c->fixed = c->values;
    c->values += n * width;
    return LANCELET_OK;
}

static lancelet_status fill_split(parquet_column *c, size_t n, lancelet_error *err)
{
    size_t width = c->leaf->width, all = (size_t)(c->values_end - c->values) / width;
    uint8_t *out = c->scratch.data;
    if (c->value + n > all)
        return fail(err, "a page ends within its values");
    for (size_t k = 0; k < width; k++) {
        const uint8_t *in = c->values + k * all + c->value;
        for (size_t i = 0; i < n; i++)
            out[i * width + k] = in[i];
    }
    c->value += n;
    c->fixed = out;
    return LANCELET_OK;
}

static void gather(uint8_t *out, const uint8_t *from, const uint32_t *index, size_t n, size_t width)
{
    if (width == 4)
        for (size_t i = 0; i < n; i++)
            memcpy(out + i * 4, from + (size_t)index[i] * 4, 4);
    else if (width == 8)
        for (size_t i = 0; i < n; i++)
            memcpy(out + i * 8, from + (size_t)index[i] * 8, 8);
    else
        for (size_t i = 0; i < n; i++)
            memcpy(out + i * width, from + (size_t)index[i] * width, width);
}

static lancelet_status fill_dictionary(parquet_column *c, size_t n, lancelet_error *err)
{
    uint32_t largest = 0;
    if (n == 0)
        return LANCELET_OK;
    if (!parquet_hybrid_read(&c->indices, c->index, n))
        return fail(err, "a page ends within its values");
    for (size_t i = 0; i < n; i++)
        largest = largest > c->index[i] ? largest : c->index[i];
    if (largest >= c->n_dictionary)
        return base_fail(err, LANCELET_CORRUPT, "a page has value %" PRIu32 " of a dictionary of %zu", largest, c->n_dictionary);
    if (c->leaf->physical == PARQUET_BYTES) {
        for (size_t i = 0; i < n; i++) {
            uint32_t place, length;
            memcpy(&place, c->dictionary_places.data + (size_t)c->index[i] * 4, 4);
            const uint8_t *at = c->dictionary + place;
            take_u32(&at, at + 4, &length);
            c->span[i] = (parquet_span){at, length};
        }
        return LANCELET_OK;
    }
    gather(c->scratch.data, c->dictionary, c->index, n, c->leaf->width);
    c->fixed = c->scratch.data;
    return LANCELET_OK;
}

static lancelet_status fill_numbers(parquet_column *c, size_t n, lancelet_error *err)
{
    int64_t *v = (int64_t *)(void *)c->scratch.data;
    if (!parquet_delta_read(&c->numbers, v, n))
        return fail(err, "a page ends within its values");
    if (c->leaf->physical == PARQUET_INT32) {
        uint8_t *out = c->scratch.data; /* in place: what is written lies before what is read */
        for (size_t i = 0; i < n; i++) {
            int32_t narrow = (int32_t)(uint32_t)(uint64_t)v[i];
            memcpy(out + i * 4, &narrow, 4);
        }
    }
    c->fixed = c->scratch.data;
    return LANCELET_OK;
}

static lancelet_status fill_bool_runs(parquet_column *c, size_t n, lancelet_error *err)
{
    if (!parquet_hybrid_read(&c->indices, c->index, n))
        return fail(err, "a page ends within its values");
    for (size_t i = 0; i < n; i++)
        c->scratch.data[i] = (uint8_t)c->index[i];
    c->fixed = c->scratch.data;
    return LANCELET_OK;
}

static lancelet_status fill_lengths(parquet_column *c, size_t n, lancelet_error *err)
{
    for (size_t done = 0; done < n;) {
        int64_t length[64];
        size_t take = n - done < 64 ? n - done : 64;
        if (!parquet_delta_read(&c->lengths, length, take))
            return fail(err, "a page ends within its values");
        for (size_t i = 0; i < take; i++, done++) {
            if (length[i] < 0 || (uint64_t)length[i] > (uint64_t)(c->values_end - c->values))
                return fail(err, "a page ends within its values");
            c->span[done] = (parquet_span){c->values, (size_t)length[i]};
            c->values += length[i];
        }
    }
    return LANCELET_OK;
}

/* DELTA_BYTE_ARRAY one value: its bytes are put behind those of the window's others. */
static lancelet_status fill_one_prefixed(parquet_column *c, size_t i, lancelet_error *err)
{
    int64_t prefix, suffix;
    if (!parquet_delta_read(&c->numbers, &prefix, 1) || !parquet_delta_read(&c->lengths, &suffix, 1) || prefix < 0 ||
        (uint64_t)prefix > c->previous.size || suffix < 0 || (uint64_t)suffix > (uint64_t)(c->values_end - c->values))
        return fail(err, "a page ends within its values");
    c->previous.size = (size_t)prefix;
    if (!base_buffer_append(&c->previous, c->values, (size_t)suffix))
        return base_fail_memory(err);
    c->values += suffix;
    /* offsets until all are there: scratch may move */
    c->span[i] = (parquet_span){NULL, c->previous.size};
    return base_buffer_append(&c->scratch, c->previous.data, c->previous.size) ? LANCELET_OK : base_fail_memory(err);
}

/* As many of n values as fit into scratch, at least one; *n becomes their number. */
static lancelet_status fill_prefixes(parquet_column *c, size_t *n, lancelet_error *err)
{
    size_t done = 0;
    c->scratch.size = 0;
    while (done < *n && (done == 0 || c->scratch.size < SCRATCH_BYTES))
        RETURN_IF_ERROR(fill_one_prefixed(c, done++, err));
    *n = done;
    const uint8_t *at = c->scratch.data;
    for (size_t i = 0; i < done; i++) {
        c->span[i].bytes = at;
        at += c->span[i].n;
    }
    if (c->leaf->physical != PARQUET_FIXED)
        return LANCELET_OK;
    for (size_t i = 0; i < done; i++)
        if (c->span[i].n != c->leaf->width)
            return fail(err, "a value has another size than the schema says");
    c->fixed = c->scratch.data;
    return LANCELET_OK;
}

/* n values from the page at hand; fewer when *n becomes less. */
static lancelet_status fill_values(parquet_column *c, size_t *n, lancelet_error *err)
{
    switch (c->encoding) {
    case PARQUET_PLAIN:
        return fill_plain(c, *n, err);
    case PARQUET_PLAIN_DICTIONARY:
    case PARQUET_RLE_DICTIONARY:
        return fill_dictionary(c, *n, err);
    case PARQUET_RLE:
        return fill_bool_runs(c, *n, err);
    case PARQUET_DELTA_BINARY_PACKED:
        return fill_numbers(c, *n, err);
    case PARQUET_DELTA_LENGTH:
        return fill_lengths(c, *n, err);
    case PARQUET_DELTA_BYTES:
        return fill_prefixes(c, n, err);
    default:
        return fill_split(c, *n, err);
    }
}

/* ---- the window ---- */

static lancelet_status fill_levels(parquet_column *c, size_t rows, lancelet_error *err)
{
    uint32_t level;
    uint8_t most = c->leaf->definition;
    c->uniform = true;
    c->uniform_level = most;
    c->n_dense = rows;
    if (!c->has_levels)
        return LANCELET_OK;
    if (parquet_hybrid_run(&c->levels, &level, rows)) {
        if (level > most)
            return fail(err, "a level is larger than the schema has");
        c->uniform_level = (uint8_t)level;
        c->n_dense = level == most ? rows : 0;
        return LANCELET_OK;
    }
    if (!parquet_hybrid_read(&c->levels, c->index, rows))
        return fail(err, "a page ends within its levels");
    uint32_t largest = 0;
    size_t dense = 0;
    for (size_t i = 0; i < rows; i++) {
        largest |= c->index[i] > most;
        dense += c->index[i] == most;
        c->level[i] = (uint8_t)c->index[i];
    }
    if (largest)
        return fail(err, "a level is larger than the schema has");
    c->uniform = false;
    c->n_dense = dense;
    return LANCELET_OK;
}

static size_t count_dense(const parquet_column *c, size_t from, size_t rows)
{
    if (c->uniform)
        return c->uniform_level == c->leaf->definition ? rows : 0;
    size_t n = 0;
    for (size_t i = from; i < from + rows; i++)
        n += c->level[i] == c->leaf->definition;
    return n;
}

size_t parquet_column_dense(const parquet_column *c, size_t rows)
{
    return count_dense(c, c->row, rows);
}

/* Rows whose values fit into scratch. */
static size_t window_rows(const parquet_column *c)
{
    size_t width = c->leaf->width > 8 ? c->leaf->width : 8, most = SCRATCH_BYTES / width;
    most = most < 1 ? 1 : most > PARQUET_WINDOW ? PARQUET_WINDOW : most;
    return c->page_rows < most ? (size_t)c->page_rows : most;
}

static bool reserve_window(parquet_column *c, size_t rows)
{
    bool spans = c->leaf->physical == PARQUET_BYTES || c->encoding == PARQUET_DELTA_BYTES;
    if (spans && !c->span)
        c->span = base_alloc_array(PARQUET_WINDOW, sizeof *c->span);
    if (spans && !c->span)
        return false;
    size_t width = c->leaf->width > 8 ? c->leaf->width : 8; /* 8: deltas are made as 64-bit numbers */
    bool in_place = c->encoding == PARQUET_PLAIN && c->leaf->physical != PARQUET_BOOLEAN;
    return in_place || c->leaf->physical == PARQUET_BYTES || reserve_scratch(c, rows * width);
}

/* The levels of `rows` rows that a cut window left. */
static void take_pending(parquet_column *c, size_t rows)
{
    if (!c->uniform)
        memmove(c->level, c->level + c->window, rows);
    c->n_dense = count_dense(c, 0, rows);
}

/* Rows before value n of the window's. */
static size_t rows_before(const parquet_column *c, size_t n)
{
    if (c->uniform)
        return n;
    size_t row = 0;
    while (n > 0 || c->level[row] != c->leaf->definition)
        n -= c->level[row++] == c->leaf->definition;
    return row;
}

static lancelet_status fill_window(parquet_column *c, lancelet_error *err)
{
    size_t rows = c->pending ? c->pending : window_rows(c);
    if (!reserve_window(c, rows))
        return base_fail_memory(err);
    if (c->pending)
        take_pending(c, rows);
    else
        RETURN_IF_ERROR(fill_levels(c, rows, err));
    size_t n = c->n_dense;
    if (c->leaf->conversion == PARQUET_NOTHING)
        c->n_dense = n = 0;
    else
        RETURN_IF_ERROR(fill_values(c, &n, err));
    c->window = n < c->n_dense ? rows_before(c, n) : rows;
    c->pending = rows - c->window;
    c->n_dense = n;
    c->page_rows -= c->window;
    c->row = c->dense = 0;
    return LANCELET_OK;
}

lancelet_status parquet_column_ready(parquet_column *c, lancelet_error *err)
{
    if (c->row < c->window)
        return LANCELET_OK;
    if (c->page_rows == 0) {
        parquet_page p;
        if (c->rows_left == 0)
            return fail(err, "its pages end too early");
        RETURN_IF_ERROR(next_page(c, &p, err));
        RETURN_IF_ERROR(open_page(c, &p, err));
    }
    return fill_window(c, err);
}

void parquet_column_pass(parquet_column *c, size_t rows)
{
    c->dense += count_dense(c, c->row, rows);
    c->row += rows;
}

lancelet_status parquet_column_skip(parquet_column *c, uint64_t rows, lancelet_error *err)
{
    while (rows > 0) {
        if (c->row == c->window && c->page_rows == 0) {
            parquet_page p;
            if (c->rows_left == 0)
                return fail(err, "its pages end too early");
            RETURN_IF_ERROR(next_page(c, &p, err));
            if (p.values <= rows) {
                rows -= p.values;
                continue;
            }
            RETURN_IF_ERROR(open_page(c, &p, err));
        }
        RETURN_IF_ERROR(parquet_column_ready(c, err));
        size_t take = c->window - c->row < rows ? c->window - c->row : (size_t)rows;
        parquet_column_pass(c, take);
        rows -= take;
    }
    return LANCELET_OK;
}

size_t parquet_column_fit(const parquet_column *c, size_t rows, uint64_t *bytes)
{
    size_t there = c->window - c->row, dense = c->dense;
    uint64_t room = *bytes;
    rows = rows < there ? rows : there;
    if (c->leaf->physical != PARQUET_BYTES || c->leaf->conversion != PARQUET_AS_IS) {
        uint64_t width = c->leaf->arrow_width ? c->leaf->arrow_width : 1, most = room / width;
        rows = most < rows ? (size_t)most : rows;
        rows = rows ? rows : 1;
        *bytes = rows * width;
        return rows;
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < rows; i++) {
        if (count_dense(c, c->row + i, 1) == 0)
            continue;
        uint64_t next = sum + c->span[dense].n;
        if (next > room && i > 0) {
            rows = i;
            break;
        }
        sum = next;
        dense++;
    }
    *bytes = sum;
    return rows;
}
