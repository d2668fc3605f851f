/* Who may do what, where the admin wants it finer than by socket: the rules of vmd.conf, then
 * polkit. It is asked for every right that a call needs (core/access.h), from memory; polkit
 * answers later. */
#include <string.h>
#include <unistd.h>

#include "rpc_priv.h"

/* ---- rules */

static const char *const effects[] = { "deny", "allow" };

void
access_rule_free(AccessRule *rule)
{
    if (!rule)
        return;
    g_free(rule->text);
    g_strfreev(rule->rights);
    g_free(rule->objects);
    g_free(rule);
}

static gboolean
right_is_known(const char *pattern)
{
    for (Right r = RIGHT_NONE + 1; r < N_RIGHTS; r++)
        if (g_pattern_match_simple(pattern, right_word(r)))
            return TRUE;
    return FALSE;
}

/* The name service is asked here, so not from the loop of a daemon that serves. */
static gboolean
take_who(AccessRule *rule, const char *word, GError **err)
{
    if (strcmp(word, "all") == 0) {
        rule->who = ACCESS_ALL;
        return TRUE;
    }
    rule->who = *word == '@' ? ACCESS_GROUP : ACCESS_USER;
    if (rule->who == ACCESS_GROUP)
        return account_group(word + 1, &rule->id) ||
               fail(err, ERR_INVALID_ARG, "this host has no group '%s'", word + 1);
    return account_user(word, &rule->id) ||
           fail(err, ERR_INVALID_ARG, "this host has no user '%s'", word);
}

AccessRule *
access_rule_parse(const char *text, GError **err)
{
    enum { EFFECT, WHO, RIGHTS_AT, OBJECTS, MOST };
    g_autoptr(AccessRule) rule = g_new0(AccessRule, 1);
    g_autofree char *plain = g_strdup(text);
    g_auto(GStrv) words = NULL;
    guint n;

    g_strdelimit(plain, "\t", ' ');
    while (strstr(plain, "  "))
        memmove(strstr(plain, "  "), strstr(plain, "  ") + 1, strlen(strstr(plain, "  ")));
    words = g_strsplit(g_strstrip(plain), " ", -1);
    n = g_strv_length(words);
    if (n <= RIGHTS_AT || n > MOST)
        return fail(err, ERR_INVALID_ARG, "'%s' is not of the form EFFECT WHO RIGHTS [NAMES]",
                    text),
               NULL;
    rule->allows = strcmp(words[EFFECT], effects[TRUE]) == 0;
    if (!rule->allows && strcmp(words[EFFECT], effects[FALSE]) != 0)
        return fail(err, ERR_INVALID_ARG, "'%s' is not allow or deny", words[EFFECT]), NULL;
    if (!take_who(rule, words[WHO], err))
        return NULL;
    rule->rights = g_strsplit(words[RIGHTS_AT], ",", -1);
    for (guint i = 0; rule->rights[i]; i++)
        if (!right_is_known(rule->rights[i]))
            return fail(err, ERR_INVALID_ARG, "there is no right '%s'; vmd --list-methods has them",
                        rule->rights[i]),
                   NULL;
    rule->objects = g_strdup(n > OBJECTS ? words[OBJECTS] : "*");
    rule->text = g_strdup(plain);
    return g_steal_pointer(&rule);
}

static gboolean
is_in(const AccessQuestion *q, gid_t gid)
{
    if (q->creds->gid == gid)
        return TRUE;
    for (guint i = 0; q->groups && i < q->groups->len; i++)
        if (g_array_index(q->groups, gid_t, i) == gid)
            return TRUE;
    return FALSE;
}

static gboolean
is_meant(const AccessRule *rule, const AccessQuestion *q)
{
    switch (rule->who) {
    case ACCESS_ALL:
        return TRUE;
    case ACCESS_USER:
        return rule->id == q->creds->uid;
    case ACCESS_GROUP:
        return is_in(q, rule->id);
    }
    return FALSE;
}

/* An object without a name yet, and the connection, are matched only by rules for all names. */
static gboolean
rule_fits(const AccessRule *rule, const AccessQuestion *q)
{
    const char *name = q->object ? q->object->name : NULL;
    gboolean fits = FALSE;

    for (guint i = 0; rule->rights[i] && !fits; i++)
        fits = g_pattern_match_simple(rule->rights[i], right_word(q->right));
    return fits && is_meant(rule, q) &&
           (name ? g_pattern_match_simple(rule->objects, name) : strcmp(rule->objects, "*") == 0);
}

static const AccessRule *
rule_find(const ServerSettings *settings, const AccessQuestion *q)
{
    for (guint i = 0; settings->rules && i < settings->rules->len; i++)
        if (rule_fits(settings->rules->pdata[i], q))
            return settings->rules->pdata[i];
    return NULL;
}

/* ---- polkit */

#define POLKIT_MS 60000

static const BusMethod check_authorization = {
    .service = "org.freedesktop.PolicyKit1",
    .path = "/org/freedesktop/PolicyKit1/Authority",
    .interface = "org.freedesktop.PolicyKit1.Authority",
    .member = "CheckAuthorization",
};

char *
permit_action(Right right)
{
    g_auto(GStrv) words = g_strsplit(right_word(right), ":", 2);

    g_strdelimit(words[0], "_", '-');
    g_strdelimit(words[1], "_", '-');
    return g_strdup_printf("org.libvirt.api.%s.%s", words[0], words[1]);
}

/* Appends the details of the question, with the names that policies for libvirt use: "domain_name"
 * and the like. */
static gboolean
append_details(sd_bus_message *m, const AccessQuestion *q)
{
    g_auto(GStrv) words = g_strsplit(right_word(q->right), ":", 2);
    const char *kind = strcmp(words[0], "storage_pool") == 0 ? "pool" : words[0];
    g_autofree char *name = g_strconcat(kind, "_name", NULL);
    g_autofree char *id = g_strconcat(kind, "_uuid", NULL);
    char uuid[UUID_TEXT_LEN] = "";

    if (q->object)
        uuid_format(q->object->uuid, uuid);
    return sd_bus_message_open_container(m, 'a', "{ss}") >= 0 &&
           sd_bus_message_append(m, "{ss}", "connect_driver", "QEMU") >= 0 &&
           (!q->object || (sd_bus_message_append(m, "{ss}", name, q->object->name) >= 0 &&
                           sd_bus_message_append(m, "{ss}", id, uuid) >= 0)) &&
           sd_bus_message_close_container(m) >= 0;
}

static void
on_polkit(sd_bus_message *reply, const GError *err, gpointer user)
{
    AccessToken *token = user;
    g_autoptr(GError) why = NULL;
    int yes = FALSE, challenge = FALSE;

    if (err)
        log_warning("polkit could not be asked: %s", err->message);
    else if (sd_bus_message_enter_container(reply, 'r', "bba{ss}") <= 0)
        fail(&why, ERR_INTERNAL, "its answer is not understood");
    else
        bus_read(reply, &why, "bb", &yes, &challenge);
    if (why)
        log_warning("polkit: %s", why->message);
    access_answer(*token, !err && !why && yes);
    g_free(token);
}

static AccessAnswer
ask_polkit(const AccessQuestion *q, AccessToken token, GError **err)
{
    sd_bus_message *m = bus_message(&check_authorization, err);
    g_autofree char *action = permit_action(q->right);

    if (!m)
        return ACCESS_NO;
    if (sd_bus_message_append(m, "(sa{sv})", "unix-process", 3, "pid", "u", (guint32)q->creds->pid,
                              "start-time", "t", q->creds->start_time, "uid", "i",
                              (gint32)q->creds->uid) < 0 ||
        sd_bus_message_append(m, "s", action) < 0 || !append_details(m, q) ||
        sd_bus_message_append(m, "us", 0, "") < 0) {
        sd_bus_message_unref(m);
        fail(err, ERR_INTERNAL, "polkit cannot be asked about %s", action);
        return ACCESS_NO;
    }
    bus_send(m, POLKIT_MS, on_polkit, g_memdup2(&token, sizeof(token)));
    return ACCESS_ASK;
}

/* ---- the authority */

static gboolean
only_reads(Right right)
{
    const char *verb = strchr(right_word(right), ':') + 1;

    return strcmp(verb, "getattr") == 0 || strcmp(verb, "read") == 0 ||
           g_str_has_prefix(verb, "search_");
}

/* Users that need no rule. If there are no rules, the socket alone decides who may change things.
 */
static gboolean
may_anyway(const Server *s, const AccessQuestion *q)
{
    const ServerSettings *settings = s->settings;
    gboolean is_fine = (settings->rules && settings->rules->len) || settings->polkit;

    if (s->manager_gid && is_in(q, s->manager_gid))
        return TRUE;
    if (!is_fine && !q->creds->readonly)
        return TRUE;
    return only_reads(q->right) && settings->others_read;
}

static AccessAnswer
judge(const AccessQuestion *q, AccessToken token, gpointer user, GError **err)
{
    const Server *s = user;
    const AccessRule *rule;

    if (q->creds->uid == 0 || q->creds->uid == geteuid())
        return ACCESS_YES;
    rule = rule_find(s->settings, q);
    if (rule && !rule->allows)
        fail(err, ERR_ACCESS_DENIED, "line %u of vmd.conf forbids it (%s)", rule->line, rule->text);
    if (rule)
        return rule->allows ? ACCESS_YES : ACCESS_NO;
    if (may_anyway(s, q))
        return ACCESS_YES;
    if (s->settings->polkit)
        return ask_polkit(q, token, err);
    fail(err, ERR_ACCESS_DENIED, "no access_rule of vmd.conf allows it, and %s without one",
         s->managers ? s->managers : "only root may");
    return ACCESS_NO;
}

void
permit_set(Server *s)
{
    const ServerSettings *settings = s->settings;
    gboolean is_wanted = (settings->rules && settings->rules->len) || settings->polkit ||
                         !settings->others_read;

    access_set_authority(is_wanted && !s->paths->session ? judge : NULL, s);
}
