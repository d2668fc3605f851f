/* nftables by its JSON: libnftables-json(5). Expressions of rules, and whole commands, which are
 * one transaction each. */
#include <nftables/libnftables.h>
#include <string.h>

#include "nf.h"

json_object *
nf_wrap(const char *name, json_object *inner)
{
    return json_make(name, 'o', inner, NULL);
}

json_object *
nf_array(json_object *first, ...)
{
    json_object *list = json_object_new_array(), *item = first;
    va_list ap;

    va_start(ap, first);
    while (item) {
        json_object_array_add(list, item);
        item = va_arg(ap, json_object *);
    }
    va_end(ap);
    return list;
}

json_object *
nf_words(const char *a, const char *b)
{
    return nf_array(json_object_new_string(a), json_object_new_string(b), NULL);
}

json_object *
nf_match(const char *op, json_object *left, json_object *right)
{
    return nf_wrap("match", json_make("op", 's', op, "left", 'o', left, "right", 'o', right, NULL));
}

json_object *
nf_meta_is(const char *key, const char *op, const char *value)
{
    return nf_match(op, nf_wrap("meta", json_make("key", 's', key, NULL)),
                    json_object_new_string(value));
}

json_object *
nf_field(const char *protocol, const char *name)
{
    return nf_wrap("payload", json_make("protocol", 's', protocol, "field", 's', name, NULL));
}

json_object *
nf_prefix(const char *address, int bits)
{
    return nf_wrap("prefix", json_make("addr", 's', address, "len", 'i', (gint64)bits, NULL));
}

json_object *
nf_verdict(const char *name)
{
    json_object *o = json_object_new_object();

    json_object_object_add(o, name, NULL);
    return o;
}

json_object *
nf_reject(void)
{
    return nf_wrap("reject",
                   json_make("type", 's', "icmpx", "expr", 's', "port-unreachable", NULL));
}

json_object *
nf_raw(const char *base, guint offset, guint bits)
{
    return nf_wrap("payload", json_make("base", 's', base, "offset", 'i', (gint64)offset, "len",
                                        'i', (gint64)bits, NULL));
}

json_object *
nf_range(json_object *from, json_object *to)
{
    return nf_wrap("range", nf_array(from, to, NULL));
}

json_object *
nf_masked(json_object *what, json_object *mask)
{
    return nf_wrap("&", nf_array(what, mask, NULL));
}

json_object *
nf_meta(const char *key)
{
    return nf_wrap("meta", json_make("key", 's', key, NULL));
}

json_object *
nf_number(guint64 n)
{
    return json_object_new_int64((gint64)n);
}

/* ---- telling the kernel */

static gboolean
run(json_object *commands, unsigned int flags, char **ret_output, GError **err)
{
    json_object *whole = json_make("nftables", 'o', json_object_get(commands), NULL);
    struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
    gboolean ok;

    nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_JSON | flags);
    nft_ctx_buffer_output(nft);
    nft_ctx_buffer_error(nft);
    ok = nft_run_cmd_from_buffer(
             nft, json_object_to_json_string_ext(whole, JSON_C_TO_STRING_PLAIN)) == 0;
    if (!ok) {
        g_autofree char *why = g_strdup(nft_ctx_get_error_buffer(nft));
        g_strstrip(why);
        fail(err, ERR_OPERATION_FAILED, "the packet filter refuses the rules: %s",
             *why ? why : "no reason given");
    } else if (ret_output) {
        *ret_output = g_strdup(nft_ctx_get_output_buffer(nft));
    }
    nft_ctx_free(nft);
    json_object_put(whole);
    return ok;
}

gboolean
nf_run(json_object *commands, char **ret_output, GError **err)
{
    return run(commands, 0, ret_output, err);
}

gboolean
nf_run_told(json_object *commands, char **ret_said, GError **err)
{
    return run(commands, NFT_CTX_OUTPUT_ECHO | NFT_CTX_OUTPUT_HANDLE, ret_said, err);
}

/* ---- what is there */

/* An object of a listing, or of what was added. */
static json_object *
object_of(json_object *item, const char *kind)
{
    json_object *o = NULL;

    if (json_object_object_get_ex(item, "add", &o))
        item = o;
    return json_object_object_get_ex(item, kind, &o) ? o : NULL;
}

GHashTable *
nf_marks(const char *said, const char *table)
{
    GHashTable *marks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                              (GDestroyNotify)g_free);
    json_object *whole = said ? json_tokener_parse(said) : NULL, *list = NULL;

    json_object_object_get_ex(whole, "nftables", &list);
    for (gsize i = 0; i < json_length(list); i++) {
        json_object *item = json_object_array_get_idx(list, i);
        json_object *rule = object_of(item, "rule"), *chain = object_of(item, "chain");
        const char *name = rule ? json_str(rule, "chain") : chain ? json_str(chain, "name") : NULL;
        char *before;

        if (!name || g_strcmp0(json_str(rule ? rule : chain, "table"), table) != 0)
            continue;
        before = g_hash_table_lookup(marks, name);
        g_hash_table_replace(marks, g_strdup(name),
                             rule ? g_strdup_printf("%s %" G_GINT64_FORMAT, before ? before : "",
                                                    json_int(rule, "handle", 0))
                                  : g_strdup(before ? before : ""));
    }
    json_object_put(whole);
    return marks;
}

gboolean
nf_marks_same(GHashTable *a, GHashTable *b, const char *chain)
{
    return g_strcmp0(g_hash_table_lookup(a, chain), g_hash_table_lookup(b, chain)) == 0;
}

/* Numbers that the kernel gives, and that differ each time. */
void
nf_drop_handles(json_object *o)
{
    if (json_object_is_type(o, json_type_array))
        for (gsize i = 0; i < json_length(o); i++)
            nf_drop_handles(json_object_array_get_idx(o, i));
    if (!json_object_is_type(o, json_type_object))
        return;
    json_object_object_del(o, "handle");
    json_object_object_del(o, "metainfo");
    json_object_object_foreach(o, key, value)
    {
        (void)key;
        nf_drop_handles(value);
    }
}
