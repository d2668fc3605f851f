/* Definitions written without waiting for the disk. A worker writes the new file beside the old one
 * and syncs it; the loop puts it in place, so that what is on disk and what is in memory change in
 * one turn; a worker syncs the folder, once for all who wait for that by then.
 *
 * Writes of one name follow each other. Where the folder is in memory nothing is waited for, and
 * everything is done within the call.
 */
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "store_priv.h"

/* ---- the folder */

typedef struct StoreWaiter {
    guint64 upto; /* of the changes */
    StoreSettled done;
    gpointer user;
} StoreWaiter;

static void sync_start(Store *s);

static gpointer
sync_folders(gpointer in, GError **err)
{
    g_autofree char *links = g_strconcat(in, "/autostart", NULL);

    if (dir_sync(in, err))
        dir_sync(links, err);
    return NULL;
}

static void
on_synced(gpointer out, const GError *err, gpointer user)
{
    Store *s = user;
    const StoreWaiter *first;

    s->sync.clean = s->sync.aim;
    s->sync.aim = 0;
    if (err)
        log_error("%s", err->message);
    while ((first = g_queue_peek_head(&s->sync.waiters)) && first->upto <= s->sync.clean) {
        g_autofree StoreWaiter *w = g_queue_pop_head(&s->sync.waiters);
        w->done(err, w->user);
    }
    if (!g_queue_is_empty(&s->sync.waiters))
        sync_start(s);
    store_unref(s);
}

static void
sync_start(Store *s)
{
    if (s->sync.aim)
        return;
    s->sync.aim = s->sync.dirt;
    offload(sync_folders, g_strdup(s->folder), g_free, on_synced, store_ref(s));
}

void
store_dirty(Store *s)
{
    s->sync.dirt++;
}

void
store_settle(Store *s, StoreSettled done, gpointer user)
{
    const StoreWaiter w = { s->sync.dirt, done, user };

    if (s->in_memory || s->sync.clean == s->sync.dirt) {
        done(NULL, user);
        return;
    }
    g_queue_push_tail(&s->sync.waiters, g_memdup2(&w, sizeof(w)));
    sync_start(s);
}

/* ---- a file */

typedef struct Write {
    Store *store; /* NULL: it was closed, and nobody is told */
    char *name, *path, *fresh, *text;
    StoreWrite how;
} Write;

static void write_start(Write *w);

static void
write_free(gpointer data)
{
    Write *w = data;

    g_free(w->name);
    g_free(w->path);
    g_free(w->fresh);
    g_free(w->text);
    g_free(w);
}

static gpointer
write_fresh(gpointer in, GError **err)
{
    const Write *w = in;

    file_write_beside(w->fresh, w->text, -1, 0600, err);
    return NULL;
}

static void
on_settled(const GError *err, gpointer user)
{
    g_autofree StoreWrite *how = user;

    how->done(err, how->user);
}

/* The file counts from here on. */
static gboolean
put_in_place(Write *w, GError **err)
{
    Store *s = w->store;

    if (w->how.may && !w->how.may(w->how.user, err))
        return FALSE;
    if (rename(w->fresh, w->path) < 0)
        return fail_errno(err, errno, "cannot replace '%s'", w->path);
    store_dirty(s);
    if (w->how.taken)
        w->how.taken(w->how.user);
    return TRUE;
}

/* The next one of that name, once nothing of this one is under way. */
static void
start_next(Store *s, const char *name)
{
    GQueue *queue = g_hash_table_lookup(s->writes, name);

    g_queue_pop_head(queue);
    if (g_queue_is_empty(queue))
        g_hash_table_remove(s->writes, name);
    else
        write_start(g_queue_peek_head(queue));
}

static void
write_end(Write *w, const GError *failed)
{
    Store *s = w->store;
    g_autoptr(GError) err = failed ? g_error_copy(failed) : NULL;
    gboolean placed = !err && put_in_place(w, &err);

    if (!placed)
        unlink(w->fresh);
    start_next(s, w->name);
    if (placed)
        store_settle(s, on_settled, g_memdup2(&w->how, sizeof(w->how)));
    else
        w->how.done(err, w->how.user);
    write_free(w);
}

static void
on_written(gpointer out, const GError *err, gpointer user)
{
    Write *w = user;
    Store *s = w->store;

    if (s->writes) {
        write_end(w, err);
    } else {
        unlink(w->fresh);
        write_free(w);
    }
    store_unref(s);
}

static void
write_start(Write *w)
{
    offload(write_fresh, w, NULL, on_written, w);
    store_ref(w->store);
}

static Write *
write_new(Store *s, const char *name, const char *text, const StoreWrite *how)
{
    static guint64 counter;
    Write *w = g_new0(Write, 1);

    *w = (Write){ .store = s,
                  .name = g_strdup(name),
                  .path = store_path(s, name),
                  .text = g_strdup(text),
                  .how = *how };
    w->fresh = g_strdup_printf("%s/.%" G_GUINT64_FORMAT ".new", s->folder, ++counter);
    return w;
}

static void
write_queue(Write *w)
{
    GQueue *queue = g_hash_table_lookup(w->store->writes, w->name);

    if (!queue) {
        queue = g_queue_new();
        g_hash_table_insert(w->store->writes, g_strdup(w->name), queue);
    }
    g_queue_push_tail(queue, w);
    if (queue->length == 1)
        write_start(w);
}

static void
write_at_once(Store *s, const char *name, const char *text, const StoreWrite *how)
{
    g_autoptr(GError) err = NULL;

    if ((!how->may || how->may(how->user, &err)) && store_put(s, name, text, &err) && how->taken)
        how->taken(how->user);
    how->done(err, how->user);
}

void
store_write(Store *s, const char *name, const char *text, const StoreWrite *how)
{
    g_autoptr(GError) err = NULL;

    if (!store_may_put(s, name, text, &err))
        how->done(err, how->user);
    else if (s->in_memory)
        write_at_once(s, name, text, how);
    else
        write_queue(write_new(s, name, text, how));
}

/* ---- inside a row */

typedef struct RowWrite {
    FlowToken token;
    Store *store;
    char *name;
    FileStamp before;
    gboolean replaces; /* the file that has this stamp, and no other */
    void (*taken)(gpointer user);
    gpointer user;
} RowWrite;

static gboolean
is_still_there(const RowWrite *r, GError **err)
{
    FileStamp now;

    if (!r->replaces ||
        (store_stamp(r->store, r->name, &now) && file_stamp_equal(&now, &r->before)))
        return TRUE;
    return fail(err, ERR_OPERATION_FAILED,
                "%s '%s' was undefined or defined anew while this change of it was being written: "
                "nothing is changed by it",
                r->store->kind->what, r->name);
}

static gboolean
row_may(gpointer user, GError **err)
{
    const RowWrite *r = user;

    return (flow_waits(r->token) ||
            fail(err, ERR_OPERATION_FAILED, "the change that wrote this is over")) &&
           is_still_there(r, err);
}

static void
row_taken(gpointer user)
{
    const RowWrite *r = user;

    if (r->taken)
        r->taken(r->user);
}

static void
row_done(const GError *err, gpointer user)
{
    g_autofree RowWrite *r = user;

    flow_wake(r->token, err);
    g_free(r->name);
}

StepResult
store_write_row(Flow *f, Store *s, const char *name, const char *text, const FileStamp *before,
                void (*taken)(gpointer user), gpointer user)
{
    RowWrite *r = g_new(RowWrite, 1);
    const StoreWrite how = { row_may, row_taken, row_done, r };

    *r = (RowWrite){ .token = flow_wait(f), .store = s, .taken = taken, .user = user };
    r->name = g_strdup(name);
    r->replaces = before != NULL;
    if (before)
        r->before = *before;
    store_write(s, name, text, &how);
    return STEP_WAIT;
}

StepResult
store_settle_row(Flow *f, Store *s)
{
    RowWrite *r = g_new0(RowWrite, 1);

    r->token = flow_wait(f);
    store_settle(s, row_done, r);
    return STEP_WAIT;
}

/* ---- open and close */

static gboolean
is_in_memory(const char *folder)
{
    struct statfs fs;

    return statfs(folder, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

/* The first one is with a worker, who leaves it to on_written. */
static void
queue_free(gpointer data)
{
    GQueue *queue = data;

    g_queue_pop_head(queue);
    g_queue_free_full(queue, write_free);
}

void
store_write_init(Store *s)
{
    s->in_memory = is_in_memory(s->folder);
    s->writes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, queue_free);
}

void
store_write_done(Store *s)
{
    g_clear_pointer(&s->writes, g_hash_table_unref);
    g_queue_clear_full(&s->sync.waiters, g_free);
}
