/* version.c - `picask --version`, and with -v what this machine's installation can do: each module is opened and the decode
 * program asked, which takes many times as long as the rest of the program's start. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/module.h"
#include "base/picture.h"
#include "base/pool.h"
#include "embed/image/external.h"
#include "net/http.h"
#include "source/parquet/snappy.h"
#include "source/video.h"

static const struct {
    const char *name, *brings, *packages;
    int version;
} modules[] = {
    {"http", "fetching from Hugging Face", "libcurl4-openssl-dev", HTTP_MODULE_VERSION},
    {"snappy", "Parquet files compressed with snappy", "libsnappy-dev", SNAPPY_MODULE_VERSION},
    {"video", "frames of videos", "libavformat-dev libavcodec-dev libswscale-dev", VIDEO_MODULE_VERSION},
};

static void put_missing(const char *name, const char *brings, const char *packages)
{
    printf("missing  %s: %s; what picask's package recommends brings it, make demo FULL=1 builds it (packages: %s)\n", name, brings, packages);
}

static void put_modules(void)
{
    size_t n = 0, count = sizeof modules / sizeof *modules;
    bool there[sizeof modules / sizeof *modules];
    fputs("modules  ", stdout);
    for (size_t i = 0; i < count; i++) {
        there[i] = base_module_there(modules[i].name, modules[i].version);
        if (there[i])
            printf("%s%s", n++ ? ", " : "", modules[i].name);
    }
    printf("%s\n", n ? "" : "none");
    for (size_t i = 0; i < count; i++)
        if (!there[i])
            put_missing(modules[i].name, modules[i].brings, modules[i].packages);
}

/* Does the decode program know pictures of this type? It is shown the first bytes of one: what it knows it finds damaged. */
static bool decodes(base_picture_type type)
{
    static const uint8_t tiff[] = {'I', 'I', '*', 0, 8, 0, 0, 0},
                         heic[] = "\0\0\0\030ftypheic\0\0\0\0heicmif1",
                         avif[] = "\0\0\0\030ftypavif\0\0\0\0avifmif1";
    const uint8_t *bytes = type == BASE_PICTURE_TIFF ? tiff : type == BASE_PICTURE_HEIC ? heic : avif;
    image_facts facts;
    picask_error err;
    return image_external(type, bytes, type == BASE_PICTURE_TIFF ? sizeof tiff : sizeof heic - 1, 1000, NULL, NULL,
                          &facts, &err) != LANCELET_UNSUPPORTED;
}

static void put_pictures(void)
{
    bool tiff = decodes(BASE_PICTURE_TIFF), heic = decodes(BASE_PICTURE_HEIC),
         avif = decodes(BASE_PICTURE_AVIF);
    printf("reads    JPEG, PNG, WebP, GIF, BMP, PNM%s%s%s\n", heic ? ", HEIC" : "", avif ? ", AVIF" : "",
           tiff ? ", TIFF" : "");
    if (!heic || !avif)
        put_missing(heic ? "AVIF" : avif ? "HEIC" : "HEIC and AVIF", "pictures of phones", "libheif-dev");
    if (!tiff)
        put_missing("TIFF", "pictures of scanners", "libtiff-dev");
}

int cli_print_version(const cli *c)
{
    printf("picask %s\n", PICASK_VERSION);
    if (c->verbose) {
        printf("cpu      %s, %d thread%s\n", base_isa_name(base_isa_level()), base_cpu_count(),
               base_cpu_count() == 1 ? "" : "s");
        put_modules();
        put_pictures();
    }
    return cli_finish_output();
}
