/* How fast a link is in both directions, of a guest's tap as of a network's bridge. What the host
 * sends into it waits in a queue of the link (host/tc.c). What comes out of it is counted as it
 * comes in, before any bridge sees it, and dropped above the limit: by a chain of nftables, in a
 * table of the link's own, which leaves filters of tc(8) to whoever wants such. */
#include "host/host.h"
#include "network_priv.h"
#include "nf.h"

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

static json_object *
table_of(const char *link)
{
    g_autofree char *name = g_strconcat("vmd-speed-", link, NULL);

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

static gboolean
limit_what_comes(const char *link, const BandwidthRate *r, GError **err)
{
    json_object *commands = json_object_new_array();
    gboolean ok;

    remove_table(commands, link);
    if (limits(r)) {
        const LinkRate rate = rate_of(r);

        add_chain(commands, link);
        if (rate.peak > rate.rate)
            add_rule(commands, link, rate.peak, 0);
        add_rule(commands, link, rate.rate, rate.burst ? rate.burst : rate.rate / BURST_SHARE);
    }
    ok = nf_run(commands, NULL, err) ||
         fail_prefix(err, "cannot limit what comes from link '%s': ", link);
    json_object_put(commands);
    return ok;
}

static gboolean
is_possible(const char *link, const BandwidthRate *r, GError **err)
{
    return !r || MAX(MAX(r->average, r->peak), r->burst) < AVERAGE_MOST ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "link '%s' cannot be told a speed that large", link);
}

gboolean
link_limit(const char *link, const BandwidthDef *b, GError **err)
{
    const BandwidthRate *in = b ? b->inbound : NULL, *out = b ? b->outbound : NULL;
    const LinkRate rate = in ? rate_of(in) : (LinkRate){ 0 };

    return is_possible(link, in, err) && is_possible(link, out, err) &&
           link_limit_rate(link, limits(in) ? &rate : NULL, err) &&
           limit_what_comes(link, out, err);
}
