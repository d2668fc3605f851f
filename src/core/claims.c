/* Claims: who holds what of the host. One register for all rooms, in memory; whoever must have it
 * again after a restart saves its own claims beside the rest of what it saves. */
#include "core.h"

#include <string.h>

static const struct {
    const char *word; /* in saved files, so it is an interface */
    const char *name; /* in errors */
    const char *hint; /* what may be done about it */
} kinds[N_CLAIM_KINDS] = {
    [CLAIM_IMAGE] = { "image", "image",
                      "; mark the disk <shareable/> in both, or <readonly/>, if that is meant" },
    [CLAIM_PORT] = { "port", "port", "" },
    [CLAIM_CID] = { "cid", "CID", "" },
    [CLAIM_PCI] = { "pci", "PCI device", "" },
    [CLAIM_ADDRESS] = { "address", "address", "" },
    [CLAIM_VOLUME] = { "volume", "volume", "" },
    [CLAIM_LINK] = { "link", "link", "" },
    [CLAIM_USER] = { "user", "user", "" },
};

/* Claims on one thing: those who hold it, in the order they came. */
static GHashTable *by_thing; /* "kind key" -> GPtrArray of Claim, borrowed */
static GHashTable *by_owner; /* Object, or words of g_intern_string -> GPtrArray of Claim, owned */

static void
claim_free(gpointer data)
{
    Claim *c = data;

    g_free(c->key);
    g_free(c->label);
    g_free(c);
}

static gconstpointer
id_of(Owner who)
{
    return who.object ? who.object : g_intern_string(who.words);
}

static char *
thing_of(ClaimKind kind, const char *key)
{
    return g_strdup_printf("%s %s", kinds[kind].word, key);
}

static GPtrArray *
holders_of(ClaimKind kind, const char *key)
{
    g_autofree char *thing = thing_of(kind, key);

    return by_thing ? g_hash_table_lookup(by_thing, thing) : NULL;
}

static GPtrArray *
list_of(Owner who)
{
    return by_owner ? g_hash_table_lookup(by_owner, id_of(who)) : NULL;
}

char *
owner_text(Owner who)
{
    const Object *o = who.object;

    return o ? g_strdup_printf("%s '%s'", o->kind->name, o->name) : g_strdup(who.words);
}

/* ---- taking */

static gboolean
agree(const Claim *a, const Claim *b)
{
    return (a->reads && b->reads) || (a->shares && b->shares);
}

static const Claim *
find_clash(const Claim *mine)
{
    GPtrArray *holders = holders_of(mine->kind, mine->key);

    for (guint i = 0; i < list_length(holders); i++) {
        const Claim *other = holders->pdata[i];
        if (id_of(other->owner) != id_of(mine->owner) && !agree(mine, other))
            return other;
    }
    return NULL;
}

static void
enter(GHashTable *table, gpointer key, Claim *c, GDestroyNotify free_claim)
{
    GPtrArray *list = g_hash_table_lookup(table, key);

    if (!list) {
        list = g_ptr_array_new_with_free_func(free_claim);
        g_hash_table_insert(table, key, list);
    } else if (!free_claim) {
        g_free(key);
    }
    g_ptr_array_add(list, c);
}

static void
claim_enter(const Claim *claim)
{
    Claim *c = g_memdup2(claim, sizeof *claim);

    if (!by_thing) {
        by_thing = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                         (GDestroyNotify)g_ptr_array_unref);
        by_owner = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
    }
    c->key = g_strdup(claim->key);
    c->label = g_strdup(claim->label);
    if (!c->owner.object)
        c->owner.words = id_of(c->owner);
    enter(by_thing, thing_of(c->kind, c->key), c, NULL);
    enter(by_owner, (gpointer)id_of(c->owner), c, claim_free);
}

gboolean
claim_take(const Claim *claim, GError **err)
{
    const Claim *other = find_clash(claim);
    g_autofree char *holder = NULL;

    if (!other) {
        claim_enter(claim);
        return TRUE;
    }
    holder = owner_text(other->owner);
    return fail(err, ERR_OPERATION_FAILED, "%s '%s' is in use by %s%s", kinds[claim->kind].name,
                claim->label ? claim->label : claim->key, holder, kinds[claim->kind].hint);
}

/* ---- dropping */

static void
leave_thing(Claim *c)
{
    g_autofree char *thing = thing_of(c->kind, c->key);
    GPtrArray *holders = g_hash_table_lookup(by_thing, thing);

    g_ptr_array_remove(holders, c);
    if (holders->len == 0)
        g_hash_table_remove(by_thing, thing);
}

void
claim_drop(ClaimKind kind, const char *key, Owner who)
{
    GPtrArray *list = list_of(who);

    for (guint i = list_length(list); i-- > 0;) {
        Claim *c = list->pdata[i];
        if (c->kind != kind || strcmp(c->key, key) != 0)
            continue;
        leave_thing(c);
        g_ptr_array_remove_index(list, i);
        break;
    }
    if (list && list->len == 0)
        g_hash_table_remove(by_owner, id_of(who));
}

void
claims_drop(Owner who)
{
    GPtrArray *list = list_of(who);

    for (guint i = 0; i < list_length(list); i++)
        leave_thing(list->pdata[i]);
    if (list)
        g_hash_table_remove(by_owner, id_of(who));
}

/* ---- asking */

const Claim *
claim_find(ClaimKind kind, const char *key)
{
    return list_item(holders_of(kind, key), 0);
}

static gint
by_kind_and_key(gconstpointer a, gconstpointer b)
{
    const Claim *x = *(const Claim *const *)a, *y = *(const Claim *const *)b;

    return x->kind == y->kind ? strcmp(x->key, y->key) : (int)x->kind - (int)y->kind;
}

GPtrArray *
claims_list(Owner who)
{
    GPtrArray *list = g_ptr_array_new(), *own;
    GHashTableIter iter;

    if (!by_owner)
        return list;
    g_hash_table_iter_init(&iter, by_owner);
    for (gpointer id; g_hash_table_iter_next(&iter, &id, (gpointer *)&own);)
        if ((!who.object && !who.words) || id == id_of(who))
            g_ptr_array_extend(list, own, NULL, NULL);
    g_ptr_array_sort(list, by_kind_and_key);
    return list;
}

/* ---- saving */

static gboolean
kind_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    for (ClaimKind kind = 0; kind < N_CLAIM_KINDS; kind++) {
        if (strcmp(kinds[kind].word, text) != 0)
            continue;
        *(ClaimKind *)at = kind;
        return TRUE;
    }
    return FALSE;
}

static void
kind_format(const Field *f, gconstpointer at, GString *out)
{
    g_string_append(out, kinds[*(const ClaimKind *)at].word);
}

static const FieldType kind_type = { "kind of claim", NULL, sizeof(ClaimKind), kind_parse,
                                     kind_format };

static const Field claim_fields[] = {
    ROW(Claim, "kind", F_OWN, kind, F_REQUIRED | F_ALWAYS, &kind_type, "What is held."),
    ROW(Claim, "key", F_STRING, key, F_REQUIRED, NULL, "Which of them."),
    ROW(Claim, "label", F_STRING, label, 0, NULL, "The same for people."),
    ROW(Claim, "reads", F_FLAG, reads, 0, NULL, "Held to be read only."),
    ROW(Claim, "shares", F_FLAG, shares, 0, NULL, "Held together with others who say so too."),
    ROW_END,
};
static const Schema claim_schema = { "claim", sizeof(Claim), claim_fields };

json_object *
claims_to_json(Owner who)
{
    g_autoptr(GPtrArray) list = claims_list(who);
    json_object *array = json_object_new_array();

    for (guint i = 0; i < list->len; i++)
        json_object_array_add(array, schema_to_json(&claim_schema, list->pdata[i], 0));
    return array;
}

gboolean
claims_from_json(Owner who, json_object *array, GError **err)
{
    for (gsize i = 0; i < json_length(array); i++) {
        json_object *o = json_object_array_get_idx(array, i);
        Claim *c = schema_from_json(&claim_schema, o, 0, err);
        if (!c)
            return FALSE;
        c->owner = who;
        claim_enter(c);
        schema_free(&claim_schema, c);
    }
    return TRUE;
}
