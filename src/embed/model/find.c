/* find.c - from a model's name to its file. "mini" is the newest of its family that the program is shipped with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "embed/model/model.h"

enum { MAX_NAME = 200 };

/* *path = folder/file when that exists; OK and NULL when it does not. */
static lancelet_status look(const char *folder, const char *middle, const char *file, char **path, lancelet_error *err)
{
    char *candidate = base_format("%s/%s%s", folder, middle, file);
    if (!candidate)
        return base_fail_memory(err);
    base_stat st;
    if (base_file_stat(candidate, &st, NULL) == LANCELET_OK && st.exists && !st.is_dir)
        *path = candidate;
    else
        base_free(candidate);
    return LANCELET_OK;
}

lancelet_status model_find(const char *name, char **path, lancelet_error *err)
{
    if (name[0] == '\0' || strlen(name) > MAX_NAME || strchr(name, '/'))
        return base_fail(err, LANCELET_INVALID, "'%.60s' is no model's name", name);
    char file[MAX_NAME + 16];
    snprintf(file, sizeof file, "%s.safetensors", strcmp(name, "mini") == 0 ? "mini-1" : name);

    char *found = NULL, *beside = base_program_folder(), *above = beside ? base_path_parent(beside) : NULL;
    const char *wanted = getenv("PICASK_MODELS");
    lancelet_status status = LANCELET_OK;
    if (wanted && *wanted)
        status = look(wanted, "", file, &found, err);
    if (status == LANCELET_OK && !found && beside)
        status = look(beside, "models/", file, &found, err);
    if (status == LANCELET_OK && !found && above) /* an installation that was moved */
        status = look(above, "share/picask/models/", file, &found, err);
    if (status == LANCELET_OK && !found)
        status = look(PICASK_DATADIR, "models/", file, &found, err);
    base_free(beside);
    base_free(above);
    if (status != LANCELET_OK)
        return status;
    if (!found)
        return base_fail(err, LANCELET_NOT_FOUND,
                         "there is no model '%s' on this machine; 'picask model list' shows what there is, PICASK_MODELS names "
                         "a folder with more",
                         name);
    *path = found;
    return LANCELET_OK;
}
