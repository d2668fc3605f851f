/* Secrets: ETC/secrets/UUID.xml says what one is for, UUID.base64 beside it holds its value; of one
 * that is ephemeral there is neither. The folder is the daemon's alone. A value is wiped from
 * memory when it goes, and so is every copy that is made here.
 */
#include "pool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define VALUE_ENDING ".base64"

enum { TOLD_LIFE, TOLD_VALUE };
enum { LIFE_DEFINED, LIFE_UNDEFINED };

struct SecretValue {
    gsize len;
    guint8 bytes[];
};

static Registry *secrets;
static Store *store;
static char *folder;

static const ObjectKind secret_kind = { "secret", "secret", "VMD_SECRET" };

/* ---- values */

static SecretValue *
value_new(const guint8 *bytes, gsize len)
{
    SecretValue *v = g_malloc(sizeof(*v) + len);

    v->len = len;
    if (len)
        memcpy(v->bytes, bytes, len);
    return v;
}

static void
value_free(SecretValue *v)
{
    if (v)
        explicit_bzero(v, sizeof(*v) + v->len);
    g_free(v);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SecretValue, value_free)

static void
text_wipe(char **text)
{
    if (*text)
        explicit_bzero(*text, strlen(*text));
    g_clear_pointer(text, g_free);
}
#define wiped __attribute__((cleanup(text_wipe)))

static char *
value_path(const char *uuid)
{
    return g_strconcat(folder, "/", uuid, VALUE_ENDING, NULL);
}

/* A value on its way to its file, which a worker writes. */
typedef struct ValueFile {
    char *path, *text;
} ValueFile;

static void
value_file_free(gpointer data)
{
    ValueFile *f = data;

    g_free(f->path);
    text_wipe(&f->text);
    g_free(f);
}

static gpointer
value_file_write(gpointer in, GError **err)
{
    const ValueFile *f = in;

    file_write(f->path, f->text, -1, 0600, err);
    return NULL;
}

static void
value_write(const char *uuid, const SecretValue *v, OffloadDone done, gpointer user)
{
    ValueFile *f = g_new(ValueFile, 1);

    *f = (ValueFile){ value_path(uuid), g_base64_encode(v->bytes, v->len) };
    offload(value_file_write, f, value_file_free, done, user);
}

static gboolean
value_remove(const char *uuid, GError **err)
{
    g_autofree char *path = value_path(uuid);
    FileStamp stamp;

    return !file_stamp(path, &stamp) || file_remove(path, err);
}

/* Reads into one piece of memory, so that no other piece is left with a part of it. */
static char *
read_whole(int fd, const char *path, GError **err)
{
    struct stat st;
    wiped char *text = NULL;
    gssize n;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > 2 * SECRET_VALUE_MAX) {
        fail(err, ERR_INTERNAL, "'%s' does not hold a secret's value", path);
        return NULL;
    }
    text = g_malloc0((gsize)st.st_size + 1);
    n = TEMP_FAILURE_RETRY(read(fd, text, (gsize)st.st_size));
    if (n != st.st_size) {
        fail_errno(err, n < 0 ? errno : EIO, "cannot read '%s'", path);
        return NULL;
    }
    return g_steal_pointer(&text);
}

/* *ret_value is NULL where there is no file. */
static gboolean
value_read(const char *uuid, SecretValue **ret_value, GError **err)
{
    g_autofree char *path = value_path(uuid);
    fd_auto fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
    wiped char *text = NULL;
    guint8 *bytes;
    gsize len;

    *ret_value = NULL;
    if (fd < 0)
        return errno == ENOENT || fail_errno(err, errno, "cannot open '%s'", path);
    if (!(text = read_whole(fd, path, err)))
        return FALSE;
    bytes = g_base64_decode(text, &len);
    *ret_value = len > 0 ? value_new(bytes, len) : NULL;
    explicit_bzero(bytes, len);
    g_free(bytes);
    return *ret_value || fail(err, ERR_INTERNAL, "'%s' holds no value in base64", path);
}

/* ---- finding */

Secret *
secret_get_uuid(const guint8 uuid[UUID_LEN], GError **err)
{
    Secret *s = registry_find_uuid(secrets, uuid);
    char text[UUID_TEXT_LEN];

    uuid_format(uuid, text);
    if (!s)
        fail(err, ERR_NO_SECRET, "no secret with matching uuid '%s'", text);
    return s;
}

GPtrArray *
secret_list(void)
{
    return registry_list(secrets);
}

static Secret *
find_usage(int usage, const char *id)
{
    g_autoptr(GPtrArray) all = secret_list();

    for (guint i = 0; usage != SECRET_FOR_NONE && i < all->len; i++) {
        Secret *s = all->pdata[i];
        if ((int)secret_usage(s->def) == usage && strcmp(secret_usage_id(s->def), id) == 0)
            return s;
    }
    return NULL;
}

Secret *
secret_get_usage(int usage, const char *id, GError **err)
{
    Secret *s = find_usage(usage, id);

    if (!s)
        fail(err, ERR_NO_SECRET, "no secret with matching usage '%s'", id);
    return s;
}

/* ---- coming and going */

static void
tell(const Secret *s, int id, int what)
{
    Event event = { .family = EVENT_SECRET,
                    .id = id,
                    .name = secret_usage_id(s->def),
                    .object_id = (int)secret_usage(s->def) };

    memcpy(event.uuid, s->obj.uuid, UUID_LEN);
    event.n[0] = what;
    event_emit(&event);
}

static void
secret_destroyed(Object *o)
{
    Secret *s = (Secret *)o;

    secret_def_free(s->def);
    value_free(s->value);
    object_done(o);
    g_free(s);
}

/* Takes def; NULL: another one has its UUID. */
static Secret *
secret_add(SecretDef *def)
{
    Secret *s = g_new0(Secret, 1);
    char uuid[UUID_TEXT_LEN];

    uuid_format(def->uuid, uuid);
    object_init(&s->obj, &secret_kind, uuid, def->uuid, secret_destroyed);
    s->def = def;
    if (!registry_add(secrets, &s->obj))
        g_clear_pointer(&s, object_unref);
    else
        object_unref(s); /* the registry has it */
    return s;
}

/* ---- definitions */

static gboolean
check_text(const char *text, gsize len, char **ret_name, guint8 ret_uuid[UUID_LEN], GError **err)
{
    g_autoptr(SecretDef) def = secret_parse(text, (gssize)len, 0, err);
    char uuid[UUID_TEXT_LEN];

    if (!def)
        return FALSE;
    uuid_format(def->uuid, uuid);
    *ret_name = g_strdup(uuid);
    memcpy(ret_uuid, def->uuid, UUID_LEN);
    return TRUE;
}

static const StoreKind store_kind = { "secret", "secret", check_text };

static const char *
usage_text(const SecretDef *def)
{
    return secret_usage(def) ? secret_usage_id(def) : "nothing";
}

/* Whether a secret may be redefined: its usage must stay, and a private one stays private. */
static gboolean
may_replace(const Secret *s, const SecretDef *def, GError **err)
{
    if (secret_usage(s->def) != secret_usage(def) ||
        strcmp(secret_usage_id(s->def), secret_usage_id(def)) != 0)
        return fail(err, ERR_INTERNAL, "a secret with UUID %s is already defined for use with %s",
                    s->obj.name, usage_text(s->def));
    if (s->def->is_private == YES && def->is_private == NO)
        return fail(err, ERR_INTERNAL, "cannot change private flag on existing secret");
    return TRUE;
}

static gboolean
may_have(const SecretDef *def, Secret **ret_secret, GError **err)
{
    Secret *s = registry_find_uuid(secrets, def->uuid);
    const Secret *same;

    if (s && !may_replace(s, def, err))
        return FALSE;
    same = s ? NULL : find_usage((int)secret_usage(def), secret_usage_id(def));
    if (same)
        return fail(err, ERR_INTERNAL, "a secret with UUID %s already defined for use with %s",
                    same->obj.name, usage_text(same->def));
    *ret_secret = s;
    return TRUE;
}

/* The file of the definition makes it one that is kept, so it comes last and goes first. A value
 * without it is nobody's, and gone with the next start of the daemon at the latest. On disk once
 * the store has settled: both are in one folder. */
static gboolean
forget_files(const char *uuid, GError **err)
{
    g_autoptr(GError) why = NULL;

    if (!store_remove(store, uuid, err))
        return FALSE;
    if (!value_remove(uuid, &why))
        log_warning("secret %s is kept no longer, its value is left: %s", uuid, why->message);
    return TRUE;
}

/* ---- changes, which wait for the disk one after the other */

typedef struct SecretChange {
    void (*run)(struct SecretChange *c); /* once its turn has come; ends in change_end */
    Secret *s;                           /* referenced; NULL: not yet */
    SecretDef *def;
    SecretValue *value;
    SecretDone done;
    gpointer user;
} SecretChange;

static GQueue changes;

static void
change_end(SecretChange *c, const GError *err)
{
    SecretChange *next;

    c->done(err ? NULL : c->s, err, c->user);
    object_unref(c->s);
    secret_def_free(c->def);
    value_free(c->value);
    g_free(c);
    g_queue_pop_head(&changes);
    if ((next = g_queue_peek_head(&changes)))
        next->run(next);
}

static void
change_begin(const SecretChange *change)
{
    SecretChange *c = g_memdup2(change, sizeof(*change));

    g_queue_push_tail(&changes, c);
    if (changes.length == 1)
        c->run(c);
}

static gboolean
is_there(const Secret *s, GError **err)
{
    return registry_find_uuid(secrets, s->obj.uuid) == s ||
           fail(err, ERR_NO_SECRET, "no secret with matching uuid '%s'", s->obj.name);
}

static void
on_settled(const GError *err, gpointer user)
{
    change_end(user, err);
}

/* The secret is what its definition says from here on. */
static void
define_taken(gpointer user)
{
    SecretChange *c = user;

    if (c->s) {
        secret_def_free(c->s->def);
        c->s->def = g_steal_pointer(&c->def);
    } else {
        c->s = object_ref(secret_add(g_steal_pointer(&c->def)));
    }
    tell(c->s, TOLD_LIFE, LIFE_DEFINED);
}

static void
on_define_done(const GError *err, gpointer user)
{
    SecretChange *c = user;
    char uuid[UUID_TEXT_LEN];
    FileStamp stamp;

    if (c->def) { /* not taken */
        uuid_format(c->def->uuid, uuid);
        if (!store_stamp(store, uuid, &stamp))
            value_remove(uuid, NULL);
    }
    change_end(c, err);
}

static void
define_write(SecretChange *c)
{
    const StoreWrite how = { NULL, define_taken, on_define_done, c };
    g_autofree char *xml = secret_format(c->def);
    char uuid[UUID_TEXT_LEN];

    uuid_format(c->def->uuid, uuid);
    store_write(store, uuid, xml, &how);
}

static void
on_define_value(gpointer out, const GError *err, gpointer user)
{
    if (err)
        on_define_done(err, user);
    else
        define_write(user);
}

/* Defines an ephemeral secret, and removes the files that it had before. */
static void
define_ephemeral(SecretChange *c)
{
    g_autoptr(GError) err = NULL;
    char uuid[UUID_TEXT_LEN];

    uuid_format(c->def->uuid, uuid);
    if (!forget_files(uuid, &err)) {
        change_end(c, err);
        return;
    }
    define_taken(c);
    store_settle(store, on_settled, c);
}

static void
define_run(SecretChange *c)
{
    g_autoptr(GError) err = NULL;
    Secret *s = NULL;

    if (!may_have(c->def, &s, &err)) {
        change_end(c, err);
        return;
    }
    c->s = s ? object_ref(s) : NULL;
    if (c->def->ephemeral == YES)
        define_ephemeral(c);
    else if (s && s->value && s->def->ephemeral == YES)
        value_write(s->obj.name, s->value, on_define_value, c);
    else
        define_write(c);
}

void
secret_define(const char *xml, gboolean validate, SecretDone done, gpointer user)
{
    g_autoptr(GError) err = NULL;
    SecretDef *def = secret_parse(xml, -1, validate ? XML_VALIDATE : 0, &err);
    const SecretChange c = { .run = define_run, .def = def, .done = done, .user = user };

    if (def)
        change_begin(&c);
    else
        done(NULL, err, user);
}

static void
undefine_run(SecretChange *c)
{
    g_autoptr(GError) err = NULL;

    if (!is_there(c->s, &err) ||
        (c->s->def->ephemeral == NO && !forget_files(c->s->obj.name, &err))) {
        change_end(c, err);
        return;
    }
    tell(c->s, TOLD_LIFE, LIFE_UNDEFINED);
    registry_remove(secrets, &c->s->obj);
    store_settle(store, on_settled, c);
}

void
secret_undefine(Secret *s, SecretDone done, gpointer user)
{
    const SecretChange c = { .run = undefine_run, .s = object_ref(s), .done = done, .user = user };

    change_begin(&c);
}

static void
on_value_kept(gpointer out, const GError *err, gpointer user)
{
    SecretChange *c = user;

    if (!err) {
        value_free(c->s->value);
        c->s->value = g_steal_pointer(&c->value);
        tell(c->s, TOLD_VALUE, 0);
    }
    change_end(c, err);
}

static void
value_run(SecretChange *c)
{
    g_autoptr(GError) err = NULL;

    if (!is_there(c->s, &err))
        change_end(c, err);
    else if (c->s->def->ephemeral == NO)
        value_write(c->s->obj.name, c->value, on_value_kept, c);
    else
        on_value_kept(NULL, NULL, c);
}

void
secret_set_value(Secret *s, const guint8 *bytes, gsize len, SecretDone done, gpointer user)
{
    g_autoptr(GError) err = NULL;
    SecretChange c = { .run = value_run, .done = done, .user = user };

    if (len == 0 || len > SECRET_VALUE_MAX) {
        fail(&err, ERR_INVALID_ARG, "a secret's value has 1 to %d bytes, not %zu", SECRET_VALUE_MAX,
             len);
        done(NULL, err, user);
        return;
    }
    c.s = object_ref(s);
    c.value = value_new(bytes, len);
    change_begin(&c);
}

const guint8 *
secret_value(const Secret *s, gsize *ret_len, GError **err)
{
    if (!s->value) {
        fail(err, ERR_NO_SECRET, "secret '%s' does not have a value", s->obj.name);
        return NULL;
    }
    *ret_len = s->value->len;
    return s->value->bytes;
}

Secret *
secret_get_ref(const SecretRef *ref, GError **err)
{
    static const struct {
        const char *type;
        int usage;
    } rows[] = {
        { "passphrase", SECRET_FOR_VOLUME }, { "volume", SECRET_FOR_VOLUME },
        { "ceph", SECRET_FOR_CEPH },         { "iscsi", SECRET_FOR_ISCSI },
        { "tls", SECRET_FOR_TLS },           { "vtpm", SECRET_FOR_VTPM },
    };

    if (!ref->usage)
        return secret_get_uuid(ref->uuid, err);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (g_strcmp0(ref->type, rows[i].type) == 0)
            return secret_get_usage(rows[i].usage, ref->usage, err);
    fail(err, ERR_NO_SECRET, "no secret is of type '%s'", ref->type ? ref->type : "");
    return NULL;
}

static gboolean
write_all(int fd, const guint8 *bytes, gsize len)
{
    while (len > 0) {
        gssize n = TEMP_FAILURE_RETRY(write(fd, bytes, len));
        if (n < 0)
            return FALSE;
        bytes += n;
        len -= (gsize)n;
    }
    return TRUE;
}

int
secret_file(const SecretRef *ref, GError **err)
{
    Secret *s = secret_get_ref(ref, err);
    gsize len = 0;
    const guint8 *bytes = s ? secret_value(s, &len, err) : NULL;
    int fd;

    if (!bytes)
        return -1;
    fd = memfd_create("secret", MFD_CLOEXEC);
    if (fd < 0 || fchmod(fd, 0444) < 0 || !write_all(fd, bytes, len)) {
        fail_errno(err, errno, "cannot hand secret '%s' over", s->obj.name);
        secret_file_wipe(&fd);
    }
    return fd;
}

void
secret_file_wipe(int *fd)
{
    static const guint8 zeros[4096];
    struct stat st;

    if (*fd >= 0 && fstat(*fd, &st) == 0) {
        for (off_t at = 0; at < st.st_size; at += (off_t)sizeof(zeros))
            if (pwrite(*fd, zeros, MIN(sizeof(zeros), (gsize)(st.st_size - at)), at) < 0)
                break;
        if (ftruncate(*fd, 0) < 0)
            log_debug("a secret's file in memory keeps its length: %s", g_strerror(errno));
    }
    fd_close(fd);
}

gboolean
secret_may_show(const Secret *s, GError **err)
{
    return s->def->is_private == NO || fail(err, ERR_INVALID_SECRET, "secret is private");
}

/* ---- the room */

static void
load_one(const StoreFound *found, gpointer user)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *text = NULL;
    g_autoptr(SecretDef) def = NULL;
    Secret *s;
    gsize len;

    if (found->broken)
        err = g_error_copy(found->broken);
    else if ((text = store_text(store, found->name, &len, NULL, &err)))
        def = secret_parse(text, (gssize)len, 0, &err);
    if (!def) {
        log_warning("definition of secret '%s' cannot be read: %s", found->name, err->message);
        return;
    }
    s = secret_add(g_steal_pointer(&def));
    if (s && !value_read(s->obj.name, &s->value, &err))
        log_warning("value of secret %s: %s", s->obj.name, err->message);
}

/* Values whose definition is gone. */
static void
sweep_values(void)
{
    g_autoptr(GPtrArray) names = state_names(folder, VALUE_ENDING, NULL);
    FileStamp stamp;

    for (guint i = 0; names && i < names->len; i++) {
        const char *uuid = names->pdata[i];
        if (!store_stamp(store, uuid, &stamp) && value_remove(uuid, NULL))
            log_info("the value of secret %s, which is undefined, is removed", uuid);
    }
}

gboolean
secrets_init(const Paths *paths, GError **err)
{
    folder = g_strconcat(paths->etc, "/secrets", NULL);
    secrets = registry_new();
    if (!(store = store_open(&store_kind, folder, err)))
        return FALSE;
    if (chmod(folder, 0700) < 0)
        return fail_errno(err, errno, "cannot close '%s' to others", folder);
    sweep_values();
    return store_load(store, load_one, NULL, err);
}

void
secrets_done(void)
{
    g_clear_pointer(&secrets, registry_free);
    g_clear_pointer(&store, store_free);
    g_clear_pointer(&folder, g_free);
}
