/* .npy files and halves (NumPy's, tests/golden/make_base_arrays.py), CSV and TSV, picture types, decompression. */
#include "support.h"

#include <inttypes.h>
#include <math.h>

#include <lz4.h>
#include <zstd.h>

#include "base/csv.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/npy.h"
#include "base/picture.h"
#include "base/unpack.h"

static lancelet_error err;

/* ---- npy ---- */

static void numpys_files_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t rows;
        float small; /* 1e-3 in that precision */
    } files[] = {{"float16", 2, 0x1.064p-10f},
                 {"float32", 2, 1e-3f},
                 {"float64", 2, 1e-3f},
                 {"version2", 2, 1e-3f},
                 {"one_dimension", 1, 0}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[200];
        snprintf(path, sizeof path, FIXTURES "/base/%s.npy", files[i].name);
        float *v;
        size_t rows, columns;
        assert_ok(base_npy_read(path, &v, &rows, &columns, &err), err);
        assert_int_equal(rows, files[i].rows);
        assert_int_equal(columns, 3);
        assert_true(v[0] == 0.5f && v[1] == -1.25f && v[2] == 3.0f);
        if (rows == 2)
            assert_true(v[3] == 65504.0f && v[4] == files[i].small && v[5] == 0 && signbit(v[5]));
        base_free(v);
    }
}

static void other_arrays_are_named(void **state)
{
    (void)state;
    float *v;
    size_t r, c;
    assert_int_equal(base_npy_read(FIXTURES "/base/int32.npy", &v, &r, &c, &err), LANCELET_UNSUPPORTED);
    assert_non_null(strstr(err.text, "<i4"));
    assert_int_equal(base_npy_read(FIXTURES "/base/record.npy", &v, &r, &c, &err), LANCELET_UNSUPPORTED);
    assert_int_equal(base_npy_read(FIXTURES "/base/fortran.npy", &v, &r, &c, &err), LANCELET_UNSUPPORTED);
    assert_non_null(strstr(err.text, "Fortran"));
    assert_int_equal(base_npy_read("no.npy", &v, &r, &c, &err), LANCELET_NOT_FOUND);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    char path[4200];
    snprintf(path, sizeof path, "%s/x.npy", scratch_folder());
    static const float values[6] = {1, 2, 3, 4, 5, 1e-30f};
    assert_ok(base_npy_write(path, values, 3, 2, &err), err);
    float *v;
    size_t rows, columns;
    assert_ok(base_npy_read(path, &v, &rows, &columns, &err), err);
    assert_true(rows == 3 && columns == 2);
    assert_memory_equal(v, values, sizeof values);
    base_free(v);
    for (uint64_t n = 1;; n++) {
        base_fault_fail_alloc(n);
        lancelet_status status = base_npy_read(path, &v, &rows, &columns, &err);
        bool fired = base_fault_fired();
        base_fault_fail_alloc(0);
        if (!fired) {
            base_free(v);
            break;
        }
        assert_int_equal(status, LANCELET_MEMORY);
    }
}

/* Each prefix of a file, and each single byte changed: an error or an array, never more than the bytes there. */
static void broken_npy_files_are_refused(void **state)
{
    (void)state;
    uint8_t *bytes;
    size_t n, rows, columns;
    float *v;
    char path[4200];
    snprintf(path, sizeof path, "%s/x.npy", scratch_folder());
    assert_ok(base_file_read(FIXTURES "/base/float32.npy", 10000, &bytes, &n, &err), err);
    for (size_t i = 0; i < n; i++) {
        assert_ok(base_file_replace(path, bytes, i, false, &err), err);
        assert_int_equal(base_npy_read(path, &v, &rows, &columns, &err), LANCELET_CORRUPT);
        bytes[i] ^= 0x15;
        assert_ok(base_file_replace(path, bytes, n, false, &err), err);
        bytes[i] ^= 0x15;
        if (base_npy_read(path, &v, &rows, &columns, &err) == LANCELET_OK) {
            assert_true(rows * columns * 2 <= n);
            base_free(v);
        }
    }
    base_free(bytes);
    static const char huge[] =
        "\x93NUMPY\x01\0\x50\0{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, "
        "4294967296), }   \n";
    assert_ok(base_file_replace(path, huge, sizeof huge - 1, false, &err), err);
    assert_int_equal(base_npy_read(path, &v, &rows, &columns, &err), LANCELET_CORRUPT);
}

static void halves_are_numpys(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) { /* all but "not a number" come back */
        float f = base_half_to_float((uint16_t)h);
        if (isnan(f))
            assert_true((h & 0x7C00) == 0x7C00 && (h & 0x3FF) != 0 &&
                        isnan(base_half_to_float(base_float_to_half(f))));
        else
            assert_int_equal(base_float_to_half(f), h);
    }
    assert_true(base_half_to_float(0x3C00) == 1.0f && base_half_to_float(0x0001) == 0x1p-24f);
    assert_true(base_half_to_float(0xFBFF) == -65504.0f && isinf(base_half_to_float(0x7C00)));
    FILE *f = fopen(FIXTURES "/base/halves.txt", "r");
    assert_non_null(f);
    uint32_t bits;
    unsigned half;
    int lines = 0;
    while (fscanf(f, "%" SCNx32 " %x", &bits, &half) == 2) {
        float v;
        memcpy(&v, &bits, 4);
        assert_int_equal(base_float_to_half(v), half);
        lines++;
    }
    fclose(f);
    assert_true(lines > 1000);
}

/* ---- CSV ---- */

/* The records as "a|b;c|d;" with the line in front of each: "1:a|b;" */
static const char *records(const char *text, size_t n, char separator)
{
    static char out[2000];
    base_csv c;
    bool done;
    size_t at = 0;
    out[0] = '\0';
    base_csv_open(&c, text, n, separator);
    for (;;) {
        lancelet_status status = base_csv_next(&c, &done, &err);
        if (status != LANCELET_OK) {
            snprintf(out, sizeof out, "%s: %s", base_status_name(status), err.text);
            break;
        }
        if (done)
            break;
        at += (size_t)snprintf(out + at, sizeof out - at, "%zu:", c.line);
        for (size_t i = 0; i < c.n_fields; i++) {
            assert_int_equal(c.field[i][c.length[i]], 0);
            at += (size_t)snprintf(out + at, sizeof out - at, "%s%s", i ? "|" : "", c.field[i]);
        }
        at += (size_t)snprintf(out + at, sizeof out - at, ";");
    }
    base_csv_close(&c);
    return out;
}

#define assert_records(text, separator, wanted)                                                              \
    assert_string_equal(records(text, sizeof text - 1, separator), wanted)

static void csv_is_that_of_rfc_4180(void **state)
{
    (void)state;
    assert_records("a,b\r\nc,d\r\n", ',', "1:a|b;2:c|d;");
    assert_records("\xEF\xBB\xBF"
                   "a,b\nc,d",
                   ',', "1:a|b;2:c|d;");
    assert_records("\"a,1\",\"b\"\"c\",\"d\ne\"\nf\n", ',', "1:a,1|b\"c|d\ne;3:f;");
    assert_records("a,,\n,\n", ',', "1:a||;2:|;");
    assert_records("\n\r\na\n\n\nb\n\n", ',', "3:a;6:b;");
    assert_records("\"\"\n", ',', "1:;");
    assert_records("a\"b\",\"c\"d\n", ',', "1:a\"b\"|cd;");
    assert_records("", ',', "");
    assert_records("\n", ',', "");
    assert_records("a,", ',', "1:a|;");
    assert_records("a\rb\n", ',', "1:a\rb;");
    assert_records("x\n\"a\n\nb", ',', "corrupt: line 2: a quote is not closed");
    assert_records("\"", ',', "corrupt: line 1: a quote is not closed");
}

static void tsv_has_escapes_where_there_are_no_quotes(void **state)
{
    (void)state;
    assert_records("a\tb\\tc\r\n\"d\t\\n\\\\t\\x\\\n", '\t', "1:a|b\tc;2:\"d|\n\\t\\x\\;");
}

static void a_tsv_field_in_quotes_ends_with_its_closing_quote(void **state)
{
    (void)state;
    assert_records("a\t\"b \"\"c\"\"\"\n\"x\ty\"\tz\n", '\t', "1:a|b \"c\";2:x\ty|z;");
    assert_records("a\t\"two\nlines\"\r\nb\t\"\"", '\t', "1:a|two\nlines;3:b|;");
    assert_records("a\t\"b\" c\nd\t\"e\n", '\t', "1:a|\"b\" c;2:d|\"e;");
    assert_records("a\t\"b\nc\td\ne\tf\"\n", '\t', "1:a|\"b;2:c|d;3:e|f\";");
    assert_records("\"", '\t', "1:\";");
}

static void many_fields_and_failing_memory(void **state)
{
    (void)state;
    char text[4000];
    size_t n = 0;
    for (int i = 0; i < 500; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%d,", i);
    base_csv c;
    bool done;
    base_csv_open(&c, text, n, ',');
    assert_ok(base_csv_next(&c, &done, &err), err);
    assert_int_equal(c.n_fields, 501);
    assert_string_equal(c.field[499], "499");
    assert_string_equal(c.field[500], "");
    base_csv_close(&c);
    for (uint64_t k = 1;; k++) {
        base_fault_fail_alloc(k);
        base_csv_open(&c, text, n, ',');
        lancelet_status status = base_csv_next(&c, &done, &err);
        bool fired = base_fault_fired();
        base_fault_fail_alloc(0);
        base_csv_close(&c);
        assert_int_equal(status, fired ? LANCELET_MEMORY : LANCELET_OK);
        if (!fired)
            break;
    }
}

/* ---- pictures ---- */

static void pictures_are_known_by_their_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        base_picture_type type;
    } cases[] = {
        {"\xFF\xD8\xFF\xE0", 4, BASE_PICTURE_JPEG},
        {"\x89PNG\r\n\x1A\n", 8, BASE_PICTURE_PNG},
        {"\x89PNG\r\n\x1A", 7, BASE_PICTURE_UNKNOWN},
        {"RIFF\0\0\0\0WEBP", 12, BASE_PICTURE_WEBP},
        {"RIFF\0\0\0\0WAVE", 12, BASE_PICTURE_UNKNOWN},
        {"GIF87a", 6, BASE_PICTURE_GIF},
        {"GIF89a", 6, BASE_PICTURE_GIF},
        {"BM", 2, BASE_PICTURE_BMP},
        {"P6\n", 3, BASE_PICTURE_PNM},
        {"P3 1", 4, BASE_PICTURE_PNM},
        {"P7\n", 3, BASE_PICTURE_UNKNOWN},
        {"PK", 2, BASE_PICTURE_UNKNOWN},
        {"II*\0", 4, BASE_PICTURE_TIFF},
        {"MM\0*", 4, BASE_PICTURE_TIFF},
        {"II+\0", 4, BASE_PICTURE_TIFF},
        {"MM\0+", 4, BASE_PICTURE_TIFF},
        {"\0\0\0\x18"
         "ftypheic",
         12, BASE_PICTURE_HEIC},
        {"\0\0\0\x18"
         "ftypavif",
         12, BASE_PICTURE_AVIF},
        {"\0\0\0\x18"
         "ftypmif1\0\0\0\0miafavif",
         24, BASE_PICTURE_AVIF},
        {"\0\0\0\x18"
         "ftypmif1\0\0\0\0mif1heic",
         24, BASE_PICTURE_HEIC},
        {"\0\0\0\x18"
         "ftypisom",
         12, BASE_PICTURE_UNKNOWN},
        {"", 0, BASE_PICTURE_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (base_picture_sniff((const uint8_t *)cases[i].bytes, cases[i].n) != cases[i].type)
            fail_msg("case %zu is not %s", i, base_picture_type_name(cases[i].type));
}

static void picture_names_are_known_in_any_case(void **state)
{
    (void)state;
    static const char *const likely[] = {"a.jpg", "a.JPEG",   "x.y.PnG", "d.e/b.WebP",
                                         "c.tif", "IMG.HEIC", "q.AVIF",  "z.jfif"};
    static const char *const unlikely[] = {"jpg", ".jpg", "a.txt", "a.jpgx", "a.", "a.jp", ""};
    for (size_t i = 0; i < sizeof likely / sizeof likely[0]; i++)
        assert_true(base_picture_name_likely(likely[i]));
    for (size_t i = 0; i < sizeof unlikely / sizeof unlikely[0]; i++)
        assert_false(base_picture_name_likely(unlikely[i]));
    static const char *const raw[] = {"a.cr2", "b.CR3", "c.nef", "d.ARW", "e.dng", "f.orf", "g.rw2", "h.raf", "i.pef", "j.srw", "k.raw"};
    for (size_t i = 0; i < sizeof raw / sizeof raw[0]; i++)
        assert_true(base_picture_name_raw(raw[i]) && !base_picture_name_likely(raw[i]));
    assert_false(base_picture_name_raw("a.jpg") || base_picture_name_raw("dng") || base_picture_name_raw(".dng") || base_picture_name_raw("a.tif"));
    base_picture p = {.rgb = base_alloc(3), .width = 1, .height = 1};
    base_picture_free(&p);
    assert_null(p.rgb);
    base_picture_free(&p);
}

/* ---- decompression ---- */

static void unpacked_bytes_are_exactly_as_many(void **state)
{
    (void)state;
    static uint8_t plain[50000], packed[60000], out[50001];
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (uint8_t)(i / 100 * 31 + i % 7);
    for (int kind = 0; kind < 2; kind++) {
        lancelet_status (*unpack)(const uint8_t *, size_t, uint8_t *, size_t, lancelet_error *) =
            kind ? base_unpack_lz4 : base_unpack_zstd;
        size_t n = kind ? (size_t)LZ4_compress_default((const char *)plain, (char *)packed, sizeof plain,
                                                       sizeof packed)
                        : ZSTD_compress(packed, sizeof packed, plain, sizeof plain, 3);
        assert_true(n > 0 && n < sizeof plain);
        assert_ok(unpack(packed, n, out, sizeof plain, &err), err);
        assert_memory_equal(out, plain, sizeof plain);
        assert_int_equal(unpack(packed, n, out, sizeof plain - 1, &err), LANCELET_CORRUPT);
        assert_int_equal(unpack(packed, n, out, sizeof plain + 1, &err), LANCELET_CORRUPT);
        for (size_t cut = 0; cut < n; cut += 1 + n / 50)
            assert_int_equal(unpack(packed, cut, out, sizeof plain, &err), LANCELET_CORRUPT);
        for (size_t i = 0; i < n;
             i += 1 + n / 200) { /* broken bytes: whatever comes out, it stays in its buffer */
            packed[i] ^= 0x5A;
            lancelet_status status = unpack(packed, n, out, sizeof plain, &err);
            assert_true(status == LANCELET_OK || status == LANCELET_CORRUPT);
            packed[i] ^= 0x5A;
        }
    }
    assert_int_equal(base_unpack_lz4(packed, 10, out, (size_t)1 << 32, &err), LANCELET_LIMIT);
}

static void a_zstd_frame_without_its_size_is_bounded(void **state)
{
    (void)state;
    static uint8_t plain[100000], packed[1000], out[100000];
    ZSTD_CCtx *c = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
    size_t n = ZSTD_compress2(c, packed, sizeof packed, plain, sizeof plain);
    ZSTD_freeCCtx(c);
    assert_ok(base_unpack_zstd(packed, n, out, sizeof out, &err), err);
    assert_int_equal(base_unpack_zstd(packed, n, out, 999, &err), LANCELET_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numpys_files_are_read),
        cmocka_unit_test(other_arrays_are_named),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(broken_npy_files_are_refused),
        cmocka_unit_test(halves_are_numpys),
        cmocka_unit_test(csv_is_that_of_rfc_4180),
        cmocka_unit_test(tsv_has_escapes_where_there_are_no_quotes),
        cmocka_unit_test(a_tsv_field_in_quotes_ends_with_its_closing_quote),
        cmocka_unit_test(many_fields_and_failing_memory),
        cmocka_unit_test(pictures_are_known_by_their_bytes),
        cmocka_unit_test(picture_names_are_known_in_any_case),
        cmocka_unit_test(unpacked_bytes_are_exactly_as_many),
        cmocka_unit_test(a_zstd_frame_without_its_size_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
