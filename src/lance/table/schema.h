/* schema.h - what the two halves of the schema share. */
#ifndef LANCE_TABLE_SCHEMA_H
#define LANCE_TABLE_SCHEMA_H

enum { TABLE_FIELD_METADATA = 10 }; /* field number of a Field's map */

/* The logical type of an Arrow format without parameters and children ("i" gives "int32"), NULL for any other. */
const char *table_logical_of(const char *format);

#endif
