/* The definitions of one kind on disk: a file each, NAME.xml, and the links of autostart beside
 * them in the folder autostart. Nothing is known here of what a definition says: the kind's check
 * reads it.
 *
 * A change of one file is a rename(2). What takes more than one (a new name, a removal with its
 * links) is written down in .pending first, so that who opens the store next finishes it.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_priv.h"

#define SUFFIX      ".xml"
#define PENDING_MAX 4096

static const char *const link_endings[] = { [AUTOSTART_ALWAYS] = "", [AUTOSTART_ONCE] = ".once" };

/* ---- names of files */

/* Whether a file of that name is one of ours. Its length does not count: the file is there. */
static gboolean
name_is_plain(const StoreKind *kind, const char *name, GError **err)
{
    if (!name[0])
        return fail(err, ERR_XML, "a %s needs a name", kind->what);
    if (!xml_text_check("name", name, err))
        return FALSE;
    if (strpbrk(name, "/\n") || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return fail(err, ERR_XML, "a %s cannot be called '%s': no file could be", kind->what, name);
    return TRUE;
}

gboolean
store_name_check(const StoreKind *kind, const char *name, GError **err)
{
    const gsize most = NAME_MAX - strlen(SUFFIX ".once");

    if (!name_is_plain(kind, name, err))
        return FALSE;
    if (strlen(name) > most)
        return fail(err, ERR_XML,
                    "name '%.32s...' is %zu bytes long; a file is called after a %s, so %zu are "
                    "the most",
                    name, strlen(name), kind->what, most);
    return TRUE;
}

static const char *
stem_of(const Store *s, const char *name)
{
    const char *stem = s->stems ? g_hash_table_lookup(s->stems, name) : NULL;

    return stem ? stem : name;
}

char *
store_path(const Store *s, const char *name)
{
    return g_strconcat(s->folder, "/", stem_of(s, name), SUFFIX, NULL);
}

static char *
link_path(const Store *s, const char *name, AutostartKind kind)
{
    return g_strconcat(s->folder, "/autostart/", stem_of(s, name), SUFFIX, link_endings[kind],
                       NULL);
}

/* ---- autostart */

static gboolean
sync_links(const Store *s, GError **err)
{
    g_autofree char *folder = g_strconcat(s->folder, "/autostart", NULL);

    return dir_sync(folder, err);
}

static gboolean
link_make(const Store *s, const char *name, AutostartKind kind, GError **err)
{
    g_autofree char *path = store_path(s, name), *link = link_path(s, name, kind);

    if (symlink(path, link) < 0 && errno != EEXIST)
        return fail_errno(err, errno, "cannot make autostart link '%s'", link);
    return TRUE;
}

gboolean
store_set_autostart(Store *s, const char *name, AutostartKind kind, gboolean on, GError **err)
{
    g_autofree char *link = link_path(s, name, kind);

    if (!(on ? link_make(s, name, kind, err) : file_remove(link, err)))
        return FALSE;
    store_dirty(s);
    return TRUE;
}

static gboolean
links_are_there(const Store *s, const char *name)
{
    gboolean there = FALSE;
    FileStamp stamp;

    for (AutostartKind kind = 0; kind < AUTOSTART_KINDS; kind++) {
        g_autofree char *link = link_path(s, name, kind);
        there = there || file_stamp(link, &stamp);
    }
    return there;
}

static gboolean
links_drop(const Store *s, const char *name, GError **err)
{
    if (!links_are_there(s, name))
        return TRUE;
    for (AutostartKind kind = 0; kind < AUTOSTART_KINDS; kind++) {
        g_autofree char *link = link_path(s, name, kind);
        if (!file_remove(link, err))
            return FALSE;
    }
    return sync_links(s, err);
}

/* The marks of one for another, whose file may not be there yet. */
static gboolean
links_copy(const Store *s, const char *from, const char *to, GError **err)
{
    for (AutostartKind kind = 0; kind < AUTOSTART_KINDS; kind++) {
        g_autofree char *link = link_path(s, from, kind);
        FileStamp stamp;

        if (file_stamp(link, &stamp) && !link_make(s, to, kind, err))
            return FALSE;
    }
    return sync_links(s, err);
}

/* ---- what takes more than one file */

static char *
pending_path(const Store *s)
{
    return g_strconcat(s->folder, "/.pending", NULL);
}

/* Its end is on disk with the next change of the folder at the latest, and harmless until then. */
static gboolean
pending_done(const Store *s, GError **err)
{
    g_autofree char *path = pending_path(s);

    return file_remove(path, err) && dir_sync(s->folder, err);
}

static gboolean
finish_remove(const Store *s, const char *name, GError **err)
{
    g_autofree char *path = store_path(s, name);

    return file_remove(path, err) && links_drop(s, name, err) && dir_sync(s->folder, err);
}

static gboolean
finish_rename(const Store *s, const char *from, const char *to, GError **err)
{
    g_autofree char *old = store_path(s, from), *path = store_path(s, to);
    FileStamp stamp;

    if (!file_stamp(path, &stamp)) /* it was none: that file decides */
        return links_drop(s, to, err);
    return links_copy(s, from, to, err) && links_drop(s, from, err) && file_remove(old, err);
}

/* What was begun and is not over. */
static gboolean
pending_finish(const Store *s, GError **err)
{
    g_autofree char *path = pending_path(s), *text = NULL;
    g_auto(GStrv) words = NULL;
    FileStamp stamp;
    gsize len;

    if (!file_stamp(path, &stamp))
        return TRUE;
    if (!file_read_regular(path, PENDING_MAX, &text, &len, NULL, err))
        return FALSE;
    words = g_strsplit(text, "\n", -1);
    if (g_strv_length(words) != 4)
        return fail(err, ERR_INTERNAL, "'%s' describes no change that could be finished", path);
    if (strcmp(words[0], "remove") == 0 && !finish_remove(s, words[1], err))
        return FALSE;
    if (strcmp(words[0], "rename") == 0 && !finish_rename(s, words[1], words[2], err))
        return FALSE;
    log_info("%s '%s': a %s that was interrupted is settled", s->kind->what, words[1], words[0]);
    return pending_done(s, err);
}

static gboolean
pending_write(const Store *s, const char *what, const char *name, const char *to, GError **err)
{
    g_autofree char *path = pending_path(s);
    g_autofree char *text = g_strconcat(what, "\n", name, "\n", to, "\n", NULL);

    return pending_finish(s, err) && file_write(path, text, -1, 0600, err);
}

/* The change is done; a leftover that cannot be removed now is removed before the next change. */
static void
pending_end(const Store *s, const char *name, gboolean finished, GError **why)
{
    if (finished && pending_done(s, why))
        return;
    log_warning("%s '%s': %s", s->kind->what, name, (*why)->message);
}

/* ---- open */

Store *
store_open(const StoreKind *kind, const char *folder, GError **err)
{
    g_autofree char *autostart = g_strconcat(folder, "/autostart", NULL);
    g_autoptr(GError) why = NULL;
    Store *s;

    if (!dir_make(folder, 0700, err) || !dir_make(autostart, 0700, err))
        return NULL;
    s = g_new0(Store, 1);
    s->kind = kind;
    s->folder = g_strdup(folder);
    s->refs = 1;
    store_write_init(s);
    if (!pending_finish(s, &why)) {
        g_autofree char *path = pending_path(s);
        file_set_aside(path, why->message);
    }
    dir_sweep(folder);
    return s;
}

Store *
store_ref(Store *s)
{
    s->refs++;
    return s;
}

void
store_unref(Store *s)
{
    if (--s->refs > 0)
        return;
    g_clear_pointer(&s->stems, g_hash_table_unref);
    g_free(s->folder);
    g_free(s);
}

void
store_free(Store *s)
{
    if (!s)
        return;
    store_write_done(s);
    store_unref(s);
}

/* ---- load */

/* The text between <tag> and </tag> of an element that stands right below the root, as xml_format
 * writes it. */
static char *
head_text(const char *text, const char *tag)
{
    g_autofree char *open = g_strdup_printf("\n  <%s>", tag);
    g_autofree char *close = g_strdup_printf("</%s>", tag);
    const char *start = strstr(text, open), *end;

    if (!start)
        return NULL;
    start += strlen(open);
    end = strstr(start, close);
    return end ? g_strndup(start, (gsize)(end - start)) : NULL;
}

static gboolean
head_uuid(const char *text, guint8 ret_uuid[UUID_LEN])
{
    g_autofree char *said = head_text(text, "uuid");

    return said && uuid_parse(said, ret_uuid);
}

/* Nearly every file looks as store_put had it written, and then need not be parsed now. */
static gboolean
glance(const Store *s, const char *text, gsize len, const char *stem, guint8 ret_uuid[UUID_LEN])
{
    g_autofree char *name = head_text(text, "name");
    gsize root = strlen(s->kind->root);
    const char *end = len > root + 4 ? text + len - root - 4 : text;

    return name && strcmp(name, stem) == 0 && head_uuid(text, ret_uuid) && text[0] == '<' &&
           strncmp(text + 1, s->kind->root, root) == 0 && strncmp(end, "</", 2) == 0 &&
           strncmp(end + 2, s->kind->root, root) == 0 && strcmp(end + 2 + root, ">\n") == 0;
}

static gboolean
check_text(const Store *s, const char *text, gsize len, const char *name, guint8 ret_uuid[UUID_LEN],
           GError **err)
{
    g_autofree char *said = NULL;

    if (!s->kind->check(text, len, &said, ret_uuid, err))
        return FALSE;
    return strcmp(said, name) == 0 ||
           fail(err, ERR_XML, "it defines %s '%s', whose file would be '%s" SUFFIX "'",
                s->kind->what, said, said);
}

typedef struct StoreEntry {
    char *stem;
    StoreFound found; /* name, broken: owned here */
} StoreEntry;

static void
entry_free(gpointer data)
{
    StoreEntry *e = data;

    g_free(e->stem);
    g_free((char *)e->found.name);
    g_clear_error(&e->found.broken);
    g_free(e);
}

/* What no object can be called is listed under a name with the odd bytes spelled out. */
static void
entry_name(Store *s, StoreEntry *e, const StoreKind *kind)
{
    if (name_is_plain(kind, e->stem, &e->found.broken)) {
        e->found.name = g_strdup(e->stem);
        return;
    }
    e->found.name = g_strescape(e->stem, NULL);
    if (!s->stems)
        s->stems = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_hash_table_insert(s->stems, g_strdup(e->found.name), g_strdup(e->stem));
}

static void
entry_read(Store *s, StoreEntry *e)
{
    g_autofree char *path = g_strconcat(s->folder, "/", e->stem, SUFFIX, NULL);
    g_autofree char *text = NULL;
    guint8 uuid[UUID_LEN] = { 0 };
    gsize len;

    if (e->found.broken ||
        !file_read_regular(path, XML_DOCUMENT_MAX, &text, &len, NULL, &e->found.broken))
        return;
    if (!glance(s, text, len, e->stem, uuid) &&
        !check_text(s, text, len, e->stem, uuid, &e->found.broken)) {
        memset(uuid, 0, sizeof uuid);
        head_uuid(text, uuid);
    }
    memcpy(e->found.uuid, uuid, UUID_LEN);
}

static guint
uuid_hash(gconstpointer uuid)
{
    guint32 word;

    memcpy(&word, uuid, sizeof word);
    return word;
}

static gboolean
uuid_equal(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, UUID_LEN) == 0;
}

/* Of several files with one UUID the first that can be read has it. */
static void
entry_claim(const Store *s, StoreEntry *e, GHashTable *taken)
{
    const StoreEntry *first = uuid_is_zero(e->found.uuid)
                                  ? NULL
                                  : g_hash_table_lookup(taken, e->found.uuid);
    g_autofree char *seed = NULL;

    if (first) {
        memset(e->found.uuid, 0, UUID_LEN);
        if (!e->found.broken)
            fail(&e->found.broken, ERR_XML, "it has the UUID of %s '%s'", s->kind->what,
                 first->found.name);
    }
    if (e->found.broken && uuid_is_zero(e->found.uuid)) {
        seed = g_strconcat(s->folder, "/", e->stem, NULL);
        uuid_of_text(seed, e->found.uuid);
        e->found.made_up = TRUE;
    }
    if (!uuid_is_zero(e->found.uuid))
        g_hash_table_insert(taken, e->found.uuid, e);
}

static void
claim_all(const Store *s, GPtrArray *entries)
{
    g_autoptr(GHashTable) taken = g_hash_table_new(uuid_hash, uuid_equal);

    for (int broken = 0; broken < 2; broken++) {
        for (guint i = 0; i < entries->len; i++) {
            StoreEntry *e = entries->pdata[i];

            /* One that loses its UUID here waits for the second turn no more: it is named now. */
            if ((e->found.broken != NULL) == broken && !e->found.made_up)
                entry_claim(s, e, taken);
        }
    }
}

/* Every name in a folder that fn takes. FALSE: the folder cannot be read. */
static gboolean
each_name(const char *folder, void (*fn)(const char *name, gpointer user), gpointer user,
          GError **err)
{
    DIR *dir = opendir(folder);
    const struct dirent *d;

    if (!dir)
        return fail_errno(err, errno, "cannot read folder '%s'", folder);
    while ((d = readdir(dir)))
        fn(d->d_name, user);
    closedir(dir);
    return TRUE;
}

/* Notes a file of the folder. Editors leave links that begin with ".#" beside the files that they
 * edit. */
static void
note_entry(const char *name, gpointer user)
{
    gsize len = strlen(name);
    StoreEntry *e;

    if (len <= strlen(SUFFIX) || !g_str_has_suffix(name, SUFFIX) || g_str_has_prefix(name, ".#"))
        return;
    e = g_new0(StoreEntry, 1);
    e->stem = g_strndup(name, len - strlen(SUFFIX));
    g_ptr_array_add(user, e);
}

static void
note_link(const char *name, gpointer user)
{
    g_hash_table_add(user, g_strdup(name));
}

static void
entry_marks(StoreEntry *e, GHashTable *links)
{
    for (AutostartKind kind = 0; kind < AUTOSTART_KINDS; kind++) {
        g_autofree char *name = g_strconcat(e->stem, SUFFIX, link_endings[kind], NULL);
        e->found.autostart[kind] = g_hash_table_contains(links, name);
    }
}

static gint
by_stem(gconstpointer a, gconstpointer b)
{
    return strcmp((*(StoreEntry *const *)a)->stem, (*(StoreEntry *const *)b)->stem);
}

gboolean
store_load(Store *s, StoreEach each, gpointer user, GError **err)
{
    g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func(entry_free);
    g_autoptr(GHashTable) links = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autofree char *autostart = g_strconcat(s->folder, "/autostart", NULL);

    if (!each_name(s->folder, note_entry, entries, err) ||
        !each_name(autostart, note_link, links, err))
        return FALSE;
    g_ptr_array_sort(entries, by_stem);
    for (guint i = 0; i < entries->len; i++) {
        entry_name(s, entries->pdata[i], s->kind);
        entry_read(s, entries->pdata[i]);
        entry_marks(entries->pdata[i], links);
    }
    claim_all(s, entries);
    for (guint i = 0; i < entries->len; i++)
        each(&((StoreEntry *)entries->pdata[i])->found, user);
    return TRUE;
}

/* ---- one definition */

char *
store_text(const Store *s, const char *name, gsize *ret_len, FileStamp *ret_stamp, GError **err)
{
    g_autofree char *path = store_path(s, name);
    char *text = NULL;

    return file_read_regular(path, XML_DOCUMENT_MAX, &text, ret_len, ret_stamp, err) ? text : NULL;
}

gboolean
store_stamp(const Store *s, const char *name, FileStamp *ret_stamp)
{
    g_autofree char *path = store_path(s, name);

    return file_stamp(path, ret_stamp);
}

/* The text must be accepted by the next load. Text in the form of xml_format is checked by its
 * head; any other is read in full. */
static gboolean
read_back(const Store *s, const char *name, const char *text, GError **err)
{
    gsize len = strlen(text);
    guint8 uuid[UUID_LEN];

    if (len > XML_DOCUMENT_MAX)
        return fail(err, ERR_XML, "the definition of %s '%s' takes %zu bytes; %d are the most",
                    s->kind->what, name, len, XML_DOCUMENT_MAX);
    if ((glance(s, text, len, name, uuid) && xml_is_well_formed(text, len)) ||
        check_text(s, text, len, name, uuid, err))
        return TRUE;
    return fail_prefix(err, "%s '%s' could not be read again: ", s->kind->what, name);
}

/* A newcomer must have a name that fits, and is not marked by links that somebody has left. */
static gboolean
prepare_new(const Store *s, const char *name, const char *path, GError **err)
{
    FileStamp stamp;

    return file_stamp(path, &stamp) ||
           (store_name_check(s->kind, name, err) && links_drop(s, name, err));
}

gboolean
store_may_put(const Store *s, const char *name, const char *text, GError **err)
{
    g_autofree char *path = store_path(s, name);

    return read_back(s, name, text, err) && prepare_new(s, name, path, err);
}

static gboolean
prepare(const Store *s, const char *name, const char *text, GError **err)
{
    g_autofree char *path = store_path(s, name);

    return store_may_put(s, name, text, err) && file_prepare(path, text, -1, 0600, err);
}

static gboolean
commit(const Store *s, const char *name, GError **err)
{
    g_autofree char *path = store_path(s, name);

    return file_commit(path, err);
}

static void
abandon(const Store *s, const char *name)
{
    g_autofree char *path = store_path(s, name);

    file_abandon(path);
}

gboolean
store_put(Store *s, const char *name, const char *text, GError **err)
{
    return prepare(s, name, text, err) && commit(s, name, err);
}

gboolean
store_rename(Store *s, const char *from, const char *to, const char *text, GError **err)
{
    g_autofree char *path = store_path(s, to);
    g_autoptr(GError) why = NULL;
    FileStamp stamp;

    if (file_stamp(path, &stamp))
        return fail(err, ERR_OPERATION_INVALID, "cannot rename %s '%s': '%s' is there already",
                    s->kind->what, from, path);
    if (!prepare(s, to, text, err))
        return FALSE;
    if (!pending_write(s, "rename", from, to, err)) {
        abandon(s, to);
        return FALSE;
    }
    if (!links_copy(s, from, to, err) || !commit(s, to, err)) {
        abandon(s, to);
        if (finish_rename(s, from, to, NULL)) /* which it was not */
            pending_done(s, NULL);
        return FALSE;
    }
    pending_end(s, to, finish_rename(s, from, to, &why), &why);
    return TRUE;
}

gboolean
store_remove(Store *s, const char *name, GError **err)
{
    g_autofree char *path = store_path(s, name);
    g_autoptr(GError) why = NULL;

    if (!links_are_there(s, name)) { /* one file is one change */
        if (!file_remove(path, err))
            return FALSE;
        store_dirty(s);
        return TRUE;
    }
    if (stem_of(s, name) != name) /* .pending has no words for it */
        return finish_remove(s, name, err);
    if (!pending_write(s, "remove", name, "", err))
        return FALSE;
    if (!file_remove(path, err)) {
        pending_done(s, NULL);
        return FALSE;
    }
    pending_end(s, name, finish_remove(s, name, &why), &why);
    return TRUE;
}
