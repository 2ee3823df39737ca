/* Stands in until the expr room is there; to be deleted then. */
#include "lance/expr/expr.h"
__attribute__((weak)) lancelet_status lance_expr_compile(const char *text, const struct ArrowSchema *schema, const struct ArrowSchema *result,
                                   int64_t now_us, lance_expr **out, lancelet_error *err)
{ (void)text;(void)schema;(void)result;(void)now_us;(void)out; return base_fail(err, LANCELET_UNSUPPORTED, "no conditions yet"); }
__attribute__((weak)) void lance_expr_free(lance_expr *e) {(void)e;}
__attribute__((weak)) const size_t *lance_expr_columns(const lance_expr *e, size_t *n) {(void)e;*n=0;return NULL;}
__attribute__((weak)) lancelet_status lance_expr_test(const lance_expr *e, const struct ArrowArray *columns, size_t rows, uint8_t *keep,
                                lancelet_error *err) {(void)e;(void)columns;(void)rows;(void)keep;return base_fail(err,LANCELET_UNSUPPORTED,"x");}
__attribute__((weak)) lancelet_status lance_expr_values(const lance_expr *e, const struct ArrowArray *columns, size_t rows, struct ArrowArray *out,
                                  lancelet_error *err) {(void)e;(void)columns;(void)rows;(void)out;return base_fail(err,LANCELET_UNSUPPORTED,"x");}
