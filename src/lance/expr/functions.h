/* functions.h - the functions of conditions, for the files that hold them. */
#ifndef LANCE_EXPR_FUNCTIONS_H
#define LANCE_EXPR_FUNCTIONS_H

#include "lance/expr/tree.h"

typedef enum expr_function_id {
    FN_LOWER,
    FN_UPPER,
    FN_STARTS_WITH,
    FN_ENDS_WITH,
    FN_CONTAINS,
    FN_LENGTH,
    FN_OCTET_LENGTH,
    FN_STRPOS,
    FN_LEFT,
    FN_RIGHT,
    FN_SUBSTR,
    FN_TRIM,
    FN_LTRIM,
    FN_RTRIM,
    FN_REPLACE,
    FN_CONCAT,
    FN_ABS,
    FN_ROUND,
    FN_FLOOR,
    FN_CEIL,
    FN_SQRT,
    FN_POWER,
    FN_ISNAN,
    FN_ISZERO,
    FN_NANVL,
    FN_COALESCE,
    FN_NULLIF,
    FN_GREATEST,
    FN_LEAST,
    FN_IS_VALID,
    FN_NOW,
    FN_TODAY,
    FN_TO_TIMESTAMP,
    FN_TO_DATE,
    FN_DATE_TRUNC,
    FN_DATE_PART,
    FN_ARRAY_HAS,
    FN_ARRAY_LENGTH,
} expr_function_id;

struct expr_function {
    const char *name;
    expr_function_id id;
    size_t least, most; /* arguments */
};

/* a: the arguments' vectors */
lancelet_status expr_text_function(expr_context *c, const expr_node *call, const expr_vector *a, expr_vector *out) MUST_CHECK;
/* Of date_trunc() and date_part(); v: the timestamps */
lancelet_status expr_date_function(expr_context *c, const expr_node *call, const expr_vector *v, expr_vector *out) MUST_CHECK;
bool expr_date_unit(expr_view name); /* is it one? */

#endif
