/*
 * clip_vocab.c - the bytes of clip_vocab.bin as read-only data. An assembler's .incbin instead of an array in C: a third of
 * a million numbers would take seconds to compile. The path is that from the repository's root, where make runs. ELF (gcc,
 * clang) and Mach-O (clang) have other words for "read-only data" and "not exported".
 */
#include "embed/text/clip_vocab.h"

#include <stddef.h>

/* The layout is that of the file, without padding of the compiler's own. */
_Static_assert(offsetof(clip_vocab, html_value) ==
                   2 * (256 + 256 + CLIP_TOKENS + 1 + CLIP_MERGES + CLIP_MERGES + 1) &&
                   offsetof(clip_vocab, html_name) ==
                       offsetof(clip_vocab, html_value) + 4 * HTML_NAMES + 2 * (HTML_SECONDS + HTML_NAMES + 1),
               "clip_vocab.bin is read in place");

#define TEXT_OF(x) TEXT_OF_(x)
#define TEXT_OF_(x) #x
#define SYMBOL TEXT_OF(__USER_LABEL_PREFIX__) "clip_vocab_builtin"

#ifdef __APPLE__
#define READ_ONLY ".section __TEXT,__const\n"
#define NOT_EXPORTED ".private_extern " SYMBOL "\n"
#else
#define READ_ONLY ".section .rodata\n"
#define NOT_EXPORTED ".hidden " SYMBOL "\n"
#endif

__asm__(READ_ONLY ".globl " SYMBOL "\n" NOT_EXPORTED ".balign 64\n" SYMBOL ":\n"
                  ".incbin \"src/embed/text/clip_vocab.bin\"\n"
                  ".text\n");
