/* wordpiece.c - a hostile vocabulary and a hostile text: bytes up to the first NUL are lines behind the three special
 * tokens (all of the vocabulary when the input begins with '!'), the rest is the text. Ids stay within the vocabulary. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "embed/text/wordpiece.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lancelet_error err;
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    size_t n_lines = nul ? (size_t)(nul - data) : 0;
    const char *text = (const char *)data + (nul ? n_lines + 1 : 0);
    size_t n_text = size - (nul ? n_lines + 1 : 0);
    base_buffer vocab = {0};
    bool raw = n_lines > 0 && data[0] == '!';
    if (!raw && !base_buffer_append_string(&vocab, "[CLS]\n[SEP]\n[UNK]\na\n##b\n"))
        abort();
    if (!base_buffer_append(&vocab, data + (raw ? 1 : 0), n_lines - (raw ? 1 : 0)))
        abort();
    wordpiece *w;
    if (wordpiece_open((const char *)vocab.data, vocab.size, &w, &err) == LANCELET_OK) {
        size_t lines = 1;
        for (size_t i = 0; i < vocab.size; i++)
            lines += vocab.data[i] == '\n';
        int32_t ids[64];
        size_t n;
        size_t room = 2 + n_text % 63;
        if (wordpiece_encode(w, text, n_text, ids, room, &n, &err) != LANCELET_OK || n < 2 || n > room)
            abort();
        for (size_t i = 0; i < n; i++)
            if (ids[i] < 0 || (size_t)ids[i] >= lines)
                abort();
        wordpiece_close(w);
    }
    base_buffer_free(&vocab);
    return 0;
}
