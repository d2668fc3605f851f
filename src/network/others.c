/* Where another program's rules would drop packets of guests, and that program has a chain for
 * others' rules: Docker's DOCKER-USER. The network's rules there accept what goes by its bridge;
 * what guests may do is decided in the network's own table. They are known by their comment.
 */
#include <string.h>

#include "network_priv.h"
#include "nf.h"

#define CHAIN "DOCKER-USER"

static const char *const families[] = { "ip", "ip6" };

static json_object *
chain_ref(const char *family)
{
    return json_make("family", 's', family, "table", 's', "filter", "name", 's', CHAIN, NULL);
}

static char *
comment_of(const char *bridge)
{
    return g_strconcat("vmd ", bridge, NULL);
}

/* The rules of the chain; NULL: there is no such chain. The caller puts it. */
static json_object *
chain_listed(const char *family)
{
    json_object *commands = json_object_new_array(), *said;
    g_autofree char *text = NULL;

    json_object_array_add(commands, nf_wrap("list", nf_wrap("chain", chain_ref(family))));
    nf_run(commands, &text, NULL);
    json_object_put(commands);
    said = text ? json_tokener_parse(text) : NULL;
    return said;
}

/* Adds commands that remove the network's rules; returns how many there are. */
static guint
find_own(json_object *said, const char *family, const char *bridge, json_object *commands)
{
    g_autofree char *comment = comment_of(bridge);
    json_object *all = NULL;
    guint n = 0;

    json_object_object_get_ex(said, "nftables", &all);
    for (gsize i = 0; i < json_length(all); i++) {
        json_object *rule = NULL;
        if (!json_object_object_get_ex(json_object_array_get_idx(all, i), "rule", &rule) ||
            g_strcmp0(json_str(rule, "comment"), comment) != 0)
            continue;
        n++;
        if (commands)
            json_object_array_add(
                commands,
                nf_wrap("delete",
                        nf_wrap("rule", json_make("family", 's', family, "table", 's', "filter",
                                                  "chain", 's', CHAIN, "handle", 'i',
                                                  json_int(rule, "handle", 0), NULL))));
    }
    return n;
}

static void
insert(json_object *commands, const char *family, const char *bridge, const char *key)
{
    g_autofree char *comment = comment_of(bridge);

    json_object_array_add(
        commands,
        nf_wrap("insert",
                nf_wrap("rule", json_make("family", 's', family, "table", 's', "filter", "chain",
                                          's', CHAIN, "comment", 's', comment, "expr", 'o',
                                          nf_array(nf_meta_is(key, "==", bridge),
                                                   nf_verdict("accept"), NULL),
                                          NULL))));
}

#define RULES_EACH 2

gboolean
others_lack(const NetworkDef *def)
{
    gboolean lacks = FALSE;

    for (gsize i = 0; i < G_N_ELEMENTS(families); i++) {
        json_object *said = chain_listed(families[i]);
        lacks |= said && find_own(said, families[i], def->bridge->name, NULL) < RULES_EACH;
        json_object_put(said);
    }
    return lacks;
}

/* In one transaction for each family: vmd's old rules go, and new ones come at the top of the
 * chain. */
static gboolean
change(const char *bridge, gboolean put, GError **err)
{
    gboolean ok = TRUE;

    for (gsize i = 0; i < G_N_ELEMENTS(families) && ok; i++) {
        json_object *said = chain_listed(families[i]), *commands = json_object_new_array();

        if (said)
            find_own(said, families[i], bridge, commands);
        if (said && put) {
            insert(commands, families[i], bridge, "iifname");
            insert(commands, families[i], bridge, "oifname");
        }
        if (json_length(commands) > 0)
            ok = nf_run(commands, NULL, err);
        json_object_put(commands);
        json_object_put(said);
    }
    return ok;
}

gboolean
others_accept(const NetworkDef *def, GError **err)
{
    return change(def->bridge->name, TRUE, err);
}

gboolean
others_forget(const char *bridge, GError **err)
{
    return change(bridge, FALSE, err);
}
