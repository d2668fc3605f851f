/* Secrets. All is answered from memory; what carries a value is wiped. */
#include <string.h>

#include "rpc/rpc_priv.h"
#include "storage/storage.h"

static StoredSecretRef
secret_ref(const Secret *s)
{
    StoredSecretRef ref = { .usage_type = (gint32)secret_usage(s->def),
                            .usage_id = secret_usage_id(s->def) };

    memcpy(ref.uuid, s->obj.uuid, sizeof ref.uuid);
    return ref;
}

static void
reply_secret(Call *c, Secret *s)
{
    StoredSecretRef out = secret_ref(s);

    call_reply(c, &out);
}

/* ---- listing */

enum {
    LIST_EPHEMERAL = 1 << 0,
    LIST_NO_EPHEMERAL = 1 << 1,
    LIST_PRIVATE = 1 << 2,
    LIST_NO_PRIVATE = 1 << 3,
    LIST_FLAGS = 0xf,
};

static gboolean
passes(const Secret *s, guint32 flags)
{
    static const guint32 questions[] = { LIST_EPHEMERAL | LIST_NO_EPHEMERAL,
                                         LIST_PRIVATE | LIST_NO_PRIVATE };
    guint32 is = (s->def->ephemeral == YES ? LIST_EPHEMERAL : LIST_NO_EPHEMERAL) |
                 (s->def->is_private == YES ? LIST_PRIVATE : LIST_NO_PRIVATE);

    return list_filter(flags, is, questions, G_N_ELEMENTS(questions));
}

static void
list_all(Call *c)
{
    const ConnectListAllSecretsArgs *in = call_in(c);
    g_autoptr(GPtrArray) all = secret_list();
    ConnectListAllSecretsRet out = { 0 };

    out.secrets.v = arena_new(call_arena(c), StoredSecretRef, all->len);
    for (guint i = 0; i < all->len; i++)
        if (passes(all->pdata[i], in->flags))
            out.secrets.v[out.ret++] = secret_ref(all->pdata[i]);
    out.secrets.n = in->need_results ? out.ret : 0;
    call_reply(c, &out);
}

static void
count(Call *c)
{
    g_autoptr(GPtrArray) all = secret_list();
    ConnectNumOfSecretsRet out = { .num = (gint32)all->len };

    call_reply(c, &out);
}

static void
list_uuids(Call *c)
{
    const ConnectListSecretsArgs *in = call_in(c);
    g_autoptr(GPtrArray) all = secret_list();
    ConnectListSecretsRet out = {
        .uuids = { .n = (guint32)CLAMP(in->maxuuids, 0, (gint)all->len) },
    };

    out.uuids.v = arena_new(call_arena(c), const char *, out.uuids.n);
    for (guint i = 0; i < out.uuids.n; i++)
        out.uuids.v[i] = ((Secret *)all->pdata[i])->obj.name;
    call_reply(c, &out);
}

/* ---- definitions */

enum { DEFINE_VALIDATE = 1 };

static void
on_defined(Secret *s, const GError *err, gpointer user)
{
    if (err)
        call_fail(user, g_error_copy(err));
    else
        reply_secret(user, s);
}

static void
define_xml(Call *c)
{
    const SecretDefineXmlArgs *in = call_in(c);

    secret_define(in->xml, in->flags & DEFINE_VALIDATE, on_defined, c);
}

static void
on_done(Secret *s, const GError *err, gpointer user)
{
    call_done(user, err);
}

static void
undefine(Call *c, Secret *s)
{
    secret_undefine(s, on_done, c);
}

static void
get_xml(Call *c, Secret *s)
{
    g_autofree char *xml = secret_format(s->def);
    SecretGetXmlDescRet out = { .xml = xml };

    call_reply(c, &out);
}

/* ---- values */

static void
set_value(Call *c, Secret *s)
{
    const SecretSetValueArgs *in = call_in(c);

    secret_set_value(s, in->value.v, in->value.n, on_done, c);
}

static void
get_value(Call *c, Secret *s)
{
    GError *err = NULL;
    SecretGetValueRet out = { 0 };
    gsize len = 0;

    if (secret_may_show(s, &err))
        out.value.v = secret_value(s, &len, &err);
    out.value.n = (guint32)len;
    if (out.value.v)
        call_reply(c, &out);
    else
        call_fail(c, err);
}

const Method secret_methods[] = {
    { ON_SECRET_BY(uuid, SECRET_LOOKUP_BY_UUID, reply_secret), MAY(SECRET_GETATTR) },
    { ON_SECRET_BY(usage, SECRET_LOOKUP_BY_USAGE, reply_secret), MAY(SECRET_GETATTR) },
    { ON_NONE(CONNECT_LIST_ALL_SECRETS, list_all), FLAGS(LIST_FLAGS), MAY(CONNECT_SEARCH_SECRETS) },
    { ON_NONE(CONNECT_NUM_OF_SECRETS, count), MAY(CONNECT_SEARCH_SECRETS) },
    { ON_NONE(CONNECT_LIST_SECRETS, list_uuids), MAY(CONNECT_SEARCH_SECRETS) },
    { ON_NONE(SECRET_DEFINE_XML, define_xml), FLAGS(DEFINE_VALIDATE),
      MAY_BOTH(SECRET_WRITE, SECRET_SAVE) },
    { ON_SECRET(SECRET_UNDEFINE, undefine), MAY(SECRET_DELETE) },
    { ON_SECRET(SECRET_GET_XML_DESC, get_xml), MAY(SECRET_READ) },
    { ON_SECRET(SECRET_SET_VALUE, set_value), MAY(SECRET_WRITE), WIPED },
    { ON_SECRET(SECRET_GET_VALUE, get_value), MAY(SECRET_READ_SECURE), WIPED },
    { 0 },
};
