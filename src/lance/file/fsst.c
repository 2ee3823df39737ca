/* fsst.c - decoding FSST strings (Boncz, Neumann, Leis: FSST: Fast Random Access String Compression, VLDB 2020) with
 * the symbol table as Lance stores it: u64 header ("FSST" in the high 32 bits, bit 24 = compressed, byte 0 = number of
 * symbols), 8 bytes a symbol, then one length byte a symbol directly behind. Code 255 escapes the next byte. With bit
 * 24 off the strings are plain. */
#include "lance/file/page.h"

enum { ESCAPE = 255 };
static const uint32_t MAGIC = 0x46535354; /* "FSST" read as a big-endian word */

lancelet_status lance_fsst_open(wire_span table, lance_fsst *out, lancelet_error *err)
{
    memset(out, 0, sizeof *out);
    if (table.size < 8)
        return base_fail(err, LANCELET_CORRUPT, "an FSST symbol table is too short");
    uint64_t header = wire_little(table.data, 8);
    if (header >> 32 != MAGIC)
        return base_fail(err, LANCELET_CORRUPT, "an FSST symbol table does not begin as one");
    out->on = header >> 24 & 1;
    out->n = (uint8_t)header;
    if (!out->on)
        return LANCELET_OK;
    if (table.size < 8 + 9 * (size_t)out->n)
        return base_fail(err, LANCELET_CORRUPT, "an FSST symbol table is too short for its %d symbols",
                         out->n);
    memcpy(out->symbol, table.data + 8, 8 * (size_t)out->n);
    memcpy(out->length, table.data + 8 + 8 * (size_t)out->n, out->n);
    for (unsigned i = 0; i < out->n; i++)
        if (out->length[i] < 1 || out->length[i] > 8)
            return base_fail(err, LANCELET_CORRUPT, "an FSST symbol is %d bytes long", out->length[i]);
    return LANCELET_OK;
}

lancelet_status lance_fsst_decode(const lance_fsst *t, wire_span in, base_buffer *out, lancelet_error *err)
{
    if (!t->on)
        return in.size == 0 || base_buffer_append(out, in.data, in.size) ? LANCELET_OK
                                                                         : base_fail_memory(err);
    size_t most;
    if (!base_mul_size(in.size, 8, &most) || !base_buffer_reserve(out, most))
        return base_fail_memory(err);
    uint8_t *to = out->data + out->size;
    for (size_t i = 0; i < in.size; i++) {
        uint8_t code = in.data[i];
        if (code == ESCAPE) {
            if (++i == in.size)
                return base_fail(err, LANCELET_CORRUPT, "an FSST string ends in an escape");
            *to++ = in.data[i];
        } else if (code < t->n) {
            /* There are 8 bytes of room for each input byte that is left. */
            memcpy(to, t->symbol[code], 8);
            to += t->length[code];
        } else {
            return base_fail(err, LANCELET_CORRUPT, "an FSST string uses symbol %d of %d", code, t->n);
        }
    }
    out->size = (size_t)(to - out->data);
    return LANCELET_OK;
}
