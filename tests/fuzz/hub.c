/* hub.c - hostile answers of a hub: the first byte chooses a listing, what is said of a repository, or the text of a header or an
 * address; what is taken must keep its promises (a name in no other folder, a hash of hexadecimal digits, an address of http). */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/hub_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void listing(const char *json, size_t n)
{
    hub_files f = {0};
    size_t capacity = 0;
    lancelet_error err;
    if (hub_parse_page(json, n, &f, &capacity, &err) == LANCELET_OK && hub_sort(&f, &err) == LANCELET_OK)
        for (size_t i = 0; i < f.n; i++) {
            size_t digits = strlen(f.file[i].hash);
            require(net_is_file_name(f.file[i].name) && (digits == 40 || digits == 64));
            require(strspn(f.file[i].hash, "0123456789abcdef") == digits);
        }
    hub_files_free(&f);
}

static void info(const char *json, size_t n)
{
    char commit[65];
    lancelet_error err;
    if (hub_parse_info(json, n, commit, &err) == LANCELET_OK)
        require(net_is_commit(commit));
}

static void text(const char *s)
{
    char *url = NULL;
    uint64_t first, last, total;
    hub_name name;
    lancelet_error err;
    if (hub_next_page(s, &url, &err) == LANCELET_OK && url) {
        char *next = NULL;
        if (hub_address_join("https://huggingface.co/api/x?a=b", url, &next, &err) == LANCELET_OK)
            require(hub_is_address(next) && hub_is_https(next));
        base_free(next);
    }
    base_free(url);
    url = NULL;
    if (hub_address_join("http://127.0.0.1:80/a/b", s, &url, &err) == LANCELET_OK)
        require(hub_is_address(url));
    base_free(url);
    if (hub_same_origin(s, "https://huggingface.co"))
        require(hub_is_https(s));
    if (hub_content_range(s, &first, &last, &total))
        require(first <= last && last < total);
    if (hub_name_read(s, &name, &err) == LANCELET_OK) {
        require(net_is_repository(name.repository.name));
        hub_name_free(&name);
    }
    char *quoted = hub_quote(s, true);
    require(!quoted || strlen(quoted) >= strlen(s));
    base_free(quoted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *s = malloc(size);
    if (!s)
        return 0;
    memcpy(s, data + 1, size - 1);
    s[size - 1] = '\0';
    if (data[0] == 'l')
        listing(s, size - 1);
    else if (data[0] == 'i')
        info(s, size - 1);
    else
        text(s);
    free(s);
    return 0;
}
