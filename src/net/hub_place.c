/* hub_place.c - the variables that huggingface_hub 2.x obeys too: HF_ENDPOINT, HF_TOKEN (HUGGING_FACE_HUB_TOKEN), HF_TOKEN_PATH,
 * HF_HUB_DISABLE_IMPLICIT_TOKEN, HF_HUB_OFFLINE (TRANSFORMERS_OFFLINE). Tokens of OIDC and of notebooks are not looked for. */
#include "net/hub_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"

enum { MAX_TOKEN_FILE = 4096 };

static const char *set(const char *variable)
{
    const char *value = getenv(variable);
    return value && *value ? value : NULL;
}

static bool is_true(const char *variable)
{
    static const char *const yes[] = {"1", "on", "yes", "true"};
    const char *value = set(variable);
    for (size_t i = 0; value && i < sizeof yes / sizeof *yes; i++)
        if (strcasecmp(value, yes[i]) == 0)
            return true;
    return false;
}

/* ---- the endpoint ---- */

static lancelet_status read_endpoint(hub_place *p, lancelet_error *err)
{
    const char *given = set("HF_ENDPOINT");
    p->endpoint = base_strdup(given ? given : "https://huggingface.co");
    if (!p->endpoint)
        return base_fail_memory(err);
    size_t n = strlen(p->endpoint);
    while (n > 0 && p->endpoint[n - 1] == '/')
        p->endpoint[--n] = '\0';
    if (!hub_is_address(p->endpoint) || strpbrk(p->endpoint, "?#"))
        return base_fail(err, LANCELET_INVALID, "HF_ENDPOINT is '%.200s', which is no address that begins with https:// or http://",
                         given);
    p->host = strstr(p->endpoint, "://") + 3;
    return LANCELET_OK;
}

/* ---- the token ---- */

/* What stands between white space at both ends; one in the middle, or a letter that no header can carry, is INVALID. */
static lancelet_status take_token(hub_place *p, const char *text, const char *from, lancelet_error *err)
{
    static const char space[] = " \t\r\n\v\f";
    text += strspn(text, space);
    size_t n = strlen(text);
    while (n > 0 && strchr(space, text[n - 1]))
        n--;
    if (n == 0)
        return LANCELET_OK;
    for (size_t i = 0; i < n; i++)
        if (text[i] <= 0x20 || text[i] > 0x7e)
            return base_fail(err, LANCELET_INVALID, "the token of %s has a letter that no token has; make one at %s/settings/tokens",
                             from, p->endpoint);
    p->token = base_strndup(text, n);
    p->token_from = base_strdup(from);
    return p->token && p->token_from ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status token_file(char **path, lancelet_error *err)
{
    const char *given = set("HF_TOKEN_PATH");
    *path = NULL;
    if (given) {
        bool home = given[0] == '~' && given[1] == '/' && set("HOME");
        *path = base_format("%s%s", home ? set("HOME") : "", given + home);
        return *path ? LANCELET_OK : base_fail_memory(err);
    }
    char *folder = NULL;
    RETURN_IF_ERROR(net_hub_home(&folder, err));
    if (!folder)
        return LANCELET_OK;
    *path = base_path_join(folder, "token");
    base_free(folder);
    return *path ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status read_token(hub_place *p, lancelet_error *err)
{
    static const char *const names[] = {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"};
    if (is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN"))
        return LANCELET_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names && !p->token; i++)
        if (set(names[i]))
            RETURN_IF_ERROR(take_token(p, set(names[i]), names[i], err));
    if (p->token)
        return LANCELET_OK;
    char *path = NULL;
    RETURN_IF_ERROR(token_file(&path, err));
    uint8_t *bytes = NULL;
    size_t n = 0;
    lancelet_status status = path ? base_file_read(path, MAX_TOKEN_FILE, &bytes, &n, err) : LANCELET_NOT_FOUND;
    if (status == LANCELET_OK)
        status = take_token(p, (const char *)bytes, path, err);
    else if (status == LANCELET_NOT_FOUND)
        status = LANCELET_OK;
    base_free(bytes);
    base_free(path);
    return status;
}

lancelet_status hub_place_read(hub_place *out, lancelet_error *err)
{
    *out = (hub_place){.offline = is_true("HF_HUB_OFFLINE") || is_true("TRANSFORMERS_OFFLINE")};
    lancelet_status status = read_endpoint(out, err);
    if (status == LANCELET_OK)
        status = read_token(out, err);
    if (status != LANCELET_OK)
        hub_place_free(out);
    return status;
}

void hub_place_free(hub_place *p)
{
    base_free(p->endpoint);
    base_free(p->token);
    base_free(p->token_from);
    *p = (hub_place){0};
}
