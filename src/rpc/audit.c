/* The words and fields of an audit message. */
#include "audit.h"

#include <string.h>

/* Names are clients' text. */
#define NAME_MAX_BYTES 255

typedef enum Result { DONE, FAILED, REFUSED } Result;

/* id: of the message, for "journalctl MESSAGE_ID=". */
static const struct {
    const char *word, *id;
} results[] = {
    [DONE] = { "done", "998ddf3c832248379029fbacc51bbde2" },
    [FAILED] = { "failed", "e17072f5e0eb4ca6995177fd693fb251" },
    [REFUSED] = { "refused", "753b8bd3a6d040eba98be071b5493005" },
};

/* How messages name objects. */
static const struct {
    const WireType *type;
    const char *word, *field;
    const char *name; /* of the member */
} refs[] = {
    { &DomainRef_type, "domain", "VMD_DOMAIN", "name" },
    { &NetworkRef_type, "network", "VMD_NETWORK", "name" },
    { &VolumeRef_type, "volume", "VMD_VOLUME", "name" },
    { &PoolRef_type, "pool", "VMD_POOL", "name" },
    { &StoredSecretRef_type, "secret", "VMD_SECRET", "usage_id" },
    { &NwfilterRef_type, "filter", "VMD_NWFILTER", "name" },
    { &NodeDeviceRef_type, "device", "VMD_DEVICE", "name" },
    { &InterfaceRef_type, "interface", "VMD_INTERFACE", "name" },
};

/* What a call is about, as far as it can be told. */
typedef struct About {
    const char *word, *field; /* NULL: nothing */
    char name[NAME_MAX_BYTES + 1];
    char uuid[UUID_TEXT_LEN];
} About;

static void
set_name(About *s, const char *name)
{
    g_strlcpy(s->name, name ? name : "", sizeof(s->name));
    if (!g_utf8_validate(s->name, -1, NULL)) /* cut within a letter */
        *(char *)g_utf8_find_prev_char(s->name, s->name + strlen(s->name)) = '\0';
}

static void
take_ref(const WireType *t, gsize row, const guint8 *ref, About *s)
{
    s->word = refs[row].word;
    s->field = refs[row].field;
    for (guint32 i = 0; i < t->n_fields; i++) {
        const WireField *f = &t->fields[i];
        if (f->kind == W_STR && strcmp(f->name, refs[row].name) == 0)
            set_name(s, *(const char *const *)(ref + f->offset));
        else if (f->kind == W_UUID)
            uuid_format(ref + f->offset, s->uuid);
    }
}

/* The first object that a message names. */
static void
find_ref(const WireType *t, gconstpointer message, About *s)
{
    for (guint32 i = 0; message && i < t->n_fields && !s->word; i++) {
        const WireField *f = &t->fields[i];
        for (gsize row = 0; f->kind == W_REF && row < G_N_ELEMENTS(refs); row++)
            if (f->type == refs[row].type)
                take_ref(f->type, row, (const guint8 *)message + f->offset, s);
        if (f->kind == W_REF && !s->word)
            find_ref(f->type, (const guint8 *)message + f->offset, s);
    }
}

/* What was found says more than what the client knows; a volume is found as a part of its pool. */
static void
find_about(const Audit *a, About *s)
{
    find_ref(a->procedure->args, a->in, s);
    if (!s->word)
        find_ref(a->procedure->ret, a->out, s);
    if (!a->object || !s->word || strcmp(s->word, "volume") == 0)
        return;
    uuid_format(a->object->uuid, s->uuid);
    if (strcmp(a->object->name, s->uuid) != 0) /* a secret's */
        set_name(s, a->object->name);
}

static Result
result_of(const GError *err)
{
    if (!err)
        return DONE;
    return error_is(err, ERR_DENIED) || error_is(err, ERR_ACCESS_DENIED) ? REFUSED : FAILED;
}

void
audit_log(const Audit *a)
{
    About s = { 0 };
    const char *result = results[result_of(a->err)].word;
    g_autofree char *uid = g_strdup_printf("%u", (guint)a->creds->uid);
    g_autofree char *pid = g_strdup_printf("%d", (int)a->creds->pid);
    g_autofree char *client = g_strdup_printf("%" G_GUINT64_FORMAT, a->client);

    find_about(a, &s);
    const LogField fields[] = {
        { "MESSAGE_ID", results[result_of(a->err)].id },
        { "VMD_CALL", a->procedure->name },
        { "VMD_RESULT", result },
        { "VMD_ERROR", a->err ? a->err->message : NULL },
        { "VMD_CLIENT", client },
        { "VMD_CLIENT_UID", uid },
        { "VMD_CLIENT_PID", pid },
        { s.field, *s.name ? s.name : NULL },
        { "VMD_UUID", *s.uuid ? s.uuid : NULL },
        { NULL, NULL },
    };
    gboolean refused = result_of(a->err) == REFUSED;
    LogCause cause = { a->procedure, a->creds->uid, a->procedure->name };

    /* Whoever may do nothing has few words, however many procedures there are. */
    if (refused)
        cause = (LogCause){ results, a->creds->uid, "refused calls" };
    log_event(__FILE__, LOG_LEVEL_INFO, &cause, fields,
              "uid %s (pid %s, client %s): %s%s%s%s%s%s: %s%s%s", uid, pid, client,
              a->procedure->name, s.word ? " of " : "", s.word ? s.word : "", *s.name ? " '" : "",
              s.name, *s.name ? "'" : "", result, a->err ? ": " : "",
              a->err ? a->err->message : "");
}
