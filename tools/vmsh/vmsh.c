/* vmsh's frame: its own options, and what they ask for. */
#include "vmsh.h"

#include <ctype.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- vmsh's own options */

typedef enum Wish { WISH_RUN, WISH_DONE, WISH_RELAY, WISH_COMPLETE, WISH_WRONG } Wish;

static const struct option long_options[] = {
    { "complete", no_argument, NULL, 'C' },
    { "connect", required_argument, NULL, 'c' },
    { "debug", required_argument, NULL, 'd' },
    { "errexit", no_argument, NULL, 'E' },
    { "escape", required_argument, NULL, 'e' },
    { "help", no_argument, NULL, 'h' },
    { "json", no_argument, NULL, 'j' },
    { "keepalive-interval", required_argument, NULL, 'k' },
    { "keepalive-count", required_argument, NULL, 'K' },
    { "log", required_argument, NULL, 'l' },
    { "man", no_argument, NULL, 'M' },
    { "quiet", no_argument, NULL, 'q' },
    { "readonly", no_argument, NULL, 'r' },
    { "relay", no_argument, NULL, 'R' },
    { "timing", no_argument, NULL, 't' },
    { "version", optional_argument, NULL, 'v' },
    { 0 },
};

static gboolean
option_number(const char *text, const char *what, int *ret_number)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (end == text || *end || value < 0 || value > G_MAXINT / 1000) {
        fprintf(stderr, "error: Invalid value for option %s: %s\n", what, text);
        return FALSE;
    }
    *ret_number = (int)value;
    return TRUE;
}

/* A level that there is not is told of and left alone, as virsh does. */
static gboolean
option_debug(const char *text, TraceLevel *ret_level)
{
    int level;

    if (!option_number(text, "-d", &level))
        return FALSE;
    if (level > TRACE_ERRORS)
        fprintf(stderr, "error: ignoring debug level %d out of range [0-%d]\n", level,
                TRACE_ERRORS);
    else
        *ret_level = (TraceLevel)level;
    return TRUE;
}

/* A letter may stand among others in its word: getopt has it in optopt. */
static void
option_complain(int c, const char *word)
{
    const char *what = c == '?' ? "unsupported" : "no value for";

    if (isgraph(optopt) && !g_str_has_prefix(word, "--"))
        fprintf(stderr, "error: %s option '-%c'. See --help.\n", what, optopt);
    else
        fprintf(stderr, "error: %s option '%s'. See --help.\n", what, word);
}

/* "^]" or one character. */
static gboolean
option_escape(const char *text, int *ret_escape)
{
    if (text[0] == '^' && text[1] && !text[2])
        *ret_escape = toupper((guchar)text[1]) & 0x1f;
    else if (text[0] && !text[1])
        *ret_escape = (guchar)text[0];
    else {
        fprintf(stderr, "error: Invalid string '%s' for escape sequence\n", text);
        return FALSE;
    }
    return TRUE;
}

static Wish
tell(char *text)
{
    fputs(text, stdout);
    g_free(text);
    return WISH_DONE;
}

static Wish
option_take(Shell *s, int c, Wish wish)
{
    switch (c) {
    case 'C':
        return WISH_COMPLETE;
    case 'c':
        g_free(s->uri);
        s->uri = *optarg ? g_strdup(optarg) : uri_default(getuid());
        return wish;
    case 'd':
        return option_debug(optarg, &s->trace_level) ? wish : WISH_WRONG;
    case 'e':
        return option_escape(optarg, &s->escape) ? wish : WISH_WRONG;
    case 'E':
        s->stop_at_errors = TRUE;
        return wish;
    case 'h':
        return tell(help_usage());
    case 'j':
        s->json_always = TRUE;
        return wish;
    case 'k':
        return option_number(optarg, "-k", &s->keepalive.interval) ? wish : WISH_WRONG;
    case 'K':
        return option_number(optarg, "-K", &s->keepalive.count) ? wish : WISH_WRONG;
    case 'l':
        return trace_open(s, optarg) ? wish : WISH_WRONG;
    case 'M':
        return tell(help_man_page());
    case 'q':
        s->quiet = TRUE;
        return wish;
    case 'r':
        s->readonly = TRUE;
        return wish;
    case 'R':
        return WISH_RELAY;
    case 't':
        s->timing = TRUE;
        return wish;
    case 'v':
        if (!optarg || strcmp(optarg, "short") == 0)
            return tell(g_strdup(VMD_VERSION "\n"));
        if (strcmp(optarg, "long") == 0)
            return tell(help_version());
        fprintf(stderr, "error: --version is short or long, not '%s'\n", optarg);
        return WISH_WRONG;
    case 'V':
        return tell(help_version());
    }
    return WISH_WRONG;
}

static Wish
options_take(Shell *s, int argc, char **argv)
{
    Wish wish = WISH_RUN;
    int c;

    opterr = 0;
    while (wish != WISH_DONE && wish != WISH_WRONG &&
           (c = getopt_long(argc, argv, "+:c:d:e:hjk:K:l:qrtvV", long_options, NULL)) != -1) {
        if (c == '?' || c == ':') {
            option_complain(c, argv[optind - 1]);
            return WISH_WRONG;
        }
        wish = option_take(s, c, wish);
    }
    return wish;
}

static int
run_relay(Shell *s, const char *uri, gboolean greets)
{
    g_autoptr(GError) err = NULL;

    if (relay(uri ? uri : s->uri, s->readonly, greets, &err))
        return EXIT_SUCCESS;
    complain(s, err);
    return EXIT_FAILURE;
}

static int
run_commands(Shell *s, int argc, char **argv)
{
    gboolean ok = TRUE;

    if (argc == 0)
        shell_interact(s);
    else if (argc == 1)
        ok = shell_run_line(s, argv[0]);
    else
        ok = shell_run_words(s, (const char *const *)argv, (guint)argc);
    return ok && !s->stopped && !ferror(stdout) && fflush(stdout) == 0 ? EXIT_SUCCESS
                                                                       : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
    Shell s = { .escape = ']' & 0x1f,
                .keepalive = { .interval = 5, .count = 6 },
                .trace_level = TRACE_ERRORS };
    /* As vmd-ssh-helper or vmd-tls-helper, and under the name by which libvirt's clients look for
     * it on an ssh host, it relays. */
    g_autofree char *name = g_path_get_basename(argv[0] ? argv[0] : "vmsh");
    gboolean tls = g_str_has_suffix(name, "-tls-helper");
    int status = EXIT_FAILURE;
    Wish wish;

    setlocale(LC_ALL, "");
    signal(SIGPIPE, SIG_IGN);
    s.uri = uri_default(getuid());
    wish = options_take(&s, argc, argv);
    if (wish == WISH_RUN && (tls || g_str_has_suffix(name, "-ssh-helper")))
        wish = WISH_RELAY;
    if (wish == WISH_RELAY)
        status = run_relay(&s, argv[optind], tls);
    else if (wish == WISH_COMPLETE) /* 2: a file's name may stand there */
        status = shell_complete(&s, argv + optind, (guint)(argc - optind)) ? 2 : EXIT_SUCCESS;
    else if (wish == WISH_RUN)
        status = run_commands(&s, argc - optind, argv + optind);
    else if (wish == WISH_DONE)
        status = EXIT_SUCCESS;
    shell_disconnect(&s);
    trace_close(&s);
    g_free(s.uri);
    return status;
}
