/* What the files of the store share. */
#pragma once

#include "core.h"

typedef struct StoreSync {
    guint64 dirt;  /* changes that were made so far */
    guint64 clean; /* of which as many are on disk */
    guint64 aim;   /* of which as many will be when the worker that is out comes back; 0: none is */
    GQueue waiters;
} StoreSync;

struct Store {
    const StoreKind *kind;
    char *folder;
    GHashTable *stems;  /* name: what its file is called, where no object can be called that */
    GHashTable *writes; /* name: GQueue of the writes of its file, the first one under way */
    gboolean in_memory; /* its file system has no disk to wait for */
    guint refs;         /* the owner, and each errand */
    StoreSync sync;
};

/* Whether text may become the file of name: it would be found by the next load. */
gboolean store_may_put(const Store *s, const char *name, const char *text, GError **err);

Store *store_ref(Store *s);
void store_unref(Store *s);

/* ---- store_write.c */

/* Names in its folders have changed. */
void store_dirty(Store *s);
void store_write_init(Store *s);
/* Nobody is told any more; what is under way leaves nothing. */
void store_write_done(Store *s);
