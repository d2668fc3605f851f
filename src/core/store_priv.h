/* Shared by the files of the store. */
#pragma once

#include "core.h"

typedef struct StoreSync {
    guint64 dirt;  /* number of changes made so far */
    guint64 clean; /* how many of them are on disk */
    guint64
        aim; /* how many will be on disk when the worker that runs now has ended; 0: none runs */
    GQueue waiters;
} StoreSync;

struct Store {
    const StoreKind *kind;
    char *folder;
    GHashTable *stems;  /* name -> stem of its file, for files whose stem is no possible name */
    GHashTable *writes; /* name -> GQueue of the writes of its file; the first one is under way */
    gboolean in_memory; /* the file system is in memory: there is no disk to wait for */
    guint refs;         /* of the owner and of each errand */
    StoreSync sync;
};

/* Whether text may become the file of that name: store_load would accept it. */
gboolean store_may_put(const Store *s, const char *name, const char *text, GError **err);

Store *store_ref(Store *s);
void store_unref(Store *s);

/* ---- store_write.c */

/* Notes that names in the store's folders have changed and must be synced. */
void store_dirty(Store *s);
void store_write_init(Store *s);
/* No callback is called any more, and writes under way leave nothing behind. */
void store_write_done(Store *s);
