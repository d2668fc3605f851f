/* The rows of vmd.conf, and their parser. Nothing here acts on a setting. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX ((gsize)256 * 1024)

typedef struct ConfigRow ConfigRow;

/* The kinds of values: how each is parsed, formatted and freed. */
typedef struct ConfigKind {
    gsize size;
    gboolean (*parse)(const ConfigRow *row, const char *text, gpointer at, GError **err);
    char *(*format)(const ConfigRow *row, gconstpointer at);
    char *(*range)(const ConfigRow *row);
    void (*clear)(gpointer at);              /* NULL: the value owns nothing */
    void (*stands)(gpointer at, guint line); /* there may be many rows: where the last one is */
} ConfigKind;

enum { AT_START = 1, SYSTEM = 2 };

struct ConfigRow {
    const char *key;
    const ConfigKind *kind;
    gsize offset;         /* in Config */
    const char *fallback; /* without the row in a file; NULL: budget_defaults say so */
    guint flags;
    const char *says;
};

/* ---- kinds of values */

static gboolean
level_parse(const ConfigRow *row, const char *text, gpointer at, GError **err)
{
    return log_level_parse(text, at) ||
           fail(err, ERR_INVALID_ARG, "'%s' is not debug, info, warning or error", text);
}

static char *
level_format(const ConfigRow *row, gconstpointer at)
{
    return g_strdup(log_level_name(*(const LogLevel *)at));
}

static char *
level_range(const ConfigRow *row)
{
    return g_strdup("debug, info, warning or error");
}

static const ConfigKind kind_level = { sizeof(LogLevel), level_parse, level_format, level_range };

static gboolean
filters_parse(const ConfigRow *row, const char *text, gpointer at, GError **err)
{
    return log_filters_parse(text, at, err);
}

static char *
filters_format(const ConfigRow *row, gconstpointer at)
{
    return log_filters_format(at);
}

static char *
filters_range(const ConfigRow *row)
{
    return g_strdup("ROOM:LEVEL with blanks between them; a room is a folder of the source: base, "
                    "conf, core, wire, host, network, storage, qemu, rpc or daemon");
}

static const ConfigKind kind_filters = { sizeof(LogFilters), filters_parse, filters_format,
                                         filters_range };

static gboolean
switch_parse(const ConfigRow *row, const char *text, gpointer at, GError **err)
{
    static const char *const yes[] = { "yes", "on", "true", "1", NULL };
    static const char *const no[] = { "no", "off", "false", "0", NULL };
    gboolean is_yes = g_strv_contains(yes, text);

    if (!is_yes && !g_strv_contains(no, text))
        return fail(err, ERR_INVALID_ARG, "'%s' is not yes or no", text);
    *(gboolean *)at = is_yes;
    return TRUE;
}

static char *
switch_format(const ConfigRow *row, gconstpointer at)
{
    return g_strdup(*(const gboolean *)at ? "yes" : "no");
}

static char *
switch_range(const ConfigRow *row)
{
    return g_strdup("yes or no");
}

static const ConfigKind kind_switch = { sizeof(gboolean), switch_parse, switch_format,
                                        switch_range };

static gboolean
seconds_parse(const ConfigRow *row, const char *text, gpointer at, GError **err)
{
    guint64 n;

    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT / 1000, &n, NULL))
        return fail(err, ERR_INVALID_ARG, "'%s' is no number of seconds", text);
    *(guint *)at = (guint)n;
    return TRUE;
}

static char *
seconds_format(const ConfigRow *row, gconstpointer at)
{
    return g_strdup_printf("%u", *(const guint *)at);
}

static char *
seconds_range(const ConfigRow *row)
{
    return g_strdup("a number of seconds; 0 is never");
}

static const ConfigKind kind_seconds = { sizeof(guint), seconds_parse, seconds_format,
                                         seconds_range };

#define MIB_MAX (1u << 20)

static gboolean
mib_parse(const ConfigRow *row, const char *text, gpointer at, GError **err)
{
    guint64 n;

    if (!g_ascii_string_to_unsigned(text, 10, 0, MIB_MAX, &n, NULL))
        return fail(err, ERR_INVALID_ARG, "'%s' is no number up to %u", text, MIB_MAX);
    *(guint *)at = (guint)n;
    return TRUE;
}

static char *
mib_range(const ConfigRow *row)
{
    return g_strdup_printf("a number of MiB, up to %u; 0 is without end", MIB_MAX);
}

static const ConfigKind kind_mib = { sizeof(guint), mib_parse, seconds_format, mib_range };

static gboolean
delay_parse(const ConfigRow *row, const char *text, gpointer at, GError **err)
{
    guint64 n;

    if (!g_ascii_string_to_unsigned(text, 10, 0, HOST_SECONDS_MAX, &n, NULL))
        return fail(err, ERR_INVALID_ARG, "'%s' is no number of seconds up to %d", text,
                    HOST_SECONDS_MAX);
    *(guint *)at = (guint)n;
    return TRUE;
}

static char *
delay_range(const ConfigRow *row)
{
    return g_strdup_printf("a number of seconds, up to %d", HOST_SECONDS_MAX);
}

static const ConfigKind kind_delay = { sizeof(guint), delay_parse, seconds_format, delay_range };

static gboolean
timeout_parse(const ConfigRow *row, const char *text, gpointer at, GError **err)
{
    return strcmp(text, "0") == 0 ? fail(err, ERR_INVALID_ARG, "0 seconds are no time at all")
                                  : delay_parse(row, text, at, err);
}

static char *
timeout_range(const ConfigRow *row)
{
    return g_strdup_printf("a number of seconds from 1 to %d", HOST_SECONDS_MAX);
}

static const ConfigKind kind_timeout = { sizeof(guint), timeout_parse, seconds_format,
                                         timeout_range };

static gboolean
policy_parse(const ConfigRow *row, const char *text, gpointer at, GError **err)
{
    return down_policy_parse(text, at) ||
           fail(err, ERR_INVALID_ARG, "'%s' is not shutdown, destroy or none", text);
}

static char *
policy_format(const ConfigRow *row, gconstpointer at)
{
    return g_strdup(down_policy_word(*(const DownPolicy *)at));
}

static char *
policy_range(const ConfigRow *row)
{
    return g_strdup("shutdown, destroy or none");
}

static const ConfigKind kind_policy = { sizeof(DownPolicy), policy_parse, policy_format,
                                        policy_range };

static gboolean
place_parse(const ConfigRow *row, const char *text, gpointer at, GError **err)
{
    if (strcmp(text, "auto") != 0 && strcmp(text, "none") != 0 && !g_path_is_absolute(text))
        return fail(err, ERR_INVALID_ARG, "'%s' is not auto, none or a path that begins with '/'",
                    text);
    g_free(*(char **)at);
    *(char **)at = g_strdup(text);
    return TRUE;
}

static char *
place_format(const ConfigRow *row, gconstpointer at)
{
    return g_strdup(*(char *const *)at);
}

static char *
place_range(const ConfigRow *row)
{
    return g_strdup("auto, none or the path of a folder");
}

static void
place_clear(gpointer at)
{
    g_clear_pointer((char **)at, g_free);
}

static const ConfigKind kind_place = { sizeof(char *), place_parse, place_format, place_range,
                                       place_clear };

static gboolean
unmet_parse(const ConfigRow *row, const char *text, gpointer at, GError **err)
{
    gboolean warn = strcmp(text, "warn") == 0;

    if (!warn && strcmp(text, "refuse") != 0)
        return fail(err, ERR_INVALID_ARG, "'%s' is not refuse or warn", text);
    *(gboolean *)at = warn;
    return TRUE;
}

static char *
unmet_format(const ConfigRow *row, gconstpointer at)
{
    return g_strdup(*(const gboolean *)at ? "warn" : "refuse");
}

static char *
unmet_range(const ConfigRow *row)
{
    return g_strdup("refuse or warn");
}

static const ConfigKind kind_unmet = { sizeof(gboolean), unmet_parse, unmet_format, unmet_range };

/* A group that the admin names must exist; the default one need not. */
static gboolean
group_parse(const ConfigRow *row, const char *text, gpointer at, GError **err)
{
    ServerGroup group = { .name = (char *)text };

    group.is_there = *text && account_group(text, &group.gid);
    if (*text && strcmp(text, row->fallback) != 0 && !group.is_there)
        return fail(err, ERR_INVALID_ARG, "this host has no group '%s'", text);
    g_free(((ServerGroup *)at)->name);
    group.name = g_strdup(text);
    *(ServerGroup *)at = group;
    return TRUE;
}

static char *
group_format(const ConfigRow *row, gconstpointer at)
{
    return g_strdup(((const ServerGroup *)at)->name);
}

static char *
group_range(const ConfigRow *row)
{
    return g_strdup("a group of this host, or \"\" for none");
}

static void
group_clear(gpointer at)
{
    g_clear_pointer(&((ServerGroup *)at)->name, g_free);
}

static const ConfigKind kind_group = { sizeof(ServerGroup), group_parse, group_format, group_range,
                                       group_clear };

/* ---- rules: rows of one key are one list */

static gboolean
rule_parse(const ConfigRow *row, const char *text, gpointer at, GError **err)
{
    GPtrArray **rules = at;
    AccessRule *rule = *text ? access_rule_parse(text, err) : NULL;

    if (!*text)
        return TRUE;
    if (!rule)
        return FALSE;
    if (!*rules)
        *rules = g_ptr_array_new_with_free_func((GDestroyNotify)access_rule_free);
    g_ptr_array_add(*rules, rule);
    return TRUE;
}

static char *
rule_format(const ConfigRow *row, gconstpointer at)
{
    const GPtrArray *rules = *(GPtrArray *const *)at;
    GString *text = g_string_new(NULL);

    for (guint i = 0; rules && i < rules->len; i++)
        g_string_append_printf(text, "%s%s", i ? "; " : "",
                               ((const AccessRule *)rules->pdata[i])->text);
    return g_string_free(text, FALSE);
}

static char *
rule_range(const ConfigRow *row)
{
    return g_strdup(
        "allow or deny; a user, @GROUP or all; rights with commas between them, as \"vmd "
        "--list-methods\" names them, * and ? stand for anything; names of objects, "
        "likewise (without: all)");
}

static void
rule_clear(gpointer at)
{
    g_clear_pointer((GPtrArray **)at, g_ptr_array_unref);
}

static void
rule_stands(gpointer at, guint line)
{
    GPtrArray *rules = *(GPtrArray **)at;

    if (rules && rules->len)
        ((AccessRule *)rules->pdata[rules->len - 1])->line = line;
}

static const ConfigKind kind_rule = { sizeof(GPtrArray *), rule_parse, rule_format,
                                      rule_range,          rule_clear, rule_stands };

/* The daemon's own user can always open its sockets. */
static gboolean
perms_parse(const ConfigRow *row, const char *text, gpointer at, GError **err)
{
    char *end;
    guint64 perms = g_ascii_strtoull(text, &end, 8);

    if (!g_ascii_isdigit(*text) || *end || perms > 0777 || (perms & 0600) != 0600)
        return fail(err, ERR_INVALID_ARG, "'%s' is no octal number from 0600 to 0777", text);
    *(guint *)at = (guint)perms;
    return TRUE;
}

static char *
perms_format(const ConfigRow *row, gconstpointer at)
{
    return g_strdup_printf("%04o", *(const guint *)at);
}

static char *
perms_range(const ConfigRow *row)
{
    return g_strdup("an octal number from 0600 to 0777");
}

static const ConfigKind kind_perms = { sizeof(guint), perms_parse, perms_format, perms_range };

/* ---- budgets: parts of a row of rpc, each by its name */

static const struct {
    const char *name;
    gsize offset;
} parts[] = {
    { "young", offsetof(BudgetRow, young) },     { "client", offsetof(BudgetRow, client) },
    { "trusted", offsetof(BudgetRow, trusted) }, { "user", offsetof(BudgetRow, user) },
    { "all", offsetof(BudgetRow, all) },         { "kept", offsetof(BudgetRow, reserve) },
};

static BudgetKind
budget_of(const ConfigRow *row)
{
    return (row->offset - offsetof(Config, server.budgets)) / sizeof(BudgetRow);
}

/* Connections have no limit for each connection, and messages are not counted, so those parts have
 * no meaning. */
static gboolean
part_counts(BudgetKind kind, gsize part)
{
    enum { USER = 3 };

    if (kind == BUDGET_CONNECTIONS)
        return part >= USER;
    return kind != BUDGET_MESSAGE || part < USER;
}

static gboolean
amount_parse(const char *text, gboolean is_bytes, guint64 *ret_n)
{
    static const char units[] = "KMG";
    char *end;
    guint64 n = g_ascii_strtoull(text, &end, 10);
    const char *unit = *end && is_bytes ? strchr(units, *end) : NULL;
    guint shift = unit ? 10 * (guint)(unit - units + 1) : 0;

    if (strcmp(text, "any") == 0) {
        *ret_n = BUDGET_ANY;
        return TRUE;
    }
    if (!g_ascii_isdigit(*text) || end[unit ? 1 : 0] || n > (guint64)G_MAXINT64 >> shift)
        return FALSE;
    *ret_n = n << shift;
    return TRUE;
}

static char *
amount_format(guint64 n, gboolean is_bytes)
{
    if (n == BUDGET_ANY)
        return g_strdup("any");
    if (is_bytes && n && n % (1 << 20) == 0)
        return g_strdup_printf("%" G_GUINT64_FORMAT "M", n >> 20);
    if (is_bytes && n && n % (1 << 10) == 0)
        return g_strdup_printf("%" G_GUINT64_FORMAT "K", n >> 10);
    return g_strdup_printf("%" G_GUINT64_FORMAT, n);
}

static gboolean
is_bytes(BudgetKind kind)
{
    return kind >= BUDGET_MESSAGE;
}

static gboolean
part_parse(BudgetKind kind, const char *word, BudgetRow *b, GError **err)
{
    const char *equals = strchr(word, '=');

    for (gsize i = 0; equals && i < G_N_ELEMENTS(parts); i++) {
        guint64 *value = G_STRUCT_MEMBER_P(b, parts[i].offset);
        if (strlen(parts[i].name) != (gsize)(equals - word) ||
            !g_str_has_prefix(word, parts[i].name))
            continue;
        if (!part_counts(kind, i))
            return fail(err, ERR_INVALID_ARG, "'%s' has no meaning for this budget", parts[i].name);
        return amount_parse(equals + 1, is_bytes(kind), value) ||
               fail(err, ERR_INVALID_ARG, "'%s' is no amount", word);
    }
    return fail(err, ERR_INVALID_ARG, "'%s' is not PART=AMOUNT, as in user=200", word);
}

/* Each budget must leave a part of "all" to users other than root and the group, and allow each
 * connection at least one. */
static gboolean
budget_check(BudgetKind kind, const BudgetRow *b, GError **err)
{
    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++)
        if (parts[i].offset != offsetof(BudgetRow, reserve) &&
            G_STRUCT_MEMBER(guint64, b, parts[i].offset) == 0)
            return fail(err, ERR_INVALID_ARG, "%s=0 would let no client connect", parts[i].name);
    return b->reserve < b->all || fail(err, ERR_INVALID_ARG, "kept is not less than all");
}

static gboolean
budget_parse(const ConfigRow *row, const char *text, gpointer at, GError **err)
{
    g_auto(GStrv) words = g_strsplit_set(text, " \t,", -1);
    BudgetRow b = budget_defaults[budget_of(row)];

    for (guint i = 0; words[i]; i++)
        if (*words[i] && !part_parse(budget_of(row), words[i], &b, err))
            return FALSE;
    if (!budget_check(budget_of(row), &b, err))
        return FALSE;
    *(BudgetRow *)at = b;
    return TRUE;
}

static char *
budget_format(const ConfigRow *row, gconstpointer at)
{
    GString *text = g_string_new(NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *amount = amount_format(G_STRUCT_MEMBER(guint64, at, parts[i].offset),
                                                is_bytes(budget_of(row)));
        if (part_counts(budget_of(row), i))
            g_string_append_printf(text, "%s%s=%s", text->len ? " " : "", parts[i].name, amount);
    }
    return g_string_free(text, FALSE);
}

static char *
budget_range(const ConfigRow *row)
{
    GString *text = g_string_new("some of");

    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++)
        if (part_counts(budget_of(row), i))
            g_string_append_printf(text, " %s=", parts[i].name);
    g_string_append_printf(text, " with a number%s or any",
                           is_bytes(budget_of(row)) ? " (K, M and G are units)" : "");
    return g_string_free(text, FALSE);
}

static const ConfigKind kind_budget = { sizeof(BudgetRow), budget_parse, budget_format,
                                        budget_range };

/* ---- the rows */

#define AT(member)   .offset = offsetof(Config, member)
#define BUDGET(name) .kind = &kind_budget, AT(server.budgets[BUDGET_##name])

static const ConfigRow rows[] = {
    { "log_level", &kind_level, AT(log_level), "info", 0,
      "The least important message that is logged. The option --log-level goes before it." },
    { "log_filters", &kind_filters, AT(log_filters), "", 0,
      "Another level for what some rooms of the daemon say, as in \"qemu:debug rpc:warning\"." },
    { "confine_guests", &kind_switch, AT(confine_guests), "yes", AT_START,
      "Whether a QEMU that is started gets a user of its own without any right. Without, it is the "
      "daemon's user with all that that may, and is told of as tainted." },
    { "control_groups", &kind_place, AT(groups), "auto", AT_START | SYSTEM,
      "Where guests get control groups of version 2, which hold them to their limits: auto is scopes "
      "of systemd's in machine.slice where that runs, else folders below /sys/fs/cgroup/vmd; the "
      "path of a folder of a cgroup file system is for a daemon to which somebody has delegated that." },
    { "limits", &kind_unmet, AT(limits_warn), "refuse", AT_START,
      "What becomes of the start of a guest that has a limit which this host cannot hold it to, as for "
      "want of a controller: refuse; or warn, which starts it without, and says so." },
    { "output_limit", &kind_mib, AT(output_limit), "2", AT_START,
      "How long a file grows that a guest writes into: that of a <serial type='file'>, console, "
      "channel and their like, and of a <log file=''>. At that length its end goes to FILE.0, what is "
      "there to FILE.1, that to FILE.2, and it begins anew." },
    { "unix_sock_group", &kind_group, AT(server.group), "vmd", SYSTEM,
      "Whose members may change things beside root: the group of vmd.sock. Where the host has no "
      "group vmd and the file names none, it is root alone." },
    { "unix_sock_rw_perms", &kind_perms, AT(server.rw_perms), "0660", SYSTEM,
      "The mode of vmd.sock. Whoever may open it can do to this host what root can. Group and mode "
      "of sockets that systemd makes (vmd.socket, vmd-ro.socket) are as their units say." },
    { "unix_sock_ro_perms", &kind_perms, AT(server.ro_perms), "0666", SYSTEM,
      "The mode of vmd-ro.sock, where things can be looked at and not changed." },
    { "read_only_socket", &kind_switch, AT(server.readonly), "yes", SYSTEM | AT_START,
      "Whether there is vmd-ro.sock; systemd makes it where vmd-ro.socket is enabled." },
    { "compat_sockets", &kind_switch, AT(server.compat), "no", AT_START,
      "Whether the daemon listens at the names of libvirt's daemons as well (libvirt-sock, "
      "virtqemud-sock and their like in /run/libvirt), so that clients of libvirt find it without a "
      "URI. Not where a daemon of libvirt's listens." },
    { "audit", &kind_switch, AT(server.audit), "yes", 0,
      "Whether each call that changes something is logged, with who asked and what became of it; "
      "as messages of level info of the room rpc." },
    { "access_rule", &kind_rule, AT(server.rules), "", SYSTEM,
      "Who may do what, where membership in a group is too coarse; there may be many such rows, and "
      "the first that fits decides. Root may everything. Where no rule fits, members of "
      "unix_sock_group may everything, and all others what others_read says. Without any rule, and "
      "without polkit, whoever may open vmd.sock may everything. For what is to be changed, a client "
      "must be able to open vmd.sock: unix_sock_rw_perms, or SocketMode= of vmd.socket." },
    { "access_polkit", &kind_switch, AT(server.polkit), "no", SYSTEM,
      "Whether polkit is asked of what no rule and no membership has decided; actions are called as "
      "libvirt's are, org.libvirt.api.domain.start." },
    { "others_read", &kind_switch, AT(server.others_read), "yes", SYSTEM,
      "Whether those who may nothing else may look. With no, they may do nothing at all." },
    { "idle_exit", &kind_seconds, AT(idle_exit), "0", 0,
      "Where systemd made the sockets: end after at least so long without a client and a running "
      "domain. The next client starts the daemon again." },
    { "guest_down", &kind_policy, AT(guests.policy), "shutdown", 0,
      "What becomes of guests when the host goes down: their power button is pressed, their plug is "
      "pulled, or nothing. The metadata of a domain may say otherwise." },
    { "guest_down_timeout", &kind_timeout, AT(guests.timeout), "120", 0,
      "How long a guest may take to go down; then its plug is pulled." },
    { "guest_up_delay", &kind_delay, AT(guests.delay), "0", 0,
      "When guests start with the host: how long those of a higher order wait after a guest has "
      "started." },
    { "budget_connections", BUDGET(CONNECTIONS), .says = "Connections that are open." },
    { "budget_descriptors", BUDGET(DESCRIPTORS),
      .says = "Descriptors: connections, what came with calls, ends of streams." },
    { "budget_calls", BUDGET(CALLS), .says = "Calls that have begun and are not answered." },
    { "budget_errands", BUDGET(ERRANDS),
      .says = "Calls at work in a worker or another program, such as the look at a pool." },
    { "budget_registrations", BUDGET(REGISTRATIONS), .says = "Registrations for events." },
    { "budget_message", BUDGET(MESSAGE), .says = "Bytes of the largest message that is taken." },
    { "budget_input", BUDGET(INPUT), .says = "Bytes that wait to be handled." },
    { "budget_output", BUDGET(OUTPUT), .says = "Bytes that their client has not read yet." },
};

static gpointer
value_of(const Config *c, const ConfigRow *row)
{
    return (guint8 *)c + row->offset;
}

void
config_init(Config *c)
{
    memset(c, 0, sizeof(*c));
    c->guests.order = HOST_ORDER_DEFAULT;
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        const ConfigRow *row = &rows[i];
        g_autoptr(GError) err = NULL;
        if (!row->kind->parse(row, row->fallback ? row->fallback : "", value_of(c, row), &err))
            g_error("%s: %s", row->key, err->message);
    }
}

void
config_done(Config *c)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].kind->clear)
            rows[i].kind->clear(value_of(c, &rows[i]));
    }
}

/* ---- reading */

typedef struct ConfigReader {
    const char *path;
    gboolean session;
    Config *config;
    guint line;
    guint seen[G_N_ELEMENTS(rows)]; /* the line of each */
    GString *wrongs;
} ConfigReader;

static void G_GNUC_PRINTF(2, 3) wrong(ConfigReader *r, const char *fmt, ...)
{
    va_list ap;

    if (r->wrongs->len)
        g_string_append_c(r->wrongs, '\n');
    g_string_append_printf(r->wrongs, "%s:%u: ", r->path, r->line);
    va_start(ap, fmt);
    g_string_append_vprintf(r->wrongs, fmt, ap);
    va_end(ap);
}

/* Number of letters to add, remove or change to get from one word to the other. */
static gsize
distance(const char *a, const char *b)
{
    gsize len = strlen(b);
    g_autofree gsize *row = g_new(gsize, len + 1);

    for (gsize j = 0; j <= len; j++)
        row[j] = j;
    for (gsize i = 1; a[i - 1]; i++) {
        gsize corner = row[0];
        row[0] = i;
        for (gsize j = 1; j <= len; j++) {
            gsize changed = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            row[j] = MIN(changed, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[len];
}

static const ConfigRow *
row_like(const char *key)
{
    const ConfigRow *best = NULL;
    gsize least = MAX(3, strlen(key) / 3) + 1;

    for (gsize i = 0; i < G_N_ELEMENTS(rows) && strlen(key) < 64; i++) {
        gsize d = distance(key, rows[i].key);
        if (d < least) {
            least = d;
            best = &rows[i];
        }
    }
    return best;
}

static const ConfigRow *
row_find(const char *key)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (strcmp(rows[i].key, key) == 0)
            return &rows[i];
    return NULL;
}

/* Cuts a value out of the line: the text between quotes, or, without quotes, the text up to a
 * comment. */
static gboolean
cut_value(char *text)
{
    char *end;

    if (*text == '"') {
        end = strchr(text + 1, '"');
        if (!end || (*g_strchug(end + 1) && end[1] != '#'))
            return FALSE;
        *end = '\0';
        memmove(text, text + 1, strlen(text + 1) + 1);
        return TRUE;
    }
    end = *text == '#' ? text : strstr(text, " #");
    if (end)
        *end = '\0';
    g_strchomp(text);
    return TRUE;
}

static void
take_value(ConfigReader *r, const ConfigRow *row, const char *value)
{
    g_autoptr(GError) err = NULL;
    guint *seen = &r->seen[row - rows];

    if (*seen && !row->kind->stands)
        wrong(r, "%s is in line %u already", row->key, *seen);
    else if (row->flags & SYSTEM && r->session)
        wrong(r, "%s is for the system's daemon alone", row->key);
    else if (!row->kind->parse(row, value, value_of(r->config, row), &err))
        wrong(r, "%s: %s", row->key, err->message);
    else if (row->kind->stands)
        row->kind->stands(value_of(r->config, row), r->line);
    *seen = r->line;
}

static void
read_line(ConfigReader *r, char *text)
{
    char *equals = strchr(g_strstrip(text), '=');
    const ConfigRow *row, *like;

    if (*text == '\0' || *text == '#')
        return;
    if (!equals) {
        wrong(r, "'%s' is not KEY = VALUE", text);
        return;
    }
    *equals = '\0';
    row = row_find(g_strchomp(text));
    like = row ? NULL : row_like(text);
    if (!row)
        wrong(r, "there is no key '%s'%s%s%s", text, like ? "; is " : "", like ? like->key : "",
              like ? " meant?" : "");
    else if (!cut_value(g_strchug(equals + 1)))
        wrong(r, "%s: the value has no end, or something behind it", row->key);
    else
        take_value(r, row, equals + 1);
}

static gboolean
read_text(ConfigReader *r, char *text, gsize len, GError **err)
{
    g_auto(GStrv) lines = NULL;

    if (strlen(text) != len || !g_utf8_validate(text, (gssize)len, NULL))
        return fail(err, ERR_INVALID_ARG, "%s is not a text in UTF-8", r->path);
    lines = g_strsplit(text, "\n", -1);
    r->wrongs = g_string_new(NULL);
    for (guint i = 0; lines[i]; i++) {
        r->line = i + 1;
        read_line(r, lines[i]);
    }
    if (r->wrongs->len)
        fail(err, ERR_INVALID_ARG, "%s", r->wrongs->str);
    return !r->wrongs->len;
}

/* Opening a pipe would block, so only regular files are accepted. */
static gboolean
is_file(const char *path, GError **err)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return fail_errno(err, errno, "cannot read %s", path);
    return S_ISREG(st.st_mode) || fail(err, ERR_INVALID_ARG, "%s is no file", path);
}

gboolean
config_read(const char *path, gboolean session, gboolean must_be, Config *ret_config, GError **err)
{
    Config c;
    ConfigReader r = { .path = path, .session = session, .config = &c };
    g_autofree char *text = NULL;
    gsize len = 0;
    gboolean ok;

    config_init(&c);
    if (!must_be && !g_file_test(path, G_FILE_TEST_EXISTS)) {
        *ret_config = c;
        return TRUE;
    }
    ok = is_file(path, err) && file_read(path, FILE_MAX, &text, &len, err) &&
         read_text(&r, text, len, err);
    if (r.wrongs)
        g_string_free(r.wrongs, TRUE);
    if (ok)
        *ret_config = c;
    else
        config_done(&c);
    return ok;
}

/* ---- reading again */

static void
swap_value(const ConfigRow *row, Config *a, Config *b)
{
    g_autofree gpointer kept = g_memdup2(value_of(a, row), row->kind->size);

    memcpy(value_of(a, row), value_of(b, row), row->kind->size);
    memcpy(value_of(b, row), kept, row->kind->size);
}

void
config_replace(Config *c, Config *again)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        const ConfigRow *row = &rows[i];
        g_autofree char *is = row->kind->format(row, value_of(c, row));
        g_autofree char *will = row->kind->format(row, value_of(again, row));
        if (strcmp(is, will) == 0) {
            swap_value(row, c, again); /* what it means to this host may have changed */
            continue;
        }
        if (row->flags & AT_START) {
            log_warning("%s is '%s' in the file and stays '%s' until the daemon starts again",
                        row->key, will, is);
            continue;
        }
        log_info("%s was '%s' and is '%s' from now on", row->key, is, will);
        swap_value(row, c, again);
    }
    config_done(again);
}

/* ---- as a document */

void
config_each(void (*tell)(const ConfigDoc *doc, gpointer user), gpointer user)
{
    Config c;

    config_init(&c);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        const ConfigRow *row = &rows[i];
        g_autofree char *range = row->kind->range(row);
        g_autofree char *fallback = row->kind->format(row, value_of(&c, row));
        ConfigDoc doc = { row->key,
                          row->says,
                          range,
                          fallback,
                          (row->flags & AT_START) != 0,
                          (row->flags & SYSTEM) != 0 };
        tell(&doc, user);
    }
    config_done(&c);
}
