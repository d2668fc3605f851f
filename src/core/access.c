/* Who may do what: the connection, then the authority. */
#include "core.h"

#include <string.h>

typedef struct Told {
    Right right;
    guint8 uuid[UUID_LEN]; /* of the object; zeroes for none */
    gboolean yes;
} Told;

static AccessAuthority authority;
static gpointer authority_user;
static GHashTable *asked; /* AccessToken -> AccessCase that waits */
static AccessToken last_token;

const char *
right_word(Right right)
{
    static const char *const words[N_RIGHTS] = { [RIGHT_NONE] = "none",
#define RIGHT(object, verb, kind, what) [RIGHT_##object##_##verb] = kind ":" what,
                                                 RIGHTS(RIGHT)
#undef RIGHT
    };

    return words[right];
}

gboolean
access_may_write(const Creds *creds, const char *what, const char *who, GError **err)
{
    return !creds->readonly || fail(err, ERR_DENIED, "read only access prevents %s: %s", what, who);
}

void
access_set_authority(AccessAuthority fn, gpointer user)
{
    authority = fn;
    authority_user = user;
}

/* ---- late answers */

static Told
told_for(const AccessQuestion *q)
{
    Told t = { .right = q->right };

    if (q->object)
        memcpy(t.uuid, q->object->uuid, sizeof(t.uuid));
    return t;
}

static Told *
told_find(const AccessCase *c, const AccessQuestion *q)
{
    Told wanted = told_for(q);

    for (guint i = 0; c->told && i < c->told->len; i++) {
        Told *t = &g_array_index(c->told, Told, i);
        if (t->right == wanted.right && memcmp(t->uuid, wanted.uuid, sizeof(t->uuid)) == 0)
            return t;
    }
    return NULL;
}

/* The answer's place is taken when the question goes out: it is the last one until then. */
static AccessToken
case_ask(AccessCase *c, const AccessQuestion *q)
{
    Told t = told_for(q);

    if (!c->told)
        c->told = g_array_new(FALSE, FALSE, sizeof(Told));
    g_array_append_val(c->told, t);
    if (!asked)
        asked = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    c->waiting = ++last_token;
    g_hash_table_insert(asked, g_memdup2(&c->waiting, sizeof(c->waiting)), c);
    return c->waiting;
}

static void
case_stop_asking(AccessCase *c)
{
    if (!c->waiting)
        return;
    g_hash_table_remove(asked, &c->waiting);
    c->waiting = 0;
    if (g_hash_table_size(asked) == 0)
        g_clear_pointer(&asked, g_hash_table_unref);
}

void
access_answer(AccessToken token, gboolean yes)
{
    AccessCase *c = asked ? g_hash_table_lookup(asked, &token) : NULL;

    if (!c)
        return;
    case_stop_asking(c);
    g_array_index(c->told, Told, c->told->len - 1).yes = yes;
    if (c->again)
        c->again(c->user);
}

void
access_case_done(AccessCase *c)
{
    case_stop_asking(c);
    g_clear_pointer(&c->told, g_array_unref);
}

/* ---- asking */

static AccessAnswer
ask_authority(AccessCase *c, const AccessQuestion *q, GError **why)
{
    AccessToken token = case_ask(c, q);
    AccessAnswer answer = authority(q, token, authority_user, why);

    if (answer == ACCESS_ASK)
        return ACCESS_ASK;
    case_stop_asking(c);
    g_array_set_size(c->told, c->told->len - 1);
    return answer;
}

AccessAnswer
access_check(AccessCase *c, const AccessQuestion *q, GError **err)
{
    const Told *t = told_find(c, q);
    AccessAnswer answer = ACCESS_YES;
    g_autoptr(GError) why = NULL;

    if (t)
        answer = t->yes ? ACCESS_YES : ACCESS_NO;
    else if (authority && q->right != RIGHT_NONE)
        answer = ask_authority(c, q, &why);
    if (answer == ACCESS_NO)
        fail(err, ERR_ACCESS_DENIED, "uid %u may not %s%s%s%s%s", (guint)q->creds->uid,
             right_word(q->right), q->object ? " of " : "", q->object ? q->object->name : "",
             why ? ": " : "", why ? why->message : "");
    return answer;
}
