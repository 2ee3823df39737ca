/* PyTorch archives made by hand: pickles that ask for what must not be run, or lie about their tensors, and zip
 * directories that lie about their entries. */
#include "embed_weights_support.h"

#include "embed/model/pickle.h"
#include "embed/model/zip.h"

/* ---- pickles ---- */

/* Persistent id of a storage of 16 floats: the entry data/0 has 64 bytes. */
#define STORAGE_OF(type, count) "(X\7\0\0\0storagec" type "\nX\1\0\0\0" "0" "X\3\0\0\0cpu" count "tQ"
#define STORAGE STORAGE_OF("torch\nFloatStorage", "K\20")
#define TENSOR_OF(storage, offset, shape, stride) \
    "ctorch._utils\n_rebuild_tensor_v2\n(" storage offset shape stride "\x89" "ccollections\nOrderedDict\n)RtR"
#define TENSOR TENSOR_OF(STORAGE, "K\0", "K\2K\3\x86", "K\3K\1\x86")
#define STATE(tensor) "\x80\2}X\1\0\0\0w" tensor "s."

static uint8_t *archive_of(const void *pickle, size_t pickle_bytes, size_t *n)
{
    made_zip z = {0};
    uint8_t floats[64];
    for (int i = 0; i < 64; i++)
        floats[i] = (uint8_t)i;
    zip_add(&z, "small/data.pkl", pickle, pickle_bytes);
    zip_add(&z, "small/data/0", floats, sizeof floats);
    return zip_end(&z, true, n);
}

static lancelet_status open_pickle(const void *pickle, size_t pickle_bytes, lancelet_error *err)
{
    size_t n;
    uint8_t *bytes = archive_of(pickle, pickle_bytes, &n);
    torch_file *f = NULL;
    lancelet_status status = torch_file_open(bytes, n, &f, err);
    torch_file_close(f);
    base_free(bytes);
    return status;
}

static void a_tensor_is_its_part_of_its_storage(void **s)
{
    (void)s;
    static const struct {
        const char *pickle;
        size_t n;
        uint64_t first, bytes; /* of the storage */
    } cases[] = {
        {BYTES(STATE(TENSOR)), 0, 24},
        {BYTES(STATE(TENSOR_OF(STORAGE, "K\12", "K\2K\3\x86", "K\3K\1\x86"))), 40, 24},
        {BYTES(STATE(TENSOR_OF(STORAGE, "K\17", ")", ")"))), 60, 4},                  /* a single number */
        {BYTES(STATE(TENSOR_OF(STORAGE, "K\20", "K\0\x85", "K\1\x85"))), 64, 0},      /* none, at the end */
        {BYTES(STATE(TENSOR_OF(STORAGE, "K\0", "K\1K\4\x86", "K\0K\1\x86"))), 0, 16}, /* a side of 1: any stride */
        {BYTES(STATE(TENSOR_OF(STORAGE, "K\0", "K\0K\4\x86", "K\7K\7\x86"))), 0, 0},  /* empty: any stride */
        {BYTES(STATE(TENSOR_OF(STORAGE, "K\0", "]K\2aK\3a", "]K\3aK\1a"))), 0, 24},   /* lists */
        {BYTES(STATE(TENSOR_OF(STORAGE, "K\0", "ctorch\nSize\nK\2\x85\x85R", "K\1\x85"))), 0, 8},
        {BYTES(STATE(TENSOR_OF(STORAGE, "\x8a\1\1", "\x8b\1\0\0\0\2\x85", "M\1\0\x85"))), 4,
         8}, /* numbers in other words */
        {BYTES("\x80\2}X\1\0\0\0w"
               "ctorch._utils\n_rebuild_tensor\n(" STORAGE "K\1K\2\x85K\1\x85tRs."),
         4, 8},
        {BYTES("\x80\2}X\1\0\0\0w"
               "ctorch._utils\n_rebuild_parameter\n" TENSOR "\x88N\x87Rs."),
         0, 24},
        {BYTES("\x80\4\x95\1\0\0\0\0\0\0\0}\x8c\1w\x8c\14torch._utils\x8c\22_rebuild_tensor_v2\x93(" STORAGE
               "K\0K\1\x85K\1\x85\x89}tRs."),
         0, 4},
        {BYTES("\x80\2}(X\1\0\0\0aK\1X\1\0\0\0bX\1\0\0\0cK\3" TENSOR "X\1\0\0\0w" TENSOR "u."), 0,
         24}, /* others are read over */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lancelet_error err;
        torch_file *f;
        size_t n, count;
        uint8_t *bytes = archive_of(cases[i].pickle, cases[i].n, &n);
        if (torch_file_open(bytes, n, &f, &err) != LANCELET_OK)
            fail_msg("case %zu: %s", i, err.text);
        const weights_tensor *t = torch_file_tensors(f, &count);
        assert_int_equal(count, 1);
        assert_string_equal(t->name, "w");
        assert_int_equal(t->bytes, cases[i].bytes);
        for (uint64_t k = 0; k < t->bytes; k++)
            assert_int_equal(t->data[k], cases[i].first + k);
        torch_file_close(f);
        base_free(bytes);
    }
}

static void a_pickle_that_asks_for_more_than_weights_is_refused_by_name(void **s)
{
    (void)s;
    static const struct {
        const char *pickle;
        size_t n;
        const char *said;
    } cases[] = {
        {BYTES("\x80\2cos\nsystem\nX\2\0\0\0ls\x85R."), "'os.system'"},
        {BYTES("\x80\2cposix\nsystem\nX\2\0\0\0ls\x85R."), "'posix.system'"},
        {BYTES("\x80\4\x8c\10builtins\x8c\4eval\x93\x8c\3"
               "1+1\x85R."),
         "'builtins.eval'"},
        {BYTES("\x80\2c__builtin__\neval\nX\3\0\0\0"
               "1+1\x85R."),
         "'__builtin__.eval'"},
        {BYTES("\x80\2}X\1\0\0\0w" TENSOR "sX\1\0\0\0xcsubprocess\nPopen\n)Rs."), "'subprocess.Popen'"},
        {BYTES("\x80\2ctorch.nn.modules.linear\nLinear\n)\x81."), "'torch.nn.modules.linear.Linear'"},
        {BYTES("\x80\2ctorch\n_utils._rebuild_tensor_v2\n)R."), "'torch._utils._rebuild_tensor_v2'"},
        {BYTES("\x80\2c__torch__x\ny\n)\x81."), "'__torch__x.y'"},
        {BYTES("\x80\2cos\x1b[31m\nsystem\n)R."), "'os?[31m.system'"},
        {BYTES("\x80\2(S'ls'\nios\nsystem\n."), "opcode 0x53"},
        {BYTES("\x80\2(ios\nsystem\n."), "opcode 0x69"},
        {BYTES("\x80\2(cos\nsystem\no."), "'os.system'"},
        {BYTES("\x80\2\x82\1."), "opcode 0x82"},
        {BYTES("\x80\2P0\n."), "opcode 0x50"},
        {BYTES("\x80\5\x97."), "opcode 0x97"},
        {BYTES("\x80\x09."), "protocol 9"},
        {BYTES("."), "uses a value that is not there"},
        {BYTES("}X\1\0\0\0w"
               "ctorch._utils\n_rebuild_tensor_v3\n)Rs."),
         "'torch._utils._rebuild_tensor_v3'"},
        {BYTES(STATE("ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE "K\0K\1\x85K\1\x85\x89}}X\4\0\0\0conj\x88stR")),
         "metadata"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lancelet_error err = {0};
        lancelet_status status = open_pickle(cases[i].pickle, cases[i].n, &err);
        if (status != LANCELET_UNSUPPORTED && status != LANCELET_CORRUPT)
            fail_msg("case %zu: status %d", i, (int)status);
        assert_says(&err, cases[i].said);
    }
}

static void a_pickle_that_is_broken_is_refused(void **s)
{
    (void)s;
    static const struct {
        const char *pickle;
        size_t n;
        const char *said;
    } cases[] = {
        {BYTES(""), "is cut"},
        {BYTES("\x80"), "is cut"},
        {BYTES("\x80\2"), "is cut"},
        {BYTES("X\xff\xff\xff\xff" "a"), "is cut"},
        {BYTES("\x8d\xff\xff\xff\xff\xff\xff\xff\xff" "a"), "is cut"},
        {BYTES("ctorch\nFloat"), "is cut"},
        {BYTES("\x85."), "not there"},
        {BYTES("(\x85."), "not there"},
        {BYTES("(."), "not there"},
        {BYTES("(q\0."), "not there"},
        {BYTES("t."), "lacks a mark"},
        {BYTES("h\0."), "not there"},
        {BYTES("}q\1."), "out of order"},
        {BYTES("}r\xff\xff\xff\xff."), "out of order"},
        {BYTES("}(K\1u."), "key without a value"},
        {BYTES("]K\1K\2s."), "not a container"},
        {BYTES("}K\1a."), "not a container"},
        {BYTES("K\1K\1a."), "not a container"},
        {BYTES("K\1}b."), "state to what has none"},
        {BYTES("K\1)R."), "cannot be called"},
        {BYTES("X\2\0\0\0os)R."), "cannot be called"},
        {BYTES("c__torch__\nA\n)R."), "calls __torch__.* in a way"},
        {BYTES("ctorch\nFloatStorage\n)R."), "calls torch.FloatStorage in a way"},
        {BYTES("ccollections\nOrderedDict\nK\1\x85R."), "calls collections.OrderedDict in a way"},
        {BYTES("ctorch._utils\n_rebuild_parameter\n)R."), "in a way"},
        {BYTES("ctorch._utils\n_rebuild_tensor_v2\n)R."), "describes a tensor"},
        {BYTES("ctorch._utils\n_rebuild_tensor_v2\nK\1R."), "cannot be called"},
        {BYTES("ctorch\nFloatStorage\n)\x81."), "not a TorchScript class"},
        {BYTES("K\1K\2\x93."), "no string"},
        {BYTES("K\1Q."), "not a storage"},
        {BYTES(")Q."), "not a storage"},
        {BYTES("(X\6\0\0\0moduleN)))tQ."), "not a storage"},
        {BYTES("(X\7\0\0\0storagec__torch__\nA\nX\1\0\0\0" "0)K\1tQ."), "not a storage"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lancelet_error err = {0};
        if (open_pickle(cases[i].pickle, cases[i].n, &err) != LANCELET_CORRUPT)
            fail_msg("case %zu: '%s'", i, err.text);
        assert_says(&err, cases[i].said);
    }
}

#define LARGEST "\x8a\10\xff\xff\xff\xff\xff\xff\xff\x7f"
#define SMALLEST "\x8a\10\0\0\0\0\0\0\0\x80"

static void a_tensor_that_does_not_fit_its_storage_is_named(void **s)
{
    (void)s;
    static const struct {
        const char *pickle;
        size_t n;
        lancelet_status status;
        const char *said;
    } cases[] = {
        {BYTES(STATE(TENSOR_OF(STORAGE, "K\13", "K\2K\3\x86", "K\3K\1\x86"))), LANCELET_CORRUPT,
         "needs 24 bytes from element 11"},
        {BYTES(STATE(TENSOR_OF(STORAGE, "K\21", "K\0\x85", "K\1\x85"))), LANCELET_CORRUPT, "from element 17"},
        {BYTES(STATE(TENSOR_OF(STORAGE, "J\xff\xff\xff\xff", "K\1\x85", "K\1\x85"))), LANCELET_CORRUPT, "from element -1"},
        {BYTES(STATE(TENSOR_OF(STORAGE, LARGEST, "K\1\x85", "K\1\x85"))), LANCELET_CORRUPT,
         "from element 9223372036854775807"},
        {BYTES(STATE(TENSOR_OF(STORAGE, SMALLEST, "K\1\x85", "K\1\x85"))), LANCELET_CORRUPT,
         "from element -9223372036854775808"},
        {BYTES(STATE(TENSOR_OF(STORAGE, "K\0", "K\21\x85", "K\1\x85"))), LANCELET_CORRUPT, "needs 68 bytes"},
        {BYTES(STATE(TENSOR_OF(STORAGE, "K\0", "J\xff\xff\xff\xff\x85", "K\1\x85"))), LANCELET_CORRUPT, "impossible shape"},
        {BYTES(STATE(TENSOR_OF(STORAGE, "K\0", LARGEST LARGEST "\x86", "K\1K\1\x86"))), LANCELET_CORRUPT,
         "impossible shape"},
        {BYTES(STATE(TENSOR_OF(STORAGE, "K\0", LARGEST "\x85", "K\1\x85"))), LANCELET_CORRUPT, "impossible shape"},
        {BYTES(STATE(TENSOR_OF(STORAGE, "K\0", "N\x85", "K\1\x85"))), LANCELET_CORRUPT, "impossible shape"},
        {BYTES(STATE(TENSOR_OF(STORAGE, "K\0", "K\1\x85", ")"))), LANCELET_CORRUPT, "impossible shape"},
        {BYTES(STATE(TENSOR_OF(STORAGE, "K\0", "K\1\x85", "N\x85"))), LANCELET_CORRUPT, "impossible shape"},
        {BYTES(STATE(TENSOR_OF(STORAGE, "K\0", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t", ")"))), LANCELET_LIMIT,
         "more than 8 dimensions"},
        {BYTES(STATE(TENSOR_OF(STORAGE, "K\0", "K\2K\3\x86", "K\1K\2\x86"))), LANCELET_UNSUPPORTED, "view"},
        {BYTES(STATE(TENSOR_OF(STORAGE, "K\0", "K\2K\3\x86", "K\0K\1\x86"))), LANCELET_UNSUPPORTED, "view"},
        {BYTES(STATE(TENSOR_OF(STORAGE, "K\0", "K\2K\3\x86", SMALLEST "K\1\x86"))), LANCELET_UNSUPPORTED, "view"},
        {BYTES(STATE(TENSOR_OF(STORAGE_OF("torch\nFloatStorage", "K\21"), "K\0", "K\1\x85", "K\1\x85"))), LANCELET_CORRUPT,
         "its entry has 64 bytes"},
        {BYTES(STATE(TENSOR_OF(STORAGE_OF("torch\nFloatStorage", LARGEST), "K\0", "K\1\x85", "K\1\x85"))), LANCELET_CORRUPT,
         "its entry has 64 bytes"},
        {BYTES(STATE(TENSOR_OF(STORAGE_OF("torch\nByteStorage", SMALLEST), "K\0", "K\1\x85", "K\1\x85"))), LANCELET_CORRUPT,
         "its entry has 64 bytes"},
        {BYTES(STATE(TENSOR_OF("(X\7\0\0\0storagectorch\nHalfStorage\nX\7\0\0\0../etc/X\0\0\0\0K\1tQ", "K\0", "K\1\x85",
                               "K\1\x85"))),
         LANCELET_CORRUPT, "lacks the entry data/../etc/"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lancelet_error err = {0};
        if (open_pickle(cases[i].pickle, cases[i].n, &err) != cases[i].status)
            fail_msg("case %zu: '%s'", i, err.text);
        assert_says(&err, "'w'");
        assert_says(&err, cases[i].said);
    }
}

static void names_that_cannot_be_are_refused(void **s)
{
    (void)s;
    static const struct {
        const char *pickle;
        size_t n;
        lancelet_status status;
        const char *said;
    } cases[] = {
        {BYTES("}."), LANCELET_UNSUPPORTED, "no tensors by name"},
        {BYTES("N."), LANCELET_UNSUPPORTED, "no tensors by name"},
        {BYTES(TENSOR "."), LANCELET_UNSUPPORTED, "no tensors by name"},
        {BYTES("}K\1" TENSOR "s."), LANCELET_UNSUPPORTED, "no tensors by name"},
        {BYTES("c__torch__\nA\n)\x81."), LANCELET_UNSUPPORTED, "no tensors by name"},
        {BYTES("c__torch__\nA\n)\x81)b."), LANCELET_UNSUPPORTED, "no tensors by name"},
        {BYTES("}X\1\0\0\0\xff" TENSOR "s."), LANCELET_CORRUPT, "not UTF-8"},
        {BYTES("}X\3\0\0\0a\0b" TENSOR "s."), LANCELET_CORRUPT, "not UTF-8"},
        {BYTES("}(X\1\0\0\0w" TENSOR "X\1\0\0\0w" TENSOR "u."), LANCELET_CORRUPT, "'w' is there twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lancelet_error err = {0};
        if (open_pickle(cases[i].pickle, cases[i].n, &err) != cases[i].status)
            fail_msg("case %zu: '%s'", i, err.text);
        assert_says(&err, cases[i].said);
    }
    base_buffer b = {0};
    lancelet_error err = {0};
    put(&b, '}', 1);
    put(&b, 'X', 1);
    put(&b, 600, 4);
    for (int i = 0; i < 600; i++)
        put(&b, 'n', 1);
    assert_true(base_buffer_append(&b, BYTES(TENSOR "s.")));
    assert_int_equal(open_pickle(b.data, b.size, &err), LANCELET_LIMIT);
    base_buffer_free(&b);
}

static void a_checkpoint_gives_its_state_dict_without_the_prefix_of_all_names(void **s)
{
    (void)s;
    lancelet_error err;
    torch_file *f;
    size_t n, count;
    uint8_t *bytes = archive_of(BYTES("}(X\5\0\0\0epochK\1X\1\0\0\0a" TENSOR
                                      "X\12\0\0\0state_dict}(X\10\0\0\0module.b" TENSOR "X\10\0\0\0module.a" TENSOR "uu."),
                                &n);
    assert_ok(torch_file_open(bytes, n, &f, &err), err);
    const weights_tensor *t = torch_file_tensors(f, &count);
    assert_int_equal(count, 2);
    assert_string_equal(t[0].name, "a");
    assert_string_equal(t[1].name, "b");
    torch_file_close(f);
    base_free(bytes);
    bytes = archive_of(BYTES("}(X\10\0\0\0module.b" TENSOR "X\1\0\0\0a" TENSOR "u."), &n);
    assert_ok(torch_file_open(bytes, n, &f, &err), err);
    assert_string_equal(torch_file_tensors(f, &count)[1].name, "module.b"); /* not of all */
    torch_file_close(f);
    base_free(bytes);
}

#define OBJECT(attributes) "c__torch__.m.___torch_mangle_9591\nC\n)\x81}(" attributes "ub"

static void attributes_of_nested_objects_are_joined_by_dots(void **s)
{
    (void)s;
    lancelet_error err;
    torch_file *f;
    size_t n, count;
    uint8_t *bytes = archive_of(BYTES("\x80\2" OBJECT("X\1\0\0\0t" TENSOR "X\1\0\0\0m" OBJECT(
                                    "X\1\0\0\0"
                                    "0" OBJECT("X\1\0\0\0w" TENSOR) "X\1\0\0\0nN") "X\1\0\0\0d}X\1\0\0\0x" TENSOR "s") "."),
                                &n);
    assert_ok(torch_file_open(bytes, n, &f, &err), err);
    assert_true(torch_file_is_script(f));
    const weights_tensor *t = torch_file_tensors(f, &count);
    assert_int_equal(count, 2); /* not the one in a dictionary: it is no parameter */
    assert_string_equal(t[0].name, "m.0.w");
    assert_string_equal(t[1].name, "t");
    torch_file_close(f);
    base_free(bytes);
}

static void objects_that_contain_themselves_or_each_other_many_times_end(void **s)
{
    (void)s;
    lancelet_error err = {0};
    base_buffer b = {0};
    /* An object that is its own attribute. */
    assert_int_equal(open_pickle(BYTES("c__torch__\nC\n)\x81q\0}X\1\0\0\0mh\0sb."), &err), LANCELET_LIMIT);
    assert_says(&err, "nested");
    /* 60 objects, each twice in the next: 2^60 ways to the last. */
    assert_true(base_buffer_append(&b, BYTES("c__torch__\nC\n)\x81q\0")));
    for (int i = 1; i <= 60; i++) {
        uint8_t before = (uint8_t)(i - 1), now = (uint8_t)i;
        assert_true(base_buffer_append(&b, BYTES("c__torch__\nC\n)\x81}(X\1\0\0\0ah")) &&
                    base_buffer_append(&b, &before, 1) && base_buffer_append(&b, BYTES("X\1\0\0\0bh")) &&
                    base_buffer_append(&b, &before, 1) && base_buffer_append(&b, BYTES("ubq")) &&
                    base_buffer_append(&b, &now, 1));
    }
    put(&b, '.', 1);
    assert_int_equal(open_pickle(b.data, b.size, &err), LANCELET_LIMIT);
    base_buffer_free(&b);
    /* A list in itself, doubled again and again, and a million brackets: small, never walked. */
    assert_int_equal(open_pickle(BYTES("]q\0h\0a(h\0h\0h\0eh\0h\0a(h\0h\0e."), &err), LANCELET_UNSUPPORTED);
    for (int i = 0; i < 1000000; i++)
        put(&b, i ? 0x85 : ')', 1);
    put(&b, '.', 1);
    assert_int_equal(open_pickle(b.data, b.size, &err), LANCELET_UNSUPPORTED);
    b.size = 0;
    for (int i = 0; i < 2000001; i++)
        put(&b, '(', 1);
    assert_int_equal(open_pickle(b.data, b.size, &err), LANCELET_LIMIT);
    assert_says(&err, "2000000 values");
    b.size = 0;
    for (int i = 0; i < (16 << 20) + 1; i += 64)
        assert_true(base_buffer_append(&b, "0000000000000000000000000000000000000000000000000000000000000000", 64));
    assert_int_equal(open_pickle(b.data, b.size, &err), LANCELET_LIMIT);
    base_buffer_free(&b);
}

static void a_pickle_cut_anywhere_is_refused(void **s)
{
    (void)s;
    static const char *const names[][2] = {{"weights_checkpoint.pt", "weights_checkpoint/data.pkl"},
                                           {"weights_script.pt", "weights_script/data.pkl"}};
    for (int i = 0; i < 2; i++) {
        lancelet_error err;
        uint8_t *file;
        size_t n;
        weights_zip *z;
        read_fixture(names[i][0], &file, &n);
        assert_ok(weights_zip_open(file, n, &z, &err), err);
        const weights_zip_entry *e = weights_zip_find(z, names[i][1], strlen(names[i][1]));
        assert_non_null(e);
        for (uint64_t cut = 0; cut <= e->bytes; cut++) {
            uint8_t *exact = base_alloc((size_t)cut);
            base_arena arena = {0};
            pickle_value root;
            assert_non_null(exact);
            memcpy(exact, e->data, (size_t)cut);
            assert_int_equal(pickle_read(exact, cut, &arena, &root, &err),
                             cut == e->bytes ? LANCELET_OK : LANCELET_CORRUPT);
            base_arena_free(&arena);
            base_free(exact);
        }
        weights_zip_close(z);
        base_free(file);
    }
}

/* ---- archives ---- */

static lancelet_status open_made(made_zip *z, bool wide, lancelet_error *err)
{
    size_t n;
    uint8_t *bytes = zip_end(z, wide, &n);
    torch_file *f = NULL;
    lancelet_status status = torch_file_open(bytes, n, &f, err);
    torch_file_close(f);
    base_free(bytes);
    return status;
}

static void archives_with_and_without_zip64_open(void **s)
{
    (void)s;
    for (int wide = 0; wide < 4; wide++) {
        lancelet_error err;
        made_zip z = {0};
        zip_add_as(&z, "a/data.pkl", BYTES(STATE(TENSOR)), 0, 0x808, wide & 1);
        zip_add_as(&z, "a/code/a.py", BYTES("packed"), 8, 0x808, wide & 1); /* compressed: never looked at */
        zip_add_as(&z, "a/data/0", BYTES("0123456789012345678901234567890123456789012345678901234567890123"), 0, 0x808,
                   wide & 1);
        zip_add(&z, "a/byteorder", BYTES("little"));
        zip_add(&z, "a/b/data.pkl", BYTES("deeper: another file"));
        assert_ok(open_made(&z, wide & 2, &err), err);
    }
}

static void an_archive_that_is_not_pytorchs_is_refused(void **s)
{
    (void)s;
    lancelet_error err = {0};
    made_zip z = {0};
    zip_add(&z, "a/words", BYTES("x"));
    assert_int_equal(open_made(&z, false, &err), LANCELET_UNSUPPORTED);
    assert_says(&err, "not PyTorch's");
    zip_add(&z, "a/data.pkl", BYTES("N."));
    zip_add(&z, "b/data.pkl", BYTES("N."));
    assert_int_equal(open_made(&z, false, &err), LANCELET_CORRUPT);
    assert_says(&err, "two pickles");
    zip_add(&z, "a/data.pkl", BYTES(STATE(TENSOR)));
    zip_add(&z, "a/byteorder", BYTES("big"));
    assert_int_equal(open_made(&z, false, &err), LANCELET_UNSUPPORTED);
    assert_says(&err, "little-endian");
    zip_add_as(&z, "a/data.pkl", BYTES(STATE(TENSOR)), 8, 0, false);
    assert_int_equal(open_made(&z, false, &err), LANCELET_UNSUPPORTED);
    assert_says(&err, "'a/data.pkl' is compressed");
    zip_add_as(&z, "a/data.pkl", BYTES(STATE(TENSOR)), 0, 1, false);
    assert_int_equal(open_made(&z, false, &err), LANCELET_UNSUPPORTED);
    zip_add(&z, "a/data.pkl", BYTES(STATE(TENSOR)));
    zip_add_as(&z, "a/data/0", BYTES("0123456789012345678901234567890123456789012345678901234567890123"), 8, 0, false);
    assert_int_equal(open_made(&z, false, &err), LANCELET_UNSUPPORTED);
    assert_says(&err, "'a/data/0' is compressed");
    zip_add(&z, "a/data.pkl", BYTES(STATE(TENSOR)));
    assert_int_equal(open_made(&z, false, &err), LANCELET_CORRUPT);
    assert_says(&err, "'w' has no data: the archive lacks the entry data/0");
    zip_add(&z, "a/data.pkl", BYTES("N."));
    zip_add(&z, "a/data.pkl", BYTES("N."));
    assert_int_equal(open_made(&z, false, &err), LANCELET_CORRUPT);
    assert_says(&err, "'a/data.pkl' is there twice");
}

/* Two entries, "a" and "b" with 4 bytes each, and then `width` bytes at `at` from the archive's start (at < 0: from
 * its end) say `value`. */
static lancelet_status open_changed(bool wide_entries, bool wide, long at, uint64_t value, int width, lancelet_error *err)
{
    made_zip z = {0};
    size_t n;
    weights_zip *zip = NULL;
    zip_add_as(&z, "a", "aaaa", 4, 0, 0, wide_entries);
    zip_add_as(&z, "b", "bbbb", 4, 0, 0, wide_entries);
    uint8_t *bytes = zip_end(&z, wide, &n);
    uint8_t *p = at < 0 ? bytes + (long)n + at : bytes + at;
    for (int i = 0; i < width; i++)
        p[i] = (uint8_t)(value >> 8 * i);
    lancelet_status status = weights_zip_open(bytes, n, &zip, err);
    weights_zip_close(zip);
    base_free(bytes);
    return status;
}

static void a_directory_that_lies_is_refused(void **s)
{
    (void)s;
    enum { LOCAL = 30 + 1 + 3 + 4, CENTRAL = 46 + 1 }; /* bytes of an entry in each place */
    static const struct {
        bool wide_entries, wide;
        long at;
        uint64_t value;
        int width;
        lancelet_status status;
        const char *said;
    } cases[] = {
        /* the record at the end, 22 bytes */
        {false, false, -22, 0, 4, LANCELET_CORRUPT, "not at its end"},
        {false, false, -18, 1, 2, LANCELET_UNSUPPORTED, "one part of several"},
        {false, false, -12, 3, 2, LANCELET_CORRUPT, "shorter than its entries"},
        {false, false, -12, 0xfffe, 2, LANCELET_CORRUPT, "shorter than its entries"},
        {false, false, -10, 2 * CENTRAL - 1, 4, LANCELET_CORRUPT, "shorter than its entries"},
        {false, false, -10, 2 * CENTRAL + 1, 4, LANCELET_CORRUPT, "not at its end"},
        {false, false, -6, 2 * LOCAL + 1, 4, LANCELET_CORRUPT, "not at its end"},
        {false, false, -6, 2 * LOCAL - 1, 4, LANCELET_CORRUPT, "shorter than its entries"},
        {false, false, -2, 1, 2, LANCELET_CORRUPT, "not at its end"},
        /* zip64: the locator at -42, the record at -98 */
        {false, true, -34, UINT64_MAX, 8, LANCELET_CORRUPT, "zip64 record is not where"},
        {false, true, -34, 0, 8, LANCELET_CORRUPT, "zip64 record is not where"},
        {false, true, -98 + 32, UINT64_MAX, 8, LANCELET_LIMIT, "more than 100000 entries"},
        {false, true, -98 + 32, 3, 8, LANCELET_CORRUPT, "shorter than its entries"},
        {false, true, -98 + 40, UINT64_MAX, 8, LANCELET_CORRUPT, "not at its end"},
        {false, true, -98 + 48, UINT64_MAX, 8, LANCELET_CORRUPT, "not at its end"},
        {false, true, -12, 1, 2, LANCELET_CORRUPT, "contradict"},
        {false, true, -10, 7, 4, LANCELET_CORRUPT, "contradict"},
        {false, true, -6, 7, 4, LANCELET_CORRUPT, "contradict"},
        /* the directory, behind two local entries: the first entry's fields */
        {false, false, 2 * LOCAL, 0, 1, LANCELET_CORRUPT, "shorter than its entries"},
        {false, false, 2 * LOCAL + 20, 5, 4, LANCELET_CORRUPT, "two sizes"},
        {false, false, 2 * LOCAL + 20, 0x0000000500000005, 8, LANCELET_CORRUPT, "'b' overlaps another"},
        {false, false, 2 * LOCAL + 20, 0x7fffffff7fffffff, 8, LANCELET_CORRUPT, "'a' lies outside"},
        {false, false, 2 * LOCAL + 20, UINT64_MAX, 8, LANCELET_CORRUPT, "lacks its zip64 sizes"},
        {false, false, 2 * LOCAL + 28, 0xffff, 2, LANCELET_CORRUPT, "shorter than its entries"},
        {false, false, 2 * LOCAL + 30, 0xffff, 2, LANCELET_CORRUPT, "shorter than its entries"},
        {false, false, 2 * LOCAL + 42, LOCAL, 4, LANCELET_CORRUPT, "another name at its place"},
        {false, false, 2 * LOCAL + 42, 1, 4, LANCELET_CORRUPT, "not where the directory says"},
        {false, false, 2 * LOCAL + 42, 0x7fffffff, 4, LANCELET_CORRUPT, "lies outside"},
        {false, false, 2 * LOCAL + 42, UINT32_MAX, 4, LANCELET_CORRUPT, "lacks its zip64 sizes"},
        /* its zip64 field: id, length, size, stored size, offset */
        {true, true, 2 * LOCAL + CENTRAL + 4, 2, 2, LANCELET_CORRUPT, "lacks its zip64 sizes"},
        {true, true, 2 * LOCAL + CENTRAL + 6, 20, 2, LANCELET_CORRUPT, "lacks its zip64 sizes"},
        {true, true, 2 * LOCAL + CENTRAL + 6, 0xffff, 2, LANCELET_CORRUPT, "lacks its zip64 sizes"},
        {true, true, 2 * LOCAL + CENTRAL + 8, UINT64_MAX, 8, LANCELET_CORRUPT, "two sizes"},
        {true, true, 2 * LOCAL + CENTRAL + 24, UINT64_MAX, 8, LANCELET_CORRUPT, "lies outside"},
        {true, true, 2 * LOCAL + CENTRAL + 24, LOCAL, 8, LANCELET_CORRUPT, "another name at its place"},
        /* the local entry: its name's and its extra field's length */
        {false, false, 26, 2, 2, LANCELET_CORRUPT, "another name at its place"},
        {false, false, 30, 'x', 1, LANCELET_CORRUPT, "another name at its place"},
        {false, false, 28, 4, 2, LANCELET_CORRUPT, "'b' overlaps another"},
        {false, false, 28, 0xffff, 2, LANCELET_CORRUPT, "'a' lies outside"},
    };
    lancelet_error err = {0};
    assert_ok(open_changed(false, false, 0, 'P', 1, &err), err);
    assert_ok(open_changed(true, true, 0, 'P', 1, &err), err);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lancelet_status status =
            open_changed(cases[i].wide_entries, cases[i].wide, cases[i].at, cases[i].value, cases[i].width, &err);
        if (status != cases[i].status)
            fail_msg("case %zu: status %d: '%s'", i, (int)status, status == LANCELET_OK ? "" : err.text);
        assert_says(&err, cases[i].said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tensor_is_its_part_of_its_storage),
        cmocka_unit_test(a_pickle_that_asks_for_more_than_weights_is_refused_by_name),
        cmocka_unit_test(a_pickle_that_is_broken_is_refused),
        cmocka_unit_test(a_tensor_that_does_not_fit_its_storage_is_named),
        cmocka_unit_test(names_that_cannot_be_are_refused),
        cmocka_unit_test(a_checkpoint_gives_its_state_dict_without_the_prefix_of_all_names),
        cmocka_unit_test(attributes_of_nested_objects_are_joined_by_dots),
        cmocka_unit_test(objects_that_contain_themselves_or_each_other_many_times_end),
        cmocka_unit_test(a_pickle_cut_anywhere_is_refused),
        cmocka_unit_test(archives_with_and_without_zip64_open),
        cmocka_unit_test(an_archive_that_is_not_pytorchs_is_refused),
        cmocka_unit_test(a_directory_that_lies_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
