/* How fast a link is in both directions, of a guest's tap as of a network's bridge. What the host
 * sends into it waits in a queue of the link (host/tc.c). What comes out of it is counted as it
 * comes in, before any bridge sees it, and dropped above the limit: by a chain of nftables, in a
 * table of the link's own, which leaves filters of tc(8) to whoever wants such. */
#include <net/if.h>
#include <string.h>

#include "heal_priv.h"

#define KILOBYTE     1000 /* of a second's average and peak */
#define BURST_UNIT   1024
#define BURST_LEAST  (128 * 1024) /* two of the largest pieces that a guest's TCP hands over */
#define BURST_SHARE  8            /* of a second's bytes */
#define AVERAGE_MOST (G_MAXINT64 / 1024 / KILOBYTE)

static LinkRate
rate_of(const BandwidthRate *r)
{
    return (LinkRate){ r->average * KILOBYTE, r->peak * KILOBYTE, r->burst * BURST_UNIT };
}

static gboolean
limits(const BandwidthRate *r)
{
    return r && r->average > 0;
}

#define TABLE_PREFIX "vmd-speed-"

static char *
table_name(const char *link)
{
    return g_strconcat(TABLE_PREFIX, link, NULL);
}

static json_object *
table_of(const char *link)
{
    g_autofree char *name = table_name(link);

    return json_make("family", 's', "netdev", "name", 's', name, NULL);
}

static void
command(json_object *commands, const char *verb, const char *kind, json_object *what)
{
    json_object_array_add(commands, nf_wrap(verb, nf_wrap(kind, what)));
}

/* Deleting what is not there is an error, adding what is there is none. */
static void
remove_table(json_object *commands, const char *link)
{
    command(commands, "add", "table", table_of(link));
    command(commands, "delete", "table", table_of(link));
}

#define CHAIN "from-link"

static json_object *
in_table(const char *link, const char *member)
{
    json_object *table = table_of(link);
    json_object *o = json_make("family", 's', "netdev", "table", 's', json_str(table, "name"),
                               member, 's', CHAIN, NULL);

    json_object_put(table);
    return o;
}

static void
add_chain(json_object *commands, const char *link)
{
    json_object *chain = in_table(link, "name");

    json_object_object_add(chain, "type", json_object_new_string("filter"));
    json_object_object_add(chain, "hook", json_object_new_string("ingress"));
    json_object_object_add(chain, "dev", json_object_new_string(link));
    json_object_object_add(chain, "prio", json_object_new_int(0));
    json_object_object_add(chain, "policy", json_object_new_string("accept"));
    command(commands, "add", "table", table_of(link));
    command(commands, "add", "chain", chain);
}

static void
add_rule(json_object *commands, const char *link, guint64 rate, guint64 burst)
{
    json_object *over = json_make("rate", 'i', (gint64)rate, "rate_unit", 's', "bytes", "per", 's',
                                  "second", "burst", 'i', (gint64)MAX(burst, BURST_LEAST),
                                  "burst_unit", 's', "bytes", "inv", 'b', TRUE, NULL);
    json_object *rule = in_table(link, "chain");

    json_object_object_add(rule, "expr",
                           nf_array(nf_wrap("limit", over), nf_verdict("drop"), NULL));
    command(commands, "add", "rule", rule);
}

/* ret_marks: of the rules; NULL: there are none. */
static gboolean
limit_what_comes(const char *link, const BandwidthRate *r, GHashTable **ret_marks, GError **err)
{
    json_object *commands = json_object_new_array();
    g_autofree char *said = NULL, *table = table_name(link);
    gboolean ok;

    remove_table(commands, link);
    if (limits(r)) {
        const LinkRate rate = rate_of(r);

        add_chain(commands, link);
        if (rate.peak > rate.rate)
            add_rule(commands, link, rate.peak, 0);
        add_rule(commands, link, rate.rate, rate.burst ? rate.burst : rate.rate / BURST_SHARE);
    }
    ok = nf_run_told(commands, &said, err) ||
         fail_prefix(err, "cannot limit what comes from link '%s': ", link);
    json_object_put(commands);
    if (ok)
        *ret_marks = limits(r) ? nf_marks(said, table) : NULL;
    return ok;
}

static gboolean
is_possible(const char *link, const BandwidthRate *r, GError **err)
{
    return !r || MAX(MAX(r->average, r->peak), r->burst) < AVERAGE_MOST ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "link '%s': the kernel takes no speed that large",
                link);
}

/* ---- what is in force */

typedef struct SpeedLimit {
    BandwidthDef *b;
    GHashTable *marks; /* of its rules; NULL: it has none */
    gboolean due;      /* somebody may have changed it */
    guint in_a_row;
    gint64 at, before; /* monotonic: put right last; not again before that */
} SpeedLimit;

static GHashTable *in_force; /* link: SpeedLimit */

static void
speed_limit_free(gpointer data)
{
    SpeedLimit *l = data;

    schema_free(&bandwidth_schema, l->b);
    g_clear_pointer(&l->marks, g_hash_table_unref);
    g_free(l);
}

static SpeedLimit *
note(const char *link, const BandwidthDef *b)
{
    SpeedLimit *l = g_new0(SpeedLimit, 1);

    if (!in_force)
        in_force = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, speed_limit_free);
    l->b = schema_copy(&bandwidth_schema, b);
    g_hash_table_replace(in_force, g_strdup(link), l);
    return l;
}

void
speed_done(void)
{
    g_clear_pointer(&in_force, g_hash_table_unref);
}

static gboolean
put(const char *link, const BandwidthDef *b, GHashTable **ret_marks, GError **err)
{
    const BandwidthRate *in = b ? b->inbound : NULL, *out = b ? b->outbound : NULL;
    const LinkRate rate = in ? rate_of(in) : (LinkRate){ 0 };

    return is_possible(link, in, err) && is_possible(link, out, err) &&
           link_limit_rate(link, limits(in) ? &rate : NULL, err) &&
           limit_what_comes(link, out, ret_marks, err);
}

gboolean
link_limit(const char *link, const BandwidthDef *b, GError **err)
{
    GHashTable *marks = NULL;

    if (!put(link, b, &marks, err))
        return FALSE;
    if (b)
        note(link, b)->marks = marks;
    else if (in_force)
        g_hash_table_remove(in_force, link);
    return TRUE;
}

/* ---- healing */

static char *
listing_of(const char *link)
{
    json_object *commands = json_object_new_array();
    char *said = NULL;

    command(commands, "list", "table", table_of(link));
    nf_run(commands, &said, NULL);
    json_object_put(commands);
    return said;
}

/* known FALSE: the rules' numbers are an earlier daemon's, and only that there are any is seen. */
static gboolean
rules_stand(const char *link, const BandwidthRate *r, GHashTable *known)
{
    g_autofree char *table = table_name(link), *said = NULL;
    g_autoptr(GHashTable) now = NULL;
    const char *mark;

    if (!limits(r))
        return TRUE;
    said = listing_of(link);
    now = nf_marks(said, table);
    if (known)
        return nf_marks_same(known, now, CHAIN);
    mark = g_hash_table_lookup(now, CHAIN);
    return mark && *mark;
}

static char *
limit_wrong(const char *link, const SpeedLimit *l)
{
    const LinkRate rate = l->b->inbound ? rate_of(l->b->inbound) : (LinkRate){ 0 };

    if (!link_exists(link))
        return NULL;
    if (limits(l->b->inbound) && !link_has_rate(link, &rate))
        return g_strdup_printf("link '%s' was not held to what it may send", link);
    if (!rules_stand(link, l->b->outbound, l->marks))
        return g_strdup_printf("link '%s' was not held to what may come from it", link);
    return NULL;
}

void
link_limit_again(const char *link, const BandwidthDef *b)
{
    note(link, b)->due = TRUE;
    heal_soon();
}

/* A fight is one about a single link. */
static void
rest(SpeedLimit *l)
{
    gint64 now = g_get_monotonic_time();

    l->in_a_row = l->at && now - l->at < HEAL_LASTS_US ? l->in_a_row + 1 : 1;
    l->at = now;
    l->before = now + (l->in_a_row < HEAL_IN_A_ROW ? 0 : HEAL_SLOWEST_S * G_USEC_PER_SEC);
}

static void
heal_one(const char *link, SpeedLimit *l, SpeedHealed healed)
{
    g_autofree char *cause = limit_wrong(link, l);
    g_autoptr(GError) err = NULL;
    GHashTable *marks = NULL;

    if (!cause && (l->marks || !limits(l->b->outbound)))
        return;
    if (!put(link, l->b, &marks, &err)) {
        log_error("%s, and that cannot be put right: %s", cause ? cause : link, err->message);
        rest(l);
        return;
    }
    g_clear_pointer(&l->marks, g_hash_table_unref);
    l->marks = marks;
    if (!cause)
        return;
    healed(link, cause);
    rest(l);
}

guint
speed_heal(SpeedHealed healed)
{
    gint64 now = g_get_monotonic_time(), next = 0;
    GHashTableIter at;
    gpointer link, limit;

    if (!in_force)
        return 0;
    g_hash_table_iter_init(&at, in_force);
    while (g_hash_table_iter_next(&at, &link, &limit)) {
        SpeedLimit *l = limit;

        if (l->due && l->before > now)
            next = next ? MIN(next, l->before) : l->before;
        else if (l->due) {
            l->due = FALSE;
            heal_one(link, l, healed);
        }
    }
    return next ? (guint)((next - now) / 1000) + 1 : 0;
}

static gboolean
doubt(const char *name, guint index)
{
    GHashTableIter at;
    gpointer link, limit;
    gboolean any = FALSE;

    if (!in_force)
        return FALSE;
    g_hash_table_iter_init(&at, in_force);
    while (g_hash_table_iter_next(&at, &link, &limit))
        if ((!name || strcmp(link, name) == 0) && (!index || if_nametoindex(link) == index))
            any = ((SpeedLimit *)limit)->due = TRUE;
    return any;
}

void
speed_doubt_table(const char *table)
{
    if ((!table || g_str_has_prefix(table, TABLE_PREFIX)) &&
        doubt(table ? table + strlen(TABLE_PREFIX) : NULL, 0))
        heal_soon();
}

void
speed_doubt_link(guint index)
{
    if (doubt(NULL, index))
        heal_soon();
}
