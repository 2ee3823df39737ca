/* progress.c - the bar of an index run or of a fetch: on a terminal's stderr only, one line drawn over itself, taken off
 * whenever a sentence is printed. The rate is that of the last fifteen seconds, because what is unchanged passes much faster
 * than what is embedded, and a network's speed changes. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"

#define NAMED_ON_TERMINAL 20
#define WINDOW            (sizeof((cli_progress *)0)->window / sizeof((cli_progress *)0)->window[0])

void cli_progress_start(cli_progress *p, const cli *c)
{
    memset(p, 0, sizeof *p);
    p->c = c;
    p->window[0].us = base_monotonic_us();
    p->n_window = 1;
}

static void put_left(cli_text *t, double seconds)
{
    if (seconds > 359999)
        return;
    long s = (long)(seconds + 0.5);
    if (s >= 3600)
        cli_putf(t, "  %ld:%02ld:%02ld left", s / 3600, s / 60 % 60, s % 60);
    else
        cli_putf(t, "  %ld:%02ld left", s / 60, s % 60);
}

/* "embedding  ####------  tail", the bar as wide as the line lets it be; takes the tail over. */
static void put_bar(const char *head, double share, cli_text *tail, size_t columns, base_buffer *out)
{
    size_t used = strlen(head) + tail->b.size + 4;
    size_t bar = columns > used + 1 ? columns - used - 1 : 0; /* the last column stays free */
    if (bar > 23)
        bar = 23;
    cli_text t = {0};
    cli_putf(&t, "%s  ", head);
    if (bar >= 5) {
        size_t full = (size_t)(share * (double)bar + 0.5);
        for (size_t i = 0; i < bar; i++)
            cli_put(&t, i < full ? "#" : "-");
        cli_put(&t, "  ");
    }
    cli_put_bytes(&t, (const char *)tail->b.data, tail->b.size);
    base_buffer_free(&tail->b);
    *out = t.b;
}

void cli_progress_bar(bool bytes, uint64_t done, uint64_t total, double rate, size_t columns, base_buffer *out)
{
    const char *(*shown)(uint64_t, char *) = bytes ? cli_size : cli_count;
    char a[32], b[32];
    cli_text tail = {0};
    if (done > total)
        total = done;
    double share = total ? (double)done / (double)total : 0;
    cli_putf(&tail, "%s/%s  %.0f %%", shown(done, a), shown(total, b), 100 * share);
    if (rate > 0 && bytes)
        cli_putf(&tail, "  %s/s", cli_size((uint64_t)rate, a));
    else if (rate > 0)
        cli_putf(&tail, rate < 10 ? "  %.1f/s" : "  %.0f/s", rate);
    if (rate > 0 && done < total)
        put_left(&tail, (double)(total - done) / rate);
    put_bar(bytes ? "fetching" : "embedding", share, &tail, columns, out);
}

/* Of the last fifteen seconds; 0: not known yet. A run that fetches and embeds by turns is measured anew at each turn. */
static double rate_of(cli_progress *p, bool bytes, uint64_t done)
{
    int64_t now = base_monotonic_us();
    if (bytes != p->bytes || done < p->window[0].done) {
        p->bytes = bytes;
        p->n_window = 1;
        p->window[0].us = now;
        p->window[0].done = done;
    }
    if (now - p->window[p->n_window - 1].us >= 1000000) {
        if (p->n_window == WINDOW)
            memmove(p->window, p->window + 1, (--p->n_window) * sizeof p->window[0]);
        p->window[p->n_window].us = now;
        p->window[p->n_window++].done = done;
    }
    double seconds = (double)(now - p->window[0].us) / 1e6;
    return seconds > 0.5 && done > p->window[0].done ? (double)(done - p->window[0].done) / seconds : 0;
}

static void draw(cli_progress *p, bool bytes, uint64_t done, uint64_t total)
{
    if (!p->c->message.is_terminal || p->c->quiet || p->c->json)
        return;
    double rate = rate_of(p, bytes, done);
    base_buffer line = {0};
    view_terminal terminal;
    view_terminal_get(2, &terminal); /* the window may have changed its size */
    cli_progress_bar(bytes, done, total, rate, (size_t)terminal.columns, &line);
    char *text = base_buffer_to_string(&line);
    if (text)
        fprintf(stderr, "\r%s\033[K", text);
    fflush(stderr);
    base_free(text);
    p->drawn = true;
}

void cli_progress_update(cli_progress *p, uint64_t done, uint64_t total)
{
    draw(p, false, done, total);
}

void cli_progress_bytes(cli_progress *p, uint64_t done, uint64_t total)
{
    draw(p, true, done, total);
}

void cli_progress_clear(cli_progress *p)
{
    if (p->drawn)
        fputs("\r\033[K", stderr);
    p->drawn = false;
}

void cli_progress_unread(cli_progress *p, const char *member, const char *name, const char *what,
                         const char *path, const char *reason)
{
    if (p->c->json) {
        cli_putf(&p->unread, "%s{\"%s\":", p->unread.b.size ? "," : "", member);
        cli_put_json(&p->unread, name);
        cli_put(&p->unread, ",\"reason\":");
        cli_put_json(&p->unread, reason);
        cli_put(&p->unread, "}");
    }
    bool few = p->named < NAMED_ON_TERMINAL || !p->c->message.is_terminal || p->c->verbose;
    if (p->c->quiet || !few) {
        p->unnamed++;
        return;
    }
    p->named++;
    cli_progress_clear(p);
    char *shown = cli_shown_path(path);
    cli_say(p->c, "%s %s: %s", what, shown ? shown : "a picture", reason);
    base_free(shown);
}

void cli_progress_note(cli_progress *p, int level, const char *sentence)
{
    if (level > 0 && !p->c->verbose)
        return;
    cli_progress_clear(p);
    cli_say(p->c, "%s%s", level > 0 ? "" : "warning: ", sentence);
}
