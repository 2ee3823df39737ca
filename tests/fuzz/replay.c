/* replay.c - runs a fuzz target over the files of the folders named as arguments, without a fuzzer: so that `make check`
 * replays the corpus with any compiler. Prints one TAP-like line; a crash or a sanitizer's report is the failure. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static unsigned long replay_file(const char *path, size_t size)
{
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = malloc(size ? size : 1);
    if (!f || !bytes || fread(bytes, 1, size, f) != size) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(2);
    }
    fclose(f);
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    return 1;
}

static unsigned long replay_folder(const char *folder)
{
    unsigned long count = 0;
    DIR *d = opendir(folder);
    if (!d)
        return 0;
    for (struct dirent *e; (e = readdir(d));) {
        char path[4096];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.' && stat(path, &st) == 0) {
            if (S_ISREG(st.st_mode) && st.st_size < 4 << 20)
                count += replay_file(path, (size_t)st.st_size);
            else if (S_ISDIR(st.st_mode))
                count += replay_folder(path);
        }
    }
    closedir(d);
    return count;
}

int main(int argc, char **argv)
{
    unsigned long count = 0;
    for (int i = 1; i < argc; i++)
        count += replay_folder(argv[i]);
    printf("replayed %lu inputs\n", count);
    return count == 0;
}
