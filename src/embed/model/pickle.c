/* pickle.c - an interpreter for the pickles that PyTorch writes: Python's pickle protocols 2 to 4 (pickletools'
 * description) from torch.save, and what torch/csrc/jit's pickler writes into TorchScript archives. Departures: an
 * opcode or a global name that is not on the lists below ends the reading with its name; calls are pattern matches on
 * those names; the state of a dictionary (`_metadata`) is dropped; memo numbers must be handed out in order, as all
 * picklers do, so that memory stays in proportion. */
#include "embed/model/pickle.h"

#include <string.h>

enum { MAX_PICKLE = 16 << 20, MAX_VALUES = 2000000, MAX_PROTOCOL = 5 };

typedef enum name_kind {
    NAME_DICT,            /* called: a new dictionary */
    NAME_STORAGE,
    NAME_TENSOR,          /* called: (storage, offset, shape, stride, ...) */
    NAME_PARAMETER,       /* called: (tensor, ...) is the tensor */
    NAME_SIZE,            /* called: (tuple) is the tuple */
    NAME_INERT,           /* called or not: PICKLE_OTHER */
    NAME_CLASS,           /* of TorchScript */
} name_kind;

typedef struct pickle_name {
    const char *module, *name;
    name_kind kind;
    tensor_dtype dtype; /* of a storage */
    uint8_t width;      /* bytes of a storage's element */
} pickle_name;

static const pickle_name names[] = {
    {"collections", "OrderedDict", NAME_DICT, 0, 0},
    {"torch._utils", "_rebuild_tensor_v2", NAME_TENSOR, 0, 0},
    {"torch._utils", "_rebuild_tensor", NAME_TENSOR, 0, 0},
    {"torch._utils", "_rebuild_parameter", NAME_PARAMETER, 0, 0},
    {"torch._utils", "_rebuild_parameter_with_state", NAME_PARAMETER, 0, 0},
    {"torch", "FloatStorage", NAME_STORAGE, TENSOR_F32, 4},
    {"torch", "HalfStorage", NAME_STORAGE, TENSOR_F16, 2},
    {"torch", "BFloat16Storage", NAME_STORAGE, TENSOR_BF16, 2},
    {"torch", "CharStorage", NAME_STORAGE, TENSOR_I8, 1},
    {"torch", "ByteStorage", NAME_STORAGE, TENSOR_U8, 1},
    {"torch", "BoolStorage", NAME_STORAGE, TENSOR_OTHER, 1},
    {"torch", "ShortStorage", NAME_STORAGE, TENSOR_OTHER, 2},
    {"torch", "IntStorage", NAME_STORAGE, TENSOR_OTHER, 4},
    {"torch", "LongStorage", NAME_STORAGE, TENSOR_OTHER, 8},
    {"torch", "DoubleStorage", NAME_STORAGE, TENSOR_OTHER, 8},
    {"torch", "Size", NAME_SIZE, 0, 0},
    {"torch", "device", NAME_INERT, 0, 0},
    {"torch", "float32", NAME_INERT, 0, 0},
    {"torch", "float16", NAME_INERT, 0, 0},
    {"torch", "bfloat16", NAME_INERT, 0, 0},
    {"torch", "float64", NAME_INERT, 0, 0},
    {"torch", "int64", NAME_INERT, 0, 0},
    {"torch", "int32", NAME_INERT, 0, 0},
    {"torch", "int16", NAME_INERT, 0, 0},
    {"torch", "int8", NAME_INERT, 0, 0},
    {"torch", "uint8", NAME_INERT, 0, 0},
    {"torch", "bool", NAME_INERT, 0, 0},
    {"torch.jit._pickle", "build_intlist", NAME_INERT, 0, 0},
    {"torch.jit._pickle", "build_tensorlist", NAME_INERT, 0, 0},
    {"torch.jit._pickle", "build_doublelist", NAME_INERT, 0, 0},
    {"torch.jit._pickle", "build_boollist", NAME_INERT, 0, 0},
    {"torch.jit._pickle", "restore_type_tag", NAME_INERT, 0, 0},
};
static const pickle_name torchscript_class = {"__torch__", "*", NAME_CLASS, 0, 0};

/* A growing array of values: the stack, the memo. */
typedef struct values {
    pickle_value *at;
    size_t n, capacity;
} values;

typedef struct reader {
    const uint8_t *at, *end;
    values stack, memo;
    size_t added; /* values so far, to both */
    base_arena *arena;
    lancelet_error *err;
} reader;

static lancelet_status corrupt(reader *r, const char *what)
{
    return base_fail(r->err, LANCELET_CORRUPT, "the pickle %s", what);
}

static lancelet_status add(reader *r, values *v, pickle_value value)
{
    if (++r->added > MAX_VALUES)
        return base_fail(r->err, LANCELET_LIMIT, "the pickle has more than %d values", MAX_VALUES);
    if (v->n == v->capacity) {
        size_t capacity = v->capacity ? 2 * v->capacity : 256;
        pickle_value *grown = base_realloc(v->at, capacity * sizeof *grown);
        if (!grown)
            return base_fail_memory(r->err);
        v->at = grown;
        v->capacity = capacity;
    }
    v->at[v->n++] = value;
    return LANCELET_OK;
}

static lancelet_status push(reader *r, pickle_value value) { return add(r, &r->stack, value); }

static lancelet_status push_int(reader *r, int64_t v) { return push(r, (pickle_value){.kind = PICKLE_INT, .integer = v}); }
static lancelet_status push_other(reader *r) { return push(r, (pickle_value){.kind = PICKLE_OTHER}); }

static lancelet_status pop(reader *r, pickle_value *out)
{
    if (r->stack.n == 0 || r->stack.at[r->stack.n - 1].kind == PICKLE_MARK)
        return corrupt(r, "uses a value that is not there");
    *out = r->stack.at[--r->stack.n];
    return LANCELET_OK;
}

static lancelet_status top(reader *r, pickle_value **out)
{
    if (r->stack.n == 0 || r->stack.at[r->stack.n - 1].kind == PICKLE_MARK)
        return corrupt(r, "uses a value that is not there");
    *out = &r->stack.at[r->stack.n - 1];
    return LANCELET_OK;
}

/* Takes the values above the last mark, and the mark. They stay readable until the next push. */
static lancelet_status pop_to_mark(reader *r, const pickle_value **items, size_t *n)
{
    size_t at = r->stack.n;
    while (at > 0 && r->stack.at[at - 1].kind != PICKLE_MARK)
        at--;
    if (at == 0)
        return corrupt(r, "lacks a mark");
    *items = r->stack.at + at;
    *n = r->stack.n - at;
    r->stack.n = at - 1;
    return LANCELET_OK;
}

/* n bytes of the pickle */
static lancelet_status take(reader *r, uint64_t n, const uint8_t **out)
{
    if (n > (uint64_t)(r->end - r->at))
        return corrupt(r, "is cut");
    *out = r->at;
    r->at += n;
    return LANCELET_OK;
}

static lancelet_status take_number(reader *r, unsigned width, uint64_t *out)
{
    const uint8_t *p = NULL;
    *out = 0;
    RETURN_IF_ERROR(take(r, width, &p));
    while (width--)
        *out = *out << 8 | p[width];
    return LANCELET_OK;
}

/* A number of `width` bytes and that many bytes. */
static lancelet_status take_counted(reader *r, unsigned width, const uint8_t **out, uint64_t *n)
{
    RETURN_IF_ERROR(take_number(r, width, n));
    return take(r, *n, out);
}

/* ---- containers ---- */

static pickle_items *new_items(reader *r, const pickle_value *items, size_t n)
{
    pickle_items *out = base_arena_alloc(r->arena, sizeof *out);
    pickle_value *copy = out && n ? base_arena_alloc(r->arena, n * sizeof *copy) : NULL;
    if (!out || (n && !copy))
        return NULL;
    if (n)
        memcpy(copy, items, n * sizeof *copy);
    *out = (pickle_items){.item = copy, .n = n, .capacity = n};
    return out;
}

static lancelet_status push_items(reader *r, pickle_kind kind, const pickle_value *items, size_t n)
{
    pickle_items *made = new_items(r, items, n);
    return made ? push(r, (pickle_value){.kind = kind, .items = made}) : base_fail_memory(r->err);
}

static lancelet_status tuple_of(reader *r, size_t n)
{
    pickle_value items[3];
    for (size_t i = n; i-- > 0;)
        RETURN_IF_ERROR(pop(r, &items[i]));
    return push_items(r, PICKLE_TUPLE, items, n);
}

/* Behind what the container on top of the stack holds. */
static lancelet_status extend(reader *r, pickle_kind kind, const pickle_value *items, size_t n)
{
    pickle_value *container = NULL;
    RETURN_IF_ERROR(top(r, &container));
    if (container->kind != kind)
        return corrupt(r, "adds to what is not a container");
    pickle_items *to = container->items;
    if (n > to->capacity - to->n) {
        size_t capacity = to->n + n > 2 * to->capacity ? to->n + n : 2 * to->capacity;
        pickle_value *grown = base_arena_alloc(r->arena, capacity * sizeof *grown);
        if (!grown)
            return base_fail_memory(r->err);
        if (to->n)
            memcpy(grown, to->item, to->n * sizeof *grown);
        to->item = grown;
        to->capacity = capacity;
    }
    if (n)
        memcpy(to->item + to->n, items, n * sizeof *items);
    to->n += n;
    return LANCELET_OK;
}

static lancelet_status append(reader *r, pickle_kind kind, size_t n)
{
    pickle_value items[2];
    for (size_t i = n; i-- > 0;)
        RETURN_IF_ERROR(pop(r, &items[i]));
    return extend(r, kind, items, n);
}

static lancelet_status append_marked(reader *r, pickle_kind kind)
{
    const pickle_value *items;
    size_t n;
    RETURN_IF_ERROR(pop_to_mark(r, &items, &n));
    if (kind == PICKLE_DICT && n % 2 != 0)
        return corrupt(r, "has a key without a value");
    return extend(r, kind, items, n);
}

/* ---- names and what they build ---- */

static bool same(const char *known, const char *text, size_t n)
{
    return strlen(known) == n && memcmp(known, text, n) == 0;
}

static lancelet_status push_name(reader *r, const char *module, size_t module_bytes, const char *name, size_t name_bytes)
{
    const pickle_name *found = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !found; i++)
        if (same(names[i].module, module, module_bytes) && same(names[i].name, name, name_bytes))
            found = &names[i];
    if (!found && (same("__torch__", module, module_bytes) || (module_bytes > 10 && memcmp(module, "__torch__.", 10) == 0)))
        found = &torchscript_class;
    if (!found)
        return base_fail(r->err, LANCELET_UNSUPPORTED,
                         "the pickle asks for '%.*s.%.*s', which no file of weights needs; nothing of it is run",
                         (int)(module_bytes < 60 ? module_bytes : 60), module, (int)(name_bytes < 60 ? name_bytes : 60),
                         name);
    return push(r, found->kind == NAME_INERT ? (pickle_value){.kind = PICKLE_OTHER}
                                             : (pickle_value){.kind = PICKLE_NAME, .name = found});
}

static lancelet_status take_line(reader *r, const char **out, size_t *n)
{
    const uint8_t *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
    if (!newline)
        return corrupt(r, "is cut");
    *out = (const char *)r->at;
    *n = (size_t)(newline - r->at);
    r->at = newline + 1;
    return LANCELET_OK;
}

static lancelet_status global_lines(reader *r)
{
    const char *module = NULL, *name = NULL;
    size_t module_bytes = 0, name_bytes = 0;
    RETURN_IF_ERROR(take_line(r, &module, &module_bytes));
    RETURN_IF_ERROR(take_line(r, &name, &name_bytes));
    return push_name(r, module, module_bytes, name, name_bytes);
}

static lancelet_status global_on_stack(reader *r)
{
    pickle_value module = {0}, name = {0};
    RETURN_IF_ERROR(pop(r, &name));
    RETURN_IF_ERROR(pop(r, &module));
    if (module.kind != PICKLE_STRING || name.kind != PICKLE_STRING)
        return corrupt(r, "asks for a name that is no string");
    return push_name(r, module.string, module.bytes, name.string, name.bytes);
}

/* ('storage', type, key, location, count) */
static lancelet_status persistent(reader *r)
{
    pickle_value id = {0};
    RETURN_IF_ERROR(pop(r, &id));
    const pickle_value *part = id.kind == PICKLE_TUPLE ? id.items->item : NULL;
    if (!part || id.items->n < 5 || part[0].kind != PICKLE_STRING || !same("storage", part[0].string, part[0].bytes) ||
        part[1].kind != PICKLE_NAME || part[1].name->kind != NAME_STORAGE || part[2].kind != PICKLE_STRING ||
        part[4].kind != PICKLE_INT)
        return corrupt(r, "refers to something that is not a storage of PyTorch");
    pickle_storage *s = base_arena_alloc(r->arena, sizeof *s);
    if (!s)
        return base_fail_memory(r->err);
    *s = (pickle_storage){
        .dtype = part[1].name->dtype, .width = part[1].name->width, .key = part[2], .count = part[4].integer};
    return push(r, (pickle_value){.kind = PICKLE_STORAGE, .storage = s});
}

static bool is_sequence(const pickle_value *v) { return v->kind == PICKLE_TUPLE || v->kind == PICKLE_LIST; }

static lancelet_status rebuild_tensor(reader *r, const pickle_value *args, size_t n)
{
    if (n < 4 || args[0].kind != PICKLE_STORAGE || args[1].kind != PICKLE_INT || !is_sequence(&args[2]) ||
        !is_sequence(&args[3]))
        return corrupt(r, "describes a tensor in a way that PyTorch does not");
    /* The seventh: a dictionary that calls the values conjugate or negative. */
    if (n > 6 && args[6].kind != PICKLE_OTHER && !(args[6].kind == PICKLE_DICT && args[6].items->n == 0))
        return base_fail(r->err, LANCELET_UNSUPPORTED,
                         "the pickle has a tensor with metadata: save it again as plain values");
    pickle_tensor *t = base_arena_alloc(r->arena, sizeof *t);
    if (!t)
        return base_fail_memory(r->err);
    *t = (pickle_tensor){
        .storage = args[0].storage, .offset = args[1].integer, .shape = args[2].items, .stride = args[3].items};
    return push(r, (pickle_value){.kind = PICKLE_TENSOR, .tensor = t});
}

static lancelet_status reduce(reader *r)
{
    pickle_value args = {0}, callee = {0};
    RETURN_IF_ERROR(pop(r, &args));
    RETURN_IF_ERROR(pop(r, &callee));
    if (args.kind != PICKLE_TUPLE || (callee.kind != PICKLE_NAME && callee.kind != PICKLE_OTHER))
        return corrupt(r, "calls what cannot be called");
    if (callee.kind == PICKLE_OTHER)
        return push_other(r);
    const pickle_value *arg = args.items->item;
    size_t n = args.items->n;
    switch (callee.name->kind) {
    case NAME_DICT:
        if (n == 0)
            return push_items(r, PICKLE_DICT, NULL, 0);
        break;
    case NAME_TENSOR:
        return rebuild_tensor(r, arg, n);
    case NAME_PARAMETER:
        if (n >= 1 && arg[0].kind == PICKLE_TENSOR)
            return push(r, arg[0]);
        break;
    case NAME_SIZE:
        if (n == 1 && is_sequence(&arg[0]))
            return push(r, arg[0]);
        break;
    default:
        break;
    }
    return base_fail(r->err, LANCELET_CORRUPT, "the pickle calls %s.%s in a way that PyTorch does not", callee.name->module,
                     callee.name->name);
}

static lancelet_status new_object(reader *r)
{
    pickle_value args = {0}, class = {0};
    RETURN_IF_ERROR(pop(r, &args));
    RETURN_IF_ERROR(pop(r, &class));
    if (class.kind != PICKLE_NAME || class.name->kind != NAME_CLASS || args.kind != PICKLE_TUPLE)
        return corrupt(r, "makes an object of what is not a TorchScript class");
    return push_items(r, PICKLE_OBJECT, NULL, 0);
}

/* The state of an object is its attributes; that of a dictionary (`_metadata`) says nothing of tensors. */
static lancelet_status build(reader *r)
{
    pickle_value state = {0}, *target = NULL;
    RETURN_IF_ERROR(pop(r, &state));
    RETURN_IF_ERROR(top(r, &target));
    if (target->kind == PICKLE_OBJECT && state.kind == PICKLE_DICT)
        *target->items = *state.items;
    else if (target->kind != PICKLE_OBJECT && target->kind != PICKLE_DICT)
        return corrupt(r, "gives a state to what has none");
    return LANCELET_OK;
}

/* ---- memo ---- */

static lancelet_status put(reader *r, uint64_t number)
{
    pickle_value *value = NULL;
    RETURN_IF_ERROR(top(r, &value));
    if (number > r->memo.n)
        return corrupt(r, "numbers its values out of order");
    if (number == r->memo.n)
        return add(r, &r->memo, *value);
    r->memo.at[number] = *value;
    return LANCELET_OK;
}

static lancelet_status get(reader *r, uint64_t number)
{
    if (number >= r->memo.n)
        return corrupt(r, "uses a value that is not there");
    return push(r, r->memo.at[number]);
}

/* ---- the opcodes ---- */

static lancelet_status read_string(reader *r, unsigned width)
{
    const uint8_t *text = NULL;
    uint64_t n;
    RETURN_IF_ERROR(take_counted(r, width, &text, &n)); /* within the pickle: n fits 32 bits */
    return push(r, (pickle_value){.kind = PICKLE_STRING, .bytes = (uint32_t)n, .string = (const char *)text});
}

/* A little-endian number of any length; beyond 64 bits nothing here is counted. */
static lancelet_status read_long(reader *r, unsigned width)
{
    const uint8_t *p = NULL;
    uint64_t n, v = 0;
    RETURN_IF_ERROR(take_counted(r, width, &p, &n));
    if (n > 8)
        return push_other(r);
    if (n > 0 && p[n - 1] & 0x80)
        v = UINT64_MAX;
    while (n--)
        v = v << 8 | p[n];
    return push_int(r, (int64_t)v);
}

static lancelet_status skip(reader *r, uint64_t n)
{
    const uint8_t *ignored;
    return take(r, n, &ignored);
}

static lancelet_status step(reader *r, uint8_t opcode)
{
    uint64_t v;
    const uint8_t *ignored;
    const pickle_value *items;
    size_t n;
    switch (opcode) {
    case 0x80: /* PROTO */
        RETURN_IF_ERROR(take_number(r, 1, &v));
        if (v > MAX_PROTOCOL)
            return base_fail(r->err, LANCELET_UNSUPPORTED, "the pickle is of protocol %d, which is not known", (int)v);
        return LANCELET_OK;
    case 0x95: /* FRAME */
        return skip(r, 8);
    case '(': /* MARK */
        return push(r, (pickle_value){.kind = PICKLE_MARK});
    case 'N': /* NONE */
        return push_other(r);
    case 0x88: /* NEWTRUE */
        return push_int(r, 1);
    case 0x89: /* NEWFALSE */
        return push_int(r, 0);
    case 'K': /* BININT1 */
        RETURN_IF_ERROR(take_number(r, 1, &v));
        return push_int(r, (int64_t)v);
    case 'M': /* BININT2 */
        RETURN_IF_ERROR(take_number(r, 2, &v));
        return push_int(r, (int64_t)v);
    case 'J': /* BININT */
        RETURN_IF_ERROR(take_number(r, 4, &v));
        return push_int(r, (int32_t)(uint32_t)v);
    case 0x8a: /* LONG1 */
        return read_long(r, 1);
    case 0x8b: /* LONG4 */
        return read_long(r, 4);
    case 'G': /* BINFLOAT */
        RETURN_IF_ERROR(skip(r, 8));
        return push_other(r);
    case 'X': /* BINUNICODE */
        return read_string(r, 4);
    case 0x8c: /* SHORT_BINUNICODE */
        return read_string(r, 1);
    case 0x8d: /* BINUNICODE8 */
        return read_string(r, 8);
    case 'C': /* SHORT_BINBYTES */
        RETURN_IF_ERROR(take_counted(r, 1, &ignored, &v));
        return push_other(r);
    case 'B': /* BINBYTES */
        RETURN_IF_ERROR(take_counted(r, 4, &ignored, &v));
        return push_other(r);
    case ')': /* EMPTY_TUPLE */
        return push_items(r, PICKLE_TUPLE, NULL, 0);
    case 0x85: /* TUPLE1 */
    case 0x86: /* TUPLE2 */
    case 0x87: /* TUPLE3 */
        return tuple_of(r, (size_t)(opcode - 0x84));
    case 't': /* TUPLE */
        RETURN_IF_ERROR(pop_to_mark(r, &items, &n));
        return push_items(r, PICKLE_TUPLE, items, n);
    case ']': /* EMPTY_LIST */
        return push_items(r, PICKLE_LIST, NULL, 0);
    case 'a': /* APPEND */
        return append(r, PICKLE_LIST, 1);
    case 'e': /* APPENDS */
        return append_marked(r, PICKLE_LIST);
    case '}': /* EMPTY_DICT */
        return push_items(r, PICKLE_DICT, NULL, 0);
    case 's': /* SETITEM */
        return append(r, PICKLE_DICT, 2);
    case 'u': /* SETITEMS */
        return append_marked(r, PICKLE_DICT);
    case 'c': /* GLOBAL */
        return global_lines(r);
    case 0x93: /* STACK_GLOBAL */
        return global_on_stack(r);
    case 'Q': /* BINPERSID */
        return persistent(r);
    case 'R': /* REDUCE */
        return reduce(r);
    case 0x81: /* NEWOBJ */
        return new_object(r);
    case 'b': /* BUILD */
        return build(r);
    case 'q': /* BINPUT */
        RETURN_IF_ERROR(take_number(r, 1, &v));
        return put(r, v);
    case 'r': /* LONG_BINPUT */
        RETURN_IF_ERROR(take_number(r, 4, &v));
        return put(r, v);
    case 0x94: /* MEMOIZE */
        return put(r, r->memo.n);
    case 'h': /* BINGET */
        RETURN_IF_ERROR(take_number(r, 1, &v));
        return get(r, v);
    case 'j': /* LONG_BINGET */
        RETURN_IF_ERROR(take_number(r, 4, &v));
        return get(r, v);
    default:
        return base_fail(r->err, LANCELET_UNSUPPORTED,
                         "the pickle uses opcode 0x%02x, which PyTorch does not write; nothing of it is run", opcode);
    }
}

static lancelet_status run(reader *r, pickle_value *out)
{
    for (;;) {
        uint64_t opcode;
        RETURN_IF_ERROR(take_number(r, 1, &opcode));
        if (opcode == '.') /* STOP */
            return pop(r, out);
        RETURN_IF_ERROR(step(r, (uint8_t)opcode));
    }
}

lancelet_status pickle_read(const uint8_t *bytes, uint64_t n, base_arena *arena, pickle_value *out, lancelet_error *err)
{
    if (n > MAX_PICKLE)
        return base_fail(err, LANCELET_LIMIT, "the pickle has %llu bytes, more than %d", (unsigned long long)n, MAX_PICKLE);
    reader r = {.at = bytes, .end = bytes + n, .arena = arena, .err = err};
    lancelet_status status = run(&r, out);
    base_free(r.stack.at);
    base_free(r.memo.at);
    return status;
}

const pickle_value *pickle_find(const pickle_items *dict, const char *key)
{
    for (size_t i = dict->n / 2; i-- > 0;)
        if (dict->item[2 * i].kind == PICKLE_STRING && same(key, dict->item[2 * i].string, dict->item[2 * i].bytes))
            return &dict->item[2 * i + 1];
    return NULL;
}
