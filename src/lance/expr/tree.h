/* tree.h - what the files of this room share: types, typed trees, and the vectors of one block of rows that they are evaluated
 * over. A tree is made once (lexer, parser, bind) in an arena and is not changed by evaluating it. */
#ifndef LANCE_EXPR_TREE_H
#define LANCE_EXPR_TREE_H

#include "lance/expr/expr.h"

#define EXPR_BLOCK 1024 /* rows evaluated at a time: vectors of 16-byte values stay in the first cache */
#define EXPR_TEXT_LIMIT (16u << 20) /* bytes: lists of 100,000 ids are passed as text */
#define EXPR_DEPTH_LIMIT 250        /* parentheses, NOT, operands within operands */
#define EXPR_NODE_LIMIT 2000000     /* literals, columns, operations: some 500 MB */
#define EXPR_REGISTER_LIMIT 10000   /* vectors of a block at a time: 170 MB */

__extension__ typedef __int128 expr_wide;
__extension__ typedef unsigned __int128 expr_uwide;

/* ---- types ---- */
typedef enum expr_kind {
    EXPR_NULL, /* of the literal null: goes with every type */
    EXPR_BOOL,
    EXPR_INT,   /* width 8 .. 64 */
    EXPR_UINT,  /* width 8 .. 64 */
    EXPR_FLOAT, /* width 16 .. 64; computed as double and rounded to the width */
    EXPR_DECIMAL,
    EXPR_STRING, /* utf8, large utf8, dictionaries of them */
    EXPR_BINARY,
    EXPR_DATE,      /* days */
    EXPR_DATE64,    /* milliseconds */
    EXPR_TIME,      /* of day, in units */
    EXPR_TIMESTAMP, /* units since 1970; zone NULL: of no zone */
    EXPR_DURATION,  /* units */
    EXPR_INTERVAL,  /* literals only */
    EXPR_LIST,      /* list, large list, fixed-size list: schema */
    EXPR_STRUCT,    /* schema */
} expr_kind;

typedef struct expr_type {
    expr_kind kind;
    int width;                        /* bits: integers and floats; bytes: fixed-size binary, else 0 */
    int unit;                         /* 0 s, 1 ms, 2 us, 3 ns */
    int precision, scale;             /* decimals */
    const char *zone;                 /* timestamps; borrowed from a schema */
    const struct ArrowSchema *schema; /* lists and structs; NULL: a list literal */
} expr_type;

/* false where the type is not known here. */
bool expr_type_of(const struct ArrowSchema *s, expr_type *out);
/* "int64", "timestamp[us, UTC]" ...: at most 63 bytes. */
const char *expr_type_name(expr_type t, char out[64]);
bool expr_same_type(expr_type a, expr_type b);
bool expr_is_number(expr_type t); /* integers, floats, decimals */
/* The type that both sides of a comparison are cast to, of coalesce() and IN; and that of a + b ... DataFusion's rules. */
bool expr_compare_type(expr_type a, expr_type b, expr_type *out);
bool expr_arithmetic_type(expr_type a, expr_type b, char op, expr_type *left, expr_type *right, expr_type *out);
expr_type expr_decimal_of(expr_type integer);

#define EXPR_BOOLEAN ((expr_type){.kind = EXPR_BOOL})
#define EXPR_INT64 ((expr_type){.kind = EXPR_INT, .width = 64})
#define EXPR_DOUBLE ((expr_type){.kind = EXPR_FLOAT, .width = 64})
#define EXPR_TEXT ((expr_type){.kind = EXPR_STRING})

/* ---- values ---- */
typedef struct expr_view {
    const char *p;
    size_t n; /* bytes */
} expr_view;
typedef struct expr_interval {
    int32_t months, days;
    int64_t nanos;
} expr_interval;
typedef struct expr_item { /* a list or a struct: a row of an array */
    const struct ArrowArray *array;
    int64_t row; /* array->offset not included */
} expr_item;
typedef union expr_value {
    int64_t i; /* integers (uint64 keeps its bits), dates, times; bool: EXPR_FALSE .. EXPR_TRUE */
    double d;
    expr_wide w; /* decimals: value * 10^scale */
    expr_view s;
    expr_interval interval;
} expr_value;

/* Three-valued logic: AND is the least, OR the greatest, NOT is 2 - x. */
enum { EXPR_FALSE = 0, EXPR_UNKNOWN = 1, EXPR_TRUE = 2 };

/* The values of a block. What they are by kind: bool `truth` (no `valid`); float `d`; decimal `w`; string and binary `s`;
 * interval `interval`; list and struct `item`; null nothing; all others `i`. */
typedef struct expr_vector {
    union {
        void *any;
        uint8_t *truth;
        int64_t *i;
        double *d;
        expr_wide *w;
        expr_view *s;
        expr_interval *interval;
        expr_item *item;
    };
    uint8_t *valid; /* [n] 0 or 1; NULL: all are */
} expr_vector;

/* ---- trees ---- */
typedef enum expr_op {
    EXPR_LITERAL, /* value, or null */
    EXPR_ARRAY,   /* [ ... ]: children are literals */
    EXPR_COLUMN,  /* name (parser); column (bind) */
    EXPR_FIELD,   /* of a struct: name (parser); field (bind) */
    EXPR_ELEMENT, /* list[index], from 1 */
    EXPR_AND,
    EXPR_OR,
    EXPR_NOT,
    EXPR_IS_NULL,
    EXPR_IS_TRUE,
    EXPR_IS_FALSE,
    EXPR_COMPARE,
    EXPR_BETWEEN, /* typed: of literals, NOT is negated */
    EXPR_IN,
    EXPR_IN_SET, /* of literals: set */
    EXPR_LIKE,
    EXPR_ARITHMETIC,
    EXPR_NEGATE,
    EXPR_CONCAT,
    EXPR_CAST, /* to `type`; `try`: null where it cannot be cast */
    EXPR_CALL,
    EXPR_SHARE,  /* child[1], within which child[0] is computed once */
    EXPR_SHARED, /* the value of child[0], which a SHARE above has computed */
} expr_op;
typedef enum expr_comparison { EXPR_EQ, EXPR_NE, EXPR_LT, EXPR_LE, EXPR_GT, EXPR_GE } expr_comparison;

typedef struct expr_set expr_set;
typedef struct expr_pattern expr_pattern;
typedef struct expr_function expr_function;

typedef struct expr_node {
    expr_op op;
    expr_type type;
    uint32_t begin, end; /* bytes of the text, for sentences */
    uint32_t depth;
    bool negated;       /* IS NOT ..., NOT IN, NOT BETWEEN, NOT LIKE */
    bool null;          /* literal */
    bool insensitive;   /* ILIKE */
    bool try;           /* CAST */
    bool saturate;      /* CAST of a moment: the nearest that there is, for comparisons */
    char arithmetic;    /* + - * / % */
    char escape;        /* LIKE */
    expr_comparison comparison;
    size_t n;                /* children */
    struct expr_node **child;
    expr_value value;
    expr_view name;          /* column, field, function, with quotes taken off */
    bool quoted;             /* name: a column for certain */
    bool presence;           /* only whether it is null is asked: of any type */
    size_t column;           /* index of the schema's child */
    size_t field;            /* child index of the struct */
    expr_type item_type;     /* array_has(): of the list's items */
    const expr_set *set;
    const expr_pattern *pattern;
    const expr_function *function;
} expr_node;

struct lance_expr {
    base_arena arena;
    expr_node *root;
    const struct ArrowSchema *schema;
    size_t *column; /* [n_columns] ascending indices of the schema's children */
    size_t *slot;   /* [children of the schema] index into column; SIZE_MAX: not read */
    size_t n_columns;
    const struct ArrowSchema *result; /* NULL: a condition */
};

/* b > 0 */
static inline int64_t expr_floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}
static inline int64_t expr_floor_rest(int64_t a, int64_t b)
{
    return a % b + (a % b < 0 ? b : 0);
}
/* For sentences: at most `most` bytes of v, no character cut. */
static inline int expr_cut(expr_view v, size_t most)
{
    if (v.n <= most)
        return (int)v.n;
    while (most > 0 && (v.p[most] & 0xC0) == 0x80)
        most--;
    return (int)most;
}

/* Making a tree: what the parser and bind know. */
typedef struct expr_maker {
    lance_expr *e;
    const char *text;
    size_t n; /* bytes */
    int64_t now_us;
    base_arena *arena; /* of e */
    lancelet_error *err;
    lancelet_status failed;     /* why expr_node_make gave none */
    size_t nodes;               /* made */
    size_t counted, characters; /* expr_position: up to this byte there are so many */
} expr_maker;

expr_node *expr_node_make(expr_maker *m, expr_op op, size_t children); /* NULL: m->failed, said */
size_t expr_position(expr_maker *m, size_t at); /* of a byte, in characters from 1 */
/* The text of a node, cut when long. */
const char *expr_words(const expr_maker *m, const expr_node *node, char out[80]);

/* ---- the parts ---- */
typedef enum expr_token_kind {
    EXPR_END,
    EXPR_WORD,   /* bare name or keyword */
    EXPR_NAME,   /* quoted name */
    EXPR_NUMBER,
    EXPR_STRING_LITERAL,
    EXPR_HEX_LITERAL, /* value: the bytes */
    EXPR_SYMBOL,
} expr_token_kind;
typedef struct expr_token {
    expr_token_kind kind;
    char symbol[3]; /* "<=", "::" ... */
    uint32_t begin, end;
    expr_view value; /* word as written, name, string and bytes unquoted, number's digits */
} expr_token;
/* The token at *at; *at moves behind it. */
lancelet_status expr_lex(expr_maker *m, size_t *at, expr_token *out) MUST_CHECK;

lancelet_status expr_parse(expr_maker *m, expr_node **out) MUST_CHECK;
/* Resolves names, sets types, casts and folds constants. */
lancelet_status expr_bind(expr_maker *m, expr_node **root) MUST_CHECK;

/* ---- evaluation: one call's scratch ---- */
typedef struct expr_shared {
    const expr_node *node;
    expr_vector value;
    const struct expr_shared *up;
} expr_shared;
typedef struct expr_context {
    const lance_expr *e;
    const struct ArrowArray *columns;
    size_t start, n;   /* rows of the block */
    const uint8_t *active; /* [n] 0: an error in this row does not count; NULL: all do */
    uint8_t **registers;   /* vectors: [EXPR_BLOCK] of 16 bytes, then as many of `valid` */
    size_t n_registers, capacity, used;
    const expr_shared *shared; /* the innermost */
    base_arena text; /* strings made for the block */
    size_t made;     /* bytes of them */
    lancelet_error *err;
} expr_context;
lancelet_status expr_eval(expr_context *c, const expr_node *node, expr_vector *out) MUST_CHECK;
/* A vector of the context's own: with valid[n] when `nulls`. */
lancelet_status expr_take(expr_context *c, bool nulls, expr_vector *out) MUST_CHECK;
void expr_context_free(expr_context *c);
/* Does an error in row i count? */
static inline bool expr_counts(const expr_context *c, size_t i)
{
    return !c->active || c->active[i];
}
static inline bool expr_valid(const expr_vector *v, size_t i)
{
    return !v->valid || v->valid[i];
}
/* A string of n bytes to be filled, kept until the block ends. */
lancelet_status expr_make_text(expr_context *c, size_t n, expr_view *out) MUST_CHECK;
/* The items of a list: rows of its child array. */
void expr_list_range(const struct ArrowSchema *schema, expr_item item, int64_t *begin, int64_t *end);
/* valid of out := where a and b both are; out was taken with nulls when either has them. */
void expr_both_valid(const expr_vector *a, const expr_vector *b, size_t n, expr_vector *out);

/* Rows of an array as a vector. */
lancelet_status expr_load(expr_context *c, const struct ArrowSchema *s, expr_type t, const struct ArrowArray *a,
                          expr_vector *out) MUST_CHECK;
/* The same of rows here and there: item[i] of a list's or struct's child `a`; rows below 0 are null. */
lancelet_status expr_gather(expr_context *c, const struct ArrowSchema *s, expr_type t, const struct ArrowArray *a,
                            const int64_t *rows, expr_vector *out) MUST_CHECK;

void expr_compare(expr_type t, expr_comparison op, const expr_vector *a, const expr_vector *b, size_t n, uint8_t *truth);
void expr_compare_literal(expr_type t, expr_comparison op, const expr_vector *a, const expr_value *b, size_t n, uint8_t *truth);
int expr_order(expr_type t, const expr_vector *a, size_t i, const expr_vector *b, size_t k);
lancelet_status expr_arithmetic(expr_context *c, const expr_node *node, const expr_vector *a, const expr_vector *b, expr_vector *out) MUST_CHECK;
lancelet_status expr_negate(expr_context *c, const expr_node *node, const expr_vector *a, expr_vector *out) MUST_CHECK;
lancelet_status expr_cast(expr_context *c, const expr_node *node, expr_type from, const expr_vector *a, expr_vector *out) MUST_CHECK;
bool expr_can_cast(expr_type from, expr_type to);
expr_wide expr_power_of_ten(int n); /* n <= 38 */

/* ---- sets of literals for IN ---- */
/* NULL: no memory. literal[n]: literals of `type`. */
const expr_set *expr_set_make(base_arena *arena, expr_type type, expr_node *const *literal, size_t n);
void expr_set_test(const expr_set *set, expr_type type, const expr_vector *a, size_t n, bool negated, uint8_t *truth);

/* ---- patterns of LIKE ---- */
const expr_pattern *expr_pattern_make(base_arena *arena, const char *text, size_t n, char escape, bool insensitive);
bool expr_pattern_match(const expr_pattern *p, const char *s, size_t n);

/* ---- functions ---- */
const expr_function *expr_function_find(expr_view name);
/* Sets types and casts of a call whose arguments are bound. */
lancelet_status expr_function_bind(expr_maker *m, expr_node *call) MUST_CHECK;
lancelet_status expr_function_eval(expr_context *c, const expr_node *call, expr_vector *out) MUST_CHECK;
/* node cast to t, a literal at once. */
lancelet_status expr_cast_node(expr_maker *m, expr_node **node, expr_type t) MUST_CHECK;
/* A node over literals alone becomes one. */
lancelet_status expr_fold_node(expr_maker *m, expr_node **node) MUST_CHECK;
/* a IN (b, c ...): the children are a, b, c ... */
lancelet_status expr_in_node(expr_maker *m, expr_node *node) MUST_CHECK;

/* ---- letters ---- */
uint32_t expr_fold(uint32_t c); /* simple case folding */
/* At most 3 code points; how many. */
int expr_lower(uint32_t c, uint32_t out[3]);
int expr_upper(uint32_t c, uint32_t out[3]);

/* ---- dates and times as text ---- */
bool expr_parse_date(expr_view s, int64_t *days);
/* Nanoseconds may not fit: seconds and nanos apart. *has_zone: it ends in an offset, which was taken off. */
bool expr_parse_timestamp(expr_view s, int64_t *seconds, int32_t *nanos, bool *has_zone);
bool expr_parse_offset(expr_view s, int32_t *seconds); /* Z, +01:00, +0100, +01 */
bool expr_parse_time(expr_view s, int64_t *nanos);
bool expr_parse_interval(expr_view s, expr_interval *out);
int64_t expr_days_from_civil(int64_t year, unsigned month, unsigned day);
void expr_civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day);
bool expr_add_months(int64_t days, int64_t months, int64_t *out);
extern const int64_t expr_unit[4]; /* units a second */
/* Seconds east of UTC of a zone at `at` (seconds since 1970; local: of its own clock); false: zone not known. */
bool expr_zone_offset(const char *zone, int64_t at, bool local, int32_t *seconds);

#endif
